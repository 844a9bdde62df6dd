//! The rules of mirrors and sources.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Rules, collide, invalid, is_literal, is_subset, is_valid_literal, is_valid_name,
    is_valid_subject,
};
use crate::error_text::quote;
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::stream::{ConsumerSource, ExternalStream, StreamConfig, StreamSource};
use crate::jetstream::transform::Transform;

/// How every subject of the API begins.
const API_PREFIX: &str = "$JS.API";

/// What the rules collect about the streams that messages are taken from.
#[derive(Default)]
struct Origins {
    /// Subjects of those that can be seen.
    subjects: Vec<String>,
    /// Prefixes that messages from elsewhere are delivered to.
    deliver_prefixes: Vec<String>,
    /// Prefixes of the API elsewhere.
    api_prefixes: Vec<String>,
}

pub(super) fn check_sources(config: &mut StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let mut origins = Origins::default();
    if let Some(mirror) = &config.mirror {
        check_exclusions(config)?;
        check_mirror_filters(config, mirror)?;
        config.mirror_direct = check_mirror_origin(config, mirror, rules, &mut origins)?;
    }
    if !config.sources.is_empty() && config.allow_msg_schedules {
        return Err(ErrorKind::SourceWithMsgSchedules.into());
    }
    let (mut names, mut consumers) = (BTreeSet::new(), BTreeSet::new());
    for source in &config.sources {
        check_source(source, &mut names, &mut consumers)?;
        match &source.external {
            Some(external) => origins.add_external(external),
            None => {
                if let Some(origin) = rules.account.stream(&source.name) {
                    origins.subjects.extend(origin.subjects.iter().cloned());
                    if is_smaller(config, origin) {
                        return Err(ErrorKind::SourceMaxMessageSizeTooBig.into());
                    }
                }
            }
        }
    }
    origins.check()?;
    check_cycles(config, rules)
}

/// What a mirror can not be or have as well.
fn check_exclusions(config: &StreamConfig) -> Result<(), ApiError> {
    let exclusions = [
        (config.first_seq > 0, ErrorKind::MirrorWithFirstSeq),
        (!config.subjects.is_empty(), ErrorKind::MirrorWithSubjects),
        (!config.sources.is_empty(), ErrorKind::MirrorWithSources),
        (config.allow_msg_counter, ErrorKind::MirrorWithCounters),
        (config.allow_atomic, ErrorKind::MirrorWithAtomicPublish),
        (config.allow_batched, ErrorKind::MirrorWithBatchPublish),
        (config.allow_msg_schedules, ErrorKind::MirrorWithMsgSchedules),
    ];
    match exclusions.iter().find(|(applies, _)| *applies) {
        Some((_, kind)) => Err(kind.error()),
        None => Ok(()),
    }
}

fn check_mirror_filters(config: &StreamConfig, mirror: &StreamSource) -> Result<(), ApiError> {
    if let Some(consumer) = &mirror.consumer {
        check_durable(mirror, consumer, ErrorKind::MirrorDurableConsumerConfigInvalid)?;
    }
    if !mirror.filter_subject.is_empty() && !mirror.subject_transforms.is_empty() {
        return Err(ErrorKind::MirrorMultipleFiltersNotAllowed.into());
    }
    // A marker would take a sequence number that the origin gives to a message.
    if config.subject_delete_marker_ttl.0 > 0 {
        return Err(invalid("subject delete markers forbidden on mirrors"));
    }
    for (at, transform) in mirror.subject_transforms.iter().enumerate() {
        if !transform.src.is_empty() && !is_valid_subject(&transform.src) {
            let text = format_args!("invalid subject {}", transform.src);
            return Err(ErrorKind::MirrorInvalidSubjectFilter.err(text));
        }
        Transform::validated(&transform.src, &transform.dest)
            .map_err(|error| ErrorKind::MirrorInvalidTransformDestination.err(error))?;
        let mut others = mirror.subject_transforms.iter().enumerate();
        if others.any(|(other, to)| other != at && collide(&transform.src, &to.src)) {
            return Err(ErrorKind::MirrorOverlappingSubjectFilters.into());
        }
    }
    Ok(())
}

/// Looks at the origin, if it can be seen, and returns whether the mirror serves direct reads: as
/// the origin does.
fn check_mirror_origin(
    config: &StreamConfig,
    mirror: &StreamSource,
    rules: &Rules<'_>,
    origins: &mut Origins,
) -> Result<bool, ApiError> {
    if let Some(external) = &mirror.external {
        origins.add_external(external);
        return Ok(config.mirror_direct);
    }
    if !is_valid_name(&mirror.name) {
        return Err(ErrorKind::MirrorInvalidStreamName.into());
    }
    let Some(origin) = rules.account.stream(&mirror.name) else { return Ok(config.mirror_direct) };
    origins.subjects.extend(origin.subjects.iter().cloned());
    if is_smaller(config, origin) {
        return Err(ErrorKind::MirrorMaxMessageSizeTooBig.into());
    }
    if config.mirror_direct != origin.allow_direct {
        rules.correct("origin stream has direct get set, mirror has it disabled")?;
    }
    Ok(origin.allow_direct)
}

/// Whether messages of the origin may be too large.
fn is_smaller(config: &StreamConfig, origin: &StreamConfig) -> bool {
    config.max_msg_size > 0 && origin.max_msg_size > 0 && config.max_msg_size < origin.max_msg_size
}

/// What makes two sources the same: stream, API, consumer, filters and what they become.
type SourceName<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Vec<(&'a str, &'a str)>);

fn source_name(source: &StreamSource) -> SourceName<'_> {
    let mut filters: Vec<(&str, &str)> = source
        .subject_transforms
        .iter()
        .map(|transform| (or_everything(&transform.src), or_everything(&transform.dest)))
        .collect();
    if filters.is_empty() {
        filters.push((or_everything(&source.filter_subject), ">"));
    }
    let api = source.external.as_ref().map(|external| external.api.as_str());
    let consumer = source.consumer.as_ref().map(|consumer| consumer.name.as_str());
    (&source.name, api, consumer, filters)
}

fn or_everything(subject: &str) -> &str {
    if subject.is_empty() { ">" } else { subject }
}

fn check_source<'a>(
    source: &'a StreamSource,
    names: &mut BTreeSet<SourceName<'a>>,
    consumers: &mut BTreeSet<(&'a str, Option<&'a str>, &'a str)>,
) -> Result<(), ApiError> {
    if !is_valid_name(&source.name) {
        return Err(ErrorKind::SourceInvalidStreamName.into());
    }
    if !names.insert(source_name(source)) {
        return Err(ErrorKind::SourceDuplicateDetected.into());
    }
    if !source.filter_subject.is_empty() && !source.subject_transforms.is_empty() {
        return Err(ErrorKind::SourceMultipleFiltersNotAllowed.into());
    }
    for transform in &source.subject_transforms {
        if !transform.src.is_empty() && !is_valid_subject(&transform.src) {
            let text = format_args!("invalid subject {}", transform.src);
            return Err(ErrorKind::SourceInvalidSubjectFilter.err(text));
        }
        Transform::validated(&transform.src, &transform.dest)
            .map_err(|error| ErrorKind::SourceInvalidTransformDestination.err(error))?;
    }
    for (at, transform) in source.subject_transforms.iter().enumerate() {
        let mut others = source.subject_transforms.iter().enumerate();
        if others.any(|(other, to)| other != at && is_subset(&transform.src, &to.src)) {
            return Err(ErrorKind::SourceOverlappingSubjectFilters.into());
        }
    }
    if let Some(consumer) = &source.consumer {
        check_durable(source, consumer, ErrorKind::SourceDurableConsumerConfigInvalid)?;
        let api = source.external.as_ref().map(|external| external.api.as_str());
        if !consumers.insert((&source.name, api, &consumer.name)) {
            return Err(ErrorKind::SourceDurableConsumerDuplicateDetected.into());
        }
    }
    Ok(())
}

/// A durable consumer has a place to deliver to, and itself says where to begin and what to take.
fn check_durable(
    source: &StreamSource,
    consumer: &ConsumerSource,
    kind: ErrorKind,
) -> Result<(), ApiError> {
    let fits = is_valid_name(&consumer.name)
        && is_literal(&consumer.deliver_subject)
        && is_valid_subject(&consumer.deliver_subject)
        && source.opt_start_seq == 0
        && source.opt_start_time.is_none()
        && source.filter_subject.is_empty();
    if fits { Ok(()) } else { Err(kind.error()) }
}

/// The filters of a new stream's mirror or sources, whose transforms are known to be good.
///
/// # Errors
///
/// Which filter is no subject.
pub fn check_source_filters(config: &StreamConfig) -> Result<(), ApiError> {
    let is_wrong = |source: &&StreamSource| {
        source.subject_transforms.is_empty()
            && !source.filter_subject.is_empty()
            && !is_valid_subject(&source.filter_subject)
    };
    if let Some(mirror) = config.mirror.as_ref().filter(is_wrong) {
        let filter = &mirror.filter_subject;
        let text = format_args!("subject filter '{filter}' for the mirror invalid subject");
        return Err(ErrorKind::StreamCreate.err(text));
    }
    if let Some(source) = config.sources.iter().find(is_wrong) {
        let filter = &source.filter_subject;
        let text = format_args!("subject filter '{filter}' for the source: invalid subject");
        return Err(ErrorKind::StreamCreate.err(text));
    }
    Ok(())
}

impl Origins {
    fn add_external(&mut self, external: &ExternalStream) {
        if !external.deliver.is_empty() {
            self.deliver_prefixes.push(external.deliver.clone());
        }
        if !external.api.is_empty() {
            self.api_prefixes.push(external.api.clone());
        }
    }

    /// Messages from elsewhere must not be delivered into the streams they come from, nor requests
    /// for them be taken for requests to this server.
    fn check(&self) -> Result<(), ApiError> {
        for prefix in &self.deliver_prefixes {
            if !is_valid_literal(prefix) {
                let kind = ErrorKind::StreamInvalidExternalDeliverySubj;
                return Err(kind.fill(&[("prefix", prefix)]));
            }
            let into = |subject: &&String| collide(subject, &alloc::format!("{prefix}.{subject}"));
            if let Some(subject) = self.subjects.iter().find(into) {
                let kind = ErrorKind::StreamExternalDelPrefixOverlaps;
                return Err(kind.fill(&[("prefix", prefix), ("subject", subject)]));
            }
        }
        for prefix in &self.api_prefixes {
            if !is_valid_literal(prefix) {
                let mut text = String::from("stream external api prefix ");
                quote(&mut text, prefix.as_bytes());
                text.push_str(" must be a valid subject without wildcards");
                return Err(invalid(text));
            }
            if collide(prefix, API_PREFIX) {
                let kind = ErrorKind::StreamExternalApiOverlap;
                return Err(kind.fill(&[("prefix", prefix), ("subject", &API_PREFIX)]));
            }
        }
        Ok(())
    }
}

/// Whether a message could come back to where it was taken from, as far as the account's streams
/// can be seen.
fn check_cycles(config: &StreamConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let mut to_visit = alloc::collections::VecDeque::from([config]);
    let mut visited = BTreeSet::new();
    while let Some(stream) = to_visit.pop_front() {
        // Several ways may lead to one stream.
        if !visited.insert(stream.name.as_str()) {
            continue;
        }
        for source in stream.sources.iter().filter(|source| source.external.is_none()) {
            if visited.contains(source.name.as_str()) {
                let filter = &source.filter_subject;
                if filter.is_empty() || stream.subjects.iter().any(|s| collide(s, filter)) {
                    return Err(invalid("detected cycle"));
                }
            } else if let Some(origin) = rules.account.stream(&source.name) {
                to_visit.push_back(origin);
            }
        }
        if let Some(mirror) = stream.mirror.as_ref().filter(|mirror| mirror.external.is_none()) {
            if visited.contains(mirror.name.as_str()) {
                return Err(invalid("detected cycle"));
            }
            if let Some(origin) = rules.account.stream(&mirror.name) {
                to_visit.push_back(origin);
            }
        }
    }
    Ok(())
}
