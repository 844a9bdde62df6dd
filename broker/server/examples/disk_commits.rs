//! How many synced records a second one log gets from this machine's disk.
//!
//! ```text
//! cargo run --release -p causeway-server --example disk_commits [DIRECTORY [SECONDS]]
//! ```
//!
//! A publisher keeps a window of records of 160 bytes under way: each commit is one batch of them,
//! one write and one sync, and the next one follows its answer. Everything is handed over to the
//! disk's threads, or what may be is carried out at once.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use causeway_core::disk::{Answer, FileId, Lane, LogId, Op, OpId, OpKind, Path as Name};
use causeway_server::disk::{Answered, Counts, Disk, Files, Inline};

const RECORD: usize = 160;
const WINDOWS: [usize; 4] = [1, 16, 64, 256];
const FILE: FileId = FileId(0);
/// Room that is written before, so that commits change neither length nor place of the file.
const ROOM: u64 = 64 << 20;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let time = Duration::from_secs_f64(seconds);
    println!("window  mode       records/s   commits/s   p50 us   p99 us   wakes/commit");
    for window in WINDOWS {
        for (mode, inline) in [("hand over", Inline::Never), ("at once", Inline::Adaptive)] {
            let Run { mut took, counts, elapsed } = run(&dir, window, inline, time);
            took.sort_unstable();
            let commits = took.len();
            let at = |part: usize| took.get(commits * part / 100).map_or(0, Duration::as_micros);
            let per_second = |count: usize| count as f64 / elapsed.as_secs_f64();
            let each = |count: u64| count as f64 / commits.max(1) as f64;
            println!(
                "{window:6}  {mode:9} {:10.0}  {:10.0}  {:7}  {:7}   {:.2} + {:.2}",
                per_second(commits * window),
                per_second(commits),
                at(50),
                at(99),
                each(counts.wakes),
                each(counts.returns),
            );
        }
    }
}

struct Run {
    took: Vec<Duration>,
    counts: Counts,
    elapsed: Duration,
}

/// On the kind of runtime that a shard runs on, whose wake-ups cost what they cost there.
fn run(dir: &Path, window: usize, inline: Inline, time: Duration) -> Run {
    let root = dir.join("causeway-disk-commits");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = runtime.expect("a runtime").block_on(async {
        let mut log = Log::open(&root, inline).await;
        let batch: Vec<Bytes> = vec![Bytes::from_static(&[7; RECORD]); window];
        let (mut took, mut at) = (Vec::new(), 0);
        let before = log.files.counts();
        let start = Instant::now();
        while start.elapsed() < time {
            let begin = Instant::now();
            log.ask(window == 1, OpKind::Write { file: FILE, at, bytes: batch.clone() });
            log.ask(window == 1, OpKind::Sync { file: FILE });
            log.answers(2).await;
            took.push(begin.elapsed());
            at = (at + (window * RECORD) as u64) % (ROOM - (window * RECORD) as u64);
        }
        let elapsed = start.elapsed();
        let after = log.files.counts();
        let counts =
            Counts { wakes: after.wakes - before.wakes, returns: after.returns - before.returns };
        log.files.close(Duration::from_secs(10));
        Run { took, counts, elapsed }
    });
    // What it was made for is over.
    let _ = std::fs::remove_dir_all(root);
    run
}

struct Log {
    files: Files,
    next: u64,
    asked: Vec<Op>,
    answered: Vec<Answered>,
}

impl Log {
    async fn open(root: &Path, inline: Inline) -> Self {
        let files = Files::open(root, inline).expect("a directory to write to");
        let mut log = Self { files, next: 0, asked: Vec::new(), answered: Vec::new() };
        let path = Name { dir: "log".to_owned(), name: "1.log".to_owned() };
        log.ask(false, OpKind::Open { file: FILE, path, create: true });
        log.ask(false, OpKind::Preallocate { file: FILE, len: ROOM });
        log.ask(false, OpKind::Sync { file: FILE });
        log.answers(3).await;
        log
    }

    fn ask(&mut self, lone: bool, kind: OpKind) {
        let id = OpId(self.next);
        self.next += 1;
        self.asked.push(Op { log: LogId(0), id, lane: Lane::Commit, lone, kind });
    }

    async fn answers(&mut self, count: usize) {
        self.files.submit(&mut self.asked);
        poll_fn(|cx| {
            self.files.answers(cx.waker(), &mut self.answered);
            if self.answered.len() < count { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.files.turn_ended();
        for answered in self.answered.drain(..) {
            match answered.done.result {
                Ok(Answer::Done | Answer::Opened { .. }) => {}
                other => panic!("the disk answers {other:?}"),
            }
        }
    }
}
