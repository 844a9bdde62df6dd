//! Messages of a log in memory: one piece of memory each.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::message::{Meta, NewMessage, StoredMessage};

/// Bytes that say how long a header is, in front of messages with one.
const HEADER_LEN: usize = 4;

/// A message as one piece.
pub(crate) fn pack(message: &NewMessage<'_>) -> Bytes {
    let NewMessage { subject, header, payload, .. } = message;
    let len = HEADER_LEN + subject.len() + header.len() + payload.len();
    let mut body = BytesMut::with_capacity(len);
    if !header.is_empty() {
        body.put_u32_le(header.len() as u32);
    }
    body.put_slice(subject);
    body.put_slice(header);
    body.put_slice(payload);
    body.freeze()
}

/// The message again.
pub(crate) fn unpack(seq: u64, meta: &Meta, subject: usize, body: &Bytes) -> StoredMessage {
    let (header, from) = match body.first_chunk::<HEADER_LEN>() {
        Some(len) if meta.has_header => (u32::from_le_bytes(*len), HEADER_LEN),
        Some(_) | None => (0, 0),
    };
    let parts = (subject as u16, header);
    StoredMessage::new(seq, meta.time, parts, body.slice(from..)).expect("packed as it is unpacked")
}
