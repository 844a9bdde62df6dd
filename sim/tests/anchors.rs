//! A fault or a client that waits for something comes when that does, whatever else is faster or
//! slower.

use causeway_sim::guarantee::{judge, kinds};
use causeway_sim::history::{History, Kind};
use causeway_sim::plan::{Op, Plan, plan};
use causeway_sim::run::{RunOptions, run};
use causeway_sim::scenario::Scenario;

const MS: u64 = 1_000_000;

/// Sixty messages, and a black hole in the middle of them: what is on its way then is lost.
const SCENARIO: &str = r#"
schema = 1
name = "amid-the-work"

[run]
duration = "20s"

[network]
chunking = "off"

[link.l]
latency = "5ms"

[region.a]
nodes = 1
link = "l"

[region.b]
nodes = 1
link = "l"

[[path]]
between = ["a", "b"]
link = "l"

[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "x"
every = "50ms"
stop_after = 60

[[client]]
id = "sub"
at = "region:b"
role = "subscribe"
subject = "x"

[[fault]]
when = "count(client:pub) >= 20"
for = "1s"
kind = "blackhole"
between = ["region:a", "region:b"]

[guarantee.all]
kind = "delivery_ratio"
min = 1.0
"#;

fn expanded() -> Plan {
    let scenario = Scenario::parse("f.toml", SCENARIO, &kinds());
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    plan(&scenario, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// The same work, so much later.
fn later(plan: &Plan, by: u64) -> Plan {
    let mut plan = plan.clone();
    for op in plan.ops.iter_mut().filter(|op| matches!(op.op, Op::Pub { .. })) {
        op.at += by;
    }
    plan.ops.sort_by_key(|op| op.at);
    plan
}

fn loses_messages(history: &History) -> bool {
    let judged = judge(history).unwrap_or_else(|error| panic!("{error}"));
    judged.iter().any(|j| j.spec.id == "delivery_ratio" && j.findings.broken > 0)
}

/// How many messages were sent before the fault began, and when it did.
fn begun(history: &History) -> Option<(usize, u64)> {
    let at = history.events.iter().position(|e| matches!(&e.kind, Kind::Fault(f) if f.on))?;
    let before = history.events[..at].iter();
    let sent = before.filter(|event| matches!(event.kind, Kind::PubSent { .. })).count();
    Some((sent, history.events[at].t))
}

#[test]
fn what_waits_for_the_work_hits_it_whenever_it_is_done() {
    let waiting = expanded();
    let first = run(&waiting, RunOptions::default());
    let (_, at) = begun(&first.history).unwrap_or_else(|| panic!("it begins"));
    let mut at_a_time = waiting.clone();
    for fault in &mut at_a_time.faults {
        (fault.when, fault.at) = (None, at);
    }
    for (by, a_time_hits) in [(0, true), (700 * MS, true), (7_000 * MS, false)] {
        let outcome = run(&later(&waiting, by), RunOptions::default());
        assert_eq!(begun(&outcome.history).map(|(sent, _)| sent), Some(20), "{by} later");
        assert!(loses_messages(&outcome.history), "{by} later");
        assert!(outcome.never_came.is_empty());
        let outcome = run(&later(&at_a_time, by), RunOptions::default());
        assert_eq!(loses_messages(&outcome.history), a_time_hits, "at a time, {by} later");
    }
}

#[test]
fn a_plan_with_what_faults_wait_for_is_its_text() {
    let plan = expanded();
    let text = plan.write();
    assert!(text.contains("when=count(pub/1)>=20 until="), "{text}");
    let again = Plan::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let hash = |plan: &Plan| run(plan, RunOptions::default()).trace_hash;
    assert_eq!((again.write(), hash(&again)), (text, hash(&plan)));
}

#[test]
fn what_never_comes_is_told() {
    let mut plan = expanded();
    for when in plan.faults.iter_mut().filter_map(|fault| fault.when.as_mut()) {
        when.number = 61;
    }
    let outcome = run(&plan, RunOptions::default());
    assert_eq!(outcome.never_came, ["`count(pub/1)>=61` for fault 0 (blackhole)"]);
    assert_eq!(begun(&outcome.history), None);
    // The last message comes, and it is too late for the fault to be over in time.
    for fault in &mut plan.faults {
        let armed = fault.at;
        fault.when.iter_mut().for_each(|when| (when.number, when.until) = (60, armed));
    }
    let outcome = run(&plan, RunOptions::default());
    assert_eq!(outcome.never_came, ["`count(pub/1)>=60` in time for fault 0 (blackhole)"]);
}

#[test]
fn all_that_can_be_waited_for_comes() {
    let cut = "[[fault]]\nid = \"cut\"\nat = \"1s\"\nfor = \"6s\"\nkind = \"partition\"\n\
        between = [\"region:a\", \"region:b\"]\n\n[[fault]]\nid = \"dies\"\nat = \"12s\"\nfor = \"1s\"\n\
        kind = \"crash\"\non = \"region:b\"\n\n[[fault]]";
    for when in [
        "begun(fault:cut)",
        "over(fault:cut)",
        "over(fault:dies)",
        "routes(region:a / region:b) == 0",
        "up(all) <= 1",
        "connected(client:sub) == 0",
        "count(client:sub) >= 5",
    ] {
        let text = SCENARIO
            .replace("[[fault]]", cut)
            .replace("count(client:pub) >= 20", when)
            .replace("for = \"1s\"\nkind = \"blackhole\"", "kind = \"reset\"");
        let scenario = Scenario::parse("f.toml", &text, &kinds()).unwrap_or_else(|e| panic!("{e}"));
        let made = plan(&scenario, 1).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&made, RunOptions::default());
        assert_eq!(outcome.never_came, [""; 0], "{when}");
        let resets = outcome.history.events.iter().filter(
            |event| matches!(&event.kind, Kind::Fault(fault) if fault.kind.name() == "reset"),
        );
        assert_eq!(resets.count(), 1, "{when}");
    }
}

/// A client that comes when the regions are apart, and how long after that.
fn with_latecomer(keys: &str) -> Plan {
    let latecomer = format!(
        "[[client]]\nid = \"late\"\nat = \"region:a\"\nrole = \"publish\"\nsubject = \"late.{{i}}\"\n\
         every = \"100ms\"\n{keys}\n\n[[fault]]\nid = \"hole\""
    );
    let text = SCENARIO.replace("[[fault]]", &latecomer);
    let scenario = Scenario::parse("f.toml", &text, &kinds()).unwrap_or_else(|e| panic!("{e}"));
    plan(&scenario, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// When the clients of a table connected, and when they sent something.
fn seen(plan: &Plan, history: &History, table: &str) -> (Vec<u64>, Vec<u64>) {
    let of = |client: causeway_sim::ids::ClientId| {
        plan.clients[client.0 as usize].name.starts_with(table)
    };
    let times = |wanted: fn(&Kind) -> Option<causeway_sim::ids::ClientId>| {
        let events = history.events.iter();
        events.filter(|e| wanted(&e.kind).is_some_and(of)).map(|e| e.t).collect()
    };
    let connected =
        times(
            |kind| {
                if let Kind::ClientConnected { client, .. } = kind { Some(*client) } else { None }
            },
        );
    let sent =
        times(|kind| if let Kind::PubSent { msg, .. } = kind { Some(msg.client) } else { None });
    (connected, sent)
}

#[test]
fn clients_come_and_work_when_what_they_wait_for_does() {
    let keys = "count = 2\nwhen = \"begun(fault:hole)\"\ndelay = \"250ms\"\nfor = \"2s\"";
    let waiting = with_latecomer(keys);
    let text = waiting.write();
    assert!(text.contains(" late/1 connect when=begun(0)>=1 delay=250ms until="), "{text}");
    let again = Plan::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.write(), text);
    for by in [0, 700 * MS, 6_000 * MS] {
        let plan = later(&again, by);
        let outcome = run(&plan, RunOptions::default());
        assert!(outcome.never_came.is_empty(), "{:?}", outcome.never_came);
        let (_, begun) = begun(&outcome.history).unwrap_or_else(|| panic!("it begins"));
        let (connected, sent) = seen(&plan, &outcome.history, "late/");
        assert_eq!(connected.len(), 2);
        for t in &connected {
            assert!((begun + 250 * MS..begun + 300 * MS).contains(t), "{t} and {begun}");
        }
        assert!((36..=42).contains(&sent.len()), "two clients, two seconds: {}", sent.len());
        assert!(sent.iter().all(|t| *t < begun + 2_400 * MS), "{by} later");
    }
}

#[test]
fn clients_for_whom_it_never_comes_do_nothing_and_that_is_told() {
    let mut plan = with_latecomer("when = \"begun(fault:hole)\"");
    for when in plan.faults.iter_mut().filter_map(|fault| fault.when.as_mut()) {
        when.number = 61;
    }
    let outcome = run(&plan, RunOptions::default());
    let told = ["`count(pub/1)>=61` for fault 0 (blackhole)", "`begun(0)>=1` for what late/1 does"];
    assert_eq!(outcome.never_came, told);
    assert_eq!(seen(&plan, &outcome.history, "late/"), (vec![], vec![]));
    // It comes, and there is no time left for anything.
    let mut plan = with_latecomer("when = \"begun(fault:hole)\"");
    for later in plan.ops.iter_mut().filter_map(|op| op.when.as_mut()) {
        later.until = 0;
    }
    let outcome = run(&plan, RunOptions::default());
    assert_eq!(outcome.never_came, ["`begun(0)>=1` in time for what late/1 does"]);
    // Whoever takes the fault out takes out what waits for it.
    plan.faults.clear();
    let error = Plan::parse(&plan.write()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("an operation waits for fault 0, which never comes"), "{error}");
}

#[test]
fn subscribers_can_wait_too_and_leave_in_time() {
    let subscriber = "[[client]]\nid = \"late\"\nat = \"region:b\"\nrole = \"subscribe\"\n\
        subject = \"x\"\nchurn = \"300ms\"\nwhen = \"count(client:pub) >= 10\"\nfor = \"1s\"\n\n[[fault]]";
    let text = SCENARIO.replace("[[fault]]", subscriber).replace(">= 20", ">= 55");
    let scenario = Scenario::parse("f.toml", &text, &kinds()).unwrap_or_else(|e| panic!("{e}"));
    let plan = plan(&scenario, 1).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&plan, RunOptions::default());
    let of_late = |client: &causeway_sim::ids::ClientId| {
        plan.clients[client.0 as usize].name.starts_with("late/")
    };
    let subs = outcome
        .history
        .events
        .iter()
        .filter(|event| matches!(&event.kind, Kind::SubSent { client, .. } if of_late(client)));
    let subs: Vec<u64> = subs.map(|event| event.t).collect();
    assert!((3..=5).contains(&subs.len()), "{subs:?}");
    assert!(subs.last().zip(subs.first()).is_some_and(|(last, first)| last - first < 1_000 * MS));
    let got =
        outcome.history.events.iter().filter(
            |event| matches!(&event.kind, Kind::Delivered { client, .. } if of_late(client)),
        );
    assert!((10..30).contains(&got.count()));
}
