//! The rules of consumers.

use alloc::string::String;

use super::{
    MAX_DESCRIPTION, MAX_METADATA, Rules, collide, invalid, is_literal, is_subset, is_valid_name,
    is_valid_subject, metadata_len,
};
use crate::error_text::quote;
use crate::jetstream::consumer::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy};
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::info::AccountLimits;
use crate::jetstream::stream::{Retention, StreamConfig};
use crate::jetstream::time::Nanos;

/// `ack_wait` unless one is set.
const DEFAULT_ACK_WAIT: Nanos = Nanos::secs(30);
/// `max_ack_pending` unless one is set.
const DEFAULT_MAX_ACK_PENDING: i64 = 1000;
/// `max_waiting` unless one is set.
const DEFAULT_MAX_WAITING: i64 = 512;
/// `priority_timeout` of pinned clients unless one is set.
const DEFAULT_PRIORITY_TIMEOUT: Nanos = Nanos::secs(120);
/// `inactive_threshold` of a consumer that is not durable, unless one is set.
const DEFAULT_INACTIVE_THRESHOLD: Nanos = Nanos::secs(5);
/// `idle_heartbeat` of a consumer that answers to flow control acknowledge.
const FLOW_CONTROL_HEARTBEAT: Nanos = Nanos::SECOND;
/// Longest name of a priority group, in bytes.
const MAX_GROUP_NAME: usize = 16;

/// The configuration with its defaults, if it follows the rules for consumers of that stream.
///
/// # Errors
///
/// The first rule it breaks.
pub fn check_consumer(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<ConsumerConfig, ApiError> {
    let limits = rules.account.limits(replicas(config, stream));
    let mut config = config.clone();
    set_positive(&mut config, rules)?;
    set_defaults(&mut config, stream, limits, rules)?;
    check_names(&config)?;
    check_replicas(&config, stream)?;
    check_waits(&config)?;
    if config.description.len() > MAX_DESCRIPTION {
        let kind = ErrorKind::ConsumerDescriptionTooLong;
        return Err(kind.fill(&[("max", &MAX_DESCRIPTION)]));
    }
    if config.deliver_subject.is_empty() {
        check_pull(&config, stream, rules)?;
    } else {
        check_push(&config, stream)?;
    }
    check_limits(&config, stream, limits, rules)?;
    check_direct(&config)?;
    check_filters(&config)?;
    check_start(&config)?;
    check_sampling(&config)?;
    if config.flow_control && config.idle_heartbeat.is_zero() {
        return Err(ErrorKind::ConsumerWithFlowControlNeedsHeartbeats.into());
    }
    let (durable, name) = (&config.durable_name, &config.name);
    if !durable.is_empty() && !name.is_empty() && durable != name {
        return Err(ErrorKind::ConsumerCreateDurableAndNameMismatch.into());
    }
    if metadata_len(&config.metadata) > MAX_METADATA {
        let limit = alloc::format!("{}KB", MAX_METADATA / 1024);
        return Err(ErrorKind::ConsumerMetadataLength.fill(&[("limit", &limit)]));
    }
    check_priority(&config)?;
    Ok(config)
}

/// What a consumer is given when it is created or changed: how long it lives without clients, if it
/// is not durable or was not before.
pub(super) fn set_inactive_threshold(config: &mut ConsumerConfig, durable: bool) {
    if !durable && config.inactive_threshold.0 <= 0 {
        config.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    }
}

/// Number of copies of a consumer.
pub(super) fn replicas(config: &ConsumerConfig, stream: &StreamConfig) -> i64 {
    if config.num_replicas != 0 && config.num_replicas <= stream.num_replicas {
        return config.num_replicas;
    }
    let is_passing = config.durable_name.is_empty() && config.num_replicas == 0;
    if is_passing && stream.retention == Retention::Limits { 1 } else { stream.num_replicas }
}

/// Numbers below zero (or below −1, which means any) are none.
fn set_positive(config: &mut ConsumerConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    if config.max_deliver < -1 {
        rules.correct("max_deliver must be set to -1")?;
    }
    if config.max_deliver <= 0 {
        config.max_deliver = -1;
    }
    let not_negative = |value: &mut i64, name: &str| {
        if *value < 0 {
            rules.correct(&alloc::format!("{name} must not be negative"))?;
            *value = 0;
        }
        Ok(())
    };
    not_negative(&mut config.max_waiting, "max_waiting")?;
    if config.max_ack_pending < -1 {
        rules.correct("max_ack_pending must be set to -1")?;
        config.max_ack_pending = -1;
    }
    not_negative(&mut config.max_batch, "max_batch")?;
    not_negative(&mut config.max_expires.0, "max_expires")?;
    not_negative(&mut config.max_bytes, "max_bytes")?;
    not_negative(&mut config.idle_heartbeat.0, "idle_heartbeat")?;
    not_negative(&mut config.inactive_threshold.0, "inactive_threshold")?;
    not_negative(&mut config.priority_timeout.0, "priority_timeout")
}

fn set_defaults(
    config: &mut ConsumerConfig,
    stream: &StreamConfig,
    limits: &AccountLimits,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    let is_pull = config.deliver_subject.is_empty();
    if is_pull && config.max_waiting == 0 {
        config.max_waiting = DEFAULT_MAX_WAITING;
    }
    let waits = matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::All);
    if waits && config.ack_wait.is_zero() {
        config.ack_wait = DEFAULT_ACK_WAIT;
    }
    if let Some(&first) = config.backoff.first() {
        if config.ack_wait != first {
            rules.correct("first backoff value has to equal batch AckWait")?;
        }
        config.ack_wait = first;
    }
    let of_stream = &stream.consumer_limits;
    if config.max_ack_pending == 0 {
        if of_stream.max_ack_pending > 0 {
            rules.correct("max_ack_pending must be set if it's configured in stream limits")?;
        }
        config.max_ack_pending = of_stream.max_ack_pending;
    }
    if config.inactive_threshold.is_zero() {
        if of_stream.inactive_threshold.0 > 0 {
            rules.correct("inactive_threshold must be set if it's configured in stream limits")?;
        }
        config.inactive_threshold = of_stream.inactive_threshold;
    }
    if config.max_ack_pending == 0 && config.ack_policy != AckPolicy::None {
        let caps = [rules.limits.max_ack_pending, limits.max_ack_pending];
        let caps = caps.into_iter().filter(|&cap| cap > 0);
        config.max_ack_pending = caps.fold(DEFAULT_MAX_ACK_PENDING, i64::min);
    }
    if is_pull && config.max_batch == 0 && rules.limits.max_request_batch > 0 {
        rules.correct("max_request_batch must be set if it's JetStream limits are set")?;
        config.max_batch = rules.limits.max_request_batch;
    }
    let is_pinned = config.priority_policy == PriorityPolicy::PinnedClient;
    if is_pinned && config.priority_timeout.is_zero() {
        config.priority_timeout = DEFAULT_PRIORITY_TIMEOUT;
    }
    if config.ack_policy == AckPolicy::FlowControl && !rules.pedantic {
        config.flow_control = true;
        config.idle_heartbeat = FLOW_CONTROL_HEARTBEAT;
    }
    Ok(())
}

fn check_names(config: &ConsumerConfig) -> Result<(), ApiError> {
    let fits = |name: &str| name.is_empty() || is_valid_name(name);
    if !fits(&config.name) {
        return Err(invalid("consumer name can not contain '.', '*', '>', '\\', '/'"));
    }
    if !fits(&config.durable_name) {
        return Err(invalid("consumer durable name can not contain '.', '*', '>', '\\', '/'"));
    }
    Ok(())
}

fn check_replicas(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    let replicas = config.num_replicas;
    if replicas > stream.num_replicas {
        return Err(ErrorKind::ConsumerReplicasExceedsStream.into());
    }
    if replicas < 0 {
        return Err(ErrorKind::ReplicasCountCannotBeNegative.into());
    }
    if stream.retention != Retention::Limits && replicas != 0 && replicas != stream.num_replicas {
        return Err(ErrorKind::ConsumerReplicasShouldMatchStream.into());
    }
    Ok(())
}

/// The rules of what acknowledges, and of how long that may take.
fn check_waits(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.backoff.iter().any(|wait| wait.0 < 0) {
        return Err(ErrorKind::ConsumerBackOffNegative.into());
    }
    if config.ack_wait.0 < 0 {
        return Err(ErrorKind::ConsumerAckWaitNegative.into());
    }
    if config.ack_policy == AckPolicy::FlowControl {
        check_flow_control_policy(config)?;
    }
    check_backoff(config)
}

fn check_flow_control_policy(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.deliver_subject.is_empty() {
        return Err(ErrorKind::ConsumerAckFlowControlRequiresPush.into());
    }
    if !config.flow_control {
        return Err(ErrorKind::ConsumerAckFlowControlRequiresFlowControl.into());
    }
    if config.idle_heartbeat != FLOW_CONTROL_HEARTBEAT {
        return Err(invalid("flow control ack policy heartbeat needs to be 1s"));
    }
    if config.max_ack_pending <= 0 {
        return Err(ErrorKind::ConsumerAckFlowControlRequiresMaxAckPending.into());
    }
    if !config.ack_wait.is_zero() || !config.backoff.is_empty() {
        return Err(ErrorKind::ConsumerAckFlowControlRequiresNoAckWait.into());
    }
    if config.max_deliver > 0 {
        return Err(ErrorKind::ConsumerAckFlowControlRequiresNoMaxDeliver.into());
    }
    Ok(())
}

/// There are not more waits than deliveries.
fn check_backoff(config: &ConsumerConfig) -> Result<(), ApiError> {
    let waits = i64::try_from(config.backoff.len()).unwrap_or(i64::MAX);
    if waits > 0 && config.max_deliver != -1 && waits > config.max_deliver {
        return Err(ErrorKind::ConsumerMaxDeliverBackoff.into());
    }
    Ok(())
}

fn check_push(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    let subject = &config.deliver_subject;
    if !is_literal(subject) {
        return Err(ErrorKind::ConsumerDeliverToWildcards.into());
    }
    if !is_valid_subject(subject) {
        return Err(ErrorKind::ConsumerInvalidDeliverSubject.into());
    }
    if stream.subjects.iter().any(|stored| is_subset(subject, stored)) {
        return Err(ErrorKind::ConsumerDeliverCycle.into());
    }
    if config.max_waiting != 0 {
        return Err(ErrorKind::ConsumerPushMaxWaiting.into());
    }
    if config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None {
        return Err(ErrorKind::ConsumerMaxPendingAckPolicyRequired.into());
    }
    if config.idle_heartbeat.0 > 0 && config.idle_heartbeat < Nanos::millis(100) {
        return Err(ErrorKind::ConsumerSmallHeartbeat.into());
    }
    Ok(())
}

fn check_pull(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    if config.ack_policy == AckPolicy::None && stream.retention == Retention::WorkQueue {
        return Err(ErrorKind::ConsumerPullRequiresAck.into());
    }
    if config.rate_limit_bps > 0 {
        return Err(ErrorKind::ConsumerPullWithRateLimit.into());
    }
    if config.idle_heartbeat.0 > 0 {
        return Err(ErrorKind::ConsumerHeartbeatRequiresPush.into());
    }
    if config.flow_control {
        return Err(ErrorKind::ConsumerFlowControlRequiresPush.into());
    }
    if !config.max_expires.is_zero() && config.max_expires < Nanos::MILLISECOND {
        return Err(ErrorKind::ConsumerMaxRequestExpiresTooSmall.into());
    }
    let limit = rules.limits.max_request_batch;
    if limit > 0 && config.max_batch > limit {
        return Err(ErrorKind::ConsumerMaxRequestBatchExceeded.fill(&[("limit", &limit)]));
    }
    Ok(())
}

fn check_limits(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    limits: &AccountLimits,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    let of_stream = &stream.consumer_limits;
    for limit in [rules.limits.max_ack_pending, limits.max_ack_pending, of_stream.max_ack_pending] {
        if limit > 0 && config.max_ack_pending > limit {
            return Err(ErrorKind::ConsumerMaxPendingAckExcess.fill(&[("limit", &limit)]));
        }
    }
    let limit = of_stream.inactive_threshold;
    if limit.0 > 0 && config.inactive_threshold > limit {
        return Err(ErrorKind::ConsumerInactiveThresholdExcess.fill(&[("limit", &limit)]));
    }
    Ok(())
}

fn check_direct(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.direct {
        return Ok(());
    }
    if config.deliver_subject.is_empty() {
        return Err(ErrorKind::ConsumerDirectRequiresPush.into());
    }
    if !config.durable_name.is_empty() {
        return Err(ErrorKind::ConsumerDirectRequiresEphemeral.into());
    }
    Ok(())
}

fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    let (one, many) = (&config.filter_subject, &config.filter_subjects);
    if !one.is_empty() && !many.is_empty() {
        return Err(ErrorKind::ConsumerDuplicateFilterSubjects.into());
    }
    if !one.is_empty() && !is_valid_subject(one) {
        return Err(invalid("invalid subject"));
    }
    if many.iter().any(String::is_empty) {
        return Err(ErrorKind::ConsumerEmptyFilter.into());
    }
    for (at, filter) in many.iter().enumerate() {
        if !is_valid_subject(filter) {
            return Err(invalid("invalid subject"));
        }
        let mut others = many.iter().enumerate();
        if others.any(|(other, wide)| other != at && is_subset(filter, wide)) {
            return Err(ErrorKind::ConsumerOverlappingSubjectFilters.into());
        }
    }
    Ok(())
}

fn check_start(config: &ConsumerConfig) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ErrorKind::ConsumerInvalidPolicy.err(text));
    let also = |policy: &str, start: &str| {
        refuse(alloc::format!(
            "consumer delivery policy is deliver {policy}, but optional start {start} is also set"
        ))
    };
    let not_set = |policy: &str, what: &str| {
        refuse(alloc::format!(
            "consumer delivery policy is deliver {policy}, but optional {what} is not set"
        ))
    };
    let (has_seq, has_time) = (config.opt_start_seq > 0, config.opt_start_time.is_some());
    let policy = match config.deliver_policy {
        DeliverPolicy::ByStartSequence if !has_seq => {
            return not_set("by start sequence", "start sequence");
        }
        DeliverPolicy::ByStartSequence if has_time => return also("by start sequence", "time"),
        DeliverPolicy::ByStartTime if !has_time => return not_set("by start time", "start time"),
        DeliverPolicy::ByStartTime if has_seq => return also("by start time", "start sequence"),
        DeliverPolicy::ByStartSequence | DeliverPolicy::ByStartTime => return Ok(()),
        DeliverPolicy::All => "all",
        DeliverPolicy::Last => "last",
        DeliverPolicy::LastPerSubject => "last per subject",
        DeliverPolicy::New => "new",
    };
    if has_seq {
        return also(policy, "sequence");
    }
    if has_time {
        return also(policy, "time");
    }
    let is_filtered = !config.filter_subject.is_empty() || !config.filter_subjects.is_empty();
    if config.deliver_policy == DeliverPolicy::LastPerSubject && !is_filtered {
        return not_set(policy, "filter subject");
    }
    Ok(())
}

/// Sampling is a percentage with or without its sign.
fn check_sampling(config: &ConsumerConfig) -> Result<(), ApiError> {
    let text = &config.sample_freq;
    if text.is_empty() {
        return Ok(());
    }
    let text = text.strip_suffix('%').unwrap_or(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let error = match text.parse::<i64>() {
        Ok(percent) if percent >= 0 => return Ok(()),
        // There is no error to name.
        Ok(_) => String::from("<nil>"),
        Err(_) => {
            let mut error = String::from("strconv.Atoi: parsing ");
            quote(&mut error, text.as_bytes());
            error.push_str(if is_number { ": value out of range" } else { ": invalid syntax" });
            error
        }
    };
    Err(ErrorKind::ConsumerInvalidSampling.err(error))
}

fn check_priority(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.priority_policy == PriorityPolicy::None {
        if !config.priority_groups.is_empty() {
            return Err(ErrorKind::ConsumerPriorityGroupWithPolicyNone.into());
        }
        if config.priority_timeout.0 > 0 {
            return Err(ErrorKind::ConsumerPinnedTtlWithoutPriorityPolicyNone.into());
        }
        return Ok(());
    }
    if !config.deliver_subject.is_empty() {
        return Err(ErrorKind::ConsumerPushWithPriorityGroup.into());
    }
    if config.priority_groups.is_empty() {
        return Err(ErrorKind::ConsumerPriorityPolicyWithoutGroup.into());
    }
    for group in &config.priority_groups {
        if group.is_empty() {
            return Err(ErrorKind::ConsumerEmptyGroupName.into());
        }
        check_group_name(group)?;
    }
    Ok(())
}

/// Whether priority groups may have this name.
///
/// # Errors
///
/// If they may not.
pub fn check_group_name(group: &str) -> Result<(), ApiError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'=' | b'-');
    if group.is_empty() || group.len() > MAX_GROUP_NAME || !group.bytes().all(fits) {
        return Err(ErrorKind::ConsumerInvalidGroupName.into());
    }
    Ok(())
}

/// The filters of a consumer; none means all subjects.
pub(super) fn filters(config: &ConsumerConfig) -> &[String] {
    if config.filter_subject.is_empty() {
        &config.filter_subjects
    } else {
        core::slice::from_ref(&config.filter_subject)
    }
}

/// Whether a filter of a consumer of a work queue overlaps with what another takes. (A consumer
/// without filters has none that could; whether it may be created is asked before.)
#[must_use]
pub fn shares_messages(config: &ConsumerConfig, other: &ConsumerConfig) -> bool {
    let others = filters(other);
    let taken = |filter: &String| others.is_empty() || others.iter().any(|o| collide(filter, o));
    filters(config).iter().any(taken)
}

/// Whether a consumer may change so. `is_bound` says whether somebody listens on the subject that
/// the old one delivers to.
///
/// # Errors
///
/// What can not be changed.
pub fn check_consumer_update(
    old: &ConsumerConfig,
    new: &ConsumerConfig,
    is_bound: bool,
) -> Result<(), ApiError> {
    if old == new {
        return Ok(());
    }
    let same_start_time = match (old.opt_start_time, new.opt_start_time) {
        (Some(old), Some(new)) => old.is_same_as(new),
        (old, new) => old == new,
    };
    let fixed = [
        (old.deliver_policy == new.deliver_policy, "deliver policy"),
        (old.mem_storage == new.mem_storage, "storage type"),
        (old.direct == new.direct, "direct"),
        (old.sourcing == new.sourcing, "sourcing"),
        (old.opt_start_seq == new.opt_start_seq, "start sequence"),
        (same_start_time, "start time"),
        (old.ack_policy == new.ack_policy, "ack policy"),
        (old.replay_policy == new.replay_policy, "replay policy"),
        (old.idle_heartbeat == new.idle_heartbeat, "heart beats"),
        (old.flow_control == new.flow_control, "flow control"),
    ];
    let refuse = |text: &str| Err(ErrorKind::ConsumerCreate.err(text));
    if let Some((_, what)) = fixed.iter().find(|(same, _)| !same) {
        return refuse(&alloc::format!("{what} can not be updated"));
    }
    if old.deliver_subject != new.deliver_subject {
        if old.deliver_subject.is_empty() {
            return refuse("can not update pull consumer to push based");
        }
        if new.deliver_subject.is_empty() {
            return refuse("can not update push consumer to pull based");
        }
        if is_bound {
            return Err(ErrorKind::ConsumerNameExist.into());
        }
    }
    if old.max_waiting != new.max_waiting {
        return refuse("max waiting can not be updated");
    }
    check_backoff(new)
}
