//! What a node needs to know from its operator: resolved, validated, shared.
//!
//! The `config` crate reads files and flags; the host translates its result into this. All
//! listeners are bound by then, so ports are real.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::Key;

use crate::limits;
use crate::time::Duration;

/// The configuration of one node. Replaced as a whole by
/// [`Command::Reload`](crate::Command::Reload).
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The server's name; its id if `None`. No spaces.
    pub server_name: Option<String>,
    /// Announced in INFO; clients and peers decide by it what we can do.
    pub version: String,
    /// Announced in INFO as `git_commit`; empty leaves it out.
    pub git_commit: String,
    /// Announced in INFO as `go`, where nats-server names its compiler. Peers recognise a server
    /// like themselves by the beginning `causeway`.
    pub built_with: String,
    /// Listen address of clients as configured (`0.0.0.0` stays), with the real port.
    pub client_listen: HostPort,
    /// Addresses of clients for `connect_urls`, ready made `host:port`: the advertised one, or one
    /// for every interface when listening on all of them.
    pub client_urls: Vec<String>,
    /// Whether header messages are supported (default true).
    pub headers: bool,
    /// Limits for clients, and for lines and payloads of all links.
    pub limits: ClientLimits,
    /// Between pings of a link (default 2 min).
    pub ping_interval: Duration,
    /// Unanswered pings until a link is stale (default 2).
    pub ping_max: u32,
    /// Longest time for one batch of writes to be taken (default 10 s).
    pub write_deadline: Duration,
    /// Drop messages for a slow receiver instead of stalling their producer (default false).
    pub no_fast_producer_stall: bool,
    /// Who may connect as a client.
    pub auth: ClientAuth,
    /// From CONNECT to credentials (default 2 s).
    pub auth_timeout: Duration,
    /// How long lame duck mode takes in all (default 2 min).
    pub lame_duck_duration: Duration,
    /// How long it waits before the first client is closed (default 10 s).
    pub lame_duck_grace: Duration,
    /// Closed connections remembered for `/connz?state=closed` (default 10,000).
    pub max_closed_clients: usize,
    /// The cluster, if the server is part of one.
    pub cluster: Option<ClusterConfig>,
    /// Streams, if the server keeps any.
    pub jetstream: Option<JetStreamConfig>,
}

/// What the server may use for streams. Not reloadable, but for the two limits of storage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JetStreamConfig {
    /// Bytes of all streams in memory.
    pub max_memory: u64,
    /// Bytes of all streams in files.
    pub max_store: u64,
    /// The domain: streams are reached as `$JS.<domain>.API.>`, too, and by that from other
    /// servers of the cluster.
    pub domain: Option<String>,
    /// Refuse unknown fields in requests (default true); otherwise they are passed over.
    pub strict: bool,
    /// Whether a message may be acknowledged before it is durable.
    pub sync: SyncPolicy,
    /// Requests to the API that may wait for an answer (default 10,000).
    pub request_queue_limit: u32,
    /// Messages of one stream that may wait to be stored (default 100,000).
    pub max_buffered_msgs: u32,
    /// Bytes of these (default 128 MiB).
    pub max_buffered_bytes: u64,
    /// Limits of each stream and consumer.
    pub limits: JetStreamLimits,
    /// What streams and buffers in files are encrypted with; `None` is not at all.
    pub key: Option<Key>,
}

/// When a stream's file is synced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyncPolicy {
    /// Before anything in it is acknowledged (the default; nats-server: `always`).
    BeforeAck,
    /// So often, whatever was acknowledged meanwhile: a power loss may take that back.
    Every(Duration),
}

/// Limits for streams and consumers, whoever makes them; `None` is unlimited.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JetStreamLimits {
    /// Unacknowledged messages of one consumer.
    pub max_ack_pending: Option<i64>,
    /// Messages of one pull request.
    pub max_request_batch: Option<i64>,
    /// Consumers of a stream that says nothing itself (default 1,000).
    pub default_max_consumers: Option<i64>,
    /// The longest window for duplicates.
    pub duplicate_window: Option<Duration>,
    /// Messages of one batch that is published as a whole, and how many such batches at once, of
    /// one stream and of all, and how long one may pause.
    pub batch: BatchLimits,
}

impl Default for JetStreamLimits {
    fn default() -> Self {
        Self {
            max_ack_pending: None,
            max_request_batch: None,
            default_max_consumers: Some(1_000),
            duplicate_window: None,
            batch: BatchLimits::default(),
        }
    }
}

/// Limits of batches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchLimits {
    /// Batches of one stream that are under way; of atomic ones and of those with flow control, each
    /// (default [`limits::ATOMIC_BATCHES_PER_STREAM`], [`limits::FAST_BATCHES_PER_STREAM`]).
    pub max_inflight_per_stream: Option<u32>,
    /// The same of the server (default [`limits::ATOMIC_BATCHES`], [`limits::FAST_BATCHES`]).
    pub max_inflight_total: Option<u32>,
    /// Messages of one atomic batch (default 1,000).
    pub max_msgs: u32,
    /// How long a batch may pause (default 10 s).
    pub timeout: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            max_inflight_per_stream: None,
            max_inflight_total: None,
            max_msgs: 1_000,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Default for JetStreamConfig {
    fn default() -> Self {
        Self {
            max_memory: 1 << 30,
            max_store: 1 << 30,
            domain: None,
            strict: true,
            sync: SyncPolicy::BeforeAck,
            request_queue_limit: 10_000,
            max_buffered_msgs: 100_000,
            max_buffered_bytes: 128 << 20,
            limits: JetStreamLimits::default(),
            key: None,
        }
    }
}

/// A host, as name or address, and a port.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct HostPort {
    /// A name or an address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Limits that concern clients. Server links get [`limits::SERVER_LINE_FACTOR`] times the control
/// line and no pending limit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientLimits {
    /// Client connections at once; `None` is unlimited (default 65,536).
    pub max_connections: Option<u64>,
    /// Subscriptions of one connection; 0 is unlimited (default 0).
    pub max_subscriptions: u64,
    /// Tokens in one subscription's subject; 0 is unlimited (default 0).
    pub max_subscription_tokens: u32,
    /// Bytes of one protocol line (default 4,096).
    pub max_control_line: usize,
    /// Bytes of one message, header included (default 1 MiB).
    pub max_payload: u64,
    /// Bytes that may wait for one client (default 64 MiB).
    pub max_pending: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            max_connections: Some(65_536),
            max_subscriptions: 0,
            max_subscription_tokens: 0,
            max_control_line: limits::CONTROL_LINE_BYTES,
            max_payload: limits::PAYLOAD_BYTES,
            max_pending: limits::PENDING_BYTES,
        }
    }
}

/// Who may connect as a client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ClientAuth {
    /// Everybody, without credentials.
    #[default]
    Open,
    /// Everybody who knows the token.
    Token(Secret),
    /// The users listed; the first with a fitting name decides.
    Users {
        /// Who.
        users: Vec<User>,
        /// Clients without credentials act as this user.
        no_auth_user: Option<String>,
    },
}

/// A user with a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// A stored secret: plain text, or a bcrypt hash (`$2a$`, `$2b$`, `$2x$`, `$2y$`).
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(pub String);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Secret {
    /// Whether the stored text is a bcrypt hash, which only the host can compare.
    #[must_use]
    pub fn is_hash(&self) -> bool {
        ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| self.0.starts_with(prefix))
    }
}

/// Membership in a cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The cluster's name; `None` makes one up and adopts a peer's.
    pub name: Option<String>,
    /// Listen address of routes, with the real port.
    pub listen: HostPort,
    /// What peers are told to dial instead of the address they see.
    pub advertise: Option<HostPort>,
    /// Do not tell clients of the other servers, and peers not of our clients' addresses.
    pub no_advertise: bool,
    /// Credentials that a route must offer, and that we offer where a URL has none.
    pub auth: Option<RouteAuth>,
    /// From connecting to credentials (default 2 s).
    pub auth_timeout: Duration,
    /// Explicit routes: dialled for ever.
    pub routes: Vec<RouteUrl>,
    /// Connections per peer, shared by the accounts (default 3). 0 is a single connection that does
    /// not know of pools (`pool_size: -1`).
    pub pool_size: u32,
    /// Accounts with a connection of their own (`accounts`). The system account is one without
    /// being named, when `pool_size` > 0.
    pub pinned_accounts: Vec<String>,
    /// Dials of a gossiped peer that nobody lists any more before it is given up (nats-server's
    /// `connect_retries`, default 0). As long as a live peer lists it we go on.
    pub connect_retries: u32,
    /// Double the pause between dials up to 30 s instead of a steady one.
    pub connect_backoff: bool,
    /// Longest time between pings of a route (default and most 30 s).
    pub ping_interval: Duration,
    /// Unanswered pings until a route is stale (default 2).
    pub ping_max: u32,
    /// Longest time for one batch of writes to be taken (default 10 s).
    pub write_deadline: Duration,
    /// Which interest we tell our peers, and which of theirs we take.
    pub permissions: RoutePermissions,
    /// What is kept for peers that cannot be reached. Read by the link buffers; needs
    /// [`NodeConfig::jetstream`].
    pub buffer: Option<LinkBufferConfig>,
}

/// Messages for peers that cannot be reached are stored until they can.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkBufferConfig {
    /// Patterns of the subjects whose messages are kept; not empty.
    pub subjects: Vec<String>,
    /// Bytes for one peer, at least those of the largest message (default 1 GiB).
    pub max_bytes: u64,
    /// Messages for one peer; `None` is unlimited (default).
    pub max_msgs: Option<u64>,
    /// How long a message is kept; `None` is for ever (default).
    pub max_age: Option<Duration>,
    /// What happens to a message for which there is no room.
    pub overflow: Overflow,
}

/// What happens to a message that a full buffer has no room for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overflow {
    /// It is not taken, and its publisher is told where it can be.
    #[default]
    Refuse,
    /// It is taken in place of the oldest ones.
    DropOldest,
}

/// Credentials of a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteAuth {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A configured route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteUrl {
    /// Where.
    pub address: HostPort,
    /// `user:password@` of the URL.
    pub auth: Option<RouteAuth>,
}

/// Subjects that may cross routes. `None` allows all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoutePermissions {
    /// Subjects of which we take messages from peers: filters the interest we announce.
    pub import: Option<SubjectPermission>,
    /// Subjects of which we send messages to peers: filters the interest we accept.
    pub export: Option<SubjectPermission>,
}

/// Allow and deny lists of subjects; deny wins. An empty `allow` allows all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SubjectPermission {
    /// Patterns that are allowed.
    pub allow: Vec<String>,
    /// Patterns that are not.
    pub deny: Vec<String>,
}

impl Default for NodeConfig {
    /// nats-server's defaults, without listeners.
    fn default() -> Self {
        Self {
            server_name: None,
            version: String::from(limits::COMPATIBLE_VERSION),
            git_commit: String::new(),
            built_with: String::from("causeway"),
            client_listen: HostPort { host: String::from("0.0.0.0"), port: 4222 },
            client_urls: Vec::new(),
            headers: true,
            limits: ClientLimits::default(),
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            no_fast_producer_stall: false,
            auth: ClientAuth::Open,
            auth_timeout: Duration::from_secs(2),
            lame_duck_duration: Duration::from_secs(120),
            lame_duck_grace: Duration::from_secs(10),
            max_closed_clients: 10_000,
            cluster: None,
            jetstream: None,
        }
    }
}

impl Default for ClusterConfig {
    /// nats-server's defaults.
    fn default() -> Self {
        Self {
            name: None,
            listen: HostPort { host: String::from("0.0.0.0"), port: 6222 },
            advertise: None,
            no_advertise: false,
            auth: None,
            auth_timeout: Duration::from_secs(2),
            routes: Vec::new(),
            pool_size: 3,
            pinned_accounts: Vec::new(),
            connect_retries: 0,
            connect_backoff: false,
            ping_interval: Duration::from_secs(30),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            permissions: RoutePermissions::default(),
            buffer: None,
        }
    }
}
