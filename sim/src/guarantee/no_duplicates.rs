//! C3: a subscription gets a message at most once.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::{MsgRef, SubIx, View};
use super::{Checker, Params, Topic, search};

pub(super) struct NoDuplicates {
    scope: Scope,
}

impl NoDuplicates {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

impl Checker for NoDuplicates {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(delivery) = view.delivery() else { return };
        let (Some(sub), Some(msg)) = (delivery.sub, delivery.msg) else { return };
        if !self.scope.covers_delivery(view, msg, view.sub(sub)) {
            return;
        }
        if delivery.again {
            let i = pen.i;
            pen.broken(view, || tell(view, i, sub, msg));
        } else {
            pen.held();
        }
    }
}

fn tell(view: &View<'_>, i: usize, ix: SubIx, msg: MsgRef) -> (String, Vec<usize>) {
    let sub = view.sub(ix);
    let id = view.id_of(msg);
    let history = view.history;
    let first = search::deliveries(view, i, id).find(|(_, sub)| *sub == ix);
    let mut events = vec![view.publication(msg).i, sub.i, i];
    events.extend(first.map(|(at, _)| at));
    let story = format!(
        "{} got message {id} twice for its subscription {} to `{}`.",
        history.header.clients[sub.client.0 as usize].name,
        sub.sid.0,
        history.text(sub.subject)
    );
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};

    const ID: &str = "no_duplicates";

    #[test]
    fn holds_if_each_subscription_gets_its_own_copy() {
        let mut s = Script::running();
        let client = s.client("both/1", EAST_1);
        s.sub(client, 1, "a.*", "");
        s.sub(client, 2, "a.>", "");
        for _ in 0..3 {
            let msg = s.publish(client, "a.b");
            s.deliver(client, 1, msg);
            s.deliver(client, 2, msg);
        }
        s.judge(ID).held(6);
    }

    #[test]
    fn breaks_if_a_message_comes_again_also_after_a_route_came_back() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.sub(subscriber, 1, "a", "");
        let msg = s.at(2_000).publish(publisher, "a");
        let first = s.at(2_100).deliver(subscriber, 1, msg);
        s.at(3_000).routes_down(EAST_1, WEST_1);
        s.at(4_000).routes_up(EAST_1, WEST_1);
        s.at(4_001).deliver(subscriber, 1, msg);
        let judged = s.judge(ID);
        assert_eq!(
            judged.broke(4_001),
            "sub/1 got message 0.1.1 twice for its subscription 1 to `a`."
        );
        let witnesses = &judged.findings.first.as_ref().unwrap().witnesses;
        assert!(witnesses.iter().any(|w| w.i == first), "the first copy is shown");
    }

    #[test]
    fn a_new_connection_is_a_new_subscription_and_nothing_delivered_is_nothing_checked() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.sub(subscriber, 1, "a", "");
        let msg = s.publish(publisher, "a");
        s.clone().judge(ID).vacuous();
        s.deliver(subscriber, 1, msg);
        s.at(2_000).close(subscriber, "reset");
        s.connect(subscriber, WEST_1);
        s.sub(subscriber, 1, "a", "");
        s.deliver(subscriber, 1, msg);
        s.judge(ID).held(2);
    }
}
