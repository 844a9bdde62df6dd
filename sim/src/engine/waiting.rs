//! What a process cannot take yet: it is paused, or its CPU has not done with the last input.
//!
//! The kernel goes on: bytes arrive up to the window, connections are made, ends break. The process
//! learns of it all in the order in which it came, when it can.

use std::collections::{BTreeSet, VecDeque};

use causeway_core::{Command, Origin};
use causeway_store::disk::{Done, Lane, LogId};

use super::Engine;
use super::host::Opening;
use crate::ids::NodeId;
use crate::net::{ConnId, EndState, Side};
use crate::queue::Due;

/// What waits for one process.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The faults that pause it.
    pauses: BTreeSet<u32>,
    /// Until when its CPU works on inputs that it has taken.
    busy_until: u64,
    held: VecDeque<Held>,
    /// The heap knows when its CPU will be free.
    free_is_due: bool,
}

/// Something that waits.
#[derive(Debug)]
pub(super) enum Held {
    /// Its deadline has passed.
    Tick,
    /// Something that the heap had for it.
    Step(Due),
    /// Bytes or an end have arrived: of this side's writer.
    Read(ConnId, Side),
    /// Somebody has connected.
    Accept(ConnId),
    /// Its own dial has succeeded.
    Opened(Opening),
    /// Its operator wants something.
    Command(Command),
    /// Its disk has done something.
    Disk((LogId, Lane), Done),
}

impl Waiting {
    fn is_ready(&self, now: u64) -> bool {
        self.pauses.is_empty() && self.busy_until <= now
    }
}

impl Engine<'_> {
    /// Whether a new input of a node must wait. What waits is not overtaken.
    pub(super) fn is_occupied(&self, id: NodeId) -> bool {
        if !self.may_wait {
            return false;
        }
        let process = self.hosts[usize::from(id.0)].process.as_ref();
        process.is_some_and(|process| {
            !process.waiting.is_ready(self.now) || !process.waiting.held.is_empty()
        })
    }

    /// Keeps a step that a process cannot take yet; says whether it did.
    pub(super) fn must_wait(&mut self, due: Due) -> bool {
        let Some(node) = self.process_of(due) else { return false };
        if !self.is_occupied(node) {
            return false;
        }
        if let Due::Tick(_, incarnation) = due {
            // Unless another has replaced it.
            if self.tick_counts(node, incarnation) {
                self.wait(node, Held::Tick);
            }
        } else {
            self.wait(node, Held::Step(due));
        }
        true
    }

    /// The node whose process is to learn of a step. Bytes and what a disk has done are not among
    /// them: see [`pipe`](Self::pipe) and [`disk_ends`](Self::disk_ends).
    fn process_of(&self, due: Due) -> Option<NodeId> {
        match due {
            Due::LinkClosed(node, _)
            | Due::Verified(node, ..)
            | Due::Linger(node, ..)
            | Due::Tick(node, _) => Some(node),
            Due::Space(conn, side) => self.net.get(conn)?.owner(side).node(),
            Due::SynAck(dial) => self.dial_concerns(dial, false),
            Due::DialTimeout(dial) => self.dial_concerns(dial, true),
            Due::Phase(_)
            | Due::FaultOn(_)
            | Due::FaultOff(_)
            | Due::Start(_)
            | Due::Disk(..)
            | Due::Free(..)
            | Due::Syn(_)
            | Due::Pipe(..)
            | Due::Unacked(..)
            | Due::Reset(..)
            | Due::Drained(..)
            | Due::Client(_)
            | Due::Op(_)
            | Due::LateOp(_) => None,
        }
    }

    /// Puts something behind what waits already.
    pub(super) fn wait(&mut self, id: NodeId, held: Held) {
        let Some(process) = self.process(id) else { return };
        let waiting = &mut process.waiting;
        let twice = matches!(held, Held::Read(conn, side) if waiting.held.iter().any(
            |other| matches!(other, Held::Read(c, s) if (*c, *s) == (conn, side))
        ));
        if !twice {
            waiting.held.push_back(held);
        }
        self.schedule_free(id);
    }

    /// Sees to it that what waits is taken when the CPU is free.
    fn schedule_free(&mut self, id: NodeId) {
        let now = self.now;
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        let waiting = &mut process.waiting;
        if waiting.pauses.is_empty() && !waiting.held.is_empty() && !waiting.free_is_due {
            waiting.free_is_due = true;
            self.queue.push(waiting.busy_until.max(now), Due::Free(id, host.incarnation));
        }
    }

    /// The CPU is free.
    pub(super) fn free(&mut self, id: NodeId, incarnation: u32) {
        let host = &mut self.hosts[usize::from(id.0)];
        if host.incarnation != incarnation {
            return;
        }
        let Some(process) = &mut host.process else { return };
        process.waiting.free_is_due = false;
        self.take_waiting(id);
    }

    /// Takes what waits, until the process is busy or paused again.
    fn take_waiting(&mut self, id: NodeId) {
        let now = self.now;
        while let Some(process) = self.process(id)
            && process.waiting.is_ready(now)
            && let Some(held) = process.waiting.held.pop_front()
        {
            self.take(id, held);
        }
        self.schedule_free(id);
    }

    fn take(&mut self, id: NodeId, held: Held) {
        match held {
            Held::Tick => self.tick_now(id),
            Held::Step(due) => self.step_now(due),
            Held::Read(conn, writer) => self.deliver(conn, writer),
            Held::Accept(conn) => {
                let state = self.net.get(conn).map(|conn| conn.state(Side::Acceptor));
                if state == Some(EndState::Pending) {
                    self.accept(conn);
                    // Its bytes are another input.
                    self.net.wake_reader(conn, Side::Dialler, self.now, &mut self.queue);
                }
            }
            Held::Opened(opening) => self.opened_late(id, opening),
            Held::Command(command) => self.command_now(id, command),
            Held::Disk(lane, done) => self.disk_answers(id, lane, done),
        }
    }

    /// A dial succeeded some time ago; the connection may have gone meanwhile.
    fn opened_late(&mut self, id: NodeId, opening: Opening) {
        let state = self.net.get(opening.conn).map(|conn| conn.state(opening.side));
        if state == Some(EndState::Open) {
            self.opened(id, opening);
            self.net.wake_reader(opening.conn, opening.side.other(), self.now, &mut self.queue);
        } else if let Origin::Dialled(dial) = opening.origin {
            self.dial_failed(id, dial, "connection reset by peer");
        }
    }

    /// A process is paused by a fault.
    pub(super) fn pause_process(&mut self, id: NodeId, fault: u32) {
        if let Some(process) = self.process(id) {
            process.waiting.pauses.insert(fault);
        }
    }

    /// A fault does not pause a process any more.
    pub(super) fn resume_process(&mut self, id: NodeId, fault: u32) {
        let Some(process) = self.process(id) else { return };
        if process.waiting.pauses.remove(&fault) && process.waiting.pauses.is_empty() {
            self.take_waiting(id);
        }
    }

    /// An input was taken: if the machine is slow, the CPU works on it for a while.
    pub(super) fn charge(&mut self, id: NodeId, bytes: u64) {
        let now = self.now;
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        let cost: u64 = host.slow.values().map(|slow| slow.cost_ns(bytes)).sum();
        if cost > 0 {
            let waiting = &mut process.waiting;
            waiting.busy_until = waiting.busy_until.max(now).saturating_add(cost);
        }
    }

    /// The process has ended. Its kernel resets whom it had not accepted, and closes what it had
    /// dialled.
    pub(super) fn drop_waiting(&mut self, waiting: Waiting) {
        for held in waiting.held {
            match held {
                Held::Accept(conn) => {
                    self.net.abandon(conn, Side::Acceptor);
                    self.net.reset(self.now, conn, Side::Dialler, &mut self.queue);
                }
                Held::Opened(Opening { conn, side, .. }) => {
                    self.wire_closed(conn, side);
                    self.net.close(self.now, conn, side, &mut self.queue);
                }
                Held::Tick | Held::Step(_) | Held::Read(..) | Held::Command(_) | Held::Disk(..) => {
                }
            }
        }
    }
}
