//! Pull requests and their statuses.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use causeway_wire::jetstream::{ConsumerConfig, Nanos};

use super::super::Closing;
use super::{World, filled, pull, push};
use crate::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_number_or_nothing_asks_for_messages() {
    let mut world = filled(pull(), 4);
    assert_eq!(world.fetch(""), ["in: a@1 #1 x1 +3"]);
    assert_eq!(world.fetch("2"), ["in: a@2 #2 x1 +2", "in: a@3 #3 x1 +1"]);
    assert_eq!(world.fetch("what?"), ["in: a@4 #4 x1 +0"]);
    assert_eq!(world.fetch("{}"), [""; 0], "nothing is left, so it waits");
    world.store("a");
    assert_eq!(world.pump(), ["in: a@5 #5 x1 +0"]);
}

#[test]
fn a_request_waits_until_it_expires() {
    let mut world = World::new(pull());
    assert_eq!(world.fetch(r#"{"batch":2,"expires":2000000000}"#), [""; 0]);
    world.store("a");
    assert_eq!(world.pump(), ["in: a@1 #1 x1 +0"]);
    world.pass(SECOND);
    assert_eq!(world.take(), [""; 0]);
    world.pass(SECOND);
    let timeout = "in: 408 Request Timeout Nats-Pending-Messages=1 Nats-Pending-Bytes=0";
    assert_eq!(world.take(), [timeout]);
    world.store("a");
    assert_eq!(world.pump(), [""; 0], "nothing comes after the end");
}

#[test]
fn who_does_not_wait_is_told_that_there_is_nothing() {
    let mut world = World::new(pull());
    assert_eq!(world.fetch(r#"{"batch":2,"no_wait":true}"#), ["in: 404 No Messages"]);
    world.store("a");
    let got = ["in: a@1 #1 x1 +0", "in: 404 No Messages"];
    assert_eq!(world.fetch(r#"{"batch":2,"no_wait":true}"#), got);
    let one_shot = r#"{"batch":2,"no_wait":true,"expires":5000000000}"#;
    assert_eq!(world.fetch(one_shot), [""; 0], "it waits for the first message");
    world.store("a");
    assert_eq!(world.pump(), ["in: a@2 #2 x1 +0", "in: 404 No Messages"]);
}

#[test]
fn who_does_not_wait_is_told_that_others_were_first() {
    let mut world = filled(pull(), 2);
    world.consumer.config.max_ack_pending = 1;
    assert_eq!(world.fetch("1"), ["in: a@1 #1 x1 +1"]);
    assert_eq!(world.fetch("5"), [""; 0], "it waits for an ack");
    assert_eq!(world.fetch(r#"{"batch":1,"no_wait":true}"#), ["in: 408 Requests Pending"]);
}

#[test]
fn max_ack_pending_is_not_the_end_of_the_messages() {
    let mut world = filled(pull(), 2);
    world.consumer.config.max_ack_pending = 1;
    assert_eq!(world.fetch(r#"{"batch":2,"no_wait":true}"#), ["in: a@1 #1 x1 +1"]);
    world.ack(1, "");
    assert_eq!(world.pump(), ["in: a@2 #2 x1 +0"]);
}

#[test]
fn who_does_not_wait_does_not_wait_for_acks_of_others_either() {
    let mut world = filled(pull(), 2);
    world.consumer.config.max_ack_pending = 1;
    let body = r#"{"batch":2,"no_wait":true,"expires":5000000000,"idle_heartbeat":1000000000}"#;
    assert_eq!(world.fetch(body), ["in: a@1 #1 x1 +1"]);
    world.pass(SECOND - Duration::from_nanos(1));
    assert_eq!(world.take(), [""; 0], "an ack may come at once");
    world.pass(Duration::from_nanos(1));
    assert_eq!(world.take(), ["in: 404 No Messages"]);
    world.ack(1, "");
    assert_eq!(world.pump(), [""; 0], "nobody asks any more");
}

#[test]
fn bytes_are_counted_with_subject_ack_subject_header_and_payload() {
    let mut world = World::new(pull());
    for _ in 0..3 {
        world.store_message("a", "", "0123456789");
    }
    // a, $JS.ACK.S.C.1.1.1.1000000000000000000.2, the payload
    let each = 1 + 39 + 10;
    let exactly = format!(r#"{{"batch":9,"max_bytes":{each}}}"#);
    assert_eq!(world.fetch(&exactly), ["in: a@1 #1 x1 +2"], "and no word of what is left");
    let more = format!(r#"{{"batch":1,"max_bytes":{}}}"#, each + 7);
    let done = "in: 409 Batch Completed Nats-Pending-Messages=0 Nats-Pending-Bytes=7";
    assert_eq!(world.fetch(&more), ["in: a@2 #2 x1 +1", done]);
    let less = format!(r#"{{"batch":2,"max_bytes":{}}}"#, each - 1);
    let refused = format!(
        "in: 409 Message Size Exceeds MaxBytes Nats-Pending-Messages=2 Nats-Pending-Bytes={}",
        each - 1
    );
    assert_eq!(world.fetch(&less), [refused]);
    assert_eq!(world.fetch("1"), ["in: a@3 #3 x1 +0"], "the message is for the next one");
}

#[test]
fn batches_share_what_comes() {
    let mut world = World::new(pull());
    world.pull("2", "x");
    world.pull("2", "y");
    world.store_all(["a"; 4]);
    let got: Vec<_> = world.pump().iter().map(|line| line[..1].to_string()).collect();
    assert_eq!(got, ["x", "y", "x", "y"]);
}

#[test]
fn the_queue_has_an_end() {
    let mut world = World::new(ConsumerConfig { max_waiting: 1, ..pull() });
    world.pull("1", "x");
    assert_eq!(world.fetch("1"), ["in: 409 Exceeded MaxWaiting"]);
    let with_heartbeat = r#"{"batch":1,"expires":10000000000,"idle_heartbeat":1000000000}"#;
    assert_eq!(world.fetch(with_heartbeat), [""; 0], "its client notices by itself");
    world.deaf.insert(b"x".to_vec());
    assert_eq!(world.fetch("1"), ["in: 409 Exceeded MaxWaiting"], "one look a second");
    world.pass(SECOND);
    assert_eq!(world.fetch("1"), [""; 0], "the other one was gone");
}

#[test]
fn nobody_gets_what_they_do_not_listen_for() {
    let mut world = World::new(pull());
    world.pull("2", "x");
    world.pull("1", "y");
    world.deaf.insert(b"x".to_vec());
    world.store_all(["a"; 2]);
    assert_eq!(world.pump(), ["y: a@1 #1 x1 +1"]);
    assert_eq!(world.consumer.waiting.len(), 0);
    assert_eq!(world.numbers(), [1, 0, 1, 0, 1], "the second message was not touched");
}

#[test]
fn who_has_gone_since_the_last_message_gets_none() {
    let mut world = World::new(pull());
    world.pull("3", "x");
    world.store_all(["a"; 2]);
    assert_eq!(world.pump(), ["x: a@1 #1 x1 +1", "x: a@2 #2 x1 +0"]);
    world.deaf.insert(b"x".to_vec());
    world.store_all(["a"]);
    assert_eq!(world.pump(), [""; 0]);
    assert_eq!(world.consumer.waiting.len(), 0);
}

#[test]
fn limits_of_the_configuration() {
    let mut world = World::new(ConsumerConfig {
        max_batch: 10,
        max_expires: Nanos::millis(1500),
        max_bytes: 1000,
        ..pull()
    });
    let cases = [
        ("11", "in: 409 Exceeded MaxRequestBatch of 10"),
        (r#"{"batch":1,"expires":1600000000}"#, "in: 409 Exceeded MaxRequestExpires of 1.5s"),
        (r#"{"batch":1,"max_bytes":1001}"#, "in: 409 Exceeded MaxRequestMaxBytes of 1000"),
        (
            r#"{"batch":1,"expires":1000000000,"idle_heartbeat":600000000}"#,
            "in: 400 Bad Request - heartbeat value too large",
        ),
        (
            r#"{"batch":1,"min_pending":2}"#,
            "in: 400 Bad Request - Not a Overflow Priority consumer",
        ),
        (r#"{"batch":1,"id":"x"}"#, "in: 400 Bad Request - Not a Pinned Client Priority consumer"),
        (r#"{"batch":1,"priority":10}"#, "in: 400 Bad Request - Priority must be between 0 and 9"),
    ];
    for (request, status) in cases {
        assert_eq!(world.fetch(request), [status]);
    }
    world.pull("{bad", "in");
    assert!(world.take()[0].starts_with("in: 400 Bad Request - "));
    assert_eq!(world.fetch("10"), [""; 0]);
}

#[test]
fn a_push_consumer_is_not_pulled() {
    let mut world = World::new(push());
    assert_eq!(world.fetch("1"), ["in: 409 Consumer is push based"]);
}

#[test]
fn a_silent_request_hears_heartbeats() {
    let mut world = World::new(pull());
    let request = r#"{"batch":9,"expires":3500000000,"idle_heartbeat":1000000000}"#;
    assert_eq!(world.fetch(request), [""; 0]);
    world.pass(SECOND);
    let beat = "in: 100 Idle Heartbeat Nats-Last-Consumer=0 Nats-Last-Stream=0";
    assert_eq!(world.take(), [beat]);
    world.pass(SECOND / 2);
    world.store("a");
    assert_eq!(world.pump(), ["in: a@1 #1 x1 +0"]);
    world.pass(SECOND * 9 / 10);
    assert_eq!(world.take(), [""; 0], "it has heard something since");
    world.pass(SECOND);
    let beat = "in: 100 Idle Heartbeat Nats-Last-Consumer=1 Nats-Last-Stream=1";
    assert_eq!(world.take(), [beat]);
    world.pass(SECOND);
    let timeout = "in: 408 Request Timeout Nats-Pending-Messages=8 Nats-Pending-Bytes=0";
    assert_eq!(world.take(), [beat, timeout][1..]);
}

#[test]
fn waiting_requests_hear_of_the_end() {
    let mut world = World::new(pull());
    world.pull(r#"{"batch":3,"max_bytes":10}"#, "x");
    world.turn(|consumer, turn| consumer.close(turn, Closing::Shutdown));
    let stopped = "x: 409 Server Shutdown Nats-Pending-Messages=3 Nats-Pending-Bytes=10";
    assert_eq!(world.take(), [stopped]);
    world.pull("1", "y");
    world.turn(|consumer, turn| consumer.close(turn, Closing::Deleted));
    assert_eq!(world.take(), ["y: 409 Consumer Deleted"]);
}

#[test]
fn headers_only_tells_the_size() {
    let mut world = World::new(ConsumerConfig { headers_only: true, ..pull() });
    world.store_message("a", "NATS/1.0\r\nA: b\r\n\r\n", "0123456789");
    assert_eq!(world.fetch("1"), ["in: a@1 #1 x1 +0 Nats-Msg-Size: 10; (no payload)"]);
}
