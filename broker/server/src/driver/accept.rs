//! Accepting connections, come what may.

use std::rc::Rc;
use std::time::Duration;

use causeway_core::Origin;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use super::net::{Listener, Stream};
use super::{Inner, Net};

/// First pause after a failure such as "too many open files" (nats-server: `ACCEPT_MIN_SLEEP`).
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Longest pause (nats-server: `ACCEPT_MAX_SLEEP`).
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Accepts for ever; dropping the task closes the listener.
pub(super) fn spawn<N: Net>(
    inner: &Rc<Inner<N>>,
    mut listener: N::Listener,
    origin: Origin,
) -> AbortHandle {
    let inner = Rc::clone(inner);
    let accept = async move {
        let mut pause = PAUSE_MIN;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = PAUSE_MIN;
                    stream.send_at_once();
                    // Without an address of its own it is already torn down.
                    let Ok(local) = stream.local_address() else { continue };
                    let now = inner.now();
                    inner.shard.borrow_mut().open(now, stream, origin, peer, local);
                }
                // The peer left between the handshake and the accept: nothing is short here.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let now = inner.now();
                    inner.shard.borrow_mut().accept_failed(now, origin, &error, pause);
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    };
    spawn_local(accept).abort_handle()
}
