//! Requests to create and update consumers, as a whole.

use super::consumer::{
    check_consumer, check_consumer_update, filters, replicas, set_inactive_threshold,
    shares_messages,
};
use super::{MAX_NAME, Rules};
use crate::jetstream::api_level;
use crate::jetstream::consumer::{AckPolicy, ConsumerConfig, DeliverPolicy};
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::request::{ConsumerAction, ConsumerCreateRequest};
use crate::jetstream::stream::{Retention, StreamConfig};
use crate::jetstream::time::Time;

/// What the subject of a request to create a consumer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerPlace<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The consumer; none in the oldest form, whose consumers are not durable.
    pub consumer: Option<&'a str>,
    /// Its only filter.
    pub filter: Option<&'a str>,
    /// Whether it is the old form `DURABLE.CREATE`.
    pub durable: bool,
}

/// Compares a request to create a consumer with its subject, and gives the consumer the name that
/// the subject says.
///
/// # Errors
///
/// If they contradict each other.
pub fn check_consumer_request(
    place: &ConsumerPlace<'_>,
    request: &mut ConsumerCreateRequest,
) -> Result<(), ApiError> {
    if place.stream != request.stream_name {
        return Err(ErrorKind::StreamMismatch.into());
    }
    let config = &mut request.config;
    let name = place.consumer.unwrap_or(&config.name);
    if name.contains(['\\', '/']) {
        return Err(ErrorKind::ConsumerNameContainsPathSeparators.into());
    }
    match place.consumer {
        Some(_) if place.durable && config.durable_name.is_empty() => {
            return Err(ErrorKind::ConsumerDurableNameNotSet.into());
        }
        Some(name) => {
            if !config.durable_name.is_empty() && config.durable_name != name {
                return Err(ErrorKind::ConsumerDurableNameNotMatchSubject.into());
            }
            config.name = name.into();
        }
        None if !config.durable_name.is_empty() => {
            return Err(ErrorKind::ConsumerEphemeralWithDurableName.into());
        }
        None => {}
    }
    if let Some(filter) = place.filter {
        if !config.filter_subjects.is_empty() {
            return Err(ErrorKind::ConsumerMultipleFiltersNotAllowed.into());
        }
        if config.filter_subject != filter {
            return Err(ErrorKind::ConsumerCreateFilterSubjectMismatch.into());
        }
    }
    Ok(())
}

/// What is to be made of a request to create or update a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerChange {
    /// A consumer with that configuration; one without a name is given one.
    New(ConsumerConfig),
    /// The one of that name gets the configuration.
    Update(ConsumerConfig),
}

/// Answers a request to create or update a consumer. `rules.pedantic` is what the request says;
/// `is_bound` tells whether somebody listens on a subject.
///
/// What only a mirror or source asks for, a consumer that is `direct` and `sourcing`, is answered
/// as it stands; the names and policies that a server gives such a consumer are its own affair.
///
/// # Errors
///
/// The first rule it breaks.
pub fn create_consumer(
    place: &ConsumerPlace<'_>,
    request: &mut ConsumerCreateRequest,
    rules: &Rules<'_>,
    is_bound: &dyn Fn(&str) -> bool,
) -> Result<ConsumerChange, ApiError> {
    check_consumer_request(place, request)?;
    rules.check_standalone(request.config.num_replicas)?;
    let stream = rules.account.stream(place.stream).ok_or(ErrorKind::StreamNotFound)?;
    let config = &mut request.config;
    let name = if config.durable_name.is_empty() { &config.name } else { &config.durable_name };
    let name = name.clone();
    let existing = find(place.stream, &name, rules);
    if let Some(existing) = existing {
        // A pause is not changed this way.
        config.pause_until = existing.pause_until;
    }
    api_level::stamp_consumer(config);
    let mut config = check_consumer(config, stream, rules)?;
    if let Some(existing) = existing {
        if request.action == ConsumerAction::Create {
            api_level::adopt(&mut config.metadata, &existing.metadata);
            if config != *existing {
                return Err(ErrorKind::ConsumerAlreadyExists.into());
            }
        }
        if stream.retention == Retention::WorkQueue && !is_alone(&name, &config, stream, rules) {
            return Err(ErrorKind::ConsumerWorkQueueConsumerNotUnique.into());
        }
        check_consumer_update(existing, &config, is_bound(&existing.deliver_subject))?;
        if config.inactive_threshold != existing.inactive_threshold {
            set_inactive_threshold(&mut config, !existing.durable_name.is_empty());
        }
        config.pause_until = config.pause_until.map(Time::to_utc);
        return Ok(ConsumerChange::Update(config));
    }
    if request.action == ConsumerAction::Update {
        return Err(ErrorKind::ConsumerDoesNotExist.into());
    }
    check_number(&config, stream, rules)?;
    if stream.retention == Retention::WorkQueue && !config.direct && !config.sourcing {
        check_work_queue(&name, &config, stream, rules)?;
    }
    if config.durable_name.len() > MAX_NAME {
        return Err(ErrorKind::ConsumerNameTooLong.fill(&[("max", &MAX_NAME)]));
    }
    let durable = !config.durable_name.is_empty();
    set_inactive_threshold(&mut config, durable);
    Ok(ConsumerChange::New(config))
}

fn find<'a>(stream: &str, name: &str, rules: &Rules<'a>) -> Option<&'a ConsumerConfig> {
    let mut found = None;
    rules.account.consumers(stream, &mut |other, config| {
        if other == name {
            found = Some(config);
        }
    });
    found
}

/// Number of consumers that count: not those of mirrors and sources.
fn count(stream: &StreamConfig, rules: &Rules<'_>) -> i64 {
    let mut count = 0;
    rules.account.consumers(&stream.name, &mut |_, config| {
        count += i64::from(!config.direct && !config.sourcing);
    });
    count
}

fn check_number(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    let of_account = rules.account.limits(replicas(config, stream)).max_consumers;
    let mut limit = stream.max_consumers;
    if limit <= 0 || (of_account > 0 && of_account < limit) {
        limit = of_account;
    }
    if limit > 0 && count(stream, rules) >= limit {
        return Err(ErrorKind::MaximumConsumersLimit.into());
    }
    Ok(())
}

fn check_work_queue(
    name: &str,
    config: &ConsumerConfig,
    stream: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    if !matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::FlowControl) {
        return Err(ErrorKind::ConsumerWorkQueueRequiresExplicitAck.into());
    }
    if config.deliver_policy != DeliverPolicy::All {
        return Err(ErrorKind::ConsumerWorkQueueConsumerNotDeliverAll.into());
    }
    if count(stream, rules) == 0 {
        return Ok(());
    }
    if filters(config).is_empty() {
        return Err(ErrorKind::ConsumerWorkQueueMultipleUnfiltered.into());
    }
    if is_alone(name, config, stream, rules) {
        Ok(())
    } else {
        Err(ErrorKind::ConsumerWorkQueueConsumerNotUnique.into())
    }
}

/// Whether no other consumer takes what this one does.
fn is_alone(name: &str, config: &ConsumerConfig, stream: &StreamConfig, rules: &Rules<'_>) -> bool {
    let mut alone = true;
    rules.account.consumers(&stream.name, &mut |other, consumer| {
        let counts = other != name && !consumer.direct && !consumer.sourcing;
        alone &= !counts || !shares_messages(config, consumer);
    });
    alone
}
