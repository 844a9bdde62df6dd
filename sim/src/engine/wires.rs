//! What happens on connections: bytes arrive, room appears, ends break.

use std::net::SocketAddr;

use causeway_core::{CloseCause, Origin};

use super::clients::Allowance;
use super::host::{Opening, Parting};
use super::names::CLIENT_PORT;
use super::tap::Tap;
use super::waiting::Held;
use super::{Engine, READ_BYTES};
use crate::client::Ending;
use crate::history::Kind;
use crate::ids::{ClientId, NodeId, WireConn};
use crate::net::{ConnId, EndState, Piece, Side};
use crate::queue::Due;

/// Who is behind an end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// A link of a node: its slot in the host's table.
    Node {
        /// Which.
        node: NodeId,
        /// Where in the table.
        slot: u32,
    },
    /// A listener of a node; it will be a link when the handshake is over.
    Listener {
        /// Whose.
        node: NodeId,
        /// Where it listens.
        port: u16,
        /// Who calls.
        peer: SocketAddr,
        /// The client that calls, if it is one.
        client: Option<ClientId>,
    },
    /// A client.
    Client(ClientId),
}

/// The slot of a connection of which the process has not been told.
pub(super) const UNTOLD: u32 = u32::MAX;

impl Owner {
    /// The node, if it is one's.
    pub(super) const fn node(self) -> Option<NodeId> {
        match self {
            Self::Node { node, .. } | Self::Listener { node, .. } => Some(node),
            Self::Client(_) => None,
        }
    }
}

impl Engine<'_> {
    /// The reader of a direction is woken.
    pub(super) fn pipe(&mut self, id: ConnId, writer: Side) {
        let Some(conn) = self.net.get_mut(id) else { return };
        let pipe = conn.pipe_mut(writer);
        if !pipe.woken(self.now) {
            return;
        }
        let arrival = pipe.arrive(self.now);
        // An address that nobody knows has no connection here.
        if conn.moved == Some(writer) {
            if arrival.anything {
                self.net.reset_moved(self.now, id, writer, &mut self.queue);
            }
            self.net.after_read(self.now, id, writer, &mut self.queue);
            return;
        }
        let (state, owner) = (conn.state(writer.other()), conn.owner(writer.other()));
        if state != EndState::Closed
            && let Some(node) = owner.node()
            && self.is_occupied(node)
        {
            let held = if arrival.opens { Held::Accept(id) } else { Held::Read(id, writer) };
            self.wait(node, held);
            self.net.after_read(self.now, id, writer, &mut self.queue);
            return;
        }
        match state {
            EndState::Closed => {
                if arrival.anything {
                    self.net.reset(self.now, id, writer, &mut self.queue);
                }
                self.net.after_read(self.now, id, writer, &mut self.queue);
                return;
            }
            EndState::Pending if arrival.opens => self.accept(id),
            // Woken before the last packet of the handshake, which is still to come.
            EndState::Pending => {
                self.net.after_read(self.now, id, writer, &mut self.queue);
                return;
            }
            EndState::Open | EndState::Draining => {}
        }
        self.deliver(id, writer);
    }

    /// The last packet of the handshake has come: the listener makes a link of it.
    pub(super) fn accept(&mut self, id: ConnId) {
        let Some(conn) = self.net.get_mut(id) else { return };
        let Owner::Listener { node, port, peer, client } = conn.owner(Side::Acceptor) else {
            return;
        };
        conn.states[Side::Acceptor as usize] = EndState::Open;
        let [from, to] = conn.places;
        if !self.listens(node, port) || self.net.links.hangs_up(from, to) {
            self.net.abandon(id, Side::Acceptor);
            self.net.reset(self.now, id, Side::Dialler, &mut self.queue);
            return;
        }
        let origin = if port == CLIENT_PORT { Origin::Client } else { Origin::Route };
        let local = SocketAddr::new(self.names.node_ip(node), port);
        let side = Side::Acceptor;
        self.opened(node, Opening { conn: id, side, origin, peer, local, client });
    }

    pub(super) fn listens(&self, node: NodeId, port: u16) -> bool {
        let process = self.hosts[usize::from(node.0)].process.as_ref();
        process.is_some_and(|process| {
            port == CLIENT_PORT && process.takes_clients && process.node.streams_ready()
                || port == process.route_port && process.takes_routes
        })
    }

    /// Lets the reader read a piece of what has arrived.
    pub(super) fn deliver(&mut self, id: ConnId, writer: Side) {
        let reader = writer.other();
        let now = self.now;
        let Some(conn) = self.net.get_mut(id) else { return };
        if conn.state(reader) == EndState::Draining {
            return self.net.drop_input(now, id, writer, &mut self.queue);
        }
        if conn.state(reader) != EndState::Open {
            // Nobody listens any more; what else is under way will be answered with RST.
            self.net.after_read(now, id, writer, &mut self.queue);
            return;
        }
        let owner = conn.owner(reader);
        let pipe = conn.pipe_mut(writer);
        if pipe.holds_reader() {
            self.net.after_read(self.now, id, writer, &mut self.queue);
            return;
        }
        let readable = (pipe.readable() as usize).min(READ_BYTES);
        if readable > 0 {
            match pipe.chunker().piece(now, readable) {
                Piece::Wait(ns) => {
                    let at = now + ns;
                    self.net.wake_reader(id, writer, at, &mut self.queue);
                    return;
                }
                Piece::Read(bytes) => self.read(id, writer, owner, bytes),
            }
        }
        let Some(conn) = self.net.get_mut(id) else { return };
        if conn.state(reader) != EndState::Open {
            return;
        }
        let pipe = conn.pipe_mut(writer);
        if pipe.at_end() && pipe.ends_broken() {
            self.break_end(id, reader, Ending::Reset);
        } else if pipe.at_end() {
            self.end_of_stream(id, reader, owner);
        } else if pipe.readable() > 0 && readable > 0 && !matches!(owner, Owner::Client(_)) {
            self.net.wake_reader(id, writer, self.now, &mut self.queue);
        }
        self.net.after_read(self.now, id, writer, &mut self.queue);
    }

    fn read(&mut self, id: ConnId, writer: Side, owner: Owner, bytes: usize) {
        match owner {
            Owner::Node { node, slot } => {
                let Some(conn) = self.net.get_mut(id) else { return };
                let pipe = conn.pipe_mut(writer);
                self.rx.clear();
                let taken = self.rx.fill_from(pipe.peek(bytes));
                pipe.consume(taken);
                let position = pipe.position();
                self.net.after_read(self.now, id, writer, &mut self.queue);
                if let Some(tap) = self.taps.get_mut(id.slot as usize).and_then(Option::as_mut) {
                    tap.on_read(writer as usize, position, &mut self.rec);
                }
                self.received(node, slot, taken);
            }
            Owner::Client(client) => self.client_reads(id, writer, client, bytes),
            Owner::Listener { .. } => {}
        }
    }

    fn client_reads(&mut self, id: ConnId, writer: Side, client: ClientId, bytes: usize) {
        let Some(conn) = self.net.get_mut(id) else { return };
        let pipe = conn.pipe_mut(writer);
        let slot = &mut self.clients[client.0 as usize];
        match slot.reader.allow(self.now, bytes) {
            Allowance::Bytes(allowed) => {
                slot.client.on_bytes(pipe.peek(allowed), &mut self.rec);
                pipe.consume(allowed);
                if pipe.readable() > 0 {
                    self.net.wake_reader(id, writer, self.now, &mut self.queue);
                }
                self.net.after_read(self.now, id, writer, &mut self.queue);
                self.after_client(client);
            }
            Allowance::NotBefore(at) => self.net.wake_reader(id, writer, at, &mut self.queue),
        }
    }

    fn end_of_stream(&mut self, id: ConnId, reader: Side, owner: Owner) {
        match owner {
            Owner::Node { node, slot } => {
                self.link_gone(node, slot, CloseCause::Eof, Parting::Close);
            }
            Owner::Client(client) => {
                self.net.close(self.now, id, reader, &mut self.queue);
                self.client_closed(client, Ending::Eof);
            }
            Owner::Listener { .. } => {}
        }
    }

    /// A writer that found the window full may go on.
    pub(super) fn space(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.net.get(id) else { return };
        if conn.state(side) != EndState::Open {
            return;
        }
        match conn.owner(side) {
            Owner::Node { node, slot } => self.writable(node, slot),
            Owner::Client(client) => self.flush_client(client),
            Owner::Listener { .. } => {}
        }
    }

    /// TCP has waited long enough for an acknowledgement.
    pub(super) fn unacked(&mut self, id: ConnId, side: Side) {
        if self.net.unacked_until(id, side).is_some_and(|until| until <= self.now) {
            self.break_end(id, side, Ending::TimedOut);
        }
    }

    /// RST arrives.
    pub(super) fn reset_arrives(&mut self, id: ConnId, side: Side) {
        self.break_end(id, side, Ending::Reset);
    }

    fn break_end(&mut self, id: ConnId, side: Side, ending: Ending) {
        let Some(conn) = self.net.get(id) else { return };
        let (state, owner) = (conn.state(side), conn.owner(side));
        match (state, owner) {
            (EndState::Closed, _) => {}
            (EndState::Open, Owner::Node { slot: UNTOLD, .. }) => {
                self.wire_closed(id, side);
                self.net.abandon(id, side);
            }
            (EndState::Open, Owner::Node { node, slot }) => {
                self.link_gone(node, slot, CloseCause::ReadError, Parting::Broken);
            }
            (EndState::Open, Owner::Client(client)) => {
                self.net.abandon(id, side);
                self.client_closed(client, ending);
            }
            (EndState::Pending | EndState::Open | EndState::Draining, _) => {
                self.net.abandon(id, side)
            }
        }
    }

    /// Bytes were put into a connection: they go into the hash, and past the tap.
    pub(super) fn moved(&mut self, id: ConnId, writer: Side, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let Some(conn) = self.net.get(id) else { return };
        let pushed = conn.pipe(writer).pushed(bytes);
        self.rec.hash.bytes(pushed);
        if let Some(tap) = self.taps.get_mut(id.slot as usize).and_then(Option::as_mut) {
            tap.on_write(writer as usize, pushed, &mut self.rec);
        }
    }

    /// A connection between nodes begins: the tap too.
    pub(super) fn wire_opened(&mut self, id: ConnId, from: NodeId, to: NodeId) {
        let conn = WireConn(id.number);
        let slot = id.slot as usize;
        if self.taps.len() <= slot {
            self.taps.resize_with(slot + 1, || None);
        }
        self.taps[slot] = Some(Box::new(Tap::new(conn, from, to)));
        if self.rec.wants_wire() {
            self.rec.event(Kind::WireOpened { from, to, conn });
        }
    }

    /// A connection to a client begins: no tap of an earlier one may listen.
    pub(super) fn wire_untapped(&mut self, id: ConnId) {
        if let Some(tap) = self.taps.get_mut(id.slot as usize) {
            *tap = None;
        }
    }

    /// One end of a connection between nodes is gone.
    pub(super) fn wire_closed(&mut self, id: ConnId, side: Side) {
        if !self.rec.wants_wire() {
            return;
        }
        let Some(conn) = self.net.get(id) else { return };
        let Some(Some(tap)) = self.taps.get(id.slot as usize) else { return };
        let node = |side| self.net.links.site(conn.place(side)).node();
        if let (Some(node), Some(peer)) = (node(side), node(side.other())) {
            self.rec.event(Kind::WireClosed { node, peer, conn: tap.conn() });
        }
    }

    pub(super) fn conn_words(&self, id: ConnId, writer: Side) -> String {
        let Some(conn) = self.net.get(id) else { return format!("on closed #{}", id.number) };
        let name = |side| match conn.owner(side) {
            Owner::Node { node, .. } | Owner::Listener { node, .. } => self.plan.node_name(node),
            Owner::Client(client) => self.plan.client_name(client),
        };
        format!("{} -> {} on #{}", name(writer), name(writer.other()), id.number)
    }

    /// Existing connections between two places are reset.
    pub(super) fn reset_between(&mut self, ids: &[ConnId]) {
        for id in ids {
            for side in Side::BOTH {
                self.queue.push(self.now, Due::Reset(*id, side));
            }
        }
    }
}
