//! What a run leaves behind for the service that started it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use quick_junit::{Report as Xml, TestCaseStatus};

use self::kit::{Place, SCENARIO};

mod kit;

/// The scenario with a guarantee more, which stands on line 60.
fn with_guarantee(name: &str, lines: &str) -> String {
    let renamed = SCENARIO.replace("\"small\"", &format!("\"{name}\""));
    format!("{renamed}\n[guarantee.more]\n{lines}\n")
}

/// Three scenarios: one holds, one breaks with every seed, and one asks for what never happens.
fn three(place: &Place) {
    fs::create_dir(place.0.join("all")).unwrap();
    place.file("all/a-held.toml", SCENARIO.replace("\"small\"", "\"a-held\""));
    let fast = "kind = \"quiet_delivery\"\nwithin = \"1ns\"";
    place.file("all/b-broken.toml", with_guarantee("b-broken", fast));
    place.file("all/c-amber.toml", with_guarantee("c-amber", "kind = \"auto_unsub_exact\""));
}

fn xml(place: &Place, name: &str) -> Xml {
    Xml::deserialize_from_str(&place.read(name)).unwrap()
}

#[test]
fn a_folder_of_scenarios_has_one_verdict_at_its_end_and_one_junit_file() {
    let place = Place::new("ci-folder");
    three(&place);
    let ran = place
        .run(&["run", "all", "--seeds", "0..2", "--jobs", "2", "--junit", "deep/out.xml"])
        .ends(1)
        .says("OVERALL 3 scenarios: 1 held, 1 broken, 1 not covered\n")
        .says("6 seeds, 2 failed; ")
        .says(" simulated; ")
        .says("6 of 6 coverage goals reached\n")
        .complains("all of it took ");
    let overall = ran.out.split("OVERALL").nth(1).unwrap();
    assert!(overall.contains(" replay all/b-broken.toml --seed 0   (trace hash "), "{overall}");
    assert!(!ran.out.contains("all of it took"), "real time is no result: {}", ran.out);

    let xml = xml(&place, "deep/out.xml");
    let suites: Vec<(&str, bool)> =
        xml.test_suites.iter().map(|s| (&*s.name, s.failures + s.errors == 0)).collect();
    assert_eq!(suites, [("a-held", true), ("b-broken", false), ("c-amber", false)]);
    let broken = xml.test_suites[1].test_cases.iter().find(|c| &*c.name == "more (quiet_delivery)");
    let TestCaseStatus::NonSuccess { message: Some(message), .. } = &broken.unwrap().status else {
        panic!("{broken:?}");
    };
    // The command in it, as it stands there, shows the failure again.
    let command = message.split("   (trace hash ").next().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let again = place.run(&words).ends(1);
    assert!(message.contains(again.after("trace hash:")), "{}", &**message);
}

#[test]
fn failing_seeds_are_left_as_commands_with_their_plans() {
    let place = Place::new("ci-failing");
    three(&place);
    place.run(&["run", "all/b-broken.toml", "--seeds", "3..5", "--out", "o"]).ends(1);
    let commands = place.read("o/failing-seeds.txt");
    let lines: Vec<&str> = commands.lines().collect();
    assert_eq!(lines.len(), 2, "{commands}");
    for (line, seed) in lines.iter().zip([3, 4]) {
        let command = format!(" replay all/b-broken.toml --seed {seed}  # trace hash ");
        assert!(line.contains(&command), "{line}");
        let plan = format!("o/failures/seed-{seed}.plan");
        let ran = place.run(&["replay", &plan]).ends(1);
        assert!(line.ends_with(ran.after("trace hash:")), "{line}");
    }
    // The next report in the same folder has nothing of it.
    place.run(&["run", "all/a-held.toml", "--seeds", "3..5", "--out", "o"]).ends(0);
    assert_eq!(place.names("o"), ["report.html", "report.md", "summary.json"]);
}

#[test]
fn what_was_never_checked_is_amber_everywhere_and_green_nowhere() {
    let place = Place::new("ci-amber");
    three(&place);
    let args = ["run", "all/c-amber.toml", "--seed", "1", "--out", "o", "--junit", "o.xml"];
    place
        .run_with(&[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "step.md")], &args)
        .ends(4)
        .says("NOT CHECKED  more")
        .says(
            "::error file=all/c-amber.toml,line=60,title=more (auto_unsub_exact) was never \
                checked::The scenario asks for it",
        );
    let xml = xml(&place, "o.xml");
    let mut seen = [0, 0];
    for case in &xml.test_suites[0].test_cases {
        match &case.status {
            TestCaseStatus::NonSuccess { .. } => {
                assert_eq!(&*case.name, "more (auto_unsub_exact)");
                seen[0] += 1;
            }
            TestCaseStatus::Skipped { message, .. } => {
                assert!(message.as_ref().unwrap().contains("never put to the test"));
                seen[1] += 1;
            }
            TestCaseStatus::Success { .. } => assert!(case.assertions != Some(0), "{case:?}"),
        }
    }
    assert!(seen[0] == 1 && seen[1] > 0, "{seen:?}");
    let step = place.read("step.md");
    assert!(step.contains("| `c-amber` | \u{1f7e1} not covered |"), "{step}");
    assert!(step.contains("\u{1f7e1} ") && !step.contains('\u{2705}'), "{step}");
    assert!(place.read("o/report.md").contains("| `more` (`auto_unsub_exact`) | not checked |"));
    assert!(place.read("o/summary.json").contains("\"status\": \"not_checked\""));
}

#[test]
fn annotations_and_the_step_summary_are_for_github_actions_only() {
    let place = Place::new("ci-github");
    three(&place);
    place.file("step.md", "# an earlier step\n");
    let args = ["run", "all/b-broken.toml", "--seed", "1", "--out", "o"];
    let ran = place.run_with(&[("GITHUB_STEP_SUMMARY", "step.md")], &args).ends(1);
    assert!(!ran.out.contains("::error"), "{}", ran.out);
    assert_eq!(place.read("step.md"), "# an earlier step\n");

    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "step.md")];
    let ran = place.run_with(&github, &args).ends(1);
    let line = ran.out.lines().find(|line| line.starts_with("::error")).unwrap();
    let begin = "::error file=all/b-broken.toml,line=60,title=more (quiet_delivery) broke%2C seed \
        1::";
    assert!(line.starts_with(begin), "{line}");
    assert!(line.contains(" replay all/b-broken.toml --seed 1%0Atrace hash "), "{line}");
    let step = place.read("step.md");
    assert!(step.starts_with("# an earlier step\n## 1 scenario: 0 held, 1 broken\n"), "{step}");

    // What is asked for goes before what the surroundings say.
    let asked = ["run", "all/a-held.toml", "--seed", "1", "--summary", "mine.md"];
    place.run_with(&github, &asked).ends(0);
    assert_eq!(place.read("step.md"), step);
    assert!(place.read("mine.md").starts_with("## 1 scenario: all held\n"));

    place.file("wrong.toml", SCENARIO.replace("\"partition\"", "\"flood\""));
    place.run_with(&github, &["run", "wrong.toml"]).ends(2).says(
        "::error file=wrong.toml,line=47,col=8,endColumn=15,title=wrong scenario::there is no \
            fault of kind `flood`",
    );
}

#[test]
fn a_run_that_cannot_begin_leaves_no_old_junit_file_behind() {
    let place = Place::new("ci-old");
    place.file("wrong.toml", SCENARIO.replace("\"partition\"", "\"flood\""));
    place.file("old.xml", "<testsuites/>");
    place.run(&["run", "wrong.toml", "--junit", "old.xml"]).ends(2);
    assert_eq!(place.names(""), ["wrong.toml"]);
    fs::create_dir(place.0.join("folder")).unwrap();
    place.run(&["run", "wrong.toml", "--junit", "folder"]).ends(3).complains("cannot write folder");
}

#[test]
fn a_budget_is_shared_by_all_scenarios() {
    let place = Place::new("ci-budget");
    three(&place);
    let ran = place.run(&["run", "all", "--seeds", "0..1000000", "--budget", "3s"]).ends(1);
    for name in ["a-held", "b-broken", "c-amber"] {
        assert!(!ran.out.contains(&format!("{name}: Only 0 seeds")), "{}", ran.out);
    }
}

#[test]
fn tags_choose_scenarios() {
    let place = Place::new("ci-tags");
    place.file("one.toml", SCENARIO.replace("\"small\"", "\"one\""));
    let two = SCENARIO.replace("\"small\"", "\"two\"").replace("[\"test\"]", "[\"slow\", \"new\"]");
    place.file("two.toml", two);
    let listed = |args: &[&str]| {
        let ran = place.run(args).ends(0);
        ["one  (", "two  ("].map(|name| ran.out.contains(name))
    };
    assert_eq!(listed(&["list", "."]), [true, true]);
    assert_eq!(listed(&["list", ".", "--tag", "test"]), [true, false]);
    assert_eq!(listed(&["list", ".", "--tag", "new"]), [false, true]);
    assert_eq!(listed(&["list", ".", "--tag", "new", "--tag", "test"]), [true, true]);
    let ran = place.run(&["run", ".", "--tag", "slow", "--seed", "0"]).ends(0);
    assert!(ran.out.contains("two (seeds 0)") && !ran.out.contains("one (seeds"), "{}", ran.out);
    place.run(&["run", ".", "--tag", "fast"]).ends(2).complains("the tags are new, slow, test");
}
