//! Faults of machines and their processes, apart from their plain ends.

use super::Builder;
use crate::plan::host::{CRASHED_NS, HostFault, HostWhat, Restart, STOP_PATIENCE_NS, SlowCpu};
use crate::plan::select;
use crate::rng::Stream;
use crate::scenario::{HostSpec, HostSpecWhat, RestartSpec, Way};

/// How long such a fault lasts if the scenario does not say so; `None` is until all are lifted.
pub(super) fn usual_lasts(host: &HostSpec) -> Option<u64> {
    match &host.what {
        HostSpecWhat::Restart(RestartSpec { by: Way::Crash, .. }) => Some(CRASHED_NS),
        HostSpecWhat::Restart(RestartSpec { by: Way::Stop, .. }) => Some(STOP_PATIENCE_NS),
        HostSpecWhat::Pause | HostSpecWhat::SlowCpu { .. } | HostSpecWhat::PowerLoss { .. } => None,
    }
}

impl Builder<'_> {
    pub(super) fn host(
        &mut self,
        line: u32,
        spec: &HostSpec,
        stream: &mut Stream,
    ) -> Option<HostFault> {
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
        };
        Some(HostFault { nodes: nodes.into_iter().collect(), what })
    }
}
