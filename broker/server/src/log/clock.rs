//! Wall clock times as logs show them.

use std::io::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What stands for the time in a line.
pub(super) enum TimeStyle {
    /// Nothing.
    Absent,
    /// The time in this zone.
    In(TimeZone),
}

impl TimeStyle {
    pub(super) fn new(logtime: bool, utc: bool) -> Self {
        match (logtime, utc) {
            (false, _) => Self::Absent,
            (true, true) => Self::In(TimeZone::UTC),
            (true, false) => Self::In(TimeZone::system()),
        }
    }

    /// Appends `2026/11/24 00:49:22.206440 `, or nothing.
    pub(super) fn write(&self, line: &mut Vec<u8>) {
        let Self::In(zone) = self else { return };
        let time = Civil::now(zone);
        let _ = write!(
            line,
            "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06} ",
            time.year,
            time.month,
            time.day,
            time.hour,
            time.minute,
            time.second,
            time.nanosecond / 1000
        );
    }
}

/// The ending of a rotated file, in local time: `2026.11.24.00.49.22.206440123`.
pub(super) fn file_stamp() -> String {
    let time = Civil::now(&TimeZone::system());
    format!(
        "{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}",
        time.year, time.month, time.day, time.hour, time.minute, time.second, time.nanosecond
    )
}

/// A date and time of day in the Gregorian calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Civil {
    /// Year; negative before the common era.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanosecond: u32,
}

impl Civil {
    fn now(zone: &TimeZone) -> Self {
        let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        let offset = Timestamp::from_nanosecond(i128::from(nanos))
            .map_or(0, |stamp| i64::from(zone.to_offset(stamp).seconds()));
        civil(nanos.saturating_add(offset.saturating_mul(1_000_000_000)))
    }
}

/// The calendar date of a point given in nanoseconds since 1970-01-01T00:00:00.
///
/// The days are counted in eras of 400 years that begin in March, so that the leap day comes last.
#[must_use]
pub fn civil(nanos: i64) -> Civil {
    const DAY: i64 = 86_400;
    let seconds = nanos.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let from_era = days + 719_468;
    let (era, day_of_era) = (from_era.div_euclid(146_097), from_era.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    // All are far inside their ranges.
    let small = |value: i64| u8::try_from(value).unwrap_or(u8::MAX);
    Civil {
        year,
        month: small(month),
        day: small(day),
        hour: small(second / 3600),
        minute: small(second / 60 % 60),
        second: small(second % 60),
        nanosecond: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        let text = |nanos: i64| {
            let c = civil(nanos);
            format!(
                "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}",
                c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanosecond
            )
        };
        assert_eq!(text(0), "1970-01-01T00:00:00.000000000");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999999");
        assert_eq!(text(951_827_696_123_456_789), "2000-02-29T12:34:56.123456789");
        assert_eq!(text(1_795_481_362_206_440_000), "2026-11-24T00:49:22.206440000");
        // Against the library, over all representable years.
        for step in -200..200i64 {
            let nanos = step * 46_115_860_184_273_879;
            let stamp = Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            let theirs = TimeZone::UTC.to_datetime(stamp);
            let ours = civil(nanos);
            assert_eq!(
                (ours.year, i64::from(ours.month), i64::from(ours.day), i64::from(ours.hour)),
                (
                    i64::from(theirs.year()),
                    i64::from(theirs.month()),
                    i64::from(theirs.day()),
                    i64::from(theirs.hour())
                )
            );
        }
    }
}
