//! Whom a fault of a swarm hits.

use std::collections::BTreeSet;

use super::super::select;
use crate::ids::NodeId;
use crate::plan::{Plan, RoutePlan};
use crate::rng::Stream;
use crate::scenario::{Between, RouteTarget, Selector, Ways};

/// Draws whom a fault hits.
pub(super) struct Whom<'a> {
    pub(super) plan: &'a Plan,
    /// Nodes that had better not be hit.
    pub(super) keep: &'a BTreeSet<NodeId>,
    pub(super) stream: Stream,
    /// The fault is never over.
    pub(super) for_good: bool,
}

impl Whom<'_> {
    /// Two sides, or one that is cut off from everybody else.
    pub(super) fn between(&mut self) -> Option<Between> {
        let (a, b) = match self.stream.below(6) {
            0 => (self.one_node()?, None),
            1 => {
                let few = self.a_few();
                (self.named(&few)?, None)
            }
            2 => (Selector::Region(self.region()?), None),
            3 => (self.one_node()?, Some(self.any_node()?)),
            4 => (Selector::Region(self.region()?), Some(Selector::Region(self.region()?))),
            _ => {
                let region = self.region()?;
                (Selector::Clients(region.clone()), Some(Selector::Nodes(region)))
            }
        };
        let direction = self.direction();
        let sites = |selector: &Selector| {
            // It draws nothing: all are named.
            select::sites(self.plan, selector, &mut Stream::new(0, "plan.swarm.named", &[]))
        };
        let here = sites(&a);
        let there = match &b {
            Some(b) => sites(b),
            None => select::everything(self.plan).difference(&here).copied().collect(),
        };
        let apart = !here.is_empty() && !there.is_empty() && here.is_disjoint(&there);
        apart.then_some(Between { a, b, direction })
    }

    /// Nodes for a shape of several sides.
    pub(super) fn several(&mut self, least: usize) -> Option<Selector> {
        let mut all = self.ids();
        if all.len() < least {
            return None;
        }
        self.stream.shuffle(&mut all);
        let count = self.stream.between(least as u64, all.len() as u64);
        all.truncate(usize::try_from(count).unwrap_or(least));
        self.named(&all)
    }

    /// Nodes that a fault happens to: mostly one.
    pub(super) fn nodes(&mut self) -> Option<Selector> {
        let hit = self.hit();
        self.named(&hit)
    }

    /// Nodes whose processes end, and whether they come back on another route port: now and then,
    /// if they will be found there.
    pub(super) fn nodes_and_port(&mut self) -> Option<(Selector, bool)> {
        let hit = self.hit();
        let may_move = hit.iter().all(|node| self.may_move(*node));
        let moves = self.rarely() && may_move;
        Some((self.named(&hit)?, moves))
    }

    /// Configured routes have a port in them. So a node can be found on another one only if it
    /// dials somebody itself who stays where everybody expects him.
    fn may_move(&self, node: NodeId) -> bool {
        let is_listed = |node: NodeId| {
            let listed = RoutePlan::Node(node);
            self.plan.nodes.iter().any(|other| other.routes.contains(&listed))
        };
        let dials = self.plan.nodes[usize::from(node.0)].routes.iter();
        let finds = |route: &RoutePlan| matches!(route, RoutePlan::Node(to) if *to != node);
        !is_listed(node) && dials.clone().any(finds)
    }

    /// A node, and other routes for it: some more than it has, and perhaps without those. Whoever
    /// relies on what it has does so again when the fault is over, so for good there are only more.
    pub(super) fn other_routes(&mut self) -> Option<(Selector, Vec<RouteTarget>)> {
        let id = *self.some_nodes(1).first()?;
        let here = &self.plan.nodes[usize::from(id.0)];
        let mut routes = Vec::new();
        if self.for_good || self.stream.below(2) == 1 {
            routes.extend(here.routes.iter().filter_map(|route| self.target(*route)));
        }
        let mut others = self.ids();
        others.retain(|to| self.plan.nodes[usize::from(to.0)].cluster == here.cluster);
        self.stream.shuffle(&mut others);
        let more = self.stream.below(3);
        for to in others.into_iter().take(usize::try_from(more).unwrap_or(0)) {
            let by_name = self.stream.below(2) == 1;
            let region = RoutePlan::Region(self.plan.nodes[usize::from(to.0)].region);
            let route = if by_name { region } else { RoutePlan::Node(to) };
            routes.extend(self.target(route).filter(|target| !routes.contains(target)));
        }
        Some((self.named(&[id])?, routes))
    }

    /// A route as a scenario writes it.
    fn target(&self, route: RoutePlan) -> Option<RouteTarget> {
        Some(match route {
            RoutePlan::Region(region) => {
                RouteTarget::Name(self.plan.region_name(region).to_owned())
            }
            RoutePlan::Node(node) => {
                let (region, number) = self.plan.node_name(node).rsplit_once('/')?;
                RouteTarget::Node(region.to_owned(), number.parse().ok()?)
            }
        })
    }

    /// The clients of a region.
    pub(super) fn clients(&mut self) -> Option<Selector> {
        let lived_in: BTreeSet<_> = self.plan.clients.iter().map(|client| client.region).collect();
        let lived_in: Vec<_> = lived_in.into_iter().collect();
        let region = *self.stream.pick(&lived_in)?;
        Some(Selector::Clients(self.plan.region_name(region).to_owned()))
    }

    /// Mostly both ways.
    pub(super) fn direction(&mut self) -> Ways {
        match self.stream.below(4) {
            0 => Ways::Forward,
            1 => Ways::Backward,
            _ => Ways::Both,
        }
    }

    /// Once in four times.
    pub(super) fn rarely(&mut self) -> bool {
        self.stream.below(4) == 0
    }

    fn region(&mut self) -> Option<String> {
        self.stream.pick(&self.plan.regions).map(|region| region.name.clone())
    }

    fn hit(&mut self) -> Vec<NodeId> {
        if self.stream.below(4) > 0 { self.some_nodes(1) } else { self.a_few() }
    }

    fn a_few(&mut self) -> Vec<NodeId> {
        let most = self.plan.nodes.len().div_ceil(2).max(1);
        let count = self.stream.between(1, most as u64);
        self.some_nodes(usize::try_from(count).unwrap_or(1))
    }

    /// So many nodes of those that need not be kept.
    fn some_nodes(&mut self, count: usize) -> Vec<NodeId> {
        let mut free: Vec<NodeId> =
            self.ids().into_iter().filter(|id| !self.keep.contains(id)).collect();
        self.stream.shuffle(&mut free);
        free.truncate(count);
        free
    }

    pub(super) fn one_node(&mut self) -> Option<Selector> {
        let one = self.some_nodes(1);
        self.named(&one)
    }

    /// A node that keeps streams.
    pub(super) fn keeper(&mut self) -> Option<Selector> {
        let keeps = |id: &NodeId| self.plan.nodes[usize::from(id.0)].jetstream.is_some();
        let keepers: Vec<NodeId> = self.ids().into_iter().filter(keeps).collect();
        let one = *self.stream.pick(&keepers)?;
        self.named(&[one])
    }

    fn any_node(&mut self) -> Option<Selector> {
        let all = self.ids();
        let one = *self.stream.pick(&all)?;
        self.named(&[one])
    }

    fn ids(&self) -> Vec<NodeId> {
        (0..).map(NodeId).take(self.plan.nodes.len()).collect()
    }

    /// Exactly these.
    fn named(&self, nodes: &[NodeId]) -> Option<Selector> {
        let one = |id: &NodeId| {
            let (region, number) = self.plan.node_name(*id).rsplit_once('/')?;
            Some(Selector::Node(region.to_owned(), number.parse().ok()?))
        };
        let mut all = nodes.iter().filter_map(one);
        let first = all.next()?;
        Some(all.fold(first, |some, node| Selector::Union(Box::new(some), Box::new(node))))
    }
}
