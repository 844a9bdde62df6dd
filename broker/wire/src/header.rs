//! Header blocks: `NATS/1.0[ code[ text]] CR LF`, then `Name: value CR LF` lines, then CR LF.
//!
//! A broker passes header blocks through without looking: any bytes may stand where a client says
//! the header is. What is here reads as far as the bytes are well formed and gives up silently.

use alloc::vec::Vec;
use core::ops::Range;

use memchr::memmem;

/// How every header block begins.
pub const VERSION: &[u8] = b"NATS/1.0";

const LINE_END: &[u8] = b"\r\n";

/// Status of an answer when nobody listens ([`no_responders`]).
pub const STATUS_NO_RESPONDERS: &[u8] = b"503";

/// Cuts a message body into its header block (empty without one) and its payload. A `header_len`
/// beyond the body, which no parser returns, counts as the whole body.
#[must_use]
pub fn split(body: &[u8], header_len: Option<u32>) -> (&[u8], &[u8]) {
    let at = header_len.map_or(0, |len| len as usize).min(body.len());
    body.split_at(at)
}

/// The payload alone: what a receiver without header support gets.
#[must_use]
pub fn strip(body: &[u8], header_len: Option<u32>) -> &[u8] {
    split(body, header_len).1
}

/// Appends the header block that tells a requester that nobody listens on `subject`, and returns
/// its length, which is 32 bytes more than the subject's. The message has no payload.
pub fn no_responders(out: &mut Vec<u8>, subject: &[u8]) -> u32 {
    let start = out.len();
    out.reserve(32 + subject.len());
    out.extend_from_slice(b"NATS/1.0 503\r\nNats-Subject: ");
    out.extend_from_slice(subject);
    out.extend_from_slice(b"\r\n\r\n");
    // A subject is shorter than a control line.
    u32::try_from(out.len() - start).unwrap_or(u32::MAX)
}

/// The status code and its text, if the first line has one: `503` and an empty text for
/// `NATS/1.0 503`.
#[must_use]
pub fn status(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = &block[..memmem::find(block, b"\r\n")?];
    let rest = line.strip_prefix(VERSION)?.trim_ascii();
    let code_len = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
    let (code, text) = rest.split_at(code_len);
    (!code.is_empty()).then_some((code, text.trim_ascii()))
}

/// The fields in order. Reading stops at the empty line, or at the first line that is no field.
#[must_use]
pub fn fields(block: &[u8]) -> Fields<'_> {
    let rest = match memmem::find(block, b"\r\n") {
        Some(end) if block.starts_with(VERSION) => &block[end + 2..],
        Some(_) | None => &[],
    };
    Fields { rest }
}

/// The first value under `name`, which is compared byte by byte, as nats-server does for its own
/// headers.
#[must_use]
pub fn value<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    fields(block).find(|field| field.name == name).map(|field| field.value)
}

/// Adds a field at the end of a header block, which is made if there is none yet. Line ends in the
/// value become spaces.
pub fn push(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if block.len() > LINE_END.len() {
        block.truncate(block.len() - LINE_END.len());
    } else {
        block.clear();
        block.extend_from_slice(VERSION);
        block.extend_from_slice(LINE_END);
    }
    block.reserve(name.len() + value.len() + 6);
    block.extend_from_slice(name);
    block.extend_from_slice(b": ");
    block.extend(in_one_line(value));
    block.extend_from_slice(b"\r\n\r\n");
}

/// Replaces the value of the first field of that name where it stands, or adds the field at the end.
/// One space after the colon stays, as in nats-server. Line ends in the value become spaces.
pub fn set(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let first = lines(block).find(|line| has_name(&block[line.clone()], name));
    let Some(line) = first else { return push(block, name, value) };
    let after_colon = line.start + name.len() + 1;
    let start = after_colon + usize::from(block.get(after_colon) == Some(&b' '));
    block.splice(start..line.end - LINE_END.len(), in_one_line(value));
}

/// Removes all fields of that name; a block without fields becomes empty.
pub fn remove(block: &mut Vec<u8>, name: &[u8]) {
    remove_lines(block, |line| has_name(line, name));
}

/// Removes all fields whose name begins like that; a block without fields becomes empty.
pub fn remove_prefixed(block: &mut Vec<u8>, prefix: &[u8]) {
    remove_lines(block, |line| line.starts_with(prefix));
}

/// Where the lines after the first are, with their line ends.
fn lines(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let end_of =
        |from: usize| memmem::find(&block[from..], LINE_END).map(|at| from + at + LINE_END.len());
    let mut next = end_of(0).unwrap_or(block.len());
    core::iter::from_fn(move || {
        let line = next..end_of(next)?;
        next = line.end;
        Some(line)
    })
}

fn has_name(line: &[u8], name: &[u8]) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.starts_with(b":"))
}

/// A value as it may stand in a block.
fn in_one_line(value: &[u8]) -> impl Iterator<Item = u8> {
    let plain = |&b: &u8| if matches!(b, b'\r' | b'\n') { b' ' } else { b };
    value.trim_ascii().iter().map(plain)
}

/// Removes the lines after the first that `goes` holds for.
fn remove_lines(block: &mut Vec<u8>, goes: impl Fn(&[u8]) -> bool) {
    let mut at = memmem::find(block, LINE_END).map_or(block.len(), |end| end + LINE_END.len());
    let mut removed = false;
    while let Some(len) = memmem::find(&block[at..], LINE_END) {
        let next = at + len + LINE_END.len();
        if goes(&block[at..next]) {
            block.drain(at..next);
            removed = true;
        } else {
            at = next;
        }
    }
    if removed && block.len() <= VERSION.len() + 2 * LINE_END.len() {
        block.clear();
    }
}

/// One line of a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// What stands before the colon, not trimmed.
    pub name: &'a [u8],
    /// What stands after it, without blanks around.
    pub value: &'a [u8],
}

/// Iterator over the fields of a header block.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let end = memmem::find(self.rest, b"\r\n").filter(|&end| end > 0);
        let line = &self.rest[..end?];
        self.rest = &self.rest[end? + 2..];
        let Some(colon) = memchr::memchr(b':', line) else {
            self.rest = &[];
            return None;
        };
        Some(Field { name: &line[..colon], value: line[colon + 1..].trim_ascii() })
    }
}

impl core::iter::FusedIterator for Fields<'_> {}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    /// Status and fields as one line of text.
    #[track_caller]
    fn check(block: &[u8], expected: &str) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut got = String::new();
        if let Some((code, words)) = status(block) {
            got += &std::format!("[{}|{}]", text(code), text(words));
        }
        for field in fields(block) {
            got += &std::format!(" {}={}", text(field.name), text(field.value));
        }
        assert_eq!(got, expected, "{}", block.escape_ascii());
    }

    #[test]
    fn well_formed_blocks() {
        check(b"NATS/1.0\r\n\r\n", "");
        check(b"NATS/1.0\r\nA: b\r\n\r\n", " A=b");
        check(b"NATS/1.0\r\nA:b\r\nA:  c d \r\n\r\n", " A=b A=c d");
        check(b"NATS/1.0\r\nA:\r\nB: x:y\r\n\r\n", " A= B=x:y");
        check(b"NATS/1.0 503\r\n\r\n", "[503|]");
        check(b"NATS/1.0 100 Idle Heartbeat\r\nK: v\r\n\r\n", "[100|Idle Heartbeat] K=v");
        check(b"NATS/1.0   408   x\r\n\r\n", "[408|x]");
    }

    #[test]
    fn blocks_that_are_not() {
        check(b"", "");
        check(b"abcd", "");
        check(b"NATS/1.0", "");
        check(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "");
        check(b"NATS/1.0\r\nA: b\r\nno colon\r\nC: d\r\n\r\n", " A=b");
        check(b"NATS/1.0\r\nA: b", "");
        check(b"NATS/1.0\r\nA: b\r\n\r\nC: d\r\n", " A=b");
    }

    #[test]
    fn the_first_value_of_a_name() {
        let block = b"NATS/1.0\r\nA: b\r\nA: c\r\nAb: d\r\n\r\n";
        assert_eq!(value(block, b"A"), Some(b"b".as_slice()));
        assert_eq!(value(block, b"Ab"), Some(b"d".as_slice()));
        assert_eq!(value(block, b"a"), None);
    }

    #[test]
    fn nobody_listens() {
        let mut block = Vec::new();
        let len = no_responders(&mut block, b"service.status");
        assert_eq!(block, b"NATS/1.0 503\r\nNats-Subject: service.status\r\n\r\n");
        assert_eq!(len as usize, block.len());
        assert_eq!(len as usize, 32 + b"service.status".len());
        check(&block, "[503|] Nats-Subject=service.status");
    }

    #[test]
    fn fields_are_added() {
        let mut block = Vec::new();
        push(&mut block, b"A", b" b ");
        assert_eq!(block, b"NATS/1.0\r\nA: b\r\n\r\n");
        push(&mut block, b"C", b"d\r\ne");
        assert_eq!(block, b"NATS/1.0\r\nA: b\r\nC: d  e\r\n\r\n");
    }

    #[test]
    fn values_are_replaced_where_they_stand() {
        let mut block = b"NATS/1.0\r\nAb: 1\r\nA:2\r\nA: 3\r\nB:   4\r\n\r\n".to_vec();
        set(&mut block, b"A", b"longer");
        set(&mut block, b"B", b"5");
        assert_eq!(block, b"NATS/1.0\r\nAb: 1\r\nA:longer\r\nA: 3\r\nB: 5\r\n\r\n");
        set(&mut block, b"Ab", b"");
        set(&mut block, b"C", b"6\r\n7");
        let expected = b"NATS/1.0\r\nAb: \r\nA:longer\r\nA: 3\r\nB: 5\r\nC: 6  7\r\n\r\n";
        assert_eq!(block, expected);
        let mut block = Vec::new();
        set(&mut block, b"A", b"1");
        assert_eq!(block, b"NATS/1.0\r\nA: 1\r\n\r\n");
        let mut block = b"NATS/1.0".to_vec();
        set(&mut block, b"A", b"");
        check(&block, "");
    }

    #[test]
    fn fields_are_removed() {
        let before = b"NATS/1.0\r\nAb: 1\r\nA: 2\r\nB: A: 3\r\nA:\r\n\r\n";
        let mut block = before.to_vec();
        remove(&mut block, b"A");
        check(&block, " Ab=1 B=A: 3");
        let mut block = before.to_vec();
        remove_prefixed(&mut block, b"A");
        check(&block, " B=A: 3");
        remove_prefixed(&mut block, b"X");
        check(&block, " B=A: 3");
        remove(&mut block, b"B");
        assert_eq!(block, b"");
        remove(&mut block, b"B");
        assert_eq!(block, b"");
        let mut block = b"NATS/1.0\r\n\r\n".to_vec();
        remove(&mut block, b"B");
        assert_eq!(block, b"NATS/1.0\r\n\r\n");
    }

    #[test]
    fn header_and_payload() {
        assert_eq!(split(b"abcd", None), (b"".as_slice(), b"abcd".as_slice()));
        assert_eq!(split(b"abcd", Some(1)), (b"a".as_slice(), b"bcd".as_slice()));
        assert_eq!(split(b"abcd", Some(9)), (b"abcd".as_slice(), b"".as_slice()));
        assert_eq!(strip(b"abcd", Some(3)), b"d");
    }
}
