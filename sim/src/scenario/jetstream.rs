//! What a scenario says of streams and of who keeps them.

use super::Draw;

/// How a node keeps streams.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JetStreamSpec {
    /// The domain by which others reach them.
    pub domain: String,
    /// Nanoseconds between two syncs of a stream's file; 0 is before anything is acknowledged.
    pub sync: Draw,
    /// Bytes of all streams in files; `None` is the server's default.
    pub max_store: Option<Draw>,
    /// Bytes of all streams in memory; `None` is the server's default.
    pub max_memory: Option<Draw>,
}
