//! The table of results: on standard output, as Markdown, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::options::Options;
use super::search::{Found, Outcome};
use super::table::Mutant;
use super::tree::{write, write_json};

/// All results.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    budget_seconds: u64,
    jobs: u16,
    rows: Vec<Row>,
    #[serde(skip)]
    guarantees: Vec<String>,
}

/// One bug.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    area: String,
    about: String,
    /// Who was expected to notice.
    expected: Vec<String>,
    /// Why nobody was.
    missed: Option<String>,
    #[serde(flatten)]
    found: Found,
}

impl Report {
    pub(super) fn new(options: &Options, guarantees: &[String]) -> Self {
        Self {
            schema: "causeway.mutants/1",
            budget_seconds: options.budget.as_secs(),
            jobs: options.jobs,
            rows: Vec::new(),
            guarantees: guarantees.to_vec(),
        }
    }

    /// Prints a result as soon as it is there.
    pub(super) fn tell(&self, mutant: &Mutant, found: &Found) {
        let place = match (&found.scenario, found.seed) {
            (Some(scenario), Some(seed)) => format!(", {scenario} seed {seed}"),
            _ => String::new(),
        };
        println!(
            "{:44} {}{place}, {} seeds, {:.1} s, built in {:.0} s",
            mutant.name,
            found.outcome.words(),
            found.runs,
            found.search_seconds,
            found.build_seconds
        );
        if !found.caught_by.is_empty() {
            println!("  {}", found.caught_by.join(", "));
        }
        if found.outcome == Outcome::NotFound
            && let Some(why) = &mutant.missed
        {
            println!("  as expected: {why}");
        }
    }

    pub(super) fn add(&mut self, mutant: &Mutant, found: Found) {
        self.rows.push(Row {
            name: mutant.name.clone(),
            area: mutant.area.clone(),
            about: mutant.about.clone(),
            expected: mutant.guarantees.clone(),
            missed: mutant.missed.clone(),
            found,
        });
    }

    /// Writes what the options ask for.
    pub(super) fn write(&self, options: &Options) -> Result<(), Error> {
        if let Some(path) = &options.json {
            write_json(path, self)?;
        }
        if let Some(path) = &options.markdown {
            write(path, self.markdown().as_bytes())?;
        }
        Ok(())
    }

    /// Prints what it all comes to.
    pub(super) fn sums(&self) {
        println!("\n{}", self.headline());
    }

    /// Whether every bug was found of which nothing else is expected.
    pub(super) fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| row.found.outcome.is_found() || row.missed.is_some())
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|row| row.found.outcome == outcome).count()
    }

    fn headline(&self) -> String {
        let (all, missed) = (self.rows.len(), self.count(Outcome::NotFound));
        let another = self.count(Outcome::FoundByAnother);
        let share = (all - missed) * 1000 / all.max(1);
        let found = || self.rows.iter().map(|r| &r.found).filter(|f| f.outcome.is_found());
        format!(
            "{} of {all} bugs found ({}.{} %), {another} of them only by a guarantee that was not \
             expected to notice; median {:.1} s and {} seeds of searching, {:.0} s of building",
            all - missed,
            share / 10,
            share % 10,
            median(found().map(|f| f.search_seconds)),
            median(found().map(|f| f.runs as f64)),
            median(self.rows.iter().map(|row| row.found.build_seconds)),
        )
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n", self.headline());
        text.push_str("| bug | result | caught by | scenario | seeds | search | build |\n");
        text.push_str("|---|---|---|---|--:|--:|--:|\n");
        for row in &self.rows {
            text.push_str(&row.markdown());
        }
        text.push_str("\n| guarantee | bugs that it caught |\n|---|---|\n");
        for (guarantee, bugs) in self.by_guarantee() {
            let names: Vec<String> = bugs.iter().map(|name| format!("`{name}`")).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            text.push_str(&format!("| `{guarantee}` | {names} |\n"));
        }
        text
    }

    fn by_guarantee(&self) -> Vec<(&str, Vec<&str>)> {
        let mut caught: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in &self.rows {
            for id in &row.found.caught_by {
                caught.entry(id).or_default().push(&row.name);
            }
        }
        let bugs = |id: &'_ String| caught.get(id.as_str()).cloned().unwrap_or_default();
        self.guarantees.iter().map(|id| (id.as_str(), bugs(id))).collect()
    }
}

impl Row {
    fn markdown(&self) -> String {
        let found = &self.found;
        let name = |id: &String| {
            if self.expected.contains(id) { format!("**{id}**") } else { id.clone() }
        };
        let caught: Vec<String> = found.caught_by.iter().map(name).collect();
        let place = match (&found.scenario, found.seed) {
            (Some(scenario), Some(seed)) => format!("{scenario} {seed}"),
            _ => String::new(),
        };
        let about = match (&self.missed, found.outcome) {
            (Some(why), Outcome::NotFound) => format!("{} *{why}*", self.about),
            _ => self.about.clone(),
        };
        format!(
            "| `{}`: {about} | {} | {} | {place} | {} | {:.1} s | {:.0} s |\n",
            self.name,
            found.outcome.words(),
            caught.join(", "),
            found.runs,
            found.search_seconds,
            found.build_seconds
        )
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_a_mean() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
    }
}
