//! A published message, from its headers to the log.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::NewMessage;
use causeway_wire::jetstream::headers::{PublishHeaders, Rollup, Ttl};
use causeway_wire::jetstream::{ApiError, PubAck, Time, write_pub_error};
use causeway_wire::{encode, header};

use super::expect::{Published, Room, Verdict};
use super::limits::{MARKER, NEVER, expiry_of, wall_nanos};
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
        let room = self.room();
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.ingest(turn, room, incoming);
        self.touched.insert(id);
    }
}

impl Stream {
    fn ingest(&mut self, turn: &mut Turn<'_>, room: Room, incoming: &Incoming<'_>) {
        let reply = incoming.reply.filter(|_| !self.config.no_ack);
        let mut draw = || turn.node.rng.next_u64(rng::Stream::Consumers) as u32;
        let transform = self.transform.as_ref();
        let transformed = transform.and_then(|each| each.map(incoming.subject, &mut draw));
        let subject = transformed.as_deref().unwrap_or(incoming.subject);
        let headers = PublishHeaders::parse(incoming.header);
        let (header, payload) = (incoming.header, incoming.payload);
        let message = Published { subject, header, payload, headers: &headers };
        if headers.batch_id.is_some_and(|id| !id.is_empty()) {
            let error = self.check_batch(&message);
            return self.refuse(turn, reply, &error);
        }
        match self.check(turn.now, room, &message) {
            Ok(Verdict::Store) => {
                let seq = self.store(turn, &message);
                self.acknowledge(reply, seq, b"}");
            }
            Ok(Verdict::Skip) => {
                let seq = self.log.next_seq();
                self.skip(turn, headers.msg_id, seq);
                self.acknowledge(reply, seq, b"}");
            }
            Ok(Verdict::Duplicate(seq)) => self.acknowledge(reply, seq, b",\"duplicate\": true}"),
            Err(error) => self.refuse(turn, reply, &error),
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
        self.remember_id(turn, headers.msg_id, seq);
        if let Some(to) = republished {
            self.publish_again(message, &to, seq, before.unwrap_or(0));
        }
        match headers.rollup() {
            Some(Rollup::Subject) => {
                self.purge(turn, &Purge { filter: message.subject, below: 0, keep: 1 });
            }
            Some(Rollup::All) => drop(self.purge(turn, &Purge { keep: 1, ..Purge::default() })),
            Some(Rollup::Invalid) | None => {}
        }
        if let Some(subject) = self.log.meta(seq).map(|meta| meta.subject) {
            self.enforce_limits(turn, subject);
        }
        seq
    }

    /// Gives a sequence to a message that is not kept.
    pub(super) fn skip(&mut self, turn: &Turn<'_>, id: Option<&[u8]>, seq: u64) {
        self.log.skip_to(seq + 1);
        self.remember_id(turn, id, seq);
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
    fn acknowledge(&mut self, reply: Option<&[u8]>, seq: u64, end: &[u8]) {
        let Some(reply) = reply else { return };
        let prefix = &self.ack_prefix;
        self.replies.push(reply, |out| {
            out.extend_from_slice(prefix);
            encode::decimal(out, seq);
            out.extend_from_slice(end);
        });
    }

    /// Nothing has been stored: that may be said at once.
    fn refuse(&self, turn: &mut Turn<'_>, reply: Option<&[u8]>, error: &ApiError) {
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

/// When a message expires by itself, and whether it says that its subject has no message, as a mark
/// of the log.
fn mark_of(time: u64, message: &Published<'_>) -> u64 {
    let expires = match message.headers.ttl() {
        Ok(Some(Ttl::Never)) => return NEVER,
        Ok(Some(Ttl::Seconds(seconds))) => {
            let nanos = seconds.unsigned_abs().saturating_mul(1_000_000_000);
            time.saturating_add(nanos).min(NEVER - MARKER) & !MARKER
        }
        Ok(None) | Err(_) => 0,
    };
    let operation = header::value(message.header, KV_OPERATION);
    let deletes = matches!(operation, Some(b"DEL" | b"PURGE"));
    let marks = deletes || message.headers.marker_reason.is_some_and(|reason| !reason.is_empty());
    expires | if marks { MARKER } else { 0 }
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
