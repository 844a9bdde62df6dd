//! Small histories, written by hand.
//!
//! A [`Script`] is a cluster of three nodes in two regions, `east/1`, `east/2` and `west/1`, with
//! one route for each pair. Times are milliseconds. Interest takes 100 ms to spread, routes are
//! back within 2 s, clients within 3 s; a message is due 1.3 s after it was flushed.

mod streams;

use crate::guarantee::{Judged, judge};
use crate::history::{
    Bounds, BufferRoom, ClientInfo, Event, Fault, FaultKind, GuaranteeInfo, Header, History,
    Holder, InterestEntry, Kind, LinkInfo, NodeCounters, NodeDownHow, NodeInfo, NodeLimits, Phase,
    RegionInfo, RouteEntry, Snapshot, Sym,
};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, RegionId, Sid, WireConn};
use crate::units::MS;

pub(crate) const EAST: RegionId = RegionId(0);
pub(crate) const WEST: RegionId = RegionId(1);
pub(crate) const EAST_1: NodeId = NodeId(0);
pub(crate) const EAST_2: NodeId = NodeId(1);
pub(crate) const WEST_1: NodeId = NodeId(2);
const NODES: [NodeId; 3] = [EAST_1, EAST_2, WEST_1];

/// A row of a snapshot: subject, queue group, weight.
pub(crate) type Row<'a> = (&'a str, &'a str, u32);

/// A history in the making.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) history: History,
    now: u64,
    conns: Vec<ConnNo>,
    seqs: Vec<u32>,
}

impl Script {
    /// The cluster at time 0, before its nodes start.
    pub(crate) fn new() -> Self {
        let link = |us: u64| LinkInfo {
            name: "lan".to_owned(),
            latency_ns: us * 1_000,
            jitter_ns: 0,
            bandwidth: 0,
        };
        let node = |name: &str, region| NodeInfo {
            name: name.to_owned(),
            region,
            cluster: "c".to_owned(),
            pool_size: 1,
            url: format!("{name}:4222"),
            advertise: true,
            max_pending: 1_000,
            limits: NodeLimits { max_payload: 1_000, ..NodeLimits::default() },
        };
        let header = Header {
            scenario: "by-hand".to_owned(),
            engine: "pure".to_owned(),
            regions: vec![
                RegionInfo { name: "east".to_owned(), link: link(250) },
                RegionInfo { name: "west".to_owned(), link: link(250) },
            ],
            nodes: vec![node("east/1", EAST), node("east/2", EAST), node("west/1", WEST)],
            bounds: Bounds {
                rtt_max_ns: 100 * MS,
                interest_ns: 100 * MS,
                routes_ns: 2_000 * MS,
                clients_ns: 3_000 * MS,
                ..Bounds::default()
            },
            ..Header::default()
        };
        let history = History { header, ..History::default() };
        Self { history, now: 0, conns: Vec::new(), seqs: Vec::new() }
    }

    /// The cluster with its nodes running and their routes registered, at 1 s.
    pub(crate) fn running() -> Self {
        let mut script = Self::new();
        for node in NODES {
            script.node_up(node, 1);
        }
        for (a, b) in [(EAST_1, EAST_2), (EAST_1, WEST_1), (EAST_2, WEST_1)] {
            script.routes_up(a, b);
        }
        script.at(1_000);
        script
    }

    /// Time goes on to this millisecond.
    pub(crate) fn at(&mut self, ms: u64) -> &mut Self {
        assert!(ms * MS >= self.now, "time goes on, never back");
        self.now = ms * MS;
        self
    }

    pub(crate) fn event(&mut self, kind: Kind) -> usize {
        self.history.events.push(Event { t: self.now, kind });
        self.history.events.len() - 1
    }

    pub(crate) fn sym(&mut self, text: &str) -> Sym {
        self.history.symbols.intern(text)
    }

    /// The scenario asks for a guarantee.
    pub(crate) fn ask(&mut self, kind: &str) -> &mut GuaranteeInfo {
        self.history.header.guarantees.push(GuaranteeInfo {
            id: format!("my_{kind}"),
            kind: kind.to_owned(),
            ..GuaranteeInfo::default()
        });
        self.history.header.guarantees.last_mut().unwrap()
    }

    /// Changes what is known of a node.
    pub(crate) fn node(&mut self, node: NodeId, change: impl FnOnce(&mut NodeInfo)) {
        change(&mut self.history.header.nodes[usize::from(node.0)]);
    }

    pub(crate) fn phase(&mut self, phase: Phase) {
        self.event(Kind::Phase { phase });
    }

    pub(crate) fn node_up(&mut self, node: NodeId, incarnation: u32) {
        self.event(Kind::NodeUp { node, incarnation, pool_size: None });
    }

    pub(crate) fn node_down(&mut self, node: NodeId, how: NodeDownHow) {
        self.event(Kind::NodeDown { node, how });
    }

    /// A new client that is connected to a node; it stands in the node's region.
    pub(crate) fn client(&mut self, name: &str, node: NodeId) -> ClientId {
        self.client_with(name, node, |_| {})
    }

    pub(crate) fn client_with(
        &mut self,
        name: &str,
        node: NodeId,
        change: impl FnOnce(&mut ClientInfo),
    ) -> ClientId {
        let client = ClientId(self.history.header.clients.len() as u32);
        let mut info = ClientInfo {
            name: name.to_owned(),
            region: self.history.header.nodes[usize::from(node.0)].region,
            role: "publish".to_owned(),
            no_echo: false,
            no_headers: false,
            slow: false,
        };
        change(&mut info);
        self.history.header.clients.push(info);
        self.conns.push(ConnNo(0));
        self.seqs.push(0);
        self.connect(client, node);
        client
    }

    pub(crate) fn connect(&mut self, client: ClientId, node: NodeId) {
        let conn = &mut self.conns[client.0 as usize];
        *conn = ConnNo(conn.0 + 1);
        self.seqs[client.0 as usize] = 0;
        let conn = *conn;
        self.event(Kind::ClientConnected { client, conn, node });
    }

    pub(crate) fn close(&mut self, client: ClientId, reason: &str) {
        let (conn, reason) = (self.conn(client), self.sym(reason));
        self.event(Kind::ClientClosed { client, conn, reason });
    }

    pub(crate) fn conn(&self, client: ClientId) -> ConnNo {
        self.conns[client.0 as usize]
    }

    /// SUB, and its confirmation at the same time.
    pub(crate) fn sub(&mut self, client: ClientId, sid: u32, subject: &str, queue: &str) {
        self.sub_sent(client, sid, subject, queue, 0);
        self.sub_ready(client, sid);
    }

    pub(crate) fn sub_sent(
        &mut self,
        client: ClientId,
        sid: u32,
        subject: &str,
        queue: &str,
        max: u32,
    ) {
        let (subject, queue) = (self.sym(subject), self.sym(queue));
        let conn = self.conn(client);
        self.event(Kind::SubSent { client, conn, sid: Sid(sid), subject, queue, max });
    }

    pub(crate) fn sub_ready(&mut self, client: ClientId, sid: u32) {
        self.event(Kind::SubReady { client, conn: self.conn(client), sid: Sid(sid) });
    }

    pub(crate) fn unsub_sent(&mut self, client: ClientId, sid: u32, max: u32) {
        self.event(Kind::UnsubSent { client, conn: self.conn(client), sid: Sid(sid), max });
    }

    pub(crate) fn unsub_ready(&mut self, client: ClientId, sid: u32) {
        self.event(Kind::UnsubReady { client, conn: self.conn(client), sid: Sid(sid) });
    }

    /// The next message of a client, not confirmed yet.
    pub(crate) fn publish(&mut self, client: ClientId, subject: &str) -> MsgId {
        self.request(client, subject, "")
    }

    pub(crate) fn request(&mut self, client: ClientId, subject: &str, reply: &str) -> MsgId {
        let seq = &mut self.seqs[client.0 as usize];
        *seq += 1;
        let msg = MsgId { client, conn: self.conns[client.0 as usize], seq: *seq };
        let (subject, reply) = (self.sym(subject), self.sym(reply));
        self.event(Kind::PubSent { msg, subject, reply, header: 0, size: 16, hash: hash_of(msg) });
        msg
    }

    /// The client's node has processed everything that it published on its connection.
    pub(crate) fn flush(&mut self, client: ClientId) {
        let upto = self.seqs[client.0 as usize];
        self.event(Kind::PubFlushed { client, conn: self.conn(client), upto });
    }

    /// All nodes keep what is published on `a`, at most so many messages for one other node, and
    /// refuse the rest.
    pub(crate) fn keeps(&mut self, max_msgs: u64) {
        self.history.header.buffered = vec!["a".to_owned()];
        let room = BufferRoom { max_bytes: 10_000, max_msgs: Some(max_msgs), refuses: true };
        for node in NODES {
            self.node(node, |info| info.limits.buffer = Some(room));
        }
    }

    /// A client is told that its node has not taken one of its messages from `first` to `last`, for
    /// want of a place to keep it for the west.
    pub(crate) fn refuse(
        &mut self,
        client: ClientId,
        subject: &str,
        (first, last): (u32, u32),
        why: &str,
    ) {
        let text = format!(
            "Permissions Violation for Publish to \"{subject}\": the buffer for \"west/1\" {why}"
        );
        let (subject, text) = (self.sym(subject), self.sym(&text));
        let conn = self.conn(client);
        self.event(Kind::PubRefused { client, conn, subject, first, last, text });
    }

    /// The subject and the reply subject of a message.
    fn published(&self, msg: MsgId) -> (Sym, Sym) {
        let of = |event: &Event| {
            let Kind::PubSent { msg: id, subject, reply, .. } = event.kind else { return None };
            (id == msg).then_some((subject, reply))
        };
        self.history.events.iter().find_map(of).unwrap()
    }

    /// A message arrives as it was published.
    pub(crate) fn deliver(&mut self, client: ClientId, sid: u32, msg: MsgId) -> usize {
        let (subject, reply) = self.published(msg);
        self.event(Kind::Delivered {
            client,
            conn: self.conn(client),
            sid: Sid(sid),
            subject,
            reply,
            msg: Some(msg),
            size: 16,
            hash: hash_of(msg),
        })
    }

    /// Both ends register a route.
    pub(crate) fn routes_up(&mut self, a: NodeId, b: NodeId) {
        self.route_up(a, b);
        self.route_up(b, a);
    }

    /// Both ends register a route for one account.
    pub(crate) fn lanes_up(&mut self, a: NodeId, b: NodeId, account: &str) {
        let account = self.sym(account);
        for (node, remote) in [(a, b), (b, a)] {
            let cid = 100 + u64::from(remote.0);
            self.event(Kind::RouteUp { node, remote, pool: None, account, cid });
        }
    }

    /// Both ends lose it.
    pub(crate) fn lanes_down(&mut self, a: NodeId, b: NodeId) {
        let reason = self.sym("stale connection");
        for (node, remote) in [(a, b), (b, a)] {
            let cid = 100 + u64::from(remote.0);
            self.event(Kind::RouteDown { node, remote, cid, reason });
        }
    }

    pub(crate) fn route_up(&mut self, node: NodeId, remote: NodeId) {
        let cid = u64::from(remote.0) + 1;
        self.event(Kind::RouteUp { node, remote, pool: Some(0), account: Sym::NONE, cid });
    }

    /// Both ends lose their route.
    pub(crate) fn routes_down(&mut self, a: NodeId, b: NodeId) {
        let reason = self.sym("stale connection");
        for (node, remote) in [(a, b), (b, a)] {
            let cid = u64::from(remote.0) + 1;
            self.event(Kind::RouteDown { node, remote, cid, reason });
        }
    }

    /// East and west cannot reach each other.
    pub(crate) fn partition(&mut self, on: bool) {
        let mut pairs = Vec::new();
        for east in [EAST_1, EAST_2] {
            pairs.extend([(east, WEST_1), (WEST_1, east)]);
        }
        self.fault(FaultKind::Partition, on, Vec::new(), pairs);
    }

    /// Nothing passes between the clients of a region and a node.
    pub(crate) fn cut_off(&mut self, on: bool, region: RegionId, node: NodeId) {
        let kind = FaultKind::Blackhole;
        let (id, text, clients) = (kind as u32, kind.name().to_owned(), vec![(region, node)]);
        let fault = Fault { id, on, kind, text, nodes: Vec::new(), pairs: Vec::new(), clients };
        self.event(Kind::Fault(Box::new(fault)));
    }

    pub(crate) fn fault(
        &mut self,
        kind: FaultKind,
        on: bool,
        nodes: Vec<NodeId>,
        pairs: Vec<(NodeId, NodeId)>,
    ) {
        let (text, clients) = (kind.name().to_owned(), Vec::new());
        let fault = Fault { id: kind as u32, on, kind, text, nodes, pairs, clients };
        self.event(Kind::Fault(Box::new(fault)));
    }

    /// `from` tells `to` about interest, and `to` hears it at once.
    pub(crate) fn tell(&mut self, from: NodeId, to: NodeId, (subject, queue, weight): Row<'_>) {
        let account = self.sym("$G");
        let (subject, queue) = (self.sym(subject), self.sym(queue));
        let conn = WireConn(u32::from(from.0 * 10 + to.0));
        let sub = self.event(Kind::WireSub { from, to, conn, account, subject, queue, weight });
        self.event(Kind::WireSubSeen { sub: sub as u64 });
    }

    /// A message leaves for another node.
    pub(crate) fn cross(&mut self, from: NodeId, to: NodeId, queues: &str, msg: MsgId) {
        self.cross_on(WireConn(u32::from(from.0 * 10 + to.0)), (from, to), queues, msg);
    }

    /// A message leaves for another node on this connection.
    pub(crate) fn cross_on(
        &mut self,
        conn: WireConn,
        (from, to): (NodeId, NodeId),
        queues: &str,
        msg: MsgId,
    ) {
        let (subject, _) = self.published(msg);
        let (account, queues) = (self.sym("$G"), self.sym(queues));
        let (msg, kept) = (Some(msg), None);
        self.event(Kind::WireMsg { from, to, conn, account, subject, queues, msg, kept });
    }

    /// A node is looked into: its peers, and its rows by their owners.
    pub(crate) fn snapshot(&mut self, node: NodeId, peers: &[NodeId], rows: &[(NodeId, Row<'_>)]) {
        let route = |&peer| RouteEntry { remote: Some(peer), pool: Some(0), account: Sym::NONE };
        let account = self.sym("$G");
        let interest = rows
            .iter()
            .map(|&(owner, (subject, queue, weight))| InterestEntry {
                account,
                subject: self.sym(subject),
                queue: self.sym(queue),
                weight,
                holder: if owner == node { Holder::Local } else { Holder::Remote(owner) },
            })
            .collect();
        let snapshot = Snapshot {
            node,
            phase: Phase::Quiesce,
            routes: peers.iter().map(route).collect(),
            interest,
            clients: Vec::new(),
            urls: Sym::NONE,
            counters: NodeCounters::default(),
        };
        self.event(Kind::Snapshot(Box::new(snapshot)));
    }

    /// Ends the run long after the last event and judges one guarantee.
    #[track_caller]
    pub(crate) fn judge(&mut self, id: &str) -> Judged {
        self.at(self.now / MS + 60_000);
        self.event(Kind::End);
        let all = judge(&self.history).unwrap();
        all.into_iter().find(|judged| judged.spec.id == id).unwrap()
    }
}

/// Stands for the hash of a message's content.
pub(crate) fn hash_of(msg: MsgId) -> u64 {
    crate::hash::mix(u64::from(msg.client.0), u64::from(msg.seq))
}

impl Judged {
    /// It was put to the test exactly so often, and held.
    #[track_caller]
    pub(crate) fn held(&self, times: u64) -> &Self {
        assert_eq!(self.findings.first, None);
        assert_eq!((self.findings.checked, self.findings.broken), (times, 0));
        self
    }

    /// It broke once, at this millisecond; gives the story.
    #[track_caller]
    pub(crate) fn broke(&self, ms: u64) -> &str {
        assert_eq!(self.findings.broken, 1, "{:?}", self.findings);
        let first = self.findings.first.as_ref().unwrap();
        assert_eq!(first.t, ms * MS, "{}", first.story);
        assert!(!first.witnesses.is_empty());
        assert!(first.witnesses.iter().all(|w| !w.text.is_empty()));
        &first.story
    }

    /// It was never put to the test.
    #[track_caller]
    pub(crate) fn vacuous(&self) {
        assert_eq!((self.findings.checked, self.findings.broken), (0, 0), "{:?}", self.findings);
    }
}
