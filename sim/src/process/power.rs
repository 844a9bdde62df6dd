//! What is left of a server's files when the power fails.
//!
//! Files on a real disk cannot show it: the kernel keeps what was never synced, also of a process that
//! was killed. So a server of ours is asked for a [transcript](causeway_store::transcript) of what it
//! does to its files. A [model of a disk](crate::disk) follows that, says what a power loss leaves, and
//! the files are changed to be that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use causeway_store::disk::{self, Lane, LogId, Op, OpId, OpKind};
use causeway_store::transcript::{self, Entry, Unreadable};

use super::store;
use crate::disk::Disk;
use crate::rng::Stream;

/// The variable that asks a server for a transcript, in the file that it names.
pub(super) const VARIABLE: &str = "CAUSEWAY_DISK_TRANSCRIPT";

/// Bytes: no file of a server under test is as long, and no model could hold one that is.
const FILE_BYTES: u64 = 1 << 36;

/// What names of files begin with that are in the root folder beside its streams: one keeps other servers out,
/// others hold the keys of what is encrypted. They are the server's own, and a power loss takes none.
const OWN_FILES: &str = "causeway.";

/// The model of a machine's disk, which outlives the servers that it follows.
#[derive(Debug)]
pub(super) struct Shadow {
    disk: Disk,
    /// Where the servers have their files.
    root: PathBuf,
    /// The transcript of all servers of this machine.
    transcript: PathBuf,
    /// How many bytes of it the model has followed.
    followed: u64,
    /// What was under way when the last entry was written, and whether the model could do it.
    under_way: BTreeMap<(LogId, OpId), (Op, bool)>,
    /// Something else has changed the files.
    damaged: bool,
}

/// Why the files and the model of a disk cannot be brought together.
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
    /// It is shorter than it was.
    #[error("the transcript of its disk has lost its end")]
    Shorter,
    /// What it says cannot have happened.
    #[error("the transcript of its disk says what a disk cannot do: {0:?}")]
    Impossible(OpKind),
    /// A file holds something else than it should.
    #[error("{} is not what the transcript of its disk says", .0.display())]
    Differs(PathBuf),
}

impl Shadow {
    /// The model of an empty disk.
    pub(super) fn new(root: PathBuf, transcript: PathBuf, draws: Stream) -> Self {
        Self {
            disk: Disk::new(draws),
            root,
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

    /// Takes in what servers have done that run no more. The files must be what the model says.
    pub(super) fn follow(&mut self) -> Result<(), PowerError> {
        self.read_transcript()?;
        let unsure = self.unsure();
        if !self.damaged && self.followed > 0 {
            self.compare(&unsure)?;
        }
        self.under_way.clear();
        Ok(())
    }

    /// Looks whether the files are what they should be, but for those of which nobody can be sure.
    fn compare(&self, unsure: &BTreeSet<disk::Path>) -> Result<(), PowerError> {
        self.nothing_else(unsure)?;
        for name in self.disk.names().difference(unsure) {
            let path = self.place(name);
            if fs::read(&path).ok() != self.disk.content(name) {
                return Err(PowerError::Differs(path));
            }
        }
        // Of these a kill may have left a half. That it came just afterwards is as likely.
        unsure.iter().try_for_each(|name| self.make(name))
    }

    /// The power fails on a machine whose server was just killed: its files are what that leaves.
    pub(super) fn lose_power(&mut self) -> Result<(), PowerError> {
        self.follow()?;
        if self.followed == 0 {
            // A server that has only just been started has nothing yet.
            return self.nothing_else(&BTreeSet::new()).map_err(|_| PowerError::NoTranscript);
        }
        if self.damaged {
            return self.lose_power_and_keep_damage();
        }
        let before = self.disk.names();
        self.disk.lose_power();
        before.union(&self.disk.names()).try_for_each(|name| self.make(name))
    }

    /// Only what is not the same before and after is changed: what else has become of files stays.
    fn lose_power_and_keep_damage(&mut self) -> Result<(), PowerError> {
        let names = self.disk.names();
        let before: BTreeMap<_, _> =
            names.iter().map(|name| (name, self.disk.content(name))).collect();
        self.disk.lose_power();
        for name in names.union(&self.disk.names()) {
            match (before.get(name).cloned().flatten(), self.disk.content(name)) {
                (before, after) if before == after => {}
                (Some(before), Some(after)) => self.patch(name, &before, &after)?,
                _ => self.make(name)?,
            }
        }
        Ok(())
    }

    fn read_transcript(&mut self) -> Result<(), PowerError> {
        let bytes = match read_from(&self.transcript, self.followed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.followed == 0 => {
                return Ok(());
            }
            read => read.map_err(|why| self.transcript_failed(why))?.ok_or(PowerError::Shorter)?,
        };
        let mut rest = &bytes[..];
        while let Some(entry) = transcript::take(&mut rest)? {
            self.take_in(entry)?;
        }
        self.followed += (bytes.len() - rest.len()) as u64;
        // A server that was killed while it wrote an entry has not done what it was about to do.
        let file = OpenOptions::new().write(true).open(&self.transcript);
        let cut = file.and_then(|file| file.set_len(self.followed));
        cut.map_err(|why| self.transcript_failed(why))
    }

    fn transcript_failed(&self, why: io::Error) -> PowerError {
        PowerError::File { path: self.transcript.clone(), why }
    }

    fn take_in(&mut self, entry: Entry) -> Result<(), PowerError> {
        match entry {
            Entry::Begins => {
                self.disk.end_process();
                self.under_way.clear();
            }
            Entry::Asked { log, id, kind } => {
                self.is_possible(log, &kind)?;
                // Neither makes a difference to a disk.
                let op = Op { log, id, lane: Lane::Commit, lone: false, kind };
                // Whatever is under way may be there after a power loss, and may not. A sync counts
                // when it has ended, for what there was before it began.
                let well = if is_sync(&op.kind) {
                    self.disk.sync_begins(&op);
                    true
                } else {
                    self.disk.run(&op).0.is_ok()
                };
                self.under_way.insert((log, id), (op, well));
            }
            Entry::Done { log, id, well } => {
                let Some((op, done)) = self.under_way.remove(&(log, id)) else { return Ok(()) };
                let done = match &op.kind {
                    kind if is_sync(kind) && well => self.disk.run(&op).0.is_ok(),
                    kind if is_sync(kind) => false,
                    _ => done,
                };
                if done != well && changes(&op.kind) && !self.damaged {
                    return Err(PowerError::Impossible(op.kind));
                }
            }
        }
        Ok(())
    }

    /// Nothing that is read may make the model panic.
    fn is_possible(&self, log: LogId, kind: &OpKind) -> Result<(), PowerError> {
        let possible = match kind {
            OpKind::Open { file, .. } => self.disk.names_of(log, *file).is_none(),
            OpKind::Write { at, .. } => *at <= FILE_BYTES,
            OpKind::Truncate { len, .. } | OpKind::Preallocate { len, .. } => *len <= FILE_BYTES,
            OpKind::Close { .. }
            | OpKind::Read { .. }
            | OpKind::Sync { .. }
            | OpKind::SyncDir { .. }
            | OpKind::Rename { .. }
            | OpKind::Remove { .. }
            | OpKind::RemoveDir { .. }
            | OpKind::List { .. } => true,
        };
        if possible { Ok(()) } else { Err(PowerError::Impossible(kind.clone())) }
    }

    /// The names of files that operations were changing when the server was killed.
    fn unsure(&self) -> BTreeSet<disk::Path> {
        let mut names = BTreeSet::new();
        for (op, _) in self.under_way.values() {
            match &op.kind {
                OpKind::Write { file, .. }
                | OpKind::Truncate { file, .. }
                | OpKind::Preallocate { file, .. } => {
                    names.extend(self.disk.names_of(op.log, *file).into_iter().flatten());
                }
                OpKind::Open { path, .. } | OpKind::Remove { path } => {
                    names.insert(path.clone());
                }
                OpKind::Rename { from, to } => names.extend([from.clone(), to.clone()]),
                OpKind::Close { .. }
                | OpKind::Read { .. }
                | OpKind::Sync { .. }
                | OpKind::SyncDir { .. }
                | OpKind::RemoveDir { .. }
                | OpKind::List { .. } => {}
            }
        }
        names
    }

    /// Looks that there are no files of which the model knows nothing.
    fn nothing_else(&self, unsure: &BTreeSet<disk::Path>) -> Result<(), PowerError> {
        let known: BTreeSet<PathBuf> =
            self.disk.names().union(unsure).map(|name| self.place(name)).collect();
        let files = match store::files(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            files => files.map_err(|why| PowerError::File { path: self.root.clone(), why })?,
        };
        let own = |path: &Path| {
            let name = path.file_name().map(std::ffi::OsStr::to_string_lossy);
            path.parent() == Some(&*self.root) && name.is_some_and(|it| it.starts_with(OWN_FILES))
        };
        let stranger = |path: &PathBuf| !known.contains(path) && !own(path);
        files.into_iter().find(stranger).map_or(Ok(()), |path| Err(PowerError::Differs(path)))
    }

    /// Makes a file what the model says.
    fn make(&self, name: &disk::Path) -> Result<(), PowerError> {
        let path = self.place(name);
        let made = match self.disk.content(name) {
            Some(content) if fs::read(&path).is_ok_and(|now| now == content) => Ok(()),
            Some(content) => write(&path, &content),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        made.map_err(|why| PowerError::File { path, why })
    }

    /// Changes what is not the same in a file, if it has not been lost already.
    fn patch(&self, name: &disk::Path, before: &[u8], after: &[u8]) -> Result<(), PowerError> {
        let path = self.place(name);
        match patch(&path, before, after) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|why| PowerError::File { path, why }),
        }
    }

    fn place(&self, name: &disk::Path) -> PathBuf {
        self.root.join(&name.dir).join(&name.name)
    }
}

const fn is_sync(kind: &OpKind) -> bool {
    matches!(kind, OpKind::Sync { .. } | OpKind::SyncDir { .. })
}

/// Whether the model must be able to do what a server has done, and the other way round. Of closing,
/// and of directories, the two tell different things that make no difference.
const fn changes(kind: &OpKind) -> bool {
    matches!(
        kind,
        OpKind::Open { create: true, .. }
            | OpKind::Write { .. }
            | OpKind::Sync { .. }
            | OpKind::Truncate { .. }
            | OpKind::Preallocate { .. }
            | OpKind::Rename { .. }
            | OpKind::Remove { .. }
    )
}

/// What is in a file from a place on; `None` if it ends before.
fn read_from(path: &Path, at: u64) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() < at {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use causeway_store::disk::FileId;
    use causeway_store::transcript::{put_asked, put_begins, put_done};

    const LOG: LogId = LogId(3);
    const FILE: FileId = FileId(1);

    fn name(name: &str) -> disk::Path {
        disk::Path { dir: "S".to_owned(), name: name.to_owned() }
    }

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
            let draws = Stream::new(seed, "power", &[]);
            let shadow = Shadow::new(root.clone(), transcript.clone(), draws);
            let mut written = Vec::new();
            put_begins(&mut written);
            let path = name("1.seg");
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
            self.shadow.lose_power()?;
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
    fn what_a_kill_has_cut_short_is_done_or_gone() {
        let half = left(|machine| {
            machine.writes(0, &[1; 1024]);
            machine.syncs();
            let bytes = vec![Bytes::from_static(&[2; 1024])];
            machine.begins(&OpKind::Write { file: FILE, at: 0, bytes });
            let mut content = fs::read(machine.file()).unwrap();
            content[..512].fill(2);
            fs::write(machine.file(), content).unwrap();
            fs::write(&machine.transcript, &machine.written).unwrap();
            machine.shadow.follow().unwrap();
            assert_eq!(fs::read(machine.file()).unwrap(), [2; 1024]);
        });
        assert!(half.contains(&Some(vec![1; 1024])) && half.contains(&Some(vec![2; 1024])));
    }

    #[test]
    fn a_name_is_durable_when_the_sync_of_its_directory_has_ended() {
        let left = left(|machine| {
            machine.writes(0, b"one");
            machine.does(OpKind::Sync { file: FILE });
            machine.begins(&OpKind::SyncDir { dir: "S".to_owned() });
        });
        assert_eq!(left, [None, Some(b"one".to_vec())].into());
    }

    #[test]
    fn what_is_not_as_the_transcript_says_is_told_of() {
        let mut machine = Machine::new(1);
        machine.writes(0, b"one");
        fs::write(machine.root.join("S/2.seg"), b"two").unwrap();
        assert!(matches!(machine.loses_power(), Err(PowerError::Differs(_))));
        fs::remove_file(machine.root.join("S/2.seg")).unwrap();
        fs::write(machine.file(), b"two").unwrap();
        assert!(matches!(machine.loses_power(), Err(PowerError::Differs(_))));

        machine.written.extend([1, 0, 0, 0, 99]);
        assert!(matches!(machine.loses_power(), Err(PowerError::Unreadable(_))));
        machine.written.clear();
        assert!(matches!(machine.loses_power(), Err(PowerError::Shorter)));

        let far = OpKind::Truncate { file: FILE, len: u64::MAX };
        let again = OpKind::Open { file: FILE, path: name("2.seg"), create: true };
        let unknown = OpKind::Sync { file: FileId(9) };
        for kind in [far, again, unknown] {
            let mut machine = Machine::new(1);
            machine.does(kind.clone());
            let error = machine.loses_power().unwrap_err();
            assert!(matches!(&error, PowerError::Impossible(told) if *told == kind), "{error}");
        }
    }

    #[test]
    fn without_a_transcript_there_is_nothing_to_lose_or_nothing_known() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        let new = || {
            let draws = Stream::new(1, "power", &[]);
            Shadow::new(root.clone(), home.path().join("none"), draws)
        };
        new().lose_power().unwrap();
        write(&root.join("causeway.lock"), b"1").unwrap();
        new().lose_power().unwrap();
        write(&root.join("S/1.seg"), b"one").unwrap();
        assert!(matches!(new().lose_power(), Err(PowerError::NoTranscript)));
    }
}
