//! Deadlines.

use causeway_wire::jetstream::{ConsumerConfig, Nanos};

use super::world::World;
use super::{filled, pull, push};
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_deadline_is_that_of_what_comes_first() {
    let mut world = filled(pull(), 1);
    assert_eq!(world.consumer.deadline(), None);
    world.fetch("1");
    assert_eq!(world.consumer.deadline(), Some(world.now.mono + SECOND * 30));
    world.fetch(r#"{"batch":1,"expires":5000000000,"idle_heartbeat":1000000000}"#);
    assert_eq!(world.consumer.deadline(), Some(world.now.mono + SECOND));
    world.pass(SECOND * 29);
    assert_eq!(world.consumer.deadline(), Some(world.now.mono + SECOND));
    world.ack(1, "");
    assert_eq!(world.consumer.deadline(), None, "an ack ends the wait");
}

#[test]
fn a_tick_that_comes_early_changes_nothing() {
    let idle_heartbeat = Nanos::secs(1);
    let mut world = World::new(ConsumerConfig { idle_heartbeat, ..push() });
    let deadline = world.consumer.deadline();
    world.turn(|consumer, turn| consumer.tick(turn));
    assert_eq!(world.consumer.deadline(), deadline);
    assert_eq!(world.take(), [""; 0]);
}

#[test]
fn what_is_past_is_done_at_once() {
    let mut world = filled(pull(), 3);
    world.fetch("3");
    world.now.mono = world.now.mono + SECOND * 1000;
    world.turn(|consumer, turn| consumer.tick(turn));
    assert_eq!(world.consumer.pending.queued(), 3);
    assert_eq!(world.consumer.deadline(), None);
    assert_eq!(world.fetch("9").len(), 3);
}
