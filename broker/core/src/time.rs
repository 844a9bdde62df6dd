//! Time as the core sees it: values that enter from outside, never a clock that is read.

use core::ops::{Add, Sub};
pub use core::time::Duration;

/// A point on the monotonic clock, in nanoseconds since the node started. It never decreases.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mono(pub u64);

/// A point on the wall clock, in nanoseconds since 1970-01-01T00:00:00Z. It may jump either way;
/// it is only ever shown to people, no decision reads it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Wall(pub i64);

/// Both clocks, read once per wake-up by the host and shared by the whole batch of inputs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// For every timer and every decision.
    pub mono: Mono,
    /// For reports.
    pub wall: Wall,
}

impl Mono {
    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    /// Saturates at the end of time (584 years after the start).
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;

    /// Saturates at the node's start.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}
