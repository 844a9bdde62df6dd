//! What the user writes: who there is, what they do, what goes wrong, what must hold.
//!
//! [`Scenario::parse`] takes a TOML file in three passes: its syntax, its keys and types, and then
//! its sense (names exist, units fit, a fault ends in time). All problems of the third pass are
//! collected. `scenarios/README.md` documents the format; what the format knows and this version
//! does not support is said to be so, not ignored.
//!
//! A scenario still holds ranges. [`plan`](fn@crate::plan::plan) draws from them.

mod buffer;
mod conns;
mod diagnostic;
mod disk;
mod dist;
mod heal;
mod host;
mod jetstream;
mod operator;
mod params;
mod quantity;
mod raw;
mod raw_buffer;
mod raw_streams;
mod resolve;
mod schema;
mod select;
mod sources;
mod swarm;
pub(crate) mod template;
mod tree;
mod value;
pub(crate) mod when;

pub use buffer::BufferSpec;
pub use conns::{ConnsSpec, ConnsWhat};
pub use diagnostic::{Diagnostic, ScenarioError, nearest};
pub use disk::{DiskSpec, SharesSpec};
pub use dist::Dist;
pub use heal::Heal;
pub use host::{ClockSpec, HostSpec, HostSpecWhat, RestartSpec, Way};
pub use jetstream::{Business, ConsumerSpec, JetStreamSpec, StreamSpec};
pub use operator::{Release, ReloadSpec, UpgradeSpec};
pub use params::ParamSpec;
pub use schema::schema;
pub use select::{Selector, SelectorError};
pub use swarm::SwarmSpec;
pub use value::Draw;
pub use when::{Is, WatchedSpec, WhenSpec};

use std::path::Path;

use crate::history::GuaranteeInfo;

/// What a scenario needs besides its text.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Values of parameters; the others have their defaults.
    pub params: &'a [(String, String)],
    /// Reads another file, or says why that cannot be done.
    pub read: &'a dyn Fn(&Path) -> Result<String, String>,
}

/// A scenario that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file it comes from, as it was named to us.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Its parameters, by name.
    pub params: Vec<ParamSpec>,
    /// The question it answers.
    pub about: String,
    /// For choosing scenarios.
    pub tags: Vec<String>,
    /// The seeds it is meant to be run with.
    pub seeds: Vec<u64>,
    /// How long clients work, in nanoseconds, from the scenario's time zero.
    pub duration: Draw,
    /// How long things may take to settle after that; `None` derives it from the timers.
    pub settle: Option<u64>,
    /// Who is healed in the end, if the swarm does not say.
    pub heal: Heal,
    /// Unusual things happen in the broker's code.
    pub perturb: bool,
    /// A run with more steps does not end by itself; `None` leaves it to who runs it.
    pub max_events: Option<u64>,
    /// The names of the engines that it is meant for; empty is any.
    pub engines: Vec<String>,
    /// Each so-many-th seed is run twice; `None` is none.
    pub determinism_check: Option<u64>,
    /// What holds for all networks.
    pub network: NetworkSpec,
    /// The networks.
    pub links: Vec<LinkSpec>,
    /// The regions, by name.
    pub regions: Vec<RegionSpec>,
    /// Which regions are joined.
    pub paths: Vec<PathSpec>,
    /// What all nodes keep for others that they cannot reach.
    pub buffer: Option<BufferSpec>,
    /// The streams, in the order of the file; buckets behind them.
    pub streams: Vec<StreamSpec>,
    /// The consumers, in the order of the file.
    pub consumers: Vec<ConsumerSpec>,
    /// The clients, in the order of the file.
    pub clients: Vec<ClientSpec>,
    /// What goes wrong, in the order of the file.
    pub faults: Vec<FaultSpec>,
    /// What goes wrong besides, drawn by the seed.
    pub swarm: Option<SwarmSpec>,
    /// What must hold, by id.
    pub guarantees: Vec<GuaranteeInfo>,
    /// What must have happened in at least one seed of a set: text and line.
    pub coverage: Vec<(String, u32)>,
}

/// What holds for all networks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkSpec {
    /// How long unacknowledged bytes keep a connection alive, in nanoseconds.
    pub tcp_timeout: Draw,
    /// Bytes that fit between a sender and a receiver that does not read.
    pub window: Draw,
    /// How bytes are cut and joined on their way; `None` is drawn.
    pub chunking: Option<Chunking>,
    /// A node that holds a connection's input has read once more before it does.
    pub overread: bool,
}

/// How the bytes of a connection are cut and joined before they are read. TCP promises the order
/// of bytes and nothing about pieces.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Chunking {
    /// Read as written.
    Off,
    /// One read in sixteen is cut in two or waits for the next.
    Light,
    /// Every second read is cut or waits.
    Heavy,
    /// Pieces of one to three bytes for the first kilobyte of a connection, then as heavy.
    Bytes,
}

impl Chunking {
    /// All.
    pub const ALL: [Self; 4] = [Self::Off, Self::Light, Self::Heavy, Self::Bytes];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Light => "light",
            Self::Heavy => "heavy",
            Self::Bytes => "bytes",
        }
    }
}

/// A network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkSpec {
    /// Its name.
    pub name: String,
    /// One way, in nanoseconds.
    pub latency: Draw,
    /// Added to it: evenly from 0 to this unless `dist` says otherwise, in nanoseconds.
    pub jitter: Draw,
    /// How what is added spreads.
    pub dist: Dist,
    /// Added to the latency of each pair of places for good: from 0 to this, in nanoseconds.
    pub bias: Draw,
    /// Segments that must be sent again, in millionths.
    pub loss_ppm: Draw,
    /// Bytes per second one way; 0 is unlimited.
    pub bandwidth: Draw,
    /// Bytes that wait for bandwidth before writers must; 0 is unlimited.
    pub queue: Draw,
}

/// A region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionSpec {
    /// Its name.
    pub name: String,
    /// Its nodes' cluster.
    pub cluster: String,
    /// How many nodes.
    pub nodes: Draw,
    /// The network inside: an index into [`Scenario::links`].
    pub link: usize,
    /// The configured routes of its nodes.
    pub routes: Vec<RouteTarget>,
    /// When its nodes start, in nanoseconds from the start of the run.
    pub start: Draw,
    /// How its nodes are configured.
    pub config: ConfigSpec,
    /// What its nodes are at the beginning.
    pub release: Release,
    /// How its first node keeps streams, if it keeps any.
    pub jetstream: Option<JetStreamSpec>,
}

/// Where a configured route leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RouteTarget {
    /// One URL for each node of the region.
    Region(String),
    /// One URL for this node: region and number, from 1.
    Node(String, u16),
    /// One URL with the region's name, which resolves to all of its nodes.
    Name(String),
}

/// The part of a node's configuration that a scenario can set. `None` is the server's default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigSpec {
    /// Bytes.
    pub max_pending: Option<Draw>,
    /// Bytes.
    pub max_payload: Option<Draw>,
    /// Bytes.
    pub max_control_line: Option<Draw>,
    /// Client connections.
    pub max_connections: Option<Draw>,
    /// Subscriptions of one connection.
    pub max_subscriptions: Option<Draw>,
    /// Nanoseconds.
    pub write_deadline: Option<Draw>,
    /// Nanoseconds.
    pub ping_interval: Option<Draw>,
    /// Unanswered pings.
    pub ping_max: Option<Draw>,
    /// Drop instead of stalling.
    pub no_fast_producer_stall: Option<bool>,
    /// Nanoseconds.
    pub lame_duck_duration: Option<Draw>,
    /// Nanoseconds.
    pub lame_duck_grace: Option<Draw>,
    /// Connections per peer; 0 is one without a pool.
    pub pool_size: Option<Draw>,
    /// Accounts with a connection of their own.
    pub accounts: Vec<String>,
    /// Dials of a gossiped peer that nobody lists any more.
    pub connect_retries: Option<Draw>,
    /// Double the pause between dials.
    pub connect_backoff: Option<bool>,
    /// Do not tell clients of the other servers.
    pub no_advertise: Option<bool>,
    /// Of routes, in nanoseconds.
    pub route_ping_interval: Option<Draw>,
    /// Of routes.
    pub route_ping_max: Option<Draw>,
    /// Of routes, in nanoseconds.
    pub route_write_deadline: Option<Draw>,
}

/// Two regions that are joined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathSpec {
    /// An index into [`Scenario::regions`].
    pub a: usize,
    /// An index into [`Scenario::regions`].
    pub b: usize,
    /// An index into [`Scenario::links`].
    pub link: usize,
}

/// One `[[client]]` table: `count` clients that do the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientSpec {
    /// The name that they share.
    pub id: String,
    /// The nodes that they may connect to.
    pub at: Selector,
    /// How many.
    pub count: Draw,
    /// What they do.
    pub role: Role,
    /// Its business with streams.
    pub business: Option<Business>,
    /// Where to, or on what; empty for those that have no use for one. `{i}` is the number of the message from 0, `{i%n}` its remainder,
    /// `{client}` the number of the client from 1.
    pub subject: String,
    /// The queue group, for those that subscribe.
    pub queue: Option<String>,
    /// Between two operations, in nanoseconds.
    pub every: Draw,
    /// Messages in one operation.
    pub burst: Draw,
    /// Bytes of a payload.
    pub size: Draw,
    /// No more messages than this; 0 is no limit.
    pub stop_after: u64,
    /// When they connect, in nanoseconds from time zero; `None` is before it.
    pub start: Option<Draw>,
    /// When they stop working, in nanoseconds from time zero; `None` is with the run.
    pub stop: Option<Draw>,
    /// What they wait for before they connect; `start` says from when on.
    pub when: Option<WhenSpec>,
    /// How long they work then, in nanoseconds; `None` is until they stop.
    pub lasts: Option<Draw>,
    /// The line of the file where they are stated.
    pub line: u32,
    /// How long a request waits, in nanoseconds.
    pub timeout: Draw,
    /// Auto-unsubscribe after this many deliveries; 0 is never.
    pub max: Draw,
    /// How long after subscribing they say so, in nanoseconds; `None` is at once.
    pub max_after: Option<Draw>,
    /// What those that receive subscribe to besides.
    pub also: Vec<String>,
    /// They close their connection when they stop working.
    pub leave: bool,
    /// They unsubscribe and subscribe anew this often, in nanoseconds; `None` is never.
    pub churn: Option<Draw>,
    /// Share of their messages with a header, in millionths.
    pub headers_ppm: Draw,
    /// What those that send subscribe to besides.
    pub listen: Option<String>,
    /// They get their own messages.
    pub echo: bool,
    /// They understand messages with headers.
    pub takes_headers: bool,
    /// How many bytes they read in a second; `None` is as they come.
    pub read_rate: Option<Draw>,
    /// Between two pings to the server, in nanoseconds.
    pub ping: Draw,
    /// How long they wait before they connect anew, in nanoseconds.
    pub reconnect_wait: Draw,
    /// Added to it, evenly from 0 to this, in nanoseconds.
    pub reconnect_jitter: Draw,
}

/// What a client does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Sends messages.
    Publish,
    /// Receives messages.
    Subscribe,
    /// Sends messages and waits for an answer to each.
    Request,
    /// Answers.
    Serve,
    /// Works off a consumer.
    Consume,
    /// Writes and reads the keys of a bucket.
    Kv,
    /// Makes streams, and reads them back at the end. Each node with streams has one by itself.
    Audit,
}

impl Role {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Publish,
        Self::Subscribe,
        Self::Request,
        Self::Serve,
        Self::Consume,
        Self::Kv,
        Self::Audit,
    ];

    /// Those that a scenario may give to clients.
    pub const FOR_CLIENTS: [Self; 6] =
        [Self::Publish, Self::Subscribe, Self::Request, Self::Serve, Self::Consume, Self::Kv];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Request => "request",
            Self::Serve => "serve",
            Self::Consume => "consume",
            Self::Kv => "kv",
            Self::Audit => "audit",
        }
    }

    /// What it does, in a sentence: a client that ...
    #[must_use]
    pub(crate) const fn does(self) -> &'static str {
        match self {
            Self::Publish => "publishes",
            Self::Subscribe => "subscribes",
            Self::Request => "requests",
            Self::Serve => "serves",
            Self::Consume => "consumes",
            Self::Kv => "uses a bucket",
            Self::Audit => "audits",
        }
    }

    /// Whether it subscribes to what others publish.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Subscribe | Self::Serve)
    }

    /// Whether it sends by itself.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::Publish | Self::Request | Self::Kv)
    }
}

/// Something that goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultSpec {
    /// Its name, for others that wait for it.
    pub id: Option<String>,
    /// When it begins, or begins to wait, in nanoseconds from time zero.
    pub at: Draw,
    /// What it waits for.
    pub when: Option<WhenSpec>,
    /// How long it lasts, in nanoseconds; `None` is until the faults are lifted, or no time at all.
    pub lasts: Option<Draw>,
    /// What.
    pub what: FaultWhat,
    /// The line of the file where it is stated.
    pub line: u32,
}

/// What goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FaultWhat {
    /// Nothing passes.
    Cut {
        /// Between whom.
        between: Between,
        /// Connections that were there stay dead.
        blackhole: bool,
        /// It comes and goes: period in nanoseconds, and its share in millionths during which
        /// nothing passes.
        flap: Option<(Draw, Draw)>,
    },
    /// Nothing passes between several pairs.
    Cuts(Cuts),
    /// Existing connections are reset.
    Reset(Between),
    /// Connections are hit, and their bytes.
    Conns(ConnsSpec),
    /// New connections are refused.
    Refuse(Between),
    /// Bytes take longer.
    Degrade {
        /// Between whom.
        between: Between,
        /// Added, in nanoseconds.
        latency: Draw,
        /// Added on top, evenly from 0 to this, in nanoseconds.
        jitter: Draw,
        /// Segments that must be sent again, in millionths.
        loss_ppm: Draw,
        /// Bytes per second instead; `None` leaves it.
        bandwidth: Option<Draw>,
    },
    /// Processes die.
    Crash(Process),
    /// Processes are asked to stop.
    Stop(Process),
    /// Processes become lame ducks.
    LameDuck(Process),
    /// The name service gives wrong answers.
    Dns(NamesSpec),
    /// Clients stop reading.
    StopReading(Selector),
    /// Something happens to machines and their processes.
    Host(HostSpec),
}

/// Between whom a network fault stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Between {
    /// One side.
    pub a: Selector,
    /// The other side; `None` is everybody else.
    pub b: Option<Selector>,
    /// Which way.
    pub direction: Ways,
}

/// A partition of a shape, or one whose pairs go and come one by one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cuts {
    /// Who loses whom.
    pub among: Among,
    /// Which way, from earlier sides to later ones.
    pub direction: Ways,
    /// Connections that were there stay dead.
    pub blackhole: bool,
    /// How much later than the fault each pair is cut and healed, drawn for each anew, in
    /// nanoseconds; `None` is all together.
    pub stagger: Option<Draw>,
}

/// Who loses whom. One side alone stands for the nodes that it means, each dealt a side by the
/// seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Among {
    /// Two sides lose each other.
    Two(Between),
    /// The first and the last of three lose each other; the one in the middle keeps both.
    Bridge(Vec<Selector>),
    /// Each keeps its neighbours and loses all others.
    Ring(Vec<Selector>),
}

/// Which way between two sides.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ways {
    /// Both.
    Both,
    /// From the first to the second.
    Forward,
    /// From the second to the first.
    Backward,
}

impl Ways {
    /// All.
    pub const ALL: [Self; 3] = [Self::Both, Self::Forward, Self::Backward];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// Processes that end, and how they come back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    /// Which.
    pub on: Selector,
    /// They come back on another route port.
    pub new_port: bool,
    /// They come back at another address.
    pub new_address: bool,
}

/// Nodes whose names are answered wrongly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamesSpec {
    /// Which.
    pub on: Selector,
    /// How.
    pub answer: NamesAnswer,
}

/// A wrong answer of the name service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum NamesAnswer {
    /// There is no such name.
    Nobody,
    /// The addresses that were true when the fault began.
    Old,
    /// Some of the nodes are missing: at least one, and not all if there are several.
    Some,
}

impl NamesAnswer {
    /// All.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Old, Self::Some];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Old => "old",
            Self::Some => "some",
        }
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// `file` is only for messages. `kinds` are the kinds of guarantees that there are.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str, kinds: &[&str]) -> Result<Self, ScenarioError> {
        let read = |_: &Path| Err("there is no way to read other files here".to_owned());
        Self::parse_with(file, text, kinds, &Given { params: &[], read: &read })
    }

    /// Reads a scenario that may extend others, with values for its parameters.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_with(
        file: &str,
        text: &str,
        kinds: &[&str],
        given: &Given<'_>,
    ) -> Result<Self, ScenarioError> {
        resolve::parse(file, text, kinds, given)
    }

    /// Its name, with the values of its parameters if it has any.
    #[must_use]
    pub fn full_name(&self) -> String {
        let values: Vec<String> =
            self.params.iter().map(|param| format!("{}={}", param.name, param.value)).collect();
        if values.is_empty() {
            self.name.clone()
        } else {
            format!("{}.{}", self.name, values.join(","))
        }
    }
}
