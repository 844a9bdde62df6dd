//! The real disk: files below one directory.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use causeway_config::JetStream;
use causeway_core::disk::{Answer, Done, Lane, Op, OpKind};
use causeway_core::store::Key;

use super::pace::Pace;
use super::pool::{Completed, Pool};
use super::transcript::Transcript;
use super::volume::{OpenError, Volume};
use super::{Answered, Disk, keys};

/// Reads up to this size may be tried on the shard's thread, bytes: copying takes microseconds.
const CACHED_READ: u64 = 128 << 10;

/// What one turn may copy like that, bytes.
const CACHED_READS: u64 = 1 << 20;

/// Failures that are remembered, so that each is logged once.
const REMEMBERED: usize = 1000;

/// What is carried out on the shard's own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Lone commits while the disk is quick, and reads of what is in memory.
    Adaptive,
    /// Nothing: everything is handed over to threads.
    Never,
}

/// How often threads have been woken, for measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Threads of the disk, for something to do.
    pub wakes: u64,
    /// The shard, for answers.
    pub returns: u64,
}

/// Files below one directory, and the threads that wait for them.
pub struct Files {
    pool: Arc<Pool>,
    threads: Vec<JoinHandle<()>>,
    inline: Inline,
    pace: Pace,
    /// Of one log: to be carried out on this thread, in order.
    lone: VecDeque<Op>,
    /// For the threads. Empty between calls.
    batch: Vec<Op>,
    completed: Vec<Completed>,
    /// Bytes of reads that this turn has been spared the threads for.
    copied: u64,
    reported: HashSet<(PathBuf, Option<i32>)>,
    waker: Option<Waker>,
}

impl Files {
    /// Makes `root` if it is not there, and keeps other servers out of it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(root: &Path, inline: Inline) -> Result<Self, OpenError> {
        Self::open_transcribed(root, inline, None)
    }

    /// The same, with a transcript of everything that is done to the files, in this file.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_transcribed(
        root: &Path,
        inline: Inline,
        transcript: Option<&Path>,
    ) -> Result<Self, OpenError> {
        // Behind the lock: nobody writes into the transcript of another.
        let volume = Volume::open(root)?;
        let transcript = transcript.map(Transcript::open).transpose();
        let transcript = transcript.map_err(OpenError::Transcript)?;
        let (pool, threads) = Pool::start(volume, transcript).map_err(OpenError::Threads)?;
        Ok(Self {
            pool,
            threads,
            inline,
            pace: Pace::default(),
            lone: VecDeque::new(),
            batch: Vec::new(),
            completed: Vec::new(),
            copied: 0,
            reported: HashSet::new(),
            waker: None,
        })
    }

    /// What the configuration wants everything encrypted with, from the keys that are kept here; they are
    /// made if there are none.
    ///
    /// # Errors
    /// See [`KeysError`](super::KeysError).
    pub(crate) fn key(&self, jetstream: &JetStream) -> Result<Option<Key>, OpenError> {
        Ok(keys::open(self.pool.volume().root(), jetstream)?)
    }

    /// How often threads have been woken since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            wakes: self.pool.wakes.load(Ordering::Relaxed),
            returns: self.pool.returns.load(Ordering::Relaxed),
        }
    }

    /// Whether a commit waits for this thread. What follows it in its lane does too.
    fn is_lone(&mut self, op: &Op) -> bool {
        if op.lane != Lane::Commit {
            return false;
        }
        if let Some(first) = self.lone.front() {
            return first.log == op.log;
        }
        op.lone && self.nothing_before(op) && self.pace.at_once(op.log, Instant::now())
    }

    /// The answer to a read of what is in memory.
    fn cached(&mut self, op: &Op) -> Option<Completed> {
        let OpKind::Read { file, at, len } = op.kind else { return None };
        if len > CACHED_READ || self.copied + len > CACHED_READS || !self.nothing_before(op) {
            return None;
        }
        let bytes = self.pool.volume().read_cached(op.log, file, at, len)?;
        self.copied += len;
        let done = Done { log: op.log, id: op.id, result: Ok(Answer::Bytes(bytes)) };
        Some(Completed { answered: Answered { done, failure: None }, synced: None })
    }

    fn nothing_before(&self, op: &Op) -> bool {
        let same = |other: &Op| other.log == op.log && other.lane == op.lane;
        !self.batch.iter().any(same) && self.pool.is_idle((op.log, op.lane))
    }

    /// Carries out what waits for this thread.
    fn commit(&mut self) {
        if self.lone.is_empty() {
            return;
        }
        while let Some(op) = self.lone.pop_front() {
            self.completed.push(self.pool.complete(op));
        }
        self.pace.ended(Instant::now());
    }

    /// Whether a failure has not been told yet.
    fn is_news(&mut self, answered: &Answered) -> bool {
        let Some(failure) = &answered.failure else { return false };
        if self.reported.len() >= REMEMBERED {
            self.reported.clear();
        }
        self.reported.insert(failure.key())
    }
}

impl Disk for Files {
    fn submit(&mut self, ops: &mut Vec<Op>) {
        let adaptive = self.inline == Inline::Adaptive;
        for op in ops.drain(..) {
            if adaptive && self.is_lone(&op) {
                self.lone.push_back(op);
            } else if adaptive && let Some(completed) = self.cached(&op) {
                self.completed.push(completed);
            } else {
                self.batch.push(op);
            }
        }
        if !self.batch.is_empty() {
            self.pool.submit(self.batch.drain(..));
        }
    }

    fn answers(&mut self, waker: &Waker, into: &mut Vec<Answered>) {
        // Before looking: what comes between would wake nobody.
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.pool.wake_with(waker);
            self.waker = Some(waker.clone());
        }
        self.commit();
        self.pool.answers(&mut self.completed);
        let mut completed = std::mem::take(&mut self.completed);
        for Completed { mut answered, synced } in completed.drain(..) {
            if let Some(took) = synced {
                self.pace.synced(answered.done.log, took);
            }
            if !self.is_news(&answered) {
                answered.failure = None;
            }
            into.push(answered);
        }
        self.completed = completed;
    }

    fn turn_ended(&mut self) {
        self.pace.turn_ended();
        self.copied = 0;
    }

    fn close(&mut self, patience: Duration) {
        self.commit();
        if self.pool.close(patience) {
            for thread in self.threads.drain(..) {
                // One that panicked is gone too.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}
