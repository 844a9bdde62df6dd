//! The tree that a configuration file parses into.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Position;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The position of its key; in a list, its own. The values inside of what a variable of the
    /// environment holds have the position of the variable.
    pub at: Position,
    /// A `$variable` has referred to this key: it need not be an option that the server knows.
    pub used_as_variable: bool,
}

impl Node {
    /// A value at a position.
    #[must_use]
    pub fn new(value: Value, at: Position) -> Self {
        Self { value, at, used_as_variable: false }
    }
}

/// One value of the configuration language.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text: quoted, bare, or a block in parentheses. Bytes that are not UTF-8 have become U+FFFD,
    /// one for each byte.
    String(String),
    /// A whole number, its suffix multiplied in.
    Integer(i64),
    /// A number with a decimal point. Always finite.
    Float(f64),
    /// `true`, `yes`, `on` and their opposites, in any case, without quotes.
    Bool(bool),
    /// `2026-01-01T00:00:00Z`.
    DateTime(DateTime),
    /// `[ … ]`.
    List(Vec<Node>),
    /// `{ … }`.
    Map(Map),
}

impl Value {
    /// The name of the Go type that nats-server has for this value, as it is in its errors.
    #[must_use]
    pub fn go_type(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Integer(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::DateTime(_) => "time.Time",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
        }
    }

    /// A single value as Go's `%v` prints it; the type of a list or map.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(on) => on.to_string(),
            Self::DateTime(time) => time.to_string(),
            Self::List(_) | Self::Map(_) => self.go_type().to_owned(),
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The values of a list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Node]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }
}

/// A point in time, in UTC, to the second. The fields are in their usual ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, as many as the month has.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl DateTime {
    /// Reads `YYYY-MM-DDThh:mm:ssZ`; `None` if that is no date of the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let pattern = b"0000-00-00T00:00:00Z";
        let fits = |(byte, pattern): (&u8, &u8)| match pattern {
            b'0' => byte.is_ascii_digit(),
            _ => byte == pattern,
        };
        if bytes.len() != pattern.len() || !bytes.iter().zip(pattern).all(fits) {
            return None;
        }
        let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
        let date = Self {
            year: u16::from(two(0)) * 100 + u16::from(two(2)),
            month: two(5),
            day: two(8),
            hour: two(11),
            minute: two(14),
            second: two(17),
        };
        let in_range = (1..=12).contains(&date.month)
            && (1..=days_in(date.year, date.month)).contains(&date.day)
            && date.hour <= 23
            && date.minute <= 59
            && date.second <= 59;
        in_range.then_some(date)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A map from keys to values. It remembers the order of the file; a key that comes again replaces
/// the earlier one, and moves to the end.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: BTreeMap<String, Entry>,
    next_order: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    order: u32,
    node: Node,
}

impl Map {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key. The case of letters matters.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key).map(|entry| &entry.node)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.get_mut(key).map(|entry| &mut entry.node)
    }

    /// Sets a key.
    pub fn insert(&mut self, key: String, node: Node) {
        let order = self.next_order;
        // A map cannot get this many insertions: the size of a configuration is limited.
        self.next_order = order.saturating_add(1);
        self.entries.insert(key, Entry { order, node });
    }

    /// The keys and values, sorted by key.
    pub fn sorted(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), &entry.node))
    }

    /// The keys and values, in the order of the file.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&str, &Node)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(_, entry)| entry.order);
        entries.into_iter().map(|(key, entry)| (key.as_str(), &entry.node)).collect()
    }

    /// The values, to change them.
    pub(crate) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.values_mut().map(|entry| &mut entry.node)
    }

    /// The keys and values, in the order of the file, to keep.
    pub(crate) fn into_ordered(self) -> Vec<(String, Node)> {
        let mut entries: Vec<_> = self.entries.into_iter().collect();
        entries.sort_by_key(|(_, entry)| entry.order);
        entries.into_iter().map(|(key, entry)| (key, entry.node)).collect()
    }
}

/// Equal keys with equal values; the order does not count.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.sorted().eq(other.sorted())
    }
}
