//! Batches whose messages are stored as they come: the server says from time to time how far it is,
//! and how many messages it takes until it says so again.
//!
//! Everything that is said about a batch waits until what was stored before is durable.

use alloc::string::String;

use causeway_wire::jetstream::fast_batch::{FastBatch, FastBatchError, FastBatchOp};
use causeway_wire::jetstream::headers::PublishHeaders;
use causeway_wire::jetstream::{
    ApiError, BatchAck, BatchFlow, BatchFlowAck, BatchFlowErr, BatchFlowGap, ErrorKind,
    write_pub_error,
};

use super::atomic::without_level;
use super::staged::{Refused, Staged};
use super::{ID_BYTES, Kind};
use crate::jetstream::stream::Stream;
use crate::jetstream::stream::expect::{Change, Published, Room};
use crate::jetstream::stream::held::Wait;
use crate::jetstream::turn::{Incoming, Turn};
use crate::limits;
use crate::time::Mono;

/// A batch that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fast {
    /// Numbers in the batch: of the last message that came, of the last one that is stored, and of
    /// the one up to which the client was told so.
    last: u64,
    stored: u64,
    told: u64,
    /// The sequence of the message that was stored last; 0 if none was.
    seq: u64,
    /// After how many messages the client is told, and at most.
    flow: u16,
    most: u16,
    gap_ok: bool,
    pub(super) used: Mono,
}

/// Who is answered, and about what.
#[derive(Clone, Copy)]
struct About<'a> {
    reply: Option<&'a [u8]>,
    batch: FastBatch<'a>,
}

impl About<'_> {
    fn commits(&self) -> bool {
        self.batch.op == FastBatchOp::Commit
    }
}

impl Stream {
    /// Takes a message of a batch with flow control.
    pub(in crate::jetstream::stream) fn take_fast(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        batch: Result<FastBatch<'_>, FastBatchError>,
    ) -> Result<(), Wait> {
        let header = without_level(incoming.header);
        let needs = PublishHeaders::parse(incoming.header);
        let headers = PublishHeaders::parse(&header);
        let subject = self.stored_subject(turn, incoming.subject).into_owned();
        if self.config.allow_msg_counter {
            self.load_total(turn, &subject)?;
        }
        let (header, payload) = (&header[..], incoming.payload);
        let message = Published { subject: &subject, header, payload, headers: &headers };
        let reply = self.reply_of(incoming);
        let batch = match self.find_fast(turn, room, incoming, &message, batch) {
            Ok(batch) => batch,
            Err(error) => {
                self.refuse_fast(reply, &error);
                return Ok(());
            }
        };
        if needs.needs_more_than(limits::API_LEVEL.into()) {
            self.batches.fast.remove(batch.id);
            self.refuse_fast(reply, &ErrorKind::RequiredApiLevel.error());
            return Ok(());
        }
        let about = About { reply, batch };
        match batch.op {
            FastBatchOp::Ping => self.ping(&about),
            FastBatchOp::Start
            | FastBatchOp::Append
            | FastBatchOp::Commit
            | FastBatchOp::CommitEob => self.add_fast(turn, room, &about, &message),
        }
        Ok(())
    }

    /// The batch that a message is of, which may begin with it.
    fn find_fast<'a>(
        &mut self,
        turn: &Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        message: &Published<'_>,
        batch: Result<FastBatch<'a>, FastBatchError>,
    ) -> Result<FastBatch<'a>, ApiError> {
        if self.config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        self.check_left(room)?;
        let whole = Published { header: incoming.header, ..*message };
        self.check_size(&whole)?;
        if !self.config.allow_batched {
            return Err(ErrorKind::BatchPublishDisabled.error());
        }
        let batch = batch.map_err(|_| ErrorKind::BatchPublishInvalidPattern.error())?;
        if batch.id.len() > ID_BYTES {
            return Err(ErrorKind::BatchPublishInvalidBatchId.error());
        }
        match self.batches.fast.get_mut(batch.id) {
            Some(known) => known.used = turn.now.mono,
            None if batch.seq != 1 || batch.op == FastBatchOp::Ping => {
                return Err(ErrorKind::BatchPublishUnknownBatchId.error());
            }
            None => self.open_fast(turn, room, &batch)?,
        }
        Ok(batch)
    }

    fn open_fast(
        &mut self,
        turn: &Turn<'_>,
        room: Room,
        batch: &FastBatch<'_>,
    ) -> Result<(), ApiError> {
        let limits = &self.limits.batch;
        let of_stream = limits.max_inflight_per_stream.unwrap_or(limits::FAST_BATCHES_PER_STREAM);
        let of_all = limits.max_inflight_total.unwrap_or(limits::FAST_BATCHES);
        let open = self.batches.open().fast;
        if open >= u64::from(of_stream) || room.batches.fast >= u64::from(of_all) {
            return Err(ErrorKind::BatchPublishTooManyInflight.error());
        }
        // One that is alone gets what it wants; others begin slowly.
        let flow = if open > 0 { 1 } else { batch.flow.min(limits::FAST_BATCH_FLOW) };
        let used = turn.now.mono;
        let (most, gap_ok) = (batch.flow, batch.gap_ok);
        let new = Fast { last: 0, stored: 0, told: 0, seq: 0, flow, most, gap_ok, used };
        self.batches.watch(Kind::Fast, batch.id, used + limits.timeout);
        self.batches.fast.insert(batch.id.to_vec(), new);
        Ok(())
    }

    /// A client asks how far its batch is.
    fn ping(&mut self, about: &About<'_>) {
        let number = about.batch.seq;
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return };
        if number > batch.last {
            let gap = BatchFlowGap { last_seq: batch.last + 1, seq: number + 1 };
            let gap_ok = batch.gap_ok;
            if gap_ok {
                (batch.last, batch.stored) = (number, number);
            }
            self.say(about, &BatchFlow::Gap(gap));
            if !gap_ok {
                return self.end_fast(about);
            }
            if self.tell(about) {
                return;
            }
        }
        self.tell_again(about);
    }

    fn add_fast(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        about: &About<'_>,
        message: &Published<'_>,
    ) {
        let number = about.batch.seq;
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return };
        let expected = batch.last + 1;
        if number != expected {
            let goes_on = batch.gap_ok && number > expected;
            if goes_on {
                batch.last = number;
            }
            if number > expected {
                let gap = BatchFlowGap { last_seq: expected, seq: number };
                self.say(about, &BatchFlow::Gap(gap));
            }
            if !goes_on {
                return self.end_fast(about);
            }
        } else {
            batch.last = number;
        }
        if about.batch.op == FastBatchOp::CommitEob {
            if let Some(batch) = self.batches.fast.get_mut(about.batch.id) {
                batch.last = number - 1;
            }
            return self.end_fast(about);
        }
        if number == 1 && !about.commits() {
            self.tell_again(about);
        }
        let mut staged = Staged::default();
        let checked = self.check_staged(turn, room, message, &mut staged);
        let checked = checked.and_then(|change| {
            let headers = change.headers(message);
            let ttl = headers.ttl();
            let wanted = self.check_place(room, &change.apply(message, &headers), ttl)?;
            Ok((change, wanted))
        });
        match checked {
            Ok((change, wanted)) => self.store_fast(turn, about, message, change, wanted),
            Err(Refused::Duplicate(seq)) => self.duplicate_in_fast(about, seq),
            Err(Refused::Error(error)) => self.error_in_fast(about, error),
        }
    }

    fn store_fast(
        &mut self,
        turn: &mut Turn<'_>,
        about: &About<'_>,
        message: &Published<'_>,
        change: Change,
        wanted: bool,
    ) {
        let seq = if wanted {
            self.store_changed(turn, message, change)
        } else {
            self.skip(turn, message)
        };
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return };
        (batch.seq, batch.stored) = (seq, batch.last);
        if about.commits() {
            self.end_fast(about);
        } else {
            self.tell(about);
        }
    }

    /// A message has been stored before: it is passed over.
    fn duplicate_in_fast(&mut self, about: &About<'_>, seq: u64) {
        let number = about.batch.seq;
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return };
        batch.stored = number;
        let alone = !batch.gap_ok && batch.last == 1;
        self.tell(about);
        if !about.commits() {
            return;
        }
        if alone {
            self.batches.fast.remove(about.batch.id);
            let id = String::from_utf8_lossy(about.batch.id);
            let ack = BatchAck { id: &id, count: number };
            let end = [b",\"duplicate\": true", &ack.end()[..]].concat();
            return self.acknowledge(about.reply, seq, &end);
        }
        self.end_fast(about);
    }

    fn error_in_fast(&mut self, about: &About<'_>, error: ApiError) {
        let number = about.batch.seq;
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return };
        let gap_ok = batch.gap_ok;
        if !gap_ok && batch.last == 1 {
            self.batches.fast.remove(about.batch.id);
            return self.refuse_fast(about.reply, &error);
        }
        self.say(about, &BatchFlow::Err(BatchFlowErr { seq: number, error: Some(error) }));
        if gap_ok && !about.commits() {
            return;
        }
        if let Some(batch) = self.batches.fast.get_mut(about.batch.id) {
            batch.last -= 1;
        }
        self.end_fast(about);
    }

    /// Ends a batch: all that came has been stored.
    fn end_fast(&mut self, about: &About<'_>) {
        let Some(batch) = self.batches.fast.remove(about.batch.id) else { return };
        let id = String::from_utf8_lossy(about.batch.id);
        self.acknowledge_batch(about.reply, batch.seq, BatchAck { id: &id, count: batch.last });
    }

    /// Tells how far it is, if that is due; whether it was.
    fn tell(&mut self, about: &About<'_>) -> bool {
        let open = u16::try_from(self.batches.fast.len()).unwrap_or(u16::MAX);
        let Some(batch) = self.batches.fast.get_mut(about.batch.id) else { return false };
        let flow = u64::from(batch.flow);
        if batch.stored < batch.told + flow {
            return false;
        }
        batch.told += (batch.stored - batch.told) / flow * flow;
        // All that are under way share what one would have.
        let most = (limits::FAST_BATCH_FLOW / open.max(1)).clamp(1, batch.most.max(1));
        batch.flow = if batch.flow < most {
            batch.flow.saturating_mul(2).min(most)
        } else {
            (batch.flow / 2).max(most)
        };
        self.tell_again(about);
        true
    }

    fn tell_again(&mut self, about: &About<'_>) {
        let Some(batch) = self.batches.fast.get(about.batch.id) else { return };
        let ack = BatchFlowAck { seq: batch.told, msgs: batch.flow };
        self.say(about, &BatchFlow::Ack(ack));
    }

    fn say(&mut self, about: &About<'_>, flow: &BatchFlow) {
        let Some(reply) = about.reply else { return };
        self.replies.push(reply, |out| flow.write(out));
    }

    /// Refuses a message, behind what was said before.
    fn refuse_fast(&mut self, reply: Option<&[u8]>, error: &ApiError) {
        let Some(reply) = reply else { return };
        let name = &self.config.name;
        self.replies.push(reply, |out| write_pub_error(out, name, error));
    }
}
