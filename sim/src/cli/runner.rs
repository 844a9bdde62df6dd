//! Runs seeds, several at a time.
//!
//! A run knows nothing of the others: each has its own plan, nodes and history, and threads only
//! hand out seeds and collect results. So results do not depend on how many jobs there are, nor on
//! which seed is done first; they are put back into the order of the seeds.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use causeway_sim::guarantee::{Findings, judge};
use causeway_sim::plan::Plan;
use causeway_sim::run::{RunEnd, RunOptions, RunOutcome, Watch};
use causeway_sim::scenario::ScenarioError;
use causeway_sim::verdict::SeedRun;

use super::clock::Stopwatch;
use super::engine::Chosen;
use super::load::Loaded;
use causeway_sim::coverage::Goal;

/// How often a run in real time is begun before the machine is taken to be too slow for it.
const TRIES: u32 = 3;

/// What became of a seed.
pub(super) enum Done {
    /// It was run.
    Run(Box<SeedRun>),
    /// The scenario cannot be run with it.
    Wrong(ScenarioError),
}

/// A seed to be run.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) seed: u64,
}

/// How to run many seeds.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) engine: &'a Chosen,
    pub(super) tasks: &'a [Task<'a>],
    pub(super) jobs: usize,
    /// Nothing that comes after the first failure counts.
    pub(super) fail_fast: bool,
    /// No seed is started when this much time has passed on the watch, in nanoseconds.
    pub(super) budget_ns: Option<u64>,
    pub(super) watch: Stopwatch,
    /// What the command says of when a run is ended.
    pub(super) steps_max: Option<u64>,
}

/// Ends a run that grows without end: a broker that multiplies messages would fill the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    pub(super) steps_max: u64,
}

impl Guard {
    /// Steps between two looks.
    const INTERVAL: u64 = 1 << 14;

    /// What the command says, or else the scenario, or else what fits into memory.
    pub(super) const fn of(steps_max: Option<u64>, loaded: &Loaded) -> Self {
        let steps_max = match (steps_max, loaded.scenario.max_events) {
            (Some(steps), _) | (None, Some(steps)) => steps,
            (None, None) => super::STEPS_MAX,
        };
        Self { steps_max }
    }

    /// A run that the guard has ended did not end by itself.
    pub(super) fn mark(self, outcome: &mut RunOutcome) {
        if outcome.end == RunEnd::Cut && outcome.steps >= self.steps_max {
            let message = format!(
                "more than {} steps (see --max-steps): a liveness bug, if they should do",
                self.steps_max
            );
            outcome.end = RunEnd::Stuck { message };
        }
    }
}

impl Watch for Guard {
    fn interval(&self) -> u64 {
        Self::INTERVAL.min(self.steps_max)
    }

    fn checkpoint(&mut self, step: u64, _hash: u64) -> ControlFlow<()> {
        if step >= self.steps_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Runs the tasks and gives the place and the outcome of each that was run, in their order. `see` is
/// called with each as it is done, in no particular order.
///
/// With `fail_fast`, no more are begun once one has failed. All that come before it have been begun
/// by then, and are waited for; so what ends the list is the first failure of all, however many jobs
/// there are.
///
/// # Errors
/// If a scenario cannot be run with one of its seeds.
pub(super) fn run_all<'a>(
    batch: Batch<'a>,
    mut see: impl FnMut(Task<'a>, &SeedRun),
) -> Result<Vec<(usize, SeedRun)>, ScenarioError> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, results) = channel();
    let mut wrong = None;
    let mut runs: Vec<(usize, SeedRun)> = Vec::new();
    thread::scope(|scope| {
        for _ in 0..batch.jobs.clamp(1, batch.tasks.len().max(1)) {
            let (sender, next, stop) = (sender.clone(), &next, &stop);
            scope.spawn(move || work(batch, next, stop, &sender));
        }
        drop(sender);
        for (at, done) in results {
            match done {
                Done::Run(run) => {
                    if batch.fail_fast && run.failed() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    see(batch.tasks[at], &run);
                    runs.push((at, *run));
                }
                Done::Wrong(error) => {
                    stop.store(true, Ordering::Relaxed);
                    wrong.get_or_insert((at, error));
                }
            }
        }
    });
    if let Some((_, error)) = wrong {
        return Err(error);
    }
    runs.sort_unstable_by_key(|(at, _)| *at);
    if batch.fail_fast
        && let Some(first) = runs.iter().position(|(_, run)| run.failed())
    {
        runs.truncate(first + 1);
    }
    Ok(runs)
}

fn work(batch: Batch<'_>, next: &AtomicUsize, stop: &AtomicBool, out: &Sender<(usize, Done)>) {
    while !stop.load(Ordering::Relaxed) && !batch.watch.is_over(batch.budget_ns) {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(&Task { loaded, seed }) = batch.tasks.get(at) else { return };
        let done = match loaded.plan(seed) {
            Ok(plan) => {
                let guard = Guard::of(batch.steps_max, loaded);
                let (mut run, outcome) = patiently(batch.engine, &plan, &loaded.goals, guard);
                // What others can be asked for again is kept of those that cannot.
                let wanted = run.failed() || batch.tasks.len() == 1;
                if batch.engine.engine.real && wanted {
                    run.kept = Some(Box::new(outcome.history));
                }
                Done::Run(Box::new(run))
            }
            Err(error) => Done::Wrong(error),
        };
        if out.send((at, done)).is_err() {
            return;
        }
    }
}

/// Runs a plan and judges what was observed; once more if the machine did not keep up with it, which
/// mostly passes.
pub(super) fn patiently(
    engine: &Chosen,
    plan: &Plan,
    goals: &[Goal],
    guard: Guard,
) -> (SeedRun, RunOutcome) {
    let mut done = execute(engine, plan, goals, guard);
    for _ in 1..TRIES {
        if !matches!(done.0.end, RunEnd::TooSlow { .. }) {
            break;
        }
        done = execute(engine, plan, goals, guard);
    }
    done
}

/// Runs a plan and judges what was observed.
pub(super) fn execute(
    engine: &Chosen,
    plan: &Plan,
    goals: &[Goal],
    guard: Guard,
) -> (SeedRun, RunOutcome) {
    let mut watch = guard;
    let options = RunOptions { watch: Some(&mut watch), ..RunOptions::default() };
    let mut outcome = engine.run(plan, options);
    guard.mark(&mut outcome);
    (judged(plan.seed, &outcome, goals), outcome)
}

/// Judges what was observed. A panic of a checker is a fault of the harness like any other.
pub(super) fn judged(seed: u64, outcome: &RunOutcome, goals: &[Goal]) -> SeedRun {
    let history = &outcome.history;
    let (mut judged, unjudged) = match catch_unwind(AssertUnwindSafe(|| judge(history))) {
        Ok(Ok(judged)) => (judged, None),
        Ok(Err(error)) => (Vec::new(), Some(error.to_string())),
        Err(_) => (Vec::new(), Some("a checker panicked on it".to_owned())),
    };
    if let RunEnd::TooSlow { .. } = outcome.end {
        for one in &mut judged {
            one.findings = Findings::default();
        }
    }
    let mut run = SeedRun {
        seed,
        trace_hash: outcome.trace_hash,
        steps: outcome.steps,
        broker_events: outcome.broker_events,
        sim_ns: outcome.sim_ns,
        history_events: history.events.len() as u64,
        end: outcome.end.clone(),
        judged,
        unjudged,
        gaps: outcome.gaps.clone(),
        never_came: outcome.never_came.clone(),
        goals: goals.iter().map(|goal| goal.is_reached(history)).collect(),
        signature: None,
        families: BTreeSet::new(),
        kept: None,
    };
    run.remember(history);
    run
}

/// Whether a run that was cut short by its user is the reason why something is missing.
pub(super) fn was_cut(run: &SeedRun) -> bool {
    run.end == RunEnd::Cut
}
