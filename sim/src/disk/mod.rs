//! A disk: what a process may rely on, and what it may not.
//!
//! The model is that of a file system: names in directories, and files that have a content whether or
//! not a name leads to them. Of everything there are two versions:
//!
//! ```text
//!   write, truncate, preallocate          create, rename, remove
//!              │                                     │
//!              ▼                                     ▼
//!      content as it is read   ── Sync ──►   ...  SyncDir ──►   what a power loss leaves
//!         (volatile)                                                 (durable)
//! ```
//!
//! What is between the two versions is a list of changes. When the power fails, each of them is kept,
//! dropped, torn at sectors or replaced by garbage, by itself and whatever became of those before it;
//! those of directories are kept or dropped, a rename within one directory as a whole. Syncing a file
//! says nothing of its name, and the other way round. That is less than most file systems promise, and
//! all that POSIX does.
//!
//! Beside that a disk has [`Faults`], which are on or off, and [`damage`](Damage) that has been done to
//! sectors. What should be there is kept beside the damage, so that everything can be lifted.
//!
//! Everything is decided by draws of the disk's own stream. [`Disk::run`] carries an operation out at
//! once and says how long it takes; the order of completions is the caller's business.
//!
//! The message log will be the first to write on it; until then no key of scenarios leads here.

mod content;
mod damage;
mod directory;
mod faults;
#[cfg(test)]
mod tests;

pub use damage::Damage;
pub use faults::{Faults, Pace};

use std::collections::{BTreeMap, BTreeSet};

use content::{Change, Content};
use directory::{Directory, Entry};

use crate::rng::Stream;

/// Bytes that are written as a whole, if they are written at all.
pub const SECTOR_BYTES: u64 = 512;

/// A file is torn at whole sectors, or at so many at once.
const TORN_SECTORS: [u64; 4] = [1, 2, 4, 8];

/// A file, by whatever name. Numbers are never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId(u32);

/// A name in a directory.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    /// The directory; all that are named exist.
    pub dir: String,
    /// The name in it.
    pub name: String,
}

/// What a process asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// The file behind a name, which is made if it is not there and `create` is set.
    Open {
        /// The name.
        path: Path,
        /// Whether it is made.
        create: bool,
    },
    /// Puts bytes at a place.
    Write {
        /// The file.
        file: FileId,
        /// Where they begin.
        at: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Takes bytes from a place; fewer if the file ends before.
    Read {
        /// The file.
        file: FileId,
        /// Where they begin.
        at: u64,
        /// How many.
        len: u64,
    },
    /// Makes the content durable.
    Sync {
        /// The file.
        file: FileId,
    },
    /// Makes the names durable.
    SyncDir {
        /// The directory.
        dir: String,
    },
    /// Cuts a file off, or lets it end later with zeros.
    Truncate {
        /// The file.
        file: FileId,
        /// Its length from now on.
        len: u64,
    },
    /// Takes room for a file; it is as long as that, and what is new are zeros.
    Preallocate {
        /// The file.
        file: FileId,
        /// Its least length from now on.
        len: u64,
    },
    /// Gives a file another name; what had that name has it no more.
    Rename {
        /// The name.
        from: Path,
        /// The new one.
        to: Path,
    },
    /// Takes a name away.
    Remove {
        /// The name.
        path: Path,
    },
    /// The names in a directory.
    List {
        /// The directory.
        dir: String,
    },
}

/// What a process is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Of [`Op::Open`].
    Opened {
        /// The file.
        file: FileId,
        /// Its length.
        len: u64,
    },
    /// Of [`Op::Read`].
    Bytes(Vec<u8>),
    /// Of [`Op::List`], sorted.
    Names(Vec<String>),
}

/// Why something could not be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// ENOENT.
    #[error("no such file")]
    NotFound,
    /// EIO.
    #[error("input/output error")]
    Io,
    /// ENOSPC. Of a write, the part for which there was room is there.
    #[error("no space left on device")]
    NoSpace,
    /// EROFS.
    #[error("read-only file system")]
    ReadOnly,
}

/// One machine's disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// What is wrong with it now.
    pub faults: Faults,
    files: BTreeMap<FileId, Content>,
    dirs: BTreeMap<String, Directory>,
    /// Names that cannot be found although they are there.
    hidden: BTreeSet<Path>,
    last_file: u32,
    draws: Stream,
}

impl Disk {
    /// An empty disk with nothing wrong. All of its draws come from `draws`.
    #[must_use]
    pub fn new(draws: Stream) -> Self {
        Self {
            faults: Faults::default(),
            files: BTreeMap::new(),
            dirs: BTreeMap::new(),
            hidden: BTreeSet::new(),
            last_file: 0,
            draws,
        }
    }

    /// Does what a process asks for; also says how many nanoseconds that takes, or `None` while the
    /// disk is stalled: then the answer comes when it goes on.
    ///
    /// # Errors
    /// What the process is told instead of an answer.
    pub fn run(&mut self, op: &Op) -> (Result<Answer, Error>, Option<u64>) {
        let bytes = match op {
            Op::Write { bytes, .. } => bytes.len() as u64,
            Op::Read { len, .. } => *len,
            Op::Sync { file } => self.files.get(file).map_or(0, Content::unsynced_bytes),
            Op::Open { .. }
            | Op::SyncDir { .. }
            | Op::Truncate { .. }
            | Op::Preallocate { .. }
            | Op::Rename { .. }
            | Op::Remove { .. }
            | Op::List { .. } => 0,
        };
        (self.answer(op), self.faults.pace.takes_ns(bytes))
    }

    fn answer(&mut self, op: &Op) -> Result<Answer, Error> {
        let writes =
            !matches!(op, Op::Read { .. } | Op::List { .. } | Op::Open { create: false, .. });
        if writes && self.faults.read_only {
            return Err(Error::ReadOnly);
        }
        match op {
            Op::Open { path, create } => self.open(path, *create),
            Op::Write { file, at, bytes } => self.write(*file, *at, bytes),
            Op::Read { file, at, len } => self.read(*file, *at, *len),
            Op::Sync { file } => self.sync(*file),
            Op::SyncDir { dir } => self.sync_dir(dir),
            Op::Truncate { file, len } => {
                self.room_for(*file, *len)?;
                self.change(*file, Change::Truncate(*len))
            }
            Op::Preallocate { file, len } => {
                self.room_for(*file, *len)?;
                self.change(*file, Change::Allocate(*len))
            }
            Op::Rename { from, to } => self.rename(from, to),
            Op::Remove { path } => {
                self.find(path)?;
                self.entry(&path.dir, Entry::Remove(path.name.clone()));
                Ok(Answer::Done)
            }
            Op::List { dir } => {
                let names = self.dirs.get(dir).into_iter().flat_map(|dir| dir.names());
                let path = |name: &String| Path { dir: dir.clone(), name: name.clone() };
                let seen = names.filter(|name| !self.hidden.contains(&path(name)));
                Ok(Answer::Names(seen.cloned().collect()))
            }
        }
    }

    fn open(&mut self, path: &Path, create: bool) -> Result<Answer, Error> {
        let file = match self.find(path) {
            Err(Error::NotFound) if create => {
                self.last_file += 1;
                let file = FileId(self.last_file);
                self.files.insert(file, Content::default());
                self.hidden.remove(path);
                self.entry(&path.dir, Entry::Put(path.name.clone(), file));
                file
            }
            found => found?,
        };
        let len = self.files.get(&file).map_or(0, Content::len);
        Ok(Answer::Opened { file, len })
    }

    fn write(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<Answer, Error> {
        if self.draws.chance_ppm(self.faults.write_errors_ppm) {
            return Err(Error::Io);
        }
        let free = self.free();
        let content = self.files.get_mut(&file).ok_or(Error::NotFound)?;
        let grows = (at + bytes.len() as u64).saturating_sub(content.len());
        let missing = grows.saturating_sub(free);
        let fits = bytes.len().saturating_sub(usize::try_from(missing).unwrap_or(usize::MAX));
        let put = bytes[..fits].to_vec();
        let stray = self.draws.chance_ppm(self.faults.misdirected_writes_ppm);
        let elsewhere = self.draws.next();
        if !put.is_empty() {
            if stray {
                content.write_elsewhere(at, put, elsewhere);
            } else {
                content.change(Change::Write { at, bytes: put });
            }
        }
        if fits < bytes.len() { Err(Error::NoSpace) } else { Ok(Answer::Done) }
    }

    fn read(&mut self, file: FileId, at: u64, len: u64) -> Result<Answer, Error> {
        if self.draws.chance_ppm(self.faults.read_errors_ppm) {
            return Err(Error::Io);
        }
        let content = self.files.get(&file).ok_or(Error::NotFound)?;
        let mut from = at;
        if self.draws.chance_ppm(self.faults.misdirected_reads_ppm) {
            let sectors = content.len() / SECTOR_BYTES;
            from = self.draws.below(sectors.max(1)) * SECTOR_BYTES + at % SECTOR_BYTES;
        }
        Ok(Answer::Bytes(content.read(from, len)))
    }

    /// A sync that fails leaves the changes where they are, but the system takes them for written: no
    /// later sync looks at them again (what PostgreSQL learnt in 2018).
    fn sync(&mut self, file: FileId) -> Result<Answer, Error> {
        let fails = self.draws.chance_ppm(self.faults.sync_errors_ppm);
        let lies = self.faults.syncs_lie;
        let content = self.files.get_mut(&file).ok_or(Error::NotFound)?;
        if fails {
            content.sync_failed(&mut self.draws);
            return Err(Error::Io);
        }
        if !lies {
            content.sync();
        }
        Ok(Answer::Done)
    }

    fn sync_dir(&mut self, dir: &str) -> Result<Answer, Error> {
        if self.draws.chance_ppm(self.faults.sync_errors_ppm) {
            return Err(Error::Io);
        }
        if !self.faults.syncs_lie
            && let Some(dir) = self.dirs.get_mut(dir)
        {
            dir.sync();
        }
        self.forget_nameless();
        Ok(Answer::Done)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<Answer, Error> {
        let file = self.find(from)?;
        self.hidden.remove(to);
        if from.dir == to.dir {
            let rename = Entry::Rename(from.name.clone(), to.name.clone(), file);
            self.entry(&from.dir, rename);
        } else {
            self.entry(&to.dir, Entry::Put(to.name.clone(), file));
            self.entry(&from.dir, Entry::Remove(from.name.clone()));
        }
        Ok(Answer::Done)
    }

    fn change(&mut self, file: FileId, change: Change) -> Result<Answer, Error> {
        if self.draws.chance_ppm(self.faults.write_errors_ppm) {
            return Err(Error::Io);
        }
        self.files.get_mut(&file).ok_or(Error::NotFound)?.change(change);
        Ok(Answer::Done)
    }

    fn find(&self, path: &Path) -> Result<FileId, Error> {
        let found = self.dirs.get(&path.dir).and_then(|dir| dir.find(&path.name));
        found.filter(|_| !self.hidden.contains(path)).ok_or(Error::NotFound)
    }

    fn entry(&mut self, dir: &str, entry: Entry) {
        self.dirs.entry(dir.to_owned()).or_default().change(entry);
    }

    fn free(&self) -> u64 {
        let used: u64 = self.files.values().map(Content::len).sum();
        self.faults.quota.map_or(u64::MAX, |quota| quota.saturating_sub(used))
    }

    fn room_for(&self, file: FileId, len: u64) -> Result<(), Error> {
        let has = self.files.get(&file).ok_or(Error::NotFound)?.len();
        if len.saturating_sub(has) > self.free() { Err(Error::NoSpace) } else { Ok(()) }
    }

    /// The power fails, and comes again. Whoever had a file open has it no more.
    pub fn lose_power(&mut self) {
        for dir in self.dirs.values_mut() {
            dir.lose_power(&mut self.draws);
        }
        for content in self.files.values_mut() {
            content.lose_power(&mut self.draws);
        }
        self.forget_nameless();
    }

    /// A file to which no name leads in either version is gone. (A process that still has it open is
    /// not modelled: the log removes only what it has closed.)
    fn forget_nameless(&mut self) {
        let named: BTreeSet<FileId> = self.dirs.values().flat_map(Directory::files).collect();
        self.files.retain(|file, _| named.contains(file));
    }

    /// Does something to sectors of a file.
    ///
    /// # Errors
    /// If no name leads to it.
    pub fn damage(&mut self, path: &Path, damage: Damage) -> Result<(), Error> {
        let file = self.find(path)?;
        if damage == Damage::LostFile {
            self.hidden.insert(path.clone());
        } else if let Some(content) = self.files.get_mut(&file) {
            content.damage(damage, &mut self.draws);
        }
        Ok(())
    }

    /// Ends all faults and undoes all damage. What a power loss or a lying sync has cost is not
    /// damage: it was never written.
    pub fn lift(&mut self) {
        self.faults = Faults { quota: self.faults.quota, ..Faults::default() };
        self.hidden.clear();
        self.files.values_mut().for_each(Content::lift);
    }

    /// Another disk is put in: nothing is on it, and nothing can bring back what was on the old one.
    pub fn wipe(&mut self) {
        self.files.clear();
        self.dirs.clear();
        self.hidden.clear();
    }
}
