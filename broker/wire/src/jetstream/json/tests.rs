//! What nats-server 2.15.1 said about requests, with `strict` on and off.

use alloc::vec::Vec;
use std::string::{String, ToString};

use proptest::prelude::*;

use super::{JsonError, Unknown, is_empty_request, is_object_or_array};
use crate::jetstream::request::*;

/// A line is a JSON array: the API's name, the request (`hex:` before bytes that are not UTF-8),
/// and what was wrong with it, strictly and not; empty if nothing was.
const OBSERVED: &str = include_str!("../observed/json.txt");

fn words<T>(result: Result<T, JsonError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| String::new())
}

fn parse(api: &str, json: &[u8], unknown: Unknown) -> String {
    let api = api.trim_end_matches(".C").trim_end_matches(".S");
    // These are passed over unless they look like JSON.
    let looked_at = is_object_or_array(json);
    match api {
        "STREAM.INFO" if looked_at => words(StreamInfoRequest::parse(json, unknown)),
        "STREAM.NAMES" if looked_at => words(StreamNamesRequest::parse(json, unknown)),
        "STREAM.LIST" if looked_at => words(StreamListRequest::parse(json, unknown)),
        "STREAM.PURGE" if looked_at => words(StreamPurgeRequest::parse(json, unknown)),
        "CONSUMER.NAMES" | "CONSUMER.LIST" if looked_at => {
            words(ConsumersRequest::parse(json, unknown))
        }
        "CONSUMER.PAUSE" if looked_at => words(ConsumerPauseRequest::parse(json, unknown)),
        "STREAM.UPDATE" => words(StreamConfigRequest::parse(json, unknown)),
        "STREAM.MSG.GET" => words(MsgGetRequest::parse(json, unknown)),
        "STREAM.MSG.DELETE" => words(MsgDeleteRequest::parse(json, unknown)),
        "STREAM.SNAPSHOT" => words(StreamSnapshotRequest::parse(json, unknown)),
        "STREAM.RESTORE" => words(StreamRestoreRequest::parse(json, unknown)),
        "CONSUMER.CREATE" => words(ConsumerCreateRequest::parse(json, unknown)),
        "CONSUMER.UNPIN" => words(ConsumerUnpinRequest::parse_loosely(json)),
        "CONSUMER.RESET" => words(ConsumerResetRequest::parse_loosely(json)),
        "CONSUMER.MSG.NEXT" => words(NextRequest::parse(json)),
        // Only whether it failed can be seen.
        "DIRECT.GET" if json.is_empty() || MsgGetRequest::parse_loosely(json).is_ok() => "".into(),
        "DIRECT.GET" => "x".into(),
        // These do not look at it without a cluster.
        "STREAM.LEADER.STEPDOWN" | "STREAM.PEER.REMOVE" => String::new(),
        _ => {
            assert!(!looked_at, "{api} is not read");
            String::new()
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn requests_fail_in_the_words_of_nats_server() {
    let mut wrong = 0;
    for line in OBSERVED.lines() {
        let [api, json, strict, lenient]: [String; 4] = serde_json::from_str(line).unwrap();
        let json = json.strip_prefix("hex:").map_or(json.clone().into_bytes(), unhex);
        for (unknown, expected) in [(Unknown::Refuse, strict), (Unknown::Ignore, lenient)] {
            let got = parse(&api, &json, unknown);
            if got != expected {
                wrong += 1;
                std::eprintln!("{line}\n  {unknown:?}\n  {got}\n  {expected}");
            }
        }
    }
    assert_eq!(wrong, 0);
}

#[test]
fn requests_that_are_empty() {
    for json in ["", "{}", " { }", "{\n}\t"] {
        assert!(is_empty_request(json.as_bytes()), "{json}");
    }
    for json in [" ", "[]", "{\"a\":1}", "null", "{", "}", "{ x }"] {
        assert!(!is_empty_request(json.as_bytes()), "{json}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let json = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        words(StreamConfigRequest::parse(json.as_bytes(), Unknown::Ignore))
    };
    assert_eq!(nested(10_000), "");
    assert_eq!(nested(10_001), "exceeded max depth");
    assert_eq!(nested(1_000_000), "exceeded max depth");
    let json = "[".repeat(10_001);
    let error = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse);
    assert_eq!(words(error), "exceeded max depth at offset 10001");
}

#[test]
fn pull_requests_in_their_forms() {
    let batch = |payload: &str| NextRequest::parse(payload.as_bytes()).unwrap();
    for (payload, expected) in
        [("", 1), ("  ", 1), ("5", 5), (" +7\n", 7), ("-1", -1), ("x", 1), ("5x", 1), ("1.5", 1)]
    {
        let request = batch(payload);
        assert_eq!((request.pull.batch, request.is_json), (expected, false), "{payload}");
    }
    assert_eq!((batch("{}").pull.batch, batch("{}").is_json), (0, true));
    let request = batch(r#" {"BATCH":3,"expires":5000000000,"priority":2,"id":"p","x":1} "#);
    assert_eq!((request.pull.batch, request.pull.expires.0), (3, 5_000_000_000));
    assert_eq!((request.pull.priority, request.pull.id.as_str()), (2, "p"));
    let error = NextRequest::parse(br#"{"expires":5,"idle_heartbeat":3}"#);
    assert_eq!(words(error), "heartbeat value too large");
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(json in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = StreamConfigRequest::parse(&json, Unknown::Ignore);
        let _ = NextRequest::parse(&json);
    }

    #[test]
    fn nothing_that_looks_like_json_is_a_panic(json in "[\\[\\]{}\",:a0-9eu\\\\ .truefalsn-]{0,40}") {
        let _ = StreamConfigRequest::parse(json.as_bytes(), Unknown::Ignore);
        let metadata = std::format!(r#"{{"metadata":{{"a":{json}}},"sources":[{json}]}}"#);
        let _ = StreamConfigRequest::parse(metadata.as_bytes(), Unknown::Refuse);
    }

    /// What serde_json reads as an object of texts, this reads as the same.
    #[test]
    fn texts_are_read_as_serde_json_does(map in proptest::collection::btree_map(".*", ".*", 0..4)) {
        let json = std::format!(r#"{{"metadata":{}}}"#, serde_json::to_string(&map).unwrap());
        let request = StreamConfigRequest::parse(json.as_bytes(), Unknown::Refuse).unwrap();
        prop_assert_eq!(&request.config.metadata, &map);
        // And what this writes, serde_json.
        let json: serde_json::Value = serde_json::from_slice(&request.to_json()).unwrap();
        let metadata = json.get("metadata").cloned().unwrap_or_else(|| serde_json::json!({}));
        prop_assert_eq!(metadata, serde_json::to_value(&map).unwrap());
    }
}
