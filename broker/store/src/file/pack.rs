//! Packing: what is left of a segment is copied to a file of its own when that is less than half.
//!
//! The copy has a number of its own and counts once a durable checkpoint names it; until then the
//! segment does, and afterwards that is removed. So nothing is renamed, and a crash leaves nothing but
//! a file that nobody names. It is done in small pieces, between which other things in the background
//! have their turn.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::record::{
    Batch, GRANULE, HEADER_BYTES, Header, Kind as RecordKind, Place, record_bytes,
};
use super::tidy::Job;
use super::{FileLog, Phase, Segment, name};
use crate::disk::{FileId, OpKind};
use crate::index::Index;
use crate::limits::PACK_BYTES;

/// A segment that is being packed.
#[derive(Debug)]
pub(super) struct Packing {
    source: u32,
    number: u32,
    from: FileId,
    to: FileId,
    /// The messages to be copied: sequence, place in bytes, length of the record.
    messages: Vec<(u64, u64, u64)>,
    /// How many are copied.
    done: usize,
    /// Those that were, and where they are now, in granules.
    moved: Vec<(u64, u32)>,
    written: u64,
    chain: u32,
    /// It is of no use any more.
    spoiled: bool,
}

/// What is done next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Open,
    /// These messages are read.
    Read {
        count: usize,
    },
    Write(Bytes),
    Finish,
    /// It is given up.
    Drop,
}

impl FileLog {
    /// Begins to pack the segment of which the least is left.
    pub(super) fn look_for_packing(&mut self, index: &Index) {
        if self.packing.is_some() || !matches!(self.phase, Phase::Open) {
            return;
        }
        let active = self.active.map(|active| active.number);
        let weights = index.weights();
        let light = weights.iter().filter_map(|(number, weight)| {
            let end = self.segments.get(number)?.end;
            let erases = self.erases.iter().any(|erase| erase.segment() == *number);
            let whole = 2 * weight >= end || Some(*number) == active;
            let never = self.unpackable.contains(number) || erases || *weight == 0;
            (!whole && !never).then_some((*weight * 1000 / end, *number))
        });
        let Some((_, source)) = light.min() else { return };
        let mut messages: Vec<(u64, u64, u64)> = index
            .placed_in(source)
            .map(|(seq, located)| {
                (seq, u64::from(located.at) * GRANULE, record_bytes(located.stored.into()))
            })
            .collect();
        messages.sort_unstable_by_key(|(_, at, _)| *at);
        let (from, to) = (self.io.new_file(), self.io.new_file());
        let number = self.next_number;
        self.next_number += 1;
        self.packing = Some(Packing {
            source,
            number,
            from,
            to,
            messages,
            done: 0,
            moved: Vec::new(),
            written: 0,
            chain: 0,
            spoiled: false,
        });
        self.jobs.push_back(Job::Pack(Step::Open));
    }

    /// A message of a segment is to be erased: a copy of it must not stay.
    pub(super) fn spoil_packing(&mut self, segment: u32) {
        if let Some(packing) = self.packing.as_mut().filter(|packing| packing.source == segment) {
            packing.spoiled = true;
        }
    }

    /// The operations of a step.
    pub(super) fn pack_ops(&self, step: &Step) -> Vec<OpKind> {
        let Some(packing) = &self.packing else { return Vec::new() };
        let (from, to) = (packing.from, packing.to);
        match step {
            Step::Open => {
                let source = self.path_of(packing.source);
                let target = self.io.path(name::Kind::Pack, packing.number);
                vec![
                    OpKind::Open { file: from, path: source, create: false },
                    OpKind::Open { file: to, path: target, create: true },
                ]
            }
            Step::Read { count } => {
                let part = packing.messages.get(packing.done..packing.done + count);
                let part = part.unwrap_or_default();
                let at = part.first().map_or(0, |(_, at, _)| *at);
                let end = part.last().map_or(at, |(_, at, len)| at + len);
                vec![OpKind::Read { file: from, at, len: end - at }]
            }
            Step::Write(bytes) => {
                vec![OpKind::Write { file: to, at: packing.written, bytes: vec![bytes.clone()] }]
            }
            Step::Finish => vec![
                OpKind::Sync { file: to },
                self.io.sync_dir(),
                OpKind::Close { file: from },
                OpKind::Close { file: to },
            ],
            Step::Drop => {
                let path = self.io.path(name::Kind::Pack, packing.number);
                let (from, to) = (OpKind::Close { file: from }, OpKind::Close { file: to });
                vec![from, to, OpKind::Remove { path }]
            }
        }
    }

    /// A step is done.
    pub(super) fn packed(
        &mut self,
        index: &mut Index,
        step: Step,
        failed: bool,
        bytes: Option<Bytes>,
    ) {
        let identity = self.io.identity;
        let ends = !matches!(self.phase, Phase::Open);
        let Some(packing) = &mut self.packing else { return };
        packing.spoiled |= ends;
        let finished = matches!(step, Step::Finish);
        let next = match step {
            Step::Drop => None,
            Step::Finish if !failed && !packing.spoiled => None,
            _ if failed || packing.spoiled => Some(Step::Drop),
            Step::Open => Some(packing.next_read()),
            Step::Read { count } => {
                let copied = bytes.and_then(|bytes| packing.copy(identity, count, &bytes));
                Some(copied.map_or(Step::Drop, Step::Write))
            }
            Step::Write(bytes) => {
                packing.written += bytes.len() as u64;
                Some(packing.next_read())
            }
            Step::Finish => Some(Step::Drop),
        };
        match next {
            Some(next) => self.jobs.push_back(Job::Pack(next)),
            None => {
                let Some(packing) = self.packing.take() else { return };
                if finished {
                    self.take_copy(index, &packing);
                } else if !packing.spoiled {
                    self.unpackable.insert(packing.source);
                }
                self.look_for_packing(index);
            }
        }
    }

    /// From now on messages are read from the copy.
    fn take_copy(&mut self, index: &mut Index, packing: &Packing) {
        index.repack(packing.source, packing.number, &packing.moved);
        let segment = Segment { end: packing.written, packed: true, file: None, used: 0 };
        self.segments.insert(packing.number, segment);
        self.jobs.push_back(Job::Table(packing.number));
        // The segment is to go soon: a message that is erased is still in it.
        self.wants_checkpoint = true;
    }
}

impl Packing {
    fn next_read(&self) -> Step {
        let rest = self.messages.get(self.done..).unwrap_or_default();
        let Some((_, begin, _)) = rest.first() else { return Step::Finish };
        let near = |(_, at, len): &&(u64, u64, u64)| at + len - begin <= PACK_BYTES;
        Step::Read { count: rest.iter().take_while(near).count().max(1) }
    }

    /// The records of the next messages at their new places; `None` if one is not as it was written.
    fn copy(&mut self, identity: u64, count: usize, bytes: &Bytes) -> Option<Bytes> {
        let part = self.messages.get(self.done..self.done + count)?;
        let begin = part.first()?.1;
        let mut copy: Vec<u8> = Vec::new();
        for (seq, at, len) in part {
            let from = (at - begin) as usize;
            let record = bytes.get(from..from + *len as usize)?;
            let place = Place { identity, segment: self.source, at: *at };
            let (head, _) = Header::read(record, place)?;
            let right = head.kind == RecordKind::Message && head.seq == *seq;
            if !right || head.record_bytes() > *len || !head.fits(&record[HEADER_BYTES..]) {
                return None;
            }
            let to = copy.len();
            copy.extend_from_slice(&record[..head.record_bytes() as usize]);
            let at = self.written + to as u64;
            let place = Place { identity, segment: self.number, at };
            let batch =
                Batch { number: head.batch, next_seq: head.next_seq(), time: head.time, flags: 0 };
            let bytes = copy[to..].first_chunk_mut()?;
            (self.chain, _) = Header::bind(bytes, &batch, 0, place, self.chain);
            self.moved.push((*seq, (at / GRANULE) as u32));
        }
        self.done += count;
        Some(Bytes::from(copy))
    }
}
