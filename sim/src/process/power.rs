//! What is left of a server's files when the power fails.
//!
//! Files on a real disk cannot show it: the kernel keeps what was never synced, also of a process that
//! was killed. So a server of ours is asked for a [transcript](causeway_store::transcript) of what it
//! does to its files. A [model of a disk](crate::disk) follows that, says what a power loss leaves, and
//! the files are changed to be that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use causeway_store::disk::{self, Lane, LogId, Op, OpId, OpKind};
use causeway_store::transcript::{self, Entry, Unreadable};

use crate::disk::Disk;
use crate::rng::Stream;

/// The variable that asks a server for a transcript, in the file that it names.
pub(super) const VARIABLE: &str = "CAUSEWAY_DISK_TRANSCRIPT";

/// The model of a machine's disk, which outlives the servers that it follows.
#[derive(Debug)]
pub(super) struct Shadow {
    disk: Disk,
    /// The transcript of all servers of this machine.
    transcript: PathBuf,
    /// How many bytes of it the model has followed.
    followed: u64,
    /// What was under way when the last entry was written.
    under_way: BTreeMap<(LogId, OpId), Op>,
    /// Something else has changed the files.
    damaged: bool,
}

/// Files by their names.
type Contents = BTreeMap<disk::Path, Vec<u8>>;

/// Why a power loss could not be brought about.
#[derive(Debug, thiserror::Error)]
pub(super) enum PowerError {
    /// The server did not write one.
    #[error("there is no transcript of its disk: is it an older `causeway`?")]
    NoTranscript,
    /// A file could not be read or changed.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: io::Error,
    },
    /// The transcript is none.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A file holds something else than it should.
    #[error("{} is not what the transcript of its disk says", .0.display())]
    Differs(PathBuf),
}

impl Shadow {
    /// The model of an empty disk.
    pub(super) fn new(transcript: PathBuf, draws: Stream) -> Self {
        Self {
            disk: Disk::new(draws),
            transcript,
            followed: 0,
            under_way: BTreeMap::new(),
            damaged: false,
        }
    }

    pub(super) fn transcript(&self) -> &Path {
        &self.transcript
    }

    /// The files are not what the servers have made of them any more.
    pub(super) const fn is_damaged(&mut self) {
        self.damaged = true;
    }

    /// Takes in what a server has done that runs no more, so that another may go on with its
    /// transcript.
    pub(super) fn follow(&mut self) -> Result<(), PowerError> {
        let failed = |why| PowerError::File { path: self.transcript.clone(), why };
        let bytes = match fs::read(&self.transcript) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(failed)?,
        };
        let from = usize::try_from(self.followed).unwrap_or(usize::MAX);
        let mut rest = bytes.get(from..).unwrap_or_default();
        while let Some(entry) = transcript::take(&mut rest)? {
            self.take_in(entry);
        }
        self.followed = (bytes.len() - rest.len()) as u64;
        // A server that was killed while it wrote an entry has not done what it was about to do.
        let file = OpenOptions::new().write(true).open(&self.transcript);
        let cut = file.and_then(|file| file.set_len(self.followed));
        cut.map_err(|why| PowerError::File { path: self.transcript.clone(), why })
    }

    fn take_in(&mut self, entry: Entry) {
        match entry {
            Entry::Begins => {
                self.disk.end_process();
                self.under_way.clear();
            }
            Entry::Asked { log, id, kind } => {
                // Neither makes a difference to a disk.
                let op = Op { log, id, lane: Lane::Commit, lone: false, kind };
                // Whatever is under way may be there after a power loss, and may not. A sync counts
                // when it has ended, for what was written before it began.
                if matches!(op.kind, OpKind::Sync { .. }) {
                    self.disk.sync_begins(&op);
                } else {
                    // What could not be done could not be done there either.
                    let _ = self.disk.run(&op);
                }
                self.under_way.insert((log, id), op);
            }
            Entry::Done { log, id, well } => {
                let op = self.under_way.remove(&(log, id));
                if let Some(op) = op.filter(|op| well && matches!(op.kind, OpKind::Sync { .. })) {
                    let _ = self.disk.run(&op);
                }
            }
        }
    }

    /// The power fails on a machine whose server was just killed: the files below `root` are what
    /// that leaves. Says how many are not what they were.
    pub(super) fn lose_power(&mut self, root: &Path) -> Result<usize, PowerError> {
        self.follow()?;
        if self.followed == 0 {
            return Err(PowerError::NoTranscript);
        }
        let before = self.disk.contents();
        let is_sync = |op: &Op| matches!(op.kind, OpKind::Sync { .. });
        if !self.damaged && self.under_way.values().all(is_sync) {
            same(root, &before)?;
        }
        self.under_way.clear();
        self.disk.lose_power();
        change(root, &before, &self.disk.contents())
    }
}

/// Looks whether the files are what they should be: all of them, and no others.
fn same(root: &Path, contents: &Contents) -> Result<(), PowerError> {
    for (name, content) in contents {
        let path = place(root, name);
        if fs::read(&path).ok().as_ref() != Some(content) {
            return Err(PowerError::Differs(path));
        }
    }
    Ok(())
}

/// Changes what is not the same before and after. What else has become of files stays.
fn change(root: &Path, before: &Contents, after: &Contents) -> Result<usize, PowerError> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut changed = 0;
    for name in names {
        let path = place(root, name);
        let done = match (before.get(name), after.get(name)) {
            (before, after) if before == after => continue,
            (Some(before), Some(after)) => patch(&path, before, after),
            (None, Some(after)) => write(&path, after),
            (_, None) => fs::remove_file(&path),
        };
        match done {
            // It has been lost already.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done.map_err(|why| PowerError::File { path, why })?,
        }
        changed += 1;
    }
    Ok(changed)
}

fn patch(path: &Path, before: &[u8], after: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    if before.len() != after.len() {
        file.set_len(after.len() as u64)?;
    }
    let sector = usize::try_from(crate::disk::SECTOR_BYTES).unwrap_or(usize::MAX);
    for (number, now) in after.chunks(sector).enumerate() {
        let at = number * sector;
        if before.get(at..at + now.len()) != Some(now) {
            file.write_all_at(now, at as u64)?;
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, content)
}

fn place(root: &Path, name: &disk::Path) -> PathBuf {
    root.join(&name.dir).join(&name.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use causeway_store::disk::FileId;
    use causeway_store::transcript::{put_asked, put_begins, put_done};

    const LOG: LogId = LogId(3);
    const FILE: FileId = FileId(1);

    /// A server's files, which it really changes, and its transcript.
    struct Machine {
        _home: tempfile::TempDir,
        root: PathBuf,
        transcript: PathBuf,
        written: Vec<u8>,
        next: u64,
        shadow: Shadow,
    }

    impl Machine {
        fn new(seed: u64) -> Self {
            let home = tempfile::tempdir().unwrap();
            let (root, transcript) = (home.path().join("root"), home.path().join("transcript"));
            let shadow = Shadow::new(transcript.clone(), Stream::new(seed, "power", &[]));
            let mut written = Vec::new();
            put_begins(&mut written);
            let path = disk::Path { dir: "S".to_owned(), name: "1.seg".to_owned() };
            let mut machine = Self { _home: home, root, transcript, written, next: 0, shadow };
            machine.does(OpKind::Open { file: FILE, path, create: true });
            write(&machine.file(), b"").unwrap();
            machine
        }

        fn file(&self) -> PathBuf {
            self.root.join("S/1.seg")
        }

        fn begins(&mut self, kind: &OpKind) -> OpId {
            self.next += 1;
            put_asked(&mut self.written, LOG, OpId(self.next), kind);
            OpId(self.next)
        }

        fn does(&mut self, kind: OpKind) {
            let id = self.begins(&kind);
            put_done(&mut self.written, LOG, id, true);
        }

        fn writes(&mut self, at: usize, bytes: &'static [u8]) {
            let mut content = fs::read(self.file()).unwrap();
            content.resize(content.len().max(at + bytes.len()), 0);
            content[at..at + bytes.len()].copy_from_slice(bytes);
            fs::write(self.file(), content).unwrap();
            let bytes = vec![Bytes::from_static(bytes)];
            self.does(OpKind::Write { file: FILE, at: at as u64, bytes });
        }

        fn syncs(&mut self) {
            self.does(OpKind::SyncDir { dir: "S".to_owned() });
            self.does(OpKind::Sync { file: FILE });
        }

        fn loses_power(&mut self) -> Result<Option<Vec<u8>>, PowerError> {
            fs::write(&self.transcript, &self.written).unwrap();
            self.shadow.lose_power(&self.root)?;
            Ok(fs::read(self.file()).ok())
        }
    }

    /// What is left of a file in many runs.
    fn left(act: impl Fn(&mut Machine)) -> BTreeSet<Option<Vec<u8>>> {
        let run = |seed| {
            let mut machine = Machine::new(seed);
            act(&mut machine);
            machine.loses_power().unwrap()
        };
        (0..64).map(run).collect()
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_may_go() {
        let synced = left(|machine| {
            machine.writes(0, b"one");
            machine.syncs();
        });
        assert_eq!(synced, [Some(b"one".to_vec())].into());
        let half = left(|machine| {
            machine.writes(0, b"one");
            machine.syncs();
            machine.writes(3, b"two");
        });
        assert!(half.contains(&Some(b"one".to_vec())) && half.contains(&Some(b"onetwo".to_vec())));
        assert!(half.iter().flatten().all(|content| content.starts_with(b"one")), "{half:?}");
        let named = left(|machine| {
            machine.writes(0, b"one");
            machine.does(OpKind::Sync { file: FILE });
        });
        assert!(named.contains(&None) && named.contains(&Some(b"one".to_vec())), "{named:?}");
    }

    #[test]
    fn a_sync_counts_when_it_has_ended_for_what_was_there_when_it_began() {
        let unfinished = left(|machine| {
            machine.syncs();
            machine.writes(0, b"one");
            machine.begins(&OpKind::Sync { file: FILE });
        });
        assert!(unfinished.contains(&Some(Vec::new())), "{unfinished:?}");
        let overtaken = left(|machine| {
            machine.syncs();
            let sync = machine.begins(&OpKind::Sync { file: FILE });
            machine.writes(0, b"one");
            put_done(&mut machine.written, LOG, sync, true);
        });
        assert!(overtaken.contains(&Some(Vec::new())), "{overtaken:?}");
        let failed = left(|machine| {
            machine.syncs();
            machine.writes(0, b"one");
            let sync = machine.begins(&OpKind::Sync { file: FILE });
            put_done(&mut machine.written, LOG, sync, false);
        });
        assert!(failed.contains(&Some(Vec::new())), "{failed:?}");
    }

    #[test]
    fn what_a_process_left_unsynced_is_still_not_durable_in_the_next() {
        let left = left(|machine| {
            machine.syncs();
            machine.writes(0, b"one");
            // Killed in the middle of an entry.
            let end = machine.written.len();
            machine.begins(&OpKind::Sync { file: FILE });
            fs::write(&machine.transcript, &machine.written[..end + 5]).unwrap();
            machine.shadow.follow().unwrap();
            machine.written = fs::read(&machine.transcript).unwrap();
            assert_eq!(machine.written.len(), end);
            put_begins(&mut machine.written);
        });
        assert!(left.contains(&Some(Vec::new())) && left.contains(&Some(b"one".to_vec())));
    }

    #[test]
    fn what_was_damaged_stays_damaged() {
        let left = left(|machine| {
            machine.writes(0, &[1; 2048]);
            machine.syncs();
            let mut content = fs::read(machine.file()).unwrap();
            content[7] = 9;
            fs::write(machine.file(), content).unwrap();
            machine.shadow.is_damaged();
            machine.writes(1024, &[2; 1024]);
        });
        assert!(left.len() > 1 && left.iter().flatten().all(|content| content[7] == 9));
    }

    #[test]
    fn files_that_are_not_what_the_transcript_says_are_told_of() {
        let mut machine = Machine::new(1);
        machine.writes(0, b"one");
        fs::write(machine.file(), b"two").unwrap();
        assert!(matches!(machine.loses_power(), Err(PowerError::Differs(_))));
        machine.written = vec![1, 0, 0, 0, 99];
        machine.shadow.followed = 0;
        assert!(matches!(machine.loses_power(), Err(PowerError::Unreadable(_))));
        let mut shadow = Shadow::new(machine.root.join("none"), Stream::new(1, "power", &[]));
        assert!(matches!(shadow.lose_power(&machine.root), Err(PowerError::NoTranscript)));
    }
}
