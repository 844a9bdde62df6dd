//! Durations, sizes, rates and shares as people write them, turned into integers at once.
//!
//! | what | written | held as |
//! |---|---|---|
//! | duration | `250us`, `1.5s`, `2m` | nanoseconds |
//! | size | `512`, `512B`, `64KiB`, `2MiB`, `1MB` | bytes |
//! | rate | `200MiB/s`, `100Mbit/s` | bytes per second |
//!
//! Decimal fractions are read exactly, with integers: `0.1s` is 100,000,000 ns. A value with more
//! digits than the unit can hold is refused, so nothing is rounded behind the user's back.

use std::fmt;

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
/// One whole, in millionths.
pub const ONE_PPM: u32 = 1_000_000;

/// The longest duration that is taken: 100 days of simulated time.
const LONGEST_NS: u64 = 100 * 86_400 * SECOND;

pub(crate) const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", MS),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
];

pub(crate) const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Rates in bits are eighths of a byte; the table holds bytes.
pub(crate) const RATES: &[(&str, u64)] = &[
    ("B/s", 1),
    ("KB/s", 1_000),
    ("MB/s", 1_000_000),
    ("GB/s", 1_000_000_000),
    ("KiB/s", 1 << 10),
    ("MiB/s", 1 << 20),
    ("GiB/s", 1 << 30),
    ("kbit/s", 125),
    ("Mbit/s", 125_000),
    ("Gbit/s", 125_000_000),
];

/// Why a text is not a quantity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnitError(String);

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnitError {}

/// Reads a duration; `0` needs no unit.
///
/// # Errors
/// If it is no number with a unit, not a whole number of nanoseconds, or more than 100 days.
pub fn duration(text: &str) -> Result<u64, UnitError> {
    if text.trim() == "0" {
        return Ok(0);
    }
    let ns = quantity(text, DURATIONS, "a duration such as `250us`, `1.5s` or `2m`")?;
    if ns > LONGEST_NS {
        return Err(UnitError(format!("`{text}` is longer than 100 days")));
    }
    Ok(ns)
}

/// Reads a size in bytes.
///
/// # Errors
/// If it is no number with a unit of size, or not a whole number of bytes.
pub fn size(text: &str) -> Result<u64, UnitError> {
    quantity(text, SIZES, "a size such as `512B`, `64KiB` or `2MiB`")
}

/// Reads a bandwidth in bytes per second.
///
/// # Errors
/// If it is no number with a unit, or not a whole number of bytes per second.
pub fn rate(text: &str) -> Result<u64, UnitError> {
    quantity(text, RATES, "a rate such as `200MiB/s` or `100Mbit/s`")
}

/// Reads a decimal number between 0 and 1 as millionths.
///
/// # Errors
/// If it is none, or finer than a millionth.
pub fn share(text: &str) -> Result<u32, UnitError> {
    let wanted = "a share between 0 and 1, at most six digits after the point";
    let ppm = decimal(text.trim(), u64::from(ONE_PPM))
        .ok_or_else(|| UnitError(format!("`{text}` is not {wanted}")))?;
    match u32::try_from(ppm) {
        Ok(ppm) if ppm <= ONE_PPM => Ok(ppm),
        _ => Err(UnitError(format!("`{text}` is not {wanted}"))),
    }
}

/// Reads a whole number.
///
/// # Errors
/// If it is none, or does not fit 64 bits.
pub fn count(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    decimal(text, 1).ok_or_else(|| match is_too_large(text, 1) {
        true => UnitError(format!("`{text}` is too large a number")),
        false => UnitError(format!("`{text}` is not a whole number from 0")),
    })
}

/// Reads how often something happens in a second, as how often in a thousand seconds.
///
/// # Errors
/// If it is no number, or finer than a thousandth.
pub fn per_thousand_seconds(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    decimal(text, 1_000).ok_or_else(|| {
        if is_too_large(text, 1_000) {
            return UnitError(format!("`{text}` is too large a number"));
        }
        UnitError(format!(
            "`{text}` is not a number per second, at most three digits after the point"
        ))
    })
}

/// A duration in the largest unit that holds it as a whole number: `1500ms`, `38ms`, `2s`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |scale: u64| self.0.is_multiple_of(scale);
        match self.0 {
            0 => f.write_str("0s"),
            ns if unit(SECOND) => write!(f, "{}s", ns / SECOND),
            ns if unit(MS) => write!(f, "{}ms", ns / MS),
            ns if unit(1_000) => write!(f, "{}us", ns / 1_000),
            ns => write!(f, "{ns}ns"),
        }
    }
}

/// A point in time as seconds with nine digits, so that lines can be sorted: `12.000250000`.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub u64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / SECOND, self.0 % SECOND)
    }
}

fn quantity(text: &str, units: &[(&str, u64)], wanted: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let unit = unit.trim();
    let not = || UnitError(format!("`{text}` is not {wanted}"));
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        let known: Vec<&str> =
            units.iter().map(|(name, _)| *name).filter(|n| !n.is_empty()).collect();
        if number.is_empty() {
            return Err(not());
        }
        let problem = if unit.is_empty() {
            format!("`{text}` has no unit")
        } else {
            format!("`{unit}` is not a unit")
        };
        return Err(UnitError(format!("{problem}; the units are {}", known.join(", "))));
    };
    decimal(number, *scale).ok_or_else(|| match is_too_large(number, *scale) {
        true => UnitError(format!("`{text}` is too large a number")),
        false => not(),
    })
}

/// Whether a number is one, but with its unit does not fit 64 bits.
fn is_too_large(number: &str, scale: u64) -> bool {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let is_digit = |b: u8| b.is_ascii_digit() || b == b'_';
    whole.bytes().any(|b| b.is_ascii_digit())
        && whole.bytes().all(is_digit)
        && whole.replace('_', "").parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).is_none()
}

/// `digits[.digits]` times `scale`, if that is a whole number that fits.
fn decimal(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| -> Option<u64> {
        let text: String = text.chars().filter(|c| *c != '_').collect();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok()
    };
    if fraction.is_empty() {
        return None;
    }
    let mut result = digits(whole)?.checked_mul(scale)?;
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        let parts = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let scaled = u128::from(digits(fraction)?) * u128::from(scale);
        if !scaled.is_multiple_of(u128::from(parts)) {
            return None;
        }
        result = result.checked_add(u64::try_from(scaled / u128::from(parts)).ok()?)?;
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly() {
        for (text, ns) in [
            ("0", 0),
            ("250us", 250_000),
            ("0.1s", 100_000_000),
            ("1.5ms", 1_500_000),
            ("1_000ns", 1_000),
            ("2m", 120 * SECOND),
            (" 3 h ", 3 * 3_600 * SECOND),
        ] {
            assert_eq!(duration(text), Ok(ns), "{text}");
        }
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1.5MB"), Ok(1_500_000));
        assert_eq!(size("512"), Ok(512));
        assert_eq!(rate("200MiB/s"), Ok(200 << 20));
        assert_eq!(rate("100Mbit/s"), Ok(12_500_000));
        assert_eq!(share("1.0"), Ok(1_000_000));
        assert_eq!(share("0.0005"), Ok(500));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let text = |error: UnitError| error.to_string();
        assert_eq!(
            text(duration("5").unwrap_err()),
            "`5` has no unit; the units are ns, us, ms, s, m, h"
        );
        assert_eq!(
            text(duration("5 sec").unwrap_err()),
            "`sec` is not a unit; the units are ns, us, ms, s, m, h"
        );
        for bad in
            ["", "s", "-1s", "1.2.3s", "0.5ns", "1.s", ".5s", "99999999999999999999s", "101h0"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(text(duration("2500h").unwrap_err()).contains("100 days"));
        for (error, too_large) in [
            (count("1000000000000000000000000000000").unwrap_err(), true),
            (count("-1").unwrap_err(), false),
            (count("1.5").unwrap_err(), false),
            (count("_").unwrap_err(), false),
            (size("99999999999GiB").unwrap_err(), true),
            (size("0.3B").unwrap_err(), false),
            (duration("99999999999999999999s").unwrap_err(), true),
            (per_thousand_seconds("99999999999999999999").unwrap_err(), true),
            (per_thousand_seconds("0.00001").unwrap_err(), false),
        ] {
            let error = text(error);
            assert_eq!(error.contains("too large a number"), too_large, "{error}");
        }
        for bad in ["1.1", "2", "-0.5", "0.0000001", "a"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_read_back_as_they_are_written() {
        for ns in
            [0, 1, 999, 1_000, 250_000, 38_000_000, 1_500_000_000, 2 * SECOND, 61 * SECOND + 1]
        {
            assert_eq!(duration(&Span(ns).to_string()), Ok(ns));
        }
        assert_eq!(Span(1_500 * MS).to_string(), "1500ms");
        assert_eq!(Clock(12 * SECOND + 250_000).to_string(), "12.000250000");
    }
}
