//! What monitoring and the simulator's white-box checks can see: plain values, no formatting.

pub mod buffer;
pub mod jetstream;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::fault::CloseReason;
use crate::time::{Duration, Wall};

/// Messages and bytes of one direction. Bytes are payload and header, without protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Counts one message.
    pub(crate) const fn count(&mut self, bytes: u64) {
        self.messages += 1;
        self.bytes += bytes;
    }

    pub(crate) const fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }

    pub(crate) const fn plus(mut self, more: Self) -> Self {
        self.add(more);
        self
    }
}

/// The server as a whole: the changing part of `/varz`, and of `/healthz`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerReport {
    /// The id: 56 characters, an nkey public server key.
    pub server_id: String,
    /// The name.
    pub server_name: String,
    /// The cluster's name; empty if not clustered.
    pub cluster_name: String,
    /// When the node started.
    pub start: Wall,
    /// Open client connections.
    pub connections: u64,
    /// Client connections ever accepted.
    pub total_connections: u64,
    /// Open route connections.
    pub routes: u64,
    /// Distinct servers behind them.
    pub remotes: u64,
    /// Subscriptions of clients and interest of remotes.
    pub subscriptions: u64,
    /// Received from clients and routes.
    pub received: Traffic,
    /// Received from clients alone.
    pub received_from_clients: Traffic,
    /// Sent to clients and routes.
    pub sent: Traffic,
    /// Sent to clients alone.
    pub sent_to_clients: Traffic,
    /// Links cut for slowness: clients.
    pub slow_clients: u64,
    /// Links cut for slowness: routes.
    pub slow_routes: u64,
    /// Links cut as stale: clients.
    pub stale_clients: u64,
    /// Links cut as stale: routes.
    pub stale_routes: u64,
    /// Times a fast producer was stalled.
    pub stalls: u64,
    /// Bytes that were still in transmit queues of routes when these closed: lost to their
    /// receivers, since core messages are delivered at most once.
    pub lost_on_close: u64,
    /// `connect_urls` as clients get them.
    pub connect_urls: Vec<String>,
    /// Lame duck mode has begun.
    pub lame_duck: bool,
    /// The cluster's known peers: `host:port` of configured routes.
    pub configured_routes: Vec<String>,
}

/// What a node holds: must come back to its size when the work is over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Footprint {
    /// Connections of any kind and in any state.
    pub links: u64,
    /// Bytes in their transmit queues.
    pub pending_bytes: u64,
    /// Timers in the heap, those that mean nothing any more with them.
    pub timers: u64,
    /// Addresses at which a server is wanted.
    pub targets: u64,
    /// Dials under way.
    pub dials: u64,
}

/// Which connections to report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ConnectionQuery {
    /// Open ones.
    pub open: bool,
    /// Closed ones that are still remembered.
    pub closed: bool,
    /// Only this one.
    pub cid: Option<u64>,
    /// With their subscriptions.
    pub subscriptions: bool,
}

/// A client connection, for `/connz`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionReport {
    /// Connection id.
    pub cid: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// When it was accepted.
    pub start: Wall,
    /// Last operation in or out that carried a message or a subscription.
    pub last_activity: Wall,
    /// When it ended, and why.
    pub stop: Option<(Wall, CloseReason)>,
    /// Last measured round trip.
    pub rtt: Option<Duration>,
    /// Bytes in the transmit queue.
    pub pending_bytes: u64,
    /// From the client.
    pub received: Traffic,
    /// To the client.
    pub sent: Traffic,
    /// Times it was stalled as a fast producer.
    pub stalls: u64,
    /// CONNECT's `name`.
    pub name: String,
    /// CONNECT's `lang`.
    pub lang: String,
    /// CONNECT's `version`.
    pub version: String,
    /// The user it authenticated as: a name, `[REDACTED]`-like for tokens, empty if open.
    pub authorized_user: String,
    /// The account's name.
    pub account: String,
    /// How many subscriptions it has.
    pub subscription_count: u64,
    /// The subscriptions, if asked for.
    pub subscriptions: Vec<SubscriptionReport>,
}

/// One subscription of a client, or one interest of a remote.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SubscriptionReport {
    /// The account.
    pub account: String,
    /// The subject.
    pub subject: String,
    /// The queue group; empty if none.
    pub queue: String,
    /// The client's subscription id; empty for a remote's interest.
    pub sid: String,
    /// Members behind this entry: 1, or a remote's queue weight.
    pub weight: u32,
    /// Delivered so far.
    pub delivered: u64,
    /// Auto-unsubscribe after this many; 0 is never.
    pub max: u64,
    /// The connection id.
    pub cid: u64,
}

/// A route connection, for `/routez`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteReport {
    /// Connection id.
    pub rid: u64,
    /// The remote server's id.
    pub remote_id: String,
    /// The remote server's name.
    pub remote_name: String,
    /// We dialled it, or would dial it again.
    pub did_solicit: bool,
    /// It is one of our configured routes.
    pub is_configured: bool,
    /// The remote's address.
    pub peer: SocketAddr,
    /// When it was opened.
    pub start: Wall,
    /// Last message or interest in or out.
    pub last_activity: Wall,
    /// Last measured round trip.
    pub rtt: Option<Duration>,
    /// Bytes in the transmit queue.
    pub pending_bytes: u64,
    /// From the remote.
    pub received: Traffic,
    /// To the remote.
    pub sent: Traffic,
    /// Slot in the pool; `None` for a dedicated route or without pooling.
    pub pool_index: Option<u32>,
    /// The account of a dedicated route; empty otherwise.
    pub account: String,
    /// How many subscriptions the remote has told us over this connection.
    pub subscription_count: u64,
    /// These, sorted, if asked for.
    pub subscriptions: Vec<SubscriptionReport>,
}

/// The interest table, for `/subsz`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InterestReport {
    /// Entries.
    pub subscriptions: u64,
    /// Subjects with a cached match.
    pub cached: u64,
    /// Entries ever inserted.
    pub inserts: u64,
    /// Entries ever removed.
    pub removes: u64,
    /// Lookups.
    pub matches: u64,
    /// Lookups that the cache answered.
    pub cache_hits: u64,
    /// Most receivers of one cached subject.
    pub max_fanout: u32,
    /// Receivers of all cached subjects together; the mean is this divided by `cached`.
    pub total_fanout: u64,
}
