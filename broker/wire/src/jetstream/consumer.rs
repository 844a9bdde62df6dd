//! A consumer's configuration.

use alloc::string::String;
use alloc::vec::Vec;

use super::json::{choices, object};
use super::stream::Metadata;
use super::time::{Nanos, Time};

choices! {
    /// Where in the stream a consumer begins.
    pub enum DeliverPolicy {
        /// At the first message.
        All = "all",
        /// At the last message.
        Last = "last",
        /// After the last message.
        New = "new",
        /// At `opt_start_seq`.
        ByStartSequence = "by_start_sequence",
        /// At `opt_start_time`.
        ByStartTime = "by_start_time",
        /// At the last message of every subject.
        LastPerSubject = "last_per_subject",
    }
    read or_undefined
}

choices! {
    /// What acknowledges a message.
    pub enum AckPolicy {
        /// Its delivery.
        None = "none",
        /// An acknowledgement of it or of a later one.
        All = "all",
        /// An acknowledgement of it.
        Explicit = "explicit",
        /// The answer to a flow control request after it.
        FlowControl = "flow_control",
    }
    read exact
}

choices! {
    /// How fast old messages are delivered.
    pub enum ReplayPolicy {
        /// As fast as possible.
        Instant = "instant",
        /// With the pauses they came in.
        Original = "original",
    }
    read exact
}

choices! {
    /// Which of several clients that pull gets a message.
    pub enum PriorityPolicy {
        /// Whoever comes first.
        None = "none",
        /// One that only wants what exceeds a number of pending messages waits for that.
        Overflow = "overflow",
        /// One at a time.
        PinnedClient = "pinned_client",
        /// The one with the lowest number.
        Prioritized = "prioritized",
    }
    read priority
}

object! {
    /// The configuration of a consumer, in nats-server's field order. Fields keep their wire names.
    pub struct ConsumerConfig = "ConsumerConfig" {
        /// Name of a consumer that outlives its clients.
        pub durable_name: String, omitempty;
        /// Name.
        pub name: String, omitempty;
        /// For people.
        pub description: String, omitempty;
        /// Where to begin.
        pub deliver_policy: DeliverPolicy;
        /// First sequence number with [`DeliverPolicy::ByStartSequence`].
        pub opt_start_seq: u64, omitempty;
        /// First time with [`DeliverPolicy::ByStartTime`].
        pub opt_start_time: Option<Time>, omitempty;
        /// What acknowledges a message.
        pub ack_policy: AckPolicy;
        /// How long to wait for an acknowledgement before a message is delivered again.
        pub ack_wait: Nanos, omitempty;
        /// Largest number of deliveries of a message; −1 for any.
        pub max_deliver: i64 as "int", omitempty;
        /// The `ack_wait` of the first, second, ... delivery; the last holds for all after it.
        pub backoff: Vec<Nanos>, omitempty;
        /// Pattern of the subjects to deliver; empty for all.
        pub filter_subject: String, omitempty;
        /// Patterns of the subjects to deliver.
        pub filter_subjects: Vec<String>, omitempty;
        /// How fast.
        pub replay_policy: ReplayPolicy;
        /// Most bits per second; 0 for any.
        pub rate_limit_bps: u64, omitempty;
        /// Share of acknowledgements that are reported, as `30%` or `30`.
        pub sample_freq: String, omitempty;
        /// Largest number of waiting pull requests.
        pub max_waiting: i64 as "int", omitempty;
        /// Largest number of messages that wait for an acknowledgement; −1 for any.
        pub max_ack_pending: i64 as "int", omitempty;
        /// The client is asked to confirm what it has received.
        pub flow_control: bool, omitempty;
        /// Without payloads.
        pub headers_only: bool, omitempty;
        /// Largest `batch` of a pull request; 0 for any.
        pub max_batch: i64 as "int", omitempty;
        /// Largest `expires` of a pull request; 0 for any.
        pub max_expires: Nanos, omitempty;
        /// Largest `max_bytes` of a pull request; 0 for any.
        pub max_bytes: i64 as "int", omitempty;
        /// Where messages are pushed; empty if clients pull.
        pub deliver_subject: String, omitempty;
        /// Queue group of the clients that messages are pushed to.
        pub deliver_group: String, omitempty;
        /// How long to be silent at most while pushing; 0 for ever.
        pub idle_heartbeat: Nanos, omitempty;
        /// How long it lives without clients.
        pub inactive_threshold: Nanos, omitempty;
        /// Number of copies; 0 for those of the stream.
        pub num_replicas: i64 as "int";
        /// Its state is kept in memory.
        pub mem_storage: bool, omitempty;
        /// It belongs to a mirror or source and is not listed.
        pub direct: bool, omitempty;
        /// It belongs to a mirror or source.
        pub sourcing: bool, omitempty;
        /// Keys and values.
        pub metadata: Metadata, omitempty;
        /// Nothing is delivered before this time.
        pub pause_until: Option<Time>, omitempty;
        /// Names of the groups that `priority_policy` holds for.
        pub priority_groups: Vec<String>, omitempty;
        /// Who gets a message.
        pub priority_policy: PriorityPolicy, omitempty;
        /// How long a pinned client may be silent.
        pub priority_timeout: Nanos, omitempty;
    }
}
