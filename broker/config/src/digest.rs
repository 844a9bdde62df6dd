//! The digest of a configuration, as `-t` prints it and `/varz` shows it.
//!
//! It is the SHA-256 of the parsed tree as Go writes it as JSON: keys sorted, no blanks, `<`, `>`
//! and `&` escaped, a line break at the end. Comments and layout do not change it, and neither does
//! whether a value comes from a variable or an included file. Source: nats-server's `conf/parse.go`
//! and digests that a running 2.15.1 printed.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::value::{Map, Value};

/// `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn digest(map: &Map) -> String {
    let mut text = json(map);
    text.push('\n');
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

/// The tree as Go's `encoding/json` writes it.
#[must_use]
pub fn json(map: &Map) -> String {
    let mut json = String::new();
    write_map(&mut json, map);
    json
}

/// Trees are at most [`crate::limits::NESTING_MAX`] deep, so recursion is fine.
fn write_value(json: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_string(json, text),
        Value::Integer(number) => {
            let _ = write!(json, "{number}");
        }
        Value::Float(number) => write_float(json, *number),
        Value::Bool(on) => json.push_str(if *on { "true" } else { "false" }),
        Value::DateTime(time) => {
            let _ = write!(json, "\"{time}\"");
        }
        Value::List(list) => {
            json.push('[');
            for (index, node) in list.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_value(json, &node.value);
            }
            json.push(']');
        }
        Value::Map(map) => write_map(json, map),
    }
}

fn write_map(json: &mut String, map: &Map) {
    json.push('{');
    for (index, (key, node)) in map.sorted().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_string(json, key);
        json.push(':');
        write_value(json, &node.value);
    }
    json.push('}');
}

fn write_string(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(json, "\\u{:04x}", u32::from(char));
            }
            _ => json.push(char),
        }
    }
    json.push('"');
}

/// The shortest digits that read back as the same number; with an exponent below 1e-6 and from
/// 1e21, as in JavaScript.
fn write_float(json: &mut String, number: f64) {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        let _ = write!(json, "{number}");
        return;
    }
    // Rust writes `1e-7` and `1e21`, Go `1e-07` and `1e+21`, but JSON's is `1e-7` and `1e+21`.
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            let _ = write!(json, "{digits}e+{exponent}");
        }
        _ => json.push_str(&text),
    }
}
