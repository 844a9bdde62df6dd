//! `report.md`: the verdict for people.

use std::fmt::Write as _;

use super::words::{count, plural, seconds, time};
use super::{FAILURES_SHOWN, Report, hex};
use crate::guarantee::{Timing, Took, Violation};
use crate::units::{MS, SECOND};
use crate::verdict::{Exit, Row, SeedRun, Status};

/// The text of `report.md`.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let mut page = Page { text: String::new() };
    page.head(report);
    page.failures(report);
    page.unrecoverable(report);
    page.guarantees(report);
    page.coverage(report);
    page.what_was_run(report);
    page.promises(report);
    page.text
}

/// The verdict in one sentence.
#[must_use]
pub fn headline(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let of = |status| verdict.rows.iter().filter(|row| row.status() == status).count() as u64;
    let (held, broken, unknown) = (of(Status::Held), of(Status::Broken), of(Status::NotChecked));
    let seeds = plural(verdict.seeds, "seed");
    let rest = match unknown {
        0 => String::new(),
        n => format!("; {n} had nothing to be checked on"),
    };
    match report.exit {
        Exit::Held => format!("{} held in {seeds}{rest}.", plural(held, "guarantee")),
        Exit::Broken => {
            let failed = report.runs.iter().filter(|run| run.broke()).count() as u64;
            let of = plural(held + broken, "guarantee");
            format!("{broken} of {of} broke, in {} of {seeds}{rest}.", count(failed))
        }
        Exit::Harness => {
            "The harness itself failed, so the result says nothing about the broker.".to_owned()
        }
        Exit::Coverage => format!(
            "{} held in {seeds}, but something that the scenario asks for was never put to the \
                test.",
            plural(held, "guarantee")
        ),
        Exit::Inconclusive if !verdict.gaps.is_empty() => format!(
            "The engine `{}` cannot do all that {seeds} asked for: {}.",
            report.engine,
            verdict.gaps.iter().cloned().collect::<Vec<_>>().join("; ")
        ),
        Exit::Inconclusive if verdict.seeds > 0 && verdict.seeds_in_vain == verdict.seeds => {
            let what = verdict.in_vain.as_ref().map_or("", |(_, what)| what);
            format!(
                "In all of {seeds}, a fault or a client waited for something that never came: {what}."
            )
        }
        Exit::Inconclusive if verdict.seeds > 0 && verdict.seeds_unrecoverable == verdict.seeds => {
            let why = verdict.first_unrecoverable().map_or("", |(.., why)| why.text());
            format!(
                "In all of {seeds}, something could not come back whatever a broker does: {why}."
            )
        }
        Exit::Inconclusive => format!("Only {seeds} could be run, too few to say."),
        Exit::Usage => "Nothing was run.".to_owned(),
    }
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(&format!("## {heading}"));
        self.line("");
    }

    fn head(&mut self, report: &Report<'_>) {
        self.line(&format!("# {}: {}", report.scenario, report.exit.name()));
        self.line("");
        if !report.about.is_empty() {
            self.line(&format!("*{}*", inline(report.about)));
            self.line("");
        }
        self.line(&headline(report));
        let left_out = report.verdict.seeds_left_out;
        if left_out > 0 {
            self.line("");
            self.line(&format!(
                "{} more had been asked for and were left out, because {}.",
                plural(left_out, "seed"),
                report.left_out_because
            ));
        }
    }

    fn failures(&mut self, report: &Report<'_>) {
        let failed: Vec<&SeedRun> = report.runs.iter().filter(|run| run.failed()).collect();
        if failed.is_empty() {
            return;
        }
        self.heading("What went wrong");
        for run in failed.iter().take(FAILURES_SHOWN) {
            self.failure(report, run);
        }
        if let Some(more) = failed.len().checked_sub(FAILURES_SHOWN).filter(|&n| n > 0) {
            self.line(&format!("And {more} more seeds; `summary.json` lists them all."));
        }
    }

    fn failure(&mut self, report: &Report<'_>, run: &SeedRun) {
        self.line(&format!("### Seed {}", run.seed));
        self.line("");
        self.line("```sh");
        self.line(&report.replay_command("causeway-sim", run.seed));
        self.line("```");
        self.line("");
        self.line(&format!(
            "Trace hash `{}`. The plan and the history are in `failures/seed-{}.plan` and \
                `failures/seed-{}.history.jsonl`.",
            hex(run.trace_hash),
            run.seed,
            run.seed
        ));
        self.line("");
        if let Some(fault) = run.harness_fault() {
            self.line(&format!("**The harness failed:** {}.", inline(&fault)));
            self.line("");
        }
        for judged in run.judged.iter().filter(|judged| judged.findings.broken > 0) {
            let times = plural(judged.findings.broken, "time");
            self.line(&format!("**`{}`** broke {times}. {}", judged.name, judged.spec.sentence));
            self.line("");
            if let Some(violation) = &judged.findings.first {
                self.violation(violation);
            }
            if judged.spec.timing == Timing::Eventually {
                let bug = judged.spec.timing.bug();
                self.line(&format!("A {bug}: nothing in the plan keeps it from happening."));
                self.line("");
            }
        }
    }

    /// What no broker could have brought back.
    fn unrecoverable(&mut self, report: &Report<'_>) {
        let rows = || {
            report
                .verdict
                .rows
                .iter()
                .filter_map(|row| row.first_unrecoverable.as_ref().map(|first| (row, first)))
        };
        if rows().next().is_none() {
            return;
        }
        self.heading("\u{1f7e1} What no broker could mend");
        self.line(&format!(
            "In {} of {} something did not come back that the plan itself makes impossible. That \
                breaks no guarantee, and shows none to hold.",
            count(report.verdict.seeds_unrecoverable),
            plural(report.verdict.seeds, "seed")
        ));
        self.line("");
        for (row, (seed, violation, why)) in rows() {
            self.line(&format!(
                "- {}, {}, first with seed {seed}: {} No broker could do better: {}.",
                name_of(row),
                plural(row.unrecoverable, "case"),
                inline(&violation.story),
                why.text()
            ));
        }
    }

    fn violation(&mut self, violation: &Violation) {
        self.line(&format!("At {}: {}", time(violation.t), inline(&violation.story)));
        self.line("");
        self.line("| time (s) | event | what |");
        self.line("|---:|---:|---|");
        for witness in &violation.witnesses {
            self.line(&format!(
                "| {} | {} | {} |",
                seconds(witness.t),
                witness.i,
                cell(&witness.text)
            ));
        }
        self.line("");
    }

    fn guarantees(&mut self, report: &Report<'_>) {
        self.heading("Guarantees");
        self.line("| guarantee | verdict | checked | broken | excused | within | asked for |");
        self.line("|---|---|---:|---:|---:|---:|---|");
        for row in &report.verdict.rows {
            let asked = if row.required { "yes" } else { "" };
            self.line(&format!(
                "| {} | {} | {} | {} | {} | {} | {asked} |",
                name_of(row),
                mark(row.status()),
                count(row.checked),
                count(row.broken),
                count(row.excused),
                within(row),
            ));
        }
        self.line("");
        self.line(
            "*Checked* counts how often a guarantee was put to the test. One that was \
            never put to the test is not checked, which is not the same as held. *Excused* \
            counts cases that the promise does not cover. *Within* is the bound; where each case has \
            its own, what came closest to it.",
        );
    }

    fn coverage(&mut self, report: &Report<'_>) {
        if report.verdict.goals.is_empty() {
            return;
        }
        self.heading("Coverage");
        self.line("| must have happened | seeds in which it did |");
        self.line("|---|---:|");
        for (goal, seeds) in &report.verdict.goals {
            let seeds = if *seeds == 0 { "**none**".to_owned() } else { count(*seeds) };
            self.line(&format!("| `{}` | {seeds} |", cell(goal)));
        }
    }

    fn what_was_run(&mut self, report: &Report<'_>) {
        self.heading("What was run");
        let totals = &report.verdict.totals;
        let speed = &report.speed;
        for (what, value) in [
            ("scenario", format!("`{}`", cell(report.file))),
            ("seeds", format!("{} ({} run)", report.seeds, count(report.verdict.seeds))),
            ("engine", report.engine.to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("simulated time", format!("{} s", count(totals.sim_ns / SECOND))),
            ("broker events", count(totals.broker_events)),
            ("events in histories", count(totals.history_events)),
            (
                "real time",
                format!(
                    "{}, {}",
                    time(speed.wall_ms.max(1).saturating_mul(MS)),
                    plural(speed.jobs, "job")
                ),
            ),
            (
                "speed",
                format!(
                    "{} broker events and {} simulated seconds per second",
                    count(speed.broker_events_per_s(totals)),
                    count(speed.sim_seconds_per_s(totals))
                ),
            ),
            ("digest of all trace hashes", format!("`{}`", hex(super::digest(report.runs)))),
        ] {
            self.line(&format!("- {what}: {value}"));
        }
        for parameter in report.parameters {
            self.line(&format!("- {}", inline(parameter)));
        }
    }

    fn promises(&mut self, report: &Report<'_>) {
        self.heading("What each guarantee promises");
        let mut told: Vec<&str> = Vec::new();
        for row in &report.verdict.rows {
            if told.contains(&row.spec.id) {
                continue;
            }
            told.push(row.spec.id);
            let mut line =
                format!("- `{}` ({}): {}", row.spec.id, row.spec.code, row.spec.sentence);
            if !row.spec.bound.is_empty() {
                let _infallible = write!(line, " Bound: {}.", row.spec.bound);
            }
            self.line(&line);
        }
    }
}

/// The bound of a guarantee, or what came closest to a bound of its own.
fn within(row: &Row) -> String {
    let closest = |took: Took| format!("{} of {}", time(took.took_ns), time(took.bound_ns));
    row.bound_ns.map(time).or_else(|| row.closest.map(closest)).unwrap_or_default()
}

fn name_of(row: &Row) -> String {
    if row.name == row.spec.id {
        format!("`{}`", row.spec.id)
    } else {
        format!("`{}` (`{}`)", cell(&row.name), row.spec.id)
    }
}

const fn mark(status: Status) -> &'static str {
    match status {
        Status::Held => "held",
        Status::Broken => "**BROKEN**",
        Status::NotChecked => "not checked",
    }
}

/// Text that stays on one line.
pub(super) fn inline(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// Text in a cell of a table.
pub(super) fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}
