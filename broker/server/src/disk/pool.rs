//! The threads that wait for the disk, and the queues in front of them.
//!
//! A lane of a log is one queue, and at most one thread works on it at a time: that is the order
//! that logs rely on. A free thread takes all that is in a queue. Commits come first, and one thread
//! is always left to them, because somebody waits for those; work in the background has half of the
//! threads at most.
//!
//! One wake-up each way: a thread is woken for a queue that has come to life, and the shard for the
//! first answer since it last looked. Answers that nobody can do much with, as the one to a write
//! whose sync follows, are handed over together with the next one.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use causeway_core::disk::{Done, Lane, LogId, Op, OpKind};

use super::Answered;
use super::transcript::Transcript;
use super::volume::Volume;

/// Threads that wait for the disk. It does more at once than there are processors: four files
/// synced at once take about as long as one.
const THREADS: usize = 4;

/// Threads that reading and work in the background may take: one is left to commits.
const NOT_COMMITTING: usize = THREADS - 1;

/// Threads that work in the background may take.
const IN_BACKGROUND: usize = THREADS / 2;

/// Queues are for one lane of one log.
pub(super) type Key = (LogId, Lane);

/// An operation that is done.
pub(super) struct Completed {
    pub(super) answered: Answered,
    /// How long it took, if it was a sync.
    pub(super) synced: Option<Duration>,
}

/// What the threads and the shard share.
pub(super) struct Pool {
    volume: Volume,
    transcript: Option<Transcript>,
    queues: Mutex<Queues>,
    /// There is a queue for somebody.
    work: Condvar,
    /// The last operation is done.
    quiet: Condvar,
    answers: Mutex<Answers>,
    /// There are answers: spares the shard the lock.
    answered: AtomicBool,
    /// Threads woken so far.
    pub(super) wakes: AtomicU64,
    /// Times that the shard was woken so far.
    pub(super) returns: AtomicU64,
}

#[derive(Default)]
struct Queues {
    /// Those that are not empty, or that a thread works on.
    lanes: HashMap<Key, VecDeque<Op>>,
    /// Queues for a free thread, for commits, reading, and work in the background.
    ready: [VecDeque<Key>; 3],
    /// How many threads work on each of the three.
    working: [usize; 3],
    /// Threads without work.
    free: usize,
    stopping: bool,
}

#[derive(Default)]
struct Answers {
    list: Vec<Completed>,
    waker: Option<Waker>,
}

impl Pool {
    /// Starts the threads.
    pub(super) fn start(
        volume: Volume,
        transcript: Option<Transcript>,
    ) -> io::Result<(Arc<Self>, Vec<JoinHandle<()>>)> {
        let pool = Arc::new(Self {
            volume,
            transcript,
            queues: Mutex::default(),
            work: Condvar::new(),
            quiet: Condvar::new(),
            answers: Mutex::default(),
            answered: AtomicBool::new(false),
            wakes: AtomicU64::new(0),
            returns: AtomicU64::new(0),
        });
        let thread = |number| {
            let shared = Arc::clone(&pool);
            let thread = thread::Builder::new().name(format!("disk-{number}"));
            thread.spawn(move || shared.work()).inspect_err(|_| pool.stop())
        };
        let threads = (0..THREADS).map(thread).collect::<io::Result<_>>()?;
        Ok((pool, threads))
    }

    pub(super) const fn volume(&self) -> &Volume {
        &self.volume
    }

    /// Whether nothing of this queue is waiting or under way.
    pub(super) fn is_idle(&self, key: Key) -> bool {
        !locked(&self.queues).lanes.contains_key(&key)
    }

    /// Puts operations into their queues.
    pub(super) fn submit(&self, ops: impl Iterator<Item = Op>) {
        let mut queues = locked(&self.queues);
        let mut woken = 0;
        for op in ops {
            if queues.add(op) && woken < queues.free {
                woken += 1;
            }
        }
        drop(queues);
        for _ in 0..woken {
            self.work.notify_one();
        }
        self.wakes.fetch_add(woken as u64, Ordering::Relaxed);
    }

    /// Says whom to wake from now on.
    pub(super) fn wake_with(&self, waker: &Waker) {
        locked(&self.answers).waker = Some(waker.clone());
    }

    /// Moves all answers there are to `into`.
    pub(super) fn answers(&self, into: &mut Vec<Completed>) {
        if self.answered.load(Ordering::Acquire) {
            let mut answers = locked(&self.answers);
            self.answered.store(false, Ordering::Relaxed);
            into.append(&mut answers.list);
        }
    }

    /// Waits until nothing is waiting or under way, for as long as `patience`, and ends the threads.
    /// True if all is done.
    pub(super) fn close(&self, patience: Duration) -> bool {
        let busy = |queues: &mut Queues| !queues.lanes.is_empty();
        let waited = self.quiet.wait_timeout_while(locked(&self.queues), patience, busy);
        let (queues, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(queues);
        self.stop();
        self.volume.close();
        if waited.timed_out() {
            return false;
        }
        self.volume.release();
        true
    }

    fn stop(&self) {
        locked(&self.queues).stopping = true;
        self.work.notify_all();
    }

    /// The life of a thread.
    fn work(&self) {
        let mut queues = locked(&self.queues);
        while !queues.stopping {
            let Some((key, ops)) = queues.take() else {
                queues.free += 1;
                queues = self.work.wait(queues).unwrap_or_else(PoisonError::into_inner);
                queues.free -= 1;
                continue;
            };
            // What one thread was not woken for, because it was not free, is for another.
            if queues.free > 0 && queues.ready.iter().any(|ready| !ready.is_empty()) {
                self.work.notify_one();
            }
            drop(queues);
            self.carry_out(ops);
            queues = locked(&self.queues);
            queues.put_back(key);
            if queues.lanes.is_empty() {
                self.quiet.notify_all();
            }
        }
    }

    fn carry_out(&self, ops: VecDeque<Op>) {
        let mut held = Vec::new();
        let mut ops = ops.into_iter().peekable();
        while let Some(op) = ops.next() {
            let matters = matters(&op.kind);
            held.push(self.complete(op));
            if matters || ops.peek().is_none() {
                self.hand_over(&mut held);
            }
        }
    }

    /// Carries out one operation on this thread.
    pub(super) fn complete(&self, op: Op) -> Completed {
        let Op { log, id, kind, .. } = op;
        let is_sync = matches!(kind, OpKind::Sync { .. });
        let transcript = self.transcript.as_ref();
        let untold = transcript.and_then(|it| it.asked(log, id, &kind));
        let start = Instant::now();
        let (result, failure) = match self.volume.carry_out(log, &kind) {
            Ok(answer) => (Ok(answer), None),
            Err((error, failure)) => (Err(error), failure),
        };
        let synced = is_sync.then(|| start.elapsed());
        let end_untold = transcript.and_then(|it| it.done(log, id, &kind, result.is_ok()));
        let failure = failure.or(untold).or(end_untold);
        Completed { answered: Answered { done: Done { log, id, result }, failure }, synced }
    }

    fn hand_over(&self, held: &mut Vec<Completed>) {
        let mut answers = locked(&self.answers);
        let first = answers.list.is_empty();
        answers.list.append(held);
        self.answered.store(true, Ordering::Release);
        // Those before have woken it, and it has not come yet.
        let waker = if first { answers.waker.clone() } else { None };
        drop(answers);
        if let Some(waker) = waker {
            self.returns.fetch_add(1, Ordering::Relaxed);
            waker.wake();
        }
    }
}

impl Queues {
    /// Queues an operation; true if a thread is to be found for it.
    fn add(&mut self, op: Op) -> bool {
        let key = (op.log, op.lane);
        if let Some(ops) = self.lanes.get_mut(&key) {
            ops.push_back(op);
            return false;
        }
        self.lanes.insert(key, VecDeque::from([op]));
        self.ready[rank(key)].push_back(key);
        true
    }

    /// The next queue that a thread may work on, with everything in it. It stays known, so that what
    /// comes meanwhile waits.
    fn take(&mut self) -> Option<(Key, VecDeque<Op>)> {
        let [_, reading, background] = self.working;
        let most = if reading + background >= NOT_COMMITTING {
            1
        } else if background >= IN_BACKGROUND {
            2
        } else {
            3
        };
        let key = self.ready.iter_mut().take(most).find_map(VecDeque::pop_front)?;
        self.working[rank(key)] += 1;
        let ops = self.lanes.get_mut(&key).map(std::mem::take).unwrap_or_default();
        Some((key, ops))
    }

    /// A thread has done all it took; what has come meanwhile is for whoever is free.
    fn put_back(&mut self, key: Key) {
        self.working[rank(key)] -= 1;
        if self.lanes.get(&key).is_some_and(|ops| !ops.is_empty()) {
            self.ready[rank(key)].push_back(key);
        } else {
            self.lanes.remove(&key);
        }
    }
}

const fn rank((_, lane): Key) -> usize {
    match lane {
        Lane::Commit => 0,
        Lane::Read => 1,
        Lane::Background => 2,
    }
}

/// Whether the log can go on with this answer alone.
const fn matters(kind: &OpKind) -> bool {
    matches!(
        kind,
        OpKind::Sync { .. }
            | OpKind::Read { .. }
            | OpKind::SyncDir { .. }
            | OpKind::Preallocate { .. }
            | OpKind::List { .. }
    )
}

/// A panic of another thread leaves nothing half done that matters here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
