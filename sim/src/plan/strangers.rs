//! Who cannot find each other again.
//!
//! A node is found by a configured route, which has a name and a port in it, or by hearsay: the
//! address from which others see it call. A fault can make either wrong for good. Where it makes
//! all of them wrong, no broker brings two nodes together again.

use super::{ConnsFault, FaultAction, Plan, RoutePlan, Site};
use crate::ids::NodeId;

/// Pairs of nodes that could not find each other again if they lost each other after all faults.
pub(crate) fn strangers(plan: &Plan) -> Vec<(NodeId, NodeId)> {
    let all = || (0..).map(NodeId).take(plan.nodes.len());
    let hidden: Vec<NodeId> = all().filter(|node| hearsay_is_wrong(plan, *node)).collect();
    let pairs = hidden.iter().flat_map(|a| hidden.iter().map(move |b| (*a, *b)));
    let of_one_cluster = |a: NodeId, b: NodeId| {
        plan.nodes[usize::from(a.0)].cluster == plan.nodes[usize::from(b.0)].cluster
    };
    pairs
        .filter(|(a, b)| a < b && of_one_cluster(*a, *b))
        .filter(|(a, b)| !is_configured(plan, *a, *b) && !is_configured(plan, *b, *a))
        .collect()
}

/// A node that comes back on another port, where no configured route leads to, and that has no route
/// itself to a node that is there in the end and where it is expected.
pub(crate) fn cut_off(plan: &Plan) -> Option<NodeId> {
    let leavers = plan.leavers();
    let moves = |id: NodeId| plan.faults.iter().any(|fault| fault.action.moves_port_of(id));
    let mut all = (0..).map(NodeId).zip(&plan.nodes);
    let cut_off = all.find(|(id, node)| {
        let finds = |route: &RoutePlan| {
            matches!(route, RoutePlan::Node(to)
            if to != id && !leavers.contains(to) && !moves(*to))
        };
        moves(*id) && !leavers.contains(id) && !node.routes.iter().any(finds)
    });
    cut_off.map(|(id, _)| id)
}

/// Whether others see the node call from where nobody answers.
fn hearsay_is_wrong(plan: &Plan, node: NodeId) -> bool {
    plan.faults.iter().any(|fault| {
        let rebinds = matches!(fault.action, FaultAction::Conns { what: ConnsFault::Rebind, .. });
        rebinds && fault.action.sides().is_some_and(|s| s.a.contains(&Site::Node(node)))
    })
}

/// Whether a node has a route that surely leads to the other.
fn is_configured(plan: &Plan, from: NodeId, to: NodeId) -> bool {
    let region = plan.nodes[usize::from(to.0)].region;
    let alone = plan.nodes.iter().filter(|node| node.region == region).count() == 1;
    let leads = |route: &RoutePlan| match route {
        RoutePlan::Node(node) => *node == to,
        // A name that stands for several nodes leads to one of them.
        RoutePlan::Region(named) => *named == region && alone,
    };
    plan.nodes[usize::from(from.0)].routes.iter().any(leads)
        && !plan.faults.iter().any(|fault| fault.action.moves_port_of(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "causeway-plan 1\nscenario t seed=1\n\
        region a link=l latency=1ms jitter=0s loss=0 bandwidth=0\n\
        region b link=l latency=1ms jitter=0s loss=0 bandwidth=0\n\
        path a b link=l latency=1ms jitter=0s loss=0 bandwidth=0\n\
        node a/1 region=a cluster=c start=0s wall=0 routes=\n\
        node a/2 region=a cluster=c start=0s wall=0 routes=a/1,@b\n\
        node b/1 region=b cluster=c start=0s wall=0 routes=@a\n\
        phases boot=0s warm=0s chaos=0s heal=0s quiesce=0s drain=0s end=0s\n\
        bounds rtt_max=0s interest=0s routes=0s clients=0s tcp_timeout=0s\n";

    #[test]
    fn two_whose_hearsay_is_wrong_need_a_route() {
        let (a1, a2, b1) = (NodeId(0), NodeId(1), NodeId(2));
        for (faults, expected) in [
            ("@1.0 fault 0 rebind a=a/1 b=b/1 ways=both\n", &[][..]),
            ("@1.0 fault 0 rebind a=a/1,a/2 b=b/1 ways=both\n", &[]),
            ("@1.0 fault 0 rebind a=a/1,b/1 b=a/2 ways=both\n", &[(a1, b1)]),
            ("@1.0 fault 0 rebind a=a/2,b/1 b=a/1 ways=both\n", &[]),
            (
                "@1.0 fault 0 rebind a=a/2,b/1 b=a/1 ways=both\n\
                 @2.0 fault 1 crash for=1s nodes=b/1 new_port\n",
                &[(a2, b1)],
            ),
            (
                "@1.0 fault 0 rebind a=a/2,a/1 b=b/1 ways=both\n\
                 @2.0 fault 1 power_loss for=1s nodes=a/1 new_port\n",
                &[(a1, a2)],
            ),
        ] {
            let plan = Plan::parse(&format!("{HEAD}{faults}")).unwrap();
            assert_eq!(strangers(&plan), expected, "{faults}");
        }
    }
}
