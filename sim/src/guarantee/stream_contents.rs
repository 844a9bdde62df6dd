//! S7, S10, K8: what is in a stream at the end, against what it says of itself and what its
//! configuration asks for.
//!
//! Three guarantees look at it: `stream_equals_log` counts what was read back, `stream_limits_exact`
//! compares it with the limits, `workqueue_removes_acked_only` with what consumers have done.

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Retention, Stream, Streams};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, StreamEvent, StreamState, Sym};
use crate::ids::StreamNo;
use crate::units::SECOND;

/// A message may be there so much longer than it is allowed to be.
const LATE_NS: u64 = 3 * SECOND;

/// Bytes that a server may count for a message beyond its payload: subject, header, its own.
const EXTRA_BYTES: u64 = 1024;

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Count,
    Limits,
    Queue,
}

pub(super) struct StreamContents {
    scope: Scope,
    what: What,
}

impl StreamContents {
    pub(super) fn count(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Count }
    }

    pub(super) fn limits(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Limits }
    }

    pub(super) fn queue(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Queue }
    }
}

impl Checker for StreamContents {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if self.what == What::Limits
            && let Kind::Stream(event) = &view.history.events[pen.i].kind
            && let StreamEvent::State(state) = **event
            && self.scope.covers_stream(view, state.stream)
        {
            within_limits(view, state, pen);
        }
        let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) else { return };
        match self.what {
            What::Count => counted(view, no, stream, pen),
            What::Limits => limits_at_the_end(view, no, stream, pen),
            What::Queue => queue(view, no, stream, pen),
        }
    }
}

/// What the server says of the stream is what was read back.
fn counted(view: &View<'_>, no: StreamNo, stream: &Stream, pen: &mut Pen<'_>) {
    let Some((state_i, _, state)) = stream.state else { return };
    // While it was read, an acknowledgement or its age may have taken something.
    let moving = stream.rules.retention != Retention::Limits || stream.rules.max_age_ns.is_some();
    let there = stream.stored.len() as u64;
    let first = stream.stored.keys().next().copied().unwrap_or(state.last + 1);
    let last = stream.stored.keys().next_back().copied().unwrap_or(0);
    let payloads: u64 = stream.stored.values().map(|stored| u64::from(stored.size)).sum();
    let holes = stream.stored.range(state.first..).count() as u64;
    let gone = (state.last + 1).saturating_sub(state.first).saturating_sub(holes);
    let wrong = [
        ("messages", state.messages, there..=there),
        ("as its first sequence", state.first, first..=first),
        ("as its last sequence", state.last, last..=u64::MAX),
        ("bytes", state.bytes, payloads..=payloads + there * EXTRA_BYTES),
        ("sequences that are gone", state.deleted, gone..=gone),
    ]
    .into_iter()
    .find(|(_, said, real)| !real.contains(said));
    let Some((what, said, real)) = wrong else { return pen.held() };
    if moving {
        return pen.excused();
    }
    pen.broken(view, || {
        let name = streams::name_of(view, no);
        let truth = if real.start() == real.end() {
            real.start().to_string()
        } else {
            format!("{} at least", real.start())
        };
        let story = format!("{name} says {said} {what}, and what was read back says {truth}.");
        let ends = [stream.stored.values().next(), stream.stored.values().next_back()];
        let mut events = vec![state_i];
        events.extend(ends.into_iter().flatten().map(|stored| stored.i));
        (story, events)
    });
}

/// At no time there is more than there may be.
fn within_limits(view: &View<'_>, state: StreamState, pen: &mut Pen<'_>) {
    let rules = &view.streams.stream(state.stream).rules;
    for (what, has, most) in
        [("messages", state.messages, rules.max_msgs), ("bytes", state.bytes, rules.max_bytes)]
    {
        let Some(most) = most else { continue };
        if has <= most {
            pen.held();
            continue;
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::name_of(view, state.stream);
            (format!("{name} holds {has} {what}, and may hold {most}."), vec![i])
        });
    }
}

/// Of each subject there are as many as there may be and as there were, and nothing is too old.
fn limits_at_the_end(view: &View<'_>, no: StreamNo, stream: &Stream, pen: &mut Pen<'_>) {
    let rules = &stream.rules;
    if let Some(most) = rules.max_per_subject {
        let mut of: BTreeMap<Sym, (u64, usize)> = BTreeMap::new();
        for stored in stream.stored.values() {
            let entry = of.entry(stored.subject).or_insert((0, stored.i));
            entry.0 += 1;
        }
        for (subject, (has, i)) in of {
            if has <= most {
                pen.held();
                continue;
            }
            pen.broken(view, || {
                let (name, subject) = (streams::name_of(view, no), view.history.text(subject));
                (
                    format!("{name} holds {has} messages on `{subject}`, and may hold {most}."),
                    vec![i],
                )
            });
        }
    }
    if let Some(age) = rules.max_age_ns {
        for stored in stream.stored.values() {
            let sent = stored.msg.and_then(|msg| view.streams.sent.get(&msg));
            let Some(acked) = sent.and_then(|sent| sent.acks.first()) else { continue };
            let read_t = view.history.events[stored.i].t;
            if acked.t + age + LATE_NS >= read_t {
                pen.held();
                continue;
            }
            pen.broken(view, || {
                let name = streams::name_of(view, no);
                let story = format!("{name} still holds a message that is older than it may be.");
                (story, vec![acked.i, stored.i])
            });
        }
    }
}

/// A queue gives up a message when it is done with, and not before.
fn queue(view: &View<'_>, no: StreamNo, stream: &Stream, pen: &mut Pen<'_>) {
    let rules = &stream.rules;
    let limited =
        rules.max_msgs.is_some() || rules.max_bytes.is_some() || rules.max_age_ns.is_some();
    if rules.retention == Retention::Limits || limited || rules.max_per_subject.is_some() {
        return;
    }
    for (msg, sent, acked) in streams::acked_of(&view.streams, no) {
        let takers: Vec<_> = view
            .streams
            .consumers_of(no)
            .filter(|c| c.made && Streams::takes(view, c, sent.subject))
            .collect();
        // Nothing waits for a consumer that is no more; a work queue waits for the next one.
        let stays = |c: &&&streams::Consumer| {
            rules.retention == Retention::WorkQueue || !view.streams.is_gone(c)
        };
        let left = || takers.iter().filter(stays);
        let given = |c: &&streams::Consumer| c.given.get(&acked.seq).copied();
        let all_done = left().all(|c| c.is_done_with(acked.seq));
        let sure = left().all(|c| {
            given(c).is_some_and(|g| g.confirmed.is_some_and(|(_, t)| t + LATE_NS < pen.t))
        });
        let there = stream.stored.contains_key(&acked.seq);
        let wrong = if there && sure && !takers.is_empty() {
            Some("is still there, although all consumers have done with it")
        } else if !there && !all_done && !takers.is_empty() {
            Some("is gone, although nobody has said that it is done")
        } else {
            None
        };
        match wrong {
            None => pen.held(),
            Some(_) if view.streams.may_have_forgotten(no) => pen.excused(),
            Some(what) => pen.broken(view, || {
                let name = streams::name_of(view, no);
                let story = format!("Message {msg}, sequence {} of {name}, {what}.", acked.seq);
                let mut events = streams::events_of(sent);
                events.extend(takers.iter().filter_map(given).flat_map(|g| [g.first_i, g.last_i]));
                (story, events)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{Answered, NodeDownHow, StreamState};
    use crate::ids::ClientId;

    fn script(config: &str) -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, config);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for seq in 1..=4 {
            let msg = s.store(client, 0, if seq == 4 { "s.2" } else { "s.1" });
            s.acked(msg, seq);
        }
        (s, client)
    }

    fn read_back(s: &mut Script, client: ClientId, there: &[u64]) {
        for seq in there {
            s.stored(0, *seq, client, *seq as u32, if *seq == 4 { "s.2" } else { "s.1" });
        }
        s.audited(0);
    }

    #[test]
    fn a_stream_says_what_it_holds() {
        const ID: &str = "stream_equals_log";
        let good = StreamState {
            messages: 3,
            bytes: 3 * 60,
            first: 1,
            last: 4,
            deleted: 1,
            ..StreamState::default()
        };
        for (state, broken) in [
            (good, 0),
            (StreamState { messages: 4, ..good }, 1),
            (StreamState { first: 2, ..good }, 1),
            (StreamState { last: 3, ..good }, 1),
            (StreamState { last: 5, deleted: 2, ..good }, 0),
            (StreamState { bytes: 3, ..good }, 1),
            (StreamState { deleted: 0, ..good }, 1),
        ] {
            let (mut s, client) = script("{}");
            s.state_of(state);
            read_back(&mut s, client, &[1, 3, 4]);
            assert_eq!(s.judge(ID).findings.broken, broken, "{state:?}");
        }
    }

    #[test]
    fn limits_hold_at_all_times() {
        const ID: &str = "stream_limits_exact";
        for (config, messages, broken) in [
            (r#"{"max_msgs":4}"#, 4, 0),
            (r#"{"max_msgs":3}"#, 4, 1),
            (r#"{"max_bytes":1000}"#, 4, 0),
            (r#"{"max_bytes":100}"#, 4, 1),
        ] {
            let (mut s, _) = script(config);
            s.state(0, messages, 1, 4);
            let judged = s.judge(ID);
            assert_eq!((judged.findings.checked, judged.findings.broken), (1, broken), "{config}");
        }
        for (config, ms, broken) in [
            (r#"{"max_msgs_per_subject":3}"#, 3_000, 0),
            (r#"{"max_msgs_per_subject":2}"#, 3_000, 1),
            (r#"{"max_age":1000000000}"#, 5_000, 0),
            (r#"{"max_age":1000000000}"#, 9_000, 4),
        ] {
            let (mut s, client) = script(config);
            s.at(ms);
            read_back(&mut s, client, &[1, 2, 3, 4]);
            assert_eq!(s.judge(ID).findings.broken, broken, "{config} {ms}");
        }
    }

    #[test]
    fn a_queue_gives_up_what_is_done_with_and_nothing_else() {
        const ID: &str = "workqueue_removes_acked_only";
        for (done, there, broken) in [
            (vec![1, 2], vec![3, 4], 0),
            (vec![1], vec![3, 4], 1),
            (vec![1, 2, 3], vec![3, 4], 1),
            (vec![], vec![1, 2, 3, 4], 0),
        ] {
            let (mut s, client) = script(r#"{"retention":"workqueue"}"#);
            s.consumer("w", 0, r#"{"ack_policy":"explicit"}"#);
            for seq in &done {
                s.given(client, 0, *seq, 1);
                s.answered(client, 0, *seq, Answered::AckAndWait);
                s.confirmed(client, 0, *seq);
            }
            s.at(9_000);
            read_back(&mut s, client, &there);
            let judged = s.judge(ID);
            assert_eq!((judged.findings.checked, judged.findings.broken), (4, broken), "{done:?}");
        }
        let (mut s, client) = script("{}");
        read_back(&mut s, client, &[]);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_consumer_in_memory_wants_nothing_any_more_when_its_process_has_ended() {
        const ID: &str = "workqueue_removes_acked_only";
        for (retention, dies, there, broken) in [
            ("interest", true, vec![], 0),
            ("interest", true, vec![1, 2], 2),
            ("interest", false, vec![], 4),
            ("interest", false, vec![1, 2, 3, 4], 0),
            ("workqueue", true, vec![], 4),
            ("workqueue", true, vec![1, 2, 3, 4], 0),
        ] {
            let (mut s, client) = script(&format!(r#"{{"retention":"{retention}"}}"#));
            s.consumer("w", 0, r#"{"ack_policy":"explicit","mem_storage":true}"#);
            if dies {
                s.node_down(EAST_1, NodeDownHow::Killed);
            }
            s.at(9_000);
            read_back(&mut s, client, &there);
            assert_eq!(s.judge(ID).findings.broken, broken, "{retention} {dies} {there:?}");
        }
    }
}
