//! Which sequences of a buffer its receiver has.

use alloc::collections::BTreeMap;

/// Everything up to one sequence, and runs beyond it: messages that wait for somebody who has not
/// come back yet are passed over by those behind them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Received {
    upto: u64,
    /// First to last of each run beyond; they do not touch.
    runs: BTreeMap<u64, u64>,
}

impl Received {
    pub(super) const fn new(upto: u64) -> Self {
        Self { upto, runs: BTreeMap::new() }
    }

    pub(super) const fn upto(&self) -> u64 {
        self.upto
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(first, last)| (*first, *last))
    }

    fn contains(&self, seq: u64) -> bool {
        let run = self.runs.range(..=seq).next_back();
        seq <= self.upto || run.is_some_and(|(_, last)| seq <= *last)
    }

    /// Everything below is here, or will never be.
    pub(super) fn raise(&mut self, floor: u64) {
        self.upto = self.upto.max(floor.saturating_sub(1));
        self.settle();
    }

    /// Whether it was not here before.
    pub(super) fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.insert_run(seq, seq);
        true
    }

    /// Takes in a run of which nothing is here.
    pub(super) fn insert_run(&mut self, first: u64, last: u64) {
        let before = self.runs.range(..first).next_back().map(|(first, last)| (*first, *last));
        let after = last.checked_add(1).and_then(|next| self.runs.remove(&next));
        let first = match before {
            Some((start, end)) if end.saturating_add(1) == first => start,
            Some(_) | None => first,
        };
        self.runs.insert(first, after.unwrap_or(last));
        self.settle();
    }

    /// Runs that touch what is whole become part of it.
    fn settle(&mut self) {
        while let Some(run) = self.runs.first_entry()
            && *run.key() <= self.upto.saturating_add(1)
        {
            self.upto = self.upto.max(run.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    /// Against a plain set, with draws of a small generator.
    #[test]
    fn it_is_the_set_that_it_stands_for() {
        let mut state = 1u64;
        let mut draw = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % bound
        };
        for _ in 0..200 {
            let (mut received, mut model) = (Received::default(), BTreeSet::from([0]));
            for _ in 0..60 {
                let seq = draw(40) + 1;
                if draw(4) == 0 {
                    received.raise(seq);
                    model.extend(0..seq);
                } else {
                    assert_eq!(received.insert(seq), model.insert(seq));
                }
                for seq in 0..45 {
                    assert_eq!(received.contains(seq), model.contains(&seq), "{seq} {received:?}");
                }
                assert!(received.runs().all(|(first, _)| first > received.upto() + 1));
            }
        }
    }
}
