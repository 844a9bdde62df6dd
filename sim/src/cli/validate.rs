//! `causeway-sim validate` and `causeway-sim expand`: scenarios without their runs.

use causeway_sim::report::words::plural;
use causeway_sim::scenario::ScenarioError;
use causeway_sim::verdict::Exit;

use super::{ExpandArgs, Failure, ValidateArgs, load, output};

/// Reads the scenarios with all values of their parameters, and expands the first seed of each: most
/// of what only a plan can show, any plan shows.
pub(super) fn main(args: &ValidateArgs) -> Result<Exit, Failure> {
    let scenarios = load::scenarios(&args.files, &[], &args.params.params)?;
    let mut problems = Vec::new();
    for loaded in &scenarios {
        if let Some(&seed) = loaded.scenario.seeds.first()
            && let Err(error) = loaded.plan(seed)
        {
            problems.extend(error.problems);
        }
    }
    if !problems.is_empty() {
        return Err(Failure::Scenario(ScenarioError { problems }));
    }
    output::line(&format!("{}: nothing is wrong", plural(scenarios.len() as u64, "scenario")));
    Ok(Exit::Held)
}

/// Prints the plan of a seed.
pub(super) fn expand(args: &ExpandArgs) -> Result<Exit, Failure> {
    let loaded = load::one(&args.file, &args.params.params).map_err(Failure::Scenario)?;
    let plan = loaded.plan(args.seed).map_err(Failure::Scenario)?;
    output::line(plan.write().trim_end());
    Ok(Exit::Held)
}
