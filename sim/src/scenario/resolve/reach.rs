//! Whom a selector can mean, as far as that is known before a seed draws: a selector that never
//! means anybody, and two sides that always overlap, are mistakes of the file and not of a seed.

use std::collections::BTreeSet;

use super::super::Selector;
use super::super::value::{Unit, draw};
use super::Reader;

/// A region by its place, and one of its nodes from 1; 0 are the region's clients.
type Spot = (usize, u64);

/// Whom a selector means.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Reach {
    /// Whatever is drawn.
    always: BTreeSet<Spot>,
    /// If it is drawn so.
    ever: BTreeSet<Spot>,
}

/// The regions as a seed may draw them.
struct World<'a> {
    /// Name, cluster and number of nodes.
    regions: Vec<(&'a str, &'a str, u64)>,
}

impl Reader<'_> {
    /// Whether the selector means no node, whatever is drawn.
    pub(super) fn means_no_node(&self, selector: &Selector) -> bool {
        self.in_every_world(|world| {
            world.reach(selector).is_some_and(|reach| reach.ever.iter().all(|spot| spot.1 == 0))
        })
    }

    /// Whether the selector means no place, whatever is drawn.
    pub(super) fn means_nobody(&self, selector: &Selector) -> bool {
        self.in_every_world(|world| world.reach(selector).is_some_and(|r| r.ever.is_empty()))
    }

    /// The most nodes that the selector may mean; 0 if that is not known.
    pub(super) fn most_nodes(&self, selector: &Selector) -> u64 {
        let reach = self.world(true).reach(selector).unwrap_or_default();
        reach.ever.iter().filter(|spot| spot.1 > 0).count() as u64
    }

    /// Whether the two share a place, whatever is drawn.
    pub(super) fn overlap(&self, a: &Selector, b: &Selector) -> bool {
        self.in_every_world(|world| match (world.reach(a), world.reach(b)) {
            (Some(a), Some(b)) => !a.always.is_disjoint(&b.always),
            _ => false,
        })
    }

    /// Whether it is so with the fewest nodes, and with the most.
    fn in_every_world(&self, is_so: impl Fn(&World<'_>) -> bool) -> bool {
        is_so(&self.world(false)) && is_so(&self.world(true))
    }

    /// With the fewest nodes, or with the most.
    fn world(&self, most: bool) -> World<'_> {
        World {
            regions: (self.raw.region.iter())
                .map(|(name, region)| {
                    let region = region.get_ref();
                    let cluster = region.cluster.as_ref().map_or("c1", |c| c.get_ref().as_str());
                    let nodes = draw(&region.nodes, Unit::Count)
                        .map_or(1, |d| if most { d.high } else { d.low });
                    (name.as_str(), cluster, nodes.clamp(1, super::NODES_MAX))
                })
                .collect(),
        }
    }
}

impl World<'_> {
    /// `None` if a name in it means nothing, which has been said already.
    fn reach(&self, selector: &Selector) -> Option<Reach> {
        Some(match selector {
            Selector::All => self.regions(|_, _| true),
            Selector::Region(name) => known(self.regions(|region, _| region == name))?,
            Selector::Nodes(name) => known(self.regions(|region, _| region == name))?.nodes(true),
            Selector::Clients(name) => {
                known(self.regions(|region, _| region == name))?.nodes(false)
            }
            Selector::Cluster(name) => known(self.regions(|_, cluster| cluster == name))?,
            Selector::Node(name, number) => {
                let at = self.regions.iter().position(|(region, ..)| region == name)?;
                let number = u64::from(*number);
                (number <= self.regions[at].2).then(|| Reach::certain([(at, number)].into()))?
            }
            Selector::Random(count, inner) => self.drawn(inner, |_| usize::from(*count))?,
            Selector::Majority(inner) => self.drawn(inner, |all| all / 2 + 1)?,
            Selector::Minority(inner) => self.drawn(inner, |all| all.saturating_sub(1) / 2)?,
            Selector::Client(_) => return None,
            Selector::Union(a, b) => {
                let (a, b) = (self.reach(a)?, self.reach(b)?);
                Reach { always: &a.always | &b.always, ever: &a.ever | &b.ever }
            }
            Selector::Without(a, b) => {
                let (a, b) = (self.reach(a)?, self.reach(b)?);
                Reach { always: &a.always - &b.ever, ever: &a.ever - &b.always }
            }
        })
    }

    /// So many of the nodes that a selector may mean.
    fn drawn(&self, of: &Selector, count: impl Fn(usize) -> usize) -> Option<Reach> {
        let mut reach = self.reach(of)?.nodes(true);
        match count(reach.ever.len()) {
            0 => return Some(Reach::default()),
            count if count < reach.ever.len() => reach.always.clear(),
            _ => {}
        }
        Some(reach)
    }

    fn regions(&self, wanted: impl Fn(&str, &str) -> bool) -> Reach {
        let regions = self.regions.iter().enumerate();
        let spots = regions
            .filter(|(_, (name, cluster, _))| wanted(name, cluster))
            .flat_map(|(at, (_, _, nodes))| (0..=*nodes).map(move |node| (at, node)));
        Reach::certain(spots.collect())
    }
}

impl Reach {
    /// Only the nodes of it, or only the clients.
    fn nodes(mut self, wanted: bool) -> Self {
        for spots in [&mut self.always, &mut self.ever] {
            spots.retain(|spot| (spot.1 > 0) == wanted);
        }
        self
    }

    fn certain(spots: BTreeSet<Spot>) -> Self {
        Self { always: spots.clone(), ever: spots }
    }
}

fn known(reach: Reach) -> Option<Reach> {
    (!reach.ever.is_empty()).then_some(reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Option<Reach> {
        let world = World { regions: vec![("a", "c1", 2), ("b", "c2", 1)] };
        world.reach(&Selector::parse(text).unwrap())
    }

    #[test]
    fn what_is_drawn_is_uncertain_and_the_rest_is_not() {
        let spots = |spots: &[Spot]| spots.iter().copied().collect::<BTreeSet<Spot>>();
        for (text, always, ever) in [
            ("region:a", &[(0, 0), (0, 1), (0, 2)][..], &[(0, 0), (0, 1), (0, 2)][..]),
            ("cluster:c2", &[(1, 0), (1, 1)], &[(1, 0), (1, 1)]),
            ("node:a/2", &[(0, 2)], &[(0, 2)]),
            ("one(region:a)", &[], &[(0, 1), (0, 2)]),
            ("random(2, region:a)", &[(0, 1), (0, 2)], &[(0, 1), (0, 2)]),
            ("majority(region:a)", &[(0, 1), (0, 2)], &[(0, 1), (0, 2)]),
            ("majority(all)", &[], &[(0, 1), (0, 2), (1, 1)]),
            ("minority(all)", &[], &[(0, 1), (0, 2), (1, 1)]),
            ("minority(region:a)", &[], &[]),
            ("all - region:a", &[(1, 0), (1, 1)], &[(1, 0), (1, 1)]),
            ("region:a - one(region:a)", &[(0, 0)], &[(0, 0), (0, 1), (0, 2)]),
            ("region:a - region:a", &[], &[]),
        ] {
            let expected = Reach { always: spots(always), ever: spots(ever) };
            assert_eq!(reach(text), Some(expected), "{text}");
        }
        assert_eq!(reach("region:c"), None);
        assert_eq!(reach("node:a/3"), None);
        assert_eq!(reach("client:x"), None);
    }
}
