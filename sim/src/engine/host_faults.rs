//! Faults of machines and their processes, apart from their plain ends.

use causeway_core::Command;

use super::Engine;
use crate::history::NodeDownHow;
use crate::ids::{NodeId, RegionId};
use crate::net::Place;
use crate::plan::{FaultAction, HostFault, HostWhat, Plan, Restart, Site};
use crate::queue::Due;
use crate::scenario::Way;

/// Which regions' clients a node's trouble keeps from it: all.
pub(super) fn access_to(plan: &Plan, nodes: &[NodeId]) -> Vec<(RegionId, NodeId)> {
    let regions = (0..).map(RegionId).zip(&plan.regions);
    regions.flat_map(|(region, _)| nodes.iter().map(move |node| (region, *node))).collect()
}

impl Engine<'_> {
    /// `at` is the fault's place in the plan.
    pub(super) fn host_fault_on(&mut self, at: usize, fault: u32, host: &HostFault) {
        for node in host.nodes.iter().copied() {
            match &host.what {
                HostWhat::Pause => self.pause_process(node, fault),
                HostWhat::SlowCpu(slow) => {
                    self.hosts[usize::from(node.0)].slow.insert(fault, *slow);
                }
                HostWhat::PowerLoss { .. } => self.lose_power(node),
                HostWhat::Restart(restart) => self.restart_begins(at, node, restart),
                HostWhat::Clock(wrong) => {
                    self.hosts[usize::from(node.0)].clock.upset(self.now, fault, *wrong);
                    self.arm(node);
                }
            }
        }
    }

    pub(super) fn host_fault_off(&mut self, at: usize, fault: u32, host: &HostFault) {
        for node in host.nodes.iter().copied() {
            match &host.what {
                HostWhat::Pause => self.resume_process(node, fault),
                HostWhat::SlowCpu(_) => {
                    self.hosts[usize::from(node.0)].slow.remove(&fault);
                }
                HostWhat::PowerLoss { new_port } => self.regain_power(node, *new_port),
                HostWhat::Clock(_) => {
                    self.hosts[usize::from(node.0)].clock.set_right(self.now, fault);
                    self.arm(node);
                }
                HostWhat::Restart(restart) => {
                    let restarting = &mut self.hosts[usize::from(node.0)].restarting;
                    if restarting.take_if(|fault| *fault == at).is_some() {
                        self.end_process(node, NodeDownHow::Killed);
                        self.begin_again(node, restart);
                    }
                }
            }
        }
    }

    fn lose_power(&mut self, id: NodeId) {
        let host = &mut self.hosts[usize::from(id.0)];
        host.off += 1;
        host.restarting = None;
        let here = self.net.links.place(Site::Node(id));
        self.end_process_unheard(id, here);
        for there in self.everywhere_else(here) {
            self.net.cut(self.now, here, there, &mut self.queue);
            self.net.cut(self.now, there, here, &mut self.queue);
        }
    }

    /// The machine is on again: what peers still send to it meets a kernel that knows nothing of it.
    fn regain_power(&mut self, id: NodeId, new_port: bool) {
        let host = &mut self.hosts[usize::from(id.0)];
        host.off = host.off.saturating_sub(1);
        host.route_port_shift += u16::from(new_port);
        let here = self.net.links.place(Site::Node(id));
        for there in self.everywhere_else(here) {
            self.net.heal(self.now, here, there, &mut self.queue);
            self.net.heal(self.now, there, here, &mut self.queue);
        }
        self.queue.push(self.now, Due::Start(id));
    }

    fn everywhere_else(&self, here: Place) -> impl Iterator<Item = Place> + use<> {
        self.net.links.all().filter(move |there| *there != here)
    }

    fn restart_begins(&mut self, at: usize, id: NodeId, restart: &Restart) {
        let runs = self.process(id).is_some();
        match restart.by {
            Way::Stop if runs => {
                self.hosts[usize::from(id.0)].restarting = Some(at);
                self.command(id, Command::Shutdown);
            }
            Way::Stop | Way::Crash => {
                self.end_process(id, NodeDownHow::Killed);
                self.begin_again(id, restart);
            }
        }
    }

    /// A process has ended by itself: it may be one that is to start again at once.
    pub(super) fn restart_ended(&mut self, id: NodeId) {
        let plan = self.plan;
        let Some(at) = self.hosts[usize::from(id.0)].restarting.take() else { return };
        if let Some(fault) = plan.faults.get(at)
            && let FaultAction::Host(HostFault { what: HostWhat::Restart(restart), .. }) =
                &fault.action
        {
            self.begin_again(id, restart);
        }
    }

    fn begin_again(&mut self, id: NodeId, restart: &Restart) {
        self.hosts[usize::from(id.0)].route_port_shift += u16::from(restart.new_port);
        if restart.new_address {
            self.names.move_node(id);
        }
        self.queue.push(self.now, Due::Start(id));
    }
}
