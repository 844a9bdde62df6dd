//! The index of one segment as bytes, so that opening a log need not read its messages.
//!
//! ```text
//!   magic 8 | identity 8 | segment 4 | messages 4 | end 8 | base 8 | subjects 4 | marks 4
//!   lengths of subjects 2 each, subjects
//!   of each message: distance from base 4, place 4, body 4, subject 4; then, with the second magic,
//!   the body as it is in its record 4 each; then time 8 each
//!   marks: message 4, mark 8 each
//!   checksum 4
//! ```
//!
//! Messages that were removed are in it: whether their removal was durable is not known here.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::chunk::{NO_SUBJECT, UNPLACED, stored_as_it_is};
use super::{Entry, Index};
use crate::file::crc32c;

const MAGIC: [u8; 8] = *b"cw-idx-1";

/// That of a table of messages that are compressed or encrypted.
const MAGIC_STORED: [u8; 8] = *b"cw-idx-2";

const HEAD_BYTES: usize = 48;

/// The bit of a body's length that says that it has a header.
const HEADER_BIT: u32 = 1 << 31;

/// What a table is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Of {
    pub(crate) identity: u64,
    pub(crate) segment: u32,
    /// Where the segment ends.
    pub(crate) end: u64,
}

impl Index {
    /// The table of a segment that is written no more; `None` if the index has nothing of it.
    pub(crate) fn table(&self, of: Of) -> Option<Vec<u8>> {
        let chunks = || self.chunks.iter().filter(|chunk| chunk.segment == of.segment);
        let base = chunks().next()?.base();
        let mut local = vec![NO_SUBJECT; self.subjects.numbers()];
        let (mut lens, mut names, mut count) = (Vec::new(), Vec::new(), 0_u32);
        let mut words: [Vec<u8>; 4] = Default::default();
        let (mut stored, mut times, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let mut as_it_is = true;
        let mut messages = 0_u32;
        for chunk in chunks() {
            for index in 0..chunk.len() {
                let fields = chunk.fields(index);
                let distance = u32::try_from(fields.seq - base).ok()?;
                if fields.at == UNPLACED {
                    return None;
                }
                let subject = &mut local[fields.subject as usize];
                if *subject == NO_SUBJECT {
                    let name = self.subjects.name(fields.subject);
                    lens.extend_from_slice(&(name.len() as u16).to_le_bytes());
                    names.extend_from_slice(name);
                    *subject = count;
                    count += 1;
                }
                let header = if fields.has_header { HEADER_BIT } else { 0 };
                let values = [distance, fields.at, fields.body | header, *subject];
                for (word, value) in words.iter_mut().zip(values) {
                    word.extend_from_slice(&value.to_le_bytes());
                }
                as_it_is &= fields.stored == stored_as_it_is(fields.body, fields.mark);
                stored.extend_from_slice(&fields.stored.to_le_bytes());
                times.extend_from_slice(&fields.time.to_le_bytes());
                if fields.mark != 0 {
                    marks.extend_from_slice(&messages.to_le_bytes());
                    marks.extend_from_slice(&fields.mark.to_le_bytes());
                }
                messages += 1;
            }
        }
        let mut table = Vec::new();
        if as_it_is {
            stored.clear();
        }
        table.extend_from_slice(if as_it_is { &MAGIC } else { &MAGIC_STORED });
        table.extend_from_slice(&of.identity.to_le_bytes());
        table.extend_from_slice(&of.segment.to_le_bytes());
        table.extend_from_slice(&messages.to_le_bytes());
        table.extend_from_slice(&of.end.to_le_bytes());
        table.extend_from_slice(&base.to_le_bytes());
        table.extend_from_slice(&count.to_le_bytes());
        table.extend_from_slice(&((marks.len() / MARK_BYTES) as u32).to_le_bytes());
        let [distances, places, bodies, subjects] = words;
        for part in [lens, names, distances, places, bodies, subjects, stored, times, marks] {
            table.extend_from_slice(&part);
        }
        let crc = crc32c(0, &table);
        table.extend_from_slice(&crc.to_le_bytes());
        Some(table)
    }

    /// Takes those messages of a segment up that are left, from its table. `None`, and nothing is taken
    /// up, if that is not the table of this segment or does not have all of them. Otherwise says
    /// where messages are that are not left but asked for.
    pub(crate) fn append_table<L: Iterator<Item = RangeInclusive<u64>>>(
        &mut self,
        table: &[u8],
        of: Of,
        left: impl Fn() -> L,
        asked: &mut dyn FnMut(u64, u64),
    ) -> Option<()> {
        let table = Table::read(table, of)?;
        let mut at = 0;
        for seq in left().flatten() {
            at += table.seqs(at).position(|other| other >= seq)?;
            if table.seq(at) != seq {
                return None;
            }
        }
        let mut interned = vec![NO_SUBJECT; table.names.len()];
        let mut left = left().flatten().peekable();
        for at in 0..table.messages {
            let seq = table.seq(at);
            let place = word(table.places, at);
            if left.next_if_eq(&seq).is_none() {
                asked(seq, u64::from(place) * 8);
                continue;
            }
            let subject = interned.get_mut(word(table.subjects, at) as usize)?;
            if *subject == NO_SUBJECT {
                *subject = self.subjects.intern(table.names[word(table.subjects, at) as usize]);
            }
            let body = word(table.bodies, at);
            let (mark, stored) = (table.mark(at), table.stored.get(at));
            let as_it_is = stored_as_it_is(body & !HEADER_BIT, mark);
            let entry = Entry {
                seq,
                time: table.times.get(at).map_or(0, |time| u64::from_le_bytes(*time)),
                body: body & !HEADER_BIT,
                stored: stored.map_or(as_it_is, |stored| u32::from_le_bytes(*stored)),
                has_header: body & HEADER_BIT != 0,
                mark,
                segment: of.segment,
                at: place,
            };
            self.append_of(*subject, entry, None);
        }
        Some(())
    }
}

const MARK_BYTES: usize = 12;

/// A table that was read, and is right.
struct Table<'a> {
    messages: usize,
    base: u64,
    names: Vec<&'a [u8]>,
    distances: &'a [[u8; 4]],
    places: &'a [[u8; 4]],
    bodies: &'a [[u8; 4]],
    subjects: &'a [[u8; 4]],
    /// Empty if all are as they are.
    stored: &'a [[u8; 4]],
    times: &'a [[u8; 8]],
    marks: &'a [[u8; MARK_BYTES]],
}

impl<'a> Table<'a> {
    fn read(bytes: &'a [u8], of: Of) -> Option<Self> {
        let (bytes, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c(0, bytes) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (head, mut rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|byte| head[at + byte]));
        let long = |at: usize| u64::from_le_bytes(core::array::from_fn(|byte| head[at + byte]));
        let is_of = Of { identity: long(8), segment: word(16), end: long(24) };
        let stored = head[..8] == MAGIC_STORED;
        if (head[..8] != MAGIC && !stored) || is_of != of {
            return None;
        }
        let (messages, names, marks) = (word(20) as usize, word(40) as usize, word(44) as usize);
        let lens = take::<2>(&mut rest, names)?;
        let mut named = Vec::with_capacity(names);
        for len in lens {
            let (name, behind) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
            named.push(name);
            rest = behind;
        }
        Some(Self {
            messages,
            base: long(32),
            names: named,
            distances: take(&mut rest, messages)?,
            places: take(&mut rest, messages)?,
            bodies: take(&mut rest, messages)?,
            subjects: take(&mut rest, messages)?,
            stored: take(&mut rest, if stored { messages } else { 0 })?,
            times: take(&mut rest, messages)?,
            marks: take(&mut rest, marks)?,
        })
    }

    fn seq(&self, at: usize) -> u64 {
        self.base + u64::from(word(self.distances, at))
    }

    fn seqs(&self, from: usize) -> impl Iterator<Item = u64> {
        (from..self.messages).map(|at| self.seq(at))
    }

    fn mark(&self, at: usize) -> u64 {
        let of = |mark: &[u8; MARK_BYTES]| u32::from_le_bytes([mark[0], mark[1], mark[2], mark[3]]);
        let found = self.marks.binary_search_by_key(&(at as u32), of).ok();
        let mark = found.and_then(|found| self.marks[found].last_chunk::<8>());
        mark.map_or(0, |mark| u64::from_le_bytes(*mark))
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8], count: usize) -> Option<&'a [[u8; N]]> {
    let (taken, behind) = rest.split_at_checked(count.checked_mul(N)?)?;
    *rest = behind;
    Some(taken.as_chunks().0)
}

fn word(words: &[[u8; 4]], at: usize) -> u32 {
    words.get(at).map_or(0, |word| u32::from_le_bytes(*word))
}
