//! `cargo xtask mutants`: bugs on purpose. Does the simulator find each, how soon, and who notices?
//!
//! ```text
//!  tests/mutants/*.toml ── table ──► tree: a copy of the repository with one bug ──► a simulator
//!                                                                                        │
//!    report: a table for people, Markdown, JSON  ◄── search: all scenarios in turn ◄─────┘
//!                                                 ◄── ablate: the same without a family of faults
//!                                                 ◄── shrink: how small the failures become
//! ```
//! The search is an honest one: nothing says which scenario might find a bug. Seed 0 of every
//! scenario is run, then more of each, until one fails or the time is up.

mod ablate;
mod catalogue;
mod error;
mod options;
mod report;
mod search;
mod shrink;
mod simulator;
mod table;
mod tree;

use std::process::ExitCode;

use error::Error;
use options::{Mode, Options};
use report::Report;
use table::{Mutant, Table};
use tree::Workshop;

/// How the task ended, if nothing went wrong with the task itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// All is as it should be.
    Fine,
    /// A bug was not found, or does not compile.
    Missed,
}

/// Does what the command line says. Exit status 1: a bug was not found; 2: the table does not fit
/// the code, or the arguments are wrong.
pub(crate) fn main(args: &[String]) -> ExitCode {
    match Options::parse(args).and_then(|options| run(&options)) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Missed) => ExitCode::from(1),
        Err(Error::Help) => {
            print!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Verdict, Error> {
    let workshop = Workshop::open(options)?;
    let table = Table::read(workshop.root())?;
    let guarantees = catalogue::guarantees(workshop.root())?;
    table.check(workshop.root(), &guarantees)?;
    let chosen = table.choose(&options.names)?;
    match options.mode {
        Mode::Check => {
            println!("{} bugs fit the code; every guarantee owns one", table.mutants.len());
            Ok(Verdict::Fine)
        }
        Mode::Compile => compile(&workshop, &chosen),
        Mode::Search => search_all(&workshop, options, &chosen, &guarantees),
        Mode::Ablate => ablate::main(&workshop, options, &chosen),
        Mode::Shrink => shrink::main(&workshop, options, &chosen),
    }
}

/// Says which of the bugs are none because the compiler finds them.
fn compile(workshop: &Workshop, chosen: &[&Mutant]) -> Result<Verdict, Error> {
    let mut verdict = Verdict::Fine;
    for mutant in chosen {
        workshop.plant(mutant)?;
        match workshop.compiler_says()? {
            None => println!("{}: compiles", mutant.name),
            Some(text) => {
                println!("{}: DOES NOT COMPILE\n{text}", mutant.name);
                verdict = Verdict::Missed;
            }
        }
    }
    Ok(verdict)
}

fn search_all(
    workshop: &Workshop,
    options: &Options,
    chosen: &[&Mutant],
    guarantees: &[String],
) -> Result<Verdict, Error> {
    let mut report = Report::new(options, guarantees);
    for mutant in chosen {
        let found = search::find(workshop, options, mutant)?;
        report.tell(mutant, &found);
        report.add(mutant, found);
        report.write(options)?;
    }
    report.sums();
    Ok(if report.is_complete() { Verdict::Fine } else { Verdict::Missed })
}
