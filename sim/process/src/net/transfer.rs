//! What one connection has to do: come up, take bytes in, hand them over, end.

use super::{Event, Net, Parting};
use crate::conn::{Conn, Done, End, Side, Stage};
use crate::pipe::Freight;

/// What became of the bytes at the front of a pipe.
enum Handed {
    /// There may be more to do.
    Some,
    /// Nothing can be done before this time, or before something happens.
    NotBefore(u64),
}

impl Net {
    /// Does for a connection what can be done now.
    pub(super) fn pump(&mut self, id: u32) {
        let Some(mut conn) = self.conns.remove(&id) else { return };
        let wake = self.advance(&mut conn);
        if conn.is_over() {
            return;
        }
        if let Some(at) = wake.filter(|&at| at < u64::MAX) {
            self.wakes.insert((at, id));
        }
        self.conns.insert(id, conn);
    }

    /// Gives the time at which there is something to do again.
    fn advance(&mut self, conn: &mut Conn) -> Option<u64> {
        let now = self.clock.now();
        if matches!(conn.stage, Stage::Calling(_) | Stage::Connecting) && !self.still_calls(conn) {
            return None;
        }
        if let Stage::Calling(at) = conn.stage {
            if now < at {
                return Some(at);
            }
            if self.is_shut(conn, Side::Caller) {
                return self.waits_for_way(conn, at, now);
            }
            if self.connect(conn).is_err() {
                self.refused(conn);
                return None;
            }
        }
        if conn.stage == Stage::Connecting && !self.is_connected(conn) {
            return None;
        }
        if let Stage::Answering(at) = conn.stage {
            if now < at {
                return Some(at);
            }
            if self.is_shut(conn, Side::Callee) {
                return self.waits_for_way(conn, at, now);
            }
            conn.stage = Stage::Up;
            self.events.push_back(Event::ClientUp(conn.id));
        }
        self.transfer(conn, now)
    }

    /// A call that does not get through is given up when TCP does.
    fn waits_for_way(&mut self, conn: &mut Conn, since: u64, now: u64) -> Option<u64> {
        let until = since.saturating_add(self.options.tcp_timeout_ns);
        if now < until {
            return Some(until);
        }
        self.give_up(conn, Side::Caller, Parting::TimedOut);
        self.callee_unknown(conn);
        None
    }

    /// Nobody is at the other end: there is nothing to wait for.
    fn callee_unknown(&self, conn: &mut Conn) {
        if let End::Socket(socket) = std::mem::replace(conn.end_mut(Side::Callee), End::None) {
            socket.reset();
        }
        conn.stage = Stage::Up;
    }

    fn refused(&mut self, conn: &mut Conn) {
        self.give_up(conn, Side::Caller, Parting::Refused);
        self.callee_unknown(conn);
    }

    /// Whether the kernel has connected; if it could not, that is the end.
    fn is_connected(&mut self, conn: &mut Conn) -> bool {
        let Some(socket) = conn.socket(Side::Callee) else { return false };
        if !socket.writable {
            return false;
        }
        if !matches!(socket.stream.take_error(), Ok(None)) {
            self.refused(conn);
            return false;
        }
        let (from, to) = conn.way(Side::Caller);
        if let Some(way) = self.ways.get_mut(from, to) {
            way.dialled();
        }
        if conn.tapped {
            self.events.push_back(Event::Opened { conn: conn.id, from, to });
        }
        let (now, draw) = (self.clock.now(), self.draw());
        let at = self.ways.get_mut(to, from).map_or(now, |way| way.arrival(now, 0, draw));
        conn.pipe_mut(Side::Callee).not_before(at);
        // A server's kernel has had its answer from the door.
        conn.stage = if conn.tapped { Stage::Up } else { Stage::Answering(at) };
        true
    }

    pub(super) fn is_shut(&self, conn: &Conn, writer: Side) -> bool {
        let (from, to) = conn.way(writer);
        conn.dead || self.ways.is_shut(from, to)
    }

    fn transfer(&mut self, conn: &mut Conn, now: u64) -> Option<u64> {
        loop {
            let mut wake = u64::MAX;
            let mut moved = false;
            // What one direction does may give the other something to do.
            for writer in Side::BOTH {
                moved |= self.take_in(conn, writer, now);
                match self.hand_over(conn, writer, now) {
                    Handed::Some => moved = true,
                    Handed::NotBefore(at) => wake = wake.min(at),
                }
            }
            if !moved {
                return Some(wake);
            }
        }
    }

    /// Takes some of what a server has sent, as far as there is room. Says whether there may be more:
    /// the poller tells of it only once.
    fn take_in(&mut self, conn: &mut Conn, writer: Side, now: u64) -> bool {
        let room = self.options.window.saturating_sub(conn.pipe(writer).queued());
        let severed = conn.pipe(writer).severed;
        let limit = room.min(self.buffer.len());
        let Some(socket) = conn.socket(writer).filter(|s| s.readable && !s.ended && limit > 0)
        else {
            return false;
        };
        let Some(buffer) = self.buffer.get_mut(..limit) else { return false };
        match socket.read(buffer) {
            Done::Bytes(count) => {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if !severed {
                    if conn.tapped {
                        let (conn, bytes) = (conn.id, bytes.clone());
                        self.events.push_back(Event::Sent { conn, writer, bytes });
                    }
                    self.put(conn, writer, bytes, now);
                }
            }
            Done::Later => return false,
            Done::Ended => {
                self.closed(conn, writer);
                self.put_sign(conn, writer, Freight::Fin, now);
            }
            Done::Broken(_) => self.breaks(conn, writer, now),
        }
        true
    }

    /// Whether a server that calls is still there. One that has given up, as it does when nobody
    /// answers, calls no more: nobody ever hears of it.
    fn still_calls(&self, conn: &mut Conn) -> bool {
        let gone = match conn.end(Side::Caller) {
            End::Socket(socket) => socket.is_gone(),
            End::Client => false,
            End::None => true,
        };
        if gone {
            *conn.end_mut(Side::Caller) = End::None;
            self.callee_unknown(conn);
        }
        !gone
    }

    /// Bytes are under way from now on.
    pub(super) fn put(&mut self, conn: &mut Conn, writer: Side, bytes: Vec<u8>, now: u64) {
        let draw = self.draw();
        let (from, to) = conn.way(writer);
        let size = bytes.len() as u64;
        let at = self.ways.get_mut(from, to).map_or(now, |way| way.arrival(now, size, draw));
        conn.pipe_mut(writer).push(at, Freight::Bytes { bytes, used: 0, sent_at: now });
    }

    pub(super) fn put_sign(&mut self, conn: &mut Conn, writer: Side, sign: Freight, now: u64) {
        let draw = self.draw();
        let (from, to) = conn.way(writer);
        let at = self.ways.get_mut(from, to).map_or(now, |way| way.arrival(now, 0, draw));
        conn.pipe_mut(writer).push(at, sign);
    }

    /// The owner of an end has gone.
    fn breaks(&mut self, conn: &mut Conn, side: Side, now: u64) {
        *conn.end_mut(side) = End::None;
        self.closed(conn, side);
        self.put_sign(conn, side, Freight::Rst, now);
    }

    pub(super) fn closed(&mut self, conn: &mut Conn, side: Side) {
        if conn.tapped && conn.tell_closed(side) && conn.stage == Stage::Up {
            self.events.push_back(Event::Closed { conn: conn.id, side });
        }
    }

    /// An end is reset, and what its owner sent is lost.
    pub(super) fn give_up(&mut self, conn: &mut Conn, side: Side, how: Parting) {
        match std::mem::replace(conn.end_mut(side), End::None) {
            End::Socket(socket) => {
                socket.reset();
                self.closed(conn, side);
            }
            End::Client => self.events.push_back(Event::ClientDown(conn.id, how)),
            End::None => {}
        }
        conn.pipe_mut(side).clear();
    }

    /// Hands what is due to the reader.
    fn hand_over(&mut self, conn: &mut Conn, writer: Side, now: u64) -> Handed {
        let Some((at, freight)) = conn.pipe(writer).front() else {
            conn.pipe_mut(writer).blocked_since = None;
            return Handed::NotBefore(u64::MAX);
        };
        let is_rst = matches!(freight, Freight::Rst);
        if at > now {
            return Handed::NotBefore(at);
        }
        if self.is_shut(conn, writer) {
            return self.blocked(conn, writer, is_rst, now);
        }
        conn.pipe_mut(writer).blocked_since = None;
        if let Some(sign) = conn.pipe_mut(writer).take_sign() {
            self.signed(conn, writer, &sign);
            return Handed::Some;
        }
        self.hand_bytes(conn, writer, now)
    }

    /// What cannot go on waits, until TCP gives up. A reset is sent once and lost.
    fn blocked(&mut self, conn: &mut Conn, writer: Side, is_rst: bool, now: u64) -> Handed {
        if is_rst {
            conn.pipe_mut(writer).take_sign();
            conn.pipe_mut(writer).finished |= matches!(conn.end(writer.other()), End::None);
            return Handed::Some;
        }
        let since = *conn.pipe_mut(writer).blocked_since.get_or_insert(now);
        let until = since.saturating_add(self.options.tcp_timeout_ns);
        if now < until {
            return Handed::NotBefore(until);
        }
        self.give_up(conn, writer, Parting::TimedOut);
        Handed::NotBefore(u64::MAX)
    }

    /// The reader is told of the end.
    fn signed(&mut self, conn: &mut Conn, writer: Side, sign: &Freight) {
        let reader = writer.other();
        conn.pipe_mut(writer).finished = true;
        match (sign, conn.end(reader)) {
            (Freight::Fin, End::Socket(socket)) => socket.finish(),
            (Freight::Fin, End::Client) => {
                *conn.end_mut(reader) = End::None;
                self.events.push_back(Event::ClientDown(conn.id, Parting::Ended));
                let now = self.clock.now();
                self.put_sign(conn, reader, Freight::Fin, now);
            }
            (Freight::Fin, End::None) => {}
            (Freight::Rst | Freight::Bytes { .. }, _) => self.give_up(conn, reader, Parting::Reset),
        }
    }

    fn hand_bytes(&mut self, conn: &mut Conn, writer: Side, now: u64) -> Handed {
        let (from, to) = conn.way(writer);
        let slice = self.ways.get(from, to).and_then(crate::ways::Way::slice);
        let limit = slice.map_or(u64::MAX, |slice| slice.bytes);
        let cut = conn.pipe(writer).cut_after;
        let limit = cut.map_or(limit, |cut| limit.min(cut.bytes));
        if let Some(cut) = cut.filter(|cut| cut.bytes == 0) {
            self.sever(conn, writer, cut.fin);
            return Handed::Some;
        }
        if slice.is_some() && conn.pipe(writer).next_piece_at > now {
            return Handed::NotBefore(conn.pipe(writer).next_piece_at);
        }
        let (end, pipe) = conn.reader(writer.other());
        let Some((bytes, sent_at)) = pipe.due_bytes(now) else {
            return Handed::NotBefore(u64::MAX);
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let socket = match end {
            End::Socket(socket) => socket,
            End::Client => {
                self.events.push_back(Event::ClientReadable(conn.id));
                return Handed::NotBefore(u64::MAX);
            }
            End::None => {
                // Nobody knows of such a connection here.
                pipe.clear();
                self.put_sign(conn, writer.other(), Freight::Rst, now);
                return Handed::Some;
            }
        };
        if !socket.writable {
            return Handed::NotBefore(u64::MAX);
        }
        match socket.write(bytes.get(..limit.min(bytes.len())).unwrap_or_default()) {
            Done::Bytes(count) => {
                pipe.handed_over(count);
                pipe.next_piece_at = slice.map_or(0, |slice| now.saturating_add(slice.every_ns));
                self.passed(conn, writer, count as u64, sent_at, now);
                if writer == Side::Caller && std::mem::take(&mut conn.stalled) {
                    self.events.push_back(Event::ClientWritable(conn.id));
                }
            }
            Done::Later | Done::Ended => {}
            Done::Broken(_) => self.breaks(conn, writer.other(), now),
        }
        Handed::Some
    }

    /// Counts what was handed over.
    pub(super) fn passed(&mut self, conn: &Conn, writer: Side, bytes: u64, sent_at: u64, now: u64) {
        let (from, to) = conn.way(writer);
        if let Some(way) = self.ways.get_mut(from, to) {
            way.handed_over(bytes, sent_at, now);
        }
        if conn.tapped {
            let position = conn.pipe(writer).passed;
            self.events.push_back(Event::Taken { conn: conn.id, writer, position });
        }
    }

    /// A stream breaks here: its reader sees an orderly end, or both ends are reset.
    fn sever(&mut self, conn: &mut Conn, writer: Side, fin: bool) {
        conn.pipe_mut(writer).clear();
        conn.pipe_mut(writer).cut_after = None;
        if fin {
            conn.pipe_mut(writer).severed = true;
            self.signed(conn, writer, &Freight::Fin);
        } else {
            for side in Side::BOTH {
                self.give_up(conn, side, Parting::Reset);
            }
        }
    }
}
