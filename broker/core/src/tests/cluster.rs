//! Several nodes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::World;
use super::world::member_config;
use crate::config::{HostPort, RouteAuth, Secret};
use crate::{CloseReason, Command, Duration, Node, TraceEvent};

const SECOND: Duration = Duration::from_secs(1);

fn pair() -> (World, usize, usize) {
    let mut world = World::new();
    let a = world.member(&[1], |_| {});
    let b = world.member(&[0], |_| {});
    world.pass(3 * SECOND);
    (world, a, b)
}

#[test]
fn two_regions_are_one_plane() {
    let (mut world, a, b) = pair();
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2");
    assert_eq!(world.routes(b), "n0:$SYS n0:0 n0:1 n0:2");
    let (pub_a, sub_b) = (world.quiet_client(a), world.quiet_client(b));
    world.send(sub_b, "SUB orders.eu.* 1\r\n");
    world.send(pub_a, "PUB orders.eu.1 rep 5\r\nhello\r\nPUB orders.us.1 2\r\nno\r\n");
    assert_eq!(world.read(sub_b), "MSG orders.eu.1 1 rep 5|hello|");
    world.send(pub_a, "HPUB orders.eu.2 12 13\r\nNATS/1.0\r\n\r\n!\r\n");
    assert_eq!(world.read(sub_b), "HMSG orders.eu.2 1 12 13|NATS/1.0||!|");
    world.send(sub_b, "UNSUB 1\r\n");
    world.send(pub_a, "PUB orders.eu.1 rep 5\r\nhello\r\nPING\r\n");
    assert_eq!(world.read(sub_b), "");
    assert_eq!(world.read(pub_a), "PONG|");
}

#[test]
fn a_queue_group_spans_servers() {
    let (mut world, a, b) = pair();
    let publisher = world.quiet_client(a);
    let members: Vec<usize> = [a, b, b].iter().map(|node| world.quiet_client(*node)).collect();
    for member in &members {
        world.send(*member, "SUB work q 1\r\n");
    }
    for _ in 0..300 {
        world.send(publisher, "PUB work 1\r\nx\r\n");
    }
    let counts: Vec<usize> =
        members.iter().map(|member| world.read(*member).matches("MSG").count()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 300, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    // When its members leave, the group is served by those that remain.
    world.hang_up(members[1]);
    world.hang_up(members[2]);
    for _ in 0..50 {
        world.send(publisher, "PUB work 1\r\nx\r\n");
    }
    assert_eq!(world.read(members[0]).matches("MSG").count(), 50);
}

#[test]
fn no_responders_knows_of_remote_interest() {
    let (mut world, a, b) = pair();
    let (asker, helper) = (world.quiet_client(a), world.quiet_client(b));
    world.send(asker, "SUB inbox 1\r\n");
    world.send(asker, "PUB help inbox 0\r\n\r\n");
    assert!(world.read(asker).starts_with("HMSG inbox 1 36 36|NATS/1.0 503|"));
    world.send(helper, "SUB help q 1\r\n");
    world.send(asker, "PUB help inbox 0\r\n\r\n");
    assert_eq!(world.read(helper), "MSG help 1 inbox 0||");
    world.send(helper, "PUB inbox 2\r\nok\r\n");
    assert_eq!(world.read(asker), "MSG inbox 1 2|ok|");
}

#[test]
fn a_partition_heals_and_traffic_flows_again() {
    let (mut world, a, b) = pair();
    let (near, far) = (world.quiet_client(a), world.quiet_client(b));
    world.send(far, "SUB x 1\r\n");
    world.send(near, "SUB local 1\r\n");
    world.partition(a, b);
    world.settle();
    assert_eq!((world.routes(a), world.routes(b)), (String::new(), String::new()));
    world.send(near, "PUB x 1\r\n1\r\nPUB local 2\r\nok\r\n");
    assert_eq!(world.read(far), "", "nothing crosses");
    assert_eq!(world.read(near), "MSG local 1 2|ok|", "the region goes on alone");
    world.pass(10 * SECOND);
    world.heal();
    world.pass(Duration::from_millis(100));
    world.read(far);
    world.send(near, "PUB x 1\r\n2\r\n");
    assert_eq!(world.read(far), "MSG x 1 1|2|");
    world.pass(3 * SECOND);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2");
}

#[test]
fn a_black_hole_is_noticed_within_seconds() {
    let (mut world, a, b) = pair();
    world.black_hole(a, b);
    world.pass(6 * SECOND);
    assert_eq!((world.routes(a), world.routes(b)), (String::new(), String::new()));
    world.heal();
    world.pass(3 * SECOND);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2");
}

#[test]
fn a_question_that_waits_behind_data_is_not_held_against_the_peer() {
    let mut world = World::new();
    let a = world.member(&[1], |cluster| cluster.pool_size = 0);
    let b = world.member(&[], |cluster| cluster.pool_size = 0);
    world.pass(3 * SECOND);
    let (publisher, subscriber) = (world.quiet_client(a), world.quiet_client(b));
    world.send(subscriber, "SUB x 1\r\n");
    world.room.insert((a, b), 0);
    for _ in 0..100 {
        world.send(publisher, format!("PUB x 1000\r\n{}\r\n", "y".repeat(1000)));
    }
    for second in 0..25 {
        world.room.insert((a, b), 4000);
        world.pass(SECOND);
        assert_eq!(world.routes(a), "n1:0", "after {second} s");
    }
    assert_eq!(world.read(subscriber).matches("MSG").count(), 98, "100 kB");
    // There is more time than on an idle link, but not without end.
    world.black_hole(a, b);
    world.pass(13 * SECOND);
    assert_eq!(world.routes(a), "", "a socket that takes nothing is a black hole");
}

#[test]
fn an_unreachable_server_is_looked_for_with_one_lane() {
    let (mut world, a, b) = pair();
    // The other lanes have not been found dead yet.
    world.black_hole(a, b);
    world.break_one(a, b);
    let before = world.dials[a];
    world.break_one(a, b);
    world.pass(SECOND);
    assert_eq!(world.routes(a).split(' ').count(), 2);
    let dials = world.dials[a] - before;
    assert!((20..=42).contains(&dials), "{dials}");
    world.heal();
    world.pass(SECOND);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2");
}

#[test]
fn a_door_with_nobody_behind_it_is_tried_with_one_lane() {
    let (mut world, a, b) = pair();
    world.latency = Duration::from_millis(1);
    world.only_a_door(a);
    world.only_a_door(b);
    (0..4).for_each(|_| world.break_one(a, b));
    world.pass(SECOND);
    assert_eq!(world.routes(b), "");
    let before = world.dials[b];
    world.pass(SECOND);
    let dials = world.dials[b] - before;
    assert!((20..=42).contains(&dials), "{dials}");
    world.heal();
    world.pass(SECOND);
    assert_eq!(world.routes(b), "n0:$SYS n0:0 n0:1 n0:2");
}

#[test]
fn gossip_closes_the_mesh_and_keeps_it_closed() {
    for seeds in [vec_of(&[&[], &[0], &[0], &[0]]), vec_of(&[&[], &[0], &[1], &[2]])] {
        let mut world = World::new();
        for routes in &seeds {
            world.member(routes, |_| {});
        }
        world.pass(5 * SECOND);
        let mesh = ["n1 n2 n3", "n0 n2 n3", "n0 n1 n3", "n0 n1 n2"];
        for (node, others) in mesh.iter().enumerate() {
            assert_eq!(world.remotes(node), *others, "node {node}, {seeds:?}");
        }
        // Two that know each other only by hearsay lose each other while their seed is fine.
        world.partition(2, 3);
        world.pass(30 * SECOND);
        assert_eq!(world.remotes(2), "n0 n1");
        world.heal();
        world.pass(2 * SECOND);
        for (node, others) in mesh.iter().enumerate() {
            assert_eq!(world.remotes(node), *others, "node {node} after healing, {seeds:?}");
        }
    }
}

#[test]
fn gossiped_peers_that_cannot_be_dialled_at_first_are_tried_again() {
    let mut world = World::new();
    for routes in [&[][..], &[0], &[0]] {
        world.member(routes, |_| {});
    }
    world.black_hole(1, 2);
    world.pass(5 * SECOND);
    assert_eq!((world.remotes(1).as_str(), world.remotes(2).as_str()), ("n0", "n0"));
    world.heal();
    world.pass(2 * SECOND);
    assert_eq!((world.remotes(1).as_str(), world.remotes(2).as_str()), ("n0 n2", "n0 n1"));
}

#[test]
fn restarted_servers_come_back() {
    let mut world = World::new();
    for routes in [&[][..], &[0], &[0]] {
        world.member(routes, |_| {});
    }
    world.pass(3 * SECOND);
    for (round, node) in [0, 1, 2, 0].into_iter().enumerate() {
        world.restart(node, 100 + round as u8);
        world.pass(5 * SECOND);
        for (node, others) in ["n1 n2", "n0 n2", "n0 n1"].iter().enumerate() {
            assert_eq!(world.remotes(node), *others, "node {node} in round {round}");
        }
    }
}

#[test]
fn two_newcomers_at_the_same_time_find_each_other() {
    for seed in 0..40 {
        let mut world = World::new();
        // Two groups, each around a server that knows nobody, and one that joins them.
        for routes in [&[][..], &[0], &[], &[2], &[0, 2]] {
            world.member(routes, |_| {});
        }
        world.pass(5 * SECOND);
        // They restart in the same instant.
        world.restart(0, 100 + seed);
        world.restart(2, 150 + seed);
        world.pass(10 * SECOND);
        assert_eq!(world.remotes(0), "n1 n2 n3 n4", "seed {seed}");
        assert_eq!(world.remotes(2), "n0 n1 n3 n4", "seed {seed}");
    }
}

#[test]
fn both_sides_dialling_at_once_settle_on_one_set_of_connections() {
    for seed in 0..50 {
        let mut world = World::new();
        for node in 0..3 {
            let others: Vec<usize> = (0..3).filter(|other| *other != node).collect();
            world.member(&others, |_| {});
        }
        for node in 0..3 {
            world.restart(node, 10 + seed * 3 + node as u8);
        }
        world.pass(5 * SECOND);
        assert_eq!(world.routes(0), "n1:$SYS n1:0 n1:1 n1:2 n2:$SYS n2:0 n2:1 n2:2");
    }
}

#[test]
fn pools_of_different_sizes_and_none() {
    for (sizes, routes) in [
        ((3, 1), "n1:$SYS n1:0 n1:1 n1:2"),
        ((1, 1), "n1:$SYS n1:0"),
        ((5, 2), "n1:$SYS n1:0 n1:1 n1:2 n1:3 n1:4"),
        ((0, 3), "n1:0"),
        ((3, 0), "n1:0"),
        ((0, 0), "n1:0"),
    ] {
        let mut world = World::new();
        let a = world.member(&[1], |cluster| cluster.pool_size = sizes.0);
        let b = world.member(&[], |cluster| cluster.pool_size = sizes.1);
        world.pass(5 * SECOND);
        assert_eq!(world.routes(a), routes, "{sizes:?}");
        let (near, far) = (world.quiet_client(a), world.quiet_client(b));
        world.send(near, "SUB down 1\r\n");
        world.send(far, "SUB up 1\r\n");
        world.send(near, "PUB up 1\r\nx\r\n");
        world.send(far, "PUB down 1\r\ny\r\n");
        assert_eq!(world.read(far), "MSG up 1 1|x|", "{sizes:?}");
        assert_eq!(world.read(near), "MSG down 1 1|y|", "{sizes:?}");
    }
}

#[test]
fn a_dedicated_route_for_the_global_account() {
    let mut world = World::new();
    let a = world.member(&[1], |cluster| cluster.pinned_accounts.push("$G".into()));
    let b = world.member(&[], |cluster| cluster.pinned_accounts.push("$G".into()));
    world.pass(3 * SECOND);
    assert_eq!(world.routes(a), "n1:$G n1:$SYS n1:0 n1:1 n1:2");
    let (near, far) = (world.quiet_client(a), world.quiet_client(b));
    world.send(far, "SUB up.> 1\r\nSUB up.* q 2\r\n");
    world.send(near, "PUB up.a 1\r\nx\r\n");
    assert_eq!(world.read(far), "MSG up.a 1 1|x|MSG up.a 2 1|x|");
}

#[test]
fn the_one_hop_rule_and_no_duplicates() {
    let mut world = World::new();
    for routes in [&[][..], &[0], &[0, 1]] {
        world.member(routes, |_| {});
    }
    world.pass(3 * SECOND);
    let subscribers: Vec<usize> = (0..3).map(|node| world.quiet_client(node)).collect();
    for subscriber in &subscribers {
        world.send(*subscriber, "SUB a.* 1\r\nSUB a.b 2\r\n");
    }
    let publisher = world.quiet_client(1);
    world.send(publisher, "PUB a.b 1\r\nx\r\n");
    for subscriber in &subscribers {
        let got = world.read(*subscriber);
        assert_eq!(got.matches("MSG a.b 1 1|x|").count(), 1, "{got}");
        assert_eq!(got.matches("MSG a.b 2 1|x|").count(), 1, "{got}");
    }
}

#[test]
fn auto_unsubscribe_counts_over_the_cluster() {
    let (mut world, a, b) = pair();
    let (near, far) = (world.quiet_client(a), world.quiet_client(b));
    world.send(far, "SUB x 1\r\nUNSUB 1 2\r\n");
    for _ in 0..5 {
        world.send(near, "PUB x 1\r\n.\r\n");
    }
    assert_eq!(world.read(far).matches("MSG").count(), 2);
    let report = world.nodes[a].as_ref().unwrap().interest_report();
    assert_eq!(report.subscriptions, 0, "the interest was withdrawn");
}

#[test]
fn names_of_clusters_are_negotiated_or_refused() {
    let mut world = World::new();
    let a = world.member(&[1], |cluster| cluster.name = Some("east".into()));
    let b = world.member(&[], |cluster| cluster.name = Some("west".into()));
    world.pass(3 * SECOND);
    assert_eq!((world.remotes(a), world.remotes(b)), (String::new(), String::new()));
    let mut world = World::new();
    let a = world.member(&[1], |cluster| cluster.name = Some("east".into()));
    let b = world.member(&[], |cluster| cluster.name = None);
    let c = world.member(&[1], |cluster| cluster.name = None);
    world.pass(10 * SECOND);
    assert_eq!(world.remotes(a), "n1 n2");
    for node in [a, b, c] {
        let report = world.nodes[node].as_ref().unwrap().server_report();
        assert_eq!(report.cluster_name, "east");
    }
    let mut world = World::new();
    for routes in [&[1, 2][..], &[0, 2], &[0, 1]] {
        world.member(routes, |cluster| cluster.name = None);
    }
    world.pass(20 * SECOND);
    assert_eq!(world.remotes(0), "n1 n2");
}

#[test]
fn credentials_of_a_cluster() {
    let auth = |password: &str| {
        Some(RouteAuth { user: "ruser".into(), password: Secret(password.into()) })
    };
    for (ours, theirs, remotes) in
        [(auth("pw"), auth("pw"), "n1"), (auth("pw"), auth("no"), ""), (None, auth("pw"), "")]
    {
        let mut world = World::new();
        let a = world.member(&[1], |cluster| cluster.auth = ours.clone());
        world.member(&[], |cluster| cluster.auth = theirs.clone());
        world.pass(3 * SECOND);
        assert_eq!(world.remotes(a), remotes);
        let before = world.dials[a];
        world.pass(10 * SECOND);
        assert!(world.dials[a] - before <= 20, "it is not tried at full rate");
        let stranger = world.route_client(1);
        world.read(stranger);
        world.send(stranger, "PING\r\n");
        assert_eq!(world.read(stranger), "-ERR 'Authorization Violation'|-closed-");
    }
}

#[test]
fn strangers_on_the_cluster_port() {
    let mut world = World::new();
    let node = world.member(&[], |_| {});
    let client = world.route_client(node);
    assert!(world.read(client).contains("\"route_pool_size\":3"));
    world.send(client, "CONNECT {\"lang\":\"go\",\"verbose\":false}\r\n");
    assert_eq!(world.read(client), "-ERR 'attempted to connect to route port'|-closed-");
    for (lines, answer) in [
        (
            "CONNECT {\"name\":\"x\",\"cluster\":\"D\"}",
            "-ERR 'Rejecting connection, cluster name \"D\" does not match \"C\"'|-closed-",
        ),
        (
            "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\nRS+ $G foo",
            "-ERR 'interest or message before INFO'|-closed-",
        ),
        (
            "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\nINFO {\"server_id\":\"x\",\"cluster\":\"C\",\"port\":6222,\"route_pool_size\":3,\"route_pool_idx\":7}",
            "-ERR 'Invalid route pool index: 7 - pool size is 3'|-closed-",
        ),
        (
            "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\nINFO {\"server_id\":\"x\",\"cluster\":\"C\",\"port\":6222,\"route_pool_size\":3,\"route_account\":\"X\"}",
            "-ERR 'No route for account \"X\"'|-closed-",
        ),
        (
            "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\nINFO {\"server_id\":\"x\",\"server_name\":\"n0\",\"cluster\":\"C\"}",
            "-closed-",
        ),
        (
            "CONNECT {\"gateway\":\"G\"}",
            "-ERR 'Rejecting connection from gateway \"G\" on the Route port'|-closed-",
        ),
    ] {
        let client = world.route_client(node);
        world.read(client);
        world.send(client, format!("{lines}\r\n"));
        assert_eq!(world.read(client), answer, "{lines}");
    }
    let silent = world.route_client(node);
    world.read(silent);
    world.pass(10 * SECOND);
    assert_eq!(world.read(silent), "-ERR 'Authentication Timeout'|-closed-");
}

/// Found by the fuzz target `route_stream`: the lane of such a route outlived it.
#[test]
fn who_a_peer_is_cannot_be_said_twice() {
    let mut world = World::new();
    let node = world.member(&[], |_| {});
    let peer = world.route_client(node);
    world.send(peer, "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\n");
    world.send(peer, "INFO {\"server_id\":\"x\",\"server_name\":\"x\",\"cluster\":\"C\",\"route_pool_size\":3}\r\n");
    assert_eq!(world.routes(node), "x:0");
    world.send(peer, "CONNECT {\"name\":\"y\",\"cluster\":\"D\"}\r\nCONNECT {\"name\":\"\"}\r\n");
    assert_eq!(world.routes(node), "x:0");
    world.hang_up(peer);
    assert_eq!(world.routes(node), "");
}

#[test]
fn a_route_to_oneself_is_dropped_for_good() {
    let mut world = World::new();
    let node = world.member(&[0], |_| {});
    world.pass(5 * SECOND);
    assert_eq!(world.remotes(node), "");
    let duplicates = world.trace.len();
    world.pass(60 * SECOND);
    assert_eq!(world.trace.len(), duplicates, "it is not tried again");
}

#[test]
fn a_name_for_oneself_is_looked_up_again_now_and_then() {
    let mut world = World::new();
    world.names.insert("eu.example".into(), alloc::vec![0]);
    let mut config = member_config(0, &[1], |_| {});
    config.cluster.as_mut().unwrap().routes[0].address.host = "eu.example".into();
    let a = world.node(config);
    let b = world.member(&[], |_| {});
    world.pass(25 * SECOND);
    assert_eq!(world.lookups, 1, "it is not tried at full rate");
    let failed = |(_, event): &(usize, TraceEvent)| matches!(event, TraceEvent::DialFailed { .. });
    assert!(!world.trace.iter().any(failed), "it is no failure");
    world.pass(120 * SECOND);
    assert!(world.lookups <= 6, "{} lookups", world.lookups);
    // The name's other servers start later.
    world.names.insert("eu.example".into(), alloc::vec![0, b]);
    world.pass(35 * SECOND);
    assert_eq!((world.remotes(a).as_str(), world.remotes(b).as_str()), ("n1", "n0"));
}

#[test]
fn a_name_that_turns_out_to_be_a_neighbours_displaces_nothing() {
    let mut world = World::new();
    world.names.insert("eu.example".into(), alloc::vec![]);
    let mut config = member_config(0, &[1], |_| {});
    config.cluster.as_mut().unwrap().routes[0].address.host = "eu.example".into();
    let a = world.node(config);
    let b = world.member(&[a], |_| {});
    world.pass(10 * SECOND);
    let connections = |world: &World| {
        let reports = world.nodes[a].as_ref().unwrap().route_reports(false);
        reports.iter().map(|route| route.rid).collect::<Vec<_>>()
    };
    let (before, dials) = (connections(&world), world.dials[a]);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2");
    world.names.insert("eu.example".into(), alloc::vec![b]);
    world.pass(5 * SECOND);
    assert!(world.dials[a] > dials);
    assert_eq!(connections(&world), before);
    assert_eq!(dials_in_a_minute(&mut world, a), 0, "now it knows who is there");
}

#[test]
fn reload_adds_and_removes_routes() {
    let mut world = World::new();
    let a = world.member(&[], |_| {});
    let b = world.member(&[], |_| {});
    world.pass(SECOND);
    assert_eq!(world.remotes(a), "");
    world.command(a, Command::Reload(member_config(a, &[b], |_| {}).into()));
    world.pass(3 * SECOND);
    assert_eq!(world.remotes(a), "n1");
    world.command(a, Command::Reload(member_config(a, &[], |_| {}).into()));
    world.settle();
    assert_eq!(world.remotes(a), "");
}

/// The members of a cluster know of each other by gossip from the first, except it.
fn star(members: usize) -> World {
    let mut world = World::new();
    for node in 0..members {
        let seed: &[usize] = if node == 0 { &[] } else { &[0] };
        world.member(seed, |_| {});
    }
    world.pass(5 * SECOND);
    world
}

/// How often a node dials in a minute.
fn dials_in_a_minute(world: &mut World, node: usize) -> usize {
    let before = world.dials[node];
    world.pass(60 * SECOND);
    world.dials[node] - before
}

#[test]
fn a_gossiped_peer_that_is_gone_is_dialled_ever_less_and_forgotten() {
    let mut world = star(3);
    world.kill(2);
    world.pass(60 * SECOND);
    for node in [0, 1] {
        let dials = dials_in_a_minute(&mut world, node);
        assert!(dials <= 3, "node {node} dials {dials} times in a minute");
    }
    world.pass(Duration::from_secs(3700));
    for node in [0, 1] {
        assert_eq!(dials_in_a_minute(&mut world, node), 0, "node {node} has forgotten it");
    }
}

#[test]
fn a_gossiped_peer_that_somebody_has_a_route_to_is_dialled_for_ever() {
    let mut world = star(3);
    world.partition(1, 2);
    world.pass(Duration::from_secs(2 * 3600));
    let dials = dials_in_a_minute(&mut world, 1);
    assert!((40..=80).contains(&dials), "{dials} dials in a minute");
    // Node 0 has no route to it either, for a while, and then has one again.
    world.partition(0, 2);
    world.pass(Duration::from_secs(1800));
    let dials = dials_in_a_minute(&mut world, 1);
    assert!(dials <= 4, "{dials} dials in a minute");
    world.cut.retain(|pair| *pair == (1, 2));
    world.pass(5 * SECOND);
    assert_eq!(world.remotes(0), "n1 n2");
    let dials = dials_in_a_minute(&mut world, 1);
    assert!(dials >= 40, "node 0 has said that it is there again: {dials} dials in a minute");
    world.heal();
    world.pass(3 * SECOND);
    assert_eq!(world.remotes(1), "n0 n2");
}

#[test]
fn who_finds_a_restarted_server_by_itself_tells_the_others() {
    let mut world = World::new();
    for routes in [&[1][..], &[], &[1]] {
        world.member(routes, |_| {});
    }
    world.pass(5 * SECOND);
    assert_eq!((world.remotes(0).as_str(), world.remotes(1).as_str()), ("n1 n2", "n0 n2"));
    // It comes back under another id, and lists nobody: only node 0 knows where it was.
    world.kill(2);
    let lonely = Node::new(member_config(2, &[], |_| {}).into(), [77; 32], world.now);
    world.nodes[2] = Some(lonely);
    world.pass(5 * SECOND);
    assert_eq!(world.remotes(2), "n0 n1");
    assert_eq!(world.remotes(1), "n0 n2");
}

#[test]
fn a_server_whose_account_connection_comes_first_is_told_of_all_the_same() {
    let mut world = World::new();
    let node = world.member(&[], |_| {});
    let mut connect = |id: &str, more: &str| {
        let link = world.route_client(node);
        world.read(link);
        world.send(link, format!("CONNECT {{\"name\":\"{id}\",\"cluster\":\"C\"}}\r\n"));
        let info = format!(
            "INFO {{\"server_id\":\"{id}\",\"server_name\":\"{id}\",\"cluster\":\"C\",\
             \"go\":\"go1.24\",\"port\":6222,\"route_pool_size\":3{more}}}\r\n"
        );
        world.send(link, info);
        link
    };
    let early = connect("early", "");
    connect("late", ",\"route_account\":\"$SYS\"");
    connect("late", "");
    let told = world.read(early);
    assert_eq!(told.matches("\"server_id\":\"late\"").count(), 1, "{told}");
    assert!(!told.contains("\"route_account\""), "its shared connections, too: {told}");
}

#[test]
fn restarts_leave_nothing_behind() {
    let mut world = star(3);
    let targets = |world: &World, node: usize| {
        world.nodes[node].as_ref().unwrap().cluster.as_ref().unwrap().targets.len()
    };
    let before = [targets(&world, 0), targets(&world, 1)];
    for round in 0..20 {
        world.restart(2, 100 + round);
        world.pass(5 * SECOND);
        assert_eq!(world.remotes(1), "n0 n2", "round {round}");
    }
    let after = [targets(&world, 0), targets(&world, 1)];
    assert!(after[0] <= before[0] + 1 && after[1] <= before[1], "{before:?}, then {after:?}");
}

#[test]
fn clients_learn_where_else_they_can_connect() {
    let mut world = World::new();
    let a = world.member(&[], |_| {});
    let client = world.client(a);
    world.send(client, "CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n");
    let alone = world.read(client);
    assert!(!alone.contains("connect_urls"), "there is nowhere else: {alone}");
    let b = world.member(&[0], |_| {});
    world.pass(SECOND);
    let news = world.read(client);
    assert!(news.contains("\"connect_urls\":[\"10.0.0.0:4222\",\"10.0.0.1:4222\"]"), "{news}");
    let other = world.quiet_client(b);
    world.command(b, Command::LameDuck);
    let news = world.read(client);
    assert!(news.contains("\"connect_urls\":[\"10.0.0.0:4222\"]"), "{news}");
    let _ = (other, HostPort::default());
}

/// nats-server takes such a peer for a server, is cut off for the first RS+, and dials again at
/// once, some thousand times a second.
#[test]
fn a_client_port_never_becomes_a_route() {
    let mut world = World::new();
    let a = world.member(&[1], |cluster| cluster.routes[0].address.port = 4222);
    let b = world.member(&[], |_| {});
    world.pass(10 * SECOND);
    assert_eq!((world.routes(a), world.routes(b)), (String::new(), String::new()));
    let wrong_port = world.trace.iter().filter(|(node, event)| {
        let reason = CloseReason::WrongPort;
        *node == a && matches!(event, TraceEvent::LinkClosed { reason: of, .. } if *of == reason)
    });
    let attempts = wrong_port.count();
    assert!((3..200).contains(&attempts), "{attempts}");
    let client = world.quiet_client(b);
    world.send(client, "PING\r\n");
    assert_eq!(world.read(client), "PONG|");
}

/// Routes are told neither what the server was built from nor, unlike clients before there are
/// others, nothing about where clients connect.
#[test]
fn what_a_route_is_told_first() {
    let mut world = World::new();
    let mut config = member_config(0, &[], |_| {});
    config.git_commit = "abcdef0".into();
    let node = world.node(config);
    let peer = world.route_client(node);
    let info = world.read(peer);
    assert!(info.contains("\"connect_urls\":[\"10.0.0.0:4222\"]"), "{info}");
    assert!(!info.contains("git_commit"), "{info}");
    let client = world.client(node);
    let info = world.read(client);
    assert!(info.contains("\"git_commit\":\"abcdef0\""), "{info}");
    assert!(info.contains("\"cluster\":\"C\""), "{info}");
}

#[test]
fn clients_are_not_told_that_a_cluster_name_is_made_up() {
    let mut world = World::new();
    let node = world.member(&[], |cluster| cluster.name = None);
    let client = world.client(node);
    let info = world.read(client);
    assert!(info.contains("\"cluster\":\"") && !info.contains("cluster_dynamic"), "{info}");
    let peer = world.route_client(node);
    let info = world.read(peer);
    assert!(info.contains("\"cluster_dynamic\":true"), "{info}");
}

fn vec_of(lists: &[&[usize]]) -> Vec<Vec<usize>> {
    lists.iter().map(|list| list.to_vec()).collect()
}

/// An answer that something has held up is no reason to wait eight times as long for the next one.
#[test]
fn a_late_answer_does_not_teach_patience() {
    let mut world = World::new();
    let node = world.member(&[], |_| {});
    let peer = world.route_client(node);
    world.send(peer, "CONNECT {\"name\":\"x\",\"cluster\":\"C\"}\r\n");
    world.send(peer, "INFO {\"server_id\":\"x\",\"server_name\":\"x\",\"cluster\":\"C\",\"route_pool_size\":3}\r\n");
    // The first ping comes after a second, the next after two of silence.
    for (wait, late) in [(1_001, 0), (2_001, 2_900)] {
        world.read(peer);
        world.pass(Duration::from_millis(wait));
        assert!(world.read(peer).contains("PING"), "{late}");
        world.pass(Duration::from_millis(late));
        world.send(peer, "PONG\r\n");
    }
    world.pass(6 * SECOND);
    assert_eq!(world.read(peer), "PING|-ERR 'Stale Connection'|-closed-");
}
