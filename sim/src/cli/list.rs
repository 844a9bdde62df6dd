//! `causeway-sim list`.

use causeway_sim::guarantee::{catalogue, find};
use causeway_sim::verdict::Exit;

use super::{Failure, ListArgs, load, output};

pub(super) fn main(args: &ListArgs) -> Result<Exit, Failure> {
    if args.guarantees {
        guarantees();
    } else {
        scenarios(args)?;
    }
    Ok(Exit::Held)
}

fn guarantees() {
    for spec in catalogue() {
        output::line(&format!("{} ({}, {})", spec.id, spec.code, spec.timing.name()));
        output::line(&format!("    {}", spec.sentence));
        output::line(&format!("    Checked for each {}.", spec.unit));
        if !spec.bound.is_empty() {
            output::line(&format!("    Bound: {}.", spec.bound));
        }
        if !spec.aliases.is_empty() {
            output::line(&format!("    Also called {}.", spec.aliases.join(", ")));
        }
    }
}

fn scenarios(args: &ListArgs) -> Result<(), Failure> {
    for loaded in load::scenarios(&args.files, &args.tags, &args.params.params)? {
        let scenario = &loaded.scenario;
        output::line(&format!("{}  ({})", scenario.full_name(), scenario.file));
        if !scenario.about.is_empty() {
            output::line(&format!("    {}", scenario.about));
        }
        if !scenario.tags.is_empty() {
            output::line(&format!("    tags: {}", scenario.tags.join(", ")));
        }
        for guarantee in &scenario.guarantees {
            let kind = find(&guarantee.kind).map_or("", |spec| spec.id);
            let name = if guarantee.id == kind {
                kind.to_owned()
            } else {
                format!("{} ({kind})", guarantee.id)
            };
            output::line(&format!("    promises {name}"));
        }
        for goal in loaded.goal_texts() {
            output::line(&format!("    must see {goal}"));
        }
    }
    Ok(())
}
