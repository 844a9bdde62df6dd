//! The tables themselves, each in the order of the documentation.

use super::{
    AuthorizationOption, ClusterOption, CompressionOption, IsOff, LimitOption, LogOption,
    OptionRow, PermissionsOption, Reload, SubjectsOption, Support, Top, UserOption,
};
use crate::value::Value;

// Values of unsupported options that ask for nothing.

pub(super) fn never(_: &Value) -> bool {
    false
}

pub(super) fn is_false(value: &Value) -> bool {
    *value == Value::Bool(false)
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Integer(number) => *number == 0,
        Value::Float(_) | Value::Bool(_) | Value::DateTime(_) => false,
    }
}

fn is_word(value: &Value, words: &[&str]) -> bool {
    value.as_text().is_some_and(|text| words.contains(&text.to_lowercase().as_str()))
}

/// Clients that are too slow are closed, by default and here always.
fn closes_clients(value: &Value) -> bool {
    is_word(value, &["default", "close"])
}

/// Flushing to a slow route is tried again, by default and here always.
fn retries_routes(value: &Value) -> bool {
    is_word(value, &["default", "retry"])
}

fn is_default_system_account(value: &Value) -> bool {
    value.as_text() == Some(crate::defaults::SYSTEM_ACCOUNT)
}

// Short constructors: a row is a line of the table.

pub(super) const fn row<S>(
    key: &'static str,
    aliases: &'static [&'static str],
    kind: &'static str,
    default: &'static str,
    reload: Reload,
    support: Support<S>,
    doc: &'static str,
) -> OptionRow<S> {
    OptionRow { key, aliases, kind, default, reload, support, doc }
}

pub(super) const fn not_yet<S>(
    key: &'static str,
    aliases: &'static [&'static str],
    kind: &'static str,
    is_off: IsOff,
    doc: &'static str,
) -> OptionRow<S> {
    row(key, aliases, kind, "", Reload::No, Support::NotYet(is_off), doc)
}

// What options take.

pub(super) const SWITCH: &str = "boolean";
pub(super) const NUMBER: &str = "number";
pub(super) const BYTES: &str = "size in bytes";
pub(super) const TIME: &str = "duration";
pub(super) const TEXT: &str = "text";
const FILE: &str = "file";
pub(super) const DIR: &str = "directory";
const PORT: &str = "port";
const LISTEN: &str = "port or host:port";
pub(super) const MAP: &str = "map";
const LIST: &str = "list";
pub(super) const LIST_OR_TEXT: &str = "text or list";

/// Options outside of all blocks.
#[rustfmt::skip]
pub(crate) static TOP: &[OptionRow<Top>] = {
    use Reload::{No, Yes};
    use Support::{Full, NoEffect};
    &[
    row("listen", &[], LISTEN, "0.0.0.0:4222", No, Full(Top::Listen), "where clients connect"),
    row("host", &["net"], TEXT, "0.0.0.0", No, Full(Top::Host), "the host of `listen`"),
    row("port", &[], PORT, "4222", No, Full(Top::Port), "the port of `listen`; -1: any free one"),
    row("client_advertise", &[], "host:port", "", Yes, Full(Top::ClientAdvertise), "what other servers tell clients to connect to"),
    row("server_name", &[], TEXT, "the server's id", No, Full(Top::ServerName), "no spaces"),
    row("http", &[], LISTEN, "", No, Full(Top::Http), "where monitoring is served"),
    row("http_port", &["monitor_port"], PORT, "", No, Full(Top::HttpPort), "the port of `http`; -1: any free one"),
    row("http_base_path", &[], TEXT, "/", No, Full(Top::HttpBasePath), "put in front of the monitoring paths"),

    row("debug", &[], SWITCH, "false", Yes, Full(Top::Log(LogOption::Debug)), "log details for debugging"),
    row("trace", &[], SWITCH, "false", Yes, Full(Top::Log(LogOption::Trace)), "log every line of the protocol"),
    row("trace_verbose", &[], SWITCH, "false", Yes, Full(Top::Log(LogOption::TraceVerbose)), "those of the system account too; sets `trace`"),
    row("logtime", &[], SWITCH, "true", Yes, Full(Top::Log(LogOption::Logtime)), "put the time on log lines"),
    row("logtime_utc", &[], SWITCH, "false", Yes, Full(Top::Log(LogOption::LogtimeUtc)), "in UTC instead of local time"),
    row("log_file", &["logfile"], FILE, "standard error", Yes, Full(Top::Log(LogOption::LogFile)), "where the log goes"),
    row("log_size_limit", &["logfile_size_limit"], BYTES, "none", No, Full(Top::Log(LogOption::LogSizeLimit)), "rotate a log file that has grown over this"),
    row("log_max_num", &["logfile_max_num"], NUMBER, "all", No, Full(Top::Log(LogOption::LogMaxNum)), "how many rotated log files to keep"),
    row("max_traced_msg_len", &[], BYTES, "none", Yes, Full(Top::Log(LogOption::MaxTracedMsgLen)), "cut longer payloads in traces"),
    row("pid_file", &["pidfile"], FILE, "", Yes, Full(Top::PidFile), "where the process id is written"),
    row("ports_file_dir", &[], DIR, "", Yes, Full(Top::PortsFileDir), "where `<executable>_<pid>.ports` is written"),

    row("max_connections", &["max_conn"], NUMBER, "65536", Yes, Full(Top::Limit(LimitOption::Connections)), "clients at one time; 0: none may connect"),
    row("max_subscriptions", &["max_subs"], NUMBER, "none", No, Full(Top::Limit(LimitOption::Subscriptions)), "per connection; 0: no limit"),
    row("max_subscription_tokens", &["max_sub_tokens"], NUMBER, "none", No, Full(Top::Limit(LimitOption::SubscriptionTokens)), "tokens in a subscribed subject, 1 to 255"),
    row("max_control_line", &[], BYTES, "4096", Yes, Full(Top::Limit(LimitOption::ControlLine)), "the longest protocol line, without payload"),
    row("max_payload", &[], BYTES, "1048576", Yes, Full(Top::Limit(LimitOption::Payload)), "the largest message; at most `max_pending`"),
    row("max_pending", &[], BYTES, "67108864", No, Full(Top::Limit(LimitOption::Pending)), "waiting to be written to one client"),
    row("max_closed_clients", &[], NUMBER, "10000", No, Full(Top::Limit(LimitOption::ClosedClients)), "closed connections that `/connz` remembers"),
    row("ping_interval", &[], TIME, "2m", Yes, Full(Top::PingInterval), "how often an idle connection is asked whether it is alive"),
    row("ping_max", &[], NUMBER, "2", Yes, Full(Top::PingMax), "unanswered pings that make a connection stale"),
    row("write_deadline", &[], TIME, "10s", Yes, Full(Top::WriteDeadline), "how long one flush to a client may take"),
    row("no_fast_producer_stall", &[], SWITCH, "false", Yes, Full(Top::NoFastProducerStall), "never pause clients that publish faster than others read"),
    row("no_header_support", &[], SWITCH, "false", No, Full(Top::NoHeaderSupport), "no message headers"),
    row("lame_duck_duration", &[], TIME, "2m", No, Full(Top::LameDuckDuration), "how long leaving takes; at least 30s"),
    row("lame_duck_grace_period", &[], TIME, "10s", No, Full(Top::LameDuckGracePeriod), "the part of it in which no client is closed"),
    row("connect_error_reports", &[], NUMBER, "3600", Yes, Full(Top::ConnectErrorReports), "log every n-th failure of a connection that never was up"),
    row("reconnect_error_reports", &[], NUMBER, "1", Yes, Full(Top::ReconnectErrorReports), "log every n-th failure of one that was"),

    row("authorization", &[], MAP, "", Yes, Full(Top::Authorization), "who may connect"),
    row("no_auth_user", &[], TEXT, "", No, Full(Top::NoAuthUser), "the user that a client without credentials becomes"),
    row("cluster", &[], MAP, "", Yes, Full(Top::Cluster), "the other servers of this region"),
    row("jetstream", &[], "boolean, text or map", "false", No, Full(Top::JetStream), "streams; a map switches them on"),
    row("store_dir", &["storedir"], DIR, "the system's for temporary files", No, Full(Top::StoreDir), "where streams are kept, in a folder `jetstream`"),
    row("server_tags", &[], LIST_OR_TEXT, "", Yes, Full(Top::ServerTags), "shown by monitoring"),
    row("server_metadata", &[], "map of texts", "", Yes, Full(Top::ServerMetadata), "shown by monitoring"),

    row("disable_sublist_cache", &["no_sublist_cache"], SWITCH, "false", No, NoEffect(Top::DisableSublistCache), "there is no such cache to switch off"),
    row("prof_port", &[], PORT, "", No, NoEffect(Top::ProfPort), "for Go's profiler"),
    row("prof_block_rate", &[], NUMBER, "", Yes, NoEffect(Top::UnusedNumber), "for Go's profiler"),
    row("allow_non_tls", &[], SWITCH, "", Yes, NoEffect(Top::UnusedSwitch), "nothing else is possible yet"),

    not_yet("accounts", &[], "map or list", is_empty, "isolated groups of users"),
    not_yet("default_js_domain", &[], MAP, is_empty, "JetStream domains of accounts"),
    not_yet("default_sentinel", &[], TEXT, is_empty, "default user JWT"),
    not_yet("feature_flags", &[], MAP, is_empty, "behaviour to opt in to"),
    not_yet("gateway", &[], MAP, is_empty, "links to other clusters"),
    not_yet("https", &[], LISTEN, is_empty, "monitoring over TLS"),
    not_yet("https_port", &[], PORT, is_empty, "monitoring over TLS"),
    not_yet("leafnodes", &["leaf"], MAP, is_empty, "links of other servers to this one"),
    not_yet("mappings", &["maps"], MAP, is_empty, "subject mappings"),
    not_yet("mqtt", &[], MAP, is_empty, "MQTT clients"),
    not_yet("no_system_account", &["no_system", "no_sys_acc"], SWITCH, is_false, "no system account"),
    not_yet("ocsp", &[], "boolean or map", is_false, "certificate status"),
    not_yet("ocsp_cache", &[], "boolean or map", is_false, "certificate status"),
    not_yet("operator", &["operators", "root", "roots", "root_operator", "root_operators"], LIST_OR_TEXT, is_empty, "operator JWT"),
    not_yet("proxies", &[], MAP, is_empty, "trusted proxies"),
    not_yet("proxy_protocol", &[], SWITCH, is_false, "addresses of clients behind a proxy"),
    not_yet("remote_syslog", &[], TEXT, is_empty, "log to a syslog server"),
    not_yet("resolver", &["account_resolver", "accounts_resolver"], "text or map", never, "account JWTs"),
    not_yet("resolver_pinned_accounts", &[], LIST_OR_TEXT, is_empty, "account JWTs"),
    not_yet("resolver_preload", &[], MAP, is_empty, "account JWTs"),
    not_yet("resolver_tls", &[], MAP, never, "account JWTs"),
    not_yet("syslog", &[], SWITCH, is_false, "log to syslog"),
    not_yet("system_account", &["system"], TEXT, is_default_system_account, "another system account than $SYS"),
    not_yet("tls", &[], MAP, never, "TLS for clients"),
    not_yet("trace_headers", &[], SWITCH, is_false, "trace headers without payloads"),
    not_yet("trusted_keys", &["trusted"], LIST_OR_TEXT, is_empty, "operator keys"),
    not_yet("websocket", &["ws"], MAP, is_empty, "WebSocket clients"),
    not_yet("write_timeout", &[], TEXT, closes_clients, "what a missed `write_deadline` does"),
    ]
};

/// Options of `cluster`.
#[rustfmt::skip]
pub(crate) static CLUSTER: &[OptionRow<ClusterOption>] = {
    use ClusterOption as Id;
    use Reload::{No, Yes};
    use Support::Full;
    &[
    row("name", &[], TEXT, "made up", Yes, Full(Id::Name), "the same on all servers of the cluster; no spaces"),
    row("listen", &[], LISTEN, "", No, Full(Id::Listen), "where routes connect; without a port there is no cluster"),
    row("host", &["net"], TEXT, "0.0.0.0", No, Full(Id::Host), "the host of `listen`"),
    row("port", &[], PORT, "", No, Full(Id::Port), "the port of `listen`; -1: any free one"),
    row("authorization", &[], MAP, "", Yes, Full(Id::Authorization), "`user`, `password` and `timeout` of routes"),
    row("permissions", &[], MAP, "", Yes, Full(Id::Permissions), "which interest crosses routes"),
    row("routes", &[], "list of URLs", "", Yes, Full(Id::Routes), "servers to connect to, nats://[user:password@]host[:6222]"),
    row("advertise", &["cluster_advertise"], "host:port", "", Yes, Full(Id::Advertise), "what other servers are told to connect to"),
    row("no_advertise", &[], SWITCH, "false", Yes, Full(Id::NoAdvertise), "do not tell clients about the other servers"),
    row("connect_retries", &[], NUMBER, "0", Yes, Full(Id::ConnectRetries), "further attempts for a route learnt from others"),
    row("connect_backoff", &[], SWITCH, "false", Yes, Full(Id::ConnectBackoff), "wait longer from attempt to attempt"),
    row("pool_size", &[], NUMBER, "3", Yes, Full(Id::PoolSize), "connections per server; negative: no pool"),
    row("accounts", &[], LIST_OR_TEXT, "$SYS", Yes, Full(Id::Accounts), "accounts with a connection of their own"),
    row("compression", &[], "boolean, text or map", "accept", Yes, Full(Id::Compression), "`off`, `accept` or `not supported`; the s2 modes are not supported yet"),
    row("ping_interval", &[], TIME, "the server's", Yes, Full(Id::PingInterval), "at most 30s"),
    row("ping_max", &[], NUMBER, "the server's", Yes, Full(Id::PingMax), "unanswered pings that make a route stale"),
    row("write_deadline", &[], TIME, "the server's", Yes, Full(Id::WriteDeadline), "how long one flush to a route may take"),
    row("buffer", &[], MAP, "", Yes, Full(Id::Buffer), "keep messages for servers that cannot be reached; needs `jetstream` and `server_name`; can be changed and taken away while running, not added; not in nats-server"),
    not_yet("tls", &[], MAP, never, "TLS for routes"),
    not_yet("write_timeout", &[], TEXT, retries_routes, "what a missed `write_deadline` does"),
    ]
};

/// Options of `authorization`. In `cluster` only some of them make sense; the resolver says so.
#[rustfmt::skip]
pub(crate) static AUTHORIZATION: &[OptionRow<AuthorizationOption>] = {
    use AuthorizationOption as Id;
    use Reload::Yes;
    use Support::Full;
    &[
    row("user", &["username"], TEXT, "", Yes, Full(Id::User), "the one user"),
    row("password", &["pass"], TEXT, "", Yes, Full(Id::Password), "the user's password, plain or bcrypt"),
    row("token", &[], TEXT, "", Yes, Full(Id::Token), "instead of user and password"),
    row("timeout", &[], "duration or seconds", "2s", Yes, Full(Id::Timeout), "how long a client may take to send CONNECT"),
    row("users", &[], "list of maps", "", Yes, Full(Id::Users), "several users, each with `user` and `password`"),
    row("default_permissions", &["default_permission", "permissions"], MAP, "", Yes, Full(Id::Permissions), "in `cluster` only, where `cluster.permissions` is better; for clients not supported yet"),
    not_yet("auth_callout", &["auth_hook"], MAP, never, "a service that decides"),
    not_yet("proxy_required", &[], SWITCH, is_false, "only through a trusted proxy"),
    ]
};

/// Options of one entry of `users`.
#[rustfmt::skip]
pub(crate) static USER: &[OptionRow<UserOption>] = {
    use Reload::Yes;
    use Support::Full;
    use UserOption as Id;
    &[
    row("user", &["username"], TEXT, "", Yes, Full(Id::User), "the name; each only once"),
    row("password", &["pass"], TEXT, "", Yes, Full(Id::Password), "plain or bcrypt"),
    not_yet("nkey", &[], TEXT, never, "a user with a public key"),
    not_yet("permissions", &["permission", "authorization"], MAP, is_empty, "what the user may do"),
    not_yet("allowed_connection_types", &["connection_types", "clients"], LIST_OR_TEXT, never, "how the user may connect"),
    not_yet("proxy_required", &[], SWITCH, is_false, "only through a trusted proxy"),
    ]
};

/// Options of `cluster.permissions`.
#[rustfmt::skip]
pub(crate) static PERMISSIONS: &[OptionRow<PermissionsOption>] = {
    use PermissionsOption as Id;
    use Reload::Yes;
    use Support::Full;
    &[
    row("import", &["publish", "pub"], "text, list or map", "all", Yes, Full(Id::Import), "subjects for which interest of this server is sent"),
    row("export", &["subscribe", "sub"], "text, list or map", "all", Yes, Full(Id::Export), "subjects for which interest of others is accepted"),
    row("allow_responses", &["publish_allow_responses"], "boolean or map", "false", Yes, Full(Id::AllowResponses), "not for routes"),
    ]
};

/// Options of `import` and `export`.
#[rustfmt::skip]
pub(crate) static SUBJECTS: &[OptionRow<SubjectsOption>] = {
    use Reload::Yes;
    use Support::Full;
    &[
    row("allow", &[], LIST_OR_TEXT, "all", Yes, Full(SubjectsOption::Allow), "only these subjects"),
    row("deny", &[], LIST_OR_TEXT, "none", Yes, Full(SubjectsOption::Deny), "not these, whatever `allow` says"),
    ]
};

/// Options of `compression`.
#[rustfmt::skip]
pub(crate) static COMPRESSION: &[OptionRow<CompressionOption>] = {
    use Reload::Yes;
    use Support::Full;
    &[
    row("mode", &[], TEXT, "accept", Yes, Full(CompressionOption::Mode), "see `compression`"),
    row("rtt_thresholds", &["thresholds", "rtts", "rtt"], LIST, "", Yes, Full(CompressionOption::RttThresholds), "for the s2_auto mode"),
    ]
};
