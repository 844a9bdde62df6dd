//! JSON as Go's encoding/json writes and reads it, for the few flat documents of the handshake.
//!
//! Writing is byte for byte what nats-server writes. Reading follows Go where serde's derived code
//! would refuse: keys in any case, repeated keys (the last one counts), `null` for anything, bytes
//! that are not UTF-8, halves of surrogate pairs, unknown keys. It is milder than Go in one thing:
//! an integer out of a field's range is moved to the nearest that fits.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

/// The bytes are not the JSON document that the operation needs. nats-server closes the connection
/// without a word.
#[derive(Debug)]
pub struct DocumentError(serde_json::Error);

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the JSON document expected here: {}", self.0)
    }
}

impl core::error::Error for DocumentError {}

/// What has members to write: the inside of an object.
pub(crate) trait Members {
    /// Appends the members without the braces, with a comma before each unless it is the first
    /// after `{`.
    fn write_members(&self, out: &mut Vec<u8>);
}

/// Without a value there are no members either.
impl<T: Members> Members for Option<T> {
    fn write_members(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write_members(out);
        }
    }
}

/// A document that a macro of this module has defined.
pub(crate) trait Document: Members {
    /// Stores the value under `key` if there is such a field. Returns false for an unknown key,
    /// whose value is still to be read.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Overwrites the fields of `document` that `json` mentions.
pub(crate) fn update<T: Document>(document: &mut T, json: &[u8]) -> Result<(), DocumentError> {
    let text = String::from_utf8_lossy(json);
    let text = without_half_pairs(&text);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    Into(document).deserialize(&mut deserializer).map_err(DocumentError)?;
    deserializer.end().map_err(DocumentError)
}

/// Replaces escapes of surrogates that do not form a pair by U+FFFD, which Go reads them as.
fn without_half_pairs(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let len = match (code_unit(escape), escape.get(6..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            // A backslash and what it escapes, which may be a character of several bytes.
            (_, _) => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&escape[..len]);
        rest = &escape[len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The number in `\uXXXX` at the start of `text`.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

struct Into<'a, T>(&'a mut T);

impl<'de, T: Document> DeserializeSeed<'de> for Into<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Document> Visitor<'de> for Into<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if !self.0.field(&key, &mut map)? {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A type that can be written as the value of a member.
pub(crate) trait Encode {
    /// Whether `omitempty` leaves the field out.
    fn is_empty(&self) -> bool;
    fn write(&self, out: &mut Vec<u8>);
}

/// A type that a field of a document may have.
pub(crate) trait Value: Encode + Sized {
    /// Reads the next value of `map`; `null` changes nothing.
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error>;
}

impl Encode for String {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self);
    }
}

impl Value for String {
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        replace(self, map.next_value::<Option<Self>>()?);
        Ok(())
    }
}

impl Encode for Cow<'_, str> {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self);
    }
}

impl<T: Encode> Encode for BTreeMap<String, T> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (key, value) in self {
            write_field(out, key, value);
        }
        out.push(b'}');
    }
}

impl Encode for bool {
    fn is_empty(&self) -> bool {
        !self
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Value for bool {
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        replace(self, map.next_value::<Option<Self>>()?);
        Ok(())
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, item) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }
}

impl Value for Vec<String> {
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        replace(self, map.next_value::<Option<Self>>()?);
        Ok(())
    }
}

/// What may be missing; `None` is empty.
impl<T: Encode> Encode for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// A document inside a document.
impl<T: Document + Encode + Default> Value for Option<T> {
    fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let mut document = T::default();
        map.next_value_seed(Into(&mut document))?;
        *self = Some(document);
        Ok(())
    }
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Encode for $type {
            fn is_empty(&self) -> bool {
                *self == 0
            }

            fn write(&self, out: &mut Vec<u8>) {
                let n = i128::from(*self);
                if n < 0 {
                    out.push(b'-');
                }
                crate::encode::decimal(out, n.unsigned_abs() as u64);
            }
        }

        impl Value for $type {
            fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                let number = map.next_value::<Option<Integer>>()?;
                replace(self, number.map(|Integer(n)| {
                    n.clamp(i128::from(<$type>::MIN), i128::from(<$type>::MAX)) as $type
                }));
                Ok(())
            }
        }
    )* };
}

integers! { u8 u16 i32 i64 u64 }

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// A whole number of any size that JSON readers agree on. A fraction or an exponent is refused, as
/// in Go.
struct Integer(i128);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E>(self, n: i64) -> Result<Integer, E> {
        Ok(Integer(i128::from(n)))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Integer, E> {
        Ok(Integer(i128::from(n)))
    }
}

/// A string in quotes, escaped as Go does by default: also `<`, `>`, `&`, U+2028 and U+2029.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut written = 0;
    for (at, c) in text.char_indices() {
        let short = match c {
            '"' | '\\' => Some(c as u8),
            '\u{8}' => Some(b'b'),
            '\u{c}' => Some(b'f'),
            '\n' => Some(b'n'),
            '\r' => Some(b'r'),
            '\t' => Some(b't'),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => None,
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..at]);
        match short {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => write_escape(out, u32::from(c)),
        }
        written = at + c.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, code: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u");
    for at in (0..4).rev() {
        out.push(DIGITS[(code >> (at * 4) & 0xf) as usize]);
    }
}

/// The members in braces.
pub(crate) fn write_object(out: &mut Vec<u8>, object: &impl Members) {
    out.push(b'{');
    object.write_members(out);
    out.push(b'}');
}

/// Writes one member of an object, with the comma before it where needed.
pub(crate) fn write_field(out: &mut Vec<u8>, key: &str, value: &impl Encode) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_text(out, key);
    out.push(b':');
    value.write(out);
}

/// Defines a struct whose fields carry their JSON names, in wire order; `omitempty` fields are left
/// out when they are empty, zero or false.
macro_rules! document {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(, $omit:ident)?; )*
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl $crate::json::Document for $name {
            fn field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                $( if key.eq_ignore_ascii_case(stringify!($field)) {
                    $crate::json::Value::read(&mut self.$field, map)?;
                    return Ok(true);
                } )*
                Ok(false)
            }
        }

        impl $crate::json::Members for $name {
            fn write_members(&self, out: &mut alloc::vec::Vec<u8>) {
                $( if $crate::json::document!(@present self.$field $(, $omit)?) {
                    $crate::json::write_field(out, stringify!($field), &self.$field);
                } )*
            }
        }

        impl $crate::json::Encode for $name {
            fn is_empty(&self) -> bool {
                false
            }

            fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::json::write_object(out, self);
            }
        }

        impl $name {
            /// The document as nats-server writes it: same order, same fields left out, same
            /// escapes.
            #[must_use]
            pub fn to_json(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::with_capacity(512);
                $crate::json::write_object(&mut out, self);
                out
            }
        }
    };
    (@present $self:ident.$field:ident) => { true };
    (@present $self:ident.$field:ident, omitempty) => {
        !$crate::json::Encode::is_empty(&$self.$field)
    };
}

pub(crate) use document;
