//! A stream over turmoil's that is as unkind as TCP may be, and no more.
//!
//! Writes are cut into segments and reads come in pieces, as the plan's chunking says; some looks
//! give way to other tasks first. A writer gets at most a window ahead of the reader. While a way is
//! cut, what is written waits here, because turmoil would lose it, and with it everything behind it;
//! when the cut heals, the [`pump`](super::pump) passes it on.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_server::driver::Stream;
use causeway_sim::rng;
use causeway_sim::scenario::Chunking;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::UnboundedSender;
use turmoil::net::TcpStream;

use super::conns::{Addresses, Side};
use super::pump::Late;
use super::world::Shared;

/// Bytes of one segment, as on an Ethernet.
pub(crate) const SEGMENT_BYTES: usize = 1460;

/// With this much read, [`Chunking::Bytes`] is done with tiny pieces.
const TINY_UNTIL: u64 = 1024;

/// One look in so many gives way to other tasks first.
const YIELDS: u64 = 16;

/// One end of a connection.
pub(crate) struct SimStream {
    world: Shared,
    conn: u32,
    side: Side,
    inner: Rc<RefCell<TcpStream>>,
    late: UnboundedSender<Late>,
    chunking: Chunking,
    draws: rng::Stream,
    /// Bytes read so far.
    given: u64,
    local: SocketAddr,
    peer: SocketAddr,
}

impl SimStream {
    /// Wraps a stream that was dialled or accepted.
    ///
    /// # Errors
    /// If turmoil does not know its addresses.
    pub(crate) fn new(
        world: &Shared,
        inner: TcpStream,
        side: Side,
        late: &UnboundedSender<Late>,
    ) -> io::Result<Self> {
        let (local, peer) = (inner.local_addr()?, inner.peer_addr()?);
        let addresses: Addresses = match side {
            Side::Dialler => (local, peer),
            Side::Acceptor => (peer, local),
        };
        let mut shared = world.get_mut();
        let conn = shared.attach(addresses, side);
        let of = [u64::from(conn), side as u64];
        Ok(Self {
            world: world.clone(),
            conn,
            side,
            inner: Rc::new(RefCell::new(inner)),
            late: late.clone(),
            chunking: shared.plan.network.chunking,
            draws: rng::Stream::new(shared.plan.seed, "turmoil.stream", &of),
            given: 0,
            local,
            peer,
        })
    }

    /// How many bytes the next read takes at most.
    fn piece(&mut self, room: usize) -> usize {
        let often = match self.chunking {
            Chunking::Off => return room,
            Chunking::Bytes if self.given < TINY_UNTIL => {
                return room.min(1 + self.draws.below(3) as usize);
            }
            Chunking::Light => 16,
            Chunking::Heavy | Chunking::Bytes => 2,
        };
        match self.draws.below(often * 2) {
            0 => 1,
            1 => room.min(1 + self.draws.below(SEGMENT_BYTES as u64) as usize),
            _ => room,
        }
    }

    /// How many bytes the next segment has at most.
    fn segment(&mut self) -> usize {
        match self.chunking {
            Chunking::Off => SEGMENT_BYTES,
            Chunking::Light | Chunking::Heavy | Chunking::Bytes => match self.draws.below(8) {
                0 => 1 + self.draws.below(SEGMENT_BYTES as u64) as usize,
                _ => SEGMENT_BYTES,
            },
        }
    }

    /// Lets other tasks go first, now and then: turmoil alone never explores the order of tasks.
    fn gives_way(&mut self, cx: &Context<'_>) -> bool {
        let yields = self.draws.below(YIELDS) == 0;
        if yields {
            cx.waker().wake_by_ref();
        }
        yields
    }

    /// Whether there is something to read; how much of it comes first is what is read into `room`.
    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(outcome) = self.gate(cx) {
            return outcome.map_ok(|()| 0);
        }
        self.inner.borrow_mut().poll_peek(cx, &mut ReadBuf::new(room))
    }

    /// What a reader is told before it may look at turmoil's stream.
    fn gate(&self, cx: &Context<'_>) -> Option<Poll<io::Result<()>>> {
        let mut world = self.world.get_mut();
        world.looked();
        let conn = world.conns.get_mut(self.conn)?;
        conn.waits_to_read(self.side, cx.waker());
        if let Some(kind) = conn.broken(self.side) {
            return Some(Poll::Ready(Err(kind.into())));
        }
        conn.dead.then_some(Poll::Pending)
    }

    /// Asks the host's pump to see to what this end holds.
    fn ask_for_pump(&self) {
        let asks = self
            .world
            .get_mut()
            .conns
            .get_mut(self.conn)
            .is_some_and(|conn| conn.needs_pump(self.side));
        if asks {
            let late = Late { conn: self.conn, side: self.side, inner: Rc::clone(&self.inner) };
            if self.late.send(late).is_err() {
                // The process is ending, and its pump has ended before it.
                let mut world = self.world.get_mut();
                if let Some(conn) = world.conns.get_mut(self.conn) {
                    conn.has_no_pump(self.side);
                }
                world.conns.forget_if_over(self.conn);
            }
        }
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let late = {
            let mut world = self.world.get_mut();
            let cut = world
                .conns
                .get(self.conn)
                .is_some_and(|conn| !conn.dead && world.way_is_cut(conn, self.side));
            if cut && let Some(conn) = world.conns.get_mut(self.conn) {
                // The end of the stream waits out a cut like bytes do.
                conn.ends_later(self.side);
            }
            world.detach(self.conn, self.side);
            cut
        };
        if late {
            self.ask_for_pump();
        }
    }
}

impl Stream for SimStream {
    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn peer_address(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }

    fn send_at_once(&self) {}
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(outcome) = this.gate(cx) {
            return outcome;
        }
        if buffer.remaining() == 0 || this.gives_way(cx) {
            return if buffer.remaining() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let limit = this.piece(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        let outcome = Pin::new(&mut *this.inner.borrow_mut()).poll_read(cx, &mut part);
        let bytes = part.filled().len();
        buffer.advance(bytes);
        if bytes > 0 {
            this.given += bytes as u64;
            this.world.get_mut().was_read(this.conn, this.side, bytes);
        }
        outcome
    }
}

/// Whether a writer may write.
enum Room {
    /// As many bytes, which turmoil takes.
    Open(usize),
    /// As many bytes, which wait here.
    Held(usize),
}

impl SimStream {
    fn room(&self, cx: &Context<'_>) -> Poll<io::Result<Room>> {
        let mut world = self.world.get_mut();
        world.looked();
        let window = world.plan.network.window;
        let Some(conn) = world.conns.get(self.conn) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if let Some(kind) = conn.broken(self.side) {
            return Poll::Ready(Err(kind.into()));
        }
        let held = world.way_is_cut(conn, self.side) || conn.holds(self.side);
        let left = window.saturating_sub(conn.unread(self.side));
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if !held && conn.has_lost_reader(self.side) {
            // Nobody will free the window; turmoil knows when RST is back.
            return Poll::Ready(Ok(Room::Open(usize::MAX)));
        }
        if left > 0 {
            return Poll::Ready(Ok(if held { Room::Held(left) } else { Room::Open(left) }));
        }
        if let Some(conn) = world.conns.get_mut(self.conn) {
            conn.waits_to_write(self.side, cx.waker());
        }
        Poll::Pending
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let room = match this.room(cx) {
            Poll::Ready(Ok(room)) => room,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        let limit = bytes.len().min(this.segment());
        match room {
            Room::Held(left) => {
                let part = &bytes[..limit.min(left)];
                this.world.get_mut().wrote(this.conn, this.side, part, true);
                this.ask_for_pump();
                Poll::Ready(Ok(part.len()))
            }
            Room::Open(left) => {
                let part = &bytes[..limit.min(left)];
                let outcome = Pin::new(&mut *this.inner.borrow_mut()).poll_write(cx, part);
                match &outcome {
                    Poll::Ready(Ok(taken)) => {
                        this.world.get_mut().wrote(this.conn, this.side, &part[..*taken], false);
                    }
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => {
                        // A fault must find who waits here.
                        if let Some(conn) = this.world.get_mut().conns.get_mut(this.conn) {
                            conn.waits_to_write(this.side, cx.waker());
                        }
                    }
                }
                outcome
            }
        }
    }

    /// Gathers a segment from several pieces, as a kernel does.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut segment = Vec::with_capacity(SEGMENT_BYTES);
        for piece in pieces {
            let left = SEGMENT_BYTES - segment.len();
            segment.extend_from_slice(&piece[..piece.len().min(left)]);
            if segment.len() == SEGMENT_BYTES {
                break;
            }
        }
        self.poll_write(cx, &segment)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let later = {
            let mut world = this.world.get_mut();
            let Some(conn) = world.conns.get(this.conn) else { return Poll::Ready(Ok(())) };
            if let Some(kind) = conn.broken(this.side) {
                return Poll::Ready(Err(kind.into()));
            }
            let later = world.way_is_cut(conn, this.side) || conn.holds(this.side);
            if later && let Some(conn) = world.conns.get_mut(this.conn) {
                conn.ends_later(this.side);
            }
            later
        };
        if later {
            this.ask_for_pump();
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *this.inner.borrow_mut()).poll_shutdown(cx)
    }
}
