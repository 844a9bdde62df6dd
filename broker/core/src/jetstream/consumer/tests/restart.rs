//! State that is written, and read again.

use alloc::vec::Vec;

use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, DeliverPolicy};
use proptest::prelude::*;

use super::super::{BadState, Consumer};
use super::world::World;
use super::{filled, pull};
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn everything_comes_back() {
    let mut world = filled(ConsumerConfig { max_deliver: 2, ..pull() }, 8);
    world.fetch("2");
    world.keep();
    world.ack(1, "-NAK");
    world.fetch("4");
    world.keep();
    world.ack(1, "-NAK");
    world.ack(3, "");
    world.ack(4, r#"-NAK {"delay": 50000000000}"#);
    world.keep();
    let before = world.numbers();
    assert_eq!(before, [5, 1, 3, 1, 3], "{:?}", world.take());
    world.pass(SECOND * 5);
    world.take();
    world.crash();
    assert_eq!(world.numbers(), before);
    world.pull("9", "in");
    world.pass(SECOND * 24);
    let new = ["in: a@6 #7 x1 +2", "in: a@7 #8 x1 +1", "in: a@8 #9 x1 +0"];
    assert_eq!(world.take(), [""; 0], "{new:?}");
    world.pump();
    world.take();
    world.pass(SECOND);
    assert_eq!(world.take(), ["in: a@2 #10 x2 +0", "in: a@5 #11 x2 +0"], "30 s after delivery");
    world.pass(SECOND * 20);
    assert!(world.take().contains(&"in: a@4 #12 x2 +0".into()), "50 s after the nak");
}

#[test]
fn what_was_not_kept_is_delivered_again() {
    let mut world = filled(pull(), 4);
    world.fetch("1");
    world.keep();
    world.fetch("2");
    world.ack(2, "");
    world.crash();
    assert_eq!(world.numbers(), [1, 0, 1, 0, 3]);
    assert_eq!(world.fetch("1"), ["in: a@2 #2 x1 +2"]);
}

#[test]
fn queued_redeliveries_are_due_at_once() {
    let mut world = filled(pull(), 3);
    world.fetch("3");
    world.ack(3, "-NAK");
    world.ack(1, "-NAK");
    world.keep();
    world.crash();
    world.take();
    world.pull("9", "in");
    world.pass(Duration::ZERO);
    assert_eq!(world.take(), ["in: a@1 #4 x2 +0", "in: a@3 #5 x2 +0"]);
}

#[test]
fn a_list_of_last_messages_goes_on_where_it_was() {
    let mut world = World::new(pull());
    world.store_all(["a", "b", "a", "c"]);
    let config = ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, ..pull() };
    let mut world = World::on(world.log, config);
    world.fetch("1");
    world.keep();
    world.store("d");
    world.remove(3);
    world.crash();
    assert_eq!(world.consumer.num_pending(), 2);
    assert_eq!(world.fetch("9"), ["in: c@4 #2 x1 +1", "in: d@5 #3 x1 +0"]);
}

#[test]
fn messages_that_are_gone_are_forgotten() {
    let mut world = filled(ConsumerConfig { max_deliver: 1, ..pull() }, 4);
    world.fetch("3");
    world.ack(2, "-NAK");
    world.keep();
    world.log.remove(1, false);
    world.log.remove(2, false);
    world.crash();
    assert_eq!(world.numbers(), [3, 2, 1, 0, 1]);
    world.keep();
    assert_eq!(world.pieces.last().expect("a piece")[1], 0, "what it forgot is written as a whole");
}

#[test]
fn a_log_that_lost_its_end_gets_new_messages_delivered() {
    let mut world = filled(pull(), 6);
    world.fetch("5");
    world.ack(1, "");
    world.keep();
    // A log that has the first three messages only.
    let mut short = World::new(pull());
    short.store_all(["a"; 3]);
    world.log = short.log;
    world.crash();
    assert_eq!(world.numbers(), [3, 1, 2, 0, 0]);
    world.store_all(["b"; 2]);
    let got = world.fetch("9");
    assert_eq!(got, ["in: b@4 #6 x1 +1", "in: b@5 #7 x1 +0"], "consumer sequences go on");
}

#[test]
fn a_start_in_the_future_is_no_loss() {
    let deliver_policy = DeliverPolicy::ByStartSequence;
    let mut world = filled(ConsumerConfig { deliver_policy, opt_start_seq: 7, ..pull() }, 2);
    world.crash();
    world.store_all(["a"; 5]);
    assert_eq!(world.fetch("9"), ["in: a@7 #1 x1 +0"]);
}

#[test]
fn an_ack_that_is_kept_is_never_forgotten_and_costs_little() {
    let mut world = filled(ConsumerConfig { max_deliver: 1, ..pull() }, 300);
    world.pull("300", "in");
    world.pump();
    (1..=256).for_each(|seq| world.ack(seq, ""));
    world.keep();
    let piece = world.pieces.last().expect("a piece");
    assert!(piece.len() < 50 + 44 * 6, "44 deliveries: {} bytes", piece.len());
    world.ack(290, "-NAK");
    world.keep();
    (257..=300).for_each(|seq| world.ack(seq, ""));
    world.keep();
    world.crash();
    assert_eq!(world.numbers(), [300, 300, 0, 0, 0], "the dead letter was acked, too");
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let mut world = filled(pull(), 1);
    world.fetch("1");
    world.keep();
    let mut piece = Vec::new();
    world.fetch("1");
    assert!(!world.consumer.take_changes(world.now, &mut piece) && piece.is_empty());
}

#[test]
fn other_versions_and_empty_states_are_refused() {
    let mut world = World::new(pull());
    let mut restore = |pieces: &[&[u8]]| {
        let pieces = pieces.iter().copied();
        let result =
            Consumer::restore(pieces, pull(), world.setup.clone(), world.now, &mut world.log);
        result.map(|_| ()).expect_err("it is refused")
    };
    assert_eq!(restore(&[]), BadState::Malformed);
    assert_eq!(restore(&[&[2, 0]]), BadState::Version(2));
    assert_eq!(restore(&[&[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]), BadState::Malformed);
}

/// Restores what may be anything; if it is accepted, it works.
fn try_out(pieces: &[Vec<u8>], ack_policy: AckPolicy) {
    let mut world = filled(ConsumerConfig { ack_policy, max_deliver: 3, ..pull() }, 20);
    let (setup, now) = (world.setup.clone(), world.now);
    let config = world.consumer.config().clone();
    let bytes = pieces.iter().map(Vec::as_slice);
    if let Ok(consumer) = Consumer::restore(bytes, config, setup, now, &mut world.log) {
        world.consumer = consumer;
        world.pieces = pieces.to_vec();
        world.store_all(["a"; 3]);
        world.fetch("5");
        world.pass(SECOND * 100);
        world.keep();
        world.crash();
        world.fetch("9");
    }
}

/// The pieces of a consumer that has seen something.
fn real_pieces() -> Vec<Vec<u8>> {
    let mut world = filled(ConsumerConfig { max_deliver: 1, ..pull() }, 20);
    world.fetch("9");
    world.keep();
    world.ack(3, "");
    world.ack(5, "-NAK");
    world.ack(6, r#"-NAK {"delay": 50000000000}"#);
    world.fetch("3");
    world.keep();
    let mut whole = Vec::new();
    world.consumer.save(world.now, &mut whole);
    world.pieces.push(whole);
    world.pieces
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_restored(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..3),
        kinds in prop::collection::vec(0..2_u8, 3),
    ) {
        let mut pieces = pieces;
        try_out(&pieces, AckPolicy::Explicit);
        for (piece, kind) in pieces.iter_mut().zip(kinds) {
            if piece.len() >= 2 {
                (piece[0], piece[1]) = (1, kind);
            }
        }
        try_out(&pieces, AckPolicy::Explicit);
    }

    #[test]
    fn damaged_states_are_refused_or_restored(
        piece in 0..4_usize, at in 0..200_usize, byte in any::<u8>(), cut in 0..200_usize,
    ) {
        let mut pieces = real_pieces();
        let count = pieces.len();
        let damaged = &mut pieces[piece % count];
        let len = damaged.len();
        damaged[at % len] = byte;
        damaged.truncate(len.max(1) - cut.saturating_sub(180).min(len - 1));
        try_out(&pieces, AckPolicy::Explicit);
        try_out(&pieces, AckPolicy::All);
        try_out(&pieces, AckPolicy::None);
    }
}
