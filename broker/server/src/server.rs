//! A server in this process: the driver with its listeners, log, files and monitoring.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use causeway_config::{AuthMethod, Config, Flags, Warning, defaults};
use causeway_core::config::{HostPort, NodeConfig};
use causeway_core::{Command, Node, Now, Origin, TraceMask};
use tokio::task::spawn_local;

use crate::boot::{BindError, Bound, Listeners, Storage, interfaces, jetstream, node_config};
use crate::disk::{Disk, NoDisk, OpenError};
use crate::driver::{Clock, Driver, Net, Options, TokioNet, is_recovered};
use crate::files::{self, Ports, PortsFile};
use crate::log::{self, Level, Log, LogJournal};
use crate::monitor;
use crate::process::Process;
use crate::running::{Listening, Running};
use crate::text::go_duration;

/// How long the disk may take to finish when the server ends.
const DISK_PATIENCE: Duration = Duration::from_secs(10);

/// A server that listens and serves. It lives on the thread that started it.
pub struct Server {
    pub(crate) driver: Driver<TokioNet>,
    pub(crate) log: Log,
    pub(crate) running: Rc<RefCell<Running>>,
    /// Applied again at every reload.
    pub(crate) flags: Flags,
    pub(crate) ports_file: RefCell<Option<PortsFile>>,
    pub(crate) connect_error_reports: Rc<std::cell::Cell<u32>>,
    addresses: Addresses,
}

/// Where a server really listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients.
    pub client: SocketAddr,
    /// For other servers of the cluster.
    pub cluster: Option<SocketAddr>,
    /// For monitoring over HTTP.
    pub monitor: Option<SocketAddr>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log file could not be opened. There is no log to say so in.
    #[error(transparent)]
    Log(#[from] log::OpenError),
    /// A listener could not be opened. The log says so already.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The directory of the streams cannot be used. The log says so already.
    #[error("Can't start JetStream: {0}")]
    JetStream(#[from] OpenError),
    /// The pid file could not be written. The log says so already.
    #[error("Could not write pidfile: {0}")]
    Pid(std::io::Error),
    /// The system gave no random bytes. The log says so already.
    #[error("No randomness from the system: {0}")]
    Randomness(String),
}

impl Server {
    /// Starts a server and returns as soon as it listens.
    ///
    /// Ids and choices are drawn from the system's randomness. There is no way to fix the seed: the
    /// network's timing would differ anyway, and two servers of one seed would have one id. The
    /// simulator is for repeating a run.
    ///
    /// # Errors
    /// See [`StartError`]; what was opened until then is closed again.
    ///
    /// # Panics
    /// Outside of a tokio `LocalRuntime` or `LocalSet`.
    pub fn start(config: Config, flags: Flags, warnings: &[Warning]) -> Result<Self, StartError> {
        let log = Log::open(&config.logging)?;
        let started = Self::start_logging(config, flags, warnings, &log);
        if let Err(error) = &started {
            log.line(Level::Fatal, format_args!("{error}"));
        }
        started
    }

    fn start_logging(
        config: Config,
        flags: Flags,
        warnings: &[Warning],
        log: &Log,
    ) -> Result<Self, StartError> {
        log_program(log);
        let listeners = Listeners::bind(&config)?;
        let listening = node_config::listening(&config, &listeners);
        let addresses = listeners.addresses();
        let (storage, disk): (_, Box<dyn Disk>) = match Storage::open(&config)? {
            Some((storage, files)) => (Some(storage), Box::new(files)),
            None => (None, Box::new(NoDisk::default())),
        };
        let node = node_config::node_config(&config, &listening, storage.as_ref());
        let (driver, connect_error_reports) = start_driver(&config, node, disk, log, &listening)?;
        log_identity(log, &driver, &config);
        log_warnings(log, &config, warnings);
        if let Some(path) = &config.pid_file {
            files::write_pid(path).map_err(StartError::Pid)?;
        }
        let running = Rc::new(RefCell::new(Running {
            config_loaded: driver.now().wall,
            config,
            storage,
            listening,
            process: Process::start(),
        }));
        let server = Self {
            driver,
            log: log.clone(),
            running,
            flags,
            ports_file: RefCell::new(None),
            connect_error_reports,
            addresses,
        };
        server.open(listeners);
        server.write_ports_file();
        Ok(server)
    }

    /// Lets the world in, in nats-server's order and words.
    fn open(&self, listeners: Listeners) {
        let Listeners { client, cluster, monitor } = listeners;
        let running = self.running.borrow();
        if let (Some(monitor), Some(place)) = (monitor, &running.listening.monitor) {
            self.log.info(format_args!("Starting http monitor on {}", at(place)));
            let (driver, running) = (self.driver.clone(), Rc::clone(&self.running));
            spawn_local(monitor::serve(monitor.listener, driver, running));
        }
        if let Some(storage) = &running.storage {
            jetstream::log_banner(&self.log, &running.config, storage);
            jetstream::warn_of_foreign_streams(&self.log, storage);
        }
        let doors = Doors {
            client,
            cluster,
            driver: self.driver.clone(),
            log: self.log.clone(),
            running: Rc::clone(&self.running),
        };
        if self.driver.inspect(is_recovered) {
            doors.open();
        } else {
            spawn_local(async move {
                doors.driver.recovered().await;
                doors.open();
            });
        }
    }

    /// Puts the ports file where the configuration wants it, and removes the former one.
    pub(crate) fn write_ports_file(&self) {
        self.ports_file.replace(None);
        let running = self.running.borrow();
        let Some(folder) = &running.config.ports_file_dir else { return };
        let Addresses { client, cluster, monitor } = self.addresses;
        match PortsFile::write(folder, &Ports { client, monitor, cluster }, interfaces::all) {
            Ok(file) => {
                self.ports_file.replace(Some(file));
            }
            Err((path, error)) => {
                let path = path.display();
                self.log.error(format_args!("Error writing ports file ({path}): {error}"));
            }
        }
    }

    /// Where this server listens.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Closes everything; [`finished`](Self::finished) tells when that is done.
    pub fn shut_down(&self) {
        self.log.info(format_args!("Initiating Shutdown..."));
        self.driver.command(Command::Shutdown);
    }

    /// Stops to accept, and lets clients go one by one.
    pub fn lame_duck(&self) {
        self.driver.command(Command::LameDuck);
    }

    /// Waits for the disk and closes its files; to be called when all else is closed.
    pub fn close_files(&self) {
        if self.running.borrow().storage.is_some() {
            self.log.info(format_args!("Initiating JetStream Shutdown..."));
            self.driver.close_disk(DISK_PATIENCE);
            self.log.info(format_args!("JetStream Shutdown"));
        }
    }

    /// Waits until everything is closed.
    pub async fn finished(&self) {
        self.driver.finished().await;
    }
}

/// What clients and routes come in by, once there is something for them.
struct Doors {
    client: Bound,
    cluster: Option<Bound>,
    driver: Driver<TokioNet>,
    log: Log,
    running: Rc<RefCell<Running>>,
}

impl Doors {
    fn open(self) {
        let Self { client, cluster, driver, log, running } = self;
        let running = running.borrow();
        let report = driver.inspect(Node::server_report);
        if report.lame_duck {
            return;
        }
        if running.storage.is_some() {
            // The clock of the driver started with the node.
            let took = Duration::from_nanos(driver.now().mono.0);
            log.info(format_args!("Took {} to start JetStream", go_duration(took)));
        }
        let place = at(&running.listening.client);
        log.info(format_args!("Listening for client connections on {place}"));
        driver.listen(client.listener, Origin::Client);
        log.info(format_args!("Server is ready"));
        if let (Some(cluster), Some(place)) = (cluster, &running.listening.cluster) {
            log.info(format_args!("Cluster name is {}", report.cluster_name));
            if running.config.cluster_name.is_none() {
                let advice = "Cluster name was dynamically generated, consider setting one";
                log.warn(format_args!("{advice}"));
            }
            log.info(format_args!("Listening for route connections on {}", at(place)));
            driver.listen(cluster.listener, Origin::Route);
        }
    }
}

fn at(place: &HostPort) -> String {
    crate::boot::join(&place.host, place.port)
}

impl Listeners {
    fn addresses(&self) -> Addresses {
        Addresses {
            client: self.client.address,
            cluster: self.cluster.as_ref().map(|bound| bound.address),
            monitor: self.monitor.as_ref().map(|bound| bound.address),
        }
    }
}

/// Which events the log wants.
pub(crate) fn trace_mask(config: &Config) -> TraceMask {
    TraceMask {
        debug: config.logging.debug,
        protocol: config.logging.trace,
        ..TraceMask::default()
    }
}

fn start_driver(
    config: &Config,
    node: NodeConfig,
    disk: Box<dyn Disk>,
    log: &Log,
    listening: &Listening,
) -> Result<(Driver<TokioNet>, Rc<std::cell::Cell<u32>>), StartError> {
    let mut seed = [0; 32];
    let mut order = [0; 8];
    getrandom::fill(&mut seed)
        .and_then(|()| getrandom::fill(&mut order))
        .map_err(|error| StartError::Randomness(error.to_string()))?;
    let net = TokioNet::default();
    let clock = Clock::start();
    let now = Now { mono: clock.mono(), wall: net.wall() };
    let node = Node::new(Arc::new(node), seed, now);
    let reports = Rc::new(std::cell::Cell::new(config.connect_error_reports));
    let options = Options {
        seed: u64::from_le_bytes(order),
        own_routes: node_config::own_routes(listening),
        trace: trace_mask(config),
        journal: Box::new(LogJournal::new(log.clone(), Rc::clone(&reports))),
        disk,
    };
    Ok((Driver::start(net, clock, node, options), reports))
}

fn log_program(log: &Log) {
    log.info(format_args!("Starting nats-server"));
    log.info(format_args!("  Version:  {}", causeway_core::limits::COMPATIBLE_VERSION));
    log.info(format_args!("  Git:      [{}]", env!("CAUSEWAY_GIT_COMMIT")));
    let program = concat!("causeway ", env!("CARGO_PKG_VERSION"));
    log.line(Level::Debug, format_args!("  Program:  {program}"));
}

fn log_identity(log: &Log, driver: &Driver<TokioNet>, config: &Config) {
    let report = driver.inspect(Node::server_report);
    // nats-server shows a configured name even without a cluster.
    let cluster = config.cluster_name.as_deref().unwrap_or(&report.cluster_name);
    if !cluster.is_empty() {
        log.info(format_args!("  Cluster:  {cluster}"));
    }
    log.info(format_args!("  Name:     {}", report.server_name));
    log.info(format_args!("  ID:       {}", report.server_id));
}

fn log_warnings(log: &Log, config: &Config, warnings: &[Warning]) {
    let plain = match &config.auth.method {
        AuthMethod::None | AuthMethod::Token(_) => false,
        AuthMethod::User(user) => !user.password.is_bcrypt(),
        AuthMethod::Users(users) => users.iter().any(|user| !user.password.is_bcrypt()),
    };
    if plain {
        log.warn(format_args!("Plaintext passwords detected, use nkeys or bcrypt"));
    }
    if let Some(path) = &config.config_file {
        let digest = config.digest.as_ref().map(|digest| format!("({digest})"));
        let digest = digest.unwrap_or_default();
        log.info(format_args!("Using configuration file: {} {digest}", path.display()));
    }
    for warning in warnings {
        log.warn(format_args!("{warning}"));
    }
    if config.limits.max_payload > defaults::MAX_PAYLOAD_SENSIBLE {
        let advice = "are generally discouraged and could lead to poor performance";
        log.warn(format_args!("Maximum payloads over 8.00 MB {advice}"));
    }
}
