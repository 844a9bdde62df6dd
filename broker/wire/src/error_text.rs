//! Every `-ERR` text of nats-server, exactly as it stands between the quotes.

use alloc::string::String;
use core::fmt::Write;

/// One text, with what happens to the connection after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorText {
    /// What stands between the quotes of `-ERR '...'`; for texts with a name in them, the part
    /// before it.
    pub text: &'static str,
    /// Whether the server closes the connection after sending it.
    pub closes: bool,
}

macro_rules! texts {
    ($( $(#[$doc:meta])* $name:ident = $text:literal, closes: $closes:literal; )*) => {
        $( $(#[$doc])* pub const $name: &str = $text; )*

        /// Every text of this module.
        pub const ALL: &[ErrorText] = &[ $( ErrorText { text: $text, closes: $closes }, )* ];
    };
}

texts! {
    /// The parser met a byte that it could not accept.
    UNKNOWN_PROTOCOL_OPERATION = "Unknown Protocol Operation", closes: true;
    /// A line, finished or not, is longer than `max_control_line`.
    MAXIMUM_CONTROL_LINE_EXCEEDED = "maximum control line exceeded", closes: true;
    /// The declared size is over `max_payload`.
    MAXIMUM_PAYLOAD_VIOLATION = "Maximum Payload Violation", closes: true;
    /// Wrong credentials, or anything but CONNECT first where they are required.
    AUTHORIZATION_VIOLATION = "Authorization Violation", closes: true;
    /// No CONNECT within the authentication timeout.
    AUTHENTICATION_TIMEOUT = "Authentication Timeout", closes: true;
    /// The user's credentials have run out.
    USER_AUTHENTICATION_EXPIRED = "User Authentication Expired", closes: true;
    /// The account's credentials have run out.
    ACCOUNT_AUTHENTICATION_EXPIRED = "Account Authentication Expired", closes: true;
    /// The user's key was revoked while connected.
    USER_AUTHENTICATION_REVOKED = "User Authentication Revoked", closes: true;
    /// Plain bytes where the TLS handshake should be.
    TLS_REQUIRED = "Secure Connection - TLS Required", closes: true;
    /// Over `max_connections`; sent after INFO.
    MAXIMUM_CONNECTIONS_EXCEEDED = "maximum connections exceeded", closes: true;
    /// Over the account's connection limit.
    MAXIMUM_ACCOUNT_CONNECTIONS_EXCEEDED =
        "maximum account active connections exceeded", closes: true;
    /// Over the TLS handshake rate limit.
    CONNECTION_THROTTLING =
        "Connection throttling is active. Please try again later.", closes: true;
    /// Over `max_subscriptions`; the subscription is not made.
    MAXIMUM_SUBSCRIPTIONS_EXCEEDED = "maximum subscriptions exceeded", closes: false;
    /// SUB with a malformed subject; the subscription is not made.
    INVALID_SUBJECT = "Invalid Subject", closes: false;
    /// RS+ with a malformed subject; the interest is not recorded.
    INVALID_SUBSCRIPTION = "Invalid Subscription", closes: false;
    /// PUB to a subject that is not literal, from a pedantic client; the message still goes out.
    INVALID_PUBLISH_SUBJECT = "Invalid Publish Subject", closes: false;
    /// Followed by the subject in double quotes.
    PERMISSIONS_VIOLATION_PUBLISH = "Permissions Violation for Publish to ", closes: false;
    /// Followed by the subject in double quotes, and ` using queue "q"` for queue subscriptions.
    PERMISSIONS_VIOLATION_SUBSCRIPTION =
        "Permissions Violation for Subscription to ", closes: false;
    /// Followed by the reply subject in double quotes.
    PERMISSIONS_VIOLATION_REPLY = "Permissions Violation for Publish with Reply of ", closes: false;
    /// CONNECT asks for `no_responders` without `headers`.
    NO_RESPONDERS_REQUIRES_HEADERS = "no responders requires headers support", closes: true;
    /// CONNECT asks for a protocol other than 0 and 1.
    INVALID_CLIENT_PROTOCOL = "invalid client protocol", closes: true;
    /// Too many PINGs without an answer.
    STALE_CONNECTION = "Stale Connection", closes: true;
    /// The account could not be bound after authentication.
    FAILED_ACCOUNT_REGISTRATION = "Failed Account Registration", closes: false;
    /// CONNECT of a client on the cluster port.
    ATTEMPTED_ROUTE_PORT = "attempted to connect to route port", closes: true;
    /// CONNECT of a client or route on the gateway port.
    ATTEMPTED_GATEWAY_PORT = "attempted to connect to gateway port", closes: true;
    /// CONNECT of a client on the leafnode port.
    ATTEMPTED_LEAF_NODE_PORT = "attempted to connect to leaf node port", closes: true;
}

/// Whether the connection ends after `text`; `None` if the text is not one of ours. Texts that go
/// on with a name are recognised by their beginning.
#[must_use]
pub fn closes(text: &str) -> Option<bool> {
    let matches = |known: &&ErrorText| match known.text.as_bytes() {
        [.., b' '] => text.starts_with(known.text),
        _ => text == known.text,
    };
    ALL.iter().find(matches).map(|known| known.closes)
}

/// `Permissions Violation for Publish to "subject"`.
#[must_use]
pub fn publish_violation(subject: &[u8]) -> String {
    let mut text = String::from(PERMISSIONS_VIOLATION_PUBLISH);
    quote(&mut text, subject);
    text
}

/// `Permissions Violation for Subscription to "subject"`, and `using queue "queue"` for a queue
/// subscription.
#[must_use]
pub fn subscription_violation(subject: &[u8], queue: Option<&[u8]>) -> String {
    let mut text = String::from(PERMISSIONS_VIOLATION_SUBSCRIPTION);
    quote(&mut text, subject);
    if let Some(queue) = queue {
        text.push_str(" using queue ");
        quote(&mut text, queue);
    }
    text
}

/// `Permissions Violation for Subscription to "subject", too many tokens`.
#[must_use]
pub fn too_many_tokens(subject: &[u8]) -> String {
    let mut text = subscription_violation(subject, None);
    text.push_str(", too many tokens");
    text
}

/// `Permissions Violation for Publish with Reply of "reply"`.
#[must_use]
pub fn reply_violation(reply: &[u8]) -> String {
    let mut text = String::from(PERMISSIONS_VIOLATION_REPLY);
    quote(&mut text, reply);
    text
}

/// Appends `bytes` in double quotes, escaped as Go's `%q` does: control characters and bytes that
/// are not UTF-8 as escapes, other characters as they are unless they do not show.
pub fn quote(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '"' {
                out.push('\\');
                out.push(c);
            } else if c == '\'' {
                out.push(c);
            } else {
                push_rune(out, c);
            }
        }
        for b in chunk.invalid() {
            push_hex(out, u32::from(*b));
        }
    }
    out.push('"');
}

/// Appends a character as it stands between single quotes in Go.
pub(crate) fn push_rune(out: &mut String, c: char) {
    match c {
        '\'' => out.push_str("\\'"),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\0'..='\u{1f}' | '\u{7f}' => push_hex(out, u32::from(c)),
        _ if prints(c) => out.push(c),
        '\u{10000}'.. => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
        _ => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
}

/// Whether a character shows: not control, format, private use, or space other than ASCII's. (Go
/// also knows which code points Unicode has not assigned; those count as showing here.)
pub(crate) fn prints(c: char) -> bool {
    !matches!(
        u32::from(c),
        0..=0x1f
            | 0x7f..=0xa0
            | 0xad
            | 0x600..=0x605
            | 0x61c
            | 0x6dd
            | 0x70f
            | 0x1680
            | 0x180e
            | 0x2000..=0x200f
            | 0x2028..=0x202f
            | 0x205f..=0x206f
            | 0x3000
            | 0xe000..=0xf8ff
            | 0xfeff
            | 0xfff9..=0xfffb
            | 0xe_0000..=0xe_0fff
            | 0xf_0000..
    )
}

pub(crate) fn push_hex(out: &mut String, byte: u32) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_knows_whether_the_connection_ends() {
        for known in ALL {
            assert_eq!(closes(known.text), Some(known.closes), "{}", known.text);
        }
        assert_eq!(closes(&subscription_violation(b"a", None)), Some(false));
        assert_eq!(closes("Unknown"), None);
        assert_eq!(closes(""), None);
    }

    #[test]
    fn violations_name_what_was_refused() {
        let check = |text: String, expected: &str| assert_eq!(text, expected);
        check(publish_violation(b"a.b"), r#"Permissions Violation for Publish to "a.b""#);
        check(
            subscription_violation(b"a.>", Some(b"q")),
            r#"Permissions Violation for Subscription to "a.>" using queue "q""#,
        );
        check(
            too_many_tokens(b"a.b.c"),
            r#"Permissions Violation for Subscription to "a.b.c", too many tokens"#,
        );
        check(
            reply_violation(b"_R_.x"),
            r#"Permissions Violation for Publish with Reply of "_R_.x""#,
        );
    }

    /// Expected texts are those of Go's `strconv.Quote`.
    #[test]
    fn quoting_is_that_of_go() {
        let check = |bytes: &[u8], expected: &str| {
            let mut text = String::new();
            quote(&mut text, bytes);
            assert_eq!(text, expected);
        };
        check(b"", r#""""#);
        check(b"plain", r#""plain""#);
        check(b"a\"b\\c", r#""a\"b\\c""#);
        check(b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#);
        check(b"\x00\x1f\x7f", r#""\x00\x1f\x7f""#);
        check("\u{e9}\u{1f600}'".as_bytes(), "\"\u{e9}\u{1f600}'\"");
        check("\u{a0}\u{2028}\u{feff}\u{f0000}".as_bytes(), r#""\u00a0\u2028\ufeff\U000f0000""#);
        check(b"\xff\xc3(", r#""\xff\xc3(""#);
    }
}
