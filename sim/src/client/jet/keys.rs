//! Keys of buckets: a bucket is a stream, a key is a subject of it, a revision is a sequence.

use super::super::{Client, State};
use super::answer::Answer;
use super::publish::{KeyWrite, Message};
use super::{Wait, stream_event};
use crate::engine::Recorder;
use crate::history::{StreamEvent, Sym};
use crate::ids::StreamNo;
use crate::payload;
use crate::plan::{KeyOp, StorePlan};

impl Client {
    /// Does something with a key, if it is connected.
    pub(super) fn key(
        &mut self,
        stream: StreamNo,
        subject: Sym,
        what: KeyOp,
        size: u32,
        timeout_ns: u64,
        rec: &mut Recorder,
    ) {
        if self.state != State::Connected {
            return;
        }
        let Some(jet) = &mut self.jet else { return };
        let seen = jet.seen.get(&subject).copied().unwrap_or(0);
        let expect = match what {
            KeyOp::Create => Some(0),
            KeyOp::Update => Some(seen),
            KeyOp::Put | KeyOp::Get | KeyOp::Delete => None,
        };
        if what == KeyOp::Get {
            self.get(stream, subject, timeout_ns, rec);
            return;
        }
        let key = Some(KeyWrite { expect, delete: what == KeyOp::Delete });
        let how = StorePlan { window: u32::MAX, timeout_ns, msg_id: false, ..StorePlan::default() };
        self.store_now(Message { stream, subject, size, how, attempts: 0, key }, rec);
    }

    fn get(&mut self, stream: StreamNo, subject: Sym, timeout_ns: u64, rec: &mut Recorder) {
        let client = self.id;
        let Some(jet) = &mut self.jet else { return };
        jet.calls += 1;
        let call = jet.calls;
        let Some(known) = jet.known.stream(stream) else { return };
        let key = rec.text(subject).to_owned();
        let (to, payload) = if known.direct {
            (format!("{}.DIRECT.GET.{}.{key}", known.api, known.name), String::new())
        } else {
            let asked = format!("{{\"last_by_subj\":\"{key}\"}}");
            (format!("{}.STREAM.MSG.GET.{}", known.api, known.name), asked)
        };
        stream_event(StreamEvent::Read { client, call, stream, subject }, rec);
        let wait = (Wait::Key { call, subject }, timeout_ns);
        self.ask(&to, (b"", payload.as_bytes()), wait, rec);
    }

    /// The server says what a key is.
    pub(super) fn key_read(
        &mut self,
        call: u32,
        subject: Sym,
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        let client = self.id;
        let event = match answer.got().ok_or_else(|| answer.error()) {
            Ok(got) => {
                if let Some(jet) = &mut self.jet {
                    jet.seen.insert(subject, got.seq);
                }
                let msg = payload::identity(&got.payload);
                StreamEvent::Got { client, call, seq: got.seq, msg }
            }
            // "No message found", as a status or as an error of the API.
            Err(Some((404 | 10_037, _))) => StreamEvent::Got { client, call, seq: 0, msg: None },
            Err(_) => StreamEvent::Untold { client, call },
        };
        stream_event(event, rec);
    }
}
