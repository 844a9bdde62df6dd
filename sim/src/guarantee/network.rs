//! What is whole and what is broken: nodes, faults, and the paths between sites.
//!
//! A plan may heal a *core* of nodes and leave the rest as broken as it is. What must happen
//! eventually is promised to the core alone: "healed", "all up" and "quiet" are said of its nodes and
//! of what is between them, and faults that are never lifted do not count, because by then they
//! touch others only. Without a core, everybody is in it.
//!
//! A guarantee about delivery holds only where nothing stands in the way, so the checkers must
//! know, at every moment, since when a path has been *calm*: no fault touches it, both ends run,
//! and (for two nodes) all routes between them are registered at both ends.
//!
//! A route that was there before a cut and is there after it proves little: what waited is sent
//! again, but TCP waits for somewhat longer than it had waited already, and behind a black hole nothing comes
//! any more. So such a route is *in doubt* for a time, after which the nodes must have done
//! something about it. Until then `calm_since` lies in the future.

use std::collections::BTreeMap;

use crate::history::{Fault, FaultKind, Header, Kind, Lost, Sym, Why};
use crate::ids::{ClientId, NodeId, RegionId};
use crate::plan::RETRANSMIT_NS;

/// The state of all nodes and paths.
#[derive(Debug)]
pub(crate) struct Network {
    nodes: Vec<Node>,
    regions: usize,
    /// One for each unordered pair of nodes, as `low * nodes + high`.
    pairs: Vec<Pair>,
    /// From the clients of a region to a node, as `region * nodes + node`.
    access: Vec<Access>,
    /// Lasting faults that are on, by number, each with its beginning.
    faults: BTreeMap<u32, (u64, Fault)>,
    /// For each region: since when it has been cut off from some other region.
    cut_since: Vec<Option<u64>>,
    /// For each region: when a fault last stood between two of its own nodes; `u64::MAX` while one
    /// does.
    torn_t: Vec<Option<u64>>,
    quiet_since: Option<u64>,
    /// When something last happened to nodes, faults or routes' faults.
    disturbed_t: u64,
    disturbances: u64,
    /// In this time nodes notice that a connection is dead, and replace it.
    routes_ns: u64,
    rtt_ns: u64,
    /// Faults that are never lifted.
    left: Vec<u32>,
    /// Clients all of whose servers are healed in the end; `None` is all.
    core_clients: Option<Vec<ClientId>>,
    /// What no broker can bring back.
    unrecoverable: BTreeMap<Lost, Why>,
}

#[derive(Debug)]
struct Node {
    /// It is healed in the end.
    core: bool,
    region: RegionId,
    cluster: u32,
    pool_size: u32,
    /// What the header says of that.
    configured_pool: u32,
    /// Accounts for which it was seen to have connections of their own.
    pinned: Vec<Sym>,
    up: bool,
    /// It was asked to leave: lame duck or stop.
    leaving: bool,
    /// And it is meant to stay away: it is about to go for good, or has gone.
    for_good: bool,
    /// When it was last started.
    started_t: Option<u64>,
}

/// Two nodes and what is between them.
#[derive(Debug, Default)]
struct Pair {
    same_cluster: bool,
    /// Connections that carry all accounts, as the two configurations want them.
    wanted: u32,
    /// Lasting faults that touch it.
    faults: u32,
    /// What the low and the high node have registered.
    routes: [Vec<Route>; 2],
    /// When a route last came or went.
    rerouted_t: Option<u64>,
    /// In the future while a route is in doubt.
    calm_since: Option<u64>,
    /// When a fault last ended that leaves routes in doubt, and until when those from before are.
    doubt: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    cid: u64,
    since_t: u64,
    pool: Option<u32>,
    account: Sym,
    /// The peer's process has ended since: it leads nowhere, though this end does not know yet.
    stale: bool,
}

/// What becomes of a fault.
#[derive(Clone, Copy, Debug)]
enum Edge {
    Begins,
    /// It begins and is over.
    Happens,
    Ends {
        lasted_ns: u64,
    },
}

#[derive(Debug, Default)]
struct Access {
    faults: u32,
    /// When faults began or ended.
    disturbed: Vec<u64>,
}

impl Network {
    pub(crate) fn new(header: &Header) -> Self {
        let mut clusters: Vec<&str> = Vec::new();
        let mut cluster_number = |name| {
            let known = clusters.iter().position(|&c| c == name);
            known.unwrap_or_else(|| {
                clusters.push(name);
                clusters.len() - 1
            }) as u32
        };
        let core = header.core.as_ref();
        let in_core = |id: NodeId| core.is_none_or(|core| core.nodes.contains(&id));
        let nodes: Vec<Node> = (0..)
            .map(NodeId)
            .zip(&header.nodes)
            .map(|(id, info)| Node {
                core: in_core(id),
                region: info.region,
                cluster: cluster_number(info.cluster.as_str()),
                pool_size: info.pool_size,
                configured_pool: info.pool_size,
                pinned: Vec::new(),
                up: false,
                leaving: false,
                for_good: false,
                started_t: None,
            })
            .collect();
        let mut pairs = Vec::with_capacity(nodes.len() * nodes.len());
        for a in &nodes {
            for b in &nodes {
                let wanted = wanted(a.pool_size, b.pool_size);
                let same_cluster = a.cluster == b.cluster;
                pairs.push(Pair { same_cluster, wanted, ..Pair::default() });
            }
        }
        let regions = header.regions.len();
        let mut access = Vec::new();
        access.resize_with(regions * nodes.len(), Access::default);
        Self {
            nodes,
            regions,
            pairs,
            access,
            faults: BTreeMap::new(),
            cut_since: vec![None; regions],
            torn_t: vec![None; regions],
            quiet_since: None,
            disturbed_t: 0,
            disturbances: 0,
            routes_ns: header.bounds.routes_ns,
            rtt_ns: header.bounds.rtt_max_ns,
            left: core.map_or_else(Vec::new, |core| core.left.clone()),
            core_clients: core.map(|core| core.clients.clone()),
            unrecoverable: header.unrecoverable.iter().map(|one| (one.what, one.why)).collect(),
        }
    }

    /// Whether the node is healed in the end.
    pub(crate) fn is_core(&self, node: NodeId) -> bool {
        self.nodes[usize::from(node.0)].core
    }

    /// Whether all servers of the client are healed in the end.
    pub(crate) fn is_core_client(&self, client: ClientId) -> bool {
        self.core_clients.as_ref().is_none_or(|core| core.contains(&client))
    }

    /// Why no broker can bring back what is lost, if that is so.
    pub(crate) fn why_unrecoverable(&self, lost: Lost) -> Option<Why> {
        let lost = match lost {
            Lost::Routes(a, b) => Lost::Routes(a.min(b), a.max(b)),
            Lost::Connection(_) => lost,
        };
        self.unrecoverable.get(&lost).copied()
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> u16 {
        self.nodes.len() as u16
    }

    /// Pairs of nodes of one cluster that are healed in the end, the low one first.
    pub(crate) fn core_pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let count = self.node_count();
        (0..count)
            .flat_map(move |a| (a + 1..count).map(move |b| (NodeId(a), NodeId(b))))
            .filter(|&(a, b)| self.pair(a, b).same_cluster && self.is_core(a) && self.is_core(b))
    }

    /// The region in which a node stands.
    pub(crate) fn region_of(&self, node: NodeId) -> RegionId {
        self.nodes[usize::from(node.0)].region
    }

    /// Whether the node's process runs.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.nodes[usize::from(node.0)].up
    }

    /// When the node's process was last started.
    pub(crate) fn started(&self, node: NodeId) -> Option<u64> {
        self.nodes[usize::from(node.0)].started_t
    }

    /// Whether two nodes belong to one cluster.
    pub(crate) fn shares_cluster(&self, a: NodeId, b: NodeId) -> bool {
        self.pair(a, b).same_cluster
    }

    /// Whether the node was asked to leave and has not been started again.
    pub(crate) fn is_leaving(&self, node: NodeId) -> bool {
        self.nodes[usize::from(node.0)].leaving
    }

    /// Whether the node has gone for good.
    pub(crate) fn has_left(&self, node: NodeId) -> bool {
        self.nodes[usize::from(node.0)].has_left()
    }

    /// Whether every node of the core that ever ran runs now or has gone for good, and none is about
    /// to leave.
    pub(crate) fn all_up(&self) -> bool {
        let mut core = self.nodes.iter().filter(|node| node.core);
        core.all(|n| n.has_left() || (n.up || n.started_t.is_none()) && !n.leaving)
    }

    /// Whether no lasting fault is on that excuses anything, but for those that are never lifted.
    pub(crate) fn fault_free(&self) -> bool {
        self.faults.keys().all(|id| self.left.contains(id))
    }

    /// Since when nothing has been wrong in the core; `None` while something is, or may come.
    pub(crate) fn healed_since(&self) -> Option<u64> {
        (self.fault_free() && self.all_up()).then_some(self.disturbed_t)
    }

    /// Whether a node has had a calm way to every node of its cluster for so long at `t`. One that has
    /// left needs none.
    pub(crate) fn is_calm_all_around(&self, node: NodeId, t: u64, for_ns: u64) -> bool {
        let mut others = (0..self.node_count()).map(NodeId).filter(|&other| {
            other != node && self.shares_cluster(node, other) && !self.has_left(other)
        });
        others.all(|other| {
            self.calm_since(node, other).is_some_and(|since| since.saturating_add(for_ns) <= t)
        })
    }

    /// Since when nothing at all has been wrong in the core: no fault, every node up, every pair
    /// complete.
    pub(crate) fn quiet_since(&self) -> Option<u64> {
        self.quiet_since
    }

    /// When a fault last began or ended, or a node of the core came or went; and how often that was.
    pub(crate) fn last_disturbance(&self) -> (u64, u64) {
        (self.disturbed_t, self.disturbances)
    }

    /// Since when this region has been cut off from another one.
    pub(crate) fn cut_since(&self, region: RegionId) -> Option<u64> {
        self.cut_since[usize::from(region.0)]
    }

    /// Whether no fault has stood between two nodes of the region for as long as its routes may need
    /// to recover, at time `t`.
    pub(crate) fn is_whole(&self, region: RegionId, t: u64) -> bool {
        self.torn_t[usize::from(region.0)]
            .is_none_or(|torn| torn.saturating_add(self.routes_ns) <= t)
    }

    /// Whether any region is cut off from another.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut_since.iter().any(Option::is_some)
    }

    /// Since when messages between two nodes (or inside one) have had a free way.
    pub(crate) fn calm_since(&self, a: NodeId, b: NodeId) -> Option<u64> {
        if a == b {
            return self.is_up(a).then_some(0);
        }
        // Two clusters have no way between them, however calm it is.
        self.pair(a, b).calm_since.filter(|_| self.shares_cluster(a, b))
    }

    /// When a route between two nodes last came or went; `None` if there never was one, and within
    /// one node.
    pub(crate) fn rerouted(&self, a: NodeId, b: NodeId) -> Option<u64> {
        if a == b { None } else { self.pair(a, b).rerouted_t }
    }

    /// Whether all routes between two nodes are registered at both ends.
    pub(crate) fn is_complete(&self, a: NodeId, b: NodeId) -> bool {
        let pair = self.pair(a, b);
        let whole = |side| {
            pair.registered(side) >= pair.wanted
                && self.shared_accounts(a, b).all(|account| pair.has_lane(side, account))
        };
        !pair.same_cluster || (0..2).all(whole)
    }

    /// Connections between two nodes, as their configurations want them: of the pool, and one for
    /// each account that both give its own.
    pub(crate) fn routes_wanted(&self, a: NodeId, b: NodeId) -> u32 {
        self.pair(a, b).wanted + self.shared_accounts(a, b).count() as u32
    }

    /// Those of these that `a` has announced.
    pub(crate) fn routes_registered(&self, a: NodeId, b: NodeId) -> u32 {
        let (pair, side) = (self.pair(a, b), usize::from(a > b));
        let accounts = self.shared_accounts(a, b).filter(|&account| pair.has_lane(side, account));
        pair.registered(side) + accounts.count() as u32
    }

    /// Accounts for which both nodes keep connections of their own. Only nodes with pools do.
    pub(crate) fn shared_accounts(&self, a: NodeId, b: NodeId) -> impl Iterator<Item = Sym> + '_ {
        let (a, b) = (&self.nodes[usize::from(a.0)], &self.nodes[usize::from(b.0)]);
        let pooled = a.pool_size > 0 && b.pool_size > 0;
        a.pinned.iter().copied().filter(move |account| pooled && b.pinned.contains(account))
    }

    /// Connections of `a` to `b` that `a` has announced and not taken back, of any kind.
    pub(crate) fn routes_open(&self, a: NodeId, b: NodeId) -> usize {
        self.pair(a, b).routes[usize::from(a > b)].len()
    }

    /// The numbers that `a` has given to its routes to `b`.
    pub(crate) fn route_ids(&self, a: NodeId, b: NodeId) -> impl Iterator<Item = u64> + '_ {
        self.pair(a, b).routes[usize::from(a > b)].iter().map(|route| route.cid)
    }

    /// Whether `a` still has this route to `b`.
    pub(crate) fn has_route(&self, a: NodeId, b: NodeId, cid: u64) -> bool {
        self.route_ids(a, b).any(|known| known == cid)
    }

    /// Whether the node's process stands still, and so learns of nothing.
    pub(crate) fn stands_still(&self, node: NodeId) -> bool {
        let mut faults = self.faults.values();
        faults.any(|(_, fault)| fault.kind == FaultKind::Pause && fault.nodes.contains(&node))
    }

    /// Whether this lasting fault is on.
    pub(crate) fn fault_is_on(&self, id: u32) -> bool {
        self.faults.contains_key(&id)
    }

    /// Whether clients of the region reach the node undisturbed.
    pub(crate) fn access_is_free(&self, region: RegionId, node: NodeId) -> bool {
        self.access(region, node).faults == 0
    }

    /// When a fault between the region's clients and the node last began or ended.
    pub(crate) fn access_disturbed(&self, region: RegionId, node: NodeId) -> Option<u64> {
        self.access(region, node).disturbed.last().copied()
    }

    /// Whether a fault between them began or ended in this time.
    pub(crate) fn access_disturbed_in(
        &self,
        region: RegionId,
        node: NodeId,
        (from, to): (u64, u64),
    ) -> bool {
        self.access(region, node).disturbed.iter().any(|t| (from..=to).contains(t))
    }

    /// Takes what concerns nodes, faults and routes from an event.
    pub(crate) fn apply(&mut self, t: u64, kind: &Kind) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "most events do not concern the network"
        )]
        match kind {
            Kind::Fault(fault) => self.fault(t, fault),
            Kind::NodeUp { node, pool_size, .. } => self.node_up(t, *node, *pool_size),
            Kind::NodeDown { node, .. } => self.node_down(t, *node),
            Kind::RouteUp { node, remote, pool, account, cid } => {
                let route =
                    Route { cid: *cid, since_t: t, pool: *pool, account: *account, stale: false };
                let pinned = &mut self.nodes[usize::from(node.0)].pinned;
                if !account.is_none() && !pinned.contains(account) {
                    pinned.push(*account);
                }
                self.change_routes(t, *node, *remote, |routes| routes.push(route));
            }
            Kind::RouteDown { node, remote, cid, .. } => {
                self.change_routes(t, *node, *remote, |routes| routes.retain(|r| r.cid != *cid));
            }
            _ => return,
        }
        self.refresh_quiet(t);
    }

    fn fault(&mut self, t: u64, fault: &Fault) {
        // A reload that moves no connections hits no node as a whole.
        let unnoticed = fault.kind == FaultKind::Reload && fault.nodes.is_empty();
        if fault.kind.excuses_nothing() || unnoticed {
            return;
        }
        self.disturbance(t);
        if fault.kind.is_instant() {
            // It lasts no time.
            self.touch(t, fault, Edge::Happens);
        } else if fault.on {
            let leaves = fault.kind.asks_to_leave();
            for &node in &fault.nodes {
                let node = &mut self.nodes[usize::from(node.0)];
                node.leaving |= leaves;
                node.for_good |= fault.kind == FaultKind::Leave;
            }
            if self.faults.insert(fault.id, (t, fault.clone())).is_none() {
                self.touch(t, fault, Edge::Begins);
            }
        } else if let Some((began_t, began)) = self.faults.remove(&fault.id) {
            self.touch(t, &began, Edge::Ends { lasted_ns: t - began_t });
        }
        self.refresh_cuts(t);
        self.refresh_torn(t);
    }

    /// A fault begins, ends or happens on all that it hits.
    fn touch(&mut self, t: u64, fault: &Fault, edge: Edge) {
        let count = self.node_count();
        let (change, lasted_ns) = match edge {
            Edge::Begins => (1, None),
            Edge::Happens => (0, Some(0)),
            Edge::Ends { lasted_ns } => (-1, Some(lasted_ns)),
        };
        let doubt_ns = lasted_ns.map_or(0, |lasted_ns| self.doubt_ns(fault.kind, lasted_ns));
        // A directed pair may be listed in both directions; each counts, on both edges alike.
        let whole = fault.nodes.iter().flat_map(|&n| (0..count).map(move |m| (n, NodeId(m))));
        let pairs: Vec<(NodeId, NodeId)> =
            fault.pairs.iter().copied().chain(whole).filter(|(a, b)| a != b).collect();
        for (a, b) in pairs {
            let at = self.pair_index(a, b);
            let pair = &mut self.pairs[at];
            pair.faults = pair.faults.saturating_add_signed(change);
            pair.calm_since = None;
            if doubt_ns > 0 {
                let before = pair.doubt.map_or(0, |(_, until)| until);
                pair.doubt = Some((t, before.max(t.saturating_add(doubt_ns))));
            }
            self.refresh_pair(t, a, b);
        }
        for &(region, node) in &fault.clients {
            let at = self.access_index(region, node);
            let access = &mut self.access[at];
            access.faults = access.faults.saturating_add_signed(change);
            access.disturbed.push(t);
        }
    }

    /// How long routes that outlive a fault are in doubt: until what has waited is sent again, or
    /// until the nodes have found out.
    fn doubt_ns(&self, kind: FaultKind, lasted_ns: u64) -> u64 {
        if kind.leaves_dead_connections() {
            self.routes_ns
        } else if matches!(kind, FaultKind::Partition | FaultKind::Degrade) {
            // Pauses double from the first: each is as long as all before it and the first again. What
            // was under way when the fault began has waited for longer than that.
            lasted_ns.saturating_add(RETRANSMIT_NS).saturating_add(self.rtt_ns).min(self.routes_ns)
        } else {
            0
        }
    }

    fn node_up(&mut self, t: u64, node: NodeId, pool_size: Option<u32>) {
        self.disturbance_of(t, node);
        let state = &mut self.nodes[usize::from(node.0)];
        (state.up, state.started_t, state.leaving) = (true, Some(t), false);
        let pool_size = pool_size.unwrap_or(state.configured_pool);
        if pool_size != state.pool_size {
            state.pool_size = pool_size;
            self.refresh_wanted(node);
        }
        self.refresh_node(t, node);
    }

    fn node_down(&mut self, t: u64, node: NodeId) {
        self.disturbance_of(t, node);
        self.nodes[usize::from(node.0)].up = false;
        for other in (0..self.node_count()).map(NodeId).filter(|&o| o != node) {
            let at = self.pair_index(node, other);
            // What this process had registered died with it; its peers find out by themselves.
            self.pairs[at].routes[usize::from(node > other)].clear();
            for route in &mut self.pairs[at].routes[usize::from(other > node)] {
                route.stale = true;
            }
            self.pairs[at].rerouted_t = Some(t);
        }
        self.refresh_node(t, node);
    }

    fn refresh_wanted(&mut self, node: NodeId) {
        for other in (0..self.node_count()).map(NodeId).filter(|&o| o != node) {
            let at = self.pair_index(node, other);
            let size = |node: NodeId| self.nodes[usize::from(node.0)].pool_size;
            self.pairs[at].wanted = wanted(size(node), size(other));
        }
    }

    fn change_routes(
        &mut self,
        t: u64,
        node: NodeId,
        remote: NodeId,
        change: impl FnOnce(&mut Vec<Route>),
    ) {
        if node == remote {
            return;
        }
        let at = self.pair_index(node, remote);
        let pair = &mut self.pairs[at];
        change(&mut pair.routes[usize::from(node > remote)]);
        pair.rerouted_t = Some(t);
        self.refresh_pair(t, node, remote);
    }

    fn disturbance(&mut self, t: u64) {
        self.disturbed_t = t;
        self.disturbances += 1;
    }

    /// What becomes of others than the core does not disturb it.
    fn disturbance_of(&mut self, t: u64, node: NodeId) {
        if self.is_core(node) {
            self.disturbance(t);
        }
    }

    fn refresh_node(&mut self, t: u64, node: NodeId) {
        for other in (0..self.node_count()).map(NodeId).filter(|&o| o != node) {
            self.refresh_pair(t, node, other);
        }
    }

    fn refresh_pair(&mut self, t: u64, a: NodeId, b: NodeId) {
        let up = self.is_up(a) && self.is_up(b);
        let complete = self.is_complete(a, b);
        let at = self.pair_index(a, b);
        let pair = &mut self.pairs[at];
        let calm = up && pair.faults == 0 && complete && !pair.has_stale();
        let since = t.max(pair.doubtful_until());
        pair.calm_since = if calm { pair.calm_since.or(Some(since)) } else { None };
    }

    fn refresh_quiet(&mut self, t: u64) {
        let calm = self.all_up()
            && self.fault_free()
            && self.core_pairs().all(|(a, b)| {
                let both = self.is_up(a) && self.is_up(b);
                !both || self.pair(a, b).calm_since.is_some()
            });
        // A fault of a moment leaves everything calm, yet it ends the quiet that was before.
        let since = self.quiet_since.filter(|&since| since >= self.disturbed_t);
        // A pair in doubt is calm from some later time on.
        let calm_since = self.core_pairs().filter_map(|(a, b)| self.pair(a, b).calm_since);
        let last = calm_since.max().unwrap_or(0);
        self.quiet_since = calm.then(|| since.unwrap_or(t).max(last));
    }

    fn refresh_cuts(&mut self, t: u64) {
        let mut cut = vec![false; self.regions];
        for (_, fault) in self.faults.values().filter(|(_, fault)| fault.kind.cuts()) {
            for &(a, b) in &fault.pairs {
                let (a, b) = (self.region_of(a), self.region_of(b));
                if a != b {
                    cut[usize::from(a.0)] = true;
                    cut[usize::from(b.0)] = true;
                }
            }
        }
        for (since, cut) in self.cut_since.iter_mut().zip(cut) {
            *since = if cut { since.or(Some(t)) } else { None };
        }
    }

    fn refresh_torn(&mut self, t: u64) {
        let mut torn = vec![false; self.regions];
        for &(a, b) in self.faults.values().flat_map(|(_, fault)| &fault.pairs) {
            if self.region_of(a) == self.region_of(b) {
                torn[usize::from(self.region_of(a).0)] = true;
            }
        }
        for (last, torn) in self.torn_t.iter_mut().zip(torn) {
            match (*last, torn) {
                (_, true) => *last = Some(u64::MAX),
                (Some(u64::MAX), false) => *last = Some(t),
                (_, false) => {}
            }
        }
    }

    fn pair_index(&self, a: NodeId, b: NodeId) -> usize {
        usize::from(a.min(b).0) * self.nodes.len() + usize::from(a.max(b).0)
    }

    fn pair(&self, a: NodeId, b: NodeId) -> &Pair {
        &self.pairs[self.pair_index(a, b)]
    }

    fn access_index(&self, region: RegionId, node: NodeId) -> usize {
        usize::from(region.0) * self.nodes.len() + usize::from(node.0)
    }

    fn access(&self, region: RegionId, node: NodeId) -> &Access {
        &self.access[self.access_index(region, node)]
    }
}

/// Connections between two nodes whose configurations ask for so many.
fn wanted(a: u32, b: u32) -> u32 {
    if a > 0 && b > 0 { a.max(b) } else { 1 }
}

impl Node {
    const fn has_left(&self) -> bool {
        self.for_good && !self.up
    }
}

impl Pair {
    fn has_lane(&self, side: usize, account: Sym) -> bool {
        self.routes[side].iter().any(|route| route.account == account && !route.stale)
    }

    /// Until when a route of the pair may look alive and be dead; 0 if none may.
    fn doubtful_until(&self) -> u64 {
        let Some((ended_t, until)) = self.doubt else { return 0 };
        let mut routes = self.routes.iter().flatten();
        if routes.any(|route| route.since_t <= ended_t) { until } else { 0 }
    }

    /// Whether an end holds a route to a process that is gone: it sends there what nobody gets.
    fn has_stale(&self) -> bool {
        self.routes.iter().flatten().any(|route| route.stale)
    }

    /// Connections without an account of their own; those of a pool count once for each slot.
    fn registered(&self, side: usize) -> u32 {
        let shared = |route: &&Route| route.account.is_none() && !route.stale;
        let routes = &self.routes[side];
        let is_first = |at: usize| {
            let before = routes[..at].iter().filter(shared);
            before.filter(|before| before.pool == routes[at].pool).count() == 0
        };
        (0..routes.len()).filter(|&at| shared(&&routes[at]) && is_first(at)).count() as u32
    }
}
