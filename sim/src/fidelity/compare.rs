//! Holds abstracts of one plan against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::abstracts::{Abstract, Fate};
use super::band::{self, Band};
use super::doubt::{Doubt, Doubts, Patience};
use super::intent::Intent;
use super::message::{Message, Receiver};
use crate::ids::{ClientId, NodeId};

/// What engines do not agree in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// How often a receiver got messages, the last of which has this number.
    Delivery(Receiver, Message, u32),
    /// Whether they came in order.
    Order(Receiver, Message, u32),
    /// What became of requests.
    Fate(Message, u32),
    /// What errors a client was told.
    Errors(ClientId),
    /// How often a client was connected.
    Connections(ClientId, Band),
    /// How often a node had a route to a peer that it had none to.
    Meetings(NodeId, NodeId, Band),
}

/// Something that engines do not agree in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disagreement {
    /// What.
    pub subject: Subject,
    /// What each says of it, in the order of the engines.
    pub said: Vec<String>,
}

/// How much was compared.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Compared {
    /// Pairs of receiver and message of which the plan says what becomes of them.
    pub settled: u64,
    /// Requests of which it does.
    pub fates: u64,
    /// Counts of connections and meetings, and clients that were told errors.
    pub counts: u64,
    /// What is left to timing, nearly all of it pairs of receiver and message, and why.
    pub doubts: BTreeMap<Doubt, u64>,
}

impl Compared {
    /// Pairs that are left to timing.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.doubts.values().sum()
    }
}

/// What a comparison has shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// How much was compared.
    pub compared: Compared,
    /// Where engines differ.
    pub disagreements: Vec<Disagreement>,
}

/// Holds what engines have made of a plan against each other.
#[must_use]
pub fn compare(intent: &Intent<'_>, patience: Patience, all: &[Abstract]) -> Verdict {
    let doubts = Doubts::new(intent, patience);
    let mut comparison = Comparison { intent, doubts, all, verdict: Verdict::default() };
    comparison.deliveries();
    comparison.fates();
    comparison.errors();
    comparison.connections();
    comparison.meetings();
    comparison.verdict
}

struct Comparison<'c> {
    intent: &'c Intent<'c>,
    doubts: Doubts<'c>,
    all: &'c [Abstract],
    verdict: Verdict,
}

impl Comparison<'_> {
    /// What the plan has sent to somebody, and what somebody got.
    fn pairs(&self) -> BTreeSet<(Receiver, Message)> {
        let mut pairs: BTreeSet<(Receiver, Message)> =
            self.all.iter().flat_map(|one| one.delivered.keys().copied()).collect();
        for (&client, sendings) in &self.intent.sendings {
            for (number, sending) in (1..).zip(sendings) {
                let audience = self.intent.audience(sending.subject);
                pairs.extend(audience.map(|one| (one.receiver(), Message::Sent(client, number))));
                if sending.patience_ns.is_some() {
                    pairs.insert((Receiver::Inbox(client), Message::Answer(client, number)));
                }
            }
        }
        pairs
    }

    fn deliveries(&mut self) {
        for (receiver, message) in self.pairs() {
            let key = (receiver, message);
            let doubt = self.doubts.about(receiver, message);
            match doubt {
                Some(doubt) => *self.verdict.compared.doubts.entry(doubt).or_default() += 1,
                None => self.verdict.compared.settled += 1,
            }
            let times = |one: &Abstract| one.delivered.get(&key).copied().unwrap_or(0);
            // Whatever is in doubt, nobody gets a message twice in one engine and once in another.
            let counts = |one: &Abstract| match doubt {
                Some(_) => times(one).saturating_sub(1),
                None => times(one),
            };
            if differ(self.all.iter().map(counts)) {
                let said = self.all.iter().map(|one| often(times(one))).collect();
                self.note(Subject::Delivery(receiver, message, last(message)), said);
            }
            if doubt.is_none() && differ(self.all.iter().map(|one| one.late.contains(&key))) {
                let order = |one: &Abstract| match (one.late.contains(&key), times(one)) {
                    (true, _) => "behind a later one".to_owned(),
                    (false, 0) => "never".to_owned(),
                    (false, _) => "in order".to_owned(),
                };
                let said = self.all.iter().map(order).collect();
                self.note(Subject::Order(receiver, message, last(message)), said);
            }
        }
    }

    fn fates(&mut self) {
        let asked: BTreeSet<Message> =
            self.all.iter().flat_map(|one| one.fates.keys().copied()).collect();
        for message in asked {
            if self.doubts.about_fate(message).is_some() {
                continue;
            }
            self.verdict.compared.fates += 1;
            let fate = |one: &Abstract| one.fates.get(&message).copied();
            if differ(self.all.iter().map(fate)) {
                let words = |one| fate(one).map_or("not asked", Fate::words).to_owned();
                let said = self.all.iter().map(words).collect();
                self.note(Subject::Fate(message, last(message)), said);
            }
        }
    }

    fn errors(&mut self) {
        let told: BTreeSet<ClientId> =
            self.all.iter().flat_map(|one| one.errors.keys().copied()).collect();
        for client in told {
            let classes = |one: &Abstract| one.errors.get(&client).cloned().unwrap_or_default();
            if let Some(doubt) = self.doubts.about_errors(client) {
                *self.verdict.compared.doubts.entry(doubt).or_default() += 1;
                continue;
            }
            self.verdict.compared.counts += 1;
            if !differ(self.all.iter().map(classes)) {
                continue;
            }
            let words = |one| match classes(one) {
                none if none.is_empty() => "nothing".to_owned(),
                some => some.into_iter().collect::<Vec<_>>().join(", "),
            };
            let said = self.all.iter().map(words).collect();
            self.note(Subject::Errors(client), said);
        }
    }

    fn connections(&mut self) {
        let intent = self.intent;
        for (client, _) in (0..).map(ClientId).zip(&intent.plan.clients) {
            let Some(band) = band::connections(&self.doubts, intent, client) else { continue };
            let count = |one: &Abstract| one.connections.get(&client).copied().unwrap_or(0);
            self.count(Subject::Connections(client, band), band, count);
        }
    }

    fn meetings(&mut self) {
        let pairs: BTreeSet<(NodeId, NodeId)> =
            self.all.iter().flat_map(|one| one.meetings.keys().copied()).collect();
        for pair in pairs {
            let band = band::meetings(&self.doubts, self.intent, pair.0, pair.1);
            let count = |one: &Abstract| one.meetings.get(&pair).copied().unwrap_or(0);
            self.count(Subject::Meetings(pair.0, pair.1, band), band, count);
        }
    }

    fn count(&mut self, subject: Subject, band: Band, count: impl Fn(&Abstract) -> u32) {
        self.verdict.compared.counts += 1;
        let counts: Vec<u32> = self.all.iter().map(count).collect();
        if !band.holds(counts.iter().copied()) {
            self.note(subject, counts.into_iter().map(often).collect());
        }
    }

    /// Messages of one sender that follow each other and fare alike are one disagreement.
    fn note(&mut self, subject: Subject, said: Vec<String>) {
        if let Some(before) =
            self.verdict.disagreements.iter_mut().rev().find(|one| one.said == said)
            && let Some(joined) = joined(before.subject, subject)
        {
            before.subject = joined;
            return;
        }
        self.verdict.disagreements.push(Disagreement { subject, said });
    }
}

/// Both, if the one follows the other.
fn joined(before: Subject, next: Subject) -> Option<Subject> {
    match (before, next) {
        (Subject::Delivery(at, first, last), Subject::Delivery(there, message, to)) => {
            (at == there && follows(first, last, message))
                .then_some(Subject::Delivery(at, first, to))
        }
        (Subject::Order(at, first, last), Subject::Order(there, message, to)) => {
            (at == there && follows(first, last, message)).then_some(Subject::Order(at, first, to))
        }
        (Subject::Fate(first, last), Subject::Fate(message, to)) => {
            follows(first, last, message).then_some(Subject::Fate(first, to))
        }
        _ => None,
    }
}

fn follows(first: Message, last: u32, next: Message) -> bool {
    match (first, next) {
        (Message::Sent(a, _), Message::Sent(b, number))
        | (Message::Answer(a, _), Message::Answer(b, number)) => a == b && number == last + 1,
        _ => false,
    }
}

fn last(message: Message) -> u32 {
    message.place().map_or(0, |(_, number)| number)
}

fn differ<T: PartialEq>(mut all: impl Iterator<Item = T>) -> bool {
    let first = all.next();
    all.any(|other| first.as_ref() != Some(&other))
}

fn often(times: u32) -> String {
    match times {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    }
}
