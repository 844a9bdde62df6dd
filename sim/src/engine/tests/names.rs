//! Names and addresses that lead elsewhere than one thinks.

use super::*;
use crate::engine::names::Names;

#[test]
fn a_node_at_a_new_address_is_found_by_its_name() {
    let plan = world(
        "@6.000 fault 0 crash for=2s nodes=b/1 new_address\n\
         @20.00 pa/1 pub x.2 size=100 flush\n",
    );
    assert_eq!(Plan::parse(&plan.write()).unwrap().faults, plan.faults);
    let outcome = run_plan(&plan);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1);
}

#[test]
fn an_old_answer_leads_to_nobody_until_it_is_true_again() {
    let plan = world(
        "@5.900 fault 0 dns for=10s nodes=b/1 old\n\
         @6.000 fault 1 crash for=1s nodes=b/1 new_address\n\
         @14.00 pa/1 pub x.1 size=100\n\
         @25.00 pa/1 pub x.2 size=100 flush\n",
    );
    assert_eq!(Plan::parse(&plan.write()).unwrap().faults, plan.faults);
    let outcome = run_plan(&plan);
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 1 && far[0] >= 25_000, "{far:?}");
}

#[test]
fn a_name_that_is_lost_costs_new_connections_only() {
    let lost = "@5.900 fault 0 dns for=8s nodes=b/1\n";
    let reset = "@6.000 fault 1 reset a=a/1 b=b/1 ways=both\n";
    let messages = "@12.00 pa/1 pub x.1 size=100\n@25.00 pa/1 pub x.2 size=100 flush\n";
    for (faults, expected) in [(lost.to_owned(), 2), (format!("{lost}{reset}"), 1)] {
        let plan = world(&format!("{faults}{messages}"));
        let outcome = run_plan(&plan);
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), expected, "{faults}");
    }
}

#[test]
fn what_names_and_addresses_lead_to() {
    let two = WORLD.replace(
        "node b/1 region=b",
        "node a/2 region=a cluster=c start=0s wall=0 routes= pool_size=1\nnode b/1 region=b",
    );
    let plan = Plan::parse(&two).unwrap();
    let mut names = Names::of(&plan);
    let (one, two) = (NodeId(0), NodeId(1));
    let nodes = |names: &Names, host: &str| -> Vec<NodeId> {
        names.resolve(host).into_iter().map(|target| target.node).collect()
    };
    assert_eq!(nodes(&names, "a.sim"), [one, two]);
    assert_eq!(nodes(&names, "n2.a.sim"), [two]);
    assert_eq!(nodes(&names, "c.sim"), []);

    let before = names.target(two);
    names.lie(0, &[two], false);
    assert_eq!((nodes(&names, "a.sim"), nodes(&names, "n2.a.sim")), (vec![one], vec![]));
    assert_eq!(nodes(&names, &before.ip.to_string()), [two], "an address needs no name service");

    names.lie(1, &[two], true);
    names.move_node(two);
    assert_eq!(names.resolve("n2.a.sim"), [before], "the latest lie counts");
    assert!(!names.is_there(before) && names.is_there(names.target(two)));
    assert_eq!(names.resolve(&before.ip.to_string()), [before]);
    names.lie_no_more(1);
    assert_eq!(nodes(&names, "a.sim"), [one]);
    names.lie_no_more(0);
    assert_eq!(names.resolve("n2.a.sim"), [names.target(two)]);
    assert_ne!(names.target(two), before);

    let usual = names.node_calls_from(one).ip();
    names.call_from_elsewhere(Site::Node(one));
    let elsewhere = names.node_calls_from(one).ip();
    assert_ne!(usual, elsewhere);
    let dialled = names.resolve(&elsewhere.to_string());
    assert!(dialled.len() == 1 && !names.is_there(dialled[0]), "it only calls from there");
    assert_eq!(names.target(one).ip, usual);
    let client = names.client_calls_from(ClientId(0)).ip();
    names.call_from_elsewhere(Site::Clients(RegionId(0)));
    assert_ne!(names.client_calls_from(ClientId(0)).ip(), client);
}
