//! Real sockets: the only file of the driver that names `tokio::net`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use causeway_core::Wall;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;

use super::net::{Listener, Net, Stream};

/// Password comparisons under way at once. One takes about 100 ms of a core; more would only take
/// the processor from the shards, and all threads of the pool from name look-ups.
const COMPARISONS: usize = 2;

/// Comparisons that may wait. Clients beyond that are refused: they would have met their
/// authentication time-out before their turn came.
const COMPARISONS_WAITING: usize = 256;

/// The operating system's network, clock and threads.
#[derive(Clone)]
pub struct TokioNet {
    comparing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for TokioNet {
    fn default() -> Self {
        Self {
            comparing: Arc::new(Semaphore::new(COMPARISONS)),
            waiting: Arc::new(Semaphore::new(COMPARISONS_WAITING)),
        }
    }
}

impl Net for TokioNet {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn verify_password(&self, hash: String, password: String) -> bool {
        let Ok(_place) = self.waiting.try_acquire() else { return false };
        let Ok(_turn) = self.comparing.acquire().await else { return false };
        let compare = move || bcrypt::verify(password, &hash).unwrap_or(false);
        tokio::task::spawn_blocking(compare).await.unwrap_or(false)
    }

    fn wall(&self) -> Wall {
        Wall(match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)
            }
        })
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        Ok((stream, canonical(peer)))
    }
}

impl Stream for TcpStream {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.local_addr().map(canonical)
    }

    fn peer_address(&self) -> io::Result<SocketAddr> {
        self.peer_addr().map(canonical)
    }

    fn send_at_once(&self) {
        // It fails only on a connection that is already dead, which the next read will tell.
        let _ = self.set_nodelay(true);
    }
}

/// A listener on all addresses sees IPv4 peers as IPv6 ones (`::ffff:1.2.3.4`).
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
