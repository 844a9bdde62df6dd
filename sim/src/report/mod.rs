//! What a run leaves behind for people and for machines.
//!
//! ```text
//! out/two-region-heal-0..200/
//!     summary.json              the verdict, for machines; its schema is versioned
//!     report.md                 the verdict, for people
//!     report.html               all of it to look at, offline
//!     failing-seeds.txt         the commands that run the failing seeds again, one a line
//!     failures/seed-17.plan             the first failing seeds: what was done,
//!     failures/seed-17.history.jsonl    what was observed,
//!     failures/seed-17.story.md         and both told in a few lines
//!     failures/seed-17/                 the first of each kind, minimised:
//!         minimal.plan  story.md            the plan, and its run told in a few lines,
//!         sequence.mmd  regression.rs       as a Mermaid diagram, and as a test
//!     seed-0.plan  seed-0.history.jsonl  seed-0.story.md    if there is one seed only
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `words` | events and times in plain words |
//! | `story` | a run told in a few lines |
//! | `summary`, `markdown` | the texts of the two files |
//! | `sequence` | a run as a diagram |
//! | `perfetto` | a run as a trace for other viewers |
//! | `minimal` | what a minimised failure leaves behind |
//! | `page` | the data of the page |
//! | `folder` | writes them |
//! | `comparison` | what several servers have shown, side by side |
//! | `finished` | what is left of a scenario when its runs are gone, for the texts about several |
//! | `junit`, `table`, `annotations` | those texts, for CI |

mod annotations;
mod comparison;
mod finished;
mod folder;
mod junit;
mod markdown;
mod minimal;
pub mod page;
mod perfetto;
mod sequence;
mod story;
mod stream_words;
mod summary;
mod table;
pub mod words;

pub use annotations::{Annotation, annotations, annotations_of};
pub use comparison::{COMPARISON_SCHEMA, Column, Compared, Comparison, Guarantee};
pub use finished::{Complaint, Failing, Finished};
pub use folder::{Evidence, Folder};
pub use junit::junit;
pub use markdown::{headline, markdown};
pub use minimal::write_minimal;
pub use perfetto::perfetto;
pub use sequence::sequence;
pub use story::{Line, timeline};
pub use summary::{SCHEMA_NAME, summary};
pub use table::{heading, table, words as verdict_words};

use crate::hash::TraceHash;
use crate::units::SECOND;
use crate::verdict::{Exit, SeedRun, Totals, Verdict};

/// So many failing seeds leave their plan and history behind.
pub const FAILURES_SHOWN: usize = 20;

/// Everything that a report says.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The engine's name.
    pub engine: &'a str,
    /// The server that it ran, as it is named on the command line.
    pub server: Option<&'a str>,
    /// The scenario's name.
    pub scenario: &'a str,
    /// The file it was read from, as it was named.
    pub file: &'a str,
    /// The values of its parameters.
    pub params: &'a [(String, String)],
    /// What it is about.
    pub about: &'a str,
    /// The seeds that were asked for, in words.
    pub seeds: &'a str,
    /// Properties of the scenario that a reader wants to know, one sentence each.
    pub parameters: &'a [String],
    /// The seeds that were run, in order.
    pub runs: &'a [SeedRun],
    /// What they have shown.
    pub verdict: &'a Verdict,
    /// How the program ends, as far as this scenario is concerned.
    pub exit: Exit,
    /// Families of faults that were taken out of the plans, with commas between; usually none.
    pub without: &'a str,
    /// Why seeds were left out, if some were: the rest of a sentence after "because".
    pub left_out_because: &'a str,
    /// How fast it was.
    pub speed: Speed,
}

/// How fast a set of runs was. The only part of a report that differs from run to run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Speed {
    /// Real time for all of it, in milliseconds.
    pub wall_ms: u64,
    /// Seeds that were run at the same time.
    pub jobs: u64,
}

impl Speed {
    /// Broker events for each second of real time, all jobs together.
    #[must_use]
    pub fn broker_events_per_s(&self, totals: &Totals) -> u64 {
        totals.broker_events.saturating_mul(1_000) / self.wall_ms.max(1)
    }

    /// Simulated seconds for each second of real time, all jobs together.
    #[must_use]
    pub fn sim_seconds_per_s(&self, totals: &Totals) -> u64 {
        (totals.sim_ns / (SECOND / 1_000)).saturating_mul(1_000) / self.wall_ms.max(1) / 1_000
    }
}

/// One hash over the trace hashes of all seeds, in order: equal for two builds that agree.
#[must_use]
pub fn digest(runs: &[SeedRun]) -> u64 {
    let mut digest = TraceHash::new(runs.len() as u64);
    for run in runs {
        digest.word(run.seed);
        digest.word(run.trace_hash);
    }
    digest.value()
}

/// A hash as it is printed.
#[must_use]
pub fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// The command that runs a plan again.
#[must_use]
pub fn replay_plan_command(program: &str, plan: &str) -> String {
    format!("{} replay {}", quoted(program), quoted(plan))
}

/// The command that looks for a smaller plan with the same failure.
#[must_use]
pub fn shrink_command(program: &str, plan: &str) -> String {
    format!("{} shrink {}", quoted(program), quoted(plan))
}

/// The command that runs a seed again, with the families of faults `without` taken out.
#[must_use]
pub fn replay_command(
    program: &str,
    file: &str,
    params: &[(String, String)],
    seed: u64,
    engine: &str,
    without: &str,
) -> String {
    let mut command = format!("{} replay {} --seed {seed}", quoted(program), quoted(file));
    for (name, value) in params {
        command.push_str(&format!(" --param {}", quoted(&format!("{name}={value}"))));
    }
    if engine != "pure" {
        command.push_str(&format!(" --engine {engine}"));
    }
    if !without.is_empty() {
        command.push_str(&format!(" --without {without}"));
    }
    command
}

impl Report<'_> {
    /// The command that runs one of its seeds again.
    #[must_use]
    pub fn replay_command(&self, program: &str, seed: u64) -> String {
        let engine = match self.server {
            Some(server) => format!("{} --server {}", self.engine, quoted(server)),
            None => self.engine.to_owned(),
        };
        replay_command(program, self.file, self.params, seed, &engine, self.without)
    }
}

/// A word as a shell takes it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod ci_tests;
#[cfg(test)]
mod tests;
