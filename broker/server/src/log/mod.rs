//! The log: nats-server's line format, so that whatever reads its logs reads ours.
//!
//! ```text
//! [4242] 2026/11/24 00:49:22.206440 [INF] Server is ready
//! ```
//!
//! Lines are written when they are made, one system call each, as nats-server does: the last words
//! of a process that dies are the ones that matter.

mod buffers;
mod clock;
mod events;
mod file;
mod journal;

use std::cell::RefCell;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::rc::Rc;

use causeway_config::Logging;

pub use clock::civil;
pub use journal::LogJournal;

use clock::TimeStyle;
use file::LogFile;

/// How important a line is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// What an operator wants to know.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
    /// The process ends because of it.
    Fatal,
    /// For the developers of a deployment.
    Debug,
    /// Protocol operations.
    Trace,
}

impl Level {
    const fn label(self) -> &'static str {
        match self {
            Self::Info => "INF",
            Self::Warn => "WRN",
            Self::Error => "ERR",
            Self::Fatal => "FTL",
            Self::Debug => "DBG",
            Self::Trace => "TRC",
        }
    }

    /// The terminal colour, as an SGR parameter.
    const fn colour(self) -> &'static str {
        match self {
            Self::Info => "32",
            Self::Warn => "0;93",
            Self::Error | Self::Fatal => "31",
            Self::Debug => "36",
            Self::Trace => "33",
        }
    }
}

/// The process's log. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    inner: Rc<RefCell<Inner>>,
}

struct Inner {
    style: Style,
    target: Target,
    /// The line under construction, kept for its memory.
    line: Vec<u8>,
}

/// How lines look, and which are written.
struct Style {
    time: TimeStyle,
    debug: bool,
    trace: bool,
    colours: bool,
    /// Bytes of a traced payload that are shown.
    payload_max: Option<u64>,
}

enum Target {
    Stderr,
    File(LogFile),
    /// For tests: lines without a time.
    #[cfg(test)]
    Memory(Rc<RefCell<String>>),
}

impl Log {
    /// Opens the log that the configuration asks for.
    ///
    /// # Errors
    /// If the log file cannot be opened; the text names it.
    pub fn open(settings: &Logging) -> Result<Self, OpenError> {
        let inner = Inner {
            target: Target::open(settings)?,
            style: Style::new(settings),
            line: Vec::with_capacity(256),
        };
        let log = Self { inner: Rc::new(RefCell::new(inner)) };
        log.rotate_if_oversize();
        Ok(log)
    }

    /// Changes to other settings; keeps the present ones if the new file cannot be opened.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn change(&self, settings: &Logging) -> Result<(), OpenError> {
        let target = Target::open(settings)?;
        let mut inner = self.inner.borrow_mut();
        inner.target = target;
        inner.style = Style::new(settings);
        drop(inner);
        self.rotate_if_oversize();
        Ok(())
    }

    /// Whether debug lines are wanted.
    #[must_use]
    pub fn debug_enabled(&self) -> bool {
        self.inner.borrow().style.debug
    }

    /// How many bytes of a traced payload are shown.
    fn payload_max(&self) -> Option<u64> {
        self.inner.borrow().style.payload_max
    }

    /// Writes a line, if its level is wanted. A log that cannot be written to loses lines: there is
    /// no better place to say so.
    pub fn line(&self, level: Level, text: fmt::Arguments<'_>) {
        self.inner.borrow_mut().write(level, |line| {
            let _ = line.write_fmt(text);
        });
    }

    /// Writes a line of any bytes.
    pub fn bytes(&self, level: Level, text: &[u8]) {
        self.inner.borrow_mut().write(level, |line| line.extend_from_slice(text));
    }

    /// Writes an information line.
    pub fn info(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Info, text);
    }

    /// Writes a warning.
    pub fn warn(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Warn, text);
    }

    /// Writes an error.
    pub fn error(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Error, text);
    }

    fn rotate_if_oversize(&self) {
        let oversize = match &self.inner.borrow().target {
            Target::File(file) => file.is_oversize(),
            Target::Stderr => false,
            #[cfg(test)]
            Target::Memory(_) => false,
        };
        if oversize {
            self.info(format_args!("Rotating logfile..."));
        }
    }

    /// A log into memory, with all levels and without times.
    #[cfg(test)]
    pub(crate) fn memory() -> (Self, Rc<RefCell<String>>) {
        let text = Rc::new(RefCell::new(String::new()));
        let style = Style {
            time: TimeStyle::Absent,
            debug: true,
            trace: true,
            colours: false,
            payload_max: None,
        };
        let target = Target::Memory(Rc::clone(&text));
        let inner = Inner { style, target, line: Vec::new() };
        (Self { inner: Rc::new(RefCell::new(inner)) }, text)
    }
}

/// The log file could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("error opening file: open {path}: {error}")]
pub struct OpenError {
    path: String,
    error: std::io::Error,
}

impl Target {
    fn open(settings: &Logging) -> Result<Self, OpenError> {
        let Some(path) = &settings.file else { return Ok(Self::Stderr) };
        LogFile::open(path, settings.size_limit, settings.max_files)
            .map(Self::File)
            .map_err(|error| OpenError { path: path.display().to_string(), error })
    }
}

impl Style {
    fn new(settings: &Logging) -> Self {
        Self {
            time: TimeStyle::new(settings.logtime, settings.logtime_utc),
            debug: settings.debug,
            trace: settings.trace,
            colours: settings.file.is_none() && std::io::stderr().is_terminal(),
            payload_max: settings.max_traced_msg_len,
        }
    }

    fn wants(&self, level: Level) -> bool {
        match level {
            Level::Debug => self.debug,
            Level::Trace => self.trace,
            Level::Info | Level::Warn | Level::Error | Level::Fatal => true,
        }
    }

    /// What precedes the text: process, time, level.
    fn prefix(&self, line: &mut Vec<u8>, level: Level) {
        let _ = write!(line, "[{}] ", std::process::id());
        self.time.write(line);
        let label = level.label();
        let _ = if self.colours {
            write!(line, "[\x1b[{}m{label}\x1b[0m] ", level.colour())
        } else {
            write!(line, "[{label}] ")
        };
    }
}

impl Inner {
    fn write(&mut self, level: Level, text: impl FnOnce(&mut Vec<u8>)) {
        if !self.style.wants(level) {
            return;
        }
        let Self { style, target, line } = self;
        line.clear();
        style.prefix(line, level);
        text(line);
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        match target {
            Target::Stderr => {
                let _ = std::io::stderr().lock().write_all(line);
            }
            Target::File(file) => file.write(line, |note, line| {
                line.clear();
                style.prefix(line, Level::Info);
                line.extend_from_slice(note.as_bytes());
                line.push(b'\n');
            }),
            #[cfg(test)]
            Target::Memory(all) => {
                let start = line.iter().position(|&byte| byte == b']').map_or(0, |at| at + 2);
                all.borrow_mut().push_str(&String::from_utf8_lossy(&line[start..]));
            }
        }
        // A long trace must not be paid for by every later line.
        if line.capacity() > 64 << 10 {
            *line = Vec::with_capacity(256);
        }
    }
}
