//! Subjects and names, in place when short: a lookup then reads one place in memory, and a
//! subscription to such a subject allocates nothing of its own.

use alloc::boxed::Box;

/// Longest text kept in place: with tag and length it is as large as the pointer form needs.
const IN_PLACE: usize = 22;

/// A byte string that does not change.
#[derive(Debug)]
pub(super) enum Text {
    Short { len: u8, bytes: [u8; IN_PLACE] },
    Long(Box<[u8]>),
}

const _: () = assert!(size_of::<Text>() == 24);

impl Text {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut bytes = [0; IN_PLACE];
        match bytes.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                Self::Short { len: text.len() as u8, bytes }
            }
            None => Self::Long(text.into()),
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_was_made_of() {
        for length in 0..50 {
            let bytes: alloc::vec::Vec<u8> = (0..length).collect();
            let text = Text::new(&bytes);
            assert_eq!(text.as_slice(), bytes);
            assert_eq!(matches!(text, Text::Short { .. }), bytes.len() <= IN_PLACE);
        }
    }
}
