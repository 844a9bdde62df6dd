//! The smallest plan so far, trials, and chunks.

use std::collections::BTreeSet;

use super::{Finding, Shrunk, Signature, Trial};
use crate::hash::hash64;
use crate::plan::Plan;

/// A search for a smaller plan.
pub(super) struct Search<'t> {
    /// The smallest so far.
    plan: Plan,
    /// When it fails, in nanoseconds.
    fails_at: u64,
    wanted: &'t Signature,
    /// What the plan at the start shows.
    at_start: Vec<Signature>,
    also_found: BTreeSet<Signature>,
    trial: &'t mut dyn Trial,
    /// Hashes of what was tried already.
    tried: BTreeSet<u64>,
    replays: u32,
    replays_max: u32,
    helped: u32,
    over: bool,
}

impl<'t> Search<'t> {
    /// Runs the plan itself; `None` if it does not show the failure.
    pub(super) fn begin(
        plan: &Plan,
        wanted: &'t Signature,
        replays_max: u32,
        trial: &'t mut dyn Trial,
    ) -> Option<Self> {
        // Candidates are made of what a file would hold.
        let plan = reread(plan);
        let found = trial.findings(&plan);
        let fails_at = time_of(&found, wanted)?;
        let at_start = found.into_iter().map(|finding| finding.signature).collect();
        let tried = BTreeSet::from([key(&plan)]);
        Some(Self {
            plan,
            fails_at,
            wanted,
            at_start,
            also_found: BTreeSet::new(),
            trial,
            tried,
            replays: 1,
            replays_max,
            helped: 0,
            over: false,
        })
    }

    pub(super) fn end(self) -> Shrunk {
        Shrunk {
            plan: reread(&self.plan),
            replays: self.replays,
            finished: !self.over,
            also_found: self.also_found.into_iter().collect(),
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn wanted(&self) -> &Signature {
        self.wanted
    }

    pub(super) fn fails_at(&self) -> u64 {
        self.fails_at
    }

    /// So many trials made the plan smaller: for knowing whether anything still does.
    pub(super) fn replays_that_helped(&self) -> u32 {
        self.helped
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Runs a candidate and takes it if it shows the failure.
    pub(super) fn attempt(&mut self, candidate: Plan) -> bool {
        self.run(candidate, |_, _| true)
    }

    /// Like [`attempt`](Self::attempt), and it must show nothing that the plan at the start does
    /// not: for edits that might make a sound broker fail.
    pub(super) fn attempt_if_nothing_new(&mut self, candidate: Plan) -> bool {
        self.run(candidate, |found, at_start| {
            found.iter().all(|finding| at_start.contains(&finding.signature))
        })
    }

    fn run(
        &mut self,
        candidate: Plan,
        pleases: impl FnOnce(&[Finding], &[Signature]) -> bool,
    ) -> bool {
        if self.over || !self.tried.insert(key(&candidate)) || !self.leaves_a_way(&candidate) {
            return false;
        }
        if self.replays >= self.replays_max || self.trial.is_over() {
            self.over = true;
            return false;
        }
        self.replays += 1;
        let found = self.trial.findings(&candidate);
        let new = found.iter().map(|finding| &finding.signature);
        let new = new.filter(|signature| !self.at_start.contains(signature));
        self.also_found.extend(new.cloned());
        let Some(fails_at) = time_of(&found, self.wanted) else { return false };
        if !pleases(&found, &self.at_start) {
            return false;
        }
        self.plan = candidate;
        self.fails_at = fails_at;
        self.helped += 1;
        true
    }

    /// Whether everybody still has whom to find: a plan in which nobody could do better shows nothing.
    fn leaves_a_way(&self, candidate: &Plan) -> bool {
        candidate.homeless().is_none() && candidate.islands() <= self.plan.islands()
    }

    /// Changes the plan in place, if that changes anything and the failure stays.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut candidate = self.plan.clone();
        change(&mut candidate);
        candidate != self.plan && self.attempt(candidate)
    }

    /// Tries to do without the things: all at once, then in halves, quarters and so on. `with`
    /// makes a candidate that has only those given.
    pub(super) fn leave_out<T: Clone>(
        &mut self,
        things: Vec<T>,
        with: impl Fn(&[T]) -> Option<Plan>,
    ) -> bool {
        let mut kept = things;
        let mut helped = false;
        let mut chunk = kept.len();
        while chunk > 0 && !self.over {
            let mut at = 0;
            while at < kept.len() {
                let until = kept.len().min(at + chunk);
                let rest = [&kept[..at], &kept[until..]].concat();
                if with(&rest).is_some_and(|candidate| self.attempt(candidate)) {
                    kept = rest;
                    helped = true;
                } else {
                    at = until;
                }
            }
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
        helped
    }
}

fn time_of(found: &[Finding], wanted: &Signature) -> Option<u64> {
    found.iter().find(|finding| finding.signature == *wanted).map(|finding| finding.t)
}

fn key(plan: &Plan) -> u64 {
    hash64(0, plan.write().as_bytes())
}

/// The plan as its file would give it: only the names that are used, in order of first use.
fn reread(plan: &Plan) -> Plan {
    Plan::parse(&plan.write()).unwrap_or_else(|_| plan.clone())
}
