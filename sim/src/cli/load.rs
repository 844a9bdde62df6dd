//! Reads scenario files.

use std::fs;
use std::path::{Path, PathBuf};

use causeway_sim::coverage::Goal;
use causeway_sim::guarantee;
use causeway_sim::scenario::{Diagnostic, Scenario, ScenarioError};

use super::Failure;

/// A scenario that can be run.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) scenario: Scenario,
    pub(super) goals: Vec<Goal>,
}

impl Loaded {
    /// The goals as they were written.
    pub(super) fn goal_texts(&self) -> Vec<&str> {
        self.goals.iter().map(Goal::text).collect()
    }
}

/// Reads all scenarios: files as they are given, folders with their `.toml` files in order of name.
/// Says everything that is wrong with any of them.
pub(super) fn scenarios(paths: &[PathBuf]) -> Result<Vec<Loaded>, Failure> {
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        for file in files_of(path)? {
            match one(&file) {
                Ok(scenario) => loaded.push(scenario),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(Failure::Usage(problems.join("\n\n"))) }
}

/// Reads one scenario, or says what is wrong with it.
pub(super) fn one(path: &Path) -> Result<Loaded, String> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|e| format!("error: cannot read {file}: {e}"))?;
    let kinds = guarantee::kinds();
    let scenario = Scenario::parse(&file, &text, &kinds).map_err(|error| error.to_string())?;
    let goals = goals_of(&scenario, &text).map_err(|error| error.to_string())?;
    Ok(Loaded { scenario, goals })
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable =
        |error| Failure::Usage(format!("error: cannot read {}: {error}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() && file.extension().is_some_and(|end| end == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::Usage(format!("error: there is no scenario in {}", path.display())));
    }
    Ok(files)
}

fn goals_of(scenario: &Scenario, text: &str) -> Result<Vec<Goal>, ScenarioError> {
    let mut goals = Vec::new();
    let mut problems = Vec::new();
    for (goal, line) in &scenario.coverage {
        match Goal::parse(goal) {
            Ok(goal) => goals.push(goal),
            Err(message) => problems.push(problem(scenario, text, goal, *line, message)),
        }
    }
    if problems.is_empty() { Ok(goals) } else { Err(ScenarioError { problems }) }
}

fn problem(scenario: &Scenario, text: &str, goal: &str, line: u32, message: String) -> Diagnostic {
    let source = text.lines().nth((line as usize).saturating_sub(1)).unwrap_or("");
    let before = source.find(goal).unwrap_or(0);
    Diagnostic {
        file: scenario.file.clone(),
        line,
        column: source[..before].chars().count() as u32 + 1,
        message,
        help: None,
        source: source.to_owned(),
        width: goal.chars().count() as u32,
    }
}
