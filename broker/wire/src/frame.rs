//! What every parser shares: the answer, the limits, the errors, and a published message.

use core::fmt;

use crate::error_text;

/// One step of a parser over a buffer that starts at a frame boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<F> {
    /// A whole frame. The next one starts `len` bytes further.
    Frame {
        /// The operation. It borrows the buffer.
        frame: F,
        /// Bytes of the buffer that the frame takes, its line end and payload included.
        len: usize,
    },
    /// The buffer holds a legal beginning of a frame, and no more.
    Incomplete {
        /// The smallest total buffer length (counted from the frame boundary, always more than the
        /// present length) for which parsing again can give another answer than `Incomplete` about
        /// a well-formed frame. While a payload is missing this is the exact end of the frame.
        need: usize,
    },
}

/// What a link may send. All values are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument part of one line: what stands between the operation name with its blanks
    /// and the line end. nats-server's `max_control_line`, 4096 by default for clients; links
    /// between servers get sixteen times as much (see [`Limits::server_link`]).
    pub control_line: usize,
    /// Largest payload (headers included) that a line may declare; `u64::MAX` for no limit.
    pub payload: u64,
    /// Whether HPUB is allowed: both sides said `headers: true`.
    pub headers: bool,
}

impl Limits {
    /// nats-server's default `max_control_line`.
    pub const CONTROL_LINE: usize = 4096;
    /// nats-server's default `max_payload`.
    pub const PAYLOAD: u64 = 1024 * 1024;
    /// How many times longer than a client's a line between servers may be.
    pub const SERVER_LINK_FACTOR: usize = 16;

    /// The limits of a client link that has not sent CONNECT yet: default sizes, no headers.
    #[must_use]
    pub const fn client() -> Self {
        Self { control_line: Self::CONTROL_LINE, payload: Self::PAYLOAD, headers: false }
    }

    /// The limits of a link between servers whose clients may send lines of `max_control_line`
    /// bytes. nats-server checks no payload size here: the message was checked where it entered.
    #[must_use]
    pub const fn server_link(max_control_line: usize) -> Self {
        Self {
            control_line: max_control_line.saturating_mul(Self::SERVER_LINK_FACTOR),
            payload: u64::MAX,
            headers: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::client()
    }
}

/// Why a link's bytes cannot be a frame. Every one of them ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// A byte that no operation of this kind of link can have at that place.
    UnknownOperation,
    /// The arguments of a line (finished or not) are longer than the limit.
    ControlLine {
        /// [`Limits::control_line`].
        limit: usize,
        /// Bytes of arguments seen so far; it depends on how much had been read.
        len: usize,
    },
    /// The declared size is over the limit. Raised on the line, before the payload is read.
    Payload {
        /// [`Limits::payload`].
        limit: u64,
        /// The size that the line declares.
        size: u64,
    },
    /// The line is an operation, but its arguments are not: the text says which and why.
    Arguments(&'static str),
    /// HPUB from a peer without header support.
    HeadersNotSupported,
}

impl ParseError {
    /// The exact text for `-ERR '<text>'`, or `None` when nats-server closes without a word.
    #[must_use]
    pub const fn wire_text(&self) -> Option<&'static str> {
        match self {
            Self::UnknownOperation => Some(error_text::UNKNOWN_PROTOCOL_OPERATION),
            Self::ControlLine { .. } => Some(error_text::MAXIMUM_CONTROL_LINE_EXCEEDED),
            Self::Payload { .. } => Some(error_text::MAXIMUM_PAYLOAD_VIOLATION),
            Self::Arguments(_) | Self::HeadersNotSupported => None,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperation => write!(f, "unknown protocol operation"),
            Self::ControlLine { limit, len } => {
                write!(f, "control line of {len} bytes is over the limit of {limit} bytes")
            }
            Self::Payload { limit, size } => {
                // nats-server's words, which operators search their logs for.
                write!(f, "maximum payload exceeded: {size} vs {limit}")
            }
            Self::Arguments(what) => write!(f, "bad arguments: {what}"),
            Self::HeadersNotSupported => write!(f, "message headers not supported"),
        }
    }
}

impl core::error::Error for ParseError {}

/// A message as a client publishes it (PUB, HPUB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The subject as sent; any bytes but blanks and line ends, see [`crate::subject`].
    pub subject: &'a [u8],
    /// Where an answer should go.
    pub reply: Option<&'a [u8]>,
    /// How many bytes at the start of `body` are the header block: HPUB with a size above 0. HPUB
    /// with header size 0 is the same message as PUB, and nats-server delivers it as MSG.
    pub header_len: Option<u32>,
    /// Header block and payload, without the final CR LF.
    pub body: &'a [u8],
    /// The bytes from just after `subject` and its blank through the final CR LF, if they are
    /// already what a delivery carries: `[reply ]sizes CR LF body CR LF` with single spaces. A
    /// delivery is then a prefix and one copy. The size digits stay as received (`005` remains).
    /// `None` if the spacing or the line end was unusual, or an HPUB declared no header: write the
    /// tail again with [`crate::encode::tail`].
    pub tail: Option<&'a [u8]>,
}

impl<'a> Publish<'a> {
    /// The header block (empty without one) and the payload.
    #[must_use]
    pub fn split(&self) -> (&'a [u8], &'a [u8]) {
        crate::header::split(self.body, self.header_len)
    }
}
