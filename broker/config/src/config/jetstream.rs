//! `jetstream` and `cluster.buffer`: what is kept on disk.

use std::time::Duration;

use super::Secret;
use crate::defaults;

/// What streams may use, and how they are kept. Where is [`Config::store_dir`](crate::Config).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetStream {
    /// `max_memory_store`: bytes of all streams in memory. `None`: three quarters of the machine's.
    pub max_memory: Option<u64>,
    /// `max_file_store`: bytes of all streams in files. `None`: three quarters of what is free.
    pub max_store: Option<u64>,
    /// `domain`: one token of a subject.
    pub domain: Option<String>,
    /// `strict`: refuse unknown fields in requests.
    pub strict: bool,
    /// `sync_interval`.
    pub sync: SyncPolicy,
    /// `request_queue_limit`: requests that may wait for an answer. At least 1.
    pub request_queue_limit: u32,
    /// `max_buffered_msgs`: messages of one stream that may wait to be stored. At least 1.
    pub max_buffered_msgs: u32,
    /// `max_buffered_size`: bytes of these. At least 1.
    pub max_buffered_size: u64,
    /// `limits`.
    pub limits: JetStreamLimits,
    /// `key`: what is stored is encrypted, and opened by this. `None`: it is not.
    pub key: Option<Secret>,
    /// `prev_key`: what it was opened by until now.
    pub previous_key: Option<Secret>,
    /// `cipher`.
    pub cipher: Cipher,
}

impl Default for JetStream {
    fn default() -> Self {
        Self {
            max_memory: None,
            max_store: None,
            domain: None,
            strict: true,
            sync: SyncPolicy::BeforeAck,
            request_queue_limit: defaults::REQUEST_QUEUE_LIMIT,
            max_buffered_msgs: defaults::MAX_BUFFERED_MSGS,
            max_buffered_size: defaults::MAX_BUFFERED_SIZE,
            limits: JetStreamLimits::default(),
            key: None,
            previous_key: None,
            cipher: Cipher::default(),
        }
    }
}

/// `jetstream.cipher`: how what is stored is encrypted, if it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// `chacha`, nats-server's default.
    ChaCha20Poly1305,
    /// `aes`, the default here: processors help with it.
    #[default]
    Aes256Gcm,
}

impl Cipher {
    /// What nats-server calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::Aes256Gcm => "AES-GCM",
        }
    }
}

/// `jetstream.sync_interval`: when what is stored becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// `always`, and the default, which is nats-server's only difference in this block: before it
    /// is acknowledged.
    BeforeAck,
    /// A duration: so often, so that a power failure may take back what was acknowledged within it.
    Every(Duration),
}

/// `jetstream.limits`: limits of each stream and consumer. `None`: unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetStreamLimits {
    /// `max_ack_pending` of a consumer.
    pub max_ack_pending: Option<u64>,
    /// `max_request_batch`: messages of one pull request.
    pub max_request_batch: Option<u64>,
    /// `default_max_consumers`: of a stream that says nothing itself. `None`: unlimited.
    pub default_max_consumers: Option<u64>,
    /// `duplicate_window`: the longest that a stream may have.
    pub duplicate_window: Option<Duration>,
    /// `batch`.
    pub batch: BatchLimits,
}

impl Default for JetStreamLimits {
    fn default() -> Self {
        Self {
            max_ack_pending: None,
            max_request_batch: None,
            default_max_consumers: Some(defaults::MAX_CONSUMERS),
            duplicate_window: None,
            batch: BatchLimits::default(),
        }
    }
}

/// `jetstream.limits.batch`: limits of messages that are published as a whole. `None`: the default
/// of the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchLimits {
    /// `max_inflight_per_stream`: batches under way.
    pub max_inflight_per_stream: Option<u32>,
    /// `max_inflight_total`: batches under way in all streams.
    pub max_inflight_total: Option<u32>,
    /// `max_msgs` of one batch.
    pub max_msgs: Option<u32>,
    /// `timeout`: how long a batch may pause.
    pub timeout: Option<Duration>,
}

/// `cluster.buffer`: messages for servers that cannot be reached are kept until they can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkBuffer {
    /// `subjects`: which messages; at least one subject, wildcards allowed, none twice.
    pub subjects: Vec<String>,
    /// `max_bytes` for one server.
    pub max_bytes: u64,
    /// `max_msgs` for one server. `None`: no limit.
    pub max_msgs: Option<u64>,
    /// `max_age`: how long a message is kept. `None`: for ever.
    pub max_age: Option<Duration>,
    /// `overflow`.
    pub overflow: Overflow,
}

/// `cluster.buffer.overflow`: what happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// `refuse`, the default: it is not taken.
    #[default]
    Refuse,
    /// `drop_oldest`: it is taken in place of the oldest.
    DropOldest,
}
