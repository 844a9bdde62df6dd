//! R5: a node that looks for its peers does not storm them: its dials of one address stay within
//! what the pauses between two dials allow.
//!
//! Each second, a node may dial an address as often as its shortest pause fits in: one connection
//! looks for the peer. The others follow when it has been found, or come back together when they
//! are lost; twice a second is enough for that.

use std::collections::VecDeque;

use causeway_core::limits;

use super::outcome::Pen;
use super::scope::Scope;
use super::table::Table;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Sym};
use crate::ids::NodeId;
use crate::units::{ONE_PPM, SECOND};

pub(super) struct ReconnectBounded {
    scope: Scope,
    /// The dials of the last second, by node and address.
    recent: Table<(NodeId, Sym), VecDeque<(u64, usize)>>,
}

impl ReconnectBounded {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), recent: Table::default() }
    }
}

/// How often all connections to a peer may be dialled within a second.
const FULL_ROUNDS: usize = 2;

/// How often a node may dial one address within a second.
fn budget(view: &View<'_>, node: NodeId) -> usize {
    let pause = u64::try_from(limits::ROUTE_REDIAL_PAUSE.as_nanos()).unwrap_or(u64::MAX);
    // A second of the run is longer on a fast clock.
    let fast = u64::from(ONE_PPM) + u64::from(view.history.header.bounds.fast_ppm);
    let second = SECOND * fast / u64::from(ONE_PPM);
    let pauses = usize::try_from(second / pause.max(1)).unwrap_or(usize::MAX);
    let nodes = (0..view.network.node_count()).map(NodeId);
    let pool = nodes.map(|other| view.network.routes_wanted(node, other)).max().unwrap_or(1);
    pauses.saturating_add(FULL_ROUNDS * pool as usize)
}

impl Checker for ReconnectBounded {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Dials, Topic::Network]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no dial")]
        let (node, target) = match view.history.events[pen.i].kind {
            Kind::Dial { node, target } => (node, target),
            // A new process knows nothing of the old one's dials.
            Kind::NodeUp { node, .. } => {
                self.recent.retain(|(dialler, _), _| *dialler != node);
                return;
            }
            _ => return,
        };
        if !self.scope.covers_node(view, node) {
            return;
        }
        let recent = self.recent.entry((node, target)).or_default();
        while recent.front().is_some_and(|(t, _)| t.saturating_add(SECOND) <= pen.t) {
            recent.pop_front();
        }
        recent.push_back((pen.t, pen.i));
        let budget = budget(view, node);
        if recent.len() <= budget {
            pen.held();
            return;
        }
        let dials = recent.len();
        let events: Vec<usize> = recent.iter().map(|(_, i)| *i).collect();
        pen.broken(view, || {
            let story = format!(
                "{} dialled {} {dials} times within a second; its pauses allow {budget}.",
                view.history.header.nodes[usize::from(node.0)].name,
                view.history.text(target),
            );
            (story, events)
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script};
    use crate::history::Kind;
    use crate::ids::NodeId;

    const ID: &str = "reconnect_bounded";
    /// 40 pauses of 25 ms, and a pool of one twice.
    const BUDGET: usize = 42;

    fn dials(s: &mut Script, node: NodeId, target: &str, count: usize) {
        let target = s.sym(target);
        for _ in 0..count {
            s.event(Kind::Dial { node, target });
        }
    }

    #[test]
    fn holds_within_the_budget_of_each_second_and_address() {
        let mut s = Script::running();
        dials(&mut s, EAST_1, "a:1", BUDGET);
        dials(&mut s, EAST_1, "b:1", BUDGET);
        dials(&mut s, EAST_2, "a:1", BUDGET);
        s.at(2_000);
        dials(&mut s, EAST_1, "a:1", BUDGET);
        s.judge(ID).held(4 * BUDGET as u64);
    }

    #[test]
    fn breaks_in_a_storm() {
        let mut s = Script::running();
        dials(&mut s, EAST_1, "a:1", 1);
        s.at(1_999);
        dials(&mut s, EAST_1, "a:1", BUDGET);
        assert_eq!(
            s.judge(ID).broke(1_999),
            "east/1 dialled a:1 43 times within a second; its pauses allow 42."
        );
    }

    #[test]
    fn a_new_process_begins_anew_and_without_dials_nothing_is_checked() {
        let mut s = Script::running();
        s.judge(ID).vacuous();
        let mut s = Script::running();
        dials(&mut s, EAST_1, "a:1", BUDGET);
        s.node_up(EAST_1, 2);
        dials(&mut s, EAST_1, "a:1", BUDGET);
        s.judge(ID).held(2 * BUDGET as u64);
    }
}
