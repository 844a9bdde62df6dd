//! How small the failures become, how fast, and whether they are still the same.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::error::Error;
use super::options::Options;
use super::report::median;
use super::table::Mutant;
use super::tree::{Workshop, write, write_json};
use super::{Verdict, search, simulator};

/// How long is tried for one failure if nothing else is said.
pub(super) const BUDGET: Duration = Duration::from_secs(60);

/// A failure, made small.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// What makes it the same failure.
    signature: String,
    nodes: usize,
    clients: usize,
    faults: usize,
    operations: usize,
    seconds: f64,
    /// The minimal plan still shows it.
    same: bool,
    /// The broker without the bug survives the minimal plan, as it should.
    survived: bool,
}

/// Makes the failure of every bug that is found small, and prints the figures.
pub(super) fn main(
    workshop: &Workshop,
    options: &Options,
    chosen: &[&Mutant],
) -> Result<Verdict, Error> {
    let right = workshop.build_right()?;
    let mut rows = Vec::new();
    for mutant in chosen {
        let Some(row) = one(workshop, options, mutant, &right.binary)? else {
            println!("{:44} no plan that fails", mutant.name);
            continue;
        };
        println!("{}", row.line());
        rows.push(row);
        if let Some(path) = &options.json {
            write_json(path, &rows)?;
        }
        if let Some(path) = &options.markdown {
            write(path, markdown(&rows).as_bytes())?;
        }
    }
    println!("\n{}", headline(&rows));
    let fine = rows.iter().all(|row| row.same && row.survived);
    Ok(if fine { Verdict::Fine } else { Verdict::Missed })
}

fn one(
    workshop: &Workshop,
    options: &Options,
    mutant: &Mutant,
    right: &Path,
) -> Result<Option<Row>, Error> {
    let built = workshop.build(mutant)?;
    let out = workshop.folder("reports")?.join(&mutant.name);
    let effort = simulator::Effort { budget: search::BUDGET, jobs: options.jobs, without: None };
    let searched = simulator::search(workshop, &built.binary, effort, &out)?;
    let Some(plan) = searched.failure.and_then(|failure| failure.plan) else { return Ok(None) };
    let folder = workshop.folder("shrunk")?;
    let out = folder.join(&mutant.name);
    let start = Instant::now();
    let shrunk = simulator::shrink(workshop, &built.binary, &plan, options.budget, &out)?;
    let seconds = start.elapsed().as_secs_f64();
    let Some(shrunk) = shrunk else { return Ok(None) };
    let again = folder.join(format!("{}-again", mutant.name));
    let same = simulator::signatures(workshop, &built.binary, &shrunk.plan, &again)?;
    let survived = simulator::signatures(workshop, right, &shrunk.plan, &again)?.is_empty();
    let text = fs::read_to_string(&shrunk.plan)
        .map_err(|error| Error::file("read", &shrunk.plan, &error))?;
    let size = Size::of(&text);
    Ok(Some(Row {
        name: mutant.name.clone(),
        same: same.contains(&shrunk.signature),
        signature: shrunk.signature,
        nodes: size.nodes,
        clients: size.clients,
        faults: size.faults,
        operations: size.operations,
        seconds,
        survived,
    }))
}

/// What a plan is made of, by the lines of its text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Size {
    nodes: usize,
    clients: usize,
    faults: usize,
    operations: usize,
}

impl Size {
    fn of(plan: &str) -> Self {
        let mut size = Self::default();
        for line in plan.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("node"), _) => size.nodes += 1,
                (Some("client"), _) => size.clients += 1,
                (Some(time), Some("fault")) if time.starts_with('@') => size.faults += 1,
                (Some(time), Some(_)) if time.starts_with('@') => size.operations += 1,
                _ => {}
            }
        }
        size
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { name, nodes, clients, faults, operations, seconds, .. } = self;
        let same = if self.same { "" } else { ", ANOTHER FAILURE" };
        let survived = if self.survived { "" } else { ", FAILS WITHOUT THE BUG" };
        format!(
            "{name:44} {nodes} nodes, {clients} clients, {faults} faults, {operations} operations, \
             {seconds:.1} s{same}{survived}"
        )
    }
}

fn headline(rows: &[Row]) -> String {
    let same = rows.iter().filter(|row| row.same).count();
    let survived = rows.iter().filter(|row| row.survived).count();
    let of = |value: fn(&Row) -> f64| median(rows.iter().map(value));
    format!(
        "{} failures made small: median {:.0} faults, {:.0} operations, {:.1} s; {same} are still the \
         same failure, {survived} need the bug",
        rows.len(),
        of(|row| row.faults as f64),
        of(|row| row.operations as f64),
        of(|row| row.seconds),
    )
}

fn markdown(rows: &[Row]) -> String {
    let mut text = format!("{}.\n\n", headline(rows));
    text.push_str("| bug | failure | nodes | clients | faults | operations | time | same |\n");
    text.push_str("|---|---|--:|--:|--:|--:|--:|---|\n");
    for row in rows {
        let Row { name, signature, nodes, clients, faults, operations, seconds, .. } = row;
        let same = match (row.same, row.survived) {
            (true, true) => "yes",
            (false, _) => "no",
            (true, false) => "yes, and without the bug",
        };
        text.push_str(&format!(
            "| `{name}` | {signature} | {nodes} | {clients} | {faults} | {operations} | {seconds:.1} s \
             | {same} |\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_measured_by_its_lines() {
        let plan = "causeway-plan 1\nnode a/1 region=a\nclient c/1 region=a\nphases boot=0s\n\
                    @1s fault 0 partition for=1s\n@1s c/1 connect\n@2s c/1 close\n";
        let size = Size { nodes: 1, clients: 1, faults: 1, operations: 2 };
        assert_eq!(Size::of(plan), size);
    }
}
