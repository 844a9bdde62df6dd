//! Partitions of several pairs: each pair is a fault of its own in the plan, so that a plan needs
//! no word for shapes and any pair can be taken out.

use std::collections::BTreeSet;

use super::super::select;
use super::{Builder, FaultAction, FaultPlan, Sides, Site};
use crate::rng::Stream;
use crate::scenario::{Among, Cuts, Draw, Selector};

/// The places of one side.
type Side = BTreeSet<Site>;

impl Builder<'_> {
    /// The faults of a partition that begins at `at` and lasts so long.
    ///
    /// `key` is the fault's place in the scenario, `stream` that of its other draws.
    pub(super) fn cuts(
        &mut self,
        key: u64,
        (line, at, lasts): (u32, u64, u64),
        cuts: &Cuts,
        stream: &mut Stream,
    ) {
        let Some(lost) = self.lost(key, line, cuts, stream) else { return };
        match cuts.stagger {
            None => {
                for sides in lost {
                    self.cut(at, lasts, sides, cuts.blackhole);
                }
            }
            Some(stagger) => self.one_by_one(key, (at, lasts), stagger, &lost, cuts.blackhole),
        }
    }

    fn cut(&mut self, at: u64, lasts: u64, between: Sides, blackhole: bool) {
        let action = FaultAction::Cut { between, blackhole };
        self.plan.faults.push(FaultPlan { id: 0, at, lasts, action, when: None });
    }

    /// Pairs of places, each with a beginning and an end of its own. They heal in another order
    /// than they were cut in, because both are drawn.
    fn one_by_one(
        &mut self,
        key: u64,
        (at, lasts): (u64, u64),
        stagger: Draw,
        lost: &[Sides],
        blackhole: bool,
    ) {
        let mut draws = self.stream("plan.fault.stagger", &[key]);
        for sides in lost {
            let pairs = sides.a.iter().flat_map(|a| sides.b.iter().map(move |b| (*a, *b)));
            for (a, b) in pairs.filter(|(a, b)| a.node().is_some() || b.node().is_some()) {
                let begin = at.saturating_add(stagger.sample(&mut draws));
                let end = at.saturating_add(lasts).saturating_add(stagger.sample(&mut draws));
                let sides = Sides { a: vec![a], b: vec![b], ways: sides.ways };
                // A long stagger may heal a pair before it is cut: then nothing happens to it.
                if end > begin {
                    self.cut(begin, end - begin, sides, blackhole);
                }
            }
        }
    }

    /// Which sides lose which.
    fn lost(
        &mut self,
        key: u64,
        line: u32,
        cuts: &Cuts,
        stream: &mut Stream,
    ) -> Option<Vec<Sides>> {
        let ways = cuts.direction;
        let apart = |a: &Side, b: &Side| {
            let sorted = |side: &Side| side.iter().copied().collect();
            Sides { a: sorted(a), b: sorted(b), ways }
        };
        Some(match &cuts.among {
            Among::Two(between) => vec![self.sides(line, between, stream)?],
            Among::Bridge(selectors) => {
                let sides = self.dealt(key, line, selectors, stream, bridge)?;
                sides.first().zip(sides.last()).map(|(a, c)| apart(a, c)).into_iter().collect()
            }
            Among::Ring(selectors) => {
                let sides = self.dealt(key, line, selectors, stream, ring)?;
                let far = |(i, j): (usize, usize)| j > i + 1 && (i, j) != (0, sides.len() - 1);
                let pairs = (0..sides.len()).flat_map(|i| (i..sides.len()).map(move |j| (i, j)));
                pairs.filter(|pair| far(*pair)).map(|(i, j)| apart(&sides[i], &sides[j])).collect()
            }
        })
    }

    /// The sides of a shape: those of a list, or the nodes of one selector, shuffled and dealt.
    fn dealt(
        &mut self,
        key: u64,
        line: u32,
        selectors: &[Selector],
        stream: &mut Stream,
        deal: fn(&[Site]) -> Result<Vec<Side>, usize>,
    ) -> Option<Vec<Side>> {
        if let [one] = selectors {
            let nodes = select::nodes(&self.plan, one, stream);
            let mut nodes: Vec<Site> = nodes.into_iter().map(Site::Node).collect();
            self.stream("plan.fault.shape", &[key]).shuffle(&mut nodes);
            return match deal(&nodes) {
                Ok(sides) => Some(sides),
                Err(least) => {
                    let found = nodes.len();
                    let message = format!(
                        "this shape needs {least} nodes or more, and `{one}` means only {found}"
                    );
                    self.problem(line, message);
                    None
                }
            };
        }
        let mut sides: Vec<Side> = Vec::new();
        for selector in selectors {
            let side = select::sites(&self.plan, selector, stream);
            if side.is_empty() {
                self.problem(line, format!("`{selector}` means nobody"));
                return None;
            }
            if let Some(twice) = sides.iter().find_map(|other| other.intersection(&side).next()) {
                let name = self.site_name(*twice);
                self.problem(line, format!("`{name}` is on two sides of the fault"));
                return None;
            }
            sides.push(side);
        }
        Some(sides)
    }
}

/// The first node stays in the middle, the others are halved. Or how many it takes.
fn bridge(nodes: &[Site]) -> Result<Vec<Side>, usize> {
    let [middle, rest @ ..] = nodes else { return Err(3) };
    if rest.len() < 2 {
        return Err(3);
    }
    let (a, c) = rest.split_at(rest.len().div_ceil(2));
    let side = |nodes: &[Site]| nodes.iter().copied().collect();
    Ok(vec![side(a), side(&[*middle]), side(c)])
}

/// Each node is a side. Or how many it takes.
fn ring(nodes: &[Site]) -> Result<Vec<Side>, usize> {
    if nodes.len() < 4 {
        return Err(4);
    }
    Ok(nodes.iter().map(|node| Side::from([*node])).collect())
}

#[cfg(test)]
mod tests;
