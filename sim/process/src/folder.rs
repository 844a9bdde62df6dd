//! The folder of a run, and what is left of runs that were killed.
//!
//! All folders of runs stand in one. Each holds a lock, which the kernel lets go when its owner dies,
//! and the list of the processes that were started. So whoever comes next can tell a run that goes on
//! from one that is over, and end what the latter has left, and nothing else: a process is named by
//! its number and by when it was started.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::kernel;

const LOCK: &str = "lock";
const PIDS: &str = "pids";

/// The folder of a run. It is removed when this is dropped, unless it is [kept](Self::keep).
#[derive(Debug)]
pub struct RunFolder {
    folder: TempDir,
    /// Locked as long as it is open.
    _lock: File,
}

/// What was left of earlier runs, and is gone now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Left {
    /// Runs.
    pub runs: usize,
    /// Their processes that still ran.
    pub processes: usize,
}

impl RunFolder {
    /// A new folder within `home`, which is made if it is not there, after what was left there has
    /// been cleaned up.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(home: &Path) -> io::Result<(Self, Left)> {
        fs::create_dir_all(home)?;
        let left = clean_up(home);
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(home)?;
        // It is locked before anybody can find it.
        let unlocked = folder.path().join("lock.new");
        let lock = File::options().create_new(true).write(true).open(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        Ok((Self { folder, _lock: lock }, left))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes down a process.
    pub(crate) fn note(&self, pid: u32) -> io::Result<()> {
        let started = kernel::process_state(pid).map_or(0, |state| state.started);
        let path = self.path().join(PIDS);
        let mut file = File::options().create(true).append(true).open(path)?;
        writeln!(file, "{pid} {started}")
    }

    /// Leaves the folder where it is, for people to look at. The next run removes it.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Ends what runs have left that are over, and removes their folders.
fn clean_up(home: &Path) -> Left {
    let mut left = Left::default();
    let Ok(entries) = fs::read_dir(home) else { return left };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => continue,
        }
        left.runs += 1;
        let list = fs::read_to_string(folder.join(PIDS)).unwrap_or_default();
        left.processes += list.lines().filter(|line| end(line).is_some()).count();
        // Another run may be cleaning up as well.
        let _gone = fs::remove_dir_all(&folder);
    }
    left
}

/// Kills the process that a line tells of, if it is still that one.
fn end(line: &str) -> Option<()> {
    let (pid, started) = line.split_once(' ')?;
    let (pid, started): (u32, u64) = (pid.parse().ok()?, started.parse().ok()?);
    let now = kernel::process_state(pid)?;
    if now.started != started || now.state == 'Z' {
        return None;
    }
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    kill_process(pid, Signal::KILL).ok()
}
