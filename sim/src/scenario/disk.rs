//! What a scenario says of disks.

use super::Draw;
use crate::plan::DiskDamage;

/// What is wrong with disks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DiskSpec {
    /// Operations fail: shares in millionths.
    Errors(SharesSpec),
    /// Reads and writes go to another place of the same file: shares in millionths.
    Misdirected(SharesSpec),
    /// There is room for so many more bytes only.
    Full {
        /// Bytes.
        free: Draw,
    },
    /// Nothing can be changed.
    ReadOnly,
    /// Everything takes longer.
    Slow {
        /// Nanoseconds that each operation takes besides.
        base: Draw,
        /// How many times as long as usual it takes.
        factor: Draw,
    },
    /// Nothing comes back.
    Stall,
    /// Syncs say that all is well and do nothing.
    LyingSync,
    /// Something happens to files, once and for good.
    Damage {
        /// What.
        what: DiskDamage,
        /// How often.
        times: Draw,
    },
}

/// Shares of operations, in millionths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SharesSpec {
    /// Of reads.
    pub reads: Draw,
    /// Of writes.
    pub writes: Draw,
    /// Of syncs.
    pub syncs: Draw,
}

impl DiskSpec {
    /// The names in files.
    pub const NAMES: [&'static str; 11] = [
        "errors",
        "misdirect",
        "full",
        "read_only",
        "slow",
        "stall",
        "lying_sync",
        "bit_rot",
        "stale",
        "truncate",
        "lost_file",
    ];

    /// Whether it is over as soon as it has begun.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Self::Damage { .. })
    }
}
