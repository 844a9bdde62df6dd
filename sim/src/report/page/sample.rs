//! Which events are left out of the tables if there are too many for a page.
//!
//! Kept first is what tells the story: turns of the run, what violations point at, and the messages
//! that these are about. Then what stands: connections, routes, subscriptions, if these are few. Then,
//! while half of the room lasts, everything around violations and the edges of faults; then whole
//! messages, and single events that are about none, as chance has it.
//! The same events are kept each time: chance is a hash of the message or the number.

use serde::Serialize;

use super::names::Messages;
use crate::hash::mix;
use crate::history::{Event, History, Kind};
use crate::units::{MS, SECOND};
use crate::verdict::SeedRun;

/// So many rows stay below 2 MiB, as a rule, and can be drawn.
pub(super) const ROWS_MAX: usize = 200_000;

/// Around violations and edges of faults, at most.
const AROUND_NS: u64 = 5 * SECOND;

/// Parts of the whole in which chances are counted.
const WHOLE: u64 = 1 << 16;

/// What was left out, as the page says it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Sampling {
    /// Events in the history that would have a row.
    pub(super) events: u64,
    /// Those that have one.
    pub(super) kept: u64,
    /// Around violations and edges of faults everything was kept for so long, both ways.
    pub(super) around_ns: u64,
    /// Of what is further away, so many of 65,536 messages were kept, whole.
    pub(super) chance: u64,
}

/// For each event whether it is kept, and what is said of it.
pub(super) fn choose(
    history: &History,
    messages: &Messages,
    run: &SeedRun,
    rows_max: usize,
) -> (Vec<bool>, Sampling) {
    let mut choice = Choice::new(history, messages);
    let events = choice.kept.iter().filter(|kept| **kept).count();
    let mut sampling =
        Sampling { events: events as u64, kept: events as u64, around_ns: 0, chance: WHOLE };
    if events <= rows_max {
        return (choice.kept, sampling);
    }
    choice.kept.fill(false);
    choice.keep_turns(run);
    choice.keep_standing(rows_max / 4);
    let edges = edges(history, run);
    let mut around = AROUND_NS;
    while around >= MS && choice.count_with_around(&edges, around) > rows_max / 2 {
        around /= 2;
    }
    if around >= MS {
        choice.keep_around(&edges, around);
        sampling.around_ns = around;
    }
    sampling.chance = choice.keep_by_chance(rows_max);
    sampling.kept = choice.count() as u64;
    (choice.kept, sampling)
}

/// Times around which everything is wanted, sorted.
fn edges(history: &History, run: &SeedRun) -> Vec<u64> {
    let violations = run.judged.iter().filter_map(|judged| judged.findings.first.as_ref());
    let mut edges: Vec<u64> = violations.map(|violation| violation.t).collect();
    for event in &history.events {
        if matches!(event.kind, Kind::Fault(_)) {
            edges.push(event.t);
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

struct Choice<'h> {
    history: &'h History,
    /// For each event the number of its message; 0 if it is about none.
    message: Vec<u64>,
    kept: Vec<bool>,
}

impl<'h> Choice<'h> {
    /// Everything that has a row is kept.
    fn new(history: &'h History, messages: &Messages) -> Self {
        let number = |kind: &Kind| messages.number(kind.message());
        let message = history.events.iter().map(|event| number(&event.kind)).collect();
        let kept = history.events.iter().map(|event| has_row(&event.kind)).collect();
        Self { history, message, kept }
    }

    fn count(&self) -> usize {
        self.kept.iter().filter(|kept| **kept).count()
    }

    /// Turns of the run, what violations point at, and the messages that these are about.
    fn keep_turns(&mut self, run: &SeedRun) {
        let mut wanted = std::collections::BTreeSet::new();
        for violation in run.judged.iter().filter_map(|judged| judged.findings.first.as_ref()) {
            for i in violation.witnesses.iter().map(|witness| witness.i).chain([violation.i]) {
                if let Some(kept) = self.kept.get_mut(i) {
                    *kept = has_row(&self.history.events[i].kind);
                    wanted.insert(self.message[i]);
                }
            }
        }
        wanted.remove(&0);
        for (i, event) in self.history.events.iter().enumerate() {
            self.kept[i] |=
                is_turn(&event.kind) || (has_row(&event.kind) && wanted.contains(&self.message[i]));
        }
    }

    /// What lines and states of the page are drawn from, unless that alone takes too much of the room.
    fn keep_standing(&mut self, rows_max: usize) {
        let stands = |event: &&Event| is_standing(&event.kind);
        if self.history.events.iter().filter(stands).count() <= rows_max {
            for (i, event) in self.history.events.iter().enumerate() {
                self.kept[i] |= is_standing(&event.kind);
            }
        }
    }

    fn count_with_around(&self, edges: &[u64], around: u64) -> usize {
        let near = |i: usize| is_near(edges, self.history.events[i].t, around);
        (0..self.kept.len())
            .filter(|&i| self.kept[i] || (has_row(&self.history.events[i].kind) && near(i)))
            .count()
    }

    fn keep_around(&mut self, edges: &[u64], around: u64) {
        for (i, event) in self.history.events.iter().enumerate() {
            self.kept[i] |= has_row(&event.kind) && is_near(edges, event.t, around);
        }
    }

    /// Fills the room that is left; gives the chance of each.
    fn keep_by_chance(&mut self, rows_max: usize) -> u64 {
        // How many rows each chance would add, summed up from the smallest.
        let mut by_chance = vec![0_usize; WHOLE as usize];
        for i in 0..self.kept.len() {
            if !self.kept[i] && has_row(&self.history.events[i].kind) {
                by_chance[self.lot(i) as usize] += 1;
            }
        }
        let mut room = rows_max.saturating_sub(self.count());
        let mut chance = 0;
        for rows in by_chance {
            let Some(left) = room.checked_sub(rows) else { break };
            room = left;
            chance += 1;
        }
        for i in 0..self.kept.len() {
            self.kept[i] |= has_row(&self.history.events[i].kind) && self.lot(i) < chance;
        }
        chance
    }

    /// The lot of an event: that of its message, or of its own number.
    fn lot(&self, i: usize) -> u64 {
        let hash = match self.message[i] {
            0 => mix(1, i as u64),
            message => mix(2, message),
        };
        hash % WHOLE
    }
}

/// That something has arrived stands in the row of what was sent.
const fn has_row(kind: &Kind) -> bool {
    !matches!(kind, Kind::WireSubSeen { .. } | Kind::WireMsgSeen { .. })
}

const fn is_turn(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Phase { .. }
            | Kind::Fault(_)
            | Kind::NodeUp { .. }
            | Kind::NodeDown { .. }
            | Kind::SlowConsumer { .. }
            | Kind::ClientError { .. }
            | Kind::WireError { .. }
            | Kind::Said { .. }
            | Kind::Snapshot(_)
            | Kind::End
    )
}

const fn is_standing(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::ClientConnected { .. }
            | Kind::ClientClosed { .. }
            | Kind::RouteUp { .. }
            | Kind::RouteDown { .. }
            | Kind::SubSent { .. }
            | Kind::UnsubSent { .. }
    )
}

fn is_near(edges: &[u64], t: u64, around: u64) -> bool {
    let next = edges.partition_point(|edge| *edge < t.saturating_sub(around));
    edges.get(next).is_some_and(|edge| *edge <= t.saturating_add(around))
}
