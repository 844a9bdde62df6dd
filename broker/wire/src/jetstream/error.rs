//! What an API call or a publish can fail with: the numbers and texts are nats-server's.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::json::{Decode, Reader};
use crate::json::{self, Encode, Members};

mod table;

pub use table::ErrorKind;

/// The `error` object of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Class of the error in the manner of HTTP: 400, 404, 409, 412, 429, 500 or 503.
    pub code: u16,
    /// Number of the error, 10002 and up.
    pub err_code: u16,
    /// What people read, and some clients parse.
    pub description: Cow<'static, str>,
}

impl ErrorKind {
    /// The error number, `err_code` in JSON.
    #[must_use]
    pub const fn err_code(self) -> u16 {
        self as u16
    }

    /// The error whose text has no placeholder, or needs none filled.
    #[must_use]
    pub const fn error(self) -> ApiError {
        let description = Cow::Borrowed(self.template());
        ApiError { code: self.code(), err_code: self.err_code(), description }
    }

    /// The error with its placeholders filled: `fill(&[("seq", &8)])` replaces `{seq}` by `8`.
    #[must_use]
    pub fn fill(self, values: &[(&str, &dyn fmt::Display)]) -> ApiError {
        let mut description = String::new();
        let mut rest = self.template();
        while let Some((before, after)) = rest.split_once('{') {
            description.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            match values.iter().find(|(key, _)| *key == name) {
                Some((_, value)) => description.push_str(&value.to_string()),
                None => description.extend(["{", name, "}"]),
            }
            rest = after;
        }
        description.push_str(rest);
        ApiError { description: Cow::Owned(description), ..self.error() }
    }

    /// The error with its `{err}` placeholder filled, the one most templates have.
    #[must_use]
    pub fn err(self, err: impl fmt::Display) -> ApiError {
        self.fill(&[("err", &err)])
    }
}

impl ApiError {
    /// Whether this is an error of that kind, whatever its text.
    #[must_use]
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.err_code == kind.err_code()
    }

    /// `{"code":404,"err_code":10059,"description":"stream not found"}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        self.write(&mut out);
        out
    }
}

impl From<ErrorKind> for ApiError {
    fn from(kind: ErrorKind) -> Self {
        kind.error()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.description, self.err_code)
    }
}

impl core::error::Error for ApiError {}

impl Members for ApiError {
    fn write_members(&self, out: &mut Vec<u8>) {
        json::write_field(out, "code", &self.code);
        json::write_field(out, "err_code", &self.err_code);
        json::write_field(out, "description", &self.description);
    }
}

impl Default for ApiError {
    /// No error yet: what another server's is read into.
    fn default() -> Self {
        Self { code: 0, err_code: 0, description: Cow::Borrowed("") }
    }
}

impl Decode for ApiError {
    fn go_type() -> Cow<'static, str> {
        "server.ApiError".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        reader.object(go_type, |key, reader| {
            match key {
                "code" => self.code.decode(reader, "int"),
                "err_code" => self.err_code.decode(reader, "uint16"),
                "description" => {
                    let mut text = String::new();
                    text.decode(reader, "string");
                    self.description = Cow::Owned(text);
                }
                _ => return false,
            }
            true
        });
    }
}

impl Encode for ApiError {
    fn is_empty(&self) -> bool {
        false
    }

    fn write(&self, out: &mut Vec<u8>) {
        json::write_object(out, self);
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    /// nats-server's own list, one error a line: error code, code, constant, text.
    const OBSERVED: &str = include_str!("observed/errors.txt");

    #[test]
    fn the_table_is_that_of_nats_server() {
        let mut expected = ErrorKind::ALL.iter();
        for line in OBSERVED.lines().filter(|line| !line.starts_with('#')) {
            let kind = expected.next().unwrap();
            let (err_code, rest) = line.split_once(' ').unwrap();
            let (code, rest) = rest.split_once(' ').unwrap();
            let (_, text) = rest.split_once(' ').unwrap();
            let error = kind.error();
            let ours = format!("{} {} {}", error.err_code, error.code, error.description);
            assert_eq!(ours, format!("{err_code} {code} {text}"));
        }
        assert_eq!(expected.next(), None);
    }

    #[test]
    fn placeholders_are_filled() {
        let error = ErrorKind::StreamWrongLastSequence.fill(&[("seq", &8)]);
        assert_eq!(error.to_string(), "wrong last sequence: 8 (10071)");
        let error = ErrorKind::RestoreSubscribeFailed.fill(&[("err", &"no"), ("subject", &"a.b")]);
        assert_eq!(error.description, "JetStream unable to subscribe to restore snapshot a.b: no");
        assert_eq!(ErrorKind::InvalidJson.err("{x}").description, "invalid JSON: {x}");
        assert_eq!(ErrorKind::InvalidJson.error().description, "invalid JSON: {err}");
    }

    #[test]
    fn as_json() {
        let json = ErrorKind::StreamInvalidConfig.err("can not contain '>'").to_json();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"code":500,"err_code":10052,"description":"can not contain '\u003e'"}"#
        );
    }
}
