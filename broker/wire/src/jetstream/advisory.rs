//! What servers tell whoever listens: actions, failures and measurements.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::info::{PeerInfo, StreamState};
use super::json::{choices, record};
use super::time::{Nanos, Time};
use crate::json::{Members, write_field};

/// What is told about one event.
#[expect(private_bounds, reason = "only the advisories of this module write themselves")]
pub trait Advisory: Members {
    /// The `type` member.
    const TYPE: &'static str;
    /// The subject it is published on.
    fn subject(&self) -> String;
}

/// The document of an advisory: `type`, a unique `id` (22 characters), when it was, and its members.
#[must_use]
pub fn advisory<A: Advisory>(advisory: &A, id: &str, timestamp: Time) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    write_field(&mut out, "type", &Cow::Borrowed(A::TYPE));
    write_field(&mut out, "id", &Cow::Borrowed(id));
    write_field(&mut out, "timestamp", &timestamp);
    advisory.write_members(&mut out);
    out.push(b'}');
    out
}

macro_rules! advisories {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident = $type:literal on $this:ident $subject:expr, {
            $( $(#[$doc:meta])* pub $field:ident: $field_type:ty $(, $flag:ident)?; )*
        }
    )*) => { $(
        record! {
            $(#[$meta])*
            pub struct $name {
                $( $(#[$doc])* pub $field: $field_type $(, $flag)?; )*
            }
        }

        impl Advisory for $name {
            const TYPE: &'static str = concat!("io.nats.jetstream.", $type);

            fn subject(&self) -> String {
                let $this = self;
                let words: &[&str] = &$subject;
                alloc::format!("$JS.EVENT.{}", words.join("."))
            }
        }
    )* };
}

choices! {
    /// What was done to a stream or consumer.
    pub enum Action {
        /// It was created.
        Create = "create",
        /// It was changed.
        Modify = "modify",
        /// It was deleted.
        Delete = "delete",
    }
    read exact
}

impl Action {
    /// The word in the subject.
    const fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATED",
            Self::Modify => "UPDATED",
            Self::Delete => "DELETED",
        }
    }
}

record! {
    /// The client that a request came from.
    pub struct ClientInfo {
        /// When it connected.
        pub start: Option<Time>, omitempty;
        /// Its address.
        pub host: String, omitempty;
        /// Number of its connection.
        pub id: u64, omitempty;
        /// Its account.
        pub acc: String, omitempty;
        /// The account that the request was made for, if another.
        pub svc: String, omitempty;
        /// Its user.
        pub user: String, omitempty;
        /// Its name.
        pub name: String, omitempty;
        /// Language of its library.
        pub lang: String, omitempty;
        /// Version of its library.
        pub ver: String, omitempty;
        /// Its round trip time.
        pub rtt: Nanos, omitempty;
        /// Name of its server.
        pub server: String, omitempty;
        /// Name of its cluster.
        pub cluster: String, omitempty;
        /// Kind of the connection: `Client`, `Leafnode`, ...
        pub kind: String, omitempty;
        /// Kind of the client: `nats`, `mqtt` or `websocket`.
        pub client_type: String, omitempty;
    }
}

advisories! {
    /// A request to the API.
    pub struct ApiAudit = "advisory.v1.api_audit" on _it ["ADVISORY", "API"], {
        /// Name of the server.
        pub server: String;
        /// Who asked.
        pub client: Option<ClientInfo>;
        /// Its subject.
        pub subject: String;
        /// Its payload.
        pub request: String, omitempty;
        /// What was answered.
        pub response: String;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A stream was created, changed or deleted.
    pub struct StreamAction = "advisory.v1.stream_action"
        on it ["ADVISORY", "STREAM", it.action.word(), &it.stream],
    {
        /// The stream.
        pub stream: String;
        /// What was done.
        pub action: Action;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A consumer was created or deleted.
    pub struct ConsumerEvent = "advisory.v1.consumer_action"
        on it ["ADVISORY", "CONSUMER", it.action.word(), &it.stream, &it.consumer],
    {
        /// Its stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// What was done.
        pub action: Action;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A consumer rests or goes on.
    pub struct ConsumerPause = "advisory.v1.consumer_pause"
        on it ["ADVISORY", "CONSUMER", "PAUSE", &it.stream, &it.consumer],
    {
        /// Its stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Whether it rests.
        pub paused: bool;
        /// Until when.
        pub pause_until: Time;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A message was delivered as often as it may be.
    pub struct MaxDeliver = "advisory.v1.max_deliver"
        on it ["ADVISORY", "CONSUMER", "MAX_DELIVERIES", &it.stream, &it.consumer],
    {
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Sequence number of the message.
        pub stream_seq: u64;
        /// How often.
        pub deliveries: u64;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A client refused a message.
    pub struct MsgNaked = "advisory.v1.nak"
        on it ["ADVISORY", "CONSUMER", "MSG_NAKED", &it.stream, &it.consumer],
    {
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Number of the delivery.
        pub consumer_seq: u64;
        /// Sequence number of the message.
        pub stream_seq: u64;
        /// How often it was delivered.
        pub deliveries: u64;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A client does not want a message again.
    pub struct MsgTerminated = "advisory.v1.terminated"
        on it ["ADVISORY", "CONSUMER", "MSG_TERMINATED", &it.stream, &it.consumer],
    {
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Number of the delivery.
        pub consumer_seq: u64;
        /// Sequence number of the message.
        pub stream_seq: u64;
        /// How often it was delivered.
        pub deliveries: u64;
        /// What the client said.
        pub reason: String, omitempty;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A client acknowledged a message.
    pub struct AckMetric = "metric.v1.consumer_ack"
        on it ["METRIC", "CONSUMER", "ACK", &it.stream, &it.consumer],
    {
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Number of the delivery.
        pub consumer_seq: u64;
        /// Sequence number of the message.
        pub stream_seq: u64;
        /// Time since the delivery.
        pub ack_time: Nanos;
        /// How often it was delivered.
        pub deliveries: u64;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A priority group has a pinned client.
    pub struct GroupPinned = "advisory.v1.consumer_group_pinned"
        on it ["ADVISORY", "CONSUMER", "PINNED", &it.stream, &it.consumer],
    {
        /// The account.
        pub account: String, omitempty;
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// The group.
        pub group: String;
        /// Id of the pin.
        pub pinned_id: String;
    }

    /// A priority group has no pinned client any more.
    pub struct GroupUnpinned = "advisory.v1.consumer_group_unpinned"
        on it ["ADVISORY", "CONSUMER", "UNPINNED", &it.stream, &it.consumer],
    {
        /// The account.
        pub account: String, omitempty;
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// The group.
        pub group: String;
        /// `admin` or `timeout`.
        pub reason: String;
    }

    /// A copy of a stream begins.
    pub struct SnapshotCreate = "advisory.v1.snapshot_create"
        on it ["ADVISORY", "STREAM", "SNAPSHOT_CREATE", &it.stream],
    {
        /// The stream.
        pub stream: String;
        /// What it holds.
        pub state: StreamState;
        /// Who asked.
        pub client: Option<ClientInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A copy of a stream has ended.
    pub struct SnapshotComplete = "advisory.v1.snapshot_complete"
        on it ["ADVISORY", "STREAM", "SNAPSHOT_COMPLETE", &it.stream],
    {
        /// The stream.
        pub stream: String;
        /// When it began.
        pub start: Time;
        /// When it ended.
        pub end: Time;
        /// Who asked.
        pub client: Option<ClientInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// What went wrong.
        pub error: String, omitempty;
    }

    /// A stream is about to be brought back.
    pub struct RestoreCreate = "advisory.v1.restore_create"
        on it ["ADVISORY", "STREAM", "RESTORE_CREATE", &it.stream],
    {
        /// The stream.
        pub stream: String;
        /// Who asked.
        pub client: Option<ClientInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A stream was brought back.
    pub struct RestoreComplete = "advisory.v1.restore_complete"
        on it ["ADVISORY", "STREAM", "RESTORE_COMPLETE", &it.stream],
    {
        /// The stream.
        pub stream: String;
        /// When it began.
        pub start: Time;
        /// When it ended.
        pub end: Time;
        /// How many bytes came.
        pub bytes: i64;
        /// Who asked.
        pub client: Option<ClientInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A batch was given up.
    pub struct BatchAbandoned = "advisory.v1.stream_batch_abandoned"
        on it ["ADVISORY", "STREAM", "BATCH_ABANDONED", &it.stream],
    {
        /// The account.
        pub account: String, omitempty;
        /// The stream.
        pub stream: String;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// Id of the batch.
        pub batch: String;
        /// `timeout`, `large`, `incomplete` or `unsupported`.
        pub reason: String;
    }

    /// A stream's group has a leader.
    pub struct StreamLeaderElected = "advisory.v1.stream_leader_elected"
        on it ["ADVISORY", "STREAM", "LEADER_ELECTED", &it.stream],
    {
        /// The account.
        pub account: String, omitempty;
        /// The stream.
        pub stream: String;
        /// Name of the server that leads.
        pub leader: String;
        /// All servers.
        pub replicas: Vec<PeerInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// A consumer's group has a leader.
    pub struct ConsumerLeaderElected = "advisory.v1.consumer_leader_elected"
        on it ["ADVISORY", "CONSUMER", "LEADER_ELECTED", &it.stream, &it.consumer],
    {
        /// The account.
        pub account: String, omitempty;
        /// The stream.
        pub stream: String;
        /// The consumer.
        pub consumer: String;
        /// Name of the server that leads.
        pub leader: String;
        /// All servers.
        pub replicas: Vec<PeerInfo>;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// The server's disk is full.
    pub struct OutOfStorage = "advisory.v1.server_out_of_space"
        on _it ["ADVISORY", "SERVER", "OUT_OF_STORAGE"],
    {
        /// Name of the server.
        pub server: String;
        /// Its id.
        pub server_id: String;
        /// The stream that noticed.
        pub stream: String, omitempty;
        /// Name of the cluster.
        pub cluster: String;
        /// Domain of the server.
        pub domain: String, omitempty;
    }

    /// Requests to the API were dropped.
    pub struct ApiLimitReached = "advisory.v1.api_limit_reached"
        on _it ["ADVISORY", "API", "LIMIT_REACHED"],
    {
        /// Name of the server.
        pub server: String;
        /// Domain of the server.
        pub domain: String, omitempty;
        /// How many.
        pub dropped: i64;
    }
}

#[cfg(test)]
mod tests;
