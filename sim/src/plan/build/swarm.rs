//! Faults that the seed draws, and who takes part.
//!
//! A swarm is not one distribution over everything: each seed has a mood of its own. Some kinds of
//! faults are switched off, so that the others show what they can do undisturbed; faults come
//! evenly or in storms, often or rarely. Each fault that is drawn is written as a scenario would
//! have it and expanded like one, so a swarm can do nothing that a scenario could not.
//!
//! | file | holds |
//! |---|---|
//! | `clusters` | which regions are of one cluster |
//! | `families` | the kinds, each with how its parameters are drawn: the table to add a kind to |
//! | `whom` | whom a fault hits |

use std::collections::BTreeSet;

use super::{Builder, Draw, FaultAction, FaultPlan, FaultSpec, RegionId, Stream, select};
use crate::ids::NodeId;
use crate::plan::HostWhat;
use crate::plan::recovery::{cut_off, strangers};
use crate::scenario::SwarmSpec;
use families::{FAMILIES, Family, Lasts};
use whom::Whom;

mod clusters;
mod families;
#[cfg(test)]
mod tests;
mod whom;

/// Of a hundred seeds, so many have no fault.
const CALM_PERCENT: u64 = 3;

/// And so many have faults of one kind only.
const SINGLE_PERCENT: u64 = 10;

/// A fault that does not fit is drawn anew so often.
const TRIES: u64 = 6;

/// In a storm, faults follow each other so many times faster.
const STORM: u64 = 8;

/// Of so many pauses in a stormy seed, one is between two storms.
const STORM_FAULTS: u64 = 8;

/// Draws of a swarm's faults are numbered from here: those of written ones from 0.
const FIRST_KEY: u64 = 1 << 32;

/// The kinds of faults that a swarm can draw.
pub(crate) fn kinds() -> [&'static str; FAMILIES.len()] {
    FAMILIES.each_ref().map(|family| family.kind)
}

/// What one seed makes of a swarm.
struct Mood {
    /// The kinds that may occur, with their weights.
    on: Vec<(&'static Family, u64)>,
    mean_gap: u64,
    stormy: bool,
    max_concurrent: usize,
    stop_at: u64,
    /// Nodes that are never taken down, nor cut off from each other.
    keep: BTreeSet<NodeId>,
}

impl Builder<'_> {
    /// For each region of the scenario its place in the plan, if it is there: all of them, or as
    /// many as the swarm says, joined by paths.
    pub(super) fn regions_there(&self) -> Vec<Option<RegionId>> {
        let all = self.scenario.regions.len();
        let wanted = self.scenario.swarm.as_ref().and_then(|swarm| swarm.regions);
        let wanted = wanted.map_or(all as u64, |draw| self.sample(draw, "plan.swarm.regions", &[]));
        let mut there = BTreeSet::new();
        let mut stream = self.stream("plan.swarm.which_regions", &[]);
        while there.len() < all && (there.len() as u64) < wanted {
            let near = |at: &usize| {
                !there.contains(at)
                    && (there.is_empty()
                        || self.scenario.paths.iter().any(|path| {
                            (path.a == *at && there.contains(&path.b))
                                || (path.b == *at && there.contains(&path.a))
                        }))
            };
            let mut choice: Vec<usize> = (0..all).filter(near).collect();
            if choice.is_empty() {
                // No path leads further.
                choice = (0..all).filter(|at| !there.contains(at)).collect();
            }
            there.extend(stream.pick(&choice).copied());
        }
        let mut next = (0..).map(RegionId);
        (0..all).map(|at| if there.contains(&at) { next.next() } else { None }).collect()
    }

    /// Which of the `[[client]]` tables there are.
    pub(super) fn clients_there(&self) -> Vec<bool> {
        let all = self.scenario.clients.len();
        let Some(wanted) = self.scenario.swarm.as_ref().and_then(|swarm| swarm.clients) else {
            return vec![true; all];
        };
        let wanted = self.sample(wanted, "plan.swarm.clients", &[]);
        let mut order: Vec<usize> = (0..all).collect();
        self.stream("plan.swarm.which_clients", &[]).shuffle(&mut order);
        let there: BTreeSet<usize> = (0..wanted).zip(order).map(|(_, at)| at).collect();
        (0..all).map(|at| there.contains(&at)).collect()
    }

    /// Draws the faults. Times are still those of the scenario.
    pub(super) fn swarm(&mut self, duration: u64) {
        let Some(spec) = &self.scenario.swarm else { return };
        let mood = self.mood(spec, duration);
        let mut gaps = self.stream("plan.swarm.gaps", &[]);
        let mut at = mood.gap(&mut gaps);
        let mut number = 0;
        while at < mood.stop_at && !mood.on.is_empty() {
            let begun = self.plan.faults.iter().filter(|f| f.at <= at && at < f.end());
            let open: BTreeSet<(u64, u64)> = begun.map(|fault| (fault.at, fault.end())).collect();
            if open.len() < mood.max_concurrent {
                for turn in 0..TRIES {
                    let key = FIRST_KEY + number * TRIES + turn;
                    if self.one_fault(spec, &mood, at, key, duration) {
                        break;
                    }
                }
            }
            number += 1;
            at += mood.gap(&mut gaps);
        }
    }

    /// Whether everybody has somewhere to go although nodes come and go: clients a node that is
    /// always there, nodes routes that join those who are there.
    fn all_have_a_way(&self) -> bool {
        let come_or_go = self.plan.faults.iter().any(|fault| presence(&fault.action).is_some());
        !come_or_go
            || self.plan.homeless().is_none()
                && self.plan.are_always_joined()
                && cut_off(&self.plan).is_none()
    }

    fn mood(&self, spec: &SwarmSpec, duration: u64) -> Mood {
        let rare =
            |draw: Draw, purpose: &str| self.stream(purpose, &[]).doublings(draw.low, draw.high);
        let keep = spec
            .keep
            .as_ref()
            .map(|keep| select::nodes(&self.plan, keep, &mut self.stream("plan.swarm.keep", &[])));
        let stop_at = spec.stop_at.map_or(duration, |d| self.sample(d, "plan.swarm.stop_at", &[]));
        let concurrent = self.sample(spec.max_concurrent, "plan.swarm.max_concurrent", &[]);
        Mood {
            on: self.families_on(spec),
            mean_gap: rare(spec.mean_gap, "plan.swarm.mean_gap"),
            stormy: self.stream("plan.swarm.stormy", &[]).below(2) == 1,
            max_concurrent: usize::try_from(concurrent).unwrap_or(usize::MAX),
            stop_at: stop_at.min(duration),
            keep: keep.unwrap_or_default(),
        }
    }

    /// Each kind is off in half of the seeds; some seeds have none, some have one.
    fn families_on(&self, spec: &SwarmSpec) -> Vec<(&'static Family, u64)> {
        let known = |(kind, weight): &(&'static str, u64)| {
            let family = FAMILIES.iter().find(|family| family.kind == *kind)?;
            (*weight > 0).then_some((family, *weight))
        };
        let mut all: Vec<_> = spec.weights.iter().filter_map(known).collect();
        let mut stream = self.stream("plan.swarm.families", &[]);
        let roll = stream.below(100);
        let one = stream.pick(&all).copied();
        if roll < CALM_PERCENT {
            return Vec::new();
        }
        if roll < CALM_PERCENT + SINGLE_PERCENT {
            return one.into_iter().collect();
        }
        // By their names: a kind that is added moves no other.
        all.retain(|(family, _)| {
            self.stream(&format!("plan.swarm.on.{}", family.kind), &[]).below(2) == 1
        });
        all
    }

    /// Draws one fault; says whether it fits.
    fn one_fault(
        &mut self,
        spec: &SwarmSpec,
        mood: &Mood,
        at: u64,
        key: u64,
        duration: u64,
    ) -> bool {
        let mut stream = self.stream("plan.swarm.fault", &[key]);
        let Some(family) = mood.family(&mut stream) else { return false };
        let most = spec.lasts.high.min(mood.stop_at - at);
        let lasts = round(stream.doublings(spec.lasts.low, most));
        let for_good = match family.lasts {
            Lasts::Yes | Lasts::No => false,
            Lasts::Perhaps => self.stream("plan.swarm.for_good", &[key]).below(2) == 1,
        };
        let mut whom = Whom { plan: &self.plan, keep: &mood.keep, stream, for_good };
        let Some(what) = (family.what)(&mut whom) else { return false };
        let is_said = family.lasts != Lasts::No && !for_good;
        let lasts = is_said.then_some(Draw::fixed(lasts));
        let (at, line) = (Draw::fixed(at), spec.line);
        let fault = FaultSpec { id: None, at, when: None, lasts, what, line };
        let (before, problems) = (self.plan.faults.len(), self.problems.len());
        self.fault(key, &fault, duration);
        self.anchor(key, before, &fault, duration);
        let (old, new) = self.plan.faults.split_at(before);
        let fits = self.problems.len() == problems
            && !new.is_empty()
            && strangers(&self.plan).is_empty()
            && self.all_have_a_way()
            && new.iter().all(|fault| {
                fault.end() <= mood.stop_at
                    && !(family.is_harsh && mood.hits_kept(fault))
                    && old.iter().all(|other| !collide(fault, other))
            });
        if !fits {
            self.plan.faults.truncate(before);
            self.problems.truncate(problems);
        }
        fits
    }
}

impl Mood {
    /// Until the next fault. On average it is the mean, in storms, too.
    fn gap(&self, stream: &mut Stream) -> u64 {
        let storms_apart = stream.below(STORM_FAULTS) == 0;
        let mean = match (self.stormy, storms_apart) {
            (false, _) => self.mean_gap,
            (true, false) => self.mean_gap / STORM,
            (true, true) => self.mean_gap * (STORM_FAULTS - 1),
        };
        round(stream.between(0, 2 * mean)).max(1)
    }

    fn family(&self, stream: &mut Stream) -> Option<&'static Family> {
        let all: u64 = self.on.iter().map(|(_, weight)| weight).sum();
        let mut left = stream.below(all);
        self.on.iter().find_map(|(family, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found.then_some(*family)
        })
    }

    /// Whether a fault would hit a node that is kept, or stand between two of them.
    fn hits_kept(&self, fault: &FaultPlan) -> bool {
        let kept = |site: super::Site| site.node().is_some_and(|node| self.keep.contains(&node));
        fault.action.nodes().iter().any(|node| self.keep.contains(node))
            || fault.action.sides().is_some_and(|s| s.pairs().any(|(a, b)| kept(a) && kept(b)))
    }
}

/// Whether two faults meet: at once, at the same node, or between the same two places and of the same
/// kind. Nothing happens to a node before it has come, nor after it has gone.
fn collide(a: &FaultPlan, b: &FaultPlan) -> bool {
    let same_node = a.action.nodes().iter().any(|node| b.action.nodes().contains(node));
    let absent =
        |comes_or_goes: &FaultPlan, other: &FaultPlan| match presence(&comes_or_goes.action) {
            Some(HostWhat::Join) => other.at <= comes_or_goes.at,
            Some(_) => other.end() >= comes_or_goes.at,
            None => false,
        };
    if same_node && (absent(a, b) || absent(b, a)) {
        return true;
    }
    if a.end() < b.at || b.end() < a.at {
        return false;
    }
    let same_pair = || match (a.action.sides(), b.action.sides()) {
        (Some(a), Some(b)) => a.pairs().any(|pair| b.pairs().any(|other| other == pair)),
        _ => false,
    };
    same_node || (a.action.kind() == b.action.kind() && same_pair())
}

/// What a fault does to who is there at all, if it does.
fn presence(action: &FaultAction) -> Option<&HostWhat> {
    let what = &action.host()?.what;
    matches!(what, HostWhat::Join | HostWhat::Leave).then_some(what)
}

/// Whole milliseconds, where there are any: easier to read.
const fn round(ns: u64) -> u64 {
    if ns < super::MS { ns } else { ns - ns % super::MS }
}
