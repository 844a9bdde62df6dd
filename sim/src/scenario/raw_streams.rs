//! The tables of streams as they stand in a file. Keys that the API has, too, have its names.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::quantity as q;
use super::raw::{Any, Text};

/// How a node keeps streams.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJetStream {
    /// The domain by which others reach them. By default the region's name.
    #[serde(default)]
    #[schemars(with = "q::Name")]
    pub(super) domain: Option<Text>,
    /// When a stream's file is synced: `always`, before anything is acknowledged (the default), or so
    /// often; drawn.
    #[serde(default)]
    #[schemars(with = "q::Sync")]
    pub(super) sync: Option<Text>,
    /// How what is in files is encrypted: `none` (the default), `chacha` or `aes`.
    #[serde(default)]
    #[schemars(with = "q::Cipher")]
    pub(super) cipher: Option<Text>,
    /// Bytes of all streams in files; drawn. By default 1GiB.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_store: Option<Any>,
    /// Bytes of all streams in memory; drawn. By default 1GiB.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_memory: Option<Any>,
}

/// A stream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    /// Its name.
    #[schemars(with = "q::Name")]
    pub(super) name: Text,
    /// The region that keeps it. By default the only one that keeps streams.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) place: Option<Text>,
    /// What it stores.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) subjects: Vec<Text>,
    /// When messages go: `limits` (the default), `interest`, `workqueue`.
    #[serde(default)]
    #[schemars(with = "q::Retention")]
    pub(super) retention: Option<Text>,
    /// `file` (the default) or `memory`.
    #[serde(default)]
    #[schemars(with = "q::Storage")]
    pub(super) storage: Option<Text>,
    /// Who goes at a limit: `old` messages (the default), or the `new` one.
    #[serde(default)]
    #[schemars(with = "q::Discard")]
    pub(super) discard: Option<Text>,
    /// Messages.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_msgs: Option<Any>,
    /// Bytes of all messages.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_bytes: Option<Any>,
    /// Age of a message.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) max_age: Option<Any>,
    /// Messages of one subject.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_msgs_per_subject: Option<Any>,
    /// Bytes of one message.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_msg_size: Option<Any>,
    /// At the limit of a subject, the new message goes too.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) discard_new_per_subject: Option<Spanned<bool>>,
    /// How long ids of messages are remembered. By default 2m.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) duplicate_window: Option<Any>,
    /// Messages may be got without asking the leader.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) allow_direct: Option<Spanned<bool>>,
    /// Messages may be stored as one.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) allow_atomic: Option<Spanned<bool>>,
    /// Its subjects are counters.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) allow_msg_counter: Option<Spanned<bool>>,
    /// `none` (the default) or `s2`.
    #[serde(default)]
    #[schemars(with = "q::Compression")]
    pub(super) compression: Option<Text>,
    /// The sequence of the first message.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) first_seq: Option<Any>,
    /// It is a copy of another one.
    #[serde(default)]
    pub(super) mirror: Option<RawOrigin>,
    /// It takes in what others store.
    #[serde(default)]
    pub(super) sources: Vec<RawOrigin>,
}

/// Where the messages of a stream come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrigin {
    /// The stream.
    #[schemars(with = "String")]
    pub(super) from: Text,
    /// Which of its subjects.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) filter_subject: Option<Text>,
}

/// A bucket of keys: a stream `KV_<name>`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKv {
    /// Its name.
    #[schemars(with = "q::Name")]
    pub(super) name: Text,
    /// The region that keeps it. By default the only one that keeps streams.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) place: Option<Text>,
    /// Revisions of a key that are kept, 1 to 64. By default 1.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) history: Option<Any>,
    /// Age of a value.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) ttl: Option<Any>,
    /// `file` (the default) or `memory`.
    #[serde(default)]
    #[schemars(with = "q::Storage")]
    pub(super) storage: Option<Text>,
}

/// A consumer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConsumer {
    /// Its name, by which it is known for ever.
    #[schemars(with = "q::Name")]
    pub(super) name: Text,
    /// Of which stream.
    #[schemars(with = "String")]
    pub(super) stream: Text,
    /// What must be acknowledged: `explicit` (the default), `all`, `none`.
    #[serde(default)]
    #[schemars(with = "q::AckPolicy")]
    pub(super) ack_policy: Option<Text>,
    /// How long it waits for an acknowledgement. By default 30s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) ack_wait: Option<Any>,
    /// How long it waits, one time after the other.
    #[serde(default)]
    #[schemars(with = "Vec<q::Duration>")]
    pub(super) backoff: Vec<Any>,
    /// How often a message is delivered at most.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_deliver: Option<Any>,
    /// Messages that may wait for an acknowledgement.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_ack_pending: Option<Any>,
    /// Which subjects.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) filter_subjects: Vec<Text>,
    /// Where it begins: `all` (the default), `last`, `new`, `last_per_subject`.
    #[serde(default)]
    #[schemars(with = "q::DeliverPolicy")]
    pub(super) deliver_policy: Option<Text>,
    /// It delivers to this subject by itself.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) deliver_subject: Option<Text>,
    /// It is kept in memory.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) mem_storage: Option<Spanned<bool>>,
}
