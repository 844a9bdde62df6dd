//! B3: while a node is given what was kept for it, what is not kept passes as if nothing was.
//!
//! Looked at are messages on other subjects, published at the same node for the same one while a
//! replay is under way between the two. They are due a round trip and 100 ms after they were
//! confirmed. How wide the way is, nobody can know before the first answers come: what was published
//! before all has left that is sent unasked may wait for that as well.

use std::collections::BTreeSet;

use causeway_core::limits;

use super::arrears::Arrears;
use super::outcome::{Pen, Took};
use super::quiet_delivery::tell_missing;
use super::replays::{Replays, TOPICS, is_kept};
use super::scope::Scope;
use super::settled::DueMessages;
use super::view::{MsgRef, SubIx, View};
use super::{Checker, Params, Topic};
use crate::ids::NodeId;

pub(super) struct ReplayInBackground {
    scope: Scope,
    replays: Replays,
    arrears: Arrears,
    rtt_ns: u64,
    flushes: DueMessages,
    waiting: BTreeSet<Waiting>,
}

/// A message on its way beside a replay.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Waiting {
    due: u64,
    msg: MsgRef,
    sub: SubIx,
    bound_ns: u64,
    between: (NodeId, NodeId),
    /// When the link was whole.
    since: u64,
}

impl ReplayInBackground {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            replays: Replays::new(params),
            arrears: Arrears::new(params.header, params.within_ns),
            rtt_ns: params.header.bounds.rtt_max_ns,
            flushes: DueMessages::new(0),
            waiting: BTreeSet::new(),
        }
    }

    /// Messages that were confirmed while a replay is under way.
    fn flushed(&mut self, view: &View<'_>, i: usize) {
        let mut confirmed = Vec::new();
        self.flushes.observe(view, i, |msg| {
            confirmed.push(msg);
            false
        });
        if self.replays.under_way().is_empty() {
            return;
        }
        for msg in confirmed.into_iter().filter(|msg| !is_kept(view, *msg)) {
            for (ix, sub) in view.wanted_by(msg) {
                let ends = view.conn(msg.conn).node.zip(view.node_of(sub));
                if let Some(between) = ends
                    && self.scope.covers_delivery(view, msg, sub)
                    && self.replays.is_owed(view, msg, sub)
                    && !view.has_received(ix, msg)
                {
                    self.wait(view, view.history.events[i].t, (msg, ix), between);
                }
            }
        }
    }

    fn wait(
        &mut self,
        view: &View<'_>,
        t: u64,
        (msg, sub): (MsgRef, SubIx),
        between: (NodeId, NodeId),
    ) {
        let region = |node| view.network.region_of(node);
        let way = (region(between.0), region(between.1));
        let all = self.replays.under_way();
        let Some(replay) = all.iter().find(|it| (it.from, it.to) == between) else { return };
        let beside = all.iter().filter(|it| (region(it.from), region(it.to)) == way).count() as u64;
        // Interest has been told anew.
        let published_t = view.publication(msg).t;
        if published_t < replay.since.saturating_add(self.rtt_ns) {
            return;
        }
        let first = self.arrears.takes_ns(beside * limits::BUFFER_WINDOW_FIRST_BYTES);
        let at_first = published_t < replay.since.saturating_add(self.rtt_ns + first);
        let bound_ns = self.arrears.bound_ns(0).saturating_add(if at_first { first } else { 0 });
        let since = replay.since;
        let due = t.saturating_add(bound_ns);
        self.waiting.insert(Waiting { due, msg, sub, bound_ns, between, since });
    }

    /// A message has arrived that was waited for.
    fn arrived(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some((sub, msg)) = view.delivery().and_then(|it| it.sub.zip(it.msg)) else { return };
        let found = self.waiting.iter().find(|it| (it.msg, it.sub) == (msg, sub)).copied();
        if let Some(waiting) = found {
            self.waiting.remove(&waiting);
            let left_ns = waiting.due.saturating_sub(pen.t);
            let (took_ns, bound_ns) = (waiting.bound_ns - left_ns, waiting.bound_ns);
            pen.held_in(Took { took_ns, bound_ns });
        }
    }
}

impl Checker for ReplayInBackground {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn due(&self) -> Option<u64> {
        let replays = self.replays.next_due();
        self.waiting.first().map(|it| it.due).into_iter().chain(replays).min()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        // One that is late is the matter of another guarantee.
        drop(self.replays.late(view, until));
        while let Some(waiting) = self.waiting.first().copied().filter(|it| it.due < until) {
            self.waiting.remove(&waiting);
            let sub = view.sub(waiting.sub);
            let (from, to) = waiting.between;
            let whole = view.network.calm_since(from, to) == Some(waiting.since);
            let free = sub.gone_t.is_none() && view.access_was_free(view.conn(sub.conn));
            if whole && free {
                pen.t = waiting.due;
                let although = "although only what was kept for that node is before it";
                pen.broken(view, || tell_missing(view, waiting.msg, sub, although));
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if !self.waiting.is_empty() {
            self.arrived(view, pen);
        }
        let _ended = self.replays.observe(view, pen.i);
        self.flushed(view, pen.i);
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::Phase;
    use crate::ids::ClientId;
    use crate::units::MS;

    const ID: &str = "replay_in_background";

    /// On `a` something is kept for the west, more than 100 ms of it; the link is whole at 6 s. On `b`
    /// messages are published beside it.
    fn script() -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned()];
        // Ten bytes in a second: the replay may take for ever, and so may its beginning.
        s.history.header.window = 1;
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        s.sub(subscriber, 2, "b", "");
        s.at(1_500).phase(Phase::Chaos);
        s.at(2_000).partition(true);
        s.routes_down(EAST_1, WEST_1);
        s.at(3_000).publish(publisher, "a");
        s.flush(publisher);
        s.at(4_000).partition(false);
        s.at(6_000).routes_up(EAST_1, WEST_1);
        (s, publisher, subscriber)
    }

    /// What is published at `t` arrives after so long.
    fn judged(t: u64, after: Option<u64>) -> crate::guarantee::Judged {
        let (mut s, publisher, subscriber) = script();
        let at = s.at(t);
        let msg = at.publish(publisher, "b");
        s.flush(publisher);
        if let Some(after) = after {
            s.at(t + after).deliver(subscriber, 2, msg);
        }
        s.judge(ID)
    }

    #[test]
    fn it_counts_when_interest_has_been_told_again() {
        judged(6_099, Some(10)).vacuous();
        let first = judged(6_100, Some(10));
        first.held(1);
        assert_eq!(first.findings.closest.unwrap().took_ns, 10 * MS);
    }

    #[test]
    fn it_breaks_if_something_is_held_up() {
        let (mut s, publisher, subscriber) = script();
        // A whole window in every round trip: nothing to speak of at the beginning.
        s.history.header.window = 1 << 40;
        let msg = s.at(6_101).publish(publisher, "b");
        s.flush(publisher);
        s.at(6_301).deliver(subscriber, 2, msg);
        s.judge(ID).held(1);
        for late in [true, false] {
            let (mut s, publisher, subscriber) = script();
            s.history.header.window = 1 << 40;
            let msg = s.at(6_101).publish(publisher, "b");
            s.flush(publisher);
            if late {
                s.at(6_302).deliver(subscriber, 2, msg);
            }
            let story = s.judge(ID);
            assert!(story.broke(6_301).contains("only what was kept"));
        }
    }

    #[test]
    fn without_a_replay_or_on_a_kept_subject_nothing_is_said() {
        let (mut s, publisher, _) = script();
        s.at(6_200).publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).vacuous();

        let (mut s, publisher, subscriber) = script();
        let first = crate::ids::MsgId { client: publisher, conn: s.conn(publisher), seq: 1 };
        s.at(6_050).deliver(subscriber, 1, first);
        s.at(6_200).publish(publisher, "b");
        s.flush(publisher);
        s.judge(ID).vacuous();
    }

    #[test]
    fn nothing_is_said_when_the_link_is_disturbed_again() {
        let (mut s, publisher, _) = script();
        s.at(6_200).publish(publisher, "b");
        s.flush(publisher);
        s.at(6_250).routes_down(EAST_1, WEST_1);
        s.judge(ID).vacuous();
    }
}
