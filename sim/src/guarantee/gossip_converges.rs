//! C11, O11: what nodes say of the servers that there are is true, soon after things have changed.
//!
//! Three checks. When everything has been well for long enough, every node tells clients of exactly
//! the nodes of its cluster that run, and every client has been told so. When a node has been down
//! for long enough, no other node has a route to it or tells its clients of it, whatever else is
//! broken meanwhile: a client that loses its connection would try to go there. And when a node has
//! become a lame duck, it does not offer itself to its clients any more.
//!
//! And a fourth: a node that has gone for good is looked for ever less often. From when nothing is
//! wrong any more and all have heard of it, whoever knew it by hearsay waits before each dial for a
//! third of the time that has passed since then. (Nodes wait for half of it; clocks may differ.)
//! Configured routes are dialled for ever, by their names.
//!
//! Where a plan heals a core only, the nodes of the core tell of all of it. Of the others they may tell
//! as long as these run or have gone down just now, and need not: who is half dead is known to some.

use std::collections::{BTreeSet, VecDeque};

use causeway_core::limits;

use super::outcome::Pen;
use super::scope::Scope;
use super::table::Table;
use super::view::{Conn, View};
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Header, Kind, Lost, Snapshot, Sym, Why};
use crate::ids::{ClientId, ConnNo, NodeId};
use crate::units::Span;

pub(super) struct GossipConverges {
    scope: Scope,
    bound_ns: u64,
    /// What each client was told last, and in which event.
    told: Vec<Option<Told>>,
    /// Nodes that went down, with the time from which nobody may speak of them.
    gone: VecDeque<(u64, NodeId)>,
    /// When a node last dialled an address of one that has gone for good: it may know one under
    /// several, and cannot know that nobody is behind either.
    dialled: Table<(NodeId, Sym), (u64, usize)>,
    /// Lame ducks, with the time from which clients may not be told of them.
    ducks: VecDeque<(u64, NodeId)>,
    interest_ns: u64,
}

/// A pause between two dials of a node that has gone need not be longer.
fn pause_max_ns() -> u64 {
    u64::try_from(limits::ROUTE_RECONNECT_MAX.as_nanos()).unwrap_or(u64::MAX) / 2
}

#[derive(Clone, Copy)]
struct Told {
    conn: ConnNo,
    urls: Sym,
    i: usize,
}

impl GossipConverges {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            bound_ns: bound_ns(params.header, params.within_ns),
            told: vec![None; params.header.clients.len()],
            gone: VecDeque::new(),
            dialled: Table::default(),
            ducks: VecDeque::new(),
            interest_ns: params.header.bounds.interest_ns,
        }
    }

    /// What this client was told last on the connection that it has now.
    fn told(&self, conn: &Conn) -> Option<Told> {
        self.told[conn.client.0 as usize].filter(|told| told.conn == conn.no)
    }

    fn snapshot(&self, view: &View<'_>, snapshot: &Snapshot, pen: &mut Pen<'_>) {
        let me = snapshot.node;
        let healed = view.network.healed_since();
        let settled = healed.is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
        if !settled || !view.network.is_core(me) {
            return;
        }
        let wanted = live_urls(view, me, |other| view.network.is_core(other));
        let allowed = self.perhaps_live_urls(view, me);
        let alone = wanted.len() < 2;
        // A node that comes back elsewhere has no address that is known beforehand.
        if alone || allowed.contains("") {
            return;
        }
        let say = |urls: Sym, who: &str, at: usize, pen: &mut Pen<'_>| {
            let said: BTreeSet<&str> = view.history.text(urls).split_whitespace().collect();
            if said.is_superset(&wanted) && said.is_subset(&allowed) {
                pen.held();
                return;
            }
            let why =
                if said.is_subset(&allowed) { why_missing(view, me, &wanted, &said) } else { None };
            pen.broken_or_lost(view, why, || {
                let node = &view.history.header.nodes[usize::from(me.0)].name;
                let list = |set: &BTreeSet<&str>| set.iter().copied().collect::<Vec<_>>().join(" ");
                let story = format!(
                    "All faults are over, yet {node} tells {who} of the servers `{}`; there are \
                        `{}`.",
                    list(&said),
                    list(&wanted)
                );
                (story, vec![at])
            });
        };
        if self.scope.covers_node(view, me) {
            say(snapshot.urls, "newcomers", pen.i, pen);
        }
        for conn in clients_of(view, me, &self.scope) {
            let Some(told) = self.told(conn) else { continue };
            say(told.urls, &view.history.header.clients[conn.client.0 as usize].name, told.i, pen);
        }
    }

    /// The addresses that a node may tell clients of: of those who are not healed, it may know some.
    fn perhaps_live_urls<'v>(&self, view: &'v View<'_>, me: NodeId) -> BTreeSet<&'v str> {
        let mut allowed = live_urls(view, me, |_| true);
        let lately = self.gone.iter().filter(|(_, gone)| !view.network.is_core(*gone));
        let header = &view.history.header;
        allowed.extend(lately.map(|(_, gone)| header.nodes[usize::from(gone.0)].url.as_str()));
        allowed
    }

    /// A node dials an address that one had which has gone for good.
    fn dials(&mut self, view: &View<'_>, node: NodeId, target: Sym, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let host = |address| str::rsplit_once(address, ':').map(|(host, _)| host);
        let wanted = host(view.history.text(target));
        let nodes = (0..view.network.node_count()).map(NodeId);
        let mut gone = nodes.filter(|&node| view.network.has_left(node));
        let is_it = |&dead: &NodeId| {
            let url = header.nodes[usize::from(dead.0)].url.as_str();
            wanted.is_some() && host(url) == wanted
        };
        let Some(dead) = gone.find(is_it) else { return };
        let last = self.dialled.insert((node, target), (pen.t, pen.i));
        let Some(healed_t) = view.network.healed_since() else { return };
        let known_t = healed_t.saturating_add(self.bound_ns);
        let Some((last_t, last_i)) = last.filter(|&(last_t, _)| last_t >= known_t) else {
            return;
        };
        if !view.network.is_core(node) || !self.scope.covers_pair(view, node, dead) {
            return;
        }
        let waited = pen.t - last_t;
        if waited >= ((last_t - known_t) / 3).min(pause_max_ns()) {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = |node: NodeId| &header.nodes[usize::from(node.0)].name;
            let story = format!(
                "{} has gone for good and all have known it for {}, yet {} dials it again after {}.",
                name(dead),
                Span(last_t - known_t),
                name(node),
                Span(waited)
            );
            (story, vec![last_down(view, i, dead), last_i, i])
        });
    }

    /// A lame duck does not offer itself to its clients.
    fn not_offered(&self, view: &View<'_>, duck: NodeId, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let node = &header.nodes[usize::from(duck.0)];
        for conn in clients_of(view, duck, &self.scope).filter(|_| !node.url.is_empty()) {
            let Some(told) = self.told(conn) else { continue };
            if !view.history.text(told.urls).split_whitespace().any(|url| url == node.url) {
                pen.held();
                continue;
            }
            pen.broken(view, || {
                let client = &header.clients[conn.client.0 as usize].name;
                let story = format!(
                    "{} is leaving, yet what {client} last heard from it is that it can go there.",
                    node.name
                );
                (story, vec![told.i])
            });
        }
    }

    /// Nobody speaks of `dead` any more.
    fn forgotten(&self, view: &View<'_>, dead: NodeId, down_t: u64, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let name = |node: NodeId| &header.nodes[usize::from(node.0)].name;
        let url = header.nodes[usize::from(dead.0)].url.as_str();
        for node in (0..view.network.node_count()).map(NodeId).filter(|&node| node != dead) {
            let was_there = view.network.started(node).is_some_and(|t| t <= down_t);
            let knew_it = view.network.shares_cluster(node, dead);
            let awake = view.network.is_up(node) && !view.network.stands_still(node);
            if !awake || !was_there || !knew_it {
                continue;
            }
            if self.scope.covers_pair(view, node, dead) {
                let routes = view.network.routes_open(node, dead);
                if routes == 0 {
                    pen.held();
                } else {
                    let i = pen.i;
                    pen.broken(view, || {
                        let story = format!(
                            "{} has been down for long, yet {} still has {routes} routes to it.",
                            name(dead),
                            name(node)
                        );
                        (story, vec![last_down(view, i, dead)])
                    });
                }
            }
            for conn in clients_of(view, node, &self.scope).filter(|_| !url.is_empty()) {
                let Some(told) = self.told(conn) else { continue };
                let speaks = view.history.text(told.urls).split_whitespace().any(|u| u == url);
                if !speaks {
                    pen.held();
                    continue;
                }
                let i = pen.i;
                pen.broken(view, || {
                    let story = format!(
                        "{} has been down for long, yet what {} last heard from {} is that it \
                            can go there.",
                        name(dead),
                        header.clients[conn.client.0 as usize].name,
                        name(node)
                    );
                    (story, vec![last_down(view, i, dead), told.i])
                });
            }
        }
    }
}

/// From a change to everybody having heard of it.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.routes_ns.saturating_add(header.bounds.interest_ns))
}

impl Checker for GossipConverges {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Servers, Topic::Dials, Topic::Milestones]
    }

    fn due(&self) -> Option<u64> {
        let first = |of: &VecDeque<(u64, NodeId)>| of.front().map(|(due, _)| *due);
        [first(&self.gone), first(&self.ducks)].into_iter().flatten().min()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some((due, dead)) = self.gone.pop_front_if(|(due, _)| *due < until) {
            if !view.network.is_up(dead) {
                pen.t = due;
                self.forgotten(view, dead, due - self.bound_ns, pen);
            }
        }
        while let Some((due, duck)) = self.ducks.pop_front_if(|(due, _)| *due < until) {
            if view.network.is_up(duck) && !view.network.stands_still(duck) {
                pen.t = due;
                self.not_offered(view, duck, pen);
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of servers")]
        match &view.history.events[pen.i].kind {
            Kind::Servers { client, conn, urls } => {
                let told = Told { conn: *conn, urls: *urls, i: pen.i };
                self.told[client.0 as usize] = Some(told);
            }
            Kind::NodeDown { node, .. } => {
                self.gone.push_back((pen.t.saturating_add(self.bound_ns), *node));
            }
            Kind::NodeUp { node, .. } => {
                self.gone.retain(|(_, gone)| gone != node);
                self.ducks.retain(|(_, duck)| duck != node);
            }
            Kind::Dial { node, target } => self.dials(view, *node, *target, pen),
            Kind::Fault(fault) if fault.on && fault.kind == FaultKind::LameDuck => {
                let due = pen.t.saturating_add(self.interest_ns);
                self.ducks.extend(fault.nodes.iter().map(|node| (due, *node)));
            }
            Kind::Snapshot(snapshot) => self.snapshot(view, snapshot, pen),
            _ => {}
        }
    }
}

/// Why a node cannot know those servers that it does not speak of, if it can know none of them.
fn why_missing(
    view: &View<'_>,
    me: NodeId,
    wanted: &BTreeSet<&str>,
    said: &BTreeSet<&str>,
) -> Option<Why> {
    let nodes = (0..view.network.node_count()).map(NodeId);
    let url = |node: &NodeId| view.history.header.nodes[usize::from(node.0)].url.as_str();
    let is_missing = |node: &NodeId| wanted.contains(url(node)) && !said.contains(url(node));
    let why = |node| view.network.why_unrecoverable(Lost::Routes(me, node));
    nodes.filter(is_missing).map(why).reduce(|a, b| a.and(b)).flatten()
}

/// The addresses that clients of `node` should be told of: of those that `is` means.
fn live_urls<'v>(
    view: &'v View<'_>,
    node: NodeId,
    is: impl Fn(NodeId) -> bool,
) -> BTreeSet<&'v str> {
    let header = &view.history.header;
    if !header.nodes[usize::from(node.0)].advertise {
        return BTreeSet::new();
    }
    let told = |&other: &NodeId| {
        view.network.shares_cluster(node, other)
            && view.network.is_up(other)
            && is(other)
            && header.nodes[usize::from(other.0)].advertise
    };
    let nodes = (0..view.network.node_count()).map(NodeId).filter(told);
    nodes.map(|other| header.nodes[usize::from(other.0)].url.as_str()).collect()
}

/// The connections of a node that have been open for long enough to have heard, of clients that
/// read.
fn clients_of<'v>(
    view: &'v View<'_>,
    node: NodeId,
    scope: &'v Scope,
) -> impl Iterator<Item = &'v Conn> {
    let header = &view.history.header;
    let reads = |client: ClientId| !header.clients[client.0 as usize].slow;
    (0..header.clients.len() as u32).map(ClientId).filter_map(move |client| {
        let conn = view.current_conn(client)?;
        let there = conn.node == Some(node) && conn.closed_t.is_none();
        let healthy = reads(client) && view.access_was_free(conn);
        (there && healthy && scope.covers_client(view, client)).then_some(conn)
    })
}

fn last_down(view: &View<'_>, i: usize, dead: NodeId) -> usize {
    let is_it = |&at: &usize| matches!(view.history.events[at].kind, Kind::NodeDown { node, .. } if node == dead);
    (0..i).rev().find(is_it).unwrap_or(i)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, Kind, NodeDownHow, Phase};
    use crate::ids::{ClientId, NodeId};

    const ID: &str = "gossip_converges";
    const ALL: &str = "east/1:4222 east/2:4222 west/1:4222";

    fn told(s: &mut Script, client: ClientId, urls: &str) {
        let (conn, urls) = (s.conn(client), s.sym(urls));
        s.event(Kind::Servers { client, conn, urls });
    }

    fn look_into(s: &mut Script, node: NodeId, urls: &str) {
        s.snapshot(node, &[], &[]);
        let urls = s.sym(urls);
        let Some(Kind::Snapshot(snapshot)) = s.history.events.last_mut().map(|e| &mut e.kind)
        else {
            panic!("a snapshot");
        };
        snapshot.urls = urls;
    }

    #[test]
    fn holds_if_nodes_and_clients_know_everybody() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        told(&mut s, client, ALL);
        s.at(5_000);
        look_into(&mut s, EAST_1, ALL);
        look_into(&mut s, WEST_1, ALL);
        s.judge(ID).held(3);
    }

    #[test]
    fn breaks_if_a_node_or_a_client_knows_too_few_or_too_many() {
        let few = "east/1:4222 east/2:4222";
        let many = "east/1:4222 east/2:4222 north/1:4222 west/1:4222";
        for wrong in ["", few, many] {
            let mut s = Script::running();
            s.at(5_000);
            look_into(&mut s, EAST_1, wrong);
            assert_eq!(
                s.judge(ID).broke(5_000),
                format!(
                    "All faults are over, yet east/1 tells newcomers of the servers `{wrong}`; \
                        there are `{ALL}`."
                )
            );
            let mut s = Script::running();
            let client = s.client("sub/1", EAST_1);
            told(&mut s, client, wrong);
            s.at(5_000);
            look_into(&mut s, EAST_1, ALL);
            assert!(s.judge(ID).broke(5_000).contains("tells sub/1 of the servers"));
        }
    }

    #[test]
    fn breaks_if_a_dead_node_is_still_spoken_of() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        told(&mut s, client, ALL);
        s.at(3_000).node_down(WEST_1, NodeDownHow::Killed);
        s.at(3_500).routes_down(EAST_2, WEST_1);
        s.routes_down(EAST_1, WEST_1);
        let mut late = s.clone();
        late.at(5_101);
        told(&mut late, client, "east/1:4222 east/2:4222");
        assert_eq!(
            late.judge(ID).broke(5_100),
            "west/1 has been down for long, yet what sub/1 last heard from east/1 is that it can \
                go there."
        );
        s.at(5_100);
        told(&mut s, client, "east/1:4222 east/2:4222");
        s.judge(ID).held(3);
    }

    #[test]
    fn breaks_if_a_dead_node_is_kept_as_a_route() {
        let mut s = Script::running();
        s.at(3_000).node_down(WEST_1, NodeDownHow::Killed);
        s.routes_down(EAST_1, WEST_1);
        assert_eq!(
            s.judge(ID).broke(5_100),
            "west/1 has been down for long, yet east/2 still has 1 routes to it."
        );
    }

    fn dial(s: &mut Script, node: NodeId, target: &str) {
        let target = s.sym(target);
        s.event(Kind::Dial { node, target });
    }

    /// West has left at 3 s; that is known everywhere at 5.2 s.
    fn without_west() -> Script {
        let mut s = Script::running();
        s.at(3_000).fault(FaultKind::Leave, true, vec![WEST_1], Vec::new());
        s.at(3_050).node_down(WEST_1, NodeDownHow::Exited);
        s.routes_down(EAST_1, WEST_1);
        s.routes_down(EAST_2, WEST_1);
        s.at(3_100).fault(FaultKind::Leave, false, vec![WEST_1], Vec::new());
        s
    }

    #[test]
    fn breaks_if_one_that_has_gone_for_good_is_looked_for_all_the_time() {
        let mut s = without_west();
        s.at(8_200);
        dial(&mut s, EAST_1, "west/1:6222");
        let mut rare = s.clone();
        rare.at(9_200);
        dial(&mut rare, EAST_1, "west/1:6222");
        dial(&mut rare, EAST_2, "west/1:6222");
        dial(&mut rare, EAST_1, "east/2:6222");
        rare.judge(ID).held(3);
        s.at(9_199);
        dial(&mut s, EAST_1, "west/1:6222");
        assert_eq!(
            s.judge(ID).broke(9_199),
            "west/1 has gone for good and all have known it for 3s, yet east/1 dials it again after \
                999ms."
        );
    }

    #[test]
    fn one_that_has_gone_for_good_is_missed_by_nobody() {
        let mut s = without_west();
        s.at(6_000);
        look_into(&mut s, EAST_1, "east/1:4222 east/2:4222");
        s.clone().judge(ID).held(3);
        look_into(&mut s, EAST_1, ALL);
        assert!(s.judge(ID).broke(6_000).contains("tells newcomers of the servers"));
    }

    #[test]
    fn a_lame_duck_does_not_offer_itself() {
        for (urls, broken) in [("east/1:4222 east/2:4222", 0), (ALL, 1)] {
            let mut s = Script::running();
            let client = s.client("a/1", WEST_1);
            told(&mut s, client, ALL);
            s.at(3_000).fault(FaultKind::LameDuck, true, vec![WEST_1], vec![]);
            told(&mut s, client, urls);
            s.at(4_000).phase(Phase::Heal);
            let judged = s.judge(ID);
            assert_eq!((judged.findings.broken, judged.findings.checked), (broken, 1), "{urls}");
        }
    }

    #[test]
    fn is_not_checked_too_early_or_if_the_node_is_back_or_keeps_to_itself() {
        let mut early = Script::running();
        early.at(2_000).partition(true);
        early.at(3_000).partition(false);
        early.at(5_099);
        look_into(&mut early, EAST_1, "");
        early.judge(ID).vacuous();

        let mut back = Script::running();
        back.at(3_000).node_down(WEST_1, NodeDownHow::Killed);
        back.at(4_000).node_up(WEST_1, 2);
        back.judge(ID).vacuous();

        let mut shy = Script::running();
        shy.history.header.nodes[2].advertise = false;
        shy.at(5_000);
        look_into(&mut shy, EAST_1, "east/1:4222 east/2:4222");
        look_into(&mut shy, WEST_1, "");
        shy.judge(ID).held(1);
    }
}
