//! A log in files: segments of records, of which the last one is written.
//!
//! | file | holds |
//! |---|---|
//! | `commit` | batches: what was done becomes records, one batch is in flight at a time |
//! | `pack` | what is left of a segment is copied when that is little |
//! | `tidy` | what is done in the background: room for the next segment, what is no longer needed |
//! | `read` | reading messages, from memory or the disk |
//! | `open`, `recover`, `replay` | reading the files after a start, and making sense of them |
//! | `high_water` | which numbers were given out, in a file of its own |
//! | `end` | closing and destroying |
//! | `record`, `pending`, `checkpoint`, `scan` | the format; the crate's documentation shows it |
//! | `body`, `crypt` | compressed and encrypted bodies |

mod body;
mod cache;
mod checkpoint;
mod commit;
mod crc;
mod crypt;
mod end;
mod high_water;
mod io;
mod name;
mod open;
mod pack;
mod pending;
mod read;
mod record;
mod recover;
mod replay;
mod scan;
mod tidy;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::config::{Compression, Durability, LogConfig};
use crate::disk::{Answer, DiskError, Done, FileId, Op, Path};
use crate::index::{Entry, Index};
use crate::limits::FIRST_SEGMENT_BYTES;
use crate::log::{Failure, Progress};
use crate::message::{Meta, NewMessage, Position, Trimmed};
use crate::notes::NoteChange;
use crate::recovery::{Finding, Recovery};
use body::Bodies;
pub use body::begins_encrypted;
use cache::Cache;
use commit::Flight;
pub(crate) use crc::crc32c;
use end::Ending;
use high_water::Mark;
use io::{For, Io};
use open::Opening;
use pack::Packing;
use pending::Pending;
use read::Loads;
pub(crate) use record::record_bytes;
use tidy::{Erase, Job, Ready, Running};

/// The segment of messages that wait for a segment.
const NO_SEGMENT: u32 = u32::MAX;

/// Where the log is in its life.
#[derive(Debug)]
enum Phase {
    /// Its files are being read.
    Opening(Box<Opening>),
    /// It is used.
    Open,
    /// It ends.
    Ending(Ending),
    /// It has ended.
    Ended,
}

/// A segment file.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Bytes of it that are of the log.
    end: u64,
    /// It is what was left of another.
    packed: bool,
    /// It is open for reading.
    file: Option<FileId>,
    /// When it was last read, by the count of reads.
    used: u64,
}

/// The segment that is written.
#[derive(Clone, Copy, Debug)]
struct Active {
    number: u32,
    file: FileId,
    /// Bytes that were made for it.
    size: u64,
    /// Bytes that are used.
    used: u64,
}

/// A log in files.
#[derive(Debug)]
pub(crate) struct FileLog {
    io: Io,
    phase: Phase,
    durability: Durability,
    segment_bytes: u64,
    bodies: Bodies,
    /// Those that hold something of the log, the one that is written included.
    segments: BTreeMap<u32, Segment>,
    active: Option<Active>,
    /// Bytes of messages in it.
    active_messages: u64,
    /// The segment before it, whose table is not written yet.
    sealed: Option<u32>,
    /// The next segment.
    ready: Option<Ready>,
    next_number: u32,
    /// Bytes that the next segment should have at least.
    next_size: u64,
    /// The number of the last batch, and the checksum of its last header.
    batch: u64,
    chain: u32,
    /// Every batch up to this number is known to be synced.
    synced_batch: u64,
    pending: Pending,
    flight: Option<Flight>,
    mark: Mark,
    /// A checkpoint is worth writing for what can be removed after it.
    wants_checkpoint: bool,
    /// Files that are no longer needed once the next checkpoint is durable.
    garbage: Vec<alloc::string::String>,
    /// Removed messages whose bodies are still on the disk.
    erases: Vec<Erase>,
    lost: Vec<RangeInclusive<u64>>,
    /// The end of the log is lost, and nobody knows how much that was.
    lost_end: bool,
    /// Damage that reading has found and the owner has not taken.
    found: Vec<Finding>,
    packing: Option<Packing>,
    /// Segments that cannot be packed: something in them cannot be read.
    unpackable: BTreeSet<u32>,
    jobs: VecDeque<Job>,
    running: Option<Running>,
    /// How often the next segment could not be made, one time after the other.
    failed_to_prepare: u32,
    cache: Cache,
    loads: Loads,
    position: Position,
    durable: Position,
    durable_next: u64,
    failure: Option<Failure>,
    recovery: Option<Recovery>,
}

/// The largest segments, in bytes. All are multiples of the smallest, by which one is known that has
/// lost its end.
fn segment_bytes(config: &LogConfig) -> u64 {
    config.segment_bytes.max(1).next_multiple_of(crate::limits::LEAST_SEGMENT_BYTES)
}

impl FileLog {
    fn new(config: &LogConfig, phase: Phase, first_seq: u64) -> Self {
        Self {
            io: Io::new(config.id, config.dir.clone(), config.identity),
            phase,
            durability: config.durability,
            segment_bytes: segment_bytes(config),
            bodies: Bodies::new(config),
            segments: BTreeMap::new(),
            active: None,
            active_messages: 0,
            sealed: None,
            ready: None,
            next_number: 1,
            next_size: FIRST_SEGMENT_BYTES.min(segment_bytes(config)),
            batch: 0,
            chain: 0,
            synced_batch: 0,
            pending: Pending::default(),
            flight: None,
            mark: Mark::of(first_seq),
            wants_checkpoint: false,
            garbage: Vec::new(),
            erases: Vec::new(),
            lost: Vec::new(),
            lost_end: false,
            found: Vec::new(),
            packing: None,
            unpackable: BTreeSet::new(),
            jobs: VecDeque::new(),
            running: None,
            failed_to_prepare: 0,
            cache: Cache::new(config.cache_bytes),
            loads: Loads::default(),
            position: Position::default(),
            durable: Position::default(),
            durable_next: first_seq,
            failure: None,
            recovery: None,
        }
    }

    /// A new log. Its first checkpoint says that there is one.
    pub(crate) fn create(config: &LogConfig, first_seq: u64, out: &mut Vec<Op>) -> Self {
        let mut log = Self::new(config, Phase::Open, first_seq);
        log.wants_checkpoint = true;
        log.position.0 = 1;
        log.tidy(&Index::new(config.storage, 0, first_seq), out);
        log
    }

    /// The log that is in its directory.
    pub(crate) fn open(config: &LogConfig, out: &mut Vec<Op>) -> Self {
        let mut log = Self::new(config, Phase::Ended, 1);
        log.begin_opening(out);
        log
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(crate) fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    pub(crate) fn set_compression(&mut self, compression: Compression) {
        self.bodies.set_compression(compression);
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn durable(&self) -> Position {
        self.durable
    }

    /// The next sequence, as far as it is durable.
    pub(crate) fn durable_next(&self) -> u64 {
        self.durable_next
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure
    }

    pub(crate) fn lost(&self) -> &[RangeInclusive<u64>] {
        &self.lost
    }

    pub(crate) const fn has_lost_its_end(&self) -> bool {
        self.lost_end
    }

    pub(crate) fn take_found(&mut self) -> Vec<Finding> {
        core::mem::take(&mut self.found)
    }

    /// Counts a message as lost.
    pub(crate) fn give_up(&mut self, index: &mut Index, seq: u64) -> Option<Meta> {
        let removed = index.remove(seq)?;
        let at = self.lost.partition_point(|range| *range.end() < seq);
        self.lost.insert(at, seq..=seq);
        Some(removed)
    }

    pub(crate) fn recovered(&mut self) -> Option<Recovery> {
        self.recovery.take()
    }

    pub(crate) fn append(&mut self, index: &mut Index, message: &NewMessage<'_>) {
        let segment = self.active.map_or(NO_SEGMENT, |active| active.number);
        let time = message.time.max(index.last_time());
        let stored = self.pending.append(&mut self.bodies, message, time);
        index.append(message.subject, Entry { stored, ..Entry::of(message, segment) }, None);
        self.position.0 += 1;
    }

    pub(crate) fn skip_to(&mut self, index: &mut Index, next_seq: u64) {
        index.skip_to(next_seq);
        self.control();
    }

    pub(crate) fn remove(&mut self, index: &mut Index, seq: u64, erase: bool) -> Option<Meta> {
        let located = index.locate(seq)?;
        let removed = index.remove(seq)?;
        self.pending.removed.push(seq);
        if erase {
            self.pending.erased.push(seq);
            self.erases.push(Erase::of(seq, located));
            self.spoil_packing(located.segment);
        }
        self.control();
        Some(removed)
    }

    pub(crate) fn trim_to(&mut self, index: &mut Index, seq: u64) -> Trimmed {
        let trimmed = index.trim_to(seq);
        self.pending.trim = self.pending.trim.max(seq);
        replay::subtract(&mut self.lost, 0..=seq.saturating_sub(1));
        self.control();
        trimmed
    }

    pub(crate) fn note(&mut self, key: &[u8], change: NoteChange<'_>) {
        self.pending.note(key, change);
        self.control();
    }

    pub(crate) fn keep_whole(&mut self) {
        self.pending.whole = true;
        self.pending.synced = true;
    }

    /// The file of a segment.
    fn path_of(&self, segment: u32) -> Path {
        let packed = self.segments.get(&segment).is_some_and(|segment| segment.packed);
        let kind = if packed { name::Kind::Pack } else { name::Kind::Segment };
        self.io.path(kind, segment)
    }

    fn control(&mut self) {
        self.pending.control = true;
        self.position.0 += 1;
    }

    /// Takes the answer to an operation.
    pub(crate) fn done(&mut self, index: &mut Index, done: Done, out: &mut Vec<Op>) -> Progress {
        let before = self.failure;
        let mut progress = Progress::default();
        match self.io.answered(done.id) {
            Some(For::Batch) => progress.durable = self.batch_done(index, &done.result, out),
            Some(For::Sync { batch, next_seq }) => {
                self.sync_done(batch, next_seq, &done.result);
                if self.is_open() {
                    self.erases_due();
                    self.tidy(index, out);
                }
            }
            Some(For::Job) => self.job_done(index, done.result, &mut progress, out),
            Some(For::Load { segment, at }) => {
                self.loaded(segment, at, done.result);
                progress.loaded = true;
            }
            Some(For::Open { segment }) => self.opened_to_read(segment, &done.result),
            Some(For::Nothing) | None => {}
        }
        self.go_on_ending(index, &mut progress, out);
        progress.failed = self.failure != before;
        progress
    }

    /// The disk failed: what is on it is not known.
    fn fail(&mut self) {
        self.failure = Some(Failure::Disk);
    }
}

/// What an operation came to, if only that matters.
fn error_of(result: &Result<Answer, DiskError>) -> Option<DiskError> {
    result.as_ref().err().copied()
}
