//! The ways between places: whether anything passes, who is refused, and how long bytes take.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use causeway_sim::ids::{NodeId, RegionId};
use causeway_sim::kit::Names;
use causeway_sim::plan::{LinkPlan, Plan, Site};

/// The state of all ways.
#[derive(Debug)]
pub(crate) struct Roads {
    by_ends: BTreeMap<(Site, Site), Road>,
    ips: BTreeMap<Site, IpAddr>,
    sites: BTreeMap<IpAddr, Site>,
}

/// One direction between two places.
#[derive(Clone, Debug, Default)]
struct Road {
    latency_ns: u64,
    jitter_ns: u64,
    /// Faults that cut it.
    cuts: u32,
    /// Faults that refuse new connections.
    refusals: u32,
    /// By fault: what it adds to latency and jitter.
    degraded: BTreeMap<u32, (u64, u64)>,
}

impl Roads {
    /// The ways of a plan. Regions without a path between them cannot reach each other.
    pub(crate) fn of(plan: &Plan, names: &Names) -> Self {
        let nodes = (0..)
            .map(NodeId)
            .zip(&plan.nodes)
            .map(|(node, _)| (Site::Node(node), names.node_ip(node)));
        let clients = (0..).zip(&plan.regions).map(|(region, _)| {
            let [high, low] = u16::to_be_bytes(region);
            let ip = IpAddr::V4(Ipv4Addr::new(12, 0, high, low));
            (Site::Clients(RegionId(region)), ip)
        });
        let ips: BTreeMap<Site, IpAddr> = nodes.chain(clients).collect();
        let sites = ips.iter().map(|(site, ip)| (*ip, *site)).collect();
        let mut by_ends = BTreeMap::new();
        for &from in ips.keys() {
            for &to in ips.keys() {
                let link = link_between(plan, region_of(plan, from), region_of(plan, to));
                let road = Road {
                    latency_ns: link.map_or(0, |link| link.latency_ns),
                    jitter_ns: link.map_or(0, |link| link.jitter_ns),
                    cuts: u32::from(link.is_none()),
                    ..Road::default()
                };
                by_ends.insert((from, to), road);
            }
        }
        Self { by_ends, ips, sites }
    }

    /// All places, in order.
    pub(crate) fn sites(&self) -> Vec<Site> {
        self.ips.keys().copied().collect()
    }

    /// A place's address.
    pub(crate) fn ip(&self, site: Site) -> IpAddr {
        self.ips.get(&site).copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// The place with an address.
    pub(crate) fn site(&self, ip: IpAddr) -> Option<Site> {
        self.sites.get(&ip).copied()
    }

    fn road(&self, from: Site, to: Site) -> Option<&Road> {
        self.by_ends.get(&(from, to))
    }

    fn road_mut(&mut self, from: Site, to: Site) -> &mut Road {
        self.by_ends.entry((from, to)).or_default()
    }

    /// Whether nothing passes.
    pub(crate) fn is_cut(&self, from: Site, to: Site) -> bool {
        self.road(from, to).is_some_and(|road| road.cuts > 0)
    }

    /// Whether new connections are refused.
    pub(crate) fn refuses(&self, from: Site, to: Site) -> bool {
        self.road(from, to).is_some_and(|road| road.refusals > 0)
    }

    /// Least and greatest time that bytes take, in nanoseconds.
    pub(crate) fn latency(&self, from: Site, to: Site) -> (u64, u64) {
        let Some(road) = self.road(from, to) else { return (0, 0) };
        let added = road.degraded.values();
        let least = road.latency_ns + added.clone().map(|(latency, _)| latency).sum::<u64>();
        (least, least + road.jitter_ns + added.map(|(_, jitter)| jitter).sum::<u64>())
    }

    /// One more fault cuts this.
    pub(crate) fn cut(&mut self, from: Site, to: Site) {
        self.road_mut(from, to).cuts += 1;
    }

    /// One fault less cuts this.
    pub(crate) fn heal(&mut self, from: Site, to: Site) {
        let road = self.road_mut(from, to);
        road.cuts = road.cuts.saturating_sub(1);
    }

    /// One fault more or less refuses connections.
    pub(crate) fn refuse(&mut self, from: Site, to: Site, on: bool) {
        let road = self.road_mut(from, to);
        road.refusals = if on { road.refusals + 1 } else { road.refusals.saturating_sub(1) };
    }

    /// A fault adds latency and jitter, or does so no longer.
    pub(crate) fn degrade(&mut self, from: Site, to: Site, fault: u32, added: Option<(u64, u64)>) {
        let degraded = &mut self.road_mut(from, to).degraded;
        match added {
            Some(added) => degraded.insert(fault, added),
            None => degraded.remove(&fault),
        };
    }
}

fn region_of(plan: &Plan, site: Site) -> RegionId {
    match site {
        Site::Node(node) => plan.nodes[usize::from(node.0)].region,
        Site::Clients(region) => region,
    }
}

fn link_between(plan: &Plan, a: RegionId, b: RegionId) -> Option<&LinkPlan> {
    if a == b {
        return plan.regions.get(usize::from(a.0)).map(|region| &region.link);
    }
    let joins = |x, y| (x, y) == (a, b);
    let found = plan.paths.iter().find(|path| joins(path.a, path.b) || joins(path.b, path.a));
    found.map(|path| &path.link)
}
