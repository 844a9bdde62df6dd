//! Counters: each message adds to the last one of its subject (ADR-49).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::headers::{PublishHeaders, name};
use causeway_wire::jetstream::{ApiError, CounterValue, ErrorKind, Integer, Unknown};

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
    /// The counters that it is the sum of, as the message's header has them; empty for none.
    sources: Vec<u8>,
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
        let zero = Total::default();
        let before = before.or(self.totals.get(message.subject)).unwrap_or(&zero);
        if before.broken {
            return Err(ErrorKind::MessageCounterBroken.error());
        }
        let value = before.value.plus(&incr);
        let payload = format!("{{\"val\":\"{value}\"}}").into_bytes();
        if !before.sources.is_empty() {
            let header = change.header.get_or_insert_with(|| message.header.to_vec());
            header::remove(header, name::COUNTER_SOURCES);
            header::push(header, name::COUNTER_SOURCES, &before.sources);
        }
        let header = change.header.as_deref().unwrap_or(message.header);
        if (header.len() + payload.len()) as u64 > room.max_payload {
            return Err(ErrorKind::StreamMessageExceedsMaximum.error());
        }
        change.payload = Some(payload);
        let sources = before.sources.clone();
        change.total = Some(Total { value, sources, ..Total::default() });
        Ok(())
    }

    /// A message with this total has been stored.
    pub(super) fn set_total(&mut self, subject: &[u8], total: Total, seq: u64) {
        self.totals.insert(subject.to_vec(), Total { seq, ..total });
    }
}

impl Total {
    fn read(seq: u64, header: &[u8], payload: &[u8]) -> Self {
        let value = CounterValue::parse(payload, Unknown::Ignore).ok();
        let value = value.and_then(|document| Integer::parse(document.val.as_bytes()));
        let sources = header::value(header, name::COUNTER_SOURCES).unwrap_or_default().to_vec();
        Self { seq, broken: value.is_none(), value: value.unwrap_or_default(), sources }
    }

    /// As acknowledgements have it.
    pub(super) fn text(&self) -> String {
        self.value.to_string()
    }
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
