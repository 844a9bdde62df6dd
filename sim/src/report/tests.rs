use std::path::PathBuf;

use super::*;
use crate::guarantee::testkit::{EAST_1, Script};
use crate::verdict::tests::seed_run;

fn with_report<T>(runs: &[SeedRun], look: impl FnOnce(&Report<'_>) -> T) -> T {
    let verdict = Verdict::of(runs, &["delivered"], 2);
    look(&Report {
        engine: "pure",
        server: None,
        scenario: "by-hand",
        file: "scenarios/by hand.toml",
        params: &[],
        about: "what happens | if\nnothing does",
        seeds: "0..4",
        parameters: &["2 regions".to_owned()],
        runs,
        verdict: &verdict,
        exit: verdict.exit(),
        without: "",
        left_out_because: "the time was up",
        speed: Speed { wall_ms: 50, jobs: 2 },
    })
}

fn runs() -> [SeedRun; 2] {
    [seed_run(0, 1, Some("no_duplicates")), seed_run(1, 2, Some("no_duplicates"))]
}

#[test]
fn the_page_for_people() {
    insta::assert_snapshot!(with_report(&runs(), markdown));
}

#[test]
fn the_file_for_machines() {
    let text = with_report(&runs(), |report| summary(report).unwrap());
    insta::assert_snapshot!(text);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], SCHEMA_NAME);
    assert!(value["speed"].as_object().unwrap().values().all(serde_json::Value::is_u64));
}

#[test]
fn every_verdict_has_its_sentence() {
    let held = seed_run(0, 1, None);
    let missing = seed_run(0, 1, Some("one_hop"));
    let stuck = SeedRun {
        end: crate::run::RunEnd::Stuck { message: "time stands still".to_owned() },
        ..held.clone()
    };
    let sets = [vec![held], runs().to_vec(), vec![missing], vec![stuck], Vec::new()];
    let sentences: Vec<String> = sets.iter().map(|runs| with_report(runs, headline)).collect();
    insta::assert_snapshot!(
        sentences.join("\n"),
        @r"
    5 guarantees held in 1 seed; 24 had nothing to be checked on.
    1 of 5 guarantees broke, in 1 of 2 seeds; 24 had nothing to be checked on.
    Only 1 seed could be run, too few to say.
    The harness itself failed, so the result says nothing about the broker.
    Only 0 seeds could be run, too few to say.
    "
    );
}

#[test]
fn speeds_are_whole_numbers_and_never_divide_by_zero() {
    let totals = Totals { broker_events: 3_000_000, sim_ns: 90 * SECOND, ..Totals::default() };
    let speed = Speed { wall_ms: 1_500, jobs: 1 };
    assert_eq!(speed.broker_events_per_s(&totals), 2_000_000);
    assert_eq!(speed.sim_seconds_per_s(&totals), 60);
    assert_eq!(Speed::default().broker_events_per_s(&totals), 3_000_000_000);
}

#[test]
fn the_digest_depends_on_every_seed_and_hash() {
    let runs = runs();
    let mut other = runs.clone();
    other[1].trace_hash ^= 1;
    assert_ne!(digest(&runs), digest(&other));
    assert_ne!(digest(&runs), digest(&runs[..1]));
    assert_eq!(digest(&runs), digest(&runs.clone()));
}

#[test]
fn commands_can_be_pasted_into_a_shell() {
    assert_eq!(
        replay_command("causeway-sim", "a/b-c.toml", &[], 7, "pure", ""),
        "causeway-sim replay a/b-c.toml --seed 7"
    );
    assert_eq!(
        replay_command(
            "causeway-sim",
            "it's here.toml",
            &[("gap".to_owned(), "1s".to_owned())],
            7,
            "turmoil",
            "crash,pause"
        ),
        "causeway-sim replay 'it'\\''s here.toml' --seed 7 --param gap=1s --engine turmoil --without crash,pause"
    );
}

#[test]
fn a_folder_is_written_and_written_again() {
    let path: PathBuf =
        std::env::temp_dir().join(format!("causeway-sim-folder-{}", std::process::id()));
    let mut s = Script::running();
    let client = s.client("both/1", EAST_1);
    s.sub(client, 1, "a", "");
    let msg = s.publish(client, "a");
    s.deliver(client, 1, msg);
    s.deliver(client, 1, msg);
    let files = |folder: &str| -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(path.join(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    for _ in 0..2 {
        let folder = Folder::create(&path).unwrap();
        std::fs::write(path.join("notes.txt"), "mine").unwrap();
        let run = &runs()[1];
        let evidence = Evidence { run, plan: "the plan\n", history: &s.history };
        folder.write_failure(evidence).unwrap();
        with_report(&runs(), |report| folder.write_report(report)).unwrap();
        assert_eq!(files(""), ["failures", "notes.txt", "report.md", "summary.json"]);
        assert_eq!(files("failures"), ["seed-1.history.jsonl", "seed-1.plan", "seed-1.story.md"]);
        let story = std::fs::read_to_string(path.join("failures/seed-1.story.md")).unwrap();
        insta::assert_snapshot!("story_of_a_failure", story);
        let history = std::fs::read(path.join("failures/seed-1.history.jsonl")).unwrap();
        let read = crate::history::History::read_from(history.as_slice()).unwrap();
        assert_eq!(read.events, s.history.events);
    }
    // The next report has no failures: nothing of this one may stay.
    Folder::create(&path).unwrap();
    assert_eq!(files(""), ["notes.txt"]);
    std::fs::remove_dir_all(&path).unwrap();
}
