//! R: routes that were lost are back soon after the last fault is gone.
//!
//! A check is made for every pair of nodes whose path stopped being calm since the check before:
//! a route was lost, at either end. The clock starts when no fault is on and every node runs, and
//! anew whenever something happens.
//!
//! Where a plan heals a core only, its pairs count and no others, and the clock starts when the core
//! is well, whatever the rest is like.

use super::healing::Healing;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic, search};
use crate::history::{Header, Kind, Lost};
use crate::ids::NodeId;

pub(super) struct RoutesReestablished {
    scope: Scope,
    healing: Healing,
    pairs: Vec<PairWatch>,
}

struct PairWatch {
    a: NodeId,
    b: NodeId,
    was_complete: bool,
    /// It lost a route since it was last found complete.
    hit: bool,
}

impl RoutesReestablished {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bound_ns = bound_ns(params.header, params.within_ns);
        let scope = params.scope.clone();
        Self { scope, healing: Healing::new(bound_ns), pairs: Vec::new() }
    }
}

/// From the last disturbance to all routes being back.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns)
}

impl Checker for RoutesReestablished {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network]
    }

    fn due(&self) -> Option<u64> {
        self.healing.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let Some(due) = self.healing.due_before(until) else { return };
        pen.t = due;
        for pair in &mut self.pairs {
            let (a, b) = (pair.a, pair.b);
            // Nobody waits for one that has gone for good.
            pair.hit &= !view.network.has_left(a) && !view.network.has_left(b);
            if !pair.hit || !self.scope.covers_pair(view, a, b) {
                continue;
            }
            if view.network.is_complete(a, b) {
                pair.hit = false;
                pen.held();
            } else {
                let i = pen.i;
                let why = view.network.why_unrecoverable(Lost::Routes(a, b));
                pen.broken_or_lost(view, why, || tell(view, i, a, b));
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.healing.observe(view);
        if self.pairs.is_empty() {
            let watch = |(a, b)| PairWatch { a, b, was_complete: false, hit: false };
            self.pairs = view.network.core_pairs().map(watch).collect();
        }
        for pair in &mut self.pairs {
            let complete = view.network.is_complete(pair.a, pair.b);
            if pair.was_complete && !complete {
                pair.hit = true;
                self.healing.lost(view, pen.t);
            }
            pair.was_complete = complete;
        }
    }
}

fn tell(view: &View<'_>, i: usize, a: NodeId, b: NodeId) -> (String, Vec<usize>) {
    let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
    let wanted = view.network.routes_wanted(a, b);
    let story = format!(
        "All faults were over long enough, yet {} has {} and {} has {} of {wanted} routes to the \
            other.",
        name(a),
        view.network.routes_registered(a, b),
        name(b),
        view.network.routes_registered(b, a),
    );
    let mut events = Vec::new();
    events.extend(search::parting(view, i, a, b));
    events.extend(search::parting(view, i, b, a));
    events.extend(
        (0..i).rev().find(|&at| {
            matches!(view.history.events[at].kind, Kind::Fault(_) | Kind::NodeUp { .. })
        }),
    );
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::NodeDownHow;
    use crate::units::MS;

    const ID: &str = "routes_reestablished";

    /// West lost its routes in a partition that ended at 5 s; they must be back at 7 s.
    fn script() -> Script {
        let mut s = Script::running();
        s.at(2_000).partition(true);
        s.at(3_000).routes_down(EAST_1, WEST_1);
        s.routes_down(EAST_2, WEST_1);
        s.at(5_000).partition(false);
        s
    }

    #[test]
    fn holds_if_the_routes_are_back_in_time() {
        let mut s = script();
        s.at(6_000).routes_up(EAST_1, WEST_1);
        s.at(7_000).routes_up(EAST_2, WEST_1);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_one_is_not_or_only_at_one_end() {
        let mut s = script();
        s.at(6_000).routes_up(EAST_1, WEST_1);
        s.at(7_000).route_up(EAST_2, WEST_1);
        s.at(7_001).route_up(WEST_1, EAST_2);
        assert_eq!(
            s.judge(ID).broke(7_000),
            "All faults were over long enough, yet east/2 has 1 and west/1 has 0 of 1 routes to \
                the other."
        );
    }

    #[test]
    fn the_scenario_sets_another_bound() {
        let mut s = script();
        s.ask(ID).within_ns = Some(500 * MS);
        s.at(5_501).routes_up(EAST_1, WEST_1);
        s.routes_up(EAST_2, WEST_1);
        let judged = s.judge(ID);
        assert_eq!(judged.findings.broken, 2);
    }

    #[test]
    fn the_clock_starts_anew_with_each_fault_and_waits_for_dead_nodes() {
        let mut s = script();
        s.at(6_900).node_down(EAST_1, NodeDownHow::Killed);
        s.at(20_000).node_up(EAST_1, 2);
        s.at(21_999).routes_up(EAST_1, WEST_1);
        s.routes_up(EAST_1, EAST_2);
        s.routes_up(EAST_2, WEST_1);
        s.judge(ID).held(3);
    }

    #[test]
    fn a_route_to_a_process_that_is_gone_is_none() {
        let mut s = Script::running();
        s.at(2_000).node_down(WEST_1, NodeDownHow::Killed);
        s.at(3_000).node_up(WEST_1, 2);
        // The others have not heard that the old one is gone, and think that nothing is missing.
        s.route_up(WEST_1, EAST_1);
        s.route_up(WEST_1, EAST_2);
        let judged = s.judge(ID);
        assert_eq!(judged.findings.broken, 2);
        assert_eq!(
            judged.findings.first.as_ref().unwrap().story,
            "All faults were over long enough, yet east/1 has 0 and west/1 has 1 of 1 routes to \
                the other."
        );
    }

    #[test]
    fn a_route_that_is_lost_without_a_fault_must_come_back_too() {
        let mut s = Script::running();
        s.at(9_000).routes_down(EAST_1, EAST_2);
        s.judge(ID).broke(11_000);
    }

    #[test]
    fn is_not_checked_if_no_route_was_lost_or_the_run_ends_before() {
        let mut s = Script::running();
        s.at(2_000).partition(true);
        s.at(5_000).partition(false);
        s.judge(ID).vacuous();

        let mut s = script();
        s.event(crate::history::Kind::End);
        let all = crate::guarantee::judge(&s.history).unwrap();
        all.iter().find(|judged| judged.spec.id == ID).unwrap().vacuous();
    }
}
