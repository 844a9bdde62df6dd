//! A limit on bits per second.
//!
//! The bucket is kept as the time at which it would be full again: a message costs the time in which
//! as much flows in, and goes out as soon as it leaves the bucket no deeper than empty.

use crate::time::{Duration, Mono};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The bucket.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    bits_per_second: u64,
    /// How long an empty bucket takes to be full.
    depth: Duration,
    full_at: Mono,
}

impl Rate {
    /// A full bucket that holds `burst` bytes. Without a limit there is none.
    pub(super) fn new(bits_per_second: u64, burst: u64) -> Option<Self> {
        let depth = Duration::from_nanos(nanos(burst, bits_per_second)?);
        Some(Self { bits_per_second, depth, full_at: Mono::default() })
    }

    /// When a message of `bytes` may go. One that is larger than the bucket goes when that is full.
    pub(super) fn ready_at(&self, now: Mono, bytes: u64) -> Mono {
        let cost = self.cost(bytes).min(self.depth);
        (self.full_at.max(now) + cost - self.depth).max(now)
    }

    /// Pays for a message.
    pub(super) fn take(&mut self, now: Mono, bytes: u64) {
        self.full_at = self.full_at.max(now) + self.cost(bytes);
    }

    fn cost(&self, bytes: u64) -> Duration {
        Duration::from_nanos(nanos(bytes, self.bits_per_second).unwrap_or(0))
    }
}

fn nanos(bytes: u64, bits_per_second: u64) -> Option<u64> {
    let nanos = (u128::from(bytes) * 8 * NANOS_PER_SECOND).checked_div(bits_per_second.into())?;
    Some(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        // 1,000 bytes per second, bursts of 500.
        let mut rate = Rate::new(8_000, 500).expect("a limit");
        let start = Mono(5_000_000_000);
        for _ in 0..5 {
            assert_eq!(rate.ready_at(start, 100), start);
            rate.take(start, 100);
        }
        let next = rate.ready_at(start, 100);
        assert_eq!(next.since(start), Duration::from_millis(100));
        rate.take(next, 100);
        assert_eq!(rate.ready_at(next, 200).since(next), Duration::from_millis(200));
    }

    #[test]
    fn a_message_beyond_the_burst_waits_for_a_full_bucket_and_is_paid_for() {
        let mut rate = Rate::new(8_000, 500).expect("a limit");
        let now = Mono(1_000_000_000);
        assert_eq!(rate.ready_at(now, 2_000), now);
        rate.take(now, 2_000);
        assert_eq!(rate.ready_at(now, 500).since(now), Duration::from_secs(2));
        assert_eq!(rate.ready_at(now, 2_000).since(now), Duration::from_secs(2));
    }

    #[test]
    fn no_limit_is_no_bucket_and_extremes_saturate() {
        assert!(Rate::new(0, 500).is_none());
        let mut rate = Rate::new(1, u64::MAX).expect("a limit");
        rate.take(Mono(1), u64::MAX);
        assert!(rate.ready_at(Mono(1), 1) >= Mono(1));
    }
}
