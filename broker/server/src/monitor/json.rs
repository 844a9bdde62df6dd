//! JSON as Go's encoder writes it, byte for byte: dashboards and tests compare texts.
//!
//! It differs from serde's in three points: `<`, `>`, `&` and two line separators are escaped, a
//! float without a fraction has none, and an empty list takes no line breaks.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Indented by two spaces.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    write(value, Go { indent: Some(0), has_value: false })
}

/// On one line.
pub(super) fn compact(value: &impl Serialize) -> Vec<u8> {
    write(value, Go { indent: None, has_value: false })
}

fn write(value: &impl Serialize, style: Go) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    let mut serializer = Serializer::with_formatter(&mut text, style);
    match value.serialize(&mut serializer) {
        Ok(()) => text,
        // Memory takes every write, and all our maps have text keys.
        Err(_) => b"{}".to_vec(),
    }
}

struct Go {
    /// Depth, if the text is indented.
    indent: Option<usize>,
    /// Whether the list or object being written has an element.
    has_value: bool,
}

impl Go {
    fn new_line<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        let Some(depth) = self.indent else { return Ok(()) };
        writer.write_all(b"\n")?;
        (0..depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.indent = self.indent.map(|depth| depth + 1);
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.indent = self.indent.map(|depth| depth.saturating_sub(1));
        if self.has_value {
            self.new_line(writer)?;
        }
        // Whatever was closed is itself an element of what surrounds it.
        self.has_value = true;
        writer.write_all(bracket)
    }

    fn element<W: ?Sized + io::Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.new_line(writer)
    }
}

impl Formatter for Go {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.element(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.element(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.indent.is_some() { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    /// A document that somebody else has written, on one line and with Go's escapes.
    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let Some(depth) = self.indent else { return writer.write_all(fragment.as_bytes()) };
        writer.write_all(&indented(fragment, depth))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            write!(writer, "{value:e}")
        } else {
            write!(writer, "{value}")
        }
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(special) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Spreads a document on one line over lines, at a depth. Brackets with nothing in them stay
/// together.
fn indented(compact: &str, mut depth: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(compact.len() * 2);
    let new_line = |text: &mut Vec<u8>, depth: usize| {
        text.push(b'\n');
        text.resize(text.len() + 2 * depth, b' ');
    };
    let (mut quoted, mut escaped, mut opened) = (false, false, false);
    for byte in compact.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            text.push(byte);
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if opened != closes {
            new_line(&mut text, depth);
        }
        opened = false;
        text.push(byte);
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => (depth, opened) = (depth + 1, true),
            b',' => new_line(&mut text, depth),
            b':' => text.push(b' '),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize)]
    struct Sample {
        name: &'static str,
        ratio: f64,
        whole: f64,
        tiny: f64,
        empty: Vec<u8>,
        nothing: Option<u8>,
        nested: Vec<Inner>,
        none: Inner2,
    }

    #[derive(Serialize)]
    struct Inner {
        cid: u64,
    }

    #[derive(Serialize)]
    struct Inner2 {}

    #[test]
    fn reads_as_gos() {
        let sample = Sample {
            name: "a<b>&\u{2028}\"\\\n\u{1}é",
            ratio: 2.0 / 11.0,
            whole: 2.0,
            tiny: 1e-7,
            empty: vec![],
            nothing: None,
            nested: vec![Inner { cid: 1 }, Inner { cid: 2 }],
            none: Inner2 {},
        };
        let text = String::from_utf8(pretty(&sample)).unwrap();
        // What Go 1.27's json.MarshalIndent(v, "", "  ") gives for the same value.
        let expected = r#"{
  "name": "a\u003cb\u003e\u0026\u2028\"\\\n\u0001é",
  "ratio": 0.18181818181818182,
  "whole": 2,
  "tiny": 1e-7,
  "empty": [],
  "nothing": null,
  "nested": [
    {
      "cid": 1
    },
    {
      "cid": 2
    }
  ],
  "none": {}
}"#;
        assert_eq!(text, expected);
        let fragment = r#"{"a":[],"b":{},"c":[{"d":"x\"}],{\\"},2],"e":null}"#;
        let raw = RawValue::from_string(fragment.to_owned()).unwrap();
        let value: serde_json::Value = serde_json::from_str(fragment).unwrap();
        let [raw_text, text] = [pretty(&[&raw]), pretty(&[&value])];
        assert_eq!(String::from_utf8(raw_text).unwrap(), String::from_utf8(text).unwrap());
        assert_eq!(compact(&raw), fragment.as_bytes());
        let text = String::from_utf8(compact(&sample.nested)).unwrap();
        assert_eq!(text, r#"[{"cid":1},{"cid":2}]"#);
    }
}
