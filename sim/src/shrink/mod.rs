//! Makes a failing plan small: fewer nodes, faults and operations, calmer networks, rounder times,
//! and the same failure.
//!
//! ```text
//! signature::findings(&run, &history)     what went wrong in a run, by kind and object
//! shrink(&plan, &signature, limits, &mut trial)
//!     Shrunk { plan, replays, .. }        a plan that shows the same, and how it was found
//! ```
//!
//! A candidate is an edit of the smallest plan so far, and counts only if its run shows the wanted
//! [`Signature`]. What else turns up on the way is told, and not followed. Which candidates are
//! tried depends on the plan and on what the trials say, on nothing else; a clock may end the
//! search early and cannot steer it.
//!
//! A smaller plan must be one that a broker without the bug survives. So edits keep what guarantees
//! rely on: nodes of one cluster stay joined by their routes, the phases keep the distances that a
//! planner would give them, bounds never become tighter than the planner's, and a guarantee that
//! the scenario weakens stays as weak.
//!
//! | file | holds |
//! |---|---|
//! | `signature` | what makes two failures the same |
//! | `search` | the smallest plan so far, trials, chunks |
//! | `passes` | what is left out: the end, clients, nodes, faults, operations |
//! | `values` | what is made simpler: networks, sizes, counts, settings |
//! | `anchors` | what faults wait for, and the times that do as well |
//! | `times` | what is made shorter and rounder |
//! | `edit` | plans without some of their parts, with all references kept valid |

mod anchors;
mod edit;
mod passes;
mod search;
mod signature;
#[cfg(test)]
mod tests;
mod times;
mod values;

pub use signature::{Finding, Signature, findings};

use std::fmt;

use crate::plan::Plan;
use search::Search;

/// Candidates that are run unless something else is said.
pub const REPLAYS_MAX: u32 = 2_000;

/// Runs candidates.
pub trait Trial {
    /// Runs the plan and says what went wrong.
    fn findings(&mut self, plan: &Plan) -> Vec<Finding>;

    /// Whether the search should end with what it has.
    fn is_over(&mut self) -> bool {
        false
    }
}

/// What a plan is made of, for judging how small it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// Nodes.
    pub nodes: usize,
    /// Clients.
    pub clients: usize,
    /// Faults.
    pub faults: usize,
    /// Operations of clients.
    pub ops: usize,
}

impl Size {
    /// The size of a plan.
    #[must_use]
    pub const fn of(plan: &Plan) -> Self {
        Self {
            nodes: plan.nodes.len(),
            clients: plan.clients.len(),
            faults: plan.faults.len(),
            ops: plan.ops.len(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::report::words::plural;
        let Self { nodes, clients, faults, ops } = *self;
        let parts = [(nodes, "node"), (clients, "client"), (faults, "fault"), (ops, "operation")];
        let [nodes, clients, faults, ops] = parts.map(|(n, what)| plural(n as u64, what));
        write!(f, "{nodes}, {clients}, {faults}, {ops}")
    }
}

/// What a search has found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan that shows the failure. Its text is read back as an equal plan.
    pub plan: Plan,
    /// Candidates that were run.
    pub replays: u32,
    /// Nothing smaller is left to try; otherwise the search was ended.
    pub finished: bool,
    /// Signatures that candidates showed and the plan at the start did not.
    pub also_found: Vec<Signature>,
}

/// Looks for a smaller plan with the same failure, in at most `replays_max` trials. `None` if not
/// even the plan itself shows the failure.
pub fn shrink(
    plan: &Plan,
    wanted: &Signature,
    replays_max: u32,
    trial: &mut dyn Trial,
) -> Option<Shrunk> {
    let mut search = Search::begin(plan, wanted, replays_max, trial)?;
    loop {
        let before = search.replays_that_helped();
        search.structure();
        search.values();
        search.times();
        if search.is_over() {
            break;
        }
        if search.replays_that_helped() == before && !search.with_other_noise() {
            break;
        }
    }
    Some(search.end())
}
