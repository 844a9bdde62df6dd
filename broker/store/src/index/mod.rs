//! What a log knows of its messages without reading them. All of it is in memory.
//!
//! Messages are in [chunks](chunk::Chunk), arrays by ascending sequence: 24 bytes a message, 28 if they
//! are compressed or encrypted. For each
//! subject there is its name, a number, its first and its last message: some 50 bytes and the name.
//! Messages of a subject are linked forwards, so that the next first one is found in one step when the
//! first is removed; the last one is found by looking backwards when somebody asks for it and it is
//! gone. A removed message keeps its place until no message of its chunk is left.

mod chunk;
mod filter;
mod names;
mod place;
mod scan;
mod sorted;
mod subjects;
mod table;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::Cell;

use bytes::Bytes;

pub(crate) use chunk::UNPLACED;
pub use filter::Filter;
pub(crate) use place::Located;
pub(crate) use table::Of;

use crate::config::Storage;
use crate::message::{Meta, NewMessage, State, Trimmed};
use chunk::{Chunk, Fields, NO_SUBJECT, Next, stored_as_it_is};
use subjects::Subjects;

/// What the index is told of a message, beside its subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) time: u64,
    /// Bytes of subject, header and payload.
    pub(crate) body: u32,
    /// Bytes of the body of its record.
    pub(crate) stored: u32,
    pub(crate) has_header: bool,
    pub(crate) mark: u64,
    /// The segment, and where in it, or [`UNPLACED`].
    pub(crate) segment: u32,
    pub(crate) at: u32,
}

impl Entry {
    /// That of a message that waits to be written as it is.
    pub(crate) fn of(message: &NewMessage<'_>, segment: u32) -> Self {
        let len = message.subject.len() + message.header.len() + message.payload.len();
        Self {
            seq: message.seq,
            time: message.time,
            body: len as u32,
            stored: stored_as_it_is(len as u32, message.mark),
            has_header: !message.header.is_empty(),
            mark: message.mark,
            segment,
            at: UNPLACED,
        }
    }
}

/// The index of one log.
#[derive(Debug)]
pub(crate) struct Index {
    storage: Storage,
    /// By ascending sequence. The last one takes new messages.
    chunks: VecDeque<Chunk>,
    /// The chunk that was looked for last. Readers ask for many messages of the same one.
    recent: Cell<usize>,
    subjects: Subjects,
    messages: u64,
    bytes: u64,
    /// The first message, or `next_seq`.
    first_seq: u64,
    next_seq: u64,
    last_time: u64,
}

impl Index {
    pub(crate) fn new(storage: Storage, key: u64, first_seq: u64) -> Self {
        Self {
            storage,
            chunks: VecDeque::new(),
            recent: Cell::new(0),
            subjects: Subjects::new(key),
            messages: 0,
            bytes: 0,
            first_seq,
            next_seq: first_seq,
            last_time: 0,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) fn last_time(&self) -> u64 {
        self.last_time
    }

    /// Messages that were removed, or left out, may have come later than those that are left.
    pub(crate) fn set_last_time(&mut self, time: u64) {
        self.last_time = self.last_time.max(time);
    }

    pub(crate) fn state(&self) -> State {
        let first_time = self.fields(self.first_seq).map_or(0, |fields| fields.time);
        State {
            messages: self.messages,
            bytes: self.bytes,
            first_seq: self.first_seq,
            first_time,
            last_seq: self.next_seq - 1,
            last_time: self.last_time,
            subjects: self.subjects.in_use(),
            deleted: self.next_seq - self.first_seq - self.messages,
        }
    }

    /// What a message counts.
    fn size(&self, body: u32, has_header: bool) -> u64 {
        match self.storage {
            Storage::File => u64::from(body) + if has_header { 34 } else { 30 },
            Storage::Memory => u64::from(body) + 16,
        }
    }

    /// Takes a message up. Its sequence is not below the next one.
    pub(crate) fn append(&mut self, subject: &[u8], entry: Entry, body: Option<Bytes>) {
        let subject = self.subjects.intern(subject);
        self.append_of(subject, entry, body);
    }

    /// Takes a message of this subject up.
    fn append_of(&mut self, subject: u32, entry: Entry, body: Option<Bytes>) {
        let seq = entry.seq;
        assert!(seq >= self.next_seq, "sequences only grow");
        if let Some(before) = self.subjects.appended(subject, seq)
            && let Some((chunk, at)) = self.find(before)
        {
            self.chunks[chunk].link(at, seq);
        }
        let fields = Fields {
            seq,
            time: entry.time.max(self.last_time),
            subject,
            body: entry.body,
            stored: entry.stored,
            has_header: entry.has_header,
            mark: entry.mark,
            at: entry.at,
        };
        self.chunk_for(seq, entry.segment).push(fields, body);
        self.messages += 1;
        self.bytes += self.size(fields.body, fields.has_header);
        if self.messages == 1 {
            self.first_seq = seq;
        }
        self.next_seq = seq + 1;
        self.last_time = fields.time;
    }

    fn chunk_for(&mut self, seq: u64, segment: u32) -> &mut Chunk {
        let full = |chunk: &Chunk| {
            !chunk.reaches(seq)
                || chunk.segment != segment
                || (self.storage == Storage::Memory && chunk.len() >= crate::limits::MEMORY_CHUNK)
        };
        if self.chunks.back().is_none_or(full) {
            if let Some(last) = self.chunks.back_mut() {
                last.shrink();
            }
            self.chunks.push_back(Chunk::new(segment, seq));
            if let Some(before) = self.chunks.len().checked_sub(2) {
                self.drop_if_dead(before);
            }
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }

    /// Leaves sequences out, if the next one is below.
    pub(crate) fn skip_to(&mut self, next_seq: u64) {
        if self.messages == 0 {
            self.first_seq = self.first_seq.max(next_seq);
        }
        self.next_seq = self.next_seq.max(next_seq);
    }

    /// Takes a message away.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<Meta> {
        let (chunk, at) = self.find_live(seq)?;
        let meta = self.kill(chunk, at);
        if seq == self.first_seq {
            self.first_seq = self.live_from(seq).unwrap_or(self.next_seq);
        }
        self.drop_if_dead(chunk);
        Some(meta)
    }

    /// Takes all messages below a sequence away.
    pub(crate) fn trim_to(&mut self, seq: u64) -> Trimmed {
        let before = (self.messages, self.bytes);
        let mut from = 0;
        while let Some(chunk) = self.chunks.front()
            && let Some(at) = chunk.live_from(from).filter(|at| chunk.seq(*at) < seq)
        {
            self.kill(0, at);
            from = at + 1;
            if self.chunks[0].live() == 0 && self.chunks.len() > 1 {
                self.drop_if_dead(0);
                from = 0;
            }
        }
        self.skip_to(seq);
        self.first_seq = self.live_from(self.first_seq).unwrap_or(self.next_seq);
        Trimmed { messages: before.0 - self.messages, bytes: before.1 - self.bytes }
    }

    /// Takes a message away that is there. The first sequence and its chunk are the caller's matter.
    fn kill(&mut self, chunk: usize, at: usize) -> Meta {
        let fields = self.chunks[chunk].fields(at);
        self.chunks[chunk].kill(at);
        let meta = self.meta_of(fields);
        self.messages -= 1;
        self.bytes -= meta.size;
        if self.subjects.removed(fields.subject, fields.seq) {
            let first = self.next_of_subject(chunk, at);
            self.subjects.set_first(fields.subject, first.expect("there are more of the subject"));
        }
        meta
    }

    /// The next message of the subject of the one at this place.
    fn next_of_subject(&self, chunk: usize, at: usize) -> Option<u64> {
        let subject = self.chunks[chunk].subject[at];
        let (mut chunk, mut at) = (chunk, at);
        loop {
            let seq = self.chunks[chunk].seq(at);
            match self.chunks[chunk].next_of_subject(at) {
                Next::None => return None,
                Next::At(next) => match self.find(next) {
                    Some((chunk, at)) if self.chunks[chunk].is_live(at) => return Some(next),
                    Some(place) => (chunk, at) = place,
                    // Its chunk is gone, and with it the link to those behind.
                    None => return self.scan_forward(next + 1, |id| id == subject),
                },
                Next::Far => return self.scan_forward(seq + 1, |id| id == subject),
            }
        }
    }

    /// A chunk goes when no message of it is left, unless it takes new ones.
    fn drop_if_dead(&mut self, chunk: usize) {
        if self.chunks[chunk].live() > 0 || chunk + 1 == self.chunks.len() {
            return;
        }
        if let Some(gone) = self.chunks.remove(chunk) {
            for subject in gone.subject.into_iter().filter(|subject| *subject != NO_SUBJECT) {
                self.subjects.forget_place(subject);
            }
        }
    }

    /// Where a sequence is, if it has a place, of a removed message or not.
    fn find(&self, seq: u64) -> Option<(usize, usize)> {
        let chunk = self.chunk_at(seq)?;
        Some((chunk, self.chunks[chunk].find(seq)?))
    }

    fn find_live(&self, seq: u64) -> Option<(usize, usize)> {
        self.find(seq).filter(|(chunk, at)| self.chunks[*chunk].is_live(*at))
    }

    /// The last chunk that begins at this sequence or before.
    fn chunk_at(&self, seq: u64) -> Option<usize> {
        let begins = |at: usize| self.chunks.get(at).is_some_and(|chunk| chunk.base() <= seq);
        let last = self.chunks.len().checked_sub(1)?;
        if begins(last) {
            return Some(last);
        }
        let recent = self.recent.get();
        if begins(recent) && !begins(recent + 1) {
            return Some(recent);
        }
        let found = self.chunks.partition_point(|chunk| chunk.base() <= seq).checked_sub(1)?;
        self.recent.set(found);
        Some(found)
    }

    fn fields(&self, seq: u64) -> Option<Fields> {
        self.find_live(seq).map(|(chunk, at)| self.chunks[chunk].fields(at))
    }

    fn meta_of(&self, fields: Fields) -> Meta {
        Meta {
            subject: crate::message::SubjectId(fields.subject),
            time: fields.time,
            size: self.size(fields.body, fields.has_header),
            body: fields.body,
            has_header: fields.has_header,
            mark: fields.mark,
        }
    }

    pub(crate) fn meta(&self, seq: u64) -> Option<Meta> {
        self.fields(seq).map(|fields| self.meta_of(fields))
    }

    /// The message itself, of a log in memory.
    pub(crate) fn body(&self, seq: u64) -> Option<(Meta, &Bytes)> {
        let (chunk, at) = self.find_live(seq)?;
        let chunk = &self.chunks[chunk];
        Some((self.meta_of(chunk.fields(at)), chunk.body(at)?))
    }

    pub(crate) fn subject(&self, id: u32) -> &[u8] {
        self.subjects.name(id)
    }

    pub(crate) fn find_subject(&self, name: &[u8]) -> Option<u32> {
        self.subjects.find(name).filter(|id| self.subjects.count(*id) > 0)
    }

    pub(crate) fn count_of(&self, id: u32) -> u64 {
        self.subjects.count(id)
    }

    pub(crate) fn first_of(&self, id: u32) -> Option<u64> {
        self.subjects.first(id)
    }

    pub(crate) fn last_of(&self, id: u32) -> Option<u64> {
        let (bound, exact) = self.subjects.last(id)?;
        if exact {
            return Some(bound);
        }
        let found = self.scan_backward(bound, |other| other == id)?;
        self.subjects.found_last(id, found);
        Some(found)
    }

    pub(crate) fn subjects_matching(&self, pattern: &[u8]) -> Vec<u32> {
        self.subjects.matching(pattern)
    }

    /// Bytes of memory for messages, and for subjects.
    pub(crate) fn memory(&self) -> (usize, usize) {
        (self.chunks.iter().map(Chunk::memory).sum(), self.subjects.memory())
    }
}
