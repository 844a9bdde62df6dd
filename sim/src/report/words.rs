//! Events and times in plain words.

use crate::history::{
    BufferEvent, BufferWhat, Event, Fault, History, Kind, LeftWhy, Snapshot, Sym,
};
use crate::ids::{ClientId, MsgId, NodeId};
use crate::units::{MS, SECOND};

/// One event in words, without its time.
#[must_use]
pub fn describe(history: &History, event: &Event) -> String {
    let words = Words(history);
    match &event.kind {
        Kind::Phase { phase } => format!("the phase `{}` begins", phase.name()),
        Kind::Fault(fault) => words.fault(fault),
        Kind::NodeUp { node, incarnation: 1, .. } => format!("{} starts", words.node(*node)),
        Kind::NodeUp { node, incarnation, .. } => {
            format!("{} starts again (start number {incarnation})", words.node(*node))
        }
        Kind::NodeDown { node, how } => format!("{} {}", words.node(*node), how.words()),
        Kind::RouteUp { .. }
        | Kind::RouteDown { .. }
        | Kind::SlowConsumer { .. }
        | Kind::Backlog { .. }
        | Kind::Dial { .. } => words.nodes(&event.kind),
        Kind::WireSub { .. }
        | Kind::WireSubSeen { .. }
        | Kind::WireMsg { .. }
        | Kind::WireMsgSeen { .. }
        | Kind::WireOpened { .. }
        | Kind::WireClosed { .. }
        | Kind::WireError { .. } => words.wire(&event.kind),
        Kind::Buffer(event) => words.buffer(event),
        Kind::Said { node, text } => format!("{} says: {}", words.node(*node), words.text(*text)),
        Kind::Stream(event) => super::stream_words::describe(history, event),
        Kind::Snapshot(snapshot) => words.snapshot(snapshot),
        Kind::End => "the run is over".to_owned(),
        Kind::ClientConnected { .. }
        | Kind::ClientClosed { .. }
        | Kind::SubSent { .. }
        | Kind::SubReady { .. }
        | Kind::UnsubSent { .. }
        | Kind::UnsubReady { .. }
        | Kind::Servers { .. } => words.subscriber(&event.kind),
        Kind::PubSent { .. }
        | Kind::PubFlushed { .. }
        | Kind::PubRefused { .. }
        | Kind::OpDropped { .. }
        | Kind::Delivered { .. }
        | Kind::NoResponders { .. }
        | Kind::RequestDone { .. }
        | Kind::RequestTimeout { .. }
        | Kind::ClientError { .. } => words.messages(&event.kind),
    }
}

/// A time or duration for people, with as many digits as it has: `12.000345 s`, `250 ms`.
#[must_use]
pub fn time(ns: u64) -> String {
    if ns >= SECOND {
        decimal(ns, SECOND, 9, "s")
    } else if ns >= MS {
        decimal(ns, MS, 6, "ms")
    } else if ns >= 1_000 {
        decimal(ns, 1_000, 3, "us")
    } else {
        format!("{ns} ns")
    }
}

/// A time in seconds with microseconds, for columns: `12.000345`.
#[must_use]
pub fn seconds(ns: u64) -> String {
    format!("{}.{:06}", ns / SECOND, ns % SECOND / 1_000)
}

/// A long time, coarsely: `12.3 h`, `4.5 min`, `40.0 s`.
#[must_use]
pub fn hours(ns: u64) -> String {
    let (unit, name) = match ns / SECOND {
        0..60 => (SECOND, "s"),
        60..3_600 => (60 * SECOND, "min"),
        _ => (3_600 * SECOND, "h"),
    };
    let tenths = ns / (unit / 10);
    format!("{}.{} {name}", count(tenths / 10), tenths % 10)
}

/// A number with commas: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 seed`, `2 seeds`.
#[must_use]
pub fn plural(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{} {thing}s", count(n)) }
}

fn decimal(ns: u64, unit: u64, digits: usize, name: &str) -> String {
    let (whole, part) = (ns / unit, ns % unit);
    if part == 0 {
        return format!("{whole} {name}");
    }
    let part = format!("{part:0digits$}");
    format!("{whole}.{} {name}", part.trim_end_matches('0'))
}

struct Words<'a>(&'a History);

impl Words<'_> {
    fn text(&self, sym: Sym) -> &str {
        self.0.text(sym)
    }

    fn node(&self, node: NodeId) -> &str {
        self.0.header.nodes.get(usize::from(node.0)).map_or("an unknown node", |n| &n.name)
    }

    fn client(&self, client: ClientId) -> &str {
        self.0.header.clients.get(client.0 as usize).map_or("an unknown client", |c| &c.name)
    }

    fn message(msg: Option<MsgId>) -> String {
        msg.map_or_else(|| "a message of unknown origin".to_owned(), |msg| format!("message {msg}"))
    }

    /// ` in queue group q`, or nothing.
    fn group(&self, queue: Sym) -> String {
        if queue.is_none() {
            String::new()
        } else {
            format!(" in queue group `{}`", self.text(queue))
        }
    }

    fn fault(&self, fault: &Fault) -> String {
        let what = if fault.text.is_empty() { fault.kind.name() } else { &fault.text };
        if fault.on { format!("fault: {what}") } else { format!("fault over: {what}") }
    }

    fn subscriber(&self, kind: &Kind) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends these only")]
        match kind {
            Kind::ClientConnected { client, conn, node } => format!(
                "{} is connected to {} (its connection {})",
                self.client(*client),
                self.node(*node),
                conn.0
            ),
            Kind::ClientClosed { client, conn, reason } => format!(
                "{} loses its connection {}: {}",
                self.client(*client),
                conn.0,
                self.text(*reason)
            ),
            Kind::SubSent { client, sid, subject, queue, max, .. } => {
                let limit =
                    if *max == 0 { String::new() } else { format!(", for at most {max} messages") };
                format!(
                    "{} subscribes to `{}`{}{limit} (subscription {})",
                    self.client(*client),
                    self.text(*subject),
                    self.group(*queue),
                    sid.0
                )
            }
            Kind::Servers { client, urls, .. } if urls.is_none() => {
                format!("{} is told of no servers", self.client(*client))
            }
            Kind::Servers { client, urls, .. } => {
                format!("{} is told of the servers {}", self.client(*client), self.text(*urls))
            }
            Kind::SubReady { client, sid, .. } => {
                format!("{}'s node has subscription {}", self.client(*client), sid.0)
            }
            Kind::UnsubSent { client, sid, max: 0, .. } => {
                format!("{} unsubscribes subscription {}", self.client(*client), sid.0)
            }
            Kind::UnsubSent { client, sid, max, .. } => {
                format!("{} limits subscription {} to {max} messages", self.client(*client), sid.0)
            }
            Kind::UnsubReady { client, sid, .. } => {
                format!("{}'s node has the UNSUB of subscription {}", self.client(*client), sid.0)
            }
            _ => String::new(),
        }
    }

    fn messages(&self, kind: &Kind) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends these only")]
        match kind {
            Kind::PubSent { msg, subject, reply, size, .. } => {
                let what = if reply.is_none() { "publishes" } else { "asks with" };
                format!(
                    "{} {what} message {msg} on `{}`, {size} bytes",
                    self.client(msg.client),
                    self.text(*subject)
                )
            }
            Kind::PubFlushed { client, conn, upto } => format!(
                "{}'s node has processed its messages up to {}.{}.{upto}",
                self.client(*client),
                client.0,
                conn.0
            ),
            Kind::PubRefused { client, conn, subject, first, last, text } => {
                let which = match last.checked_sub(*first) {
                    Some(0) => format!("its message {}.{}.{first}", client.0, conn.0),
                    _ => format!(
                        "one of its messages {}.{}.{first} to {}.{}.{last}",
                        client.0, conn.0, client.0, conn.0
                    ),
                };
                format!(
                    "{} is told that {which} on `{}` is not taken: {}",
                    self.client(*client),
                    self.text(*subject),
                    self.text(*text)
                )
            }
            Kind::OpDropped { client, what, subject, count } => format!(
                "{} is not connected and drops {count} {} on `{}`",
                self.client(*client),
                what.name(),
                self.text(*subject)
            ),
            Kind::Delivered { client, sid, subject, msg, .. } => format!(
                "{} gets {} on `{}` for subscription {}",
                self.client(*client),
                Self::message(*msg),
                self.text(*subject),
                sid.0
            ),
            Kind::NoResponders { client, request, .. } => format!(
                "{} is told that nobody is there to answer message {request}",
                self.client(*client)
            ),
            Kind::RequestDone { request, answer } => format!(
                "{} has its answer to message {request}: {}",
                self.client(request.client),
                Self::message(*answer)
            ),
            Kind::RequestTimeout { request, disconnected } => {
                let why = if *disconnected { ": it lost its connection" } else { " in time" };
                format!("{} gets no answer to message {request}{why}", self.client(request.client))
            }
            Kind::ClientError { client, text, .. } => {
                format!("{} is sent an error: {}", self.client(*client), self.text(*text))
            }
            _ => String::new(),
        }
    }

    fn nodes(&self, kind: &Kind) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends these only")]
        match kind {
            Kind::RouteUp { node, remote, pool, account, cid } => {
                let slot = match (pool, account.is_none()) {
                    (Some(slot), _) => format!(", slot {slot}"),
                    (None, false) => format!(", for account {}", self.text(*account)),
                    (None, true) => String::new(),
                };
                format!(
                    "{} has a route to {} (rid {cid}{slot})",
                    self.node(*node),
                    self.node(*remote)
                )
            }
            Kind::RouteDown { node, remote, cid, reason } => format!(
                "{} loses a route to {} (rid {cid}): {}",
                self.node(*node),
                self.node(*remote),
                self.text(*reason)
            ),
            Kind::Backlog { node, client, pending } => {
                format!("{pending} bytes wait at {} for {}", self.node(*node), self.client(*client))
            }
            Kind::Dial { node, target } => {
                format!("{} dials {}", self.node(*node), self.text(*target))
            }
            Kind::SlowConsumer { node, client, pending, limit } => {
                let who = client.map_or("a route", |client| self.client(client));
                let why = if *limit == 0 {
                    "its write deadline passed".to_owned()
                } else {
                    format!("the limit is {limit}")
                };
                format!(
                    "{} cuts {who} off as too slow: {pending} bytes waited, {why}",
                    self.node(*node)
                )
            }
            _ => String::new(),
        }
    }

    fn wire(&self, kind: &Kind) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends these only")]
        match kind {
            Kind::WireSub { from, to, subject, queue, weight, .. } => {
                let (from, to, subject) = (self.node(*from), self.node(*to), self.text(*subject));
                let group = self.group(*queue);
                match weight {
                    0 => format!("{from} tells {to} that nobody wants `{subject}`{group} any more"),
                    1 => format!("{from} tells {to} that somebody wants `{subject}`{group}"),
                    n => format!("{from} tells {to} that {n} want `{subject}`{group}"),
                }
            }
            Kind::WireSubSeen { sub } => match usize::try_from(*sub)
                .ok()
                .and_then(|at| self.0.events.get(at))
                .map(|event| &event.kind)
            {
                Some(Kind::WireSub { from, to, subject, .. }) => format!(
                    "{} has heard what {} said about `{}` in event {sub}",
                    self.node(*to),
                    self.node(*from),
                    self.text(*subject)
                ),
                _ => format!("a node has heard event {sub}"),
            },
            Kind::WireMsg { from, to, subject, queues, msg, .. } => {
                let groups = if queues.is_none() {
                    String::new()
                } else {
                    format!(", for queue groups {}", self.text(*queues))
                };
                format!(
                    "{} sends {} on `{}` to {}{groups}",
                    self.node(*from),
                    Self::message(*msg),
                    self.text(*subject),
                    self.node(*to)
                )
            }
            Kind::WireMsgSeen { sent } => match usize::try_from(*sent)
                .ok()
                .and_then(|at| self.0.events.get(at))
                .map(|event| &event.kind)
            {
                Some(Kind::WireMsg { from, to, msg, .. }) => format!(
                    "{} has {} from {}",
                    self.node(*to),
                    Self::message(*msg),
                    self.node(*from)
                ),
                _ => format!("a node has got event {sent}"),
            },
            Kind::WireOpened { from, to, conn } => {
                format!("{} opens connection {} to {}", self.node(*from), conn.0, self.node(*to))
            }
            Kind::WireClosed { node, peer, conn } => format!(
                "for {}, connection {} with {} is gone",
                self.node(*node),
                conn.0,
                self.node(*peer)
            ),
            Kind::WireError { from, to, text, .. } => format!(
                "{} sends {} something that is not the route protocol: {}",
                self.node(*from),
                self.node(*to),
                self.text(*text)
            ),
            _ => String::new(),
        }
    }

    fn buffer(&self, event: &BufferEvent) -> String {
        let (node, peer) = (self.node(event.node), self.node(event.peer));
        match event.what {
            BufferWhat::Kept { seq, msg, messages, .. } => format!(
                "{node} keeps {} for {peer}, as number {seq} of its buffer, which holds {messages} now",
                Self::message(msg)
            ),
            BufferWhat::Left { first, last, why, messages, .. } => {
                let which = match last - first {
                    0 => format!("number {first}"),
                    _ => format!("numbers {first} to {last}"),
                };
                let why = match why {
                    LeftWhy::Acknowledged => "which the peer has",
                    LeftWhy::Overflow => "for want of room",
                    LeftWhy::Age => "which had been kept for too long",
                    LeftWhy::Unwanted => "which the peer does not want any more",
                    LeftWhy::Damaged => "which were damaged on the disk",
                };
                format!(
                    "{node} drops {which} from its buffer for {peer}, {why}; {messages} are left"
                )
            }
            BufferWhat::Refused { msg } => {
                format!("{node} refuses {}: its buffer for {peer} is full", Self::message(msg))
            }
            BufferWhat::Repeated { seq } => {
                format!("{node} passes over number {seq} from {peer}'s buffer: it has had that")
            }
        }
    }

    fn snapshot(&self, snapshot: &Snapshot) -> String {
        format!(
            "{} is looked into: {} routes, {} rows of interest, {} clients",
            self.node(snapshot.node),
            snapshot.routes.len(),
            snapshot.interest.len(),
            snapshot.counters.connections
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers() {
        let times = [0, 999, 1_000, 1_500, 250 * MS, SECOND, 12_000_345_000, u64::MAX];
        assert_eq!(
            times.map(time).join(" | "),
            "0 ns | 999 ns | 1 us | 1.5 us | 250 ms | 1 s | 12.000345 s | 18446744073.709551615 s"
        );
        assert_eq!([0, 1, 2_000].map(|n| plural(n, "seed")), ["0 seeds", "1 seed", "2,000 seeds"]);
        assert_eq!(seconds(12_000_345_999), "12.000345");
        assert_eq!(
            [0, 7, 999, 1_000, 1_234_567].map(count),
            ["0", "7", "999", "1,000", "1,234,567"]
        );
    }
}
