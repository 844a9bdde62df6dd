//! The rules of streams.

use alloc::collections::BTreeSet;
use alloc::string::String;

use super::source::check_sources;
use super::{
    DEFAULT_DUPLICATE_WINDOW, MAX_DESCRIPTION, MAX_METADATA, MAX_NAME, MAX_REPLICAS, Rules,
    collide, invalid, is_subset, is_valid_name, is_valid_subject, metadata_len,
};
use crate::error_text::quote;
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::stream::{
    Discard, PersistMode, Placement, RePublish, Retention, Storage, StreamConfig,
};
use crate::jetstream::time::Nanos;
use crate::jetstream::transform::Transform;

/// The configuration with its defaults, if it follows the rules.
///
/// # Errors
///
/// The first rule it breaks.
pub fn check_stream(config: &StreamConfig, rules: &Rules<'_>) -> Result<StreamConfig, ApiError> {
    check_texts(config)?;
    let mut config = config.clone();
    set_limits(&mut config, rules)?;
    set_duplicate_window(&mut config, rules)?;
    if config.deny_purge && config.allow_rollup_hdrs {
        return Err(invalid("roll-ups require the purge permission"));
    }
    check_counter(&config)?;
    check_discard_new_per_subject(&config)?;
    set_delete_markers(&mut config, rules)?;
    set_schedules(&mut config, rules)?;
    check_persist_mode(&config)?;
    check_sources(&mut config, rules)?;
    set_subjects(&mut config)?;
    check_max_bytes(&config, rules)?;
    check_transform(&config)?;
    set_republish(&mut config, rules)?;
    set_placement(&mut config)?;
    Ok(config)
}

fn check_texts(config: &StreamConfig) -> Result<(), ApiError> {
    if !is_valid_name(&config.name) {
        return Err(invalid(
            "stream name is required and can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    if config.name.len() > MAX_NAME {
        let text = format_args!("stream name is too long, maximum allowed is {MAX_NAME}");
        return Err(invalid(text));
    }
    if config.description.len() > MAX_DESCRIPTION {
        let max = MAX_DESCRIPTION;
        let text = format_args!("stream description is too long, maximum allowed is {max}");
        return Err(invalid(text));
    }
    if metadata_len(&config.metadata) > MAX_METADATA {
        let text = format_args!("stream metadata exceeds maximum size of {MAX_METADATA} bytes");
        return Err(invalid(text));
    }
    Ok(())
}

fn set_limits(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    if config.num_replicas == 0 {
        config.num_replicas = 1;
    }
    if config.num_replicas > MAX_REPLICAS {
        return Err(invalid(format_args!("maximum replicas is {MAX_REPLICAS}")));
    }
    if config.num_replicas < 0 {
        return Err(ErrorKind::ReplicasCountCannotBeNegative.into());
    }
    set_limit(&mut config.max_msgs, "max_msgs", rules)?;
    set_limit(&mut config.max_msgs_per_subject, "max_msgs_per_subject", rules)?;
    set_limit(&mut config.max_bytes, "max_bytes", rules)?;
    let mut max_msg_size = i64::from(config.max_msg_size);
    set_limit(&mut max_msg_size, "max_msg_size", rules)?;
    if max_msg_size < 0 {
        config.max_msg_size = -1;
    }
    set_limit(&mut config.max_consumers, "max_consumers", rules)?;
    if config.max_age.0 < 0 {
        return Err(invalid("max age can not be negative"));
    }
    if !config.max_age.is_zero() && config.max_age < Nanos::millis(100) {
        return Err(invalid("max age needs to be >= 100ms"));
    }
    Ok(())
}

/// Zero and less mean no limit, which is written −1.
fn set_limit(limit: &mut i64, name: &str, rules: &Rules<'_>) -> Result<(), ApiError> {
    if *limit < -1 {
        rules.correct(&alloc::format!("{name} must be set to -1"))?;
    }
    if *limit <= 0 {
        *limit = -1;
    }
    Ok(())
}

fn set_duplicate_window(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let limit = rules.limits.max_duplicate_window;
    let limited = limit.0 > 0;
    let max_age = config.max_age;
    if config.duplicate_window.is_zero() && config.mirror.is_none() && config.sources.is_empty() {
        let mut window = DEFAULT_DUPLICATE_WINDOW;
        if limited && window > limit {
            rules.correct("duplicate window limits are higher than current limits")?;
            window = limit;
        }
        if !max_age.is_zero() && max_age < window {
            rules.correct("duplicate window cannot be bigger than max age")?;
            window = max_age;
        }
        config.duplicate_window = window;
    }
    let window = config.duplicate_window;
    if window.0 < 0 {
        return Err(invalid("duplicates window can not be negative"));
    }
    if !max_age.is_zero() && window > max_age {
        return Err(invalid("duplicates window can not be larger then max age"));
    }
    if limited && window > limit {
        let text = format_args!("duplicates window can not be larger then server limit of {limit}");
        return Err(invalid(text));
    }
    if window.0 > 0 && window < Nanos::millis(100) {
        return Err(invalid("duplicates window needs to be >= 100ms"));
    }
    Ok(())
}

fn check_counter(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.allow_msg_counter {
        return Ok(());
    }
    if config.discard == Discard::New {
        return Err(invalid("counter stream cannot use discard new"));
    }
    if config.allow_msg_ttl {
        return Err(invalid("counter stream cannot use message TTLs"));
    }
    if config.allow_msg_schedules {
        return Err(invalid("counter stream cannot use message schedules"));
    }
    if config.retention != Retention::Limits {
        return Err(invalid("counter stream can only use limits retention"));
    }
    Ok(())
}

pub(super) fn check_discard_new_per_subject(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.discard_new_per_subject {
        return Ok(());
    }
    if config.discard != Discard::New {
        return Err(invalid("discard new per subject requires discard new policy to be set"));
    }
    if config.max_msgs_per_subject <= 0 {
        return Err(invalid("discard new per subject requires max msgs per subject > 0"));
    }
    Ok(())
}

fn set_delete_markers(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let ttl = config.subject_delete_marker_ttl;
    if ttl.0 < 0 {
        return Err(invalid("subject delete marker TTL must not be negative"));
    }
    if ttl.is_zero() {
        return Ok(());
    }
    if ttl < Nanos::SECOND {
        return Err(invalid("subject delete marker TTL must be at least 1 second"));
    }
    if !config.allow_msg_ttl {
        if rules.pedantic {
            return Err(invalid(
                "subject delete marker cannot be set if message TTLs are disabled",
            ));
        }
        config.allow_msg_ttl = true;
    }
    if !config.allow_rollup_hdrs {
        if rules.pedantic {
            return Err(invalid("subject delete marker cannot be set if roll-ups are disabled"));
        }
        (config.allow_rollup_hdrs, config.deny_purge) = (true, false);
    }
    Ok(())
}

fn set_schedules(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    if !config.allow_msg_schedules {
        return Ok(());
    }
    if config.discard == Discard::New {
        return Err(invalid("message scheduling cannot use discard new"));
    }
    if !config.allow_rollup_hdrs {
        if rules.pedantic {
            return Err(invalid("message scheduling cannot be set if roll-ups are disabled"));
        }
        (config.allow_rollup_hdrs, config.deny_purge) = (true, false);
    }
    Ok(())
}

fn check_persist_mode(config: &StreamConfig) -> Result<(), ApiError> {
    if config.persist_mode != PersistMode::Async {
        return Ok(());
    }
    if config.storage != Storage::File {
        return Err(invalid("async persist mode is only supported on file storage"));
    }
    if config.num_replicas > 1 {
        return Err(invalid("async persist mode is not supported on replicated streams"));
    }
    if config.allow_atomic {
        return Err(invalid("async persist mode is not supported with atomic batch publish"));
    }
    Ok(())
}

fn set_subjects(config: &mut StreamConfig) -> Result<(), ApiError> {
    if config.subjects.is_empty() {
        if config.mirror.is_none() && config.sources.is_empty() {
            config.subjects.push(config.name.clone());
        }
        return Ok(());
    }
    // A mirror with subjects was refused before.
    let mut seen = BTreeSet::new();
    for (at, subject) in config.subjects.iter().enumerate() {
        if !is_valid_subject(subject) {
            return Err(invalid("invalid subject"));
        }
        if !seen.insert(subject) {
            return Err(invalid("duplicate subjects detected"));
        }
        if subject == ">" && !config.no_ack {
            return Err(invalid("capturing all subjects requires no-ack to be true"));
        }
        if subject == ">" && config.num_replicas != 1 {
            return Err(invalid("capturing all subjects requires replicas of 1"));
        }
        if !config.no_ack {
            check_reserved(subject)?;
        }
        if let Some(other) = config.subjects[at + 1..].iter().find(|other| collide(other, subject))
        {
            let mut text = String::from("subject ");
            quote(&mut text, subject.as_bytes());
            text.push_str(" overlaps with ");
            quote(&mut text, other.as_bytes());
            return Err(invalid(text));
        }
    }
    Ok(())
}

/// Answers to what servers say to each other would upset them.
fn check_reserved(subject: &str) -> Result<(), ApiError> {
    let jetstream = ["$JS.>", "$JSC.>", "$NRG.>"];
    if jetstream.iter().any(|space| collide(subject, space)) && !is_subset(subject, "$JS.EVENT.>") {
        return Err(invalid("subjects that overlap with jetstream api require no-ack to be true"));
    }
    if collide(subject, "$SYS.>") && !is_subset(subject, "$SYS.ACCOUNT.>") {
        return Err(invalid("subjects that overlap with system api require no-ack to be true"));
    }
    Ok(())
}

fn check_max_bytes(config: &StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let limits = rules.account.limits(config.num_replicas);
    let limit = match config.storage {
        Storage::File => limits.storage_max_stream_bytes,
        Storage::Memory => limits.memory_max_stream_bytes,
    };
    if limits.max_bytes_required && config.max_bytes <= 0 {
        return Err(ErrorKind::StreamMaxBytesRequired.into());
    }
    if limit > 0 && config.max_bytes > limit {
        return Err(ErrorKind::StreamMaxStreamBytesExceeded.into());
    }
    Ok(())
}

fn check_transform(config: &StreamConfig) -> Result<(), ApiError> {
    let Some(transform) = &config.subject_transform else { return Ok(()) };
    if !transform.src.is_empty() && !is_valid_subject(&transform.src) {
        let text = format_args!("invalid subject {}", transform.src);
        return Err(ErrorKind::StreamTransformInvalidSource.err(text));
    }
    Transform::validated(&transform.src, &transform.dest)
        .map(|_| ())
        .map_err(|error| ErrorKind::StreamTransformInvalidDestination.err(error))
}

fn set_republish(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let Some(RePublish { src, dest, .. }) = &mut config.republish else { return Ok(()) };
    if src.is_empty() {
        rules.correct("republish source can not be empty")?;
        *src = ">".into();
    }
    // Everything to everything would be a cycle, unless it follows the mapping of the only subject.
    if let Some(transform) = &config.subject_transform
        && (src.as_str(), dest.as_str()) == (">", ">")
        && config.subjects == [transform.src.clone()]
    {
        rules.correct("implicit republish based on subject transform")?;
        (*src, *dest) = (transform.dest.clone(), transform.dest.clone());
    }
    check_no_cycle(dest, &config.subjects)?;
    if Transform::new(src, dest).is_err() {
        return Err(invalid(format_args!(
            "stream configuration for republish with transform from '{src}' to '{dest}' not valid"
        )));
    }
    Ok(())
}

/// Whether what is republished does not come back to the stream.
pub(super) fn check_no_cycle(dest: &str, subjects: &[String]) -> Result<(), ApiError> {
    if subjects.iter().any(|subject| collide(dest, subject)) {
        return Err(invalid("stream configuration for republish destination forms a cycle"));
    }
    Ok(())
}

fn set_placement(config: &mut StreamConfig) -> Result<(), ApiError> {
    if config.placement == Some(Placement::default()) {
        config.placement = None;
    }
    if config.placement.as_ref().is_some_and(|placement| !placement.preferred.is_empty()) {
        return Err(invalid("preferred server not permitted in placement"));
    }
    Ok(())
}
