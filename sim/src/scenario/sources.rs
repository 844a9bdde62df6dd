//! The files that a scenario consists of: its own, and those that it extends.
//!
//! Places are counted through all of them as if they stood one behind the other, so that a place
//! says its file, too.

use std::ops::Range;

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As it was named to us.
    pub(crate) file: String,
    pub(crate) text: String,
    /// The place of its first byte.
    begin: usize,
}

/// All files, the scenario's own first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn of(file: &str, text: &str) -> Self {
        let mut sources = Self::default();
        sources.add(file.to_owned(), text.to_owned());
        sources
    }

    /// Adds a file and gives the place where it begins.
    pub(crate) fn add(&mut self, file: String, text: String) -> usize {
        // One byte between two files, for problems at the end of one.
        let begin = self.0.last().map_or(0, |last| last.begin + last.text.len() + 1);
        self.0.push(Source { file, text, begin });
        begin
    }

    /// The file of a place, and the place in it.
    pub(crate) fn find(&self, span: &Range<usize>) -> Option<(&Source, Range<usize>)> {
        let source = self.0.iter().rev().find(|source| source.begin <= span.start)?;
        Some((source, span.start - source.begin..span.end.saturating_sub(source.begin)))
    }

    /// Whether a place is in the scenario's own file.
    pub(crate) fn is_own(&self, span: &Range<usize>) -> bool {
        self.0.get(1).is_none_or(|second| span.start < second.begin)
    }
}

impl Sources {
    /// All files with the places where they begin.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = (usize, &Source)> {
        self.0.iter().map(|source| (source.begin, source))
    }
}
