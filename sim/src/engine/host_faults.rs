//! Faults of machines and their processes, apart from their plain ends.

use causeway_core::Command;

use super::Engine;
use super::host::Membership;
use crate::history::NodeDownHow;
use crate::ids::{NodeId, RegionId};
use crate::net::Place;
use crate::plan::{FaultAction, HostFault, HostWhat, Plan, Site};
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
                HostWhat::Restart(restart) => self.restart_begins(at, node, restart.by, &host.what),
                HostWhat::Upgrade(_) => self.restart_begins(at, node, Way::Stop, &host.what),
                HostWhat::Join => self.join(node),
                HostWhat::Leave => self.leave(node),
                HostWhat::Reload(_) => {
                    self.hosts[usize::from(node.0)].reloads.push(at);
                    self.reload(node);
                }
                HostWhat::Disk(disk) => self.disk_fault_on(node, fault, *disk),
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
                HostWhat::Disk(_) => self.disk_fault_off(node, fault),
                HostWhat::Clock(_) => {
                    self.hosts[usize::from(node.0)].clock.set_right(self.now, fault);
                    self.arm(node);
                }
                HostWhat::Restart(_) | HostWhat::Upgrade(_) => {
                    let restarting = &mut self.hosts[usize::from(node.0)].restarting;
                    if restarting.take_if(|fault| *fault == at).is_some() {
                        self.end_process(node, NodeDownHow::Killed);
                        self.begin_again(node, &host.what);
                    }
                }
                HostWhat::Join => {}
                HostWhat::Leave => self.end_process(node, NodeDownHow::Killed),
                HostWhat::Reload(_) => {
                    self.hosts[usize::from(node.0)].reloads.retain(|reload| *reload != at);
                    self.reload(node);
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
        if let Some(drive) = &mut self.hosts[usize::from(id.0)].drive {
            drive.lose_power();
        }
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

    fn join(&mut self, id: NodeId) {
        let host = &mut self.hosts[usize::from(id.0)];
        if host.member == Membership::Awaited {
            host.member = Membership::Member;
            self.queue.push(self.now, Due::Start(id));
        }
    }

    fn leave(&mut self, id: NodeId) {
        let host = &mut self.hosts[usize::from(id.0)];
        (host.member, host.restarting) = (Membership::Left, None);
        self.names.take_out(id);
        self.command(id, Command::LameDuck);
    }

    /// A process that runs is told what its configuration is now; one that does not reads it when
    /// it starts.
    fn reload(&mut self, id: NodeId) {
        let Some(route_port) = self.process(id).map(|process| process.route_port) else { return };
        let config = self.node_config(id, route_port);
        self.command(id, Command::Reload(config));
    }

    fn restart_begins(&mut self, at: usize, id: NodeId, by: Way, what: &HostWhat) {
        let host = &self.hosts[usize::from(id.0)];
        if host.member != Membership::Member {
            return;
        }
        match by {
            Way::Stop if host.process.is_some() => {
                self.hosts[usize::from(id.0)].restarting = Some(at);
                self.command(id, Command::Shutdown);
            }
            Way::Stop | Way::Crash => {
                self.end_process(id, NodeDownHow::Killed);
                self.begin_again(id, what);
            }
        }
    }

    /// A process has ended by itself: it may be one that is to start again at once.
    pub(super) fn restart_ended(&mut self, id: NodeId) {
        let plan = self.plan;
        let Some(at) = self.hosts[usize::from(id.0)].restarting.take() else { return };
        if let Some(FaultAction::Host(host)) = plan.faults.get(at).map(|fault| &fault.action) {
            self.begin_again(id, &host.what);
        }
    }

    fn begin_again(&mut self, id: NodeId, what: &HostWhat) {
        let host = &mut self.hosts[usize::from(id.0)];
        if let HostWhat::Upgrade(release) = what {
            host.release = *release;
        }
        if let HostWhat::Restart(restart) = what {
            host.route_port_shift += u16::from(restart.new_port);
            if restart.new_address {
                self.names.move_node(id);
            }
        }
        self.queue.push(self.now, Due::Start(id));
    }
}
