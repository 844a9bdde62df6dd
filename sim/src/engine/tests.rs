//! Whole runs of small plans.

use std::ops::ControlFlow;

use super::*;
use crate::history::{Event, FaultKind};
use crate::ids::RegionId;
use crate::plan::Site;
use crate::run::Watch;
use crate::units::MS;

mod conns;
mod names;

/// Two regions of one node each, a publisher and a subscriber in each.
pub(super) const WORLD: &str = "\
causeway-plan 1
scenario test seed=1
network tcp_timeout=15s window=65536 chunking=light
region a link=lan latency=1ms jitter=100us loss=0 bandwidth=0
region b link=lan latency=1ms jitter=100us loss=0 bandwidth=0
path a b link=wan latency=20ms jitter=2ms loss=0 bandwidth=0
node a/1 region=a cluster=c start=0s wall=0 routes=b/1 pool_size=1
node b/1 region=b cluster=c start=5ms wall=0 routes= pool_size=1
client pa/1 region=a role=publish nodes=a/1 ping=2s wait=100ms jitter=50ms
client sa/1 region=a role=subscribe nodes=a/1 ping=2s wait=100ms jitter=50ms
client sb/1 region=b role=subscribe nodes=b/1 ping=2s wait=100ms jitter=50ms
phases boot=0s warm=3s chaos=4s heal=4s quiesce=30s drain=40s end=42s
bounds rtt_max=44ms interest=1s routes=9s clients=9s tcp_timeout=15s
";

pub(super) const CONNECTED: &str = "\
@3.000 pa/1 connect
@3.000 sa/1 connect
@3.000 sa/1 sub 2 x.*
@3.000 sb/1 connect
@3.000 sb/1 sub 2 x.>
";

pub(super) fn world(steps: &str) -> Plan {
    Plan::parse(&format!("{WORLD}{CONNECTED}{steps}")).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn run_plan(plan: &Plan) -> RunOutcome {
    let outcome = run(plan, RunOptions::default());
    assert_eq!(outcome.end, RunEnd::Complete);
    outcome
}

/// How many events of a kind there are.
pub(super) fn count(outcome: &RunOutcome, name: &str) -> usize {
    outcome.history.events.iter().filter(|event| event.kind.name() == name).count()
}

/// The times of deliveries to a client, in milliseconds.
pub(super) fn delivered_ms(plan: &Plan, outcome: &RunOutcome, client: &str) -> Vec<u64> {
    let to = |event: &&Event| matches!(&event.kind, Kind::Delivered { client: c, .. } if plan.client_name(*c) == client);
    outcome.history.events.iter().filter(to).map(|event| event.t / 1_000_000).collect()
}

#[test]
fn a_message_reaches_its_own_region_and_the_other() {
    let plan = world("@5.000 pa/1 pub x.1 size=100 count=3 header flush\n");
    let outcome = run_plan(&plan);
    let near = delivered_ms(&plan, &outcome, "sa/1");
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(near.len() == 3 && near.iter().all(|t| (5_002..5_010).contains(t)), "{near:?}");
    assert!(far.len() == 3 && far.iter().all(|t| (5_022..5_040).contains(t)), "{far:?}");
    for (name, expected) in
        [("connected", 3), ("sub_ready", 2), ("pub", 3), ("pub_flushed", 1), ("wire_msg", 3)]
    {
        assert_eq!(count(&outcome, name), expected, "{name}");
    }
    assert!(count(&outcome, "wire_sub") >= 2 && count(&outcome, "wire_error") == 0);
    assert_eq!(count(&outcome, "wire_sub"), count(&outcome, "wire_sub_seen"));
    assert_eq!(count(&outcome, "snapshot"), 4);
    assert_eq!(outcome.sim_ns, 42_000_000_000);
}

#[test]
fn equal_plans_give_equal_runs_and_other_seeds_others() {
    let plan = world("@5.000 pa/1 pub x.1 size=100 count=300 flush\n");
    let (one, two) = (run_plan(&plan), run_plan(&plan));
    assert_eq!((one.trace_hash, one.steps), (two.trace_hash, two.steps));
    assert_eq!(one.history, two.history);
    let other = Plan { seed: 2, ..plan.clone() };
    assert_ne!(run_plan(&other).trace_hash, one.trace_hash);
    let text = Plan::parse(&plan.write()).unwrap();
    assert_eq!(run_plan(&text).trace_hash, one.trace_hash, "a plan and its text are one");
}

#[test]
fn a_history_without_wires_is_of_the_same_run() {
    let plan = world("@5.000 pa/1 pub x.1 size=100 count=3 flush\n");
    let options = RunOptions { without_wire: true, ..RunOptions::default() };
    let (with, without) = (run_plan(&plan), run(&plan, options));
    assert_eq!(with.trace_hash, without.trace_hash);
    assert_eq!(with.broker_events, without.broker_events);
    assert!(without.history.events.iter().all(|e| !e.kind.name().starts_with("wire")));
}

#[test]
fn a_cut_run_is_the_beginning_of_the_whole() {
    struct Hashes {
        seen: Vec<(u64, u64)>,
        stop_at: u64,
        lines: u64,
    }
    impl Watch for Hashes {
        fn interval(&self) -> u64 {
            10
        }
        fn checkpoint(&mut self, step: u64, hash: u64) -> ControlFlow<()> {
            self.seen.push((step, hash));
            if step >= self.stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        fn wants_lines(&self) -> bool {
            true
        }
        fn line(&mut self, step: u64, _t: u64, text: &str) {
            assert_eq!(step, self.lines);
            assert!(!text.is_empty());
            self.lines += 1;
        }
    }
    let plan = world("@5.000 pa/1 pub x.1 size=100 count=3 flush\n");
    let watched = |stop_at, until_step| {
        let mut hashes = Hashes { seen: Vec::new(), stop_at, lines: 0 };
        let options = RunOptions { watch: Some(&mut hashes), until_step, ..RunOptions::default() };
        let outcome = run(&plan, options);
        (outcome, hashes.seen)
    };
    let (whole, all) = watched(u64::MAX, None);
    assert_eq!(whole.end, RunEnd::Complete);
    assert_eq!(whole.trace_hash, run_plan(&plan).trace_hash, "watching changes nothing");
    let (cut, some) = watched(100, None);
    assert_eq!((cut.end, cut.steps), (RunEnd::Cut, 100));
    assert_eq!(some[..], all[..10]);
    let (until, _) = watched(u64::MAX, Some(55));
    assert_eq!((until.end, until.steps), (RunEnd::Cut, 55));
}

#[test]
fn a_partition_keeps_the_regions_apart_and_its_end_joins_them() {
    let plan = world(
        "@4.000 fault 0 partition for=8s a=a/1,clients:a b=b/1,clients:b ways=both\n\
         @6.000 pa/1 pub x.1 size=100\n\
         @20.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    assert_eq!(delivered_ms(&plan, &outcome, "sa/1").len(), 2, "the own region never notices");
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(!far.is_empty() && far.iter().all(|t| *t >= 12_000), "{far:?}");
    assert!(count(&outcome, "route_down") > 0 && count(&outcome, "route_up") >= 4);
    let faults: Vec<_> = outcome
        .history
        .events
        .iter()
        .filter_map(|event| {
            let Kind::Fault(fault) = &event.kind else { return None };
            Some((event.t, fault.on, fault.kind, fault.pairs.len()))
        })
        .collect();
    let kind = FaultKind::Partition;
    assert_eq!(faults, [(4_000_000_000, true, kind, 2), (12_000_000_000, false, kind, 2)]);
}

#[test]
fn a_crashed_node_loses_its_clients_and_gets_them_back() {
    // On another port it cannot be found; it has to come by itself.
    let text = format!(
        "{WORLD}{CONNECTED}@6.000 fault 0 crash for=2s nodes=b/1 new_port\n\
         @20.00 pa/1 pub x.1 size=100 flush\n"
    );
    let plan = Plan::parse(&text.replace("routes= ", "routes=a/1 ")).unwrap();
    let outcome = run_plan(&plan);
    assert_eq!((count(&outcome, "node_up"), count(&outcome, "node_down")), (3, 1));
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    let reasons: Vec<&str> = outcome
        .history
        .events
        .iter()
        .filter_map(|event| {
            let Kind::ClientClosed { client: ClientId(2), reason, .. } = event.kind else {
                return None;
            };
            Some(outcome.history.text(reason))
        })
        .collect();
    assert_eq!(reasons[0], "eof");
    assert!(reasons[1..].iter().all(|reason| *reason == "refused"), "{reasons:?}");
}

#[test]
fn a_node_that_is_asked_to_stop_exits_by_itself() {
    for what in ["stop", "lame_duck"] {
        let text = format!("{WORLD}{CONNECTED}@6.000 fault 0 {what} for=10s nodes=b/1\n").replace(
            "pool_size=1\nclient",
            "lame_duck_duration=2000000000 lame_duck_grace_period=500000000 pool_size=1\nclient",
        );
        let plan = Plan::parse(&text).unwrap();
        let outcome = run_plan(&plan);
        let downs: Vec<_> = outcome
            .history
            .events
            .iter()
            .filter_map(|event| {
                let Kind::NodeDown { how, .. } = event.kind else { return None };
                Some((how, event.t < 14_000_000_000))
            })
            .collect();
        assert_eq!(downs, [(NodeDownHow::Exited, true)], "{what}");
    }
}

#[test]
fn refused_dials_and_resets_are_healed_by_dialling_again() {
    let plan = world(
        "@6.000 fault 0 refuse for=5s a=a/1 b=b/1 ways=both\n\
         @6.000 fault 1 reset a=a/1 b=b/1 ways=both\n\
         @7.000 pa/1 pub x.1 size=100\n\
         @20.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 1 && far[0] >= 20_000, "{far:?}");
}

#[test]
fn who_dials_a_door_with_nobody_behind_it_is_let_in_and_hung_up_on() {
    let opened = |kind: &str| {
        let plan = world(&format!(
            "@6.000 fault 0 {kind} for=5s a=a/1 b=b/1 ways=both\n\
             @6.000 fault 1 reset a=a/1 b=b/1 ways=both\n\
             @7.000 pa/1 pub x.1 size=100\n\
             @20.00 pa/1 pub x.2 size=100 flush\n"
        ));
        let outcome = run_plan(&plan);
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1, "{kind}");
        let during = (outcome.history.events.iter())
            .filter(|event| (6_100 * MS..10_900 * MS).contains(&event.t));
        let during: Vec<&str> = during.map(|event| event.kind.name()).collect();
        assert!(!during.contains(&"route_up"), "{kind}");
        during.iter().filter(|name| **name == "wire_opened").count()
    };
    assert!(opened("hang_up") > 50);
    assert_eq!(opened("refuse"), 0);
}

#[test]
fn a_black_hole_is_noticed_and_replaced() {
    let plan = world(
        "@6.000 fault 0 blackhole for=100ms a=a/1 b=b/1 ways=both\n\
         @25.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
    assert!(count(&outcome, "route_down") > 0);
}

#[test]
fn a_client_that_stops_reading_gets_everything_later_or_is_cut() {
    let plan = world(
        "@6.000 fault 0 stop_reading for=1s clients=sa/1\n\
         @6.100 pa/1 pub x.2 size=1000 count=200 flush\n",
    );
    let outcome = run_plan(&plan);
    let got = delivered_ms(&plan, &outcome, "sa/1");
    assert!(got.len() == 200 && got[0] >= 7_000, "{} {:?}", got.len(), got.first());

    let text = format!(
        "{WORLD}{CONNECTED}@6.000 fault 0 stop_reading for=10s clients=sa/1\n\
         @6.100 pa/1 pub x.2 size=1000 count=2000 flush\n"
    );
    let plan = Plan::parse(&text.replace("start=0s", "start=0s max_pending=100000")).unwrap();
    let outcome = run_plan(&plan);
    assert!(count(&outcome, "slow_consumer") >= 1);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 2000, "others do not suffer");
}

#[test]
fn a_panic_ends_the_run_and_is_told() {
    // An operation of a client that does not exist: no plan that was read can have one.
    let mut plan = world("@5.000 pa/1 pub x.1 size=100\n");
    plan.clients.pop();
    let outcome = run(&plan, RunOptions::default());
    assert!(matches!(outcome.end, RunEnd::Panicked { .. }), "{:?}", outcome.end);
    assert_eq!(outcome.history.events.last().map(|event| event.kind.name()), Some("end"));
}
