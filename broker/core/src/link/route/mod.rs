//! Route links: the other servers of the cluster.
//!
//! ```text
//!  dialled:   Opened ── CONNECT, [INFO, interest] ──► AwaitInfo ── INFO ──► Registered ── PONG ─► confirmed
//!  accepted:  Opened ── INFO ──► AwaitConnect ── CONNECT ──► AwaitInfo ── INFO ──► Registered
//! ```
//! The side that dialled says in its INFO which *lane* the connection is for: a slot of the pool
//! or a dedicated account. It sends that INFO after the other's, as nats-server does; or at once,
//! and its interest too, when it knows the other already: that saves a round trip after an outage.
//! Then CONNECT says which server is meant, because another may answer.
//!
//! An unexpected operation, a timeout, a wrong name or wrong credentials end the link with the
//! texts of `reference: nats-server route.go`.

mod handshake;
mod info;
mod interest;
pub(crate) use interest::is_private;
mod messages;
mod operations;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::route::{AccountToken, BufferSeq, UnsubOrigin};

use crate::buffer::PeerId;
use crate::cluster::target::TargetId;
use crate::ids::AccountId;
use crate::interest::RemoteIndex;
use crate::time::Mono;

pub(crate) use info::{GossipMode, parse_route_url, route_url};

/// What a route link adds to a link.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) stage: Stage,
    /// The target for which we dialled; `None` if the peer did.
    pub(crate) dialled_for: Option<TargetId>,
    /// What this connection is for; unknown on an accepted one until the peer's INFO.
    pub(crate) lane: Option<Lane>,
    /// The account of a dedicated connection: protocol lines leave it out.
    pub(crate) account: Option<AccountId>,
    /// Either side has it among its configured routes.
    pub(crate) explicit: bool,
    /// The peer has proved that it registered this connection too.
    pub(crate) confirmed: bool,
    /// Our INFO has gone out; on a connection that we dialled it claims the lane.
    pub(crate) info_sent: bool,
    /// Who dialled spoke first, and meant another server.
    pub(crate) stray: bool,
    /// When it was registered.
    pub(crate) registered_at: Mono,
    /// How far news of this connection is to spread.
    pub(crate) gossip_mode: GossipMode,
    pub(crate) remote_id: Option<String>,
    pub(crate) remote_name: Option<String>,
    /// The peer writes the origin into `LS-`.
    pub(crate) unsub_origin: bool,
    /// What the peer has told of its interest: per account, and per leaf cluster it came from
    /// (empty for the peer's own clients), since each is taken back on its own.
    pub(crate) interest: Vec<((AccountId, Vec<u8>), RemoteIndex)>,
    /// The buffer for the peer, if it has some, too.
    pub(crate) buffer: Option<PeerId>,
    /// The next message is out of the peer's buffer.
    pub(crate) numbered: Option<BufferSeq>,
}

/// How far a route link has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Accepted: CONNECT must come first.
    AwaitConnect,
    /// The peer's INFO must come.
    AwaitInfo,
    /// It carries interest and messages.
    Registered,
}

/// What one of the connections between two servers is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Lane {
    /// A slot of the pool: the accounts whose name hashes to it. Without pooling slot 0 carries
    /// all.
    Pool(u32),
    /// One account alone.
    Account(AccountId),
}

impl Route {
    pub(crate) const fn new(stage: Stage, dialled_for: Option<TargetId>) -> Self {
        Self {
            stage,
            dialled_for,
            lane: None,
            account: None,
            explicit: false,
            confirmed: false,
            info_sent: false,
            stray: false,
            registered_at: Mono(0),
            gossip_mode: GossipMode::Default,
            remote_id: None,
            remote_name: None,
            unsub_origin: false,
            interest: Vec::new(),
            buffer: None,
            numbered: None,
        }
    }

    fn account_token(&self) -> AccountToken {
        match self.account {
            Some(_) => AccountToken::Absent,
            None => AccountToken::Present,
        }
    }

    fn unsub_origin(&self) -> UnsubOrigin {
        if self.unsub_origin { UnsubOrigin::Present } else { UnsubOrigin::Absent }
    }
}

/// Which link carries which account to which peer: where interest is announced.
pub(crate) type Carriers = BTreeMap<AccountId, Vec<u32>>;
