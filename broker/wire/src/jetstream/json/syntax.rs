//! The grammar of JSON: where a value ends, or what Go says is wrong with it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error_text;

/// How deep values may be nested.
pub(super) const MAX_DEPTH: usize = 10_000;

/// Why the bytes are not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SyntaxError {
    /// They stop in the middle of a value.
    End,
    /// They can not go on like this.
    Wrong {
        /// Go's words.
        text: String,
        /// Bytes read up to and including the one at fault.
        offset: usize,
    },
}

/// Where the value ends that begins at or after `at`.
pub(super) fn value_end(text: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let mut scan = Scan { text, at };
    let mut open = Vec::new();
    loop {
        if scan.begin_value(&mut open)? {
            continue;
        }
        loop {
            let Some(&bracket) = open.last() else { return Ok(scan.at) };
            if scan.next_member(bracket)? {
                break;
            }
            open.pop();
        }
    }
}

/// The first byte at or after `at` that is not white space.
pub(super) fn skip_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The error of bytes at `at`, after a whole document.
pub(super) fn after_document(text: &[u8], at: usize) -> SyntaxError {
    Scan { text, at }.unexpected("after top-level value")
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// Reads a whole scalar, an empty array or object, or what comes before the first value in one;
    /// true in the last case, with the bracket pushed.
    fn begin_value(&mut self, open: &mut Vec<u8>) -> Result<bool, SyntaxError> {
        let first = self.peek()?;
        match first {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            b'{' | b'[' => {
                self.at += 1;
                if open.len() >= MAX_DEPTH {
                    let text = String::from("exceeded max depth");
                    return Err(SyntaxError::Wrong { text, offset: self.at });
                }
                // The closing brackets are the opening ones plus two.
                if self.peek()? == first + 2 {
                    self.at += 1;
                    return Ok(false);
                }
                if first == b'{' {
                    self.key()?;
                }
                open.push(first);
                return Ok(true);
            }
            _ => return Err(self.unexpected("looking for beginning of value")),
        }
        Ok(false)
    }

    /// Reads a comma, and in an object the next key; or the closing bracket: false.
    fn next_member(&mut self, bracket: u8) -> Result<bool, SyntaxError> {
        let next = self.peek()?;
        if next == bracket + 2 {
            self.at += 1;
            return Ok(false);
        }
        match (next, bracket) {
            (b',', _) => self.at += 1,
            (_, b'{') => return Err(self.unexpected("after object key:value pair")),
            (_, _) => return Err(self.unexpected("after array element")),
        }
        if bracket == b'{' {
            self.key()?;
        }
        Ok(true)
    }

    /// Reads a key and the colon after it.
    fn key(&mut self) -> Result<(), SyntaxError> {
        if self.peek()? != b'"' {
            return Err(self.unexpected("looking for beginning of object key string"));
        }
        self.string()?;
        if self.peek()? != b':' {
            return Err(self.unexpected("after object key"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        loop {
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..=0x1f => return Err(self.unexpected("in string")),
                _ => self.at += 1,
            }
        }
    }

    /// Reads a backslash and what it escapes.
    fn escape(&mut self) -> Result<(), SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = match rest.get(1) {
            None => return Err(SyntaxError::End),
            Some(b'u') => {
                let digits = rest.iter().skip(2).take(4);
                let good = digits.clone().take_while(|b| b.is_ascii_hexdigit()).count();
                if good < 4 && good == digits.len() {
                    return Err(SyntaxError::End);
                }
                if good < 4 {
                    return Err(self.bad_escape(rest.get(..6).unwrap_or(rest)));
                }
                6
            }
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(_) => return Err(self.bad_escape(rest.get(..2).unwrap_or(rest))),
        };
        self.at += len;
        Ok(())
    }

    fn bad_escape(&self, what: &[u8]) -> SyntaxError {
        let mut text = String::from("invalid escape sequence ");
        match core::str::from_utf8(what) {
            Ok(plain) if plain.chars().all(|c| c != '`' && c != ' ' && error_text::prints(c)) => {
                text.extend(["`", plain, "`"]);
            }
            Ok(_) | Err(_) => error_text::quote(&mut text, what),
        }
        text.push_str(" in string");
        SyntaxError::Wrong { text, offset: self.at + what.len() }
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        const PLACE: &str = "in numeric literal";
        if self.byte()? == b'-' {
            self.at += 1;
        }
        match self.byte()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(self.unexpected(PLACE)),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if !self.byte()?.is_ascii_digit() {
                return Err(self.unexpected(PLACE));
            }
            self.digits();
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte()?, b'+' | b'-') {
                self.at += 1;
            }
            if !self.byte()?.is_ascii_digit() {
                return Err(self.unexpected(PLACE));
            }
            self.digits();
        }
        Ok(())
    }

    fn digits(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|b| b.is_ascii_digit()).count();
    }

    fn literal(&mut self, literal: &str) -> Result<(), SyntaxError> {
        for expected in literal.chars() {
            if char::from(self.byte()?) != expected {
                let place = alloc::format!("in literal {literal} (expecting '{expected}')");
                return Err(self.unexpected(&place));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<u8, SyntaxError> {
        self.at = skip_space(self.text, self.at);
        self.byte()
    }

    fn byte(&self) -> Result<u8, SyntaxError> {
        self.text.get(self.at).copied().ok_or(SyntaxError::End)
    }

    /// `invalid character 'x' <place>` for the character at `at`.
    fn unexpected(&self, place: &str) -> SyntaxError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut text = String::from("invalid character '");
        let first = rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
        let len = match first {
            Some(c) => {
                error_text::push_rune(&mut text, c);
                c.len_utf8()
            }
            None => {
                error_text::push_hex(&mut text, u32::from(rest.first().copied().unwrap_or(0)));
                1
            }
        };
        text.extend(["' ", place]);
        SyntaxError::Wrong { text, offset: self.at + len }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("unexpected end of JSON input"),
            Self::Wrong { text, .. } => f.write_str(text),
        }
    }
}
