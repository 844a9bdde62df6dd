//! `--signal command[=target]`.

use std::fmt;

use super::{Action, FlagError};

/// What a running server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalCommand {
    /// `stop`: SIGKILL.
    Stop,
    /// `quit`: SIGINT.
    Quit,
    /// `term`: SIGTERM.
    Term,
    /// `reopen`: SIGUSR1, the log file is opened anew.
    Reopen,
    /// `reload`: SIGHUP, the configuration is read anew.
    Reload,
    /// `ldm`: SIGUSR2, lame duck mode.
    LameDuck,
}

impl SignalCommand {
    /// Every command.
    pub const ALL: [Self; 6] =
        [Self::LameDuck, Self::Stop, Self::Quit, Self::Term, Self::Reopen, Self::Reload];

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Quit => "quit",
            Self::Term => "term",
            Self::Reopen => "reopen",
            Self::Reload => "reload",
            Self::LameDuck => "ldm",
        }
    }
}

impl fmt::Display for SignalCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the value of `--signal`.
pub(super) fn parse(text: &str) -> Result<Action, FlagError> {
    let mut parts = text.split('=');
    let word = parts.next().unwrap_or_default();
    let target = parts.next().map(str::to_owned);
    let rest: Vec<String> = parts.map(str::to_owned).collect();
    if !rest.is_empty() {
        return Err(FlagError::SignalParameters(rest));
    }
    let command = SignalCommand::ALL.into_iter().find(|command| command.as_str() == word);
    let command = command.ok_or_else(|| FlagError::UnknownSignal(word.to_owned()))?;
    Ok(Action::Signal { command, target })
}
