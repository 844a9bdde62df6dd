//! Clients: the testbed's own state machines on turmoil's streams.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_server::driver::Stream as _;
use causeway_sim::ids::{ClientId, NodeId, RegionId};
use causeway_sim::kit::{Allowance, CLIENT_PORT, Ending, Order};
use causeway_sim::plan::{CLIENT_DIAL_TIMEOUT_NS, Site};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::net::SimNet;
use super::stream::SimStream;
use super::world::Shared;

/// Clients read at most this many bytes at once.
const READ_BYTES: usize = 64 << 10;

/// All clients of a region: one machine for all of them, because turmoil's cost grows with the
/// square of the machines, and faults hit the clients of a region together.
pub(crate) async fn machine(region: RegionId, world: Shared) -> turmoil::Result {
    let net = SimNet::new(&world, Site::Clients(region));
    let clients: Vec<ClientId> = {
        let world = world.get();
        let all = (0..).map(ClientId).zip(&world.plan.clients);
        all.filter(|(_, client)| client.region == region).map(|(id, _)| id).collect()
    };
    for id in clients {
        let (world, net) = (world.clone(), net.clone());
        spawn_local(Person {
            world,
            net,
            id,
            dial: None,
            stream: None,
            buffer: vec![0; READ_BYTES],
        });
    }
    std::future::pending().await
}

type Dial = Pin<Box<dyn Future<Output = Result<SimStream, Ending>>>>;

/// A client's sockets.
struct Person {
    world: Shared,
    net: SimNet,
    id: ClientId,
    dial: Option<Dial>,
    stream: Option<SimStream>,
    buffer: Vec<u8>,
}

impl Future for Person {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        {
            let mut world = this.world.get_mut();
            world.running = None;
            world.client_mut(this.id).waker = Some(cx.waker().clone());
        }
        while this.orders() || this.dials(cx) || this.reads(cx) || this.writes(cx) {}
        Poll::Pending
    }
}

/// Each says whether it has done something.
impl Person {
    fn orders(&mut self) -> bool {
        let order = self.world.get_mut().client_mut(self.id).client.order();
        match order {
            Some(Order::Dial(node)) => self.dial = Some(self.call(node)),
            Some(Order::Hang) => {
                self.dial = None;
                self.stream = None;
            }
            None => return false,
        }
        true
    }

    fn call(&self, node: NodeId) -> Dial {
        let address = SocketAddr::new(self.world.get().names.node_ip(node), CLIENT_PORT);
        let net = self.net.clone();
        Box::pin(async move {
            let limit = Duration::from_nanos(CLIENT_DIAL_TIMEOUT_NS);
            match timeout(limit, net.call(address)).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(ending(&error)),
                Err(_) => Err(Ending::TimedOut),
            }
        })
    }

    fn dials(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(dial) = &mut self.dial else { return false };
        let Poll::Ready(outcome) = dial.as_mut().poll(cx) else { return false };
        self.dial = None;
        match outcome {
            Ok(stream) => {
                let mut world = self.world.get_mut();
                let world = &mut *world;
                let slot = &mut world.clients[self.id.0 as usize];
                slot.address = stream.local_address().ok();
                slot.client.on_open(&mut world.rec);
                self.stream = Some(stream);
            }
            Err(ending) => self.closed(ending),
        }
        true
    }

    fn closed(&mut self, ending: Ending) {
        self.stream = None;
        let mut world = self.world.get_mut();
        let world = &mut *world;
        world.clients[self.id.0 as usize].client.on_closed(ending, &mut world.rec);
    }

    fn reads(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let (slow, waits) = {
            let world = self.world.get();
            let slot = &world.clients[self.id.0 as usize];
            let slow = world.plan.clients[self.id.0 as usize].read_rate > 0;
            (slow, slot.stopped > 0 || slot.reads_at.is_some())
        };
        if waits {
            return false;
        }
        let mut limit = READ_BYTES;
        if slow {
            match stream.poll_peek(cx, &mut self.buffer) {
                // The end, or an error: both are read without a limit.
                Poll::Ready(Ok(0) | Err(_)) => {}
                Poll::Ready(Ok(bytes)) => match self.allowance(bytes) {
                    Some(allowed) => limit = allowed,
                    None => return false,
                },
                Poll::Pending => return false,
            }
        }
        let Some(stream) = &mut self.stream else { return false };
        let mut buffer = ReadBuf::new(&mut self.buffer[..limit]);
        match Pin::new(stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Err(error)) => self.closed(ending(&error)),
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len();
                if bytes == 0 {
                    self.closed(Ending::Eof);
                    return true;
                }
                let mut world = self.world.get_mut();
                let world = &mut *world;
                let slot = &mut world.clients[self.id.0 as usize];
                slot.reader.has_read(bytes);
                slot.client.on_bytes(&self.buffer[..bytes], &mut world.rec);
            }
        }
        true
    }

    /// How much of `wanted` bytes a slow reader takes at most: the stream may give less. If nothing, the
    /// engine wakes it.
    fn allowance(&self, wanted: usize) -> Option<usize> {
        let mut world = self.world.get_mut();
        let now = world.now;
        let slot = world.client_mut(self.id);
        match slot.reader.allowance(now, wanted) {
            Allowance::Bytes(bytes) => Some(bytes),
            Allowance::NotBefore(at) => {
                slot.reads_at = Some(at);
                None
            }
        }
    }

    fn writes(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let bytes = self.world.get().clients[self.id.0 as usize].client.output().to_vec();
        if bytes.is_empty() {
            return false;
        }
        match Pin::new(stream).poll_write(cx, &bytes) {
            Poll::Pending => return false,
            Poll::Ready(Ok(taken)) => {
                self.world.get_mut().client_mut(self.id).client.accepted(taken);
            }
            Poll::Ready(Err(error)) => self.closed(ending(&error)),
        }
        true
    }
}

/// How a client calls the end of its connection.
fn ending(error: &io::Error) -> Ending {
    if error.kind() == io::ErrorKind::TimedOut {
        Ending::TimedOut
    } else if error.kind() == io::ErrorKind::ConnectionRefused {
        Ending::Refused
    } else {
        Ending::Reset
    }
}
