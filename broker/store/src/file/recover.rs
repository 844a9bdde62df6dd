//! Making sense of the files of a log: what was durable, what was not finished, what is damaged.
//!
//! In a log that syncs, each batch is written only after the one before has been synced. So a batch that
//! is not the last one was durable, and whatever is missing of it is damage. Of the last one nobody can
//! say: it may not have been written as a whole, or been damaged later. If it is to be whole it is
//! dropped, otherwise what is sound of it is kept; what is not is reported.
//!
//! A log that only writes has more of what nobody can say anything of: each batch says whether those
//! before it were synced ([`LAZY`]), and the last one that says so is the proof. What was in doubt when
//! a sync failed stays in doubt there, but for the last batch: it may count as damage after a later
//! power loss.
//!
//! The last batch may also be there without being durable: a process that ended after its sync failed
//! leaves behind what is read and yet gone after a power loss, and no later sync helps. So the last
//! batch is written again, to a new segment: it waits as if it had just been done. Only a log that was
//! closed goes on where it was.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::high_water::HighWater;
use super::open::{Content, Opening};
use super::pending::Control;
use super::record::{FIRST, Kind, LAST, LAZY, WHOLE};
use super::replay::{Replay, end_batch, kind_if, stored_of};
use super::scan::{Found, Scan};
use super::tidy::{Erase, Job};
use super::{Active, FileLog, Segment, name};
use crate::disk::FileId;
use crate::index::Index;
use crate::limits::{FIRST_SEGMENT_BYTES, LEAST_SEGMENT_BYTES};
use crate::message::Position;
use crate::recovery::{FindingKind, Note, Recovery};

/// Records of a segment that count.
struct Part<'a> {
    content: &'a Content,
    /// From this one on.
    from: usize,
    /// Below the batch with this number.
    until: u64,
}

/// First batches of segments that are not complete. Such a batch is to be whole, so there is nothing
/// of it, and the segment goes.
#[derive(Default)]
struct Torn {
    /// The number of the batch.
    batch: Option<u64>,
    segment: u32,
    next_seq: u64,
}

impl Torn {
    /// Takes segments out that were made or begun and are of no use.
    fn take_out(opening: &mut Opening, replay: &mut Replay) -> Self {
        let mut torn = Self::default();
        while let Some(newest) = opening.scanned.first() {
            let Scan { found, strange, .. } = &newest.scan;
            let batch = found.first().map(|first| first.head.batch);
            match batch {
                None if strange.is_empty() => {}
                None => replay.find(FindingKind::TornTail, newest.number, 0, None),
                Some(batch) => {
                    let only = newest.scan.last_batch() == Some(batch);
                    let whole = found.iter().any(|found| found.head.is(WHOLE));
                    if !only || !whole || newest.scan.is_complete(batch) {
                        break;
                    }
                    torn.segment = newest.number;
                    torn.batch = Some(torn.batch.map_or(batch, |other| other.min(batch)));
                    let next_seq = found.iter().map(|found| found.head.next_seq()).max();
                    torn.next_seq = torn.next_seq.max(next_seq.unwrap_or(0));
                }
            }
            opening.scanned.remove(0);
        }
        torn
    }

    fn report(&self, index: &mut Index, replay: &mut Replay) {
        if let Some((kind, segment, at)) = replay.gap.take() {
            replay.find(kind, segment, at, None);
        }
        if self.batch.is_some() {
            replay.end_tail(index, self.next_seq, self.segment, 0);
        }
    }
}

/// The last batch.
struct Tail {
    number: u64,
    /// Where it begins.
    at: u64,
    complete: bool,
    /// It says that the log was closed, and nothing is behind it.
    closed: bool,
    whole: bool,
    next_seq: u64,
}

impl Tail {
    fn of(newest: &Content) -> Option<Self> {
        let number = newest.scan.last_batch()?;
        let of_batch = || newest.scan.found.iter().filter(|found| found.head.batch == number);
        let first = of_batch().next()?;
        let complete = newest.scan.is_complete(number);
        // Where not everything before it was synced, something may be missing there.
        let is_close = first.head.kind == Kind::Close && !first.head.is(LAZY);
        let nothing_behind = newest.scan.strange.iter().all(|range| range.end <= first.at);
        Some(Self {
            number,
            at: first.at,
            complete,
            closed: complete && is_close && nothing_behind,
            whole: of_batch().any(|found| found.head.is(WHOLE)),
            next_seq: of_batch().map(|found| found.head.next_seq()).max()?,
        })
    }
}

impl FileLog {
    /// Makes the log of what was read. Whether there is more to do before it is open.
    pub(super) fn recover(
        &mut self,
        index: &mut Index,
        opening: &mut Opening,
        destroyed: bool,
    ) -> bool {
        let mut replay = core::mem::take(&mut opening.replay);
        let torn = Torn::take_out(opening, &mut replay);
        let last = opening.scanned.first().and_then(Tail::of);
        // If there was an attempt to write the next batch, this one was durable.
        let tail = last.filter(|tail| torn.batch.is_none_or(|batch| batch <= tail.number));
        if let Some((_, base)) = &opening.base {
            // What the segment with the checkpoint had before it.
            for listed in &base.segments {
                let content =
                    opening.scanned.iter().find(|content| content.number == listed.number);
                if let Some(content) = content {
                    replay.older(index, listed, content);
                }
            }
            index.skip_to(base.next_seq);
        }
        let scanned = core::mem::take(&mut opening.scanned);
        for (place, content) in scanned.iter().enumerate().rev() {
            let from = match &opening.base {
                Some((at, _)) if place + 1 == scanned.len() => *at + 1,
                Some(_) | None => 0,
            };
            // What was written again in the segment behind counts there.
            let behind = place.checked_sub(1).and_then(|behind| scanned.get(behind));
            let until = behind.and_then(|behind| Some(behind.scan.found.first()?.head.batch));
            let part = Part { content, from, until: until.unwrap_or(u64::MAX) };
            let tail = tail.as_ref().filter(|_| place == 0);
            self.replay_segment(index, &mut replay, &part, tail);
        }
        opening.scanned = scanned;
        if tail.is_none() && torn.batch.is_some_and(|batch| batch <= replay.proof) {
            replay.durable_next = index.next_seq();
        }
        torn.report(index, &mut replay);
        let behind = self.compare_with_high_water(index, &mut replay, opening, tail.as_ref());
        // That of a message that is gone, perhaps; and those in the same batch were stored before.
        if let Some((_, base)) = &opening.base {
            index.set_last_time(base.last_time);
        }
        let absent = opening.base.is_none()
            && !tail.as_ref().is_some_and(|tail| tail.complete)
            && index.state().messages == 0;
        self.take_over(index, &mut replay, opening, tail.as_ref(), behind);
        // What was said before holds.
        self.mark.durable_next = replay.durable_next.max(replay.said);
        self.synced_batch = replay.proof.saturating_sub(1);
        if let Some(batch) = torn.batch {
            self.batch = batch - 1;
        }
        self.look_for_successor(&mut replay, opening);
        for (kind, seq, segment, at) in core::mem::take(&mut replay.unsound) {
            if self.lost.iter().any(|range| range.contains(&seq)) {
                replay.find(kind, segment, at, Some(seq..=seq));
            }
        }
        let notes = replay.notes.into_iter().map(|(key, pieces)| Note { key, pieces });
        self.recovery =
            Some(Recovery { absent, destroyed, notes: notes.collect(), findings: replay.findings });
        !self.segments.is_empty() && !destroyed
    }

    /// The records of one segment, from one of them on.
    fn replay_segment(
        &mut self,
        index: &mut Index,
        replay: &mut Replay,
        part: &Part<'_>,
        tail: Option<&Tail>,
    ) {
        let Part { content, from, until } = *part;
        let found = &content.scan.found;
        let mut before = from.checked_sub(1).and_then(|at| found.get(at));
        if from == 0 && found.first().is_some_and(|first| first.at > 0) {
            replay.gap = Some((FindingKind::DamagedCheckpoint, content.number, 0));
        }
        let base_batch = before.map(|base| base.head.batch);
        let records = found.iter().skip(from);
        for record in records.take_while(|record| record.head.batch < until) {
            let of_tail = tail.filter(|tail| tail.number == record.head.batch);
            if let Some(kind) = gap_before(before, record, replay, index.next_seq()) {
                let at = before.map_or(0, |before| before.at + before.head.record_bytes());
                replay.gap = Some((kind, content.number, at));
            }
            let batch = record.head.batch;
            if batch <= replay.proof && before.is_none_or(|before| before.head.batch < batch) {
                replay.durable_next = index.next_seq();
            }
            before = Some(record);
            match of_tail {
                Some(tail) => self.replay_tail(index, replay, content, record, tail, base_batch),
                None if base_batch == Some(record.head.batch)
                    && record.head.kind == Kind::Control =>
                {
                    replay.close_gap(index, record);
                    // Its notes are in the checkpoint that is in the same batch.
                    replay.removals(index, record, content, false);
                    end_batch(index, &record.head);
                }
                None => replay.record(index, record, content),
            }
        }
        self.after_segment(index, replay, content, tail);
    }

    /// What is behind the last record of a segment, or missing there.
    fn after_segment(
        &mut self,
        index: &mut Index,
        replay: &mut Replay,
        content: &Content,
        tail: Option<&Tail>,
    ) {
        let end = content.scan.end();
        let strange = content.scan.strange.iter().any(|range| range.start >= end);
        match tail {
            Some(tail) if !tail.complete => {
                replay.gap = None;
                replay.end_tail(index, tail.next_seq, content.number, tail.at);
            }
            Some(_) if strange => replay.find(FindingKind::TornTail, content.number, end, None),
            None if strange => replay.gap = Some((FindingKind::Damage, content.number, end)),
            Some(_) | None => {}
        }
    }

    /// A record of the last batch: it waits to be written again, as if it had just been done.
    fn replay_tail(
        &mut self,
        index: &mut Index,
        replay: &mut Replay,
        content: &Content,
        record: &Found,
        tail: &Tail,
        base_batch: Option<u64>,
    ) {
        if replay.gap.is_some_and(|(kind, ..)| tail.complete || kind != FindingKind::TornTail) {
            replay.close_gap(index, record);
        }
        if !tail.complete && (tail.whole || !record.sound) {
            return;
        }
        match record.head.kind {
            Kind::Message if !record.sound => index.skip_to(record.head.seq + 1),
            Kind::Message if record.head.seq >= index.next_seq() => {
                if !tail.complete {
                    replay.tail_lacks(index.next_seq(), record.head.seq);
                }
                replay.message(index, record, content, false);
                self.pending.append_again(&record.head, stored_of(record, content));
            }
            Kind::Control if tail.complete => {
                if let Some(control) = Control::read(&record.body) {
                    let with_notes = base_batch != Some(record.head.batch);
                    replay.control(index, &control, with_notes, false);
                    self.pending.control_again(&control);
                    self.pending.whole |= tail.whole;
                }
            }
            Kind::Message | Kind::Control | Kind::Checkpoint | Kind::Close => {}
        }
        if record.head.is(LAST) && tail.complete {
            end_batch(index, &record.head);
        }
    }

    /// Makes what was found the state of the log.
    fn take_over(
        &mut self,
        index: &mut Index,
        replay: &mut Replay,
        opening: &Opening,
        tail: Option<&Tail>,
        behind: bool,
    ) {
        let listed = opening.base.iter().flat_map(|(_, base)| &base.segments);
        let mut ends: BTreeMap<u32, u64> =
            listed.clone().map(|listed| (listed.number, listed.end)).collect();
        let packed: Vec<u32> =
            listed.filter(|listed| listed.packed).map(|listed| listed.number).collect();
        for content in opening.scanned.iter().filter(|content| !content.scan.found.is_empty()) {
            ends.insert(content.number, content.scan.end());
        }
        let newest = opening.newest();
        if let Some((tail, newest)) = tail.zip(newest) {
            ends.insert(newest.number, tail.at);
            // It is written again under its own number.
            self.batch = tail.number - 1;
            let before = newest.scan.found.iter().rfind(|found| found.at < tail.at);
            self.chain = before.map_or(0, |before| before.crc);
            self.sealed = Some(newest.number).filter(|_| !tail.closed);
            if tail.closed {
                let first = newest.scan.found.iter().find(|found| found.at == tail.at);
                self.chain = first.map_or(0, |close| close.head.chain);
                let size = newest.bytes.len() as u64;
                let (number, file) = (newest.number, FileId(0));
                self.active = Some(Active { number, file, size, used: tail.at });
                let messages =
                    newest.scan.found.iter().filter(|found| found.head.kind == Kind::Message);
                self.active_messages = messages.map(|found| found.head.record_bytes()).sum();
            }
        }
        let segment = |(number, end): (&u32, &u64)| {
            let packed = packed.contains(number);
            (*number, Segment { end: *end, packed, file: None, used: 0 })
        };
        self.segments = ends.iter().map(segment).collect();
        self.garbage(opening);
        let largest = ends.values().max().copied().unwrap_or(0).next_power_of_two();
        self.next_size = largest.max(FIRST_SEGMENT_BYTES).min(self.segment_bytes);
        self.lost = core::mem::take(&mut replay.lost);
        self.lost.sort_unstable_by_key(|range| *range.start());
        self.durable_next = self.pending.first_seq.unwrap_or(index.next_seq());
        // A checkpoint that is all there is of the last batch is written again, too.
        let again =
            opening.base.is_some() && tail.is_some_and(|tail| tail.number == replay.base_batch);
        // What only the high-water mark knows to be lost is in no segment yet.
        self.wants_checkpoint = again || behind;
        let durable = !again;
        self.erases.append(&mut replay.erased_in_tail);
        for (seq, place) in core::mem::take(&mut replay.erased) {
            if let Some((segment, at)) = place {
                let erase = Erase::left_over(seq, segment, at, durable);
                self.erases.push(erase);
                self.jobs.extend(durable.then_some(Job::Erase(erase)));
            }
        }
        let waiting = self.wants_checkpoint || !self.pending.is_empty();
        self.position = Position(u64::from(waiting));
    }

    /// The table of a segment is written when there is a durable one behind it.
    fn look_for_successor(&mut self, replay: &mut Replay, opening: &Opening) {
        let newest = opening.newest();
        let Some(newest) = newest.map(|content| content.number) else {
            // Or segments of which nothing else is left.
            let tables = opening.names.iter().filter_map(|name| name::parse(name));
            let mut tables = tables.filter(|(kind, ..)| *kind == name::Kind::Index);
            if let Some((_, number, _)) = tables.next() {
                replay.find(FindingKind::MissingFile, number, 0, None);
            }
            return;
        };
        let table = name::name(name::Kind::Index, newest, self.io.identity);
        if opening.names.contains(&table) {
            replay.find(FindingKind::MissingFile, newest + 1, 0, None);
        }
    }

    /// Whether the end of the log is missing: what was durable by the high-water mark is not there, or the
    /// last segment is short. Then every number that may have been given out counts as lost, and none is
    /// given out again. A mark that is older than what is there knows nothing; then it is only known
    /// that there was more. Whether the mark had something to tell.
    fn compare_with_high_water(
        &mut self,
        index: &mut Index,
        replay: &mut Replay,
        opening: &Opening,
        tail: Option<&Tail>,
    ) -> bool {
        let Some(newest) = opening.newest() else { return false };
        let next = index.next_seq();
        let mark = opening.mark.filter(|mark| mark.next_seq >= next);
        let short = tail.is_none_or(|tail| !tail.closed) && is_short(newest);
        let behind = |mark: &HighWater| mark.next_seq > next && (short || mark.durable_next > next);
        if let Some(mark) = mark.filter(behind) {
            let lost = next..=mark.next_seq - 1;
            index.skip_to(mark.next_seq);
            replay.lost.push(lost.clone());
            replay.find(FindingKind::Damage, newest.number, newest.scan.end(), Some(lost));
            return true;
        }
        if short {
            let len = newest.bytes.len() as u64;
            replay.find(FindingKind::Damage, newest.number, len, None);
            self.lost_end = mark.is_none();
        }
        false
    }

    /// Files that the log does not need: removals that were not finished, segments that were made and
    /// not used.
    fn garbage(&mut self, opening: &Opening) {
        let needed = |name: &&String| match name::parse(name) {
            Some((name::Kind::HighWater, ..)) | None => true,
            Some((_, number, identity)) => {
                identity != self.io.identity || self.segments.contains_key(&number)
            }
        };
        let garbage: Vec<String> =
            opening.names.iter().filter(|name| !needed(name)).cloned().collect();
        self.garbage = garbage;
    }
}

/// A segment is as long as it was made until there is a durable one behind it, so one that is shorter has
/// lost its end, or the one behind it.
fn is_short(newest: &Content) -> bool {
    !(newest.bytes.len() as u64).is_multiple_of(LEAST_SEGMENT_BYTES)
}

/// Whether something is missing before a record, and of what kind that is.
fn gap_before(
    before: Option<&Found>,
    record: &Found,
    replay: &Replay,
    next_seq: u64,
) -> Option<FindingKind> {
    let before = before?;
    let end = before.at + before.head.record_bytes();
    if record.follows && record.at == end {
        return None;
    }
    // Otherwise it may all be of the record's own batch.
    let of_another =
        record.head.is(FIRST) || !(before.head.is(LAST) || before.head.batch == record.head.batch);
    let proven =
        record.head.batch < replay.proof || of_another && record.head.batch == replay.proof;
    let durable = proven || next_seq < replay.said;
    Some(kind_if(durable))
}
