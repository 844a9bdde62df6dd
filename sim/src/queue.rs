//! The one event heap of a run, ordered by (time, priority, sequence).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use causeway_core::LinkId;

use crate::ids::{ClientId, NodeId};
use crate::net::{ConnId, Side};

/// Something that is to happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// A phase begins; 6 is the end of the run.
    Phase(u8),
    /// A fault of the plan begins.
    FaultOn(u32),
    /// A fault of the plan ends.
    FaultOff(u32),
    /// A node's process starts.
    Start(NodeId),
    /// The host tells its node that a link is gone.
    LinkClosed(NodeId, u32),
    /// The answer to a question about a password.
    Verified(NodeId, u32, u32, bool),
    /// A link of the node's process with this number may linger no longer.
    Linger(NodeId, u32, LinkId),
    /// A node's deadline.
    Tick(NodeId, u32),
    /// A node's process may take what has waited for it.
    Free(NodeId, u32),
    /// A disk has done what a node's process asked for.
    Disk(NodeId, u32),
    /// The first packet of a dial arrives, or would.
    Syn(u32),
    /// The answer to it arrives.
    SynAck(u32),
    /// A dial has taken too long.
    DialTimeout(u32),
    /// Bytes may be read from a direction of a connection: that of this side's writer.
    Pipe(ConnId, Side),
    /// A writer that found the window full may go on.
    Space(ConnId, Side),
    /// Bytes of this side have not been acknowledged for too long.
    Unacked(ConnId, Side),
    /// This side learns that its peer knows no such connection.
    Reset(ConnId, Side),
    /// This side, which its owner has closed, drops no more of what comes.
    Drained(ConnId, Side),
    /// A client's timer.
    Client(ClientId),
    /// A client's operation of the plan.
    Op(u32),
    /// One that has waited for something.
    LateOp(u32),
}

impl Due {
    /// What comes first among things of the same instant: what the plan does to the world, then
    /// processes, then the network, then timers, then what clients do.
    const fn priority(self) -> u64 {
        match self {
            Self::Phase(_) => 0,
            Self::FaultOff(_) => 1,
            Self::FaultOn(_) => 2,
            Self::Start(_)
            | Self::LinkClosed(..)
            | Self::Verified(..)
            | Self::Linger(..)
            | Self::Disk(..)
            | Self::Free(..) => 3,
            Self::Syn(_)
            | Self::SynAck(_)
            | Self::Pipe(..)
            | Self::Space(..)
            | Self::Unacked(..)
            | Self::Reset(..)
            | Self::Drained(..) => 4,
            Self::DialTimeout(_) | Self::Tick(..) | Self::Client(_) => 5,
            Self::Op(_) | Self::LateOp(_) => 6,
        }
    }

    /// A number for the trace hash: kind and subject.
    pub(crate) const fn digest(self) -> u64 {
        const fn of(kind: u64, a: u32, b: u32) -> u64 {
            kind << 56 ^ (a as u64) << 24 ^ b as u64
        }
        match self {
            Self::Phase(n) => of(1, n as u32, 0),
            Self::FaultOn(id) => of(2, id, 0),
            Self::FaultOff(id) => of(3, id, 0),
            Self::Start(node) => of(4, node.0 as u32, 0),
            Self::LinkClosed(node, slot) => of(5, node.0 as u32, slot),
            Self::Linger(node, _, link) => of(6, node.0 as u32, link.slot),
            Self::Tick(node, incarnation) => of(7, node.0 as u32, incarnation),
            Self::Syn(dial) => of(8, dial, 0),
            Self::SynAck(dial) => of(9, dial, 0),
            Self::DialTimeout(dial) => of(10, dial, 0),
            Self::Pipe(conn, side) => of(11, conn.number, side as u32),
            Self::Space(conn, side) => of(12, conn.number, side as u32),
            Self::Unacked(conn, side) => of(13, conn.number, side as u32),
            Self::Reset(conn, side) => of(14, conn.number, side as u32),
            Self::Drained(conn, side) => of(21, conn.number, side as u32),
            Self::Client(client) => of(15, client.0, 0),
            Self::Op(at) => of(16, at, 0),
            Self::LateOp(at) => of(19, at, 0),
            Self::Free(node, incarnation) => of(18, node.0 as u32, incarnation),
            Self::Disk(node, number) => of(20, node.0 as u32, number),
            Self::Verified(node, slot, _, ok) => of(17, node.0 as u32, slot << 1 | ok as u32),
        }
    }
}

/// The heap.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Entry>,
    sequence: u64,
    /// The time of what was taken out last.
    now: u64,
}

impl Queue {
    /// Puts something in. Things of the same time and priority come out as they went in.
    #[inline]
    pub(crate) fn push(&mut self, at: u64, due: Due) {
        assert!(at >= self.now, "{due:?} would have been due at {at} ns; it is {} ns", self.now);
        self.sequence += 1;
        self.heap.push(Entry { at, order: due.priority() << 56 | self.sequence, due });
    }

    /// The next thing and its time.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u64, Due)> {
        let Entry { at, due, .. } = self.heap.pop()?;
        self.now = at;
        Some((at, due))
    }

    /// The time and the priority of the next thing.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(u64, u64)> {
        self.heap.peek().map(|entry| (entry.at, entry.order >> 56))
    }

    /// Whether an operation of the plan at this time comes before everything in the heap.
    #[inline]
    pub(crate) fn op_is_first(&self, at: u64) -> bool {
        self.peek().is_none_or(|next| (at, Due::Op(0).priority()) <= next)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    order: u64,
    due: Due,
}

impl Ord for Entry {
    /// The heap gives its greatest first; ours is the earliest.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Entry {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_by_time_then_priority_then_order() {
        let mut queue = Queue::default();
        queue.push(5, Due::Client(ClientId(1)));
        queue.push(5, Due::Phase(1));
        queue.push(3, Due::Client(ClientId(2)));
        queue.push(5, Due::Client(ClientId(3)));
        queue.push(5, Due::FaultOn(0));
        queue.push(5, Due::FaultOff(1));
        assert!(!queue.op_is_first(3) && queue.op_is_first(2));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(
            order,
            [
                (3, Due::Client(ClientId(2))),
                (5, Due::Phase(1)),
                (5, Due::FaultOff(1)),
                (5, Due::FaultOn(0)),
                (5, Due::Client(ClientId(1))),
                (5, Due::Client(ClientId(3))),
            ]
        );
        assert!(queue.op_is_first(u64::MAX));
    }
}
