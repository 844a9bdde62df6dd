//! What the search owes to each family of faults: bugs are searched for without it.

use std::path::Path;

use serde::Serialize;

use super::error::Error;
use super::options::Options;
use super::simulator::{self, Effort};
use super::table::Mutant;
use super::tree::{Workshop, write, write_json};
use super::{Verdict, catalogue, search};

/// What is lost without families of faults.
#[derive(Debug, Serialize)]
struct Ablation {
    /// Bugs that are found with all faults.
    bugs: Vec<String>,
    /// Bugs that are not found without any fault. All others need none: they are not searched for
    /// without single families.
    need_faults: Vec<String>,
    families: Vec<Family>,
}

/// What is lost without one family.
#[derive(Debug, Serialize)]
struct Family {
    name: String,
    lost: Vec<String>,
    /// Seeds of scenarios until each of the others was found, added up.
    runs: u64,
    /// The same with all faults.
    runs_with_all: u64,
}

/// Searches for every bug without any fault; for those that are lost then, without each family.
pub(super) fn main(
    workshop: &Workshop,
    options: &Options,
    chosen: &[&Mutant],
) -> Result<Verdict, Error> {
    let family = |name| Family { name, lost: Vec::new(), runs: 0, runs_with_all: 0 };
    let families = catalogue::families(workshop.root())?.into_iter().map(family).collect();
    let mut ablation = Ablation { bugs: Vec::new(), need_faults: Vec::new(), families };
    for mutant in chosen {
        ablation.add(workshop, options, mutant)?;
        if let Some(path) = &options.markdown {
            write(path, ablation.markdown().as_bytes())?;
        }
        if let Some(path) = &options.json {
            write_json(path, &ablation)?;
        }
    }
    print!("\n{}", ablation.markdown());
    Ok(Verdict::Fine)
}

impl Ablation {
    fn add(
        &mut self,
        workshop: &Workshop,
        options: &Options,
        mutant: &Mutant,
    ) -> Result<(), Error> {
        let found = search::find(workshop, options, mutant)?;
        if !found.outcome.is_found() {
            println!("{:44} not found with all faults", mutant.name);
            return Ok(());
        }
        self.bugs.push(mutant.name.clone());
        let binary = workshop.build(mutant)?.binary;
        let all: Vec<&str> = self.families.iter().map(|family| family.name.as_str()).collect();
        if runs_without(workshop, options, mutant, &binary, &all.join(","))?.is_some() {
            println!("{:44} needs no faults", mutant.name);
            return Ok(());
        }
        self.need_faults.push(mutant.name.clone());
        let mut lost = Vec::new();
        for family in &mut self.families {
            match runs_without(workshop, options, mutant, &binary, &family.name)? {
                Some(runs) => {
                    family.runs += runs;
                    family.runs_with_all += found.runs;
                }
                None => {
                    family.lost.push(mutant.name.clone());
                    lost.push(family.name.clone());
                }
            }
        }
        let lost = if lost.is_empty() { "no single family".to_owned() } else { lost.join(", ") };
        println!("{:44} needs {lost}", mutant.name);
        Ok(())
    }

    fn markdown(&self) -> String {
        let (all, need) = (self.bugs.len(), self.need_faults.len());
        let mut text = format!(
            "Of {all} bugs, {} are found without any fault.\n\n\
             | without | found | seeds for the others that need faults | lost |\n|---|--:|---|---|\n\
             | all families | {} | | {need} |\n",
            all - need,
            all - need
        );
        for Family { name, lost, runs, runs_with_all } in &self.families {
            let names: Vec<String> = lost.iter().map(|name| format!("`{name}`")).collect();
            text.push_str(&format!(
                "| {name} | {} | {runs} instead of {runs_with_all} | {} |\n",
                all - lost.len(),
                names.join(", ")
            ));
        }
        text
    }
}

/// How many seeds it takes to find a bug without these families; `None` if it is not found.
fn runs_without(
    workshop: &Workshop,
    options: &Options,
    mutant: &Mutant,
    binary: &Path,
    families: &str,
) -> Result<Option<u64>, Error> {
    let effort = Effort { budget: options.budget, jobs: options.jobs, without: Some(families) };
    let out = workshop.folder("ablation")?.join(&mutant.name);
    let searched = simulator::search(workshop, binary, effort, &out)?;
    Ok(searched.failure.map(|_| searched.runs))
}
