//! Ways between places: whether anything passes, how long it takes, and who is refused.

use std::collections::BTreeMap;

/// Somewhere in the network: a server, or a group of clients that is cut off as one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place(pub u32);

/// How a way is without faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaySetup {
    /// Nanoseconds that every byte takes.
    pub latency_ns: u64,
    /// Added to it, evenly from 0 to this, in nanoseconds; nothing overtakes.
    pub jitter_ns: u64,
    /// Bytes per second of all connections together; 0 is unlimited.
    pub bandwidth: u64,
}

/// What a fault adds to a way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Degrade {
    /// Nanoseconds more.
    pub latency_ns: u64,
    /// Added on top, evenly from 0 to this, in nanoseconds.
    pub jitter_ns: u64,
    /// Bytes per second instead; 0 leaves it.
    pub bandwidth: u64,
}

/// What arrives is handed over in small pieces.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Bytes of a piece at most; at least 1.
    pub bytes: u64,
    /// Between two pieces, in nanoseconds.
    pub every_ns: u64,
}

/// One direction between two places.
#[derive(Clone, Debug, Default)]
pub struct Way {
    setup: WaySetup,
    /// Faults that cut it.
    cuts: u32,
    /// Faults that hold what is under way.
    holds: u32,
    /// Faults that refuse new connections.
    refusals: u32,
    degraded: BTreeMap<u32, Degrade>,
    slices: BTreeMap<u32, Slice>,
    /// When the bandwidth is free again.
    busy_until: u64,
    /// Bytes that were handed over at its end.
    passed: u64,
    /// New connections that came through it.
    dialled: u64,
    /// The shortest that bytes took that were sent after this time.
    quickest_ns: Option<u64>,
    measured_from: u64,
}

impl Way {
    /// Whether nothing passes.
    #[must_use]
    pub const fn is_shut(&self) -> bool {
        self.cuts > 0 || self.holds > 0
    }

    /// Whether new connections are refused.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        self.refusals > 0
    }

    /// Bytes that were handed over at its end so far, and connections that were made through it.
    #[must_use]
    pub const fn traffic(&self) -> (u64, u64) {
        (self.passed, self.dialled)
    }

    /// The shortest time that bytes took that were sent since a `degrade` last began or ended here,
    /// if there were any and nobody has asked before.
    pub const fn quickest(&mut self) -> Option<u64> {
        self.quickest_ns.take()
    }

    /// The least time that bytes take here, in nanoseconds.
    #[must_use]
    pub fn latency_ns(&self) -> u64 {
        let added: u64 = self.degraded.values().map(|one| one.latency_ns).sum();
        self.setup.latency_ns.saturating_add(added)
    }

    pub(crate) fn slice(&self) -> Option<Slice> {
        self.slices.values().next_back().copied()
    }

    pub(crate) const fn handed_over(&mut self, bytes: u64, sent_at: u64, now: u64) {
        self.passed += bytes;
        if sent_at < self.measured_from {
            return;
        }
        let took_ns = now.saturating_sub(sent_at);
        self.quickest_ns = match self.quickest_ns {
            Some(before) if before < took_ns => Some(before),
            _ => Some(took_ns),
        };
    }

    pub(crate) const fn dialled(&mut self) {
        self.dialled += 1;
    }

    /// When bytes arrive that are sent now. `draw` is random.
    pub(crate) fn arrival(&mut self, now: u64, bytes: u64, draw: u64) -> u64 {
        let jitter: u64 = self.degraded.values().map(|one| one.jitter_ns).sum();
        let jitter = jitter.saturating_add(self.setup.jitter_ns);
        let limits = self.degraded.values().map(|one| one.bandwidth).filter(|&rate| rate > 0);
        let rate = limits.chain([self.setup.bandwidth].into_iter().filter(|&rate| rate > 0)).min();
        let mut sent = now;
        if let Some(rate) = rate {
            let takes = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
            sent = now.max(self.busy_until) + u64::try_from(takes).unwrap_or(u64::MAX / 2);
            self.busy_until = sent;
        }
        sent.saturating_add(self.latency_ns()).saturating_add(draw % (jitter + 1))
    }
}

/// All ways. Places that nobody has joined have no way between them: nothing passes.
#[derive(Debug, Default)]
pub struct Ways {
    by_ends: BTreeMap<(Place, Place), Way>,
}

impl Ways {
    /// Joins two places, in this direction.
    pub fn join(&mut self, from: Place, to: Place, setup: WaySetup) {
        self.by_ends.insert((from, to), Way { setup, ..Way::default() });
    }

    /// A way, if the places are joined.
    #[must_use]
    pub fn get(&self, from: Place, to: Place) -> Option<&Way> {
        self.by_ends.get(&(from, to))
    }

    /// A way, if the places are joined.
    pub fn get_mut(&mut self, from: Place, to: Place) -> Option<&mut Way> {
        self.by_ends.get_mut(&(from, to))
    }

    pub(crate) fn is_shut(&self, from: Place, to: Place) -> bool {
        self.get(from, to).is_none_or(Way::is_shut)
    }

    pub(crate) fn cut(&mut self, from: Place, to: Place, on: bool) {
        self.change(from, to, |way| count(&mut way.cuts, on));
    }

    pub(crate) fn hold(&mut self, from: Place, to: Place, on: bool) {
        self.change(from, to, |way| count(&mut way.holds, on));
    }

    pub(crate) fn refuse(&mut self, from: Place, to: Place, on: bool) {
        self.change(from, to, |way| count(&mut way.refusals, on));
    }

    pub(crate) fn degrade(
        &mut self,
        now: u64,
        (from, to): (Place, Place),
        fault: u32,
        by: Option<Degrade>,
    ) {
        self.change(from, to, |way| {
            (way.quickest_ns, way.measured_from) = (None, now);
            match by {
                Some(by) => way.degraded.insert(fault, by),
                None => way.degraded.remove(&fault),
            };
        });
    }

    pub(crate) fn slice(&mut self, from: Place, to: Place, fault: u32, slice: Option<Slice>) {
        self.change(from, to, |way| {
            match slice {
                Some(slice) => way.slices.insert(fault, slice),
                None => way.slices.remove(&fault),
            };
        });
    }

    fn change(&mut self, from: Place, to: Place, change: impl FnOnce(&mut Way)) {
        if let Some(way) = self.by_ends.get_mut(&(from, to)) {
            change(way);
        }
    }
}

const fn count(faults: &mut u32, on: bool) {
    *faults = if on { *faults + 1 } else { faults.saturating_sub(1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Place = Place(0);
    const B: Place = Place(1);

    fn way(setup: WaySetup) -> Way {
        Way { setup, ..Way::default() }
    }

    #[test]
    fn bytes_take_their_time_and_share_the_bandwidth() {
        let mut way = way(WaySetup { latency_ns: 100, jitter_ns: 9, bandwidth: 1_000_000_000 });
        assert_eq!(way.arrival(1_000, 50, 0), 1_150);
        // What was sent just before is still being sent.
        assert_eq!(way.arrival(1_000, 50, 3), 1_203);
        assert_eq!(way.arrival(9_000, 50, 10), 9_150);
        way.degraded.insert(1, Degrade { latency_ns: 1_000, jitter_ns: 1, bandwidth: 1_000_000 });
        assert_eq!((way.arrival(20_000, 1, 10), way.latency_ns()), (22_110, 1_100));
    }

    #[test]
    fn faults_are_counted_and_places_that_are_not_joined_are_cut() {
        let mut ways = Ways::default();
        assert!(ways.is_shut(A, B));
        ways.join(A, B, WaySetup::default());
        ways.cut(A, B, true);
        ways.hold(A, B, true);
        ways.cut(A, B, false);
        assert!(ways.is_shut(A, B));
        ways.hold(A, B, false);
        assert!(!ways.is_shut(A, B) && ways.is_shut(B, A));
        // There is nothing below zero.
        ways.cut(A, B, false);
        ways.cut(A, B, true);
        assert!(ways.is_shut(A, B));
    }
}
