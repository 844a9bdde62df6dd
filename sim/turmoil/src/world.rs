//! What all hosts of a simulation share: the notebook, the ways, the connections, and for each node
//! and client what the engine and its host must tell each other.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Waker;

use causeway_core::Command;
use causeway_server::driver::Driver;
use causeway_sim::history::{History, Kind};
use causeway_sim::ids::{ClientId, NodeId, WireConn};
use causeway_sim::kit::{Client, Names, ROUTE_PORT, Reader, Recorder, Tap};
use causeway_sim::plan::{Plan, Site};

use super::conns::{Addresses, Conn, Conns, Side};
use super::net::SimNet;
use super::roads::Roads;

/// So many looks at sockets and clocks in one tick are a loop without end.
const LOOKS_PER_TICK_MAX: u64 = 20_000_000;

/// A handle of the shared world.
#[derive(Clone)]
pub(crate) struct Shared(Rc<RefCell<World>>);

/// The shared world.
pub(crate) struct World {
    pub(crate) plan: Rc<Plan>,
    /// The time of this tick, in nanoseconds.
    pub(crate) now: u64,
    pub(crate) rec: Recorder,
    pub(crate) names: Names,
    pub(crate) roads: Roads,
    pub(crate) conns: Conns,
    pub(crate) nodes: Vec<NodeSlot>,
    pub(crate) clients: Vec<ClientSlot>,
    /// The node whose code runs, for blaming it if it panics.
    pub(crate) running: Option<NodeId>,
    /// Why the run cannot go on.
    pub(crate) stuck: Option<String>,
    looks: u64,
}

/// A machine with one node's process, or without.
#[derive(Default)]
pub(crate) struct NodeSlot {
    /// The process is there.
    pub(crate) up: bool,
    /// How often it was started.
    pub(crate) incarnation: u32,
    /// Where the next process listens for routes.
    pub(crate) route_port_shift: u16,
    /// The ports that somebody listens on.
    pub(crate) listening: BTreeSet<u16>,
    pub(crate) driver: Option<Driver<SimNet>>,
    /// It has ended by itself.
    pub(crate) exited: bool,
    pub(crate) commands: VecDeque<Command>,
    pub(crate) waker: Option<Waker>,
}

/// A client and what the engine knows of it.
pub(crate) struct ClientSlot {
    pub(crate) client: Client,
    pub(crate) reader: Reader,
    /// When a slow reader reads on.
    pub(crate) reads_at: Option<u64>,
    /// How many faults keep it from reading.
    pub(crate) stopped: u32,
    pub(crate) waker: Option<Waker>,
    /// Where it calls from.
    pub(crate) address: Option<SocketAddr>,
}

impl Shared {
    pub(crate) fn new(plan: &Plan, rec: Recorder) -> Self {
        let names = Names::of(plan);
        let clients = (0..).map(ClientId).zip(&plan.clients).map(|(id, client)| ClientSlot {
            client: Client::new(id, client.clone(), plan.seed),
            reader: Reader::new(client.read_rate),
            reads_at: None,
            stopped: 0,
            waker: None,
            address: None,
        });
        Self(Rc::new(RefCell::new(World {
            plan: Rc::new(plan.clone()),
            now: 0,
            rec,
            roads: Roads::of(plan, &names),
            names,
            conns: Conns::default(),
            nodes: plan.nodes.iter().map(|_| NodeSlot::default()).collect(),
            clients: clients.collect(),
            running: None,
            stuck: None,
            looks: 0,
        })))
    }

    pub(crate) fn get(&self) -> Ref<'_, World> {
        self.0.borrow()
    }

    pub(crate) fn get_mut(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    /// Takes the notebook out: nothing more is written.
    pub(crate) fn take_recorder(&self) -> Recorder {
        let empty = Recorder::new(History::default(), 0, true);
        std::mem::replace(&mut self.get_mut().rec, empty)
    }
}

impl World {
    /// A new tick begins.
    pub(crate) fn tick(&mut self, now: u64) {
        self.now = now;
        self.rec.now = now;
        self.rec.hash.word(now);
        self.looks = 0;
    }

    /// Somebody looks at a socket or a clock.
    ///
    /// # Panics
    /// If there is no end of it: time cannot go on then.
    pub(crate) fn looked(&mut self) {
        self.looks += 1;
        if self.looks > LOOKS_PER_TICK_MAX {
            let what = format!("no end of looks at sockets and clocks at {} ns", self.now);
            self.stuck = Some(what.clone());
            panic!("{what}");
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &NodeSlot {
        &self.nodes[usize::from(id.0)]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut NodeSlot {
        &mut self.nodes[usize::from(id.0)]
    }

    pub(crate) fn client_mut(&mut self, id: ClientId) -> &mut ClientSlot {
        &mut self.clients[id.0 as usize]
    }

    /// The client that calls from an address.
    pub(crate) fn client_at(&self, address: SocketAddr) -> Option<ClientId> {
        caller(&self.clients, address)
    }

    /// The node that a name in the cluster stands for.
    pub(crate) fn node_called(&self, name: &str) -> Option<NodeId> {
        let found = self.plan.nodes.iter().position(|node| node.name == name)?;
        u16::try_from(found).ok().map(NodeId)
    }

    /// Where the next process of a node listens for routes.
    pub(crate) fn route_port(&self, id: NodeId) -> u16 {
        ROUTE_PORT + self.node(id).route_port_shift
    }

    /// Whether bytes written at this end go nowhere for the moment.
    pub(crate) fn way_is_cut(&self, conn: &Conn, writer: Side) -> bool {
        conn.dead || self.roads.is_cut(conn.site(writer), conn.site(writer.other()))
    }

    /// One end of a connection is there; gives its number.
    pub(crate) fn attach(&mut self, addresses: Addresses, side: Side) -> u32 {
        let site = |at: IpAddr| self.roads.site(at).unwrap_or(Site::Node(NodeId(0)));
        let sites = [site(addresses.0.ip()), site(addresses.1.ip())];
        let conn = self.conns.attach(addresses, sites, side);
        let number = conn.number;
        if let [Site::Node(from), Site::Node(to)] = sites {
            let wire = WireConn(number);
            conn.tap.get_or_insert_with(|| Tap::new(wire, from, to));
            if side == Side::Dialler && !std::mem::replace(&mut conn.told, true) {
                self.rec.event(Kind::WireOpened { from, to, conn: wire });
            }
        }
        number
    }

    /// An end's stream is gone.
    pub(crate) fn detach(&mut self, number: u32, side: Side) {
        if let Some(conn) = self.conns.get(number)
            && let (Site::Node(node), Site::Node(peer)) = (conn.site(side), conn.site(side.other()))
            && conn.told
        {
            self.rec.event(Kind::WireClosed { node, peer, conn: WireConn(number) });
        }
        self.conns.detach(number, side);
    }

    /// Bytes were written at an end: they go into the hash, past the tap, and if the way is cut,
    /// TCP begins to wait.
    pub(crate) fn wrote(&mut self, number: u32, writer: Side, bytes: &[u8], held: bool) {
        let (now, timeout) = (self.now, self.plan.network.tcp_timeout_ns);
        self.rec.hash.word(u64::from(number) << 1 | writer as u64);
        self.rec.hash.bytes(bytes);
        let Some(conn) = self.conns.get_mut(number) else { return };
        conn.wrote(writer, bytes, held);
        if let Some(tap) = &mut conn.tap {
            tap.on_write(writer as usize, bytes, &mut self.rec);
        }
        let (here, there) = (conn.site(writer), conn.site(writer.other()));
        // What only waits behind other bytes will be acknowledged: the way is open again.
        let cut = self.roads.is_cut(here, there) || self.roads.is_cut(there, here);
        let unheard = conn.dead || cut;
        if unheard && conn.start_unacked(writer, now) {
            self.conns.timeouts.insert((now.saturating_add(timeout), number, writer));
        }
    }

    /// An end was handed bytes.
    pub(crate) fn was_read(&mut self, number: u32, reader: Side, bytes: usize) {
        self.rec.hash.word(bytes as u64);
        let Some(conn) = self.conns.get_mut(number) else { return };
        let position = conn.was_read(reader, bytes as u64);
        if let Some(tap) = &mut conn.tap {
            tap.on_read(reader.other() as usize, position, &mut self.rec);
        }
    }

    /// Nothing passes from one place to another any more.
    pub(crate) fn cut(&mut self, from: Site, to: Site) {
        self.roads.cut(from, to);
        self.wait_for_acknowledgements(from, to);
    }

    /// What is under way between two places will not be acknowledged.
    fn wait_for_acknowledgements(&mut self, from: Site, to: Site) {
        let until = self.now.saturating_add(self.plan.network.tcp_timeout_ns);
        let mut waiting = Vec::new();
        for conn in self.conns.iter_mut().filter(|conn| conn.between(from, to)) {
            for side in Side::BOTH {
                if conn.unread(side) > 0 && conn.start_unacked(side, self.now) {
                    waiting.push((until, conn.number, side));
                }
            }
        }
        self.conns.timeouts.extend(waiting);
    }

    /// Things pass again, if no other fault is in the way.
    pub(crate) fn healed(&mut self, from: Site, to: Site) {
        if self.roads.is_cut(from, to) {
            return;
        }
        let both = !self.roads.is_cut(to, from);
        for conn in self.conns.iter_mut().filter(|conn| conn.between(from, to) && !conn.dead) {
            for side in Side::BOTH {
                if both {
                    conn.acknowledged(side);
                }
                conn.wake(side);
            }
        }
    }

    /// Connections between two places carry nothing more, for ever, and nobody is told.
    pub(crate) fn kill_silently(&mut self, a: Site, b: Site) {
        for conn in self.conns.iter_mut().filter(|conn| conn.between(a, b)) {
            conn.dead = true;
        }
        self.wait_for_acknowledgements(a, b);
    }

    /// Connections between two places are reset at both ends.
    pub(crate) fn reset(&mut self, a: Site, b: Site) {
        for conn in self.conns.iter_mut().filter(|conn| conn.between(a, b)) {
            for side in Side::BOTH {
                conn.break_end(side, ErrorKind::ConnectionReset);
            }
        }
    }

    /// Breaks the ends whose bytes have waited too long for an acknowledgement.
    pub(crate) fn time_out(&mut self) {
        let timeout = self.plan.network.tcp_timeout_ns;
        while let Some(&(at, number, side)) = self.conns.timeouts.first()
            && at <= self.now
        {
            self.conns.timeouts.pop_first();
            let Some(conn) = self.conns.get_mut(number) else { continue };
            if conn.unacked_since(side).is_some_and(|since| since.saturating_add(timeout) <= at) {
                conn.break_end(side, ErrorKind::TimedOut);
            }
        }
    }

    /// Clients whose time has come are told, and those that read slowly may read on.
    pub(crate) fn client_timers(&mut self) {
        for slot in &mut self.clients {
            let due = slot.client.deadline().is_some_and(|at| at <= self.now);
            if due {
                slot.client.on_timer(&mut self.rec);
            }
            let reads = slot.reads_at.is_some_and(|at| at <= self.now);
            if reads {
                slot.reads_at = None;
            }
            if due || reads {
                slot.wake();
            }
        }
    }
}

/// The client that calls from an address.
pub(crate) fn caller(clients: &[ClientSlot], address: SocketAddr) -> Option<ClientId> {
    let found = clients.iter().position(|slot| slot.address == Some(address))?;
    u32::try_from(found).ok().map(ClientId)
}

impl ClientSlot {
    /// Its task looks again.
    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl NodeSlot {
    /// Its task looks again.
    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
