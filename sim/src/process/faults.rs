//! What the plan's faults do to the network and to processes.

use std::path::Path;

use causeway_sim_process::{Degrade, Place, Side, Signal, Slice};

use super::engine::Engine;
use super::nodes::Member;
use super::store::{self, Hit};
use super::{capability, node_place, place};
use crate::engine::fault_event;
use crate::history::{Kind, StreamEvent};
use crate::ids::{NodeId, StreamNo};
use crate::plan::{
    ConnsFault, DiskDamage, DiskFault, FaultAction, FaultPlan, HostFault, HostWhat, ProcessPlan,
    Sides, Ways,
};
use crate::scenario::Way;

fn pairs(between: &Sides) -> impl Iterator<Item = (Place, Place)> + '_ {
    between.pairs().map(|(from, to)| (place(from), place(to)))
}

/// The two sides as pairs of places, whatever the ways.
fn across(between: &Sides) -> impl Iterator<Item = (Place, Place)> + '_ {
    between.a.iter().flat_map(|a| between.b.iter().map(move |b| (place(*a), place(*b))))
}

impl Engine<'_> {
    /// A fault begins or ends.
    pub(super) fn fault(&mut self, at: usize, on: bool) {
        let plan = self.plan;
        let Some(fault) = plan.faults.get(at).filter(|fault| capability::has_fault(fault)) else {
            return;
        };
        if !on {
            self.look_back(fault);
        }
        self.rec.event(fault_event(plan, fault, on));
        match &fault.action {
            FaultAction::Cut { between, blackhole } => self.cut(fault, between, *blackhole, on),
            FaultAction::Conns { between, what } => self.conns_fault(fault, between, *what, on),
            FaultAction::Reset(between) => {
                if on {
                    pairs(between).for_each(|(from, to)| _ = self.net.reset(from, to));
                }
            }
            FaultAction::Refuse(between) => self.refuse(fault, between, on),
            FaultAction::Degrade { between, latency_ns, jitter_ns, bandwidth, .. } => {
                let (latency_ns, jitter_ns, bandwidth) = (*latency_ns, *jitter_ns, *bandwidth);
                let by = on.then_some(Degrade { latency_ns, jitter_ns, bandwidth });
                pairs(between).for_each(|(from, to)| self.net.degrade(from, to, fault.id, by));
                if on {
                    self.proofs.is_slow(fault.id, pairs(between), latency_ns);
                }
            }
            FaultAction::Crash(process)
            | FaultAction::Stop(process)
            | FaultAction::LameDuck(process)
                if !on =>
            {
                self.restart(process);
            }
            FaultAction::Crash(process) => process.nodes.iter().for_each(|&node| self.kill(node)),
            FaultAction::Stop(process) => {
                process.nodes.iter().for_each(|&node| self.ask(node, Signal::TERM));
            }
            FaultAction::LameDuck(process) => {
                process.nodes.iter().for_each(|&node| self.ask(node, Signal::USR2));
            }
            FaultAction::StopReading(clients) => {
                clients.iter().for_each(|&client| self.stop_reading(client, on));
            }
            FaultAction::Host(host) => {
                host.nodes.iter().for_each(|&node| self.host_fault(at, node, host, on));
            }
            // The capability table has it as a gap.
            FaultAction::Dns(_) => {}
        }
    }

    /// A fault that is about to end: was it in force?
    pub(super) fn look_back(&mut self, fault: &FaultPlan) {
        self.proofs.look_back(fault.id, fault.action.kind().name(), &mut self.net);
        if fault.action.kind().cuts() {
            self.no_detours();
        }
    }

    /// Nobody goes round the network.
    pub(super) fn no_detours(&mut self) {
        let pids = self.pids();
        self.proofs.no_detours(&pids, &self.net);
    }

    fn cut(&mut self, fault: &FaultPlan, between: &Sides, blackhole: bool, on: bool) {
        for (from, to) in pairs(between) {
            self.net.cut(from, to, on);
            if blackhole && on {
                self.net.kill_silently(from, to);
            }
        }
        if on {
            self.proofs.stands_still(fault.id, pairs(between), false, &self.net);
            self.no_detours();
        }
    }

    fn refuse(&mut self, fault: &FaultPlan, between: &Sides, on: bool) {
        pairs(between).for_each(|(from, to)| self.net.refuse(from, to, on));
        if on {
            self.proofs.stands_still(fault.id, pairs(between), true, &self.net);
        }
    }

    fn conns_fault(&mut self, fault: &FaultPlan, between: &Sides, what: ConnsFault, on: bool) {
        match what {
            ConnsFault::Hold => {
                pairs(between).for_each(|(from, to)| self.net.hold(from, to, on));
                if on {
                    self.proofs.stands_still(fault.id, pairs(between), false, &self.net);
                }
            }
            ConnsFault::CutStream { after, fin } if on => {
                let net = &mut self.net;
                pairs(between).for_each(|(from, to)| net.break_streams(from, to, after, fin));
            }
            ConnsFault::CutStream { .. } => {
                pairs(between).for_each(|(from, to)| self.net.spare_streams(from, to));
            }
            ConnsFault::Slice { bytes, every_ns } => {
                let slice = on.then_some(Slice { bytes, every_ns });
                pairs(between).for_each(|(from, to)| self.net.slice(from, to, fault.id, slice));
            }
            // A kernel here has always answered before the engine can refuse.
            ConnsFault::HangUp => self.refuse(fault, between, on),
            ConnsFault::HalfOpen if on => self.open_half(fault, between),
            // The capability table has the latter as a gap.
            ConnsFault::HalfOpen | ConnsFault::Rebind => {}
        }
    }

    /// One end of each connection is reset, without a word to the other.
    fn open_half(&mut self, fault: &FaultPlan, between: &Sides) {
        for (a, b) in across(between) {
            let found: Vec<_> = self.net.between(a, b).collect();
            for (id, [caller, _]) in found {
                let of = [u64::from(fault.id), u64::from(id.0)];
                let first = match between.ways {
                    Ways::Forward => true,
                    Ways::Backward => false,
                    Ways::Both => self.stream("half_open", &of).below(2) == 0,
                };
                let hit = if first { a } else { b };
                let side = if caller == hit { Side::Caller } else { Side::Callee };
                self.net.open_half(id, side);
            }
        }
    }

    /// Processes that have not ended by now are killed; then all start again.
    fn restart(&mut self, process: &ProcessPlan) {
        for &node in &process.nodes {
            self.kill(node);
            if process.new_port {
                self.new_door(node);
            }
            self.start(node);
        }
    }

    fn host_fault(&mut self, at: usize, node: NodeId, host: &HostFault, on: bool) {
        match &host.what {
            HostWhat::Pause if on => self.pause(node),
            HostWhat::Pause => self.resume(node),
            HostWhat::PowerLoss { .. } if on => self.lose_power(node),
            HostWhat::PowerLoss { new_port } => self.regain_power(node, *new_port),
            HostWhat::Restart(restart) if on => match restart.by {
                Way::Stop if self.node(node).process.is_some() => {
                    self.node(node).restarting = Some(at);
                    self.ask(node, Signal::TERM);
                }
                Way::Stop | Way::Crash => {
                    self.kill(node);
                    self.begin_again(node, at);
                }
            },
            HostWhat::Restart(_) => {
                // It had its time to end.
                if self.node(node).restarting.take_if(|fault| *fault == at).is_some() {
                    self.kill(node);
                    self.begin_again(node, at);
                }
            }
            HostWhat::Join if on => {
                self.node(node).member = Member::Is;
                self.start(node);
            }
            HostWhat::Join => {}
            HostWhat::Leave if on => {
                self.node(node).member = Member::Left;
                self.node(node).restarting = None;
                self.ask(node, Signal::USR2);
            }
            HostWhat::Leave => self.kill(node),
            HostWhat::Reload(_) => {
                let reloads = &mut self.node(node).reloads;
                if on {
                    reloads.push(at);
                } else {
                    reloads.retain(|reload| *reload != at);
                }
                self.reload(node);
            }
            HostWhat::Disk(DiskFault::Damage { what, times }) if on => {
                self.damage(at, node, *what, *times);
            }
            // The capability table has them as gaps.
            HostWhat::SlowCpu(_)
            | HostWhat::Clock(_)
            | HostWhat::Upgrade(_)
            | HostWhat::Disk(_) => {}
        }
    }

    /// Takes down how the files are that a fault will make stale.
    pub(super) fn remember(&mut self, at: usize) {
        let Some(FaultAction::Host(host)) = self.plan.faults.get(at).map(|fault| &fault.action)
        else {
            return;
        };
        for node in &host.nodes {
            let slot = self.node(*node);
            // Whatever could not be copied cannot become stale, and that is looked at then.
            let _copied = store::remember(&slot.store(), &slot.copy());
        }
    }

    fn damage(&mut self, at: usize, node: NodeId, what: DiskDamage, times: u64) {
        let mut draws = self.stream("damage", &[at as u64, u64::from(node.0)]);
        let (store, copy) = (self.node(node).store(), self.node(node).copy());
        let name = self.plan.node_name(node).to_owned();
        match store::damage(&store, &copy, what, times, &mut draws) {
            Ok(hits) if hits.is_empty() => {
                self.proofs.fails(format!("no file of {name} could be hit by `{}`", what.name()));
            }
            Ok(hits) => {
                if let Some(shadow) = &mut self.node(node).shadow {
                    shadow.is_damaged();
                }
                for Hit { path, .. } in hits.iter().filter(|hit| hit.vanished) {
                    self.vanished(node, path);
                }
            }
            Err(error) => {
                self.proofs.fails(format!("`{}` did not hit {name}: {error}", what.name()));
            }
        }
    }

    /// The last file of a stream is gone.
    fn vanished(&mut self, node: NodeId, path: &Path) {
        let streams = (0..).map(StreamNo).zip(&self.plan.streams);
        let is_in = |name: &str| path.iter().any(|part| part == name);
        let mut of_file = streams.filter(|(_, it)| it.node == node && is_in(&it.name));
        if let Some((stream, _)) = of_file.next() {
            self.rec.event(Kind::Stream(Box::new(StreamEvent::Vanished { stream })));
        }
    }

    /// The machine is off: nobody hears of it, and of what was under way nothing comes.
    fn lose_power(&mut self, node: NodeId) {
        self.node(node).off += 1;
        let here = node_place(node);
        for there in self.everywhere_else(here) {
            self.net.cut(here, there, true);
            self.net.cut(there, here, true);
        }
        self.kill(node);
        if let Some(shadow) = &mut self.node(node).shadow
            && let Err(error) = shadow.lose_power()
        {
            let name = self.plan.node_name(node).to_owned();
            self.proofs.fails(format!("the power loss of {name} is not known to be one: {error}"));
        }
    }

    fn regain_power(&mut self, node: NodeId, new_port: bool) {
        let slot = self.node(node);
        slot.off = slot.off.saturating_sub(1);
        if new_port {
            self.new_door(node);
        }
        let here = node_place(node);
        self.net.forgets(here);
        for there in self.everywhere_else(here) {
            self.net.cut(here, there, false);
            self.net.cut(there, here, false);
        }
        self.start(node);
    }
}
