//! When something is due. One heap per node; cancelling is done by the owner, who remembers what it
//! is waiting for and ignores a timer that no longer means anything.

use alloc::collections::{BTreeSet, BinaryHeap};
use core::cmp::Reverse;

use crate::cluster::target::TargetId;
use crate::ids::LinkId;
use crate::node::TimerKind;
use crate::time::Mono;

/// What is due.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Due {
    /// The link's held input may go on.
    Resume(LinkId),
    /// The link's keep-alive.
    KeepAlive(LinkId),
    /// The link's peer must have sent its credentials, or finished its handshake.
    Handshake(LinkId),
    /// The link's socket must have taken its batch.
    Write(LinkId),
    /// A route is to be dialled, or its dial has taken too long.
    Target(TargetId),
    /// The next step of lame duck mode.
    LameDuck,
    /// A node that stops waits for its disk no longer.
    Exit,
    /// A stream or a consumer has something to do.
    Streams,
    /// A buffer has.
    Buffers,
}

impl Due {
    pub(crate) const fn kind(self) -> TimerKind {
        match self {
            Self::Resume(_) => TimerKind::Resume,
            Self::KeepAlive(_) | Self::Handshake(_) | Self::Write(_) => TimerKind::Link,
            Self::Target(_) => TimerKind::Dial,
            Self::LameDuck | Self::Exit => TimerKind::LameDuck,
            Self::Streams => TimerKind::Streams,
            Self::Buffers => TimerKind::Buffers,
        }
    }
}

/// What an owner has armed of one kind, where it is always the earliest of its deadlines that counts. A
/// deadline that a nearer one came before stays armed, and is not armed again when that has passed.
#[derive(Debug, Default)]
pub(crate) struct Armed(BTreeSet<Mono>);

impl Armed {
    /// Arms a timer, unless there is an earlier one, or the same.
    pub(crate) fn arm(&mut self, timers: &mut Timers, at: Mono, due: Due) {
        if self.0.first().is_none_or(|first| at < *first) {
            self.0.insert(at);
            timers.arm(at, due);
        }
    }

    /// What was due by now has fired.
    pub(crate) fn fired(&mut self, now: Mono) {
        self.0 = self.0.split_off(&Mono(now.0 + 1));
    }
}

/// The heap. Equal times fire in the order in which they were armed.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Mono, u64, Due)>>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Mono, due: Due) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, due)));
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<(Mono, Due)> {
        self.heap.peek().map(|Reverse((at, _, due))| (*at, *due))
    }

    /// How many there are, outdated ones with them.
    pub(crate) fn count(&self) -> u64 {
        self.heap.len() as u64
    }

    /// Takes one that is due.
    pub(crate) fn pop_due(&mut self, now: Mono) -> Option<(Mono, Due)> {
        let (at, due) = self.next()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some((at, due))
    }
}
