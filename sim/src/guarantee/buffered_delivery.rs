//! B1: what is published on a buffered subject is there for everybody who wants it, also if the way
//! was cut when it was published.
//!
//! Owed is a message that its publisher's node has confirmed, to a subscription outside of queue groups
//! that was known everywhere before the trouble began and whose connection has lasted until now. To one
//! that a client made again on the same node after that node had died: what was published while the
//! node was down. Nothing is owed if buffers have limits, which is another matter, and while they may
//! still be at work: it is looked at when clients have stopped and everything was healed.

use super::outcome::Pen;
use super::quiet_delivery::tell_missing;
use super::scope::Scope;
use super::settled::DueMessages;
use super::view::{MsgRef, Sub, SubIx, View};
use super::{Checker, Params, Topic};
use crate::history::{Kind, NodeDownHow, Phase};
use crate::ids::NodeId;
use crate::units::SECOND;

/// A message that was published within this time before its subscriber's node died may have been
/// delivered to a connection that went with it, or be in doubt.
const MARGIN_NS: u64 = 2 * SECOND;

pub(super) struct BufferedDelivery {
    scope: Scope,
    /// In the order in which they were confirmed.
    confirmed: Vec<MsgRef>,
    due: DueMessages,
    /// When the trouble may have begun.
    chaos_t: Option<u64>,
    /// When nodes were down: which, from when, until when.
    down: Vec<(NodeId, u64, Option<u64>)>,
}

impl BufferedDelivery {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            confirmed: Vec::new(),
            due: DueMessages::new(0),
            chaos_t: None,
            down: Vec::new(),
        }
    }

    fn judge(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(chaos_t) = self.chaos_t else { return };
        for msg in &self.confirmed {
            let wanted = view.wanted_by(*msg).filter(|(_, s)| s.queue.is_none() && s.max == 0);
            for (ix, sub) in wanted {
                if self.scope.covers_delivery(view, *msg, sub) {
                    self.judge_one(view, *msg, (ix, sub), chaos_t, pen);
                }
            }
        }
    }

    fn judge_one(
        &self,
        view: &View<'_>,
        msg: MsgRef,
        (ix, sub): (SubIx, &Sub),
        chaos_t: u64,
        pen: &mut Pen<'_>,
    ) {
        let Some(ready_t) = sub.ready_t else { return };
        let client = &view.history.header.clients[sub.client.0 as usize];
        let spread = view.history.header.bounds.interest_ns;
        let sound = sub.unsub.is_none() && !client.slow && !client.no_echo;
        let early = ready_t.saturating_add(spread) <= chaos_t;
        if !sound || !(early || self.was_awaited(view, msg, sub, chaos_t)) {
            return;
        }
        if early && view.publication(msg).t < ready_t.saturating_add(spread) {
            return;
        }
        if view.has_received(ix, msg) {
            pen.held();
        } else {
            let although = "although what is published on this subject is kept for those away";
            pen.broken(view, || tell_missing(view, msg, sub, although));
        }
    }

    /// Whether a message was published while the node of a subscription was down whose client has come
    /// back to it. The client must have wanted the same there before the trouble.
    fn was_awaited(&self, view: &View<'_>, msg: MsgRef, sub: &Sub, chaos_t: u64) -> bool {
        let Some(node) = view.node_of(sub) else { return false };
        let spread = view.history.header.bounds.interest_ns;
        let published_t = view.publication(msg).t;
        let mut down = self.down.iter().filter(|(of, ..)| *of == node);
        let (Some((_, from, Some(until))), None) = (down.next(), down.next()) else { return false };
        let same = |other: &Sub| {
            other.client == sub.client
                && other.subject == sub.subject
                && view.node_of(other) == Some(node)
                && other.ready_t.is_some_and(|t| t.saturating_add(spread) <= chaos_t)
                && other.gone_t.is_some_and(|t| t.saturating_add(MARGIN_NS) > *from)
        };
        view.conn(msg.conn).node != Some(node)
            && from.saturating_add(MARGIN_NS) <= published_t
            && published_t < *until
            && view.subs().any(|(_, other)| same(other))
    }
}

impl Checker for BufferedDelivery {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes, Topic::Network, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        if header.buffered.is_empty() || header.buffers_have_limits {
            return;
        }
        let event = &view.history.events[pen.i];
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of this")]
        match event.kind {
            Kind::PubFlushed { .. } => {
                let Self { due, confirmed, .. } = self;
                due.observe(view, pen.i, |msg| {
                    let subject = view.history.text(view.publication(msg).subject).as_bytes();
                    let mut patterns = header.buffered.iter();
                    if patterns.any(|it| causeway_wire::subject::matches(it.as_bytes(), subject)) {
                        confirmed.push(msg);
                    }
                    false
                });
            }
            Kind::Phase { phase: Phase::Chaos } => self.chaos_t = Some(event.t),
            Kind::Phase { phase: Phase::Drain } => self.judge(view, pen),
            Kind::NodeDown { node, how: NodeDownHow::Killed } => {
                self.down.push((node, event.t, None));
            }
            Kind::NodeUp { node, .. } => {
                let of =
                    self.down.iter_mut().rfind(|(of, _, until)| *of == node && until.is_none());
                if let Some((_, _, until)) = of {
                    *until = Some(event.t);
                }
            }
            _ => {}
        }
    }
}
