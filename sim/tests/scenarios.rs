//! The committed scenarios: all are well formed, expand for any seed, and run the same way twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use causeway_sim::guarantee;
use causeway_sim::history::History;
use causeway_sim::plan::{Plan, plan};
use causeway_sim::run::{RunEnd, RunOptions, RunOutcome, run};
use causeway_sim::scenario::{Given, Scenario};

fn scenarios() -> BTreeMap<String, Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let kinds = guarantee::kinds();
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let file = path.display().to_string();
            let text = fs::read_to_string(&path).expect("a text");
            let read = |path: &Path| fs::read_to_string(path).map_err(|error| error.to_string());
            let given = Given { params: &[], read: &read };
            let scenario = Scenario::parse_with(&file, &text, &kinds, &given);
            let scenario = scenario.unwrap_or_else(|e| panic!("{e}"));
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            assert_eq!(Some(&scenario.name), stem.as_ref(), "a file has its scenario's name");
            all.insert(scenario.name.clone(), scenario);
        }
    }
    all
}

#[test]
fn every_scenario_says_what_it_is_about_and_what_must_hold() {
    let all = scenarios();
    for name in [
        "bridge-and-ring",
        "gossip-mesh-closes",
        "half-dead-connections",
        "load-3x3",
        "queue-across-regions",
        "reconnect-storm",
        "slow-consumer",
        "stale-addresses",
        "two-clusters",
        "two-region-heal",
    ] {
        assert!(all.contains_key(name), "{name}");
    }
    for scenario in all.values() {
        assert!(scenario.about.len() > 20, "{}", scenario.name);
        assert!(!scenario.guarantees.is_empty() && !scenario.seeds.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn every_scenario_expands_for_any_seed_and_its_plan_is_its_text() {
    for scenario in scenarios().values() {
        for seed in [0, 1, 7, 1_000_003, u64::MAX] {
            let made = plan(scenario, seed).unwrap_or_else(|error| panic!("{error}"));
            let text = made.write();
            let again = Plan::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", scenario.name));
            assert!(again.write() == text, "{} with seed {seed}", scenario.name);
        }
    }
}

#[test]
fn every_scenario_runs_to_its_end_and_the_same_way_twice() {
    let mut golden = String::new();
    for scenario in scenarios().values() {
        let plan = plan(scenario, 3).unwrap_or_else(|error| panic!("{error}"));
        // Once as made, once from its text.
        let text = Plan::parse(&plan.write()).unwrap_or_else(|error| panic!("{error}"));
        let one = run(&plan, RunOptions::default());
        let two = run(&text, RunOptions::default());
        assert_eq!(one.end, RunEnd::Complete, "{}", scenario.name);
        assert_eq!(one.trace_hash, two.trace_hash, "{}", scenario.name);
        assert_eq!((one.steps, one.broker_events), (two.steps, two.broker_events));
        assert!(one.broker_events > 1_000, "{} does something", scenario.name);
        golden.push_str(&golden_line(&scenario.name, &one));
    }
    insta::assert_snapshot!("trace_hashes_of_seed_3", golden);
}

/// What a run must be for ever, until somebody changes on purpose what it does.
fn golden_line(name: &str, outcome: &RunOutcome) -> String {
    format!("{:016x} {:>8} steps  {name}\n", outcome.trace_hash, outcome.steps)
}

/// What a history shows, in words that do not depend on how it is held in memory.
fn shown(history: &History) -> Vec<String> {
    let judged = guarantee::judge(history).unwrap_or_else(|error| panic!("{error}"));
    let words = |one: guarantee::Judged| {
        format!("{} {} {:?} {:?}", one.name, one.required, one.bound_ns, one.findings)
    };
    judged.into_iter().map(words).collect()
}

#[test]
fn a_history_alone_shows_all_that_the_run_has_shown() {
    for scenario in scenarios().values() {
        for seed in [5, 11] {
            let plan = plan(scenario, seed).unwrap_or_else(|error| panic!("{error}"));
            let history = run(&plan, RunOptions::default()).history;
            let mut text = Vec::new();
            history.write_to(&mut text).expect("memory takes everything");
            let again = History::read_from(&text[..]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(shown(&history), shown(&again), "{} with seed {seed}", scenario.name);
        }
    }
}

#[test]
fn a_damaged_history_is_refused_with_its_line() {
    let all = scenarios();
    let plan = plan(&all["gossip-mesh-closes"], 1).unwrap_or_else(|error| panic!("{error}"));
    let history = run(&plan, RunOptions::default()).history;
    let mut text = Vec::new();
    history.write_to(&mut text).expect("memory takes everything");
    let text = String::from_utf8(text).expect("a text");
    let lines: Vec<&str> = text.lines().collect();
    for at in (1..lines.len() - 1).step_by(997) {
        let line = format!("line {}: ", at + 1);
        let with = |here: &[&str]| [&lines[..at], here, &lines[at + 1..]].concat().join("\n");
        let cut = &lines[at][..lines[at].len() / 2];
        let other = lines[at].replacen("\"k\":\"", "\"k\":\"x", 1);
        let damages = [with(&[]), with(&[cut]), with(&[&other]), with(&[lines[at], lines[at]])];
        for (damage, text) in damages.iter().enumerate() {
            let error = History::read_from(text.as_bytes()).expect_err("it is damaged").to_string();
            // What is there twice shows at the second.
            let place = if damage == 3 { format!("line {}: ", at + 2) } else { line.clone() };
            assert!(error.starts_with(&place), "{error}, and it was {place}");
        }
    }
}

#[test]
fn every_plan_of_a_fixed_bug_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/regressions");
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are plans");
    let mut golden = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        let plan = Plan::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let outcome = run(&plan, RunOptions::default());
        assert_eq!(outcome.end, RunEnd::Complete, "{}", path.display());
        let judged = guarantee::judge(&outcome.history).expect("the history is well formed");
        for one in judged {
            assert_eq!(one.findings.broken, 0, "{}: {}", path.display(), one.name);
            let vacuous = one.required && one.findings.checked == 0;
            assert!(!vacuous, "{}: {} was never checked", path.display(), one.name);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        golden.push_str(&golden_line(&name.unwrap_or_default(), &outcome));
    }
    insta::assert_snapshot!("trace_hashes_of_regressions", golden);
}
