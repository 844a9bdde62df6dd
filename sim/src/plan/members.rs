//! Who is there at all: nodes that come late and nodes that leave for good.
//!
//! A broker can only join what routes connect, and a client can only go where a node is. A plan in
//! which somebody has no way at all asks for what nobody could do.

use std::collections::BTreeSet;

use super::{FaultPlan, HostFault, HostWhat, Plan, RoutePlan};
use crate::ids::{ClientId, NodeId, RegionId};

impl Plan {
    fn hit_by(&self, is: impl Fn(&HostWhat) -> bool) -> BTreeSet<NodeId> {
        let hosts = self.faults.iter().filter_map(|fault| fault.action.host());
        hosts.filter(|host| is(&host.what)).flat_map(|host| &host.nodes).copied().collect()
    }

    /// The nodes that leave for good.
    #[must_use]
    pub fn leavers(&self) -> BTreeSet<NodeId> {
        self.hit_by(|what| matches!(what, HostWhat::Leave))
    }

    /// The nodes that are started by the plan's faults, not at the beginning.
    #[must_use]
    pub fn joiners(&self) -> BTreeSet<NodeId> {
        self.hit_by(|what| matches!(what, HostWhat::Join))
    }

    /// A node that comes or goes twice, or goes before it comes, and which of it.
    #[must_use]
    pub(super) fn twice_or_backwards(&self) -> Option<(NodeId, &'static str)> {
        let times = |node: NodeId, is: fn(&HostWhat) -> bool| -> Vec<u64> {
            let hits = |fault: &&FaultPlan| {
                let host = fault.action.host();
                host.is_some_and(|host| is(&host.what) && host.nodes.contains(&node))
            };
            self.faults.iter().filter(hits).map(|fault| fault.at).collect()
        };
        (0..).map(NodeId).take(self.nodes.len()).find_map(|node| {
            let joins = times(node, |what| matches!(what, HostWhat::Join));
            let leaves = times(node, |what| matches!(what, HostWhat::Leave));
            if joins.len() > 1 {
                return Some((node, "joins twice"));
            }
            if leaves.len() > 1 {
                return Some((node, "leaves twice: it goes for good"));
            }
            let backwards = joins.first().zip(leaves.first()).is_some_and(|(j, l)| j >= l);
            backwards.then_some((node, "leaves before it joins"))
        })
    }

    /// Clients that may have no node to go to at some time: each of theirs comes late, or leaves.
    #[must_use]
    pub(crate) fn homeless(&self) -> Option<ClientId> {
        let not_always_there = &self.joiners() | &self.leavers();
        let mut clients = (0..).map(ClientId).zip(&self.clients);
        let homeless = clients.find(|(_, c)| c.nodes.iter().all(|n| not_always_there.contains(n)));
        homeless.map(|(id, _)| id)
    }

    /// Into how many parts the configured routes let the nodes fall that stay: gossip joins what
    /// routes connect, in whichever direction, inside of one cluster and where there is a way.
    #[must_use]
    pub(crate) fn islands(&self) -> usize {
        self.islands_without(&self.leavers())
    }

    /// The same, as if these nodes had never been.
    #[must_use]
    pub(super) fn islands_without(&self, gone: &BTreeSet<NodeId>) -> usize {
        let stays = |at: usize| u16::try_from(at).is_ok_and(|at| !gone.contains(&NodeId(at)));
        let mut island: Vec<usize> = (0..self.nodes.len()).collect();
        for (from, node) in self.nodes.iter().enumerate().filter(|(at, _)| stays(*at)) {
            let routes = self.last_routes(from);
            for (to, peer) in self.nodes.iter().enumerate().filter(|(at, _)| stays(*at)) {
                let there = peer.region;
                let way = self.regions_joined(node.region, there);
                let listed = routes.iter().any(|route| match route {
                    RoutePlan::Node(id) => usize::from(id.0) == to,
                    RoutePlan::Region(region) => *region == there,
                });
                if way && listed && node.cluster == peer.cluster {
                    let (old, new) = (island[to], island[from]);
                    island.iter_mut().filter(|at| **at == old).for_each(|at| *at = new);
                }
            }
        }
        let left = island.into_iter().enumerate().filter(|(at, _)| stays(*at));
        left.map(|(_, island)| island).collect::<BTreeSet<_>>().len()
    }

    /// Whether those who are there are joined by configured routes, at any time, as well as all would
    /// be.
    #[must_use]
    pub(super) fn are_always_joined(&self) -> bool {
        let moves = |fault: &FaultPlan| {
            let what = &fault.action.host()?.what;
            matches!(what, HostWhat::Join | HostWhat::Leave).then_some(fault.at)
        };
        let moments: BTreeSet<u64> = self.faults.iter().filter_map(moves).chain([0]).collect();
        let absent = |at: u64| -> BTreeSet<NodeId> {
            let faults = self.faults.iter().filter(|fault| match &fault.action.host() {
                Some(HostFault { what: HostWhat::Join, .. }) => fault.at > at,
                Some(HostFault { what: HostWhat::Leave, .. }) => fault.at <= at,
                _ => false,
            });
            faults.flat_map(|fault| fault.action.nodes()).copied().collect()
        };
        let all = self.islands_without(&BTreeSet::new());
        moments.into_iter().all(|at| self.islands_without(&absent(at)) <= all)
    }

    /// Whether there is a way between two nodes at all.
    pub(super) fn is_joined(&self, a: NodeId, b: NodeId) -> bool {
        let region = |node: NodeId| self.nodes.get(usize::from(node.0)).map(|node| node.region);
        region(a).zip(region(b)).is_some_and(|(a, b)| self.regions_joined(a, b))
    }

    fn regions_joined(&self, a: RegionId, b: RegionId) -> bool {
        a == b
            || self.paths.iter().any(|path| [(path.a, path.b), (path.b, path.a)].contains(&(a, b)))
    }

    /// The routes that a node is configured with at the end: the last reload for good counts.
    pub(super) fn last_routes(&self, at: usize) -> &[RoutePlan] {
        let for_good = self.faults.iter().rev().filter(|fault| fault.lasts == 0);
        let mut routes = for_good.filter_map(|fault| {
            let HostFault { nodes, what: HostWhat::Reload(reload) } = fault.action.host()? else {
                return None;
            };
            let hit = nodes.iter().any(|node| usize::from(node.0) == at);
            reload.routes.as_deref().filter(|_| hit)
        });
        routes.next().unwrap_or(&self.nodes[at].routes)
    }
}
