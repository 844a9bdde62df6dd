//! Files that extend others, and values with names.

use std::path::Path;

use super::super::{Given, Scenario};

const BASE: &str = r#"
schema = 1
name = "base"
about = "what is common"
tags = ["common"]

[run]
seeds = "0..5"
duration = "9s"

[link.l]
latency = "1ms"
jitter = "1ms"

[region.a]
nodes = 1
link = "l"

[region.b]
nodes = 1
link = "l"
config = { max_pending = "1MiB", cluster = { pool_size = 1 } }

[[path]]
between = ["a", "b"]
link = "l"

[[client]]
id = "pub"
at = "all"
role = "publish"
subject = "x"
every = "1s"

[[fault]]
id = "cut"
at = "1s"
for = "1s"
kind = "partition"
between = ["region:a", "region:b"]

[guarantee.once]
kind = "no_duplicates"
"#;

fn parse(files: &[(&str, &str)], params: &[(&str, &str)]) -> Result<Scenario, String> {
    let params: Vec<(String, String)> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    };
    let given = Given { params: &params, read: &read };
    let kinds = crate::guarantee::kinds();
    Scenario::parse_with(files[0].0, files[0].1, &kinds, &given).map_err(|e| e.to_string())
}

#[test]
fn tables_merge_and_lists_by_name() {
    let over = r#"
extends = "../base.toml"
name = "over"
tags = ["more"]

[link.l]
latency = "5ms"

[region.b.config]
max_payload = "1KiB"

[[path]]
between = ["b", "a"]
link = "wan"

[link.wan]
latency = "30ms"

[[client]]
id = "pub"
every = "2s"

[[client]]
id = "sub"
at = "all"
role = "subscribe"
subject = "x"

[[fault]]
id = "cut"
at = "2s"

[[fault]]
at = "5s"
kind = "reset"
on = "region:a"
"#;
    let made = parse(&[("x/over.toml", over), ("base.toml", BASE)], &[]).unwrap();
    let base = parse(&[("base.toml", BASE)], &[]).unwrap();
    assert_eq!((made.name.as_str(), made.tags.as_slice()), ("over", &["more".to_owned()][..]));
    assert_eq!((made.about, made.seeds, made.duration), (base.about, base.seeds, base.duration));
    let l = &made.links[0];
    assert_eq!((l.latency.low, l.jitter), (5_000_000, base.links[0].jitter));
    let config = &made.regions[1].config;
    assert!(
        config.max_payload.is_some() && config.max_pending == base.regions[1].config.max_pending
    );
    assert_eq!((made.paths.len(), made.links[made.paths[0].link].name.as_str()), (1, "wan"));
    let ids: Vec<&str> = made.clients.iter().map(|client| client.id.as_str()).collect();
    assert_eq!((ids.as_slice(), made.clients[0].every.low), (&["pub", "sub"][..], 2_000_000_000));
    assert_eq!((made.faults.len(), made.faults[0].at.low), (2, 2_000_000_000));
    assert_eq!(made.faults[0].lasts, base.faults[0].lasts);
    // A line of another file is none of this one's.
    assert_eq!((base.guarantees[0].line > 0, made.guarantees[0].line), (true, 0));
}

#[test]
fn what_is_wrong_with_an_extended_file_is_shown_there() {
    let over = "extends = \"base.toml\"\nname = \"over\"\n";
    let broken = BASE.replace("jitter = ", "jiter = ");
    for (base, expected) in [
        (broken.as_str(), "--> base.toml:13:1\n 13 | jiter = \"1ms\""),
        ("schema = ", "--> base.toml:1:10"),
        ("extends = \"over.toml\"\n", "it extends itself: over.toml -> base.toml -> over.toml"),
        ("extends = \"more.toml\"\n", "cannot read `more.toml`: no such file"),
        ("extends = 3\n", "`extends` is the path of a scenario, from this file"),
    ] {
        let error = parse(&[("over.toml", over), ("base.toml", base)], &[]).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let own = "extends = \"base.toml\"\nname = \"over\"\n[run]\nduration = \"1s\"\n";
    let error = parse(&[("over.toml", own), ("base.toml", BASE)], &[]).unwrap_err();
    assert!(error.contains("--> base.toml:38:7"), "the fault is too long now: {error}");
    let nameless = "extends = \"base.toml\"\n";
    let error = parse(&[("over.toml", nameless), ("base.toml", BASE)], &[]).unwrap_err();
    assert!(error.contains("a `name` of its own"), "{error}");
}

#[test]
fn parameters_are_filled_in() {
    let text = BASE.replace(
        "every = \"1s\"",
        "every = \"${gap}\"\ncount = \"${low}..=${high}\"\necho = \"${echo}\"",
    ) + "[param.gap]\ndefault = \"1s\"\nvalues = [\"1s\", \"100ms\"]\n[param.low]\ndefault = 2\n\
           [param.high]\ndefault = 3\nvalues = [3, 4]\n[param.echo]\ndefault = true\n";
    let usual = parse(&[("p.toml", &text)], &[]).unwrap();
    let client = &usual.clients[0];
    assert_eq!((client.every.low, client.count.low, client.count.high), (1_000_000_000, 2, 3));
    assert!(client.echo);
    assert_eq!(usual.full_name(), "base.echo=true,gap=1s,high=3,low=2");
    let given = [("gap", "3ms"), ("high", "9"), ("echo", "false")];
    let other = parse(&[("p.toml", &text)], &given).unwrap();
    let client = &other.clients[0];
    assert_eq!((client.every.low, client.count.high, client.echo), (3_000_000, 9, false));
    let values: Vec<&[String]> = usual.params.iter().map(|p| p.values.as_slice()).collect();
    assert_eq!(values[1], ["1s", "100ms"]);
    assert_eq!(values[3], ["2"]);
}

#[test]
fn parameters_that_are_not_there_are_pointed_at() {
    let gap = "[param.gap]\ndefault = \"1s\"\n";
    for (from, to, expected) in [
        ("every = \"1s\"", "every = \"${gop}\"", "there is no `[param.gop]`"),
        ("every = \"1s\"", "every = \"${gop}\"", "did you mean `gap`?"),
        ("every = \"1s\"", "every = \"${gap\"", "a `${` without its `}`"),
        ("default = \"1s\"", "defualt = \"1s\"", "unknown key `defualt`"),
        ("default = \"1s\"", "", "the key `default` is missing here"),
        ("default = \"1s\"", "default = [1]", "a text, a number or a truth value"),
        ("[param.gap]", "[param.\"a b\"]", "a name has only letters"),
    ] {
        let text = (BASE.to_owned() + gap).replace(from, to);
        let error = parse(&[("p.toml", &text)], &[]).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let text = BASE.to_owned() + gap;
    let error = parse(&[("p.toml", &text)], &[("gup", "1s")]).unwrap_err();
    assert!(
        error.contains("there is no parameter `gup`") && error.contains("mean `gap`"),
        "{error}"
    );
}
