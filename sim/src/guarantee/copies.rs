//! R2: streams that take their messages from others.
//!
//! Three guarantees look at them: `mirror_equals_origin`, `sources_exactly_once` and `replay_complete`.

use std::collections::BTreeMap;

use super::arrears::Arrears;
use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Retention, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Phase, StreamEvent, StreamState, Sym};
use crate::ids::{MsgId, StreamNo};

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Mirror,
    Sources,
    Replay,
}

pub(super) struct Copies {
    scope: Scope,
    what: What,
    arrears: Arrears,
    /// What the server has said of each stream, before the last fault was over.
    before: Vec<Option<(usize, StreamState)>>,
    /// When the last fault was over.
    healed_t: Option<u64>,
    /// Copies that have been judged.
    judged: Vec<bool>,
}

impl Copies {
    fn new(params: &Params<'_>, what: What) -> Self {
        let streams = params.header.streams.len();
        Self {
            scope: params.scope.clone(),
            what,
            arrears: Arrears::new(params.header, params.within_ns),
            before: vec![None; streams],
            healed_t: None,
            judged: vec![false; streams],
        }
    }

    pub(super) fn mirror(params: &Params<'_>) -> Self {
        Self::new(params, What::Mirror)
    }

    pub(super) fn sources(params: &Params<'_>) -> Self {
        Self::new(params, What::Sources)
    }

    pub(super) fn replay(params: &Params<'_>) -> Self {
        Self::new(params, What::Replay)
    }

    /// By the first look at a copy after its time, it has all that its origin had when the last fault
    /// was over.
    fn caught_up(&mut self, view: &View<'_>, state: StreamState, pen: &mut Pen<'_>) {
        let Some(healed) = self.healed_t else {
            self.before[usize::from(state.stream.0)] = Some((pen.i, state));
            return;
        };
        let copy = view.streams.stream(state.stream);
        let origin = copy.rules.mirror.as_deref().and_then(|name| streams::called(view, name));
        let Some(origin) = origin.filter(|_| self.scope.covers_stream(view, state.stream)) else {
            return;
        };
        let Some((origin_i, had)) = self.before[usize::from(origin.0)] else { return };
        let behind = self.before[usize::from(state.stream.0)].map_or(0, |(_, copy)| copy.bytes);
        let backlog = had.bytes.saturating_sub(behind);
        let bound = self.arrears.bound_ns(backlog);
        let (here, there) = (copy.node, view.streams.stream(origin).node);
        let Some(linked) = view.network.calm_since(here, there) else { return };
        let healed = healed.max(linked);
        if pen.t < healed + bound
            || std::mem::replace(&mut self.judged[usize::from(state.stream.0)], true)
        {
            return;
        }
        if state.last >= had.last {
            return pen.held();
        }
        if view.streams.may_have_forgotten(origin) {
            return pen.excused();
        }
        let i = pen.i;
        pen.broken(view, || {
            let (name, of) = (streams::name_of(view, state.stream), streams::name_of(view, origin));
            let story = format!(
                "{name} is at sequence {} although {of} was at {} when the last fault was over, and \
                    the link between them has been whole for {}.",
                state.last,
                had.last,
                crate::report::words::time(pen_t(view, i).saturating_sub(healed))
            );
            (story, vec![origin_i, i])
        });
    }

    fn ended(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        for no in (0..view.history.header.streams.len()).map(|no| StreamNo(no as u16)) {
            let copy = view.streams.stream(no);
            if copy.audited.is_none() || !self.scope.covers_stream(view, no) {
                continue;
            }
            if self.what == What::Mirror
                && let Some(origin) =
                    copy.rules.mirror.as_deref().and_then(|n| streams::called(view, n))
            {
                equal(view, (no, copy), (origin, view.streams.stream(origin)), pen);
            }
            if self.what == What::Sources && !copy.rules.sources.is_empty() {
                once(view, no, copy, pen);
            }
        }
    }
}

fn pen_t(view: &View<'_>, i: usize) -> u64 {
    view.history.events[i].t
}

/// Whatever is in both is the same, and nothing is in one alone but what limits have taken.
fn equal(
    view: &View<'_>,
    (no, copy): (StreamNo, &Stream),
    (of, origin): (StreamNo, &Stream),
    pen: &mut Pen<'_>,
) {
    if origin.audited.is_none() {
        return;
    }
    let tell = |what: String, events: Vec<usize>| {
        let (name, of) = (streams::name_of(view, no), streams::name_of(view, of));
        (format!("{name} is no copy of {of}: {what}."), events)
    };
    for (seq, there) in &origin.stored {
        let excused = view.streams.may_have_forgotten(of) || view.streams.may_have_forgotten(no);
        let (what, events) = match copy.stored.get(seq) {
            Some(here)
                if (here.msg, here.size, here.hash, here.subject)
                    == (there.msg, there.size, there.hash, there.subject) =>
            {
                pen.held();
                continue;
            }
            Some(here) => (format!("sequence {seq} is another message"), vec![there.i, here.i]),
            None if !copy.rules.keeps_all() => continue,
            None => (format!("sequence {seq} is missing"), vec![there.i]),
        };
        if excused {
            pen.excused();
        } else {
            pen.broken(view, || tell(what, events));
        }
    }
    let last = origin.state.map_or(0, |(_, _, state)| state.last);
    if let Some((seq, beyond)) = copy.stored.range(last + 1..).next()
        && !view.streams.may_have_forgotten(of)
    {
        pen.broken(view, || {
            tell(format!("it has sequence {seq}, and {last} is the last there"), vec![beyond.i])
        });
    }
}

/// Each message of each origin is there once, and in the order in which it is, or was, there.
fn once(view: &View<'_>, no: StreamNo, copy: &Stream, pen: &mut Pen<'_>) {
    let mut places: BTreeMap<MsgId, Vec<u64>> = BTreeMap::new();
    for (seq, stored) in &copy.stored {
        if let Some(msg) = stored.msg {
            places.entry(msg).or_default().push(*seq);
        }
    }
    for (name, filter) in &copy.rules.sources {
        let Some(of) = streams::called(view, name) else { continue };
        let origin = view.streams.stream(of);
        let excused = view.streams.may_have_forgotten(of) || view.streams.may_have_forgotten(no);
        if origin.audited.is_none() || !copy.rules.keeps_all() {
            continue;
        }
        let mut before = 0;
        for (seq, (i, subject, msg)) in owed(view, of, origin) {
            let wanted = filter
                .as_deref()
                .is_none_or(|filter| super::subject::reaches(view.history.text(subject), filter));
            let Some(msg) = msg.filter(|_| wanted) else { continue };
            let found = places.get(&msg).map_or(&[][..], Vec::as_slice);
            let wrong = match found {
                [one] if *one > before => {
                    before = *one;
                    None
                }
                [one] => Some(format!("is at {one}, before another that came later")),
                [] => Some("is missing".to_owned()),
                more => Some(format!("is there {} times", more.len())),
            };
            match wrong {
                None => pen.held(),
                Some(_) if excused => pen.excused(),
                Some(what) => pen.broken(view, || {
                    let copy_name = streams::name_of(view, no);
                    let story = format!("Sequence {seq} of {name} {what} in {copy_name}.");
                    let mut events = vec![i];
                    events.extend(found.iter().map(|seq| copy.stored[seq].i));
                    (story, events)
                }),
            }
        }
    }
}

/// What an origin has to give, by sequence: what is there; and what a queue has acknowledged and let go
/// because only copies take it. The event that says so, the subject, and which message it is.
fn owed(
    view: &View<'_>,
    of: StreamNo,
    origin: &Stream,
) -> BTreeMap<u64, (usize, Sym, Option<MsgId>)> {
    let there = origin.stored.iter();
    let mut owed: BTreeMap<u64, _> =
        there.map(|(seq, stored)| (*seq, (stored.i, stored.subject, stored.msg))).collect();
    let taken_over = origin.rules.retention == Retention::WorkQueue
        && view.streams.consumers_of(of).next().is_none();
    if taken_over {
        for (msg, sent, acked) in streams::acked_of(&view.streams, of) {
            owed.entry(acked.seq).or_insert((acked.i, sent.subject, Some(msg)));
        }
    }
    owed
}

impl Checker for Copies {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest does not concern copies")]
        match &view.history.events[pen.i].kind {
            Kind::Phase { phase: Phase::Heal } => self.healed_t = Some(pen.t),
            Kind::Phase { phase: Phase::Drain } if self.what != What::Replay => {
                self.ended(view, pen);
            }
            Kind::Stream(event) if self.what == What::Replay => {
                if let StreamEvent::State(state) = **event {
                    self.caught_up(view, state, pen);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::Phase;
    use crate::ids::ClientId;

    /// An origin with two messages, and a copy of it.
    fn script(config: &str) -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        s.stream("C", WEST_1, config);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for seq in [1, 2] {
            let msg = s.store(client, 0, "s.1");
            s.acked(msg, seq);
        }
        (s, client)
    }

    const MIRROR: &str = r#"{"mirror":{"name":"S"}}"#;

    /// The origin has messages 1 and 2, and the copy these, by sequence.
    fn read_back(s: &mut Script, client: ClientId, copy: &[(u64, u32)]) {
        for seq in [1, 2] {
            s.stored(0, seq, client, seq as u32, "s.1");
        }
        s.audited(0);
        for (seq, msg) in copy {
            s.stored(1, *seq, client, *msg, "s.1");
        }
        s.audited(1);
        s.phase(Phase::Drain);
    }

    #[test]
    fn a_mirror_is_what_its_origin_is() {
        const ID: &str = "mirror_equals_origin";
        for (copy, broken) in [
            (vec![(1, 1), (2, 2)], 0),
            (vec![(1, 1)], 1),
            (vec![(1, 1), (2, 1)], 1),
            (vec![(1, 1), (2, 2), (3, 2)], 1),
        ] {
            let (mut s, client) = script(MIRROR);
            s.state(0, 2, 1, 2);
            read_back(&mut s, client, &copy);
            assert_eq!(s.judge(ID).findings.broken, broken, "{copy:?}");
        }
    }

    #[test]
    fn what_is_sourced_is_there_once_and_in_order() {
        const ID: &str = "sources_exactly_once";
        for (copy, broken) in [
            (vec![(7, 1), (9, 2)], 0),
            (vec![(7, 1)], 1),
            (vec![(7, 2), (9, 1)], 1),
            (vec![(7, 1), (8, 2), (9, 2)], 1),
        ] {
            let (mut s, client) = script(r#"{"sources":[{"name":"S"}]}"#);
            read_back(&mut s, client, &copy);
            assert_eq!(s.judge(ID).findings.broken, broken, "{copy:?}");
        }
    }

    #[test]
    fn what_a_queue_gave_away_is_in_the_stream_that_took_it() {
        for (retention, copy, broken) in [
            ("workqueue", vec![(7, 1), (9, 2)], 0),
            ("workqueue", vec![(7, 1)], 1),
            ("workqueue", vec![(7, 1), (8, 1), (9, 2)], 1),
            ("limits", vec![(9, 2)], 0),
        ] {
            let mut s = Script::running();
            s.stream("S", EAST_1, &format!(r#"{{"retention":"{retention}"}}"#));
            s.stream("C", WEST_1, r#"{"sources":[{"name":"S"}]}"#);
            let client = s.client("pub/1", EAST_1);
            s.at(2_000);
            for seq in [1, 2] {
                let msg = s.store(client, 0, "s.1");
                s.acked(msg, seq);
            }
            // The first one is not there any more.
            s.stored(0, 2, client, 2, "s.1");
            s.audited(0);
            for (seq, msg) in &copy {
                s.stored(1, *seq, client, *msg, "s.1");
            }
            s.audited(1);
            s.phase(Phase::Drain);
            let judged = s.judge("sources_exactly_once");
            assert_eq!(judged.findings.broken, broken, "{retention} {copy:?}");
        }
    }

    #[test]
    fn a_copy_catches_up_in_time() {
        const ID: &str = "replay_complete";
        for (ms, last, checked, broken) in [(5_100, 1, 0, 0), (5_300, 2, 1, 0), (5_300, 1, 1, 1)] {
            let (mut s, _) = script(MIRROR);
            s.at(4_000).state(0, 2, 1, 2);
            s.at(5_000).phase(Phase::Heal);
            s.at(ms).state(1, last, 1, last);
            let judged = s.judge(ID);
            assert_eq!((judged.findings.checked, judged.findings.broken), (checked, broken));
        }
    }
}
