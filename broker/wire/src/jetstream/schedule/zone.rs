//! Time zones: what clocks show where.
//!
//! The rules come with the program, so that the same schedule means the same on every server and in
//! every run, whatever is installed where it runs.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone. The default is UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The time zone of that name, such as `Europe/Berlin`. Case counts.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Self(zone))
    }

    /// Seconds that clocks are ahead of UTC, at so many seconds since 1970.
    pub(super) fn offset(&self, seconds: i64) -> i64 {
        Timestamp::from_second(seconds).map_or(0, |at| self.0.to_offset(at).seconds().into())
    }

    /// When they are set next, after so many seconds since 1970.
    pub(super) fn next_change(&self, seconds: i64) -> Option<i64> {
        let at = Timestamp::from_second(seconds).ok()?;
        self.0.following(at).next().map(|change| change.timestamp().as_second())
    }
}
