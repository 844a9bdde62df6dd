//! Tasks of this repository that are no part of the product. `cargo xtask` lists them.

mod mutants;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  mutants    plant bugs on purpose, one at a time, and let the simulator look for each
             (cargo xtask mutants --help)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((task, rest)) if task == "mutants" => mutants::main(rest),
        Some((task, _)) if task != "--help" => {
            eprint!("there is no task `{task}`\n{USAGE}");
            ExitCode::from(2)
        }
        _ => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
    }
}
