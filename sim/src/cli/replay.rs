//! `causeway-sim replay`.

use std::ops::ControlFlow;
use std::path::Path;

use causeway_sim::coverage::Goal;
use causeway_sim::plan::Plan;
use causeway_sim::process::Server;
use causeway_sim::report::page::Commands;
use causeway_sim::report::words::seconds;
use causeway_sim::report::{self, Evidence, Folder, timeline};
use causeway_sim::run::{Engine, RunOptions, Watch};
use causeway_sim::verdict::{Exit, Verdict};

use super::pages::{About, Pages};
use super::run::program;
use super::runner::{Guard, judged, was_cut};
use super::{Failure, ReplayArgs, engine, load, output};

/// Lines of the told story.
const STORY_LINES: usize = 40;

pub(super) fn main(args: &ReplayArgs, engines: &[Engine]) -> Result<Exit, Failure> {
    let engine = engine::choose(&args.engine, engines)?;
    let (plan, goals) = plan_of(args)?;
    let guard = Guard { steps_max: args.max_steps };
    let mut trace = Trace { guard, lines: args.trace };
    let options =
        RunOptions { until_step: args.until, watch: Some(&mut trace), ..RunOptions::default() };
    let mut outcome = engine.run(&plan, options);
    guard.mark(&mut outcome);
    let run = judged(plan.seed, &outcome, &goals);
    output::line(&format!("{}, seed {}", plan.scenario, plan.seed));
    if engine.engine.real {
        output::line("in real time: no two runs of it are the same");
    }
    output::line(&format!("trace hash: {}", report::hex(run.trace_hash)));
    output::line(&format!("steps:      {}", run.steps));
    output::line("");
    for line in timeline(&outcome.history, STORY_LINES) {
        output::line(&format!("{:>14} s  {}", seconds(line.t), line.text));
    }
    output::line("");
    if run.failed() {
        output::line("FAILED");
        output::what_broke(&run);
        output::line("");
    }
    let texts: Vec<&str> = goals.iter().map(Goal::text).collect();
    if let Some(path) = &args.out {
        let evidence = Evidence { run: &run, plan: &plan.write(), history: &outcome.history };
        leave(args, path, &texts, evidence)?;
    }
    let cut = was_cut(&run);
    let mut verdict = Verdict::of(&[run], &texts, 0);
    if !args.without.without.is_empty() {
        verdict.ask_for_nothing();
    }
    output::verdict(&verdict);
    if let Some(path) = &args.out {
        output::line(&format!("written to: {}", path.display()));
    }
    let exit = verdict.exit();
    // What was cut off might have reached it.
    Ok(if cut && exit == Exit::Coverage { Exit::Inconclusive } else { exit })
}

/// Writes plan, history and story into a folder, and the page.
fn leave(
    args: &ReplayArgs,
    path: &Path,
    goals: &[&str],
    evidence: Evidence<'_>,
) -> Result<(), Failure> {
    let folder = Folder::create(path).map_err(|error| Failure::writing(path, &error))?;
    folder.write_only(evidence).map_err(|error| Failure::writing(path, &error))?;
    let run = evidence.run;
    let program = program();
    let plan = path.join(format!("seed-{}.plan", run.seed)).display().to_string();
    let replay = report::replay_plan_command(&program, &plan);
    let mut commands = Commands::of_run(&program, replay, path, run.seed);
    if run.failed() {
        commands.minimise = report::shrink_command(&program, &plan);
    }
    let server = args.engine.server.as_ref().map(Server::words);
    let about = About { about: "", server: server.as_deref(), goals, difference: None };
    let mut pages = Pages::default();
    pages.run(path, about, evidence, &commands)?;
    pages.write(&folder, &format!("{}, seed {}", evidence.history.header.scenario, run.seed))
}

/// The plan to run: from a plan file, or from a scenario and a seed.
fn plan_of(args: &ReplayArgs) -> Result<(Plan, Vec<Goal>), Failure> {
    let file = args.file.display();
    let text = load::text_of(&args.file).map_err(|error| Failure::Scenario(error.into()))?;
    if is_plan(&text) {
        if args.seed.is_some() {
            let what =
                format!("error: {file} is a plan, which has its seed in it: leave --seed out");
            return Err(Failure::Usage(what));
        }
        if !args.without.without.is_empty() {
            let what =
                format!("error: {file} is a plan, which has its faults in it: leave --without out");
            return Err(Failure::Usage(what));
        }
        let plan = Plan::parse(&text)
            .map_err(|error| Failure::Usage(format!("error: {file}: {error}")))?;
        return Ok((plan, Vec::new()));
    }
    let mut loaded = load::one(&args.file, &args.params.params).map_err(Failure::Scenario)?;
    loaded.leave_out(&args.without.without);
    let seed = args.seed.ok_or_else(|| {
        Failure::Usage(format!("error: {file} is a scenario: say which seed with --seed N"))
    })?;
    let plan = loaded.plan(seed).map_err(Failure::Scenario)?;
    Ok((plan, loaded.goals))
}

/// Whether a text is a plan; scenarios never begin like one.
pub(super) fn is_plan(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
    first.is_some_and(|line| line.starts_with("causeway-plan"))
}

/// Prints every step, if that is wanted.
struct Trace {
    guard: Guard,
    lines: bool,
}

impl Watch for Trace {
    fn interval(&self) -> u64 {
        self.guard.interval()
    }

    fn checkpoint(&mut self, step: u64, hash: u64) -> ControlFlow<()> {
        self.guard.checkpoint(step, hash)
    }

    fn wants_lines(&self) -> bool {
        self.lines
    }

    fn line(&mut self, step: u64, t: u64, text: &str) {
        output::line(&format!("{step:>9} {:>14} s  {text}", seconds(t)));
    }
}
