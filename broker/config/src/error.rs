//! What can go wrong between a file and a [`Config`](crate::Config), worded as nats-server does.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

/// Where a value stands: the file, and the line and column of its key.
///
/// Lines count from 1. Columns count bytes, from 0 on the first line and from 1 on all others:
/// that is how nats-server prints them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file as it was named, or as its include path resolves; empty for text without a file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in bytes, from 0 on line 1 and from 1 on all others.
    pub column: u32,
}

impl Position {
    /// The position `line:column` of `file`.
    #[must_use]
    pub fn new(file: &str, line: u32, column: u32) -> Self {
        Self { file: Arc::from(file), line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The text is not in the configuration language, or a file cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A value is wrong where it stands.
    #[error("{at}: {reason}")]
    Value {
        /// Where the value's key is.
        at: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that nats-server does not know either.
    #[error("{at}: unknown field {}", crate::go::quote(field))]
    UnknownField {
        /// Where the key is.
        at: Position,
        /// The key as written.
        field: String,
    },
    /// An option that nats-server has and this version does not have yet.
    #[error("{}option {} is known but not supported by this version of causeway", prefix(at.as_ref()), crate::go::quote(option))]
    NotSupported {
        /// Where the key is; `None` for a command line flag.
        at: Option<Position>,
        /// The option with the blocks that it is in, such as `cluster.tls`.
        option: String,
    },
    /// Options that are fine each on its own but not together, or not for running a server.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    /// Where the error is, if it is at one place.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::Parse(error) => error.position(),
            Self::Value { at, .. } | Self::UnknownField { at, .. } => Some(at),
            Self::NotSupported { at, .. } => at.as_ref(),
            Self::Invalid(_) => None,
        }
    }
}

fn prefix(at: Option<&Position>) -> String {
    at.map_or_else(String::new, |at| format!("{at}: "))
}

/// Something that works, but should be changed. With `-t`, nats-server fails on it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it is; `None` if it is about the file as a whole.
    pub at: Option<Position>,
    /// The text without the position.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", prefix(self.at.as_ref()), self.reason)
    }
}

/// Why a configuration could not be loaded: all errors at once, and the warnings that came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadError {
    /// The errors in the order of the file. Empty only if made from warnings, for `-t`.
    pub errors: Vec<ConfigError>,
    /// The warnings, in the order of the file.
    pub warnings: Vec<Warning>,
}

impl LoadError {
    /// Warnings alone: what `-t` fails with on a file that a server would start with.
    #[must_use]
    pub fn from_warnings(warnings: Vec<Warning>) -> Self {
        Self { errors: Vec::new(), warnings }
    }
}

impl From<ConfigError> for LoadError {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error], warnings: Vec::new() }
    }
}

impl fmt::Display for LoadError {
    /// As nats-server prints it after `nats-server: `: one line for each warning and then for each
    /// error, every one with a line break; but an error without a position has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([error @ (ConfigError::Parse(_) | ConfigError::Invalid(_))], []) =
            (self.errors.as_slice(), self.warnings.as_slice())
        {
            return write!(f, "{error}");
        }
        for warning in &self.warnings {
            writeln!(f, "{warning}")?;
        }
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Text that is not in the configuration language, or a file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text breaks a rule of the grammar.
    #[error("Parse error on line {}: '{reason}'", at.line)]
    Syntax {
        /// Where the text stopped making sense: the character that does not fit, or the one after.
        at: Position,
        /// The rule, as nats-server words it.
        reason: String,
    },
    /// The file ends after a key.
    #[error("config is invalid ({at})")]
    KeyWithoutValue {
        /// The end of the file.
        at: Position,
    },
    /// A key at the end of a map, without a value. nats-server gives the map to that key.
    #[error("{at}: key {} has no value", crate::go::quote(key))]
    KeyAtEndOfMap {
        /// Where the key is.
        at: Position,
        /// The key.
        key: String,
    },
    /// A number or date that cannot be one.
    #[error("{reason}")]
    BadValue {
        /// Where it is.
        at: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable that is defined neither in the file before its use nor in the environment.
    #[error("variable reference for '{name}' on line {} can not be found", at.line)]
    UnknownVariable {
        /// Where it is used.
        at: Position,
        /// Its name, without the `$`.
        name: String,
    },
    /// A variable of the environment whose value is not in the configuration language.
    #[error("variable reference for '{name}' on line {} could not be parsed: {cause}", at.line)]
    BadVariable {
        /// Where it is used.
        at: Position,
        /// Its name, without the `$`.
        name: String,
        /// What is wrong with its value.
        cause: Box<ParseError>,
    },
    /// A variable of the environment that refers to itself.
    #[error("variable reference cycle for '{name}'")]
    VariableCycle {
        /// Where it is used.
        at: Position,
        /// Its name, without the `$`.
        name: String,
    },
    /// An included file that cannot be used.
    #[error("error parsing include file '{path}', {cause}")]
    Include {
        /// Where the `include` is.
        at: Position,
        /// The path as written.
        path: String,
        /// What is wrong with the file.
        cause: Box<ParseError>,
    },
    /// A file that cannot be read.
    #[error("{call} {path}: {reason}")]
    Unreadable {
        /// What was tried: `open` or `read`.
        call: &'static str,
        /// The path that was tried.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A limit of this parser; nats-server has none, and overflows its stack or never ends.
    #[error("{at}: {limit}")]
    Limit {
        /// Where it was passed.
        at: Position,
        /// Which one.
        limit: ParseLimit,
    },
}

/// A limit of the parser. See [`crate::limits`] for the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseLimit {
    /// A file is too long.
    #[error("the file is larger than {} bytes", crate::limits::FILE_BYTES_MAX)]
    FileSize,
    /// Maps and lists are nested too deeply.
    #[error("maps and lists are nested deeper than {} levels", crate::limits::NESTING_MAX)]
    Nesting,
    /// Files include files include files.
    #[error("includes are nested deeper than {} levels", crate::limits::INCLUDE_DEPTH_MAX)]
    IncludeDepth,
    /// The configuration as a whole is too large, with what variables and includes repeat.
    #[error("the configuration is larger than {} bytes", crate::limits::TOTAL_BYTES_MAX)]
    TotalSize,
}

impl ParseError {
    /// Where the error is; `None` if a file could not be read at all.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::Syntax { at, .. }
            | Self::KeyWithoutValue { at }
            | Self::KeyAtEndOfMap { at, .. }
            | Self::BadValue { at, .. }
            | Self::UnknownVariable { at, .. }
            | Self::BadVariable { at, .. }
            | Self::VariableCycle { at, .. }
            | Self::Limit { at, .. } => Some(at),
            // The place inside of the included file says more than the place of the include.
            Self::Include { at, cause, .. } => Some(cause.position().unwrap_or(at)),
            Self::Unreadable { .. } => None,
        }
    }

    /// The error of a file that could not be read, with Go's words for the usual reasons.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let path = path.display().to_string();
        // A directory can be opened; it is reading that fails.
        let call = if error.kind() == io::ErrorKind::IsADirectory { "read" } else { "open" };
        let reason = WORDS.iter().find(|(kind, _)| *kind == error.kind());
        let reason = reason.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned());
        Self::Unreadable { call, path, reason }
    }
}

const WORDS: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::NotFound, "no such file or directory"),
    (io::ErrorKind::PermissionDenied, "permission denied"),
    (io::ErrorKind::NotADirectory, "not a directory"),
    (io::ErrorKind::IsADirectory, "is a directory"),
];
