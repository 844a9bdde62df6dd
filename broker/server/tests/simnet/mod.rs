//! The driver's network on turmoil's simulated sockets.
//!
//! Streams cut writes into segments and shorten reads at random, both drawn from a seed, so that
//! frames are split in other places with every seed. Time and names come from the simulation, and
//! nothing here uses threads or the system's randomness.

pub(crate) mod forest;
pub(crate) mod people;

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_core::Wall;
use causeway_server::driver::{Listener, Net, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

/// Bytes of one segment, as on an Ethernet.
const SEGMENT_BYTES: usize = 1460;

/// Draws, one after the other.
#[derive(Clone)]
struct Draws(Rc<Cell<u64>>);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    /// 0 to `below`, which is excluded (`SplitMix64`).
    fn draw(&self, below: usize) -> usize {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }
}

/// A host's network.
#[derive(Clone)]
pub(crate) struct SimNet {
    draws: Draws,
    /// Where connections are being opened to.
    dials: Rc<RefCell<Vec<SocketAddr>>>,
    /// How many connections there are.
    open: Rc<Cell<usize>>,
}

impl SimNet {
    pub(crate) fn new(seed: u64) -> Self {
        Self { draws: Draws::new(seed), dials: Rc::default(), open: Rc::default() }
    }

    /// How many connections there are, of clients and routes, also those about to be closed.
    pub(crate) fn open_connections(&self) -> usize {
        self.open.get()
    }

    fn stream(&self, inner: TcpStream) -> SimStream {
        self.open.set(self.open.get() + 1);
        SimStream { inner, net: self.clone() }
    }

    /// Whether a connection to `host` is being opened.
    pub(crate) fn is_dialling(&self, host: &str) -> bool {
        let ip = turmoil::lookup(host);
        self.dials.borrow().iter().any(|address| address.ip() == ip)
    }
}

impl Net for SimNet {
    type Stream = SimStream;
    type Listener = SimListener;

    async fn connect(&self, address: SocketAddr) -> io::Result<SimStream> {
        let _under_way = UnderWay::begin(&self.dials, address);
        Ok(self.stream(TcpStream::connect(address).await?))
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::new(turmoil::lookup(host.as_str()), port)])
    }

    async fn verify_password(&self, hash: String, password: String) -> bool {
        bcrypt::verify(password, &hash).unwrap_or(false)
    }

    fn wall(&self) -> Wall {
        let since = turmoil::since_epoch().unwrap_or_default();
        Wall(i64::try_from(since.as_nanos()).unwrap())
    }
}

/// Lists a dial until its future ends or is dropped.
struct UnderWay {
    dials: Rc<RefCell<Vec<SocketAddr>>>,
    address: SocketAddr,
}

impl UnderWay {
    fn begin(dials: &Rc<RefCell<Vec<SocketAddr>>>, address: SocketAddr) -> Self {
        dials.borrow_mut().push(address);
        Self { dials: Rc::clone(dials), address }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut dials = self.dials.borrow_mut();
        if let Some(at) = dials.iter().position(|address| *address == self.address) {
            dials.swap_remove(at);
        }
    }
}

pub(crate) struct SimListener {
    inner: TcpListener,
    net: SimNet,
}

impl SimListener {
    pub(crate) async fn bind(net: &SimNet, port: u16) -> io::Result<Self> {
        let inner = TcpListener::bind(("0.0.0.0", port)).await?;
        Ok(Self { inner, net: net.clone() })
    }
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&mut self) -> io::Result<(SimStream, SocketAddr)> {
        let (inner, peer) = self.inner.accept().await?;
        Ok((self.net.stream(inner), peer))
    }
}

pub(crate) struct SimStream {
    inner: TcpStream,
    net: SimNet,
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.net.open.set(self.net.open.get() - 1);
    }
}

impl Stream for SimStream {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn peer_address(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    fn send_at_once(&self) {}
}

impl AsyncRead for SimStream {
    /// Reads at most as much as is drawn: often a part of a frame.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let limit = room.min(1 + self.net.draws.draw(2 * SEGMENT_BYTES));
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        let outcome = Pin::new(&mut self.inner).poll_read(cx, &mut part);
        let bytes = part.filled().len();
        buffer.advance(bytes);
        outcome
    }
}

impl AsyncWrite for SimStream {
    /// Writes at most one segment.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let limit = bytes.len().min(1 + self.net.draws.draw(SEGMENT_BYTES));
        Pin::new(&mut self.inner).poll_write(cx, &bytes[..limit])
    }

    /// Gathers a segment from several pieces, as the kernel does.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let segment: Vec<u8> =
            pieces.iter().flat_map(|piece| piece.iter().copied()).take(SEGMENT_BYTES).collect();
        self.poll_write(cx, &segment)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
