//! The shape that nearly every message has, read in one pass: tokens separated by single spaces, a
//! size, CR LF, the payload, CR LF. Whatever is unusual in any way is left to the general parsers,
//! which also find the errors and say how much is missing.

use crate::Limits;
use crate::scan::{CR, LF};

/// A whole message of the usual shape, without headers.
pub(crate) struct Plain<'a, const N: usize> {
    /// Account, subject: whatever the operation addresses with.
    pub(crate) address: [&'a [u8]; N],
    pub(crate) reply: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
    /// From after the address to the end.
    pub(crate) tail: &'a [u8],
    /// Length of the whole frame.
    pub(crate) len: usize,
}

/// A PUB on a subject that is known already; see [`publish_on`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishOn {
    /// Where `#bytes CR LF payload CR LF` begins: what a MSG ends with too.
    pub tail_start: usize,
    /// Where the payload begins; it ends two bytes before the frame.
    pub body_start: usize,
    /// Length of the whole frame.
    pub len: usize,
}

/// Reads `PUB subject #bytes` with its payload from the start of `buf`, for one subject:
/// `address`, the blank after it included. Clients that publish fast do so on one subject, and this
/// is the shortest way to their next message.
///
/// `None` says nothing but that it is something else, or not complete, or over a limit: ask
/// [`client::parse`](crate::client::parse).
#[inline]
#[must_use]
pub fn publish_on(buf: &[u8], address: &[u8], limits: &Limits) -> Option<PublishOn> {
    const VERB: &[u8] = b"PUB ";
    let args = buf.strip_prefix(VERB)?.strip_prefix(address)?;
    let mut size = 0usize;
    let mut digits = 0;
    loop {
        let digit = args.get(digits)?.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        size = size * 10 + usize::from(digit);
        digits += 1;
        if digits > MAX_DIGITS {
            return None;
        }
    }
    let ended = args[digits] == CR && args.get(digits + 1) == Some(&LF);
    if digits == 0 || !ended || address.len() + digits > limits.control_line {
        return None;
    }
    let tail_start = VERB.len() + address.len();
    let body_start = tail_start + digits + 2;
    let len = body_start + size + 2;
    if size as u64 > limits.payload || buf.get(len - 2..len)? != [CR, LF] {
        return None;
    }
    Some(PublishOn { tail_start, body_start, len })
}

/// A size has at most so many digits here; nine fit in any integer.
const MAX_DIGITS: usize = 9;

/// Reads a message whose first argument is at `start`. `None`: it is not of the usual shape, or
/// not complete, or over a limit.
#[inline]
pub(crate) fn message<'a, const N: usize>(
    buf: &'a [u8],
    start: usize,
    limits: &Limits,
) -> Option<Plain<'a, N>> {
    let mut at = start;
    let mut address: [&[u8]; N] = [&[]; N];
    for token in &mut address {
        *token = token_before_space(buf, at)?;
        at += token.len() + 1;
    }
    let tail_start = at;
    let mut digits = token(buf, at)?;
    let mut end = at + digits.len();
    let mut reply = None;
    if buf[end] == b' ' {
        reply = Some(digits);
        at = end + 1;
        digits = token(buf, at)?;
        end = at + digits.len();
    }
    if buf[end] != CR || buf.get(end + 1) != Some(&LF) || end - start > limits.control_line {
        return None;
    }
    let size = number(digits)?;
    let body_start = end + 2;
    let frame_end = body_start + size + 2;
    if size as u64 > limits.payload || buf.len() < frame_end {
        return None;
    }
    if buf[frame_end - 2] != CR || buf[frame_end - 1] != LF {
        return None;
    }
    Some(Plain {
        address,
        reply,
        body: &buf[body_start..frame_end - 2],
        tail: &buf[tail_start..frame_end],
        len: frame_end,
    })
}

#[inline]
fn token_before_space(buf: &[u8], at: usize) -> Option<&[u8]> {
    let token = token(buf, at)?;
    (buf[at + token.len()] == b' ').then_some(token)
}

/// The bytes from `at` to the next one that is a blank or below; none, or no such byte, is `None`.
#[inline]
fn token(buf: &[u8], at: usize) -> Option<&[u8]> {
    let rest = buf.get(at..)?;
    let mut scanned = 0;
    while let Some((word, _)) = rest[scanned..].split_first_chunk::<8>() {
        let found = blanks_in(u64::from_le_bytes(*word));
        if found != 0 {
            let end = scanned + (found.trailing_zeros() / 8) as usize;
            return (end > 0).then(|| &rest[..end]);
        }
        scanned += 8;
    }
    let end = scanned + rest[scanned..].iter().position(|byte| *byte <= b' ')?;
    (end > 0).then(|| &rest[..end])
}

/// The high bit of every byte of `word` that is at most a space. Exact for the lowest such byte,
/// which is all that is asked for (the well-known "has a byte less than n").
#[inline]
const fn blanks_in(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    word.wrapping_sub(ONES * (b' ' as u64 + 1)) & !word & HIGHS
}

/// One to nine decimal digits.
#[inline]
fn number(digits: &[u8]) -> Option<usize> {
    if digits.len() > MAX_DIGITS {
        return None;
    }
    let mut value = 0usize;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + usize::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parsed;
    use crate::client::ClientOp;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn finds_the_first_blank(bytes: Vec<u8>) {
            let slow = bytes.iter().position(|byte| *byte <= b' ').filter(|end| *end > 0);
            prop_assert_eq!(token(&bytes, 0).map(<[u8]>::len), slow);
        }
    }

    proptest! {
        /// Whatever it takes, the general parser takes in the same way.
        #[test]
        fn a_known_subject_is_read_as_by_the_general_parser(
            line in "PUB (a\\.b|a) (r )?[0-9]{0,3}( |)\r?\n",
            body in "[xy]{0,12}",
            payload in 0u64..12,
            control_line in 0usize..12,
        ) {
            let limits = Limits { control_line, payload, headers: true };
            let whole = std::format!("{line}{body}\r\nPING\r\n");
            let general = crate::client::parse(whole.as_bytes(), &limits);
            if let Some(fast) = publish_on(whole.as_bytes(), b"a.b ", &limits) {
                let Ok(Parsed::Frame { frame: ClientOp::Pub(publish), len }) = general else {
                    panic!("{general:?}");
                };
                prop_assert_eq!((publish.subject, publish.reply), (&b"a.b"[..], None));
                prop_assert_eq!(publish.tail, Some(&whole.as_bytes()[fast.tail_start..fast.len]));
                prop_assert_eq!(publish.body, &whole.as_bytes()[fast.body_start..fast.len - 2]);
                prop_assert_eq!(len, fast.len);
            }
        }
    }

    #[test]
    fn a_known_subject_is_recognised() {
        let limits = Limits { control_line: 20, payload: 5, headers: true };
        let len = |line: &[u8]| publish_on(line, b"a.b ", &limits).map(|publish| publish.len);
        for (line, expected) in [
            (&b"PUB a.b 2\r\nhi\r\nPING"[..], Some(15)),
            (b"PUB a.b 0\r\n\r\n", Some(13)),
            (b"PUB a.b 002\r\nhi\r\n", Some(17)),
            (b"PUB a.bc 2\r\nhi\r\n", None),
            (b"PUB a.b r 2\r\nhi\r\n", None),
            (b"PUB a.b 2 \r\nhi\r\n", None),
            (b"PUB a.b 2\nhi\r\n", None),
            (b"PUB a.b 2\r\nhi\r", None),
            (b"PUB a.b 2\r\nhiXY", None),
            (b"PUB a.b 6\r\n123456\r\n", None),
            (b"PUB a.b 1234567890\r\n", None),
            (b"PUB a.b \r\n", None),
            (b"PUB a.b 2", None),
            (b"pub a.b 2\r\nhi\r\n", None),
        ] {
            assert_eq!(len(line), expected, "{}", line.escape_ascii());
        }
        let tight = Limits { control_line: 4, ..limits };
        assert_eq!(publish_on(b"PUB a.b 2\r\nhi\r\n", b"a.b ", &tight), None);
    }

    #[test]
    fn takes_the_usual_shape_only() {
        let limits = Limits { control_line: 20, payload: 5, headers: true };
        let whole = |line: &[u8]| message::<1>(line, 4, &limits).map(|plain| plain.len);
        for (line, len) in [
            (&b"PUB a 2\r\nhi\r\nPING"[..], Some(13)),
            (b"PUB a b 2\r\nhi\r\n", Some(15)),
            (b"PUB a 002\r\nhi\r\n", Some(15)),
            (b"PUB a 0\r\n\r\n", Some(11)),
            (b"PUB a b c 2\r\nhi\r\n", None),
            (b"PUB  a 2\r\nhi\r\n", None),
            (b"PUB a  2\r\nhi\r\n", None),
            (b"PUB a\t2\r\nhi\r\n", None),
            (b"PUB a 2 \r\nhi\r\n", None),
            (b"PUB a 2\nhi\r\n", None),
            (b"PUB a 2\r\nhi\r", None),
            (b"PUB a 2\r\nhiXY", None),
            (b"PUB a 6\r\n123456\r\n", None),
            (b"PUB a x\r\nhi\r\n", None),
            (b"PUB a 1234567890\r\n", None),
            (b"PUB a", None),
            (b"PUB ", None),
            (b"PUB aaaaaaaaaaaaaaaaaaaaaaaa 2\r\nhi\r\n", None),
        ] {
            assert_eq!(whole(line), len, "{}", line.escape_ascii());
        }
    }
}
