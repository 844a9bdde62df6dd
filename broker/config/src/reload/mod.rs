//! What changes between two configurations of a running server.
//!
//! The order of the changes and the words of the log lines are nats-server's: it compares its
//! options field by field, and stops at the first one that it cannot change while running.

mod jetstream;

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::config::{AuthMethod, Cluster, Config, Credentials, ListenPort};
use crate::go::{friendly_bytes, show_duration};
use crate::url::RouteUrl;

/// One option that is different now.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `client_advertise`; empty: none.
    ClientAdvertise(String),
    /// `trace`.
    Trace(bool),
    /// `debug`.
    Debug(bool),
    /// `trace_verbose`.
    TraceVerbose(bool),
    /// `logtime`.
    Logtime(bool),
    /// `logtime_utc`.
    LogtimeUtc(bool),
    /// `max_connections`; 0: none may connect.
    MaxConnections(u64),
    /// `authorization.users`.
    AuthorizationUsers,
    /// `authorization.user`.
    AuthorizationUser,
    /// `authorization.password`.
    AuthorizationPassword,
    /// `ping_interval`.
    PingInterval(Duration),
    /// `ping_max`.
    PingMax(u32),
    /// `authorization.token`.
    AuthorizationToken,
    /// `authorization.timeout`.
    AuthorizationTimeout(Duration),
    /// `max_control_line`.
    MaxControlLine(u32),
    /// `max_payload`.
    MaxPayload(u32),
    /// `no_fast_producer_stall`.
    NoFastProducerStall(bool),
    /// Anything of `cluster`, except for its listener and its routes.
    Cluster,
    /// `jetstream.max_memory_store`, which is higher now.
    JetStreamMaxMemory(u64),
    /// `jetstream.max_file_store`, which is higher now.
    JetStreamMaxStore(u64),
    /// `pid_file`.
    PidFile(Option<PathBuf>),
    /// `ports_file_dir`.
    PortsFileDir(Option<PathBuf>),
    /// `log_file`.
    LogFile(Option<PathBuf>),
    /// `cluster.routes`.
    Routes {
        /// Routes to connect to from now on.
        added: Vec<RouteUrl>,
        /// Routes to give up.
        removed: Vec<RouteUrl>,
    },
    /// `write_deadline`.
    WriteDeadline(Duration),
    /// `max_traced_msg_len`; `None`: no limit.
    MaxTracedMsgLen(Option<u64>),
    /// `connect_error_reports`.
    ConnectErrorReports(u32),
    /// `reconnect_error_reports`.
    ReconnectErrorReports(u32),
    /// `server_tags`.
    ServerTags,
    /// `server_metadata`.
    ServerMetadata,
}

impl Change {
    /// What nats-server logs for it. `None`: nothing, as when the pid file is taken away.
    #[must_use]
    pub fn log_line(&self) -> Option<String> {
        let line = match self {
            // nats-server has a slip of the pen here.
            Self::ClientAdvertise(text) => {
                return Some(format!("Reload: client_advertise = {text}"));
            }
            Self::Trace(on) => format!("trace = {on}"),
            Self::Debug(on) => format!("debug = {on}"),
            Self::TraceVerbose(on) => format!("trace_verbose = {on}"),
            Self::Logtime(on) => format!("logtime = {on}"),
            Self::LogtimeUtc(on) => format!("logtime_utc = {on}"),
            Self::MaxConnections(number) => format!("max_connections = {}", or_minus_one(*number)),
            Self::AuthorizationUsers => "authorization users".to_owned(),
            Self::AuthorizationUser => "authorization username".to_owned(),
            Self::AuthorizationPassword => "authorization password".to_owned(),
            Self::PingInterval(time) => format!("ping_interval = {}", show_duration(*time)),
            Self::PingMax(number) => format!("ping_max = {number}"),
            Self::AuthorizationToken => "authorization token".to_owned(),
            Self::AuthorizationTimeout(time) => {
                format!("authorization timeout = {}", time.as_secs_f64())
            }
            Self::MaxControlLine(bytes) => format!("max_control_line = {bytes}"),
            Self::MaxPayload(bytes) => format!("max_payload = {bytes}"),
            Self::NoFastProducerStall(true) => "fast producers will not be stalled".to_owned(),
            Self::NoFastProducerStall(false) => "fast producers will be stalled".to_owned(),
            Self::Cluster => "cluster".to_owned(),
            Self::JetStreamMaxMemory(bytes) => {
                format!("JetStream max_mem_store = {}", friendly_bytes(*bytes))
            }
            Self::JetStreamMaxStore(bytes) => {
                format!("JetStream max_file_store = {}", friendly_bytes(*bytes))
            }
            Self::PidFile(None) => return None,
            Self::PidFile(file @ Some(_)) => format!("pid_file = {}", path(file.as_ref())),
            Self::PortsFileDir(dir) => format!("ports_file_dir = {}", path(dir.as_ref())),
            Self::LogFile(file) => format!("log_file = {}", path(file.as_ref())),
            Self::Routes { .. } => "cluster routes".to_owned(),
            Self::WriteDeadline(time) => format!("write_deadline = {}", show_duration(*time)),
            Self::MaxTracedMsgLen(bytes) => format!("max_traced_msg_len = {}", or_zero(*bytes)),
            Self::ConnectErrorReports(number) => format!("connect_error_reports = {number}"),
            Self::ReconnectErrorReports(number) => format!("reconnect_error_reports = {number}"),
            Self::ServerTags => "tags".to_owned(),
            Self::ServerMetadata => "metadata".to_owned(),
        };
        Some(format!("Reloaded: {line}"))
    }
}

/// An option that cannot change while the server runs. The old configuration stays, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotReloadable {
    /// Any change of it.
    #[error("config reload not supported for {field}: old={old}, new={new}")]
    Field {
        /// The name of nats-server's field, such as `MaxPending`.
        field: &'static str,
        /// The value that the server runs with.
        old: String,
        /// The value that it was to get.
        new: String,
    },
    /// Something about where and how much is stored.
    #[error("config reload not supported for jetstream {0}")]
    JetStream(&'static str),
    /// A lower limit of what is stored.
    #[error("config reload not supported for decreasing jetstream max memory and store")]
    Decrease,
}

/// The changes from `old` to `new`, in nats-server's order; none if nothing differs.
///
/// # Errors
///
/// The first option, in the same order, that differs and cannot change while the server runs.
pub fn diff(old: &Config, new: &Config) -> Result<Vec<Change>, NotReloadable> {
    let mut changes = Vec::new();
    diff_identity(old, new)?;
    diff_logging_levels(old, new, &mut changes)?;
    diff_connections(old, new, &mut changes)?;
    diff_limits(old, new, &mut changes)?;
    diff_cluster(old.cluster.as_ref(), new.cluster.as_ref())?;
    if old.cluster_name != new.cluster_name
        || without_routes(old.cluster.as_ref()) != without_routes(new.cluster.as_ref())
    {
        changes.push(Change::Cluster);
    }
    jetstream::diff(old, new, &mut changes)?;
    diff_files(old, new, &mut changes)?;
    diff_rest(old, new, &mut changes)?;
    Ok(changes)
}

fn diff_identity(old: &Config, new: &Config) -> Result<(), NotReloadable> {
    let name = |config: &Config| config.server_name.clone().unwrap_or_default();
    same("ServerName", &name(old), &name(new))?;
    same("Host", &old.host, &new.host)?;
    same("Port", &old.port, &new.port)
}

fn diff_logging_levels(
    old: &Config,
    new: &Config,
    changes: &mut Vec<Change>,
) -> Result<(), NotReloadable> {
    let (a, b) = (&old.logging, &new.logging);
    if old.client_advertise != new.client_advertise {
        let text = new.client_advertise.as_ref().map(|advertise| advertise.text.clone());
        changes.push(Change::ClientAdvertise(text.unwrap_or_default()));
    }
    changed(changes, &a.trace, &b.trace, Change::Trace);
    changed(changes, &a.debug, &b.debug, Change::Debug);
    changed(changes, &a.trace_verbose, &b.trace_verbose, Change::TraceVerbose);
    same("NoSublistCache", &old.disable_sublist_cache, &new.disable_sublist_cache)?;
    same("NoHeaderSupport", &old.no_header_support, &new.no_header_support)?;
    changed(changes, &a.logtime, &b.logtime, Change::Logtime);
    changed(changes, &a.logtime_utc, &b.logtime_utc, Change::LogtimeUtc);
    Ok(())
}

fn diff_connections(
    old: &Config,
    new: &Config,
    changes: &mut Vec<Change>,
) -> Result<(), NotReloadable> {
    let (a, b) = (&old.limits, &new.limits);
    changed(changes, &a.max_connections, &b.max_connections, Change::MaxConnections);
    same("MaxSubs", &or_zero(a.max_subscriptions), &or_zero(b.max_subscriptions))?;
    let tokens = |tokens: Option<u8>| tokens.unwrap_or(0);
    same("MaxSubTokens", &tokens(a.max_subscription_tokens), &tokens(b.max_subscription_tokens))?;

    let (a, b) = (Method::of(&old.auth.method), Method::of(&new.auth.method));
    if a.users != b.users {
        changes.push(Change::AuthorizationUsers);
    }
    let no_auth_user = |config: &Config| config.auth.no_auth_user.clone().unwrap_or_default();
    same("NoAuthUser", &no_auth_user(old), &no_auth_user(new))?;
    if a.user != b.user {
        changes.push(Change::AuthorizationUser);
    }
    if a.password != b.password {
        changes.push(Change::AuthorizationPassword);
    }
    if a.token != b.token {
        changes.push(Change::AuthorizationToken);
    }
    changed(changes, &old.ping_interval, &new.ping_interval, Change::PingInterval);
    changed(changes, &old.ping_max, &new.ping_max, Change::PingMax);
    Ok(())
}

fn diff_limits(old: &Config, new: &Config, changes: &mut Vec<Change>) -> Result<(), NotReloadable> {
    // Without monitoring, its host is the clients' host.
    let host = |config: &Config| {
        config.monitor.as_ref().map_or_else(|| config.host.clone(), |monitor| monitor.host.clone())
    };
    let port = |config: &Config| OptionalPort(config.monitor.as_ref().map(|monitor| monitor.port));
    let path = |config: &Config| {
        config.monitor.as_ref().map_or_else(String::new, |monitor| monitor.base_path.clone())
    };
    same("HTTPHost", &host(old), &host(new))?;
    same("HTTPPort", &port(old), &port(new))?;
    same("HTTPBasePath", &path(old), &path(new))?;
    changed(changes, &old.auth.timeout, &new.auth.timeout, Change::AuthorizationTimeout);
    let (a, b) = (&old.limits, &new.limits);
    changed(changes, &a.max_control_line, &b.max_control_line, Change::MaxControlLine);
    changed(changes, &a.max_payload, &b.max_payload, Change::MaxPayload);
    same("MaxPending", &a.max_pending, &b.max_pending)?;
    let stall = (&old.no_fast_producer_stall, &new.no_fast_producer_stall);
    changed(changes, stall.0, stall.1, Change::NoFastProducerStall);
    Ok(())
}

/// The listener of routes cannot come, go or move.
fn diff_cluster(old: Option<&Cluster>, new: Option<&Cluster>) -> Result<(), NotReloadable> {
    let host = |cluster: Option<&Cluster>| cluster.map_or("", |cluster| &cluster.host).to_owned();
    let port = |cluster: Option<&Cluster>| OptionalPort(cluster.map(|cluster| cluster.port));
    same("cluster host", &host(old), &host(new))?;
    same("cluster port", &port(old), &port(new))?;
    // Peers are told when they connect. Taking it away is no more than to name no subjects.
    let buffers = |cluster: Option<&Cluster>| cluster.is_some_and(|it| it.buffer.is_some());
    if buffers(old) { Ok(()) } else { same("cluster buffer", &false, &buffers(new)) }
}

fn diff_files(old: &Config, new: &Config, changes: &mut Vec<Change>) -> Result<(), NotReloadable> {
    same("ProfPort", &OptionalPort(old.profile_port), &OptionalPort(new.profile_port))?;
    changed(changes, &old.pid_file, &new.pid_file, Change::PidFile);
    changed(changes, &old.ports_file_dir, &new.ports_file_dir, Change::PortsFileDir);
    let (a, b) = (&old.logging, &new.logging);
    changed(changes, &a.file, &b.file, Change::LogFile);
    same("LogSizeLimit", &or_zero(a.size_limit), &or_zero(b.size_limit))?;
    same("LogMaxFiles", &or_zero(a.max_files), &or_zero(b.max_files))
}

fn diff_rest(old: &Config, new: &Config, changes: &mut Vec<Change>) -> Result<(), NotReloadable> {
    let routes = |config: &Config| -> Vec<RouteUrl> {
        config.cluster.as_ref().map(|cluster| cluster.routes.clone()).unwrap_or_default()
    };
    let (old_routes, new_routes) = (routes(old), routes(new));
    let added = missing_in(&old_routes, &new_routes);
    let removed = missing_in(&new_routes, &old_routes);
    if !added.is_empty() || !removed.is_empty() {
        changes.push(Change::Routes { added, removed });
    }
    changed(changes, &old.write_deadline, &new.write_deadline, Change::WriteDeadline);
    same("MaxClosedClients", &old.max_closed_clients, &new.max_closed_clients)?;
    let (a, b) = (&old.lame_duck, &new.lame_duck);
    same("LameDuckDuration", &show_duration(a.duration), &show_duration(b.duration))?;
    same("LameDuckGracePeriod", &show_duration(a.grace_period), &show_duration(b.grace_period))?;
    let length = |config: &Config| config.logging.max_traced_msg_len;
    changed(changes, &length(old), &length(new), Change::MaxTracedMsgLen);
    let (a, b) = (&old.connect_error_reports, &new.connect_error_reports);
    changed(changes, a, b, Change::ConnectErrorReports);
    let (a, b) = (&old.reconnect_error_reports, &new.reconnect_error_reports);
    changed(changes, a, b, Change::ReconnectErrorReports);
    if old.server_tags != new.server_tags {
        changes.push(Change::ServerTags);
    }
    if old.server_metadata != new.server_metadata {
        changes.push(Change::ServerMetadata);
    }
    Ok(())
}

/// The authorization as nats-server has it, as four fields.
struct Method<'a> {
    users: &'a [Credentials],
    user: &'a str,
    password: &'a str,
    token: &'a str,
}

impl<'a> Method<'a> {
    fn of(method: &'a AuthMethod) -> Self {
        let none = Self { users: &[], user: "", password: "", token: "" };
        match method {
            AuthMethod::None => none,
            AuthMethod::Users(users) => Self { users, ..none },
            AuthMethod::Token(token) => Self { token: token.expose(), ..none },
            AuthMethod::User(Credentials { user, password }) => {
                Self { user, password: password.expose(), ..none }
            }
        }
    }
}

fn without_routes(cluster: Option<&Cluster>) -> Option<Cluster> {
    cluster.map(|cluster| Cluster { routes: Vec::new(), ..cluster.clone() })
}

fn missing_in(there: &[RouteUrl], routes: &[RouteUrl]) -> Vec<RouteUrl> {
    routes.iter().filter(|route| !there.contains(route)).cloned().collect()
}

/// Notes a change of an option that may change.
fn changed<T: Clone + PartialEq>(
    changes: &mut Vec<Change>,
    old: &T,
    new: &T,
    change: impl FnOnce(T) -> Change,
) {
    if old != new {
        changes.push(change(new.clone()));
    }
}

/// Refuses a change of an option that may not.
fn same<T: Display + PartialEq>(
    field: &'static str,
    old: &T,
    new: &T,
) -> Result<(), NotReloadable> {
    if old == new {
        return Ok(());
    }
    Err(NotReloadable::Field { field, old: old.to_string(), new: new.to_string() })
}

fn or_zero(number: Option<u64>) -> u64 {
    number.unwrap_or(0)
}

/// nats-server keeps "none may connect" as -1.
fn or_minus_one(number: u64) -> i64 {
    if number == 0 { -1 } else { i64::try_from(number).unwrap_or(i64::MAX) }
}

/// A port as nats-server prints it: 0 if there is none.
#[derive(PartialEq)]
struct OptionalPort(Option<ListenPort>);

impl Display for OptionalPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(port) => port.fmt(f),
            None => f.write_str("0"),
        }
    }
}

fn path(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}
