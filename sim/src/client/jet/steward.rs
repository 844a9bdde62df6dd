//! Making streams and consumers, and asking how they are.

use std::collections::VecDeque;

use super::super::{Client, State};
use super::answer::Answer;
use super::{API_NS, Wait, stream_event};
use crate::engine::Recorder;
use crate::history::StreamEvent;
use crate::ids::{ConsumerNo, StreamNo};

/// Making things one after the other.
#[derive(Debug, Default)]
pub(super) struct Steward {
    to_make: VecDeque<Thing>,
    /// The server has been asked to make the first.
    asked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Thing {
    Stream(StreamNo),
    Consumer(ConsumerNo),
}

impl Client {
    /// Makes all streams and consumers of its node.
    pub(super) fn make_all(&mut self, rec: &mut Recorder) {
        let node = self.plan.nodes.first().copied().unwrap_or_default();
        let Some(jet) = &mut self.jet else { return };
        let streams = jet.known.streams_of(node).into_iter().map(Thing::Stream);
        let consumers = jet.known.consumers_of(node).into_iter().map(Thing::Consumer);
        jet.steward.to_make = streams.chain(consumers).collect();
        self.make_next(rec);
    }

    pub(super) fn make_next(&mut self, rec: &mut Recorder) {
        let Some(jet) = &self.jet else { return };
        let Some(thing) = jet.steward.to_make.front().copied() else { return };
        if self.state != State::Connected {
            if let Some(jet) = &mut self.jet {
                jet.steward.asked = false;
            }
            return;
        }
        let waits = jet.waiting.values().any(|wait| matches!(wait, Wait::Make));
        if jet.steward.asked && waits {
            return;
        }
        let Some((to, payload)) = self.request_for(thing) else { return };
        if let Some(jet) = &mut self.jet {
            jet.steward.asked = true;
        }
        self.ask(&to, (b"", payload.as_bytes()), (Wait::Make, API_NS), rec);
    }

    fn request_for(&self, thing: Thing) -> Option<(String, String)> {
        let jet = self.jet.as_ref()?;
        match thing {
            Thing::Stream(stream) => {
                let known = jet.known.stream(stream)?;
                let to = format!("{}.STREAM.CREATE.{}", known.api, known.name);
                Some((to, known.config.clone()))
            }
            Thing::Consumer(consumer) => {
                let known = jet.known.consumer(consumer)?;
                let stream = jet.known.stream(known.stream)?;
                let to = format!("{}.CONSUMER.CREATE.{}.{}", stream.api, stream.name, known.name);
                let (name, config) = (&stream.name, &known.config);
                Some((to, format!("{{\"stream_name\":\"{name}\",\"config\":{config}}}")))
            }
        }
    }

    /// The server has answered to the first thing that is to be made.
    pub(super) fn made(&mut self, answer: &Answer<'_>, rec: &mut Recorder) {
        let Some(jet) = &mut self.jet else { return };
        jet.steward.asked = false;
        if answer.is_unavailable() {
            self.steward_later(rec.now);
            return;
        }
        let Some(thing) = jet.steward.to_make.pop_front() else { return };
        if answer.error().is_some() {
            let about = self.request_for(thing).map_or(String::new(), |(to, _)| to);
            self.api_error(&about, answer, rec);
        } else {
            let event = match thing {
                Thing::Stream(stream) => StreamEvent::Made { stream },
                Thing::Consumer(consumer) => StreamEvent::ConsumerMade { consumer },
            };
            stream_event(event, rec);
        }
        self.make_next(rec);
    }

    /// Asks how all streams of its node are.
    pub(super) fn look_at_all(&mut self, rec: &mut Recorder) {
        let node = self.plan.nodes.first().copied().unwrap_or_default();
        let streams = self.jet.as_ref().map(|jet| jet.known.streams_of(node));
        for stream in streams.into_iter().flatten() {
            self.ask_how(stream, Wait::Look(stream, rec.now), rec);
        }
    }

    pub(super) fn ask_how(&mut self, stream: StreamNo, wait: Wait, rec: &mut Recorder) {
        let Some(known) = self.jet.as_ref().and_then(|jet| jet.known.stream(stream)) else {
            return;
        };
        let to = format!("{}.STREAM.INFO.{}", known.api, known.name);
        self.ask(&to, (b"", b""), (wait, API_NS), rec);
    }

    pub(super) fn looked(
        &mut self,
        (stream, asked): (StreamNo, u64),
        answer: &Answer<'_>,
        rec: &mut Recorder,
    ) {
        if let Some(state) = answer.stream_state(stream, asked) {
            stream_event(StreamEvent::State(state), rec);
        }
    }
}
