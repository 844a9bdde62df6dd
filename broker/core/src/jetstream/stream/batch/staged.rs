//! The checks of a message of a batch, in nats-server's order, which is not that of single messages
//! (jetstream_batching.go, checkMsgHeadersPreClusteredProposal).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use causeway_wire::jetstream::headers::{PublishHeaders, Rollup};
use causeway_wire::jetstream::{ApiError, Discard, ErrorKind};

use crate::jetstream::stream::Stream;
use crate::jetstream::stream::counter::Total;
use crate::jetstream::stream::expect::{Change, HEADER_BYTES, Published, Room, check_source};
use crate::jetstream::stream::limits::{Full, limit, wall_nanos};
use crate::jetstream::turn::Turn;

/// What the messages of a batch would do that were checked before.
#[derive(Debug, Default)]
pub(in crate::jetstream::stream) struct Staged {
    ids: BTreeSet<Vec<u8>>,
    totals: BTreeMap<Vec<u8>, Total>,
    written: BTreeMap<Vec<u8>, Written>,
    /// What the last sequence of a subject was found to be.
    expected: BTreeMap<Vec<u8>, u64>,
    messages: u64,
    pub(super) bytes: u64,
}

/// What was written to a subject.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    messages: u64,
    /// The last of it is a schedule.
    schedule: bool,
}

/// Why a message of a batch is not stored.
#[derive(Debug)]
pub(super) enum Refused {
    /// It has been stored before, as this sequence.
    Duplicate(u64),
    Error(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl Staged {
    /// Whether the last message of a subject would be a schedule; nothing if none would be written.
    pub(in crate::jetstream::stream) fn is_schedule(&self, subject: &[u8]) -> Option<bool> {
        self.written.get(subject).map(|written| written.schedule)
    }
}

impl Stream {
    /// Whether a message may be stored behind those of the batch that were checked before; adds it
    /// to them.
    pub(super) fn check_staged(
        &mut self,
        turn: &Turn<'_>,
        room: Room,
        message: &Published<'_>,
        staged: &mut Staged,
    ) -> Result<Change, Refused> {
        let headers = message.headers;
        self.check_record(message)?;
        if message.header.len() > HEADER_BYTES {
            return Err(ErrorKind::StreamHeaderExceedsMaximum.error().into());
        }
        let incr = self.increment(message)?;
        self.check_name(headers)?;
        match headers.ttl() {
            Ok(None) => {}
            _ if !self.config.allow_msg_ttl => {
                return Err(ErrorKind::MessageTtlDisabled.error().into());
            }
            Ok(Some(_)) => {}
            Err(_) => return Err(ErrorKind::MessageTtlInvalid.error().into()),
        }
        self.check_id(turn, headers, staged)?;
        check_source(headers)?;
        let mut change = Change::default();
        let before = staged.totals.get(message.subject);
        self.count(room, message, incr, before, &mut change)?;
        self.check_staged_sequences(message, staged)?;
        let scheduled = self.check_schedule(turn.now, message, Some(staged))?;
        self.check_staged_rollup(message, scheduled, staged)?;
        if scheduled {
            change.roll_up(message);
        }
        let with = change.headers(message);
        let stored = change.apply(message, &with);
        self.check_size(&stored)?;
        self.stage(&stored, scheduled, change.total.clone(), staged)?;
        Ok(change)
    }

    fn check_id(
        &mut self,
        turn: &Turn<'_>,
        headers: &PublishHeaders<'_>,
        staged: &mut Staged,
    ) -> Result<(), Refused> {
        let Some(id) = headers.msg_id.filter(|id| !id.is_empty()) else { return Ok(()) };
        if staged.ids.contains(id) {
            return Err(ErrorKind::AtomicPublishContainsDuplicateMessage.error().into());
        }
        if let Some(seq) = self.dedupe.find(id, wall_nanos(turn.now.wall)) {
            return Err(Refused::Duplicate(seq));
        }
        staged.ids.insert(id.to_vec());
        Ok(())
    }

    /// What the stream is expected to hold, when what is before in the batch is there.
    fn check_staged_sequences(
        &mut self,
        message: &Published<'_>,
        staged: &mut Staged,
    ) -> Result<(), ApiError> {
        let headers = message.headers;
        let wrong = |last: u64| ErrorKind::StreamWrongLastSequence.fill(&[("seq", &last)]);
        let constant = || ErrorKind::StreamWrongLastSequenceConstant.error();
        let last = self.log.next_seq() - 1 + staged.messages;
        match headers.expected_last_sequence() {
            Some(expected) if expected != last => return Err(wrong(last)),
            // Only the first message of a batch may have it.
            Some(_) if staged.messages > 0 => return Err(constant()),
            Some(_) | None => {}
        }
        let about = headers.expected_last_subject_sequence_subject.filter(|it| !it.is_empty());
        let Some(expected) = headers.expected_last_subject_sequence() else {
            return match about {
                Some(_) => Err(ErrorKind::StreamExpectedLastSeqPerSubjectInvalid.error()),
                None => Ok(()),
            };
        };
        let about = about.unwrap_or(message.subject);
        if staged.written.contains_key(about) {
            return Err(constant());
        }
        let found = match staged.expected.get(about) {
            Some(found) => *found,
            None => self.last_matching(about).unwrap_or(0),
        };
        if found != expected {
            return Err(wrong(found));
        }
        staged.expected.insert(about.to_vec(), found);
        Ok(())
    }

    fn check_staged_rollup(
        &self,
        message: &Published<'_>,
        scheduled: bool,
        staged: &Staged,
    ) -> Result<(), ApiError> {
        self.check_rollup(message, scheduled)?;
        let rollup = message.headers.rollup().or(scheduled.then_some(Rollup::Subject));
        let first_of_subject = !staged.written.contains_key(message.subject);
        match rollup {
            Some(Rollup::Subject) if !first_of_subject => {
                Err(ErrorKind::StreamRollupFailed.err("batch rollup sub invalid"))
            }
            Some(Rollup::All) if staged.messages > 0 => {
                Err(ErrorKind::StreamRollupFailed.err("batch rollup all invalid"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Adds a message to those that would be written, if the stream's limits allow it.
    fn stage(
        &self,
        message: &Published<'_>,
        schedule: bool,
        total: Option<Total>,
        staged: &mut Staged,
    ) -> Result<(), ApiError> {
        staged.messages += 1;
        staged.bytes += self.record_bytes(message);
        staged.totals.extend(total.map(|total| (message.subject.to_vec(), total)));
        let written = staged.written.entry(message.subject.to_vec()).or_default();
        written.messages += 1;
        written.schedule = schedule;
        if self.config.discard == Discard::Old {
            return Ok(());
        }
        let full = |full: Full| Err(ErrorKind::StreamStoreFailed.err(full));
        let state = self.log.state();
        let messages = state.messages + staged.messages;
        let bytes = state.bytes + staged.bytes;
        if limit(self.config.max_msgs).is_some_and(|limit| messages > limit) {
            return full(Full::Messages);
        }
        if limit(self.config.max_bytes).is_some_and(|limit| bytes > limit) {
            return full(Full::Bytes);
        }
        let rolls_up = message.headers.rollup.is_some_and(|rollup| !rollup.is_empty());
        let per_subject = limit(self.config.max_msgs_per_subject)
            .filter(|_| self.config.discard_new_per_subject && !rolls_up);
        let there = self.log.find_subject(message.subject).map_or(0, |it| self.log.count_of(it));
        if per_subject.is_some_and(|limit| there + written.messages > limit) {
            return full(Full::Subject);
        }
        Ok(())
    }
}
