//! The log: its door.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::config::{Compression, Durability, LogConfig, Storage};
use crate::disk::{Done, Op};
use crate::file::FileLog;
use crate::index::{Entry, Filter, Index};
use crate::memory;
use crate::message::{
    Get, Meta, NewMessage, Position, Removed, State, StoredMessage, SubjectId, Trimmed,
};
use crate::notes::{NoteChange, Notes};
use crate::recovery::{Finding, Recovery};

/// Why a log accepts nothing more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// There is no room for the next segment. What was accepted will be written when there is; until
    /// then, nothing more should be.
    NoSpace,
    /// The disk failed while something was written: what is on it is not known before the log is
    /// opened again. Nothing that is not yet durable will be.
    Disk,
}

/// What a completion has brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// More is [durable](Log::durable).
    pub durable: bool,
    /// What was [loading](Get::Loading) may be there now.
    pub loaded: bool,
    /// There is a [failure](Log::failure), or it is another one, or it is over.
    pub failed: bool,
    /// The log [is open](Log::is_open).
    pub opened: bool,
    /// The log [has ended](Log::has_ended).
    pub closed: bool,
}

/// The log of one stream. The crate's documentation tells how it is used.
#[derive(Debug)]
pub struct Log {
    config: LogConfig,
    index: Index,
    store: Store,
}

/// Where the messages are.
#[derive(Debug)]
enum Store {
    Memory { position: Position, recovery: Option<Recovery>, ended: bool },
    File(Box<FileLog>),
}

impl Log {
    /// A new log whose first message will have this sequence, at least 1. It is
    /// [durable](Self::durable) once its first batch is, which is written also if nothing is done.
    pub fn create(config: LogConfig, first_seq: u64, out: &mut Vec<Op>) -> Self {
        let first_seq = first_seq.max(1);
        let index = Index::new(config.storage, config.identity, first_seq);
        let store = match config.storage {
            Storage::Memory => {
                Store::Memory { position: Position::default(), recovery: None, ended: false }
            }
            Storage::File => Store::File(Box::new(FileLog::create(&config, first_seq, out))),
        };
        Self { config, index, store }
    }

    /// Opens what is in the log's directory. One in memory is new.
    pub fn open(config: LogConfig, out: &mut Vec<Op>) -> Self {
        let index = Index::new(config.storage, config.identity, 1);
        let store = match config.storage {
            Storage::Memory => {
                let recovery = Recovery { absent: true, ..Recovery::default() };
                let recovery = Some(recovery);
                Store::Memory { position: Position::default(), recovery, ended: false }
            }
            Storage::File => Store::File(Box::new(FileLog::open(&config, out))),
        };
        Self { config, index, store }
    }

    /// Whether it may be used: until then, nothing but [`done`](Self::done) may be called. If
    /// [`failure`](Self::failure) says that the disk failed before it is open, it will not be; the
    /// owner may try it again from the beginning.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.store {
            Store::Memory { ended, .. } => !ended,
            Store::File(file) => file.is_open(),
        }
    }

    /// What opening has found: once.
    pub fn recovered(&mut self) -> Option<Recovery> {
        match &mut self.store {
            Store::Memory { recovery, .. } => recovery.take(),
            Store::File(file) => file.recovered(),
        }
    }

    /// What reading has found to be damaged since the last time. The owner is to
    /// [give up](Self::give_up) the messages that are lost by it.
    pub fn take_found(&mut self) -> Vec<Finding> {
        match &mut self.store {
            Store::Memory { .. } => Vec::new(),
            Store::File(file) => file.take_found(),
        }
    }

    /// Counts a message as [lost](Self::lost), if it is there. Nothing is written for it: after a restart
    /// it is damaged still, and whoever reads it finds that again, unless there was a checkpoint since.
    pub fn give_up(&mut self, seq: u64) -> Option<Removed> {
        match &mut self.store {
            Store::Memory { .. } => None,
            Store::File(file) => file.give_up(&mut self.index, seq),
        }
    }

    /// Puts a message at the end. It counts at once, and can be read when it is durable.
    ///
    /// # Panics
    /// If its sequence is below [`next_seq`](Self::next_seq), or it is longer than the
    /// [limits](crate::limits) allow.
    pub fn append(&mut self, message: &NewMessage<'_>) {
        let len = message.subject.len() + message.header.len() + message.payload.len();
        assert!(message.subject.len() <= crate::limits::SUBJECT_BYTES, "the subject is too long");
        assert!(len <= crate::limits::BODY_BYTES, "the message is too long");
        match &mut self.store {
            Store::Memory { position, .. } => {
                let body = memory::pack(message);
                self.index.append(message.subject, Entry::of(message, 0), Some(body));
                position.0 += 1;
            }
            Store::File(file) => file.append(&mut self.index, message),
        }
    }

    /// Lets the next message have this sequence, if that is later than it would be. What is left out
    /// counts as having come at `time`, in nanoseconds since 1970; 0 if nobody knows.
    pub fn skip_to(&mut self, next_seq: u64, time: u64) {
        self.index.set_last_time(time);
        match &mut self.store {
            Store::Memory { position, .. } => {
                self.index.skip_to(next_seq);
                position.0 += 1;
            }
            Store::File(file) => file.skip_to(&mut self.index, next_seq),
        }
    }

    /// Takes a message away, if it is there. With `erase` what it was is overwritten on the disk, too,
    /// once the removal is durable.
    pub fn remove(&mut self, seq: u64, erase: bool) -> Option<Removed> {
        match &mut self.store {
            Store::Memory { position, .. } => {
                let removed = self.index.remove(seq)?;
                position.0 += 1;
                Some(removed)
            }
            Store::File(file) => file.remove(&mut self.index, seq, erase),
        }
    }

    /// Takes all messages below `seq` away, in one record. If the next message would have a lower
    /// sequence, it gets this one.
    pub fn trim_to(&mut self, seq: u64) -> Trimmed {
        match &mut self.store {
            Store::Memory { position, .. } => {
                position.0 += 1;
                self.index.trim_to(seq)
            }
            Store::File(file) => file.trim_to(&mut self.index, seq),
        }
    }

    /// Changes a note.
    pub fn note(&mut self, key: &[u8], change: NoteChange<'_>) {
        match &mut self.store {
            Store::Memory { position, .. } => position.0 += 1,
            Store::File(file) => file.note(key, change),
        }
    }

    /// Whatever is not yet committed will be there after a crash as a whole, or not at all. (So it is
    /// anyway if a note changes in it. Otherwise a message may be there while one before it is not,
    /// if nobody was told that they are durable.) It is synced also with
    /// [`Durability::Written`](crate::Durability::Written): nothing is written behind it before.
    pub fn keep_whole(&mut self) {
        if let Store::File(file) = &mut self.store {
            file.keep_whole();
        }
    }

    /// Writes what was done since the last time, if nothing is being written now. To be called at the
    /// end of every turn in which something was done to the log or [`done`](Self::done) was called.
    pub fn commit(&mut self, notes: &mut dyn Notes, out: &mut Vec<Op>) {
        if let Store::File(file) = &mut self.store {
            file.commit(&mut self.index, notes, out);
        }
    }

    /// Asks for a sync of what was written, with [`Durability::Written`](crate::Durability::Written).
    pub fn sync(&mut self, out: &mut Vec<Op>) {
        if let Store::File(file) = &mut self.store {
            file.sync(out);
        }
    }

    /// Looks again whether there is room, if [`failure`](Self::failure) says that there was none. To
    /// be called from time to time while it does.
    pub fn retry(&mut self, out: &mut Vec<Op>) {
        if let Store::File(file) = &mut self.store {
            file.retry(&self.index, out);
        }
    }

    /// Takes the answer to one of the log's operations.
    pub fn done(&mut self, done: Done, out: &mut Vec<Op>) -> Progress {
        match &mut self.store {
            Store::Memory { .. } => Progress::default(),
            Store::File(file) => file.done(&mut self.index, done, out),
        }
    }

    /// How much was done to the log.
    #[must_use]
    pub fn position(&self) -> Position {
        match &self.store {
            Store::Memory { position, .. } => *position,
            Store::File(file) => file.position(),
        }
    }

    /// How much of that is durable: owners acknowledge what was done up to here.
    #[must_use]
    pub fn durable(&self) -> Position {
        match &self.store {
            Store::Memory { position, .. } => *position,
            Store::File(file) => file.durable(),
        }
    }

    /// Whether everything that was done is durable, or cannot be.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.position() == self.durable() || self.failure().is_some()
    }

    /// Why nothing more should be done to the log.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match &self.store {
            Store::Memory { .. } => None,
            Store::File(file) => file.failure(),
        }
    }

    /// What makes the batches from now on durable.
    pub fn set_durability(&mut self, durability: Durability) {
        self.config.durability = durability;
        if let Store::File(file) = &mut self.store {
            file.set_durability(durability);
        }
    }

    /// What is done to the bodies of messages from now on.
    pub fn set_compression(&mut self, compression: Compression) {
        self.config.compression = compression;
        if let Store::File(file) = &mut self.store {
            file.set_compression(compression);
        }
    }

    /// Ends the use of the log, so that it will open quickly. Nothing but [`done`](Self::done) may be
    /// called afterwards, until [`has_ended`](Self::has_ended).
    pub fn close(&mut self, notes: &mut dyn Notes, out: &mut Vec<Op>) {
        match &mut self.store {
            Store::Memory { ended, .. } => *ended = true,
            Store::File(file) => file.close(&mut self.index, notes, out),
        }
    }

    /// Removes everything, so that after a crash at any time either all is there or nothing ever
    /// comes back. Nothing but [`done`](Self::done) may be called afterwards, until
    /// [`has_ended`](Self::has_ended) or [`Progress::failed`], after which it can be tried again.
    pub fn destroy(&mut self, out: &mut Vec<Op>) {
        match &mut self.store {
            Store::Memory { ended, .. } => *ended = true,
            Store::File(file) => file.destroy(&mut self.index, out),
        }
    }

    /// Whether what [`close`](Self::close) or [`destroy`](Self::destroy) had to do is done.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match &self.store {
            Store::Memory { ended, .. } => *ended,
            Store::File(file) => file.has_ended(),
        }
    }

    /// What it was told when it was made.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// What it holds.
    #[must_use]
    pub fn state(&self) -> State {
        self.index.state()
    }

    /// The bytes of what it holds: those of its [`state`](Self::state), which costs more to find out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.index.bytes()
    }

    /// The least sequence for the next message.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.index.next_seq()
    }

    /// The last sequence that was given or skipped durably. What is behind it is not for readers yet.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        match &self.store {
            Store::Memory { .. } => self.index.next_seq() - 1,
            Store::File(file) => file.durable_next() - 1,
        }
    }

    /// What is known of a message.
    #[must_use]
    pub fn meta(&self, seq: u64) -> Option<Meta> {
        self.index.meta(seq)
    }

    /// The name of a subject.
    #[must_use]
    pub fn subject(&self, id: SubjectId) -> &[u8] {
        self.index.subject(id.0)
    }

    /// The number of a subject, if there is a message of it.
    #[must_use]
    pub fn find_subject(&self, name: &[u8]) -> Option<SubjectId> {
        self.index.find_subject(name).map(SubjectId)
    }

    /// The first message of a subject.
    #[must_use]
    pub fn first_of(&self, id: SubjectId) -> Option<u64> {
        self.index.first_of(id.0)
    }

    /// The last message of a subject.
    #[must_use]
    pub fn last_of(&self, id: SubjectId) -> Option<u64> {
        self.index.last_of(id.0)
    }

    /// How many messages of a subject there are.
    #[must_use]
    pub fn count_of(&self, id: SubjectId) -> u64 {
        self.index.count_of(id.0)
    }

    /// The first message from a sequence on that a filter wants.
    #[must_use]
    pub fn next(&self, filter: &mut Filter, from: u64) -> Option<u64> {
        self.index.next(filter, from)
    }

    /// The last message up to a sequence that a filter wants.
    #[must_use]
    pub fn prev(&self, filter: &mut Filter, from: u64) -> Option<u64> {
        self.index.prev(filter, from)
    }

    /// How many messages from a sequence on a filter wants.
    #[must_use]
    pub fn count(&self, filter: &mut Filter, from: u64) -> u64 {
        self.index.count(filter, from)
    }

    /// Calls `each` with the subjects that match a pattern and have messages, sorted by their names.
    pub fn subjects_matching(&self, pattern: &[u8], mut each: impl FnMut(SubjectId)) {
        for id in self.index.subjects_matching(pattern) {
            each(SubjectId(id));
        }
    }

    /// The first message that was stored at this time or later; [`next_seq`](Self::next_seq) if there
    /// is none.
    #[must_use]
    pub fn seq_at_time(&self, time: u64) -> u64 {
        self.index.seq_at_time(time)
    }

    /// The sequences from the first to the last that have no message, ascending.
    pub fn deleted(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.index.deleted()
    }

    /// Whether what was found at the last opening had lost its end: there may have been more messages,
    /// nobody knows how many, and their sequences are given out again.
    #[must_use]
    pub const fn has_lost_its_end(&self) -> bool {
        match &self.store {
            Store::Memory { .. } => false,
            Store::File(file) => file.has_lost_its_end(),
        }
    }

    /// The sequences whose messages are lost to damage, ascending. They count as
    /// [deleted](Self::deleted), and are said to be lost until they are [trimmed](Self::trim_to).
    pub fn lost(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        let lost = match &self.store {
            Store::Memory { .. } => &[],
            Store::File(file) => file.lost(),
        };
        lost.iter().cloned()
    }

    /// The messages with marks, and the marks, by ascending sequence.
    pub fn marks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.index.marks()
    }

    /// Bytes of memory: of the index of messages, and of that of subjects.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        self.index.memory()
    }

    /// A message that is not durable yet. Nobody may be told of it before [`durable_seq`](Self::durable_seq)
    /// has reached it; who has it keeps it, also if it is removed meanwhile. Of what was being written
    /// when the [disk failed](Failure::Disk) nothing is left. Takes time in proportion to
    /// what waits to be written.
    #[must_use]
    pub fn peek(&self, seq: u64) -> Option<StoredMessage> {
        match &self.store {
            Store::File(file) => file.peek(&self.index, seq),
            Store::Memory { .. } => None,
        }
    }

    /// Reads a message, if it is durable.
    pub fn get(&mut self, seq: u64, out: &mut Vec<Op>) -> Get {
        let file = match &mut self.store {
            Store::File(file) => file,
            Store::Memory { .. } => {
                let Some((meta, body)) = self.index.body(seq) else { return Get::Missing };
                let subject = self.index.subject(meta.subject.0).len();
                return Get::Message(memory::unpack(seq, &meta, subject, body));
            }
        };
        file.get(&self.index, seq, out)
    }
}
