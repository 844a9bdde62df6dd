//! Messages that are stored as one, or not at all.
//!
//! A batch is sent in one go, and once only: only its last message is answered.

use super::super::{Client, State};
use super::answer::Answer;
use super::{Wait, stream_event};
use crate::engine::Recorder;
use crate::history::{STORED, StreamEvent, Sym};
use crate::ids::{MsgId, StreamNo};
use crate::payload;
use crate::plan::StorePlan;

impl Client {
    /// Sends so many batches, if it is connected.
    pub(super) fn store_batches(
        &mut self,
        to: (StreamNo, Sym),
        size: u32,
        count: u32,
        how: StorePlan,
        rec: &mut Recorder,
    ) {
        for _ in 0..count {
            if self.state == State::Connected {
                self.send_batch(to, size, how, rec);
            }
        }
    }

    fn send_batch(
        &mut self,
        (stream, subject): (StreamNo, Sym),
        size: u32,
        how: StorePlan,
        rec: &mut Recorder,
    ) {
        let Some(jet) = &mut self.jet else { return };
        let first = jet.publisher.last + 1;
        jet.publisher.last += how.batch;
        let id = self.message_of(first);
        stream_event(StreamEvent::Batch { stream, first: id, count: how.batch }, rec);
        let to = rec.text(subject).to_owned();
        for place in 1..=how.batch {
            let msg = self.message_of(first + place - 1);
            let mut body = Vec::new();
            payload::append(&mut body, msg, size as usize);
            stream_event(
                StreamEvent::Sent {
                    msg,
                    attempt: 1,
                    stream,
                    subject,
                    size: body.len() as u32,
                    hash: payload::content_hash(&body),
                    id: false,
                    expect: None,
                    delete: false,
                },
                rec,
            );
            let last = place == how.batch;
            let commit = if last { "Nats-Batch-Commit: 1\r\n" } else { "" };
            let header = format!(
                "NATS/1.0\r\nNats-Batch-Id: {id}\r\nNats-Batch-Sequence: {place}\r\n{commit}\r\n"
            );
            if last {
                let wait = (Wait::Batch { first, count: how.batch }, how.timeout_ns);
                self.ask(&to, (header.as_bytes(), &body), wait, rec);
            } else {
                self.say(&to, None, header.as_bytes(), &body, rec);
            }
        }
    }

    fn message_of(&self, seq: u32) -> MsgId {
        MsgId { client: self.id, conn: STORED, seq }
    }

    /// The server has answered its last message.
    pub(super) fn batch_stored(
        &self,
        first: u32,
        count: u32,
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        let stored = answer.stored();
        let (code, text) = answer.error().unwrap_or((0, "an answer without sense".to_owned()));
        for place in 0..count {
            let msg = self.message_of(first + place);
            let event = match &stored {
                Some((last, duplicate, name)) => {
                    let seq = last.saturating_sub(u64::from(count - 1 - place));
                    let (duplicate, name) = (*duplicate, rec.intern(name));
                    StreamEvent::Acked { msg, seq, duplicate, name }
                }
                None => StreamEvent::Refused { msg, code, text: rec.intern(&text) },
            };
            stream_event(event, rec);
        }
    }

    /// Nobody will say what became of a batch.
    pub(super) fn batch_not_known(&self, first: u32, count: u32, rec: &mut Recorder) {
        for place in 0..count {
            stream_event(StreamEvent::Unknown { msg: self.message_of(first + place) }, rec);
        }
    }
}
