//! S9: a counter is the sum of what was added to it.
//!
//! Judged when a stream has been read back. The last message of a subject says at least what all
//! additions come to that were acknowledged, and at most that and all of which nobody knows; and each
//! acknowledgement said what the message says that it is about.
//!
//! A counter that takes in others is judged in the end, when they have been read back, too: to what was
//! added to it comes what the last message of the subject says in each of them.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Phase, Sym};
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
        &[Topic::Streams, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if matches!(view.history.events[pen.i].kind, Kind::Phase { phase: Phase::Drain }) {
            return self.ended(view, pen);
        }
        let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) else { return };
        if stream.rules.sources.is_empty() {
            compare(view, (no, stream), &added(view, no, stream), is_damaged(view, stream), pen);
        }
        for sent in view.streams.sent.values().filter(|sent| sent.stream == no) {
            let Some((told, acked)) = sent.value.zip(sent.acks.first()) else { continue };
            match stream.values.get(&acked.seq) {
                Some(value) if *value == told => pen.held(),
                None => pen.excused(),
                Some(_) if view.streams.may_forget(no, sent.said(acked)) => pen.excused(),
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

impl CounterSum {
    /// Judges the counters that take in others.
    fn ended(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        for no in (0..view.history.header.streams.len()).map(|no| StreamNo(no as u16)) {
            let sum = view.streams.stream(no);
            let is_counter = !sum.values.is_empty() && !sum.rules.sources.is_empty();
            if !is_counter || sum.audited.is_none() || !self.scope.covers_stream(view, no) {
                continue;
            }
            let mut all = added(view, no, sum);
            let mut excused = view.streams.may_have_forgotten(no) || is_damaged(view, sum);
            for (name, filter) in &sum.rules.sources {
                let Some(of) = streams::called(view, name) else { continue };
                let origin = view.streams.stream(of);
                excused |= view.streams.may_have_forgotten(of) || origin.audited.is_none();
                for (subject, value) in last_values(view, origin, filter.as_deref()) {
                    all.entry(subject).or_default().sure += value;
                }
            }
            compare(view, (no, sum), &all, excused, pen);
        }
    }
}

/// What was synced may be gone.
fn is_damaged(view: &View<'_>, stream: &Stream) -> bool {
    let machine = view.streams.machine(stream.node);
    machine.damaged.is_some() || machine.lied.is_some()
}

/// Whether a counter says what it should.
fn compare(
    view: &View<'_>,
    (no, stream): (StreamNo, &Stream),
    all: &BTreeMap<Sym, Added>,
    excused: bool,
    pen: &mut Pen<'_>,
) {
    for (subject, added) in all {
        let value = last_value(stream, *subject).unwrap_or(0);
        if (added.sure..=added.sure + added.maybe).contains(&value) {
            pen.held();
        } else if excused {
            pen.excused();
        } else {
            pen.broken(view, || {
                let (name, subject) = (streams::name_of(view, no), view.history.text(*subject));
                let (sure, most) = (added.sure, added.sure + added.maybe);
                let story = format!(
                    "`{subject}` of {name} counts {value}; what was acknowledged comes to {sure}, \
                     with all that is not known to {most}."
                );
                (story, added.events.clone())
            });
        }
    }
}

/// What an origin counts in the end, by subject, as far as it is taken in.
fn last_values(view: &View<'_>, origin: &Stream, filter: Option<&str>) -> BTreeMap<Sym, u64> {
    let subjects: BTreeSet<Sym> = origin.stored.values().map(|stored| stored.subject).collect();
    let wanted = subjects.into_iter().filter(|subject| {
        filter.is_none_or(|filter| super::subject::reaches(view.history.text(*subject), filter))
    });
    wanted.filter_map(|subject| Some((subject, last_value(origin, subject)?))).collect()
}

/// What was added, by subject.
fn added(view: &View<'_>, no: StreamNo, stream: &Stream) -> BTreeMap<Sym, Added> {
    let mut all: BTreeMap<Sym, Added> = BTreeMap::new();
    for sent in view.streams.sent.values().filter(|sent| sent.stream == no) {
        let Some(add) = sent.add else { continue };
        let of = all.entry(sent.subject).or_default();
        let forgotten = sent.acks.first().is_some_and(|acked| {
            view.streams.may_forget(no, sent.said(acked)) && !stream.values.contains_key(&acked.seq)
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
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{Phase, StreamEvent};
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

    /// 5 is added to a counter, and 100 to one that takes it in and that then counts this.
    fn taken_in(value: u64) -> Script {
        let mut s = Script::running();
        s.stream("S", EAST_1, r#"{"allow_msg_counter":true}"#);
        s.stream("SUM", WEST_1, r#"{"allow_msg_counter":true,"sources":[{"name":"S"}]}"#);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for (stream, add) in [(0, 5), (1, 100)] {
            let msg = s.store(client, stream, "s.1");
            s.stream_event(StreamEvent::Added { msg, add });
            s.acked(msg, 1);
        }
        s.at(9_000);
        for (stream, seq, number, value) in [(0, 1, 1, 5), (1, 1, 2, 100), (1, 2, 1, value)] {
            s.stored(stream, seq, client, number, "s.1");
            s.stream_event(StreamEvent::Value { stream: StreamNo(stream), seq, value });
        }
        s.audited(0);
        s.audited(1);
        s.phase(Phase::Drain);
        s
    }

    #[test]
    fn what_a_source_counts_comes_to_it_once() {
        taken_in(105).judge(ID).held(2);
        for wrong in [100, 110, 5] {
            let judged = taken_in(wrong).judge(ID);
            let story = judged.broke(9_000);
            assert!(story.contains(&format!("`s.1` of SUM counts {wrong}")), "{story}");
        }
    }
}
