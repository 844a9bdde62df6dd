//! A stream's configuration.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::json::{choices, object};
use super::time::{Nanos, Time};

choices! {
    /// When a stream lets go of a message.
    pub enum Retention {
        /// When a limit is reached.
        Limits = "limits",
        /// When every consumer that wants it has acknowledged it.
        Interest = "interest",
        /// When a consumer has acknowledged it.
        WorkQueue = "workqueue",
    }
    read exact
}

choices! {
    /// What gives way at a limit.
    pub enum Discard {
        /// The oldest messages.
        Old = "old",
        /// The message that would exceed it.
        New = "new",
    }
    read any_case
}

choices! {
    /// Where messages are kept.
    pub enum Storage {
        /// On disk.
        File = "file",
        /// In memory.
        Memory = "memory",
    }
    read exact
}

choices! {
    /// How blocks of messages are compressed on disk.
    pub enum Compression {
        /// Not at all.
        None = "none",
        /// With S2, a variant of Snappy.
        S2 = "s2",
    }
    read compression
}

choices! {
    /// Whether a publish is acknowledged before it is on disk.
    pub enum PersistMode {
        /// After it is written.
        Default = "default",
        /// Before that.
        Async = "async",
    }
    read or_empty
}

/// Keys and values that users, and the server under `_nats.`, attach to streams and consumers.
pub type Metadata = BTreeMap<String, String>;

object! {
    /// The configuration of a stream, in nats-server's field order. Fields keep their wire names;
    /// for limits −1 means none.
    pub struct StreamConfig = "StreamConfig" {
        /// Name, unique in the account.
        pub name: String;
        /// For people.
        pub description: String, omitempty;
        /// Patterns of the subjects that are stored; none in a mirror.
        pub subjects: Vec<String>, omitempty;
        /// When messages go.
        pub retention: Retention;
        /// Largest number of consumers.
        pub max_consumers: i64 as "int";
        /// Largest number of messages.
        pub max_msgs: i64;
        /// Largest number of bytes.
        pub max_bytes: i64;
        /// Longest time a message is kept; 0 for ever.
        pub max_age: Nanos;
        /// Largest number of messages of one subject.
        pub max_msgs_per_subject: i64;
        /// Largest header and payload in bytes.
        pub max_msg_size: i32, omitempty;
        /// What gives way at a limit.
        pub discard: Discard;
        /// Where messages are kept.
        pub storage: Storage;
        /// Number of copies in a cluster, 1 to 5.
        pub num_replicas: i64 as "int";
        /// Publishes are not acknowledged.
        pub no_ack: bool, omitempty;
        /// How long a message id is remembered; 0 not at all.
        pub duplicate_window: Nanos, omitempty;
        /// Which servers may hold it.
        pub placement: Option<Placement>, omitempty;
        /// The stream that this one is a copy of.
        pub mirror: Option<StreamSource>, omitempty;
        /// The streams that this one takes messages from.
        pub sources: Vec<StreamSource> as "[]*server.StreamSource", omitempty;
        /// How blocks are compressed.
        pub compression: Compression;
        /// Sequence number of the first message; 0 for 1.
        pub first_seq: u64, omitempty;
        /// What stored subjects become.
        pub subject_transform: Option<SubjectTransform>, omitempty;
        /// Where stored messages are published again.
        pub republish: Option<RePublish>, omitempty;
        /// Messages can be read past the consumers, from any replica.
        pub allow_direct: bool;
        /// Mirrors serve such reads too.
        pub mirror_direct: bool;
        /// `discard` new also holds for `max_msgs_per_subject`.
        pub discard_new_per_subject: bool, omitempty;
        /// Nothing changes any more; can not be undone.
        pub sealed: bool;
        /// Messages can not be deleted; can not be undone.
        pub deny_delete: bool;
        /// Messages can not be purged; can not be undone.
        pub deny_purge: bool;
        /// A message may purge those before it (Nats-Rollup).
        pub allow_rollup_hdrs: bool;
        /// Defaults and limits of consumers.
        pub consumer_limits: ConsumerLimits;
        /// A message may say when it expires (Nats-TTL).
        pub allow_msg_ttl: bool;
        /// How long a marker stands for the last message of a subject; 0 for no markers.
        pub subject_delete_marker_ttl: Nanos, omitempty;
        /// Messages are increments of counters (Nats-Incr).
        pub allow_msg_counter: bool, omitempty;
        /// Batches can be published that are stored whole or not at all.
        pub allow_atomic: bool, omitempty;
        /// Messages can be scheduled (Nats-Schedule).
        pub allow_msg_schedules: bool, omitempty;
        /// When publishes are acknowledged.
        pub persist_mode: PersistMode, omitempty;
        /// Batches can be published with flow control instead of an acknowledgement for each.
        pub allow_batched: bool, omitempty;
        /// Keys and values.
        pub metadata: Metadata, omitempty;
    }
}

object! {
    /// What a stream asks of the consumers on it.
    pub struct ConsumerLimits = "StreamConsumerLimits" {
        /// Default and largest `inactive_threshold`; 0 for none.
        pub inactive_threshold: Nanos, omitempty;
        /// Default and largest `max_ack_pending`; 0 for none.
        pub max_ack_pending: i64 as "int", omitempty;
    }
}

object! {
    /// Which servers may hold a stream or lead a group.
    pub struct Placement = "Placement" {
        /// Name of the cluster.
        pub cluster: String, omitempty;
        /// Tags that a server must all have; `!tag` must not have.
        pub tags: Vec<String>, omitempty;
        /// Name of the server that should lead.
        pub preferred: String, omitempty;
    }
}

object! {
    /// A stream that messages are taken from.
    pub struct StreamSource = "StreamSource" {
        /// Its name.
        pub name: String;
        /// First sequence number to take; 0 for the first there is.
        pub opt_start_seq: u64, omitempty;
        /// First time to take.
        pub opt_start_time: Option<Time>, omitempty;
        /// Which subjects to take; empty for all.
        pub filter_subject: String, omitempty;
        /// Which subjects to take, and what they become.
        pub subject_transforms: Vec<SubjectTransform>, omitempty;
        /// Where it is, if not in this account and domain.
        pub external: Option<ExternalStream>, omitempty;
        /// The durable consumer to read through.
        pub consumer: Option<ConsumerSource>, omitempty;
    }
}

object! {
    /// A durable consumer that a source is read through.
    pub struct ConsumerSource = "StreamConsumerSource" {
        /// Its name.
        pub name: String, omitempty;
        /// Where it delivers to.
        pub deliver_subject: String, omitempty;
    }
}

object! {
    /// The way to a stream in another account or domain.
    pub struct ExternalStream = "ExternalStream" {
        /// What replaces `$JS.API`.
        pub api: String;
        /// Prefix of the subjects that messages are delivered to.
        pub deliver: String;
    }
}

object! {
    /// A mapping of subjects: source pattern and destination template.
    pub struct SubjectTransform = "SubjectTransformConfig" {
        /// Which subjects are mapped.
        pub src: String;
        /// What they become.
        pub dest: String;
    }
}

object! {
    /// Where stored messages are published again.
    pub struct RePublish = "RePublish" {
        /// Which subjects; empty for all.
        pub src: String, omitempty;
        /// What they become.
        pub dest: String;
        /// Without payloads.
        pub headers_only: bool, omitempty;
    }
}
