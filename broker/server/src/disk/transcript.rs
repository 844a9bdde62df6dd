//! Everything that is done to the files, written down where a testbed asks for it: it can tell then
//! what a power loss would have left ([`causeway_core::store::transcript`]).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_core::disk::{LogId, OpId, OpKind};
use causeway_core::store::transcript::{holds, put_asked, put_begins, put_done};

use super::error::Failure;
use super::volume::FILE_MODE;

/// A transcript that is being written.
#[derive(Debug)]
pub(super) struct Transcript {
    path: PathBuf,
    writing: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    /// Empty between calls.
    bytes: Vec<u8>,
    /// A part of an entry could not be written, and nothing can follow that.
    broken: bool,
}

impl Transcript {
    /// Goes on with the transcript in a file, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path)?;
        let writing = Mutex::new(Writing { file, bytes: Vec::new(), broken: false });
        let transcript = Self { path: path.to_owned(), writing };
        transcript.writing().put(put_begins)?;
        Ok(transcript)
    }

    /// An operation is about to be carried out. Gives what the log is to say the first time that this
    /// cannot be written: the transcript has come to its end then.
    pub(super) fn asked(&self, log: LogId, id: OpId, kind: &OpKind) -> Option<Failure> {
        self.put(kind, |bytes| put_asked(bytes, log, id, kind))
    }

    /// An operation was carried out, and nobody has been told yet. Gives the same as `asked`.
    pub(super) fn done(&self, log: LogId, id: OpId, kind: &OpKind, well: bool) -> Option<Failure> {
        self.put(kind, |bytes| put_done(bytes, log, id, well))
    }

    fn put(&self, kind: &OpKind, entry: impl FnOnce(&mut Vec<u8>)) -> Option<Failure> {
        let error = holds(kind).then(|| self.writing().put(entry))?.err()?;
        Some(Failure { tried: "transcribe to", path: self.path.clone(), error })
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn put(&mut self, entry: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        entry(&mut self.bytes);
        let written = self.file.write_all(&self.bytes);
        self.bytes.clear();
        self.broken = written.is_err();
        written
    }
}
