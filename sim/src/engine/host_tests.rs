//! Whole runs of small plans in which machines and their processes are in trouble.

use super::names::Target;
use super::tests::{CONNECTED, WORLD, count, delivered_ms, run_plan, world};
use super::*;
use crate::guarantee::judge;

/// Why the connections of a client ended, with the time in milliseconds.
fn endings(plan: &Plan, outcome: &RunOutcome, client: &str) -> Vec<(u64, String)> {
    let events = outcome.history.events.iter();
    let of = events.filter_map(|event| {
        let Kind::ClientClosed { client: id, reason, .. } = event.kind else { return None };
        let reason = outcome.history.text(reason).to_owned();
        (plan.client_name(id) == client).then_some((event.t / 1_000_000, reason))
    });
    of.collect()
}

/// What became of the nodes' processes, with the time in milliseconds.
fn lives(plan: &Plan, outcome: &RunOutcome) -> Vec<String> {
    let events = outcome.history.events.iter();
    let of = events.filter_map(|event| {
        let t = event.t / 1_000_000;
        if let Kind::NodeUp { node, .. } = event.kind {
            return Some(format!("{t} {} up", plan.node_name(node)));
        }
        let Kind::NodeDown { node, how } = event.kind else { return None };
        Some(format!("{t} {} {}", plan.node_name(node), how.name()))
    });
    of.collect()
}

/// Nothing that is promised broke.
fn sound(outcome: &RunOutcome) {
    for judged in judge(&outcome.history).unwrap() {
        assert_eq!(judged.findings.broken, 0, "{}: {:?}", judged.spec.id, judged.findings.first);
    }
}

#[test]
fn what_comes_for_a_paused_process_waits_and_nothing_ends() {
    let plan = world(
        "@6.000 fault 0 pause for=1500ms nodes=b/1\n\
         @6.500 pa/1 pub x.1 size=100 count=3 flush\n",
    );
    let outcome = run_plan(&plan);
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 3 && far.iter().all(|t| (7_500..7_520).contains(t)), "{far:?}");
    assert!(delivered_ms(&plan, &outcome, "sa/1")[0] < 6_520, "others go on");
    assert_eq!((count(&outcome, "route_down"), count(&outcome, "node_up")), (0, 2));
    sound(&outcome);
}

#[test]
fn peers_give_a_process_up_that_is_paused_for_long() {
    let plan = world(
        "@6.000 fault 0 pause for=12s nodes=b/1\n\
         @7.000 pa/1 pub x.1 size=100\n\
         @29.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let lost = |event: &&crate::history::Event| matches!(event.kind, Kind::RouteDown { .. });
    let first = outcome.history.events.iter().find(lost).map(|event| event.t / 1_000_000);
    assert!(first.is_some_and(|t| t < 18_000), "{first:?}");
    // The process that was paused hears of it when it goes on.
    let ended = endings(&plan, &outcome, "sb/1");
    assert!(ended[0].1 == "stale" && ended[0].0 < 18_000, "{ended:?}");
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.last().is_some_and(|t| *t >= 29_000), "{far:?}");
    sound(&outcome);
}

#[test]
fn a_paused_process_reads_no_more_than_the_window_holds() {
    let plan = world(
        "@6.000 fault 0 pause for=1s nodes=a/1\n\
         @6.100 pa/1 pub x.1 size=1000 count=200 flush\n",
    );
    let outcome = run_plan(&plan);
    let near = delivered_ms(&plan, &outcome, "sa/1");
    assert!(near.len() == 200 && near.iter().all(|t| *t >= 7_000), "{}", near.len());
    sound(&outcome);
}

#[test]
fn who_connects_to_a_paused_process_is_served_when_it_goes_on() {
    let late = CONNECTED.replace("@3.000 sb/1 connect\n@3.000 sb/1 sub 2 x.>\n", "");
    let text = format!(
        "{WORLD}{late}@6.000 fault 0 pause for=1s nodes=b/1\n\
         @6.100 sb/1 connect\n@6.100 sb/1 sub 2 x.>\n\
         @9.000 pa/1 pub x.1 size=100 flush\n"
    );
    let plan = Plan::parse(&text).unwrap();
    let outcome = run_plan(&plan);
    assert_eq!(endings(&plan, &outcome, "sb/1"), [], "it never gave up");
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
}

#[test]
fn a_paused_process_can_be_killed_and_its_backlog_is_reset() {
    let late = CONNECTED.replace("@3.000 sb/1 connect\n@3.000 sb/1 sub 2 x.>\n", "");
    let text = format!(
        "{WORLD}{late}@6.000 fault 0 pause for=10s nodes=b/1\n\
         @6.100 sb/1 connect\n@6.100 sb/1 sub 2 x.>\n\
         @7.000 fault 1 crash for=1s nodes=b/1\n\
         @29.00 pa/1 pub x.1 size=100 flush\n"
    );
    let plan = Plan::parse(&text).unwrap();
    let outcome = run_plan(&plan);
    let ended = endings(&plan, &outcome, "sb/1");
    assert!(ended[0].0 < 7_010 && ended[0].1 == "reset", "{ended:?}");
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    assert_eq!(lives(&plan, &outcome)[2..], ["7000 b/1 killed", "8000 b/1 up"]);
    sound(&outcome);
}

#[test]
fn a_paused_process_stops_when_it_goes_on() {
    let plan = world(
        "@6.000 fault 0 pause for=2s nodes=b/1\n\
         @6.500 fault 1 stop for=10s nodes=b/1\n",
    );
    let outcome = run_plan(&plan);
    let lives = lives(&plan, &outcome);
    assert!(lives[2].starts_with("80") && lives[2].ends_with("b/1 exited"), "{lives:?}");
}

#[test]
fn a_slow_cpu_takes_one_input_after_the_other() {
    let pubs: String =
        (0..10).map(|i| format!("@7.{:03} pa/1 pub x.{i} size=100\n", 2 * i)).collect();
    for (words, least) in [("base=20ms factor=0", 20), ("base=0s factor=5000", 10)] {
        let plan = world(&format!("@6.000 fault 0 slow_cpu for=5s nodes=a/1 {words}\n{pubs}"));
        let outcome = run_plan(&plan);
        let near = delivered_ms(&plan, &outcome, "sa/1");
        assert_eq!(near.len(), 10);
        // What comes while it works on the first waits, and is one input then.
        assert!(near[0] < 7_010 && near[1] - near[0] >= 2 * least, "{words}: {near:?}");
        assert!(near[9] - near[0] <= 20 * least, "{words}: {near:?}");
        sound(&outcome);
    }
}

#[test]
fn a_power_loss_is_not_told_to_anybody() {
    let plan = world(
        "@6.000 fault 0 power_loss for=12s nodes=b/1\n\
         @29.00 pa/1 pub x.1 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    assert_eq!(lives(&plan, &outcome)[2..], ["6000 b/1 killed", "18000 b/1 up"]);
    let ended = endings(&plan, &outcome, "sb/1");
    assert!(ended[0].1 == "stale" && ended[0].0 > 8_000, "{ended:?}");
    assert!(ended[1].1 == "timed out", "there is nobody to refuse: {ended:?}");
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    sound(&outcome);
}

#[test]
fn a_machine_that_is_on_again_knows_no_connection() {
    let text = format!(
        "{WORLD}{CONNECTED}@6.000 fault 0 power_loss for=500ms nodes=b/1 new_port\n\
         @6.100 pa/1 pub x.1 size=100\n\
         @29.00 pa/1 pub x.2 size=100 flush\n"
    );
    let plan = Plan::parse(&text.replace("routes= ", "routes=a/1 ")).unwrap();
    let outcome = run_plan(&plan);
    let ended = endings(&plan, &outcome, "sb/1");
    assert!(ended[0].1 == "reset" && (6_500..9_000).contains(&ended[0].0), "{ended:?}");
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 1 && far[0] >= 29_000, "{far:?}");
    sound(&outcome);
}

#[test]
fn a_process_is_started_again_as_soon_as_it_has_ended() {
    for (words, how) in [("by=stop for=5s", "exited"), ("by=crash for=1ms", "killed")] {
        let plan = world(&format!(
            "@6.000 fault 0 restart {words} nodes=b/1\n@20.0 pa/1 pub x.1 size=100 flush\n"
        ));
        let outcome = run_plan(&plan);
        let lives = lives(&plan, &outcome);
        assert!(lives[2].starts_with("60") && lives[2].ends_with(how), "{lives:?}");
        assert!(lives.len() == 4 && lives[3].starts_with("60"), "{lives:?}");
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
        sound(&outcome);
    }
}

#[test]
fn names_lead_to_a_new_address_and_nobody_is_at_the_old_one() {
    // Only a/1 has a route configured: by the name of b/1.
    let plan = world(
        "@6.000 fault 0 restart by=crash for=1ms nodes=b/1 new_address\n\
         @20.0 pa/1 pub x.1 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    sound(&outcome);
    let mut names = Names::of(&plan);
    let before = names.node_ip(NodeId(1));
    names.move_node(NodeId(1));
    let after = names.node_ip(NodeId(1));
    assert_ne!(before, after);
    let leads_to = |name: &str| {
        let found = names.resolve(name).into_iter();
        found.map(|target| (target, names.is_there(target))).collect::<Vec<_>>()
    };
    let (old, new) = (Target { node: NodeId(1), ip: before }, names.target(NodeId(1)));
    assert_eq!(leads_to(&before.to_string()), [(old, false)]);
    assert_eq!(leads_to(&after.to_string()), [(new, true)]);
    assert_eq!(leads_to("n1.b.sim"), [(new, true)]);
}
