//! `causeway-sim shrink`, and what `run` does with its failures: looks for a smaller plan with the
//! same failure.

use std::panic;
use std::path::{Path, PathBuf};

use causeway_sim::plan::Plan;
use causeway_sim::report::words::{plural, time};
use causeway_sim::report::{self, Evidence, write_minimal};
use causeway_sim::run::{RunEnd, RunOutcome};
use causeway_sim::shrink::{Finding, Shrunk, Signature, Size, Trial, findings, shrink};
use causeway_sim::units::MS;
use causeway_sim::verdict::{Exit, SeedRun};

use super::clock::Stopwatch;
use super::engine::Chosen;
use super::replay::is_plan;
use super::run::program;
use super::runner::{Guard, execute};
use super::{Failure, ShrinkArgs, load, output};

/// Where a run that multiplies messages without end is cut at first, in steps.
const STEPS_AT_FIRST: u64 = 200_000;

/// A candidate may take twice the steps of the smallest plan so far, and so many more.
const STEPS_MORE: u64 = 20_000;

pub(super) fn main(args: &ShrinkArgs) -> Result<Exit, Failure> {
    let plan = read(&args.plan)?;
    let guard = Guard { steps_max: args.max_steps };
    let (run, outcome) = execute(&Chosen::PURE, &plan, &[], guard);
    let found = findings(&run, &outcome.history);
    drop(outcome);
    let Some(first) = found.first() else {
        output::line(&format!("{}: every guarantee held: nothing to shrink", args.plan.display()));
        return Ok(Exit::Held);
    };
    let effort =
        Effort { guard, replays: args.replays, budget_ns: args.budget, watch: Stopwatch::start() };
    let minimal = minimise(&plan, &first.signature, effort)?;
    let out = args.out.clone().unwrap_or_else(|| beside(&args.plan));
    minimal.write(&out)?;
    output::line(&format!("{}, seed {}", plan.scenario, plan.seed));
    output::line(&format!("  before:     {}", Size::of(&plan)));
    for line in minimal.lines(&out) {
        output::line(&line);
    }
    for more in &found[1..] {
        output::line(&format!("  and before: {}", more.signature));
    }
    output::what_broke(&minimal.run);
    output::line(&format!("written to: {}", out.display()));
    Ok(if minimal.run.harness_fault().is_some() { Exit::Harness } else { Exit::Broken })
}

/// Reads a plan from its file.
pub(super) fn read(path: &Path) -> Result<Plan, Failure> {
    let file = path.display();
    let text = load::text_of(path).map_err(|error| Failure::Scenario(error.into()))?;
    if !is_plan(&text) {
        let what = format!(
            "error: {file} is not a plan: `causeway-sim replay SCENARIO --seed N --out DIR` writes one"
        );
        return Err(Failure::Usage(what));
    }
    Plan::parse(&text).map_err(|error| Failure::Usage(format!("error: {file}: {error}")))
}

/// `x/seed-17.plan` is shrunk into `x/seed-17/`, where `run` would put it.
fn beside(plan: &Path) -> PathBuf {
    let folder = plan.with_extension("");
    if folder == plan { plan.with_extension("minimal") } else { folder }
}

/// How much may be spent.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) guard: Guard,
    pub(super) replays: u32,
    pub(super) budget_ns: u64,
    pub(super) watch: Stopwatch,
}

/// A failure, minimised.
pub(super) struct Minimal {
    signature: Signature,
    shrunk: Shrunk,
    run: SeedRun,
    outcome: RunOutcome,
    wall_ms: u64,
}

/// Looks for a smaller plan with the failure, and runs what was found once more.
///
/// # Errors
/// If a run came out different the second time.
pub(super) fn minimise(
    plan: &Plan,
    signature: &Signature,
    effort: Effort,
) -> Result<Minimal, Failure> {
    let quiet = Quiet::begin();
    let mut runs = Runs { effort, cap: effort.guard.steps_max.min(STEPS_AT_FIRST), signature };
    runs.find_cap(plan);
    let shrunk = shrink(plan, signature, effort.replays, &mut runs);
    let differs = |what: &str| {
        Failure::Harness(format!(
            "error: {what} of {}, seed {} did not show `{signature}` again: use selfcheck",
            plan.scenario, plan.seed
        ))
    };
    let shrunk = shrunk.ok_or_else(|| differs("the plan"))?;
    let (run, outcome) = execute(&Chosen::PURE, &shrunk.plan, &[], effort.guard);
    drop(quiet);
    if !findings(&run, &outcome.history).iter().any(|found| found.signature == *signature) {
        return Err(differs("the minimal plan"));
    }
    let wall_ms = effort.watch.ms();
    Ok(Minimal { signature: signature.clone(), shrunk, run, outcome, wall_ms })
}

impl Minimal {
    /// Writes what is left behind into the folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let guarantee = match &self.signature {
            Signature::Broken { guarantee, .. } => guarantee,
            // What a panic breaks.
            Signature::Panicked { .. } => "nodes_stay_up",
            Signature::Stuck { .. } | Signature::Malformed { .. } => "no_end",
        };
        self.with_evidence(|evidence| write_minimal(folder, guarantee, evidence))
            .map_err(|e| Failure::writing(folder, &e))
    }

    /// Shows somebody what it leaves behind.
    pub(super) fn with_evidence<T>(&self, show: impl FnOnce(Evidence<'_>) -> T) -> T {
        let plan = self.shrunk.plan.write();
        show(Evidence { run: &self.run, plan: &plan, history: &self.outcome.history })
    }

    /// The command that shows it again, its size, and what it took.
    pub(super) fn lines(&self, folder: &Path) -> Vec<String> {
        let file = folder.join("minimal.plan").display().to_string();
        let Shrunk { plan, replays, finished, also_found } = &self.shrunk;
        let replays = plural(u64::from(*replays), "replay");
        let took = time(self.wall_ms.max(1).saturating_mul(MS));
        let end = if *finished { "nothing is left to try" } else { "the budget is spent" };
        let mut lines = vec![
            format!("  minimal:    {}", report::replay_plan_command(&program(), &file)),
            format!("  its size:   {}", Size::of(plan)),
            format!("  it shows:   {}", self.signature),
            format!("  it took:    {replays}, {took}; {end}"),
        ];
        if !also_found.is_empty() {
            let also: Vec<String> = also_found.iter().map(Signature::to_string).collect();
            lines.push(format!("  also found: {}", also.join("; ")));
        }
        lines
    }
}

/// Candidates, run and judged.
struct Runs<'s> {
    effort: Effort,
    /// Steps after which a candidate is cut.
    cap: u64,
    signature: &'s Signature,
}

impl Runs<'_> {
    /// A broker that multiplies messages shows it long before the guard ends the run.
    fn find_cap(&mut self, plan: &Plan) {
        let steps_max = self.effort.guard.steps_max;
        if matches!(self.signature, Signature::Stuck { .. }) {
            self.cap = steps_max;
        }
        while self.cap < steps_max && !self.shows(&self.judge(plan).0) {
            self.cap = self.cap.saturating_mul(4).min(steps_max);
        }
    }

    /// What went wrong, and the steps that it took.
    fn judge(&self, plan: &Plan) -> (Vec<Finding>, u64) {
        let (run, outcome) = execute(&Chosen::PURE, plan, &[], Guard { steps_max: self.cap });
        let mut found = findings(&run, &outcome.history);
        let cut = matches!(outcome.end, RunEnd::Stuck { .. }) && outcome.steps >= self.cap;
        if cut && self.cap < self.effort.guard.steps_max {
            // Cut by us: that says nothing.
            found.retain(|finding| !matches!(finding.signature, Signature::Stuck { .. }));
        }
        (found, outcome.steps)
    }

    fn shows(&self, found: &[Finding]) -> bool {
        found.iter().any(|finding| finding.signature == *self.signature)
    }
}

impl Trial for Runs<'_> {
    fn findings(&mut self, plan: &Plan) -> Vec<Finding> {
        let (found, steps) = self.judge(plan);
        if self.shows(&found) && !matches!(self.signature, Signature::Stuck { .. }) {
            self.cap = self.cap.min(steps.saturating_mul(2).saturating_add(STEPS_MORE));
        }
        found
    }

    fn is_over(&mut self) -> bool {
        self.effort.watch.is_over(Some(self.effort.budget_ns))
    }
}

/// Hundreds of candidates may panic; each would be told on standard error.
struct Quiet(Option<Hook>);

type Hook = Box<dyn Fn(&panic::PanicHookInfo<'_>) + Sync + Send + 'static>;

impl Quiet {
    fn begin() -> Self {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        Self(Some(hook))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(hook) = self.0.take() {
            panic::set_hook(hook);
        }
    }
}
