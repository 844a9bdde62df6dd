//! The network a driver runs on: real sockets, or a simulator's.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use causeway_core::Wall;
use tokio::io::{AsyncRead, AsyncWrite};

/// Everything a driver takes from its surroundings besides tokio's clock and tasks.
///
/// [`TokioNet`](super::TokioNet) is the real one. A simulated one must not use threads or real
/// time. All futures run on the shard's own thread.
pub trait Net: Clone + 'static {
    /// A connection.
    type Stream: Stream;
    /// A bound socket that accepts connections.
    type Listener: Listener<Stream = Self::Stream>;

    /// Opens a connection. The caller sets the time limit by dropping the future.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// All addresses of a name; never called with an address.
    fn resolve(&self, host: String, port: u16)
    -> impl Future<Output = io::Result<Vec<SocketAddr>>>;

    /// Compares a password with a bcrypt hash, without blocking the shard's thread. A malformed
    /// hash fits no password.
    fn verify_password(&self, hash: String, password: String) -> impl Future<Output = bool>;

    /// The wall clock.
    fn wall(&self) -> Wall;
}

/// A bound socket that accepts connections.
pub trait Listener: 'static {
    /// A connection.
    type Stream: Stream;

    /// Waits for the next connection, with the peer's address.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>>;
}

/// A TCP connection. Dropping it closes it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Our own address on this connection.
    ///
    /// # Errors
    /// If the peer has already torn the connection down.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// The peer's address.
    ///
    /// # Errors
    /// If the peer has already torn the connection down.
    fn peer_address(&self) -> io::Result<SocketAddr>;

    /// Switches off the delay of small segments (`TCP_NODELAY`): the core writes whole batches.
    fn send_at_once(&self);
}
