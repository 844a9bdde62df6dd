//! What this engine can produce and observe, in one place.
//!
//! | of a plan | here |
//! |---|---|
//! | latency, jitter, bandwidth of networks | as they are, for bytes; jitter is even; **not** loss, long tails, the bias of a pair or a queue |
//! | how bytes are cut (`chunking`, `overread`) | as the kernel does it |
//! | `partition`, `flap`, `blackhole`, `hold`, any way | nothing passes; what waits for longer than TCP would is reset at its sender. Who dials across is answered by the kernel at once, and then hears nothing until it is over |
//! | `reset`, `half_open`, `cut_stream`, `slice` | as they are |
//! | `refuse` | callers are reset when the kernel has answered |
//! | `degrade` | latency, jitter, bandwidth, each way; **not** loss |
//! | `rebind`, `dns`, new addresses | **not** |
//! | `crash`, `restart`, `stop`, `lame_duck`, `leave`, `join` | signals to processes |
//! | `power_loss` | killed while nothing of it is heard; of what was not synced its files keep what a model of a disk makes of its transcript (`power`). nats-server writes none and keeps everything, which is **not** so where power fails |
//! | `pause` | SIGSTOP |
//! | `reload` | the file is changed, and SIGHUP |
//! | `stop_reading`, `read_rate` | as they are; the kernel keeps some megabytes more than a plan's window |
//! | `disk` | `bit_rot`, `stale`, `truncate`, `lost_file`: its files are changed, whether the process runs or not; sectors become stale as they were 2 s before; the others **not** |
//! | `slow_cpu`, `clock`, `upgrade`; perturbations | **not** |
//! | faults and clients that wait for something (`when`) | **not** |
//! | streams | in files below the run's folder; nats-servers of a cluster keep them together, each where the plan has it |
//! | buffers | of `causeway`; nats-server has none |
//! | names of regions | a door that leads each caller to one of its nodes, and to another when it has no connection there |
//! | a node's wall clock | the machine's |
//!
//! | of a history | here |
//! |---|---|
//! | what clients see, dials, what crosses routes | exactly, where it passes our doors and pipes |
//! | when a node has read what it was sent | when its kernel has taken it |
//! | routes that come | within a tenth of a second, at `/routez`; slots of pools are those of the connections |
//! | routes that go | when their connection does |
//! | snapshots | `/varz`, `/connz`, `/routez`, `/subsz`; what a server subscribes for itself is not counted; weights of queue groups behind a route are those that crossed it |
//! | timers, targets and dials of a node | **not**: as if there were none |
//! | bytes that wait for a client, slow consumers | **not** while they happen |
//!
//! A plan with something that is **not** there is run all the same, without it, and its verdict is
//! at best inconclusive. So it is if a fault cannot be proved to have been in force (`proof`). When
//! this program itself is later than [`LATE_NS`], it gives the run up, and whatever it has shown does
//! not count.

use super::config;
use super::server::Flavour;
use crate::history::Bounds;
use crate::ids::NodeId;
use crate::plan::{ConnsFault, DiskFault, FaultAction, FaultPlan, HostWhat, Plan};
use crate::scenario::Dist;
use crate::units::{MS, SECOND};

/// How much later than planned this program may do something, and than it happened write it down,
/// in nanoseconds.
pub(super) const LATE_NS: u64 = 500 * MS;

/// What kernels keep at the two ends of a connection, beside a plan's window: as much as Linux lets
/// their buffers grow to.
pub(super) const KERNEL_BYTES: u64 = 16 << 20;

/// How long a process may take to start, in nanoseconds.
const START_NS: u64 = SECOND;

/// The bounds of a plan on a real machine with little of it to itself.
pub(super) fn lenient(bounds: &Bounds) -> Bounds {
    Bounds {
        interest_ns: bounds.interest_ns + LATE_NS,
        routes_ns: bounds.routes_ns + START_NS + 2 * LATE_NS,
        clients_ns: bounds.clients_ns + START_NS + 2 * LATE_NS,
        lag_ns: LATE_NS,
        ..*bounds
    }
}

/// What the plan holds and this engine cannot do, each once.
pub(super) fn gaps(plan: &Plan, flavour: Flavour) -> Vec<String> {
    let mut gaps = Vec::new();
    let links = plan.regions.iter().map(|region| &region.link);
    for link in links.chain(plan.paths.iter().map(|path| &path.link)) {
        let parts = [
            (link.loss_ppm > 0, "loss"),
            (matches!(link.dist, Dist::Pareto | Dist::Bimodal), "long tail"),
            (link.bias_ns > 0, "bias"),
            (link.queue > 0, "queue"),
        ];
        for (_, what) in parts.into_iter().filter(|(is, _)| *is) {
            gaps.push(format!("the {what} of the network `{}`", link.name));
        }
    }
    for fault in &plan.faults {
        if fault.when.is_some() {
            gaps.push(format!("a `{}` that waits for something", fault.action.kind().name()));
        } else {
            gaps.extend(missing_in(&fault.action));
        }
    }
    if plan.ops.iter().any(|op| op.when.is_some()) {
        gaps.push("clients that wait for something".to_owned());
    }
    if flavour == Flavour::NatsServer && plan.node_ids().any(|node| loses_files(plan, node)) {
        gaps.push("the loss of what was not synced in a `power_loss`".to_owned());
    }
    for node in &plan.nodes {
        gaps.extend(config::left_out(node, flavour));
    }
    if !plan.perturb.is_empty() {
        gaps.push("what is to happen in the broker's code".to_owned());
    }
    gaps.sort();
    gaps.dedup();
    gaps
}

/// Whether the power of a node fails that keeps something in files.
pub(super) fn loses_files(plan: &Plan, id: NodeId) -> bool {
    let node = &plan.nodes[usize::from(id.0)];
    let keeps = node.jetstream.is_some() || node.buffer.is_some();
    let fails = |fault: &FaultPlan| {
        let FaultAction::Host(host) = &fault.action else { return false };
        let fails = matches!(host.what, HostWhat::PowerLoss { .. });
        fails && fault.when.is_none() && host.nodes.contains(&id)
    };
    keeps && plan.faults.iter().any(fails)
}

/// Whether the engine carries out a fault of a plan, if perhaps not in full.
pub(super) const fn has_fault(fault: &FaultPlan) -> bool {
    fault.when.is_none() && has(&fault.action)
}

const fn has(action: &FaultAction) -> bool {
    match action {
        FaultAction::Conns { what, .. } => !matches!(what, ConnsFault::Rebind),
        FaultAction::Dns(_) => false,
        FaultAction::Host(host) => match host.what {
            HostWhat::Pause
            | HostWhat::PowerLoss { .. }
            | HostWhat::Restart(_)
            | HostWhat::Join
            | HostWhat::Leave
            | HostWhat::Reload(_)
            | HostWhat::Disk(DiskFault::Damage { .. }) => true,
            HostWhat::SlowCpu(_)
            | HostWhat::Clock(_)
            | HostWhat::Upgrade(_)
            | HostWhat::Disk(_) => false,
        },
        FaultAction::Cut { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Crash(_)
        | FaultAction::Stop(_)
        | FaultAction::LameDuck(_)
        | FaultAction::StopReading(_) => true,
    }
}

fn missing_in(action: &FaultAction) -> Option<String> {
    let name = action.kind().name();
    if !has(action) {
        return Some(format!("the fault `{name}`"));
    }
    let new_address = match action {
        FaultAction::Crash(process)
        | FaultAction::Stop(process)
        | FaultAction::LameDuck(process) => process.new_address,
        FaultAction::Host(host) => {
            matches!(&host.what, HostWhat::Restart(restart) if restart.new_address)
        }
        FaultAction::Degrade { loss_ppm, .. } if *loss_ppm > 0 => {
            return Some("the loss of a `degrade`".to_owned());
        }
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_) => false,
    };
    new_address.then(|| format!("the new address of a `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RegionId;
    use crate::plan::{HostFault, NamesPlan, ProcessPlan, Sides, Site};
    use crate::scenario::Ways;

    fn gaps_of(action: FaultAction) -> Vec<String> {
        let fault = FaultPlan { id: 0, at: 0, lasts: 1, action, when: None };
        gaps(&Plan { faults: vec![fault], ..Plan::default() }, Flavour::Causeway)
    }

    #[test]
    fn what_is_missing_of_a_fault_is_said() {
        let nodes = vec![NodeId(0)];
        let between = Sides {
            a: vec![Site::Node(NodeId(0))],
            b: vec![Site::Clients(RegionId(0))],
            ways: Ways::Forward,
        };
        let degrade = |loss_ppm| FaultAction::Degrade {
            between: between.clone(),
            latency_ns: 1,
            jitter_ns: 1,
            loss_ppm,
            bandwidth: 9,
        };
        let conns = |what| FaultAction::Conns { between: between.clone(), what };
        let crash = |new_address| {
            FaultAction::Crash(ProcessPlan { nodes: nodes.clone(), new_port: true, new_address })
        };
        let pause = FaultAction::Host(HostFault { nodes: nodes.clone(), what: HostWhat::Pause });
        for (action, said) in [
            (degrade(0), None),
            (degrade(1), Some("the loss of a `degrade`")),
            (conns(ConnsFault::HalfOpen), None),
            (conns(ConnsFault::Rebind), Some("the fault `rebind`")),
            (crash(false), None),
            (crash(true), Some("the new address of a `crash`")),
            (pause, None),
            (FaultAction::Dns(NamesPlan { nodes: vec![], old: true }), Some("the fault `dns`")),
        ] {
            assert_eq!(gaps_of(action), said.into_iter().collect::<Vec<_>>());
        }
    }
}
