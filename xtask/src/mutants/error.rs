//! What can go wrong with the task itself.

use std::fmt;
use std::io;
use std::path::Path;

/// Why the task could not be done.
#[derive(Debug)]
pub(super) enum Error {
    /// The user wants to know how to call it.
    Help,
    /// The arguments are wrong.
    Usage(String),
    /// The table of bugs does not fit the code, or itself. One line for each place.
    Table(Vec<String>),
    /// A file or a program around the search failed.
    Around(String),
}

impl Error {
    pub(super) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::Around(format!("cannot {what} {}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => f.write_str("help"),
            Self::Usage(text) | Self::Around(text) => write!(f, "error: {text}"),
            Self::Table(problems) => write!(f, "error: {}", problems.join("\nerror: ")),
        }
    }
}
