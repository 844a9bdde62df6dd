//! What a plan leaves to timing, and why.
//!
//! A fault begins at a moment, and a message that is under way then may be before it or behind it; real
//! machines are late by some milliseconds, and a route is given up when its probe happens to be due.
//! All that is no disagreement. But it is said from the plan alone, before anything has run, so that what
//! happened can never talk itself out of it.
//!
//! | doubt | which messages |
//! |---|---|
//! | the sender comes, the sender leaves | sent while it may not be connected yet, or no more |
//! | the receiver comes, the receiver leaves | sent while its subscription is on its way, or about when it ends |
//! | a fault begins | sent so shortly before that they may still be under way, and until all have noticed who will |
//! | a fault lasts | sent while it depends on what clients and nodes do about it, and when |
//! | a fault is over | sent before everybody must be together again |
//! | the receiver counts | its subscription ends with the first few messages, whoever's they are |
//! | the receiver cannot keep up | it is sent more than it can read before its node gives it up, or before the end |
//! | the asker is hasty | it waits for its answer hardly longer than that takes |
//! | last words | (of errors) a node sends a client away that is still sending: what it says then may be thrown away by the reset that answers the rest, read or not |
//!
//! *A cut between nodes* that lasts less than the shortest time in which a node gives a route up takes
//! nothing away: TCP keeps what was sent, and it arrives. One that lasts longer than the longest takes
//! away what was sent across, and when nobody has routes any more, everybody knows that nobody is there:
//! so the middle of a long cut is settled, and all of a short one. *Clients* that are cut off for less
//! than their pings take are in the same way none the wiser.

use std::collections::BTreeMap;

use causeway_core::limits;

use super::intent::{Intent, Listening, Sending};
use super::message::{Message, Receiver};
use crate::history::{Bounds, FaultKind};
use crate::ids::{ClientId, NodeId};
use crate::plan::{
    CLIENT_PINGS_MAX, ConfigPlan, FaultAction, FaultPlan, Plan, Setting, Sides, Site,
};
use crate::scenario::Ways;
use crate::units::{MS, SECOND};

/// Why the plan does not say what becomes of a message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Doubt {
    /// Its sender may not be connected yet.
    SenderComes,
    /// Its sender leaves.
    SenderLeaves,
    /// Its receiver's subscription is on its way.
    ReceiverComes,
    /// Its receiver's subscription ends.
    ReceiverLeaves,
    /// A fault begins.
    Begins(FaultKind),
    /// A fault lasts.
    Lasts(FaultKind),
    /// A fault is over, and not everybody is back yet.
    Over(FaultKind),
    /// Its receiver's subscription ends with the first few messages.
    Counts,
    /// Its receiver is sent more than it can read.
    Slow,
    /// The answer may come when nobody waits any more.
    Hasty,
    /// It is told why it is sent away while it is still sending.
    LastWords,
}

impl Doubt {
    /// In words: the rest of a sentence after "left to timing because".
    #[must_use]
    pub fn words(self) -> String {
        let fault = |what: &str, kind: FaultKind| format!("a {} {what}", kind.name());
        match self {
            Self::SenderComes => "the sender comes".into(),
            Self::SenderLeaves => "the sender leaves".into(),
            Self::ReceiverComes => "the receiver comes".into(),
            Self::ReceiverLeaves => "the receiver leaves".into(),
            Self::Begins(kind) => fault("begins", kind),
            Self::Lasts(kind) => fault("lasts", kind),
            Self::Over(kind) => fault("is just over", kind),
            Self::Counts => "the receiver counts".into(),
            Self::Slow => "the receiver cannot keep up".into(),
            Self::Hasty => "the asker is hasty".into(),
            Self::LastWords => "last words may be lost".into(),
        }
    }
}

/// How much time the engines that are compared may take for things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// From when something is to be done to when it has reached everybody.
    pub(super) edge_ns: u64,
    /// From SUB to every node knowing of it.
    interest_ns: u64,
    /// From the end of a fault to the routes being back.
    routes_ns: u64,
    /// From the end of a fault to the clients being back.
    clients_ns: u64,
}

/// More than a header of the simulator's clients ever has.
const HEADER_BYTES: u64 = 64;

/// For what is in no bound: turns, and bytes that wait for each other.
const SLACK_NS: u64 = 50 * MS;

impl Patience {
    /// The most that any engine asks for in its history.
    pub fn of<'b>(all: impl IntoIterator<Item = &'b Bounds>) -> Self {
        let mut most = Self { edge_ns: SLACK_NS, interest_ns: 0, routes_ns: 0, clients_ns: 0 };
        for bounds in all {
            let edge = bounds.lag_ns + bounds.rtt_max_ns + SLACK_NS;
            most.edge_ns = most.edge_ns.max(edge);
            most.interest_ns = most.interest_ns.max(bounds.interest_ns);
            most.routes_ns = most.routes_ns.max(bounds.routes_ns);
            most.clients_ns = most.clients_ns.max(bounds.clients_ns);
        }
        most
    }
}

/// What a fault comes between, for two clients.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touch {
    /// A client and a node that it may be connected to.
    pub(super) access: bool,
    /// A node of the one and a node of the other.
    pub(super) route: bool,
}

/// What a cut takes away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// Nothing: it is over before anybody gives anything up.
    Nothing,
    /// What is sent across, from so long after its beginning until its end.
    AllAfter(u64),
    /// Nobody knows.
    Some,
}

/// The doubts of a plan.
#[derive(Debug)]
pub(super) struct Doubts<'p> {
    intent: &'p Intent<'p>,
    patience: Patience,
    slow: BTreeMap<ClientId, bool>,
}

impl<'p> Doubts<'p> {
    pub(super) fn new(intent: &'p Intent<'p>, patience: Patience) -> Self {
        let clients = (0..).map(ClientId).zip(&intent.plan.clients);
        let slow = clients.map(|(id, _)| (id, super::band::cannot_keep_up(intent, id))).collect();
        Self { intent, patience, slow }
    }

    pub(super) fn cannot_keep_up(&self, client: ClientId) -> bool {
        self.slow.get(&client).copied().unwrap_or(false)
    }

    /// Why it is open which errors a client is told, if it is.
    pub(super) fn about_errors(&self, client: ClientId) -> Option<Doubt> {
        if self.cannot_keep_up(client) {
            return Some(Doubt::Slow);
        }
        let plan = self.intent.plan;
        let nodes = plan.clients.get(client.0 as usize).map_or(&[][..], |client| &client.nodes);
        let nodes = nodes.iter().filter_map(|node| plan.nodes.get(usize::from(node.0)));
        let most = nodes.filter_map(|node| node.config.number(Setting::MaxPayload)).min()?;
        let mut sent = self.intent.sendings.get(&client).into_iter().flatten();
        // A header comes on top of it.
        sent.any(|sending| u64::from(sending.size) + HEADER_BYTES > most)
            .then_some(Doubt::LastWords)
    }

    /// Why it is open whether the receiver gets the message, if it is.
    pub(super) fn about(&self, receiver: Receiver, message: Message) -> Option<Doubt> {
        let (asker, _) = message.place()?;
        let sending = self.intent.sending(message)?;
        match (message, receiver) {
            (Message::Answer(..), _) => self.answer(asker, &sending),
            (_, Receiver::Sub(..) | Receiver::Group(..)) => {
                let comes = self.sender(asker, sending.at);
                let members = self.intent.members(receiver);
                comes.or_else(|| members.filter_map(|one| self.way(asker, one, sending.at)).next())
            }
            (_, Receiver::Inbox(_) | Receiver::Nobody(_)) => None,
        }
    }

    /// Why it is open what a client is told of its request, if it is.
    pub(super) fn about_fate(&self, message: Message) -> Option<Doubt> {
        let (asker, _) = message.place()?;
        let sending = self.intent.sending(message)?;
        let patience = sending.patience_ns?;
        if patience < 2 * self.patience.edge_ns {
            return Some(Doubt::Hasty);
        }
        self.answer(asker, &sending).or_else(|| {
            let open = |fault: &&FaultPlan| self.leaves_fate_open(fault, asker, &sending);
            let fault = self.intent.plan.faults.iter().find(open)?;
            Some(Doubt::Lasts(fault.action.kind()))
        })
    }

    /// Whether a cut leaves it open what an asker is told, though not what arrives: an answer that a short
    /// one holds back may come too late, and only when routes are given up does anybody know that nobody is
    /// there.
    fn leaves_fate_open(&self, fault: &FaultPlan, asker: ClientId, sending: &Sending) -> bool {
        let edge = self.patience.edge_ns;
        let until = match self.cut(fault) {
            Cut::Nothing => fault.end().saturating_add(edge),
            Cut::AllAfter(noticed) => fault.at.saturating_add(noticed),
            Cut::Some => return false,
        };
        let across = |one: &Listening| self.touches(fault, asker, one.client).any();
        (fault.at.saturating_sub(edge)..=until).contains(&sending.at)
            && self.intent.answerers(sending.subject).any(across)
    }

    fn answer(&self, asker: ClientId, sending: &Sending) -> Option<Doubt> {
        let there = |one: &Listening| {
            self.way(asker, one, sending.at).or_else(|| self.across(one.client, asker, sending.at))
        };
        let comes = self.sender(asker, sending.at);
        let slow = || self.cannot_keep_up(asker).then_some(Doubt::Slow);
        comes.or_else(|| self.intent.answerers(sending.subject).find_map(there)).or_else(slow)
    }

    fn sender(&self, client: ClientId, at: u64) -> Option<Doubt> {
        let Patience { edge_ns, interest_ns, .. } = self.patience;
        let Some(&(from, until)) = self.intent.stays.get(&client) else {
            return Some(Doubt::SenderComes);
        };
        if at <= from.saturating_add(interest_ns + edge_ns) {
            Some(Doubt::SenderComes)
        } else if at.saturating_add(edge_ns) >= until {
            Some(Doubt::SenderLeaves)
        } else {
            None
        }
    }

    /// From a sender to one who listens.
    fn way(&self, sender: ClientId, one: &Listening, at: u64) -> Option<Doubt> {
        let Patience { edge_ns, interest_ns, .. } = self.patience;
        let connected = self.intent.stays.get(&one.client).map_or(0, |(from, _)| *from);
        let from = one.from.max(connected);
        let comes = from.saturating_sub(edge_ns)..=from.saturating_add(interest_ns + edge_ns);
        let leaves = one.until.saturating_sub(edge_ns)..=one.until.saturating_add(edge_ns);
        if one.counts {
            Some(Doubt::Counts)
        } else if self.cannot_keep_up(one.client) {
            Some(Doubt::Slow)
        } else if comes.contains(&at) {
            Some(Doubt::ReceiverComes)
        } else if leaves.contains(&at) {
            Some(Doubt::ReceiverLeaves)
        } else {
            let shared = !one.queue.is_none();
            self.intent
                .plan
                .faults
                .iter()
                .find_map(|f| self.fault(f, sender, one.client, at, shared))
        }
    }

    /// From one client to another, whatever it has subscribed to.
    fn across(&self, from: ClientId, to: ClientId, at: u64) -> Option<Doubt> {
        self.intent.plan.faults.iter().find_map(|fault| self.fault(fault, from, to, at, false))
    }

    fn fault(
        &self,
        fault: &FaultPlan,
        from: ClientId,
        to: ClientId,
        at: u64,
        shared: bool,
    ) -> Option<Doubt> {
        let touch = self.touches(fault, from, to);
        if !touch.any() {
            return None;
        }
        let kind = fault.action.kind();
        let Patience { edge_ns, .. } = self.patience;
        let (routes_ns, clients_ns) = self.back_after(fault);
        let begins = fault.at.saturating_sub(edge_ns);
        let end = fault.end();
        let back = match touch {
            Touch { access: true, route: true } => routes_ns.max(clients_ns),
            Touch { access: true, .. } => clients_ns,
            Touch { .. } => routes_ns,
        };
        let over = end.saturating_add(back + edge_ns);
        if !(begins..=over).contains(&at) {
            return None;
        }
        let cut = if touch.access { self.cut_off(fault, from, to) } else { self.cut(fault) };
        match cut {
            Cut::Nothing => None,
            // Nobody has a route any more: who is here gets it, and nobody else. Before that, what goes
            // across is lost as well, unless it might have gone to a member that is here.
            Cut::AllAfter(noticed) => {
                let settled_from = if shared { noticed } else { edge_ns };
                if at <= fault.at.saturating_add(settled_from) {
                    Some(Doubt::Begins(kind))
                } else if at.saturating_add(edge_ns) < end {
                    None
                } else {
                    Some(Doubt::Over(kind))
                }
            }
            Cut::Some if at <= fault.at.saturating_add(edge_ns) => Some(Doubt::Begins(kind)),
            Cut::Some if at <= end => Some(Doubt::Lasts(kind)),
            Cut::Some => Some(Doubt::Over(kind)),
        }
    }

    /// By when routes and clients are back when a fault is over: what nobody has to find out about needs no
    /// time to be found out.
    fn back_after(&self, fault: &FaultPlan) -> (u64, u64) {
        let Patience { routes_ns, clients_ns, .. } = self.patience;
        if !is_sudden(fault) {
            return (routes_ns, clients_ns);
        }
        let pings = self.intent.plan.clients.iter().map(|client| client.ping_ns).max().unwrap_or(0);
        let pings = pings * u64::from(CLIENT_PINGS_MAX + 1);
        (routes_ns.saturating_sub(ROUTE_NOTICED_NS), clients_ns.saturating_sub(pings))
    }

    /// What a fault between nodes takes away.
    pub(super) fn cut(&self, fault: &FaultPlan) -> Cut {
        let FaultAction::Cut { between, blackhole: false } = &fault.action else {
            return harmless(&fault.action);
        };
        let nodes = self.intent.plan.nodes.iter();
        let usual = nodes.map(|node| &node.config).all(probes_as_usual);
        if between.ways != Ways::Both || !usual {
            return Cut::Some;
        }
        let (least, most) = (ROUTE_LEAST_NS, ROUTE_MOST_NS);
        self.by_length(fault.lasts, least, most)
    }

    /// What a fault between clients and nodes takes away. A client that has noticed goes elsewhere, so
    /// there is nothing settled about a long one.
    pub(super) fn cut_off(&self, fault: &FaultPlan, a: ClientId, b: ClientId) -> Cut {
        let FaultAction::Cut { blackhole: false, .. } = &fault.action else {
            return harmless(&fault.action);
        };
        let plan = self.intent.plan;
        let ping =
            |id: ClientId| plan.clients.get(id.0 as usize).map_or(0, |client| client.ping_ns);
        let least = ping(a).min(ping(b)) * u64::from(CLIENT_PINGS_MAX);
        let least = least.min(ROUTE_LEAST_NS).min(plan.network.tcp_timeout_ns);
        self.by_length(fault.lasts, least, u64::MAX)
    }

    fn by_length(&self, lasts: u64, least: u64, most: u64) -> Cut {
        let edge = 2 * self.patience.edge_ns;
        if lasts.saturating_add(edge) < least {
            Cut::Nothing
        } else if lasts > most.saturating_add(edge) {
            Cut::AllAfter(most.saturating_add(edge))
        } else {
            Cut::Some
        }
    }

    pub(super) fn touches(&self, fault: &FaultPlan, a: ClientId, b: ClientId) -> Touch {
        touches(self.intent.plan, fault, a, b)
    }
}

/// A route is not given up before this: the shortest time for the answer to a probe.
const ROUTE_LEAST_NS: u64 = nanos(limits::ROUTE_PROBE_TIMEOUT);

/// By then it is found out: a probe is due, and its answer does not come.
const ROUTE_NOTICED_NS: u64 = nanos(limits::ROUTE_PROBE_IDLE) + nanos(limits::ROUTE_PROBE_TIMEOUT);

/// And by then it is given up.
const ROUTE_MOST_NS: u64 = ROUTE_NOTICED_NS + SECOND;

/// Whether everybody whom it hits is told at once.
pub(super) const fn is_sudden(fault: &FaultPlan) -> bool {
    matches!(fault.action.kind(), FaultKind::Reset | FaultKind::Crash | FaultKind::Stop)
}

const fn nanos(duration: causeway_core::Duration) -> u64 {
    duration.as_nanos() as u64
}

/// No setting has routes given up earlier or later than usual.
fn probes_as_usual(config: &ConfigPlan) -> bool {
    let unusual = [Setting::RoutePingInterval, Setting::RoutePingMax, Setting::RouteWriteDeadline];
    unusual.into_iter().all(|setting| config.number(setting).is_none())
}

/// What is no cut: delays and clocks take nothing away.
const fn harmless(action: &FaultAction) -> Cut {
    let kind = action.kind();
    if matches!(kind, FaultKind::Degrade | FaultKind::Clock | FaultKind::StopReading) {
        Cut::Nothing
    } else {
        Cut::Some
    }
}

impl Touch {
    pub(super) const fn any(self) -> bool {
        self.access || self.route
    }
}

/// What a fault comes between.
pub(super) fn touches(plan: &Plan, fault: &FaultPlan, a: ClientId, b: ClientId) -> Touch {
    let nodes = |id: ClientId| plan.clients.get(id.0 as usize).map_or(&[][..], |c| &c.nodes);
    if let Some(sides) = fault.action.sides() {
        let access = |id: ClientId| {
            let region = plan.clients.get(id.0 as usize).map(|client| client.region);
            let here = region.map(Site::Clients);
            here.is_some_and(|here| {
                nodes(id).iter().any(|n| stands_between(sides, here, Site::Node(*n)))
            })
        };
        let route = nodes(a).iter().any(|x| {
            nodes(b).iter().any(|y| stands_between(sides, Site::Node(*x), Site::Node(*y)))
        });
        return Touch { access: access(a) || access(b), route };
    }
    let hit = |id: ClientId| nodes(id).iter().any(|node| fault.action.nodes().contains(node));
    let hit = hit(a) || hit(b);
    Touch { access: hit, route: hit }
}

/// Whether a fault comes between two nodes.
pub(super) fn parts(fault: &FaultPlan, a: NodeId, b: NodeId) -> bool {
    match fault.action.sides() {
        Some(sides) => stands_between(sides, Site::Node(a), Site::Node(b)),
        None => fault.action.nodes().contains(&a) || fault.action.nodes().contains(&b),
    }
}

fn stands_between(sides: &Sides, a: Site, b: Site) -> bool {
    sides.pairs().any(|pair| pair == (a, b) || pair == (b, a))
}
