//! The first line of a history: who and what there was.

use super::{ConsumerInfo, Core, StreamInfo, Unrecoverable};
use crate::ids::RegionId;

/// The name and version of the file format.
pub const SCHEMA_NAME: &str = "causeway-history-2";

/// The version before: it has fewer kinds of events, and can be read like this one.
pub(super) const SCHEMA_BEFORE: &str = "causeway-history-1";

/// Who and what there was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that made the plan.
    pub seed: u64,
    /// Which engine ran it: `pure`, `turmoil` or `process`.
    pub engine: String,
    /// Regions; [`RegionId`] is the index.
    pub regions: Vec<RegionInfo>,
    /// Nodes; [`NodeId`](crate::ids::NodeId) is the index.
    pub nodes: Vec<NodeInfo>,
    /// Connections between regions.
    pub paths: Vec<PathInfo>,
    /// Clients; [`ClientId`](crate::ids::ClientId) is the index.
    pub clients: Vec<ClientInfo>,
    /// Streams; [`StreamNo`](crate::ids::StreamNo) is the index.
    pub streams: Vec<StreamInfo>,
    /// Consumers; [`ConsumerNo`](crate::ids::ConsumerNo) is the index.
    pub consumers: Vec<ConsumerInfo>,
    /// What is promised, as the scenario says it.
    pub guarantees: Vec<GuaranteeInfo>,
    /// Times by which things must have happened.
    pub bounds: Bounds,
    /// Most bytes between a writer and a reader that does not read.
    pub window: u64,
    /// Subjects whose messages are kept for nodes that cannot be reached.
    pub buffered: Vec<String>,
    /// Some of what was taken may not be kept, because newer messages take its place, or not for ever.
    /// What is refused was never taken.
    pub buffers_forget: bool,
    /// Who is healed in the end; `None` is everybody.
    pub core: Option<Core>,
    /// What no broker can bring back, sorted.
    pub unrecoverable: Vec<Unrecoverable>,
}

/// A region.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegionInfo {
    /// Its name.
    pub name: String,
    /// The network inside.
    pub link: LinkInfo,
}

/// What a network link does to bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinkInfo {
    /// The scenario's name for it.
    pub name: String,
    /// Least time one way, in nanoseconds.
    pub latency_ns: u64,
    /// Most time that is added to it, in nanoseconds.
    pub jitter_ns: u64,
    /// Bytes per second one way; 0 is unlimited.
    pub bandwidth: u64,
}

/// A node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NodeInfo {
    /// `region/number`, numbers from 1; also its server name.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// The cluster's name.
    pub cluster: String,
    /// Connections per peer in its configuration.
    pub pool_size: u32,
    /// Where it listens for clients, as `host:port`. Empty if that changes in the run.
    pub url: String,
    /// Whether it tells others of that, and its clients of others.
    pub advertise: bool,
    /// Most bytes that may wait for one client.
    pub max_pending: u64,
    /// What else its configuration allows.
    pub limits: NodeLimits,
}

/// What a node's configuration allows at the start of the run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NodeLimits {
    /// Clients at once, if that is limited.
    pub max_connections: Option<u64>,
    /// Bytes of header and payload of a client's message.
    pub max_payload: u64,
    /// How long a batch of bytes for a client may take to be taken, in nanoseconds.
    pub write_deadline_ns: u64,
    /// It leaves messages out for clients that are slow, instead of making producers wait.
    pub drops: bool,
    /// From lame duck mode to the first client that is sent away, in nanoseconds.
    pub lame_duck_grace_ns: u64,
    /// From lame duck mode to the last, in nanoseconds.
    pub lame_duck_ns: u64,
    /// What it may keep for one other node, if it keeps anything.
    pub buffer: Option<BufferRoom>,
}

/// How much a node may keep for one other node, and what becomes of the rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BufferRoom {
    /// Bytes.
    pub max_bytes: u64,
    /// Messages, if that is limited.
    pub max_msgs: Option<u64>,
    /// What there is no room for is refused; otherwise the oldest messages go.
    pub refuses: bool,
}

/// A connection between two regions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathInfo {
    /// One region.
    pub a: RegionId,
    /// The other.
    pub b: RegionId,
    /// The network between.
    pub link: LinkInfo,
}

/// A client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientInfo {
    /// `id/number`: the scenario's client and, of its `count`, which one, from 1.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// What it does: `publish`, `subscribe`, `request`, `serve`, ...
    pub role: String,
    /// It does not get its own messages (CONNECT `echo: false`).
    pub no_echo: bool,
    /// It does not understand messages with headers (CONNECT `headers: false`).
    pub no_headers: bool,
    /// It reads slowly or stops reading by plan, so it may lose its connection for that.
    pub slow: bool,
}

/// A guarantee as the scenario states it. Which kinds there are and what the parameters mean is
/// the checkers' business.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GuaranteeInfo {
    /// The scenario's name for it: the `x` in `[guarantee.x]`.
    pub id: String,
    /// Which check.
    pub kind: String,
    /// To what it is confined: a selector such as `path:a/b` or `client:x`; empty for everything.
    pub scope: String,
    /// `always`, `partition` or `after_heal`; empty if the scenario does not say.
    pub during: String,
    /// A bound on a duration, in nanoseconds.
    pub within_ns: Option<u64>,
    /// A time that is forgiven, in nanoseconds.
    pub grace_ns: Option<u64>,
    /// A bound on the 99th percentile, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// Least share that must succeed, in millionths.
    pub success_ppm: Option<u32>,
    /// Least ratio, in millionths.
    pub min_ppm: Option<u32>,
    /// The line of the scenario file where it is stated; 0 if unknown.
    pub line: u32,
}

/// Times that follow from the plan's networks and the nodes' timers. All in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bounds {
    /// When the phases begin: boot, warm, chaos, heal, quiesce, drain; and the end of the run.
    pub phases_ns: [u64; 7],
    /// The longest round trip between any two sites.
    pub rtt_max_ns: u64,
    /// From a change of interest to every connected node knowing it, without faults.
    pub interest_ns: u64,
    /// From the end of the last fault to every pair of nodes having all its routes again.
    pub routes_ns: u64,
    /// From the end of the last fault to every client being connected and subscribed again.
    pub clients_ns: u64,
    /// How long unacknowledged bytes keep a connection alive.
    pub tcp_timeout_ns: u64,
    /// How much faster than it should a node's clock may run, in millionths.
    pub fast_ppm: u32,
    /// How much later than it happened something may be written down, and earlier or later than it
    /// was done: zero in simulations, where both are exact.
    pub lag_ns: u64,
}
