//! nats-server's command line, in the syntax of Go's `flag` package.
//!
//! `-x v`, `-x=v`, `--x v` and `--x=v` are all the same; a switch is `-x` or `-x=false`, never
//! `-x false`; parsing stops at the first argument that is no flag. Nothing is printed here and
//! nothing exits: [`Flags::parse`] says what to do as an [`Action`].

mod number;
mod signal;
mod table;
mod usage;

pub use signal::SignalCommand;
pub use usage::{HELP_TLS, usage};

use thiserror::Error;

use crate::config::Secret;
use crate::go::quote;
use table::Slot;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run a server with these flags.
    Run(Flags),
    /// `-t`: test the configuration file, say so, and exit. [`Flags::config_file`] is set.
    TestConfig(Flags),
    /// `-v` or `version`: print the version line on standard output, exit 0.
    Version,
    /// `-h` or `help`: print [`usage()`] on standard output, exit 0.
    Help,
    /// `--help_tls`: print [`HELP_TLS`], exit 0.
    HelpTls,
    /// `--signal command[=target]`: send a signal to a running server, exit 0.
    Signal {
        /// Which signal.
        command: SignalCommand,
        /// A process id, the path of a file with one in it, or the begin of a process id and a
        /// `*`. `None` or empty: the one server that runs.
        target: Option<String>,
    },
}

/// A command line that cannot be followed. The text is nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlagError {
    /// Go's flag package refuses the arguments. nats-server prints the text on standard error and
    /// [`usage()`] on standard output, and then exits with **0** ([`FlagError::exit_code`]).
    #[error("{0}")]
    Syntax(String),
    /// The first argument that is no flag is neither `version` nor `help`.
    #[error("unrecognized command: {}", quote(.0))]
    UnknownCommand(String),
    /// `--signal` with a command that does not exist.
    #[error("unknown signal {}", quote(.0))]
    UnknownSignal(String),
    /// `--signal` with more than one `=`.
    #[error("invalid signal parameters: [{}]", .0.join(" "))]
    SignalParameters(Vec<String>),
    /// `-t` without `-c`.
    #[error("must specify [-c, --config] option to check configuration file syntax")]
    TestWithoutConfig,
}

impl FlagError {
    /// What nats-server exits with: 0 after it printed the usage, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.shows_usage())
    }

    /// Whether nats-server prints its usage after the error; it then leaves out the
    /// `nats-server: ` in front of the error.
    #[must_use]
    pub fn shows_usage(&self) -> bool {
        matches!(self, Self::Syntax(_))
    }
}

/// The flags of one command line. Kept by the server, because a reload applies them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<i64>,
    pub(crate) server_name: Option<String>,
    pub(crate) pid_file: Option<String>,
    pub(crate) http_port: Option<i64>,
    pub(crate) https_port: Option<i64>,
    pub(crate) config_file: Option<String>,
    test_config: Option<bool>,
    pub(crate) client_advertise: Option<String>,
    pub(crate) ports_file_dir: Option<String>,
    pub(crate) log_file: Option<String>,
    pub(crate) logtime: Option<bool>,
    pub(crate) logtime_utc: Option<bool>,
    pub(crate) syslog: Option<bool>,
    pub(crate) remote_syslog: Option<String>,
    pub(crate) debug: Option<bool>,
    pub(crate) trace: Option<bool>,
    pub(crate) verbose_trace: Option<bool>,
    pub(crate) debug_and_trace: Option<bool>,
    pub(crate) debug_and_verbose_trace: Option<bool>,
    pub(crate) log_size_limit: Option<i64>,
    pub(crate) max_traced_msg_len: Option<i64>,
    pub(crate) jetstream: Option<bool>,
    pub(crate) store_dir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) pass: Option<Secret>,
    pub(crate) auth: Option<Secret>,
    pub(crate) tls: Option<bool>,
    pub(crate) tls_verify: Option<bool>,
    pub(crate) tls_cert: Option<String>,
    pub(crate) tls_key: Option<String>,
    pub(crate) tls_ca_cert: Option<String>,
    pub(crate) routes: Option<Secret>,
    pub(crate) cluster: Option<Secret>,
    pub(crate) cluster_name: Option<String>,
    pub(crate) cluster_advertise: Option<String>,
    pub(crate) no_advertise: Option<bool>,
    pub(crate) connect_retries: Option<i64>,
    pub(crate) profile_port: Option<i64>,
    signal: Option<String>,
    help: Option<bool>,
    version: Option<bool>,
    help_tls: Option<bool>,
}

impl Flags {
    /// Reads a command line, without the name of the program.
    ///
    /// # Errors
    ///
    /// Where nats-server refuses it, with nats-server's words: see [`FlagError`].
    pub fn parse<I>(args: I) -> Result<Action, FlagError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let (flags, rest) = Self::parse_flags(args.into_iter().map(Into::into))?;
        flags.action(rest)
    }

    /// `-c`: the configuration file.
    #[must_use]
    pub fn config_file(&self) -> Option<&str> {
        self.config_file.as_deref().filter(|path| !path.is_empty())
    }

    /// `-t`: the configuration is only to be tested.
    #[must_use]
    pub fn test_config(&self) -> bool {
        self.test_config == Some(true)
    }

    /// What these flags ask for, and `command`, the first argument that is no flag.
    fn action(self, command: Option<String>) -> Result<Action, FlagError> {
        // The order is nats-server's: version wins over help, both over everything else.
        if self.version == Some(true) {
            return Ok(Action::Version);
        }
        if self.help == Some(true) {
            return Ok(Action::Help);
        }
        if self.help_tls == Some(true) {
            return Ok(Action::HelpTls);
        }
        if let Some(word) = command {
            return match word.to_lowercase().as_str() {
                "version" => Ok(Action::Version),
                "help" => Ok(Action::Help),
                _ => Err(FlagError::UnknownCommand(word)),
            };
        }
        if let Some(signal) = self.signal.as_deref().filter(|text| !text.is_empty()) {
            return signal::parse(signal);
        }
        if !self.test_config() {
            return Ok(Action::Run(self));
        }
        if self.config_file().is_none() {
            return Err(FlagError::TestWithoutConfig);
        }
        Ok(Action::TestConfig(self))
    }

    /// The flags, and the first argument that is none.
    fn parse_flags(
        mut args: impl Iterator<Item = String>,
    ) -> Result<(Self, Option<String>), FlagError> {
        let mut flags = Self::default();
        while let Some(arg) = args.next() {
            let name_and_value = match arg.strip_prefix('-') {
                Some("-") => return Ok((flags, args.next())),
                Some("") | None => return Ok((flags, Some(arg))),
                Some(rest) => rest.strip_prefix('-').unwrap_or(rest),
            };
            if name_and_value.starts_with(['-', '=']) {
                return Err(FlagError::Syntax(format!("bad flag syntax: {arg}")));
            }
            let (name, value) = match name_and_value.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name_and_value, None),
            };
            let Some(row) = table::find(name) else {
                let text = format!("flag provided but not defined: -{name}");
                return Err(FlagError::Syntax(text));
            };
            let value = match (value, row.slot) {
                (Some(value), _) => value,
                (None, Slot::Switch(_)) => "true".to_owned(),
                (None, Slot::Int(_) | Slot::Text(_) | Slot::Secret(_)) => {
                    let missing = || format!("flag needs an argument: -{name}");
                    args.next().ok_or_else(|| FlagError::Syntax(missing()))?
                }
            };
            flags.set(row.slot, name, value).map_err(FlagError::Syntax)?;
        }
        Ok((flags, None))
    }

    fn set(&mut self, slot: Slot, name: &str, value: String) -> Result<(), String> {
        match slot {
            Slot::Switch(place) => {
                let invalid =
                    || format!("invalid boolean value {} for -{name}: parse error", quote(&value));
                *place(self) = Some(number::parse_bool(&value).ok_or_else(invalid)?);
            }
            Slot::Int(place) => {
                let invalid =
                    |reason| format!("invalid value {} for flag -{name}: {reason}", quote(&value));
                *place(self) = Some(number::parse_int(&value).map_err(invalid)?);
            }
            Slot::Text(place) => *place(self) = Some(value),
            Slot::Secret(place) => *place(self) = Some(Secret::new(value)),
        }
        Ok(())
    }
}
