//! Faults of machines and their processes, apart from their plain ends.

use super::{Builder, FaultAction, FaultPlan};
use crate::plan::host::{HostFault, HostWhat, MOMENT_NS, Restart, STOP_PATIENCE_NS, SlowCpu};
use crate::plan::{ClockFault, select};
use crate::rng::Stream;
use crate::scenario::{ClockSpec, Draw, HostSpec, HostSpecWhat, RestartSpec, Way, Ways};

/// How long such a fault lasts if the scenario does not say so; `None` is until all are lifted.
pub(super) fn usual_lasts(host: &HostSpec) -> Option<u64> {
    match &host.what {
        HostSpecWhat::Restart(RestartSpec { by: Way::Crash, .. }) => Some(MOMENT_NS),
        HostSpecWhat::Restart(RestartSpec { by: Way::Stop, .. }) => Some(STOP_PATIENCE_NS),
        HostSpecWhat::Clock(_) => Some(MOMENT_NS),
        HostSpecWhat::Pause | HostSpecWhat::SlowCpu { .. } | HostSpecWhat::PowerLoss { .. } => None,
    }
}

impl Builder<'_> {
    /// Faults of machines: one for all that are hit, or one for each where each has draws of its
    /// own.
    ///
    /// `key` is the fault's place in the scenario, `stream` that of its other draws.
    pub(super) fn hosts(
        &mut self,
        key: u64,
        (line, at, lasts): (u32, u64, u64),
        spec: &HostSpec,
        stream: &mut Stream,
    ) {
        let HostSpecWhat::Clock(clock) = &spec.what else {
            if let Some(host) = self.host(line, spec, stream) {
                self.push_host(at, lasts, host);
            }
            return;
        };
        let nodes = select::nodes(&self.plan, &spec.on, stream);
        if nodes.is_empty() {
            self.problem(line, format!("`{}` means no node", spec.on));
        }
        for node in nodes {
            let mut draws = self.stream("plan.fault.clock", &[key, u64::from(node.0)]);
            let what = HostWhat::Clock(wrong_clock(clock, &mut draws));
            self.push_host(at, lasts, HostFault { nodes: vec![node], what });
        }
    }

    fn push_host(&mut self, at: u64, lasts: u64, host: HostFault) {
        self.plan.faults.push(FaultPlan { id: 0, at, lasts, action: FaultAction::Host(host) });
    }

    fn host(&mut self, line: u32, spec: &HostSpec, stream: &mut Stream) -> Option<HostFault> {
        let nodes = select::nodes(&self.plan, &spec.on, stream);
        if nodes.is_empty() {
            self.problem(line, format!("`{}` means no node", spec.on));
            return None;
        }
        let what = match &spec.what {
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
            // Each machine has a fault of its own.
            HostSpecWhat::Clock(_) => return None,
        };
        Some(HostFault { nodes: nodes.into_iter().collect(), what })
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
