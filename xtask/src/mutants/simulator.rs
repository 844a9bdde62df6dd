//! Runs a simulator and reads what it leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::error::Error;
use super::tree::{Workshop, read_json};

/// A simulator that takes so much longer than its budget hangs: a bug may be an endless loop.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often we look whether it has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// More seeds than any budget allows.
const SEEDS: &str = "0..5000";

/// What a search has come to.
#[derive(Debug)]
pub(super) struct Searched {
    /// Seeds of scenarios that were run.
    pub(super) runs: u64,
    pub(super) seconds: f64,
    pub(super) failure: Option<Failure>,
}

/// The first failure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) scenario: String,
    pub(super) seed: u64,
    /// What broke: ids of guarantees, in the catalogue's order; or what stands for them.
    pub(super) caught: Vec<String>,
    /// The plan that failed, if the simulator lived to write it.
    pub(super) plan: Option<PathBuf>,
}

/// What stands for a guarantee when the run, or the whole simulator, did not end.
pub(super) const NO_END: &str = "no_end";

/// The parts of `summary.json` that we need.
#[derive(Debug, Deserialize)]
struct Summary {
    scenario: String,
    seeds: Seeds,
    guarantees: Vec<Guarantee>,
    speed: Speed,
}

#[derive(Debug, Deserialize)]
struct Seeds {
    run: u64,
    failed: Vec<u64>,
}

#[derive(Debug, Deserialize)]
struct Guarantee {
    id: String,
    broken: u64,
}

#[derive(Debug, Deserialize)]
struct Speed {
    wall_ms: u64,
}

/// How a search is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort<'a> {
    pub(super) budget: Duration,
    pub(super) jobs: u16,
    /// A family of faults that is taken out of the plans.
    pub(super) without: Option<&'a str>,
}

/// Searches all scenarios in turn for the first failure. The reports go into `out`.
pub(super) fn search(
    workshop: &Workshop,
    binary: &Path,
    effort: Effort<'_>,
    out: &Path,
) -> Result<Searched, Error> {
    forget(out)?;
    let budget = format!("{}s", effort.budget.as_secs());
    let jobs = effort.jobs.to_string();
    let mut command = Command::new(binary);
    command.args(["run", "scenarios", "--fail-fast", "--no-shrink", "--seeds", SEEDS]);
    command.args(["--budget", &budget, "--jobs", &jobs, "--out"]).arg(out);
    if let Some(family) = effort.without {
        command.args(["--without", family]);
    }
    command.stdout(Stdio::null());
    let start = Instant::now();
    let Some(status) = run(workshop, command, effort.budget + PATIENCE)? else {
        let failure = Failure {
            scenario: "unknown".to_owned(),
            seed: 0,
            caught: vec![NO_END.to_owned()],
            plan: None,
        };
        let seconds = start.elapsed().as_secs_f64();
        return Ok(Searched { runs: 0, seconds, failure: Some(failure) });
    };
    // A broken guarantee, a run without end, or nothing (and of what scenarios ask for, something may
    // not have had its turn).
    if !matches!(status.code(), Some(0 | 1 | 3 | 4 | 5)) {
        return Err(Error::Around(format!("{} ended with {status}", binary.display())));
    }
    read(out)
}

/// A failure, made small.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) plan: PathBuf,
    /// What makes it the same failure: guarantee and kind of object.
    pub(super) signature: String,
}

/// Looks for a smaller plan with the same failure; `None` if the simulator did not live to write one.
pub(super) fn shrink(
    workshop: &Workshop,
    binary: &Path,
    plan: &Path,
    budget: Duration,
    out: &Path,
) -> Result<Option<Shrunk>, Error> {
    forget(out)?;
    let budget_text = format!("{}s", budget.as_secs());
    let mut command = Command::new(binary);
    command.arg("shrink").arg(plan).args(["--budget", &budget_text, "--out"]).arg(out);
    let said = listen(workshop, command, budget + PATIENCE, out)?;
    let signature = line_after(&said, SHOWS).next();
    let plan = out.join("minimal.plan");
    Ok(signature.filter(|_| plan.is_file()).map(|signature| Shrunk { plan, signature }))
}

/// What goes wrong in a plan: the signatures of all failures.
pub(super) fn signatures(
    workshop: &Workshop,
    binary: &Path,
    plan: &Path,
    out: &Path,
) -> Result<Vec<String>, Error> {
    forget(out)?;
    let mut command = Command::new(binary);
    // It says what it would make smaller before it tries; one trial is the least.
    command.arg("shrink").arg(plan).args(["--replays", "1", "--out"]).arg(out);
    let said = listen(workshop, command, PATIENCE, out)?;
    Ok(line_after(&said, SHOWS).chain(line_after(&said, SHOWS_TOO)).collect())
}

/// How the lines begin in which `shrink` tells what the plan shows.
const SHOWS: &str = "it shows:";
const SHOWS_TOO: &str = "and before:";

fn line_after(said: &str, begin: &str) -> impl Iterator<Item = String> {
    said.lines().filter_map(move |line| Some(line.trim().strip_prefix(begin)?.trim().to_owned()))
}

/// Runs a simulator for what it prints. What it writes goes into `out`.
fn listen(
    workshop: &Workshop,
    mut command: Command,
    patience: Duration,
    out: &Path,
) -> Result<String, Error> {
    let path = out.with_extension("out");
    let file = fs::File::create(&path).map_err(|error| Error::file("write", &path, &error))?;
    command.stdout(file);
    run(workshop, command, patience)?;
    fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))
}

fn forget(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| Error::file("remove", folder, &error))?;
    }
    Ok(())
}

/// Runs a simulator in the copy of the repository; `None` if it had to be killed.
fn run(
    workshop: &Workshop,
    mut command: Command,
    patience: Duration,
) -> Result<Option<ExitStatus>, Error> {
    command.current_dir(workshop.tree()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| Error::Around(format!("cannot run {command:?}: {error}")))?;
    loop {
        let around = |error| Error::Around(format!("lost sight of a simulator: {error}"));
        if let Some(status) = child.try_wait().map_err(around)? {
            return Ok(Some(status));
        }
        if start.elapsed() >= patience {
            child.kill().and_then(|()| child.wait()).map_err(around)?;
            return Ok(None);
        }
        thread::sleep(GLANCE);
    }
}

/// Reads the reports of all scenarios that had a turn.
fn read(out: &Path) -> Result<Searched, Error> {
    let unreadable = |error| Error::file("read", out, &error);
    let mut searched = Searched { runs: 0, seconds: 0.0, failure: None };
    for entry in fs::read_dir(out).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        let Some(summary) = read_json::<Summary>(&folder.join("summary.json")) else { continue };
        searched.runs += summary.seeds.run;
        searched.seconds = summary.speed.wall_ms as f64 / 1000.0;
        if let Some(seed) = summary.seeds.failed.first().copied() {
            let plan = folder.join(format!("failures/seed-{seed}.plan"));
            searched.failure = Some(summary.failure(seed, plan));
        }
    }
    Ok(searched)
}

impl Summary {
    fn failure(self, seed: u64, plan: PathBuf) -> Failure {
        let broken = self.guarantees.into_iter().filter(|each| each.broken > 0);
        let mut caught: Vec<String> = broken.map(|each| each.id).collect();
        if caught.is_empty() {
            caught.push(NO_END.to_owned());
        }
        Failure { scenario: self.scenario, seed, caught, plan: plan.is_file().then_some(plan) }
    }
}
