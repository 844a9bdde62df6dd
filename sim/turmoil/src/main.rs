//! `causeway-sim-turmoil`: `causeway-sim` with the engine `turmoil` in it.

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_sim::cli::main(&[causeway_sim_turmoil::ENGINE])
}
