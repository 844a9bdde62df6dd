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

/// Bytes: the first segment of a log. Those that follow are larger if messages fill them.
pub(crate) const FIRST_SEGMENT_BYTES: u64 = 256 << 10;

/// How many times as large as the one before a segment may be.
pub(crate) const SEGMENT_GROWTH: u64 = 4;

/// Bytes: no segment is smaller, also if there is little room.
pub(crate) const LEAST_SEGMENT_BYTES: u64 = 16 << 10;

/// How often in a row the next segment may fail to be made before the disk counts as failed.
pub(crate) const PREPARE_TRIES: u32 = 3;

/// Files of one log that are open for reading, beside the one that is written.
pub(crate) const OPEN_FILES: usize = 4;

/// Bytes that are read at once by who reads forwards: few enough to be copied at once if they are in
/// memory, and to be in the processor's cache still when they are looked at.
pub(crate) const READ_AHEAD_BYTES: u64 = 128 << 10;

/// Bytes that are read at once by who does not.
pub(crate) const READ_BYTES: u64 = 4 << 10;

/// How often reading a file is tried again while a log is opened.
pub(crate) const READ_TRIES: u32 = 2;

/// Bytes: shorter bodies are not compressed, there is too little in them that repeats.
pub(crate) const COMPRESS_BYTES: usize = 64;

/// Bytes that are copied at once when what is left of a segment is packed.
pub(crate) const PACK_BYTES: u64 = 256 << 10;
