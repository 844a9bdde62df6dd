//! Priority groups.

use alloc::format;
use alloc::string::String;

use causeway_wire::jetstream::{ConsumerConfig, Nanos, PriorityPolicy};

use super::pull;
use super::world::World;
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn grouped(priority_policy: PriorityPolicy) -> ConsumerConfig {
    ConsumerConfig {
        priority_policy,
        priority_groups: alloc::vec!["g".into()],
        priority_timeout: Nanos::secs(60),
        ..pull()
    }
}

fn request(rest: &str) -> String {
    format!(r#"{{"batch":9,"group":"g"{rest}}}"#)
}

#[test]
fn a_group_is_to_be_named() {
    let mut world = World::new(grouped(PriorityPolicy::Overflow));
    let missing = world.fetch(r#"{"batch":1}"#);
    assert_eq!(missing, ["in: 400 Bad Request - Priority Group missing"]);
    let unknown = world.fetch(r#"{"batch":1,"group":"x"}"#);
    assert_eq!(unknown, ["in: 400 Bad Request - Invalid Priority Group"]);
    assert_eq!(world.fetch("1"), [""; 0], "a number names none");
}

#[test]
fn overflow_takes_what_is_too_much_for_the_others() {
    let mut world = World::new(grouped(PriorityPolicy::Overflow));
    world.pull(&request(r#","min_pending":3"#), "over");
    world.store_all(["a"; 4]);
    assert_eq!(world.pump(), ["over: a@1 #1 x1 +3", "over: a@2 #2 x1 +2"]);
    world.pull(&request(r#","min_ack_pending":3"#), "acks");
    assert_eq!(world.pump(), [""; 0]);
    world.pull(r#"{"batch":1,"group":"g"}"#, "any");
    let got = world.pump();
    assert_eq!(got, ["any: a@3 #3 x1 +1", "acks: a@4 #4 x1 +0"]);
}

#[test]
fn one_client_is_pinned_until_it_is_silent() {
    let mut world = World::new(grouped(PriorityPolicy::PinnedClient));
    world.pull(&request(""), "x");
    world.pull(&request(""), "y");
    world.store_all(["a"; 2]);
    let lines = world.pump();
    let pin: String = lines[0].strip_prefix("pinned g ").expect("a pin").into();
    assert_eq!(pin.len(), 22);
    let got = [1, 2].map(|seq| format!("x: a@{seq} #{seq} x1 +{} Nats-Pin-Id: {pin};", 2 - seq));
    assert_eq!(lines[1..], got);
    (1..=2).for_each(|seq| world.ack(seq, ""));
    let wrong = world.fetch(&request(r#","id":"no""#));
    assert_eq!(wrong, ["in: 423 Nats-Pin-Id mismatch"]);

    world.pass(SECOND * 50);
    world.take();
    world.pull(&request(&format!(r#","id":"{pin}""#)), "x2");
    world.pass(SECOND * 50);
    world.take();
    world.turn(|consumer, turn| {
        let info = consumer.info(turn);
        assert_eq!(info.priority_groups[0].pinned_client_id, pin, "its request counts as life");
    });
    world.pass(SECOND * 10);
    assert!(world.take().contains(&"unpinned g Timeout".into()));
    world.store_all(["a"; 2]);
    let lines = world.pump();
    assert!(lines[1].starts_with("y: a@3 "), "{lines:?}");
    let wrong = "x: 423 Nats-Wrong-Pin-Id Nats-Pending-Messages=7 Nats-Pending-Bytes=0";
    assert!(lines.contains(&wrong.into()), "{lines:?}");
    assert!(lines.last().expect("a delivery").starts_with("y: a@4 "), "{lines:?}");
}

#[test]
fn an_operator_takes_the_pin_away() {
    let mut world = World::new(grouped(PriorityPolicy::PinnedClient));
    world.pull(&request(""), "x");
    world.pull(&request(""), "y");
    world.store("a");
    world.pump();
    assert!(!world.turn(|consumer, turn| consumer.unpin(turn, "z")));
    assert!(world.turn(|consumer, turn| consumer.unpin(turn, "g")));
    assert_eq!(world.take(), ["unpinned g Admin"]);
    world.store("a");
    assert!(world.pump().last().expect("a delivery").starts_with("y: a@2 "));
}

#[test]
fn a_pin_is_not_given_for_a_message_that_is_too_large() {
    let mut world = World::new(grouped(PriorityPolicy::PinnedClient));
    world.pull(&request(r#","max_bytes":5"#), "x");
    world.store("a");
    let refused =
        "x: 409 Message Size Exceeds MaxBytes Nats-Pending-Messages=9 Nats-Pending-Bytes=5";
    assert_eq!(world.pump(), [refused]);
    assert!(world.consumer.pin.is_none());
}

#[test]
fn low_priorities_come_first() {
    let mut world = World::new(grouped(PriorityPolicy::Prioritized));
    world.pull(r#"{"batch":2,"group":"g","priority":2}"#, "late");
    world.pull(r#"{"batch":1,"group":"g","priority":1}"#, "early");
    world.store_all(["a"; 3]);
    let got = world.pump();
    assert_eq!(got, ["early: a@1 #1 x1 +2", "late: a@2 #2 x1 +1", "late: a@3 #3 x1 +0"]);
}
