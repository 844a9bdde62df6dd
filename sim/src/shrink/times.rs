//! What is made shorter and rounder.

use super::search::Search;
use crate::history::Phase;
use crate::plan::{FaultPlan, Op, OpPlan, Plan, timing};
use crate::units::{MS, SECOND};

/// What pauses and faults are shortened to, if they do not have to be longer.
const SHORT_NS: [u64; 5] = [MS, 100 * MS, SECOND, 3 * SECOND, 10 * SECOND];

/// Times are rounded down to whole multiples of this, the coarsest first.
const ROUND_NS: [u64; 3] = [SECOND, 100 * MS, MS];

/// So many pauses and operations are looked at one by one.
const SINGLE_MAX: usize = 60;

impl Search<'_> {
    /// Makes what happens short and its times round.
    pub(super) fn times(&mut self) {
        self.change(tighten);
        self.shorter_faults();
        // What is read back at the end needs the time that it was given.
        if !self.plan().streams.is_empty() {
            return;
        }
        self.shorter_pauses();
        self.rounder_times();
        self.change(settle);
        self.change(begin_sooner);
    }

    fn shorter_faults(&mut self) {
        for at in 0..self.plan().faults.len() {
            if self.plan().faults[at].stays() {
                continue;
            }
            let lasts = self.plan().faults[at].lasts;
            let shorter = SHORT_NS.into_iter().filter(|ns| *ns < lasts);
            let _enough = shorter
                .chain([lasts / 2])
                .any(|ns| ns > 0 && ns < lasts && self.change(|plan| plan.faults[at].lasts = ns));
        }
    }

    /// Nothing happens for a shorter time.
    fn shorter_pauses(&mut self) {
        for short in SHORT_NS {
            let all = self.change(|plan| {
                for (from, to) in pauses(plan).into_iter().rev() {
                    pull(plan, to, (to - from).saturating_sub(short));
                }
            });
            if all {
                break;
            }
        }
        let count = pauses(self.plan()).len();
        for at in (0..count).rev().take(SINGLE_MAX) {
            for short in SHORT_NS {
                let Some(&(from, to)) = pauses(self.plan()).get(at) else { break };
                if self.change(|plan| pull(plan, to, (to - from).saturating_sub(short))) {
                    break;
                }
            }
        }
    }

    fn rounder_times(&mut self) {
        for unit in ROUND_NS {
            let all = self.change(|plan| {
                let least = Least::of(plan);
                for op in &mut plan.ops {
                    op.at = least.round(op.at, unit);
                }
                for fault in &mut plan.faults {
                    fault.at = least.round(fault.at, unit);
                    if fault.stays() {
                        continue;
                    }
                    // None is a duration of another kind: for ever.
                    fault.lasts =
                        Some(down(fault.lasts, unit)).filter(|ns| *ns > 0).unwrap_or(fault.lasts);
                }
            });
            if all {
                return;
            }
        }
        for at in 0..self.plan().ops.len().min(SINGLE_MAX) {
            let _enough = ROUND_NS.into_iter().any(|unit| {
                self.change(|plan| {
                    let earliest = if at == 0 { 0 } else { plan.ops[at - 1].at };
                    let rounded = Least::of(plan).round(plan.ops[at].at, unit);
                    plan.ops[at].at = rounded.max(earliest);
                })
            });
        }
    }
}

/// The beginnings of phases that times must not be rounded across.
struct Least {
    warm: u64,
    chaos: u64,
}

impl Least {
    const fn of(plan: &Plan) -> Self {
        let [_, warm, chaos, ..] = plan.bounds.phases_ns;
        Self { warm, chaos }
    }

    fn round(&self, at: u64, unit: u64) -> u64 {
        let least = [self.chaos, self.warm].into_iter().find(|begin| *begin <= at);
        down(at, unit).max(least.unwrap_or(0))
    }
}

/// Moves the later phases to where a planner would put them for what is left: healing ends when
/// the last fault does, work ends with its last operation, and what follows takes as long as it must.
pub(super) fn settle(plan: &mut Plan) {
    let [boot, warm, chaos, heal, quiesce, drain, end] = plan.bounds.phases_ns;
    let last_fault = plan.faults.iter().map(FaultPlan::last_change).max().unwrap_or(chaos);
    let last_work = plan.ops.iter().map(OpPlan::latest).filter(|at| *at < drain).max();
    let last_work = last_work.unwrap_or(chaos);
    let new_heal = last_fault.max(chaos).min(heal);
    let new_quiesce = up(last_work).clamp(new_heal, quiesce.max(new_heal));
    let patience = plan.ops.iter().map(|op| match op.op {
        Op::Request { timeout_ns, .. } => timeout_ns,
        Op::Stream(op) => op.patience_ns(),
        Op::Connect | Op::Close | Op::Sub { .. } | Op::Unsub { .. } | Op::Pub { .. } => 0,
    });
    let needed = up(timing::settle_ns(plan, &plan.bounds)).max(patience.max().unwrap_or(0));
    let settling = needed.min(drain.saturating_sub(quiesce));
    let new_drain = (new_quiesce + settling).max(last_work + settling).min(drain);
    let leaving = up(timing::drain_ns(&plan.bounds)).min(end.saturating_sub(drain));
    plan.bounds.phases_ns =
        [boot, warm, chaos, new_heal, new_quiesce, new_drain, new_drain + leaving];
    for op in &mut plan.ops {
        if op.at >= drain {
            op.at -= drain - new_drain;
        }
    }
}

/// Lowers bounds to what the networks and timers that are left ask for.
fn tighten(plan: &mut Plan) {
    let needed = timing::bounds(plan);
    let bounds = &mut plan.bounds;
    bounds.rtt_max_ns = bounds.rtt_max_ns.min(needed.rtt_max_ns);
    bounds.interest_ns = bounds.interest_ns.min(needed.interest_ns);
    bounds.routes_ns = bounds.routes_ns.min(needed.routes_ns);
    bounds.clients_ns = bounds.clients_ns.min(needed.clients_ns);
    bounds.fast_ppm = bounds.fast_ppm.min(needed.fast_ppm);
}

/// Moves everything to the front, as far as nodes and clients do not need the time to find each
/// other.
fn begin_sooner(plan: &mut Plan) {
    let started = plan.nodes.iter().map(|node| node.start_ns).max().unwrap_or(0);
    let warm = plan.bounds.phases_ns[Phase::Warm as usize];
    let needed = up(started + timing::boot_ns(&plan.bounds));
    pull(plan, warm, warm.saturating_sub(needed));
    let [_, warm, chaos, ..] = plan.bounds.phases_ns;
    let needed = up(timing::warm_ns(&plan.bounds));
    let busy = plan.ops.iter().map(|op| op.at).filter(|at| *at < chaos).max().unwrap_or(warm);
    let idle = chaos - busy.clamp(warm, chaos);
    pull(plan, chaos, (chaos - warm).saturating_sub(needed).min(idle));
}

/// Moves everything from a time on to the front by so much. A fault that lasts across it becomes
/// shorter, unless it is never lifted.
fn pull(plan: &mut Plan, from: u64, by: u64) {
    // What lies in the pause that is cut out, such as the beginning of a phase, goes to its end.
    let moved = |at: u64| if at >= from { at - by } else { at.min(from - by) };
    for op in &mut plan.ops {
        op.at = moved(op.at);
        if let Some(later) = &mut op.when {
            later.until = moved(later.until);
        }
    }
    for fault in &mut plan.faults {
        if fault.stays() {
            fault.at = moved(fault.at);
            fault.when.iter_mut().for_each(|when| when.until = moved(when.until));
            continue;
        }
        let end = moved(fault.end());
        fault.at = moved(fault.at);
        match &mut fault.when {
            None => fault.lasts = end - fault.at,
            // It lasts as long wherever it begins, if there is room for that.
            Some(when) => {
                fault.lasts = fault.lasts.min(end - fault.at);
                when.until = end - fault.lasts;
            }
        }
    }
    for phase in &mut plan.bounds.phases_ns {
        *phase = moved(*phase);
    }
}

/// Pauses in the work and the faults, from when clients begin to work until they stop.
fn pauses(plan: &Plan) -> Vec<(u64, u64)> {
    let [_, _, chaos, _, _, drain, _] = plan.bounds.phases_ns;
    let mut times: Vec<u64> = plan.ops.iter().flat_map(|op| [op.at, op.latest()]).collect();
    times.extend(plan.faults.iter().flat_map(|fault| [fault.at, fault.end()]));
    times.push(chaos);
    times.retain(|at| (chaos..drain).contains(at));
    times.sort_unstable();
    times.dedup();
    times.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

const fn down(ns: u64, unit: u64) -> u64 {
    ns - ns % unit
}

/// Whole tenths of a second, as planners have it.
const fn up(ns: u64) -> u64 {
    ns.next_multiple_of(100 * MS)
}
