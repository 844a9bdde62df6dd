//! A history, ordered so that the ways of its messages can be followed: one pass, whatever the number
//! of messages.

use std::collections::BTreeMap;

use causeway_wire::subject;

use super::ways::Ways;
use crate::guarantee::Table;
use crate::history::{BufferEvent, BufferWhat, History, Kind, LeftWhy, StreamEvent, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, Sid};

/// A client's connection.
#[derive(Debug, Default)]
pub(super) struct Conn {
    /// The node at its other end, once the handshake is over.
    pub(super) node: Option<NodeId>,
    /// The event at which the handshake was over.
    pub(super) opened: Option<usize>,
    /// The event at which the client noticed its end.
    pub(super) closed: Option<usize>,
    /// The event at which its node cut it off.
    pub(super) slow: Option<usize>,
    /// Up to which message its node had confirmed them, and at which event.
    flushed: Vec<(u32, usize)>,
    /// Errors that it was sent.
    pub(super) errors: Vec<usize>,
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Sub {
    pub(super) client: ClientId,
    pub(super) conn: ConnNo,
    pub(super) sid: Sid,
    pub(super) subject: Sym,
    pub(super) queue: Sym,
    pub(super) sent_t: u64,
    /// When its client knew that its node has it.
    pub(super) ready_t: Option<u64>,
    /// The UNSUB, and whether it counts at once.
    pub(super) unsub: Option<(usize, bool)>,
    pub(super) max: u32,
    /// Events that delivered something.
    pub(super) delivered: Vec<usize>,
}

/// All that is about one message.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The event that sent it first.
    pub(super) sent: Option<usize>,
    /// Events that name it, in order.
    pub(super) events: Vec<usize>,
}

/// From one node to another, by a publisher's connection.
type Way = (NodeId, NodeId, ClientId, ConnNo);

/// A buffer, and a number in it.
pub(super) type Place = (NodeId, NodeId, u64);

/// The ordered history.
#[derive(Debug)]
pub struct Book<'h> {
    pub(super) history: &'h History,
    pages: Table<MsgId, Page>,
    /// The messages, in the order of their first mention.
    names: Vec<MsgId>,
    conns: Table<(ClientId, ConnNo), Conn>,
    /// The newest connection of each client.
    current: Table<ClientId, ConnNo>,
    pub(super) subs: Vec<Sub>,
    sub_index: Table<(ClientId, ConnNo, Sid), usize>,
    /// When what was sent between nodes had arrived, by event.
    seen: Table<usize, usize>,
    /// What nodes sent to each other, by publisher: the message's number and the event.
    sent: Table<Way, Vec<(u32, usize)>>,
    left: Table<Place, (usize, LeftWhy)>,
    repeated: Table<Place, usize>,
    /// For each subject of a message, the subscriptions that want it.
    wanted: BTreeMap<Sym, Vec<usize>>,
    pub(super) ways: Ways,
}

impl<'h> Book<'h> {
    /// Reads a history.
    #[must_use]
    pub fn new(history: &'h History) -> Self {
        let mut book = Self {
            history,
            pages: Table::default(),
            names: Vec::new(),
            conns: Table::default(),
            current: Table::default(),
            subs: Vec::new(),
            sub_index: Table::default(),
            seen: Table::default(),
            sent: Table::default(),
            left: Table::default(),
            repeated: Table::default(),
            wanted: BTreeMap::new(),
            ways: Ways::new(history),
        };
        for i in 0..history.events.len() {
            book.read(i);
        }
        book.match_subjects();
        book
    }

    /// The messages, in the order of their first mention.
    pub fn messages(&self) -> impl Iterator<Item = MsgId> {
        self.names.iter().copied()
    }

    pub(super) fn page(&self, msg: MsgId) -> Option<&Page> {
        self.pages.get(&msg)
    }

    pub(super) fn conn(&self, client: ClientId, conn: ConnNo) -> Option<&Conn> {
        self.conns.get(&(client, conn))
    }

    pub(super) fn time(&self, event: usize) -> u64 {
        self.history.events.get(event).map_or(0, |event| event.t)
    }

    pub(super) fn end(&self) -> u64 {
        self.history.events.last().map_or(0, |event| event.t)
    }

    /// The event at which what was sent in another had arrived.
    pub(super) fn seen(&self, sent: usize) -> Option<usize> {
        self.seen.get(&sent).copied()
    }

    /// Whether a node sent another something that the same publisher sent later, up to a time.
    pub(super) fn was_passed(&self, (from, to): (NodeId, NodeId), msg: MsgId, until: u64) -> bool {
        let sent = self.sent.get(&(from, to, msg.client, msg.conn));
        sent.is_some_and(|sent| {
            sent.iter().any(|(seq, event)| *seq > msg.seq && self.time(*event) < until)
        })
    }

    /// Why a message left a buffer, and at which event.
    pub(super) fn left(&self, place: Place) -> Option<(usize, LeftWhy)> {
        self.left.get(&place).copied()
    }

    /// The event at which a receiver passed a number over.
    pub(super) fn repeated(&self, place: Place) -> Option<usize> {
        self.repeated.get(&place).copied()
    }

    /// Subscriptions that want a subject, at whatever time.
    pub(super) fn wanting(&self, subject: Sym) -> &[usize] {
        self.wanted.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// The event at which its node had confirmed a message.
    pub(super) fn confirmed(&self, msg: MsgId) -> Option<usize> {
        let flushed = &self.conn(msg.client, msg.conn)?.flushed;
        let at = flushed.partition_point(|(upto, _)| *upto < msg.seq);
        flushed.get(at).map(|(_, event)| *event)
    }

    fn write(&mut self, msg: MsgId, i: usize, sends: bool) {
        let names = &mut self.names;
        let page = self.pages.entry(msg).or_insert_with(|| {
            names.push(msg);
            Page::default()
        });
        page.events.push(i);
        if sends {
            page.sent.get_or_insert(i);
        }
    }

    fn read(&mut self, i: usize) {
        let history = self.history;
        let event = &history.events[i];
        if let Some(msg) = event.kind.message() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others send nothing")]
            let sends = match &event.kind {
                Kind::PubSent { .. } => true,
                Kind::Stream(stream) => matches!(**stream, StreamEvent::Sent { .. }),
                _ => false,
            };
            self.write(msg, i, sends);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others change no way")]
        match &event.kind {
            Kind::ClientConnected { client, conn, node } => {
                let state = self.conns.entry((*client, *conn)).or_default();
                (state.node, state.opened) = (Some(*node), Some(i));
                self.current.insert(*client, *conn);
            }
            Kind::ClientClosed { client, conn, .. } => {
                self.conns.entry((*client, *conn)).or_default().closed.get_or_insert(i);
            }
            Kind::ClientError { client, conn, .. } => {
                self.conns.entry((*client, *conn)).or_default().errors.push(i);
            }
            Kind::SlowConsumer { client: Some(client), .. } => {
                if let Some(conn) = self.current.get(client) {
                    self.conns.entry((*client, *conn)).or_default().slow.get_or_insert(i);
                }
            }
            Kind::PubFlushed { client, conn, upto } => {
                self.conns.entry((*client, *conn)).or_default().flushed.push((*upto, i));
            }
            Kind::WireMsg { from, to, msg: Some(msg), .. } => {
                let way = (*from, *to, msg.client, msg.conn);
                self.sent.entry(way).or_default().push((msg.seq, i));
            }
            Kind::WireMsgSeen { sent } => {
                if let Ok(sent) = usize::try_from(*sent) {
                    self.seen.insert(sent, i);
                }
            }
            Kind::Buffer(buffer) => self.buffer(i, buffer),
            Kind::SubSent { .. }
            | Kind::SubReady { .. }
            | Kind::UnsubSent { .. }
            | Kind::Delivered { .. } => self.subscription(i, event.t, &event.kind),
            _ => {}
        }
    }

    fn buffer(&mut self, i: usize, event: &BufferEvent) {
        let BufferEvent { node, peer, what } = *event;
        match what {
            BufferWhat::Left { first, last, why, .. } => {
                for seq in first..=last {
                    self.left.insert((node, peer, seq), (i, why));
                }
            }
            BufferWhat::Repeated { seq } => {
                self.repeated.insert((node, peer, seq), i);
            }
            BufferWhat::Kept { .. } | BufferWhat::Refused { .. } => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`read` calls it for these kinds only")]
    fn subscription(&mut self, i: usize, t: u64, kind: &Kind) {
        match *kind {
            Kind::SubSent { client, conn, sid, subject, queue, max } => {
                self.sub_index.insert((client, conn, sid), self.subs.len());
                self.subs.push(Sub {
                    client,
                    conn,
                    sid,
                    subject,
                    queue,
                    sent_t: t,
                    ready_t: None,
                    unsub: None,
                    max,
                    delivered: Vec::new(),
                });
            }
            Kind::SubReady { client, conn, sid } => {
                if let Some(at) = self.sub_index.get(&(client, conn, sid)) {
                    self.subs[*at].ready_t.get_or_insert(t);
                }
            }
            Kind::UnsubSent { client, conn, sid, max } => {
                if let Some(at) = self.sub_index.get(&(client, conn, sid)) {
                    self.subs[*at].unsub = Some((i, max == 0));
                    self.subs[*at].max = max;
                }
            }
            Kind::Delivered { client, conn, sid, .. } => {
                if let Some(at) = self.sub_index.get(&(client, conn, sid)) {
                    self.subs[*at].delivered.push(i);
                }
            }
            _ => {}
        }
    }

    /// Looks who wants each subject on which something was published.
    fn match_subjects(&mut self) {
        for event in &self.history.events {
            if let Kind::PubSent { subject, .. } = &event.kind {
                self.wanted.entry(*subject).or_default();
            }
        }
        let mut patterns: BTreeMap<Sym, Vec<usize>> = BTreeMap::new();
        for (at, sub) in self.subs.iter().enumerate() {
            patterns.entry(sub.subject).or_default().push(at);
        }
        for (of, subs) in &mut self.wanted {
            let literal = self.history.text(*of).as_bytes();
            for (pattern, wanting) in &patterns {
                if subject::matches(self.history.text(*pattern).as_bytes(), literal) {
                    subs.extend(wanting);
                }
            }
            subs.sort_unstable();
        }
    }
}
