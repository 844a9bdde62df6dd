//! Go's `strconv.ParseInt` with base 0 and `strconv.ParseBool`, which the flags are read with.

/// `1`, `t`, `T`, `TRUE`, `true`, `True`, and the same for false.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A number as in Go source: decimal, `0x`, `0o` or `0`, `0b`, with `_` between digits.
///
/// # Errors
///
/// Go's reason: `parse error` or `value out of range`.
pub(super) fn parse_int(text: &str) -> Result<i64, &'static str> {
    const SYNTAX: &str = "parse error";
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = split_radix(unsigned);
    if !underscores_are_between_digits(digits, radix != 10) {
        return Err(SYNTAX);
    }
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(SYNTAX);
    }
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| "value out of range")
}

/// The base that the prefix says, and the text after the prefix.
fn split_radix(text: &str) -> (u32, &str) {
    let mut chars = text.chars();
    if chars.next() != Some('0') || text.len() < 2 {
        return (10, text);
    }
    match chars.next() {
        Some('x' | 'X') => (16, chars.as_str()),
        Some('b' | 'B') => (2, chars.as_str()),
        Some('o' | 'O') => (8, chars.as_str()),
        _ => (8, &text[1..]),
    }
}

/// Go allows one `_` between two digits; a base prefix counts as a digit.
fn underscores_are_between_digits(digits: &str, has_prefix: bool) -> bool {
    let mut after_digit = has_prefix;
    for char in digits.chars() {
        if char == '_' && !after_digit {
            return false;
        }
        after_digit = char != '_';
    }
    after_digit || digits.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let table: &[(&str, Result<i64, &str>)] = &[
            ("0", Ok(0)),
            ("4222", Ok(4222)),
            ("-1", Ok(-1)),
            ("+7", Ok(7)),
            ("0x10", Ok(16)),
            ("0b11", Ok(3)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("1_000", Ok(1000)),
            ("0x_1", Ok(1)),
            ("0_7", Ok(7)),
            ("_1", Err("parse error")),
            ("1_", Err("parse error")),
            ("1__0", Err("parse error")),
            ("", Err("parse error")),
            ("-", Err("parse error")),
            ("0x", Err("parse error")),
            ("08", Err("parse error")),
            ("--1", Err("parse error")),
            ("1.5", Err("parse error")),
            ("1k", Err("parse error")),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err("value out of range")),
        ];
        for (text, expected) in table {
            assert_eq!(parse_int(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn booleans_are_read_as_go_reads_them() {
        for (text, expected) in
            [("1", Some(true)), ("F", Some(false)), ("yes", None), ("", None), ("tRUE", None)]
        {
            assert_eq!(parse_bool(text), expected, "{text:?}");
        }
    }
}
