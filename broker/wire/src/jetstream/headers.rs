//! Headers that say what a published message wants, found in one pass.
//!
//! Values stay bytes: which of them is wrong is only asked in the order in which a stream checks
//! them, and most messages have none.

use memchr::memmem;

use super::time::Nanos;

/// How every header that a stream looks at begins, with the line end before it.
const START: &[u8] = b"\r\nNats-";

/// Names of headers that servers write.
pub mod name {
    /// Says where a message was taken from.
    pub const STREAM_SOURCE: &[u8] = b"Nats-Stream-Source";
    /// Asks for, and says, which incarnation of a stream this is.
    pub const STREAM_IDENTITY: &[u8] = b"Nats-Stream-Identity";
    /// How all expectations of a client begin.
    pub const EXPECTED_PREFIX: &[u8] = b"Nats-Expected-";
    /// How all that has to do with batches begins.
    pub const BATCH_PREFIX: &[u8] = b"Nats-Batch-";
    /// How all that has to do with schedules begins.
    pub const SCHEDULE_PREFIX: &[u8] = b"Nats-Schedule-";
    /// When a message is to be published.
    pub const SCHEDULE: &[u8] = b"Nats-Schedule";
    /// The subject of the schedule that published a message.
    pub const SCHEDULER: &[u8] = b"Nats-Scheduler";
    /// When it will publish again.
    pub const SCHEDULE_NEXT: &[u8] = b"Nats-Schedule-Next";
    /// Id that tells a message from others.
    pub const MSG_ID: &[u8] = b"Nats-Msg-Id";
    /// How long a message lives.
    pub const TTL: &[u8] = b"Nats-TTL";
    /// Which messages before it go.
    pub const ROLLUP: &[u8] = b"Nats-Rollup";
    /// Why a marker stands for a subject.
    pub const MARKER_REASON: &[u8] = b"Nats-Marker-Reason";
    /// What is added to a counter.
    pub const INCR: &[u8] = b"Nats-Incr";
    /// The counters that a counter is the sum of.
    pub const COUNTER_SOURCES: &[u8] = b"Nats-Counter-Sources";
    /// Size of a payload that is left out, in bytes.
    pub const MSG_SIZE: &[u8] = b"Nats-Msg-Size";
    /// Id of the pin that a client has.
    pub const PIN_ID: &[u8] = b"Nats-Pin-Id";
    /// Level of the API that a request needs.
    pub const REQUIRED_API_LEVEL: &[u8] = b"Nats-Required-Api-Level";
    /// Number of the delivery made last.
    pub const LAST_CONSUMER: &[u8] = b"Nats-Last-Consumer";
    /// Sequence number of the message delivered last.
    pub const LAST_STREAM: &[u8] = b"Nats-Last-Stream";
    /// The subject that a consumer waits for an answer on.
    pub const CONSUMER_STALLED: &[u8] = b"Nats-Consumer-Stalled";
    /// The stream a message is from.
    pub const STREAM: &[u8] = b"Nats-Stream";
    /// The subject it was stored under.
    pub const SUBJECT: &[u8] = b"Nats-Subject";
    /// Its sequence number.
    pub const SEQUENCE: &[u8] = b"Nats-Sequence";
    /// When it was stored.
    pub const TIME_STAMP: &[u8] = b"Nats-Time-Stamp";
    /// Sequence number of the message before it.
    pub const LAST_SEQUENCE: &[u8] = b"Nats-Last-Sequence";
    /// Number of messages that follow it.
    pub const NUM_PENDING: &[u8] = b"Nats-Num-Pending";
}

macro_rules! publish_headers {
    ($( $(#[$meta:meta])* $field:ident = $name:literal; )*) => {
        /// The headers of a published message that mean something to a stream. A name counts byte
        /// by byte, right after a line end and right before a colon; the first of several counts;
        /// spaces before the value do not, those after it do.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PublishHeaders<'a> {
            $( $(#[$meta])* #[doc = concat!("(`", $name, "`)")] pub $field: Option<&'a [u8]>, )*
        }

        impl<'a> PublishHeaders<'a> {
            /// The place for the header of that name.
            fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
                $(
                    if name == $name.as_bytes() {
                        return Some(&mut self.$field);
                    }
                )*
                None
            }
        }
    };
}

publish_headers! {
    /// Id that tells the message from others.
    msg_id = "Nats-Msg-Id";
    /// Name that the stream must have.
    expected_stream = "Nats-Expected-Stream";
    /// Sequence number that the stream must have given out last.
    expected_last_sequence = "Nats-Expected-Last-Sequence";
    /// Sequence number that the last message of the subject must have; 0 for no message.
    expected_last_subject_sequence = "Nats-Expected-Last-Subject-Sequence";
    /// The subject that this is about, if not the message's own.
    expected_last_subject_sequence_subject = "Nats-Expected-Last-Subject-Sequence-Subject";
    /// Id that the message before must have.
    expected_last_msg_id = "Nats-Expected-Last-Msg-Id";
    /// Where the message was taken from; not for clients.
    stream_source = "Nats-Stream-Source";
    /// Which messages before it go.
    rollup = "Nats-Rollup";
    /// How long it lives.
    ttl = "Nats-TTL";
    /// Why a marker stands here.
    marker_reason = "Nats-Marker-Reason";
    /// What is added to a counter.
    incr = "Nats-Incr";
    /// The counters that a counter is the sum of.
    counter_sources = "Nats-Counter-Sources";
    /// Id of the batch that the message is part of.
    batch_id = "Nats-Batch-Id";
    /// Its number in the batch.
    batch_sequence = "Nats-Batch-Sequence";
    /// Whether the batch ends here.
    batch_commit = "Nats-Batch-Commit";
    /// When it is to be published.
    schedule = "Nats-Schedule";
    /// The time zone that this is said in.
    schedule_time_zone = "Nats-Schedule-Time-Zone";
    /// How long what is published lives.
    schedule_ttl = "Nats-Schedule-TTL";
    /// Which messages before that go.
    schedule_rollup = "Nats-Schedule-Rollup";
    /// The subject it is published on.
    schedule_target = "Nats-Schedule-Target";
    /// The subject whose last message is published in its place.
    schedule_source = "Nats-Schedule-Source";
    /// The subject of the schedule that published it.
    scheduler = "Nats-Scheduler";
    /// When that will publish again, or `purge`.
    schedule_next = "Nats-Schedule-Next";
    /// Level of the API that the sender needs.
    required_api_level = "Nats-Required-Api-Level";
}

impl<'a> PublishHeaders<'a> {
    /// Finds the headers in a header block.
    #[must_use]
    pub fn parse(block: &'a [u8]) -> Self {
        let mut headers = Self::default();
        let Some(first) = memmem::find(block, START) else { return headers };
        let mut rest = &block[first..];
        loop {
            // The line without the line ends around it.
            let line = &rest[2..];
            let end = memmem::find(line, b"\r\n").unwrap_or(line.len());
            headers.take_line(&line[..end]);
            rest = &line[end..];
            match memmem::find(rest, START) {
                Some(next) => rest = &rest[next..],
                None => return headers,
            }
        }
    }

    fn take_line(&mut self, line: &'a [u8]) {
        let Some(colon) = memchr::memchr(b':', line) else { return };
        let (name, value) = line.split_at(colon);
        let value = &value[1..];
        let spaces = value.iter().take_while(|&&b| b == b' ').count();
        if let Some(place @ None) = self.place(name) {
            *place = Some(&value[spaces..]);
        }
    }

    /// `Nats-Expected-Last-Sequence`; what is no number is one that no message has.
    #[must_use]
    pub fn expected_last_sequence(&self) -> Option<u64> {
        self.expected_last_sequence.and_then(sequence)
    }

    /// `Nats-Expected-Last-Subject-Sequence`; what is no number is one that no message has.
    #[must_use]
    pub fn expected_last_subject_sequence(&self) -> Option<u64> {
        self.expected_last_subject_sequence.and_then(sequence)
    }

    /// `Nats-Rollup`; empty is none.
    #[must_use]
    pub fn rollup(&self) -> Option<Rollup> {
        Rollup::parse(self.rollup?)
    }

    /// `Nats-TTL`; empty is none.
    ///
    /// # Errors
    ///
    /// If it is neither a number, a span of a second or more, nor `never`.
    pub fn ttl(&self) -> Result<Option<Ttl>, TtlError> {
        self.ttl.map_or(Ok(None), Ttl::parse)
    }

    /// `Nats-Batch-Sequence`; empty, too large or no number is none.
    #[must_use]
    pub fn batch_sequence(&self) -> Option<u64> {
        core::str::from_utf8(plain_digits(self.batch_sequence?)?).ok()?.parse().ok()
    }

    /// Whether `Nats-Required-Api-Level` asks for more than `level`, or for what is no number.
    #[must_use]
    pub fn needs_more_than(&self, level: i64) -> bool {
        self.required_api_level.is_some_and(|value| exceeds_level(value, level))
    }
}

/// Whether the value of `Nats-Required-Api-Level` asks for more than `level`, or for what is no
/// number; an empty one asks for nothing.
#[must_use]
pub fn exceeds_level(value: &[u8], level: i64) -> bool {
    let wanted = core::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
    !value.is_empty() && wanted.is_none_or(|wanted| wanted > level)
}

fn plain_digits(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty() && value.iter().all(u8::is_ascii_digit)).then_some(value)
}

/// A sequence number as nats-server reads it: empty is none, what is no number the largest one, and
/// it wraps around.
fn sequence(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    Some(plain_digits(value).map_or(u64::MAX, wrapping_number))
}

fn wrapping_number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |n: u64, b| n.wrapping_mul(10).wrapping_add(u64::from(b - b'0')))
}

/// Which messages before it a message removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollup {
    /// Those of its subject: `sub`.
    Subject,
    /// All: `all`.
    All,
    /// The value is neither.
    Invalid,
}

impl Rollup {
    /// Reads a value in any case; empty is none.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"" => None,
            _ if value.eq_ignore_ascii_case(b"sub") => Some(Self::Subject),
            _ if value.eq_ignore_ascii_case(b"all") => Some(Self::All),
            _ => Some(Self::Invalid),
        }
    }
}

/// How long a message lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ttl {
    /// So many seconds, one or more.
    Seconds(i64),
    /// For ever, whatever the stream's `max_age`.
    Never,
}

/// A text says no time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlError;

impl core::fmt::Display for TtlError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("neither seconds, a duration of a second or more, nor never")
    }
}

impl core::error::Error for TtlError {}

impl Ttl {
    /// Reads a number of seconds, a Go duration, or `never` in any case. Empty is none; so is a
    /// zero that is not written as plain `0`, which is an error as any span below a second is.
    ///
    /// # Errors
    ///
    /// If it is none of these.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, TtlError> {
        if value.is_empty() {
            return Ok(None);
        }
        if value.eq_ignore_ascii_case(b"never") {
            return Ok(Some(Self::Never));
        }
        let text = core::str::from_utf8(value).map_err(|_| TtlError)?;
        if let Ok(Nanos(nanos)) = text.parse() {
            let seconds = nanos / Nanos::SECOND.0;
            return if seconds < 1 { Err(TtlError) } else { Ok(Some(Self::Seconds(seconds))) };
        }
        match plain_digits(value).map(wrapping_number).map(u64::cast_signed) {
            Some(0) => Ok(None),
            Some(seconds) if seconds > 0 => Ok(Some(Self::Seconds(seconds))),
            Some(_) | None => Err(TtlError),
        }
    }
}

/// Whether `Nats-Incr` is a whole number of any size with an optional sign.
#[must_use]
pub fn is_increment(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
    plain_digits(digits).is_some()
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn nothing_to_see() {
        for block in ["", "NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\n", "Nats-TTL: 1\r\n"] {
            assert_eq!(PublishHeaders::parse(block.as_bytes()), PublishHeaders::default());
        }
        // Not at the start of a line, not before a colon, in another case.
        for line in ["X-Nats-TTL: 1", "A: Nats-TTL: 1", "Nats-TTL : 1", "nats-ttl: 1", "Nats-TTL"] {
            let block = format!("NATS/1.0\r\n{line}\r\n\r\n");
            assert_eq!(PublishHeaders::parse(block.as_bytes()), PublishHeaders::default());
        }
    }

    #[test]
    fn all_in_one_pass() {
        let block = b"NATS/1.0\r\nNats-Msg-Id:  a b \r\nX: y\r\nNats-Other: 1\r\n\
            Nats-Expected-Last-Subject-Sequence-Subject: s.>\r\n\
            Nats-Expected-Last-Subject-Sequence: 0\r\nNats-TTL:5m\r\nNats-TTL: 7\r\n\
            Nats-Rollup: SUB\r\nNats-Expected-Last-Sequence: 12\r\nNats-Batch-Id:\r\n\
            Nats-Incr: +5\r\nNats-Schedule: @at x\r\n\r\n";
        let headers = PublishHeaders::parse(block);
        assert_eq!(headers.msg_id, Some(b"a b ".as_slice()));
        assert_eq!(headers.expected_last_subject_sequence(), Some(0));
        assert_eq!(headers.expected_last_subject_sequence_subject, Some(b"s.>".as_slice()));
        assert_eq!(headers.expected_last_sequence(), Some(12));
        assert_eq!(headers.ttl(), Ok(Some(Ttl::Seconds(300))));
        assert_eq!(headers.rollup(), Some(Rollup::Subject));
        assert_eq!(headers.batch_id, Some(b"".as_slice()));
        assert_eq!(headers.incr, Some(b"+5".as_slice()));
        assert_eq!(headers.schedule, Some(b"@at x".as_slice()));
        assert_eq!(headers.expected_stream, None);
        // A block that breaks off still has what was there.
        let headers = PublishHeaders::parse(b"NATS/1.0\r\nNats-Msg-Id: x");
        assert_eq!(headers.msg_id, Some(b"x".as_slice()));
    }

    #[test]
    fn numbers() {
        let expected = |value: &str| {
            let block = format!("NATS/1.0\r\nNats-Expected-Last-Sequence: {value}\r\n\r\n");
            PublishHeaders::parse(block.as_bytes()).expected_last_sequence()
        };
        assert_eq!(expected("0"), Some(0));
        assert_eq!(expected("18446744073709551615"), Some(u64::MAX));
        assert_eq!(expected(""), None);
        assert_eq!(expected("-1"), Some(u64::MAX));
        assert_eq!(expected("1 "), Some(u64::MAX));
        let batch = |value: &str| {
            let block = format!("NATS/1.0\r\nNats-Batch-Sequence: {value}\r\n\r\n");
            PublishHeaders::parse(block.as_bytes()).batch_sequence()
        };
        assert_eq!(batch("3"), Some(3));
        for none in ["", "x", "+3", "18446744073709551616"] {
            assert_eq!(batch(none), None);
        }
        for (value, more) in [("", false), ("5", false), ("-1", false), ("6", true), ("x", true)] {
            assert_eq!(exceeds_level(value.as_bytes(), 5), more, "{value}");
        }
    }

    #[test]
    fn times_to_live() {
        let check = |value: &str, expected: Result<Option<Ttl>, TtlError>| {
            assert_eq!(Ttl::parse(value.as_bytes()), expected, "{value}");
        };
        check("", Ok(None));
        check("1", Ok(Some(Ttl::Seconds(1))));
        check("00", Ok(None));
        check("1.9s", Ok(Some(Ttl::Seconds(1))));
        check("1h", Ok(Some(Ttl::Seconds(3600))));
        check("never", Ok(Some(Ttl::Never)));
        check("NEVER", Ok(Some(Ttl::Never)));
        for wrong in ["0", "100ms", "-1", "-5s", "x", "1 ", "1.5", "9999999999999999999"] {
            check(wrong, Err(TtlError));
        }
    }

    #[test]
    fn increments_and_rollups() {
        for (value, good) in [
            ("1", true),
            ("+1", true),
            ("-123456789012345678901234567890", true),
            ("", false),
            ("+", false),
            ("1.0", false),
            ("0x1", false),
            (" 1", false),
        ] {
            assert_eq!(is_increment(value.as_bytes()), good, "{value}");
        }
        assert_eq!(Rollup::parse(b""), None);
        assert_eq!(Rollup::parse(b"All"), Some(Rollup::All));
        assert_eq!(Rollup::parse(b"x"), Some(Rollup::Invalid));
    }
}
