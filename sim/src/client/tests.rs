//! A client by itself, with a server made of bytes.

use super::*;
use crate::history::{Event, History};
use crate::ids::RegionId;
use crate::scenario::Role;
use crate::units::{MS, SECOND};

const GREETING: &[u8] = b"INFO {\"server_id\":\"S\",\"max_payload\":1048576} \r\n";

/// A client, and what it said.
struct Actor {
    client: Client,
    rec: Recorder,
    seen: usize,
}

impl Actor {
    fn new(nodes: u16) -> Self {
        let plan = ClientPlan {
            name: "c/1".to_owned(),
            region: RegionId(0),
            role: Role::Subscribe,
            nodes: (0..nodes).map(NodeId).collect(),
            echo: true,
            takes_headers: true,
            read_rate: 0,
            ping_ns: 2 * SECOND,
            wait_ns: 100 * MS,
            jitter_ns: 50 * MS,
        };
        let client = Client::new(ClientId(3), plan, 1);
        Self { client, rec: Recorder::new(History::default(), 1, false), seen: 0 }
    }

    /// A client that is connected.
    fn connected(nodes: u16) -> Self {
        let mut actor = Self::new(nodes);
        actor.op(Op::Connect);
        actor.connect();
        actor.events();
        actor
    }

    fn connect(&mut self) {
        assert!(matches!(self.client.order(), Some(Order::Dial(_))));
        self.client.on_open(&mut self.rec);
        self.server(GREETING);
        assert!(self.said().starts_with("CONNECT {\"verbose\":false"));
        self.server(b"PONG\r\n");
        let connected = self
            .rec
            .history
            .events
            .iter()
            .rev()
            .find(|event| matches!(event.kind, Kind::ClientConnected { .. }));
        assert!(connected.is_some_and(|event| event.t == self.rec.now));
    }

    fn op(&mut self, op: Op) {
        self.client.on_op(&op, &mut self.rec);
    }

    fn sub(&mut self, sid: u32, subject: &str, max: u32, answer: u32) {
        let subject = self.rec.intern(subject);
        self.op(Op::Sub { sid: Sid(sid), subject, queue: Sym::NONE, max, answer });
    }

    fn server(&mut self, bytes: &[u8]) {
        self.client.on_bytes(bytes, &mut self.rec);
    }

    fn wait(&mut self, ns: u64) {
        let until = self.rec.now + ns;
        while let Some(at) = self.client.deadline()
            && at <= until
        {
            self.rec.now = at.max(self.rec.now);
            self.client.on_timer(&mut self.rec);
        }
        self.rec.now = until;
    }

    /// What the client said since it was asked last, lines joined by `|`.
    fn said(&mut self) -> String {
        let bytes = self.client.output().to_vec();
        self.client.accepted(bytes.len());
        String::from_utf8_lossy(&bytes).trim_end().replace("\r\n", "|")
    }

    /// The names of the events since it was asked last.
    fn events(&mut self) -> String {
        let events: Vec<Event> = self.rec.history.events[self.seen..].to_vec();
        self.seen = self.rec.history.events.len();
        events.iter().map(|event| event.kind.name()).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_handshake_waits_for_the_server_to_speak() {
    let mut actor = Actor::new(1);
    actor.op(Op::Connect);
    assert_eq!(actor.client.order(), Some(Order::Dial(NodeId(0))));
    actor.client.on_open(&mut actor.rec);
    assert_eq!(actor.said(), "");
    for byte in GREETING {
        actor.server(&[*byte]);
    }
    let said = actor.said();
    assert!(said.contains("\"echo\":true") && said.ends_with("}|PING"), "{said}");
    assert_eq!(actor.events(), "servers");
    actor.server(b"PO");
    actor.server(b"NG\r\nPING\r\n");
    assert_eq!((actor.said().as_str(), actor.events().as_str()), ("PONG", "connected"));
}

#[test]
fn a_subscription_is_ready_when_its_flush_came_back() {
    let mut actor = Actor::connected(1);
    actor.sub(2, "a.*", 5, 0);
    assert_eq!(actor.said(), "SUB a.* 2|UNSUB 2 5|PING");
    assert_eq!(actor.events(), "sub");
    actor.server(b"PONG\r\n");
    assert_eq!(actor.events(), "sub_ready");
    actor.op(Op::Unsub { sid: Sid(2), max: 0 });
    assert_eq!(actor.said(), "UNSUB 2|PING");
    actor.server(b"PONG\r\n");
    assert_eq!(actor.events(), "unsub unsub_ready");
}

#[test]
fn a_limit_that_is_said_later_counts_what_has_come() {
    for (max, stays) in [(2, true), (1, false)] {
        let mut actor = Actor::connected(1);
        actor.sub(2, "a", 0, 0);
        actor.server(b"PONG\r\nMSG a 2 1\r\nx\r\n");
        let _ = (actor.said(), actor.events());
        actor.op(Op::Unsub { sid: Sid(2), max });
        assert_eq!(actor.said(), format!("UNSUB 2 {max}|PING"));
        actor.server(b"PONG\r\n");
        assert_eq!(actor.events(), "unsub unsub_ready");
        // What has had its fill is not made again.
        assert_eq!(actor.client.subs.contains_key(&Sid(2)), stays, "{max}");
    }
}

#[test]
fn who_takes_no_headers_says_so_and_is_not_told_that_nobody_is_there() {
    let mut actor = Actor::new(1);
    actor.client.plan.takes_headers = false;
    actor.op(Op::Connect);
    actor.client.on_open(&mut actor.rec);
    actor.server(GREETING);
    let said = actor.said();
    assert!(said.contains("\"headers\":false,\"no_responders\":false}"), "{said}");
}

#[test]
fn messages_carry_their_identity_and_are_numbered() {
    let mut actor = Actor::connected(1);
    let subject = actor.rec.intern("a.b");
    let publish = Op::Pub { subject, size: 16, count: 2, header: false, flush: true };
    actor.op(publish);
    let said = actor.client.output().to_vec();
    actor.client.accepted(said.len());
    assert!(said.starts_with(b"PUB a.b 16\r\n") && said.ends_with(b"PING\r\n"));
    let msg = |seq| MsgId { client: ClientId(3), conn: ConnNo(1), seq };
    assert_eq!(payload::identity(&said[12..28]), Some(msg(1)));
    actor.server(b"PONG\r\n");
    assert_eq!(actor.events(), "pub pub pub_flushed");

    actor.sub(2, "a.*", 0, 0);
    let mut delivery = b"MSG a.b 2 16\r\n".to_vec();
    delivery.extend_from_slice(&said[12..30]);
    actor.server(&delivery);
    let Kind::Delivered { sid, msg: got, size, hash, .. } =
        actor.rec.history.events.last().unwrap().kind
    else {
        panic!("a delivery");
    };
    assert_eq!((sid, got, size), (Sid(2), Some(msg(1)), 16));
    assert_eq!(hash, payload::content_hash(&said[12..28]));
}

#[test]
fn headers_are_part_of_the_content() {
    let mut actor = Actor::connected(1);
    let subject = actor.rec.intern("a");
    actor.op(Op::Pub { subject, size: 20, count: 1, header: true, flush: false });
    let said = actor.said();
    assert!(said.starts_with("HPUB a 28 48|NATS/1.0|Sim-Msg: 3.1.1||"), "{said}");
    let Kind::PubSent { size, .. } = actor.rec.history.events.last().unwrap().kind else {
        panic!("a publication");
    };
    assert_eq!(size, 48);
}

#[test]
fn requests_are_answered_refused_or_time_out() {
    let mut actor = Actor::connected(1);
    let subject = actor.rec.intern("ask");
    let ask = Op::Request { subject, size: 16, timeout_ns: SECOND, header: false };
    for _ in 0..4 {
        actor.op(ask);
    }
    let said = actor.said();
    assert!(said.starts_with("SUB _INBOX.3.1.* 1|PING|PUB ask _INBOX.3.1.1 16|"), "{said}");
    assert_eq!(actor.events(), "sub pub pub pub pub");
    actor.server(b"PONG\r\nMSG _INBOX.3.1.1 1 2\r\nok\r\n");
    assert_eq!(actor.events(), "sub_ready delivered request_done");
    let none = b"HMSG _INBOX.3.1.2 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: ask\r\n\r\n\r\n";
    actor.server(none);
    assert_eq!(actor.events(), "no_responders");
    actor.wait(SECOND);
    assert_eq!(actor.events(), "request_timeout request_timeout");
    actor.server(b"MSG _INBOX.3.1.3 1 2\r\nok\r\n");
    assert_eq!(actor.events(), "delivered", "too late to be an answer");
    actor.server(none);
    assert_eq!(actor.events(), "no_responders", "a second 503 is seen");
    actor.op(ask);
    actor.client.on_closed(Ending::Reset, &mut actor.rec);
    assert_eq!(actor.events(), "pub request_timeout closed");
}

#[test]
fn a_server_answers_what_asks_for_an_answer() {
    let mut actor = Actor::connected(1);
    actor.sub(2, "ask", 0, 16);
    actor.said();
    actor.server(b"MSG ask 2 5\r\nhello\r\nMSG ask 2 box.1 5\r\nhello\r\n");
    assert!(actor.said().starts_with("PUB box.1 16|"));
    assert_eq!(actor.events(), "sub delivered delivered pub");
}

#[test]
fn a_lost_connection_is_made_anew_elsewhere_with_all_subscriptions() {
    let mut actor = Actor::connected(2);
    actor.sub(2, "a", 0, 0);
    actor.sub(3, "b", 1, 0);
    actor.said();
    actor.server(b"PONG\r\nPONG\r\nMSG b 3 2\r\nhi\r\nMSG a 2 10\r\nhal");
    let first = actor.client.node;
    actor.client.on_closed(Ending::Eof, &mut actor.rec);
    actor.events();
    let subject = actor.rec.intern("x");
    actor.op(Op::Pub { subject, size: 16, count: 3, header: false, flush: false });
    assert_eq!(actor.events(), "op_dropped", "nothing is buffered");
    assert_eq!(actor.client.order(), None);
    actor.wait(150 * MS);
    assert_ne!(actor.client.node, first);
    actor.connect();
    // The one that had its fill is not made again; the half message is forgotten.
    assert_eq!(actor.said(), "SUB a 2|PING");
    actor.server(b"PONG\r\n");
    assert_eq!(actor.events(), "servers connected sub sub_ready");
}

#[test]
fn a_silent_server_is_given_up() {
    let mut actor = Actor::connected(1);
    actor.wait(2 * SECOND);
    assert_eq!(actor.said(), "PING");
    actor.server(b"PONG\r\n");
    actor.wait(4 * SECOND);
    assert_eq!(actor.said(), "PING|PING");
    actor.wait(2 * SECOND);
    assert_eq!(actor.client.order(), Some(Order::Hang));
    assert_eq!(actor.events(), "closed");
    actor.wait(SECOND);
    assert!(matches!(actor.client.order(), Some(Order::Dial(_))), "and dialled again");
}

#[test]
fn who_does_not_listen_cannot_call_the_server_silent() {
    let mut actor = Actor::connected(1);
    actor.client.on_deaf(true);
    actor.wait(60 * SECOND);
    assert_eq!((actor.said().as_str(), actor.client.order()), ("", None));
    actor.client.on_deaf(false);
    actor.wait(2 * SECOND);
    assert_eq!(actor.said(), "PING");
}

#[test]
fn a_server_that_never_greets_is_given_up() {
    let mut actor = Actor::new(1);
    actor.op(Op::Connect);
    actor.client.order();
    actor.client.on_open(&mut actor.rec);
    actor.wait(HANDSHAKE_NS);
    assert_eq!(actor.client.order(), Some(Order::Hang));
    assert_eq!(actor.events(), "closed");
}

#[test]
fn what_no_server_may_send_is_reported() {
    let mut actor = Actor::connected(1);
    actor.server(b"PONG\r\n");
    assert_eq!(actor.events(), "client_error");
    actor.server(b"-ERR 'Some Error'\r\nMSG a x 0\r\n\r\n");
    assert_eq!(actor.events(), "client_error client_error");
    actor.server(b"NONSENSE\r\nMSG a 2 0\r\n\r\n");
    assert_eq!(actor.events(), "client_error closed", "nothing is read behind it");
    assert_eq!(actor.client.order(), Some(Order::Hang));
}

#[test]
fn a_refusal_is_about_a_message_between_two_pings() {
    let refused =
        b"-ERR 'Permissions Violation for Publish to \"a\": the buffer for \"w/1\" is full, \
        max_msgs 3'\r\n";
    let mut actor = Actor::connected(1);
    let publish = |actor: &mut Actor, subject: &str, flush| {
        let subject = actor.rec.intern(subject);
        actor.op(Op::Pub { subject, size: 16, count: 1, header: false, flush });
    };
    let last = |actor: &Actor| {
        let event = &actor.rec.history.events.last().unwrap().kind;
        let Kind::PubRefused { first, last, .. } = *event else { return None };
        Some((first, last))
    };
    publish(&mut actor, "a", false);
    publish(&mut actor, "b", true);
    publish(&mut actor, "a", false);
    actor.server(refused);
    assert_eq!(last(&actor), Some((1, 1)), "before the PING that is not answered");
    actor.server(b"PONG\r\n");
    actor.server(refused);
    assert_eq!(last(&actor), Some((3, 3)), "behind the one that is");
    publish(&mut actor, "a", false);
    publish(&mut actor, "b", false);
    actor.server(refused);
    assert_eq!(last(&actor), Some((3, 4)), "it may be either");
    publish(&mut actor, "b", true);
    actor.server(b"PONG\r\n");
    actor.events();
    actor.server(refused);
    assert_eq!(actor.events(), "client_error", "there is no such message");
}

#[test]
fn a_client_that_leaves_stays_away() {
    let mut actor = Actor::connected(1);
    actor.sub(2, "a", 0, 0);
    actor.op(Op::Close);
    assert_eq!(actor.client.order(), Some(Order::Hang));
    assert_eq!(actor.events(), "sub closed");
    actor.wait(60 * SECOND);
    assert_eq!((actor.client.order(), actor.client.deadline()), (None, None));
}
