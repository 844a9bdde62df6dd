//! How a run that failed differs from the nearest that did not.
//!
//! Two seeds draw different times for everything, so their events do not line up. What can be set
//! side by side is what was done to them and what they added up to.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::history::{History, Kind};
use crate::lifeline::{Book, Gravity};
use crate::plan::Plan;
use crate::verdict::SeedRun;

/// What differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// The seed that did not fail.
    pub seed: u64,
    /// The command that runs it.
    pub replay: String,
    /// What there was of each: nodes, clients, kinds of faults.
    world: Vec<Counts>,
    /// Events by kind, lost messages by reason.
    events: Vec<Counts>,
    /// Guarantees: how often they were checked, and broke.
    guarantees: Vec<Guarantee>,
}

/// So many here, so many there.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Counts {
    what: String,
    here: u64,
    there: u64,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Guarantee {
    name: String,
    checked_here: u64,
    checked_there: u64,
    broken_here: u64,
}

/// A run with its history.
type Seen<'a> = (&'a SeedRun, &'a History);

impl Difference {
    /// What differs between a run that failed and one that did not.
    #[must_use]
    pub fn between(here: Seen<'_>, there: Seen<'_>, replay: String) -> Self {
        let pairs = here.0.judged.iter().zip(&there.0.judged);
        let differ = pairs.filter(|(one, other)| {
            one.findings.checked != other.findings.checked || one.findings.broken > 0
        });
        let guarantees = differ.map(|(one, other)| Guarantee {
            name: one.name.clone(),
            checked_here: one.findings.checked,
            checked_there: other.findings.checked,
            broken_here: one.findings.broken,
        });
        Self {
            seed: there.0.seed,
            replay,
            world: counts(world(here.1), world(there.1)),
            events: counts(events(here.1), events(there.1)),
            guarantees: guarantees.collect(),
        }
    }
}

/// Those that are not equal.
fn counts(mut here: BTreeMap<String, u64>, there: BTreeMap<String, u64>) -> Vec<Counts> {
    let mut all: Vec<Counts> = Vec::new();
    for (what, there) in there {
        let here = here.remove(&what).unwrap_or(0);
        all.push(Counts { what, here, there });
    }
    all.extend(here.into_iter().map(|(what, here)| Counts { what, here, there: 0 }));
    all.retain(|one| one.here != one.there);
    all.sort_by(|a, b| a.what.cmp(&b.what));
    all
}

fn world(history: &History) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::from([
        ("nodes".to_owned(), history.header.nodes.len() as u64),
        ("clients".to_owned(), history.header.clients.len() as u64),
    ]);
    for event in &history.events {
        if let Kind::Fault(fault) = &event.kind
            && fault.on
        {
            *found.entry(format!("fault {}", fault.kind.name())).or_default() += 1;
        }
    }
    found
}

fn events(history: &History) -> BTreeMap<String, u64> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for event in &history.events {
        #[expect(clippy::wildcard_enum_match_arm, reason = "most have nothing but their name")]
        let what = match &event.kind {
            Kind::Fault(_) => continue,
            Kind::ClientClosed { reason, .. } | Kind::RouteDown { reason, .. } => {
                format!("{}: {}", many(event.kind.name()), history.text(*reason))
            }
            kind => many(kind.name()),
        };
        *found.entry(what).or_default() += 1;
    }
    let book = Book::new(history);
    for end in book.messages().flat_map(|msg| book.ends_of(msg)) {
        if end.cause.gravity() == Gravity::Lost {
            *found.entry(format!("messages lost: {}", end.cause.name())).or_default() += 1;
        }
    }
    found
}

/// What a number of events of a kind are called; of a kind without a word of its own, its name.
fn many(name: &str) -> String {
    let words = match name {
        "node_up" => "starts of nodes",
        "node_down" => "ends of nodes",
        "connected" => "connections of clients",
        "closed" => "connections that clients lost",
        "client_error" => "errors that clients were sent",
        "servers" => "lists of servers that clients were told",
        "sub" => "subscriptions",
        "sub_ready" => "subscriptions that a node had",
        "unsub" => "subscriptions ended",
        "unsub_ready" => "ends of subscriptions that a node had",
        "pub" => "messages published",
        "pub_flushed" => "times that a node had all of a client",
        "pub_refused" => "messages that were not taken",
        "op_dropped" => "times that a client could not send",
        "delivered" => "deliveries",
        "no_responders" => "requests for which nobody was there",
        "request_done" => "requests answered",
        "request_timeout" => "requests without an answer",
        "route_up" => "ends of routes registered",
        "route_down" => "ends of routes lost",
        "slow_consumer" => "connections cut off as too slow",
        "backlog" => "marks of what waits",
        "dial" => "dials",
        "wire_sub" => "subscriptions told between nodes",
        "wire_sub_seen" => "subscriptions that nodes were told",
        "wire_msg" => "messages sent between nodes",
        "wire_msg_seen" => "messages arrived between nodes",
        "wire_opened" => "connections opened between nodes",
        "wire_closed" => "ends of connections between nodes closed",
        "wire_error" => "breaches of the route protocol",
        "said" => "lines of logs",
        "snapshot" => "looks into nodes",
        "buffer_kept" => "messages kept in buffers",
        "buffer_left" => "times that a buffer gave something up",
        "buffer_refused" => "messages that a buffer had no room for",
        "buffer_repeated" => "messages that a buffer gave out twice",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

/// How far apart two plans are: by nodes, clients, and kinds of faults.
#[must_use]
pub fn distance(one: &Plan, other: &Plan) -> u64 {
    let kinds = |plan: &Plan| {
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for fault in &plan.faults {
            *found.entry(fault.action.kind().name()).or_default() += 1;
        }
        found
    };
    let (one_kinds, other_kinds) = (kinds(one), kinds(other));
    let mut names: Vec<&str> = one_kinds.keys().chain(other_kinds.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let count = |of: &BTreeMap<&str, u64>, name| of.get(name).copied().unwrap_or(0);
    let faults: u64 = (names.into_iter())
        .map(|name| count(&one_kinds, name).abs_diff(count(&other_kinds, name)))
        .sum();
    let nodes = one.nodes.len().abs_diff(other.nodes.len()) as u64;
    let clients = one.clients.len().abs_diff(other.clients.len()) as u64;
    4 * faults + 2 * nodes + clients
}
