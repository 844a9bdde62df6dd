//! When a scheduled message is to be published.

use super::time::{Nanos, Time};

mod cron;

pub use cron::Cron;

/// What `Nats-Schedule` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Once: `@at 2026-08-21T14:50:11Z`.
    At(Time),
    /// Again and again, a second apart or more: `@every 5m`.
    Every(Nanos),
    /// By the calendar: `@hourly`, or six fields as `0 30 14 * * 1-5`.
    Cron(Cron),
}

/// A text says no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleError;

impl core::fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("neither @at, @every, a name such as @hourly, nor six fields")
    }
}

impl core::error::Error for ScheduleError {}

impl Schedule {
    /// Reads a pattern; only a calendar's may have a time zone. Empty is none.
    ///
    /// # Errors
    ///
    /// If it is no schedule.
    pub fn parse(pattern: &str, has_zone: bool) -> Result<Option<Self>, ScheduleError> {
        if pattern.is_empty() {
            return Ok(None);
        }
        if let Some(time) = pattern.strip_prefix("@at ") {
            let time = time.parse().ok().filter(|_| !has_zone).ok_or(ScheduleError)?;
            return Ok(Some(Self::At(time)));
        }
        if let Some(span) = pattern.strip_prefix("@every ") {
            let long_enough = |span: &Nanos| !has_zone && *span >= Nanos::SECOND;
            let span = span.parse().ok().filter(long_enough).ok_or(ScheduleError)?;
            return Ok(Some(Self::Every(span)));
        }
        Cron::parse(pattern).map(|cron| Some(Self::Cron(cron))).ok_or(ScheduleError)
    }

    /// Whether it publishes more than once.
    #[must_use]
    pub const fn repeats(&self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// When it publishes next after `last` (when the schedule was stored, or published last), in
    /// nanoseconds since 1970. What was missed until `now` is passed over. A calendar counts in UTC;
    /// `None` if it has no such day within five years.
    #[must_use]
    pub fn next(&self, last: i64, now: i64) -> Option<i64> {
        match self {
            Self::At(time) => Some(time.nanos()),
            Self::Every(span) => {
                let next = round_to_second(last).saturating_add(span.0);
                Some(if next < now { round_to_second(now).saturating_add(span.0) } else { next })
            }
            Self::Cron(cron) => {
                let next = cron.next(last)?;
                if next < now { cron.next(round_to_second(now)) } else { Some(next) }
            }
        }
    }
}

/// The nearest whole second, away from zero if both are.
fn round_to_second(nanos: i64) -> i64 {
    let second = Nanos::SECOND.0;
    nanos.saturating_add(second / 2).div_euclid(second).saturating_mul(second)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, last: &str, expected: Option<&str>) {
        let last = last.parse::<Time>().unwrap().nanos();
        let schedule = Schedule::parse(pattern, false).unwrap().unwrap();
        let next = schedule.next(last, last).map(|nanos| Time::from_nanos(nanos).to_string());
        assert_eq!(next.as_deref(), expected, "{pattern}");
    }

    #[test]
    fn once_and_again() {
        let noon = "2026-08-21T12:00:00Z";
        check("@at 2026-08-21T14:50:11.5+02:00", noon, Some("2026-08-21T12:50:11.5Z"));
        check("@every 1h30m", noon, Some("2026-08-21T13:30:00Z"));
        check("@every 1.5s", "2026-08-21T12:00:00.5Z", Some("2026-08-21T12:00:02.5Z"));
        check("@every 1s", "2026-08-21T12:00:00.499Z", Some("2026-08-21T12:00:01Z"));
    }

    #[test]
    fn what_was_missed_is_passed_over() {
        let second = Nanos::SECOND.0;
        let every = Schedule::Every(Nanos::secs(10));
        assert_eq!(every.next(0, 5 * second), Some(10 * second));
        assert_eq!(every.next(0, 1000 * second), Some(1010 * second));
        let minutes = Schedule::parse("0 * * * * *", false).unwrap().unwrap();
        assert_eq!(minutes.next(0, 30 * second), Some(60 * second));
        assert_eq!(minutes.next(0, 601 * second), Some(660 * second));
        assert!(minutes.repeats() && !Schedule::At(Time::ZERO).repeats());
    }

    #[test]
    fn by_the_calendar() {
        let noon = "2026-08-21T12:00:00Z"; // a Friday
        check("@hourly", noon, Some("2026-08-21T13:00:00Z"));
        check("@daily", noon, Some("2026-08-22T00:00:00Z"));
        check("@midnight", noon, Some("2026-08-22T00:00:00Z"));
        check("@weekly", noon, Some("2026-08-23T00:00:00Z"));
        check("@monthly", noon, Some("2026-09-01T00:00:00Z"));
        check("@yearly", noon, Some("2027-01-01T00:00:00Z"));
        check("@annually", noon, Some("2027-01-01T00:00:00Z"));
        check("* * * * * *", "2026-08-21T12:00:00.9Z", Some("2026-08-21T12:00:01Z"));
        check("30 15 10 * * *", noon, Some("2026-08-22T10:15:30Z"));
        check("*/15 * * * * ?", "2026-08-21T12:00:46Z", Some("2026-08-21T12:01:00Z"));
        check("0 0 9-17/4 * * mon-fri", noon, Some("2026-08-21T13:00:00Z"));
        check("0 0 9 * * MON", noon, Some("2026-08-24T09:00:00Z"));
        check("5,10 0 0 29 feb *", noon, Some("2028-02-29T00:00:05Z"));
        check("0 0 0 13 * 5", noon, Some("2026-08-28T00:00:00Z"));
        check("0 0 0 31 12 *", "2026-12-31T00:00:00Z", Some("2027-12-31T00:00:00Z"));
        check("0 0 0 30 2 *", noon, None);
        check("0 0 12/6 * * *", noon, Some("2026-08-21T18:00:00Z"));
    }

    #[test]
    fn what_is_no_schedule() {
        for wrong in [
            "x",
            "@at",
            "@at x",
            "@at 2026-08-21",
            "@every 999ms",
            "@every x",
            "@every",
            "@fortnightly",
            "* * * * *",
            "* * * * * * *",
            "60 * * * * *",
            "* 60 * * * *",
            "* * 24 * * *",
            "* * * 0 * *",
            "* * * 32 * *",
            "* * * * 13 *",
            "* * * * * 7",
            "1-2-3 * * * * *",
            "5-1 * * * * *",
            "1/2/3 * * * * *",
            "*/0 * * * * *",
            "-1 * * * * *",
            "a * * * * *",
            "* * * * foo *",
        ] {
            assert_eq!(Schedule::parse(wrong, false), Err(ScheduleError), "{wrong}");
        }
        assert_eq!(Schedule::parse("", true), Ok(None));
        assert_eq!(Schedule::parse("@every 5s", true), Err(ScheduleError));
        assert_eq!(Schedule::parse("@at 2026-08-21T12:00:00Z", true), Err(ScheduleError));
        assert!(Schedule::parse("@daily", true).unwrap().is_some());
    }
}
