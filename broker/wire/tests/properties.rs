//! Properties of the parsers and encoders over generated input; see `checks` for what is asserted.

mod checks;

use causeway_wire::client::{self, ClientOp, ServerOp};
use causeway_wire::encode::{self, LeafAddress};
use causeway_wire::info::{Info, SubjectPermission};
use causeway_wire::route::{self, AccountToken, BufferPosition, BufferSeq, RouteOp, UnsubOrigin};
use causeway_wire::{Limits, Parsed};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A token: any bytes that do not separate.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => select(b"abz09.*>$_+|-".to_vec()),
        1 => any::<u8>().prop_filter("separates", |b| !b" \t\r\n".contains(b)),
    ];
    vec(byte, 1..12)
}

/// A body, and how much of it is the header block.
fn body() -> impl Strategy<Value = (Option<u32>, Vec<u8>)> {
    vec(any::<u8>(), 0..40).prop_flat_map(|body| {
        let header_len = match u32::try_from(body.len()) {
            Ok(len) if len > 0 => option::of(1..=len).boxed(),
            Ok(_) | Err(_) => Just(None).boxed(),
        };
        (header_len, Just(body))
    })
}

/// Pieces of protocol, whole and broken, in any order: far more often nearly right than random
/// bytes.
fn nearly_protocol() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"PUB",
        b"HPUB",
        b"SUB",
        b"UNSUB",
        b"CONNECT",
        b"INFO",
        b"PING",
        b"PONG",
        b"+OK",
        b"-ERR",
        b"MSG",
        b"HMSG",
        b"RMSG",
        b"LMSG",
        b"RS+",
        b"RS-",
        b"LS+",
        b"LS-",
        b"ping",
        b"pUb",
        b"P",
        b" ",
        b" ",
        b" ",
        b"\t",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"a",
        b"foo.bar",
        b"$G",
        b"|",
        b"+",
        b"0",
        b"1",
        b"2",
        b"3",
        b"05",
        b"999",
        b"1001",
        b"999999999",
        b"1234567890",
        b"{}",
        b"hi",
        b"'x'",
        b"\xff",
        b" a 2\r\nhi\r\n",
        b" $G a 2\r\nhi\r\n",
        b" a 1 2\r\nhi\r\n",
        b" a\r\n",
        b" a b\r\n",
        b" a b c 1\r\n",
        b"\r\nPING\r\n",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    vec(select(words), 0..24).prop_map(|words| words.concat())
}

fn wide() -> Limits {
    Limits { control_line: 1 << 16, payload: u64::MAX, headers: true }
}

/// `$buf` is exactly one frame, and it is `$op`. Every shorter prefix asks for more, never for more
/// than the frame.
macro_rules! reads_back {
    ($buf:expr, $parse:expr, $pattern:pat $(if $guard:expr)?) => {{
        let buf: &[u8] = &$buf;
        for len in 0..buf.len() {
            match $parse(&buf[..len]) {
                Ok(Parsed::Incomplete { need }) => prop_assert!(len < need && need <= buf.len()),
                other => prop_assert!(false, "{len} bytes of {}: {other:?}", buf.escape_ascii()),
            }
        }
        match $parse(buf) {
            Ok(Parsed::Frame { frame: $pattern, len }) $(if $guard)? => {
                prop_assert_eq!(len, buf.len());
            }
            other => prop_assert!(false, "{}: {other:?}", buf.escape_ascii()),
        }
    }};
}

/// As a line of a connection that several accounts share.
fn parse_pooled(buf: &[u8]) -> Result<Parsed<RouteOp<'_>>, causeway_wire::ParseError> {
    route::parse(buf, &wide(), AccountToken::Present, UnsubOrigin::Present)
}

proptest! {
    #[test]
    fn publishes_read_back(s in token(), r in option::of(token()), (h, b) in body()) {
        let mut buf = Vec::new();
        encode::publish(&mut buf, &s, r.as_deref(), h, &b);
        let tail_at = buf.len() - {
            let mut tail = Vec::new();
            encode::tail(&mut tail, r.as_deref(), h, &b);
            tail.len()
        };
        reads_back!(buf, |buf| client::parse(buf, &wide()), ClientOp::Pub(got) if {
            got.subject == s && got.reply == r.as_deref() && got.header_len == h
                && got.body == b && got.tail == Some(&buf[tail_at..])
        });
    }

    #[test]
    fn deliveries_read_back(
        s in token(), i in token(), r in option::of(token()), (h, b) in body()
    ) {
        let mut buf = Vec::new();
        encode::msg(&mut buf, &s, &i, r.as_deref(), h, &b);
        reads_back!(
            buf,
            |buf| client::parse_server(buf, &wide()),
            ServerOp::Msg { subject, sid, reply, header_len, body } if {
                subject == s && sid == i && reply == r.as_deref() && header_len == h && body == b
            }
        );
    }

    #[test]
    fn subscriptions_read_back(s in token(), q in option::of(token()), i in token(),
        m in option::of(1..=999_999_999u64)) {
        let mut buf = Vec::new();
        encode::sub(&mut buf, &s, q.as_deref(), &i);
        reads_back!(
            buf,
            |buf| client::parse(buf, &wide()),
            ClientOp::Sub { subject, queue, sid } if {
                subject == s && queue == q.as_deref() && sid == i
            }
        );
        buf.clear();
        encode::unsub(&mut buf, &i, m);
        reads_back!(
            buf,
            |buf| client::parse(buf, &wide()),
            ClientOp::Unsub { sid, max } if sid == i && max == m
        );
    }

    #[test]
    fn interest_reads_back(
        o in option::of(token()), a in option::of(token()), s in token(),
        q in option::of((token(), 1..=999_999_999u32)), lnocu in any::<bool>(),
    ) {
        let account = if a.is_some() { AccountToken::Present } else { AccountToken::Absent };
        let unsub = if lnocu { UnsubOrigin::Present } else { UnsubOrigin::Absent };
        let a = a.as_deref();
        let queue = q.as_ref().map(|(name, weight)| (name.as_slice(), *weight));
        let name = queue.map(|(name, _)| name);
        let mut buf = Vec::new();
        match &o {
            None => encode::rs_sub(&mut buf, a, &s, queue),
            Some(o) => encode::ls_sub(&mut buf, o, a, &s, queue),
        }
        reads_back!(buf, |buf| route::parse(buf, &wide(), account, unsub), RouteOp::Sub(got) if {
            got.origin == o.as_deref() && got.account == a && got.subject == s && got.queue == queue
        });
        buf.clear();
        let sent = o.as_deref().filter(|_| lnocu);
        match &o {
            None => encode::rs_unsub(&mut buf, a, &s, name),
            Some(_) => encode::ls_unsub(&mut buf, sent, a, &s, name),
        }
        reads_back!(buf, |buf| route::parse(buf, &wide(), account, unsub), RouteOp::Unsub(got) if {
            got.origin == sent && got.leaf == o.is_some() && got.account == a
                && got.subject == s && got.queue == name
        });
    }

    #[test]
    fn routed_messages_read_back(
        o in option::of(token()), a in option::of(token()), s in token(),
        r in option::of(token()), qs in vec(token(), 0..4), (h, b) in body(),
    ) {
        let account = if a.is_some() { AccountToken::Present } else { AccountToken::Absent };
        let mut buf = Vec::new();
        let names = qs.iter().map(Vec::as_slice);
        match &o {
            None => encode::rmsg(&mut buf, a.as_deref(), &s, r.as_deref(), names, h, &b),
            Some(o) => {
                let address = LeafAddress { origin: o, account: a.as_deref(), subject: &s };
                encode::lmsg(&mut buf, address, r.as_deref(), names, h, &b);
            }
        }
        let mut tail = Vec::new();
        encode::tail(&mut tail, r.as_deref(), h, &b);
        let copied = qs.is_empty() && (o.is_none() || h.is_some());
        reads_back!(
            buf,
            |buf| route::parse(buf, &wide(), account, UnsubOrigin::Present),
            RouteOp::Msg(got) if {
                got.origin == o.as_deref() && got.account == a.as_deref() && got.subject == s
                    && got.reply == r.as_deref() && got.queues.iter().eq(&qs)
                    && got.header_len == h && got.body == b
                    && got.tail == copied.then_some(tail.as_slice())
            }
        );
    }

    #[test]
    fn places_in_buffers_read_back(identity in any::<u64>(), seq in 1..=u64::MAX, back in any::<u64>()) {
        let at = BufferSeq { identity, seq, floor: seq - back % seq };
        let mut buf = Vec::new();
        encode::buffer_seq(&mut buf, at);
        reads_back!(buf, |buf| parse_pooled(buf), RouteOp::BufferSeq(got) if got == at);
        let at = BufferPosition { identity, seq };
        buf.clear();
        encode::buffer_ack(&mut buf, at);
        reads_back!(buf, |buf| parse_pooled(buf), RouteOp::BufferAck(got) if got == at);
        buf.clear();
        encode::buffer_position(&mut buf, at);
        reads_back!(buf, |buf| parse_pooled(buf), RouteOp::BufferPosition(got) if got == at);
    }

    #[test]
    fn texts_read_back(text in "[ -~]{0,40}") {
        let mut buf = Vec::new();
        encode::err(&mut buf, &text);
        reads_back!(
            buf,
            |buf| client::parse_server(buf, &wide()),
            ServerOp::Err(got) if got == text.as_bytes()
        );
    }

    #[test]
    fn info_reads_back(
        name in any::<String>(), urls in vec(any::<String>(), 0..3), port in any::<i32>(),
        id in any::<u64>(), flag in any::<bool>(), deny in option::of(vec(any::<String>(), 0..3)),
    ) {
        let info = Info {
            server_name: name.clone(),
            cluster: name,
            connect_urls: urls,
            port,
            client_id: id,
            ldm: flag,
            import: deny.map(|deny| SubjectPermission { deny, allow: Vec::new() }),
            ..Info::default()
        };
        let json = info.to_json();
        prop_assert_eq!(Info::parse(&json).ok(), Some(info));
        let mut buf = Vec::new();
        encode::info(&mut buf, &json);
        reads_back!(
            buf,
            |buf| client::parse_server(buf, &wide()),
            ServerOp::Info(got) if got == json
        );
    }

    #[test]
    fn any_pieces_of_nearly_protocol(input in nearly_protocol()) {
        checks::client_stream(&input);
        checks::server_stream(&input);
        checks::route_stream(&input);
        checks::header_block(&input);
    }

    #[test]
    fn any_pieces_of_any_bytes(input in vec(any::<u8>(), 0..100)) {
        checks::client_stream(&input);
        checks::server_stream(&input);
        checks::route_stream(&input);
        checks::header_block(&input);
        checks::documents(&input);
    }

    #[test]
    fn subjects_follow_the_rules(
        a in "[ab*>.]{0,8}", b in "[ab*>.]{0,8}", literal in "[ab*>.]{0,8}"
    ) {
        checks::subjects(a.as_bytes(), b.as_bytes(), literal.as_bytes());
    }

    #[test]
    fn documents_survive(name in any::<String>(), rest in "[{}\\[\\]\",:a-z0-9\\\\u ]{0,30}") {
        checks::documents(rest.as_bytes());
        checks::documents(format!("{{\"name\":{name:?},{rest}").as_bytes());
        checks::documents(format!("{{\"server_name\":\"{rest}\"}}").as_bytes());
    }
}
