//! What is wrong with a disk, and how fast it is.

/// What is wrong with a disk now. Shares are in millionths of the operations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// Reads fail.
    pub read_errors_ppm: u32,
    /// Writes fail, and what they were to write is not there.
    pub write_errors_ppm: u32,
    /// Syncs fail; what was to be synced may never be.
    pub sync_errors_ppm: u32,
    /// Syncs say that all is well and do nothing.
    pub syncs_lie: bool,
    /// Writes land at another place of the same file.
    pub misdirected_writes_ppm: u32,
    /// Reads come from another place of the same file.
    pub misdirected_reads_ppm: u32,
    /// Nothing can be changed.
    pub read_only: bool,
    /// Bytes that all files together may have; `None` is no limit.
    pub quota: Option<u64>,
    /// How many files may be open at once; `None` is no limit.
    pub most_open: Option<u64>,
    /// How fast it is.
    pub pace: Pace,
}

/// How fast a disk is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Nanoseconds for an operation.
    pub base_ns: u64,
    /// Bytes in a second; 0 is unlimited.
    pub bandwidth: u64,
    /// Nothing comes back.
    pub stalled: bool,
}

impl Default for Pace {
    /// A usual SSD.
    fn default() -> Self {
        Self { base_ns: 50_000, bandwidth: 1 << 30, stalled: false }
    }
}

impl Pace {
    /// How long an operation with so many bytes takes; `None` while nothing comes back.
    pub(super) fn takes_ns(self, bytes: u64) -> Option<u64> {
        let moving = bytes.saturating_mul(crate::units::SECOND).checked_div(self.bandwidth);
        (!self.stalled).then(|| self.base_ns.saturating_add(moving.unwrap_or(0)))
    }
}
