//! Batches, counters and schedules as a client sees them. What nats-server says to each message is
//! compared in `tests/interop`; here stands what needs another clock, or other limits.

use alloc::format;
use alloc::string::String;

use super::streams::Streams;
use crate::Duration;
use crate::config::{BatchLimits, JetStreamConfig, JetStreamLimits};

impl Streams {
    /// Publishes with a header, gives what comes back.
    pub(super) fn publish(
        &mut self,
        subject: &str,
        reply: &str,
        fields: &str,
        payload: &str,
    ) -> String {
        let header = format!("NATS/1.0|{fields}||");
        let head = header.replace('|', "\r\n").len();
        let all = head + payload.len();
        self.send(&format!("HPUB {subject} {reply} {head} {all}|{header}{payload}|"))
    }

    /// Publishes a message of an atomic batch.
    fn member(&mut self, id: &str, number: u64, more: &str) -> String {
        let fields = format!("Nats-Batch-Id: {id}|Nats-Batch-Sequence: {number}{more}");
        self.publish("s.a", "_I.r", &fields, "x")
    }

    fn messages(&mut self) -> String {
        let info = self.request("$JS.API.STREAM.INFO.S", "");
        let (_, rest) = info.split_once(r#""messages":"#).unwrap();
        rest.split_once(',').unwrap().0.into()
    }
}

const COMMIT: &str = "|Nats-Batch-Commit: 1";

fn limited(batch: BatchLimits) -> Streams {
    let limits = JetStreamLimits { batch, ..JetStreamLimits::default() };
    Streams::with(JetStreamConfig { limits, ..JetStreamConfig::default() })
}

fn with_streams(more: &str) -> Streams {
    let mut streams = limited(BatchLimits::default());
    let created = streams.create("S", &format!(r#","subjects":["s.>"]{more}"#));
    assert!(created.contains("did_create"), "{created}");
    streams
}

#[test]
fn nothing_of_a_batch_is_there_before_its_end() {
    let mut streams = with_streams(r#","allow_atomic":true"#);
    assert_eq!(streams.member("b", 1, ""), "MSG _I.r 1 0||");
    assert_eq!(streams.member("b", 2, ""), "MSG _I.r 1 0||");
    assert_eq!(streams.messages(), "0");
    let whole = streams.member("b", 3, COMMIT);
    assert!(whole.contains(r#"{"stream":"S","seq":3,"batch":"b","count":3}"#), "{whole}");
    assert_eq!(streams.messages(), "3");
    // Its id may be used again.
    assert_eq!(streams.member("b", 1, ""), "MSG _I.r 1 0||");
}

#[test]
fn a_batch_with_a_message_that_may_not_be_stored_is_not_stored() {
    let mut streams = with_streams(r#","allow_atomic":true"#);
    streams.member("b", 1, "");
    streams.member("b", 2, "|Nats-Expected-Last-Subject-Sequence: 0");
    assert!(streams.member("b", 3, COMMIT).contains("10164"));
    assert_eq!(streams.messages(), "0");
    assert!(streams.member("b", 4, COMMIT).contains("10176"), "it is gone");
}

#[test]
fn a_batch_that_pauses_for_too_long_is_given_up() {
    let mut streams = with_streams(r#","allow_atomic":true,"allow_batched":true"#);
    streams.send("SUB $JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.S 7|");
    streams.member("b", 1, "");
    let flow = streams.send("PUB s.a _I.f.id.10.fail.1.0.$FI 1|x|");
    assert!(flow.contains(r#"{"type":"ack","seq":0,"msgs":10}"#), "{flow}");
    streams.world.pass(Duration::from_secs(9));
    assert_eq!(streams.member("b", 2, ""), "MSG _I.r 1 0||");
    streams.world.pass(Duration::from_secs(9));
    assert_eq!(streams.send("PING|"), "PONG|", "it was used 9 s ago");
    streams.world.pass(Duration::from_secs(1));
    let advisory = streams.send("PING|");
    assert!(advisory.contains(r#""batch":"b","reason":"timeout""#), "{advisory}");
    assert!(streams.member("b", 3, COMMIT).contains("10176"));
    let unknown = streams.send("PUB s.a _I.f.id.10.fail.2.1.$FI 1|x|");
    assert!(unknown.contains("10208"), "{unknown}");
}

#[test]
fn batches_have_the_limits_of_the_configuration() {
    let batch = BatchLimits {
        max_inflight_per_stream: Some(2),
        max_inflight_total: Some(3),
        max_msgs: 2,
        ..BatchLimits::default()
    };
    let mut streams = limited(batch);
    streams.create("S", r#","subjects":["s.>"],"allow_atomic":true,"allow_batched":true"#);
    streams.create("T", r#","subjects":["t.>"],"allow_atomic":true"#);
    streams.member("a", 1, "");
    streams.member("b", 1, "");
    assert!(streams.member("c", 1, "").contains("10210"), "two of one stream");
    let fields = |id: &str| format!("Nats-Batch-Id: {id}|Nats-Batch-Sequence: 1");
    assert_eq!(streams.publish("t.a", "_I.r", &fields("a"), ""), "MSG _I.r 1 0||");
    let fourth = streams.publish("t.a", "_I.r", &fields("b"), "");
    assert!(fourth.contains("10210"), "three of all: {fourth}");
    streams.member("a", 2, "");
    assert!(streams.member("a", 3, "").contains("10199"), "two messages of one batch");
    assert_eq!(streams.publish("t.a", "_I.r", &fields("b"), ""), "MSG _I.r 1 0||");
    for (id, refused) in [("x", false), ("y", false), ("z", true)] {
        let answer = streams.send(&format!("PUB s.a _I.f.{id}.10.fail.1.0.$FI 1|x|"));
        assert_eq!(answer.contains("10211"), refused, "{answer}");
    }
    // What is given up with its stream does not count any more.
    streams.create("U", r#","subjects":["u.>"],"allow_atomic":true"#);
    assert!(streams.publish("u.a", "_I.r", &fields("a"), "").contains("10210"));
    streams.request("$JS.API.STREAM.DELETE.S", "");
    assert_eq!(streams.publish("u.a", "_I.r", &fields("a"), ""), "MSG _I.r 1 0||");
}

#[test]
fn a_counter_is_the_sum_of_its_increments() {
    let mut streams = with_streams(r#","allow_msg_counter":true,"allow_atomic":true"#);
    let mut last = String::new();
    for incr in ["1", "+20", "-300", "99999999999999999999"] {
        last = streams.publish("s.a", "_I.r", &format!("Nats-Incr: {incr}"), "");
    }
    assert!(last.contains(r#""seq":4,"val":"99999999999999999720""#), "{last}");
    // A batch counts, too; with what is before it in the batch.
    let fields =
        |number: u64| format!("Nats-Batch-Id: b|Nats-Batch-Sequence: {number}|Nats-Incr: 1");
    streams.publish("s.a", "_I.r", &fields(1), "");
    streams.publish("s.a", "_I.r", &format!("{}{COMMIT}", fields(2)), "");
    streams.request("$JS.API.STREAM.MSG.DELETE.S", r#"{"seq":6}"#);
    last = streams.publish("s.a", "_I.r", "Nats-Incr: 1", "");
    assert!(last.contains(r#""seq":7,"val":"99999999999999999722""#), "{last}");
}

#[test]
fn schedules_publish_when_they_are_due() {
    let mut streams = with_streams(r#","allow_msg_schedules":true"#);
    let every = "Nats-Schedule: @every 10s|Nats-Schedule-Target: s.out";
    streams.publish("s.plan", "_I.r", every, "x");
    streams.world.pass(Duration::from_secs(9));
    assert_eq!(streams.messages(), "1");
    streams.world.pass(Duration::from_secs(2));
    assert_eq!(streams.messages(), "2");
    streams.world.pass(Duration::from_secs(100));
    assert_eq!(streams.messages(), "12");
    streams.request("s.plan", "something else");
    streams.world.pass(Duration::from_secs(100));
    assert_eq!(streams.messages(), "13", "it is no schedule any more");
}

#[test]
fn a_schedule_ends_with_what_it_publishes_or_when_it_is_told_to() {
    let mut streams = with_streams(r#","allow_msg_schedules":true,"allow_msg_ttl":true"#);
    let past = "Nats-Schedule: @at 1969-01-01T00:00:00Z|Nats-Schedule-Target: s.out";
    streams.publish("s.plan", "_I.r", past, "x");
    streams.world.pass(Duration::from_millis(1));
    let out = streams.request("$JS.API.STREAM.MSG.GET.S", r#"{"last_by_subj":"s.out"}"#);
    assert!(out.contains(r#""seq":2"#), "{out}");
    assert_eq!(streams.messages(), "1", "the schedule is gone");
    let every = "Nats-Schedule: @every 10s|Nats-Schedule-Target: s.out";
    streams.publish("s.plan", "_I.r", every, "x");
    let end = "Nats-Schedule-Next: purge|Nats-Scheduler: s.plan";
    streams.publish("s.end", "_I.r", end, "");
    streams.world.pass(Duration::from_secs(100));
    assert_eq!(streams.messages(), "2");
}
