//! What is traced for the log.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use crate::config::NodeConfig;
use crate::{Direction, TraceEvent};

/// The operations traced so far, with nats-server's arrows; empties the trace.
fn traced(world: &mut World) -> Vec<String> {
    let events = core::mem::take(&mut world.trace);
    let line = |event| {
        let TraceEvent::Protocol { who, direction, text } = event else { return None };
        let arrow = match direction {
            Direction::In => "<<-",
            Direction::Out => "->>",
            Direction::Internal => "<->",
        };
        Some(format!("{} {arrow} {}", who.cid, String::from_utf8_lossy(&text)))
    };
    events.into_iter().filter_map(|(_, event)| line(event)).collect()
}

/// The lines that a nats-server 2.15.1 wrote for the same operations, apart from brackets.
#[test]
fn operations_in_both_directions() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let client = world.quiet_client(node);
    world.trace.clear();
    world.trace_protocol = true;
    world.send(
        client,
        "SUB foo q 1\r\nUNSUB 1 2\r\nPUB foo re 2\r\nhi\r\n\
         HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB foo 0\r\n\r\nSUB a..b 2\r\nPING\r\n",
    );
    assert_eq!(
        traced(&mut world),
        [
            "1 <<- SUB foo q 1",
            "1 <<- UNSUB 1 2",
            "1 <<- PUB foo re 2",
            "1 <<- MSG_PAYLOAD: [\"hi\"]",
            "1 ->> MSG foo 1 re 2",
            "1 ->> MSG_PAYLOAD: [\"hi\"]",
            "1 <<- HPUB foo 12 14",
            "1 <<- MSG_PAYLOAD: [\"NATS/1.0\\r\\n\\r\\nhi\"]",
            "1 ->> HMSG foo 1 12 14",
            "1 ->> MSG_PAYLOAD: [\"NATS/1.0\\r\\n\\r\\nhi\"]",
            "1 <-> DELSUB 1",
            "1 <<- PUB foo 0",
            "1 <<- SUB a..b 2",
            "1 ->> -ERR Invalid Subject",
            "1 <<- PING",
            "1 ->> PONG",
        ]
    );
}

#[test]
fn each_receiver_is_traced_whatever_else_it_has_pending() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let (stuck, other) = (world.quiet_client(node), world.client(node));
    world.send(stuck, "SUB a 1\r\nSUB a 2\r\n");
    world.send(other, "SUB a 3\r\n");
    world.block_writes(stuck);
    world.send(other, "PUB a 5\r\nfirst\r\n");
    world.trace.clear();
    world.trace_protocol = true;
    world.send(other, "PUB a 1\r\nx\r\n");
    let mut lines = traced(&mut world);
    lines.retain(|line| !line.contains("MSG_PAYLOAD"));
    assert_eq!(
        lines,
        ["2 <<- PUB a 1", "2 ->> OK", "1 ->> MSG a 1 1", "1 ->> MSG a 2 1", "2 ->> MSG a 3 1"]
    );
}

#[test]
fn a_message_to_another_server_is_traced_too() {
    let mut world = World::new();
    let a = world.member(&[1], |_| {});
    let b = world.member(&[], |_| {});
    world.pass(3 * crate::Duration::from_secs(1));
    let (publisher, subscriber) = (world.quiet_client(a), world.quiet_client(b));
    world.send(subscriber, "SUB foo 1\r\n");
    world.trace.clear();
    world.trace_protocol = true;
    world.send(publisher, "PUB foo 2\r\nhi\r\n");
    let lines: Vec<String> = traced(&mut world)
        .iter()
        .filter(|line| !line.contains("MSG_PAYLOAD"))
        .filter_map(|line| Some(String::from(line.split_once(' ')?.1)))
        .collect();
    assert_eq!(
        lines,
        ["<<- PUB foo 2", "->> RMSG $G foo 2", "<<- RMSG $G foo 2", "->> MSG foo 1 2"]
    );
}

/// A client is called by its names from the CONNECT on that let it in, and never by its secrets.
#[test]
fn who_a_line_is_about() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    world.trace_protocol = true;
    for (json, name, user) in [
        ("{}", None, None),
        ("{\"name\":\"n\",\"lang\":\"py\",\"version\":\"1\"}", Some("v1:py:n"), None),
        ("{\"user\":\"u\",\"pass\":\"p\"}", None, Some("$G/user:u")),
        ("{\"auth_token\":\"t\"}", None, Some("$G/token")),
        ("{\"user\":\"u\",\"auth_token\":\"t\"}", None, Some("$G/user:u")),
    ] {
        let client = world.client(node);
        world.trace.clear();
        world.send(client, format!("CONNECT {json}\r\nPING\r\n"));
        let labels: Vec<_> = world
            .trace
            .iter()
            .filter_map(|(_, event)| {
                let TraceEvent::Protocol { who, text, .. } = event else { return None };
                Some((text.starts_with(b"CONNECT"), who.name.as_deref(), who.user.as_deref()))
            })
            .collect();
        assert_eq!(labels[0], (true, None, None), "{json}");
        assert!(labels.len() >= 3);
        assert!(
            labels[1..].iter().all(|label| *label == (false, name, user)),
            "{json}: {labels:?}"
        );
    }
}
