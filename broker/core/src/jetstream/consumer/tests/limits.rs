//! What is large: a million deliveries that wait, and turns that have an end.

use causeway_wire::jetstream::{AckSubject, ConsumerConfig};

use super::super::{Actions, Pump, Turn, limits};
use super::pull;
use super::world::World;
use crate::time::Duration;

#[test]
fn a_turn_ends_when_its_budget_is_used_up() {
    let mut world = World::new(pull());
    world.store_all(["a"; 10]);
    world.pull("10", "in");
    let pumped = world.turn(|consumer, turn| consumer.pump(turn, 200));
    assert_eq!((pumped, world.take().len()), (Pump::More, 2));
    assert_eq!(world.pump().len(), 8);
}

#[test]
fn a_million_deliveries_wait() {
    const MANY: u64 = 1_000_000;
    let mut world = World::new(ConsumerConfig { max_ack_pending: -1, ..pull() });
    for _ in 0..MANY {
        world.store("a");
    }
    let World { log, consumer, now, .. } = &mut world;
    let mut out = Actions::default();
    let mut turn = Turn {
        now: *now,
        log,
        ops: &mut alloc::vec::Vec::new(),
        interest: &mut |_| true,
        draw: &mut || 0,
        out: &mut out,
    };
    consumer.pull(&mut turn, alloc::format!("{MANY}").as_bytes(), b"in");
    while consumer.pump(&mut turn, 1 << 20) == Pump::More {
        turn.out.clear();
    }
    assert_eq!(consumer.pending.len() as u64, MANY);
    let ack = |consumer: &mut super::super::Consumer, turn: &mut Turn<'_>, seq: u64| {
        let subject = AckSubject {
            stream: b"S",
            consumer: b"C",
            deliveries: 1,
            stream_seq: seq,
            consumer_seq: seq,
            timestamp: 0,
            pending: 0,
        };
        consumer.ack(turn, &subject, b"", b"");
    };
    // Every second one, and from the end: the worst order for the table.
    (1..=MANY / 2).rev().for_each(|half| ack(consumer, &mut turn, 2 * half));
    assert_eq!(consumer.pending.len() as u64, MANY / 2);
    turn.now.mono = turn.now.mono + Duration::from_secs(30);
    let mut turns = 0;
    while consumer.deadline().is_some_and(|at| at <= turn.now.mono) {
        consumer.tick(&mut turn);
        turns += 1;
    }
    assert_eq!(consumer.pending.queued() as u64, MANY / 2);
    assert!(turns >= MANY / 2 / limits::EXPIRED_PER_TURN as u64);
    (1..=MANY / 2).for_each(|half| ack(consumer, &mut turn, 2 * half - 1));
    assert_eq!(consumer.floor().stream, MANY);
    let mut piece = alloc::vec::Vec::new();
    assert!(consumer.take_changes(turn.now, &mut piece));
    assert!(piece.len() < 100, "nothing is left to be told: {}", piece.len());
}

#[test]
fn a_long_list_of_changes_becomes_the_whole_state() {
    let mut world = World::new(ConsumerConfig { max_ack_pending: -1, ..pull() });
    let subjects = limits::CHANGES_LEAST + 10;
    world.store_all((0..subjects).map(|_| "a"));
    world.pull(&alloc::format!("{subjects}"), "in");
    for _ in 0..3 {
        world.pump();
        world.consumer.pending.change_all();
    }
    world.keep();
    assert_eq!(world.pieces[1][1], 0, "the piece is whole");
    world.crash();
    assert_eq!(world.consumer.pending.len(), subjects);
}
