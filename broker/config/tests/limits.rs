//! Files that overflow nats-server's stack, or that it never finishes with.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use std::fmt::Write;

use causeway_config::limits::{FILE_BYTES_MAX, NESTING_MAX};
use causeway_config::{MemorySource, ParseError, ParseLimit, Source, parse};

/// The limit that a text passes.
fn limit(text: &str, source: &dyn Source) -> ParseLimit {
    let mut error = parse("c.conf", text.as_bytes(), source).unwrap_err();
    loop {
        match error {
            ParseError::Limit { limit, .. } => return limit,
            ParseError::Include { cause, .. } | ParseError::BadVariable { cause, .. } => {
                error = *cause;
            }
            other => panic!("{other}"),
        }
    }
}

fn passes(text: &str, source: &dyn Source) -> bool {
    parse("c.conf", text.as_bytes(), source).is_ok()
}

fn nested_lists(depth: usize) -> String {
    format!("a: {}{}", "[".repeat(depth), "]".repeat(depth))
}

fn nested_maps(depth: usize) -> String {
    format!("{}b: 1{}", "a {".repeat(depth), "}".repeat(depth))
}

#[test]
fn nesting_is_limited() {
    let none = MemorySource::new();
    for nested in [nested_lists, nested_maps] {
        assert!(passes(&nested(NESTING_MAX), &none));
        assert_eq!(limit(&nested(NESTING_MAX + 1), &none), ParseLimit::Nesting);
        assert_eq!(limit(&nested(1_000_000), &none), ParseLimit::Nesting);
    }
    assert_eq!(limit(&"{".repeat(1_000_000), &none), ParseLimit::Nesting);
    let error = parse("c.conf", "\n\na: ".to_owned().as_bytes(), &none);
    assert!(error.is_ok());
    let error = parse("c.conf", format!("\n{}", nested_lists(500)).as_bytes(), &none).unwrap_err();
    let expected = format!(
        "c.conf:2:{}: maps and lists are nested deeper than {NESTING_MAX} levels",
        5 + NESTING_MAX
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn variables_do_not_nest_deeper() {
    let none = MemorySource::new();
    let half = NESTING_MAX / 2;
    let text = |inner: usize, outer: usize| {
        format!("{}\nb: {}$a{}", nested_lists(inner), "[".repeat(outer), " ]".repeat(outer))
    };
    assert!(passes(&text(half, half), &none));
    assert_eq!(limit(&text(half, half + 1), &none), ParseLimit::Nesting);
    // The same with a variable of the environment, and with an include.
    let env =
        MemorySource::new().with_env("X", format!("{}{}", "[".repeat(half), "]".repeat(half)));
    let text = |outer: usize| format!("b: {}$X{}", "[".repeat(outer), " ]".repeat(outer));
    assert!(passes(&text(half), &env));
    assert_eq!(limit(&text(half + 1), &env), ParseLimit::Nesting);
    let file = MemorySource::new().with_file("i.conf", nested_maps(half));
    let text =
        |outer: usize| format!("{}include i.conf\n{}", "a {".repeat(outer), "}".repeat(outer));
    assert!(passes(&text(half), &file));
    assert_eq!(limit(&text(half + 1), &file), ParseLimit::Nesting);
}

#[test]
fn files_that_include_each_other_end() {
    let source = MemorySource::new()
        .with_file("a.conf", "include b.conf")
        .with_file("b.conf", "include a.conf");
    assert_eq!(limit("include a.conf", &source), ParseLimit::IncludeDepth);

    // Each file includes the next one twice: 2^30 files without a limit.
    let mut source = MemorySource::new().with_file("f30.conf", "");
    for n in 0..30 {
        let text = format!("include f{0}.conf\ninclude f{0}.conf", n + 1);
        source = source.with_file(format!("f{n}.conf"), text);
    }
    assert_eq!(limit("include f0.conf", &source), ParseLimit::TotalSize);
}

#[test]
fn variables_that_double_end() {
    let mut text = "a0: [x, x]\n".to_owned();
    for n in 0..60 {
        let _ = writeln!(text, "a{}: [$a{n}, $a{n}]", n + 1);
    }
    assert_eq!(limit(&text, &MemorySource::new()), ParseLimit::TotalSize);

    // A long text instead of many values.
    let mut text = format!("a: {}\n", "x".repeat(1 << 20));
    text.push_str(&"b: $a\n".repeat(1000));
    assert_eq!(limit(&text, &MemorySource::new()), ParseLimit::TotalSize);

    let mut source = MemorySource::new().with_env("V25", "x");
    for n in 0..25 {
        source = source.with_env(format!("V{n}"), format!("[$V{0}, $V{0}]", n + 1));
    }
    assert_eq!(limit("a: $V0", &source), ParseLimit::TotalSize);
}

#[test]
fn a_chain_of_variables_ends() {
    let mut source = MemorySource::new();
    for n in 0..10_000 {
        source = source.with_env(format!("V{n}"), format!("$V{}", n + 1));
    }
    assert_eq!(limit("a: $V0", &source), ParseLimit::IncludeDepth);
}

#[test]
fn long_files_are_refused() {
    let size = usize::try_from(FILE_BYTES_MAX).unwrap();
    let none = MemorySource::new();
    assert!(passes(&"#".repeat(size), &none));
    assert_eq!(limit(&"#".repeat(size + 1), &none), ParseLimit::FileSize);
    let source = MemorySource::new().with_file("i.conf", "#".repeat(size + 1));
    assert_eq!(limit("include i.conf", &source), ParseLimit::FileSize);
    let error = parse("c.conf", b"\n include i.conf", &source).unwrap_err();
    let expected = format!(
        "error parsing include file 'i.conf', i.conf:1:0: the file is larger than {size} bytes"
    );
    assert_eq!(error.to_string(), expected);
}
