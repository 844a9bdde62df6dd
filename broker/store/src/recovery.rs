//! What opening a log has found.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bytes::Bytes;

/// A note as it was found: the pieces that were put and appended, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Its key.
    pub key: Bytes,
    /// What was put, and what was appended to it since.
    pub pieces: Vec<Bytes>,
}

/// What opening a log has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// There was no log, or one whose making was not finished: nothing of it was ever durable.
    pub absent: bool,
    /// It was being destroyed. Nothing is left to the owner but to [`destroy`](crate::Log::destroy)
    /// it again.
    pub destroyed: bool,
    /// The owner's notes, sorted by their keys.
    pub notes: Vec<Note>,
    /// What was not as it should be.
    pub findings: Vec<Finding>,
}

/// Something that was not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// In which segment.
    pub segment: u32,
    /// Where in it, in bytes.
    pub at: u64,
    /// The sequences that may have had a message there. Some may have been skipped, or removed.
    pub lost: Option<RangeInclusive<u64>>,
}

/// What was not as it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FindingKind {
    /// The last batch is not complete. It was being written when everything stopped, or it was
    /// damaged later: nobody can say. What cannot be read of it is dropped. In a log that only writes
    /// that holds for everything behind the last sync.
    TornTail,
    /// What was durable is damaged. Messages are [lost](Finding::lost); removals and changes of notes
    /// may be, too.
    Damage,
    /// The file is not there, or not of this log.
    MissingFile,
    /// The checkpoint is damaged. Notes and removals are those of the one before, as far as what
    /// followed it could be read.
    DamagedCheckpoint,
}
