//! A node's configuration file.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::Flavour;
use crate::plan::{NodePlan, Setting};
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
}

/// The text of the file. All real ports are any that are free: others only ever see doors.
pub(super) fn text(node: &NodePlan, around: &Surroundings<'_>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
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
    line("}".to_owned());
    out
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
    if node.buffer.is_some() {
        let whose = match flavour {
            Flavour::Causeway => "buffers, which need streams",
            Flavour::NatsServer => "buffers, which nats-server does not have",
        };
        out.push(whose.to_owned());
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
mod tests {
    use super::*;
    use crate::ids::RegionId;
    use crate::plan::ConfigPlan;
    use crate::scenario::Release;

    fn node(numbers: Vec<(Setting, u64)>) -> NodePlan {
        NodePlan {
            name: "a/1".to_owned(),
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
        };
        let numbers = vec![
            (Setting::PoolSize, 0),
            (Setting::MaxPayload, 1024),
            (Setting::RoutePingInterval, 1_500 * MS),
            (Setting::LameDuckDuration, 5 * SECOND),
            (Setting::NoAdvertise, 1),
        ];
        let node = node(numbers);
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
    fn durations_are_gos() {
        assert_eq!([0, 7, 2_000, 30 * SECOND].map(span), ["0s", "7ns", "2us", "30s"]);
    }
}
