//! The texts for CI: they say of every scenario what its exit code says, and nothing in a scenario
//! can break their form.

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus};

use super::*;
use crate::run::RunEnd;
use crate::scenario::Diagnostic;
use crate::verdict::tests::seed_run;

/// A finished scenario called `name`, in a file of the same name.
fn finished(name: &str, runs: &[SeedRun], goals: &[&str], left_out: u64) -> Finished {
    let verdict = Verdict::of(runs, goals, left_out);
    let report = Report {
        engine: "pure",
        server: None,
        scenario: name,
        file: &format!("scenarios/{name}.toml"),
        params: &[],
        about: "",
        seeds: "0..4",
        parameters: &[],
        runs,
        verdict: &verdict,
        exit: verdict.exit(),
        without: "",
        left_out_because: "the time was up",
        speed: Speed { wall_ms: 1_500, jobs: 2 },
    };
    Finished::of(&report, "causeway-sim", vec![57])
}

/// One scenario for each way to end.
fn every_end() -> Vec<Finished> {
    let (held, broken) = (seed_run(0, 1, Some("no_duplicates")), seed_run(1, 2, Some("one_hop")));
    let message = "time stands still".to_owned();
    let stuck = SeedRun { end: RunEnd::Stuck { message }, ..held.clone() };
    let never = seed_run(0, 1, Some("one_hop"));
    let silent = SeedRun { goals: vec![false], ..held.clone() };
    vec![
        finished("held", std::slice::from_ref(&held), &["delivered"], 0),
        finished("broken", &[seed_run(0, 1, Some("one_hop")), broken], &["delivered"], 0),
        finished("harness", &[held, stuck], &[], 0),
        finished("unchecked", std::slice::from_ref(&never), &[], 0),
        finished("unreached", &[silent], &["slow_consumer"], 0),
        finished("cut-short", &[never], &[], 7),
        finished("not-begun", &[], &["delivered"], 4),
    ]
}

fn read(finished: &[Finished]) -> Xml {
    let text = junit(finished).unwrap();
    Xml::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn message_of(case: &TestCase) -> Option<(NonSuccessKind, &str)> {
    match &case.status {
        TestCaseStatus::NonSuccess { kind, message, .. } => Some((*kind, message.as_deref()?)),
        TestCaseStatus::Success { .. } | TestCaseStatus::Skipped { .. } => None,
    }
}

#[test]
fn a_suite_has_failures_or_errors_if_and_only_if_the_scenario_does_not_hold() {
    let all = every_end();
    let exits: Vec<Exit> = all.iter().map(|one| one.exit).collect();
    use Exit::{Broken, Coverage, Harness, Held, Inconclusive};
    assert_eq!(exits, [Held, Broken, Harness, Coverage, Coverage, Inconclusive, Inconclusive]);
    let xml = read(&all);
    assert_eq!(xml.test_suites.len(), all.len());
    for (suite, one) in xml.test_suites.iter().zip(&all) {
        let good = one.exit == Held;
        assert_eq!(suite.failures + suite.errors == 0, good, "{}", one.scenario);
        assert_eq!(one.complaints().is_empty(), good, "{}", one.scenario);
        let amber = suite.test_cases.iter().filter(|c| is_amber(c)).count();
        assert_eq!(suite.skipped, amber);
        assert!(!suite.test_cases.is_empty(), "{}", one.scenario);
    }
    assert_eq!(xml.tests, xml.test_suites.iter().map(|s| s.test_cases.len()).sum::<usize>());
}

/// Skipped, with a reason.
fn is_amber(case: &TestCase) -> bool {
    matches!(case.status, TestCaseStatus::Skipped { message: Some(_), .. })
}

#[test]
fn a_broken_guarantee_begins_with_the_command_that_shows_it_again() {
    let xml = read(&every_end());
    let cases = |suite: usize| xml.test_suites[suite].test_cases.iter();
    let (kind, message) = cases(1).find_map(message_of).unwrap();
    assert_eq!(kind, NonSuccessKind::Failure);
    assert_eq!(
        message,
        "causeway-sim replay scenarios/broken.toml --seed 1   (trace hash 0000000000000abc): \
            no_duplicates broke, seed 1"
    );
    let (kind, message) = cases(2).find_map(message_of).unwrap();
    assert_eq!(kind, NonSuccessKind::Error);
    assert!(
        message.starts_with("causeway-sim replay scenarios/harness.toml --seed 0"),
        "{message}"
    );
    let properties: Vec<(&str, &str)> =
        xml.test_suites[0].properties.iter().map(|p| (&*p.name, &*p.value)).collect();
    for wanted in [("seeds", "0..4"), ("engine", "pure"), ("broker events", "100")] {
        assert!(properties.contains(&wanted), "{wanted:?} is not in {properties:?}");
    }
}

#[test]
fn what_a_person_reads_in_a_pull_request() {
    insta::assert_snapshot!(table(&every_end()));
}

#[test]
fn annotations_stand_beside_the_lines_that_ask_for_what_is_missing() {
    let lines: Vec<String> = annotations(&every_end()).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn wrong_scenarios_are_annotated_at_their_place() {
    let mut problem = Diagnostic::of_file("a,b.toml", "50% of what?".to_owned(), None);
    assert_eq!(
        annotations_of(std::slice::from_ref(&problem))[0].to_string(),
        "::error file=a%2Cb.toml,title=wrong scenario::50%25 of what?"
    );
    problem.line = 3;
    problem.show("one\ntwo\n  three = 3\n");
    problem.help = Some("half".to_owned());
    assert_eq!(
        annotations_of(&[problem.clone()])[0].to_string(),
        "::error file=a%2Cb.toml,line=3,col=3,endColumn=12,title=wrong scenario::\
            50%25 of what?%0Ahelp: half"
    );
    let many = annotations_of(&vec![problem; 30]);
    assert_eq!(many.len(), 10);
    assert_eq!(
        many[9].to_string(),
        "::error title=causeway-sim::and 21 more; the log has all of them"
    );
    assert!(annotations(&[]).is_empty());
}

#[test]
fn nothing_in_a_scenario_can_break_the_form_of_the_texts() {
    let hostile =
        "<a b='\"'>&amp; ]]> -->\u{0}\u{1b}[31m\u{fffe}\u{ffff}\r\n::error::x,y:z|`` %0A é";
    let mut one = finished(hostile, &[seed_run(1, 2, None)], &[hostile], 0);
    for row in &mut one.verdict.rows {
        row.name = hostile.to_owned();
        if let Some((_, violation)) = &mut row.first {
            violation.story = hostile.repeat(1_000);
        }
    }
    one.verdict.goals[0].1 = 0;
    one.verdict.harness_faults.push((1, hostile.to_owned()));
    let ordinary = finished("ordinary", &[seed_run(1, 2, None)], &["delivered"], 0);

    let xml = read(&[one.clone(), ordinary.clone()]);
    assert!(xml.test_suites[0].name.contains("<a b='\"'>&amp; ]]> -->"));
    let text = junit(&[one.clone()]).unwrap();
    let bad = |c: char| c < ' ' && c != '\n' && c != '\r' || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(bad), "{text}");

    for annotation in annotations(&[one.clone()]) {
        let line = annotation.to_string();
        assert!(!line.contains(['\n', '\r']) && line.starts_with("::error "), "{line}");
        // Until the message begins, colons and commas are those of the form.
        let head = line["::error ".len()..].split("::").next().unwrap();
        assert!(head.split(',').all(|part| part.matches(':').count() == 0), "{line}");
    }

    let cells = |text: &str| -> Vec<usize> {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        rows.map(|line| line.replace("\\|", "").matches('|').count()).collect()
    };
    let page = table(&[one, ordinary]);
    assert_eq!(cells(&page), [8, 8, 8, 8]);
    assert!(page.len() < 50_000, "stories are cut: {}", page.len());
}
