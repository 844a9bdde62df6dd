use std::collections::BTreeSet;

use crate::history::{FaultKind, Lost, Why};
use crate::ids::NodeId;
use crate::plan::{FaultPlan, Plan, Site, plan};
use crate::scenario::Scenario;

/// Three regions of three nodes; `heal` is the line of `[run]`, `more` is added at the end.
fn scenario(heal: &str, more: &str) -> Scenario {
    let routes = r#"routes = ["region:a", "region:b", "region:c"]"#;
    let regions: String = ["a", "b", "c"]
        .map(|name| format!("[region.{name}]\nnodes = 3\nlink = \"lan\"\n{routes}\n"))
        .concat();
    let text = format!(
        r#"
        schema = 1
        name = "core"
        [run]
        duration = "20s"
        {heal}
        [link.lan]
        latency = "1ms"
        {regions}
        [[path]]
        between = ["a", "b"]
        link = "lan"
        [[path]]
        between = ["b", "c"]
        link = "lan"
        [[path]]
        between = ["a", "c"]
        link = "lan"
        [[client]]
        id = "reader"
        at = "all"
        count = 3
        role = "subscribe"
        subject = "a.>"
        {more}"#
    );
    Scenario::parse("core.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

const SWARM: &str = "[swarm]\nmean_gap = \"500ms\"\nmax_concurrent = 6\n";

fn plans(heal: &str, more: &str, seeds: u64) -> Vec<Plan> {
    let scenario = scenario(heal, more);
    (0..seeds).map(|seed| plan(&scenario, seed).unwrap()).collect()
}

#[test]
fn a_core_is_some_nodes_of_two_regions_at_least() {
    let (mut sizes, mut regions) = (BTreeSet::new(), BTreeSet::new());
    for plan in plans("heal = \"core\"", SWARM, 200) {
        let core = plan.core.clone().unwrap();
        let of: BTreeSet<_> = core.iter().map(|id| plan.nodes[usize::from(id.0)].region).collect();
        assert!(of.len() >= 2 && core.len() < plan.nodes.len() && core.is_sorted(), "{core:?}");
        sizes.insert(core.len());
        regions.insert(of.len());
    }
    assert_eq!(sizes, (2..9).collect());
    assert_eq!(regions, BTreeSet::from([2, 3]));
}

/// Whether a fault touches nobody but the core, or nobody of it.
fn is_inside(plan: &Plan, fault: &FaultPlan) -> bool {
    let site = |site: &Site| plan.is_core_site(*site);
    match fault.action.sides() {
        Some(sides) => sides.a.iter().chain(&sides.b).all(site),
        None => fault.action.nodes().iter().all(|id| plan.is_core(*id)),
    }
}

#[test]
fn what_touches_the_core_alone_is_lifted_and_some_of_the_rest_is_not() {
    let (mut stayed, mut with_pairs) = (BTreeSet::new(), 0);
    for plan in plans("heal = \"core\"", SWARM, 200) {
        let left: Vec<&FaultPlan> = plan.faults.iter().filter(|fault| fault.stays()).collect();
        assert_eq!(plan.header("").core.unwrap().left.len(), left.len());
        for fault in &left {
            let text = plan.fault_text(fault);
            assert!(text.contains(" for=ever "), "{text}");
            assert!(!is_inside(&plan, fault) || fault.action.kind() == FaultKind::StopReading);
            let pairs = fault.action.sides().into_iter().flat_map(crate::plan::Sides::pairs);
            for (a, b) in pairs {
                assert!(!plan.is_core_site(a) || !plan.is_core_site(b), "{text}");
                with_pairs += 1;
            }
            stayed.insert(fault.action.kind());
        }
        let [.., heal, quiesce, _, _] = plan.bounds.phases_ns;
        assert!(plan.faults.iter().all(|fault| fault.last_change() <= heal) && heal <= quiesce);
        assert_eq!(Plan::parse(&plan.write()).unwrap(), plan);
    }
    assert!(with_pairs > 1_000, "{with_pairs}");
    for kind in [FaultKind::Crash, FaultKind::Pause, FaultKind::PowerLoss, FaultKind::Blackhole] {
        assert!(stayed.contains(&kind), "{stayed:?}");
    }
    for kind in [FaultKind::Restart, FaultKind::Reset, FaultKind::Rebind] {
        assert!(!stayed.contains(&kind), "{stayed:?}");
    }
}

#[test]
fn nothing_happens_any_more_to_a_node_that_is_lost() {
    let twice = "[[fault]]\nat = \"2s\"\nfor = \"6s\"\nkind = \"crash\"\non = \"nodes:a\"\n\
        [[fault]]\nat = \"4s\"\nfor = \"1s\"\nkind = \"pause\"\non = \"nodes:a\"\n\
        [[fault]]\nat = \"9s\"\nfor = \"1s\"\nkind = \"restart\"\non = \"nodes:a\"\n";
    let mut lost = 0;
    for plan in plans("heal = \"core\"", twice, 60) {
        for id in (0..9).map(NodeId) {
            let hits: Vec<&FaultPlan> =
                plan.faults.iter().filter(|f| f.action.nodes().contains(&id)).collect();
            if let Some(stays) = hits.iter().position(|fault| fault.stays()) {
                assert_eq!(stays + 1, hits.len(), "{plan}");
                // A pause that stays takes the crash that is not over with it.
                assert_eq!(hits[stays].action.kind(), FaultKind::Crash, "{plan}");
                lost += 1;
            }
        }
    }
    assert!(lost > 30, "{lost}");
}

#[test]
fn a_swarm_may_draw_who_is_healed_and_moves_nothing_else() {
    let swarm = format!("{SWARM}heal = [\"all\", \"core\"]\n");
    let all = plans("", SWARM, 40);
    let drawn = plans("", &swarm, 40);
    let cores = drawn.iter().filter(|plan| plan.core.is_some()).count();
    assert!((10..30).contains(&cores), "{cores}");
    for (all, drawn) in all.iter().zip(&drawn).filter(|(_, drawn)| drawn.core.is_none()) {
        assert_eq!(all, drawn);
    }
    let both = format!("{SWARM}heal = [\"core\"]\n");
    let both = std::panic::catch_unwind(|| scenario("heal = \"core\"", &both));
    assert!(both.is_err(), "one of the two says it");
}

#[test]
fn a_core_that_only_a_dead_node_joins_is_not_drawn_if_there_is_another() {
    for plan in plans("heal = \"core\"", SWARM, 100) {
        assert_eq!(plan.header("").unrecoverable, [], "seed {}", plan.seed);
    }
}

#[test]
fn a_core_that_nothing_joins_is_told_to_be_lost() {
    // All know c/1 alone, and c/1 is not healed.
    let text = scenario("heal = \"core\"", "");
    let mut plan = plan(&text, 0).unwrap();
    plan.core = Some(vec![NodeId(0), NodeId(3)]);
    for node in &mut plan.nodes {
        node.routes = vec![crate::plan::RoutePlan::Node(NodeId(6))];
    }
    let why = |plan: &Plan| plan.header("").unrecoverable.iter().map(|u| u.why).collect::<Vec<_>>();
    assert_eq!(why(&plan), [], "through c/1, who is there");
    let add = |plan: &mut Plan, words: &str| {
        let text = format!("{}@1000.0 fault {} {words}\n", plan.write(), plan.faults.len());
        *plan = Plan::parse(&text).unwrap();
    };
    let mut severed = plan.clone();
    add(&mut severed, "partition for=ever a=a/1 b=b/1 ways=forward");
    assert_eq!(why(&severed), [Why::Severed]);
    add(&mut severed, "pause for=ever nodes=b/1");
    assert_eq!(why(&severed), [Why::Held]);
    add(&mut plan, "crash for=ever nodes=c/1");
    let lost = plan.header("").unrecoverable;
    assert_eq!((lost[0].what, lost[0].why), (Lost::Routes(NodeId(0), NodeId(3)), Why::NoRoute));
    plan.nodes[0].routes = vec![crate::plan::RoutePlan::Node(NodeId(3))];
    assert_eq!(why(&plan), []);
    add(&mut plan, "crash for=1s nodes=b/1 new_port");
    assert_eq!(why(&plan), [Why::NoRoute], "its port is another now");
}
