//! Advisories of nats-server 2.15.1 with ids and times made equal: subject, tab, document.

use std::string::String;

use super::*;

const OBSERVED: &str = include_str!("../observed/advisories.txt");
const TIME: Time = Time::from_nanos(1_767_323_045_123_456_789);

#[track_caller]
fn check<A: Advisory>(value: &A) {
    let json = advisory(value, "ABCDEFGHIJKLMNOPQRSTUV", TIME);
    let got = value.subject() + "\t" + &String::from_utf8(json).unwrap();
    assert!(OBSERVED.lines().any(|line| line == got), "{got}");
}

fn client() -> Option<ClientInfo> {
    Some(ClientInfo {
        start: Some(TIME),
        host: "127.0.0.1".into(),
        id: 5,
        acc: "$G".into(),
        rtt: Nanos(123_456),
        server: "S1".into(),
        kind: "Client".into(),
        client_type: "nats".into(),
        ..ClientInfo::default()
    })
}

#[test]
fn actions() {
    for action in [Action::Create, Action::Modify, Action::Delete] {
        check(&StreamAction { stream: "S".into(), action, ..StreamAction::default() });
    }
    check(&ConsumerEvent { stream: "S".into(), consumer: "C".into(), ..ConsumerEvent::default() });
    for paused in [false, true] {
        let pause_until = if paused { "2099-01-01T00:00:00Z".parse().unwrap() } else { Time::ZERO };
        check(&ConsumerPause {
            stream: "S".into(),
            consumer: "D".into(),
            paused,
            pause_until,
            ..ConsumerPause::default()
        });
    }
}

#[test]
fn deliveries() {
    let (stream, consumer) = (String::from("S"), String::from("D"));
    check(&AckMetric {
        stream: stream.clone(),
        consumer: consumer.clone(),
        consumer_seq: 1,
        stream_seq: 1,
        ack_time: Nanos(123_456),
        deliveries: 1,
        ..AckMetric::default()
    });
    check(&MsgNaked {
        stream: stream.clone(),
        consumer: consumer.clone(),
        consumer_seq: 2,
        stream_seq: 2,
        deliveries: 1,
        ..MsgNaked::default()
    });
    check(&MsgTerminated {
        stream: stream.clone(),
        consumer,
        consumer_seq: 3,
        stream_seq: 2,
        deliveries: 2,
        reason: "because".into(),
        ..MsgTerminated::default()
    });
    check(&MaxDeliver {
        stream,
        consumer: "C".into(),
        stream_seq: 1,
        deliveries: 1,
        ..MaxDeliver::default()
    });
}

#[test]
fn pins() {
    check(&GroupPinned {
        account: "$G".into(),
        stream: "S".into(),
        consumer: "C".into(),
        group: "g".into(),
        pinned_id: "ABCDEFGHIJKLMNOPQRSTUV".into(),
        ..GroupPinned::default()
    });
    check(&GroupUnpinned {
        account: "$G".into(),
        stream: "S".into(),
        consumer: "C".into(),
        group: "g".into(),
        reason: "admin".into(),
        ..GroupUnpinned::default()
    });
}

#[test]
fn copies_and_batches() {
    let state = StreamState {
        messages: 4,
        bytes: 136,
        first_seq: 1,
        first_ts: TIME,
        last_seq: 4,
        last_ts: TIME,
        num_subjects: 1,
        consumer_count: 2,
        ..StreamState::default()
    };
    check(&SnapshotCreate {
        stream: "S".into(),
        state,
        client: client(),
        ..SnapshotCreate::default()
    });
    check(&SnapshotComplete {
        stream: "S".into(),
        start: TIME,
        end: TIME,
        client: client(),
        ..SnapshotComplete::default()
    });
    check(&RestoreCreate { stream: "BACK".into(), client: client(), ..RestoreCreate::default() });
    check(&BatchAbandoned {
        stream: "S".into(),
        batch: "b1".into(),
        reason: "incomplete".into(),
        ..BatchAbandoned::default()
    });
}

#[test]
fn a_request() {
    let audit = ApiAudit {
        server: "S1".into(),
        client: client(),
        subject: "$JS.API.STREAM.NAMES".into(),
        response: "{}".into(),
        ..ApiAudit::default()
    };
    assert_eq!(audit.subject(), "$JS.EVENT.ADVISORY.API");
    assert!(audit.to_json().ends_with(br#","subject":"$JS.API.STREAM.NAMES","response":"{}"}"#));
}
