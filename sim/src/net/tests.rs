//! The network by itself: one end writes, the other reads.

use super::*;
use crate::ids::{NodeId, RegionId};
use crate::plan::{ConfigPlan, LinkPlan, NodePlan, PathPlan, Plan, RegionPlan, Site};
use crate::units::{MS, SECOND};

const LATENCY: u64 = 10 * MS;
const TIMEOUT: u64 = 10 * SECOND;
const WINDOW: u64 = 1_000;

/// Three regions of one node; a path joins the first two.
fn plan(link: LinkPlan) -> Plan {
    let region = |name: &str| RegionPlan { name: name.to_owned(), link: LinkPlan::default() };
    let node = |region| NodePlan {
        name: format!("{region}/1"),
        region: RegionId(region),
        cluster: "c".to_owned(),
        start_ns: 0,
        wall_ns: 0,
        routes: Vec::new(),
        config: ConfigPlan::default(),
        release: crate::scenario::Release::default(),
        jetstream: None,
        buffer: None,
    };
    Plan {
        regions: vec![region("a"), region("b"), region("c")],
        paths: vec![PathPlan { a: RegionId(0), b: RegionId(1), link }],
        nodes: vec![node(0), node(1), node(2)],
        ..Plan::default()
    }
}

fn link() -> LinkPlan {
    LinkPlan { latency_ns: LATENCY, ..LinkPlan::default() }
}

/// The n-th byte of everything that the dialler writes.
fn byte(n: usize) -> u8 {
    (n % 251) as u8
}

/// A connection whose dialler writes and whose acceptor reads.
struct World {
    net: Net<()>,
    queue: Queue,
    now: u64,
    places: [Place; 2],
    conn: ConnId,
    /// Bytes that the dialler wants to have written, and has.
    wanted: usize,
    written: usize,
    read: usize,
    /// When each read was, and its size.
    reads: Vec<(u64, usize)>,
    opened: Option<u64>,
    ended: Option<u64>,
    /// When a side was told that the connection is broken.
    broken: [Option<u64>; 2],
    reading: bool,
}

impl World {
    fn new(link: LinkPlan, chunking: Chunking) -> Self {
        let links = Links::of(&plan(link));
        let places = [0, 1].map(|n| links.place(Site::Node(NodeId(n))));
        let mut net = Net::new(links, WINDOW, TIMEOUT, chunking, 7);
        let mut queue = Queue::default();
        let conn = net.open(0, places, [(), ()], &[1], &mut queue);
        Self {
            net,
            queue,
            now: 0,
            places,
            conn,
            wanted: 0,
            written: 0,
            read: 0,
            reads: Vec::new(),
            opened: None,
            ended: None,
            broken: [None; 2],
            reading: true,
        }
    }

    /// A world in which the handshake is over.
    fn open() -> Self {
        let mut world = Self::new(link(), Chunking::Off);
        world.run_until(SECOND);
        assert_eq!(world.opened, Some(LATENCY));
        world
    }

    fn write(&mut self, bytes: usize) {
        self.wanted += bytes;
        self.flush();
    }

    fn flush(&mut self) {
        let bytes: Vec<u8> = (self.written..self.wanted).map(byte).collect();
        let written =
            self.net.write(self.now, self.conn, Side::Dialler, bytes.chunks(300), &mut self.queue);
        self.written += written.bytes;
        assert!(self.written - self.read <= WINDOW as usize, "never more than a window ahead");
    }

    fn run_until(&mut self, until: u64) {
        while self.queue.peek().is_some_and(|(at, _)| at <= until) {
            let (at, due) = self.queue.pop().unwrap();
            assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.step(at, due);
        }
        self.now = until;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a network by itself knows no others")]
    fn step(&mut self, at: u64, due: Due) {
        match due {
            Due::Pipe(id, Side::Dialler) => self.pipe(id),
            Due::Pipe(id, Side::Acceptor) => {
                let conn = self.net.get_mut(id).unwrap();
                if conn.pipe_mut(Side::Acceptor).woken(at) {
                    conn.pipe_mut(Side::Acceptor).arrive(at);
                    self.net.after_read(at, id, Side::Acceptor, &mut self.queue);
                }
            }
            Due::Space(..) => self.flush(),
            Due::Unacked(id, side) => {
                if self.net.unacked_until(id, side).is_some_and(|until| until <= at) {
                    self.broken[side as usize] = Some(at);
                    self.net.abandon(id, side);
                }
            }
            Due::Reset(id, side) => {
                if self.net.get(id).is_some() {
                    self.broken[side as usize] = Some(at);
                    self.net.abandon(id, side);
                }
            }
            Due::Drained(id, side) => self.net.drained(at, id, side, &mut self.queue),
            other => panic!("nobody asked for {other:?}"),
        }
    }

    fn pipe(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.net.get_mut(id) else { return };
        let unknown = conn.moved == Some(Side::Dialler);
        let state = conn.state(Side::Acceptor);
        let pipe = conn.pipe_mut(Side::Dialler);
        if !pipe.woken(now) {
            return;
        }
        let arrival = pipe.arrive(now);
        if unknown {
            self.net.reset_moved(now, id, Side::Dialler, &mut self.queue);
            self.net.after_read(now, id, Side::Dialler, &mut self.queue);
            return;
        }
        if state == EndState::Draining {
            self.net.drop_input(now, id, Side::Dialler, &mut self.queue);
            return;
        }
        if state == EndState::Closed {
            if arrival.anything {
                self.net.reset(now, id, Side::Dialler, &mut self.queue);
            }
            self.net.after_read(now, id, Side::Dialler, &mut self.queue);
            return;
        }
        if state == EndState::Pending && arrival.opens {
            self.opened = Some(now);
            conn.states[1] = EndState::Open;
        }
        self.take(id);
    }

    fn take(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.net.get_mut(id) else { return };
        let pipe = conn.pipe_mut(Side::Dialler);
        if self.reading && pipe.readable() > 0 {
            let readable = pipe.readable() as usize;
            match pipe.chunker().piece(now, readable) {
                Piece::Wait(ns) => {
                    self.net.wake_reader(id, Side::Dialler, now + ns, &mut self.queue);
                    return;
                }
                Piece::Read(bytes) => {
                    for got in pipe.peek(bytes) {
                        assert_eq!(*got, byte(self.read), "in order, nothing lost or doubled");
                        self.read += 1;
                    }
                    pipe.consume(bytes);
                    self.reads.push((now, bytes));
                }
            }
            if pipe.readable() > 0 {
                self.net.wake_reader(id, Side::Dialler, now, &mut self.queue);
            }
        }
        if let Some(conn) = self.net.get(id)
            && self.reading
            && conn.pipe(Side::Dialler).at_end()
        {
            if conn.pipe(Side::Dialler).ends_broken() {
                self.broken[1] = Some(now);
                self.net.abandon(id, Side::Acceptor);
            } else {
                self.ended.get_or_insert(now);
            }
        }
        self.net.after_read(now, id, Side::Dialler, &mut self.queue);
    }

    fn read_again(&mut self) {
        self.reading = true;
        self.net.wake_reader(self.conn, Side::Dialler, self.now, &mut self.queue);
    }

    fn cut(&mut self, forward: bool, backward: bool) {
        let [a, b] = self.places;
        if forward {
            self.net.cut(self.now, a, b, &mut self.queue);
        }
        if backward {
            self.net.cut(self.now, b, a, &mut self.queue);
        }
    }

    fn heal(&mut self, forward: bool, backward: bool) {
        let [a, b] = self.places;
        if forward {
            self.net.heal(self.now, a, b, &mut self.queue);
        }
        if backward {
            self.net.heal(self.now, b, a, &mut self.queue);
        }
    }
}

mod faults;
mod links;

#[test]
fn bytes_take_the_latency_and_keep_their_order() {
    let mut world = World::open();
    world.write(10);
    world.run_until(world.now + MS);
    world.write(20);
    world.run_until(2 * SECOND);
    assert_eq!(world.reads, [(SECOND + LATENCY, 10), (SECOND + MS + LATENCY, 20)]);
}

#[test]
fn jitter_never_lets_bytes_overtake_each_other() {
    let noisy = LinkPlan { jitter_ns: 50 * MS, loss_ppm: 100_000, ..link() };
    let mut world = World::new(noisy, Chunking::Off);
    for _ in 0..200 {
        world.write(3);
        world.run_until(world.now + MS);
    }
    world.run_until(60 * SECOND);
    assert_eq!(world.read, 600);
    let slowest = world.reads.iter().map(|(at, _)| at).max().unwrap();
    assert!(*slowest > 200 * MS, "losses show as delay: {slowest}");
}

#[test]
fn however_bytes_are_cut_all_arrive() {
    for chunking in Chunking::ALL {
        let mut world = World::new(link(), chunking);
        for size in [1, 700, 5_000, 2, 13] {
            world.write(size);
            world.run_until(world.now + 3 * MS);
        }
        world.run_until(60 * SECOND);
        assert_eq!(world.read, 5_716, "{chunking:?}");
        let pieces = world.reads.len();
        assert!(chunking == Chunking::Off || pieces > 12, "{chunking:?}: {pieces}");
    }
}

#[test]
fn a_narrow_link_delays_what_queues() {
    let narrow = LinkPlan { bandwidth: 10_000, ..link() };
    let mut world = World::new(narrow, Chunking::Off);
    world.write(100);
    world.write(100);
    world.run_until(SECOND);
    // 100 bytes take 10 ms each.
    assert_eq!(world.reads, [(20 * MS, 100), (30 * MS, 100)]);
}

#[test]
fn a_reader_that_does_not_read_holds_its_writer() {
    let mut world = World::open();
    world.reading = false;
    world.write(5_000);
    world.run_until(5 * SECOND);
    assert_eq!((world.written, world.read), (WINDOW as usize, 0));
    world.read_again();
    world.run_until(10 * SECOND);
    assert_eq!((world.written, world.read), (5_000, 5_000));
}

#[test]
fn a_cut_holds_bytes_and_a_heal_brings_them() {
    let mut world = World::open();
    world.write(10);
    world.run_until(world.now + MS);
    world.cut(true, true);
    world.write(10);
    world.run_until(3 * SECOND);
    assert_eq!(world.read, 0, "what was under way is lost to the wire");
    world.heal(true, true);
    world.run_until(9 * SECOND);
    assert_eq!(world.read, 20, "and sent again");
    // Pauses of 0.2, 0.4, 0.8 and 1.6 s since the first byte was lost.
    let again = SECOND + MS + 3_000 * MS;
    assert_eq!(world.reads[0].0, again + LATENCY);
    assert_eq!(world.broken, [None, None]);
}

#[test]
fn a_long_cut_breaks_the_side_that_has_unacknowledged_bytes_and_only_it() {
    let mut world = World::open();
    world.cut(true, true);
    world.run_until(30 * SECOND);
    assert_eq!(world.broken, [None, None], "an idle connection survives any cut");
    world.write(1);
    world.run_until(60 * SECOND);
    assert_eq!(world.broken, [Some(30 * SECOND + TIMEOUT), None]);
    world.heal(true, true);
    world.run_until(90 * SECOND);
    assert_eq!(world.broken[1], None, "the other end does not know");
    assert_eq!(world.net.len(), 1);
    let net = &mut world.net;
    let written = net.write(
        world.now,
        world.conn,
        Side::Acceptor,
        std::iter::once(&b"x"[..]),
        &mut world.queue,
    );
    assert_eq!(written.bytes, 1);
}

#[test]
fn one_way_cuts_let_the_other_way_pass_but_not_its_acknowledgements() {
    let mut world = World::open();
    world.cut(false, true);
    world.write(10);
    world.run_until(2 * SECOND);
    assert_eq!(world.read, 10, "bytes pass");
    world.run_until(30 * SECOND);
    assert_eq!(world.broken, [Some(SECOND + TIMEOUT), None], "their acknowledgements do not");

    let mut world = World::open();
    world.cut(true, false);
    world.write(10);
    world.run_until(5 * SECOND);
    assert_eq!(world.read, 0);
    world.heal(true, false);
    world.run_until(9 * SECOND);
    assert_eq!((world.read, world.broken), (10, [None, None]));
}

#[test]
fn overlapping_cuts_heal_when_the_last_one_does() {
    let mut world = World::open();
    world.cut(true, true);
    world.cut(true, true);
    world.write(10);
    world.run_until(2 * SECOND);
    world.heal(true, true);
    world.run_until(4 * SECOND);
    assert_eq!(world.read, 0);
    world.heal(true, true);
    world.run_until(9 * SECOND);
    assert_eq!(world.read, 10);
}

#[test]
fn a_black_hole_swallows_for_ever() {
    let mut world = World::open();
    let [a, b] = world.places;
    world.write(10);
    world.net.kill_silently(world.now, a, b, &mut world.queue);
    world.run_until(5 * SECOND);
    world.write(10);
    world.cut(true, true);
    world.heal(true, true);
    world.run_until(60 * SECOND);
    assert_eq!(world.read, 0);
    assert_eq!(world.broken, [Some(SECOND + TIMEOUT), None]);
}

#[test]
fn an_end_that_closes_sends_fin_behind_its_bytes() {
    let mut world = World::open();
    world.write(500);
    world.net.close(world.now, world.conn, Side::Dialler, &mut world.queue);
    world.run_until(2 * SECOND);
    assert_eq!((world.read, world.ended), (500, Some(SECOND + LATENCY)));
    world.net.close(world.now, world.conn, Side::Acceptor, &mut world.queue);
    assert_eq!(world.net.len(), 0, "closed at both ends, it is forgotten");
}

#[test]
fn fin_waits_out_a_cut_and_rst_does_not() {
    let mut world = World::open();
    world.cut(true, true);
    world.net.close(world.now, world.conn, Side::Dialler, &mut world.queue);
    world.run_until(3 * SECOND);
    assert_eq!(world.ended, None);
    world.heal(true, true);
    world.run_until(9 * SECOND);
    assert!(world.ended.is_some());

    let mut world = World::open();
    world.cut(true, true);
    world.net.reset(world.now, world.conn, Side::Acceptor, &mut world.queue);
    world.run_until(3 * SECOND);
    world.heal(true, true);
    world.run_until(9 * SECOND);
    assert_eq!(world.broken, [None, None]);
}

#[test]
fn bytes_for_an_end_that_is_gone_are_answered_with_rst() {
    let mut world = World::open();
    world.net.abandon(world.conn, Side::Acceptor);
    world.write(10);
    world.run_until(2 * SECOND);
    assert_eq!(world.broken, [Some(SECOND + 2 * LATENCY), None]);
    assert_eq!(world.net.len(), 0);
}

#[test]
fn an_end_that_drains_sends_no_rst() {
    // Bytes wait unread at the acceptor, and more come after it has ended.
    let mut world = World::open();
    world.reading = false;
    world.write(10);
    world.run_until(2 * SECOND);
    world.net.drain(world.now, world.conn, Side::Acceptor, 4 * SECOND, &mut world.queue);
    world.write(10);
    world.run_until(3 * SECOND);
    assert_eq!(world.broken, [None, None]);
    assert!(world.net.get(world.conn).unwrap().pipe(Side::Acceptor).at_end(), "FIN has come");
    // Its time is over: what comes now is answered with RST.
    world.run_until(5 * SECOND);
    world.write(10);
    world.run_until(6 * SECOND);
    assert_eq!(world.broken, [Some(5 * SECOND + 2 * LATENCY), None]);
    assert_eq!(world.net.len(), 0);
}

#[test]
fn an_end_that_drains_is_forgotten_when_its_peer_ends() {
    let mut world = World::open();
    world.write(10);
    world.run_until(SECOND);
    world.net.drain(world.now, world.conn, Side::Acceptor, 9 * SECOND, &mut world.queue);
    world.run_until(2 * SECOND);
    assert_eq!(world.net.len(), 1);
    world.net.close(world.now, world.conn, Side::Dialler, &mut world.queue);
    world.run_until(3 * SECOND);
    assert_eq!((world.broken, world.net.len()), ([None, None], 0));
}

#[test]
fn an_end_that_leaves_bytes_unread_sends_rst() {
    let mut world = World::open();
    world.reading = false;
    world.write(10);
    world.run_until(2 * SECOND);
    world.net.close(world.now, world.conn, Side::Acceptor, &mut world.queue);
    world.run_until(3 * SECOND);
    assert_eq!(world.broken, [Some(2 * SECOND + LATENCY), None]);
}

#[test]
fn regions_without_a_path_cannot_reach_each_other() {
    let links = Links::of(&plan(link()));
    let place = |n| links.place(Site::Node(NodeId(n)));
    let clients = |r| links.place(Site::Clients(RegionId(r)));
    assert!(!links.is_cut(place(0), place(1)) && !links.is_cut(place(0), clients(0)));
    assert!(!links.is_cut(clients(1), place(0)));
    assert!(links.is_cut(place(0), place(2)) && links.is_cut(place(2), clients(1)));
    assert_eq!(links.latency(place(1), place(0)), LATENCY);
    for n in 0..6 {
        assert_eq!(links.place(links.site(Place(n))), Place(n));
    }
}

#[test]
fn a_degraded_link_is_as_before_when_it_is_over() {
    let mut links = Links::of(&plan(link()));
    let [a, b] = [0, 1].map(|n| links.place(Site::Node(NodeId(n))));
    let mut noise = Stream::new(1, "t", &[]);
    let slow = Degrade { latency_ns: 5 * MS, jitter_ns: 0, loss_ppm: 0, bandwidth: 1_000 };
    links.degrade(a, b, 3, Some(slow));
    assert_eq!(links.arrival(0, a, b, 10, &mut noise), 10 * MS + LATENCY + 5 * MS);
    assert_eq!(links.arrival(0, b, a, 10, &mut noise), LATENCY);
    links.degrade(a, b, 3, None);
    assert_eq!(links.arrival(SECOND, a, b, 10, &mut noise), SECOND + LATENCY);
}

#[test]
fn a_connections_noise_is_its_own() {
    let noisy = LinkPlan { jitter_ns: 5 * MS, ..link() };
    let arrivals = |others: u64| {
        let mut world = World::new(noisy.clone(), Chunking::Heavy);
        let places = world.places;
        for key in 0..others {
            world.net.open(0, places, [(), ()], &[100 + key], &mut world.queue);
        }
        world.write(900);
        world.run_until(5 * SECOND);
        world.reads
    };
    assert_eq!(arrivals(0), arrivals(5));
}
