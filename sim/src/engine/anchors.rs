//! Faults and operations that wait for something: what they wait for is followed event by event, as the history is
//! written, so that it means the same as what one reads there afterwards.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::history::Kind;
use crate::ids::{ClientId, NodeId};
use crate::plan::{Plan, Watched};
use crate::scenario::Is;

/// What waits: by its place in the plan.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Waits {
    /// A fault.
    Fault(usize),
    /// The operations that wait for the same from the same time on: the first of them.
    Ops(usize),
}

/// All of a plan that waits.
#[derive(Debug)]
pub(crate) struct Anchors {
    waiting: Vec<Anchor>,
    /// For the condition and the time of operations, the first of them.
    groups: BTreeMap<(u32, u64), usize>,
    /// Some of them have come and nobody has been told.
    news: bool,
}

#[derive(Debug)]
struct Anchor {
    of: Waits,
    is: Is,
    number: u64,
    state: State,
    /// Its time has come to look.
    armed: bool,
    /// It has come, and so it does not wait any more.
    has_come: bool,
    told: bool,
}

/// What was seen so far of what is looked at.
#[derive(Debug)]
enum State {
    Messages { senders: BTreeSet<ClientId>, receivers: BTreeSet<ClientId>, count: u64 },
    Clients { all: BTreeSet<ClientId>, connected: BTreeSet<ClientId> },
    Nodes { all: BTreeSet<NodeId>, up: BTreeSet<NodeId> },
    Routes { a: Vec<NodeId>, b: Vec<NodeId>, open: BTreeMap<(NodeId, NodeId), BTreeSet<u64>> },
    Faults { all: BTreeMap<u32, bool>, on_end: bool, seen: BTreeSet<u32> },
}

impl Anchors {
    /// Those of a plan; `None` if there are none, and nothing is to be followed.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let anchor = |of, watched: &Watched, is, number| {
            let state = State::of(plan, watched);
            Anchor { of, is, number, state, armed: false, has_come: false, told: false }
        };
        let faults = plan.faults.iter().enumerate().filter_map(|(at, fault)| {
            let when = fault.when.as_ref()?;
            Some(anchor(Waits::Fault(at), &when.watched, when.is, when.number))
        });
        let mut waiting: Vec<Anchor> = faults.collect();
        let mut groups = BTreeMap::new();
        for (at, op) in plan.ops.iter().enumerate() {
            let Some(later) = op.when else { continue };
            let Some(condition) = plan.condition_of(later) else { continue };
            if let Entry::Vacant(new) = groups.entry((later.condition, op.at)) {
                new.insert(at);
                let (watched, is) = (&condition.watched, condition.is);
                waiting.push(anchor(Waits::Ops(at), watched, is, condition.number));
            }
        }
        (!waiting.is_empty()).then_some(Self { waiting, groups, news: false })
    }

    /// Something was observed.
    pub(crate) fn see(&mut self, kind: &Kind) {
        for anchor in self.waiting.iter_mut().filter(|anchor| !anchor.has_come) {
            anchor.state.see(kind);
            self.news |= anchor.look();
        }
    }

    /// From now on what waits begins as soon as what it waits for is so: perhaps at once.
    pub(crate) fn arm(&mut self, of: Waits) {
        for anchor in self.waiting.iter_mut().filter(|anchor| anchor.of == of) {
            anchor.armed = true;
            self.news |= anchor.look();
        }
    }

    /// Whether it has not begun, because it still waits.
    pub(crate) fn waits(&self, of: Waits) -> bool {
        self.waiting.iter().any(|anchor| anchor.of == of && !anchor.has_come)
    }

    /// The first of the operations that wait for the same as this one, from the same time on.
    pub(crate) fn first_of(&self, condition: u32, at: u64) -> Option<usize> {
        self.groups.get(&(condition, at)).copied()
    }

    /// The first operations of all groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = usize> + '_ {
        self.groups.values().copied()
    }

    /// What need not wait any more, each once.
    pub(crate) fn come(&mut self) -> Vec<Waits> {
        if !std::mem::take(&mut self.news) {
            return Vec::new();
        }
        let news = self.waiting.iter_mut().filter(|anchor| anchor.has_come && !anchor.told);
        news.map(|anchor| {
            anchor.told = true;
            anchor.of
        })
        .collect()
    }
}

impl Anchor {
    /// Whether it has come just now.
    fn look(&mut self) -> bool {
        let comes = self.armed && !self.has_come && self.is.holds(self.state.value(), self.number);
        self.has_come |= comes;
        comes
    }
}

impl State {
    fn of(plan: &Plan, watched: &Watched) -> Self {
        match watched {
            Watched::Count(clients) => {
                let sends = |id: &&ClientId| {
                    plan.clients.get(id.0 as usize).is_some_and(|client| client.role.sends())
                };
                let (senders, receivers) = clients.iter().partition(sends);
                Self::Messages { senders, receivers, count: 0 }
            }
            Watched::Connected(clients) => {
                Self::Clients { all: clients.iter().copied().collect(), connected: BTreeSet::new() }
            }
            Watched::Up(nodes) => {
                Self::Nodes { all: nodes.iter().copied().collect(), up: BTreeSet::new() }
            }
            Watched::Routes(a, b) => {
                Self::Routes { a: a.clone(), b: b.clone(), open: BTreeMap::new() }
            }
            Watched::Begun(ids) | Watched::Over(ids) => {
                // One that is over at once has no end of its own.
                let at_once =
                    |id: &u32| plan.faults.iter().any(|fault| fault.id == *id && fault.lasts == 0);
                Self::Faults {
                    all: ids.iter().map(|id| (*id, at_once(id))).collect(),
                    on_end: matches!(watched, Watched::Over(_)),
                    seen: BTreeSet::new(),
                }
            }
        }
    }

    fn value(&self) -> u64 {
        match self {
            Self::Messages { count, .. } => *count,
            Self::Clients { connected, .. } => connected.len() as u64,
            Self::Nodes { up, .. } => up.len() as u64,
            Self::Faults { seen, .. } => seen.len() as u64,
            Self::Routes { a, b, open } => {
                let has = |from: NodeId, to: NodeId| {
                    open.get(&(from, to)).is_some_and(|routes| !routes.is_empty())
                };
                let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
                pairs.filter(|&(a, b)| a != b && has(a, b) && has(b, a)).count() as u64
            }
        }
    }

    fn see(&mut self, kind: &Kind) {
        match (self, kind) {
            (Self::Messages { senders, count, .. }, Kind::PubSent { msg, .. }) => {
                *count += u64::from(senders.contains(&msg.client));
            }
            (Self::Messages { receivers, count, .. }, Kind::Delivered { client, .. }) => {
                *count += u64::from(receivers.contains(client));
            }
            (Self::Clients { all, connected }, Kind::ClientConnected { client, .. })
                if all.contains(client) =>
            {
                connected.insert(*client);
            }
            (Self::Clients { connected, .. }, Kind::ClientClosed { client, .. }) => {
                connected.remove(client);
            }
            (Self::Nodes { all, up }, Kind::NodeUp { node, .. }) if all.contains(node) => {
                up.insert(*node);
            }
            (Self::Nodes { up, .. }, Kind::NodeDown { node, .. }) => {
                up.remove(node);
            }
            (Self::Routes { open, .. }, Kind::RouteUp { node, remote, cid, .. }) => {
                open.entry((*node, *remote)).or_default().insert(*cid);
            }
            (Self::Routes { open, .. }, Kind::RouteDown { node, remote, cid, .. }) => {
                open.entry((*node, *remote)).or_default().remove(cid);
            }
            (Self::Routes { open, .. }, Kind::NodeDown { node, .. }) => {
                open.retain(|(from, _), _| from != node);
            }
            (Self::Faults { all, on_end, seen }, Kind::Fault(fault)) => {
                if let Some(at_once) = all.get(&fault.id)
                    && (fault.on != *on_end || *at_once)
                {
                    seen.insert(fault.id);
                }
            }
            _ => {}
        }
    }
}
