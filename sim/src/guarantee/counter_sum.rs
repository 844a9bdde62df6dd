//! S9: a counter is the sum of what was added to it.
//!
//! Judged when a stream has been read back. The last message of a subject says at least what all
//! additions come to that were acknowledged, and at most that and all of which nobody knows; and each
//! acknowledgement said what the message says that it is about.

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::Sym;
use crate::ids::StreamNo;

pub(super) struct CounterSum {
    scope: Scope,
}

impl CounterSum {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

/// What was added to one subject.
#[derive(Clone, Debug, Default)]
struct Added {
    /// Acknowledged.
    sure: u64,
    /// Perhaps stored: nobody was told, or it may be forgotten.
    maybe: u64,
    events: Vec<usize>,
}

impl Checker for CounterSum {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) else { return };
        let machine = view.streams.machine(stream.node);
        let damaged = machine.damaged.is_some() || machine.lied.is_some();
        for (subject, added) in added(view, no, stream) {
            let value = last_value(stream, subject).unwrap_or(0);
            if (added.sure..=added.sure + added.maybe).contains(&value) {
                pen.held();
            } else if damaged {
                pen.excused();
            } else {
                pen.broken(view, || {
                    let (name, subject) = (streams::name_of(view, no), view.history.text(subject));
                    let (sure, most) = (added.sure, added.sure + added.maybe);
                    let story = format!(
                        "`{subject}` of {name} counts {value}; what was acknowledged comes to \
                         {sure}, with all that is not known to {most}."
                    );
                    (story, added.events.clone())
                });
            }
        }
        for sent in view.streams.sent.values().filter(|sent| sent.stream == no) {
            let Some((told, acked)) = sent.value.zip(sent.acks.first()) else { continue };
            match stream.values.get(&acked.seq) {
                Some(value) if *value == told => pen.held(),
                None => pen.excused(),
                Some(_) if view.streams.may_forget(no, acked.t) => pen.excused(),
                Some(value) => pen.broken(view, || {
                    let seq = acked.seq;
                    let story =
                        format!("Sequence {seq} was acknowledged as {told}, and it says {value}.");
                    (story, streams::events_of(sent))
                }),
            }
        }
    }
}

/// What was added, by subject.
fn added(view: &View<'_>, no: StreamNo, stream: &Stream) -> BTreeMap<Sym, Added> {
    let mut all: BTreeMap<Sym, Added> = BTreeMap::new();
    for sent in view.streams.sent.values().filter(|sent| sent.stream == no) {
        let Some(add) = sent.add else { continue };
        let of = all.entry(sent.subject).or_default();
        let forgotten = sent.acks.first().is_some_and(|acked| {
            view.streams.may_forget(no, acked.t) && !stream.values.contains_key(&acked.seq)
        });
        if !sent.acks.is_empty() && !forgotten {
            of.sure += add;
            of.events.extend(sent.acks.iter().map(|acked| acked.i));
        } else if forgotten || (sent.refused as usize) < sent.attempts.len() {
            of.maybe += add;
            of.events.extend(sent.attempts.iter().map(|(i, _)| *i));
        }
    }
    all
}

/// What the last message of a subject says.
fn last_value(stream: &Stream, subject: Sym) -> Option<u64> {
    let of_subject = stream.stored.iter().rev().find(|(_, stored)| stored.subject == subject);
    stream.values.get(of_subject?.0).copied()
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::StreamEvent;
    use crate::ids::StreamNo;

    const ID: &str = "counter_sum";

    /// 5 is added and acknowledged, then 7, of which nobody knows; or it is refused.
    fn counted(told: u64, value: u64, refused: bool) -> Script {
        let mut s = Script::running();
        s.stream("S", EAST_1, r#"{"allow_msg_counter":true}"#);
        let client = s.client("pub/1", EAST_1);
        let first = s.at(2_000).store(client, 0, "s.1");
        s.stream_event(StreamEvent::Added { msg: first, add: 5 });
        s.acked(first, 1);
        s.stream_event(StreamEvent::Told { msg: first, value: told });
        let second = s.store(client, 0, "s.1");
        s.stream_event(StreamEvent::Added { msg: second, add: 7 });
        if refused {
            s.refused(second, 503);
        }
        s.at(9_000).state(0, 1, 1, 1);
        s.stored(0, 1, client, 1, "s.1");
        s.stream_event(StreamEvent::Value { stream: StreamNo(0), seq: 1, value });
        s.audited(0);
        s
    }

    #[test]
    fn what_nobody_knows_may_be_there_or_not() {
        counted(5, 5, false).judge(ID).held(2);
        counted(12, 12, false).judge(ID).held(2);
        counted(5, 5, true).judge(ID).held(2);
    }

    #[test]
    fn less_and_more_are_wrong_and_so_is_what_was_said() {
        for (value, refused) in [(4, false), (13, false), (12, true)] {
            let judged = counted(value, value, refused).judge(ID);
            let story = judged.broke(9_000);
            assert!(story.contains(&format!("counts {value}")), "{story}");
        }
        let judged = counted(6, 5, false).judge(ID);
        let story = judged.broke(9_000);
        assert!(story.contains("acknowledged as 6, and it says 5"), "{story}");
    }
}
