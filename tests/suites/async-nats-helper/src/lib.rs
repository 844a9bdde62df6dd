//! Starts whatever is called `nats-server` on `PATH`, as the tests of async-nats ask for it.
//!
//! The functions have the names and the meaning that those tests expect; a server is known by its log (for its address and its
//! store directory), by its INFO line and by its process id, as any operator would know it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to say where it listens.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How often its log is read meanwhile.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// What the log line with the client address has before it.
const ADDRESS_MARK: &str = "client connections on ";
/// What the log line with the store directory has before it.
const STORE_MARK: &str = "Store Directory:";

/// Counts the servers of this process: their files are told apart by it.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A server process. It ends with this value, and its files go.
pub struct Server {
    child: Child,
    files: PathBuf,
    args: Vec<String>,
    fixed_port: bool,
}

/// Three servers with routes to each other.
pub struct Cluster {
    pub servers: Vec<Server>,
}

/// A server without a configuration file, on a port that it chooses.
pub fn run_basic_server() -> Server {
    run_server("")
}

/// A server with a configuration file (none when empty), on a port that it chooses.
pub fn run_server(config: &str) -> Server {
    run_server_with_port(config, None)
}

/// The same on a given port.
pub fn run_server_with_port(config: &str, port: Option<&str>) -> Server {
    Server::start(config, port, &[])
}

/// Three servers in a cluster: all with one configuration file, or each with its own.
pub fn run_cluster<'a>(configs: impl IntoConfigs<'a>) -> Cluster {
    let configs = configs.into_configs();
    // Held until all are chosen, so that they differ.
    let held: Vec<TcpListener> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = held.iter().map(|l| l.local_addr().unwrap().port()).collect();
    drop(held);
    let (clients, routes) = ports.split_at(3);
    let servers = (0..3).map(|me| {
        let others: Vec<String> =
            (0..3).filter(|other| *other != me).map(|other| format!("nats://127.0.0.1:{}", routes[other])).collect();
        let extra = [
            "--routes".to_owned(),
            others.join(","),
            "--cluster".to_owned(),
            format!("nats://127.0.0.1:{}", routes[me]),
            "--cluster_name".to_owned(),
            "cluster".to_owned(),
            "-n".to_owned(),
            format!("node{}", me + 1),
        ];
        Server::start(configs[me], Some(&clients[me].to_string()), &extra)
    });
    let cluster = Cluster { servers: servers.collect() };
    // The tests count on routes and an elected leader, and no client can ask for either.
    sleep(Duration::from_secs(3));
    cluster
}

/// One configuration for three servers, or three.
pub trait IntoConfigs<'a> {
    fn into_configs(self) -> [&'a str; 3];
}

impl<'a> IntoConfigs<'a> for &'a str {
    fn into_configs(self) -> [&'a str; 3] {
        [self; 3]
    }
}

impl<'a> IntoConfigs<'a> for [&'a str; 3] {
    fn into_configs(self) -> [&'a str; 3] {
        self
    }
}

/// Whether nobody listens on a port.
pub fn is_port_available(port: usize) -> bool {
    u16::try_from(port).is_ok_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}

/// Asks a server to send its clients away.
pub fn set_lame_duck_mode(server: &Server) {
    let status = Command::new("nats-server").arg("--signal").arg(format!("ldm={}", server.client_pid())).status();
    assert!(status.unwrap().success(), "the signal was not sent");
}

impl Server {
    fn start(config: &str, port: Option<&str>, extra: &[String]) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let files = std::env::temp_dir().join(format!("server-{}-{number}", std::process::id()));
        fs::create_dir_all(&files).unwrap();
        let path = |name: &str| files.join(name).to_str().unwrap().to_owned();
        let mut args = vec![
            "--store_dir".to_owned(),
            path("store"),
            "-p".to_owned(),
            port.unwrap_or("-1").to_owned(),
            "-l".to_owned(),
            path("log"),
            "-P".to_owned(),
            path("pid"),
        ];
        args.extend_from_slice(extra);
        if !config.is_empty() {
            args.extend(["-c".to_owned(), config.to_owned()]);
        }
        Self { child: spawn(&args), files, args, fixed_port: port.is_some() }
    }

    /// Kills the server and starts it again at its port, with what it stored.
    pub fn restart(&mut self) {
        assert!(self.fixed_port, "a server that chooses its port comes back at another");
        self.kill();
        fs::remove_file(self.files.join("log")).unwrap();
        self.child = spawn(&self.args);
    }

    pub fn client_url(&self) -> String {
        self.url("")
    }

    pub fn client_url_with(&self, user: &str, password: &str) -> String {
        self.url(&format!("{user}:{password}@"))
    }

    pub fn client_url_with_token(&self, token: &str) -> String {
        self.url(&format!("{token}@"))
    }

    pub fn client_port(&self) -> u16 {
        self.address().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub fn client_pid(&self) -> usize {
        fs::read_to_string(self.files.join("pid")).unwrap().trim().parse().unwrap()
    }

    fn url(&self, user: &str) -> String {
        let scheme = if self.info().contains("\"tls_required\":true") { "tls" } else { "nats" };
        format!("{scheme}://{user}localhost:{}", self.client_port())
    }

    /// The first line that the server says to a client.
    fn info(&self) -> String {
        let mut line = String::new();
        let stream = TcpStream::connect(("127.0.0.1", self.client_port())).unwrap();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    /// Where it listens for clients, read from its log as soon as it is there.
    fn address(&self) -> String {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(address) = after_mark(&self.files.join("log"), ADDRESS_MARK) {
                return address;
            }
            assert!(Instant::now() < deadline, "no client address in the log");
            sleep(POLL_EVERY);
        }
    }

    fn kill(&mut self) {
        // One that has ended by itself, as a lame duck does, is no error.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Cluster {
    pub fn client_url(&self) -> String {
        self.servers[0].client_url()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if let Some(store) = after_mark(&self.files.join("log"), STORE_MARK) {
            let _ = fs::remove_dir_all(store.trim_matches('"'));
        }
        let _ = fs::remove_dir_all(&self.files);
    }
}

fn spawn(args: &[String]) -> Child {
    Command::new("nats-server").args(args).spawn().expect("there is no nats-server on PATH")
}

/// The word after `mark` in the first complete line of a log that has it.
fn after_mark(log: &Path, mark: &str) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let (complete, _) = text.rsplit_once('\n')?;
    complete.lines().find_map(|line| Some(line.split_once(mark)?.1.split_whitespace().next()?.to_owned()))
}
