//! What the simulator's clients put into their messages: an identity first, then bytes that make a
//! parser's life hard.

use crate::hash::{hash64, mix};
use crate::ids::{ClientId, ConnNo, MsgId};

/// The beginning of every payload: a mark, then client, connection and number, little-endian.
pub const IDENTITY_BYTES: usize = 16;

const MARK: [u8; 4] = *b"cwM\x01";

/// Looks like protocol, and is not.
const BAIT: &[u8] =
    b"\r\nMSG a 1 2\r\nhi\r\nRMSG $G a 0\r\n\r\n+OK\r\n-ERR 'x'\r\nPING\r\nRS- $G a\r\n";

/// Appends a payload of `size` bytes, but at least the identity.
pub(crate) fn append(out: &mut Vec<u8>, msg: MsgId, size: usize) {
    out.extend_from_slice(&MARK);
    for part in [msg.client.0, msg.conn.0, msg.seq] {
        out.extend_from_slice(&part.to_le_bytes());
    }
    let mut left = size.saturating_sub(IDENTITY_BYTES);
    if msg.seq.is_multiple_of(4) {
        while left > 0 {
            let part = left.min(BAIT.len());
            out.extend_from_slice(&BAIT[..part]);
            left -= part;
        }
        return;
    }
    let key = mix(u64::from(msg.client.0) << 32 | u64::from(msg.conn.0), u64::from(msg.seq));
    let mut counter = 0;
    while left > 0 {
        let word = mix(key, counter).to_le_bytes();
        let part = left.min(word.len());
        out.extend_from_slice(&word[..part]);
        left -= part;
        counter += 1;
    }
}

/// The identity that a payload carries, if it carries one.
#[must_use]
pub fn identity(payload: &[u8]) -> Option<MsgId> {
    let (mark, rest) = payload.split_first_chunk::<4>()?;
    if *mark != MARK {
        return None;
    }
    let (client, rest) = rest.split_first_chunk::<4>()?;
    let (conn, rest) = rest.split_first_chunk::<4>()?;
    let seq = rest.first_chunk::<4>()?;
    Some(MsgId {
        client: ClientId(u32::from_le_bytes(*client)),
        conn: ConnNo(u32::from_le_bytes(*conn)),
        seq: u32::from_le_bytes(*seq),
    })
}

/// The hash of a message's header and payload, as histories hold it.
#[must_use]
pub fn content_hash(body: &[u8]) -> u64 {
    hash64(0x0073_6567_6173_7365, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read_back_and_sizes_are_kept() {
        for (seq, size) in [(1, 16), (4, 17), (5, 300), (8, 300), (u32::MAX, 1000)] {
            let msg = MsgId { client: ClientId(7), conn: ConnNo(2), seq };
            let mut body = Vec::new();
            append(&mut body, msg, size);
            assert_eq!((body.len(), identity(&body)), (size, Some(msg)));
        }
        let msg = MsgId { client: ClientId(0), conn: ConnNo(0), seq: 0 };
        let mut body = Vec::new();
        append(&mut body, msg, 0);
        assert_eq!(body.len(), IDENTITY_BYTES, "the identity is always whole");
        assert_eq!(identity(&body[..15]), None);
        assert_eq!(identity(b""), None);
        assert_eq!(identity(b"0123456789abcdef"), None);
    }

    #[test]
    fn different_messages_have_different_content() {
        let body = |seq| {
            let mut body = Vec::new();
            append(&mut body, MsgId { client: ClientId(1), conn: ConnNo(1), seq }, 64);
            content_hash(&body)
        };
        assert!(body(1) != body(2) && body(4) != body(8));
    }
}
