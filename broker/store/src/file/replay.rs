//! Doing again what records and tables say was done.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bytes::Bytes;

use super::NO_SEGMENT;
use super::checkpoint::{Checkpoint, Listed};
use super::open::Content;
use super::pending::Control;
use super::record::{GRANULE, HEADER_BYTES, Header, Kind, LAST, LAZY, MARKED};
use super::scan::Found;
use super::tidy::Erase;
use crate::index::{Entry, Index, Of, UNPLACED};
use crate::notes::NoteChange;
use crate::recovery::{Finding, FindingKind};

/// What is being put together.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) lost: Vec<RangeInclusive<u64>>,
    pub(super) notes: BTreeMap<Bytes, Vec<Bytes>>,
    /// Messages that are to be erased, and where they are.
    pub(super) erased: BTreeMap<u64, Option<(u32, u64)>>,
    /// The same, of those whose removal is in the last batch: not before it is durable again.
    pub(super) erased_in_tail: Vec<Erase>,
    /// Messages whose bodies are not right, and where they are. If they were removed later, they may
    /// have been erased.
    pub(super) unsound: Vec<(FindingKind, u64, u32, u64)>,
    pub(super) findings: Vec<Finding>,
    /// The last batch that was written behind a sync: what was before it is durable beyond doubt.
    pub(super) proof: u64,
    /// The batch of the last checkpoint.
    pub(super) base_batch: u64,
    /// Messages below this number are durable beyond doubt, as the high-water mark says.
    pub(super) said: u64,
    /// The next sequence before the last batch that was found, up to the proof.
    pub(super) durable_next: u64,
    /// From the first message that the last batch lacks to the last.
    pub(super) lacked: Option<RangeInclusive<u64>>,
    /// Something is missing before the next record.
    pub(super) gap: Option<(FindingKind, u32, u64)>,
}

impl Replay {
    /// Looks for the proof in a segment that was read.
    pub(super) fn prove(&mut self, found: &[Found]) {
        let waited = found.iter().filter(|record| !record.head.is(LAZY));
        let last = waited.map(|record| record.head.batch).max();
        self.proof = self.proof.max(last.unwrap_or(0));
    }

    /// What the last checkpoint says, before its segments are looked at.
    pub(super) fn begin(&mut self, base: &Checkpoint, batch: u64) {
        self.base_batch = batch;
        self.erased = base.erased.iter().map(|seq| (*seq, None)).collect();
        self.lost.extend(base.lost.iter().cloned());
        for (key, content) in &base.notes {
            let content = Bytes::copy_from_slice(content);
            self.notes.insert(Bytes::copy_from_slice(key), alloc::vec![content]);
        }
    }

    /// A segment that a checkpoint names is not there.
    pub(super) fn missing(&mut self, listed: &Listed) {
        let lost: Vec<RangeInclusive<u64>> = listed.live.ranges().collect();
        let hull = lost.first().zip(lost.last());
        let hull = hull.map(|(first, last)| *first.start()..=*last.end());
        self.find(FindingKind::MissingFile, listed.number, 0, hull);
        self.lost.extend(lost);
    }

    /// Those messages of a segment that a checkpoint says are left, from its table. Whether it is
    /// right and has them.
    pub(super) fn table(
        &mut self,
        index: &mut Index,
        listed: &Listed,
        bytes: &[u8],
        identity: u64,
    ) -> bool {
        let of = Of { identity, segment: listed.number, end: listed.end };
        let mut erased = |seq, at| {
            if let Some(place) = self.erased.get_mut(&seq) {
                *place = Some((listed.number, at));
            }
        };
        index.append_table(bytes, of, || listed.live.ranges(), &mut erased).is_some()
    }

    /// Those messages of a segment that the last checkpoint says are left.
    pub(super) fn older(&mut self, index: &mut Index, listed: &Listed, content: &Content) {
        let mut found = content
            .scan
            .found
            .iter()
            .filter(|found| found.head.kind == Kind::Message && found.at < listed.end)
            .peekable();
        let (mut missing, mut unsound): (Vec<u64>, Vec<u64>) = Default::default();
        for seq in listed.live.ranges().flatten() {
            while let Some(dead) = found.next_if(|found| found.head.seq < seq) {
                self.was_erased(dead, content.number);
            }
            match found.next_if(|found| found.head.seq == seq) {
                Some(message) if message.sound => self.message(index, message, content, true),
                Some(message) => {
                    unsound.push(seq);
                    let durable = self.is_listed_durable(listed, seq);
                    self.unsound.push((kind_if(durable), seq, content.number, message.at));
                }
                None => missing.push(seq),
            }
        }
        found.for_each(|dead| self.was_erased(dead, content.number));
        if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
            let durable = self.is_listed_durable(listed, *first);
            self.find(kind_if(durable), content.number, 0, Some(*first..=*last));
        }
        for mut gone in [missing, unsound] {
            self.lost.extend(crate::codec::ranges_of(&mut gone));
        }
    }

    /// Whether a message that the last checkpoint says is left was durable beyond doubt.
    fn is_listed_durable(&self, listed: &Listed, seq: u64) -> bool {
        self.base_batch <= self.proof || seq < self.said || listed.packed
    }

    fn was_erased(&mut self, found: &Found, segment: u32) {
        if let Some(place) = self.erased.get_mut(&found.head.seq) {
            *place = Some((segment, found.at));
        }
    }

    /// Puts a message into the index, with its place or to be written again.
    pub(super) fn message(
        &mut self,
        index: &mut Index,
        found: &Found,
        content: &Content,
        placed: bool,
    ) {
        let body = &found.body[..];
        let (mark, body) = match body.split_first_chunk::<8>() {
            Some((mark, body)) if found.head.is(MARKED) => (u64::from_le_bytes(*mark), body),
            Some(_) | None => (0, body),
        };
        let Some(subject) = body.get(..usize::from(found.head.subject)) else { return };
        let entry = Entry {
            seq: found.head.seq,
            time: found.head.time,
            body: found.len.saturating_sub(found.head.mark_bytes() as u32),
            stored: found.head.body,
            has_header: found.head.header > 0,
            mark,
            segment: if placed { content.number } else { NO_SEGMENT },
            at: if placed { (found.at / GRANULE) as u32 } else { UNPLACED },
        };
        index.append(subject, entry, None);
    }

    /// A record that is not of the last batch.
    pub(super) fn record(&mut self, index: &mut Index, found: &Found, content: &Content) {
        self.close_gap(index, found);
        let next = index.next_seq();
        match found.head.kind {
            Kind::Message if found.head.seq < next => {}
            Kind::Message if found.sound => self.message(index, found, content, true),
            Kind::Message => {
                let seq = found.head.seq;
                index.skip_to(seq + 1);
                self.lost.push(seq..=seq);
                self.unsound.push((self.kind_of(found), seq, content.number, found.at));
            }
            Kind::Control => self.removals(index, found, content, true),
            Kind::Checkpoint => {
                // Of what it told, the records before it may not have said everything.
                self.gap = Some((FindingKind::DamagedCheckpoint, content.number, found.at));
                return;
            }
            Kind::Close => {}
        }
        if found.head.is(LAST) {
            end_batch(index, &found.head);
        }
    }

    /// A control record that is not of the last batch.
    pub(super) fn removals(
        &mut self,
        index: &mut Index,
        found: &Found,
        content: &Content,
        with_notes: bool,
    ) {
        match Control::read(&found.body).filter(|_| found.sound) {
            Some(control) => self.control(index, &control, with_notes, true),
            None => self.find(self.kind_of(found), content.number, found.at, None),
        }
    }

    /// What it is if a record is not right.
    fn kind_of(&self, found: &Found) -> FindingKind {
        // What is not a message has the next sequence after its batch: another one is durable then.
        kind_if(found.head.batch < self.proof || found.head.seq < self.said)
    }

    /// The last batch lacks these messages, if there are any from the first number to before the second.
    pub(super) fn tail_lacks(&mut self, from: u64, until: u64) {
        if from < until {
            self.lost.push(from..=until - 1);
            let first = self.lacked.take().map_or(from, |lacked| *lacked.start());
            self.lacked = Some(first..=until - 1);
        }
    }

    /// The last batch, which begins here, lacks everything else before this number, too.
    pub(super) fn end_tail(&mut self, index: &mut Index, next_seq: u64, segment: u32, at: u64) {
        let next = index.next_seq();
        self.tail_lacks(next, next_seq);
        index.skip_to(next_seq);
        let lacked = self.lacked.take();
        let first = lacked.as_ref().map_or(next, |lacked| *lacked.start());
        self.find(kind_if(first < self.said), segment, at, lacked);
    }

    /// What is missing before a record may have been messages.
    pub(super) fn close_gap(&mut self, index: &mut Index, found: &Found) {
        let Some((kind, segment, at)) = self.gap.take() else { return };
        let next = index.next_seq();
        let lost = (found.head.seq > next).then(|| next..=found.head.seq - 1);
        index.skip_to(found.head.seq);
        self.lost.extend(lost.clone());
        self.find(kind, segment, at, lost);
    }

    pub(super) fn control(
        &mut self,
        index: &mut Index,
        control: &Control,
        with_notes: bool,
        proven: bool,
    ) {
        let trimmed = 0..=control.trim.saturating_sub(1);
        index.trim_to(control.trim);
        subtract(&mut self.lost, trimmed);
        for range in &control.removed {
            subtract(&mut self.lost, range.clone());
            for seq in range.clone() {
                let erased = control.erased.iter().any(|erased| erased.contains(&seq));
                if let Some(located) = index.locate(seq).filter(|_| erased) {
                    if proven && located.at != UNPLACED {
                        let place = (located.segment, u64::from(located.at) * GRANULE);
                        self.erased.insert(seq, Some(place));
                    } else {
                        self.erased_in_tail.push(Erase::of(seq, located));
                    }
                }
                index.remove(seq);
            }
        }
        for (key, change) in control.notes().filter(|_| with_notes) {
            let copy = Bytes::copy_from_slice;
            match change {
                NoteChange::Put(content) => {
                    self.notes.insert(copy(key), alloc::vec![copy(content)]);
                }
                NoteChange::Append(content) => {
                    self.notes.entry(copy(key)).or_default().push(copy(content));
                }
                NoteChange::Remove => {
                    self.notes.remove(key);
                }
            }
        }
    }

    pub(super) fn find(
        &mut self,
        kind: FindingKind,
        segment: u32,
        at: u64,
        lost: Option<RangeInclusive<u64>>,
    ) {
        self.findings.push(Finding { kind, segment, at, lost });
    }
}

/// What it is if something that was written is not there, or not right.
pub(super) const fn kind_if(durable: bool) -> FindingKind {
    if durable { FindingKind::Damage } else { FindingKind::TornTail }
}

/// What the last record of a batch says of the log: what was left out, too, had a sequence and a time.
pub(super) fn end_batch(index: &mut Index, head: &Header) {
    index.skip_to(head.next_seq());
    index.set_last_time(head.time);
}

/// The body of a record as it is on the disk.
pub(super) fn stored_of<'a>(found: &Found, content: &'a Content) -> &'a [u8] {
    let begin = found.at as usize + HEADER_BYTES;
    content.bytes.get(begin..begin + found.head.body as usize).unwrap_or_default()
}

/// Takes a range out of others.
pub(super) fn subtract(ranges: &mut Vec<RangeInclusive<u64>>, gone: RangeInclusive<u64>) {
    let touches =
        |range: &RangeInclusive<u64>| range.start() <= gone.end() && gone.start() <= range.end();
    if !ranges.iter().any(touches) {
        return;
    }
    let rest = |range: &RangeInclusive<u64>| {
        if !touches(range) {
            return [Some(range.clone()), None];
        }
        let before = (range.start() < gone.start()).then(|| *range.start()..=gone.start() - 1);
        let behind = (range.end() > gone.end()).then(|| gone.end() + 1..=*range.end());
        [before, behind]
    };
    *ranges = ranges.iter().flat_map(rest).flatten().collect();
}
