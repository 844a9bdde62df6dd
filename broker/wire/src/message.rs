//! The second half of every message frame: reply, sizes and payload.

use crate::scan::{self, Body, Line, Tokens};
use crate::{Limits, ParseError};

/// What stands after the addressing tokens of a message line.
#[derive(Clone, Copy)]
pub(crate) struct Tail<'a> {
    pub(crate) reply: Option<&'a [u8]>,
    /// The declared header size, 0 included; `None` for operations without one.
    pub(crate) header: Option<u32>,
    pub(crate) size: u32,
    /// Offset in the arguments just after the last addressing token and its blank, if from there
    /// to the end single spaces separate.
    pub(crate) offset: Option<usize>,
}

/// A message whose payload has arrived.
pub(crate) struct Payload<'a> {
    pub(crate) header_len: Option<u32>,
    pub(crate) body: &'a [u8],
    pub(crate) tail: Option<&'a [u8]>,
    /// Length of the whole frame.
    pub(crate) len: usize,
}

/// `Err(need)`: the payload is not complete, and the frame ends at `need`.
pub(crate) type PayloadOrNeed<'a> = Result<Payload<'a>, usize>;

/// Reads what stands between subject and sizes in the plain form: nothing, or one token. `None`
/// sends the line down the general path.
#[inline]
pub(crate) fn plain_reply(rest: Option<&[u8]>) -> Option<Option<&[u8]>> {
    match rest {
        None => Some(None),
        Some(rest) => scan::only_token(rest).map(Some),
    }
}

/// Takes the sizes off the end of `tokens`, whatever the spacing.
pub(crate) fn sizes(
    tokens: &mut Tokens<'_>,
    headers: bool,
) -> Result<(Option<u32>, u32), ParseError> {
    let size = size(tokens)?;
    let header = if headers { Some(self::size(tokens)?) } else { None };
    Ok((header, size))
}

fn size(tokens: &mut Tokens<'_>) -> Result<u32, ParseError> {
    let digits = tokens.back().ok_or(ParseError::Arguments("too few arguments for a message"))?;
    scan::size(digits).ok_or(ParseError::Arguments("a size must be 1 to 9 decimal digits"))
}

/// Reads the general form of `[reply]` from what is left between subject and sizes.
pub(crate) fn general_reply<'a>(tokens: &mut Tokens<'a>) -> Result<Option<&'a [u8]>, ParseError> {
    let reply = tokens.front();
    if tokens.rest().is_empty() {
        Ok(reply)
    } else {
        Err(ParseError::Arguments("too many arguments for a message"))
    }
}

/// Checks the sizes and cuts out the payload.
#[inline]
pub(crate) fn payload<'a>(
    buf: &'a [u8],
    line: &Line<'a>,
    tail: &Tail<'a>,
    limits: &Limits,
) -> Result<PayloadOrNeed<'a>, ParseError> {
    if tail.header.is_some_and(|header| header > tail.size) {
        return Err(ParseError::Arguments("header size is larger than total size"));
    }
    let size = u64::from(tail.size);
    if size > limits.payload {
        return Err(ParseError::Payload { limit: limits.payload, size });
    }
    Ok(match scan::body(buf, line.end, tail.size)? {
        Body::Missing { need } => Err(need),
        Body::Whole { body, end } => {
            let as_received = tail.header != Some(0) && line.ends_with_crlf(buf);
            let offset = if as_received { tail.offset } else { None };
            Ok(Payload {
                header_len: tail.header.filter(|&header| header > 0),
                body,
                tail: offset.map(|offset| &buf[line.start + offset..end]),
                len: end,
            })
        }
    })
}
