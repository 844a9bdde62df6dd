//! Messages that are to be stored.
//!
//! Each is sent until the server says that it is stored, or that it will not store it. After a
//! time-out or a lost connection nobody knows; then it is sent again if the server can tell that it
//! is the same (`Nats-Msg-Id`), and given up if not.

use std::collections::{BTreeMap, VecDeque};

use super::super::{Client, State};
use super::answer::Answer;
use super::{PAUSE_NS, Timer, Wait, stream_event};
use crate::engine::Recorder;
use crate::history::{STORED, StreamEvent, Sym};
use crate::ids::{MsgId, StreamNo};
use crate::payload;
use crate::plan::StorePlan;

/// A message is sent so many times at most.
const ATTEMPTS_MAX: u32 = 200;

/// The messages of a client that are not stored yet, as far as it knows.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    pub(super) last: u32,
    messages: BTreeMap<u32, Message>,
    /// Those that wait for their turn.
    queue: VecDeque<u32>,
    in_flight: u32,
    /// Nothing is sent before this.
    pause_until: u64,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) stream: StreamNo,
    pub(super) subject: Sym,
    pub(super) size: u32,
    pub(super) how: StorePlan,
    pub(super) attempts: u32,
    /// Of a key: it is not sent again, and does not wait for others.
    pub(super) key: Option<KeyWrite>,
}

/// What is special about the write of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyWrite {
    pub(super) expect: Option<u64>,
    pub(super) delete: bool,
}

impl Client {
    pub(super) fn store(
        &mut self,
        stream: StreamNo,
        subject: Sym,
        size: u32,
        count: u32,
        how: StorePlan,
        rec: &mut Recorder,
    ) {
        let Some(jet) = &mut self.jet else { return };
        let publisher = &mut jet.publisher;
        for _ in 0..count {
            publisher.last += 1;
            let message = Message { stream, subject, size, how, attempts: 0, key: None };
            publisher.messages.insert(publisher.last, message);
            publisher.queue.push_back(publisher.last);
        }
        self.publish_more(rec);
    }

    /// Sends what may be sent.
    pub(super) fn publish_more(&mut self, rec: &mut Recorder) {
        while let Some(jet) = &mut self.jet
            && self.state == State::Connected
            && jet.publisher.pause_until <= rec.now
            && let Some(number) = jet.publisher.queue.front().copied()
        {
            let publisher = &mut jet.publisher;
            let window = publisher.messages.get(&number).map_or(1, |message| message.how.window);
            if publisher.in_flight >= window {
                break;
            }
            publisher.queue.pop_front();
            self.send(number, rec);
        }
    }

    /// A message that is sent at once, and once only.
    pub(super) fn store_now(&mut self, message: Message, rec: &mut Recorder) {
        let Some(jet) = &mut self.jet else { return };
        jet.publisher.last += 1;
        let number = jet.publisher.last;
        jet.publisher.messages.insert(number, message);
        self.send(number, rec);
    }

    fn send(&mut self, number: u32, rec: &mut Recorder) {
        let id = MsgId { client: self.id, conn: STORED, seq: number };
        let Some(jet) = &mut self.jet else { return };
        let Some(message) = jet.publisher.messages.get_mut(&number) else { return };
        message.attempts += 1;
        let message = *message;
        jet.publisher.in_flight += 1;
        let header = header_of(id, &message);
        let mut payload = Vec::new();
        let adds = message.how.add > 0;
        // Such a message has no payload: nobody can see in it who it is.
        let empty = adds || message.key.is_some_and(|key| key.delete);
        if !empty {
            payload::append(&mut payload, id, message.size as usize);
        }
        let subject = rec.text(message.subject).to_owned();
        stream_event(
            StreamEvent::Sent {
                msg: id,
                attempt: message.attempts,
                stream: message.stream,
                subject: message.subject,
                size: payload.len() as u32,
                hash: payload::content_hash(&payload),
                id: message.how.msg_id,
                expect: message.key.and_then(|key| key.expect),
                delete: empty,
            },
            rec,
        );
        if adds && message.attempts == 1 {
            stream_event(StreamEvent::Added { msg: id, add: message.how.add.into() }, rec);
        }
        let wait = (Wait::Store(number), message.how.timeout_ns);
        self.ask(&subject, (&header, &payload), wait, rec);
    }

    /// The server has answered.
    pub(super) fn stored(&mut self, number: u32, answer: &Answer<'_>, rec: &mut Recorder) {
        let msg = MsgId { client: self.id, conn: STORED, seq: number };
        let Some(jet) = &mut self.jet else { return };
        let publisher = &mut jet.publisher;
        publisher.in_flight = publisher.in_flight.saturating_sub(1);
        let Some(message) = publisher.messages.get(&number).copied() else { return };
        if let Some((seq, duplicate, name)) = answer.stored() {
            publisher.messages.remove(&number);
            if message.key.is_some() {
                jet.seen.insert(message.subject, seq);
            }
            let name = rec.intern(&name);
            stream_event(StreamEvent::Acked { msg, seq, duplicate, name }, rec);
            if let Some(value) = answer.value() {
                stream_event(StreamEvent::Told { msg, value }, rec);
            }
            self.publish_more(rec);
            return;
        }
        let (code, text) = answer.error().unwrap_or((0, "an answer without sense".to_owned()));
        let text = rec.intern(&text);
        stream_event(StreamEvent::Refused { msg, code, text }, rec);
        let again = answer.is_unavailable() && message.key.is_none();
        if again && message.attempts < ATTEMPTS_MAX {
            self.send_again(number, rec.now);
        } else if let Some(jet) = &mut self.jet {
            jet.publisher.messages.remove(&number);
        }
        self.publish_more(rec);
    }

    /// Nobody will say what became of a message.
    pub(super) fn not_known(&mut self, number: u32, rec: &mut Recorder) {
        let msg = MsgId { client: self.id, conn: STORED, seq: number };
        stream_event(StreamEvent::Unknown { msg }, rec);
        let Some(jet) = &mut self.jet else { return };
        let publisher = &mut jet.publisher;
        publisher.in_flight = publisher.in_flight.saturating_sub(1);
        let Some(message) = publisher.messages.get(&number).copied() else { return };
        let again = message.how.msg_id && message.key.is_none();
        if again && message.attempts < ATTEMPTS_MAX {
            self.send_again(number, rec.now);
        } else {
            publisher.messages.remove(&number);
        }
        self.publish_more(rec);
    }

    /// Puts a message before those that wait, and waits a little.
    fn send_again(&mut self, number: u32, now: u64) {
        let Some(jet) = &mut self.jet else { return };
        let queue = &mut jet.publisher.queue;
        // Older ones first.
        let place = queue.iter().position(|other| *other > number).unwrap_or(queue.len());
        queue.insert(place, number);
        jet.publisher.pause_until = now + PAUSE_NS;
        jet.at(now + PAUSE_NS, Timer::Publish);
    }
}

fn header_of(id: MsgId, message: &Message) -> Vec<u8> {
    let mut lines = String::new();
    if message.how.msg_id {
        lines += &format!("Nats-Msg-Id: {id}\r\n");
    }
    if message.how.add > 0 {
        lines += &format!("Nats-Incr: {}\r\n", message.how.add);
    }
    if let Some(expect) = message.key.and_then(|key| key.expect) {
        lines += &format!("Nats-Expected-Last-Subject-Sequence: {expect}\r\n");
    }
    if message.key.is_some_and(|key| key.delete) {
        lines += "KV-Operation: DEL\r\n";
    }
    if lines.is_empty() { Vec::new() } else { format!("NATS/1.0\r\n{lines}\r\n").into_bytes() }
}
