//! From a command line to a process that serves, and its end.

pub(crate) mod interfaces;
pub(crate) mod jetstream;
mod listen;
pub(crate) mod node_config;
mod signal_command;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use causeway_config::{Action, Config, Flags, HELP_TLS, LoadError, SystemSource, usage};
use causeway_core::limits::COMPATIBLE_VERSION;

pub use jetstream::Storage;
pub use listen::BindError;
pub(crate) use listen::{Bound, Listeners, join};

use crate::server::{Server, StartError};
use crate::signals::{self, Signals};

/// The name that messages begin with, whatever the program is called: tools read them.
const COMPATIBLE_NAME: &str = "nats-server";

/// Threads for name look-ups and password comparisons.
const BLOCKING_THREADS: usize = 8;

/// Runs the program with these arguments, without its name, to its end.
///
/// What goes where, and the exit codes, are nats-server's: the version and the usage go to standard
/// output, everything else to standard error; 0 after a normal end, 1 after an error, and 0 after
/// the usage that a wrong flag is answered with.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    match Flags::parse(args) {
        Ok(Action::Run(flags)) => serve(flags),
        Ok(Action::TestConfig(flags)) => test(&flags),
        Ok(Action::Version) => print(&format!("{COMPATIBLE_NAME}: v{COMPATIBLE_VERSION}\n")),
        Ok(Action::Help) => print(&usage(COMPATIBLE_NAME)),
        Ok(Action::HelpTls) => print(HELP_TLS),
        Ok(Action::Signal { command, target }) => {
            match signal_command::send(command, target.as_deref().unwrap_or_default()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => die(&error.to_string()),
            }
        }
        Err(error) if error.shows_usage() => {
            complain(&format!("{error}\n"));
            print(&usage(COMPATIBLE_NAME));
            ExitCode::from(error.exit_code())
        }
        Err(error) => die(&error.to_string()),
    }
}

/// `-t`: warnings alone are a failure too.
fn test(flags: &Flags) -> ExitCode {
    match Config::load(flags, &SystemSource) {
        Ok((config, warnings)) if warnings.is_empty() => {
            let file = flags.config_file().unwrap_or_default();
            let digest = config.digest.unwrap_or_default();
            let verdict = format!("configuration file {file} is valid ({digest})");
            complain(&format!("{COMPATIBLE_NAME}: {verdict}\n"));
            ExitCode::SUCCESS
        }
        Ok((_, warnings)) => die(&LoadError::from_warnings(warnings).to_string()),
        Err(error) => die(&error.to_string()),
    }
}

fn serve(flags: Flags) -> ExitCode {
    let (config, warnings) = match Config::load(&flags, &SystemSource) {
        Ok(loaded) => loaded,
        Err(error) => return die(&error.to_string()),
    };
    if !warnings.is_empty() {
        complain(&LoadError::from_warnings(warnings.clone()).to_string());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build_local(tokio::runtime::LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return die(&format!("no runtime: {error}")),
    };
    let code = runtime.block_on(async {
        // Before the pid file and "Server is ready": whoever sees them may send a signal.
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return die(&format!("signals cannot be received: {error}")),
        };
        match Server::start(config, flags, &warnings) {
            Ok(server) => signals::serve(server, signals).await,
            Err(StartError::Log(error)) => die(&error.to_string()),
            // The log has said why.
            Err(
                StartError::Bind(_)
                | StartError::JetStream(_)
                | StartError::Pid(_)
                | StartError::Randomness(_),
            ) => ExitCode::FAILURE,
        }
    });
    // Password comparisons and name look-ups under way are nobody's any more.
    runtime.shutdown_background();
    code
}

fn die(message: &str) -> ExitCode {
    complain(&format!("{COMPATIBLE_NAME}: {message}\n"));
    ExitCode::FAILURE
}

fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
