//! Addresses and names: who is where, and what a name resolves to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use causeway_core::Duration;
use causeway_core::config::{ClientLimits, ClusterConfig, HostPort, NodeConfig, RouteUrl};

use crate::ids::{ClientId, NodeId, RegionId};
use crate::plan::{BufferPlan, JetStreamPlan, NodePlan, Plan, RoutePlan, Setting, Site};
use crate::scenario::Release;

/// Where nodes listen for clients.
pub const CLIENT_PORT: u16 = 4222;
/// Where nodes listen for each other; a node that comes back on a new port adds to it.
pub const ROUTE_PORT: u16 = 6222;
/// The first byte of the address at which a node starts again; the next time it takes the next.
const NODES_AGAIN: u8 = 50;
/// The first byte of the address that a node's calls come from after the fault `rebind`; the next
/// such fault takes the next.
const NODES_ELSEWHERE: u8 = 100;
/// The same for clients.
const CLIENTS_ELSEWHERE: u8 = 150;
/// After so many faults, the first address comes again.
const MOVES_MAX: u8 = 50;
/// The first port of the calling side.
const EPHEMERAL_PORT: u16 = 32_768;

/// Where a dial goes: a node, at an address that it has or once had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// The address.
    pub ip: IpAddr,
}

/// The name service.
#[derive(Debug)]
pub struct Names {
    by_name: BTreeMap<String, Vec<NodeId>>,
    /// All addresses that nodes have and had, or that their calls came from.
    by_ip: BTreeMap<IpAddr, NodeId>,
    node_ips: Vec<IpAddr>,
    client_ips: Vec<IpAddr>,
    /// How often the callers of a place have got another address.
    moves: BTreeMap<Site, u8>,
    client_regions: Vec<RegionId>,
    /// How often a node has got another address.
    node_moves: Vec<u8>,
    /// Nodes that have gone for good: no name leads to them.
    left: BTreeSet<NodeId>,
    /// What the name service answers instead of the truth; the latest that fits counts.
    lies: Vec<Lie>,
    /// The last port that was used for calling.
    last_port: u16,
}

impl Names {
    /// The names and addresses of a plan's nodes and clients.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut names = Self {
            by_name: BTreeMap::new(),
            by_ip: BTreeMap::new(),
            node_ips: Vec::new(),
            client_ips: Vec::new(),
            moves: BTreeMap::new(),
            node_moves: vec![0; plan.nodes.len()],
            left: BTreeSet::new(),
            lies: Vec::new(),
            client_regions: plan.clients.iter().map(|client| client.region).collect(),
            last_port: EPHEMERAL_PORT,
        };
        for (id, node) in (0..).map(NodeId).zip(&plan.nodes) {
            // 10.region.0.number of the node in the plan.
            let [_, region] = node.region.0.to_be_bytes();
            let [high, low] = (id.0 + 1).to_be_bytes();
            let ip = IpAddr::V4(Ipv4Addr::new(10, region, high, low));
            names.node_ips.push(ip);
            names.by_ip.insert(ip, id);
            names.by_name.insert(node_host(plan, id), vec![id]);
            names.by_name.entry(region_host(plan, node)).or_default().push(id);
        }
        for (id, _) in (0u32..).zip(&plan.clients) {
            let [_, a, b, c] = (id + 1).to_be_bytes();
            names.client_ips.push(IpAddr::V4(Ipv4Addr::new(11, a, b, c)));
        }
        names
    }

    /// Where a name or an address leads to.
    #[must_use]
    pub fn resolve(&self, host: &str) -> Vec<Target> {
        match host.parse::<IpAddr>() {
            Ok(ip) => {
                self.by_ip.get(&ip).map(|node| Target { node: *node, ip }).into_iter().collect()
            }
            Err(_) => {
                let nodes = self.by_name.get(host).into_iter().flatten();
                nodes.filter_map(|node| self.ask(*node)).collect()
            }
        }
    }

    /// What the name service answers for a node.
    fn ask(&self, node: NodeId) -> Option<Target> {
        if self.left.contains(&node) {
            return None;
        }
        let lie = self.lies.iter().rev().find_map(|lie| lie.answers.get(&node));
        match lie {
            Some(answer) => answer.map(|ip| Target { node, ip }),
            None => Some(self.target(node)),
        }
    }

    /// Where a node is.
    pub(super) fn target(&self, node: NodeId) -> Target {
        Target { node, ip: self.node_ip(node) }
    }

    /// Whether the node is still there.
    pub(super) fn is_there(&self, target: Target) -> bool {
        self.node_ip(target.node) == target.ip
    }

    /// From now on the name service answers for these nodes with the addresses that they have now,
    /// or that there is no such name.
    pub(super) fn lie(&mut self, fault: u32, nodes: &[NodeId], old: bool) {
        let answer = |node: &NodeId| (*node, old.then(|| self.node_ip(*node)));
        let answers = nodes.iter().map(answer).collect();
        self.lies.push(Lie { fault, answers });
    }

    pub(super) fn lie_no_more(&mut self, fault: u32) {
        self.lies.retain(|lie| lie.fault != fault);
    }

    /// The node goes for good: it is taken out of all names.
    pub(super) fn take_out(&mut self, node: NodeId) {
        self.left.insert(node);
    }

    /// The node has another address from now on; its old one leads to nobody.
    pub(super) fn move_node(&mut self, node: NodeId) {
        let at = usize::from(node.0);
        self.node_moves[at] = self.node_moves[at].saturating_add(1);
        let ip = elsewhere(self.node_ips[at], NODES_AGAIN, self.node_moves[at]);
        self.node_ips[at] = ip;
        self.by_ip.insert(ip, node);
    }

    /// Where clients reach a node, as it says to them.
    #[must_use]
    pub fn client_url(&self, node: NodeId) -> String {
        format!("{}:{CLIENT_PORT}", self.node_ip(node))
    }

    /// The client that calls from this address.
    pub(super) fn client_at(&self, ip: IpAddr) -> Option<ClientId> {
        let IpAddr::V4(ip) = ip else { return None };
        let [first, a, b, c] = ip.octets();
        let client = u32::from_be_bytes([0, a, b, c]).checked_sub(1)?;
        let IpAddr::V4(home) = self.client_ips.get(client as usize)? else { return None };
        let moved = CLIENTS_ELSEWHERE..=CLIENTS_ELSEWHERE + MOVES_MAX;
        let known = first == home.octets()[0] || moved.contains(&first);
        known.then_some(ClientId(client))
    }

    /// A node's address.
    #[must_use]
    pub fn node_ip(&self, node: NodeId) -> IpAddr {
        self.node_ips[usize::from(node.0)]
    }

    /// The calling side's address of a new connection of a node.
    pub(super) fn node_calls_from(&mut self, node: NodeId) -> SocketAddr {
        let ip = self.moved(self.node_ip(node), Site::Node(node), NODES_ELSEWHERE);
        SocketAddr::new(ip, self.next_port())
    }

    /// The calling side's address of a new connection of a client.
    pub(super) fn client_calls_from(&mut self, client: ClientId) -> SocketAddr {
        let at = client.0 as usize;
        let site = Site::Clients(self.client_regions[at]);
        let ip = self.moved(self.client_ips[at], site, CLIENTS_ELSEWHERE);
        SocketAddr::new(ip, self.next_port())
    }

    /// All callers of a place have another address from now on.
    pub(super) fn call_from_elsewhere(&mut self, site: Site) {
        let moves = self.moves.entry(site).or_default();
        *moves = moves.saturating_add(1);
        // Peers may take it for the node's own address, and dial it in vain.
        if let Site::Node(node) = site {
            let ip = self.moved(self.node_ip(node), site, NODES_ELSEWHERE);
            self.by_ip.insert(ip, node);
        }
    }

    /// An address, or the one that has taken its place.
    fn moved(&self, ip: IpAddr, site: Site, first: u8) -> IpAddr {
        self.moves.get(&site).map_or(ip, |moves| elsewhere(ip, first, *moves))
    }

    const fn next_port(&mut self) -> u16 {
        self.last_port = match self.last_port.checked_add(1) {
            Some(port) => port,
            None => EPHEMERAL_PORT,
        };
        self.last_port
    }

    /// The configuration of a node that listens for routes on this port.
    #[must_use]
    pub fn config(&self, plan: &Plan, id: NodeId, route_port: u16) -> Arc<NodeConfig> {
        self.config_as(plan, id, &plan.nodes[usize::from(id.0)], route_port)
    }

    /// The same, for a node of which the plan has changed something.
    pub(super) fn config_as(
        &self,
        plan: &Plan,
        id: NodeId,
        node: &NodePlan,
        route_port: u16,
    ) -> Arc<NodeConfig> {
        let listen = |port| HostPort { host: "0.0.0.0".to_owned(), port };
        let routes = node.routes.iter().map(|route| {
            let host = match route {
                RoutePlan::Node(node) => node_host(plan, *node),
                RoutePlan::Region(region) => format!("{}.sim", plan.region_name(*region)),
            };
            RouteUrl { address: HostPort { host, port: ROUTE_PORT }, auth: None }
        });
        let cluster = ClusterConfig {
            name: Some(node.cluster.clone()),
            listen: listen(route_port),
            routes: routes.collect(),
            pinned_accounts: node.config.accounts.clone(),
            ..ClusterConfig::default()
        };
        let mut config = NodeConfig {
            server_name: Some(node.name.clone()),
            client_listen: listen(CLIENT_PORT),
            client_urls: vec![self.client_url(id)],
            ..NodeConfig::default()
        };
        config.cluster = Some(cluster);
        for (setting, number) in &node.config.numbers {
            apply(&mut config, *setting, *number);
        }
        config.jetstream = node.jetstream.as_ref().map(JetStreamPlan::config);
        if let Some(cluster) = &mut config.cluster {
            cluster.buffer = node.buffer.as_ref().map(BufferPlan::config);
        }
        announce(&mut config, node.release);
        Arc::new(config)
    }
}

/// What the name service answers during a fault, instead of the truth.
#[derive(Debug)]
struct Lie {
    fault: u32,
    /// An old address, or that there is none.
    answers: BTreeMap<NodeId, Option<IpAddr>>,
}

/// The n-th address that takes the place of one; they differ in the first byte.
fn elsewhere(ip: IpAddr, first: u8, moves: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let [_, b, c, d] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(first.saturating_add(moves % MOVES_MAX), b, c, d))
        }
        IpAddr::V6(_) => ip,
    }
}

/// Every node has a name of its own: `n1.us-east-1.sim`.
fn node_host(plan: &Plan, node: NodeId) -> String {
    let name = plan.node_name(node);
    let (region, number) = name.rsplit_once('/').unwrap_or((name, "1"));
    format!("n{number}.{region}.sim")
}

fn region_host(plan: &Plan, node: &NodePlan) -> String {
    format!("{}.sim", plan.region_name(node.region))
}

/// What a server of another release says it is.
fn announce(config: &mut NodeConfig, release: Release) {
    if let Some(version) = release.version() {
        version.clone_into(&mut config.version);
    }
    if let Some(cluster) = config.cluster.as_mut().filter(|_| !release.has_pools()) {
        cluster.pool_size = 0;
    }
}

fn apply(config: &mut NodeConfig, setting: Setting, number: u64) {
    let duration = Duration::from_nanos(number);
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    let limits: &mut ClientLimits = &mut config.limits;
    match setting {
        Setting::MaxPending => limits.max_pending = number,
        Setting::MaxPayload => limits.max_payload = number,
        Setting::MaxControlLine => {
            limits.max_control_line = usize::try_from(number).unwrap_or(usize::MAX);
        }
        Setting::MaxConnections => limits.max_connections = Some(number),
        Setting::MaxSubscriptions => limits.max_subscriptions = number,
        Setting::WriteDeadline => config.write_deadline = duration,
        Setting::PingInterval => config.ping_interval = duration,
        Setting::PingMax => config.ping_max = small,
        Setting::NoFastProducerStall => config.no_fast_producer_stall = number > 0,
        Setting::LameDuckDuration => config.lame_duck_duration = duration,
        Setting::LameDuckGrace => config.lame_duck_grace = duration,
        Setting::PoolSize
        | Setting::ConnectRetries
        | Setting::ConnectBackoff
        | Setting::NoAdvertise
        | Setting::RoutePingInterval
        | Setting::RoutePingMax
        | Setting::RouteWriteDeadline => {
            if let Some(cluster) = &mut config.cluster {
                apply_to_cluster(cluster, setting, number);
            }
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`apply` calls it for these settings only")]
fn apply_to_cluster(cluster: &mut ClusterConfig, setting: Setting, number: u64) {
    let duration = Duration::from_nanos(number);
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    match setting {
        Setting::PoolSize => cluster.pool_size = small,
        Setting::ConnectRetries => cluster.connect_retries = small,
        Setting::ConnectBackoff => cluster.connect_backoff = number > 0,
        Setting::NoAdvertise => cluster.no_advertise = number > 0,
        Setting::RoutePingInterval => cluster.ping_interval = duration,
        Setting::RoutePingMax => cluster.ping_max = small,
        Setting::RouteWriteDeadline => cluster.write_deadline = duration,
        _ => {}
    }
}
