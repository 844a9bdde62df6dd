//! The run: turmoil's simulation goes tick by tick, and before each tick what the plan wants by then
//! is done: phases, starts, faults, operations of clients.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use causeway_core::Command;
use causeway_core::monitor::ConnectionQuery;
use causeway_sim::history::{Bounds, Event, History, Kind, NodeDownHow, Phase};
use causeway_sim::ids::{ClientId, NodeId, RegionId};
use causeway_sim::kit::{Names, Recorder, fault_event, snapshot};
use causeway_sim::plan::{FaultAction, OpPlan, Plan, ProcessPlan, Sides, Site};
use causeway_sim::report::words::describe;
use causeway_sim::run::{RunEnd, RunOptions, RunOutcome};
use turmoil::Sim;

use super::world::{Shared, World, caller};
use super::{ENGINE, capability, client, node};

/// Turmoil's step. Whatever happens within one is one instant to histories.
pub(crate) const TICK: Duration = Duration::from_millis(5);
const TICK_NS: u64 = 5_000_000;

/// Where turmoil's own clock begins: fixed, so that runs do not depend on today.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// Segments that one direction of a connection takes: more than a window of bytes ever is.
const SEGMENTS: usize = 16_384;

/// A run ends by its plan, not by turmoil's limit.
const LIMIT: Duration = Duration::from_secs(7 * 86_400);

#[expect(clippy::disallowed_types, reason = "turmoil wants it so; nobody asks for the time of day")]
fn epoch() -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + EPOCH
}

/// Runs a plan. Never fails, but may end early: see [`RunEnd`].
pub(crate) fn run(plan: &Plan, mut options: RunOptions<'_>) -> RunOutcome {
    let mut header = plan.header(ENGINE.name);
    header.bounds = coarse(&header.bounds);
    // Nothing is kept for anybody here, so nobody may expect it.
    header.buffered.clear();
    let names = Names::of(plan);
    for (id, node) in (0..).map(NodeId).zip(&mut header.nodes) {
        // Here nodes stay where they are.
        node.url = names.client_url(id);
        node.limits.buffer = None;
    }
    let history = History { header, events: Vec::new(), symbols: plan.symbols.clone() };
    let world = Shared::new(plan, Recorder::new(history, plan.seed, options.without_wire));
    let mut engine = Engine::new(plan, &world);
    // A panic leaves the simulation in the middle of a tick: good enough to say what happened
    // before, and nothing else is done with it.
    let caught = catch_unwind(AssertUnwindSafe(|| engine.run(&mut options)));
    let end = caught.unwrap_or_else(|panic| engine.panicked(panic.as_ref()));
    let (steps, now) = (engine.steps, engine.now);
    // What is torn down after a panic may panic once more; the first one is what counts.
    let _torn_down = catch_unwind(AssertUnwindSafe(|| drop(engine)));
    let rec = world.take_recorder();
    RunOutcome {
        trace_hash: rec.hash.value(),
        steps,
        broker_events: rec.broker_events,
        sim_ns: now,
        history: rec.history,
        gaps: capability::gaps(plan),
        never_came: Vec::new(),
        end,
    }
}

/// The bounds of a plan where bytes arrive up to two ticks late each way.
fn coarse(bounds: &Bounds) -> Bounds {
    let late = 4 * TICK_NS;
    Bounds {
        rtt_max_ns: bounds.rtt_max_ns + late,
        interest_ns: bounds.interest_ns + 2 * late,
        // As many round trips as the plan's own bounds count.
        routes_ns: bounds.routes_ns + 15 * late,
        clients_ns: bounds.clients_ns + 6 * late,
        ..*bounds
    }
}

/// Something of the plan with its time, beside the operations.
#[derive(Clone, Copy, Debug)]
enum Due {
    Phase(usize),
    Start(NodeId),
    FaultOn(usize),
    FaultOff(usize),
}

struct Engine<'p> {
    plan: &'p Plan,
    world: Shared,
    sim: Sim<'static>,
    now: u64,
    steps: u64,
    /// By time.
    due: Vec<(u64, Due)>,
    next_due: usize,
    next_op: usize,
    /// Events of the history that the watcher has been told.
    told: usize,
    /// The most that has waited at a node for a connection of a client: by incarnation and `cid`.
    heights: BTreeMap<(NodeId, u32, u64), u64>,
}

impl<'p> Engine<'p> {
    fn new(plan: &'p Plan, world: &Shared) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.seed)
            .epoch(epoch())
            .simulation_duration(LIMIT)
            .tick_duration(TICK)
            .tcp_capacity(SEGMENTS)
            .enable_random_order()
            .build();
        for (id, _) in (0..).map(NodeId).zip(&plan.nodes) {
            let ip = world.get().roads.ip(Site::Node(id));
            let shared = world.clone();
            sim.host(ip, move || node::machine(id, shared.clone()));
        }
        for (id, _) in (0..).map(RegionId).zip(&plan.regions) {
            let ip = world.get().roads.ip(Site::Clients(id));
            let shared = world.clone();
            sim.host(ip, move || client::machine(id, shared.clone()));
        }
        let engine = Self {
            plan,
            world: world.clone(),
            sim,
            now: 0,
            steps: 0,
            due: due(plan),
            next_due: 0,
            next_op: 0,
            told: 0,
            heights: BTreeMap::new(),
        };
        let sites = world.get().roads.sites();
        for (at, &a) in sites.iter().enumerate() {
            for &b in &sites[at + 1..] {
                engine.set_latency(a, b);
                engine.set_hold(a, b);
            }
        }
        engine
    }

    fn run(&mut self, options: &mut RunOptions<'_>) -> RunEnd {
        let interval = options.watch.as_ref().map_or(0, |watch| watch.interval());
        let lines = options.watch.as_ref().is_some_and(|watch| watch.wants_lines());
        let until = options.until_step.unwrap_or(u64::MAX);
        while self.steps < until {
            self.now = u64::try_from(self.sim.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.world.get_mut().tick(self.now);
            if self.catch_up() {
                return RunEnd::Complete;
            }
            if let Err(error) = self.sim.step() {
                return RunEnd::Stuck { message: error.to_string() };
            }
            if let Some(message) = self.world.get().stuck.clone() {
                return RunEnd::Stuck { message };
            }
            self.measure();
            self.steps += 1;
            let Some(watch) = &mut options.watch else { continue };
            if lines {
                let text = self.tell();
                watch.line(self.steps, self.now, &text);
            }
            let hash = self.world.get().rec.hash.value();
            if interval > 0
                && self.steps.is_multiple_of(interval)
                && watch.checkpoint(self.steps, hash).is_break()
            {
                return RunEnd::Cut;
            }
        }
        RunEnd::Cut
    }

    /// What the last tick has added to the history.
    fn tell(&mut self) -> String {
        let world = self.world.get();
        let history = &world.rec.history;
        let news: Vec<String> = history.events[self.told..]
            .iter()
            .map(|event: &Event| describe(history, event))
            .collect();
        self.told = history.events.len();
        if news.is_empty() { "nothing to tell".to_owned() } else { news.join("; ") }
    }

    /// Does all that is due; says whether the run is over.
    fn catch_up(&mut self) -> bool {
        self.let_ended_processes_go();
        self.world.get_mut().time_out();
        self.world.get_mut().client_timers();
        loop {
            let due = self.due.get(self.next_due).filter(|(at, _)| *at <= self.now).copied();
            let op = self.plan.ops.get(self.next_op).filter(|op| op.at <= self.now).copied();
            match (due, op) {
                (Some((at, _)), Some(op)) if op.at < at => self.op(&op),
                (None, Some(op)) => self.op(&op),
                (Some((_, due)), _) => {
                    self.next_due += 1;
                    if self.step(due) {
                        return true;
                    }
                }
                (None, None) => return false,
            }
        }
    }

    fn op(&mut self, op: &OpPlan) {
        self.next_op += 1;
        if op.when.is_some() {
            return;
        }
        let mut world = self.world.get_mut();
        let world = &mut *world;
        let slot = &mut world.clients[op.client.0 as usize];
        slot.client.on_op(&op.op, &mut world.rec);
        slot.wake();
    }

    fn step(&mut self, due: Due) -> bool {
        match due {
            Due::Phase(number) => return self.enter(number),
            Due::Start(node) => self.start(node),
            Due::FaultOn(at) => self.fault(at, true),
            Due::FaultOff(at) => self.fault(at, false),
        }
        false
    }

    fn enter(&mut self, number: usize) -> bool {
        match Phase::ALL.get(number).copied() {
            Some(phase) => {
                if phase == Phase::Drain {
                    self.snapshots(Phase::Quiesce);
                }
                self.world.get_mut().rec.event(Kind::Phase { phase });
                false
            }
            None => {
                self.snapshots(Phase::Drain);
                self.world.get_mut().rec.event(Kind::End);
                true
            }
        }
    }

    /// Writes down how many bytes wait for clients, where that is another quarter of what may wait,
    /// or too much.
    fn measure(&mut self) {
        let query = ConnectionQuery { open: true, ..ConnectionQuery::default() };
        for (id, _) in (0..).map(NodeId).zip(&self.plan.nodes) {
            let Some(driver) = self.world.get().node(id).driver.clone() else { continue };
            let mut world = self.world.get_mut();
            let limit = world.rec.history.header.nodes[usize::from(id.0)].max_pending.max(4);
            let incarnation = world.node(id).incarnation;
            let waiting = driver.inspect(|node| {
                // Most of the time nothing waits for anybody.
                let some = node.footprint().pending_bytes >= limit / 4;
                if some { node.connection_reports(&query) } else { Vec::new() }
            });
            for one in waiting {
                let Some(client) = world.client_at(one.peer) else { continue };
                let pending = one.pending_bytes;
                let height = self.heights.entry((id, incarnation, one.cid)).or_default();
                let more = pending / (limit / 4) > *height / (limit / 4);
                if more || (pending > limit && pending > *height) {
                    *height = pending;
                    world.rec.event(Kind::Backlog { node: id, client, pending });
                }
            }
        }
    }

    /// Asks every node that runs what it knows.
    fn snapshots(&self, phase: Phase) {
        for (id, _) in (0..).map(NodeId).zip(&self.plan.nodes) {
            let Some(driver) = self.world.get().node(id).driver.clone() else { continue };
            let mut world = self.world.get_mut();
            world.running = Some(id);
            let World { rec, clients, .. } = &mut *world;
            let client_at = |peer| caller(clients, peer);
            let seen = driver.inspect(|node| snapshot(self.plan, rec, id, node, phase, client_at));
            world.rec.event(Kind::Snapshot(Box::new(seen)));
            world.running = None;
        }
    }

    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> RunEnd {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let mut world = self.world.get_mut();
        if let Some(message) = world.stuck.clone() {
            return RunEnd::Stuck { message };
        }
        if let Some(node) = world.running {
            world.rec.event(Kind::NodeDown { node, how: NodeDownHow::Panicked });
        }
        world.rec.event(Kind::End);
        RunEnd::Panicked { message: text.unwrap_or_else(|| "a panic without a text".to_owned()) }
    }
}

/// Everything of the plan but the operations, by time; in the pure engine's order where times are
/// equal.
fn due(plan: &Plan) -> Vec<(u64, Due)> {
    let phases = (0..).zip(plan.bounds.phases_ns).map(|(number, at)| (at, Due::Phase(number)));
    let nodes = (0..).map(NodeId).zip(&plan.nodes);
    let starts = nodes.map(|(id, node)| (node.start_ns, Due::Start(id)));
    let mut due: Vec<(u64, Due)> = phases.chain(starts).collect();
    for (at, fault) in plan.faults.iter().enumerate() {
        due.push((fault.at, Due::FaultOn(at)));
        if fault.lasts > 0 && !fault.stays() {
            due.push((fault.end(), Due::FaultOff(at)));
        }
    }
    due.sort_by_key(|(at, _)| *at);
    due
}

/// Processes.
impl Engine<'_> {
    /// A node's process starts, unless it runs.
    fn start(&mut self, id: NodeId) {
        let ip = {
            let mut world = self.world.get_mut();
            let slot = world.node_mut(id);
            if slot.up {
                return;
            }
            slot.up = true;
            slot.exited = false;
            slot.commands.clear();
            slot.incarnation += 1;
            let incarnation = slot.incarnation;
            world.rec.event(Kind::NodeUp { node: id, incarnation, pool_size: None });
            world.roads.ip(Site::Node(id))
        };
        self.sim.bounce(ip);
    }

    /// A node's process ends, whatever it was doing; its machine closes its connections.
    fn end_process(&mut self, id: NodeId, how: NodeDownHow) {
        let ip = {
            let mut world = self.world.get_mut();
            let slot = world.node_mut(id);
            if !slot.up {
                return;
            }
            slot.up = false;
            world.rec.event(Kind::NodeDown { node: id, how });
            world.roads.ip(Site::Node(id))
        };
        // The machine runs nothing from now on, and all that it ran is dropped.
        self.sim.bounce(ip);
    }

    fn let_ended_processes_go(&mut self) {
        for (id, _) in (0..).map(NodeId).zip(&self.plan.nodes) {
            let exited = std::mem::take(&mut self.world.get_mut().node_mut(id).exited);
            if exited {
                self.end_process(id, NodeDownHow::Exited);
            }
        }
    }

    fn command(&self, id: NodeId, command: Command) {
        let mut world = self.world.get_mut();
        let slot = world.node_mut(id);
        if slot.up {
            slot.commands.push_back(command);
            slot.wake();
        }
    }

    /// Processes that have not ended by now are killed; then all start again.
    fn restart(&mut self, process: &ProcessPlan) {
        for &node in &process.nodes {
            self.end_process(node, NodeDownHow::Killed);
            if process.new_port {
                self.world.get_mut().node_mut(node).route_port_shift += 1;
            }
            self.start(node);
        }
    }
}

/// Faults.
impl Engine<'_> {
    fn fault(&mut self, at: usize, on: bool) {
        let plan = self.plan;
        let Some(fault) = plan.faults.get(at).filter(|fault| capability::has_fault(fault)) else {
            return;
        };
        self.world.get_mut().rec.event(fault_event(plan, fault, on));
        match &fault.action {
            FaultAction::Cut { between, blackhole } => self.cut(between, *blackhole, on),
            FaultAction::Reset(between) => {
                for (from, to) in between.pairs().filter(|_| on) {
                    self.world.get_mut().reset(from, to);
                }
            }
            FaultAction::Refuse(between) => {
                for (from, to) in between.pairs() {
                    self.world.get_mut().roads.refuse(from, to, on);
                }
            }
            FaultAction::Degrade { between, latency_ns, jitter_ns, .. } => {
                let added = on.then_some((*latency_ns, *jitter_ns));
                for (from, to) in between.pairs() {
                    self.world.get_mut().roads.degrade(from, to, fault.id, added);
                    self.set_latency(from, to);
                }
            }
            FaultAction::Crash(process) if on => {
                for &node in &process.nodes {
                    self.end_process(node, NodeDownHow::Killed);
                }
            }
            FaultAction::Stop(process) if on => {
                process.nodes.iter().for_each(|&node| self.command(node, Command::Shutdown));
            }
            FaultAction::LameDuck(process) if on => {
                process.nodes.iter().for_each(|&node| self.command(node, Command::LameDuck));
            }
            FaultAction::Crash(process)
            | FaultAction::Stop(process)
            | FaultAction::LameDuck(process) => self.restart(process),
            // The capability table has them as gaps.
            FaultAction::Conns { .. } | FaultAction::Dns(_) | FaultAction::Host(_) => {}
            FaultAction::StopReading(clients) => {
                for &client in clients {
                    self.stop_reading(client, on);
                }
            }
        }
    }

    fn cut(&self, between: &Sides, blackhole: bool, on: bool) {
        for (from, to) in between.pairs() {
            if on {
                self.world.get_mut().cut(from, to);
                if blackhole {
                    self.world.get_mut().kill_silently(from, to);
                }
            }
            if !on {
                self.world.get_mut().roads.heal(from, to);
            }
            self.set_hold(from, to);
        }
        if !on {
            // Only when all ways of the fault are open: TCP hears of both at once.
            for (from, to) in between.pairs() {
                self.world.get_mut().healed(from, to);
            }
        }
    }

    fn stop_reading(&self, client: ClientId, on: bool) {
        let mut world = self.world.get_mut();
        let slot = world.client_mut(client);
        slot.stopped = if on { slot.stopped + 1 } else { slot.stopped.saturating_sub(1) };
        let stopped = slot.stopped > 0;
        slot.client.on_deaf(stopped);
        slot.wake();
    }

    /// Where nothing passes either way, turmoil keeps what is under way, and FIN and RST of
    /// processes that die meanwhile, until something passes again.
    fn set_hold(&self, a: Site, b: Site) {
        let (ip_a, ip_b, held) = {
            let roads = &self.world.get().roads;
            (roads.ip(a), roads.ip(b), roads.is_cut(a, b) && roads.is_cut(b, a))
        };
        if held {
            self.sim.hold(ip_a, ip_b);
        } else {
            self.sim.release(ip_a, ip_b);
        }
    }

    fn set_latency(&self, a: Site, b: Site) {
        let (ip_a, ip_b, (least, most)) = {
            let roads = &self.world.get().roads;
            (roads.ip(a), roads.ip(b), roads.latency(a, b))
        };
        self.sim.set_link_latency(ip_a, ip_b, Duration::from_nanos(least));
        self.sim.set_link_max_message_latency(ip_a, ip_b, Duration::from_nanos(most));
    }
}
