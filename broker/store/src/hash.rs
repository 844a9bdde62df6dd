//! A small keyed hash for the table of subjects: 64-bit words, multiplied and folded.
//!
//! The key is a random number of the log, so nobody can choose subjects that collide. Nothing that
//! leaves the table depends on a hash, only where things lie in memory.

/// The golden ratio as an odd number.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a byte string.
pub(crate) fn keyed(key: u64, bytes: &[u8]) -> u64 {
    let first = fold(key ^ SPREAD, key.rotate_left(32) ^ 0xbf58_476d_1ce4_e5b9);
    let second = fold(first ^ 0x94d0_49bb_1331_11eb, key ^ SPREAD);
    // Strings that differ only in how many zero bytes they end with differ in this.
    let mut state = first.rotate_right(bytes.len() as u32);
    let [low, high] = if let Some(end) = bytes.last_chunk::<16>() {
        for chunk in bytes.as_chunks::<16>().0 {
            let [low, high] = halves(chunk);
            state = fold(low ^ second, high ^ state);
        }
        // What is left, with some of what was read before.
        halves(end)
    } else {
        short(bytes)
    };
    fold(fold(low ^ second, high ^ state), second)
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
    use alloc::vec::Vec;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn strings_of_every_length_have_hashes_of_their_own() {
        let mut seen = BTreeSet::new();
        for length in 0..80_usize {
            for flip in 0..=length {
                let bytes: Vec<u8> = (0..length).map(|at| u8::from(at == flip)).collect();
                assert!(seen.insert(keyed(7, &bytes)), "length {length}, flip {flip}");
            }
        }
        assert_ne!(keyed(1, b"foo"), keyed(2, b"foo"));
    }
}
