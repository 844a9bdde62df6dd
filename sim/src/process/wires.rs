//! Connections between nodes: what crosses them, and which route of a node is which of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use causeway_sim_process::{ConnId, Side};
use causeway_wire::info::Info;

use super::pages::Route;
use crate::engine::{Recorder, Tap};
use crate::history::{Kind, Sym};
use crate::ids::{NodeId, WireConn};

/// A greeting that has not named its lane by then never will.
const GREETING_BYTES_MAX: usize = 64 << 10;

/// What a connection is for.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Lane {
    /// The slot in the pool.
    pool: Option<u32>,
    /// The account that it is for alone, or none.
    account: String,
}

#[derive(Debug)]
struct Wire {
    ends: [NodeId; 2],
    tap: Tap,
    /// What the caller has said until it named the lane.
    greeting: Vec<u8>,
    lane: Option<Lane>,
    gone: [bool; 2],
    /// The number that each end has given to it as a route.
    rids: [Option<u64>; 2],
    /// Where the callee sees it come from.
    from: Option<SocketAddr>,
}

/// A route that a node says it has.
#[derive(Clone, Copy, Debug)]
struct Known {
    remote: NodeId,
}

/// What a node told about its routes.
#[derive(Debug, Default)]
struct Book {
    known: BTreeMap<u64, Known>,
    /// Those that have ended, which an older page may still list.
    ended: BTreeSet<u64>,
}

/// All connections between nodes.
#[derive(Debug)]
pub(super) struct Wires {
    by_conn: BTreeMap<ConnId, Wire>,
    books: Vec<Book>,
    /// Members of queue groups as the last line about them said: by sender, receiver, subject, group.
    weights: BTreeMap<(NodeId, NodeId, Sym, Sym), u32>,
}

impl Wires {
    pub(super) fn new(nodes: usize) -> Self {
        let mut books = Vec::new();
        books.resize_with(nodes, Book::default);
        Self { by_conn: BTreeMap::new(), books, weights: BTreeMap::new() }
    }

    pub(super) fn opened(
        &mut self,
        conn: ConnId,
        [from, to]: [NodeId; 2],
        calls_from: Option<SocketAddr>,
        rec: &mut Recorder,
    ) {
        let number = WireConn(conn.0);
        let wire = Wire {
            ends: [from, to],
            tap: Tap::new(number, from, to),
            greeting: Vec::new(),
            lane: None,
            gone: [false; 2],
            rids: [None; 2],
            from: calls_from,
        };
        self.by_conn.insert(conn, wire);
        rec.event(Kind::WireOpened { from, to, conn: number });
    }

    pub(super) fn sent(&mut self, conn: ConnId, writer: Side, bytes: &[u8], rec: &mut Recorder) {
        let Some(wire) = self.by_conn.get_mut(&conn) else { return };
        if writer == Side::Caller {
            wire.greets(bytes);
        }
        let first = rec.history.events.len();
        wire.tap.on_write(writer as usize, bytes, rec);
        for event in rec.history.events.get(first..).unwrap_or_default() {
            if let Kind::WireSub { from, to, subject, queue, weight, .. } = event.kind
                && !queue.is_none()
            {
                self.weights.insert((from, to, subject, queue), weight);
            }
        }
    }

    pub(super) fn taken(&mut self, conn: ConnId, writer: Side, position: u64, rec: &mut Recorder) {
        if let Some(wire) = self.by_conn.get_mut(&conn) {
            wire.tap.on_read(writer as usize, position, rec);
        }
    }

    /// A connection is gone at one end, and with it the route that it was there.
    pub(super) fn closed(&mut self, conn: ConnId, side: Side, rec: &mut Recorder) {
        let Some(wire) = self.by_conn.get_mut(&conn) else { return };
        let at = side as usize;
        let (node, peer) = (wire.ends[at], wire.ends[1 - at]);
        wire.gone[at] = true;
        let (rid, over) = (wire.rids[at].take(), wire.gone == [true; 2]);
        rec.event(Kind::WireClosed { node, peer, conn: WireConn(conn.0) });
        if let Some(rid) = rid {
            self.ends(node, rid, "its connection is gone", rec);
        }
        if over {
            self.by_conn.remove(&conn);
        }
    }

    /// The node's process has ended, and its numbers begin anew.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.books[usize::from(node.0)] = Book::default();
        for wire in self.by_conn.values_mut() {
            for at in 0..2 {
                if wire.ends[at] == node {
                    wire.rids[at] = None;
                }
            }
        }
    }

    /// How many members a node was told of.
    pub(super) fn weight(&self, from: NodeId, to: NodeId, subject: Sym, queue: Sym) -> Option<u32> {
        self.weights.get(&(from, to, subject, queue)).copied()
    }

    fn ends(&mut self, node: NodeId, rid: u64, why: &str, rec: &mut Recorder) {
        let book = &mut self.books[usize::from(node.0)];
        book.ended.insert(rid);
        if let Some(Known { remote }) = book.known.remove(&rid) {
            let reason = rec.intern(why);
            rec.event(Kind::RouteDown { node, remote, cid: rid, reason });
        }
    }

    /// A node tells of its routes. A new one is announced when it is sure which connection it is.
    pub(super) fn listed(
        &mut self,
        node: NodeId,
        routes: &[Route],
        called: impl Fn(&str) -> Option<NodeId>,
        doors: &BTreeSet<SocketAddr>,
        rec: &mut Recorder,
    ) {
        let book = &self.books[usize::from(node.0)];
        let listed: BTreeSet<u64> = routes.iter().map(|route| route.rid).collect();
        let gone: Vec<u64> =
            book.known.keys().copied().filter(|rid| !listed.contains(rid)).collect();
        for rid in gone {
            self.ends(node, rid, "the node lists it no more", rec);
        }
        // Where a connection comes from names it. Of those that the node has dialled itself, the page
        // says the door, and not which is which. (Who has dialled it does not say either: of two that
        // both ends dialled, the one that stays is solicited at both.)
        let mut dialled: BTreeMap<(NodeId, &str), Vec<u64>> = BTreeMap::new();
        for route in routes {
            let book = &self.books[usize::from(node.0)];
            let known = book.known.contains_key(&route.rid) || book.ended.contains(&route.rid);
            let Some(remote) = called(&route.remote_name).filter(|_| !known) else { continue };
            let Ok(ip) = route.ip.parse() else { continue };
            let address = SocketAddr::new(ip, route.port);
            if doors.contains(&address) {
                dialled.entry((remote, &route.account)).or_default().push(route.rid);
                continue;
            }
            let comes_from_there =
                |wire: &Wire| wire.ends == [remote, node] && wire.from == Some(address);
            let found = self.by_conn.iter().find(|(_, wire)| comes_from_there(wire));
            if let Some(conn) = found.map(|(conn, _)| *conn) {
                self.announce(conn, Side::Callee, route.rid, rec);
            }
        }
        for ((remote, account), mut rids) in dialled {
            let candidates = self.by_conn.iter().filter(|(_, wire)| {
                let fits = wire.lane.as_ref().is_some_and(|lane| lane.account == account);
                wire.ends == [node, remote] && fits && !wire.gone[0] && wire.rids[0].is_none()
            });
            let conns: Vec<ConnId> = candidates.map(|(conn, _)| *conn).collect();
            rids.sort_unstable();
            if conns.len() == rids.len() {
                for (conn, rid) in conns.into_iter().zip(rids) {
                    self.announce(conn, Side::Caller, rid, rec);
                }
            }
        }
    }

    fn announce(&mut self, conn: ConnId, side: Side, rid: u64, rec: &mut Recorder) {
        let Some(wire) = self.by_conn.get_mut(&conn) else { return };
        let at = side as usize;
        let Some(lane) = wire.lane.clone().filter(|_| !wire.gone[at]) else { return };
        wire.rids[at] = Some(rid);
        let (node, remote) = (wire.ends[at], wire.ends[1 - at]);
        self.books[usize::from(node.0)].known.insert(rid, Known { remote });
        let account = if lane.account.is_empty() { Sym::NONE } else { rec.intern(&lane.account) };
        rec.event(Kind::RouteUp { node, remote, pool: lane.pool, account, cid: rid });
    }

    /// The slot of a route in its pool, if it has one.
    pub(super) fn slot(&self, node: NodeId, rid: u64) -> Option<u32> {
        let mut wires = self.by_conn.values();
        let wire = wires
            .find(|wire| (0..2).any(|at| wire.ends[at] == node && wire.rids[at] == Some(rid)))?;
        wire.lane.as_ref().and_then(|lane| lane.pool)
    }
}

impl Wire {
    /// The caller names the lane in its own INFO.
    fn greets(&mut self, bytes: &[u8]) {
        if self.lane.is_some() || self.greeting.len() > GREETING_BYTES_MAX {
            return;
        }
        self.greeting.extend_from_slice(bytes);
        self.lane = lane_of(&self.greeting);
        if self.lane.is_some() {
            self.greeting = Vec::new();
        }
    }
}

fn lane_of(greeting: &[u8]) -> Option<Lane> {
    let lines = greeting.split_inclusive(|&byte| byte == b'\n');
    let mut whole = lines.filter(|line| line.ends_with(b"\n"));
    let json = whole.find_map(|line| line.strip_prefix(b"INFO "))?;
    let info = Info::parse(json.trim_ascii_end()).ok()?;
    let pooled = info.route_pool_size > 0 && info.route_account.is_empty();
    let pool = if pooled { u32::try_from(info.route_pool_idx).ok() } else { None };
    Some(Lane { pool, account: info.route_account })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    const EAST: NodeId = NodeId(0);
    const WEST: NodeId = NodeId(1);

    fn greeting(pool: u32) -> Vec<u8> {
        let info =
            format!("{{\"server_id\":\"x\",\"route_pool_size\":2,\"route_pool_idx\":{pool}}}");
        format!("CONNECT {{}}\r\nINFO {info} \r\n").into_bytes()
    }

    const DOOR: u16 = 9;

    fn route(rid: u64, port: u16) -> Route {
        let remote_name = if port == DOOR { "west" } else { "east" }.to_owned();
        Route { rid, remote_name, port, ip: "127.0.0.1".to_owned(), ..Route::default() }
    }

    fn called(name: &str) -> Option<NodeId> {
        ["east", "west"].iter().position(|known| *known == name).map(|at| NodeId(at as u16))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about routes")]
    fn names(rec: &Recorder) -> Vec<String> {
        let tell = |kind: &Kind| match kind {
            Kind::RouteUp { node, pool, cid, .. } => format!("up {} {pool:?} {cid}", node.0),
            Kind::RouteDown { node, cid, .. } => format!("down {} {cid}", node.0),
            _ => String::new(),
        };
        let events = rec.history.events.iter().map(|event| tell(&event.kind));
        events.filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn routes_are_told_apart_by_their_connections() {
        let mut rec = Recorder::new(History::default(), 0, false);
        let mut wires = Wires::new(2);
        for (conn, port) in [(4, 1004), (5, 1005)] {
            let from = Some(SocketAddr::from(([127, 0, 0, 1], port)));
            wires.opened(ConnId(conn), [EAST, WEST], from, &mut rec);
        }
        let listed = |wires: &mut Wires, node, routes: &[Route], rec: &mut Recorder| {
            let doors = BTreeSet::from([SocketAddr::from(([127, 0, 0, 1], DOOR))]);
            wires.listed(node, routes, called, &doors, rec);
        };
        wires.sent(ConnId(5), Side::Caller, &greeting(1), &mut rec);
        // Which of the two is the first route of the east cannot be known yet.
        listed(&mut wires, EAST, &[route(7, DOOR), route(8, DOOR)], &mut rec);
        assert!(names(&rec).is_empty());
        listed(&mut wires, WEST, &[route(3, 1005)], &mut rec);
        assert_eq!(names(&rec), ["up 1 Some(1) 3"]);
        for half in greeting(0).chunks(20) {
            wires.sent(ConnId(4), Side::Caller, half, &mut rec);
        }
        listed(&mut wires, EAST, &[route(8, DOOR), route(7, DOOR)], &mut rec);
        assert_eq!(names(&rec)[1..], ["up 0 Some(0) 7", "up 0 Some(1) 8"]);
        assert_eq!((wires.slot(EAST, 8), wires.slot(WEST, 3)), (Some(1), Some(1)));
        wires.closed(ConnId(5), Side::Caller, &mut rec);
        assert_eq!(names(&rec).last().unwrap(), "down 0 8");
        // A page that was made before.
        listed(&mut wires, EAST, &[route(8, DOOR), route(7, DOOR)], &mut rec);
        listed(&mut wires, EAST, &[], &mut rec);
        assert_eq!(names(&rec)[3..], ["down 0 8", "down 0 7"]);
    }
}
