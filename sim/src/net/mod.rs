//! The modelled network: connections with TCP's promises over links that delay, narrow, cut and
//! reset.
//!
//! * **Bytes are never missing.** What a cut holds back is sent again when it heals, after TCP's
//!   doubling pauses; if that takes longer than the time-out, the writer's side breaks, and the
//!   other side does not know.
//! * **Back-pressure.** A writer gets at most a window ahead of the reader.
//! * **Pieces mean nothing.** Bytes are cut and joined at random before they are read.
//! * An end that closes sends FIN behind its bytes, or RST at once if it left bytes unread; bytes
//!   for an end that is gone are answered with RST; FIN waits out a cut like bytes, RST is lost.
//! * An end that **drains** sends FIN, too, and drops what still comes, so that no RST overtakes its
//!   last bytes.
//! * What a **hold** keeps back is not lost: it comes at once and in order when the hold is over.
//! * A **dead** connection (black hole) carries nothing more, whatever becomes of the link.
//!
//! The network knows places ([`Place`]), not nodes and clients: who is behind an end is the
//! engine's business.

mod chunk;
mod delay;
mod faults;
mod links;
mod pipe;
#[cfg(test)]
mod tests;

pub(crate) use chunk::{Chunker, Piece};
use links::Stop;
pub(crate) use links::{Degrade, Links, Place, Slice};
pub(crate) use pipe::Pipe;

use crate::queue::{Due, Queue};
use crate::rng::Stream;
use crate::scenario::Chunking;

/// A side of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// A connection. Slots are reused, numbers are not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ConnId {
    pub(crate) slot: u32,
    pub(crate) number: u32,
}

/// One side of a connection, as its owner sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndState {
    /// The acceptor has not got the last packet of the handshake.
    Pending,
    /// In use.
    Open,
    /// Has said all it will, and drops what comes.
    Draining,
    /// Forgotten by its owner.
    Closed,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn<O> {
    pub(crate) id: ConnId,
    pub(crate) places: [Place; 2],
    pub(crate) owners: [O; 2],
    pub(crate) states: [EndState; 2],
    /// By writer.
    pub(crate) pipes: [Pipe; 2],
    /// Nothing passes any more.
    pub(crate) dead: bool,
    /// This side has another address now: nothing reaches it, and what it sends is not known.
    pub(crate) moved: Option<Side>,
}

impl<O: Copy> Conn<O> {
    pub(crate) const fn place(&self, side: Side) -> Place {
        self.places[side as usize]
    }

    pub(crate) const fn owner(&self, side: Side) -> O {
        self.owners[side as usize]
    }

    pub(crate) const fn state(&self, side: Side) -> EndState {
        self.states[side as usize]
    }

    /// Whether what this side writes can never arrive.
    const fn is_lost(&self, writer: Side) -> bool {
        match self.moved {
            Some(moved) => self.dead || moved as usize != writer as usize,
            None => self.dead,
        }
    }

    pub(crate) const fn pipe(&self, writer: Side) -> &Pipe {
        &self.pipes[writer as usize]
    }

    pub(crate) const fn pipe_mut(&mut self, writer: Side) -> &mut Pipe {
        &mut self.pipes[writer as usize]
    }
}

/// All connections and links.
#[derive(Debug)]
pub(crate) struct Net<O> {
    pub(crate) links: Links,
    conns: Vec<Option<Box<Conn<O>>>>,
    free: Vec<u32>,
    /// Emptied connections, whose buffers are used again.
    spare: Vec<Box<Conn<O>>>,
    last_number: u32,
    window: u64,
    tcp_timeout_ns: u64,
    chunking: Chunking,
    seed: u64,
}

/// What a write did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Written {
    /// Bytes taken.
    pub(crate) bytes: usize,
    /// The window is full; the writer will be told when it is not.
    pub(crate) full: bool,
}

impl<O: Copy> Net<O> {
    pub(crate) fn new(
        links: Links,
        window: u64,
        tcp_timeout_ns: u64,
        chunking: Chunking,
        seed: u64,
    ) -> Self {
        Self {
            links,
            conns: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            last_number: 0,
            window,
            tcp_timeout_ns,
            chunking,
            seed,
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: ConnId) -> Option<&Conn<O>> {
        self.conns.get(id.slot as usize)?.as_deref().filter(|conn| conn.id == id)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn<O>> {
        self.conns.get_mut(id.slot as usize)?.as_deref_mut().filter(|conn| conn.id == id)
    }

    /// How many connections are not closed at both ends.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.conns.iter().flatten().count()
    }

    /// The ends of all connections between two places, in either direction of dialling.
    pub(crate) fn between(&self, a: Place, b: Place) -> Vec<ConnId> {
        let of = |conn: &&Conn<O>| conn.places == [a, b] || conn.places == [b, a];
        self.conns.iter().flatten().map(Box::as_ref).filter(of).map(|conn| conn.id).collect()
    }

    /// A dial succeeded: the dialler may write at once, the acceptor learns of it with the next
    /// packet.
    ///
    /// `key` names the connection's streams: equal keys see equal noise, whatever else happens.
    pub(crate) fn open(
        &mut self,
        now: u64,
        places: [Place; 2],
        owners: [O; 2],
        key: &[u64],
        queue: &mut Queue,
    ) -> ConnId {
        self.last_number += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            u32::try_from(self.conns.len() - 1).unwrap_or(u32::MAX)
        });
        let id = ConnId { slot, number: self.last_number };
        let mut conn = self.spare.pop().unwrap_or_else(|| {
            let pipes = [Pipe::default(), Pipe::default()];
            let states = [EndState::Closed; 2];
            Box::new(Conn { id, places, owners, states, pipes, dead: false, moved: None })
        });
        conn.id = id;
        conn.places = places;
        conn.owners = owners;
        conn.states = [EndState::Open, EndState::Pending];
        conn.dead = false;
        conn.moved = None;
        for side in Side::BOTH {
            let mut named = vec![side as u64];
            named.extend_from_slice(key);
            let noise = Stream::new(self.seed, "net.noise", &named);
            let chunker = Chunker::new(self.chunking, Stream::new(self.seed, "net.chunk", &named));
            conn.pipe_mut(side).reset(self.window, noise, chunker);
            self.links.slice_new(self.seed, &mut conn, side);
        }
        self.conns[slot as usize] = Some(conn);
        self.send(now, id, Side::Dialler, 0, false, queue);
        id
    }

    /// Puts bytes into a direction, as far as the window allows. A closed end takes nothing.
    pub(crate) fn write<'a>(
        &mut self,
        now: u64,
        id: ConnId,
        side: Side,
        chunks: impl Iterator<Item = &'a [u8]>,
        queue: &mut Queue,
    ) -> Written {
        let Some(conn) = self.conns.get_mut(id.slot as usize).and_then(Option::as_deref_mut) else {
            return Written { bytes: 0, full: false };
        };
        if conn.id != id || matches!(conn.state(side), EndState::Draining | EndState::Closed) {
            return Written { bytes: 0, full: false };
        }
        let (from, to) = (conn.place(side), conn.place(side.other()));
        let room = self.links.room(now, from, to);
        let pipe = conn.pipe_mut(side);
        let written = pipe.push(chunks, room);
        if written.full && written.bytes as u64 == room && pipe.room_asked_at <= now {
            // The network's queue is full, whatever the reader does.
            pipe.room_asked_at = self.links.room_at(now, from, to);
            queue.push(pipe.room_asked_at, Due::Space(id, side));
        }
        if written.bytes > 0 {
            self.send(now, id, side, written.bytes as u64, false, queue);
        }
        written
    }

    /// Sends what was just put into the pipe as one segment.
    fn send(&mut self, now: u64, id: ConnId, side: Side, bytes: u64, fin: bool, queue: &mut Queue) {
        let Some(conn) = self.conns.get_mut(id.slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let (from, to) = (conn.place(side), conn.place(side.other()));
        let cut = conn.is_lost(side) || !self.links.passes(from, to);
        let unheard = cut || conn.moved.is_some() || !self.links.passes(to, from);
        let pipe = conn.pipe_mut(side);
        let breaks = bytes > 0 && pipe.has_broken();
        let arrive = if cut || pipe.holds() {
            Pipe::HELD
        } else {
            self.links.arrival(now, from, to, bytes, pipe.noise())
        };
        pipe.send(arrive, fin || breaks);
        if breaks && arrive != Pipe::HELD && pipe.breaks_by_reset() {
            queue.push(arrive, Due::Reset(id, side));
        }
        if unheard && pipe.start_unacked(now) {
            queue.push(now.saturating_add(self.tcp_timeout_ns), Due::Unacked(id, side));
        }
        Self::schedule(pipe, id, side, queue);
    }

    /// Sees to it that the reader is woken when the first bytes arrive.
    fn schedule(pipe: &mut Pipe, id: ConnId, side: Side, queue: &mut Queue) {
        if let Some(at) = pipe.next_wake() {
            queue.push(at, Due::Pipe(id, side));
        }
    }

    /// The reader wants to be asked again: at this time at the latest.
    pub(crate) fn wake_reader(&mut self, id: ConnId, writer: Side, at: u64, queue: &mut Queue) {
        let Some(conn) = self.get_mut(id) else { return };
        let pipe = conn.pipe_mut(writer);
        pipe.want_wake(at);
        Self::schedule(pipe, id, writer, queue);
    }

    /// After something was read: the next bytes, and room for the writer.
    pub(crate) fn after_read(&mut self, now: u64, id: ConnId, writer: Side, queue: &mut Queue) {
        let Some(conn) = self.conns.get_mut(id.slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let (from, to) = (conn.place(writer), conn.place(writer.other()));
        let lost = conn.is_lost(writer.other());
        let pipe = conn.pipe_mut(writer);
        Self::schedule(pipe, id, writer, queue);
        if pipe.frees_writer() {
            if lost || !self.links.passes(to, from) {
                pipe.space_held = true;
            } else {
                queue.push(now + self.links.latency(to, from), Due::Space(id, writer));
            }
        }
    }

    /// An end is closed by its owner. Nothing that its peer sends arrives any more.
    pub(crate) fn close(&mut self, now: u64, id: ConnId, side: Side, queue: &mut Queue) {
        let Some(conn) = self.get_mut(id) else { return };
        if matches!(conn.state(side), EndState::Draining | EndState::Closed) {
            return;
        }
        conn.states[side as usize] = EndState::Closed;
        let unread = conn.pipe(side.other()).readable() > 0;
        match conn.state(side.other()) {
            EndState::Closed => self.forget(id),
            EndState::Pending | EndState::Open | EndState::Draining if unread => {
                self.reset(now, id, side.other(), queue)
            }
            EndState::Pending | EndState::Open | EndState::Draining => {
                self.send(now, id, side, 0, true, queue)
            }
        }
    }

    /// An end is closed by its owner, who drops what still comes until the peer has ended, too, or until `until`.
    pub(crate) fn drain(
        &mut self,
        now: u64,
        id: ConnId,
        side: Side,
        until: u64,
        queue: &mut Queue,
    ) {
        let Some(conn) = self.get_mut(id) else { return };
        if conn.state(side.other()) == EndState::Closed {
            return self.close(now, id, side, queue);
        }
        conn.states[side as usize] = EndState::Draining;
        conn.pipe_mut(side.other()).pause(false, false);
        self.send(now, id, side, 0, true, queue);
        queue.push(until, Due::Drained(id, side));
        self.drop_input(now, id, side.other(), queue);
    }

    /// Drops what has arrived at an end that drains, and closes that if no more can come.
    pub(crate) fn drop_input(&mut self, now: u64, id: ConnId, writer: Side, queue: &mut Queue) {
        let Some(conn) = self.get_mut(id) else { return };
        let pipe = conn.pipe_mut(writer);
        pipe.consume(pipe.readable() as usize);
        if pipe.at_end() {
            self.abandon(id, writer.other());
        } else {
            self.after_read(now, id, writer, queue);
        }
    }

    /// An end has drained for long enough.
    pub(crate) fn drained(&mut self, now: u64, id: ConnId, side: Side, queue: &mut Queue) {
        let Some(conn) = self.get(id).filter(|conn| conn.state(side) == EndState::Draining) else {
            return;
        };
        let unread = conn.pipe(side.other()).readable() > 0;
        self.abandon(id, side);
        if unread {
            self.reset(now, id, side.other(), queue);
        }
    }

    /// An end breaks without a word to its peer.
    pub(crate) fn abandon(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.get_mut(id) else { return };
        conn.states[side as usize] = EndState::Closed;
        if conn.state(side.other()) == EndState::Closed {
            self.forget(id);
        }
    }

    /// Sends RST to an end. It is lost if the way is cut, and waits if it is held.
    pub(crate) fn reset(&mut self, now: u64, id: ConnId, to: Side, queue: &mut Queue) {
        if self.get(id).is_some_and(|conn| !conn.is_lost(to.other())) {
            self.send_reset(now, id, to, queue);
        }
    }

    fn send_reset(&mut self, now: u64, id: ConnId, to: Side, queue: &mut Queue) {
        let Some(conn) = self.conns.get_mut(id.slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let (from, there) = (conn.place(to.other()), conn.place(to));
        if conn.dead || self.links.is_cut(from, there) {
            return;
        }
        if self.links.is_held(from, there) {
            conn.pipe_mut(to.other()).reset_held = true;
        } else {
            let noise = conn.pipe_mut(to.other()).noise();
            let at = self.links.arrival(now, from, there, 0, noise);
            queue.push(at, Due::Reset(id, to));
        }
    }

    fn forget(&mut self, id: ConnId) {
        if self.get(id).is_some()
            && let Some(conn) = self.conns[id.slot as usize].take()
        {
            self.free.push(id.slot);
            self.spare.push(conn);
        }
    }

    /// The time until which unacknowledged bytes of this side keep the connection; `None` if they
    /// were acknowledged meanwhile.
    pub(crate) fn unacked_until(&self, id: ConnId, side: Side) -> Option<u64> {
        let since = self.get(id)?.pipe(side).unacked_since()?;
        Some(since.saturating_add(self.tcp_timeout_ns))
    }

    /// Nothing passes from one place to another any more. Packets under way are lost, so TCP will
    /// have to send them again.
    pub(crate) fn cut(&mut self, now: u64, from: Place, to: Place, queue: &mut Queue) {
        self.stop(now, from, to, Stop::Cut, queue);
    }

    fn stop(&mut self, now: u64, from: Place, to: Place, stop: Stop, queue: &mut Queue) {
        if !self.links.stop(from, to, stop) {
            return;
        }
        let timeout = self.tcp_timeout_ns;
        for conn in self.conns.iter_mut().flatten() {
            for side in Side::BOTH {
                let way = (conn.place(side), conn.place(side.other()));
                let id = conn.id;
                let pipe = conn.pipe_mut(side);
                if way == (from, to) {
                    pipe.hold(now);
                } else if way != (to, from) {
                    continue;
                }
                if pipe.in_flight() && pipe.start_unacked(now) {
                    queue.push(now.saturating_add(timeout), Due::Unacked(id, side));
                }
            }
        }
    }

    /// Things pass again.
    pub(crate) fn heal(&mut self, now: u64, from: Place, to: Place, queue: &mut Queue) {
        self.go_on(now, from, to, Stop::Cut, queue);
    }

    fn go_on(&mut self, now: u64, from: Place, to: Place, stop: Stop, queue: &mut Queue) {
        if !self.links.go_on(from, to, stop) {
            return;
        }
        let both = self.links.passes(to, from);
        for conn in self.conns.iter_mut().flatten().filter(|conn| !conn.dead) {
            for side in Side::BOTH {
                let way = (conn.place(side), conn.place(side.other()));
                let id = conn.id;
                // What the other end cannot answer stays unacknowledged.
                let known = conn.moved.is_none();
                let lost = conn.is_lost(side);
                let pipe = conn.pipe_mut(side);
                if way == (from, to) && pipe.holds() && !lost {
                    match stop {
                        Stop::Cut => {
                            let again = pipe.retransmission(now);
                            pipe.release(|bytes, noise| {
                                self.links.arrival(again, from, to, bytes, noise)
                            });
                        }
                        Stop::Hold => pipe.release(|_, _| now),
                    }
                    Self::schedule(pipe, id, side, queue);
                }
                if way == (from, to) && std::mem::take(&mut pipe.reset_held) {
                    queue.push(now, Due::Reset(id, side.other()));
                }
                if way == (to, from) && std::mem::take(&mut pipe.space_held) {
                    queue.push(now + self.links.latency(from, to), Due::Space(id, side));
                }
                if both && known && (way == (from, to) || way == (to, from)) && !pipe.holds() {
                    pipe.acknowledged();
                }
            }
        }
    }

    /// A machine is off: its ends of all connections are gone, and so is all that it had sent and
    /// that has not arrived. Nobody is told.
    pub(crate) fn vanish(&mut self, place: Place) {
        let ids: Vec<ConnId> = self.conns.iter().flatten().map(|conn| conn.id).collect();
        for id in ids {
            for side in Side::BOTH {
                let Some(conn) = self.get_mut(id) else { continue };
                if conn.place(side) == place {
                    conn.pipe_mut(side).lose_in_flight();
                    self.abandon(id, side);
                }
            }
        }
    }

    /// Connections between two places carry nothing more, for ever, and nobody is told.
    pub(crate) fn kill_silently(&mut self, now: u64, a: Place, b: Place, queue: &mut Queue) {
        for id in self.between(a, b) {
            let timeout = self.tcp_timeout_ns;
            let Some(conn) = self.get_mut(id) else { continue };
            conn.dead = true;
            for side in Side::BOTH {
                let pipe = conn.pipe_mut(side);
                pipe.hold(now);
                if pipe.in_flight() && pipe.start_unacked(now) {
                    queue.push(now.saturating_add(timeout), Due::Unacked(id, side));
                }
            }
        }
    }
}
