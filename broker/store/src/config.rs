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

/// What is done to the bodies of messages before they are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// Nothing.
    None,
    /// LZ4, of each alone, where it makes them smaller.
    Lz4,
}

/// How what is written is encrypted (AEAD, RFC 5116).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cipher {
    /// ChaCha20 and Poly1305, RFC 8439.
    ChaCha20Poly1305,
    /// AES with 256 bits in Galois/Counter mode, NIST SP 800-38D.
    Aes256Gcm,
}

/// What a log is encrypted with. One that was encrypted with another key, or with a cipher of a later
/// version, stays shut.
#[derive(Clone, Eq, PartialEq)]
pub struct Key {
    /// How new bodies are encrypted. Those that are there are read with either.
    pub cipher: Cipher,
    /// 256 bits that nobody can guess. Each log derives its own keys from them.
    pub secret: [u8; 32],
}

impl core::fmt::Debug for Key {
    /// Never shows the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Key({:?})", self.cipher)
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
    /// What is done to the bodies of messages.
    pub compression: Compression,
    /// What is encrypted, and how: everything but lengths, numbers and times. Without one, bodies are
    /// written as they are, and a log that was encrypted stays shut.
    pub key: Option<Key>,
    /// A random number, a new one each time a log is made or opened. One that is made is known by it
    /// ever after: its records are told from those of another log that had the same directory. One
    /// that is opened has its own on the disk, and uses this for the order in which its tables lie in
    /// memory and to never encrypt two things alike.
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
