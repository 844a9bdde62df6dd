//! Which nodes are being given what others have kept for them.
//!
//! A replay begins when the link is *whole*: no fault is between the two nodes, and all their routes
//! are registered at both ends, and were made anew or have stood through no cut. Interest and
//! positions, which the nodes tell each other then, are part of it. Owed is what was confirmed by
//! then, to a subscription outside of queue groups that was known everywhere before the trouble began,
//! on the connection that it was made on.
//! It may take a round trip, 100 ms, and the time that all takes which one region has kept for the
//! other: nodes share the path. A node says how far it is before it is sent anything; that may stand
//! behind what is sent unasked in the other direction, so as much of what is kept there counts, too. If
//! the link is disturbed again, nothing is said; what was sent on a connection that is given up (both
//! nodes may have dialled) is on the path all the same, and that replay's time counts for the next.

use std::collections::{BTreeMap, BTreeSet};

use causeway_core::limits;
use causeway_wire::subject;

use super::arrears::Arrears;
use super::outcome::Took;
use super::refusals::Fate;
use super::scope::Scope;
use super::settled::DueMessages;
use super::view::{MsgRef, Sub, SubIx, View};
use super::{Params, Topic};
use crate::history::{FaultKind, Kind, Phase};
use crate::ids::{NodeId, RegionId};
use crate::report::words;

/// What stands around a message between nodes, besides its subject.
const FRAME_BYTES: u64 = 64;

/// What the kinds of events are that [`Replays::observe`] looks at.
pub(super) const TOPICS: &[Topic] =
    &[Topic::Flushes, Topic::Network, Topic::Milestones, Topic::Deliveries];

/// All replays that are under way.
pub(super) struct Replays {
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
    /// Until when bytes of replays that came to nothing may be on the path from one region to another.
    busy: BTreeMap<(RegionId, RegionId), u64>,
    /// Faults of disks that are on. What is kept is on disks.
    disks: BTreeSet<u32>,
}

/// One node is given what another one has kept for it.
pub(super) struct Replay {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// When the link was whole.
    pub(super) since: u64,
    bound_ns: u64,
    /// The event with which it was.
    i: usize,
    bytes: u64,
    owed: BTreeSet<(MsgRef, SubIx)>,
}

impl Replays {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            arrears: Arrears::new(params.header, params.within_ns),
            due: DueMessages::new(0),
            confirmed: Vec::new(),
            chaos_t: None,
            calm: BTreeMap::new(),
            under_way: Vec::new(),
            busy: BTreeMap::new(),
            disks: BTreeSet::new(),
        }
    }

    /// Takes in what a node has confirmed.
    fn confirmed(&mut self, view: &View<'_>, i: usize) {
        let Self { due, confirmed, .. } = self;
        due.observe(view, i, |msg| {
            if is_kept(view, msg) {
                confirmed.push(msg);
            }
            false
        });
    }

    /// Something has happened to faults, nodes or routes: which links are whole now?
    fn look(&mut self, view: &View<'_>, i: usize) {
        let network = &view.network;
        let stands = |one: &Replay| network.calm_since(one.from, one.to) == Some(one.since);
        for one in self.under_way.extract_if(.., |one| !stands(one)) {
            let way = (network.region_of(one.from), network.region_of(one.to));
            let until = self.busy.entry(way).or_default();
            *until = one.due().max(*until);
        }
        let t = view.history.events[i].t;
        let pairs: Vec<(NodeId, NodeId)> = network.core_pairs().collect();
        for (a, b) in pairs {
            let now = network.calm_since(a, b);
            let before = match now {
                Some(since) => self.calm.insert((a, b), since),
                None => self.calm.remove(&(a, b)),
            };
            // A route that outlived a cut goes on when TCP does.
            let made_anew = |since: &u64| now != before && *since <= t;
            if let Some(since) = now.filter(made_anew) {
                self.begin(view, i, (a, b), since);
                self.begin(view, i, (b, a), since);
            }
        }
    }

    fn begin(&mut self, view: &View<'_>, i: usize, (from, to): (NodeId, NodeId), since: u64) {
        if self.chaos_t.is_none() || !self.disks.is_empty() {
            return;
        }
        self.confirmed
            .retain(|msg| view.fate(*msg) != Fate::Refused && missed(view, *msg).next().is_some());
        let mut owed = BTreeSet::new();
        let kept_here =
            |msg: &&MsgRef| view.conn(msg.conn).node == Some(from) && !view.may_be_refused(**msg);
        for msg in self.confirmed.iter().filter(kept_here) {
            for (ix, sub) in missed(view, *msg).filter(|(_, sub)| view.node_of(sub) == Some(to)) {
                if self.scope.covers_delivery(view, *msg, sub) && self.is_owed(view, *msg, sub) {
                    owed.insert((*msg, ix));
                }
            }
        }
        if owed.is_empty() {
            return;
        }
        let (here, there) = (view.network.region_of(from), view.network.region_of(to));
        let (bytes, _) = self.kept(view, (here, there));
        let (other, pairs) = self.kept(view, (there, here));
        let before = other.min(pairs * limits::BUFFER_WINDOW_FIRST_BYTES);
        let busy = self.busy.get(&(here, there)).map_or(0, |until| until.saturating_sub(since));
        let bound_ns = self.arrears.bound_ns(bytes + before) + busy;
        self.under_way.push(Replay { from, to, since, bound_ns, i, bytes, owed });
    }

    /// The bytes that nodes of a region have kept for those of another, and how many have for how many.
    fn kept(&self, view: &View<'_>, (here, there): (RegionId, RegionId)) -> (u64, u64) {
        let is_in = |node: &NodeId, region| view.network.region_of(*node) == region;
        let (mut bytes, mut pairs) = (0, BTreeSet::new());
        for msg in &self.confirmed {
            let Some(from) = view.conn(msg.conn).node.filter(|it| is_in(it, here)) else {
                continue;
            };
            let ends = missed(view, *msg).filter_map(|(_, sub)| view.node_of(sub));
            let receivers: BTreeSet<NodeId> =
                ends.filter(|it| *it != from && is_in(it, there)).collect();
            let publication = view.publication(*msg);
            let subject_len = view.history.text(publication.subject).len() as u64;
            let one = u64::from(publication.size) + subject_len + FRAME_BYTES;
            bytes += one * receivers.len() as u64;
            pairs.extend(receivers.into_iter().map(|to| (from, to)));
        }
        (bytes, pairs.len() as u64)
    }

    /// Whether a subscription was known early enough to be owed a message, and nothing of its own may
    /// keep it from arriving.
    pub(super) fn is_owed(&self, view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
        let client = &view.history.header.clients[sub.client.0 as usize];
        let spread = view.history.header.bounds.interest_ns;
        let known = sub.ready_t.map(|t| t.saturating_add(spread));
        let early = known
            .zip(self.chaos_t)
            .is_some_and(|(known, chaos_t)| known <= chaos_t && known <= view.publication(msg).t);
        early
            && sub.queue.is_none()
            && sub.max == 0
            && !client.slow
            && !client.no_echo
            && view.access_was_free(view.conn(sub.conn))
    }

    /// A message has arrived. For each replay that it was the last one of, how long that took.
    fn arrived(&mut self, view: &View<'_>, t: u64) -> Vec<Took> {
        let mut ended = Vec::new();
        let delivery = view.delivery().filter(|_| !self.under_way.is_empty());
        let Some((sub, msg)) = delivery.and_then(|it| it.sub.zip(it.msg)) else { return ended };
        self.under_way.retain_mut(|replay| {
            let last = replay.owed.remove(&(msg, sub)) && replay.owed.is_empty();
            if last {
                let took_ns = t.saturating_sub(replay.since);
                ended.push(Took { took_ns, bound_ns: replay.bound_ns });
            }
            !last
        });
        ended
    }

    pub(super) fn under_way(&self) -> &[Replay] {
        &self.under_way
    }

    /// When the first of them should have come to its end.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.under_way.iter().map(Replay::due).min()
    }

    /// Those that should have come to their end before this time, and have not.
    pub(super) fn late(&mut self, view: &View<'_>, until: u64) -> Vec<Replay> {
        let mut late: Vec<Replay> =
            self.under_way.extract_if(.., |replay| replay.due() < until).collect();
        // Who has left meanwhile is owed nothing.
        late.retain_mut(|replay| {
            replay.owed.retain(|(_, sub)| {
                let sub = view.sub(*sub);
                sub.gone_t.is_none() && view.access_was_free(view.conn(sub.conn))
            });
            !replay.owed.is_empty()
        });
        late
    }

    /// Takes in an event. For each replay that ends with it, how long that took.
    pub(super) fn observe(&mut self, view: &View<'_>, i: usize) -> Vec<Took> {
        let header = &view.history.header;
        if header.buffered.is_empty() || header.buffers_forget {
            return Vec::new();
        }
        let event = &view.history.events[i];
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of this")]
        match &event.kind {
            Kind::PubFlushed { .. } => self.confirmed(view, i),
            Kind::Delivered { .. } => return self.arrived(view, event.t),
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
                self.look(view, i);
            }
            Kind::NodeUp { .. }
            | Kind::NodeDown { .. }
            | Kind::RouteUp { .. }
            | Kind::RouteDown { .. } => self.look(view, i),
            _ => {}
        }
        Vec::new()
    }
}

/// Whether a message's subject is one of those that are kept for nodes that are away.
pub(super) fn is_kept(view: &View<'_>, msg: MsgRef) -> bool {
    let subject_of = view.history.text(view.publication(msg).subject).as_bytes();
    let mut kept = view.history.header.buffered.iter();
    kept.any(|pattern| subject::matches(pattern.as_bytes(), subject_of))
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
    pub(super) const fn due(&self) -> u64 {
        self.since.saturating_add(self.bound_ns)
    }

    /// The story of one that is late.
    pub(super) fn tell(&self, view: &View<'_>) -> (String, Vec<usize>) {
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
