//! What clients saw of streams, in plain words.

use crate::history::{Answered, History, StreamEvent, StreamState, Sym};
use crate::ids::{ClientId, ConsumerNo, StreamNo};

/// One event in words.
pub(super) fn describe(history: &History, event: &StreamEvent) -> String {
    let words = Words(history);
    match event {
        StreamEvent::Made { stream } => format!("{} is there", words.stream(*stream)),
        StreamEvent::ConsumerMade { consumer } => {
            format!("{} is there", words.consumer(*consumer))
        }
        StreamEvent::Sent { .. }
        | StreamEvent::Acked { .. }
        | StreamEvent::Refused { .. }
        | StreamEvent::Unknown { .. }
        | StreamEvent::Batch { .. }
        | StreamEvent::Added { .. }
        | StreamEvent::Told { .. } => words.publication(event),
        StreamEvent::Value { stream, seq, value } => {
            format!("sequence {seq} of {} counts {value}", words.stream(*stream))
        }
        StreamEvent::Given { .. }
        | StreamEvent::Answered { .. }
        | StreamEvent::Confirmed { .. }
        | StreamEvent::ConsumerState(_) => words.consumption(event),
        StreamEvent::Read { client, call, stream, subject } => format!(
            "{} asks {} for the last of `{}` (question {call})",
            words.client(*client),
            words.stream(*stream),
            words.name(*subject)
        ),
        StreamEvent::Got { client, call, seq: 0, .. } => {
            format!("{} is told that there is none (question {call})", words.client(*client))
        }
        StreamEvent::Got { client, call, seq, .. } => {
            format!("{} is told sequence {seq} (question {call})", words.client(*client))
        }
        StreamEvent::Untold { client, call } => {
            format!("{} is not answered (question {call})", words.client(*client))
        }
        StreamEvent::State(state) => words.state(state),
        StreamEvent::Stored { stream, seq, subject, msg, .. } => {
            let what = msg.map_or_else(|| "something".to_owned(), |msg| format!("message {msg}"));
            let subject = words.name(*subject);
            format!("sequence {seq} of {} is {what} on `{subject}`", words.stream(*stream))
        }
        StreamEvent::Hole { stream, seq, code } => {
            format!("sequence {seq} of {} cannot be had ({code})", words.stream(*stream))
        }
        StreamEvent::Audited { stream } => {
            format!("all of {} has been read back", words.stream(*stream))
        }
        StreamEvent::Damaged { stream, what, first, last } => format!(
            "the node finds {} in {}, sequences {first} to {last}",
            words.name(*what),
            words.stream(*stream)
        ),
        StreamEvent::Vanished { stream } => {
            format!("the last file of {} cannot be found any more", words.stream(*stream))
        }
        StreamEvent::ApiError { client, about, code, text } => format!(
            "{} asked on `{}` and got error {code}: {}",
            words.client(*client),
            words.name(*about),
            words.name(*text)
        ),
    }
}

struct Words<'h>(&'h History);

impl Words<'_> {
    fn state(&self, state: &StreamState) -> String {
        format!(
            "{} says it has {} messages in {} bytes, sequences {} to {}, {} of them gone{}",
            self.stream(state.stream),
            state.messages,
            state.bytes,
            state.first,
            state.last,
            state.deleted,
            if state.lost > 0 { format!(" and {} lost", state.lost) } else { String::new() },
        )
    }

    fn client(&self, client: ClientId) -> &str {
        self.0.header.clients.get(client.0 as usize).map_or("?", |client| &client.name)
    }

    fn stream(&self, stream: StreamNo) -> String {
        let found = self.0.header.streams.get(usize::from(stream.0));
        format!("stream {}", found.map_or("?", |stream| &stream.name))
    }

    fn consumer(&self, consumer: ConsumerNo) -> String {
        let found = self.0.header.consumers.get(usize::from(consumer.0));
        found.map_or_else(
            || "consumer ?".to_owned(),
            |found| format!("consumer {} of {}", found.name, self.stream(found.stream)),
        )
    }

    fn name(&self, sym: Sym) -> &str {
        self.0.text(sym)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`describe` calls it for these events only")]
    fn publication(&self, event: &StreamEvent) -> String {
        match event {
            StreamEvent::Sent { msg, attempt, stream, subject, .. } => {
                let again = if *attempt > 1 { format!(" (time {attempt})") } else { String::new() };
                format!(
                    "{} sends message {msg} for {} on `{}`{again}",
                    self.client(msg.client),
                    self.stream(*stream),
                    self.name(*subject)
                )
            }
            StreamEvent::Acked { msg, seq, duplicate, .. } => {
                let again = if *duplicate { " (it had been there)" } else { "" };
                format!("message {msg} is acknowledged as sequence {seq}{again}")
            }
            StreamEvent::Refused { msg, code, text } => {
                format!("message {msg} is refused with {code}: {}", self.name(*text))
            }
            StreamEvent::Unknown { msg } => format!("nobody says what became of message {msg}"),
            StreamEvent::Batch { stream, first, count } => format!(
                "{} sends {count} messages from {first} on for {}, all or none",
                self.client(first.client),
                self.stream(*stream)
            ),
            StreamEvent::Added { msg, add } => format!("message {msg} adds {add}"),
            StreamEvent::Told { msg, value } => format!("with message {msg} that comes to {value}"),
            _ => String::new(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`describe` calls it for these events only")]
    fn consumption(&self, event: &StreamEvent) -> String {
        match event {
            StreamEvent::Given { client, consumer, seq, consumer_seq, times, .. } => format!(
                "{} gives {} sequence {seq} for the {times}. time (its delivery {consumer_seq})",
                self.consumer(*consumer),
                self.client(*client)
            ),
            StreamEvent::Answered { client, consumer, seq, how, .. } => {
                let what = match how {
                    Answered::Ack => "acknowledges",
                    Answered::AckAndWait => "acknowledges and asks for a sign of",
                    Answered::Nak => "gives back",
                    Answered::Term => "gives up",
                };
                let to = self.consumer(*consumer);
                format!("{} {what} sequence {seq} of {to}", self.client(*client))
            }
            StreamEvent::Confirmed { client, consumer, seq } => format!(
                "{} tells {} that sequence {seq} is acknowledged",
                self.consumer(*consumer),
                self.client(*client)
            ),
            StreamEvent::ConsumerState(state) => format!(
                "{} says it has delivered up to {}, acknowledged up to {} (sequence {}), with {} to come and {} open",
                self.consumer(state.consumer),
                state.delivered,
                state.floor,
                state.floor_stream,
                state.pending,
                state.unacked
            ),
            _ => String::new(),
        }
    }
}
