//! Plain messages: from the publisher to each who wanted it.

use super::book::{Conn, Sub};
use super::{Book, Cause, End, Receiver};
use crate::history::{BufferWhat, Kind, LeftWhy, Sym};
use crate::ids::{MsgId, NodeId};

/// A message at the publisher's node.
struct There<'b> {
    msg: MsgId,
    subject: Sym,
    /// When it was sent.
    sent_t: u64,
    /// When the node had surely processed it.
    done_t: u64,
    node: NodeId,
    /// What the node sent to others: the event, and to whom.
    forwarded: Vec<(usize, NodeId)>,
    /// What it keeps for others: the event, for whom, its number in the buffer.
    kept: Vec<(usize, NodeId, u64)>,
    /// The event at which a buffer refused it.
    refused: Option<usize>,
    delivered: Vec<usize>,
    conn: &'b Conn,
}

/// Why it goes no further, when, where, and the event that shows it.
type Reason = (Cause, u64, Option<NodeId>, Option<usize>);

impl Book<'_> {
    pub(super) fn ends(&self, msg: MsgId) -> Vec<End> {
        let Some(page) = self.page(msg) else { return Vec::new() };
        // Nobody knows who wanted what the history has not seen being sent.
        let Some(sent) = page.sent else { return Vec::new() };
        let all = |(cause, t, node, event)| vec![End { receiver: None, cause, t, node, event }];
        let there = match self.there(msg, sent) {
            Ok(there) => there,
            Err(reason) => return all(reason),
        };
        if there.refused.is_some() {
            let (t, node) = (there.done_t, Some(there.node));
            return all((Cause::BufferRefused, t, node, there.refused));
        }
        if let Some(error) = self.not_permitted(&there) {
            return all((Cause::NotPermitted, self.time(error), Some(there.node), Some(error)));
        }
        let wanting = self.wanting(there.subject).iter().map(|at| &self.subs[*at]);
        let wanting: Vec<&Sub> = wanting.filter(|sub| self.could_have(sub, &there)).collect();
        if wanting.is_empty() && there.delivered.is_empty() {
            return all((Cause::Nobody, there.done_t, Some(there.node), self.confirmed(msg)));
        }
        let ends = wanting.iter().filter(|sub| !self.got(sub, msg)).map(|sub| {
            let (cause, t, node, event) = self.why_not(sub, &there, &wanting);
            let receiver = Some(Receiver { client: sub.client, conn: sub.conn, sid: sub.sid });
            End { receiver, cause, t, node, event }
        });
        ends.collect()
    }

    /// What the publisher's node did with it, or why it never came so far.
    fn there(&self, msg: MsgId, sent: usize) -> Result<There<'_>, Reason> {
        let sent_t = self.time(sent);
        let Kind::PubSent { subject, .. } = self.history.events[sent].kind else {
            return Err((Cause::Unexplained, sent_t, None, Some(sent)));
        };
        let Some((conn, node)) =
            self.conn(msg.client, msg.conn).and_then(|conn| Some((conn, conn.node?)))
        else {
            return Err((Cause::Unexplained, sent_t, None, Some(sent)));
        };
        let (mut forwarded, mut kept) = (Vec::new(), Vec::new());
        let (mut refused, mut delivered, mut nobody) = (None, Vec::new(), None);
        for &event in self.page(msg).map_or(&[][..], |page| &page.events) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no part of it")]
            match &self.history.events[event].kind {
                Kind::WireMsg { from, to, .. } if *from == node => forwarded.push((event, *to)),
                Kind::NoResponders { .. } => nobody = Some(event),
                // A node says so itself, if it was asked to.
                Kind::PubRefused { .. } => refused = refused.or(Some(event)),
                Kind::Buffer(buffer) => match buffer.what {
                    BufferWhat::Kept { seq, .. } => kept.push((event, buffer.peer, seq)),
                    BufferWhat::Refused { .. } => refused = Some(event),
                    BufferWhat::Left { .. } | BufferWhat::Repeated { .. } => {}
                },
                Kind::Delivered { .. } => delivered.push(event),
                _ => {}
            }
        }
        let seen = [
            forwarded.first().map(|(event, _)| *event),
            kept.first().map(|(event, ..)| *event),
            delivered.first().copied(),
            refused,
            nobody,
            self.confirmed(msg),
        ];
        let Some(done) = seen.into_iter().flatten().min() else {
            return Err(self.never_came(msg, sent_t, conn, node));
        };
        let done_t = self.time(done);
        Ok(There { msg, subject, sent_t, done_t, node, forwarded, kept, refused, delivered, conn })
    }

    /// Why the publisher's node did not process a message, as far as anybody saw.
    fn never_came(&self, msg: MsgId, sent_t: u64, conn: &Conn, node: NodeId) -> Reason {
        let sent = self.page(msg).and_then(|page| page.sent);
        let mut size = 0;
        if let Some(Kind::PubSent { size: of, .. }) =
            sent.map(|sent| &self.history.events[sent].kind)
        {
            size = u64::from(*of);
        }
        let header = &self.history.header;
        let limit = header.nodes.get(usize::from(node.0)).map_or(0, |node| node.limits.max_payload);
        let too_large = limit > 0 && size > limit;
        let error = conn.errors.iter().copied().find(|error| self.time(*error) >= sent_t);
        if let Some(error) = error.filter(|_| too_large) {
            return (Cause::TooLarge, self.time(error), Some(node), Some(error));
        }
        let Some(closed) = conn.closed else {
            return (Cause::NotRead, self.end(), Some(node), None);
        };
        let closed_t = self.time(closed);
        if too_large {
            return (Cause::TooLarge, closed_t, Some(node), Some(closed));
        }
        // It may have been dead already when this was sent: a client notices later.
        let opened_t = conn.opened.map_or(sent_t, |opened| self.time(opened));
        match self.ways.down(node, (opened_t, closed_t)) {
            Some((t, down)) => (Cause::PublisherNodeDied, t, Some(node), Some(down)),
            None => (Cause::PublisherLost, closed_t, Some(node), Some(closed)),
        }
    }

    /// The error that says that the publisher may not use this subject.
    fn not_permitted(&self, there: &There<'_>) -> Option<usize> {
        if !there.delivered.is_empty() || !there.forwarded.is_empty() || !there.kept.is_empty() {
            return None;
        }
        let subject = self.history.text(there.subject);
        let named = format!("\"{subject}\"");
        there.conn.errors.iter().copied().find(|error| {
            let Kind::ClientError { text, .. } = self.history.events[*error].kind else {
                return false;
            };
            let text = self.history.text(text);
            self.time(*error) >= there.sent_t
                && text.to_ascii_lowercase().contains("permissions violation for publish")
                && text.contains(&named)
        })
    }

    /// Whether a subscription may count: it was made before the message was done with, in the same
    /// cluster, and had not ended before it was sent.
    fn could_have(&self, sub: &Sub, there: &There<'_>) -> bool {
        let Some(conn) = self.conn(sub.client, sub.conn) else { return false };
        let Some(node) = conn.node else { return false };
        let cluster = |node: NodeId| {
            self.history.header.nodes.get(usize::from(node.0)).map(|node| &node.cluster)
        };
        let gone = conn.closed.is_some_and(|closed| self.time(closed) < there.sent_t);
        let unsubscribed =
            sub.unsub.is_some_and(|(unsub, at_once)| at_once && self.time(unsub) < there.sent_t);
        sub.sent_t <= there.done_t && !gone && !unsubscribed && cluster(node) == cluster(there.node)
    }

    fn got(&self, sub: &Sub, msg: MsgId) -> bool {
        self.deliveries(sub, msg).next().is_some()
    }

    /// The events that delivered a message to a subscription.
    pub(super) fn deliveries(&self, sub: &Sub, msg: MsgId) -> impl Iterator<Item = usize> {
        let (client, conn, sid) = (sub.client, sub.conn, sub.sid);
        let mine = move |event: &usize| {
            matches!(self.history.events[*event].kind, Kind::Delivered { client: c, conn: n, sid: s, .. }
                if (c, n, s) == (client, conn, sid))
        };
        let events = self.page(msg).map_or(&[][..], |page| &page.events);
        events.iter().copied().filter(mine)
    }

    fn why_not(&self, sub: &Sub, there: &There<'_>, wanting: &[&Sub]) -> Reason {
        let client = self.history.header.clients.get(sub.client.0 as usize);
        let own = (sub.client, sub.conn) == (there.msg.client, there.msg.conn);
        let node = self.conn(sub.client, sub.conn).and_then(|conn| conn.node);
        if own && client.is_some_and(|client| client.no_echo) {
            return (Cause::OwnMessage, there.done_t, node, None);
        }
        if !sub.queue.is_none() {
            let member = |other: &&&Sub| other.queue == sub.queue && other.subject == sub.subject;
            let others = || wanting.iter().filter(member);
            let taken = others().find_map(|other| self.deliveries(other, there.msg).next());
            if let Some(event) = taken {
                return (Cause::OtherMember, self.time(event), node, Some(event));
            }
        }
        let Some(node) = node else { return (Cause::Unexplained, there.done_t, None, None) };
        // Its node has no subscription of who it has cut off, and has told the others.
        let slow = self.conn(sub.client, sub.conn).and_then(|conn| conn.slow);
        if let Some(slow) = slow.filter(|slow| self.time(*slow) <= there.done_t) {
            return (Cause::SlowConsumer, self.time(slow), Some(node), Some(slow));
        }
        let reason = match node == there.node {
            true => self.why_not_read(sub, node, there, there.done_t),
            false => self.why_not_there(sub, node, there),
        };
        match reason {
            (
                Cause::Unexplained | Cause::InterestUnknown | Cause::NotSubscribedYet,
                t,
                node,
                event,
            ) if self.went_elsewhere(sub.queue, there) => {
                (Cause::OtherMemberChosen, t, node, event)
            }
            reason => reason,
        }
    }

    /// Whether a message was sent to another node, or is kept for it, for a queue group.
    fn went_elsewhere(&self, queue: Sym, there: &There<'_>) -> bool {
        let name = self.history.text(queue);
        let for_it = |event: usize| {
            let Kind::WireMsg { queues, .. } = self.history.events[event].kind else {
                return false;
            };
            self.history.text(queues).split(' ').any(|of| of == name)
        };
        !queue.is_none()
            && (!there.kept.is_empty() || there.forwarded.iter().any(|(event, _)| for_it(*event)))
    }

    /// Why it did not come to the subscriber's node.
    fn why_not_there(&self, sub: &Sub, to: NodeId, there: &There<'_>) -> Reason {
        let from = there.node;
        let sent =
            || there.forwarded.iter().filter(|(_, node)| *node == to).map(|(event, _)| *event);
        // What has arrived once is there, whatever became of other copies.
        if let Some(seen) = sent().find_map(|event| self.seen(event)) {
            return self.why_not_read(sub, to, there, self.time(seen));
        }
        let kept = there.kept.iter().find(|(_, peer, _)| *peer == to);
        if let Some((event, _, seq)) = kept {
            let left = self.left((from, to, *seq)).filter(|(left, _)| left >= event);
            let Some((left, why)) = left else {
                return (Cause::StillKept, self.end(), Some(from), Some(*event));
            };
            let cause = match why {
                LeftWhy::Overflow => Cause::BufferOverflow,
                LeftWhy::Age => Cause::BufferAge,
                LeftWhy::Unwanted => Cause::BufferUnwanted,
                LeftWhy::Damaged => Cause::BufferDamaged,
                LeftWhy::Acknowledged => Cause::Unexplained,
            };
            return (cause, self.time(left), Some(from), Some(left));
        }
        if let Some(event) = sent().next() {
            return self.lost_on_the_way(event, from, to);
        }
        let window = (there.sent_t, there.done_t);
        if self.ways.knew(self.history, (from, to), there.subject, window) {
            return self.not_sent(there, from, to);
        }
        let ended = self.ways.route_end(from, to, there.sent_t).is_some_and(|t| t <= there.done_t);
        if ended || !self.ways.had_route(from, to, window) {
            let fault = self.ways.fault(from, to, window);
            return (Cause::LinkDown, there.done_t, Some(from), fault);
        }
        match sub.ready_t.is_none_or(|ready| ready > there.done_t) {
            true => (Cause::NotSubscribedYet, there.done_t, Some(to), None),
            false => (Cause::InterestUnknown, there.done_t, Some(from), None),
        }
    }

    /// Why a node did not send what it knew was wanted: it may have had no room for it.
    fn not_sent(&self, there: &There<'_>, from: NodeId, to: NodeId) -> Reason {
        // It was taken at some time between these two.
        let ends = [there.done_t, there.sent_t];
        let mut ends = ends.into_iter().filter_map(|t| self.ways.any_route_end(from, to, t));
        match ends.find(|end| !self.was_passed((from, to), there.msg, *end)) {
            Some(t) => {
                let fault = self.ways.fault(from, to, (there.done_t, t));
                (Cause::Queued, t, Some(from), fault)
            }
            None => (Cause::Unexplained, there.done_t, Some(from), None),
        }
    }

    fn lost_on_the_way(&self, event: usize, from: NodeId, to: NodeId) -> Reason {
        let Kind::WireMsg { conn, .. } = self.history.events[event].kind else {
            return (Cause::Unexplained, self.time(event), Some(from), Some(event));
        };
        match self.ways.closed(conn) {
            Some((t, closed)) => {
                let fault = self.ways.fault(from, to, (self.time(event), t));
                (Cause::LostOnTheWay, t, Some(to), fault.or(Some(closed)))
            }
            None => (Cause::LostOnTheWay, self.end(), Some(to), Some(event)),
        }
    }

    /// Why a subscriber has not read what its node had at a time.
    fn why_not_read(&self, sub: &Sub, node: NodeId, there: &There<'_>, there_t: u64) -> Reason {
        let at = Some(node);
        let Some(conn) = self.conn(sub.client, sub.conn) else {
            return (Cause::Unexplained, there_t, at, None);
        };
        if sub.ready_t.is_none_or(|ready| ready > there_t) {
            return (Cause::NotSubscribedYet, there_t, at, None);
        }
        if sub.max > 0 && sub.delivered.len() as u64 >= u64::from(sub.max) {
            let last = sub.delivered.get(sub.max as usize - 1).copied();
            return (Cause::LimitReached, there_t, at, last);
        }
        // What waits for a client is in order: it cannot have been among it.
        if let Some(later) = self.overtaken_by(sub, there.msg) {
            let drops = self.history.header.nodes.get(usize::from(node.0));
            return match drops.is_some_and(|node| node.limits.drops) {
                true => (Cause::LeftOut, there_t, at, Some(later)),
                false => (Cause::Unexplained, there_t, at, Some(later)),
            };
        }
        let unsub = sub.unsub.and_then(|(unsub, at_once)| at_once.then_some(unsub));
        match (conn.slow, unsub) {
            (Some(slow), unsub) if unsub.is_none_or(|unsub| slow < unsub) => {
                return (Cause::SlowConsumer, self.time(slow), at, Some(slow));
            }
            (_, Some(unsub)) => return (Cause::Unsubscribed, self.time(unsub), at, Some(unsub)),
            (_, None) => {}
        }
        let Some(closed) = conn.closed else {
            return (Cause::ReceiverNotRead, self.end(), at, None);
        };
        let closed_t = self.time(closed);
        match self.ways.down(node, (there_t, closed_t)) {
            Some((t, down)) => (Cause::ReceiverNodeDied, t, at, Some(down)),
            None => (Cause::ReceiverLost, closed_t, at, Some(closed)),
        }
    }

    /// The first delivery of something that the publisher sent later on the same connection and the
    /// same subject.
    pub(super) fn overtaken_by(&self, sub: &Sub, msg: MsgId) -> Option<usize> {
        let mine = self.subject_of(msg);
        sub.delivered.iter().copied().find(|event| {
            let Kind::Delivered { msg: Some(other), .. } = self.history.events[*event].kind else {
                return false;
            };
            (other.client, other.conn) == (msg.client, msg.conn)
                && other.seq > msg.seq
                && self.subject_of(other) == mine
        })
    }
}
