//! Where the text of files and the values of environment variables come from.
//!
//! Parsing is pure: it asks a [`Source`], and what it returns depends on nothing else. The broker
//! hands in [`SystemSource`], a test or a simulation a [`MemorySource`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Answers the two questions that a configuration can ask of its surroundings.
pub trait Source {
    /// Reads a whole file, but not much more than `limit` bytes of it: the caller refuses a longer
    /// one, and need not have all of it for that.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    fn read_file(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The value of an environment variable, if it is set.
    fn env(&self, name: &str) -> Option<String>;
}

/// The files and the environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSource;

impl Source for SystemSource {
    fn read_file(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut text)?;
        Ok(text)
    }

    fn env(&self, name: &str) -> Option<String> {
        // `var_os` panics on names like these on some systems; nats-server just does not find them.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    }
}

/// Files and an environment that exist only in memory. Without any, it is the empty source.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    files: BTreeMap<PathBuf, Vec<u8>>,
    env: BTreeMap<String, String>,
}

impl MemorySource {
    /// A source without files and without environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

impl Source for MemorySource {
    fn read_file(&self, path: &Path, _limit: u64) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
}
