//! Whole runs of small plans in which operators and clocks do something.

use super::tests::{count, delivered_ms, run_plan, world};
use super::*;
use crate::guarantee::judge;

/// When the node's process came and went, in milliseconds, and with which pool it came.
fn life(outcome: &RunOutcome, node: u16) -> Vec<(u64, &'static str, Option<u32>)> {
    let events = outcome.history.events.iter();
    let of = events.filter_map(|event| {
        let t = event.t / 1_000_000;
        if let Kind::NodeUp { node: id, pool_size, .. } = event.kind {
            return (id.0 == node).then_some((t, "up", pool_size));
        }
        let Kind::NodeDown { node: id, how } = event.kind else { return None };
        (id.0 == node).then_some((t, how.name(), None))
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
fn who_joins_is_not_there_before_even_if_something_starts_it() {
    let plan = world(
        "@6.000 fault 0 restart by=crash for=1ms nodes=b/1\n@8.000 fault 1 join nodes=b/1\n\
         @20.0 pa/1 pub x.1 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    assert_eq!(life(&outcome, 1), [(8_000, "up", None)]);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
}

#[test]
fn who_leaves_is_not_started_again_and_no_name_leads_there() {
    let plan =
        world("@6.000 fault 0 leave for=20s nodes=b/1\n@27.00 fault 1 crash for=1s nodes=b/1\n");
    let outcome = run_plan(&plan);
    let life = life(&outcome, 1);
    assert!(life.len() == 2 && life[1].1 == "exited" && life[1].0 < 26_000, "{life:?}");
    let mut names = Names::of(&plan);
    names.take_out(NodeId(1));
    assert_eq!(names.resolve("n1.b.sim"), []);
}

#[test]
fn who_does_not_leave_in_time_is_killed() {
    let plan = world("@6.000 fault 0 leave for=1s nodes=b/1\n");
    let life = life(&run_plan(&plan), 1);
    assert_eq!(life[1..], [(7_000, "killed", None)]);
}

#[test]
fn an_upgrade_says_what_pool_the_new_process_has() {
    let plan = world(
        "@6.000 fault 0 upgrade for=5s nodes=b/1 to=nats-2.9\n\
         @20.0 pa/1 pub x.1 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let life = life(&outcome, 1);
    assert!(life[1].1 == "exited" && life[2].1 == "up" && life[2].2 == Some(0), "{life:?}");
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    sound(&outcome);
}

#[test]
fn a_reload_takes_effect_and_ends() {
    // Only one client may stay at a/1 for a while; two are there.
    let plan = world(
        "@6.000 fault 0 reload for=4s nodes=a/1 max_connections=1\n\
         @20.0 pa/1 pub x.1 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let refused = outcome.history.events.iter().filter(|event| {
        let Kind::ClientError { text, .. } = event.kind else { return false };
        let told = outcome.history.text(text).to_ascii_lowercase();
        told.contains("maximum connections") && (6_000..11_000).contains(&(event.t / 1_000_000))
    });
    assert!(refused.count() > 2, "again and again, until it may come back");
    assert_eq!(count(&outcome, "node_up"), 2);
    assert_eq!(delivered_ms(&plan, &outcome, "sa/1").len(), 1);
    sound(&outcome);
}

#[test]
fn a_wrong_clock_changes_nothing_and_a_slow_one_stretches_timers() {
    let ops = "@7.000 pa/1 pub x.1 size=100 count=5 flush\n";
    let right = run_plan(&world(ops));
    let wall = world(&format!(
        "@6.000 fault 0 clock for=10s nodes=a/1 offset=7200s step=-5s drift=20000\n{ops}"
    ));
    let wrong = run_plan(&wall);
    let pings = |outcome: &RunOutcome| outcome.steps;
    assert_eq!(pings(&wrong), pings(&right) + 2, "but for the two ends of the fault");
    sound(&wrong);
    let slow = world(&format!("@6.000 fault 0 clock for=10s nodes=a/1 mono=-50000\n{ops}"));
    let outcome = run_plan(&slow);
    assert!(pings(&outcome) != pings(&right), "its timers fire at other times");
    sound(&outcome);
}
