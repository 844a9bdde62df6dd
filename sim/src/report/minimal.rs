//! What a minimised failure leaves behind.

use std::fs;
use std::io;
use std::path::Path;

use super::words::{seconds, time};
use super::{Evidence, hex, sequence, timeline};
use crate::guarantee::Violation;
use crate::history::History;
use crate::verdict::SeedRun;

/// Lines of the story, all in all.
const STORY_LINES: usize = 30;

/// Events of the story that show the violation.
const WITNESSES_TOLD: usize = 6;

/// Lines of the story besides the course of the run and the events: titles, fences, blank lines.
const FRAME_LINES: usize = 11;

/// Names of the files.
const FILES: [&str; 4] = ["minimal.plan", "story.md", "sequence.mmd", "regression.rs"];

/// Writes `minimal.plan`, `story.md`, `sequence.mmd` and `regression.rs` into the folder, and makes
/// it if it is not there.
///
/// # Errors
/// If a file cannot be written.
pub fn write_minimal(folder: &Path, guarantee: &str, evidence: Evidence<'_>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let violation = violation(evidence.run, guarantee);
    let texts = [
        evidence.plan.to_owned(),
        story(&evidence, violation),
        sequence(evidence.history, violation),
        regression(evidence.plan, evidence.history, guarantee),
    ];
    for (name, text) in FILES.into_iter().zip(texts) {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Removes those files, and the folder if nothing else is in it.
pub(super) fn remove_minimal(folder: &Path) -> io::Result<()> {
    for path in FILES.map(|name| folder.join(name)) {
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    if fs::read_dir(folder)?.next().is_none() {
        fs::remove_dir(folder)?;
    }
    Ok(())
}

/// The first violation of the guarantee, or of any if that one did not break.
fn violation<'r>(run: &'r SeedRun, guarantee: &str) -> Option<&'r Violation> {
    let broken = || run.judged.iter().filter(|judged| judged.findings.first.is_some());
    let wanted = broken().find(|judged| judged.spec.id == guarantee).or_else(|| broken().next());
    wanted.and_then(|judged| judged.findings.first.as_ref())
}

/// The run in at most [`STORY_LINES`] lines.
fn story(evidence: &Evidence<'_>, violation: Option<&Violation>) -> String {
    let history = evidence.history;
    let witnesses = violation.map_or(&[][..], |violation| &violation.witnesses);
    let witnesses = &witnesses[witnesses.len().saturating_sub(WITNESSES_TOLD)..];
    let mut text = format!(
        "# {}, seed {}, minimised\n\nTrace hash `{}`.\n\n```text\n",
        history.header.scenario,
        evidence.run.seed,
        hex(evidence.run.trace_hash)
    );
    for line in timeline(history, STORY_LINES - FRAME_LINES - witnesses.len()) {
        text.push_str(&format!("{:>12}  {}\n", seconds(line.t), line.text));
    }
    text.push_str("```\n");
    match violation {
        Some(violation) => {
            let what = violation.story.replace(['\r', '\n'], " ");
            text.push_str(&format!("\nAt {}: {what}\n\n```text\n", time(violation.t)));
            for witness in witnesses {
                let (t, i) = (seconds(witness.t), witness.i);
                text.push_str(&format!("{t:>12}  event {i}: {}\n", witness.text));
            }
            text.push_str("```\n");
        }
        None => {
            let end = evidence.run.harness_fault().unwrap_or_default();
            text.push_str(&format!("\n{}\n", end.replace(['\r', '\n'], " ")));
        }
    }
    text
}

/// A test that replays the plan, to be put beside the other tests of the simulator.
fn regression(plan: &str, history: &History, guarantee: &str) -> String {
    let scenario = &history.header.scenario;
    let name: String = format!("{guarantee}_in_{scenario}_with_seed_{}", history.header.seed)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    // As many marks around the text as it takes for none inside to end it.
    let mut marks = "#".to_owned();
    while plan.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!(
        "use causeway_sim::guarantee;\n\
        use causeway_sim::plan::Plan;\n\
        use causeway_sim::run::{{RunEnd, RunOptions, run}};\n\
        \n\
        /// A plan that once showed a bug: it holds when the bug is gone.\n\
        #[test]\n\
        fn {name}() {{\n\
        \x20   const PLAN: &str = r{marks}\"{plan}\"{marks};\n\
        \x20   let plan = Plan::parse(PLAN).unwrap_or_else(|error| panic!(\"{{error}}\"));\n\
        \x20   let outcome = run(&plan, RunOptions::default());\n\
        \x20   assert_eq!(outcome.end, RunEnd::Complete);\n\
        \x20   let judged = guarantee::judge(&outcome.history).expect(\"the history is well formed\");\n\
        \x20   for one in judged {{\n\
        \x20       assert_eq!(one.findings.broken, 0, \"{{}}: {{:?}}\", one.name, one.findings.first);\n\
        \x20   }}\n\
        }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::judge;
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::verdict::tests::seed_run;

    #[test]
    fn a_story_has_at_most_thirty_lines() {
        let mut s = Script::running();
        let client = s.client("both/1", EAST_1);
        s.sub(client, 1, "a", "");
        for at in 0..50 {
            s.at(2_000 + at * 10).partition(at % 2 == 0);
        }
        let msg = s.publish(client, "a");
        for _ in 0..20 {
            s.deliver(client, 1, msg);
        }
        let run = SeedRun { judged: judge(&s.history).unwrap(), ..seed_run(3, 2, None) };
        let evidence = Evidence { run: &run, plan: "", history: &s.history };
        let violation = violation(&run, "no_duplicates");
        assert!(violation.is_some());
        let text = story(&evidence, violation);
        assert!(text.lines().count() <= STORY_LINES, "{text}");
        assert!(text.contains("left out here") && text.contains("event "), "{text}");
        let none = story(&evidence, None);
        assert!(none.lines().count() <= STORY_LINES, "{none}");
    }

    #[test]
    fn a_regression_is_a_test_with_its_plan_inside() {
        let history = Script::running().history;
        let text = regression("causeway-plan 1\nname \"#odd\"\n", &history, "no_duplicates");
        insta::assert_snapshot!(text);
    }
}
