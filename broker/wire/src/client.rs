//! The client protocol, both directions.

use crate::fast;
pub use crate::fast::{PublishOn, publish_on};
use crate::message::{self, Tail};
use crate::scan::{self, Blank, Tokens};
use crate::{Limits, ParseError, Parsed, Publish};

/// What a client sends to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// `CONNECT {json}`: the document, without blanks around it; see [`crate::connect`]. It may be
    /// empty or not JSON at all; nats-server then closes without a word.
    Connect(&'a [u8]),
    /// `PUB subject [reply] #bytes` or `HPUB subject [reply] #header #total`.
    Pub(Publish<'a>),
    /// `SUB subject [queue] sid`.
    Sub {
        /// May hold wildcards; not checked here, see [`crate::subject::is_valid`].
        subject: &'a [u8],
        /// The queue group's name.
        queue: Option<&'a [u8]>,
        /// The client's name for the subscription: any token.
        sid: &'a [u8],
    },
    /// `UNSUB sid [max]`.
    Unsub {
        /// As given with SUB.
        sid: &'a [u8],
        /// Deliveries, counted from the subscription's start, after which it ends. `None`: now. A
        /// maximum of 0, or one that is not 1 to 9 digits, also means now, as in nats-server.
        max: Option<u64>,
    },
    /// Wants a PONG.
    Ping,
    /// Answers a PING.
    Pong,
    /// `+OK`: understood, and without effect on a server.
    Ok,
    /// `INFO {json}`: understood, and without effect; bytes that are not a JSON document of that
    /// kind close the connection silently in nats-server.
    Info(&'a [u8]),
    /// `-ERR text`: the text as sent, quotes included. nats-server logs it and closes.
    Err(&'a [u8]),
}

/// What a server sends to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOp<'a> {
    /// `INFO {json}`, without blanks around the document; see [`crate::info`].
    Info(&'a [u8]),
    /// `MSG subject sid [reply] #bytes` or `HMSG subject sid [reply] #header #total`.
    Msg {
        /// The subject that was published to.
        subject: &'a [u8],
        /// Which subscription of this client it is for.
        sid: &'a [u8],
        /// Where an answer should go.
        reply: Option<&'a [u8]>,
        /// Bytes of `body` that are the header block; `None` for MSG and for a header of 0 bytes.
        header_len: Option<u32>,
        /// Header block and payload.
        body: &'a [u8],
    },
    /// Wants a PONG.
    Ping,
    /// Answers a PING.
    Pong,
    /// A verbose client's acknowledgement.
    Ok,
    /// `-ERR 'text'`: the text without its quotes; see [`crate::error_text`].
    Err(&'a [u8]),
}

#[derive(Clone, Copy)]
enum Name {
    Connect,
    Pub,
    Hpub,
    Sub,
    Unsub,
    Ping,
    Pong,
    Ok,
    Info,
    Err,
    Msg,
    Hmsg,
}

const FROM_CLIENT: &[(&[u8], Name)] = &[
    (b"SUB", Name::Sub),
    (b"UNSUB", Name::Unsub),
    (b"PUB", Name::Pub),
    (b"HPUB", Name::Hpub),
    (b"PING", Name::Ping),
    (b"PONG", Name::Pong),
    (b"CONNECT", Name::Connect),
    (b"+OK", Name::Ok),
    (b"INFO", Name::Info),
    (b"-ERR", Name::Err),
    (b"HMSG", Name::Hmsg),
];

const FROM_SERVER: &[(&[u8], Name)] = &[
    (b"MSG", Name::Msg),
    (b"HMSG", Name::Hmsg),
    (b"PING", Name::Ping),
    (b"PONG", Name::Pong),
    (b"+OK", Name::Ok),
    (b"INFO", Name::Info),
    (b"-ERR", Name::Err),
];

/// Reads one operation of a client from the start of `buf`.
///
/// # Errors
///
/// As nats-server: see [`ParseError`]. An error is raised for the first prefix of the stream that
/// no legal stream starts with, except that arguments are looked at when their line has ended.
#[inline]
pub fn parse<'a>(buf: &'a [u8], limits: &Limits) -> Result<Parsed<ClientOp<'a>>, ParseError> {
    if buf.starts_with(b"PUB ") {
        if let Some(plain) = fast::message::<1>(buf, 4, limits) {
            let frame = ClientOp::Pub(Publish {
                subject: plain.address[0],
                reply: plain.reply,
                header_len: None,
                body: plain.body,
                tail: Some(plain.tail),
            });
            return Ok(Parsed::Frame { frame, len: plain.len });
        }
        return publish(buf, 3, limits, false);
    }
    let Some((name, len)) = scan::operation(buf, FROM_CLIENT)? else {
        return Ok(more(buf));
    };
    match name {
        Name::Pub => publish(buf, len, limits, false),
        Name::Hpub => publish(buf, len, limits, true),
        Name::Sub => line(buf, len, Blank::Required, limits, subscribe),
        Name::Unsub => line(buf, len, Blank::Required, limits, unsubscribe),
        Name::Connect => json(buf, len, limits, ClientOp::Connect),
        Name::Info => json(buf, len, limits, ClientOp::Info),
        Name::Err => line(buf, len, Blank::Required, limits, |args| Ok(ClientOp::Err(args))),
        Name::Ping => bare(buf, len, limits, ClientOp::Ping),
        Name::Pong => bare(buf, len, limits, ClientOp::Pong),
        Name::Ok => bare(buf, len, limits, ClientOp::Ok),
        // nats-server recognises the name on every kind of link, and fails after the line.
        Name::Hmsg => {
            line(buf, len, Blank::Required, limits, |_| Err(ParseError::UnknownOperation))
        }
        Name::Msg => Err(ParseError::UnknownOperation),
    }
}

/// Reads one operation of a server, as its client does.
///
/// # Errors
///
/// See [`ParseError`]; [`Limits::headers`] is not looked at.
pub fn parse_server<'a>(
    buf: &'a [u8],
    limits: &Limits,
) -> Result<Parsed<ServerOp<'a>>, ParseError> {
    let Some((name, len)) = scan::operation(buf, FROM_SERVER)? else {
        return Ok(more(buf));
    };
    match name {
        Name::Msg => deliver(buf, len, limits, false),
        Name::Hmsg => deliver(buf, len, limits, true),
        Name::Info => json(buf, len, limits, ServerOp::Info),
        Name::Err => {
            line(buf, len, Blank::Required, limits, |args| Ok(ServerOp::Err(unquoted(args))))
        }
        Name::Ping => bare(buf, len, limits, ServerOp::Ping),
        Name::Pong => bare(buf, len, limits, ServerOp::Pong),
        Name::Ok => bare(buf, len, limits, ServerOp::Ok),
        Name::Connect | Name::Pub | Name::Hpub | Name::Sub | Name::Unsub => {
            Err(ParseError::UnknownOperation)
        }
    }
}

pub(crate) fn more<F>(buf: &[u8]) -> Parsed<F> {
    Parsed::Incomplete { need: buf.len() + 1 }
}

/// A frame that is one line with arguments.
pub(crate) fn line<'a, F>(
    buf: &'a [u8],
    name_len: usize,
    blank: Blank,
    limits: &Limits,
    frame: impl FnOnce(&'a [u8]) -> Result<F, ParseError>,
) -> Result<Parsed<F>, ParseError> {
    match scan::arguments(buf, name_len, blank, limits.control_line)? {
        Some(line) => Ok(Parsed::Frame { frame: frame(line.args)?, len: line.end }),
        None => Ok(more(buf)),
    }
}

/// A frame that is one line with a JSON document.
pub(crate) fn json<'a, F>(
    buf: &'a [u8],
    name_len: usize,
    limits: &Limits,
    frame: impl FnOnce(&'a [u8]) -> F,
) -> Result<Parsed<F>, ParseError> {
    line(buf, name_len, Blank::Optional, limits, |args| Ok(frame(args.trim_ascii())))
}

/// A frame without arguments.
pub(crate) fn bare<F>(
    buf: &[u8],
    name_len: usize,
    limits: &Limits,
    frame: F,
) -> Result<Parsed<F>, ParseError> {
    Ok(match scan::rest_of_line(buf, name_len, limits.control_line)? {
        Some(len) => Parsed::Frame { frame, len },
        None => more(buf),
    })
}

#[inline]
fn publish<'a>(
    buf: &'a [u8],
    name_len: usize,
    limits: &Limits,
    headers: bool,
) -> Result<Parsed<ClientOp<'a>>, ParseError> {
    let Some(line) = scan::arguments(buf, name_len, Blank::Required, limits.control_line)? else {
        return Ok(more(buf));
    };
    if headers && !limits.headers {
        return Err(ParseError::HeadersNotSupported);
    }
    let (subject, tail) = match publish_plain(line.args, headers) {
        Some(parts) => parts,
        None => publish_general(line.args, headers)?,
    };
    Ok(match message::payload(buf, &line, &tail, limits)? {
        Err(need) => Parsed::Incomplete { need },
        Ok(payload) => Parsed::Frame {
            frame: ClientOp::Pub(Publish {
                subject,
                reply: tail.reply,
                header_len: payload.header_len,
                body: payload.body,
                tail: payload.tail,
            }),
            len: payload.len,
        },
    })
}

#[inline]
fn publish_plain(args: &[u8], headers: bool) -> Option<(&[u8], Tail<'_>)> {
    let sizes = scan::sizes_from_the_end(args, headers)?;
    let (subject, rest) = scan::first_token(sizes.head)?;
    let reply = message::plain_reply(rest)?;
    let offset = Some(subject.len() + 1);
    Some((subject, Tail { reply, header: sizes.header, size: sizes.size, offset }))
}

#[cold]
fn publish_general(args: &[u8], headers: bool) -> Result<(&[u8], Tail<'_>), ParseError> {
    if args.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Err(ParseError::Arguments("carriage return or line feed in a message line"));
    }
    let mut tokens = Tokens::new(args);
    let subject = tokens.front().ok_or(ParseError::Arguments("a message needs a subject"))?;
    let (header, size) = message::sizes(&mut tokens, headers)?;
    let reply = message::general_reply(&mut tokens)?;
    Ok((subject, Tail { reply, header, size, offset: None }))
}

fn subscribe(args: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let mut tokens = Tokens::new(args);
    let (Some(subject), Some(sid)) = (tokens.front(), tokens.back()) else {
        return Err(ParseError::Arguments("SUB takes a subject, a queue or none, and a sid"));
    };
    let queue = tokens.front();
    if !tokens.rest().is_empty() {
        return Err(ParseError::Arguments("SUB takes a subject, a queue or none, and a sid"));
    }
    Ok(ClientOp::Sub { subject, queue, sid })
}

fn unsubscribe(args: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let mut tokens = Tokens::new(args);
    let sid = tokens.front().ok_or(ParseError::Arguments("UNSUB takes a sid"))?;
    let max = tokens.front().and_then(scan::size).filter(|&max| max > 0).map(u64::from);
    if !tokens.rest().is_empty() {
        return Err(ParseError::Arguments("UNSUB takes a sid and a maximum or none"));
    }
    Ok(ClientOp::Unsub { sid, max })
}

fn deliver<'a>(
    buf: &'a [u8],
    name_len: usize,
    limits: &Limits,
    headers: bool,
) -> Result<Parsed<ServerOp<'a>>, ParseError> {
    let Some(line) = scan::arguments(buf, name_len, Blank::Required, limits.control_line)? else {
        return Ok(more(buf));
    };
    let (subject, sid, tail) = match deliver_plain(line.args, headers) {
        Some(parts) => parts,
        None => deliver_general(line.args, headers)?,
    };
    Ok(match message::payload(buf, &line, &tail, limits)? {
        Err(need) => Parsed::Incomplete { need },
        Ok(payload) => Parsed::Frame {
            frame: ServerOp::Msg {
                subject,
                sid,
                reply: tail.reply,
                header_len: payload.header_len,
                body: payload.body,
            },
            len: payload.len,
        },
    })
}

fn deliver_plain(args: &[u8], headers: bool) -> Option<(&[u8], &[u8], Tail<'_>)> {
    let sizes = scan::sizes_from_the_end(args, headers)?;
    let (subject, rest) = scan::first_token(sizes.head)?;
    let (sid, rest) = scan::first_token(rest?)?;
    let reply = message::plain_reply(rest)?;
    Some((subject, sid, Tail { reply, header: sizes.header, size: sizes.size, offset: None }))
}

#[cold]
fn deliver_general(args: &[u8], headers: bool) -> Result<(&[u8], &[u8], Tail<'_>), ParseError> {
    let mut tokens = Tokens::new(args);
    let (Some(subject), Some(sid)) = (tokens.front(), tokens.front()) else {
        return Err(ParseError::Arguments("a message needs a subject and a sid"));
    };
    let (header, size) = message::sizes(&mut tokens, headers)?;
    let reply = message::general_reply(&mut tokens)?;
    Ok((subject, sid, Tail { reply, header, size, offset: None }))
}

/// The text between one pair of single quotes, if it stands in one.
fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match text {
        [b'\'', inner @ .., b'\''] => inner,
        _ => text,
    }
}

#[cfg(test)]
mod observed;
#[cfg(test)]
mod tests;
