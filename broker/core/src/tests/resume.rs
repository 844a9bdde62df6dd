//! How long it takes until traffic flows over a route again, and what can go wrong when a server
//! speaks first on a connection that leads to another server than last time.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::World;
use super::world::member_config;
use crate::config::HostPort;
use crate::{Duration, Mono, TraceEvent};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// How a server's configuration names its peer.
#[derive(Clone, Copy, Debug)]
enum Route {
    None,
    Address,
    Name,
}

/// Adds a member that lists one peer.
fn member(world: &mut World, peer: usize, route: Route) -> usize {
    let node = world.nodes.len();
    let mut config = member_config(node, &[peer], |_| {});
    let cluster = config.cluster.as_mut().unwrap();
    match route {
        Route::None => cluster.routes.clear(),
        Route::Address => {}
        Route::Name => {
            let host = format!("region{peer}.example");
            cluster.routes[0].address = HostPort { host: host.clone(), port: 6222 };
            world.names.insert(host, vec![peer]);
        }
    }
    world.node(config)
}

/// From the moment when the first connection is up at a side that dialled, until a message
/// that a client of the one node publishes reaches a client of the other: there, and back.
fn time_to_flow(ours: Route, theirs: Route) -> [Duration; 2] {
    let mut world = World::new();
    let a = member(&mut world, 1, ours);
    let b = member(&mut world, 0, theirs);
    world.latency = ROUND_TRIP / 2;
    let clients = [world.quiet_client(a), world.quiet_client(b)];
    world.send(clients[0], "SUB to.a 1\r\n");
    world.send(clients[1], "SUB to.b 1\r\n");
    world.pass(5 * SECOND);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2", "{ours:?} {theirs:?}");
    world.partition(a, b);
    world.pass(5 * SECOND);
    world.heal();
    world.trace.clear();
    let mut up: Option<Mono> = None;
    let mut flowed = [None; 2];
    for _ in 0..5_000 {
        world.pass(MILLI);
        let opened =
            |(_, event): &(usize, TraceEvent)| matches!(event, TraceEvent::LinkOpened { .. });
        if up.is_none() && world.trace.iter().any(opened) {
            up = Some(world.now.mono);
        }
        world.send(clients[0], "PUB to.b 1\r\nx\r\n");
        world.send(clients[1], "PUB to.a 1\r\nx\r\n");
        for (receiver, flowed) in [clients[1], clients[0]].into_iter().zip(&mut flowed) {
            if world.read(receiver).contains("MSG") {
                flowed.get_or_insert(world.now.mono);
            }
        }
    }
    let up = up.expect("a connection comes up");
    world.pass(5 * SECOND);
    assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2", "{ours:?} {theirs:?}");
    assert_eq!(world.routes(b), "n0:$SYS n0:0 n0:1 n0:2", "{ours:?} {theirs:?}");
    flowed.map(|at| at.expect("a message arrives").since(up))
}

/// Who dials speaks first, and what the other side then sends has come back after one round trip.
/// The other side's interest is not known before it has come, so its messages take half a round
/// trip more: less is not possible without a guess at what is wanted there.
#[test]
fn flow_resumes_after_one_round_trip() {
    use Route::{Address, Name, None};
    let bound = |round_trips_by_halves: u32| ROUND_TRIP / 2 * round_trips_by_halves + 2 * MILLI;
    for route in [Address, Name] {
        let [there, back] = time_to_flow(route, None);
        assert!(back <= bound(2), "{route:?}, from the acceptor: {back:?}");
        assert!(there <= bound(3), "{route:?}, from the dialler: {there:?}");
        let [there, back] = time_to_flow(None, route);
        assert!(there <= bound(2), "{route:?}, from the acceptor: {there:?}");
        assert!(back <= bound(3), "{route:?}, from the dialler: {back:?}");
        for theirs in [Address, Name] {
            let [there, back] = time_to_flow(route, theirs);
            assert!(
                there <= bound(3) && back <= bound(3),
                "{route:?} {theirs:?}: {there:?} {back:?}"
            );
        }
    }
}

/// What changes between a claim and the answer is told as well.
#[test]
fn interest_that_changes_while_we_speak_first_is_known_in_the_end() {
    for route in [Route::Address, Route::Name] {
        let mut world = World::new();
        let a = member(&mut world, 1, route);
        let b = member(&mut world, 0, Route::None);
        world.latency = ROUND_TRIP / 2;
        world.pass(5 * SECOND);
        let (near, far) = (world.quiet_client(a), world.quiet_client(b));
        world.send(near, "SUB gone 1\r\nSUB work q 2\r\nSUB work q 3\r\n");
        world.pass(SECOND);
        world.partition(a, b);
        world.pass(SECOND);
        world.heal();
        world.trace.clear();
        let opened =
            |(_, event): &(usize, TraceEvent)| matches!(event, TraceEvent::LinkOpened { .. });
        while !world.trace.iter().any(opened) {
            world.pass(MILLI);
        }
        world.pass(10 * MILLI);
        world.send(near, "UNSUB 1\r\nUNSUB 2\r\nSUB new 4\r\n");
        world.pass(3 * SECOND);
        let reports = world.nodes[b].as_ref().unwrap().subscription_reports(None);
        let known: String =
            reports.iter().map(|sub| format!("{}:{} ", sub.subject, sub.queue)).collect();
        assert_eq!(known, "new: work:q ", "{route:?}");
        world.send(far, "PUB gone 1\r\n1\r\nPUB new 1\r\n2\r\nPUB work 1\r\n3\r\n");
        world.pass(SECOND);
        let got = world.read(near).replace("PING|", "");
        assert_eq!(got, "MSG new 4 1|2|MSG work 3 1|3|", "{route:?}");
    }
}

/// A claim that was meant for another server does not displace the connection that is there.
#[test]
fn a_name_that_leads_elsewhere_disturbs_nobody() {
    let mut world = World::new();
    world.names.insert("eu.example".into(), vec![1, 2]);
    let mut config = member_config(0, &[1], |_| {});
    config.cluster.as_mut().unwrap().routes[0].address.host = "eu.example".into();
    let a = world.node(config);
    let b = world.member(&[], |_| {});
    let c = world.member(&[1], |_| {});
    world.latency = ROUND_TRIP / 2;
    world.pass(10 * SECOND);
    let mesh = ["n1 n2", "n0 n2", "n0 n1"];
    for (node, others) in mesh.iter().enumerate() {
        assert_eq!(world.remotes(node), *others, "node {node}");
    }
    for (round, (gone, stays)) in [(b, c), (c, b)].into_iter().enumerate() {
        let before: Vec<u64> = rids(&world, a, stays);
        world.partition(a, gone);
        world.pass(10 * SECOND);
        assert_eq!(rids(&world, a, stays), before, "round {round}: its connections are left alone");
        world.heal();
        world.pass(10 * SECOND);
        for (node, others) in mesh.iter().enumerate() {
            assert_eq!(world.remotes(node), *others, "node {node} in round {round}");
        }
        assert_eq!(rids(&world, a, stays), before, "round {round}, healed");
    }
}

/// The connections that a node has to another.
fn rids(world: &World, node: usize, other: usize) -> Vec<u64> {
    let reports = world.nodes[node].as_ref().unwrap().route_reports(false);
    let name = format!("n{other}");
    reports.iter().filter(|route| route.remote_name == name).map(|route| route.rid).collect()
}

/// A server that comes back under another id is not the one that is expected, and is welcome.
#[test]
fn a_restarted_server_is_taken_for_what_it_is() {
    for route in [Route::Address, Route::Name] {
        let mut world = World::new();
        let a = member(&mut world, 1, route);
        let b = member(&mut world, 0, Route::None);
        world.latency = ROUND_TRIP / 2;
        world.pass(5 * SECOND);
        for seed in 50..55 {
            world.restart(b, seed);
            world.pass(3 * SECOND);
            assert_eq!(world.routes(a), "n1:$SYS n1:0 n1:1 n1:2", "{route:?}");
            assert_eq!(world.routes(b), "n0:$SYS n0:0 n0:1 n0:2", "{route:?}");
        }
    }
}
