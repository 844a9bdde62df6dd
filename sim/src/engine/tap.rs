//! A tap on a connection between nodes: it reads what one node writes to the other, and writes down
//! interest and messages.
//!
//! It parses at the sender's side, when bytes enter the socket. That the receiver was handed a line
//! of interest is noticed by its position in the stream.

use std::collections::VecDeque;

use causeway_wire::info::Info;
use causeway_wire::route::{AccountToken, RemoteSub, RemoteUnsub, RouteOp, RoutedMsg, UnsubOrigin};
use causeway_wire::{Limits, Parsed, header, route};

use super::record::Recorder;
use crate::history::{Kind, STORED, Sym};
use crate::ids::{NodeId, WireConn};
use crate::payload;

/// A tap takes what nodes may say to each other; sizes are their business.
const LIMITS: Limits = Limits { control_line: 1 << 20, payload: u64::MAX, headers: true };

/// The tap on one connection, in both directions.
#[derive(Debug)]
pub struct Tap {
    conn: WireConn,
    /// The account of a dedicated route, once the handshake has named it.
    account: Sym,
    /// By writer: dialler, acceptor.
    ways: [Way; 2],
}

#[derive(Debug)]
struct Way {
    from: NodeId,
    to: NodeId,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// The position of the first byte that is not parsed yet.
    position: u64,
    /// What the receiver has not been handed.
    unseen: VecDeque<Unseen>,
    /// The number in the sender's buffer of the message that follows.
    numbered: Option<u64>,
    /// Its first INFO is through: the handshake's own. Later ones tell of others.
    greeted: bool,
    /// The bytes stopped being the protocol.
    broken: bool,
}

/// Interest or a message on its way.
#[derive(Clone, Copy, Debug)]
struct Unseen {
    /// The position of its end.
    end: u64,
    /// The number of its event.
    event: u64,
    is_message: bool,
}

impl Tap {
    /// The tap on a connection that was just opened.
    #[must_use]
    pub fn new(conn: WireConn, dialler: NodeId, acceptor: NodeId) -> Self {
        let way = |from, to| Way {
            from,
            to,
            partial: Vec::new(),
            position: 0,
            unseen: VecDeque::new(),
            numbered: None,
            greeted: false,
            broken: false,
        };
        Self { conn, account: Sym::NONE, ways: [way(dialler, acceptor), way(acceptor, dialler)] }
    }

    /// Which connection it is on.
    #[must_use]
    pub const fn conn(&self) -> WireConn {
        self.conn
    }

    /// The writer has put bytes into the socket.
    pub fn on_write(&mut self, writer: usize, bytes: &[u8], rec: &mut Recorder) {
        let way = &mut self.ways[writer];
        if way.broken {
            return;
        }
        if way.partial.is_empty() {
            let used = way.frames(bytes, &mut self.account, self.conn, rec);
            way.partial.extend_from_slice(&bytes[used..]);
            return;
        }
        let mut joined = std::mem::take(&mut way.partial);
        joined.extend_from_slice(bytes);
        let used = way.frames(&joined, &mut self.account, self.conn, rec);
        joined.drain(..used);
        way.partial = joined;
    }

    /// The reader has been handed all bytes up to this position.
    #[inline]
    pub fn on_read(&mut self, writer: usize, position: u64, rec: &mut Recorder) {
        let unseen = &mut self.ways[writer].unseen;
        while let Some(Unseen { end, event, is_message }) = unseen.front().copied()
            && end <= position
        {
            unseen.pop_front();
            rec.event(match is_message {
                true => Kind::WireMsgSeen { sent: event },
                false => Kind::WireSubSeen { sub: event },
            });
        }
    }
}

impl Way {
    /// Takes all whole frames, and says how many bytes they were.
    fn frames(
        &mut self,
        bytes: &[u8],
        account: &mut Sym,
        conn: WireConn,
        rec: &mut Recorder,
    ) -> usize {
        let mut used = 0;
        while used < bytes.len() {
            let token =
                if account.is_none() { AccountToken::Present } else { AccountToken::Absent };
            match route::parse(&bytes[used..], &LIMITS, token, UnsubOrigin::Present) {
                Ok(Parsed::Frame { frame, len }) => {
                    used += len;
                    self.position += len as u64;
                    rec.broker_events += 1;
                    self.frame(&frame, account, conn, rec);
                }
                Ok(Parsed::Incomplete { .. }) => break,
                Err(error) => {
                    self.broken = true;
                    let text = rec.intern(&error.to_string());
                    rec.event(Kind::WireError { from: self.from, to: self.to, conn, text });
                    return bytes.len();
                }
            }
        }
        used
    }

    fn frame(
        &mut self,
        frame: &RouteOp<'_>,
        account: &mut Sym,
        conn: WireConn,
        rec: &mut Recorder,
    ) {
        match frame {
            RouteOp::Info(json) => {
                // Whether the lines carry an account is settled by the dialler's INFO.
                if !std::mem::replace(&mut self.greeted, true)
                    && let Ok(info) = Info::parse(json)
                    && !info.route_account.is_empty()
                {
                    *account = rec.intern(&info.route_account);
                }
            }
            RouteOp::Msg(msg) if rec.wants_wire() => self.message(msg, *account, conn, rec),
            RouteOp::Sub(sub) if rec.wants_wire() => self.interest(sub, *account, conn, rec),
            RouteOp::Unsub(sub) if rec.wants_wire() => self.no_interest(sub, *account, conn, rec),
            RouteOp::BufferSeq(at) => self.numbered = Some(at.seq),
            RouteOp::Msg(_)
            | RouteOp::Sub(_)
            | RouteOp::Unsub(_)
            | RouteOp::Connect(_)
            | RouteOp::BufferAck(_)
            | RouteOp::BufferPosition(_)
            | RouteOp::Ping
            | RouteOp::Pong
            | RouteOp::Ok
            | RouteOp::Err(_) => {}
        }
    }

    fn message(&mut self, msg: &RoutedMsg<'_>, account: Sym, conn: WireConn, rec: &mut Recorder) {
        let mut names = Vec::new();
        for queue in msg.queues {
            if !names.is_empty() {
                names.push(b' ');
            }
            names.extend_from_slice(queue);
        }
        let queues = if names.is_empty() { Sym::NONE } else { rec.intern_bytes(&names) };
        let account = msg.account.map_or(account, |name| rec.intern_bytes(name));
        let subject = rec.intern_bytes(msg.subject);
        // What streams keep and give out may pass many times.
        let msg = payload::identity(header::strip(msg.body, msg.header_len))
            .filter(|msg| msg.conn != STORED);
        let (from, to, kept) = (self.from, self.to, self.numbered.take());
        let event =
            rec.event(Kind::WireMsg { from, to, conn, account, subject, queues, msg, kept });
        self.unseen.push_back(Unseen { end: self.position, event, is_message: true });
    }

    fn interest(&mut self, sub: &RemoteSub<'_>, account: Sym, conn: WireConn, rec: &mut Recorder) {
        let queue = sub.queue.map_or(Sym::NONE, |(name, _)| rec.intern_bytes(name));
        let weight = sub.queue.map_or(1, |(_, weight)| weight);
        let account = sub.account.map_or(account, |name| rec.intern_bytes(name));
        let subject = rec.intern_bytes(sub.subject);
        self.told(
            Kind::WireSub { from: self.from, to: self.to, conn, account, subject, queue, weight },
            rec,
        );
    }

    fn no_interest(
        &mut self,
        sub: &RemoteUnsub<'_>,
        account: Sym,
        conn: WireConn,
        rec: &mut Recorder,
    ) {
        let queue = sub.queue.map_or(Sym::NONE, |name| rec.intern_bytes(name));
        let account = sub.account.map_or(account, |name| rec.intern_bytes(name));
        let subject = rec.intern_bytes(sub.subject);
        let (from, to) = (self.from, self.to);
        self.told(Kind::WireSub { from, to, conn, account, subject, queue, weight: 0 }, rec);
    }

    fn told(&mut self, kind: Kind, rec: &mut Recorder) {
        let event = rec.event(kind);
        self.unseen.push_back(Unseen { end: self.position, event, is_message: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use causeway_wire::encode;

    fn recorder() -> Recorder {
        Recorder::new(History::default(), 0, false)
    }

    #[test]
    fn lines_are_understood_however_they_are_cut() {
        let mut bytes = Vec::new();
        encode::info(&mut bytes, b"{\"server_id\":\"x\"}");
        encode::rs_sub(&mut bytes, Some(b"$G"), b"a.*", Some((b"q", 3)));
        encode::rs_unsub(&mut bytes, Some(b"$G"), b"b", None);
        bytes.extend_from_slice(b"RMSG $G a.b | q r 2\r\nhi\r\nPING\r\n");
        for cut in 1..bytes.len() {
            let mut rec = recorder();
            let mut tap = Tap::new(WireConn(5), NodeId(0), NodeId(1));
            for part in bytes.chunks(cut) {
                tap.on_write(0, part, &mut rec);
            }
            tap.on_read(0, bytes.len() as u64, &mut rec);
            assert_eq!(rec.broker_events, 5);
            let names: Vec<_> = rec.history.events.iter().map(|e| e.kind.name()).collect();
            assert_eq!(
                names,
                [
                    "wire_sub",
                    "wire_sub",
                    "wire_msg",
                    "wire_sub_seen",
                    "wire_sub_seen",
                    "wire_msg_seen"
                ]
            );
            let Kind::WireMsg { queues, subject, msg, .. } = rec.history.events[2].kind else {
                panic!("a message");
            };
            assert_eq!((rec.text(subject), rec.text(queues), msg), ("a.b", "q r", None));
        }
    }

    #[test]
    fn a_line_is_seen_when_its_last_byte_was_handed_over() {
        let mut rec = recorder();
        let mut tap = Tap::new(WireConn(5), NodeId(0), NodeId(1));
        let line = b"RS+ $G a\r\n";
        tap.on_write(1, line, &mut rec);
        tap.on_read(1, line.len() as u64 - 1, &mut rec);
        assert_eq!(rec.history.events.len(), 1);
        tap.on_read(1, line.len() as u64, &mut rec);
        assert_eq!(rec.history.events[1].kind, Kind::WireSubSeen { sub: 0 });
    }

    #[test]
    fn dedicated_routes_have_no_account_in_their_lines() {
        let mut rec = recorder();
        let mut tap = Tap::new(WireConn(5), NodeId(0), NodeId(1));
        tap.on_write(0, b"INFO {\"server_id\":\"x\",\"route_account\":\"A\"} \r\n", &mut rec);
        tap.on_write(1, b"RS+ foo\r\n", &mut rec);
        let Kind::WireSub { account, subject, weight, .. } = rec.history.events[0].kind else {
            panic!("interest");
        };
        assert_eq!((rec.text(account), rec.text(subject), weight), ("A", "foo", 1));
    }

    #[test]
    fn the_first_info_names_the_account_whoever_told_of_the_server_and_later_ones_do_not() {
        for (first, expected) in [
            (
                r#"{"server_id":"x","route_account":"A","gossip_mode":3,"ip":"nats-route://1.2.3.4:5/"}"#,
                "A",
            ),
            (r#"{"server_id":"x"}"#, "B"),
        ] {
            let mut rec = recorder();
            let mut tap = Tap::new(WireConn(5), NodeId(0), NodeId(1));
            tap.on_write(0, format!("INFO {first} \r\n").as_bytes(), &mut rec);
            tap.on_write(0, b"INFO {\"server_id\":\"y\",\"route_account\":\"C\"} \r\n", &mut rec);
            let line: &[u8] = if expected == "A" { b"RS+ foo\r\n" } else { b"RS+ B foo\r\n" };
            tap.on_write(1, line, &mut rec);
            let Kind::WireSub { account, subject, .. } = rec.history.events[0].kind else {
                panic!("interest");
            };
            assert_eq!((rec.text(account), rec.text(subject)), (expected, "foo"));
        }
    }

    #[test]
    fn noise_is_reported_once() {
        let mut rec = recorder();
        let mut tap = Tap::new(WireConn(5), NodeId(0), NodeId(1));
        tap.on_write(0, b"\x00\x01garbage", &mut rec);
        tap.on_write(0, b"RS+ $G a\r\n", &mut rec);
        assert_eq!(rec.history.events.len(), 1);
        assert_eq!(rec.history.events[0].kind.name(), "wire_error");
    }
}
