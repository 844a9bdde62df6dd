//! What was not as it should be, from when to when: between two nodes, or of one.

use std::collections::BTreeMap;

use causeway_reports::{Code, Table};

use super::lanes::Lanes;
use crate::history::{BufferWhat, Fault, FaultKind, History, Kind};
use crate::ids::NodeId;

/// What a span is of. The numbers in the table are the places in this list.
pub(super) const SPANS: [&str; 6] = ["cut", "degraded", "no_route", "off", "stalled", "buffering"];
const CUT: u64 = 0;
const DEGRADED: u64 = 1;
const NO_ROUTE: u64 = 2;
const OFF: u64 = 3;
const STALLED: u64 = 4;
const BUFFERING: u64 = 5;

/// What, from whom, to whom, and by which fault (number + 1).
type Key = (u64, u64, u64, u64);

/// The table of spans, by what they are of and then by time.
pub(super) fn spans(history: &History) -> Table {
    let mut open =
        Open { lanes: Lanes::of(&history.header), begun: BTreeMap::new(), done: Vec::new() };
    let mut routes = Routes::default();
    for event in &history.events {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others change nothing")]
        match &event.kind {
            Kind::Fault(fault) => open.fault(fault, event.t),
            Kind::NodeDown { node, .. } => {
                let lane = open.lanes.node(*node);
                open.begin((OFF, lane, 0, 0), event.t);
                for remote in routes.forget(*node) {
                    open.no_route(*node, remote, event.t, true);
                }
            }
            Kind::NodeUp { node, .. } => {
                let lane = open.lanes.node(*node);
                open.end((OFF, lane, 0, 0), event.t);
            }
            Kind::RouteUp { node, remote, .. } if routes.up(*node, *remote) => {
                open.no_route(*node, *remote, event.t, false);
            }
            Kind::RouteDown { node, remote, .. } if routes.down(*node, *remote) => {
                open.no_route(*node, *remote, event.t, true);
            }
            Kind::Buffer(buffer) => {
                let (node, peer) = (open.lanes.node(buffer.node), open.lanes.node(buffer.peer));
                match buffer.what {
                    BufferWhat::Kept { .. } if !routes.any(buffer.node, buffer.peer) => {
                        open.begin((BUFFERING, node, peer, 0), event.t);
                    }
                    BufferWhat::Left { messages: 0, .. } => {
                        open.end((BUFFERING, node, peer, 0), event.t);
                    }
                    BufferWhat::Kept { .. }
                    | BufferWhat::Left { .. }
                    | BufferWhat::Refused { .. }
                    | BufferWhat::Repeated { .. } => {}
                }
            }
            _ => {}
        }
    }
    open.table(history.events.last().map_or(0, |event| event.t))
}

/// How many routes each node has to each other.
#[derive(Default)]
struct Routes(BTreeMap<(NodeId, NodeId), u32>);

impl Routes {
    /// Whether it is the first.
    fn up(&mut self, node: NodeId, remote: NodeId) -> bool {
        let routes = self.0.entry((node, remote)).or_default();
        *routes += 1;
        *routes == 1
    }

    /// Whether it was the last.
    fn down(&mut self, node: NodeId, remote: NodeId) -> bool {
        let Some(routes) = self.0.get_mut(&(node, remote)).filter(|routes| **routes > 0) else {
            return false;
        };
        *routes -= 1;
        *routes == 0
    }

    fn any(&self, node: NodeId, remote: NodeId) -> bool {
        self.0.get(&(node, remote)).is_some_and(|routes| *routes > 0)
    }

    /// A process has ended, and its routes with it: to whom it had some.
    fn forget(&mut self, node: NodeId) -> Vec<NodeId> {
        let mine = self.0.iter_mut().filter(|((of, _), routes)| *of == node && **routes > 0);
        mine.map(|((_, remote), routes)| {
            *routes = 0;
            *remote
        })
        .collect()
    }
}

struct Open {
    lanes: Lanes,
    begun: BTreeMap<Key, u64>,
    done: Vec<(Key, u64, u64)>,
}

impl Open {
    fn begin(&mut self, key: Key, t: u64) {
        self.begun.entry(key).or_insert(t);
    }

    fn end(&mut self, key: Key, t: u64) {
        if let Some(since) = self.begun.remove(&key) {
            self.done.push((key, since, t));
        }
    }

    fn no_route(&mut self, node: NodeId, remote: NodeId, t: u64, begins: bool) {
        let key = (NO_ROUTE, self.lanes.node(node), self.lanes.node(remote), 0);
        if begins { self.begin(key, t) } else { self.end(key, t) }
    }

    fn fault(&mut self, fault: &Fault, t: u64) {
        if fault.kind.is_instant() {
            return;
        }
        let by = u64::from(fault.id) + 1;
        let between = if fault.kind.cuts() { CUT } else { DEGRADED };
        let mut keys: Vec<Key> = (fault.pairs.iter())
            .map(|(a, b)| (between, self.lanes.node(*a), self.lanes.node(*b), by))
            .collect();
        if matches!(fault.kind, FaultKind::Pause | FaultKind::SlowCpu | FaultKind::Disk) {
            keys.extend(fault.nodes.iter().map(|node| (STALLED, self.lanes.node(*node), 0, by)));
        }
        for key in keys {
            if fault.on { self.begin(key, t) } else { self.end(key, t) }
        }
    }

    fn table(mut self, end: u64) -> Table {
        for (key, since) in std::mem::take(&mut self.begun) {
            self.done.push((key, since, end));
        }
        self.done.sort_unstable_by_key(|((what, a, b, by), since, until)| {
            (*what, *since, *until, *a, *b, *by)
        });
        let columns = [
            ("what", Code::Plain),
            ("lane", Code::Plain),
            ("peer", Code::Plain),
            ("fault", Code::Plain),
            ("since", Code::Delta),
            ("until", Code::Delta),
        ];
        let mut table = Table::new("spans", &columns);
        for ((what, lane, peer, by), since, until) in self.done {
            table.push([what, lane, peer, by, since, until]);
        }
        table
    }
}
