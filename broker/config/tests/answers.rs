//! Compares with the answers of a real nats-server in `data`; see the README there.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use causeway_config::{
    Action, Config, Flags, MemorySource, Source, SystemSource, digest, parse_file,
};

/// The file that each case is about.
const FILE: &str = "c.conf";

#[test]
fn the_grammar_is_that_of_nats_server() {
    check(include_str!("data/grammar.txt"), |source| match parse_file(FILE, source) {
        // An empty map is fine for the parser.
        Ok(map) => valid(&digest(&map)),
        Err(error) => error.to_string(),
    });
}

#[test]
fn options_are_checked_as_nats_server_checks_them() {
    check(include_str!("data/options.txt"), |source| {
        let flags = match Flags::parse(["-t", "-c", FILE]).unwrap() {
            Action::TestConfig(flags) => flags,
            other => panic!("{other:?}"),
        };
        match Config::load(&flags, source) {
            Ok((config, warnings)) => {
                assert_eq!(warnings, []);
                valid(&config.digest.unwrap_or_default())
            }
            Err(error) => error.to_string(),
        }
    });
}

fn valid(digest: &str) -> String {
    format!("configuration file {FILE} is valid ({digest})")
}

/// Runs every case of a table through `answer`, and shows all that differ.
fn check(table: &str, answer: impl Fn(&MemorySource) -> String) {
    let mut differences = Vec::new();
    let cases = table.split("\n### ").skip(1);
    let mut count = 0;
    for case in cases {
        let case = Case::read(case);
        let ours = sorted(&visible(&answer(&case.source)));
        if ours != case.expected {
            differences.push(format!(
                "### {}\nexpected:\n{}\nfound:\n{}\n",
                case.title,
                case.expected.join("\n"),
                ours.join("\n")
            ));
        }
        count += 1;
    }
    assert!(count > 200, "only {count} cases");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

struct Case<'a> {
    title: &'a str,
    source: MemorySource,
    expected: Vec<String>,
}

impl<'a> Case<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.trim_end_matches('\n').split("\n=== ");
        let (title, body) = parts.next().unwrap().split_once('\n').unwrap();
        let mut source = MemorySource::new();
        let (mut name, mut content) = (FILE, String::new());
        for line in body.split('\n') {
            if let Some(next) = line.strip_prefix("--- file ") {
                source = source.with_file(name, real(&content));
                (name, content) = (next, String::new());
            } else if let Some((name, value)) =
                line.strip_prefix("--- env ").and_then(|variable| variable.split_once('='))
            {
                source = source.with_env(name, value);
            } else {
                content.push_str(line);
                content.push('\n');
            }
        }
        source = source.with_file(name, real(&content));
        // Our own answer, if there is one, comes after nats-server's.
        let expected = parts.last().unwrap();
        let (_, expected) = expected.split_once('\n').unwrap_or((expected, ""));
        Self { title, source, expected: sorted(expected) }
    }
}

/// The bytes that a text in the table stands for.
fn real(text: &str) -> Vec<u8> {
    let text = text.replace('␀', "\0").replace('␍', "\r").replace('␉', "\t").replace('␠', " ");
    let text = text.split_once('␄').map_or(text.as_str(), |(text, _)| text);
    let mut bytes = Vec::new();
    for part in text.split_inclusive('⟧') {
        match part.strip_suffix('⟧').and_then(|part| part.rsplit_once('⟦')) {
            Some((text, digits)) => {
                bytes.extend_from_slice(text.as_bytes());
                for digits in digits.as_bytes().chunks(2) {
                    let digits = std::str::from_utf8(digits).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                }
            }
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    bytes
}

fn visible(text: &str) -> String {
    text.replace('\0', "␀").replace('\r', "␍")
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_system_says_why_a_file_cannot_be_read() {
    let read = |path: &str| parse_file(path, &SystemSource).unwrap_err().to_string();
    assert_eq!(read("no/such/file.conf"), "open no/such/file.conf: no such file or directory");
    assert_eq!(read("src"), "read src: is a directory");
    assert_eq!(read("Cargo.toml/x"), "open Cargo.toml/x: not a directory");
    let text = SystemSource.read_file("Cargo.toml".as_ref(), 8).unwrap();
    assert_eq!(text, b"[package]", "one byte more than the limit");
    assert_eq!(SystemSource.env(""), None);
    assert_eq!(SystemSource.env("A=B"), None);
    assert!(SystemSource.env("CARGO_MANIFEST_DIR").is_some());
}
