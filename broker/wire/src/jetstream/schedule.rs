//! When a scheduled message is to be published.

use super::time::{Nanos, Time};

mod cron;
mod zone;

pub use cron::Cron;
pub use zone::Zone;

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
    /// Reads a pattern; only a calendar may have a time zone, and without one it counts in UTC. Empty
    /// is none.
    ///
    /// # Errors
    ///
    /// If it is no schedule.
    pub fn parse(pattern: &str, zone: Option<Zone>) -> Result<Option<Self>, ScheduleError> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let has_zone = zone.is_some();
        if let Some(time) = pattern.strip_prefix("@at ") {
            let time = time.parse().ok().filter(|_| !has_zone).ok_or(ScheduleError)?;
            return Ok(Some(Self::At(time)));
        }
        if let Some(span) = pattern.strip_prefix("@every ") {
            let long_enough = |span: &Nanos| !has_zone && *span >= Nanos::SECOND;
            let span = span.parse().ok().filter(long_enough).ok_or(ScheduleError)?;
            return Ok(Some(Self::Every(span)));
        }
        Cron::parse(pattern, zone.unwrap_or_default())
            .map(|cron| Some(Self::Cron(cron)))
            .ok_or(ScheduleError)
    }

    /// Whether it publishes more than once.
    #[must_use]
    pub const fn repeats(&self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// When it publishes next after `last` (when the schedule was stored, or was due last), in
    /// nanoseconds since 1970. What was missed until `now` is passed over. A calendar says it in its
    /// time zone; `None` if it has no such day within five years.
    #[must_use]
    pub fn next(&self, last: i64, now: i64) -> Option<Time> {
        match self {
            Self::At(time) => Some(*time),
            Self::Every(span) => {
                let next = round_to_second(last).saturating_add(span.0);
                let missed = next < now;
                let from_now = || round_to_second(now).saturating_add(span.0);
                Some(Time::from_nanos(if missed { from_now() } else { next }))
            }
            Self::Cron(cron) => {
                let next = cron.next(last)?;
                if next.nanos() < now { cron.next(round_to_second(now)) } else { Some(next) }
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
        check_in(None, pattern, last, expected);
    }

    #[track_caller]
    fn check_in(zone: Option<&str>, pattern: &str, last: &str, expected: Option<&str>) {
        let last = last.parse::<Time>().unwrap().nanos();
        let zone = zone.map(|name| Zone::find(name).unwrap());
        let schedule = Schedule::parse(pattern, zone).unwrap().unwrap();
        let next = schedule.next(last, last).map(|next| next.to_string());
        assert_eq!(next.as_deref(), expected, "{pattern}");
    }

    #[test]
    fn once_and_again() {
        let noon = "2026-08-21T12:00:00Z";
        check("@at 2026-08-21T14:50:11.5+02:00", noon, Some("2026-08-21T14:50:11.5+02:00"));
        check("@every 1h30m", noon, Some("2026-08-21T13:30:00Z"));
        check("@every 1.5s", "2026-08-21T12:00:00.5Z", Some("2026-08-21T12:00:02.5Z"));
        check("@every 1s", "2026-08-21T12:00:00.499Z", Some("2026-08-21T12:00:01Z"));
    }

    #[test]
    fn what_was_missed_is_passed_over() {
        let second = Nanos::SECOND.0;
        let every = Schedule::Every(Nanos::secs(10));
        let next = |schedule: &Schedule, now| schedule.next(0, now).map(|next| next.nanos());
        assert_eq!(next(&every, 5 * second), Some(10 * second));
        assert_eq!(next(&every, 1000 * second), Some(1010 * second));
        let minutes = Schedule::parse("0 * * * * *", None).unwrap().unwrap();
        assert_eq!(next(&minutes, 30 * second), Some(60 * second));
        assert_eq!(next(&minutes, 601 * second), Some(660 * second));
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
            assert_eq!(Schedule::parse(wrong, None), Err(ScheduleError), "{wrong}");
        }
        let berlin = || Zone::find("Europe/Berlin");
        assert_eq!(Schedule::parse("", berlin()), Ok(None));
        assert_eq!(Schedule::parse("@every 5s", berlin()), Err(ScheduleError));
        assert_eq!(Schedule::parse("@at 2026-08-21T12:00:00Z", berlin()), Err(ScheduleError));
        assert!(Schedule::parse("@daily", berlin()).unwrap().is_some());
    }

    #[test]
    fn in_another_time_zone() {
        let check = |pattern: &str, last: &str, next: &str| {
            check_in(Some("Europe/Berlin"), pattern, last, Some(next));
        };
        check("@daily", "2026-08-21T12:00:00Z", "2026-08-22T00:00:00+02:00");
        check("@daily", "2026-12-21T12:00:00Z", "2026-12-22T00:00:00+01:00");
        check("@yearly", "2026-08-21T12:00:00Z", "2027-01-01T00:00:00+01:00");
        // Half past two does not exist on the day on which summer begins.
        check("0 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T02:30:00+02:00");
        check("0 0 * * * *", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00");
        // It is there twice on the day on which it ends.
        check("0 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00");
        check("0 30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00+01:00");
        check("0 30 2 * * *", "2026-10-25T01:30:00Z", "2026-10-26T02:30:00+01:00");
        check_in(Some("UTC"), "@daily", "2026-08-21T12:00:00Z", Some("2026-08-22T00:00:00Z"));
        check_in(Some("Asia/Kolkata"), "0 0 0 30 2 *", "2026-08-21T12:00:00Z", None);
        for wrong in ["", "Mars", "europe/berlin", "Local", "Europe"] {
            assert_eq!(Zone::find(wrong), None, "{wrong}");
        }
    }
}
