//! The servers of a simulated cluster, and what can be seen of them from outside of the simulation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use causeway_core::config::{ClusterConfig, HostPort, NodeConfig, RouteUrl};
use causeway_core::{Node, Now, Origin, TraceEvent, TraceMask};
use causeway_server::disk::{Failure, NoDisk};
use causeway_server::driver::{Clock, Driver, Journal, Net, Options};
use tokio::time::{Instant, sleep};
use turmoil::Sim;

use super::{SimListener, SimNet};

/// The servers. Their names are those of their simulated hosts.
pub(crate) const SERVERS: [&str; 3] = ["alder", "birch", "cedar"];

pub(crate) const CLIENT_PORT: u16 = 4222;
const CLUSTER_PORT: u16 = 6222;

/// Connections between each two servers: the pool, and one for the system account.
const LANES: [&str; 4] = ["0", "1", "2", "$SYS"];

/// Segments that one direction of a connection takes before its reader has read them. Few, so that
/// sockets are full often.
const SEGMENTS: usize = 16;

/// Simulated time in which everything must have happened; nothing is measured against it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Simulated time between two looks at a condition.
const GLANCE: Duration = Duration::from_millis(10);

/// A cluster. Clones are handles of the same one.
#[derive(Clone, Default)]
pub(crate) struct Forest {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// What happened, in order.
    history: RefCell<Vec<String>>,
    running: RefCell<BTreeMap<&'static str, Server>>,
    /// What must not happen but cannot be raised where it does.
    trouble: RefCell<Vec<String>>,
}

/// A running server, seen from outside.
struct Server {
    driver: Driver<SimNet>,
    net: SimNet,
}

/// Builds a simulation of the three servers under a seed. Add clients to it, and run it.
pub(crate) fn simulate(seed: u64, forest: &Forest) -> Sim<'static> {
    watch_panics();
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
        .simulation_duration(PATIENCE * 5)
        .tick_duration(Duration::from_millis(2))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .tcp_capacity(SEGMENTS)
        .enable_random_order()
        .build();
    for server in SERVERS {
        let forest = forest.clone();
        sim.host(server, move || serve(server, seed, forest.clone()));
    }
    sim
}

/// What the people of a test look at.
impl Forest {
    /// Waits, in simulated time, until `condition` holds.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        self.until_none(what, || if condition() { None } else { Some("it does not hold") }).await;
    }

    /// Waits, in simulated time, until nothing is amiss.
    pub(crate) async fn until_none<T: Debug>(
        &self,
        what: &str,
        mut amiss: impl FnMut() -> Option<T>,
    ) {
        let start = Instant::now();
        while let Some(amiss) = amiss() {
            self.check_trouble();
            assert!(start.elapsed() < PATIENCE, "waited too long until {what}: {amiss:?}");
            sleep(GLANCE).await;
        }
        self.note(format!("{what} after {:?}", start.elapsed()));
    }

    /// The connections that a server has to the others, sorted: `birch/0` is slot 0 to birch. Without
    /// any, and also for a server that is not running, it is empty.
    pub(crate) fn lanes(&self, server: &str) -> Vec<String> {
        let running = self.inner.running.borrow();
        let Some(server) = running.get(server) else { return Vec::new() };
        let routes = server.driver.inspect(|node| node.route_reports(false));
        let mut lanes: Vec<String> = routes
            .iter()
            .filter(|route| !route.remote_name.is_empty())
            .map(|route| match route.pool_index {
                Some(slot) => format!("{}/{slot}", route.remote_name),
                None => format!("{}/{}", route.remote_name, route.account),
            })
            .collect();
        lanes.sort();
        lanes
    }

    /// Whether all of `servers` have exactly all connections to each other, and none to anybody
    /// else, and nothing is about to change that. Both sides may dial after an outage, and until it
    /// is settled which connection stays, messages on the other one may be lost.
    pub(crate) fn are_one_part(&self, servers: &[&str]) -> bool {
        servers.iter().all(|server| {
            let others: Vec<&str> =
                servers.iter().copied().filter(|other| other != server).collect();
            let mut lanes: Vec<String> = others
                .iter()
                .flat_map(|other| LANES.iter().map(move |lane| format!("{other}/{lane}")))
                .collect();
            lanes.sort();
            self.lanes(server) == lanes && self.is_at_rest(server, lanes.len(), &others)
        })
    }

    /// Whether a server has only so many connections to others, and is opening none to `others`.
    fn is_at_rest(&self, server: &str, connections: usize, others: &[&str]) -> bool {
        let running = self.inner.running.borrow();
        let Some(server) = running.get(server) else { return false };
        let clients = server.driver.inspect(|node| node.server_report().connections);
        server.net.open_connections() as u64 == connections as u64 + clients
            && !others.iter().any(|other| server.net.is_dialling(other))
    }

    /// Whether `server` knows that `other` wants messages on `subject`.
    pub(crate) fn knows_interest(&self, server: &str, other: &str, subject: &str) -> bool {
        let running = self.inner.running.borrow();
        let Some(server) = running.get(server) else { return false };
        let routes = server.driver.inspect(|node| node.route_reports(true));
        routes.iter().filter(|route| route.remote_name == other).any(|route| {
            route.subscriptions.iter().any(|subscription| subscription.subject == subject)
        })
    }

    /// Adds a line to the history.
    pub(crate) fn note(&self, line: String) {
        self.inner.history.borrow_mut().push(line);
    }

    /// Says that something happened that must not.
    pub(crate) fn complain(&self, what: String) {
        self.inner.trouble.borrow_mut().push(what);
    }

    /// What happened so far, in order.
    pub(crate) fn history(&self) -> Vec<String> {
        self.inner.history.borrow().clone()
    }

    /// # Panics
    /// If something happened that must not.
    pub(crate) fn check_trouble(&self) {
        let trouble = self.inner.trouble.borrow();
        assert!(trouble.is_empty(), "{trouble:#?}");
        assert_eq!(PANICS.get(), 0, "a task has panicked; see above");
    }
}

/// A server as a simulated host runs it, until it crashes.
async fn serve(server: &'static str, seed: u64, forest: Forest) -> turmoil::Result {
    let index = u64::try_from(SERVERS.iter().position(|name| *name == server).unwrap()).unwrap();
    let net = SimNet::new(seed ^ (index + 1));
    let clients = SimListener::bind(&net, CLIENT_PORT).await?;
    let routes = SimListener::bind(&net, CLUSTER_PORT).await?;
    let clock = Clock::start();
    let now = Now { mono: clock.mono(), wall: net.wall() };
    let mut node_seed = [0; 32];
    node_seed[..8].copy_from_slice(&seed.to_le_bytes());
    node_seed[8] = u8::try_from(index).unwrap();
    let node = Node::new(Arc::new(config(server)), node_seed, now);
    let options = Options {
        seed,
        own_routes: vec![(turmoil::lookup(server), CLUSTER_PORT).into()],
        trace: TraceMask { debug: true, ..TraceMask::default() },
        journal: Box::new(Recorder { server, forest: forest.clone() }),
        disk: Box::new(NoDisk::default()),
    };
    let driver = Driver::start(net.clone(), clock, node, options);
    driver.listen(clients, Origin::Client);
    driver.listen(routes, Origin::Route);
    let _running = Running::announce(server, forest, Server { driver: driver.clone(), net });
    driver.finished().await;
    Ok(())
}

fn config(server: &str) -> NodeConfig {
    let route = |name: &&str| RouteUrl {
        address: HostPort { host: (*name).to_owned(), port: CLUSTER_PORT },
        auth: None,
    };
    NodeConfig {
        server_name: Some(server.to_owned()),
        client_urls: vec![format!("{server}:{CLIENT_PORT}")],
        cluster: Some(ClusterConfig {
            name: Some("forest".to_owned()),
            // Each lists all, itself too, as the helm chart does.
            routes: SERVERS.iter().map(route).collect(),
            ..ClusterConfig::default()
        }),
        ..NodeConfig::default()
    }
}

/// Lets others look at a server until its host crashes: nothing of it may live on after that.
struct Running {
    name: &'static str,
    forest: Forest,
}

impl Running {
    fn announce(name: &'static str, forest: Forest, server: Server) -> Self {
        forest.inner.running.borrow_mut().insert(name, server);
        Self { name, forest }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let server = self.forest.inner.running.borrow_mut().remove(self.name);
        drop(server);
    }
}

struct Recorder {
    server: &'static str,
    forest: Forest,
}

impl Journal for Recorder {
    fn event(&mut self, now: Now, event: TraceEvent) {
        let line = format!("{} {} {} {event:?}", self.server, now.mono.0, now.wall.0);
        self.forest.note(line);
    }

    fn accept_failed(&mut self, _now: Now, origin: Origin, error: &io::Error, _pause: Duration) {
        self.forest.complain(format!("{} {origin:?}: {error}", self.server));
    }

    fn disk_failed(&mut self, _now: Now, failure: &Failure) {
        self.forest.complain(format!("{}: {failure}", self.server));
    }
}

thread_local! {
    /// Panics of this test's thread: tokio keeps those of tasks to itself.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.set(0);
}
