//! What is promised where a plan heals a core only: to the core, in spite of the rest.

use super::testkit::{EAST_1, EAST_2, Script, WEST_1};
use crate::history::{Core, FaultKind, Kind, Lost, NodeDownHow, Phase, Unrecoverable, Why};
use crate::ids::{ClientId, NodeId};

/// East is healed; west was cut off at 2 s for ever, and is.
fn script(clients: &[ClientId]) -> Script {
    let mut s = Script::running();
    let left = vec![FaultKind::Partition as u32];
    let nodes = vec![EAST_1, EAST_2];
    s.history.header.core = Some(Core { nodes, clients: clients.to_vec(), left });
    s.at(2_000).partition(true);
    s.routes_down(EAST_1, WEST_1);
    s.routes_down(EAST_2, WEST_1);
    s
}

/// A node of the core is started anew at 3 s; its routes must be back at 5 s.
fn restarted() -> Script {
    let mut s = script(&[]);
    s.at(2_500).node_down(EAST_1, NodeDownHow::Killed);
    s.at(3_000).node_up(EAST_1, 2);
    s
}

#[test]
fn routes_of_the_core_come_back_although_the_rest_stays_cut_off() {
    let mut s = restarted();
    s.at(5_000).routes_up(EAST_1, EAST_2);
    s.at(9_000).event(Kind::End);
    s.judge("routes_reestablished").held(1);

    let mut s = restarted();
    s.at(9_000).event(Kind::End);
    let found = s.judge("routes_reestablished");
    assert!(found.broke(5_000).contains("east/1 has 0 and east/2 has"));

    // Without a core, nothing is promised while somebody is cut off.
    s.history.header.core = None;
    s.judge("routes_reestablished").vacuous();
}

#[test]
fn what_the_plan_makes_impossible_is_told_and_breaks_nothing() {
    let mut s = restarted();
    let what = Lost::Routes(EAST_1, EAST_2);
    s.history.header.unrecoverable = vec![Unrecoverable { what, why: Why::NoRoute }];
    s.at(9_000).event(Kind::End);
    let found = s.judge("routes_reestablished").findings;
    assert_eq!((found.checked, found.broken, found.unrecoverable), (0, 0, 1));
    let (violation, why) = found.first_unrecoverable.unwrap();
    assert!(violation.story.contains("east/1 has 0"), "{}", violation.story);
    assert_eq!(why, Why::NoRoute);

    // Something else that is lost excuses nothing.
    s.history.header.unrecoverable[0].what = Lost::Routes(EAST_2, WEST_1);
    assert_eq!(s.judge("routes_reestablished").findings.broken, 1);
}

#[test]
fn what_becomes_of_others_does_not_put_the_promise_off() {
    let mut s = restarted();
    s.at(4_000).node_down(WEST_1, NodeDownHow::Killed);
    s.at(4_500).node_up(WEST_1, 2);
    s.at(9_000).event(Kind::End);
    s.judge("routes_reestablished").broke(5_000);
}

#[test]
fn the_mesh_of_the_core_is_closed_and_of_the_others_nothing_is_asked() {
    for (peers, broken) in [(&[EAST_2][..], 0), (&[], 1)] {
        let mut s = script(&[]);
        s.at(6_000).snapshot(EAST_1, peers, &[]);
        s.snapshot(WEST_1, &[], &[]);
        let found = s.judge("mesh_closure").findings;
        assert_eq!((found.checked, found.broken), (1, broken));
    }
}

#[test]
fn a_client_whose_servers_are_all_healed_comes_back() {
    let lost = |core: &[ClientId], back: Option<NodeId>| {
        let mut s = script(core);
        let client = s.client("sub/1", EAST_1);
        s.sub(client, 1, "a", "");
        s.at(2_500).node_down(EAST_1, NodeDownHow::Killed);
        s.close(client, "reset");
        s.at(3_000).node_up(EAST_1, 2);
        if let Some(node) = back {
            s.at(4_000).connect(client, node);
            s.sub_sent(client, 1, "a", "", 0);
        }
        s.at(9_000).event(Kind::End);
        let found = s.judge("clients_return").findings;
        (found.broken, found.excused)
    };
    let core = [ClientId(0)];
    assert_eq!(lost(&core, None), (1, 0));
    // It may try its other servers for ever.
    assert_eq!(lost(&[], None), (0, 1));
    assert_eq!(lost(&[], Some(WEST_1)), (0, 1));
    // Once it sits at a healed one, that one must serve it.
    assert_eq!(lost(&[], Some(EAST_2)), (1, 0));
}

#[test]
fn the_core_delivers_and_a_member_behind_what_stays_spoils_its_group() {
    let run = |member: NodeId| {
        let mut s = script(&[]);
        let publisher = s.client("pub/1", EAST_1);
        let plain = s.client("sub/1", EAST_2);
        let worker = s.client("worker/1", EAST_2);
        let other = s.client("worker/2", member);
        s.sub(plain, 1, "a", "");
        s.sub(worker, 1, "a", "q");
        s.sub(other, 1, "a", "q");
        s.at(6_000).publish(publisher, "a");
        s.flush(publisher);
        s.at(9_000).event(Kind::End);
        let mut broken = |id| s.judge(id).findings.broken;
        (broken("quiet_delivery"), broken("one_member_per_queue_group"))
    };
    assert_eq!(run(EAST_1), (1, 1));
    assert_eq!(run(WEST_1), (1, 0));
}

#[test]
fn healthy_connections_stay_in_the_core_and_elsewhere_they_may_go() {
    let broken = |node: NodeId| {
        let mut s = script(&[]);
        let client = s.client("sub/1", node);
        s.at(9_000).close(client, "reset");
        s.phase(Phase::Quiesce);
        let found = s.judge("connections_stay").findings;
        assert!(found.checked > 0, "the pair of the core");
        found.broken
    };
    assert_eq!((broken(EAST_1), broken(WEST_1)), (1, 0));
}

#[test]
fn a_process_that_stands_still_speaks_of_the_dead_for_ever() {
    let dead = |still: bool| {
        let mut s = script(&[]);
        s.route_up(EAST_2, WEST_1);
        if still {
            s.fault(FaultKind::Pause, true, vec![EAST_2], Vec::new());
        }
        s.at(3_000).node_down(WEST_1, NodeDownHow::Killed);
        s.at(9_000).event(Kind::End);
        s.judge("gossip_converges").findings.broken
    };
    assert_eq!((dead(false), dead(true)), (1, 0));
}
