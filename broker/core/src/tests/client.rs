//! What a single client sees.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::World;
use crate::config::{ClientAuth, ClientLimits, NodeConfig, Secret, User};
use crate::{CloseReason, Duration, TraceEvent};

/// Sends `input` to a fresh node, whole and byte by byte, and compares what comes back after the
/// INFO.
fn check(config: &NodeConfig, input: &str, output: &str) {
    for chunk in [usize::MAX, 1, 7] {
        let mut world = World::new();
        let node = world.node(config.clone());
        let client = world.client(node);
        assert!(world.read(client).starts_with("INFO {\"server_id\":\"N"));
        world.chunk = chunk;
        world.send(client, input.replace('|', "\r\n"));
        assert_eq!(world.read(client), output, "{input} in chunks of {chunk}");
    }
}

const QUIET: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}|";

#[test]
fn the_protocol_of_one_client() {
    let open = NodeConfig::default();
    let quiet = |rest: &str| format!("{QUIET}{rest}");
    for (input, output) in [
        // A client without CONNECT is verbose and pedantic.
        ("PING|", "PONG|"),
        ("SUB foo 1|", "+OK|"),
        ("SUB foo 1|PUB foo 2|hi|", "+OK|+OK|MSG foo 1 2|hi|"),
        ("PUB foo.* 2|hi|", "-ERR 'Invalid Publish Subject'|+OK|"),
        ("XYZ|", "-ERR 'Unknown Protocol Operation'|-closed-"),
        ("PUB foo|", "-closed-"),
        ("CONNECT nonsense|", "-closed-"),
        (&quiet("SUB foo 1|PUB foo 2|hi|PING|"), "MSG foo 1 2|hi|PONG|"),
        (
            &quiet("SUB foo.* 1|SUB foo.> q 2|PUB foo.a r 3|abc|"),
            "MSG foo.a 1 r 3|abc|MSG foo.a 2 r 3|abc|",
        ),
        // A subscription id that is in use stays with the first.
        (&quiet("SUB foo 1|SUB bar 1|PUB bar 1|x|PUB foo 1|y|"), "MSG foo 1 1|y|"),
        (&quiet("SUB foo. 1|PING|"), "-ERR 'Invalid Subject'|PONG|"),
        (&quiet("SUB foo 1|UNSUB 1|PUB foo 1|x|PING|"), "PONG|"),
        (
            &quiet("SUB foo 1|UNSUB 1 2|PUB foo 1|a|PUB foo 1|b|PUB foo 1|c|"),
            "MSG foo 1 1|a|MSG foo 1 1|b|",
        ),
        (&quiet("SUB foo 1|PUB foo 1|a|UNSUB 1 1|PUB foo 1|b|"), "MSG foo 1 1|a|"),
        (
            &quiet("SUB a _sys_ 1|PING|"),
            "-ERR 'Permissions Violation for Subscription to \"a\" using queue \"_sys_\"'|PONG|",
        ),
        (
            &quiet("PUB _GR_.x 1|a|PING|"),
            "-ERR 'Permissions Violation for Publish to \"_GR_.x\"'|PONG|",
        ),
        (
            &quiet("PUB a _R_.x 1|a|PING|"),
            "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'|PONG|",
        ),
        // Published wildcards are literal; subjects with empty tokens match nothing.
        (
            &quiet("SUB foo.* 1|SUB foo.bar 2|SUB > 3|PUB foo.* 1|x|PUB foo..a 1|y|"),
            "MSG foo.* 3 1|x|MSG foo.* 1 1|x|",
        ),
        ("CONNECT {\"verbose\":false,\"echo\":false}|SUB foo 1|PUB foo 1|x|PING|", "PONG|"),
        (
            "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}|SUB r 9|PUB foo r 1|x|",
            "HMSG r 9 35 35|NATS/1.0 503|Nats-Subject: foo|||",
        ),
        (
            "CONNECT {\"verbose\":false,\"no_responders\":true}|",
            "-ERR 'no responders requires headers support'|-closed-",
        ),
        ("CONNECT {\"verbose\":false,\"protocol\":2}|", "-ERR 'invalid client protocol'|-closed-"),
        (
            "CONNECT {\"verbose\":false,\"headers\":true}|SUB foo 1|HPUB foo 12 14|NATS/1.0||hi|",
            "HMSG foo 1 12 14|NATS/1.0||hi|",
        ),
        ("CONNECT {\"verbose\":false}|HPUB foo 12 14|NATS/1.0||hi|", "-closed-"),
        ("CONNECT {\"account\":\"X\"}|", "-ERR 'Authorization Violation'|-closed-"),
        ("-ERR 'sorry'|", "-closed-"),
        // CONNECT again starts afresh.
        (&quiet(&format!("SUB foo 1|{QUIET}PUB foo 1|x|PING|")), "PONG|"),
    ] {
        check(&open, input, output);
    }
}

#[test]
fn subjects_and_replies_of_servers() {
    let quiet = |rest: &str| format!("{QUIET}{rest}");
    for (input, output) in [
        // Some prefixes are reserved alone, others only with something behind them.
        (
            &quiet("PUB $GR.x 1|a|PUB $NRG. 1|b|PING|"),
            "-ERR 'Permissions Violation for Publish to \"$GR.x\"'|\
             -ERR 'Permissions Violation for Publish to \"$NRG.\"'|PONG|",
        ),
        (
            &quiet("SUB a 1|PUB a $GR.x 1|x|PUB a $JS.ACK.x 1|y|PUB a _R_. 1|z|"),
            "-ERR 'Permissions Violation for Publish with Reply of \"$GR.x\"'|\
             -ERR 'Permissions Violation for Publish with Reply of \"$JS.ACK.x\"'|\
             -ERR 'Permissions Violation for Publish with Reply of \"_R_.\"'|",
        ),
        (
            &quiet("SUB > 1|PUB $GR 1|x|PUB $GRX.a 1|y|PUB _GR_. 1|z|PUB a $JS.ACK. 1|v|PING|"),
            "MSG $GR 1 1|x|MSG $GRX.a 1 1|y|MSG a 1 $JS.ACK. 1|v|PONG|",
        ),
    ] {
        check(&NodeConfig::default(), input, output);
    }
}

#[test]
fn what_ends_a_connection_comes_after_what_was_answered() {
    for (input, output) in [
        ("PING|-ERR 'sorry'|", "PONG|-closed-"),
        ("PING|CONNECT {|", "PONG|-closed-"),
        ("PING|PUB foo|", "PONG|-closed-"),
        // A client may send INFO, and it must be one.
        ("INFO {\"server_id\":\"X\"}|INFO {}|INFO null|PING|", "PONG|"),
        ("PING|INFO nonsense|PING|", "PONG|-closed-"),
        ("PING|INFO|PING|", "PONG|-closed-"),
        ("PING|INFO {\"proto\":\"x\"}|PING|", "PONG|-closed-"),
    ] {
        check(&NodeConfig::default(), input, output);
    }
}

#[test]
fn limits_of_one_client() {
    let small = NodeConfig {
        limits: ClientLimits {
            max_subscriptions: 1,
            max_payload: 8,
            max_control_line: 64,
            max_subscription_tokens: 2,
            ..ClientLimits::default()
        },
        ..NodeConfig::default()
    };
    let long = format!("{QUIET}SUB {} 1|", "a".repeat(100));
    for (input, output) in [
        (format!("{QUIET}SUB a 1|SUB b 2|PING|"), "-ERR 'maximum subscriptions exceeded'|PONG|"),
        (
            format!("{QUIET}SUB a.b.c 1|PING|"),
            "-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'|PONG|",
        ),
        (format!("{QUIET}PUB a 9|"), "-ERR 'Maximum Payload Violation'|-closed-"),
        (long, "-ERR 'maximum control line exceeded'|-closed-"),
    ] {
        check(&small, &input, output);
    }
}

/// The reasons that a nats-server 2.15.1 gives in `/connz?state=closed`.
#[test]
fn why_a_client_was_closed() {
    let cases = [
        ("NONSENSE|", CloseReason::ProtocolViolation),
        ("SUB a b c d|", CloseReason::ProtocolViolation),
        ("PUB a x|", CloseReason::ProtocolViolation),
        ("HPUB a 12 12|NATS/1.0|||", CloseReason::ProtocolViolation),
        ("CONNECT {|", CloseReason::ProtocolViolation),
        ("INFO {|", CloseReason::ProtocolViolation),
        ("-ERR 'sorry'|", CloseReason::ParseError),
        ("PUB a 200|", CloseReason::MaxPayloadExceeded),
        ("CONNECT {\"protocol\":7}|", CloseReason::BadClientProtocolVersion),
    ];
    let config = NodeConfig {
        limits: ClientLimits { max_payload: 100, ..ClientLimits::default() },
        ..NodeConfig::default()
    };
    for (input, expected) in cases {
        let mut world = World::new();
        let node = world.node(config.clone());
        let client = world.client(node);
        world.send(client, input.replace('|', "\r\n"));
        let reasons: vec::Vec<_> = world
            .trace
            .iter()
            .filter_map(|(_, event)| {
                if let TraceEvent::LinkClosed { reason, .. } = event { Some(*reason) } else { None }
            })
            .collect();
        assert_eq!(reasons, [expected], "{input}");
    }
}

#[test]
fn large_messages_arrive_whole_in_any_chunking() {
    for chunk in [1000, 4096, 65_536] {
        let mut world = World::new();
        let node = world.node(NodeConfig::default());
        let (a, b, c) =
            (world.quiet_client(node), world.quiet_client(node), world.quiet_client(node));
        world.send(a, "SUB big 1\r\n");
        world.send(b, "SUB big 2\r\n");
        world.chunk = chunk;
        let body: String = (0..300_000u32).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
        world.send(c, format!("PUB big {}\r\n{body}\r\nPUB big 1\r\nx\r\nPING\r\n", body.len()));
        assert_eq!(world.read(c), "PONG|");
        for (client, sid) in [(a, 1), (b, 2)] {
            let expected = format!("MSG big {sid} 300000|{body}|MSG big {sid} 1|x|");
            assert!(world.read(client) == expected, "chunk {chunk}");
        }
    }
}

#[test]
fn the_first_ping_after_connect_brings_an_info() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let client = world.client(node);
    world.read(client);
    world.send(client, "CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\nPING\r\n");
    let answer = world.read(client);
    assert!(answer.starts_with("PONG|INFO {"), "{answer}");
    assert!(answer.contains("\"connect_info\":true,\"remote_account\":\"$G\""), "{answer}");
    assert!(answer.ends_with("} |PONG|"), "{answer}");
}

#[test]
fn credentials() {
    let token =
        NodeConfig { auth: ClientAuth::Token(Secret("secret".into())), ..NodeConfig::default() };
    let users = |no_auth_user: Option<&str>| NodeConfig {
        auth: ClientAuth::Users {
            users: vec![
                User { name: "ann".into(), password: Secret("pw".into()) },
                // The test host takes a password that the hash ends with for right.
                User { name: "bob".into(), password: Secret("$2a$11$xyzhashed".into()) },
            ],
            no_auth_user: no_auth_user.map(Into::into),
        },
        ..NodeConfig::default()
    };
    let refused = "-ERR 'Authorization Violation'|-closed-";
    for (config, input, output) in [
        (&token, "PING|", refused),
        (&token, "CONNECT {\"verbose\":false,\"auth_token\":\"secret\"}|PING|", "PONG|"),
        (&token, "CONNECT {\"verbose\":false,\"auth_token\":\"secreT\"}|PING|", refused),
        (&token, "CONNECT {\"verbose\":false}|PING|", refused),
        (
            &users(None),
            "CONNECT {\"verbose\":false,\"user\":\"ann\",\"pass\":\"pw\"}|PING|",
            "PONG|",
        ),
        (&users(None), "CONNECT {\"verbose\":false,\"user\":\"ann\",\"pass\":\"no\"}|", refused),
        (&users(None), "CONNECT {\"verbose\":false,\"user\":\"eve\",\"pass\":\"pw\"}|", refused),
        (
            &users(None),
            "CONNECT {\"verbose\":false,\"user\":\"bob\",\"pass\":\"hashed\"}|PING|",
            "PONG|",
        ),
        (
            &users(None),
            "CONNECT {\"verbose\":false,\"user\":\"bob\",\"pass\":\"wrong\"}|PING|",
            refused,
        ),
        (&users(Some("ann")), "PING|", "PONG|"),
        (&users(Some("ann")), "CONNECT {\"verbose\":false}|PING|", "PONG|"),
    ] {
        check(config, input, output);
    }
    let mut world = World::new();
    let node = world.node(token);
    let late = world.client(node);
    world.read(late);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.read(late), "-ERR 'Authentication Timeout'|-closed-");
}

#[test]
fn one_client_too_many() {
    let config = NodeConfig {
        limits: ClientLimits { max_connections: Some(1), ..ClientLimits::default() },
        ..NodeConfig::default()
    };
    let mut world = World::new();
    let node = world.node(config);
    let first = world.quiet_client(node);
    let second = world.client(node);
    let answer = world.read(second);
    assert!(answer.ends_with("|-ERR 'maximum connections exceeded'|-closed-"), "{answer}");
    world.send(first, "PING\r\n");
    assert_eq!(world.read(first), "PONG|");
    world.hang_up(first);
    let third = world.quiet_client(node);
    world.send(third, "PING\r\n");
    assert_eq!(world.read(third), "PONG|");
}

#[test]
fn a_silent_client_is_cut_as_stale() {
    let config = NodeConfig { ping_interval: Duration::from_secs(1), ..NodeConfig::default() };
    let mut world = World::new();
    let node = world.node(config);
    let client = world.quiet_client(node);
    world.pass(Duration::from_millis(3500));
    assert_eq!(world.read(client), "PING|PING|-ERR 'Stale Connection'|-closed-");
    let client = world.quiet_client(node);
    for _ in 0..10 {
        world.pass(Duration::from_secs(1));
        world.send(client, "PONG\r\n");
        world.read(client);
    }
    world.send(client, "PING\r\n");
    assert_eq!(world.read(client), "PONG|");
}
