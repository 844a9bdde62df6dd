//! The keeper: a small program between us and a server, so that the server dies with us, whatever
//! we die of.
//!
//! A process may ask the kernel for a signal when whoever started it ends (`PR_SET_PDEATHSIG`). That
//! must be asked for by the new process itself, before it becomes the server. Rust's standard
//! library lets a program do so between fork and exec only in unsafe code; so it is done by a
//! program of its own, which asks and then becomes the server. The request survives that, for
//! programs without special rights.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// How the keeper is called: a program and the words before `PARENT SERVER ARGUMENTS...`.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// The program.
    pub program: PathBuf,
    /// Its first words.
    pub words: Vec<OsString>,
}

/// What a keeper does: it dies with `parent`, and becomes the server. Comes back only if it cannot.
///
/// # Errors
/// Why it could not become the server.
pub fn keep(parent: u32, server: &OsString, arguments: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have died before we asked.
    let still_there = getppid().map(|pid| pid.as_raw_nonzero().get());
    if still_there != i32::try_from(parent).ok() {
        return io::Error::other("whoever wanted the server has gone");
    }
    Command::new(server).args(arguments).exec()
}
