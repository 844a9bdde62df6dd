//! An event as a row of numbers.

use causeway_reports::{Code, Table};

use super::kinds::Kinds;
use super::lanes::{Lanes, RUN};
use super::names::{Messages, Texts};
use crate::history::{BufferEvent, BufferWhat, Event, History, Kind, Sym};
use crate::report::words::describe;

/// What a row says beside number, time and message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) lane: u64,
    pub(super) peer: u64,
    pub(super) conn: u64,
    pub(super) text: u64,
    pub(super) more: u64,
    pub(super) n: u64,
    pub(super) m: u64,
}

/// Writes the table of events.
pub(super) struct Rows<'h> {
    pub(super) history: &'h History,
    pub(super) lanes: Lanes,
    pub(super) messages: &'h Messages,
    pub(super) texts: Texts,
    kinds: Kinds,
    table: Table,
}

impl<'h> Rows<'h> {
    pub(super) fn new(history: &'h History, messages: &'h Messages) -> Self {
        let columns = [
            ("event", Code::Delta),
            ("t", Code::Delta),
            ("kind", Code::Plain),
            ("lane", Code::Plain),
            ("peer", Code::Plain),
            ("msg", Code::Plain),
            ("conn", Code::Plain),
            ("text", Code::Plain),
            ("more", Code::Plain),
            ("n", Code::Plain),
            ("m", Code::Plain),
        ];
        Self {
            history,
            lanes: Lanes::of(&history.header),
            messages,
            texts: Texts::new(history),
            kinds: Kinds::new(),
            table: Table::new("events", &columns),
        }
    }

    /// Adds an event.
    pub(super) fn push(&mut self, i: usize, event: &Event) {
        let Row { lane, peer, conn, text, more, n, m } = self.row(event);
        let kind = self.kinds.number(name(&event.kind));
        let msg = self.messages.number(event.kind.message());
        self.table.push([i as u64, event.t, kind, lane, peer, msg, conn, text, more, n, m]);
    }

    /// The table, and the texts.
    pub(super) fn finish(self) -> (Table, Texts) {
        (self.table, self.texts)
    }

    pub(super) fn sym(&mut self, sym: Sym) -> u64 {
        self.texts.sym(self.history, sym)
    }

    fn row(&mut self, event: &Event) -> Row {
        match &event.kind {
            Kind::Phase { phase } => {
                Row { lane: RUN, text: self.texts.text(phase.name()), ..Row::default() }
            }
            Kind::Fault(fault) => {
                let words = if fault.text.is_empty() { fault.kind.name() } else { &fault.text };
                Row { text: self.texts.text(words), n: fault.id.into(), ..Row::default() }
            }
            Kind::Stream(stream) => self.stream(stream),
            Kind::Buffer(event) => self.buffer(event),
            Kind::Said { node, text } => {
                Row { lane: self.lanes.node(*node), text: self.sym(*text), ..Row::default() }
            }
            Kind::End => Row::default(),
            Kind::NodeUp { .. }
            | Kind::NodeDown { .. }
            | Kind::SlowConsumer { .. }
            | Kind::Backlog { .. }
            | Kind::Dial { .. }
            | Kind::Snapshot(_) => self.node(event),
            Kind::RouteUp { .. }
            | Kind::RouteDown { .. }
            | Kind::WireSub { .. }
            | Kind::WireSubSeen { .. }
            | Kind::WireMsg { .. }
            | Kind::WireMsgSeen { .. }
            | Kind::WireOpened { .. }
            | Kind::WireClosed { .. }
            | Kind::WireError { .. } => self.route(&event.kind),
            Kind::ClientConnected { .. }
            | Kind::ClientClosed { .. }
            | Kind::ClientError { .. }
            | Kind::Servers { .. }
            | Kind::SubSent { .. }
            | Kind::SubReady { .. }
            | Kind::UnsubSent { .. }
            | Kind::UnsubReady { .. } => self.client(&event.kind),
            Kind::PubSent { .. }
            | Kind::PubFlushed { .. }
            | Kind::PubRefused { .. }
            | Kind::OpDropped { .. }
            | Kind::Delivered { .. }
            | Kind::NoResponders { .. }
            | Kind::RequestDone { .. }
            | Kind::RequestTimeout { .. } => self.message(&event.kind),
        }
    }

    fn buffer(&mut self, event: &BufferEvent) -> Row {
        let row = Row {
            lane: self.lanes.node(event.node),
            peer: self.lanes.node(event.peer),
            ..Row::default()
        };
        match event.what {
            BufferWhat::Kept { seq, messages, .. } => Row { n: seq, m: messages, ..row },
            BufferWhat::Left { first, last, why, .. } => {
                Row { n: first, m: last, text: self.texts.text(why.name()), ..row }
            }
            BufferWhat::Refused { .. } => row,
            BufferWhat::Repeated { seq } => Row { n: seq, ..row },
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`row` calls it for these kinds only")]
    fn node(&mut self, event: &Event) -> Row {
        let lanes = self.lanes;
        match &event.kind {
            Kind::NodeUp { node, incarnation, .. } => {
                Row { lane: lanes.node(*node), n: (*incarnation).into(), ..Row::default() }
            }
            Kind::NodeDown { node, how } => Row {
                lane: lanes.node(*node),
                text: self.texts.text(how.words()),
                ..Row::default()
            },
            Kind::SlowConsumer { node, client, pending, limit } => Row {
                lane: lanes.node(*node),
                peer: client.map_or(RUN, |client| lanes.client(client)),
                n: *pending,
                m: *limit,
                ..Row::default()
            },
            Kind::Backlog { node, client, pending } => Row {
                lane: lanes.node(*node),
                peer: lanes.client(*client),
                n: *pending,
                ..Row::default()
            },
            Kind::Dial { node, target } => {
                Row { lane: lanes.node(*node), text: self.sym(*target), ..Row::default() }
            }
            Kind::Snapshot(snapshot) => {
                let words = format!(
                    "{} routes, {} rows of interest, {} clients",
                    snapshot.routes.len(),
                    snapshot.interest.len(),
                    snapshot.counters.connections
                );
                let text = self.texts.text(&words);
                Row { lane: lanes.node(snapshot.node), text, ..Row::default() }
            }
            _ => Row { text: self.texts.text(&describe(self.history, event)), ..Row::default() },
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`row` calls it for these kinds only")]
    fn route(&mut self, kind: &Kind) -> Row {
        let lanes = self.lanes;
        match kind {
            Kind::RouteUp { node, remote, cid, .. } => Row {
                lane: lanes.node(*node),
                peer: lanes.node(*remote),
                n: *cid,
                ..Row::default()
            },
            Kind::RouteDown { node, remote, cid, reason } => Row {
                lane: lanes.node(*node),
                peer: lanes.node(*remote),
                n: *cid,
                text: self.sym(*reason),
                ..Row::default()
            },
            Kind::WireOpened { from, to, conn } => Row {
                lane: lanes.node(*from),
                peer: lanes.node(*to),
                conn: conn.0.into(),
                ..Row::default()
            },
            Kind::WireClosed { node, peer, conn } => Row {
                lane: lanes.node(*node),
                peer: lanes.node(*peer),
                conn: conn.0.into(),
                ..Row::default()
            },
            Kind::WireError { from, to, conn, text } => Row {
                lane: lanes.node(*from),
                peer: lanes.node(*to),
                conn: conn.0.into(),
                text: self.sym(*text),
                ..Row::default()
            },
            // What crosses is in a table of its own.
            _ => Row::default(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`row` calls it for these kinds only")]
    fn client(&mut self, kind: &Kind) -> Row {
        let lanes = self.lanes;
        match kind {
            Kind::ClientConnected { client, conn, node } => Row {
                lane: lanes.client(*client),
                peer: lanes.node(*node),
                conn: conn.0.into(),
                ..Row::default()
            },
            Kind::ClientClosed { client, conn, reason } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*reason),
                ..Row::default()
            },
            Kind::ClientError { client, conn, node, text } => Row {
                lane: lanes.client(*client),
                peer: lanes.node(*node),
                conn: conn.0.into(),
                text: self.sym(*text),
                ..Row::default()
            },
            Kind::Servers { client, conn, urls } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*urls),
                ..Row::default()
            },
            Kind::SubSent { client, conn, sid, subject, queue, max } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*subject),
                more: self.sym(*queue),
                n: sid.0.into(),
                m: (*max).into(),
                ..Row::default()
            },
            Kind::UnsubSent { client, conn, sid, max } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                n: sid.0.into(),
                m: (*max).into(),
                ..Row::default()
            },
            Kind::SubReady { client, conn, sid } | Kind::UnsubReady { client, conn, sid } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                n: sid.0.into(),
                ..Row::default()
            },
            _ => Row::default(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`row` calls it for these kinds only")]
    fn message(&mut self, kind: &Kind) -> Row {
        let lanes = self.lanes;
        match kind {
            Kind::PubSent { msg, subject, reply, header, size, .. } => Row {
                lane: lanes.client(msg.client),
                conn: msg.conn.0.into(),
                text: self.sym(*subject),
                more: self.sym(*reply),
                n: (*size).into(),
                m: (*header).into(),
                ..Row::default()
            },
            Kind::PubFlushed { client, conn, upto } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                n: (*upto).into(),
                ..Row::default()
            },
            Kind::PubRefused { client, conn, subject, first, last, text } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*subject),
                more: self.sym(*text),
                n: (*first).into(),
                m: (*last).into(),
                ..Row::default()
            },
            Kind::OpDropped { client, what, subject, count } => Row {
                lane: lanes.client(*client),
                text: self.sym(*subject),
                more: self.texts.text(what.name()),
                n: (*count).into(),
                ..Row::default()
            },
            Kind::Delivered { client, conn, sid, subject, reply, size, .. } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*subject),
                more: self.sym(*reply),
                n: sid.0.into(),
                m: (*size).into(),
                ..Row::default()
            },
            Kind::NoResponders { client, conn, subject, .. } => Row {
                lane: lanes.client(*client),
                conn: conn.0.into(),
                text: self.sym(*subject),
                ..Row::default()
            },
            Kind::RequestDone { request, .. } => {
                Row { lane: lanes.client(request.client), ..Row::default() }
            }
            Kind::RequestTimeout { request, disconnected } => Row {
                lane: lanes.client(request.client),
                n: u64::from(*disconnected),
                ..Row::default()
            },
            _ => Row::default(),
        }
    }
}

/// Whether an event is about something that crosses a connection between nodes: those have a table of
/// their own.
pub(super) const fn crosses(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::WireSub { .. }
            | Kind::WireSubSeen { .. }
            | Kind::WireMsg { .. }
            | Kind::WireMsgSeen { .. }
    )
}

/// The name of a row's kind: as in histories, but faults begin and end.
pub(super) fn name(kind: &Kind) -> &'static str {
    let Kind::Fault(fault) = kind else { return kind.name() };
    if fault.on { "fault_on" } else { "fault_off" }
}
