//! Strings, numbers, and what only looks like a number.

use super::cursor::{lower_case, shown};
use super::{EOF, Kind, LexError, Lexer, State, Step};
use crate::language::digits::is_digit;

impl<'a> Lexer<'a> {
    // Values. The state to continue in is on the stack.

    pub(super) fn value(&mut self) -> Step<'a> {
        loop {
            let char = self.next();
            match char {
                ' ' | '\t' => self.ignore(),
                '[' => {
                    self.ignore();
                    self.state = State::ListValue;
                    return Ok(Some(self.emit(Kind::ListStart)));
                }
                '{' => {
                    self.ignore();
                    self.state = State::MapKey;
                    return Ok(Some(self.emit(Kind::MapStart)));
                }
                '\'' => {
                    self.ignore();
                    return self.raw_string();
                }
                '"' => {
                    self.ignore();
                    return self.escaped_string();
                }
                '(' => {
                    self.ignore();
                    return self.block_string();
                }
                '-' => return self.negative_number(),
                '.' => return self.error("Floats must start with a digit".into()),
                '\n' | '\r' => return self.error("Expected value but found new line".into()),
                _ if is_digit(char) => return self.number(),
                _ => {
                    self.backup();
                    return self.bare_string();
                }
            }
        }
    }

    /// After an opening `'`: everything up to the next one.
    pub(super) fn raw_string(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '\'' => return self.emit_quoted(Kind::String),
                EOF => return self.end_or_error(),
                _ => {}
            }
        }
    }

    /// After an opening `"`: everything up to the next one, with escapes.
    pub(super) fn escaped_string(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '\\' => self.escape()?,
                '"' => return self.emit_quoted(Kind::String),
                EOF => return self.end_or_error(),
                _ => {}
            }
        }
    }

    /// A string without quotes. Escapes work in it too, and a `'` ends it.
    pub(super) fn bare_string(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '\\' => self.escape()?,
                '\n' | '\r' | EOF | ';' | ',' | ']' | '}' | ' ' | '\t' => break,
                '\'' => return self.emit_quoted(Kind::String),
                _ => {}
            }
        }
        self.backup();
        if self.unescaped.is_some() {
            return self.emit_and_pop(Kind::String);
        }
        let text = self.text.get(self.start..self.pos).unwrap_or_default();
        if matches!(lower_case(text).as_str(), "true" | "false" | "on" | "off" | "yes" | "no") {
            return self.emit_and_pop(Kind::Bool);
        }
        if text.first() == Some(&b'$') {
            self.start += 1;
            return self.emit_and_pop(Kind::Variable);
        }
        self.emit_and_pop(Kind::String)
    }

    /// After an opening `(`: everything up to a `)` alone on its line.
    pub(super) fn block_string(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                ')' => {
                    let before = self.pos.checked_sub(2).and_then(|at| self.text.get(at));
                    if before != Some(&b'\n') {
                        continue;
                    }
                    match self.next() {
                        EOF if self.width == 0 => {
                            // The last line of the text: the parenthesis is part of the string.
                            return self.emit_and_pop(Kind::String);
                        }
                        '\n' | EOF => {
                            self.backup();
                            self.width = 1;
                            return self.emit_quoted(Kind::String);
                        }
                        _ => self.backup(),
                    }
                }
                EOF => return self.error("Unexpected EOF processing block.".into()),
                _ => {}
            }
        }
    }

    /// After a backslash.
    pub(super) fn escape(&mut self) -> Result<(), LexError> {
        let before = self.text.get(self.start..self.pos - 1).unwrap_or_default();
        self.unescaped.get_or_insert_default().extend_from_slice(before);
        let byte = match self.next() {
            'x' => self.hex_escape()?,
            't' => b'\t',
            'n' => b'\n',
            'r' => b'\r',
            '"' => b'"',
            '\\' => b'\\',
            char => {
                return self.error(format!(
                    "Invalid escape character '{}'. Only the following escape characters are \
                     allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
                    shown(char)
                ));
            }
        };
        self.unescaped.get_or_insert_default().push(byte);
        self.start = self.pos;
        Ok(())
    }

    pub(super) fn hex_escape(&mut self) -> Result<u8, LexError> {
        for _ in 0..2 {
            if matches!(self.next(), '\n' | '\r') {
                return self.error(
                    "Expected two hexadecimal digits after '\\x', but hit end of line".into(),
                );
            }
        }
        let digits = self.text.get(self.pos.saturating_sub(2)..self.pos).unwrap_or_default();
        let [high, low] = digits else {
            return self.error("Unexpected EOF.".into());
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Ok(high << 4 | low),
            _ => {
                let digits = String::from_utf8_lossy(digits);
                self.error(format!(
                    "Expected two hexadecimal digits after '\\x', but got '{digits}'"
                ))
            }
        }
    }

    // Numbers, and what looks like one.

    /// After a first digit.
    pub(super) fn number(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '-' if self.pos - self.start == 5 => return self.date(),
                '-' => return self.error("All ISO8601 dates must be in full Zulu form.".into()),
                '.' => return self.float(),
                char if is_digit(char) => {}
                char if is_suffix(char) => return self.suffix(),
                '\n' | '\r' | EOF | '}' | ';' | ',' | ' ' | '\t' => break,
                // Not the end of a number, so it is a string, and this character is part of it,
                // whatever it is. A `]` too: `[1]` is not a list.
                _ => return self.bare_string(),
            }
        }
        self.backup();
        self.emit_and_pop(Kind::Integer)
    }

    /// After a `-`.
    pub(super) fn negative_number(&mut self) -> Step<'a> {
        match self.next() {
            '.' => return self.error("Floats must start with a digit, not '.'.".into()),
            char if is_digit(char) => {}
            char => return self.error(format!("Expected a digit but got '{}'.", shown(char))),
        }
        loop {
            match self.next() {
                '.' => return self.float(),
                char if is_digit(char) => {}
                char if is_suffix(char) => return self.suffix(),
                _ => break,
            }
        }
        self.backup();
        self.emit_and_pop(Kind::Integer)
    }

    /// After the first letter of `k`, `kb`, `KiB`, …
    pub(super) fn suffix(&mut self) -> Step<'a> {
        while matches!(self.next(), 'b' | 'B' | 'i' | 'I') {}
        self.backup();
        match self.peek() {
            '\n' | '\r' | EOF | '}' | ';' | ',' | ' ' | '\t' => self.emit_and_pop(Kind::Integer),
            _ => self.bare_string(),
        }
    }

    /// After a decimal point.
    pub(super) fn float(&mut self) -> Step<'a> {
        let char = self.next();
        if !is_digit(char) {
            return self.error(format!(
                "Floats must have a digit after the '.', but got '{}' instead.",
                shown(char)
            ));
        }
        loop {
            match self.next() {
                '.' => return self.ip_address(),
                char if is_digit(char) => {}
                _ => break,
            }
        }
        self.backup();
        self.emit_and_pop(Kind::Float)
    }

    /// After a second point: `127.0.0.1:4222` is a string.
    pub(super) fn ip_address(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '.' | ':' | '-' => {}
                char if is_digit(char) => {}
                _ => break,
            }
        }
        self.backup();
        self.emit_and_pop(Kind::String)
    }

    /// After `YYYY-`.
    pub(super) fn date(&mut self) -> Step<'a> {
        for expected in "00-00T00:00:00Z".chars() {
            let char = self.next();
            if expected == '0' {
                if !is_digit(char) {
                    return self.error(format!(
                        "Expected digit in ISO8601 datetime, but found '{}' instead.",
                        shown(char)
                    ));
                }
            } else if char != expected {
                return self.error(format!(
                    "Expected '{expected}' in ISO8601 datetime, but found '{}' instead.",
                    shown(char)
                ));
            }
        }
        self.emit_and_pop(Kind::DateTime)
    }
}

/// The letter that a number suffix starts with.
fn is_suffix(char: char) -> bool {
    matches!(char.to_ascii_lowercase(), 'k' | 'm' | 'g' | 't' | 'p' | 'e')
}
