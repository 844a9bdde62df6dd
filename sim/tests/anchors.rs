//! A fault that waits for something comes when that does, whatever else is faster or slower.

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
    for (by, a_time_hits) in [(0, true), (700 * MS, true), (6_000 * MS, false)] {
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
