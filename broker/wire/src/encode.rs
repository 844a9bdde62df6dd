//! Writing frames: every function appends to a buffer and allocates only when that grows.
//!
//! Nothing is checked here: names must be single tokens, documents must hold no line end, and a
//! header size must not exceed its body. What the parsers return always satisfies that.

use alloc::vec::Vec;

use crate::route::{BufferPosition, BufferSeq};

const CRLF: &[u8] = b"\r\n";

/// `INFO {json} ` with the blank that nats-server leaves before the line end on client, route and
/// leafnode links.
pub fn info(out: &mut Vec<u8>, json: &[u8]) {
    parts(out, &[b"INFO ", json, b" \r\n"]);
}

/// `INFO {json}` without the blank: how gossip about other servers is sent.
pub fn info_gossip(out: &mut Vec<u8>, json: &[u8]) {
    parts(out, &[b"INFO ", json, CRLF]);
}

/// `CONNECT {json}`.
pub fn connect(out: &mut Vec<u8>, json: &[u8]) {
    parts(out, &[b"CONNECT ", json, CRLF]);
}

/// `PING`.
pub fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PING\r\n");
}

/// `PONG`.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG\r\n");
}

/// `+OK`.
pub fn ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK\r\n");
}

/// `-ERR 'text'`.
pub fn err(out: &mut Vec<u8>, text: &str) {
    parts(out, &[b"-ERR '", text.as_bytes(), b"'\r\n"]);
}

/// `MSG subject sid `: everything of a delivery before its [`tail`].
#[inline]
pub fn msg_prefix(out: &mut Vec<u8>, subject: &[u8], sid: &[u8]) {
    parts(out, &[b"MSG ", subject, b" ", sid, b" "]);
}

/// `HMSG subject sid `.
#[inline]
pub fn hmsg_prefix(out: &mut Vec<u8>, subject: &[u8], sid: &[u8]) {
    parts(out, &[b"HMSG ", subject, b" ", sid, b" "]);
}

/// `[reply ][#header ]#size CR LF body CR LF`: the part that PUB, MSG and RMSG without queues have
/// in common. `header_len` selects the form of HPUB, HMSG and LMSG.
#[inline]
pub fn tail(out: &mut Vec<u8>, reply: Option<&[u8]>, header_len: Option<u32>, body: &[u8]) {
    if let Some(reply) = reply {
        parts(out, &[reply, b" "]);
    }
    sizes_and_body(out, header_len, body);
}

/// A whole MSG, or HMSG if there is a header.
pub fn msg(
    out: &mut Vec<u8>,
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    header_len: Option<u32>,
    body: &[u8],
) {
    match header_len {
        None => msg_prefix(out, subject, sid),
        Some(_) => hmsg_prefix(out, subject, sid),
    }
    tail(out, reply, header_len, body);
}

/// A whole PUB, or HPUB if there is a header.
pub fn publish(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    header_len: Option<u32>,
    body: &[u8],
) {
    let name: &[u8] = if header_len.is_some() { b"HPUB " } else { b"PUB " };
    parts(out, &[name, subject, b" "]);
    tail(out, reply, header_len, body);
}

/// `SUB subject [queue] sid`.
pub fn sub(out: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
    parts(out, &[b"SUB ", subject, b" "]);
    if let Some(queue) = queue {
        parts(out, &[queue, b" "]);
    }
    parts(out, &[sid, CRLF]);
}

/// `UNSUB sid [max]`.
pub fn unsub(out: &mut Vec<u8>, sid: &[u8], max: Option<u64>) {
    parts(out, &[b"UNSUB ", sid]);
    if let Some(max) = max {
        out.push(b' ');
        decimal(out, max);
    }
    out.extend_from_slice(CRLF);
}

/// `RS+ [account] subject [queue weight]`; `account` is `None` on a dedicated route.
pub fn rs_sub(
    out: &mut Vec<u8>,
    account: Option<&[u8]>,
    subject: &[u8],
    queue: Option<(&[u8], u32)>,
) {
    out.extend_from_slice(b"RS+ ");
    interest(out, account, subject, queue);
}

/// `RS- [account] subject [queue]`.
pub fn rs_unsub(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8], queue: Option<&[u8]>) {
    out.extend_from_slice(b"RS- ");
    no_interest(out, account, subject, queue);
}

/// `LS+ origin [account] subject [queue weight]`: only to peers that said `lnoc`.
pub fn ls_sub(
    out: &mut Vec<u8>,
    origin: &[u8],
    account: Option<&[u8]>,
    subject: &[u8],
    queue: Option<(&[u8], u32)>,
) {
    parts(out, &[b"LS+ ", origin, b" "]);
    interest(out, account, subject, queue);
}

/// `LS- [origin] [account] subject [queue]`: with the origin only to peers that said `lnocu`.
pub fn ls_unsub(
    out: &mut Vec<u8>,
    origin: Option<&[u8]>,
    account: Option<&[u8]>,
    subject: &[u8],
    queue: Option<&[u8]>,
) {
    out.extend_from_slice(b"LS- ");
    optional(out, origin);
    no_interest(out, account, subject, queue);
}

/// `RMSG [account ]subject `.
#[inline]
pub fn rmsg_prefix(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8]) {
    out.extend_from_slice(b"RMSG ");
    optional(out, account);
    parts(out, &[subject, b" "]);
}

/// `HMSG [account ]subject `: the same with headers.
#[inline]
pub fn rhmsg_prefix(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8]) {
    out.extend_from_slice(b"HMSG ");
    optional(out, account);
    parts(out, &[subject, b" "]);
}

/// A whole RMSG, or HMSG if there is a header. Without queues this is a prefix and [`tail`].
pub fn rmsg<'a>(
    out: &mut Vec<u8>,
    account: Option<&[u8]>,
    subject: &[u8],
    reply: Option<&[u8]>,
    queues: impl IntoIterator<Item = &'a [u8]>,
    header_len: Option<u32>,
    body: &[u8],
) {
    match header_len {
        None => rmsg_prefix(out, account, subject),
        Some(_) => rhmsg_prefix(out, account, subject),
    }
    reply_and_queues(out, reply, queues);
    sizes_and_body(out, header_len, body);
}

/// `BSEQ identity sequence floor`, which precedes an [`rmsg`].
pub fn buffer_seq(out: &mut Vec<u8>, at: BufferSeq) {
    out.extend_from_slice(b"BSEQ ");
    numbers(out, &[at.identity, at.seq, at.floor]);
}

/// `BACK identity sequence`.
pub fn buffer_ack(out: &mut Vec<u8>, at: BufferPosition) {
    out.extend_from_slice(b"BACK ");
    numbers(out, &[at.identity, at.seq]);
}

/// `BPOS identity sequence`.
pub fn buffer_position(out: &mut Vec<u8>, at: BufferPosition) {
    out.extend_from_slice(b"BPOS ");
    numbers(out, &[at.identity, at.seq]);
}

/// Where an LMSG comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafAddress<'a> {
    /// The leaf cluster where the message entered.
    pub origin: &'a [u8],
    /// `None` on a dedicated route.
    pub account: Option<&'a [u8]>,
    /// The subject that was published to.
    pub subject: &'a [u8],
}

/// A whole LMSG. It always declares a header size, 0 for none.
pub fn lmsg<'a>(
    out: &mut Vec<u8>,
    address: LeafAddress<'_>,
    reply: Option<&[u8]>,
    queues: impl IntoIterator<Item = &'a [u8]>,
    header_len: Option<u32>,
    body: &[u8],
) {
    parts(out, &[b"LMSG ", address.origin, b" "]);
    optional(out, address.account);
    parts(out, &[address.subject, b" "]);
    reply_and_queues(out, reply, queues);
    sizes_and_body(out, Some(header_len.unwrap_or(0)), body);
}

/// Decimal digits of `value`.
#[inline]
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    for (at, number) in numbers.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        decimal(out, *number);
    }
    out.extend_from_slice(CRLF);
}

/// Appends several slices with one capacity check.
#[inline]
fn parts(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[inline]
fn optional(out: &mut Vec<u8>, token: Option<&[u8]>) {
    if let Some(token) = token {
        parts(out, &[token, b" "]);
    }
}

fn interest(
    out: &mut Vec<u8>,
    account: Option<&[u8]>,
    subject: &[u8],
    queue: Option<(&[u8], u32)>,
) {
    optional(out, account);
    out.extend_from_slice(subject);
    if let Some((queue, weight)) = queue {
        parts(out, &[b" ", queue, b" "]);
        decimal(out, u64::from(weight));
    }
    out.extend_from_slice(CRLF);
}

fn no_interest(out: &mut Vec<u8>, account: Option<&[u8]>, subject: &[u8], queue: Option<&[u8]>) {
    optional(out, account);
    out.extend_from_slice(subject);
    if let Some(queue) = queue {
        parts(out, &[b" ", queue]);
    }
    out.extend_from_slice(CRLF);
}

/// `[reply ]`, or `+ reply q1 q2 ` or `| q1 q2 ` if there are queues.
fn reply_and_queues<'a>(
    out: &mut Vec<u8>,
    reply: Option<&[u8]>,
    queues: impl IntoIterator<Item = &'a [u8]>,
) {
    let mut queues = queues.into_iter().peekable();
    if queues.peek().is_some() {
        out.extend_from_slice(if reply.is_some() { b"+ " } else { b"| " });
    }
    optional(out, reply);
    for queue in queues {
        parts(out, &[queue, b" "]);
    }
}

#[inline]
fn sizes_and_body(out: &mut Vec<u8>, header_len: Option<u32>, body: &[u8]) {
    if let Some(header_len) = header_len {
        decimal(out, u64::from(header_len));
        out.push(b' ');
    }
    decimal(out, body.len() as u64);
    parts(out, &[CRLF, body, CRLF]);
}
