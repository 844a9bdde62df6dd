//! Clients: their ends of connections are here, and no sockets.

use std::net::SocketAddr;

use super::Net;
use crate::conn::{ConnId, End, Side, Stage};
use crate::pipe::Freight;
use crate::ways::{Place, Way};

impl Net {
    /// A client calls a server; whether it gets through is an event.
    pub fn client_dials(&mut self, from: Place, to: Place) -> ConnId {
        let refused = self.ways.get(from, to).is_some_and(Way::refuses);
        let address = self.addresses.get(&to).map(|addresses| addresses.clients);
        // Where nobody listens, the kernel says so when the call arrives there.
        let nowhere = ([127, 0, 0, 1], 0).into();
        let address = address.filter(|_| !refused).unwrap_or(nowhere);
        self.begin(End::Client, [from, to], address, None)
    }

    /// A client sends; gives how many bytes were taken. When there is room again, that is an event.
    pub fn client_writes(&mut self, id: ConnId, bytes: &[u8]) -> usize {
        let Some(mut conn) = self.conns.remove(&id.0) else { return 0 };
        let room = self.options.window.saturating_sub(conn.pipe(Side::Caller).queued());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default().to_vec();
        let count = taken.len();
        conn.stalled = count < bytes.len();
        if count > 0 && conn.stage == Stage::Up && matches!(conn.end(Side::Caller), End::Client) {
            let now = self.clock.now();
            self.put(&mut conn, Side::Caller, taken, now);
            self.dirty.insert(id.0);
        }
        self.conns.insert(id.0, conn);
        count
    }

    /// Where a server sees the connection come from, once it is up.
    #[must_use]
    pub fn calls_from(&self, id: ConnId) -> Option<SocketAddr> {
        match self.conns.get(&id.0)?.end(Side::Callee) {
            End::Socket(socket) => socket.stream.local_addr().ok(),
            End::Client | End::None => None,
        }
    }

    /// Bytes that are there for a client to be read.
    #[must_use]
    pub fn client_has(&self, id: ConnId) -> usize {
        let Some(conn) = self.conns.get(&id.0) else { return 0 };
        let due = conn.pipe(Side::Callee).due_bytes(self.clock.now());
        let shut = self.is_shut(conn, Side::Callee);
        due.filter(|_| !shut).map_or(0, |(bytes, _)| bytes.len())
    }

    /// A client reads, at most so many bytes; there may be more.
    pub fn client_reads(&mut self, id: ConnId, most: usize) -> Vec<u8> {
        let now = self.clock.now();
        let Some(mut conn) = self.conns.remove(&id.0) else { return Vec::new() };
        let mut read = Vec::new();
        if !self.is_shut(&conn, Side::Callee)
            && let Some((bytes, sent_at)) = conn.pipe(Side::Callee).due_bytes(now)
        {
            read = bytes.get(..most.min(bytes.len())).unwrap_or_default().to_vec();
            conn.pipe_mut(Side::Callee).handed_over(read.len());
            self.passed(&conn, Side::Callee, read.len() as u64, sent_at, now);
        }
        self.conns.insert(id.0, conn);
        self.dirty.insert(id.0);
        read
    }

    /// A client hangs up. It hears nothing of this connection any more.
    pub fn client_hangs_up(&mut self, id: ConnId) {
        let now = self.clock.now();
        let Some(conn) = self.conns.get_mut(&id.0) else { return };
        *conn.end_mut(Side::Caller) = End::None;
        if conn.stage == Stage::Up {
            if let Some(mut conn) = self.conns.remove(&id.0) {
                self.put_sign(&mut conn, Side::Caller, Freight::Fin, now);
                self.conns.insert(id.0, conn);
            }
            self.dirty.insert(id.0);
        } else if let Some(mut conn) = self.conns.remove(&id.0)
            && let End::Socket(socket) = std::mem::replace(conn.end_mut(Side::Callee), End::None)
        {
            // Its server learns of it as of any that ends before it was greeted.
            socket.reset();
        }
    }

    /// Whether a client's connection is still there.
    #[must_use]
    pub fn is_there(&self, id: ConnId) -> bool {
        let conn = self.conns.get(&id.0);
        conn.is_some_and(|conn| matches!(conn.end(Side::Caller), End::Client))
    }
}
