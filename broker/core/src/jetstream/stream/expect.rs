//! The checks in front of the log. A publisher sees exactly one error, so their order is nats-server's
//! (stream.go, processJetStreamMsg).

use alloc::vec::Vec;

use causeway_store::{Filter, limits as store_limits};
use causeway_wire::header;
use causeway_wire::jetstream::headers::name;
use causeway_wire::jetstream::headers::{PublishHeaders, Rollup, Ttl, TtlError};
use causeway_wire::jetstream::{ApiError, ErrorKind, Retention, Storage};
use causeway_wire::subject;

use super::Stream;
use super::batch::OpenBatches;
use super::counter::Total;
use super::limits::wall_nanos;
use crate::jetstream::consumer::limits::SEQUENCE_MOST;
use crate::time::Now;

/// Bytes of the longest record that a file may have (nats-server: 32 MiB).
pub(super) const RECORD_BYTES: u64 = 32 << 20;

/// Bytes of the longest header that is stored.
pub(super) const HEADER_BYTES: usize = u16::MAX as usize;

/// A published message as it would be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published<'a> {
    pub(super) subject: &'a [u8],
    pub(super) header: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) headers: &'a PublishHeaders<'a>,
}

impl Published<'_> {
    /// Whether logs take something of its size.
    pub(super) fn fits_the_store(&self) -> bool {
        let body = self.subject.len() + self.header.len() + self.payload.len();
        body <= store_limits::BODY_BYTES && self.subject.len() <= store_limits::SUBJECT_BYTES
    }
}

/// What the server has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes that streams in files may still take.
    pub(crate) file: u64,
    /// Bytes that streams in memory may still take.
    pub(crate) memory: u64,
    /// Bytes of the largest message, header included.
    pub(crate) max_payload: u64,
    /// Batches of all streams that are under way.
    pub(crate) batches: OpenBatches,
}

/// Clients may not say where a message was taken from.
pub(super) fn check_source(headers: &PublishHeaders<'_>) -> Result<(), ApiError> {
    if headers.stream_source.is_some_and(|source| !source.is_empty()) {
        return Err(ErrorKind::MessageSourceHdrNotAllowed.error());
    }
    Ok(())
}

/// What is to become of a message that may be published.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is stored, with these changes.
    Store(Change),
    /// Nobody wants it: it gets a sequence and is not kept.
    Skip,
    /// It has been stored before, as this sequence.
    Duplicate(u64),
}

/// What of a message is stored otherwise than it was published.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// The header.
    pub(super) header: Option<Vec<u8>>,
    /// The payload.
    pub(super) payload: Option<Vec<u8>>,
    /// What a counter comes to.
    pub(super) total: Option<Total>,
}

impl Change {
    /// The message as it is stored.
    pub(super) fn apply<'a>(
        &'a self,
        message: &Published<'a>,
        headers: &'a PublishHeaders<'a>,
    ) -> Published<'a> {
        Published {
            header: self.header.as_deref().unwrap_or(message.header),
            payload: self.payload.as_deref().unwrap_or(message.payload),
            headers,
            ..*message
        }
    }

    /// Lets the message replace those of its subject, if it does not say so itself.
    pub(super) fn roll_up(&mut self, message: &Published<'_>) {
        if message.headers.rollup.is_none_or(<[u8]>::is_empty) {
            let header = self.header.get_or_insert_with(|| message.header.to_vec());
            header::push(header, name::ROLLUP, b"sub");
        }
    }

    /// What the header of the stored message says.
    pub(super) fn headers<'a>(&'a self, message: &Published<'a>) -> PublishHeaders<'a> {
        self.header.as_deref().map_or(*message.headers, PublishHeaders::parse)
    }
}

impl Stream {
    /// Whether a message may be stored.
    pub(super) fn check(
        &mut self,
        now: Now,
        room: Room,
        message: &Published<'_>,
    ) -> Result<Verdict, ApiError> {
        let headers = message.headers;
        self.check_record(message)?;
        self.check_size(message)?;
        if self.config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        let incr = self.increment(message)?;
        self.check_name(headers)?;
        let ttl = headers.ttl();
        if matches!(ttl, Ok(Some(_))) && !self.config.allow_msg_ttl {
            return Err(ErrorKind::MessageTtlDisabled.error());
        }
        self.check_sequences(message)?;
        let scheduled = self.check_schedule(now, message, None)?;
        check_source(headers)?;
        if let Some(id) = headers.msg_id.filter(|id| !id.is_empty())
            && let Some(seq) = self.dedupe.find(id, wall_nanos(now.wall))
        {
            return Ok(Verdict::Duplicate(seq));
        }
        let expected = headers.expected_last_msg_id.filter(|id| !id.is_empty());
        if expected.is_some_and(|id| id != self.last_id) {
            let last = alloc::string::String::from_utf8_lossy(&self.last_id);
            return Err(ErrorKind::StreamWrongLastMsgId.fill(&[("id", &last)]));
        }
        self.check_rollup(message, scheduled)?;
        let mut change = Change::default();
        if scheduled {
            change.roll_up(message);
        }
        self.count(room, message, incr, None, &mut change)?;
        let headers = change.headers(message);
        let wanted = self.check_place(room, &change.apply(message, &headers), ttl)?;
        Ok(if wanted { Verdict::Store(change) } else { Verdict::Skip })
    }

    /// Whether there is room for a message, and whether anybody wants it.
    pub(super) fn check_place(
        &mut self,
        room: Room,
        message: &Published<'_>,
        ttl: Result<Option<Ttl>, TtlError>,
    ) -> Result<bool, ApiError> {
        self.check_size(message)?;
        if message.header.len() > HEADER_BYTES {
            return Err(ErrorKind::StreamHeaderExceedsMaximum.error());
        }
        // The last message may exceed what is left, as in nats-server.
        self.check_left(room)?;
        if self.config.retention == Retention::Interest && !self.is_wanted(message.subject) {
            return Ok(false);
        }
        if ttl.is_err() {
            return Err(ErrorKind::MessageTtlInvalid.error());
        }
        let subject = self.log.find_subject(message.subject);
        match self.room_for(subject, self.record_bytes(message)) {
            Ok(()) => Ok(true),
            Err(full) => Err(ErrorKind::StreamStoreFailed.err(full)),
        }
    }

    /// How many bytes may still be stored, if any.
    pub(crate) fn check_left(&self, room: Room) -> Result<u64, ApiError> {
        let left = match self.config.storage {
            Storage::File => room.file,
            Storage::Memory => room.memory,
        };
        // What it has stored in this turn is in nobody's sums yet.
        let left = left.saturating_add(self.counted).saturating_sub(self.log.bytes());
        if left == 0 || self.log.failure().is_some() {
            return Err(ErrorKind::InsufficientResources.error());
        }
        Ok(left)
    }

    /// Whether a log can hold such a message.
    pub(super) fn check_record(&self, message: &Published<'_>) -> Result<(), ApiError> {
        let on_disk = self.config.storage == Storage::File;
        let body = self.record_bytes(message);
        if (on_disk && body > RECORD_BYTES) || body > store_limits::BODY_BYTES as u64 {
            return Err(ErrorKind::StreamStoreFailed.err("message too large"));
        }
        if message.subject.len() > store_limits::SUBJECT_BYTES {
            return Err(ErrorKind::StreamStoreFailed.err("subject too long"));
        }
        if self.log.next_seq() >= SEQUENCE_MOST {
            return Err(ErrorKind::StreamStoreFailed.err("no sequence is left"));
        }
        Ok(())
    }

    /// Whether the message is for a stream of this name.
    pub(super) fn check_name(&self, headers: &PublishHeaders<'_>) -> Result<(), ApiError> {
        let expected = headers.expected_stream.filter(|name| !name.is_empty());
        if expected.is_some_and(|name| name != self.config.name.as_bytes()) {
            return Err(ErrorKind::StreamNotMatch.error());
        }
        Ok(())
    }

    /// What the stream is expected to hold.
    fn check_sequences(&mut self, message: &Published<'_>) -> Result<(), ApiError> {
        let headers = message.headers;
        let wrong = |last: u64| ErrorKind::StreamWrongLastSequence.fill(&[("seq", &last)]);
        let about = headers.expected_last_subject_sequence_subject.filter(|it| !it.is_empty());
        match (headers.expected_last_subject_sequence(), about) {
            (Some(expected), about) => {
                let about = about.unwrap_or(message.subject);
                let last = self.last_matching(about).unwrap_or(0);
                if last != expected {
                    return Err(wrong(last));
                }
            }
            (None, Some(_)) => {
                return Err(ErrorKind::StreamExpectedLastSeqPerSubjectInvalid.error());
            }
            (None, None) => {}
        }
        let last = self.log.next_seq() - 1;
        match headers.expected_last_sequence() {
            Some(expected) if expected != last => Err(wrong(last)),
            Some(_) | None => Ok(()),
        }
    }

    /// The last message of a subject, or of all that match a pattern.
    pub(crate) fn last_matching(&mut self, pattern: &[u8]) -> Option<u64> {
        if subject::has_wildcards(pattern) {
            return self.log.prev(&mut Filter::new([pattern]), self.log.state().last_seq);
        }
        self.log.find_subject(pattern).and_then(|subject| self.log.last_of(subject))
    }

    /// Whether messages before it may go. A schedule replaces the one before it.
    pub(super) fn check_rollup(
        &self,
        message: &Published<'_>,
        scheduled: bool,
    ) -> Result<(), ApiError> {
        let headers = message.headers;
        match headers.rollup().or(scheduled.then_some(Rollup::Subject)) {
            None => Ok(()),
            Some(_) if !self.config.allow_rollup_hdrs || self.config.deny_purge => {
                Err(ErrorKind::StreamRollupFailed.err("rollup not permitted"))
            }
            Some(Rollup::Subject | Rollup::All) => Ok(()),
            Some(Rollup::Invalid) => {
                let value = headers.rollup.unwrap_or_default();
                let value = alloc::string::String::from_utf8_lossy(value).to_lowercase();
                Err(ErrorKind::StreamRollupFailed
                    .err(format_args!("rollup value invalid: {value:?}")))
            }
        }
    }

    pub(super) fn check_size(&self, message: &Published<'_>) -> Result<(), ApiError> {
        let size = message.header.len() + message.payload.len();
        let most = usize::try_from(self.config.max_msg_size);
        if most.is_ok_and(|most| size > most) {
            return Err(ErrorKind::StreamMessageExceedsMaximum.error());
        }
        Ok(())
    }

    /// What the message will count.
    pub(super) fn record_bytes(&self, message: &Published<'_>) -> u64 {
        let (subject, header) = (message.subject.len(), message.header.len());
        let fixed = match self.config.storage {
            Storage::File if header > 0 => 34,
            Storage::File => 30,
            Storage::Memory => 16,
        };
        (fixed + subject + header + message.payload.len()) as u64
    }

    /// Whether any consumer wants messages of this subject.
    pub(super) fn is_wanted(&self, subject: &[u8]) -> bool {
        self.consumers.values().any(|consumer| consumer.wants(subject))
    }
}
