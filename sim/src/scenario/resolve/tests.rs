use super::*;

const KINDS: &[&str] = &["publisher_order", "region_autonomy"];

const WHOLE: &str = r#"
schema = 1
name = "two"
about = "what happens?"

[run]
seeds = "0..3"
duration = "20s..30s"

[link.lan]
latency = "250us"

[link.wan]
latency = "20ms..60ms"
jitter = "4ms"
loss = 0.0005
bandwidth = "200MiB/s"

[region.a]
nodes = "1..=3"
link = "lan"
config = { max_pending = "1MiB", cluster = { pool_size = "1..=3" } }

[region.b]
nodes = 1
link = "lan"
routes = ["node:a/1", "name:a"]

[[path]]
between = ["a", "region:b"]
link = "wan"

[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x.{i%3}"
rate = 200
burst = 4

[[client]]
id = "sub"
at = "one(region:b)"
role = "subscribe"
subject = "x.*"
queue = "q"
count = 2

[[fault]]
at = "5s"
for = "10s"
kind = "partition"
between = ["region:a", "region:b"]

[guarantee.autonomy]
kind = "region_autonomy"
during = "partition"
success = 1.0
p99 = "5ms"
"#;

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse("f.toml", text, KINDS).map_err(|error| error.to_string())
}

/// Reads the whole scenario with one line replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    match parse(&WHOLE.replacen(from, to, 1)) {
        Ok(_) => "no problem".to_owned(),
        Err(text) => text,
    }
}

#[test]
fn a_whole_scenario_is_understood() {
    let scenario = parse(WHOLE).unwrap();
    assert_eq!(scenario.seeds, [0, 1, 2]);
    assert_eq!(scenario.duration, Draw { low: 20 * SECOND, high: 30 * SECOND - 1 });
    assert_eq!(scenario.regions[0].nodes, Draw { low: 1, high: 3 });
    assert_eq!(
        scenario.regions[0].routes,
        [RouteTarget::Node("a".to_owned(), 1), RouteTarget::Name("b".to_owned())]
    );
    assert_eq!(
        scenario.regions[1].routes,
        [RouteTarget::Node("a".to_owned(), 1), RouteTarget::Name("a".to_owned())]
    );
    assert_eq!(scenario.links[1].loss_ppm, Draw::fixed(500));
    assert_eq!(scenario.clients[0].every, Draw::fixed(20 * MS));
    assert_eq!(scenario.guarantees[0].success_ppm, Some(1_000_000));
    assert_eq!(scenario.guarantees[0].line, 56);
}

#[test]
fn unknown_keys_and_names_are_pointed_at() {
    insta::assert_snapshot!(changed("jitter = \"4ms\"", "jiter = \"4ms\""), @r#"
    error: unknown key `jiter`
        --> f.toml:15:1
     15 | jiter = "4ms"
        | ^^^^^
      = help: did you mean `jitter`?
    "#);
    insta::assert_snapshot!(changed("link = \"wan\"", "link = \"wam\""), @r#"
    error: there is no `[link.wam]`
        --> f.toml:31:8
     31 | link = "wam"
        |        ^^^^^
      = help: did you mean `wan`?
    "#);
    insta::assert_snapshot!(changed("\"region:b\"]\n\n[guar", "\"region:bb\"]\n\n[guar"), @r#"
    error: there is no region `bb`
        --> f.toml:53:24
     53 | between = ["region:a", "region:bb"]
        |                        ^^^^^^^^^^^
      = help: did you mean `b`?
    "#);
    insta::assert_snapshot!(changed("kind = \"partition\"", "kind = \"partitoin\""), @r#"
    error: there is no fault of kind `partitoin`
        --> f.toml:52:8
     52 | kind = "partitoin"
        |        ^^^^^^^^^^^
      = help: did you mean `partition`?
    "#);
    insta::assert_snapshot!(changed("kind = \"region_autonomy\"", "kind = \"autonomy\""), @r#"
    error: there is no guarantee of kind `autonomy`
        --> f.toml:56:8
     56 | kind = "autonomy"
        |        ^^^^^^^^^^
      = help: known are publisher_order, region_autonomy
    "#);
}

#[test]
fn wrong_values_are_pointed_at() {
    insta::assert_snapshot!(changed("latency = \"250us\"", "latency = \"250 usec\""), @r#"
    error: `usec` is not a unit; the units are ns, us, ms, s, m, h
        --> f.toml:11:11
     11 | latency = "250 usec"
        |           ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(changed("nodes = 1\n", "nodes = 0\n"), @r#"
    error: a region has 1 to 64 nodes
        --> f.toml:25:9
     25 | nodes = 0
        |         ^
    "#);
    insta::assert_snapshot!(changed("nodes = 1\n", "nodes = true\n"), @r#"
    error: a number or a text is wanted here, not a boolean
        --> f.toml:25:9
     25 | nodes = true
        |         ^^^^
    "#);
    insta::assert_snapshot!(changed("for = \"10s\"", "for = \"30s\""), @r#"
    error: the fault may end after the run's `duration`; nobody would see it heal
        --> f.toml:51:7
     51 | for = "30s"
        |       ^^^^^
    "#);
    insta::assert_snapshot!(changed("subject = \"x.{i%3}\"", "subject = \"x..{i}\""), @r#"
    error: `x..0` is not a subject that one can publish to
        --> f.toml:37:11
     37 | subject = "x..{i}"
        |           ^^^^^^^^
    "#);
    insta::assert_snapshot!(changed("\"one(region:b)\"", "\"one(node:b/2)\""), @r#"
    error: region `b` may have only 1 node
        --> f.toml:43:6
     43 | at = "one(node:b/2)"
        |      ^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(changed("\"one(region:b)\"", "\"one(region:b\""), @r#"
    error: expected `)`, found the end
        --> f.toml:43:19
     43 | at = "one(region:b"
        |                   ^
    "#);
    insta::assert_snapshot!(changed("name = \"two\"\n", ""), @r#"
    error: the key `name` is missing here
     --> f.toml:1
    "#);
    insta::assert_snapshot!(changed("count = 2\n", "count = 2\nrate = 5\n"), @r#"
    error: `rate` means nothing for a client that subscribes
        --> f.toml:48:8
     48 | rate = 5
        |        ^
    "#);
    insta::assert_snapshot!(changed("schema = 1", "schema = [1"), @r#"
    error: missing comma between array elements, expected `,`
       --> f.toml:3:1
     3 | name = "two"
       | ^
    "#);
}

#[test]
fn what_is_not_there_yet_is_said_to_be_so() {
    insta::assert_snapshot!(
        changed("kind = \"partition\"\nbetween", "kind = \"peer_remove\"\nbetween"), @r#"
        error: `kind = "peer_remove"` is not there yet
            --> f.toml:52:8
         52 | kind = "peer_remove"
            |        ^^^^^^^^^^^^^
        "#);
    insta::assert_snapshot!(changed("link = \"wan\"", "via = \"gateway\"\nlink = \"wan\""), @r#"
    error: `via = "gateway"` is not there yet, only `route`
        --> f.toml:31:7
     31 | via = "gateway"
        |       ^^^^^^^^^
    "#);
    insta::assert_snapshot!(
        changed("[guarantee.autonomy]", "[[program]]\nid = \"S\"\n\n[guarantee.autonomy]"), @r#"
        error: `program` belongs to the format, but this version cannot do it yet
            --> f.toml:55:1
         55 | [[program]]
            | ^^^^^^^^^^^
        "#);
}

#[test]
fn unusual_links_make_sense() {
    let first =
        |from: &str, to: &str| changed(from, to).lines().next().unwrap_or_default().to_owned();
    for (to, error) in [
        ("jitter = \"4ms\"\ndist = \"pareto\"", "no problem"),
        ("jitter = \"4ms\"\nqueue = \"64KiB\"\nbias = \"1ms..3ms\"", "no problem"),
        ("jitter = \"4ms\"\ndist = \"gauss\"", "error: delays do not spread as `gauss`"),
        ("jitter = \"4ms\"\nqueue = \"1B\"", "error: a queue has at least 1KiB"),
    ] {
        assert_eq!(first("jitter = \"4ms\"", to), error);
    }
    assert_eq!(
        first("bandwidth = \"200MiB/s\"", "queue = \"64KiB\""),
        "error: `queue` is of bytes that wait for `bandwidth`"
    );
}

#[test]
fn all_problems_are_collected() {
    let text =
        WHOLE.replace("link = \"lan\"", "link = \"lam\"").replace("p99 = \"5ms\"", "p99 = 5");
    let error = Scenario::parse("f.toml", &text, KINDS).unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
}
