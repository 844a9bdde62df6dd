//! Runs the seeds of a command: scenario by scenario, or all scenarios in turn until one fails.

use causeway_sim::report::{self, Speed};
use causeway_sim::verdict::SeedRun;

use super::clock::Stopwatch;
use super::engine::Chosen;
use super::load::Loaded;
use super::progress::Progress;
use super::runner::{Batch, Task, run_all};
use super::seeds::SeedSet;
use super::{Failure, RunArgs, jobs_or_cores};

/// So many failing seeds are announced while the others still run.
const ANNOUNCED: u64 = 20;

/// How the seeds of a command are run.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) engine: &'a Chosen,
    /// Runs since the command began: the budget is for all scenarios together.
    pub(super) watch: Stopwatch,
}

impl Search<'_> {
    /// Runs the seeds of one scenario. No more are started once the budget is over, by the watch.
    pub(super) fn one(
        self,
        loaded: &Loaded,
        set: &SeedSet,
        budget_ns: Option<u64>,
    ) -> Result<(Vec<SeedRun>, Speed), Failure> {
        let tasks: Vec<Task<'_>> = set.seeds.iter().map(|&seed| Task { loaded, seed }).collect();
        let (runs, speed) = self.run(&loaded.scenario.full_name(), &tasks, budget_ns)?;
        Ok((runs.into_iter().map(|(_, run)| run).collect(), speed))
    }

    /// Runs the seeds of all scenarios in turn, until one fails; gives the runs of each scenario.
    pub(super) fn in_turn(
        self,
        scenarios: &[Loaded],
        sets: &[SeedSet],
    ) -> Result<(Vec<Vec<SeedRun>>, Speed), Failure> {
        let (of, tasks): (Vec<usize>, Vec<Task<'_>>) = turns(scenarios, sets).unzip();
        let (found, speed) = self.run("all in turn", &tasks, self.args.budget)?;
        let mut runs: Vec<Vec<SeedRun>> = scenarios.iter().map(|_| Vec::new()).collect();
        for (at, run) in found {
            runs[of[at]].push(run);
        }
        Ok((runs, speed))
    }

    fn run(
        self,
        name: &str,
        tasks: &[Task<'_>],
        budget_ns: Option<u64>,
    ) -> Result<(Vec<(usize, SeedRun)>, Speed), Failure> {
        // A machine has no real time for two.
        let one_by_one = self.engine.engine.real && self.args.jobs.is_none();
        let jobs = if one_by_one { 1 } else { jobs_or_cores(self.args.jobs) };
        let mut progress = Progress::new(name, tasks.len() as u64);
        let mut announced = 0;
        let watch = Stopwatch::start();
        let batch = Batch {
            engine: self.engine,
            tasks,
            jobs,
            fail_fast: self.args.fail_fast,
            budget_ns,
            watch: self.watch,
            steps_max: self.args.max_steps,
        };
        let runs = run_all(batch, |task, run| {
            progress.step(run.failed());
            if run.failed() && announced < ANNOUNCED {
                announced += 1;
                let replay = task.loaded.replay_command(self.engine, run.seed);
                let hash = report::hex(run.trace_hash);
                progress.say(&format!("failed: {replay}   (trace hash {hash})"));
            }
        });
        progress.finish();
        let runs = runs.map_err(Failure::Scenario)?;
        Ok((runs, Speed { wall_ms: watch.ms(), jobs: jobs as u64 }))
    }
}

/// The first seed of every scenario, then the second of every scenario that has one, and so on;
/// each with the place of its scenario.
fn turns<'a>(
    scenarios: &'a [Loaded],
    sets: &'a [SeedSet],
) -> impl Iterator<Item = (usize, Task<'a>)> {
    let rounds = sets.iter().map(|set| set.seeds.len()).max().unwrap_or(0);
    (0..rounds).flat_map(move |round| {
        scenarios.iter().zip(sets).enumerate().filter_map(move |(at, (loaded, set))| {
            let seed = *set.seeds.get(round)?;
            Some((at, Task { loaded, seed }))
        })
    })
}
