//! Copies of streams as they travel: what nats-server 2.15 writes and reads.
//!
//! ```text
//!   archive = "NATSARC1" entry ... end        packed by `pack`, in chunks of any size
//!   entry   = name length, time, sequence, header length, payload length, name, header, payload
//! ```
//!
//! Numbers are of variable length (seven bits a byte, low ones first; times zigzag). The first entry is
//! `state.json`; as many as that says are `consumers/<name>`; then come messages, each named by its
//! subject; and an entry that is all zeros ends it, so that one that was cut off is known.
//!
//! Where a document may have members that nats-server does not know, `causeway` is one: what is needed
//! to bring back exactly what there was.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

mod pack;

pub use pack::{Packer, Unpacker};

use super::info::StreamState;
use super::json::Unknown;
use super::{ConsumerConfig, JsonError};

const MAGIC: &[u8] = b"NATSARC1";

/// Bytes of one entry's name, header or payload. Lengths beyond are not believed.
const PART_BYTES: u64 = 64 << 20;

/// What is first in an archive.
const STATE: &[u8] = b"state.json";
const CONSUMERS: &[u8] = b"consumers/";

/// What an archive is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// It is not packed as archives are, or what is packed is damaged.
    Packing,
    /// What is packed is no archive of this kind.
    Kind,
    /// An entry is longer than any may be, or a number has no end.
    Entry,
    /// Something else is where the stream's state, a consumer or a message is to be.
    Order,
    /// A document in it cannot be read.
    Document,
    /// It ends too early.
    Truncated,
}

impl core::fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Packing => "the archive is damaged, or not packed with S2",
            Self::Kind => "not an archive of this kind (NATSARC1)",
            Self::Entry => "an entry of the archive is damaged",
            Self::Order => "an entry of the archive is not where it belongs",
            Self::Document => "a document in the archive cannot be read",
            Self::Truncated => "backup was truncated",
        })
    }
}

impl core::error::Error for ArchiveError {}

/// A part of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Subject of a message, or a name.
    pub name: &'a [u8],
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Of a message; 0 otherwise.
    pub seq: u64,
    /// Header block of a message.
    pub header: &'a [u8],
    /// Its payload, or a document.
    pub payload: &'a [u8],
}

/// How every archive begins.
pub fn write_start(out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
}

/// How it ends.
pub fn write_end(out: &mut Vec<u8>) {
    Entry::default().write(out);
}

impl Entry<'_> {
    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        number(out, self.name.len() as u64);
        number(out, ((self.time << 1) ^ (self.time >> 63)).cast_unsigned());
        number(out, self.seq);
        number(out, self.header.len() as u64);
        number(out, self.payload.len() as u64);
        for part in [self.name, self.header, self.payload] {
            out.extend_from_slice(part);
        }
    }

    /// Whether it is the end.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.seq == 0 && self.time == 0 && self.header.is_empty() && self.payload.is_empty()
    }

    /// The name of the consumer that it is about.
    #[must_use]
    pub fn consumer(&self) -> Option<&str> {
        core::str::from_utf8(self.name.strip_prefix(CONSUMERS)?).ok()
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Finds the entries in an archive that comes in pieces.
#[derive(Debug, Default)]
pub struct Entries {
    bytes: Vec<u8>,
    at: usize,
    begun: bool,
}

impl Entries {
    /// The place for more of it.
    pub fn more(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.at);
        self.at = 0;
        &mut self.bytes
    }

    /// The next entry, if all of it has come.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, ArchiveError> {
        if !self.begun {
            let Some(magic) = self.bytes.get(self.at..self.at + MAGIC.len()) else {
                return Ok(None);
            };
            if magic != MAGIC {
                return Err(ArchiveError::Kind);
            }
            self.at += MAGIC.len();
            self.begun = true;
        }
        let mut numbers = [0; 5];
        let mut at = self.at;
        for number in &mut numbers {
            let Some(value) = read_number(&self.bytes, &mut at)? else { return Ok(None) };
            *number = value;
        }
        let [name, time, seq, header, payload] = numbers;
        if [name, header, payload].iter().any(|len| *len > PART_BYTES) {
            return Err(ArchiveError::Entry);
        }
        let ends = [name, header, payload].map(|len| {
            at += len as usize;
            at
        });
        if at > self.bytes.len() {
            return Ok(None);
        }
        self.at = at;
        let name = &self.bytes[ends[0] - name as usize..ends[0]];
        let (header, payload) = (&self.bytes[ends[0]..ends[1]], &self.bytes[ends[1]..ends[2]]);
        let time = (time >> 1).cast_signed() ^ -((time & 1).cast_signed());
        Ok(Some(Entry { name, time, seq, header, payload }))
    }
}

fn read_number(bytes: &[u8], at: &mut usize) -> Result<Option<u64>, ArchiveError> {
    let mut value = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let Some(byte) = bytes.get(*at) else { return Ok(None) };
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(ArchiveError::Entry);
        }
        value |= bits << shift;
        if *byte < 0x80 {
            return Ok(Some(value));
        }
    }
    Err(ArchiveError::Entry)
}

/// What is known of a stream beside its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamPart {
    /// What it holds.
    pub state: StreamState,
    /// When it was created, in nanoseconds since 1970, and when schedules are due again; nothing in
    /// an archive of nats-server.
    pub exact: Option<StreamExact>,
}

/// What nats-server does not keep of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamExact {
    /// When it was created, in nanoseconds since 1970.
    pub created: i64,
    /// By their sequence: when schedules are due that have published, in nanoseconds since 1970.
    pub schedules: BTreeMap<u64, i64>,
    /// By their names: how far sources were read, and of which incarnation.
    #[serde(default)]
    pub sources: BTreeMap<String, (u64, String)>,
}

impl StreamPart {
    /// Appends its entry; `now` in nanoseconds since 1970.
    pub fn write(&self, now: i64, out: &mut Vec<u8>) {
        use crate::json::Encode;
        let mut json = Vec::new();
        self.state.write(&mut json);
        extend(&mut json, self.exact.as_ref());
        Entry { name: STATE, time: now, payload: &json, ..Entry::default() }.write(out);
    }

    /// Reads its entry.
    ///
    /// # Errors
    ///
    /// If it is another one, or no such document.
    pub fn read(entry: &Entry<'_>) -> Result<Self, ArchiveError> {
        if entry.name != STATE {
            return Err(ArchiveError::Order);
        }
        let document = |_: JsonError| ArchiveError::Document;
        let state = StreamState::parse(entry.payload, Unknown::Ignore).map_err(document)?;
        let exact = serde_json::from_slice(entry.payload).map(|with: With<_>| with.causeway);
        Ok(Self { state, exact: exact.map_err(|_| ArchiveError::Document)? })
    }
}

/// A document with what only this broker knows.
#[derive(Deserialize)]
struct With<T> {
    causeway: Option<T>,
}

/// Adds what only this broker knows to a document.
fn extend(json: &mut Vec<u8>, exact: Option<&impl Serialize>) {
    if let Some(text) = exact.and_then(|exact| serde_json::to_vec(exact).ok()) {
        json.truncate(json.len().saturating_sub(1));
        json.extend_from_slice(b",\"causeway\":");
        json.extend_from_slice(&text);
        json.push(b'}');
    }
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerPart {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: ConsumerConfig,
    /// Where it is, as nats-server says it.
    pub state: ConsumerPosition,
    /// The same exactly; nothing in an archive of nats-server.
    pub exact: Option<ConsumerExact>,
}

/// Where a consumer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerPosition {
    /// The last delivery.
    pub delivered: Position,
    /// All up to this one are acknowledged.
    pub ack_floor: Position,
    /// Messages that wait for an acknowledgement, by their sequence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<u64, Delivery>,
    /// How often messages were delivered again, by their sequence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redelivered: BTreeMap<u64, u64>,
}

/// A delivery and its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the delivery.
    pub consumer_seq: u64,
    /// Sequence of the message.
    pub stream_seq: u64,
}

/// A delivery that waits for an acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number.
    #[serde(rename = "Sequence")]
    pub consumer_seq: u64,
    /// When it was, in nanoseconds since 1970.
    #[serde(rename = "Timestamp")]
    pub time: i64,
}

/// What nats-server does not keep of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerExact {
    /// When it was created, in nanoseconds since 1970.
    pub created: i64,
    /// Its state as the log keeps it, two digits a byte.
    pub state: String,
}

impl ConsumerPart {
    /// Appends its entry; `now` in nanoseconds since 1970.
    pub fn write(&self, now: i64, out: &mut Vec<u8>) {
        let mut json = b"{\"config\":".to_vec();
        json.extend_from_slice(&self.config.to_json());
        json.extend_from_slice(b",\"state\":");
        json.extend(serde_json::to_vec(&self.state).unwrap_or_default());
        json.push(b'}');
        extend(&mut json, self.exact.as_ref());
        let name = [CONSUMERS, self.name.as_bytes()].concat();
        Entry { name: &name, time: now, payload: &json, ..Entry::default() }.write(out);
    }

    /// Reads its entry.
    ///
    /// # Errors
    ///
    /// If it is another one, or no such document.
    pub fn read(entry: &Entry<'_>) -> Result<Self, ArchiveError> {
        #[derive(Deserialize)]
        struct Document {
            config: serde_json::Value,
            state: ConsumerPosition,
            causeway: Option<ConsumerExact>,
        }
        let name = entry.consumer().ok_or(ArchiveError::Order)?;
        let document: Document =
            serde_json::from_slice(entry.payload).map_err(|_| ArchiveError::Document)?;
        let config = ConsumerConfig::parse(document.config.to_string().as_bytes(), Unknown::Ignore);
        Ok(Self {
            name: name.to_string(),
            config: config.map_err(|_| ArchiveError::Document)?,
            state: document.state,
            exact: document.causeway,
        })
    }
}

/// Bytes as two digits each.
#[must_use]
pub fn to_digits(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What [`to_digits`] wrote.
#[must_use]
pub fn from_digits(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nats-server 2.15.1 sent of a stream with six messages and two consumers.
    const OBSERVED: &[u8] = include_bytes!("observed/archive.s2");

    fn unpacked(packed: &[u8], chunk: usize) -> Entries {
        let (mut unpacker, mut entries) = (Unpacker::default(), Entries::default());
        for chunk in packed.chunks(chunk) {
            unpacker.push(chunk, entries.more()).unwrap();
        }
        entries
    }

    #[test]
    fn what_nats_server_wrote_is_read() {
        for chunk in [1, 7, 100, 10_000] {
            let mut entries = unpacked(OBSERVED, chunk);
            let state = StreamPart::read(&entries.next_entry().unwrap().unwrap()).unwrap();
            assert_eq!((state.state.messages, state.state.last_seq), (6, 7));
            assert_eq!((state.state.consumer_count, state.exact), (2, None));
            let pull = ConsumerPart::read(&entries.next_entry().unwrap().unwrap()).unwrap();
            assert_eq!((&pull.name[..], &pull.config.durable_name[..]), ("C", "C"));
            assert_eq!(pull.state.delivered, Position { consumer_seq: 3, stream_seq: 4 });
            assert_eq!(pull.state.pending[&4].consumer_seq, 3);
            let push = ConsumerPart::read(&entries.next_entry().unwrap().unwrap()).unwrap();
            assert_eq!(&push.config.deliver_subject[..], "pp");
            let mut seqs = Vec::new();
            loop {
                let entry = entries.next_entry().unwrap().unwrap();
                if entry.is_end() {
                    break;
                }
                seqs.push(entry.seq);
                if entry.seq == 6 {
                    assert_eq!((entry.name, entry.payload), (&b"s.h"[..], &b"hdr"[..]));
                    assert!(entry.header.starts_with(b"NATS/1.0\r\nA: b\r\n"));
                }
            }
            assert_eq!(seqs, [1, 2, 4, 5, 6, 7]);
            assert_eq!(entries.next_entry(), Ok(None));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let exact = StreamExact {
            created: -5,
            schedules: BTreeMap::from([(3, 9)]),
            sources: BTreeMap::from([("O > >".into(), (7, "7r7iTfLi".into()))]),
        };
        let state = StreamState { messages: 2, last_seq: 9, ..StreamState::default() };
        let stream = StreamPart { state, exact: Some(exact) };
        let position = Position { consumer_seq: 1, stream_seq: 2 };
        let consumer = ConsumerPart {
            name: "C".into(),
            config: ConsumerConfig { durable_name: "C".into(), ..ConsumerConfig::default() },
            state: ConsumerPosition {
                delivered: position,
                ack_floor: Position::default(),
                pending: BTreeMap::from([(2, Delivery { consumer_seq: 1, time: 7 })]),
                redelivered: BTreeMap::from([(2, 3)]),
            },
            exact: Some(ConsumerExact { created: 4, state: to_digits(b"\x00\xffx") }),
        };
        let mut archive = Vec::new();
        write_start(&mut archive);
        stream.write(1, &mut archive);
        consumer.write(1, &mut archive);
        let message = Entry { name: b"s", time: -1, seq: 7, header: b"h", payload: b"p" };
        message.write(&mut archive);
        write_end(&mut archive);
        let mut packed = Vec::new();
        Packer::default().push(&archive, &mut packed);
        let mut entries = unpacked(&packed, 3);
        assert_eq!(StreamPart::read(&entries.next_entry().unwrap().unwrap()), Ok(stream));
        let read = ConsumerPart::read(&entries.next_entry().unwrap().unwrap()).unwrap();
        assert_eq!(read, consumer);
        let bytes = from_digits(&read.exact.unwrap().state);
        assert_eq!(bytes.as_deref(), Some(&b"\x00\xffx"[..]));
        assert_eq!(entries.next_entry(), Ok(Some(message)));
        assert!(entries.next_entry().unwrap().unwrap().is_end());
    }

    #[test]
    fn what_is_no_archive_is_not_read() {
        let mut entries = Entries::default();
        entries.more().extend_from_slice(b"ustar   tar archive");
        assert_eq!(entries.next_entry(), Err(ArchiveError::Kind));
        let mut entries = Entries::default();
        entries.more().extend_from_slice(b"NATSARC1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_eq!(entries.next_entry(), Err(ArchiveError::Entry));
        assert_eq!((from_digits("0g"), from_digits("123")), (None, None));
        let mut damaged = OBSERVED.to_vec();
        damaged[400] ^= 1;
        let mut out = Vec::new();
        assert_eq!(Unpacker::default().push(&damaged, &mut out), Err(ArchiveError::Packing));
        assert_eq!(
            Unpacker::default().push(b"PK\x03\x04 ...", &mut out),
            Err(ArchiveError::Packing)
        );
    }
}
