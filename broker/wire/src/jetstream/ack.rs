//! Subjects that a delivered message is acknowledged on, what may be said there, and the subjects
//! of flow control.

use alloc::string::String;
use alloc::vec::Vec;

use super::json::{self, object};
use super::time::Nanos;
use crate::encode::decimal;
use crate::subject::tokens;

const ACK: &[u8] = b"$JS.ACK.";
const FLOW_CONTROL: &[u8] = b"$JS.FC.";

/// The subject that a delivered message is acknowledged on. It tells its receiver about the
/// delivery, and the server which one is meant.
///
/// There are two forms, `$JS.ACK.<stream>.<consumer>.<numbers>` and
/// `$JS.ACK.<domain or _>.<account hash>.<stream>.<consumer>.<numbers>[.<more>]`. Both are read, the
/// first is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSubject<'a> {
    /// The stream.
    pub stream: &'a [u8],
    /// The consumer.
    pub consumer: &'a [u8],
    /// How often the message was delivered, this delivery included.
    pub deliveries: u64,
    /// Sequence number of the message.
    pub stream_seq: u64,
    /// Number of the delivery.
    pub consumer_seq: u64,
    /// When the message was stored, in nanoseconds since 1970.
    pub timestamp: i64,
    /// Number of messages that are still to be delivered.
    pub pending: u64,
}

impl<'a> AckSubject<'a> {
    /// Reads either form. What is no number counts as the largest (−1 for the time), so that it
    /// names no delivery.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Self> {
        let rest = subject.strip_prefix(ACK)?;
        let count = tokens(rest).count();
        let skip = match count {
            7 => 0,
            9.. => 2,
            _ => return None,
        };
        let mut rest = tokens(rest).skip(skip);
        Some(Self {
            stream: rest.next()?,
            consumer: rest.next()?,
            deliveries: number(rest.next()?),
            stream_seq: number(rest.next()?),
            consumer_seq: number(rest.next()?),
            timestamp: number(rest.next()?).cast_signed(),
            pending: number(rest.next()?),
        })
    }

    /// Appends the first form.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        self.write_numbers(out);
    }

    /// Appends what all deliveries of a consumer have in common, up to the numbers.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(ACK);
        out.extend_from_slice(self.stream);
        out.push(b'.');
        out.extend_from_slice(self.consumer);
    }

    /// Appends the numbers of this delivery, each behind a dot.
    pub fn write_numbers(&self, out: &mut Vec<u8>) {
        let timestamp = u64::try_from(self.timestamp).unwrap_or(0);
        for n in [self.deliveries, self.stream_seq, self.consumer_seq, timestamp, self.pending] {
            out.push(b'.');
            decimal(out, n);
        }
    }
}

/// A decimal number as nats-server reads it: −1 if it is none, and it wraps around.
fn number(token: &[u8]) -> u64 {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        return u64::MAX;
    }
    token.iter().fold(0, |n: u64, b| n.wrapping_mul(10).wrapping_add(u64::from(b - b'0')))
}

/// The subject that a client confirms on what it has received: `$JS.FC.<stream>.<consumer>.<id>`,
/// or `$JS.FC.<domain or _>.<account hash>.<stream>.<consumer>.<id>`. Both are read, the first is
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowControlSubject<'a> {
    /// The stream.
    pub stream: &'a [u8],
    /// The consumer.
    pub consumer: &'a [u8],
    /// Tells this request from others.
    pub id: &'a [u8],
}

impl<'a> FlowControlSubject<'a> {
    /// Reads either form.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Self> {
        let rest = subject.strip_prefix(FLOW_CONTROL)?;
        let skip = match tokens(rest).count() {
            3 => 0,
            5 => 2,
            _ => return None,
        };
        let mut rest = tokens(rest).skip(skip);
        Some(Self { stream: rest.next()?, consumer: rest.next()?, id: rest.next()? })
    }

    /// Appends the first form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(FLOW_CONTROL);
        out.extend_from_slice(self.stream);
        out.push(b'.');
        out.extend_from_slice(self.consumer);
        out.push(b'.');
        out.extend_from_slice(self.id);
    }
}

/// What a client says about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AckKind<'a> {
    /// It is done: nothing, `+ACK` or `+OK`.
    Ack,
    /// It is to be delivered again: `-NAK`, `-NAK 1.5s` or `-NAK {"delay":1500000000}`.
    Nak {
        /// After how long; `None` at once. A delay that can not be read is none.
        delay: Option<Nanos>,
    },
    /// It is being worked on: `+WPI`.
    Progress,
    /// It is done, and the next are wanted: `+NXT`, and what follows is a pull request.
    Next(&'a [u8]),
    /// It is not to be delivered again: `+TERM`, and what follows is the reason.
    Term(String),
    /// Nothing that is understood; it still gets a reply if one is wanted.
    Other,
}

impl<'a> AckKind<'a> {
    /// Reads a payload.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Self {
        match payload {
            b"" | b"+ACK" | b"+OK" => Self::Ack,
            b"+WPI" => Self::Progress,
            [b'+', b'N', b'X', b'T', rest @ ..] => Self::Next(rest),
            [b'-', b'N', b'A', b'K', rest @ ..] => Self::Nak { delay: delay(rest.trim_ascii()) },
            [b'+', b'T', b'E', b'R', b'M', rest @ ..] => {
                Self::Term(String::from_utf8_lossy(rest.trim_ascii()).into_owned())
            }
            _ => Self::Other,
        }
    }
}

object! {
    /// What may follow `-NAK`.
    pub struct NakOptions = "ConsumerNakOptions" {
        /// After how long to deliver the message again.
        pub delay: Nanos;
    }
}

fn delay(argument: &[u8]) -> Option<Nanos> {
    if argument.starts_with(b"{") {
        let mut options = NakOptions::default();
        json::unmarshal(&mut options, argument, "ConsumerNakOptions").ok()?;
        return Some(options.delay);
    }
    core::str::from_utf8(argument).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"$JS.ACK.S.C.2.17.9.1700000000123456789.3";

    fn expected() -> AckSubject<'static> {
        AckSubject {
            stream: b"S",
            consumer: b"C",
            deliveries: 2,
            stream_seq: 17,
            consumer_seq: 9,
            timestamp: 1_700_000_000_123_456_789,
            pending: 3,
        }
    }

    #[test]
    fn ack_subjects_in_both_forms() {
        let check = |subject: &str, expected| {
            assert_eq!(AckSubject::parse(subject.as_bytes()), expected, "{subject}");
        };
        assert_eq!(AckSubject::parse(FIRST), Some(expected()));
        check("$JS.ACK._.hash.S.C.2.17.9.1700000000123456789.3", Some(expected()));
        check("$JS.ACK.hub.hash.S.C.2.17.9.1700000000123456789.3.x.y", Some(expected()));
        check("$JS.ACK.x.S.C.2.17.9.1700000000123456789.3", None);
        check("$JS.ACK.S.C.2.17.9.17", None);
        check("$JS.ACK", None);
        let odd =
            AckSubject { deliveries: u64::MAX, stream_seq: u64::MAX, timestamp: -1, ..expected() };
        check("$JS.ACK.S.C.x..9.-5.3", Some(odd));
    }

    #[test]
    fn ack_subjects_are_written() {
        let mut out = Vec::new();
        expected().write(&mut out);
        assert_eq!(out, FIRST);
    }

    #[test]
    fn flow_control_subjects() {
        let expected = FlowControlSubject { stream: b"S", consumer: b"C", id: b"aB3d" };
        assert_eq!(FlowControlSubject::parse(b"$JS.FC.S.C.aB3d"), Some(expected));
        assert_eq!(FlowControlSubject::parse(b"$JS.FC._.hash.S.C.aB3d"), Some(expected));
        assert_eq!(FlowControlSubject::parse(b"$JS.FC.S.C"), None);
        let mut out = Vec::new();
        expected.write(&mut out);
        assert_eq!(out, b"$JS.FC.S.C.aB3d");
    }

    #[test]
    fn payloads() {
        let check = |payload: &str, expected: AckKind<'_>| {
            assert_eq!(AckKind::parse(payload.as_bytes()), expected, "{payload}");
        };
        for ack in ["", "+ACK", "+OK"] {
            check(ack, AckKind::Ack);
        }
        let nak = |nanos: Option<i64>| AckKind::Nak { delay: nanos.map(Nanos) };
        check("-NAK", nak(None));
        check("-NAK 1.5s", nak(Some(1_500_000_000)));
        check("-NAK {\"delay\":1500000000}", nak(Some(1_500_000_000)));
        check("-NAK {}", nak(Some(0)));
        check("-NAK{\"DELAY\":7,\"x\":[]} ", nak(Some(7)));
        for bad in ["-NAK soon", "-NAK {\"delay\":\"1s\"}", "-NAK {", "-NAK 5"] {
            check(bad, nak(None));
        }
        check("+WPI", AckKind::Progress);
        check("+NXT", AckKind::Next(b""));
        check("+NXT 5", AckKind::Next(b" 5"));
        check("+TERM", AckKind::Term(String::new()));
        check("+TERM too big ", AckKind::Term("too big".into()));
        for other in ["+FOO", "+WPI ", "+ack", "-NA", "x"] {
            check(other, AckKind::Other);
        }
    }
}
