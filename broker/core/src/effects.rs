//! What comes out of [`Node::handle`](crate::Node::handle): lanes that the host drains.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::Op;

use crate::ids::{DialId, LinkId};
use crate::link::shard::ShardOut;
use crate::time::Duration;
use crate::trace::{TraceEvent, TraceMask};

/// The lanes of one `handle` call. The host owns it, passes it in, drains every lane before the
/// next call on the same node, and keeps the allocations.
///
/// Bytes to send are not in here: they sit in the link's transmit queue in the core
/// ([`Node::tx`](crate::Node::tx)), because pending limits, slow consumers and stalls must replay
/// from a seed too.
#[derive(Debug, Default)]
pub struct Effects {
    /// Links whose transmit queue went from empty to non-empty. The host writes now, reports
    /// [`Input::Accepted`](crate::Input::Accepted), and keeps writing whenever the socket is
    /// writable until the queue is empty; only then can the link appear here again.
    pub wake_tx: Vec<LinkId>,
    /// What to do with connections, in order.
    pub links: Vec<LinkCmd>,
    /// What the host itself is to do, in order.
    pub host: Vec<HostCmd>,
    /// Requests to the disk, in order ([`disk`](causeway_store::disk) says which wait for which).
    pub disk: Vec<Op>,
    /// Batches for the other shards of this server.
    pub shards: ShardOut,
    /// What happened, for logs and for the simulator's checks.
    pub trace: Vec<TraceEvent>,
    /// Which kinds of trace events the host wants; the others are not built.
    pub trace_mask: TraceMask,
}

impl Effects {
    /// Empties all lanes and keeps their memory.
    pub fn clear(&mut self) {
        self.wake_tx.clear();
        self.links.clear();
        self.host.clear();
        self.disk.clear();
        self.shards.clear();
        self.trace.clear();
    }

    /// Whether the host has drained everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wake_tx.is_empty()
            && self.links.is_empty()
            && self.host.is_empty()
            && self.disk.is_empty()
            && self.shards.is_empty()
            && self.trace.is_empty()
    }
}

/// A request about one connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkCmd {
    /// Open a TCP connection: resolve `host`, try its addresses in random order (leaving out our
    /// own cluster listener), give up after `timeout`.
    Dial {
        /// To be named in the answer.
        dial: DialId,
        /// A name or an address.
        host: String,
        /// TCP port.
        port: u16,
        /// For the whole attempt.
        timeout: Duration,
    },
    /// Close the connection and answer with [`Input::Closed`](crate::Input::Closed).
    Close {
        /// The link.
        link: LinkId,
        /// Write what is still in the transmit queue first, for as long as this at most; zero
        /// closes at once.
        linger: Duration,
    },
    /// Stop reading from this connection until it is resumed (a fast producer is stalled).
    PauseRead {
        /// The link.
        link: LinkId,
    },
    /// Read again.
    ResumeRead {
        /// The link.
        link: LinkId,
    },
    /// Compare a password with a bcrypt hash, off the shard's thread (it takes about 100 ms), and
    /// answer with [`Input::Verified`](crate::Input::Verified).
    VerifyPassword {
        /// The link.
        link: LinkId,
        /// The stored bcrypt hash.
        hash: String,
        /// What the client sent.
        password: String,
    },
}

/// A request to the host process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostCmd {
    /// Close the client listener, keep the existing connections (lame duck).
    StopAcceptingClients,
    /// Close the cluster listener.
    StopAcceptingRoutes,
    /// Everything is closed; end the process with status 0.
    Exit,
}
