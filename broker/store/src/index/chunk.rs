//! A run of messages of the index, as one array for each thing that is known of them: a scan over
//! subjects touches nothing else.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bytes::Bytes;

use super::place::Located;

/// The bit of a body's length that says that it has a header.
const HEADER_BIT: u32 = 1 << 31;

/// Where a message is whose place is not known yet: it waits to be written.
pub(crate) const UNPLACED: u32 = u32::MAX;

/// The subject of a message of which only its removal is known.
pub(super) const NO_SUBJECT: u32 = u32::MAX;

/// What a chunk is told of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) seq: u64,
    pub(super) time: u64,
    pub(super) subject: u32,
    /// Bytes of subject, header and payload.
    pub(super) body: u32,
    /// Bytes of the body of its record.
    pub(super) stored: u32,
    pub(super) has_header: bool,
    pub(super) mark: u64,
    pub(super) at: u32,
}

/// Messages of one segment, by ascending sequence.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The segment file.
    pub(super) segment: u32,
    /// The first sequence.
    base: u64,
    /// Distances from `base`, if not every sequence is there; otherwise empty.
    sparse: Vec<u32>,
    /// Places in the segment, in granules.
    at: Vec<u32>,
    body: Vec<u32>,
    /// Bytes of the bodies of records, if not all are as long as they are by themselves; otherwise
    /// empty.
    stored: Vec<u32>,
    pub(super) subject: Vec<u32>,
    /// How far the next message of the same subject is; 0 if there was none.
    next: Vec<u32>,
    time: Vec<u64>,
    /// A bit for each message that was removed.
    dead: Vec<u64>,
    live: u32,
    /// Bytes of the records of the messages that are left.
    weight: u64,
    /// Marks of messages, by their place here.
    marks: Vec<(u32, u64)>,
    /// The messages themselves, of a log in memory.
    bodies: Vec<Bytes>,
}

impl Chunk {
    pub(super) fn new(segment: u32, base: u64) -> Self {
        Self { segment, base, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.subject.len()
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn live(&self) -> u32 {
        self.live
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn seq(&self, index: usize) -> u64 {
        let distance = self.sparse.get(index).map_or(index as u64, |distance| (*distance).into());
        self.base + distance
    }

    fn last_seq(&self) -> u64 {
        self.len().checked_sub(1).map_or(self.base, |last| self.seq(last))
    }

    /// Whether this sequence can be put behind the others.
    pub(super) fn reaches(&self, seq: u64) -> bool {
        seq.checked_sub(self.base).is_some_and(|distance| u32::try_from(distance).is_ok())
    }

    /// The place of the first message from `seq` on.
    pub(super) fn lower(&self, seq: u64) -> usize {
        let distance = seq.saturating_sub(self.base);
        if self.sparse.is_empty() {
            return usize::try_from(distance).map_or(self.len(), |at| at.min(self.len()));
        }
        self.sparse.partition_point(|other| u64::from(*other) < distance)
    }

    /// The place of this sequence.
    pub(super) fn find(&self, seq: u64) -> Option<usize> {
        let at = self.lower(seq);
        (at < self.len() && self.seq(at) == seq).then_some(at)
    }

    pub(super) fn push(&mut self, fields: Fields, body: Option<Bytes>) {
        let index = self.len();
        let distance = fields.seq - self.base;
        if !self.sparse.is_empty() || distance != index as u64 {
            if self.sparse.is_empty() {
                self.sparse.extend(0..index as u32);
            }
            self.sparse.push(u32::try_from(distance).expect("the chunk reaches so far"));
        }
        if !self.stored.is_empty() || fields.stored != stored_as_it_is(fields.body, fields.mark) {
            if self.stored.is_empty() {
                self.stored = (0..index).map(|before| self.stored(before)).collect();
            }
            self.stored.push(fields.stored);
        }
        self.at.push(fields.at);
        self.body.push(fields.body | if fields.has_header { HEADER_BIT } else { 0 });
        self.subject.push(fields.subject);
        self.next.push(0);
        self.time.push(fields.time);
        if index.is_multiple_of(64) {
            self.dead.push(0);
        }
        self.live += 1;
        self.weight += weight(fields.stored);
        if fields.mark != 0 {
            self.marks.push((index as u32, fields.mark));
        }
        if let Some(body) = body {
            self.bodies.push(body);
        }
    }

    pub(super) fn fields(&self, index: usize) -> Fields {
        Fields {
            seq: self.seq(index),
            time: self.time[index],
            subject: self.subject[index],
            body: self.body_len(index),
            stored: self.stored(index),
            has_header: self.body[index] & HEADER_BIT != 0,
            mark: self.mark(index),
            at: self.at[index],
        }
    }

    pub(super) fn located(&self, index: usize) -> Located {
        Located { segment: self.segment, at: self.at[index], stored: self.stored(index) }
    }

    fn body_len(&self, index: usize) -> u32 {
        self.body[index] & !HEADER_BIT
    }

    fn stored(&self, index: usize) -> u32 {
        match self.stored.get(index) {
            Some(stored) => *stored,
            None => stored_as_it_is(self.body_len(index), self.mark(index)),
        }
    }

    fn mark(&self, index: usize) -> u64 {
        if self.marks.is_empty() {
            return 0;
        }
        let found = self.marks.binary_search_by_key(&(index as u32), |(at, _)| *at);
        found.map_or(0, |at| self.marks[at].1)
    }

    pub(super) fn time(&self, index: usize) -> u64 {
        self.time[index]
    }

    /// The place of the first message at this time or later.
    pub(super) fn lower_time(&self, time: u64) -> usize {
        self.time.partition_point(|other| *other < time)
    }

    pub(super) fn body(&self, index: usize) -> Option<&Bytes> {
        self.bodies.get(index)
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = (usize, u64)> {
        self.marks.iter().map(|(at, mark)| (*at as usize, *mark))
    }

    /// The next message of the same subject, if there was one; it may have been removed.
    pub(super) fn next_of_subject(&self, index: usize) -> Next {
        match self.next[index] {
            0 => Next::None,
            u32::MAX => Next::Far,
            distance => Next::At(self.seq(index) + u64::from(distance)),
        }
    }

    pub(super) fn link(&mut self, index: usize, next: u64) {
        self.next[index] = u32::try_from(next - self.seq(index)).unwrap_or(u32::MAX);
    }

    pub(super) fn is_live(&self, index: usize) -> bool {
        self.dead[index / 64] >> (index % 64) & 1 == 0
    }

    /// Takes a message away. Its place stays.
    pub(super) fn kill(&mut self, index: usize) {
        self.dead[index / 64] |= 1 << (index % 64);
        self.live -= 1;
        self.weight -= weight(self.stored(index));
        if let Some(body) = self.bodies.get_mut(index) {
            *body = Bytes::new();
        }
    }

    /// The first message from this place on that is still there.
    pub(super) fn live_from(&self, index: usize) -> Option<usize> {
        if index >= self.len() {
            return None;
        }
        let mut word = index / 64;
        let mut live = !self.dead[word] & u64::MAX << (index % 64);
        while live == 0 {
            word += 1;
            live = !*self.dead.get(word)?;
        }
        let found = word * 64 + live.trailing_zeros() as usize;
        (found < self.len()).then_some(found)
    }

    /// The first place from this one on whose message was removed, or the end.
    fn dead_from(&self, index: usize) -> usize {
        let mut word = index / 64;
        let mut dead = self.dead[word] & u64::MAX << (index % 64);
        while dead == 0 {
            word += 1;
            match self.dead.get(word) {
                Some(next) => dead = *next,
                None => return self.len(),
            }
        }
        (word * 64 + dead.trailing_zeros() as usize).min(self.len())
    }

    /// The sequences of the messages that are still there.
    pub(super) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        let mut at = 0;
        core::iter::from_fn(move || {
            let start = self.live_from(at)?;
            let end = self.dead_from(start);
            let run = self.sparse.get(start..end).unwrap_or_default();
            at = match run.first() {
                // Sequences may be missing in between.
                Some(first) => {
                    start + run.iter().zip(*first..).take_while(|(a, b)| *a == b).count()
                }
                None => end,
            };
            Some(self.seq(start)..=self.seq(at - 1))
        })
    }

    /// The last message up to this place that is still there.
    pub(super) fn live_to(&self, index: usize) -> Option<usize> {
        let index = index.min(self.len().checked_sub(1)?);
        let mut word = index / 64;
        let mut live = !self.dead[word] & u64::MAX >> (63 - index % 64);
        while live == 0 {
            word = word.checked_sub(1)?;
            live = !self.dead[word];
        }
        Some(word * 64 + 63 - live.leading_zeros() as usize)
    }

    /// How many of the places before this one have their message.
    pub(super) fn live_before(&self, index: usize) -> u64 {
        let index = index.min(self.len());
        let whole: u32 = self.dead[..index / 64].iter().map(|word| word.count_zeros()).sum();
        let part = match index % 64 {
            0 => 0,
            bits => (!self.dead[index / 64] & ((1 << bits) - 1)).count_ones(),
        };
        u64::from(whole + part)
    }

    /// Says where a message is.
    pub(super) fn set_at(&mut self, index: usize, at: u32) {
        self.at[index] = at;
    }

    /// Takes the messages from a place on out, as a chunk of another segment.
    pub(super) fn split_off(&mut self, index: usize, segment: u32) -> Self {
        let base = if index < self.len() { self.seq(index) } else { self.last_seq() + 1 };
        let moved = base - self.base;
        let mut rest = Self { segment, base, ..Self::default() };
        if !self.sparse.is_empty() {
            let sparse = self.sparse.split_off(index);
            rest.sparse = sparse.into_iter().map(|at| at - moved as u32).collect();
        }
        rest.at = self.at.split_off(index);
        rest.body = self.body.split_off(index);
        rest.stored = self.stored.split_off(index.min(self.stored.len()));
        rest.subject = self.subject.split_off(index);
        rest.next = self.next.split_off(index);
        rest.time = self.time.split_off(index);
        rest.bodies = self.bodies.split_off(index.min(self.bodies.len()));
        let marks = self.marks.partition_point(|(at, _)| (*at as usize) < index);
        let marks = self.marks.split_off(marks);
        rest.marks = marks.into_iter().map(|(at, mark)| (at - index as u32, mark)).collect();
        rest.dead = alloc::vec![0; rest.len().div_ceil(64)];
        for at in 0..rest.len() {
            if self.is_live(index + at) {
                rest.live += 1;
                rest.weight += weight(rest.stored(at));
            } else {
                rest.dead[at / 64] |= 1 << (at % 64);
            }
        }
        self.live -= rest.live;
        self.weight -= rest.weight;
        self.dead.truncate(index.div_ceil(64));
        if let Some(last) = self.dead.last_mut().filter(|_| !index.is_multiple_of(64)) {
            *last &= (1 << (index % 64)) - 1;
        }
        rest
    }

    /// What is left, at other places in another segment; and the subjects of what is not.
    pub(super) fn repacked(&self, segment: u32, moved: &[(u64, u32)]) -> (Option<Self>, Vec<u32>) {
        let (mut packed, mut gone): (Option<Self>, Vec<u32>) = (None, Vec::new());
        for index in 0..self.len() {
            let fields = self.fields(index);
            let place = moved.binary_search_by_key(&fields.seq, |(seq, _)| *seq);
            let place = place.ok().and_then(|found| moved.get(found));
            match place.filter(|_| self.is_live(index)) {
                Some((_, at)) => {
                    let to = packed.get_or_insert_with(|| Self::new(segment, fields.seq));
                    to.push(Fields { at: *at, ..fields }, None);
                    to.next[to.subject.len() - 1] = self.next[index];
                }
                None if fields.subject != NO_SUBJECT => gone.push(fields.subject),
                None => {}
            }
        }
        if let Some(packed) = &mut packed {
            packed.shrink();
        }
        (packed, gone)
    }

    /// Gives back what growing arrays have in reserve.
    pub(super) fn shrink(&mut self) {
        self.sparse.shrink_to_fit();
        self.at.shrink_to_fit();
        self.body.shrink_to_fit();
        self.stored.shrink_to_fit();
        self.subject.shrink_to_fit();
        self.next.shrink_to_fit();
        self.time.shrink_to_fit();
        self.dead.shrink_to_fit();
        self.marks.shrink_to_fit();
        self.bodies.shrink_to_fit();
    }

    /// Bytes of memory, without bodies.
    pub(super) fn memory(&self) -> usize {
        let words = self.sparse.capacity()
            + self.at.capacity()
            + self.body.capacity()
            + self.stored.capacity()
            + self.subject.capacity()
            + self.next.capacity();
        let long = self.time.capacity() + self.dead.capacity() + 2 * self.marks.capacity();
        words * 4 + long * 8 + self.bodies.capacity() * size_of::<Bytes>()
    }
}

/// Bytes of the record of a message.
fn weight(stored: u32) -> u64 {
    crate::file::record_bytes(stored.into())
}

/// Bytes of the body of a record in which a message is as it is, behind its mark.
pub(super) fn stored_as_it_is(body: u32, mark: u64) -> u32 {
    body + if mark == 0 { 0 } else { 8 }
}

/// Where the next message of a subject is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// There was none.
    None,
    /// Here.
    At(u64),
    /// So far away that it has to be looked for.
    Far,
}
