//! Points in time and spans, as Go writes them in JSON.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::json::{self, Encode};

mod duration;
mod rfc3339;

pub use duration::DurationError;
pub use rfc3339::TimeError;
pub(super) use rfc3339::{civil, days};

/// A span in nanoseconds, written as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub i64);

impl Nanos {
    /// A millisecond.
    pub const MILLISECOND: Self = Self(1_000_000);
    /// A second.
    pub const SECOND: Self = Self(1_000_000_000);
    /// A minute.
    pub const MINUTE: Self = Self(60 * Self::SECOND.0);

    /// So many milliseconds.
    #[must_use]
    pub const fn millis(n: i64) -> Self {
        Self(n * Self::MILLISECOND.0)
    }

    /// So many seconds.
    #[must_use]
    pub const fn secs(n: i64) -> Self {
        Self(n * Self::SECOND.0)
    }

    /// Whether there is no span at all: unset in a configuration.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Encode for Nanos {
    fn is_empty(&self) -> bool {
        self.0 == 0
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

/// A point in time between the years 0 and 9999 to the nanosecond, with the offset from UTC that it
/// is shown in. The default is Go's zero time, `0001-01-01T00:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// Nanoseconds after that, below 1 000 000 000.
    nanos: u32,
    /// Minutes east of UTC, for show.
    offset: i16,
}

impl Time {
    /// Go's zero time, `0001-01-01T00:00:00Z`: not set.
    pub const ZERO: Self = Self { seconds: -62_135_596_800, nanos: 0, offset: 0 };

    /// The time so many nanoseconds after 1970-01-01T00:00:00Z, in UTC.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 10^9")]
        Self { seconds, nanos: nanos as u32, offset: 0 }
    }

    /// The same time as clocks show it that are so many minutes ahead of UTC; in UTC if no clock is.
    #[must_use]
    pub(super) fn with_offset(self, minutes: i64) -> Self {
        let most = 24 * 60;
        let shown = i16::try_from(minutes).ok().filter(|offset| offset.abs() < most);
        Self { offset: shown.unwrap_or(0), ..self }
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z; a time before 1677 or after 2262, such as the zero
    /// time, is moved to the nearest that fits.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        let nanos = self.seconds as i128 * 1_000_000_000 + self.nanos as i128;
        if nanos < i64::MIN as i128 {
            i64::MIN
        } else if nanos > i64::MAX as i128 {
            i64::MAX
        } else {
            nanos as i64
        }
    }

    /// The same time, shown in UTC.
    #[must_use]
    pub const fn to_utc(self) -> Self {
        Self { offset: 0, ..self }
    }

    /// Whether it is the same time as another, wherever shown.
    #[must_use]
    pub const fn is_same_as(self, other: Self) -> bool {
        self.seconds == other.seconds && self.nanos == other.nanos
    }

    /// Whether this is [`Time::ZERO`].
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.seconds == Self::ZERO.seconds && self.nanos == 0
    }
}

impl fmt::Display for Time {
    /// RFC 3339 with as many decimals as needed: `2026-08-21T14:50:11.5Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rfc3339::format(*self, f)
    }
}

impl core::str::FromStr for Time {
    type Err = TimeError;

    /// Reads RFC 3339 as strictly as Go does in JSON.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        rfc3339::parse(text)
    }
}

impl Encode for Time {
    /// A time is always written: `omitempty` only leaves out one that is an option.
    fn is_empty(&self) -> bool {
        false
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(40);
        // Writing to a string does not fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{self}"));
        json::write_text(out, &text);
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}
