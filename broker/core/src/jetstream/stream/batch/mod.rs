//! Messages that are published as one (ADR-50).
//!
//! | file | what |
//! |---|---|
//! | `atomic` | batches of which all messages are stored, or none |
//! | `fast` | batches whose messages are stored as they come, with flow control |
//! | `staged` | the checks of a message, given those of the batch before it |
//!
//! The messages of an atomic batch stay in memory until the last one has come. Then all are
//! appended in one turn, and [`Log::keep_whole`](causeway_store::Log::keep_whole) makes them there
//! together or not at all, also after a crash. Readers see nothing before it is durable, so they
//! never see a part either.

mod atomic;
mod fast;
mod staged;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use causeway_wire::jetstream::advisory::BatchAbandoned;

use super::Stream;
use crate::jetstream::advisory;
use crate::jetstream::turn::Turn;
use crate::time::{Duration, Mono};
use atomic::Atomic;
use fast::Fast;
pub(super) use staged::Staged;

/// Bytes of the longest id of a batch (nats-server).
const ID_BYTES: usize = 64;

/// Batches of one stream that are under way.
#[derive(Debug, Default)]
pub(super) struct Batches {
    atomic: BTreeMap<Vec<u8>, Atomic>,
    fast: BTreeMap<Vec<u8>, Fast>,
    /// Bytes of messages of atomic batches.
    bytes: u64,
    /// When to look whether a batch has paused for too long. It may have been used since.
    due: BTreeSet<(Mono, Kind, Vec<u8>)>,
}

/// How many batches are under way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct OpenBatches {
    pub(crate) atomic: u64,
    pub(crate) fast: u64,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Atomic,
    Fast,
}

/// Why an atomic batch was given up, for its advisory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Abandoned {
    Timeout,
    Large,
    Incomplete,
    Unsupported,
}

impl Batches {
    /// Bytes of messages that wait for the end of their batch.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many there are.
    pub(super) fn open(&self) -> OpenBatches {
        OpenBatches { atomic: self.atomic.len() as u64, fast: self.fast.len() as u64 }
    }

    fn remove_atomic(&mut self, id: &[u8]) -> Option<Atomic> {
        let batch = self.atomic.remove(id)?;
        self.bytes -= batch.bytes;
        Some(batch)
    }

    /// When a batch may have paused for too long.
    pub(super) fn due(&self) -> Option<Mono> {
        self.due.first().map(|(at, ..)| *at)
    }

    fn watch(&mut self, kind: Kind, id: &[u8], at: Mono) {
        self.due.insert((at, kind, id.to_vec()));
    }

    /// When a batch was last used.
    fn used(&self, kind: Kind, id: &[u8]) -> Option<Mono> {
        match kind {
            Kind::Atomic => self.atomic.get(id).map(|batch| batch.used),
            Kind::Fast => self.fast.get(id).map(|batch| batch.used),
        }
    }

    /// The next batch that has paused for `timeout`; all that have not are looked at again later.
    fn pop_idle(&mut self, now: Mono, timeout: Duration) -> Option<(Kind, Vec<u8>)> {
        while self.due().is_some_and(|at| at <= now) {
            let (_, kind, id) = self.due.pop_first()?;
            match self.used(kind, &id).map(|used| used + timeout) {
                Some(until) if until > now => drop(self.due.insert((until, kind, id))),
                Some(_) => return Some((kind, id)),
                None => {}
            }
        }
        None
    }
}

impl Stream {
    /// How many batches are under way.
    pub(crate) fn open_batches(&self) -> OpenBatches {
        self.batches.open()
    }

    /// Gives up what has paused for too long.
    pub(super) fn expire_batches(&mut self, turn: &mut Turn<'_>) {
        let timeout = self.limits.batch.timeout;
        while let Some((kind, id)) = self.batches.pop_idle(turn.now.mono, timeout) {
            match kind {
                Kind::Atomic => self.abandon(turn, &id, Abandoned::Timeout),
                Kind::Fast => drop(self.batches.fast.remove(&id)),
            }
        }
    }

    /// Gives up those that the configuration no longer allows.
    pub(super) fn forget_batches(&mut self) {
        if !self.config.allow_atomic {
            self.batches.atomic.clear();
            self.batches.bytes = 0;
        }
        if !self.config.allow_batched {
            self.batches.fast.clear();
        }
    }

    /// Gives up an atomic batch and tells who wants to know.
    fn abandon(&mut self, turn: &mut Turn<'_>, id: &[u8], reason: Abandoned) {
        self.batches.remove_atomic(id);
        let reason = match reason {
            Abandoned::Timeout => "timeout",
            Abandoned::Large => "large",
            Abandoned::Incomplete => "incomplete",
            Abandoned::Unsupported => "unsupported",
        };
        let abandoned = BatchAbandoned {
            stream: self.config.name.clone(),
            domain: self.domain.clone(),
            batch: alloc::string::String::from_utf8_lossy(id).into_owned(),
            reason: reason.into(),
            ..BatchAbandoned::default()
        };
        advisory::publish(turn, self.account, &abandoned);
    }
}
