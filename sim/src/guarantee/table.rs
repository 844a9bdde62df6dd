//! Lookup tables and bitmaps for checkers: fixed hashing, never iterated.

use std::hash::{BuildHasherDefault, Hasher};

use crate::hash::{hash64, mix};

/// A hash map with a fixed hasher. Its order must never be looked at, so it is used for finding
/// only.
pub(crate) type Table<K, V> = hashbrown::HashMap<K, V, BuildHasherDefault<Mixer>>;

/// The fixed hasher behind [`Table`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash64(self.0, bytes);
    }

    fn write_u16(&mut self, word: u16) {
        self.0 = mix(self.0, word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.0 = mix(self.0, word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0, word);
    }
}

/// A set of message numbers: one bit each, from the first that was put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeqSet {
    /// The number of the first word.
    base: u32,
    words: Vec<u64>,
}

impl SeqSet {
    /// Puts `seq` in; says whether it was in already.
    pub(crate) fn insert(&mut self, seq: u32) -> bool {
        let word = seq / 64;
        if self.words.is_empty() {
            self.base = word;
        }
        if word < self.base {
            let missing = (self.base - word) as usize;
            self.words.splice(0..0, std::iter::repeat_n(0, missing));
            self.base = word;
        }
        let at = (word - self.base) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (seq % 64);
        let was_in = self.words[at] & bit != 0;
        self.words[at] |= bit;
        was_in
    }

    /// Whether `seq` is in.
    pub(crate) fn contains(&self, seq: u32) -> bool {
        let Some(at) = (seq / 64).checked_sub(self.base) else { return false };
        self.words.get(at as usize).is_some_and(|word| word & (1 << (seq % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_seq_set_is_a_set(seqs in proptest::collection::vec(0u32..2_000, 0..200)) {
            let mut model = BTreeSet::new();
            let mut set = SeqSet::default();
            for seq in seqs {
                prop_assert_eq!(set.insert(seq), !model.insert(seq));
            }
            for seq in 0..2_100 {
                prop_assert_eq!(set.contains(seq), model.contains(&seq));
            }
        }
    }

    #[test]
    fn a_set_that_starts_high_stays_small() {
        let mut set = SeqSet::default();
        assert!(!set.insert(4_000_000_000));
        assert!(set.contains(4_000_000_000));
        assert!(!set.contains(3));
        assert_eq!(set.words.len(), 1);
    }
}
