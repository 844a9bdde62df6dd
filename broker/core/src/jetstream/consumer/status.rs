//! The header blocks of messages that are only a status.

use alloc::vec::Vec;

use causeway_wire::encode::decimal;

use super::Pair;
use super::waiting::Request;

/// `408 Request Timeout`
pub(super) fn timeout(out: &mut Vec<u8>, request: &Request) {
    with_rest(out, "408 Request Timeout", request.left, request.bytes);
}

/// `423 Nats-Wrong-Pin-Id`
pub(super) fn wrong_pin(out: &mut Vec<u8>, request: &Request) {
    with_rest(out, "423 Nats-Wrong-Pin-Id", request.left, request.bytes);
}

/// `409 Message Size Exceeds MaxBytes`
pub(super) fn too_large(out: &mut Vec<u8>, request: &Request) {
    with_rest(out, "409 Message Size Exceeds MaxBytes", request.left, request.bytes);
}

/// `409 Batch Completed`, with what the request could still have got.
pub(super) fn completed(out: &mut Vec<u8>, left: i64, bytes: u64) {
    with_rest(out, "409 Batch Completed", left, bytes);
}

/// `409 Server Shutdown`
pub(super) fn shutdown(out: &mut Vec<u8>, request: &Request) {
    with_rest(out, "409 Server Shutdown", request.left, request.bytes);
}

/// `100 Idle Heartbeat`. `stalled` is the subject that the client owes an answer on.
pub(super) fn heartbeat(out: &mut Vec<u8>, last: Pair, stalled: Option<&[u8]>) {
    line(out, "100 Idle Heartbeat");
    number(out, "Nats-Last-Consumer: ", last.consumer);
    number(out, "Nats-Last-Stream: ", last.stream);
    if let Some(subject) = stalled {
        out.extend_from_slice(b"Nats-Consumer-Stalled: ");
        out.extend_from_slice(subject);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Any status without fields.
pub(super) fn plain(out: &mut Vec<u8>, status: &str) {
    line(out, status);
    out.extend_from_slice(b"\r\n");
}

fn with_rest(out: &mut Vec<u8>, status: &str, left: i64, bytes: u64) {
    line(out, status);
    out.extend_from_slice(b"Nats-Pending-Messages: ");
    if left < 0 {
        out.push(b'-');
    }
    decimal(out, left.unsigned_abs());
    out.extend_from_slice(b"\r\n");
    number(out, "Nats-Pending-Bytes: ", bytes);
    out.extend_from_slice(b"\r\n");
}

fn line(out: &mut Vec<u8>, status: &str) {
    out.extend_from_slice(b"NATS/1.0 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A field with a number.
pub(super) fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    decimal(out, value);
    out.extend_from_slice(b"\r\n");
}
