//! Many seeds of a scenario as data of a report.

use std::collections::BTreeMap;
use std::io;

use causeway_reports::{Code, Data, Table};
use serde::Serialize;

use super::head::{Closest, First};
use crate::guarantee::Took;
use crate::plan::Family;
use crate::report::summary::{Goal, HarnessFault, Speed, Totals};
use crate::report::{Report, digest, hex};
use crate::run::RunEnd;
use crate::verdict::{Row, SeedRun};

/// What became of a seed. The numbers in the table are the places in this list.
const STATES: [&str; 6] = ["held", "broken", "harness", "unrecoverable", "in_vain", "too_slow"];

/// A bit for each coverage goal, as far as numbers of the page go.
const GOAL_BITS: usize = 53;

#[derive(Serialize)]
struct Head<'a> {
    version: &'static str,
    scenario: &'a str,
    file: &'a str,
    about: &'a str,
    engine: &'a str,
    server: Option<&'a str>,
    params: &'a [(String, String)],
    parameters: &'a [String],
    without: &'a str,
    verdict: &'static str,
    exit_code: u8,
    seeds: &'a str,
    seeds_run: u64,
    seeds_left_out: u64,
    left_out_because: &'a str,
    guarantees: Vec<Guarantee<'a>>,
    goals: Vec<Goal<'a>>,
    states: [&'static str; 6],
    families: Vec<&'static str>,
    signatures: Vec<Signature<'a>>,
    harness_faults: Vec<HarnessFault<'a>>,
    notes: Vec<&'a str>,
    totals: Totals,
    digest: String,
}

#[derive(Serialize)]
struct Guarantee<'a> {
    id: &'a str,
    name: &'a str,
    code: &'a str,
    sentence: &'a str,
    unit: &'a str,
    timing: &'a str,
    required: bool,
    line: u32,
    status: &'static str,
    checked: u64,
    broken: u64,
    excused: u64,
    unrecoverable: u64,
    bound_ns: Option<u64>,
    closest: Option<Closest>,
    seeds_held: u64,
    seeds_broken: u64,
    seeds_not_checked: u64,
    first_seed: Option<u64>,
    first: Option<First<'a>>,
}

/// Failures that are alike.
#[derive(Serialize)]
struct Signature<'a> {
    words: &'a str,
    seeds: u64,
    first_seed: u64,
    replay: String,
}

/// The data of a batch, packed. The same bytes for the same seeds.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn batch_data(report: &Report<'_>, program: &str) -> io::Result<Vec<u8>> {
    let signatures = signatures(report, program);
    let tables = vec![seeds(report, &signatures), matrix(report)];
    let head = Head {
        version: env!("CARGO_PKG_VERSION"),
        scenario: report.scenario,
        file: report.file,
        about: report.about,
        engine: report.engine,
        server: report.server,
        params: report.params,
        parameters: report.parameters,
        without: report.without,
        verdict: report.exit.name(),
        exit_code: report.exit.code(),
        seeds: report.seeds,
        seeds_run: report.verdict.seeds,
        seeds_left_out: report.verdict.seeds_left_out,
        left_out_because: report.left_out_because,
        guarantees: report.verdict.rows.iter().map(guarantee).collect(),
        goals: Goal::all(report.verdict),
        states: STATES,
        families: Family::ALL.iter().map(|family| family.name()).collect(),
        signatures,
        harness_faults: HarnessFault::all(report.verdict),
        notes: report.verdict.gaps.iter().map(String::as_str).collect(),
        totals: Totals::of(report.verdict),
        digest: hex(digest(report.runs)),
    };
    Data { what: "batch", head, tables }.packed()
}

/// How fast a batch was, packed: a piece of its own, because nothing else differs from run to run.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn speed_data(report: &Report<'_>) -> io::Result<Vec<u8>> {
    Data { what: "speed", head: Speed::of(report), tables: Vec::new() }.packed()
}

fn guarantee(row: &Row) -> Guarantee<'_> {
    let spec = row.spec;
    Guarantee {
        id: spec.id,
        name: &row.name,
        code: spec.code,
        sentence: spec.sentence,
        unit: spec.unit,
        timing: spec.timing.name(),
        required: row.required,
        line: row.line,
        status: row.status().key(),
        checked: row.checked,
        broken: row.broken,
        excused: row.excused,
        unrecoverable: row.unrecoverable,
        bound_ns: row.bound_ns,
        closest: row.closest.map(|took: Took| Closest::of(took)),
        seeds_held: row.seeds_held,
        seeds_broken: row.seeds_broken,
        seeds_not_checked: row.seeds_not_checked,
        first_seed: row.first.as_ref().map(|(seed, _)| *seed),
        // Numbers of messages are those of a run's own data.
        first: row.first.as_ref().map(|(_, violation)| First::of(violation, &|_| 0)),
    }
}

/// The kinds of failures, the most frequent first.
fn signatures<'a>(report: &Report<'a>, program: &str) -> Vec<Signature<'a>> {
    let mut found: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for run in report.runs {
        if let Some(words) = &run.signature {
            found.entry(words).or_insert((0, run.seed)).0 += 1;
        }
    }
    let mut all: Vec<Signature<'_>> = (found.into_iter())
        .map(|(words, (seeds, first_seed))| Signature {
            words,
            seeds,
            first_seed,
            replay: report.replay_command(program, first_seed),
        })
        .collect();
    all.sort_by_key(|one| (u64::MAX - one.seeds, one.first_seed));
    all
}

fn state(run: &SeedRun) -> u64 {
    if run.harness_fault().is_some() {
        2
    } else if run.broke() {
        1
    } else if matches!(run.end, RunEnd::TooSlow { .. }) {
        5
    } else if run.is_unrecoverable() {
        3
    } else if run.never_came.is_empty() {
        0
    } else {
        4
    }
}

/// A bit for each family of faults that a seed saw.
fn family_bits(run: &SeedRun) -> u64 {
    let bit = |(at, family): (usize, &Family)| u64::from(run.families.contains(family)) << at;
    Family::ALL.iter().enumerate().map(bit).sum()
}

fn goal_bits(run: &SeedRun) -> u64 {
    let goals = run.goals.iter().take(GOAL_BITS).enumerate();
    goals.map(|(at, reached)| u64::from(*reached) << at).sum()
}

fn seeds(report: &Report<'_>, signatures: &[Signature<'_>]) -> Table {
    let columns = [
        ("seed", Code::Delta),
        ("state", Code::Plain),
        ("signature", Code::Plain),
        ("steps", Code::Plain),
        ("sim_ns", Code::Plain),
        ("broker_events", Code::Plain),
        ("history_events", Code::Plain),
        ("families", Code::Plain),
        ("goals", Code::Plain),
        ("hash_high", Code::Plain),
        ("hash_low", Code::Plain),
    ];
    let mut table = Table::new("seeds", &columns);
    for run in report.runs {
        let known = |words: &str| signatures.iter().position(|one| one.words == words);
        let signature = run.signature.as_deref().and_then(known).map_or(0, |at| at as u64 + 1);
        table.push([
            run.seed,
            state(run),
            signature,
            run.steps,
            run.sim_ns,
            run.broker_events,
            run.history_events,
            family_bits(run),
            goal_bits(run),
            run.trace_hash >> 32,
            run.trace_hash & u64::from(u32::MAX),
        ]);
    }
    table
}

/// How often each guarantee was put to the test in seeds with each family of faults; the last family
/// is none at all.
fn matrix(report: &Report<'_>) -> Table {
    let columns = [
        ("family", Code::Plain),
        ("guarantee", Code::Plain),
        ("seeds", Code::Plain),
        ("checked", Code::Plain),
        ("broken", Code::Plain),
        ("seeds_broken", Code::Plain),
    ];
    let mut table = Table::new("matrix", &columns);
    let mut cells: BTreeMap<(u64, u64), [u64; 4]> = BTreeMap::new();
    for run in report.runs {
        let mut families: Vec<u64> = (Family::ALL.iter().enumerate())
            .filter(|(_, family)| run.families.contains(family))
            .map(|(at, _)| at as u64)
            .collect();
        if families.is_empty() {
            families.push(Family::ALL.len() as u64);
        }
        for (guarantee, judged) in run.judged.iter().enumerate() {
            let findings = &judged.findings;
            for family in &families {
                let [seeds, checked, broken, seeds_broken] =
                    cells.entry((*family, guarantee as u64)).or_default();
                *seeds += 1;
                *checked += findings.checked;
                *broken += findings.broken;
                *seeds_broken += u64::from(findings.broken > 0);
            }
        }
    }
    for ((family, guarantee), [seeds, checked, broken, seeds_broken]) in cells {
        table.push([family, guarantee, seeds, checked, broken, seeds_broken]);
    }
    table
}
