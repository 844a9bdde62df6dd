//! Nodes as processes.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_sim_process::{Door, Keeper, Process, Program, Signal};

use super::engine::Engine;
use super::power::{self, Shadow};
use super::{config, node_place, pages};
use crate::history::{Kind, NodeDownHow};
use crate::ids::{NodeId, RegionId};
use crate::plan::{FaultAction, HostWhat, NodePlan, RoutePlan};
use crate::units::MS;

/// Between two looks at processes, in nanoseconds.
pub(super) const LOOK_NS: u64 = 5 * MS;

/// A process that was paused stands still within this time, or the kernel is in trouble.
const PAUSE_LOOKS: u32 = 500;

/// So many lines of a server's log are shown.
const LOG_LINES: usize = 5;

/// Where a server listens, on loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listens {
    pub(super) clients: SocketAddr,
    pub(super) routes: SocketAddr,
    pub(super) monitor: SocketAddr,
}

/// Whether a node belongs to the cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Member {
    Awaited,
    Is,
    Left,
}

/// A node's machine, with or without its process.
#[derive(Debug)]
pub(super) struct NodeSlot {
    pub(super) process: Option<Process>,
    pub(super) listens: Option<Listens>,
    pub(super) member: Member,
    pub(super) incarnation: u32,
    /// Faults that keep the machine off.
    pub(super) off: u32,
    /// Faults that keep the process from running.
    pub(super) paused: u32,
    /// It was asked to end.
    asked: bool,
    /// The fault that ends it and starts it again.
    pub(super) restarting: Option<usize>,
    /// Faults that change its configuration, in order.
    pub(super) reloads: Vec<usize>,
    /// Its configuration file, log and ports.
    folder: PathBuf,
    /// The door that stands for it.
    door: (u32, SocketAddr),
    /// The model of its disk, if its power will fail while it has something on it.
    pub(super) shadow: Option<Shadow>,
    /// When it is asked for its routes again; never while it is being asked.
    pub(super) next_poll: u64,
}

impl NodeSlot {
    pub(super) fn new(folder: PathBuf, door: (u32, SocketAddr), member: Member) -> Self {
        Self {
            process: None,
            listens: None,
            member,
            incarnation: 0,
            off: 0,
            paused: 0,
            asked: false,
            restarting: None,
            reloads: Vec::new(),
            folder,
            door,
            shadow: None,
            next_poll: 0,
        }
    }

    /// Where its streams are.
    pub(super) fn store(&self) -> PathBuf {
        config::store(&self.folder)
    }

    /// Where its server writes down what it does to its files.
    pub(super) fn transcript(&self) -> PathBuf {
        self.folder.join("transcript")
    }

    /// Where files of its streams are as they were before.
    pub(super) fn copy(&self) -> PathBuf {
        self.folder.join("copy")
    }

    /// Where the door is.
    pub(super) const fn door(&self) -> SocketAddr {
        self.door.1
    }
}

impl Engine<'_> {
    pub(super) fn node(&mut self, id: NodeId) -> &mut NodeSlot {
        &mut self.nodes[usize::from(id.0)]
    }

    /// What the plan says of a node now.
    fn node_plan(&self, id: NodeId) -> NodePlan {
        let mut node = self.plan.nodes[usize::from(id.0)].clone();
        for &at in &self.nodes[usize::from(id.0)].reloads {
            if let Some(FaultAction::Host(host)) = self.plan.faults.get(at).map(|f| &f.action)
                && let HostWhat::Reload(reload) = &host.what
            {
                reload.change(&mut node);
            }
        }
        node
    }

    fn write_config(&self, id: NodeId) -> std::io::Result<PathBuf> {
        let plan = self.node_plan(id);
        let slot = &self.nodes[usize::from(id.0)];
        let door_of = |route: &RoutePlan| match route {
            RoutePlan::Node(node) => Some(self.nodes.get(usize::from(node.0))?.door.1),
            RoutePlan::Region(RegionId(region)) => {
                self.region_doors.get(usize::from(*region)).copied()
            }
        };
        let around = config::Surroundings {
            folder: &slot.folder,
            client_url: &self.names.client_url(id),
            door: slot.door.1,
            routes: plan.routes.iter().filter_map(door_of).collect(),
            alone: self.plan.nodes.len() == 1,
            flavour: self.server.flavour,
        };
        let file = slot.folder.join("server.conf");
        fs::create_dir_all(&slot.folder)?;
        fs::write(&file, config::text(&plan, &around))?;
        Ok(file)
    }

    /// A node's process starts, unless it runs or must not.
    pub(super) fn start(&mut self, id: NodeId) {
        let slot = self.node(id);
        if slot.process.is_some() || slot.off > 0 || slot.member != Member::Is {
            return;
        }
        let name = self.plan.node_name(id);
        let file = match self.write_config(id) {
            Ok(file) => file,
            Err(error) => return self.stuck(format!("cannot configure {name}: {error}")),
        };
        let log = self.nodes[usize::from(id.0)].folder.join("log");
        let program = std::env::current_exe().unwrap_or_default();
        let keeper = Keeper { program, words: vec![OsString::from("keep")] };
        let words = [OsString::from("-c"), file.into_os_string()];
        if let Some(shadow) = &mut self.node(id).shadow
            && let Err(error) = shadow.follow()
        {
            self.proofs.fails(format!("the disk of {name} is not known any more: {error}"));
        }
        let shadow = self.nodes[usize::from(id.0)].shadow.as_ref();
        let environment: Vec<_> =
            shadow.iter().map(|shadow| (power::VARIABLE, shadow.transcript())).collect();
        let program =
            Program { path: self.server.path(), arguments: &words, environment: &environment };
        let started = Process::start(Some(&keeper), program, &self.folder, &log);
        match started {
            Ok(process) => {
                self.net.moves_in(process.pid(), node_place(id));
                let slot = self.node(id);
                slot.process = Some(process);
                (slot.asked, slot.paused, slot.restarting) = (false, 0, None);
                slot.incarnation += 1;
                let incarnation = slot.incarnation;
                self.rec.event(Kind::NodeUp { node: id, incarnation, pool_size: None });
            }
            Err(error) => self.stuck(format!("{name}: {error}")),
        }
    }

    /// The last lines of a server's log.
    pub(super) fn log_of(&self, id: NodeId) -> String {
        let log = fs::read_to_string(self.nodes[usize::from(id.0)].folder.join("log"));
        let log = log.unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ")
    }

    /// Looks how the processes are: those that have ended are told of, and those that have come to
    /// listen are found.
    pub(super) fn look_at_processes(&mut self) {
        for id in self.plan.node_ids() {
            self.find_ports(id);
            let slot = self.node(id);
            let Some(process) = &mut slot.process else { continue };
            let Ok(Some(status)) = process.ended() else { continue };
            let (asked, restarting) = (slot.asked, slot.restarting.take());
            let how = if asked { NodeDownHow::Exited } else { NodeDownHow::Panicked };
            if !asked {
                let (name, log) = (self.plan.node_name(id).to_owned(), self.log_of(id));
                self.notes.push(format!("{name} ended by itself: {status}\n  {log}"));
            }
            self.has_ended(id, how);
            if let Some(at) = restarting {
                self.begin_again(id, at);
            }
        }
    }

    fn find_ports(&mut self, id: NodeId) {
        let slot = self.node(id);
        let Some(process) = slot.process.as_ref().filter(|_| slot.listens.is_none()) else {
            return;
        };
        let suffix = format!("_{}.ports", process.pid());
        let Ok(entries) = fs::read_dir(&slot.folder) else { return };
        let mut files = entries.flatten().map(|entry| entry.path());
        let Some(file) = files.find(|path| path.to_string_lossy().ends_with(&suffix)) else {
            return;
        };
        // It may be half written.
        let Some(listens) = fs::read(file).ok().and_then(|text| ports(&text)) else { return };
        slot.listens = Some(listens);
        self.net.listens(node_place(id), Some((listens.clients, listens.routes)));
    }

    /// A process is gone, however that came.
    fn has_ended(&mut self, id: NodeId, how: NodeDownHow) {
        let slot = self.node(id);
        let Some(process) = slot.process.take() else { return };
        slot.listens = None;
        self.net.moves_out(process.pid());
        self.net.listens(node_place(id), None);
        self.wires.process_ended(id);
        self.rec.event(Kind::NodeDown { node: id, how });
    }

    /// Kills a process, and sees that it is gone.
    pub(super) fn kill(&mut self, id: NodeId) {
        let slot = self.node(id);
        slot.restarting = None;
        let Some(process) = &mut slot.process else { return };
        match process.kill() {
            Ok(true) => self.has_ended(id, NodeDownHow::Killed),
            // It had ended just before.
            Ok(false) => self.look_at_processes(),
            Err(error) => {
                let name = self.plan.node_name(id);
                self.proofs.fails(format!("{name} could not be killed: {error}"));
            }
        }
    }

    /// Asks a process to end.
    pub(super) fn ask(&mut self, id: NodeId, signal: Signal) {
        let slot = self.node(id);
        slot.asked |= signal != Signal::HUP;
        self.signal(id, signal);
    }

    fn signal(&mut self, id: NodeId, signal: Signal) {
        let Some(process) = &mut self.node(id).process else { return };
        if let Err(error) = process.signal(signal) {
            let name = self.plan.node_name(id);
            self.proofs.fails(format!("{name} could not be sent {signal:?}: {error}"));
        }
    }

    pub(super) fn pause(&mut self, id: NodeId) {
        self.node(id).paused += 1;
        self.signal(id, Signal::STOP);
        for _ in 0..PAUSE_LOOKS {
            let process = self.node(id).process.as_ref();
            if process.is_none_or(Process::is_paused) {
                return;
            }
            causeway_sim_process::Clock::sleep(MS);
        }
        let name = self.plan.node_name(id);
        self.proofs.fails(format!("{name} was paused and does not stand still"));
    }

    pub(super) fn resume(&mut self, id: NodeId) {
        let slot = self.node(id);
        // A process that was started meanwhile was never paused.
        let Some(paused) = slot.paused.checked_sub(1) else { return };
        slot.paused = paused;
        if paused > 0 {
            return;
        }
        if slot.process.as_ref().is_some_and(|process| !process.is_paused()) {
            let name = self.plan.node_name(id);
            self.proofs.fails(format!("{name} did not stand still until its pause was over"));
        }
        self.signal(id, Signal::CONT);
    }

    /// A running server takes its configuration file again.
    pub(super) fn reload(&mut self, id: NodeId) {
        if let Err(error) = self.write_config(id) {
            self.stuck(format!("cannot configure {}: {error}", self.plan.node_name(id)));
        }
        self.ask(id, Signal::HUP);
    }

    /// From the next start on, another door stands for the node.
    pub(super) fn new_door(&mut self, id: NodeId) {
        match self.net.open_door(Door::To(node_place(id))) {
            Ok(door) => {
                self.doors.insert(door.1);
                let old = std::mem::replace(&mut self.node(id).door, door);
                self.net.close_door(old.0);
            }
            Err(error) => self.stuck(format!("cannot open a door: {error}")),
        }
    }

    /// What a fault that starts nodes again wants, once one has ended.
    pub(super) fn begin_again(&mut self, id: NodeId, at: usize) {
        if let Some(FaultAction::Host(host)) = self.plan.faults.get(at).map(|fault| &fault.action)
            && let HostWhat::Restart(restart) = &host.what
            && restart.new_port
        {
            self.new_door(id);
        }
        self.start(id);
    }

    /// The processes that run, with the names of their nodes.
    pub(super) fn pids(&self) -> Vec<(u32, String)> {
        let slots = self.plan.node_ids().zip(&self.nodes);
        let running = slots.filter_map(|(id, slot)| Some((id, slot.process.as_ref()?)));
        running.map(|(id, process)| (process.pid(), self.plan.node_name(id).to_owned())).collect()
    }
}

fn ports(text: &[u8]) -> Option<Listens> {
    let ports: pages::Ports = pages::read(text).ok()?;
    let address = |urls: &[String]| {
        let (_, address) = urls.first()?.split_once("://")?;
        address.parse().ok()
    };
    let clients = address(&ports.nats)?;
    Some(Listens {
        clients,
        // Nobody dials a server that has no cluster.
        routes: address(&ports.cluster).unwrap_or(clients),
        monitor: address(&ports.monitoring)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_when_they_are_all_there() {
        let text = br#"{"nats":["nats://127.0.0.1:5"],"monitoring":["http://127.0.0.1:6"],"cluster":["nats://127.0.0.1:7"]}"#;
        let listens = ports(text).unwrap();
        let all = [listens.clients, listens.monitor, listens.routes];
        assert_eq!(all.map(|address| address.port()), [5, 6, 7]);
        assert!(ports(&text[..20]).is_none());
        assert!(ports(br#"{"nats":["nats://127.0.0.1:5"]}"#).is_none());
        let alone = br#"{"nats":["nats://127.0.0.1:5"],"monitoring":["http://127.0.0.1:6"]}"#;
        assert_eq!(ports(alone).unwrap().routes.port(), 5);
    }
}
