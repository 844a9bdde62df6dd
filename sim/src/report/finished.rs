//! A scenario whose seeds are done: as much of it as is said about several scenarios together, and
//! to a CI. It holds no runs, of which there may be millions.

use std::collections::BTreeMap;

use super::words::{plural, time};
use super::{FAILURES_SHOWN, Report, Speed, digest, headline, hex};
use crate::guarantee::Violation;
use crate::verdict::{Exit, Row, SeedRun, Status, Verdict};

/// A scenario whose seeds are done.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The engine's name.
    pub engine: String,
    /// The scenario's name.
    pub scenario: String,
    /// The file it was read from, as it was named.
    pub file: String,
    /// The seeds that were asked for, in words.
    pub seeds: String,
    /// The verdict in one sentence.
    pub headline: String,
    /// What the seeds have shown.
    pub verdict: Verdict,
    /// How the program would end with this scenario alone.
    pub exit: Exit,
    /// How fast it was.
    pub speed: Speed,
    /// One hash over all trace hashes.
    pub digest: u64,
    /// Seeds that failed.
    pub seeds_failed: u64,
    /// The line of each coverage goal in the file.
    pub goal_lines: Vec<u32>,
    /// The first failing seeds, in order.
    pub failing: Vec<Failing>,
}

/// A seed that failed, and how to see it again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failing {
    /// The seed.
    pub seed: u64,
    /// The command that runs it again.
    pub replay: String,
    /// Its trace hash, as it is printed.
    pub trace_hash: String,
}

/// Something because of which a scenario does not count as held, for tools that show one thing at a
/// time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Complaint {
    /// What it is about, in a few words: `once broke`.
    pub title: String,
    /// The seed to look at, where one shows it.
    pub failing: Option<Failing>,
    /// What happened, in a few sentences.
    pub story: String,
    /// The line of the scenario that asks for what is missing; 0 if none does.
    pub line: u32,
}

impl Finished {
    /// What is left of a report when its runs are gone. `program` is how the program was called,
    /// `goal_lines` are the places of the coverage goals.
    #[must_use]
    pub fn of(report: &Report<'_>, program: &str, goal_lines: Vec<u32>) -> Self {
        let verdict = report.verdict;
        let mut kept: BTreeMap<u64, &SeedRun> = BTreeMap::new();
        let failed = || report.runs.iter().filter(|run| run.failed());
        kept.extend(failed().take(FAILURES_SHOWN).map(|run| (run.seed, run)));
        // The first seeds in which each thing went wrong may come later.
        let named: Vec<u64> = (verdict.rows.iter())
            .filter_map(|row| row.first.as_ref())
            .map(|(seed, _)| *seed)
            .chain(verdict.harness_faults.iter().take(FAILURES_SHOWN).map(|(seed, _)| *seed))
            .collect();
        kept.extend(report.runs.iter().filter(|r| named.contains(&r.seed)).map(|r| (r.seed, r)));
        Self {
            engine: report.engine.to_owned(),
            scenario: report.scenario.to_owned(),
            file: report.file.to_owned(),
            seeds: report.seeds.to_owned(),
            headline: headline(report),
            verdict: verdict.clone(),
            exit: report.exit,
            speed: report.speed,
            digest: digest(report.runs),
            seeds_failed: failed().count() as u64,
            goal_lines,
            failing: (kept.into_values())
                .map(|run| Failing {
                    seed: run.seed,
                    replay: report.replay_command(program, run.seed),
                    trace_hash: hex(run.trace_hash),
                })
                .collect(),
        }
    }

    /// How to see a seed again.
    #[must_use]
    pub fn failing(&self, seed: u64) -> Option<&Failing> {
        self.failing.iter().find(|failing| failing.seed == seed)
    }

    /// How many guarantees have this status.
    #[must_use]
    pub fn guarantees(&self, status: Status) -> u64 {
        self.verdict.rows.iter().filter(|row| row.status() == status).count() as u64
    }

    /// Coverage goals that were reached.
    #[must_use]
    pub fn goals_reached(&self) -> u64 {
        self.verdict.goals.iter().filter(|(_, seeds)| *seeds > 0).count() as u64
    }

    /// The line of the goal at this place in the list of goals.
    #[must_use]
    pub fn goal_line(&self, at: usize) -> u32 {
        self.goal_lines.get(at).copied().unwrap_or(0)
    }

    /// Everything because of which it does not count as held: none if and only if it does.
    #[must_use]
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = self.harness_complaints();
        complaints.extend(self.verdict.rows.iter().filter_map(|row| self.complaint_of(row)));
        for (at, (goal, seeds)) in self.verdict.goals.iter().enumerate() {
            if *seeds == 0 {
                complaints.push(self.complaint_of_goal(goal, self.goal_line(at)));
            }
        }
        if complaints.is_empty() && self.exit != Exit::Held {
            let title = format!("{}: {}", self.scenario, self.exit.name());
            let story = self.headline.clone();
            complaints.push(Complaint { title, failing: None, story, line: 0 });
        }
        complaints
    }

    /// What the harness itself did wrong.
    #[must_use]
    pub fn harness_complaints(&self) -> Vec<Complaint> {
        let faults = self.verdict.harness_faults.iter().take(FAILURES_SHOWN);
        let complaint = |(seed, what): &(u64, String)| Complaint {
            title: format!("the harness failed with seed {seed}"),
            failing: self.failing(*seed).cloned(),
            story: what.clone(),
            line: 0,
        };
        faults.map(complaint).collect()
    }

    /// What there is to say against a guarantee, if anything.
    #[must_use]
    pub fn complaint_of(&self, row: &Row) -> Option<Complaint> {
        let first = row.first.as_ref();
        let (title, story) = match row.status() {
            Status::Broken => {
                let times = format!(
                    "It broke {} of {}, in {} of {}.",
                    row.broken,
                    plural(row.checked, "time"),
                    row.seeds_broken,
                    plural(self.verdict.seeds, "seed")
                );
                let mut story = format!("{} {times}", row.spec.sentence);
                if let Some((_, violation)) = first {
                    story.push_str(&format!("\nAt {}", told(violation)));
                }
                let seed = first.map_or(String::new(), |(seed, _)| format!(", seed {seed}"));
                (format!("{} broke{seed}", title_of(row)), story)
            }
            Status::NotChecked if row.required => {
                let story = format!(
                    "The scenario asks for it, and it was never put to the test in {}. {}",
                    plural(self.verdict.seeds, "seed"),
                    row.spec.sentence
                );
                (format!("{} was never checked", title_of(row)), story)
            }
            Status::NotChecked | Status::Held => return None,
        };
        let failing = first.and_then(|(seed, _)| self.failing(*seed)).cloned();
        Some(Complaint { title, failing, story, line: row.line })
    }

    /// What there is to say against a goal that was not reached.
    #[must_use]
    pub fn complaint_of_goal(&self, goal: &str, line: u32) -> Complaint {
        let story = format!(
            "The scenario says that this must happen in at least one seed; it did in none of {}.",
            plural(self.verdict.seeds, "seed")
        );
        Complaint { title: format!("{goal} never happened"), failing: None, story, line }
    }
}

impl Complaint {
    /// The command that shows it again and the trace hash, then what happened.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.failing {
            Some(Failing { replay, trace_hash, .. }) => {
                format!("{replay}\ntrace hash {trace_hash}\n{}", self.story)
            }
            None => self.story.clone(),
        }
    }
}

/// A guarantee by the scenario's name for it, and by its own.
#[must_use]
pub(super) fn title_of(row: &Row) -> String {
    if row.name == row.spec.id {
        row.name.clone()
    } else {
        format!("{} ({})", row.name, row.spec.id)
    }
}

fn told(violation: &Violation) -> String {
    let mut text = format!("{}: {}", time(violation.t), violation.story);
    for witness in &violation.witnesses {
        text.push_str(&format!("\n  {}, event {}: {}", time(witness.t), witness.i, witness.text));
    }
    text
}
