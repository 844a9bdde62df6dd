//! The monotonic clock that a node sees.

use std::time::Duration;

use causeway_core::Mono;
use tokio::time::Instant;

/// Counts from the moment it was made. Follows tokio's clock, so a simulated runtime may control
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock at zero.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Time since [`start`](Self::start).
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When tokio's clock will reach `at`; a year from now if that is too far to be expressed.
    pub(super) fn instant(&self, at: Mono) -> Instant {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        self.origin.checked_add(Duration::from_nanos(at.0)).unwrap_or_else(|| Instant::now() + YEAR)
    }
}
