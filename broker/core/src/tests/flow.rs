//! Slow receivers, fast producers, and leaving.

use alloc::format;

use super::World;
use crate::config::{ClientLimits, NodeConfig};
use crate::{Command, Duration, TraceEvent};

fn small_pending() -> NodeConfig {
    NodeConfig {
        limits: ClientLimits { max_pending: 10_000, ..ClientLimits::default() },
        ..NodeConfig::default()
    }
}

#[test]
fn a_slow_consumer_is_cut_and_disturbs_nobody() {
    let mut world = World::new();
    let node = world.node(small_pending());
    let (slow, good, producer) =
        (world.quiet_client(node), world.quiet_client(node), world.quiet_client(node));
    world.send(slow, "SUB x 1\r\n");
    world.send(good, "SUB x 1\r\n");
    world.stuck.push(slow);
    for _ in 0..200 {
        world.send(producer, format!("PUB x 100\r\n{}\r\n", "y".repeat(100)));
        world.pass(Duration::from_millis(20));
    }
    assert_eq!(world.read(good).matches("MSG").count(), 200);
    assert!(world.read(slow).ends_with("-closed-"));
    let slow_consumer = |(_, event): &(usize, TraceEvent)| {
        matches!(event, TraceEvent::SlowConsumer { max_pending: Some(10_000), .. })
    };
    assert!(world.trace.iter().any(slow_consumer));
    let report = world.nodes[node].as_ref().unwrap().server_report();
    assert_eq!((report.slow_clients, report.connections), (1, 2));
    assert!(report.stalls > 0, "the producer was stalled before");
}

#[test]
fn without_stalls_messages_for_the_slow_are_dropped() {
    let mut world = World::new();
    let node = world.node(NodeConfig { no_fast_producer_stall: true, ..small_pending() });
    let (slow, producer) = (world.quiet_client(node), world.quiet_client(node));
    world.send(slow, "SUB x 1\r\n");
    world.stuck.push(slow);
    for _ in 0..200 {
        world.send(producer, format!("PUB x 100\r\n{}\r\n", "y".repeat(100)));
    }
    world.stuck.clear();
    let got = world.read(slow).matches("MSG").count();
    assert!((50..100).contains(&got), "{got}");
    assert_eq!(world.nodes[node].as_ref().unwrap().server_report().stalls, 0);
}

#[test]
fn answers_count_as_pending_too() {
    let mut world = World::new();
    let node = world.node(small_pending());
    let client = world.quiet_client(node);
    world.stuck.push(client);
    world.send(client, "PING\r\n".repeat(1_666));
    assert!(world.is_connected(client), "9,996 bytes");
    world.send(client, "PING\r\n".repeat(1_000));
    assert!(!world.is_connected(client));
    assert_eq!(world.nodes[node].as_ref().unwrap().server_report().slow_clients, 1);
}

#[test]
fn a_busy_link_has_one_write_timer() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let (receiver, producer) = (world.quiet_client(node), world.quiet_client(node));
    world.send(receiver, "SUB x 1\r\n");
    let timers = |world: &World| world.nodes[node].as_ref().unwrap().timers.count();
    world.block_writes(receiver);
    world.send(producer, "PUB x 1\r\ny\r\n");
    let one = timers(&world);
    for _ in 0..100 {
        world.unblock_writes(receiver);
        world.settle();
        world.block_writes(receiver);
        world.send(producer, "PUB x 1\r\ny\r\n");
    }
    assert_eq!(timers(&world), one);
}

#[test]
fn a_client_that_takes_nothing_misses_its_write_deadline() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let (slow, producer) = (world.quiet_client(node), world.quiet_client(node));
    world.send(slow, "SUB x 1\r\n");
    world.block_writes(slow);
    world.send(producer, "PUB x 1\r\ny\r\n");
    world.pass(Duration::from_secs(9));
    assert_eq!(world.read(slow), "");
    world.pass(Duration::from_secs(2));
    assert!(world.read(slow).ends_with("-closed-"));
}

#[test]
fn wide_fan_out_is_done_in_turns() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let producer = world.quiet_client(node);
    let receiver = world.quiet_client(node);
    for sid in 0..200 {
        world.send(receiver, format!("SUB wide {sid}\r\n"));
    }
    let line = format!("PUB wide 1000\r\n{}\r\n", "z".repeat(1000));
    world.send(producer, line.repeat(60));
    let got = world.read(receiver);
    assert_eq!(got.matches("MSG wide").count(), 200 * 60);
}

#[test]
fn a_lame_duck_lets_its_clients_go_and_exits() {
    let mut world = World::new();
    let config = NodeConfig {
        lame_duck_duration: Duration::from_secs(30),
        lame_duck_grace: Duration::from_secs(10),
        ..NodeConfig::default()
    };
    let node = world.node(config);
    let clients = [0; 3].map(|_| {
        let client = world.client(node);
        world.send(client, "CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n");
        world.read(client);
        client
    });
    world.command(node, Command::LameDuck);
    assert!(world.read(clients[0]).contains("\"ldm\":true"));
    world.pass(Duration::from_secs(9));
    world.read(clients[0]);
    world.send(clients[0], "PING\r\n");
    assert_eq!(world.read(clients[0]), "PONG|", "nobody is closed in the grace period");
    world.pass(Duration::from_secs(5));
    assert!(clients.iter().all(|client| world.read(*client).ends_with("-closed-")));
    assert!(world.exited[node]);
    let lonely = world.node(NodeConfig::default());
    world.command(lonely, Command::LameDuck);
    assert!(world.exited[lonely], "without clients it leaves at once");
}

#[test]
fn shutting_down_closes_everything() {
    let mut world = World::new();
    let node = world.node(NodeConfig::default());
    let client = world.quiet_client(node);
    world.command(node, Command::Shutdown);
    assert!(world.read(client).ends_with("-closed-"));
    assert!(world.exited[node]);
}
