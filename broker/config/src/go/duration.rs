//! Go's `time.ParseDuration` and how a `time.Duration` prints.

use std::time::Duration;

use super::quote;

/// A signed number of nanoseconds, as in Go.
pub(crate) type Nanos = i64;

/// Reads `1h30m`, `1.5s`, `-10ms`, `0`.
///
/// # Errors
///
/// Go's text.
pub(crate) fn parse_duration(text: &str) -> Result<Nanos, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    // Go sums up unsigned and lets -2^63 pass.
    let limit = 1_u64 << 63;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest, text)?;
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= limit)
            .ok_or_else(invalid)?;
        rest = after;
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(total)) => Ok(-total),
        (true, Err(_)) => Ok(i64::MIN),
        (false, Ok(total)) => Ok(total),
        (false, Err(_)) => Err(invalid()),
    }
}

/// One number and its unit at the start of `rest`, in nanoseconds (`None`: too large), and what
/// follows.
fn parse_part<'a>(rest: &'a str, text: &str) -> Result<(Option<u64>, &'a str), String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();

    let (whole, after) = rest.split_at(digits(rest));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let whole: Option<u64> = if whole.is_empty() { Some(0) } else { whole.parse().ok() };

    let unit_len = after.find(|char: char| char == '.' || char.is_ascii_digit());
    let (unit, after) = after.split_at(unit_len.unwrap_or(after.len()));
    // Go refuses a number that is too large before it looks at the unit.
    if whole.is_none_or(|whole| whole > 1 << 63) {
        return Err(invalid());
    }
    if unit.is_empty() {
        return Err(format!("time: missing unit in duration {}", quote(text)));
    }
    let Some(nanos) = unit_nanos(unit) else {
        let (unit, text) = (quote(unit), quote(text));
        return Err(format!("time: unknown unit {unit} in duration {text}"));
    };
    let total = whole.and_then(|whole| whole.checked_mul(nanos)).filter(|n| *n <= 1 << 63);
    let total = total.and_then(|total| total.checked_add(fraction_nanos(fraction, nanos)));
    Ok((total, after))
}

fn unit_nanos(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

/// `0.<fraction>` of a unit. Digits after the eighteenth cannot matter and are dropped, as in Go.
fn fraction_nanos(fraction: &str, unit: u64) -> u64 {
    let mut value: u128 = 0;
    let mut scale: u128 = 1;
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    // At most one unit, so it fits.
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(u64::MAX)
}

/// A duration as Go prints it: `2m0s`, `1.5s`, `10ms`, `0s`.
pub(crate) fn format_duration(nanos: Nanos) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}\u{b5}s", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(total, 1_000_000)),
        _ => {
            let (minutes, nanos) = (total / 60_000_000_000, total % 60_000_000_000);
            let seconds = format!("{}s", decimal(nanos, 1_000_000_000));
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

/// The same for a [`Duration`]; one that Go cannot hold prints as the longest that it can.
pub(crate) fn show_duration(duration: Duration) -> String {
    format_duration(Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX))
}

/// `value / unit` with as many digits after the point as it needs.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table: &[(&str, Result<i64, &str>)] = &[
            ("0", Ok(0)),
            ("30s", Ok(30_000_000_000)),
            ("1h30m", Ok(5_400_000_000_000)),
            ("1.5s", Ok(1_500_000_000)),
            (".5m", Ok(30_000_000_000)),
            ("1.s", Ok(1_000_000_000)),
            ("-10ms", Ok(-10_000_000)),
            ("+1ns", Ok(1)),
            ("1µs", Ok(1_000)),
            ("1μs", Ok(1_000)),
            ("0.9999999999999999999999s", Ok(999_999_999)),
            ("9223372036854775807ns", Ok(i64::MAX)),
            ("-9223372036854775808ns", Ok(i64::MIN)),
            ("", Err("time: invalid duration \"\"")),
            ("-", Err("time: invalid duration \"-\"")),
            (".s", Err("time: invalid duration \".s\"")),
            ("s", Err("time: invalid duration \"s\"")),
            ("1h ", Err("time: unknown unit \"h \" in duration \"1h \"")),
            ("30", Err("time: missing unit in duration \"30\"")),
            ("5x", Err("time: unknown unit \"x\" in duration \"5x\"")),
            ("1d", Err("time: unknown unit \"d\" in duration \"1d\"")),
            ("9223372036854775808ns", Err("time: invalid duration \"9223372036854775808ns\"")),
            ("3000000h", Err("time: invalid duration \"3000000h\"")),
            ("99999999999999999999x", Err("time: invalid duration \"99999999999999999999x\"")),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), expected.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn durations_print_as_in_go() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (5_000_000_000, "5s"),
            (120_000_000_000, "2m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1_500_000_000, "-1.5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format_duration(nanos), expected);
        }
    }
}
