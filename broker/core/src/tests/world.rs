//! A few nodes, joined by connections that lose nothing and, unless told otherwise, take no time.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::disk::Disk;
use crate::config::{ClusterConfig, HostPort, NodeConfig, RouteUrl};
use crate::link::rx::RxBuf;
use crate::{
    CloseCause, Command, DialId, Duration, Effects, HostCmd, Input, LinkCmd, LinkId, Mono, Node,
    Now, Origin, TraceEvent, Wall,
};

/// An end of a connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    Node(usize, LinkId),
    Client(usize),
}

pub(super) struct World {
    pub(super) now: Now,
    pub(super) nodes: Vec<Option<Node>>,
    fx: Effects,
    rx: RxBuf,
    /// Each end's other end.
    wires: BTreeMap<End, End>,
    next_slot: u32,
    /// What raw clients have received and not yet looked at.
    clients: Vec<(Vec<u8>, bool)>,
    pub(super) trace: Vec<(usize, TraceEvent)>,
    pub(super) exited: Vec<bool>,
    paused: Vec<LinkId>,
    /// Pairs of nodes that cannot reach each other: dials fail, established wires are dead.
    pub(super) cut: Vec<(usize, usize)>,
    /// Nodes of which only a door is there.
    doors: Vec<usize>,
    /// How many bytes a node's socket to another still takes; all if it is not said.
    pub(super) room: BTreeMap<(usize, usize), usize>,
    /// Bytes of one read at most.
    pub(super) chunk: usize,
    /// Clients that do not read.
    pub(super) stuck: Vec<usize>,
    pub(super) verify: bool,
    /// Whether the host wants every operation traced.
    pub(super) trace_protocol: bool,
    report_blocked: bool,
    /// One way, between nodes.
    pub(super) latency: Duration,
    /// What is on its way, by time of arrival and number.
    under_way: BTreeMap<(Mono, u64), Arrival>,
    sent: u64,
    /// The nodes that a name stands for, one of which a dial reaches: each in turn.
    pub(super) names: BTreeMap<String, Vec<usize>>,
    pub(super) lookups: usize,
    /// Dials so far, by node.
    pub(super) dials: Vec<usize>,
    /// They outlive what runs on them.
    pub(super) disks: Vec<Disk>,
}

/// What takes time to get from one node to another.
#[derive(Debug)]
enum Arrival {
    Up { node: usize, link: LinkId, origin: Origin, peer: SocketAddr, local: SocketAddr },
    Bytes { node: usize, link: LinkId, bytes: Vec<u8> },
    End { node: usize, link: LinkId },
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Now { mono: Mono(0), wall: Wall(1_000_000_000) },
            nodes: Vec::new(),
            fx: Effects::default(),
            rx: RxBuf::new(1 << 16),
            wires: BTreeMap::new(),
            next_slot: 0,
            clients: Vec::new(),
            trace: Vec::new(),
            exited: Vec::new(),
            paused: Vec::new(),
            cut: Vec::new(),
            doors: Vec::new(),
            room: BTreeMap::new(),
            chunk: usize::MAX,
            stuck: Vec::new(),
            verify: true,
            trace_protocol: false,
            report_blocked: false,
            latency: Duration::ZERO,
            under_way: BTreeMap::new(),
            sent: 0,
            names: BTreeMap::new(),
            lookups: 0,
            dials: Vec::new(),
            disks: Vec::new(),
        }
    }

    pub(super) fn node(&mut self, config: NodeConfig) -> usize {
        let index = self.nodes.len();
        let node = Node::new(Arc::new(config), [index as u8 + 1; 32], self.now);
        self.nodes.push(Some(node));
        self.exited.push(false);
        self.dials.push(0);
        self.disks.push(Disk::default());
        index
    }

    /// A member of a cluster that dials the nodes named.
    pub(super) fn member(
        &mut self,
        routes: &[usize],
        change: impl Fn(&mut ClusterConfig),
    ) -> usize {
        let index = self.nodes.len();
        let config = member_config(index, routes, change);
        self.node(config)
    }

    pub(super) fn restart(&mut self, index: usize, seed: u8) {
        let config = Arc::clone(self.nodes[index].as_ref().unwrap().config());
        self.kill(index);
        self.nodes[index] = Some(Node::new(config, [seed; 32], self.now));
    }

    /// The node is gone at once; its peers see their connections reset.
    pub(super) fn kill(&mut self, index: usize) {
        self.nodes[index] = None;
        self.disks[index].forget_process();
        let ends: Vec<(End, End)> = self.wires.iter().map(|(a, b)| (*a, *b)).collect();
        for (a, b) in ends {
            if matches!(a, End::Node(node, _) if node == index) {
                self.wires.remove(&a);
                self.wires.remove(&b);
                self.end_closed(b, CloseCause::ReadError);
            }
        }
    }

    /// All connections between two nodes break, and no new ones come up until [`Self::heal`].
    pub(super) fn partition(&mut self, a: usize, b: usize) {
        self.cut.push((a.min(b), a.max(b)));
        let ends: Vec<(End, End)> = self.wires.iter().map(|(x, y)| (*x, *y)).collect();
        for (x, y) in ends {
            if let (End::Node(from, _), End::Node(to, _)) = (x, y)
                && (from, to) == (a, b)
            {
                self.wires.remove(&x);
                self.wires.remove(&y);
                self.end_closed(x, CloseCause::ReadError);
                self.end_closed(y, CloseCause::ReadError);
            }
        }
    }

    /// One of the connections between two nodes breaks.
    pub(super) fn break_one(&mut self, a: usize, b: usize) {
        let between = |(x, y): (&End, &End)| {
            matches!((x, y), (End::Node(from, _), End::Node(to, _)) if (*from, *to) == (a, b))
                .then_some((*x, *y))
        };
        let (x, y) = self.wires.iter().find_map(between).unwrap();
        self.wires.remove(&x);
        self.wires.remove(&y);
        self.end_closed(x, CloseCause::ReadError);
        self.end_closed(y, CloseCause::ReadError);
    }

    /// Who dials a node is let in and then shut out, as by a door with nobody behind it.
    pub(super) fn only_a_door(&mut self, node: usize) {
        self.doors.push(node);
    }

    /// Bytes vanish both ways, but nobody is told.
    pub(super) fn black_hole(&mut self, a: usize, b: usize) {
        self.cut.push((a.min(b), a.max(b)));
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.doors.clear();
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&(a.min(b), a.max(b)))
    }

    pub(super) fn client(&mut self, node: usize) -> usize {
        let client = self.clients.len();
        self.clients.push((Vec::new(), true));
        let link = self.slot();
        self.wires.insert(End::Client(client), End::Node(node, link));
        self.wires.insert(End::Node(node, link), End::Client(client));
        let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000 + client as u16);
        let local = address(node, 4222);
        self.input(node, Input::Opened { link, origin: Origin::Client, peer, local });
        client
    }

    /// A raw connection to the cluster port.
    pub(super) fn route_client(&mut self, node: usize) -> usize {
        let client = self.clients.len();
        self.clients.push((Vec::new(), true));
        let link = self.slot();
        self.wires.insert(End::Client(client), End::Node(node, link));
        self.wires.insert(End::Node(node, link), End::Client(client));
        let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000 + client as u16);
        let local = address(node, 6222);
        self.input(node, Input::Opened { link, origin: Origin::Route, peer, local });
        client
    }

    /// A client that has connected quietly, with headers.
    pub(super) fn quiet_client(&mut self, node: usize) -> usize {
        let client = self.client(node);
        self.send(
            client,
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
             \"no_responders\":true,\"lang\":\"test\",\"version\":\"1\"}\r\nPING\r\n",
        );
        self.read(client);
        client
    }

    fn slot(&mut self) -> LinkId {
        self.next_slot += 1;
        LinkId { slot: self.next_slot, generation: 7 }
    }

    pub(super) fn send(&mut self, client: usize, bytes: impl AsRef<[u8]>) {
        let Some(End::Node(node, link)) = self.wires.get(&End::Client(client)).copied() else {
            return;
        };
        self.deliver(node, link, bytes.as_ref());
        self.settle();
    }

    fn deliver(&mut self, node: usize, link: LinkId, mut bytes: &[u8]) {
        let mut rx = core::mem::replace(&mut self.rx, RxBuf::new(1));
        while !bytes.is_empty() {
            let size = bytes.len().min(self.chunk);
            let taken = rx.fill_from(&bytes[..size]);
            bytes = &bytes[taken..];
            self.input(node, Input::Received { link, rx: &mut rx });
        }
        self.rx = rx;
    }

    /// What a client got since it last looked; `-closed-` at the end if it was closed.
    pub(super) fn read(&mut self, client: usize) -> String {
        self.settle();
        let (bytes, open) = &mut self.clients[client];
        let mut text = String::from_utf8_lossy(bytes).replace("\r\n", "|");
        bytes.clear();
        if !*open {
            text.push_str("-closed-");
        }
        text
    }

    /// The client's socket takes nothing, and the host says so.
    pub(super) fn block_writes(&mut self, client: usize) {
        self.stuck.push(client);
        self.report_blocked = true;
    }

    /// It takes everything again.
    pub(super) fn unblock_writes(&mut self, client: usize) {
        self.stuck.retain(|stuck| *stuck != client);
        self.report_blocked = false;
    }

    /// Whether the node still has the client's connection.
    pub(super) fn is_connected(&mut self, client: usize) -> bool {
        self.settle();
        self.clients[client].1
    }

    pub(super) fn hang_up(&mut self, client: usize) {
        let Some(other) = self.wires.remove(&End::Client(client)) else { return };
        self.wires.remove(&other);
        self.end_closed(other, CloseCause::Eof);
        self.settle();
    }

    fn end_closed(&mut self, end: End, cause: CloseCause) {
        match end {
            End::Node(node, link) => self.input(node, Input::Closed { link, cause }),
            End::Client(client) => self.clients[client].1 = false,
        }
    }

    pub(super) fn command(&mut self, node: usize, command: Command) {
        self.input(node, Input::Command(command));
        self.settle();
    }

    fn input(&mut self, index: usize, input: Input<'_>) {
        let Some(node) = &mut self.nodes[index] else { return };
        let mut fx = core::mem::take(&mut self.fx);
        assert!(fx.is_empty());
        fx.trace_mask.debug = true;
        fx.trace_mask.protocol = self.trace_protocol;
        node.handle(self.now, input, &mut fx);
        node.check_invariants();
        for event in fx.trace.drain(..) {
            self.trace.push((index, event));
        }
        let (links, host) = (fx.links.clone(), fx.host.clone());
        let disk = core::mem::take(&mut fx.disk);
        fx.clear();
        self.fx = fx;
        self.disks[index].queue.extend(disk);
        for command in host {
            self.exited[index] |= command == HostCmd::Exit;
        }
        for command in links {
            self.link_command(index, command);
        }
    }

    fn link_command(&mut self, index: usize, command: LinkCmd) {
        match command {
            LinkCmd::Dial { dial, host, port, .. } => self.dial(index, dial, &host, port),
            LinkCmd::Close { link, .. } => {
                self.flush(index, link);
                let end = End::Node(index, link);
                match self.wires.remove(&end) {
                    Some(End::Node(node, link)) if !self.latency.is_zero() => {
                        self.arrives(1, Arrival::End { node, link });
                    }
                    Some(other) => {
                        self.wires.remove(&other);
                        self.end_closed(other, CloseCause::Eof);
                    }
                    None => {}
                }
                self.input(index, Input::Closed { link, cause: CloseCause::Requested });
            }
            LinkCmd::PauseRead { link } => self.paused.push(link),
            LinkCmd::ResumeRead { link } => self.paused.retain(|paused| *paused != link),
            LinkCmd::VerifyPassword { link, hash, password } => {
                let ok = self.verify && hash.ends_with(&password);
                self.input(index, Input::Verified { link, ok });
            }
        }
    }

    fn dial(&mut self, index: usize, dial: DialId, host: &str, port: u16) {
        self.dials[index] += 1;
        let Some(target) = self.resolve(index, host) else {
            return self.input(index, Input::DialledItself { dial });
        };
        let reachable = target.filter(|target| {
            matches!(port, 4222 | 6222)
                && !self.is_cut(index, *target)
                && self.nodes.get(*target).is_some_and(Option::is_some)
        });
        let Some(target) = reachable else {
            let error = format!("dial {host}:{port}: connection refused");
            return self.input(index, Input::DialFailed { dial, error: &error });
        };
        let (ours, theirs) = (self.slot(), self.slot());
        self.wires.insert(End::Node(index, ours), End::Node(target, theirs));
        if self.doors.contains(&target) {
            let (peer, local) = (address(target, port), address(index, 50_000));
            let origin = Origin::Dialled(dial);
            self.arrives(2, Arrival::Up { node: index, link: ours, origin, peer, local });
            return self.arrives(3, Arrival::End { node: index, link: ours });
        }
        self.wires.insert(End::Node(target, theirs), End::Node(index, ours));
        let (near, far) = (address(index, 50_000), address(target, port));
        let origin = Origin::Dialled(dial);
        let dialled = Arrival::Up { node: index, link: ours, origin, peer: far, local: near };
        let origin = if port == 4222 { Origin::Client } else { Origin::Route };
        let accepted = Arrival::Up { node: target, link: theirs, origin, peer: near, local: far };
        if self.latency.is_zero() {
            self.arrive(accepted);
            self.arrive(dialled);
        } else {
            // SYN, its answer, and the answer's answer.
            self.arrives(2, dialled);
            self.arrives(3, accepted);
        }
    }

    /// The node that a host leads to; the outer `None` if that is nobody but the one that asks.
    fn resolve(&mut self, index: usize, host: &str) -> Option<Option<usize>> {
        let Some(nodes) = self.names.get(host) else {
            return Some(host.strip_prefix("10.0.0.").and_then(|last| last.parse().ok()));
        };
        self.lookups += 1;
        let others: Vec<usize> = nodes.iter().copied().filter(|node| *node != index).collect();
        if others.is_empty() && !nodes.is_empty() {
            return None;
        }
        Some(others.get(self.lookups % others.len().max(1)).copied())
    }

    /// Something is under way for so many latencies.
    fn arrives(&mut self, latencies: u32, what: Arrival) {
        self.sent += 1;
        self.under_way.insert((self.now.mono + self.latency * latencies, self.sent), what);
    }

    fn arrive(&mut self, what: Arrival) {
        match what {
            Arrival::Up { node, link, origin, peer, local } => {
                if self.wires.contains_key(&End::Node(node, link)) {
                    self.input(node, Input::Opened { link, origin, peer, local });
                }
            }
            Arrival::Bytes { node, link, bytes } => {
                if self.wires.contains_key(&End::Node(node, link)) {
                    self.deliver(node, link, &bytes);
                }
            }
            Arrival::End { node, link } => {
                if self.wires.remove(&End::Node(node, link)).is_some() {
                    self.end_closed(End::Node(node, link), CloseCause::Eof);
                }
            }
        }
    }

    /// Moves what a node has to send to the other end.
    fn flush(&mut self, index: usize, link: LinkId) -> bool {
        let Some(node) = &self.nodes[index] else { return false };
        let Some(tx) = node.tx(link).filter(|tx| tx.pending() > 0) else { return false };
        let mut bytes: Vec<u8> = tx.chunks().flatten().copied().collect();
        match self.wires.get(&End::Node(index, link)).copied() {
            Some(End::Client(client)) if self.stuck.contains(&client) => {
                if self.report_blocked {
                    self.input(index, Input::Accepted { link, bytes: 0 });
                }
                return false;
            }
            Some(End::Client(client)) => self.clients[client].0.extend_from_slice(&bytes),
            Some(End::Node(other, peer)) => {
                if self.is_cut(index, other) {
                    return false;
                }
                if let Some(room) = self.room.get_mut(&(index, other)) {
                    bytes.truncate(*room);
                    *room -= bytes.len();
                    if bytes.is_empty() {
                        return false;
                    }
                }
                self.input(index, Input::Accepted { link, bytes: bytes.len() });
                let arrival = Arrival::Bytes { node: other, link: peer, bytes };
                if self.latency.is_zero() {
                    self.arrive(arrival);
                } else {
                    self.arrives(1, arrival);
                }
                return true;
            }
            None => {}
        }
        self.input(index, Input::Accepted { link, bytes: bytes.len() });
        true
    }

    /// Carries out what a node has asked of its disk.
    fn run_disk(&mut self, index: usize) -> bool {
        let disk = &mut self.disks[index];
        if disk.stalled || disk.queue.is_empty() {
            return false;
        }
        let op = disk.queue.remove(0);
        let done = disk.carry_out(op);
        self.input(index, Input::Disk(done));
        true
    }

    /// Lets everything happen that happens without time passing.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            while let Some(first) = self.under_way.first_entry()
                && first.key().0 <= self.now.mono
            {
                let what = first.remove();
                self.arrive(what);
                moved = true;
            }
            let ends: Vec<End> = self.wires.keys().copied().collect();
            for end in ends {
                if let End::Node(node, link) = end {
                    moved |= self.flush(node, link);
                }
            }
            for index in 0..self.nodes.len() {
                moved |= self.run_disk(index);
                let due = self.nodes[index].as_ref().and_then(Node::deadline);
                if due.is_some_and(|(at, _)| at <= self.now.mono) {
                    self.input(index, Input::Tick);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass, stopping at every deadline.
    pub(super) fn pass(&mut self, span: Duration) {
        self.settle();
        let end = self.now.mono + span;
        loop {
            let deadlines = self.nodes.iter().flatten().filter_map(Node::deadline);
            let arrivals = self.under_way.keys().map(|(at, _)| *at);
            let next = deadlines.map(|(at, _)| at).chain(arrivals).min().filter(|at| *at <= end);
            let at = next.unwrap_or(end);
            let step = at.0 - self.now.mono.0;
            self.now.mono = at;
            self.now.wall.0 += step as i64;
            self.settle();
            if next.is_none() {
                return;
            }
        }
    }

    /// The names of the servers that a node has routes to, one for each connection, sorted.
    pub(super) fn routes(&self, node: usize) -> String {
        let reports = self.nodes[node].as_ref().unwrap().route_reports(false);
        let mut names: Vec<String> = reports
            .iter()
            .map(|route| match (route.pool_index, route.account.as_str()) {
                (Some(index), _) => format!("{}:{index}", route.remote_name),
                (None, account) => format!("{}:{account}", route.remote_name),
            })
            .collect();
        names.sort();
        names.join(" ")
    }

    /// The distinct servers that a node has routes to.
    pub(super) fn remotes(&self, node: usize) -> String {
        let reports = self.nodes[node].as_ref().unwrap().route_reports(false);
        let mut names: Vec<String> =
            reports.iter().map(|route| route.remote_name.to_string()).collect();
        names.sort();
        names.dedup();
        names.join(" ")
    }
}

pub(super) fn member_config(
    index: usize,
    routes: &[usize],
    change: impl Fn(&mut ClusterConfig),
) -> NodeConfig {
    let listen = |node: usize| HostPort { host: format!("10.0.0.{node}"), port: 6222 };
    let mut cluster = ClusterConfig {
        name: Some("C".into()),
        listen: HostPort { host: "0.0.0.0".into(), port: 6222 },
        routes: routes.iter().map(|node| RouteUrl { address: listen(*node), auth: None }).collect(),
        ..ClusterConfig::default()
    };
    change(&mut cluster);
    NodeConfig {
        server_name: Some(format!("n{index}")),
        built_with: "causeway test".into(),
        client_urls: alloc::vec![format!("10.0.0.{index}:4222")],
        cluster: Some(cluster),
        ..NodeConfig::default()
    }
}

fn address(node: usize, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, node as u8)), port)
}
