//! Where consumers begin, and what they say of it.

use causeway_wire::jetstream::{ConsumerConfig, DeliverPolicy, Time};

use super::super::Pair;
use super::pull;
use super::world::{World, append};
use crate::time::{Duration, Now, Wall};

/// Messages a b a c b, a second apart.
fn on_five(config: ConsumerConfig) -> World {
    let mut log = World::log();
    let mut now = Now { wall: Wall(super::world::BEGIN - 10_000_000_000), ..Now::default() };
    for subject in ["a", "b", "a", "c", "b"] {
        append(&mut log, now, subject, "", "x");
        now.wall.0 += 1_000_000_000;
    }
    World::on(log, config)
}

fn begins(deliver_policy: DeliverPolicy, change: impl FnOnce(&mut ConsumerConfig)) -> [u64; 3] {
    let mut config = ConsumerConfig { deliver_policy, ..pull() };
    change(&mut config);
    let world = on_five(config);
    let consumer = &world.consumer;
    assert_eq!(consumer.delivered(), consumer.floor());
    assert_eq!(consumer.delivered().consumer, 0);
    [consumer.delivered().stream, consumer.next, consumer.num_pending()]
}

#[test]
fn policies() {
    let third = Time::from_nanos(super::world::BEGIN - 8_000_000_000);
    let cases = [
        (begins(DeliverPolicy::All, |_| {}), [0, 1, 5]),
        (begins(DeliverPolicy::New, |_| {}), [5, 6, 0]),
        (begins(DeliverPolicy::Last, |_| {}), [4, 5, 1]),
        (begins(DeliverPolicy::Last, |config| config.filter_subject = "a".into()), [2, 3, 1]),
        (begins(DeliverPolicy::Last, |config| config.filter_subject = "z".into()), [0, 1, 0]),
        (begins(DeliverPolicy::ByStartSequence, |config| config.opt_start_seq = 4), [3, 4, 2]),
        (begins(DeliverPolicy::ByStartSequence, |config| config.opt_start_seq = 9), [8, 9, 0]),
        (
            begins(DeliverPolicy::ByStartTime, |config| config.opt_start_time = Some(third)),
            [2, 3, 3],
        ),
        (begins(DeliverPolicy::LastPerSubject, |_| {}), [2, 6, 3]),
    ];
    for (at, (got, wanted)) in cases.into_iter().enumerate() {
        assert_eq!(got, wanted, "case {at}");
    }
}

#[test]
fn an_empty_stream_begins_at_1() {
    let world = World::new(pull());
    assert_eq!(world.consumer.delivered(), Pair::default());
    let world = World::new(ConsumerConfig { deliver_policy: DeliverPolicy::New, ..pull() });
    assert_eq!(world.consumer.delivered(), Pair::default());
}

#[test]
fn a_start_in_the_future_leaves_messages_out() {
    let config = ConsumerConfig {
        deliver_policy: DeliverPolicy::ByStartSequence,
        opt_start_seq: 7,
        ..pull()
    };
    let mut world = on_five(config);
    world.store_all(["a", "a", "a"]);
    assert_eq!(world.fetch("9"), ["in: a@7 #1 x1 +1", "in: a@8 #2 x1 +0"]);
}

#[test]
fn the_last_of_each_subject_and_then_what_comes() {
    let deliver_policy = DeliverPolicy::LastPerSubject;
    let mut world = on_five(ConsumerConfig { deliver_policy, ..pull() });
    world.store("a");
    assert_eq!(world.consumer.num_pending(), 4);
    world.remove(4);
    assert_eq!(world.consumer.num_pending(), 3);
    let got = world.fetch("9");
    assert_eq!(got, ["in: a@3 #1 x1 +2", "in: b@5 #2 x1 +1", "in: a@6 #3 x1 +0"]);
}

#[test]
fn the_last_of_each_subject_that_is_wanted() {
    let mut config = ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, ..pull() };
    config.filter_subjects = ["a", "c"].map(Into::into).to_vec();
    let mut world = on_five(config);
    assert!(!world.consumer.needs(1, b"a") && world.consumer.needs(3, b"a"));
    assert!(world.consumer.needs(4, b"c") && !world.consumer.needs(5, b"b"));
    assert_eq!(world.fetch("1"), ["in: a@3 #1 x1 +1"]);
    assert_eq!(world.fetch("9"), ["in: c@4 #2 x1 +0"]);
    world.ack(3, "");
    assert!(!world.consumer.needs(3, b"a") && world.consumer.needs(4, b"c"));
}

#[test]
fn the_original_pace() {
    let replay_policy = causeway_wire::jetstream::ReplayPolicy::Original;
    let mut world = on_five(ConsumerConfig { replay_policy, ..pull() });
    assert_eq!(world.fetch("9"), ["in: a@1 #1 x1 +4"]);
    world.store("new");
    world.pass(Duration::from_millis(1500));
    assert_eq!(world.take(), ["in: b@2 #2 x1 +4"]);
    world.pass(Duration::from_millis(2500));
    let got = ["in: a@3 #3 x1 +3", "in: c@4 #4 x1 +2", "in: b@5 #5 x1 +1", "in: new@6 #6 x1 +0"];
    assert_eq!(world.take(), got, "what came later does not wait");
}
