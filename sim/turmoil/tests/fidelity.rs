//! What the engine makes of plans is what the pure engine makes of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use causeway_sim::fidelity::{Abstract, Intent, Patience, Verdict, compare};
use causeway_sim::guarantee::kinds;
use causeway_sim::plan::{Plan, plan};
use causeway_sim::run::{PURE, RunEnd, RunOptions};
use causeway_sim::scenario::Scenario;
use causeway_sim_turmoil::ENGINE;

fn both(plan: &Plan) -> Verdict {
    let outcomes = [PURE, ENGINE].map(|engine| (engine.run)(plan, RunOptions::default()));
    for outcome in &outcomes {
        assert_eq!(outcome.end, RunEnd::Complete);
        assert!(outcome.gaps.is_empty(), "{:?}", outcome.gaps);
    }
    let intent = Intent::of(plan);
    let abstracts = outcomes.each_ref().map(|one| Abstract::of(&intent, &one.history).unwrap());
    let patience = Patience::of(outcomes.iter().map(|one| &one.history.header.bounds));
    compare(&intent, patience, &abstracts)
}

fn agree(name: &str, plan: &Plan) {
    let verdict = both(plan);
    let engines = [PURE.name.to_owned(), ENGINE.name.to_owned()];
    let words = verdict.disagreements.iter().map(|one| one.words(plan, &engines));
    assert_eq!(words.collect::<Vec<_>>(), Vec::<String>::new(), "{name}");
    // Most of what is sent must not be left to timing, or the comparison is worth nothing.
    let compared = &verdict.compared;
    assert!(
        compared.settled > 50 && compared.settled > compared.open() / 2,
        "{name}: {compared:?}"
    );
}

fn files(ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/fidelity");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == ending));
    paths.sort();
    assert!(!paths.is_empty(), "there are files");
    paths
}

#[test]
fn they_agree_about_every_plan_that_they_once_did_not_agree_about() {
    for path in files("plan") {
        let plan = Plan::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        agree(&path.display().to_string(), &plan);
    }
}

#[test]
fn they_agree_about_the_scenarios_that_are_there_for_that() {
    for path in files("toml") {
        let (name, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
        let scenario = Scenario::parse(&name, &text, &kinds()).unwrap_or_else(|e| panic!("{e}"));
        for seed in 3..6 {
            let plan = plan(&scenario, seed).unwrap_or_else(|e| panic!("{e}"));
            agree(&name, &plan);
        }
    }
}
