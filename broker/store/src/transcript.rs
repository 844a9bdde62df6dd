//! What a disk was asked for and what of it was done, as bytes: the disk's *transcript*.
//!
//! A host may write one while it carries operations out. Who reads it knows, unlike who looks at the
//! files, what of their content was durable when the transcript ends, and so what a power loss at
//! that moment may leave. Only what changes something is in it, and what says which file is meant.
//!
//! ```text
//!   entry   length of the rest, 4 bytes, little-endian │ kind 1 │ its fields: LEB128, lengths and bytes
//! ```
//!
//! An entry that asks is written before the operation is begun, and one that it is done before
//! anybody is told so: whoever is killed between has promised nothing.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::codec::{Reader, put_bytes, put_number};
use crate::disk::{FileId, LogId, OpId, OpKind, Path};

/// Bytes of the length in front of each entry.
const LENGTH_BYTES: usize = 4;

const BEGINS: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;
const OPEN: u8 = 3;
const CREATE: u8 = 4;
const CLOSE: u8 = 5;
const WRITE: u8 = 6;
const SYNC: u8 = 7;
const SYNC_DIR: u8 = 8;
const TRUNCATE: u8 = 9;
const PREALLOCATE: u8 = 10;
const RENAME: u8 = 11;
const REMOVE: u8 = 12;
const REMOVE_DIR: u8 = 13;

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A process begins. It has no file open, and what was under way before is done or never will be.
    Begins,
    /// An operation is about to be carried out.
    Asked {
        /// Who asks.
        log: LogId,
        /// Its number, which `Done` names.
        id: OpId,
        /// What it is.
        kind: OpKind,
    },
    /// An operation was carried out.
    Done {
        /// Who asked.
        log: LogId,
        /// Its number.
        id: OpId,
        /// Whether it succeeded.
        well: bool,
    },
}

/// Bytes are no transcript.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unreadable;

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this is no transcript of a disk")
    }
}

impl core::error::Error for Unreadable {}

/// Whether an operation belongs into a transcript.
#[must_use]
pub const fn holds(kind: &OpKind) -> bool {
    number_of(kind).is_some()
}

/// Appends the entry that a process begins.
pub fn put_begins(out: &mut Vec<u8>) {
    put(out, |out| out.push(BEGINS));
}

/// Appends the entry that an operation is about to be carried out, if a transcript [holds] such.
pub fn put_asked(out: &mut Vec<u8>, log: LogId, id: OpId, kind: &OpKind) {
    let Some(number) = number_of(kind) else { return };
    put(out, |out| {
        put_head(out, number, log, id);
        put_fields(out, kind);
    });
}

/// Appends the entry that an operation was carried out.
pub fn put_done(out: &mut Vec<u8>, log: LogId, id: OpId, well: bool) {
    put(out, |out| put_head(out, if well { DONE } else { FAILED }, log, id));
}

/// Takes the next entry off the front. `None` if the rest is the beginning of one at most: whoever
/// wrote it was killed.
///
/// # Errors
/// If it is no entry.
pub fn take(bytes: &mut &[u8]) -> Result<Option<Entry>, Unreadable> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Unreadable)?;
    let Some((entry, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let mut reader = Reader(entry);
    let entry = read(&mut reader).filter(|_| reader.0.is_empty()).ok_or(Unreadable)?;
    *bytes = rest;
    Ok(Some(entry))
}

fn put(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    fields(out);
    // What is written at once is far below this: a batch, or the checkpoint of a log.
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).unwrap_or(u32::MAX);
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

fn put_head(out: &mut Vec<u8>, number: u8, log: LogId, id: OpId) {
    out.push(number);
    put_number(out, u64::from(log.0));
    put_number(out, id.0);
}

const fn number_of(kind: &OpKind) -> Option<u8> {
    Some(match kind {
        OpKind::Open { create: false, .. } => OPEN,
        OpKind::Open { create: true, .. } => CREATE,
        OpKind::Close { .. } => CLOSE,
        OpKind::Write { .. } => WRITE,
        OpKind::Sync { .. } => SYNC,
        OpKind::SyncDir { .. } => SYNC_DIR,
        OpKind::Truncate { .. } => TRUNCATE,
        OpKind::Preallocate { .. } => PREALLOCATE,
        OpKind::Rename { .. } => RENAME,
        OpKind::Remove { .. } => REMOVE,
        OpKind::RemoveDir { .. } => REMOVE_DIR,
        OpKind::Read { .. } | OpKind::List { .. } => return None,
    })
}

fn put_fields(out: &mut Vec<u8>, kind: &OpKind) {
    match kind {
        OpKind::Open { file, path, .. } => {
            put_number(out, u64::from(file.0));
            put_path(out, path);
        }
        OpKind::Close { file } | OpKind::Sync { file } => put_number(out, u64::from(file.0)),
        OpKind::Write { file, at, bytes } => {
            put_number(out, u64::from(file.0));
            put_number(out, *at);
            put_number(out, bytes.iter().map(|piece| piece.len() as u64).sum());
            bytes.iter().for_each(|piece| out.extend_from_slice(piece));
        }
        OpKind::Truncate { file, len } | OpKind::Preallocate { file, len } => {
            put_number(out, u64::from(file.0));
            put_number(out, *len);
        }
        OpKind::Rename { from, to } => {
            put_path(out, from);
            put_path(out, to);
        }
        OpKind::Remove { path } => put_path(out, path),
        OpKind::SyncDir { dir } | OpKind::RemoveDir { dir } => put_bytes(out, dir.as_bytes()),
        OpKind::Read { .. } | OpKind::List { .. } => {}
    }
}

fn put_path(out: &mut Vec<u8>, path: &Path) {
    put_bytes(out, path.dir.as_bytes());
    put_bytes(out, path.name.as_bytes());
}

fn read(reader: &mut Reader<'_>) -> Option<Entry> {
    let [number] = *reader.take(1)? else { return None };
    if number == BEGINS {
        return Some(Entry::Begins);
    }
    let log = LogId(u32::try_from(reader.number()?).ok()?);
    let id = OpId(reader.number()?);
    match number {
        DONE | FAILED => Some(Entry::Done { log, id, well: number == DONE }),
        _ => Some(Entry::Asked { log, id, kind: read_kind(number, reader)? }),
    }
}

fn read_kind(number: u8, reader: &mut Reader<'_>) -> Option<OpKind> {
    Some(match number {
        OPEN | CREATE => OpKind::Open {
            file: read_file(reader)?,
            path: read_path(reader)?,
            create: number == CREATE,
        },
        CLOSE => OpKind::Close { file: read_file(reader)? },
        WRITE => OpKind::Write {
            file: read_file(reader)?,
            at: reader.number()?,
            bytes: vec![Bytes::copy_from_slice(reader.bytes()?)],
        },
        SYNC => OpKind::Sync { file: read_file(reader)? },
        SYNC_DIR => OpKind::SyncDir { dir: read_text(reader)? },
        TRUNCATE => OpKind::Truncate { file: read_file(reader)?, len: reader.number()? },
        PREALLOCATE => OpKind::Preallocate { file: read_file(reader)?, len: reader.number()? },
        RENAME => OpKind::Rename { from: read_path(reader)?, to: read_path(reader)? },
        REMOVE => OpKind::Remove { path: read_path(reader)? },
        REMOVE_DIR => OpKind::RemoveDir { dir: read_text(reader)? },
        _ => return None,
    })
}

fn read_file(reader: &mut Reader<'_>) -> Option<FileId> {
    u32::try_from(reader.number()?).ok().map(FileId)
}

fn read_path(reader: &mut Reader<'_>) -> Option<Path> {
    Some(Path { dir: read_text(reader)?, name: read_text(reader)? })
}

fn read_text(reader: &mut Reader<'_>) -> Option<String> {
    core::str::from_utf8(reader.bytes()?).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;

    fn path(name: &str) -> Path {
        Path { dir: "a/b".to_owned(), name: name.to_owned() }
    }

    fn kinds() -> Vec<OpKind> {
        let file = FileId(300);
        vec![
            OpKind::Open { file, path: path("x"), create: false },
            OpKind::Open { file, path: path("x"), create: true },
            OpKind::Close { file },
            OpKind::Write { file, at: 1 << 40, bytes: vec![Bytes::from_static(b"hello")] },
            OpKind::Sync { file },
            OpKind::SyncDir { dir: "a".to_owned() },
            OpKind::Truncate { file, len: 7 },
            OpKind::Preallocate { file, len: 1 << 20 },
            OpKind::Rename { from: path("x"), to: path("y") },
            OpKind::Remove { path: path("y") },
            OpKind::RemoveDir { dir: "a/b".to_owned() },
        ]
    }

    fn all() -> (Vec<Entry>, Vec<u8>) {
        let (mut entries, mut bytes) = (vec![Entry::Begins], Vec::new());
        put_begins(&mut bytes);
        for (number, kind) in (0..).zip(kinds()) {
            let (log, id) = (LogId(number), OpId(1 << number));
            put_asked(&mut bytes, log, id, &kind);
            entries.push(Entry::Asked { log, id, kind });
            let well = number % 2 == 0;
            put_done(&mut bytes, log, id, well);
            entries.push(Entry::Done { log, id, well });
        }
        (entries, bytes)
    }

    fn read_all(mut bytes: &[u8]) -> Vec<Entry> {
        core::iter::from_fn(|| take(&mut bytes).unwrap()).collect()
    }

    #[test]
    fn what_was_written_is_read_as_far_as_it_goes() {
        let (entries, bytes) = all();
        assert_eq!(read_all(&bytes), entries);
        for end in 0..bytes.len() {
            let read = read_all(&bytes[..end]);
            assert!(read.len() < entries.len() && entries.starts_with(&read));
        }
    }

    #[test]
    fn pieces_become_one() {
        let pieces = vec![Bytes::from_static(b"he"), Bytes::new(), Bytes::from_static(b"llo")];
        let mut bytes = Vec::new();
        let asked = OpKind::Write { file: FileId(1), at: 0, bytes: pieces };
        put_asked(&mut bytes, LogId(0), OpId(0), &asked);
        let [Entry::Asked { kind: OpKind::Write { bytes: read, .. }, .. }] = &read_all(&bytes)[..]
        else {
            panic!("one write");
        };
        assert_eq!(read[..], [Bytes::from_static(b"hello")]);
    }

    #[test]
    fn reading_is_not_in_it() {
        let mut bytes = Vec::new();
        let read = OpKind::Read { file: FileId(1), at: 0, len: 1 };
        let list = OpKind::List { dir: String::new() };
        for kind in [read, list] {
            assert!(!holds(&kind));
            put_asked(&mut bytes, LogId(0), OpId(0), &kind);
        }
        assert!(bytes.is_empty());
        assert!(kinds().iter().all(holds));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for bytes in
            [&[0, 0, 0, 0][..], &[1, 0, 0, 0, 99], &[2, 0, 0, 0, 0, 0], &[3, 0, 0, 0, 5, 0, 0]]
        {
            let mut rest = bytes;
            assert_eq!((take(&mut rest), rest), (Err(Unreadable), bytes));
        }
    }
}
