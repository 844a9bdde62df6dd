//! What monitoring sees of streams.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::info::{ConsumerInfo, StreamInfo};

/// All streams of the server: the counters of `/varz` and `/jsz`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JetStreamReport {
    /// Every stream that the disk holds can be used, or has been given up.
    pub recovered: bool,
    /// Bytes of streams in memory.
    pub memory: u64,
    /// Bytes of streams in files.
    pub storage: u64,
    /// Sum of `max_bytes` of streams in memory.
    pub reserved_memory: u64,
    /// Sum of `max_bytes` of streams in files.
    pub reserved_storage: u64,
    /// Accounts that may have streams.
    pub accounts: u64,
    /// Use of the API.
    pub api: ApiReport,
    /// Streams.
    pub streams: u64,
    /// Consumers, without those of mirrors and sources.
    pub consumers: u64,
    /// Messages in all streams.
    pub messages: u64,
    /// Bytes of these, as they count against limits.
    pub bytes: u64,
}

/// Use of the API.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ApiReport {
    /// Requests.
    pub total: u64,
    /// Requests that failed.
    pub errors: u64,
}

/// Which streams to report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct JetStreamQuery<'a> {
    /// Only of this account.
    pub account: Option<&'a str>,
    /// With the streams.
    pub streams: bool,
    /// Only the one of this name.
    pub stream: Option<&'a str>,
    /// Only those that do not work.
    pub faulty: bool,
    /// With the consumers of each.
    pub consumers: bool,
    /// And with those of mirrors and sources.
    pub direct_consumers: bool,
}

/// The streams of an account, for `/jsz`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JetStreamAccountReport {
    /// The account.
    pub name: String,
    /// Bytes of its streams in memory.
    pub memory: u64,
    /// Bytes of its streams in files.
    pub storage: u64,
    /// The most bytes that it may have in memory; `None` is unlimited.
    pub max_memory: Option<u64>,
    /// The most bytes that it may have in files; `None` is unlimited.
    pub max_storage: Option<u64>,
    /// Its use of the API.
    pub api: ApiReport,
    /// Its streams by name, if asked for.
    pub streams: Vec<StreamReport>,
}

/// A stream, for `/jsz`.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReport {
    /// As the API tells it. Of one that could not be recovered only the name is known.
    pub info: StreamInfo,
    /// What is wrong with it.
    pub fault: Option<StreamFault>,
    /// Its consumers by name, if asked for.
    pub consumers: Vec<ConsumerInfo>,
    /// Those of mirrors and sources, if asked for.
    pub direct_consumers: Vec<ConsumerInfo>,
}

/// Why a stream does not work, for `/healthz`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamFault {
    /// The disk holds it, and it cannot be used.
    NotRecovered,
    /// It cannot be written to since this happened.
    Write(String),
}
