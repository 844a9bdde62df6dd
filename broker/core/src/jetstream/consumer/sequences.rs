//! A set of sequences as the runs they form.

use alloc::collections::BTreeMap;

/// The set. Sequences that follow each other cost as much as one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Sequences {
    /// First to last of each run; runs neither overlap nor touch.
    runs: BTreeMap<u64, u64>,
    len: u64,
}

impl Sequences {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.run_at(seq).is_some()
    }

    /// The lowest.
    pub(super) fn first(&self) -> Option<u64> {
        self.runs.first_key_value().map(|(first, _)| *first)
    }

    /// The highest.
    pub(super) fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, last)| *last)
    }

    /// The runs in ascending order, first and last of each.
    pub(super) fn runs(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.runs.iter().map(|(first, last)| (*first, *last))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.runs().flat_map(|(first, last)| first..=last)
    }

    /// Whether it was not in the set before.
    pub(super) fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        let before = self.runs.range(..seq).next_back().map(|(first, last)| (*first, *last));
        let after = seq.checked_add(1).and_then(|next| self.runs.remove(&next));
        let first = match before {
            Some((first, last)) if last + 1 == seq => first,
            Some(_) | None => seq,
        };
        self.runs.insert(first, after.unwrap_or(seq));
        self.len += 1;
        true
    }

    /// Whether it was in the set.
    pub(super) fn remove(&mut self, seq: u64) -> bool {
        let Some((first, last)) = self.run_at(seq) else { return false };
        if first == seq {
            self.runs.remove(&first);
        } else {
            self.runs.insert(first, seq - 1);
        }
        if seq < last {
            self.runs.insert(seq + 1, last);
        }
        self.len -= 1;
        true
    }

    /// Takes all below `seq` out.
    pub(super) fn remove_below(&mut self, seq: u64) {
        while let Some(run) = self.runs.first_entry().filter(|run| *run.key() < seq) {
            let (first, last) = run.remove_entry();
            let end = last.min(seq - 1);
            self.len -= end - first + 1;
            if end < last {
                self.runs.insert(seq, last);
            }
        }
    }

    /// Takes all above `seq` out.
    pub(super) fn remove_above(&mut self, seq: u64) {
        while let Some(run) = self.runs.last_entry().filter(|run| *run.get() > seq) {
            let (first, last) = run.remove_entry();
            if first <= seq {
                self.runs.insert(first, seq);
            }
            self.len -= last - first.max(seq + 1) + 1;
        }
    }

    /// Takes a run of sequences in that is beyond all others and does not touch them.
    pub(super) fn push_run(&mut self, first: u64, last: u64) -> bool {
        let beyond =
            self.runs.last_key_value().is_none_or(|(_, end)| *end < first.saturating_sub(1));
        if !beyond || last < first || (first == 0 && last == u64::MAX) {
            return false;
        }
        self.runs.insert(first, last);
        self.len += last - first + 1;
        true
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.len = 0;
    }

    fn run_at(&self, seq: u64) -> Option<(u64, u64)> {
        let (first, last) = self.runs.range(..=seq).next_back()?;
        (seq <= *last).then_some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(steps in prop::collection::vec((0..20, 1..24_u64), 0..80)) {
            let (mut set, mut model) = (Sequences::default(), BTreeSet::new());
            for (what, seq) in steps {
                match what {
                    0 => {
                        set.remove_below(seq);
                        model.retain(|each| *each >= seq);
                    }
                    1 => {
                        set.remove_above(seq);
                        model.retain(|each| *each <= seq);
                    }
                    2..12 => prop_assert_eq!(set.insert(seq), model.insert(seq)),
                    _ => prop_assert_eq!(set.remove(seq), model.remove(&seq)),
                }
                prop_assert_eq!(set.first(), model.first().copied());
                prop_assert_eq!(set.len(), model.len() as u64);
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert!((0..24).all(|seq| set.contains(seq) == model.contains(&seq)));
                let runs: Vec<_> = set.runs().collect();
                prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            }
        }
    }

    #[test]
    fn runs_are_taken_in_order_only() {
        let mut set = Sequences::default();
        assert!(set.push_run(3, 5) && set.push_run(7, 7));
        assert!(!set.push_run(8, 9), "it touches the last one");
        assert!(!set.push_run(20, 10) && !set.push_run(1, 1));
        assert_eq!(set.len(), 4);
    }
}
