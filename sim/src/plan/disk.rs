//! What happens to disks: in the plan and in its text.

use super::text::{Line, put};
use crate::units::{SECOND, Span};

/// A disk is slower by no more than this, for one operation.
const TAKES_MAX_NS: u64 = 3600 * SECOND;

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DiskFault {
    /// Operations fail: so many in a million of each kind.
    Errors(DiskShares),
    /// Reads come from another place of the same file, writes go to one: so many in a million.
    Misdirected(DiskShares),
    /// There is room for so many more bytes than there are when it begins.
    Full {
        /// Bytes.
        free: u64,
    },
    /// Nothing can be changed.
    ReadOnly,
    /// Everything takes longer.
    Slow(SlowDisk),
    /// Nothing comes back.
    Stall,
    /// Syncs say that all is well and do nothing.
    LyingSync,
    /// Something happens to files, once and for good.
    Damage {
        /// What.
        what: DiskDamage,
        /// How often, each time to one of the files.
        times: u64,
    },
}

/// Shares of operations, in millionths.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DiskShares {
    /// Of reads.
    pub reads_ppm: u32,
    /// Of writes.
    pub writes_ppm: u32,
    /// Of syncs.
    pub syncs_ppm: u32,
}

/// How slow a disk is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlowDisk {
    /// Nanoseconds that each operation takes besides.
    pub base_ns: u64,
    /// How many times as long as usual it takes.
    pub factor: u64,
}

impl SlowDisk {
    /// How long an operation takes that usually takes so long.
    #[must_use]
    pub fn takes_ns(self, usual: u64) -> u64 {
        let takes = usual.saturating_mul(self.factor.max(1)).saturating_add(self.base_ns);
        takes.min(TAKES_MAX_NS)
    }
}

/// What can happen to a file while nobody looks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DiskDamage {
    /// One of its bits is another.
    BitRot,
    /// Some of its sectors are as they were before they were last written.
    Stale,
    /// Its end is gone.
    Truncated,
    /// Its name cannot be found.
    Lost,
}

impl DiskDamage {
    /// All.
    pub const ALL: [Self; 4] = [Self::BitRot, Self::Stale, Self::Truncated, Self::Lost];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BitRot => "bit_rot",
            Self::Stale => "stale",
            Self::Truncated => "truncate",
            Self::Lost => "lost_file",
        }
    }
}

impl DiskFault {
    /// Whether it is over as soon as it has begun.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Self::Damage { .. })
    }

    /// Whether what was synced may be gone after it.
    #[must_use]
    pub const fn breaks_promises(&self) -> bool {
        matches!(self, Self::Damage { .. } | Self::LyingSync | Self::Misdirected(_))
    }

    /// What it is called in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Errors(_) => "errors",
            Self::Misdirected(_) => "misdirect",
            Self::Full { .. } => "full",
            Self::ReadOnly => "read_only",
            Self::Slow(_) => "slow",
            Self::Stall => "stall",
            Self::LyingSync => "lying_sync",
            Self::Damage { what, .. } => what.name(),
        }
    }

    /// Its parameters as words of a plan.
    pub(super) fn words(&self, out: &mut String) {
        put(out, "what", self.name());
        match self {
            Self::Errors(shares) => {
                put(out, "reads", shares.reads_ppm);
                put(out, "writes", shares.writes_ppm);
                put(out, "syncs", shares.syncs_ppm);
            }
            Self::Misdirected(shares) => {
                put(out, "reads", shares.reads_ppm);
                put(out, "writes", shares.writes_ppm);
            }
            Self::Full { free } => put(out, "free", free),
            Self::Slow(SlowDisk { base_ns, factor }) => {
                put(out, "base", Span(*base_ns));
                put(out, "factor", factor);
            }
            Self::Damage { times, .. } => put(out, "times", times),
            Self::ReadOnly | Self::Stall | Self::LyingSync => {}
        }
    }

    /// Reads the parameters.
    pub(super) fn read(line: &mut Line) -> Result<Self, String> {
        let what = line.value("what")?;
        let damage = DiskDamage::ALL.into_iter().find(|damage| damage.name() == what);
        Ok(match what.as_str() {
            "errors" => Self::Errors(DiskShares {
                reads_ppm: line.number("reads")?,
                writes_ppm: line.number("writes")?,
                syncs_ppm: line.number("syncs")?,
            }),
            "misdirect" => Self::Misdirected(DiskShares {
                reads_ppm: line.number("reads")?,
                writes_ppm: line.number("writes")?,
                syncs_ppm: 0,
            }),
            "full" => Self::Full { free: line.number("free")? },
            "read_only" => Self::ReadOnly,
            "slow" => {
                let (base_ns, factor) = (line.span("base")?, line.number("factor")?);
                Self::Slow(SlowDisk { base_ns, factor })
            }
            "stall" => Self::Stall,
            "lying_sync" => Self::LyingSync,
            _ => {
                let no = || format!("`what={what}` happens to no disk");
                Self::Damage { what: damage.ok_or_else(no)?, times: line.number("times")? }
            }
        })
    }
}
