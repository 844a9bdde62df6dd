//! Tokens to a tree, with variables and includes resolved.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::lexer::{Kind, LexErrorKind, Lexer, Token};
use crate::error::{ParseError, ParseLimit, Position};
use crate::limits::{
    FILE_BYTES_MAX, INCLUDE_DEPTH_MAX, NESTING_MAX, NODE_BYTES, OPEN_BYTES, TOTAL_BYTES_MAX,
};
use crate::source::Source;
use crate::value::{DateTime, Map, Node, Value};

/// Parses the text of a configuration.
///
/// `file` is what positions name, and what includes are relative to; it is not read. The result
/// depends on the arguments only. Never panics; work and memory are bounded by [`crate::limits`].
///
/// Some texts that nats-server takes are refused, because it silently loses or mangles a value of
/// them:
///
/// - a suffix that is none (`1kbb`), and a suffix that makes a number too large (`10e`);
/// - a key without a value at the end of a map (`{ port: }`), which gets the map as its value;
/// - a file that ends inside of a list or map right after an opening quote.
///
/// # Errors
///
/// The first error in the text, or in a file that it includes.
pub fn parse(file: &str, text: &[u8], source: &dyn Source) -> Result<Map, ParseError> {
    let mut shared =
        Shared { source, bytes_left: TOTAL_BYTES_MAX, open_variables: BTreeSet::new() };
    let place = Place { file: Arc::from(file), include_depth: 0, nesting: 0 };
    Parser::new(place, text, &mut shared)?.run()
}

/// Reads and parses a file.
///
/// # Errors
///
/// As [`parse`], and that the file cannot be read.
pub fn parse_file(file: &str, source: &dyn Source) -> Result<Map, ParseError> {
    let text = read(Path::new(file), source)?;
    parse(file, &text, source)
}

fn read(path: &Path, source: &dyn Source) -> Result<Vec<u8>, ParseError> {
    source.read_file(path, FILE_BYTES_MAX).map_err(|error| ParseError::unreadable(path, &error))
}

/// What all texts of one configuration share.
struct Shared<'a> {
    source: &'a dyn Source,
    /// How much of [`TOTAL_BYTES_MAX`] is left.
    bytes_left: u64,
    /// The variables of the environment that are being parsed.
    open_variables: BTreeSet<String>,
}

/// Which text is parsed, and how deep inside of others it is.
struct Place {
    file: Arc<str>,
    include_depth: usize,
    /// Open maps and lists around it.
    nesting: usize,
}

struct Parser<'a, 'b> {
    place: Place,
    lexer: Lexer<'b>,
    shared: &'b mut Shared<'a>,
    /// The open maps and lists; the first one is the text itself.
    open: Vec<Frame>,
    /// The keys that wait for their values.
    keys: Vec<(String, Position)>,
}

/// An open map or list.
struct Frame {
    content: Content,
    /// How many keys were waiting when it was opened.
    keys: usize,
}

enum Content {
    Map(Map),
    List(Vec<Node>),
}

impl<'a, 'b> Parser<'a, 'b> {
    fn new(place: Place, text: &'b [u8], shared: &'b mut Shared<'a>) -> Result<Self, ParseError> {
        let start = Position { file: Arc::clone(&place.file), line: 1, column: 0 };
        let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if len > FILE_BYTES_MAX {
            return Err(ParseError::Limit { at: start, limit: ParseLimit::FileSize });
        }
        if place.include_depth > INCLUDE_DEPTH_MAX {
            return Err(ParseError::Limit { at: start, limit: ParseLimit::IncludeDepth });
        }
        let mut parser = Self {
            place,
            lexer: Lexer::new(text),
            shared,
            open: vec![Frame { content: Content::Map(Map::new()), keys: 0 }],
            keys: Vec::new(),
        };
        parser.charge(OPEN_BYTES.saturating_add(len), &start)?;
        Ok(parser)
    }

    fn run(mut self) -> Result<Map, ParseError> {
        loop {
            let token = self.lexer.next_token().map_err(|error| {
                let at = self.position(error.line, error.column);
                match error.kind {
                    LexErrorKind::Syntax(reason) => ParseError::Syntax { at, reason },
                    LexErrorKind::Nesting => ParseError::Limit { at, limit: ParseLimit::Nesting },
                }
            })?;
            if token.kind == Kind::End {
                return self.finish(&token);
            }
            self.accept(&token)?;
        }
    }

    fn finish(mut self, end: &Token<'_>) -> Result<Map, ParseError> {
        let at = self.position(end.line, end.column);
        // A lone `}` reads as a key; it is the end of a JSON text.
        if self.open.len() == 1 && self.keys.last().is_some_and(|(key, _)| key != "}") {
            return Err(ParseError::KeyWithoutValue { at });
        }
        match (self.open.pop(), self.open.is_empty()) {
            (Some(Frame { content: Content::Map(map), .. }), true) => Ok(map),
            _ => Err(ParseError::Syntax { at, reason: "Unexpected EOF.".to_owned() }),
        }
    }

    fn accept(&mut self, token: &Token<'_>) -> Result<(), ParseError> {
        let at = self.position(token.line, token.column);
        match token.kind {
            Kind::End => Ok(()),
            Kind::Key => {
                self.keys.push((go_string(&token.text), at));
                Ok(())
            }
            Kind::MapStart => self.open(Content::Map(Map::new()), &at),
            Kind::ListStart => self.open(Content::List(Vec::new()), &at),
            Kind::MapEnd | Kind::ListEnd => self.close(at),
            Kind::Variable => self.variable(&go_string(&token.text), at),
            Kind::Include => self.include(&go_string(&token.text), &at),
            Kind::String | Kind::Bool | Kind::Integer | Kind::Float | Kind::DateTime => {
                let text = go_string(&token.text);
                match scalar(&token.kind, text) {
                    Ok(value) => self.add(Node::new(value, at)),
                    Err(reason) => Err(ParseError::BadValue { at, reason }),
                }
            }
        }
    }

    fn open(&mut self, content: Content, at: &Position) -> Result<(), ParseError> {
        self.check_nesting(1, at)?;
        self.open.push(Frame { content, keys: self.keys.len() });
        Ok(())
    }

    fn close(&mut self, at: Position) -> Result<(), ParseError> {
        let Some(frame) = self.open.pop() else {
            return Err(ParseError::Syntax { at, reason: "Unexpected end of a value.".to_owned() });
        };
        if self.keys.len() > frame.keys
            && let Some((key, at)) = self.keys.pop()
        {
            return Err(ParseError::KeyAtEndOfMap { at, key });
        }
        let value = match frame.content {
            Content::Map(map) => Value::Map(map),
            Content::List(list) => Value::List(list),
        };
        self.add(Node::new(value, at))
    }

    /// Puts a value where it belongs: into the open list, or under the waiting key.
    fn add(&mut self, mut node: Node) -> Result<(), ParseError> {
        let text = node.value.as_text().map_or(0, str::len);
        let key = match self.open.last_mut().map(|frame| &mut frame.content) {
            Some(Content::List(list)) => {
                let at = node.at.clone();
                list.push(node);
                return self.charge(NODE_BYTES.saturating_add(as_u64(text)), &at);
            }
            Some(Content::Map(_)) | None => self.keys.pop(),
        };
        let Some((key, at)) = key else {
            let reason = "Unexpected value without a key.".to_owned();
            return Err(ParseError::Syntax { at: node.at, reason });
        };
        self.charge(NODE_BYTES.saturating_add(as_u64(key.len() + text)), &at)?;
        node.at = at;
        self.set(key, node);
        Ok(())
    }

    fn set(&mut self, key: String, node: Node) {
        if let Some(Frame { content: Content::Map(map), .. }) = self.open.last_mut() {
            map.insert(key, node);
        }
    }

    // Variables.

    fn variable(&mut self, name: &str, at: Position) -> Result<(), ParseError> {
        // A bare bcrypt hash looks like a variable. nats-server spares only this kind of them.
        if name.starts_with("2a$") {
            return self.add(Node::new(Value::String(format!("${name}")), at));
        }
        let value = match self.variable_of_file(name) {
            Some(value) => {
                let size = Size::of(value);
                self.check_nesting(size.depth, &at)?;
                self.charge(size.bytes, &at)?;
                // Looked up again, because the checks needed `self`.
                self.variable_of_file(name).cloned()
            }
            None => self.variable_of_environment(name, &at)?,
        };
        match value {
            Some(value) => self.add(Node::new(value, at)),
            None => Err(ParseError::UnknownVariable { at, name: name.to_owned() }),
        }
    }

    /// The value of a key that has been parsed already, of the innermost map that has it.
    fn variable_of_file(&mut self, name: &str) -> Option<&Value> {
        let maps = self.open.iter_mut().rev().filter_map(|frame| match &mut frame.content {
            Content::Map(map) => Some(map),
            Content::List(_) => None,
        });
        let node = maps.into_iter().find_map(|map| map.get_mut(name))?;
        node.used_as_variable = true;
        Some(&node.value)
    }

    fn variable_of_environment(
        &mut self,
        name: &str,
        at: &Position,
    ) -> Result<Option<Value>, ParseError> {
        let fail = |cause| ParseError::BadVariable {
            at: at.clone(),
            name: name.to_owned(),
            cause: Box::new(cause),
        };
        if self.shared.open_variables.contains(name) {
            let at = at.clone();
            return Err(fail(ParseError::VariableCycle { at, name: name.to_owned() }));
        }
        let Some(value) = self.shared.source.env(name) else {
            return Ok(None);
        };
        const KEY: &str = "pk";
        let text = format!("{KEY}={value}");
        self.shared.open_variables.insert(name.to_owned());
        let parsed = Parser::new(self.inside(Arc::from("")), text.as_bytes(), self.shared)
            .and_then(Parser::run);
        self.shared.open_variables.remove(name);
        let mut map = parsed.map_err(fail)?;
        Ok(map.get_mut(KEY).map(|node| {
            move_all(&mut node.value, at);
            std::mem::replace(&mut node.value, Value::Bool(false))
        }))
    }

    // Includes.

    fn include(&mut self, path: &str, at: &Position) -> Result<(), ParseError> {
        let fail = |cause| ParseError::Include {
            at: at.clone(),
            path: path.to_owned(),
            cause: Box::new(cause),
        };
        let resolved = beside(&self.place.file, path);
        let text = read(&resolved, self.shared.source).map_err(fail)?;
        let place = self.inside(Arc::from(resolved.to_string_lossy()));
        let map = Parser::new(place, &text, self.shared).and_then(Parser::run).map_err(fail)?;
        for (key, node) in map.into_ordered() {
            self.set(key, node);
        }
        Ok(())
    }

    /// The place of a text that is used in this one.
    fn inside(&self, file: Arc<str>) -> Place {
        Place {
            file,
            include_depth: self.place.include_depth + 1,
            nesting: self.place.nesting + self.open.len() - 1,
        }
    }

    // Limits.

    /// Fails if `more` levels are too many here.
    fn check_nesting(&self, more: usize, at: &Position) -> Result<(), ParseError> {
        // The first frame is the text itself, and counts as none.
        if self.place.nesting + self.open.len() - 1 + more > NESTING_MAX {
            return Err(ParseError::Limit { at: at.clone(), limit: ParseLimit::Nesting });
        }
        Ok(())
    }

    fn charge(&mut self, bytes: u64, at: &Position) -> Result<(), ParseError> {
        match self.shared.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.shared.bytes_left = left;
                Ok(())
            }
            None => Err(ParseError::Limit { at: at.clone(), limit: ParseLimit::TotalSize }),
        }
    }

    fn position(&self, line: u32, column: u32) -> Position {
        Position { file: Arc::clone(&self.place.file), line, column }
    }
}

/// How large a tree is. Trees are at most [`NESTING_MAX`] deep, so recursion is fine.
struct Size {
    bytes: u64,
    depth: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        let mut size = Self { bytes: NODE_BYTES, depth: 0 };
        match value {
            Value::String(text) => size.bytes += as_u64(text.len()),
            Value::List(list) => {
                size.depth = 1;
                for node in list {
                    size.add(&node.value);
                }
            }
            Value::Map(map) => {
                size.depth = 1;
                for (key, node) in map.sorted() {
                    size.bytes = size.bytes.saturating_add(as_u64(key.len()));
                    size.add(&node.value);
                }
            }
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::DateTime(_) => {}
        }
        size
    }

    fn add(&mut self, inner: &Value) {
        let inner = Self::of(inner);
        self.bytes = self.bytes.saturating_add(inner.bytes);
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// Gives all values inside of `value` the position `at`.
fn move_all(value: &mut Value, at: &Position) {
    let nodes: Vec<&mut Node> = match value {
        Value::List(list) => list.iter_mut().collect(),
        Value::Map(map) => map.nodes_mut().collect(),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::DateTime(_) => return,
    };
    for node in nodes {
        node.at = at.clone();
        move_all(&mut node.value, at);
    }
}

/// The value of a token that is one.
fn scalar(kind: &Kind, text: String) -> Result<Value, String> {
    match kind {
        Kind::Bool => {
            Ok(Value::Bool(matches!(text.to_lowercase().as_str(), "true" | "yes" | "on")))
        }
        Kind::Integer => integer(&text).map(Value::Integer),
        Kind::Float => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            Ok(_) => Err(format!("float '{text}' is out of the range")),
            Err(_) => Err(format!("expected float, but got '{text}'")),
        },
        Kind::DateTime => DateTime::parse(&text)
            .map(Value::DateTime)
            .ok_or_else(|| format!("expected Zulu formatted DateTime, but got '{text}'")),
        Kind::String
        | Kind::End
        | Kind::Key
        | Kind::Variable
        | Kind::Include
        | Kind::ListStart
        | Kind::ListEnd
        | Kind::MapStart
        | Kind::MapEnd => Ok(Value::String(text)),
    }
}

/// A number with its suffix: `k m g t p e` are powers of 1000, with `b`, `i` or `ib` of 1024.
fn integer(text: &str) -> Result<i64, String> {
    let malformed = || format!("expected integer, but got '{text}'");
    let out_of_range = || format!("integer '{text}' is out of the range");

    let end = text.find(|char: char| char.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let number: i64 = digits.parse().map_err(|_| out_of_range())?;

    let suffix = suffix.to_ascii_lowercase();
    let Some(letter) = suffix.chars().next() else {
        return Ok(number);
    };
    let base: i64 = match &suffix[1..] {
        "" => 1000,
        "b" | "i" | "ib" => 1024,
        _ => return Err(malformed()),
    };
    let power = "kmgtpe".find(letter).and_then(|index| u32::try_from(index + 1).ok());
    let unit = base.checked_pow(power.ok_or_else(malformed)?).ok_or_else(out_of_range)?;
    number.checked_mul(unit).ok_or_else(out_of_range)
}

/// Bytes as text. Each byte that is not UTF-8 becomes U+FFFD, as when Go writes it as JSON.
fn go_string(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The path of an include: relative to the directory of the file that it is in, even if it starts
/// with a slash, and without `.` and `..` where they can be resolved.
fn beside(file: &str, path: &str) -> PathBuf {
    let directory = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut joined = directory.as_os_str().to_os_string();
    joined.push("/");
    joined.push(path);
    let absolute = directory.has_root();

    let mut clean = PathBuf::from(if absolute { "/" } else { "" });
    // Names that a `..` may take away again.
    let mut names = 0_usize;
    for component in Path::new(&joined).components() {
        match component {
            Component::Normal(name) => {
                clean.push(name);
                names += 1;
            }
            Component::ParentDir if names > 0 => {
                clean.pop();
                names -= 1;
            }
            Component::ParentDir if !absolute => clean.push(".."),
            Component::ParentDir
            | Component::CurDir
            | Component::RootDir
            | Component::Prefix(_) => {}
        }
    }
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}

fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_multiply() {
        let table: &[(&str, Result<i64, &str>)] = &[
            ("7", Ok(7)),
            ("-7", Ok(-7)),
            ("1k", Ok(1_000)),
            ("1K", Ok(1_000)),
            ("1kb", Ok(1_024)),
            ("1Ki", Ok(1_024)),
            ("1KiB", Ok(1_024)),
            ("2m", Ok(2_000_000)),
            ("-2MB", Ok(-2_097_152)),
            ("1g", Ok(1_000_000_000)),
            ("10Gi", Ok(10_737_418_240)),
            ("1tib", Ok(1 << 40)),
            ("1pb", Ok(1 << 50)),
            ("7eb", Ok(7 << 60)),
            ("9e", Ok(9_000_000_000_000_000_000)),
            ("8eb", Err("integer '8eb' is out of the range")),
            ("10e", Err("integer '10e' is out of the range")),
            ("1kbb", Err("expected integer, but got '1kbb'")),
            ("1bi", Err("expected integer, but got '1bi'")),
            ("٣", Err("expected integer, but got '٣'")),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err("integer '9223372036854775808' is out of the range")),
        ];
        for (text, expected) in table {
            assert_eq!(integer(text), expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn includes_are_beside_the_file_that_has_them() {
        for (file, path, expected) in [
            ("nats.conf", "users.conf", "users.conf"),
            ("./nats.conf", "users.conf", "users.conf"),
            ("/etc/nats.conf", "./a/../users.conf", "/etc/users.conf"),
            ("conf/nats.conf", "../users.conf", "users.conf"),
            ("nats.conf", "../users.conf", "../users.conf"),
            ("a/nats.conf", "../../../users.conf", "../../users.conf"),
            ("/etc/nats.conf", "/var/users.conf", "/etc/var/users.conf"),
            ("/nats.conf", "../../users.conf", "/users.conf"),
            ("nats.conf", "/var/users.conf", "var/users.conf"),
            ("", "", "."),
        ] {
            assert_eq!(beside(file, path), Path::new(expected), "{file} {path}");
        }
    }
}
