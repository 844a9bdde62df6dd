//! A node and its host: the run loop of `causeway_core`, with the modelled network for sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::config::NodeConfig;
use causeway_core::{
    CloseCause, Command, DialId, HostCmd, Input, Leave, LinkCmd, LinkId, MessageEvent, Mono, Node,
    Now, Origin, TraceEvent,
};

use super::Engine;
use super::clock::Clock;
use super::drive::Drive;
use super::names::ROUTE_PORT;
use super::said::said;
use super::waiting::{Held, Waiting};
use super::wires::Owner;
use crate::history::{BufferEvent, BufferWhat, Kind, LeftWhy, NodeDownHow, STORED, Sym};
use crate::ids::{ClientId, NodeId};
use crate::net::{ConnId, Place, Side};
use crate::payload;
use crate::plan::{FaultAction, HostFault, HostWhat, NodePlan, SlowCpu};
use crate::queue::Due;
use crate::rng::Stream;
use crate::scenario::Release;

/// A machine with one node's process, or without.
pub(super) struct Host {
    pub(super) process: Option<Process>,
    pub(super) clock: Clock,
    /// Its disk, if the node keeps anything there.
    pub(super) drive: Option<Box<Drive>>,
    /// How often the process was started.
    pub(super) incarnation: u32,
    /// Where the next process listens for routes.
    pub(super) route_port_shift: u16,
    /// How slow it is, by fault.
    pub(super) slow: BTreeMap<u32, SlowCpu>,
    /// How many faults keep it without power.
    pub(super) off: u32,
    /// The fault, by its place in the plan, after which it starts as soon as its process has ended.
    pub(super) restarting: Option<usize>,
    /// Whether it has a place in the cluster.
    pub(super) member: Membership,
    /// What the next process is.
    pub(super) release: Release,
    /// The reloads in force, by their places in the plan, in the order in which they came.
    pub(super) reloads: Vec<usize>,
}

/// Whether a node has a place in the cluster. Where it has none, nothing starts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Membership {
    /// It comes later.
    Awaited,
    /// It is one of the nodes.
    Member,
    /// It has gone for good.
    Left,
}

/// A running process.
pub(super) struct Process {
    pub(super) node: Node,
    /// What the machine's monotonic clock showed when it was started.
    start: u64,
    pub(super) links: Vec<Slot>,
    free: Vec<u32>,
    /// When it will be woken, as far as the heap knows.
    wake: u64,
    pub(super) takes_clients: bool,
    pub(super) takes_routes: bool,
    pub(super) route_port: u16,
    /// Links that have bytes to write.
    to_write: VecDeque<LinkId>,
    /// What it could not take yet.
    pub(super) waiting: Waiting,
    /// Links to clients whose sockets are full.
    full: Vec<LinkId>,
}

/// A place in the host's connection table.
#[derive(Default)]
pub(super) struct Slot {
    generation: u32,
    pub(super) link: Option<LinkState>,
}

/// An open link.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkState {
    pub(super) conn: ConnId,
    pub(super) side: Side,
    /// The client at the other end, if it is one.
    pub(super) client: Option<ClientId>,
    /// The remote of a registered route, and the node's number of the connection.
    pub(super) route: Option<(NodeId, u64)>,
    /// The most bytes that waited for it, as far as they were written down.
    height: u64,
    /// The node wants it closed as soon as everything is written, and at this time at the latest.
    closing: Option<u64>,
    /// The connection is gone; the node is about to be told this.
    gone: Option<CloseCause>,
}

/// A connection that is up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) conn: ConnId,
    pub(super) side: Side,
    pub(super) origin: Origin,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// The client at the other end, if it is one.
    pub(super) client: Option<ClientId>,
}

/// How a host lets go of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Parting {
    /// It closes the socket.
    Close,
    /// It ends its own side, and drops what the peer had under way until this time.
    Drain(u64),
    /// The socket is broken; the peer is told nothing.
    Broken,
}

impl Engine<'_> {
    /// A node's process starts, unless it runs.
    pub(super) fn start(&mut self, id: NodeId) {
        let at = usize::from(id.0);
        let host = &self.hosts[at];
        if host.process.is_some() || host.off > 0 || host.member != Membership::Member {
            return;
        }
        let config = self.node_config(id, ROUTE_PORT + host.route_port_shift);
        let host = &mut self.hosts[at];
        host.incarnation += 1;
        let route_port = ROUTE_PORT + host.route_port_shift;
        let of = [u64::from(id.0), u64::from(host.incarnation)];
        let seed = Stream::new(self.plan.seed, "node", &of).seed32();
        let now = Now { mono: Mono(0), wall: host.clock.wall(self.now) };
        self.running = Some(id);
        let mut node = Node::new(config, seed, now);
        for site in &self.plan.perturb {
            let purpose = format!("perturb.{}", site.name());
            node.perturb(*site, Stream::new(self.plan.seed, &purpose, &of).next());
        }
        host.process = Some(Process {
            node,
            start: host.clock.mono(self.now),
            links: Vec::new(),
            free: Vec::new(),
            wake: u64::MAX,
            takes_clients: true,
            takes_routes: true,
            route_port,
            to_write: VecDeque::new(),
            waiting: Waiting::default(),
            full: Vec::new(),
        });
        self.running = None;
        let incarnation = host.incarnation;
        let (plan, release) = (&self.plan.nodes[at], host.release);
        let pool_size = Some(plan.pool_size(release)).filter(|_| release != plan.release);
        self.rec.event(Kind::NodeUp { node: id, incarnation, pool_size });
        self.arm(id);
    }

    /// What a node is configured with, with all that was changed since the beginning.
    pub(super) fn node_config(&self, id: NodeId, route_port: u16) -> Arc<NodeConfig> {
        let host = &self.hosts[usize::from(id.0)];
        let mut node = self.plan.nodes[usize::from(id.0)].clone();
        node.release = host.release;
        for at in &host.reloads {
            if let FaultAction::Host(HostFault { what: HostWhat::Reload(reload), .. }) =
                &self.plan.faults[*at].action
            {
                reload.change(&mut node);
            }
        }
        self.names.config_as(self.plan, id, &node, route_port)
    }

    /// A node's process ends, whatever it was doing. Its kernel closes its connections.
    pub(super) fn end_process(&mut self, id: NodeId, how: NodeDownHow) {
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = host.process.take() else { return };
        if let Some(drive) = &mut host.drive {
            drive.end_process();
        }
        self.rec.event(Kind::NodeDown { node: id, how });
        for link in process.links.iter().filter_map(|slot| slot.link) {
            if link.gone.is_none() {
                self.wire_closed(link.conn, link.side);
                self.net.close(self.now, link.conn, link.side, &mut self.queue);
            }
        }
        self.drop_waiting(process.waiting);
        self.dials_of_node_end(id);
    }

    /// A node's machine is off. Nobody is told, and nothing that was under way from there arrives.
    pub(super) fn end_process_unheard(&mut self, id: NodeId, place: Place) {
        if let Some(process) = self.hosts[usize::from(id.0)].process.take() {
            self.rec.event(Kind::NodeDown { node: id, how: NodeDownHow::Killed });
            for link in process.links.iter().filter_map(|slot| slot.link) {
                if link.gone.is_none() {
                    self.wire_closed(link.conn, link.side);
                }
            }
            self.dials_of_node_end(id);
        }
        self.net.vanish(place);
    }

    pub(super) fn process(&mut self, id: NodeId) -> Option<&mut Process> {
        self.hosts[usize::from(id.0)].process.as_mut()
    }

    /// Feeds one input to a node and carries out everything that follows from it.
    pub(super) fn feed(&mut self, id: NodeId, input: Input<'_>) {
        self.handle(id, input);
        self.settle(id);
    }

    fn handle(&mut self, id: NodeId, input: Input<'_>) {
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        let now = process.now(self.now, &host.clock);
        self.running = Some(id);
        let bytes = if let Input::Accepted { bytes, .. } = &input { *bytes } else { 0 };
        process.node.handle(now, input, &mut self.fx);
        self.running = None;
        self.charge(id, bytes as u64);
    }

    /// Drains the effects, writes what is to be written, and arms the timer.
    fn settle(&mut self, id: NodeId) {
        loop {
            self.carry_out(id);
            let Some(process) = self.process(id) else { return };
            let Some(link) = process.to_write.pop_front() else { break };
            self.write_link(id, link);
        }
        self.measure_full(id);
        self.arm(id);
    }

    /// Looks how much waits at sockets that are full: nothing is written there, so nothing else
    /// looks.
    fn measure_full(&mut self, id: NodeId) {
        let Some(process) = self.process(id) else { return };
        if process.full.is_empty() {
            return;
        }
        let mut full = std::mem::take(&mut process.full);
        full.retain(|&link| self.measure(id, link) > 0);
        if let Some(process) = self.process(id) {
            process.full = full;
        }
    }

    /// Writes down how many bytes wait for a client, if that is another quarter of what may wait,
    /// or too much; gives them.
    fn measure(&mut self, id: NodeId, link: LinkId) -> u64 {
        let limit = self.rec.history.header.nodes[usize::from(id.0)].max_pending.max(4);
        let Some(process) = self.process(id) else { return 0 };
        let pending = process.node.tx(link).map_or(0, |tx| tx.pending());
        let Some(state) = process.link_mut(link) else { return 0 };
        let Some(client) = state.client else { return 0 };
        let more = pending / (limit / 4) > state.height / (limit / 4);
        if more || (pending > limit && pending > state.height) {
            state.height = pending;
            self.rec.event(Kind::Backlog { node: id, client, pending });
        }
        pending
    }

    /// Most of what a node is fed has no effect but bytes to write, if any: lanes that are empty are
    /// not touched.
    fn carry_out(&mut self, id: NodeId) {
        if !self.fx.trace.is_empty() {
            let mut events = std::mem::take(&mut self.fx.trace);
            for event in events.drain(..) {
                self.trace(id, event);
            }
            self.fx.trace = events;
        }
        if !self.fx.links.is_empty() {
            let mut commands = std::mem::take(&mut self.fx.links);
            for command in commands.drain(..) {
                self.link_command(id, command);
            }
            self.fx.links = commands;
        }
        if let Some(process) = &mut self.hosts[usize::from(id.0)].process {
            process.to_write.extend(self.fx.wake_tx.iter().copied());
        }
        self.fx.wake_tx.clear();
        if !self.fx.host.is_empty() {
            let mut commands = std::mem::take(&mut self.fx.host);
            for command in commands.drain(..) {
                self.host_command(id, command);
            }
            self.fx.host = commands;
        }
        if !self.fx.disk.is_empty() {
            self.ask_disk(id);
        }
        self.fx.clear();
    }

    fn link_command(&mut self, id: NodeId, command: LinkCmd) {
        match command {
            LinkCmd::Dial { dial, host, port, timeout } => {
                self.node_dials(id, dial, &host, port, timeout);
            }
            LinkCmd::Close { link, linger } => self.node_closes(id, link, linger),
            LinkCmd::PauseRead { link } => self.pause(id, link, true),
            LinkCmd::ResumeRead { link } => self.pause(id, link, false),
            LinkCmd::VerifyPassword { link, hash, password } => {
                // No bcrypt here: a hash of the simulator is its mark and the password.
                let ok = hash.strip_prefix("$2a$").is_some_and(|plain| plain == password);
                self.queue.push(self.now, Due::Verified(id, link.slot, link.generation, ok));
            }
        }
    }

    /// A node wants a link closed: at once, or when what it has said is written, for as long as it lingers.
    fn node_closes(&mut self, id: NodeId, link: LinkId, linger: Duration) {
        if linger.is_zero() {
            return self.close_link(id, link, CloseCause::Requested, Parting::Close);
        }
        let nanos = u64::try_from(linger.as_nanos()).unwrap_or(u64::MAX);
        let host = &mut self.hosts[usize::from(id.0)];
        let (until, incarnation) = (host.clock.after(self.now, nanos), host.incarnation);
        let Some(process) = &mut host.process else { return };
        if process.node.tx(link).is_none_or(|tx| tx.pending() == 0) {
            return self.close_link(id, link, CloseCause::Requested, Parting::Drain(until));
        }
        let Some(state) = process.link_mut(link) else { return };
        state.closing = Some(until);
        self.queue.push(until, Due::Linger(id, incarnation, link));
    }

    pub(super) fn verified(&mut self, id: NodeId, slot: u32, generation: u32, ok: bool) {
        self.feed(id, Input::Verified { link: LinkId { slot, generation }, ok });
    }

    fn host_command(&mut self, id: NodeId, command: HostCmd) {
        let Some(process) = self.process(id) else { return };
        match command {
            HostCmd::StopAcceptingClients => process.takes_clients = false,
            HostCmd::StopAcceptingRoutes => process.takes_routes = false,
            HostCmd::Exit => {
                self.end_process(id, NodeDownHow::Exited);
                self.restart_ended(id);
            }
        }
    }

    fn pause(&mut self, id: NodeId, link: LinkId, paused: bool) {
        let Some(state) = self.process(id).and_then(|p| p.link_mut(link).copied()) else { return };
        if let Some(conn) = self.net.get_mut(state.conn) {
            let overread = self.plan.network.overread;
            conn.pipe_mut(state.side.other()).pause(paused, overread);
        }
        if !paused {
            self.net.wake_reader(state.conn, state.side.other(), self.now, &mut self.queue);
        }
    }

    /// Writes once, as much as the socket takes, and tells the node.
    fn write_link(&mut self, id: NodeId, link: LinkId) {
        let Some(process) = &self.hosts[usize::from(id.0)].process else { return };
        let Some(state) = process.link(link).copied() else { return };
        if state.gone.is_some() {
            return;
        }
        let Some(tx) = process.node.tx(link) else { return };
        let pending = tx.pending();
        if state.client.is_some() {
            self.measure(id, link);
        }
        let Some(tx) = self.hosts[usize::from(id.0)].process.as_ref().and_then(|p| p.node.tx(link))
        else {
            return;
        };
        let written =
            self.net.write(self.now, state.conn, state.side, tx.chunks(), &mut self.queue);
        self.moved(state.conn, state.side, written.bytes);
        if written.bytes > 0 || written.full {
            self.handle(id, Input::Accepted { link, bytes: written.bytes });
        }
        if written.full && written.bytes > 0 {
            // As a real host would: it tries again, and hears that the socket is full.
            if let Some(process) = self.process(id) {
                process.to_write.push_front(link);
            }
            return;
        }
        if written.full
            && state.client.is_some()
            && let Some(process) = self.process(id)
            && !process.full.contains(&link)
        {
            process.full.push(link);
        }
        let all = written.bytes as u64 == pending;
        if all && let Some(until) = state.closing {
            // The node may have had more to say meanwhile.
            let Some(process) = self.process(id) else { return };
            if process.node.tx(link).is_none_or(|tx| tx.pending() == 0) {
                self.close_link(id, link, CloseCause::Requested, Parting::Drain(until));
            }
        }
    }

    /// There is room in the socket again.
    pub(super) fn writable(&mut self, id: NodeId, slot: u32) {
        let Some(link) = self.process(id).and_then(|process| process.link_id(slot)) else { return };
        self.write_link(id, link);
        self.settle(id);
    }

    /// Bytes were read from the network into the receive buffer.
    pub(super) fn received(&mut self, id: NodeId, slot: u32, bytes: usize) {
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        let Some(link) = process.link_id(slot) else { return };
        let now = process.now(self.now, &host.clock);
        self.running = Some(id);
        process.node.handle(now, Input::Received { link, rx: &mut self.rx }, &mut self.fx);
        self.running = None;
        self.charge(id, bytes as u64);
        self.settle(id);
    }

    /// A connection is up: gives it a place in the table and tells the node.
    pub(super) fn opened(&mut self, id: NodeId, opening: Opening) {
        let Opening { conn, side, origin, peer, local, client } = opening;
        let Some(process) = self.process(id) else { return };
        let slot = process.free.pop().unwrap_or_else(|| {
            process.links.push(Slot::default());
            u32::try_from(process.links.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut process.links[slot as usize];
        place.generation += 1;
        let link = LinkId { slot, generation: place.generation };
        place.link = Some(LinkState {
            conn,
            side,
            client,
            route: None,
            height: 0,
            closing: None,
            gone: None,
        });
        if let Some(conn) = self.net.get_mut(conn) {
            conn.owners[side as usize] = Owner::Node { node: id, slot };
        }
        self.feed(id, Input::Opened { link, origin, peer, local });
    }

    pub(super) fn dial_failed(&mut self, id: NodeId, dial: DialId, error: &str) {
        self.feed(id, Input::DialFailed { dial, error });
    }

    pub(super) fn dialled_itself(&mut self, id: NodeId, dial: DialId) {
        self.feed(id, Input::DialledItself { dial });
    }

    /// The connection of a link is gone, as the host sees it.
    pub(super) fn link_gone(&mut self, id: NodeId, slot: u32, cause: CloseCause, parting: Parting) {
        let Some(link) = self.process(id).and_then(|process| process.link_id(slot)) else { return };
        self.close_link(id, link, cause, parting);
    }

    /// Closes the host's side; the node is told as soon as what is being carried out is done.
    fn close_link(&mut self, id: NodeId, link: LinkId, cause: CloseCause, parting: Parting) {
        let Some(state) = self.process(id).and_then(|process| process.link_mut(link)) else {
            return;
        };
        if state.gone.is_some() {
            return;
        }
        state.gone = Some(cause);
        let (conn, side) = (state.conn, state.side);
        self.wire_closed(conn, side);
        match parting {
            Parting::Close => self.net.close(self.now, conn, side, &mut self.queue),
            Parting::Drain(until) => {
                self.net.drain(self.now, conn, side, until, &mut self.queue);
            }
            Parting::Broken => self.net.abandon(conn, side),
        }
        self.queue.push(self.now, Due::LinkClosed(id, link.slot));
    }

    pub(super) fn link_closed(&mut self, id: NodeId, slot: u32) {
        let Some(process) = self.process(id) else { return };
        let Some(link) = process.link_id(slot) else { return };
        let Some(cause) = process.link(link).and_then(|state| state.gone) else { return };
        self.handle(id, Input::Closed { link, cause });
        // The trace of the end still asks who the link was.
        self.settle(id);
        if let Some(process) = self.process(id) {
            process.links[slot as usize].link = None;
            process.free.push(slot);
        }
    }

    pub(super) fn linger_over(&mut self, id: NodeId, incarnation: u32, link: LinkId) {
        // A process that has ended has no links; the next one counts its own from the beginning.
        if self.hosts[usize::from(id.0)].incarnation != incarnation {
            return;
        }
        if self.process(id).and_then(|process| process.link_mut(link)).is_some() {
            self.close_link(id, link, CloseCause::Requested, Parting::Close);
        }
    }

    pub(super) fn tick(&mut self, id: NodeId, incarnation: u32) {
        if self.tick_counts(id, incarnation) {
            self.tick_now(id);
        }
    }

    /// The wake-up that counts has come, maybe late.
    pub(super) fn tick_now(&mut self, id: NodeId) {
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        process.wake = u64::MAX;
        let due = process.deadline(&host.clock).is_some_and(|at| at <= self.now);
        if due { self.feed(id, Input::Tick) } else { self.arm(id) }
    }

    /// Whether a wake-up of the heap is the one that counts.
    pub(super) fn tick_counts(&self, id: NodeId, incarnation: u32) -> bool {
        let host = &self.hosts[usize::from(id.0)];
        host.incarnation == incarnation
            && host.process.as_ref().is_some_and(|process| process.wake == self.now)
    }

    /// Puts the node's deadline into the heap, unless an earlier wake-up is there already: that one
    /// will look again.
    pub(super) fn arm(&mut self, id: NodeId) {
        let now = self.now;
        let host = &mut self.hosts[usize::from(id.0)];
        let Some(process) = &mut host.process else { return };
        let Some(at) = process.deadline(&host.clock) else { return };
        let at = at.max(now);
        if at < process.wake {
            process.wake = at;
            self.queue.push(at, Due::Tick(id, host.incarnation));
        }
    }

    pub(super) fn command(&mut self, id: NodeId, command: Command) {
        if self.is_occupied(id) {
            self.wait(id, Held::Command(command));
        } else {
            self.command_now(id, command);
        }
    }

    pub(super) fn command_now(&mut self, id: NodeId, command: Command) {
        self.feed(id, Input::Command(command));
    }

    /// Of all that a node tells about itself, what histories hold.
    fn trace(&mut self, id: NodeId, event: TraceEvent) {
        match event {
            TraceEvent::RouteRegistered { who, remote_name, pool_index, account, .. } => {
                let Some(remote) = self.node_called(&remote_name) else { return };
                let state = self.process(id).and_then(|process| process.link_mut(who.link));
                if let Some(state) = state {
                    state.route = Some((remote, who.cid));
                }
                let account = account.map_or(Sym::NONE, |name| self.rec.intern(&name));
                let (pool, cid) = (pool_index, who.cid);
                self.rec.event(Kind::RouteUp { node: id, remote, pool, account, cid });
            }
            TraceEvent::LinkClosed { who, reason, .. } => {
                let state = self.process(id).and_then(|process| process.link_mut(who.link));
                if let Some((remote, cid)) = state.and_then(|state| state.route.take()) {
                    let reason = self.rec.intern(reason.text());
                    self.rec.event(Kind::RouteDown { node: id, remote, cid, reason });
                }
            }
            TraceEvent::SlowConsumer { who, pending, max_pending, .. } => {
                let client =
                    self.process(id).and_then(|process| process.link_mut(who.link)?.client);
                let limit = max_pending.unwrap_or(0);
                self.rec.event(Kind::SlowConsumer { node: id, client, pending, limit });
            }
            TraceEvent::StreamDamaged { dir, finding } => self.stream_damaged(&dir, Some(&finding)),
            TraceEvent::StreamUnknown { dir } => self.stream_damaged(&dir, None),
            TraceEvent::Message(event) => self.kept(id, event),
            TraceEvent::LinkOpened { .. }
            | TraceEvent::RouteDuplicate { .. }
            | TraceEvent::RouteDiscovered { .. }
            | TraceEvent::DialFailed { .. }
            | TraceEvent::AuthenticationFailed { .. }
            | TraceEvent::PeerFault { .. }
            | TraceEvent::LameDuck
            | TraceEvent::ClusterName { .. }
            | TraceEvent::StreamsReady { .. }
            | TraceEvent::StoreUnreadable { .. }
            | TraceEvent::Buffer(_)
            | TraceEvent::Protocol { .. } => {
                if let Some(text) = said(&event) {
                    let text = self.rec.intern(&text);
                    self.rec.event(Kind::Said { node: id, text });
                }
            }
        }
    }

    /// What became of messages that it keeps for another.
    fn kept(&mut self, node: NodeId, event: MessageEvent) {
        let identity = |payload: &[u8]| payload::identity(payload).filter(|msg| msg.conn != STORED);
        let (peer, what) = match event {
            MessageEvent::Kept { peer, seq, payload, messages, bytes } => {
                (peer, BufferWhat::Kept { seq, msg: identity(&payload), messages, bytes })
            }
            MessageEvent::Left { peer, first, last, why, messages, bytes } => {
                let why = match why {
                    Leave::Acknowledged => LeftWhy::Acknowledged,
                    Leave::Overflow => LeftWhy::Overflow,
                    Leave::Age => LeftWhy::Age,
                    Leave::Unwanted => LeftWhy::Unwanted,
                    Leave::Damaged => LeftWhy::Damaged,
                };
                (peer, BufferWhat::Left { first, last, why, messages, bytes })
            }
            MessageEvent::Refused { peer, payload } => {
                (peer, BufferWhat::Refused { msg: identity(&payload) })
            }
            MessageEvent::Repeated { peer, seq } => (peer, BufferWhat::Repeated { seq }),
        };
        if let Some(peer) = self.node_called(&peer) {
            self.rec.event(Kind::Buffer(BufferEvent { node, peer, what }));
        }
    }

    fn node_called(&self, name: &str) -> Option<NodeId> {
        let found = self.plan.nodes.iter().position(|node| node.name == name)?;
        u16::try_from(found).ok().map(NodeId)
    }
}

impl Host {
    /// A node's machine; it has a place from the beginning unless it is one of those that join.
    pub(super) fn new(seed: u64, id: NodeId, node: &NodePlan, joins: bool) -> Self {
        let keeps = node.jetstream.is_some() || node.buffer.is_some();
        Self {
            process: None,
            clock: Clock::new(node.wall_ns),
            drive: keeps.then(|| Box::new(Drive::new(seed, id.0.into()))),
            member: if joins { Membership::Awaited } else { Membership::Member },
            release: node.release,
            reloads: Vec::new(),
            incarnation: 0,
            route_port_shift: 0,
            slow: BTreeMap::new(),
            off: 0,
            restarting: None,
        }
    }
}

impl Process {
    fn now(&self, run: u64, clock: &Clock) -> Now {
        Now { mono: Mono(clock.mono(run) - self.start), wall: clock.wall(run) }
    }

    /// The node's deadline in the run's time.
    fn deadline(&self, clock: &Clock) -> Option<u64> {
        self.node.deadline().map(|(at, _)| clock.when(self.start.saturating_add(at.0)))
    }

    fn link_id(&self, slot: u32) -> Option<LinkId> {
        let place = self.links.get(slot as usize)?;
        place.link.is_some().then_some(LinkId { slot, generation: place.generation })
    }

    pub(super) fn link(&self, link: LinkId) -> Option<&LinkState> {
        let place = self.links.get(link.slot as usize)?;
        place.link.as_ref().filter(|_| place.generation == link.generation)
    }

    fn link_mut(&mut self, link: LinkId) -> Option<&mut LinkState> {
        let place = self.links.get_mut(link.slot as usize)?;
        place.link.as_mut().filter(|_| place.generation == link.generation)
    }
}
