//! The end of a connection that we close: our last bytes must reach a peer that is still sending.
//!
//! Closing a socket with unread input makes the kernel send a reset, and a reset may overtake the
//! `-ERR` that explains the close. So the sending side is closed first, and what the peer had
//! under way is read and dropped until it closes too, for a bounded time.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Weak;
use std::task::Poll;

use causeway_core::Mono;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;
use tokio::time::timeout_at;

use super::{Inner, Net};

/// Bytes dropped at once.
const DROPPED_BYTES: usize = 4096;

/// Ends the sending side, and drops input until the peer has ended its own, or until `until`.
pub(super) fn close<N: Net>(inner: &Weak<Inner<N>>, mut stream: N::Stream, until: Mono) {
    let Some(inner) = inner.upgrade() else { return };
    let deadline = inner.clock.instant(until);
    spawn_local(async move {
        let drop_input = poll_fn(|cx| {
            let mut scratch = [0; DROPPED_BYTES];
            let mut stream = Pin::new(&mut stream);
            if stream.as_mut().poll_shutdown(cx).is_pending() {
                return Poll::Pending;
            }
            loop {
                let mut buffer = ReadBuf::new(&mut scratch);
                match stream.as_mut().poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        // Whichever comes first: the connection has had its time.
        let _ = timeout_at(deadline, drop_input).await;
    });
}
