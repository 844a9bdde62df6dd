//! Faults: what the plan does to the world.

use std::collections::BTreeSet;

use causeway_core::Command;

use super::Engine;
use super::anchors::Waits;
use super::host_faults::access_to;
use crate::history::{Fault, FaultKind, Kind, NodeDownHow};
use crate::ids::{NodeId, RegionId};
use crate::net::{Degrade, Place};
use crate::plan::{FaultAction, FaultPlan, Plan, ProcessPlan, Sides, Site};
use crate::queue::Due;

impl Engine<'_> {
    pub(super) fn fault_on(&mut self, at: usize) {
        let plan = self.plan;
        let Some(fault) = plan.faults.get(at) else { return };
        if self.still_waits(at) {
            self.rec.anchors.iter_mut().for_each(|anchors| anchors.arm(Waits::Fault(at)));
            return;
        }
        self.rec.event(fault_event(plan, fault, true));
        match &fault.action {
            FaultAction::Cut { between, blackhole } => {
                for (from, to) in self.ways(between) {
                    self.net.cut(self.now, from, to, &mut self.queue);
                    if *blackhole {
                        self.net.kill_silently(self.now, from, to, &mut self.queue);
                    }
                }
            }
            FaultAction::Conns { between, what } => self.conns_fault_on(fault, between, *what),
            FaultAction::Reset(between) => {
                for (from, to) in self.ways(between) {
                    let ids = self.net.between(from, to);
                    self.reset_between(&ids);
                }
            }
            FaultAction::Refuse(between) => {
                for (from, to) in self.ways(between) {
                    self.net.links.refuse(from, to, true);
                }
            }
            FaultAction::Degrade { between, latency_ns, jitter_ns, loss_ppm, bandwidth } => {
                let added = Degrade {
                    latency_ns: *latency_ns,
                    jitter_ns: *jitter_ns,
                    loss_ppm: *loss_ppm,
                    bandwidth: *bandwidth,
                };
                for (from, to) in self.ways(between) {
                    self.net.links.degrade(from, to, fault.id, Some(added));
                }
            }
            FaultAction::Crash(process) => {
                for node in &process.nodes {
                    self.end_process(*node, NodeDownHow::Killed);
                }
            }
            FaultAction::Stop(process) => {
                for node in &process.nodes {
                    self.command(*node, Command::Shutdown);
                }
            }
            FaultAction::LameDuck(process) => {
                for node in &process.nodes {
                    self.command(*node, Command::LameDuck);
                }
            }
            FaultAction::Dns(names) => self.names.lie(fault.id, &names.nodes, names.old),
            FaultAction::Host(host) => self.host_fault_on(at, fault.id, host),
            FaultAction::StopReading(clients) => {
                for client in clients {
                    self.client_stops_reading(*client, true);
                }
            }
        }
    }

    /// What has got what it waited for begins, unless it is too late.
    pub(super) fn begin_anchored(&mut self) {
        let come = self.rec.anchors.as_mut().map(super::anchors::Anchors::come);
        for of in come.into_iter().flatten() {
            match of {
                Waits::Fault(at) => self.begin_fault(at),
                Waits::Ops(first) => self.begin_ops(first),
            }
        }
    }

    fn begin_fault(&mut self, at: usize) {
        let Some(fault) = self.plan.faults.get(at) else { return };
        let Some(when) = &fault.when else { return };
        let begin = self.now.saturating_add(when.delay_ns);
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        if begin > when.until {
            self.too_late.push(Waits::Fault(at));
            return;
        }
        self.queue.push(begin, Due::FaultOn(number));
        if fault.lasts > 0 && !fault.stays() {
            self.queue.push(begin.saturating_add(fault.lasts), Due::FaultOff(number));
        }
    }

    /// The rest of what clients do is left out when its time is up; it is too late if that is all.
    fn begin_ops(&mut self, first: usize) {
        let mut any = false;
        for at in self.ops_of(first) {
            let Some(later) = self.plan.ops.get(at).and_then(|op| op.when) else { continue };
            let begin = self.now.saturating_add(later.delay_ns);
            if begin <= later.until {
                any = true;
                self.queue.push(begin, Due::LateOp(u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        if !any {
            self.too_late.push(Waits::Ops(first));
        }
    }

    /// The operations that wait for the same as the first of them, from the same time on.
    fn ops_of(&self, first: usize) -> Vec<usize> {
        let ops = &self.plan.ops;
        let Some(of) = ops.get(first) else { return Vec::new() };
        let same = |at: &usize| {
            let condition = |op: &crate::plan::OpPlan| op.when.map(|later| later.condition);
            condition(&ops[*at]) == condition(of)
        };
        let at_once = (first..ops.len()).take_while(|at| ops[*at].at == of.at);
        at_once.filter(same).collect()
    }

    pub(super) fn still_waits(&self, at: usize) -> bool {
        self.rec.anchors.as_ref().is_some_and(|anchors| anchors.waits(Waits::Fault(at)))
    }

    /// What never came, or too late, in words.
    pub(super) fn still_waiting(&self) -> Vec<String> {
        let Some(anchors) = &self.rec.anchors else { return Vec::new() };
        let mut texts = Vec::new();
        let mut say = |of: Waits, condition: String, whom: String| {
            if anchors.waits(of) {
                texts.push(format!("`{condition}` for {whom}"));
            } else if self.too_late.contains(&of) {
                texts.push(format!("`{condition}` in time for {whom}"));
            }
        };
        for (at, fault) in self.plan.faults.iter().enumerate() {
            let Some(when) = &fault.when else { continue };
            let whom = format!("fault {} ({})", fault.id, fault.action.kind().name());
            say(Waits::Fault(at), when.text(self.plan), whom);
        }
        for first in anchors.groups() {
            let op = self.plan.ops[first];
            let condition = op.when.and_then(|later| self.plan.condition_of(later));
            let Some(condition) = condition else { continue };
            let whom = format!("what {} does", self.plan.client_name(op.client));
            say(Waits::Ops(first), condition.text(self.plan), whom);
        }
        texts
    }

    pub(super) fn fault_off(&mut self, at: usize) {
        let plan = self.plan;
        let Some(fault) = plan.faults.get(at) else { return };
        self.rec.event(fault_event(plan, fault, false));
        match &fault.action {
            FaultAction::Cut { between, .. } => {
                for (from, to) in self.ways(between) {
                    self.net.heal(self.now, from, to, &mut self.queue);
                }
            }
            FaultAction::Conns { between, what } => self.conns_fault_off(fault, between, *what),
            FaultAction::Reset(_) => {}
            FaultAction::Refuse(between) => {
                for (from, to) in self.ways(between) {
                    self.net.links.refuse(from, to, false);
                }
            }
            FaultAction::Degrade { between, .. } => {
                for (from, to) in self.ways(between) {
                    self.net.links.degrade(from, to, fault.id, None);
                }
            }
            FaultAction::Crash(process)
            | FaultAction::Stop(process)
            | FaultAction::LameDuck(process) => self.restart(process),
            FaultAction::Dns(_) => self.names.lie_no_more(fault.id),
            FaultAction::Host(host) => self.host_fault_off(at, fault.id, host),
            FaultAction::StopReading(clients) => {
                for client in clients {
                    self.client_stops_reading(*client, false);
                }
            }
        }
    }

    /// Processes that have not ended by now are killed; then all start again.
    fn restart(&mut self, process: &ProcessPlan) {
        for node in &process.nodes {
            self.end_process(*node, NodeDownHow::Killed);
            if process.new_address {
                self.names.move_node(*node);
            }
            if process.new_port {
                self.hosts[usize::from(node.0)].route_port_shift += 1;
            }
            self.queue.push(self.now, Due::Start(*node));
        }
    }

    pub(super) fn ways(&self, between: &Sides) -> Vec<(Place, Place)> {
        let place = |site| self.net.links.place(site);
        between.pairs().map(|(from, to)| (place(from), place(to))).collect()
    }
}

/// A fault's beginning or end, as histories tell it.
#[must_use]
pub fn fault_event(plan: &Plan, fault: &FaultPlan, on: bool) -> Kind {
    let mut pairs: BTreeSet<(NodeId, NodeId)> = BTreeSet::new();
    let mut clients: BTreeSet<(RegionId, NodeId)> = BTreeSet::new();
    for (from, to) in fault.action.sides().into_iter().flat_map(Sides::pairs) {
        match (from, to) {
            (Site::Node(a), Site::Node(b)) => {
                pairs.insert((a, b));
            }
            (Site::Node(node), Site::Clients(region))
            | (Site::Clients(region), Site::Node(node)) => {
                clients.insert((region, node));
            }
            (Site::Clients(_), Site::Clients(_)) => {}
        }
    }
    let nodes = match &fault.action {
        FaultAction::Crash(process)
        | FaultAction::Stop(process)
        | FaultAction::LameDuck(process) => process.nodes.clone(),
        FaultAction::Host(host) => {
            if host.disturbs_clients() {
                clients.extend(access_to(plan, &host.nodes));
            }
            if host.is_unnoticed() { Vec::new() } else { host.nodes.clone() }
        }
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_) => Vec::new(),
    };
    let kind: FaultKind = fault.action.kind();
    Kind::Fault(Box::new(Fault {
        id: fault.id,
        on,
        kind,
        text: plan.fault_text(fault),
        nodes,
        pairs: pairs.into_iter().collect(),
        clients: clients.into_iter().collect(),
    }))
}
