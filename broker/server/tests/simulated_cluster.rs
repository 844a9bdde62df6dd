//! Three servers in one cluster, each a real driver, on a simulated network: messages cross, a
//! partition separates one of them, and after its repair they cross again. The same seed gives the
//! same events, times and bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod simnet;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use causeway_core::config::{ClusterConfig, HostPort, NodeConfig, RouteUrl};
use causeway_core::{Node, Now, Origin, TraceEvent, TraceMask};
use causeway_server::driver::{Clock, Driver, Journal, Net, Options};
use simnet::{Draws, SimListener, SimNet};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, sleep, timeout};
use turmoil::net::TcpStream;

const SERVERS: [&str; 3] = ["alder", "birch", "cedar"];
const CLIENT_PORT: u16 = 4222;
const CLUSTER_PORT: u16 = 6222;

/// Simulated time in which everything must have happened; nothing is measured against it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What happened, in order.
type History = Rc<RefCell<Vec<String>>>;

struct Recorder {
    server: &'static str,
    history: History,
}

impl Journal for Recorder {
    fn event(&mut self, now: Now, event: TraceEvent) {
        let line = format!("{} {} {} {event:?}", self.server, now.mono.0, now.wall.0);
        self.history.borrow_mut().push(line);
    }

    fn accept_failed(&mut self, _now: Now, origin: Origin, error: &io::Error, _pause: Duration) {
        panic!("{} {origin:?}: {error}", self.server);
    }
}

/// A server as a simulated host runs it, until it crashes.
async fn serve(server: &'static str, seed: u64, history: History) -> turmoil::Result {
    let index = u64::try_from(SERVERS.iter().position(|name| *name == server).unwrap()).unwrap();
    let net = SimNet { draws: Draws::new(seed ^ (index + 1)) };
    let clients = SimListener::bind(&net, CLIENT_PORT).await?;
    let routes = SimListener::bind(&net, CLUSTER_PORT).await?;
    let route = |name: &&str| RouteUrl {
        address: HostPort { host: (*name).to_owned(), port: CLUSTER_PORT },
        auth: None,
    };
    let config = NodeConfig {
        server_name: Some(server.to_owned()),
        client_urls: vec![format!("{server}:{CLIENT_PORT}")],
        cluster: Some(ClusterConfig {
            name: Some("forest".to_owned()),
            // Each lists all, itself too, as the helm chart does.
            routes: SERVERS.iter().map(route).collect(),
            ..ClusterConfig::default()
        }),
        ..NodeConfig::default()
    };
    let clock = Clock::start();
    let now = Now { mono: clock.mono(), wall: net.wall() };
    let mut node_seed = [0; 32];
    node_seed[..8].copy_from_slice(&seed.to_le_bytes());
    node_seed[8] = u8::try_from(index).unwrap();
    let node = Node::new(Arc::new(config), node_seed, now);
    let options = Options {
        seed,
        own_routes: vec![(turmoil::lookup(server), CLUSTER_PORT).into()],
        trace: TraceMask { debug: true, protocol: false },
        journal: Box::new(Recorder { server, history }),
    };
    let driver = Driver::start(net, clock, node, options);
    driver.listen(clients, Origin::Client);
    driver.listen(routes, Origin::Route);
    driver.finished().await;
    Ok(())
}

/// A client connection.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    async fn connect(server: &str) -> Self {
        let stream = TcpStream::connect((server, CLIENT_PORT)).await.unwrap();
        let mut client = Self { stream: BufReader::new(stream) };
        assert!(client.line().await.starts_with("INFO "));
        client.send("CONNECT {\"verbose\":false}\r\nPING\r\n").await;
        while client.line().await != "PONG\r\n" {}
        client
    }

    async fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.stream.read_line(&mut line)).await.unwrap().unwrap();
        line
    }

    /// The next message's payload. Answers the server's pings.
    async fn message(&mut self) -> u64 {
        loop {
            let line = self.line().await;
            match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
                ["PING"] => self.send("PONG\r\n").await,
                ["MSG", _, _, size] => {
                    let mut payload = vec![0; size.parse::<usize>().unwrap() + 2];
                    self.stream.read_exact(&mut payload).await.unwrap();
                    return String::from_utf8(payload).unwrap().trim_end().parse().unwrap();
                }
                _ => panic!("{line:?}"),
            }
        }
    }
}

/// Everything that the subscribers at each server have received, in order.
type Received = Rc<RefCell<BTreeMap<&'static str, Vec<u64>>>>;

/// The people of this test.
struct People {
    publisher: Client,
    received: Received,
    next: u64,
    history: History,
}

impl People {
    /// A publisher at the first of `servers`, and a subscriber at each.
    async fn gather(servers: &[&'static str], history: History) -> Self {
        let publisher = Client::connect(servers[0]).await;
        let people = Self { publisher, received: Received::default(), next: 1, history };
        for server in servers {
            people.subscribe(server).await;
        }
        people
    }

    async fn subscribe(&self, server: &'static str) {
        let mut client = Client::connect(server).await;
        client.send("SUB news.> 1\r\nPING\r\n").await;
        while client.line().await != "PONG\r\n" {}
        let received = Rc::clone(&self.received);
        tokio::task::spawn_local(async move {
            loop {
                let number = client.message().await;
                received.borrow_mut().entry(server).or_default().push(number);
            }
        });
    }

    /// Publishes the next number, padded so that it takes more than one segment now and then.
    async fn publish(&mut self) -> u64 {
        let (number, size) = (self.next, 20 + usize::try_from(self.next % 7).unwrap() * 700);
        self.next += 1;
        let text = format!("PUB news.today {size}\r\n{number:0size$}\r\n");
        self.publisher.send(&text).await;
        number
    }

    fn has(&self, server: &str, number: u64) -> bool {
        self.received.borrow().get(server).is_some_and(|got| got.contains(&number))
    }

    /// Publishes until one message has reached all `servers`, and says how long that took.
    async fn publish_until_all_have(&mut self, what: &str, servers: &[&str]) -> Duration {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "{what}: {:?}", self.received.borrow());
            let number = self.publish().await;
            for _ in 0..20 {
                sleep(Duration::from_millis(10)).await;
                if servers.iter().all(|server| self.has(server, number)) {
                    let line = format!("people {what} after {:?}", start.elapsed());
                    self.history.borrow_mut().push(line);
                    return start.elapsed();
                }
            }
        }
    }

    /// Nobody got anything twice or out of order.
    fn check_order(&self) {
        for (server, numbers) in self.received.borrow().iter() {
            assert!(numbers.is_sorted_by(|a, b| a < b), "{server}: {numbers:?}");
        }
    }
}

/// Runs the story under a seed, and gives what happened.
fn story(seed: u64) -> Vec<String> {
    let history = History::default();
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
        .simulation_duration(Duration::from_secs(600))
        .tick_duration(Duration::from_millis(2))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .tcp_capacity(16_384)
        .enable_random_order()
        .build();
    for server in SERVERS {
        let history = Rc::clone(&history);
        sim.host(server, move || serve(server, seed, Rc::clone(&history)));
    }
    let people_history = Rc::clone(&history);
    sim.client("people", async move {
        let mut people = People::gather(&SERVERS, people_history).await;
        people.publish_until_all_have("all have it", &SERVERS).await;

        // An outage that TCP survives: what was under way arrives, in order, and nothing is lost.
        turmoil::hold("alder", "birch");
        let first = people.publish().await;
        let last = people.publish().await;
        sleep(Duration::from_secs(1)).await;
        assert!(people.has("cedar", last) && !people.has("birch", first));
        turmoil::release("alder", "birch");
        people.publish_until_all_have("all have it after the hold", &SERVERS).await;
        assert!(people.has("birch", first) && people.has("birch", last));

        // An outage that it does not survive: alder is alone.
        turmoil::partition("alder", "birch");
        turmoil::partition("alder", "cedar");
        sleep(Duration::from_secs(15)).await;
        people.publish_until_all_have("alder serves itself", &["alder"]).await;
        let lost = people.next - 1;
        turmoil::repair("alder", "birch");
        turmoil::repair("alder", "cedar");
        people.publish_until_all_have("all have it after the repair", &SERVERS).await;
        assert!(!people.has("birch", lost) && !people.has("cedar", lost), "nobody stored it");
        people.check_order();
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    history.take()
}

#[test]
fn three_servers_lose_and_find_each_other() {
    for seed in 1..=5 {
        let history = story(seed);
        let registered = history.iter().filter(|line| line.contains("RouteRegistered")).count();
        assert!(registered > 3, "{history:#?}");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [7, 8] {
        let (one, two) = (story(seed), story(seed));
        assert!(one.len() > 20, "{one:?}");
        for (number, (a, b)) in one.iter().zip(&two).enumerate() {
            assert_eq!(a, b, "line {number} of seed {seed}");
        }
        assert_eq!(one.len(), two.len());
    }
    assert_ne!(story(7), story(8), "another seed is another history");
}

#[test]
fn a_crashed_server_comes_back() {
    let history = History::default();
    let mut sim = turmoil::Builder::new()
        .rng_seed(3)
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
        .simulation_duration(Duration::from_secs(600))
        .tick_duration(Duration::from_millis(5))
        .tcp_capacity(16_384)
        .enable_random_order()
        .build();
    for server in SERVERS {
        let history = Rc::clone(&history);
        sim.host(server, move || serve(server, 3, Rc::clone(&history)));
    }
    let stage = Rc::new(std::cell::Cell::new(0));
    let (set, people_history) = (Rc::clone(&stage), Rc::clone(&history));
    sim.client("people", async move {
        let mut people = People::gather(&["alder", "birch"], people_history).await;
        people.publish_until_all_have("both have it", &["alder", "birch"]).await;
        set.set(1);
        sleep(Duration::from_secs(5)).await;
        people.publish_until_all_have("both have it without cedar", &["alder", "birch"]).await;
        set.set(2);
        sleep(Duration::from_secs(5)).await;
        people.subscribe("cedar").await;
        people.publish_until_all_have("cedar is back", &SERVERS).await;
        people.check_order();
        Ok(())
    });
    let mut crashed = false;
    while !sim.step().unwrap() {
        match stage.get() {
            1 if !crashed => {
                sim.crash("cedar");
                crashed = true;
            }
            2 if crashed => {
                sim.bounce("cedar");
                crashed = false;
                stage.set(3);
            }
            _ => {}
        }
    }
    assert_eq!(stage.get(), 3);
}
