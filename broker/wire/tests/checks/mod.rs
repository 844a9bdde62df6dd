//! What must hold for any bytes at all. The property tests here and the fuzz targets call the same
//! functions; each panics when something does not hold.
#![allow(unreachable_pub, reason = "the library of the fuzz targets is this file too")]

use std::fmt::Debug;

use causeway_wire::client::{self, ClientOp, ServerOp};
use causeway_wire::connect::{ClientConnect, RouteConnect};
use causeway_wire::info::Info;
use causeway_wire::route::{self, AccountToken, RouteOp, UnsubOrigin};
use causeway_wire::{Limits, ParseError, Parsed, Publish, encode, header, subject};

/// A client's stream: re-chunking, and every frame written and read again.
pub fn client_stream(input: &[u8]) {
    let limits = small_limits();
    chunked(input, |buf| client::parse(buf, &limits).map(|parsed| shown(buf, parsed)));
    each_frame(input, |buf| client::parse(buf, &limits), |op| client_frame(&op));
}

/// A server's stream to a client.
pub fn server_stream(input: &[u8]) {
    let limits = small_limits();
    chunked(input, |buf| client::parse_server(buf, &limits).map(|parsed| shown(buf, parsed)));
    each_frame(input, |buf| client::parse_server(buf, &limits), |op| server_frame(&op));
}

/// A peer server's stream. Every dialect must hold for every input.
pub fn route_stream(input: &[u8]) {
    for account in [AccountToken::Present, AccountToken::Absent] {
        for origin in [UnsubOrigin::Present, UnsubOrigin::Absent] {
            let limits = small_limits();
            let parse = |buf| route::parse(buf, &limits, account, origin);
            chunked(input, |buf| {
                route::parse(buf, &limits, account, origin).map(|parsed| shown(buf, parsed))
            });
            each_frame(input, parse, |op| route_frame(&op, account, origin));
        }
    }
}

/// Three patterns or subjects against the rules that tie matching, subset and collision together.
pub fn subjects(a: &[u8], b: &[u8], literal: &[u8]) {
    for pattern in [a, b] {
        assert_eq!(subject::matches(pattern, literal), plainly_matches(pattern, literal));
        assert_eq!(subject::is_literal(pattern), !subject::has_wildcards(pattern));
        let joined: Vec<&[u8]> = subject::tokens(pattern).collect();
        assert_eq!(joined.join(&b'.'), pattern);
        if subject::is_valid(pattern) {
            assert!(subject::has_only_full_tokens(pattern));
            assert!(subject::is_subset(pattern, pattern));
            assert!(subject::collide(pattern, pattern));
            assert_eq!(subject::is_valid_literal(pattern), subject::is_literal(pattern));
        }
    }
    assert_eq!(subject::collide(a, b), subject::collide(b, a));
    if !subject::is_valid(a) || !subject::is_valid(b) {
        return;
    }
    let (by_a, by_b) = (subject::matches(a, literal), subject::matches(b, literal));
    if by_a && by_b && subject::is_literal(literal) {
        assert!(subject::collide(a, b));
    }
    if subject::is_subset(a, b) {
        assert!(subject::collide(a, b));
        assert!(by_b || !by_a || subject::has_wildcards(literal));
        assert!(!subject::is_subset(b, a) || a == b);
    }
    if subject::is_literal(a) && subject::is_literal(b) {
        assert_eq!(subject::collide(a, b), a == b);
        assert_eq!(subject::matches(a, b), a == b);
    }
}

/// Bytes as each of the JSON documents: what can be read can be written and read again.
pub fn documents(input: &[u8]) {
    if let Ok(info) = Info::parse(input) {
        let json = info.to_json();
        assert_eq!(Info::parse(&json).ok(), Some(info));
        carried(&json, |out| encode::info(out, &json));
        carried(&json, |out| encode::info_gossip(out, &json));
    }
    if let Ok(connect) = ClientConnect::parse(input) {
        let json = connect.to_json();
        assert_eq!(ClientConnect::parse(&json).ok().as_ref(), Some(&connect));
        let mut again = connect.clone();
        assert!(again.update(input).is_ok());
        assert_eq!(again, connect);
        carried(&json, |out| encode::connect(out, &json));
    }
    if let Ok(connect) = RouteConnect::parse(input) {
        let json = connect.to_json();
        assert_eq!(RouteConnect::parse(&json).ok(), Some(connect));
        carried(&json, |out| encode::connect(out, &json));
    }
}

/// Any bytes as a header block.
pub fn header_block(block: &[u8]) {
    for field in header::fields(block) {
        assert!(!field.name.contains(&b':'));
        assert!(header::value(block, field.name).is_some());
    }
    if let Some((code, _)) = header::status(block) {
        assert!(!code.is_empty() && !code.contains(&b' '));
    }
    for len in [None, Some(0), Some(3), Some(u32::MAX)] {
        let (head, payload) = header::split(block, len);
        assert_eq!([head, payload].concat(), block);
        assert_eq!(header::strip(block, len), payload);
    }
}

/// Low enough that short inputs reach them.
fn small_limits() -> Limits {
    Limits { control_line: 64, payload: 1000, headers: true }
}

/// For frames that were written again: an optional blank or quote more must not be over the limit.
fn wide_limits() -> Limits {
    Limits { control_line: 1 << 20, payload: u64::MAX, headers: true }
}

fn shown<F: Debug>(buf: &[u8], parsed: Parsed<F>) -> Parsed<String> {
    match parsed {
        Parsed::Frame { frame, len } => {
            assert!(0 < len && len <= buf.len());
            Parsed::Frame { frame: format!("{frame:?}"), len }
        }
        Parsed::Incomplete { need } => {
            assert!(need > buf.len(), "asks for {need} bytes and has {}", buf.len());
            Parsed::Incomplete { need }
        }
    }
}

/// What a stream turned out to be.
#[derive(Debug, PartialEq, Eq)]
struct Transcript {
    /// Where each frame ended, and what it was.
    frames: Vec<(usize, String)>,
    /// Why it stopped, at the frame that starts after the last of `frames`.
    error: Option<ParseError>,
}

/// Whatever the pieces, the frames are the same, and so is the error.
fn chunked(input: &[u8], parse: impl Fn(&[u8]) -> Result<Parsed<String>, ParseError>) {
    let whole = transcript(input, &[], &parse);
    assert_eq!(whole, transcript(input, &[1], &parse), "byte by byte");
    assert_eq!(whole, transcript(input, &[2, 1, 5, 3, 13], &parse), "in pieces");
    asking_when_told(input, &whole, &parse);
}

/// Feeds pieces of the given sizes, over and over; none: all at once.
fn transcript(
    input: &[u8],
    sizes: &[usize],
    parse: impl Fn(&[u8]) -> Result<Parsed<String>, ParseError>,
) -> Transcript {
    let mut frames = Vec::new();
    let mut start = 0;
    let mut end = 0;
    let mut asked = 0;
    let mut sizes = sizes.iter().cycle();
    loop {
        match parse(&input[start..end]) {
            Ok(Parsed::Frame { frame, len }) => {
                assert!(asked <= len, "asked for {asked} bytes, the frame has {len}");
                start += len;
                asked = 0;
                frames.push((start, frame));
                continue;
            }
            Ok(Parsed::Incomplete { need }) => asked = asked.max(need),
            Err(error) => return Transcript { frames, error: Some(comparable(error)) },
        }
        if end == input.len() {
            return Transcript { frames, error: None };
        }
        end = sizes.next().map_or(input.len(), |size| input.len().min(end + size));
    }
}

/// A reader that parses again only when it has what `need` said misses no frame. It may see an
/// error later, or not at all if the bytes never come.
fn asking_when_told(
    input: &[u8],
    whole: &Transcript,
    parse: impl Fn(&[u8]) -> Result<Parsed<String>, ParseError>,
) {
    let mut frames = Vec::new();
    let mut start = 0;
    let mut need = 0;
    let error = loop {
        if start + need > input.len() {
            break None;
        }
        match parse(&input[start..start + need]) {
            Ok(Parsed::Frame { frame, len }) => {
                start += len;
                need = 0;
                frames.push((start, frame));
            }
            Ok(Parsed::Incomplete { need: more }) => need = more,
            Err(error) => break Some(comparable(error)),
        }
    };
    assert_eq!(frames, whole.frames);
    if error.is_some() {
        assert_eq!(error, whole.error);
    }
}

/// How many bytes had come when a line was found too long depends on the pieces.
fn comparable(error: ParseError) -> ParseError {
    match error {
        ParseError::ControlLine { limit, .. } => ParseError::ControlLine { limit, len: 0 },
        ParseError::UnknownOperation
        | ParseError::Payload { .. }
        | ParseError::Arguments(_)
        | ParseError::HeadersNotSupported => error,
    }
}

fn each_frame<'a, F>(
    input: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Result<Parsed<F>, ParseError>,
    check: impl Fn(F),
) {
    let mut rest = input;
    while let Ok(Parsed::Frame { frame, len }) = parse(rest) {
        check(frame);
        rest = &rest[len..];
    }
}

fn client_frame(op: &ClientOp<'_>) {
    let mut out = Vec::new();
    match *op {
        ClientOp::Connect(json) => encode::connect(&mut out, json),
        ClientOp::Info(json) => encode::info_gossip(&mut out, json),
        ClientOp::Pub(Publish { subject, reply, header_len, body, tail }) => {
            encode::publish(&mut out, subject, reply, header_len, body);
            token(subject);
            tail_delivers(tail, reply, header_len, body);
            header_block(Publish { subject, reply, header_len, body, tail }.split().0);
        }
        ClientOp::Sub { subject, queue, sid } => {
            encode::sub(&mut out, subject, queue, sid);
            token(subject);
            token(sid);
        }
        ClientOp::Unsub { sid, max } => encode::unsub(&mut out, sid, max),
        ClientOp::Ping => encode::ping(&mut out),
        ClientOp::Pong => encode::pong(&mut out),
        ClientOp::Ok => encode::ok(&mut out),
        ClientOp::Err(text) => out = [b"-ERR ", text, b"\r\n"].concat(),
    }
    let again = whole_frame(&out, |buf| client::parse(buf, &wide_limits()));
    match (again, *op) {
        // The tail of a well-written frame is there even if the first one's spacing was odd.
        (ClientOp::Pub(again), ClientOp::Pub(first)) => {
            assert!(again.tail.is_some());
            assert_eq!(Publish { tail: None, ..again }, Publish { tail: None, ..first });
        }
        (again, first) => assert_eq!(again, first),
    }
}

fn server_frame(op: &ServerOp<'_>) {
    let mut out = Vec::new();
    match *op {
        ServerOp::Info(json) => encode::info(&mut out, json),
        ServerOp::Msg { subject, sid, reply, header_len, body } => {
            encode::msg(&mut out, subject, sid, reply, header_len, body);
        }
        ServerOp::Ping => encode::ping(&mut out),
        ServerOp::Pong => encode::pong(&mut out),
        ServerOp::Ok => encode::ok(&mut out),
        ServerOp::Err(text) => out = [b"-ERR '", text, b"'\r\n"].concat(),
    }
    assert_eq!(whole_frame(&out, |buf| client::parse_server(buf, &wide_limits())), *op);
}

fn route_frame(op: &RouteOp<'_>, account: AccountToken, origin: UnsubOrigin) {
    let mut out = Vec::new();
    match *op {
        RouteOp::Info(json) => encode::info(&mut out, json),
        RouteOp::Connect(json) => encode::connect(&mut out, json),
        RouteOp::Sub(sub) => match sub.origin {
            None => encode::rs_sub(&mut out, sub.account, sub.subject, sub.queue),
            Some(from) => encode::ls_sub(&mut out, from, sub.account, sub.subject, sub.queue),
        },
        RouteOp::Unsub(sub) if sub.leaf => {
            encode::ls_unsub(&mut out, sub.origin, sub.account, sub.subject, sub.queue);
        }
        RouteOp::Unsub(sub) => encode::rs_unsub(&mut out, sub.account, sub.subject, sub.queue),
        RouteOp::Msg(message) => write_routed(&mut out, message),
        RouteOp::BufferSeq(at) => encode::buffer_seq(&mut out, at),
        RouteOp::BufferAck(at) => encode::buffer_ack(&mut out, at),
        RouteOp::BufferPosition(at) => encode::buffer_position(&mut out, at),
        RouteOp::Ping => encode::ping(&mut out),
        RouteOp::Pong => encode::pong(&mut out),
        RouteOp::Ok => encode::ok(&mut out),
        RouteOp::Err(text) => out = [b"-ERR ", text, b"\r\n"].concat(),
    }
    let again = whole_frame(&out, |buf| route::parse(buf, &wide_limits(), account, origin));
    match (again, *op) {
        (RouteOp::Msg(again), RouteOp::Msg(first)) => {
            tail_delivers(first.tail, first.reply, first.header_len, first.body);
            assert!(again.queues.iter().eq(first.queues));
            let bare = |message| route::RoutedMsg { tail: None, queues: first.queues, ..message };
            assert_eq!(bare(again), bare(first));
        }
        (again, first) => assert_eq!(again, first),
    }
}

fn write_routed(out: &mut Vec<u8>, message: route::RoutedMsg<'_>) {
    let route::RoutedMsg { origin, account, subject, reply, queues, header_len, body, .. } =
        message;
    match origin {
        None => encode::rmsg(out, account, subject, reply, queues, header_len, body),
        Some(origin) => {
            let address = encode::LeafAddress { origin, account, subject };
            encode::lmsg(out, address, reply, queues, header_len, body);
        }
    }
}

/// A delivery made from the tail reads as one that was written in full.
fn tail_delivers(tail: Option<&[u8]>, reply: Option<&[u8]>, header_len: Option<u32>, body: &[u8]) {
    let Some(tail) = tail else { return };
    let mut out = Vec::new();
    match header_len {
        None => encode::msg_prefix(&mut out, b"a.b", b"7"),
        Some(_) => encode::hmsg_prefix(&mut out, b"a.b", b"7"),
    }
    out.extend_from_slice(tail);
    assert_eq!(
        whole_frame(&out, |buf| client::parse_server(buf, &wide_limits())),
        ServerOp::Msg { subject: b"a.b", sid: b"7", reply, header_len, body }
    );
}

fn token(token: &[u8]) {
    let separates = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    assert!(!token.is_empty() && !token.iter().any(separates));
}

/// The one frame that `buf` is.
fn whole_frame<'a, F: Debug>(
    buf: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Result<Parsed<F>, ParseError>,
) -> F {
    match parse(buf) {
        Ok(Parsed::Frame { frame, len }) if len == buf.len() => frame,
        other => panic!("not one frame: {other:?} from {}", buf.escape_ascii()),
    }
}

/// A line with this document gives back this document.
fn carried(json: &[u8], write: impl Fn(&mut Vec<u8>)) {
    assert!(!json.iter().any(|&b| b < b' ' || matches!(b, b'<' | b'>' | b'&')));
    let mut line = Vec::new();
    write(&mut line);
    let op = whole_frame(&line, |buf| client::parse(buf, &wide_limits()));
    assert!(op == ClientOp::Info(json) || op == ClientOp::Connect(json));
}

/// Matching by the book, on lists of tokens.
fn plainly_matches(pattern: &[u8], literal: &[u8]) -> bool {
    let literal: Vec<&[u8]> = literal.split(|&b| b == b'.').collect();
    let pattern: Vec<&[u8]> = pattern.split(|&b| b == b'.').collect();
    if literal.iter().any(|token| token.is_empty()) {
        return false;
    }
    let open = pattern.iter().position(|token| *token == b">");
    let fixed = &pattern[..open.unwrap_or(pattern.len())];
    let length_fits = match open {
        Some(_) => literal.len() > fixed.len(),
        None => literal.len() == fixed.len(),
    };
    length_fits && fixed.iter().zip(&literal).all(|(want, have)| *want == b"*" || want == have)
}
