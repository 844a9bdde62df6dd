//! Faults and clients that wait for something.

use super::{Builder, FaultSpec, select};
use crate::ids::NodeId;
use crate::plan::{Condition, Watched, When};
use crate::scenario::{Selector, WatchedSpec};

/// Draws of what clients wait for are numbered from here: those of faults from 0.
const CLIENTS_KEY: u64 = 1 << 40;

/// A fault of several parts is over when all of them are.
fn number(watched: &Watched, wanted: u64) -> u64 {
    match watched {
        Watched::Over(ids) => ids.len() as u64,
        Watched::Count(_)
        | Watched::Connected(_)
        | Watched::Up(_)
        | Watched::Routes(..)
        | Watched::Begun(_) => wanted,
    }
}

impl Builder<'_> {
    /// Gives the faults from `before` on, which one of the scenario has become, their numbers for the
    /// time being, and what they wait for. `key` is its place in the scenario.
    pub(super) fn anchor(&mut self, key: u64, before: usize, spec: &FaultSpec, duration: u64) {
        let ids = u32::try_from(before).unwrap_or(u32::MAX)..;
        for (id, fault) in ids.zip(&mut self.plan.faults[before..]) {
            fault.id = id;
        }
        if let Some(id) = &spec.id {
            let ids = self.plan.faults[before..].iter().map(|fault| fault.id).collect();
            self.named.insert(id.clone(), ids);
        }
        let Some(when) = &spec.when else { return };
        let Some(watched) = self.watched(key, spec.line, &when.watched) else { return };
        let delay = self.sample(when.delay, "plan.when.delay", &[key]);
        let number = number(&watched, when.number);
        let new = &mut self.plan.faults[before..];
        // Parts that would begin later wait longer.
        let first = new.iter().map(|fault| fault.at).min().unwrap_or(0);
        for fault in new {
            let delay_ns = delay + (fault.at - first);
            let until = duration.saturating_sub(fault.lasts).max(first);
            fault.at = first;
            let (watched, is) = (watched.clone(), when.is);
            fault.when = Some(When { watched, is, number, delay_ns, until });
        }
    }

    /// What the clients of each table wait for: while faults have the numbers by which others know
    /// them.
    pub(super) fn anchor_clients(&mut self) {
        for (at, spec) in self.scenario.clients.iter().enumerate() {
            let Some(when) = &spec.when else { continue };
            let key = CLIENTS_KEY + at as u64;
            let Some(watched) = self.watched(key, spec.line, &when.watched) else { continue };
            let number = number(&watched, when.number);
            let condition = self.plan.condition(Condition { watched, is: when.is, number });
            self.waiting.insert(at, condition);
        }
    }

    fn watched(&mut self, key: u64, line: u32, watched: &WatchedSpec) -> Option<Watched> {
        let made = match watched {
            WatchedSpec::Count(clients) => {
                Watched::Count(select::clients(&self.plan, clients).into_iter().collect())
            }
            WatchedSpec::Connected(clients) => {
                Watched::Connected(select::clients(&self.plan, clients).into_iter().collect())
            }
            WatchedSpec::Up(nodes) => Watched::Up(self.watched_nodes(key, 0, nodes)),
            WatchedSpec::Routes(a, b) => {
                Watched::Routes(self.watched_nodes(key, 0, a), self.watched_nodes(key, 1, b))
            }
            WatchedSpec::Begun(id) => Watched::Begun(self.named.get(id)?.clone()),
            WatchedSpec::Over(id) => Watched::Over(self.named.get(id)?.clone()),
        };
        if made.is_empty() {
            self.problem(line, "it waits for something about nobody".to_owned());
            return None;
        }
        Some(made)
    }

    fn watched_nodes(&self, key: u64, side: u64, selector: &Selector) -> Vec<NodeId> {
        let mut stream = self.stream("plan.when", &[key, side]);
        select::nodes(&self.plan, selector, &mut stream).into_iter().collect()
    }
}
