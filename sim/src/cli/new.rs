//! `causeway-sim new`: a first scenario, with comments.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use causeway_sim::verdict::Exit;

use super::{Failure, NewArgs, output, run};

/// The schema that a scenario names, beside it.
const SCHEMA: &str = "schema/scenario-1.json";

const REGIONS: [&str; 4] = ["us-east-1", "eu-west-2", "ap-south-1", "sa-east-1"];

pub(super) fn main(args: &NewArgs) -> Result<Exit, Failure> {
    let usual = || Path::new("scenarios").join(format!("{}.toml", args.name));
    let path = args.out.clone().unwrap_or_else(usual);
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let unwritable = |error| Failure::writing(&path, &error);
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(&folder).map_err(unwritable)?;
    }
    let has_schema = folder.join(SCHEMA).is_file();
    let text = scenario(&args.name, &path, usize::from(args.regions), has_schema);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken(&path)),
        Err(error) => return Err(unwritable(error)),
    };
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    let (program, file) = (run::program(), path.display());
    output::line(&format!("{file} is there. Now run it:\n  {program} run {file}"));
    Ok(Exit::Held)
}

fn taken(path: &Path) -> Failure {
    let what = format!("error: {} is there already, and is not written over", path.display());
    Failure::Usage(format!("{what}\n  = help: say where to write with --out FILE"))
}

/// Reads the name of a scenario, which is also that of its file.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.starts_with('.') || !text.chars().all(plain) {
        return Err(
            "a name has only letters, digits, `-`, `_` and `.`, and no `.` at its start".into()
        );
    }
    Ok(text.strip_suffix(".toml").unwrap_or(text).to_owned())
}

fn scenario(name: &str, path: &Path, regions: usize, has_schema: bool) -> String {
    let names: Vec<String> = (0..regions)
        .map(|at| REGIONS.get(at).map_or_else(|| format!("region-{}", at + 1), |&n| n.to_owned()))
        .collect();
    let file = path.display();
    let mut text = String::new();
    if has_schema {
        text.push_str(&format!("#:schema ./{SCHEMA}\n"));
    }
    text.push_str(&format!(
        "# Which question does this scenario answer? Say it here, and in `about`.
#
#     causeway-sim run {file}
#     causeway-sim replay {file} --seed 7 --trace
#
# Values with two dots are ranges, from which every seed draws anew. `causeway-sim list --guarantees`
# shows what can be promised.

schema = 1
name = \"{name}\"
about = \"{}\"
tags = [\"smoke\"]

[run]
seeds = \"0..20\"
duration = \"20s\"                       # how long clients work; then things settle

# --- the world ---------------------------------------------------------------------------------

[link.lan]
latency = \"50us..500us\"
",
        if regions > 1 {
            "Two regions lose each other for some seconds: does everything flow again?"
        } else {
            "A node dies and comes back: does everything flow again?"
        }
    ));
    if regions > 1 {
        text.push_str("\n[link.wan]\nlatency = \"20ms..60ms\"\njitter = \"5ms\"\n");
    }
    for region in &names {
        text.push_str(&format!("\n[region.{region}]\nnodes = 2\nlink = \"lan\"\n"));
    }
    if regions > 1 {
        text.push_str("\n# Messages take one hop, so every pair of regions is joined.\n");
    }
    for (at, a) in names.iter().enumerate() {
        for b in &names[at + 1..] {
            let path = format!("[[path]]\nbetween = [\"{a}\", \"{b}\"]\nlink = \"wan\"\n\n");
            text.push_str(&path);
        }
    }
    text.push_str(&clients(&names));
    text.push_str(&fault(&names));
    text
}

fn clients(names: &[String]) -> String {
    let mut text = format!(
        "{}# --- who does what -----------------------------------------------------------------------------

[[client]]
id = \"orders\"
at = \"region:{}\"
role = \"publish\"
subject = \"orders.{{i%4}}\"               # {{i}} is the number of the message
rate = \"20..100\"                       # in a second
size = \"16B..1KiB\"
",
        if names.len() > 1 { "" } else { "\n" },
        names[0]
    );
    for (at, region) in names.iter().enumerate() {
        text.push_str(&format!(
            "\n[[client]]\nid = \"desk-{}\"\nat = \"region:{region}\"\nrole = \"subscribe\"\n\
                subject = \"orders.*\"\n",
            at + 1
        ));
    }
    text
}

fn fault(names: &[String]) -> String {
    let (fault, guarantees, goals) = match names {
        [a, b, ..] => (
            format!("kind = \"partition\"\nbetween = [\"region:{a}\", \"region:{b}\"]\n"),
            &["region_autonomy", "interest_only"][..],
            "\"fault:partition\", \"delivered during partition\", \"delivered during heal\"",
        ),
        _ => (
            format!("kind = \"crash\"\non = \"one(region:{})\"\n", names[0]),
            &["clients_return", "nodes_stay_up"][..],
            "\"fault:crash\", \"node_down\", \"delivered during heal\"",
        ),
    };
    let mut text = format!(
        "\n# --- what goes wrong ---------------------------------------------------------------------------

[[fault]]
at = \"3s..5s\"
for = \"2s..8s\"
{fault}
# --- what must hold ----------------------------------------------------------------------------

# Everything in `list --guarantees` is checked; what stands here must have been put to the test.
"
    );
    for kind in ["no_duplicates", "publisher_order", "quiet_delivery", "mesh_closure"] {
        text.push_str(&format!("[guarantee.{kind}]\nkind = \"{kind}\"\n\n"));
    }
    for kind in guarantees {
        text.push_str(&format!("[guarantee.{kind}]\nkind = \"{kind}\"\n\n"));
    }
    text.push_str(&format!(
        "# What must have happened in at least one seed: a run in which nothing happens proves nothing.\n\
            [coverage]\nsometimes = [{goals}]\n"
    ));
    text
}
