//! What a scenario says of streams, of who keeps them and of who uses them.

use causeway_core::store::Cipher;

use super::Draw;
use crate::plan::KeyOp;

/// How a node keeps streams.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JetStreamSpec {
    /// The domain by which others reach them.
    pub domain: String,
    /// Nanoseconds between two syncs of a stream's file; 0 is before anything is acknowledged.
    pub sync: Draw,
    /// How what is in files is encrypted.
    pub cipher: Option<Cipher>,
    /// Bytes of all streams in files; `None` is the server's default.
    pub max_store: Option<Draw>,
    /// Bytes of all streams in memory; `None` is the server's default.
    pub max_memory: Option<Draw>,
}

/// A stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamSpec {
    /// Its name.
    pub name: String,
    /// The region that keeps it: an index into [`Scenario::regions`](super::Scenario::regions).
    pub place: usize,
    /// Its configuration as the API takes it: a JSON object.
    pub config: String,
}

/// A consumer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsumerSpec {
    /// Its name.
    pub name: String,
    /// An index into [`Scenario::streams`](super::Scenario::streams).
    pub stream: usize,
    /// Its configuration as the API takes it: a JSON object.
    pub config: String,
}

/// A client's business with streams. Shares are in millionths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Business {
    /// It has messages stored.
    Store {
        /// An index into [`Scenario::streams`](super::Scenario::streams).
        stream: usize,
        /// Messages that may wait for an acknowledgement.
        window: Draw,
        /// It says who a message is, and sends it again if it must.
        msg_id: bool,
        /// Messages that are sent as one.
        batch: Option<Draw>,
        /// What a message adds to a counter.
        adds: Option<Draw>,
    },
    /// It works off a consumer.
    Consume {
        /// An index into [`Scenario::consumers`](super::Scenario::consumers).
        consumer: usize,
        /// Messages of one request.
        batch: Draw,
        /// How long a request waits, in nanoseconds.
        expires: Draw,
        /// How long it works on a message at most, in nanoseconds.
        hold: Draw,
        /// It asks for more only when it has done with what it was given.
        in_turn: bool,
        /// Of those that it acknowledges and wants to be sure.
        double: Draw,
        /// Of those that it gives back.
        nak: Draw,
        /// Of those that it gives up.
        term: Draw,
        /// Of those to which it says nothing.
        silent: Draw,
    },
    /// It writes and reads keys.
    Keys {
        /// An index into [`Scenario::streams`](super::Scenario::streams).
        stream: usize,
        /// What the subjects of the keys begin with.
        prefix: String,
        /// How many keys there are.
        keys: u64,
        /// What it does, and how often compared to the rest.
        mix: Vec<(KeyOp, u64)>,
    },
}
