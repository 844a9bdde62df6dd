//! B2: when two nodes reach each other again, what one has kept for the other is there soon.
//!
//! The time runs from the moment when the link is whole: no fault is between the two, and all their
//! routes are registered at both ends and not in doubt. Interest and positions, which the nodes tell
//! each other then, are part of it. Owed is what was confirmed by then, to a subscription outside of
//! queue groups that was known everywhere before the trouble began, on the connection that it was made
//! on. It may take a round trip, 100 ms, and the time that all takes which regions have kept for each
//! other in this direction: they share the path. If the link is disturbed again, nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use causeway_wire::subject;

use super::arrears::Arrears;
use super::outcome::{Pen, Took};
use super::scope::Scope;
use super::settled::DueMessages;
use super::view::{MsgRef, Sub, SubIx, View};
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Kind, Phase};
use crate::ids::NodeId;
use crate::report::words;

/// What stands around a message between nodes, besides its subject.
const FRAME_BYTES: u64 = 64;

pub(super) struct BufferReplay {
    scope: Scope,
    arrears: Arrears,
    due: DueMessages,
    /// What was confirmed and may not be everywhere yet.
    confirmed: Vec<MsgRef>,
    /// When the trouble may have begun.
    chaos_t: Option<u64>,
    /// Since when each pair of nodes has been calm, when last looked at.
    calm: BTreeMap<(NodeId, NodeId), u64>,
    under_way: Vec<Replay>,
    /// Faults of disks that are on. What is kept is on disks.
    disks: BTreeSet<u32>,
}

/// One node is given what another one has kept for it.
struct Replay {
    from: NodeId,
    to: NodeId,
    /// When the link was whole.
    since: u64,
    bound_ns: u64,
    /// The event with which it was.
    i: usize,
    bytes: u64,
    owed: BTreeSet<(MsgRef, SubIx)>,
}

impl BufferReplay {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            arrears: Arrears::new(params.header, params.within_ns),
            due: DueMessages::new(0),
            confirmed: Vec::new(),
            chaos_t: None,
            calm: BTreeMap::new(),
            under_way: Vec::new(),
            disks: BTreeSet::new(),
        }
    }

    /// Takes in what a node has confirmed.
    fn confirmed(&mut self, view: &View<'_>, i: usize) {
        let Self { due, confirmed, .. } = self;
        due.observe(view, i, |msg| {
            let subject_of = view.history.text(view.publication(msg).subject).as_bytes();
            let mut kept = view.history.header.buffered.iter();
            if kept.any(|pattern| subject::matches(pattern.as_bytes(), subject_of)) {
                confirmed.push(msg);
            }
            false
        });
    }

    /// Something has happened to faults, nodes or routes: which links are whole now?
    fn look(&mut self, view: &View<'_>, pen: &Pen<'_>) {
        let network = &view.network;
        let stands = |one: &Replay| network.calm_since(one.from, one.to) == Some(one.since);
        self.under_way.retain(stands);
        let pairs: Vec<(NodeId, NodeId)> = network.core_pairs().collect();
        for (a, b) in pairs {
            let now = network.calm_since(a, b);
            let before = match now {
                Some(since) => self.calm.insert((a, b), since),
                None => self.calm.remove(&(a, b)),
            };
            if let Some(since) = now.filter(|_| now != before) {
                self.begin(view, pen, (a, b), since);
                self.begin(view, pen, (b, a), since);
            }
        }
    }

    fn begin(
        &mut self,
        view: &View<'_>,
        pen: &Pen<'_>,
        (from, to): (NodeId, NodeId),
        since: u64,
    ) {
        if self.chaos_t.is_none() || !self.disks.is_empty() {
            return;
        }
        self.confirmed.retain(|msg| missed(view, *msg).next().is_some());
        let region = |node| view.network.region_of(node);
        let (mut bytes, mut owed) = (0, BTreeSet::new());
        for msg in &self.confirmed {
            let Some(node) = view.conn(msg.conn).node.filter(|it| region(*it) == region(from))
            else {
                continue;
            };
            let mut receivers = BTreeSet::new();
            for (ix, sub) in missed(view, *msg) {
                let there = view.node_of(sub).filter(|it| region(*it) == region(to));
                receivers.extend(there.filter(|there| *there != node));
                if (node, there) == (from, Some(to)) && self.is_owed(view, *msg, sub) {
                    owed.insert((*msg, ix));
                }
            }
            let publication = view.publication(*msg);
            let subject_len = view.history.text(publication.subject).len() as u64;
            let one = u64::from(publication.size) + subject_len + FRAME_BYTES;
            bytes += one * receivers.len() as u64;
        }
        if !owed.is_empty() {
            let bound_ns = self.arrears.bound_ns(bytes);
            self.under_way.push(Replay { from, to, since, bound_ns, i: pen.i, bytes, owed });
        }
    }

    fn is_owed(&self, view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
        let client = &view.history.header.clients[sub.client.0 as usize];
        let spread = view.history.header.bounds.interest_ns;
        let known = sub.ready_t.map(|t| t.saturating_add(spread));
        let early = known.zip(self.chaos_t).is_some_and(|(known, chaos_t)| {
            known <= chaos_t && known <= view.publication(msg).t
        });
        early
            && sub.queue.is_none()
            && sub.max == 0
            && !client.slow
            && !client.no_echo
            && view.access_was_free(view.conn(sub.conn))
            && self.scope.covers_delivery(view, msg, sub)
    }

    /// A message has arrived, perhaps the last one.
    fn arrived(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(delivery) = view.delivery().filter(|_| !self.under_way.is_empty()) else { return };
        let (Some(sub), Some(msg)) = (delivery.sub, delivery.msg) else { return };
        self.under_way.retain_mut(|replay| {
            let last = replay.owed.remove(&(msg, sub)) && replay.owed.is_empty();
            if last {
                let took_ns = pen.t.saturating_sub(replay.since);
                pen.held_in(Took { took_ns, bound_ns: replay.bound_ns });
                if std::env::var_os("DBG").is_some() { eprintln!("replay {:?}->{:?} took {} of {} ms, {} KiB", replay.from, replay.to, took_ns/1000000, replay.bound_ns/1000000, replay.bytes>>10); }
            }
            !last
        });
    }
}

/// Live subscriptions that a message has not reached; of a queue group whose members all have not got
/// it, all.
fn missed<'v>(view: &'v View<'_>, msg: MsgRef) -> impl Iterator<Item = (SubIx, &'v Sub)> {
    view.wanted_by(msg).filter(move |(ix, sub)| {
        if sub.queue.is_none() {
            !view.has_received(*ix, msg)
        } else {
            view.taker(sub.queue, msg).is_none()
        }
    })
}

impl Replay {
    const fn due(&self) -> u64 {
        self.since.saturating_add(self.bound_ns)
    }

    /// The story of one that is late.
    fn tell(&self, view: &View<'_>) -> (String, Vec<usize>) {
        let header = &view.history.header;
        let name = |node: NodeId| header.nodes[usize::from(node.0)].name.as_str();
        let first = self.owed.first();
        let story = format!(
            "{} and {} have reached each other again for {}, and {} messages that the first one has \
                kept for the second have not arrived; {} bytes were kept in all.",
            name(self.from),
            name(self.to),
            words::time(self.bound_ns),
            self.owed.len(),
            self.bytes,
        );
        let published = first.map(|(msg, _)| view.publication(*msg).i);
        let wanted = first.map(|(_, sub)| view.sub(*sub).i);
        (story, [Some(self.i), published, wanted].into_iter().flatten().collect())
    }
}

impl Checker for BufferReplay {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes, Topic::Network, Topic::Milestones, Topic::Deliveries]
    }

    fn due(&self) -> Option<u64> {
        self.under_way.iter().map(Replay::due).min()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        for mut replay in self.under_way.extract_if(.., |replay| replay.due() < until) {
            // Who has left meanwhile is owed nothing.
            replay.owed.retain(|(_, sub)| {
                let sub = view.sub(*sub);
                sub.gone_t.is_none() && view.access_was_free(view.conn(sub.conn))
            });
            if !replay.owed.is_empty() {
                pen.t = replay.due();
                if std::env::var_os("DBG").is_some() { eprintln!("LATE {:?}->{:?} {} of {} ms, {} KiB", replay.from, replay.to, replay.owed.len(), replay.bound_ns/1000000, replay.bytes>>10); }
                pen.broken(view, || replay.tell(view));
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        if header.buffered.is_empty() || header.buffers_have_limits {
            return;
        }
        let event = &view.history.events[pen.i];
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of this")]
        match &event.kind {
            Kind::PubFlushed { .. } => self.confirmed(view, pen.i),
            Kind::Delivered { .. } => self.arrived(view, pen),
            Kind::Phase { phase: Phase::Chaos } => self.chaos_t = Some(event.t),
            Kind::Fault(fault) => {
                if fault.kind == FaultKind::Disk {
                    self.under_way.clear();
                    if fault.on {
                        self.disks.insert(fault.id);
                    } else {
                        self.disks.remove(&fault.id);
                    }
                }
                self.look(view, pen);
            }
            Kind::NodeUp { .. }
            | Kind::NodeDown { .. }
            | Kind::RouteUp { .. }
            | Kind::RouteDown { .. } => self.look(view, pen),
            _ => {}
        }
    }
}
