//! The end of a turn: batches, sending, clients that wait for the disk; and what is due.

use alloc::vec::Vec;

use causeway_store::Failure;
use causeway_store::disk::{Done, LogId};
use causeway_wire::encode;

use super::peer::Peer;
use super::pump::{Pumped, Sending};
use super::recovery::FIRST_LOG;
use super::{Buffers, PeerId};
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::limits;
use crate::link::client::Owed;
use crate::link::{Hold, Link};
use crate::monitor::Traffic;
use crate::node::Node;
use crate::time::Now;
use crate::timers::Due;
use crate::trace::{BufferEvent, MessageEvent, TraceEvent};

/// Whether a log is one of buffers.
pub(crate) fn is_of_buffers(log: LogId) -> bool {
    log >= FIRST_LOG
}

impl Buffers {
    fn is_busy(&self) -> bool {
        !self.touched.is_empty()
            || self.again
            || self.inbound.as_ref().is_some_and(|it| it.is_busy())
    }

    /// The disk has answered.
    fn done(&mut self, node: &mut Node, done: Done, fx: &mut Effects) {
        self.again = true;
        let log = done.log;
        if let Some(id) = self.logs.get(&log).copied() {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.log.done(done, &mut fx.disk);
                self.touched.insert(id);
            }
        } else if let Some(inbound) = self.inbound.as_mut().filter(|it| it.log.config().id == log) {
            inbound.done(done, &mut fx.disk);
        } else if let Some(leaving) = self.leaving.get_mut(&log) {
            leaving.done(done, &mut fx.disk);
            if leaving.has_ended() {
                let dir = leaving.config().dir.clone();
                self.dirs.remove(&dir);
                self.leaving.remove(&log);
            } else if leaving.is_open() {
                self.retry_later();
            }
        } else {
            self.recover(&mut node.rng, done, fx);
        }
    }

    /// Something that the disk could not do is tried again in a while.
    pub(super) const fn retry_later(&mut self) {
        self.stuck = true;
    }

    fn retry(&mut self, node: &mut Node, fx: &mut Effects) {
        self.retry_at = None;
        self.retry_recovery(&mut node.rng, fx);
        for log in self.leaving.values_mut().filter(|log| log.is_open() && !log.has_ended()) {
            log.destroy(&mut fx.disk);
        }
        for (id, peer) in &mut self.peers {
            if peer.log.failure() == Some(Failure::NoSpace) {
                peer.log.retry(&mut fx.disk);
            }
            peer.unreadable = false;
            self.touched.insert(*id);
        }
        if let Some(inbound) = &mut self.inbound {
            inbound.log.retry(&mut fx.disk);
        }
    }

    /// Does what the turn has left to do.
    fn settle(&mut self, node: &mut Node, now: Now, fx: &mut Effects) {
        self.again = false;
        let mut more = false;
        for id in core::mem::take(&mut self.touched) {
            if self.settle_peer(node, id, now, fx) == Pumped::More {
                self.touched.insert(id);
                more = true;
            }
        }
        if let Some(inbound) = &mut self.inbound {
            inbound.settle(&mut fx.disk);
            inbound.acknowledge(|link, at| {
                if node.is_open(link) {
                    node.send(link.slot, fx, |out| encode::buffer_ack(out, at));
                }
            });
        }
        if core::mem::take(&mut self.stuck) {
            self.retry_at.get_or_insert(now.mono + limits::DISK_RETRY);
        }
        self.arm(node, now, more);
    }

    fn settle_peer(&mut self, node: &mut Node, id: PeerId, now: Now, fx: &mut Effects) -> Pumped {
        let Self { peers, tables, config, lost, stuck, .. } = self;
        let Some(peer) = peers.get_mut(&id) else { return Pumped::Done };
        if peer.log.failure() == Some(Failure::Disk) {
            if let Some(tickets) = peer.give_up() {
                lost.push(tickets);
                fx.trace.push(TraceEvent::Buffer(BufferEvent::Failed { peer: peer.name().into() }));
            }
            return Pumped::Done;
        }
        peer.due = peer.expire(config, now);
        let room = limits::TURN_OUTPUT_BYTES.saturating_sub(node.turn_output);
        let Node { links, spare, .. } = node;
        let traffic = Traffic::default();
        let mut sending = Sending { now, links, spare, fx, traffic, appended: 0, room };
        let pumped = peer.pump(tables, &mut sending);
        let (traffic, appended) = (sending.traffic, sending.appended);
        node.turn_output += appended;
        node.stats.sent_to_routes.add(traffic);
        peer.commit(now.mono, &mut fx.disk);
        *stuck |= peer.unreadable || peer.log.failure().is_some();
        if let Some(catch_up) = peer.caught_up() {
            let (peer, messages) = (peer.name().into(), catch_up.messages);
            let took = now.mono.since(catch_up.since);
            fx.trace.push(TraceEvent::Buffer(BufferEvent::CaughtUp { peer, messages, took }));
        }
        tell_of_losses(peer, now, fx);
        tell_of_messages(peer, fx);
        pumped
    }

    /// Arms a timer for what is due next, unless there is an earlier one.
    fn arm(&mut self, node: &mut Node, now: Now, more: bool) {
        let times = |peer: &Peer| [peer.due, peer.commit_by, peer.await_until, peer.tell_at];
        if self.peers.values().any(|peer| peer.link.is_none()) {
            self.forget_at.get_or_insert(now.mono + limits::BUFFER_FORGET_PAUSE);
        }
        let others = [self.retry_at, self.forget_at];
        let due = self.peers.values().flat_map(|peer| times(peer)).chain(others).flatten();
        let next = if more { Some(now.mono) } else { due.min() };
        if let Some(at) = next {
            self.armed.arm(&mut node.timers, at, Due::Buffers);
        }
    }

    fn due(&mut self, node: &mut Node, now: Now, fx: &mut Effects) {
        self.armed.fired(now.mono);
        self.start(fx);
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry(node, fx);
        }
        let Self { peers, tables, .. } = self;
        for peer in peers.values_mut() {
            if peer.await_until.take_if(|at| *at <= now.mono).is_some() {
                let given_up = peer.standing.give_up_awaited(tables, peer.known.generation);
                peer.forget_notes(&given_up);
                peer.look_again();
            }
        }
        if self.forget_at.take_if(|at| *at <= now.mono).is_some() {
            self.forget_strangers(node, now, fx);
        }
        self.touched.extend(self.peers.keys());
        self.again = true;
    }

    /// Clients whose messages are durable now.
    fn released(&mut self) -> Vec<LinkId> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let durable = self.durable_ticket();
        let waiting = self.held.split_off(&(durable + 1, LinkId { slot: 0, generation: 0 }));
        core::mem::replace(&mut self.held, waiting).into_iter().map(|(_, id)| id).collect()
    }

    /// Lets a client wait until everything is durable that it has published into buffers; false if
    /// it is.
    fn hold(&mut self, id: LinkId, ticket: u64) -> bool {
        let wait = ticket > self.durable_ticket();
        if wait {
            self.held.insert((ticket, id));
        }
        wait
    }

    /// Whether one of these messages was never written.
    fn was_lost(&self, first: u64, last: u64) -> bool {
        self.lost.iter().any(|(from, to)| first <= *to && *from <= last)
    }
}

/// Says which messages have left in this turn, to those who want to know.
fn tell_of_messages(peer: &mut Peer, fx: &mut Effects) {
    if !fx.trace_mask.messages {
        return peer.left.clear();
    }
    let state = peer.log.state();
    for (first, last, why) in core::mem::take(&mut peer.left) {
        fx.trace.push(TraceEvent::Message(MessageEvent::Left {
            peer: peer.name().into(),
            first,
            last,
            why,
            messages: state.messages,
            bytes: state.bytes,
        }));
    }
}

/// Says what was dropped and refused, once in a while.
fn tell_of_losses(peer: &mut Peer, now: Now, fx: &mut Effects) {
    let current = (peer.dropped, peer.refused);
    if current == peer.told {
        peer.tell_at = None;
        return;
    }
    if *peer.tell_at.get_or_insert(now.mono) > now.mono {
        return;
    }
    peer.tell_at = Some(now.mono + limits::BUFFER_REPORT_PAUSE);
    let (dropped, refused) = core::mem::replace(&mut peer.told, current);
    fx.trace.push(TraceEvent::Buffer(BufferEvent::Losses {
        peer: peer.name().into(),
        dropped: peer.dropped.since(dropped),
        refused: peer.refused - refused,
    }));
}

impl Node {
    /// A request of buffers to the disk has been answered.
    pub(crate) fn buffers_done(&mut self, done: Done, fx: &mut Effects) {
        self.with_buffers(|buffers, node| buffers.done(node, done, fx));
    }

    pub(crate) fn buffers_due(&mut self, now: Now, fx: &mut Effects) {
        self.with_buffers(|buffers, node| buffers.due(node, now, fx));
    }

    /// What buffers have to do at the end of a turn.
    pub(crate) fn settle_buffers(&mut self, now: Now, fx: &mut Effects) {
        if self.buffers.as_ref().is_some_and(|buffers| buffers.has_doubts()) {
            self.with_buffers(|buffers, node| buffers.settle_doubts(node));
        }
        while self.buffers.as_ref().is_some_and(|buffers| buffers.is_busy()) {
            let (mut admitted, mut released) = (Vec::new(), Vec::new());
            self.with_buffers(|buffers, node| {
                buffers.settle(node, now, fx);
                admitted = core::mem::take(&mut buffers.admit);
                released = buffers.released();
            });
            admitted.into_iter().for_each(|id| self.admit_route(now, id, fx));
            released.into_iter().for_each(|id| self.release_client(now, id, fx));
            if self.turn_output >= limits::TURN_OUTPUT_BYTES {
                break;
            }
        }
        // The rest follows in the next turn, which is due at once.
        if self.buffers.as_ref().is_some_and(|buffers| buffers.is_busy()) {
            self.with_buffers(|buffers, node| buffers.arm(node, now, true));
        }
    }

    pub(super) fn with_buffers(&mut self, act: impl FnOnce(&mut Buffers, &mut Self)) {
        if let Some(mut buffers) = self.buffers.take() {
            act(&mut buffers, self);
            self.buffers = Some(buffers);
        }
    }

    /// Holds a client's input until what it has published into buffers is durable; `owed` is what it
    /// gets then. False if it need not wait.
    pub(crate) fn wait_for_buffers(
        &mut self,
        now: Now,
        slot: u32,
        owed: Option<Owed>,
        fx: &mut Effects,
    ) -> bool {
        let Some(buffers) = &mut self.buffers else { return false };
        let Some(link) = self.links.at_mut(slot) else { return false };
        let id = link.id;
        let Some(client) = link.client_mut() else { return false };
        let (first, last) = (client.flushed + 1, client.ticket);
        if last < first {
            return false;
        }
        if buffers.was_lost(first, last) {
            self.fail_unstored(now, slot, fx);
            return true;
        }
        if !buffers.hold(id, last) {
            client.flushed = last;
            return false;
        }
        client.owed = owed;
        self.hold(id, Hold::Durable);
        true
    }

    /// What a client has published will never be durable: it must not think so.
    fn fail_unstored(&mut self, now: Now, slot: u32, fx: &mut Effects) {
        let text = "Messages were not stored: the disk of the buffer has failed";
        self.fail(now, slot, text, CloseReason::WriteError, fx);
    }

    /// What a client waited for is durable, or will never be.
    fn release_client(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        if link.rx.held != Some(Hold::Durable) {
            return;
        }
        let Some(client) = link.client_mut() else { return };
        let (first, last) = (client.flushed + 1, client.ticket);
        client.flushed = last;
        let owed = client.owed.take();
        if self.buffers.as_ref().is_some_and(|buffers| buffers.was_lost(first, last)) {
            return self.fail_unstored(now, id.slot, fx);
        }
        match owed {
            Some(Owed::Pong) => self.answer_ping(id.slot, fx),
            Some(Owed::Ok) => self.send(id.slot, fx, encode::ok),
            None => {}
        }
        self.resume(now, id, fx);
    }

    /// A route that waited until it was known what is kept for whom.
    fn admit_route(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        if self.links.get(id).is_some_and(Link::is_open) {
            self.begin_route(now, id, fx);
            self.resume(now, id, fx);
        }
    }
}
