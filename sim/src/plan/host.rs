//! What happens to machines and their processes, apart from their plain ends: in the plan and in its
//! text.

use super::clock::ClockFault;
use super::disk::DiskFault;
use super::operator::ReloadPlan;
use super::text::{Line, put};
use super::{Plan, RoutePlan, write};
use crate::history::FaultKind;
use crate::ids::NodeId;
use crate::scenario::{Release, Way};
use crate::units::{MS, SECOND, Span};

/// A process that is asked to stop and does not within this time is killed.
pub(super) const STOP_PATIENCE_NS: u64 = 5 * SECOND;

/// What is over at once lasts so long, for its two ends: a process that crashes and is started again,
/// a clock that jumps.
pub(super) const MOMENT_NS: u64 = MS;

/// What the work on an input costs a usual CPU, apart from its bytes.
const INPUT_NS: u64 = 2_000;

/// Inputs that may stand in line before one: a bound counts on no more.
const INPUTS_IN_LINE: u64 = 8;

/// The most bytes of one input, as the engine reads them.
const INPUT_BYTES_MAX: u64 = 64 << 10;

/// Something that happens to machines and their processes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostFault {
    /// To those of these nodes.
    pub nodes: Vec<NodeId>,
    /// What.
    pub what: HostWhat,
}

/// What happens to a machine or its process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostWhat {
    /// The process neither reads nor runs timers. What comes for it waits, and is taken in the order
    /// in which it came when the fault is over; connections stay unless the peers give them up.
    Pause,
    /// Every input of the process takes time.
    SlowCpu(SlowCpu),
    /// The machine is off at once; nobody is told. When it is on again, it knows nothing of its
    /// connections.
    PowerLoss {
        /// Its process comes back on another route port.
        new_port: bool,
    },
    /// The process ends and is started again at once.
    Restart(Restart),
    /// The machine's clocks are wrong.
    Clock(ClockFault),
    /// The node is not there until now.
    Join,
    /// The node goes for good: it becomes a lame duck, and is killed if it is still there when the
    /// fault is over.
    Leave,
    /// The process is given another configuration, until the fault is over if it lasts.
    Reload(ReloadPlan),
    /// The process is asked to stop and is replaced by one of another release.
    Upgrade(Release),
    /// Something is wrong with the disk.
    Disk(DiskFault),
}

/// How slow a CPU is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlowCpu {
    /// Nanoseconds for an input.
    pub base_ns: u64,
    /// How many times longer than usual the work on an input takes; 0 adds nothing.
    pub factor: u64,
}

impl SlowCpu {
    /// How long an input of so many bytes takes. A usual CPU does a byte in a nanosecond.
    #[must_use]
    pub const fn cost_ns(self, bytes: u64) -> u64 {
        let work = self.factor.saturating_mul(INPUT_NS.saturating_add(bytes));
        self.base_ns.saturating_add(work)
    }
}

/// How a process is started again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restart {
    /// How it ends before. If it has not when the fault is over, it is killed.
    pub by: Way,
    /// It comes back on another route port.
    pub new_port: bool,
    /// It comes back at another address: names lead to the new one, what peers have heard to the
    /// old one, where nobody answers.
    pub new_address: bool,
}

impl HostFault {
    /// Its kind in histories.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match &self.what {
            HostWhat::Pause => FaultKind::Pause,
            HostWhat::SlowCpu(_) => FaultKind::SlowCpu,
            HostWhat::PowerLoss { .. } => FaultKind::PowerLoss,
            HostWhat::Restart(_) => FaultKind::Restart,
            HostWhat::Clock(_) => FaultKind::Clock,
            HostWhat::Join => FaultKind::Join,
            HostWhat::Leave => FaultKind::Leave,
            HostWhat::Reload(_) => FaultKind::Reload,
            HostWhat::Upgrade(_) => FaultKind::Upgrade,
            HostWhat::Disk(_) => FaultKind::Disk,
        }
    }

    /// Whether it stands between the nodes and their clients while it lasts.
    pub(crate) const fn disturbs_clients(&self) -> bool {
        matches!(self.what, HostWhat::Pause | HostWhat::SlowCpu(_) | HostWhat::PowerLoss { .. })
    }

    /// Whether nobody but its nodes may see anything of it.
    pub(crate) fn is_unnoticed(&self) -> bool {
        matches!(&self.what, HostWhat::Reload(reload) if !reload.moves_connections())
    }

    /// Whether inputs of a process may have to wait.
    pub(crate) const fn delays_inputs(&self) -> bool {
        matches!(self.what, HostWhat::Pause | HostWhat::SlowCpu(_))
    }

    /// How much longer a segment may take to be answered because of it.
    pub(super) const fn delay_ns(&self) -> u64 {
        match &self.what {
            HostWhat::SlowCpu(slow) => INPUTS_IN_LINE * slow.cost_ns(INPUT_BYTES_MAX),
            HostWhat::Pause
            | HostWhat::PowerLoss { .. }
            | HostWhat::Restart(_)
            | HostWhat::Clock(_)
            | HostWhat::Join
            | HostWhat::Leave
            | HostWhat::Reload(_)
            | HostWhat::Upgrade(_)
            | HostWhat::Disk(_) => 0,
        }
    }

    /// Its parameters as words of a plan.
    pub(super) fn words(&self, plan: &Plan, out: &mut String) {
        put(out, "nodes", write::node_names(plan, &self.nodes));
        match &self.what {
            HostWhat::Pause | HostWhat::Join | HostWhat::Leave => {}
            HostWhat::Reload(reload) => reload.words(plan, out),
            HostWhat::Upgrade(to) => put(out, "to", to.name()),
            HostWhat::SlowCpu(SlowCpu { base_ns, factor }) => {
                put(out, "base", Span(*base_ns));
                put(out, "factor", factor);
            }
            HostWhat::PowerLoss { new_port } => write::flags(out, &[("new_port", *new_port)]),
            HostWhat::Restart(Restart { by, new_port, new_address }) => {
                put(out, "by", by.name());
                write::flags(out, &[("new_port", *new_port), ("new_address", *new_address)]);
            }
            HostWhat::Clock(clock) => clock.words(out),
            HostWhat::Disk(disk) => disk.words(out),
        }
    }
}

impl HostWhat {
    /// Reads the parameters of a fault of such a kind. `route` knows what a route's name means.
    pub(super) fn read(
        kind: FaultKind,
        line: &mut Line,
        route: impl Fn(&str) -> Result<RoutePlan, String>,
    ) -> Result<Self, String> {
        Ok(match kind {
            FaultKind::Pause => Self::Pause,
            FaultKind::SlowCpu => Self::SlowCpu(SlowCpu {
                base_ns: line.span("base")?,
                factor: line.number("factor")?,
            }),
            FaultKind::PowerLoss => Self::PowerLoss { new_port: line.flag("new_port") },
            FaultKind::Restart => Self::Restart(Restart {
                by: super::read::one_of(line, "by", &Way::ALL, Way::name)?,
                new_port: line.flag("new_port"),
                new_address: line.flag("new_address"),
            }),
            FaultKind::Clock => Self::Clock(ClockFault::read(line)?),
            FaultKind::Join => Self::Join,
            FaultKind::Leave => Self::Leave,
            FaultKind::Reload => Self::Reload(ReloadPlan::read(line, route)?),
            FaultKind::Upgrade => {
                Self::Upgrade(super::read::one_of(line, "to", &Release::ALL, Release::name)?)
            }
            FaultKind::Disk => Self::Disk(DiskFault::read(line)?),
            FaultKind::Partition
            | FaultKind::Blackhole
            | FaultKind::Hold
            | FaultKind::HalfOpen
            | FaultKind::CutStream
            | FaultKind::Slice
            | FaultKind::Rebind
            | FaultKind::HangUp
            | FaultKind::Dns
            | FaultKind::Reset
            | FaultKind::Refuse
            | FaultKind::Degrade
            | FaultKind::Crash
            | FaultKind::Stop
            | FaultKind::LameDuck
            | FaultKind::StopReading => {
                return Err(format!("`{}` happens to no machine", kind.name()));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_machine_is_read_as_it_was_written() {
        let head = "causeway-plan 1\nscenario t seed=1\nregion a link=l latency=1ms jitter=0s \
            loss=0 bandwidth=0\nnode a/1 region=a cluster=c start=0s wall=0 routes=\n\
            phases boot=0s warm=0s chaos=0s heal=0s quiesce=0s drain=0s end=0s\n\
            bounds rtt_max=0s interest=0s routes=0s clients=0s tcp_timeout=0s\n";
        let read = |words: &str| Plan::parse(&format!("{head}@1.000000 fault 0 {words}\n"));
        for words in [
            "pause for=2s nodes=a/1",
            "slow_cpu for=2s nodes=a/1 base=20us factor=30",
            "power_loss for=2s nodes=a/1",
            "power_loss for=2s nodes=a/1 new_port",
            "restart for=5s nodes=a/1 by=stop",
            "restart for=1ms nodes=a/1 by=crash new_port new_address",
            "clock for=2s nodes=a/1 offset=-3600s step=10s drift=-200 mono=50000 freeze",
            "clock for=2s nodes=a/1",
            "join nodes=a/1",
            "leave for=2s nodes=a/1",
            "reload nodes=a/1 max_connections=7 route_ping_interval=9 routes=a/1,@a",
            "reload for=2s nodes=a/1 routes=\"\"",
            "upgrade for=5s nodes=a/1 to=nats-2.9",
            "disk for=2s nodes=a/1 what=errors reads=1 writes=2 syncs=3",
            "disk for=2s nodes=a/1 what=misdirect reads=1 writes=2",
            "disk for=2s nodes=a/1 what=full free=4096",
            "disk for=2s nodes=a/1 what=slow base=1ms factor=3",
            "disk for=2s nodes=a/1 what=read_only",
            "disk for=2s nodes=a/1 what=stall",
            "disk for=2s nodes=a/1 what=lying_sync",
            "disk for=1ms nodes=a/1 what=bit_rot times=2",
            "disk for=1ms nodes=a/1 what=lost_file times=1",
        ] {
            let plan = read(words).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!(plan.fault_text(&plan.faults[0]), words);
        }
        for (words, error) in [
            ("slow_cpu for=2s nodes=a/1 base=20us", "`factor=` is missing"),
            ("restart for=2s nodes=a/1 by=magic", "`by=magic` is not known"),
            ("clock for=2s nodes=a/1 mono=-50001", "`mono=-50001`: at most 50000 millionths"),
            (
                "clock for=2s nodes=a/1 step=-1x",
                "`x` is not a unit; the units are ns, us, ms, s, m, h",
            ),
            ("reload nodes=a/1 max_pending=1", "`max_pending=` is not known here"),
            ("reload nodes=a/1 routes=a/2", "there is no node `a/2`"),
            ("upgrade for=5s nodes=a/1 to=2.9", "`to=2.9` is not known"),
            ("disk for=2s nodes=a/1 what=fire", "`what=fire` happens to no disk"),
            ("disk for=2s nodes=a/1 what=stall times=1", "`times=` is not known here"),
            ("pause for=2s nodes=a/2", "there is no node `a/2`"),
            ("pause for=2s nodes=a/1 new_port", "`new_port` is not known here"),
        ] {
            assert!(read(words).unwrap_err().to_string().ends_with(error), "{words}");
        }
    }

    #[test]
    fn work_takes_longer_by_the_factor_and_bytes_count() {
        let cost = |base_ns, factor, bytes| SlowCpu { base_ns, factor }.cost_ns(bytes);
        assert_eq!((cost(7, 0, 999), cost(0, 10, 0), cost(7, 10, 100)), (7, 20_000, 21_007));
        assert_eq!(cost(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    }
}
