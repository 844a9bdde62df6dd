//! The driver's network on turmoil.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use causeway_core::Wall;
use causeway_server::driver::{Listener, Net};
use causeway_sim::history::Kind;
use causeway_sim::ids::NodeId;
use causeway_sim::plan::Site;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task;
use tokio::time::sleep;
use turmoil::net::{TcpListener, TcpStream};

use super::conns::Side;
use super::pump::{self, Late};
use super::stream::SimStream;
use super::world::Shared;

/// TCP sends SYN again after this, then after twice as long, and so on.
const SYN_AGAIN: Duration = Duration::from_secs(1);

/// A host's network.
#[derive(Clone)]
pub(crate) struct SimNet {
    world: Shared,
    site: Site,
    late: UnboundedSender<Late>,
    /// Tasks that have asked for a name before they connect.
    have_asked: Rc<RefCell<Vec<task::Id>>>,
}

/// What happens to SYN.
enum Syn {
    /// It is lost, or its answer is.
    Lost,
    /// It is refused, after a round trip.
    Refused(Duration),
    /// It arrives.
    Arrives,
}

impl SimNet {
    /// The network of the host that calls.
    pub(crate) fn new(world: &Shared, site: Site) -> Self {
        let have_asked = Rc::default();
        Self { world: world.clone(), site, late: pump::start(world), have_asked }
    }

    /// Binds a port of this node.
    ///
    /// # Errors
    /// If somebody listens there already.
    pub(crate) async fn listen(&self, node: NodeId, port: u16) -> io::Result<SimListener> {
        let inner = TcpListener::bind(("0.0.0.0", port)).await?;
        self.world.get_mut().node_mut(node).listening.insert(port);
        Ok(SimListener { inner, net: self.clone(), node, port })
    }

    /// Writes down whom a node dials.
    fn dials(&self, target: &str) {
        if let Site::Node(node) = self.site {
            let mut world = self.world.get_mut();
            let target = world.rec.intern(target);
            world.rec.event(Kind::Dial { node, target });
        }
    }

    fn syn(&self, address: SocketAddr) -> Syn {
        let world = self.world.get();
        let Some(there) = world.roads.site(address.ip()) else { return Syn::Lost };
        let here = self.site;
        if world.roads.is_cut(here, there) || world.roads.is_cut(there, here) {
            return Syn::Lost;
        }
        let listens = match there {
            Site::Node(node) => world.node(node).listening.contains(&address.port()),
            Site::Clients(_) => false,
        };
        if !listens || world.roads.refuses(here, there) {
            let way = |from, to| world.roads.latency(from, to).0;
            return Syn::Refused(Duration::from_nanos(way(here, there) + way(there, here)));
        }
        Syn::Arrives
    }

    /// Opens a connection. The caller sets the time limit by dropping the future: while SYN is
    /// lost, this waits and sends it again, as TCP does, where turmoil would refuse at once.
    pub(crate) async fn call(&self, address: SocketAddr) -> io::Result<SimStream> {
        let mut pause = SYN_AGAIN;
        loop {
            match self.syn(address) {
                Syn::Lost => {
                    sleep(pause).await;
                    pause *= 2;
                }
                Syn::Refused(after) => {
                    sleep(after).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Syn::Arrives => break,
            }
        }
        let inner = TcpStream::connect(address).await?;
        SimStream::new(&self.world, inner, Side::Dialler, &self.late)
    }
}

impl Net for SimNet {
    type Stream = SimStream;
    type Listener = SimListener;

    async fn connect(&self, address: SocketAddr) -> io::Result<SimStream> {
        // The driver has a task for each dial, which connects to all addresses of a name in turn.
        let by_name = task::try_id().is_some_and(|id| self.have_asked.borrow().contains(&id));
        if !by_name {
            self.dials(&address.to_string());
        }
        self.call(address).await
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.dials(&format!("{host}:{port}"));
        self.have_asked.borrow_mut().extend(task::try_id());
        let found = self.world.get().names.resolve(&host);
        Ok(found.into_iter().map(|target| SocketAddr::new(target.ip, port)).collect())
    }

    async fn verify_password(&self, hash: String, password: String) -> bool {
        // No bcrypt here, as in the pure engine: a hash is its mark and the password.
        hash.strip_prefix("$2a$").is_some_and(|plain| plain == password)
    }

    fn wall(&self) -> Wall {
        let mut world = self.world.get_mut();
        world.looked();
        let mut wall = world.now;
        if let Site::Node(node) = self.site {
            // Every turn of a driver asks for the time first: what runs now is this node's.
            world.running = Some(node);
            wall = wall.saturating_add(world.plan.nodes[usize::from(node.0)].wall_ns);
        }
        Wall(i64::try_from(wall).unwrap_or(i64::MAX))
    }
}

/// A bound port of a node.
pub(crate) struct SimListener {
    inner: TcpListener,
    net: SimNet,
    node: NodeId,
    port: u16,
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&mut self) -> io::Result<(SimStream, SocketAddr)> {
        let (inner, peer) = self.inner.accept().await?;
        let stream = SimStream::new(&self.net.world, inner, Side::Acceptor, &self.net.late)?;
        Ok((stream, peer))
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.net.world.get_mut().node_mut(self.node).listening.remove(&self.port);
    }
}
