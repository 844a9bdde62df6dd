//! A scenario file as it stands there: which keys there are, and of which TOML type. Every value
//! keeps its place, so that problems found later can point at it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::quantity as q;
use super::raw_buffer::RawBuffer;
use super::raw_streams::{RawConsumer, RawJetStream, RawKv, RawStream};

/// A text with its place.
pub(super) type Text = Spanned<String>;
/// A value that may be written in more than one type (`200` or `"100..300"`).
pub(super) type Any = Spanned<Value>;

/// A scenario: who there is, what they do, what goes wrong, and what must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    /// The version of the format.
    #[schemars(with = "q::Version")]
    pub(super) schema: Spanned<i64>,
    /// Its name, and that of its file: letters, digits, `-`, `_` and `.`.
    #[schemars(with = "q::Name")]
    pub(super) name: Text,
    /// The question that it answers, in a sentence.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) about: Option<Text>,
    /// Words for choosing scenarios: `run --tag` and `list --tag`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) tags: Vec<String>,
    /// How long it is, and with which seeds.
    pub(super) run: RawRun,
    /// What holds for all networks.
    #[serde(default)]
    pub(super) network: RawNetwork,
    /// Networks by name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawLink>")]
    pub(super) link: BTreeMap<String, Spanned<RawLink>>,
    /// Regions by name: nodes of one cluster in one place.
    #[serde(default)]
    #[schemars(with = "BTreeMap<q::Name, RawRegion>")]
    pub(super) region: BTreeMap<String, Spanned<RawRegion>>,
    /// How streams are kept: by the first node of each region.
    #[serde(default)]
    #[schemars(with = "RawJetStream")]
    pub(super) jetstream: Option<Spanned<RawJetStream>>,
    /// What all nodes keep for others that they cannot reach. By default nothing.
    #[serde(default)]
    #[schemars(with = "RawBuffer")]
    pub(super) buffer: Option<Spanned<RawBuffer>>,
    /// Which regions are joined. Without a path they cannot reach each other.
    #[serde(default)]
    #[schemars(with = "Vec<RawPath>")]
    pub(super) path: Vec<Spanned<RawPath>>,
    /// Who works, and how.
    #[serde(default)]
    #[schemars(with = "Vec<RawClient>")]
    pub(super) client: Vec<Spanned<RawClient>>,
    /// What goes wrong.
    #[serde(default)]
    #[schemars(with = "Vec<RawFault>")]
    pub(super) fault: Vec<Spanned<RawFault>>,
    /// What must hold, by a name of your own. All kinds are checked in every run; those that are
    /// named here must have been put to the test.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawGuarantee>")]
    pub(super) guarantee: BTreeMap<String, Spanned<RawGuarantee>>,
    /// What must have happened.
    #[serde(default)]
    #[schemars(with = "RawCoverage")]
    pub(super) coverage: Option<RawCoverage>,
    /// Streams.
    #[serde(default)]
    #[schemars(with = "Vec<RawStream>")]
    pub(super) stream: Vec<Spanned<RawStream>>,
    /// Buckets of keys.
    #[serde(default)]
    #[schemars(with = "Vec<RawKv>")]
    pub(super) kv: Vec<Spanned<RawKv>>,
    /// Consumers of streams.
    #[serde(default)]
    #[schemars(with = "Vec<RawConsumer>")]
    pub(super) consumer: Vec<Spanned<RawConsumer>>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) program: Option<Any>,
    /// Faults that the seed draws, and who takes part.
    #[serde(default)]
    #[schemars(with = "RawSwarm")]
    pub(super) swarm: Option<Spanned<RawSwarm>>,
    /// Values with a name, filled in wherever `"${name}"` stands. `run` tries all of their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<q::Name, RawParam>")]
    #[expect(dead_code, reason = "they are read before: see `params`")]
    pub(super) param: BTreeMap<String, Spanned<RawParam>>,
    /// The path of a scenario, from this file. What stands there counts where this file says nothing:
    /// tables are merged key by key; clients and faults with the same `id`, and paths between the
    /// same regions, are merged too.
    #[serde(default)]
    #[schemars(with = "String")]
    #[expect(dead_code, reason = "it is read before: see `tree`")]
    pub(super) extends: Option<Text>,
}

/// A value with a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParam {
    /// The value if nothing else is said.
    #[schemars(with = "q::Scalar")]
    pub(super) default: Any,
    /// The values that `run` tries. By default the default.
    #[serde(default)]
    #[schemars(with = "Vec<q::Scalar>")]
    pub(super) values: Vec<Any>,
}

/// How long a run is, and which seeds there are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRun {
    /// The seeds: a range such as `"0..200"`, or a list. By default 0..100.
    #[serde(default)]
    #[schemars(with = "q::Seeds")]
    pub(super) seeds: Option<Any>,
    /// How long clients work, from time zero; drawn.
    #[schemars(with = "q::Duration")]
    pub(super) duration: Text,
    /// How long things may take to settle after that. By default it follows from the timers.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) settle: Option<Text>,
    /// Who is healed in the end: everybody, or a core of nodes that the seed draws. Faults that touch
    /// others may then stay for ever, and what must happen eventually is promised to the core. By
    /// default `all`.
    #[serde(default)]
    #[schemars(with = "q::Heal")]
    pub(super) heal: Option<Text>,
    /// Unusual things happen at some places in the broker's code.
    #[serde(default)]
    pub(super) perturb: bool,
    /// Engines that it is meant for.
    #[serde(default)]
    #[schemars(with = "Vec<q::Engine>")]
    pub(super) engines: Vec<Text>,
    /// A run that takes more steps than this does not end by itself. By default 10000000, or
    /// `--max-steps`.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_events: Option<Any>,
    /// Each so-many-th seed is run twice and must come out the same. By default none.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) determinism_check: Option<Any>,
}

/// What holds for all networks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    /// How long unacknowledged bytes keep a connection alive; drawn. By default 15s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) tcp_timeout: Option<Any>,
    /// Bytes between a writer and a reader that does not read; drawn. By default 256KiB.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) window: Option<Any>,
    /// How bytes are cut before they are read. By default `any`, which draws.
    #[serde(default)]
    #[schemars(with = "q::Chunking")]
    pub(super) chunking: Option<Text>,
    /// A node that holds a connection's input has read once more before it does. By default false.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) overread: bool,
}

/// A network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLink {
    /// One way; drawn.
    #[schemars(with = "q::Duration")]
    pub(super) latency: Any,
    /// Added to it, evenly from 0 to this; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) jitter: Option<Any>,
    /// How jitter is spread.
    #[serde(default)]
    #[schemars(with = "q::Dist")]
    pub(super) dist: Option<Text>,
    /// Share of segments that must be sent again, up to 0.5; drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) loss: Option<Any>,
    /// One way; drawn. Without it there is no limit.
    #[serde(default)]
    #[schemars(with = "q::Rate")]
    pub(super) bandwidth: Option<Any>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) duplicate: Option<Any>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) reorder: Option<Any>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) mtu: Option<Any>,
    /// Bytes that wait for `bandwidth` before writers must wait; drawn. Without it there is no limit.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) queue: Option<Any>,
    /// Added to the latency of each pair of places for good, from 0 to this; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) bias: Option<Any>,
}

/// A region: nodes of one cluster in one place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegion {
    /// The cluster of its nodes. By default `c1`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) cluster: Option<Text>,
    /// How many nodes, from 1 to 64; drawn.
    #[schemars(with = "q::Count")]
    pub(super) nodes: Any,
    /// The network inside: a name under `link`.
    #[schemars(with = "String")]
    pub(super) link: Text,
    /// Configured routes of its nodes: `region:X`, `node:X/1`, or `name:X`, one name that
    /// resolves to all nodes of X. By default its own first node, and by name the regions next to
    /// it.
    #[serde(default)]
    #[schemars(with = "Vec<q::Route>")]
    pub(super) routes: Option<Vec<Text>>,
    /// When its nodes start, from the start of the run; drawn for each.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) start: Option<Any>,
    /// How its nodes are configured.
    #[serde(default)]
    pub(super) config: RawConfig,
    /// How its first node keeps streams, where that differs from the other regions.
    #[serde(default)]
    #[schemars(with = "RawJetStream")]
    pub(super) jetstream: Option<Spanned<RawJetStream>>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) zones: Option<Any>,
    /// What its nodes are at the beginning. By default this version.
    #[serde(default)]
    #[schemars(with = "q::Release")]
    pub(super) version: Option<Text>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) disk: Option<Any>,
}

/// nats-server's options by their own names.
#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Bytes that wait for one client before it is cut off.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_pending: Option<Any>,
    /// Bytes of the largest message.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_payload: Option<Any>,
    /// Bytes of the longest protocol line.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_control_line: Option<Any>,
    /// Client connections.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_connections: Option<Any>,
    /// Subscriptions of one connection.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_subscriptions: Option<Any>,
    /// How long a write to a client may take.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) write_deadline: Option<Any>,
    /// Time between pings of a client.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) ping_interval: Option<Any>,
    /// Pings of a client without an answer.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) ping_max: Option<Any>,
    /// Drops messages instead of slowing publishers down.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) no_fast_producer_stall: Option<Spanned<bool>>,
    /// How long clients are sent away in lame duck mode.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) lame_duck_duration: Option<Any>,
    /// The time before the first is.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) lame_duck_grace_period: Option<Any>,
    /// Options of routes.
    #[serde(default)]
    pub(super) cluster: RawCluster,
}

/// nats-server's options of routes by their own names.
#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    /// Connections to each peer; 0 is the default, a negative number is one without a pool.
    #[serde(default)]
    #[schemars(with = "q::PoolSize")]
    pub(super) pool_size: Option<Any>,
    /// Accounts with a connection of their own.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) accounts: Option<Spanned<Vec<String>>>,
    /// Dials of a gossiped peer that nobody lists any more.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) connect_retries: Option<Any>,
    /// Doubles the pause between dials.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) connect_backoff: Option<Spanned<bool>>,
    /// Does not tell clients of the other servers.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) no_advertise: Option<Spanned<bool>>,
    /// Time between pings of a route.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) ping_interval: Option<Any>,
    /// Pings of a route without an answer.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) ping_max: Option<Any>,
    /// How long a write to a route may take.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) write_deadline: Option<Any>,
}

/// Two regions that are joined.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPath {
    /// The names of the two.
    #[schemars(with = "q::Pair<String>")]
    pub(super) between: Vec<Text>,
    /// The network between them: a name under `link`.
    #[schemars(with = "String")]
    pub(super) link: Text,
    /// How they are joined.
    #[serde(default)]
    #[schemars(with = "q::Via")]
    pub(super) via: Option<Text>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) one_way: Option<Any>,
}

/// Clients that are alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    /// Its instances are called `id/1`, `id/2`, ...
    #[schemars(with = "q::Name")]
    pub(super) id: Text,
    /// Nodes: it connects to one of them, and to another when that fails.
    #[schemars(with = "q::Selector")]
    pub(super) at: Text,
    /// How many; drawn. By default 1.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) count: Option<Any>,
    /// What it does.
    #[schemars(with = "q::Role")]
    pub(super) role: Text,
    /// `{i}` is the number of the message, `{i%n}` its remainder, `{client}` the number of the
    /// client. Not for those that consume, or use a bucket.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) subject: Option<Text>,
    /// The queue group (subscribe, serve).
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) queue: Option<Text>,
    /// Messages in a second (publish, request); drawn.
    #[serde(default)]
    #[schemars(with = "q::PerSecond")]
    pub(super) rate: Option<Any>,
    /// Time between operations (publish, request); drawn. By default 100ms.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) every: Option<Any>,
    /// Messages of one operation (publish); drawn each time. By default 1.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) burst: Option<Any>,
    /// Bytes of a payload, at least 16 (publish, request, serve); drawn each time. By default
    /// 128B.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) size: Option<Any>,
    /// Messages in all (publish, request).
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) stop_after: Option<Any>,
    /// When it connects, from time zero; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) start: Option<Any>,
    /// When it stops working, from time zero; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) stop: Option<Any>,
    /// What it waits for before it connects and works; `start` says from when on it waits, by default
    /// from time zero.
    #[serde(default)]
    #[schemars(with = "q::When")]
    pub(super) when: Option<Text>,
    /// How long after `when` it connects; drawn. By default at once.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) delay: Option<Any>,
    /// How long it works then (with `when`); drawn. By default until `stop`.
    #[serde(default, rename = "for")]
    #[schemars(with = "q::Duration")]
    pub(super) lasts: Option<Any>,
    /// Of a request; drawn each time. By default 2s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) timeout: Option<Any>,
    /// Unsubscribes after so many messages (subscribe, serve); drawn each time.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max: Option<Any>,
    /// Says so only so long after it has subscribed; drawn each time. By default at once.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) max_after: Option<Any>,
    /// Further subscriptions of the same connection (subscribe, serve): without placeholders.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) also: Vec<Spanned<String>>,
    /// Closes its connection at `stop`.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) leave: Option<Spanned<bool>>,
    /// Unsubscribes and subscribes anew this often (subscribe, serve); drawn each time.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) churn: Option<Any>,
    /// Share of messages with a header (publish, request).
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) headers: Option<Any>,
    /// What it subscribes to besides (publish, request): without placeholders.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) listen: Option<Spanned<String>>,
    /// Gets its own messages. By default true.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) echo: Option<Spanned<bool>>,
    /// Understands messages with headers. By default true.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) takes_headers: Option<Spanned<bool>>,
    /// Bytes that it reads in a second; drawn. By default as they come.
    #[serde(default)]
    #[schemars(with = "q::Rate")]
    pub(super) read_rate: Option<Any>,
    /// Time between its pings; drawn. By default 2s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) ping: Option<Any>,
    /// How long it waits before it connects anew.
    #[serde(default)]
    pub(super) reconnect: RawReconnect,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) on_disconnect: Option<Any>,
    /// It waits until a stream says that it has stored the message, and sends it again if it must
    /// (publish).
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) ack: Option<Spanned<bool>>,
    /// Messages that may wait for that (with `ack`); drawn. By default 64.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) window: Option<Any>,
    /// It says in `Nats-Msg-Id` who a message is (with `ack`). By default true; without, it sends
    /// nothing again of which it does not know what became of it.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) msg_id: Option<Spanned<bool>>,
    /// The stream (consume).
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) stream: Option<Text>,
    /// The consumer (consume). By default the stream's only one.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) consumer: Option<Text>,
    /// A message adds so much to the counter that its subject is (with `ack`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) adds: Option<Any>,
    /// Messages of one request (consume); drawn. By default 16. Or messages that are stored as one
    /// or not at all (publish, with `ack`); drawn, by default each is stored by itself.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) batch: Option<Any>,
    /// How long a request waits for them (consume); drawn. By default 1s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) expires: Option<Any>,
    /// How long it works on a message, from 0 to this (consume); drawn. By default 0s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) hold: Option<Any>,
    /// It asks for more only when it has done with what it was given (consume). By default false.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) in_turn: Option<Spanned<bool>>,
    /// Share of deliveries that it acknowledges and wants to be sure of (consume); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) double: Option<Any>,
    /// Share of deliveries that it gives back (consume); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) nak: Option<Any>,
    /// Share of deliveries that it gives up (consume); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) term: Option<Any>,
    /// Share of deliveries to which it says nothing (consume); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) silent: Option<Any>,
    /// The bucket (kv).
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) bucket: Option<Text>,
    /// How many keys it uses (kv). By default 10.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) keys: Option<Any>,
    /// What it does with them, and how often compared to the rest (kv): `put`, `get`, `create`,
    /// `update`, `delete`.
    #[serde(default)]
    #[schemars(with = "q::Mix")]
    pub(super) mix: Option<Spanned<BTreeMap<String, Any>>>,
}

/// How long a client waits before it connects anew.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReconnect {
    /// At least; drawn. By default 100ms.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) wait: Option<Any>,
    /// Added to it, evenly from 0 to this; drawn. By default 100ms.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) jitter: Option<Any>,
}

/// Something that goes wrong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    /// A name, for other faults that wait for this one, and for who extends the scenario.
    #[serde(default)]
    #[schemars(with = "q::Name")]
    pub(super) id: Option<Text>,
    /// When it begins, from time zero; drawn. With `when`, from when on it waits, by default 0s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) at: Option<Any>,
    /// What it waits for.
    #[serde(default)]
    #[schemars(with = "q::When")]
    pub(super) when: Option<Text>,
    /// How long after `when` it begins; drawn. By default at once.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) delay: Option<Any>,
    /// How long it lasts; drawn. It must end before `duration`.
    #[serde(default, rename = "for")]
    #[schemars(with = "q::Duration")]
    pub(super) lasts: Option<Any>,
    /// What goes wrong.
    #[schemars(with = "q::FaultKind")]
    pub(super) kind: Text,
    /// Of a partition.
    #[serde(default)]
    #[schemars(with = "q::Shape")]
    pub(super) shape: Option<Text>,
    /// Who is hit, or cut off from everybody else.
    #[serde(default)]
    #[schemars(with = "q::Selector")]
    pub(super) on: Option<Text>,
    /// The two sides; of a `bridge` three, of a `ring` four or more.
    #[serde(default)]
    #[schemars(with = "q::Sides")]
    pub(super) between: Option<Spanned<Vec<Text>>>,
    /// Which way it works, from the first side to the second. By default both.
    #[serde(default)]
    #[schemars(with = "q::Direction")]
    pub(super) direction: Option<Text>,
    /// Added by `degrade`; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) latency: Option<Any>,
    /// Added by `degrade`, evenly from 0 to this; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) jitter: Option<Any>,
    /// Added by `degrade`; drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) loss: Option<Any>,
    /// Instead of the link's (`degrade`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Rate")]
    pub(super) bandwidth: Option<Any>,
    /// Of a `flap`; drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) period: Option<Any>,
    /// Share of the period of a `flap` during which nothing passes; drawn. By default 0.5.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) duty: Option<Any>,
    /// On which route port a process comes back. By default the same.
    #[serde(default)]
    #[schemars(with = "q::Port")]
    pub(super) port: Option<Text>,
    /// How much later than the fault each pair is cut and healed (partition, blackhole); drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) stagger: Option<Any>,
    /// How many more bytes pass (`cut_stream`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) after: Option<Any>,
    /// How the stream ends (`cut_stream`). By default `reset`.
    #[serde(default)]
    #[schemars(with = "q::Ending")]
    pub(super) ending: Option<Text>,
    /// Bytes of a piece at most (`slice`); drawn. By default 1B.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) bytes: Option<Any>,
    /// Between two pieces (`slice`), or between two nodes (`upgrade`); drawn. By default none.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) every: Option<Any>,
    /// At which address a process comes back. By default the same.
    #[serde(default)]
    #[schemars(with = "q::Port")]
    pub(super) address: Option<Text>,
    /// What the name service answers (`dns`).
    #[serde(default)]
    #[schemars(with = "q::Answer")]
    pub(super) answer: Option<Text>,
    /// How many times longer the work on an input takes (`slow_cpu`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) factor: Option<Any>,
    /// What each input takes in addition (`slow_cpu`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) base: Option<Any>,
    /// What changes (`reload`): options of `config` that a running server takes over.
    #[serde(default)]
    pub(super) config: Option<RawConfig>,
    /// The configured routes from now on (`reload`).
    #[serde(default)]
    #[schemars(with = "Vec<q::Route>")]
    pub(super) routes: Option<Vec<Text>>,
    /// What nodes are replaced by (`upgrade`).
    #[serde(default)]
    #[schemars(with = "q::Release")]
    pub(super) to: Option<Text>,
    /// How far a wall clock is off (`clock`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) offset: Option<Any>,
    /// By how much a wall clock jumps, for good (`clock`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) step: Option<Any>,
    /// Share of each second by which a wall clock goes wrong (`clock`), at most 0.05; drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) drift: Option<Any>,
    /// The same of the monotonic clock (`clock`), at most 0.05; drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) drift_mono: Option<Any>,
    /// The wall clock stands still (`clock`).
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) freeze: Option<Spanned<bool>>,
    /// What is wrong with a `disk`.
    #[serde(default)]
    #[schemars(with = "q::DiskWhat")]
    pub(super) what: Option<Text>,
    /// Share of reads that fail, or go elsewhere (`disk`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) reads: Option<Any>,
    /// Share of writes that fail, or go elsewhere (`disk`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) writes: Option<Any>,
    /// Share of syncs that fail (`disk`); drawn.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) syncs: Option<Any>,
    /// Room that is left on a `disk` that is full; drawn. By default none.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) free: Option<Any>,
    /// How often files of a `disk` are damaged; drawn. By default once.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) times: Option<Any>,
    /// How a `restart` ends the process. By default `stop`.
    #[serde(default)]
    #[schemars(with = "q::Way")]
    pub(super) by: Option<Text>,
}

/// Faults that the seed draws, and who takes part. Each kind of fault is left out in half of the
/// seeds; 3 of 100 seeds have no fault, and 10 have faults of one kind only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSwarm {
    /// The kinds, and how often each is drawn compared to the others. By default all alike.
    #[serde(default)]
    #[schemars(with = "q::Weights")]
    pub(super) weights: Option<Spanned<BTreeMap<Text, Any>>>,
    /// From the beginning of one fault to that of the next, on average; drawn, every doubling alike.
    /// By default 500ms..8s.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) mean_gap: Option<Any>,
    /// How long a fault lasts; drawn for each, every doubling alike. By default 50ms..8s.
    #[serde(default, rename = "for")]
    #[schemars(with = "q::Duration")]
    pub(super) lasts: Option<Any>,
    /// How many faults there are at once, at most; drawn. By default 1..=4.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_concurrent: Option<Any>,
    /// Nodes that are never taken down, nor cut off from each other.
    #[serde(default)]
    #[schemars(with = "q::Selector")]
    pub(super) keep: Option<Text>,
    /// When the last fault is over, from time zero; drawn. By default with the run.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) stop_at: Option<Any>,
    /// How many of the regions there are: some that paths join; drawn. By default all.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) regions: Option<Any>,
    /// How many clusters the regions are dealt to, if paths and routes join those of one: at most as
    /// many as there are regions; drawn. By default regions say so themselves.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) clusters: Option<Any>,
    /// How many of the `[[client]]` tables there are; drawn. By default all.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) clients: Option<Any>,
    /// Who is healed in the end (see `run.heal`): one of these, drawn. By default as `run` says.
    #[serde(default)]
    #[schemars(with = "Vec<q::Heal>")]
    pub(super) heal: Vec<Text>,
}

/// Something that must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuarantee {
    /// What is promised; `causeway-sim list --guarantees` shows all of them.
    #[schemars(with = "q::GuaranteeKind")]
    pub(super) kind: Text,
    /// For whom: `client:X`, `region:X`, `path:X/Y`, ... By default for all.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) scope: Option<Text>,
    /// When. By default always.
    #[serde(default)]
    #[schemars(with = "q::During")]
    pub(super) during: Option<Text>,
    /// The bound, where the kind has one. By default it follows from the timers.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) within: Option<Any>,
    /// Time that interest may take to spread.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) grace: Option<Any>,
    /// Of the latency.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) p99: Option<Any>,
    /// Share that must succeed.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) success: Option<Any>,
    /// The least share.
    #[serde(default)]
    #[schemars(with = "q::Share")]
    pub(super) min: Option<Any>,
}

/// What must have happened.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCoverage {
    /// Each in at least one seed of a set: `EVENT`, or `EVENT during PERIOD`.
    #[serde(default)]
    #[schemars(with = "Vec<q::Goal>")]
    pub(super) sometimes: Vec<Text>,
}
