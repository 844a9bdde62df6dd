//! The state machine of one shard of a server.

mod jetstream_report;
mod lame_duck;
mod open;
mod protocol_trace;
mod reload;
mod report;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use causeway_wire::hash;

use crate::account::{Accounts, GLOBAL};
use crate::buffer::{Buffers, is_of_buffers};
use crate::cluster::Cluster;
use crate::config::NodeConfig;
use crate::effects::Effects;
use crate::ids::{AccountId, LinkId};
use crate::input::{Command, Input};
use crate::interest::Plan;
use crate::jetstream::JetStream;
use crate::jetstream::services::Calls;
use crate::link::Links;
use crate::link::deliver::DeliveryScratch;
use crate::link::tx::{SpareChunks, TxQueue};
use crate::monitor::{ConnectionReport, Traffic};
use crate::rng::{Rng, Stream};
use crate::time::{Mono, Now, Wall};
use crate::timers::{Due, Timers};
use lame_duck::LameDuck;

/// Why a node wants to be woken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TimerKind {
    /// Input was held back: a turn had produced enough, or a producer was stalled.
    Resume,
    /// A link's keep-alive, credentials or write deadline.
    Link,
    /// A route is to be dialled.
    Dial,
    /// Lame duck mode closes the next client.
    LameDuck,
    /// A stream or a consumer has something to do.
    Streams,
    /// A buffer for another server has something to do.
    Buffers,
}

/// The broker as a state machine. One per shard.
///
/// Methods come in families: [`handle`](Self::handle) takes inputs; [`deadline`](Self::deadline)
/// and [`tx`](Self::tx) say what the host is to do next; the `…_report` methods look inside
/// without changing anything.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Arc<NodeConfig>,
    /// 56 characters, an nkey public server key.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) start: Wall,
    pub(crate) rng: Rng,
    pub(crate) links: Links,
    /// Connection ids given so far.
    pub(crate) last_cid: u64,
    pub(crate) accounts: Accounts,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) timers: Timers,
    pub(crate) stats: Stats,
    pub(crate) closed: VecDeque<ConnectionReport>,
    pub(crate) lame_duck: Option<LameDuck>,
    /// Everything is being closed; the host is asked to exit after the last link.
    pub(crate) stopping: bool,
    /// The host has been asked to.
    pub(crate) exiting: bool,
    /// What the disk has not taken until now is not waited for.
    pub(crate) out_of_patience: bool,
    /// Bytes appended to transmit queues in this turn.
    pub(crate) turn_output: usize,
    pub(crate) spare: SpareChunks,
    pub(crate) delivery: DeliveryScratch,
    pub(crate) jetstream: Option<Box<JetStream>>,
    pub(crate) buffers: Option<Box<Buffers>>,
    pub(crate) calls: Calls,
    /// Memory for messages of the server itself.
    pub(crate) outgoing: Vec<u8>,
    pub(crate) outgoing_tail: Vec<u8>,
    /// Who got the last of them, and whose subject that is.
    pub(crate) outgoing_plan: (AccountId, Option<Rc<Plan>>),
    #[cfg(feature = "perturb")]
    pub(crate) perturb: crate::perturb::Perturb,
}

/// Counters of the whole server.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) connections: u64,
    pub(crate) total_connections: u64,
    pub(crate) routes: u64,
    pub(crate) received_from_routes: Traffic,
    pub(crate) received_from_clients: Traffic,
    pub(crate) sent_to_routes: Traffic,
    pub(crate) sent_to_clients: Traffic,
    pub(crate) slow_clients: u64,
    pub(crate) slow_routes: u64,
    pub(crate) stale_clients: u64,
    pub(crate) stale_routes: u64,
    pub(crate) stalls: u64,
    pub(crate) lost_on_close: u64,
}

/// Characters of a made-up cluster name (nats-server: a nuid).
const MADE_UP_NAME_CHARS: usize = 22;

impl Node {
    /// A node at rest. Everything random in it comes from `seed`. Explicit routes are dialled on
    /// the first tick, for which [`deadline`](Self::deadline) asks at once.
    #[must_use]
    pub fn new(config: Arc<NodeConfig>, seed: [u8; 32], now: Now) -> Self {
        let mut rng = Rng::new(seed);
        let id = hash::server_id(&rng.bytes(Stream::Identity));
        let accounts = Accounts::new(&mut rng);
        let made_up = rng.name(Stream::Identity, MADE_UP_NAME_CHARS);
        let cluster =
            config.cluster.clone().map(|cluster| Cluster::new(cluster, made_up, &accounts));
        let mut timers = Timers::default();
        let jetstream = config.jetstream.clone().map(|config| Box::new(JetStream::new(config)));
        if jetstream.is_some() {
            timers.arm(now.mono, Due::Streams);
        }
        let mut buffers = Buffers::of(&config, &mut rng);
        if let Some(buffers) = &mut buffers {
            buffers.begin(&mut timers, now.mono);
        }
        if let Some(cluster) = &cluster {
            for (target, _) in cluster.targets.iter() {
                timers.arm(now.mono, Due::Target(target));
            }
        }
        Self {
            name: config.server_name.clone().unwrap_or_else(|| id.clone()),
            id,
            start: now.wall,
            config,
            rng,
            links: Links::default(),
            last_cid: 0,
            accounts,
            cluster,
            timers,
            stats: Stats::default(),
            closed: VecDeque::new(),
            lame_duck: None,
            stopping: false,
            exiting: false,
            out_of_patience: false,
            turn_output: 0,
            spare: SpareChunks::default(),
            delivery: DeliveryScratch::default(),
            jetstream,
            buffers,
            calls: Calls::new(),
            outgoing: Vec::new(),
            outgoing_tail: Vec::new(),
            outgoing_plan: (GLOBAL, None),
            #[cfg(feature = "perturb")]
            perturb: crate::perturb::Perturb::default(),
        }
    }

    /// From now on something unusual happens at a site, at every fourth visit by draws of `key`.
    #[cfg(feature = "perturb")]
    pub fn perturb(&mut self, site: crate::perturb::PerturbSite, key: u64) {
        self.perturb.activate(site, key);
    }

    /// Takes one input; what is to be done about it is in `fx` and in the transmit queues.
    ///
    /// Never blocks, never panics on any input, and does a bounded amount of work.
    pub fn handle(&mut self, now: Now, input: Input<'_>, fx: &mut Effects) {
        self.turn_output = 0;
        match input {
            Input::Opened { link, origin, peer, local: _ } => {
                self.opened(now, link, origin, peer, fx);
            }
            Input::DialFailed { dial, error } => self.dial_failed(now, dial, error, fx),
            Input::DialledItself { dial } => self.dialled_itself(now, dial, fx),
            Input::Received { link, rx } => self.receive(now, link, rx, fx),
            Input::Accepted { link, bytes } => {
                self.accepted(now, link, bytes);
                self.link_drained(link);
            }
            Input::Closed { link, cause } => self.closed(now, link, cause, fx),
            Input::Verified { link, ok } => self.client_verified(now, link, ok, fx),
            Input::Disk(done) if is_of_buffers(done.log) => self.buffers_done(done, fx),
            Input::Disk(done) => self.disk_done(now, done, fx),
            // One shard has no peers; see link/shard.rs.
            Input::Peer { from: _, batch } => batch.bytes.clear(),
            Input::Tick => {}
            Input::Command(Command::Reload(config)) => self.reload(now, config, fx),
            Input::Command(Command::LameDuck) => self.enter_lame_duck(now, fx),
            Input::Command(Command::Shutdown) => self.shut_down(now, fx),
        }
        self.run_timers(now, fx);
        self.settle_buffers(now, fx);
        self.settle_streams(now, fx);
        // What streams have published may be for buffers, too.
        self.settle_buffers(now, fx);
        self.after_delivery(now, fx);
        self.exit_if_drained(fx);
    }

    /// Does what is due. A link's held input takes a turn of its own, so that the host can send
    /// what the last one produced.
    fn run_timers(&mut self, now: Now, fx: &mut Effects) {
        while self.turn_output < crate::limits::TURN_OUTPUT_BYTES {
            let Some((at, due)) = self.timers.pop_due(now.mono) else { break };
            match due {
                Due::Resume(link) => self.resume_due(now, at, link, fx),
                Due::KeepAlive(link) => self.keepalive_due(now, at, link, fx),
                Due::Handshake(link) => self.handshake_due(now, link, fx),
                Due::Write(link) => self.write_due(now, at, link, fx),
                Due::Target(target) => self.target_due(now, at, target, fx),
                Due::LameDuck => self.lame_duck_due(now, at, fx),
                Due::Exit => self.out_of_patience = true,
                Due::Streams => self.streams_due(now, fx),
                Due::Buffers => self.buffers_due(now, fx),
            }
        }
    }

    /// When to send [`Input::Tick`] next, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Mono, TimerKind)> {
        self.timers.next().map(|(at, due)| (at, due.kind()))
    }

    /// The link's transmit queue; `None` if the link is unknown.
    #[must_use]
    pub fn tx(&self, link: LinkId) -> Option<&TxQueue> {
        self.links.get(link).map(|link| &link.tx)
    }

    /// Whether streams have been read from the disk, so that clients may come; always true without
    /// streams.
    #[must_use]
    pub fn streams_ready(&self) -> bool {
        self.jetstream.as_ref().is_none_or(|jetstream| jetstream.is_ready())
            && !self.awaits_buffers()
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<NodeConfig> {
        &self.config
    }

    /// This server's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asserts what must always hold inside. The simulator calls it every so many steps.
    ///
    /// # Panics
    /// If something does not hold: a bug.
    pub fn check_invariants(&self) {
        for account in self.accounts.iter() {
            account.interest.check_invariants();
        }
        let clients = self.links.iter().filter(|link| link.is_open() && link.client().is_some());
        assert_eq!(clients.count() as u64, self.stats.connections, "open clients are counted");
        let routes = self.links.iter().filter(|link| link.is_open() && link.route().is_some());
        assert_eq!(routes.count() as u64, self.stats.routes, "open routes are counted");
        let Some(cluster) = &self.cluster else { return };
        for (id, remote) in &cluster.remotes {
            assert!(!remote.lanes.is_empty(), "a remote without connections is forgotten");
            for (lane, slot) in &remote.lanes {
                let route = self.links.at(*slot).and_then(crate::link::Link::route);
                let route = route.expect("a lane leads to a route");
                assert_eq!(route.lane, Some(*lane), "a link knows its lane");
                assert_eq!(route.remote_id.as_ref(), Some(id), "a link knows its remote");
            }
        }
    }
}
