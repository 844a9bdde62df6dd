//! What a server says when a buffer has no room for a message.

/// A message that was not taken, as its publisher is told of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal<'a> {
    /// The subject of the message.
    pub subject: &'a str,
    /// The server that it would have been kept for.
    pub peer: &'a str,
    /// Why it was not.
    pub why: RefusedWhy,
}

/// What stood between a message and a buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedWhy {
    /// No more bytes than these.
    Bytes(u64),
    /// No more messages than these.
    Messages(u64),
    /// The disk.
    Disk,
}

impl<'a> Refusal<'a> {
    /// Reads the text of an error; `None` if it is about something else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("Permissions Violation for Publish to \"")?;
        let (subject, rest) = rest.split_once("\": the buffer for \"")?;
        let (peer, why) = rest.rsplit_once("\" ")?;
        let why = if let Some(most) = why.strip_prefix("is full, max_bytes ") {
            RefusedWhy::Bytes(most.parse().ok()?)
        } else if let Some(most) = why.strip_prefix("is full, max_msgs ") {
            RefusedWhy::Messages(most.parse().ok()?)
        } else {
            (why == "cannot be written").then_some(RefusedWhy::Disk)?
        };
        Some(Self { subject, peer, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_other_errors() {
        let text = |why: &str| {
            format!("Permissions Violation for Publish to \"a.1\": the buffer for \"w/1\" {why}")
        };
        let reasons = [
            ("is full, max_bytes 7", Some(RefusedWhy::Bytes(7))),
            ("is full, max_msgs 8", Some(RefusedWhy::Messages(8))),
            ("cannot be written", Some(RefusedWhy::Disk)),
            ("is full, max_msgs many", None),
            ("is blue", None),
        ];
        for (why, expected) in reasons {
            let expected = expected.map(|why| Refusal { subject: "a.1", peer: "w/1", why });
            assert_eq!(Refusal::parse(&text(why)), expected, "{why}");
        }
        assert_eq!(Refusal::parse("Permissions Violation for Publish to \"a.1\""), None);
    }
}
