//! What is said of a comparison, to people and to machines.

use std::fmt::Write as _;

use serde::Serialize;

use super::compare::{Compared, Disagreement, Subject, Verdict};
use super::message::client_name;
use crate::plan::Plan;
use crate::report::words::{count, plural};
use crate::verdict::Exit;

/// The schema of [`Fidelity::json`].
pub const FIDELITY_SCHEMA: &str = "causeway-fidelity-1";

/// What several engines have made of several plans.
#[derive(Clone, Debug, Serialize)]
pub struct Fidelity {
    schema: &'static str,
    /// The engines, in the order in which each disagreement says what they say.
    pub engines: Vec<String>,
    /// Plan by plan.
    pub plans: Vec<Row>,
}

/// What became of a plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// The scenario's name and the seed, or the plan's file.
    pub name: String,
    /// Pairs of receiver and message that were compared exactly.
    pub settled: u64,
    /// Requests that were.
    pub requests: u64,
    /// Counts that were compared within their bands.
    pub counts: u64,
    /// Pairs that the plan leaves to timing, and why.
    pub left_to_timing: Vec<(String, u64)>,
    /// Where engines differ, in words.
    pub disagreements: Vec<String>,
    /// Why nothing can be said, if so.
    pub gaps: Vec<String>,
    /// What is wrong with the harness itself.
    pub faults: Vec<String>,
}

impl Row {
    /// What a comparison says, in words.
    #[must_use]
    pub fn of(name: String, plan: &Plan, engines: &[String], verdict: &Verdict) -> Self {
        let Compared { settled, fates, counts, doubts } = &verdict.compared;
        let one = |one: &Disagreement| one.words(plan, engines);
        let mut gaps = Vec::new();
        if *settled == 0 {
            gaps.push("the plan settles nothing that could be compared".to_owned());
        }
        Self {
            name,
            settled: *settled,
            requests: *fates,
            counts: *counts,
            left_to_timing: doubts.iter().map(|(why, times)| (why.words(), *times)).collect(),
            disagreements: verdict.disagreements.iter().map(one).collect(),
            gaps,
            faults: Vec::new(),
        }
    }

    fn open(&self) -> u64 {
        self.left_to_timing.iter().map(|(_, times)| times).sum()
    }

    fn exit(&self) -> Exit {
        if !self.faults.is_empty() {
            Exit::Harness
        } else if !self.disagreements.is_empty() {
            Exit::Broken
        } else if !self.gaps.is_empty() {
            Exit::Inconclusive
        } else {
            Exit::Held
        }
    }

    fn verdict(&self) -> String {
        match self.exit() {
            Exit::Held => "agree".to_owned(),
            Exit::Broken => plural(self.disagreements.len() as u64, "disagreement"),
            Exit::Harness => "harness failed".to_owned(),
            Exit::Usage | Exit::Coverage | Exit::Inconclusive => "inconclusive".to_owned(),
        }
    }

    /// Everything that is to be said of it, a line for each.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let of =
            move |what: &'static str| move |text: &String| format!("{what}: {}: {text}", self.name);
        let disagreements = self.disagreements.iter().map(of("disagreement"));
        disagreements
            .chain(self.gaps.iter().map(of("inconclusive")))
            .chain(self.faults.iter().map(of("harness")))
    }
}

impl Disagreement {
    /// It in words: what, and what each engine says.
    #[must_use]
    pub fn words(&self, plan: &Plan, engines: &[String]) -> String {
        let what = match self.subject {
            Subject::Delivery(receiver, message, last) => {
                format!("{} got {}", receiver.words(plan), message.words(plan, last))
            }
            Subject::Order(receiver, message, last) => {
                format!("{} got {}", receiver.words(plan), message.words(plan, last))
            }
            Subject::Fate(message, last) => format!("{} asked and was", message.words(plan, last)),
            Subject::Errors(client) => format!("{} was told", client_name(plan, client)),
            Subject::Connections(client, band) => {
                format!("{} was connected (band {})", client_name(plan, client), band.width)
            }
            Subject::Meetings(node, remote, band) => {
                let (node, remote) = (plan.node_name(node), plan.node_name(remote));
                format!("{node} met {remote} (band {})", band.width)
            }
        };
        let said = engines.iter().zip(&self.said).map(|(engine, said)| format!("{engine} {said}"));
        format!("{what}: {}", said.collect::<Vec<_>>().join(", "))
    }
}

impl Fidelity {
    /// What these engines have made of those plans.
    #[must_use]
    pub const fn new(engines: Vec<String>, plans: Vec<Row>) -> Self {
        Self { schema: FIDELITY_SCHEMA, engines, plans }
    }

    /// How a program should end: the gravest of all plans.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let nothing = if self.plans.is_empty() { Exit::Inconclusive } else { Exit::Held };
        self.plans.iter().map(Row::exit).fold(nothing, Exit::worse)
    }

    /// It for machines.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a bug.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// A table of all plans, in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = "| plan | settled | requests | counts | left to timing | verdict |\n\
                        |---|---:|---:|---:|---:|---|\n"
            .to_owned();
        for row in &self.plans {
            let Row { name, settled, requests, counts, .. } = row;
            let (open, verdict) = (row.open(), row.verdict());
            let _written = writeln!(
                text,
                "| {name} | {settled} | {requests} | {counts} | {open} | {verdict} |"
            );
        }
        text
    }

    /// All of it in a sentence.
    #[must_use]
    pub fn sum(&self) -> String {
        let sum = |of: fn(&Row) -> u64| self.plans.iter().map(of).sum::<u64>();
        let agree = self.plans.iter().filter(|row| row.exit() == Exit::Held).count();
        format!(
            "{agree} of {} plans agree on {}: {} deliveries, {} requests and {} counts compared, {} \
             deliveries left to timing",
            self.plans.len(),
            self.engines.join(", "),
            count(sum(|row| row.settled)),
            count(sum(|row| row.requests)),
            count(sum(|row| row.counts)),
            count(sum(Row::open)),
        )
    }

    /// It for people: the table, why something is left to timing, and all lines.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# Fidelity\n\n{}.\n\n{}", self.sum(), self.table());
        let mut reasons = std::collections::BTreeMap::<&str, u64>::new();
        for (why, times) in self.plans.iter().flat_map(|row| &row.left_to_timing) {
            *reasons.entry(why).or_default() += times;
        }
        if !reasons.is_empty() {
            text.push_str("\n| left to timing because | deliveries |\n|---|---:|\n");
        }
        for (why, times) in reasons {
            let _written = writeln!(text, "| {why} | {} |", count(times));
        }
        let lines: Vec<String> = self.plans.iter().flat_map(Row::lines).collect();
        if !lines.is_empty() {
            text.push('\n');
        }
        for line in lines {
            let _written = writeln!(text, "* {line}");
        }
        text
    }
}
