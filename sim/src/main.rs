//! `causeway-sim`: runs scenarios against the simulated cluster and says which guarantees held.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
