//! The directory of a server: its open files, and each kind of operation carried out on it.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use causeway_core::disk::{Answer, DiskError, FileId, LogId, OpKind};

use super::error::Failure;
use super::keys::KeysError;
use super::lock::{Lock, LockError};
use super::{path, transfer};

/// The owner writes, the group reads; the same as nats-server's.
pub(super) const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// A root directory, locked, with the files that logs have open in it. Shared by the threads.
#[derive(Debug)]
pub(super) struct Volume {
    root: PathBuf,
    files: Mutex<HashMap<(LogId, FileId), Slot>>,
    /// Gone once nobody works here any more.
    lock: Mutex<Option<Lock>>,
}

/// Why a directory cannot be used. The texts are nats-server's where it has one.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made.
    #[error("could not create storage directory - {0}")]
    Create(Failure),
    /// Something else has its name.
    #[error("storage directory is not a directory")]
    NoDirectory,
    /// It is locked, or cannot be written to.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is in it is encrypted, and cannot be read; or nothing can be encrypted.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The system gives no threads.
    #[error("no threads for the disk: {0}")]
    Threads(io::Error),
    /// Nothing can be written where the transcript is to be.
    #[error("no transcript of the disk: {0}")]
    Transcript(io::Error),
}

#[derive(Debug)]
enum Slot {
    Open(Arc<OpenFile>),
    /// What is asked of it fails as opening it did.
    Failed(DiskError),
}

#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    path: PathBuf,
    /// As far as what is written by this number shows.
    len: AtomicU64,
    /// It has become longer or shorter since it was synced.
    resized: AtomicBool,
}

/// What an operation failed with: known to the node, and news for the log or not.
pub(super) type Failed = (DiskError, Option<Failure>);

impl Volume {
    /// Makes the directory if it is not there, durably, and locks it.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        match fs::metadata(root) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Err(OpenError::NoDirectory),
            // One of those that it is to be in.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(OpenError::NoDirectory);
            }
            Err(_) => make_directories(root).map_err(OpenError::Create)?,
        }
        let lock = Lock::take(root)?;
        Ok(Self { root: root.to_owned(), files: Mutex::default(), lock: Mutex::new(Some(lock)) })
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Carries out one operation.
    pub(super) fn carry_out(&self, log: LogId, op: &OpKind) -> Result<Answer, Failed> {
        match op {
            OpKind::Open { file, path, create } => self.open_file((log, *file), path, *create),
            OpKind::Close { file } => {
                self.files().remove(&(log, *file));
                Ok(Answer::Done)
            }
            OpKind::Write { file, at, bytes } => self.with(log, *file, "write", |open| {
                transfer::write(&open.file, *at, bytes)?;
                let len: u64 = bytes.iter().map(|piece| piece.len() as u64).sum();
                let before = open.len.fetch_max(at + len, Ordering::Relaxed);
                if at + len > before {
                    open.resized.store(true, Ordering::Relaxed);
                }
                Ok(Answer::Done)
            }),
            OpKind::Read { file, at, len } => self.with(log, *file, "read", |open| {
                transfer::read(&open.file, *at, *len).map(Answer::Bytes)
            }),
            OpKind::Sync { file } => self.with(log, *file, "sync", OpenFile::sync),
            OpKind::Truncate { file, len } => self.with(log, *file, "truncate", |open| {
                open.file.set_len(*len)?;
                open.resize(*len);
                Ok(Answer::Done)
            }),
            OpKind::Preallocate { file, len } => self.with(log, *file, "preallocate", |open| {
                let from = open.file.metadata()?.len();
                if from < *len {
                    open.resize(*len);
                    transfer::write_zeros(&open.file, from, *len)?;
                }
                Ok(Answer::Done)
            }),
            OpKind::SyncDir { dir } => self.in_directory("sync", dir, sync_directory),
            OpKind::RemoveDir { dir } => self.in_directory("remove", dir, remove_directory),
            OpKind::List { dir } => self.list(dir),
            OpKind::Rename { from, to } => self.rename(from, to),
            OpKind::Remove { path } => {
                let path = self.file_path("remove", path)?;
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(failed("remove", &path, error))
                    }
                    Ok(()) | Err(_) => Ok(Answer::Done),
                }
            }
        }
    }

    /// The bytes of a read, if the file is open and they are in memory.
    pub(super) fn read_cached(&self, log: LogId, file: FileId, at: u64, len: u64) -> Option<Bytes> {
        let open = match self.files().get(&(log, file)) {
            Some(Slot::Open(open)) => Arc::clone(open),
            Some(Slot::Failed(_)) | None => return None,
        };
        // It may have grown by another number that it is open under.
        let there = open.file.metadata().ok()?.len().saturating_sub(at);
        let len = usize::try_from(len.min(there)).ok()?;
        transfer::read_cached(&open.file, at, len)
    }

    /// Lets go of all files.
    pub(super) fn close(&self) {
        self.files().clear();
    }

    /// Lets another server in.
    pub(super) fn release(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn files(&self) -> MutexGuard<'_, HashMap<(LogId, FileId), Slot>> {
        // No operation on the table leaves it half done.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_file(
        &self,
        key: (LogId, FileId),
        path: &causeway_core::disk::Path,
        create: bool,
    ) -> Result<Answer, Failed> {
        let opened = self.file_path("open", path).and_then(|path| open(&path, create));
        let (slot, answer) = match opened {
            Ok(open) => {
                let len = open.len.load(Ordering::Relaxed);
                (Slot::Open(Arc::new(open)), Ok(Answer::Opened { len }))
            }
            Err((kind, failure)) => {
                // A log asks for files that may not be there, to find out.
                let expected = kind == DiskError::NotFound && !create;
                (Slot::Failed(kind), Err((kind, failure.filter(|_| !expected))))
            }
        };
        self.files().insert(key, slot);
        answer
    }

    /// Does something with an open file. The table is free meanwhile.
    fn with(
        &self,
        log: LogId,
        file: FileId,
        tried: &'static str,
        act: impl FnOnce(&OpenFile) -> io::Result<Answer>,
    ) -> Result<Answer, Failed> {
        let open = match self.files().get(&(log, file)) {
            Some(Slot::Open(open)) => Arc::clone(open),
            Some(Slot::Failed(kind)) => return Err((*kind, None)),
            None => return Err((DiskError::NotFound, None)),
        };
        act(&open).map_err(|error| failed(tried, &open.path, error))
    }

    fn in_directory(
        &self,
        tried: &'static str,
        dir: &str,
        act: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Answer, Failed> {
        let path = self.directory_path(tried, dir)?;
        act(&path).map_err(|error| failed(tried, &path, error))?;
        Ok(Answer::Done)
    }

    fn list(&self, dir: &str) -> Result<Answer, Failed> {
        let path = self.directory_path("list", dir)?;
        let (mut files, mut dirs) = match names(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
            Err(error) => return Err(failed("list", &path, error)),
        };
        if dir.is_empty() {
            files.retain(|name| name != path::LOCK_FILE);
        }
        files.sort_unstable();
        dirs.sort_unstable();
        Ok(Answer::Names { files, dirs })
    }

    fn rename(
        &self,
        from: &causeway_core::disk::Path,
        to: &causeway_core::disk::Path,
    ) -> Result<Answer, Failed> {
        let from = self.file_path("rename", from)?;
        let to = self.file_path("rename", to)?;
        let renamed = match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {
                make_parent(&to).map_err(known)?;
                fs::rename(&from, &to)
            }
            other => other,
        };
        renamed.map_err(|error| failed("rename", &from, error))?;
        Ok(Answer::Done)
    }

    fn file_path(
        &self,
        tried: &'static str,
        path: &causeway_core::disk::Path,
    ) -> Result<PathBuf, Failed> {
        let named = || self.root.join(&path.dir).join(&path.name);
        path::file(&self.root, path).map_err(|error| failed(tried, &named(), error))
    }

    fn directory_path(&self, tried: &'static str, dir: &str) -> Result<PathBuf, Failed> {
        path::directory(&self.root, dir).map_err(|error| failed(tried, &self.root.join(dir), error))
    }
}

impl OpenFile {
    fn resize(&self, len: u64) {
        self.len.store(len, Ordering::Relaxed);
        self.resized.store(true, Ordering::Relaxed);
    }

    /// Only what is needed to read the content again, unless the length has changed.
    fn sync(&self) -> io::Result<Answer> {
        if self.resized.swap(false, Ordering::Relaxed) {
            self.file.sync_all().inspect_err(|_| self.resized.store(true, Ordering::Relaxed))?;
        } else {
            self.file.sync_data()?;
        }
        Ok(Answer::Done)
    }
}

fn failed(tried: &'static str, path: &Path, error: io::Error) -> Failed {
    known(Failure { tried, path: path.to_owned(), error })
}

fn known(failure: Failure) -> Failed {
    (failure.kind(), Some(failure))
}

fn open(path: &Path, create: bool) -> Result<OpenFile, Failed> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).mode(FILE_MODE);
    let opened = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            make_parent(path).map_err(known)?;
            options.open(path)
        }
        other => other,
    };
    let opened = opened.and_then(|file| {
        let len = file.metadata()?.len();
        Ok(OpenFile {
            file,
            path: path.to_owned(),
            len: AtomicU64::new(len),
            // Somebody may have written it and not lived to sync it.
            resized: AtomicBool::new(true),
        })
    });
    opened.map_err(|error| failed("open", path, error))
}

fn make_parent(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), make_directories)
}

/// Makes a directory and those above that are missing. Each name is durable before there is
/// anything below it.
fn make_directories(path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure { tried: "mkdir", path: path.to_owned(), error };
    let mut builder = DirBuilder::new();
    builder.mode(DIRECTORY_MODE);
    let made = match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_parent(path)?;
            builder.create(path)
        }
        other => other,
    };
    match made {
        Ok(()) => {}
        // Another log's thread was quicker, and may still be about to make the name durable.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new(".")),
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
    .map_err(failed)
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_directory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names of files and of directories. What is neither, or has a name that is no text, is not ours.
fn names(path: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut files, mut dirs) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            dirs.push(name);
        } else if kind.is_file() {
            files.push(name);
        }
    }
    Ok((files, dirs))
}
