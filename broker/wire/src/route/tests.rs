use alloc::vec::Vec;

use super::observed::OBSERVED;
use super::*;
use crate::info::Info;
use crate::{encode, error_text, subject};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Closes,
    StaysOpen,
}

/// As much of a server as the observations need.
#[derive(Default)]
struct Server {
    /// What the peer gets.
    out: Vec<u8>,
    /// What a client with `SUB > 9` and `SUB qq.> Q 8` gets.
    client: Vec<u8>,
}

impl Server {
    fn receive(&mut self, buf: &mut Vec<u8>) -> After {
        let limits = Limits::server_link(Limits::CONTROL_LINE);
        let mut at = 0;
        let after = loop {
            match parse(&buf[at..], &limits, AccountToken::Present, UnsubOrigin::Present) {
                Ok(Parsed::Incomplete { .. }) => break After::StaysOpen,
                Ok(Parsed::Frame { frame, len }) => {
                    at += len;
                    if self.handle(frame) == After::Closes {
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

    fn handle(&mut self, frame: RouteOp<'_>) -> After {
        match frame {
            RouteOp::Sub(sub) if !subject::is_valid(sub.subject) => {
                encode::err(&mut self.out, error_text::INVALID_SUBSCRIPTION);
            }
            RouteOp::Msg(message) if message.account == Some(b"$G") => self.deliver(message),
            RouteOp::Info(json) | RouteOp::Connect(json) => {
                if Info::parse(json).is_err() {
                    return After::Closes;
                }
            }
            RouteOp::Ping => encode::pong(&mut self.out),
            RouteOp::Err(_) => return After::Closes,
            RouteOp::Sub(_)
            | RouteOp::Unsub(_)
            | RouteOp::Msg(_)
            | RouteOp::BufferSeq(_)
            | RouteOp::BufferAck(_)
            | RouteOp::BufferPosition(_)
            | RouteOp::Pong
            | RouteOp::Ok => {}
        }
        After::StaysOpen
    }

    fn deliver(&mut self, message: RoutedMsg<'_>) {
        let mut sids: Vec<&[u8]> = std::vec![b"9"];
        if subject::matches(b"qq.>", message.subject)
            && message.queues.iter().any(|queue| queue == b"Q")
        {
            sids.push(b"8");
        }
        for sid in sids {
            match message.header_len {
                None => encode::msg_prefix(&mut self.client, message.subject, sid),
                Some(_) => encode::hmsg_prefix(&mut self.client, message.subject, sid),
            }
            match message.tail {
                Some(tail) => self.client.extend_from_slice(tail),
                None => {
                    let RoutedMsg { reply, header_len, body, .. } = message;
                    encode::tail(&mut self.client, reply, header_len, body);
                }
            }
        }
    }
}

/// Feeds `input` in one piece and byte by byte, and wants the same answer from both.
#[track_caller]
fn check(input: &[u8], answer: &[u8], after: After, client: &[u8]) {
    for piece in [input.len(), 1] {
        let mut server = Server::default();
        let mut buf = Vec::new();
        let mut got = After::StaysOpen;
        for bytes in input.chunks(piece) {
            buf.extend_from_slice(bytes);
            got = server.receive(&mut buf);
            if got == After::Closes {
                break;
            }
        }
        let text = |bytes: &[u8]| std::format!("{}", bytes.escape_ascii());
        assert_eq!(
            (text(&server.out), got, text(&server.client)),
            (text(answer), after, text(client)),
            "pieces of {piece} bytes of {}",
            text(&input[..input.len().min(80)])
        );
    }
}

#[test]
fn answers_what_nats_server_answers() {
    for (input, answer, after, client) in OBSERVED {
        check(input, answer, *after, client);
    }
}

/// nats-server takes these from a route too, and ignores most; no server sends them.
#[test]
fn operations_of_clients_and_gateways_are_unknown() {
    let unknown = b"-ERR 'Unknown Protocol Operation'\r\n";
    for input in [b"SUB".as_slice(), b"UNSUB", b"PUB", b"HPUB", b"A+", b"MSG"] {
        check(input, unknown, After::Closes, b"");
    }
}

/// nats-server gives this answer for input in one piece, another for pieces.
#[test]
fn places_in_buffers_are_exact_numbers() {
    let parse = |line: &'static [u8]| {
        let limits = Limits::server_link(Limits::CONTROL_LINE);
        parse(line, &limits, AccountToken::Present, UnsubOrigin::Present)
    };
    let frame = RouteOp::BufferSeq(BufferSeq { identity: 7, seq: 3, floor: 2 });
    assert_eq!(parse(b"BSEQ 7 3 2\r\nRMSG"), Ok(Parsed::Frame { frame, len: 12 }));
    let frame = RouteOp::BufferAck(BufferPosition { identity: u64::MAX, seq: 0 });
    let line = b"BACK 18446744073709551615 0\r\n";
    assert_eq!(parse(line), Ok(Parsed::Frame { frame, len: line.len() }));
    let bad: [&[u8]; 7] = [
        b"BSEQ 7 3\r\n",
        b"BSEQ 7 0 0\r\n",
        b"BSEQ 7 3 4\r\n",
        b"BSEQ 7 3 2 1\r\n",
        b"BACK 7 +3\r\n",
        b"BACK 18446744073709551616 0\r\n",
        b"BPOS x 0\r\n",
    ];
    for line in bad {
        assert!(matches!(parse(line), Err(ParseError::Arguments(_))), "{}", line.escape_ascii());
    }
}

#[test]
fn a_carriage_return_separates_tokens() {
    check(b"RMSG $G fo\ro 2\r\nhi\r\n", b"", After::StaysOpen, b"MSG fo 9 o 2\r\nhi\r\n");
}

/// Observed with a server of default `max_control_line`.
#[test]
fn lines_may_be_sixteen_times_as_long_as_those_of_clients() {
    let line = |args_len: usize| {
        [b"RS- $G ".as_slice(), &[b'x'].repeat(args_len - 3), b"\r\nPING\r\n"].concat()
    };
    let feed = |input: &[u8]| {
        let mut server = Server::default();
        let after = server.receive(&mut input.to_vec());
        (server.out, after)
    };
    assert_eq!(feed(&line(65536)), (b"PONG\r\n".to_vec(), After::StaysOpen));
    let (answer, after) = feed(&line(65537));
    assert_eq!(answer, b"-ERR 'maximum control line exceeded'\r\n");
    assert_eq!(after, After::Closes);
}

fn frame(buf: &[u8], account: AccountToken, origin: UnsubOrigin) -> Option<RouteOp<'_>> {
    match parse(buf, &Limits::server_link(4096), account, origin) {
        Ok(Parsed::Frame { frame, len }) if len == buf.len() => Some(frame),
        Ok(_) | Err(_) => None,
    }
}

#[test]
fn interest_in_every_form() {
    let sub = |origin, account, queue| {
        Some(RouteOp::Sub(RemoteSub { origin, account, subject: b"foo", queue }))
    };
    let shared = |buf| frame(buf, AccountToken::Present, UnsubOrigin::Absent);
    let dedicated = |buf| frame(buf, AccountToken::Absent, UnsubOrigin::Absent);
    let acc: Option<&[u8]> = Some(b"A");
    let leaf: Option<&[u8]> = Some(b"L");
    assert_eq!(shared(b"RS+ A foo\r\n"), sub(None, acc, None));
    assert_eq!(shared(b"RS+ A foo q 3\r\n"), sub(None, acc, Some((b"q", 3))));
    assert_eq!(shared(b"LS+ L A foo\r\n"), sub(leaf, acc, None));
    assert_eq!(shared(b"LS+ L A foo q 3\r\n"), sub(leaf, acc, Some((b"q", 3))));
    assert_eq!(dedicated(b"RS+ foo\r\n"), sub(None, None, None));
    assert_eq!(dedicated(b"RS+ foo q 3\r\n"), sub(None, None, Some((b"q", 3))));
    assert_eq!(dedicated(b"LS+ L foo q 3\r\n"), sub(leaf, None, Some((b"q", 3))));
    // nats-server takes any weight, and counts those that are no number above 1 as one member.
    assert_eq!(shared(b"RS+ A foo q 0\r\n"), sub(None, acc, Some((b"q", 1))));
    assert_eq!(shared(b"RS+ A foo q x\r\n"), sub(None, acc, Some((b"q", 1))));
    assert_eq!(dedicated(b"RS+ A foo\r\n"), None);
    assert_eq!(shared(b"RS+ foo\r\n"), None);
}

#[test]
fn its_end_in_every_form() {
    let unsub = |origin, leaf, account, queue| {
        Some(RouteOp::Unsub(RemoteUnsub { origin, leaf, account, subject: b"foo", queue }))
    };
    let old = |buf| frame(buf, AccountToken::Present, UnsubOrigin::Absent);
    let new = |buf| frame(buf, AccountToken::Present, UnsubOrigin::Present);
    let acc: Option<&[u8]> = Some(b"A");
    let leaf: Option<&[u8]> = Some(b"L");
    let queue: Option<&[u8]> = Some(b"q");
    assert_eq!(new(b"RS- A foo\r\n"), unsub(None, false, acc, None));
    assert_eq!(new(b"RS- A foo q\r\n"), unsub(None, false, acc, queue));
    assert_eq!(new(b"LS- L A foo\r\n"), unsub(leaf, true, acc, None));
    assert_eq!(new(b"LS- L A foo q\r\n"), unsub(leaf, true, acc, queue));
    assert_eq!(old(b"LS- A foo\r\n"), unsub(None, true, acc, None));
    assert_eq!(old(b"LS- A foo q\r\n"), unsub(None, true, acc, queue));
    let dedicated = |buf| frame(buf, AccountToken::Absent, UnsubOrigin::Present);
    assert_eq!(dedicated(b"RS- foo\r\n"), unsub(None, false, None, None));
    assert_eq!(dedicated(b"LS- L foo q\r\n"), unsub(leaf, true, None, queue));
    assert_eq!(dedicated(b"LS- foo\r\n"), None);
}

#[track_caller]
fn check_message(input: &[u8], account: AccountToken, expected: &str) {
    let Some(RouteOp::Msg(message)) = frame(input, account, UnsubOrigin::Present) else {
        panic!("not one message: {}", input.escape_ascii());
    };
    let text = |bytes: &[u8]| std::format!("{}", bytes.escape_ascii());
    let optional = |bytes: Option<&[u8]>| bytes.map_or(std::string::String::from("-"), text);
    let queues: Vec<_> = message.queues.iter().map(text).collect();
    let got = std::format!(
        "{} {} {} reply={} queues={} header={} body={} tail={}",
        optional(message.origin),
        optional(message.account),
        text(message.subject),
        optional(message.reply),
        queues.join(","),
        message.header_len.unwrap_or(0),
        text(message.body),
        optional(message.tail),
    );
    assert_eq!(got, expected);
    assert_eq!(message.queues.is_empty(), message.queues.into_iter().next().is_none());
}

#[test]
fn messages_in_every_form() {
    let shared = |input: &[u8], expected| check_message(input, AccountToken::Present, expected);
    shared(b"RMSG A s 1\r\nx\r\n", r"- A s reply=- queues= header=0 body=x tail=1\r\nx\r\n");
    shared(b"RMSG A s r 1\r\nx\r\n", r"- A s reply=r queues= header=0 body=x tail=r 1\r\nx\r\n");
    shared(b"RMSG A s | q p 1\r\nx\r\n", r"- A s reply=- queues=q,p header=0 body=x tail=-");
    shared(b"RMSG A s + r q 1\r\nx\r\n", r"- A s reply=r queues=q header=0 body=x tail=-");
    shared(b"RMSG A s + r 1\r\nx\r\n", r"- A s reply=r queues= header=0 body=x tail=-");
    shared(b"RMSG A s | 1\r\nx\r\n", r"- A s reply=| queues= header=0 body=x tail=| 1\r\nx\r\n");
    shared(b"RMSG A  s 1\r\nx\r\n", r"- A s reply=- queues= header=0 body=x tail=-");
    shared(b"HMSG A s 1 2\r\nxy\r\n", r"- A s reply=- queues= header=1 body=xy tail=1 2\r\nxy\r\n");
    shared(b"HMSG A s | q 1 2\r\nxy\r\n", r"- A s reply=- queues=q header=1 body=xy tail=-");
    shared(b"LMSG L A s 0 1\r\nx\r\n", r"L A s reply=- queues= header=0 body=x tail=-");
    shared(
        b"LMSG L A s r 1 2\r\nxy\r\n",
        r"L A s reply=r queues= header=1 body=xy tail=r 1 2\r\nxy\r\n",
    );
    shared(b"LMSG L A s + r q 0 1\r\nx\r\n", r"L A s reply=r queues=q header=0 body=x tail=-");
    let dedicated = |input: &[u8], expected| check_message(input, AccountToken::Absent, expected);
    dedicated(b"RMSG s 1\r\nx\r\n", r"- - s reply=- queues= header=0 body=x tail=1\r\nx\r\n");
    dedicated(b"RMSG s r 1\r\nx\r\n", r"- - s reply=r queues= header=0 body=x tail=r 1\r\nx\r\n");
    dedicated(b"RMSG s | q p 1\r\nx\r\n", r"- - s reply=- queues=q,p header=0 body=x tail=-");
    dedicated(b"LMSG L s 0 1\r\nx\r\n", r"L - s reply=- queues= header=0 body=x tail=-");
}
