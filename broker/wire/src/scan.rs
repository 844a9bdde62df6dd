//! Finding the pieces of one protocol line.
//!
//! nats-server reads byte by byte through a state machine. This module gives the same answers for
//! any buffer, but looks for the line end first. The oddities that it keeps, because they can be
//! seen from outside:
//!
//! - An operation name is refused at its first impossible byte, before any line end is seen.
//! - The first byte after the blanks belongs to the arguments whatever it is, so a line never ends
//!   there: `SUB LF foo 1 LF` is one line.
//! - For the same reason a CR that is the whole argument part is kept: `SUB CR LF` has one
//!   argument.
//! - The limit counts argument bytes only, and applies to lines that have not ended yet.
//!
//! Two things differ on purpose. nats-server never limits the blanks before the arguments nor what
//! follows PING, PONG and +OK, because it forgets those bytes at once; a frame here is one slice,
//! so the same limit applies to them. And what nats-server makes of a CR in the middle of a line
//! depends on where the reads happened to end; here only a CR just before the LF belongs to the
//! line end.

use memchr::{memchr, memchr3};

use crate::ParseError;

pub(crate) const CR: u8 = b'\r';
pub(crate) const LF: u8 = b'\n';

/// The arguments of one line.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    /// What stands between the blanks after the operation name and the line end.
    pub(crate) args: &'a [u8],
    /// Offset in the buffer of the first byte of `args`.
    pub(crate) start: usize,
    /// Offset in the buffer of the first byte after the LF.
    pub(crate) end: usize,
}

impl Line<'_> {
    /// Whether `args` is directly followed by CR LF.
    pub(crate) fn ends_with_crlf(&self, buf: &[u8]) -> bool {
        self.start + self.args.len() + 2 == self.end && buf.get(self.end - 2) == Some(&CR)
    }
}

/// Whether an operation name must be followed by a blank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    Required,
    /// `CONNECT{}` and `INFO{}` are understood.
    Optional,
}

/// Finds the operation at the start of `buf`, upper or lower case. `None`: the bytes so far are the
/// beginning of at least one name.
///
/// No name in `table` may be the beginning of another.
pub(crate) fn operation<T: Copy>(
    buf: &[u8],
    table: &[(&'static [u8], T)],
) -> Result<Option<(T, usize)>, ParseError> {
    let mut may_grow = false;
    for (name, op) in table {
        let seen = buf.len().min(name.len());
        if buf[..seen].eq_ignore_ascii_case(&name[..seen]) {
            if seen == name.len() {
                return Ok(Some((*op, seen)));
            }
            may_grow = true;
        }
    }
    if may_grow { Ok(None) } else { Err(ParseError::UnknownOperation) }
}

/// Cuts out the arguments that follow an operation name of `name_len` bytes. `None`: the line has
/// not ended yet.
#[inline]
pub(crate) fn arguments(
    buf: &[u8],
    name_len: usize,
    blank: Blank,
    limit: usize,
) -> Result<Option<Line<'_>>, ParseError> {
    let mut start = name_len;
    match buf.get(start) {
        None => return Ok(None),
        Some(b' ' | b'\t') => start += 1,
        Some(_) if blank == Blank::Required => return Err(ParseError::UnknownOperation),
        Some(_) => {}
    }
    if matches!(buf.get(start), Some(b' ' | b'\t') | None) {
        start = skip_blanks(buf, start);
        within(limit, start - name_len)?;
        if start == buf.len() {
            return Ok(None);
        }
    }
    match memchr(LF, &buf[start + 1..]) {
        Some(at) => finished(buf, start, start + 1 + at, limit).map(Some),
        None => unfinished(buf, start, limit).map(|()| None),
    }
}

/// Offset after the LF of an operation that ignores the rest of its line.
pub(crate) fn rest_of_line(
    buf: &[u8],
    name_len: usize,
    limit: usize,
) -> Result<Option<usize>, ParseError> {
    let found = memchr(LF, &buf[name_len..]);
    within(limit, found.unwrap_or(buf.len() - name_len))?;
    Ok(found.map(|at| name_len + at + 1))
}

fn skip_blanks(buf: &[u8], from: usize) -> usize {
    let is_blank = |b: &&u8| matches!(b, b' ' | b'\t');
    from + buf[from..].iter().take_while(is_blank).count()
}

#[inline]
fn finished(buf: &[u8], start: usize, lf: usize, limit: usize) -> Result<Line<'_>, ParseError> {
    let end = if lf - 1 > start && buf[lf - 1] == CR { lf - 1 } else { lf };
    within(limit, end - start)?;
    Ok(Line { args: &buf[start..end], start, end: lf + 1 })
}

/// Refuses an unfinished line as soon as no continuation could bring it within the limit: the next
/// byte can be the LF, and a CR before it does not count.
#[cold]
fn unfinished(buf: &[u8], start: usize, limit: usize) -> Result<(), ParseError> {
    let len = buf.len() - start;
    let may_drop = usize::from(len > 1 && buf.last() == Some(&CR));
    if len - may_drop > limit { Err(ParseError::ControlLine { limit, len }) } else { Ok(()) }
}

#[inline]
fn within(limit: usize, len: usize) -> Result<(), ParseError> {
    if len > limit { Err(ParseError::ControlLine { limit, len }) } else { Ok(()) }
}

/// The tokens of an argument list, from both ends. Blanks, CR and LF separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
}

fn separates(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | CR | LF)
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(args: &'a [u8]) -> Self {
        let mut tokens = Self { rest: args };
        tokens.trim();
        tokens
    }

    /// What is left, without separators at its ends.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn front(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&b| separates(b)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.trim();
        Some(token)
    }

    pub(crate) fn back(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.rest.iter().rposition(|&b| separates(b)).map_or(0, |at| at + 1);
        let (rest, token) = self.rest.split_at(start);
        self.rest = rest;
        self.trim();
        Some(token)
    }

    fn trim(&mut self) {
        while let [first, rest @ ..] = self.rest
            && separates(*first)
        {
            self.rest = rest;
        }
        while let [rest @ .., last] = self.rest
            && separates(*last)
        {
            self.rest = rest;
        }
    }
}

/// A size: 1 to 9 decimal digits and nothing else, as nats-server's `parseSize`.
pub(crate) fn size(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > MAX_SIZE_DIGITS {
        return None;
    }
    digits.iter().try_fold(0u32, |n, b| {
        let digit = b.wrapping_sub(b'0');
        (digit <= 9).then(|| n * 10 + u32::from(digit))
    })
}

/// Nine digits fit a `u32`, and every sum of a line and a payload fits a 32-bit `usize`.
pub(crate) const MAX_SIZE_DIGITS: usize = 9;

/// What stands after the subject of a message line in its plain form: `[reply ][#header ]#size`.
#[derive(Clone, Copy)]
pub(crate) struct Sizes<'a> {
    /// Everything before the sizes, without the blank.
    pub(crate) head: &'a [u8],
    pub(crate) header: Option<u32>,
    pub(crate) size: u32,
}

/// Reads the sizes backwards from the line end, if a single space stands before each. `None` sends
/// the line down the general path; it does not mean that the line is wrong.
#[inline]
pub(crate) fn sizes_from_the_end(args: &[u8], headers: bool) -> Option<Sizes<'_>> {
    let (mut head, size) = size_from_the_end(args)?;
    let mut header = None;
    if headers {
        let (before, n) = size_from_the_end(head)?;
        head = before;
        header = Some(n);
    }
    Some(Sizes { head, header, size })
}

#[inline]
fn size_from_the_end(args: &[u8]) -> Option<(&[u8], u32)> {
    let mut value = 0u32;
    let mut unit = 1u32;
    let mut rest = args;
    while let [before @ .., last] = rest {
        let digit = last.wrapping_sub(b'0');
        if digit > 9 {
            let digits = args.len() - rest.len();
            return (*last == b' ' && digits > 0).then_some((before, value));
        }
        if args.len() - rest.len() == MAX_SIZE_DIGITS {
            return None;
        }
        value += unit * u32::from(digit);
        unit = unit.wrapping_mul(10);
        rest = before;
    }
    None
}

/// Cuts `token rest` or `token` at the first space. `None`: there is a tab, CR, double space or
/// other unusual byte on the way, so the general path must look.
#[inline]
pub(crate) fn first_token(head: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    match memchr3(b' ', b'\t', CR, head) {
        None if head.is_empty() || head[0] == LF => None,
        None => Some((head, None)),
        Some(at) if at > 0 && head[at] == b' ' && head[0] != LF => {
            Some((&head[..at], Some(&head[at + 1..])))
        }
        Some(_) => None,
    }
}

/// Like [`first_token`] for what must be the last token.
#[inline]
pub(crate) fn only_token(head: &[u8]) -> Option<&[u8]> {
    match first_token(head)? {
        (token, None) => Some(token),
        (_, Some(_)) => None,
    }
}

/// The payload after a message line.
pub(crate) enum Body<'a> {
    Whole { body: &'a [u8], end: usize },
    Missing { need: usize },
}

/// Cuts out `size` bytes at `start` and checks that CR LF follows, each as soon as it can be seen.
#[inline]
pub(crate) fn body(buf: &[u8], start: usize, size: u32) -> Result<Body<'_>, ParseError> {
    let stop = start + size as usize;
    let end = stop + 2;
    match buf.get(stop..) {
        Some([CR, LF, ..]) => Ok(Body::Whole { body: &buf[start..stop], end }),
        None | Some([] | [CR]) => Ok(Body::Missing { need: end }),
        Some(_) => Err(ParseError::UnknownOperation),
    }
}
