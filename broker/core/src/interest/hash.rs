//! A small keyed hash over byte strings: 64-bit words, multiplied and folded (the construction of
//! wyhash and foldhash, written for this table).
//!
//! The key comes from the node's seed, so a peer cannot choose subjects that collide, and a run of
//! the simulator repeats. Nothing that leaves the table depends on a hash: neither an order nor a
//! result, only where things lie in memory.

/// The golden ratio as an odd number: spreads counters and short hashes over 64 bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash function with its key.
#[derive(Clone, Debug)]
pub(crate) struct KeyedHash {
    words: u64,
    seed: u64,
    pattern: u64,
    pair: u64,
}

impl KeyedHash {
    /// Every key gives a function of its own.
    pub(crate) fn new(key: u64) -> Self {
        let mut state = key;
        // SplitMix64: neighbouring keys give unrelated words.
        let mut next = || {
            state = state.wrapping_add(SPREAD);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        };
        Self { words: next(), seed: next(), pattern: next(), pair: next() }
    }

    /// The hash of a whole byte string.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        fold(self.absorb(self.seed, bytes), self.pair)
    }

    /// The hash of one token of a subject at its position. Hashes of tokens are made to be added
    /// up: the sum over some tokens identifies these tokens at these positions.
    pub(super) fn token(&self, position: usize, token: &[u8]) -> u64 {
        self.absorb(self.seed ^ (position as u64).wrapping_mul(SPREAD), token)
    }

    /// The tag of a pattern, from the sum of its literal tokens, its length in tokens (without a
    /// final `>`), and whether a `>` ends it.
    pub(super) fn pattern(&self, literals: u64, length: usize, rest: bool) -> u32 {
        let outline = (length as u64) << 1 | u64::from(rest);
        (fold(literals ^ self.pattern, outline ^ self.pair) >> 32) as u32
    }

    /// The hash of two small numbers.
    pub(super) fn numbers(&self, first: u32, second: u32) -> u64 {
        fold((u64::from(first) << 32 | u64::from(second)) ^ self.pair, self.words)
    }

    /// The hash of a number and a byte string.
    pub(super) fn number_and_bytes(&self, number: u32, bytes: &[u8]) -> u64 {
        fold(self.absorb(self.seed, bytes) ^ u64::from(number), self.pair)
    }

    fn absorb(&self, seed: u64, bytes: &[u8]) -> u64 {
        // Strings that differ only in how many zero bytes they end with differ in this.
        let mut state = seed.rotate_right(bytes.len() as u32);
        let [low, high] = if let Some(end) = bytes.last_chunk::<16>() {
            for chunk in bytes.as_chunks::<16>().0 {
                let [low, high] = halves(chunk);
                state = fold(low ^ self.pattern, high ^ state);
            }
            // What is left, with some of what was read before.
            halves(end)
        } else {
            short(bytes)
        };
        fold(low ^ self.words, high ^ state)
    }
}

/// Up to 15 bytes as two words. Together with the length nothing is lost.
fn short(bytes: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return [u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()];
    }
    let Some(first) = bytes.first() else { return [0; 2] };
    let middle = u64::from(bytes[bytes.len() / 2]);
    let last = u64::from(bytes[bytes.len() - 1]);
    [u64::from(*first), middle << 8 | last]
}

/// Makes 64 bits of a 32-bit tag, so that both ends vary: a hash table takes the slot from the low
/// bits and its filter from the top ones.
pub(super) const fn spread(tag: u32) -> u64 {
    (tag as u64).wrapping_mul(SPREAD)
}

/// One of `1 << bits` places for a hash; independent of what [`spread`] of a tag uses.
pub(super) const fn place(hash: u64, bits: u32) -> usize {
    (hash.wrapping_mul(SPREAD) >> (64 - bits)) as usize
}

const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

fn halves(chunk: &[u8; 16]) -> [u64; 2] {
    let word = u128::from_le_bytes(*chunk);
    [word as u64, (word >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use std::collections::BTreeSet;

    #[test]
    fn distinct_strings_of_every_length_get_distinct_hashes() {
        let hash = KeyedHash::new(7);
        let mut seen = BTreeSet::new();
        for length in 0..80_usize {
            for flip in 0..=length {
                let bytes: Vec<u8> = (0..length).map(|at| u8::from(at == flip)).collect();
                assert!(seen.insert(hash.bytes(&bytes)), "length {length}, flip {flip}");
            }
        }
    }

    #[test]
    fn keys_and_positions_matter() {
        let (one, other) = (KeyedHash::new(1), KeyedHash::new(2));
        assert_ne!(one.bytes(b"foo"), other.bytes(b"foo"));
        assert_ne!(one.token(0, b"foo"), one.token(1, b"foo"));
        assert_ne!(one.pattern(5, 2, false), one.pattern(5, 2, true));
        assert_ne!(one.pattern(5, 2, false), one.pattern(5, 3, false));
        assert_ne!(one.numbers(1, 2), one.numbers(2, 1));
        assert_ne!(one.number_and_bytes(1, b"q"), one.number_and_bytes(2, b"q"));
    }

    #[test]
    fn table_slots_are_used_evenly() {
        let hash = KeyedHash::new(3);
        let mut slots = [0_u32; 256];
        for number in 0..25_600_u32 {
            let token = alloc::format!("{number}");
            let sum = hash.token(0, b"w").wrapping_add(hash.token(1, token.as_bytes()));
            slots[spread(hash.pattern(sum, 2, false)) as usize & 255] += 1;
        }
        assert!(slots.iter().all(|count| (40..180).contains(count)), "{slots:?}");
    }
}
