//! `causeway-sim run`.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use causeway_sim::history::History;
use causeway_sim::plan::{Plan, plan};
use causeway_sim::process::Server;
use causeway_sim::report::page::{Commands, Difference, distance};
use causeway_sim::report::words::time;
use causeway_sim::report::{self, Evidence, FAILURES_SHOWN, Finished, Folder, Report, Speed};
use causeway_sim::run::{Engine, PURE};
use causeway_sim::scenario::{Diagnostic, Scenario, ScenarioError};
use causeway_sim::shrink::{REPLAYS_MAX, Signature, findings};
use causeway_sim::units::{MS, SECOND};
use causeway_sim::verdict::{Exit, SeedRun, Verdict};

use super::ci::Outlets;
use super::clock::Stopwatch;
use super::engine::Chosen;
use super::load::Loaded;
use super::output::Told;
use super::pages::{About, Pages};
use super::runner::{Guard, execute};
use super::search::Search;
use super::seeds::{SeedSet, choose};
use super::shrink::{Effort, Minimal, minimise};
use super::{Failure, RunArgs, engine, output};

/// Among so many seeds that did not fail, the one is looked for that is nearest to one that did.
const CANDIDATES: usize = 50;

pub(super) fn main(args: &RunArgs, engines: &[Engine]) -> Result<Exit, Failure> {
    let outlets = Outlets::of(args.junit.as_deref(), args.summary.as_deref());
    outlets.forget()?;
    let engine = &engine::choose(&args.engine, engines)?;
    let mut scenarios = args.scenarios.load()?;
    for loaded in &mut scenarios {
        loaded.leave_out(&args.without.without);
    }
    check_engine(&scenarios, engine.engine)?;
    let sets: Vec<SeedSet> = scenarios.iter().map(|loaded| seeds_of(args, loaded)).collect();
    check(&scenarios, &sets)?;
    let watch = Stopwatch::start();
    let shrink_ns = Cell::new(if args.no_shrink { 0 } else { args.shrink_budget });
    let search = Search { args, engine, watch };
    let jobs = Jobs { scenarios: &scenarios, sets: &sets, search, shrink_ns };
    let finished = if args.fail_fast { jobs.in_turn()? } else { jobs.one_by_one()? };
    if finished.len() > 1 {
        output::line("");
        output::overall(&finished);
        output::note(&format!("all of it took {}", time(watch.ms().max(1).saturating_mul(MS))));
    }
    outlets.tell(&finished)?;
    Ok(finished.iter().fold(Exit::Held, |exit, one| exit.worse(one.exit)))
}

/// A scenario may say which engines it is meant for.
fn check_engine(scenarios: &[Loaded], engine: Engine) -> Result<(), Failure> {
    let meant = |loaded: &&Loaded| {
        let engines = &loaded.scenario.engines;
        engines.is_empty() || engines.iter().any(|name| name == engine.name)
    };
    let Some(other) = scenarios.iter().find(|loaded| !meant(loaded)) else { return Ok(()) };
    let Scenario { file, engines, .. } = &other.scenario;
    Err(Failure::Usage(format!(
        "error: {file} is meant for the engine {} (`run.engines`), and this is `{}`",
        engines.join(" or "),
        engine.name
    )))
}

/// What a command has to do.
struct Jobs<'a> {
    scenarios: &'a [Loaded],
    sets: &'a [SeedSet],
    search: Search<'a>,
    /// What is left for making failures small, in nanoseconds: for all scenarios together.
    shrink_ns: Cell<u64>,
}

impl Jobs<'_> {
    /// All seeds of a scenario, its report, and the next scenario.
    fn one_by_one(&self) -> Result<Vec<Finished>, Failure> {
        let mut finished = Vec::new();
        for at in 0..self.scenarios.len() {
            let left = self.scenarios.len() - at;
            let budget = self.search.args.budget;
            let budget_ns = budget.map(|all| share(all, self.search.watch.ns(), left));
            separate(&finished);
            let ran = self.search.one(&self.scenarios[at], &self.sets[at], budget_ns)?;
            finished.push(self.conclude(at, ran)?);
        }
        Ok(finished)
    }

    /// The seeds of all scenarios in turn until one fails, then the reports. A scenario that had no
    /// turn before the failure has nothing to tell.
    fn in_turn(&self) -> Result<Vec<Finished>, Failure> {
        let (found, speed) = self.search.in_turn(self.scenarios, self.sets)?;
        let failed = found.iter().flatten().any(SeedRun::failed);
        let mut finished = Vec::new();
        for (at, runs) in found.into_iter().enumerate() {
            if !failed || !runs.is_empty() {
                separate(&finished);
                finished.push(self.conclude(at, (runs, speed))?);
            }
        }
        Ok(finished)
    }

    fn conclude(&self, at: usize, ran: (Vec<SeedRun>, Speed)) -> Result<Finished, Failure> {
        let (loaded, set) = (&self.scenarios[at], &self.sets[at]);
        let Search { args, engine, .. } = self.search;
        let folder = &folder_of(args.out.as_deref(), self.scenarios.len(), &loaded.scenario, set);
        let alone = self.scenarios.len() == 1;
        Job { args, engine, loaded, set, folder, alone, shrink_ns: &self.shrink_ns }.conclude(ran)
    }
}

fn separate(finished: &[Finished]) {
    if !finished.is_empty() {
        output::line("");
    }
}

/// When a scenario must stop starting seeds: those that are left share what is left of the time.
fn share(budget_ns: u64, now_ns: u64, scenarios_left: usize) -> u64 {
    let left = budget_ns.saturating_sub(now_ns) / (scenarios_left.max(1) as u64);
    now_ns.saturating_add(left).min(budget_ns)
}

fn seeds_of(args: &RunArgs, loaded: &Loaded) -> SeedSet {
    let asked = &args.seeds;
    choose(asked.seed, asked.seeds, args.shard, &loaded.scenario.seeds)
}

/// What can be wrong with scenarios that are well formed, said before anything is run: two of one
/// name would share a folder, and most of what only a plan can show, the first plan shows.
pub(super) fn check(scenarios: &[Loaded], sets: &[SeedSet]) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for (at, (loaded, set)) in scenarios.iter().zip(sets).enumerate() {
        let scenario = &loaded.scenario;
        let same = |other: &&Loaded| other.scenario.full_name() == scenario.full_name();
        if let Some(other) = scenarios[..at].iter().find(same) {
            let message =
                format!("`{}` is the name of {}, too", scenario.name, other.scenario.file);
            problems.push(Diagnostic::of_file(&scenario.file, message, None));
        }
        if let Some(&seed) = set.seeds.first()
            && let Err(error) = loaded.plan(seed)
        {
            problems.extend(error.problems);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Scenario(ScenarioError { problems })) }
}

/// One scenario of a command, when its seeds have been run.
struct Job<'a> {
    args: &'a RunArgs,
    engine: &'a Chosen,
    loaded: &'a Loaded,
    set: &'a SeedSet,
    folder: &'a Path,
    /// There is no other scenario: a run may be run once more to be shown.
    alone: bool,
    /// What is left for making failures small, in nanoseconds: for all scenarios together, too.
    shrink_ns: &'a Cell<u64>,
}

impl Job<'_> {
    fn conclude(&self, (runs, speed): (Vec<SeedRun>, Speed)) -> Result<Finished, Failure> {
        let scenario = &self.loaded.scenario;
        let folder = Folder::create(self.folder).map_err(|e| Failure::writing(self.folder, &e))?;
        let left_out = self.set.seeds.len() as u64 - runs.len() as u64;
        let mut verdict = Verdict::of(&runs, &self.loaded.goal_texts(), left_out);
        if !self.loaded.is_whole() {
            verdict.ask_for_nothing();
        }
        self.run_some_twice(&runs, &mut verdict)?;
        let mut pages = Pages::default();
        let kinds = self.leave_evidence(&folder, &runs, &mut verdict, &mut pages)?;
        let minimal = self.make_small(&folder, kinds, &mut verdict, &mut pages)?;
        let (name, params) = (scenario.full_name(), self.loaded.params());
        let parameters = parameters(scenario, &self.set.seeds);
        let server = self.engine.server.as_ref().map(Server::words);
        let report = Report {
            engine: self.engine.engine.name,
            server: server.as_deref(),
            scenario: &name,
            file: &scenario.file,
            params: &params,
            about: &scenario.about,
            seeds: &self.set.name,
            parameters: &parameters,
            runs: &runs,
            verdict: &verdict,
            exit: verdict.exit(),
            without: &self.loaded.left_out(),
            left_out_because: self.left_out_because(),
            speed,
        };
        folder
            .write_report(&report)
            .and_then(|()| folder.write_failing_seeds(&report, &program()))
            .map_err(|e| Failure::writing(self.folder, &e))?;
        self.write_page(&folder, &report, pages)?;
        tell(&report, &minimal, self.folder);
        let goal_lines = scenario.coverage.iter().map(|(_, line)| *line).collect();
        Ok(Finished::of(&report, &program(), goal_lines))
    }

    /// Why seeds were left out, if some were.
    const fn left_out_because(&self) -> &'static str {
        if self.args.fail_fast {
            "a seed had failed, or the time was up"
        } else {
            "the time was up"
        }
    }

    const fn guard(&self) -> Guard {
        Guard::of(self.args.max_steps, self.loaded)
    }

    /// Runs as many seeds twice as the scenario asks for.
    fn run_some_twice(&self, runs: &[SeedRun], verdict: &mut Verdict) -> Result<(), Failure> {
        let Some(every) = self.loaded.scenario.determinism_check else { return Ok(()) };
        if self.engine.engine.real {
            return Ok(());
        }
        // Failing seeds are run again anyway.
        for run in runs.iter().filter(|run| run.seed % every == 0 && !run.failed()) {
            self.again(run, verdict, |_| Ok(()))?;
        }
        Ok(())
    }

    /// Runs the first failing seeds once more for their plans and histories, which are too big to
    /// be kept for every seed; and the seed itself if there is only one. A run that comes out
    /// different the second time is not deterministic, which is graver than whatever it showed.
    fn leave_evidence(
        &self,
        folder: &Folder,
        runs: &[SeedRun],
        verdict: &mut Verdict,
        pages: &mut Pages,
    ) -> Result<Kinds, Failure> {
        let unwritable = |e| Failure::writing(folder.path(), &e);
        let mut kinds = Kinds::default();
        let failed = runs.iter().filter(|run| run.failed()).take(FAILURES_SHOWN);
        for run in failed {
            let before = verdict.harness_faults.len();
            self.again(run, verdict, |evidence| {
                kinds.add(evidence.run, evidence.history);
                folder.write_failure(evidence).map_err(unwritable)?;
                self.show(&folder.path().join("failures"), evidence, runs, pages)
            })?;
            if verdict.harness_faults.len() > before {
                // Not deterministic: nothing can be said about smaller plans.
                kinds.forget(run.seed);
            }
        }
        if let ([_], [run]) = (self.set.seeds.as_slice(), runs) {
            self.again(run, verdict, |evidence| {
                folder.write_only(evidence).map_err(unwritable)?;
                self.show(folder.path(), evidence, runs, pages)
            })?;
        } else if let ([first, ..], true, true) = (runs, pages.is_empty(), self.alone) {
            self.show_example(folder, first.seed, runs, pages)?;
        }
        Ok(kinds)
    }

    /// Looks for a smaller plan with the first failure of each kind. Each has its share of the
    /// time, and what one leaves is for the others.
    fn make_small(
        &self,
        folder: &Folder,
        kinds: Kinds,
        verdict: &mut Verdict,
        pages: &mut Pages,
    ) -> Result<Vec<Told>, Failure> {
        let mut minimal = Vec::new();
        let count = kinds.0.len();
        if self.engine.engine.name != PURE.name {
            if count > 0 && self.shrink_ns.get() > 0 {
                output::note(&format!(
                    "not shrinking: only the engine `{}` can, and this is `{}`",
                    PURE.name, self.engine.engine.name
                ));
            }
            return Ok(minimal);
        }
        for (at, (signature, seed)) in kinds.0.into_iter().enumerate() {
            let budget_ns = self.shrink_ns.get() / (count - at) as u64;
            if budget_ns == 0 {
                break;
            }
            output::note(&format!("shrinking seed {seed}: {signature}"));
            let plan = plan(&self.loaded.scenario, seed)
                .map_err(|error| Failure::Usage(error.to_string()))?;
            let watch = Stopwatch::start();
            let effort = Effort { guard: self.guard(), replays: REPLAYS_MAX, budget_ns, watch };
            match minimise(&plan, &signature, effort) {
                Ok(found) => {
                    let path = folder.of_minimal(seed);
                    found.write(&path)?;
                    self.show_minimal(&path, &found, pages)?;
                    minimal.push(Told { seed, lines: found.lines(&path) });
                }
                // The report is still wanted.
                Err(failure) => verdict.harness_faults.push((seed, failure.to_string())),
            }
            let spent = watch.ms().saturating_mul(MS);
            self.shrink_ns.set(self.shrink_ns.get().saturating_sub(spent));
        }
        Ok(minimal)
    }

    /// Takes a run into the page. Its history is in `folder`.
    fn show(
        &self,
        folder: &Path,
        it: Evidence<'_>,
        runs: &[SeedRun],
        pages: &mut Pages,
    ) -> Result<(), Failure> {
        if !pages.wants(it.run) {
            return Ok(());
        }
        let (program, seed) = (program(), it.run.seed);
        let replay = self.loaded.replay_command(self.engine, seed);
        let difference = self.nearest(it, runs)?;
        let mut commands = Commands::of_run(&program, replay, folder, seed);
        if it.run.failed() {
            let plan = folder.join(format!("seed-{seed}.plan")).display().to_string();
            commands.minimise = report::shrink_command(&program, &plan);
        }
        let goals = self.loaded.goal_texts();
        let about = &self.loaded.scenario.about;
        let server = self.engine.server.as_ref().map(Server::words);
        let difference = difference.as_ref();
        let about = About { about, server: server.as_deref(), goals: &goals, difference };
        pages.run(folder, about, it, &commands)
    }

    /// Nothing failed: a run is there to be looked at all the same, if it can be had again.
    fn show_example(
        &self,
        folder: &Folder,
        seed: u64,
        runs: &[SeedRun],
        pages: &mut Pages,
    ) -> Result<(), Failure> {
        if self.engine.engine.real {
            return Ok(());
        }
        let plan = self.loaded.plan(seed).map_err(Failure::Scenario)?;
        let (run, outcome) = execute(self.engine, &plan, &self.loaded.goals, self.guard());
        let plan = plan.write();
        let evidence = Evidence { run: &run, plan: &plan, history: &outcome.history };
        self.show(folder.path(), evidence, runs, pages)
    }

    /// How a run that failed differs from the nearest that did not, if there is one and it can be had
    /// again.
    fn nearest(&self, it: Evidence<'_>, runs: &[SeedRun]) -> Result<Option<Difference>, Failure> {
        if !it.run.failed() || self.engine.engine.real {
            return Ok(None);
        }
        let plan = |seed| self.loaded.plan(seed).map_err(Failure::Scenario);
        let failed = plan(it.run.seed)?;
        let mut nearest = None;
        for run in runs.iter().filter(|run| !run.failed()).take(CANDIDATES) {
            let candidate = plan(run.seed)?;
            let distance = distance(&failed, &candidate);
            if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
                nearest = Some((distance, candidate));
            }
        }
        let Some((_, candidate)) = nearest else { return Ok(None) };
        let (run, outcome) = execute(self.engine, &candidate, &self.loaded.goals, self.guard());
        let there = (&run, &outcome.history);
        let replay = self.loaded.replay_command(self.engine, run.seed);
        Ok(Some(Difference::between((it.run, it.history), there, replay)))
    }

    /// Takes a minimised run into the page, if that run is there.
    fn show_minimal(&self, at: &Path, it: &Minimal, pages: &mut Pages) -> Result<(), Failure> {
        let (program, plan) = (program(), at.join("minimal.plan").display().to_string());
        let replay = report::replay_plan_command(&program, &plan);
        let commands = Commands { replay, ..Commands::default() };
        it.with_evidence(|evidence| pages.minimal(at, evidence, &commands))
    }

    /// Writes the page: of the batch, or of the only seed.
    fn write_page(
        &self,
        folder: &Folder,
        report: &Report<'_>,
        pages: Pages,
    ) -> Result<(), Failure> {
        if let ([only], false) = (self.set.seeds.as_slice(), pages.is_empty()) {
            return pages.write(folder, &format!("{}, seed {only}", report.scenario));
        }
        pages.write_batch(folder, report, &program())
    }

    fn again(
        &self,
        run: &SeedRun,
        verdict: &mut Verdict,
        write: impl FnOnce(Evidence<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let plan = self.loaded.plan(run.seed).map_err(Failure::Scenario)?;
        if self.engine.engine.real {
            // It cannot be had again; what it has shown was kept.
            return match &run.kept {
                Some(history) => write(Evidence { run, plan: &plan.write(), history }),
                None => Ok(()),
            };
        }
        let (again, outcome) = execute(self.engine, &plan, &self.loaded.goals, self.guard());
        if again.trace_hash != run.trace_hash {
            let what = format!(
                "the second run of this seed has the trace hash {}, the first had {}: use \
                    selfcheck",
                report::hex(again.trace_hash),
                report::hex(run.trace_hash)
            );
            verdict.harness_faults.push((run.seed, what));
        }
        write(Evidence { run: &again, plan: &plan.write(), history: &outcome.history })
    }
}

/// The kinds of failures, each with the first seed that shows it.
#[derive(Default)]
struct Kinds(Vec<(Signature, u64)>);

impl Kinds {
    fn add(&mut self, run: &SeedRun, history: &History) {
        let Some(first) = findings(run, history).into_iter().next() else { return };
        if !self.0.iter().any(|(known, _)| *known == first.signature) {
            self.0.push((first.signature, run.seed));
        }
    }

    fn forget(&mut self, seed: u64) {
        self.0.retain(|(_, of)| *of != seed);
    }
}

/// Prints the failures, the verdict, the sums and the folder.
fn tell(report: &Report<'_>, minimal: &[Told], folder: &Path) {
    output::failures(report, minimal, &program());
    for (seed, what) in &report.verdict.harness_faults {
        output::line(&format!("HARNESS FAULT seed {seed}: {what}"));
    }
    output::line(&format!("{} (seeds {})", report.scenario, report.seeds));
    output::verdict(report.verdict);
    output::sums(report);
    output::line(&format!("report: {}", folder.display()));
}

/// The program as it was called, so that its commands can be pasted.
pub(super) fn program() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| {
        // An operating system may start a program without telling it its name.
        "causeway-sim".to_owned()
    })
}

fn folder_of(out: Option<&Path>, scenarios: usize, scenario: &Scenario, set: &SeedSet) -> PathBuf {
    let own = format!("{}-{}", plain(&scenario.full_name()), set.name);
    match out {
        None => Path::new("out").join(own),
        Some(out) if scenarios == 1 => out.to_owned(),
        Some(out) => out.join(own),
    }
}

/// A scenario's name may be any text; a folder's may not.
pub(super) fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().map(plain).collect()
}

/// What a reader of the report wants to know about the first seed's plan.
fn parameters(scenario: &Scenario, seeds: &[u64]) -> Vec<String> {
    let Some(plan) = seeds.first().and_then(|&seed| plan(scenario, seed).ok()) else {
        return Vec::new();
    };
    let Plan { nodes, regions, clients, faults, bounds, .. } = &plan;
    let seconds = |ns: u64| format!("{}.{:03} s", ns / SECOND, ns % SECOND / 1_000_000);
    vec![
        format!(
            "the first seed has {} regions, {} nodes, {} clients and {} faults",
            regions.len(),
            nodes.len(),
            clients.len(),
            faults.len()
        ),
        format!("its longest round trip is {}", seconds(bounds.rtt_max_ns)),
        format!("its interest spreads within {}", seconds(bounds.interest_ns)),
        format!("its routes are back within {}", seconds(bounds.routes_ns)),
        format!("its clients are back within {}", seconds(bounds.clients_ns)),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU64, Ordering};

    use causeway_sim::run::{RunOptions, RunOutcome, run};
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    static RUNS: AtomicU64 = AtomicU64::new(0);

    /// Its noise depends on what was run before: what no engine may do.
    fn with_memory(plan: &Plan, options: RunOptions<'_>) -> RunOutcome {
        let before = RUNS.fetch_add(1, Ordering::Relaxed);
        run(&Plan { seed: plan.seed + (before << 32), ..plan.clone() }, options)
    }

    /// Runs the seeds 0 to 3 of a scenario: the exit code, and the summary of the report.
    fn four_seeds(engine: &str, every: &str) -> (Exit, String) {
        let place = std::env::temp_dir()
            .join(format!("causeway-sim-twice-{engine}-{every}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let text = format!(
            "schema = 1\nname = \"twice\"\n[run]\nduration = \"1s\"\n\
             determinism_check = {every}\n[link.l]\nlatency = \"1ms\"\njitter = \"1ms\"\n\
             [region.a]\nnodes = 2\nlink = \"l\"\n[[client]]\nid = \"c\"\nat = \"all\"\n\
             role = \"publish\"\nsubject = \"s\"\n"
        );
        let file = place.join("twice.toml");
        fs::write(&file, text).unwrap();
        let (file, out) = (file.display().to_string(), place.join("out").display().to_string());
        let words =
            ["causeway-sim", "run", &file, "--engine", engine, "--seeds", "0..4", "--out", &out];
        let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("it is `run`");
        };
        let engines =
            [Engine { name: "forgetful", ready: || Ok(()), run: with_memory, real: false }];
        let exit = main(&args, &engines).unwrap_or_else(|failure| panic!("{failure}"));
        let summary = fs::read_to_string(place.join("out/summary.json")).unwrap();
        fs::remove_dir_all(&place).unwrap();
        (exit, summary)
    }

    #[test]
    fn each_so_many_th_seed_is_run_twice_and_must_come_out_the_same() {
        let (exit, summary) = four_seeds("pure", "1");
        assert!(exit != Exit::Harness && !summary.contains("second run"), "{summary}");
        let (exit, summary) = four_seeds("forgetful", "2");
        assert_eq!(exit, Exit::Harness);
        assert_eq!(summary.matches("the second run of this seed").count(), 2, "{summary}");
        let (exit, summary) = four_seeds("forgetful", "1");
        assert_eq!(exit, Exit::Harness);
        assert_eq!(summary.matches("the second run of this seed").count(), 4, "{summary}");
        // Nobody looks.
        let (exit, _) = four_seeds("forgetful", "100");
        assert_eq!(exit, Exit::Harness, "seed 0 is always one of them");
    }
}
