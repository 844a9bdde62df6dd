//! Just enough JSON to write lines with a fixed order of keys.

use std::fmt::Write as _;

/// An object being written. Dropping it without [`end`](Self::end) leaves it open.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        push_number(self.out, value);
    }

    pub(crate) fn maybe(&mut self, key: &str, value: Option<u64>) {
        self.key(key);
        match value {
            Some(value) => push_number(self.out, value),
            None => self.out.push_str("null"),
        }
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        push_text(self.out, value);
    }

    /// Text, or `null` if it is empty.
    pub(crate) fn name(&mut self, key: &str, value: &str) {
        self.key(key);
        if value.is_empty() { self.out.push_str("null") } else { push_text(self.out, value) }
    }

    /// A list of values that `each` writes.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut String, T),
    ) {
        self.key(key);
        push_list(self.out, items, &mut each);
    }

    /// An object that `fields` fills.
    pub(crate) fn object(&mut self, key: &str, fields: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        push_object(self.out, fields);
    }
}

pub(crate) fn push_object(out: &mut String, fields: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object::begin(out);
    fields(&mut object);
    object.end();
}

pub(crate) fn push_list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    each: &mut impl FnMut(&mut String, T),
) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

pub(crate) fn push_number(out: &mut String, value: u64) {
    let _infallible = write!(out, "{value}");
}

pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_a_json_reader_reads() {
        let text = "a\"b\\c\n\r\t\u{1}é\u{1f600}";
        let mut out = String::new();
        push_object(&mut out, |o| {
            o.text("text", text);
            o.name("none", "");
            o.number("n", u64::MAX);
            o.maybe("m", None);
            o.flag("f", true);
            o.list("l", [1u64, 2], push_number);
            o.object("o", |o| o.number("x", 0));
        });
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        let expected = serde_json::json!({
            "text": text, "none": null, "n": u64::MAX, "m": null, "f": true, "l": [1, 2],
            "o": { "x": 0 },
        });
        assert_eq!(value, expected);
    }
}
