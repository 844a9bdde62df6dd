//! B1: what is published on a buffered subject is there for everybody who wants it, also if the way
//! was cut when it was published.
//!
//! Owed is a message that its publisher's node has confirmed, to a subscription outside of queue groups
//! that was known everywhere before the trouble began and whose connection has lasted until now. To one
//! that a client made again on the same node after that node had died: what was published while the
//! node was down. Nothing is owed if buffers may forget what they have taken, which is another matter, and
//! while they may still be at work: it is looked at when clients have stopped and everything was healed.
//! What a buffer had no room for was refused, and is owed to nobody.

use super::outcome::Pen;
use super::quiet_delivery::tell_missing;
use super::scope::Scope;
use super::settled::DueMessages;
use super::view::{MsgRef, Sub, SubIx, View};
use super::{Checker, Params, Topic};
use crate::history::{Kind, NodeDownHow, Phase};
use crate::ids::NodeId;
use crate::units::SECOND;

/// A message that was published within this time before its subscriber's node died may have been
/// delivered to a connection that went with it, or be in doubt.
const MARGIN_NS: u64 = 2 * SECOND;

pub(super) struct BufferedDelivery {
    scope: Scope,
    /// In the order in which they were confirmed.
    confirmed: Vec<MsgRef>,
    due: DueMessages,
    /// When the trouble may have begun.
    chaos_t: Option<u64>,
    /// When nodes were down: which, from when, until when.
    down: Vec<(NodeId, u64, Option<u64>)>,
}

impl BufferedDelivery {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            confirmed: Vec::new(),
            due: DueMessages::new(0),
            chaos_t: None,
            down: Vec::new(),
        }
    }

    fn judge(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(chaos_t) = self.chaos_t else { return };
        for msg in &self.confirmed {
            let wanted = view.wanted_by(*msg).filter(|(_, s)| s.queue.is_none() && s.max == 0);
            for (ix, sub) in wanted {
                if self.scope.covers_delivery(view, *msg, sub) {
                    self.judge_one(view, *msg, (ix, sub), chaos_t, pen);
                }
            }
        }
    }

    fn judge_one(
        &self,
        view: &View<'_>,
        msg: MsgRef,
        (ix, sub): (SubIx, &Sub),
        chaos_t: u64,
        pen: &mut Pen<'_>,
    ) {
        let Some(ready_t) = sub.ready_t else { return };
        let client = &view.history.header.clients[sub.client.0 as usize];
        let spread = view.history.header.bounds.interest_ns;
        let sound = sub.unsub.is_none() && !client.slow && !client.no_echo;
        let early = ready_t.saturating_add(spread) <= chaos_t;
        if !sound || !(early || self.was_awaited(view, msg, sub, chaos_t)) {
            return;
        }
        if early && view.publication(msg).t < ready_t.saturating_add(spread) {
            return;
        }
        if view.has_received(ix, msg) {
            pen.held();
        } else if view.may_be_refused(msg) {
            pen.excused();
        } else {
            let although = "although what is published on this subject is kept for those away";
            pen.broken(view, || tell_missing(view, msg, sub, although));
        }
    }

    /// Whether a message was published while the node of a subscription was down whose client has come
    /// back to it. The client must have wanted the same there before the trouble.
    fn was_awaited(&self, view: &View<'_>, msg: MsgRef, sub: &Sub, chaos_t: u64) -> bool {
        let Some(node) = view.node_of(sub) else { return false };
        let spread = view.history.header.bounds.interest_ns;
        let published_t = view.publication(msg).t;
        let mut down = self.down.iter().filter(|(of, ..)| *of == node);
        let (Some((_, from, Some(until))), None) = (down.next(), down.next()) else { return false };
        let same = |other: &Sub| {
            other.client == sub.client
                && other.subject == sub.subject
                && view.node_of(other) == Some(node)
                && other.ready_t.is_some_and(|t| t.saturating_add(spread) <= chaos_t)
                && other.gone_t.is_some_and(|t| t.saturating_add(MARGIN_NS) > *from)
        };
        view.conn(msg.conn).node != Some(node)
            && from.saturating_add(MARGIN_NS) <= published_t
            && published_t < *until
            && view.subs().any(|(_, other)| same(other))
    }
}

impl Checker for BufferedDelivery {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes, Topic::Network, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        if header.buffered.is_empty() || header.buffers_forget {
            return;
        }
        let event = &view.history.events[pen.i];
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of this")]
        match event.kind {
            Kind::PubFlushed { .. } => {
                let Self { due, confirmed, .. } = self;
                due.observe(view, pen.i, |msg| {
                    let subject = view.history.text(view.publication(msg).subject).as_bytes();
                    let mut patterns = header.buffered.iter();
                    if patterns.any(|it| causeway_wire::subject::matches(it.as_bytes(), subject)) {
                        confirmed.push(msg);
                    }
                    false
                });
            }
            Kind::Phase { phase: Phase::Chaos } => self.chaos_t = Some(event.t),
            Kind::Phase { phase: Phase::Drain } => self.judge(view, pen),
            Kind::NodeDown { node, how: NodeDownHow::Killed } => {
                self.down.push((node, event.t, None));
            }
            Kind::NodeUp { node, .. } => {
                let of =
                    self.down.iter_mut().rfind(|(of, _, until)| *of == node && until.is_none());
                if let Some((_, _, until)) = of {
                    *until = Some(event.t);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{NodeDownHow, Phase};
    use crate::ids::{ClientId, MsgId};

    const ID: &str = "buffered_delivery";

    /// What is published on `a` and `a.*` is kept. The subscriber in the west wants it since 1 s, and
    /// trouble begins at 2 s.
    fn script() -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned(), "a.*".to_owned()];
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        s.at(2_000).phase(Phase::Chaos);
        (s, publisher, subscriber)
    }

    /// One message is published while the regions are cut off from each other.
    fn cut() -> (Script, ClientId, MsgId) {
        let (mut s, publisher, subscriber) = script();
        s.at(3_000).partition(true);
        let msg = s.at(4_000).publish(publisher, "a");
        s.flush(publisher);
        s.at(5_000).partition(false);
        (s, subscriber, msg)
    }

    fn drain(s: &mut Script) -> crate::guarantee::Judged {
        s.at(20_000).phase(Phase::Drain);
        s.judge(ID)
    }

    #[test]
    fn it_holds_if_it_comes_by_the_time_that_clients_leave() {
        let (mut s, subscriber, msg) = cut();
        s.at(19_999).deliver(subscriber, 1, msg);
        drain(&mut s).held(1);
    }

    #[test]
    fn it_breaks_if_it_does_not_come() {
        let (mut s, ..) = cut();
        assert_eq!(
            drain(&mut s).broke(20_000),
            "pub/1 at east/1 published message 0.1.1 on `a`, and its node confirmed it. sub/1 at \
                west/1, subscribed to `a`, has not got it in time, although what is published on \
                this subject is kept for those away."
        );
    }

    #[test]
    fn another_message_does_not_stand_for_it() {
        let (mut s, publisher, subscriber) = script();
        let lost = s.at(3_000).publish(publisher, "a");
        let kept = s.publish(publisher, "a");
        s.flush(publisher);
        s.at(4_000).deliver(subscriber, 1, kept);
        let judged = drain(&mut s);
        assert_eq!((judged.findings.checked, judged.findings.broken), (2, 1));
        assert!(judged.broke(20_000).contains(&format!("message {lost} ")));
    }

    #[test]
    fn what_is_not_confirmed_or_not_kept_is_owed_to_nobody() {
        let (mut s, publisher, _) = script();
        s.at(3_000).publish(publisher, "a");
        drain(&mut s).vacuous();

        let (mut s, publisher, subscriber) = script();
        s.sub(subscriber, 2, "b", "");
        s.at(3_000).publish(publisher, "b");
        s.flush(publisher);
        drain(&mut s).vacuous();

        // Without trouble, others look.
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned()];
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        s.at(2_000).publish(publisher, "a");
        s.flush(publisher);
        drain(&mut s).vacuous();
    }

    #[test]
    fn what_is_refused_is_owed_to_nobody_and_all_else_is() {
        let (mut s, publisher, subscriber) = script();
        s.keeps(1);
        s.at(3_000).partition(true);
        let taken = s.at(4_000).publish(publisher, "a");
        s.publish(publisher, "a");
        s.refuse(publisher, "a", (2, 2), "is full, max_msgs 1");
        s.flush(publisher);
        s.at(5_000).partition(false);
        let mut lost = s.clone();
        s.deliver(subscriber, 1, taken);
        let judged = drain(&mut s);
        judged.held(1);
        assert_eq!(judged.findings.excused, 1);
        drain(&mut lost).broke(20_000);
    }

    #[test]
    fn limits_and_no_buffers_promise_nothing() {
        type Change = fn(&mut Script);
        let changes: [Change; 2] =
            [|s| s.history.header.buffers_forget = true, |s| s.history.header.buffered.clear()];
        for change in changes {
            let (mut s, ..) = cut();
            change(&mut s);
            drain(&mut s).vacuous();
        }
    }

    #[test]
    fn nothing_is_owed_for_reasons_of_the_subscription() {
        type Reason = fn(&mut Script, ClientId);
        let reasons: [Reason; 5] = [
            |s, subscriber| s.history.header.clients[subscriber.0 as usize].slow = true,
            |s, subscriber| s.history.header.clients[subscriber.0 as usize].no_echo = true,
            |s, subscriber| s.unsub_sent(subscriber, 1, 5),
            |s, subscriber| s.unsub_sent(subscriber, 1, 0),
            |s, subscriber| s.close(subscriber, "reset"),
        ];
        for reason in reasons {
            let (mut s, subscriber, _) = cut();
            reason(&mut s, subscriber);
            drain(&mut s).vacuous();
        }
    }

    #[test]
    fn groups_and_newcomers_and_limited_ones_are_owed_nothing() {
        for (at, queue, max) in [(1_000, "q", 0), (1_000, "", 3), (1_901, "", 0), (3_000, "", 0)] {
            let mut s = Script::running();
            s.ask(ID);
            s.history.header.buffered = vec!["a".to_owned()];
            let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
            if at < 2_000 {
                s.at(at).sub_sent(subscriber, 1, "a", queue, max);
                s.sub_ready(subscriber, 1);
            }
            s.at(2_000).phase(Phase::Chaos);
            if at > 2_000 {
                s.at(at).sub(subscriber, 1, "a", "");
            }
            s.at(4_000).publish(publisher, "a");
            s.flush(publisher);
            drain(&mut s).vacuous();
        }
    }

    /// The subscriber's node is dead from 5 s to 9 s, its client comes back, and a message was
    /// published at this time on that node or the other.
    fn killed(published: u64, at_other: bool, early: bool) -> (Script, ClientId, MsgId) {
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned()];
        let publisher = s.client("pub/1", EAST_1);
        let neighbour = s.client("near/1", WEST_1);
        let subscriber = s.client("sub/1", WEST_1);
        if early {
            s.sub(subscriber, 1, "a", "");
        }
        s.at(2_000).phase(Phase::Chaos);
        let mut msg = None;
        let from = if at_other { publisher } else { neighbour };
        for (t, step) in [(published, 0), (5_000, 1), (9_000, 2), (9_500, 3)] {
            if step == 0 && published < 5_000 {
                msg = Some(s.at(t).publish(from, "a"));
                s.flush(from);
            }
            if step == 1 {
                s.at(t).node_down(WEST_1, NodeDownHow::Killed);
                s.close(subscriber, "eof");
                if (5_000..9_000).contains(&published) {
                    msg = Some(s.at(published).publish(from, "a"));
                    s.flush(from);
                }
            }
            if step == 2 {
                s.at(t).node_up(WEST_1, 2);
                if published >= 9_000 {
                    msg = Some(s.at(published).publish(from, "a"));
                    s.flush(from);
                }
            }
            if step == 3 {
                s.at(t).connect(subscriber, WEST_1);
                s.sub(subscriber, 1, "a", "");
            }
        }
        (s, subscriber, msg.unwrap())
    }

    #[test]
    fn who_comes_back_to_a_node_that_died_gets_what_was_published_meanwhile() {
        let (mut s, subscriber, msg) = killed(7_000, true, true);
        s.at(10_000).deliver(subscriber, 1, msg);
        drain(&mut s).held(1);

        let (mut s, ..) = killed(7_000, true, true);
        drain(&mut s).broke(20_000);
    }

    #[test]
    fn not_before_it_was_surely_dead_nor_after_nor_from_itself_nor_to_newcomers() {
        for (published, at_other, early) in
            [(6_999, true, true), (9_000, true, true), (8_000, false, true), (8_000, true, false)]
        {
            let (mut s, ..) = killed(published, at_other, early);
            drain(&mut s).vacuous();
        }
    }

    #[test]
    fn a_node_that_died_twice_is_in_doubt() {
        let (mut s, subscriber, _) = killed(7_000, true, true);
        s.at(12_000).node_down(WEST_1, NodeDownHow::Killed);
        s.close(subscriber, "eof");
        s.at(13_000).node_up(WEST_1, 3);
        s.at(13_500).connect(subscriber, WEST_1);
        s.sub(subscriber, 1, "a", "");
        drain(&mut s).vacuous();
    }
}
