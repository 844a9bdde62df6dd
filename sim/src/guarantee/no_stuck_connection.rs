//! O9: a connection between nodes becomes a route or is given up, and one that leads nowhere is
//! noticed.
//!
//! Three checks. The node that dialled a connection has, when its time-out is over, registered it
//! or closed it. When things have settled, a node holds no connection that is neither a client's
//! nor a route, however it came by it. And a route through a cut that lasts is lost at both ends
//! within the time to notice, a silent black hole included.

use std::collections::VecDeque;

use causeway_core::limits;

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Fault, FaultKind, Header, Kind, Snapshot};
use crate::ids::{NodeId, WireConn};
use crate::units::MS;

pub(super) struct NoStuckConnection {
    scope: Scope,
    bound_ns: u64,
    /// Connections that their dialler has not closed, oldest first.
    open: Vec<Dialled>,
    /// When the next ones must have come to something.
    due: VecDeque<u64>,
    /// All that were dialled lately, by either end: they may still be on their way.
    young: VecDeque<(u64, NodeId, NodeId)>,
    /// Routes that lead into a cut, and when they must be gone.
    cut: VecDeque<CutRoute>,
    /// Processes that are paused, and by which fault: they notice nothing.
    paused: Vec<(u32, NodeId)>,
    /// Routes that ended lately, and at which node: their last bytes may still be on their way.
    ended: VecDeque<(u64, NodeId, NodeId)>,
}

/// The connection of a route that has ended is closed within this time.
fn linger_ns() -> u64 {
    u64::try_from(limits::CLOSE_LINGER.as_nanos()).unwrap_or(u64::MAX).saturating_add(100 * MS)
}

#[derive(Clone, Copy)]
struct Dialled {
    from: NodeId,
    to: NodeId,
    conn: WireConn,
    t: u64,
    i: usize,
}

#[derive(Clone, Copy)]
struct CutRoute {
    due: u64,
    fault: u32,
    /// It stays dead when the fault is over.
    for_ever: bool,
    node: NodeId,
    remote: NodeId,
    cid: u64,
    i: usize,
}

impl NoStuckConnection {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            bound_ns: bound_ns(params.header, params.within_ns),
            open: Vec::new(),
            due: VecDeque::new(),
            young: VecDeque::new(),
            cut: VecDeque::new(),
            paused: Vec::new(),
            ended: VecDeque::new(),
        }
    }

    /// All connections that were dialled at least `bound` before `due` are routes by now.
    fn judge_dialled(&self, view: &View<'_>, due: u64, pen: &mut Pen<'_>) {
        let old = |one: &&Dialled| one.t.saturating_add(self.bound_ns) <= due;
        let mut last = None;
        for one in self.open.iter().filter(old) {
            let pair = (one.from, one.to);
            if one.t.saturating_add(self.bound_ns) != due
                || last == Some(pair)
                || self.is_paused(one.from)
                || !self.scope.covers_pair(view, one.from, one.to)
            {
                continue;
            }
            last = Some(pair);
            let held = self.open.iter().filter(old).filter(|o| (o.from, o.to) == pair).count();
            let routes = view.network.routes_open(one.from, one.to);
            let lingering = |(t, node, remote): &&(u64, NodeId, NodeId)| {
                (*node, *remote) == pair && *t <= due && due <= t.saturating_add(linger_ns())
            };
            if held <= routes + self.ended.iter().filter(lingering).count() {
                pen.held();
                continue;
            }
            pen.broken(view, || {
                let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
                let story = format!(
                    "{} has had {held} connections to {} for long that it dialled, and only \
                        {routes} of them are routes.",
                    name(one.from),
                    name(one.to)
                );
                (story, vec![one.i])
            });
        }
    }

    fn judge_cut(&self, view: &View<'_>, route: CutRoute, pen: &mut Pen<'_>) {
        let still_cut = route.for_ever || view.network.fault_is_on(route.fault);
        let (node, remote) = (route.node, route.remote);
        if !still_cut || !view.network.is_up(node) || !self.scope.covers_pair(view, node, remote) {
            return;
        }
        if !view.network.has_route(node, remote, route.cid) {
            pen.held();
            return;
        }
        pen.broken(view, || {
            let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
            let story = format!(
                "Nothing has passed from {} to {} or back for long, yet {} still takes its \
                    route (rid {}) for alive.",
                name(node),
                name(remote),
                name(node),
                route.cid
            );
            (story, vec![route.i])
        });
    }

    /// A cut begins: each route through it must be lost.
    fn cut_begins(&mut self, view: &View<'_>, fault: &Fault, i: usize, t: u64) {
        let due = t.saturating_add(self.bound_ns);
        let for_ever = fault.kind == FaultKind::Blackhole;
        let mut pairs: Vec<(NodeId, NodeId)> =
            fault.pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.retain(|(node, _)| !self.is_paused(*node));
        for (node, remote) in pairs {
            for cid in view.network.route_ids(node, remote) {
                self.cut.push_back(CutRoute {
                    due,
                    fault: fault.id,
                    for_ever,
                    node,
                    remote,
                    cid,
                    i,
                });
            }
        }
    }

    /// A process that is paused has no time to notice anything in.
    fn pause(&mut self, fault: &Fault) {
        self.paused.retain(|(id, _)| *id != fault.id);
        if fault.on {
            self.paused.extend(fault.nodes.iter().map(|node| (fault.id, *node)));
            self.cut.retain(|route| !fault.nodes.contains(&route.node));
        }
    }

    fn is_paused(&self, node: NodeId) -> bool {
        self.paused.iter().any(|(_, paused)| *paused == node)
    }

    fn judge_snapshot(&self, view: &View<'_>, snapshot: &Snapshot, pen: &mut Pen<'_>) {
        let quiet = view.network.quiet_since();
        let settled = quiet.is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
        let core = view.network.is_core(snapshot.node);
        if !settled || !core || !self.scope.covers_node(view, snapshot.node) {
            return;
        }
        let counters = &snapshot.counters;
        let me = snapshot.node;
        let mine = |&&(t, a, b): &&(u64, NodeId, NodeId)| {
            (a == me || b == me) && t.saturating_add(self.bound_ns) > pen.t
        };
        let young = self.young.iter().filter(mine).count() as u64;
        if counters.links <= counters.connections + counters.routes + young {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let story = format!(
                "Things have settled, yet {} holds {} connections, and only {} are clients' and \
                    {} routes.",
                view.history.header.nodes[usize::from(snapshot.node.0)].name,
                counters.links,
                counters.connections,
                counters.routes
            );
            (story, vec![i])
        });
    }
}

/// From dialling, or from a cut, to a connection being a route or gone.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns)
}

impl Checker for NoStuckConnection {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Wires, Topic::Milestones]
    }

    fn due(&self) -> Option<u64> {
        let cut = self.cut.front().map(|route| route.due);
        [self.due.front().copied(), cut].into_iter().flatten().min()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some(due) = self.due.pop_front_if(|due| *due < until) {
            pen.t = due;
            self.judge_dialled(view, due, pen);
        }
        while let Some(route) = self.cut.pop_front_if(|route| route.due < until) {
            pen.t = route.due;
            self.judge_cut(view, route, pen);
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let (i, t) = (pen.i, pen.t);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about connections")]
        match &view.history.events[i].kind {
            Kind::WireOpened { from, to, conn } => {
                while self
                    .young
                    .front()
                    .is_some_and(|(at, ..)| at.saturating_add(self.bound_ns) <= t)
                {
                    self.young.pop_front();
                }
                self.young.push_back((t, *from, *to));
                self.open.push(Dialled { from: *from, to: *to, conn: *conn, t, i });
                let due = t.saturating_add(self.bound_ns);
                if self.due.back() != Some(&due) {
                    self.due.push_back(due);
                }
            }
            Kind::WireClosed { node, conn, .. } => {
                self.open.retain(|one| (one.from, one.conn) != (*node, *conn));
            }
            Kind::RouteDown { node, remote, .. } => {
                self.ended.push_back((t, *node, *remote));
                while self
                    .ended
                    .pop_front_if(|(at, ..)| at.saturating_add(2 * linger_ns()) < t)
                    .is_some()
                {}
            }
            Kind::NodeDown { node, .. } => {
                self.open.retain(|one| one.from != *node);
                // The routes of the next process are others, with the same numbers.
                self.cut.retain(|route| route.node != *node);
            }
            Kind::Fault(fault) if fault.kind == FaultKind::Pause => self.pause(fault),
            Kind::Fault(fault) if fault.on && fault.kind.cuts() => {
                self.cut_begins(view, fault, i, t);
            }
            Kind::Snapshot(snapshot) => self.judge_snapshot(view, snapshot, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, Kind, NodeDownHow};
    use crate::ids::{NodeId, WireConn};

    const ID: &str = "no_stuck_connection";

    fn opened(s: &mut Script, from: NodeId, to: NodeId, conn: u32) {
        s.event(Kind::WireOpened { from, to, conn: WireConn(conn) });
    }

    fn closed(s: &mut Script, node: NodeId, peer: NodeId, conn: u32) {
        s.event(Kind::WireClosed { node, peer, conn: WireConn(conn) });
    }

    fn with_links(s: &mut Script, links: u64) {
        s.snapshot(EAST_1, &[EAST_2, WEST_1], &[]);
        let Some(Kind::Snapshot(snapshot)) = s.history.events.last_mut().map(|e| &mut e.kind)
        else {
            panic!("a snapshot");
        };
        snapshot.counters.routes = 2;
        snapshot.counters.connections = 3;
        snapshot.counters.links = links;
    }

    #[test]
    fn holds_if_a_connection_becomes_a_route_or_is_closed() {
        let mut s = Script::running();
        opened(&mut s, EAST_1, WEST_1, 1);
        s.at(2_000);
        opened(&mut s, EAST_2, WEST_1, 2);
        opened(&mut s, EAST_2, WEST_1, 3);
        s.at(3_999);
        closed(&mut s, EAST_2, WEST_1, 3);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_it_lingers() {
        let mut s = Script::running();
        s.at(2_000);
        opened(&mut s, EAST_2, WEST_1, 2);
        opened(&mut s, EAST_2, WEST_1, 3);
        s.at(4_001);
        closed(&mut s, EAST_2, WEST_1, 3);
        assert_eq!(
            s.judge(ID).broke(4_000),
            "east/2 has had 2 connections to west/1 for long that it dialled, and only 1 of them \
                are routes."
        );
    }

    #[test]
    fn the_last_bytes_of_a_route_may_be_on_their_way() {
        for (ended, held) in [(3_500, true), (2_500, false)] {
            let mut s = Script::running();
            s.at(2_000);
            opened(&mut s, EAST_2, WEST_1, 2);
            s.at(ended).routes_down(EAST_2, WEST_1);
            s.at(4_001);
            closed(&mut s, EAST_2, WEST_1, 2);
            if held {
                s.judge(ID).held(1);
            } else {
                s.judge(ID).broke(4_000);
            }
        }
    }

    #[test]
    fn a_process_takes_its_connections_with_it() {
        let mut s = Script::running();
        s.at(2_000);
        opened(&mut s, EAST_2, WEST_1, 2);
        opened(&mut s, EAST_2, WEST_1, 3);
        s.node_down(EAST_2, NodeDownHow::Killed);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_route_into_a_cut_must_be_lost_at_both_ends() {
        for on_one_side in [false, true] {
            let mut s = Script::running();
            s.at(2_000).partition(true);
            s.at(4_000).routes_down(EAST_1, WEST_1);
            if on_one_side {
                let reason = s.sym("stale");
                s.event(Kind::RouteDown { node: EAST_2, remote: WEST_1, cid: 3, reason });
                assert_eq!(
                    s.judge(ID).broke(4_000),
                    "Nothing has passed from west/1 to east/2 or back for long, yet west/1 still \
                        takes its route (rid 2) for alive."
                );
            } else {
                s.routes_down(EAST_2, WEST_1);
                s.judge(ID).held(4);
            }
        }
    }

    #[test]
    fn a_short_cut_need_not_be_noticed_but_a_black_hole_must() {
        let mut s = Script::running();
        s.at(2_000).partition(true);
        s.at(3_000).partition(false);
        s.judge(ID).vacuous();

        let mut s = Script::running();
        let pair = || vec![(EAST_1, EAST_2)];
        s.at(2_000).fault(FaultKind::Blackhole, true, Vec::new(), pair());
        s.at(3_000).fault(FaultKind::Blackhole, false, Vec::new(), pair());
        assert_eq!(s.judge(ID).findings.broken, 2);
    }

    #[test]
    fn who_does_not_run_any_more_or_is_paused_notices_nothing() {
        let pair = || vec![(EAST_1, EAST_2)];
        let mut s = Script::running();
        s.at(2_000).fault(FaultKind::Blackhole, true, Vec::new(), pair());
        s.at(2_100).node_down(EAST_1, NodeDownHow::Killed);
        // The next process has a route of the same number.
        s.at(2_200).node_up(EAST_1, 2);
        s.route_up(EAST_1, EAST_2);
        s.at(9_000);
        assert_eq!(s.judge(ID).findings.broken, 1, "of the one that went on");

        for blackhole_first in [true, false] {
            let mut s = Script::running();
            let pause = |s: &mut Script| {
                s.fault(FaultKind::Pause, true, vec![EAST_1, EAST_2], Vec::new());
            };
            s.at(2_000);
            if !blackhole_first {
                pause(&mut s);
            }
            s.fault(FaultKind::Blackhole, true, Vec::new(), pair());
            if blackhole_first {
                pause(&mut s);
            }
            s.at(9_000);
            s.judge(ID).vacuous();
        }

        let mut s = Script::running();
        s.at(2_000);
        opened(&mut s, EAST_1, WEST_1, 1);
        s.fault(FaultKind::Pause, true, vec![EAST_1], Vec::new());
        s.at(9_000);
        s.judge(ID).vacuous();
    }

    #[test]
    fn nothing_is_left_over_when_things_have_settled() {
        let mut s = Script::running();
        s.at(5_000);
        with_links(&mut s, 5);
        s.judge(ID).held(1);
        with_links(&mut s, 6);
        assert!(s.judge(ID).findings.first.as_ref().unwrap().story.contains("holds 6 connections"),);

        // A connection of this moment may be on its way, and so may everything after a fault.
        let mut s = Script::running();
        s.at(5_000);
        opened(&mut s, WEST_1, EAST_1, 7);
        with_links(&mut s, 6);
        closed(&mut s, WEST_1, EAST_1, 7);
        s.judge(ID).held(1);

        let mut s = Script::running();
        s.at(3_500).partition(true);
        s.partition(false);
        s.at(5_000);
        with_links(&mut s, 6);
        s.judge(ID).vacuous();
    }
}
