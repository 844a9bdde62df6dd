//! The documents of the JetStream API as Go's encoding/json writes and reads them.
//!
//! Reading takes two steps. [`syntax`] finds the end of a document, or what is wrong with it as
//! JSON; then a [`Reader`] goes through what is known to be JSON, fills in the fields, and remembers
//! the first value that does not fit. Both speak as Go does, because clients see the words.

use alloc::string::{String, ToString};
use core::fmt;

use super::error::{ApiError, ErrorKind};

pub(crate) mod choice;
mod nullable;
mod object;
mod reader;
mod syntax;

pub use nullable::Nullable;
pub(crate) use object::{choices, object, record, wire_name};
pub(crate) use reader::{Decode, DecodeMembers, Reader};
use syntax::SyntaxError;

/// Whether a field that a document should not have is an error. nats-server's `strict` is on
/// unless it is configured otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is.
    Refuse,
    /// It is passed over.
    Ignore,
}

/// Bytes are not the document that an operation needs; displayed in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl JsonError {
    /// The words of another check on a document.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for JsonError {}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        ErrorKind::InvalidJson.err(error)
    }
}

/// A type that a whole document can be read into.
pub(crate) trait Root: Decode {
    /// Its name in Go.
    const GO_NAME: &'static str;
}

/// Whether bytes look like a document; some requests are taken for empty if they do not.
#[must_use]
pub fn is_object_or_array(json: &[u8]) -> bool {
    matches!(json.get(syntax::skip_space(json, 0)), Some(b'{' | b'['))
}

/// Whether a request counts as empty where its payload should be: no bytes, or an object without
/// members.
#[must_use]
pub fn is_empty_request(json: &[u8]) -> bool {
    let inner = json.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    json.is_empty() || inner.is_some_and(|inner| syntax::skip_space(inner, 0) == inner.len())
}

/// Reads documents as nats-server reads a request: one after the other into the same place, and if
/// unknown fields are ignored and something is wrong, once more as the one document that it should
/// be.
pub(crate) fn parse<T: Root>(json: &[u8], unknown: Unknown) -> Result<T, JsonError> {
    let mut document = T::default();
    match (parse_stream(&mut document, json), unknown) {
        (Ok(()), _) => Ok(document),
        (Err(error), Unknown::Refuse) => Err(error),
        (Err(_), Unknown::Ignore) => {
            unmarshal(&mut document, json, T::GO_NAME)?;
            Ok(document)
        }
    }
}

fn parse_stream<T: Root>(document: &mut T, json: &[u8]) -> Result<(), JsonError> {
    let mut at = syntax::skip_space(json, 0);
    while at < json.len() {
        let end = syntax::value_end(json, at).map_err(|error| match error {
            SyntaxError::End => JsonError("unexpected EOF".into()),
            SyntaxError::Wrong { text, offset } => {
                JsonError(alloc::format!("{text} at offset {offset}"))
            }
        })?;
        read(document, json.get(..end).unwrap_or_default(), at, T::GO_NAME, true)?;
        at = syntax::skip_space(json, end);
    }
    Ok(())
}

/// Reads exactly one document, and passes over unknown fields.
pub(crate) fn unmarshal<T: Decode>(
    document: &mut T,
    json: &[u8],
    root: &'static str,
) -> Result<(), JsonError> {
    let fail = |error: SyntaxError| JsonError(error.to_string());
    let end = syntax::value_end(json, 0).map_err(fail)?;
    let rest = syntax::skip_space(json, end);
    if rest < json.len() {
        return Err(fail(syntax::after_document(json, rest)));
    }
    read(document, json, 0, root, false)
}

/// The same for a document that knows its name.
pub(crate) fn unmarshal_root<T: Root>(document: &mut T, json: &[u8]) -> Result<(), JsonError> {
    unmarshal(document, json, T::GO_NAME)
}

fn read<T: Decode>(
    document: &mut T,
    json: &[u8],
    at: usize,
    root: &'static str,
    refuse_unknown: bool,
) -> Result<(), JsonError> {
    let mut reader = Reader::new(json, at, root, refuse_unknown);
    document.decode(&mut reader, &T::go_type());
    reader.finish().map(|_| ()).map_err(JsonError)
}

#[cfg(test)]
mod tests;
