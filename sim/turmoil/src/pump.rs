//! A host's pump: what a cut has held back goes on when the cut heals, also if the stream's owner
//! has let go of it meanwhile.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use turmoil::net::TcpStream;

use super::conns::{Pumping, Side};
use super::world::Shared;

/// A stream with something that is late.
pub(crate) struct Late {
    pub(crate) conn: u32,
    pub(crate) side: Side,
    pub(crate) inner: Rc<RefCell<TcpStream>>,
}

/// Starts the pump of the host that calls; it ends with the host's process.
pub(crate) fn start(world: &Shared) -> UnboundedSender<Late> {
    let (sender, mut late) = unbounded_channel();
    let world = world.clone();
    spawn_local(async move {
        while let Some(late) = late.recv().await {
            let world = world.clone();
            spawn_local(async move { poll_fn(|cx| pump(&world, &late, cx)).await });
        }
    });
    sender
}

fn pump(world: &Shared, late: &Late, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        let next = {
            let mut world = world.get_mut();
            let Some(conn) = world.conns.get(late.conn) else { return Poll::Ready(()) };
            let open = !world.way_is_cut(conn, late.side);
            match world.conns.get_mut(late.conn) {
                Some(conn) => conn.pump(late.side, open, cx.waker()),
                None => Pumping::Done,
            }
        };
        let mut inner = late.inner.borrow_mut();
        let stream = Pin::new(&mut *inner);
        match next {
            Pumping::Wait => return Poll::Pending,
            Pumping::Write(bytes) => match stream.poll_write(cx, &bytes) {
                Poll::Ready(Ok(taken)) => {
                    if let Some(conn) = world.get_mut().conns.get_mut(late.conn) {
                        conn.pumped(late.side, taken);
                    }
                }
                Poll::Ready(Err(error)) => {
                    if let Some(conn) = world.get_mut().conns.get_mut(late.conn) {
                        conn.break_end(late.side, error.kind());
                    }
                    return over(world, late);
                }
                Poll::Pending => return Poll::Pending,
            },
            Pumping::End => {
                // It fails if the peer has gone meanwhile, which is as good.
                let _peer_gone = stream.poll_shutdown(cx);
            }
            Pumping::Done => return over(world, late),
        }
    }
}

fn over(world: &Shared, late: &Late) -> Poll<()> {
    world.get_mut().conns.forget_if_over(late.conn);
    Poll::Ready(())
}
