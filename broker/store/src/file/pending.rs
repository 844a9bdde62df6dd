//! What was done and is not being written yet: the records of the next batch.

use alloc::vec::Vec;
use core::mem;
use core::ops::RangeInclusive;

use super::body::Bodies;
use super::record::{
    Batch, FIRST, HEADER_BYTES, Header, Kind, LAST, MARKED, Place, put_record_bytes,
};
use crate::codec::{Reader, put_bytes, put_number, put_ranges, ranges_of};
use crate::message::NewMessage;
use crate::notes::NoteChange;

/// What waits for the next batch.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Records of messages, with what is known of their headers.
    pub(super) records: Vec<u8>,
    /// How many.
    pub(super) messages: u32,
    /// The sequence of the first one.
    pub(super) first_seq: Option<u64>,
    pub(super) removed: Vec<u64>,
    pub(super) erased: Vec<u64>,
    /// Messages below were removed.
    pub(super) trim: u64,
    /// Something was done that only a control record says.
    pub(super) control: bool,
    notes: Vec<u8>,
    note_changes: u64,
    pub(super) whole: bool,
    /// It is synced, however batches of this log usually become durable.
    pub(super) synced: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0 && !self.control
    }

    /// Bytes that it will take, about.
    pub(super) fn bytes(&self, bodies: &Bodies) -> u64 {
        let control = self.notes.len() + 10 * (self.removed.len() + self.erased.len() + 4);
        self.records.len() as u64 + bodies.record_bytes(control as u64)
    }

    /// Puts the record of a message in. Returns how long its body is on the disk.
    pub(super) fn append(
        &mut self,
        bodies: &mut Bodies,
        message: &NewMessage<'_>,
        time: u64,
    ) -> u32 {
        let NewMessage { seq, subject, header, payload, mark, .. } = *message;
        let begin = self.records.len();
        let marked = mark != 0;
        let body = subject.len() + header.len() + payload.len() + if marked { 8 } else { 0 };
        self.records.reserve(bodies.record_bytes(body as u64) as usize);
        self.records.extend_from_slice(&[0; HEADER_BYTES]);
        if marked {
            self.records.extend_from_slice(&mark.to_le_bytes());
        }
        self.records.extend_from_slice(subject);
        self.records.extend_from_slice(header);
        self.records.extend_from_slice(payload);
        let head = Header {
            flags: if marked { MARKED } else { 0 },
            subject: subject.len() as u16,
            header: header.len() as u32,
            seq,
            time,
            ..Header::of(Kind::Message)
        };
        let head = bodies.finish(&mut self.records, begin, head);
        self.messages += 1;
        self.first_seq.get_or_insert(seq);
        head.body
    }

    /// Puts the record of a message in that was written before, with its body as it was.
    pub(super) fn append_again(&mut self, head: &Header, body: &[u8]) {
        let begin = self.records.len();
        self.records.extend_from_slice(&[0; HEADER_BYTES]);
        self.records.extend_from_slice(body);
        self.records.resize(begin + head.record_bytes() as usize, 0);
        head.put_before(&mut self.records[begin..]);
        self.messages += 1;
        self.first_seq.get_or_insert(head.seq);
    }

    /// The record of a message.
    pub(super) fn record(&self, seq: u64) -> Option<&[u8]> {
        let mut rest = &self.records[..];
        while let Some(head) = rest.first_chunk() {
            let (record, behind) = rest.split_at_checked(put_record_bytes(head) as usize)?;
            if Header::fields(head)?.seq == seq {
                return Some(record);
            }
            rest = behind;
        }
        None
    }

    pub(super) fn note(&mut self, key: &[u8], change: NoteChange<'_>) {
        let (tag, content): (u64, &[u8]) = match change {
            NoteChange::Put(content) => (0, content),
            NoteChange::Append(content) => (1, content),
            NoteChange::Remove => (2, &[]),
        };
        put_number(&mut self.notes, tag);
        put_bytes(&mut self.notes, key);
        put_bytes(&mut self.notes, content);
        self.note_changes += 1;
        self.control = true;
        self.whole = true;
    }

    /// Puts a control record in that was written before.
    pub(super) fn control_again(&mut self, control: &Control) {
        self.trim = self.trim.max(control.trim);
        self.removed.extend(control.removed.iter().cloned().flatten());
        self.erased.extend(control.erased.iter().cloned().flatten());
        self.notes.extend_from_slice(&control.notes);
        self.note_changes += control.note_changes;
        self.control = true;
    }

    /// Everything, for a batch.
    pub(super) fn take(&mut self) -> (Vec<u8>, Option<Control>) {
        let room = self.records.len().next_power_of_two().min(RESERVE_BYTES);
        let mut taken = mem::take(self);
        self.records.reserve(room);
        // It stays in memory for a while, and what was compressed had taken more.
        if taken.records.capacity() > 2 * taken.records.len() {
            taken.records.shrink_to_fit();
        }
        let control = taken.control.then(|| Control {
            trim: taken.trim,
            removed: ranges_of(&mut taken.removed),
            erased: ranges_of(&mut taken.erased),
            notes: taken.notes,
            note_changes: taken.note_changes,
        });
        (taken.records, control)
    }
}

/// At most so much room for the next batch is taken when one begins.
const RESERVE_BYTES: usize = 1 << 20;

/// What a control record says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Control {
    pub(super) trim: u64,
    pub(super) removed: Vec<RangeInclusive<u64>>,
    pub(super) erased: Vec<RangeInclusive<u64>>,
    notes: Vec<u8>,
    note_changes: u64,
}

impl Control {
    /// The body of its record.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.notes.len() + 64);
        put_number(&mut body, self.trim);
        put_ranges(&mut body, self.removed.iter().cloned());
        put_ranges(&mut body, self.erased.iter().cloned());
        put_number(&mut body, self.note_changes);
        body.extend_from_slice(&self.notes);
        body
    }

    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let trim = reader.number()?;
        let (removed, erased) = (reader.ranges()?, reader.ranges()?);
        let note_changes = reader.number()?;
        Some(Self { trim, removed, erased, note_changes, notes: reader.0.to_vec() })
    }

    /// The changes of notes.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&[u8], NoteChange<'_>)> {
        let mut reader = Reader(&self.notes);
        (0..self.note_changes).map_while(move |_| {
            let tag = reader.number()?;
            let (key, content) = (reader.bytes()?, reader.bytes()?);
            let change = match tag {
                0 => NoteChange::Put(content),
                1 => NoteChange::Append(content),
                _ => NoteChange::Remove,
            };
            Some((key, change))
        })
    }
}

/// Binds the records of a batch that will be at `place` behind the header with this checksum, and says
/// where each message is. Returns the checksum of the last header.
pub(super) fn bind(
    pieces: &mut [Vec<u8>],
    batch: Batch,
    mut place: Place,
    mut chain: u32,
    mut message: impl FnMut(u64, u64),
) -> u32 {
    let mut left: usize = pieces.iter().map(Vec::len).sum();
    let mut first = FIRST;
    for piece in pieces {
        let mut at = 0;
        while let Some(bytes) = piece.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            let size = put_record_bytes(bytes);
            left -= size as usize;
            let flags = first | if left == 0 { LAST } else { 0 };
            let (crc, seq) = Header::bind(bytes, &batch, flags, place, chain);
            if let Some(seq) = seq {
                message(seq, place.at);
            }
            (first, chain) = (0, crc);
            place.at += size;
            at += size as usize;
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::config::{Compression, LogConfig};
    use crate::disk::LogId;

    #[test]
    fn what_was_compressed_takes_no_more_memory_than_it_has() {
        let config = LogConfig::file(LogId(1), "", 7);
        let mut bodies = Bodies::new(&LogConfig { compression: Compression::Lz4, ..config });
        let mut pending = Pending::default();
        let payload = vec![7; 1 << 20];
        for seq in 1..=3 {
            let message =
                NewMessage { seq, time: 1, subject: b"a", header: b"", payload: &payload, mark: 0 };
            let stored = pending.append(&mut bodies, &message, 1);
            let (records, _) = pending.take();
            assert!(stored < 8 << 10 && records.len() < 8 << 10, "{stored}");
            assert!(records.capacity() <= 2 * records.len(), "{}", records.capacity());
        }
    }
}
