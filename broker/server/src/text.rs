//! Go's textual forms of times and durations, which monitoring and logs are written in.

use std::fmt::Write;
use std::time::Duration;

use crate::log::civil;

/// A duration as Go prints it: `1m2.5s`, `402µs`, `10s`, `0s`.
#[must_use]
pub fn go_duration(span: Duration) -> String {
    let nanos = span.as_nanos();
    let unit = |divisor: u128, name: &str| format!("{}{name}", decimal(nanos, divisor));
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => unit(1, "ns"),
        1_000..1_000_000 => unit(1_000, "µs"),
        1_000_000..1_000_000_000 => unit(1_000_000, "ms"),
        _ => {
            let seconds = span.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = u128::from(seconds % 60) * 1_000_000_000 + u128::from(span.subsec_nanos());
            let rest = decimal(rest, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{rest}s"),
                (0, _) => format!("{minutes}m{rest}s"),
                (_, _) => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    }
}

/// `value / divisor` without trailing zeros. The divisor is a power of ten.
fn decimal(value: u128, divisor: u128) -> String {
    let (whole, fraction) = (value / divisor, value % divisor);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = divisor.ilog10() as usize;
    let fraction = format!("{fraction:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// A time since something, as nats-server's monitoring prints it: `1y2d3h4m5s`, whole seconds.
#[must_use]
pub fn uptime(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (years, day, hour, minute, second) =
        (days / 365, days % 365, hours % 24, minutes % 60, seconds % 60);
    match (years, days, hours, minutes) {
        (1.., ..) => format!("{years}y{day}d{hour}h{minute}m{second}s"),
        (0, 1.., ..) => format!("{days}d{hour}h{minute}m{second}s"),
        (0, 0, 1.., _) => format!("{hours}h{minute}m{second}s"),
        (0, 0, 0, 1..) => format!("{minutes}m{second}s"),
        (0, 0, 0, 0) => format!("{seconds}s"),
    }
}

/// A point in time, in nanoseconds since 1970, as Go writes it to JSON (RFC 3339 in UTC, fraction
/// without trailing zeros).
#[must_use]
pub fn rfc3339(nanos: i64) -> String {
    let time = civil(nanos);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        time.year, time.month, time.day, time.hour, time.minute, time.second
    );
    if time.nanosecond != 0 {
        let fraction = format!("{:09}", time.nanosecond);
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Go's zero time in JSON.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (402_000, "402µs"),
            (2_200_000, "2.2ms"),
            (999_999_999, "999.999999ms"),
            (3_300_000_000, "3.3s"),
            (10_000_000_000, "10s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (3_600_000_000_000, "1h0m0s"),
            (i64::MAX as u64, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn uptimes_know_days_and_years() {
        const DAY: u64 = 86_400;
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (62, "1m2s"),
            (3_600, "1h0m0s"),
            (DAY + 1, "1d0h0m1s"),
            (DAY * 365 - 1, "364d23h59m59s"),
            (DAY * 367 + 3 * 3600 + 4 * 60 + 5, "1y2d3h4m5s"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
        assert_eq!(uptime(Duration::from_millis(1_999)), "1s");
    }

    #[test]
    fn times_are_utc_without_trailing_zeros() {
        assert_eq!(rfc3339(1_795_481_362_206_440_000), "2026-11-24T00:49:22.20644Z");
        assert_eq!(rfc3339(1_795_481_362_000_000_000), "2026-11-24T00:49:22Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
    }
}
