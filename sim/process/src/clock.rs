//! The run's clock.

use std::time::{Duration, Instant};

/// Nanoseconds since the start of a run, by the machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits, for those who have nothing else to look after.
    pub fn sleep(ns: u64) {
        std::thread::sleep(Duration::from_nanos(ns));
    }
}
