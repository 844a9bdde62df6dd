//! C2: what one connection publishes arrives in that order.
//!
//! nats-server's promise (reference: protocol notes 10.1, G2 and G3) is made for a publisher's
//! connection and a subscriber's connection, over all subjects and subscriptions, for as long as
//! the path stays the same. So this looks at the subscriber's whole connection, which covers each
//! of its subscriptions. Messages may be missing; they may not change places.
//!
//! There is one exception: if a route between the two nodes came or went after the older message
//! was published, the two may have travelled by different connections. Such a pair is *excused*.
//! Nothing excuses a change of order within one node, and a new connection of either client is a
//! new story anyway.

use super::outcome::Pen;
use super::scope::Scope;
use super::table::Table;
use super::view::{ConnIx, MsgRef, SubIx, View};
use super::{Checker, Params, Topic, search};

pub(super) struct PublisherOrder {
    scope: Scope,
    /// The newest message of each publishing connection that each receiving one has got.
    newest: Table<(ConnIx, ConnIx), u32>,
}

impl PublisherOrder {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), newest: Table::default() }
    }
}

impl Checker for PublisherOrder {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(delivery) = view.delivery() else { return };
        let (Some(sub), Some(msg)) = (delivery.sub, delivery.msg) else { return };
        // A second copy of an old message is a duplicate, which is another guarantee's business.
        if delivery.again || !self.scope.covers_delivery(view, msg, view.sub(sub)) {
            return;
        }
        let newest = self.newest.entry((view.sub(sub).conn, msg.conn)).or_insert(msg.seq);
        if msg.seq >= *newest {
            *newest = msg.seq;
            pen.held();
        } else if path_changed_since(view, msg, sub) {
            pen.excused();
        } else {
            let newer = MsgRef { conn: msg.conn, seq: *newest };
            let i = pen.i;
            pen.broken(view, || tell(view, i, sub, msg, newer));
        }
    }
}

fn path_changed_since(view: &View<'_>, msg: MsgRef, sub: SubIx) -> bool {
    let (Some(from), Some(to)) = (view.conn(msg.conn).node, view.node_of(view.sub(sub))) else {
        return false;
    };
    view.network.rerouted(from, to).is_some_and(|t| t >= view.publication(msg).t)
}

fn tell(
    view: &View<'_>,
    i: usize,
    ix: SubIx,
    older: MsgRef,
    newer: MsgRef,
) -> (String, Vec<usize>) {
    let history = view.history;
    let sub = view.sub(ix);
    let (older_id, newer_id) = (view.id_of(older), view.id_of(newer));
    let arrived_first =
        search::deliveries(view, i, newer_id).find(|(_, other)| view.sub(*other).conn == sub.conn);
    let mut events = vec![view.publication(older).i, view.publication(newer).i, i];
    events.extend(arrived_first.map(|(at, _)| at));
    let story = format!(
        "{} published message {older_id} before message {newer_id} on one connection; {} got \
            {newer_id} first, although no route between their nodes had changed.",
        history.header.clients[older_id.client.0 as usize].name,
        history.header.clients[sub.client.0 as usize].name,
    );
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::ids::{ClientId, NodeId};

    const ID: &str = "publisher_order";

    fn script(node: NodeId) -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", node);
        s.sub(subscriber, 1, "a", "");
        s.sub(subscriber, 2, "b", "");
        (s, publisher, subscriber)
    }

    #[test]
    fn holds_with_gaps_and_with_several_subscriptions() {
        let (mut s, publisher, subscriber) = script(WEST_1);
        let msgs: Vec<_> = (0..6).map(|_| s.publish(publisher, "a")).collect();
        for at in [0, 1, 3, 5] {
            s.deliver(subscriber, 1, msgs[at]);
        }
        s.judge(ID).held(4);
    }

    #[test]
    fn breaks_if_two_messages_change_places_even_over_two_subscriptions() {
        for second in ["a", "b"] {
            let (mut s, publisher, subscriber) = script(WEST_1);
            let older = s.publish(publisher, "a");
            let newer = s.publish(publisher, second);
            s.at(1_100).deliver(subscriber, if second == "a" { 1 } else { 2 }, newer);
            s.at(1_200).deliver(subscriber, 1, older);
            let judged = s.judge(ID);
            assert!(judged.broke(1_200).starts_with("pub/1 published message 0.1.1 before"));
            assert_eq!(judged.findings.first.as_ref().unwrap().witnesses.len(), 4);
        }
    }

    #[test]
    fn is_excused_if_a_route_changed_on_the_way_but_not_within_one_node() {
        for (node, excused) in [(WEST_1, 1), (EAST_1, 0)] {
            let (mut s, publisher, subscriber) = script(node);
            let older = s.publish(publisher, "a");
            s.at(2_000).routes_down(EAST_1, WEST_1);
            s.at(3_000).routes_up(EAST_1, WEST_1);
            let newer = s.publish(publisher, "a");
            s.at(3_100).deliver(subscriber, 1, newer);
            s.at(3_200).deliver(subscriber, 1, older);
            let judged = s.judge(ID);
            assert_eq!((judged.findings.excused, judged.findings.broken), (excused, 1 - excused));
        }
    }

    #[test]
    fn a_route_that_changed_before_excuses_nothing() {
        let (mut s, publisher, subscriber) = script(WEST_1);
        s.at(2_000).routes_down(EAST_1, WEST_1);
        s.at(3_000).routes_up(EAST_1, WEST_1);
        let older = s.at(3_001).publish(publisher, "a");
        let newer = s.publish(publisher, "a");
        s.deliver(subscriber, 1, newer);
        s.deliver(subscriber, 1, older);
        s.judge(ID).broke(3_001);
    }

    #[test]
    fn two_connections_of_a_publisher_have_no_order_and_nothing_is_not_checked() {
        let (mut s, publisher, subscriber) = script(WEST_1);
        let older = s.publish(publisher, "a");
        s.close(publisher, "reset");
        s.connect(publisher, EAST_1);
        let newer = s.publish(publisher, "a");
        s.deliver(subscriber, 1, newer);
        s.deliver(subscriber, 1, older);
        s.judge(ID).held(2);
        script(WEST_1).0.judge(ID).vacuous();
    }
}
