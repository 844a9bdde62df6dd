//! Guarantees that are known by name and cannot be checked yet, and what they need.

/// Each with what it needs.
const NOT_YET: [(&str, &str); 6] = [
    ("replicas_equal", "replicas of streams"),
    ("single_leader_per_term", "replicas of streams"),
    ("api_available", "replicas of streams"),
    ("bounded_buffer", "clients that buffer"),
    ("account_isolation", "accounts"),
    ("program_exits", "the process engine"),
];

/// What this kind of guarantee needs that is not there yet; `None` if it is there, or not known at
/// all.
#[must_use]
pub fn needs(kind: &str) -> Option<&'static str> {
    NOT_YET.iter().find(|(name, _)| *name == kind).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::find;

    #[test]
    fn what_is_there_needs_nothing() {
        for (kind, what) in NOT_YET {
            assert!(find(kind).is_none(), "{kind} is there");
            assert_eq!(needs(kind), Some(what));
        }
        assert_eq!(needs("no_duplicates"), None);
        assert_eq!(needs("nonsense"), None);
    }
}
