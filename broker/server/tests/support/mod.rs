//! A server in this process, and clients that speak the protocol as text.

use std::future::Future;
use std::time::{Duration, Instant};

use causeway_config::{Action, Cluster, Config, Flags, ListenPort, Logging, Monitor};
use causeway_server::server::{Addresses, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes on a loaded machine; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on the kind of runtime that a server runs on.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(test);
}

/// Waits until `condition` holds.
pub(crate) async fn patiently(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server alone, on loopback, with monitoring.
pub(crate) fn config() -> Config {
    let host = "127.0.0.1".to_owned();
    Config {
        host: host.clone(),
        port: ListenPort::Random,
        monitor: Some(Monitor { host, port: ListenPort::Random, base_path: "/".to_owned() }),
        logging: Logging { file: Some("/dev/null".into()), ..Logging::default() },
        ..Config::default()
    }
}

/// A member of a cluster; it dials the member that listens on `peer`.
pub(crate) fn cluster(name: &str, peer: Option<u16>) -> Config {
    let mut command = vec![
        "--cluster".to_owned(),
        "nats://127.0.0.1:-1".to_owned(),
        "--cluster_name".to_owned(),
        name.to_owned(),
    ];
    if let Some(port) = peer {
        command.extend(["--routes".to_owned(), format!("nats://127.0.0.1:{port}")]);
    }
    let Ok(Action::Run(flags)) = Flags::parse(command) else { unreachable!("good flags") };
    let (loaded, _) = Config::load(&flags, &causeway_config::MemorySource::new()).unwrap();
    let cluster: Option<Cluster> = loaded.cluster;
    Config { cluster, cluster_name: loaded.cluster_name, ..config() }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) server: Server,
}

pub(crate) fn start(config: Config) -> Running {
    Running { server: Server::start(config, Flags::default(), &[]).unwrap() }
}

impl Running {
    pub(crate) fn addresses(&self) -> Addresses {
        self.server.addresses()
    }

    /// Waits until `/varz` counts so many client connections.
    pub(crate) async fn connections_become(&self, count: usize) {
        let wanted = format!("\n  \"connections\": {count},");
        patiently("the connections", async || http(self, "/varz").await.1.contains(&wanted)).await;
    }

    /// Until the disk has been read.
    pub(crate) async fn becomes_healthy(&self) {
        patiently("the health", async || {
            http(self, "/healthz").await.0.starts_with("HTTP/1.1 200")
        })
        .await;
    }
}

/// GET: the head of the answer, and its body.
pub(crate) async fn http(server: &Running, path: &str) -> (String, String) {
    let at = server.addresses().monitor.unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}

/// A connection that speaks the client protocol.
pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
    /// The greeting's JSON.
    pub(crate) info: String,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) async fn greeted(server: &Running) -> Self {
        let stream = TcpStream::connect(server.addresses().client).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream: BufReader::new(stream), info: String::new() };
        let line = client.line().await;
        client.info = line.strip_prefix("INFO ").unwrap_or_else(|| panic!("{line}")).to_owned();
        client
    }

    /// Connects and introduces itself, as a client that wants no later INFO.
    pub(crate) async fn connect(server: &Running) -> Self {
        let mut client = Self::greeted(server).await;
        client.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n").await;
        client.expect("PONG\r\n").await;
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        timeout(PATIENCE, self.stream.write_all(text.as_bytes())).await.unwrap().unwrap();
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.stream.read_line(&mut line)).await.unwrap().unwrap();
        line
    }

    /// Reads exactly this. The server's own pings may come at any time and do not count.
    pub(crate) async fn expect(&mut self, text: &str) {
        const PING: &[u8] = b"PING\r\n";
        let mut got = Vec::with_capacity(text.len());
        while got.len() < text.len() {
            let start = got.len();
            got.resize(text.len(), 0);
            let read = timeout(PATIENCE, self.stream.read_exact(&mut got[start..])).await;
            let read = read.unwrap_or_else(|_| panic!("waited too long for {text:?}"));
            assert!(read.is_ok(), "{read:?} instead of {text:?}");
            let ping = got.windows(PING.len()).position(|window| window == PING);
            if let Some(at) = ping {
                got.drain(at..at + PING.len());
            }
        }
        assert_eq!(String::from_utf8_lossy(&got), text);
    }

    /// The server closes without another word.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}
