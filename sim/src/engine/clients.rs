//! Clients in the engine: their orders, their bytes, their timers.

use super::Engine;
use super::anchors::Waits;
use crate::client::{Ending, Order};
use crate::ids::ClientId;
use crate::net::{ConnId, Side};
use crate::queue::Due;
use crate::units::SECOND;

/// A slow reader reads again when it may read this much, or all there is.
const SIP_BYTES: u64 = 1024;

/// A slow reader that was idle may read at once what it would read in a tenth of a second.
const SAVED_NS: u64 = SECOND / 10;

/// How fast a client reads.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Bytes in a second; 0 is as they come.
    rate: u64,
    /// Since when nothing was read.
    since: u64,
}

/// Whether a client reads now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allowance {
    /// At most so many bytes.
    Bytes(usize),
    /// Not before this time.
    NotBefore(u64),
}

impl Reader {
    /// A reader of so many bytes in a second; 0 is as they come.
    #[must_use]
    pub const fn new(rate: u64) -> Self {
        Self { rate, since: 0 }
    }

    /// How much of `wanted` bytes may be read now, which is what is read.
    pub fn allow(&mut self, now: u64, wanted: usize) -> Allowance {
        let allowance = self.allowance(now, wanted);
        if let Allowance::Bytes(bytes) = allowance {
            self.has_read(bytes);
        }
        allowance
    }

    /// How much of `wanted` bytes may be read now. Who asks says what it has read
    /// ([`has_read`](Self::has_read)).
    pub fn allowance(&mut self, now: u64, wanted: usize) -> Allowance {
        if self.rate == 0 {
            return Allowance::Bytes(wanted);
        }
        self.since = self.since.max(now.saturating_sub(SAVED_NS));
        let sip = self.nanos(SIP_BYTES.min(wanted as u64));
        if now - self.since < sip && sip <= SAVED_NS {
            return Allowance::NotBefore(self.since + sip);
        }
        let saved = u128::from(now - self.since) * u128::from(self.rate) / u128::from(SECOND);
        // Slower than a sip in a tenth of a second: byte by byte.
        let allowed = usize::try_from(saved).unwrap_or(usize::MAX).min(wanted);
        if allowed == 0 {
            return Allowance::NotBefore(self.since + self.nanos(1));
        }
        Allowance::Bytes(allowed)
    }

    /// So many bytes were read.
    pub fn has_read(&mut self, bytes: usize) {
        if self.rate > 0 {
            self.since += self.nanos(bytes as u64);
        }
    }

    /// How long so many bytes take. Rounded up: a time at which there is still nothing to read would be
    /// asked for for ever.
    fn nanos(&self, bytes: u64) -> u64 {
        let ns = (u128::from(bytes) * u128::from(SECOND)).div_ceil(u128::from(self.rate));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

impl Engine<'_> {
    /// An operation of the plan, now or when what it waits for has come.
    pub(super) fn op_or_wait(&mut self, at: usize) {
        let op = self.plan.ops[at];
        let Some(later) = op.when else { return self.op(at) };
        let Some(anchors) = &mut self.rec.anchors else { return };
        // The first of those that wait for the same speaks for all.
        if anchors.first_of(later.condition, op.at) == Some(at) {
            anchors.arm(Waits::Ops(at));
        }
    }

    /// An operation of the plan.
    pub(super) fn op(&mut self, at: usize) {
        let op = self.plan.ops[at];
        self.clients[op.client.0 as usize].client.on_op(&op.op, &mut self.rec);
        self.after_client(op.client);
    }

    pub(super) fn client_timer(&mut self, id: ClientId) {
        let slot = &mut self.clients[id.0 as usize];
        if slot.wake != self.now {
            return;
        }
        slot.wake = u64::MAX;
        if slot.client.deadline().is_some_and(|at| at <= self.now) {
            slot.client.on_timer(&mut self.rec);
        }
        self.after_client(id);
    }

    pub(super) fn client_opened(&mut self, id: ClientId, conn: ConnId) {
        let slot = &mut self.clients[id.0 as usize];
        slot.dial = None;
        slot.conn = Some(conn);
        let stopped = slot.stopped > 0;
        slot.client.on_open(&mut self.rec);
        if stopped && let Some(conn) = self.net.get_mut(conn) {
            conn.pipe_mut(Side::Acceptor).pause(true, false);
        }
        self.after_client(id);
    }

    pub(super) fn client_closed(&mut self, id: ClientId, ending: Ending) {
        let slot = &mut self.clients[id.0 as usize];
        slot.dial = None;
        slot.conn = None;
        slot.client.on_closed(ending, &mut self.rec);
        self.after_client(id);
    }

    /// Carries out what a client wants after something happened to it.
    pub(super) fn after_client(&mut self, id: ClientId) {
        while let Some(order) = self.clients[id.0 as usize].client.order() {
            match order {
                Order::Dial(node) => {
                    let dial = self.client_dials(id, node);
                    self.clients[id.0 as usize].dial = Some(dial);
                }
                Order::Hang => {
                    let slot = &mut self.clients[id.0 as usize];
                    if let Some(dial) = slot.dial.take() {
                        self.cancel_dial(dial);
                    }
                    if let Some(conn) = self.clients[id.0 as usize].conn.take() {
                        self.net.close(self.now, conn, Side::Dialler, &mut self.queue);
                    }
                }
            }
        }
        self.flush_client(id);
        let slot = &mut self.clients[id.0 as usize];
        if let Some(at) = slot.client.deadline() {
            let at = at.max(self.now);
            if at < slot.wake {
                slot.wake = at;
                self.queue.push(at, Due::Client(id));
            }
        }
    }

    /// Puts a client's bytes into its socket, as far as there is room.
    pub(super) fn flush_client(&mut self, id: ClientId) {
        let slot = &mut self.clients[id.0 as usize];
        let Some(conn) = slot.conn else { return };
        let bytes = slot.client.output();
        if bytes.is_empty() {
            return;
        }
        let chunks = std::iter::once(bytes);
        let written = self.net.write(self.now, conn, Side::Dialler, chunks, &mut self.queue);
        slot.client.accepted(written.bytes);
        self.moved(conn, Side::Dialler, written.bytes);
    }

    /// A client stops or goes on reading.
    pub(super) fn client_stops_reading(&mut self, id: ClientId, stops: bool) {
        let Some(slot) = self.clients.get_mut(id.0 as usize) else { return };
        slot.stopped = if stops { slot.stopped + 1 } else { slot.stopped.saturating_sub(1) };
        let stopped = slot.stopped > 0;
        slot.client.on_deaf(stopped);
        let Some(id) = slot.conn else { return };
        if let Some(conn) = self.net.get_mut(id) {
            conn.pipe_mut(Side::Acceptor).pause(stopped, false);
        }
        if !stopped {
            self.net.wake_reader(id, Side::Acceptor, self.now, &mut self.queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_and_not_read_is_not_charged() {
        let mut reader = Reader::new(10_000);
        // It has saved up a tenth of a second.
        assert_eq!(reader.allowance(SECOND, 600), Allowance::Bytes(600));
        assert_eq!(reader.allowance(SECOND, 600), Allowance::Bytes(600));
        reader.has_read(500);
        assert_eq!(reader.allowance(SECOND, 500), Allowance::Bytes(500));
        reader.has_read(500);
        assert_eq!(reader.allowance(SECOND, 500), Allowance::NotBefore(SECOND + 50_000_000));
    }

    #[test]
    fn a_slow_reader_reads_at_its_rate() {
        for rate in [10, 333, 1_000, 7_777, 1_000_000] {
            let mut reader = Reader::new(rate);
            let (mut now, mut read) = (5 * SECOND, 0);
            let start = now;
            while read < rate * 3 {
                match reader.allow(now, 64 << 10) {
                    Allowance::Bytes(bytes) => read += bytes as u64,
                    Allowance::NotBefore(at) => {
                        assert!(at > now);
                        now = at;
                    }
                }
            }
            let took = now - start;
            assert!((28 * SECOND / 10..33 * SECOND / 10).contains(&took), "{rate}: {took}");
        }
        assert_eq!(Reader::new(0).allow(1, 77), Allowance::Bytes(77));
    }
}
