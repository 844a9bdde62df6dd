//! Subjects: tokens, wildcards, matching.
//!
//! A subject is a list of tokens between dots; tokens are any bytes but blanks and line ends. `*`
//! (one token) and `>` (one or more, last only) are wildcards only as whole tokens: `foo*.x` and
//! `f>o` are literal. Clients may publish to anything that a message line can carry: what is not
//! [`is_valid_literal`] is still routed by the rules below, so `foo.*` reaches a subscriber of
//! `foo.*` or `>`, and a subject with an empty token reaches nobody.

/// Whether a SUB with this subject is accepted: no empty token, `>` only at the end, and none of
/// the bytes that separate arguments (space, tab, CR, LF), which no SUB line can bring anyway.
///
/// nats-server refuses form feeds too, but only in subjects that are configured.
#[must_use]
pub fn is_valid(subject: &[u8]) -> bool {
    if subject.is_empty() {
        return false;
    }
    let mut closed = false;
    tokens(subject).all(|token| {
        let fits = !closed && !token.is_empty() && !token.iter().any(|&b| is_blank(b));
        closed = token == b">";
        fits
    })
}

/// Whether a pedantic client may publish here: no empty token and no wildcard. Other bytes are not
/// looked at, as in nats-server.
#[must_use]
pub fn is_valid_literal(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty() && !is_wildcard(token))
}

/// Whether no token is a wildcard. Says nothing about empty tokens.
#[must_use]
pub fn is_literal(subject: &[u8]) -> bool {
    !has_wildcards(subject)
}

/// Whether some token is `*` or `>`.
#[must_use]
pub fn has_wildcards(subject: &[u8]) -> bool {
    let stands_alone = |at: usize| {
        (at == 0 || subject[at - 1] == b'.')
            && subject.get(at + 1).is_none_or(|&after| after == b'.')
    };
    memchr::memchr2_iter(b'*', b'>', subject).any(stands_alone)
}

/// Whether the token is `*` or `>`.
#[must_use]
pub fn is_wildcard(token: &[u8]) -> bool {
    matches!(token, b"*" | b">")
}

/// Whether every token holds at least one byte. Only such subjects are delivered to anyone.
#[must_use]
pub fn has_only_full_tokens(subject: &[u8]) -> bool {
    !subject.is_empty()
        && subject[0] != b'.'
        && subject[subject.len() - 1] != b'.'
        && !memchr::memchr_iter(b'.', subject).any(|at| subject.get(at + 1) == Some(&b'.'))
}

/// The tokens, empty ones included. An empty subject is one empty token.
#[must_use]
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens { rest: Some(subject) }
}

/// Iterator over the tokens of a subject.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match memchr::memchr(b'.', rest) {
            Some(dot) => {
                self.rest = Some(&rest[dot + 1..]);
                Some(&rest[..dot])
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

impl core::iter::FusedIterator for Tokens<'_> {}

/// Whether a message published to `subject` goes to a subscription of `pattern`.
///
/// Wildcards act in `pattern` only; in `subject` they are plain bytes (`foo.*` matches the patterns
/// `foo.*` and `foo.>`, not `foo.bar`). A subject with an empty token matches nothing, not even
/// `>`. `pattern` is taken to be valid.
#[must_use]
pub fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    if !has_only_full_tokens(subject) {
        return false;
    }
    let mut wanted = tokens(pattern);
    let mut given = tokens(subject);
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(b">"), Some(_)) => return true,
            (Some(b"*"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            (_, _) => return false,
        }
    }
}

/// Whether every subject that `narrow` matches is matched by `wide` too. Both are patterns.
/// Malformed patterns are a subset of nothing.
#[must_use]
pub fn is_subset(narrow: &[u8], wide: &[u8]) -> bool {
    let mut narrow = tokens(narrow);
    let mut wide = tokens(wide);
    loop {
        match (narrow.next(), wide.next()) {
            (None, None) => return true,
            (Some(token), Some(b">")) => return !token.is_empty(),
            (Some(b"" | b">"), _) | (_, Some(b"")) => return false,
            (Some(_), Some(b"*")) => {}
            (Some(token), Some(want)) if token == want => {}
            (_, _) => return false,
        }
    }
}

/// Whether some subject is matched by both patterns.
#[must_use]
pub fn collide(a: &[u8], b: &[u8]) -> bool {
    let mut a = tokens(a);
    let mut b = tokens(b);
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(b""), Some(_)) | (Some(_), Some(b"")) => return false,
            (Some(b">"), Some(_)) | (Some(_), Some(b">")) => return true,
            (Some(b"*"), Some(_)) | (Some(_), Some(b"*")) => {}
            (Some(x), Some(y)) if x == y => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Subjects with: accepted by SUB, literal for a pedantic PUB, has wildcards. The first two
    /// columns are observed with nats-server 2.15.1 for all that a line can carry.
    const KINDS: &[(&[u8], bool, bool, bool)] = &[
        (b"a", true, true, false),
        (b"a.b.c", true, true, false),
        (b"*", true, false, true),
        (b"a.*", true, false, true),
        (b"*.b", true, false, true),
        (b">", true, false, true),
        (b"a.>", true, false, true),
        (b"*.>", true, false, true),
        (b">.a", false, false, true),
        (b"a.>.b", false, false, true),
        (b">.>", false, false, true),
        (b"a*", true, true, false),
        (b"*a", true, true, false),
        (b"**", true, true, false),
        (b">>", true, true, false),
        (b"f>o", true, true, false),
        (b"foo*.x", true, true, false),
        (b"a.>>", true, true, false),
        (b"", false, false, false),
        (b".", false, false, false),
        (b".a", false, false, false),
        (b"a.", false, false, false),
        (b"a..b", false, false, false),
        (b"a b", false, true, false),
        (b"a.\t", false, true, false),
        (b"a\r", false, true, false),
        (b"\n", false, true, false),
        (b"a\x0cb", true, true, false),
        (b"a\0b", true, true, false),
        (b"\xff.\xfe", true, true, false),
    ];

    #[test]
    fn kinds_of_subjects() {
        for (subject, valid, literal, wild) in KINDS {
            let name = subject.escape_ascii();
            assert_eq!(is_valid(subject), *valid, "valid: {name}");
            assert_eq!(is_valid_literal(subject), *literal, "literal: {name}");
            assert_eq!(has_wildcards(subject), *wild, "wildcards: {name}");
            assert_eq!(is_literal(subject), !*wild, "wildcards: {name}");
            let full = tokens(subject).all(|token| !token.is_empty());
            assert_eq!(has_only_full_tokens(subject), full, "full tokens: {name}");
        }
    }

    #[test]
    fn tokens_stand_between_dots() {
        let split = |subject| tokens(subject).collect::<Vec<_>>();
        assert_eq!(split(b"a.bc.d"), [b"a".as_slice(), b"bc", b"d"]);
        assert_eq!(split(b".a."), [b"".as_slice(), b"a", b""]);
        assert_eq!(split(b""), [b""]);
    }

    #[track_caller]
    fn check_matches(pattern: &[u8], subject: &[u8], expected: bool) {
        let text = (pattern.escape_ascii(), subject.escape_ascii());
        assert_eq!(matches(pattern, subject), expected, "{} on {}", text.0, text.1);
    }

    #[test]
    fn wildcards_act_in_patterns() {
        check_matches(b"a.b", b"a.b", true);
        check_matches(b"a.b", b"a", false);
        check_matches(b"a", b"a.b", false);
        check_matches(b"a.*", b"a.b", true);
        check_matches(b"a.*", b"a", false);
        check_matches(b"a.*", b"a.b.c", false);
        check_matches(b"*.b", b"a.b", true);
        check_matches(b"*", b"a.b", false);
        check_matches(b">", b"a", true);
        check_matches(b">", b"a.b.c", true);
        check_matches(b"a.>", b"a", false);
        check_matches(b"a.>", b"a.b.c", true);
        check_matches(b"*.>", b"a.b", true);
        check_matches(b"foo*.x", b"foo*.x", true);
        check_matches(b"foo*.x", b"foob.x", false);
    }

    #[test]
    fn wildcards_in_subjects_are_plain() {
        check_matches(b"foo.*", b"foo.*", true);
        check_matches(b"foo.>", b"foo.*", true);
        check_matches(b"foo.bar", b"foo.*", false);
        check_matches(b">", b">", true);
        check_matches(b"a", b">", false);
    }

    #[test]
    fn empty_tokens_match_nothing() {
        for subject in [b"".as_slice(), b".", b"a.", b".a", b"a..b"] {
            for pattern in [b">".as_slice(), b"*", b"*.*", b"a.>", b"a", b"a.*.b", subject] {
                check_matches(pattern, subject, false);
            }
        }
    }

    #[track_caller]
    fn check_relation(a: &[u8], b: &[u8], subset: bool, reverse: bool, overlap: bool) {
        let text = (a.escape_ascii(), b.escape_ascii());
        assert_eq!(is_subset(a, b), subset, "{} within {}", text.0, text.1);
        assert_eq!(is_subset(b, a), reverse, "{} within {}", text.1, text.0);
        assert_eq!(collide(a, b), overlap, "{} and {}", text.0, text.1);
        assert_eq!(collide(b, a), overlap, "{} and {}", text.1, text.0);
    }

    #[test]
    fn patterns_within_and_across_patterns() {
        check_relation(b"a.b", b"a.b", true, true, true);
        check_relation(b"a.b", b"a.*", true, false, true);
        check_relation(b"a.b", b">", true, false, true);
        check_relation(b"a.*", b"a.>", true, false, true);
        check_relation(b"a.*", b"*.b", false, false, true);
        check_relation(b"a.>", b">", true, false, true);
        check_relation(b"a.>", b"*.>", true, false, true);
        check_relation(b">", b">", true, true, true);
        check_relation(b"*", b">", true, false, true);
        check_relation(b"a.*", b"b.*", false, false, false);
        check_relation(b"a", b"a.>", false, false, false);
        check_relation(b"a.*", b"a.b.c", false, false, false);
        check_relation(b"a.>", b"a.*.c", false, true, true);
        check_relation(b"a..b", b">", true, false, true);
        check_relation(b"", b">", false, false, false);
        check_relation(b"a.", b"a.>", false, false, false);
    }
}
