//! Spans as Go writes them for people: `1.5s`, `2m0s`, `100ms`.

use alloc::string::String;
use core::fmt;

use super::Nanos;

/// A text is no Go duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationError;

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a duration such as 1.5s")
    }
}

impl core::error::Error for DurationError {}

impl core::str::FromStr for Nanos {
    type Err = DurationError;

    /// Reads an optional sign and one or more numbers with a unit after each: `ns`, `us`, `ms`,
    /// `s`, `m` or `h`. What is finer than a nanosecond is cut off.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        parse(text).map(Self).ok_or(DurationError)
    }
}

fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    // The most negative span has no positive counterpart, so they are counted without the sign.
    let mut sum = 0_u64;
    loop {
        let (span, after) = part(rest)?;
        sum = sum.checked_add(span).filter(|&sum| sum <= 1 << 63)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    if negative { 0_i64.checked_sub_unsigned(sum) } else { i64::try_from(sum).ok() }
}

/// One number with its unit in nanoseconds, and what follows it.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, mut rest) = text.split_at(digits(text));
    let mut decimals = "";
    if let Some(after) = rest.strip_prefix('.') {
        (decimals, rest) = after.split_at(digits(after));
    }
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let span = whole.checked_mul(unit)?.checked_add(fraction(decimals, unit))?;
    Some((span, rest))
}

/// `0.<decimals>` of a unit. Eighteen digits are more than any unit has nanoseconds.
fn fraction(decimals: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in decimals.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(u64::MAX)
}

impl fmt::Display for Nanos {
    /// As Go does: `1.5s`, `2m0s`, `100ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => f.write_str("0s"),
            1..=999 => write!(f, "{nanos}ns"),
            1_000..=999_999 => decimal(f, nanos, 3, "\u{b5}s"),
            1_000_000..=999_999_999 => decimal(f, nanos, 6, "ms"),
            _ => {
                let minutes = nanos / 60_000_000_000;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                decimal(f, nanos % 60_000_000_000, 9, "s")
            }
        }
    }
}

/// `value` with the point before its last `places` digits, without zeros at the end.
fn decimal(f: &mut fmt::Formatter<'_>, value: u64, places: usize, unit: &str) -> fmt::Result {
    let scale = 10_u64.pow(u32::try_from(places).unwrap_or(0));
    let (whole, rest) = (value / scale, value % scale);
    write!(f, "{whole}")?;
    if rest > 0 {
        let decimals: String = alloc::format!("{rest:0places$}");
        write!(f, ".{}", decimals.trim_end_matches('0'))?;
    }
    f.write_str(unit)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn as_go_writes_them() {
        let check = |nanos: i64, text: &str| {
            assert_eq!(Nanos(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Nanos(nanos)));
        };
        check(0, "0s");
        check(1, "1ns");
        check(1_100, "1.1\u{b5}s");
        check(2_200_000, "2.2ms");
        check(3_300_000_000, "3.3s");
        check(245_000_000_000, "4m5s");
        check(245_001_000_000, "4m5.001s");
        check(18_367_001_000_000, "5h6m7.001s");
        check(480_000_000_001, "8m0.000000001s");
        check(-1_500_000_000, "-1.5s");
        check(i64::MAX, "2562047h47m16.854775807s");
        check(i64::MIN, "-2562047h47m16.854775808s");
    }

    #[test]
    fn as_go_reads_them() {
        let check = |text: &str, nanos: Option<i64>| {
            assert_eq!(text.parse().ok(), nanos.map(Nanos), "{text}");
        };
        check("0", Some(0));
        check("-0", Some(0));
        check("5s", Some(5_000_000_000));
        check("+5s", Some(5_000_000_000));
        check("1.", None);
        check("1.s", Some(1_000_000_000));
        check(".5s", Some(500_000_000));
        check("1h15m30.918us", Some(4_500_000_030_918));
        check("9223372036854775807ns", Some(i64::MAX));
        check("9223372036854775808ns", None);
        check("-9223372036854775808ns", Some(i64::MIN));
        check("0.3333333333333333333h", Some(1_199_999_999_999));
        check("10us", Some(10_000));
        check("39h9m14.425s", Some(140_954_425_000_000));
        for wrong in ["", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "\u{85}", "3000000h", "1 s"]
        {
            check(wrong, None);
        }
    }
}
