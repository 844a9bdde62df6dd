//! A run as a trace for Perfetto and for Chrome's tracing page: JSON in the trace event format.
//!
//! | trace | run |
//! |---|---|
//! | process | a region; one more for what is nobody's own, and one for guarantees |
//! | thread | a node, a client |
//! | async slice | a message between two nodes, a fault, a phase |
//! | flow | from the publication of a message to each delivery |
//! | counter | what waits for a client, or in a buffer |
//! | instant | a violation; a node, route or connection that comes or goes |
//!
//! Times are microseconds with three decimals, as the format has them; they are written as digits, so
//! nothing is rounded.

use std::fmt::Write as _;

use crate::guarantee::Table;
use crate::history::{BufferWhat, Fault, History, Kind};
use crate::ids::{ClientId, MsgId, NodeId, RegionId};
use crate::report::words::describe;
use crate::verdict::SeedRun;

/// The process of what is nobody's own.
const RUN: u64 = 1;
/// Regions follow it.
const REGIONS: u64 = 2;
/// Its threads.
const PHASES: u64 = 1;
const FAULTS: u64 = 2;
const GUARANTEES: u64 = 3;
/// Threads of clients come behind those of nodes.
const CLIENTS: u64 = 1 << 20;

/// The trace of a run.
#[must_use]
pub fn perfetto(history: &History, run: &SeedRun) -> String {
    let mut trace = Trace { history, out: String::new(), sent: Table::default() };
    trace.out.push_str("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    trace.names();
    trace.phases();
    for (i, event) in history.events.iter().enumerate() {
        trace.event(i, event.t, &event.kind);
    }
    trace.unfinished();
    trace.violations(run);
    // The last line has a comma too many.
    if trace.out.ends_with(",\n") {
        trace.out.truncate(trace.out.len() - 2);
    }
    trace.out.push_str("\n]}\n");
    trace.out
}

struct Trace<'h> {
    history: &'h History,
    out: String,
    /// When messages were published, for flows.
    sent: Table<MsgId, u64>,
}

/// Process and thread.
type Track = (u64, u64);

impl Trace<'_> {
    fn of_node(&self, node: NodeId) -> Track {
        let region = self.history.header.nodes.get(usize::from(node.0)).map(|node| node.region);
        (process(region), u64::from(node.0) + 1)
    }

    fn of_client(&self, client: ClientId) -> Track {
        let region = self.history.header.clients.get(client.0 as usize).map(|one| one.region);
        (process(region), CLIENTS + u64::from(client.0))
    }

    /// A line: `ph` is the format's letter for what it is, `more` what else it has.
    fn line(&mut self, ph: char, (pid, tid): Track, t: u64, name: &str, more: &str) {
        let (micros, nanos) = (t / 1_000, t % 1_000);
        // Writing to a text never fails.
        let _ = writeln!(
            self.out,
            "{{\"ph\":\"{ph}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{micros}.{nanos:03},\"name\":{}{more}}},",
            json(name)
        );
    }

    fn names(&mut self) {
        let header = &self.history.header;
        let mut processes = vec![(RUN, "run".to_owned())];
        for (at, region) in header.regions.iter().enumerate() {
            processes.push((REGIONS + at as u64, region.name.clone()));
        }
        let mut threads: Vec<(Track, String)> = vec![
            ((RUN, PHASES), "phases".to_owned()),
            ((RUN, FAULTS), "faults".to_owned()),
            ((RUN, GUARANTEES), "guarantees".to_owned()),
        ];
        for (node, at) in header.nodes.iter().zip(0..) {
            threads.push((self.of_node(NodeId(at)), node.name.clone()));
        }
        for (client, at) in header.clients.iter().zip(0..) {
            threads.push((self.of_client(ClientId(at)), client.name.clone()));
        }
        for (pid, name) in processes {
            self.meta("process_name", (pid, 0), &format!("\"name\":{}", json(&name)));
            self.meta("process_sort_index", (pid, 0), &format!("\"sort_index\":{pid}"));
        }
        for ((pid, tid), name) in threads {
            self.meta("thread_name", (pid, tid), &format!("\"name\":{}", json(&name)));
            self.meta("thread_sort_index", (pid, tid), &format!("\"sort_index\":{tid}"));
        }
    }

    fn meta(&mut self, what: &str, track: Track, value: &str) {
        self.line('M', track, 0, what, &format!(",\"args\":{{{value}}}"));
    }

    /// Slices that begin and end by themselves: they may overlap, which slices on a stack may not.
    fn begin(&mut self, track: Track, t: u64, name: &str, (category, id): (&str, u64)) {
        self.line('b', track, t, name, &format!(",\"cat\":\"{category}\",\"id\":{id}"));
    }

    fn end(&mut self, track: Track, t: u64, name: &str, (category, id): (&str, u64)) {
        self.line('e', track, t, name, &format!(",\"cat\":\"{category}\",\"id\":{id}"));
    }

    fn instant(&mut self, track: Track, t: u64, name: &str, scope: char) {
        self.line('i', track, t, name, &format!(",\"s\":\"{scope}\""));
    }

    fn phases(&mut self) {
        let mut open: Option<&'static str> = None;
        for event in &self.history.events {
            #[expect(clippy::wildcard_enum_match_arm, reason = "phases, and the end of the last")]
            let next = match &event.kind {
                Kind::Phase { phase } => Some(phase.name()),
                Kind::End => None,
                _ => continue,
            };
            if let Some(name) = open {
                self.end((RUN, PHASES), event.t, name, ("phase", 0));
            }
            if let Some(name) = next {
                self.begin((RUN, PHASES), event.t, name, ("phase", 0));
            }
            open = next;
        }
    }

    fn event(&mut self, i: usize, t: u64, kind: &Kind) {
        let history = self.history;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest would be too much to see")]
        match kind {
            Kind::Fault(fault) => self.fault(t, fault),
            Kind::PubSent { msg, subject, .. } => {
                let track = self.of_client(msg.client);
                let name = format!("{} {msg}", history.text(*subject));
                self.sent.insert(*msg, t);
                self.line('X', track, t, &name, ",\"dur\":0.001,\"cat\":\"message\"");
            }
            Kind::Delivered { client, msg, subject, .. } => {
                let track = self.of_client(*client);
                let id = msg.map_or_else(String::new, |msg| msg.to_string());
                let name = format!("{} {id}", history.text(*subject));
                self.line('X', track, t, &name, ",\"dur\":0.001,\"cat\":\"message\"");
                if let Some((msg, sent)) = msg.and_then(|msg| Some((msg, *self.sent.get(&msg)?))) {
                    let flow = format!(",\"cat\":\"flow\",\"id\":{i},\"bp\":\"e\"");
                    self.line('s', self.of_client(msg.client), sent, "message", &flow);
                    self.line('f', track, t, "message", &flow);
                }
            }
            Kind::WireMsg { from, subject, msg, .. } => {
                let id = msg.map_or_else(String::new, |msg| msg.to_string());
                let name = format!("{} {id}", history.text(*subject));
                self.begin(self.of_node(*from), t, &name, ("wire", i as u64));
            }
            Kind::WireMsgSeen { sent } => self.arrived(*sent, t),
            Kind::Backlog { node, client, pending } => {
                let name = match history.header.clients.get(client.0 as usize) {
                    Some(client) => format!("waits for {}", client.name),
                    None => return,
                };
                let args = format!(",\"args\":{{\"bytes\":{pending}}}");
                self.line('C', self.of_node(*node), t, &name, &args);
            }
            Kind::Buffer(event) => {
                let (BufferWhat::Kept { messages, bytes, .. }
                | BufferWhat::Left { messages, bytes, .. }) = event.what
                else {
                    return;
                };
                let peer = history.header.nodes.get(usize::from(event.peer.0));
                let name = format!("kept for {}", peer.map_or("?", |peer| &peer.name));
                let args = format!(",\"args\":{{\"messages\":{messages},\"bytes\":{bytes}}}");
                self.line('C', self.of_node(event.node), t, &name, &args);
            }
            Kind::NodeUp { node, .. }
            | Kind::NodeDown { node, .. }
            | Kind::RouteUp { node, .. }
            | Kind::RouteDown { node, .. }
            | Kind::SlowConsumer { node, .. }
            | Kind::Said { node, .. } => {
                let words = describe(history, &history.events[i]);
                self.instant(self.of_node(*node), t, &words, 't');
            }
            Kind::ClientConnected { client, .. }
            | Kind::ClientClosed { client, .. }
            | Kind::ClientError { client, .. } => {
                let words = describe(history, &history.events[i]);
                self.instant(self.of_client(*client), t, &words, 't');
            }
            _ => {}
        }
    }

    fn fault(&mut self, t: u64, fault: &Fault) {
        let (track, id) = ((RUN, FAULTS), ("fault", u64::from(fault.id)));
        let name = if fault.text.is_empty() { fault.kind.name() } else { &fault.text };
        match (fault.on, fault.kind.is_instant()) {
            (true, true) => self.instant(track, t, name, 'g'),
            (true, false) => self.begin(track, t, name, id),
            (false, true) => {}
            (false, false) => self.end(track, t, name, id),
        }
    }

    /// What was on its way is there.
    fn arrived(&mut self, sent: u64, t: u64) {
        let event = usize::try_from(sent).ok().and_then(|at| self.history.events.get(at));
        if let Some(Kind::WireMsg { from, subject, msg, .. }) = event.map(|event| &event.kind) {
            let id = msg.map_or_else(String::new, |msg| msg.to_string());
            let name = format!("{} {id}", self.history.text(*subject));
            self.end(self.of_node(*from), t, &name, ("wire", sent));
        }
    }

    /// Faults that were never lifted end with the run.
    fn unfinished(&mut self) {
        let end = self.history.events.last().map_or(0, |event| event.t);
        let mut open = std::collections::BTreeMap::new();
        for event in &self.history.events {
            let Kind::Fault(fault) = &event.kind else { continue };
            if fault.on && !fault.kind.is_instant() {
                open.insert(fault.id, fault);
            } else {
                open.remove(&fault.id);
            }
        }
        for (id, fault) in open {
            let name = if fault.text.is_empty() { fault.kind.name() } else { &fault.text };
            self.end((RUN, FAULTS), end, name, ("fault", id.into()));
        }
    }

    fn violations(&mut self, run: &SeedRun) {
        for judged in &run.judged {
            if let Some(violation) = &judged.findings.first {
                let name = format!("{} broke: {}", judged.name, violation.story);
                self.instant((RUN, GUARANTEES), violation.t, &name, 'g');
            }
        }
    }
}

fn process(region: Option<RegionId>) -> u64 {
    region.map_or(RUN, |region| REGIONS + u64::from(region.0))
}

/// A text as JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
