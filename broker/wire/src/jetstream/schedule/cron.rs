//! Calendars of six fields: second, minute, hour, day of the month, month, day of the week.

use super::Zone;
use crate::jetstream::time::{Nanos, Time, civil, days};

/// The seconds, minutes, ... that a calendar names, as a bit for each, and where it hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    zone: Zone,
    second: u64,
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// Whether both kinds of day must fit; otherwise one is enough.
    both_days: bool,
}

/// A field: its smallest and largest value, and names for some.
struct Field {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const SECONDS: Field = Field { min: 0, max: 59, names: &[] };
const HOURS: Field = Field { min: 0, max: 23, names: &[] };
const DAYS: Field = Field { min: 1, max: 31, names: &[] };
const MONTHS: Field = Field {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAYS: Field =
    Field { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A day that nothing falls on within so many years never comes.
const YEARS_AHEAD: i64 = 5;

impl Cron {
    /// Reads six fields between white space, or a name such as `@hourly`.
    pub(super) fn parse(pattern: &str, zone: Zone) -> Option<Self> {
        let pattern = match pattern {
            "@yearly" | "@annually" => "0 0 0 1 1 *",
            "@monthly" => "0 0 0 1 * *",
            "@weekly" => "0 0 0 * * 0",
            "@daily" | "@midnight" => "0 0 0 * * *",
            "@hourly" => "0 0 * * * *",
            other => other,
        };
        let mut fields = pattern.split_whitespace();
        let mut next = |field: &Field| field.parse(fields.next()?);
        let (second, _) = next(&SECONDS)?;
        let (minute, _) = next(&SECONDS)?;
        let (hour, _) = next(&HOURS)?;
        let (day, any_day) = next(&DAYS)?;
        let (month, _) = next(&MONTHS)?;
        let (weekday, any_weekday) = next(&WEEKDAYS)?;
        let both_days = any_day || any_weekday;
        fields.next().is_none().then_some(Self {
            zone,
            second,
            minute,
            hour,
            day,
            month,
            weekday,
            both_days,
        })
    }

    /// The first time after `nanos` since 1970 at which the clocks of the zone show what it names.
    /// What they pass over does not count, and what they show twice does so twice.
    pub(super) fn next(&self, nanos: i64) -> Option<Time> {
        let mut from = nanos.div_euclid(Nanos::SECOND.0) + 1;
        let (year, ..) = civil((from + self.zone.offset(from)).div_euclid(DAY));
        let last_day = days(year + YEARS_AHEAD, 12, 31);
        loop {
            let offset = self.zone.offset(from);
            let next = self.next_shown(from + offset, last_day).map(|shown| shown - offset);
            match self.zone.next_change(from) {
                Some(change) if next.is_none_or(|next| next >= change) => {
                    if (change + offset).div_euclid(DAY) > last_day {
                        return None;
                    }
                    from = change;
                }
                Some(_) | None => {
                    let nanos = next?.checked_mul(Nanos::SECOND.0)?;
                    return Some(Time::from_nanos(nanos).with_offset(offset / 60));
                }
            }
        }
    }

    /// The first second from `first` on that it names, as clocks show it.
    fn next_shown(&self, first: i64, last_day: i64) -> Option<i64> {
        let (mut day, mut second) = (first.div_euclid(DAY), first.rem_euclid(DAY));
        while day <= last_day {
            if self.includes_day(day)
                && let Some(second) = self.second_of_day(second)
            {
                return Some(day * DAY + second);
            }
            (day, second) = (day + 1, 0);
        }
        None
    }

    fn includes_day(&self, day: i64) -> bool {
        let (_, month, of_month) = civil(day);
        // 1970-01-01 was a Thursday.
        let of_week = (day + 4).rem_euclid(7);
        let (of_month, of_week) = (has(self.day, of_month), has(self.weekday, of_week));
        has(self.month, month)
            && if self.both_days { of_month && of_week } else { of_month || of_week }
    }

    /// The first second of a day at or after `from`.
    fn second_of_day(&self, from: i64) -> Option<i64> {
        let mut at = from;
        while at < DAY {
            let (hour, minute, second) = (at / 3600, at / 60 % 60, at % 60);
            if !has(self.hour, hour) {
                at = (hour + 1) * 3600;
            } else if !has(self.minute, minute) {
                at = (at / 60 + 1) * 60;
            } else if has(self.second, second) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }
}

fn has(bits: u64, value: i64) -> bool {
    bits >> value & 1 == 1
}

impl Field {
    /// The bits of a list of ranges, and whether one of them is everything. Empty ranges do not
    /// count.
    fn parse(&self, list: &str) -> Option<(u64, bool)> {
        let mut sum = (0, false);
        for range in list.split(',').filter(|range| !range.is_empty()) {
            let (bits, any) = self.range(range)?;
            sum = (sum.0 | bits, sum.1 | any);
        }
        Some(sum)
    }

    /// `5`, `5-10`, `*`, `?`, and any of them with `/step`; `5/step` goes on to the end.
    fn range(&self, range: &str) -> Option<(u64, bool)> {
        let (range, step) = match range.split_once('/') {
            None => (range, None),
            Some((range, step)) => (range, Some(number(step).filter(|&step| step > 0)?)),
        };
        let (low, high) = match range.split_once('-') {
            None => (range, None),
            Some((low, high)) => (low, Some(high)),
        };
        let any = low == "*" || low == "?";
        let (start, end) = if any {
            // What follows a hyphen after an asterisk counts for nothing.
            (self.min, self.max)
        } else {
            let start = self.value(low)?;
            let end = match high {
                Some(high) => self.value(high)?,
                None if step.is_some() => self.max,
                None => start,
            };
            (start, end)
        };
        if start < self.min || end > self.max || start > end {
            return None;
        }
        let step = step.unwrap_or(1);
        let values = (start..=end).step_by(step as usize);
        Some((values.fold(0, |bits, value| bits | 1 << value), any && step == 1))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let name = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        name.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.min).or_else(|| number(text))
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}
