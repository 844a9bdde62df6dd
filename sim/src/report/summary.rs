//! `summary.json`: the verdict for machines.
//!
//! The schema is versioned; keys keep their order, numbers are integers, times are nanoseconds,
//! hashes are 16 hexadecimal digits. Everything but `speed` is the same for the same build,
//! scenario and seeds.

use serde::Serialize;

use super::Report;
use crate::guarantee::{Violation, Witness};
use crate::verdict::{Row, SeedRun, Verdict};

/// The name and version of the format.
pub const SCHEMA_NAME: &str = "causeway.summary/1";

/// The text of `summary.json`.
///
/// # Errors
/// None in practice: the format has no keys that are not texts and no values that JSON lacks.
pub fn summary(report: &Report<'_>) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Summary::of(report))?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    scenario: &'a str,
    file: &'a str,
    about: &'a str,
    engine: &'a str,
    version: &'static str,
    exit: &'static str,
    exit_code: u8,
    seeds: Seeds<'a>,
    guarantees: Vec<Guarantee<'a>>,
    coverage: Vec<Goal<'a>>,
    harness_faults: Vec<HarnessFault<'a>>,
    totals: Totals,
    digest: String,
    runs: Vec<Run>,
    speed: Speed,
}

#[derive(Serialize)]
struct Seeds<'a> {
    asked: &'a str,
    run: u64,
    left_out: u64,
    failed: Vec<u64>,
    unrecoverable: Vec<u64>,
}

#[derive(Serialize)]
struct Guarantee<'a> {
    id: &'a str,
    name: &'a str,
    code: &'a str,
    sentence: &'a str,
    timing: &'a str,
    required: bool,
    line: u32,
    status: &'a str,
    bound_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closest: Option<Closest>,
    checked: u64,
    broken: u64,
    excused: u64,
    unrecoverable: u64,
    seeds_held: u64,
    seeds_broken: u64,
    seeds_not_checked: u64,
    first: Option<First<'a>>,
    why_unrecoverable: Option<&'static str>,
}

#[derive(Serialize)]
struct Closest {
    took_ns: u64,
    bound_ns: u64,
    margin_ns: u64,
}

#[derive(Serialize)]
struct First<'a> {
    seed: u64,
    event: usize,
    t_ns: u64,
    story: &'a str,
    witnesses: Vec<WitnessLine<'a>>,
}

#[derive(Serialize)]
struct WitnessLine<'a> {
    event: usize,
    t_ns: u64,
    text: &'a str,
}

/// A coverage goal, and how many seeds reached it.
#[derive(Serialize)]
pub(super) struct Goal<'a> {
    goal: &'a str,
    seeds: u64,
}

/// Something that is wrong with the harness.
#[derive(Serialize)]
pub(super) struct HarnessFault<'a> {
    seed: u64,
    what: &'a str,
}

/// How much was done in all.
#[derive(Serialize)]
pub(super) struct Totals {
    steps: u64,
    broker_events: u64,
    history_events: u64,
    sim_ns: u64,
}

#[derive(Serialize)]
struct Run {
    seed: u64,
    trace_hash: String,
    steps: u64,
    sim_ns: u64,
    failed: bool,
}

/// How fast it was: nothing else differs from run to run.
#[derive(Serialize)]
pub(super) struct Speed {
    wall_ms: u64,
    jobs: u64,
    broker_events_per_s: u64,
    sim_seconds_per_s: u64,
}

impl<'a> Summary<'a> {
    fn of(report: &Report<'a>) -> Self {
        let (verdict, runs) = (report.verdict, report.runs);
        let exit = report.exit;
        Self {
            schema: SCHEMA_NAME,
            scenario: report.scenario,
            file: report.file,
            about: report.about,
            engine: report.engine,
            version: env!("CARGO_PKG_VERSION"),
            exit: exit.name(),
            exit_code: exit.code(),
            seeds: Seeds {
                asked: report.seeds,
                run: verdict.seeds,
                left_out: verdict.seeds_left_out,
                failed: runs.iter().filter(|run| run.failed()).map(|run| run.seed).collect(),
                unrecoverable: (runs.iter().filter(|run| run.is_unrecoverable()))
                    .map(|run| run.seed)
                    .collect(),
            },
            guarantees: verdict.rows.iter().map(Guarantee::of).collect(),
            coverage: Goal::all(verdict),
            harness_faults: HarnessFault::all(verdict),
            totals: Totals::of(verdict),
            digest: super::hex(super::digest(runs)),
            runs: runs.iter().map(Run::of).collect(),
            speed: Speed::of(report),
        }
    }
}

impl<'a> Goal<'a> {
    /// Those of a batch, in the order of the scenario.
    pub(super) fn all(verdict: &'a Verdict) -> Vec<Self> {
        verdict.goals.iter().map(|(goal, seeds)| Self { goal, seeds: *seeds }).collect()
    }
}

impl<'a> HarnessFault<'a> {
    /// Those of a batch.
    pub(super) fn all(verdict: &'a Verdict) -> Vec<Self> {
        verdict.harness_faults.iter().map(|(seed, what)| Self { seed: *seed, what }).collect()
    }
}

impl Totals {
    /// Those of a batch.
    pub(super) const fn of(verdict: &Verdict) -> Self {
        let totals = verdict.totals;
        Self {
            steps: totals.steps,
            broker_events: totals.broker_events,
            history_events: totals.history_events,
            sim_ns: totals.sim_ns,
        }
    }
}

impl Speed {
    /// That of a batch.
    pub(super) fn of(report: &Report<'_>) -> Self {
        let (speed, totals) = (report.speed, &report.verdict.totals);
        Self {
            wall_ms: speed.wall_ms,
            jobs: speed.jobs,
            broker_events_per_s: speed.broker_events_per_s(totals),
            sim_seconds_per_s: speed.sim_seconds_per_s(totals),
        }
    }
}

impl<'a> Guarantee<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            id: row.spec.id,
            name: &row.name,
            code: row.spec.code,
            sentence: row.spec.sentence,
            timing: row.spec.timing.name(),
            required: row.required,
            line: row.line,
            status: row.status().key(),
            bound_ns: row.bound_ns,
            closest: row.closest.map(|took| Closest {
                took_ns: took.took_ns,
                bound_ns: took.bound_ns,
                margin_ns: took.margin_ns(),
            }),
            checked: row.checked,
            broken: row.broken,
            excused: row.excused,
            unrecoverable: row.unrecoverable,
            seeds_held: row.seeds_held,
            seeds_broken: row.seeds_broken,
            seeds_not_checked: row.seeds_not_checked,
            first: row.first.as_ref().map(|(seed, violation)| First::of(*seed, violation)),
            why_unrecoverable: row.first_unrecoverable.as_ref().map(|(.., why)| why.name()),
        }
    }
}

impl<'a> First<'a> {
    fn of(seed: u64, violation: &'a Violation) -> Self {
        let line = |w: &'a Witness| WitnessLine { event: w.i, t_ns: w.t, text: &w.text };
        Self {
            seed,
            event: violation.i,
            t_ns: violation.t,
            story: &violation.story,
            witnesses: violation.witnesses.iter().map(line).collect(),
        }
    }
}

impl Run {
    fn of(run: &SeedRun) -> Self {
        Self {
            seed: run.seed,
            trace_hash: super::hex(run.trace_hash),
            steps: run.steps,
            sim_ns: run.sim_ns,
            failed: run.failed(),
        }
    }
}
