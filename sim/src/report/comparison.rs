//! What several servers have shown in the same scenarios, side by side.

use std::fmt::Write as _;

use serde::Serialize;

use super::markdown::{cell, inline};
use super::table::words as verdict_words;
use super::words::{count, plural, time};
use crate::verdict::{Exit, Row, Status, Verdict};

/// The schema of [`Comparison::json`].
pub const COMPARISON_SCHEMA: &str = "causeway-comparison-1";

/// Scenarios with what each server has shown in them. All have the same servers in the same order;
/// the first is the one that is put to the test, and the others are what it is compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    schema: &'static str,
    scenarios: Vec<Compared>,
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// The seeds that were run, in words.
    pub seeds: String,
    /// What each server has shown.
    pub columns: Vec<Column>,
}

/// What a server has shown in a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// The server, with its version if that is its own.
    pub server: String,
    /// The verdict, in a word.
    pub verdict: &'static str,
    /// Why it is not one, if it is not.
    pub gaps: Vec<String>,
    /// The command that runs it again.
    pub command: String,
    /// The guarantees, in the catalogue's order: the same ones for all servers.
    pub guarantees: Vec<Guarantee>,
}

/// What became of a guarantee.
#[derive(Clone, Debug, Serialize)]
pub struct Guarantee {
    /// The scenario's name for it.
    pub name: String,
    /// What it is.
    pub sentence: &'static str,
    /// The scenario asks for it.
    pub required: bool,
    /// `held`, `broken` or `not checked`.
    pub status: &'static str,
    /// How often it was put to the test.
    pub checked: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// How often the promise did not cover the case.
    pub excused: u64,
    /// How long the case took that held and was closest to its bound, in nanoseconds.
    pub took_ns: Option<u64>,
    /// That bound.
    pub bound_ns: Option<u64>,
    /// The first case in which it did not hold.
    pub first: Option<String>,
}

/// Who is better at a guarantee, or in a scenario.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    Better,
    Even,
    Worse,
}

impl Column {
    /// What a verdict says of a server.
    #[must_use]
    pub fn of(server: String, command: String, verdict: &Verdict) -> Self {
        let faults =
            verdict.harness_faults.iter().map(|(seed, what)| format!("seed {seed}: {what}"));
        Self {
            server,
            verdict: verdict_words(verdict.exit()),
            gaps: verdict.gaps.iter().cloned().chain(faults).collect(),
            command,
            guarantees: verdict.rows.iter().map(Guarantee::of).collect(),
        }
    }

    fn broke(&self) -> bool {
        self.verdict == verdict_words(Exit::Broken)
    }

    fn held(&self) -> bool {
        self.verdict == verdict_words(Exit::Held)
    }
}

impl Guarantee {
    fn of(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            sentence: row.spec.sentence,
            required: row.required,
            status: row.status().name(),
            checked: row.checked,
            broken: row.broken,
            excused: row.excused,
            took_ns: row.closest.map(|took| took.took_ns),
            bound_ns: row.closest.map(|took| took.bound_ns),
            first: row
                .first
                .as_ref()
                .map(|(_, violation)| format!("at {}: {}", time(violation.t), violation.story)),
        }
    }

    fn is_told(&self) -> bool {
        self.required || self.status != Status::NotChecked.name()
    }

    fn words(&self) -> String {
        let mut text = match self.status {
            "broken" => format!("**broke {} of {}**", count(self.broken), count(self.checked)),
            "held" => format!("held {}", count(self.checked)),
            _ => "not checked".to_owned(),
        };
        if self.excused > 0 {
            let _written = write!(text, ", {} excused", count(self.excused));
        }
        if let (Some(took), Some(bound)) = (self.took_ns, self.bound_ns) {
            let _written = write!(text, ", at most {} of {}", time(took), time(bound));
        }
        text
    }

    /// How it does beside another; nothing is said of what was not put to the test.
    const fn beside(&self, other: &Self) -> Standing {
        match (self.broken, other.broken) {
            (0, 1..) if self.checked > 0 => Standing::Better,
            (1.., 0) if other.checked > 0 => Standing::Worse,
            // Of what share: in parts of the other's number of cases.
            (mine, theirs) => {
                let mine = mine as u128 * other.checked as u128;
                let theirs = theirs as u128 * self.checked as u128;
                if mine < theirs {
                    Standing::Better
                } else if mine > theirs {
                    Standing::Worse
                } else {
                    Standing::Even
                }
            }
        }
    }
}

impl Compared {
    /// The guarantees at which the first server does worse than one of the others.
    fn worse(&self) -> Vec<&str> {
        let Some((first, others)) = self.columns.split_first() else { return Vec::new() };
        let rows = first.guarantees.iter().enumerate();
        let is_worse = |at: usize, mine: &Guarantee| {
            let theirs = others.iter().filter_map(|other| other.guarantees.get(at));
            theirs.into_iter().any(|theirs| mine.beside(theirs) == Standing::Worse)
        };
        rows.filter(|(at, mine)| is_worse(*at, mine)).map(|(_, mine)| mine.name.as_str()).collect()
    }

    fn row(&self) -> String {
        let broken = |column: &Column| {
            let names = column.guarantees.iter().filter(|row| row.broken > 0);
            let names: Vec<String> = names
                .map(|row| {
                    format!("`{}` {} of {}", row.name, count(row.broken), count(row.checked))
                })
                .collect();
            if names.is_empty() {
                column.verdict.to_owned()
            } else {
                format!("**{}**: {}", column.verdict, names.join(", "))
            }
        };
        let cells: Vec<String> = self.columns.iter().map(|column| cell(&broken(column))).collect();
        let worse = self.worse();
        let worse = if worse.is_empty() { String::new() } else { worse.join(", ") };
        format!("| {} | {} | {} |\n", cell(&self.name), cells.join(" | "), cell(&worse))
    }

    /// The scenario with all its guarantees.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text =
            format!("### {} (seeds {})\n\n{}\n\n", self.name, self.seeds, inline(&self.about));
        let servers: Vec<String> = self.columns.iter().map(|it| cell(&it.server)).collect();
        let _written = writeln!(text, "| guarantee | {} |", servers.join(" | "));
        let _written = writeln!(text, "|---|{}", "---|".repeat(servers.len()));
        let rows = self.columns.iter().map(|it| it.guarantees.len()).max().unwrap_or(0);
        for at in 0..rows {
            let row: Vec<Option<&Guarantee>> =
                self.columns.iter().map(|column| column.guarantees.get(at)).collect();
            let Some(one) = row.iter().flatten().next() else { continue };
            if !row.iter().flatten().any(|it| it.is_told()) {
                continue;
            }
            let cells: Vec<String> = row
                .iter()
                .map(|it| cell(&it.map_or("not judged".to_owned(), Guarantee::words)))
                .collect();
            let mark = if one.required { "**" } else { "" };
            let _written =
                writeln!(text, "| {mark}{}{mark} | {} |", cell(&one.name), cells.join(" | "));
        }
        let verdicts: Vec<&str> = self.columns.iter().map(|it| it.verdict).collect();
        let _written = writeln!(text, "| verdict | {} |\n", verdicts.join(" | "));
        self.tell_examples(&mut text);
        text
    }

    fn tell_examples(&self, text: &mut String) {
        for column in &self.columns {
            let broken = column.guarantees.iter().filter_map(|it| Some((it, it.first.as_ref()?)));
            for (row, first) in broken {
                let _written = writeln!(
                    text,
                    "* {} breaks `{}` ({}) First {}",
                    column.server,
                    row.name,
                    row.sentence,
                    inline(first)
                );
            }
            for gap in &column.gaps {
                let _written =
                    writeln!(text, "* {}: not put to the test: {}", column.server, inline(gap));
            }
        }
        text.push_str("\n```text\n");
        for column in &self.columns {
            let _written = writeln!(text, "{}", column.command);
        }
        text.push_str("```\n");
    }
}

impl Comparison {
    /// Of these scenarios.
    #[must_use]
    pub const fn new(scenarios: Vec<Compared>) -> Self {
        Self { schema: COMPARISON_SCHEMA, scenarios }
    }

    /// The table of all scenarios.
    #[must_use]
    pub fn table(&self) -> String {
        let Some(first) = self.scenarios.first() else { return String::new() };
        let servers: Vec<String> = first.columns.iter().map(|it| cell(&it.server)).collect();
        let ours = servers.first().cloned().unwrap_or_default();
        let mut text = format!("| scenario | {} | worse with {ours} |\n", servers.join(" | "));
        let _written = writeln!(text, "|---|{}---|", "---|".repeat(servers.len()));
        for scenario in &self.scenarios {
            text.push_str(&scenario.row());
        }
        text
    }

    /// In how many scenarios what became of each server, a sentence each.
    #[must_use]
    pub fn sums(&self) -> Vec<String> {
        let Some(first) = self.scenarios.first() else { return Vec::new() };
        let all = plural(self.scenarios.len() as u64, "scenario");
        let mut lines = Vec::new();
        for (at, column) in first.columns.iter().enumerate() {
            let columns = || self.scenarios.iter().filter_map(|it| it.columns.get(at));
            let held = columns().filter(|it| it.held()).count();
            let broken = columns().filter(|it| it.broke()).count();
            lines.push(format!(
                "{}: {held} of {all} held, {broken} broken, {} neither",
                column.server,
                self.scenarios.len() - held - broken
            ));
        }
        lines
    }

    /// Everything, for people.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("## Side by side\n\n{}\n", self.table());
        for line in self.sums() {
            let _written = writeln!(text, "* {line}");
        }
        text.push_str(
            "\nOf each guarantee: how often it held, or broke of how many cases, and how long the case took \
             that came closest to its bound. Names in bold are those that the scenario asks for.\n",
        );
        for scenario in &self.scenarios {
            text.push('\n');
            text.push_str(&scenario.markdown());
        }
        text
    }

    /// Everything, for machines.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a bug.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::tests::seed_run;

    fn compared(copies: [u32; 2]) -> Compared {
        let column = |name: &str, copies| {
            let verdict = Verdict::of(&[seed_run(0, copies, Some("no_duplicates"))], &[], 0);
            Column::of(name.to_owned(), format!("run {name}"), &verdict)
        };
        Compared {
            name: "twice".to_owned(),
            about: "Is a message delivered | once?".to_owned(),
            seeds: "0".to_owned(),
            columns: vec![column("ours", copies[0]), column("theirs", copies[1])],
        }
    }

    #[test]
    fn what_breaks_is_told_with_how_often_and_the_first_case() {
        let all = Comparison::new(vec![compared([1, 3])]);
        let text = all.markdown();
        for part in [
            "| twice | held | **broken**: `my_no_duplicates` 2 of 3 |  |",
            "| **my_no_duplicates** | held 1 | **broke 2 of 3** |",
            "* theirs breaks `my_no_duplicates` (",
            "run ours\nrun theirs\n",
            "* ours: 1 of 1 scenario held, 0 broken, 0 neither",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(all.json().unwrap().contains("\"schema\": \"causeway-comparison-1\""));
    }

    #[test]
    fn where_the_first_server_is_worse_is_said() {
        assert_eq!(compared([1, 1]).worse(), [""; 0]);
        assert_eq!(compared([1, 2]).worse(), [""; 0]);
        assert_eq!(compared([2, 1]).worse(), ["my_no_duplicates"]);
        // Two of three is more than one of two.
        assert_eq!(compared([3, 2]).worse(), ["my_no_duplicates"]);
        // What was never put to the test is no better.
        assert_eq!(compared([2, 0]).worse(), [""; 0]);
    }
}
