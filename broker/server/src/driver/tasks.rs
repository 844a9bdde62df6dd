//! The two kinds of small tasks that drive a shard: one per connection, and the pump.
//!
//! They are hand-written futures because an idle connection is paid for with its task: this one is
//! a pointer and an id. They run without tokio's cooperation budget: a shard's turn writes to many
//! sockets on behalf of one task, and its length is bounded by the core.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_core::LinkId;
use tokio::task::{spawn_local, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Inner, Net};

/// Starts the task of a new connection.
pub(super) fn spawn_connection<N: Net>(inner: &Rc<Inner<N>>, link: LinkId) {
    spawn_local(unconstrained(ConnectionTask { inner: Rc::clone(inner), link }));
}

/// Starts the task that wakes the shard at its deadlines.
pub(super) fn spawn_pump<N: Net>(inner: &Rc<Inner<N>>) {
    let sleep = Box::pin(sleep_until(Instant::now()));
    spawn_local(unconstrained(Pump { inner: Rc::clone(inner), sleep }));
}

/// Waits for one socket. Ends when the shard has forgotten the connection.
struct ConnectionTask<N: Net> {
    inner: Rc<Inner<N>>,
    link: LinkId,
}

impl<N: Net> Future for ConnectionTask<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.inner.now();
        self.inner.shard.borrow_mut().ready(now, self.link, cx)
    }
}

/// Runs what is due: the node's timers, ends of lingering, and writes that a turn left over.
struct Pump<N: Net> {
    inner: Rc<Inner<N>>,
    sleep: Pin<Box<Sleep>>,
}

impl<N: Net> Future for Pump<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { inner, sleep } = self.get_mut();
        let now = inner.now();
        let Some(next) = inner.shard.borrow_mut().due(now, cx.waker()) else {
            return Poll::Pending;
        };
        if next > now.mono {
            sleep.as_mut().reset(inner.clock.instant(next));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // More is due already: let the connections have their turn first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
