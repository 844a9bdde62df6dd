//! `causeway-sim`: runs scenarios against the simulated cluster and says which guarantees held.

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_sim::cli::main(&[])
}
