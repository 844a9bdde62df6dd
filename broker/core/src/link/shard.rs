//! Links between the shards of one server: in memory, FIFO per pair.
//!
//! A server with n cores runs n nodes. Their batches travel through the host's memory instead of
//! a socket, but they are links like any other: what crosses them is interest and messages, in
//! the order in which they were produced, and the simulator delays them like packets. This
//! version of the server runs one shard; the kind is part of the contract so that hosts are built
//! for it.

use alloc::vec::Vec;

use crate::ids::ShardId;

/// What one shard has for another: protocol bytes as a route would carry them.
#[derive(Debug, Default)]
pub struct ShardBatch {
    /// Whole frames, in order.
    pub bytes: Vec<u8>,
}

/// One batch per destination shard.
#[derive(Debug, Default)]
pub struct ShardOut {
    batches: Vec<(ShardId, ShardBatch)>,
}

impl ShardOut {
    /// Whether no shard is owed anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Drops all batches.
    pub fn clear(&mut self) {
        self.batches.clear();
    }

    /// Takes the batches, in order of destination.
    pub fn drain(&mut self) -> impl Iterator<Item = (ShardId, ShardBatch)> + '_ {
        self.batches.drain(..)
    }
}
