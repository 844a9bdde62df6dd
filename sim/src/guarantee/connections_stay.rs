//! While nothing is wrong, nobody's connection is closed: no client's, and no route's.
//!
//! A broker that cuts a healthy connection and builds it up again would hide from most other
//! guarantees, because losing a connection excuses much.

use super::clients_return::BY_PLAN;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Header, Kind};
use crate::ids::{ClientId, NodeId};

pub(super) struct ConnectionsStay {
    scope: Scope,
    bound_ns: u64,
    /// Since when it had been quiet before the event at hand.
    quiet_before: Option<u64>,
}

impl ConnectionsStay {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bound_ns = bound_ns(params.header, params.within_ns);
        Self { scope: params.scope.clone(), bound_ns, quiet_before: None }
    }

    fn count(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        // What becomes of others than the core, and of connections to them, is no promise.
        for client in (0..view.history.header.clients.len() as u32).map(ClientId) {
            let open = view.current_conn(client).is_some_and(|conn| {
                conn.closed_t.is_none() && conn.node.is_none_or(|node| view.network.is_core(node))
            });
            if open && self.scope.covers_client(view, client) {
                pen.held();
            }
        }
        for (a, b) in view.network.core_pairs() {
            if self.scope.covers_pair(view, a, b) {
                pen.held();
            }
        }
    }

    fn client_closed(&self, view: &View<'_>, client: ClientId, pen: &mut Pen<'_>) {
        let Kind::ClientClosed { conn, reason, .. } = view.history.events[pen.i].kind else {
            return;
        };
        let info = &view.history.header.clients[client.0 as usize];
        let reason = view.history.text(reason);
        let conn = view.find_conn(client, conn).map(|conn| view.conn(conn));
        let Some((conn, node)) = conn.and_then(|conn| Some((conn, conn.node?))) else { return };
        let healthy = !info.slow && view.access_was_free(conn) && view.network.is_core(node);
        if reason == BY_PLAN || !healthy || !self.scope.covers_client(view, client) {
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let node = &view.history.header.nodes[usize::from(node.0)].name;
            let story = format!(
                "The connection of {} to {node} was closed ({reason}) although nothing was wrong.",
                info.name
            );
            (story, vec![i])
        });
    }

    fn route_down(&self, view: &View<'_>, node: NodeId, remote: NodeId, pen: &mut Pen<'_>) {
        let core = view.network.is_core(node) && view.network.is_core(remote);
        if !core || !self.scope.covers_pair(view, node, remote) {
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
            let story = format!(
                "{} lost a route to {} although nothing was wrong.",
                name(node),
                name(remote)
            );
            (story, vec![i])
        });
    }
}

/// How long it must have been quiet.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns.max(header.bounds.clients_ns))
}

impl Checker for ConnectionsStay {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Connections, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let quiet = self.quiet_before.is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
        self.quiet_before = view.network.quiet_since();
        if !quiet {
            return;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest closes nothing")]
        match view.history.events[pen.i].kind {
            Kind::Phase { .. } | Kind::End => self.count(view, pen),
            Kind::ClientClosed { client, .. } => self.client_closed(view, client, pen),
            Kind::RouteDown { node, remote, .. } => self.route_down(view, node, remote, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::Phase;

    const ID: &str = "connections_stay";

    #[test]
    fn holds_for_every_connection_that_lasts() {
        let mut s = Script::running();
        s.client("sub/1", EAST_1);
        let done = s.client("done/1", EAST_1);
        s.at(2_000).close(done, "closed by plan");
        s.at(10_000).phase(Phase::Quiesce);
        // One client and three pairs, at the phase and at the end.
        s.judge(ID).held(8);
    }

    #[test]
    fn breaks_if_a_healthy_client_is_cut_off() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.at(10_000).close(client, "eof");
        let story =
            "The connection of sub/1 to east/1 was closed (eof) although nothing was wrong.";
        let judged = s.judge(ID);
        assert_eq!(judged.findings.first.as_ref().unwrap().story, story);
        assert_eq!(judged.findings.broken, 1);
    }

    #[test]
    fn breaks_if_a_route_is_lost_for_nothing() {
        let mut s = Script::running();
        s.at(10_000).routes_down(EAST_1, EAST_2);
        let judged = s.judge(ID);
        assert_eq!(
            judged.broke(10_000),
            "east/1 lost a route to east/2 although nothing was wrong."
        );
    }

    #[test]
    fn is_not_checked_after_a_fault_or_for_slow_clients() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.at(10_000).partition(true);
        s.close(client, "eof");
        s.routes_down(EAST_1, WEST_1);
        s.judge(ID).vacuous();

        let mut s = Script::running();
        let slow = s.client_with("slow/1", EAST_1, |info| info.slow = true);
        s.at(10_000).close(slow, "eof");
        s.routes_down(EAST_1, EAST_2);
        assert_eq!(s.judge(ID).findings.broken, 1, "only the route");
    }
}
