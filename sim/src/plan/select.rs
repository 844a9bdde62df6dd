//! Who a selector means, once the seed has said how many nodes there are.

use std::collections::BTreeSet;

use super::{Plan, Site};
use crate::ids::{ClientId, NodeId, RegionId};
use crate::rng::Stream;
use crate::scenario::Selector;

/// The nodes of a selector. Draws from `stream` where it must.
pub(super) fn nodes(plan: &Plan, selector: &Selector, stream: &mut Stream) -> BTreeSet<NodeId> {
    let only_nodes = |sites: BTreeSet<Site>| sites.into_iter().filter_map(Site::node).collect();
    only_nodes(sites(plan, selector, stream))
}

/// The places of a selector: of whole regions the clients too.
pub(super) fn sites(plan: &Plan, selector: &Selector, stream: &mut Stream) -> BTreeSet<Site> {
    match selector {
        Selector::All => everything(plan),
        Selector::Region(name) => regions(plan, |_, region| region == name),
        Selector::Nodes(name) => {
            let all = regions(plan, |_, region| region == name);
            all.into_iter().filter(|site| site.node().is_some()).collect()
        }
        Selector::Clients(name) => {
            let all = regions(plan, |_, region| region == name);
            all.into_iter().filter(|site| site.node().is_none()).collect()
        }
        Selector::Cluster(name) => regions(plan, |id, _| {
            plan.nodes.iter().any(|node| node.region == id && node.cluster == *name)
        }),
        Selector::Node(region, number) => {
            let name = format!("{region}/{number}");
            let found = plan.nodes.iter().position(|node| node.name == name);
            found
                .and_then(|at| u16::try_from(at).ok())
                .map(|n| Site::Node(NodeId(n)))
                .into_iter()
                .collect()
        }
        Selector::Random(count, inner) => drawn(plan, inner, stream, |_| usize::from(*count)),
        Selector::Majority(inner) => drawn(plan, inner, stream, |all| all / 2 + 1),
        Selector::Minority(inner) => drawn(plan, inner, stream, |all| all.saturating_sub(1) / 2),
        Selector::Client(_) => BTreeSet::new(),
        Selector::Union(a, b) => {
            let mut all = sites(plan, a, stream);
            all.extend(sites(plan, b, stream));
            all
        }
        Selector::Without(a, b) => {
            let mut all = sites(plan, a, stream);
            for site in sites(plan, b, stream) {
                all.remove(&site);
            }
            all
        }
    }
}

/// As many of the nodes of a selector as `count` makes of their number.
fn drawn(
    plan: &Plan,
    of: &Selector,
    stream: &mut Stream,
    count: impl Fn(usize) -> usize,
) -> BTreeSet<Site> {
    let mut from: Vec<NodeId> = nodes(plan, of, stream).into_iter().collect();
    stream.shuffle(&mut from);
    let count = count(from.len());
    from.into_iter().take(count).map(Site::Node).collect()
}

/// The clients of a selector.
pub(super) fn clients(plan: &Plan, selector: &Selector) -> BTreeSet<ClientId> {
    let ids = (0..).map(ClientId).zip(&plan.clients);
    match selector {
        Selector::Client(id) => ids
            .filter(|(_, c)| c.name.rsplit_once('/').is_some_and(|(name, _)| name == id))
            .map(|(client, _)| client)
            .collect(),
        Selector::Region(name) | Selector::Clients(name) => ids
            .filter(|(_, c)| plan.regions[usize::from(c.region.0)].name == *name)
            .map(|(client, _)| client)
            .collect(),
        Selector::All => ids.map(|(client, _)| client).collect(),
        Selector::Union(a, b) => clients(plan, a).union(&clients(plan, b)).copied().collect(),
        Selector::Without(a, b) => {
            clients(plan, a).difference(&clients(plan, b)).copied().collect()
        }
        Selector::Nodes(_)
        | Selector::Cluster(_)
        | Selector::Node(..)
        | Selector::Random(..)
        | Selector::Majority(_)
        | Selector::Minority(_) => BTreeSet::new(),
    }
}

/// Every place there is.
pub(super) fn everything(plan: &Plan) -> BTreeSet<Site> {
    regions(plan, |_, _| true)
}

fn regions(plan: &Plan, wanted: impl Fn(RegionId, &str) -> bool) -> BTreeSet<Site> {
    let mut sites = BTreeSet::new();
    for (id, region) in (0..).map(RegionId).zip(&plan.regions) {
        if wanted(id, &region.name) {
            sites.insert(Site::Clients(id));
            let here = (0..).map(NodeId).zip(&plan.nodes).filter(|(_, node)| node.region == id);
            sites.extend(here.map(|(node, _)| Site::Node(node)));
        }
    }
    sites
}

impl Site {
    /// The node, if it is one.
    #[must_use]
    pub const fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Clients(_) => None,
        }
    }
}
