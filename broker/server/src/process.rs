//! What the operating system says about this process.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

/// Between two measurements of the processor's use: shorter ones are mostly rounding.
const SAMPLE_LEAST: Duration = Duration::from_secs(1);

/// Measures this process. Everything unknown is 0: numbers are for people.
#[derive(Debug)]
pub struct Process {
    last: Cell<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Processor time used until then.
    used: Duration,
    /// Use in the interval before, in tenths of a percent of one core.
    per_mille: u64,
}

impl Process {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        let sample = Sample { at: Instant::now(), used: processor_time(), per_mille: 0 };
        Self { last: Cell::new(sample) }
    }

    /// Processor use since the last call, in percent of one core, with one digit after the point.
    /// Calls within a second get the previous answer.
    #[must_use]
    pub fn cpu_percent(&self) -> f64 {
        let last = self.last.get();
        let now = Instant::now();
        let span = now.saturating_duration_since(last.at);
        if span < SAMPLE_LEAST {
            return percent(last.per_mille);
        }
        let used = processor_time();
        let busy = used.saturating_sub(last.used);
        let per_mille = busy.as_micros().saturating_mul(1000) / span.as_micros().max(1);
        let per_mille = u64::try_from(per_mille).unwrap_or(0);
        self.last.set(Sample { at: now, used, per_mille });
        percent(per_mille)
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
            text.split_ascii_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok())
        });
        pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
    }

    /// Cores that this process may use.
    #[must_use]
    pub fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    /// Processors that the operator lets nats-server use at once: `GOMAXPROCS`, or all. Shown as
    /// it is asked for; a server has one shard whatever it says.
    #[must_use]
    pub fn max_processors(&self) -> usize {
        let asked = std::env::var("GOMAXPROCS").ok().and_then(|text| text.parse().ok());
        asked.filter(|&count| count > 0).unwrap_or_else(|| self.cores())
    }
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(per_mille: u64) -> f64 {
    per_mille as f64 / 10.0
}

/// User and system time of all threads.
fn processor_time() -> Duration {
    let Ok(text) = fs::read_to_string("/proc/self/stat") else { return Duration::ZERO };
    let ticks = ticks(&text).unwrap_or(0);
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

/// Fields 14 and 15 of `/proc/self/stat`, utime and stime. The second field, the name, may hold
/// blanks and brackets, so fields are counted from its last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// `GOMEMLIMIT`, which operators set for nats-server: bytes, with an optional suffix.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    parse_limit(&std::env::var("GOMEMLIMIT").ok()?)
}

fn parse_limit(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_are_read() {
        let stat = "1234 (odd ) name) S 1 1 1 0 -1 4194560 100 0 0 0 70 30 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(100));
        assert_eq!(ticks("1234 (short) S"), None);
        let process = Process::start();
        assert!(process.memory_bytes() > 100_000);
        assert!(process.cores() >= 1);
        assert!(process.cpu_percent() >= 0.0);
    }

    #[test]
    fn memory_limits_have_units() {
        assert_eq!(parse_limit("1024"), Some(1024));
        assert_eq!(parse_limit("2GiB"), Some(2 << 30));
        assert_eq!(parse_limit("off"), None);
        assert_eq!(parse_limit("99999999TiB"), None);
    }
}
