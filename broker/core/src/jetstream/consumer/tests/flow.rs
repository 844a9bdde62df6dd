//! Push consumers: interest, heartbeats, flow control, rate.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, Nanos};

use super::push;
use super::world::World;
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MIB: usize = 1 << 20;

fn listened(config: ConsumerConfig) -> World {
    let mut world = World::new(config);
    world.turn(|consumer, turn| consumer.interest(turn, true));
    world
}

#[test]
fn nothing_is_pushed_while_nobody_listens() {
    let mut world = World::new(push());
    world.store("a");
    assert_eq!(world.pump(), [""; 0]);
    world.turn(|consumer, turn| consumer.interest(turn, true));
    assert_eq!(world.pump(), ["push: a@1 #1 x1 +0"]);
    world.turn(|consumer, turn| consumer.interest(turn, false));
    world.store("a");
    assert_eq!(world.pump(), [""; 0]);
}

#[test]
fn a_silent_push_consumer_sends_heartbeats() {
    let mut world = listened(ConsumerConfig { idle_heartbeat: Nanos::secs(1), ..push() });
    world.pass(SECOND / 2);
    world.store("a");
    world.pump();
    world.pass(SECOND * 9 / 10);
    assert_eq!(world.take(), [""; 0]);
    world.pass(SECOND / 10);
    let beat = "push: 100 Idle Heartbeat Nats-Last-Consumer=1 Nats-Last-Stream=1";
    assert_eq!(world.take(), [beat]);
    world.turn(|consumer, turn| consumer.interest(turn, false));
    world.pass(SECOND * 3);
    assert_eq!(world.take(), [""; 0]);
}

/// What a client is asked to confirm on.
fn asked(lines: &[String]) -> Option<String> {
    let line = lines.iter().find(|line| line.contains("FlowControl Request"))?;
    Some(line.split_once('<')?.1.trim_end_matches('>').into())
}

#[test]
fn the_client_confirms_or_nothing_goes_on() {
    let mut world =
        listened(ConsumerConfig { flow_control: true, idle_heartbeat: Nanos::secs(1), ..push() });
    let payload: String = "x".repeat(MIB / 2);
    for _ in 0..20 {
        world.store_message("a", "", &payload);
    }
    let lines = world.pump();
    let subject = asked(&lines).expect("it is asked");
    assert!(subject.starts_with("$JS.FC.S.C.") && subject.len() == 15, "{subject}");
    assert_eq!(lines.len(), 5, "2 MiB, and the request");
    world.pass(SECOND);
    let beat = world.take().pop().expect("a heartbeat");
    assert!(beat.ends_with(&alloc::format!("Nats-Consumer-Stalled={subject}")), "{beat}");
    let confirm = |world: &mut World, subject: &str| {
        world.turn(|consumer, turn| consumer.flow_reply(turn, subject.as_bytes(), b""));
        world.pump()
    };
    assert_eq!(confirm(&mut world, "$JS.FC.S.C.none"), [""; 0]);
    let lines = confirm(&mut world, &subject);
    assert!(lines.len() > 5, "the window has doubled: {}", lines.len());
    assert!(asked(&lines).is_some());
}

#[test]
fn confirmations_may_be_the_acks() {
    let mut world = listened(ConsumerConfig {
        ack_policy: AckPolicy::FlowControl,
        flow_control: true,
        idle_heartbeat: Nanos::secs(1),
        max_ack_pending: 3,
        ..push()
    });
    world.consumer.setup.retains = true;
    world.store_all(["a"; 4]);
    let lines = world.pump();
    assert_eq!(lines.len(), 4, "three messages and a request");
    let subject = asked(&lines).expect("it is full");
    let header = b"NATS/1.0\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n\r\n";
    world.turn(|consumer, turn| consumer.flow_reply(turn, subject.as_bytes(), header));
    assert_eq!(world.take(), ["release 1", "release 2"]);
    assert_eq!(world.numbers(), [3, 2, 1, 0, 1]);
    assert_eq!(world.pump(), ["push: a@4 #4 x1 +0"]);
    world.pass(SECOND * 100);
    let lines = world.take();
    assert!(asked(&lines).is_some(), "what is not confirmed is asked for with a heartbeat");
    assert!(!lines.iter().any(|line| line.contains('@')), "and never delivered again");
}

#[test]
fn a_rate_limit_holds_back() {
    // Messages count 1 + 40 + 10 bytes or so: one a second after a burst of two.
    let mut world = World::new(push());
    world.setup.burst = 110;
    let rated = ConsumerConfig { rate_limit_bps: 8 * 55, ..push() };
    world.consumer =
        super::super::Consumer::new(rated, world.setup.clone(), world.now, &mut world.log);
    world.turn(|consumer, turn| consumer.interest(turn, true));
    for _ in 0..4 {
        world.store_message("a", "", "0123456789");
    }
    assert_eq!(world.pump().len(), 2);
    world.pass(SECOND);
    assert_eq!(world.take().len(), 1);
    world.pass(SECOND);
    assert_eq!(world.take().len(), 1);
    let nobody: Vec<String> = Vec::new();
    assert_eq!(world.pump(), nobody);
}

#[test]
fn another_deliver_subject_gets_everything_that_is_not_acked() {
    let acked = ConsumerConfig {
        ack_policy: AckPolicy::Explicit,
        ack_wait: Nanos::secs(30),
        max_ack_pending: 10,
        ..push()
    };
    let mut world = listened(acked.clone());
    world.store_all(["a"; 3]);
    world.pump();
    world.ack(2, "");
    let moved = ConsumerConfig { deliver_subject: "other".into(), ..acked };
    world.deaf.insert(b"push".to_vec());
    let updated = world.turn(|consumer, turn| consumer.update(turn, moved));
    assert!(updated.deliver_subject);
    assert_eq!(world.pump(), ["other: a@1 #4 x2 +0", "other: a@3 #5 x2 +0"]);
}
