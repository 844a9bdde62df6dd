//! A node's configuration file.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Flavour;
use crate::plan::{BufferPlan, JetStreamPlan, NodePlan, Setting, word_of};
use crate::units::{MS, SECOND};

const US: u64 = 1_000;

/// nats-server refuses to be a lame duck for less, and so does `causeway`.
pub(super) const LAME_DUCK_MIN_NS: u64 = 30 * SECOND;

/// What a file holds beside the plan.
pub(super) struct Surroundings<'a> {
    /// Where the file with the ports is to be written.
    pub(super) folder: &'a Path,
    /// What the node tells clients of itself.
    pub(super) client_url: &'a str,
    /// The door that other servers are told of.
    pub(super) door: SocketAddr,
    /// The doors of its configured routes.
    pub(super) routes: Vec<SocketAddr>,
    /// There are no others, and never will be. (A nats-server in a cluster waits with its streams
    /// until there are more.)
    pub(super) alone: bool,
    /// Whose file it is.
    pub(super) flavour: Flavour,
}

/// Where a node has its streams, in its folder.
pub(super) fn store(folder: &Path) -> PathBuf {
    folder.join("store")
}

/// Where `causeway` has all files of its streams and buffers, in a node's store.
pub(super) fn files(store: &Path) -> PathBuf {
    store.join("jetstream")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text of the file. All real ports are any that are free: others only ever see doors.
pub(super) fn text(node: &NodePlan, around: &Surroundings<'_>) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("server_name: {}", quoted(&node.name)));
    line("listen: \"127.0.0.1:-1\"".to_owned());
    line("http: \"127.0.0.1:-1\"".to_owned());
    line(format!("ports_file_dir: {}", quoted(&around.folder.display().to_string())));
    line(format!("client_advertise: {}", quoted(around.client_url)));
    for (setting, number) in of_level(node, false) {
        line(entry(setting, number));
    }
    let buffer = node.buffer.as_ref().filter(|_| around.flavour == Flavour::Causeway);
    if node.jetstream.is_some() || buffer.is_some() {
        // Buffers are in the directory of streams.
        let jetstream = node.jetstream.clone().unwrap_or_default();
        jetstream_lines(&jetstream, node, around.folder).into_iter().for_each(&mut line);
    }
    if around.alone {
        return out;
    }
    line("cluster {".to_owned());
    line(format!("  name: {}", quoted(&node.cluster)));
    line("  listen: \"127.0.0.1:-1\"".to_owned());
    line(format!("  advertise: \"{}\"", around.door));
    let routes: Vec<String> =
        around.routes.iter().map(|door| format!("\"nats-route://{door}\"")).collect();
    line(format!("  routes: [{}]", routes.join(", ")));
    for (setting, number) in of_level(node, true) {
        line(format!("  {}", entry(setting, number)));
    }
    if let Some(buffer) = buffer {
        buffer_lines(buffer).into_iter().for_each(&mut line);
    }
    line("}".to_owned());
    out
}

/// What servers under test encrypt with, if they are to: there is nothing to hide.
const KEY: &str = "testbed";

fn jetstream_lines(jetstream: &JetStreamPlan, node: &NodePlan, folder: &Path) -> Vec<String> {
    let mut lines = vec![
        format!("server_tags: [{}]", quoted(&tag(node))),
        "jetstream {".to_owned(),
        format!("  store_dir: {}", quoted(&store(folder).display().to_string())),
    ];
    if !jetstream.domain.is_empty() {
        lines.push(format!("  domain: {}", quoted(&jetstream.domain)));
    }
    let sync = match jetstream.sync_ns {
        0 => "always".to_owned(),
        ns => quoted(&span(ns)),
    };
    lines.push(format!("  sync_interval: {sync}"));
    if let Some(cipher) = jetstream.cipher {
        lines.push(format!("  key: {}", quoted(KEY)));
        lines.push(format!("  cipher: {}", word_of(cipher)));
    }
    let limits =
        [("max_file_store", jetstream.max_store), ("max_memory_store", jetstream.max_memory)];
    for (key, bytes) in limits.into_iter().filter(|(_, bytes)| *bytes > 0) {
        lines.push(format!("  {key}: {bytes}"));
    }
    lines.push("}".to_owned());
    lines
}

/// By this a node can be named where a stream is to be placed.
pub(super) fn tag(node: &NodePlan) -> String {
    node.name.replace('/', "-")
}

fn buffer_lines(buffer: &BufferPlan) -> Vec<String> {
    let subjects: Vec<String> = buffer.subjects.iter().map(|subject| quoted(subject)).collect();
    let mut lines =
        vec!["  buffer {".to_owned(), format!("    subjects: [{}]", subjects.join(", "))];
    for (key, number) in [("max_bytes", buffer.max_bytes), ("max_msgs", buffer.max_msgs)] {
        if number > 0 {
            lines.push(format!("    {key}: {number}"));
        }
    }
    if buffer.max_age_ns > 0 {
        lines.push(format!("    max_age: {}", quoted(&span(buffer.max_age_ns))));
    }
    if buffer.drop_oldest {
        lines.push("    overflow: drop_oldest".to_owned());
    }
    lines.push("  }".to_owned());
    lines
}

/// Settings of the cluster block, or of the top. What no server takes is left out.
fn of_level(node: &NodePlan, cluster: bool) -> impl Iterator<Item = (Setting, u64)> + '_ {
    let numbers = node.config.numbers.iter().copied();
    numbers.filter(move |(setting, number)| {
        is_of_cluster(*setting) == cluster && takes(*setting, *number)
    })
}

/// Whether a server's configuration may hold this.
pub(super) const fn takes(setting: Setting, number: u64) -> bool {
    !matches!(setting, Setting::LameDuckDuration) || number >= LAME_DUCK_MIN_NS
}

/// What of a plan's node this server's configuration cannot hold.
pub(super) fn left_out(node: &NodePlan, flavour: Flavour) -> Vec<String> {
    let mut out = Vec::new();
    for (setting, number) in &node.config.numbers {
        if !takes(*setting, *number) {
            out.push(format!("`{}` below 30 s, which servers refuse", setting.name()));
        }
    }
    if !node.config.accounts.is_empty() {
        out.push("accounts with a connection of their own".to_owned());
    }
    if node.buffer.is_some() && flavour == Flavour::NatsServer {
        out.push("buffers, which nats-server does not have".to_owned());
    }
    out
}

const fn is_of_cluster(setting: Setting) -> bool {
    match setting {
        Setting::PoolSize
        | Setting::ConnectRetries
        | Setting::ConnectBackoff
        | Setting::NoAdvertise
        | Setting::RoutePingInterval
        | Setting::RoutePingMax
        | Setting::RouteWriteDeadline => true,
        Setting::MaxPending
        | Setting::MaxPayload
        | Setting::MaxControlLine
        | Setting::MaxConnections
        | Setting::MaxSubscriptions
        | Setting::WriteDeadline
        | Setting::PingInterval
        | Setting::PingMax
        | Setting::NoFastProducerStall
        | Setting::LameDuckDuration
        | Setting::LameDuckGrace => false,
    }
}

fn entry(setting: Setting, number: u64) -> String {
    match setting {
        Setting::WriteDeadline | Setting::PingInterval | Setting::LameDuckDuration => {
            format!("{}: \"{}\"", setting.name(), span(number))
        }
        Setting::LameDuckGrace => format!("lame_duck_grace_period: \"{}\"", span(number)),
        Setting::RoutePingInterval => format!("ping_interval: \"{}\"", span(number)),
        Setting::RouteWriteDeadline => format!("write_deadline: \"{}\"", span(number)),
        Setting::RoutePingMax => format!("ping_max: {number}"),
        Setting::NoFastProducerStall | Setting::ConnectBackoff | Setting::NoAdvertise => {
            format!("{}: {}", setting.name(), number > 0)
        }
        // None is a negative number in files, where zero is the default.
        Setting::PoolSize if number == 0 => "pool_size: -1".to_owned(),
        Setting::PoolSize
        | Setting::ConnectRetries
        | Setting::MaxPending
        | Setting::MaxPayload
        | Setting::MaxControlLine
        | Setting::MaxConnections
        | Setting::MaxSubscriptions
        | Setting::PingMax => format!("{}: {number}", setting.name()),
    }
}

/// A duration as Go reads it.
fn span(ns: u64) -> String {
    let mut text = String::new();
    let units = [(SECOND, "s"), (MS, "ms"), (US, "us"), (1, "ns")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| ns.is_multiple_of(*unit)).unwrap_or((1, "ns"));
    // Writing to a string cannot fail.
    let _written = write!(text, "{}{name}", ns / unit);
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use causeway_core::store::Cipher;

    use crate::ids::RegionId;
    use crate::plan::ConfigPlan;
    use crate::scenario::Release;

    pub(in super::super) fn node(name: &str, numbers: Vec<(Setting, u64)>) -> NodePlan {
        NodePlan {
            name: name.to_owned(),
            region: RegionId(0),
            cluster: "c1".to_owned(),
            start_ns: 0,
            wall_ns: 0,
            routes: Vec::new(),
            config: ConfigPlan { numbers, accounts: Vec::new() },
            release: Release::default(),
            jetstream: None,
            buffer: None,
        }
    }

    #[test]
    fn a_file_holds_what_the_plan_says_and_leads_to_doors_only() {
        let around = Surroundings {
            folder: Path::new("/tmp/x"),
            client_url: "10.0.0.1:4222",
            door: ([127, 0, 0, 1], 7).into(),
            routes: vec![([127, 0, 0, 1], 8).into(), ([127, 0, 0, 1], 9).into()],
            alone: false,
            flavour: Flavour::Causeway,
        };
        let numbers = vec![
            (Setting::PoolSize, 0),
            (Setting::MaxPayload, 1024),
            (Setting::RoutePingInterval, 1_500 * MS),
            (Setting::LameDuckDuration, 5 * SECOND),
            (Setting::NoAdvertise, 1),
        ];
        let node = node("a/1", numbers);
        let expected = r#"server_name: "a/1"
listen: "127.0.0.1:-1"
http: "127.0.0.1:-1"
ports_file_dir: "/tmp/x"
client_advertise: "10.0.0.1:4222"
max_payload: 1024
cluster {
  name: "c1"
  listen: "127.0.0.1:-1"
  advertise: "127.0.0.1:7"
  routes: ["nats-route://127.0.0.1:8", "nats-route://127.0.0.1:9"]
  pool_size: -1
  ping_interval: "1500ms"
  no_advertise: true
}
"#;
        assert_eq!(text(&node, &around), expected);
        let said = ["`lame_duck_duration` below 30 s, which servers refuse"];
        assert_eq!(left_out(&node, Flavour::Causeway), said);
    }

    #[test]
    fn streams_and_buffers_have_blocks_of_their_own() {
        let mut around = Surroundings {
            folder: Path::new("/tmp/x"),
            client_url: "10.0.0.1:4222",
            door: ([127, 0, 0, 1], 7).into(),
            routes: Vec::new(),
            alone: true,
            flavour: Flavour::Causeway,
        };
        let mut node = node("a/1", Vec::new());
        node.jetstream = Some(JetStreamPlan {
            domain: "east".to_owned(),
            sync_ns: 0,
            cipher: Some(Cipher::Aes256Gcm),
            max_store: 5,
            max_memory: 0,
        });
        let alone = r#"server_name: "a/1"
listen: "127.0.0.1:-1"
http: "127.0.0.1:-1"
ports_file_dir: "/tmp/x"
client_advertise: "10.0.0.1:4222"
server_tags: ["a-1"]
jetstream {
  store_dir: "/tmp/x/store"
  domain: "east"
  sync_interval: always
  key: "testbed"
  cipher: aes
  max_file_store: 5
}
"#;
        assert_eq!(text(&node, &around), alone);
        around.alone = false;
        node.buffer = Some(BufferPlan {
            subjects: vec!["orders.>".to_owned()],
            max_bytes: 7,
            max_msgs: 0,
            max_age_ns: 5 * SECOND,
            drop_oldest: true,
        });
        let buffer = r#"  buffer {
    subjects: ["orders.>"]
    max_bytes: 7
    max_age: "5s"
    overflow: drop_oldest
  }
}
"#;
        assert!(text(&node, &around).ends_with(buffer));
        node.jetstream = None;
        assert!(text(&node, &around).contains("/tmp/x/store\""));
        around.flavour = Flavour::NatsServer;
        assert!(!text(&node, &around).contains("buffer"));
        assert!(!text(&node, &around).contains("store"));
        assert!(left_out(&node, Flavour::Causeway).is_empty());
        assert_eq!(left_out(&node, Flavour::NatsServer).len(), 1);
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!([0, 7, 2_000, 30 * SECOND].map(span), ["0s", "7ns", "2us", "30s"]);
    }
}
