//! Counters that take in other counters, as a client sees them. What each message looks like is
//! compared with nats-server in `tests/interop`; here stands what depends on the disk and on time.

use alloc::format;
use alloc::string::{String, ToString};

use super::streams::Streams;
use crate::Duration;
use crate::config::JetStreamConfig;
use crate::limits;

const SECOND: Duration = Duration::from_secs(1);

/// Two counters, and a third that takes them in, most of them under `s.x`; in files.
fn three_counters(config: JetStreamConfig) -> Streams {
    let mut streams = Streams::with(config);
    for (name, more) in [("A", ""), ("B", ""), ("S", SOURCES)] {
        counter(&mut streams, "CREATE", name, more);
    }
    streams
}

const SOURCES: &str = r#","sources":[
    {"name":"A","subject_transforms":[
        {"src":"a.x","dest":"s.x"},{"src":"a.y","dest":"s.x"},{"src":"a.z","dest":"s.z"}]},
    {"name":"B","subject_transforms":[{"src":"b.*","dest":"s.x"}]}]"#;

fn counter(streams: &mut Streams, verb: &str, name: &str, more: &str) {
    let below = name.to_lowercase();
    let json = format!(
        r#"{{"name":"{name}","subjects":["{below}.*"],"allow_msg_counter":true,"allow_direct":true{more}}}"#
    );
    let answer = streams.request(&format!("$JS.API.STREAM.{verb}.{name}"), &json);
    assert!(!answer.contains("error"), "{answer}");
}

/// The same as [`Streams::add`], for several at once.
fn silently(subject: &str, incr: &str) -> String {
    let header = format!("NATS/1.0|Nats-Incr: {incr}||");
    let len = header.replace('|', "\r\n").len();
    format!("HPUB {subject} {len} {len}|{header}|")
}

impl Streams {
    /// Adds to a counter; gives the acknowledgement.
    fn add(&mut self, subject: &str, incr: &str) -> String {
        self.publish(subject, "_I.r", &format!("Nats-Incr: {incr}"), "")
    }

    /// The last message of `s.x`: what it adds, what it notes of its sources, and what it counts.
    #[track_caller]
    fn check(&mut self, incr: &str, sources: &str, value: &str) {
        let text = self.send("PUB $JS.API.DIRECT.GET.S.s.x _I.g 0||");
        let has = |what: &str| assert!(text.contains(what), "{what} is not in {text}");
        has(&format!("|Nats-Incr: {incr}|"));
        has(&format!("|Nats-Counter-Sources: {sources}|"));
        has(&format!(r#"|{{"val":"{value}"}}|"#));
    }

    /// What `s.x` counts is not in memory afterwards: what a start reads is far behind it in the file.
    fn restart_without_totals(&mut self) {
        let fields = format!("Nats-Incr: 1|Far: {}", "x".repeat(20_000));
        self.publish("s.far", "_I.r", &fields, "");
        self.restart();
    }

    fn last_seq(&mut self) -> String {
        let info = self.request("$JS.API.STREAM.INFO.S", "");
        let (_, rest) = info.split_once(r#""last_seq":"#).unwrap();
        rest.split_once(',').unwrap().0.to_string()
    }
}

#[test]
fn a_counter_is_the_sum_of_its_sources_and_of_what_is_added_to_it() {
    let mut streams = three_counters(JetStreamConfig::default());
    streams.add("a.x", "3");
    streams.check("3", r#"{"A":{"a.x":"3"}}"#, "3");
    streams.add("b.x", "99999999999999999999");
    streams.add("a.y", "-10");
    let own = streams.add("s.x", "1000");
    assert!(own.contains(r#""seq":4,"val":"100000000000000000992""#), "{own}");
    streams.add("a.x", "4");
    let sources = r#"{"A":{"a.x":"7","a.y":"-10"},"B":{"b.x":"99999999999999999999"}}"#;
    streams.check("4", sources, "100000000000000000996");
}

#[test]
fn nothing_is_counted_twice_after_a_restart() {
    let mut streams = three_counters(JetStreamConfig::default());
    streams.add("a.x", "3");
    streams.add("b.x", "40");
    streams.add("s.x", "500");
    for (incr, value) in [("1", "544"), ("2", "546")] {
        streams.restart();
        streams.add("a.x", incr);
        let total = if incr == "1" { 4 } else { 6 };
        let sources = format!(r#"{{"A":{{"a.x":"{total}"}},"B":{{"b.x":"40"}}}}"#);
        streams.check(incr, &sources, value);
    }
    assert_eq!(streams.last_seq(), "5");
}

#[test]
fn a_source_that_is_read_once_more_adds_what_is_new() {
    let mut streams = three_counters(JetStreamConfig::default());
    for incr in ["5", "-2", "4"] {
        streams.add("a.x", incr);
    }
    streams.check("4", r#"{"A":{"a.x":"7"}}"#, "7");
    // What was behind it is gone, and it is a source of another name.
    streams.request("$JS.API.STREAM.MSG.DELETE.A", r#"{"seq":2}"#);
    let source = r#","sources":[{"name":"A","filter_subject":"a.x"}]"#;
    counter(&mut streams, "UPDATE", "S", source);
    counter(&mut streams, "UPDATE", "S", SOURCES);
    streams.world.pass(SECOND);
    streams.add("a.x", "1");
    streams.check("1", r#"{"A":{"a.x":"8"}}"#, "8");
    // The messages that came again are under the subject that they have there.
    let again = streams.send("PUB $JS.API.DIRECT.GET.S.a.x _I.g 0||");
    assert!(again.contains(r#"|{"val":"7"}|"#), "{again}");
}

#[test]
fn what_comes_while_the_disk_reads_waits_its_turn() {
    let mut streams = three_counters(JetStreamConfig::default());
    streams.add("s.x", "1");
    streams.restart_without_totals();
    // An origin in memory does not wait for the disk that S waits for.
    streams.request("$JS.API.STREAM.DELETE.A", "");
    counter(&mut streams, "CREATE", "A", r#","storage":"memory""#);
    streams.world.disks[0].stalled = true;
    // What `s.x` has come to must be read; for the others nothing would have to be.
    let all = [("s.x", "10"), ("s.y", "7"), ("a.z", "8"), ("a.x", "100")];
    streams.send(&all.map(|(subject, incr)| silently(subject, incr)).concat());
    streams.world.disks[0].stalled = false;
    streams.world.settle();
    for (subject, seq) in [("s.y", 4), ("s.z", 5), ("s.x", 6)] {
        let text = streams.send(&format!("PUB $JS.API.DIRECT.GET.S.{subject} _I.g 0||"));
        assert!(text.contains(&format!("|Nats-Sequence: {seq}|")), "{text}");
    }
    streams.check("100", r#"{"A":{"a.x":"100"}}"#, "111");
}

#[test]
fn a_source_comes_again_if_there_is_no_room_to_let_it_wait() {
    let config = JetStreamConfig { max_buffered_msgs: 1, ..JetStreamConfig::default() };
    let mut streams = three_counters(config);
    streams.add("a.x", "1");
    streams.restart_without_totals();
    streams.send(&silently("a.x", "1").repeat(20));
    // It does not wait for a sign of life to see that something is missing.
    streams.world.pass(limits::INTAKE_HEARTBEAT / 2);
    streams.send("PONG|");
    streams.check("1", r#"{"A":{"a.x":"21"}}"#, "21");
    assert_eq!(streams.last_seq(), "22");
}

#[test]
fn a_source_that_is_no_counter_waits_and_says_why() {
    let mut streams = three_counters(JetStreamConfig::default());
    streams.request("$JS.API.STREAM.DELETE.B", "");
    streams.create("B", r#","subjects":["b.*"]"#);
    streams.request("b.x", "no counter");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains(r#""err_code":10169"#), "{info}");
    streams.add("a.x", "3");
    streams.check("3", r#"{"A":{"a.x":"3"}}"#, "3");
    // It goes on when what cannot be counted is gone.
    streams.request("$JS.API.STREAM.PURGE.B", "");
    streams.world.pass(SECOND * 10);
    streams.send("PONG|");
    let info = streams.request("$JS.API.STREAM.INFO.S", "");
    assert!(!info.contains("error"), "{info}");
}
