//! Requests to create and update streams, as a whole.

use alloc::string::String;
use alloc::vec::Vec;

use super::source::check_source_filters;
use super::stream::{check_no_cycle, check_stream};
use super::update::check_stream_update;
use super::{Rules, invalid};
use crate::jetstream::api_level;
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::request::StreamConfigRequest;
use crate::jetstream::stream::{RePublish, StreamConfig};
use crate::jetstream::transform::Transform;

/// Answers a request to create the stream that its subject names: its configuration, or `None` if
/// there is such a stream already. `rules.pedantic` is what the request says.
///
/// # Errors
///
/// The first rule it breaks.
pub fn create_stream(
    name: &str,
    request: &StreamConfigRequest,
    rules: &Rules<'_>,
) -> Result<Option<StreamConfig>, ApiError> {
    let mut wanted = request.config.clone();
    api_level::stamp_stream(&mut wanted);
    check_stream_create_request(name, request)?;
    rules.account.admit(&wanted, None)?;
    let mut config = check_stream(&wanted, rules)?;
    rules.check_standalone(config.num_replicas)?;
    if let Some(existing) = rules.account.stream(name) {
        api_level::adopt(&mut config.metadata, &existing.metadata);
        let same = config == *existing;
        return if same { Ok(None) } else { Err(ErrorKind::StreamNameExist.into()) };
    }
    rules.account.admit(&config, None)?;
    check_source_filters(&config)?;
    if rules.account.overlaps(&config.subjects, name) {
        return Err(ErrorKind::StreamSubjectOverlap.into());
    }
    Ok(Some(config))
}

/// Answers a request to update the stream that its subject names: the configuration it gets.
///
/// # Errors
///
/// The first rule it breaks.
pub fn update_stream(
    name: &str,
    request: &StreamConfigRequest,
    rules: &Rules<'_>,
) -> Result<StreamConfig, ApiError> {
    let mut wanted = check_stream(&request.config, rules)?;
    if name != wanted.name {
        return Err(ErrorKind::StreamMismatch.into());
    }
    let old = rules.account.stream(name).ok_or(ErrorKind::StreamNotFound)?;
    api_level::stamp_stream(&mut wanted);
    let mut config = check_stream_update(old, &wanted, rules)?;
    rules.account.admit(&config, Some(old))?;
    check_consumers(old, &config, rules)?;
    if rules.account.overlaps(&config.subjects, name) {
        return Err(ErrorKind::StreamSubjectOverlap.into());
    }
    if let Some(republish) = config.republish.as_mut().filter(|to| to.dest.is_empty()) {
        republish.dest = ">".into();
        check_republish(republish, &config.subjects)?;
    }
    Ok(config)
}

/// Whether what a stream that exists is to republish can be mapped, and does not come back: that
/// nats-server lets happen here.
fn check_republish(republish: &RePublish, subjects: &[String]) -> Result<(), ApiError> {
    let RePublish { src, dest, .. } = republish;
    if let Err(error) = Transform::new(src, dest) {
        let text =
            format_args!("stream configuration for republish from '{src}' to '{dest}': {error}");
        return Err(ErrorKind::StreamUpdate.err(text));
    }
    check_no_cycle(dest, subjects)
}

/// What is asked of a request to create the stream that its subject names, before its limits and
/// its configuration.
///
/// # Errors
///
/// If the names differ, the stream is to be sealed, or serve reads of a mirror that it is not.
pub fn check_stream_create_request(
    name: &str,
    request: &StreamConfigRequest,
) -> Result<(), ApiError> {
    let config = &request.config;
    if name != config.name {
        return Err(ErrorKind::StreamMismatch.into());
    }
    if name.contains(['\\', '/']) {
        return Err(ErrorKind::StreamNameContainsPathSeparators.into());
    }
    if config.sealed {
        return Err(invalid("stream configuration for create can not be sealed"));
    }
    if config.mirror_direct && config.mirror.is_none() {
        return Err(invalid("stream has no mirror but does have mirror direct"));
    }
    Ok(())
}

/// New limits of consumers must not be below what consumers have.
fn check_consumers(
    old: &StreamConfig,
    new: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    let (before, limits) = (&old.consumer_limits, &new.consumer_limits);
    let threshold = limits.inactive_threshold;
    let pending = limits.max_ack_pending;
    let changed = (threshold.0 > 0 && threshold != before.inactive_threshold)
        || (pending > 0 && pending != before.max_ack_pending);
    if !changed {
        return Ok(());
    }
    let mut over: Vec<&str> = Vec::new();
    rules.account.consumers(&new.name, &mut |name, consumer| {
        let too_long = threshold.0 > 0 && consumer.inactive_threshold > threshold;
        let too_many = pending > 0 && consumer.max_ack_pending > pending;
        if too_long || too_many {
            over.push(name);
        }
    });
    if over.is_empty() {
        return Ok(());
    }
    let text: String = over.join(", ");
    let text = format_args!("change to limits violates consumers: {text}");
    Err(ErrorKind::StreamUpdate.err(text))
}
