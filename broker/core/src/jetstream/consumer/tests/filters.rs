//! Filters, and the number of messages that are still to come.

use causeway_wire::jetstream::ConsumerConfig;

use super::pull;
use super::world::World;

fn filtered(filters: &[&str]) -> ConsumerConfig {
    let filter_subjects = filters.iter().map(|filter| (*filter).into()).collect();
    ConsumerConfig { filter_subjects, ..pull() }
}

#[test]
fn only_what_matches_is_delivered_and_counted() {
    let mut world = World::new(filtered(&["a.*", "b"]));
    world.store_all(["a.1", "c", "b", "a.1.2", "a.2", "c"]);
    assert_eq!(world.consumer.num_pending(), 3);
    let got = world.fetch("9");
    assert_eq!(got, ["in: a.1@1 #1 x1 +2", "in: b@3 #2 x1 +1", "in: a.2@5 #3 x1 +0"]);
    assert_eq!(world.consumer.last_looked_at().stream, 6, "it looked at the rest, too");
    world.ack(1, "");
    assert_eq!(world.consumer.floor(), super::super::Pair { consumer: 1, stream: 2 });
    assert!(!world.consumer.needs(2, b"c") && world.consumer.needs(3, b"b"));
    assert!(!world.consumer.needs(7, b"c") && world.consumer.needs(7, b"b"));
}

#[test]
fn the_floor_stays_where_it_was_until_something_is_acked() {
    let mut world = World::new(filtered(&["b"]));
    world.store_all(["a", "a", "b", "a", "b"]);
    world.fetch("9");
    assert_eq!(world.numbers(), [5, 0, 2, 0, 0]);
    world.ack(3, "");
    assert_eq!(world.numbers(), [5, 4, 1, 0, 0]);
}

#[test]
fn removing_counts_for_those_that_match_and_are_ahead() {
    let mut world = World::new(filtered(&["a"]));
    world.store_all(["a", "b", "a", "b", "a"]);
    world.fetch("1");
    world.remove(4);
    assert_eq!(world.consumer.num_pending(), 2);
    world.remove(3);
    assert_eq!(world.consumer.num_pending(), 1);
    assert_eq!(world.fetch("1"), ["in: a@5 #2 x1 +0"]);
}

#[test]
fn other_filters_count_from_where_it_is() {
    let mut world = World::new(filtered(&["a"]));
    world.store_all(["a", "b", "a", "b", "c"]);
    world.fetch("1");
    let updated = world.turn(|consumer, turn| consumer.update(turn, filtered(&["b", "c"])));
    assert!(updated.filters);
    assert_eq!(world.consumer.num_pending(), 3);
    let got = world.fetch("9");
    assert_eq!(got, ["in: b@2 #2 x1 +2", "in: b@4 #3 x1 +1", "in: c@5 #4 x1 +0"]);
    let updated = world.turn(|consumer, turn| consumer.update(turn, filtered(&["b", "c"])));
    assert!(!updated.filters);
}
