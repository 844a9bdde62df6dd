//! Plans without some of their parts, with all references kept valid.

use std::collections::{BTreeMap, BTreeSet};

use crate::guarantee;
use crate::ids::{ClientId, NodeId, RegionId, Sid};
use crate::plan::{
    ClientPlan, Condition, FaultAction, FaultPlan, HostFault, HostWhat, NamesPlan, NodePlan, Op,
    OpPlan, PathPlan, Plan, ProcessPlan, ReloadPlan, RoutePlan, Sides, Site, StreamPlan, Watched,
    When,
};
use crate::scenario::Role;

/// The plan with these nodes and clients only. A client that loses all its nodes goes to another
/// one of its region, or else of its cluster, or out with them; a route to a node that is gone leads to another one of its
/// region; a fault that hits nobody any more is left out, and so is a region in which nobody
/// stands.
///
/// `None` if that is no plan: without a node, without one of its core, with a cluster that its routes no longer join, or
/// with a guarantee that is confined to something that is gone.
pub(super) fn with_members(
    plan: &Plan,
    nodes: &BTreeSet<NodeId>,
    clients: &BTreeSet<ClientId>,
) -> Option<Plan> {
    let cut = Cut::of(plan, nodes, clients);
    let made = cut.plan();
    let sound = !made.nodes.is_empty()
        && made.core.as_ref().is_none_or(|core| !core.is_empty())
        && cut.keeps_streams()
        && made.islands() <= plan.islands()
        && made.guarantees.iter().all(|g| guarantee::knows_scope(&g.scope, &made.header("")));
    sound.then_some(made)
}

/// The plan with these faults only, by their places.
pub(super) fn with_faults(plan: &Plan, kept: &[usize]) -> Plan {
    let mut made = plan.clone();
    made.faults = kept.iter().filter_map(|&at| plan.faults.get(at).cloned()).collect();
    made.renumber();
    made
}

/// The plan with these operations only, by their places, and without what makes no sense alone: an
/// UNSUB of something that is not subscribed.
pub(super) fn with_ops(plan: &Plan, kept: &BTreeSet<usize>) -> Plan {
    let mut made = plan.clone();
    let ops = plan.ops.iter().enumerate().filter(|(at, _)| kept.contains(at));
    made.ops = ops.map(|(_, op)| *op).collect();
    let mut live: BTreeSet<(ClientId, Sid)> = BTreeSet::new();
    made.ops.retain(|op| match op.op {
        Op::Sub { sid, .. } => {
            live.insert((op.client, sid));
            true
        }
        Op::Unsub { sid, max: 0 } => live.remove(&(op.client, sid)),
        Op::Unsub { sid, .. } => live.contains(&(op.client, sid)),
        Op::Connect | Op::Close | Op::Pub { .. } | Op::Request { .. } | Op::Stream(_) => true,
    });
    made
}

/// All nodes of a plan.
pub(super) fn node_ids(plan: &Plan) -> BTreeSet<NodeId> {
    (0..).map(NodeId).take(plan.nodes.len()).collect()
}

/// All clients of a plan.
pub(super) fn client_ids(plan: &Plan) -> BTreeSet<ClientId> {
    (0..).map(ClientId).take(plan.clients.len()).collect()
}

/// Who stays, and under which new number.
struct Cut<'p> {
    plan: &'p Plan,
    nodes: BTreeMap<NodeId, NodeId>,
    clients: BTreeMap<ClientId, ClientId>,
    regions: BTreeMap<RegionId, RegionId>,
}

impl<'p> Cut<'p> {
    fn of(plan: &'p Plan, nodes: &BTreeSet<NodeId>, clients: &BTreeSet<ClientId>) -> Self {
        let nodes = nodes.iter().copied().zip((0..).map(NodeId)).collect();
        let (none, nowhere) = (BTreeMap::new(), BTreeMap::new());
        let mut cut = Self { plan, nodes, clients: none, regions: nowhere };
        let stay = |id: &ClientId| {
            plan.clients.get(id.0 as usize).is_some_and(|c| cut.place_of(c).is_some())
        };
        let staying: Vec<ClientId> = clients.iter().copied().filter(stay).collect();
        cut.clients = staying.into_iter().zip((0..).map(ClientId)).collect();
        let of_nodes = cut.nodes.keys().map(|id| plan.nodes[usize::from(id.0)].region);
        let of_clients =
            cut.clients.keys().filter_map(|id| cut.place_of(&plan.clients[id.0 as usize]));
        let regions: BTreeSet<RegionId> =
            of_nodes.chain(of_clients.map(|(region, _)| region)).collect();
        cut.regions = regions.into_iter().zip((0..).map(RegionId)).collect();
        cut
    }

    /// Nodes with streams stay, and those who make the streams and read them back.
    fn keeps_streams(&self) -> bool {
        let clients = (0..).map(ClientId).zip(&self.plan.clients);
        let mut auditors = clients.filter(|(_, client)| client.role == Role::Audit);
        auditors.all(|(id, _)| self.clients.contains_key(&id))
            && self.plan.streams.iter().all(|stream| self.nodes.contains_key(&stream.node))
    }

    fn stream(&self, stream: &StreamPlan) -> StreamPlan {
        let node = self.nodes.get(&stream.node).copied().unwrap_or_default();
        StreamPlan { node, ..stream.clone() }
    }

    fn plan(&self) -> Plan {
        let plan = self.plan;
        let paths = plan.paths.iter().filter_map(|path| {
            let (a, b) = (self.regions.get(&path.a)?, self.regions.get(&path.b)?);
            Some(PathPlan { a: *a, b: *b, link: path.link.clone() })
        });
        let ops = plan.ops.iter().filter_map(|op| {
            let client = *self.clients.get(&op.client)?;
            Some(OpPlan { client, ..*op })
        });
        let faults = plan
            .faults
            .iter()
            .filter_map(|fault| {
                let (action, when) = (self.action(fault)?, self.when(fault.when.as_ref())?);
                Some(FaultPlan { action, when, ..fault.clone() })
            })
            .collect();
        let core = plan.core.as_ref().map(|core| {
            core.iter().filter_map(|id| self.nodes.get(id).copied()).collect::<Vec<_>>()
        });
        let conditions = plan.conditions.iter().map(|condition| Condition {
            watched: self.watched(&condition.watched),
            ..condition.clone()
        });
        let mut made = Plan {
            core,
            regions: self
                .regions
                .keys()
                .map(|id| plan.regions[usize::from(id.0)].clone())
                .collect(),
            paths: paths.collect(),
            nodes: self.nodes.keys().map(|id| self.node(*id)).collect(),
            clients: self.clients.keys().map(|id| self.client(*id)).collect(),
            faults,
            ops: ops.collect(),
            streams: plan.streams.iter().map(|stream| self.stream(stream)).collect(),
            conditions: conditions.collect(),
            ..plan.clone()
        };
        made.renumber();
        made
    }

    fn node(&self, id: NodeId) -> NodePlan {
        let node = &self.plan.nodes[usize::from(id.0)];
        let routes = self.routes(&node.routes);
        let region = self.regions.get(&node.region).copied().unwrap_or(RegionId(0));
        NodePlan { region, routes, ..node.clone() }
    }

    fn host(&self, what: &HostWhat) -> HostWhat {
        let mut what = what.clone();
        if let HostWhat::Reload(ReloadPlan { routes: Some(routes), .. }) = &mut what {
            *routes = self.routes(routes);
        }
        what
    }

    fn routes(&self, of_plan: &[RoutePlan]) -> Vec<RoutePlan> {
        let mut routes: Vec<RoutePlan> = Vec::new();
        for route in of_plan {
            let route = match route {
                RoutePlan::Node(to) => {
                    let to = self.nodes.get(to).copied().or_else(|| self.neighbour(*to));
                    to.map(RoutePlan::Node)
                }
                // A name without a server behind it is an error of another kind.
                RoutePlan::Region(region) => {
                    let there = |id: &NodeId| self.plan.nodes[usize::from(id.0)].region == *region;
                    let region = self.regions.get(region).filter(|_| self.nodes.keys().any(there));
                    region.copied().map(RoutePlan::Region)
                }
            };
            if let Some(route) = route
                && !routes.contains(&route)
            {
                routes.push(route);
            }
        }
        routes
    }

    /// A node that stays, of the region and the cluster of one that goes.
    fn neighbour(&self, gone: NodeId) -> Option<NodeId> {
        let of = |id: &NodeId| {
            self.plan.nodes.get(usize::from(id.0)).map(|node| (node.region, &node.cluster))
        };
        self.nodes.iter().find(|(id, _)| of(id) == of(&gone)).map(|(_, new)| *new)
    }

    /// Where a client stands from now on, by the old number, and its nodes, by their new ones.
    fn place_of(&self, client: &ClientPlan) -> Option<(RegionId, Vec<NodeId>)> {
        let stay: Vec<NodeId> =
            client.nodes.iter().filter_map(|id| self.nodes.get(id).copied()).collect();
        if !stay.is_empty() {
            return Some((client.region, stay));
        }
        if let Some(near) = client.nodes.iter().find_map(|id| self.neighbour(*id)) {
            return Some((client.region, vec![near]));
        }
        let node = |id: &NodeId| self.plan.nodes.get(usize::from(id.0));
        let cluster = &client.nodes.iter().find_map(node)?.cluster;
        let far = |id: &NodeId| node(id).is_some_and(|node| node.cluster == *cluster);
        let (old, new) = self.nodes.iter().find(|(id, _)| far(id))?;
        Some((node(old)?.region, vec![*new]))
    }

    fn client(&self, id: ClientId) -> ClientPlan {
        let client = &self.plan.clients[id.0 as usize];
        let (region, nodes) = self.place_of(client).unwrap_or((client.region, Vec::new()));
        let region = self.regions.get(&region).copied().unwrap_or(RegionId(0));
        ClientPlan { region, nodes, ..client.clone() }
    }

    fn action(&self, fault: &FaultPlan) -> Option<FaultAction> {
        Some(match &fault.action {
            FaultAction::Cut { between, blackhole } => {
                FaultAction::Cut { between: self.sides(between)?, blackhole: *blackhole }
            }
            FaultAction::Conns { between, what } => {
                FaultAction::Conns { between: self.sides(between)?, what: *what }
            }
            FaultAction::Reset(between) => FaultAction::Reset(self.sides(between)?),
            FaultAction::Refuse(between) => FaultAction::Refuse(self.sides(between)?),
            FaultAction::Degrade { between, latency_ns, jitter_ns, loss_ppm, bandwidth } => {
                FaultAction::Degrade {
                    between: self.sides(between)?,
                    latency_ns: *latency_ns,
                    jitter_ns: *jitter_ns,
                    loss_ppm: *loss_ppm,
                    bandwidth: *bandwidth,
                }
            }
            FaultAction::Crash(process) => FaultAction::Crash(self.process(process)?),
            FaultAction::Stop(process) => FaultAction::Stop(self.process(process)?),
            FaultAction::LameDuck(process) => FaultAction::LameDuck(self.process(process)?),
            FaultAction::Dns(names) => {
                FaultAction::Dns(NamesPlan { nodes: self.nodes(&names.nodes)?, old: names.old })
            }
            FaultAction::Host(host) => FaultAction::Host(HostFault {
                nodes: self.nodes(&host.nodes)?,
                what: self.host(&host.what),
            }),
            FaultAction::StopReading(clients) => {
                let clients: Vec<ClientId> =
                    clients.iter().filter_map(|id| self.clients.get(id).copied()).collect();
                (!clients.is_empty()).then_some(FaultAction::StopReading(clients))?
            }
        })
    }

    /// What a fault waits for, about those that stay; `None` if nobody does.
    fn when(&self, when: Option<&When>) -> Option<Option<When>> {
        let Some(when) = when else { return Some(None) };
        let watched = self.watched(&when.watched);
        (!watched.is_empty()).then(|| Some(When { watched, ..when.clone() }))
    }

    fn watched(&self, watched: &Watched) -> Watched {
        let clients = |all: &[ClientId]| -> Vec<ClientId> {
            all.iter().filter_map(|id| self.clients.get(id).copied()).collect()
        };
        let nodes = |all: &[NodeId]| -> Vec<NodeId> {
            all.iter().filter_map(|id| self.nodes.get(id).copied()).collect()
        };
        match watched {
            Watched::Count(all) => Watched::Count(clients(all)),
            Watched::Connected(all) => Watched::Connected(clients(all)),
            Watched::Up(all) => Watched::Up(nodes(all)),
            Watched::Routes(a, b) => Watched::Routes(nodes(a), nodes(b)),
            Watched::Begun(_) | Watched::Over(_) => watched.clone(),
        }
    }

    fn sides(&self, sides: &Sides) -> Option<Sides> {
        let side = |sites: &[Site]| -> Option<Vec<Site>> {
            let mut stay: Vec<Site> = sites.iter().filter_map(|site| self.site(*site)).collect();
            stay.sort_unstable();
            (!stay.is_empty()).then_some(stay)
        };
        Some(Sides { a: side(&sides.a)?, b: side(&sides.b)?, ways: sides.ways })
    }

    fn site(&self, site: Site) -> Option<Site> {
        match site {
            Site::Node(id) => self.nodes.get(&id).copied().map(Site::Node),
            // Clients that do not exist cannot be cut off.
            Site::Clients(region) => {
                let here = |id: &ClientId| self.plan.clients[id.0 as usize].region == region;
                let region = self.regions.get(&region).filter(|_| self.clients.keys().any(here));
                region.copied().map(Site::Clients)
            }
        }
    }

    fn process(&self, process: &ProcessPlan) -> Option<ProcessPlan> {
        let &ProcessPlan { ref nodes, new_port, new_address } = process;
        Some(ProcessPlan { nodes: self.nodes(nodes)?, new_port, new_address })
    }

    /// Those that stay; `None` if nobody does.
    fn nodes(&self, nodes: &[NodeId]) -> Option<Vec<NodeId>> {
        let stay: Vec<NodeId> = nodes.iter().filter_map(|id| self.nodes.get(id).copied()).collect();
        (!stay.is_empty()).then_some(stay)
    }
}
