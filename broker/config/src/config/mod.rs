//! [`Config`]: every option that this version of the broker knows, resolved and typed.
//!
//! A `Config` has no "unset": what the file and the flags leave out has nats-server's default in it
//! ([`crate::defaults`] is the one table of those). Sizes are bytes, times are [`Duration`]s, ports
//! are [`ListenPort`]s, and everything that can be wrong has been checked before a `Config` exists.

mod jetstream;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::defaults;
use crate::url::RouteUrl;

pub use jetstream::{
    BatchLimits, Cipher, JetStream, JetStreamLimits, LinkBuffer, Overflow, SyncPolicy,
};

/// The resolved options of one server.
///
/// Built by [`Config::load`]; [`Config::default`] is what a server without file and flags runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The configuration file, as it was named on the command line.
    pub config_file: Option<PathBuf>,
    /// `sha256:<64 hex digits>` of the parsed file; `None` without a file. See [`crate::digest()`].
    pub digest: Option<String>,

    /// `server_name`; `None`: the server uses its own id as its name. Never contains a space.
    pub server_name: Option<String>,
    /// `host` or `net`, or the first half of `listen`: where clients connect.
    pub host: String,
    /// `port`, or the second half of `listen`.
    pub port: ListenPort,
    /// `client_advertise`: what other servers tell clients to connect to, instead of `host:port`.
    pub client_advertise: Option<Advertise>,
    /// The HTTP monitoring listener; `None` when no port was given for it.
    pub monitor: Option<Monitor>,

    /// What is logged, and where to.
    pub logging: Logging,
    /// `pid_file`: written at start; decimal digits and no newline.
    pub pid_file: Option<PathBuf>,
    /// `ports_file_dir`: where `<executable>_<pid>.ports` is written.
    pub ports_file_dir: Option<PathBuf>,

    /// The limits that client connections live under.
    pub limits: Limits,
    /// `ping_interval`: how often an idle connection is asked whether it is alive.
    pub ping_interval: Duration,
    /// `ping_max`: how many unanswered pings make a connection stale. At least 1.
    pub ping_max: u32,
    /// `write_deadline`: how long one flush to a client may take before it is a slow consumer.
    pub write_deadline: Duration,
    /// `no_fast_producer_stall`: never pause a client that publishes faster than others can read.
    pub no_fast_producer_stall: bool,
    /// `no_header_support`: announce and accept no message headers.
    pub no_header_support: bool,
    /// `max_closed_clients`: how many closed connections `/connz?state=closed` remembers.
    pub max_closed_clients: u32,
    /// How the server leaves: `lame_duck_duration` and `lame_duck_grace_period`.
    pub lame_duck: LameDuck,
    /// `connect_error_reports`: log every n-th failed attempt of a connection that never was up.
    pub connect_error_reports: u32,
    /// `reconnect_error_reports`: log every n-th failed attempt of a connection that was up before.
    pub reconnect_error_reports: u32,

    /// Who may connect as a client.
    pub auth: Auth,

    /// `cluster.name` or `--cluster_name`; `None`: the server makes one up if it has a cluster. It
    /// may be set without a cluster, and is announced in INFO then too. Never contains a space.
    pub cluster_name: Option<String>,
    /// The route listener and what belongs to it; `None` when `cluster` has no port.
    pub cluster: Option<Cluster>,

    /// `jetstream`; `None`: there are no streams.
    pub jetstream: Option<JetStream>,
    /// `store_dir`, also of `jetstream`: streams are in the folder `jetstream` below it. `None`: one
    /// of the system's for temporary files.
    pub store_dir: Option<PathBuf>,

    /// `server_tags`, lower case, each once, in order.
    pub server_tags: Vec<String>,
    /// `server_metadata`.
    pub server_metadata: BTreeMap<String, String>,

    /// `prof_port` or `--profile`: accepted because deployments set it, and without effect.
    pub profile_port: Option<ListenPort>,
    /// `disable_sublist_cache`: accepted, and without effect.
    pub disable_sublist_cache: bool,
}

/// A port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenPort {
    /// This port, 1 to 65535.
    Fixed(u16),
    /// Any free port (`-1` in the file and on the command line).
    Random,
}

impl ListenPort {
    /// The number to hand to `bind`: 0 asks the system for a free port.
    #[must_use]
    pub fn bind_port(self) -> u16 {
        match self {
            Self::Fixed(port) => port,
            Self::Random => 0,
        }
    }
}

impl fmt::Display for ListenPort {
    /// As in the configuration: `-1` is a random port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(port) => write!(f, "{port}"),
            Self::Random => f.write_str("-1"),
        }
    }
}

/// An address that is announced in place of the one that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// The text as configured, for logs and for comparing two configurations.
    pub text: String,
    /// The host part, without the brackets of an IPv6 address.
    pub host: String,
    /// The port part; `None`: the port that is listened on.
    pub port: Option<u16>,
}

/// The HTTP monitoring listener: `http`, `http_port`, `http_base_path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// The host; the client listener's host if none was given.
    pub host: String,
    /// The port.
    pub port: ListenPort,
    /// Starts with `/`; ends with one only if it is all there is.
    pub base_path: String,
}

/// What is logged, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `debug`.
    pub debug: bool,
    /// `trace`: log every protocol line.
    pub trace: bool,
    /// `trace_verbose`: those of the system account too. Switches `trace` on.
    pub trace_verbose: bool,
    /// `logtime`: put date and time in front of each line.
    pub logtime: bool,
    /// `logtime_utc`: in UTC instead of local time.
    pub logtime_utc: bool,
    /// `log_file`; `None`: standard error.
    pub file: Option<PathBuf>,
    /// `log_size_limit` in bytes: rotate a log file that has grown over this. `None`: never.
    pub size_limit: Option<u64>,
    /// `log_max_num`: how many rotated log files to keep. `None`: all.
    pub max_files: Option<u64>,
    /// `max_traced_msg_len` in bytes: cut longer payloads in traces. `None`: never.
    pub max_traced_msg_len: Option<u64>,
}

/// The limits that client connections live under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `max_connections`: connected clients at one time. 0: nobody may connect.
    pub max_connections: u64,
    /// `max_subscriptions` of one connection. `None`: no limit.
    pub max_subscriptions: Option<u64>,
    /// `max_subscription_tokens` in one subscribed subject, 1 to 255. `None`: no limit.
    pub max_subscription_tokens: Option<u8>,
    /// `max_control_line` in bytes, at most `i32::MAX`. At least 1.
    pub max_control_line: u32,
    /// `max_payload` in bytes, at most `i32::MAX` and at most `max_pending`. At least 1.
    pub max_payload: u32,
    /// `max_pending`: bytes waiting to be written to one client, at most `i64::MAX`.
    pub max_pending: u64,
}

/// How the server leaves when told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LameDuck {
    /// `lame_duck_duration`: the whole of it; at least 30 s.
    pub duration: Duration,
    /// `lame_duck_grace_period`: the part of it in which no client is closed; less than `duration`.
    pub grace_period: Duration,
}

/// Who may connect as a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// What a client must show.
    pub method: AuthMethod,
    /// `authorization.timeout`: how long a client may take to send CONNECT.
    pub timeout: Duration,
    /// `no_auth_user`: the user that a client without credentials becomes. It is in `method`.
    pub no_auth_user: Option<String>,
}

/// What a client must show to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Nothing: everybody is let in.
    None,
    /// `authorization.user` and `pass`, or `--user` and `--pass`.
    User(Credentials),
    /// `authorization.token`, or `--auth`.
    Token(Secret),
    /// `authorization.users`: one of these; the names differ, and there is at least one.
    Users(Vec<Credentials>),
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password as configured: plain, or a bcrypt hash ([`Secret::is_bcrypt`]).
    pub password: Secret,
}

/// A password or token. Its `Debug` text does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is a bcrypt hash to check a password against, and not the password itself.
    ///
    /// nats-server takes everything that starts with `$2a$`, `$2b$`, `$2x$` or `$2y$` for one.
    #[must_use]
    pub fn is_bcrypt(&self) -> bool {
        ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| self.0.starts_with(prefix))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The route listener and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// `cluster.host` or `net`, or the first half of `cluster.listen`.
    pub host: String,
    /// `cluster.port`, or the second half of `cluster.listen`.
    pub port: ListenPort,
    /// `cluster.authorization` user and password: what a connecting route must show, and what this
    /// server shows to routes whose URL has no credentials of its own.
    pub auth: Option<Credentials>,
    /// `cluster.authorization.timeout`.
    pub auth_timeout: Duration,
    /// `cluster.routes` or `--routes`, in order, without duplicates.
    pub routes: Vec<RouteUrl>,
    /// `cluster.advertise`: what to announce to other routes instead of `host:port`.
    pub advertise: Option<Advertise>,
    /// `cluster.no_advertise`: do not tell clients about the other servers of the cluster.
    pub no_advertise: bool,
    /// `cluster.connect_retries`: further attempts for a route that was learnt by gossip.
    pub connect_retries: u32,
    /// `cluster.connect_backoff`: wait longer from attempt to attempt.
    pub connect_backoff: bool,
    /// `cluster.pool_size`: connections per remote server, at least 1. `None`: pooling is disabled
    /// (a negative value), as for a server that does not know pools.
    pub pool_size: Option<u32>,
    /// `cluster.accounts`, each with a connection of its own. The system account is in it, at the
    /// end unless it was named, if pooling is not disabled.
    pub pinned_accounts: Vec<String>,
    /// `cluster.compression`.
    pub compression: RouteCompression,
    /// `cluster.ping_interval`, at most 30 s; `None`: the server's `ping_interval`, cut to 30 s.
    pub ping_interval: Option<Duration>,
    /// `cluster.ping_max`; `None`: the server's `ping_max`.
    pub ping_max: Option<u32>,
    /// `cluster.write_deadline`; `None`: the server's `write_deadline`.
    pub write_deadline: Option<Duration>,
    /// `cluster.permissions`; `None`: everything may cross.
    pub permissions: Option<RoutePermissions>,
    /// `cluster.buffer`; `None`: nothing is kept for servers that cannot be reached.
    pub buffer: Option<LinkBuffer>,
}

/// `cluster.compression`. The s2 modes are known but not supported yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCompression {
    /// `not supported`: behave as a server that does not know about compression.
    NotSupported,
    /// `off`.
    Off,
    /// `accept`, the default: never ask for compression, but do as the other side asks.
    Accept,
}

impl RouteCompression {
    /// The word on the wire and in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSupported => "not supported",
            Self::Off => "off",
            Self::Accept => "accept",
        }
    }
}

/// `cluster.permissions`: which interest may cross routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutePermissions {
    /// Subjects for which interest of this server is sent to the other side. `None`: all.
    pub import: Option<SubjectPermission>,
    /// Subjects for which interest of the other side is accepted. `None`: all.
    pub export: Option<SubjectPermission>,
}

/// A list of allowed and a list of denied subjects. Wildcards may be in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPermission {
    /// Only these; `None`: all.
    pub allow: Option<Vec<String>>,
    /// Not these, whatever `allow` says.
    pub deny: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            config_file: None,
            digest: None,
            server_name: None,
            host: defaults::HOST.to_owned(),
            port: ListenPort::Fixed(defaults::PORT),
            client_advertise: None,
            monitor: None,
            logging: Logging::default(),
            pid_file: None,
            ports_file_dir: None,
            limits: Limits::default(),
            ping_interval: defaults::PING_INTERVAL,
            ping_max: defaults::PING_MAX,
            write_deadline: defaults::WRITE_DEADLINE,
            no_fast_producer_stall: false,
            no_header_support: false,
            max_closed_clients: defaults::MAX_CLOSED_CLIENTS,
            lame_duck: LameDuck::default(),
            connect_error_reports: defaults::CONNECT_ERROR_REPORTS,
            reconnect_error_reports: defaults::RECONNECT_ERROR_REPORTS,
            auth: Auth::default(),
            cluster_name: None,
            cluster: None,
            jetstream: None,
            store_dir: None,
            server_tags: Vec::new(),
            server_metadata: BTreeMap::new(),
            profile_port: None,
            disable_sublist_cache: false,
        }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            debug: false,
            trace: false,
            trace_verbose: false,
            logtime: true,
            logtime_utc: false,
            file: None,
            size_limit: None,
            max_files: None,
            max_traced_msg_len: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: defaults::MAX_CONNECTIONS,
            max_subscriptions: None,
            max_subscription_tokens: None,
            max_control_line: defaults::MAX_CONTROL_LINE,
            max_payload: defaults::MAX_PAYLOAD,
            max_pending: defaults::MAX_PENDING,
        }
    }
}

impl Default for LameDuck {
    fn default() -> Self {
        Self {
            duration: defaults::LAME_DUCK_DURATION,
            grace_period: defaults::LAME_DUCK_GRACE_PERIOD,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self { method: AuthMethod::None, timeout: defaults::AUTH_TIMEOUT, no_auth_user: None }
    }
}
