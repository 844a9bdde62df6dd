//! Runs the seeds of a command: scenario by scenario, or all scenarios in turn until one fails.

use causeway_sim::report::{self, Speed};
use causeway_sim::units::SECOND;
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

/// What a node has to do in a second if nobody asks it for anything, in operations of clients.
const NODE_WORK: u64 = 2;

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

/// The first seed of every scenario; then more of them, so that each scenario gets about as much work
/// as every other: of short ones many seeds, of long ones few. Each with the place of its scenario.
/// The order depends on nothing but the scenarios.
fn turns<'a>(
    scenarios: &'a [Loaded],
    sets: &[SeedSet],
) -> impl Iterator<Item = (usize, Task<'a>)> + use<'a> {
    let work = scenarios.iter().zip(sets).map(|(loaded, set)| {
        let first = set.seeds.first();
        (first.map_or(0, |&seed| work(loaded, seed)), set.seeds.as_slice())
    });
    let turns = fair(work).into_iter();
    turns.map(|(at, seed)| (at, Task { loaded: &scenarios[at], seed }))
}

/// The seeds of all in such an order that the work done for each, as long as it has seeds, is about
/// the same; each with the place of whose it is. Given are the work for a seed, and the seeds.
fn fair<'a>(all: impl Iterator<Item = (u64, &'a [u64])>) -> Vec<(usize, u64)> {
    let mut turns = Vec::new();
    for (at, (work, seeds)) in all.enumerate() {
        let before = (0..).map(|round: u64| round.saturating_mul(work));
        turns.extend(before.zip(seeds).map(|(before, &seed)| (before, at, seed)));
    }
    turns.sort_unstable();
    turns.into_iter().map(|(_, at, seed)| (at, seed)).collect()
}

/// About how much there is to do in a run. What cannot be run says so when its turn has come.
fn work(loaded: &Loaded, seed: u64) -> u64 {
    loaded.plan(seed).map_or(1, |plan| {
        let seconds = plan.bounds.phases_ns.last().map_or(0, |end| end / SECOND);
        let nodes = plan.nodes.len() as u64;
        // What is published, and pings, gossip and timers.
        plan.ops.len() as u64 + NODE_WORK * nodes * seconds
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_less_to_do_has_more_turns() {
        let (long, short): (&[u64], &[u64]) = (&[5, 6, 7], &[0, 1, 2, 3, 4, 5]);
        let order = fair([(30, long), (10, short)].into_iter());
        let first = [(0, 5), (1, 0), (1, 1), (1, 2), (0, 6), (1, 3), (1, 4), (1, 5), (0, 7)];
        assert_eq!(order, first);
        assert!(fair([(1, &[][..])].into_iter()).is_empty());
    }
}
