//! N1: a node's process ends only if it was told to.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, NodeDownHow};
use crate::ids::NodeId;

pub(super) struct NodesStayUp {
    scope: Scope,
}

impl NodesStayUp {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

impl Checker for NodesStayUp {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only the lives of nodes count")]
        match view.history.events[pen.i].kind {
            Kind::NodeUp { node, .. } if self.scope.covers_node(view, node) => pen.held(),
            Kind::NodeDown { node, how } if self.scope.covers_node(view, node) => {
                let why = match how {
                    NodeDownHow::Killed => return,
                    NodeDownHow::Exited if view.network.is_leaving(node) => return,
                    NodeDownHow::Exited => "ended by itself without having been asked to",
                    NodeDownHow::Panicked => "panicked",
                };
                let i = pen.i;
                pen.broken(view, || tell(view, i, node, why));
            }
            _ => {}
        }
    }
}

fn tell(view: &View<'_>, i: usize, node: NodeId, why: &str) -> (String, Vec<usize>) {
    let story = format!("{} {why}.", view.history.header.nodes[usize::from(node.0)].name);
    (story, vec![i])
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{FaultKind, NodeDownHow};

    const ID: &str = "nodes_stay_up";

    #[test]
    fn holds_if_nodes_are_killed_or_leave_when_asked() {
        let mut s = Script::running();
        s.node_down(EAST_1, NodeDownHow::Killed);
        s.node_up(EAST_1, 2);
        s.fault(FaultKind::Stop, true, vec![EAST_1], Vec::new());
        s.node_down(EAST_1, NodeDownHow::Exited);
        s.judge(ID).held(4);
    }

    #[test]
    fn breaks_if_a_node_panics_or_leaves_by_itself() {
        let mut s = Script::running();
        s.node_down(EAST_1, NodeDownHow::Panicked);
        assert_eq!(s.judge(ID).broke(1_000), "east/1 panicked.");

        let mut s = Script::running();
        s.node_down(EAST_1, NodeDownHow::Exited);
        assert!(s.judge(ID).broke(1_000).contains("without having been asked to"));
    }

    #[test]
    fn is_not_checked_if_no_node_starts() {
        Script::new().judge(ID).vacuous();
    }
}
