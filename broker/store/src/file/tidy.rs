//! What is done in the background: room for the next segment is made ahead of need, files that are no
//! longer needed are removed, bodies of removed messages are overwritten. One thing at a time.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::end::Ending;
use super::name;
use super::record::{GRANULE, HEADER_BYTES, Header, Kind, Place};
use super::{Active, FileLog, For, Phase, pack};
use crate::disk::{Answer, DiskError, FileId, Lane, Op, OpKind};
use crate::index::{Index, Located, Of, UNPLACED};
use crate::limits::{LEAST_SEGMENT_BYTES, PREPARE_TRIES, SEGMENT_GROWTH};
use crate::log::{Failure, Progress};

/// A segment of zeros, durable with its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) number: u32,
    pub(super) file: FileId,
    pub(super) size: u64,
}

/// A removed message whose body is to be overwritten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Erase {
    pub(super) seq: u64,
    segment: u32,
    at: u64,
    stage: Stage,
}

/// How far erasing is. The body goes only after the removal is durable: a log that still had the
/// message would find it damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Its removal waits for a batch.
    Removing,
    /// Its removal is in this batch, which is not known to be synced.
    Removed(u64),
    Due,
}

impl Erase {
    pub(super) fn of(seq: u64, located: Located) -> Self {
        let at = if located.at == UNPLACED { 0 } else { u64::from(located.at) * GRANULE };
        Self { seq, segment: located.segment, at, stage: Stage::Removing }
    }

    /// One that was not done before the log was opened. Its removal is durable, or written again.
    pub(super) fn left_over(seq: u64, segment: u32, at: u64, durable: bool) -> Self {
        let stage = if durable { Stage::Due } else { Stage::Removing };
        Self { seq, segment, at, stage }
    }

    pub(super) fn segment(&self) -> u32 {
        self.segment
    }

    /// The message has a place now.
    pub(super) fn placed(&mut self, segment: u32, at: u64) {
        (self.segment, self.at) = (segment, at);
    }
}

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Make the next segment.
    Prepare {
        size: u64,
    },
    /// Make it larger.
    Enlarge {
        size: u64,
    },
    /// Take away what was made in vain.
    Discard(Ready),
    /// Give back what was made for a segment and not used, and what was written again behind it.
    Trim {
        segment: u32,
        end: u64,
    },
    /// Copy what is left of a segment, step by step.
    Pack(pack::Step),
    /// Write down what the index has of a segment.
    Table(u32),
    /// Remove files.
    Remove(Vec<String>),
    /// Look whether a message is where it should be, then overwrite it.
    Erase(Erase),
    Overwrite {
        erase: Erase,
        file: FileId,
        body: u32,
    },
}

impl Job {
    /// Whether it is about room for what is to be written.
    pub(super) fn is_for_room(&self) -> bool {
        matches!(self, Self::Prepare { .. } | Self::Enlarge { .. } | Self::Discard(_))
    }
}

/// A job under way.
#[derive(Debug)]
pub(super) struct Running {
    job: Job,
    left: u32,
    error: Option<DiskError>,
    bytes: Option<Bytes>,
    ready: Option<Ready>,
}

impl FileLog {
    /// Starts what is due.
    pub(super) fn tidy(&mut self, index: &Index, out: &mut Vec<Op>) {
        if self.failure.is_none() && self.needs_segment() {
            self.jobs.push_front(Job::Prepare { size: self.next_size() });
        }
        self.next_job(index, out);
    }

    /// Looks again whether there is room, if there was none.
    pub(crate) fn retry(&mut self, index: &Index, out: &mut Vec<Op>) {
        if self.failure == Some(Failure::NoSpace) && !self.is_preparing() {
            if self.ready.is_some() {
                // It is too small. Whether it can be larger is seen with the next batch.
                self.failure = None;
            } else {
                self.jobs.push_front(Job::Prepare { size: self.next_size() });
            }
        }
        self.next_job(index, out);
    }

    fn is_preparing(&self) -> bool {
        let running = self.running.as_ref().map(|running| &running.job);
        running.into_iter().chain(&self.jobs).any(|job| matches!(job, Job::Prepare { .. }))
    }

    /// Whether the next segment should be made. Ahead of need, but not before half of this one is
    /// used: most logs stay small.
    fn needs_segment(&self) -> bool {
        let used = match self.phase {
            Phase::Open | Phase::Ending(Ending::Closing { .. }) => match self.active {
                None => !self.pending.is_empty() || self.wants_checkpoint,
                Some(Active { used, size, .. }) => {
                    2 * used >= size
                        || used + self.pending.bytes(&self.bodies) > size
                        || self.wants_checkpoint
                }
            },
            Phase::Opening(_) | Phase::Ending(_) | Phase::Ended => false,
        };
        used && self.ready.is_none() && !self.is_preparing()
    }

    /// Logs that are filled by messages get larger segments; those in which only notes change do not.
    fn next_size(&self) -> u64 {
        let grown = match self.active {
            Some(active) if 2 * self.active_messages >= active.used => active.size * SEGMENT_GROWTH,
            Some(active) => active.size,
            None => self.next_size,
        };
        grown.min(self.segment_bytes).max(self.next_size.min(self.segment_bytes))
    }

    /// Has the next segment made larger, for a batch that does not fit.
    pub(super) fn enlarge(&mut self, index: &Index, size: u64, out: &mut Vec<Op>) {
        let under_way = |job: &Job| matches!(job, Job::Enlarge { .. });
        let running = self.running.as_ref().map(|running| &running.job);
        if !running.into_iter().chain(&self.jobs).any(under_way) {
            let size = size.next_multiple_of(LEAST_SEGMENT_BYTES);
            self.jobs.push_front(Job::Enlarge { size });
        }
        self.next_job(index, out);
    }

    fn next_job(&mut self, index: &Index, out: &mut Vec<Op>) {
        while self.running.is_none()
            && let Some(at) = self.jobs.iter().position(|job| self.may_start(job))
            && let Some(job) = self.jobs.remove(at)
        {
            self.start(index, job, out);
        }
    }

    /// Whether this is the wrong moment. A sync that fails may take with it what another one was to
    /// make durable, so nothing is synced in a segment beside the batch that is being written there.
    fn may_start(&self, job: &Job) -> bool {
        self.flight.is_none() || !self.touches_active(job)
    }

    fn touches_active(&self, job: &Job) -> bool {
        let segment = match job {
            Job::Erase(erase) | Job::Overwrite { erase, .. } => erase.segment,
            Job::Prepare { .. }
            | Job::Enlarge { .. }
            | Job::Discard(_)
            | Job::Trim { .. }
            | Job::Pack(_)
            | Job::Table(_)
            | Job::Remove(_) => return false,
        };
        self.active.is_some_and(|active| active.number == segment)
    }

    /// Whether batches have to wait.
    pub(super) fn is_erasing_active(&self) -> bool {
        self.running.as_ref().is_some_and(|running| self.touches_active(&running.job))
    }

    fn start(&mut self, index: &Index, job: Job, out: &mut Vec<Op>) {
        let mut ready = None;
        let ops = match &job {
            Job::Prepare { size } => {
                let made =
                    Ready { number: self.next_number, file: self.io.new_file(), size: *size };
                self.next_number += 1;
                ready = Some(made);
                let path = self.io.path(name::Kind::Segment, made.number);
                vec![
                    OpKind::Open { file: made.file, path, create: true },
                    OpKind::Preallocate { file: made.file, len: *size },
                    OpKind::Sync { file: made.file },
                    self.io.sync_dir(),
                ]
            }
            Job::Enlarge { size } => {
                ready = self.ready.map(|ready| Ready { size: *size, ..ready });
                let Some(Ready { file, .. }) = ready else { return };
                vec![OpKind::Preallocate { file, len: *size }, OpKind::Sync { file }]
            }
            Job::Discard(Ready { number, file, .. }) => {
                let path = self.io.path(name::Kind::Segment, *number);
                vec![OpKind::Close { file: *file }, OpKind::Remove { path }, self.io.sync_dir()]
            }
            Job::Trim { segment, end } => {
                let (file, path) =
                    (self.io.new_file(), self.io.path(name::Kind::Segment, *segment));
                vec![
                    OpKind::Open { file, path, create: false },
                    OpKind::Truncate { file, len: *end },
                    OpKind::Sync { file },
                    OpKind::Close { file },
                ]
            }
            Job::Pack(step) => self.pack_ops(step),
            Job::Table(segment) => {
                let Some(table) = self.table_of(index, *segment) else { return };
                let (file, path) = (self.io.new_file(), self.io.path(name::Kind::Index, *segment));
                // It is also known by it that there is a segment behind.
                vec![
                    OpKind::Open { file, path, create: true },
                    OpKind::Write { file, at: 0, bytes: vec![Bytes::from(table)] },
                    OpKind::Sync { file },
                    OpKind::Close { file },
                    self.io.sync_dir(),
                ]
            }
            Job::Remove(names) => {
                let remove = |name: &String| OpKind::Remove { path: self.io.named(name.clone()) };
                names.iter().map(remove).chain([self.io.sync_dir()]).collect()
            }
            Job::Erase(Erase { segment, at, .. }) => {
                let (file, path) = (self.io.new_file(), self.path_of(*segment));
                ready = Some(Ready { number: *segment, file, size: 0 });
                vec![
                    OpKind::Open { file, path, create: false },
                    OpKind::Read { file, at: *at, len: HEADER_BYTES as u64 },
                ]
            }
            Job::Overwrite { erase, file, body } => {
                let bytes = vec![Bytes::from(vec![0; *body as usize])];
                let (file, at) = (*file, erase.at + HEADER_BYTES as u64);
                let write = OpKind::Write { file, at, bytes };
                vec![write, OpKind::Sync { file }, OpKind::Close { file }]
            }
        };
        let left = ops.len() as u32;
        self.running = Some(Running { job, left, error: None, bytes: None, ready });
        for kind in ops {
            self.io.ask(Lane::Background, For::Job, kind, out);
        }
    }

    /// An operation of the job under way was answered.
    pub(super) fn job_done(
        &mut self,
        index: &mut Index,
        result: Result<Answer, DiskError>,
        progress: &mut Progress,
        out: &mut Vec<Op>,
    ) {
        if matches!(self.phase, Phase::Opening(_)) {
            self.opening_done(index, result, progress, out);
            return;
        }
        let Some(running) = &mut self.running else {
            self.ending_job_done(&result);
            return;
        };
        running.left -= 1;
        match result {
            Err(error) => running.error = running.error.or(Some(error)),
            Ok(Answer::Bytes(bytes)) => running.bytes = Some(bytes),
            Ok(Answer::Done | Answer::Opened { .. } | Answer::Names { .. }) => {}
        }
        if running.left == 0
            && let Some(running) = self.running.take()
        {
            self.finished(index, running);
            self.tidy(index, out);
        }
    }

    fn finished(&mut self, index: &mut Index, running: Running) {
        let Running { job, error, bytes, ready, .. } = running;
        match job {
            Job::Prepare { size } => self.prepared(size, error, ready),
            Job::Enlarge { size } => match error {
                // It may be in use by now.
                None => {
                    let number = ready.map(|ready| ready.number);
                    if let Some(ready) =
                        self.ready.as_mut().filter(|now| Some(now.number) == number)
                    {
                        ready.size = size;
                    }
                }
                Some(error) => self.no_room(error),
            },
            Job::Remove(_) if self.failure == Some(Failure::NoSpace) && !self.is_preparing() => {
                let size = self.next_size();
                self.jobs.push_back(Job::Prepare { size });
            }
            Job::Pack(step) => self.packed(index, step, error.is_some(), bytes),
            Job::Discard(_) | Job::Trim { .. } | Job::Table(_) | Job::Remove(_) => {}
            Job::Erase(erase) => {
                let Some(Ready { file, .. }) = ready.filter(|_| error.is_none()) else { return };
                let Erase { seq, segment, at, .. } = erase;
                let place = Place { identity: self.io.identity, segment, at };
                let head = bytes.and_then(|bytes| Header::read(&bytes, place));
                // Nothing is overwritten that is not the message.
                let is_it = |head: &Header| head.kind == Kind::Message && head.seq == seq;
                let body = head.filter(|(head, _)| is_it(head)).map_or(0, |(head, _)| head.body);
                self.jobs.push_front(Job::Overwrite { erase, file, body });
            }
            Job::Overwrite { erase, .. } => {
                if error.is_none() {
                    self.erases.retain(|other| other.seq != erase.seq);
                    self.cache.drop_at(erase.segment, erase.at);
                } else if self.active.is_some_and(|active| active.number == erase.segment) {
                    self.fail();
                }
            }
        }
    }

    fn prepared(&mut self, size: u64, error: Option<DiskError>, ready: Option<Ready>) {
        let Some(error) = error else {
            self.ready = ready;
            self.failed_to_prepare = 0;
            if self.failure == Some(Failure::NoSpace) {
                self.failure = None;
            }
            return;
        };
        self.jobs.extend(ready.map(Job::Discard));
        self.failed_to_prepare += 1;
        if error == DiskError::NoSpace && size > LEAST_SEGMENT_BYTES {
            let size = (size / SEGMENT_GROWTH).max(LEAST_SEGMENT_BYTES);
            self.jobs.push_back(Job::Prepare { size });
        } else if error == DiskError::Io && self.failed_to_prepare < PREPARE_TRIES {
            self.jobs.push_back(Job::Prepare { size });
        } else {
            self.no_room(error);
        }
    }

    fn no_room(&mut self, error: DiskError) {
        match error {
            DiskError::NoSpace | DiskError::TooManyFiles => {
                self.failure = self.failure.or(Some(Failure::NoSpace));
            }
            DiskError::Io | DiskError::NotFound | DiskError::ReadOnly => self.fail(),
        }
    }

    /// A segment is written no more.
    pub(super) fn seal(&mut self, old: &Active) {
        self.sealed = Some(old.number);
    }

    fn table_of(&mut self, index: &Index, segment: u32) -> Option<Vec<u8>> {
        let end = self.segments.get(&segment)?.end;
        let table = index.table(Of { identity: self.io.identity, segment, end })?;
        Some(self.bodies.table(table, segment))
    }

    /// Removes segments that no checkpoint names any more.
    pub(super) fn drop_segments(&mut self, gone: &[u32], out: &mut Vec<Op>) {
        let mut names = core::mem::take(&mut self.garbage);
        for number in gone {
            let mut packed = false;
            if let Some(segment) = self.segments.remove(number) {
                packed = segment.packed;
                self.close_file(segment.file, out);
            }
            self.cache.drop_segment(*number);
            self.erases.retain(|erase| erase.segment != *number);
            let kinds = match packed {
                true => [name::Kind::Pack, name::Kind::Index],
                false => [name::Kind::Segment, name::Kind::Index],
            };
            names.extend(kinds.map(|kind| name::name(kind, *number, self.io.identity)));
            self.unpackable.remove(number);
        }
        if !names.is_empty() {
            self.jobs.push_back(Job::Remove(names));
        }
    }

    /// The messages that are to be erased in the next batch are removed by it.
    pub(super) fn erases_in_flight(&mut self) {
        let batch = self.batch + 1;
        let removing = self.erases.iter_mut().filter(|erase| erase.stage == Stage::Removing);
        removing.for_each(|erase| erase.stage = Stage::Removed(batch));
    }

    /// Some of the removals may be durable now.
    pub(super) fn erases_due(&mut self) {
        let synced = self.synced_batch;
        let is_due = |stage| matches!(stage, Stage::Removed(batch) if batch <= synced);
        for erase in self.erases.iter_mut().filter(|erase| is_due(erase.stage)) {
            erase.stage = Stage::Due;
            self.jobs.push_back(Job::Erase(*erase));
        }
    }

    /// Whether so much could be given back after a checkpoint that one is worth it.
    pub(super) fn look_for_dead_segments(&mut self, index: &Index) {
        let Some(active) = self.active else { return };
        let live = index.live_segments();
        let dead = self
            .segments
            .iter()
            .filter(|(number, _)| **number != active.number && live.binary_search(number).is_err());
        let bytes: u64 = dead.map(|(_, segment)| segment.end).sum();
        self.wants_checkpoint |= bytes > 0 && bytes >= active.size;
    }
}
