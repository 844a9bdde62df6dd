use alloc::vec::Vec;

use super::observed::OBSERVED;
use super::*;
use crate::connect::ClientConnect;
use crate::info::Info;
use crate::{encode, subject};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Closes,
    StaysOpen,
}

/// As much of a server as the observations need: one client with `SUB > 9`.
struct Server {
    connect: ClientConnect,
    limits: Limits,
    out: Vec<u8>,
}

impl Server {
    fn new() -> Self {
        let connect = ClientConnect {
            verbose: false,
            pedantic: false,
            headers: true,
            ..ClientConnect::default()
        };
        let limits = Limits { payload: 64, headers: true, ..Limits::client() };
        Self { connect, limits, out: Vec::new() }
    }

    /// Handles every whole frame of `buf` and removes it.
    fn receive(&mut self, buf: &mut Vec<u8>) -> After {
        let mut at = 0;
        let after = loop {
            match parse(&buf[at..], &self.limits) {
                Ok(Parsed::Incomplete { .. }) => break After::StaysOpen,
                Ok(Parsed::Frame { frame, len }) => {
                    at += len;
                    if handle(&mut self.connect, &mut self.out, frame) == After::Closes {
                        break After::Closes;
                    }
                }
                Err(error) => {
                    if let Some(text) = error.wire_text() {
                        encode::err(&mut self.out, text);
                    }
                    break After::Closes;
                }
            }
        };
        buf.drain(..at);
        after
    }
}

fn handle(connect: &mut ClientConnect, out: &mut Vec<u8>, frame: ClientOp<'_>) -> After {
    match frame {
        ClientOp::Connect(json) => match connect.update(json) {
            Ok(()) if connect.verbose => encode::ok(out),
            Ok(()) => {}
            Err(_) => return After::Closes,
        },
        ClientOp::Info(json) => {
            if Info::parse(json).is_err() {
                return After::Closes;
            }
        }
        ClientOp::Pub(message) if subject::matches(b">", message.subject) => deliver(out, message),
        ClientOp::Sub { subject, .. } if !subject::is_valid(subject) => {
            encode::err(out, crate::error_text::INVALID_SUBJECT);
        }
        ClientOp::Ping => encode::pong(out),
        ClientOp::Err(_) => return After::Closes,
        ClientOp::Pub(_)
        | ClientOp::Sub { .. }
        | ClientOp::Unsub { .. }
        | ClientOp::Pong
        | ClientOp::Ok => {}
    }
    After::StaysOpen
}

/// A delivery to sid 9, by copying the tail where there is one.
fn deliver(out: &mut Vec<u8>, message: Publish<'_>) {
    match message.header_len {
        None => encode::msg_prefix(out, message.subject, b"9"),
        Some(_) => encode::hmsg_prefix(out, message.subject, b"9"),
    }
    match message.tail {
        Some(tail) => out.extend_from_slice(tail),
        None => encode::tail(out, message.reply, message.header_len, message.body),
    }
}

/// Feeds `input` in one piece and byte by byte, and wants the same answer from both.
#[track_caller]
fn check(input: &[u8], answer: &[u8], after: After) {
    for piece in [input.len().max(1), 1] {
        let mut server = Server::new();
        let mut buf = Vec::new();
        let mut got = After::StaysOpen;
        for bytes in input.chunks(piece) {
            buf.extend_from_slice(bytes);
            got = server.receive(&mut buf);
            if got == After::Closes {
                break;
            }
        }
        let input = input[..input.len().min(80)].escape_ascii();
        assert_eq!(
            (std::format!("{}", server.out.escape_ascii()), got),
            (std::format!("{}", answer.escape_ascii()), after),
            "pieces of {piece} bytes of {input}"
        );
    }
}

#[test]
fn answers_what_nats_server_answers() {
    for (input, answer, after) in OBSERVED {
        check(input, answer, *after);
    }
}

/// A CR or LF inside PUB or HPUB. nats-server accepts these: a subscriber of `>` then gets a broken
/// MSG line, a CR splits the subject on routes, and an LF makes the peer close the route. Here the
/// publisher is closed, as for other bad arguments.
#[test]
fn line_ends_inside_a_message_line_are_refused() {
    check(b"PUB \nfoo 2\r\nhi\r\n", b"", After::Closes);
    check(b"PUB fo\ro 2\r\nhi\r\n", b"", After::Closes);
    check(b"PUB fo\ro 2\nhi\r\n", b"", After::Closes);
    check(b"PUB foo r\rx 2\r\nhi\r\n", b"", After::Closes);
    check(b"PUB foo 2\r\r\nhi\r\n", b"", After::Closes);
    check(b"PUB foo 22\r \nhi\r\n", b"", After::Closes);
    check(b"HPUB \nfoo 0 2\r\nhi\r\n", b"", After::Closes);
    check(b"HPUB foo r\rx 0 2\r\nhi\r\n", b"", After::Closes);
}

/// What nats-server makes of these depends on where its reads end.
#[test]
fn a_carriage_return_inside_other_lines_separates_tokens() {
    check(b"SUB foo\r1\r\nPING\r\n", b"PONG\r\n", After::StaysOpen);
    let sub = ClientOp::Sub { subject: b"a", queue: Some(b"b"), sid: b"cd" };
    for line in [b"SUB a b\rcd\n".as_slice(), b"SUB a b\rcd\r\n", b"SUB a\rb cd\r\r\n"] {
        let len = line.len();
        assert_eq!(parse(line, &Limits::client()), Ok(Parsed::Frame { frame: sub, len }));
    }
}

/// nats-server refuses integers out of range; here they are moved into it.
#[test]
fn integers_out_of_range_are_accepted() {
    check(b"INFO {\"client_id\":-1}\r\nPING\r\n", b"PONG\r\n", After::StaysOpen);
}

const TOO_LONG: &[u8] = b"-ERR 'maximum control line exceeded'\r\n";

/// `start`, then as many `x` as make `args_len` bytes of arguments together with `end` (whose line
/// end does not count).
fn long(start: &[u8], args_len: usize, end: &[u8]) -> Vec<u8> {
    let mut input = start.to_vec();
    let counted = end.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    input.resize(start.len() + args_len - counted.len(), b'x');
    input.extend_from_slice(end);
    input
}

/// All of these are observed, with a server of default `max_control_line`.
#[test]
fn the_line_limit_counts_arguments_only() {
    let open = After::StaysOpen;
    check(&long(b"UNSUB ", 4096, b"\r\nPING\r\n"), b"PONG\r\n", open);
    check(&long(b"UNSUB ", 4096, b"\nPING\r\n"), b"PONG\r\n", open);
    check(&long(b"UNSUB ", 4096, b""), b"", open);
    check(&long(b"UNSUB ", 4096, b"\r"), b"", open);
    check(&long(b"SUB ", 4096, b" 1\r\nPING\r\n"), b"PONG\r\n", open);
    check(&long(b"UNSUB ", 4097, b"\r\nPING\r\n"), TOO_LONG, After::Closes);
    check(&long(b"UNSUB ", 4097, b"\nPING\r\n"), TOO_LONG, After::Closes);
    check(&long(b"UNSUB ", 4097, b""), TOO_LONG, After::Closes);
    check(&long(b"PUB ", 4097, b" 0\r\n\r\n"), TOO_LONG, After::Closes);
    check(&long(b"CONNECT ", 4097, b"\r\n"), TOO_LONG, After::Closes);
    check(&long(b"-ERR ", 4097, b"\r\n"), TOO_LONG, After::Closes);
}

/// nats-server puts no limit on these bytes, which it does not keep. A frame here is one slice.
#[test]
fn the_line_limit_also_counts_bytes_without_meaning() {
    check(&long(b"PING", 4096, b"\nPING\r\n"), b"PONG\r\nPONG\r\n", After::StaysOpen);
    check(&long(b"PING", 4097, b"\n"), TOO_LONG, After::Closes);
    check(&long(b"PONG", 4097, b""), TOO_LONG, After::Closes);
    check(&long(b"+OK", 4097, b""), TOO_LONG, After::Closes);
    let blanks =
        |count: usize| [b"SUB".as_slice(), &[b' '].repeat(count), b"a 1\r\nPING\r\n"].concat();
    check(&blanks(4096), b"PONG\r\n", After::StaysOpen);
    check(&blanks(4097), TOO_LONG, After::Closes);
}

#[test]
fn headers_need_support_on_both_sides() {
    let limits = Limits::client();
    let parse = |buf| parse(buf, &limits);
    assert_eq!(parse(b"HPUB foo 0 2\r\nhi\r\n"), Err(ParseError::HeadersNotSupported));
    assert_eq!(parse(b"HPUB foo\r\n"), Err(ParseError::HeadersNotSupported));
    assert_eq!(parse(b"HPUB foo"), Ok(Parsed::Incomplete { need: 9 }));
    assert_eq!(ParseError::HeadersNotSupported.wire_text(), None);
}

/// The tail that a delivery may copy, or `None` where it must be written again.
#[track_caller]
fn check_tail(input: &[u8], tail: Option<&[u8]>) {
    let limits = Limits { headers: true, ..Limits::client() };
    let Ok(Parsed::Frame { frame: ClientOp::Pub(message), len }) = parse(input, &limits) else {
        panic!("not one message: {}", input.escape_ascii());
    };
    assert_eq!(len, input.len());
    assert_eq!(message.tail, tail);
}

#[test]
fn usual_lines_have_a_tail_to_copy() {
    check_tail(b"PUB a 2\r\nhi\r\n", Some(b"2\r\nhi\r\n"));
    check_tail(b"pub \t  a 2\r\nhi\r\n", Some(b"2\r\nhi\r\n"));
    check_tail(b"PUB a 002\r\nhi\r\n", Some(b"002\r\nhi\r\n"));
    check_tail(b"PUB a r 2\r\nhi\r\n", Some(b"r 2\r\nhi\r\n"));
    check_tail(b"PUB 1 2 3\r\nabc\r\n", Some(b"2 3\r\nabc\r\n"));
    check_tail(b"HPUB a 1 2\r\nhi\r\n", Some(b"1 2\r\nhi\r\n"));
    check_tail(b"HPUB a r 1 2\r\nhi\r\n", Some(b"r 1 2\r\nhi\r\n"));
}

#[test]
fn unusual_lines_have_none() {
    check_tail(b"PUB a 2\nhi\r\n", None);
    check_tail(b"PUB a\t2\r\nhi\r\n", None);
    check_tail(b"PUB a  2\r\nhi\r\n", None);
    check_tail(b"PUB a 2 \r\nhi\r\n", None);
    check_tail(b"PUB a  r 2\r\nhi\r\n", None);
    check_tail(b"PUB a r  2\r\nhi\r\n", None);
    check_tail(b"PUB a r\t2\r\nhi\r\n", None);
    check_tail(b"HPUB a 1  2\r\nhi\r\n", None);
    check_tail(b"HPUB a\t1 2\r\nhi\r\n", None);
    // The same message as PUB, and nats-server delivers it as MSG.
    check_tail(b"HPUB a 0 2\r\nhi\r\n", None);
}

#[test]
fn a_missing_payload_says_where_the_frame_ends() {
    let limits = Limits::client();
    let whole = b"PUB a 5\r\nhello\r\n";
    for len in 9..whole.len() {
        let parsed = parse(&whole[..len], &limits);
        assert_eq!(parsed, Ok(Parsed::Incomplete { need: whole.len() }), "{len} bytes");
    }
    for len in 0..9 {
        let parsed = parse(&whole[..len], &limits);
        assert_eq!(parsed, Ok(Parsed::Incomplete { need: len + 1 }), "{len} bytes");
    }
}

#[test]
fn subscriptions_and_their_end() {
    let limits = Limits::client();
    let frame = |buf| match parse(buf, &limits) {
        Ok(Parsed::Frame { frame, .. }) => Some(frame),
        Ok(Parsed::Incomplete { .. }) | Err(_) => None,
    };
    let sub = |subject, queue, sid| Some(ClientOp::Sub { subject, queue, sid });
    let unsub = |sid, max| Some(ClientOp::Unsub { sid, max });
    assert_eq!(frame(b"SUB a.* 1\r\n"), sub(b"a.*", None, b"1"));
    assert_eq!(frame(b"SUB a.* q x7\r\n"), sub(b"a.*", Some(b"q"), b"x7"));
    assert_eq!(frame(b"UNSUB x7\r\n"), unsub(b"x7", None));
    assert_eq!(frame(b"UNSUB x7 30\r\n"), unsub(b"x7", Some(30)));
    assert_eq!(frame(b"UNSUB x7 0\r\n"), unsub(b"x7", None));
    assert_eq!(frame(b"UNSUB x7 1234567890\r\n"), unsub(b"x7", None));
}

#[test]
fn errors_name_the_limit_and_the_value() {
    let limits = Limits { payload: 64, control_line: 16, headers: false };
    let text = |buf| match parse(buf, &limits) {
        Err(error) => std::format!("{error}"),
        Ok(parsed) => std::format!("{parsed:?}"),
    };
    assert_eq!(text(b"PUB a 65\r\n"), "maximum payload exceeded: 65 vs 64");
    assert_eq!(
        text(b"PUB aaaaaaaaaaaaaaaaaaaa 1\r\n"),
        "control line of 22 bytes is over the limit of 16 bytes"
    );
    assert_eq!(text(b"PUB a x\r\n"), "bad arguments: a size must be 1 to 9 decimal digits");
    assert_eq!(text(b"HPUB a 1 1\r\n"), "message headers not supported");
    assert_eq!(text(b"GET "), "unknown protocol operation");
}

#[test]
fn a_client_reads_what_a_server_writes() {
    let limits = Limits { control_line: usize::MAX, payload: u64::MAX, headers: true };
    let frame = |buf| match parse_server(buf, &limits) {
        Ok(Parsed::Frame { frame, .. }) => frame,
        other => panic!("{other:?}"),
    };
    let msg = |reply, header_len, body| ServerOp::Msg {
        subject: b"foo",
        sid: b"9",
        reply,
        header_len,
        body,
    };
    assert_eq!(frame(b"MSG foo 9 2\r\nhi\r\n"), msg(None, None, b"hi"));
    assert_eq!(frame(b"MSG foo 9 r 2\r\nhi\r\n"), msg(Some(b"r"), None, b"hi"));
    assert_eq!(frame(b"HMSG foo 9 4 6\r\nabcdef\r\n"), msg(None, Some(4), b"abcdef"));
    assert_eq!(frame(b"HMSG  foo\t9 r  4 6 \nabcdef\r\n"), msg(Some(b"r"), Some(4), b"abcdef"));
    assert_eq!(frame(b"INFO {\"a\":1} \r\n"), ServerOp::Info(b"{\"a\":1}"));
    assert_eq!(frame(b"-ERR 'Stale Connection'\r\n"), ServerOp::Err(b"Stale Connection"));
    assert_eq!(frame(b"-ERR bare\r\n"), ServerOp::Err(b"bare"));
    assert_eq!(frame(b"-ERR '\r\n"), ServerOp::Err(b"'"));
    assert_eq!(frame(b"+OK\r\n"), ServerOp::Ok);
    assert_eq!(frame(b"PING\r\n"), ServerOp::Ping);
    assert_eq!(frame(b"PONG\r\n"), ServerOp::Pong);
    let error = |buf| parse_server(buf, &limits).map(|_| ());
    assert_eq!(error(b"PUB"), Err(ParseError::UnknownOperation));
    assert_eq!(error(b"MSG foo 9 2\r\nhi!"), Err(ParseError::UnknownOperation));
    assert!(matches!(error(b"MSG foo 2\r\n"), Err(ParseError::Arguments(_))));
    assert!(matches!(error(b"MSG foo 9 r s 2\r\n"), Err(ParseError::Arguments(_))));
    assert!(matches!(error(b"HMSG foo 9 3 2\r\n"), Err(ParseError::Arguments(_))));
}
