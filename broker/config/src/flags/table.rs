//! One row for each flag: its names, where its value goes, and its line in the usage.

use super::Flags;
use crate::config::Secret;

/// What a flag takes, and the place of its value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// Nothing, or `=true` or `=false`.
    Switch(fn(&mut Flags) -> &mut Option<bool>),
    /// A number.
    Int(fn(&mut Flags) -> &mut Option<i64>),
    /// Any text.
    Text(fn(&mut Flags) -> &mut Option<String>),
    /// A text that has, or may have, a password in it.
    Secret(fn(&mut Flags) -> &mut Option<Secret>),
}

/// Where the usage shows a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Server,
    Logging,
    Storage,
    Authorization,
    Tls,
    Cluster,
    Profiling,
    Common,
}

/// One flag.
#[derive(Debug)]
pub(super) struct FlagRow {
    pub(super) group: Group,
    /// All its names, without dashes, in the order of the usage. Those of one letter, and the few
    /// longer ones in capitals, are shown with one dash.
    pub(super) names: &'static [&'static str],
    pub(super) slot: Slot,
    /// What the usage shows for the value, with its brackets; empty for none.
    pub(super) value: &'static str,
    pub(super) help: &'static str,
}

/// The row of a flag, by any of its names.
pub(super) fn find(name: &str) -> Option<&'static FlagRow> {
    FLAGS.iter().find(|row| row.names.contains(&name))
}

const fn row(
    group: Group,
    names: &'static [&'static str],
    slot: Slot,
    value: &'static str,
    help: &'static str,
) -> FlagRow {
    FlagRow { group, names, slot, value, help }
}

/// Every flag, in the order of the usage.
#[rustfmt::skip]
pub(super) static FLAGS: &[FlagRow] = {
    use Group::{Authorization, Cluster, Common, Logging, Profiling, Server, Storage, Tls};
    use Slot::{Int, Secret, Switch, Text};
    &[
    row(Server, &["a", "addr", "net"], Text(|flags| &mut flags.host), "<host>", "Listen on this host (default: 0.0.0.0)"),
    row(Server, &["p", "port"], Int(|flags| &mut flags.port), "<port>", "Listen for clients on this port, -1 for any (default: 4222)"),
    row(Server, &["n", "name", "server_name"], Text(|flags| &mut flags.server_name), "<name>", "Name of this server (default: its id)"),
    row(Server, &["P", "pid"], Text(|flags| &mut flags.pid_file), "<file>", "Write the process id into this file"),
    row(Server, &["m", "http_port"], Int(|flags| &mut flags.http_port), "<port>", "Serve monitoring over HTTP on this port"),
    row(Server, &["ms", "https_port"], Int(|flags| &mut flags.https_port), "<port>", "Serve monitoring over HTTPS (not supported yet)"),
    row(Server, &["c", "config"], Text(|flags| &mut flags.config_file), "<file>", "Read this configuration file"),
    row(Server, &["t"], Switch(|flags| &mut flags.test_config), "", "Test the configuration file and exit"),
    row(Server, &["sl", "signal"], Text(|flags| &mut flags.signal), "<signal>[=<target>]", "Tell a running server: ldm, stop, quit, term, reopen, reload; <target> is a process id or a file with one"),
    row(Server, &["client_advertise"], Text(|flags| &mut flags.client_advertise), "<host:port>", "What clients are told to connect to by other servers"),
    row(Server, &["ports_file_dir"], Text(|flags| &mut flags.ports_file_dir), "<dir>", "Write the ports into <executable>_<pid>.ports in this directory"),
    row(Logging, &["l", "log"], Text(|flags| &mut flags.log_file), "<file>", "Write the log into this file"),
    row(Logging, &["T", "logtime"], Switch(|flags| &mut flags.logtime), "", "Put the time on log lines (default: true)"),
    row(Logging, &["logtime_utc"], Switch(|flags| &mut flags.logtime_utc), "", "Log times in UTC instead of local time"),
    row(Logging, &["s", "syslog"], Switch(|flags| &mut flags.syslog), "", "Write the log to syslog (not supported yet)"),
    row(Logging, &["r", "remote_syslog"], Text(|flags| &mut flags.remote_syslog), "<addr>", "Address of a syslog server (not supported yet)"),
    row(Logging, &["D", "debug"], Switch(|flags| &mut flags.debug), "", "Log details for debugging"),
    row(Logging, &["V", "trace"], Switch(|flags| &mut flags.trace), "", "Log every line of the protocol"),
    row(Logging, &["VV"], Switch(|flags| &mut flags.verbose_trace), "", "Log those of the system account too"),
    row(Logging, &["DV"], Switch(|flags| &mut flags.debug_and_trace), "", "-D and -V"),
    row(Logging, &["DVV"], Switch(|flags| &mut flags.debug_and_verbose_trace), "", "-D and -VV"),
    row(Logging, &["log_size_limit"], Int(|flags| &mut flags.log_size_limit), "<bytes>", "Rotate the log file at this size (default: never)"),
    row(Logging, &["max_traced_msg_len"], Int(|flags| &mut flags.max_traced_msg_len), "<bytes>", "Cut longer payloads in the log (default: never)"),
    row(Storage, &["js", "jetstream"], Switch(|flags| &mut flags.jetstream), "", "Enable JetStream: keep streams on this server"),
    row(Storage, &["sd", "store_dir"], Text(|flags| &mut flags.store_dir), "<dir>", "Where streams are stored, in a folder `jetstream`"),
    row(Authorization, &["user"], Text(|flags| &mut flags.user), "<user>", "User that clients must give"),
    row(Authorization, &["pass"], Secret(|flags| &mut flags.pass), "<password>", "Password that clients must give"),
    row(Authorization, &["auth"], Secret(|flags| &mut flags.auth), "<token>", "Token that clients must give"),
    row(Tls, &["tls"], Switch(|flags| &mut flags.tls), "", "Enable TLS (not supported yet)"),
    row(Tls, &["tlscert"], Text(|flags| &mut flags.tls_cert), "<file>", "Certificate of this server (not supported yet)"),
    row(Tls, &["tlskey"], Text(|flags| &mut flags.tls_key), "<file>", "Private key of the certificate (not supported yet)"),
    row(Tls, &["tlsverify"], Switch(|flags| &mut flags.tls_verify), "", "Enable TLS, check certificates of clients (not supported yet)"),
    row(Tls, &["tlscacert"], Text(|flags| &mut flags.tls_ca_cert), "<file>", "Authority that certificates of clients are checked with (not supported yet)"),
    row(Cluster, &["routes"], Secret(|flags| &mut flags.routes), "<url>[,<url>]", "Connect to these servers of the cluster"),
    row(Cluster, &["cluster", "cluster_listen"], Secret(|flags| &mut flags.cluster), "<url>", "Listen for routes here, nats://[user:password@]host:port"),
    row(Cluster, &["cluster_name"], Text(|flags| &mut flags.cluster_name), "<name>", "Name of the cluster (default: made up)"),
    row(Cluster, &["no_advertise"], Switch(|flags| &mut flags.no_advertise), "", "Do not tell clients about the other servers"),
    row(Cluster, &["cluster_advertise"], Text(|flags| &mut flags.cluster_advertise), "<host:port>", "What other servers are told to connect to"),
    row(Cluster, &["connect_retries"], Int(|flags| &mut flags.connect_retries), "<number>", "Further attempts for a route learnt from others"),
    row(Profiling, &["profile"], Int(|flags| &mut flags.profile_port), "<port>", "Accepted for nats-server's sake, no effect"),
    row(Common, &["h", "help"], Switch(|flags| &mut flags.help), "", "Show this text"),
    row(Common, &["v", "version"], Switch(|flags| &mut flags.version), "", "Show the version"),
    row(Common, &["help_tls"], Switch(|flags| &mut flags.help_tls), "", "Show help about TLS"),
    ]
};
