//! `causeway-sim fidelity`: the same plans on several engines, which must make the same of them.

use std::fs;
use std::path::{Path, PathBuf};

use causeway_sim::fidelity::{Abstract, Fidelity, Intent, Patience, Row, compare, unfit};
use causeway_sim::history::History;
use causeway_sim::plan::Plan;
use causeway_sim::run::{Engine, RunEnd, RunOutcome};
use causeway_sim::verdict::{Exit, SeedRun};

use super::engine::Chosen;
use super::progress::Progress;
use super::runner::{Guard, patiently};
use super::seeds::choose;
use super::{EngineArgs, Failure, FidelityArgs, STEPS_MAX, engine, load, output, run, shrink};

pub(super) fn main(args: &FidelityArgs, built_in: &[Engine]) -> Result<Exit, Failure> {
    let engines = engines(args, built_in)?;
    let plans = plans(args)?;
    let names: Vec<String> = engines.iter().map(|one| one.engine.name.to_owned()).collect();
    let mut progress = Progress::new("fidelity", plans.len() as u64);
    let mut rows = Vec::new();
    for Named { name, plan } in &plans {
        let tried = Trial { name, plan, engines: &engines, names: &names }.run();
        progress.step(tried.row.lines().next().is_some());
        if !tried.row.disagreements.is_empty() {
            tried.leave(&args.out, name, plan)?;
        }
        rows.push(tried.row);
    }
    progress.finish();
    let all = Fidelity::new(names, rows);
    output::text(&all.table());
    for line in all.plans.iter().flat_map(Row::lines) {
        output::line(&line);
    }
    output::line(&all.sum());
    write(&args.out, &all)?;
    output::line(&format!("report: {}", args.out.join("fidelity.md").display()));
    Ok(all.exit())
}

/// All engines that this program has, or those that were named.
fn engines(args: &FidelityArgs, built_in: &[Engine]) -> Result<Vec<Chosen>, Failure> {
    let names = if args.engines.is_empty() {
        engine::names(built_in)
    } else {
        args.engines.iter().map(String::as_str).collect()
    };
    let one = |name: &str| {
        let server = args.server.clone().filter(|_| engine::is_real(name));
        engine::choose(&EngineArgs { engine: name.to_owned(), server }, built_in)
    };
    let engines: Vec<Chosen> = names.into_iter().map(one).collect::<Result<_, _>>()?;
    if engines.len() < 2 {
        let what = "error: one engine agrees with itself\n  help: name two, such as --engines \
                    pure,process";
        return Err(Failure::Usage(what.to_owned()));
    }
    Ok(engines)
}

/// A plan with what it is called.
struct Named {
    name: String,
    plan: Plan,
}

/// The plans of all scenarios with all seeds, and those that are there as files.
fn plans(args: &FidelityArgs) -> Result<Vec<Named>, Failure> {
    let (ready, scenarios): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.files.iter().partition(|path| is_plan_file(path));
    let scenarios: Vec<PathBuf> = scenarios.into_iter().cloned().collect();
    let mut plans = Vec::new();
    for loaded in load::scenarios(&scenarios, &[], &args.params.params)? {
        let first = loaded.scenario.seeds.first().copied().unwrap_or(0);
        let set = choose(args.seeds.seed, args.seeds.seeds, None, &[first]);
        for &seed in &set.seeds {
            let plan = loaded.plan(seed).map_err(Failure::Scenario)?;
            plans.push(Named { name: format!("{} {seed}", loaded.scenario.full_name()), plan });
        }
    }
    let mut ready: Vec<PathBuf> = ready.into_iter().cloned().collect();
    for folder in scenarios.iter().filter(|path| path.is_dir()) {
        ready.extend(plans_in(folder)?);
    }
    for path in ready {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        plans.push(Named { name: name.unwrap_or_default(), plan: shrink::read(&path)? });
    }
    Ok(plans)
}

fn is_plan_file(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "plan")
}

/// The plans of a folder that are there as files, in order of name.
fn plans_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable =
        |error| Failure::Usage(format!("error: cannot read {}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(unreadable)?;
    paths.retain(|path| is_plan_file(path));
    paths.sort();
    Ok(paths)
}

/// A plan on its way through the engines.
struct Trial<'t> {
    name: &'t str,
    plan: &'t Plan,
    engines: &'t [Chosen],
    names: &'t [String],
}

/// What it has come to.
struct Tried {
    row: Row,
    histories: Vec<History>,
}

impl Trial<'_> {
    fn run(&self) -> Tried {
        let row = Row { name: self.name.to_owned(), ..Row::default() };
        let mut tried = Tried { row, histories: Vec::new() };
        tried.row.gaps.extend(unfit(self.plan));
        if !tried.row.gaps.is_empty() {
            return tried;
        }
        let mut broke = Vec::new();
        for engine in self.engines {
            let guard = Guard { steps_max: STEPS_MAX };
            let (run, outcome) = patiently(engine, self.plan, &[], guard);
            tried.take_notice(engine.engine.name, &run, &outcome);
            broke.push(broken(&run));
            tried.histories.push(outcome.history);
        }
        if tried.row.gaps.is_empty() && tried.row.faults.is_empty() {
            self.compare(&mut tried, &broke);
        }
        tried
    }

    fn compare(&self, tried: &mut Tried, broke: &[String]) {
        let intent = Intent::of(self.plan);
        let abstracts = tried.histories.iter().map(|history| Abstract::of(&intent, history));
        let abstracts: Vec<Abstract> = match abstracts.collect() {
            Ok(all) => all,
            Err(why) => {
                tried.row.faults.push(why);
                return;
            }
        };
        let patience = Patience::of(tried.histories.iter().map(|one| &one.header.bounds));
        let verdict = compare(&intent, patience, &abstracts);
        tried.row = Row::of(self.name.to_owned(), self.plan, self.names, &verdict);
        if broke.iter().any(|one| *one != broke[0]) {
            let said = self.names.iter().zip(broke).map(|(name, one)| format!("{name} {one}"));
            let said = said.collect::<Vec<_>>().join(", ");
            tried.row.disagreements.push(format!("guarantees that broke: {said}"));
        }
    }
}

/// The guarantees that the plan asks for and that broke, in words.
fn broken(run: &SeedRun) -> String {
    let broken = run.judged.iter().filter(|judged| judged.required && judged.findings.broken > 0);
    let names: Vec<&str> = broken.map(|judged| judged.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" and ") }
}

impl Tried {
    /// What an engine could not do, and what went wrong with it.
    fn take_notice(&mut self, engine: &str, run: &SeedRun, outcome: &RunOutcome) {
        let of = |text: &String| format!("{engine}: {text}");
        self.row.gaps.extend(outcome.gaps.iter().map(of));
        if let RunEnd::TooSlow { message } = &outcome.end {
            self.row.gaps.push(of(message));
        }
        if let RunEnd::Panicked { message } | RunEnd::Stuck { message } = &outcome.end {
            self.row.faults.push(of(message));
        } else if let Some(fault) = run.harness_fault() {
            self.row.faults.push(of(&fault));
        }
    }

    /// Writes down what there is to look at: the plan, and what was observed in each engine.
    fn leave(&self, out: &Path, name: &str, plan: &Plan) -> Result<(), Failure> {
        let folder = out.join(run::plain(name));
        let unwritable = |error| Failure::writing(&folder, &error);
        fs::create_dir_all(&folder).map_err(unwritable)?;
        fs::write(folder.join("run.plan"), plan.write()).map_err(unwritable)?;
        for history in &self.histories {
            let path = folder.join(format!("{}.history.jsonl", history.header.engine));
            let file = fs::File::create(path).map_err(unwritable)?;
            history.write_to(&mut std::io::BufWriter::new(file)).map_err(unwritable)?;
        }
        Ok(())
    }
}

fn write(out: &Path, all: &Fidelity) -> Result<(), Failure> {
    let json = all.json().map_err(|error| Failure::Harness(format!("error: {error}")))?;
    fs::create_dir_all(out).map_err(|error| Failure::writing(out, &error))?;
    for (name, text) in [("fidelity.md", all.markdown()), ("fidelity.json", json)] {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| Failure::writing(&path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use causeway_sim::history::Kind;
    use causeway_sim::run::{PURE, RunOptions};

    use super::super::ParamArgs;
    use super::super::SeedArgs;
    use super::super::seeds::Seeds;
    use super::*;

    const SCENARIO: &str = r#"
schema = 1
name = "small"
[run]
duration = "4s"
[link.lan]
latency = "1ms"
[region.a]
nodes = 2
link = "lan"
[[client]]
id = "talk"
at = "all"
role = "publish"
subject = "a"
rate = 10
[[client]]
id = "hear"
at = "all"
role = "subscribe"
subject = "a"
[guarantee.once]
kind = "no_duplicates"
"#;

    /// An engine in which nobody hears the 30th message.
    fn deaf(plan: &Plan, options: RunOptions<'_>) -> RunOutcome {
        let mut outcome = (PURE.run)(plan, options);
        outcome.history.events.retain(
            |event| !matches!(event.kind, Kind::Delivered { msg: Some(msg), .. } if msg.seq == 30),
        );
        outcome
    }

    /// One that cannot do all of the plan.
    fn lame(plan: &Plan, options: RunOptions<'_>) -> RunOutcome {
        let mut outcome = (PURE.run)(plan, options);
        outcome.gaps.push("the fault `flood`".to_owned());
        outcome
    }

    const ENGINES: [Engine; 3] = [
        Engine { name: "twin", ..PURE },
        Engine { name: "deaf", run: deaf, ..PURE },
        Engine { name: "lame", run: lame, ..PURE },
    ];

    /// The command on two seeds, in a folder of its own.
    fn command(engines: &[&str]) -> (tempfile::TempDir, Result<Exit, Failure>) {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("small.toml");
        fs::write(&file, SCENARIO).unwrap();
        let args = FidelityArgs {
            files: vec![file],
            params: ParamArgs { params: Vec::new() },
            seeds: SeedArgs { seed: None, seeds: Some("0..2".parse::<Seeds>().unwrap()) },
            engines: engines.iter().map(|&name| name.to_owned()).collect(),
            server: None,
            out: place.path().join("out"),
        };
        let done = main(&args, &ENGINES);
        (place, done)
    }

    fn report(place: &tempfile::TempDir) -> String {
        fs::read_to_string(place.path().join("out/fidelity.md")).unwrap()
    }

    #[test]
    fn engines_that_make_the_same_of_plans_agree() {
        let (place, done) = command(&["pure", "twin"]);
        assert_eq!(done.unwrap(), Exit::Held);
        assert!(
            report(&place).contains("2 of 2 plans agree on pure, twin: "),
            "{}",
            report(&place)
        );
    }

    #[test]
    fn one_that_loses_a_message_is_found_out_and_leaves_what_it_saw() {
        let (place, done) = command(&["pure", "twin", "deaf"]);
        assert_eq!(done.unwrap(), Exit::Broken);
        let line = "* disagreement: small 1: subscription 2 of hear/1 got message 30 of talk/1: pure \
                    once, twin once, deaf never";
        assert!(report(&place).contains(line), "{}", report(&place));
        for file in ["run.plan", "pure.history.jsonl"] {
            assert!(place.path().join("out/small-1").join(file).is_file(), "{file}");
        }
        let plan = shrink::read(&place.path().join("out/small-1/run.plan")).unwrap();
        assert_eq!((plan.scenario.as_str(), plan.seed), ("small", 1));
    }

    #[test]
    fn what_an_engine_cannot_do_shows_nothing() {
        let (place, done) = command(&["pure", "lame"]);
        assert_eq!(done.unwrap(), Exit::Inconclusive);
        assert!(report(&place).contains("* inconclusive: small 0: lame: the fault `flood`"));
    }

    #[test]
    fn one_engine_is_too_few() {
        let (_place, done) = command(&["pure"]);
        let Err(Failure::Usage(text)) = done else { panic!("{done:?}") };
        assert!(text.contains("one engine agrees with itself"), "{text}");
    }
}
