//! The network: everything that connects places, carried on by one thread.

mod clients;
mod faults;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;

use crate::clock::Clock;
use crate::conn::{Conn, ConnId, End, Side, Socket, Stage};
use crate::doors::{Call, Door, Doors};
use crate::fetch::{Fetch, connect};
use crate::kernel;
use crate::poller::{Poller, Ready};
use crate::ways::{Place, Way, WaySetup, Ways};

/// Nothing is read in larger pieces.
const READ_BYTES: usize = 64 << 10;

/// Bits of keys above those of connections: `number << 1 | side`.
const DOOR: u64 = 1 << 62;
const FETCH: u64 = 1 << 61;

/// What holds for the whole network.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that are under way in one direction of a connection; what the kernel keeps at its two
    /// ends comes on top.
    pub window: usize,
    /// How long bytes that cannot go on keep a connection alive, in nanoseconds.
    pub tcp_timeout_ns: u64,
    /// Of jitter and of the choice among a name's addresses.
    pub seed: u64,
}

/// Something that happened, in order.
#[derive(Debug)]
pub enum Event {
    /// A server has called at a door.
    Called {
        /// Who.
        from: Place,
        /// Where the door is.
        door: SocketAddr,
    },
    /// A connection between two servers is up.
    Opened {
        /// It.
        conn: ConnId,
        /// Who called.
        from: Place,
        /// Who was called.
        to: Place,
    },
    /// A server has sent something to another.
    Sent {
        /// On which connection.
        conn: ConnId,
        /// Which side.
        writer: Side,
        /// What.
        bytes: Vec<u8>,
    },
    /// The kernel of the other side has taken all bytes up to this position.
    Taken {
        /// On which connection.
        conn: ConnId,
        /// Which side has sent them.
        writer: Side,
        /// Counted from the first byte of the connection.
        position: u64,
    },
    /// A connection between servers is gone at one end.
    Closed {
        /// It.
        conn: ConnId,
        /// Whose end.
        side: Side,
    },
    /// A client's connection is up.
    ClientUp(ConnId),
    /// There is something to read for a client.
    ClientReadable(ConnId),
    /// A client may write more.
    ClientWritable(ConnId),
    /// A client's connection, or its attempt to make one, is gone.
    ClientDown(ConnId, Parting),
    /// A monitoring port has answered, or has not.
    Fetched {
        /// As it was asked.
        tag: u64,
        /// When, in nanoseconds.
        asked_at: u64,
        /// The page, or what is wrong.
        page: Result<Vec<u8>, String>,
    },
}

/// Why a client's connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parting {
    /// The server closed it.
    Ended,
    /// It was reset.
    Reset,
    /// Bytes were not taken for too long.
    TimedOut,
    /// Nobody listens.
    Refused,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    clients: SocketAddr,
    servers: SocketAddr,
}

/// The network.
#[derive(Debug)]
pub struct Net {
    clock: Clock,
    options: Options,
    poller: Poller,
    ways: Ways,
    doors: Doors,
    addresses: BTreeMap<Place, Addresses>,
    conns: BTreeMap<u32, Conn>,
    next_conn: u32,
    fetches: BTreeMap<u64, Fetch>,
    next_fetch: u64,
    /// Connections that have something to do, and when others will have.
    dirty: BTreeSet<u32>,
    wakes: BTreeSet<(u64, u32)>,
    events: VecDeque<Event>,
    draws: u64,
    buffer: Vec<u8>,
    ready: Vec<Ready>,
    /// The most that something due had to wait for this thread since the last look.
    late_ns: u64,
}

impl Net {
    /// A network without places.
    ///
    /// # Errors
    /// If the kernel has no descriptors left.
    pub fn new(clock: Clock, options: Options) -> io::Result<Self> {
        Ok(Self {
            clock,
            options,
            poller: Poller::new()?,
            ways: Ways::default(),
            doors: Doors::default(),
            addresses: BTreeMap::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            fetches: BTreeMap::new(),
            next_fetch: 0,
            dirty: BTreeSet::new(),
            wakes: BTreeSet::new(),
            events: VecDeque::new(),
            draws: options.seed,
            buffer: vec![0; READ_BYTES],
            ready: Vec::new(),
            late_ns: 0,
        })
    }

    /// Joins two places, in this direction.
    pub fn join(&mut self, from: Place, to: Place, setup: WaySetup) {
        self.ways.join(from, to, setup);
    }

    /// A way, if the places are joined.
    pub fn way_mut(&mut self, from: Place, to: Place) -> Option<&mut Way> {
        self.ways.get_mut(from, to)
    }

    /// A way, if the places are joined.
    #[must_use]
    pub fn way(&self, from: Place, to: Place) -> Option<&Way> {
        self.ways.get(from, to)
    }

    /// Opens a door and says its number and where it is.
    ///
    /// # Errors
    /// If no port is free.
    pub fn open_door(&mut self, leads_to: Door) -> io::Result<(u32, SocketAddr)> {
        let (number, address, socket) = self.doors.open(leads_to)?;
        self.poller.watch(socket, DOOR | u64::from(number))?;
        Ok((number, address))
    }

    /// Closes a door: who calls there is refused by the kernel. What came through it stays.
    pub fn close_door(&mut self, door: u32) {
        self.doors.close(door);
    }

    /// From now on the process is at this place: calls of it come from there.
    pub fn moves_in(&mut self, pid: u32, place: Place) {
        self.doors.moves_in(pid, place);
    }

    /// The process has ended.
    pub fn moves_out(&mut self, pid: u32) {
        self.doors.moves_out(pid);
    }

    /// The server at this place listens, for clients and for servers; or it does not any more, and
    /// who calls is refused.
    pub fn listens(&mut self, place: Place, at: Option<(SocketAddr, SocketAddr)>) {
        match at {
            Some((clients, servers)) => {
                self.addresses.insert(place, Addresses { clients, servers });
            }
            None => {
                self.addresses.remove(&place);
            }
        }
    }

    /// Asks a monitoring port for a page; the answer is an event.
    pub fn fetch(&mut self, tag: u64, at: SocketAddr, path: &str) {
        let now = self.clock.now();
        let number = self.next_fetch;
        self.next_fetch += 1;
        let asked = Fetch::ask(tag, now, at, path).and_then(|fetch| {
            self.poller.watch(fetch.stream(), FETCH | number)?;
            Ok(fetch)
        });
        match asked {
            Ok(fetch) => {
                self.fetches.insert(number, fetch);
            }
            Err(error) => {
                let page = Err(error.to_string());
                self.events.push_back(Event::Fetched { tag, asked_at: now, page });
            }
        }
    }

    /// Gives up all questions that were asked before this time; each is an event.
    pub fn give_up_fetches(&mut self, before: u64) {
        let old = self.fetches.iter().filter(|(_, fetch)| fetch.asked_at < before);
        let old: Vec<u64> = old.map(|(number, _)| *number).collect();
        for number in old {
            if let Some(Fetch { tag, asked_at, .. }) = self.fetches.remove(&number) {
                let page = Err("no answer in time".to_owned());
                self.events.push_back(Event::Fetched { tag, asked_at, page });
            }
        }
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The most that something due had to wait for this thread since the last call, in nanoseconds.
    pub fn lateness(&mut self) -> u64 {
        std::mem::take(&mut self.late_ns)
    }

    /// Addresses that lead to this network and from it: doors, and our ends of connections.
    #[must_use]
    pub fn own_addresses(&self) -> BTreeSet<SocketAddr> {
        let mut own: BTreeSet<SocketAddr> = self.doors.addresses().collect();
        for conn in self.conns.values() {
            for side in Side::BOTH {
                if let End::Socket(socket) = conn.end(side) {
                    own.extend(socket.stream.local_addr());
                }
            }
        }
        own.extend(self.fetches.values().filter_map(|fetch| fetch.stream().local_addr().ok()));
        own
    }

    /// Looks for ends whose owners have gone without that it could be seen: what they had sent before
    /// still waits in front of it, because the way is shut and the window is full.
    pub fn find_abandoned(&mut self) {
        let mut full = Vec::new();
        for (id, conn) in self.conns.iter().filter(|(_, conn)| conn.tapped) {
            for side in Side::BOTH {
                let End::Socket(socket) = conn.end(side) else { continue };
                if socket.ended || conn.pipe(side).queued() < self.options.window {
                    continue;
                }
                if let (Ok(here), Ok(there)) =
                    (socket.stream.local_addr(), socket.stream.peer_addr())
                {
                    full.push((*id, side, there, here));
                }
            }
        }
        if full.is_empty() {
            return;
        }
        let sockets = kernel::tcp_sockets();
        for (id, side, local, remote) in full {
            let is_it = |s: &&kernel::TcpSocket| s.local == local && s.remote == remote;
            if sockets.iter().find(is_it).is_some_and(|socket| socket.inode > 0) {
                continue;
            }
            if let Some(mut conn) = self.conns.remove(&id) {
                self.closed(&mut conn, side);
                self.conns.insert(id, conn);
            }
        }
    }

    /// Connections between these two places that are up, the caller's first.
    pub fn between(&self, a: Place, b: Place) -> impl Iterator<Item = (ConnId, [Place; 2])> + '_ {
        let is = move |conn: &&Conn| {
            let places = conn.way(Side::Caller);
            conn.stage == Stage::Up && (places == (a, b) || places == (b, a))
        };
        self.conns.values().filter(is).map(|conn| {
            let (from, to) = conn.way(Side::Caller);
            (conn.id, [from, to])
        })
    }

    /// Carries everything on until something has happened, or until this time at the latest.
    ///
    /// # Errors
    /// If the kernel refuses to wait.
    pub fn step(&mut self, until: u64) -> io::Result<()> {
        self.carry_on();
        if !self.events.is_empty() {
            return Ok(());
        }
        let next = self.wakes.first().map_or(until, |(at, _)| until.min(*at));
        let wait = next.saturating_sub(self.clock.now());
        let mut ready = std::mem::take(&mut self.ready);
        let waited = self.poller.wait(wait, &mut ready);
        for one in &ready {
            self.tell(*one);
        }
        self.ready = ready;
        waited?;
        self.carry_on();
        Ok(())
    }

    /// Everything that can be done now.
    fn carry_on(&mut self) {
        let now = self.clock.now();
        while let Some(&(at, conn)) = self.wakes.first()
            && at <= now
        {
            self.wakes.pop_first();
            self.late_ns = self.late_ns.max(now - at);
            self.dirty.insert(conn);
        }
        while let Some(id) = self.dirty.pop_first() {
            self.pump(id);
        }
    }

    fn tell(&mut self, ready: Ready) {
        let Ready { key, read, write } = ready;
        if key & DOOR > 0 {
            let door = u32::try_from(key & !DOOR).unwrap_or(u32::MAX);
            for call in self.doors.answer(door) {
                self.called(call);
            }
        } else if key & FETCH > 0 {
            let number = key & !FETCH;
            let Some(fetch) = self.fetches.get_mut(&number) else { return };
            if let Some(page) = fetch.ready((read, write), &mut self.buffer) {
                let (tag, asked_at) = (fetch.tag, fetch.asked_at);
                self.fetches.remove(&number);
                self.events.push_back(Event::Fetched { tag, asked_at, page });
            }
        } else {
            let id = u32::try_from(key >> 1).unwrap_or(u32::MAX);
            let side = if key & 1 == 0 { Side::Caller } else { Side::Callee };
            let Some(conn) = self.conns.get_mut(&id) else { return };
            if let Some(socket) = conn.socket(side) {
                socket.readable |= read;
                socket.writable |= write;
            }
            self.dirty.insert(id);
        }
    }

    /// A server has called at a door: somewhere, a call begins.
    fn called(&mut self, call: Call) {
        let Call { stream, caller, door } = call;
        let Ok(mut socket) = Socket::new(stream) else { return };
        // Its edge was before we watched.
        (socket.readable, socket.writable) = (true, true);
        if let Some(address) = self.doors.address(door) {
            self.events.push_back(Event::Called { from: caller, door: address });
        }
        let mut through = self.conns.values().filter(|conn| {
            let there = conn.place(Side::Caller) == caller && conn.door == Some(door);
            there && !matches!(conn.end(Side::Caller), End::None)
        });
        let there = through.next().map(|conn| conn.place(Side::Callee));
        let draw = self.draw();
        let listens = |place: Place| self.addresses.contains_key(&place);
        let Some(to) = self.doors.leads(door, caller, there, listens, draw) else {
            return socket.reset();
        };
        let (refused, listens) = (
            self.ways.get(caller, to).is_some_and(Way::refuses),
            self.addresses.get(&to).map(|addresses| addresses.servers),
        );
        let Some(address) = listens.filter(|_| !refused) else { return socket.reset() };
        self.begin(End::Socket(socket), [caller, to], address, Some(door));
    }

    /// A call is under way.
    fn begin(
        &mut self,
        end: End,
        places: [Place; 2],
        callee: SocketAddr,
        door: Option<u32>,
    ) -> ConnId {
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        if let End::Socket(socket) = &end
            && self.poller.watch(&socket.stream, u64::from(id.0) << 1).is_err()
        {
            // No descriptors are left; the caller will come again.
            return id;
        }
        let mut conn = Conn::new(id, places, end, callee);
        conn.door = door;
        let draw = self.draw();
        let now = self.clock.now();
        let [from, to] = places;
        let at = self.ways.get_mut(from, to).map_or(now, |way| way.arrival(now, 0, draw));
        conn.stage = Stage::Calling(at);
        self.conns.insert(id.0, conn);
        self.dirty.insert(id.0);
        id
    }

    /// The kernel connects to the callee, who is a process on this machine.
    fn connect(&self, conn: &mut Conn) -> io::Result<()> {
        let mut socket = Socket::new(connect(conn.callee)?)?;
        // It is when the kernel says so.
        (socket.readable, socket.writable) = (false, false);
        self.poller.watch(&socket.stream, u64::from(conn.id.0) << 1 | 1)?;
        *conn.end_mut(Side::Callee) = End::Socket(socket);
        conn.stage = Stage::Connecting;
        Ok(())
    }

    fn draw(&mut self) -> u64 {
        // SplitMix64.
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.draws ^ (self.draws >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
