//! Header blocks that are a message of their own: what a server tells about a request.

use alloc::vec::Vec;

use super::time::Nanos;
use crate::encode::decimal;

/// Header in which a client is told how many messages a pull request still wanted.
pub const PENDING_MESSAGES: &[u8] = b"Nats-Pending-Messages";
/// Header in which a client is told how many bytes a pull request still wanted.
pub const PENDING_BYTES: &[u8] = b"Nats-Pending-Bytes";

macro_rules! fixed {
    ($($(#[$meta:meta])* $name:ident = $line:literal;)*) => { $(
        $(#[$meta])*
        pub const $name: &[u8] = concat!("NATS/1.0 ", $line, "\r\n\r\n").as_bytes();
    )* };
}

fixed! {
    /// A client is asked to confirm what it has received; there is a reply subject.
    FLOW_CONTROL_REQUEST = "100 FlowControl Request";
    /// The end of a copy of a stream.
    NO_CONTENT = "204";
    /// Pull: there is nothing, and the request does not wait.
    NO_MESSAGES = "404 No Messages";
    /// Direct: there is no such message.
    MESSAGE_NOT_FOUND = "404 Message Not Found";
    /// Direct: there are no such messages.
    NO_RESULTS = "404 No Results";
    /// Pull: others wait for what there is.
    REQUESTS_PENDING = "408 Requests Pending";
    /// Direct: nothing is asked for.
    EMPTY_REQUEST = "408 Empty Request";
    /// Direct: the request is not JSON.
    MALFORMED_REQUEST = "408 Malformed Request";
    /// Direct: the fields contradict each other.
    BAD_REQUEST = "408 Bad Request";
    /// Copy of a stream: nobody listens.
    NO_INTEREST = "408 No Interest";
    /// Copy of a stream: nobody confirms.
    NO_FLOW_RESPONSE = "408 No Flow Response";
    /// Pull: too many requests wait.
    EXCEEDED_MAX_WAITING = "409 Exceeded MaxWaiting";
    /// Pull: the consumer is gone.
    CONSUMER_DELETED = "409 Consumer Deleted";
    /// Pull: the consumer pushes.
    CONSUMER_IS_PUSH_BASED = "409 Consumer is push based";
    /// Pull: another server leads now.
    LEADERSHIP_CHANGE = "409 Leadership Change";
    /// The request needs a newer server.
    REQUIRED_API_LEVEL = "412 Required Api Level";
    /// Direct: more subjects than may be asked for.
    TOO_MANY_RESULTS = "413 Too Many Results";
    /// Pull: another client is pinned.
    PIN_ID_MISMATCH = "423 Nats-Pin-Id mismatch";
    /// Direct: too many requests at a time.
    TOO_MANY_REQUESTS = "429 Too Many Requests";
}

/// How a pull request ends before it has everything; the message says what it still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullEnd {
    /// Its time is over.
    RequestTimeout,
    /// Nobody listens any more.
    InterestExpired,
    /// The next message is larger than what is left of `max_bytes`.
    MessageSizeExceedsMaxBytes,
    /// It has all messages, and `max_bytes` would allow more.
    BatchCompleted,
    /// The server stops.
    ServerShutdown,
    /// Another client is pinned.
    WrongPinId,
}

impl PullEnd {
    const fn line(self) -> &'static str {
        match self {
            Self::RequestTimeout => "408 Request Timeout",
            Self::InterestExpired => "408 Interest Expired",
            Self::MessageSizeExceedsMaxBytes => "409 Message Size Exceeds MaxBytes",
            Self::BatchCompleted => "409 Batch Completed",
            Self::ServerShutdown => "409 Server Shutdown",
            Self::WrongPinId => "423 Nats-Wrong-Pin-Id",
        }
    }

    /// Appends the header block.
    pub fn write(self, out: &mut Vec<u8>, pending_messages: u64, pending_bytes: u64) {
        begin(out, &[self.line()]);
        number(out, PENDING_MESSAGES, pending_messages);
        number(out, PENDING_BYTES, pending_bytes);
        end(out);
    }
}

/// A limit of a consumer that a pull request exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullLimit {
    /// `max_batch`
    MaxRequestBatch(i64),
    /// `max_expires`
    MaxRequestExpires(Nanos),
    /// `max_bytes`
    MaxRequestMaxBytes(i64),
}

impl PullLimit {
    /// Appends the header block: `409 Exceeded MaxRequestExpires of 5s`.
    pub fn write(self, out: &mut Vec<u8>) {
        let (name, limit) = match self {
            Self::MaxRequestBatch(n) => ("MaxRequestBatch", alloc::format!("{n}")),
            Self::MaxRequestExpires(span) => ("MaxRequestExpires", alloc::format!("{span}")),
            Self::MaxRequestMaxBytes(n) => ("MaxRequestMaxBytes", alloc::format!("{n}")),
        };
        begin(out, &["409 Exceeded ", name, " of ", &limit]);
        end(out);
    }
}

/// Why a pull request can not be served as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPull<'a> {
    /// It can not be read.
    Json(&'a super::JsonError),
    /// It has `min_pending` or `min_ack_pending` and the policy is another.
    NotOverflow,
    /// It has `id` and the policy is another.
    NotPinnedClient,
    /// Its priority is not 0 to 9.
    PriorityOutOfRange,
    /// It has no group.
    GroupMissing,
    /// Its group is none of the consumer's.
    GroupInvalid,
}

impl BadPull<'_> {
    /// Appends the header block: `400 Bad Request - Priority Group missing`.
    pub fn write(self, out: &mut Vec<u8>) {
        let why = match self {
            Self::Json(error) => return bad_request(out, &alloc::format!("{error}")),
            Self::NotOverflow => "Not a Overflow Priority consumer",
            Self::NotPinnedClient => "Not a Pinned Client Priority consumer",
            Self::PriorityOutOfRange => "Priority must be between 0 and 9",
            Self::GroupMissing => "Priority Group missing",
            Self::GroupInvalid => "Invalid Priority Group",
        };
        bad_request(out, why);
    }
}

fn bad_request(out: &mut Vec<u8>, why: &str) {
    begin(out, &["400 Bad Request - ", why]);
    end(out);
}

/// Appends the header block of a heartbeat: the deliveries and messages up to now, and the subject
/// of the flow control request whose answer is waited for.
pub fn idle_heartbeat(
    out: &mut Vec<u8>,
    last_consumer: u64,
    last_stream: u64,
    stalled: Option<&[u8]>,
) {
    begin(out, &["100 Idle Heartbeat"]);
    number(out, b"Nats-Last-Consumer", last_consumer);
    number(out, b"Nats-Last-Stream", last_stream);
    if let Some(subject) = stalled {
        field(out, b"Nats-Consumer-Stalled", subject);
    }
    end(out);
}

/// Appends the header block after the messages of a direct request for several. With `up_to` it was
/// for the last message of several subjects.
pub fn end_of_batch(out: &mut Vec<u8>, num_pending: u64, last_sequence: u64, up_to: Option<u64>) {
    begin(out, &["204 EOB"]);
    number(out, b"Nats-Num-Pending", num_pending);
    number(out, b"Nats-Last-Sequence", last_sequence);
    if let Some(up_to) = up_to {
        number(out, b"Nats-UpTo-Sequence", up_to);
    }
    end(out);
}

/// Appends `500` and a text.
pub fn internal_error(out: &mut Vec<u8>, text: &str) {
    begin(out, &["500 ", text]);
    end(out);
}

fn begin(out: &mut Vec<u8>, line: &[&str]) {
    out.extend_from_slice(b"NATS/1.0 ");
    for part in line {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.replace("\r\n", "|"), std::format!("NATS/1.0 {expected}|"));
    }

    #[test]
    fn ends_of_pull_requests() {
        let pending = "Nats-Pending-Messages: 3|Nats-Pending-Bytes: 100|";
        for (how, line) in [
            (PullEnd::RequestTimeout, "408 Request Timeout"),
            (PullEnd::InterestExpired, "408 Interest Expired"),
            (PullEnd::MessageSizeExceedsMaxBytes, "409 Message Size Exceeds MaxBytes"),
            (PullEnd::BatchCompleted, "409 Batch Completed"),
            (PullEnd::ServerShutdown, "409 Server Shutdown"),
            (PullEnd::WrongPinId, "423 Nats-Wrong-Pin-Id"),
        ] {
            check(|out| how.write(out, 3, 100), &std::format!("{line}|{pending}"));
        }
        check(|out| out.extend_from_slice(NO_MESSAGES), "404 No Messages|");
    }

    #[test]
    fn refusals() {
        let limit = PullLimit::MaxRequestBatch(5);
        check(|out| limit.write(out), "409 Exceeded MaxRequestBatch of 5|");
        let limit = PullLimit::MaxRequestExpires(Nanos::millis(1500));
        check(|out| limit.write(out), "409 Exceeded MaxRequestExpires of 1.5s|");
        let limit = PullLimit::MaxRequestMaxBytes(1024);
        check(|out| limit.write(out), "409 Exceeded MaxRequestMaxBytes of 1024|");
        let error = crate::jetstream::request::NextRequest::parse(b"{").unwrap_err();
        check(
            |out| BadPull::Json(&error).write(out),
            "400 Bad Request - unexpected end of JSON input|",
        );
        check(
            |out| BadPull::PriorityOutOfRange.write(out),
            "400 Bad Request - Priority must be between 0 and 9|",
        );
    }

    #[test]
    fn heartbeats_and_batches() {
        check(
            |out| idle_heartbeat(out, 7, 9, None),
            "100 Idle Heartbeat|Nats-Last-Consumer: 7|Nats-Last-Stream: 9|",
        );
        check(
            |out| idle_heartbeat(out, 7, 9, Some(b"$JS.FC.S.C.x")),
            "100 Idle Heartbeat|Nats-Last-Consumer: 7|Nats-Last-Stream: 9|Nats-Consumer-Stalled: $JS.FC.S.C.x|",
        );
        check(
            |out| end_of_batch(out, 0, 8, None),
            "204 EOB|Nats-Num-Pending: 0|Nats-Last-Sequence: 8|",
        );
        check(
            |out| end_of_batch(out, 0, 8, Some(9)),
            "204 EOB|Nats-Num-Pending: 0|Nats-Last-Sequence: 8|Nats-UpTo-Sequence: 9|",
        );
        check(|out| internal_error(out, "no"), "500 no|");
    }
}
