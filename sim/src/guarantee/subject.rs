//! Which subscriptions a subject reaches.
//!
//! This is a second, plain implementation of the rules on purpose: a checker that shared the
//! broker's matcher would share its mistakes.

use super::table::Table;
use super::view::SubIx;
use crate::history::{Sym, Symbols};

/// Whether a message published to `subject` is for a subscription to `pattern`.
///
/// Wildcards in the published subject are ordinary bytes; a subject with an empty token reaches
/// nobody (nats-server, confirmed on the wire).
#[must_use]
pub(crate) fn reaches(subject: &str, pattern: &str) -> bool {
    if subject.split('.').any(str::is_empty) {
        return false;
    }
    let mut subject = subject.split('.');
    let mut pattern = pattern.split('.').peekable();
    loop {
        match (pattern.next(), subject.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) if pattern.peek().is_none() => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(token)) if wanted == token => {}
            (Some(_) | None, Some(_)) | (Some(_), None) => return false,
        }
    }
}

/// Whether a subscription's subject holds a wildcard token.
#[must_use]
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.split('.').any(|token| token == "*" || token == ">")
}

/// Which patterns a subject matches, for patterns that come one by one.
///
/// A published subject remembers which wildcard patterns reach it, so a pattern that is used again
/// costs the same however many subjects there are.
#[derive(Debug, Default)]
pub(crate) struct PatternIndex {
    /// From a pattern to its place.
    by_pattern: Table<Sym, usize>,
    /// Each pattern, and whether it holds a wildcard.
    patterns: Vec<(Sym, bool)>,
    /// Places of patterns with wildcards, in order of first use.
    wildcards: Vec<usize>,
    /// From a known subject to the wildcard patterns that reach it.
    reached: Table<Sym, Vec<usize>>,
    /// Known subjects, in order of first use.
    subjects: Vec<Sym>,
}

impl PatternIndex {
    /// The place of a pattern: places count up from 0 in order of first use.
    pub(crate) fn place(&mut self, symbols: &Symbols, pattern: Sym) -> usize {
        if let Some(&place) = self.by_pattern.get(&pattern) {
            return place;
        }
        let place = self.patterns.len();
        let text = symbols.text(pattern);
        let wildcard = has_wildcard(text);
        self.patterns.push((pattern, wildcard));
        self.by_pattern.insert(pattern, place);
        if wildcard {
            self.wildcards.push(place);
            for &subject in &self.subjects {
                if reaches(symbols.text(subject), text)
                    && let Some(reached) = self.reached.get_mut(&subject)
                {
                    reached.push(place);
                }
            }
        }
        place
    }

    /// The place of a pattern that was used before.
    pub(crate) fn find(&self, pattern: Sym) -> Option<usize> {
        self.by_pattern.get(&pattern).copied()
    }

    /// Makes a subject one that [`reached`](Self::reached) may be asked about.
    pub(crate) fn know(&mut self, symbols: &Symbols, subject: Sym) {
        if self.reached.contains_key(&subject) {
            return;
        }
        let text = symbols.text(subject);
        let reaches = |&place: &usize| reaches(text, symbols.text(self.patterns[place].0));
        let reached = self.wildcards.iter().copied().filter(reaches).collect();
        self.reached.insert(subject, reached);
        self.subjects.push(subject);
    }

    /// The places of the patterns that a known subject matches.
    pub(crate) fn reached(&self, subject: Sym) -> impl Iterator<Item = usize> + '_ {
        // A pattern without wildcards is the subject itself. One with wildcards may have the
        // subject's own text, too (published literally): that one is among the reached.
        let literal = self.by_pattern.get(&subject).filter(|&&place| !self.patterns[place].1);
        let wild = self.reached.get(&subject).into_iter().flatten();
        literal.into_iter().chain(wild).copied()
    }
}

/// The live subscriptions by what they ask for.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    index: PatternIndex,
    entries: Vec<Entry>,
}

/// All subscriptions to one pattern.
#[derive(Debug, Default)]
struct Entry {
    live: Vec<SubIx>,
    /// When one of them last ended.
    left_t: Option<u64>,
}

impl Directory {
    /// A subscription begins.
    pub(crate) fn add(&mut self, symbols: &Symbols, pattern: Sym, sub: SubIx) {
        let place = self.index.place(symbols, pattern);
        if place == self.entries.len() {
            self.entries.push(Entry::default());
        }
        self.entries[place].live.push(sub);
    }

    /// A subscription is over.
    pub(crate) fn remove(&mut self, t: u64, pattern: Sym, sub: SubIx) {
        let Some(place) = self.index.find(pattern) else { return };
        let entry = &mut self.entries[place];
        entry.live.retain(|&s| s != sub);
        entry.left_t = entry.left_t.max(Some(t));
    }

    /// A subject that the questions below may be about.
    pub(crate) fn know_subject(&mut self, symbols: &Symbols, subject: Sym) {
        self.index.know(symbols, subject);
    }

    /// The live subscriptions that a message to `subject` is for.
    pub(crate) fn reached(&self, subject: Sym) -> impl Iterator<Item = SubIx> + '_ {
        self.index.reached(subject).flat_map(|place| self.entries[place].live.iter().copied())
    }

    /// When a subscription that `subject` was for last ended.
    pub(crate) fn left(&self, subject: Sym) -> Option<u64> {
        self.index.reached(subject).filter_map(|place| self.entries[place].left_t).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules() {
        for (subject, pattern, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("a.b", "a.*", true),
            ("a.b.c", "a.*", false),
            ("a", "a.*", false),
            ("a.b.c", "a.>", true),
            ("a", "a.>", false),
            ("a.b.c", "*.*.*", true),
            ("a.b.c", ">", true),
            ("a.b.c", "a.>.c", false),
            ("a.*", "a.*", true),
            ("a.*", "a.b", false),
            ("a.>", ">", true),
            ("a..b", "a.*.b", false),
            ("a..b", ">", false),
            (".a", ">", false),
            ("a.", ">", false),
            ("", ">", false),
            ("foobar", "foo*", false),
            ("foo*", "foo*", true),
        ] {
            assert_eq!(reaches(subject, pattern), expected, "{subject} {pattern}");
        }
        assert!(has_wildcard("a.*.b") && has_wildcard(">") && !has_wildcard("a*.b>"));
    }

    #[test]
    fn the_directory_agrees_with_the_rules_in_any_order_of_arrival() {
        let mut symbols = Symbols::default();
        let patterns = ["a.b", "a.*", ">", "a.>", "b", "a.b", "*.b", "a.*.c"];
        let subjects = ["a.b", "b", "a.b.c", "a.*", "x.y"];
        let mut directory = Directory::default();
        let (early, late) = subjects.split_at(2);
        for subject in early {
            let subject = symbols.intern(subject);
            directory.know_subject(&symbols, subject);
        }
        for (i, pattern) in patterns.iter().enumerate() {
            let pattern = symbols.intern(pattern);
            directory.add(&symbols, pattern, SubIx(i as u32));
        }
        directory.remove(5, symbols.intern("a.b"), SubIx(0));
        for subject in late {
            let subject = symbols.intern(subject);
            directory.know_subject(&symbols, subject);
        }
        for subject in subjects {
            let mut found: Vec<u32> =
                directory.reached(symbols.intern(subject)).map(|s| s.0).collect();
            found.sort_unstable();
            let expected: Vec<u32> = (1..patterns.len())
                .filter(|&i| reaches(subject, patterns[i]))
                .map(|i| i as u32)
                .collect();
            assert_eq!(found, expected, "{subject}");
        }
        assert_eq!(directory.left(symbols.intern("a.b")), Some(5));
        assert_eq!(directory.left(symbols.intern("b")), None);
    }
}
