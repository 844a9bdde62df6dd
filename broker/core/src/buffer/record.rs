//! What of a buffer is in its log: messages with what a route's line says of them, and notes.
//!
//! | record | what |
//! |---|---|
//! | message | its subject; as header: account, reply, queue names, length of its own header block; as payload: header block and payload |
//! | note `buffer` | identity, generation and id of the peer as last seen, when, its name |
//! | note `+subject[ queue]` | weight, and the generation of the peer that announced it |
//! | note `<name>` (in the log of positions) | identity of the sender's buffer, floor, then runs |

use alloc::string::String;
use alloc::vec::Vec;

use super::received::Received;
use crate::time::Wall;

/// The key of the note about the peer.
pub(super) const PEER: &[u8] = b"buffer";
/// What keys of notes about its interest begin with.
const INTEREST: u8 = b'+';

/// What a stored message has besides subject and body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Envelope {
    pub(super) account: Vec<u8>,
    /// As a route carries it: a subject that is shown instead rides behind it.
    pub(super) reply: Option<Vec<u8>>,
    /// Queue groups that the receiver is to serve.
    pub(super) queues: Vec<Vec<u8>>,
    pub(super) header_len: Option<u32>,
}

impl Envelope {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put(out, &self.account);
        out.push(u8::from(self.reply.is_some()) | u8::from(self.header_len.is_some()) << 1);
        if let Some(reply) = &self.reply {
            put(out, reply);
        }
        if let Some(header_len) = self.header_len {
            out.extend_from_slice(&header_len.to_le_bytes());
        }
        for queue in &self.queues {
            put(out, queue);
        }
    }

    /// `None` if these bytes are none: damage that a checksum missed, or another version's.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let account = input.piece()?.to_vec();
        let flags = input.byte()?;
        let reply = if flags & 1 == 0 { None } else { Some(input.piece()?.to_vec()) };
        let header_len = if flags & 2 == 0 { None } else { Some(input.u32()?) };
        let mut queues = Vec::new();
        while !input.0.is_empty() {
            queues.push(input.piece()?.to_vec());
        }
        (flags < 4).then_some(Self { account, reply, queues, header_len })
    }
}

/// What is known of the server that a buffer is for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct PeerNote {
    /// The buffer's own, drawn when it was made: it tells its sequences from those of another
    /// buffer under the same name.
    pub(super) identity: u64,
    /// How often the peer has come back as another process.
    pub(super) generation: u32,
    /// When it was last connected.
    pub(super) seen: Wall,
    /// Its id then.
    pub(super) server_id: String,
    pub(super) name: String,
}

impl PeerNote {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.identity.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.seen.0.to_le_bytes());
        put(&mut out, self.server_id.as_bytes());
        put(&mut out, self.name.as_bytes());
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let (identity, generation) = (input.u64()?, input.u32()?);
        let seen = Wall(input.u64()?.cast_signed());
        let server_id = String::from_utf8(input.piece()?.to_vec()).ok()?;
        let name = String::from_utf8(input.piece()?.to_vec()).ok()?;
        input.0.is_empty().then_some(Self { identity, generation, seen, server_id, name })
    }
}

/// The key of a note about interest. Subjects hold no blanks.
pub(super) fn interest_key(subject: &[u8], queue: Option<&[u8]>) -> Vec<u8> {
    let mut key = Vec::with_capacity(subject.len() + 1);
    key.push(INTEREST);
    key.extend_from_slice(subject);
    if let Some(queue) = queue {
        key.push(b' ');
        key.extend_from_slice(queue);
    }
    key
}

/// Subject and queue of a note about interest.
pub(super) fn read_interest_key(key: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let rest = key.strip_prefix(&[INTEREST])?;
    match rest.iter().position(|byte| *byte == b' ') {
        Some(blank) => Some((&rest[..blank], Some(&rest[blank + 1..]))),
        None => Some((rest, None)),
    }
}

pub(super) fn interest_value(weight: u32, generation: u32) -> [u8; 8] {
    let mut value = [0; 8];
    value[..4].copy_from_slice(&weight.to_le_bytes());
    value[4..].copy_from_slice(&generation.to_le_bytes());
    value
}

pub(super) fn read_interest_value(value: &[u8]) -> Option<(u32, u32)> {
    let mut input = Input(value);
    Some((input.u32()?, input.u32()?))
}

/// The note about what has been received of one sender's buffer.
pub(super) fn position_value(identity: u64, received: &Received) -> Vec<u8> {
    let mut out = identity.to_le_bytes().to_vec();
    out.extend_from_slice(&received.upto().to_le_bytes());
    for (first, last) in received.runs() {
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&last.to_le_bytes());
    }
    out
}

pub(super) fn read_position_value(value: &[u8]) -> Option<(u64, Received)> {
    let mut input = Input(value);
    let identity = input.u64()?;
    let mut received = Received::new(input.u64()?);
    while !input.0.is_empty() {
        received.insert_run(input.u64()?, input.u64()?);
    }
    Some((identity, received))
}

fn put(out: &mut Vec<u8>, piece: &[u8]) {
    // Names and subjects are shorter than a protocol line.
    out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    out.extend_from_slice(piece);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn piece(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_read_back_and_damaged_ones_do_not() {
        let all = Envelope {
            account: b"$G".to_vec(),
            reply: Some(b"_INBOX.a".to_vec()),
            queues: alloc::vec![b"one".to_vec(), b"two".to_vec()],
            header_len: Some(12),
        };
        for envelope in [all.clone(), Envelope { reply: None, header_len: None, ..all }] {
            let mut bytes = Vec::new();
            envelope.write(&mut bytes);
            assert_eq!(Envelope::read(&bytes), Some(envelope));
            assert_eq!(Envelope::read(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn notes_read_back() {
        let note = PeerNote {
            identity: u64::MAX,
            generation: 3,
            seen: Wall(-5),
            server_id: "NA".into(),
            name: "eu1".into(),
        };
        assert_eq!(PeerNote::read(&note.write()), Some(note));
        for queue in [None, Some(&b"q"[..])] {
            let key = interest_key(b"a.*", queue);
            assert_eq!(read_interest_key(&key), Some((&b"a.*"[..], queue)));
        }
        assert_eq!(read_interest_value(&interest_value(2, 9)), Some((2, 9)));
        let mut received = Received::new(4);
        received.insert(9);
        let value = position_value(7, &received);
        assert_eq!(read_position_value(&value), Some((7, received)));
        assert_eq!(read_position_value(&value[..17]), None);
    }
}
