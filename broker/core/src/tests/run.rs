//! Runs of messages do what single messages do. A verb in small letters is legal, and never part of
//! a run; so the same input with `pub` says what must come out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use crate::config::{ClientLimits, NodeConfig};
use crate::monitor::Traffic;

const NO_ECHO: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"headers\":true}";

/// Messages as a client in a hurry sends them, with something unusual now and then.
fn messages(verb: &str) -> String {
    let mut input = String::new();
    for number in 0..400 {
        let body = format!("{number}{}", "x".repeat(number * 7 % 50));
        let size = body.len();
        input += &match number % 97 {
            13 => format!("{verb} a.b answer.{number} {size}\r\n{body}\r\n"),
            29 => format!("H{verb} a.b 12 {}\r\nNATS/1.0\r\n\r\n{body}\r\n", size + 12),
            43 => format!("{verb} other {size}\r\n{body}\r\n"),
            59 => format!("{verb} a.b 5000\r\n{}\r\n", "y".repeat(5000)),
            71 => format!("{verb}  a.b\t00{size}\r\n{body}\r\n"),
            83 => format!("{verb} nobody {size}\r\n{body}\r\n"),
            _ => format!("{verb} a.b {size}\r\n{body}\r\n"),
        };
    }
    input + "PING\r\n"
}

/// What everybody gets, and what the server counts, if `subscriptions` (whose, and what) are there.
fn outcome(
    verb: &str,
    chunk: usize,
    subscriptions: &[(usize, &str)],
) -> (Vec<String>, [Traffic; 2]) {
    let mut world = World::new();
    let near = world.member(&[], |_| {});
    let far = world.member(&[near], |_| {});
    world.pass(crate::Duration::from_secs(5));
    // The publisher is the first; the last two are at the other server.
    let clients: Vec<usize> =
        [near, near, near, far, far].map(|node| world.quiet_client(node)).into();
    for (client, subscription) in subscriptions {
        world.send(clients[*client], format!("{subscription}\r\n"));
    }
    // The first message finds out who is there.
    world.send(clients[0], format!("{verb} a.b 5\r\nfirst\r\n"));
    world.chunk = chunk;
    world.send(clients[0], messages(verb));
    world.pass(crate::Duration::from_secs(1));
    let seen = clients.iter().map(|client| world.read(*client)).collect();
    let report = world.nodes[near].as_ref().unwrap().server_report();
    (seen, [report.received_from_clients, report.sent_to_clients])
}

#[test]
fn a_run_does_what_single_messages_do() {
    let worlds: [&[(usize, &str)]; 9] = [
        &[],
        &[(1, "SUB a.b 1")],
        &[(1, "SUB a.b 1"), (2, "SUB a.* long-sid-that-needs-room"), (0, "SUB a.b 3")],
        // Two subscriptions of one client, whose messages must not be sorted apart.
        &[(1, "SUB a.b 1"), (1, "SUB > 2"), (2, "SUB a.> 3")],
        &[(1, "SUB a.b 1"), (1, "UNSUB 1 70"), (2, "SUB a.b 2")],
        &[(3, "SUB a.b 1"), (4, "SUB a.* 1"), (1, "SUB > 1")],
        &[(1, "SUB a.b q 1"), (2, "SUB a.b q 2"), (0, "SUB a.b 1")],
        &[(3, "SUB a.b q 1"), (1, "SUB a.b q 2"), (4, "SUB other 9")],
        &[(0, NO_ECHO), (0, "SUB a.b 1"), (1, "SUB a.b 1")],
    ];
    for subscriptions in worlds {
        for chunk in [usize::MAX, 1000, 61] {
            let single = outcome("pub", chunk, subscriptions);
            let run = outcome("PUB", chunk, subscriptions);
            assert_eq!(run, single, "{subscriptions:?} in chunks of {chunk}");
            assert!(run.0[0].ends_with("PONG|"), "{}", run.0[0]);
        }
    }
}

#[test]
fn a_run_that_a_receiver_cannot_take_cuts_it_like_single_messages_do() {
    let outcome = |verb: &str| {
        let mut world = World::new();
        let limits = ClientLimits { max_pending: 4000, ..ClientLimits::default() };
        let node = world.node(NodeConfig { limits, ..NodeConfig::default() });
        let (slow, good, producer) =
            (world.quiet_client(node), world.quiet_client(node), world.quiet_client(node));
        world.send(slow, "SUB x 1\r\n");
        world.send(good, "SUB x 1\r\n");
        world.stuck.push(slow);
        let mut batches = Vec::new();
        for batch in 0..12 {
            let body = format!("{batch:03}{}", "y".repeat(97));
            world.send(producer, format!("{verb} x 100\r\n{body}\r\n").repeat(10));
            world.pass(crate::Duration::from_secs(1));
            batches.push((world.read(good), world.read(slow).ends_with("-closed-")));
        }
        let report = world.nodes[node].as_ref().unwrap().server_report();
        (batches, report.stalls, report.slow_clients)
    };
    let (single, run) = (outcome("pub"), outcome("PUB"));
    assert!(single.1 > 0 && single.2 == 1, "{} stalls, {} cut", single.1, single.2);
    assert_eq!(run, single);
}
