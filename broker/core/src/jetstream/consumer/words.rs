//! Ack subjects and what an ack says.

use alloc::format;
use alloc::string::String;

use causeway_wire::jetstream::Nanos;

use crate::time::Duration;

/// What the subject of an ack says of the delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AckToken {
    pub(crate) stream_seq: u64,
    pub(crate) consumer_seq: u64,
}

impl AckToken {
    pub(crate) fn parse(subject: &[u8]) -> Option<Self> {
        let subject = core::str::from_utf8(subject).ok()?;
        let mut tokens = subject.strip_prefix("$JS.ACK.")?.split('.').skip(3);
        let stream_seq = tokens.next()?.parse().ok()?;
        let consumer_seq = tokens.next()?.parse().ok()?;
        Some(Self { stream_seq, consumer_seq })
    }
}

/// What the payload of an ack says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ack<'a> {
    Done,
    Nak(Option<Duration>),
    Progress,
    Term(&'a [u8]),
    Next(&'a [u8]),
    Unknown,
}

impl<'a> Ack<'a> {
    pub(crate) fn parse(payload: &'a [u8]) -> Self {
        match payload {
            b"" | b"+ACK" | b"+OK" => Self::Done,
            b"+WPI" => Self::Progress,
            _ if payload.starts_with(b"+NXT") => Self::Next(&payload[4..]),
            _ if payload.starts_with(b"+TERM") => Self::Term(payload[5..].trim_ascii()),
            _ if payload.starts_with(b"-NAK") => Self::Nak(delay(payload[4..].trim_ascii())),
            _ => Self::Unknown,
        }
    }
}

fn delay(text: &[u8]) -> Option<Duration> {
    let text = core::str::from_utf8(text).ok()?;
    let nanos = text.strip_prefix("{\"delay\":")?.strip_suffix('}')?.trim().parse().ok()?;
    super::span(Nanos(nanos))
}

/// A positive span as Go prints it: `1h0m30s`, `1.5s`, `20ms`.
pub(super) fn go_duration(span: Nanos) -> String {
    let nanos = span.0.unsigned_abs();
    let (unit, suffix) = match nanos {
        0 => return String::from("0s"),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, rest) = (nanos / unit, nanos % unit);
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if suffix != "s" || whole < 60 {
        return format!("{whole}{point}{fraction}{suffix}");
    }
    let hours = if hours > 0 { format!("{hours}h") } else { String::new() };
    format!("{hours}{minutes}m{}{point}{fraction}s", whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_as_go_does() {
        let cases = [
            (0, "0s"),
            (15, "15ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (1_500_000_000, "1.5s"),
            (5_000_000_000, "5s"),
            (60_000_000_000, "1m0s"),
            (3_630_250_000_000, "1h0m30.25s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(go_duration(Nanos(nanos)), text);
        }
    }
}
