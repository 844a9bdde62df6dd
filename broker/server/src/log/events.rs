//! What happened in the core, worded as nats-server words it.

use std::fmt::Write;

use causeway_core::link::LinkKind;
use causeway_core::store::{Finding, FindingKind};
use causeway_core::{CloseReason, Direction, LinkLabel, TraceEvent};

use super::Level;

/// A log line: its level and its text, which may hold any bytes a peer sent.
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: Vec<u8>,
}

fn line(level: Level, text: String) -> Line {
    Line { level, text: text.into_bytes() }
}

/// The line for an event; `None` for one that nats-server does not log. `debug` says whether debug
/// lines are written: then the core tells of a route's opening too, and otherwise this is the first
/// that is heard of it. Payloads are shown up to `payload_max` bytes.
pub(super) fn wording(event: TraceEvent, debug: bool, payload_max: Option<u64>) -> Option<Line> {
    Some(match event {
        TraceEvent::LinkOpened { who } => match who.kind {
            LinkKind::Client => line(Level::Debug, about(&who, "Client connection created")),
            LinkKind::Route => line(Level::Info, about(&who, "Route connection created")),
            LinkKind::Shard => return None,
        },
        TraceEvent::LinkClosed { who, reason, remote } => closed(&who, reason, remote.as_deref())?,
        TraceEvent::RouteRegistered { who, .. } if !debug => {
            line(Level::Info, about(&who, "Route connection created"))
        }
        TraceEvent::RouteRegistered { who, remote_id, account, .. } => {
            let account = account.map(|name| format!(" for account {name:?}")).unwrap_or_default();
            let text = format!("Registering remote route {remote_id:?}{account}");
            line(Level::Debug, about(&who, &text))
        }
        TraceEvent::RouteDuplicate { who, remote_id } => {
            let text = format!("Detected duplicate remote route {remote_id:?}");
            line(Level::Debug, about(&who, &text))
        }
        TraceEvent::RouteDiscovered { host, port } => {
            let address = join(&host, port);
            line(Level::Debug, format!("Trying to connect to route on {address} ({address})"))
        }
        TraceEvent::DialFailed { attempt, error, .. } => {
            let text = format!("Error trying to connect to route (attempt {attempt}): {error}");
            line(Level::Error, text)
        }
        TraceEvent::AuthenticationFailed { who, user } => {
            let user = user.map(|name| format!(" - User {name:?}")).unwrap_or_default();
            line(Level::Error, about(&who, &format!("authentication error{user}")))
        }
        TraceEvent::PeerFault { who, text } => line(Level::Error, about(&who, &text)),
        TraceEvent::SlowConsumer { who, pending, max_pending, deadline } => {
            let text = match (max_pending, deadline) {
                (Some(max), _) => {
                    format!("Slow Consumer Detected: MaxPending of {max} Exceeded")
                }
                (None, Some(deadline)) => format!(
                    "Slow Consumer Detected: WriteDeadline of {} exceeded with {pending} \
                     total bytes.",
                    crate::text::go_duration(deadline)
                ),
                (None, None) => format!("Slow Consumer Detected: {pending} total bytes."),
            };
            line(Level::Info, about(&who, &text))
        }
        TraceEvent::LameDuck => {
            line(Level::Info, "Entering lame duck mode, stop accepting new clients".to_owned())
        }
        TraceEvent::ClusterName { name } => {
            line(Level::Info, format!("Cluster name updated to {name}"))
        }
        TraceEvent::StreamsReady { streams } => {
            line(Level::Info, format!("Recovered {streams} streams"))
        }
        TraceEvent::StoreUnreadable { error } => {
            line(Level::Error, format!("JetStream can not read its streams: {error}"))
        }
        TraceEvent::StreamDamaged { dir, finding } => line(Level::Error, damaged(&dir, &finding)),
        TraceEvent::StreamUnknown { dir } => {
            let text = format!("JetStream leaves {dir:?} alone: nothing in it says what it was");
            line(Level::Error, text)
        }
        TraceEvent::Buffer(event) => super::buffers::line(event),
        TraceEvent::Message(_) => return None,
        TraceEvent::Protocol { who, direction, text } => {
            protocol(&who, direction, &text, payload_max)
        }
    })
}

fn damaged(dir: &str, finding: &Finding) -> String {
    let what = match finding.kind {
        FindingKind::TornTail => "the last batch is not complete, the rest of it is dropped",
        FindingKind::Damage => "what was stored is damaged",
        FindingKind::MissingFile => "a file is missing",
        FindingKind::DamagedCheckpoint => "a checkpoint is damaged",
    };
    let mut text =
        format!("JetStream {dir:?}, segment {}, byte {}: {what}", finding.segment, finding.at);
    if let Some(lost) = &finding.lost {
        let _ = write!(text, "; lost are messages {} to {}", lost.start(), lost.end());
    }
    text
}

fn closed(who: &LinkLabel, reason: CloseReason, remote: Option<&str>) -> Option<Line> {
    Some(match who.kind {
        LinkKind::Client => {
            line(Level::Debug, about(who, &format!("Client connection closed: {reason}")))
        }
        LinkKind::Route => {
            let remote = remote.map(|name| format!(" - Remote: {name}")).unwrap_or_default();
            line(Level::Info, about(who, &format!("Router connection closed: {reason}{remote}")))
        }
        LinkKind::Shard => return None,
    })
}

/// `<<- [PUB foo 2]`. A payload brings its own brackets.
fn protocol(
    who: &LinkLabel,
    direction: Direction,
    operation: &[u8],
    payload_max: Option<u64>,
) -> Line {
    let arrow = match direction {
        Direction::In => "<<- ",
        Direction::Out => "->> ",
        Direction::Internal => "<-> ",
    };
    let mut text = about(who, arrow).into_bytes();
    let payload = operation.strip_prefix(PAYLOAD).and_then(|rest| rest.strip_suffix(b"\"]"));
    if let Some(payload) = payload {
        let shown = payload_max.map_or(payload.len(), |max| quoted_bytes(payload, max));
        text.extend_from_slice(PAYLOAD);
        text.extend_from_slice(&payload[..shown]);
        text.extend_from_slice(if shown < payload.len() { b"...\"]" } else { b"\"]" });
    } else {
        text.push(b'[');
        text.extend_from_slice(operation);
        text.push(b']');
    }
    Line { level: Level::Trace, text }
}

/// How a traced payload begins; it ends with a quote and a bracket.
const PAYLOAD: &[u8] = b"MSG_PAYLOAD: [\"";

/// The length of the beginning of an escaped text that stands for `max` bytes.
fn quoted_bytes(escaped: &[u8], max: u64) -> usize {
    let (mut at, mut bytes) = (0, 0);
    while at < escaped.len() && bytes < max {
        at += match (escaped[at], escaped.get(at + 1)) {
            (b'\\', Some(b'x')) => 4,
            (b'\\', _) => 2,
            (_, _) => 1,
        };
        bytes += 1;
    }
    at.min(escaped.len())
}

/// `127.0.0.1:33448 - cid:9 - "v1.2:py:name" - "$G/user:name" - text`.
fn about(who: &LinkLabel, text: &str) -> String {
    let kind = match who.kind {
        LinkKind::Client => "cid",
        LinkKind::Route | LinkKind::Shard => "rid",
    };
    let mut client = String::new();
    if who.kind == LinkKind::Client {
        for part in [&who.name, &who.user].into_iter().flatten().filter(|part| !part.is_empty()) {
            let _ = write!(client, " - {part:?}");
        }
    }
    format!("{} - {kind}:{}{client} - {text}", who.peer, who.cid)
}

/// `host:port`, with brackets around an IPv6 address.
fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_core::LinkId;
    use std::time::Duration;

    fn who(kind: LinkKind, name: Option<&str>) -> LinkLabel {
        LinkLabel {
            link: LinkId { slot: 0, generation: 0 },
            kind,
            cid: 9,
            peer: "127.0.0.1:33448".parse().unwrap(),
            name: name.map(ToOwned::to_owned),
            user: None,
        }
    }

    fn check(event: TraceEvent, level: Level, text: &str) {
        let line = wording(event, true, None).unwrap();
        assert_eq!((line.level, String::from_utf8_lossy(&line.text).as_ref()), (level, text));
    }

    /// The expected texts are lines that a nats-server 2.15.1 wrote.
    #[test]
    fn lines_read_as_nats_servers() {
        let client = || who(LinkKind::Client, Some("v1.2:py:my\"cli"));
        let route = || who(LinkKind::Route, Some("A"));
        check(
            TraceEvent::LinkOpened { who: who(LinkKind::Client, None) },
            Level::Debug,
            "127.0.0.1:33448 - cid:9 - Client connection created",
        );
        let user = LinkLabel { user: Some("$G/user:u".to_owned()), ..client() };
        check(
            TraceEvent::PeerFault { who: user, text: "x".to_owned() },
            Level::Error,
            "127.0.0.1:33448 - cid:9 - \"v1.2:py:my\\\"cli\" - \"$G/user:u\" - x",
        );
        check(
            TraceEvent::LinkOpened { who: route() },
            Level::Info,
            "127.0.0.1:33448 - rid:9 - Route connection created",
        );
        let registered = TraceEvent::RouteRegistered {
            who: route(),
            remote_id: "NX".to_owned(),
            remote_name: "A".to_owned(),
            pool_index: None,
            account: Some("$SYS".to_owned()),
        };
        let quiet = wording(registered.clone(), false, None).unwrap();
        assert_eq!(quiet.level, Level::Info);
        assert_eq!(quiet.text, b"127.0.0.1:33448 - rid:9 - Route connection created");
        check(
            registered,
            Level::Debug,
            "127.0.0.1:33448 - rid:9 - Registering remote route \"NX\" for account \"$SYS\"",
        );
        check(
            TraceEvent::LinkClosed {
                who: route(),
                reason: CloseReason::ClientClosed,
                remote: Some("B".to_owned()),
            },
            Level::Info,
            "127.0.0.1:33448 - rid:9 - Router connection closed: Client Closed - Remote: B",
        );
        check(
            TraceEvent::LinkClosed {
                who: client(),
                reason: CloseReason::ProtocolViolation,
                remote: None,
            },
            Level::Debug,
            "127.0.0.1:33448 - cid:9 - \"v1.2:py:my\\\"cli\" - \
             Client connection closed: Protocol Violation",
        );
    }

    #[test]
    fn long_payloads_are_cut_to_the_limit() {
        let cut = |payload: &str, max| {
            let text = format!("MSG_PAYLOAD: [\"{payload}\"]").into_bytes();
            let event = TraceEvent::Protocol {
                who: who(LinkKind::Client, None),
                direction: Direction::In,
                text,
            };
            let line = String::from_utf8(wording(event, true, Some(max)).unwrap().text).unwrap();
            line.split_once("MSG_PAYLOAD: ").unwrap().1.to_owned()
        };
        assert_eq!(cut("0123456789", 10), "[\"0123456789\"]");
        assert_eq!(cut("0123456789", 4), "[\"0123...\"]");
        assert_eq!(cut(r"\x01\r\n\\ab", 3), r#"["\x01\r\n..."]"#);
        assert_eq!(cut(r"a\x", 2), r#"["a\x"]"#, "a broken escape is shown as it is");
    }

    #[test]
    fn operations_and_slow_consumers_read_as_nats_servers() {
        let client = || who(LinkKind::Client, Some("v1.2:py:my\"cli"));
        check(
            TraceEvent::Protocol {
                who: client(),
                direction: Direction::In,
                text: b"PUB foo 2".to_vec(),
            },
            Level::Trace,
            "127.0.0.1:33448 - cid:9 - \"v1.2:py:my\\\"cli\" - <<- [PUB foo 2]",
        );
        check(
            TraceEvent::Protocol {
                who: client(),
                direction: Direction::Out,
                text: b"MSG_PAYLOAD: [\"hi\"]".to_vec(),
            },
            Level::Trace,
            "127.0.0.1:33448 - cid:9 - \"v1.2:py:my\\\"cli\" - ->> MSG_PAYLOAD: [\"hi\"]",
        );
        check(
            TraceEvent::SlowConsumer {
                who: who(LinkKind::Client, None),
                pending: 77,
                max_pending: Some(64),
                deadline: None,
            },
            Level::Info,
            "127.0.0.1:33448 - cid:9 - Slow Consumer Detected: MaxPending of 64 Exceeded",
        );
        check(
            TraceEvent::SlowConsumer {
                who: who(LinkKind::Client, None),
                pending: 77,
                max_pending: None,
                deadline: Some(Duration::from_secs(10)),
            },
            Level::Info,
            "127.0.0.1:33448 - cid:9 - Slow Consumer Detected: WriteDeadline of 10s exceeded \
             with 77 total bytes.",
        );
    }
}
