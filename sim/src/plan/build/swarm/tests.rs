//! What a swarm draws fits together.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::history::FaultKind;
use crate::plan::{Plan, plan};
use crate::scenario::Scenario;
use crate::units::{MS, SECOND};

const WORLD: &str = r#"
schema = 1
name = "swarm"

[run]
duration = "40s"

[link.l]
latency = "1ms..20ms"

[region.a]
nodes = "1..=3"
link = "l"

[region.b]
nodes = "1..=3"
link = "l"

[region.c]
nodes = "2..=3"
link = "l"

[[path]]
between = ["a", "b"]
link = "l"

[[path]]
between = ["b", "c"]
link = "l"

[[client]]
id = "pub"
at = "all"
count = "1..=3"
role = "publish"
subject = "x"
every = "1s"

[[client]]
id = "sub"
at = "region:a"
role = "subscribe"
subject = "x"

[[client]]
id = "other"
at = "region:c"
role = "subscribe"
subject = ">"

[jetstream]
"#;

fn plans(swarm: &str, seeds: u64) -> Vec<Plan> {
    let text = format!("{WORLD}\n[swarm]\n{swarm}");
    let scenario = Scenario::parse("swarm.toml", &text, &[]).unwrap_or_else(|e| panic!("{e}"));
    (0..seeds).map(|seed| plan(&scenario, seed).unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn every_kind_is_drawn_and_each_is_off_in_half_of_the_seeds() {
    let plans = plans("mean_gap = \"200ms\"\nmax_concurrent = 8", 300);
    let mut with: BTreeMap<FaultKind, usize> = BTreeMap::new();
    for plan in &plans {
        let kinds: BTreeSet<FaultKind> = plan.faults.iter().map(|f| f.action.kind()).collect();
        kinds.into_iter().for_each(|kind| *with.entry(kind).or_default() += 1);
    }
    // A flap is a partition that comes and goes, so it has no kind of its own there.
    assert_eq!(with.len(), FAMILIES.len() - 1, "{with:?}");
    for (kind, seeds) in with {
        let expected = if kind == FaultKind::Partition {
            190..250
        } else if kind == FaultKind::Join {
            // Only before anything else has happened to a node.
            50..190
        } else {
            100..190
        };
        assert!(expected.contains(&seeds), "{} in {seeds} of 300", kind.name());
    }
    let calm = plans.iter().filter(|plan| plan.faults.is_empty()).count();
    assert!((3..25).contains(&calm), "{calm} without a fault");
}

#[test]
fn faults_are_over_in_time_few_at_once_and_do_not_meet() {
    for plan in plans("mean_gap = \"100ms\"\nmax_concurrent = 2\nstop_at = \"30s\"", 150) {
        let chaos = plan.bounds.phases_ns[2];
        for (at, fault) in plan.faults.iter().enumerate() {
            assert!(fault.at >= chaos && fault.end() <= chaos + 30 * SECOND, "{}", plan.seed);
            for other in &plan.faults[..at] {
                assert!(!collide(fault, other), "seed {}: {fault:?} and {other:?}", plan.seed);
            }
        }
    }
}

#[test]
fn nodes_to_keep_stay_up_and_together() {
    let harsh: BTreeSet<&str> = FAMILIES.iter().filter(|f| f.is_harsh).map(|f| f.kind).collect();
    let mut hit = 0;
    for plan in plans("keep = \"region:a + node:b/1\"\nmean_gap = \"200ms\"", 150) {
        let kept = |id: &NodeId| {
            let name = plan.node_name(*id);
            name.starts_with("a/") || name == "b/1"
        };
        for fault in plan.faults.iter().filter(|f| harsh.contains(f.action.kind().name())) {
            assert!(!fault.action.nodes().iter().any(kept), "{}", plan.fault_text(fault));
            let apart = fault.action.sides().into_iter().flat_map(crate::plan::Sides::pairs);
            for (a, b) in apart {
                let both = [a, b].iter().all(|site| site.node().is_some_and(|id| kept(&id)));
                assert!(!both, "{}", plan.fault_text(fault));
            }
            hit += 1;
        }
    }
    assert!(hit > 1_000, "the others are hit: {hit}");
}

#[test]
fn everybody_can_be_found_again() {
    let moves =
        "weights = { rebind = 1, crash = 2, restart = 2, power_loss = 1 }\nmean_gap = \"200ms\"";
    let (mut moved, mut rebound) = (0, 0);
    for plan in plans(moves, 200) {
        assert_eq!(strangers(&plan), [], "seed {}", plan.seed);
        let all = (0..).map(NodeId).take(plan.nodes.len());
        let moves = |id: NodeId| plan.faults.iter().any(|fault| fault.action.moves_port_of(id));
        moved += all.filter(|id| moves(*id)).count();
        rebound += plan.faults.iter().filter(|f| f.action.kind() == FaultKind::Rebind).count();
    }
    assert!(moved > 50 && rebound > 50, "{moved} moved, {rebound} rebound");
}

#[test]
fn nodes_come_and_go_and_everybody_has_a_way() {
    let who = "weights = { join = 3, leave = 3, crash = 2, reload = 2, upgrade = 1 }\n\
        mean_gap = \"300ms\"\nclusters = \"1..=2\"";
    let (mut joined, mut left, mut clusters) = (0, 0, BTreeSet::new());
    for plan in plans(who, 300) {
        assert_eq!(plan.homeless(), None, "seed {}", plan.seed);
        assert!(plan.are_always_joined(), "seed {}", plan.seed);
        assert_eq!(cut_off(&plan), None, "seed {}", plan.seed);
        let of: BTreeSet<&str> = plan.nodes.iter().map(|node| node.cluster.as_str()).collect();
        assert_eq!(plan.islands_without(&[].into()), of.len(), "seed {}", plan.seed);
        clusters.insert(of.len());
        let faults = &plan.faults;
        let hits = |what: HostWhat| {
            faults.iter().filter_map(move |fault| {
                let host = fault.action.host()?;
                (host.what == what).then(|| (fault.at, host.nodes[0]))
            })
        };
        for (at, node) in hits(HostWhat::Join) {
            let before = plan.faults.iter().filter(|f| f.at < at);
            assert_eq!(before.filter(|f| f.action.nodes().contains(&node)).count(), 0);
            joined += 1;
        }
        for (at, node) in hits(HostWhat::Leave) {
            let later =
                plan.faults.iter().filter(|f| f.end() > at && f.action.nodes().contains(&node));
            assert_eq!(later.count(), 1, "itself");
            left += 1;
        }
        assert_eq!(Plan::parse(&plan.write()).map(|p| p.write()), Ok(plan.write()));
    }
    assert!(joined > 50 && left > 50, "{joined} joined, {left} left");
    assert_eq!(clusters, BTreeSet::from([1, 2]));
}

#[test]
fn what_is_reloaded_for_good_takes_nothing_away() {
    let (mut for_good, mut for_a_time) = (0, 0);
    for plan in plans("weights = { reload = 1 }\nmean_gap = \"300ms\"", 200) {
        for fault in &plan.faults {
            let host = fault.action.host().unwrap();
            let HostWhat::Reload(reload) = &host.what else { panic!("{fault:?}") };
            let Some(routes) = &reload.routes else { continue };
            let has = &plan.nodes[usize::from(host.nodes[0].0)].routes;
            assert!(fault.lasts > 0 || has.iter().all(|route| routes.contains(route)));
            *(if fault.lasts == 0 { &mut for_good } else { &mut for_a_time }) += 1;
        }
    }
    assert!(for_good > 20 && for_a_time > 20, "{for_good} and {for_a_time}");
}

#[test]
fn regions_and_clients_are_drawn_and_nobody_stands_nowhere() {
    let plans = plans("regions = \"1..=3\"\nclients = \"1..=3\"", 100);
    let mut shapes = BTreeSet::new();
    for plan in &plans {
        let names: Vec<&str> = plan.regions.iter().map(|region| region.name.as_str()).collect();
        let tables: BTreeSet<&str> =
            plan.clients.iter().filter_map(|c| Some(c.name.split_once('/')?.0)).collect();
        assert_ne!(names, ["a", "c"], "no path joins them");
        assert_eq!(plan.paths.len() + 1, names.len());
        assert_eq!(Plan::parse(&plan.write()).map(|p| p.write()), Ok(plan.write()));
        shapes.insert((names.join(""), tables.len()));
    }
    for region in ["a", "b", "c", "ab", "bc", "abc"] {
        assert!(shapes.iter().any(|(names, _)| names == region), "{region}: {shapes:?}");
    }
    assert!(shapes.contains(&("abc".to_owned(), 3)) && shapes.contains(&("abc".to_owned(), 1)));
}

#[test]
fn gaps_are_what_they_should_be_on_average() {
    for stormy in [false, true] {
        let mood = Mood {
            on: Vec::new(),
            mean_gap: 800 * MS,
            stormy,
            max_concurrent: 1,
            stop_at: 0,
            keep: BTreeSet::new(),
        };
        let mut stream = Stream::new(1, "test", &[]);
        let mean = (0..20_000).map(|_| mood.gap(&mut stream)).sum::<u64>() / 20_000;
        assert!((720 * MS..900 * MS).contains(&mean), "{mean}");
    }
}
