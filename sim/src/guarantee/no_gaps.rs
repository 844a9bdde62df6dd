//! C18: a client that is behind misses nothing in between.
//!
//! Whoever reads slowly may be cut off, and loses with its connection what waited for it. But as
//! long as it has the connection, nothing is left out: when a message of a publisher arrives, all
//! that the same connection published before has arrived, as far as the subscription asks for it,
//! had been known, and the path has been the same since. nats-server makes the producer wait
//! instead (`no_fast_producer_stall` says otherwise, and such nodes are not judged).
//!
//! Clients that read as it comes are the business of `quiet_delivery`, which knows when a message is
//! due at them.

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::is_reached;
use super::subject::reaches;
use super::table::Table;
use super::view::{ConnIx, MsgRef, SubIx, View};
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Kind};

pub(super) struct NoGaps {
    scope: Scope,
    /// The newest message of each publishing connection that each subscription has got.
    newest: Table<(SubIx, ConnIx), u32>,
    /// Some configuration has changed: a node may leave messages out now.
    changed: bool,
}

impl NoGaps {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), newest: Table::default(), changed: false }
    }

    fn arrived(&mut self, view: &View<'_>, ix: SubIx, msg: MsgRef, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let sub = view.sub(ix);
        let node = view.node_of(sub);
        let leaves_out = node.is_some_and(|n| header.nodes[usize::from(n.0)].limits.drops);
        let counts = sub.queue.is_none() && sub.max == 0 && sub.unsub.is_none();
        if !header.clients[sub.client.0 as usize].slow || !counts || leaves_out || self.changed {
            return;
        }
        let newest = self.newest.entry((ix, msg.conn)).or_insert(0);
        let before = *newest;
        *newest = before.max(msg.seq);
        let wanted = view.history.text(sub.subject);
        let missing =
            (before + 1..msg.seq).map(|seq| MsgRef { conn: msg.conn, seq }).find(|older| {
                let subject = view.history.text(view.publication(*older).subject);
                reaches(subject, wanted)
                    && is_reached(view, *older, sub)
                    && !view.has_received(ix, *older)
                    && !view.may_be_refused(*older)
            });
        let Some(missing) = missing else {
            pen.held();
            return;
        };
        let i = pen.i;
        pen.broken(view, || {
            let story = format!(
                "{} got message {} and not message {}, which was published before on the same \
                    connection; it had not lost its own.",
                header.clients[sub.client.0 as usize].name,
                view.id_of(msg),
                view.id_of(missing)
            );
            (story, vec![view.publication(missing).i, view.publication(msg).i, i])
        });
    }
}

impl Checker for NoGaps {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries, Topic::Network]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if let Kind::Fault(fault) = &view.history.events[pen.i].kind {
            self.changed |= fault.kind == FaultKind::Reload;
            return;
        }
        let Some(delivery) = view.delivery() else { return };
        let (Some(sub), Some(msg)) = (delivery.sub, delivery.msg) else { return };
        if !delivery.again && self.scope.covers_delivery(view, msg, view.sub(sub)) {
            self.arrived(view, sub, msg, pen);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::ids::{ClientId, MsgId};

    const ID: &str = "no_gaps";

    /// A slow subscriber, and three messages of which only the second is not for it.
    fn script(change: impl FnOnce(&mut Script)) -> (Script, ClientId, [MsgId; 3]) {
        let mut s = Script::running();
        change(&mut s);
        let publisher = s.client("pub/1", EAST_1);
        let slow = s.client_with("slow/1", EAST_1, |info| info.slow = true);
        s.sub(slow, 1, "a", "");
        s.at(2_000);
        let msgs = ["a", "b", "a"].map(|subject| s.publish(publisher, subject));
        (s, slow, msgs)
    }

    #[test]
    fn holds_if_it_gets_all_that_it_asked_for_however_late() {
        let (mut s, slow, msgs) = script(|_| {});
        s.at(50_000).deliver(slow, 1, msgs[0]);
        s.at(90_000).deliver(slow, 1, msgs[2]);
        s.judge(ID).held(2);
    }

    #[test]
    fn holds_if_nothing_comes_any_more() {
        let (mut s, slow, msgs) = script(|_| {});
        s.deliver(slow, 1, msgs[0]);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_one_in_between_is_missing() {
        let (mut s, slow, msgs) = script(|_| {});
        s.at(2_100).deliver(slow, 1, msgs[2]);
        assert!(
            s.judge(ID).broke(2_100).starts_with("slow/1 got message 0.1.3 and not message 0.1.1")
        );
    }

    #[test]
    fn a_node_that_is_to_leave_messages_out_is_not_judged() {
        let (mut s, slow, msgs) = script(|s| s.node(EAST_1, |node| node.limits.drops = true));
        s.deliver(slow, 1, msgs[2]);
        s.judge(ID).vacuous();
    }
}
