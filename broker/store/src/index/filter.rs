//! Which messages somebody wants, by their subjects.

use alloc::boxed::Box;
use alloc::vec::Vec;

use causeway_wire::subject;

use super::subjects::Subjects;

/// One or more subject patterns with NATS's wildcards, or everything.
///
/// It remembers which subjects of a log match. One filter is for one log, from when that was made or
/// opened until it is closed.
#[derive(Clone, Debug)]
pub struct Filter {
    /// None is everything.
    patterns: Vec<Box<[u8]>>,
    /// A bit for each subject that matches.
    matching: Vec<u64>,
    /// The only subject that matches.
    only: Only,
    /// What of the log's subjects was looked at.
    epoch: u64,
    seen: usize,
    fresh: bool,
    /// A message of the only subject, where a search may begin.
    pub(super) hint: u64,
}

/// How many subjects match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Only {
    None,
    One(u32),
    Several,
}

impl Filter {
    /// Every message.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            patterns: Vec::new(),
            matching: Vec::new(),
            only: Only::None,
            epoch: 0,
            seen: 0,
            fresh: true,
            hint: 0,
        }
    }

    /// Messages whose subject matches at least one of these. Without any, and if one is `>`,
    /// everything.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let patterns: Vec<Box<[u8]>> = patterns.into_iter().map(Box::from).collect();
        if patterns.iter().any(|pattern| **pattern == *b">") {
            return Self::everything();
        }
        Self { patterns, ..Self::everything() }
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The patterns; none is everything.
    pub fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        self.patterns.iter().map(|pattern| &**pattern)
    }

    /// Whether a message with this subject is wanted.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.is_everything() || self.patterns().any(|pattern| subject::matches(pattern, name))
    }

    /// Looks at the subjects that came since the last time.
    pub(super) fn catch_up(&mut self, subjects: &Subjects) {
        if self.is_everything() {
            return;
        }
        if self.fresh || self.epoch != subjects.epoch() {
            self.matching.clear();
            self.only = Only::None;
            self.hint = 0;
            let patterns = core::mem::take(&mut self.patterns);
            for id in patterns.iter().flat_map(|pattern| subjects.matching_places(pattern)) {
                self.set(id);
            }
            self.patterns = patterns;
            (self.fresh, self.epoch) = (false, subjects.epoch());
            self.seen = subjects.born().len();
        }
        for id in &subjects.born()[self.seen..] {
            if self.matches(subjects.name(*id)) {
                self.set(*id);
            }
        }
        self.seen = subjects.born().len();
    }

    fn set(&mut self, id: u32) {
        if self.has(id) {
            return;
        }
        let word = id as usize / 64;
        if self.matching.len() <= word {
            self.matching.resize(word + 1, 0);
        }
        self.matching[word] |= 1 << (id % 64);
        self.only = if self.only == Only::None { Only::One(id) } else { Only::Several };
    }

    /// Whether this subject matches. The filter has caught up.
    #[inline]
    pub(super) fn has(&self, id: u32) -> bool {
        let word = self.matching.get(id as usize / 64).copied().unwrap_or(0);
        word >> (id % 64) & 1 != 0
    }

    pub(super) fn only(&self) -> Only {
        self.only
    }

    /// The subjects that match.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.matching.iter().enumerate().flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| word as u32 * 64 + bit)
        })
    }
}
