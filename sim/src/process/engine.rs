//! The run: what the plan wants is done when its time has come, and everything that happens
//! meanwhile is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causeway_sim_process::{
    Clock, ConnId, Door, Event as NetEvent, Interrupt, Net, Options, Place, RunFolder, WaySetup,
};

use super::adapt::adapt;
use super::clients::ClientSlot;
use super::look::Asked;
use super::nodes::{LOOK_NS, Member, NodeSlot};
use super::power::Shadow;
use super::proof::Proofs;
use super::server::{Flavour, Server};
use super::wires::Wires;
use super::{ENGINE, capability, config, node_at, node_place, place};
use crate::client::Known;
use crate::engine::{Names, Recorder};
use crate::history::{History, Kind, Phase};
use crate::ids::{ClientId, NodeId, RegionId};
use crate::plan::{DiskDamage, DiskFault, FaultAction, HostWhat, LinkPlan, OpPlan, Plan, Site};
use crate::report::words::describe;
use crate::rng::Stream;
use crate::run::{RunEnd, RunOptions, RunOutcome};
use crate::units::SECOND;

/// The folder of all runs, within the system's for temporary files.
const HOME: &str = "causeway-sim-process";

/// Runs a plan. Never fails, but may end early: see [`RunEnd`].
pub(super) fn run(plan: &Plan, mut options: RunOptions<'_>) -> RunOutcome {
    let Some(server) = options.server else {
        return nothing(plan, "no server was named".to_owned());
    };
    let adapted = adapt(plan, server.flavour);
    let plan = adapted.as_ref();
    let interrupt = Interrupt::listen();
    let engine = interrupt.and_then(|interrupt| {
        Ok((Engine::new(plan, server, options.without_wire, interrupt.clone())?, interrupt))
    });
    let (mut engine, interrupt) = match engine {
        Ok(made) => made,
        Err(error) => return nothing(plan, format!("cannot begin: {error}")),
    };
    // A panic leaves the engine in the middle of something: good enough to say what happened before,
    // and to end what was started.
    let caught = catch_unwind(AssertUnwindSafe(|| engine.run(&mut options)));
    let end = caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        RunEnd::Panicked { message: text.unwrap_or_else(|| "a panic without a text".to_owned()) }
    });
    let outcome = engine.outcome(end);
    interrupt.obey();
    outcome
}

fn nothing(plan: &Plan, message: String) -> RunOutcome {
    let history = History { header: plan.header(ENGINE.name), ..History::default() };
    RunOutcome {
        history,
        trace_hash: 0,
        steps: 0,
        broker_events: 0,
        sim_ns: 0,
        gaps: Vec::new(),
        never_came: Vec::new(),
        end: RunEnd::Stuck { message },
    }
}

/// Something of the plan with its time, beside the operations.
#[derive(Clone, Copy, Debug)]
enum Due {
    Phase(usize),
    Start(NodeId),
    FaultOn(usize),
    FaultOff(usize),
    /// The files are as they will be again.
    Remember(usize),
}

/// Stale sectors are as they were so long before the fault, in nanoseconds.
const STALE_NS: u64 = 2 * SECOND;

/// The world of one run. The order of the fields is that in which they are dropped: processes
/// before the folder that they write to.
pub(super) struct Engine<'p> {
    pub(super) plan: &'p Plan,
    pub(super) server: &'p Server,
    pub(super) clock: Clock,
    pub(super) nodes: Vec<NodeSlot>,
    pub(super) net: Net,
    pub(super) folder: RunFolder,
    pub(super) names: Names,
    /// All doors that there were.
    pub(super) doors: BTreeSet<SocketAddr>,
    /// The doors of the names of regions.
    pub(super) region_doors: Vec<SocketAddr>,
    pub(super) rec: Recorder,
    pub(super) clients: Vec<ClientSlot>,
    pub(super) by_conn: BTreeMap<ConnId, ClientId>,
    pub(super) wires: Wires,
    pub(super) proofs: Proofs,
    pub(super) asked: Asked,
    /// What a reader of the outcome should know.
    pub(super) notes: Vec<String>,
    /// By time.
    due: Vec<(u64, Due)>,
    next_due: usize,
    next_op: usize,
    next_look: u64,
    /// When ends are looked for that nobody has any more.
    pub(super) next_search: u64,
    steps: u64,
    /// Why the run cannot go on.
    stuck: Option<RunEnd>,
    interrupt: Interrupt,
    /// Events of the history that the watcher has been told.
    told: usize,
}

impl<'p> Engine<'p> {
    fn new(
        plan: &'p Plan,
        server: &'p Server,
        without_wire: bool,
        interrupt: Interrupt,
    ) -> std::io::Result<Self> {
        let clock = Clock::start();
        let (folder, _left) = RunFolder::create(&std::env::temp_dir().join(HOME))?;
        let options = Options {
            window: usize::try_from(plan.network.window).unwrap_or(usize::MAX),
            tcp_timeout_ns: plan.network.tcp_timeout_ns,
            seed: Stream::new(plan.seed, "process.network", &[]).next(),
        };
        let mut net = Net::new(clock, options)?;
        join(plan, &mut net);
        let joiners = plan.joiners();
        let mut nodes = Vec::new();
        for id in plan.node_ids() {
            let door = net.open_door(Door::To(node_place(id)))?;
            let member = if joiners.contains(&id) { Member::Awaited } else { Member::Is };
            let path = folder.path().join(plan.node_name(id).replace('/', "-"));
            let mut slot = NodeSlot::new(path, door, member);
            if server.flavour == Flavour::Causeway && capability::loses_files(plan, id) {
                let draws = Stream::new(plan.seed, "process.power", &[u64::from(id.0)]);
                let files = config::files(&slot.store());
                slot.shadow = Some(Shadow::new(files, slot.transcript(), draws));
            }
            nodes.push(slot);
        }
        let mut region_doors = Vec::new();
        for (region, _) in (0..).map(RegionId).zip(&plan.regions) {
            let here = |id: &NodeId| plan.nodes[usize::from(id.0)].region == region;
            let places = plan.node_ids().filter(here).map(node_place).collect();
            region_doors.push(net.open_door(Door::AnyOf(places))?.1);
        }
        let doors = nodes.iter().map(NodeSlot::door).chain(region_doors.iter().copied()).collect();
        let names = Names::of(plan);
        let known = Arc::new(Known::of(plan));
        let clients = (0..).map(ClientId).zip(&plan.clients);
        let slot = |(id, one)| ClientSlot::new(id, one, &known, plan.seed);
        Ok(Self {
            plan,
            server,
            clock,
            net,
            folder,
            rec: Recorder::new(history(plan, &names), plan.seed, without_wire),
            names,
            doors,
            region_doors,
            clients: clients.map(slot).collect(),
            by_conn: BTreeMap::new(),
            wires: Wires::new(nodes.len()),
            nodes,
            proofs: Proofs::default(),
            asked: Asked::default(),
            notes: Vec::new(),
            due: due(plan),
            next_due: 0,
            next_op: 0,
            next_look: 0,
            next_search: 0,
            steps: 0,
            stuck: None,
            interrupt,
            told: 0,
        })
    }

    fn run(&mut self, options: &mut RunOptions<'_>) -> RunEnd {
        let interval = options.watch.as_ref().map_or(0, |watch| watch.interval());
        let lines = options.watch.as_ref().is_some_and(|watch| watch.wants_lines());
        let until = options.until_step.unwrap_or(u64::MAX);
        while self.steps < until {
            if self.catch_up() {
                return RunEnd::Complete;
            }
            if let Some(end) = self.stuck.take() {
                return end;
            }
            if self.interrupt.came() {
                return RunEnd::Cut;
            }
            let next = self.next_time();
            self.carry_on(next);
            self.steps += 1;
            let Some(watch) = &mut options.watch else { continue };
            if lines {
                let news = self.news();
                watch.line(self.steps, self.rec.now, &news);
            }
            if interval > 0
                && self.steps.is_multiple_of(interval)
                && watch.checkpoint(self.steps, self.rec.hash.value()).is_break()
            {
                return RunEnd::Cut;
            }
        }
        RunEnd::Cut
    }

    /// What has been written down since it was last asked.
    fn news(&mut self) -> String {
        let history = &self.rec.history;
        let news = history.events.get(self.told..).unwrap_or_default();
        let news: Vec<String> = news.iter().map(|event| describe(history, event)).collect();
        self.told = history.events.len();
        if news.is_empty() { "nothing to tell".to_owned() } else { news.join("; ") }
    }

    /// Whether the run can go on.
    pub(super) fn is_well(&self) -> bool {
        self.stuck.is_none() && !self.interrupt.came()
    }

    /// The run cannot go on.
    pub(super) fn stuck(&mut self, message: String) {
        self.stuck.get_or_insert(RunEnd::Stuck { message });
    }

    /// A stream of the plan's seed.
    pub(super) fn stream(&self, purpose: &str, of: &[u64]) -> Stream {
        Stream::new(self.plan.seed, &format!("process.{purpose}"), of)
    }

    /// All places but one.
    pub(super) fn everywhere_else(&self, here: Place) -> Vec<Place> {
        sites(self.plan).map(place).filter(|there| *there != here).collect()
    }

    /// When something is to be done that does not come from the network.
    fn next_time(&self) -> u64 {
        let due = self.due.get(self.next_due).map(|(at, _)| *at);
        let op = self.plan.ops.get(self.next_op).map(|op| op.at);
        let clients = self.clients.iter().map(ClientSlot::wake).min();
        let all = [due, op, clients, Some(self.next_look)];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Carries the network on until something has happened, at most until then, and takes in what
    /// that was.
    pub(super) fn carry_on(&mut self, until: u64) {
        if let Err(error) = self.net.step(until) {
            self.stuck(format!("cannot wait for sockets: {error}"));
        }
        while let Some(event) = self.net.event() {
            self.rec.now = self.clock.now();
            self.happened(event);
        }
        let late_ns = self.net.lateness();
        self.was_late(late_ns, "what the network was to do");
    }

    fn was_late(&mut self, by_ns: u64, what: &str) {
        if by_ns > capability::LATE_NS {
            let limit = capability::LATE_NS / crate::units::MS;
            let message = format!("this machine was too slow: {what} came over {limit} ms late");
            self.stuck.get_or_insert(RunEnd::TooSlow { message });
        }
    }

    fn happened(&mut self, event: NetEvent) {
        match event {
            NetEvent::Called { from, door } => {
                if let Some(node) = node_at(from) {
                    let target = self.rec.intern(&door.to_string());
                    self.rec.event(Kind::Dial { node, target });
                }
            }
            NetEvent::Opened { conn, from, to } => {
                if let (Some(from), Some(to)) = (node_at(from), node_at(to)) {
                    let calls_from = self.net.calls_from(conn);
                    self.wires.opened(conn, [from, to], calls_from, &mut self.rec);
                }
            }
            NetEvent::Sent { conn, writer, bytes } => {
                self.wires.sent(conn, writer, &bytes, &mut self.rec);
            }
            NetEvent::Taken { conn, writer, position } => {
                self.wires.taken(conn, writer, position, &mut self.rec);
            }
            NetEvent::Closed { conn, side } => self.wires.closed(conn, side, &mut self.rec),
            NetEvent::ClientUp(conn) => self.client_up(conn),
            NetEvent::ClientReadable(conn) => self.client_readable(conn),
            NetEvent::ClientWritable(conn) => self.client_writable(conn),
            NetEvent::ClientDown(conn, how) => self.client_down(conn, how),
            NetEvent::Fetched { tag, asked_at, page } => self.fetched(tag, asked_at, page),
        }
    }

    /// Does all that is due; says whether the run is over.
    fn catch_up(&mut self) -> bool {
        self.rec.now = self.clock.now();
        self.client_timers();
        if self.next_look <= self.rec.now {
            self.look_at_processes();
            self.poll();
            self.next_look = self.rec.now + LOOK_NS;
        }
        loop {
            let now = self.clock.now();
            self.rec.now = now;
            let due = self.due.get(self.next_due).filter(|(at, _)| *at <= now).copied();
            let op = self.plan.ops.get(self.next_op).filter(|op| op.at <= now).copied();
            match (due, op) {
                (Some((at, _)), Some(op)) if op.at < at => self.op(&op),
                (None, Some(op)) => self.op(&op),
                (Some((at, due)), _) => {
                    self.next_due += 1;
                    self.was_late(now - at, "what the plan wants");
                    if self.step(due) {
                        return true;
                    }
                }
                (None, None) => return false,
            }
            if !self.is_well() {
                return false;
            }
        }
    }

    fn op(&mut self, op: &OpPlan) {
        self.next_op += 1;
        if op.when.is_some() {
            return;
        }
        self.was_late(self.rec.now - op.at, "what a client does");
        let Engine { clients, rec, .. } = self;
        clients[op.client.0 as usize].client.on_op(&op.op, rec);
        self.after_client(op.client);
    }

    fn step(&mut self, due: Due) -> bool {
        match due {
            Due::Phase(number) => return self.enter(number),
            Due::Start(node) => self.start(node),
            Due::FaultOn(at) => self.fault(at, true),
            Due::FaultOff(at) => self.fault(at, false),
            Due::Remember(at) => self.remember(at),
        }
        false
    }

    fn enter(&mut self, number: usize) -> bool {
        match Phase::ALL.get(number).copied() {
            Some(phase) => {
                if phase == Phase::Warm {
                    self.all_listen();
                }
                if phase == Phase::Drain {
                    self.snapshots(Phase::Quiesce);
                }
                self.rec.now = self.clock.now();
                self.rec.event(Kind::Phase { phase });
                false
            }
            None => {
                self.snapshots(Phase::Drain);
                self.no_detours();
                for fault in self.plan.faults.iter().filter(|fault| fault.stays()) {
                    self.look_back(fault);
                }
                self.rec.now = self.clock.now();
                self.rec.event(Kind::End);
                true
            }
        }
    }

    /// By the time that clients come, all servers must be there.
    fn all_listen(&mut self) {
        self.look_at_processes();
        let silent = self.plan.node_ids().find(|id| {
            let slot = &self.nodes[usize::from(id.0)];
            slot.process.is_some() && slot.listens.is_none()
        });
        if let Some(id) = silent {
            let (name, log) = (self.plan.node_name(id), self.log_of(id));
            self.stuck(format!("{name} is not ready in time; its log says:\n  {log}"));
        }
    }

    fn outcome(self, end: RunEnd) -> RunOutcome {
        let mut gaps = capability::gaps(self.plan, self.server.flavour);
        gaps.extend(self.proofs.failed());
        gaps.extend(self.notes);
        let rec = self.rec;
        RunOutcome {
            trace_hash: rec.hash.value(),
            steps: self.steps,
            broker_events: rec.broker_events,
            sim_ns: rec.now,
            history: rec.history,
            gaps,
            never_came: Vec::new(),
            end,
        }
    }
}

fn history(plan: &Plan, names: &Names) -> History {
    let mut header = plan.header(ENGINE.name);
    header.bounds = capability::lenient(&header.bounds);
    header.window += capability::KERNEL_BYTES;
    for (id, node) in plan.node_ids().zip(&mut header.nodes) {
        node.url = names.client_url(id);
    }
    History { header, events: Vec::new(), symbols: plan.symbols.clone() }
}

fn sites(plan: &Plan) -> impl Iterator<Item = Site> + '_ {
    let clients = (0..).map(RegionId).zip(&plan.regions).map(|(id, _)| Site::Clients(id));
    plan.node_ids().map(Site::Node).chain(clients)
}

/// Joins all places of the plan as its networks do. Regions without a path between them cannot
/// reach each other.
fn join(plan: &Plan, net: &mut Net) {
    let region = |site| match site {
        Site::Node(node) => plan.nodes[usize::from(node.0)].region,
        Site::Clients(region) => region,
    };
    for a in sites(plan) {
        for b in sites(plan).filter(|b| *b != a) {
            let Some(link) = link_between(plan, region(a), region(b)) else { continue };
            let LinkPlan { latency_ns, jitter_ns, bandwidth, .. } = *link;
            net.join(place(a), place(b), WaySetup { latency_ns, jitter_ns, bandwidth });
        }
    }
}

fn link_between(plan: &Plan, a: RegionId, b: RegionId) -> Option<&LinkPlan> {
    if a == b {
        return plan.regions.get(usize::from(a.0)).map(|region| &region.link);
    }
    let joins = |x, y| (x, y) == (a, b);
    let found = plan.paths.iter().find(|path| joins(path.a, path.b) || joins(path.b, path.a));
    found.map(|path| &path.link)
}

/// Everything of the plan but the operations, by time; in the pure engine's order where times are
/// equal.
fn due(plan: &Plan) -> Vec<(u64, Due)> {
    let phases = (0..).zip(plan.bounds.phases_ns).map(|(number, at)| (at, Due::Phase(number)));
    let starts = plan.node_ids().zip(&plan.nodes).map(|(id, node)| (node.start_ns, Due::Start(id)));
    let mut due: Vec<(u64, Due)> = phases.chain(starts).collect();
    for (at, fault) in plan.faults.iter().enumerate() {
        due.push((fault.at, Due::FaultOn(at)));
        if fault.lasts > 0 && !fault.stays() {
            due.push((fault.end(), Due::FaultOff(at)));
        }
        if let FaultAction::Host(host) = &fault.action
            && let HostWhat::Disk(DiskFault::Damage { what: DiskDamage::Stale, .. }) = host.what
        {
            due.push((fault.at.saturating_sub(STALE_NS), Due::Remember(at)));
        }
    }
    due.sort_by_key(|(at, _)| *at);
    due
}
