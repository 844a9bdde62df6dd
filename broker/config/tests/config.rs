//! Whole configurations, resolved.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use std::time::Duration;

use causeway_config::{
    Action, AuthMethod, Config, Flags, ListenPort, MemorySource, Position, Secret, SyncPolicy,
    Value, docs, parse,
};

fn flags() -> Flags {
    match Flags::parse(["-c", "nats.conf"]).unwrap() {
        Action::Run(flags) => flags,
        other => panic!("{other:?}"),
    }
}

fn load(text: &str) -> Config {
    let source = MemorySource::new().with_file("nats.conf", text);
    let (config, warnings) = Config::load(&flags(), &source).unwrap();
    assert_eq!(warnings, []);
    config
}

/// The two configuration files that the project started from.
const US_EAST_1: &str = r#"listen: 4222
http: 8222

cluster {
  listen: 6222
  routes = [
    "nats://eu-west-2-nats.example.com:6222"
  ]
}

# ... other settings
"#;

const EU_WEST_2: &str = r#"listen: 4222
http: 8222

cluster {
  listen: 6222
  routes = [
    "nats://us-east-1-nats.example.com:6222"
  ]
}

# ... other settings
"#;

#[test]
fn the_two_region_files_work_unchanged() {
    for (text, host) in
        [(US_EAST_1, "eu-west-2-nats.example.com"), (EU_WEST_2, "us-east-1-nats.example.com")]
    {
        let config = load(text);
        assert_eq!(config.port, ListenPort::Fixed(4222));
        let monitor = config.monitor.unwrap();
        assert_eq!((monitor.host.as_str(), monitor.port), ("0.0.0.0", ListenPort::Fixed(8222)));
        let cluster = config.cluster.unwrap();
        assert_eq!((cluster.host.as_str(), cluster.port), ("0.0.0.0", ListenPort::Fixed(6222)));
        let [route] = cluster.routes.as_slice() else { panic!("{:?}", cluster.routes) };
        assert_eq!((route.host.as_str(), route.port), (host, 6222));
        assert_eq!(route.credentials, None);
    }
}

#[test]
fn defaults_are_those_of_nats_server() {
    let config = Config::default();
    insta::assert_debug_snapshot!(config);
    let (loaded, _) = Config::load(&Flags::default(), &MemorySource::new()).unwrap();
    assert_eq!(loaded, config);
}

#[test]
fn every_option_reaches_its_field() {
    let text = r#"
        listen: "127.0.0.1:5222", server_name: name, client_advertise: "[::1]:7"
        http: ":8222", http_base_path: "a//b/../c/"
        trace_verbose: true, debug: yes, logtime: off, logtime_utc: on
        log_file: "/x.log", log_size_limit: 10MB, log_max_num: 3, max_traced_msg_len: 100
        pid_file: "/x.pid", ports_file_dir: "/ports"
        max_connections: 10, max_subscriptions: 11, max_subscription_tokens: 12
        max_control_line: 2kb, max_payload: 1kb, max_pending: 1MB, max_closed_clients: 13
        ping_interval: "1m30s", ping_max: 14, write_deadline: "1500ms"
        no_fast_producer_stall: true, no_header_support: true, disable_sublist_cache: true
        lame_duck_duration: "40s", lame_duck_grace_period: "5s"
        connect_error_reports: 15, reconnect_error_reports: 16
        authorization {
            users: [{user: a, password: x}, {user: b, password: $2a$10$hash}]
            timeout: 0.5
        }
        no_auth_user: b
        cluster {
            name: c, host: "127.0.0.1", port: -1
            authorization {user: ru, password: rp, timeout: "3s"}
            routes: ["nats://ru:rp@a:1", nats://b]
            advertise: "adv", no_advertise: true
            connect_retries: 17, connect_backoff: true
            pool_size: 18, accounts: [A, "$SYS"], compression: off
            ping_interval: "10s", ping_max: 19, write_deadline: "4s"
            permissions {import: ["a.>", b], export {allow: c, deny: [d ]}}
            buffer {
                subjects: ["orders.>", b, b], max_bytes: 20GiB, max_msgs: 20, max_age: "6h"
                overflow: drop_oldest
            }
        }
        jetstream {
            store_dir: "/store", max_mem: 1GB, max_file: "2T", domain: hub, strict: false
            sync_interval: "30s", request_queue_limit: 21
            max_buffered_msgs: 22, max_buffered_size: 23MB
            limits {
                max_ack_pending: 24, max_request_batch: 25, default_max_consumers: 31, duplicate_window: "26s"
                batch {max_inflight_per_stream: 27, max_inflight_total: 28, max_msgs: 29, timeout: "30s"}
            }
        }
        server_tags: ["Region:EU", " x ", x], server_metadata {k: v}
        prof_port: -1, prof_block_rate: 1, allow_non_tls: true
    "#;
    let config = load(text);
    insta::assert_debug_snapshot!(config);
    let AuthMethod::Users(users) = &config.auth.method else { panic!("{:?}", config.auth) };
    assert_eq!(users[0].password, Secret::new("x"));
    assert!(!users[0].password.is_bcrypt());
    assert_eq!(users[1].password.expose(), "$2a$10$hash");
    assert!(users[1].password.is_bcrypt());
    let routes = config.cluster.unwrap().routes;
    assert_eq!(routes[0].credentials.as_ref().unwrap().password.expose(), "rp");
}

#[test]
fn streams_are_kept_in_one_place() {
    let error = |text: &str| {
        let source = MemorySource::new().with_file("nats.conf", text);
        Config::load(&flags(), &source).unwrap_err().to_string()
    };
    let twice = "Duplicate 'store_dir' configuration\n";
    assert_eq!(error("store_dir: a\njetstream {store_dir: b}"), format!("nats.conf:2:12: {twice}"));
    assert_eq!(error("jetstream {store: a}\nstore_dir: b"), format!("nats.conf:2:1: {twice}"));
    assert_eq!(error("jetstream {store: a, storedir: b}"), format!("nats.conf:1:21: {twice}"));
}

#[test]
fn sizes_of_streams_and_what_they_leave_open() {
    let sizes = |text: &str| {
        let jetstream = load(&format!("jetstream {{{text}}}")).jetstream.unwrap();
        (jetstream.max_memory, jetstream.max_store)
    };
    assert_eq!(sizes(""), (None, None));
    assert_eq!(sizes("max_mem: 0, max_file: -1"), (Some(0), None), "0 is none at all");
    assert_eq!(sizes("max_mem: \"\", max_file: \"10K\""), (Some(0), Some(10 << 10)));
}

#[test]
fn syncing_before_the_acknowledgement_is_the_default() {
    let sync = |text: &str| load(text).jetstream.unwrap().sync;
    for text in ["", "sync: always", "sync_interval: ALWAYS", "sync_interval: \"0s\""] {
        assert_eq!(sync(&format!("jetstream {{{text}}}")), SyncPolicy::BeforeAck, "{text}");
    }
    assert_eq!(sync("jetstream: on"), SyncPolicy::BeforeAck);
    let two_minutes = SyncPolicy::Every(Duration::from_secs(120));
    assert_eq!(sync("jetstream {sync_interval: \"2m\"}"), two_minutes);
}

#[test]
fn what_the_helm_chart_makes_works() {
    let text = r#"{
      "cluster": {
        "name": "nats",
        "no_advertise": true,
        "port": 6222,
        "routes": [
          "nats://nats-0.nats-headless:6222",
          "nats://nats-1.nats-headless:6222"
        ]
      },
      "http_port": 8222,
      "lame_duck_duration": "30s",
      "lame_duck_grace_period": "10s",
      "max_payload": 8MB,
      "pid_file": "/var/run/nats/nats.pid",
      "port": 4222,
      "server_name": $SERVER_NAME
    }"#;
    let source = MemorySource::new().with_file("nats.conf", text).with_env("SERVER_NAME", "nats-0");
    let (config, _) = Config::load(&flags(), &source).unwrap();
    assert_eq!(config.server_name.as_deref(), Some("nats-0"));
    assert_eq!(config.limits.max_payload, 8 << 20);
    assert_eq!(config.cluster.unwrap().routes.len(), 2);
}

#[test]
fn kinds_of_authorization() {
    let method = |text: &str| load(&format!("authorization {{{text}}}")).auth.method;
    assert_eq!(method(""), AuthMethod::None);
    assert_eq!(method("users: [ ]"), AuthMethod::None);
    assert_eq!(method("password: x"), AuthMethod::None);
    assert_eq!(method("token: x"), AuthMethod::Token(Secret::new("x")));
    let AuthMethod::User(user) = method("user: a") else { panic!() };
    assert_eq!((user.user.as_str(), user.password.expose()), ("a", ""));
    for text in ["timeout: 0", "timeout: -1", "timeout: \"0s\""] {
        assert_eq!(load(&format!("authorization {{{text}}}")).auth.timeout.as_secs(), 2, "{text}");
    }
}

#[test]
fn zero_means_the_default_where_nats_server_has_it_so() {
    let text = "max_payload: 0, max_pending: 0, max_control_line: 0, max_closed_clients: 0
        ping_interval: \"0s\", ping_max: 0, write_deadline: \"0s\", port: 0
        lame_duck_grace_period: \"0s\", connect_error_reports: 0, reconnect_error_reports: 0
        max_subs: 0, max_traced_msg_len: -1, log_size_limit: 0, http_port: 0, host: \"\"
        server_name: \"\"";
    let config = load(text);
    let default = Config::default();
    assert_eq!(Config { config_file: None, digest: None, ..config }, default);
    assert_eq!(load("max_conn: 0").limits.max_connections, 0, "nobody may connect");
    assert_eq!(load("max_conn: -1").limits.max_connections, 0, "nobody may connect");
}

#[test]
fn cluster_defaults_depend_on_the_rest() {
    let cluster = |text: &str| load(&format!("cluster {{{text}}}")).cluster;
    assert_eq!(cluster("name: a, routes: [\"nats://a:1\" ]"), None, "no port, no cluster");
    let pool = |text: &str| {
        let cluster = cluster(&format!("port: 1, {text}")).unwrap();
        (cluster.pool_size, cluster.pinned_accounts)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(pool(""), (Some(3), names(&["$SYS"])));
    assert_eq!(pool("pool_size: 0"), (Some(3), names(&["$SYS"])));
    assert_eq!(pool("pool_size: -1"), (None, names(&[])));
    assert_eq!(pool("accounts: A"), (Some(3), names(&["A", "$SYS"])));
    assert_eq!(pool("accounts: [\"$SYS\", A]"), (Some(3), names(&["$SYS", "A"])));
    let of_auth = cluster("port: 1, authorization {user: a, password: b}").unwrap().auth.unwrap();
    assert_eq!((of_auth.user.as_str(), of_auth.password.expose()), ("a", "b"));
}

#[test]
fn warnings_do_not_stop_a_server_but_fail_a_test() {
    let text = "ping_interval: 30\ncluster {port: 1, ping_interval: \"1m\"\n\
        authorization {user: a, password: b, permissions {import: x}}}";
    let source = MemorySource::new().with_file("nats.conf", text);
    let (config, warnings) = Config::load(&flags(), &source).unwrap();
    assert_eq!(config.ping_interval, Duration::from_secs(30));
    let cluster = config.cluster.unwrap();
    assert_eq!(cluster.ping_interval, Some(Duration::from_secs(30)));
    assert_eq!(cluster.permissions.unwrap().import.unwrap().allow.unwrap(), ["x"]);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "nats.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be \
             converted to a duration",
            "nats.conf:2:19: Cluster 'ping_interval' will reset to 30s which is the max for routes",
            "nats.conf:3:1: invalid use of field \"authorization\": setting \"permissions\" within \
             cluster authorization block is deprecated",
        ]
    );

    let Action::TestConfig(flags) = Flags::parse(["-t", "-c", "nats.conf"]).unwrap() else {
        panic!()
    };
    let error = Config::load(&flags, &source).unwrap_err();
    assert_eq!(error.errors, []);
    assert_eq!(error.to_string(), format!("{}\n", warnings.join("\n")));
}

#[test]
fn errors_come_in_the_order_of_the_file_with_their_positions() {
    let text =
        "port: x\ncluster {\n  listen: [ ]\n  bogus: 1\n  tls { }\n  routes: [\n    a b\n  ]\n}\n";
    let source = MemorySource::new().with_file("nats.conf", text);
    let error = Config::load(&flags(), &source).unwrap_err();
    let positions: Vec<String> =
        error.errors.iter().map(|error| error.position().unwrap().to_string()).collect();
    assert_eq!(positions, ["nats.conf:7:8"], "a syntax error comes alone");

    let text = text.replace("a b", "\"a b\"");
    let source = MemorySource::new().with_file("nats.conf", text);
    let error = Config::load(&flags(), &source).unwrap_err();
    let expected = "nats.conf:1:0: interface conversion: interface {} is string, not int64
nats.conf:3:3: expected port or host:port, got []interface {}
nats.conf:4:3: unknown field \"bogus\"
nats.conf:5:3: option \"cluster.tls\" is known but not supported by this version of causeway
nats.conf:7:6: error parsing route url [\"a b\"]: it has no host, as in nats://host:6222
";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn values_know_where_they_stand() {
    let text = "a: 1\n  b {\n\tc: x\n}\nl: [\n  x,  \"y\"\n  {k: v}\n]\ninclude sub/i.conf\ne: $E\nd: $b\n";
    let source =
        MemorySource::new().with_file("sub/i.conf", "\n i: 1").with_env("E", "[{x: 1}, 2 ]");
    let map = parse("f.conf", text.as_bytes(), &source).unwrap();
    let at = |key: &str| map.get(key).unwrap().at.to_string();
    assert_eq!(at("a"), "f.conf:1:0");
    assert_eq!(at("b"), "f.conf:2:3");
    assert_eq!(at("i"), "sub/i.conf:2:2");
    assert_eq!(at("e"), "f.conf:10:1");
    assert_eq!(at("d"), "f.conf:11:1");
    assert!(map.get("b").unwrap().used_as_variable);
    assert!(!map.get("d").unwrap().used_as_variable);

    let inner = |key: &str| map.get(key).unwrap().value.as_map().unwrap().get("c").unwrap();
    assert_eq!(inner("b").at, Position::new("f.conf", 3, 2));
    assert_eq!(inner("d").at, Position::new("f.conf", 3, 2), "a copy keeps its inner positions");

    let list = |key: &str| map.get(key).unwrap().value.as_list().unwrap();
    let positions: Vec<String> = list("l").iter().map(|node| node.at.to_string()).collect();
    assert_eq!(positions, ["f.conf:6:3", "f.conf:6:8", "f.conf:7:9"]);
    // What comes from the environment stands where the variable does.
    let [first, second] = list("e") else { panic!() };
    assert_eq!(first.value.as_map().unwrap().get("x").unwrap().at, Position::new("f.conf", 10, 5));
    assert_eq!(second.at, Position::new("f.conf", 10, 5));
    assert_eq!(second.value, Value::Integer(2));
}

#[test]
fn the_reference_of_options() {
    insta::assert_snapshot!(docs());
}
