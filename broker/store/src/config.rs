//! How a log keeps its messages.

use alloc::string::String;

use crate::disk::LogId;

/// Where messages are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Storage {
    /// In files: what is durable survives.
    File,
    /// In memory: everything is durable at once and gone with the log.
    Memory,
}

/// What makes a batch durable, as far as an owner is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// It has been synced.
    Synced,
    /// It has been written: a crash of the process loses nothing, a power loss may. The owner asks
    /// for a sync with [`Log::sync`](crate::Log::sync) from time to time.
    Written,
}

/// What is done to bodies before they are written. Nothing yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// Nothing.
    None,
    /// LZ4, where it makes them smaller.
    Lz4,
}

/// A key of encryption at rest, 256 bits. There is no encryption yet: whoever gives one is refused.
#[derive(Clone, Eq, PartialEq)]
pub struct Key(pub [u8; 32]);

impl core::fmt::Debug for Key {
    /// Never shows the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key")
    }
}

/// What a log is told when it is made or opened. Nothing of it is on the disk.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Its number, in all of its disk operations.
    pub id: LogId,
    /// Where messages are kept.
    pub storage: Storage,
    /// Its directory below the store's root, as in [`Path::dir`](crate::disk::Path::dir); nobody else
    /// has files there.
    pub dir: String,
    /// How large a segment file may become, in bytes. The first ones are smaller.
    pub segment_bytes: u64,
    /// How much of what was written or read lately is kept in memory, in bytes.
    pub cache_bytes: u64,
    /// What makes a batch durable.
    pub durability: Durability,
    /// What is done to bodies.
    pub compression: Compression,
    /// What bodies are encrypted with.
    pub key: Option<Key>,
    /// A random number of this log alone. One that is made is known by it ever after: its records
    /// are told from those of another log that had the same directory. One that is opened has its
    /// own on the disk, and uses this only for the order in which its tables lie in memory.
    pub identity: u64,
}

impl LogConfig {
    /// Files in this directory, synced before they are durable, with usual sizes.
    #[must_use]
    pub fn file(id: LogId, dir: impl Into<String>, identity: u64) -> Self {
        Self {
            id,
            storage: Storage::File,
            dir: dir.into(),
            segment_bytes: crate::limits::SEGMENT_BYTES,
            cache_bytes: crate::limits::CACHE_BYTES,
            durability: Durability::Synced,
            compression: Compression::None,
            key: None,
            identity,
        }
    }

    /// Everything in memory.
    #[must_use]
    pub fn memory(id: LogId, identity: u64) -> Self {
        Self { storage: Storage::Memory, ..Self::file(id, String::new(), identity) }
    }
}
