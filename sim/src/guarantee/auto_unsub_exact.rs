//! C9: UNSUB means what it says: no message more, and (while nothing is wrong) none less.
//!
//! Deliveries that were under way when UNSUB was sent may still arrive; the PONG after it draws the
//! line. A limit that was sent together with SUB holds from the first message.

use super::outcome::Pen;
use super::quiet_delivery::tell_missing;
use super::scope::Scope;
use super::settled::{DueMessages, delivery_bound_ns, is_quiet, is_settled};
use super::view::{Sub, SubIx, View};
use super::{Checker, Params, Topic};
use crate::history::Header;

pub(super) struct AutoUnsubExact {
    scope: Scope,
    due: DueMessages,
}

impl AutoUnsubExact {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let due = DueMessages::new(bound_ns(params.header, params.within_ns));
        Self { scope: params.scope.clone(), due }
    }
}

/// By when a message that is still within the limit must have arrived.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| delivery_bound_ns(header))
}

impl Checker for AutoUnsubExact {
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
            // They are live, so the limit is not reached and the message was not one too many.
            let limited = view.wanted_by(msg).filter(|(_, s)| s.queue.is_none() && s.max > 0);
            for (ix, sub) in limited {
                if !is_settled(view, msg, sub) || !self.scope.covers_delivery(view, msg, sub) {
                    continue;
                }
                pen.t = due;
                if view.has_received(ix, msg) {
                    pen.held();
                } else if view.may_be_refused(msg) {
                    pen.excused();
                } else {
                    pen.broken(view, || {
                        tell_missing(view, msg, sub, "although its limit was not reached")
                    });
                }
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.due.observe(view, pen.i, |_| true);
        let Some(ix) = view.delivery().and_then(|delivery| delivery.sub) else { return };
        let sub = view.sub(ix);
        if (sub.max == 0 && sub.unsub.is_none()) || !self.scope.covers_client(view, sub.client) {
            return;
        }
        if is_one_too_many(sub) {
            let i = pen.i;
            pen.broken(view, || tell(view, i, ix));
        } else {
            pen.held();
        }
    }
}

/// Whether the delivery that was just counted goes beyond what UNSUB allows.
fn is_one_too_many(sub: &Sub) -> bool {
    match sub.unsub {
        None => sub.max > 0 && sub.delivered > sub.max,
        Some(unsub) => unsub.ready_t.is_some() && sub.delivered > unsub.max,
    }
}

fn tell(view: &View<'_>, i: usize, ix: SubIx) -> (String, Vec<usize>) {
    let sub = view.sub(ix);
    let name = &view.history.header.clients[sub.client.0 as usize].name;
    let what = format!("its subscription {} to `{}`", sub.sid.0, view.history.text(sub.subject));
    let story = match sub.unsub {
        Some(unsub) if unsub.max == 0 => {
            format!("{name} got a message for {what} after its node had confirmed the UNSUB.")
        }
        Some(_) | None => format!(
            "{name} asked for at most {} messages for {what} and got message number {}.",
            sub.max, sub.delivered
        ),
    };
    let mut events = vec![sub.i, i];
    events.extend(sub.unsub.map(|unsub| unsub.i));
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::ids::{ClientId, MsgId};

    const ID: &str = "auto_unsub_exact";

    /// A subscriber that wants at most two messages, and three messages.
    fn script() -> (Script, ClientId, ClientId, Vec<MsgId>) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.sub_sent(subscriber, 1, "a", "", 2);
        s.sub_ready(subscriber, 1);
        s.at(2_000);
        let msgs = (0..3).map(|_| s.publish(publisher, "a")).collect();
        (s, publisher, subscriber, msgs)
    }

    #[test]
    fn holds_if_it_gets_as_many_as_it_asked_for() {
        let (mut s, publisher, subscriber, msgs) = script();
        s.flush(publisher);
        s.deliver(subscriber, 1, msgs[0]);
        s.deliver(subscriber, 1, msgs[1]);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_it_gets_one_more() {
        let (mut s, _, subscriber, msgs) = script();
        for msg in msgs {
            s.deliver(subscriber, 1, msg);
        }
        assert!(s.judge(ID).broke(2_000).contains("at most 2 messages"));
    }

    #[test]
    fn breaks_if_it_gets_one_less_while_nothing_is_wrong() {
        let (mut s, publisher, subscriber, msgs) = script();
        s.flush(publisher);
        s.deliver(subscriber, 1, msgs[1]);
        let judged = s.judge(ID);
        assert_eq!(judged.findings.broken, 2, "the first and the third did not come");
        assert!(
            judged
                .findings
                .first
                .as_ref()
                .unwrap()
                .story
                .ends_with("although its limit was not reached.")
        );
    }

    #[test]
    fn after_a_confirmed_unsub_nothing_may_come() {
        for confirmed in [false, true] {
            let mut s = Script::running();
            let publisher = s.client("pub/1", EAST_1);
            let subscriber = s.client("sub/1", WEST_1);
            s.sub(subscriber, 1, "a", "");
            let msg = s.publish(publisher, "a");
            s.unsub_sent(subscriber, 1, 0);
            if confirmed {
                s.unsub_ready(subscriber, 1);
            }
            s.deliver(subscriber, 1, msg);
            let judged = s.judge(ID);
            if confirmed {
                assert!(judged.broke(1_000).ends_with("after its node had confirmed the UNSUB."));
            } else {
                judged.held(1);
            }
        }
    }

    #[test]
    fn a_limit_that_comes_later_counts_from_its_confirmation() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.sub(subscriber, 1, "a", "");
        let msgs: Vec<MsgId> = (0..4).map(|_| s.publish(publisher, "a")).collect();
        s.deliver(subscriber, 1, msgs[0]);
        s.unsub_sent(subscriber, 1, 2);
        s.deliver(subscriber, 1, msgs[1]);
        s.deliver(subscriber, 1, msgs[2]);
        s.unsub_ready(subscriber, 1);
        s.clone().judge(ID).held(2);
        s.at(3_000).deliver(subscriber, 1, msgs[3]);
        s.judge(ID).broke(3_000);
    }

    #[test]
    fn is_not_checked_without_a_limit() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.sub(subscriber, 1, "a", "");
        let msg = s.publish(publisher, "a");
        s.deliver(subscriber, 1, msg);
        s.judge(ID).vacuous();
    }
}
