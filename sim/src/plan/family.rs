//! Families of faults: what is switched off together, to see what a search owes to it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Plan;
use crate::history::FaultKind;
use crate::scenario::nearest;

/// Faults that are alike in what they do to a cluster.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// Nothing passes between some.
    Partition,
    /// Bytes take longer.
    Degrade,
    /// Single connections, and attempts to make some.
    Connections,
    /// Names lead elsewhere.
    Names,
    /// Processes end and start again.
    Crash,
    /// Processes leave in good order.
    LameDuck,
    /// Processes stand still, or are slow.
    Pause,
    /// Clients do not read.
    SlowReaders,
    /// Clocks are wrong.
    Clocks,
    /// Nodes come, go, are configured anew and are replaced.
    Operators,
    /// Disks fail, fill up, stand still and forget.
    Disks,
}

impl Family {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Partition,
        Self::Degrade,
        Self::Connections,
        Self::Names,
        Self::Crash,
        Self::LameDuck,
        Self::Pause,
        Self::SlowReaders,
        Self::Clocks,
        Self::Operators,
        Self::Disks,
    ];

    /// The family of a kind.
    #[must_use]
    pub const fn of(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Partition | FaultKind::Blackhole => Self::Partition,
            FaultKind::Degrade => Self::Degrade,
            FaultKind::Hold
            | FaultKind::HalfOpen
            | FaultKind::CutStream
            | FaultKind::Slice
            | FaultKind::Rebind
            | FaultKind::HangUp
            | FaultKind::Reset
            | FaultKind::Refuse => Self::Connections,
            FaultKind::Dns => Self::Names,
            FaultKind::Crash | FaultKind::Stop | FaultKind::PowerLoss | FaultKind::Restart => {
                Self::Crash
            }
            FaultKind::LameDuck => Self::LameDuck,
            FaultKind::Pause | FaultKind::SlowCpu => Self::Pause,
            FaultKind::StopReading => Self::SlowReaders,
            FaultKind::Clock => Self::Clocks,
            FaultKind::Disk => Self::Disks,
            FaultKind::Join | FaultKind::Leave | FaultKind::Reload | FaultKind::Upgrade => {
                Self::Operators
            }
        }
    }

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Degrade => "degrade",
            Self::Connections => "connections",
            Self::Names => "names",
            Self::Crash => "crash",
            Self::LameDuck => "lame_duck",
            Self::Pause => "pause",
            Self::SlowReaders => "slow_readers",
            Self::Clocks => "clocks",
            Self::Operators => "operators",
            Self::Disks => "disks",
        }
    }

    /// What belongs to it.
    pub fn kinds(self) -> impl Iterator<Item = FaultKind> {
        FaultKind::ALL.into_iter().filter(move |kind| Self::of(*kind) == self)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        if let Some(family) = Self::ALL.into_iter().find(|family| family.name() == text) {
            return Ok(family);
        }
        Err(match FaultKind::ALL.into_iter().find(|kind| kind.name() == text) {
            Some(kind) => format!("`{text}` is a fault of the family `{}`", Self::of(kind)),
            None => match nearest(text, &names) {
                Some(near) => format!("there is no family `{text}`: did you mean `{near}`?"),
                None => format!("there is no family `{text}`; there are {}", names.join(", ")),
            },
        })
    }
}

impl Plan {
    /// The plan without these families. The rest of it stays as it is, its times and bounds too:
    /// clients do the same at the same moments, and bounds are looser than they need be.
    #[must_use]
    pub fn without(mut self, families: &BTreeSet<Family>) -> Self {
        self.faults.retain(|fault| !families.contains(&Family::of(fault.action.kind())));
        self.renumber();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee;
    use crate::plan::plan;
    use crate::scenario::Scenario;

    fn rolling_restart() -> Plan {
        let text = include_str!("../../../scenarios/rolling-restart.toml");
        let scenario = Scenario::parse("s.toml", text, &guarantee::kinds()).unwrap();
        plan(&scenario, 0).unwrap()
    }

    #[test]
    fn every_kind_has_a_family_and_every_family_has_kinds() {
        let kinds: usize = Family::ALL.map(|family| family.kinds().count()).iter().sum();
        assert_eq!(kinds, FaultKind::ALL.len());
        for family in Family::ALL {
            assert!(family.kinds().next().is_some(), "{family}");
            assert_eq!(family.name().parse(), Ok(family));
        }
    }

    #[test]
    fn wrong_names_are_explained() {
        for (text, error) in [
            ("slow_cpu", "`slow_cpu` is a fault of the family `pause`"),
            ("partitions", "there is no family `partitions`: did you mean `partition`?"),
        ] {
            assert_eq!(text.parse::<Family>().unwrap_err(), error);
        }
        let far = "zzz".parse::<Family>().unwrap_err();
        assert!(far.starts_with("there is no family `zzz`; there are partition, "), "{far}");
    }

    #[test]
    fn only_the_faults_of_a_family_leave_a_plan() {
        let whole = rolling_restart();
        let families: BTreeSet<Family> =
            whole.faults.iter().map(|fault| Family::of(fault.action.kind())).collect();
        for family in Family::ALL {
            let less = rolling_restart().without(&BTreeSet::from([family]));
            assert_eq!(less.faults.len() < whole.faults.len(), families.contains(&family));
            assert_eq!((less.ops.len(), less.bounds), (whole.ops.len(), whole.bounds));
            let text = less.write();
            assert!(Plan::parse(&text).unwrap().write() == text, "its text is a plan's");
        }
        assert!(whole.without(&families).faults.is_empty());
    }
}
