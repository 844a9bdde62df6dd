//! Links: every connection of a node, of whatever kind.
//!
//! A `Link` holds what all kinds share: the transmit queue, the unparsed rest of the input, the
//! keep-alive and the counters. What differs is its `Role`.

pub(crate) mod client;
pub(crate) mod close;
pub(crate) mod deliver;
pub(crate) mod keepalive;
pub(crate) mod probe;
pub(crate) mod receive;
pub(crate) mod route;
pub(crate) mod run;
pub mod rx;
pub mod shard;
pub mod tx;
pub(crate) mod write;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::monitor::Traffic;
use crate::time::{Duration, Mono, Now, Wall};
use client::Client;
use route::Route;
use tx::TxQueue;
use write::WriteWatch;

/// What a link connects this node with.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LinkKind {
    /// An application.
    Client,
    /// Another server of the cluster.
    Route,
    /// Another shard of the same server.
    Shard,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// Connection id: counts up per server, over all kinds.
    pub(crate) cid: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) start: Now,
    pub(crate) last_activity: Wall,
    pub(crate) tx: TxQueue,
    pub(crate) write: WriteWatch,
    pub(crate) rx: Unparsed,
    pub(crate) keepalive: KeepAlive,
    pub(crate) received: Traffic,
    pub(crate) sent: Traffic,
    /// Set once the end is decided; nothing is read or delivered from then on, the rest of the
    /// transmit queue may still drain.
    pub(crate) closing: Option<CloseReason>,
    pub(crate) role: Role,
}

/// What a link is for.
#[derive(Debug)]
pub(crate) enum Role {
    Client(Box<Client>),
    Route(Box<Route>),
}

/// Input that is not parsed yet.
#[derive(Debug, Default)]
pub(crate) struct Unparsed {
    /// The beginning of a frame, or whole frames while the link is held.
    pub(crate) bytes: Vec<u8>,
    /// How many bytes there must be before parsing can make progress.
    pub(crate) need: usize,
    /// Why input waits, if it does.
    pub(crate) held: Option<Hold>,
}

/// Why a link's input is not parsed for the moment. Reading is paused as long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Hold {
    /// The turn has produced enough output; goes on with the next tick.
    Turn,
    /// The link produces faster than a receiver takes; goes on at this time.
    Stall(Mono),
    /// The host is checking a password.
    Verify,
    /// What the client has published into buffers is not durable yet.
    Durable,
    /// It is not known yet what is kept for which server.
    Starting,
}

/// What is known about the life of the peer.
#[derive(Debug, Default)]
pub(crate) struct KeepAlive {
    /// When the timer is due; a timer that fires at another time is outdated.
    pub(crate) due: Option<Mono>,
    /// Pings without an answer.
    pub(crate) outstanding: u32,
    /// When the oldest unanswered ping was sent; while it waits in the transmit queue, when the
    /// host last took what is in front of it.
    pub(crate) ping_sent: Option<Mono>,
    /// When an answer from the same server was asked for in vain on another connection, if that is
    /// why this ping was sent: the time for its answer began then.
    pub(crate) doubted: Option<Mono>,
    /// What other connections with the same server had moved by then.
    pub(crate) moved_when_asked: Option<u64>,
    /// Bytes of the transmit queue up to the end of that ping; 0 once the host has taken it.
    pub(crate) ping_behind: u64,
    /// It had to wait for what was in front of it.
    pub(crate) ping_waited: bool,
    /// When bytes last came in.
    pub(crate) last_in: Mono,
    /// All that had been sent by then, in bytes, and pings and pongs since: what was sent beyond
    /// that, nothing has come back for.
    pub(crate) owing_from: u64,
    /// All that had been sent, in bytes, when last looked at.
    pub(crate) said: u64,
    /// On the watch: all that had come in on all connections with the server, when that was last
    /// looked at, and when that was.
    pub(crate) told: (u64, Mono),
    /// The last round trip measured, and when.
    pub(crate) rtt: Option<(Duration, Mono)>,
    /// The least round trip that an answer took, on this connection or on one with the same server
    /// before: how far away the peer is, whatever has held up other answers.
    pub(crate) rtt_least: Option<Duration>,
}

impl Link {
    pub(crate) fn new(id: LinkId, cid: u64, peer: SocketAddr, now: Now, role: Role) -> Self {
        Self {
            id,
            cid,
            peer,
            start: now,
            last_activity: now.wall,
            tx: TxQueue::default(),
            write: WriteWatch::default(),
            rx: Unparsed::default(),
            keepalive: KeepAlive { last_in: now.mono, ..KeepAlive::default() },
            received: Traffic::default(),
            sent: Traffic::default(),
            closing: None,
            role,
        }
    }

    pub(crate) const fn kind(&self) -> LinkKind {
        match self.role {
            Role::Client(_) => LinkKind::Client,
            Role::Route(_) => LinkKind::Route,
        }
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        match &self.role {
            Role::Client(client) => Some(client),
            Role::Route(_) => None,
        }
    }

    pub(crate) fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.role {
            Role::Client(client) => Some(client),
            Role::Route(_) => None,
        }
    }

    pub(crate) fn route(&self) -> Option<&Route> {
        match &self.role {
            Role::Route(route) => Some(route),
            Role::Client(_) => None,
        }
    }

    pub(crate) fn route_mut(&mut self) -> Option<&mut Route> {
        match &mut self.role {
            Role::Route(route) => Some(route),
            Role::Client(_) => None,
        }
    }
}

/// All links of a node, by the slot that the host chose.
#[derive(Debug, Default)]
pub(crate) struct Links {
    slots: Vec<Option<Box<Link>>>,
}

impl Links {
    /// The link, if this generation of the slot is still open.
    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.at(id.slot).filter(|link| link.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.at_mut(id.slot).filter(|link| link.id == id)
    }

    /// Whoever is in this slot.
    pub(crate) fn at(&self, slot: u32) -> Option<&Link> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Link> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Puts a link into its slot; says whether the slot was free.
    pub(crate) fn insert(&mut self, link: Link) -> bool {
        let slot = link.id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        match &mut self.slots[slot] {
            Some(_) => false,
            free => {
                *free = Some(Box::new(link));
                true
            }
        }
    }

    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Box<Link>> {
        self.get(id)?;
        self.slots[id.slot as usize].take()
    }

    /// All links, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
