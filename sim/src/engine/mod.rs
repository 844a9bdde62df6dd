//! The pure engine: all nodes and clients of a plan in one thread, on one event heap.
//!
//! Nodes are [`causeway_core::Node`]s, driven exactly as the run loop in that crate's documentation
//! says; clients are state machines of their own; between them is the modelled network. Nothing
//! here reads a clock, starts a thread or asks the operating system for anything, so a plan gives
//! the same history and the same hash on any machine.

mod anchors;
mod clients;
mod clock;
mod conns;
mod dials;
mod disks;
mod drive;
mod faults;
mod host;
mod host_faults;
#[cfg(test)]
mod host_tests;
mod names;
#[cfg(test)]
mod operator_tests;
mod record;
mod said;
mod snapshot;
mod tap;
#[cfg(test)]
mod tests;
mod waiting;
mod wires;

pub use clients::{Allowance, Reader};
pub use faults::fault_event;
pub use names::{CLIENT_PORT, Names, ROUTE_PORT, Target};
pub use record::Recorder;
pub use snapshot::snapshot;
pub use tap::Tap;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causeway_core::link::rx::RxBuf;
use causeway_core::{Effects, TraceMask};

use crate::client::{Client, Known};
use crate::history::{History, Kind, NodeDownHow, Phase};
use crate::ids::{ClientId, NodeId};
use crate::net::{Links, Net};
use crate::plan::{FaultAction, Plan};
use crate::queue::{Due, Queue};
use crate::run::{RunEnd, RunOptions, RunOutcome};
use anchors::{Anchors, Waits};
use dials::Dials;
use host::Host;
use wires::Owner;

/// Nodes read at most this many bytes at once.
const READ_BYTES: usize = 64 << 10;

/// So many steps without any progress of time are a loop without end.
const STEPS_PER_INSTANT_MAX: u64 = 2_000_000;

/// After so many steps, one node is asked whether all is well inside; the next time another one.
const STEPS_PER_CHECK: u64 = 8_192;

/// Runs a plan. Never fails, but may end early: see [`RunEnd`].
#[must_use]
pub fn run(plan: &Plan, mut options: RunOptions<'_>) -> RunOutcome {
    let mut engine = Engine::new(plan, options.without_wire);
    // A panic leaves the engine as it was in the middle of a step: good enough to say what happened
    // before, and nothing else is done with it.
    let caught = catch_unwind(AssertUnwindSafe(|| engine.run(&mut options)));
    let end = caught.unwrap_or_else(|panic| {
        engine.panicked();
        RunEnd::Panicked { message: panic_message(panic.as_ref()) }
    });
    engine.outcome(end)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

/// The world of one run.
struct Engine<'p> {
    plan: &'p Plan,
    now: u64,
    steps: u64,
    queue: Queue,
    net: Net<Owner>,
    names: Names,
    hosts: Vec<Host>,
    clients: Vec<ClientSlot>,
    dials: Dials,
    rec: Recorder,
    /// The next operation of the plan.
    next_op: usize,
    /// The node whose code runs, for blaming it if it panics.
    running: Option<NodeId>,
    /// By the slots of connections.
    taps: Vec<Option<Box<Tap>>>,
    rx: RxBuf,
    fx: Effects,
    /// Inputs of a node may have to wait, as far as the plan says.
    may_wait: bool,
    /// What got what it waited for too late.
    too_late: Vec<Waits>,
    /// What was waited for in vain, once the run is over.
    never_came: Vec<String>,
}

/// A client and what the engine knows of it.
struct ClientSlot {
    client: Client,
    conn: Option<crate::net::ConnId>,
    dial: Option<u32>,
    /// When it will be woken, as far as the heap knows.
    wake: u64,
    reader: Reader,
    /// How many faults keep it from reading.
    stopped: u32,
    /// How often a dial of it succeeded.
    dials: u64,
}

impl<'p> Engine<'p> {
    fn new(plan: &'p Plan, without_wire: bool) -> Self {
        let network = &plan.network;
        let net = Net::new(
            Links::of(plan),
            network.window,
            network.tcp_timeout_ns,
            network.chunking,
            plan.seed,
        );
        let names = Names::of(plan);
        let mut header = plan.header("pure");
        for (id, node) in (0..).map(NodeId).zip(&mut header.nodes) {
            // What a node says of itself is known beforehand only if it stays where it is.
            if !plan.faults.iter().any(|fault| fault.action.moves_address_of(id)) {
                node.url = names.client_url(id);
            }
        }
        let joiners = plan.joiners();
        let hosts = (0..).map(NodeId).zip(&plan.nodes);
        let hosts =
            hosts.map(|(id, node)| Host::new(plan.seed, id, node, joiners.contains(&id))).collect();
        let history = History { header, events: Vec::new(), symbols: plan.symbols.clone() };
        let known = Arc::new(Known::of(plan));
        let clients = (0..).map(ClientId).zip(&plan.clients).map(|(id, client)| ClientSlot {
            client: Client::new(id, client.clone(), plan.seed).knowing(&known, plan.seed),
            conn: None,
            dial: None,
            wake: u64::MAX,
            reader: Reader::new(client.read_rate),
            stopped: 0,
            dials: 0,
        });
        let mut engine = Self {
            plan,
            now: 0,
            steps: 0,
            queue: Queue::default(),
            net,
            names,
            hosts,
            clients: clients.collect(),
            dials: Dials::default(),
            rec: Recorder::new(history, plan.seed, without_wire),
            next_op: 0,
            running: None,
            taps: Vec::new(),
            rx: RxBuf::new(READ_BYTES),
            fx: Effects {
                trace_mask: TraceMask { messages: !without_wire, ..TraceMask::default() },
                ..Effects::default()
            },
            too_late: Vec::new(),
            never_came: Vec::new(),
            may_wait: plan.faults.iter().any(|fault| match &fault.action {
                FaultAction::Host(host) => host.delays_inputs(),
                FaultAction::Cut { .. }
                | FaultAction::Conns { .. }
                | FaultAction::Reset(_)
                | FaultAction::Refuse(_)
                | FaultAction::Degrade { .. }
                | FaultAction::Crash(_)
                | FaultAction::Stop(_)
                | FaultAction::LameDuck(_)
                | FaultAction::Dns(_)
                | FaultAction::StopReading(_) => false,
            }),
        };
        engine.rec.anchors = Anchors::of(plan);
        engine.schedule();
        engine
    }

    /// Puts everything of the plan into the heap, but for the operations: those come in order by
    /// themselves.
    fn schedule(&mut self) {
        for (phase, at) in (0u8..).zip(self.plan.bounds.phases_ns) {
            self.queue.push(at, Due::Phase(phase));
        }
        for (node, plan) in (0..).map(NodeId).zip(&self.plan.nodes) {
            self.queue.push(plan.start_ns, Due::Start(node));
        }
        for (at, fault) in (0u32..).zip(&self.plan.faults) {
            self.queue.push(fault.at, Due::FaultOn(at));
            if fault.lasts > 0 && !fault.stays() && fault.when.is_none() {
                self.queue.push(fault.end(), Due::FaultOff(at));
            }
        }
    }

    fn run(&mut self, options: &mut RunOptions<'_>) -> RunEnd {
        let interval = options.watch.as_ref().map_or(0, |watch| watch.interval());
        let lines = options.watch.as_ref().is_some_and(|watch| watch.wants_lines());
        let until = options.until_step.unwrap_or(u64::MAX);
        let mut instant = (0, 0);
        while self.steps < until {
            let Some((at, due)) = self.next() else { return RunEnd::Complete };
            assert!(at >= self.now, "time does not go back to {at} ns for {due:?}");
            if at > instant.0 {
                instant = (at, self.steps);
            } else if self.steps - instant.1 > STEPS_PER_INSTANT_MAX {
                // No fault keeps time from passing.
                let message =
                    format!("no end of steps at {at} ns, a liveness bug; the last was {due:?}");
                return RunEnd::Stuck { message };
            }
            self.now = at;
            self.rec.now = at;
            self.rec.hash.word(at);
            self.rec.hash.word(due.digest());
            if lines && let Some(watch) = &mut options.watch {
                watch.line(self.steps, at, &self.describe(due));
            }
            self.steps += 1;
            if due == Due::Phase(Phase::ALL.len() as u8) {
                self.finish();
                return RunEnd::Complete;
            }
            self.step(due);
            if self.rec.anchors.is_some() {
                self.begin_anchored();
            }
            if self.steps.is_multiple_of(STEPS_PER_CHECK) {
                self.check(self.steps / STEPS_PER_CHECK);
            }
            if interval > 0
                && self.steps.is_multiple_of(interval)
                && let Some(watch) = &mut options.watch
                && watch.checkpoint(self.steps, self.rec.hash.value()).is_break()
            {
                return RunEnd::Cut;
            }
        }
        RunEnd::Cut
    }

    /// Asks one node whether its invariants hold. A node that answers no panics.
    fn check(&mut self, turn: u64) {
        let at = (turn % self.hosts.len().max(1) as u64) as usize;
        if let Some(process) = self.hosts.get(at).and_then(|host| host.process.as_ref()) {
            self.running = u16::try_from(at).ok().map(NodeId);
            process.node.check_invariants();
            self.running = None;
        }
    }

    /// The next thing: of the heap, or of the plan's operations.
    fn next(&mut self) -> Option<(u64, Due)> {
        if let Some(op) = self.plan.ops.get(self.next_op)
            && self.queue.op_is_first(op.at)
        {
            let at = self.next_op;
            self.next_op += 1;
            return Some((op.at, Due::Op(u32::try_from(at).unwrap_or(u32::MAX))));
        }
        self.queue.pop()
    }

    fn step(&mut self, due: Due) {
        if !(self.may_wait && self.must_wait(due)) {
            self.step_now(due);
        }
    }

    fn step_now(&mut self, due: Due) {
        match due {
            Due::Phase(number) => self.enter(number),
            Due::FaultOn(at) => self.fault_on(at as usize),
            Due::FaultOff(at) => self.fault_off(at as usize),
            Due::Start(node) => self.start(node),
            Due::LinkClosed(node, slot) => self.link_closed(node, slot),
            Due::Verified(node, slot, generation, ok) => self.verified(node, slot, generation, ok),
            Due::Linger(node, incarnation, link) => self.linger_over(node, incarnation, link),
            Due::Disk(node, number) => self.disk_ends(node, number),
            Due::Tick(node, incarnation) => self.tick(node, incarnation),
            Due::Free(node, incarnation) => self.free(node, incarnation),
            Due::Syn(dial) => self.syn(dial),
            Due::SynAck(dial) => self.syn_ack(dial),
            Due::DialTimeout(dial) => self.dial_timeout(dial),
            Due::Pipe(conn, side) => self.pipe(conn, side),
            Due::Space(conn, side) => self.space(conn, side),
            Due::Unacked(conn, side) => self.unacked(conn, side),
            Due::Reset(conn, side) => self.reset_arrives(conn, side),
            Due::Drained(conn, side) => self.net.drained(self.now, conn, side, &mut self.queue),
            Due::Client(client) => self.client_timer(client),
            Due::Op(at) => self.op_or_wait(at as usize),
            Due::LateOp(at) => self.op(at as usize),
        }
    }

    fn enter(&mut self, number: u8) {
        let Some(phase) = Phase::ALL.get(usize::from(number)).copied() else { return };
        if phase == Phase::Drain {
            self.snapshots(Phase::Quiesce);
        }
        self.rec.event(Kind::Phase { phase });
    }

    fn finish(&mut self) {
        self.snapshots(Phase::Drain);
        self.rec.event(Kind::End);
        self.never_came = self.still_waiting();
    }

    fn panicked(&mut self) {
        if let Some(node) = self.running {
            self.rec.event(Kind::NodeDown { node, how: NodeDownHow::Panicked });
        }
        self.rec.event(Kind::End);
    }

    fn outcome(self, end: RunEnd) -> RunOutcome {
        RunOutcome {
            trace_hash: self.rec.hash.value(),
            steps: self.steps,
            broker_events: self.rec.broker_events,
            sim_ns: self.now,
            history: self.rec.history,
            gaps: Vec::new(),
            never_came: self.never_came,
            end,
        }
    }

    /// One step in words.
    fn describe(&self, due: Due) -> String {
        let conn = |id: crate::net::ConnId, side: crate::net::Side| self.conn_words(id, side);
        match due {
            Due::Phase(number) => match Phase::ALL.get(usize::from(number)) {
                Some(phase) => format!("phase {}", phase.name()),
                None => "end".to_owned(),
            },
            Due::FaultOn(at) => match self.plan.faults.get(at as usize) {
                Some(fault) => {
                    let text = self.plan.fault_text(fault);
                    match &fault.when {
                        Some(when) if self.still_waits(at as usize) => {
                            let what = when.text(self.plan);
                            format!("fault {} waits for {what}: {text}", fault.id)
                        }
                        _ => format!("fault {} begins: {text}", fault.id),
                    }
                }
                None => "fault".to_owned(),
            },
            Due::FaultOff(at) => format!("fault {at} ends"),
            Due::Start(node) => format!("{} starts", self.plan.node_name(node)),
            Due::LinkClosed(node, slot) => {
                format!("{} link {slot} is closed", self.plan.node_name(node))
            }
            Due::Verified(node, slot, _, ok) => {
                format!("{} link {slot} verified: {ok}", self.plan.node_name(node))
            }
            Due::Linger(node, _, link) => {
                format!("{} link {} lingers no longer", self.plan.node_name(node), link.slot)
            }
            Due::Disk(node, number) => {
                format!("{} disk operation {number} ends", self.plan.node_name(node))
            }
            Due::Tick(node, _) => format!("{} tick", self.plan.node_name(node)),
            Due::Free(node, _) => format!("{} takes what waited", self.plan.node_name(node)),
            Due::Syn(dial) | Due::SynAck(dial) | Due::DialTimeout(dial) => {
                format!("{due:?} {}", self.dial_words(dial))
            }
            Due::Pipe(id, side) => format!("bytes {}", conn(id, side)),
            Due::Space(id, side) => format!("room {}", conn(id, side)),
            Due::Unacked(id, side) => format!("unacknowledged {}", conn(id, side)),
            Due::Reset(id, side) => format!("reset for the writer of {}", conn(id, side)),
            Due::Drained(id, side) => format!("no more is dropped of {}", conn(id, side.other())),
            Due::Client(client) => format!("{} timer", self.plan.client_name(client)),
            Due::Op(at) | Due::LateOp(at) => match self.plan.ops.get(at as usize) {
                Some(op) => {
                    let name = self.plan.client_name(op.client);
                    let waits = op.when.filter(|_| matches!(due, Due::Op(_)));
                    match waits.and_then(|later| self.plan.condition_of(later)) {
                        Some(condition) => {
                            format!("{name} waits for {}: {:?}", condition.text(self.plan), op.op)
                        }
                        None => format!("{name} {:?}", op.op),
                    }
                }
                None => "operation".to_owned(),
            },
        }
    }
}
