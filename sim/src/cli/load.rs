//! Reads scenario files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use causeway_sim::coverage::Goal;
use causeway_sim::guarantee;
use causeway_sim::plan::{Family, Plan, plan};
use causeway_sim::report;
use causeway_sim::scenario::{Diagnostic, Given, ParamSpec, Scenario, ScenarioError, nearest};

use super::Failure;
use super::engine::Chosen;
use super::run::program;

/// More combinations of parameters than this are a mistake.
const COMBINATIONS_MAX: usize = 1_000;

/// The name and the value of a parameter.
pub(super) type Param = (String, String);

/// A parameter of the command line: `NAME=VALUE`.
pub(super) fn parse_param(text: &str) -> Result<Param, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is no parameter: write NAME=VALUE")),
    }
}

/// A scenario that can be run.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) scenario: Scenario,
    pub(super) goals: Vec<Goal>,
    text: String,
    /// Taken out of its plans.
    without: BTreeSet<Family>,
}

impl Loaded {
    /// The goals as they were written.
    pub(super) fn goal_texts(&self) -> Vec<&str> {
        self.goals.iter().map(Goal::text).collect()
    }

    /// The command that runs one of its seeds again.
    pub(super) fn replay_command(&self, engine: &Chosen, seed: u64) -> String {
        let (file, params) = (&self.scenario.file, self.params());
        report::replay_command(&program(), file, &params, seed, &engine.words(), &self.left_out())
    }

    /// The values of its parameters.
    pub(super) fn params(&self) -> Vec<Param> {
        let params = self.scenario.params.iter();
        params.map(|param| (param.name.clone(), param.value.clone())).collect()
    }

    /// The plan of a seed. What is wrong with it is shown in the text of the file.
    pub(super) fn plan(&self, seed: u64) -> Result<Plan, ScenarioError> {
        let plan = plan(&self.scenario, seed).map_err(|mut error| {
            error.problems.iter_mut().for_each(|problem| problem.show(&self.text));
            error
        })?;
        Ok(if self.without.is_empty() { plan } else { plan.without(&self.without) })
    }

    /// Takes families of faults out of its plans. What they would have led to cannot be asked for:
    /// there are no coverage goals any more, and guarantees may stay without a test.
    pub(super) fn leave_out(&mut self, families: &[Family]) {
        if families.is_empty() {
            return;
        }
        self.without = families.iter().copied().collect();
        self.goals.clear();
        self.scenario.coverage.clear();
    }

    /// The families of faults that were taken out, with commas between.
    pub(super) fn left_out(&self) -> String {
        let names: Vec<&str> = self.without.iter().map(|family| family.name()).collect();
        names.join(",")
    }

    /// Whether its plans are what the scenario says.
    pub(super) fn is_whole(&self) -> bool {
        self.without.is_empty()
    }
}

/// Reads all scenarios: files as they are given, folders with their `.toml` files in order of name.
/// Keeps those with one of the tags, if there are any. Says everything that is wrong with any file.
///
/// A scenario with parameters is there once for each combination of their values, but for those that
/// are given.
pub(super) fn scenarios(
    paths: &[PathBuf],
    tags: &[String],
    params: &[Param],
) -> Result<Vec<Loaded>, Failure> {
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let files = match files_of(path) {
            Ok(files) => files,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        for file in files {
            match matrix(&file, params) {
                Ok(all) => loaded.extend(all),
                Err(error) => problems.extend(error.problems),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure::Scenario(ScenarioError { problems }));
    }
    tagged(loaded, tags)
}

/// One scenario with all values of its parameters, but for those that are given.
fn matrix(path: &Path, params: &[Param]) -> Result<Vec<Loaded>, ScenarioError> {
    let usual = one(path, params)?;
    let free: Vec<&ParamSpec> = (usual.scenario.params.iter())
        .filter(|param| params.iter().all(|given| given.0 != param.name))
        .collect();
    let count = free.iter().map(|param| param.values.len()).fold(1, usize::saturating_mul);
    if count > COMBINATIONS_MAX {
        let message = format!(
            "its parameters have {count} combinations, more than {COMBINATIONS_MAX}; give some \
                with --param"
        );
        return Err(Diagnostic::of_file(&path.display().to_string(), message, None).into());
    }
    let mut all = vec![params.to_vec()];
    for param in &free {
        let with = |combination: Vec<Param>| {
            param.values.iter().map(move |value| {
                let mut longer = combination.clone();
                longer.push((param.name.clone(), value.clone()));
                longer
            })
        };
        all = all.into_iter().flat_map(with).collect();
    }
    if free.is_empty() {
        return Ok(vec![usual]);
    }
    all.iter().map(|combination| one(path, combination)).collect()
}

/// Reads one scenario, or says what is wrong with it.
pub(super) fn one(path: &Path, params: &[Param]) -> Result<Loaded, ScenarioError> {
    let file = path.display().to_string();
    let text = text_of(path)?;
    let kinds = guarantee::kinds();
    let read = |path: &Path| text_of(path).map_err(|problem| problem.message);
    let given = Given { params, read: &read };
    let scenario = Scenario::parse_with(&file, &text, &kinds, &given)?;
    let goals = goals_of(&scenario, &text)?;
    Ok(Loaded { scenario, goals, text, without: BTreeSet::new() })
}

/// Longer files are none of ours: a device would never end.
const TEXT_MAX: u64 = 1 << 30;

/// The text of a file, or where it stops being one.
pub(super) fn text_of(path: &Path) -> Result<String, Diagnostic> {
    let file = path.display().to_string();
    let unreadable =
        |error| Diagnostic::of_file(&file, format!("cannot read {file}: {error}"), neighbour(path));
    let mut bytes = Vec::new();
    let mut all = fs::File::open(path).map_err(unreadable)?.take(TEXT_MAX + 1);
    all.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > TEXT_MAX {
        let message = format!("{file} is longer than {} MiB", TEXT_MAX >> 20);
        return Err(Diagnostic::of_file(&file, message, None));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let text = String::from_utf8_lossy(&bytes[..good]).into_owned();
        let message = format!("the byte 0x{:02x} here is not UTF-8", bytes[good]);
        let line_start = text.rfind('\n').map_or(0, |at| at + 1);
        let rest = String::from_utf8_lossy(&bytes[line_start..]);
        let mut problem = Diagnostic::of_file(&file, message, None);
        problem.line = text.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
        problem.column = text[line_start..].chars().count() as u32 + 1;
        problem.width = 1;
        problem.source = rest.lines().next().unwrap_or_default().trim_end().replace('\t', " ");
        problem
    })
}

/// The file that may have been meant.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = nearest(path.file_name()?.to_str()?, &names)?;
    let near = folder.map_or_else(|| PathBuf::from(near), |folder| folder.join(near));
    (near != path).then(|| format!("did you mean `{}`?", near.display()))
}

fn tagged(mut loaded: Vec<Loaded>, tags: &[String]) -> Result<Vec<Loaded>, Failure> {
    let known: BTreeSet<String> =
        loaded.iter().flat_map(|one| one.scenario.tags.iter().cloned()).collect();
    if let Some(tag) = tags.iter().find(|tag| !known.contains(*tag)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = match nearest(tag, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the tags are {}", known.join(", ")),
        };
        let message = format!("error: no scenario here has the tag `{tag}`\n  = help: {help}");
        return Err(Failure::Usage(message));
    }
    if !tags.is_empty() {
        loaded.retain(|one| one.scenario.tags.iter().any(|tag| tags.contains(tag)));
    }
    Ok(loaded)
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let file = path.display().to_string();
    let unreadable = |error| Diagnostic::of_file(&file, format!("cannot read it: {error}"), None);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() && file.extension().is_some_and(|end| end == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let message = format!("there is no scenario in {file}");
        let help = "scenarios are the `.toml` files of a folder, without those of its folders; \
            `causeway-sim new NAME` writes one to begin with";
        return Err(Diagnostic::of_file(&file, message, Some(help.to_owned())));
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
