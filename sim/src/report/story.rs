//! A run told in a few lines: what went wrong when, and what became of it.

use std::collections::BTreeSet;

use super::words::{count, describe};
use crate::history::{Event, History, Kind};
use crate::ids::{ClientId, NodeId};

/// A line of a story.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When, in nanoseconds.
    pub t: u64,
    /// What.
    pub text: String,
}

/// Tells a run in at most `lines_max` lines: the turns that it took (phases, faults, nodes that
/// came and went), and between them what routes, clients and messages did, added up.
#[must_use]
pub fn timeline(history: &History, lines_max: usize) -> Vec<Line> {
    let mut teller = Teller { history, lines: Vec::new(), between: Between::default() };
    for event in &history.events {
        teller.take(event);
    }
    teller.sum_up();
    let mut lines = teller.lines;
    if lines.len() > lines_max {
        // The beginning says what was done, the end says what became of it.
        let head = lines_max.div_ceil(2);
        let tail = lines_max.saturating_sub(head + 1);
        let left_out = lines.len() - head - tail;
        let t = lines[head].t;
        let gap = Line { t, text: format!("... {left_out} lines are left out here") };
        lines.splice(head..head + left_out, [gap]);
    }
    lines
}

struct Teller<'h> {
    history: &'h History,
    lines: Vec<Line>,
    between: Between,
}

/// What happened since the last turn.
#[derive(Default)]
struct Between {
    since: u64,
    until: u64,
    started: Vec<NodeId>,
    routes_up: u64,
    routes_down: u64,
    route_pairs: BTreeSet<(NodeId, NodeId)>,
    lost: BTreeSet<ClientId>,
    connected: BTreeSet<ClientId>,
    published: u64,
    delivered: u64,
    dropped: u64,
    timeouts: u64,
    nobody: u64,
    refused: u64,
}

impl Teller<'_> {
    fn take(&mut self, event: &Event) {
        let b = &mut self.between;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is detail")]
        match &event.kind {
            Kind::Phase { .. }
            | Kind::Fault(_)
            | Kind::NodeDown { .. }
            | Kind::SlowConsumer { .. }
            | Kind::ClientError { .. }
            | Kind::WireError { .. }
            | Kind::End => {
                self.turn(event);
                return;
            }
            Kind::NodeUp { incarnation, .. } if *incarnation > 1 => {
                self.turn(event);
                return;
            }
            Kind::NodeUp { node, .. } => b.started.push(*node),
            Kind::RouteUp { node, remote, .. } => {
                b.routes_up += 1;
                b.route_pairs.insert((*node.min(remote), *node.max(remote)));
            }
            Kind::RouteDown { node, remote, .. } => {
                b.routes_down += 1;
                b.route_pairs.insert((*node.min(remote), *node.max(remote)));
            }
            Kind::ClientConnected { client, .. } => {
                b.connected.insert(*client);
            }
            Kind::ClientClosed { client, .. } => {
                b.lost.insert(*client);
            }
            Kind::PubSent { .. } => b.published += 1,
            Kind::Delivered { .. } => b.delivered += 1,
            Kind::OpDropped { count, .. } => b.dropped += u64::from(*count),
            Kind::RequestTimeout { .. } => b.timeouts += 1,
            Kind::NoResponders { .. } => b.nobody += 1,
            Kind::PubRefused { .. } => b.refused += 1,
            _ => return,
        }
        b.until = event.t;
    }

    /// A turn of the run has a line of its own, after what happened before it.
    fn turn(&mut self, event: &Event) {
        self.sum_up();
        self.lines.push(Line { t: event.t, text: describe(self.history, event) });
        self.between.since = event.t;
    }

    fn sum_up(&mut self) {
        let between = std::mem::take(&mut self.between);
        let parts = between.parts();
        if !parts.is_empty() {
            let t = between.until.max(between.since);
            self.lines.push(Line { t, text: format!("meanwhile: {}", parts.join(", ")) });
        }
        self.between.since = between.until;
    }
}

impl Between {
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut part = |n: u64, one: &str, many: &str| {
            if n > 0 {
                parts.push(format!("{} {}", count(n), if n == 1 { one } else { many }));
            }
        };
        part(self.started.len() as u64, "node started", "nodes started");
        part(self.routes_down, "end of a route lost", "ends of routes lost");
        part(self.routes_up, "end of a route registered", "ends of routes registered");
        part(self.lost.len() as u64, "client disconnected", "clients disconnected");
        part(self.connected.len() as u64, "client connected", "clients connected");
        part(self.published, "message published", "messages published");
        part(self.delivered, "delivery", "deliveries");
        part(
            self.dropped,
            "message not sent for want of a connection",
            "messages not sent for want of a connection",
        );
        part(self.refused, "message not taken", "messages not taken");
        part(self.timeouts, "request without an answer", "requests without an answer");
        part(
            self.nobody,
            "request told that nobody is there",
            "requests told that nobody is there",
        );
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{NodeDownHow, Phase};
    use crate::report::words::seconds;

    fn told(lines: &[Line]) -> String {
        lines.iter().map(|l| format!("{} {}\n", seconds(l.t), l.text)).collect()
    }

    fn script() -> Script {
        let mut s = Script::running();
        let client = s.client("both/1", EAST_1);
        s.sub(client, 1, "a", "");
        s.at(2_000).phase(Phase::Chaos);
        for _ in 0..1_200 {
            let msg = s.publish(client, "a");
            s.deliver(client, 1, msg);
        }
        s.at(3_000).partition(true);
        s.at(4_000).routes_down(EAST_1, WEST_1);
        s.at(5_000).partition(false);
        s.routes_up(EAST_1, WEST_1);
        s.at(6_000).node_down(EAST_2, NodeDownHow::Killed);
        s.node_up(EAST_2, 2);
        s
    }

    #[test]
    fn turns_are_told_and_the_rest_is_added_up() {
        insta::assert_snapshot!(told(&timeline(&script().history, 30)), @r"
        1.000000 meanwhile: 3 nodes started, 6 ends of routes registered, 1 client connected
        2.000000 the phase `chaos` begins
        2.000000 meanwhile: 1,200 messages published, 1,200 deliveries
        3.000000 fault: partition
        4.000000 meanwhile: 2 ends of routes lost
        5.000000 fault over: partition
        5.000000 meanwhile: 2 ends of routes registered
        6.000000 east/2 is killed
        6.000000 east/2 starts again (start number 2)
        ");
    }

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end() {
        let mut s = script();
        for ms in 0..100 {
            s.at(7_000 + ms).phase(Phase::Heal);
        }
        let lines = timeline(&s.history, 8);
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[..4], timeline(&script().history, 30)[..4]);
        assert_eq!(lines[4].text, "... 102 lines are left out here");
        assert_eq!(seconds(lines[7].t), "7.099000");
    }
}
