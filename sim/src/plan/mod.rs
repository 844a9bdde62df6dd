//! The run, fully expanded: every node, network, fault and client operation, each with its time.
//!
//! [`plan`](fn@plan) makes one from a scenario and a seed; the same two always give the same plan.
//! Engines run plans and nothing else. A plan is a text ([`Plan::write`], [`Plan::parse`]), one
//! line for each thing, so that two can be compared with `diff` and a line can be taken out.
//!
//! What is left to the seed when a plan runs is noise: the jitter of a segment, where bytes are
//! cut, which node a client tries first, the nodes' own draws.

mod buffer;
mod build;
mod clock;
mod conns;
mod core;
mod disk;
mod family;
mod host;
mod jetstream;
mod members;
mod operator;
mod read;
mod recovery;
mod select;
mod streams;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod timing;
mod when;
mod write;

pub use buffer::BufferPlan;
pub use build::plan;
pub(crate) use build::swarm_kinds;
pub use clock::ClockFault;
pub(crate) use clock::DRIFT_PPM_MAX;
pub use conns::ConnsFault;
pub use disk::{DiskDamage, DiskFault, DiskShares, SlowDisk};
pub use family::Family;
pub use host::{HostFault, HostWhat, Restart, SlowCpu};
pub use jetstream::{JetStreamPlan, cipher_of, word_of};
pub use operator::ReloadPlan;
pub use read::PlanError;
pub use streams::{ConsumerPlan, KeyOp, StorePlan, StreamOp, StreamPlan, WorkPlan};
pub use timing::CLIENT_DIAL_TIMEOUT_NS;
pub(crate) use timing::{CLIENT_PINGS_MAX, RETRANSMIT_NS};
pub use when::{Condition, Later, Watched, When};

use std::fmt;
use std::time::Duration;

use causeway_core::PerturbSite;
use causeway_core::config::NodeConfig;

use crate::history::{
    Bounds, ClientInfo, FaultKind, GuaranteeInfo, Header, LinkInfo, NodeInfo, NodeLimits, PathInfo,
    RegionInfo, Sym, Symbols,
};
use crate::ids::{ClientId, NodeId, RegionId, Sid};
pub use crate::scenario::Ways;
use crate::scenario::{Chunking, Dist, Release, Role};

/// A run, fully expanded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The seed: of the plan, and of the noise when it runs.
    pub seed: u64,
    /// What holds for all networks.
    pub network: NetworkPlan,
    /// Places in the broker's code where unusual things happen, in all nodes.
    pub perturb: Vec<PerturbSite>,
    /// Regions; [`RegionId`] is the index.
    pub regions: Vec<RegionPlan>,
    /// Which regions are joined.
    pub paths: Vec<PathPlan>,
    /// Nodes; [`NodeId`] is the index.
    pub nodes: Vec<NodePlan>,
    /// Clients; [`ClientId`] is the index.
    pub clients: Vec<ClientPlan>,
    /// Streams; [`StreamNo`](crate::ids::StreamNo) is the index.
    pub streams: Vec<StreamPlan>,
    /// Consumers; [`ConsumerNo`](crate::ids::ConsumerNo) is the index.
    pub consumers: Vec<ConsumerPlan>,
    /// The nodes that are healed in the end, sorted; `None` is all. See [`FaultPlan::EVER`].
    pub core: Option<Vec<NodeId>>,
    /// What is promised.
    pub guarantees: Vec<GuaranteeInfo>,
    /// When the phases begin, and by when things must have happened.
    pub bounds: Bounds,
    /// What goes wrong, by time.
    pub faults: Vec<FaultPlan>,
    /// What clients do, by time.
    pub ops: Vec<OpPlan>,
    /// What operations wait for.
    pub conditions: Vec<Condition>,
    /// The subjects and queue names of the operations.
    pub symbols: Symbols,
}

/// What holds for all networks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetworkPlan {
    /// How long unacknowledged bytes keep a connection alive, in nanoseconds.
    pub tcp_timeout_ns: u64,
    /// Bytes that fit between a sender and a receiver that does not read.
    pub window: u64,
    /// How bytes are cut and joined on their way.
    pub chunking: Chunking,
    /// A node that holds a connection's input has read once more before it does.
    pub overread: bool,
}

impl Default for NetworkPlan {
    fn default() -> Self {
        Self {
            tcp_timeout_ns: 15_000_000_000,
            window: 256 << 10,
            chunking: Chunking::Off,
            overread: false,
        }
    }
}

/// A network.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinkPlan {
    /// The scenario's name for it.
    pub name: String,
    /// One way, in nanoseconds.
    pub latency_ns: u64,
    /// Added to it: evenly from 0 to this unless `dist` says otherwise, in nanoseconds.
    pub jitter_ns: u64,
    /// How what is added spreads.
    pub dist: Dist,
    /// Added to the latency of each pair of places for good: from 0 to this, in nanoseconds.
    pub bias_ns: u64,
    /// Segments that must be sent again, in millionths.
    pub loss_ppm: u32,
    /// Bytes per second one way; 0 is unlimited.
    pub bandwidth: u64,
    /// Bytes that wait for bandwidth before writers must; 0 is unlimited.
    pub queue: u64,
}

/// A slow segment of a network that has some takes at least so many times as long.
pub(crate) const SPREAD_TIMES_MIN: u64 = 5;

/// And at most so many times.
pub(crate) const SPREAD_TIMES_MAX: u64 = 20;

impl LinkPlan {
    /// The most that is added to the latency of a segment that is not lost and does not queue.
    #[must_use]
    pub(crate) const fn added_ns(&self) -> u64 {
        let spread = match self.dist {
            Dist::Uniform | Dist::Normal => self.jitter_ns,
            Dist::Pareto => self.jitter_ns.saturating_mul(SPREAD_TIMES_MAX),
            Dist::Bimodal => {
                let usual =
                    self.latency_ns.saturating_add(self.bias_ns).saturating_add(self.jitter_ns);
                usual.saturating_mul(SPREAD_TIMES_MAX)
            }
        };
        spread.saturating_add(self.bias_ns)
    }
}

/// A region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionPlan {
    /// Its name.
    pub name: String,
    /// The network inside.
    pub link: LinkPlan,
}

/// Two regions that are joined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPlan {
    /// One.
    pub a: RegionId,
    /// The other.
    pub b: RegionId,
    /// The network between.
    pub link: LinkPlan,
}

/// A node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NodePlan {
    /// `region/number`, and its server name.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// Its cluster.
    pub cluster: String,
    /// When it starts, in nanoseconds.
    pub start_ns: u64,
    /// What its wall clock shows at the start of the run, in nanoseconds since 1970.
    pub wall_ns: u64,
    /// Its configured routes.
    pub routes: Vec<RoutePlan>,
    /// The rest of its configuration.
    pub config: ConfigPlan,
    /// What it is at the beginning.
    pub release: Release,
    /// How it keeps streams, if it keeps any.
    pub jetstream: Option<JetStreamPlan>,
    /// What it keeps for others, if anything.
    pub buffer: Option<BufferPlan>,
}

/// A configured route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RoutePlan {
    /// To a node's own name.
    Node(NodeId),
    /// To a region's name, which resolves to all of its nodes.
    Region(RegionId),
}

/// The configuration of a node, where it is not the server's default. Units are those of
/// [`causeway_core::config`], durations are in nanoseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigPlan {
    /// Numbers that were given.
    pub numbers: Vec<(Setting, u64)>,
    /// Accounts with a connection of their own.
    pub accounts: Vec<String>,
}

impl ConfigPlan {
    /// A number that was given.
    #[must_use]
    pub fn number(&self, setting: Setting) -> Option<u64> {
        self.numbers.iter().find(|(s, _)| *s == setting).map(|(_, n)| *n)
    }
}

/// A number in a node's configuration.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Setting {
    /// Bytes that may wait for one client.
    MaxPending,
    /// Bytes of one message.
    MaxPayload,
    /// Bytes of one line.
    MaxControlLine,
    /// Clients at once.
    MaxConnections,
    /// Subscriptions of one client.
    MaxSubscriptions,
    /// Nanoseconds for one batch of writes.
    WriteDeadline,
    /// Nanoseconds between pings of a client.
    PingInterval,
    /// Unanswered pings of a client.
    PingMax,
    /// 1: drop instead of stalling.
    NoFastProducerStall,
    /// Nanoseconds that lame duck mode takes in all.
    LameDuckDuration,
    /// Nanoseconds before the first client is closed.
    LameDuckGrace,
    /// Connections per peer; 0 is one without a pool.
    PoolSize,
    /// Dials of a gossiped peer that nobody lists.
    ConnectRetries,
    /// 1: double the pause between dials.
    ConnectBackoff,
    /// 1: do not tell clients of other servers.
    NoAdvertise,
    /// Nanoseconds between pings of a route.
    RoutePingInterval,
    /// Unanswered pings of a route.
    RoutePingMax,
    /// Nanoseconds for one batch of writes to a route.
    RouteWriteDeadline,
}

impl Setting {
    /// All, in the order of plan files.
    pub const ALL: [Self; 18] = [
        Self::MaxPending,
        Self::MaxPayload,
        Self::MaxControlLine,
        Self::MaxConnections,
        Self::MaxSubscriptions,
        Self::WriteDeadline,
        Self::PingInterval,
        Self::PingMax,
        Self::NoFastProducerStall,
        Self::LameDuckDuration,
        Self::LameDuckGrace,
        Self::PoolSize,
        Self::ConnectRetries,
        Self::ConnectBackoff,
        Self::NoAdvertise,
        Self::RoutePingInterval,
        Self::RoutePingMax,
        Self::RouteWriteDeadline,
    ];

    /// The name in plan files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxPending => "max_pending",
            Self::MaxPayload => "max_payload",
            Self::MaxControlLine => "max_control_line",
            Self::MaxConnections => "max_connections",
            Self::MaxSubscriptions => "max_subscriptions",
            Self::WriteDeadline => "write_deadline",
            Self::PingInterval => "ping_interval",
            Self::PingMax => "ping_max",
            Self::NoFastProducerStall => "no_fast_producer_stall",
            Self::LameDuckDuration => "lame_duck_duration",
            Self::LameDuckGrace => "lame_duck_grace_period",
            Self::PoolSize => "pool_size",
            Self::ConnectRetries => "connect_retries",
            Self::ConnectBackoff => "connect_backoff",
            Self::NoAdvertise => "no_advertise",
            Self::RoutePingInterval => "route_ping_interval",
            Self::RoutePingMax => "route_ping_max",
            Self::RouteWriteDeadline => "route_write_deadline",
        }
    }
}

/// A client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientPlan {
    /// `id/number`.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// What it is there for; only for reports.
    pub role: Role,
    /// The nodes that it may connect to. Never empty.
    pub nodes: Vec<NodeId>,
    /// It gets its own messages.
    pub echo: bool,
    /// It understands messages with headers.
    pub takes_headers: bool,
    /// Bytes that it reads in a second; 0 is as they come.
    pub read_rate: u64,
    /// Between two pings to the server, in nanoseconds.
    pub ping_ns: u64,
    /// How long it waits before it connects anew, in nanoseconds.
    pub wait_ns: u64,
    /// Added to it, evenly from 0 to this, in nanoseconds.
    pub jitter_ns: u64,
}

/// Something that goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultPlan {
    /// Its number.
    pub id: u32,
    /// When it begins, or begins to wait, in nanoseconds.
    pub at: u64,
    /// How long it lasts, in nanoseconds; 0 for a reset, which is over at once, and
    /// [`EVER`](Self::EVER) for what is never lifted.
    pub lasts: u64,
    /// What.
    pub action: FaultAction,
    /// What it waits for.
    pub when: Option<When>,
}

impl FaultPlan {
    /// How long a fault lasts that is never lifted.
    pub const EVER: u64 = u64::MAX;

    /// Whether it is never lifted.
    #[must_use]
    pub const fn stays(&self) -> bool {
        self.lasts == Self::EVER
    }

    /// When it begins, at the latest.
    #[must_use]
    pub const fn begins_by(&self) -> u64 {
        match &self.when {
            Some(when) => when.until,
            None => self.at,
        }
    }

    /// When it is over, at the latest.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.begins_by().saturating_add(self.lasts)
    }

    /// When it changes anything for the last time, at the latest: its end, if it has one.
    #[must_use]
    pub const fn last_change(&self) -> u64 {
        if self.stays() { self.begins_by() } else { self.end() }
    }
}

/// What goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FaultAction {
    /// Nothing passes.
    Cut {
        /// Between whom.
        between: Sides,
        /// Connections that were there stay dead.
        blackhole: bool,
    },
    /// Connections are hit, and their bytes.
    Conns {
        /// Between whom.
        between: Sides,
        /// What.
        what: ConnsFault,
    },
    /// Existing connections are reset.
    Reset(Sides),
    /// New connections are refused.
    Refuse(Sides),
    /// Bytes take longer.
    Degrade {
        /// Between whom.
        between: Sides,
        /// Added, in nanoseconds.
        latency_ns: u64,
        /// Added on top, evenly from 0 to this, in nanoseconds.
        jitter_ns: u64,
        /// Segments that must be sent again, in millionths, added to the network's own.
        loss_ppm: u32,
        /// Bytes per second instead; 0 leaves it.
        bandwidth: u64,
    },
    /// Processes die and start again.
    Crash(ProcessPlan),
    /// Processes are asked to stop and start again.
    Stop(ProcessPlan),
    /// Processes become lame ducks and start again.
    LameDuck(ProcessPlan),
    /// The name service gives wrong answers.
    Dns(NamesPlan),
    /// Clients stop reading.
    StopReading(Vec<ClientId>),
    /// Something happens to machines and their processes.
    Host(HostFault),
}

impl FaultAction {
    /// Its kind in histories.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Cut { blackhole: false, .. } => FaultKind::Partition,
            Self::Cut { blackhole: true, .. } => FaultKind::Blackhole,
            Self::Conns { what, .. } => what.kind(),
            Self::Reset(_) => FaultKind::Reset,
            Self::Refuse(_) => FaultKind::Refuse,
            Self::Degrade { .. } => FaultKind::Degrade,
            Self::Crash(_) => FaultKind::Crash,
            Self::Stop(_) => FaultKind::Stop,
            Self::LameDuck(_) => FaultKind::LameDuck,
            Self::Dns(_) => FaultKind::Dns,
            Self::StopReading(_) => FaultKind::StopReading,
            Self::Host(host) => host.kind(),
        }
    }

    /// What happens to machines or their processes, if it is such a fault.
    #[must_use]
    pub const fn host(&self) -> Option<&HostFault> {
        if let Self::Host(host) = self { Some(host) } else { None }
    }

    /// Whether the node comes back at another address.
    #[must_use]
    pub fn moves_address_of(&self, node: NodeId) -> bool {
        match self {
            Self::Crash(process) | Self::Stop(process) | Self::LameDuck(process) => {
                process.new_address && process.nodes.contains(&node)
            }
            Self::Host(HostFault { nodes, what: HostWhat::Restart(restart) }) => {
                restart.new_address && nodes.contains(&node)
            }
            Self::Host(_)
            | Self::Cut { .. }
            | Self::Conns { .. }
            | Self::Reset(_)
            | Self::Refuse(_)
            | Self::Degrade { .. }
            | Self::Dns(_)
            | Self::StopReading(_) => false,
        }
    }

    /// The sides that it stands between, if it is one of the network.
    #[must_use]
    pub const fn sides(&self) -> Option<&Sides> {
        match self {
            Self::Cut { between, .. }
            | Self::Conns { between, .. }
            | Self::Degrade { between, .. } => Some(between),
            Self::Reset(between) | Self::Refuse(between) => Some(between),
            Self::Crash(_)
            | Self::Stop(_)
            | Self::LameDuck(_)
            | Self::Dns(_)
            | Self::StopReading(_)
            | Self::Host(_) => None,
        }
    }
}

impl FaultAction {
    /// The nodes that it hits: their processes, their machines or their names.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        match self {
            Self::Crash(process) | Self::Stop(process) | Self::LameDuck(process) => &process.nodes,
            Self::Dns(names) => &names.nodes,
            Self::Host(host) => &host.nodes,
            Self::Cut { .. }
            | Self::Conns { .. }
            | Self::Reset(_)
            | Self::Refuse(_)
            | Self::Degrade { .. }
            | Self::StopReading(_) => &[],
        }
    }
}

impl FaultAction {
    /// Whether the node comes back on another route port.
    #[must_use]
    pub fn moves_port_of(&self, node: NodeId) -> bool {
        let moves =
            if let Self::Crash(process) | Self::Stop(process) | Self::LameDuck(process) = self {
                process.new_port
            } else if let Self::Host(host) = self {
                matches!(
                    host.what,
                    HostWhat::PowerLoss { new_port: true }
                        | HostWhat::Restart(Restart { new_port: true, .. })
                )
            } else {
                false
            };
        moves && self.nodes().contains(&node)
    }
}

/// Processes that end and start again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessPlan {
    /// Which.
    pub nodes: Vec<NodeId>,
    /// They come back on another route port.
    pub new_port: bool,
    /// They come back at another address. Their names lead to it; who knows the old one by hearsay
    /// gets no answer there.
    pub new_address: bool,
}

/// Nodes whose names lead nowhere, or to where they were. Clients do not ask for names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamesPlan {
    /// Which: their own names and their places in their region's.
    pub nodes: Vec<NodeId>,
    /// The answer is what was true when the fault began; otherwise that there is no such name.
    pub old: bool,
}

/// Two sides with something between them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sides {
    /// One side, sorted.
    pub a: Vec<Site>,
    /// The other, sorted.
    pub b: Vec<Site>,
    /// Which way.
    pub ways: Ways,
}

impl Sides {
    /// All directed pairs of sites that it stands between.
    pub fn pairs(&self) -> impl Iterator<Item = (Site, Site)> + '_ {
        let there = self.a.iter().flat_map(|a| self.b.iter().map(move |b| (*a, *b)));
        let forward = self.ways != Ways::Backward;
        let backward = self.ways != Ways::Forward;
        there.flat_map(move |(a, b)| {
            [(a, b, forward), (b, a, backward)]
                .into_iter()
                .filter_map(|(from, to, on)| on.then_some((from, to)))
        })
    }
}

/// A place in the network that can be cut off by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Site {
    /// A node.
    Node(NodeId),
    /// All clients of a region.
    Clients(RegionId),
}

/// Something that a client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpPlan {
    /// When, or from when on it waits, in nanoseconds.
    pub at: u64,
    /// Who.
    pub client: ClientId,
    /// What.
    pub op: Op,
    /// What it waits for.
    pub when: Option<Later>,
}

impl OpPlan {
    /// When it happens, at the latest.
    #[must_use]
    pub const fn latest(&self) -> u64 {
        match self.when {
            Some(later) => later.until,
            None => self.at,
        }
    }
}

/// What a client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// Connect, and stay connected: after a failure, connect anew and subscribe as before.
    Connect,
    /// Leave for good.
    Close,
    /// Subscribe.
    Sub {
        /// The subscription's id on all of the client's connections; 1 is its inbox.
        sid: Sid,
        /// To what.
        subject: Sym,
        /// The queue group, or none.
        queue: Sym,
        /// Auto-unsubscribe after this many deliveries; 0 is never.
        max: u32,
        /// Answer what is received with this many bytes, if it asks for an answer; 0 does not.
        answer: u32,
    },
    /// Unsubscribe.
    Unsub {
        /// The subscription.
        sid: Sid,
        /// After this many deliveries in all; 0 is now.
        max: u32,
    },
    /// Publish.
    Pub {
        /// Where to.
        subject: Sym,
        /// Bytes of a payload.
        size: u32,
        /// How many messages, one behind the other.
        count: u32,
        /// With a header.
        header: bool,
        /// Ask for a sign that the server has processed them.
        flush: bool,
    },
    /// Publish and wait for an answer.
    Request {
        /// Where to.
        subject: Sym,
        /// Bytes of the payload.
        size: u32,
        /// How long to wait, in nanoseconds.
        timeout_ns: u64,
        /// With a header.
        header: bool,
    },
    /// Do something with streams.
    Stream(StreamOp),
}

impl Plan {
    /// The header of the history that running this plan will give.
    #[must_use]
    pub fn header(&self, engine: &str) -> Header {
        let link = |link: &LinkPlan| LinkInfo {
            name: link.name.clone(),
            latency_ns: link.latency_ns,
            jitter_ns: link.added_ns(),
            bandwidth: link.bandwidth,
        };
        Header {
            scenario: self.scenario.clone(),
            seed: self.seed,
            engine: engine.to_owned(),
            regions: self
                .regions
                .iter()
                .map(|r| RegionInfo { name: r.name.clone(), link: link(&r.link) })
                .collect(),
            nodes: self.nodes.iter().map(NodePlan::info).collect(),
            paths: self
                .paths
                .iter()
                .map(|p| PathInfo { a: p.a, b: p.b, link: link(&p.link) })
                .collect(),
            clients: (0..)
                .map(ClientId)
                .zip(&self.clients)
                .map(|(id, c)| self.info(id, c))
                .collect(),
            streams: self.streams.iter().map(|stream| self.stream_info(stream)).collect(),
            consumers: self.consumer_infos(),
            guarantees: self.guarantees.clone(),
            bounds: self.bounds,
            window: self.network.window,
            buffered: self.buffered(),
            buffers_forget: self.buffers().any(BufferPlan::forgets),
            core: self.core_info(),
            unrecoverable: recovery::unrecoverable(self),
        }
    }

    fn buffers(&self) -> impl Iterator<Item = &BufferPlan> {
        self.nodes.iter().filter_map(|node| node.buffer.as_ref())
    }

    /// Subjects that are kept everywhere.
    fn buffered(&self) -> Vec<String> {
        let everywhere = self.nodes.iter().all(|node| node.buffer.is_some());
        let first = self.buffers().next().filter(|_| everywhere);
        first.map(|buffer| buffer.subjects.clone()).unwrap_or_default()
    }

    fn info(&self, id: ClientId, client: &ClientPlan) -> ClientInfo {
        let stops = self.faults.iter().any(|fault| match &fault.action {
            FaultAction::StopReading(clients) => clients.contains(&id),
            FaultAction::Cut { .. }
            | FaultAction::Conns { .. }
            | FaultAction::Reset(_)
            | FaultAction::Refuse(_)
            | FaultAction::Degrade { .. }
            | FaultAction::Crash(_)
            | FaultAction::Stop(_)
            | FaultAction::LameDuck(_)
            | FaultAction::Dns(_)
            | FaultAction::Host(_) => false,
        });
        ClientInfo {
            name: client.name.clone(),
            region: client.region,
            role: client.role.name().to_owned(),
            no_echo: !client.echo,
            no_headers: !client.takes_headers,
            slow: stops || client.read_rate > 0,
        }
    }

    /// What a fault hits, in words.
    #[must_use]
    pub fn fault_text(&self, fault: &FaultPlan) -> String {
        let mut text = String::new();
        write::fault_words(self, fault, &mut text);
        text
    }
}

impl NodePlan {
    fn info(&self) -> NodeInfo {
        NodeInfo {
            name: self.name.clone(),
            region: self.region,
            cluster: self.cluster.clone(),
            pool_size: self.pool_size(self.release),
            url: String::new(),
            advertise: self.config.number(Setting::NoAdvertise) != Some(1),
            max_pending: self
                .config
                .number(Setting::MaxPending)
                .unwrap_or(causeway_core::limits::PENDING_BYTES),
            limits: self.limits(),
        }
    }

    fn limits(&self) -> NodeLimits {
        let usual = NodeConfig::default();
        let or = |setting, usual| self.config.number(setting).unwrap_or(usual);
        let span = |setting, usual: Duration| {
            or(setting, u64::try_from(usual.as_nanos()).unwrap_or(u64::MAX))
        };
        let max_connections = self.config.number(Setting::MaxConnections);
        NodeLimits {
            max_connections: max_connections.or(usual.limits.max_connections),
            max_payload: or(Setting::MaxPayload, usual.limits.max_payload),
            write_deadline_ns: span(Setting::WriteDeadline, usual.write_deadline),
            drops: self.config.number(Setting::NoFastProducerStall) == Some(1),
            lame_duck_grace_ns: span(Setting::LameDuckGrace, usual.lame_duck_grace),
            lame_duck_ns: span(Setting::LameDuckDuration, usual.lame_duck_duration),
            buffer: self.buffer.as_ref().map(BufferPlan::room),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write())
    }
}
