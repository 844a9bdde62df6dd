//! What holds for any input.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

mod checks;

use causeway_config::{
    Action, Config, DateTime, Flags, Map, MemorySource, Node, Position, Value, digest, json, parse,
};
use proptest::prelude::*;

/// Pieces that texts of the language are made of, and pieces that break them.
const PIECES: &[&str] = &[
    "a",
    "b",
    "debug",
    "port",
    "cluster",
    "authorization",
    "users",
    "routes",
    "listen",
    "include ",
    "c.conf",
    "sub/",
    "inc.conf",
    "$a",
    "$E",
    "$F",
    "$",
    "\"",
    "'",
    "\\",
    "\\x41",
    "\\xff",
    "\\n",
    "(",
    ")",
    "\n)\n",
    "(\n",
    "[",
    "]",
    "{",
    "}",
    "=",
    ":",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    ";",
    ",",
    "#",
    "//",
    "/",
    "1",
    "-",
    "1k",
    "1kbb",
    "9e",
    "10e",
    "1.5",
    ".",
    "1.2.3",
    "-1",
    "70000",
    "true",
    "off",
    "é",
    "٣",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "2026-01-01T00:00:00Z",
    "\"30s\"",
    "\"nats://h:1\"",
    "$2a$10$x",
    "tls",
    "jetstream",
    "ping_interval",
    "permissions",
    "compression",
    "server_tags",
    "%",
];

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// Up to four texts, as [`checks::configuration`] takes them.
fn input(texts: &[String]) -> Vec<u8> {
    texts.join(std::str::from_utf8(&[checks::SEPARATOR]).unwrap()).into_bytes()
}

proptest! {
    #[test]
    fn any_texts_end_in_a_tree_or_an_error(texts in prop::collection::vec(texts(), 1..5)) {
        checks::configuration(&input(&texts));
    }

    #[test]
    fn any_bytes_end_in_a_tree_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::configuration(&bytes);
    }

    #[test]
    fn no_command_line_makes_it_panic(args in prop::collection::vec(
        prop_oneof![any::<String>(), "--?[a-zA-Z_]{1,3}(=.{0,8})?", "(-p|-c|-D|--routes|--cluster)(=.{0,12})?"],
        0..6,
    )) {
        match Flags::parse(args) {
            Ok(Action::Run(flags)) => {
                if let Err(error) = Config::load(&flags, &MemorySource::new().with_file("c.conf", "port: 1")) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
            Ok(_) => {}
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_tree_written_and_parsed_is_the_same_tree(map in maps(), seed in any::<u64>()) {
        let text = Writer { text: String::new(), seed }.file(&map);
        let parsed = parse("", text.as_bytes(), &MemorySource::new());
        let parsed = parsed.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert!(same_map(&parsed, &map), "{}\n{}\n{}", text, json(&parsed), json(&map));
        prop_assert_eq!(digest(&parsed), digest(&map));
    }
}

fn keys() -> impl Strategy<Value = String> {
    // A quoted key has no escapes, so it cannot have its quotes in it.
    prop_oneof!["[a-z_]{1,6}", "[^\"'\0]{0,8}"]
}

fn node(value: Value) -> Node {
    Node::new(value, Position::new("", 1, 0))
}

fn scalars() -> impl Strategy<Value = Value> {
    let date = (0_u16..=9999, 1_u8..=12, 1_u8..=28, 0_u8..24, 0_u8..60, 0_u8..60).prop_map(
        |(year, month, day, hour, minute, second)| {
            Value::DateTime(DateTime { year, month, day, hour, minute, second })
        },
    );
    prop_oneof![
        any::<String>().prop_map(Value::String),
        "[a-z$.:/# 0-9-]{0,12}".prop_map(Value::String),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Bool),
        (-1e12..1e12).prop_map(Value::Float),
        date,
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|list| Value::List(list.into_iter().map(node).collect())),
            prop::collection::vec((keys(), inner), 0..5)
                .prop_map(|entries| Value::Map(map(entries))),
        ]
    })
}

fn maps() -> impl Strategy<Value = Map> {
    prop::collection::vec((keys(), values()), 0..6).prop_map(map)
}

fn map(entries: Vec<(String, Value)>) -> Map {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert(key, node(value));
    }
    map
}

/// Whether two trees are the same, wherever they stand.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.value, &b.value))
        }
        (Value::Map(a), Value::Map(b)) => same_map(a, b),
        (a, b) => a == b,
    }
}

fn same_map(a: &Map, b: &Map) -> bool {
    let keys =
        |map: &Map| map.in_order().iter().map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>();
    keys(a) == keys(b)
        && a.in_order().iter().zip(b.in_order()).all(|((_, a), (_, b))| same(&a.value, &b.value))
}

/// Writes a tree in one of the many ways that there are; the seed says in which.
struct Writer {
    text: String,
    seed: u64,
}

impl Writer {
    fn file(mut self, map: &Map) -> String {
        let braces = self.pick(3) == 0;
        if braces {
            self.text.push('{');
        }
        for (key, node) in map.in_order() {
            self.entry(key, &node.value);
            self.one_of(&["\n", " ; ", " , ", " # note\n", " // note\n", "\r\n"]);
        }
        if braces {
            self.text.push('}');
        }
        self.text
    }

    fn entry(&mut self, key: &str, value: &Value) {
        let bare = !key.is_empty()
            && key.chars().all(|char| char.is_ascii_lowercase() || char == '_')
            && key != "include";
        match self.pick(if bare { 3 } else { 2 }) {
            0 => self.text.push_str(&format!("\"{key}\"")),
            1 => self.text.push_str(&format!("'{key}'")),
            _ => self.text.push_str(key),
        }
        self.one_of(&[" = ", ": ", " : ", "=", " "]);
        self.value(value);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Integer(number) => self.text.push_str(&number.to_string()),
            Value::Float(number) => {
                let text = number.to_string();
                let point = if text.contains('.') { "" } else { ".0" };
                self.text.push_str(&format!("{text}{point}"));
            }
            Value::Bool(true) => self.one_of(&["true", "YES", "On"]),
            Value::Bool(false) => self.one_of(&["false", "no", "OFF"]),
            Value::DateTime(time) => self.text.push_str(&time.to_string()),
            Value::List(list) => {
                self.text.push('[');
                for node in list {
                    self.value(&node.value);
                    self.one_of(&[" , ", "\n", " # note\n", ",\n// note\n"]);
                }
                self.text.push(']');
            }
            Value::Map(map) => {
                self.text.push('{');
                for (key, node) in map.in_order() {
                    self.entry(key, &node.value);
                    self.one_of(&[" , ", "\n", " ; ", " # note\n"]);
                }
                self.text.push('}');
            }
        }
    }

    fn string(&mut self, text: &str) {
        let plain = text.chars().all(|char| char.is_ascii_graphic() || char == ' ');
        let quotes = plain && !text.contains('\'') && self.pick(2) == 0;
        let word = text.starts_with(|char: char| char.is_ascii_lowercase() && char != 't')
            && text.chars().all(|char| char.is_ascii_lowercase() || "./:#-".contains(char))
            && !["no", "off", "on", "yes", "false"].contains(&text);
        if word && self.pick(2) == 0 {
            // In front of anything that may follow.
            self.text.push_str(&format!("{text} "));
        } else if quotes {
            self.text.push_str(&format!("'{text}'"));
        } else {
            self.text.push('"');
            for char in text.chars() {
                match char {
                    '"' => self.text.push_str("\\\""),
                    '\\' => self.text.push_str("\\\\"),
                    '\n' => self.text.push_str("\\n"),
                    '\0'..='\x1f' => self.text.push_str(&format!("\\x{:02x}", u32::from(char))),
                    _ => self.text.push(char),
                }
            }
            self.text.push('"');
        }
    }

    /// Writes one of these.
    fn one_of(&mut self, texts: &[&str]) {
        let text = texts[self.pick(texts.len())];
        self.text.push_str(text);
    }

    /// A number below `n`.
    fn pick(&mut self, n: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.seed >> 33).unwrap() % n
    }
}
