//! Names of a log's files.
//!
//! A log's identity is in the names, so that records can be checked whatever is left of a file.

use alloc::format;
use alloc::string::String;

/// The name of a file that says that the log is being destroyed.
pub(super) const DESTROYED: &str = "destroyed";

/// What a file of a log is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// Records.
    Segment,
    /// What was left of a segment.
    Pack,
    /// What the index holds of the records of a segment, or of what was left of one.
    Index,
    /// Which numbers were given out. There is one for all segments.
    HighWater,
}

/// The name of a segment, or of what belongs to it.
pub(super) fn name(kind: Kind, segment: u32, identity: u64) -> String {
    let ending = match kind {
        Kind::Segment => "seg",
        Kind::Pack => "pak",
        Kind::Index => "idx",
        Kind::HighWater => "hwm",
    };
    format!("{segment:08x}-{identity:016x}.{ending}")
}

/// What a name says.
pub(super) fn parse(name: &str) -> Option<(Kind, u32, u64)> {
    let (numbers, ending) = name.rsplit_once('.')?;
    let (segment, identity) = numbers.split_once('-')?;
    let kind = match ending {
        "seg" => Kind::Segment,
        "pak" => Kind::Pack,
        "idx" => Kind::Index,
        "hwm" => Kind::HighWater,
        _ => return None,
    };
    if segment.len() != 8 || identity.len() != 16 {
        return None;
    }
    let segment = u32::from_str_radix(segment, 16).ok()?;
    Some((kind, segment, u64::from_str_radix(identity, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are_of() {
        assert_eq!(name(Kind::Segment, 18, 0xabc), "00000012-0000000000000abc.seg");
        let named =
            [(Kind::Segment, 0, u64::MAX), (Kind::Index, u32::MAX, 0), (Kind::HighWater, 0, 1)];
        for (kind, segment, identity) in named {
            assert_eq!(parse(&name(kind, segment, identity)), Some((kind, segment, identity)));
        }
        for other in [DESTROYED, "", "1-2.seg", "00000012-0000000000000abc.tmp", "x-y.idx"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
