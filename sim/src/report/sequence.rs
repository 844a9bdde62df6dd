//! A run as a Mermaid sequence diagram: who, what went wrong, and the message that failed.

use std::collections::BTreeSet;

use super::words::{describe, time};
use crate::guarantee::Violation;
use crate::history::{Event, History, Kind};
use crate::ids::{ClientId, MsgId, NodeId};

/// More arrows than this are no picture.
const ARROWS_MAX: usize = 80;

/// Everybody in the run as a participant, and what passed between them as arrows, up to the
/// violation. Where there is too much, what lies further back from the violation and is not part
/// of it is left out.
#[must_use]
pub fn sequence(history: &History, violation: Option<&Violation>) -> String {
    let drawing = Drawing::of(history, violation);
    let mut text = String::from("sequenceDiagram\n");
    drawing.participants(&mut text);
    let until = violation.map_or(usize::MAX, |violation| violation.i);
    let drawn: Vec<usize> = (0..history.events.len())
        .take_while(|i| *i <= until)
        .filter(|i| drawing.arrow(&history.events[*i]).is_some())
        .collect();
    let surplus = drawn.len().saturating_sub(ARROWS_MAX);
    let (mut left_out, mut told) = (0, false);
    for i in drawn {
        let event = &history.events[i];
        if left_out < surplus && !drawing.matters(i, event) {
            left_out += 1;
            continue;
        }
        if left_out > 0 && !told {
            told = true;
            text.push_str(&drawing.over_all(&format!("{surplus} arrows are left out")));
        }
        if let Some(arrow) = drawing.arrow(event) {
            text.push_str(&drawing.marked(i, event, arrow));
        }
    }
    if let Some(violation) = violation {
        let what = format!("At {}: {}", time(violation.t), violation.story);
        text.push_str(&drawing.over_all(&what));
    }
    text
}

struct Drawing<'h> {
    history: &'h History,
    /// Events that show the violation.
    witnesses: BTreeSet<usize>,
    /// Messages of those.
    messages: BTreeSet<MsgId>,
}

impl<'h> Drawing<'h> {
    fn of(history: &'h History, violation: Option<&Violation>) -> Self {
        let witnesses: BTreeSet<usize> =
            violation.into_iter().flat_map(|v| v.witnesses.iter().map(|w| w.i)).collect();
        let events = witnesses.iter().filter_map(|i| history.events.get(*i));
        let messages = events.filter_map(|event| message_of(&event.kind)).collect();
        Self { history, witnesses, messages }
    }

    fn participants(&self, text: &mut String) {
        let header = &self.history.header;
        for (at, client) in header.clients.iter().enumerate() {
            text.push_str(&format!("    actor c{at} as {}\n", plain(&client.name)));
        }
        for (at, node) in header.nodes.iter().enumerate() {
            text.push_str(&format!("    participant n{at} as {}\n", plain(&node.name)));
        }
    }

    fn matters(&self, i: usize, event: &Event) -> bool {
        let of_it = message_of(&event.kind).is_some_and(|msg| self.messages.contains(&msg));
        self.witnesses.contains(&i) || of_it || matches!(event.kind, Kind::Fault(_))
    }

    /// The arrow, in colour if it shows the violation.
    fn marked(&self, i: usize, event: &Event, arrow: String) -> String {
        if self.witnesses.contains(&i) {
            format!("    rect rgb(255, 220, 220)\n{}    end\n", line(event, &arrow))
        } else {
            line(event, &arrow)
        }
    }

    fn over_all(&self, what: &str) -> String {
        let header = &self.history.header;
        let first = if header.clients.is_empty() { "n0" } else { "c0" };
        match header.nodes.len().checked_sub(1) {
            Some(last) => format!("    Note over {first},n{last}: {}\n", plain(what)),
            None => String::new(),
        }
    }

    /// `from->>to: text`, or a note; `None` for what is no step of the story.
    fn arrow(&self, event: &Event) -> Option<String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is detail")]
        Some(match &event.kind {
            Kind::Fault(_) => {
                let text = describe(self.history, event);
                self.over_all(&text).trim().to_owned()
            }
            Kind::NodeDown { node, .. } => self.note(*node, event),
            Kind::NodeUp { node, incarnation: 2.., .. } => self.note(*node, event),
            Kind::Snapshot(snapshot) if self.is_witness(event) => self.note(snapshot.node, event),
            Kind::RouteUp { node, remote, .. } | Kind::RouteDown { node, remote, .. } => {
                let up = matches!(event.kind, Kind::RouteUp { .. });
                let (line, what) =
                    if up { ("->>", "has a route") } else { ("--x", "lost a route") };
                format!("n{}{line}n{}: {what}", node.0, remote.0)
            }
            Kind::ClientConnected { client, node, .. } => {
                format!("c{}->>n{}: connected", client.0, node.0)
            }
            Kind::ClientClosed { client, .. }
            | Kind::SubSent { client, .. }
            | Kind::UnsubSent { client, .. }
            | Kind::OpDropped { client, .. }
            | Kind::NoResponders { client, .. }
            | Kind::PubRefused { client, .. }
            | Kind::ClientError { client, .. } => self.client_note(*client, event),
            Kind::PubSent { msg, subject, .. } => {
                let what = format!("PUB {} ({msg})", self.history.text(*subject));
                self.client_says(msg.client, event.t, &what)?
            }
            Kind::Delivered { client, subject, msg, .. } => {
                let id = msg.map_or_else(|| "?".to_owned(), |msg| msg.to_string());
                let what = format!("MSG {} ({id})", self.history.text(*subject));
                self.node_says(*client, event.t, &what)?
            }
            Kind::WireSub { from, to, subject, weight, .. } => {
                let verb = if *weight == 0 { "RS-" } else { "RS+" };
                format!("n{}->>n{}: {verb} {}", from.0, to.0, self.history.text(*subject))
            }
            Kind::WireMsg { from, to, subject, msg, .. } => {
                let id = msg.map_or_else(|| "?".to_owned(), |msg| msg.to_string());
                format!("n{}->>n{}: RMSG {} ({id})", from.0, to.0, self.history.text(*subject))
            }
            Kind::WireError { from, to, .. } => {
                format!("n{}-xn{}: not the route protocol", from.0, to.0)
            }
            _ => return None,
        })
    }

    fn is_witness(&self, event: &Event) -> bool {
        let mut witnesses = self.witnesses.iter().filter_map(|i| self.history.events.get(*i));
        witnesses.any(|witness| std::ptr::eq(witness, event))
    }

    fn note(&self, node: NodeId, event: &Event) -> String {
        format!("Note over n{}: {}", node.0, describe(self.history, event))
    }

    fn client_note(&self, client: ClientId, event: &Event) -> String {
        format!("Note over c{}: {}", client.0, describe(self.history, event))
    }

    fn client_says(&self, client: ClientId, t: u64, what: &str) -> Option<String> {
        Some(format!("c{}->>n{}: {what}", client.0, self.node_of(client, t)?.0))
    }

    fn node_says(&self, client: ClientId, t: u64, what: &str) -> Option<String> {
        Some(format!("n{}->>c{}: {what}", self.node_of(client, t)?.0, client.0))
    }

    /// Where a client is connected at that time.
    fn node_of(&self, client: ClientId, t: u64) -> Option<NodeId> {
        let before = self.history.events.iter().take_while(|event| event.t <= t);
        let arrivals = before.filter_map(|event| {
            if let Kind::ClientConnected { client: who, node, .. } = event.kind {
                (who == client).then_some(node)
            } else {
                None
            }
        });
        arrivals.last()
    }
}

fn message_of(kind: &Kind) -> Option<MsgId> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have no message")]
    match kind {
        Kind::PubSent { msg, .. } => Some(*msg),
        Kind::Delivered { msg, .. } | Kind::WireMsg { msg, .. } => *msg,
        Kind::NoResponders { request, .. } => Some(*request),
        Kind::PubRefused { .. } => kind.message(),
        _ => None,
    }
}

fn line(event: &Event, arrow: &str) -> String {
    // The text of an arrow begins with its time.
    match arrow.split_once(": ") {
        Some((who, what)) => format!("    {who}: {} {}\n", time(event.t), plain(what)),
        None => format!("    {arrow}\n"),
    }
}

/// What ends a statement in Mermaid is written otherwise.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => out.push_str("#35;"),
            ';' => out.push_str("#59;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::judge;
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script};

    fn drawn(s: &Script) -> String {
        let judged = judge(&s.history).unwrap();
        let first = judged.into_iter().find_map(|judged| judged.findings.first);
        sequence(&s.history, first.as_ref())
    }

    fn duplicate(quiet: usize) -> Script {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let client = s.client("sub/1", EAST_2);
        s.sub(client, 1, "a;#b", "");
        s.at(2_000).partition(true);
        for _ in 0..quiet {
            let msg = s.publish(publisher, "a;#b");
            s.deliver(client, 1, msg);
        }
        let msg = s.publish(publisher, "a;#b");
        s.deliver(client, 1, msg);
        s.deliver(client, 1, msg);
        s.publish(publisher, "never.drawn");
        s
    }

    #[test]
    fn the_failing_message_is_marked_and_the_picture_ends_with_it() {
        insta::assert_snapshot!(drawn(&duplicate(1)));
    }

    #[test]
    fn too_much_is_left_out_at_the_front() {
        let text = drawn(&duplicate(500));
        assert!(text.contains("arrows are left out"), "{text}");
        assert!(text.contains("fault: partition") && text.contains("rect rgb"), "{text}");
        assert!(text.lines().count() < ARROWS_MAX + 20, "{}", text.lines().count());
    }
}
