//! JUnit XML: a suite for each scenario, a case for each guarantee and each coverage goal.
//!
//! A suite is without failures and errors if and only if its scenario counts as held: a guarantee
//! that the scenario asks for and that was never put to the test is a failure, one that nobody
//! asked for is skipped, and a scenario of which too little was run has an error.

use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report as Xml, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::finished::{Complaint, Finished, title_of};
use super::hex;
use super::words::plural;
use crate::units::MS;
use crate::verdict::{Exit, Status};

/// The text of a JUnit file about these scenarios.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn junit(finished: &[Finished]) -> Result<String, SerializeError> {
    let mut xml = Xml::new("causeway-sim");
    let wall_ms = finished.iter().map(|one| one.speed.wall_ms).fold(0, u64::saturating_add);
    xml.set_time(Duration::from_millis(wall_ms));
    xml.add_test_suites(finished.iter().map(suite));
    xml.to_string()
}

fn suite(one: &Finished) -> TestSuite {
    let mut suite = TestSuite::new(plain(&one.scenario));
    suite.set_time(Duration::from_millis(one.speed.wall_ms));
    let totals = &one.verdict.totals;
    for (name, value) in [
        ("file", one.file.clone()),
        ("seeds", one.seeds.clone()),
        ("seeds run", one.verdict.seeds.to_string()),
        ("seeds failed", one.seeds_failed.to_string()),
        ("seeds left out", one.verdict.seeds_left_out.to_string()),
        ("engine", one.engine.clone()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("verdict", one.exit.name().to_owned()),
        ("digest of all trace hashes", hex(one.digest)),
        ("simulated milliseconds", (totals.sim_ns / MS).to_string()),
        ("broker events", totals.broker_events.to_string()),
        ("events in histories", totals.history_events.to_string()),
    ] {
        suite.add_property(Property::new(name, plain(&value)));
    }
    if one.verdict.seeds_unrecoverable > 0 {
        let seeds = one.verdict.seeds_unrecoverable.to_string();
        suite.add_property(Property::new("seeds unrecoverable", seeds));
    }
    for row in &one.verdict.rows {
        let status = match (row.status(), one.complaint_of(row)) {
            (Status::Broken, Some(complaint)) => failure("broken", &complaint),
            (_, Some(complaint)) => failure("not checked", &complaint),
            (Status::NotChecked, None) => skipped(
                "never put to the test, and the scenario does not ask for it: nothing is known",
            ),
            (Status::Held | Status::Broken, None) => TestCaseStatus::success(),
        };
        let mut case = case(one, &title_of(row), row.line, status);
        if let Some((seed, violation, why)) = &row.first_unrecoverable {
            case.set_system_out(plain(&format!(
                "{} unrecoverable, first with seed {seed}: {} No broker could do better: {}.",
                plural(row.unrecoverable, "case"),
                violation.story,
                why.text()
            )));
        }
        if let Ok(checked) = usize::try_from(row.checked) {
            case.set_assertions(checked);
        }
        suite.add_test_case(case);
    }
    for (at, (goal, seeds)) in one.verdict.goals.iter().enumerate() {
        let line = one.goal_line(at);
        let status = match seeds {
            0 => failure("not reached", &one.complaint_of_goal(goal, line)),
            _ => TestCaseStatus::success(),
        };
        suite.add_test_case(case(one, &format!("coverage: {goal}"), line, status));
    }
    add_errors(one, &mut suite);
    suite
}

/// What is wrong with the runs as such.
fn add_errors(one: &Finished, suite: &mut TestSuite) {
    for complaint in one.harness_complaints() {
        let status = non_success(NonSuccessKind::Error, "harness", &complaint);
        suite.add_test_case(case(one, &complaint.title, 0, status));
    }
    if one.exit == Exit::Inconclusive {
        let title = if !one.verdict.gaps.is_empty() {
            "the engine can do all that was asked for"
        } else if one.verdict.seeds_in_vain > 0 {
            "what faults wait for comes"
        } else if one.verdict.seeds_unrecoverable == one.verdict.seeds && one.verdict.seeds > 0 {
            "what is promised can be recovered"
        } else {
            "enough seeds were run"
        };
        let (title, story) = (title.to_owned(), one.headline.clone());
        let complaint = Complaint { title, failing: None, story, line: 0 };
        let status = non_success(NonSuccessKind::Error, "inconclusive", &complaint);
        suite.add_test_case(case(one, &complaint.title, 0, status));
    }
}

fn case(one: &Finished, name: &str, line: u32, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(plain(&one.scenario));
    case.extra.insert("file".into(), plain(&one.file).into());
    if line > 0 {
        case.extra.insert("line".into(), line.to_string().into());
    }
    case
}

fn failure(kind: &str, complaint: &Complaint) -> TestCaseStatus {
    non_success(NonSuccessKind::Failure, kind, complaint)
}

/// The message is one line, for lists; it begins with the command. The text has all of it.
fn non_success(kind: NonSuccessKind, name: &str, complaint: &Complaint) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let message = complaint.message();
    let line = match &complaint.failing {
        Some(failing) => {
            format!("{}   (trace hash {}): {}", failing.replay, failing.trace_hash, complaint.title)
        }
        None => complaint.story.lines().next().unwrap_or_default().to_owned(),
    };
    status.set_message(plain(&line)).set_type(name).set_description(plain(&message));
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}

/// Without what XML has no way to write; control characters are dropped by the writer.
fn plain(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
