//! Real time, for progress and budgets. Nothing that is run knows it.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the only clock of the program; it measures runs and is no input to them"
)]

use std::time::Instant;

/// Measures real time from its making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    pub(super) fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since the start.
    pub(super) fn ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether so many nanoseconds have passed; without a bound, never.
    pub(super) fn is_over(self, budget_ns: Option<u64>) -> bool {
        budget_ns.is_some_and(|budget| self.0.elapsed().as_nanos() >= u128::from(budget))
    }
}

/// For how long this thread has computed, in nanoseconds: what other programs take does not count.
/// `None` where the system does not say (Linux does).
pub(super) fn computed_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}
