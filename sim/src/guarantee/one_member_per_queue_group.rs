//! C5: of a queue group, one member gets a message: never two, and one if nothing is wrong.
//!
//! A group is all members with one queue name in the whole cluster, whatever subjects they
//! subscribed to (confirmed with nats-server).

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::{DueMessages, delivery_bound_ns, is_quiet, settled_groups};
use super::view::{MsgRef, Sub, SubIx, View};
use super::{Checker, Params, Topic, search};
use crate::history::{Header, Sym};

pub(super) struct OneMemberPerQueueGroup {
    scope: Scope,
    due: DueMessages,
}

impl OneMemberPerQueueGroup {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let due = DueMessages::new(bound_ns(params.header, params.within_ns));
        Self { scope: params.scope.clone(), due }
    }
}

/// By when one member must have a message in a quiet period.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| delivery_bound_ns(header))
}

impl Checker for OneMemberPerQueueGroup {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries, Topic::Flushes]
    }

    fn due(&self) -> Option<u64> {
        self.due.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some((due, msg)) = self.due.next_before(until) {
            if !is_quiet(view, msg) {
                continue;
            }
            // A member that stands behind what is never lifted may be picked until its node is known to
            // be lost.
            for queue in settled_groups(view, msg, |sub| has_a_calm_way(view, msg, sub)) {
                if !self.covers_group(view, msg, queue) {
                    continue;
                }
                pen.t = due;
                if view.taker(queue, msg).is_some() {
                    pen.held();
                } else if view.may_be_refused(msg) {
                    pen.excused();
                } else {
                    pen.broken(view, || tell_none(view, msg, queue));
                }
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.due.observe(view, pen.i, |_| true);
        let Some(delivery) = view.delivery() else { return };
        let (Some(sub), Some(msg)) = (delivery.sub, delivery.msg) else { return };
        let state = view.sub(sub);
        if state.queue.is_none() || !self.scope.covers_delivery(view, msg, state) {
            return;
        }
        match delivery.rival {
            None => pen.held(),
            Some(rival) => {
                let i = pen.i;
                pen.broken(view, || tell_two(view, i, msg, rival, sub));
            }
        }
    }
}

impl OneMemberPerQueueGroup {
    fn covers_group(&self, view: &View<'_>, msg: MsgRef, queue: Sym) -> bool {
        view.wanted_by(msg)
            .filter(|(_, sub)| sub.queue == queue)
            .all(|(_, sub)| self.scope.covers_delivery(view, msg, sub))
    }
}

/// Whether the publisher's node has long reached the member's undisturbed, or both are healed in the end.
fn has_a_calm_way(view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
    let interest_ns = view.history.header.bounds.interest_ns;
    let nodes = view.conn(msg.conn).node.zip(view.node_of(sub));
    nodes.is_some_and(|(from, to)| {
        let core = view.network.is_core(from) && view.network.is_core(to);
        let heard = |t: u64| t.saturating_add(interest_ns) <= view.publication(msg).t;
        core || view.network.calm_since(from, to).is_some_and(heard)
    })
}

fn tell_two(
    view: &View<'_>,
    i: usize,
    msg: MsgRef,
    first: SubIx,
    second: SubIx,
) -> (String, Vec<usize>) {
    let history = view.history;
    let id = view.id_of(msg);
    let name = |sub: SubIx| &history.header.clients[view.sub(sub).client.0 as usize].name;
    let before = search::deliveries(view, i, id).find(|(_, sub)| *sub == first);
    let mut events = vec![view.publication(msg).i, view.sub(first).i, view.sub(second).i, i];
    events.extend(before.map(|(at, _)| at));
    let story = format!(
        "Message {id} went to two members of the queue group `{}`: {} and {}.",
        history.text(view.sub(second).queue),
        name(first),
        name(second)
    );
    (story, events)
}

fn tell_none(view: &View<'_>, msg: MsgRef, queue: Sym) -> (String, Vec<usize>) {
    let history = view.history;
    let members: Vec<usize> =
        view.wanted_by(msg).filter(|(_, sub)| sub.queue == queue).map(|(_, sub)| sub.i).collect();
    let story = format!(
        "Message {} on `{}` went to no member of the queue group `{}`, although nothing was \
            wrong and the group had {} of them.",
        view.id_of(msg),
        history.text(view.publication(msg).subject),
        history.text(queue),
        members.len()
    );
    let mut events = vec![view.publication(msg).i];
    events.extend(members);
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST, WEST_1};
    use crate::ids::ClientId;

    const ID: &str = "one_member_per_queue_group";

    /// A publisher, and a member in each region, on different subjects.
    fn script() -> (Script, ClientId, [ClientId; 2]) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let members = [s.client("east/1", EAST_1), s.client("west/1", WEST_1)];
        s.at(2_000).sub(members[0], 1, "job.*", "q");
        s.sub(members[1], 1, "job.a", "q");
        s.at(3_000);
        (s, publisher, members)
    }

    #[test]
    fn holds_if_one_gets_it() {
        let (mut s, publisher, members) = script();
        for member in members {
            let msg = s.publish(publisher, "job.a");
            s.deliver(member, 1, msg);
        }
        s.flush(publisher);
        // Each is checked as it arrives, and again when it was due.
        s.judge(ID).held(4);
    }

    #[test]
    fn breaks_if_two_get_it_even_in_a_partition() {
        let (mut s, publisher, members) = script();
        s.partition(true);
        let msg = s.at(4_000).publish(publisher, "job.a");
        s.deliver(members[0], 1, msg);
        s.at(5_000).deliver(members[1], 1, msg);
        let judged = s.judge(ID);
        assert!(judged.broke(5_000).ends_with("group `q`: east/1 and west/1."));
    }

    #[test]
    fn breaks_if_none_gets_it_while_nothing_is_wrong() {
        let (mut s, publisher, _) = script();
        s.publish(publisher, "job.a");
        s.at(3_010).flush(publisher);
        assert!(s.judge(ID).broke(4_310).contains("went to no member"));
    }

    #[test]
    fn nobody_is_owed_anything_when_a_member_leaves_or_a_fault_is_on() {
        let (mut s, publisher, members) = script();
        s.publish(publisher, "job.a");
        s.flush(publisher);
        s.at(3_500).unsub_sent(members[1], 1, 0);
        s.judge(ID).vacuous();

        let (mut s, publisher, _) = script();
        s.partition(true);
        s.at(4_000).publish(publisher, "job.a");
        s.flush(publisher);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_member_whose_node_cannot_know_that_it_left_may_still_be_picked() {
        for (cut_off, broken) in [(true, 0), (false, 1)] {
            let (mut s, publisher, members) = script();
            if cut_off {
                s.cut_off(true, WEST, WEST_1);
                s.cut_off(false, WEST, WEST_1);
            }
            s.at(3_100).close(members[1], "ping timeout");
            s.at(9_000).publish(publisher, "job.a");
            s.flush(publisher);
            assert_eq!(s.judge(ID).findings.broken, broken, "cut off: {cut_off}");
        }
    }

    #[test]
    fn a_copy_of_the_same_member_is_a_duplicate_and_not_a_second_member() {
        let (mut s, publisher, members) = script();
        let msg = s.publish(publisher, "job.a");
        s.deliver(members[0], 1, msg);
        s.deliver(members[0], 1, msg);
        s.judge(ID).held(2);
    }
}
