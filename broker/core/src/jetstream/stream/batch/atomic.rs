//! Batches of which all messages are stored, or none.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::headers::{PublishHeaders, name};
use causeway_wire::jetstream::{ApiError, BatchAck, ErrorKind, Retention};

use super::staged::{Refused, Staged};
use super::{Abandoned, ID_BYTES, Kind};
use crate::jetstream::stream::Stream;
use crate::jetstream::stream::expect::{Change, Published, Room};
use crate::jetstream::stream::held::Wait;
use crate::jetstream::turn::{Incoming, Outgoing, Turn};
use crate::limits;
use crate::time::Mono;

/// The commit of a batch whose last message is the last one that is stored.
const COMMIT: &[u8] = b"1";
/// The commit of a batch whose last message only says that it ends.
const END: &[u8] = b"eob";
const BATCH_COMMIT: &[u8] = b"Nats-Batch-Commit";

/// A batch that is not complete.
#[derive(Debug)]
pub(super) struct Atomic {
    members: Vec<Member>,
    /// Bytes of them.
    pub(super) bytes: u64,
    /// When a message of it came last.
    pub(super) used: Mono,
}

/// A message of a batch, as it was published.
#[derive(Debug)]
struct Member {
    subject: Vec<u8>,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Member {
    fn bytes(&self) -> u64 {
        (self.subject.len() + self.header.len() + self.payload.len()) as u64
    }
}

/// What a message of a batch has led to.
enum Progress {
    /// More are to come.
    More,
    /// It was the last.
    Complete(Vec<Member>),
}

impl Stream {
    /// Takes a message of an atomic batch.
    pub(in crate::jetstream::stream) fn take_atomic(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        headers: &PublishHeaders<'_>,
    ) -> Result<(), Wait> {
        let id = headers.batch_id.unwrap_or_default();
        let ends_only = headers.batch_commit == Some(END);
        if headers.batch_commit.is_some() && self.config.allow_msg_counter {
            self.load_totals(turn, id, incoming)?;
        }
        let reply = self.reply_of(incoming);
        match self.add_member(turn, room, incoming, headers) {
            // That it has come is no promise that it is stored: that is only said of the whole.
            Ok(Progress::More) => {
                if let Some(to) = reply {
                    turn.publish(self.account, &Outgoing { to, ..Outgoing::default() });
                }
            }
            Ok(Progress::Complete(members)) => {
                match self.store_members(turn, room, &members, ends_only) {
                    Ok(seq) => {
                        let id = String::from_utf8_lossy(id);
                        let count = members.len() as u64;
                        self.acknowledge_batch(reply, seq, BatchAck { id: &id, count });
                    }
                    Err(error) => self.refuse(turn, reply, &error),
                }
            }
            Err(error) => self.refuse(turn, reply, &error),
        }
        Ok(())
    }

    /// Reads what the counters of a batch that may end with this message come to.
    fn load_totals(
        &mut self,
        turn: &mut Turn<'_>,
        id: &[u8],
        incoming: &Incoming<'_>,
    ) -> Result<(), Wait> {
        let members = self.batches.atomic.get(id).map_or(&[][..], |batch| &batch.members);
        let mut subjects: Vec<Vec<u8>> = members.iter().map(|each| each.subject.clone()).collect();
        subjects.push(incoming.subject.to_vec());
        subjects.sort_unstable();
        subjects.dedup();
        // All are asked for before the first is waited for.
        let mut loaded = Ok(());
        for subject in subjects {
            let subject = self.stored_subject(turn, &subject).into_owned();
            loaded = loaded.and(self.load_total(turn, &subject));
        }
        loaded
    }

    fn add_member(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        headers: &PublishHeaders<'_>,
    ) -> Result<Progress, ApiError> {
        let (id, number) = self.check_member(turn, room, incoming, headers)?;
        let ends_only = headers.batch_commit == Some(END);
        let most = u64::from(self.limits.batch.max_msgs);
        let too_large = || ErrorKind::AtomicPublishTooLargeBatch.fill(&[("size", &most)]);
        let incomplete = || ErrorKind::AtomicPublishIncompleteBatch.error();
        // A message that only says that the batch ends does not count.
        let size = number - u64::from(ends_only && number > 0);
        if !self.batches.atomic.contains_key(id) {
            if number != 1 {
                return Err(if size > most { too_large() } else { incomplete() });
            }
            self.open_atomic(turn, room, id)?;
        }
        if headers.batch_commit.is_some_and(|commit| commit != COMMIT && commit != END) {
            self.batches.remove_atomic(id);
            return Err(ErrorKind::AtomicPublishInvalidBatchCommit.error());
        }
        if headers.needs_more_than(limits::API_LEVEL.into()) {
            self.abandon(turn, id, Abandoned::Unsupported);
            return Err(ErrorKind::RequiredApiLevel.error());
        }
        let expected =
            self.batches.atomic.get(id).map_or(0, |batch| batch.members.len() as u64 + 1);
        if number != expected || (number == 1 && ends_only) {
            self.abandon(turn, id, Abandoned::Incomplete);
            return Err(incomplete());
        }
        if size > most {
            self.abandon(turn, id, Abandoned::Large);
            return Err(too_large());
        }
        let member = (!ends_only).then(|| Member {
            subject: incoming.subject.to_vec(),
            header: without_level(incoming.header).into_owned(),
            payload: incoming.payload.to_vec(),
        });
        let bytes = member.as_ref().map_or(0, Member::bytes);
        if self.buffered() + bytes > self.limits.max_buffered_bytes {
            self.abandon(turn, id, Abandoned::Large);
            return Err(ErrorKind::InsufficientResources.error());
        }
        self.batches.bytes += bytes;
        let Some(batch) = self.batches.atomic.get_mut(id) else { return Err(incomplete()) };
        batch.used = turn.now.mono;
        batch.bytes += bytes;
        batch.members.extend(member);
        if headers.batch_commit.is_none() {
            return Ok(Progress::More);
        }
        let batch = self.batches.remove_atomic(id).ok_or_else(incomplete)?;
        Ok(Progress::Complete(batch.members))
    }

    /// What is asked of each message when it comes; its batch and its number in it.
    fn check_member<'a>(
        &self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        headers: &PublishHeaders<'a>,
    ) -> Result<(&'a [u8], u64), ApiError> {
        if self.config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        self.check_left(room)?;
        let subject = self.stored_subject(turn, incoming.subject);
        let (header, payload) = (incoming.header, incoming.payload);
        let message = Published { subject: &subject, header, payload, headers };
        self.check_size(&message)?;
        if !self.config.allow_atomic {
            return Err(ErrorKind::AtomicPublishDisabled.error());
        }
        let id = headers.batch_id.unwrap_or_default();
        if id.len() > ID_BYTES {
            return Err(ErrorKind::AtomicPublishInvalidBatchId.error());
        }
        let number = headers.batch_sequence();
        Ok((id, number.ok_or_else(|| ErrorKind::AtomicPublishMissingSeq.error())?))
    }

    fn open_atomic(&mut self, turn: &Turn<'_>, room: Room, id: &[u8]) -> Result<(), ApiError> {
        let limits = &self.limits.batch;
        let of_stream = limits.max_inflight_per_stream.unwrap_or(limits::ATOMIC_BATCHES_PER_STREAM);
        let of_all = limits.max_inflight_total.unwrap_or(limits::ATOMIC_BATCHES);
        if self.batches.open().atomic >= u64::from(of_stream)
            || room.batches.atomic >= u64::from(of_all)
        {
            return Err(ErrorKind::AtomicPublishTooManyInflight.error());
        }
        let used = turn.now.mono;
        self.batches.watch(Kind::Atomic, id, used + limits.timeout);
        self.batches.atomic.insert(id.to_vec(), Atomic { members: Vec::new(), bytes: 0, used });
        Ok(())
    }

    /// Stores all messages of a batch, or none. Returns the sequence of the last one.
    fn store_members(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        members: &[Member],
        ends_only: bool,
    ) -> Result<u64, ApiError> {
        let mut staged = Staged::default();
        let mut changes = Vec::with_capacity(members.len());
        for member in members {
            changes.push(self.check_whole(turn, room, member, &mut staged)?);
        }
        // One message may exceed what is left. A batch may not: it can be a thousand times as large.
        if staged.bytes > self.check_left(room)? {
            return Err(ErrorKind::InsufficientResources.error());
        }
        // The last one says that the batch is complete, also if another message said so.
        if let Some((member, change)) = members.last().zip(changes.last_mut()).filter(|_| ends_only)
        {
            let header = change.header.get_or_insert_with(|| member.header.clone());
            header::push(header, BATCH_COMMIT, COMMIT);
        }
        self.log.keep_whole();
        let mut last = 0;
        for (member, change) in members.iter().zip(changes) {
            let subject = self.stored_subject(turn, &member.subject).into_owned();
            let headers = PublishHeaders::parse(&member.header);
            let (header, payload) = (&member.header[..], &member.payload[..]);
            let message = Published { subject: &subject, header, payload, headers: &headers };
            let interest = self.config.retention == Retention::Interest;
            last = if interest && !self.is_wanted(&subject) {
                self.skip(turn, &message)
            } else {
                self.store_changed(turn, &message, change)
            };
        }
        Ok(last)
    }

    /// The check of one message of a batch that is complete.
    fn check_whole(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        member: &Member,
        staged: &mut Staged,
    ) -> Result<Change, ApiError> {
        let headers = PublishHeaders::parse(&member.header);
        if headers.expected_last_msg_id.is_some_and(|id| !id.is_empty()) {
            let header = "Nats-Expected-Last-Msg-Id";
            let kind = ErrorKind::AtomicPublishUnsupportedHeaderBatch;
            return Err(kind.fill(&[("header", &header)]));
        }
        let subject = self.stored_subject(turn, &member.subject).into_owned();
        let (header, payload) = (&member.header[..], &member.payload[..]);
        let message = Published { subject: &subject, header, payload, headers: &headers };
        self.check_staged(turn, room, &message, staged).map_err(|refused| match refused {
            Refused::Duplicate(_) => ErrorKind::AtomicPublishContainsDuplicateMessage.error(),
            Refused::Error(error) => error,
        })
    }
}

/// A header without what only asks whether the server is new enough.
pub(super) fn without_level(block: &[u8]) -> Cow<'_, [u8]> {
    if header::value(block, name::REQUIRED_API_LEVEL).is_none() {
        return Cow::Borrowed(block);
    }
    let mut block = block.to_vec();
    header::remove(&mut block, name::REQUIRED_API_LEVEL);
    Cow::Owned(block)
}
