//! One server for one directory.
//!
//! Two servers that write the same files would destroy them. The lock is the system's, on an open
//! file, so it ends with the process whatever happens to that; the file's content is for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::path::LOCK_FILE;
use super::volume::FILE_MODE;

/// Held as long as a server uses the directory.
#[derive(Debug)]
pub(super) struct Lock {
    /// The system's lock is gone with it.
    _file: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server uses it.
    #[error("storage directory \"{dir}\" is in use by another server (pid {pid})")]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who, as far as the file says.
        pid: String,
    },
    /// The lock file cannot be made.
    #[error("storage directory is not writable: {0}")]
    Unusable(io::Error),
}

impl Lock {
    /// Takes the lock of `dir`, which must be there.
    pub(super) fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut file = options.open(&path).map_err(LockError::Unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = holder(&mut file);
                return Err(LockError::InUse { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Unusable(error)),
        }
        let told = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        told.map_err(LockError::Unusable)?;
        Ok(Self { _file: file })
    }
}

/// The process that the file names; it may be about to write that.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_server() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let text = Lock::take(dir.path()).map(drop).unwrap_err().to_string();
        let pid = std::process::id();
        let expected = format!(
            "storage directory \"{}\" is in use by another server (pid {pid})",
            dir.path().display()
        );
        assert_eq!(text, expected);
        drop(lock);
        // What a process that died left behind does no harm.
        drop(Lock::take(dir.path()).unwrap());
        let missing = Lock::take(&dir.path().join("none")).map(drop).unwrap_err();
        assert!(matches!(missing, LockError::Unusable(_)), "{missing}");
    }
}
