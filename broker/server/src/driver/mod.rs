//! The host of a [`Node`]: sockets, timers and threads around the state machine.
//!
//! One thread per shard, a tokio runtime on it, and everything of the shard behind one `RefCell`.
//! Each connection is a small local task that only waits for its socket; when it is ready the task
//! borrows the shard, reads into the shard's one receive buffer, hands the bytes to the node and
//! writes to *all* links that have something to send, whoever they belong to. So a message costs
//! no task switch beyond the one that its arrival caused.
//!
//! ```text
//!   socket ready ─► connection task ─► Shard::ready ─► node.handle(Received)
//!   deadline ─────► pump task ───────► Shard::due ───► node.handle(Tick)
//!   listener ─────► accept task ─────► Shard::open ──► node.handle(Opened)
//!   disk ─────────► pump task ───────► Shard::due ───► node.handle(Disk)
//!                                          │
//!                                          ▼ settle: close, write, report Accepted, disk, re-arm
//! ```
//!
//! The driver holds no protocol decision: it moves bytes and carries out commands.

mod accept;
mod clock;
mod dial;
mod linger;
mod net;
mod shard;
mod table;
mod tasks;
mod tokio_net;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use causeway_core::{Command, Input, Node, Now, Origin, TraceEvent, TraceMask};

use crate::disk::{Disk, Failure};

pub use clock::Clock;
pub(crate) use dial::error_text;
pub use net::{Listener, Net, Stream};
pub use tokio_net::TokioNet;

use shard::Shard;

/// A running shard: a node and its connections. Clones are handles of the same one.
///
/// It lives on the thread that started it, inside a tokio `LocalRuntime` or `LocalSet`.
pub struct Driver<N: Net> {
    inner: Rc<Inner<N>>,
}

impl<N: Net> Clone for Driver<N> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

struct Inner<N: Net> {
    net: N,
    clock: Clock,
    /// Our own addresses on the cluster port: names in routes may resolve to ourselves.
    own_routes: Vec<SocketAddr>,
    shard: RefCell<Shard<N>>,
}

/// What a driver needs besides its node.
pub struct Options {
    /// Seeds the order in which the addresses of a name are dialled.
    pub seed: u64,
    /// Our own addresses on the cluster port, which dials leave out.
    pub own_routes: Vec<SocketAddr>,
    /// Which events the journal wants.
    pub trace: TraceMask,
    /// Is told what happens.
    pub journal: Box<dyn Journal>,
    /// Carries out what the node asks of files.
    pub disk: Box<dyn Disk>,
}

/// Is told what happens, for the log.
pub trait Journal {
    /// Something happened in the core.
    fn event(&mut self, now: Now, event: TraceEvent);

    /// A connection could not be accepted; the listener pauses for `pause` and goes on.
    fn accept_failed(&mut self, now: Now, origin: Origin, error: &io::Error, pause: Duration);

    /// The system refused something to the disk.
    fn disk_failed(&mut self, now: Now, failure: &Failure);
}

impl<N: Net> Driver<N> {
    /// Starts to host `node`, which was made with a time of `clock`.
    ///
    /// # Panics
    /// Outside of a tokio `LocalRuntime` or `LocalSet`.
    pub fn start(net: N, clock: Clock, node: Node, options: Options) -> Self {
        let Options { seed, own_routes, trace, journal, disk } = options;
        let inner = Rc::new_cyclic(|me| Inner {
            net,
            clock,
            own_routes,
            shard: RefCell::new(Shard::new(node, seed, trace, journal, disk, me.clone())),
        });
        tasks::spawn_pump(&inner);
        Self { inner }
    }

    /// Accepts connections from `listener` until the core asks to stop.
    pub fn listen(&self, listener: N::Listener, origin: Origin) {
        let task = accept::spawn(&self.inner, listener, origin);
        self.inner.shard.borrow_mut().accepting(origin, task);
    }

    /// Passes an operator's command to the node.
    pub fn command(&self, command: Command) {
        let now = self.now();
        self.inner.shard.borrow_mut().turn(now, Input::Command(command));
    }

    /// Looks at the node.
    pub fn inspect<T>(&self, look: impl FnOnce(&Node) -> T) -> T {
        look(self.inner.shard.borrow().node())
    }

    /// Waits until all streams can be used.
    pub async fn recovered(&self) {
        poll_fn(|cx| {
            if self.inner.shard.borrow_mut().recovered(cx.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Waits for the disk, for as long as this at most, and closes its files. For the end.
    pub fn close_disk(&self, patience: Duration) {
        self.inner.shard.borrow_mut().close_disk(patience);
    }

    /// Chooses the events that the journal gets.
    pub fn trace(&self, mask: TraceMask) {
        self.inner.shard.borrow_mut().trace(mask);
    }

    /// Both clocks of this driver.
    #[must_use]
    pub fn now(&self) -> Now {
        self.inner.now()
    }

    /// Waits until the node has asked for the end of the process.
    pub async fn finished(&self) {
        poll_fn(|cx| {
            if self.inner.shard.borrow_mut().finished(cx.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Whether clients find what they left: all streams can be used, if there are any.
pub(crate) fn is_recovered(node: &Node) -> bool {
    node.jetstream_report().is_none_or(|report| report.recovered)
}

impl<N: Net> Inner<N> {
    fn now(&self) -> Now {
        Now { mono: self.clock.mono(), wall: self.net.wall() }
    }
}
