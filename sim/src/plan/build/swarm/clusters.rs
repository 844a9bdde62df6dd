//! Which regions are of one cluster.

use super::{Builder, RegionId, Stream};
use crate::plan::RoutePlan;

/// In one of so many seeds, nodes have routes to those of other clusters by mistake.
const MISTAKEN: u64 = 4;

impl Builder<'_> {
    /// Deals the regions to as many clusters as the swarm says, or as can be: paths and routes join
    /// those of one.
    pub(in crate::plan::build) fn deal_clusters(&mut self) {
        let Some(wanted) = self.scenario.swarm.as_ref().and_then(|swarm| swarm.clusters) else {
            return;
        };
        let wanted = self.sample(wanted, "plan.swarm.clusters", &[]);
        let wanted = wanted.min(self.plan.regions.len() as u64);
        let mistaken = self.stream("plan.swarm.mistaken_routes", &[]).below(MISTAKEN) == 0;
        let of_one = self.plan.nodes.clone();
        for count in (2..=wanted).rev() {
            let mut stream = self.stream("plan.swarm.which_clusters", &[count]);
            let dealt = self.dealt_to(count, &mut stream);
            for node in &mut self.plan.nodes {
                let cluster = dealt[usize::from(node.region.0)];
                node.cluster = format!("c{}", cluster + 1);
            }
            if !mistaken {
                self.forget_other_clusters();
            }
            if self.plan.islands_without(&[].into()) as u64 == count {
                return;
            }
            self.plan.nodes.clone_from(&of_one);
        }
    }

    /// For each region its cluster: each begins with one and takes in what paths join to it.
    fn dealt_to(&self, count: u64, stream: &mut Stream) -> Vec<u64> {
        let mut regions: Vec<RegionId> =
            (0..).map(RegionId).take(self.plan.regions.len()).collect();
        stream.shuffle(&mut regions);
        let mut dealt: Vec<Option<u64>> = vec![None; regions.len()];
        for (region, cluster) in regions.into_iter().zip(0..count) {
            dealt[usize::from(region.0)] = Some(cluster);
        }
        loop {
            let joined = |from: RegionId, to: RegionId| {
                let cluster = dealt[usize::from(from.0)]?;
                dealt[usize::from(to.0)].is_none().then_some((to, cluster))
            };
            let paths = self.plan.paths.iter();
            let next: Vec<(RegionId, u64)> = paths
                .flat_map(|path| [joined(path.a, path.b), joined(path.b, path.a)])
                .flatten()
                .collect();
            let Some((region, cluster)) = stream.pick(&next) else { break };
            dealt[usize::from(region.0)] = Some(*cluster);
        }
        // Who is joined to nobody stays in the first.
        dealt.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Takes away routes to nodes of other clusters.
    fn forget_other_clusters(&mut self) {
        let clusters: Vec<(RegionId, String)> =
            self.plan.nodes.iter().map(|node| (node.region, node.cluster.clone())).collect();
        for node in &mut self.plan.nodes {
            let is_of = |at: &(RegionId, String)| at.1 == node.cluster;
            node.routes.retain(|route| match route {
                RoutePlan::Node(to) => clusters.get(usize::from(to.0)).is_some_and(is_of),
                RoutePlan::Region(to) => clusters.iter().any(|at| at.0 == *to && is_of(at)),
            });
        }
    }
}
