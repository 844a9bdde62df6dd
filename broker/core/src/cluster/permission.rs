//! Which subjects may cross routes.

use causeway_wire::subject;

use crate::config::SubjectPermission;

/// Whether `permission` lets interest in `subject` pass. Deny wins; no allow list allows all.
///
/// A wildcard in `subject` counts as the token it is, as in nats-server: allow `foo.*` lets
/// interest in `foo.*` and in `foo.>` pass.
pub(crate) fn allows(permission: Option<&SubjectPermission>, subject: &[u8]) -> bool {
    let Some(permission) = permission else { return true };
    let any = |patterns: &[alloc::string::String]| {
        patterns.iter().any(|pattern| subject::matches(pattern.as_bytes(), subject))
    };
    (permission.allow.is_empty() || any(&permission.allow)) && !any(&permission.deny)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_wins_and_wildcards_count_as_tokens() {
        let lists = |allow: &[&str], deny: &[&str]| SubjectPermission {
            allow: allow.iter().map(|s| (*s).into()).collect(),
            deny: deny.iter().map(|s| (*s).into()).collect(),
        };
        assert!(allows(None, b"a"));
        assert!(allows(Some(&lists(&[], &[])), b"a"));
        let some = lists(&["foo.*", "bar.>"], &["bar.secret"]);
        for (subject, passes) in [
            (&b"foo.a"[..], true),
            (b"foo.*", true),
            (b"foo", false),
            (b"foo.a.b", false),
            (b"bar.x.y", true),
            (b"bar.secret", false),
            (b">", false),
        ] {
            assert_eq!(allows(Some(&some), subject), passes, "{}", subject.escape_ascii());
        }
    }
}
