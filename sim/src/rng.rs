//! Randomness as named streams: `draw = f(seed, stream, counter)`.
//!
//! A stream is named by its purpose and by what it belongs to (a node, a connection, ...). Its n-th
//! draw depends on the seed, the name and n, and on nothing else: a new draw in one component moves
//! no draw of another, which is what keeps a plan's meaning when unrelated code changes.

use crate::hash::{hash64, mix};

/// One stream of draws.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    counter: u64,
}

impl Stream {
    /// The stream of `purpose` for the object with these coordinates.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, of: &[u64]) -> Self {
        let mut key = hash64(seed, purpose.as_bytes());
        for part in of {
            key = mix(key, *part);
        }
        Self { key, counter: 0 }
    }

    /// The next 64 bits.
    #[inline]
    pub const fn next(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        // Two rounds: the counter's few changing bits must reach every bit of the result.
        mix(mix(self.key, self.counter), self.key)
    }

    /// A number below `bound`, every one alike; 0 if `bound` is 0.
    ///
    /// By multiplication instead of a remainder: its bias is below `bound / 2^64`, which no run of
    /// ours can notice, and it always takes exactly one draw.
    #[inline]
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` if `high` is less.
    #[inline]
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            let _keeps_the_counter_moving = self.next();
            return low;
        }
        match (high - low).checked_add(1) {
            Some(count) => low + self.below(count),
            None => self.next(),
        }
    }

    /// A number from `low` to `high`, both included, at least 1: every doubling is alike, and within
    /// one all numbers are. It always takes two draws.
    #[inline]
    pub const fn doublings(&mut self, low: u64, high: u64) -> u64 {
        let low = if low == 0 { 1 } else { low };
        let high = if high < low { low } else { high };
        let doublings = (high / low).ilog2() as u64;
        let from = low << self.below(doublings + 1);
        let to = from.saturating_mul(2) - 1;
        self.between(from, if to < high { to } else { high })
    }

    /// True this many times in a million.
    #[inline]
    pub const fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm as u64
    }

    /// One of several things, or `None` of nothing.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64);
        from.get(usize::try_from(at).ok()?)
    }

    /// Puts the items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }

    /// 32 bytes, as a node's seed.
    pub fn seed32(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for part in seed.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes());
        }
        seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers must never change: they are what a seed means.
    #[test]
    fn known_answers() {
        let mut stream = Stream::new(1, "test", &[2, 3]);
        let first: Vec<u64> = (0..3).map(|_| stream.next()).collect();
        insta::assert_snapshot!(format!("{first:016x?} {}", stream.below(1000)), @"[f2387ea6f7556dde, b6f5385e971c31cf, a871a6d3ac4f0d45] 482");
    }

    #[test]
    fn streams_do_not_touch_each_other() {
        let draws = |name: &str, of: &[u64]| {
            let mut stream = Stream::new(9, name, of);
            [stream.next(), stream.next()]
        };
        let all = [draws("a", &[0]), draws("b", &[0]), draws("a", &[1]), draws("a", &[0, 0])];
        for (i, x) in all.iter().enumerate() {
            for y in &all[i + 1..] {
                assert!(x[0] != y[0] && x[1] != y[1] && x[0] != y[1]);
            }
        }
        assert_eq!(draws("a", &[0]), draws("a", &[0]));
    }

    #[test]
    fn numbers_stay_in_range_and_reach_both_ends() {
        let mut stream = Stream::new(0, "range", &[]);
        let mut seen = [0u32; 6];
        for _ in 0..6000 {
            seen[stream.between(0, 5) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        let mut doublings = [0u32; 4];
        for _ in 0..4000 {
            let drawn = stream.doublings(3, 40);
            assert!((3..=40).contains(&drawn));
            doublings[(drawn / 3).ilog2() as usize] += 1;
        }
        assert!(doublings.iter().all(|n| (850..1150).contains(n)), "{doublings:?}");
        assert_eq!((stream.doublings(0, 0), stream.doublings(9, 3)), (1, 9));
        assert!(stream.doublings(1, u64::MAX) > 0);
        assert_eq!(stream.between(7, 3), 7);
        assert_eq!(stream.below(0), 0);
        let hits = (0..10_000).filter(|_| stream.chance_ppm(250_000)).count();
        assert!((2300..2700).contains(&hits), "{hits}");
        assert!(!(0..100).any(|_| stream.chance_ppm(0)));
        assert!((0..100).all(|_| stream.chance_ppm(1_000_000)));
    }
}
