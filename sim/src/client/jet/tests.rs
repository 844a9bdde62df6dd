//! A client with streams by itself, and a server made of bytes.

use super::*;
use crate::client::{Ending, Order};
use crate::history::{Event, History, STORED};
use crate::ids::{ClientId, MsgId, NodeId};
use crate::payload;
use crate::plan::{KeyOp, Op, Plan, StorePlan, WorkPlan};

const PLAN: &str = "causeway-plan 1\nscenario t seed=1\nregion a link=l latency=1ms jitter=0s loss=0 \
    bandwidth=0\nnode a/1 region=a cluster=c start=0s wall=0 routes= domain=d\n\
    client c/1 region=a role=audit nodes=a/1 ping=60s wait=100ms jitter=0s\n\
    stream S node=a/1 config=\"{\\\"name\\\":\\\"S\\\"}\"\n\
    stream KV_b node=a/1 config=\"{\\\"name\\\":\\\"KV_b\\\",\\\"allow_direct\\\":true}\"\n\
    consumer w stream=S config=\"{\\\"ack_policy\\\":\\\"explicit\\\"}\"\n\
    consumer p stream=S config=\"{\\\"ack_policy\\\":\\\"explicit\\\",\\\"deliver_subject\\\":\\\"push.it\\\"}\"\n\
    phases boot=0s warm=0s chaos=0s heal=0s quiesce=0s drain=0s end=0s\n\
    bounds rtt_max=0s interest=0s routes=0s clients=0s tcp_timeout=0s\n";

struct Actor {
    client: Client,
    rec: Recorder,
    seen: usize,
}

impl Actor {
    fn connected() -> Self {
        let plan = Plan::parse(PLAN).unwrap();
        let known = Arc::new(Known::of(&plan));
        let client = Client::new(ClientId(3), plan.clients[0].clone(), 1).knowing(&known, 1);
        let mut actor = Self { client, rec: Recorder::new(History::default(), 1, false), seen: 0 };
        actor.client.on_op(&Op::Connect, &mut actor.rec);
        actor.connect();
        actor
    }

    fn connect(&mut self) {
        assert!(matches!(self.client.order(), Some(Order::Dial(_))));
        self.client.on_open(&mut self.rec);
        self.server("INFO {\"server_id\":\"S\"} \r\n");
        self.server("PONG\r\n");
        let _ = (self.said(), self.events());
    }

    fn op(&mut self, op: StreamOp) {
        self.client.on_op(&Op::Stream(op), &mut self.rec);
    }

    fn server(&mut self, bytes: &str) {
        self.client.on_bytes(bytes.as_bytes(), &mut self.rec);
    }

    /// The server answers the question with this number of this connection.
    fn answers(&mut self, conn: u32, number: u32, body: &str) {
        let len = body.len();
        self.server(&format!("MSG _JET.3.{conn}.{number} 0 {len}\r\n{body}\r\n"));
    }

    fn status(&mut self, conn: u32, number: u32, code: u32) {
        let head = format!("NATS/1.0 {code}\r\n\r\n");
        let len = head.len();
        self.server(&format!("HMSG _JET.3.{conn}.{number} 0 {len} {len}\r\n{head}\r\n"));
    }

    /// A consumer delivers on the subject of the message.
    fn delivers(&mut self, seq: u64, times: u64) {
        let mut body = Vec::new();
        payload::append(&mut body, MsgId { client: ClientId(9), conn: STORED, seq: 4 }, 20);
        let head = format!("MSG s.1 0 $JS.ACK.S.w.{times}.{seq}.{seq}.1.0 20\r\n");
        let bytes = [head.as_bytes(), &body, b"\r\n"].concat();
        self.client.on_bytes(&bytes, &mut self.rec);
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

    fn said(&mut self) -> String {
        let bytes = self.client.output().to_vec();
        self.client.accepted(bytes.len());
        String::from_utf8_lossy(&bytes).replace("\r\n", "|")
    }

    fn events(&mut self) -> String {
        let events: Vec<Event> = self.rec.history.events[self.seen..].to_vec();
        self.seen = self.rec.history.events.len();
        let names = events.iter().filter_map(|event| event.kind.name().strip_prefix("stream_"));
        names.collect::<Vec<_>>().join(" ")
    }

    fn store(&mut self, count: u32, msg_id: bool) {
        let subject = self.rec.intern("s.1");
        let how = StorePlan { window: 2, timeout_ns: SECOND, msg_id, ..StorePlan::default() };
        self.op(StreamOp::Store { stream: StreamNo(0), subject, size: 16, count, how });
    }
}

fn acked(seq: u64) -> String {
    format!("{{\"stream\":\"S\",\"seq\":{seq}}}")
}

#[test]
fn messages_are_sent_in_a_window_and_acknowledged() {
    let mut actor = Actor::connected();
    actor.store(3, true);
    let said = actor.said();
    assert!(said.starts_with("SUB _JET.3.1.* 0|PING|HPUB s.1 _JET.3.1.1 "), "{said}");
    assert!(said.contains("NATS/1.0|Nats-Msg-Id: 3.0.1||"), "{said}");
    assert_eq!(actor.events(), "sent sent");
    actor.answers(1, 1, &acked(7));
    assert_eq!(actor.events(), "acked sent");
    let Kind::Stream(event) = &actor.rec.history.events[actor.seen - 2].kind else { panic!() };
    let msg = MsgId { client: ClientId(3), conn: STORED, seq: 1 };
    let name = actor.rec.history.symbols.find("S").unwrap();
    assert_eq!(**event, StreamEvent::Acked { msg, seq: 7, duplicate: false, name });
}

#[test]
fn what_nobody_knows_is_sent_again_only_if_the_server_can_tell_that_it_is_the_same() {
    for (msg_id, then) in [(true, "unknown sent"), (false, "unknown")] {
        let mut actor = Actor::connected();
        actor.store(1, msg_id);
        assert_eq!(actor.events(), "sent");
        actor.wait(SECOND + PAUSE_NS);
        assert_eq!(actor.events(), then);
        actor.answers(1, 1, &acked(7));
        assert_eq!(actor.events(), "", "too late");
    }
}

#[test]
fn what_is_refused_for_now_is_sent_again_and_what_is_refused_is_not() {
    let mut actor = Actor::connected();
    actor.store(1, false);
    actor.status(1, 1, 503);
    assert_eq!(actor.events(), "sent refused");
    actor.wait(PAUSE_NS);
    assert_eq!(actor.events(), "sent");
    actor.answers(1, 2, r#"{"error":{"code":400,"err_code":10077,"description":"no"}}"#);
    actor.wait(10 * SECOND);
    assert_eq!(actor.events(), "refused");
}

#[test]
fn a_lost_connection_takes_all_answers_with_it() {
    let mut actor = Actor::connected();
    actor.store(3, true);
    let _ = (actor.said(), actor.events());
    actor.client.on_closed(Ending::Reset, &mut actor.rec);
    assert_eq!(actor.events(), "unknown unknown");
    actor.wait(SECOND);
    assert!(matches!(actor.client.order(), Some(Order::Dial(_))));
    actor.client.on_open(&mut actor.rec);
    actor.server("INFO {\"server_id\":\"S\"} \r\nPONG\r\n");
    let said = actor.said();
    assert!(said.contains("SUB _JET.3.2.* 0|PING|HPUB s.1 _JET.3.2.3 "), "{said}");
    assert_eq!(actor.events(), "sent sent", "in their order, with their names");
    assert!(said.find("3.0.1||") < said.find("3.0.2||"), "{said}");
}

#[test]
fn deliveries_are_worked_on_and_answered() {
    let mut actor = Actor::connected();
    let work = WorkPlan { batch: 2, expires_ns: SECOND, ..WorkPlan::default() };
    actor.op(StreamOp::Consume { consumer: ConsumerNo(0), work });
    let said = actor.said();
    let asked =
        "PUB $JS.d.API.CONSUMER.MSG.NEXT.S.w _JET.3.1.1 32|{\"batch\":2,\"expires\":1000000000}|";
    assert!(said.ends_with(asked), "{said}");
    actor.delivers(5, 1);
    assert_eq!(actor.events(), "given answered");
    assert_eq!(actor.said(), "PUB $JS.ACK.S.w.1.5.5.1.0 4|+ACK|");
    actor.delivers(6, 2);
    let said = actor.said();
    assert!(said.contains("MSG.NEXT.S.w _JET.3.1.2"), "the batch is full, so it asks anew: {said}");
    actor.status(1, 2, 408);
    assert_eq!(actor.said(), "");
    actor.wait(20 * MS);
    assert!(actor.said().contains("MSG.NEXT.S.w _JET.3.1.3"));
    actor.op(StreamOp::Rest { consumer: ConsumerNo(0) });
    actor.status(1, 3, 408);
    actor.wait(SECOND);
    assert_eq!(actor.said(), "");
}

#[test]
fn who_does_one_thing_after_the_other_asks_for_more_when_it_has_done_with_all() {
    let mut actor = Actor::connected();
    let (expires_ns, hold_ns) = (SECOND, 10 * MS);
    let work = WorkPlan { batch: 2, expires_ns, hold_ns, in_turn: true, ..WorkPlan::default() };
    actor.op(StreamOp::Consume { consumer: ConsumerNo(0), work });
    actor.said();
    actor.delivers(5, 1);
    actor.delivers(6, 2);
    assert_eq!(actor.said(), "");
    actor.wait(10 * MS);
    let said = actor.said();
    assert_eq!(said.matches("+ACK|").count(), 2, "{said}");
    assert!(said.contains("MSG.NEXT.S.w _JET.3.1.2"), "{said}");
    assert!(said.rfind("+ACK|") < said.find("MSG.NEXT"), "{said}");
}

#[test]
fn shares_of_deliveries_are_answered_otherwise() {
    let all = 1_000_000;
    for (work, said, events) in [
        (WorkPlan { nak_ppm: all, ..WorkPlan::default() }, "-NAK|", "given answered"),
        (WorkPlan { term_ppm: all, ..WorkPlan::default() }, "+TERM|", "given answered"),
        (WorkPlan { silent_ppm: all, ..WorkPlan::default() }, "", "given"),
    ] {
        let mut actor = Actor::connected();
        let work = WorkPlan { batch: 9, expires_ns: SECOND, ..work };
        actor.op(StreamOp::Consume { consumer: ConsumerNo(0), work });
        actor.said();
        actor.delivers(5, 1);
        assert!(actor.said().ends_with(said));
        assert_eq!(actor.events(), events);
    }
    let mut actor = Actor::connected();
    let work = WorkPlan { batch: 9, expires_ns: SECOND, double_ppm: all, ..WorkPlan::default() };
    actor.op(StreamOp::Consume { consumer: ConsumerNo(0), work });
    actor.said();
    actor.delivers(5, 1);
    assert_eq!(actor.said(), "PUB $JS.ACK.S.w.1.5.5.1.0 _JET.3.1.2 4|+ACK|");
    actor.answers(1, 2, "");
    assert_eq!(actor.events(), "given answered confirmed");
}

#[test]
fn what_is_pushed_comes_on_its_own_subject() {
    let mut actor = Actor::connected();
    actor.op(StreamOp::Consume { consumer: ConsumerNo(1), work: WorkPlan::default() });
    assert!(actor.said().contains("SUB push.it 1073741825|"));
    let hello = "MSG push.it 1073741825 $JS.ACK.S.p.1.3.4.1.0 2\r\nhi\r\n";
    actor.server(hello);
    assert_eq!(actor.events(), "given answered");
    assert_eq!(actor.said(), "PUB $JS.ACK.S.p.1.3.4.1.0 4|+ACK|");
    let head = "NATS/1.0 100 FlowControl Request\r\n\r\n";
    let len = head.len();
    actor.server(&format!("HMSG push.it 1073741825 $JS.FC.x {len} {len}\r\n{head}\r\n"));
    assert_eq!(actor.said(), "PUB $JS.FC.x 0||");
}

#[test]
fn keys_are_written_with_the_revision_that_was_seen_and_read_back() {
    let mut actor = Actor::connected();
    let subject = actor.rec.intern("$KV.b.k1");
    let key =
        |what| StreamOp::Key { stream: StreamNo(1), subject, what, size: 16, timeout_ns: SECOND };
    actor.op(key(KeyOp::Create));
    assert!(actor.said().contains("Nats-Expected-Last-Subject-Sequence: 0|"));
    actor.answers(1, 1, &acked(4));
    actor.op(key(KeyOp::Update));
    assert!(actor.said().contains("Nats-Expected-Last-Subject-Sequence: 4|"));
    actor.op(key(KeyOp::Delete));
    assert!(actor.said().contains("NATS/1.0|KV-Operation: DEL||"));
    actor.op(key(KeyOp::Get));
    assert!(actor.said().starts_with("PUB $JS.d.API.DIRECT.GET.KV_b.$KV.b.k1 _JET.3.1.4 0|"));
    actor.status(1, 4, 404);
    assert_eq!(actor.events(), "sent acked sent sent read got");
    actor.op(key(KeyOp::Get));
    actor.wait(SECOND);
    assert_eq!(actor.events(), "read unknown unknown untold");
}

#[test]
fn streams_are_made_one_after_the_other_and_read_back() {
    let mut actor = Actor::connected();
    actor.op(StreamOp::Make);
    assert!(actor.said().contains("PUB $JS.d.API.STREAM.CREATE.S _JET.3.1.1 12|{\"name\":\"S\"}|"));
    actor.status(1, 1, 503);
    actor.wait(PAUSE_NS);
    assert!(actor.said().contains("STREAM.CREATE.S _JET.3.1.2"), "it is there later");
    actor.answers(1, 2, r#"{"config":{}}"#);
    assert!(actor.said().contains("STREAM.CREATE.KV_b"));
    actor.answers(1, 3, r#"{"error":{"code":500,"err_code":10049,"description":"no"}}"#);
    let said = actor.said();
    assert!(said.contains("CONSUMER.CREATE.S.w _JET.3.1.4 "), "{said}");
    assert!(said.contains("{\"stream_name\":\"S\",\"config\":{"), "{said}");
    assert_eq!(actor.events(), "made api_error");
    actor.answers(1, 4, "{}");
    actor.answers(1, 5, "{}");
    assert_eq!(actor.events(), "consumer_made consumer_made");
    actor.said();

    actor.op(StreamOp::Audit);
    assert!(actor.said().starts_with("PUB $JS.d.API.STREAM.INFO.S _JET.3.1.6 "));
    let state = r#"{"state":{"messages":2,"bytes":9,"first_seq":4,"last_seq":6}}"#;
    actor.answers(1, 6, state);
    let said = actor.said();
    assert_eq!(said.matches("STREAM.MSG.GET.S").count(), 3, "{said}");
    let message = r#"{"message":{"subject":"s.1","seq":4,"data":"YWI="}}"#;
    actor.answers(1, 7, message);
    actor.answers(1, 8, r#"{"error":{"code":404,"err_code":10037,"description":"no"}}"#);
    assert_eq!(actor.events(), "state stored hole");
    actor.wait(API_NS + PAUSE_NS);
    assert!(actor.said().contains("STREAM.MSG.GET.S _JET.3.1.10"), "nobody answered to the third");
    actor.answers(1, 10, message);
    assert!(actor.said().starts_with("PUB $JS.d.API.STREAM.INFO.S _JET.3.1.11 "));
    let lost =
        r#"{"state":{"messages":2,"bytes":9,"first_seq":4,"last_seq":6,"lost":{"msgs":[5]}}}"#;
    actor.answers(1, 11, lost);
    assert_eq!(actor.events(), "stored damaged state audited");
    actor.answers(1, 12, r#"{"error":{"code":404,"err_code":10059,"description":"no"}}"#);
    assert_eq!(actor.events(), "api_error audited", "what is not there has been read");
    actor.answers(1, 13, r#"{"delivered":{"consumer_seq":3,"stream_seq":6},"ack_floor":{"consumer_seq":2,"stream_seq":5},"num_pending":0,"num_ack_pending":1}"#);
    assert_eq!(actor.events(), "consumer_state");
}

#[test]
fn only_what_is_of_the_node_is_made_there() {
    let plan = Plan::parse(PLAN).unwrap();
    let known = Known::of(&plan);
    assert_eq!(known.streams_of(NodeId(0)).len(), 2);
    assert!(known.streams_of(NodeId(1)).is_empty() && known.consumers_of(NodeId(1)).is_empty());
}
