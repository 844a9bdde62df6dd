//! How `run` goes through seeds and scenarios: `--fail-fast` and `--without`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;

use self::kit::{Place, SCENARIO};

mod kit;

/// The small scenario under another name, with a guarantee that no broker can give: what is sent into
/// a black hole is lost, and nothing may be.
fn impossible(name: &str) -> String {
    let text = SCENARIO.replace("name = \"small\"", &format!("name = \"{name}\""));
    let text = text.replace("kind = \"partition\"", "kind = \"blackhole\"");
    let text = text.replace("\"fault:partition\", ", "");
    text.replace("kind = \"no_duplicates\"", "kind = \"delivery_ratio\"\nmin = 1.0")
}

fn summary(place: &Place, folder: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{folder}/summary.json"))).unwrap()
}

#[test]
fn fail_fast_takes_scenarios_in_turn_and_ends_at_the_first_failure() {
    let place = Place::new("fail-fast");
    place.file("a.toml", SCENARIO.replace("name = \"small\"", "name = \"a\""));
    place.file("b.toml", impossible("b"));
    place.file("c.toml", impossible("c"));
    for jobs in ["1", "3"] {
        let run = ["run", "a.toml", "b.toml", "c.toml", "--fail-fast", "--no-shrink"];
        let ran = place.run(&[&run[..], &["--jobs", jobs, "--out", "o"]].concat()).ends(1);
        let (a, b) = (summary(&place, "o/a-0..3"), summary(&place, "o/b-0..3"));
        assert_eq!((&a["seeds"]["run"], &b["seeds"]["run"]), (&1.into(), &1.into()), "{jobs} jobs");
        assert_eq!(b["seeds"]["failed"], serde_json::json!([0]));
        ran.says("2 seeds left out, because a seed had failed, or the time was up")
            .says("OVERALL 2 scenarios: 1 held, 1 broken")
            .says("replay b.toml --seed 0");
        // It had no turn.
        assert_eq!(place.names("o"), ["a-0..3", "b-0..3"]);
    }
}

#[test]
fn fail_fast_runs_everything_if_nothing_fails() {
    let place = Place::new("fail-fast-held");
    place.file("small.toml", SCENARIO);
    place.file("other.toml", SCENARIO.replace("name = \"small\"", "name = \"other\""));
    place
        .run(&["run", "small.toml", "other.toml", "--fail-fast", "--out", "o"])
        .ends(0)
        .says("OVERALL 2 scenarios: all held")
        .says("6 seeds, 0 failed");
}

#[test]
fn families_of_faults_are_taken_out_and_nothing_is_missed() {
    let place = Place::new("without");
    place.file("small.toml", SCENARIO);
    let run = ["run", "small.toml", "--seed", "0", "--without", "partition,crash", "--out", "o"];
    let ran = place.run(&run).ends(0);
    assert!(!ran.out.contains("fault:partition"), "{}", ran.out);
    let plan = place.read("o/seed-0.plan");
    assert!(plan.contains(" connect\n") && !plan.contains(" fault "), "{plan}");
    place.run(&["run", "small.toml", "--seed", "0", "--without", "degrade", "--out", "p"]).ends(0);
    assert!(place.read("p/seed-0.plan").contains(" fault 0 partition "));
}

#[test]
fn a_failure_without_a_family_is_replayed_without_it() {
    let place = Place::new("without-replay");
    place.file("b.toml", impossible("b"));
    let ran = place.run(&["run", "b.toml", "--seed", "1", "--without", "degrade"]).ends(1);
    let replay = ran.after("replay:");
    assert!(replay.ends_with("replay b.toml --seed 1 --without degrade"), "{replay}");
    let hash = ran.after("trace hash:");
    place.run(&["replay", "b.toml", "--seed", "1", "--without", "degrade"]).ends(1).says(hash);
    place.run(&["replay", "b.toml", "--seed", "1", "--without", "partition"]).ends(0);
}

#[test]
fn unknown_families_are_explained() {
    let place = Place::new("without-wrong");
    place.file("small.toml", SCENARIO);
    for (family, says) in [
        ("partitions", "there is no family `partitions`: did you mean `partition`?"),
        ("slow_cpu", "`slow_cpu` is a fault of the family `pause`"),
    ] {
        place.run(&["run", "small.toml", "--without", family]).ends(2).complains(says);
    }
    place.run(&["run", "small.toml", "--seed", "0", "--out", "o"]).ends(0);
    place
        .run(&["replay", "o/seed-0.plan", "--without", "crash"])
        .ends(2)
        .complains("is a plan, which has its faults in it: leave --without out");
}
