//! The core: which nodes are healed in the end, and which faults on the others are never lifted.
//!
//! A mesh has no quorum, so any nodes may be what is left of it: some or all of those of a region,
//! and of two regions at least where there are two, because what survives must find each other
//! across a sea. A core that the plan itself keeps apart (see `plan/recovery`) is drawn anew a few
//! times; if none fits, the last one stays, and its verdict says why it could not heal.
//!
//! Faults come as the scenario has them. Of those that touch others than the core, each is never
//! lifted in half of the seeds, and in every seed one at least; their parts among the core end as
//! planned.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, FaultAction, FaultPlan, NamesPlan, ProcessPlan, Sides, Site};
use crate::ids::NodeId;
use crate::plan::recovery::unrecoverable;
use crate::plan::{HostFault, HostWhat};
use crate::scenario::Heal;

#[cfg(test)]
mod tests;

/// A core that the plan keeps apart is drawn anew so often.
const TRIES: u64 = 24;

impl Builder<'_> {
    /// Draws the core, if the scenario asks for one. Faults are in order of time by now.
    pub(super) fn core(&mut self) {
        if self.heal() == Heal::All {
            return;
        }
        let faults = std::mem::take(&mut self.plan.faults);
        for turn in 0..TRIES {
            self.plan.core = Some(self.who_is_healed(turn));
            self.plan.faults = self.what_is_lifted(turn, faults.clone());
            if unrecoverable(&self.plan).is_empty() {
                break;
            }
        }
        self.plan.renumber();
    }

    fn heal(&self) -> Heal {
        let drawn = self.scenario.swarm.as_ref().map_or(&[][..], |swarm| &swarm.heal);
        let mut stream = self.stream("plan.swarm.heal", &[]);
        stream.pick(drawn).copied().unwrap_or(self.scenario.heal)
    }

    fn who_is_healed(&self, turn: u64) -> Vec<NodeId> {
        let mut stream = self.stream("plan.core", &[turn]);
        let leavers = self.plan.leavers();
        let mut regions: BTreeMap<u16, Vec<NodeId>> = BTreeMap::new();
        for (id, node) in (0..).map(NodeId).zip(&self.plan.nodes) {
            if !leavers.contains(&id) {
                regions.entry(node.region.0).or_default().push(id);
            }
        }
        let mut regions: Vec<Vec<NodeId>> = regions.into_values().collect();
        let all: usize = regions.iter().map(Vec::len).sum();
        let least = regions.len().min(2);
        let count = stream.between(least as u64, regions.len() as u64) as usize;
        stream.shuffle(&mut regions);
        regions.truncate(count);
        // One node alone would have nobody to find.
        let few = if count == 1 { 2 } else { 1 };
        for nodes in &mut regions {
            let whole = stream.below(2) == 0;
            stream.shuffle(nodes);
            let some = stream.between(few.min(nodes.len()) as u64, nodes.len() as u64) as usize;
            if !whole {
                nodes.truncate(some);
            }
        }
        if regions.iter().map(Vec::len).sum::<usize>() == all {
            leave_one_out(&mut regions, least, few);
        }
        let core: BTreeSet<NodeId> = regions.into_iter().flatten().collect();
        core.into_iter().collect()
    }

    /// The faults, those of them that touch others than the core perhaps never lifted.
    fn what_is_lifted(&self, turn: u64, faults: Vec<FaultPlan>) -> Vec<FaultPlan> {
        let outside = |fault: &FaultPlan| {
            can_stay(fault) && !self.parts(&fault.action, |core| !core).is_empty()
        };
        let can: Vec<usize> =
            (0..).zip(&faults).filter(|(_, f)| outside(f)).map(|(at, _)| at).collect();
        let stays = |at: usize| self.stream("plan.core.stays", &[turn, at as u64]).below(2) == 1;
        let mut left: BTreeSet<usize> = can.iter().copied().filter(|at| stays(*at)).collect();
        if left.is_empty() {
            left.extend(self.stream("plan.core.one", &[turn]).pick(&can));
        }
        let lost = self.lost_from(&faults, &left);
        let mut made = Vec::new();
        let mut next = faults.len() as u32;
        for (at, fault) in faults.into_iter().enumerate() {
            let mut parts = self.lifted_and_left(at, &fault, left.contains(&at), &lost).into_iter();
            let first = parts.next();
            made.extend(first.map(|(action, lasts)| FaultPlan { action, lasts, ..fault.clone() }));
            for (action, lasts) in parts {
                made.push(FaultPlan { id: next, action, lasts, ..fault.clone() });
                next += 1;
            }
        }
        made
    }

    /// From which fault on each node outside of the core is lost: the first that takes hold of it and
    /// is never lifted, or one before it that was not over.
    fn lost_from(&self, faults: &[FaultPlan], left: &BTreeSet<usize>) -> BTreeMap<NodeId, usize> {
        let mut lost = BTreeMap::new();
        for id in (0..).map(NodeId).take(self.plan.nodes.len()).filter(|id| !self.plan.is_core(*id))
        {
            let hits = |fault: &FaultPlan| holds(fault) && fault.action.nodes().contains(&id);
            let all: Vec<usize> =
                (0..).zip(faults).filter(|(_, f)| hits(f)).map(|(at, _)| at).collect();
            let Some(first) = all.iter().position(|at| left.contains(at)) else { continue };
            let mut from = all[first];
            for &before in all[..first].iter().rev() {
                if can_stay(&faults[before]) && faults[before].end() > faults[from].at {
                    from = before;
                }
            }
            lost.insert(id, from);
        }
        lost
    }

    /// What a fault is made of now, each part with how long it lasts; nothing if it hits only who is
    /// lost already.
    fn lifted_and_left(
        &self,
        at: usize,
        fault: &FaultPlan,
        is_left: bool,
        lost: &BTreeMap<NodeId, usize>,
    ) -> Vec<(FaultAction, u64)> {
        let (lasts, action) = (fault.lasts, &fault.action);
        if !holds(fault) {
            if !is_left {
                return vec![(action.clone(), lasts)];
            }
            let lifted = self.parts(action, |core| core).into_iter().map(|part| (part, lasts));
            let left = self.parts(action, |core| !core).into_iter();
            return lifted.chain(left.map(|part| (part, FaultPlan::EVER))).collect();
        }
        let of = |meant: fn(usize, usize) -> bool| {
            let is = |id: &NodeId| meant(lost.get(id).copied().unwrap_or(usize::MAX), at);
            with_nodes(action, action.nodes().iter().copied().filter(is).collect())
        };
        let lifted = of(|from, at| from > at).map(|part| (part, lasts));
        let left = of(|from, at| from == at).map(|part| (part, FaultPlan::EVER));
        lifted.into_iter().chain(left).collect()
    }

    /// The part of a fault that touches the core alone, or the rest of it: whatever `is` wants.
    fn parts(&self, action: &FaultAction, is: fn(bool) -> bool) -> Vec<FaultAction> {
        let plan = &self.plan;
        if let FaultAction::StopReading(clients) = action {
            let clients: Vec<_> =
                clients.iter().copied().filter(|id| is(plan.has_core_server(*id))).collect();
            let some = !clients.is_empty();
            return some.then_some(FaultAction::StopReading(clients)).into_iter().collect();
        }
        let Some(sides) = action.sides() else {
            let nodes = action.nodes().iter().copied().filter(|id| is(plan.is_core(*id)));
            return with_nodes(action, nodes.collect()).into_iter().collect();
        };
        let of = |side: &[Site], core: bool| -> Vec<Site> {
            side.iter().copied().filter(|site| plan.is_core_site(*site) == core).collect()
        };
        let ways = sides.ways;
        let among = Sides { a: of(&sides.a, true), b: of(&sides.b, true), ways };
        let split = if is(true) {
            vec![among]
        } else {
            let others = Sides { a: of(&sides.a, false), b: sides.b.clone(), ways };
            vec![others, Sides { a: among.a, b: of(&sides.b, false), ways }]
        };
        let some = |sides: &Sides| !sides.a.is_empty() && !sides.b.is_empty();
        split.into_iter().filter(some).filter_map(|sides| with_sides(action, sides)).collect()
    }
}

/// Takes one node out of a core that is everybody, if it can do without.
fn leave_one_out(regions: &mut Vec<Vec<NodeId>>, least: usize, few: usize) {
    if let Some(nodes) = regions.iter_mut().find(|nodes| nodes.len() > few) {
        // They are in an order of their own by now.
        nodes.pop();
    } else if regions.len() > least {
        regions.pop();
    }
}

/// Whether a fault can be one that is never lifted: it lasts, and it is not something that an
/// operator does on purpose.
const fn can_stay(fault: &FaultPlan) -> bool {
    let by_an_operator = matches!(
        &fault.action,
        FaultAction::Host(HostFault {
            what: HostWhat::Restart(_)
                | HostWhat::Upgrade(_)
                | HostWhat::Join
                | HostWhat::Leave
                | HostWhat::Reload(_),
            ..
        })
    );
    fault.lasts > 0 && !by_an_operator
}

/// Whether a fault takes hold of its nodes, so that nothing else happens to them meanwhile.
const fn holds(fault: &FaultPlan) -> bool {
    match &fault.action {
        FaultAction::Crash(_) | FaultAction::Stop(_) | FaultAction::LameDuck(_) => true,
        FaultAction::Host(host) => !matches!(host.what, HostWhat::Clock(_)),
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_) => false,
    }
}

/// The same of these nodes; `None` if there are none.
fn with_nodes(action: &FaultAction, nodes: Vec<NodeId>) -> Option<FaultAction> {
    if nodes.is_empty() {
        return None;
    }
    Some(match action {
        FaultAction::Crash(process) => FaultAction::Crash(ProcessPlan { nodes, ..*process }),
        FaultAction::Stop(process) => FaultAction::Stop(ProcessPlan { nodes, ..*process }),
        FaultAction::LameDuck(process) => FaultAction::LameDuck(ProcessPlan { nodes, ..*process }),
        FaultAction::Dns(names) => FaultAction::Dns(NamesPlan { nodes, old: names.old }),
        FaultAction::Host(host) => FaultAction::Host(HostFault { nodes, what: host.what.clone() }),
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::StopReading(_) => return None,
    })
}

/// The same between these sides; `None` if it stands between nobody.
fn with_sides(action: &FaultAction, between: Sides) -> Option<FaultAction> {
    Some(match *action {
        FaultAction::Cut { blackhole, .. } => FaultAction::Cut { between, blackhole },
        FaultAction::Conns { what, .. } => FaultAction::Conns { between, what },
        FaultAction::Reset(_) => FaultAction::Reset(between),
        FaultAction::Refuse(_) => FaultAction::Refuse(between),
        FaultAction::Degrade { latency_ns, jitter_ns, loss_ppm, bandwidth, .. } => {
            FaultAction::Degrade { between, latency_ns, jitter_ns, loss_ppm, bandwidth }
        }
        FaultAction::Crash(_)
        | FaultAction::Stop(_)
        | FaultAction::LameDuck(_)
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_)
        | FaultAction::Host(_) => return None,
    })
}
