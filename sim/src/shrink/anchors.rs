//! What faults and operations wait for: simpler conditions, or a time that does as well.

use std::collections::BTreeSet;

use super::search::Search;
use crate::plan::{Later, OpPlan, Plan, Watched};

/// So many times between the first and the last at which it can happen are tried.
const TIMES: u64 = 12;

/// What waits: a fault by its number, or all operations that wait for a condition.
#[derive(Clone, Copy)]
enum Waits {
    Fault(u32),
    Ops(u32),
}

impl Search<'_> {
    /// Lets faults and operations wait for less, or for nothing.
    pub(super) fn anchors(&mut self) {
        let plan = self.plan();
        let faults = plan.faults.iter().filter(|fault| fault.when.is_some());
        let conditions: BTreeSet<u32> =
            plan.ops.iter().filter_map(|op| Some(op.when?.condition)).collect();
        let all: Vec<Waits> = (faults.map(|fault| Waits::Fault(fault.id)))
            .chain(conditions.into_iter().map(Waits::Ops))
            .collect();
        for one in all {
            if !self.at_a_time(one) {
                self.for_less(one);
            }
        }
    }

    /// A time is the simpler story.
    fn at_a_time(&mut self, of: Waits) -> bool {
        let Some((from, until)) = span(self.plan(), of) else { return true };
        let step = until.saturating_sub(from) / TIMES;
        (0..=TIMES).any(|turn| self.change(|plan| at_time(plan, of, from + turn * step)))
    }

    fn for_less(&mut self, of: Waits) {
        self.change(|plan| without_delay(plan, of));
        for number in [1, 10, 100] {
            let less = |_: &mut Watched, n: &mut u64| *n = (*n).min(number);
            if self.change(|plan| condition(plan, of, less)) {
                break;
            }
        }
        // Only a part of those that it looks at.
        for first in [true, false] {
            let part = |watched: &mut Watched, _: &mut u64| match watched {
                Watched::Count(all) | Watched::Connected(all) => one(all, first),
                Watched::Up(all) => one(all, first),
                Watched::Routes(a, b) => {
                    one(a, first);
                    one(b, first);
                }
                Watched::Begun(_) | Watched::Over(_) => {}
            };
            self.change(|plan| condition(plan, of, part));
        }
    }
}

/// From when on it may happen, and until when; `None` if it is not there any more.
fn span(plan: &Plan, of: Waits) -> Option<(u64, u64)> {
    match of {
        Waits::Fault(id) => {
            let fault = plan.faults.iter().find(|fault| fault.id == id)?;
            Some((fault.at, fault.when.as_ref().map_or(fault.at, |when| when.until)))
        }
        Waits::Ops(condition) => {
            let waiting = |op: &&OpPlan| op.when.is_some_and(|later| later.condition == condition);
            let ops = plan.ops.iter().filter(waiting);
            let times = ops.map(|op| (op.at, op.latest()));
            times.reduce(|(from, until), (at, latest)| (from.min(at), until.max(latest)))
        }
    }
}

/// As if what is waited for came at this time. What would be too late then is left out.
fn at_time(plan: &mut Plan, of: Waits, at: u64) {
    match of {
        Waits::Fault(id) => {
            for fault in plan.faults.iter_mut().filter(|fault| fault.id == id) {
                (fault.when, fault.at) = (None, at);
            }
            plan.faults.sort_by_key(|fault| fault.at);
        }
        Waits::Ops(condition) => {
            plan.ops.retain_mut(|op| {
                let Some(later) = op.when.take_if(|later| later.condition == condition) else {
                    return true;
                };
                op.at = at.max(op.at).saturating_add(later.delay_ns);
                op.at <= later.until
            });
            plan.ops.sort_by_key(|op| op.at);
        }
    }
}

/// The first of what waits happens at once.
fn without_delay(plan: &mut Plan, of: Waits) {
    match of {
        Waits::Fault(id) => {
            let faults = plan.faults.iter_mut().filter(|fault| fault.id == id);
            faults.filter_map(|fault| fault.when.as_mut()).for_each(|when| when.delay_ns = 0);
        }
        Waits::Ops(condition) => {
            let waiting = |later: &&mut Later| later.condition == condition;
            let mut all: Vec<&mut Later> =
                plan.ops.iter_mut().filter_map(|op| op.when.as_mut()).filter(waiting).collect();
            let least = all.iter().map(|later| later.delay_ns).min().unwrap_or(0);
            all.iter_mut().for_each(|later| later.delay_ns -= least);
        }
    }
}

fn condition(plan: &mut Plan, of: Waits, change: impl Fn(&mut Watched, &mut u64)) {
    match of {
        Waits::Fault(id) => {
            let faults = plan.faults.iter_mut().filter(|fault| fault.id == id);
            let whens = faults.filter_map(|fault| fault.when.as_mut());
            whens.for_each(|when| change(&mut when.watched, &mut when.number));
        }
        Waits::Ops(at) => {
            if let Some(condition) = plan.conditions.get_mut(at as usize) {
                change(&mut condition.watched, &mut condition.number);
            }
        }
    }
}

fn one<T: Copy>(all: &mut Vec<T>, first: bool) {
    let only = if first { all.first() } else { all.last() };
    *all = only.copied().into_iter().collect();
}
