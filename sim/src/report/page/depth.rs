//! What waits, where, and for whom, over time.

use std::collections::BTreeMap;

use causeway_reports::{Code, Table};

use super::lanes::Lanes;
use super::rates::Buckets;
use crate::history::{BufferWhat, History, Kind};

/// What a depth is of. The numbers in the table are the places in this list.
pub(super) const DEPTHS: [&str; 3] = ["client", "node", "buffer"];
const CLIENT: u64 = 0;
const NODE: u64 = 1;
const BUFFER: u64 = 2;

/// The time, what, the two lanes, messages and bytes.
type Row = [u64; 6];

/// The table of depths: a row whenever one is known anew. Buffers change with every message; of each
/// piece of time the greatest and the last depth are told.
pub(super) fn depths(history: &History, buckets: Buckets) -> Table {
    let lanes = Lanes::of(&history.header);
    let mut rows: Vec<Row> = Vec::new();
    let mut buffers: BTreeMap<(u64, u64, u64), [Row; 2]> = BTreeMap::new();
    for event in &history.events {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing of it")]
        match &event.kind {
            Kind::Backlog { node, client, pending } => {
                let (node, client) = (lanes.node(*node), lanes.client(*client));
                rows.push([event.t, CLIENT, node, client, 0, *pending]);
            }
            // It is cut off: nothing waits any more.
            Kind::SlowConsumer { node, client: Some(client), pending, .. } => {
                let (node, client) = (lanes.node(*node), lanes.client(*client));
                rows.extend([*pending, 0].map(|bytes| [event.t, CLIENT, node, client, 0, bytes]));
            }
            Kind::Buffer(buffer) => {
                let (messages, bytes) = match buffer.what {
                    BufferWhat::Kept { messages, bytes, .. }
                    | BufferWhat::Left { messages, bytes, .. } => (messages, bytes),
                    BufferWhat::Refused { .. } | BufferWhat::Repeated { .. } => continue,
                };
                let (node, peer) = (lanes.node(buffer.node), lanes.node(buffer.peer));
                let row = [event.t, BUFFER, node, peer, messages, bytes];
                let key = (buckets.at(event.t), node, peer);
                let [most, last] = buffers.entry(key).or_insert([row, row]);
                *last = row;
                if row[4] > most[4] {
                    *most = row;
                }
            }
            Kind::Snapshot(snapshot) => {
                let node = lanes.node(snapshot.node);
                rows.push([event.t, NODE, node, 0, 0, snapshot.counters.pending]);
                for entry in &snapshot.clients {
                    let Some(client) = entry.client else { continue };
                    rows.push([event.t, CLIENT, node, lanes.client(client), 0, entry.pending]);
                }
            }
            _ => {}
        }
    }
    for [most, last] in buffers.into_values() {
        rows.push(most);
        if last != most {
            rows.push(last);
        }
    }
    rows.sort_by_key(|row| row[0]);
    table(rows)
}

fn table(rows: Vec<Row>) -> Table {
    let columns = [
        ("t", Code::Delta),
        ("what", Code::Plain),
        ("lane", Code::Plain),
        ("peer", Code::Plain),
        ("messages", Code::Plain),
        ("bytes", Code::Plain),
    ];
    let mut table = Table::new("depths", &columns);
    rows.into_iter().for_each(|row| table.push(row));
    table
}
