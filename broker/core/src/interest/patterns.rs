//! The subscribed subjects, literal and with wildcards, and which of them match a published one.
//!
//! All patterns are in one flat table. A pattern is found by the hash of its *literal* tokens at
//! their positions, together with its *shape*: how many tokens it has, which of them are `*`, and
//! whether a `>` follows. A literal subject is the shape without wildcards.
//!
//! A published subject is matched by asking the table once for its literal form and once for each
//! shape in use that fits its length: the hash of `w.17.3.y` without its third token finds
//! `w.17.*.y`. Sums of token hashes make each of these a subtraction and one lookup, and the
//! lookups do not wait for each other, as steps down a trie do. A wildcard pattern costs as much
//! memory as a literal one: there are no inner nodes to keep, prune and reuse.
//!
//! The number of shapes is what a match costs, so they are kept apart by the first two tokens
//! (see [`Home`]): what is subscribed under `a.b` does not slow down `a.c`. Within one such place
//! a subject of n tokens can meet at most 2^n shapes of patterns ending in a token and as many
//! ending in `>`.

use alloc::vec::Vec;
use core::cmp::Ordering;

use hashbrown::HashTable;

use super::hash::{KeyedHash, place, spread};
use super::slab::{NIL, Slab};
use super::text::Text;

/// One subscribed subject. It exists as long as anybody wants it.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) subject: Text,
    /// Local subscriptions without a queue group.
    pub(super) plain: u32,
    /// Interest of remotes without a queue group.
    pub(super) remotes: u32,
    /// Queue groups.
    pub(super) queues: u32,
}

impl Pattern {
    /// Nobody wants it any more.
    pub(super) const fn is_unused(&self) -> bool {
        self.plain == NIL && self.remotes == NIL && self.queues == NIL
    }
}

/// What the table needs to know of a pattern besides its text. Reused, to keep its allocation.
#[derive(Debug, Default)]
pub(super) struct Outline {
    shape: Shape,
    tag: u32,
    home: Home,
}

/// Tokens before a final `>`, whether there is one, and the positions of `*`, ascending.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Shape {
    // The order of the fields is the order of the shapes: those for one length lie together.
    rest: bool,
    length: usize,
    stars: Vec<u32>,
}

/// Where a pattern belongs by the literal tokens it begins with. A change of a wildcard pattern
/// invalidates the cached matches of its home, no others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Home {
    /// No wildcards: a change concerns a single subject.
    #[default]
    Literal,
    /// The first token is a wildcard.
    Anywhere,
    /// One literal token, then a wildcard.
    First(usize),
    /// Two literal tokens and more.
    Second(usize),
}

const FIRST_BITS: u32 = 6;
const SECOND_BITS: u32 = 8;

/// The wildcard patterns of one home.
#[derive(Clone, Debug, Default)]
struct Neighbourhood {
    /// Changes so far.
    generation: u64,
    /// Shapes in use, sorted.
    shapes: Vec<ShapeUse>,
}

#[derive(Clone, Debug)]
struct ShapeUse {
    shape: Shape,
    patterns: u32,
}

/// Places of a published subject: which homes its matches come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Places {
    first: u16,
    second: u16,
}

/// A published subject taken apart, and the patterns it matches. Reused, to keep its allocations.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Where each token begins, and one behind the end of the subject plus one.
    starts: Vec<usize>,
    /// Sums of the hashes of the first 0, 1, … tokens.
    sums: Vec<u64>,
    /// A token reads `*` or `>`: as a published subject it is a literal one.
    odd: bool,
    pub(super) places: Places,
    /// Matching patterns, in the order of [`as_nats_walks`].
    pub(super) hits: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    pattern: u32,
    tag: u32,
}

/// All subscribed subjects.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    entries: Slab<Pattern>,
    table: HashTable<Entry>,
    anywhere: Neighbourhood,
    /// Empty until the first pattern that belongs there.
    first: Vec<Neighbourhood>,
    second: Vec<Neighbourhood>,
}

impl Patterns {
    pub(super) fn get(&self, pattern: u32) -> &Pattern {
        &self.entries[pattern]
    }

    pub(super) fn get_mut(&mut self, pattern: u32) -> &mut Pattern {
        &mut self.entries[pattern]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Pattern)> {
        self.entries.iter()
    }

    pub(super) fn find(&self, outline: &Outline, subject: &[u8]) -> Option<u32> {
        let same = |entry: &Entry| {
            entry.tag == outline.tag && self.entries[entry.pattern].subject.as_slice() == subject
        };
        self.table.find(spread(outline.tag), same).map(|entry| entry.pattern)
    }

    /// Finds the pattern or puts it in. A new one has to be given somebody who wants it.
    pub(super) fn enter(&mut self, outline: &Outline, subject: &[u8]) -> u32 {
        if let Some(pattern) = self.find(outline, subject) {
            return pattern;
        }
        let subject = Text::new(subject);
        let pattern =
            self.entries.insert(Pattern { subject, plain: NIL, remotes: NIL, queues: NIL });
        let entry = Entry { pattern, tag: outline.tag };
        self.table.insert_unique(spread(outline.tag), entry, |entry| spread(entry.tag));
        if let Some(neighbourhood) = self.neighbourhood_mut(outline.home) {
            match neighbourhood.position(&outline.shape) {
                Ok(at) => neighbourhood.shapes[at].patterns += 1,
                Err(at) => {
                    let shape = ShapeUse { shape: outline.shape.clone(), patterns: 1 };
                    neighbourhood.shapes.insert(at, shape);
                }
            }
        }
        pattern
    }

    /// Takes out a pattern that nobody wants any more.
    pub(super) fn remove(&mut self, outline: &Outline, pattern: u32) {
        let removed = self.entries.remove(pattern);
        assert!(removed.is_unused(), "a pattern in use is removed");
        match self.table.find_entry(spread(outline.tag), |entry| entry.pattern == pattern) {
            Ok(entry) => drop(entry.remove()),
            Err(_) => panic!("pattern {pattern} is not in the table"),
        }
        if let Some(neighbourhood) = self.neighbourhood_mut(outline.home) {
            let Ok(at) = neighbourhood.position(&outline.shape) else {
                panic!("the shape of pattern {pattern} is not known")
            };
            neighbourhood.shapes[at].patterns -= 1;
            if neighbourhood.shapes[at].patterns == 0 {
                neighbourhood.shapes.remove(at);
            }
        }
        if self.entries.is_empty() {
            self.table = HashTable::new();
        }
    }

    /// Makes the cached matches stale that a changed wildcard pattern may concern; false if it is
    /// a literal one, which concerns its own subject only.
    pub(super) fn touch(&mut self, outline: &Outline) -> bool {
        match self.neighbourhood_mut(outline.home) {
            Some(neighbourhood) => {
                neighbourhood.generation += 1;
                true
            }
            None => false,
        }
    }

    /// Changes so far of all wildcard patterns that concern these places. As each of the counters
    /// only grows, an equal sum says that nothing has changed.
    pub(super) fn stamp(&self, places: Places) -> u64 {
        let first = self.first.get(usize::from(places.first));
        let second = self.second.get(usize::from(places.second));
        let generation = |home: Option<&Neighbourhood>| home.map_or(0, |home| home.generation);
        self.anywhere.generation + generation(first) + generation(second)
    }

    /// Takes `subject` apart and finds the patterns that match it. A subject with an empty token
    /// matches nothing.
    pub(super) fn scan(&self, hash: &KeyedHash, subject: &[u8], scan: &mut Scan) {
        scan.hits.clear();
        if !scan.split(hash, subject) {
            return;
        }
        let tokens = scan.sums.len() - 1;
        if !scan.odd {
            let tag = hash.pattern(scan.sums[tokens], tokens, false);
            let same = |entry: &Entry| {
                entry.tag == tag && self.entries[entry.pattern].subject.as_slice() == subject
            };
            scan.hits.extend(self.table.find(spread(tag), same).map(|entry| entry.pattern));
        }
        let first = self.first.get(usize::from(scan.places.first));
        let second = self.second.get(usize::from(scan.places.second));
        for neighbourhood in [Some(&self.anywhere), first, second].into_iter().flatten() {
            for shape in neighbourhood.fitting(tokens) {
                let tag = scan.tag(hash, shape);
                let same = |entry: &Entry| {
                    entry.tag == tag
                        && scan.fills(
                            shape,
                            subject,
                            self.entries[entry.pattern].subject.as_slice(),
                        )
                };
                let hit = self.table.find(spread(tag), same).map(|entry| entry.pattern);
                scan.hits.extend(hit);
            }
        }
        if scan.hits.len() > 1 {
            let text = |pattern: u32| self.entries[pattern].subject.as_slice();
            scan.hits
                .sort_unstable_by(|one, other| as_nats_walks(text(*one), text(*other), tokens));
        }
    }

    fn neighbourhood_mut(&mut self, home: Home) -> Option<&mut Neighbourhood> {
        fn at(all: &mut Vec<Neighbourhood>, bits: u32, index: usize) -> &mut Neighbourhood {
            if all.is_empty() {
                all.resize(1 << bits, Neighbourhood::default());
            }
            &mut all[index]
        }
        match home {
            Home::Literal => None,
            Home::Anywhere => Some(&mut self.anywhere),
            Home::First(index) => Some(at(&mut self.first, FIRST_BITS, index)),
            Home::Second(index) => Some(at(&mut self.second, SECOND_BITS, index)),
        }
    }

    /// Asserts that the table and the shapes agree with the patterns.
    pub(super) fn check(&self, hash: &KeyedHash) {
        let mut outline = Outline::default();
        let mut expected = Self::default();
        for (pattern, entry) in self.entries.iter() {
            assert!(!entry.is_unused(), "pattern {pattern} is kept although nobody wants it");
            outline.draw(hash, entry.subject.as_slice());
            let found = self.find(&outline, entry.subject.as_slice());
            assert_eq!(found, Some(pattern), "a pattern is found by its subject");
            expected.enter(&outline, entry.subject.as_slice());
        }
        assert_eq!(self.table.len(), self.entries.len(), "one table entry per pattern");
        check_shapes(&self.anywhere, Some(&expected.anywhere));
        for (index, home) in self.first.iter().enumerate() {
            check_shapes(home, expected.first.get(index));
        }
        for (index, home) in self.second.iter().enumerate() {
            check_shapes(home, expected.second.get(index));
        }
    }
}

/// The order in which nats-server delivers to two patterns that match one subject of so many
/// tokens: at the first token where they differ, `>` before `*` before a literal token, but at the
/// subject's last token the literal one before `*` (observed; it is how `sublist.go` walks its
/// tree). Among the subscriptions of one pattern its order is random; ours is that of subscription.
fn as_nats_walks(one: &[u8], other: &[u8], tokens: usize) -> Ordering {
    let split = |pattern| <[u8]>::split(pattern, |byte| *byte == b'.');
    let differing = split(one).zip(split(other)).enumerate().find(|(_, (one, other))| one != other);
    let Some((position, (one, other))) = differing else { return Ordering::Equal };
    let rank = |token: &[u8]| match token {
        b">" => 0,
        b"*" if position + 1 < tokens => 1,
        b"*" => 3,
        _ => 2,
    };
    rank(one).cmp(&rank(other))
}

fn check_shapes(have: &Neighbourhood, want: Option<&Neighbourhood>) {
    fn list(home: &Neighbourhood) -> Vec<(&Shape, u32)> {
        home.shapes.iter().map(|each| (&each.shape, each.patterns)).collect()
    }
    assert_eq!(list(have), want.map_or(Vec::new(), list), "shapes are counted");
}

impl Outline {
    /// Describes `subject`. One that is not valid to subscribe to (an empty token, `>` not at the
    /// end) is described as literal: it can be stored and removed, and no published subject
    /// matches it.
    pub(super) fn draw(&mut self, hash: &KeyedHash, subject: &[u8]) {
        let shape = &mut self.shape;
        *shape = Shape { stars: core::mem::take(&mut shape.stars), ..Shape::default() };
        shape.stars.clear();
        let (mut literals, mut all, mut heads, mut valid) = (0_u64, 0_u64, [0_u64; 2], true);
        for (position, token) in subject.split(|byte| *byte == b'.').enumerate() {
            let own = hash.token(position, token);
            all = all.wrapping_add(own);
            valid &= !token.is_empty() && !shape.rest;
            match token {
                b"*" => shape.stars.push(position as u32),
                b">" => shape.rest = true,
                _ => literals = literals.wrapping_add(own),
            }
            if let Some(head) = heads.get_mut(position) {
                *head = literals;
            }
            shape.length = position + 1;
        }
        if valid && (shape.rest || !shape.stars.is_empty()) {
            shape.length -= usize::from(shape.rest);
            let leading = shape.stars.first().map_or(shape.length, |star| *star as usize);
            self.home = match leading {
                0 => Home::Anywhere,
                1 => Home::First(place(heads[0], FIRST_BITS)),
                _ => Home::Second(place(heads[1], SECOND_BITS)),
            };
        } else {
            shape.stars.clear();
            shape.rest = false;
            literals = all;
            self.home = Home::Literal;
        }
        self.tag = hash.pattern(literals, shape.length, shape.rest);
    }
}

impl Neighbourhood {
    fn position(&self, shape: &Shape) -> Result<usize, usize> {
        self.shapes.binary_search_by(|each| each.shape.cmp(shape))
    }

    /// The shapes that a subject of so many tokens can have: exactly as long, or shorter with a
    /// `>` for the rest.
    fn fitting(&self, tokens: usize) -> impl Iterator<Item = &Shape> {
        let from = |rest: bool, length: usize| {
            self.shapes
                .partition_point(|each| (each.shape.rest, each.shape.length) < (rest, length))
        };
        let exact = &self.shapes[from(false, tokens)..from(false, tokens + 1)];
        let rest = &self.shapes[from(true, 0)..from(true, tokens)];
        exact.iter().chain(rest).map(|each| &each.shape)
    }
}

impl Scan {
    /// Takes a published subject apart; false if a token is empty.
    fn split(&mut self, hash: &KeyedHash, subject: &[u8]) -> bool {
        self.starts.clear();
        self.sums.clear();
        self.odd = false;
        self.places = Places { first: u16::MAX, second: u16::MAX };
        let (mut start, mut sum) = (0, 0_u64);
        self.starts.push(0);
        self.sums.push(0);
        loop {
            let end =
                memchr::memchr(b'.', &subject[start..]).map_or(subject.len(), |at| start + at);
            let token = &subject[start..end];
            if token.is_empty() {
                return false;
            }
            self.odd |= matches!(token, b"*" | b">");
            sum = sum.wrapping_add(hash.token(self.sums.len() - 1, token));
            self.sums.push(sum);
            start = end + 1;
            self.starts.push(start);
            if end == subject.len() {
                break;
            }
        }
        self.places.first = place(self.sums[1], FIRST_BITS) as u16;
        if let Some(sum) = self.sums.get(2) {
            self.places.second = place(*sum, SECOND_BITS) as u16;
        }
        true
    }

    /// The tag of the pattern that has `shape` and this subject's tokens.
    fn tag(&self, hash: &KeyedHash, shape: &Shape) -> u32 {
        let mut sum = self.sums[shape.length];
        for star in &shape.stars {
            let star = *star as usize;
            sum = sum.wrapping_sub(self.sums[star + 1].wrapping_sub(self.sums[star]));
        }
        hash.pattern(sum, shape.length, shape.rest)
    }

    /// Whether `pattern` is `shape` filled with the tokens of `subject`: the one pattern of this
    /// shape that matches.
    fn fills(&self, shape: &Shape, subject: &[u8], pattern: &[u8]) -> bool {
        if self.odd && self.has_odd_literal(shape, subject) {
            return false;
        }
        let mut left = pattern;
        let mut from = 0;
        // What lies between two stars is compared at once.
        for star in &shape.stars {
            let star = *star as usize;
            let literal = &subject[from..self.starts[star]];
            let Some(after) = left.strip_prefix(literal).and_then(|left| left.strip_prefix(b"*"))
            else {
                return false;
            };
            left = after;
            from = self.starts[star + 1] - 1;
        }
        let end = self.starts[shape.length].saturating_sub(1);
        let Some(left) = left.strip_prefix(&subject[from..end]) else { return false };
        match (shape.rest, shape.length) {
            (false, _) => left.is_empty(),
            (true, 0) => left == b">",
            (true, _) => left == b".>",
        }
    }

    /// Whether a token that `shape` takes literally reads `*` or `>`. No pattern has such a token.
    fn has_odd_literal(&self, shape: &Shape, subject: &[u8]) -> bool {
        (0..shape.length).any(|position| {
            let token = &subject[self.starts[position]..self.starts[position + 1] - 1];
            matches!(token, b"*" | b">") && !shape.stars.contains(&(position as u32))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    /// A table with these patterns, each wanted by somebody (which these tests need not know).
    fn table(hash: &KeyedHash, subjects: &[&str]) -> Patterns {
        let (mut patterns, mut outline) = (Patterns::default(), Outline::default());
        for subject in subjects {
            outline.draw(hash, subject.as_bytes());
            let pattern = patterns.enter(&outline, subject.as_bytes());
            patterns.get_mut(pattern).plain = 0;
        }
        patterns
    }

    fn matching<'a>(patterns: &'a Patterns, hash: &KeyedHash, subject: &str) -> Vec<&'a str> {
        let mut scan = Scan::default();
        patterns.scan(hash, subject.as_bytes(), &mut scan);
        let text = |pattern: &u32| {
            core::str::from_utf8(patterns.get(*pattern).subject.as_slice()).unwrap()
        };
        scan.hits.iter().map(text).collect()
    }

    /// What matches what, as nats-server has it (nats-protocols.md 3.6).
    #[test]
    fn patterns_match_as_in_nats_server() {
        let hash = KeyedHash::new(1);
        let all = [
            "foo",
            "foo.bar",
            "foo.bar.baz",
            "foo.*",
            "foo.*.baz",
            "foo.>",
            ">",
            "*",
            "*.*",
            "*.bar",
            "*.>",
            "foo.bar.>",
            "foo*",
            "f>o.x",
            "foo.**",
            "*.bar.>",
            "a..b",
            "foo.>.x",
            "",
            ".",
            "x.",
            "a.very.long.subject.that.is.not.kept.in.place.*.tail",
        ];
        let patterns = table(&hash, &all);
        let cases: [(&str, &[&str]); 21] = [
            ("foo", &[">", "foo", "*"]),
            ("foo.bar", &[">", "*.>", "*.bar", "*.*", "foo.>", "foo.bar", "foo.*"]),
            (
                "foo.bar.baz",
                &[">", "*.>", "*.bar.>", "foo.>", "foo.*.baz", "foo.bar.>", "foo.bar.baz"],
            ),
            ("foo.bar.x", &[">", "*.>", "*.bar.>", "foo.>", "foo.bar.>"]),
            ("foobar", &[">", "*"]),
            ("foo*", &[">", "foo*", "*"]),
            ("f>o.x", &[">", "*.>", "*.*", "f>o.x"]),
            ("foo.**", &[">", "*.>", "*.*", "foo.>", "foo.**", "foo.*"]),
            // Published wildcards are tokens like any other.
            ("foo.*", &[">", "*.>", "*.*", "foo.>", "foo.*"]),
            ("foo.>", &[">", "*.>", "*.*", "foo.>", "foo.*"]),
            ("*", &[">", "*"]),
            (">", &[">", "*"]),
            ("*.bar", &[">", "*.>", "*.bar", "*.*"]),
            ("*.*", &[">", "*.>", "*.*"]),
            ("foo.>.x", &[">", "*.>", "foo.>"]),
            // Empty tokens match nothing, not even ">", and neither do invalid patterns.
            ("a..b", &[]),
            ("", &[]),
            (".", &[]),
            ("x.", &[]),
            (".foo", &[]),
            (
                "a.very.long.subject.that.is.not.kept.in.place.any.tail",
                &[">", "*.>", "a.very.long.subject.that.is.not.kept.in.place.*.tail"],
            ),
        ];
        for (subject, expected) in cases {
            assert_eq!(matching(&patterns, &hash, subject), expected, "{subject}");
        }
        patterns.check(&hash);
    }

    /// The order is what nats-server 2.15.1 delivers in, and no hash key changes it.
    #[test]
    fn matches_come_in_the_order_of_nats_server() {
        let expected = [
            ">", "*.>", "*.*.c", "*.*.*", "*.b.>", "*.b.c", "*.b.*", "a.>", "a.*.c", "a.*.*",
            "a.b.>", "a.b.c", "a.b.*",
        ];
        let mut all = expected;
        for key in 0..50 {
            all.rotate_left(5);
            let hash = KeyedHash::new(key);
            assert_eq!(matching(&table(&hash, &all), &hash, "a.b.c"), expected);
        }
    }

    /// Should tags ever collide, a pattern is still found by its own shape only.
    #[test]
    fn a_shape_is_filled_by_one_pattern() {
        let (hash, mut scan) = (KeyedHash::new(5), Scan::default());
        let shape = |stars: &[u32], length, rest| Shape { rest, length, stars: stars.to_vec() };
        let cases: [(Shape, &str, &str, bool); 9] = [
            (shape(&[1], 3, false), "a.b.c", "a.*.c", true),
            (shape(&[1], 3, false), "a.b.c", "a.*.d", false),
            (shape(&[1], 3, false), "a.b.c", "a.*.cd", false),
            (shape(&[1], 2, true), "a.b.c", "a.*.>", true),
            (shape(&[1], 2, true), "a.b.c", "a.*.c", false),
            (shape(&[], 0, true), "a.b.c", ">", true),
            (shape(&[0], 2, false), "*.*", "*.*", false),
            (shape(&[0, 1], 2, false), "*.*", "*.*", true),
            (shape(&[0], 1, true), "*.>", "*.>", true),
        ];
        for (shape, subject, pattern, expected) in cases {
            assert!(scan.split(&hash, subject.as_bytes()));
            let fills = scan.fills(&shape, subject.as_bytes(), pattern.as_bytes());
            assert_eq!(fills, expected, "{shape:?} {subject} {pattern}");
        }
    }

    #[test]
    fn subjects_of_any_length_have_shapes() {
        let hash = KeyedHash::new(2);
        let tokens = |star: usize| {
            let tokens: Vec<&str> = (0..700).map(|at| if at == star { "*" } else { "t" }).collect();
            tokens.join(".")
        };
        let all: Vec<String> = (600..700).map(tokens).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let patterns = table(&hash, &all);
        assert_eq!(matching(&patterns, &hash, &tokens(usize::MAX)).len(), 100);
        assert_eq!(matching(&patterns, &hash, &tokens(650)), [all[50]]);
        patterns.check(&hash);
    }

    #[test]
    fn a_wildcard_change_is_seen_where_it_may_matter() {
        let hash = KeyedHash::new(3);
        let mut patterns = Patterns::default();
        let stamp = |patterns: &Patterns, subject: &str| {
            let mut scan = Scan::default();
            patterns.scan(&hash, subject.as_bytes(), &mut scan);
            patterns.stamp(scan.places)
        };
        let subjects = ["a", "a.b", "a.c", "a.b.c", "z", "z.b"];
        // Subjects whose stamp must move; the others stand for cached matches that survive.
        let cases = [
            ("a.b", vec![]),
            ("*.b", vec!["a", "a.b", "a.c", "a.b.c", "z", "z.b"]),
            (">", vec!["a", "a.b", "a.c", "a.b.c", "z", "z.b"]),
            ("a.*", vec!["a", "a.b", "a.c", "a.b.c"]),
            ("a.>", vec!["a", "a.b", "a.c", "a.b.c"]),
            ("a.b.*", vec!["a.b", "a.b.c"]),
            ("a.b.c.>", vec!["a.b", "a.b.c"]),
        ];
        for (pattern, moved) in cases {
            let before = subjects.map(|subject| stamp(&patterns, subject));
            let mut outline = Outline::default();
            outline.draw(&hash, pattern.as_bytes());
            assert_eq!(patterns.touch(&outline), !moved.is_empty(), "{pattern}");
            for (subject, before) in subjects.iter().zip(before) {
                let changed = stamp(&patterns, subject) != before;
                assert_eq!(changed, moved.contains(subject), "{pattern} {subject}");
            }
        }
    }

    #[test]
    fn removed_patterns_leave_nothing() {
        let hash = KeyedHash::new(4);
        let all = ["a.b", "a.*", "a.>", ">", "*.x.y", "a.b.*"];
        let mut patterns = table(&hash, &all);
        let mut outline = Outline::default();
        for subject in all {
            outline.draw(&hash, subject.as_bytes());
            let pattern = patterns.find(&outline, subject.as_bytes()).unwrap();
            patterns.get_mut(pattern).plain = NIL;
            patterns.remove(&outline, pattern);
            assert_eq!(patterns.find(&outline, subject.as_bytes()), None);
            patterns.check(&hash);
        }
        assert_eq!(patterns.iter().count(), 0);
        assert_eq!(patterns.table.capacity(), 0);
    }
}
