//! Counters: each message adds to the last one of its subject (ADR-49).
//!
//! What is published says how much it adds. What is taken in from another counter says what that has
//! come to there, and adds what is new in this: the difference to what the last message of the subject
//! notes of that counter. So nothing is counted twice or left out whatever is lost or comes again on
//! the way, as soon as one later message of it comes.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::headers::{PublishHeaders, name};
use causeway_wire::jetstream::{
    ApiError, CounterSources, CounterValue, ErrorKind, Integer, Unknown,
};

use super::Stream;
use super::expect::{Change, Published, Room};
use super::held::Wait;
use super::reads::Step;
use crate::jetstream::turn::Turn;

/// What a subject counts, as one of its messages says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Total {
    /// The message.
    seq: u64,
    value: Integer,
    /// The counters that it is the sum of.
    sources: CounterSources,
    /// The message does not say it, or is lost.
    broken: bool,
}

/// Totals of messages that cannot be read yet, and of those that were just read.
pub(super) type Totals = BTreeMap<Vec<u8>, Total>;

impl Stream {
    /// Makes sure that the total of a subject is known.
    pub(super) fn load_total(&mut self, turn: &mut Turn<'_>, subject: &[u8]) -> Result<(), Wait> {
        let last = self.log.find_subject(subject).and_then(|subject| self.log.last_of(subject));
        let Some(seq) = last else {
            self.totals.remove(subject);
            return Ok(());
        };
        if self.totals.get(subject).is_some_and(|total| total.seq == seq) {
            return Ok(());
        }
        let total = match self.look(turn, seq) {
            Ok(Some(message)) => Total::read(seq, message.header(), message.payload()),
            Ok(None) => Total { seq, broken: true, ..Total::default() },
            Err(Step::Wait | Step::Again | Step::Done) => return Err(Wait),
        };
        self.totals.insert(subject.to_vec(), total);
        Ok(())
    }

    /// Forgets totals that can be read again.
    pub(super) fn forget_totals(&mut self) {
        let durable = self.log.durable_seq();
        self.totals.retain(|_, total| total.seq > durable);
    }

    /// What a message adds, if it may; nothing if it adds nothing.
    pub(super) fn increment(&self, message: &Published<'_>) -> Result<Option<Integer>, ApiError> {
        let headers = message.headers;
        let Some(incr) = headers.incr.filter(|incr| !incr.is_empty()) else { return Ok(None) };
        let invalid = || ErrorKind::MessageIncrInvalid.error();
        let incr = Integer::parse(incr).ok_or_else(invalid)?;
        if !self.config.allow_msg_counter {
            return Err(ErrorKind::MessageIncrDisabled.error());
        }
        if !message.payload.is_empty() {
            return Err(ErrorKind::MessageIncrPayload.error());
        }
        if has_expectation(headers) { Err(invalid()) } else { Ok(Some(incr)) }
    }

    /// Whether a message of an origin says that it adds to a counter. How much does not matter: what its
    /// payload says does.
    pub(super) fn counts_there(&self, headers: &PublishHeaders<'_>) -> Result<bool, ApiError> {
        let incr = headers.incr.filter(|incr| self.config.allow_msg_counter && !incr.is_empty());
        match incr.map(Integer::parse) {
            Some(None) => Err(ErrorKind::MessageIncrInvalid.error()),
            Some(Some(_)) => Ok(true),
            None => Ok(false),
        }
    }

    /// Writes into `change` what a counter's subject counts with this message. `before`: what it
    /// counted before, if that is not what the last message says.
    pub(super) fn count(
        &self,
        room: Room,
        message: &Published<'_>,
        incr: Option<Integer>,
        before: Option<&Total>,
        change: &mut Change,
    ) -> Result<(), ApiError> {
        if !self.config.allow_msg_counter {
            return Ok(());
        }
        let Some(incr) = incr else { return Err(ErrorKind::MessageIncrMissing.error()) };
        let before = self.total_before(message.subject, before)?;
        change_total(room, message, &incr, before, change)
    }

    /// The same with a message of an origin, which says what it has come to there. `counts_there`:
    /// whether it does.
    pub(super) fn count_taken(
        &self,
        room: Room,
        message: &Published<'_>,
        counts_there: bool,
        change: &mut Change,
    ) -> Result<(), ApiError> {
        if !self.config.allow_msg_counter {
            return Ok(());
        }
        if !counts_there {
            return Err(ErrorKind::MessageIncrMissing.error());
        }
        let mut total = self.total_before(message.subject, None)?;
        let there = value_of(message.payload).ok_or(ErrorKind::MessageCounterBroken.error())?;
        let (stream, subject) = origin_of(message);
        let incr = there.minus(&total.sources.replace(&stream, &subject, &there));
        let header = change.header.get_or_insert_with(|| message.header.to_vec());
        header::set(header, name::INCR, incr.to_string().as_bytes());
        change_total(room, message, &incr, total, change)
    }

    /// What a subject counts, if its last message says so. `known`: if it is not the last one.
    fn total_before(&self, subject: &[u8], known: Option<&Total>) -> Result<Total, ApiError> {
        let total = known.or(self.totals.get(subject)).cloned().unwrap_or_default();
        if total.broken { Err(ErrorKind::MessageCounterBroken.error()) } else { Ok(total) }
    }

    /// A message with this change has been stored.
    pub(super) fn set_total(&mut self, subject: &[u8], change: Change, seq: u64) {
        if let Some(total) = change.total {
            self.totals.insert(subject.to_vec(), Total { seq, ..total });
        }
    }
}

impl Total {
    fn read(seq: u64, header: &[u8], payload: &[u8]) -> Self {
        let (value, sources) = (value_of(payload), sources_of(header));
        let broken = value.is_none() || sources.is_none();
        let (value, sources) = (value.unwrap_or_default(), sources.unwrap_or_default());
        Self { seq, value, sources, broken }
    }

    /// As acknowledgements have it.
    pub(super) fn text(&self) -> String {
        self.value.to_string()
    }
}

/// Writes into `change` that a message adds this to a total.
fn change_total(
    room: Room,
    message: &Published<'_>,
    incr: &Integer,
    total: Total,
    change: &mut Change,
) -> Result<(), ApiError> {
    let value = total.value.plus(incr);
    let payload = format!("{{\"val\":\"{value}\"}}").into_bytes();
    if !total.sources.is_empty() {
        let header = change.header.get_or_insert_with(|| message.header.to_vec());
        header::set(header, name::COUNTER_SOURCES, &total.sources.to_json());
    }
    let header = change.header.as_deref().unwrap_or(message.header);
    if (header.len() + payload.len()) as u64 > room.max_payload {
        return Err(ErrorKind::StreamMessageExceedsMaximum.error());
    }
    // What comes next goes by what is stored, also if that is what a client has made up.
    let sources = if total.sources.is_empty() { sources_of(header) } else { Some(total.sources) };
    let broken = sources.is_none();
    let sources = sources.unwrap_or_default();
    change.total = Some(Total { seq: 0, value, sources, broken });
    change.payload = Some(payload);
    Ok(())
}

/// What a message counts.
fn value_of(payload: &[u8]) -> Option<Integer> {
    let document = CounterValue::parse(payload, Unknown::Ignore).ok()?;
    Integer::parse(document.val.as_bytes())
}

/// The counters that the header of a message names; nothing if it cannot be read.
fn sources_of(header: &[u8]) -> Option<CounterSources> {
    match PublishHeaders::parse(header).counter_sources {
        Some(json) if !json.is_empty() => CounterSources::parse(json).ok(),
        Some(_) | None => Some(CounterSources::default()),
    }
}

/// The stream that a message was taken from, as headers name it, and its subject there.
fn origin_of<'a>(message: &Published<'a>) -> (Cow<'a, str>, Cow<'a, str>) {
    let header = message.headers.stream_source.unwrap_or_default();
    let mut words = header.split(|byte| *byte == b' ');
    let stream = words.next().unwrap_or_default();
    // Behind the sequence, the filters and what the subjects become.
    let subject = words.nth(3).unwrap_or(message.subject);
    (String::from_utf8_lossy(stream), String::from_utf8_lossy(subject))
}

/// Whether a message says something that does not go with a counter.
fn has_expectation(headers: &PublishHeaders<'_>) -> bool {
    let fields = [
        headers.rollup,
        headers.expected_stream,
        headers.expected_last_msg_id,
        headers.expected_last_subject_sequence_subject,
        headers.expected_last_sequence,
        headers.expected_last_subject_sequence,
    ];
    fields.into_iter().flatten().any(|value| !value.is_empty())
}
