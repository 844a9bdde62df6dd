//! Go's `%q`.

/// The text in double quotes, with Go's escapes for what cannot be seen.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..='\x1f' | '\x7f' => quoted.push_str(&format!("\\x{:02x}", u32::from(char))),
            '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for (text, expected) in [
            ("", r#""""#),
            ("bogus", r#""bogus""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\t\n\0\x7f", r#""\t\n\x00\x7f""#),
            ("é\u{a0}\u{2028}", "\"é\\u00a0\\u2028\""),
        ] {
            assert_eq!(quote(text), expected);
        }
    }
}
