//! Core messages may be lost while something is wrong. How many, a scenario may bound: at least the
//! share `min` of what subscriptions were there for must arrive.
//!
//! A message counts for each plain subscription without a limit that its own node knew when the
//! message was published, and that has stayed until the message was due, whatever was broken
//! between the two. Without `min` nothing is promised, so nothing is checked.

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::{DueMessages, delivery_bound_ns};
use super::view::{MsgRef, Sub, View};
use super::{Checker, Params, Topic};
use crate::history::{Header, Kind};

pub(super) struct DeliveryRatio {
    scope: Scope,
    min_ppm: Option<u32>,
    due: DueMessages,
    wanted: u64,
    arrived: u64,
    /// The first that was missing: its publication and the subscription.
    missing: Option<[usize; 2]>,
}

impl DeliveryRatio {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            min_ppm: params.min_ppm,
            due: DueMessages::new(bound_ns(params.header, params.within_ns)),
            wanted: 0,
            arrived: 0,
            missing: None,
        }
    }

    fn conclude(&self, view: &View<'_>, min_ppm: u32, pen: &mut Pen<'_>) {
        // The share is of the whole run, and `during` has chosen what is counted.
        pen.open = self.wanted > 0;
        if u128::from(self.arrived) * 1_000_000 >= u128::from(self.wanted) * u128::from(min_ppm) {
            pen.held();
            return;
        }
        pen.broken(view, || {
            let story = format!(
                "Of {} messages that subscriptions were there for, {} arrived; {}.{:04} % must.",
                self.wanted,
                self.arrived,
                min_ppm / 10_000,
                min_ppm % 10_000
            );
            (story, self.missing.into_iter().flatten().collect())
        });
    }
}

/// By when a message must have arrived to count.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| delivery_bound_ns(header))
}

/// Whether the subscription was known to its node when the message was published.
fn was_there(view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
    let client = &view.history.header.clients[sub.client.0 as usize];
    let echo = msg.conn == sub.conn && client.no_echo;
    let plain = sub.queue.is_none() && sub.max == 0;
    let (from, to) = (view.conn(msg.conn).node, view.node_of(sub));
    let one_plane = from.zip(to).is_some_and(|(a, b)| a == b || view.network.shares_cluster(a, b));
    plain && one_plane && !echo && sub.ready_t.is_some_and(|t| t <= view.publication(msg).t)
}

impl Checker for DeliveryRatio {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes, Topic::Milestones]
    }

    fn due(&self) -> Option<u64> {
        self.due.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some((_, msg)) = self.due.next_before(until) {
            if !pen.open || self.min_ppm.is_none() {
                continue;
            }
            for (ix, sub) in view.wanted_by(msg).filter(|(_, sub)| was_there(view, msg, sub)) {
                if !self.scope.covers_delivery(view, msg, sub) {
                    continue;
                }
                self.wanted += 1;
                if view.has_received(ix, msg) {
                    self.arrived += 1;
                } else {
                    self.missing.get_or_insert([view.publication(msg).i, sub.i]);
                }
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.due.observe(view, pen.i, |_| true);
        if let (Kind::End, Some(min_ppm)) = (&view.history.events[pen.i].kind, self.min_ppm) {
            self.conclude(view, min_ppm, pen);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};

    const ID: &str = "delivery_ratio";

    /// Of ten messages, some arrive: with this partition or without.
    fn script(arrive: u32, min_ppm: Option<u32>, during: &str) -> Script {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.at(2_000).sub(subscriber, 1, "a", "");
        if min_ppm.is_some() {
            let asked = s.ask(ID);
            asked.min_ppm = min_ppm;
            asked.during = during.to_owned();
        }
        for at in 0..10 {
            let msg = s.at(2_100).publish(publisher, "a");
            if at < arrive {
                s.deliver(subscriber, 1, msg);
            }
        }
        s.flush(publisher);
        s
    }

    #[test]
    fn holds_if_enough_arrive() {
        script(7, Some(700_000), "").judge(ID).held(1);
        script(10, Some(1_000_000), "").judge(ID).held(1);
    }

    #[test]
    fn breaks_if_too_few_do_and_counts_what_a_fault_has_cost_too() {
        for cut in [false, true] {
            let mut s = script(6, Some(700_000), "");
            if cut {
                s.partition(true);
            }
            let judged = s.judge(ID);
            let first = judged.findings.first.as_ref().unwrap();
            assert_eq!(
                first.story,
                "Of 10 messages that subscriptions were there for, 6 arrived; 70.0000 % must."
            );
            assert_eq!((judged.findings.broken, first.witnesses.len()), (1, 2));
        }
    }

    #[test]
    fn only_what_falls_into_the_period_counts() {
        script(6, Some(700_000), "partition").judge(ID).vacuous();
        let mut s = script(6, Some(600_000), "partition");
        s.partition(true);
        s.judge(ID).held(1);
    }

    #[test]
    fn without_a_share_or_without_messages_nothing_is_checked() {
        script(0, None, "").judge(ID).vacuous();
        let mut s = Script::running();
        s.ask(ID).min_ppm = Some(1_000_000);
        s.judge(ID).vacuous();
    }
}
