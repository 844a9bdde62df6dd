//! Scenarios with mistakes: each is pointed at, the program ends with 2, and nothing is run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use self::kit::{Place, SCENARIO};

mod kit;

/// What is replaced in the scenario by what, where the program points, and what it says.
struct Mistake(&'static str, &'static str, &'static str, &'static [&'static str]);

/// The only fault, from its kind on.
const PARTITION: &str = "partition\"\nbetween = [\"region:east\", \"region:west\"]";

const MISTAKES: &[Mistake] = &[
    // Keys and names.
    Mistake("jitter =", "jiter =", "16:1", &["unknown key `jiter`", "did you mean `jitter`?"]),
    Mistake("[[path]]", "[[paths]]", "27:3", &["unknown key `paths`", "did you mean `path`?"]),
    Mistake("name = \"small\"", "name = \"a/b\"", "3:8", &["a name has only letters"]),
    Mistake(
        "\"region:east\"\nrole",
        "\"region:eats\"\nrole",
        "33:6",
        &["there is no region `eats`", "did you mean `east`?"],
    ),
    Mistake("role = \"publish\"", "role = \"publsih\"", "34:8", &["did you mean `publish`?"]),
    Mistake("\"partition\"", "\"partitoin\"", "47:8", &["did you mean `partition`?"]),
    Mistake("\"no_duplicates\"", "\"no_duplicate\"", "54:8", &["did you mean `no_duplicates`?"]),
    Mistake("fault:partition", "fault:flood", "57:15", &["there is no fault `flood`"]),
    // Units and numbers.
    Mistake("250us", "250usec", "12:11", &["`usec` is not a unit; the units are ns, us, ms"]),
    Mistake("\"20ms\"", "20", "15:11", &["`20` has no unit"]),
    Mistake("\"20ms\"", "\"60ms..20ms\"", "15:11", &["the range `60ms..20ms` is empty"]),
    Mistake("nodes = 1", "nodes = 0", "19:9", &["a region has 1 to 64 nodes"]),
    Mistake("nodes = 1", "nodes = -1", "19:9", &["`-1` is not a whole number from 0"]),
    Mistake("nodes = 1", "nodes = nan", "19:9", &["`NaN` is not a whole number from 0"]),
    Mistake(
        "every =",
        "count = \"1000000000000000000000000000000\"\nevery =",
        "36:9",
        &["is too large a number"],
    ),
    Mistake(
        "every =",
        "count = 1000000000000000000000000000000\nevery =",
        "36:9",
        &["is too large a number"],
    ),
    Mistake("every =", "count = 100001\nevery =", "36:9", &["more than 100000 clients"]),
    Mistake("every = \"50ms\"", "rate = 99999999999999999999", "36:8", &["is too large a number"]),
    Mistake("every = \"50ms\"", "rate = 0", "36:8", &["a rate is more than 0"]),
    Mistake("\"4s\"", "\"99999999999999999999h\"", "9:12", &["is too large a number"]),
    Mistake("\"4s\"", "\"2401h\"", "9:12", &["is longer than 100 days"]),
    Mistake("\"0..3\"", "\"0..18446744073709551615\"", "8:9", &["more than 1000000 seeds"]),
    Mistake("jitter =", "bandwidth = \"99999999999GiB/s\"\njitter =", "16:13", &["too large"]),
    Mistake("jitter =", "loss = 0.6\njitter =", "16:8", &["more than 0.5 is a partition"]),
    // Selectors and sides.
    Mistake(
        "\"region:east\"\nrole",
        "\"region:east - all\"\nrole",
        "33:6",
        &["`region:east - all` means no node"],
    ),
    Mistake(
        "\"region:east\"\nrole",
        "\"one(region:east\"\nrole",
        "33:22",
        &["expected `)`, found the end"],
    ),
    Mistake(
        "\"region:east\"\nrole",
        "\"node:east/2\"\nrole",
        "33:6",
        &["region `east` may have only 1 node"],
    ),
    Mistake(
        "\"region:west\"]",
        "\"region:east\"]",
        "48:27",
        &["`region:east` and `region:east` overlap: nobody is on both sides"],
    ),
    Mistake("\"region:west\"]", "\"all\"]", "48:27", &["`all` and `region:east` overlap"]),
    Mistake("\"region:west\"]", "\"region:west - all\"]", "48:27", &["means nobody"]),
    Mistake("\"region:west\"]", "\"client:sub\"]", "48:27", &["not clients"]),
    Mistake(
        "between = [\"region:east\", \"region:west\"]",
        "on = \"all\"",
        "48:6",
        &["`all` is everybody: there is nobody else"],
    ),
    Mistake("for = \"500ms\"", "for = \"5s\"", "46:7", &["nobody would see it heal"]),
    Mistake("for = \"500ms\"", "for = \"0s\"", "46:7", &["a fault lasts more than 0s"]),
    Mistake("partition\"", "degrade\"", "47:8", &["it says what gets worse"]),
    Mistake(
        PARTITION,
        "flap\"\nperiod = \"100ms\"\nduty = 0\nbetween = [\"region:east\", \"region:west\"]",
        "49:8",
        &["nothing is ever cut"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[[fault]]\nat = \"1100ms\"\nfor = \"1s\"\nkind = \"crash\"\non = \"node:east/1\"\n\n[[fault]]\n\
         at = \"1500ms\"\nfor = \"1s\"\nkind = \"stop\"\non = \"region:east\"\n\n[guarantee.unchanged]",
        "59:8",
        &["it always meets the fault of line 53 at the same node"],
    ),
    // Beyond all measure, and nothing at all.
    Mistake("250us", "61s", "12:11", &["this is at most 1m"]),
    Mistake("nodes = 1", "start = \"2h\"\nnodes = 1", "19:9", &["this is at most 1h"]),
    Mistake("nodes = 1", "cluster = \"\"\nnodes = 1", "19:11", &["a name has only letters"]),
    Mistake(
        "nodes = 1",
        "config = { cluster = { pool_size = 4000000000 } }\nnodes = 1",
        "19:36",
        &["more than 256 connections to each peer"],
    ),
    Mistake(
        "nodes = 1",
        "config = { max_connections = 0 }\nnodes = 1",
        "19:30",
        &["0 is the default to a server"],
    ),
    Mistake("\"0..3\"", "[]", "8:9", &["a list of seeds has at least one"]),
    Mistake("\"a.b\"", "\"a b\"", "35:11", &["`a b` is not a subject"]),
    Mistake("\"a.*\"", "\"a.*\"\nqueue = \"q r\"", "43:9", &["not the name of a queue group"]),
    Mistake("every =", "start = \"4s\"\nevery =", "36:9", &["begin when the run is over"]),
    Mistake(
        "every =",
        "start = \"2s\"\nstop = \"1s\"\nevery =",
        "37:8",
        &["they would stop before they begin"],
    ),
    Mistake("every =", "ping = \"0s\"\nevery =", "36:8", &["at most once in 1ms"]),
    Mistake(
        "kind = \"no_duplicates\"",
        "kind = \"no_duplicates\"\nwithin = \"5s\"",
        "55:10",
        &["`within` means nothing for `no_duplicates`"],
    ),
    Mistake(
        "kind = \"no_duplicates\"",
        "kind = \"no_duplicates\"\nscope = \"client:nobody\"",
        "54:1",
        &["the scope `client:nobody` of this guarantee means nobody"],
    ),
    // Clocks.
    Mistake(PARTITION, "clock\"\non = \"region:east\"", "47:8", &["a clock is wrong in some way"]),
    Mistake(
        PARTITION,
        "clock\"\non = \"region:east\"\ndrift_mono = 0.06",
        "49:14",
        &["a clock drifts by at most 0.05"],
    ),
    // What operators do.
    Mistake(PARTITION, "reload\"\non = \"region:east\"", "47:8", &["a reload says what changes"]),
    Mistake(
        PARTITION,
        "reload\"\non = \"region:east\"\nconfig = { max_pending = \"1MiB\" }",
        "49:26",
        &["`max_pending` does not change while a server runs"],
    ),
    Mistake(
        PARTITION,
        "reload\"\non = \"region:east\"\nconfig = { cluster = { accounts = [\"A\"] } }",
        "49:35",
        &["`accounts` does not change while a server runs"],
    ),
    Mistake(
        PARTITION,
        "reload\"\non = \"region:east\"\nconfig = { cluster = {} }",
        "47:8",
        &["this `config` is empty"],
    ),
    Mistake(
        PARTITION,
        "reload\"\non = \"region:east\"\nconfig = { users = [] }",
        "49:12",
        &["unknown key `users`"],
    ),
    Mistake(
        "nodes = 1\nlink = \"lan\"\nroutes",
        "config = { cluster = { pool_size = -1, accounts = [\"A\"] } }\nnodes = 1\nlink = \"lan\"\nroutes",
        "19:51",
        &["no account has connections of its own"],
    ),
    Mistake(
        "nodes = 1\nlink = \"lan\"\nroutes",
        "config = { cluster = { pool_size = \"0..=3\" } }\nnodes = 1\nlink = \"lan\"\nroutes",
        "19:36",
        &["a range of pool sizes begins with 1"],
    ),
    Mistake(PARTITION, "upgrade\"\non = \"region:east\"", "47:8", &["what nodes are replaced by"]),
    Mistake(
        PARTITION,
        "upgrade\"\non = \"region:east\"\nto = \"nats2.10\"",
        "49:6",
        &["there is no release `nats2.10`", "did you mean `nats-2.10`?"],
    ),
    Mistake(PARTITION, "join\"\non = \"region:east\"", "46:7", &["a join is over at once"]),
    Mistake(
        PARTITION,
        "leave\"\non = \"region:east\"",
        "47:1",
        &["`client:pub/1` has no node that is there all the time", "with seed 0"],
    ),
    Mistake(
        "partition\"",
        "partition\"\nto = \"causeway\"",
        "48:6",
        &["`to` means nothing for a fault of kind `partition`"],
    ),
    Mistake(
        "partition\"",
        "partition\"\nstep = \"1s\"",
        "48:8",
        &["`step` means nothing for a fault of kind `partition`"],
    ),
    // What only a plan shows is shown by the first.
    Mistake(
        "\"region:west\"]",
        "\"one(node:west/1 + node:east/1)\"]",
        "47:1",
        &["is on both sides of the fault", "with seed"],
    ),
    // Publishers that listen.
    Mistake(
        "every =",
        "listen = \"a.{i}\"\nevery =",
        "36:10",
        &["`a.{i}` is not a subject that one can subscribe to"],
    ),
    Mistake(
        "subject = \"a.*\"",
        "subject = \"a.*\"\nlisten = \"a.*\"",
        "43:10",
        &["`listen` means nothing for a client that subscribes"],
    ),
    // What else clients can do.
    Mistake(
        "every =",
        "queue = \"q\"\nevery =",
        "36:9",
        &["`queue` means nothing for a client that publishes"],
    ),
    Mistake("every =", "leave = true\nevery =", "36:9", &["`leave` means nothing without `stop`"]),
    Mistake(
        "every =",
        "headers = 0.5\ntakes_headers = false\nevery =",
        "37:17",
        &["a client that takes no headers cannot send any, nor make requests"],
    ),
    Mistake(
        "subject = \"a.*\"",
        "subject = \"a.*\"\nalso = [\"b\", \"a..b\"]",
        "43:14",
        &["`a..b` is not a subject that one can subscribe to"],
    ),
    Mistake(
        "subject = \"a.*\"",
        "subject = \"a.*\"\nmax_after = \"1s\"",
        "43:13",
        &["`max_after` means nothing without `max`"],
    ),
    // No TOML.
    Mistake("schema = 1", "schema = [1", "3:1", &["expected `,`"]),
    Mistake("schema = 1", "schema = \"1\"", "2:10", &["expected a whole number"]),
    // What a swarm draws.
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nmean_gab = \"1s\"\n\n[guarantee.unchanged]",
        "51:1",
        &["unknown key `mean_gab`", "did you mean `mean_gap`?"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nweights = { partitoin = 1 }\n\n[guarantee.unchanged]",
        "51:13",
        &["there is no fault of kind `partitoin`", "did you mean `partition`?"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nweights = { crash = \"1..=3\" }\n\n[guarantee.unchanged]",
        "51:21",
        &["a weight is one number from 0 to 1000"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nweights = { crash = 0 }\n\n[guarantee.unchanged]",
        "51:11",
        &["no kind of fault is left to be drawn"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nmean_gap = \"1us\"\n\n[guarantee.unchanged]",
        "51:12",
        &["this is at least 1ms"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nfor = \"5s..10s\"\n\n[guarantee.unchanged]",
        "51:7",
        &["no fault can last so long and be over in time"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nstop_at = \"5s\"\n\n[guarantee.unchanged]",
        "51:11",
        &["the faults may end after the run's `duration`"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nmax_concurrent = 0\n\n[guarantee.unchanged]",
        "51:18",
        &["this is at least 1"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nmax_concurrent = 65\n\n[guarantee.unchanged]",
        "51:18",
        &["more than 64 faults at once"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nkeep = \"majority(region:eats)\"\n\n[guarantee.unchanged]",
        "51:8",
        &["there is no region `eats`"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nkeep = \"minority(region:east)\"\n\n[guarantee.unchanged]",
        "51:8",
        &["`minority(region:east)` means no node"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nregions = 3\n\n[guarantee.unchanged]",
        "51:11",
        &["there are 2 regions here: this is from 1 to 2"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nregions = \"1..=2\"\n\n[guarantee.unchanged]",
        "47:8",
        &["may hit a region that `swarm.regions` leaves out"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[swarm]\nclients = 0\n\n[guarantee.unchanged]",
        "51:11",
        &["there are 2 `[[client]]` tables here: this is from 1 to 2"],
    ),
    // Parameters, and what is extended.
    Mistake("250us", "${lan}", "12:11", &["there is no `[param.lan]`"]),
    Mistake("250us", "${lan", "12:11", &["a `${` without its `}`"]),
    Mistake(
        "[coverage]",
        "[param.x]\nvalues = [1]\n\n[coverage]",
        "56:1",
        &["the key `default` is missing here"],
    ),
    Mistake("schema = 1", "extends = 3\nschema = 1", "2:11", &["`extends` is the path"]),
    Mistake(
        "schema = 1",
        "extends = \"nowhere.toml\"\nschema = 1",
        "2:11",
        &["cannot read `nowhere.toml`"],
    ),
    // What faults wait for.
    Mistake(
        "every =",
        "when = \"over(fault:cut)\"\nevery =",
        "36:8",
        &["there is no fault with the id `cut`"],
    ),
    Mistake(
        "every =",
        "when = \"up(region:est) == 0\"\nevery =",
        "36:8",
        &["did you mean `east`?"],
    ),
    Mistake("every =", "when = \"cout(client:sub) >= 1\"\nevery =", "36:8", &["mean `count`?"]),
    Mistake(
        "every =",
        "when = \"connected(client:pub) == 0\"\nevery =",
        "36:8",
        &["clients cannot wait for what they do themselves"],
    ),
    Mistake("every =", "delay = \"1s\"\nevery =", "36:9", &["it needs `when`"]),
    Mistake("every =", "for = \"1s\"\nevery =", "36:7", &["it needs `when`"]),
    Mistake(
        "every =",
        "when = \"count(client:sub) >= 1\"\nfor = \"1s\"\nstop = \"2s\"\nevery =",
        "37:7",
        &["either `for` or `stop`"],
    ),
    Mistake("at = \"1s\"", "when = \"often\"", "45:8", &["`often` is no condition"]),
    Mistake(
        "at = \"1s\"",
        "when = \"cuont(client:pub) >= 5\"",
        "45:8",
        &["nobody can wait for `cuont(...)`", "did you mean `count`?"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"count(client:pub)\"",
        "45:8",
        &["the condition does not say how many"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"count(client:pub) >= many\"",
        "45:8",
        &["`many` is no whole number"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"count(client:bub) >= 5\"",
        "45:8",
        &["there is no client `bub`", "did you mean `pub`?"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"count(node:east/1) >= 5\"",
        "45:8",
        &["`node:east/1` means no client"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"connected(client:pub) >= 2\"",
        "45:8",
        &["this never comes: it is at most 1"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"up(region:east) == 2\"",
        "45:8",
        &["this never comes: it is at most 1"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"up(region:eats) == 0\"",
        "45:8",
        &["there is no region `eats`"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"routes(region:east) == 0\"",
        "45:8",
        &["`routes` are between two sides"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"routes(all / region:west) >= 3\"",
        "45:8",
        &["this never comes: it is at most 2"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"over(fault:cut)\"",
        "45:8",
        &["there is no fault with the id `cut`"],
    ),
    Mistake(
        "at = \"1s\"",
        "when = \"begun(fault:x) >= 1\"",
        "45:8",
        &["`begun(...)` is so or is not: no number"],
    ),
    Mistake(
        "[guarantee.unchanged]",
        "[jetstream]\n\n[buffer]\nsubjects = [\"a\"]\nmax_bytes = \"64KiB\"\n\n[guarantee.unchanged]",
        "54:13",
        &["no less than `max_payload`"],
    ),
];

#[test]
fn every_mistake_is_pointed_at_and_nothing_is_run() {
    let place = Place::new("mistakes");
    for Mistake(from, to, at, says) in MISTAKES {
        assert!(SCENARIO.contains(from), "{from}");
        place.file("wrong.toml", SCENARIO.replacen(from, to, 1));
        let ran = place.run(&["run", "wrong.toml", "--out", "o"]).ends(2);
        assert!(ran.err.contains(&format!("--> wrong.toml:{at}\n")), "{at}: {}", ran.err);
        assert!(ran.err.contains('^') && ran.out.is_empty(), "{}{}", ran.err, ran.out);
        assert_eq!(ran.err.matches("error: ").count(), 1, "one mistake, one error: {}", ran.err);
        for text in *says {
            assert!(ran.err.contains(text), "`{text}` is not in\n{}", ran.err);
        }
    }
    assert_eq!(place.names(""), ["wrong.toml"]);
}

#[test]
fn files_that_are_no_scenarios_are_refused_as_such() {
    let place = Place::new("no-scenarios");
    fs::create_dir(place.0.join("empty")).unwrap();
    place.file("small.toml", SCENARIO);
    place.file("nothing.toml", "");
    place.file("comments.toml", "# to be written\n\n   # soon\n");
    place.file("latin1.toml", b"schema = 1\nname = \"caf\xe9\"\n");
    place.file("binary.toml", [0, 159, 146, 150]);
    place.file("mark.toml", format!("\u{feff}{SCENARIO}").replace("\"partition\"", "\"flood\""));
    for (args, says) in [
        (&["run", "nothing.toml"][..], &["nothing in this file", "--> nothing.toml"][..]),
        (&["run", "comments.toml"], &["nothing in this file", "causeway-sim new NAME"]),
        (&["run", "latin1.toml"], &["the byte 0xe9 here is not UTF-8", "--> latin1.toml:2:12"]),
        (&["run", "binary.toml"], &["the byte 0x9f here is not UTF-8", "--> binary.toml:1:2"]),
        (&["run", "mark.toml"], &["there is no fault of kind `flood`", "--> mark.toml:47:8"]),
        (&["run", "smal.toml"], &["cannot read smal.toml", "did you mean `small.toml`?"]),
        (&["replay", "smal.toml", "--seed", "1"], &["did you mean `small.toml`?"]),
        (&["selfcheck", "nothing.toml"], &["nothing in this file"]),
        (&["run", "empty"], &["there is no scenario in empty", "causeway-sim new NAME"]),
        (&["list"], &["cannot read scenarios"]),
        (&["run", "small.toml", "./small.toml"], &["`small` is the name of small.toml, too"]),
        (&["run", "small.toml", "--tag", "tset"], &["tag `tset`", "did you mean `test`?"]),
        (&["list", ".", "--tag", "x"], &["nothing in this file"]),
    ] {
        let ran = place.run(args).ends(2);
        for text in says {
            assert!(ran.err.contains(text), "{args:?}: `{text}` is not in\n{}", ran.err);
        }
        assert_eq!(ran.out, "", "{args:?}");
    }
    // What is wrong with one file does not hide what is wrong with the next.
    let ran = place.run(&["run", "nothing.toml", "small.toml", "latin1.toml", "empty"]).ends(2);
    assert_eq!(ran.err.matches("error: ").count(), 3, "{}", ran.err);
    assert!(!place.0.join("out").exists());
}
