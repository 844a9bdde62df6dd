//! Asking for disk operations, and knowing what each was for.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::name::{self, name};
use crate::disk::{FileId, Lane, LogId, Op, OpId, OpKind, Path};

/// What an operation was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum For {
    /// The batch in flight.
    Batch,
    /// A sync of what was only written: of everything up to this batch and below this number, and of more
    /// perhaps.
    Sync { batch: u64, next_seq: u64 },
    /// What is done in the background.
    Job,
    /// Reading a piece of a segment.
    Load { segment: u32, at: u64 },
    /// Opening a segment to read it.
    Open { segment: u32 },
    /// Something whose failure does not matter, or shows in what follows it.
    Nothing,
}

/// The log's numbers of operations and files.
#[derive(Debug)]
pub(super) struct Io {
    log: LogId,
    pub(super) dir: String,
    pub(super) identity: u64,
    last_op: u64,
    last_file: u32,
    asked: BTreeMap<OpId, For>,
}

impl Io {
    pub(super) fn new(log: LogId, dir: String, identity: u64) -> Self {
        Self { log, dir, identity, last_op: 0, last_file: 0, asked: BTreeMap::new() }
    }

    /// A number for a file that will be opened.
    pub(super) fn new_file(&mut self) -> FileId {
        self.last_file += 1;
        FileId(self.last_file)
    }

    pub(super) fn ask(&mut self, lane: Lane, what: For, kind: OpKind, out: &mut Vec<Op>) {
        self.ask_lone(lane, what, kind, false, out);
    }

    pub(super) fn ask_lone(
        &mut self,
        lane: Lane,
        what: For,
        kind: OpKind,
        lone: bool,
        out: &mut Vec<Op>,
    ) {
        self.last_op += 1;
        let id = OpId(self.last_op);
        self.asked.insert(id, what);
        out.push(Op { log: self.log, id, lane, lone, kind });
    }

    /// What was asked for by this number: once.
    pub(super) fn answered(&mut self, id: OpId) -> Option<For> {
        self.asked.remove(&id)
    }

    pub(super) fn path(&self, kind: name::Kind, segment: u32) -> Path {
        self.named(name(kind, segment, self.identity))
    }

    pub(super) fn named(&self, name: String) -> Path {
        Path { dir: self.dir.clone(), name }
    }

    pub(super) fn sync_dir(&self) -> OpKind {
        OpKind::SyncDir { dir: self.dir.clone() }
    }
}
