//! What goes into [`Node::handle`](crate::Node::handle).

use alloc::sync::Arc;
use core::net::SocketAddr;

use causeway_store::disk::Done;

use crate::config::NodeConfig;
use crate::ids::{DialId, LinkId, ShardId};
use crate::link::rx::RxBuf;
use crate::link::shard::ShardBatch;

/// One thing that happened outside the core.
///
/// Inputs may arrive in any order and for links that are already gone: the core drops what no
/// longer applies. No input makes [`Node::handle`](crate::Node::handle) panic or block.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection is up: accepted on a listener, or dialled for the core.
    Opened {
        /// Allocated by the host; its slot is free.
        link: LinkId,
        /// How it came to be.
        origin: Origin,
        /// The peer's address.
        peer: SocketAddr,
        /// Our own address on this connection.
        local: SocketAddr,
    },
    /// A dial ended without a connection: refused, timed out, name not found.
    DialFailed {
        /// The attempt.
        dial: DialId,
        /// Why, for the log line.
        error: &'a str,
    },
    /// A name that was to be dialled stands for this server only: there is nobody to connect to.
    DialledItself {
        /// The attempt.
        dial: DialId,
    },
    /// The link's peer sent bytes. The core takes all of them and leaves `rx` empty.
    Received {
        /// The link.
        link: LinkId,
        /// The host's receive buffer, parsed in place.
        rx: &'a mut RxBuf,
    },
    /// The link's socket took bytes of its transmit queue. Also reported, with 0, when a write
    /// found the socket full: that starts the write deadline.
    Accepted {
        /// The link.
        link: LinkId,
        /// How many bytes, from the front of the queue.
        bytes: usize,
    },
    /// The connection is gone. The host has forgotten it; the slot is free again.
    Closed {
        /// The link.
        link: LinkId,
        /// What the host saw.
        cause: CloseCause,
    },
    /// The answer to [`LinkCmd::VerifyPassword`](crate::LinkCmd::VerifyPassword).
    Verified {
        /// The link.
        link: LinkId,
        /// Whether the password fits the hash.
        ok: bool,
    },
    /// The answer to a request of [`Effects::disk`](crate::Effects::disk).
    Disk(Done),
    /// A batch from another shard of the same server.
    Peer {
        /// The sender.
        from: ShardId,
        /// In order, FIFO per pair of shards.
        batch: &'a mut ShardBatch,
    },
    /// The moment of [`Node::deadline`](crate::Node::deadline) has passed. Early and spurious
    /// ticks do no harm.
    Tick,
    /// The operator wants something.
    Command(Command),
}

/// How a link came to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Accepted on the client listener.
    Client,
    /// Accepted on the cluster listener.
    Route,
    /// The outcome of a [`LinkCmd::Dial`](crate::LinkCmd::Dial).
    Dialled(DialId),
}

/// What the host saw when a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseCause {
    /// The peer closed its side.
    Eof,
    /// A read failed (reset, timed out).
    ReadError,
    /// A write failed (broken pipe, reset).
    WriteError,
    /// We closed it: the core asked for it.
    Requested,
}

/// An operator's command.
#[derive(Clone, Debug)]
pub enum Command {
    /// Replace the configuration. The host has checked that the change is reloadable.
    Reload(Arc<NodeConfig>),
    /// Enter lame duck mode: stop accepting, tell peers and clients, let clients go one by one,
    /// then ask the host to exit (nats-server: SIGUSR2; ADR-5).
    LameDuck,
    /// Close every link, then ask the host to exit.
    Shutdown,
}
