//! Reading everything back: each stream from its first sequence to its last, then the consumers.
//!
//! A stream is asked how it is before it is read and afterwards: what is damaged may be found only by
//! reading it.

use std::collections::{BTreeSet, VecDeque};

use super::super::{Client, State};
use super::answer::{Answer, counted};
use super::{API_NS, Wait, stream_event};
use crate::engine::Recorder;
use crate::history::StreamEvent;
use crate::ids::{ConsumerNo, StreamNo};
use crate::payload;

/// Messages that are asked for at once.
const WINDOW: usize = 32;

/// "Stream not found", as the API numbers it.
const NO_STREAM: u32 = 10_059;

/// What is still to be read.
#[derive(Debug, Default)]
pub(super) struct Audit {
    streams: VecDeque<StreamNo>,
    /// The stream that is being read.
    reading: Option<Reading>,
    consumers: VecDeque<ConsumerNo>,
}

#[derive(Debug)]
struct Reading {
    stream: StreamNo,
    /// The next sequence that nobody has asked for, and the last of all.
    next: u64,
    last: u64,
    /// Asked for, and no answer yet.
    open: BTreeSet<u64>,
    /// To be asked for again.
    again: BTreeSet<u64>,
}

impl Reading {
    fn next(&mut self) -> Option<u64> {
        if self.open.len() >= WINDOW {
            return None;
        }
        let seq = self.again.pop_first().or_else(|| {
            let next = (self.next <= self.last).then_some(self.next)?;
            self.next += 1;
            Some(next)
        })?;
        self.open.insert(seq);
        Some(seq)
    }

    fn is_over(&self) -> bool {
        self.next > self.last && self.open.is_empty() && self.again.is_empty()
    }
}

impl Client {
    /// Reads all streams of its node back.
    pub(super) fn audit_all(&mut self, rec: &mut Recorder) {
        let node = self.plan.nodes.first().copied().unwrap_or_default();
        let Some(jet) = &mut self.jet else { return };
        jet.audit.streams = jet.known.streams_of(node).into();
        jet.audit.consumers = jet.known.consumers_of(node).into();
        self.audit_more(rec);
    }

    pub(super) fn audit_more(&mut self, rec: &mut Recorder) {
        if self.state != State::Connected {
            return;
        }
        let Some(jet) = &mut self.jet else { return };
        if let Some(reading) = &mut jet.audit.reading {
            let stream = reading.stream;
            if let Some(seq) = reading.next() {
                self.ask_for(stream, seq, rec);
                return self.audit_more(rec);
            }
            let asked = |wait: &Wait| matches!(wait, Wait::SurveyAgain(..));
            if reading.is_over() && !jet.waiting.values().any(asked) {
                self.ask_how(stream, Wait::SurveyAgain(stream, rec.now), rec);
            }
            return;
        }
        let asks = |wait: &Wait| matches!(wait, Wait::Survey(..) | Wait::Consumer(_));
        if jet.waiting.values().any(asks) {
            return;
        }
        if let Some(stream) = jet.audit.streams.front().copied() {
            self.ask_how(stream, Wait::Survey(stream, rec.now), rec);
        } else if let Some(consumer) = jet.audit.consumers.front().copied() {
            self.ask_how_consumer(consumer, rec);
        }
    }

    fn ask_for(&mut self, stream: StreamNo, seq: u64, rec: &mut Recorder) {
        let Some(known) = self.jet.as_ref().and_then(|jet| jet.known.stream(stream)) else {
            return;
        };
        let to = format!("{}.STREAM.MSG.GET.{}", known.api, known.name);
        let asked = format!("{{\"seq\":{seq}}}");
        let wait = (Wait::Read { stream, seq }, API_NS);
        self.ask(&to, (b"", asked.as_bytes()), wait, rec);
    }

    fn ask_how_consumer(&mut self, consumer: ConsumerNo, rec: &mut Recorder) {
        let Some(jet) = &self.jet else { return };
        let Some(known) = jet.known.consumer(consumer) else { return };
        let Some(stream) = jet.known.stream(known.stream) else { return };
        let to = format!("{}.CONSUMER.INFO.{}.{}", stream.api, stream.name, known.name);
        self.ask(&to, (b"", b""), (Wait::Consumer(consumer), API_NS), rec);
    }

    /// The server has said how the stream is that is to be read.
    pub(super) fn surveyed(
        &mut self,
        (stream, asked): (StreamNo, u64),
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        if answer.is_unavailable() {
            return self.steward_later(rec.now);
        }
        let Some(jet) = &mut self.jet else { return };
        jet.audit.streams.pop_front();
        if let Some(state) = answer.stream_state(stream, asked) {
            stream_event(StreamEvent::State(state), rec);
            let (next, last) = (state.first.max(1), state.last);
            let (open, again) = (BTreeSet::new(), BTreeSet::new());
            jet.audit.reading = Some(Reading { stream, next, last, open, again });
        } else {
            let gone = answer.error().is_some_and(|(code, _)| code == NO_STREAM);
            self.api_error("a survey", answer, rec);
            // What is not there has been read back.
            if gone {
                stream_event(StreamEvent::Audited { stream }, rec);
            }
        }
        self.audit_more(rec);
    }

    /// No answer has come for a sequence.
    pub(super) fn read_again(&mut self, seq: u64) {
        let reading = self.jet.as_mut().and_then(|jet| jet.audit.reading.as_mut());
        if let Some(reading) = reading
            && reading.open.remove(&seq)
        {
            reading.again.insert(seq);
        }
    }

    pub(super) fn read_back(
        &mut self,
        stream: StreamNo,
        seq: u64,
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        if answer.is_unavailable() {
            self.read_again(seq);
            return self.steward_later(rec.now);
        }
        if let Some(reading) = self.jet.as_mut().and_then(|jet| jet.audit.reading.as_mut()) {
            reading.open.remove(&seq);
        }
        let got = answer.got();
        let event = match &got {
            Some(got) => StreamEvent::Stored {
                stream,
                seq: got.seq,
                subject: rec.intern(&got.subject),
                msg: payload::identity(&got.payload),
                size: got.payload.len() as u32,
                hash: payload::content_hash(&got.payload),
            },
            None => {
                let code = answer.error().map_or(0, |(code, _)| code);
                StreamEvent::Hole { stream, seq, code }
            }
        };
        stream_event(event, rec);
        if let Some(got) = got
            && let Some(value) = counted(&got.payload)
        {
            stream_event(StreamEvent::Value { stream, seq: got.seq, value }, rec);
        }
        self.audit_more(rec);
    }

    /// The server has said how the stream is that has been read. What has been stored since is read,
    /// too.
    pub(super) fn surveyed_again(
        &mut self,
        (stream, asked): (StreamNo, u64),
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        let Some(state) = answer.stream_state(stream, asked) else {
            return self.steward_later(rec.now);
        };
        let what = rec.intern("lost");
        for (first, last) in answer.lost() {
            stream_event(StreamEvent::Damaged { stream, what, first, last }, rec);
        }
        stream_event(StreamEvent::State(state), rec);
        let reading = self.jet.as_mut().map(|jet| &mut jet.audit.reading);
        match reading {
            Some(Some(reading)) if reading.last < state.last => reading.last = state.last,
            Some(reading) => {
                *reading = None;
                stream_event(StreamEvent::Audited { stream }, rec);
            }
            None => {}
        }
        self.audit_more(rec);
    }

    pub(super) fn consumer_surveyed(
        &mut self,
        consumer: ConsumerNo,
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        if answer.is_unavailable() {
            return self.steward_later(rec.now);
        }
        if let Some(jet) = &mut self.jet {
            jet.audit.consumers.pop_front();
        }
        match answer.consumer_state(consumer) {
            Some(state) => stream_event(StreamEvent::ConsumerState(state), rec),
            None => self.api_error("a consumer", answer, rec),
        }
        self.audit_more(rec);
    }
}
