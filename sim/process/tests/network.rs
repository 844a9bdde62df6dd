//! The network over loopback: this process is all servers, at one place after the other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "each test looks at some events")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use causeway_sim_process::{
    Clock, ConnId, Degrade, Door, Event, Net, Options, Parting, Place, Side, Slice, WaySetup,
};

const EAST: Place = Place(0);
const WEST: Place = Place(1);
const PEOPLE: Place = Place(2);
const MS: u64 = 1_000_000;

/// Longer than anything takes on a loaded machine; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    net: Net,
    clock: Clock,
    events: Vec<Event>,
    west: TcpListener,
    door: SocketAddr,
    number: u32,
}

impl World {
    fn new(latency_ms: u64, options: Options) -> Self {
        let clock = Clock::start();
        let mut net = Net::new(clock, options).unwrap();
        let setup = WaySetup { latency_ns: latency_ms * MS, ..WaySetup::default() };
        for (a, b) in [(EAST, WEST), (PEOPLE, WEST)] {
            net.join(a, b, setup);
            net.join(b, a, setup);
        }
        let west = TcpListener::bind("127.0.0.1:0").unwrap();
        west.set_nonblocking(true).unwrap();
        let at = west.local_addr().unwrap();
        net.listens(WEST, Some((at, at)));
        // All calls of this process are of the east.
        net.moves_in(std::process::id(), EAST);
        let (number, door) = net.open_door(Door::To(WEST)).unwrap();
        Self { net, clock, events: Vec::new(), west, door, number }
    }

    /// Goes on until something is so.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "waited too long for {what}: {:?}", self.events);
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        self.net.step(self.clock.now() + MS).unwrap();
        while let Some(event) = self.net.event() {
            self.events.push(event);
        }
    }

    fn go_on_for(&mut self, ms: u64) {
        let end = self.clock.now() + ms * MS;
        while self.clock.now() < end {
            self.go_on();
        }
    }

    /// A call from east to west, up: both sockets and its number.
    fn call(&mut self) -> (TcpStream, TcpStream, ConnId) {
        self.events.clear();
        let east = TcpStream::connect(self.door).unwrap();
        east.set_nonblocking(true).unwrap();
        let west = self.accepted();
        let conn = self.until("the call", |world| {
            world.events.iter().rev().find_map(|event| match event {
                Event::Opened { conn, from: EAST, to: WEST } => Some(*conn),
                _ => None,
            })
        });
        (east, west, conn)
    }

    fn accepted(&mut self) -> TcpStream {
        let socket = self.until("a connection", |world| world.west.accept().ok()).0;
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn read(&mut self, from: &mut TcpStream, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        self.until("bytes", |_| {
            let mut buffer = vec![0; count - all.len()];
            if let Ok(read) = from.read(&mut buffer) {
                all.extend_from_slice(&buffer[..read]);
            }
            (all.len() == count).then_some(())
        });
        all
    }

    /// How a socket ends: in order, or with an error.
    fn end_of(&mut self, socket: &mut TcpStream) -> Result<(), std::io::ErrorKind> {
        self.until("the end", |_| match socket.read(&mut [0; 64]) {
            Ok(0) => Some(Ok(())),
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => Some(Err(error.kind())),
            Ok(_) | Err(_) => None,
        })
    }

    fn nothing_comes(&mut self, to: &mut TcpStream, ms: u64) {
        self.go_on_for(ms);
        let error = to.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

fn options() -> Options {
    Options { window: 64 << 10, tcp_timeout_ns: 60_000 * MS, seed: 7 }
}

const RESET: Result<(), std::io::ErrorKind> = Err(std::io::ErrorKind::ConnectionReset);

#[test]
fn bytes_pass_both_ways_in_order_and_take_their_time() {
    let mut world = World::new(30, options());
    let (mut east, mut west, conn) = world.call();
    let start = world.clock.now();
    east.write_all(b"hello").unwrap();
    assert_eq!(world.read(&mut west, 5), b"hello");
    assert!(world.clock.now() - start >= 30 * MS);
    west.write_all(b"yes").unwrap();
    assert_eq!(world.read(&mut east, 3), b"yes");
    let seen = world.events.iter().any(|event| match event {
        Event::Sent { conn: on, writer, bytes } => {
            *on == conn && *writer == Side::Caller && bytes == b"hello"
        }
        _ => false,
    });
    assert!(seen, "the tap sees it");
    assert_eq!(world.net.way(EAST, WEST).unwrap().traffic(), (5, 1));
    // Both ends in order.
    drop(east);
    assert_eq!(world.end_of(&mut west), Ok(()));
    drop(west);
    world.until("the end of it", |world| {
        world.net.between(EAST, WEST).next().is_none().then_some(())
    });
}

#[test]
fn much_passes_whole_through_a_small_window() {
    let mut world = World::new(1, Options { window: 1 << 10, ..options() });
    let (mut east, mut west, _) = world.call();
    let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut at, mut got) = (0, Vec::new());
    let mut buffer = vec![0; 4096];
    world.until("all of it", |_| {
        at += east.write(&sent[at..]).unwrap_or(0);
        let count = west.read(&mut buffer).unwrap_or(0);
        got.extend_from_slice(&buffer[..count]);
        (got.len() == sent.len()).then_some(())
    });
    assert!(got == sent);
}

#[test]
fn a_cut_lets_nothing_pass_and_what_waited_comes_when_it_heals() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    world.net.cut(EAST, WEST, true);
    let before = world.net.way(EAST, WEST).unwrap().traffic();
    east.write_all(b"late").unwrap();
    west.write_all(b"other way").unwrap();
    assert_eq!(world.read(&mut east, 9), b"other way");
    world.nothing_comes(&mut west, 50);
    assert_eq!(world.net.way(EAST, WEST).unwrap().traffic(), before);
    // Neither does a call.
    let _caller = TcpStream::connect(world.door).unwrap();
    world.go_on_for(50);
    assert!(world.west.accept().is_err());
    world.net.cut(EAST, WEST, false);
    assert_eq!(world.read(&mut west, 4), b"late");
    world.accepted();
}

#[test]
fn a_call_that_was_given_up_never_arrives_and_an_end_is_seen_across_a_cut() {
    let mut world = World::new(0, options());
    let (mut east, west, conn) = world.call();
    world.net.cut(EAST, WEST, true);
    let caller = TcpStream::connect(world.door).unwrap();
    east.write_all(b"some last words").unwrap();
    world.go_on_for(30);
    drop((caller, east));
    world.until("the end", |world| {
        let closed = |event: &Event| match event {
            Event::Closed { conn: id, side } => *id == conn && *side == Side::Caller,
            _ => false,
        };
        world.events.iter().any(closed).then_some(())
    });
    world.net.cut(EAST, WEST, false);
    world.go_on_for(50);
    assert!(world.west.accept().is_err());
    drop(west);
}

#[test]
fn an_end_is_found_that_nobody_has_any_more_behind_a_full_window() {
    let mut world = World::new(0, Options { window: 1 << 10, ..options() });
    let (mut east, _west, conn) = world.call();
    world.net.cut(EAST, WEST, true);
    east.write_all(&[1; 8 << 10]).unwrap();
    world.go_on_for(30);
    let closed = |world: &World| {
        let mut events = world.events.iter();
        events.any(|event| matches!(event, Event::Closed { conn: id, .. } if *id == conn))
    };
    world.net.find_abandoned();
    world.go_on_for(5);
    assert!(!closed(&world));
    drop(east);
    world.go_on_for(30);
    assert!(!closed(&world), "what it had sent waits in front");
    world.until("the end", |world| {
        world.net.find_abandoned();
        closed(world).then_some(())
    });
}

#[test]
fn tcp_gives_up_what_waits_for_too_long_and_the_other_end_does_not_know() {
    let mut world = World::new(0, Options { tcp_timeout_ns: 80 * MS, ..options() });
    let (mut east, mut west, _) = world.call();
    world.net.cut(EAST, WEST, true);
    world.net.cut(WEST, EAST, true);
    east.write_all(b"lost").unwrap();
    assert_eq!(world.end_of(&mut east), RESET);
    world.net.cut(EAST, WEST, false);
    world.net.cut(WEST, EAST, false);
    world.nothing_comes(&mut west, 30);
    // It learns of it when it says something.
    west.write_all(b"anybody?").unwrap();
    assert_eq!(world.end_of(&mut west), RESET);
}

#[test]
fn a_silent_death_outlives_the_cut() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    assert_eq!(world.net.kill_silently(EAST, WEST), 1);
    east.write_all(b"x").unwrap();
    west.write_all(b"y").unwrap();
    world.nothing_comes(&mut west, 50);
    world.nothing_comes(&mut east, 1);
    let (mut east, mut west, _) = world.call();
    east.write_all(b"new").unwrap();
    assert_eq!(world.read(&mut west, 3), b"new");
}

#[test]
fn a_machine_that_was_off_knows_nothing_of_its_connections() {
    let mut world = World::new(0, options());
    let (mut east, west, _) = world.call();
    for (from, to) in [(EAST, WEST), (WEST, EAST)] {
        world.net.cut(from, to, true);
    }
    drop(west);
    world.nothing_comes(&mut east, 30);
    for (from, to) in [(EAST, WEST), (WEST, EAST)] {
        world.net.cut(from, to, false);
    }
    world.net.forgets(WEST);
    world.nothing_comes(&mut east, 30);
    east.write_all(b"there?").unwrap();
    assert_eq!(world.end_of(&mut east), RESET);
}

#[test]
fn a_reset_is_told_to_both_ends_and_half_of_one_to_one() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    assert_eq!(world.net.reset(EAST, WEST), 1);
    assert_eq!((world.end_of(&mut east), world.end_of(&mut west)), (RESET, RESET));
    let (mut east, mut west, conn) = world.call();
    world.net.open_half(conn, Side::Caller);
    assert_eq!(world.end_of(&mut east), RESET);
    world.nothing_comes(&mut west, 50);
    west.write_all(b"there?").unwrap();
    assert_eq!(world.end_of(&mut west), RESET);
}

#[test]
fn calls_are_refused_and_connections_stay() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    world.net.refuse(EAST, WEST, true);
    let mut refused = TcpStream::connect(world.door).unwrap();
    refused.set_nonblocking(true).unwrap();
    assert_eq!(world.end_of(&mut refused), RESET);
    east.write_all(b"still").unwrap();
    assert_eq!(world.read(&mut west, 5), b"still");
    world.net.refuse(EAST, WEST, false);
    world.call();
    // Nobody listens there any more.
    world.net.listens(WEST, None);
    let mut refused = TcpStream::connect(world.door).unwrap();
    refused.set_nonblocking(true).unwrap();
    assert_eq!(world.end_of(&mut refused), RESET);
    world.net.close_door(world.number);
    assert!(TcpStream::connect(world.door).is_err());
}

#[test]
fn held_bytes_and_calls_come_at_once() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    world.net.hold(EAST, WEST, true);
    east.write_all(b"one").unwrap();
    let _caller = TcpStream::connect(world.door).unwrap();
    world.nothing_comes(&mut west, 50);
    assert!(world.west.accept().is_err());
    world.net.hold(EAST, WEST, false);
    assert_eq!(world.read(&mut west, 3), b"one");
    world.accepted();
}

#[test]
fn bytes_are_delayed_limited_and_sliced() {
    let mut world = World::new(0, options());
    let (mut east, mut west, _) = world.call();
    let slow = Degrade { latency_ns: 60 * MS, jitter_ns: MS, bandwidth: 100_000 };
    world.net.degrade(EAST, WEST, 3, Some(slow));
    let start = world.clock.now();
    // 40 ms of the bandwidth.
    east.write_all(&[7; 4_000]).unwrap();
    world.read(&mut west, 4_000);
    assert!(world.clock.now() - start >= 100 * MS);
    assert!(world.net.way_mut(EAST, WEST).unwrap().quickest().unwrap() >= 60 * MS);
    world.net.degrade(EAST, WEST, 3, None);
    world.net.slice(EAST, WEST, 4, Some(Slice { bytes: 2, every_ns: 10 * MS }));
    let start = world.clock.now();
    east.write_all(b"123456").unwrap();
    assert_eq!(world.read(&mut west, 6), b"123456");
    assert!(world.clock.now() - start >= 20 * MS);
}

#[test]
fn streams_break_at_some_byte() {
    for (fin, end) in [(true, Ok(())), (false, RESET)] {
        let mut world = World::new(0, options());
        let (mut east, mut west, _) = world.call();
        world.net.break_streams(EAST, WEST, 10, fin);
        east.write_all(&[1; 100]).unwrap();
        let mut got = 0;
        let ended = world.until("the break", |_| match west.read(&mut [0; 64]) {
            Ok(0) => Some(Ok(())),
            Ok(count) => {
                got += count;
                None
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error.kind())),
        });
        assert_eq!(ended, end);
        assert!(got <= 10, "{got} bytes");
        if fin {
            drop(west);
        }
        // The writer finds out, too.
        world.until("the writer's end", |_| east.write(b"more").is_err().then_some(()));
    }
}

#[test]
fn clients_call_speak_and_hang_up() {
    let mut world = World::new(5, options());
    let id = world.net.client_dials(PEOPLE, WEST);
    let mut west = world.accepted();
    world.until("the client's call", |world| {
        world.events.iter().any(|e| matches!(e, Event::ClientUp(up) if *up == id)).then_some(())
    });
    assert_eq!(world.net.client_writes(id, b"ping"), 4);
    assert_eq!(world.read(&mut west, 4), b"ping");
    west.write_all(b"pong!").unwrap();
    world.until("an answer", |world| (world.net.client_has(id) == 5).then_some(()));
    assert_eq!(world.net.client_reads(id, 4), b"pong");
    assert_eq!((world.net.client_reads(id, 9), world.net.client_has(id)), (b"!".to_vec(), 0));
    // A client that does not read is a window full, and the server has to wait.
    let mut sent = 0;
    world.until("a full window", |world| {
        let more = west.write(&[0; 16 << 10]).unwrap_or(0);
        sent += more;
        (more == 0 && world.net.client_has(id) > 0).then_some(())
    });
    assert!(sent > 64 << 10);
    world.net.client_hangs_up(id);
    assert!(!world.net.is_there(id));
    assert_eq!(world.end_of(&mut west), Ok(()));
}

#[test]
fn a_client_is_told_how_its_connection_ended() {
    let mut world = World::new(0, options());
    let parting = |world: &mut World, id: ConnId| {
        world.until("the end", |world| {
            world.events.iter().find_map(|event| match event {
                Event::ClientDown(down, how) if *down == id => Some(*how),
                _ => None,
            })
        })
    };
    let dial = |world: &mut World| {
        let id = world.net.client_dials(PEOPLE, WEST);
        (id, world.accepted())
    };
    let (id, west) = dial(&mut world);
    drop(west);
    assert_eq!(parting(&mut world, id), Parting::Ended);
    let (id, _west) = dial(&mut world);
    world.go_on_for(5);
    world.net.reset(PEOPLE, WEST);
    assert_eq!(parting(&mut world, id), Parting::Reset);
    world.net.refuse(PEOPLE, WEST, true);
    let id = world.net.client_dials(PEOPLE, WEST);
    assert_eq!(parting(&mut world, id), Parting::Refused);
}

#[test]
fn a_name_of_many_leads_to_one_until_the_connections_there_are_gone() {
    let mut world = World::new(0, options());
    let (_, door) = world.net.open_door(Door::AnyOf(vec![EAST, WEST])).unwrap();
    // The caller is in the east itself, so there is only one.
    let _east = TcpStream::connect(door).unwrap();
    world.accepted();
    let own = world.net.own_addresses();
    assert!(own.contains(&door) && own.contains(&world.door) && own.len() == 3, "{own:?}");
}
