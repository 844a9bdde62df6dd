use std::string::{String, ToString};

use super::*;

#[track_caller]
fn check(source: &str, template: &str, subject: &str, expected: &str) {
    let transform = Transform::new(source, template).unwrap().unwrap();
    let mapped = transform.map(subject.as_bytes(), &mut || 0x8000_0005);
    let mapped = mapped.map_or("-".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(mapped, expected, "{source} -> {template}");
}

#[test]
fn tokens_and_tails() {
    check("foo", "bar", "foo", "bar");
    check("foo", "bar", "foo.x", "-");
    check("", "bar.>", "foo.x", "bar.foo.x");
    check(">", ">", "foo.x", "foo.x");
    check("foo.>", "bar.baz.>", "foo.x.y", "bar.baz.x.y");
    check("foo.*.*", "bar.$2.$1", "foo.x.y", "bar.y.x");
    check("foo.*.>", "bar.{{wildcard(1)}}.>", "foo.x.y.z", "bar.x.y.z");
    check("foo.*", "{{ Wildcard( 1 ) }}.{{wildcard(1)}}", "foo.x", "x.x");
    check("*.*", "$0", "a.b", "a");
    check("*", "$a.b", "x", "$a.b");
    check("foo.*", "bar.$1", "foo.", "-");
    check("foo.*", "bar.$1", "foo.*", "-");
}

#[test]
fn functions() {
    check("*", "{{splitfromleft(1,3)}}", "abcde", "abc.de");
    check("*", "{{SplitFromRight(1, 3)}}", "abcde", "ab.cde");
    check("*", "{{splitFromLeft(1,9)}}", "abcde", "abcde");
    check("*", "{{slicefromleft(1,2)}}", "abcde", "ab.cd.e");
    check("*", "{{slicefromright(1,2)}}", "abcde", "a.bc.de");
    check("*", "{{slicefromleft(1,5)}}", "abcde", "abcde");
    check("*", "{{slicefromleft(1,2)}}", "abcdef", "ab.cd.ef");
    check("*", "{{split(1,-)}}", "-a-b--c-", "a.b.c");
    check("*", "{{left(1,2)}}.{{right(1,2)}}", "abcde", "ab.de");
    check("*", "{{random(3)}}", "x", "2");
    check("*", "{{random(0)}}", "x", "0");
    check("foo.*", "{{left(1,-1)}}", "foo.ab", "ab");
}

/// What nats-server 2.15.1 stored a message under: pattern, template, subject, what it became, or
/// what it said to the mapping; between tabs.
const OBSERVED: &str = include_str!("../observed/transforms.txt");

#[test]
fn subjects_become_what_nats_server_makes_of_them() {
    for line in OBSERVED.lines() {
        let mut parts = line.split('\t');
        let mut part = || parts.next().unwrap();
        let (source, template, subject, mapped, refused) = (part(), part(), part(), part(), part());
        if refused.is_empty() {
            check(source, template, subject, mapped);
        } else {
            let error = Transform::validated(source, template).unwrap_err().to_string();
            assert_eq!(error, refused.replace("stream transform: ", ""));
        }
    }
}

#[test]
fn partitions() {
    check("*", "bar.{{partition(10,1)}}", "foo", "bar.3");
    check("*", "bar.{{partition(10,1)}}", "baz", "bar.0");
    check("*", "bar.{{partition(10,1)}}", "qux", "bar.9");
    check("foo", "bar.{{partition(10)}}", "foo", "bar.3");
    check("*", "bar.{{partition(0,1)}}", "foo", "bar.0");
}

#[test]
fn what_is_no_mapping() {
    let check = |source: &str, template: &str, expected: &str| {
        let error = Transform::validated(source, template).unwrap_err().to_string();
        let expected = expected.replace("<>", "invalid mapping destination");
        assert_eq!(error, expected, "{source} -> {template}");
    };
    check("foo.>", "bar", "invalid subject");
    check("foo", "bar.>", "invalid subject");
    check("foo..x", "bar", "invalid subject");
    check("foo.*", "bar.*", "invalid subject");
    check("foo", "bar..x", "<>: invalid transform");
    check("foo.>", "bar.>.x", "<>: invalid transform in x");
    check("foo", "a b", "<>: invalid transform");
    check("foo", "{{foo(1)}}", "<>: unknown function in {{foo(1)}}");
    check("a", "{{left(1,2)}}", "<>: wildcard index out of range in {{left(1,2)}}");
    check("foo", "$1", "<>: wildcard index out of range in $1");
    check("*", "{{wildcard(2)}}", "<>: wildcard index out of range in {{wildcard(2)}}: [2]");
    check(
        "*",
        "{{wildcard()}}",
        "<>: not enough arguments passed to the function in {{wildcard()}}",
    );
    check(
        "*",
        "{{wildcard(1,2)}}",
        "<>: too many arguments passed to the function in {{wildcard(1,2)}}",
    );
    check("*", "{{split(1)}}", "<>: not enough arguments passed to the function in {{split(1)}}");
    // A dot ends the token, so that this is none.
    assert!(Transform::validated("*", "{{split(1,.)}}").is_ok());
    for template in [
        "{{wildcard(x)}}",
        "{{partition(x)}}",
        "{{partition(2147483648)}}",
        "{{split(1, -)}}",
        "{{split(1,a b)}}",
        "{{slicefromleft(1,2147483648)}}",
    ] {
        let error = Transform::validated("*", template).map_err(|error| error.to_string());
        let wrong =
            "invalid mapping destination: function argument is invalid or in the wrong format in ";
        match template {
            "{{split(1, -)}}" => assert!(error.is_ok()),
            _ => assert_eq!(error, Err(String::from(wrong) + template)),
        }
    }
    assert_eq!(Transform::validated("x", ""), Ok(None));
}
