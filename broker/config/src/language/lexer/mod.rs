//! Bytes to tokens.
//!
//! The grammar is one of states rather than of rules, and what a character means depends on the
//! state: a `#` after a key starts a value, a `/` between list values is a comma, a NUL byte is the
//! end of the text. All of it is pinned by the table in `tests/data`, which a real nats-server has
//! answered.

mod cursor;
mod values;

use std::borrow::Cow;

use self::cursor::{lower_case, shown};
use super::digits::is_digit;

/// What the parser is made of.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::language) enum Kind {
    /// The text is over, or has a NUL byte.
    End,
    Key,
    String,
    Bool,
    Integer,
    Float,
    DateTime,
    /// A `$name`, without the `$`.
    Variable,
    /// The path of an `include`.
    Include,
    ListStart,
    ListEnd,
    MapStart,
    MapEnd,
}

/// A token. `line` and `column` count as nats-server does, see [`crate::Position`].
#[derive(Clone, Debug, PartialEq)]
pub(in crate::language) struct Token<'a> {
    pub(in crate::language) kind: Kind,
    pub(in crate::language) text: Cow<'a, [u8]>,
    pub(in crate::language) line: u32,
    pub(in crate::language) column: u32,
}

/// The text is not in the language.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::language) struct LexError {
    pub(in crate::language) kind: LexErrorKind,
    pub(in crate::language) line: u32,
    pub(in crate::language) column: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::language) enum LexErrorKind {
    /// With nats-server's words.
    Syntax(String),
    /// More open braces, brackets and blocks than [`NESTING_MAX`](crate::limits::NESTING_MAX).
    Nesting,
}

/// Where the lexer is between two tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Outside of everything, before a key.
    Top,
    /// After a value outside of everything.
    TopValueEnd,
    /// Inside of the braces around a whole file, before a key.
    BlockStart,
    /// Inside of those, after a value.
    BlockValueEnd,
    /// After a closing brace of those that was inside of another one.
    BlockEnd,
    /// After a key that is in no map.
    KeyEnd,
    /// In a list, before a value.
    ListValue,
    /// In a list, after a value.
    ListValueEnd,
    /// In a map, before a key.
    MapKey,
    /// In a map, after a key.
    MapKeyEnd,
    /// In a map, after a value.
    MapValueEnd,
    /// After [`Kind::End`].
    Over,
}

/// What reading the end of the text, or a NUL byte, gives.
const EOF: char = '\0';

pub(in crate::language) struct Lexer<'a> {
    text: &'a [u8],
    /// Where the token that is being read starts.
    start: usize,
    /// Where the next character is.
    pos: usize,
    /// How long the last character was; 0 at the end of the text.
    width: usize,
    line: u32,
    /// The line break before the current line (0 on the first line).
    line_start: usize,
    /// The same for the line that the current token starts in.
    token_line_start: usize,
    state: State,
    /// The states to go back to: one for each open list, map and block.
    stack: Vec<State>,
    /// The begin of a string of which a part was escaped, with the escapes resolved.
    unescaped: Option<Vec<u8>>,
}

type Step<'a> = Result<Option<Token<'a>>, LexError>;

impl<'a> Lexer<'a> {
    pub(in crate::language) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            start: 0,
            pos: 0,
            width: 0,
            line: 1,
            line_start: 0,
            token_line_start: 0,
            state: State::Top,
            stack: Vec::new(),
            unescaped: None,
        }
    }

    /// The next token; [`Kind::End`] for ever after the last one.
    pub(in crate::language) fn next_token(&mut self) -> Result<Token<'a>, LexError> {
        loop {
            let step = match self.state {
                State::Top => self.top(),
                State::TopValueEnd => self.top_value_end(),
                State::BlockStart => self.block_start(),
                State::BlockValueEnd => self.block_value_end(),
                State::BlockEnd => self.block_end(),
                State::KeyEnd => self.key_end(),
                State::ListValue => self.list_value(),
                State::ListValueEnd => self.list_value_end(),
                State::MapKey => self.map_key(),
                State::MapKeyEnd => self.map_key_end(),
                State::MapValueEnd => self.map_value_end(),
                State::Over => Ok(Some(self.emit(Kind::End))),
            };
            if let Some(token) = step? {
                return Ok(token);
            }
        }
    }

    // Outside of maps and lists.

    fn top(&mut self) -> Step<'a> {
        let char = self.next();
        if char.is_whitespace() {
            self.ignore();
            return Ok(None);
        }
        match char {
            '{' => {
                self.push(State::Top)?;
                self.ignore();
                self.go(State::BlockStart)
            }
            '#' => self.comment(State::Top),
            '/' if self.next() == '/' => self.comment(State::Top),
            '/' => {
                self.backup();
                self.end_or_error()
            }
            EOF => self.end_or_error(),
            _ => {
                self.backup();
                self.push(State::TopValueEnd)?;
                self.key()
            }
        }
    }

    fn top_value_end(&mut self) -> Step<'a> {
        match self.next() {
            '#' => self.comment(State::Top),
            '/' => {
                if self.next() == '/' {
                    return self.comment(State::Top);
                }
                self.backup();
                Ok(None)
            }
            ' ' | '\t' => Ok(None),
            '\n' | '\r' | EOF | ';' | ',' | '}' => {
                self.ignore();
                self.go(State::Top)
            }
            char => self.error(format!(
                "Expected a top-level value to end with a new line, comment or EOF, but got '{}' \
                 instead.",
                shown(char)
            )),
        }
    }

    fn block_start(&mut self) -> Step<'a> {
        let char = self.next();
        if char.is_whitespace() {
            self.ignore();
            return Ok(None);
        }
        match char {
            '{' => {
                self.push(State::BlockEnd)?;
                self.ignore();
                Ok(None)
            }
            '}' => {
                self.ignore();
                self.pop()
            }
            '#' => self.comment(State::BlockStart),
            '/' if self.next() == '/' => self.comment(State::BlockStart),
            '/' => {
                self.backup();
                self.end_or_error()
            }
            EOF => self.end_or_error(),
            _ => {
                self.backup();
                self.push(State::BlockValueEnd)?;
                self.key()
            }
        }
    }

    fn block_value_end(&mut self) -> Step<'a> {
        match self.next() {
            '#' => self.comment(State::BlockValueEnd),
            '/' => {
                if self.next() == '/' {
                    return self.comment(State::BlockValueEnd);
                }
                self.backup();
                Ok(None)
            }
            ' ' | '\t' => Ok(None),
            '\n' | '\r' | ';' | ',' => {
                self.ignore();
                self.go(State::BlockStart)
            }
            '}' => {
                self.backup();
                self.go(State::BlockEnd)
            }
            char => self.error(format!(
                "Expected a block-level value to end with a new line, comment or EOF, but got \
                 '{}' instead.",
                shown(char)
            )),
        }
    }

    fn block_end(&mut self) -> Step<'a> {
        match self.next() {
            '#' => self.comment(State::BlockStart),
            '/' => {
                if self.next() == '/' {
                    return self.comment(State::BlockStart);
                }
                self.backup();
                Ok(None)
            }
            '\n' | '\r' | ' ' | '\t' => Ok(None),
            ';' | ',' => {
                self.ignore();
                self.go(State::BlockStart)
            }
            '}' => {
                self.ignore();
                self.pop()
            }
            char => self.error(format!(
                "Expected a block-level to end with a '}}', but got '{}' instead.",
                shown(char)
            )),
        }
    }

    /// A key outside of maps. The state to continue in after its value is on the stack.
    fn key(&mut self) -> Step<'a> {
        loop {
            match self.peek() {
                char @ ('=' | ':') => {
                    return self.error(format!("Unexpected key separator '{char}'"));
                }
                quote @ ('"' | '\'') => return self.quoted_key(quote, State::KeyEnd),
                char if char.is_whitespace() => {
                    self.next();
                    self.ignore();
                }
                _ => break,
            }
        }
        self.ignore();
        self.next();
        loop {
            match self.peek() {
                '=' | ':' | EOF => break,
                char if char.is_whitespace() => {
                    if self.is_include() {
                        return self.include();
                    }
                    break;
                }
                _ => self.next(),
            };
        }
        self.state = State::KeyEnd;
        Ok(Some(self.emit(Kind::Key)))
    }

    fn key_end(&mut self) -> Step<'a> {
        match self.next() {
            '=' | ':' => {
                self.ignore();
                self.value()
            }
            EOF => self.end(),
            char if char.is_whitespace() => {
                self.ignore();
                Ok(None)
            }
            _ => {
                self.backup();
                self.value()
            }
        }
    }

    /// The key after an opening quote that has not been read yet. There are no escapes in it.
    fn quoted_key(&mut self, quote: char, then: State) -> Step<'a> {
        self.next();
        self.ignore();
        loop {
            match self.peek() {
                EOF if then == State::KeyEnd => return self.end_or_error(),
                EOF if quote == '"' => {
                    return self.error("Unexpected EOF processing double quoted map key.".into());
                }
                EOF => return self.error("Unexpected EOF processing quoted map key.".into()),
                char if char == quote => break,
                _ => self.next(),
            };
        }
        let token = self.emit(Kind::Key);
        self.next();
        self.ignore();
        self.state = then;
        Ok(Some(token))
    }

    // Lists.

    fn list_value(&mut self) -> Step<'a> {
        let unexpected = "Unexpected array value terminator ','.";
        match self.next() {
            char if char.is_whitespace() => {
                self.ignore();
                Ok(None)
            }
            '#' => self.comment(State::ListValue),
            '/' if self.next() == '/' => self.comment(State::ListValue),
            '/' => {
                self.backup();
                self.error(unexpected.into())
            }
            ',' => self.error(unexpected.into()),
            ']' => self.list_end(),
            _ => {
                self.backup();
                self.push(State::ListValueEnd)?;
                self.value()
            }
        }
    }

    fn list_value_end(&mut self) -> Step<'a> {
        match self.next() {
            ' ' | '\t' => {
                self.ignore();
                Ok(None)
            }
            '#' => self.comment(State::ListValueEnd),
            '/' if self.next() == '/' => self.comment(State::ListValueEnd),
            '/' => {
                self.backup();
                self.ignore();
                self.go(State::ListValue)
            }
            ',' | '\n' | '\r' => {
                self.ignore();
                self.go(State::ListValue)
            }
            ']' => self.list_end(),
            char => self.error(format!(
                "Expected an array value terminator \",\" or an array terminator \"]\", but got \
                 '{}' instead.",
                shown(char)
            )),
        }
    }

    fn list_end(&mut self) -> Step<'a> {
        self.ignore();
        let token = self.emit(Kind::ListEnd);
        self.pop()?;
        Ok(Some(token))
    }

    // Maps.

    fn map_key(&mut self) -> Step<'a> {
        match self.peek() {
            char @ ('=' | ':') => {
                return self.error(format!("Unexpected key separator '{char}'."));
            }
            ']' => return self.error("Unexpected array end ']' processing map.".into()),
            '}' => {
                self.next();
                self.ignore();
                return self.map_end();
            }
            '#' => {
                self.next();
                return self.comment(State::MapKey);
            }
            '/' => {
                self.next();
                if self.next() == '/' {
                    return self.comment(State::MapKey);
                }
                // The key starts after the slash.
                self.backup();
            }
            quote @ ('"' | '\'') => return self.quoted_key(quote, State::MapKeyEnd),
            EOF => return self.error("Unexpected EOF processing map.".into()),
            char if char.is_whitespace() => {
                self.next();
                self.ignore();
                return Ok(None);
            }
            _ => {}
        }
        self.bare_map_key()
    }

    fn bare_map_key(&mut self) -> Step<'a> {
        self.ignore();
        self.next();
        loop {
            match self.peek() {
                EOF => return self.error("Unexpected EOF processing map key.".into()),
                '=' | ':' => break,
                char if char.is_whitespace() => {
                    if self.is_include() {
                        self.push(State::MapValueEnd)?;
                        return self.include();
                    }
                    break;
                }
                _ => self.next(),
            };
        }
        self.state = State::MapKeyEnd;
        Ok(Some(self.emit(Kind::Key)))
    }

    fn map_key_end(&mut self) -> Step<'a> {
        let mut separated = false;
        loop {
            match self.next() {
                char if char.is_whitespace() => self.ignore(),
                '=' | ':' if !separated => {
                    separated = true;
                    self.ignore();
                }
                ',' => return self.error("Unexpected map value terminator \",\".".into()),
                '}' => {
                    self.ignore();
                    return self.map_end();
                }
                _ => break,
            }
        }
        self.backup();
        self.push(State::MapValueEnd)?;
        self.value()
    }

    fn map_value_end(&mut self) -> Step<'a> {
        match self.next() {
            ' ' | '\t' => {
                self.ignore();
                Ok(None)
            }
            '#' => self.comment(State::MapValueEnd),
            '/' if self.next() == '/' => self.comment(State::MapValueEnd),
            '/' => {
                self.backup();
                self.ignore();
                self.go(State::MapKey)
            }
            ';' | ',' | '\n' | '\r' => {
                self.ignore();
                self.go(State::MapKey)
            }
            '}' => {
                self.ignore();
                self.map_end()
            }
            char => self.error(format!(
                "Expected a map value terminator \",\" or a map terminator \"}}\", but got '{}' \
                 instead.",
                shown(char)
            )),
        }
    }

    fn map_end(&mut self) -> Step<'a> {
        self.ignore();
        let token = self.emit(Kind::MapEnd);
        self.pop()?;
        Ok(Some(token))
    }

    // Includes.

    /// Whether the bare key that has just been read is the keyword.
    fn is_include(&self) -> bool {
        let key = self.text.get(self.start..self.pos).unwrap_or_default();
        lower_case(key) == "include"
    }

    /// The path after the keyword. The state to continue in is on the stack.
    fn include(&mut self) -> Step<'a> {
        self.ignore();
        let char = loop {
            match self.next() {
                ' ' | '\t' => self.ignore(),
                char => break char,
            }
        };
        let found = match char {
            quote @ ('"' | '\'') => return self.quoted_include(quote),
            '[' => "start of an array",
            '{' => "start of a map",
            '(' => "start of a block",
            '-' => "start of a number",
            char if is_digit(char) => "start of a number",
            '\\' => "escape sequence",
            '\n' | '\r' => "new line",
            _ => {
                self.backup();
                return self.bare_include();
            }
        };
        self.error(format!("Expected include value but found {found}"))
    }

    fn quoted_include(&mut self, quote: char) -> Step<'a> {
        self.ignore();
        loop {
            match self.next() {
                char if char == quote => return self.emit_quoted(Kind::Include),
                EOF if quote == '"' => {
                    return self.error("Unexpected EOF in double quoted include".into());
                }
                EOF => return self.error("Unexpected EOF in quoted include".into()),
                _ => {}
            }
        }
    }

    fn bare_include(&mut self) -> Step<'a> {
        loop {
            match self.next() {
                '\n' | '\r' | EOF | ';' | '}' | ' ' | '\t' => {
                    self.backup();
                    return self.emit_and_pop(Kind::Include);
                }
                '\'' => return self.emit_quoted(Kind::Include),
                _ => {}
            }
        }
    }
}
