//! C4: while nothing is wrong, every subscription gets every message that it asks for. What a buffer
//! had no room for is refused, and excused.

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::{DueMessages, delivery_bound_ns, is_quiet, is_settled};
use super::view::{MsgRef, Sub, View};
use super::{Checker, Params, Topic};
use crate::history::Header;

pub(super) struct QuietDelivery {
    scope: Scope,
    due: DueMessages,
}

impl QuietDelivery {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let due = DueMessages::new(bound_ns(params.header, params.within_ns));
        Self { scope: params.scope.clone(), due }
    }
}

/// By when a message must have arrived.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| delivery_bound_ns(header))
}

impl Checker for QuietDelivery {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes]
    }

    fn due(&self) -> Option<u64> {
        self.due.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some((due, msg)) = self.due.next_before(until) {
            if !is_quiet(view, msg) {
                continue;
            }
            // Members of queue groups and subscriptions with a limit have guarantees of their own.
            let plain = view.wanted_by(msg).filter(|(_, s)| s.queue.is_none() && s.max == 0);
            for (ix, sub) in plain {
                if !is_settled(view, msg, sub) || !self.scope.covers_delivery(view, msg, sub) {
                    continue;
                }
                pen.t = due;
                if view.has_received(ix, msg) {
                    pen.held();
                } else if view.may_be_refused(msg) {
                    pen.excused();
                } else {
                    pen.broken(view, || tell_missing(view, msg, sub, "although nothing was wrong"));
                }
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.due.observe(view, pen.i, |_| true);
    }
}

/// The story of a message that a settled subscription did not get in time.
pub(super) fn tell_missing(
    view: &View<'_>,
    msg: MsgRef,
    sub: &Sub,
    although: &str,
) -> (String, Vec<usize>) {
    let history = view.history;
    let header = &history.header;
    let sent = view.publication(msg);
    let id = view.id_of(msg);
    let node = |conn| {
        let node = view.conn(conn).node;
        node.map_or("no node", |node| header.nodes[usize::from(node.0)].name.as_str())
    };
    let story = format!(
        "{} at {} published message {id} on `{}`, and its node confirmed it. {} at {}, \
            subscribed to `{}`, has not got it in time, {although}.",
        header.clients[id.client.0 as usize].name,
        node(msg.conn),
        history.text(sent.subject),
        header.clients[sub.client.0 as usize].name,
        node(sub.conn),
        history.text(sub.subject),
    );
    (story, vec![sent.i, sub.i])
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, NodeDownHow};
    use crate::ids::ClientId;
    use crate::units::MS;

    const ID: &str = "quiet_delivery";

    fn script() -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.at(2_000).sub(subscriber, 1, "a", "");
        (s, publisher, subscriber)
    }

    #[test]
    fn holds_if_it_arrives_at_the_last_moment() {
        let (mut s, publisher, subscriber) = script();
        let msg = s.at(2_100).publish(publisher, "a");
        s.at(2_200).flush(publisher);
        s.at(3_500).deliver(subscriber, 1, msg);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_it_does_not_arrive_or_comes_too_late() {
        for late in [false, true] {
            let (mut s, publisher, subscriber) = script();
            let msg = s.at(2_100).publish(publisher, "a");
            s.at(2_200).flush(publisher);
            if late {
                s.at(3_501).deliver(subscriber, 1, msg);
            }
            let judged = s.judge(ID);
            assert_eq!(
                judged.broke(3_500),
                "pub/1 at east/1 published message 0.1.1 on `a`, and its node confirmed it. \
                    sub/1 at west/1, subscribed to `a`, has not got it in time, although nothing \
                    was wrong."
            );
        }
    }

    #[test]
    fn interest_needs_time_to_spread_but_not_within_one_node() {
        let (mut s, publisher, _) = script();
        s.at(2_099).publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).vacuous();

        let (mut s, ..) = script();
        let local = s.client("local/1", WEST_1);
        s.publish(local, "a");
        s.flush(local);
        s.judge(ID).broke(3_300);
    }

    #[test]
    fn nothing_is_owed_if_something_was_wrong_before_or_since() {
        type Trouble = fn(&mut Script, ClientId);
        let troubles: [Trouble; 6] = [
            |s, _| {
                s.partition(true);
                s.at(3_100).partition(false);
            },
            |s, _| s.routes_down(EAST_2, WEST_1),
            |s, _| s.node_down(EAST_2, NodeDownHow::Killed),
            |s, subscriber| s.close(subscriber, "reset"),
            |s, subscriber| s.unsub_sent(subscriber, 1, 0),
            |s, subscriber| {
                let kind = crate::history::Kind::SlowConsumer {
                    node: WEST_1,
                    client: Some(subscriber),
                    pending: 10,
                    limit: 5,
                };
                s.event(kind);
            },
        ];
        for trouble in troubles {
            let (mut s, publisher, subscriber) = script();
            s.at(3_000).publish(publisher, "a");
            s.flush(publisher);
            s.at(3_050);
            trouble(&mut s, subscriber);
            s.at(3_200);
            s.judge(ID).vacuous();
        }
    }

    #[test]
    fn it_is_quiet_again_when_the_routes_are_back_and_interest_has_spread() {
        let (mut s, publisher, _) = script();
        s.routes_down(EAST_1, WEST_1);
        s.at(3_000).routes_up(EAST_1, WEST_1);
        s.at(3_099).publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).vacuous();

        let (mut s, publisher, _) = script();
        s.routes_down(EAST_1, WEST_1);
        s.at(3_000).routes_up(EAST_1, WEST_1);
        s.at(3_100).publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).broke(4_400);
    }

    #[test]
    fn a_connection_that_a_fault_has_left_dead_is_in_doubt_until_nodes_have_noticed() {
        // As long as routes may take to come back: two seconds.
        for (kind, lasts) in [(FaultKind::Blackhole, true), (FaultKind::Rebind, false)] {
            let judged = |published: u64| {
                let (mut s, publisher, _) = script();
                let pairs = vec![(EAST_1, WEST_1)];
                s.at(3_000).fault(kind, true, Vec::new(), pairs.clone());
                if lasts {
                    s.fault(kind, false, Vec::new(), pairs);
                }
                s.at(published).publish(publisher, "a");
                s.flush(publisher);
                s.judge(ID)
            };
            judged(5_099).vacuous();
            judged(5_100).broke(6_400);
        }
    }

    #[test]
    fn a_message_that_was_never_flushed_is_owed_to_nobody() {
        let (mut s, publisher, _) = script();
        s.at(3_000).publish(publisher, "a");
        s.judge(ID).vacuous();
    }

    #[test]
    fn the_scenario_sets_another_bound() {
        let (mut s, publisher, subscriber) = script();
        let ask = s.ask(ID);
        ask.within_ns = Some(crate::units::SECOND / 10);
        let msg = s.at(3_000).publish(publisher, "a");
        s.flush(publisher);
        s.at(3_101).deliver(subscriber, 1, msg);
        let judged = s.judge(ID);
        judged.broke(3_100);
        assert_eq!(judged.bound_ns, Some(crate::units::SECOND / 10));
    }

    /// Publishes at 1 s, 3 s and 5 s after the fault's end at 4 s, with new routes or the old ones.
    fn after(kind: FaultKind, new_routes: bool) -> Script {
        let (mut s, publisher, _) = script();
        let pairs = || vec![(EAST_1, WEST_1), (WEST_1, EAST_1)];
        s.at(3_200).fault(kind, true, Vec::new(), pairs());
        s.at(4_000).fault(kind, false, Vec::new(), pairs());
        if new_routes {
            s.at(4_100).routes_down(EAST_1, WEST_1);
            s.routes_up(EAST_1, WEST_1);
        }
        for ms in [5_000, 7_000, 9_000] {
            s.at(ms).publish(publisher, "a");
            s.flush(publisher);
        }
        s
    }

    #[test]
    fn routes_that_outlived_a_cut_are_in_doubt_for_a_while_and_new_ones_are_not() {
        for (kind, new_routes, broken, first) in [
            // Routes must be back within 2 s.
            (FaultKind::Blackhole, false, 2, 8_300),
            (FaultKind::Blackhole, true, 3, 6_300),
            // What has waited for 0.8 s may wait for as long again, 0.2 s and a round trip.
            (FaultKind::Partition, false, 2, 8_300),
            (FaultKind::Partition, true, 3, 6_300),
            // Nothing waits.
            (FaultKind::Refuse, false, 3, 6_300),
        ] {
            let judged = after(kind, new_routes).judge(ID);
            let case = format!("{kind:?}, new routes: {new_routes}");
            assert_eq!(judged.findings.broken, broken, "{case}");
            assert_eq!(judged.findings.first.unwrap().t, first * MS, "{case}");
        }
    }

    #[test]
    fn an_account_with_connections_of_its_own_needs_them() {
        for (lanes, broken) in [(true, 1), (false, 0)] {
            let (mut s, publisher, _) = script();
            s.lanes_up(EAST_1, WEST_1, "$G");
            if !lanes {
                s.lanes_down(EAST_1, WEST_1);
            }
            s.at(3_000).publish(publisher, "a");
            s.flush(publisher);
            assert_eq!(s.judge(ID).findings.broken, broken, "lanes: {lanes}");
        }
    }
}
