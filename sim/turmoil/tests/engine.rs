//! The engine as the command line meets it: a plan goes in, a history comes out, guarantees judge
//! it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use causeway_sim::guarantee::{judge, kinds};
use causeway_sim::history::{Event, FaultKind, History, Kind, Phase};
use causeway_sim::plan::{Plan, plan};
use causeway_sim::run::{RunEnd, RunOptions, RunOutcome};
use causeway_sim::scenario::Scenario;
use causeway_sim_turmoil::ENGINE;

/// Two regions of two nodes and one; messages go both ways, and inside.
const WORLD: &str = r#"
schema = 1
name = "small"
about = "does everything still flow?"

[run]
duration = "9s"

[network]
tcp_timeout = "3s"
chunking = "any"

[link.lan]
latency = "250us"

[link.wan]
latency = "20ms"
jitter = "10ms"

[region.east]
nodes = 2
link = "lan"

[region.west]
nodes = 1
link = "lan"

[[path]]
between = ["east", "west"]
link = "wan"

[[client]]
id = "pub"
at = "cluster:c1"
count = 3
role = "publish"
subject = "a.{client}"
every = "20ms"
size = "16B..4KiB"

[[client]]
id = "sub"
at = "cluster:c1"
count = 3
role = "subscribe"
subject = "a.*"

[[client]]
id = "ask"
at = "region:east"
role = "request"
subject = "q"
every = "200ms"

[[client]]
id = "answer"
at = "region:west"
role = "serve"
subject = "q"
"#;

fn plan_with(faults: &str, seed: u64) -> Plan {
    plan_of(&format!("{WORLD}\n{faults}"), seed)
}

fn plan_of(text: &str, seed: u64) -> Plan {
    let scenario = Scenario::parse("small.toml", text, &kinds()).unwrap();
    plan(&scenario, seed).unwrap()
}

fn run(plan: &Plan) -> RunOutcome {
    let outcome = (ENGINE.run)(plan, RunOptions::default());
    assert_eq!(outcome.end, RunEnd::Complete, "seed {}", plan.seed);
    outcome
}

/// Nothing broke; gives the guarantees that were put to the test.
fn held(history: &History) -> BTreeSet<&'static str> {
    let judged = judge(history).unwrap();
    for one in &judged {
        let first = one.findings.first.as_ref();
        assert!(one.findings.broken == 0, "seed {}: {}: {first:?}", history.header.seed, one.name);
    }
    judged.iter().filter(|one| one.findings.checked > 0).map(|one| one.spec.id).collect()
}

fn reasons(history: &History, client: &str, until: Phase) -> BTreeSet<String> {
    let end = history.header.bounds.phases_ns[until as usize];
    let closed = |event: &Event| {
        let Kind::ClientClosed { client: id, reason, .. } = event.kind else { return None };
        let name = &history.header.clients[id.0 as usize].name;
        let is_it = name.starts_with(client) && event.t < end;
        is_it.then(|| history.symbols.text(reason).to_owned())
    };
    history.events.iter().filter_map(closed).collect()
}

#[test]
fn without_faults_every_guarantee_that_is_tested_holds() {
    let outcome = run(&plan_with("", 1));
    let tested = held(&outcome.history);
    for wanted in [
        "nothing_unexpected",
        "no_duplicates",
        "publisher_order",
        "quiet_delivery",
        "interest_only",
        "interest_completeness",
        "one_hop",
        "mesh_closure",
        "legal_protocol",
        "reconnect_bounded",
        "counters_agree",
        "baseline_after_drain",
        "gossip_converges",
    ] {
        assert!(tested.contains(wanted), "{wanted} is not in {tested:?}");
    }
    assert_eq!(outcome.history.header.engine, "turmoil");
    assert!(outcome.gaps.is_empty());
    assert!(outcome.broker_events > 1_000);
}

#[test]
fn every_fault_happens_and_every_guarantee_holds() {
    let between = "between = [\"region:east\", \"region:west\"]";
    for (kind, body) in [
        (FaultKind::Partition, format!("for = \"5s\"\n{between}")),
        (FaultKind::Partition, format!("for = \"500ms\"\n{between}")),
        (FaultKind::Partition, format!("for = \"4s\"\ndirection = \"forward\"\n{between}")),
        (FaultKind::Partition, format!("for = \"4s\"\ndirection = \"backward\"\n{between}")),
        (FaultKind::Blackhole, format!("for = \"2s\"\n{between}")),
        (FaultKind::Reset, between.to_owned()),
        (FaultKind::Refuse, format!("for = \"3s\"\n{between}")),
        (FaultKind::Degrade, format!("for = \"3s\"\nlatency = \"100ms\"\n{between}")),
        (FaultKind::Crash, "for = \"2s\"\non = \"node:east/1\"".to_owned()),
        (FaultKind::Crash, "for = \"2s\"\non = \"node:west/1\"\nport = \"new\"".to_owned()),
        (FaultKind::Stop, "for = \"2s\"\non = \"node:east/2\"".to_owned()),
        (FaultKind::LameDuck, "for = \"2s\"\non = \"node:east/1\"".to_owned()),
        (FaultKind::StopReading, "for = \"2s\"\non = \"client:sub\"".to_owned()),
    ] {
        let fault = format!("[[fault]]\nat = \"2s\"\nkind = \"{}\"\n{body}", kind.name());
        let outcome = run(&plan_with(&fault, 3));
        let history = &outcome.history;
        let seen = |event: &Event, wanted| {
            let Kind::Fault(fault) = &event.kind else { return false };
            fault.kind == kind && fault.on == wanted
        };
        for wanted in [true, false] {
            let is_there = history.events.iter().any(|event| seen(event, wanted));
            assert_eq!(is_there, wanted || kind != FaultKind::Reset, "{fault}");
        }
        held(history);
        assert!(outcome.gaps.is_empty(), "{fault}: {:?}", outcome.gaps);
    }
}

#[test]
fn clients_lose_their_connections_as_the_fault_would_have_it() {
    let on = "on = \"node:west/1\"";
    for (kind, body, expected) in [
        // Pings go unanswered, unless TCP gives up first; dialling again hangs.
        ("partition", format!("for = \"6s\"\n{on}"), ["timed out"].as_slice()),
        ("partition", format!("for = \"1s\"\n{on}"), &[]),
        ("blackhole", format!("for = \"1s\"\n{on}"), &["timed out"]),
        ("reset", on.to_owned(), &["reset"]),
        ("refuse", format!("for = \"1s\"\n{on}"), &[]),
        ("crash", format!("for = \"1s\"\n{on}"), &["eof", "refused", "reset"]),
        ("stop", format!("for = \"1s\"\n{on}"), &["eof", "refused"]),
    ] {
        let fault = format!("[[fault]]\nat = \"1s\"\nkind = \"{kind}\"\n{body}");
        let outcome = run(&plan_with(&fault, 5));
        let found = reasons(&outcome.history, "answer", Phase::Drain);
        let expected: BTreeSet<String> = expected.iter().map(|&word| word.to_owned()).collect();
        assert!(found.is_subset(&expected), "{kind}: {found:?}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{kind}: {found:?}");
    }
}

#[test]
fn what_a_short_cut_holds_back_arrives() {
    for direction in ["both", "forward", "backward"] {
        let fault = format!(
            "[[fault]]\nat = \"2s\"\nkind = \"partition\"\nfor = \"700ms\"\n\
             direction = \"{direction}\"\nbetween = [\"region:east\", \"region:west\"]"
        );
        let history = run(&plan_with(&fault, 2)).history;
        // No connection breaks, then or later: TCP is not to time out over what has arrived.
        held(&history);
        let lost = |event: &&Event| matches!(event.kind, Kind::RouteDown { .. });
        let end = history.header.bounds.phases_ns[Phase::Drain as usize];
        let started = history.header.bounds.phases_ns[Phase::Chaos as usize];
        let routes = history.events.iter().filter(|event| (started..end).contains(&event.t));
        assert_eq!(routes.filter(lost).count(), 0, "{direction}");
        let sent = |event: &Event| {
            let Kind::PubSent { msg, reply, .. } = event.kind else { return None };
            reply.is_none().then_some(msg)
        };
        let got = |event: &Event| {
            let Kind::Delivered { client, msg, .. } = event.kind else { return None };
            Some((client, msg?))
        };
        let chaos = history.header.bounds.phases_ns[Phase::Chaos as usize];
        let sent: BTreeSet<_> =
            history.events.iter().filter(|event| event.t > chaos).filter_map(sent).collect();
        let got: BTreeSet<_> = history.events.iter().filter_map(got).collect();
        let names = (0..).map(causeway_sim::ids::ClientId).zip(&history.header.clients);
        let subs = names.filter(|(_, client)| client.name.starts_with("sub/"));
        for (client, _) in subs {
            let publishers = |msg: &&causeway_sim::ids::MsgId| {
                history.header.clients[msg.client.0 as usize].name.starts_with("pub/")
            };
            let lost = sent.iter().filter(publishers).filter(|msg| !got.contains(&(client, **msg)));
            assert_eq!(lost.count(), 0, "{direction}: {client:?}");
        }
        assert!(sent.len() > 500, "{}", sent.len());
    }
}

#[test]
fn what_the_engine_cannot_do_is_said() {
    let fault = "[[fault]]\nat = \"2s\"\nkind = \"degrade\"\nfor = \"1s\"\nlatency = \"9ms\"\n\
        loss = 0.1\nbetween = [\"region:east\", \"region:west\"]";
    assert_eq!(run(&plan_with(fault, 1)).gaps, ["the loss of a `degrade`"]);
}

#[test]
fn a_fault_that_cannot_happen_is_a_gap_and_not_in_the_history() {
    for (kind, more) in [("pause", ""), ("dns", "answer = \"nobody\"")] {
        let when = "at = \"2s\"\nfor = \"1s\"\non = \"node:east/1\"";
        let fault = format!("[[fault]]\nkind = \"{kind}\"\n{when}\n{more}");
        let outcome = run(&plan_with(&fault, 1));
        assert_eq!(outcome.gaps, [format!("the fault `{kind}`")]);
        let told = |event: &Event| matches!(event.kind, Kind::Fault(_));
        assert!(!outcome.history.events.iter().any(told), "{kind}");
        held(&outcome.history);
    }
}

#[test]
fn what_waits_for_a_client_that_does_not_read_is_measured() {
    let fault = "[[fault]]\nat = \"1s\"\nfor = \"3s\"\nkind = \"stop_reading\"\n\
        on = \"client:sub\"";
    let small = WORLD.replace("nodes = ", "config = { max_pending = \"64KiB\" }\nnodes = ");
    let history = run(&plan_of(&format!("{small}\n{fault}"), 1)).history;
    let backlog = |event: &&Event| matches!(event.kind, Kind::Backlog { .. });
    assert!(history.events.iter().filter(backlog).count() > 0);
}

// Without the flag, the order of tasks has no seed.
#[cfg(tokio_unstable)]
#[test]
fn the_same_seed_is_the_same_run() {
    let fault = "[[fault]]\nat = \"1s..2s\"\nkind = \"partition\"\nfor = \"1s..4s\"\n\
        between = [\"region:east\", \"region:west\"]\n\
        [[fault]]\nat = \"6s\"\nkind = \"crash\"\nfor = \"1s\"\non = \"node:east/1\"";
    let mut hashes = BTreeSet::new();
    for seed in 0..3 {
        let plan = plan_with(fault, seed);
        let (one, two) = (run(&plan), run(&plan));
        let events = one.history.events.iter().zip(&two.history.events);
        for (number, (a, b)) in events.enumerate() {
            assert_eq!(a, b, "event {number} of seed {seed}");
        }
        assert_eq!(one.history.events.len(), two.history.events.len());
        assert_eq!((one.trace_hash, one.steps), (two.trace_hash, two.steps), "seed {seed}");
        hashes.insert(one.trace_hash);
    }
    assert_eq!(hashes.len(), 3, "another seed is another run");
}
