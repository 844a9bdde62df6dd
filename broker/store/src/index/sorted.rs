//! The subjects in their order, for patterns that begin with literal tokens.
//!
//! Sorting is left until somebody asks. What came since then becomes a sorted run, and runs of like
//! size are merged, so a subject takes part in few merges and an append in none.

use alloc::vec::Vec;

/// Sorted runs of subject ids, the large ones first.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    runs: Vec<Vec<u32>>,
}

impl Sorted {
    /// Takes up subjects that are new.
    pub(super) fn add<'n>(&mut self, fresh: &[u32], name: impl Fn(u32) -> &'n [u8]) {
        if fresh.is_empty() {
            return;
        }
        let mut run = fresh.to_vec();
        run.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
        while let Some(last) = self.runs.pop_if(|last| last.len() < 2 * run.len()) {
            run = merge(&last, &run, &name);
        }
        self.runs.push(run);
    }

    /// All subjects that begin with this, sorted.
    pub(super) fn with_prefix<'n>(
        &self,
        prefix: &[u8],
        name: impl Fn(u32) -> &'n [u8],
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for run in &self.runs {
            let begin = run.partition_point(|id| name(*id) < prefix);
            let rest = &run[begin..];
            let end = rest.partition_point(|id| name(*id).starts_with(prefix));
            found = match (&found[..], &rest[..end]) {
                ([], more) => more.to_vec(),
                (_, []) => found,
                (some, more) => merge(some, more, &name),
            };
        }
        found
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.runs.iter().map(|run| run.capacity() * size_of::<u32>()).sum()
    }
}

fn merge<'n>(a: &[u32], b: &[u32], name: impl Fn(u32) -> &'n [u8]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a, b);
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if name(*x) <= name(*y) {
            merged.push(*x);
            a = more_a;
        } else {
            merged.push(*y);
            b = more_b;
        }
    }
    merged.extend_from_slice(a);
    merged.extend_from_slice(b);
    merged
}
