//! N2, O12: when everybody has left, a node holds nothing that it did not hold at the start.
//!
//! Judged from the snapshots at the end of drain: no connections of clients, no interest, no bytes
//! that wait, no dials, and no connections but routes. Timers that mean nothing any more leave the
//! heap only when they are due, so they are bounded by what the node has ever had to wait for.
//! Clients whose way to the node a fault has touched may look as if they were still there.
//!
//! Where a plan heals a core only, its nodes are judged. What nodes outside of it want for clients whose
//! goodbye never came through is not theirs.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Header, Holder, InterestEntry, Kind, Phase, Snapshot};
use crate::ids::NodeId;

/// A connection waits for its handshake, its next ping, its socket and its turn; each may have one
/// outdated timer besides.
const TIMERS_PER_CONNECTION: u64 = 8;
/// A dial has its pause, and its successor's.
const TIMERS_PER_DIAL: u64 = 2;

pub(super) struct BaselineAfterDrain {
    scope: Scope,
    bound_ns: u64,
    /// By node, since its process started.
    lives: Vec<Life>,
}

/// What a process has had to do with.
#[derive(Clone, Copy, Default)]
struct Life {
    connections: u64,
    dials: u64,
    /// When it last dialled or was dialled: that may still be under way.
    dialled_t: Option<u64>,
}

impl BaselineAfterDrain {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            bound_ns: bound_ns(params.header, params.within_ns),
            lives: vec![Life::default(); params.header.nodes.len()],
        }
    }

    fn life(&mut self, node: NodeId) -> &mut Life {
        &mut self.lives[usize::from(node.0)]
    }

    fn judge(&self, view: &View<'_>, snapshot: &Snapshot, pen: &mut Pen<'_>) {
        let network = &view.network;
        let meant = network.is_core(snapshot.node) && self.scope.covers_node(view, snapshot.node);
        if snapshot.phase != Phase::Drain || !meant {
            return;
        }
        let quiet = view.network.quiet_since();
        let settled = quiet.is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
        // A plan may have been cut down to what shows a bug, and its clients stay.
        let mut of_core = view.conns().filter(|c| c.node.is_some_and(|node| network.is_core(node)));
        let all_left = of_core.all(|conn| conn.closed_t.is_some());
        // Streams are subscribed, and subscribe.
        let has_streams = !view.history.header.streams.is_empty();
        if has_streams
            || !settled
            || !all_left
            || view.any_access_disturbed(|node| network.is_core(node))
        {
            pen.excused();
            return;
        }
        let held = &snapshot.counters;
        let foreign = foreign_interest(view, snapshot);
        let life = self.lives[usize::from(snapshot.node.0)];
        let timers = 16 + TIMERS_PER_CONNECTION * life.connections + TIMERS_PER_DIAL * life.dials;
        let dialled = life.dialled_t.is_some_and(|t| t.saturating_add(self.bound_ns) > pen.t);
        let on_their_way = if dialled { u64::MAX } else { 0 };
        let nothing = [
            ("connections of clients", held.connections.max(snapshot.clients.len() as u64), 0),
            ("entries of interest", held.interest.max(snapshot.interest.len() as u64), foreign),
            ("entries put in and never taken out", held.inserts.abs_diff(held.removes), foreign),
            ("bytes that wait", held.pending, 0),
            ("dials under way", held.dials, on_their_way),
            (
                "connections that are no routes",
                held.links.saturating_sub(held.routes),
                on_their_way,
            ),
            ("timers", held.timers, timers),
        ];
        let mut left = nothing.iter().filter(|(_, has, most)| has > most).peekable();
        if left.peek().is_none() {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let what: Vec<String> = left.map(|(what, has, _)| format!("{has} {what}")).collect();
            let story = format!(
                "Everybody has left, yet {} still has {}.",
                view.history.header.nodes[usize::from(snapshot.node.0)].name,
                what.join(", ")
            );
            (story, vec![i])
        });
    }
}

/// Entries that nodes outside of the core have asked for.
fn foreign_interest(view: &View<'_>, snapshot: &Snapshot) -> u64 {
    let foreign = |row: &&InterestEntry| match row.holder {
        Holder::Remote(peer) => !view.network.is_core(peer),
        Holder::Local | Holder::Unknown => false,
    };
    snapshot.interest.iter().filter(foreign).count() as u64
}

/// For how long nothing must have been wrong.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns.max(header.bounds.clients_ns))
}

impl Checker for BaselineAfterDrain {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Wires, Topic::Connections, Topic::Dials, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest leaves nothing behind")]
        match &view.history.events[pen.i].kind {
            Kind::NodeUp { node, .. } => *self.life(*node) = Life::default(),
            Kind::ClientConnected { node, .. } => self.life(*node).connections += 1,
            Kind::WireOpened { from, to, .. } => {
                for node in [*from, *to] {
                    self.life(node).connections += 1;
                    self.life(node).dialled_t = Some(pen.t);
                }
            }
            Kind::Dial { node, .. } => {
                self.life(*node).dials += 1;
                self.life(*node).dialled_t = Some(pen.t);
            }
            Kind::Snapshot(snapshot) => self.judge(view, snapshot, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST, EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{Kind, NodeCounters, Phase};

    const ID: &str = "baseline_after_drain";

    fn look_into(s: &mut Script, phase: Phase, change: impl FnOnce(&mut NodeCounters)) {
        s.snapshot(EAST_1, &[EAST_2, WEST_1], &[]);
        let Some(Kind::Snapshot(snapshot)) = s.history.events.last_mut().map(|e| &mut e.kind)
        else {
            panic!("a snapshot");
        };
        snapshot.phase = phase;
        let start =
            NodeCounters { routes: 2, links: 2, inserts: 7, removes: 7, ..snapshot.counters };
        snapshot.counters = start;
        change(&mut snapshot.counters);
    }

    #[test]
    fn holds_if_nothing_is_left() {
        let mut s = Script::running();
        s.at(5_000);
        look_into(&mut s, Phase::Drain, |held| held.timers = 16);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_anything_is() {
        type Leave = fn(&mut NodeCounters);
        let leaves: [(Leave, &str); 7] = [
            (|held| held.connections = 1, "1 connections of clients"),
            (|held| held.interest = 3, "3 entries of interest"),
            (|held| held.removes = 5, "2 entries put in and never taken out"),
            (|held| held.pending = 9, "9 bytes that wait"),
            (|held| held.dials = 1, "1 dials under way"),
            (|held| held.links = 3, "1 connections that are no routes"),
            (|held| held.timers = 17, "17 timers"),
        ];
        for (leave, what) in leaves {
            let mut s = Script::running();
            s.at(5_000);
            look_into(&mut s, Phase::Drain, leave);
            let story = format!("Everybody has left, yet east/1 still has {what}.");
            assert_eq!(s.judge(ID).broke(5_000), story);
        }
    }

    #[test]
    fn timers_may_outlive_what_they_were_for() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.close(client, "closed by plan");
        let target = s.sym("west:6222");
        s.event(Kind::Dial { node: EAST_1, target });
        s.at(5_000);
        look_into(&mut s, Phase::Drain, |held| held.timers = 16 + 8 + 2);
        s.judge(ID).held(1);
        look_into(&mut s, Phase::Drain, |held| held.timers = 16 + 8 + 3);
        assert_eq!(s.judge(ID).findings.broken, 1);
    }

    #[test]
    fn is_not_checked_while_somebody_is_there() {
        let mut s = Script::running();
        s.client("sub/1", EAST_1);
        s.at(5_000);
        look_into(&mut s, Phase::Drain, |held| held.connections = 1);
        let judged = s.judge(ID);
        judged.vacuous();
        assert_eq!(judged.findings.excused, 1);
    }

    #[test]
    fn is_not_checked_if_somebody_may_have_left_unnoticed() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.at(1_100).cut_off(true, EAST, EAST_1);
        s.at(1_200).close(client, "stale");
        s.at(1_300).cut_off(false, EAST, EAST_1);
        s.at(9_000);
        look_into(&mut s, Phase::Drain, |held| held.connections = 1);
        let judged = s.judge(ID);
        judged.vacuous();
        assert_eq!(judged.findings.excused, 1);
    }

    #[test]
    fn is_not_checked_before_the_drain_or_soon_after_a_fault() {
        let mut s = Script::running();
        s.at(5_000);
        look_into(&mut s, Phase::Quiesce, |held| held.connections = 9);
        s.judge(ID).vacuous();

        let mut s = Script::running();
        s.at(4_000).partition(true);
        s.partition(false);
        s.at(5_000);
        look_into(&mut s, Phase::Drain, |held| held.connections = 9);
        let judged = s.judge(ID);
        judged.vacuous();
        assert_eq!(judged.findings.excused, 1);
    }
}
