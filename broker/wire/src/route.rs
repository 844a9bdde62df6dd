//! The protocol between two servers of one cluster.
//!
//! nats-server also accepts client operations here and mostly ignores them; no server sends them,
//! so they are unknown operations to this parser.

use crate::client::{bare, json, line, more};
use crate::fast;
use crate::message::{self, Tail};
use crate::scan::{self, Blank, Tokens};
use crate::{Limits, ParseError, Parsed};

/// Whether lines of a route carry the account's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountToken {
    /// A pooled route, shared by several accounts.
    Present,
    /// A route dedicated to one account, which both sides know.
    Absent,
}

/// Whether LS- carries the origin cluster: only from a peer whose INFO said `lnocu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubOrigin {
    /// `LS- origin [account] subject [queue]`.
    Present,
    /// `LS- [account] subject [queue]`.
    Absent,
}

/// What a server sends to another server of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteOp<'a> {
    /// `INFO {json}`, without blanks around the document; see [`crate::info`].
    Info(&'a [u8]),
    /// `CONNECT {json}`; see [`crate::connect::RouteConnect`].
    Connect(&'a [u8]),
    /// RS+ or LS+: interest has appeared, or a queue's weight has changed.
    Sub(RemoteSub<'a>),
    /// RS- or LS-: interest is gone.
    Unsub(RemoteUnsub<'a>),
    /// RMSG, HMSG or LMSG.
    Msg(RoutedMsg<'a>),
    /// `BSEQ identity sequence floor`: the message that follows comes from the sender's buffer for
    /// us. Only between servers that both said `causeway_buffer` in INFO, as the next two.
    BufferSeq(BufferSeq),
    /// `BACK identity sequence`: of what was sent on this connection, everything up to this is safe.
    BufferAck(BufferPosition),
    /// `BPOS identity sequence`: all interest has been told, and of the other's buffer everything up
    /// to this is here; identity 0 if nothing is known of it.
    BufferPosition(BufferPosition),
    /// Wants a PONG.
    Ping,
    /// Answers a PING.
    Pong,
    /// `+OK`: without effect.
    Ok,
    /// `-ERR text`: the text as sent, quotes included. nats-server logs it and closes.
    Err(&'a [u8]),
}

/// Interest of another server: `RS+ [account] subject [queue weight]`, or LS+ with the origin
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteSub<'a> {
    /// The leaf cluster that the interest comes from (LS+).
    pub origin: Option<&'a [u8]>,
    /// `None` on a dedicated route.
    pub account: Option<&'a [u8]>,
    /// May hold wildcards.
    pub subject: &'a [u8],
    /// The queue group's name and how many members it has there, at least 1: a weight that is 0 or
    /// not a number counts as 1.
    pub queue: Option<(&'a [u8], u32)>,
}

/// The end of a [`RemoteSub`]: `RS- [account] subject [queue]`, or LS-.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteUnsub<'a> {
    /// The leaf cluster that the interest came from (LS- from a peer that sends it).
    pub origin: Option<&'a [u8]>,
    /// Whether the line was LS-; without `origin` it is the only hint that the interest came from a
    /// leaf.
    pub leaf: bool,
    /// `None` on a dedicated route.
    pub account: Option<&'a [u8]>,
    /// May hold wildcards.
    pub subject: &'a [u8],
    /// The queue group's name.
    pub queue: Option<&'a [u8]>,
}

/// A message from another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutedMsg<'a> {
    /// The leaf cluster where the message entered (LMSG).
    pub origin: Option<&'a [u8]>,
    /// `None` on a dedicated route.
    pub account: Option<&'a [u8]>,
    /// The subject that was published to.
    pub subject: &'a [u8],
    /// Where an answer should go.
    pub reply: Option<&'a [u8]>,
    /// Queue groups of which this server must pick a member, besides all plain subscriptions.
    pub queues: QueueList<'a>,
    /// How many bytes at the start of `body` are the header block; `None` for none.
    pub header_len: Option<u32>,
    /// Header block and payload, without the final CR LF.
    pub body: &'a [u8],
    /// As in [`crate::Publish::tail`]: `[reply ]sizes CR LF body CR LF`, ready to be copied behind
    /// a MSG or HMSG prefix. `None` if there are queues, if the spacing was unusual, or if an LMSG
    /// declares no header.
    pub tail: Option<&'a [u8]>,
}

/// What numbers a message out of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferSeq {
    /// The buffer's, drawn when it was made.
    pub identity: u64,
    /// The message's place in it.
    pub seq: u64,
    /// The receiver has everything below, or will never get it.
    pub floor: u64,
}

/// How much of a buffer its receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPosition {
    /// The buffer's.
    pub identity: u64,
    /// The message's place in it.
    pub seq: u64,
}

/// The queue names of a message, in the order of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueList<'a> {
    names: &'a [u8],
}

impl<'a> QueueList<'a> {
    /// Whether no queue is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names.
    #[must_use]
    pub fn iter(&self) -> QueueNames<'a> {
        QueueNames { rest: Tokens::new(self.names) }
    }
}

impl<'a> IntoIterator for QueueList<'a> {
    type Item = &'a [u8];
    type IntoIter = QueueNames<'a>;

    fn into_iter(self) -> QueueNames<'a> {
        self.iter()
    }
}

/// Iterator over a [`QueueList`].
#[derive(Clone, Debug)]
pub struct QueueNames<'a> {
    rest: Tokens<'a>,
}

impl<'a> Iterator for QueueNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.rest.front()
    }
}

#[derive(Clone, Copy)]
enum Name {
    Info,
    Connect,
    RsPlus,
    RsMinus,
    LsPlus,
    LsMinus,
    Rmsg,
    Hmsg,
    Lmsg,
    BufferSeq,
    BufferAck,
    BufferPosition,
    Ping,
    Pong,
    Ok,
    Err,
}

const FROM_ROUTE: &[(&[u8], Name)] = &[
    (b"RMSG", Name::Rmsg),
    (b"HMSG", Name::Hmsg),
    (b"RS+", Name::RsPlus),
    (b"RS-", Name::RsMinus),
    (b"LS+", Name::LsPlus),
    (b"LS-", Name::LsMinus),
    (b"LMSG", Name::Lmsg),
    (b"BSEQ", Name::BufferSeq),
    (b"BACK", Name::BufferAck),
    (b"BPOS", Name::BufferPosition),
    (b"PING", Name::Ping),
    (b"PONG", Name::Pong),
    (b"INFO", Name::Info),
    (b"CONNECT", Name::Connect),
    (b"+OK", Name::Ok),
    (b"-ERR", Name::Err),
];

/// Reads one operation of a peer server from the start of `buf`.
///
/// `account` and `origin` say how this peer writes its lines. nats-server checks no payload size on
/// routes: use [`Limits::server_link`]. [`Limits::headers`] is not looked at.
///
/// # Errors
///
/// As for [`crate::client::parse`].
pub fn parse<'a>(
    buf: &'a [u8],
    limits: &Limits,
    account: AccountToken,
    origin: UnsubOrigin,
) -> Result<Parsed<RouteOp<'a>>, ParseError> {
    if account == AccountToken::Present
        && buf.starts_with(b"RMSG ")
        && let Some(plain) = fast::message::<2>(buf, 5, limits)
        && !matches!(plain.reply, Some(b"+" | b"|"))
    {
        let frame = RouteOp::Msg(RoutedMsg {
            origin: None,
            account: Some(plain.address[0]),
            subject: plain.address[1],
            reply: plain.reply,
            queues: QueueList::default(),
            header_len: None,
            body: plain.body,
            tail: Some(plain.tail),
        });
        return Ok(Parsed::Frame { frame, len: plain.len });
    }
    let Some((name, len)) = scan::operation(buf, FROM_ROUTE)? else {
        return Ok(more(buf));
    };
    match name {
        Name::Rmsg => message(buf, len, limits, Form { account, origin: false, headers: false }),
        Name::Hmsg => message(buf, len, limits, Form { account, origin: false, headers: true }),
        Name::Lmsg => message(buf, len, limits, Form { account, origin: true, headers: true }),
        Name::RsPlus | Name::LsPlus => {
            let leaf = matches!(name, Name::LsPlus);
            line(buf, len, Blank::Required, limits, |args| subscribe(args, account, leaf))
        }
        Name::RsMinus | Name::LsMinus => {
            let leaf = matches!(name, Name::LsMinus);
            let with_origin = leaf && origin == UnsubOrigin::Present;
            line(buf, len, Blank::Required, limits, |args| {
                unsubscribe(args, account, leaf, with_origin)
            })
        }
        Name::BufferSeq => line(buf, len, Blank::Required, limits, buffer_seq),
        Name::BufferAck => line(buf, len, Blank::Required, limits, |args| {
            buffer_position(args).map(RouteOp::BufferAck)
        }),
        Name::BufferPosition => line(buf, len, Blank::Required, limits, |args| {
            buffer_position(args).map(RouteOp::BufferPosition)
        }),
        Name::Info => json(buf, len, limits, RouteOp::Info),
        Name::Connect => json(buf, len, limits, RouteOp::Connect),
        Name::Err => line(buf, len, Blank::Required, limits, |args| Ok(RouteOp::Err(args))),
        Name::Ping => bare(buf, len, limits, RouteOp::Ping),
        Name::Pong => bare(buf, len, limits, RouteOp::Pong),
        Name::Ok => bare(buf, len, limits, RouteOp::Ok),
    }
}

const SUB_FORM: ParseError =
    ParseError::Arguments("interest takes [origin] [account] subject [queue weight]");
const UNSUB_FORM: ParseError =
    ParseError::Arguments("end of interest takes [origin] [account] subject [queue]");
const MSG_FORM: ParseError =
    ParseError::Arguments("a routed message takes [origin] [account] subject and sizes");

fn subscribe(args: &[u8], account: AccountToken, leaf: bool) -> Result<RouteOp<'_>, ParseError> {
    let mut tokens = Tokens::new(args);
    let (origin, account, subject) = address(&mut tokens, account, leaf).ok_or(SUB_FORM)?;
    let queue = match (tokens.front(), tokens.front()) {
        (None, _) => None,
        (Some(_), None) => return Err(SUB_FORM),
        (Some(queue), Some(weight)) => Some((queue, scan::size(weight).unwrap_or(1).max(1))),
    };
    if !tokens.rest().is_empty() {
        return Err(SUB_FORM);
    }
    Ok(RouteOp::Sub(RemoteSub { origin, account, subject, queue }))
}

fn unsubscribe(
    args: &[u8],
    account: AccountToken,
    leaf: bool,
    with_origin: bool,
) -> Result<RouteOp<'_>, ParseError> {
    let mut tokens = Tokens::new(args);
    let (origin, account, subject) =
        address(&mut tokens, account, with_origin).ok_or(UNSUB_FORM)?;
    let queue = tokens.front();
    if !tokens.rest().is_empty() {
        return Err(UNSUB_FORM);
    }
    Ok(RouteOp::Unsub(RemoteUnsub { origin, leaf, account, subject, queue }))
}

fn buffer_seq(args: &[u8]) -> Result<RouteOp<'_>, ParseError> {
    const FORM: ParseError = ParseError::Arguments("BSEQ takes identity sequence floor");
    let [identity, seq, floor] = numbers(args).ok_or(FORM)?;
    if seq == 0 || floor > seq {
        return Err(FORM);
    }
    Ok(RouteOp::BufferSeq(BufferSeq { identity, seq, floor }))
}

fn buffer_position(args: &[u8]) -> Result<BufferPosition, ParseError> {
    let [identity, seq] = numbers(args)
        .ok_or(ParseError::Arguments("a position in a buffer takes identity sequence"))?;
    Ok(BufferPosition { identity, seq })
}

/// Exactly so many decimal numbers.
fn numbers<const N: usize>(args: &[u8]) -> Option<[u64; N]> {
    let mut tokens = Tokens::new(args);
    let mut found = [0; N];
    for number in &mut found {
        let token = tokens.front()?;
        let digits = token.iter().all(u8::is_ascii_digit);
        *number = core::str::from_utf8(token).ok().filter(|_| digits)?.parse().ok()?;
    }
    tokens.rest().is_empty().then_some(found)
}

type Address<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8]);

/// Origin (if `with_origin`), account (if the route carries it) and subject.
fn address<'a>(
    tokens: &mut Tokens<'a>,
    account: AccountToken,
    with_origin: bool,
) -> Option<Address<'a>> {
    let origin = if with_origin { Some(tokens.front()?) } else { None };
    let account = match account {
        AccountToken::Present => Some(tokens.front()?),
        AccountToken::Absent => None,
    };
    Some((origin, account, tokens.front()?))
}

/// What a message line of one operation holds.
#[derive(Clone, Copy)]
struct Form {
    account: AccountToken,
    origin: bool,
    headers: bool,
}

fn message<'a>(
    buf: &'a [u8],
    name_len: usize,
    limits: &Limits,
    form: Form,
) -> Result<Parsed<RouteOp<'a>>, ParseError> {
    let Some(line) = scan::arguments(buf, name_len, Blank::Required, limits.control_line)? else {
        return Ok(more(buf));
    };
    let ((origin, account, subject), queues, tail) = match message_plain(line.args, form) {
        Some((address, tail)) => (address, QueueList::default(), tail),
        None => message_general(line.args, form)?,
    };
    Ok(match message::payload(buf, &line, &tail, limits)? {
        Err(need) => Parsed::Incomplete { need },
        Ok(payload) => Parsed::Frame {
            frame: RouteOp::Msg(RoutedMsg {
                origin,
                account,
                subject,
                reply: tail.reply,
                queues,
                header_len: payload.header_len,
                body: payload.body,
                tail: payload.tail,
            }),
            len: payload.len,
        },
    })
}

/// `[origin ][account ]subject [reply ]sizes` with single spaces.
fn message_plain(args: &[u8], form: Form) -> Option<(Address<'_>, Tail<'_>)> {
    let sizes = scan::sizes_from_the_end(args, form.headers)?;
    let mut rest = Some(sizes.head);
    let mut offset = 0;
    let mut next = || {
        let (token, after) = scan::first_token(rest?)?;
        rest = after;
        offset += token.len() + 1;
        Some(token)
    };
    let origin = if form.origin { Some(next()?) } else { None };
    let account = match form.account {
        AccountToken::Present => Some(next()?),
        AccountToken::Absent => None,
    };
    let subject = next()?;
    let reply = message::plain_reply(rest)?;
    let tail = Tail { reply, header: sizes.header, size: sizes.size, offset: Some(offset) };
    Some(((origin, account, subject), tail))
}

/// Any spacing, and the forms with queues: `+ reply queue...` and `| queue...`.
fn message_general(
    args: &[u8],
    form: Form,
) -> Result<(Address<'_>, QueueList<'_>, Tail<'_>), ParseError> {
    let mut tokens = Tokens::new(args);
    let address = address(&mut tokens, form.account, form.origin).ok_or(MSG_FORM)?;
    let (header, size) = message::sizes(&mut tokens, form.headers)?;
    let mut reply = tokens.front();
    let mut queues = QueueList::default();
    if !tokens.rest().is_empty() {
        match reply {
            Some(b"+") => reply = tokens.front(),
            Some(b"|") => reply = None,
            Some(_) | None => {
                return Err(ParseError::Arguments("queues need + or | before them"));
            }
        }
        queues.names = tokens.rest();
    }
    Ok((address, queues, Tail { reply, header, size, offset: None }))
}

#[cfg(test)]
mod observed;
#[cfg(test)]
mod tests;
