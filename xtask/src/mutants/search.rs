//! One bug: planted, built, searched for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::options::Options;
use super::simulator::{self, Effort};
use super::table::Mutant;
use super::tree::{Workshop, read_json, write_json};

/// How long is searched for one bug if nothing else is said.
pub(super) const BUDGET: Duration = Duration::from_secs(600);

/// What has become of a bug.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    /// Ids of the guarantees that broke in the first run that failed.
    pub(super) caught_by: Vec<String>,
    pub(super) scenario: Option<String>,
    pub(super) seed: Option<u64>,
    /// Seeds of scenarios that were run, with that one.
    pub(super) runs: u64,
    pub(super) search_seconds: f64,
    pub(super) build_seconds: f64,
}

/// Whether a bug was found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// By one of the guarantees that are to notice it.
    Found,
    /// Only by others.
    FoundByAnother,
    NotFound,
}

impl Outcome {
    fn of(mutant: &Mutant, caught_by: &[String]) -> Self {
        if caught_by.is_empty() {
            Self::NotFound
        } else if caught_by.iter().any(|id| mutant.guarantees.contains(id)) {
            Self::Found
        } else {
            Self::FoundByAnother
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::FoundByAnother => "caught by another",
            Self::NotFound => "NOT FOUND",
        }
    }

    pub(super) const fn is_found(self) -> bool {
        matches!(self, Self::Found | Self::FoundByAnother)
    }
}

/// A result that is kept for `--resume`.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    build: u64,
    scenarios: u64,
    budget_seconds: u64,
    found: Found,
}

/// Plants a bug and searches for it.
pub(super) fn find(
    workshop: &Workshop,
    options: &Options,
    mutant: &Mutant,
) -> Result<Found, Error> {
    let built = workshop.build(mutant)?;
    let scenarios = workshop.digest(&["scenarios/"])?;
    let budget_seconds = options.budget.as_secs();
    let file = workshop.folder("results")?.join(format!("{}.json", mutant.name));
    if options.resume
        && let Some(kept) = read_json::<Kept>(&file)
        && (kept.build, kept.scenarios) == (built.key, scenarios)
        && (kept.budget_seconds == budget_seconds || kept.found.outcome.is_found())
    {
        // Who should notice may have been thought over since.
        let outcome = Outcome::of(mutant, &kept.found.caught_by);
        return Ok(Found { outcome, ..kept.found });
    }
    let effort = Effort { budget: options.budget, jobs: options.jobs, without: None };
    let out = workshop.folder("reports")?.join(&mutant.name);
    let searched = simulator::search(workshop, &built.binary, effort, &out)?;
    let found = Found::of(mutant, searched, built.seconds);
    let kept = Kept { build: built.key, scenarios, budget_seconds, found: found.clone() };
    write_json(&file, &kept)?;
    Ok(found)
}

impl Found {
    fn of(mutant: &Mutant, searched: simulator::Searched, build_seconds: f64) -> Self {
        let failure = searched.failure;
        let caught_by = failure.as_ref().map(|f| f.caught.clone()).unwrap_or_default();
        Self {
            outcome: Outcome::of(mutant, &caught_by),
            caught_by,
            seed: failure.as_ref().map(|failure| failure.seed),
            scenario: failure.map(|failure| failure.scenario),
            runs: searched.runs,
            search_seconds: searched.seconds,
            build_seconds,
        }
    }
}
