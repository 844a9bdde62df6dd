//! Acks, redelivery and the ack floor.

use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, Nanos};

use super::{World, filled, pull};
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_floor_follows_what_is_acked_without_gaps() {
    let mut world = filled(pull(), 4);
    world.fetch("3");
    world.ack(2, "+ACK");
    assert_eq!(world.numbers(), [3, 0, 2, 0, 1]);
    world.ack(1, "");
    assert_eq!(world.numbers(), [3, 2, 1, 0, 1]);
    world.ack(3, "+OK");
    assert_eq!(world.numbers(), [3, 3, 0, 0, 1]);
    assert_eq!(world.consumer.floor().consumer, 3);
    world.ack(3, "");
    assert_eq!(world.numbers(), [3, 3, 0, 0, 1], "once more changes nothing");
}

#[test]
fn an_ack_is_answered_when_it_is_durable() {
    let mut world = filled(pull(), 3);
    world.fetch("3");
    world.ack_with(1, "", "r1");
    world.ack_with(1, "", "r2");
    world.ack_with(2, "+TERM", "r3");
    world.ack_with(3, "+WPI", "r4");
    world.ack_with(3, "+FOO", "r5");
    let told = [
        "r1: acked durably",
        "r2: acked durably",
        "terminated 2 x1 ",
        "r3: acked durably",
        "r4: acked",
        "r5: acked",
    ];
    assert_eq!(world.take(), told);
    world.ack_on("$JS.ACK.S.C.1.9.9.0.0", "", "r6");
    assert_eq!(world.take(), [""; 0], "that message was never delivered");
}

#[test]
fn a_nak_asks_for_it_at_once_or_later() {
    let mut world = filled(pull(), 3);
    world.fetch("3");
    world.ack(2, "-NAK");
    world.ack(1, "-NAK");
    world.ack(1, "-NAK");
    assert_eq!(world.take(), ["naked 2 x1", "naked 1 x1", "naked 1 x1"]);
    assert_eq!(world.fetch("3"), ["in: a@2 #4 x2 +0", "in: a@1 #5 x2 +0"], "in their order");
    world.ack(3, r#"-NAK {"delay": 5000000000}"#);
    world.pass(SECOND * 4);
    assert_eq!(world.take(), ["naked 3 x1"]);
    world.pass(SECOND);
    assert_eq!(world.take(), ["in: a@3 #6 x2 +0"]);
}

#[test]
fn a_nak_of_what_is_not_pending_is_nothing() {
    let mut world = filled(pull(), 2);
    world.fetch("2");
    world.ack(1, "");
    world.ack_with(1, "-NAK", "r");
    assert_eq!(world.take(), ["r: acked"]);
    assert_eq!(world.fetch("1"), [""; 0]);
}

#[test]
fn what_is_not_acked_in_time_comes_again_in_the_order_of_the_stream() {
    let mut world = filled(pull(), 3);
    world.fetch("2");
    world.pass(SECOND * 20);
    world.ack(1, "+WPI");
    world.fetch("1");
    world.pull("3", "in");
    world.pass(SECOND * 10);
    assert_eq!(world.take(), ["in: a@2 #4 x2 +0"], "the first one has more time");
    world.pass(SECOND * 20);
    assert_eq!(world.take(), ["in: a@1 #5 x2 +0", "in: a@3 #6 x2 +0"]);
    assert_eq!(world.numbers(), [3, 0, 3, 3, 0]);
    world.ack(1, "");
    assert_eq!(world.consumer.floor(), super::super::Pair { consumer: 1, stream: 1 });
}

#[test]
fn redeliveries_come_before_new_messages_and_despite_max_ack_pending() {
    let mut world = filled(ConsumerConfig { max_ack_pending: 2, ..pull() }, 4);
    assert_eq!(world.fetch("4").len(), 2);
    world.ack(2, "-NAK");
    assert_eq!(world.pump(), ["naked 2 x1", "in: a@2 #3 x2 +2"]);
    world.ack(1, "");
    assert_eq!(world.pump(), ["in: a@3 #4 x1 +1"]);
}

#[test]
fn backoff_is_counted_by_deliveries() {
    let backoff = [1, 5].map(Nanos::secs).to_vec();
    let mut world = filled(ConsumerConfig { backoff, ..pull() }, 1);
    world.pull("9", "in");
    world.pump();
    for (wait, count) in [(1, 2), (5, 3), (5, 4)] {
        world.pass(SECOND * wait - Duration::from_nanos(1));
        assert_eq!(world.take(), [""; 0]);
        world.pass(Duration::from_nanos(1));
        let again = alloc::format!("in: a@1 #{count} x{count} +0");
        assert_eq!(world.take(), [again]);
    }
}

#[test]
fn max_deliver_gives_up_and_tells_once() {
    let mut world = filled(ConsumerConfig { max_deliver: 2, ..pull() }, 2);
    world.consumer.set_retains(true);
    world.pull("9", "in");
    world.pump();
    world.ack(2, "");
    world.pass(SECOND * 100);
    let seen = ["in: a@1 #1 x1 +1", "in: a@2 #2 x1 +0"];
    assert_eq!(world.take(), ["release 2", "in: a@1 #3 x2 +0", "max deliveries 1 x2"], "{seen:?}");
    assert_eq!(world.numbers(), [2, 2, 0, 1, 0], "the floor passes it, and it is counted");
    assert!(world.consumer.needs(1, b"a"), "a dead letter stays in the stream");
    world.ack(1, "");
    assert_eq!(world.take(), ["release 1"], "until it is acked after all");
    assert!(!world.consumer.needs(1, b"a"));
}

#[test]
fn a_nak_after_the_last_delivery_gives_up_at_once() {
    let mut world = filled(ConsumerConfig { max_deliver: 1, ..pull() }, 1);
    world.fetch("1");
    world.ack(1, "-NAK");
    assert_eq!(world.pump(), ["naked 1 x1", "max deliveries 1 x1"]);
    let info = world.turn(|consumer, turn| consumer.info(turn));
    assert_eq!(info.num_redelivered, 0, "nothing was delivered again");
}

#[test]
fn ack_all_acks_what_is_before() {
    let mut world = filled(ConsumerConfig { ack_policy: AckPolicy::All, ..pull() }, 5);
    world.consumer.set_retains(true);
    world.fetch("4");
    world.ack_with(3, "", "r");
    let told = ["release 1", "release 2", "release 3", "r: acked durably"];
    assert_eq!(world.take(), told);
    assert_eq!(world.numbers(), [4, 3, 1, 0, 1]);
    world.ack_with(2, "", "r");
    assert_eq!(world.take(), ["r: acked durably"]);
    world.ack(4, "+TERM no");
    assert_eq!(world.take(), ["release 4", "terminated 4 x1 no"]);
    world.fetch("1");
    world.pull("9", "in");
    world.pass(SECOND * 30);
    assert_eq!(world.take(), ["in: a@5 #6 x2 +0"]);
}

#[test]
fn without_acks_a_delivery_is_an_ack() {
    let mut world = filled(ConsumerConfig { ack_policy: AckPolicy::None, ..pull() }, 2);
    world.consumer.set_retains(true);
    assert_eq!(world.fetch("2")[..2], ["in: a@1 #1 x1 +1", "release 1"]);
    assert_eq!(world.numbers(), [2, 2, 0, 0, 0]);
    world.ack_with(1, "", "r");
    assert_eq!(world.take(), [""; 0], "nobody listens for acks");
}

#[test]
fn an_ack_may_ask_for_the_next() {
    let mut world = filled(pull(), 4);
    world.fetch("1");
    world.ack_with(1, "+NXT", "n1");
    world.ack_with(1, "+NXT 2", "n2");
    let got = world.pump();
    assert_eq!(got, ["n1: a@2 #2 x1 +2", "n2: a@3 #3 x1 +1", "n2: a@4 #4 x1 +0"]);
    assert_eq!(world.numbers(), [4, 1, 3, 0, 0]);
}

#[test]
fn acks_are_sampled() {
    let mut world = filled(ConsumerConfig { sample_freq: "100%".into(), ..pull() }, 2);
    world.fetch("2");
    world.pass(SECOND);
    world.ack(1, "");
    assert_eq!(world.take(), ["sample 1 1s"]);
    world.consumer.config.sample_freq = "0".into();
    world.ack(2, "");
    assert_eq!(world.take(), [""; 0]);
}

#[test]
fn removed_messages_are_over() {
    let mut world = filled(pull(), 5);
    world.fetch("3");
    world.ack(2, "-NAK");
    world.take();
    world.remove(1);
    world.remove(2);
    world.remove(4);
    let over = "Unacknowledged message was deleted";
    let [first, second] = [1, 2].map(|seq| alloc::format!("terminated {seq} x1 {over}"));
    assert_eq!(world.take(), [first, second]);
    assert_eq!(world.numbers(), [3, 2, 1, 0, 1]);
    assert_eq!(world.fetch("9"), ["in: a@5 #4 x1 +0"]);
}

#[test]
fn trimming_is_like_removing_all_before() {
    let mut world = filled(pull(), 6);
    world.fetch("3");
    world.log.trim_to(3);
    world.turn(|consumer, turn| consumer.trimmed(turn));
    assert_eq!(world.numbers(), [3, 2, 1, 0, 3]);
    world.log.trim_to(6);
    world.turn(|consumer, turn| consumer.trimmed(turn));
    assert_eq!(world.numbers(), [3, 3, 0, 0, 1]);
    assert_eq!(world.fetch("9"), ["in: a@6 #4 x1 +0"]);
}

#[test]
fn a_purge_of_some_subjects_is_seen() {
    let mut world = World::new(pull());
    world.store_all(["a", "b", "a", "b", "a"]);
    world.fetch("3");
    for seq in [2, 3, 5] {
        world.log.remove(seq, false);
    }
    world.turn(|consumer, turn| consumer.purged(turn));
    assert_eq!(world.numbers(), [3, 0, 1, 0, 1]);
    assert_eq!(world.fetch("9"), ["in: b@4 #4 x1 +0"]);
}
