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
//! dropped, torn at sectors or replaced by garbage or by what other pages hold, by itself and whatever
//! became of those before it; those of directories are kept or dropped, a rename within one directory as
//! a whole. Syncing a file says nothing of its name, and the other way round. That is less than most file
//! systems promise, and all that POSIX does.
//!
//! Beside that a disk has [`Faults`], which are on or off, and [`damage`](Damage) that has been done to
//! sectors. What should be there is kept beside the damage, so that everything can be lifted.
//!
//! Everything is decided by draws of the disk's own stream. [`Disk::run`] carries an operation out at
//! once and says how long it takes; the order of completions is the caller's business. Operations are
//! those of the message log ([`causeway_store::disk`]).

mod content;
mod damage;
mod directory;
mod faults;
mod padded;
#[cfg(test)]
mod tests;
mod unsynced;

pub use damage::Damage;
pub use faults::{Faults, Pace};

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use causeway_store::disk::{Answer, DiskError, FileId, LogId, Op, OpId, OpKind, Path};

use content::{Change, Content};
use directory::{Directory, Entry};
use unsynced::SyncId;

use crate::rng::Stream;

/// Bytes that are written as a whole, if they are written at all.
pub const SECTOR_BYTES: u64 = 512;

/// A file is torn at whole sectors, or at so many at once.
const TORN_SECTORS: [u64; 4] = [1, 2, 4, 8];

/// What a drive keeps together, and may find at the wrong place after a power loss.
const PAGE_BYTES: u64 = 8 * SECTOR_BYTES;

/// Of each file, so many pages may turn up elsewhere when the power fails.
const PAGES_ASTRAY: usize = 4;

/// So many pages of files that are no more may turn up.
const FREED_PAGES: usize = 16;

/// The content behind names and open files. Numbers are never used again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Inode(u32);

/// One machine's disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// What is wrong with it now.
    pub faults: Faults,
    files: BTreeMap<Inode, Content>,
    dirs: BTreeMap<String, Directory>,
    /// What each log has open.
    open: BTreeMap<(LogId, FileId), Inode>,
    /// Names that cannot be found although they are there.
    hidden: BTreeSet<Path>,
    last_file: u32,
    /// Pages of files that are no more.
    freed: Vec<Vec<u8>>,
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
            open: BTreeMap::new(),
            hidden: BTreeSet::new(),
            last_file: 0,
            freed: Vec::new(),
            draws,
        }
    }

    /// Does what a process asks for; also says how many nanoseconds that takes, or `None` while the
    /// disk is stalled: then the answer comes when it goes on.
    ///
    /// # Errors
    /// What the process is told instead of an answer.
    pub fn run(&mut self, op: &Op) -> (Result<Answer, DiskError>, Option<u64>) {
        let bytes = match &op.kind {
            OpKind::Write { bytes, .. } => bytes.iter().map(|piece| piece.len() as u64).sum(),
            OpKind::Read { len, .. } => *len,
            OpKind::Sync { file } => {
                self.opened(op.log, *file).map_or(0, |content| content.unsynced_bytes())
            }
            OpKind::Open { .. }
            | OpKind::Close { .. }
            | OpKind::SyncDir { .. }
            | OpKind::Truncate { .. }
            | OpKind::Preallocate { .. }
            | OpKind::Rename { .. }
            | OpKind::Remove { .. }
            | OpKind::RemoveDir { .. }
            | OpKind::List { .. } => 0,
        };
        (self.answer(op), self.faults.pace.takes_ns(bytes))
    }

    /// A sync begins that will be [run](Self::run) when it ends: it covers what has been written by
    /// now, and that is durable when it has ended.
    pub fn sync_begins(&mut self, op: &Op) {
        let sync = (op.log, op.id);
        if let OpKind::Sync { file } = op.kind
            && let Ok(content) = self.opened(op.log, file)
        {
            content.sync_begins(sync);
        } else if let OpKind::SyncDir { dir } = &op.kind
            && let Some(dir) = self.dirs.get_mut(dir)
        {
            dir.sync_begins(sync);
        }
    }

    fn answer(&mut self, asked: &Op) -> Result<Answer, DiskError> {
        let (log, op) = (asked.log, &asked.kind);
        let reads = matches!(
            op,
            OpKind::Read { .. }
                | OpKind::List { .. }
                | OpKind::Close { .. }
                | OpKind::Open { create: false, .. }
        );
        if !reads && self.faults.read_only {
            return Err(DiskError::ReadOnly);
        }
        match op {
            OpKind::Open { file, path, create } => self.open((log, *file), path, *create),
            OpKind::Close { file } => {
                self.open.remove(&(log, *file)).ok_or(DiskError::NotFound)?;
                self.forget_unreachable();
                Ok(Answer::Done)
            }
            OpKind::Write { file, at, bytes } => self.write((log, *file), *at, &bytes.concat()),
            OpKind::Read { file, at, len } => self.read((log, *file), *at, *len),
            OpKind::Sync { file } => self.sync((log, *file), asked.id),
            OpKind::SyncDir { dir } => self.sync_dir(dir, (log, asked.id)),
            OpKind::Truncate { file, len } => {
                self.room_for((log, *file), *len)?;
                self.change((log, *file), Change::Truncate(*len))
            }
            OpKind::Preallocate { file, len } => {
                self.room_for((log, *file), *len)?;
                self.change((log, *file), Change::Allocate(*len))
            }
            OpKind::Rename { from, to } => self.rename(from, to),
            OpKind::Remove { path } => {
                match self.find(path) {
                    Err(DiskError::NotFound) => return Ok(Answer::Done),
                    found => found?,
                };
                self.entry(&path.dir, Entry::Remove(path.name.clone()));
                self.forget_unreachable();
                Ok(Answer::Done)
            }
            OpKind::RemoveDir { dir } => self.remove_dir(dir),
            OpKind::List { dir } => Ok(self.list(dir)),
        }
    }

    fn open(
        &mut self,
        as_file: (LogId, FileId),
        path: &Path,
        create: bool,
    ) -> Result<Answer, DiskError> {
        if self.faults.most_open.is_some_and(|most| self.open.len() as u64 >= most) {
            return Err(DiskError::TooManyFiles);
        }
        let inode = match self.find(path) {
            Err(DiskError::NotFound) if create => {
                self.last_file += 1;
                let inode = Inode(self.last_file);
                self.files.insert(inode, Content::default());
                self.hidden.remove(path);
                self.entry(&path.dir, Entry::Put(path.name.clone(), inode));
                inode
            }
            found => found?,
        };
        let before = self.open.insert(as_file, inode);
        assert!(before.is_none(), "the number of an open file was used for another: {as_file:?}");
        let len = self.files.get(&inode).map_or(0, Content::len);
        Ok(Answer::Opened { len })
    }

    fn write(&mut self, file: (LogId, FileId), at: u64, bytes: &[u8]) -> Result<Answer, DiskError> {
        if self.draws.chance_ppm(self.faults.write_errors_ppm) {
            return Err(DiskError::Io);
        }
        let grows = (at + bytes.len() as u64).saturating_sub(self.opened(file.0, file.1)?.len());
        let missing = grows.saturating_sub(self.free());
        let fits = bytes.len().saturating_sub(usize::try_from(missing).unwrap_or(usize::MAX));
        let put = bytes[..fits].to_vec();
        let stray = self.draws.chance_ppm(self.faults.misdirected_writes_ppm);
        let elsewhere = self.draws.next();
        let content = self.opened(file.0, file.1)?;
        if !put.is_empty() {
            if stray {
                content.write_elsewhere(at, put, elsewhere);
            } else {
                content.change(Change::Write { at, bytes: put });
            }
        }
        if fits < bytes.len() { Err(DiskError::NoSpace) } else { Ok(Answer::Done) }
    }

    fn read(&mut self, file: (LogId, FileId), at: u64, len: u64) -> Result<Answer, DiskError> {
        if self.draws.chance_ppm(self.faults.read_errors_ppm) {
            return Err(DiskError::Io);
        }
        let misdirected = self.draws.chance_ppm(self.faults.misdirected_reads_ppm);
        let elsewhere = self.draws.next();
        let content = self.opened(file.0, file.1)?;
        let mut from = at;
        if misdirected {
            let sectors = (content.len() / SECTOR_BYTES).max(1);
            from = elsewhere % sectors * SECTOR_BYTES + at % SECTOR_BYTES;
        }
        Ok(Answer::Bytes(Bytes::from(content.read(from, len))))
    }

    /// A sync that fails leaves the changes where they are, but the system takes them for written: no
    /// later sync looks at them again (what PostgreSQL learnt in 2018).
    fn sync(&mut self, file: (LogId, FileId), id: OpId) -> Result<Answer, DiskError> {
        let fails = self.draws.chance_ppm(self.faults.sync_errors_ppm);
        let lies = self.faults.syncs_lie;
        let inode = self.open.get(&file).ok_or(DiskError::NotFound)?;
        let content = self.files.get_mut(inode).ok_or(DiskError::NotFound)?;
        if fails {
            content.sync_failed((file.0, id), &mut self.draws);
            return Err(DiskError::Io);
        }
        if !lies {
            content.sync((file.0, id));
        }
        Ok(Answer::Done)
    }

    fn sync_dir(&mut self, dir: &str, sync: SyncId) -> Result<Answer, DiskError> {
        if self.draws.chance_ppm(self.faults.sync_errors_ppm) {
            return Err(DiskError::Io);
        }
        if !self.faults.syncs_lie
            && let Some(dir) = self.dirs.get_mut(dir)
        {
            dir.sync(sync);
        }
        self.forget_unreachable();
        Ok(Answer::Done)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<Answer, DiskError> {
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

    /// A directory without names is not listed; it is there again if a power loss brings names back.
    fn remove_dir(&mut self, dir: &str) -> Result<Answer, DiskError> {
        match self.dirs.get(dir) {
            Some(found) if found.names().next().is_some() => Err(DiskError::Io),
            Some(_) | None => Ok(Answer::Done),
        }
    }

    fn list(&self, dir: &str) -> Answer {
        let names = self.dirs.get(dir).into_iter().flat_map(|dir| dir.names());
        let path = |name: &String| Path { dir: dir.to_owned(), name: name.clone() };
        let files = names.filter(|name| !self.hidden.contains(&path(name))).cloned().collect();
        let inside = |(name, found): (&String, &Directory)| {
            let below =
                if dir.is_empty() { name } else { name.strip_prefix(dir)?.strip_prefix('/')? };
            found.names().next()?;
            Some(below.split('/').next().unwrap_or(below).to_owned())
        };
        let dirs: BTreeSet<String> = self.dirs.iter().filter_map(inside).collect();
        Answer::Names { files, dirs: dirs.into_iter().collect() }
    }

    fn change(&mut self, file: (LogId, FileId), change: Change) -> Result<Answer, DiskError> {
        if self.draws.chance_ppm(self.faults.write_errors_ppm) {
            return Err(DiskError::Io);
        }
        self.opened(file.0, file.1)?.change(change);
        Ok(Answer::Done)
    }

    fn opened(&mut self, log: LogId, file: FileId) -> Result<&mut Content, DiskError> {
        let inode = self.open.get(&(log, file)).ok_or(DiskError::NotFound)?;
        self.files.get_mut(inode).ok_or(DiskError::NotFound)
    }

    fn find(&self, path: &Path) -> Result<Inode, DiskError> {
        let found = self.dirs.get(&path.dir).and_then(|dir| dir.find(&path.name));
        found.filter(|_| !self.hidden.contains(path)).ok_or(DiskError::NotFound)
    }

    fn entry(&mut self, dir: &str, entry: Entry) {
        self.dirs.entry(dir.to_owned()).or_default().change(entry);
    }

    fn free(&self) -> u64 {
        let Some(quota) = self.faults.quota else { return u64::MAX };
        quota.saturating_sub(self.files.values().map(Content::len).sum())
    }

    fn room_for(&mut self, file: (LogId, FileId), len: u64) -> Result<(), DiskError> {
        let free = self.free();
        let has = self.opened(file.0, file.1)?.len();
        if len.saturating_sub(has) > free { Err(DiskError::NoSpace) } else { Ok(()) }
    }

    /// All names that lead to a file.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Path> {
        let names = self.dirs.iter().flat_map(|(dir, found)| {
            found.names().map(|name| Path { dir: dir.clone(), name: name.clone() })
        });
        names.filter(|path| self.find(path).is_ok()).collect()
    }

    /// What is read in the file behind a name, if there is one.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let content = self.files.get(&self.find(path).ok()?)?;
        Some(content.read(0, content.len()))
    }

    /// The names of an open file; `None` if it is not open.
    #[must_use]
    pub fn names_of(&self, log: LogId, file: FileId) -> Option<BTreeSet<Path>> {
        let inode = *self.open.get(&(log, file))?;
        let in_dir = |(dir, found): (&String, &Directory)| -> Vec<Path> {
            let path = |name: &String| Path { dir: dir.clone(), name: name.clone() };
            found.names_of(inode).map(path).collect()
        };
        Some(self.dirs.iter().flat_map(in_dir).collect())
    }

    /// The process ends: it has no file open any more. Everything it wrote is still read.
    pub fn end_process(&mut self) {
        self.open.clear();
        self.forget_syncs();
        self.forget_unreachable();
    }

    fn forget_syncs(&mut self) {
        self.files.values_mut().for_each(Content::forget_syncs);
        self.dirs.values_mut().for_each(Directory::forget_syncs);
    }

    /// The power fails, and comes again. Whoever had a file open has it no more.
    pub fn lose_power(&mut self) {
        self.open.clear();
        self.forget_syncs();
        for dir in self.dirs.values_mut() {
            dir.lose_power(&mut self.draws);
        }
        let mut astray = std::mem::take(&mut self.freed);
        for content in self.files.values() {
            astray.extend(content.some_pages(PAGES_ASTRAY, &mut self.draws));
        }
        for content in self.files.values_mut() {
            content.lose_power(&astray, &mut self.draws);
        }
        self.forget_unreachable();
    }

    /// A file to which no name leads in either version, and that nobody has open, is gone.
    fn forget_unreachable(&mut self) {
        let named = self.dirs.values().flat_map(Directory::files);
        let reached: BTreeSet<Inode> = named.chain(self.open.values().copied()).collect();
        let Self { files, freed, draws, .. } = self;
        files.retain(|file, content| {
            let stays = reached.contains(file);
            if !stays {
                freed.extend(content.some_pages(PAGES_ASTRAY, draws));
            }
            stays
        });
        freed.drain(..freed.len().saturating_sub(FREED_PAGES));
    }

    /// Does something to sectors of a file.
    ///
    /// # Errors
    /// If no name leads to it.
    pub fn damage(&mut self, path: &Path, damage: Damage) -> Result<(), DiskError> {
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
        self.open.clear();
        self.hidden.clear();
        self.freed.clear();
    }
}
