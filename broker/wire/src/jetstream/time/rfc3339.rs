//! RFC 3339 texts with the errors of Go's time package.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::Time;

/// A text is no RFC 3339 time; displayed in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeError(String);

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TimeError {}

const SECONDS_PER_DAY: i64 = 86_400;

pub(super) fn format(time: Time, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let local = time.seconds + i64::from(time.offset) * 60;
    let (days, second) = (local.div_euclid(SECONDS_PER_DAY), local.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    if time.nanos > 0 {
        let decimals = format!("{:09}", time.nanos);
        write!(f, ".{}", decimals.trim_end_matches('0'))?;
    }
    if time.offset == 0 {
        return f.write_str("Z");
    }
    let sign = if time.offset < 0 { '-' } else { '+' };
    let offset = time.offset.unsigned_abs();
    write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
}

/// Year, month and day of the day so many days after 1970-01-01, in the Gregorian calendar.
pub(in crate::jetstream) fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that the day that leap years add is the last.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
pub(in crate::jetstream) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A text in quotes as Go's time package shows it: control characters and the bytes of anything
/// beyond ASCII as `\xNN`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' | 0x7f => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }
}

pub(super) fn parse(text: &str) -> Result<Time, TimeError> {
    let mut rest = Rest { whole: text, text };
    let year = rest.digits(4, "2006")?;
    rest.literal("-")?;
    let month = rest.within("01", "month", 1, 12)?;
    rest.literal("-")?;
    let day = rest.digits(2, "02")?;
    rest.literal("T")?;
    let hour = rest.hour()?;
    rest.literal(":")?;
    let minute = rest.within("04", "minute", 0, 59)?;
    rest.literal(":")?;
    let second = rest.within("05", "second", 0, 59)?;
    let nanos = rest.decimals();
    let offset = rest.zone()?;
    if !rest.text.is_empty() {
        return Err(rest.error(&format!(": extra text: {}", Quoted(rest.text))));
    }
    if day < 1 || day > days_in(year, month) {
        return Err(rest.error(": day out of range"));
    }
    let seconds = days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Ok(Time { seconds: seconds - i64::from(offset) * 60, nanos, offset })
}

/// What is still to be read of a text.
struct Rest<'a> {
    whole: &'a str,
    text: &'a str,
}

impl Rest<'_> {
    fn error(&self, what: &str) -> TimeError {
        TimeError(format!("parsing time {}{what}", Quoted(self.whole)))
    }

    fn unlike(&self, element: &str) -> TimeError {
        self.error(&format!(
            " as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as {element:?}",
            Quoted(self.text)
        ))
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize, element: &str) -> Result<i64, TimeError> {
        let digits = self.text.get(..count).filter(|s| s.bytes().all(|b| b.is_ascii_digit()));
        let digits = digits.ok_or_else(|| self.unlike(element))?;
        self.text = &self.text[count..];
        Ok(digits.bytes().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    }

    fn within(&mut self, element: &str, name: &str, min: i64, max: i64) -> Result<i64, TimeError> {
        let n = self.digits(2, element)?;
        if n < min || n > max {
            return Err(self.error(&format!(": {name} out of range")));
        }
        Ok(n)
    }

    /// An hour, which may have one digit.
    fn hour(&mut self) -> Result<i64, TimeError> {
        if let [digit @ b'0'..=b'9', next, ..] = *self.text.as_bytes()
            && !next.is_ascii_digit()
        {
            self.text = &self.text[1..];
            return Ok(i64::from(digit - b'0'));
        }
        self.within("15", "hour", 0, 23)
    }

    fn literal(&mut self, literal: &str) -> Result<(), TimeError> {
        self.text = self.text.strip_prefix(literal).ok_or_else(|| self.unlike(literal))?;
        Ok(())
    }

    /// Nanoseconds after a point or comma, if there is one and a digit after it; digits beyond the ninth
    /// count for nothing.
    fn decimals(&mut self) -> u32 {
        let Some(after) = self.text.strip_prefix(['.', ',']) else { return 0 };
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return 0;
        }
        self.text = &after[count..];
        let digits = after.bytes().take(count).chain(core::iter::repeat(b'0'));
        digits.take(9).fold(0, |n, b| n * 10 + u32::from(b - b'0'))
    }

    /// `Z` or `+hh:mm`, in minutes east of UTC.
    fn zone(&mut self) -> Result<i16, TimeError> {
        if let Some(after) = self.text.strip_prefix('Z') {
            self.text = after;
            return Ok(0);
        }
        let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..] = *self.text.as_bytes() else {
            return Err(self.unlike("Z07:00"));
        };
        if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
            return Err(self.unlike("Z07:00"));
        }
        let two = |a: u8, b: u8| i16::from(a - b'0') * 10 + i16::from(b - b'0');
        let (hour, minute) = (two(h1, h2), two(m1, m2));
        // Go would take 24, but can not write such a time again.
        if hour >= 24 {
            return Err(self.error(": time zone offset hour out of range"));
        }
        if minute > 60 {
            return Err(self.error(": time zone offset minute out of range"));
        }
        self.text = &self.text[6..];
        let offset = hour * 60 + minute;
        Ok(if sign == b'-' { -offset } else { offset })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// What nats-server 2.15.1 made of a text: the time as it shows it again, or its words.
    const OBSERVED: &[(&str, &str)] = &[
        ("x", r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#),
        ("", r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#),
        ("2024", r#"parsing time "2024" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "-""#),
        (
            "2024-",
            r#"parsing time "2024-" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "01""#,
        ),
        (
            "2024-1",
            r#"parsing time "2024-1" as "2006-01-02T15:04:05Z07:00": cannot parse "1" as "01""#,
        ),
        ("2024-13-01T00:00:00Z", r#"parsing time "2024-13-01T00:00:00Z": month out of range"#),
        ("2024-00-01T00:00:00Z", r#"parsing time "2024-00-01T00:00:00Z": month out of range"#),
        ("2024-02-30T00:00:00Z", r#"parsing time "2024-02-30T00:00:00Z": day out of range"#),
        ("2024-02-00T00:00:00Z", r#"parsing time "2024-02-00T00:00:00Z": day out of range"#),
        (
            "2024-02-01",
            r#"parsing time "2024-02-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
        ),
        (
            "2024-02-01 00:00:00Z",
            r#"parsing time "2024-02-01 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T""#,
        ),
        ("2024-02-01T24:00:00Z", r#"parsing time "2024-02-01T24:00:00Z": hour out of range"#),
        ("2024-02-01T1:00:00Z", "2024-02-01T01:00:00Z"),
        ("2024-02-01T01:60:00Z", r#"parsing time "2024-02-01T01:60:00Z": minute out of range"#),
        ("2024-02-01T01:00:60Z", r#"parsing time "2024-02-01T01:00:60Z": second out of range"#),
        (
            "2024-02-01T01:00:00",
            r#"parsing time "2024-02-01T01:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
        ),
        (
            "2024-02-01T01:00:00z",
            r#"parsing time "2024-02-01T01:00:00z" as "2006-01-02T15:04:05Z07:00": cannot parse "z" as "Z07:00""#,
        ),
        (
            "2024-02-01T01:00:00.Z",
            r#"parsing time "2024-02-01T01:00:00.Z" as "2006-01-02T15:04:05Z07:00": cannot parse ".Z" as "Z07:00""#,
        ),
        ("2024-02-01T01:00:00,5Z", "2024-02-01T01:00:00.5Z"),
        ("2024-02-01T01:00:00.1234567899Z", "2024-02-01T01:00:00.123456789Z"),
        ("2024-02-01T01:00:00+02:00", "2024-02-01T01:00:00+02:00"),
        ("2024-02-01T01:00:00+00:00", "2024-02-01T01:00:00Z"),
        ("2024-02-01T01:00:00-00:00", "2024-02-01T01:00:00Z"),
        (
            "2024-02-01T01:00:00+25:00",
            r#"parsing time "2024-02-01T01:00:00+25:00": time zone offset hour out of range"#,
        ),
        ("2024-02-01T01:00:00+02:60", "2024-02-01T01:00:00+03:00"),
        (
            "2024-02-01T01:00:00+02:61",
            r#"parsing time "2024-02-01T01:00:00+02:61": time zone offset minute out of range"#,
        ),
        (
            "2024-02-01T01:00:00+0200",
            r#"parsing time "2024-02-01T01:00:00+0200" as "2006-01-02T15:04:05Z07:00": cannot parse "+0200" as "Z07:00""#,
        ),
        (
            "2024-02-01T01:00:00+02",
            r#"parsing time "2024-02-01T01:00:00+02" as "2006-01-02T15:04:05Z07:00": cannot parse "+02" as "Z07:00""#,
        ),
        ("2024-02-01T01:00:00Z ", r#"parsing time "2024-02-01T01:00:00Z ": extra text: " ""#),
        ("2024-02-01T01:00:00ZZ", r#"parsing time "2024-02-01T01:00:00ZZ": extra text: "Z""#),
        (
            "2024-02-01T01:00:00+ab:cd",
            r#"parsing time "2024-02-01T01:00:00+ab:cd" as "2006-01-02T15:04:05Z07:00": cannot parse "+ab:cd" as "Z07:00""#,
        ),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2024-02-01T01:00:00.000Z", "2024-02-01T01:00:00Z"),
        ("2024-02-01T01:00:00.120Z", "2024-02-01T01:00:00.12Z"),
        (
            "é",
            r#"parsing time "\xc3\xa9" as "2006-01-02T15:04:05Z07:00": cannot parse "\xc3\xa9" as "2006""#,
        ),
        (
            r#"2024-02-01T01:00:00""#,
            r#"parsing time "2024-02-01T01:00:00\"" as "2006-01-02T15:04:05Z07:00": cannot parse "\"" as "Z07:00""#,
        ),
        (
            "2024-02-01T01:00:00\n",
            r#"parsing time "2024-02-01T01:00:00\x0a" as "2006-01-02T15:04:05Z07:00": cannot parse "\x0a" as "Z07:00""#,
        ),
        ("2024-02-01T01:00:00.1234567899+05:30", "2024-02-01T01:00:00.123456789+05:30"),
        ("2024-02-01T5:00:00Z", "2024-02-01T05:00:00Z"),
        (
            "2024-02-01T01:00:00.5",
            r#"parsing time "2024-02-01T01:00:00.5" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
        ),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
        (
            "10000-01-01T00:00:00Z",
            r#"parsing time "10000-01-01T00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse "0-01-01T00:00:00Z" as "-""#,
        ),
    ];

    #[test]
    fn as_nats_server_reads_and_writes_them() {
        for (text, expected) in OBSERVED {
            let got = match text.parse::<Time>() {
                Ok(time) => time.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, *expected);
        }
    }

    #[test]
    fn nanoseconds_since_1970() {
        let check = |text: &str, nanos: i64| {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.nanos(), nanos, "{text}");
            assert_eq!(Time::from_nanos(nanos).to_string(), text);
        };
        check("1970-01-01T00:00:00Z", 0);
        check("1969-12-31T23:59:59.999999999Z", -1);
        check("2026-08-21T14:50:11.5Z", 1_787_323_811_500_000_000);
        check("2262-04-11T23:47:16.854775807Z", i64::MAX);
        check("1677-09-21T00:12:43.145224192Z", i64::MIN);
        let east: Time = "2026-08-21T16:50:11.5+02:00".parse().unwrap();
        assert_eq!(east.nanos(), 1_787_323_811_500_000_000);
        assert_eq!(Time::ZERO.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!("0001-01-01T00:00:00Z".parse(), Ok(Time::ZERO));
        assert_eq!(Time::ZERO.nanos(), i64::MIN);
    }

    #[test]
    fn every_day_of_eight_hundred_years() {
        let first = days(1600, 1, 1);
        for day in first..days(2400, 1, 1) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
            assert!((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&of_month));
        }
    }
}
