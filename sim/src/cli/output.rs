//! What is printed.

use std::io::{Write as _, stderr, stdout};

use causeway_sim::guarantee::{Timing, Violation};
use causeway_sim::report::words::{count, hours, plural, seconds, time};
use causeway_sim::report::{self, Finished, Report};
use causeway_sim::units::{MS, SECOND};
use causeway_sim::verdict::{Row, SeedRun, Status, Verdict};

/// So many failing seeds are told in full; the report has the others.
const FAILURES_TOLD: usize = 5;

/// A line of results. A reader that has gone away is no reason to fail.
pub(super) fn line(text: &str) {
    let _reader_gone = writeln!(stdout(), "{text}");
}

/// Results that have their own lines.
pub(super) fn text(text: &str) {
    let _reader_gone = stdout().write_all(text.as_bytes());
}

/// A line about progress.
pub(super) fn note(text: &str) {
    let _reader_gone = writeln!(stderr(), "{text}");
}

/// What went wrong with the command itself.
pub(super) fn error(text: &str) {
    note(text);
}

/// What is told of a failure that was minimised.
pub(super) struct Told {
    /// Of which seed it was.
    pub(super) seed: u64,
    /// The command that shows it again, and how small it is.
    pub(super) lines: Vec<String>,
}

/// A failing seed: first the command that shows it again, then the hash, then the same for the
/// minimal plan if there is one, then what happened.
fn failure(replay: &str, run: &SeedRun, minimal: Option<&Told>) {
    line(&format!("FAILED seed {}", run.seed));
    line(&format!("  replay:     {replay}"));
    line(&format!("  trace hash: {}", report::hex(run.trace_hash)));
    for told in minimal.into_iter().flat_map(|minimal| &minimal.lines) {
        line(told);
    }
    what_broke(run);
    line("");
}

/// What broke in a run, each with its first violation.
pub(super) fn what_broke(run: &SeedRun) {
    if let Some(fault) = run.harness_fault() {
        line(&format!("  the harness failed: {fault}"));
    }
    for judged in run.judged.iter().filter(|judged| judged.findings.broken > 0) {
        let times = plural(judged.findings.broken, "time");
        line(&format!("  {} broke {times}: {}", judged.name, judged.spec.sentence));
        if let Some(violation) = &judged.findings.first {
            tell(violation);
        }
        if judged.spec.timing == Timing::Eventually {
            let bug = judged.spec.timing.bug();
            line(&format!("    a {bug}: nothing in the plan keeps it from happening"));
        }
    }
}

/// All failing seeds of a scenario.
pub(super) fn failures(report: &Report<'_>, minimal: &[Told], program: &str) {
    let failed = || report.runs.iter().filter(|run| run.failed());
    // Those of a kind of their own are told whatever their number.
    let small = |run: &SeedRun| minimal.iter().find(|told| told.seed == run.seed);
    let mut more: Vec<String> = Vec::new();
    for (at, run) in failed().enumerate() {
        if at < FAILURES_TOLD || small(run).is_some() {
            let replay = report.replay_command(program, run.seed);
            failure(&replay, run, small(run));
        } else {
            more.push(run.seed.to_string());
        }
    }
    if !more.is_empty() {
        const LISTED: usize = 50;
        let rest = more.len().saturating_sub(LISTED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let listed = &more[..more.len().min(LISTED)];
        line(&format!("FAILED seeds, too: {}{rest}", listed.join(" ")));
        line("");
    }
}

/// A line for each guarantee and each coverage goal.
pub(super) fn verdict(verdict: &Verdict) {
    // What nobody asked for and nothing was seen of is worth one line, not ten.
    let (silent, told): (Vec<&Row>, Vec<&Row>) =
        verdict.rows.iter().partition(|row| row.status() == Status::NotChecked && !row.required);
    let width = told.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in told {
        line(&format!("  {:11}  {:width$}  {}", mark(row), row.name, counts(row, verdict.seeds)));
    }
    if !silent.is_empty() {
        let names: Vec<&str> = silent.iter().map(|row| row.name.as_str()).collect();
        line(&format!("  not checked, not asked for: {}", names.join(", ")));
    }
    if let Some((seed, what)) = &verdict.in_vain {
        line(&format!(
            "  in vain      a fault or a client waited for something that never came in {} of {}; first with \
                seed {seed}: {what}",
            count(verdict.seeds_in_vain),
            plural(verdict.seeds, "seed")
        ));
    }
    if let Some((seed, violation, why)) = verdict.first_unrecoverable() {
        line(&format!(
            "  UNRECOVERABLE in {} of {}; first with seed {seed}: {} No broker could do better: {}",
            count(verdict.seeds_unrecoverable),
            plural(verdict.seeds, "seed"),
            violation.story,
            why.text()
        ));
    }
    for (goal, seeds) in &verdict.goals {
        let mark = if *seeds > 0 { "reached" } else { "NOT REACHED" };
        line(&format!(
            "  {mark:11}  {goal}: in {} of {}",
            count(*seeds),
            plural(verdict.seeds, "seed")
        ));
    }
}

/// How much was run, how fast, and what came of it.
pub(super) fn sums(report: &Report<'_>) {
    let totals = &report.verdict.totals;
    line("");
    line(&format!(
        "{}: {} and {} in {}",
        plural(report.verdict.seeds, "seed"),
        plural(totals.broker_events, "broker event"),
        plural(totals.sim_ns / SECOND, "simulated second"),
        time(report.speed.wall_ms.max(1).saturating_mul(MS))
    ));
    line(&format!(
        "speed: {} broker events/s, {} simulated seconds/s, {}",
        count(report.speed.broker_events_per_s(totals)),
        count(report.speed.sim_seconds_per_s(totals)),
        plural(report.speed.jobs, "job")
    ));
    line(&format!("digest: {}", report::hex(report::digest(report.runs))));
    if report.verdict.seeds_left_out > 0 {
        line(&format!(
            "{} left out, because {}",
            plural(report.verdict.seeds_left_out, "seed"),
            report.left_out_because
        ));
    }
    line(&format!("{}: {}", report.scenario, report::headline(report)));
}

/// What several scenarios have shown together.
pub(super) fn overall(finished: &[Finished]) {
    let sum = |of: fn(&Finished) -> u64| finished.iter().map(of).fold(0, u64::saturating_add);
    line(&format!("OVERALL {}", report::heading(finished)));
    let name = finished.iter().map(|one| one.scenario.len()).max().unwrap_or(0);
    for one in finished {
        let failing = match one.failing.first() {
            Some(first) => format!("  {}   (trace hash {})", first.replay, first.trace_hash),
            None => String::new(),
        };
        let verdict = report::verdict_words(one.exit);
        line(format!("  {verdict:12}  {:name$}{failing}", one.scenario).trim_end());
    }
    line(&format!(
        "{}, {} failed; {} simulated; {}; {} of {} reached",
        plural(sum(|one| one.verdict.seeds), "seed"),
        count(sum(|one| one.seeds_failed)),
        hours(sum(|one| one.verdict.totals.sim_ns)),
        plural(sum(|one| one.verdict.totals.broker_events), "broker event"),
        count(sum(Finished::goals_reached)),
        plural(sum(|one| one.verdict.goals.len() as u64), "coverage goal"),
    ));
    let unknown = sum(|one| one.guarantees(Status::NotChecked));
    if unknown > 0 {
        line(&format!("{} had nothing to be checked on", plural(unknown, "guarantee")));
    }
}

fn mark(row: &Row) -> &'static str {
    match row.status() {
        Status::Held => "held",
        Status::Broken => "BROKEN",
        Status::NotChecked if row.required => "NOT CHECKED",
        Status::NotChecked => "not checked",
    }
}

fn counts(row: &Row, seeds: u64) -> String {
    let mut text = match (row.status(), row.required) {
        (Status::NotChecked, true) => {
            return "the scenario asks for it, and it was never put to the test".to_owned();
        }
        (Status::NotChecked, false) => return String::new(),
        (Status::Held, _) => format!("checked {}", plural(row.checked, "time")),
        (Status::Broken, _) => format!(
            "broke {} of {}, in {} of {}",
            count(row.broken),
            plural(row.checked, "time"),
            count(row.seeds_broken),
            plural(seeds, "seed")
        ),
    };
    if row.excused > 0 {
        text.push_str(&format!(", {} excused", plural(row.excused, "case")));
    }
    if row.unrecoverable > 0 {
        text.push_str(&format!(", {} unrecoverable", plural(row.unrecoverable, "case")));
    }
    if let Some(bound) = row.bound_ns {
        text.push_str(&format!(", bound {}", time(bound)));
    }
    if let Some(took) = row.closest {
        let (took, bound) = (time(took.took_ns), time(took.bound_ns));
        text.push_str(&format!(", at the closest {took} of {bound}"));
    }
    text
}

fn tell(violation: &Violation) {
    line(&format!("    at {}: {}", time(violation.t), violation.story));
    for witness in &violation.witnesses {
        line(&format!("    {:>14} s  event {}: {}", seconds(witness.t), witness.i, witness.text));
    }
}
