//! The command line: words in, runs, words out, an exit code.
//!
//! Results go to standard output, progress and errors to standard error. Every failure prints,
//! first, the command that shows it again and the trace hash.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | every guarantee that was put to the test held, and all that the scenario asks for were |
//! | 1 | a guarantee broke |
//! | 2 | the scenario, the plan, the history or the arguments are wrong; nothing was run |
//! | 3 | the harness failed, or a run was not deterministic |
//! | 4 | required coverage was not reached |
//! | 5 | too little was run to say |

mod bench;
mod check;
mod ci;
mod clock;
mod compare;
mod engine;
mod explain;
mod export;
mod fidelity;
mod list;
mod load;
mod new;
mod output;
mod pages;
mod progress;
mod replay;
mod run;
mod runner;
mod search;
mod seeds;
mod selfcheck;
mod shrink;
mod validate;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use causeway_sim::plan::Family;
use causeway_sim::process::{self, Server};
use causeway_sim::run::Engine;
use causeway_sim::scenario::{ScenarioError, schema};
use causeway_sim::shrink::REPLAYS_MAX;
use causeway_sim::units;
use causeway_sim::verdict::Exit;
use clap::{Args, Parser, Subcommand};

use self::seeds::{Seeds, Shard};

/// A busy minute of nine nodes takes some hundred thousand steps; the history of ten million still
/// fits into memory.
const STEPS_MAX: u64 = 10_000_000;

const AFTER_HELP: &str = "\
Exit codes: 0 every guarantee held; 1 a guarantee broke; 2 the scenario or the arguments are
wrong; 3 the harness failed or was not deterministic; 4 required coverage was not reached;
5 inconclusive.";

/// Runs scenarios against a simulated cluster of Causeway nodes and says which guarantees held.
#[derive(Debug, Parser)]
#[command(name = "causeway-sim", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios with many seeds and write a report folder.
    Run(RunArgs),
    /// Run one seed, or a plan, again: bit for bit.
    Replay(ReplayArgs),
    /// Run scenarios on real servers, ours and others, and show side by side what each holds.
    Compare(CompareArgs),
    /// Run plans on several engines and say where these do not make the same of them.
    Fidelity(FidelityArgs),
    /// Look for a smaller plan with the same failure.
    Shrink(ShrinkArgs),
    /// Prove that equal seeds give equal runs: in one process, and in two.
    Selfcheck(SelfcheckArgs),
    /// Hold a recorded history against the guarantees.
    Check(CheckArgs),
    /// Say what became of a message, step by step, and why it did not come to who wanted it.
    Explain(ExplainArgs),
    /// Write a recorded history as a report to look at, or as a trace for Perfetto.
    Export(ExportArgs),
    /// Show scenarios with what they promise, or the guarantees that there are.
    List(ListArgs),
    /// Say what is wrong with scenarios, without running them.
    Validate(ValidateArgs),
    /// Print the plan of a seed: the run, fully expanded.
    Expand(ExpandArgs),
    /// Write a first scenario, with comments, that can be run at once.
    New(NewArgs),
    /// Measure how fast this program is, on one core.
    Bench(BenchArgs),
    /// Print the JSON Schema of scenarios, for editors.
    Schema,
    /// Become a server that dies with its parent: what the engine `process` starts servers with.
    #[command(name = "keep", hide = true)]
    Keep(KeepArgs),
}

#[derive(Args, Debug)]
struct ScenarioArgs {
    /// Scenario files (TOML), or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only scenarios with this tag; several are alternatives.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    params: ParamArgs,
}

impl ScenarioArgs {
    fn load(&self) -> Result<Vec<load::Loaded>, Failure> {
        load::scenarios(&self.files, &self.tags, &self.params.params)
    }
}

#[derive(Args, Debug)]
struct RunArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    seeds: SeedArgs,
    #[command(flatten)]
    without: WithoutArgs,
    /// Stop at the first seed that fails. Seeds are then taken in turn: the first of every scenario,
    /// then more of them, so that each scenario gets about as much time as every other. Which
    /// failure is found does not depend on --jobs.
    #[arg(long)]
    fail_fast: bool,
    /// Seeds that run at the same time, each on a thread of its own [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Start no more seeds after this time, such as 60s or 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    budget: Option<u64>,
    /// End a run that takes more steps than this [default: what the scenario says, or 10000000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_steps: Option<u64>,
    /// Run only share I of N of the seeds: those with seed mod N = I - 1.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Where to write the report; with several scenarios, a folder for their folders
    /// [default: out/SCENARIO-SEEDS].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the verdicts as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Append a table of the verdicts in Markdown to this file [default in GitHub Actions: the
    /// summary of the step].
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Do not look for smaller plans with the same failures.
    #[arg(long)]
    no_shrink: bool,
    /// Look for smaller plans no longer than this, all in all.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    shrink_budget: u64,
}

#[derive(Args, Debug)]
struct ParamArgs {
    /// The value of a parameter of the scenario; several times for several
    /// [default: run tries all values, other commands take the default].
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = load::parse_param)]
    params: Vec<load::Param>,
}

#[derive(Args, Debug)]
struct EngineArgs {
    /// What runs the plans: `pure`, all nodes on one event heap; `turmoil`, the server's own driver on
    /// simulated sockets; or `process`, real servers over loopback, in real time.
    #[arg(long, value_name = "ENGINE", default_value = "pure")]
    engine: String,
    /// The server that the engine `process` runs: `causeway` or `nats-server`, with its program
    /// [default: the causeway beside this program].
    #[arg(long, value_name = "NAME=PATH", value_parser = Server::parse)]
    server: Option<Server>,
}

#[derive(Args, Debug)]
struct SeedArgs {
    /// One seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Seeds from A up to, but without, B [default: what the scenario says].
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
}

#[derive(Args, Debug)]
struct WithoutArgs {
    /// Take these families of faults out of the plans, to see what they are good for. Everything else
    /// in a plan stays as it is. Coverage goals, and guarantees that are not put to the test, do not
    /// count then.
    #[arg(long, value_name = "FAMILY,...", value_delimiter = ',')]
    without: Vec<Family>,
}

#[derive(Args, Debug)]
struct ReplayArgs {
    /// A scenario file, with --seed; or a plan.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    without: WithoutArgs,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// End before the step with this number.
    #[arg(long, value_name = "EVENT")]
    until: Option<u64>,
    /// Print every step.
    #[arg(long)]
    trace: bool,
    /// End a run that takes more steps than this.
    #[arg(long, value_name = "N", default_value_t = STEPS_MAX,
        value_parser = clap::value_parser!(u64).range(1..))]
    max_steps: u64,
    /// Write the plan, the history and the story into this folder, too.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct CompareArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    #[command(flatten)]
    seeds: SeedArgs,
    /// A server, `causeway` or `nats-server`, with its program; several times. The first is the one
    /// that is put to the test: the exit code is for it.
    #[arg(long = "server", required = true, value_name = "NAME=PATH", value_parser = Server::parse)]
    servers: Vec<Server>,
    /// Where to write the comparison, and a report of each server in each scenario.
    #[arg(long, value_name = "DIR", default_value = "out/compare")]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct FidelityArgs {
    /// Scenario files (TOML), plans (.plan), or folders of both.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    seeds: SeedArgs,
    /// The engines [default: all that this program has].
    #[arg(long, value_name = "ENGINE,...", value_delimiter = ',')]
    engines: Vec<String>,
    /// The server that the engine `process` runs [default: the causeway beside this program].
    #[arg(long, value_name = "NAME=PATH", value_parser = Server::parse)]
    server: Option<Server>,
    /// Where to write the report, and the histories of plans that engines do not agree about.
    #[arg(long, value_name = "DIR", default_value = "out/fidelity")]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct ShrinkArgs {
    /// A plan that fails.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Look no longer than this.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    budget: u64,
    /// Run at most so many candidates.
    #[arg(long, value_name = "N", default_value_t = REPLAYS_MAX,
        value_parser = clap::value_parser!(u32).range(1..))]
    replays: u32,
    /// End a run that takes more steps than this.
    #[arg(long, value_name = "N", default_value_t = STEPS_MAX,
        value_parser = clap::value_parser!(u64).range(1..))]
    max_steps: u64,
    /// Where to write the minimal plan, its story, a diagram and a test
    /// [default: a folder beside the plan].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct SelfcheckArgs {
    /// Scenario files (TOML), or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    seeds: SeedArgs,
    /// Seeds that are checked at the same time [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write checkpoints instead of comparing: what the second process does.
    #[arg(long, hide = true, value_name = "STEPS")]
    emit: Option<u64>,
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// A history (JSON lines).
    #[arg(value_name = "HISTORY")]
    history: PathBuf,
}

#[derive(Args, Debug)]
struct ExplainArgs {
    /// A history (JSON lines).
    #[arg(value_name = "HISTORY")]
    history: PathBuf,
    /// The message, as reports name it: CLIENT.CONNECTION.NUMBER, such as 3.1.17
    /// [default: how many were lost, by reason, with an example of each].
    #[arg(long, value_name = "NAME")]
    message: Option<String>,
    /// The first messages on this subject that somebody did not get.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "message")]
    subject: Option<String>,
    /// The messages at which the first violation shows.
    #[arg(long, conflicts_with_all = ["message", "subject"])]
    first_violation: bool,
}

#[derive(Args, Debug)]
struct ExportArgs {
    /// A history (JSON lines).
    #[arg(value_name = "HISTORY")]
    history: PathBuf,
    /// As what.
    #[arg(long = "as", value_name = "WHAT", value_enum, default_value_t = Export::Report)]
    what: Export,
    /// Where to write it [default: beside the history].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What a history can be written as.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Export {
    /// A page that holds and shows everything, offline.
    Report,
    /// The data of such a page, packed: docs/report-format.md describes them.
    Data,
    /// A trace for Perfetto and Chrome's tracing page, packed.
    Trace,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Scenario files, or folders of them.
    #[arg(default_value = "scenarios", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only scenarios with this tag; several are alternatives.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    params: ParamArgs,
    /// Show the guarantees that there are instead.
    #[arg(long)]
    guarantees: bool,
}

#[derive(Args, Debug)]
struct ValidateArgs {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    params: ParamArgs,
}

#[derive(Args, Debug)]
struct ExpandArgs {
    /// A scenario file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The seed.
    #[arg(long, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    params: ParamArgs,
}

#[derive(Args, Debug)]
struct NewArgs {
    /// The scenario's name.
    #[arg(value_name = "NAME", value_parser = new::parse_name)]
    name: String,
    /// Where to write it; no file is written over [default: scenarios/NAME.toml].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How many regions.
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=16))]
    regions: u8,
}

#[derive(Args, Debug)]
struct KeepArgs {
    /// The number of the process that wants it.
    parent: u32,
    /// The server.
    server: OsString,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Args, Debug)]
struct BenchArgs {
    /// Run each case for at least so long.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    time: u64,
}

/// Why a command could not do its work.
#[derive(Debug)]
enum Failure {
    /// The user must change something.
    Usage(String),
    /// The user must change a file, at these places.
    Scenario(ScenarioError),
    /// Something around the runs failed: a disk, a thread, a second process.
    Harness(String),
}

impl Failure {
    const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Scenario(_) => Exit::Usage,
            Self::Harness(_) => Exit::Harness,
        }
    }

    /// A file that cannot be written is the harness's failure.
    fn writing(what: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Harness(format!("error: cannot write {}: {error}", what.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Harness(text) => f.write_str(text),
            Self::Scenario(error) => error.fmt(f),
        }
    }
}

/// Does what the command line says.
///
/// `engines` are those that the program has beside the pure one.
#[must_use]
pub fn main(engines: &[Engine]) -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run::main(&args, engines),
        Command::Replay(args) => replay::main(&args, engines),
        Command::Compare(args) => compare::main(&args),
        Command::Fidelity(args) => fidelity::main(&args, engines),
        Command::Shrink(args) => shrink::main(&args),
        Command::Selfcheck(args) => selfcheck::main(&args, engines),
        Command::Check(args) => check::main(&args),
        Command::Explain(args) => explain::main(&args),
        Command::Export(args) => export::main(&args),
        Command::List(args) => list::main(&args),
        Command::Validate(args) => validate::main(&args),
        Command::Expand(args) => validate::expand(&args),
        Command::New(args) => new::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Schema => {
            output::text(&schema());
            Ok(Exit::Held)
        }
        Command::Keep(KeepArgs { parent, server, arguments }) => {
            let error = process::keep(parent, &server, &arguments);
            Err(Failure::Harness(format!("error: cannot become the server: {error}")))
        }
    };
    let exit = done.unwrap_or_else(|failure| {
        output::error(&failure.to_string());
        ci::annotate_failure(&failure);
        failure.exit()
    });
    ExitCode::from(exit.code())
}

fn parse_duration(text: &str) -> Result<u64, String> {
    units::duration(text).map_err(|error| error.to_string())
}

/// One thread for each core, if nothing else is said.
fn jobs_or_cores(jobs: Option<u16>) -> usize {
    jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        usize::from,
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
