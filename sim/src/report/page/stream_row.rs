//! What clients saw of streams as rows of numbers.

use super::row::{Row, Rows};
use crate::history::StreamEvent;
use crate::report::stream_words;

impl Rows<'_> {
    pub(super) fn stream(&mut self, event: &StreamEvent) -> Row {
        let lanes = self.lanes;
        let client = event.client().map(|client| lanes.client(client));
        let stream = event.stream().map(|stream| lanes.stream(stream));
        let consumer = event.consumer().map(|consumer| lanes.consumer(consumer));
        let thing = stream.or(consumer).unwrap_or(0);
        // Whoever did something has the line; otherwise it is that of the stream or the consumer.
        let (lane, peer) = client.map_or((thing, 0), |client| (client, thing));
        let row = Row { lane, peer, ..Row::default() };
        match event {
            StreamEvent::Sent { attempt, subject, size, .. } => {
                let text = self.sym(*subject);
                Row { text, n: (*attempt).into(), m: (*size).into(), ..row }
            }
            StreamEvent::Acked { seq, duplicate, .. } => {
                Row { n: *seq, m: u64::from(*duplicate), ..row }
            }
            StreamEvent::Refused { code, text, .. } => {
                Row { text: self.sym(*text), n: (*code).into(), ..row }
            }
            StreamEvent::Batch { count, .. } => Row { n: (*count).into(), ..row },
            StreamEvent::Added { add: n, .. } | StreamEvent::Told { value: n, .. } => {
                Row { n: *n, ..row }
            }
            StreamEvent::Value { seq, value, .. } => Row { n: *seq, m: *value, ..row },
            StreamEvent::Given { seq, times, subject, .. } => {
                Row { text: self.sym(*subject), n: *seq, m: *times, ..row }
            }
            StreamEvent::Answered { seq, consumer_seq, how, .. } => {
                Row { text: self.texts.text(how.name()), n: *seq, m: *consumer_seq, ..row }
            }
            StreamEvent::Confirmed { seq, .. } => Row { n: *seq, ..row },
            StreamEvent::Read { call, subject, .. } => {
                Row { text: self.sym(*subject), n: (*call).into(), ..row }
            }
            StreamEvent::Got { call, seq, .. } => Row { n: (*call).into(), m: *seq, ..row },
            StreamEvent::Untold { call, .. } => Row { n: (*call).into(), ..row },
            StreamEvent::Stored { seq, subject, size, .. } => {
                Row { text: self.sym(*subject), n: *seq, m: (*size).into(), ..row }
            }
            StreamEvent::Hole { seq, code, .. } => Row { n: *seq, m: (*code).into(), ..row },
            StreamEvent::Damaged { first, last, .. } => {
                let text = self.words(event);
                Row { text, n: *first, m: *last, ..row }
            }
            StreamEvent::ApiError { about, code, text, .. } => {
                let (text, more) = (self.sym(*text), self.sym(*about));
                Row { text, more, n: (*code).into(), ..row }
            }
            StreamEvent::State(_) | StreamEvent::ConsumerState(_) => {
                Row { text: self.words(event), ..row }
            }
            StreamEvent::Made { .. }
            | StreamEvent::ConsumerMade { .. }
            | StreamEvent::Unknown { .. }
            | StreamEvent::Audited { .. }
            | StreamEvent::Vanished { .. } => row,
        }
    }

    fn words(&mut self, event: &StreamEvent) -> u64 {
        let words = stream_words::describe(self.history, event);
        self.texts.text(&words)
    }
}
