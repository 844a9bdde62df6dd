//! Batches: what was done becomes records that are written and synced together.

use alloc::vec::Vec;

use bytes::Bytes;

use super::checkpoint::{Checkpoint, Listed, Live};
use super::pending::bind;
use super::record::{Batch, GRANULE, Kind, LAZY, Place, WHOLE};
use super::tidy::{Job, Ready};
use super::{Active, FileLog, For, Phase, Segment, error_of};
use crate::config::Durability;
use crate::disk::{Answer, DiskError, Lane, Op, OpKind};
use crate::index::Index;
use crate::log::Failure;
use crate::message::Position;
use crate::notes::Notes;

/// A batch that is being written.
#[derive(Debug)]
pub(super) struct Flight {
    /// Answers that are missing.
    left: u32,
    failed: bool,
    segment: u32,
    at: u64,
    pieces: Vec<Bytes>,
    position: Position,
    next_seq: u64,
    synced: bool,
    /// Segments that the checkpoint in it does not name.
    gone: Option<Vec<u32>>,
}

impl Flight {
    /// What it writes at this place and behind it, up to the end of a piece.
    pub(super) fn record(&self, segment: u32, at: u64) -> Option<Bytes> {
        let mut skip = at.checked_sub(self.at).filter(|_| segment == self.segment)?;
        for piece in &self.pieces {
            let len = piece.len() as u64;
            if skip < len {
                return Some(piece.slice(skip as usize..));
            }
            skip -= len;
        }
        None
    }
}

impl FileLog {
    /// Begins a batch, if there is something to write and nothing is being written.
    pub(crate) fn commit(&mut self, index: &mut Index, notes: &mut dyn Notes, out: &mut Vec<Op>) {
        if !matches!(self.phase, Phase::Open | Phase::Ending(_)) {
            return;
        }
        self.tidy(index, out);
        let busy = self.flight.is_some() || self.is_erasing_active();
        if busy || self.failure == Some(Failure::Disk) {
            return;
        }
        if self.pending.is_empty() && !self.wants_checkpoint {
            return;
        }
        let bytes = self.pending.bytes(&self.bodies);
        let fits = |active: &Active, bytes| active.used + bytes <= active.size;
        match self.active {
            Some(active) if fits(&active, bytes) && !self.wants_checkpoint => {
                self.write(index, &active, None, out);
            }
            Some(active) if self.wants_checkpoint => {
                let (body, gone) = self.checkpoint(index, active.number, active.used, notes);
                if fits(&active, bytes + self.bodies.record_bytes(body.len() as u64)) {
                    self.write(index, &active, Some((body, gone)), out);
                } else {
                    self.roll(index, notes, out);
                }
            }
            Some(_) | None => self.roll(index, notes, out),
        }
    }

    /// Goes on in the next segment, if it is there. It begins with a checkpoint.
    fn roll(&mut self, index: &mut Index, notes: &mut dyn Notes, out: &mut Vec<Op>) {
        let Some(ready) = self.ready else { return };
        let (body, gone) = self.checkpoint(index, ready.number, 0, notes);
        let body_bytes = self.bodies.record_bytes(body.len() as u64);
        let bytes = self.pending.bytes(&self.bodies) + body_bytes;
        if bytes > ready.size {
            if self.failure.is_none() {
                self.enlarge(index, bytes, out);
            }
            return;
        }
        let Ready { number, file, size } = ready;
        self.ready = None;
        if let Some(old) = self.active.take() {
            if self.lazy() > 0 {
                self.ask_for_sync(&old, out);
            }
            self.seal(&old);
        }
        self.segments.insert(number, Segment { end: 0, packed: false, file: Some(file), used: 0 });
        index.move_to(number, self.pending.first_seq.unwrap_or(index.next_seq()));
        let active = Active { number, file, size, used: 0 };
        (self.active, self.active_messages) = (Some(active), 0);
        self.write(index, &active, Some((body, gone)), out);
        self.tidy(index, out);
    }

    /// A checkpoint that will be at a place, and the segments that it does not name.
    fn checkpoint(
        &self,
        index: &Index,
        segment: u32,
        at: u64,
        notes: &mut dyn Notes,
    ) -> (Vec<u8>, Vec<u32>) {
        let pending = self.pending.first_seq.unwrap_or(index.next_seq());
        let (mut segments, mut gone) = (Vec::new(), Vec::new());
        for (number, known) in &self.segments {
            let live = Live::of(index.ranges_in(*number, pending));
            if live != Live::default() {
                let end = if *number == segment { at } else { known.end };
                segments.push(Listed { number: *number, packed: known.packed, end, live });
            } else if *number != segment {
                gone.push(*number);
            }
        }
        // Copies have higher numbers than the segments behind them.
        segments.sort_by_key(|listed| listed.live.first());
        let checkpoint = Checkpoint {
            next_seq: pending,
            last_time: index.last_time(),
            segments,
            lost: self.lost.clone(),
            erased: self.erases.iter().map(|erase| erase.seq).collect(),
            notes: Vec::new(),
        };
        (checkpoint.body(notes), gone)
    }

    fn write(
        &mut self,
        index: &mut Index,
        active: &Active,
        checkpoint: Option<(Vec<u8>, Vec<u32>)>,
        out: &mut Vec<Op>,
    ) {
        let whole = self.pending.whole || checkpoint.is_some();
        let synced = self.durability == Durability::Synced || self.pending.synced;
        let sync = synced || checkpoint.is_some();
        let count = self.pending.messages;
        let (records, control) = self.pending.take();
        self.active_messages += records.len() as u64;
        self.erases_in_flight();
        let (body, gone) = checkpoint.unzip();
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        pieces.extend(body.map(|body| self.bodies.record(Kind::Checkpoint, &body)));
        pieces.extend((!records.is_empty()).then_some(records));
        let control = control.map(|control| self.bodies.record(Kind::Control, &control.body()));
        pieces.extend(control);
        let others = pieces.len() as u32 - u32::from(count > 0);
        let batch = Batch {
            number: self.batch + 1,
            next_seq: index.next_seq(),
            time: index.last_time(),
            flags: if whole { WHOLE } else { 0 } | self.lazy(),
        };
        let place = Place { identity: self.io.identity, segment: active.number, at: active.used };
        let erases = &mut self.erases;
        self.chain = bind(&mut pieces, batch, place, self.chain, |seq, at| {
            index.place(seq, (at / GRANULE) as u32);
            for erase in erases.iter_mut().filter(|erase| erase.seq == seq) {
                erase.placed(active.number, at);
            }
        });
        self.wants_checkpoint &= gone.is_none();
        self.batch = batch.number;
        self.launch(active, pieces, batch.next_seq, gone, sync, count + others == 1, out);
    }

    /// What the next batch says of those before it.
    pub(super) fn lazy(&self) -> u8 {
        if self.synced_batch < self.batch { LAZY } else { 0 }
    }

    /// Has a batch written, and synced.
    #[expect(clippy::too_many_arguments, reason = "the parts of a batch, put together once")]
    pub(super) fn launch(
        &mut self,
        active: &Active,
        pieces: Vec<Vec<u8>>,
        next_seq: u64,
        gone: Option<Vec<u32>>,
        sync: bool,
        lone: bool,
        out: &mut Vec<Op>,
    ) {
        let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
        self.mark_high_water(next_seq, lone, out);
        let file = active.file;
        let write = OpKind::Write { file, at: active.used, bytes: pieces.clone() };
        self.io.ask_lone(Lane::Commit, For::Batch, write, lone, out);
        if sync {
            self.io.ask_lone(Lane::Commit, For::Batch, OpKind::Sync { file }, lone, out);
        }
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.flight = Some(Flight {
            left: if sync { 2 } else { 1 },
            failed: false,
            segment: active.number,
            at: active.used,
            pieces,
            position: self.position,
            next_seq,
            synced: sync,
            gone,
        });
        let used = active.used + len;
        self.active = Some(Active { used, ..*active });
        if let Some(segment) = self.segments.get_mut(&active.number) {
            segment.end = used;
        }
    }

    /// An operation of the batch in flight was answered. Whether the batch is durable now.
    pub(super) fn batch_done(
        &mut self,
        index: &mut Index,
        result: &Result<Answer, DiskError>,
        out: &mut Vec<Op>,
    ) -> bool {
        let Some(flight) = &mut self.flight else { return false };
        flight.left -= 1;
        flight.failed |= error_of(result).is_some();
        if flight.left > 0 {
            return false;
        }
        let Some(flight) = self.flight.take() else { return false };
        if flight.failed || self.failure == Some(Failure::Disk) {
            // Part of it may be there. Nobody was told, and nobody will be.
            self.fail();
            return false;
        }
        self.durable = flight.position;
        self.durable_next = flight.next_seq;
        if flight.synced {
            self.synced_batch = self.batch;
            self.mark.durable_next = flight.next_seq;
        }
        let mut at = flight.at;
        for piece in flight.pieces {
            let len = piece.len() as u64;
            self.cache.put(flight.segment, at, piece, false);
            at += len;
        }
        self.erases_due();
        match flight.gone {
            Some(gone) => {
                self.drop_segments(&gone, out);
                // There is a segment behind it now: a table says that, too.
                if let Some(segment) = self.sealed.take() {
                    let end = self.segments.get(&segment).map(|segment| segment.end);
                    self.jobs.extend(end.map(|end| Job::Trim { segment, end }));
                    self.jobs.push_back(Job::Table(segment));
                }
                self.look_for_packing(index);
            }
            None => self.look_for_dead_segments(index),
        }
        self.tidy(index, out);
        true
    }

    /// Asks for a sync of what was written.
    pub(crate) fn sync(&mut self, out: &mut Vec<Op>) {
        if let Some(active) = self.active.filter(|_| self.durability == Durability::Written) {
            self.ask_for_sync(&active, out);
        }
    }

    fn ask_for_sync(&mut self, active: &Active, out: &mut Vec<Op>) {
        let batch = self.batch - u64::from(self.flight.is_some());
        let what = For::Sync { batch, next_seq: self.durable_next };
        self.io.ask(Lane::Commit, what, OpKind::Sync { file: active.file }, out);
    }

    /// What was only written was synced, up to this batch and this number.
    pub(super) fn sync_done(
        &mut self,
        batch: u64,
        next_seq: u64,
        result: &Result<Answer, DiskError>,
    ) {
        if result.is_err() {
            self.fail();
        } else if self.failure != Some(Failure::Disk) {
            self.synced_batch = self.synced_batch.max(batch);
            self.mark.durable_next = self.mark.durable_next.max(next_seq);
        }
    }
}
