//! Bytes of one connection through a whole node, in several ways that must give the same bytes on
//! all connections.
//!
//! An input begins with three bytes that choose: the surroundings, the sizes of reads, the sizes of
//! writes. All others are the stream.

use causeway_core::config::{
    ClientAuth, ClientLimits, ClusterConfig, HostPort, NodeConfig, RouteAuth, RoutePermissions,
    RouteUrl, Secret, SubjectPermission, User,
};
use causeway_core::{LinkId, Origin};
use causeway_wire::client::{self, ServerOp};
use causeway_wire::info::Info;
use causeway_wire::route::{self, AccountToken, RouteOp, UnsubOrigin};
use causeway_wire::{Limits, ParseError, Parsed};

use crate::host::{Host, Outcome};

/// Longer streams are not fed byte by byte: the other pieces say the same, sooner.
const SINGLE_BYTES_MAX: usize = 250;

/// Ends every stream. A wrong end of a payload is seen when its first byte is there, or only when the
/// frame should be whole: which of them comes first depends on the pieces. If a connection is closed
/// in one way of reading and not yet in another, the next end decides.
const ENDS: [&[u8]; 3] = [b"", b"\r\n", b"\r\n\n"];

/// What each bit of the first byte stands for, in the surroundings of a client.
mod around_client {
    pub(super) const TOKEN: u8 = 1;
    pub(super) const USERS: u8 = 2;
    pub(super) const SUBSCRIBER: u8 = 4;
    pub(super) const ROUTE: u8 = 8;
    pub(super) const SMALL_LIMITS: u8 = 16;
    pub(super) const NO_HEADERS: u8 = 32;
    pub(super) const EAGER: u8 = 64;
    pub(super) const POOL: u8 = 128;
}

/// The same for a route.
mod around_route {
    pub(super) const DIALLED: u8 = 1;
    pub(super) const HANDSHAKE: u8 = 2;
    pub(super) const POOL: u8 = 4;
    pub(super) const CLIENTS: u8 = 8;
    pub(super) const AUTH: u8 = 16;
    pub(super) const PERMISSIONS: u8 = 32;
    pub(super) const EAGER: u8 = 64;
    pub(super) const OTHER_ROUTE: u8 = 128;
}

/// A connection on the client port. Whatever it sends, the others go on.
pub fn client_stream(input: &[u8]) {
    let Some(([choices, reads, writes], stream)) = input.split_first_chunk() else { return };
    let run = |stream: &[u8], way: &Way| {
        let mut host = Host::new(client_surroundings(*choices), way.write_bytes);
        let mut others = Vec::new();
        if choices & around_client::SUBSCRIBER != 0 {
            others.push(subscriber(&mut host));
        }
        if choices & around_client::ROUTE != 0 {
            others.extend(peer(&mut host, choices & around_client::POOL != 0));
        }
        let link = host.accept(Origin::Client);
        host.feed(link, stream, &way.read_bytes, way.eager);
        for other in &others {
            assert!(!host.outcome(*other).closed, "another connection is disturbed");
        }
        let outcomes = all_outcomes(&host, link, &others);
        finish(&mut host, link);
        outcomes
    };
    let outcomes = the_same_in_all_ways(stream, (*reads, *writes), *choices, run);
    reads_as_server(&outcomes[0]);
    for (index, other) in outcomes.iter().enumerate().skip(1) {
        if choices & around_client::SUBSCRIBER != 0 && index == 1 {
            reads_as_server(other);
        } else {
            reads_as_route(other);
        }
    }
}

/// A connection on the cluster port, or one that the node has dialled. Clients go on whatever it
/// sends, and no message goes on to another route.
pub fn route_stream(input: &[u8]) {
    let Some(([choices, reads, writes], stream)) = input.split_first_chunk() else { return };
    let chosen = |bit: u8| choices & bit != 0;
    let mut whole = Vec::new();
    if chosen(around_route::HANDSHAKE) {
        whole.extend_from_slice(handshake("FUZZ", 0, chosen(around_route::DIALLED)).as_bytes());
    }
    whole.extend_from_slice(stream);
    let run = |stream: &[u8], way: &Way| {
        let mut host = Host::new(route_surroundings(*choices), way.write_bytes);
        let link =
            if chosen(around_route::DIALLED) { host.dialled() } else { host.accept(Origin::Route) };
        let mut others = Vec::new();
        if chosen(around_route::CLIENTS) {
            others.push(subscriber(&mut host));
        }
        if chosen(around_route::OTHER_ROUTE) && !chosen(around_route::AUTH) {
            others.extend(peer(&mut host, chosen(around_route::POOL)));
        }
        host.feed(link, stream, &way.read_bytes, way.eager);
        let outcomes = all_outcomes(&host, link, &others);
        finish(&mut host, link);
        outcomes
    };
    let outcomes = the_same_in_all_ways(&whole, (*reads, *writes), *choices, run);
    reads_as_route(&outcomes[0]);
    for (index, other) in outcomes.iter().enumerate().skip(1) {
        if chosen(around_route::CLIENTS) && index == 1 {
            assert!(!other.closed, "a client is disturbed");
            reads_as_server(other);
        } else {
            assert_eq!(reads_as_route(other), 0, "what came by a route leaves by no other");
        }
    }
}

/// How a host reads and writes.
struct Way {
    read_bytes: Vec<usize>,
    write_bytes: usize,
    eager: bool,
}

/// Runs it in several ways, and gives what came out of all connections.
fn the_same_in_all_ways(
    stream: &[u8],
    (reads, writes): (u8, u8),
    choices: u8,
    run: impl Fn(&[u8], &Way) -> Vec<Outcome>,
) -> Vec<Outcome> {
    let reads = usize::from(reads);
    let pieces = vec![1 + reads % 16, 1 + reads / 16, 1 + reads * 3];
    let eager = choices & around_client::EAGER != 0;
    const { assert!(around_client::EAGER == around_route::EAGER) };
    let whole = Way { read_bytes: vec![usize::MAX], write_bytes: usize::MAX, eager: false };
    let mut ways =
        vec![Way { read_bytes: pieces, write_bytes: 1 + usize::from(writes) * 4, eager }];
    if stream.len() <= SINGLE_BYTES_MAX {
        ways.push(Way { read_bytes: vec![1], write_bytes: usize::MAX, eager });
    }
    for end in ENDS {
        let stream = [stream, end].concat();
        let expected = run(&stream, &whole);
        let found: Vec<_> = ways.iter().map(|way| run(&stream, way)).collect();
        if found.iter().all(|found| found[0].closed == expected[0].closed) {
            for (way, found) in ways.iter().zip(&found) {
                compare(&expected, found, way);
            }
            return expected;
        }
    }
    panic!("whether the connection is closed depends on the pieces");
}

fn compare(expected: &[Outcome], found: &[Outcome], way: &Way) {
    for (index, (one, other)) in expected.iter().zip(found).enumerate() {
        let pieces = &way.read_bytes;
        assert_eq!(one.closed, other.closed, "connection {index}, pieces {pieces:?}");
        let (a, b) = (&one.bytes, &other.bytes);
        let same = if one.cut { a.starts_with(b) || b.starts_with(a) } else { a == b };
        let (a, b) = (a.escape_ascii(), b.escape_ascii());
        assert!(same, "connection {index}, pieces {pieces:?}:\n{a}\n{b}");
    }
}

fn all_outcomes(host: &Host, link: LinkId, others: &[LinkId]) -> Vec<Outcome> {
    std::iter::once(&link).chain(others).map(|link| host.outcome(*link)).collect()
}

/// What else must not trouble the node.
fn finish(host: &mut Host, link: LinkId) {
    host.let_time_pass();
    host.hang_up(link);
    host.shut_down();
}

fn client_surroundings(choices: u8) -> NodeConfig {
    let chosen = |bit: u8| choices & bit != 0;
    let auth = if chosen(around_client::USERS) {
        let user = |name: &str, password: &str| User {
            name: name.to_owned(),
            password: Secret(password.to_owned()),
        };
        let no_auth_user = chosen(around_client::TOKEN).then(|| "b".to_owned());
        ClientAuth::Users { users: vec![user("a", "$2a$04$p"), user("b", "p")], no_auth_user }
    } else if chosen(around_client::TOKEN) {
        ClientAuth::Token(Secret("t".to_owned()))
    } else {
        ClientAuth::Open
    };
    let mut config = base(chosen(around_client::POOL));
    config.auth = auth;
    config.headers = !chosen(around_client::NO_HEADERS);
    if chosen(around_client::SMALL_LIMITS) {
        config.limits = ClientLimits {
            max_subscriptions: 3,
            max_subscription_tokens: 3,
            max_control_line: 200,
            max_payload: 40,
            ..ClientLimits::default()
        };
    }
    config
}

fn route_surroundings(choices: u8) -> NodeConfig {
    let chosen = |bit: u8| choices & bit != 0;
    let mut config = base(chosen(around_route::POOL));
    let Some(cluster) = &mut config.cluster else { return config };
    if chosen(around_route::DIALLED) {
        let address = HostPort { host: "10.0.0.9".to_owned(), port: 6222 };
        cluster.routes = vec![RouteUrl { address, auth: None }];
    }
    if chosen(around_route::AUTH) {
        cluster.auth = Some(RouteAuth { user: "u".to_owned(), password: Secret("p".to_owned()) });
    }
    if chosen(around_route::PERMISSIONS) {
        let permission = |allow: &str, deny: &str| SubjectPermission {
            allow: vec![allow.to_owned()],
            deny: vec![deny.to_owned()],
        };
        cluster.permissions = RoutePermissions {
            import: Some(permission("a.>", "a.b")),
            export: Some(permission("*", "b")),
        };
    }
    config
}

fn base(pool: bool) -> NodeConfig {
    NodeConfig {
        server_name: Some("node".to_owned()),
        client_urls: vec!["10.0.0.1:4222".to_owned()],
        cluster: Some(ClusterConfig {
            name: Some("C".to_owned()),
            pool_size: if pool { 3 } else { 0 },
            ..ClusterConfig::default()
        }),
        ..NodeConfig::default()
    }
}

/// A client that wants everything, and something as a member of a queue group.
fn subscriber(host: &mut Host) -> LinkId {
    let link = host.accept(Origin::Client);
    let hello = "CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1,\"user\":\"b\",\
                 \"pass\":\"p\",\"auth_token\":\"t\"}\r\nSUB > 1\r\nSUB a q 2\r\nPING\r\n";
    host.feed(link, hello.as_bytes(), &[usize::MAX], false);
    assert!(host.outcome(link).bytes.windows(6).any(|bytes| bytes == b"PONG\r\n"));
    link
}

/// Another server of the cluster, with all its connections.
fn peer(host: &mut Host, pool: bool) -> Vec<LinkId> {
    let before = host.node.route_reports(false).len();
    let connections = if pool { 3 } else { 1 };
    let open = |index| {
        let link = host.accept(Origin::Route);
        let mut hello = handshake("PEER", index, false);
        hello.push_str("RS+ $G >\r\nRS+ $G c.* q 3\r\n");
        host.feed(link, hello.as_bytes(), &[usize::MAX], false);
        link
    };
    let links = (0..connections).map(open).collect();
    assert_eq!(host.node.route_reports(false).len(), before + connections);
    links
}

/// What a server says at the begin of a route.
fn handshake(id: &str, pool_index: usize, dialled: bool) -> String {
    let mut text = String::new();
    if !dialled {
        text.push_str(&format!(
            "CONNECT {{\"echo\":false,\"verbose\":false,\"pedantic\":false,\"headers\":true,\
             \"user\":\"u\",\"pass\":\"p\",\"name\":\"{id}\",\"cluster\":\"C\",\"lnoc\":true,\
             \"lnocu\":true}}\r\n"
        ));
    }
    text.push_str(&format!(
        "INFO {{\"server_id\":\"{id}\",\"server_name\":\"{id}\",\"version\":\"2.15.1\",\
         \"proto\":3,\"host\":\"0.0.0.0\",\"port\":6222,\"headers\":true,\
         \"max_payload\":1048576,\"cluster\":\"C\",\"lnoc\":true,\"lnocu\":true,\
         \"route_pool_size\":3,\"route_pool_idx\":{pool_index}}}\r\nPING\r\nPONG\r\n"
    ));
    text
}

/// Asserts that the node has sent whole frames of the client protocol.
fn reads_as_server(outcome: &Outcome) {
    frames(outcome, |rest| {
        let parsed = client::parse_server(rest, &wide_limits())?;
        if let Parsed::Frame { frame: ServerOp::Info(json), .. } = parsed {
            assert!(Info::parse(json).is_ok(), "{}", json.escape_ascii());
        }
        Ok(length(&parsed))
    });
}

/// Asserts that the node has sent whole frames of the route protocol, and counts the messages.
fn reads_as_route(outcome: &Outcome) -> usize {
    let mut messages = 0;
    frames(outcome, |rest| {
        let (account, origin) = (AccountToken::Present, UnsubOrigin::Present);
        let parsed = route::parse(rest, &wide_limits(), account, origin)?;
        match parsed {
            Parsed::Frame { frame: RouteOp::Msg(_), .. } => messages += 1,
            Parsed::Frame { frame: RouteOp::Info(json), .. } => {
                assert!(Info::parse(json).is_ok(), "{}", json.escape_ascii());
            }
            Parsed::Frame { .. } | Parsed::Incomplete { .. } => {}
        }
        Ok(length(&parsed))
    });
    messages
}

/// Goes from frame to frame; the last one may be a part if the connection was cut.
fn frames(outcome: &Outcome, mut parse: impl FnMut(&[u8]) -> Result<Option<usize>, ParseError>) {
    let mut rest = outcome.bytes.as_slice();
    while !rest.is_empty() {
        match parse(rest) {
            Ok(Some(length)) => rest = &rest[length..],
            Ok(None) if outcome.cut => return,
            Ok(None) => panic!("the node has sent a part of a frame: {}", rest.escape_ascii()),
            Err(error) => panic!("the node has sent {}: {error}", rest.escape_ascii()),
        }
    }
}

fn length<F>(parsed: &Parsed<F>) -> Option<usize> {
    match parsed {
        Parsed::Frame { len, .. } => Some(*len),
        Parsed::Incomplete { .. } => None,
    }
}

fn wide_limits() -> Limits {
    Limits { control_line: 1 << 20, payload: 1 << 32, headers: true }
}
