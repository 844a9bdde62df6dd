//! Which subscriptions must get a message, and by when.
//!
//! Core NATS promises nothing about a message that is published while interest is still on its way,
//! while a route is down, or to a subscriber that leaves. A subscription is *settled* for a message
//! if none of that is the case: its interest had been known long enough when the message was
//! published, and the way from the publisher's node to the subscriber has been free from then until
//! the message was due. A settled subscription must have got the message by then.

use std::collections::VecDeque;

use super::view::{MsgRef, Sub, View};
use crate::history::{Header, Kind, Sym};
use crate::units::SECOND;

/// Slack for everything that is not distance: turns of a node, stalls of a fast producer, a burst
/// before the message.
const SLACK_NS: u64 = SECOND;

/// From the flush of a message to the moment when every settled subscription must have it: the
/// way to the subscriber is at most two round trips with their repeats, and there is slack.
pub(crate) fn delivery_bound_ns(header: &Header) -> u64 {
    let bounds = &header.bounds;
    bounds.rtt_max_ns.saturating_mul(2).saturating_add(bounds.interest_ns).saturating_add(SLACK_NS)
}

/// Whether the subscription is settled for the message at this moment. It must be live.
pub(crate) fn is_settled(view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
    !view.history.header.clients[sub.client.0 as usize].slow && is_reached(view, msg, sub)
}

/// Whether the subscription is settled but for its client, which may read as slowly as it likes.
pub(crate) fn is_reached(view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
    let (publisher, subscriber) = (view.conn(msg.conn), view.conn(sub.conn));
    let (Some(from), Some(to)) = (publisher.node, subscriber.node) else { return false };
    let (Some(ready_t), Some(calm_since)) = (sub.ready_t, view.network.calm_since(from, to)) else {
        return false;
    };
    let header = &view.history.header;
    let client = &header.clients[sub.client.0 as usize];
    let echo = msg.conn == sub.conn && client.no_echo;
    if echo || !view.access_was_free(subscriber) {
        return false;
    }
    let published_t = view.publication(msg).t;
    if from == to {
        return ready_t <= published_t;
    }
    ready_t.max(calm_since).saturating_add(header.bounds.interest_ns) <= published_t
}

/// Whether everything has been quiet since long enough before the message, up to now.
pub(crate) fn is_quiet(view: &View<'_>, msg: MsgRef) -> bool {
    let interest_ns = view.history.header.bounds.interest_ns;
    let published_t = view.publication(msg).t;
    view.network.quiet_since().is_some_and(|t| t.saturating_add(interest_ns) <= published_t)
}

/// The queue groups that must take the message: with a settled member, without members that may
/// lose it for reasons of their own, and without one that left shortly before the message or since.
///
/// `counts` says which members stand where they may be counted on; one that does not spoils its
/// group.
pub(crate) fn settled_groups(
    view: &View<'_>,
    msg: MsgRef,
    counts: impl Fn(&Sub) -> bool,
) -> Vec<Sym> {
    let mut groups: Vec<(Sym, bool, bool)> = Vec::new();
    for (_, sub) in view.wanted_by(msg).filter(|(_, sub)| !sub.queue.is_none()) {
        let settled = is_settled(view, msg, sub);
        let sound = sub.max == 0
            && counts(sub)
            && !view.history.header.clients[sub.client.0 as usize].slow
            && view.access_was_free(view.conn(sub.conn));
        match groups.iter_mut().find(|(queue, ..)| *queue == sub.queue) {
            Some((_, any_settled, all_sound)) => {
                *any_settled |= settled;
                *all_sound &= sound;
            }
            None => groups.push((sub.queue, settled, sound)),
        }
    }
    let interest_ns = view.history.header.bounds.interest_ns;
    let published_t = view.publication(msg).t;
    let stayed = |queue: Sym| {
        view.queue_left(queue).is_none_or(|t| t.saturating_add(interest_ns) < published_t)
    };
    let must = |&(queue, settled, sound): &(Sym, bool, bool)| settled && sound && stayed(queue);
    groups.into_iter().filter(must).map(|(queue, ..)| queue).collect()
}

/// Messages that their publisher's node has processed, each with the time when it is due at its
/// subscribers.
#[derive(Debug)]
pub(crate) struct DueMessages {
    bound_ns: u64,
    /// Deadlines never decrease.
    waiting: VecDeque<(u64, MsgRef)>,
    /// Per connection, the last number that was taken.
    taken: Vec<u32>,
}

impl DueMessages {
    pub(crate) fn new(bound_ns: u64) -> Self {
        Self { bound_ns, waiting: VecDeque::new(), taken: Vec::new() }
    }

    /// Takes the messages that an event confirms; those for which `wanted` does not hold are left
    /// out.
    pub(crate) fn observe(
        &mut self,
        view: &View<'_>,
        i: usize,
        mut wanted: impl FnMut(MsgRef) -> bool,
    ) {
        let event = &view.history.events[i];
        let Kind::PubFlushed { client, conn, upto } = event.kind else { return };
        let Some(conn) = view.find_conn(client, conn) else { return };
        let at = conn.0 as usize;
        if at >= self.taken.len() {
            self.taken.resize(at + 1, 0);
        }
        let due = event.t.saturating_add(self.bound_ns);
        for seq in self.taken[at] + 1..=upto {
            let msg = MsgRef { conn, seq };
            if wanted(msg) {
                self.waiting.push_back((due, msg));
            }
        }
        self.taken[at] = self.taken[at].max(upto);
    }

    /// Takes a message that something else confirms now.
    pub(crate) fn add(&mut self, t: u64, msg: MsgRef) {
        self.waiting.push_back((t.saturating_add(self.bound_ns), msg));
    }

    /// When the next message is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// The next message that was due before `until`, and when.
    pub(crate) fn next_before(&mut self, until: u64) -> Option<(u64, MsgRef)> {
        self.waiting.pop_front_if(|(due, _)| *due < until)
    }
}
