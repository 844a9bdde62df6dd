//! What nodes say about themselves when they are asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use causeway_core::Node;
use causeway_core::monitor::{ConnectionQuery, RouteReport, ServerReport};

use super::{Engine, Recorder};
use crate::history::{
    ClientEntry, Holder, InterestEntry, Kind, NodeCounters, Phase, RouteEntry, Snapshot,
};
use crate::ids::{ClientId, NodeId};
use crate::plan::Plan;

impl Engine<'_> {
    /// Asks every node that runs.
    pub(super) fn snapshots(&mut self, phase: Phase) {
        for at in 0..self.hosts.len() {
            let id = NodeId(u16::try_from(at).unwrap_or(u16::MAX));
            self.running = Some(id);
            if let Some(process) = &self.hosts[at].process {
                let client_at = |peer: SocketAddr| self.names.client_at(peer.ip());
                let (plan, rec) = (self.plan, &mut self.rec);
                let snapshot = snapshot(plan, rec, id, &process.node, phase, client_at);
                self.rec.event(Kind::Snapshot(Box::new(snapshot)));
            }
            self.running = None;
        }
    }
}

/// What a node says about itself. `client_at` knows whose connection comes from an address.
///
/// # Panics
/// If the node's invariants do not hold.
pub fn snapshot(
    plan: &Plan,
    rec: &mut Recorder,
    id: NodeId,
    node: &Node,
    phase: Phase,
    client_at: impl Fn(SocketAddr) -> Option<ClientId>,
) -> Snapshot {
    node.check_invariants();
    let reports = node.route_reports(false);
    let subscriptions = node.subscription_reports(None);
    let server = node.server_report();
    let counters = counters(node, &server, &reports);
    let query = ConnectionQuery { open: true, ..ConnectionQuery::default() };
    let mut clients: Vec<ClientEntry> = node
        .connection_reports(&query)
        .iter()
        .map(|one| ClientEntry {
            client: client_at(one.peer),
            subs: one.subscription_count,
            pending: one.pending_bytes,
            in_msgs: one.received.messages,
            in_bytes: one.received.bytes,
            out_msgs: one.sent.messages,
            out_bytes: one.sent.bytes,
        })
        .collect();
    clients.sort_unstable();
    let mut urls = server.connect_urls;
    urls.sort_unstable();
    let remotes: BTreeMap<u64, Option<NodeId>> =
        reports.iter().map(|route| (route.rid, node_named(plan, route))).collect();
    let mut routes: Vec<RouteEntry> = Vec::with_capacity(reports.len());
    for route in &reports {
        routes.push(RouteEntry {
            remote: remotes[&route.rid],
            pool: route.pool_index,
            account: rec.intern(&route.account),
        });
    }
    routes.sort_unstable();
    // Members that are alike are added up.
    let mut rows: BTreeMap<(String, String, String, Holder), u32> = BTreeMap::new();
    for one in subscriptions {
        let holder = match remotes.get(&one.cid) {
            Some(Some(remote)) => Holder::Remote(*remote),
            Some(None) => Holder::Unknown,
            None => Holder::Local,
        };
        let weight = rows.entry((one.account, one.subject, one.queue, holder)).or_default();
        *weight = weight.saturating_add(one.weight);
    }
    let mut interest = Vec::with_capacity(rows.len());
    for ((account, subject, queue, holder), weight) in rows {
        interest.push(InterestEntry {
            account: rec.intern(&account),
            subject: rec.intern(&subject),
            queue: rec.intern(&queue),
            weight,
            holder,
        });
    }
    let urls = rec.intern(&urls.join(" "));
    Snapshot { node: id, phase, routes, interest, clients, urls, counters }
}

fn node_named(plan: &Plan, route: &RouteReport) -> Option<NodeId> {
    let found = plan.nodes.iter().position(|node| node.name == route.remote_name)?;
    u16::try_from(found).ok().map(NodeId)
}

fn counters(node: &Node, report: &ServerReport, routes: &[RouteReport]) -> NodeCounters {
    let (table, held) = (node.interest_report(), node.footprint());
    let over_routes = |count: fn(&RouteReport) -> u64| routes.iter().map(count).sum();
    NodeCounters {
        connections: report.connections,
        routes: report.routes,
        remotes: report.remotes,
        in_msgs: report.received.messages,
        out_msgs: report.sent.messages,
        in_client_msgs: report.received_from_clients.messages,
        out_client_msgs: report.sent_to_clients.messages,
        slow_clients: report.slow_clients,
        slow_routes: report.slow_routes,
        stale_clients: report.stale_clients,
        stale_routes: report.stale_routes,
        stalls: report.stalls,
        lost_on_close: report.lost_on_close,
        in_bytes: report.received.bytes,
        out_bytes: report.sent.bytes,
        in_client_bytes: report.received_from_clients.bytes,
        out_client_bytes: report.sent_to_clients.bytes,
        subscriptions: report.subscriptions,
        interest: table.subscriptions,
        inserts: table.inserts,
        removes: table.removes,
        route_subs: over_routes(|route| route.subscription_count),
        route_in_msgs: over_routes(|route| route.received.messages),
        route_out_msgs: over_routes(|route| route.sent.messages),
        pending: held.pending_bytes,
        links: held.links,
        timers: held.timers,
        targets: held.targets,
        dials: held.dials,
    }
}
