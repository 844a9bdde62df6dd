//! A published message, from its headers to the log.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::NewMessage;
use causeway_wire::jetstream::fast_batch::FastBatch;
use causeway_wire::jetstream::headers::{PublishHeaders, Rollup, Ttl, name};
use causeway_wire::jetstream::{ApiError, BatchAck, Nanos, PubAck, Time, write_pub_error};
use causeway_wire::{encode, header};

use super::counter::Total;
use super::expect::{Change, Published, Room, Verdict};
use super::held::{Taker, Wait};
use super::limits::{FLAGS, MARKER, NEVER, SCHEDULE, expiry_of, wall_nanos};
use super::reads::time;
use super::removal::Purge;
use super::{Stream, replies::Reply};
use crate::jetstream::JetStream;
use crate::jetstream::stream::StreamId;
use crate::jetstream::turn::{Incoming, Outgoing, Turn};
use crate::rng;

impl JetStream {
    /// Something was published on a stream's subjects.
    pub(crate) fn ingest(&mut self, turn: &mut Turn<'_>, id: StreamId, incoming: &Incoming<'_>) {
        let room = self.room(turn);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.ingest(turn, room, incoming);
        self.touched.insert(id);
        self.count_batches(id);
    }
}

impl Stream {
    fn ingest(&mut self, turn: &mut Turn<'_>, room: Room, incoming: &Incoming<'_>) {
        if !self.held.is_empty() || self.take(turn, room, incoming).is_err() {
            self.hold(turn, Taker::Stream, incoming);
        }
    }

    /// Takes a message, unless something must be read first.
    pub(super) fn take(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
    ) -> Result<(), Wait> {
        let headers = PublishHeaders::parse(incoming.header);
        match incoming.reply.map_or(Ok(None), FastBatch::parse) {
            Ok(None) if headers.batch_id.is_some_and(|id| !id.is_empty()) => {
                self.take_atomic(turn, room, incoming, &headers)
            }
            Ok(None) => self.take_single(turn, room, incoming, &headers),
            Ok(Some(batch)) => self.take_fast(turn, room, incoming, Ok(batch)),
            Err(error) => self.take_fast(turn, room, incoming, Err(error)),
        }
    }

    fn take_single(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        incoming: &Incoming<'_>,
        headers: &PublishHeaders<'_>,
    ) -> Result<(), Wait> {
        let reply = self.reply_of(incoming);
        let subject = self.stored_subject(turn, incoming.subject);
        if self.config.allow_msg_counter {
            self.load_total(turn, &subject)?;
        }
        let (header, payload) = (incoming.header, incoming.payload);
        let message = Published { subject: &subject, header, payload, headers };
        match self.check(turn.now, room, &message) {
            Ok(Verdict::Store(change)) => {
                let total = change.total.as_ref().map(Total::text);
                let seq = self.store_changed(turn, &message, change);
                match total {
                    Some(total) => {
                        let end = format!(",\"val\":\"{total}\"}}");
                        self.acknowledge(reply, seq, end.as_bytes());
                    }
                    None => self.acknowledge(reply, seq, b"}"),
                }
            }
            Ok(Verdict::Skip) => {
                let seq = self.skip(turn, &message);
                self.acknowledge(reply, seq, b"}");
            }
            Ok(Verdict::Duplicate(seq)) => self.acknowledge(reply, seq, b",\"duplicate\": true}"),
            Err(error) => self.refuse(turn, reply, &error),
        }
        Ok(())
    }

    /// Where the answer to a message goes, if there is to be one.
    pub(super) fn reply_of<'a>(&self, incoming: &Incoming<'a>) -> Option<&'a [u8]> {
        incoming.reply.filter(|_| !self.config.no_ack)
    }

    /// The subject that a message is stored under.
    pub(super) fn stored_subject<'a>(
        &self,
        turn: &mut Turn<'_>,
        subject: &'a [u8],
    ) -> Cow<'a, [u8]> {
        let mut draw = || turn.node.rng.next_u64(rng::Stream::Consumers) as u32;
        let transform = self.transform.as_ref();
        let transformed = transform.and_then(|each| each.map(subject, &mut draw));
        transformed.map_or(Cow::Borrowed(subject), Cow::Owned)
    }

    /// A message that nobody wants gets a sequence and is not kept. What it asked for is done.
    pub(super) fn skip(&mut self, turn: &mut Turn<'_>, message: &Published<'_>) -> u64 {
        let seq = self.log.next_seq();
        self.skip_at(turn, message, seq, wall_nanos(turn.now.wall));
        seq
    }

    /// The same with a sequence and a time, as a mirror has them.
    pub(super) fn skip_at(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Published<'_>,
        seq: u64,
        time: u64,
    ) {
        self.log.skip_to(seq + 1, time);
        self.remember_id(turn, message.headers.msg_id, seq);
        self.roll_up(turn, message, 0);
    }

    /// Appends a message as it is stored.
    pub(super) fn store_changed(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Published<'_>,
        mut change: Change,
    ) -> u64 {
        self.lengthen_life(message, &mut change);
        let headers = change.headers(message);
        let seq = self.store(turn, &change.apply(message, &headers));
        self.set_total(message.subject, change, seq);
        seq
    }

    /// Where markers stand for messages that are gone, a message does not live for less than one
    /// would: it could be missed otherwise.
    fn lengthen_life(&self, message: &Published<'_>, change: &mut Change) {
        let least = self.config.subject_delete_marker_ttl.0 / Nanos::SECOND.0;
        let many = self.config.max_msgs_per_subject != 1;
        let ttl = message.headers.ttl();
        if many && matches!(ttl, Ok(Some(Ttl::Seconds(seconds))) if seconds < least) {
            let header = change.header.get_or_insert_with(|| message.header.to_vec());
            header::remove(header, name::TTL);
            header::push(header, name::TTL, format!("{least}").as_bytes());
        }
    }

    /// Appends a message that may be stored, and does what follows from it.
    fn store(&mut self, turn: &mut Turn<'_>, message: &Published<'_>) -> u64 {
        self.store_at(turn, message, self.log.next_seq(), wall_nanos(turn.now.wall))
    }

    /// The same with a sequence and a time, as a mirror has them.
    pub(super) fn store_at(
        &mut self,
        turn: &mut Turn<'_>,
        message: &Published<'_>,
        seq: u64,
        time: u64,
    ) -> u64 {
        let headers = message.headers;
        let mut draw = || turn.node.rng.next_u64(rng::Stream::Consumers) as u32;
        let republish = self.republish.as_ref();
        let republished = republish.and_then(|each| each.map(message.subject, &mut draw));
        let before = republished.as_ref().and_then(|_| self.last_matching(message.subject));
        let mark = mark_of(time, message);
        self.log.append(&NewMessage {
            seq,
            time,
            subject: message.subject,
            header: message.header,
            payload: message.payload,
            mark,
        });
        if let Some(at) = expiry_of(mark) {
            self.expiries.insert((at, seq));
        }
        self.announce(seq, message.subject);
        self.schedule_stored(turn.now, seq, message);
        self.remember_id(turn, headers.msg_id, seq);
        if let Some(to) = republished {
            self.publish_again(message, &to, seq, before.unwrap_or(0));
        }
        self.roll_up(turn, message, 1);
        if let Some(subject) = self.log.meta(seq).map(|meta| meta.subject) {
            self.enforce_limits(turn, subject);
        }
        seq
    }

    /// Removes what a message replaces, but for the last `keep`.
    fn roll_up(&mut self, turn: &mut Turn<'_>, message: &Published<'_>, keep: u64) {
        if !self.config.allow_rollup_hdrs || self.config.deny_purge {
            return;
        }
        let filter = match message.headers.rollup() {
            Some(Rollup::Subject) => Some(message.subject),
            Some(Rollup::All) => Some(&b""[..]),
            Some(Rollup::Invalid) | None => None,
        };
        if let Some(filter) = filter {
            self.purge(turn, &Purge { filter, below: 0, keep });
        }
        self.end_schedule(turn, message.headers);
    }

    /// Tells consumers of a message. They deliver it when it is durable.
    fn announce(&mut self, seq: u64, subject: &[u8]) {
        for (id, consumer) in &mut self.consumers {
            if consumer.stored(seq, subject) {
                self.to_pump.insert(*id);
            }
        }
    }

    fn remember_id(&mut self, turn: &Turn<'_>, id: Option<&[u8]>, seq: u64) {
        self.last_id.clear();
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.last_id.extend_from_slice(id);
            self.dedupe.insert(id, seq, wall_nanos(turn.now.wall));
        }
    }

    /// `{"stream":"S", "seq":7` and what `end` says, once the message is durable.
    pub(super) fn acknowledge(&mut self, reply: Option<&[u8]>, seq: u64, end: &[u8]) {
        let Some(reply) = reply else { return };
        let prefix = &self.ack_prefix;
        self.replies.push(reply, |out| {
            out.extend_from_slice(prefix);
            encode::decimal(out, seq);
            out.extend_from_slice(end);
        });
    }

    /// The same for the last message of a batch.
    pub(super) fn acknowledge_batch(
        &mut self,
        reply: Option<&[u8]>,
        seq: u64,
        batch: BatchAck<'_>,
    ) {
        self.acknowledge(reply, seq, &batch.end());
    }

    /// Nothing has been stored: that may be said at once.
    pub(super) fn refuse(&self, turn: &mut Turn<'_>, reply: Option<&[u8]>, error: &ApiError) {
        let Some(to) = reply else { return };
        let mut payload = Vec::new();
        write_pub_error(&mut payload, &self.config.name, error);
        turn.publish(self.account, &Outgoing { to, payload: &payload, ..Outgoing::default() });
    }

    /// Publishes a stored message once more on another subject, when it is durable. `before` is the
    /// last message of its subject before it.
    fn publish_again(&mut self, message: &Published<'_>, to: &[u8], seq: u64, before: u64) {
        let headers_only = self.config.republish.as_ref().is_some_and(|each| each.headers_only);
        let subject = String::from_utf8_lossy(message.subject);
        let time = self.log.meta(seq).map_or(Time::ZERO, |meta| time(meta.time));
        let mut fields = format!(
            "Nats-Stream: {}\r\nNats-Subject: {subject}\r\nNats-Sequence: {seq}\r\nNats-Time-Stamp: {time}\r\nNats-Last-Sequence: {before}\r\n",
            self.config.name
        );
        if headers_only {
            fields += &format!("Nats-Msg-Size: {}\r\n", message.payload.len());
        }
        let header = with_fields(message.header, fields.as_bytes());
        let payload = if headers_only { &[] } else { message.payload };
        self.replies.push_message(&Reply { to, header: &header, payload });
    }

    /// Stores a message that stands for the last one of its subject, which has expired.
    pub(super) fn store_marker(&mut self, turn: &mut Turn<'_>, subject: &[u8]) {
        let ttl = self.config.subject_delete_marker_ttl;
        let header = format!(
            "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: {ttl}\r\nNats-Rollup: sub\r\n\r\n"
        );
        let headers = PublishHeaders::parse(header.as_bytes());
        let message =
            Published { subject, header: header.as_bytes(), payload: &[], headers: &headers };
        self.store(turn, &message);
    }
}

/// When a message expires by itself, whether it says that its subject has no message, and whether it
/// is a schedule, as a mark of the log.
pub(super) fn mark_of(time: u64, message: &Published<'_>) -> u64 {
    let expires = match message.headers.ttl() {
        Ok(Some(Ttl::Never)) => NEVER,
        Ok(Some(Ttl::Seconds(seconds))) => {
            let nanos = seconds.unsigned_abs().saturating_mul(1_000_000_000);
            time.saturating_add(nanos).min(NEVER - 1) & !FLAGS
        }
        Ok(None) | Err(_) => 0,
    };
    let operation = header::value(message.header, KV_OPERATION);
    let deletes = matches!(operation, Some(b"DEL" | b"PURGE"));
    let marks = deletes || message.headers.marker_reason.is_some_and(|reason| !reason.is_empty());
    let scheduled = message.headers.schedule.is_some_and(|schedule| !schedule.is_empty());
    expires | if marks { MARKER } else { 0 } | if scheduled { SCHEDULE } else { 0 }
}

/// What clients say of a key that goes, in key-value buckets.
const KV_OPERATION: &[u8] = b"KV-Operation";

/// A header block with more fields at its end.
pub(crate) fn with_fields(header: &[u8], fields: &[u8]) -> Vec<u8> {
    let begin = header.strip_suffix(b"\r\n").filter(|begin| !begin.is_empty());
    [begin.unwrap_or(b"NATS/1.0\r\n"), fields, b"\r\n"].concat()
}

/// What every acknowledgement of a stream begins with.
pub(super) fn ack_prefix(stream: &str, domain: &str) -> Vec<u8> {
    let mut text = Vec::new();
    PubAck { stream, domain, ..PubAck::default() }.write(&mut text);
    // Without the sequence, which is 0, and the end.
    text.truncate(text.len() - 2);
    text
}
