//! Buffers for servers that cannot be reached.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use super::world::member_config;
use crate::config::{JetStreamConfig, LinkBufferConfig, NodeConfig, Overflow};
use crate::monitor::buffer::{BufferReport, BufferState};
use crate::{BufferEvent, Command, Duration, TraceEvent};

const SECOND: Duration = Duration::from_secs(1);

fn config(index: usize, routes: &[usize], change: impl Fn(&mut LinkBufferConfig)) -> NodeConfig {
    let mut buffer = LinkBufferConfig {
        subjects: alloc::vec!["orders.>".into(), "jobs".into()],
        max_bytes: 1 << 20,
        max_msgs: None,
        max_age: None,
        overflow: Overflow::Refuse,
    };
    change(&mut buffer);
    let config = member_config(index, routes, |cluster| cluster.buffer = Some(buffer.clone()));
    NodeConfig { jetstream: Some(JetStreamConfig::default()), ..config }
}

struct Pair {
    world: World,
    publisher: usize,
    subscriber: usize,
}

/// A publisher at node 0, a subscriber at node 1.
fn pair_with(change: impl Fn(&mut LinkBufferConfig)) -> Pair {
    let mut world = World::new();
    world.node(config(0, &[1], &change));
    world.node(config(1, &[0], &change));
    world.pass(3 * SECOND);
    let (publisher, subscriber) = (world.quiet_client(0), world.quiet_client(1));
    world.send(subscriber, "SUB orders.* 1\r\n");
    Pair { world, publisher, subscriber }
}

fn pair() -> Pair {
    pair_with(|_| {})
}

impl Pair {
    fn publish(&mut self, subject: &str, from: usize, to: usize) {
        for number in from..to {
            let text = format!("{number:03}");
            self.world.send(self.publisher, format!("PUB {subject} 3\r\n{text}\r\n"));
        }
    }

    /// The payloads that the subscriber got since it last looked.
    fn got(&mut self) -> Vec<String> {
        payloads(&self.world.read(self.subscriber))
    }

    fn report(&self, node: usize) -> BufferReport {
        self.world.nodes[node].as_ref().unwrap().buffer_reports().unwrap().remove(0)
    }
}

fn payloads(text: &str) -> Vec<String> {
    let mut lines = text.split('|');
    let mut payloads = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("MSG ") || line.starts_with("HMSG ") {
            payloads.extend(lines.next().map(String::from));
        }
    }
    payloads
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{number:03}")).collect()
}

#[test]
fn what_is_published_while_a_peer_is_away_comes_in_order_and_once() {
    let mut pair = pair();
    pair.publish("orders.a", 0, 5);
    assert_eq!(pair.got(), numbers(0, 5));
    pair.world.partition(0, 1);
    pair.publish("orders.a", 5, 25);
    assert_eq!(pair.report(0).state, BufferState::CutOff);
    pair.world.pass(20 * SECOND);
    assert_eq!(pair.got(), numbers(0, 0));
    assert_eq!(pair.report(0).messages, 20);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    pair.publish("orders.a", 25, 30);
    assert_eq!(pair.got(), numbers(5, 30));
    pair.world.pass(SECOND);
    let report = pair.report(0);
    assert_eq!((report.messages, report.in_flight, report.state), (0, 0, BufferState::Up));
    assert_eq!(report.dropped.total() + report.refused, 0);
    let told = |wanted: fn(&TraceEvent) -> bool| pair.world.trace.iter().any(|(_, it)| wanted(it));
    assert!(told(|it| matches!(it, TraceEvent::Buffer(BufferEvent::CutOff { interest: 1, .. }))));
    assert!(told(|it| matches!(
        it,
        TraceEvent::Buffer(BufferEvent::CaughtUp { messages: 20, .. })
    )));
}

#[test]
fn what_was_on_its_way_when_the_link_went_comes_again() {
    let mut pair = pair();
    pair.world.black_hole(0, 1);
    pair.publish("orders.a", 0, 10);
    pair.world.pass(30 * SECOND);
    pair.publish("orders.a", 10, 20);
    pair.world.heal();
    pair.world.pass(30 * SECOND);
    assert_eq!(pair.got(), numbers(0, 20));
}

#[test]
fn only_buffered_subjects_are_kept() {
    let mut pair = pair();
    pair.world.send(pair.subscriber, "SUB other 2\r\nSUB > 3\r\n");
    pair.publish("other", 0, 1);
    assert_eq!(pair.got(), ["000", "000"]);
    pair.world.partition(0, 1);
    pair.publish("other", 1, 2);
    pair.publish("orders.a", 2, 3);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), ["002", "002"]);
}

#[test]
fn a_server_that_is_killed_goes_on_for_peers_that_it_has_not_seen_since() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 5);
    pair.world.restart(0, 77);
    pair.world.pass(SECOND);
    pair.publisher = pair.world.quiet_client(0);
    pair.publish("orders.a", 5, 10);
    pair.publish("orders.b", 10, 11);
    assert_eq!(pair.report(0).messages, 11);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), numbers(0, 11));
    assert_eq!(pair.report(0).messages, 0);
}

#[test]
fn a_server_that_comes_back_as_another_process_gets_what_its_clients_come_back_for() {
    let mut pair = pair();
    let other = pair.world.quiet_client(1);
    pair.world.send(other, "SUB orders.late 1\r\nSUB orders.never.x 2\r\n");
    pair.world.partition(0, 1);
    pair.publish("orders.late", 0, 3);
    pair.publish("orders.a", 3, 6);
    pair.publish("orders.never.x", 6, 7);
    pair.world.restart(1, 77);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    pair.publish("orders.a", 7, 9);
    assert_eq!(pair.report(0).state, BufferState::Awaiting);
    assert_eq!(pair.report(0).awaited, 3);
    // Others are still awaited for one of the two subjects.
    pair.subscriber = pair.world.quiet_client(1);
    pair.world.send(pair.subscriber, "SUB orders.* 1\r\n");
    let mut expected = numbers(3, 6);
    expected.extend(numbers(7, 9));
    assert_eq!(pair.got(), expected);
    pair.publish("orders.late", 9, 10);
    assert_eq!(pair.got(), numbers(0, 0), "the order of a subject is kept");
    let other = pair.world.quiet_client(1);
    pair.world.send(other, "SUB orders.late 1\r\n");
    let mut expected = numbers(0, 3);
    expected.extend(numbers(9, 10));
    assert_eq!(pair.got(), expected);
    assert_eq!(payloads(&pair.world.read(other)), expected);
    assert_eq!(pair.report(0).messages, 1);
    pair.world.pass(130 * SECOND);
    let report = pair.report(0);
    assert_eq!((report.state, report.messages, report.dropped.unwanted), (BufferState::Up, 0, 1));
}

#[test]
fn what_passed_the_others_does_not_come_again_after_another_cut() {
    let mut pair = pair();
    let other = pair.world.quiet_client(1);
    pair.world.send(other, "SUB orders.late 1\r\n");
    pair.world.partition(0, 1);
    pair.publish("orders.late", 0, 1);
    pair.publish("orders.a", 1, 3);
    pair.world.restart(1, 77);
    pair.subscriber = pair.world.quiet_client(1);
    pair.world.send(pair.subscriber, "SUB orders.* 1\r\n");
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), numbers(1, 3));
    pair.world.partition(0, 1);
    pair.world.pass(SECOND);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    let other = pair.world.quiet_client(1);
    pair.world.send(other, "SUB orders.late 1\r\n");
    assert_eq!(pair.got(), numbers(0, 1));
    assert_eq!(pair.report(0).messages, 0);
}

#[test]
fn what_a_peer_no_longer_wants_is_dropped() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 3);
    pair.world.send(pair.subscriber, "UNSUB 1\r\nSUB orders.b 2\r\n");
    pair.publish("orders.b", 3, 5);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), numbers(3, 5));
    assert_eq!(pair.report(0).dropped.unwanted, 3);
}

#[test]
fn a_flush_is_answered_when_everything_is_durable() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.world.disks[0].stalled = true;
    pair.world.send(pair.publisher, "PUB orders.a 1\r\nx\r\nPING\r\nPUB other 0\r\n\r\nPING\r\n");
    assert_eq!(pair.world.read(pair.publisher), "");
    let other = pair.world.quiet_client(0);
    pair.world.send(other, "PUB none 0\r\n\r\nPING\r\n");
    assert_eq!(pair.world.read(other), "PONG|", "who did not publish into buffers does not wait");
    pair.world.disks[0].stalled = false;
    assert_eq!(pair.world.read(pair.publisher), "PONG|PONG|");
}

#[test]
fn a_verbose_client_hears_ok_when_it_is_durable() {
    let mut pair = pair();
    let verbose = pair.world.client(0);
    pair.world.send(verbose, "CONNECT {\"verbose\":true}\r\n");
    pair.world.read(verbose);
    pair.world.disks[0].stalled = true;
    pair.world.send(verbose, "PUB orders.a 1\r\nx\r\nPUB other 0\r\n\r\n");
    assert_eq!(pair.world.read(verbose), "");
    pair.world.disks[0].stalled = false;
    assert_eq!(pair.world.read(verbose), "+OK|+OK|");
    assert_eq!(pair.got(), ["x"]);
}

#[test]
fn nothing_is_sent_before_it_is_durable() {
    let mut pair = pair();
    pair.world.disks[0].stalled = true;
    pair.publish("orders.a", 0, 3);
    assert_eq!(pair.got(), numbers(0, 0));
    pair.world.disks[0].stalled = false;
    assert_eq!(pair.got(), numbers(0, 3));
}

#[test]
fn nothing_is_acknowledged_before_the_peer_has_it_on_its_disk() {
    let mut pair = pair();
    pair.world.disks[1].stalled = true;
    pair.publish("orders.a", 0, 3);
    assert_eq!(pair.got(), numbers(0, 3));
    assert_eq!(pair.report(0).in_flight, 3);
    pair.world.disks[1].stalled = false;
    pair.world.settle();
    assert_eq!(pair.report(0).in_flight, 0);
    // A receiver that is killed knows what it has had.
    pair.world.restart(1, 77);
    pair.world.pass(5 * SECOND);
    pair.subscriber = pair.world.quiet_client(1);
    pair.world.send(pair.subscriber, "SUB orders.* 1\r\n");
    pair.publish("orders.a", 3, 4);
    assert_eq!(pair.got(), numbers(3, 4));
}

#[test]
fn a_full_buffer_refuses_and_says_why() {
    let mut pair = pair_with(|buffer| buffer.max_msgs = Some(3));
    let local = pair.world.quiet_client(0);
    pair.world.send(local, "SUB orders.* 1\r\n");
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 3);
    pair.world.send(pair.publisher, "SUB in 9\r\nPUB orders.a in 1\r\nx\r\nPING\r\n");
    let answer = pair.world.read(pair.publisher);
    let refused = "-ERR 'Permissions Violation for Publish to \"orders.a\": the buffer for \"n1\" \
                   is full, max_msgs 3'|HMSG in 9 ";
    assert!(answer.starts_with(refused), "{answer}");
    assert!(answer.contains("NATS/1.0 503|") && answer.ends_with("PONG|"), "{answer}");
    assert_eq!(payloads(&pair.world.read(local)), numbers(0, 3), "nobody has what is refused");
    assert_eq!(pair.report(0).refused, 1);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    pair.publish("orders.a", 3, 4);
    assert_eq!(pair.got(), numbers(0, 4));
}

#[test]
fn a_full_buffer_drops_the_oldest_if_it_is_to() {
    let mut pair = pair_with(|buffer| {
        buffer.max_bytes = 3 * (34 + 8 + 7 + 3);
        buffer.overflow = Overflow::DropOldest;
    });
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 10);
    assert_eq!(pair.report(0).dropped.overflow, 7);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), numbers(7, 10));
}

#[test]
fn what_is_too_old_goes_and_so_do_peers_that_stay_away() {
    let mut pair = pair_with(|buffer| buffer.max_age = Some(60 * SECOND));
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 3);
    pair.world.pass(30 * SECOND);
    pair.publish("orders.a", 3, 5);
    pair.world.pass(29 * SECOND);
    assert_eq!(pair.report(0).messages, 5);
    pair.world.pass(2 * SECOND);
    assert_eq!((pair.report(0).messages, pair.report(0).dropped.age), (2, 3));
    pair.world.pass(30 * SECOND);
    assert_eq!((pair.report(0).messages, pair.report(0).dropped.age), (0, 5));
    let reports = |pair: &Pair| pair.world.nodes[0].as_ref().unwrap().buffer_reports();
    pair.world.now.wall.0 += 24 * 3600 * 1_000_000_000;
    pair.world.pass(700 * SECOND);
    assert_eq!(reports(&pair), Some(Vec::new()), "it has been away for too long");
    pair.world.heal();
    pair.world.pass(10 * SECOND);
    // Nobody has answered the pings of all that time.
    (pair.publisher, pair.subscriber) = (pair.world.quiet_client(0), pair.world.quiet_client(1));
    pair.world.send(pair.subscriber, "SUB orders.* 1\r\n");
    pair.publish("orders.a", 5, 6);
    assert_eq!(pair.got(), numbers(5, 6), "and is welcome when it comes");
}

#[test]
fn somebody_who_is_away_is_somebody() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.world.send(pair.publisher, "SUB in 9\r\nPUB orders.a in 1\r\nx\r\n");
    assert_eq!(pair.world.read(pair.publisher), "");
    pair.world.send(pair.publisher, "PUB jobs in 1\r\nx\r\n");
    assert!(pair.world.read(pair.publisher).contains("503"));
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert!(pair.world.read(pair.subscriber).starts_with("MSG orders.a 1 in 1|x|"));
}

#[test]
fn queue_groups_are_served_here_then_behind_live_peers_then_behind_those_away() {
    let mut world = World::new();
    world.node(config(0, &[1, 2], |_| {}));
    world.node(config(1, &[0, 2], |_| {}));
    world.node(config(2, &[0, 1], |_| {}));
    world.pass(3 * SECOND);
    let publisher = world.quiet_client(0);
    let members: Vec<usize> = (0..3).map(|node| world.quiet_client(node)).collect();
    for member in &members {
        world.send(*member, "SUB jobs q 1\r\n");
    }
    let publish = |world: &mut World| world.send(publisher, "PUB jobs 1\r\nx\r\n".repeat(8));
    let counts = |world: &mut World| -> Vec<usize> {
        members.iter().map(|member| payloads(&world.read(*member)).len()).collect()
    };
    publish(&mut world);
    assert_eq!(counts(&mut world), [8, 0, 0]);
    world.partition(0, 2);
    world.send(members[0], "UNSUB 1\r\n");
    publish(&mut world);
    assert_eq!(counts(&mut world), [0, 8, 0]);
    world.partition(0, 1);
    publish(&mut world);
    assert_eq!(counts(&mut world), [0, 0, 0]);
    world.heal();
    world.pass(5 * SECOND);
    assert_eq!(counts(&mut world).iter().sum::<usize>(), 8);
}

#[test]
fn a_peer_without_buffers_gets_messages_in_the_ordinary_way() {
    let mut world = World::new();
    world.node(config(0, &[1], |_| {}));
    world.member(&[0], |_| {});
    world.pass(3 * SECOND);
    let (publisher, subscriber) = (world.quiet_client(0), world.quiet_client(1));
    world.send(subscriber, "SUB orders.* 1\r\n");
    world.send(publisher, "PUB orders.a 1\r\nx\r\n");
    assert_eq!(payloads(&world.read(subscriber)), ["x"]);
    let told = |(_, it): &&(usize, TraceEvent)| {
        matches!(it, TraceEvent::Buffer(BufferEvent::NotKept { .. }))
    };
    assert_eq!(world.trace.iter().filter(told).count(), 1);
    world.partition(0, 1);
    world.send(publisher, "PUB orders.a 1\r\ny\r\n");
    world.heal();
    world.pass(5 * SECOND);
    world.send(publisher, "PUB orders.a 1\r\nz\r\n");
    assert_eq!(payloads(&world.read(subscriber)), ["z"]);
}

#[test]
fn headers_and_replies_are_kept() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    let message = "HPUB orders.a back 12 13\r\nNATS/1.0\r\n\r\n!\r\n";
    pair.world.send(pair.publisher, message);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    let expected = "HMSG orders.a 1 back 12 13|NATS/1.0||!|";
    assert!(pair.world.read(pair.subscriber).starts_with(expected));
}

#[test]
fn a_reload_changes_subjects_and_limits() {
    let mut pair = pair();
    pair.world.send(pair.subscriber, "SUB news 2\r\n");
    pair.world.settle();
    let reloaded = |subjects: &[&str]| {
        let subjects: Vec<String> = subjects.iter().map(|it| String::from(*it)).collect();
        let config = config(0, &[1], |buffer| buffer.subjects.clone_from(&subjects));
        Command::Reload(alloc::sync::Arc::new(config))
    };
    pair.world.command(0, reloaded(&["news", "orders.>"]));
    pair.world.partition(0, 1);
    pair.publish("news", 0, 2);
    pair.world.command(0, reloaded(&["other"]));
    pair.publish("news", 2, 3);
    pair.world.heal();
    pair.world.pass(5 * SECOND);
    assert_eq!(pair.got(), numbers(0, 2), "what is stored is still given out");
}

#[test]
fn a_backlog_goes_out_by_and_by() {
    let mut pair = pair_with(|buffer| buffer.max_bytes = 1 << 30);
    pair.world.latency = Duration::from_millis(40);
    pair.world.pass(SECOND);
    pair.world.partition(0, 1);
    let body = "x".repeat(10_000);
    for _ in 0..1000 {
        pair.world.send(pair.publisher, format!("PUB orders.a 10000\r\n{body}\r\n"));
    }
    pair.world.heal();
    let mut most = 0;
    let mut count = 0;
    for _ in 0..1000 {
        pair.world.pass(Duration::from_millis(10));
        count += pair.got().len();
        most = most.max(pair.report(0).in_flight_bytes);
        if count == 1000 {
            break;
        }
    }
    assert_eq!(count, 1000);
    assert!(most < 20 << 20, "{most}");
}

#[test]
fn a_peer_that_comes_back_again_and_again_is_awaited_anew_each_time() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.publish("orders.a", 0, 3);
    for seed in 70..73 {
        pair.world.restart(1, seed);
        pair.world.heal();
        pair.world.pass(100 * SECOND);
        assert_eq!(pair.report(0).state, BufferState::Awaiting);
    }
    // The old process of the peer has not been found dead when the new one comes.
    pair.world.black_hole(0, 1);
    pair.world.restart(1, 73);
    pair.world.heal();
    pair.world.pass(100 * SECOND);
    let subscriber = pair.world.quiet_client(1);
    pair.world.send(subscriber, "SUB orders.* 1\r\n");
    assert_eq!(payloads(&pair.world.read(subscriber)), numbers(0, 3));
}

#[test]
fn a_disk_that_fails_takes_nothing_and_confirms_nothing() {
    let mut pair = pair();
    pair.world.partition(0, 1);
    pair.world.disks[0].broken = true;
    pair.world.send(pair.publisher, "PUB orders.a 1\r\nx\r\nPING\r\n");
    let answer = pair.world.read(pair.publisher);
    assert!(answer.contains("not stored") && answer.ends_with("-closed-"), "{answer}");
    let publisher = pair.world.quiet_client(0);
    pair.world.send(publisher, "PUB orders.a 1\r\nx\r\nPING\r\n");
    let answer = pair.world.read(publisher);
    assert!(answer.contains("\"n1\" cannot be written'|PONG|"), "{answer}");
    assert_eq!(pair.report(0).state, BufferState::Failed);
    pair.world.pass(60 * SECOND);
}
