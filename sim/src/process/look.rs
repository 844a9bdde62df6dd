//! What nodes say about themselves: their routes all the time, and everything at the end of phases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::engine::Engine;
use super::pages::{self, Connz, Route, Routez, Subscription, Subsz, Varz};
use crate::history::{
    ClientEntry, Holder, InterestEntry, Kind, NodeCounters, Phase, RouteEntry, Snapshot, Sym,
};
use crate::ids::{ClientId, NodeId};
use crate::units::{MS, SECOND};

/// Between two questions for a node's routes, in nanoseconds.
const POLL_NS: u64 = 100 * MS;

/// A node that has not answered by then does not.
const PATIENCE_NS: u64 = 2 * SECOND;

/// Pages of a node, in the order of their numbers.
const PAGES: [&str; 6] = [
    "/routez",
    "/varz",
    "/connz?limit=1000000",
    "/routez?subs=detail",
    "/subsz?subs=1&limit=1000000",
    "/subsz?acc=$G&subs=1&limit=1000000",
];

/// The page that is asked for all the time.
const POLLED: u64 = 0;

/// The account of clients that name none; the simulator's all do.
const ACCOUNT: &str = "$G";

/// The account in which servers talk about themselves.
const SYSTEM: &str = "$SYS";

/// Answers that a snapshot waits for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    missing: BTreeSet<u64>,
    answers: BTreeMap<u64, Vec<u8>>,
}

const fn tag(node: NodeId, page: u64) -> u64 {
    (node.0 as u64) << 8 | page
}

impl Engine<'_> {
    /// Asks those for their routes whose turn it is.
    pub(super) fn poll(&mut self) {
        let now = self.rec.now;
        self.net.give_up_fetches(now.saturating_sub(PATIENCE_NS));
        if self.next_search <= now {
            self.net.find_abandoned();
            self.next_search = now + POLL_NS;
        }
        for id in self.plan.node_ids() {
            let slot = self.node(id);
            let Some(listens) = slot.listens.filter(|_| slot.paused == 0) else { continue };
            if slot.next_poll <= now {
                slot.next_poll = u64::MAX;
                self.net.fetch(tag(id, POLLED), listens.monitor, PAGES[0]);
            }
        }
    }

    /// A node has answered, or has not.
    pub(super) fn fetched(&mut self, tag: u64, asked_at: u64, page: Result<Vec<u8>, String>) {
        let Some(id) = u16::try_from(tag >> 8).ok().map(NodeId) else { return };
        if tag & 0xff != POLLED {
            if self.asked.missing.remove(&tag)
                && let Ok(page) = page
            {
                self.asked.answers.insert(tag, page);
            }
            return;
        }
        let next = asked_at + POLL_NS;
        let slot = self.node(id);
        slot.next_poll = next;
        // A process that has ended since tells nothing.
        if slot.listens.is_none() {
            return;
        }
        if let Some(routez) = page.ok().and_then(|page| pages::read::<Routez>(&page).ok()) {
            self.routes_listed(id, &routez.routes);
        }
    }

    fn routes_listed(&mut self, id: NodeId, routes: &[Route]) {
        let plan = self.plan;
        let called = |name: &str| plan.node_named(name);
        self.wires.listed(id, routes, called, &self.doors, &mut self.rec);
    }

    /// Asks every node that runs for everything, and goes on until all have answered.
    pub(super) fn snapshots(&mut self, phase: Phase) {
        let awake = |slot: &super::nodes::NodeSlot| slot.listens.filter(|_| slot.paused == 0);
        let nodes = self.plan.node_ids().zip(&self.nodes);
        let asked: Vec<(NodeId, SocketAddr)> =
            nodes.filter_map(|(id, slot)| Some((id, awake(slot)?.monitor))).collect();
        self.asked = Asked::default();
        for (page, path) in (0..).zip(PAGES).skip(1) {
            for &(id, monitor) in &asked {
                self.asked.missing.insert(tag(id, page));
                self.net.fetch(tag(id, page), monitor, path);
            }
        }
        let until = self.clock.now() + PATIENCE_NS;
        while !self.asked.missing.is_empty() && self.clock.now() < until && self.is_well() {
            self.carry_on(until);
        }
        for (id, _) in asked {
            match self.snapshot(id, phase) {
                Ok(snapshot) => {
                    self.rec.event(Kind::Snapshot(Box::new(snapshot)));
                }
                Err(what) => {
                    let name = self.plan.node_name(id);
                    self.proofs.fails(format!("{name} does not tell about itself: {what}"));
                }
            }
        }
    }

    fn page<T: serde::de::DeserializeOwned>(&self, id: NodeId, page: u64) -> Result<T, String> {
        let path = PAGES.get(usize::try_from(page).unwrap_or(0)).copied().unwrap_or_default();
        let answer = self.asked.answers.get(&tag(id, page));
        let answer = answer.ok_or_else(|| format!("no answer at {path}"))?;
        pages::read(answer).map_err(|error| format!("{path}: {error}"))
    }

    fn snapshot(&mut self, id: NodeId, phase: Phase) -> Result<Snapshot, String> {
        let (varz, connz): (Varz, Connz) = (self.page(id, 1)?, self.page(id, 2)?);
        let routez: Routez = self.page(id, 3)?;
        let (all, ours): (Subsz, Subsz) = (self.page(id, 4)?, self.page(id, 5)?);
        let of_clients: BTreeSet<u64> = connz.connections.iter().map(|c| c.cid).collect();
        // What a server wants for itself is nobody's business here.
        let (local, own): (Vec<&Subscription>, Vec<&Subscription>) =
            ours.subscriptions_list.iter().partition(|sub| of_clients.contains(&sub.cid));
        let theirs: usize = routez.routes.iter().map(|route| of_servers(route).count()).sum();
        let (own, theirs) = (own.len() as u64, theirs as u64);
        let own = own + theirs;
        let beside = all.num_subscriptions.saturating_sub(ours.num_subscriptions);
        let mut clients: Vec<ClientEntry> = Vec::new();
        for one in &connz.connections {
            clients.push(ClientEntry {
                client: self.client_at(&one.ip, one.port),
                subs: one.subscriptions,
                pending: one.pending_bytes,
                in_msgs: one.in_msgs,
                in_bytes: one.in_bytes,
                out_msgs: one.out_msgs,
                out_bytes: one.out_bytes,
            });
        }
        clients.sort_unstable();
        let mut routes: Vec<RouteEntry> = Vec::new();
        for route in &routez.routes {
            let remote = self.plan.node_named(&route.remote_name);
            let account =
                if route.account.is_empty() { Sym::NONE } else { self.rec.intern(&route.account) };
            routes.push(RouteEntry { remote, pool: self.wires.slot(id, route.rid), account });
        }
        routes.sort_unstable();
        let interest = self.interest(id, &local, &routez.routes);
        let counters = NodeCounters {
            subscriptions: varz.subscriptions.saturating_sub(beside + own),
            interest: ours.num_subscriptions.saturating_sub(own),
            inserts: ours.num_inserts.saturating_sub(own),
            removes: ours.num_removes,
            ..counters(&varz, &connz, &routez, theirs)
        };
        let mut urls = varz.connect_urls;
        urls.sort_unstable();
        let urls = self.rec.intern(&urls.join(" "));
        Ok(Snapshot { node: id, phase, routes, interest, clients, urls, counters })
    }

    /// The client whose connection comes from there.
    fn client_at(&self, ip: &str, port: u16) -> Option<ClientId> {
        let address = SocketAddr::new(ip.parse().ok()?, port);
        let mut conns = self.by_conn.iter();
        conns.find(|(conn, _)| self.net.calls_from(**conn) == Some(address)).map(|(_, id)| *id)
    }

    fn interest(
        &mut self,
        id: NodeId,
        local: &[&Subscription],
        routes: &[Route],
    ) -> Vec<InterestEntry> {
        // Members that are alike are added up.
        let mut rows: BTreeMap<(Sym, Sym, Holder), u32> = BTreeMap::new();
        for sub in local {
            let (subject, queue) = self.names_of(sub);
            let weight = rows.entry((subject, queue, Holder::Local)).or_default();
            *weight = weight.saturating_add(1);
        }
        for route in routes.iter().filter(|route| route.account != SYSTEM) {
            let remote = self.plan.node_named(&route.remote_name);
            for sub in of_ours(route).filter(|sub| !is_of_server(sub)) {
                let (subject, queue) = self.names_of(sub);
                let holder = remote.map_or(Holder::Unknown, Holder::Remote);
                let told = remote.filter(|_| !queue.is_none());
                let told = told.and_then(|peer| self.wires.weight(peer, id, subject, queue));
                rows.insert((subject, queue, holder), told.unwrap_or(1));
            }
        }
        let account = self.rec.intern(ACCOUNT);
        let row = |((subject, queue, holder), weight)| InterestEntry {
            account,
            subject,
            queue,
            weight,
            holder,
        };
        rows.into_iter().map(row).collect()
    }

    fn names_of(&mut self, sub: &Subscription) -> (Sym, Sym) {
        let queue = if sub.qgroup.is_empty() { Sym::NONE } else { self.rec.intern(&sub.qgroup) };
        (self.rec.intern(&sub.subject), queue)
    }
}

/// What a remote wants in the account of the clients.
fn of_ours(route: &Route) -> impl Iterator<Item = &Subscription> {
    let subs = route.subscriptions_list_detail.iter().filter(|_| route.account != SYSTEM);
    subs.filter(|sub| account_of(sub) == ACCOUNT)
}

/// What a remote wants there for itself: its streams are asked by these subjects.
fn of_servers(route: &Route) -> impl Iterator<Item = &Subscription> {
    of_ours(route).filter(|sub| is_of_server(sub))
}

fn is_of_server(sub: &Subscription) -> bool {
    sub.subject.starts_with("$JS")
}

/// The account of a remote's interest, which stands in its key: `R ACCOUNT SUBJECT [QUEUE]`.
fn account_of(sub: &Subscription) -> &str {
    if !sub.account.is_empty() {
        return &sub.account;
    }
    let words: Vec<&str> = sub.sid.split(' ').collect();
    let with_account = 3 + usize::from(!sub.qgroup.is_empty());
    if words.len() == with_account { words[1] } else { ACCOUNT }
}

/// What the pages say at their surface.
fn counters(varz: &Varz, connz: &Connz, routez: &Routez, theirs: u64) -> NodeCounters {
    let of_ours = || routez.routes.iter().filter(|route| route.account != SYSTEM);
    let pending = connz.connections.iter().map(|one| one.pending_bytes).sum::<u64>()
        + routez.routes.iter().map(|route| route.pending_size).sum::<u64>();
    NodeCounters {
        connections: varz.connections,
        routes: varz.routes,
        remotes: varz.remotes,
        in_msgs: varz.in_msgs,
        out_msgs: varz.out_msgs,
        in_client_msgs: varz.in_client_msgs,
        out_client_msgs: varz.out_client_msgs,
        slow_clients: varz.slow_consumer_stats.clients,
        slow_routes: varz.slow_consumer_stats.routes,
        stale_clients: varz.stale_connection_stats.clients,
        stale_routes: varz.stale_connection_stats.routes,
        stalls: varz.stalled_clients,
        in_bytes: varz.in_bytes,
        out_bytes: varz.out_bytes,
        in_client_bytes: varz.in_client_bytes,
        out_client_bytes: varz.out_client_bytes,
        route_subs: of_ours().map(|route| route.subscriptions).sum::<u64>().saturating_sub(theirs),
        route_in_msgs: routez.routes.iter().map(|route| route.in_msgs).sum(),
        route_out_msgs: routez.routes.iter().map(|route| route.out_msgs).sum(),
        pending,
        // Connections that are neither are not listed anywhere.
        links: varz.connections + varz.routes,
        ..NodeCounters::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_remote_interest_stands_in_its_key() {
        let sub = |sid: &str, qgroup: &str| Subscription {
            sid: sid.to_owned(),
            qgroup: qgroup.to_owned(),
            ..Subscription::default()
        };
        for (sid, qgroup, account) in [
            ("R $G a.b", "", "$G"),
            ("R X a.b q", "q", "X"),
            ("R a.b", "", "$G"),
            ("R a.b q", "q", "$G"),
        ] {
            assert_eq!(account_of(&sub(sid, qgroup)), account, "{sid}");
        }
    }
}
