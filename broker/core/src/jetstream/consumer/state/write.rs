//! Writing a state.

use alloc::vec::Vec;

use super::super::Consumer;
use super::super::ack::wait_after;
use super::super::pending::{Entry, Wait};
use super::{CHANGES, Span, VERSION, WHOLE};
use crate::time::{Now, Wall};

impl Consumer {
    /// Appends all of the state: the first piece that [`restore`](Self::restore) needs.
    pub(crate) fn save(&self, now: Now, out: &mut Vec<u8>) {
        self.write_head(WHOLE, out);
        number(out, self.pending.len() as u64);
        let mut deliveries = Deliveries { now, ..Deliveries::default() };
        for entry in self.pending.iter() {
            deliveries.write(self, entry, out);
        }
        number(out, self.exhausted.runs().len() as u64);
        let mut before = 0;
        for (first, last) in self.exhausted.runs() {
            number(out, first - before);
            number(out, last - first);
            before = last;
        }
        ascending(out, self.skip.len(), self.skip.iter().copied());
    }

    /// Whether something that is kept has changed since the last time that [changes](Self::take_changes)
    /// were taken.
    pub(crate) fn is_changed(&self) -> bool {
        self.setup.durable && (self.moved || self.pending.is_changed())
    }

    /// Everything counts as changed: all of it is written next.
    pub(crate) fn change_all(&mut self) {
        self.moved = true;
        self.pending.change_all();
    }

    /// Appends what changed since the last time, if something did: one more piece for
    /// [`restore`](Self::restore). It may be all of the state.
    pub(crate) fn take_changes(&mut self, now: Now, out: &mut Vec<u8>) -> bool {
        if !self.is_changed() {
            return false;
        }
        self.moved = false;
        let mut changes = core::mem::take(&mut self.sequences);
        changes.clear();
        if self.pending.take_changes(&mut changes) {
            self.given_back.sort_unstable();
            self.write_changes(now, &changes, out);
        } else {
            self.save(now, out);
        }
        self.given_back.clear();
        self.sequences = changes;
        true
    }

    fn write_changes(&self, now: Now, changes: &[u64], out: &mut Vec<u8>) {
        self.write_head(CHANGES, out);
        let waits = || changes.iter().filter_map(|seq| self.pending.get(*seq));
        number(out, waits().count() as u64);
        let mut deliveries = Deliveries { now, ..Deliveries::default() };
        for entry in waits() {
            deliveries.write(self, entry, out);
        }
        // Up to the floor nothing is pending: that need not be told.
        let acked = |seq: &u64| {
            (*seq > self.floor.stream || self.given_back.binary_search(seq).is_ok())
                && self.pending.get(*seq).is_none()
                && !self.exhausted.contains(*seq)
        };
        let acked = || changes.iter().copied().filter(acked);
        ascending(out, acked().count(), acked());
        let given_up = || changes.iter().copied().filter(|seq| self.exhausted.contains(*seq));
        ascending(out, given_up().count(), given_up());
    }

    fn write_head(&self, kind: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(&[VERSION, kind]);
        let (delivered, floor) = (self.delivered, self.floor);
        let (delivered, floor) =
            ([delivered.consumer, delivered.stream], [floor.consumer, floor.stream]);
        for position in [self.next, self.log_end].into_iter().chain(delivered).chain(floor) {
            number(out, position);
        }
        for at in [self.delivered_at, self.acked_at] {
            out.push(u8::from(at.is_some()));
            if let Some(Wall(nanos)) = at {
                signed(out, nanos);
            }
        }
    }
}

/// What the next delivery is told by.
#[derive(Default)]
struct Deliveries {
    now: Now,
    sseq: u64,
    dseq: u64,
    since: i64,
}

impl Deliveries {
    fn write(&mut self, consumer: &Consumer, entry: &Entry, out: &mut Vec<u8>) {
        let span = match entry.wait {
            Wait::Queued(_) => Span::Over,
            wait if wait == wait_after(&consumer.config, entry.deliveries, entry.since) => {
                Span::Usual
            }
            Wait::Forever => Span::Forever,
            Wait::Until(at) => Span::Exactly(at.0.saturating_sub(entry.since.0)),
        };
        let ago = self.now.mono.0.saturating_sub(entry.since.0);
        let since = self.now.wall.0.saturating_sub_unsigned(ago);
        number(out, entry.sseq - self.sseq);
        number(out, entry.dseq - self.dseq);
        signed(out, since.wrapping_sub(self.since));
        (self.sseq, self.dseq, self.since) = (entry.sseq, entry.dseq, since);
        let deliveries = u64::from(entry.deliveries) << 2;
        match span {
            Span::Usual => number(out, deliveries),
            Span::Over => number(out, deliveries | 1),
            Span::Forever => number(out, deliveries | 2),
            Span::Exactly(nanos) => {
                number(out, deliveries | 3);
                number(out, nanos);
            }
        }
    }
}

fn ascending(out: &mut Vec<u8>, count: usize, sequences: impl Iterator<Item = u64>) {
    number(out, count as u64);
    let mut before = 0;
    for seq in sequences {
        number(out, seq - before);
        before = seq;
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn signed(out: &mut Vec<u8>, value: i64) {
    number(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}
