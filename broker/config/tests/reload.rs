//! What changes when a configuration is loaded again, in nats-server's words.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use causeway_config::reload::{Change, diff};
use causeway_config::{Action, Config, Flags, MemorySource};

fn load(text: &str) -> Config {
    let Action::Run(flags) = Flags::parse(["-c", "c.conf"]).unwrap() else { panic!() };
    let source = MemorySource::new().with_file("c.conf", format!("server_name: s\n{text}"));
    Config::load(&flags, &source).unwrap().0
}

/// The log lines of the change from one text to the other, or the error.
fn change(old: &str, new: &str) -> String {
    match diff(&load(old), &load(new)) {
        Ok(changes) => changes.iter().filter_map(Change::log_line).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    }
}

/// A server that runs with an empty file gets one option.
#[test]
#[allow(clippy::too_many_lines, reason = "one row for each option")]
fn one_option_more() {
    // What nats-server 2.15.1 logs, after `[INF]` or after `Failed to reload server configuration:`.
    let table: &[(&str, &str)] = &[
        ("", ""),
        ("debug: true", "Reloaded: debug = true"),
        ("trace: true", "Reloaded: trace = true"),
        ("trace_verbose: true", "Reloaded: trace = true; Reloaded: trace_verbose = true"),
        ("logtime: false", "Reloaded: logtime = false"),
        ("logtime_utc: true", "Reloaded: logtime_utc = true"),
        ("log_file: \"/x.log\"", "Reloaded: log_file = /x.log"),
        ("max_traced_msg_len: 10", "Reloaded: max_traced_msg_len = 10"),
        ("pid_file: \"/x.pid\"", "Reloaded: pid_file = /x.pid"),
        ("ports_file_dir: \"/tmp\"", "Reloaded: ports_file_dir = /tmp"),
        ("client_advertise: \"a:1\"", "Reload: client_advertise = a:1"),
        ("max_connections: 5", "Reloaded: max_connections = 5"),
        ("max_connections: 0", "Reloaded: max_connections = -1"),
        ("max_control_line: 2k", "Reloaded: max_control_line = 2000"),
        ("max_payload: 1000", "Reloaded: max_payload = 1000"),
        ("ping_interval: \"1m30s\"", "Reloaded: ping_interval = 1m30s"),
        ("ping_max: 3", "Reloaded: ping_max = 3"),
        ("write_deadline: \"1500ms\"", "Reloaded: write_deadline = 1.5s"),
        ("no_fast_producer_stall: true", "Reloaded: fast producers will not be stalled"),
        ("connect_error_reports: 5", "Reloaded: connect_error_reports = 5"),
        ("reconnect_error_reports: 5", "Reloaded: reconnect_error_reports = 5"),
        (
            "authorization {user: a, password: b}",
            "Reloaded: authorization username; Reloaded: authorization password",
        ),
        ("authorization {token: b}", "Reloaded: authorization token"),
        ("authorization {timeout: 1.5}", "Reloaded: authorization timeout = 1.5"),
        ("authorization {timeout: 5}", "Reloaded: authorization timeout = 5"),
        // nats-server logs this one at every reload.
        ("authorization {users: [ {user: a} ]}", "Reloaded: authorization users"),
        ("server_tags: a", "Reloaded: tags"),
        ("server_metadata {a: b}", "Reloaded: metadata"),
        ("store_dir: \"/tmp\"", ""),
        ("cluster {name: c}", "Reloaded: cluster"),
    ];
    for (text, expected) in table {
        assert_eq!(change("", text), *expected, "{text}");
    }
}

#[test]
fn one_option_more_that_cannot_change() {
    let table: &[(&str, &str)] = &[
        ("log_size_limit: 1000", "config reload not supported for LogSizeLimit: old=0, new=1000"),
        ("log_max_num: 3", "config reload not supported for LogMaxFiles: old=0, new=3"),
        ("host: 127.0.0.1", "config reload not supported for Host: old=0.0.0.0, new=127.0.0.1"),
        ("port: 14999", "config reload not supported for Port: old=4222, new=14999"),
        ("server_name: t", "config reload not supported for ServerName: old=s, new=t"),
        (
            "http: \"127.0.0.1:18299\"",
            "config reload not supported for HTTPHost: old=0.0.0.0, new=127.0.0.1",
        ),
        ("http_port: 8222", "config reload not supported for HTTPPort: old=0, new=8222"),
        ("max_subs: 5", "config reload not supported for MaxSubs: old=0, new=5"),
        ("max_sub_tokens: 5", "config reload not supported for MaxSubTokens: old=0, new=5"),
        (
            "max_pending: 10MB",
            "config reload not supported for MaxPending: old=67108864, new=10485760",
        ),
        (
            "max_closed_clients: 5",
            "config reload not supported for MaxClosedClients: old=10000, new=5",
        ),
        (
            "no_header_support: true",
            "config reload not supported for NoHeaderSupport: old=false, new=true",
        ),
        (
            "lame_duck_duration: \"30s\"",
            "config reload not supported for LameDuckDuration: old=2m0s, new=30s",
        ),
        (
            "lame_duck_grace_period: \"1s\"",
            "config reload not supported for LameDuckGracePeriod: old=10s, new=1s",
        ),
        (
            "disable_sublist_cache: true",
            "config reload not supported for NoSublistCache: old=false, new=true",
        ),
        ("prof_port: 18298", "config reload not supported for ProfPort: old=0, new=18298"),
        ("cluster {port: -1}", "config reload not supported for cluster host: old=, new=0.0.0.0"),
        // The first in nats-server's order counts, not the first in the file.
        (
            "max_pending: 10MB\nport: 1\ndebug: true",
            "config reload not supported for Port: old=4222, new=1",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(change("", text), *expected, "{text}");
    }
}

#[test]
fn one_option_less() {
    for (text, expected) in [
        ("pid_file: \"/x.pid\"", ""),
        ("ports_file_dir: \"/tmp\"", "Reloaded: ports_file_dir = "),
        ("no_fast_producer_stall: true", "Reloaded: fast producers will be stalled"),
        ("authorization {user: a}", "Reloaded: authorization username"),
        ("client_advertise: \"a:1\"", "Reload: client_advertise = "),
        ("cluster {port: 1}", "config reload not supported for cluster host: old=0.0.0.0, new="),
        ("http: 8222", "config reload not supported for HTTPPort: old=8222, new=0"),
    ] {
        assert_eq!(change(text, ""), expected, "{text}");
    }
}

#[test]
fn changes_of_a_cluster() {
    let with = |more: &str| format!("cluster {{name: c, port: 6222, {more}}}");
    for more in [
        "authorization {user: a, password: b}",
        "authorization {timeout: 5}",
        "pool_size: 5",
        "accounts: X",
        "compression: off",
        "advertise: \"h:1\"",
        "no_advertise: true",
        "connect_retries: 4",
        "connect_backoff: true",
        "permissions {import: a}",
        "ping_interval: \"5s\"",
        "ping_max: 5",
        "write_deadline: \"5s\"",
        "name: d",
    ] {
        assert_eq!(change(&with(""), &with(more)), "Reloaded: cluster", "{more}");
    }
    assert_eq!(change(&with(""), &with("")), "");
    assert_eq!(
        change(&with(""), &with("port: 6223")),
        "config reload not supported for cluster port: old=6222, new=6223"
    );
    assert_eq!(
        change(&with(""), &with("host: a")),
        "config reload not supported for cluster host: old=0.0.0.0, new=a"
    );
    assert_eq!(
        change(&with("port: -1"), &with("port: 6222")),
        "config reload not supported for cluster port: old=-1, new=6222"
    );
}

#[test]
fn routes_come_and_go() {
    let with = |urls: &str| load(&format!("cluster {{port: 1, routes: [{urls} ]}}"));
    let (old, new) = (with("nats://a:1, nats://b:1"), with("nats://b:1, nats://c:1"));
    let changes = diff(&old, &new).unwrap();
    let [Change::Routes { added, removed }] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((added[0].host.as_str(), added.len()), ("c", 1));
    assert_eq!((removed[0].host.as_str(), removed.len()), ("a", 1));
    assert_eq!(changes[0].log_line().as_deref(), Some("Reloaded: cluster routes"));
    // The order does not count.
    assert_eq!(diff(&old, &with("nats://b:1, nats://a:1")).unwrap(), []);
}

#[test]
fn users_and_the_user_without_credentials() {
    let users = |more: &str, password: &str| {
        format!(
            "authorization {{users: [ {{user: a, password: {password}}}, {{user: b}} ]}}\n{more}"
        )
    };
    assert_eq!(change(&users("", "x"), &users("", "y")), "Reloaded: authorization users");
    assert_eq!(change(&users("", "x"), &users("", "x")), "");
    assert_eq!(
        change(&users("no_auth_user: a", "x"), &users("no_auth_user: b", "x")),
        "config reload not supported for NoAuthUser: old=a, new=b"
    );
    assert_eq!(
        change("authorization {user: a, password: x}", "authorization {user: a, password: y}"),
        "Reloaded: authorization password"
    );
}

#[test]
fn only_the_limits_of_streams_may_rise() {
    let with = |more: &str| format!("jetstream {{max_mem: 1GB, max_file: 10GB, {more}}}");
    let unsupported = |what: &str| format!("config reload not supported for {what}");
    for (more, expected) in [
        ("", String::new()),
        ("max_mem: 2GB", "Reloaded: JetStream max_mem_store = 2.00 GB".to_owned()),
        ("max_file: \"1T\"", "Reloaded: JetStream max_file_store = 1.00 TB".to_owned()),
        ("max_mem: 1MB", unsupported("decreasing jetstream max memory and store")),
        ("max_file: -1", unsupported("jetstream max memory and max store")),
        ("store_dir: \"/b\"", unsupported("jetstream storage directory")),
        ("strict: false", unsupported("NoJetStreamStrict: old=false, new=true")),
        ("domain: hub", unsupported("JetStreamDomain: old=, new=hub")),
        ("sync_interval: \"1m\"", unsupported("SyncInterval: old=always, new=1m0s")),
        ("request_queue_limit: 5", unsupported("JetStreamRequestQueueLimit: old=10000, new=5")),
        ("enabled: false", unsupported("JetStream: old=true, new=false")),
    ] {
        assert_eq!(change(&with(""), &with(more)), expected, "{more}");
    }
    let dynamic = unsupported("jetstream dynamic max memory and store");
    assert_eq!(change("jetstream: on", &with("")), dynamic);
    assert_eq!(change(&with("store_dir: \"/a\""), &with("")), unsupported("jetstream storage dir"));
    assert_eq!(change("", "jetstream: on"), unsupported("JetStream: old=false, new=true"));
    let limits = change(&with(""), &with("limits {max_ack_pending: 5}"));
    assert!(limits.starts_with(&unsupported("JetStreamLimits: ")), "{limits}");
}
