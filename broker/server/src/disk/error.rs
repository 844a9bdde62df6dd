//! What the system says went wrong, for the node and for the log.

use std::fmt;
use std::io;
use std::path::PathBuf;

use causeway_core::disk::DiskError;
use rustix::io::Errno;

/// An operation that the system refused.
#[derive(Debug)]
pub struct Failure {
    /// What was tried: `open`, `write`, ...
    pub(super) tried: &'static str,
    /// On which file or directory.
    pub(super) path: PathBuf,
    /// What the system said.
    pub(super) error: io::Error,
}

impl Failure {
    /// The error as the node knows it.
    pub(super) fn kind(&self) -> DiskError {
        kind(&self.error)
    }

    /// What tells it from other failures: those that are the same are worth one line.
    pub(super) fn key(&self) -> (PathBuf, Option<i32>) {
        (self.path.clone(), self.error.raw_os_error())
    }
}

impl fmt::Display for Failure {
    /// As Go words it, with the number: `write /store/x: no space left on device (errno 28)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = crate::driver::error_text(&self.error);
        write!(f, "{} {}: {text}", self.tried, self.path.display())?;
        match self.error.raw_os_error() {
            Some(number) => write!(f, " (errno {number})"),
            None => Ok(()),
        }
    }
}

fn kind(error: &io::Error) -> DiskError {
    let Some(errno) = Errno::from_io_error(error) else { return DiskError::Io };
    match errno {
        Errno::NOENT => DiskError::NotFound,
        Errno::NOSPC | Errno::DQUOT => DiskError::NoSpace,
        Errno::ROFS | Errno::ACCESS | Errno::PERM => DiskError::ReadOnly,
        Errno::MFILE | Errno::NFILE => DiskError::TooManyFiles,
        _ => DiskError::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_errors_are_told_apart() {
        for (errno, expected) in [
            (Errno::NOENT, DiskError::NotFound),
            (Errno::NOSPC, DiskError::NoSpace),
            (Errno::DQUOT, DiskError::NoSpace),
            (Errno::ROFS, DiskError::ReadOnly),
            (Errno::ACCESS, DiskError::ReadOnly),
            (Errno::MFILE, DiskError::TooManyFiles),
            (Errno::NFILE, DiskError::TooManyFiles),
            (Errno::IO, DiskError::Io),
            (Errno::FBIG, DiskError::Io),
        ] {
            assert_eq!(kind(&errno.into()), expected, "{errno:?}");
        }
        let path = PathBuf::from("/store/x");
        let failure = Failure { tried: "write", path, error: Errno::NOSPC.into() };
        assert_eq!(failure.kind(), DiskError::NoSpace);
        assert_eq!(failure.to_string(), "write /store/x: no space left on device (errno 28)");
    }
}
