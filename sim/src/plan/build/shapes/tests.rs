use super::super::plan;
use crate::plan::{FaultAction, Plan, Sides};
use crate::scenario::Scenario;
use crate::units::{MS, SECOND};

/// Two regions of three nodes, and one fault.
fn made(seed: u64, fault: &str) -> Result<Plan, String> {
    let text = format!(
        "schema = 1\nname = \"shapes\"\n[run]\nduration = \"20s\"\n\
         [link.lan]\nlatency = \"1ms\"\n\
         [region.a]\nnodes = 3\nlink = \"lan\"\n[region.b]\nnodes = 3\nlink = \"lan\"\n\
         [[path]]\nbetween = [\"a\", \"b\"]\nlink = \"lan\"\n\
         [[client]]\nid = \"s\"\nat = \"all\"\nrole = \"subscribe\"\nsubject = \"x\"\n\
         [[fault]]\nat = \"1s\"\nfor = \"5s\"\n{fault}"
    );
    let scenario = Scenario::parse("f.toml", &text, &[]).map_err(|error| error.to_string())?;
    plan(&scenario, seed).map_err(|error| error.to_string())
}

/// The pairs that are cut, one way, by name.
fn lost(plan: &Plan) -> Vec<String> {
    let cut = |action: &FaultAction| match action.sides() {
        Some(sides) => sides.pairs().collect::<Vec<_>>(),
        None => panic!("{action:?} is no partition"),
    };
    let name = |site| crate::plan::write::site_name(plan, site);
    let all = plan.faults.iter().flat_map(|fault| cut(&fault.action));
    let mut names: Vec<String> = all.map(|(a, b)| format!("{}>{}", name(a), name(b))).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_bridge_keeps_both_sides_and_they_lose_each_other() {
    let bridge = "kind = \"partition\"\nshape = \"bridge\"\n\
                  between = [\"node:a/1\", \"nodes:b\", \"node:a/2 + clients:a\"]";
    let plan = made(1, bridge).unwrap();
    assert_eq!(lost(&plan), ["a/1>a/2", "a/1>clients:a", "a/2>a/1", "clients:a>a/1"]);

    for seed in 0..20 {
        let plan = made(seed, "kind = \"blackhole\"\nshape = \"bridge\"\non = \"all\"").unwrap();
        // Six nodes: one in the middle, three and two that lose each other, both ways.
        let lost = lost(&plan);
        assert_eq!(lost.len(), 12, "{lost:?}");
        let hit = |n: &str| lost.iter().any(|pair| pair.starts_with(n));
        let whole = ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"].map(|node| !hit(node));
        assert_eq!(whole.iter().filter(|whole| **whole).count(), 1, "{lost:?}");
    }
}

#[test]
fn in_a_ring_everybody_has_two_neighbours() {
    for seed in 0..20 {
        let plan = made(seed, "kind = \"partition\"\nshape = \"ring\"\non = \"all\"").unwrap();
        let lost = lost(&plan);
        for node in ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"] {
            let others = lost.iter().filter(|pair| pair.starts_with(node)).count();
            assert_eq!(others, 3, "{node} of {lost:?}");
        }
    }
    let four = "kind = \"partition\"\nshape = \"ring\"\ndirection = \"forward\"\n\
                between = [\"node:a/1\", \"node:a/2\", \"node:b/1\", \"node:b/2\"]";
    assert_eq!(lost(&made(1, four).unwrap()), ["a/1>b/1", "a/2>b/2"]);
}

#[test]
fn clients_alone_can_be_cut_off() {
    let cut = "kind = \"partition\"\nbetween = [\"clients:a\", \"nodes:a\"]\nshape = \"one_way\"";
    let plan = made(1, cut).unwrap();
    assert_eq!(lost(&plan), ["clients:a>a/1", "clients:a>a/2", "clients:a>a/3"]);
}

#[test]
fn staggered_pairs_are_cut_and_healed_one_by_one_in_orders_of_their_own() {
    let cut = "kind = \"partition\"\nbetween = [\"region:a\", \"region:b\"]\n\
               stagger = \"0ms..=500ms\"";
    let together = made(1, &cut.replace("stagger", "# stagger")).unwrap();
    assert_eq!(together.faults.len(), 1);
    let mut swizzled = 0;
    for seed in 0..20 {
        let plan = made(seed, cut).unwrap();
        assert_eq!(plan.faults.len(), 15, "all pairs but that of clients with clients");
        let with_nodes = |pair: &String| pair.matches("clients").count() < 2;
        let all: Vec<String> = lost(&together).into_iter().filter(with_nodes).collect();
        assert_eq!(lost(&plan), all);
        let begin = plan.bounds.phases_ns[2] + SECOND;
        for fault in &plan.faults {
            assert!((begin..=begin + 500 * MS).contains(&fault.at));
            let end = begin + 5 * SECOND;
            assert!((end..=end + 500 * MS).contains(&fault.end()));
        }
        assert_eq!(Plan::parse(&plan.write()).unwrap().faults, plan.faults);
        let ends: Vec<u64> = plan.faults.iter().map(crate::plan::FaultPlan::end).collect();
        swizzled += u32::from(!ends.is_sorted());
    }
    assert!(swizzled > 15, "{swizzled}");
}

#[test]
fn a_stagger_longer_than_the_fault_spares_some_pairs() {
    let cut = "kind = \"partition\"\nbetween = [\"nodes:a\", \"nodes:b\"]\nstagger = \"0s..12s\"";
    let plan = made(1, cut).unwrap();
    assert!((1..9).contains(&plan.faults.len()), "{}", plan.faults.len());
    let one = |fault: &crate::plan::FaultPlan| match fault.action.sides() {
        Some(Sides { a, b, .. }) => a.len() == 1 && b.len() == 1 && fault.lasts > 0,
        None => false,
    };
    assert!(plan.faults.iter().all(one));
}

#[test]
fn what_is_no_shape_is_pointed_at() {
    let wrong = |fault: &str| made(7, fault).unwrap_err();
    let ring = "kind = \"partition\"\nshape = \"ring\"\n";
    insta::assert_snapshot!(wrong(&format!("{ring}on = \"region:a\"")), @r#"
    error: this shape needs 4 nodes or more, and `region:a` means only 3
     --> f.toml:24
      = help: with seed 7
    "#);
    insta::assert_snapshot!(wrong(&format!("{ring}between = [\"node:a/1\", \"node:a/2\"]")), @r#"
    error: a ring has four sides or more, neighbours in order
        --> f.toml:26:11
     26 | between = ["node:a/1", "node:a/2"]
        |           ^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("kind = \"reset\"\nshape = \"bridge\"\non = \"all\""), @r#"
    error: only a partition or a blackhole can be a bridge
        --> f.toml:25:9
     25 | shape = "bridge"
        |         ^^^^^^^^
    "#);
    let bridge = "kind = \"partition\"\nshape = \"bridge\"\n";
    let twice = "between = [\"region:a\", \"region:b\", \"node:a/1\"]";
    insta::assert_snapshot!(wrong(&format!("{bridge}{twice}")), @r#"
    error: `a/1` is on two sides of the fault
     --> f.toml:24
      = help: with seed 7
    "#);
    insta::assert_snapshot!(wrong("kind = \"reset\"\non = \"region:a\"\nstagger = \"1ms\""), @r#"
    error: a reset is over at once; it has no `for`
        --> f.toml:23:7
     23 | for = "5s"
        |       ^^^^

    error: `stagger` means nothing for a fault of kind `reset`
        --> f.toml:26:11
     26 | stagger = "1ms"
        |           ^^^^^
    "#);
    let late = "kind = \"partition\"\non = \"region:a\"\nstagger = \"0s..15s\"";
    insta::assert_snapshot!(wrong(late), @r#"
    error: the fault may end after the run's `duration`; nobody would see it heal
        --> f.toml:23:7
     23 | for = "5s"
        |       ^^^^
    "#);
}
