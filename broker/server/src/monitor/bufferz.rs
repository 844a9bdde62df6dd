//! `/bufferz`: what is kept for other servers of the cluster. nats-server has no such page.

use causeway_core::monitor::buffer::BufferReport;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::{span, time};
use crate::text::go_duration;

#[derive(Serialize)]
pub(super) struct Bufferz {
    server_id: String,
    server_name: String,
    now: String,
    /// Whether anything is kept at all.
    enabled: bool,
    buffers: Vec<Buffer>,
}

#[derive(Serialize)]
struct Buffer {
    server_name: String,
    state: &'static str,
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
    /// How long the oldest message has waited.
    lag: String,
    in_flight: u64,
    in_flight_bytes: u64,
    window_bytes: u64,
    interest: u64,
    awaited: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    stored: u64,
    sent: u64,
    refused: u64,
    dropped: Dropped,
    received_seq: u64,
}

#[derive(Serialize)]
struct Dropped {
    age: u64,
    overflow: u64,
    unwanted: u64,
    damaged: u64,
}

pub(super) fn bufferz(node: &Node, now: Wall) -> Bufferz {
    let server = node.server_report();
    let reports = node.buffer_reports();
    Bufferz {
        server_id: server.server_id,
        server_name: server.server_name,
        now: time(now),
        enabled: reports.is_some(),
        buffers: reports.into_iter().flatten().map(|report| buffer(report, now)).collect(),
    }
}

fn buffer(report: BufferReport, now: Wall) -> Buffer {
    let lag = report.oldest.map(|oldest| span(oldest, now)).unwrap_or_default();
    let dropped = report.dropped;
    Buffer {
        server_name: report.server_name,
        state: report.state.text(),
        messages: report.messages,
        bytes: report.bytes,
        first_seq: report.first_seq,
        last_seq: report.last_seq,
        lag: go_duration(lag),
        in_flight: report.in_flight,
        in_flight_bytes: report.in_flight_bytes,
        window_bytes: report.window,
        interest: report.interest,
        awaited: report.awaited,
        last_seen: report.last_seen.map(time),
        stored: report.stored,
        sent: report.sent,
        refused: report.refused,
        dropped: Dropped {
            age: dropped.age,
            overflow: dropped.overflow,
            unwanted: dropped.unwanted,
            damaged: dropped.damaged,
        },
        received_seq: report.received_seq,
    }
}
