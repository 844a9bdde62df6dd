//! Mirrors and sources of streams on another server, and how soon they go on after the link is back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::World;
use super::world::member_config;
use crate::config::{JetStreamConfig, NodeConfig};
use crate::{Duration, TraceEvent};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Two regions with a stream server each.
struct Regions {
    world: World,
    clients: [usize; 2],
}

impl Regions {
    fn new() -> Self {
        let mut world = World::new();
        for (node, domain) in ["east", "west"].into_iter().enumerate() {
            let jetstream = JetStreamConfig { domain: Some(domain.into()), ..Default::default() };
            let config = member_config(node, &[1 - node], |_| {});
            world.node(NodeConfig { jetstream: Some(jetstream), ..config });
        }
        world.latency = ROUND_TRIP / 2;
        world.pass(2 * SECOND);
        let clients = [0, 1].map(|node| world.quiet_client(node));
        for client in clients {
            world.send(client, "SUB _I.> 1\r\n");
        }
        Self { world, clients }
    }

    /// Sends a request on one side, gives the payload of the answer.
    fn request(&mut self, side: usize, subject: &str, payload: &str) -> String {
        let client = self.clients[side];
        self.world.read(client);
        let (side, len) = (side.to_string(), payload.len());
        self.world.send(client, format!("PUB {subject} _I.{side} {len}\r\n{payload}\r\n"));
        let text = self.world.read(client);
        let parts: Vec<&str> = text.split('|').collect();
        parts.get(1).unwrap_or(&"").to_string()
    }

    fn create(&mut self, side: usize, name: &str, rest: &str) {
        let json = format!(r#"{{"name":"{name}","storage":"memory",{rest}}}"#);
        let answer = self.request(side, &format!("$JS.API.STREAM.CREATE.{name}"), &json);
        assert!(answer.contains("did_create"), "{answer}");
    }

    fn info(&mut self, side: usize, name: &str) -> String {
        self.request(side, &format!("$JS.API.STREAM.INFO.{name}"), "")
    }

    fn messages(&mut self, side: usize, name: &str) -> u64 {
        let info = self.info(side, name);
        let at = info.find("\"messages\":").expect("an answer") + "\"messages\":".len();
        let digits: String = info[at..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    }

    /// From the first connection until a stream has so many messages.
    fn time_to(&mut self, side: usize, name: &str, messages: u64) -> Duration {
        self.world.trace.clear();
        let mut up = None;
        for _ in 0..20_000 {
            self.world.pass(MILLI);
            let mut events = self.world.trace.iter();
            if events.any(|(_, event)| matches!(event, TraceEvent::LinkOpened { .. })) {
                up.get_or_insert(self.world.now.mono);
            }
            if self.messages(side, name) >= messages {
                return self.world.now.mono.since(up.expect("a connection came up"));
            }
        }
        panic!("it does not catch up: {}", self.info(side, name));
    }
}

const FROM_EAST: &str = r#"{"name":"O","external":{"api":"$JS.east.API","deliver":""}}"#;

#[test]
fn a_mirror_follows_a_stream_of_another_domain() {
    let mut regions = Regions::new();
    regions.create(0, "O", r#""subjects":["o.*"]"#);
    regions.create(1, "M", &format!(r#""mirror":{FROM_EAST}"#));
    for _ in 0..5 {
        regions.request(0, "o.a", "x");
    }
    regions.world.pass(SECOND);
    assert_eq!(regions.messages(1, "M"), 5);
    let seen = regions.request(0, "$JS.API.STREAM.MSG.GET.O", r#"{"seq":3}"#);
    assert_eq!(regions.request(1, "$JS.API.STREAM.MSG.GET.M", r#"{"seq":3}"#), seen);
    let info = regions.info(1, "M");
    assert!(
        info.contains(
            r#""mirror":{"name":"O","external":{"api":"$JS.east.API","deliver":""},"lag":0"#
        ),
        "{info}"
    );
}

#[test]
fn a_mirror_goes_on_one_round_trip_after_the_link_is_back() {
    let mut regions = Regions::new();
    regions.create(0, "O", r#""subjects":["o.*"]"#);
    regions.create(1, "M", &format!(r#""mirror":{FROM_EAST}"#));
    regions.request(0, "o.a", "x");
    regions.world.pass(SECOND);
    for cut in 1..4 {
        regions.world.partition(0, 1);
        regions.world.pass(7 * SECOND);
        assert!(regions.info(1, "M").contains("no responders"));
        regions.request(0, "o.a", "while cut");
        assert_eq!(regions.messages(1, "M"), cut);
        regions.world.heal();
        let took = regions.time_to(1, "M", cut + 1);
        // INFO and interest cross in a round trip and a half; then one round trip for the consumer.
        assert!(took <= ROUND_TRIP * 5 / 2 + 5 * MILLI, "{took:?}");
    }
}

#[test]
fn a_dead_link_is_noticed_by_its_end_and_not_by_silence() {
    let mut regions = Regions::new();
    regions.create(0, "O", r#""subjects":["o.*"]"#);
    regions.create(1, "S", &format!(r#""sources":[{FROM_EAST}]"#));
    regions.request(0, "o.a", "x");
    regions.world.pass(SECOND);
    regions.world.black_hole(0, 1);
    regions.request(0, "o.a", "lost");
    regions.world.pass(3 * SECOND);
    regions.world.heal();
    // The bytes that vanished are missed on the connection: it ends, and the next one is quick.
    regions.request(0, "o.a", "after");
    regions.world.pass(10 * SECOND);
    assert_eq!(regions.messages(1, "S"), 3);
}

#[test]
fn two_regions_take_in_each_others_streams() {
    let mut regions = Regions::new();
    regions.create(0, "E", r#""subjects":["e.*"]"#);
    regions.create(1, "W", r#""subjects":["w.*"]"#);
    for (side, from, api) in [(0, "W", "west"), (1, "E", "east")] {
        let source =
            format!(r#"{{"name":"{from}","external":{{"api":"$JS.{api}.API","deliver":""}}}}"#);
        regions.create(side, "ALL", &format!(r#""sources":[{source}]"#));
    }
    for round in 1..4 {
        regions.request(0, "e.a", "x");
        regions.request(1, "w.a", "x");
        regions.world.partition(0, 1);
        regions.world.pass(SECOND);
        regions.request(0, "e.a", "y");
        regions.request(1, "w.a", "y");
        regions.world.heal();
        regions.world.pass(5 * SECOND);
        assert_eq!(regions.messages(0, "ALL"), 2 * round);
        assert_eq!(regions.messages(1, "ALL"), 2 * round);
    }
}

/// A client's message that crosses a route while a mirror has much to catch up with does not wait
/// behind all of it.
#[test]
fn live_messages_do_not_wait_behind_a_backlog() {
    let mut regions = Regions::new();
    regions.create(0, "O", r#""subjects":["o.*"]"#);
    let payload = "x".repeat(64 << 10);
    for _ in 0..160 {
        regions.request(0, "o.a", &payload);
    }
    regions.world.send(regions.clients[1], "SUB live 2\r\n");
    regions.world.pass(SECOND);
    // 64 KiB a millisecond.
    regions.world.chunk = 1 << 16;
    regions.world.room.insert((0, 1), 0);
    regions.create(1, "M", &format!(r#""mirror":{FROM_EAST}"#));
    let mut published = None;
    for ms in 0..1_000 {
        regions.world.room.insert((0, 1), 1 << 16);
        regions.world.pass(MILLI);
        if ms == 130 {
            regions.world.send(regions.clients[0], "PUB live 1\r\nx\r\n");
            published = Some(regions.world.now.mono);
        }
        if regions.world.read(regions.clients[1]).contains("MSG live") {
            let took = regions.world.now.mono.since(published.expect("it was published"));
            assert!(took < ROUND_TRIP / 2 + 40 * MILLI, "{took:?}");
            let has = regions.messages(1, "M");
            assert!(has < 150, "the backlog is still being read: {has}");
            regions.world.room.clear();
            regions.world.pass(SECOND);
            assert_eq!(regions.messages(1, "M"), 160);
            return;
        }
    }
    panic!("the message does not come");
}
