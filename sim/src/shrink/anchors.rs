//! What faults wait for: simpler conditions, or a time that does as well.

use super::search::Search;
use crate::plan::{Plan, Watched, When};

/// So many times between the first and the last that a fault can begin at are tried.
const TIMES: u64 = 12;

impl Search<'_> {
    /// Lets faults wait for less, or for nothing.
    pub(super) fn anchors(&mut self) {
        let waiting = self.plan().faults.iter().filter(|fault| fault.when.is_some());
        let ids: Vec<u32> = waiting.map(|fault| fault.id).collect();
        for id in ids {
            if !self.at_a_time(id) {
                self.for_less(id);
            }
        }
    }

    /// A time is the simpler story.
    fn at_a_time(&mut self, id: u32) -> bool {
        let Some(fault) = self.plan().faults.iter().find(|fault| fault.id == id) else {
            return true;
        };
        let from = fault.at;
        let until = fault.when.as_ref().map_or(from, |when| when.until);
        let step = until.saturating_sub(from) / TIMES;
        (0..=TIMES).any(|turn| {
            self.change(|plan| {
                for fault in plan.faults.iter_mut().filter(|fault| fault.id == id) {
                    (fault.when, fault.at) = (None, from + turn * step);
                }
                plan.faults.sort_by_key(|fault| fault.at);
            })
        })
    }

    fn for_less(&mut self, id: u32) {
        self.change(|plan| of(plan, id, |when| when.delay_ns = 0));
        for number in [1, 10, 100] {
            let fewer = self.change(|plan| of(plan, id, |w| w.number = w.number.min(number)));
            if fewer {
                break;
            }
        }
        // Only a part of those that it looks at.
        for first in [true, false] {
            self.change(|plan| {
                of(plan, id, |when| match &mut when.watched {
                    Watched::Count(all) | Watched::Connected(all) => one(all, first),
                    Watched::Up(all) => one(all, first),
                    Watched::Routes(a, b) => {
                        one(a, first);
                        one(b, first);
                    }
                    Watched::Begun(_) | Watched::Over(_) => {}
                });
            });
        }
    }
}

fn one<T: Copy>(all: &mut Vec<T>, first: bool) {
    let only = if first { all.first() } else { all.last() };
    *all = only.copied().into_iter().collect();
}

fn of(plan: &mut Plan, id: u32, change: impl Fn(&mut When)) {
    let faults = plan.faults.iter_mut().filter(|fault| fault.id == id);
    faults.filter_map(|fault| fault.when.as_mut()).for_each(change);
}
