//! Link buffers: what is published for a server that cannot be reached is kept, and given to it, in
//! order and once, when it is back.
//!
//! ```text
//!   publisher ─► on a buffered subject ─► Peer::append ─┐ end of turn: one batch for each peer
//!                                                       ▼
//!   PONG, +OK ◄── durable ── Input::Disk ──────────► pump ─► BSEQ, RMSG ─► the peer
//!                                                               Inbound ◄─┘  │ durable there
//!                                        trimmed ◄── acknowledged ◄── BACK ◄─┘
//! ```
//!
//! | file | what |
//! |---|---|
//! | `peer` | the buffer for one peer |
//! | `pump` | sending |
//! | `standing` | what a peer wants, also while it is away |
//! | `window` | how much may be under way |
//! | `inbound`, `received` | what this server has had of others' buffers |
//! | `recovery` | the start |
//! | `choose` | from a publisher's message to the buffers and connections that get it |
//! | `links` | what happens on routes |
//! | `settle` | the end of a turn, timers, clients that wait |
//! | `record` | what is in the logs |
//!
//! * A buffer belongs to a peer's *name*: ids change when it is started again.
//! * **Store, then forward.** All of a peer's buffered messages go through its log, also while it is
//!   connected: so what was in TCP's hands at the cut is not lost, and the order is that of storing.
//! * **A flush is an acknowledgement.** What a client published into buffers is durable before its next
//!   PING is answered, and before `+OK` for those who want that.
//! * Links are known by number only: what is here is not about routes in particular. `links` is.

mod choose;
mod inbound;
mod links;
mod peer;
mod pump;
mod received;
mod record;
mod recovery;
mod settle;
mod standing;
mod window;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::LogId;
use causeway_store::{Key, Log};
use causeway_wire::subject;

use crate::account::GLOBAL;
use crate::config::{LinkBufferConfig, NodeConfig};
use crate::ids::{AccountId, LinkId};
use crate::interest::Interest;
use crate::monitor::buffer::BufferReport;
use crate::node::Node;
use crate::rng::{Rng, Stream};
use crate::time::{Mono, Wall};
use crate::timers::{Armed, Due, Timers};
use inbound::Inbound;
use peer::Peer;
use recovery::Recovering;
use standing::Tables;

/// The version of the protocol that INFO announces.
pub(crate) const PROTOCOL: i32 = 1;

pub(crate) use choose::Outcome;
pub(crate) use settle::is_of_buffers;

/// A server that there is a buffer for; its slot in the tables of interest. Not used again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct PeerId(u32);

/// All buffers of one server.
#[derive(Debug)]
pub(crate) struct Buffers {
    config: LinkBufferConfig,
    /// What is kept is encrypted with.
    key: Option<Key>,
    peers: BTreeMap<PeerId, Box<Peer>>,
    names: BTreeMap<String, PeerId>,
    tables: Tables,
    inbound: Option<Inbound>,
    recovering: Option<Recovering>,
    /// Everything has been read.
    ready: bool,
    /// Routes that waited for that.
    admit: Vec<LinkId>,
    logs: BTreeMap<LogId, PeerId>,
    /// Logs that are being destroyed.
    leaving: BTreeMap<LogId, Log>,
    /// Directories that are in use.
    dirs: BTreeSet<String>,
    last_peer: u32,
    last_log: u32,
    last_op: u64,
    /// Buffers that something has happened to in this turn.
    touched: BTreeSet<PeerId>,
    /// Counts messages over all buffers.
    last_ticket: u64,
    /// Tickets of messages that will never be durable, first to last.
    lost: Vec<(u64, u64)>,
    /// There is something to be done at the end of the turn.
    again: bool,
    /// Clients that wait until all up to a ticket are durable.
    held: BTreeSet<(u64, LinkId)>,
    /// The disk could not do something: it is tried again.
    stuck: bool,
    retry_at: Option<Mono>,
    /// Timers of the node.
    armed: Armed,
    /// When it is looked again whether a peer has been away for too long.
    forget_at: Option<Mono>,
    /// Peers for which nothing is kept, as was said once.
    unkept: BTreeSet<String>,
}

impl Buffers {
    fn new(config: LinkBufferConfig, key: Option<Key>, rng: &mut Rng) -> Self {
        let mut table = || Interest::new(rng.next_u64(Stream::Buffers), b"$G");
        Self {
            config,
            key,
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            tables: Tables { wanted: table(), awaited: table() },
            inbound: None,
            recovering: Some(Recovering::default()),
            ready: false,
            admit: Vec::new(),
            logs: BTreeMap::new(),
            leaving: BTreeMap::new(),
            dirs: BTreeSet::new(),
            last_peer: 0,
            last_log: 0,
            last_op: 0,
            touched: BTreeSet::new(),
            last_ticket: 0,
            lost: Vec::new(),
            again: false,
            held: BTreeSet::new(),
            stuck: false,
            retry_at: None,
            armed: Armed::default(),
            forget_at: None,
            unkept: BTreeSet::new(),
        }
    }

    /// Those that a configuration asks for.
    pub(crate) fn of(config: &NodeConfig, rng: &mut Rng) -> Option<Box<Self>> {
        let buffer = config.cluster.as_ref()?.buffer.clone()?;
        let key = config.jetstream.as_ref().and_then(|jetstream| jetstream.key.clone());
        Some(Box::new(Self::new(buffer, key, rng)))
    }

    /// A timer is armed for the beginning.
    pub(crate) fn begin(&mut self, timers: &mut Timers, at: Mono) {
        self.armed.arm(timers, at, Due::Buffers);
    }

    /// A route waits until everything has been read.
    pub(crate) fn admit_later(&mut self, id: LinkId) {
        if let Some(recovering) = &mut self.recovering {
            recovering.waiting.push(id);
        }
    }

    /// Whether messages on this subject are kept.
    pub(crate) fn covers(&self, account: AccountId, subject: &[u8]) -> bool {
        let mut patterns = self.config.subjects.iter();
        account == GLOBAL && patterns.any(|each| subject::matches(each.as_bytes(), subject))
    }

    /// Whether somebody who wants this may want messages that are kept.
    fn concerns(&self, wanted: &[u8]) -> bool {
        self.config.subjects.iter().any(|each| subject::collide(each.as_bytes(), wanted))
    }

    /// Up to which ticket everything is durable.
    fn durable_ticket(&mut self) -> u64 {
        let firsts = self.peers.values_mut().filter_map(|peer| peer.first_undurable());
        firsts.min().map_or(self.last_ticket, |first| first - 1)
    }

    /// Whether everything that was stored or received is durable, or cannot be.
    pub(crate) fn is_flushed(&self) -> bool {
        self.peers.values().all(|peer| peer.log.is_flushed())
            && self.inbound.as_ref().is_none_or(Inbound::is_flushed)
    }

    fn report(&self, peer: &Peer) -> BufferReport {
        let state = peer.log.state();
        let received = self.inbound.iter().flat_map(Inbound::report);
        let received = received.filter(|(name, _)| *name == peer.name()).map(|(_, seq)| seq);
        let oldest = i64::try_from(state.first_time).map_or(Wall(i64::MAX), Wall);
        BufferReport {
            server_name: peer.name().into(),
            state: peer.state(),
            messages: state.messages,
            bytes: state.bytes,
            first_seq: state.first_seq,
            last_seq: state.last_seq,
            oldest: (state.messages > 0).then_some(oldest),
            in_flight: peer.flight.len() as u64,
            in_flight_bytes: peer.flight_bytes,
            window: peer.window.bytes(),
            interest: peer.standing.len() as u64,
            awaited: peer.standing.awaited() as u64,
            last_seen: peer.link.is_none().then_some(peer.known.seen),
            stored: peer.stored,
            sent: peer.sent,
            dropped: peer.dropped,
            refused: peer.refused,
            received_seq: received.max().unwrap_or(0),
        }
    }
}

impl Node {
    /// The buffers for other servers, by their names; `None` if nothing is kept for any.
    #[must_use]
    pub fn buffer_reports(&self) -> Option<Vec<BufferReport>> {
        let buffers = self.buffers.as_ref()?;
        let peers = buffers.names.values().filter_map(|id| buffers.peers.get(id));
        Some(peers.map(|peer| buffers.report(peer)).collect())
    }

    /// Whether messages on this subject go through buffers.
    pub(crate) fn is_buffered(&self, account: AccountId, subject: &[u8]) -> bool {
        self.buffers.as_ref().is_some_and(|buffers| buffers.covers(account, subject))
    }

    /// Whether there are buffers, and what they are is not known yet.
    pub(crate) fn awaits_buffers(&self) -> bool {
        self.buffers.as_ref().is_some_and(|buffers| !buffers.ready)
    }
}
