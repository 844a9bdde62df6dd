//! What the search owes to each family of faults: bugs are searched for without it.

use super::Verdict;
use super::error::Error;
use super::options::Options;
use super::simulator::{self, Effort};
use super::table::Mutant;
use super::tree::{Workshop, write, write_json};

use serde::Serialize;

/// The families, as `causeway-sim run --without` names them.
const FAMILIES: [&str; 10] = [
    "partition",
    "degrade",
    "connections",
    "names",
    "crash",
    "lame_duck",
    "pause",
    "slow_readers",
    "clocks",
    "operators",
];

/// What is lost without a family.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// The family; none for all faults together.
    without: &'static str,
    found: usize,
    /// Seeds of scenarios until each bug was found, added up; of bugs that were not found, all that
    /// were run.
    runs: u64,
    seconds: f64,
    lost: Vec<String>,
}

/// Searches for all bugs with all faults, then without each family, and prints the difference.
pub(super) fn main(
    workshop: &Workshop,
    options: &Options,
    chosen: &[&Mutant],
) -> Result<Verdict, Error> {
    let mut rows: Vec<Row> = ["", "all"].into_iter().chain(FAMILIES).map(Row::of).collect();
    for mutant in chosen {
        let built = workshop.build(mutant)?;
        for row in &mut rows {
            // A bug that is not found with all faults cannot be lost.
            row.search(workshop, options, mutant, &built.binary)?;
        }
        let lost: Vec<&str> =
            rows.iter().filter(|r| r.lost.contains(&mutant.name)).map(Row::name).collect();
        let lost = if lost.is_empty() { "always found".to_owned() } else { lost.join(", ") };
        println!("{:44} not found: {lost}", mutant.name);
        let text = markdown(&rows, chosen.len());
        if let Some(path) = &options.markdown {
            write(path, text.as_bytes())?;
        }
        if let Some(path) = &options.json {
            write_json(path, &rows)?;
        }
    }
    print!("\n{}", markdown(&rows, chosen.len()));
    Ok(Verdict::Fine)
}

impl Row {
    fn of(without: &'static str) -> Self {
        Self { without, ..Self::default() }
    }

    fn name(&self) -> &str {
        if self.without.is_empty() { "with all faults" } else { self.without }
    }

    fn search(
        &mut self,
        workshop: &Workshop,
        options: &Options,
        mutant: &Mutant,
        binary: &std::path::Path,
    ) -> Result<(), Error> {
        let all = FAMILIES.join(",");
        let without = match self.without {
            "" => None,
            "all" => Some(all.as_str()),
            family => Some(family),
        };
        let effort = Effort { budget: options.budget, jobs: options.jobs, without };
        let out = workshop.folder("ablation")?.join(format!("{}-{}", mutant.name, self.without));
        let searched = simulator::search(workshop, binary, effort, &out)?;
        self.runs += searched.runs;
        self.seconds += searched.seconds;
        match searched.failure {
            Some(_) => self.found += 1,
            None => self.lost.push(mutant.name.clone()),
        }
        Ok(())
    }
}

fn markdown(rows: &[Row], all: usize) -> String {
    let base: Vec<String> = rows.first().map(|row| row.lost.clone()).unwrap_or_default();
    let mut text =
        "| without | found | seeds | search | lost |\n|---|--:|--:|--:|---|\n".to_owned();
    for row in rows {
        let lost = row.lost.iter().filter(|name| row.without.is_empty() || !base.contains(name));
        let lost: Vec<String> = lost.map(|name| format!("`{name}`")).collect();
        let name = match row.without {
            "" => "(nothing)",
            "all" => "all families",
            family => family,
        };
        let (found, runs, seconds, lost) = (row.found, row.runs, row.seconds, lost.join(", "));
        text.push_str(&format!(
            "| {name} | {found} of {all} | {runs} | {seconds:.0} s | {lost} |\n"
        ));
    }
    text
}
