//! Faults of machines and their processes, apart from their plain ends.

use super::{Builder, FaultAction, FaultPlan, config_numbers};
use crate::ids::NodeId;
use crate::plan::host::{HostFault, HostWhat, MOMENT_NS, Restart, STOP_PATIENCE_NS, SlowCpu};
use crate::plan::{ClockFault, DiskFault, DiskShares, ReloadPlan, SlowDisk, select};
use crate::rng::Stream;
use crate::scenario::{
    ClockSpec, DiskSpec, Draw, FaultSpec, FaultWhat, HostSpec, HostSpecWhat, ReloadSpec,
    RestartSpec, RouteTarget, SharesSpec, UpgradeSpec, Way, Ways,
};

/// How long such a fault lasts if the scenario does not say so; `None` is until all are lifted.
pub(super) fn usual_lasts(host: &HostSpec) -> Option<u64> {
    match &host.what {
        HostSpecWhat::Restart(RestartSpec { by: Way::Crash, .. }) => Some(MOMENT_NS),
        HostSpecWhat::Restart(RestartSpec { by: Way::Stop, .. }) => Some(STOP_PATIENCE_NS),
        HostSpecWhat::Clock(_) => Some(MOMENT_NS),
        HostSpecWhat::Disk(disk) => disk.is_instant().then_some(MOMENT_NS),
        HostSpecWhat::Join | HostSpecWhat::Reload(_) => Some(0),
        HostSpecWhat::Upgrade(_) => Some(STOP_PATIENCE_NS),
        HostSpecWhat::Pause
        | HostSpecWhat::SlowCpu { .. }
        | HostSpecWhat::PowerLoss { .. }
        | HostSpecWhat::Leave => None,
    }
}

impl Builder<'_> {
    /// Faults of machines: one for all that are hit, or one for each where each has draws of its
    /// own.
    ///
    /// `key` is the fault's place in the scenario, `stream` that of its other draws. Gives the time
    /// when the last is over.
    pub(super) fn hosts(
        &mut self,
        key: u64,
        (line, at, lasts): (u32, u64, u64),
        spec: &HostSpec,
        stream: &mut Stream,
    ) -> u64 {
        let nodes = select::nodes(&self.plan, &spec.on, stream);
        if nodes.is_empty() {
            self.problem(line, format!("`{}` means no node", spec.on));
            return at;
        }
        let keeps = |node: &NodeId| {
            let node = &self.plan.nodes[usize::from(node.0)];
            node.jetstream.is_some() || node.buffer.is_some()
        };
        if matches!(spec.what, HostSpecWhat::Disk(_)) && !nodes.iter().any(keeps) {
            self.problem(
                line,
                format!("`{}` means no node that keeps anything on a disk", spec.on),
            );
        }
        match &spec.what {
            HostSpecWhat::Clock(clock) => {
                for node in nodes {
                    let mut draws = self.stream("plan.fault.clock", &[key, u64::from(node.0)]);
                    let what = HostWhat::Clock(wrong_clock(clock, &mut draws));
                    self.push_host(at, lasts, HostFault { nodes: vec![node], what });
                }
                at.saturating_add(lasts)
            }
            HostSpecWhat::Upgrade(UpgradeSpec { to, every }) => {
                let mut draws = self.stream("plan.fault.upgrade", &[key]);
                let mut begin = at;
                for node in nodes {
                    let what = HostWhat::Upgrade(*to);
                    self.push_host(begin, lasts, HostFault { nodes: vec![node], what });
                    begin = begin.saturating_add(every.sample(&mut draws));
                }
                begin.saturating_add(lasts)
            }
            HostSpecWhat::Pause
            | HostSpecWhat::SlowCpu { .. }
            | HostSpecWhat::PowerLoss { .. }
            | HostSpecWhat::Restart(_)
            | HostSpecWhat::Join
            | HostSpecWhat::Leave
            | HostSpecWhat::Reload(_)
            | HostSpecWhat::Disk(_) => {
                if let Some(what) = self.host(&spec.what, stream) {
                    let nodes = nodes.into_iter().collect();
                    self.push_host(at, lasts, HostFault { nodes, what });
                }
                at.saturating_add(lasts)
            }
        }
    }

    fn push_host(&mut self, at: u64, lasts: u64, host: HostFault) {
        let action = FaultAction::Host(host);
        self.plan.faults.push(FaultPlan { id: 0, at, lasts, action, when: None });
    }

    /// What happens to all that are hit alike.
    fn host(&self, what: &HostSpecWhat, stream: &mut Stream) -> Option<HostWhat> {
        Some(match what {
            HostSpecWhat::Pause => HostWhat::Pause,
            HostSpecWhat::SlowCpu { base, factor } => HostWhat::SlowCpu(SlowCpu {
                base_ns: base.sample(stream),
                factor: factor.sample(stream),
            }),
            HostSpecWhat::PowerLoss { new_port } => HostWhat::PowerLoss { new_port: *new_port },
            HostSpecWhat::Restart(RestartSpec { by, new_port, new_address }) => {
                let (by, new_port, new_address) = (*by, *new_port, *new_address);
                HostWhat::Restart(Restart { by, new_port, new_address })
            }
            HostSpecWhat::Join => HostWhat::Join,
            HostSpecWhat::Leave => HostWhat::Leave,
            HostSpecWhat::Reload(reload) => HostWhat::Reload(self.reload(reload, stream)),
            HostSpecWhat::Disk(disk) => HostWhat::Disk(disk_fault(disk, stream)),
            // Each machine has a fault of its own.
            HostSpecWhat::Clock(_) | HostSpecWhat::Upgrade(_) => return None,
        })
    }

    fn reload(&self, spec: &ReloadSpec, stream: &mut Stream) -> ReloadPlan {
        let numbers = config_numbers(&spec.config).into_iter();
        let numbers = numbers.filter_map(|(setting, draw)| Some((setting, draw?.sample(stream))));
        let routes = |to: &Vec<RouteTarget>| to.iter().flat_map(|to| self.route(to)).collect();
        ReloadPlan { numbers: numbers.collect(), routes: spec.routes.as_ref().map(routes) }
    }

    /// Nobody can be asked to find a way that the plan has left nobody.
    pub(super) fn check_members(&mut self) {
        let of_members = |spec: &&FaultSpec| {
            matches!(&spec.what, FaultWhat::Host(host)
                if matches!(host.what, HostSpecWhat::Join | HostSpecWhat::Leave))
        };
        let Some(line) = self.scenario.faults.iter().find(of_members).map(|spec| spec.line) else {
            return;
        };
        if let Some((node, why)) = self.plan.twice_or_backwards() {
            let message = format!("`node:{}` {why}", self.plan.node_name(node));
            self.problem(line, message);
        }
        if let Some(client) = self.plan.homeless() {
            let name = self.plan.client_name(client);
            let message = format!("`client:{name}` has no node that is there all the time");
            self.problem(line, message);
        }
        if self.plan.islands() > self.plan.islands_without(&[].into()) {
            let message = "without the nodes that leave, the configured routes join the others no \
                more: who starts again would find nobody";
            self.problem(line, message.to_owned());
        }
    }
}

fn disk_fault(spec: &DiskSpec, stream: &mut Stream) -> DiskFault {
    let mut ppm = |draw: Draw| u32::try_from(draw.sample(stream)).unwrap_or(u32::MAX);
    let mut shares = |shares: &SharesSpec| DiskShares {
        reads_ppm: ppm(shares.reads),
        writes_ppm: ppm(shares.writes),
        syncs_ppm: ppm(shares.syncs),
    };
    match spec {
        DiskSpec::Errors(spec) => DiskFault::Errors(shares(spec)),
        DiskSpec::Misdirected(spec) => DiskFault::Misdirected(shares(spec)),
        DiskSpec::Full { free } => DiskFault::Full { free: free.sample(stream) },
        DiskSpec::ReadOnly => DiskFault::ReadOnly,
        DiskSpec::Slow { base, factor } => {
            let base_ns = base.sample(stream);
            DiskFault::Slow(SlowDisk { base_ns, factor: factor.sample(stream) })
        }
        DiskSpec::Stall => DiskFault::Stall,
        DiskSpec::LyingSync => DiskFault::LyingSync,
        DiskSpec::Damage { what, times } => {
            DiskFault::Damage { what: *what, times: times.sample(stream) }
        }
    }
}

/// Each quantity goes one way or the other by itself, unless the scenario says which.
fn wrong_clock(spec: &ClockSpec, stream: &mut Stream) -> ClockFault {
    let mut signed = |draw: Draw| {
        let amount = i64::try_from(draw.sample(stream)).unwrap_or(i64::MAX);
        let back = stream.below(2) == 1;
        match spec.direction {
            Ways::Forward => amount,
            Ways::Backward => -amount,
            Ways::Both => {
                if back {
                    -amount
                } else {
                    amount
                }
            }
        }
    };
    let ppm = |signed: i64| i32::try_from(signed).unwrap_or(0);
    ClockFault {
        offset_ns: signed(spec.offset),
        step_ns: signed(spec.step),
        drift_ppm: ppm(signed(spec.drift_ppm)),
        mono_ppm: ppm(signed(spec.mono_ppm)),
        freeze: spec.freeze,
    }
}
