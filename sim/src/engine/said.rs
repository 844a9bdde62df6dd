//! What of a node's log is written down: what tells something of the run that no other event does.

use causeway_core::{BufferEvent, TraceEvent};

use crate::report::words::{count, plural, time};

/// The line; `None` if other events say it, or nobody wants to know.
pub(super) fn said(event: &TraceEvent) -> Option<String> {
    Some(match event {
        TraceEvent::DialFailed { host, port, attempt, error } => {
            format!("cannot reach {host}:{port} (attempt {attempt}): {error}")
        }
        TraceEvent::AuthenticationFailed { who, .. } => {
            format!("{} is not let in", who.peer)
        }
        TraceEvent::PeerFault { who, text } => format!("connection {}: {text}", who.cid),
        TraceEvent::LameDuck => "lame duck mode begins".to_owned(),
        TraceEvent::StreamsReady { streams } => format!("{} ready", plural(*streams, "stream")),
        TraceEvent::StoreUnreadable { error } => format!("the store cannot be read: {error:?}"),
        TraceEvent::Buffer(event) => buffer(event),
        TraceEvent::LinkOpened { .. }
        | TraceEvent::LinkClosed { .. }
        | TraceEvent::RouteRegistered { .. }
        | TraceEvent::RouteDuplicate { .. }
        | TraceEvent::RouteDiscovered { .. }
        | TraceEvent::SlowConsumer { .. }
        | TraceEvent::ClusterName { .. }
        | TraceEvent::StreamDamaged { .. }
        | TraceEvent::StreamUnknown { .. }
        | TraceEvent::Message(_)
        | TraceEvent::Protocol { .. } => return None,
    })
}

fn buffer(event: &BufferEvent) -> String {
    match event {
        BufferEvent::Unreadable { dir } => format!("the buffer in {dir} cannot be read"),
        BufferEvent::Failed { peer } => {
            format!("the disk has failed: nothing is kept for {peer}")
        }
        BufferEvent::NotKept { peer } => format!("nothing is kept for {peer} while it is away"),
        BufferEvent::Unnamed { peer } => format!("{peer} has no name of its own"),
        BufferEvent::CutOff { peer, messages, .. } => {
            format!("{peer} is cut off: it lacks {}", plural(*messages, "message"))
        }
        BufferEvent::Back { peer, messages, .. } => {
            format!("{peer} is back: {} for it", plural(*messages, "message"))
        }
        BufferEvent::CaughtUp { peer, messages, took } => format!(
            "{peer} has caught up: {} in {}",
            plural(*messages, "message"),
            time(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))
        ),
        BufferEvent::Losses { peer, dropped, refused } => format!(
            "of what is kept for {peer}, {} were dropped and {} refused",
            count(dropped.total()),
            count(*refused)
        ),
        BufferEvent::Forgotten { peer } => format!("{peer} has been away for too long"),
    }
}
