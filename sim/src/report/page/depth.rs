//! What waits, where, and for whom, over time.

use causeway_reports::{Code, Table};

use super::lanes::Lanes;
use crate::history::{History, Kind};

/// What a depth is of. The numbers in the table are the places in this list.
pub(super) const DEPTHS: [&str; 2] = ["client", "node"];
const CLIENT: u64 = 0;
const NODE: u64 = 1;

/// The table of depths: a row whenever one is known anew.
pub(super) fn depths(history: &History) -> Table {
    let lanes = Lanes::of(&history.header);
    let columns = [
        ("t", Code::Delta),
        ("what", Code::Plain),
        ("lane", Code::Plain),
        ("peer", Code::Plain),
        ("messages", Code::Plain),
        ("bytes", Code::Plain),
    ];
    let mut table = Table::new("depths", &columns);
    for event in &history.events {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing of it")]
        match &event.kind {
            Kind::Backlog { node, client, pending } => {
                let row = [event.t, CLIENT, lanes.node(*node), lanes.client(*client), 0, *pending];
                table.push(row);
            }
            // It is cut off: nothing waits any more.
            Kind::SlowConsumer { node, client: Some(client), pending, .. } => {
                let row =
                    |bytes| [event.t, CLIENT, lanes.node(*node), lanes.client(*client), 0, bytes];
                table.push(row(*pending));
                table.push(row(0));
            }
            Kind::Snapshot(snapshot) => {
                let node = lanes.node(snapshot.node);
                table.push([event.t, NODE, node, 0, 0, snapshot.counters.pending]);
                for entry in &snapshot.clients {
                    let Some(client) = entry.client else { continue };
                    table.push([event.t, CLIENT, node, lanes.client(client), 0, entry.pending]);
                }
            }
            _ => {}
        }
    }
    table
}
