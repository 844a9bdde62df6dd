//! R1: a region that is cut off from another keeps serving its own clients.
//!
//! Counted are messages that were published while the publisher's region was cut off, and the
//! subscriptions in that same region that were settled for them, while no fault stood between nodes of
//! the region itself, and for as long before as its routes may need to recover. A queue group counts if all its
//! members stand in the region, because a member elsewhere may have been picked before its node was
//! known to be lost. What a buffer had no room for is taken by nobody, here either: it is excused.
//!
//! `success` is the share that must arrive (all by default), `within` the time for it, and `p99`
//! the time within which 99 of 100 must arrive. `during` changes nothing: the guarantee is about
//! partitions anyway.

use super::outcome::Pen;
use super::quiet_delivery::tell_missing;
use super::scope::Scope;
use super::settled::{DueMessages, is_settled, settled_groups};
use super::view::{MsgRef, Sub, View};
use super::{Checker, Params, Topic};
use crate::history::{Header, Kind, Sym};
use crate::ids::RegionId;
use crate::units::{MS, ONE_PPM};

/// Slack for a node's turns and for stalls of a fast producer.
const SLACK_NS: u64 = 250 * MS;

pub(super) struct RegionAutonomy {
    scope: Scope,
    due: DueMessages,
    success_ppm: u32,
    p99_ns: Option<u64>,
    obliged: u64,
    missed: u64,
    arrived: u64,
    slow: u64,
    /// The first message that was missed, kept until the share is known.
    first_miss: Option<Miss>,
    first_slow: Option<usize>,
}

struct Miss {
    t: u64,
    story: String,
    events: Vec<usize>,
}

impl RegionAutonomy {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            due: DueMessages::new(bound_ns(params.header, params.within_ns)),
            success_ppm: params.success_ppm.unwrap_or(ONE_PPM).min(ONE_PPM),
            p99_ns: params.p99_ns,
            obliged: 0,
            missed: 0,
            arrived: 0,
            slow: 0,
            first_miss: None,
            first_slow: None,
        }
    }

    fn obliges(&self, view: &View<'_>, msg: MsgRef, sub: &Sub, home: RegionId) -> bool {
        stands_in(view, sub, home)
            && is_settled(view, msg, sub)
            && self.scope.covers_delivery(view, msg, sub)
    }

    fn judge(&mut self, view: &View<'_>, due: u64, msg: MsgRef, pen: &mut Pen<'_>) {
        let Some(home) = home_of(view, msg) else { return };
        pen.t = due;
        if !was_whole(view, msg, home) {
            return;
        }
        if view.may_be_refused(msg) {
            pen.excused();
            return;
        }
        for (ix, sub) in view.wanted_by(msg).filter(|(_, s)| s.queue.is_none() && s.max == 0) {
            if self.obliges(view, msg, sub, home) {
                let arrived = view.has_received(ix, msg);
                self.count(view, pen, arrived, || {
                    tell_missing(view, msg, sub, "although both are in one region that was whole")
                });
            }
        }
        for queue in settled_groups(view, msg, |sub| stands_in(view, sub, home)) {
            let member = view.wanted_by(msg).find(|(_, sub)| sub.queue == queue);
            if let Some((_, sub)) = member
                && none_left_unheard(view, msg, queue)
                && self.scope.covers_delivery(view, msg, sub)
            {
                let arrived = view.taker(queue, msg).is_some();
                self.count(view, pen, arrived, || {
                    tell_missing(
                        view,
                        msg,
                        sub,
                        "nor has any other member of its queue group, \
                        although all are in one region that was whole",
                    )
                });
            }
        }
    }

    fn count(
        &mut self,
        view: &View<'_>,
        pen: &mut Pen<'_>,
        arrived: bool,
        tell: impl FnOnce() -> (String, Vec<usize>),
    ) {
        self.obliged += 1;
        if arrived {
            pen.held();
            return;
        }
        self.missed += 1;
        if self.success_ppm == ONE_PPM {
            pen.broken(view, tell);
        } else if self.first_miss.is_none() {
            let (story, events) = tell();
            self.first_miss = Some(Miss { t: pen.t, story, events });
        }
    }

    /// Notes how long a message took that was delivered inside a region that is cut off.
    fn time(&mut self, view: &View<'_>, i: usize) {
        let (Some(p99_ns), Some(delivery)) = (self.p99_ns, view.delivery()) else { return };
        let (Some(msg), Some(sub)) = (delivery.msg, delivery.sub) else { return };
        let Some(home) = home_of(view, msg) else { return };
        if was_cut(view, msg, home)
            && was_whole(view, msg, home)
            && self.obliges(view, msg, view.sub(sub), home)
        {
            self.arrived += 1;
            if view.history.events[i].t.saturating_sub(view.publication(msg).t) > p99_ns {
                self.slow += 1;
                self.first_slow.get_or_insert(i);
            }
        }
    }

    /// At the end: the two shares.
    fn sum_up(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let allowed = u64::from(ONE_PPM - self.success_ppm);
        let too_many = u128::from(self.missed) * u128::from(ONE_PPM)
            > u128::from(self.obliged) * u128::from(allowed);
        if let Some(miss) = self.first_miss.take()
            && too_many
        {
            pen.t = miss.t;
            let (missed, obliged) = (self.missed, self.obliged);
            pen.broken(view, || {
                let share = format!(
                    "{missed} of {obliged} messages did not arrive, which is \
                    more than is forgiven. The first: "
                );
                (share + &miss.story, miss.events)
            });
        }
        if self.slow.saturating_mul(100) > self.arrived
            && let Some(i) = self.first_slow
        {
            pen.t = view.history.events[i].t;
            let (slow, arrived) = (self.slow, self.arrived);
            pen.broken(view, || {
                (
                    format!(
                        "{slow} of {arrived} messages inside a region took longer than the \
                    bound for 99 of 100."
                    ),
                    vec![i],
                )
            });
        }
    }
}

/// By when a message must have arrived: as the scenario says, or a few times the way through the
/// slowest region, with slack.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    let way = |link: &crate::history::LinkInfo| link.latency_ns.saturating_add(link.jitter_ns);
    let slowest = header.regions.iter().map(|region| way(&region.link)).max().unwrap_or(0);
    within_ns.unwrap_or_else(|| slowest.saturating_mul(8).saturating_add(SLACK_NS))
}

impl Checker for RegionAutonomy {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries, Topic::Flushes, Topic::Milestones]
    }

    fn due(&self) -> Option<u64> {
        self.due.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        pen.open = true;
        while let Some((due, msg)) = self.due.next_before(until) {
            self.judge(view, due, msg, pen);
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        pen.open = true;
        self.due.observe(view, pen.i, |msg| {
            home_of(view, msg).is_some_and(|home| was_cut(view, msg, home))
        });
        self.time(view, pen.i);
        if matches!(view.history.events[pen.i].kind, Kind::End) {
            self.sum_up(view, pen);
        }
    }
}

/// Whether no member left so late that the region may still count on it. Beyond the cut, it leaves
/// without a word, and its node is not known to be lost before the routes are.
fn none_left_unheard(view: &View<'_>, msg: MsgRef, queue: Sym) -> bool {
    let routes_ns = view.history.header.bounds.routes_ns;
    let published_t = view.publication(msg).t;
    view.queue_left(queue).is_none_or(|t| t.saturating_add(routes_ns) < published_t)
}

/// The region of a message: where its publisher and the publisher's node both stand.
fn home_of(view: &View<'_>, msg: MsgRef) -> Option<RegionId> {
    let publisher = view.conn(msg.conn);
    let home = view.network.region_of(publisher.node?);
    (home == view.region_of(publisher.client)).then_some(home)
}

fn was_cut(view: &View<'_>, msg: MsgRef, home: RegionId) -> bool {
    view.network.cut_since(home).is_some_and(|t| t <= view.publication(msg).t)
}

/// Whether the region itself was in one piece, and still is.
fn was_whole(view: &View<'_>, msg: MsgRef, home: RegionId) -> bool {
    view.network.is_whole(home, view.publication(msg).t)
}

/// Whether a subscriber and its node stand in the region.
fn stands_in(view: &View<'_>, sub: &Sub, home: RegionId) -> bool {
    view.region_of(sub.client) == home
        && view.node_of(sub).is_some_and(|node| view.network.region_of(node) == home)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, NodeDownHow};
    use crate::ids::ClientId;
    use crate::units::MS;

    const ID: &str = "region_autonomy";

    /// A publisher and a subscriber at two nodes of the east, a subscriber in the west; east and
    /// west are cut apart from 3 s on. A message is due after 252 ms.
    fn script() -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let near = s.client("near/1", EAST_2);
        let far = s.client("far/1", WEST_1);
        s.at(2_000).sub(near, 1, "a", "");
        s.sub(far, 1, "a", "");
        s.at(3_000).partition(true);
        (s, publisher, near)
    }

    #[test]
    fn holds_if_the_region_serves_itself() {
        let (mut s, publisher, near) = script();
        let msg = s.at(4_000).publish(publisher, "a");
        s.flush(publisher);
        s.at(4_252).deliver(near, 1, msg);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_it_does_not() {
        let (mut s, publisher, _) = script();
        s.at(4_000).publish(publisher, "a");
        s.flush(publisher);
        let judged = s.judge(ID);
        assert!(judged.broke(4_252).contains("near/1 at east/2"));
        assert!(judged.broke(4_252).ends_with("although both are in one region that was whole."));
    }

    #[test]
    fn what_is_refused_is_owed_to_nobody_unless_somebody_else_has_it() {
        for taken in [false, true] {
            let (mut s, publisher, _) = script();
            s.keeps(3);
            let msg = s.at(4_000).publish(publisher, "a");
            s.refuse(publisher, "a", (1, 1), "is full, max_msgs 3");
            if taken {
                s.deliver(ClientId(2), 1, msg);
            }
            s.flush(publisher);
            let judged = s.judge(ID);
            assert_eq!(
                (judged.findings.broken, judged.findings.excused),
                if taken { (1, 0) } else { (0, 1) }
            );
        }
    }

    #[test]
    fn is_not_checked_without_a_partition_or_with_trouble_inside_the_region() {
        let (mut s, publisher, _) = script();
        s.at(4_000).partition(false);
        s.at(5_000).publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).vacuous();

        let (mut s, publisher, _) = script();
        s.at(4_000).routes_down(EAST_1, EAST_2);
        s.publish(publisher, "a");
        s.flush(publisher);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_region_that_is_torn_itself_owes_nothing_until_its_routes_have_recovered() {
        let judged = |published: u64| {
            let (mut s, publisher, _) = script();
            let pairs = vec![(EAST_1, EAST_2)];
            s.at(4_000).fault(FaultKind::Degrade, true, Vec::new(), pairs.clone());
            s.at(5_000).fault(FaultKind::Degrade, false, Vec::new(), pairs);
            s.at(published).publish(publisher, "a");
            s.flush(publisher);
            s.judge(ID)
        };
        // Routes take two seconds.
        judged(6_999).vacuous();
        judged(7_000).broke(7_252);
    }

    #[test]
    fn a_queue_group_counts_if_it_is_all_in_the_region() {
        for member_elsewhere in [false, true] {
            let mut s = Script::running();
            let publisher = s.client("pub/1", EAST_1);
            let near = s.client("near/1", EAST_2);
            s.sub(near, 1, "a", "q");
            if member_elsewhere {
                let far = s.client("far/1", WEST_1);
                s.sub(far, 1, "a", "q");
            }
            s.at(3_000).partition(true);
            s.at(4_000).publish(publisher, "a");
            s.flush(publisher);
            let judged = s.judge(ID);
            if member_elsewhere {
                judged.vacuous();
            } else {
                assert!(judged.broke(4_252).contains("nor has any other member"));
            }
        }
    }

    #[test]
    fn a_share_may_be_forgiven() {
        for (success_ppm, broken) in [(700_000, 1), (600_000, 0)] {
            let (mut s, publisher, near) = script();
            s.ask(ID).success_ppm = Some(success_ppm);
            s.at(4_000);
            for at in 0..3 {
                let msg = s.publish(publisher, "a");
                if at != 1 {
                    s.deliver(near, 1, msg);
                }
            }
            s.flush(publisher);
            let judged = s.judge(ID);
            assert_eq!(judged.findings.broken, broken, "{success_ppm}");
            assert_eq!(judged.findings.checked, 2 + broken);
        }
    }

    #[test]
    fn one_in_a_hundred_may_be_slow() {
        for slow in [1, 2] {
            let (mut s, publisher, near) = script();
            s.ask(ID).p99_ns = Some(5 * MS);
            for at in 0..100 {
                let msg = s.at(4_000 + at * 10).publish(publisher, "a");
                s.at(4_000 + at * 10 + if at < slow { 6 } else { 5 });
                s.deliver(near, 1, msg);
            }
            s.flush(publisher);
            let judged = s.judge(ID);
            assert_eq!(judged.findings.broken, u64::from(slow == 2), "{slow}");
        }
    }

    #[test]
    fn a_queue_group_does_not_count_while_a_member_beyond_the_cut_may_have_left_unheard() {
        for (published, checked) in [(5_900, 0), (6_100, 1)] {
            let mut s = Script::running();
            let publisher = s.client("pub/1", EAST_1);
            let near = s.client("near/1", EAST_2);
            let far = s.client("far/1", WEST_1);
            s.sub(near, 1, "a", "q");
            s.sub(far, 1, "a", "q");
            s.at(3_000).partition(true);
            s.at(4_000).node_down(WEST_1, NodeDownHow::Killed);
            s.at(published).publish(publisher, "a");
            s.flush(publisher);
            assert_eq!(s.judge(ID).findings.broken, checked, "published at {published}");
        }
    }
}
