//! What a scenario says of machines and their processes, apart from their plain ends.

use super::{DiskSpec, Draw, ReloadSpec, Selector, UpgradeSpec, Ways};

/// Something that happens to machines and their processes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostSpec {
    /// To which.
    pub on: Selector,
    /// What.
    pub what: HostSpecWhat,
}

/// What happens to a machine or its process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostSpecWhat {
    /// The process neither reads nor runs timers.
    Pause,
    /// Every input of the process takes time.
    SlowCpu {
        /// Nanoseconds for an input.
        base: Draw,
        /// How many times longer than usual the work on an input takes; 0 adds nothing.
        factor: Draw,
    },
    /// The machine is off at once.
    PowerLoss {
        /// It comes back on another route port.
        new_port: bool,
    },
    /// The process ends and is started again at once.
    Restart(RestartSpec),
    /// The machine's clocks are wrong.
    Clock(ClockSpec),
    /// The node is not there until now.
    Join,
    /// The node goes for good.
    Leave,
    /// The process is given another configuration.
    Reload(Box<ReloadSpec>),
    /// The process is replaced by one of another release.
    Upgrade(UpgradeSpec),
    /// Something is wrong with the disk.
    Disk(DiskSpec),
}

/// How clocks are wrong. All is drawn for each machine anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClockSpec {
    /// The wall clock is off by so much while it lasts, in nanoseconds.
    pub offset: Draw,
    /// It jumps by so much, for good, in nanoseconds.
    pub step: Draw,
    /// It is off by so much more every second, in millionths.
    pub drift_ppm: Draw,
    /// The monotonic clock's second is off by so much, in millionths.
    pub mono_ppm: Draw,
    /// The wall clock stands still.
    pub freeze: bool,
    /// Ahead and faster, behind and slower, or either.
    pub direction: Ways,
}

/// How a process is started again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestartSpec {
    /// How it ends before.
    pub by: Way,
    /// It comes back on another route port.
    pub new_port: bool,
    /// It comes back at another address.
    pub new_address: bool,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Way {
    /// It is asked to.
    Stop,
    /// It dies.
    Crash,
}

impl Way {
    /// All.
    pub const ALL: [Self; 2] = [Self::Stop, Self::Crash];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Crash => "crash",
        }
    }
}

impl super::FaultWhat {
    /// Whether it is over by itself, however long it takes.
    pub(crate) const fn ends_by_itself(&self) -> bool {
        let Self::Host(HostSpec { what, .. }) = self else { return false };
        match what {
            HostSpecWhat::Restart(_) | HostSpecWhat::Clock(_) | HostSpecWhat::Reload(_) => true,
            HostSpecWhat::Disk(disk) => disk.is_instant(),
            HostSpecWhat::Pause
            | HostSpecWhat::SlowCpu { .. }
            | HostSpecWhat::PowerLoss { .. }
            | HostSpecWhat::Join
            | HostSpecWhat::Leave
            | HostSpecWhat::Upgrade(_) => false,
        }
    }
}
