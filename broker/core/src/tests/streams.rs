//! Streams as a client sees them.

use alloc::format;
use alloc::string::{String, ToString};

use super::World;
use crate::Command;
use crate::Duration;
use crate::config::{JetStreamConfig, NodeConfig, SyncPolicy};
use crate::disk::OpKind;

pub(super) struct Streams {
    pub(super) world: World,
    client: usize,
}

impl Streams {
    fn new() -> Self {
        Self::with(JetStreamConfig::default())
    }

    pub(super) fn with(config: JetStreamConfig) -> Self {
        let mut world = World::new();
        let jetstream = Some(config);
        let node = world.node(NodeConfig { jetstream, ..NodeConfig::default() });
        world.pass(Duration::from_millis(1));
        let mut streams = Self { world, client: 0 };
        streams.connect(node);
        streams
    }

    fn connect(&mut self, node: usize) {
        self.client = self.world.client(node);
        self.world.read(self.client);
        let connect = r#"CONNECT {"verbose":false,"headers":true,"no_responders":true}"#;
        self.world.send(self.client, format!("{connect}\r\nSUB _I.> 1\r\n"));
    }

    pub(super) fn send(&mut self, text: &str) -> String {
        self.world.send(self.client, text.replace('|', "\r\n"));
        self.world.read(self.client).replace("PING|", "")
    }

    /// Sends a request, gives the payloads of the answers.
    pub(super) fn request(&mut self, subject: &str, payload: &str) -> String {
        let len = payload.len();
        let text = self.send(&format!("PUB {subject} _I.r {len}|{payload}|"));
        let parts: alloc::vec::Vec<&str> = text.split('|').collect();
        parts.get(1).unwrap_or(&"").to_string()
    }

    pub(super) fn create(&mut self, name: &str, rest: &str) -> String {
        let json = format!(r#"{{"name":"{name}","storage":"memory"{rest}}}"#);
        self.request(&format!("$JS.API.STREAM.CREATE.{name}"), &json)
    }
}

#[test]
fn a_stream_keeps_what_is_published() {
    let mut streams = Streams::new();
    let created = streams.create("S", r#","subjects":["a.*"]"#);
    assert!(created.contains(r#""did_create":true"#), "{created}");
    assert_eq!(streams.request("a.b", "one"), r#"{"stream":"S","seq":1}"#);
    assert_eq!(streams.request("a.c", "two"), r#"{"stream":"S","seq":2}"#);
    let got = streams.request("$JS.API.STREAM.MSG.GET.S", r#"{"seq":2}"#);
    assert!(got.contains(r#""subject":"a.c","seq":2,"data":"dHdv""#), "{got}");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":2"#), "{info}");
    let gone = streams.request("$JS.API.STREAM.DELETE.S", "");
    assert!(gone.contains(r#""success":true"#), "{gone}");
    let text = streams.send("PUB a.b _I.r 0||");
    assert!(text.contains("503"), "{text}");
}

#[test]
fn a_stream_that_went_can_come_again() {
    let mut streams = Streams::new();
    for _ in 0..3 {
        assert!(streams.create("S", "").contains("did_create"));
        assert!(streams.create("S", "").contains("did_create"), "the same again");
        assert!(streams.create("S", r#","max_msgs":5"#).contains("10058"));
        assert_eq!(streams.request("S", "x"), r#"{"stream":"S","seq":1}"#);
        assert!(streams.request("$JS.API.STREAM.DELETE.S", "").contains("success"));
    }
}

#[test]
fn a_consumer_gets_what_was_published_and_acknowledges_it() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"]"#);
    streams.request("a.b", "one");
    let json = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
    let created = streams.request("$JS.API.CONSUMER.CREATE.S.C", json);
    assert!(created.contains(r#""num_pending":1"#), "{created}");
    let text = streams.send("PUB $JS.API.CONSUMER.MSG.NEXT.S.C _I.n 1|2|");
    assert!(text.starts_with("MSG a.b 1 $JS.ACK.S.C.1.1.1."), "{text}");
    let acked = streams.send("PUB $JS.ACK.S.C.1.1.1.1000.0 _I.a 0||");
    assert!(acked.starts_with("MSG _I.a 1 0"), "{acked}");
    let more = streams.send("PUB a.c 3|two|");
    assert!(more.starts_with("MSG a.c 1 $JS.ACK.S.C.1.2.2."), "{more}");
    let info = streams.request("$JS.API.CONSUMER.INFO.S.C", "");
    assert!(info.contains(r#""num_ack_pending":1"#), "{info}");
}

#[test]
fn a_mirror_is_a_copy() {
    let mut streams = Streams::new();
    streams.create("O", r#","subjects":["o.*"]"#);
    streams.request("o.a", "one");
    streams.request("o.b", "two");
    streams.request("o.c", "three");
    streams.request("$JS.API.STREAM.MSG.DELETE.O", r#"{"seq":2}"#);
    streams.create("M", r#","mirror":{"name":"O"}"#);
    streams.request("o.d", "four");
    let info = streams.request("$JS.API.STREAM.INFO.M", "");
    let state = r#""messages":3,"bytes":69,"first_seq":1"#;
    assert!(info.contains(state), "{info}");
    assert!(info.contains(r#""mirror":{"name":"O","lag":0,"active":0}"#), "{info}");
    let first = streams.request("$JS.API.STREAM.MSG.GET.O", r#"{"seq":4}"#);
    assert_eq!(streams.request("$JS.API.STREAM.MSG.GET.M", r#"{"seq":4}"#), first);
    let gone = streams.request("$JS.API.STREAM.MSG.GET.M", r#"{"seq":2}"#);
    assert!(gone.contains("10037"), "{gone}");
    let names = streams.request("$JS.API.CONSUMER.NAMES.O", "");
    assert!(names.contains(r#""total":0"#), "{names}");
    // It becomes a stream of its own.
    let json = r#"{"name":"M","storage":"memory","subjects":["m.*"]}"#;
    let updated = streams.request("$JS.API.STREAM.UPDATE.M", json);
    assert!(!updated.contains("error"), "{updated}");
    streams.request("o.e", "five");
    assert_eq!(streams.request("m.a", "own"), r#"{"stream":"M","seq":5}"#);
}

#[test]
fn sources_are_taken_in_once() {
    let mut streams = Streams::new();
    streams.create(
        "S",
        r#","subjects":["s.*"],"sources":[{"name":"O"},{"name":"P","filter_subject":"p.a"}]"#,
    );
    // They come later than the stream that wants them.
    streams.create("O", r#","subjects":["o.*"]"#);
    streams.create("P", r#","subjects":["p.*"]"#);
    for subject in ["o.a", "p.a", "p.b", "s.a"] {
        streams.request(subject, "x");
    }
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":3"#), "{info}");
    assert!(
        info.contains(
            r#""sources":[{"name":"O","lag":0,"seq":1,"active":0},{"name":"P","lag":0,"seq":1,"#
        ),
        "{info}"
    );
    // One goes and comes back: it goes on where it was.
    let update = |sources: &str| {
        format!(r#"{{"name":"S","storage":"memory","subjects":["s.*"],"sources":[{sources}]}}"#)
    };
    streams.request("$JS.API.STREAM.UPDATE.S", &update(r#"{"name":"P","filter_subject":"p.a"}"#));
    streams.request("o.a", "while away");
    streams.request(
        "$JS.API.STREAM.UPDATE.S",
        &update(r#"{"name":"O"},{"name":"P","filter_subject":"p.a"}"#),
    );
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":4"#), "{info}");
}

#[test]
fn a_queue_lets_go_of_what_was_taken_over() {
    let mut streams = Streams::new();
    streams.create("Q", r#","subjects":["q.*"],"retention":"workqueue""#);
    streams.create("S", r#","sources":[{"name":"Q"}]"#);
    for _ in 0..3 {
        streams.request("q.a", "x");
    }
    streams.world.pass(Duration::from_secs(3));
    streams.send("PONG|");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":3"#), "{info}");
    let info = streams.request("$JS.API.STREAM.INFO.Q", "");
    assert!(info.contains(r#""messages":0"#), "{info}");
    assert!(info.contains(r#""consumer_count":1"#), "{info}");
    // Without the stream it has no consumer.
    streams.request("$JS.API.STREAM.DELETE.S", "");
    let info = streams.request("$JS.API.STREAM.INFO.Q", "");
    assert!(info.contains(r#""consumer_count":0"#), "{info}");
}

#[test]
fn a_full_stream_takes_in_more_when_there_is_room() {
    let mut streams = Streams::new();
    streams.create("O", r#","subjects":["o.*"]"#);
    streams.create("S", r#","sources":[{"name":"O"}],"max_msgs":2,"discard":"new""#);
    for _ in 0..4 {
        streams.request("o.a", "x");
    }
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(
        info.contains(r#""messages":2"#) && info.contains("maximum messages exceeded"),
        "{info}"
    );
    streams.request("$JS.API.STREAM.MSG.DELETE.S", r#"{"seq":1}"#);
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""first_seq":2"#) && info.contains(r#""last_seq":3"#), "{info}");
    streams.request("$JS.API.STREAM.PURGE.S", "");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""first_seq":4"#) && info.contains(r#""last_seq":4"#), "{info}");
    assert!(!info.contains("error"), "{info}");
}

#[test]
fn an_origin_that_is_made_anew_is_read_from_its_beginning() {
    let mut streams = Streams::new();
    streams.create("S", r#","sources":[{"name":"O"}]"#);
    for last in [3, 5] {
        streams.create("O", r#","subjects":["o.*"]"#);
        streams.request("o.a", "x");
        streams.request("o.a", "x");
        if last == 3 {
            streams.request("o.a", "x");
        }
        let info = streams.request("$JS.API.STREAM.INFO.S", "");
        assert!(info.contains(&format!(r#""messages":{last}"#)), "{info}");
        streams.request("$JS.API.STREAM.DELETE.O", "");
        streams.world.pass(Duration::from_millis(10));
        let info = streams.request("$JS.API.STREAM.INFO.S", "");
        assert!(info.contains("stream not found"), "{info}");
    }
}

#[test]
fn a_source_reads_through_a_consumer_that_is_given_to_it() {
    let mut streams = Streams::new();
    streams.create("Q", r#","subjects":["q.*"],"retention":"workqueue""#);
    let consumer = r#""durable_name":"C","deliver_subject":"to.s","ack_policy":"flow_control""#;
    let consumer =
        format!(r#"{{"stream_name":"Q","config":{{{consumer},"max_ack_pending":100}}}}"#);
    let made = streams.request("$JS.API.CONSUMER.CREATE.Q.C", &consumer);
    assert!(!made.contains("error"), "{made}");
    let source = r#"{"name":"Q","consumer":{"name":"C","deliver_subject":"to.s"}}"#;
    streams.create("S", &format!(r#","sources":[{source}]"#));
    for _ in 0..3 {
        streams.request("q.a", "x");
    }
    streams.world.pass(Duration::from_secs(3));
    streams.send("PONG|");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":3"#), "{info}");
    let info = streams.request("$JS.API.STREAM.INFO.Q", "");
    assert!(info.contains(r#""messages":0"#), "{info}");
    // It stays when the stream goes.
    streams.request("$JS.API.STREAM.DELETE.S", "");
    let info = streams.request("$JS.API.STREAM.INFO.Q", "");
    assert!(info.contains(r#""consumer_count":1"#), "{info}");
}

/// Whether a message is synced before it is acknowledged.
fn is_synced(streams: &mut Streams) -> bool {
    streams.request("S", "before");
    let found = streams.syncs("PUB S _I.r 1|x|");
    streams.world.pass(Duration::from_millis(1));
    found
}

#[test]
fn a_stream_waits_for_the_disk_after_a_restart_as_it_did_before() {
    for (sync, waits) in
        [(SyncPolicy::BeforeAck, true), (SyncPolicy::Every(Duration::from_secs(120)), false)]
    {
        let mut streams = Streams::with(JetStreamConfig { sync, ..JetStreamConfig::default() });
        let created =
            streams.request("$JS.API.STREAM.CREATE.S", r#"{"name":"S","storage":"file"}"#);
        assert!(created.contains("did_create"), "{created}");
        assert_eq!(is_synced(&mut streams), waits, "{sync:?}");
        streams.restart();
        assert_eq!(is_synced(&mut streams), waits, "{sync:?}, after a restart");
    }
}

impl Streams {
    /// Sends something; whether the disk is asked to sync at once.
    fn syncs(&mut self, text: &str) -> bool {
        self.world.disks[0].stalled = true;
        self.send(text);
        let synced = |op: &crate::disk::Op| matches!(op.kind, OpKind::Sync { .. });
        let found = self.world.disks[0].queue.iter().any(synced);
        self.world.disks[0].stalled = false;
        self.world.settle();
        found
    }

    /// The process dies, and the next one has read what there is.
    pub(super) fn restart(&mut self) {
        self.world.restart(0, 77);
        self.world.pass(Duration::from_secs(1));
        self.connect(0);
    }

    /// A stream in files with some messages, all of them given out by a consumer some time ago.
    fn with_deliveries(messages: usize) -> Self {
        let mut streams = Self::new();
        streams.request("$JS.API.STREAM.CREATE.S", r#"{"name":"S","storage":"file"}"#);
        for _ in 0..messages {
            streams.request("S", "x");
        }
        let json = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
        streams.request("$JS.API.CONSUMER.CREATE.S.C", json);
        let given = streams.send(&format!("PUB $JS.API.CONSUMER.MSG.NEXT.S.C _I.n 1|{messages}|"));
        assert!(given.contains(&format!(" $JS.ACK.S.C.1.{messages}.")), "{given}");
        streams.world.pass(Duration::from_secs(1));
        streams.send("PONG|");
        streams
    }

    fn floor(&mut self) -> String {
        let info = self.request("$JS.API.CONSUMER.INFO.S.C", "");
        let floor = info.split(r#""ack_floor":{"consumer_seq":"#).nth(1).unwrap_or(&info);
        floor.chars().take_while(char::is_ascii_digit).collect()
    }
}

#[test]
fn what_a_consumer_does_is_noted_at_once_when_it_is_rare_or_answered() {
    let mut streams = Streams::with_deliveries(5);
    assert!(streams.syncs("PUB $JS.ACK.S.C.1.1.1.1000.0 0||"), "the first for a while");
    assert!(!streams.syncs("PUB $JS.ACK.S.C.1.2.2.1000.0 0||"), "soon after it");
    assert!(streams.syncs("PUB $JS.ACK.S.C.1.3.3.1000.0 _I.a 0||"), "somebody waits for it");
    assert!(!streams.syncs("PUB $JS.ACK.S.C.1.4.4.1000.0 0||"));
    streams.world.pass(Duration::from_millis(101));
    // The process dies. What had been noted is there.
    assert!(!streams.syncs("PUB $JS.ACK.S.C.1.5.5.1000.0 0||"));
    streams.restart();
    assert_eq!(streams.floor(), "4");
}

#[test]
fn what_a_consumer_has_done_is_noted_when_the_server_stops() {
    let mut streams = Streams::with_deliveries(3);
    for seq in 1..=3 {
        streams.send(&format!("PUB $JS.ACK.S.C.1.{seq}.{seq}.1000.0 0||"));
    }
    streams.world.command(0, Command::Shutdown);
    streams.world.settle();
    streams.restart();
    assert_eq!(streams.floor(), "3");
}

#[test]
fn a_server_that_stops_waits_for_what_was_acknowledged() {
    let mut streams = Streams::with_deliveries(2);
    streams.world.disks[0].stalled = true;
    streams.send("PUB $JS.ACK.S.C.1.1.1.1000.0 0||");
    streams.send("PUB $JS.ACK.S.C.1.2.2.1000.0 0||");
    // The first is being written, the second waits for that.
    streams.world.command(0, Command::Shutdown);
    streams.world.pass(Duration::from_secs(5));
    assert!(!streams.world.exited[0], "the disk has not taken it");
    streams.world.disks[0].stalled = false;
    streams.world.pass(Duration::from_millis(1));
    assert!(streams.world.exited[0]);
    streams.restart();
    assert_eq!(streams.floor(), "2");
}

#[test]
fn a_server_that_stops_waits_for_a_dead_disk_no_longer_than_somebody_would() {
    let mut streams = Streams::with_deliveries(1);
    streams.world.disks[0].stalled = true;
    streams.send("PUB $JS.ACK.S.C.1.1.1.1000.0 0||");
    streams.world.command(0, Command::Shutdown);
    streams.world.pass(Duration::from_secs(9));
    assert!(!streams.world.exited[0]);
    streams.world.pass(Duration::from_secs(2));
    assert!(streams.world.exited[0]);
}

#[test]
fn deliveries_go_to_who_listens_now() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"]"#);
    streams.send("SUB d 2|");
    let config = r#""durable_name":"C","ack_policy":"none","deliver_subject":"d""#;
    let json = format!(r#"{{"stream_name":"S","config":{{{config}}}}}"#);
    streams.request("$JS.API.CONSUMER.CREATE.S.C", &json);
    for _ in 0..3 {
        let text = streams.send("PUB a.b 1|x|");
        assert!(text.starts_with("MSG a.b 2 "), "{text}");
    }
    let text = streams.send("SUB d 3|UNSUB 2|PUB a.b 1|x|");
    assert!(text.starts_with("MSG a.b 3 "), "{text}");
    assert!(!text.contains("MSG a.b 2 "), "{text}");
}

#[test]
fn who_waits_is_served_when_another_has_lost_the_pin() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"]"#);
    streams.request("a.b", "one");
    streams.request("a.b", "two");
    let groups = r#""ack_policy":"explicit","priority_groups":["g"],"priority_policy":"pinned_client","priority_timeout":60000000000"#;
    let json = format!(r#"{{"stream_name":"S","config":{{"durable_name":"C",{groups}}}}}"#);
    streams.request("$JS.API.CONSUMER.CREATE.S.C", &json);
    let pull = r#"{"batch":1,"group":"g"}"#;
    let next = format!("PUB $JS.API.CONSUMER.MSG.NEXT.S.C _I.n {}|{pull}|", pull.len());
    assert!(streams.send(&next).contains("one|"), "the first client has the pin");
    assert_eq!(streams.send(&next), "", "the second waits");
    let unpin = r#"{"group":"g"}"#;
    let unpin = format!("PUB $JS.API.CONSUMER.UNPIN.S.C _I.u {}|{unpin}|", unpin.len());
    assert!(streams.send(&unpin).contains("two|"), "nobody has it any more");
}

#[test]
fn streams_cannot_come_to_hold_more_than_the_server_has() {
    let limits = JetStreamConfig { max_memory: 1_000, ..JetStreamConfig::default() };
    let mut streams = Streams::with(limits);
    assert!(streams.create("A", r#","max_bytes":1001"#).contains("10028"), "more than there is");
    assert!(streams.create("A", r#","max_bytes":600"#).contains("did_create"));
    assert!(streams.create("A", r#","max_bytes":600"#).contains("did_create"), "it is there");
    assert!(streams.create("B", r#","max_bytes":401"#).contains("10028"), "the rest is 400");
    assert!(streams.create("B", r#","max_bytes":400"#).contains("did_create"));
    assert!(streams.create("C", "").contains("10028"), "it needs a byte");
    let less = r#"{"name":"A","storage":"memory","max_bytes":500}"#;
    assert!(streams.request("$JS.API.STREAM.UPDATE.A", less).contains(r#""max_bytes":500"#));
    assert!(streams.create("C", "").contains("did_create"));
    let more = r#"{"name":"B","storage":"memory","max_bytes":501}"#;
    assert!(streams.request("$JS.API.STREAM.UPDATE.B", more).contains("10028"));
}

#[test]
fn a_purge_takes_a_consumer_behind_it() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"]"#);
    for subject in ["a.b", "a.c", "a.b", "a.c"] {
        streams.request(subject, "x");
    }
    for (name, filter) in [("B", "a.b"), ("C", "a.c"), ("E", "a.*")] {
        let config = format!(
            r#"{{"durable_name":"{name}","ack_policy":"all","filter_subject":"{filter}"}}"#
        );
        let json = format!(r#"{{"stream_name":"S","config":{config}}}"#);
        streams.request(&format!("$JS.API.CONSUMER.CREATE.S.{name}"), &json);
    }
    let mut at = |purge: &str| {
        streams.request("$JS.API.STREAM.PURGE.S", purge);
        ["B", "C", "E"].map(|name| {
            let info = streams.request(&format!("$JS.API.CONSUMER.INFO.S.{name}"), "");
            let (_, floor) =
                info.split_once(r#""ack_floor":{"consumer_seq":0,"stream_seq":"#).expect(&info);
            floor.split_once('}').expect(&info).0.to_string()
        })
    };
    assert_eq!(
        at(r#"{"filter":"a.b","seq":2}"#),
        ["2", "0", "1"],
        "each is before its next message"
    );
    assert_eq!(at(r#"{"filter":"a.b"}"#), ["4", "0", "1"]);
    assert_eq!(at(""), ["4", "4", "4"]);
}

#[test]
fn a_stream_that_drops_nothing_keeps_what_it_took_before() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"],"max_msgs":10,"max_msgs_per_subject":1"#);
    for number in 0..10 {
        streams.request(&format!("a.{number}"), "x");
    }
    let fewer = r#"{"name":"S","storage":"memory","subjects":["a.*"],"max_msgs":5,"max_msgs_per_subject":1,"discard":"new"}"#;
    let updated = streams.request("$JS.API.STREAM.UPDATE.S", fewer);
    assert!(updated.contains(r#""messages":10"#), "{updated}");
    assert!(streams.request("a.new", "x").contains("10077"), "there is no room");
    assert!(streams.request("a.9", "x").contains(r#""seq":11"#), "it takes another's place");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""messages":10"#), "{info}");
}

#[test]
fn what_a_stream_republishes_does_not_come_back_to_it() {
    let mut streams = Streams::new();
    streams.create("S", r#","subjects":["a.*"]"#);
    let update =
        r#"{"name":"S","storage":"memory","subjects":["a.*"],"republish":{"src":"","dest":""}}"#;
    let refused = streams.request("$JS.API.STREAM.UPDATE.S", update);
    assert!(refused.contains("forms a cycle"), "{refused}");
    assert_eq!(streams.request("a.b", "x"), r#"{"stream":"S","seq":1}"#);
    assert_eq!(streams.request("a.b", "x"), r#"{"stream":"S","seq":2}"#);
}

#[test]
fn what_an_interest_stream_did_not_keep_had_its_time() {
    let mut streams = Streams::new();
    let json = r#"{"name":"S","storage":"file","retention":"interest"}"#;
    streams.request("$JS.API.STREAM.CREATE.S", json);
    let last = |streams: &mut Streams| {
        let info = streams.request("$JS.API.STREAM.INFO.S", "");
        let (_, rest) = info.split_once(r#""last_seq":1,"last_ts":""#).expect(&info);
        rest.split('"').next().map(String::from)
    };
    assert_eq!(streams.request("S", "nobody wants it"), r#"{"stream":"S","seq":1}"#);
    let before = last(&mut streams);
    assert_ne!(before.as_deref(), Some("0001-01-01T00:00:00Z"));
    streams.restart();
    assert_eq!(last(&mut streams), before, "after a restart");
}
