//! `causeway-sim compare`: the same scenarios on several servers, side by side.

use std::fs;
use std::path::{Path, PathBuf};

use causeway_sim::process::{self, Server};
use causeway_sim::report::page::Commands;
use causeway_sim::report::{Column, Compared, Comparison, Evidence, Folder, Report, Speed};
use causeway_sim::verdict::{Exit, SeedRun, Verdict};

use super::clock::Stopwatch;
use super::engine::Chosen;
use super::load::Loaded;
use super::pages::{About, Pages};
use super::progress::Progress;
use super::run::{self, program};
use super::runner::{Batch, Task, run_all};
use super::seeds::{SeedSet, choose};
use super::{CompareArgs, Failure, output};

pub(super) fn main(args: &CompareArgs) -> Result<Exit, Failure> {
    let servers = servers(&args.servers)?;
    let scenarios = args.scenarios.load()?;
    let sets: Vec<SeedSet> = scenarios.iter().map(|loaded| seeds_of(args, loaded)).collect();
    run::check(&scenarios, &sets)?;
    let mut compared = Vec::new();
    let mut exit = Exit::Held;
    for (loaded, set) in scenarios.iter().zip(&sets) {
        let job = Job { out: &args.out, loaded, set };
        let mut columns = Vec::new();
        for (server, heading) in &servers {
            let (column, end) = job.on(server, heading)?;
            // It is the first one that is put to the test.
            if columns.is_empty() || end == Exit::Harness {
                exit = exit.worse(end);
            }
            columns.push(column);
        }
        let scenario = &loaded.scenario;
        let (name, about) = (scenario.full_name(), scenario.about.clone());
        let one = Compared { name, about, seeds: set.name.clone(), columns };
        output::line(&one.markdown());
        compared.push(one);
    }
    let all = Comparison::new(compared);
    output::line(&all.table());
    all.sums().iter().for_each(|line| output::line(line));
    write(&args.out, &all)?;
    output::line(&format!("report: {}", args.out.join("compare.md").display()));
    Ok(exit)
}

/// The servers, each with what it is called in tables.
fn servers(named: &[Server]) -> Result<Vec<(Chosen, String)>, Failure> {
    let mut servers = Vec::new();
    for server in named {
        let version = server.check().map_err(|error| Failure::Usage(format!("error: {error}")))?;
        let heading = server.heading(&version);
        // Two of a kind are told apart by where they are.
        let is_taken = servers.iter().any(|(_, known)| *known == heading);
        let heading = if is_taken { server.words() } else { heading };
        servers.push((Chosen::real(server.clone()), heading));
    }
    Ok(servers)
}

/// Real time is dear: one seed, if nothing is said.
fn seeds_of(args: &CompareArgs, loaded: &Loaded) -> SeedSet {
    let first = loaded.scenario.seeds.first().copied().unwrap_or(0);
    choose(args.seeds.seed, args.seeds.seeds, None, &[first])
}

fn write(out: &Path, all: &Comparison) -> Result<(), Failure> {
    let json = all.json().map_err(|error| Failure::Harness(format!("error: {error}")))?;
    for (name, text) in [("compare.md", all.markdown()), ("compare.json", json)] {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| Failure::writing(&path, &error))?;
    }
    Ok(())
}

/// One scenario of a comparison.
struct Job<'a> {
    out: &'a Path,
    loaded: &'a Loaded,
    set: &'a SeedSet,
}

impl Job<'_> {
    fn on(&self, server: &Chosen, heading: &str) -> Result<(Column, Exit), Failure> {
        let Self { loaded, set, .. } = *self;
        let name = loaded.scenario.full_name();
        let tasks: Vec<Task<'_>> = set.seeds.iter().map(|&seed| Task { loaded, seed }).collect();
        let mut progress = Progress::new(&format!("{name}, {heading}"), tasks.len() as u64);
        let watch = Stopwatch::start();
        let batch = Batch {
            engine: server,
            tasks: &tasks,
            // A machine has no real time for two.
            jobs: 1,
            fail_fast: false,
            budget_ns: None,
            watch,
            steps_max: None,
        };
        let runs = run_all(batch, |_, run| progress.step(run.failed()));
        progress.finish();
        let runs: Vec<SeedRun> =
            runs.map_err(Failure::Scenario)?.into_iter().map(|(_, run)| run).collect();
        let verdict = Verdict::of(&runs, &loaded.goal_texts(), 0);
        self.leave(server, &runs, &verdict, Speed { wall_ms: watch.ms(), jobs: 1 })?;
        let column = Column::of(heading.to_owned(), self.command(server), &verdict);
        Ok((column, verdict.exit()))
    }

    /// The command that has this server run this scenario with these seeds.
    fn command(&self, server: &Chosen) -> String {
        let (seeds, engine) = (&self.set.seeds, server.words());
        let seeds = match seeds.as_slice() {
            [only] => format!("--seed {only}"),
            [first, .., last] => format!("--seeds {first}..{}", last + 1),
            [] => String::new(),
        };
        let params: String = self
            .loaded
            .params()
            .iter()
            .map(|(name, value)| format!(" --param {name}={value}"))
            .collect();
        let file = &self.loaded.scenario.file;
        format!("{} run {file}{params} {seeds} --engine {engine}", program())
    }

    /// A report folder of its own, with what was observed in runs that failed.
    fn leave(
        &self,
        server: &Chosen,
        runs: &[SeedRun],
        verdict: &Verdict,
        speed: Speed,
    ) -> Result<(), Failure> {
        let flavour = server.server.as_ref().map_or("", |server| server.flavour.name());
        let scenario = &self.loaded.scenario;
        let path: PathBuf = self.out.join(run::plain(&scenario.full_name())).join(flavour);
        let unwritable = |error| Failure::writing(&path, &error);
        let folder = Folder::create(&path).map_err(unwritable)?;
        let words = server.server.as_ref().map(Server::words);
        let goals = self.loaded.goal_texts();
        let about = &scenario.about;
        let about = About { about, server: words.as_deref(), goals: &goals, difference: None };
        let mut pages = Pages::default();
        for run in runs {
            let Some(history) = &run.kept else { continue };
            let plan = self.loaded.plan(run.seed).map_err(Failure::Scenario)?.write();
            let evidence = Evidence { run, plan: &plan, history };
            if run.failed() {
                folder.write_failure(evidence).map_err(unwritable)?;
            } else {
                folder.write_only(evidence).map_err(unwritable)?;
            }
            let place = if run.failed() { path.join("failures") } else { path.clone() };
            let commands = Commands::of_run(&program(), self.command(server), &place, run.seed);
            pages.run(&path, about, evidence, &commands)?;
        }
        let (name, params) = (scenario.full_name(), self.loaded.params());
        let report = Report {
            engine: process::ENGINE.name,
            server: words.as_deref(),
            scenario: &name,
            file: &scenario.file,
            params: &params,
            about: &scenario.about,
            seeds: &self.set.name,
            parameters: &[],
            runs,
            verdict,
            exit: verdict.exit(),
            without: "",
            left_out_because: "",
            speed,
        };
        folder.write_report(&report).map_err(unwritable)?;
        pages.write_batch(&folder, &report, &program())
    }
}
