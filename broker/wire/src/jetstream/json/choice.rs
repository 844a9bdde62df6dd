//! How the enumerations are read: each by its own rules, as they grew in nats-server.

use alloc::format;
use alloc::string::String;

use super::reader::{Decode, Reader};
use crate::error_text;

/// A type that the macro `choices!` has defined.
pub(crate) trait Choice: Default {
    /// The value with that text.
    fn from_text(text: &str) -> Option<Self>;
}

/// The value whose text stands between the quotes of `raw`; escapes do not count.
fn find<T: Choice>(raw: &[u8]) -> Option<T> {
    T::from_text(inner(raw)?)
}

fn inner(raw: &[u8]) -> Option<&str> {
    core::str::from_utf8(raw).ok()?.strip_prefix('"')?.strip_suffix('"')
}

fn refuse(raw: &[u8]) -> String {
    let mut text = String::from("can not unmarshal ");
    error_text::quote(&mut text, raw);
    text
}

/// One of the texts.
pub(crate) fn exact<T: Choice>(raw: &[u8]) -> Result<T, String> {
    find(raw).ok_or_else(|| refuse(raw))
}

/// One of the texts in any case; the refusal shows it as it was.
pub(crate) fn any_case<T: Choice>(raw: &[u8]) -> Result<T, String> {
    find(&raw.to_ascii_lowercase()).ok_or_else(|| refuse(raw))
}

/// One of the texts, or nothing for the default.
pub(crate) fn or_empty<T: Choice>(raw: &[u8]) -> Result<T, String> {
    if raw == b"\"\"" { Ok(T::default()) } else { exact(raw) }
}

/// One of the texts, or `undefined` for the default.
pub(crate) fn or_undefined<T: Choice>(raw: &[u8]) -> Result<T, String> {
    if raw == b"\"undefined\"" { Ok(T::default()) } else { exact(raw) }
}

/// A compression, read as any string is.
pub(crate) fn compression<T: Choice>(raw: &[u8]) -> Result<T, String> {
    let mut reader = Reader::new(raw, 0, "", false);
    let mut text = String::new();
    text.decode(&mut reader, "string");
    reader.finish()?;
    T::from_text(&text).ok_or_else(|| "unknown compression algorithm".into())
}

/// A priority policy.
pub(crate) fn priority<T: Choice>(raw: &[u8]) -> Result<T, String> {
    find(raw).ok_or_else(|| format!("unknown priority policy: {}", String::from_utf8_lossy(raw)))
}

/// What a request to create a consumer may do.
pub(crate) fn action<T: Choice>(raw: &[u8]) -> Result<T, String> {
    find(raw).ok_or_else(|| format!("unknown consumer action: {}", String::from_utf8_lossy(raw)))
}
