//! The level of the API: which servers understand a stream or consumer, as its metadata says.

use alloc::string::{String, ToString};

use super::consumer::{AckPolicy, ConsumerConfig, PriorityPolicy};
use super::stream::{Metadata, PersistMode, StreamConfig};

/// The level that nats-server 2.15 speaks, and so this server.
pub const LEVEL: i64 = 5;

/// The level that a stream or consumer needs.
pub const REQUIRED_LEVEL: &str = "_nats.req.level";
/// The version of the server that answers; not stored.
pub const SERVER_VERSION: &str = "_nats.ver";
/// The level that it speaks; not stored.
pub const SERVER_LEVEL: &str = "_nats.level";

/// The level that a stream needs.
#[must_use]
pub fn of_stream(config: &StreamConfig) -> i64 {
    let markers = config.subject_delete_marker_ttl.0 > 0;
    let needs = [
        (config.allow_msg_ttl || markers, 1),
        (config.allow_msg_counter, 2),
        (config.allow_atomic, 2),
        (config.allow_msg_schedules, 2),
        (config.persist_mode == PersistMode::Async, 2),
        (config.allow_batched, 4),
    ];
    highest(&needs)
}

/// The level that a consumer needs.
#[must_use]
pub fn of_consumer(config: &ConsumerConfig) -> i64 {
    let groups = config.priority_policy != PriorityPolicy::None
        || !config.priority_timeout.is_zero()
        || !config.priority_groups.is_empty();
    let needs = [
        (config.pause_until.is_some_and(|time| !time.is_zero()), 1),
        (groups, 1),
        (config.ack_policy == AckPolicy::FlowControl, 4),
    ];
    highest(&needs)
}

fn highest(needs: &[(bool, i64)]) -> i64 {
    needs.iter().filter(|(needed, _)| *needed).map(|(_, level)| *level).max().unwrap_or(0)
}

/// Writes down the level that a stream needs, and forgets who answered last.
pub fn stamp_stream(config: &mut StreamConfig) {
    let level = of_stream(config);
    stamp(&mut config.metadata, level);
}

/// Writes down the level that a consumer needs, and forgets who answered last.
pub fn stamp_consumer(config: &mut ConsumerConfig) {
    let level = of_consumer(config);
    stamp(&mut config.metadata, level);
}

fn stamp(metadata: &mut Metadata, level: i64) {
    forget_server(metadata);
    metadata.insert(REQUIRED_LEVEL.into(), level.to_string());
}

/// The metadata as an answer shows it, with the server that answers.
#[must_use]
pub fn shown(metadata: &Metadata, version: &str) -> Metadata {
    let mut shown = metadata.clone();
    shown.insert(SERVER_VERSION.into(), version.into());
    shown.insert(SERVER_LEVEL.into(), LEVEL.to_string());
    shown
}

/// Takes over the level that is written down for what exists, so that it makes no difference in a
/// comparison with it.
pub fn adopt(metadata: &mut Metadata, existing: &Metadata) {
    forget_server(metadata);
    match existing.get(REQUIRED_LEVEL) {
        Some(level) => metadata.insert(REQUIRED_LEVEL.into(), level.clone()),
        None => metadata.remove(REQUIRED_LEVEL),
    };
}

/// Whether this server understands what needs the level that is written down.
#[must_use]
pub fn is_supported(metadata: &Metadata) -> bool {
    let level = metadata.get(REQUIRED_LEVEL).map_or("", String::as_str);
    level.is_empty() || level.parse::<i64>().is_ok_and(|level| level <= LEVEL)
}

fn forget_server(metadata: &mut Metadata) {
    metadata.remove(SERVER_VERSION);
    metadata.remove(SERVER_LEVEL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::{Nanos, Time};

    #[test]
    fn streams_need_what_they_allow() {
        let base = StreamConfig::default();
        assert_eq!(of_stream(&base), 0);
        assert_eq!(of_stream(&StreamConfig { allow_msg_ttl: true, ..base.clone() }), 1);
        let markers = StreamConfig { subject_delete_marker_ttl: Nanos(1), ..base.clone() };
        assert_eq!(of_stream(&markers), 1);
        let batches = StreamConfig { allow_batched: true, allow_atomic: true, ..base };
        assert_eq!(of_stream(&batches), 4);
    }

    #[test]
    fn consumers_need_what_they_use() {
        let base = ConsumerConfig::default();
        assert_eq!(of_consumer(&base), 0);
        let resumed = ConsumerConfig { pause_until: Some(Time::ZERO), ..base.clone() };
        assert_eq!(of_consumer(&resumed), 0);
        let paused = ConsumerConfig { pause_until: Some(Time::from_nanos(1)), ..base.clone() };
        assert_eq!(of_consumer(&paused), 1);
        assert_eq!(of_consumer(&ConsumerConfig { ack_policy: AckPolicy::FlowControl, ..base }), 4);
    }

    #[test]
    fn what_is_written_down() {
        let mut metadata = Metadata::from([("a".into(), "b".into())]);
        metadata.insert(SERVER_LEVEL.into(), "9".into());
        stamp(&mut metadata, 2);
        assert_eq!(metadata.len(), 2);
        assert!(is_supported(&metadata));
        let answer = shown(&metadata, "2.15.1");
        assert_eq!(answer.get(SERVER_VERSION).map(String::as_str), Some("2.15.1"));
        assert_eq!(answer.get(SERVER_LEVEL).map(String::as_str), Some("5"));
        let mut request = Metadata::from([(SERVER_VERSION.into(), "x".into())]);
        adopt(&mut request, &metadata);
        assert_eq!(request, Metadata::from([(REQUIRED_LEVEL.into(), "2".into())]));
        adopt(&mut request, &Metadata::new());
        assert!(request.is_empty());
        for (level, supported) in [("5", true), ("6", false), ("x", false), ("", true)] {
            let metadata = Metadata::from([(REQUIRED_LEVEL.into(), level.into())]);
            assert_eq!(is_supported(&metadata), supported, "{level}");
        }
    }
}
