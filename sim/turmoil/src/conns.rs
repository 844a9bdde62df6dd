//! What the engine knows of connections beside turmoil: how much was written and read, what a cut
//! holds back, which ends are broken, and whom to wake.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Waker;

use causeway_sim::kit::Tap;
use causeway_sim::plan::Site;

/// A side of a connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    /// Who dialled.
    Dialler,
    /// Who accepted.
    Acceptor,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Dialler, Self::Acceptor];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

/// Both addresses of a connection: the dialler's and the acceptor's.
pub(crate) type Addresses = (SocketAddr, SocketAddr);

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) number: u32,
    addresses: Addresses,
    sites: [Site; 2],
    ends: [End; 2],
    /// By writer.
    pipes: [Pipe; 2],
    /// Nothing passes any more, whatever becomes of the way.
    pub(crate) dead: bool,
    pub(crate) tap: Option<Tap>,
    /// The dialler knows that it is up.
    pub(crate) told: bool,
}

#[derive(Debug, Default)]
struct End {
    /// Has a stream.
    live: bool,
    /// Had one.
    was: bool,
    broken: Option<ErrorKind>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Default)]
struct Pipe {
    written: u64,
    read: u64,
    /// Written, and not given to turmoil yet.
    held: VecDeque<u8>,
    /// The writer wants to end its side behind what is held.
    fin: bool,
    /// Somebody sees to it that what is held goes on.
    pumped: bool,
    pump: Option<Waker>,
    /// Since when bytes wait for an acknowledgement that cannot come.
    unacked_since: Option<u64>,
}

impl Pipe {
    fn give_up(&mut self) {
        self.held.clear();
        self.fin = false;
        self.pumped = false;
    }
}

impl Conn {
    pub(crate) fn site(&self, side: Side) -> Site {
        self.sites[side as usize]
    }

    pub(crate) fn between(&self, a: Site, b: Site) -> bool {
        self.sites == [a, b] || self.sites == [b, a]
    }

    /// Why an end is broken, if it is.
    pub(crate) fn broken(&self, side: Side) -> Option<ErrorKind> {
        self.ends[side as usize].broken
    }

    /// Breaks an end; its owner finds out when it reads or writes.
    pub(crate) fn break_end(&mut self, side: Side, kind: ErrorKind) {
        let end = &mut self.ends[side as usize];
        if end.live && end.broken.is_none() {
            end.broken = Some(kind);
            self.pipes[side as usize].held.clear();
            self.wake(side);
        }
    }

    /// Wakes everybody who waits at an end.
    pub(crate) fn wake(&mut self, side: Side) {
        let end = &mut self.ends[side as usize];
        let pump = self.pipes[side as usize].pump.take();
        for waker in [end.reader.take(), end.writer.take(), pump].into_iter().flatten() {
            waker.wake();
        }
    }

    pub(crate) fn waits_to_read(&mut self, side: Side, waker: &Waker) {
        self.ends[side as usize].reader = Some(waker.clone());
    }

    pub(crate) fn waits_to_write(&mut self, side: Side, waker: &Waker) {
        self.ends[side as usize].writer = Some(waker.clone());
    }

    /// Bytes that were written and not read.
    pub(crate) fn unread(&self, writer: Side) -> u64 {
        let pipe = &self.pipes[writer as usize];
        pipe.written - pipe.read
    }

    /// The reader has gone, so nothing frees the writer's window.
    pub(crate) fn has_lost_reader(&self, writer: Side) -> bool {
        let reader = &self.ends[writer.other() as usize];
        reader.was && !reader.live
    }

    pub(crate) fn wrote(&mut self, writer: Side, bytes: &[u8], held: bool) {
        let pipe = &mut self.pipes[writer as usize];
        pipe.written += bytes.len() as u64;
        if held {
            pipe.held.extend(bytes);
        }
    }

    pub(crate) fn holds(&self, writer: Side) -> bool {
        let pipe = &self.pipes[writer as usize];
        !pipe.held.is_empty() || pipe.fin
    }

    /// Its writer ends its side as soon as what is held has gone.
    pub(crate) fn ends_later(&mut self, writer: Side) {
        self.pipes[writer as usize].fin = true;
    }

    /// Says whether somebody must be asked to pump; from now on somebody does.
    pub(crate) fn needs_pump(&mut self, writer: Side) -> bool {
        !std::mem::replace(&mut self.pipes[writer as usize].pumped, true)
    }

    /// What the pump is to do next. `open` says that the way is.
    pub(crate) fn pump(&mut self, writer: Side, open: bool, waker: &Waker) -> Pumping {
        let dead = self.dead && !self.live(writer);
        let broken = self.ends[writer as usize].broken.is_some();
        let pipe = &mut self.pipes[writer as usize];
        if !open && !dead {
            pipe.pump = Some(waker.clone());
            return Pumping::Wait;
        }
        if dead || broken {
            pipe.give_up();
            return Pumping::Done;
        }
        if !pipe.held.is_empty() {
            let part = pipe.held.len().min(super::stream::SEGMENT_BYTES);
            return Pumping::Write(pipe.held.range(..part).copied().collect());
        }
        if std::mem::take(&mut pipe.fin) {
            return Pumping::End;
        }
        pipe.pumped = false;
        Pumping::Done
    }

    /// Nobody sees to it that what is held goes on.
    pub(crate) fn has_no_pump(&mut self, writer: Side) {
        self.pipes[writer as usize].give_up();
    }

    /// Turmoil took so much of what was held.
    pub(crate) fn pumped(&mut self, writer: Side, bytes: usize) {
        let held = &mut self.pipes[writer as usize].held;
        held.drain(..bytes.min(held.len()));
    }

    /// The reader was handed bytes; gives its position in the stream.
    pub(crate) fn was_read(&mut self, reader: Side, bytes: u64) -> u64 {
        let writer = reader.other();
        let pipe = &mut self.pipes[writer as usize];
        pipe.read += bytes;
        let position = pipe.read;
        if let Some(waker) = self.ends[writer as usize].writer.take() {
            waker.wake();
        }
        position
    }

    pub(crate) fn live(&self, side: Side) -> bool {
        self.ends[side as usize].live
    }

    /// Bytes of this side cannot be acknowledged from now on; says whether that is news.
    pub(crate) fn start_unacked(&mut self, writer: Side, now: u64) -> bool {
        let pipe = &mut self.pipes[writer as usize];
        let news = pipe.unacked_since.is_none();
        pipe.unacked_since.get_or_insert(now);
        news
    }

    pub(crate) fn acknowledged(&mut self, writer: Side) {
        self.pipes[writer as usize].unacked_since = None;
    }

    pub(crate) fn unacked_since(&self, writer: Side) -> Option<u64> {
        self.pipes[writer as usize].unacked_since
    }
}

/// What a pump does next.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Pumping {
    /// Nothing before it is woken.
    Wait,
    /// Give these bytes to turmoil.
    Write(Vec<u8>),
    /// End the sending side.
    End,
    /// Nothing more.
    Done,
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    last: u32,
    by_number: BTreeMap<u32, Conn>,
    by_addresses: BTreeMap<Addresses, u32>,
    /// When TCP gives up: time, connection, writer.
    pub(crate) timeouts: BTreeSet<(u64, u32, Side)>,
}

impl Conns {
    /// One end of a connection is there. Whoever comes first makes the connection.
    pub(crate) fn attach(
        &mut self,
        addresses: Addresses,
        sites: [Site; 2],
        side: Side,
    ) -> &mut Conn {
        let number = match self.by_addresses.get(&addresses) {
            // Ports are used again: one that still has such an end is another connection.
            Some(number) if !self.by_number[number].ends[side as usize].was => *number,
            _ => {
                self.last += 1;
                self.by_addresses.insert(addresses, self.last);
                self.last
            }
        };
        let conn = self.by_number.entry(number).or_insert_with(|| Conn {
            number,
            addresses,
            sites,
            ends: Default::default(),
            pipes: Default::default(),
            dead: false,
            tap: None,
            told: false,
        });
        let end = &mut conn.ends[side as usize];
        (end.live, end.was) = (true, true);
        conn
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Conn> {
        self.by_number.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Conn> {
        self.by_number.get_mut(&number)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conn> {
        self.by_number.values_mut()
    }

    /// An end's stream is gone. Whoever waits at the other end looks again.
    pub(crate) fn detach(&mut self, number: u32, side: Side) {
        let Some(conn) = self.by_number.get_mut(&number) else { return };
        conn.ends[side as usize].live = false;
        conn.wake(side.other());
        if let Some(waker) = conn.pipes[side as usize].pump.take() {
            waker.wake();
        }
        self.forget_if_over(number);
    }

    /// Forgets a connection that has no end left and holds nothing.
    pub(crate) fn forget_if_over(&mut self, number: u32) {
        let Some(conn) = self.by_number.get(&number) else { return };
        let over =
            Side::BOTH.iter().all(|&side| !conn.live(side) && (conn.dead || !conn.holds(side)));
        if over {
            let addresses = conn.addresses;
            self.by_number.remove(&number);
            if self.by_addresses.get(&addresses) == Some(&number) {
                self.by_addresses.remove(&addresses);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_sim::ids::NodeId;

    const SITES: [Site; 2] = [Site::Node(NodeId(0)), Site::Node(NodeId(1))];

    fn addresses(port: u16) -> Addresses {
        (([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 6222).into())
    }

    /// Connections with one that has both ends.
    fn one() -> (Conns, u32) {
        let mut conns = Conns::default();
        let number = conns.attach(addresses(5), SITES, Side::Acceptor).number;
        assert_eq!(conns.attach(addresses(5), SITES, Side::Dialler).number, number);
        (conns, number)
    }

    #[test]
    fn a_port_that_is_used_again_is_another_connection() {
        let (mut conns, number) = one();
        assert_ne!(conns.attach(addresses(6), SITES, Side::Dialler).number, number);
        let again = conns.attach(addresses(5), SITES, Side::Dialler).number;
        assert_ne!(again, number);
        // The end of the old one does not take the new one's addresses away.
        conns.detach(number, Side::Dialler);
        conns.detach(number, Side::Acceptor);
        assert!(conns.get(number).is_none());
        assert_eq!(conns.attach(addresses(5), SITES, Side::Acceptor).number, again);
    }

    #[test]
    fn what_is_held_outlives_its_owner_and_goes_on_when_the_way_is_open() {
        let (mut conns, number) = one();
        let conn = conns.get_mut(number).unwrap();
        conn.wrote(Side::Dialler, b"late", true);
        conn.ends_later(Side::Dialler);
        assert!(conn.needs_pump(Side::Dialler) && !conn.needs_pump(Side::Dialler));
        conns.detach(number, Side::Dialler);
        conns.detach(number, Side::Acceptor);
        let conn = conns.get_mut(number).unwrap();
        let mut pump = |open| conn.pump(Side::Dialler, open, Waker::noop());
        assert_eq!(pump(false), Pumping::Wait);
        assert_eq!(pump(true), Pumping::Write(b"late".to_vec()));
        conn.pumped(Side::Dialler, 3);
        assert_eq!(conn.pump(Side::Dialler, true, Waker::noop()), Pumping::Write(b"e".to_vec()));
        conn.pumped(Side::Dialler, 1);
        assert_eq!(conn.pump(Side::Dialler, true, Waker::noop()), Pumping::End);
        assert_eq!(conn.pump(Side::Dialler, true, Waker::noop()), Pumping::Done);
        conns.forget_if_over(number);
        assert!(conns.get(number).is_none());
    }

    #[test]
    fn a_broken_end_says_so_once_and_sends_nothing_more() {
        let (mut conns, number) = one();
        let conn = conns.get_mut(number).unwrap();
        conn.wrote(Side::Acceptor, b"lost", true);
        conn.break_end(Side::Acceptor, ErrorKind::TimedOut);
        conn.break_end(Side::Acceptor, ErrorKind::ConnectionReset);
        assert_eq!(conn.broken(Side::Acceptor), Some(ErrorKind::TimedOut));
        assert_eq!(conn.broken(Side::Dialler), None, "the other end does not know");
        assert_eq!(conn.pump(Side::Acceptor, true, Waker::noop()), Pumping::Done);
    }

    #[test]
    fn the_window_is_what_was_written_and_not_read() {
        let (mut conns, number) = one();
        let conn = conns.get_mut(number).unwrap();
        conn.wrote(Side::Dialler, &[7; 100], false);
        assert_eq!(conn.unread(Side::Dialler), 100);
        assert_eq!(conn.was_read(Side::Acceptor, 30), 30);
        assert_eq!((conn.unread(Side::Dialler), conn.unread(Side::Acceptor)), (70, 0));
        assert!(!conn.has_lost_reader(Side::Dialler));
        conns.detach(number, Side::Acceptor);
        assert!(conns.get(number).unwrap().has_lost_reader(Side::Dialler));
    }
}
