//! Clients: the testbed's own state machines on pipes to real servers.

use std::sync::Arc;

use causeway_sim_process::{ConnId, Parting};

use super::engine::Engine;
use super::{client_place, node_place};
use crate::client::{Client, Ending, Known, Order};
use crate::engine::{Allowance, Reader};
use crate::ids::ClientId;
use crate::plan::{CLIENT_DIAL_TIMEOUT_NS, ClientPlan};

/// Clients read at most this many bytes at once.
const READ_BYTES: usize = 64 << 10;

/// A client and what the engine knows of it.
#[derive(Debug)]
pub(super) struct ClientSlot {
    pub(super) client: Client,
    reader: Reader,
    conn: Option<ConnId>,
    /// When its dial is given up.
    dials_until: Option<u64>,
    /// When a slow reader reads on.
    reads_at: Option<u64>,
    /// How many faults keep it from reading.
    stopped: u32,
}

impl ClientSlot {
    pub(super) fn new(id: ClientId, plan: &ClientPlan, known: &Arc<Known>, seed: u64) -> Self {
        Self {
            client: Client::new(id, plan.clone(), seed).knowing(known, seed),
            reader: Reader::new(plan.read_rate),
            conn: None,
            dials_until: None,
            reads_at: None,
            stopped: 0,
        }
    }

    /// When something is to be done for it.
    pub(super) fn wake(&self) -> u64 {
        let times = [self.client.deadline(), self.dials_until, self.reads_at];
        times.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

impl Engine<'_> {
    pub(super) fn client(&mut self, id: ClientId) -> &mut ClientSlot {
        &mut self.clients[id.0 as usize]
    }

    /// Carries out what a client wants after something happened to it.
    pub(super) fn after_client(&mut self, id: ClientId) {
        while let Some(order) = self.client(id).client.order() {
            let old = self.client(id).conn.take();
            if let Some(old) = old {
                self.by_conn.remove(&old);
                self.net.client_hangs_up(old);
            }
            self.client(id).dials_until = None;
            if let Order::Dial(node) = order {
                let region = self.plan.clients[id.0 as usize].region;
                let conn = self.net.client_dials(client_place(region), node_place(node));
                self.by_conn.insert(conn, id);
                let until = self.rec.now + CLIENT_DIAL_TIMEOUT_NS;
                let slot = self.client(id);
                (slot.conn, slot.dials_until) = (Some(conn), Some(until));
            }
        }
        self.flush(id);
    }

    /// Puts a client's bytes into its pipe, as far as there is room.
    fn flush(&mut self, id: ClientId) {
        let Engine { clients, net, .. } = self;
        let slot = &mut clients[id.0 as usize];
        let Some(conn) = slot.conn.filter(|_| slot.dials_until.is_none()) else { return };
        let bytes = slot.client.output();
        if !bytes.is_empty() {
            let taken = net.client_writes(conn, bytes);
            slot.client.accepted(taken);
        }
    }

    pub(super) fn client_up(&mut self, conn: ConnId) {
        let Some(&id) = self.by_conn.get(&conn) else { return };
        self.client(id).dials_until = None;
        let Engine { clients, rec, .. } = self;
        clients[id.0 as usize].client.on_open(rec);
        self.after_client(id);
    }

    pub(super) fn client_down(&mut self, conn: ConnId, how: Parting) {
        let ending = match how {
            Parting::Ended => Ending::Eof,
            Parting::Reset => Ending::Reset,
            Parting::TimedOut => Ending::TimedOut,
            Parting::Refused => Ending::Refused,
        };
        if let Some(id) = self.by_conn.remove(&conn) {
            self.client_closed(id, ending);
        }
    }

    fn client_closed(&mut self, id: ClientId, ending: Ending) {
        let slot = self.client(id);
        (slot.conn, slot.dials_until, slot.reads_at) = (None, None, None);
        let Engine { clients, rec, .. } = self;
        clients[id.0 as usize].client.on_closed(ending, rec);
        self.after_client(id);
    }

    pub(super) fn client_writable(&mut self, conn: ConnId) {
        if let Some(&id) = self.by_conn.get(&conn) {
            self.flush(id);
        }
    }

    pub(super) fn client_readable(&mut self, conn: ConnId) {
        if let Some(&id) = self.by_conn.get(&conn) {
            self.read(id);
        }
    }

    /// A client reads what is there, as fast as it may.
    fn read(&mut self, id: ClientId) {
        loop {
            let now = self.rec.now;
            let Engine { clients, net, rec, .. } = self;
            let slot = &mut clients[id.0 as usize];
            let Some(conn) = slot.conn.filter(|_| slot.stopped == 0) else { return };
            let wanted = net.client_has(conn).min(READ_BYTES);
            if wanted == 0 || slot.reads_at.is_some_and(|at| at > now) {
                return;
            }
            match slot.reader.allow(now, wanted) {
                Allowance::Bytes(most) => {
                    slot.reads_at = None;
                    let bytes = net.client_reads(conn, most);
                    slot.client.on_bytes(&bytes, rec);
                    self.after_client(id);
                }
                Allowance::NotBefore(at) => {
                    slot.reads_at = Some(at);
                    return;
                }
            }
        }
    }

    /// Clients whose time has come.
    pub(super) fn client_timers(&mut self) {
        let now = self.rec.now;
        for at in 0..self.clients.len() {
            let Ok(number) = u32::try_from(at) else { return };
            let id = ClientId(number);
            if self.client(id).wake() > now {
                continue;
            }
            if self.client(id).dials_until.take_if(|until| *until <= now).is_some() {
                if let Some(conn) = self.client(id).conn.take() {
                    self.by_conn.remove(&conn);
                    self.net.client_hangs_up(conn);
                }
                self.client_closed(id, Ending::TimedOut);
            }
            if self.client(id).client.deadline().is_some_and(|at| at <= now) {
                let Engine { clients, rec, .. } = self;
                clients[at].client.on_timer(rec);
                self.after_client(id);
            }
            if self.client(id).reads_at.take_if(|at| *at <= now).is_some() {
                self.read(id);
            }
        }
    }

    /// A client stops or goes on reading.
    pub(super) fn stop_reading(&mut self, id: ClientId, stops: bool) {
        let slot = self.client(id);
        slot.stopped = if stops { slot.stopped + 1 } else { slot.stopped.saturating_sub(1) };
        let stopped = slot.stopped > 0;
        slot.client.on_deaf(stopped);
        self.read(id);
    }
}
