//! What an operator does, and how a consumer ends.

use causeway_wire::jetstream::{ApiError, ConsumerConfig, DeliverPolicy, Nanos, Time};

use super::world::{BEGIN, World};
use super::{filled, pull, push};
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn in_seconds(seconds: i64) -> Time {
    Time::from_nanos(BEGIN + seconds * 1_000_000_000)
}

#[test]
fn a_pause_has_an_end() {
    let mut world = filled(pull(), 2);
    world.turn(|consumer, turn| consumer.pause(turn, Some(in_seconds(5))));
    assert_eq!(world.fetch("1"), ["pause true 5000000000"]);
    let info = world.turn(|consumer, turn| consumer.info(turn));
    assert_eq!((info.paused, info.pause_remaining), (true, Nanos::secs(5)));
    world.pass(SECOND * 5);
    assert_eq!(world.take(), ["pause false 5000000000", "in: a@1 #1 x1 +1"]);
    world.turn(|consumer, turn| consumer.pause(turn, Some(in_seconds(50))));
    world.take();
    world.turn(|consumer, turn| consumer.pause(turn, None));
    assert_eq!(world.take(), ["pause ends"]);
    assert_eq!(world.fetch("1"), ["in: a@2 #2 x1 +0"]);
}

#[test]
fn a_paused_consumer_still_beats() {
    let idle_heartbeat = Nanos::secs(1);
    let pause_until = Some(in_seconds(3));
    let mut world = World::new(ConsumerConfig { idle_heartbeat, pause_until, ..push() });
    world.turn(|consumer, turn| consumer.interest(turn, true));
    world.store("a");
    world.pass(SECOND * 2);
    assert_eq!(world.take().len(), 2);
    world.pass(SECOND);
    assert!(world.take().contains(&"push: a@1 #1 x1 +0".into()));
}

#[test]
fn an_unused_pull_consumer_goes() {
    let mut world = World::new(ConsumerConfig { inactive_threshold: Nanos::secs(5), ..pull() });
    world.pass(SECOND * 4);
    world.fetch("1");
    world.deaf.insert(b"in".to_vec());
    world.pass(SECOND * 5);
    assert_eq!(world.take(), [""; 0]);
    world.pass(SECOND);
    assert_eq!(world.take(), ["delete"]);
    assert_eq!(world.consumer.deadline(), None, "once");
}

#[test]
fn a_pull_consumer_is_used_while_somebody_waits_or_works() {
    let inactive_threshold = Nanos::secs(5);
    let mut world = filled(ConsumerConfig { inactive_threshold, ..pull() }, 1);
    world.fetch("2");
    world.pass(SECOND * 20);
    assert_eq!(world.take(), [""; 0], "one waits");
    world.deaf.insert(b"in".to_vec());
    world.pass(SECOND * 12);
    assert_eq!(world.take(), [""; 0], "and works");
    world.pass(SECOND * 14);
    assert_eq!(world.take(), ["delete"]);
}

#[test]
fn a_push_consumer_is_used_while_somebody_listens() {
    let inactive_threshold = Nanos::secs(5);
    let mut world = World::new(ConsumerConfig { inactive_threshold, ..push() });
    world.pass(SECOND * 4);
    world.turn(|consumer, turn| consumer.interest(turn, true));
    world.pass(SECOND * 60);
    assert_eq!(world.take(), [""; 0]);
    world.turn(|consumer, turn| consumer.interest(turn, false));
    world.pass(SECOND * 5);
    assert_eq!(world.take(), ["delete"]);
}

#[test]
fn a_durable_one_stays() {
    let mut world = World::new(pull());
    world.pass(SECOND * 100_000);
    assert_eq!(world.take(), [""; 0]);
}

fn reset(world: &mut World, seq: Option<u64>) -> Result<u64, ApiError> {
    world.turn(|consumer, turn| consumer.reset(turn, seq))
}

#[test]
fn a_reset_begins_anew() {
    let mut world = filled(pull(), 5);
    world.fetch("4");
    world.ack(1, "");
    world.ack(3, "");
    assert_eq!(reset(&mut world, None), Ok(2));
    assert_eq!(world.numbers(), [1, 1, 0, 0, 4]);
    assert_eq!(world.fetch("1"), ["in: a@2 #1 x1 +3"]);
    assert_eq!(reset(&mut world, Some(5)), Ok(5));
    assert_eq!(world.fetch("1"), ["in: a@5 #1 x1 +0"]);
    world.keep();
    world.crash();
    assert_eq!(world.numbers(), [5, 4, 1, 0, 0]);
}

#[test]
fn a_reset_stays_within_the_deliver_policy() {
    let deliver_policy = DeliverPolicy::ByStartSequence;
    let mut world = filled(ConsumerConfig { deliver_policy, opt_start_seq: 3, ..pull() }, 5);
    let refused = reset(&mut world, Some(2)).expect_err("too low");
    assert_eq!(
        (refused.err_code, &*refused.description),
        (10204, "invalid reset: below start seq")
    );
    assert_eq!(reset(&mut world, Some(4)), Ok(4));
    let mut world = filled(ConsumerConfig { deliver_policy: DeliverPolicy::New, ..pull() }, 5);
    let refused = reset(&mut world, Some(2)).expect_err("not this policy");
    assert_eq!(refused.description, "invalid reset: not allowed");
    assert_eq!(reset(&mut world, None), Ok(1));
}

#[test]
fn another_ack_wait_holds_for_what_is_pending_already() {
    let mut world = filled(pull(), 2);
    world.fetch("2");
    world.ack(2, r#"-NAK {"delay": 20000000000}"#);
    world.take();
    let shorter = ConsumerConfig { ack_wait: Nanos::secs(10), ..pull() };
    world.turn(|consumer, turn| consumer.update(turn, shorter));
    world.pull("9", "in");
    world.pass(SECOND * 10);
    assert_eq!(world.take(), ["in: a@1 #3 x2 +0"]);
    world.ack(1, "");
    world.pass(SECOND * 10);
    assert_eq!(world.take(), ["in: a@2 #4 x2 +0"], "its client asked for that");
}

#[test]
fn info_says_it_all() {
    let mut world = filled(pull(), 3);
    world.fetch("2");
    world.ack(1, "");
    world.pull("5", "waits");
    world.deaf.insert(b"gone".to_vec());
    world.pull("5", "gone");
    let info = world.turn(|consumer, turn| consumer.info(turn));
    assert_eq!((info.stream_name.as_str(), info.name.as_str()), ("S", "C"));
    let delivered = (info.delivered.consumer_seq, info.delivered.stream_seq);
    assert_eq!(delivered, (2, 2));
    assert_eq!(info.delivered.last_active, Some(in_seconds(0)));
    assert_eq!((info.ack_floor.consumer_seq, info.ack_floor.stream_seq), (1, 1));
    assert_eq!((info.num_ack_pending, info.num_pending, info.num_waiting), (1, 1, 1));
    assert!(!info.push_bound && !info.paused && info.priority_groups.is_empty());
}
