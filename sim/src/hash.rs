//! The two hashes of a run: of bytes, and the rolling one of everything that happened.
//!
//! Both are fixed for good: hashes are printed, stored in golden files and compared between builds
//! and machines. They read bytes in little-endian order, use only wrapping 64-bit arithmetic and
//! are not meant to resist an attacker.

/// Odd constants with well mixed bits (from the fractional digits of the golden ratio and of pi).
const K0: u64 = 0x9E37_79B9_7F4A_7C15;
const K1: u64 = 0x243F_6A88_85A3_08D3 | 1;
const K2: u64 = 0x1319_8A2E_0370_7344 | 1;

/// The full 128-bit product, folded: every input bit reaches every output bit.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Mixes one word into another.
#[inline]
#[must_use]
pub const fn mix(state: u64, word: u64) -> u64 {
    fold(state ^ K1, word ^ K0).wrapping_add(K2)
}

/// The hash of some bytes.
///
/// Four lanes of sixteen bytes each, so that the multiplications of one block do not wait for each
/// other: a run hashes every byte that moves.
#[must_use]
pub fn hash64(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(seed, bytes.len() as u64);
    let mut blocks = bytes.chunks_exact(64);
    if bytes.len() >= 64 {
        let mut lanes = [state, state ^ K0, state ^ K1, state ^ K2];
        for block in &mut blocks {
            for (lane, part) in lanes.iter_mut().zip(block.chunks_exact(16)) {
                *lane = absorb(*lane, part);
            }
        }
        state = fold(lanes[0] ^ K1, lanes[1] ^ K0) ^ fold(lanes[2] ^ K2, lanes[3] ^ K0);
    }
    let mut parts = blocks.remainder().chunks_exact(16);
    for part in &mut parts {
        state = absorb(state, part);
    }
    let rest = parts.remainder();
    if !rest.is_empty() {
        let mut part = [0; 16];
        part[..rest.len()].copy_from_slice(rest);
        state = absorb(state, &part);
    }
    fold(state ^ K2, K0)
}

/// Mixes sixteen bytes in.
#[inline(always)]
fn absorb(state: u64, part: &[u8]) -> u64 {
    let (low, high) = part.split_at(8);
    fold(state ^ word(low), word(high) ^ K0).wrapping_add(state.rotate_left(29) ^ K1)
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// The rolling hash of a run: over every event that was fed and every byte that was moved, in
/// order. Equal runs have equal hashes at every step, so the first step that differs names the
/// place where two runs part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceHash(u64);

impl TraceHash {
    /// The hash of nothing yet.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mix(K2, seed))
    }

    /// Takes one number.
    #[inline]
    pub const fn word(&mut self, word: u64) {
        self.0 = mix(self.0, word);
    }

    /// Takes some bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0 = hash64(self.0, bytes);
    }

    /// The hash so far.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers must never change: they are what makes stored hashes comparable.
    #[test]
    fn known_answers() {
        let answers = [hash64(0, b""), hash64(0, b"a"), hash64(1, b"0123456789"), mix(1, 2)];
        let mut trace = TraceHash::new(7);
        trace.word(1);
        trace.bytes(b"abc");
        insta::assert_snapshot!(
            format!("{answers:016x?} {:016x}", trace.value()),
            @"[34f04bd27ee36534, 3b8c186e088ef2f9, 8375f70815add6b3, c768b40bdb0ccd1a] 4e32e137ae4c07a9"
        );
    }

    #[test]
    fn every_bit_matters() {
        for length in [1, 15, 16, 37, 64, 200] {
            let base = vec![0x5au8; length];
            let reference = hash64(3, &base);
            for bit in 0..length * 8 {
                let mut changed = base.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(hash64(3, &changed), reference, "bit {bit} of {length} bytes");
            }
            assert_ne!(hash64(4, &base), reference);
            assert_ne!(hash64(3, &base[..length - 1]), reference);
        }
        // Blocks, lanes and words that change places are noticed.
        let ordered: Vec<u8> = (0..=255).collect();
        for (a, b) in [(0, 8), (0, 16), (16, 32), (0, 64), (64, 128), (3, 4)] {
            let mut swapped = ordered.clone();
            for i in 0..if a == 3 { 1 } else { 8 } {
                swapped.swap(a + i, b + i);
            }
            assert_ne!(hash64(3, &swapped), hash64(3, &ordered), "{a} and {b}");
        }
    }
}
