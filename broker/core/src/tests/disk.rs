//! A disk that keeps what it is told, at once.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::disk::{Answer, DiskError, Done, FileId, LogId, Op, OpKind, Path};

/// Files by name, and what is open.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<Path, Vec<u8>>,
    open: BTreeMap<(LogId, FileId), Path>,
    /// Operations are not carried out before it is let go.
    pub(super) stalled: bool,
    pub(super) queue: Vec<Op>,
    /// Nothing can be written.
    pub(super) broken: bool,
}

impl Disk {
    /// The process that had files open is gone, and what it had asked for with it.
    pub(super) fn forget_process(&mut self) {
        self.open.clear();
        self.queue.clear();
    }

    pub(super) fn carry_out(&mut self, op: Op) -> Done {
        let Op { log, id, kind, .. } = op;
        Done { log, id, result: self.result(log, kind) }
    }

    fn result(&mut self, log: LogId, kind: OpKind) -> Result<Answer, DiskError> {
        if self.broken && matches!(kind, OpKind::Write { .. } | OpKind::Sync { .. }) {
            return Err(DiskError::Io);
        }
        match kind {
            OpKind::Open { file, path, create } => {
                if !create && !self.files.contains_key(&path) {
                    return Err(DiskError::NotFound);
                }
                let len = self.files.entry(path.clone()).or_default().len() as u64;
                self.open.insert((log, file), path);
                return Ok(Answer::Opened { len });
            }
            OpKind::Close { file } => drop(self.open.remove(&(log, file))),
            OpKind::Write { file, at, bytes } => {
                let content = self.content(log, file)?;
                let bytes = bytes.concat();
                let (at, end) = (at as usize, at as usize + bytes.len());
                content.resize(content.len().max(end), 0);
                content[at..end].copy_from_slice(&bytes);
            }
            OpKind::Read { file, at, len } => {
                let content = self.content(log, file)?;
                let at = content.len().min(at as usize);
                let end = content.len().min(at + len as usize);
                return Ok(Answer::Bytes(content[at..end].to_vec().into()));
            }
            OpKind::Truncate { file, len } => self.content(log, file)?.resize(len as usize, 0),
            OpKind::Preallocate { file, len } => {
                let content = self.content(log, file)?;
                content.resize(content.len().max(len as usize), 0);
            }
            OpKind::Rename { from, to } => {
                let content = self.files.remove(&from).ok_or(DiskError::NotFound)?;
                self.files.insert(to, content);
            }
            OpKind::Remove { path } => drop(self.files.remove(&path)),
            OpKind::List { dir } => return Ok(self.list(&dir)),
            OpKind::Sync { .. } | OpKind::SyncDir { .. } | OpKind::RemoveDir { .. } => {}
        }
        Ok(Answer::Done)
    }

    fn content(&mut self, log: LogId, file: FileId) -> Result<&mut Vec<u8>, DiskError> {
        let path = self.open.get(&(log, file)).ok_or(DiskError::Io)?;
        Ok(self.files.entry(path.clone()).or_default())
    }

    fn list(&self, dir: &str) -> Answer {
        let here = self.files.keys().filter(|path| path.dir == dir);
        let files = here.map(|path| path.name.clone()).collect();
        let below = self.files.keys().filter_map(|path| {
            let rest = path.dir.strip_prefix(dir)?.strip_prefix('/')?;
            Some(String::from(rest.split('/').next()?))
        });
        let mut dirs: Vec<String> = below.collect();
        dirs.dedup();
        Answer::Names { files, dirs }
    }
}
