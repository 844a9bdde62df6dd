//! The disk on real files: what is asked, in which order it is done, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use causeway_core::disk::{Answer, DiskError, Done, FileId, Lane, LogId, Op, OpId, OpKind, Path};
use causeway_core::store::transcript::{Entry, holds, take};
use causeway_server::disk::{Answered, Disk, Files, Inline};

/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

const FILE: FileId = FileId(0);

/// A disk and somebody who waits for its answers.
struct Host {
    files: Files,
    root: tempfile::TempDir,
    next: u64,
    asked: Vec<Op>,
    answered: Vec<Answered>,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Host {
    fn new(inline: Inline) -> Self {
        let root = tempfile::tempdir().unwrap();
        let files = Files::open(root.path(), inline).unwrap();
        Self { files, root, next: 0, asked: Vec::new(), answered: Vec::new() }
    }

    fn ask_as(&mut self, log: u32, lane: Lane, lone: bool, kind: OpKind) -> OpId {
        let id = OpId(self.next);
        self.next += 1;
        self.asked.push(Op { log: LogId(log), id, lane, lone, kind });
        id
    }

    fn ask(&mut self, lane: Lane, kind: OpKind) -> OpId {
        self.ask_as(0, lane, false, kind)
    }

    /// Hands over what has been asked and waits for `count` answers.
    fn answers(&mut self, count: usize) -> Vec<Done> {
        self.files.submit(&mut self.asked);
        assert!(self.asked.is_empty());
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let start = Instant::now();
        while self.answered.len() < count {
            self.files.answers(&waker, &mut self.answered);
            if self.answered.len() < count {
                thread::park_timeout(PATIENCE);
                assert!(start.elapsed() < PATIENCE, "{} of {count} answers", self.answered.len());
            }
        }
        self.files.turn_ended();
        assert_eq!(self.answered.len(), count);
        self.answered.iter().map(|answered| answered.done.clone()).collect()
    }

    /// The results of everything asked so far, in the order of asking.
    fn results(&mut self) -> Vec<Result<Answer, DiskError>> {
        let mut done = self.answers(self.asked.len());
        done.sort_by_key(|done| done.id);
        self.answered.clear();
        done.into_iter().map(|done| done.result).collect()
    }

    fn result(&mut self, lane: Lane, kind: OpKind) -> Result<Answer, DiskError> {
        self.ask(lane, kind);
        self.results().pop().unwrap()
    }

    fn create(&mut self, dir: &str, name: &str) {
        let opened = self.result(Lane::Commit, open(FILE, dir, name, true));
        assert!(matches!(opened, Ok(Answer::Opened { .. })), "{opened:?}");
    }

    fn failures(&self) -> Vec<String> {
        let failures = self.answered.iter().filter_map(|answered| answered.failure.as_ref());
        failures.map(ToString::to_string).collect()
    }
}

fn path(dir: &str, name: &str) -> Path {
    Path { dir: dir.to_owned(), name: name.to_owned() }
}

fn open(file: FileId, dir: &str, name: &str, create: bool) -> OpKind {
    OpKind::Open { file, path: path(dir, name), create }
}

fn write(at: u64, text: &str) -> OpKind {
    let (a, b) = text.split_at(text.len() / 2);
    let bytes = [a, b].map(|piece| Bytes::copy_from_slice(piece.as_bytes()));
    OpKind::Write { file: FILE, at, bytes: bytes.into() }
}

fn read(at: u64, len: u64) -> OpKind {
    OpKind::Read { file: FILE, at, len }
}

const SYNC: OpKind = OpKind::Sync { file: FILE };

fn bytes(text: &str) -> Result<Answer, DiskError> {
    Ok(Answer::Bytes(Bytes::copy_from_slice(text.as_bytes())))
}

fn done() -> Result<Answer, DiskError> {
    Ok(Answer::Done)
}

#[test]
fn what_is_written_is_read_again() {
    let mut host = Host::new(Inline::Never);
    host.ask(Lane::Commit, open(FILE, "$G/streams/A", "1.log", true));
    host.ask(Lane::Commit, write(0, "hello"));
    host.ask(Lane::Commit, write(8, "world"));
    host.ask(Lane::Commit, SYNC);
    host.ask(Lane::Commit, OpKind::SyncDir { dir: "$G/streams/A".to_owned() });
    host.ask(Lane::Commit, read(0, 100));
    host.ask(Lane::Commit, OpKind::Truncate { file: FILE, len: 3 });
    host.ask(Lane::Commit, read(1, 100));
    host.ask(Lane::Commit, OpKind::Preallocate { file: FILE, len: 10 });
    host.ask(Lane::Commit, OpKind::Preallocate { file: FILE, len: 5 });
    host.ask(Lane::Commit, read(0, 100));
    host.ask(Lane::Commit, read(100, 1));
    host.ask(Lane::Commit, OpKind::Close { file: FILE });
    let zeros = |text: &str, len: usize| bytes(&format!("{text:\0<len$}"));
    assert_eq!(
        host.results(),
        [
            Ok(Answer::Opened { len: 0 }),
            done(),
            done(),
            done(),
            done(),
            bytes("hello\0\0\0world"),
            done(),
            bytes("el"),
            done(),
            done(),
            zeros("hel", 10),
            bytes(""),
            done(),
        ]
    );
    let again = host.result(Lane::Read, open(FileId(9), "$G/streams/A", "1.log", false));
    assert_eq!(again, Ok(Answer::Opened { len: 10 }));
}

#[test]
fn names_come_and_go() {
    let mut host = Host::new(Inline::Never);
    let list = |dir: &str| OpKind::List { dir: dir.to_owned() };
    let names = |files: &[&str], dirs: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Answer::Names { files: owned(files), dirs: owned(dirs) })
    };
    assert_eq!(host.result(Lane::Background, list("")), names(&[], &[]), "without the lock");
    assert_eq!(host.result(Lane::Background, list("a/b")), names(&[], &[]), "it is not there");
    for (number, name) in ["z", "b", "a"].into_iter().enumerate() {
        let file = FileId(u32::try_from(number).unwrap());
        host.ask(Lane::Background, open(file, "a/b", name, true));
    }
    host.ask(Lane::Background, open(FileId(7), "a/c", "x", true));
    host.results();
    assert_eq!(host.result(Lane::Background, list("a")), names(&[], &["b", "c"]));
    assert_eq!(host.result(Lane::Background, list("a/b")), names(&["a", "b", "z"], &[]));
    host.ask(Lane::Background, OpKind::Rename { from: path("a/b", "a"), to: path("a/b", "b") });
    host.ask(Lane::Background, OpKind::Rename { from: path("a/b", "z"), to: path("a/new", "y") });
    host.ask(Lane::Background, OpKind::Remove { path: path("a/b", "b") });
    host.ask(Lane::Background, OpKind::RemoveDir { dir: "a/b".to_owned() });
    host.ask(Lane::Background, OpKind::RemoveDir { dir: "a/b".to_owned() });
    assert_eq!(host.results(), vec![done(); 5]);
    assert_eq!(host.result(Lane::Background, list("a")), names(&[], &["c", "new"]));
    assert_eq!(host.result(Lane::Background, list("a/new")), names(&["y"], &[]));
}

#[test]
fn a_lane_is_in_order_and_lanes_are_not() {
    let mut host = Host::new(Inline::Never);
    for log in 0..3 {
        host.ask_as(log, Lane::Commit, false, open(FILE, &format!("l{log}"), "f", true));
    }
    host.results();
    // Each write reads as the last one of its log only if they were not mixed up.
    for round in 0..50 {
        for log in 0..3 {
            let text = format!("{log}:{round:03}");
            host.ask_as(log, Lane::Commit, false, write(0, &text));
            host.ask_as(log, Lane::Commit, false, SYNC);
            host.ask_as(log, Lane::Commit, false, read(0, 5));
        }
    }
    let count = host.asked.len();
    let answered = host.answers(count);
    host.answered.clear();
    for log in 0..3 {
        let of_log: Vec<_> = answered.iter().filter(|done| done.log == LogId(log)).collect();
        assert!(of_log.is_sorted_by_key(|done| done.id), "answers come in order too");
        for (round, read) in of_log.iter().skip(2).step_by(3).enumerate() {
            assert_eq!(read.result, bytes(&format!("{log}:{round:03}")));
        }
    }
    // A commit does not wait for what is done in the background.
    let zeros = |len| OpKind::Preallocate { file: FILE, len };
    host.ask_as(0, Lane::Background, false, zeros(64 << 20));
    host.ask_as(1, Lane::Background, false, zeros(64 << 20));
    host.ask_as(2, Lane::Background, false, zeros(64 << 20));
    let commit = host.ask_as(0, Lane::Commit, false, write(0, "x"));
    let first = host.answers(1);
    assert_eq!(first[0].id, commit);
    host.files.close(PATIENCE);
    host.files.answers(Waker::noop(), &mut host.answered);
    assert_eq!(host.answered.len(), 4, "closing waits for everybody");
}

#[test]
fn failures_are_told_apart_and_go_on() {
    let mut host = Host::new(Inline::Never);
    host.ask(Lane::Commit, open(FILE, "a", "none", false));
    host.ask(Lane::Commit, write(0, "lost"));
    host.ask(Lane::Commit, OpKind::Close { file: FILE });
    host.ask(Lane::Commit, open(FILE, "a", "there", true));
    host.ask(Lane::Commit, write(0, "kept"));
    host.ask(Lane::Commit, read(0, 4));
    host.ask(Lane::Commit, OpKind::Sync { file: FileId(99) });
    let not_found = Err(DiskError::NotFound);
    assert_eq!(
        host.results(),
        [
            not_found.clone(),
            not_found.clone(),
            done(),
            Ok(Answer::Opened { len: 0 }),
            done(),
            bytes("kept"),
            not_found,
        ]
    );
    host.ask(Lane::Background, OpKind::Remove { path: path("a", "none") });
    for _ in 0..2 {
        host.ask(Lane::Background, OpKind::Remove { path: path("a/there", "y") });
        host.ask(Lane::Background, open(FileId(1), "a/there", "x", true));
        host.ask(Lane::Background, OpKind::RemoveDir { dir: "a".to_owned() });
        host.ask(Lane::Background, OpKind::SyncDir { dir: "../..".to_owned() });
    }
    let count = host.asked.len();
    let results: Vec<_> = host.answers(count).into_iter().map(|done| done.result).collect();
    assert_eq!(results[0], done(), "it is not there, which is what was asked");
    assert!(results[1..5].iter().all(|result| *result == Err(DiskError::Io)), "{results:?}");
    let root = host.root.path().display();
    assert_eq!(
        host.failures(),
        [
            format!("remove {root}/a/there/y: not a directory (errno 20)"),
            format!("open {root}/a/there/x: not a directory (errno 20)"),
            format!("remove {root}/a: directory not empty (errno 39)"),
            format!("sync {root}/../..: not a name for a log"),
        ],
        "each once"
    );
}

#[test]
fn a_log_cannot_leave_the_directory() {
    let mut host = Host::new(Inline::Never);
    let outside = host.root.path().join("../causeway-was-here");
    for (dir, name) in [("..", "causeway-was-here"), ("", "../causeway-was-here"), ("/tmp", "x")] {
        let result = host.result(Lane::Commit, open(FILE, dir, name, true));
        assert_eq!(result, Err(DiskError::Io), "{dir} {name}");
    }
    assert!(!outside.exists());
    let lock = host.result(Lane::Commit, open(FILE, "", "causeway.lock", true));
    assert_eq!(lock, Err(DiskError::Io));
}

#[test]
fn a_full_disk_says_so() {
    // The kernel has a file that is always full.
    let full = FsPath::new("/dev/full");
    if !full.exists() {
        return;
    }
    let mut host = Host::new(Inline::Never);
    fs::create_dir(host.root.path().join("a")).unwrap();
    std::os::unix::fs::symlink(full, host.root.path().join("a/full")).unwrap();
    host.ask(Lane::Commit, open(FILE, "a", "full", false));
    host.ask(Lane::Commit, write(0, "x"));
    assert_eq!(host.results()[1], Err(DiskError::NoSpace));
}

#[test]
fn lone_commits_are_at_once_when_syncs_are_quick() {
    let mut host = Host::new(Inline::Adaptive);
    host.create("a", "f");
    let commit = |host: &mut Host, at| {
        host.ask_as(0, Lane::Commit, true, write(at, "record"));
        host.ask_as(0, Lane::Commit, true, SYNC);
        assert_eq!(host.results(), [done(), done()]);
    };
    let before = host.files.counts();
    commit(&mut host, 0);
    let after = host.files.counts();
    assert_eq!(after.returns - before.returns, 1, "nothing is known of this log yet");
    for number in 1..200 {
        commit(&mut host, number * 6);
    }
    let handed_over = host.files.counts().returns - after.returns;
    // How quick this machine's disk is nobody knows; what is there afterwards is the same.
    println!("{handed_over} of 199 lone commits were handed over");
    assert_eq!(host.result(Lane::Read, read(0, 12)), bytes("recordrecord"));
}

#[test]
fn one_commit_is_one_wake_up_each_way() {
    let mut host = Host::new(Inline::Never);
    host.create("a", "f");
    host.ask(Lane::Commit, SYNC);
    host.results();
    let before = host.files.counts();
    let commits = 200;
    for number in 0..commits {
        host.ask(Lane::Commit, write(number * 6, "record"));
        host.ask(Lane::Commit, SYNC);
        assert_eq!(host.results(), [done(), done()]);
    }
    let after = host.files.counts();
    // A thread that has not gone to sleep yet needs no waking.
    assert!(after.wakes - before.wakes <= commits, "{before:?} {after:?}");
    assert_eq!(after.returns - before.returns, commits);
}

#[test]
fn what_is_in_memory_is_read_at_once() {
    let mut host = Host::new(Inline::Adaptive);
    host.create("a", "f");
    host.ask(Lane::Commit, write(0, "some record or other"));
    host.results();
    let before = host.files.counts();
    assert_eq!(host.result(Lane::Read, read(5, 6)), bytes("record"));
    assert_eq!(host.result(Lane::Read, read(15, 1000)), bytes("other"));
    // The page has just been written, so it is in memory; but not every kernel and file system can
    // read without waiting.
    println!("{} reads were handed over", host.files.counts().returns - before.returns);
}

#[test]
fn a_file_grows_for_all_who_have_it_open() {
    let mut host = Host::new(Inline::Adaptive);
    host.create("a", "f");
    let reader = FileId(1);
    host.result(Lane::Read, open(reader, "a", "f", false)).unwrap();
    host.result(Lane::Commit, write(0, "record")).unwrap();
    let read = OpKind::Read { file: reader, at: 2, len: 100 };
    assert_eq!(host.result(Lane::Read, read.clone()), bytes("cord"));
    host.result(Lane::Commit, OpKind::Truncate { file: FILE, len: 3 }).unwrap();
    assert_eq!(host.result(Lane::Read, read), bytes("c"));
}

#[test]
fn a_directory_is_used_by_one() {
    let host = Host::new(Inline::Adaptive);
    let error = Files::open(host.root.path(), Inline::Adaptive).err().unwrap();
    assert!(error.to_string().contains("is in use by another server (pid "), "{error}");
    let Host { files, root, .. } = host;
    drop(files);
    drop(Files::open(root.path(), Inline::Adaptive).unwrap());
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Files::open(&file, Inline::Adaptive).err().unwrap();
    assert_eq!(error.to_string(), "storage directory is not a directory");
    let below = Files::open(&file.join("x"), Inline::Adaptive).err().unwrap();
    assert_eq!(below.to_string(), "storage directory is not a directory");
}

#[test]
fn a_transcript_says_what_was_asked_and_when_it_was_done() {
    for inline in [Inline::Adaptive, Inline::Never] {
        let root = tempfile::tempdir().unwrap();
        let told = root.path().join("transcript");
        let mut expected = Vec::new();
        for _ in 0..2 {
            let files = Files::open_transcribed(&root.path().join("files"), inline, Some(&told));
            let files = files.unwrap();
            let home = tempfile::tempdir().unwrap();
            let mut host =
                Host { files, root: home, next: 0, asked: Vec::new(), answered: Vec::new() };
            expected.push(Entry::Begins);
            let kinds = [
                (open(FILE, "$G/streams/A", "1.log", true), true),
                (write(0, "hello"), true),
                (SYNC, true),
                (read(0, 5), true),
                (OpKind::Close { file: FILE }, true),
                (OpKind::Remove { path: path("$G", "not there") }, true),
                (OpKind::Remove { path: path("$G/streams/A/1.log", "not there") }, false),
            ];
            for (kind, well) in kinds {
                let id = host.ask_as(7, Lane::Commit, true, kind.clone());
                assert_eq!(host.results()[0].is_ok(), well, "{kind:?}");
                if !holds(&kind) {
                    continue;
                }
                let kind = if let OpKind::Write { file, at, bytes } = kind {
                    OpKind::Write { file, at, bytes: vec![Bytes::from(bytes.concat())] }
                } else {
                    kind
                };
                expected.push(Entry::Asked { log: LogId(7), id, kind });
                expected.push(Entry::Done { log: LogId(7), id, well });
            }
        }
        let written = fs::read(&told).unwrap();
        let mut rest = &written[..];
        let entries: Vec<Entry> = std::iter::from_fn(|| take(&mut rest).unwrap()).collect();
        assert_eq!(entries, expected);
        assert!(rest.is_empty());
    }
    let root = tempfile::tempdir().unwrap();
    let nowhere = FsPath::new("/nowhere/transcript");
    let refused = Files::open_transcribed(root.path(), Inline::Never, Some(nowhere)).err().unwrap();
    assert!(refused.to_string().starts_with("no transcript of the disk: "), "{refused}");
    // A disk that is full for the transcript is not full for the files, and the log says why there is
    // no more of it.
    let full = Files::open_transcribed(root.path(), Inline::Never, Some(FsPath::new("/dev/full")));
    assert!(full.err().unwrap().to_string().contains("No space left on device"));
}
