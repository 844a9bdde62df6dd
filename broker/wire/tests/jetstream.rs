//! What holds for any bytes that a client may send to JetStream.

use causeway_wire::header;
use causeway_wire::jetstream::api::ApiSubject;
use causeway_wire::jetstream::fast_batch::FastBatch;
use causeway_wire::jetstream::headers::{PublishHeaders, Rollup, Ttl};
use causeway_wire::jetstream::schedule::Schedule;
use causeway_wire::jetstream::{
    AckKind, AckSubject, ConsumerConfig, FlowControlSubject, Nanos, StreamConfig, Time, Transform,
    Unknown,
};
use proptest::prelude::*;

/// A value as nats-server looks it up: the name after a line end and before a colon.
fn look_up<'a>(block: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let start = format!("\r\n{name}:");
    let at = block.windows(start.len()).position(|window| window == start.as_bytes())?;
    let rest = &block[at + start.len()..];
    let spaces = rest.iter().take_while(|&&b| b == b' ').count();
    let value = &rest[spaces..];
    let end = value.windows(2).position(|window| window == b"\r\n").unwrap_or(value.len());
    Some(&value[..end])
}

/// Lines that are nearly headers of JetStream.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Nats-Msg-Id",
        "Nats-TTL",
        "Nats-Rollup",
        "Nats-Schedule",
        "Nats-Schedule-Target",
        "Nats-Expected-Last-Subject-Sequence",
        "Nats-Expected-Last-Subject-Sequence-Subject",
        "Nats-Incr",
        "nats-msg-id",
        "X-Nats-TTL",
        "Nats-",
        "",
    ]);
    (name, "[: ]{0,2}", "[a-zA-Z0-9:. \t\r\n-]{0,8}")
        .prop_map(|(name, mid, value)| name.to_owned() + &mid + &value)
}

proptest! {
    #[test]
    fn headers_are_found_where_nats_server_finds_them(lines in prop::collection::vec(line(), 0..8)) {
        let block = format!("NATS/1.0\r\n{}\r\n\r\n", lines.join("\r\n"));
        let block = block.as_bytes();
        let headers = PublishHeaders::parse(block);
        prop_assert_eq!(headers.msg_id, look_up(block, "Nats-Msg-Id"));
        prop_assert_eq!(headers.ttl, look_up(block, "Nats-TTL"));
        prop_assert_eq!(headers.rollup, look_up(block, "Nats-Rollup"));
        prop_assert_eq!(headers.schedule, look_up(block, "Nats-Schedule"));
        prop_assert_eq!(headers.schedule_target, look_up(block, "Nats-Schedule-Target"));
        prop_assert_eq!(
            headers.expected_last_subject_sequence,
            look_up(block, "Nats-Expected-Last-Subject-Sequence")
        );
        prop_assert_eq!(
            headers.expected_last_subject_sequence_subject,
            look_up(block, "Nats-Expected-Last-Subject-Sequence-Subject")
        );
        prop_assert_eq!(headers.incr, look_up(block, "Nats-Incr"));
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = PublishHeaders::parse(&bytes);
        let _ = (AckSubject::parse(&bytes), AckKind::parse(&bytes), Ttl::parse(&bytes));
        let _ = (ApiSubject::parse(&bytes), FlowControlSubject::parse(&bytes));
        let _ = (FastBatch::parse(&bytes), Rollup::parse(&bytes));
        let mut block = bytes.clone();
        header::remove(&mut block, b"A");
        header::push(&mut block, b"A", &bytes);
    }

    #[test]
    fn no_text_is_a_panic(
        text in "[$@]?(at|every|hourly)?[ 0-9a-z.*,/?+:TZ-]{0,30}",
        last in any::<i64>(),
        now in any::<i64>(),
    ) {
        let _ = (text.parse::<Nanos>(), text.parse::<Time>());
        if let Ok(Some(schedule)) = Schedule::parse(&text, None) {
            let _ = schedule.next(last, now);
        }
    }

    #[test]
    fn no_calendar_goes_back(
        fields in prop::collection::vec("(\\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[1-9])?", 6),
        last in 0_i64..4_000_000_000,
    ) {
        let last = last * 1_000_000_000;
        if let Ok(Some(schedule)) = Schedule::parse(&fields.join(" "), None)
            && let Some(next) = schedule.next(last, last)
        {
            let next = next.nanos();
            prop_assert!(next > last && next % 1_000_000_000 == 0);
        }
    }

    #[test]
    fn no_mapping_is_a_panic(
        source in "([*>]|[a-c]{1,2})(\\.([*>]|[a-c]{1,2})){0,3}",
        template in "(\\.?(\\{\\{[a-zA-Z]{4,14}\\([0-9, -]{0,22}\\)\\}\\}|\\$[0-9-]{1,3}|>|[ab])){1,3}",
        subject in "[a-c-]{1,5}(\\.[a-c-]{1,5}){0,3}",
    ) {
        if let Ok(Some(transform)) = Transform::validated(&source, &template) {
            let _ = transform.map(subject.as_bytes(), &mut || 7);
        }
    }

    /// The largest and smallest arguments of every function.
    #[test]
    fn no_argument_is_a_panic(
        name in prop::sample::select(vec![
            "wildcard", "partition", "split", "splitfromleft", "splitfromright", "slicefromleft",
            "slicefromright", "left", "right", "random",
        ]),
        a in any::<i64>(),
        b in any::<i32>(),
        small in -3_i64..4,
    ) {
        for first in [a, i64::MIN, i64::MAX, small] {
            for template in [format!("{{{{{name}({first},{b})}}}}"), format!("{{{{{name}({first})}}}}")] {
                if let Ok(Some(transform)) = Transform::validated("*.*", &template) {
                    let _ = transform.map(b"abc.d", &mut || u32::MAX);
                }
            }
        }
    }

    #[test]
    fn spans_and_times_read_back(nanos in any::<i64>()) {
        prop_assert_eq!(Nanos(nanos).to_string().parse(), Ok(Nanos(nanos)));
        let time = Time::from_nanos(nanos);
        prop_assert_eq!(time.nanos(), nanos);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn ack_subjects_read_back(numbers in any::<(u64, u64, u64, u64)>(), timestamp in 0_i64..) {
        let (deliveries, stream_seq, consumer_seq, pending) = numbers;
        let subject = AckSubject {
            stream: b"S", consumer: b"C", deliveries, stream_seq, consumer_seq, timestamp, pending,
        };
        let mut out = Vec::new();
        subject.write(&mut out);
        prop_assert_eq!(AckSubject::parse(&out), Some(subject));
    }

    /// Configurations are kept as the JSON that is shown.
    #[test]
    fn configurations_read_back(
        (name, description, subjects) in any::<(String, String, Vec<String>)>(),
        (max_msgs, max_msg_size, first_seq, sealed) in any::<(i64, i32, u64, bool)>(),
        (backoff, pause) in any::<(Vec<i64>, Option<i64>)>(),
    ) {
        let stream = StreamConfig {
            name: name.clone(), description: description.clone(), subjects: subjects.clone(),
            max_msgs, max_msg_size, first_seq, sealed, ..StreamConfig::default()
        };
        prop_assert_eq!(StreamConfig::parse(&stream.to_json(), Unknown::Refuse), Ok(stream));
        let consumer = ConsumerConfig {
            name, description, filter_subjects: subjects,
            backoff: backoff.into_iter().map(Nanos).collect(),
            pause_until: pause.map(Time::from_nanos),
            ..ConsumerConfig::default()
        };
        prop_assert_eq!(ConsumerConfig::parse(&consumer.to_json(), Unknown::Refuse), Ok(consumer));
    }
}
