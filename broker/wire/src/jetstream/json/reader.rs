//! Reading values into fields, with the first complaint in Go's words.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::syntax;
use crate::error_text;
use crate::jetstream::time::{Nanos, Time};

/// A type that a value can be read into.
pub(crate) trait Decode: Default {
    /// Its name in Go.
    fn go_type() -> Cow<'static, str>;
    /// Reads the next value, or tells the reader what is wrong with it; `go_type` is the name to
    /// call the type in that case.
    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str);
}

/// A type whose members can be read one by one.
pub(crate) trait DecodeMembers {
    /// Reads the next value into the field under `key`; false, and nothing read, without one.
    fn decode_member(&mut self, key: &str, reader: &mut Reader<'_>) -> bool;
}

/// The first known member makes a value of nothing.
impl<T: DecodeMembers + Default> DecodeMembers for Option<T> {
    fn decode_member(&mut self, key: &str, reader: &mut Reader<'_>) -> bool {
        if let Some(value) = self {
            return value.decode_member(key, reader);
        }
        let mut value = T::default();
        let known = value.decode_member(key, reader);
        *self = known.then_some(value);
        known
    }
}

/// Reads the values of a text that is known to be JSON.
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Name of the type of the whole document, in Go.
    root: &'static str,
    /// The keys and indexes that lead to the value, each after a point.
    path: String,
    /// Whether the last of them is an index.
    in_array: bool,
    refuse_unknown: bool,
    complaint: Option<String>,
}

impl<'a> Reader<'a> {
    /// A reader that begins at `at`.
    pub(super) fn new(text: &'a [u8], at: usize, root: &'static str, refuse_unknown: bool) -> Self {
        Self {
            text,
            at,
            root,
            path: String::new(),
            in_array: false,
            refuse_unknown,
            complaint: None,
        }
    }

    /// Where the reader has come to, or the first complaint.
    pub(super) fn finish(self) -> Result<usize, String> {
        self.complaint.map_or(Ok(self.at), Err)
    }

    /// The first byte of the next value or token.
    fn peek(&mut self) -> u8 {
        self.at = syntax::skip_space(self.text, self.at);
        self.text.get(self.at).copied().unwrap_or_default()
    }

    /// Passes over one byte that was seen by [`Reader::peek`].
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == byte;
        self.at += usize::from(there);
        there
    }

    /// The next value as it is written.
    pub(crate) fn raw(&mut self) -> &'a [u8] {
        self.peek();
        let end = syntax::value_end(self.text, self.at).unwrap_or(self.text.len());
        let raw = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        raw
    }

    /// Remembers `text` unless there was something to complain about before.
    pub(crate) fn complain(&mut self, text: impl fmt::Display) {
        if self.complaint.is_none() {
            self.complaint = Some(format!("{text}"));
        }
    }

    /// Passes over the next value, which is not what `go_type` is read from.
    fn mismatch(&mut self, go_type: &str) {
        let kind = match self.peek() {
            b'{' => "object",
            b'[' => "array",
            b'"' => "string",
            b't' | b'f' => "bool",
            _ => "number",
        };
        self.raw();
        self.refuse(kind, go_type);
    }

    fn refuse(&mut self, what: &str, go_type: &str) {
        let place = if self.path.is_empty() {
            String::from("Go value")
        } else if self.in_array {
            // nats-server's Go leaves the usual words out here.
            format!("{}{}", self.root, self.path)
        } else {
            format!("Go struct field {}{}", self.root, self.path)
        };
        self.complain(format_args!("json: cannot unmarshal {what} into {place} of type {go_type}"));
    }

    /// Reads `null`, if that is next.
    fn null(&mut self) -> bool {
        let null = self.peek() == b'n';
        if null {
            self.raw();
        }
        null
    }

    /// Reads an object by calling `member` with each key, which says whether it has read the value.
    pub(crate) fn object(
        &mut self,
        go_type: &str,
        mut member: impl FnMut(&str, &mut Self) -> bool,
    ) {
        if self.null() {
            return;
        }
        if self.peek() != b'{' {
            return self.mismatch(go_type);
        }
        self.at += 1;
        while !self.take(b'}') {
            let key = self.text();
            self.take(b':');
            let (outer, outer_in_array) = (self.path.len(), self.in_array);
            self.path.extend([".", &key]);
            self.in_array = false;
            if !member(&key, self) {
                if self.refuse_unknown {
                    let mut text = String::from("json: unknown field ");
                    error_text::quote(&mut text, key.as_bytes());
                    self.complain(text);
                }
                self.raw();
            }
            self.path.truncate(outer);
            self.in_array = outer_in_array;
            self.take(b',');
        }
    }

    /// Reads an array by calling `element` for each.
    fn array(&mut self, go_type: &str, mut element: impl FnMut(&mut Self)) {
        if self.peek() != b'[' {
            return self.mismatch(go_type);
        }
        self.at += 1;
        let (outer, outer_in_array) = (self.path.len(), self.in_array);
        for index in 0_usize.. {
            if self.take(b']') {
                break;
            }
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(&mut self.path, format_args!(".{index}"));
            self.in_array = true;
            element(self);
            self.path.truncate(outer);
            self.in_array = outer_in_array;
            self.take(b',');
        }
    }

    /// Reads a string. Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD.
    fn text(&mut self) -> String {
        let raw = self.raw();
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        let inner = String::from_utf8_lossy(inner);
        if inner.contains('\\') { unescape(&inner) } else { inner.into_owned() }
    }

    /// Reads a number that `convert` accepts.
    fn number<T>(&mut self, go_type: &str, convert: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.null() {
            return None;
        }
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            self.mismatch(go_type);
            return None;
        }
        let raw = core::str::from_utf8(self.raw()).unwrap_or_default();
        let number = convert(raw);
        if number.is_none() {
            self.refuse(&format!("number {raw}"), go_type);
        }
        number
    }
}

/// Replaces the escapes of a string that has only valid ones.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = escape.chars();
        out.push(match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (c, after) = unescape_unit(escape);
                chars = after.chars();
                c
            }
            Some(c) => c,
            None => break,
        });
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// The character of `uXXXX`, or of that and a second one that completes a surrogate pair, and what
/// follows.
fn unescape_unit(escape: &str) -> (char, &str) {
    let unit = |text: &str| u32::from_str_radix(text.get(1..5)?, 16).ok();
    let after = escape.get(5..).unwrap_or_default();
    let first = unit(escape).unwrap_or(0xfffd);
    let second = after.strip_prefix('\\').filter(|s| s.starts_with('u')).and_then(unit);
    match (first, second) {
        (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or('\u{fffd}'), after.get(6..).unwrap_or_default())
        }
        _ => (char::from_u32(first).unwrap_or('\u{fffd}'), after),
    }
}

impl Decode for String {
    fn go_type() -> Cow<'static, str> {
        "string".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        match reader.peek() {
            b'"' => *self = reader.text(),
            b'n' => drop(reader.raw()),
            _ => reader.mismatch(go_type),
        }
    }
}

impl Decode for bool {
    fn go_type() -> Cow<'static, str> {
        "bool".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        match reader.peek() {
            b't' | b'f' => *self = reader.raw() == b"true",
            b'n' => drop(reader.raw()),
            _ => reader.mismatch(go_type),
        }
    }
}

macro_rules! integers {
    ($($type:ty = $go:literal)*) => { $(
        impl Decode for $type {
            fn go_type() -> Cow<'static, str> {
                $go.into()
            }

            fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
                if let Some(number) = reader.number(go_type, |text| text.parse().ok()) {
                    *self = number;
                }
            }
        }
    )* };
}

integers! { u16 = "uint16" i32 = "int32" i64 = "int64" u64 = "uint64" }

impl Decode for Nanos {
    fn go_type() -> Cow<'static, str> {
        "time.Duration".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        self.0.decode(reader, go_type);
    }
}

impl Decode for Time {
    fn go_type() -> Cow<'static, str> {
        "time.Time".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        match reader.peek() {
            b'"' => match reader.text().parse() {
                Ok(time) => *self = time,
                Err(error) => reader.complain(error),
            },
            b'n' => drop(reader.raw()),
            _ => reader.mismatch(go_type),
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn go_type() -> Cow<'static, str> {
        T::go_type()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        if reader.null() {
            *self = None;
        } else {
            self.get_or_insert_default().decode(reader, go_type);
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn go_type() -> Cow<'static, str> {
        format!("[]{}", T::go_type()).into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        let element_type = T::go_type();
        if reader.null() {
            self.clear();
            return;
        }
        if reader.peek() == b'[' {
            self.clear();
        }
        reader.array(go_type, |reader| {
            let mut element = T::default();
            element.decode(reader, &element_type);
            self.push(element);
        });
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn go_type() -> Cow<'static, str> {
        format!("map[string]{}", T::go_type()).into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        if reader.null() {
            self.clear();
            return;
        }
        let value_type = T::go_type();
        reader.object(go_type, |key, reader| {
            let mut value = T::default();
            value.decode(reader, &value_type);
            self.insert(key.into(), value);
            true
        });
    }
}
