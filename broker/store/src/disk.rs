//! What a log asks of a disk, and what it is told.
//!
//! The contract with the host:
//!
//! * Operations of one log and one [`Lane`] are carried out one after the other, in the order in
//!   which they were asked for; those of different lanes or logs in any order, also at the same
//!   time.
//! * Each operation is answered by exactly one [`Done`], and never from within the call that asked
//!   for it.
//! * After a failure the host goes on with the operations behind it: what to make of it is the
//!   log's decision.
//! * Files are numbered by whoever asks, so that an operation can name a file whose opening is still
//!   under way. A number belongs to one log and is not used again before the file is closed.
//! * Directories come into being with the first file in them, durably, and go with
//!   [`OpKind::RemoveDir`].

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

/// Which log asks. The owner of the logs hands the numbers out.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LogId(pub u32);

/// An open file of one log.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId(pub u32);

/// Names one operation of one log, for its answer. Counts up.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OpId(pub u64);

/// What operations of one log wait for each other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// The batches of records: somebody waits for the answer.
    Commit,
    /// What is done ahead or afterwards: room for the next segment, indexes, compaction, removal.
    Background,
    /// Reading.
    Read,
}

/// A name in a directory. Both are plain names below the store's root: `dir` has parts joined by
/// `/`, none of which is empty, `.` or `..`; `name` is one such part.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    /// The directory.
    pub dir: String,
    /// The name in it.
    pub name: String,
}

/// One request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Op {
    /// Who asks.
    pub log: LogId,
    /// To be named in the answer.
    pub id: OpId,
    /// What it waits for.
    pub lane: Lane,
    /// It belongs to a batch of a single record: carrying it out at once on the asking thread may
    /// be quicker than handing it over, if the disk is.
    pub lone: bool,
    /// What to do.
    pub kind: OpKind,
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OpKind {
    /// Open the file behind a name; with `create` it is made if it is not there.
    Open {
        /// Its number from now on.
        file: FileId,
        /// The name.
        path: Path,
        /// Whether it is made.
        create: bool,
    },
    /// Let go of a file.
    Close {
        /// The file.
        file: FileId,
    },
    /// Put bytes at a place.
    Write {
        /// The file.
        file: FileId,
        /// Where they begin.
        at: u64,
        /// The bytes, in pieces that follow each other.
        bytes: Vec<Bytes>,
    },
    /// Take bytes from a place; fewer if the file ends before.
    Read {
        /// The file.
        file: FileId,
        /// Where they begin.
        at: u64,
        /// How many.
        len: u64,
    },
    /// Make the content durable.
    Sync {
        /// The file.
        file: FileId,
    },
    /// Make the names in a directory durable.
    SyncDir {
        /// The directory.
        dir: String,
    },
    /// Cut a file off, or let it end later with zeros.
    Truncate {
        /// The file.
        file: FileId,
        /// Its length from now on.
        len: u64,
    },
    /// Take room for a file: it is at least as long as that, what is new are zeros that are really
    /// written, so that later writes change neither its length nor its place on the disk.
    Preallocate {
        /// The file.
        file: FileId,
        /// Its least length from now on.
        len: u64,
    },
    /// Give a file another name; what had that name has it no more.
    Rename {
        /// The name.
        from: Path,
        /// The new one.
        to: Path,
    },
    /// Take a name away. One that is not there is no failure.
    Remove {
        /// The name.
        path: Path,
    },
    /// Take away a directory with nothing in it. One that is not there is no failure.
    RemoveDir {
        /// The directory.
        dir: String,
    },
    /// The names in a directory; of one that is not there, none.
    List {
        /// The directory.
        dir: String,
    },
}

/// The answer to an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Done {
    /// Who asked.
    pub log: LogId,
    /// For what.
    pub id: OpId,
    /// What came of it.
    pub result: Result<Answer, DiskError>,
}

/// What came of an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Of [`OpKind::Open`].
    Opened {
        /// The file's length.
        len: u64,
    },
    /// Of [`OpKind::Read`].
    Bytes(Bytes),
    /// Of [`OpKind::List`], each sorted.
    Names {
        /// Names of files.
        files: Vec<String>,
        /// Names of directories.
        dirs: Vec<String>,
    },
}

/// Why something could not be done.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DiskError {
    /// ENOENT.
    NotFound,
    /// EIO, and whatever else says that the disk failed.
    Io,
    /// ENOSPC or EDQUOT. Of a write, a part may be there.
    NoSpace,
    /// EROFS or EACCES.
    ReadOnly,
    /// EMFILE or ENFILE: no more files can be open.
    TooManyFiles,
}

impl core::fmt::Display for DiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such file or directory",
            Self::Io => "input/output error",
            Self::NoSpace => "no space left on device",
            Self::ReadOnly => "read-only file system",
            Self::TooManyFiles => "too many open files",
        })
    }
}

impl core::error::Error for DiskError {}
