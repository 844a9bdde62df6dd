//! What must hold for any text as a configuration. The property tests here and the fuzz target call
//! the same function; it panics when something does not hold.
#![allow(unreachable_pub, reason = "the library of the fuzz targets is this file too")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use causeway_config::limits::{NESTING_MAX, OPEN_BYTES, TOTAL_BYTES_MAX};
use causeway_config::reload::diff;
use causeway_config::{
    Action, Config, ConfigError, Flags, LoadError, Map, Node, ParseError, Position, Source, Value,
    Warning, digest, parse,
};

/// Ends one text of the input and begins the next one (the ASCII record separator).
pub const SEPARATOR: u8 = 0x1e;

/// The file that the server is started with.
const MAIN: &str = "c.conf";

/// Files that it may include, each of the second text of the input.
const INCLUDED: [&str; 2] = ["inc.conf", "sub/inc.conf"];

/// Variables of the environment: the third and the fourth text of the input.
const VARIABLES: [&str; 2] = ["E", "F"];

/// Up to four texts: a configuration file, one that it may include, and the values of the variables
/// `E` and `F`. Files may include themselves, and variables name themselves: it ends all the same.
pub fn configuration(input: &[u8]) {
    let surroundings = Surroundings::of(input);
    let text = surroundings.files[MAIN];
    let parsed = tree(&surroundings);
    assert_eq!(parsed, tree(&surroundings), "it is a function of the texts");
    for text in ["x: [$E]", "x: [$F]", "include inc.conf"] {
        let _ = tree(&surroundings.with_main(text.as_bytes()));
    }
    let nested = nested(text);
    let _ = tree(&surroundings.with_main(&nested));
    let [run, test] = [["-c", MAIN].as_slice(), &["-t", "-c", MAIN]].map(|arguments| {
        let Ok(Action::Run(flags) | Action::TestConfig(flags)) =
            Flags::parse(arguments.iter().copied())
        else {
            panic!("these flags are fine");
        };
        digest_of_options(&flags, &surroundings)
    });
    if let Some(run) = &run {
        assert_eq!(Some(run), parsed.as_ref().ok(), "what loads has been parsed");
    }
    assert!(test.is_none() || test == run, "a test is stricter than a start");
}

/// The text inside of so many maps that few more levels are allowed.
fn nested(text: &[u8]) -> Vec<u8> {
    const LEVELS: usize = NESTING_MAX - 3;
    [b"m {\n".repeat(LEVELS).as_slice(), text, &b"\n}".repeat(LEVELS)].concat()
}

/// Parses the file: its digest, or its error.
fn tree(surroundings: &Surroundings<'_>) -> Result<String, String> {
    surroundings.opened.set(0);
    let parsed = parse(MAIN, surroundings.files[MAIN], surroundings);
    // The last one may have been too much.
    assert!(surroundings.opened.get() <= TOTAL_BYTES_MAX / OPEN_BYTES + 1, "opening has a price");
    match parsed {
        Ok(map) => {
            map_fits(&map, 0, surroundings);
            Ok(digest(&map))
        }
        Err(error) => {
            parse_error_fits(&error, surroundings);
            Err(error.to_string())
        }
    }
}

/// Goes the whole way with the file: its digest, if a server would start with it.
fn digest_of_options(flags: &Flags, surroundings: &Surroundings<'_>) -> Option<String> {
    match Config::load(flags, surroundings) {
        Ok((config, warnings)) => {
            for warning in warnings {
                warning_fits(&warning, surroundings);
            }
            assert_eq!(diff(&config, &config), Ok(Vec::new()), "it does not differ from itself");
            config.digest
        }
        Err(error) => {
            load_error_fits(&error, surroundings);
            None
        }
    }
}

fn warning_fits(warning: &Warning, surroundings: &Surroundings<'_>) {
    assert!(!warning.reason.is_empty());
    assert!(warning.at.as_ref().is_none_or(|at| surroundings.has(at)), "{warning}");
}

fn load_error_fits(error: &LoadError, surroundings: &Surroundings<'_>) {
    assert!(!error.to_string().is_empty());
    assert!(!error.errors.is_empty() || !error.warnings.is_empty());
    for warning in &error.warnings {
        warning_fits(warning, surroundings);
    }
    for error in &error.errors {
        match error {
            ConfigError::Parse(error) => parse_error_fits(error, surroundings),
            ConfigError::Value { at, .. }
            | ConfigError::UnknownField { at, .. }
            | ConfigError::NotSupported { at: Some(at), .. } => {
                assert!(surroundings.has(at), "{error}");
            }
            ConfigError::NotSupported { at: None, .. } => panic!("no flag asked for it: {error}"),
            ConfigError::Invalid(reason) => assert!(!reason.is_empty()),
        }
    }
}

/// Every error says where it is, and the place exists. What is wrong with an included file or a
/// variable has its own place, unless it cannot be read at all.
fn parse_error_fits(error: &ParseError, surroundings: &Surroundings<'_>) {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert!(error.position().is_some(), "{text}");
    let mut next = Some(error);
    while let Some(error) = next {
        let at = error.position();
        assert!(at.is_none_or(|at| surroundings.has(at)), "{text} at {at:?}");
        next = match error {
            ParseError::Include { at, cause, .. } | ParseError::BadVariable { at, cause, .. } => {
                assert!(surroundings.has(at), "{text} at {at}");
                Some(cause)
            }
            ParseError::Unreadable { .. } => None,
            _ => {
                assert!(at.is_some(), "{text}");
                None
            }
        };
    }
}

fn map_fits(map: &Map, depth: usize, surroundings: &Surroundings<'_>) {
    assert_eq!(map.in_order().len(), map.len());
    for (key, node) in map.sorted() {
        assert_eq!(map.get(key), Some(node));
        node_fits(node, depth, surroundings);
    }
}

fn node_fits(node: &Node, depth: usize, surroundings: &Surroundings<'_>) {
    assert!(surroundings.has(&node.at), "{:?} is outside of the text", node.at);
    assert!(depth <= NESTING_MAX, "{depth} levels at {}", node.at);
    match &node.value {
        Value::List(list) => list.iter().for_each(|node| node_fits(node, depth + 1, surroundings)),
        Value::Map(map) => map_fits(map, depth + 1, surroundings),
        Value::Float(number) => assert!(number.is_finite()),
        Value::String(_) | Value::Integer(_) | Value::Bool(_) | Value::DateTime(_) => {}
    }
}

/// The files and variables that a text finds around it.
struct Surroundings<'a> {
    files: BTreeMap<&'static str, &'a [u8]>,
    variables: BTreeMap<&'static str, String>,
    /// Files and variables that were asked for.
    opened: Cell<u64>,
}

impl<'a> Surroundings<'a> {
    fn of(input: &'a [u8]) -> Self {
        let mut texts = input.splitn(4, |byte| *byte == SEPARATOR);
        let mut files = BTreeMap::from([(MAIN, texts.next().unwrap_or_default())]);
        if let Some(text) = texts.next() {
            files.extend(INCLUDED.map(|name| (name, text)));
        }
        let values = texts.map(|text| String::from_utf8_lossy(text).into_owned());
        let variables = VARIABLES.into_iter().zip(values).collect();
        Self { files, variables, opened: Cell::new(0) }
    }

    /// The same, with another file to start with.
    fn with_main(&self, text: &'a [u8]) -> Self {
        let mut files = self.files.clone();
        files.insert(MAIN, text);
        Self { files, variables: self.variables.clone(), opened: Cell::new(0) }
    }

    /// Whether the position is in one of the texts. Those of variables have no name, and `pk=` in
    /// front of them.
    fn has(&self, at: &Position) -> bool {
        if at.file.is_empty() {
            return self
                .variables
                .values()
                .any(|value| is_in(at, format!("pk={value}").as_bytes()));
        }
        self.files.get(&*at.file).is_some_and(|text| is_in(at, text))
    }
}

/// Whether a text has this line and column. A token of several lines has the line of its end and
/// the column of its begin, so the column counts against the longest line.
fn is_in(at: &Position, text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n');
    let longest = lines.clone().map(<[u8]>::len).max().unwrap_or_default();
    let [line, column] = [at.line, at.column].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    // After the first line, columns count from 1, and the end of a line is a place too.
    (1..=lines.count()).contains(&line) && column <= longest + 1
}

impl Source for Surroundings<'_> {
    fn read_file(&self, path: &Path, _limit: u64) -> io::Result<Vec<u8>> {
        self.opened.set(self.opened.get() + 1);
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.map(|text| text.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn env(&self, name: &str) -> Option<String> {
        self.opened.set(self.opened.get() + 1);
        self.variables.get(name).cloned()
    }
}
