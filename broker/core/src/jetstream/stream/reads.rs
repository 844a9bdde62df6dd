//! Reading messages for somebody who asked: one, a batch of them, or the last of many subjects.
//!
//! A read may have to wait for the disk, or for a message to be durable; then it goes on where it
//! stopped when there is news.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::{Failure, Filter, Get, StoredMessage};
use causeway_wire::jetstream::request::MsgGetRequest;
use causeway_wire::jetstream::response::{Blob, MsgGetResponse, StoredMsg, response};
use causeway_wire::jetstream::{ErrorKind, Time};

use super::Stream;
use crate::jetstream::api::audit::Asked;
use crate::jetstream::turn::{Outgoing, Turn};
use crate::limits;

/// A read that has been begun.
#[derive(Debug)]
pub(crate) struct Read {
    /// Where the answers go.
    pub(crate) to: Vec<u8>,
    pub(crate) what: What,
    /// The request, for those who want to know of all.
    pub(crate) asked: Option<Asked>,
}

/// What is read, and in which form it is answered.
#[derive(Debug)]
pub(crate) enum What {
    /// One message, as a document (`STREAM.MSG.GET`).
    Document(One),
    /// One message as it is (`DIRECT.GET`).
    Direct(One),
    /// Messages in their order, and an end.
    Batch(Batch),
    /// Certain messages, and an end.
    Many(Many),
}

/// The one message that a request means.
#[derive(Debug)]
pub(crate) struct One {
    request: MsgGetRequest,
    /// It is not durable yet, and may be replaced before it is.
    held: Option<StoredMessage>,
}

impl One {
    pub(crate) fn new(request: MsgGetRequest) -> Self {
        Self { request, held: None }
    }
}

/// Messages of certain subjects from a sequence on.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) filter: Filter,
    pub(crate) next: u64,
    pub(crate) left: u64,
    pub(crate) bytes_left: u64,
    pub(crate) headers: bool,
    /// How many messages are still to come, after those that were sent.
    pub(crate) pending: u64,
    /// The stream's last message when that was counted.
    pub(crate) counted: u64,
    /// The message that was sent last.
    pub(crate) last: u64,
}

/// The last messages of many subjects.
#[derive(Debug)]
pub(crate) struct Many {
    pub(crate) seqs: VecDeque<u64>,
    pub(crate) left: u64,
    pub(crate) bytes_left: u64,
    pub(crate) headers: bool,
    pub(crate) last: u64,
    /// No later message counts.
    pub(crate) up_to: u64,
}

/// How a read goes on.
pub(super) enum Step {
    Again,
    Wait,
    Done,
}

impl Stream {
    /// Begins a read, or does all of it.
    pub(crate) fn read(&mut self, turn: &mut Turn<'_>, mut read: Read) {
        if !self.read_on(turn, &mut read) {
            self.reads.push(read);
        }
    }

    /// The disk has failed: what is there was changed since by what never will be durable, and what was
    /// there before is known again when the log is opened anew.
    fn refuse_read(&self, turn: &mut Turn<'_>, read: &Read) {
        let to = &read.to[..];
        match read.what {
            What::Document(_) => {
                let error = Err::<MsgGetResponse, _>(ErrorKind::ClusterNotAvail.error());
                let payload = response(&error);
                turn.publish(
                    self.account,
                    &Outgoing { to, payload: &payload, ..Outgoing::default() },
                );
            }
            What::Direct(_) | What::Batch(_) | What::Many(_) => {
                self.send_status(turn, to, "503 JetStream system temporarily unavailable", "");
            }
        }
    }

    /// Something has been loaded or become durable, or the disk has failed: all that wait try again.
    pub(super) fn read_again(&mut self, turn: &mut Turn<'_>) {
        let mut reads = core::mem::take(&mut self.reads);
        reads.retain_mut(|read| !self.read_on(turn, read));
        reads.append(&mut self.reads);
        self.reads = reads;
    }

    /// True when it has ended.
    fn read_on(&mut self, turn: &mut Turn<'_>, read: &mut Read) -> bool {
        if self.log.failure() == Some(Failure::Disk) {
            self.refuse_read(turn, read);
            return true;
        }
        loop {
            if turn.node.turn_output >= limits::TURN_OUTPUT_BYTES {
                self.reads_paused = true;
                return false;
            }
            let step = match &mut read.what {
                What::Document(one) => self.document(turn, &read.to, one, read.asked.as_ref()),
                What::Direct(one) => self.direct(turn, &read.to, one),
                What::Batch(batch) => self.batch(turn, &read.to, batch),
                What::Many(many) => self.many(turn, &read.to, many),
            };
            match step {
                Step::Again => {}
                Step::Wait => return false,
                Step::Done => return true,
            }
        }
    }

    /// A message that is there; nothing if it is not; an error if that is not known yet.
    pub(super) fn look(
        &mut self,
        turn: &mut Turn<'_>,
        seq: u64,
    ) -> Result<Option<StoredMessage>, Step> {
        if seq > self.log.durable_seq() && seq < self.log.next_seq() {
            return Err(Step::Wait);
        }
        match self.log.get(seq, &mut turn.fx.disk) {
            Get::Message(message) => Ok(Some(message)),
            Get::Loading => Err(Step::Wait),
            Get::Failed => {
                self.reads_failed = true;
                Err(Step::Wait)
            }
            Get::Missing | Get::Lost => Ok(None),
        }
    }

    /// The message that a request means. What that is may change while the disk is waited for: an
    /// existing key is always found, and one that is always replaced before it is durable as it was.
    fn look_for(
        &mut self,
        turn: &mut Turn<'_>,
        one: &mut One,
    ) -> Result<Option<StoredMessage>, Step> {
        if one.held.is_none() {
            let Some(seq) = self.resolve(&one.request) else { return Ok(None) };
            if seq <= self.log.durable_seq() {
                return self.look(turn, seq);
            }
            one.held = self.log.peek(seq);
        }
        let durable = self.log.durable_seq();
        if one.held.as_ref().is_some_and(|held| held.seq > durable) {
            return Err(Step::Wait);
        }
        Ok(one.held.take())
    }

    fn document(
        &mut self,
        turn: &mut Turn<'_>,
        to: &[u8],
        one: &mut One,
        asked: Option<&Asked>,
    ) -> Step {
        let message = match self.look_for(turn, one) {
            Ok(message) => message,
            Err(step) => return step,
        };
        let headers = !one.request.no_hdr;
        let found = message.map(|message| StoredMsg {
            subject: String::from_utf8_lossy(message.subject()).into_owned(),
            seq: message.seq,
            hdrs: Blob(if headers { message.header().to_vec() } else { Vec::new() }),
            data: Blob(message.payload().to_vec()),
            time: time(message.time),
        });
        let result = match found {
            Some(message) => Ok(MsgGetResponse { message: Some(message) }),
            None => Err(ErrorKind::NoMessageFound.error()),
        };
        let payload = response(&result);
        turn.publish(self.account, &Outgoing { to, payload: &payload, ..Outgoing::default() });
        if let Some(asked) = asked {
            asked.answered(turn, self.account, &self.domain, &payload);
        }
        Step::Done
    }

    fn direct(&mut self, turn: &mut Turn<'_>, to: &[u8], one: &mut One) -> Step {
        match self.look_for(turn, one) {
            Ok(Some(message)) => {
                self.send_direct(turn, to, &message, !one.request.no_hdr, None);
            }
            Ok(None) => self.send_status(turn, to, "404 Message Not Found", ""),
            Err(step) => return step,
        }
        Step::Done
    }

    fn batch(&mut self, turn: &mut Turn<'_>, to: &[u8], batch: &mut Batch) -> Step {
        let found = self.log.next(&mut batch.filter, batch.next);
        let (Some(seq), true) = (found, batch.left > 0 && batch.bytes_left > 0) else {
            if batch.last == 0 && batch.left > 0 {
                self.send_status(turn, to, "404 Message Not Found", "");
                return Step::Done;
            }
            if self.log.state().last_seq > batch.counted {
                batch.pending = self.log.count(&mut batch.filter, batch.next);
            }
            self.send_end(turn, to, batch.pending, batch.last, None);
            return Step::Done;
        };
        let message = match self.look(turn, seq) {
            Ok(message) => message,
            Err(step) => return step,
        };
        batch.next = seq + 1;
        let Some(message) = message else { return Step::Again };
        if !turn.has_interest(self.account, to) {
            return Step::Done;
        }
        batch.pending = batch.pending.saturating_sub(1);
        let end = Some((batch.pending, batch.last));
        self.send_direct(turn, to, &message, batch.headers, end);
        batch.last = seq;
        batch.left -= 1;
        batch.bytes_left = batch.bytes_left.saturating_sub(size(&message));
        Step::Again
    }

    fn many(&mut self, turn: &mut Turn<'_>, to: &[u8], many: &mut Many) -> Step {
        let next = many.seqs.front().copied().filter(|_| many.left > 0 && many.bytes_left > 0);
        let Some(seq) = next else {
            let pending = many.seqs.len() as u64;
            self.send_end(turn, to, pending, many.last, Some(many.up_to));
            return Step::Done;
        };
        let message = match self.look(turn, seq) {
            Ok(message) => message,
            Err(step) => return step,
        };
        many.seqs.pop_front();
        let Some(message) = message else { return Step::Again };
        if !turn.has_interest(self.account, to) {
            return Step::Done;
        }
        let end = Some((many.seqs.len() as u64, many.last));
        self.send_direct(turn, to, &message, many.headers, end);
        many.last = seq;
        many.left -= 1;
        many.bytes_left = many.bytes_left.saturating_sub(size(&message));
        Step::Again
    }

    /// A message with the fields that say where it is from; in a batch also what follows, and what
    /// was before it.
    fn send_direct(
        &self,
        turn: &mut Turn<'_>,
        to: &[u8],
        message: &StoredMessage,
        headers: bool,
        place: Option<(u64, u64)>,
    ) {
        let mut fields = String::new();
        if headers {
            let subject = String::from_utf8_lossy(message.subject());
            let (name, seq, time) = (&self.config.name, message.seq, time(message.time));
            fields = format!(
                "Nats-Stream: {name}\r\nNats-Subject: {subject}\r\nNats-Sequence: {seq}\r\nNats-Time-Stamp: {time}\r\n"
            );
            if let Some((pending, last)) = place {
                fields += &format!("Nats-Num-Pending: {pending}\r\nNats-Last-Sequence: {last}\r\n");
            }
        }
        let header = if headers { message.header() } else { &[] };
        let outgoing = Outgoing { to, header, payload: message.payload(), ..Outgoing::default() };
        turn.publish_with_fields(self.account, &outgoing, fields.as_bytes());
    }

    /// A message that is only a status. `fields` end with their line ends.
    pub(crate) fn send_status(&self, turn: &mut Turn<'_>, to: &[u8], status: &str, fields: &str) {
        let header = format!("NATS/1.0 {status}\r\n{fields}\r\n");
        let outgoing = Outgoing { to, header: header.as_bytes(), ..Outgoing::default() };
        turn.publish(self.account, &outgoing);
    }

    fn send_end(
        &self,
        turn: &mut Turn<'_>,
        to: &[u8],
        pending: u64,
        last: u64,
        up_to: Option<u64>,
    ) {
        let mut fields = format!("Nats-Num-Pending: {pending}\r\nNats-Last-Sequence: {last}\r\n");
        if let Some(up_to) = up_to {
            fields += &format!("Nats-UpTo-Sequence: {up_to}\r\n");
        }
        self.send_status(turn, to, "204 EOB", &fields);
    }
}

/// What a message counts against the bytes of a batch.
fn size(message: &StoredMessage) -> u64 {
    (message.subject().len() + message.body().len()) as u64
}

/// A time of the log.
pub(crate) fn time(nanos: u64) -> Time {
    Time::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
