//! S2, S3: a sequence belongs to one message for ever, and later messages have later ones.
//!
//! Whoever says what is at a sequence (an acknowledgement, a delivery, what is read) must say the same.
//! A message that was sent after another one had been acknowledged gets a later sequence. The last
//! sequence of a stream is never less than one that somebody knows. Where the server may forget (see `no_acked_loss`), sequences
//! may be given out anew.

use super::outcome::Pen;
use super::scope::Scope;
use super::streams;
use super::table::Table;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, StreamEvent, StreamState};
use crate::ids::{MsgId, StreamNo};

pub(super) struct StreamSeqDense {
    scope: Scope,
    /// What was said to be at a sequence, and by which event.
    at: Table<(StreamNo, u64), (MsgId, usize)>,
    /// The highest sequence that was acknowledged so far, with the event and the time.
    highest: Vec<Vec<(u64, u64, usize)>>,
    /// The highest sequence that was acknowledged, given out or read, with the time and the event.
    last: Vec<Vec<(u64, u64, usize)>>,
}

impl StreamSeqDense {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let streams = params.header.streams.len();
        Self {
            scope: params.scope.clone(),
            at: Table::default(),
            highest: vec![Vec::new(); streams],
            last: vec![Vec::new(); streams],
        }
    }

    fn one_message(
        &mut self,
        view: &View<'_>,
        stream: StreamNo,
        seq: u64,
        msg: MsgId,
        pen: &mut Pen<'_>,
    ) {
        let i = pen.i;
        let known = &mut self.last[usize::from(stream.0)];
        if known.last().is_none_or(|(_, highest, _)| seq > *highest) {
            known.push((pen.t, seq, i));
        }
        let (other, at) = *self.at.entry((stream, seq)).or_insert((msg, i));
        if other == msg {
            pen.held();
        } else if view.streams.may_have_forgotten(stream) {
            self.at.insert((stream, seq), (msg, i));
            pen.excused();
        } else {
            pen.broken(view, || {
                let name = streams::name_of(view, stream);
                let story = format!(
                    "Sequence {seq} of {name} was said to be message {other}, and now it is {msg}."
                );
                (story, vec![at, i])
            });
        }
    }

    /// All that were acknowledged before this one was sent have lower sequences.
    fn later(&mut self, view: &View<'_>, msg: MsgId, seq: u64, pen: &mut Pen<'_>) {
        let Some(sent) = view.streams.sent.get(&msg) else { return };
        let stream = sent.stream;
        let acks = &mut self.highest[usize::from(stream.0)];
        // Of an attempt that nobody answered, the message may have been stored since the first.
        let first = sent.attempts.first().map_or(0, |(_, t)| *t);
        let before = acks.partition_point(|(t, ..)| *t < first);
        let worst = before.checked_sub(1).map(|at| acks[at]);
        let highest = acks.last().map_or(0, |(_, seq, _)| *seq);
        if seq > highest {
            acks.push((pen.t, seq, pen.i));
        }
        let Some((_, other, at)) = worst.filter(|(_, other, _)| *other >= seq) else {
            return pen.held();
        };
        if view.streams.may_have_forgotten(stream) {
            return pen.excused();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::name_of(view, stream);
            let story = format!(
                "{name} gave message {msg} sequence {seq}, although {other} had been acknowledged \
                    before it was sent."
            );
            (story, vec![at, i])
        });
    }

    /// What was known when the question was asked is still there.
    fn last_stays(&mut self, view: &View<'_>, state: StreamState, pen: &mut Pen<'_>) {
        let StreamState { stream, last, asked, .. } = state;
        let known = &self.last[usize::from(stream.0)];
        let then = known.partition_point(|(t, ..)| *t < asked);
        let (_, before, at) = then.checked_sub(1).map_or((0, 0, pen.i), |at| known[at]);
        if last >= before {
            pen.held();
        } else if view.streams.may_have_forgotten(stream) {
            pen.excused();
        } else {
            let i = pen.i;
            pen.broken(view, || {
                let name = streams::name_of(view, stream);
                let story =
                    format!("The last sequence of {name} is {last}, and {before} was there.");
                (story, vec![at, i])
            });
        }
    }
}

impl Checker for StreamSeqDense {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Kind::Stream(event) = &view.history.events[pen.i].kind else { return };
        match **event {
            StreamEvent::Acked { msg, seq, duplicate, .. } => {
                let Some(stream) = view.streams.sent.get(&msg).map(|sent| sent.stream) else {
                    return;
                };
                if self.scope.covers_stream(view, stream) {
                    self.one_message(view, stream, seq, msg, pen);
                    if !duplicate {
                        self.later(view, msg, seq, pen);
                    }
                }
            }
            StreamEvent::Stored { stream, seq, msg: Some(msg), .. }
                if self.scope.covers_stream(view, stream) =>
            {
                self.one_message(view, stream, seq, msg, pen);
            }
            StreamEvent::Given { consumer, seq, msg: Some(msg), .. } => {
                let stream = view.streams.consumer(consumer).stream;
                if self.scope.covers_stream(view, stream) {
                    self.one_message(view, stream, seq, msg, pen);
                }
            }
            StreamEvent::State(state) if self.scope.covers_stream(view, state.stream) => {
                self.last_stays(view, state, pen);
            }
            StreamEvent::Stored { .. }
            | StreamEvent::Given { .. }
            | StreamEvent::State(_)
            | StreamEvent::Made { .. }
            | StreamEvent::ConsumerMade { .. }
            | StreamEvent::Sent { .. }
            | StreamEvent::Refused { .. }
            | StreamEvent::Unknown { .. }
            | StreamEvent::Batch { .. }
            | StreamEvent::Added { .. }
            | StreamEvent::Told { .. }
            | StreamEvent::Value { .. }
            | StreamEvent::Answered { .. }
            | StreamEvent::Confirmed { .. }
            | StreamEvent::Read { .. }
            | StreamEvent::Got { .. }
            | StreamEvent::Untold { .. }
            | StreamEvent::Hole { .. }
            | StreamEvent::Audited { .. }
            | StreamEvent::Damaged { .. }
            | StreamEvent::Vanished { .. }
            | StreamEvent::ConsumerState(_)
            | StreamEvent::ApiError { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::ids::ClientId;

    const ID: &str = "stream_seq_dense";

    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        (s, client)
    }

    #[test]
    fn holds_if_sequences_go_up_and_all_agree() {
        let (mut s, client) = script();
        for seq in [1, 2, 5] {
            let msg = s.store(client, 0, "s.1");
            s.acked(msg, seq);
        }
        s.at(3_000).state(0, 3, 1, 5);
        s.stored(0, 1, client, 1, "s.1");
        s.judge(ID).held(3 + 3 + 2);
    }

    #[test]
    fn breaks_if_two_messages_have_one_sequence() {
        let (mut s, client) = script();
        let (one, two) = (s.store(client, 0, "s.1"), s.store(client, 0, "s.1"));
        s.acked(one, 4);
        s.at(3_000).acked(two, 4);
        assert_eq!(
            s.judge(ID).broke(3_000),
            "Sequence 4 of S was said to be message 0.0.1, and now it is 0.0.2."
        );
    }

    #[test]
    fn breaks_if_what_is_read_is_not_what_was_acknowledged() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.acked(msg, 4);
        s.at(3_000).stored(0, 4, client, 9, "s.1");
        s.judge(ID).broke(3_000);
    }

    #[test]
    fn breaks_if_a_later_message_gets_an_earlier_sequence() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.acked(msg, 4);
        let msg = s.at(3_000).store(client, 0, "s.1");
        s.at(4_000).acked(msg, 3);
        assert!(s.judge(ID).broke(4_000).contains("although 4 had been acknowledged"));
    }

    #[test]
    fn breaks_if_the_last_sequence_goes_back() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.acked(msg, 5);
        // What nobody was told may have been a write that failed.
        s.state(0, 3, 1, 6);
        s.state(0, 3, 1, 5);
        s.at(3_000).state(0, 3, 1, 4);
        assert_eq!(s.judge(ID).broke(3_000), "The last sequence of S is 4, and 5 was there.");
    }

    #[test]
    fn messages_that_were_under_way_together_may_change_places() {
        let (mut s, client) = script();
        let (one, two) = (s.store(client, 0, "s.1"), s.store(client, 0, "s.1"));
        s.at(3_000).acked(two, 4);
        s.acked(one, 5);
        s.judge(ID).held(4);
    }
}
