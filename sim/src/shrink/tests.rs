//! Plans become small, stay sound, and keep their failure.

use std::collections::BTreeSet;

use super::edit::{client_ids, node_ids, with_faults, with_members};
use super::*;
use crate::guarantee::judge;
use crate::history::FaultKind;
use crate::ids::{ClientId, NodeId};
use crate::plan::{Condition, FaultAction, FaultPlan, Later, Op, RoutePlan, Watched, When, plan};
use crate::run::{RunEnd, RunOptions, run};
use crate::scenario::{Chunking, Is, Scenario};
use crate::units::{MS, SECOND};

const SCENARIO: &str = r#"
schema = 1
name = "three"

[run]
duration = "2s"

[link.lan]
latency = "100us..500us"
jitter = "100us"

[link.wan]
latency = "20ms..30ms"
jitter = "5ms"
loss = 0.01

[region.east]
nodes = 2
link = "lan"

[region.mid]
nodes = 2
link = "lan"

[region.west]
nodes = 2
link = "lan"

[[path]]
between = ["east", "mid"]
link = "wan"

[[path]]
between = ["mid", "west"]
link = "wan"

[[path]]
between = ["east", "west"]
link = "wan"

[[client]]
id = "pub"
at = "all"
count = 3
role = "publish"
subject = "a.{client}.{i%2}"
every = "40ms"
burst = "1..=3"
size = "16..=64"
headers = 0.5

[[client]]
id = "sub"
at = "all"
count = 3
role = "subscribe"
subject = "a.>"
churn = "300ms"

[[fault]]
at = "200ms"
for = "300ms"
kind = "partition"
between = ["region:east", "region:west + region:mid"]

[[fault]]
at = "300ms"
for = "1s"
kind = "flap"
period = "200ms"
on = "node:mid/2"

[[fault]]
at = "600ms"
for = "300ms"
kind = "crash"
on = "node:west/2"

[guarantee.order]
kind = "publisher_order"
"#;

fn made(scenario: &str, seed: u64) -> Plan {
    let scenario = Scenario::parse("three.toml", scenario, &["publisher_order"]);
    plan(&scenario.unwrap_or_else(|e| panic!("{e}")), seed).unwrap()
}

fn signature(object: &'static str) -> Signature {
    Signature::Broken { guarantee: "publisher_order", object }
}

/// A trial without a run: a plan fails if it looks so. Looks at the soundness of every candidate.
struct Looks<F> {
    fails: F,
    seen: u32,
}

impl<F: Fn(&Plan) -> Vec<&'static str>> Trial for Looks<F> {
    fn findings(&mut self, plan: &Plan) -> Vec<Finding> {
        self.seen += 1;
        assert_sound(plan);
        let t = plan.ops.last().map_or(0, |op| op.at);
        let found = (self.fails)(plan).into_iter();
        found.map(|object| Finding { signature: signature(object), t }).collect()
    }
}

/// A plan that could have been made by a planner: it is its own text, its names exist, its phases
/// are in order.
fn assert_sound(plan: &Plan) {
    let text = plan.write();
    let again = Plan::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(again.write(), text);
    assert!(!text.contains('?'), "a name is not there:\n{text}");
    let [_, warm, chaos, heal, quiesce, drain, end] = plan.bounds.phases_ns;
    assert!(plan.bounds.phases_ns.is_sorted() && drain < end, "{:?}", plan.bounds);
    assert!(plan.ops.iter().all(|op| (warm..=end).contains(&op.at)), "{text}");
    let faults = plan.faults.iter();
    assert!(
        faults.clone().all(|f| f.at >= chaos && f.last_change() <= heal && heal <= quiesce),
        "{text}"
    );
    let lasts = |fault: &FaultPlan| fault.lasts > 0 || fault.action.kind() == FaultKind::Reset;
    assert!(faults.clone().all(lasts), "{text}");
    assert!(faults.enumerate().all(|(at, fault)| fault.id as usize == at));
    assert!(plan.clients.iter().all(|client| !client.nodes.is_empty()));
}

#[test]
fn a_core_and_what_stays_are_left_out_if_they_do_not_matter_and_kept_if_they_do() {
    let core = SCENARIO.replacen("[run]\n", "[run]\nheal = \"core\"\n", 1);
    let whole = made(&core, 1);
    assert!(whole.core.is_some() && whole.faults.iter().any(FaultPlan::stays));
    let small = shrunk(&whole, 300, |_| vec!["delivery"]).unwrap().plan;
    assert!(small.core.is_none() && small.faults.is_empty(), "{small}");
    let stays = |plan: &Plan| plan.core.is_some() && plan.faults.iter().any(FaultPlan::stays);
    let small = shrunk(&whole, 300, |plan| if stays(plan) { vec!["delivery"] } else { vec![] });
    let small = small.unwrap().plan;
    assert_eq!((small.core.as_ref().map(Vec::len), small.faults.len()), (Some(1), 1), "{small}");
    assert!(small.faults[0].stays(), "{small}");
}

fn shrunk(plan: &Plan, replays: u32, fails: impl Fn(&Plan) -> Vec<&'static str>) -> Option<Shrunk> {
    let mut trial = Looks { fails, seen: 0 };
    let shrunk = shrink(plan, &signature("delivery"), replays, &mut trial);
    assert!(shrunk.as_ref().is_none_or(|s| s.replays == trial.seen && s.replays <= replays));
    shrunk
}

fn has(plan: &Plan, what: impl Fn(&Op) -> bool) -> bool {
    plan.ops.iter().any(|op| what(&op.op))
}

fn publishes(plan: &Plan) -> bool {
    has(plan, |op| matches!(op, Op::Pub { .. }))
}

fn when(fails: bool) -> Vec<&'static str> {
    if fails { vec!["delivery"] } else { Vec::new() }
}

#[test]
fn what_does_not_matter_goes_away() {
    let plan = made(SCENARIO, 1);
    assert!(plan.ops.len() > 100 && plan.faults.len() > 5);
    let small = shrunk(&plan, 2_000, |plan| when(publishes(plan))).unwrap();
    assert!(small.finished && small.also_found.is_empty());
    insta::assert_snapshot!(small.plan.write());
}

#[test]
fn what_matters_stays() {
    // A crash of west/2 during which somebody publishes to a subscription of somebody else.
    let fails = |plan: &Plan| {
        let node = |at: usize| plan.nodes.get(at).map(|node| node.name.as_str());
        let crash = plan.faults.iter().find(|fault| {
            matches!(&fault.action, FaultAction::Crash(process)
                if node(usize::from(process.nodes[0].0)) == Some("west/2"))
        });
        let during = |fault: &FaultPlan| {
            let meanwhile = plan.ops.iter().filter(|op| (fault.at..fault.end()).contains(&op.at));
            meanwhile.filter(|op| matches!(op.op, Op::Pub { .. })).count() >= 2
        };
        when(crash.is_some_and(during) && has(plan, |op| matches!(op, Op::Sub { .. })))
    };
    let small = shrunk(&made(SCENARIO, 2), 2_000, fails).unwrap();
    let size = Size::of(&small.plan);
    assert_eq!(size.to_string(), "1 node, 2 clients, 1 fault, 5 operations");
    assert_eq!(small.plan.faults[0].action.kind(), FaultKind::Crash);
    assert!(small.plan.faults[0].lasts <= 100 * MS);
    assert_eq!(small.plan.network.chunking, Chunking::Off);
    assert!(small.plan.ops.iter().all(|op| op.at.is_multiple_of(MS)));
}

#[test]
fn another_failure_is_told_and_not_followed() {
    let plan = made(SCENARIO, 3);
    let few = |plan: &Plan| plan.clients.len() < 3;
    let fails = |plan: &Plan| if few(plan) { vec!["route"] } else { vec!["delivery"] };
    let small = shrunk(&plan, 2_000, fails).unwrap();
    assert_eq!(small.plan.clients.len(), 3);
    assert_eq!(small.also_found, [signature("route")]);
    assert!(shrunk(&plan, 2_000, |_| vec!["route"]).is_none());
}

#[test]
fn equal_searches_end_alike_and_within_their_replays() {
    let plan = made(SCENARIO, 4);
    let fails = |plan: &Plan| when(publishes(plan) && plan.faults.len() > 2);
    let full = shrunk(&plan, 2_000, fails).unwrap();
    let again = shrunk(&plan, 2_000, fails).unwrap();
    assert_eq!((&full.plan, full.replays), (&again.plan, again.replays));
    let part = shrunk(&plan, full.replays / 3, fails).unwrap();
    assert!(!part.finished && full.finished);
    assert_eq!(part.replays, full.replays / 3);
    assert!(Size::of(&part.plan).ops < Size::of(&plan).ops);
    let nothing = shrunk(&plan, 1, fails).unwrap();
    assert_eq!(nothing.plan.write(), plan.write());
}

#[test]
fn a_clock_ends_the_search_early() {
    struct Late(u32);
    impl Trial for Late {
        fn findings(&mut self, _: &Plan) -> Vec<Finding> {
            self.0 += 1;
            vec![Finding { signature: signature("delivery"), t: 0 }]
        }
        fn is_over(&mut self) -> bool {
            self.0 >= 7
        }
    }
    let small = shrink(&made(SCENARIO, 1), &signature("delivery"), 2_000, &mut Late(0)).unwrap();
    assert_eq!((small.replays, small.finished), (7, false));
}

#[test]
fn other_noise_helps_where_a_deletion_moved_the_failure() {
    let plan = made(SCENARIO, 5);
    let regions = |plan: &Plan| plan.regions.len();
    let fails = |plan: &Plan| {
        when(publishes(plan) && (regions(plan) == 3 || plan.seed == 9 && regions(plan) < 3))
    };
    let small = shrunk(&plan, 4_000, fails).unwrap();
    assert_eq!((regions(&small.plan), small.plan.seed), (1, 9));
}

#[test]
fn what_a_guarantee_is_confined_to_stays() {
    let text = format!("{SCENARIO}scope = \"client:sub\"\n");
    let small = shrunk(&made(&text, 1), 2_000, |plan| when(publishes(plan))).unwrap();
    assert!(small.plan.clients.iter().any(|client| client.name.starts_with("sub/")));
    assert_eq!(small.plan.guarantees.len(), 1);
}

#[test]
fn nodes_of_a_cluster_stay_joined() {
    let mut plan = made(SCENARIO, 1);
    for node in &mut plan.nodes {
        node.routes = vec![RoutePlan::Node(NodeId(2))];
    }
    let without = |plan: &Plan, gone: &[u16]| {
        let mut rest = node_ids(plan);
        rest.retain(|id| !gone.contains(&id.0));
        with_members(plan, &rest, &client_ids(plan))
    };
    // Its neighbour takes its place; without both, nobody knows anybody.
    let moved = without(&plan, &[2]).unwrap();
    let new_seed = moved.nodes.iter().position(|node| node.name == "mid/2").unwrap();
    let expected = RoutePlan::Node(NodeId(new_seed as u16));
    assert!(moved.nodes.iter().all(|node| node.routes == [expected]));
    assert!(without(&plan, &[2, 3]).is_none());
    assert!(without(&plan, &[0, 1, 2, 3, 4, 5]).is_none());
    // A way must be there, too: east and west meet in the middle only.
    plan.paths.retain(|path| [path.a.0, path.b.0].contains(&1));
    let seeds = [0, 2, 4].map(|id| RoutePlan::Node(NodeId(id)));
    plan.nodes.iter_mut().for_each(|node| node.routes = seeds.to_vec());
    assert!(without(&plan, &[2, 3]).is_none());
    assert!(without(&plan, &[4, 5]).is_some());
}

#[test]
fn everything_that_refers_to_what_is_gone_follows() {
    let plan = made(SCENARIO, 1);
    let nodes: BTreeSet<NodeId> = [0, 3, 5].map(NodeId).into();
    let clients: BTreeSet<ClientId> = [1, 4].map(ClientId).into();
    let small = with_members(&plan, &nodes, &clients).unwrap();
    assert_sound(&small);
    let names: Vec<&str> = small.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["east/1", "mid/2", "west/2"]);
    let names: Vec<&str> = small.clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names, ["pub/2", "sub/2"]);
    let of = |plan: &Plan, name: &str| {
        let ops = plan.ops.iter().filter(|op| plan.client_name(op.client) == name);
        ops.map(|op| (op.at, op.op)).collect::<Vec<_>>()
    };
    assert_eq!(of(&small, "sub/2"), of(&plan, "sub/2"));
    assert_eq!(small.ops.len(), of(&plan, "sub/2").len() + of(&plan, "pub/2").len());
    assert!(small.faults.iter().any(|fault| fault.action.kind() == FaultKind::Crash));
    let all: BTreeSet<NodeId> = [0, 2].map(NodeId).into();
    let small = with_members(&plan, &all, &BTreeSet::new()).unwrap();
    assert_eq!((small.regions.len(), small.paths.len(), small.ops.len()), (2, 1, 0));
    assert!(small.faults.iter().all(|fault| fault.action.kind() == FaultKind::Partition));
}

#[test]
fn what_faults_wait_for_follows() {
    let mut plan = made(SCENARIO, 1);
    let until = plan.bounds.phases_ns[4];
    let wait =
        |watched, number| Some(When { watched, is: Is::AtLeast, number, delay_ns: MS, until });
    plan.faults.truncate(2);
    plan.faults[1].when = wait(Watched::Over(vec![plan.faults[0].id]), 1);
    assert_eq!(with_faults(&plan, &[1]).faults, [], "nobody is left to wait for");
    assert_eq!(with_faults(&plan, &[0, 1]), plan);

    plan.faults[0].when = wait(Watched::Count(vec![ClientId(1), ClientId(4)]), 50);
    let some = |clients: &[u32]| {
        let clients = clients.iter().copied().map(ClientId).collect();
        with_members(&plan, &node_ids(&plan), &clients).unwrap()
    };
    let watched = some(&[0, 4]).faults[0].when.clone().map(|when| when.watched);
    assert_eq!(watched, Some(Watched::Count(vec![ClientId(1)])));
    assert_eq!(some(&[0]).faults, [], "without those who count, and then without who waits");
}

#[test]
fn a_fault_waits_for_a_time_if_that_does_and_for_little_if_not() {
    let mut plan = made(SCENARIO, 1);
    plan.faults.truncate(1);
    let (at, heal) = (plan.bounds.phases_ns[2], plan.bounds.phases_ns[3]);
    let until = heal - plan.faults[0].lasts;
    let watched = Watched::Count(vec![ClientId(1), ClientId(4)]);
    let when_many = When { watched, is: Is::AtLeast, number: 50, delay_ns: MS, until };
    (plan.faults[0].when, plan.faults[0].at) = (Some(when_many), at);
    let small = shrunk(&plan, 400, |plan| when(plan.faults.len() == 1)).unwrap().plan;
    assert_eq!(small.faults[0].when, None);
    let waits = |plan: &Plan| when(plan.faults.iter().any(|fault| fault.when.is_some()));
    let small = shrunk(&plan, 400, waits).unwrap().plan;
    let left = small.faults[0].when.as_ref().unwrap();
    assert_eq!((left.number, left.delay_ns), (1, 0));
    assert!(matches!(&left.watched, Watched::Count(clients) if clients.len() == 1));
    assert_sound(&small);
}

#[test]
fn operations_wait_for_a_time_if_that_does_and_for_little_if_not() {
    let mut plan = made(SCENARIO, 1);
    plan.faults.truncate(1);
    let [_, _, chaos, _, quiesce, ..] = plan.bounds.phases_ns;
    let watched = Watched::Count(vec![ClientId(1), ClientId(4)]);
    let condition = plan.condition(Condition { watched, is: Is::AtLeast, number: 50 });
    let is_work = |op: &Op| matches!(op, Op::Pub { .. });
    for op in plan.ops.iter_mut().filter(|op| is_work(&op.op) && op.client == ClientId(0)) {
        let delay_ns = op.at - chaos + MS;
        (op.at, op.when) = (chaos, Some(Later { condition, delay_ns, until: quiesce }));
    }
    plan.ops.sort_by_key(|op| op.at);
    assert_eq!(Plan::parse(&plan.write()).map(|p| p.write()), Ok(plan.write()));

    let some = |clients: &[u32]| {
        let clients = clients.iter().copied().map(ClientId).collect();
        with_members(&plan, &node_ids(&plan), &clients).unwrap()
    };
    assert_eq!(some(&[0, 4]).conditions[0].watched, Watched::Count(vec![ClientId(1)]));
    let alone = some(&[0]);
    assert!(alone.ops.iter().all(|op| !is_work(&op.op)), "nobody is left to wait for");

    let small = shrunk(&plan, 400, |plan| when(publishes(plan))).unwrap().plan;
    assert!(small.ops.iter().all(|op| op.when.is_none()), "{small}");
    assert_sound(&small);
    let waits = |plan: &Plan| when(plan.ops.iter().any(|op| op.when.is_some()));
    let small = shrunk(&plan, 400, waits).unwrap().plan;
    let later = small.ops.iter().find_map(|op| op.when).unwrap();
    let left = small.condition_of(later).unwrap();
    assert_eq!((left.number, later.delay_ns), (1, 0));
    assert!(matches!(&left.watched, Watched::Count(clients) if clients.len() == 1));
    assert_sound(&small);
}

/// Every candidate is run with a broker that is right: none may fail for being smaller.
#[test]
fn a_broker_that_is_right_survives_every_candidate() {
    struct Real;
    impl Trial for Real {
        fn findings(&mut self, plan: &Plan) -> Vec<Finding> {
            let outcome = run(plan, RunOptions::default());
            assert_eq!(outcome.end, RunEnd::Complete);
            for judged in judge(&outcome.history).unwrap() {
                let first = &judged.findings.first;
                assert!(first.is_none(), "{}: {first:?}\n{plan}", judged.name);
            }
            let matters = publishes(plan) && plan.faults.len() > 1 && plan.nodes.len() > 1;
            let t = plan.bounds.phases_ns[2] + SECOND;
            let finding = |object| Finding { signature: signature(object), t };
            when(matters).into_iter().map(finding).collect()
        }
    }
    for seed in 0..2 {
        let small = shrink(&made(SCENARIO, seed), &signature("delivery"), 150, &mut Real).unwrap();
        let size = Size::of(&small.plan);
        assert!(size.nodes <= 3 && size.faults == 2 && size.ops < 10, "{size}");
    }
}
