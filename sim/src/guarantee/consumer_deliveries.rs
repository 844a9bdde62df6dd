//! K1, K2, K3: what a consumer gives out again, and how it counts.
//!
//! Three guarantees look at deliveries: `no_redelivery_after_double_ack`, `max_deliver` and `ack_floor`.

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Ack};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{ConsumerState, Kind, StreamEvent};
use crate::ids::ConsumerNo;
use crate::units::SECOND;

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    AfterAck,
    Times,
    Floor,
}

pub(super) struct ConsumerDeliveries {
    scope: Scope,
    what: What,
    rtt_ns: u64,
    /// The floor that each consumer has said last.
    floors: Vec<(u64, usize)>,
}

impl ConsumerDeliveries {
    fn new(params: &Params<'_>, what: What) -> Self {
        Self {
            scope: params.scope.clone(),
            what,
            rtt_ns: params.header.bounds.rtt_max_ns,
            floors: vec![(0, 0); params.header.consumers.len()],
        }
    }

    pub(super) fn after_ack(params: &Params<'_>) -> Self {
        Self::new(params, What::AfterAck)
    }

    pub(super) fn times(params: &Params<'_>) -> Self {
        Self::new(params, What::Times)
    }

    pub(super) fn floor(params: &Params<'_>) -> Self {
        Self::new(params, What::Floor)
    }

    /// What was confirmed to be acknowledged does not come again. What was under way then may.
    fn not_again(&self, view: &View<'_>, no: ConsumerNo, seq: u64, pen: &mut Pen<'_>) {
        let consumer = view.streams.consumer(no);
        let Some(given) = consumer.given.get(&seq) else { return };
        let Some((confirmed_i, confirmed_t)) = given.confirmed else { return pen.held() };
        let settled_t = given.settled.map_or(confirmed_t, |(_, t)| t);
        let forgets = view.streams.consumer_may_forget(no, (settled_t, confirmed_t));
        if pen.t <= confirmed_t + self.rtt_ns + SECOND || forgets {
            return pen.excused();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let story = format!(
                "Consumer {name} gave out sequence {seq} again, which it had confirmed to be \
                    acknowledged."
            );
            (story, vec![given.first_i, confirmed_i, i])
        });
    }

    fn restarted(&self, view: &View<'_>, no: ConsumerNo, since: u64) -> bool {
        let node = view.streams.stream(view.streams.consumer(no).stream).node;
        view.streams.machine(node).down.iter().any(|t| *t >= since)
    }

    /// No message is delivered more often than it may. What a crash has kept from being noted may come
    /// once more, but is never counted beyond the limit.
    fn not_too_often(
        &self,
        view: &View<'_>,
        no: ConsumerNo,
        (seq, times): (u64, u64),
        pen: &mut Pen<'_>,
    ) {
        let consumer = view.streams.consumer(no);
        let Some(most) = consumer.rules.max_deliver else { return };
        let Some(given) = consumer.given.get(&seq) else { return };
        let seen_too_often = given.seen > most && !self.restarted(view, no, 0);
        if times <= most && !seen_too_often {
            return pen.held();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let story = format!(
                "Consumer {name} gave out sequence {seq} for the {times}. time, the {}. that \
                    anybody has seen, and may do so {most} times.",
                given.seen
            );
            (story, vec![given.first_i, i])
        });
    }

    /// What a consumer says about itself agrees with what was seen.
    fn floor_holds(&mut self, view: &View<'_>, state: ConsumerState, pen: &mut Pen<'_>) {
        let no = state.consumer;
        let consumer = view.streams.consumer(no);
        let known = &mut self.floors[usize::from(no.0)];
        let (before, at) = *known;
        *known = (state.floor, pen.i);
        let last = view.streams.last_known(consumer.stream);
        let open = consumer.given.range(..=state.floor_stream).find(|(_, given)| {
            let spent = consumer.rules.max_deliver.is_some_and(|most| given.times >= most);
            consumer.rules.ack == Ack::Explicit && given.settled.is_none() && !spent
        });
        let wrong = if state.floor > state.delivered || state.floor_stream > state.delivered_stream
        {
            Some("has acknowledged more than it has delivered".to_owned())
        } else if state.delivered_stream > last {
            Some(format!("has delivered more than there is: the last sequence is {last}"))
        } else if state.floor < before && !view.streams.may_have_forgotten(consumer.stream) {
            Some(format!("had acknowledged up to {before} before"))
        } else {
            open.map(|(seq, _)| {
                format!("has skipped sequence {seq}, which nobody has acknowledged")
            })
        };
        let Some(wrong) = wrong else { return pen.held() };
        // What a consumer says of itself need not be noted yet.
        let said_t = view.history.events[at].t;
        let node = view.streams.stream(consumer.stream).node;
        let mut down = view.streams.machine(node).down.iter();
        let died_then = down.any(|t| (said_t..=said_t + SECOND).contains(t));
        if view.streams.may_have_forgotten(consumer.stream) || state.floor < before && died_then {
            return pen.excused();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let story = format!(
                "Consumer {name} says it has delivered up to {} (sequence {}) and acknowledged up \
                    to {} (sequence {}), but it {wrong}.",
                state.delivered, state.delivered_stream, state.floor, state.floor_stream
            );
            let mut events = vec![at, i];
            events.extend(open.map(|(_, given)| given.first_i));
            (story, events)
        });
    }
}

impl Checker for ConsumerDeliveries {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Kind::Stream(event) = &view.history.events[pen.i].kind else { return };
        let Some(no) = event.consumer() else { return };
        if !self.scope.covers_stream(view, view.streams.consumer(no).stream) {
            return;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "only what is given out counts")]
        match (**event).clone() {
            StreamEvent::Given { seq, times, .. } => match self.what {
                What::AfterAck => self.not_again(view, no, seq, pen),
                What::Times => self.not_too_often(view, no, (seq, times), pen),
                What::Floor => {}
            },
            StreamEvent::ConsumerState(state) if self.what == What::Floor => {
                self.floor_holds(view, state, pen);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{Answered, ConsumerState, NodeDownHow};
    use crate::ids::ClientId;

    fn script(config: &str) -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        s.consumer("w", 0, config);
        let client = s.client("work/1", EAST_1);
        s.at(2_000);
        (s, client)
    }

    const EXPLICIT: &str = r#"{"ack_policy":"explicit","max_deliver":2}"#;

    #[test]
    fn what_is_confirmed_does_not_come_again() {
        const ID: &str = "no_redelivery_after_double_ack";
        for (ms, broken) in [(2_900, 0), (9_000, 1)] {
            let (mut s, client) = script(EXPLICIT);
            s.given(client, 0, 4, 1);
            s.answered(client, 0, 4, Answered::AckAndWait);
            s.confirmed(client, 0, 4);
            s.at(ms).given(client, 0, 4, 2);
            assert_eq!(s.judge(ID).findings.broken, broken, "{ms}");
        }
        let (mut s, client) = script(EXPLICIT);
        s.given(client, 0, 4, 1);
        s.answered(client, 0, 4, Answered::Ack);
        s.at(9_000).given(client, 0, 4, 2);
        s.judge(ID).held(2);
    }

    #[test]
    fn nothing_comes_more_often_than_it_may() {
        const ID: &str = "max_deliver";
        let (mut s, client) = script(EXPLICIT);
        for times in [1, 2] {
            s.given(client, 0, 4, times);
        }
        s.clone().judge(ID).held(2);
        s.clone().at(3_000).given(client, 0, 4, 3);
        let mut counted = s.clone();
        counted.at(3_000).given(client, 0, 4, 3);
        counted.judge(ID).broke(3_000);
        // Forgetting to count is no excuse, unless the process has died meanwhile.
        let mut uncounted = s.clone();
        uncounted.at(3_000).given(client, 0, 4, 2);
        uncounted.judge(ID).broke(3_000);
        s.node_down(EAST_1, NodeDownHow::Killed);
        s.at(3_000).given(client, 0, 4, 2);
        s.judge(ID).held(3);
    }

    #[test]
    fn a_floor_has_no_holes_below() {
        const ID: &str = "ack_floor";
        let state = |floor, floor_stream| ConsumerState {
            delivered: 3,
            delivered_stream: 6,
            floor,
            floor_stream,
            ..ConsumerState::default()
        };
        for (states, broken) in [
            (vec![state(1, 4)], 0),
            (vec![state(2, 5)], 1),
            (vec![state(4, 4)], 1),
            (vec![state(1, 7)], 1),
            (vec![state(1, 4), state(0, 0)], 1),
        ] {
            let (mut s, client) = script(EXPLICIT);
            for seq in [4, 5, 6] {
                s.given(client, 0, seq, 1);
            }
            s.answered(client, 0, 4, Answered::Ack);
            s.answered(client, 0, 6, Answered::Term);
            for state in &states {
                s.consumer_state(*state);
            }
            assert_eq!(s.judge(ID).findings.broken, broken, "{states:?}");
        }
    }
}
