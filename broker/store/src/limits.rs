//! The numbers that bound a log, with their units.

/// Bytes: the usual size of the largest segment files.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Bytes: how much of what was written or read lately is usually kept in memory.
pub const CACHE_BYTES: u64 = 8 << 20;

/// Bytes: the longest subject of a message, as far as 16 bits say it.
pub const SUBJECT_BYTES: usize = u16::MAX as usize;

/// Bytes: subject, header and payload of a message together. Its top bit is needed elsewhere.
pub const BODY_BYTES: usize = (1 << 31) - 1;

/// Messages in one chunk of the index of a log in memory. When none of them is left, the chunk goes.
pub(crate) const MEMORY_CHUNK: usize = 16 << 10;
