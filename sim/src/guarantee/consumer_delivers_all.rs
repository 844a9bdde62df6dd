//! K4, K5: a consumer that somebody works off delivers every message, until it is acknowledged or has
//! been delivered as often as it may.
//!
//! Judged when everything has been read back and clients begin to leave. A message that is in the stream
//! (or was acknowledged and is gone because the consumer had done with it) must have been given to
//! somebody. One that nobody has answered must not be left alone for longer than the consumer waits for
//! an answer. Only the simulator's own consumers that begin with the first message are judged, and none
//! that was kept in memory when its process ended.

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Consumer, Streams};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Phase, Sym};
use crate::ids::ConsumerNo;
use crate::units::SECOND;

/// How much later than it must a message may come again.
const LATE_NS: u64 = 5 * SECOND;

pub(super) struct ConsumerDeliversAll {
    scope: Scope,
}

impl ConsumerDeliversAll {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    fn judge(&self, view: &View<'_>, no: ConsumerNo, pen: &mut Pen<'_>) {
        let info = &view.history.header.consumers[usize::from(no.0)];
        let consumer = view.streams.consumer(no);
        let stream = view.streams.stream(consumer.stream);
        let judged = consumer.made && info.worked && consumer.rules.from_start;
        if !judged
            || view.streams.is_gone(consumer)
            || stream.audited.is_none()
            || !self.scope.covers_stream(view, consumer.stream)
        {
            return;
        }
        for (seq, subject) in due(view, consumer) {
            let wrong = match consumer.given.get(&seq) {
                // Who acknowledges a later one may do so for one that was lost on its way to another.
                None => (!consumer.is_done_with(seq)).then_some("never gave it to anybody"),
                Some(given) => {
                    let done = consumer.is_done_with(seq);
                    let spent = consumer.rules.max_deliver.is_some_and(|most| given.times >= most);
                    let waits = given.last_t + consumer.rules.ack_wait_ns + LATE_NS;
                    let late = waits < pen.t;
                    (!done && !spent && late).then_some("did not give it again")
                }
            };
            let said_t = view.streams.stream(consumer.stream).acked.get(&seq);
            let said_t = said_t.and_then(|msg| view.streams.sent.get(msg)?.acks.first());
            match wrong {
                None => pen.held(),
                Some(_) if view.streams.may_have_forgotten(consumer.stream) => pen.excused(),
                Some(what) => {
                    let i = pen.i;
                    pen.broken(view, || {
                        let name = streams::consumer_name(view, no);
                        let subject = view.history.text(subject);
                        let story =
                            format!("Consumer {name} {what}: sequence {seq} on `{subject}`.");
                        let mut events = vec![i];
                        events.extend(said_t.map(|acked| acked.i));
                        events.extend(stream.stored.get(&seq).map(|stored| stored.i));
                        let given = consumer.given.get(&seq);
                        events.extend(given.into_iter().flat_map(|g| [g.first_i, g.last_i]));
                        (story, events)
                    });
                }
            }
        }
    }
}

/// What a consumer has to deliver: what is in the stream, and what is not any more and must have been
/// its business before.
fn due(view: &View<'_>, consumer: &Consumer) -> Vec<(u64, Sym)> {
    let stream = view.streams.stream(consumer.stream);
    let there = stream.stored.iter().map(|(seq, stored)| (*seq, stored.subject));
    let takes = |subject: Sym| Streams::takes(view, consumer, subject);
    let mut due: Vec<(u64, Sym)> = there.filter(|(_, subject)| takes(*subject)).collect();
    // What has been given out must be seen through, too.
    for (seq, msg) in &stream.acked {
        let gone = !stream.stored.contains_key(seq) && consumer.given.contains_key(seq);
        if let Some(sent) = view.streams.sent.get(msg).filter(|_| gone && stream.rules.keeps_all())
        {
            due.push((*seq, sent.subject));
        }
    }
    due
}

impl Checker for ConsumerDeliversAll {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if let Kind::Phase { phase: Phase::Drain } = view.history.events[pen.i].kind {
            for no in 0..view.history.header.consumers.len() {
                self.judge(view, ConsumerNo(no as u16), pen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{Answered, Phase};
    use crate::ids::ClientId;

    const ID: &str = "consumer_delivers_all";

    /// Two messages are in the stream, the first one for the consumer.
    fn script(config: &str) -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        s.consumer("w", 0, config);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for (seq, subject) in [(1, "s.1"), (2, "s.2")] {
            let msg = s.store(client, 0, subject);
            s.acked(msg, seq);
        }
        (s, client)
    }

    fn drain(s: &mut Script, client: ClientId, ms: u64) {
        s.at(ms);
        for (seq, subject) in [(1, "s.1"), (2, "s.2")] {
            s.stored(0, seq, client, seq as u32, subject);
        }
        s.audited(0);
        s.phase(Phase::Drain);
    }

    const EXPLICIT: &str =
        r#"{"ack_policy":"explicit","filter_subject":"s.1","ack_wait":1000000000}"#;

    #[test]
    fn holds_if_what_it_takes_is_given_and_acknowledged() {
        let (mut s, client) = script(EXPLICIT);
        s.given(client, 0, 1, 1);
        s.answered(client, 0, 1, Answered::Ack);
        drain(&mut s, client, 60_000);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_it_never_is() {
        let (mut s, client) = script(EXPLICIT);
        drain(&mut s, client, 60_000);
        assert!(s.judge(ID).broke(60_000).contains("never gave it to anybody: sequence 1"));
    }

    #[test]
    fn breaks_if_it_is_left_alone() {
        for (config, broken) in [
            (EXPLICIT, 1),
            (r#"{"ack_policy":"none","filter_subject":"s.1"}"#, 0),
            (r#"{"ack_policy":"explicit","filter_subject":"s.1","ack_wait":1,"max_deliver":1}"#, 0),
            (r#"{"ack_policy":"explicit","filter_subject":"s.1"}"#, 0),
        ] {
            let (mut s, client) = script(config);
            s.given(client, 0, 1, 1);
            drain(&mut s, client, 20_000);
            assert_eq!(s.judge(ID).findings.broken, broken, "{config}");
        }
    }

    #[test]
    fn a_consumer_that_nobody_works_off_owes_nothing() {
        let (mut s, client) = script(EXPLICIT);
        s.history.header.consumers[0].worked = false;
        drain(&mut s, client, 60_000);
        s.judge(ID).vacuous();
    }
}
