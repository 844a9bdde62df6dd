//! A node's host: the server's driver, with the plan's configuration.

use std::collections::BTreeMap;
use std::future::{Future as _, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::{LinkId, Node, Now, Origin, TraceEvent, TraceMask};
use causeway_server::disk::{Failure, NoDisk};
use causeway_server::driver::{Clock, Driver, Journal, Net as _, Options};
use causeway_sim::history::{Kind, Sym};
use causeway_sim::ids::NodeId;
use causeway_sim::kit::CLIENT_PORT;
use causeway_sim::plan::Site;
use causeway_sim::rng::Stream;

use super::net::SimNet;
use super::world::Shared;

/// What a node's machine runs until it is told to run something else: the server's process, or
/// nothing. The machine itself is there all the time, and answers for ports that nobody listens on.
pub(crate) async fn machine(id: NodeId, world: Shared) -> turmoil::Result {
    if world.get().node(id).up {
        process(id, &world).await?;
        world.get_mut().node_mut(id).exited = true;
    }
    pending().await
}

/// The process, until its node asks for the end.
async fn process(id: NodeId, world: &Shared) -> io::Result<()> {
    let net = SimNet::new(world, Site::Node(id));
    let route_port = world.get().route_port(id);
    let clients = net.listen(id, CLIENT_PORT).await?;
    let routes = net.listen(id, route_port).await?;
    let driver = start(id, world, &net, route_port);
    driver.listen(clients, Origin::Client);
    driver.listen(routes, Origin::Route);
    let _running = Running::announce(id, world, driver.clone());
    let mut finished = pin!(driver.finished());
    poll_fn(|cx| {
        loop {
            let command = {
                let mut world = world.get_mut();
                let slot = world.node_mut(id);
                slot.waker = Some(cx.waker().clone());
                slot.commands.pop_front()
            };
            match command {
                Some(command) => driver.command(command),
                None => return finished.as_mut().poll(cx),
            }
        }
    })
    .await;
    Ok(())
}

fn start(id: NodeId, world: &Shared, net: &SimNet, route_port: u16) -> Driver<SimNet> {
    let clock = Clock::start();
    let now = Now { mono: clock.mono(), wall: net.wall() };
    let notes = Notes { id, world: world.clone(), routes: BTreeMap::new() };
    let (node, options) = {
        let world = world.get();
        let of = [u64::from(id.0), u64::from(world.node(id).incarnation)];
        let seed = world.plan.seed;
        let mut config = world.names.config(&world.plan, id, route_port);
        // There are no disks here: the driver would write to real ones.
        let changed = Arc::make_mut(&mut config);
        changed.jetstream = None;
        if let Some(cluster) = &mut changed.cluster {
            cluster.buffer = None;
        }
        // The same stream as in the pure engine: the same draws in both.
        let node = Node::new(config, Stream::new(seed, "node", &of).seed32(), now);
        let options = Options {
            seed: Stream::new(seed, "turmoil.driver", &of).next(),
            own_routes: vec![SocketAddr::new(world.names.node_ip(id), route_port)],
            trace: TraceMask::default(),
            journal: Box::new(notes),
            disk: Box::new(NoDisk::default()),
        };
        (node, options)
    };
    Driver::start(net.clone(), clock, node, options)
}

/// Lets the engine look at a driver until its process ends: nothing of it may live on after that.
struct Running {
    id: NodeId,
    world: Shared,
}

impl Running {
    fn announce(id: NodeId, world: &Shared, driver: Driver<SimNet>) -> Self {
        world.get_mut().node_mut(id).driver = Some(driver);
        Self { id, world: world.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Streams may end with it, and they tell the world.
        let driver = self.world.get_mut().node_mut(self.id).driver.take();
        drop(driver);
    }
}

/// Of all that a node tells about itself, writes down what histories hold.
struct Notes {
    id: NodeId,
    world: Shared,
    /// Registered routes: the remote, and the node's number of the connection.
    routes: BTreeMap<(u32, u32), (NodeId, u64)>,
}

const fn key(link: LinkId) -> (u32, u32) {
    (link.slot, link.generation)
}

impl Journal for Notes {
    fn event(&mut self, _now: Now, event: TraceEvent) {
        let mut world = self.world.get_mut();
        let node = self.id;
        match event {
            TraceEvent::RouteRegistered { who, remote_name, pool_index, account, .. } => {
                let Some(remote) = world.node_called(&remote_name) else { return };
                self.routes.insert(key(who.link), (remote, who.cid));
                let account = account.map_or(Sym::NONE, |name| world.rec.intern(&name));
                let (pool, cid) = (pool_index, who.cid);
                world.rec.event(Kind::RouteUp { node, remote, pool, account, cid });
            }
            TraceEvent::LinkClosed { who, reason, .. } => {
                if let Some((remote, cid)) = self.routes.remove(&key(who.link)) {
                    let reason = world.rec.intern(reason.text());
                    world.rec.event(Kind::RouteDown { node, remote, cid, reason });
                }
            }
            TraceEvent::SlowConsumer { who, pending, max_pending, .. } => {
                let client = world.client_at(who.peer);
                let limit = max_pending.unwrap_or(0);
                world.rec.event(Kind::SlowConsumer { node, client, pending, limit });
            }
            TraceEvent::LinkOpened { .. }
            | TraceEvent::RouteDuplicate { .. }
            | TraceEvent::RouteDiscovered { .. }
            | TraceEvent::DialFailed { .. }
            | TraceEvent::AuthenticationFailed { .. }
            | TraceEvent::PeerFault { .. }
            | TraceEvent::LameDuck
            | TraceEvent::ClusterName { .. }
            | TraceEvent::StreamsReady { .. }
            | TraceEvent::StoreUnreadable { .. }
            | TraceEvent::StreamDamaged { .. }
            | TraceEvent::StreamUnknown { .. }
            | TraceEvent::Buffer(_)
            | TraceEvent::Message(_)
            | TraceEvent::Protocol { .. } => {}
        }
    }

    /// Turmoil's sockets accept for ever; if one does not, the run shows nothing.
    fn accept_failed(&mut self, _now: Now, origin: Origin, error: &io::Error, _pause: Duration) {
        let what = format!("{origin:?} connections cannot be accepted: {error}");
        self.world.get_mut().stuck.get_or_insert(what);
    }

    /// There is no disk yet that could fail.
    fn disk_failed(&mut self, _now: Now, failure: &Failure) {
        self.world.get_mut().stuck.get_or_insert(failure.to_string());
    }
}
