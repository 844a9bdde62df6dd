//! Servers as processes.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::clock::Clock;
use crate::folder::RunFolder;
use crate::keeper::Keeper;
use crate::kernel;

/// A process that was killed is gone within this time, in nanoseconds, or the kernel is in trouble.
const DEATH_NS: u64 = 10_000_000_000;

/// Between two looks, in nanoseconds.
const LOOK_NS: u64 = 1_000_000;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// It is not there, or may not be run.
    #[error("cannot start {}: {why}", program.display())]
    Program {
        /// What was to be run.
        program: PathBuf,
        /// What is wrong.
        why: io::Error,
    },
    /// Something around it.
    #[error("cannot write {}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: io::Error,
    },
}

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Variables of its environment, beside ours.
    pub environment: &'a [(&'a str, &'a Path)],
}

/// A server's process, in a group of its own: a Ctrl-C is for us alone. It is killed when this is
/// dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts a server; what it says goes to the file `log`. The folder writes down that it is ours.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        keeper: Option<&Keeper>,
        program: Program<'_>,
        folder: &RunFolder,
        log: &Path,
    ) -> Result<Self, SpawnError> {
        let file = |why| SpawnError::File { path: log.to_owned(), why };
        let out = File::options().create(true).append(true).open(log).map_err(file)?;
        let err = out.try_clone().map_err(file)?;
        let mut command = match keeper {
            Some(keeper) => {
                let mut command = Command::new(&keeper.program);
                command.args(&keeper.words).arg(std::process::id().to_string()).arg(program.path);
                command
            }
            None => Command::new(program.path),
        };
        command.args(program.arguments).envs(program.environment.iter().copied());
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let spawned = command.spawn();
        let child =
            spawned.map_err(|why| SpawnError::Program { program: program.path.to_owned(), why })?;
        let process = Self { pid: child.id(), child, ended: None };
        folder
            .note(process.pid)
            .map_err(|why| SpawnError::File { path: folder.path().to_owned(), why })?;
        Ok(process)
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended, or the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Err(io::Error::other("it has ended"));
        }
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// If the kernel does not know it.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Whether it stands still by a signal, as the kernel sees it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.ended.is_none() && kernel::process_state(self.pid).is_some_and(|s| s.state == 'T')
    }

    /// Kills it and everything that it has started, and waits until the kernel says that it is gone;
    /// says whether it was this that ended it.
    ///
    /// # Errors
    /// If it is still there.
    pub fn kill(&mut self) -> io::Result<bool> {
        if let Some(status) = self.ended()? {
            return Ok(status.signal() == Some(Signal::KILL.as_raw()));
        }
        // It may end just now.
        let _ended = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let clock = Clock::start();
        while clock.now() < DEATH_NS {
            if let Some(status) = self.ended()? {
                return Ok(status.signal() == Some(Signal::KILL.as_raw()));
            }
            Clock::sleep(LOOK_NS);
        }
        Err(io::Error::other("it was killed and is still there"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell; the next run finds what is left.
        let _left = self.kill();
    }
}
