//! Faults of connections.

use super::*;
use crate::net::Slice;

const BOTH: [bool; 2] = [true, true];

impl World {
    fn hold(&mut self, [forward, backward]: [bool; 2]) {
        let [a, b] = self.places;
        for (from, to, on) in [(a, b, forward), (b, a, backward)] {
            if on {
                self.net.hold(self.now, from, to, &mut self.queue);
            }
        }
    }

    fn let_go(&mut self, [forward, backward]: [bool; 2]) {
        let [a, b] = self.places;
        for (from, to, on) in [(a, b, forward), (b, a, backward)] {
            if on {
                self.net.let_go(self.now, from, to, &mut self.queue);
            }
        }
    }

    fn slice(&mut self, bytes: u64, every_ns: u64, on: bool) {
        let [a, b] = self.places;
        let slice = Slice { fault: 0, bytes, every_ns };
        self.net.slice(self.now, (a, b), slice, on, &mut self.queue);
    }

    /// The acceptor has something to say.
    fn answer(&mut self) {
        let bytes = std::iter::once(&b"x"[..]);
        self.net.write(self.now, self.conn, Side::Acceptor, bytes, &mut self.queue);
    }
}

#[test]
fn what_is_held_comes_at_once_and_in_order() {
    let mut world = World::open();
    world.write(10);
    world.run_until(world.now + MS);
    world.hold(BOTH);
    world.write(20);
    world.run_until(2 * SECOND);
    world.write(30);
    world.run_until(3 * SECOND);
    assert_eq!(world.read, 0, "what was under way waits too");
    world.let_go(BOTH);
    world.run_until(9 * SECOND);
    assert_eq!(world.reads, [(3 * SECOND, 60)]);
    world.write(1);
    world.run_until(10 * SECOND);
    assert_eq!(world.reads[1..], [(9 * SECOND + LATENCY, 1)], "and all is as before");
    world.run_until(60 * SECOND);
    assert_eq!(world.broken, [None, None]);
}

#[test]
fn tcp_gives_up_what_is_held_too_long() {
    let mut world = World::open();
    world.hold([false, true]);
    world.write(10);
    world.run_until(60 * SECOND);
    assert_eq!(world.read, 10, "bytes pass the other way");
    assert_eq!(world.broken, [Some(SECOND + TIMEOUT), None], "their acknowledgements do not");
}

#[test]
fn fin_and_rst_wait_as_bytes_do() {
    let mut world = World::open();
    world.hold(BOTH);
    world.write(10);
    world.net.close(world.now, world.conn, Side::Dialler, &mut world.queue);
    world.run_until(3 * SECOND);
    assert_eq!(world.ended, None);
    world.let_go(BOTH);
    world.run_until(3 * SECOND);
    assert_eq!((world.read, world.ended), (10, Some(3 * SECOND)));

    let mut world = World::open();
    world.hold(BOTH);
    world.net.reset(world.now, world.conn, Side::Acceptor, &mut world.queue);
    world.run_until(3 * SECOND);
    assert_eq!(world.broken, [None, None]);
    world.let_go(BOTH);
    world.run_until(3 * SECOND);
    assert_eq!(world.broken, [None, Some(3 * SECOND)]);
}

#[test]
fn a_hold_and_a_cut_are_over_when_both_are() {
    for hold_first in BOTH {
        let mut world = World::open();
        world.hold(BOTH);
        world.cut(true, true);
        world.write(10);
        world.run_until(2 * SECOND);
        if hold_first {
            world.let_go(BOTH)
        } else {
            world.heal(true, true)
        }
        world.run_until(3 * SECOND);
        assert_eq!(world.read, 0);
        if hold_first {
            world.heal(true, true)
        } else {
            world.let_go(BOTH)
        }
        world.run_until(9 * SECOND);
        assert_eq!(world.read, 10);
    }
}

#[test]
fn a_writer_that_waits_for_room_is_told_when_the_hold_is_over() {
    let mut world = World::open();
    world.hold([false, true]);
    world.write(3 * WINDOW as usize);
    world.run_until(3 * SECOND);
    assert_eq!((world.written, world.read), (WINDOW as usize, WINDOW as usize));
    world.let_go(BOTH);
    world.run_until(9 * SECOND);
    assert_eq!(world.read, 3 * WINDOW as usize);
}

#[test]
fn a_stream_breaks_in_the_middle_and_both_ends_are_reset() {
    let mut points = Vec::new();
    for fault in 0..20 {
        let mut world = World::open();
        let [a, b] = world.places;
        world.net.break_streams(fault, a, b, 1_000, false);
        world.write(2_000);
        world.run_until(9 * SECOND);
        let told = Some(SECOND + LATENCY);
        assert_eq!(world.broken, [told, told]);
        assert!((1..=1_000).contains(&world.read), "{}", world.read);
        assert_eq!((world.written, world.ended), (world.read, None));
        assert_eq!(world.net.len(), 0);
        points.push(world.read);
    }
    points.sort_unstable();
    points.dedup();
    assert!(points.len() > 15, "each at a point of its own: {points:?}");
}

#[test]
fn a_stream_may_end_in_order_with_more_to_come() {
    let mut world = World::open();
    let [a, b] = world.places;
    world.net.break_streams(0, a, b, 1_000, true);
    world.write(2_000);
    world.run_until(9 * SECOND);
    assert_eq!(world.broken, [None, None]);
    assert_eq!(world.ended, Some(SECOND + LATENCY));
    assert!(world.read <= 1_000 && world.written == world.read);
}

#[test]
fn only_its_own_way_breaks_and_only_in_time() {
    let mut world = World::open();
    let [a, b] = world.places;
    world.net.break_streams(0, b, a, 1, false);
    world.write(2_000);
    world.run_until(2 * SECOND);
    assert_eq!((world.read, world.broken), (2_000, [None, None]));

    let mut world = World::open();
    world.net.break_streams(0, a, b, 1_000_000, false);
    world.write(10);
    world.net.spare_streams(a, b);
    for _ in 0..500 {
        world.write(4_000);
        world.run_until(world.now + SECOND);
    }
    assert_eq!((world.read, world.broken), (2_000_010, [None, None]));
}

#[test]
fn what_is_sliced_is_read_byte_by_byte() {
    let mut world = World::open();
    world.slice(1, 0, true);
    world.write(100);
    world.run_until(2 * SECOND);
    assert_eq!(world.reads, [(SECOND + LATENCY, 1); 100]);
    world.slice(1, 0, false);
    world.write(100);
    world.run_until(3 * SECOND);
    assert_eq!(world.reads[100..], [(2 * SECOND + LATENCY, 100)]);
}

#[test]
fn a_slow_slice_takes_its_time_and_its_end_frees_the_rest() {
    let mut world = World::open();
    world.slice(3, 10 * MS, true);
    world.write(1_000);
    world.run_until(2 * SECOND);
    assert!(world.reads.iter().all(|(_, bytes)| (1..=3).contains(bytes)));
    assert!(world.reads.windows(2).all(|two| two[1].0 - two[0].0 == 10 * MS));
    let (read, pieces) = (world.read, world.reads.len());
    assert!((95..=100).contains(&pieces) && read < 300, "{pieces} pieces of {read} bytes");
    world.slice(3, 10 * MS, false);
    world.run_until(3 * SECOND);
    assert_eq!(world.reads[pieces..], [(2 * SECOND, 1_000 - read)]);
}

#[test]
fn a_new_connection_is_sliced_too_and_the_latest_slice_decides() {
    let mut world = World::open();
    world.slice(1, 0, true);
    let [a, b] = world.places;
    let slow = Slice { fault: 1, bytes: 1, every_ns: SECOND };
    world.net.slice(world.now, (a, b), slow, true, &mut world.queue);
    let id = world.net.open(world.now, [a, b], [(), ()], &[2], &mut world.queue);
    let mut piece = |now| {
        let conn = world.net.get_mut(id).unwrap();
        conn.pipe_mut(Side::Dialler).chunker().piece(now, 100)
    };
    assert_eq!((piece(0), piece(1)), (Piece::Read(1), Piece::Wait(SECOND - 1)));
    world.net.slice(world.now, (a, b), slow, false, &mut world.queue);
    let conn = world.net.get_mut(id).unwrap();
    let chunker = conn.pipe_mut(Side::Dialler).chunker();
    assert_eq!((chunker.piece(0, 100), chunker.piece(0, 100)), (Piece::Read(1), Piece::Read(1)));
}

#[test]
fn who_has_moved_is_told_when_it_sends_and_its_peer_never() {
    let mut world = World::open();
    let [a, b] = world.places;
    world.net.rebind(world.now, a, b, &mut world.queue);
    world.run_until(5 * SECOND);
    assert_eq!(world.broken, [None, None], "an idle connection shows nothing");
    world.answer();
    world.write(10);
    world.run_until(6 * SECOND);
    assert_eq!((world.read, world.broken), (0, [Some(5 * SECOND + 2 * LATENCY), None]));
    world.run_until(60 * SECOND);
    assert_eq!(world.broken[1], Some(5 * SECOND + TIMEOUT), "nobody acknowledges");
    assert_eq!(world.net.len(), 0);
}

#[test]
fn what_is_sent_to_the_old_address_is_lost_whatever_heals() {
    let mut world = World::open();
    let [a, b] = world.places;
    world.write(10);
    world.net.rebind(world.now, b, a, &mut world.queue);
    world.cut(true, true);
    world.run_until(2 * SECOND);
    world.heal(true, true);
    world.write(10);
    world.run_until(60 * SECOND);
    assert_eq!((world.read, world.broken), (0, [Some(SECOND + TIMEOUT), None]));
}
