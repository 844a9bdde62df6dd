//! Every way in which a message can be lost, brought about on purpose: the reason that is named is the
//! one that was brought about, for every message that was lost, and nothing is left unexplained.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use causeway_reports::Data;
use causeway_sim::guarantee::{judge, kinds};
use causeway_sim::history::History;
use causeway_sim::lifeline::{Book, Cause, Gravity, explain, name_of, parse_name};
use causeway_sim::plan::plan;
use causeway_sim::report::page::{Commands, RunPage, run_data};
use causeway_sim::run::{RunEnd, RunOptions, run};
use causeway_sim::scenario::Scenario;
use causeway_sim::verdict::SeedRun;

/// Two regions with a node each, and somebody in one who publishes for somebody in the other.
const WORLD: &str = r#"
schema = 1
name = "ways-to-lose"
about = "A message is lost for a reason that is known beforehand"

[run]
duration = "12s"

[network]
chunking = "off"

[link.l]
latency = "5ms"

[region.a]
nodes = 1
link = "l"
CONFIG

[region.b]
nodes = 1
link = "l"
CONFIG

[link.far]
latency = "30ms"

[[path]]
between = ["a", "b"]
link = "far"

[guarantee.alive]
kind = "nodes_stay_up"
"#;

const PUB: &str = r#"
[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x"
every = "20ms"
@
"#;

const SUB: &str = r#"
[[client]]
id = "sub"
at = "region:b"
role = "subscribe"
subject = "x"
@
"#;

/// What is brought about, and what the history must say.
struct Case {
    name: &'static str,
    /// Must be named.
    cause: Cause,
    /// Follows from it, and may be named, too.
    also: &'static [Cause],
    config: &'static str,
    publisher: &'static str,
    subscriber: &'static str,
    /// The rest of the scenario; clients are there unless it has its own.
    rest: &'static str,
    /// Faults, behind all that.
    faults: &'static str,
    own_clients: bool,
}

const CASE: Case = Case {
    name: "",
    cause: Cause::Unexplained,
    also: &[],
    config: "",
    publisher: "",
    subscriber: "",
    rest: "",
    faults: "",
    own_clients: false,
};

const CUT: &str = r#"
[[fault]]
at = "3s"
for = "4s"
kind = "partition"
between = ["region:a", "region:b"]
"#;

/// Routes notice a cut soon, so what follows is not under way any more.
const QUICK: &str = r#"config = { cluster = { ping_interval = "250ms", ping_max = 2 } }"#;

const CASES: &[Case] = &[
    Case {
        name: "nobody wants it",
        cause: Cause::Nobody,
        own_clients: true,
        rest: r#"
[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x"

[[client]]
id = "sub"
at = "region:b"
role = "subscribe"
subject = "y"
"#,
        ..CASE
    },
    Case {
        name: "the link is down, and nothing is kept",
        cause: Cause::LinkDown,
        also: &[Cause::LostOnTheWay, Cause::Queued, Cause::InterestUnknown],
        config: QUICK,
        faults: CUT,
        ..CASE
    },
    Case {
        name: "the link breaks in the middle of it",
        cause: Cause::LostOnTheWay,
        also: &[Cause::LinkDown, Cause::Queued, Cause::InterestUnknown],
        publisher: "burst = 40",
        rest: r#"
[[fault]]
at = "3s"
for = "300ms"
kind = "blackhole"
between = ["region:a", "region:b"]
"#,
        config: QUICK,
        ..CASE
    },
    Case {
        name: "the publisher's node has not heard of it yet",
        cause: Cause::InterestUnknown,
        also: &[Cause::Nobody, Cause::NotSubscribedYet],
        publisher: "every = \"5ms\"",
        subscriber: "start = \"3s\"",
        ..CASE
    },
    Case {
        name: "the buffer is full, and the oldest go",
        cause: Cause::BufferOverflow,
        rest: r#"
[buffer]
subjects = ["x"]
max_msgs = 20
overflow = "drop_oldest"
"#,
        faults: CUT,
        ..CASE
    },
    Case {
        name: "the buffer is full, and refuses",
        cause: Cause::BufferRefused,
        rest: r#"
[buffer]
subjects = ["x"]
max_msgs = 20
"#,
        faults: CUT,
        ..CASE
    },
    Case {
        name: "it is kept for too long",
        cause: Cause::BufferAge,
        rest: r#"
[buffer]
subjects = ["x"]
max_age = "1s"
"#,
        faults: CUT,
        ..CASE
    },
    Case {
        name: "who wanted it has left meanwhile",
        cause: Cause::BufferUnwanted,
        also: &[Cause::Nobody],
        subscriber: "stop = \"4s\"\nleave = true",
        rest: r#"
[buffer]
subjects = ["x"]
"#,
        faults: CUT,
        ..CASE
    },
    Case {
        name: "the receiver is too slow",
        cause: Cause::SlowConsumer,
        also: &[Cause::Nobody, Cause::InterestUnknown, Cause::NotSubscribedYet],
        config: r#"config = { max_pending = "64KiB" }"#,
        publisher: "size = \"2KiB\"\nevery = \"5ms\"",
        subscriber: "read_rate = \"4KiB/s\"",
        ..CASE
    },
    Case {
        name: "it is left out for who is slow",
        cause: Cause::LeftOut,
        config: r#"config = { max_pending = "1MiB", no_fast_producer_stall = true }"#,
        own_clients: true,
        rest: r#"
[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x"
size = "8KiB"
every = "5ms"
stop_after = 600

[[client]]
id = "sub"
at = "region:a"
role = "subscribe"
subject = "x"
read_rate = "400KiB/s"
ping = "60s"
"#,
        ..CASE
    },
    Case {
        name: "it is too large",
        cause: Cause::TooLarge,
        config: r#"config = { max_payload = "1KiB" }"#,
        publisher: "size = \"2KiB\"",
        ..CASE
    },
    Case {
        name: "its subject is not for clients",
        cause: Cause::NotPermitted,
        own_clients: true,
        rest: r#"
[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "$NRG.x"
"#,
        ..CASE
    },
    Case {
        name: "the publisher loses its connection",
        cause: Cause::PublisherLost,
        also: &[Cause::TooLarge],
        config: r#"config = { max_payload = "1KiB" }"#,
        publisher: "size = \"1000B..1040B\"\nevery = \"1ms\"",
        ..CASE
    },
    Case {
        name: "the receiver loses its connection",
        cause: Cause::ReceiverLost,
        // It is sent away for what it publishes itself.
        also: &[
            Cause::TooLarge,
            Cause::PublisherLost,
            Cause::Nobody,
            Cause::InterestUnknown,
            Cause::NotSubscribedYet,
        ],
        config: r#"config = { max_payload = "1KiB" }"#,
        own_clients: true,
        rest: r#"
[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x"
every = "1ms"

[[client]]
id = "both"
at = "region:b"
role = "publish"
subject = "y"
size = "2KiB"
every = "1s"
listen = "x"
"#,
        ..CASE
    },
    Case {
        name: "the publisher's node dies",
        cause: Cause::PublisherNodeDied,
        also: &[Cause::LostOnTheWay, Cause::InterestUnknown, Cause::LinkDown],
        publisher: "every = \"1ms\"",
        rest: r#"
[[fault]]
at = "3s"
for = "1s"
kind = "crash"
on = "region:a"
"#,
        ..CASE
    },
    Case {
        name: "the receiver's node dies",
        cause: Cause::ReceiverNodeDied,
        also: &[
            Cause::LostOnTheWay,
            Cause::InterestUnknown,
            Cause::LinkDown,
            Cause::Nobody,
            Cause::NotSubscribedYet,
            Cause::SlowConsumer,
        ],
        publisher: "burst = 10\nsize = \"1KiB\"",
        subscriber: "read_rate = \"200KiB/s\"\nping = \"60s\"",
        rest: r#"
[[fault]]
at = "3s"
for = "1s"
kind = "crash"
on = "region:b"
"#,
        ..CASE
    },
    Case {
        name: "the stream is full, and refuses",
        cause: Cause::StreamFull,
        own_clients: true,
        rest: r#"
[jetstream]

[[stream]]
name = "S"
place = "a"
subjects = ["s"]
max_msgs = 10
discard = "new"

[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "s"
ack = true
stop_after = 40
"#,
        ..CASE
    },
    Case {
        name: "the stream is full, and the oldest go",
        cause: Cause::StreamLimits,
        own_clients: true,
        rest: r#"
[jetstream]

[[stream]]
name = "S"
place = "a"
subjects = ["s"]
max_msgs = 10

[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "s"
ack = true
stop_after = 40
"#,
        ..CASE
    },
];

fn history(case: &Case, seed: u64) -> History {
    let clients = [PUB.replace('@', case.publisher), SUB.replace('@', case.subscriber)].concat();
    // What a case says of the same key counts.
    let clients = match case.publisher.contains("every") {
        true => clients.replace("every = \"20ms\"\n", ""),
        false => clients,
    };
    let clients = if case.own_clients { String::new() } else { clients };
    let text =
        [WORLD.replace("CONFIG", case.config), clients, [case.rest, case.faults].concat()].concat();
    let scenario = Scenario::parse(case.name, &text, &kinds());
    let scenario = scenario.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let outcome = run(&plan(&scenario, seed).unwrap(), RunOptions::default());
    assert_eq!(outcome.end, RunEnd::Complete, "{}", case.name);
    outcome.history
}

/// How often each reason is met that something is lost for.
fn causes(book: &Book<'_>) -> BTreeMap<Cause, Vec<String>> {
    let mut found: BTreeMap<Cause, Vec<String>> = BTreeMap::new();
    for msg in book.messages() {
        for end in book.ends_of(msg) {
            if end.cause.gravity() == Gravity::Lost || end.cause == Cause::NotSubscribedYet {
                found.entry(end.cause).or_default().push(name_of(msg));
            }
        }
    }
    found
}

/// What a report names, by name, and how often.
fn causes_of_report(history: &History) -> BTreeMap<String, usize> {
    let (run, commands) =
        (SeedRun::of_history(history, judge(history).unwrap()), Commands::default());
    let data = run_data(RunPage::of_history(history, &run, &commands));
    let (head, tables) = Data::read(&data.unwrap()).unwrap();
    let (_, ends) = tables.iter().find(|(name, _)| name == "ends").unwrap();
    let (_, causes) = ends.iter().find(|(name, _)| name == "cause").unwrap();
    let mut found = BTreeMap::new();
    for cause in causes {
        let cause = &head["causes"][*cause as usize];
        let name = cause["name"].as_str().unwrap();
        if cause["lost"].as_bool().unwrap() || name == Cause::NotSubscribedYet.name() {
            *found.entry(name.to_owned()).or_default() += 1;
        }
    }
    found
}

#[test]
fn the_reason_is_named_that_was_brought_about() {
    let mut wrong = Vec::new();
    for case in CASES {
        let mut named = 0;
        for seed in 0..5 {
            let history = history(case, seed);
            let found = causes(&Book::new(&history));
            named += found.get(&case.cause).map_or(0, Vec::len);
            let said: BTreeMap<String, usize> =
                found.iter().map(|(cause, of)| (cause.name().to_owned(), of.len())).collect();
            assert_eq!(causes_of_report(&history), said, "{}, seed {seed}: the report", case.name);
            for (cause, messages) in &found {
                if *cause != case.cause && !case.also.contains(cause) {
                    let (n, first) = (messages.len(), &messages[0]);
                    wrong.push(format!(
                        "{}, seed {seed}: {} {n} times, first {first}",
                        case.name,
                        cause.name()
                    ));
                }
            }
        }
        if named == 0 {
            wrong.push(format!("{}: {} is never named", case.name, case.cause.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_text_says_where_it_ended_and_shows_the_event() {
    let case = CASES.iter().find(|case| case.cause == Cause::BufferOverflow).unwrap();
    let history = history(case, 0);
    let book = Book::new(&history);
    let lost = &causes(&book)[&Cause::BufferOverflow][0];
    let msg = parse_name(&history.header, lost).unwrap();
    insta::assert_snapshot!(explain(&book, &book.lifeline(msg).unwrap()));
    let name = format!("pub/1.{}.{}", msg.conn.0, msg.seq);
    assert_eq!(parse_name(&history.header, &name), Ok(msg));
    assert_eq!(parse_name(&history.header, &format!("pub/1.{}", msg.seq)), Ok(msg));
    for (name, error) in [
        ("x", "`x` is no name of a message: it is CLIENT.CONNECTION.NUMBER, such as 3.1.17"),
        ("nobody.1.1", "there is no client `nobody`"),
        ("77.1.1", "there is no client `77`"),
    ] {
        assert_eq!(parse_name(&history.header, name).unwrap_err(), error);
    }
}
