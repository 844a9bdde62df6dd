//! The causeway broker: a drop-in for nats-server.

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_server::boot::run(std::env::args_os().skip(1))
}
