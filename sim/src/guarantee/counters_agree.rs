//! N4, O8: what a node reports about itself agrees with what was seen from outside.
//!
//! Judged from the snapshots. Each report must agree with the others: the sums of connections,
//! routes and subscriptions, the interest table's own books. Each healthy client's connection has
//! counted exactly the messages and bytes that the client sent and received. The node's totals lie
//! between what must have passed and what may have; where no route was ever lost, the messages
//! between nodes are counted exactly.

use std::collections::BTreeSet;

use super::outcome::Pen;
use super::scope::Scope;
use super::table::Table;
use super::view::{Conn, View};
use super::{Checker, Params, Topic};
use crate::history::{ClientEntry, Header, Kind, Phase, Snapshot};
use crate::ids::{ClientId, ConnNo, NodeId, WireConn};

pub(super) struct CountersAgree {
    scope: Scope,
    bound_ns: u64,
    /// What each connection of a client was given: messages and bytes.
    given: Table<(ClientId, ConnNo), (u64, u64)>,
    /// By node, since its process started.
    wires: Vec<Wires>,
    /// Connections between nodes on which messages have been.
    carriers: BTreeSet<WireConn>,
}

/// What passed between a node and the others.
#[derive(Clone, Copy, Default)]
struct Wires {
    /// There is a tap on its connections.
    tapped: bool,
    sent: u64,
    received: u64,
    /// It lost a route, and with it the certainty of what arrived.
    lost_route: bool,
}

impl CountersAgree {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            bound_ns: bound_ns(params.header, params.within_ns),
            given: Table::default(),
            wires: vec![Wires::default(); params.header.nodes.len()],
            carriers: BTreeSet::new(),
        }
    }

    fn wires(&mut self, node: NodeId) -> &mut Wires {
        &mut self.wires[usize::from(node.0)]
    }

    fn judge(&self, view: &View<'_>, snapshot: &Snapshot, pen: &mut Pen<'_>) {
        if !self.scope.covers_node(view, snapshot.node) {
            return;
        }
        let header = &view.history.header;
        if !header.streams.is_empty() {
            // Streams take and send messages that no client's history shows.
            return pen.excused();
        }
        let mut claims = Claims { view, node: snapshot.node, pen };
        reports_agree(snapshot, &mut claims);
        self.totals_agree(snapshot, &mut claims);
        if snapshot.phase == Phase::Quiesce {
            for entry in &snapshot.clients {
                self.connection_agrees(snapshot, entry, &mut claims);
            }
        }
    }

    /// The totals of the node against what its clients and its taps have seen.
    fn totals_agree(&self, snapshot: &Snapshot, claims: &mut Claims<'_, '_, '_, '_>) {
        let (view, node, counters) = (claims.view, snapshot.node, &snapshot.counters);
        let started = view.network.started(node).unwrap_or(0);
        let mut published = Range::default();
        let mut delivered = 0;
        for conn in view.conns().filter(|c| c.node == Some(node) && c.opened_t >= started) {
            published.least += u64::from(conn.flushed);
            published.most += conn.published.len() as u64;
            delivered += self.given.get(&(conn.client, conn.no)).map_or(0, |given| given.0);
        }
        claims.within("messages from clients", counters.in_client_msgs, published);
        let at_least = Range { least: delivered, most: u64::MAX };
        claims.within("messages to clients", counters.out_client_msgs, at_least);
        let wires = self.wires[usize::from(node.0)];
        if !wires.tapped {
            return;
        }
        let from_routes = counters.in_msgs.saturating_sub(counters.in_client_msgs);
        let to_routes = counters.out_msgs.saturating_sub(counters.out_client_msgs);
        let quiet = view.network.quiet_since();
        let settled = quiet.is_some_and(|t| t.saturating_add(self.bound_ns) <= claims.pen.t);
        let sure = settled && !wires.lost_route && self.hears_all(view, node, claims.pen.t);
        let least = if sure { wires.received } else { 0 };
        claims.within("messages from routes", from_routes, Range { least, most: wires.received });
        let most = if sure { wires.sent } else { u64::MAX };
        claims.within("messages to routes", to_routes, Range { least: wires.sent, most });
        if sure {
            claims.equal("messages over open routes in", counters.route_in_msgs, from_routes);
            claims.equal("messages over open routes out", counters.route_out_msgs, to_routes);
        }
    }

    /// Whether nothing is under way to or from the node behind what is never lifted.
    fn hears_all(&self, view: &View<'_>, node: NodeId, t: u64) -> bool {
        let core = (0..view.network.node_count()).all(|id| view.network.is_core(NodeId(id)));
        core || view.network.is_calm_all_around(node, t, self.bound_ns)
    }

    /// One healthy connection against what its client has seen.
    fn connection_agrees(
        &self,
        snapshot: &Snapshot,
        entry: &ClientEntry,
        claims: &mut Claims<'_, '_, '_, '_>,
    ) {
        let view = claims.view;
        let Some(client) = entry.client else { return };
        let only = snapshot.clients.iter().filter(|e| e.client == entry.client).count() == 1;
        let Some(conn) = view.current_conn(client) else { return };
        let there = conn.node == Some(snapshot.node) && conn.closed_t.is_none();
        let slow = view.history.header.clients[client.0 as usize].slow;
        let flushed = conn.flushed as usize == conn.published.len();
        if !only || !there || slow || !flushed || !view.access_was_free(conn) {
            return;
        }
        // What is under way has arrived: nobody has published for long enough.
        if view.phase_t.saturating_add(self.bound_ns) > claims.pen.t {
            return;
        }
        let (messages, bytes) = self.given.get(&(client, conn.no)).copied().unwrap_or_default();
        let sent: u64 = conn.published.iter().map(|one| u64::from(one.size)).sum();
        let name = &view.history.header.clients[client.0 as usize].name;
        // Behind what is never lifted, something may have come just now.
        let all_has_come = self.hears_all(view, snapshot.node, claims.pen.t);
        let mut equal = |what: &str, reported, seen| {
            claims.equal(&format!("{what} {name}"), reported, seen);
        };
        equal("messages from", entry.in_msgs, conn.published.len() as u64);
        equal("bytes from", entry.in_bytes, sent);
        if all_has_come {
            equal("messages to", entry.out_msgs, messages);
            equal("bytes to", entry.out_bytes, bytes);
        }
        if let Some(subs) = subscriptions(view, conn) {
            equal("subscriptions of", entry.subs, subs);
        }
    }
}

/// How many subscriptions a connection has; `None` if one is on its way or about to end.
fn subscriptions(view: &View<'_>, conn: &Conn) -> Option<u64> {
    let mut live = 0;
    for sub in conn.subs.iter().map(|&sub| view.sub(sub)) {
        match (sub.ready_t, sub.gone_t) {
            (None, None) => return None,
            (_, None) => live += 1,
            (_, Some(_)) => {
                let unsubscribed = sub.unsub.is_some_and(|u| u.max == 0 && u.ready_t.is_none());
                if unsubscribed {
                    return None;
                }
            }
        }
    }
    Some(live)
}

/// The reports of one node against each other.
fn reports_agree(snapshot: &Snapshot, claims: &mut Claims<'_, '_, '_, '_>) {
    let counters = &snapshot.counters;
    let subs = snapshot.clients.iter().map(|client| client.subs).sum::<u64>();
    claims.equal("client connections", counters.connections, snapshot.clients.len() as u64);
    claims.equal("routes", counters.routes, snapshot.routes.len() as u64);
    let table = counters.inserts.wrapping_sub(counters.removes);
    claims.equal("subscriptions", counters.subscriptions, counters.interest);
    claims.equal("entries put in and not taken out", table, counters.interest);
    claims.equal("subscriptions of clients and routes", subs + counters.route_subs, table);
    let least = |part| Range { least: part, most: u64::MAX };
    claims.within("bytes in", counters.in_bytes, least(counters.in_client_bytes));
    claims.within("bytes out", counters.out_bytes, least(counters.out_client_bytes));
}

/// Least and most.
#[derive(Clone, Copy, Default)]
struct Range {
    least: u64,
    most: u64,
}

/// What one node claims.
struct Claims<'c, 'v, 'h, 'p> {
    view: &'v View<'h>,
    node: NodeId,
    pen: &'c mut Pen<'p>,
}

impl Claims<'_, '_, '_, '_> {
    fn equal(&mut self, what: &str, reported: u64, seen: u64) {
        self.within(what, reported, Range { least: seen, most: seen });
    }

    fn within(&mut self, what: &str, reported: u64, range: Range) {
        if (range.least..=range.most).contains(&reported) {
            self.pen.held();
            return;
        }
        let (view, node, i) = (self.view, self.node, self.pen.i);
        self.pen.broken(view, || {
            let seen = match range {
                Range { least, most } if least == most => format!("{least}"),
                Range { least, most: u64::MAX } => format!("at least {least}"),
                Range { least, most } => format!("between {least} and {most}"),
            };
            let name = &view.history.header.nodes[usize::from(node.0)].name;
            let story = format!("{name} reports {reported} {what}, and it must be {seen}.");
            (story, vec![i])
        });
    }
}

/// For how long nothing must have been wrong, or under way.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| super::settled::delivery_bound_ns(header))
}

impl Checker for CountersAgree {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries, Topic::Network, Topic::Wires, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not counted")]
        match &view.history.events[pen.i].kind {
            Kind::Delivered { client, conn, size, .. } => {
                let (messages, bytes) = self.given.entry((*client, *conn)).or_default();
                *messages += 1;
                *bytes += u64::from(*size);
            }
            Kind::NodeUp { node, .. } => *self.wires(*node) = Wires::default(),
            Kind::WireOpened { from, to, .. } => {
                self.wires(*from).tapped = true;
                self.wires(*to).tapped = true;
            }
            Kind::WireMsg { from, to, conn, .. } => {
                self.carriers.insert(*conn);
                self.wires(*from).sent += 1;
                self.wires(*to).received += 1;
            }
            Kind::RouteDown { node, remote, .. } => {
                self.wires(*node).lost_route = true;
                self.wires(*remote).lost_route = true;
            }
            // It may have come and gone without anybody having seen that it was a route.
            Kind::WireClosed { node, peer, conn } if self.carriers.contains(conn) => {
                self.wires(*node).lost_route = true;
                self.wires(*peer).lost_route = true;
            }
            Kind::NodeDown { .. } => {
                // What was under way to and from it is lost, whoever notices when.
                for wires in &mut self.wires {
                    wires.lost_route = true;
                }
            }
            Kind::Snapshot(snapshot) => self.judge(view, snapshot, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::Judged;
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{ClientEntry, Kind, NodeCounters, Phase, Snapshot};
    use crate::ids::WireConn;

    const ID: &str = "counters_agree";

    /// Two clients at east/1: one has published twice, and the other has got that; one message
    /// went to west/1 besides. Then east/1 is looked into.
    fn judged(change: impl FnOnce(&mut Snapshot)) -> Judged {
        let mut s = Script::running();
        s.event(Kind::WireOpened { from: EAST_1, to: WEST_1, conn: WireConn(1) });
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", EAST_1);
        s.sub(subscriber, 1, "a", "");
        for _ in 0..2 {
            let msg = s.at(2_000).publish(publisher, "a");
            s.deliver(subscriber, 1, msg);
            if msg.seq == 2 {
                s.cross(EAST_1, WEST_1, "", msg);
            }
        }
        s.flush(publisher);
        s.phase(Phase::Quiesce);
        s.at(5_000).snapshot(EAST_1, &[EAST_2, WEST_1], &[]);
        let Some(Kind::Snapshot(snapshot)) = s.history.events.last_mut().map(|e| &mut e.kind)
        else {
            panic!("a snapshot");
        };
        let none = ClientEntry::default();
        snapshot.clients = vec![
            ClientEntry { client: Some(publisher), in_msgs: 2, in_bytes: 32, ..none },
            ClientEntry { client: Some(subscriber), subs: 1, out_msgs: 2, out_bytes: 32, ..none },
        ];
        snapshot.counters = NodeCounters {
            connections: 2,
            routes: 2,
            in_msgs: 2,
            in_client_msgs: 2,
            out_msgs: 3,
            out_client_msgs: 2,
            in_bytes: 32,
            in_client_bytes: 32,
            out_bytes: 48,
            out_client_bytes: 32,
            subscriptions: 1,
            interest: 1,
            inserts: 4,
            removes: 3,
            route_out_msgs: 1,
            ..NodeCounters::default()
        };
        change(snapshot);
        s.judge(ID)
    }

    #[test]
    fn holds_if_everything_adds_up() {
        judged(|_| {}).held(7 + 6 + 5 + 5);
    }

    #[test]
    fn each_number_counts() {
        type Change = fn(&mut Snapshot);
        let changes: [(Change, &str); 12] = [
            (|s| s.counters.connections = 3, "3 client connections, and it must be 2"),
            (|s| s.counters.routes = 1, "1 routes, and it must be 2"),
            (|s| s.counters.subscriptions = 2, "2 subscriptions, and it must be 1"),
            (|s| s.counters.removes = 2, "2 entries put in and not taken out, and it must be 1"),
            (|s| s.counters.in_client_bytes = 33, "32 bytes in, and it must be at least 33"),
            (|s| s.counters.in_client_msgs = 1, "1 messages from clients, and it must be 2"),
            (|s| s.counters.out_client_msgs = 1, "messages to clients, and it must be at least 2"),
            (|s| s.counters.out_msgs = 4, "2 messages to routes, and it must be 1"),
            (|s| s.counters.in_msgs = 3, "1 messages from routes, and it must be 0"),
            (|s| s.clients[0].in_bytes = 31, "31 bytes from pub/1, and it must be 32"),
            (|s| s.clients[1].out_msgs = 3, "3 messages to sub/1, and it must be 2"),
            (|s| s.clients[1].subs = 2, "subscriptions of clients and routes, and it must be 1"),
        ];
        for (change, what) in changes {
            let judged = judged(change);
            let story = &judged.findings.first.as_ref().unwrap().story;
            assert!(story.contains(what), "{story}: {what}");
        }
    }

    #[test]
    fn what_a_connection_took_with_it_may_not_have_arrived() {
        for (carrier, held) in [(Some(true), true), (Some(false), false), (None, false)] {
            let mut s = Script::running();
            let publisher = s.client("pub/1", EAST_1);
            let msg = s.at(2_000).publish(publisher, "a");
            let conn = WireConn(7);
            s.cross_on(conn, (EAST_1, WEST_1), "", msg);
            s.event(Kind::WireOpened { from: EAST_1, to: WEST_1, conn });
            if let Some(carrier) = carrier {
                let conn = if carrier { conn } else { WireConn(8) };
                s.event(Kind::WireClosed { node: WEST_1, peer: EAST_1, conn });
            }
            s.flush(publisher);
            s.phase(Phase::Quiesce);
            s.at(5_000).snapshot(WEST_1, &[], &[]);
            let judged = s.judge(ID);
            assert_eq!(judged.findings.first.is_none(), held, "{carrier:?}");
        }
    }

    #[test]
    fn a_client_that_is_slow_or_has_not_flushed_is_left_out() {
        let mut s = Script::running();
        let client = s.client_with("slow/1", EAST_1, |info| info.slow = true);
        s.phase(Phase::Quiesce);
        s.at(5_000).snapshot(EAST_1, &[], &[]);
        let Some(Kind::Snapshot(snapshot)) = s.history.events.last_mut().map(|e| &mut e.kind)
        else {
            panic!("a snapshot");
        };
        let entry = ClientEntry { client: Some(client), in_msgs: 9, ..ClientEntry::default() };
        snapshot.clients = vec![entry];
        snapshot.counters.connections = 1;
        s.judge(ID).held(7 + 2);
    }
}
