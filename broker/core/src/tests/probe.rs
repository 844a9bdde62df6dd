//! Which connection with a server is asked for a sign of life, and when.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::world::World;
use crate::time::Duration;

const LANES: usize = 3;

/// A node and a peer of hand-made lines, with one connection for each slot of the pool. All have
/// answered the first ping, a second after they were opened.
struct Pool {
    world: World,
    node: usize,
    lanes: [usize; LANES],
}

impl Pool {
    fn new() -> Self {
        let mut pool = Self::unasked();
        assert_eq!(pool.pass(1, &[]), [[1], [1], [1]], "how far is it?");
        pool
    }

    /// A quarter of a second before the first ping.
    fn unasked() -> Self {
        let mut world = World::new();
        let node = world.member(&[], |_| {});
        let lanes = [0, 1, 2].map(|slot| {
            let peer = world.route_client(node);
            world.send(peer, "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\n");
            let info = format!(
                "INFO {{\"server_id\":\"x\",\"server_name\":\"x\",\"cluster\":\"C\",\
                 \"route_pool_size\":3,\"route_pool_idx\":{slot}}}\r\n"
            );
            world.send(peer, &info);
            peer
        });
        let mut pool = Self { world, node, lanes };
        pool.world.pass(Duration::from_millis(750));
        pool
    }

    /// Lets time pass in steps of a quarter of a second, and answers on all connections but those
    /// that are dead. Says in which quarter a ping came on each.
    fn pass(&mut self, quarters: u32, dead: &[usize]) -> [Vec<u32>; LANES] {
        let mut asked: [Vec<u32>; LANES] = Default::default();
        for quarter in 1..=quarters {
            self.world.pass(Duration::from_millis(250));
            for (slot, lane) in self.lanes.into_iter().enumerate() {
                if self.world.read(lane).contains("PING") {
                    asked[slot].push(quarter);
                    if !dead.contains(&slot) {
                        self.world.send(lane, "PONG\r\n");
                    }
                }
            }
        }
        asked
    }

    fn is_open(&mut self, slot: usize) -> bool {
        !self.world.read(self.lanes[slot]).ends_with("-closed-")
    }
}

#[test]
fn one_is_asked_for_all() {
    let mut pool = Pool::new();
    // Two seconds of silence each, or six.
    let [watch, spare, other] = pool.pass(60, &[]);
    assert_eq!(watch, [8, 16, 24, 32, 40, 48, 56]);
    assert_eq!((spare, other), (vec![24, 48], vec![24, 48]));
}

#[test]
fn what_was_said_must_have_arrived() {
    let mut pool = Pool::new();
    let client = pool.world.quiet_client(pool.node);
    // The account's own slot of the pool hears of it, and nothing comes back.
    pool.world.send(client, "SUB news 1\r\n");
    let told = pool.lanes.map(|lane| pool.world.read(lane).contains("RS+"));
    assert_eq!(told.iter().filter(|told| **told).count(), 1);
    let slot = told.iter().position(|told| *told).unwrap();
    assert_ne!(slot, 0, "or the watch would prove nothing");
    let asked = pool.pass(16, &[]);
    assert_eq!(asked[slot], [8], "asked once, and once it has answered it is a spare one again");
    assert_eq!(asked[3 - slot], Vec::<u32>::new());
}

#[test]
fn an_answer_that_is_late_makes_us_ask_on_all() {
    let mut pool = Pool::new();
    // Asked after 2 s, late after another 0.875, cut off after 3.5 of asking.
    let asked = pool.pass(21, &[0]);
    assert_eq!(asked, [vec![8], vec![12], vec![12]]);
    assert!(pool.is_open(0));
    let asked = pool.pass(1, &[0]);
    assert!(!pool.is_open(0) && pool.is_open(1) && pool.is_open(2));
    assert_eq!(asked[1..], [[1], [1]], "once more, because one is gone");
}

#[test]
fn a_black_hole_takes_all_within_six_seconds() {
    let mut pool = Pool::new();
    pool.pass(21, &[0, 1, 2]);
    assert!((0..LANES).all(|slot| pool.is_open(slot)));
    pool.pass(1, &[0, 1, 2]);
    assert!((0..LANES).all(|slot| !pool.is_open(slot)));
}

#[test]
fn without_a_watch_each_watches_for_itself() {
    let mut pool = Pool::new();
    pool.world.hang_up(pool.lanes[0]);
    let [_, one, other] = pool.pass(32, &[]);
    assert_eq!((one, other), (vec![8, 16, 24, 32], vec![8, 16, 24, 32]));
    let mut pool = Pool::new();
    pool.world.hang_up(pool.lanes[0]);
    pool.pass(21, &[1]);
    assert!(pool.is_open(1) && pool.is_open(2));
    pool.pass(2, &[1]);
    assert!(!pool.is_open(1) && pool.is_open(2));
}

#[test]
fn where_much_moves_an_answer_may_take_longer() {
    for (bytes, quarters) in [(1_000, 14), (40_000, 56)] {
        let mut pool = Pool::new();
        pool.pass(24, &[2]);
        // The last one was asked just now, and its answer waits behind what comes beside it.
        let message = format!("RMSG $G x {bytes}\r\n{}\r\n", "-".repeat(bytes));
        pool.world.send(pool.lanes[1], message);
        pool.pass(quarters - 1, &[2]);
        assert!(pool.is_open(2), "{bytes}");
        pool.pass(1, &[2]);
        assert!(!pool.is_open(2) && pool.is_open(1), "{bytes}");
    }
}

/// One that is far away may answer later than others. These must not lose the time that it had.
#[test]
fn a_patient_one_that_is_late_takes_no_time_from_the_others() {
    let mut pool = Pool::unasked();
    pool.pass(5, &[0]);
    pool.world.send(pool.lanes[0], "PONG\r\n");
    let asked = pool.pass(16, &[0, 1, 2]);
    assert_eq!(asked, [[8], [16], [16]], "late after two seconds, for a round trip of one");
    pool.pass(8, &[0, 1, 2]);
    assert!((0..LANES).all(|slot| pool.is_open(slot)), "two seconds later");
}
