//! The parts that all states are made of: characters, positions, tokens, the stack.

use std::borrow::Cow;

use super::{EOF, Kind, LexError, LexErrorKind, Lexer, State, Step, Token};
use crate::limits::NESTING_MAX;

impl<'a> Lexer<'a> {
    /// Reads one character. Bytes that are not UTF-8 read as U+FFFD, one for each byte.
    pub(super) fn next(&mut self) -> char {
        let Some(rest) = self.text.get(self.pos..).filter(|rest| !rest.is_empty()) else {
            self.width = 0;
            return EOF;
        };
        if rest[0] == b'\n' {
            self.line += 1;
            self.line_start = self.pos;
        }
        let (char, width) = decode(rest);
        self.width = width;
        self.pos += width;
        char
    }

    /// Goes back by one character. May be called once after [`Self::next`].
    pub(super) fn backup(&mut self) {
        self.pos -= self.width;
        if self.text.get(self.pos) == Some(&b'\n') {
            self.line -= 1;
        }
    }

    pub(super) fn peek(&mut self) -> char {
        let char = self.next();
        self.backup();
        char
    }

    /// Drops what has been read.
    pub(super) fn ignore(&mut self) {
        self.start = self.pos;
        self.token_line_start = self.line_start;
    }

    /// Makes a token of what has been read.
    pub(super) fn emit(&mut self, kind: Kind) -> Token<'a> {
        let rest = self.text.get(self.start..self.pos).unwrap_or_default();
        let text = match self.unescaped.take() {
            Some(mut text) => {
                text.extend_from_slice(rest);
                Cow::Owned(text)
            }
            None => Cow::Borrowed(rest),
        };
        let column = (self.pos - self.token_line_start).saturating_sub(text.len());
        let token = Token { kind, text, line: self.line, column: to_u32(column) };
        self.ignore();
        token
    }

    /// The token ends here, and with it what the last state on the stack was waiting for.
    pub(super) fn emit_and_pop(&mut self, kind: Kind) -> Step<'a> {
        let token = self.emit(kind);
        self.pop()?;
        Ok(Some(token))
    }

    /// The same, with the last character, a closing quote, left out.
    pub(super) fn emit_quoted(&mut self, kind: Kind) -> Step<'a> {
        self.backup();
        let token = self.emit(kind);
        self.next();
        self.ignore();
        self.pop()?;
        Ok(Some(token))
    }

    /// The end of the text: fine, if nothing has been read since the last token.
    pub(super) fn end_or_error(&mut self) -> Step<'a> {
        if self.pos > self.start {
            return self.error("Unexpected EOF.".into());
        }
        self.end()
    }

    pub(super) fn end(&mut self) -> Step<'a> {
        self.state = State::Over;
        Ok(Some(self.emit(Kind::End)))
    }

    /// Skips to the end of the line.
    pub(super) fn comment(&mut self, then: State) -> Step<'a> {
        while !matches!(self.peek(), '\n' | '\r' | EOF) {
            self.next();
        }
        self.ignore();
        self.go(then)
    }

    pub(super) fn go(&mut self, state: State) -> Step<'a> {
        self.state = state;
        Ok(None)
    }

    pub(super) fn push(&mut self, state: State) -> Result<(), LexError> {
        // One more than may be nested: the last level may hold a plain value.
        if self.stack.len() > NESTING_MAX {
            return Err(self.lex_error(LexErrorKind::Nesting));
        }
        self.stack.push(state);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Step<'a> {
        match self.stack.pop() {
            Some(state) => self.go(state),
            None => self.error("Unexpected end of a value.".into()),
        }
    }

    pub(super) fn error<T>(&self, reason: String) -> Result<T, LexError> {
        Err(self.lex_error(LexErrorKind::Syntax(reason)))
    }

    pub(super) fn lex_error(&self, kind: LexErrorKind) -> LexError {
        let column = to_u32(self.pos.saturating_sub(self.line_start));
        LexError { kind, line: self.line, column }
    }
}

/// A character in an error: a line break would break the line.
pub(super) fn shown(char: char) -> Cow<'static, str> {
    if char == '\n' { Cow::Borrowed("\\n") } else { Cow::Owned(char.to_string()) }
}

/// The first character of some bytes, and how many of them it takes.
fn decode(bytes: &[u8]) -> (char, usize) {
    if let Some(byte) = bytes.first().filter(|byte| byte.is_ascii()) {
        return (char::from(*byte), 1);
    }
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(char) => (char, char.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// Lower case, letter by letter as in Go.
pub(super) fn lower_case(bytes: &[u8]) -> String {
    let lower = |char: char| char.to_lowercase().next().unwrap_or(char);
    String::from_utf8_lossy(bytes).chars().map(lower).collect()
}

/// Positions fit: a file is shorter than [`crate::limits::FILE_BYTES_MAX`].
fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
