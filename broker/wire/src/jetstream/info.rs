//! What streams, consumers and accounts tell about themselves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::consumer::ConsumerConfig;
use super::error::ApiError;
use super::json::{Nullable, object};
use super::stream::{ExternalStream, Placement, Retention, StreamConfig, SubjectTransform};
use super::time::{Nanos, Time};

object! {
    /// What a stream holds.
    pub struct StreamState = "StreamState" {
        /// Number of messages.
        pub messages: u64;
        /// Their size as it counts against limits.
        pub bytes: u64;
        /// Sequence number of the first message, or the next one if there is none.
        pub first_seq: u64;
        /// Its time; zero without messages.
        pub first_ts: Time;
        /// Sequence number given out last.
        pub last_seq: u64;
        /// Its time.
        pub last_ts: Time;
        /// Number of different subjects.
        pub num_subjects: i64 as "int", omitempty;
        /// Number of messages by subject, on request.
        pub subjects: BTreeMap<String, u64>, omitempty;
        /// Number of sequence numbers between first and last without a message.
        pub num_deleted: i64 as "int", omitempty;
        /// Those numbers, on request.
        pub deleted: Vec<u64>, omitempty;
        /// What a damaged disk has lost.
        pub lost: Option<LostData>, omitempty;
        /// Number of consumers.
        pub consumer_count: i64 as "int";
    }
}

object! {
    /// Messages that a damaged disk has lost.
    pub struct LostData = "LostStreamData" {
        /// Their sequence numbers.
        pub msgs: Nullable<u64>;
        /// Their size.
        pub bytes: u64;
    }
}

object! {
    /// A stream.
    pub struct StreamInfo = "StreamInfo" {
        /// Its configuration.
        pub config: StreamConfig;
        /// When it was created.
        pub created: Time;
        /// What it holds.
        pub state: StreamState;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// Who keeps it.
        pub cluster: Option<ClusterInfo>, omitempty;
        /// How far its mirror of another stream is.
        pub mirror: Option<StreamSourceInfo>, omitempty;
        /// How far its sources are.
        pub sources: Vec<StreamSourceInfo>, omitempty;
        /// Mirrors of it.
        pub alternates: Vec<StreamAlternate>, omitempty;
        /// When this was written.
        pub ts: Time;
    }
}

object! {
    /// How far a mirror or source is.
    pub struct StreamSourceInfo = "StreamSourceInfo" {
        /// Name of the other stream.
        pub name: String;
        /// The way to it.
        pub external: Option<ExternalStream>, omitempty;
        /// Number of messages that are still to come.
        pub lag: u64;
        /// Sequence number of the message taken last, for a source.
        pub seq: u64, omitempty;
        /// Time since something came; −1 for never.
        pub active: Nanos;
        /// Why there is no connection.
        pub error: Option<ApiError>, omitempty;
        /// Which subjects are taken.
        pub filter_subject: String, omitempty;
        /// Which subjects are taken, and what they become.
        pub subject_transforms: Vec<SubjectTransform>, omitempty;
    }
}

object! {
    /// A mirror of a stream.
    pub struct StreamAlternate = "StreamAlternate" {
        /// Its name.
        pub name: String;
        /// Its domain.
        pub domain: String, omitempty;
        /// Its cluster.
        pub cluster: String;
    }
}

object! {
    /// The servers that keep a stream or consumer.
    pub struct ClusterInfo = "ClusterInfo" {
        /// Name of the cluster.
        pub name: String, omitempty;
        /// Name of the group that agrees on the contents.
        pub raft_group: String, omitempty;
        /// Name of the server that leads it.
        pub leader: String, omitempty;
        /// Since when.
        pub leader_since: Option<Time>, omitempty;
        /// Whether its traffic runs in the system account.
        pub system_account: bool, omitempty;
        /// The account that its traffic runs in.
        pub traffic_account: String, omitempty;
        /// The other servers.
        pub replicas: Vec<PeerInfo>, omitempty;
        /// What the group is becoming.
        pub desired: Option<DesiredCluster>, omitempty;
    }
}

object! {
    /// A server that keeps a copy.
    pub struct PeerInfo = "PeerInfo" {
        /// Its name.
        pub name: String;
        /// Whether it has everything.
        pub current: bool;
        /// Whether it has not been heard of for some time.
        pub offline: bool, omitempty;
        /// Time since it was heard of.
        pub active: Nanos;
        /// Number of entries that it is behind.
        pub lag: u64, omitempty;
        /// Its id in the group.
        pub peer: String;
        /// Whether it is to join the group.
        pub pending: bool, omitempty;
    }
}

object! {
    /// What a group of servers is becoming.
    pub struct DesiredCluster = "DesiredClusterInfo" {
        /// Name of the cluster.
        pub name: String, omitempty;
        /// The servers.
        pub replicas: Vec<PeerInfo>, omitempty;
        /// What it was.
        pub origin: Option<DesiredOrigin>, omitempty;
        /// How far it is.
        pub status: Option<DesiredStatus>, omitempty;
    }
}

object! {
    /// What a group of servers was before it was to change.
    pub struct DesiredOrigin = "DesiredClusterInfoOrigin" {
        /// Number of copies.
        pub replicas: i64 as "int";
        /// Where they were to be.
        pub placement: Option<Placement>, omitempty;
        /// The retention that holds until then.
        pub retention: Option<Retention>, omitempty;
    }
}

object! {
    /// How far a change is.
    pub struct DesiredStatus = "DesiredClusterInfoStatus" {
        /// For people.
        pub description: String;
        /// What has to happen next: `meta`, `membership`, `snapshot`, `catchup`, `quorum`,
        /// `blocked` or `unavailable`.
        pub r#type: String;
        /// What goes wrong.
        pub err: String, omitempty;
    }
}

object! {
    /// A consumer.
    pub struct ConsumerInfo = "ConsumerInfo" {
        /// Name of its stream.
        pub stream_name: String;
        /// Its name.
        pub name: String;
        /// When it was created.
        pub created: Time;
        /// Its configuration.
        pub config: Option<ConsumerConfig>, omitempty;
        /// The delivery made last.
        pub delivered: SequenceInfo;
        /// The delivery up to which all are acknowledged.
        pub ack_floor: SequenceInfo;
        /// Number of messages that wait for an acknowledgement.
        pub num_ack_pending: i64 as "int";
        /// Number of them that were delivered more than once.
        pub num_redelivered: i64 as "int";
        /// Number of waiting pull requests.
        pub num_waiting: i64 as "int";
        /// Number of messages that are still to be delivered.
        pub num_pending: u64;
        /// Who keeps it.
        pub cluster: Option<ClusterInfo>, omitempty;
        /// Whether somebody listens to what is pushed.
        pub push_bound: bool, omitempty;
        /// Whether it is paused.
        pub paused: bool, omitempty;
        /// For how long still.
        pub pause_remaining: Nanos, omitempty;
        /// When this was written.
        pub ts: Time;
        /// Its priority groups.
        pub priority_groups: Vec<PriorityGroupState>, omitempty;
    }
}

object! {
    /// A place in a consumer and in its stream.
    pub struct SequenceInfo = "SequenceInfo" {
        /// Number of the delivery.
        pub consumer_seq: u64;
        /// Sequence number of the message.
        pub stream_seq: u64;
        /// When it was.
        pub last_active: Option<Time>, omitempty;
    }
}

object! {
    /// A priority group.
    pub struct PriorityGroupState = "PriorityGroupState" {
        /// Its name.
        pub group: String;
        /// Id of the pinned client.
        pub pinned_client_id: String, omitempty;
        /// Since when it is.
        pub pinned_ts: Time;
    }
}

object! {
    /// What an account uses and may use.
    pub struct AccountInfo = "JetStreamAccountStats" {
        /// All of it.
        pub usage: AccountUsage, flatten;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// Use of the API.
        pub api: ApiUsage;
        /// Use by number of copies (`R1`, `R3`), if limits are set that way.
        pub tiers: BTreeMap<String, AccountUsage>, omitempty;
    }
}

object! {
    /// Resources in use, and how much there may be.
    pub struct AccountUsage = "JetStreamTier" {
        /// Bytes of streams in memory.
        pub memory: u64;
        /// Bytes of streams on disk.
        pub storage: u64;
        /// Sum of `max_bytes` of streams in memory.
        pub reserved_memory: u64;
        /// Sum of `max_bytes` of streams on disk.
        pub reserved_storage: u64;
        /// Number of streams.
        pub streams: i64 as "int";
        /// Number of consumers.
        pub consumers: i64 as "int";
        /// How much there may be.
        pub limits: AccountLimits;
    }
}

object! {
    /// How much an account may use; −1 for any.
    pub struct AccountLimits = "JetStreamAccountLimits" {
        /// Bytes in memory.
        pub max_memory: i64;
        /// Bytes on disk.
        pub max_storage: i64;
        /// Number of streams.
        pub max_streams: i64 as "int";
        /// Number of consumers of a stream.
        pub max_consumers: i64 as "int";
        /// `max_ack_pending` of a consumer.
        pub max_ack_pending: i64 as "int";
        /// `max_bytes` of a stream in memory.
        pub memory_max_stream_bytes: i64;
        /// `max_bytes` of a stream on disk.
        pub storage_max_stream_bytes: i64;
        /// Whether a stream must have `max_bytes`.
        pub max_bytes_required: bool;
    }
}

impl AccountLimits {
    /// No limits.
    pub const NONE: Self = Self {
        max_memory: -1,
        max_storage: -1,
        max_streams: -1,
        max_consumers: -1,
        max_ack_pending: -1,
        memory_max_stream_bytes: -1,
        storage_max_stream_bytes: -1,
        max_bytes_required: false,
    };
}

object! {
    /// Use of the API.
    pub struct ApiUsage = "JetStreamAPIStats" {
        /// The level of the API that is spoken.
        pub level: i64 as "int";
        /// Number of requests.
        pub total: u64;
        /// Number of requests that failed.
        pub errors: u64;
        /// Number of requests that are being served.
        pub inflight: u64, omitempty;
    }
}
