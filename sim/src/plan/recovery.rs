//! What no broker could bring back, whatever it does: proved from the plan, before anything has run.
//!
//! A node is found by a configured route, which has a name and a port in it, or by hearsay: the
//! address from which others see it call. A route may lead nowhere any more, an address may be wrong
//! for good, and a fault that is never lifted may stand between two nodes or hold one of them. What a
//! process remembers does not count as a way: it may start anew at any time.
//!
//! | why | two nodes cannot have routes to each other, because |
//! |---|---|
//! | `held` | a fault that stays holds one of them: it is down, stands still or is slow |
//! | `severed` | one stands between them |
//! | `no_path` | no path joins their regions |
//! | `no_route` | configured routes that surely lead do not join them, not even through others |
//! | `hearsay` | neither has a route to the other, and both are known under wrong addresses |
//!
//! Routes lead surely through nodes that no fault stands against, so a pair that may be brought
//! together by luck (a name with a dead server behind it, a neighbour that is hardly alive) counts
//! as lost, and one that is not listed here is a broker's business.

use super::{ConnsFault, FaultAction, FaultPlan, HostWhat, Plan, RoutePlan, Site};
use crate::history::{Lost, Unrecoverable, Why};
use crate::ids::{ClientId, NodeId, RegionId};

/// What cannot come back, of those who are to be healed; sorted.
pub(super) fn unrecoverable(plan: &Plan) -> Vec<Unrecoverable> {
    let ground = Ground::of(plan);
    let leavers = plan.leavers();
    let healed: Vec<NodeId> =
        ids(plan).filter(|id| plan.is_core(*id) && !leavers.contains(id)).collect();
    let pairs = healed.iter().flat_map(|a| healed.iter().map(move |b| (*a, *b)));
    let pairs = pairs.filter(|&(a, b)| a < b && of_one_cluster(plan, a, b));
    let nodes = pairs.filter_map(|(a, b)| {
        Some(Unrecoverable { what: Lost::Routes(a, b), why: ground.why_apart(a, b)? })
    });
    let clients = (0..).map(ClientId).take(plan.clients.len());
    let lost = clients.filter(|id| plan.has_core_server(*id) && ground.has_no_server(*id));
    let clients = lost.map(|id| Unrecoverable { what: Lost::Connection(id), why: Why::NoServer });
    nodes.chain(clients).collect()
}

/// Pairs of nodes that could not find each other again if they lost each other after all faults,
/// because what others know of them is wrong.
pub(super) fn strangers(plan: &Plan) -> Vec<(NodeId, NodeId)> {
    let hidden: Vec<NodeId> = ids(plan).filter(|node| hearsay_is_wrong(plan, *node)).collect();
    let pairs = hidden.iter().flat_map(|a| hidden.iter().map(move |b| (*a, *b)));
    pairs
        .filter(|(a, b)| a < b && of_one_cluster(plan, *a, *b))
        .filter(|(a, b)| !is_configured(plan, *a, *b) && !is_configured(plan, *b, *a))
        .collect()
}

/// A node that comes back on another port, where no configured route leads to, and that has no route
/// itself to a node that is there in the end and where it is expected.
pub(super) fn cut_off(plan: &Plan) -> Option<NodeId> {
    let leavers = plan.leavers();
    let moves = |id: NodeId| plan.faults.iter().any(|fault| fault.action.moves_port_of(id));
    let mut all = ids(plan).zip(&plan.nodes);
    let cut_off = all.find(|(id, node)| {
        let finds = |route: &RoutePlan| {
            matches!(route, RoutePlan::Node(to)
            if to != id && !leavers.contains(to) && !moves(*to))
        };
        moves(*id) && !leavers.contains(id) && !node.routes.iter().any(finds)
    });
    cut_off.map(|(id, _)| id)
}

/// What the faults that stay leave of a plan's nodes and of the ways between them.
struct Ground<'p> {
    plan: &'p Plan,
    /// Nodes that a fault holds for good, or that have left.
    held: Vec<bool>,
    /// Into which part of the cluster each node falls.
    part: Vec<usize>,
    strangers: Vec<(NodeId, NodeId)>,
}

impl<'p> Ground<'p> {
    fn of(plan: &'p Plan) -> Self {
        let leavers = plan.leavers();
        let staying = || plan.faults.iter().filter(|fault| fault.stays());
        let held = ids(plan).map(|id| {
            leavers.contains(&id)
                || staying().any(|fault| holds(fault) && fault.action.nodes().contains(&id))
        });
        let held: Vec<bool> = held.collect();
        let part = (0..held.len()).collect();
        let mut ground = Self { plan, held, part, strangers: strangers(plan) };
        ground.join();
        ground
    }

    /// Gossip joins what routes connect.
    fn join(&mut self) {
        let pairs = ids(self.plan).flat_map(|a| ids(self.plan).map(move |b| (a, b)));
        let joined: Vec<(NodeId, NodeId)> =
            pairs.filter(|&(from, to)| self.surely_leads(from, to)).collect();
        for (from, to) in joined {
            let (old, new) = (self.part[usize::from(to.0)], self.part[usize::from(from.0)]);
            self.part.iter_mut().filter(|part| **part == old).for_each(|part| *part = new);
        }
    }

    fn is_held(&self, node: NodeId) -> bool {
        self.held[usize::from(node.0)]
    }

    /// Whether a configured route of one leads to the other, who is there to answer.
    fn surely_leads(&self, from: NodeId, to: NodeId) -> bool {
        let plan = self.plan;
        let region = plan.nodes[usize::from(to.0)].region;
        // Whoever the name leads to must be there.
        let sure = |named: RegionId| {
            named == region
                && ids(plan).all(|id| {
                    plan.nodes[usize::from(id.0)].region != named
                        || !self.is_held(id) && !self.is_severed(from, id)
                })
        };
        let misled = |fault: &FaultPlan| {
            let lies = matches!(fault.action, FaultAction::Dns(_)) && fault.stays();
            fault.action.moves_port_of(to) || lies && fault.action.nodes().contains(&to)
        };
        from != to
            && of_one_cluster(plan, from, to)
            && !self.is_held(from)
            && !self.is_held(to)
            && !self.is_severed(from, to)
            && plan.is_joined(from, to)
            && plan.last_routes(usize::from(from.0)).iter().any(|route| match route {
                RoutePlan::Node(node) => *node == to,
                RoutePlan::Region(named) => sure(*named),
            })
            && !plan.faults.iter().any(misled)
    }

    /// Whether a fault that stays keeps two nodes from having connections.
    fn is_severed(&self, a: NodeId, b: NodeId) -> bool {
        self.is_cut_off(Site::Node(a), Site::Node(b))
    }

    fn is_cut_off(&self, a: Site, b: Site) -> bool {
        let stands = |fault: &FaultPlan| {
            severs(fault)
                && fault
                    .action
                    .sides()
                    .is_some_and(|sides| sides.pairs().any(|pair| pair == (a, b) || pair == (b, a)))
        };
        self.plan.faults.iter().any(stands)
    }

    fn why_apart(&self, a: NodeId, b: NodeId) -> Option<Why> {
        let part = |node: NodeId| self.part[usize::from(node.0)];
        Some(if self.is_held(a) || self.is_held(b) {
            Why::Held
        } else if self.is_severed(a, b) {
            Why::Severed
        } else if !self.plan.is_joined(a, b) {
            Why::NoPath
        } else if part(a) != part(b) {
            Why::NoRoute
        } else if self.strangers.contains(&(a, b)) {
            Why::Hearsay
        } else {
            return None;
        })
    }

    /// Whether none of the client's servers can be reached any more.
    fn has_no_server(&self, client: ClientId) -> bool {
        let Some(client) = self.plan.clients.get(client.0 as usize) else { return false };
        let here = Site::Clients(client.region);
        client.nodes.iter().all(|id| self.is_held(*id) || self.is_cut_off(here, Site::Node(*id)))
    }
}

/// Whether a fault that stays keeps its nodes from working as they should.
fn holds(fault: &FaultPlan) -> bool {
    match &fault.action {
        FaultAction::Crash(_) | FaultAction::Stop(_) | FaultAction::LameDuck(_) => true,
        FaultAction::Host(host) => {
            matches!(host.what, HostWhat::Pause | HostWhat::SlowCpu(_) | HostWhat::PowerLoss { .. })
        }
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_) => false,
    }
}

/// Whether a fault stays and keeps those from each other between whom it stands.
fn severs(fault: &FaultPlan) -> bool {
    fault.stays()
        && match &fault.action {
            FaultAction::Cut { .. } | FaultAction::Refuse(_) => true,
            FaultAction::Conns { what, .. } => {
                matches!(what, ConnsFault::Hold | ConnsFault::CutStream { .. } | ConnsFault::HangUp)
            }
            FaultAction::Reset(_)
            | FaultAction::Degrade { .. }
            | FaultAction::Crash(_)
            | FaultAction::Stop(_)
            | FaultAction::LameDuck(_)
            | FaultAction::Dns(_)
            | FaultAction::StopReading(_)
            | FaultAction::Host(_) => false,
        }
}

fn ids(plan: &Plan) -> impl Iterator<Item = NodeId> + use<> {
    (0..).map(NodeId).take(plan.nodes.len())
}

fn of_one_cluster(plan: &Plan, a: NodeId, b: NodeId) -> bool {
    plan.nodes[usize::from(a.0)].cluster == plan.nodes[usize::from(b.0)].cluster
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
