//! O6: when all faults are gone, every node has all its routes to every other node.
//!
//! Judged from what the nodes themselves say in their snapshots, for all pairs, also those that no
//! fault ever touched. While a node of the cluster is down nothing is asked for: it may have been
//! the only one that knew two others of each other. Where a plan heals a core only, that is said of
//! the core: a configured chain inside of it must do.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic, search};
use crate::history::{Header, Kind, Lost, Snapshot, Sym};
use crate::ids::NodeId;

pub(super) struct MeshClosure {
    scope: Scope,
    bound_ns: u64,
}

impl MeshClosure {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bound_ns = bound_ns(params.header, params.within_ns);
        Self { scope: params.scope.clone(), bound_ns }
    }
}

/// From the last disturbance to a closed mesh.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns)
}

impl Checker for MeshClosure {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Kind::Snapshot(snapshot) = &view.history.events[pen.i].kind else { return };
        let healed = view.network.healed_since();
        let settled = healed.is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
        if !settled || !view.network.is_core(snapshot.node) {
            return;
        }
        for peer in (0..view.network.node_count()).map(NodeId) {
            let wanted = peer != snapshot.node
                && view.network.is_core(peer)
                && view.network.shares_cluster(snapshot.node, peer)
                && view.network.is_up(peer)
                && self.scope.covers_pair(view, snapshot.node, peer);
            if wanted {
                judge(view, snapshot, peer, pen);
            }
        }
    }
}

fn judge(view: &View<'_>, snapshot: &Snapshot, peer: NodeId, pen: &mut Pen<'_>) {
    let mut slots: Vec<Option<u32>> = snapshot
        .routes
        .iter()
        .filter(|route| route.remote == Some(peer) && route.account.is_none())
        .map(|route| route.pool)
        .collect();
    slots.sort_unstable();
    slots.dedup();
    let has_lane = |account: &Sym| {
        snapshot.routes.iter().any(|r| r.remote == Some(peer) && r.account == *account)
    };
    let lanes = view.network.shared_accounts(snapshot.node, peer).filter(has_lane).count();
    let has = (slots.len() + lanes) as u32;
    let wanted = view.network.routes_wanted(snapshot.node, peer);
    if has >= wanted {
        pen.held();
        return;
    }
    let i = pen.i;
    let why = view.network.why_unrecoverable(Lost::Routes(snapshot.node, peer));
    pen.broken_or_lost(view, why, || {
        let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
        let story = format!(
            "All faults are over, yet {} has {has} of {wanted} routes to {}.",
            name(snapshot.node),
            name(peer)
        );
        let mut events = vec![i];
        events.extend(search::parting(view, i, snapshot.node, peer));
        (story, events)
    });
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::NodeDownHow;

    const ID: &str = "mesh_closure";

    #[test]
    fn holds_if_every_node_has_every_route() {
        let mut s = Script::running();
        s.at(2_000).snapshot(EAST_1, &[EAST_2, WEST_1], &[]);
        s.snapshot(WEST_1, &[EAST_1, EAST_2], &[]);
        s.judge(ID).held(4);
    }

    #[test]
    fn breaks_if_the_connection_of_an_account_is_missing() {
        let mut s = Script::running();
        s.lanes_up(EAST_1, WEST_1, "A");
        s.at(3_500).snapshot(EAST_1, &[EAST_2, WEST_1], &[]);
        assert!(s.judge(ID).broke(3_500).contains("east/1 has 1 of 2 routes to west/1"));
    }

    #[test]
    fn breaks_if_a_route_is_missing_after_the_heal() {
        let mut s = Script::running();
        s.at(2_000).partition(true);
        s.routes_down(EAST_2, WEST_1);
        s.at(3_000).partition(false);
        s.at(5_000).snapshot(EAST_2, &[EAST_1], &[]);
        let judged = s.judge(ID);
        assert_eq!(
            judged.broke(5_000),
            "All faults are over, yet east/2 has 0 of 1 routes to west/1."
        );
        assert!(
            judged.findings.first.as_ref().unwrap().witnesses[0].text.contains("loses a route")
        );
    }

    #[test]
    fn a_pool_must_be_full() {
        let mut s = Script::running();
        s.history.header.nodes[0].pool_size = 3;
        s.at(2_000).snapshot(EAST_1, &[EAST_2, EAST_2, EAST_2, WEST_1], &[]);
        let judged = s.judge(ID);
        // Three connections in one slot are one.
        assert_eq!(judged.findings.broken, 2);
        assert!(judged.findings.first.as_ref().unwrap().story.contains("1 of 3 routes to east/2"));
    }

    #[test]
    fn is_not_checked_too_early_during_a_fault_or_while_a_node_is_down() {
        let mut early = Script::running();
        early.at(2_000).partition(true);
        early.at(3_000).partition(false);
        early.at(4_999).snapshot(EAST_1, &[], &[]);
        early.judge(ID).vacuous();

        let mut cut = Script::running();
        cut.at(2_000).partition(true);
        cut.at(9_000).snapshot(EAST_1, &[], &[]);
        cut.judge(ID).vacuous();

        let mut down = Script::running();
        down.at(2_000).node_down(EAST_2, NodeDownHow::Killed);
        down.at(9_000).snapshot(EAST_1, &[], &[]);
        down.judge(ID).vacuous();
    }
}
