//! What the events so far add up to: the picture that all checkers share.
//!
//! [`View::apply`] takes one event after the other, in time linear in their number. It holds what
//! was published, who is subscribed, what was delivered, and the [`Network`]'s state, so that a
//! guarantee's own file holds the rule and little else.

use super::network::Network;
use super::refusals::{Fate, Refusals};
use super::streams::Streams;
use super::subject::Directory;
use super::table::{SeqSet, Table};
use crate::history::{History, Kind, Phase, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, RegionId, Sid};

/// A subscription, in order of first mention.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct SubIx(pub(crate) u32);

/// A client's connection, in order of first mention.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ConnIx(pub(crate) u32);

/// A message that was published, as a place in the view's tables.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct MsgRef {
    /// The connection it was published on.
    pub(crate) conn: ConnIx,
    /// Its number on that connection.
    pub(crate) seq: u32,
}

/// An event that cannot stand where it does: the history contradicts itself.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("event {i}: {what}")]
pub struct Malformed {
    /// The event's number.
    pub i: usize,
    /// What is wrong with it.
    pub what: String,
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) client: ClientId,
    pub(crate) no: ConnNo,
    /// The node at its other end; `None` before the handshake is over.
    pub(crate) node: Option<NodeId>,
    pub(crate) opened_t: u64,
    pub(crate) closed_t: Option<u64>,
    /// The node may see this connection differently from the client: it said that it cut the client
    /// off, and the client has not noticed yet.
    pub(crate) cut_by_node: bool,
    /// What was published on it; message `n` is at `n - 1`.
    pub(crate) published: Vec<Publication>,
    /// The node has processed messages up to this number.
    pub(crate) flushed: u32,
    /// Subscriptions made on it, in order.
    pub(crate) subs: Vec<SubIx>,
}

/// A message as its publisher sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication {
    /// The event's number.
    pub(crate) i: usize,
    pub(crate) t: u64,
    pub(crate) subject: Sym,
    pub(crate) reply: Sym,
    /// Bytes of it that are the header.
    pub(crate) header: u32,
    pub(crate) size: u32,
    pub(crate) hash: u64,
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct Sub {
    pub(crate) conn: ConnIx,
    pub(crate) client: ClientId,
    pub(crate) sid: Sid,
    pub(crate) subject: Sym,
    pub(crate) queue: Sym,
    /// The number of the event that made it.
    pub(crate) i: usize,
    /// When the client knew that its node has it.
    pub(crate) ready_t: Option<u64>,
    /// The limit that was sent last; 0 is none.
    pub(crate) max: u32,
    /// The last UNSUB.
    pub(crate) unsub: Option<Unsub>,
    /// Messages that it got so far.
    pub(crate) delivered: u32,
    /// When it stopped being live: closed, unsubscribed or used up.
    pub(crate) gone_t: Option<u64>,
}

/// An UNSUB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsub {
    pub(crate) i: usize,
    pub(crate) max: u32,
    /// When the client knew that its node has it.
    pub(crate) ready_t: Option<u64>,
}

/// What the event at hand delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// The subscription, if it was ever made.
    pub(crate) sub: Option<SubIx>,
    /// The message, if it was ever published.
    pub(crate) msg: Option<MsgRef>,
    /// The subscription had this message already.
    pub(crate) again: bool,
    /// Another member of the same queue group had it already.
    pub(crate) rival: Option<SubIx>,
}

/// What the events so far add up to.
pub(crate) struct View<'h> {
    pub(crate) history: &'h History,
    pub(crate) network: Network,
    pub(super) streams: Streams,
    pub(super) refusals: Refusals,
    pub(crate) phase: Phase,
    /// When the phase that lasts now began.
    pub(crate) phase_t: u64,
    conns: Vec<Conn>,
    conn_index: Table<(ClientId, ConnNo), ConnIx>,
    /// The newest connection of each client.
    current: Vec<Option<ConnIx>>,
    subs: Vec<Sub>,
    sub_index: Table<(ConnIx, Sid), SubIx>,
    directory: Directory,
    /// What each subscription got from each publishing connection.
    received: Table<(SubIx, ConnIx), SeqSet>,
    /// Which member of a queue group got each message of a publishing connection.
    taken: Table<(Sym, ConnIx), Vec<Option<SubIx>>>,
    /// When a member of a queue group last left and others knew, by group; never, if they may not.
    queue_left_t: Table<Sym, u64>,
    delivery: Option<Delivery>,
    /// Bytes of the largest message that was published.
    largest: u32,
}

impl<'h> View<'h> {
    /// The picture before the first event.
    pub(crate) fn new(history: &'h History) -> Self {
        Self {
            history,
            network: Network::new(&history.header),
            refusals: Refusals::new(&history.header),
            streams: Streams::new(&history.header),
            phase: Phase::Boot,
            phase_t: 0,
            conns: Vec::new(),
            conn_index: Table::default(),
            current: vec![None; history.header.clients.len()],
            subs: Vec::new(),
            sub_index: Table::default(),
            directory: Directory::default(),
            received: Table::default(),
            taken: Table::default(),
            queue_left_t: Table::default(),
            delivery: None,
            largest: 0,
        }
    }

    /// Takes the event with number `i`.
    pub(crate) fn apply(&mut self, i: usize) -> Result<(), Malformed> {
        let history = self.history;
        let event = &history.events[i];
        super::wellformed::check(&history.header, &event.kind)
            .map_err(|what| Malformed { i, what })?;
        self.delivery = None;
        self.network.apply(event.t, &event.kind);
        self.streams.apply(i, event.t, &event.kind);
        self.apply_client(i, event.t, &event.kind).map_err(|what| Malformed { i, what })
    }

    /// What the last event delivered, if it was a delivery.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        self.delivery
    }

    /// Bytes of the largest message that was published so far.
    pub(crate) fn largest_message(&self) -> u64 {
        self.largest.into()
    }

    /// All connections that clients ever had, oldest first.
    pub(crate) fn conns(&self) -> impl Iterator<Item = &Conn> {
        self.conns.iter()
    }

    /// Whether a fault has ever come between a connected client and its node, if it was one of
    /// those: one of the two may still believe in the connection.
    pub(crate) fn any_access_disturbed(&self, of: impl Fn(NodeId) -> bool) -> bool {
        self.conns.iter().any(|conn| {
            let Some(node) = conn.node.filter(|node| of(*node)) else { return false };
            let region = self.region_of(conn.client);
            let life = (conn.opened_t, conn.closed_t.unwrap_or(u64::MAX));
            self.network.access_disturbed_in(region, node, life)
        })
    }

    /// A connection.
    pub(crate) fn conn(&self, conn: ConnIx) -> &Conn {
        &self.conns[conn.0 as usize]
    }

    /// The connection of that number of a client.
    pub(crate) fn find_conn(&self, client: ClientId, no: ConnNo) -> Option<ConnIx> {
        self.conn_index.get(&(client, no)).copied()
    }

    /// The newest connection of a client.
    pub(crate) fn current_conn(&self, client: ClientId) -> Option<&Conn> {
        let newest = *self.current.get(client.0 as usize)?;
        newest.map(|conn| self.conn(conn))
    }

    /// A subscription.
    pub(crate) fn sub(&self, sub: SubIx) -> &Sub {
        &self.subs[sub.0 as usize]
    }

    /// All subscriptions that were ever made, oldest first.
    pub(crate) fn subs(&self) -> impl Iterator<Item = (SubIx, &Sub)> {
        (0u32..).map(SubIx).zip(&self.subs)
    }

    /// The subscription of a client's SUB.
    pub(crate) fn find_sub(&self, client: ClientId, no: ConnNo, sid: Sid) -> Option<SubIx> {
        let conn = self.find_conn(client, no)?;
        self.sub_index.get(&(conn, sid)).copied()
    }

    /// The node on which a subscription was made, once its connection's handshake is over.
    pub(crate) fn node_of(&self, sub: &Sub) -> Option<NodeId> {
        self.conn(sub.conn).node
    }

    /// A message that was published.
    pub(crate) fn publication(&self, msg: MsgRef) -> &Publication {
        &self.conn(msg.conn).published[msg.seq as usize - 1]
    }

    /// Looks up a message by the identity that its payload carries.
    pub(crate) fn find_msg(&self, id: MsgId) -> Option<MsgRef> {
        let conn = self.find_conn(id.client, id.conn)?;
        let known = id.seq >= 1 && id.seq as usize <= self.conn(conn).published.len();
        known.then_some(MsgRef { conn, seq: id.seq })
    }

    /// The identity of a message.
    pub(crate) fn id_of(&self, msg: MsgRef) -> MsgId {
        let conn = self.conn(msg.conn);
        MsgId { client: conn.client, conn: conn.no, seq: msg.seq }
    }

    /// Whether a buffer has refused a message, as far as it can be told by now.
    pub(crate) fn fate(&self, msg: MsgRef) -> Fate {
        self.refusals.fate(msg, self.publication(msg).subject)
    }

    /// Whether a buffer may have refused a message: nobody has got it.
    pub(crate) fn may_be_refused(&self, msg: MsgRef) -> bool {
        self.fate(msg) != Fate::Taken
    }

    /// Whether the subscription has got the message.
    pub(crate) fn has_received(&self, sub: SubIx, msg: MsgRef) -> bool {
        self.received.get(&(sub, msg.conn)).is_some_and(|set| set.contains(msg.seq))
    }

    /// Which member of the queue group has got the message.
    pub(crate) fn taker(&self, queue: Sym, msg: MsgRef) -> Option<SubIx> {
        *self.taken.get(&(queue, msg.conn))?.get(msg.seq as usize - 1)?
    }

    /// When a member of the queue group last left it.
    pub(crate) fn queue_left(&self, queue: Sym) -> Option<u64> {
        self.queue_left_t.get(&queue).copied()
    }

    /// The live subscriptions that a message is for.
    pub(crate) fn wanted_by(&self, msg: MsgRef) -> impl Iterator<Item = (SubIx, &Sub)> {
        let subject = self.publication(msg).subject;
        self.directory.reached(subject).map(|sub| (sub, self.sub(sub)))
    }

    /// When a subscription that a message was for last ended.
    pub(crate) fn wanted_until(&self, msg: MsgRef) -> Option<u64> {
        self.directory.left(self.publication(msg).subject)
    }

    /// The region of a client.
    pub(crate) fn region_of(&self, client: ClientId) -> RegionId {
        self.history.header.clients[client.0 as usize].region
    }

    /// Whether nothing has ever come between a connection and its node.
    pub(crate) fn access_was_free(&self, conn: &Conn) -> bool {
        let Some(node) = conn.node else { return false };
        let region = self.region_of(conn.client);
        self.network.access_is_free(region, node)
            && self.network.access_disturbed(region, node).is_none_or(|t| t < conn.opened_t)
            && !conn.cut_by_node
    }

    fn apply_client(&mut self, i: usize, t: u64, kind: &Kind) -> Result<(), String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest does not concern clients")]
        match kind {
            Kind::Phase { phase } => (self.phase, self.phase_t) = (*phase, t),
            Kind::NodeDown { node, .. } => self.node_down(t, *node),
            Kind::ClientConnected { client, conn, node } => {
                let conn = self.open(t, *client, *conn)?;
                self.conns[conn.0 as usize].node = Some(*node);
            }
            Kind::ClientClosed { client, conn, .. } => {
                let conn = self.open(t, *client, *conn)?;
                self.conns[conn.0 as usize].closed_t = Some(t);
                self.end_subs(t, conn);
            }
            Kind::SlowConsumer { client: Some(client), .. } => {
                if let Some(conn) = self.current[client.0 as usize] {
                    self.conns[conn.0 as usize].cut_by_node = true;
                }
            }
            Kind::SubSent { .. }
            | Kind::SubReady { .. }
            | Kind::UnsubSent { .. }
            | Kind::UnsubReady { .. } => self.subscription(i, t, kind)?,
            Kind::PubSent { msg, subject, reply, header, size, hash } => {
                let publication = Publication {
                    i,
                    t,
                    subject: *subject,
                    reply: *reply,
                    header: *header,
                    size: *size,
                    hash: *hash,
                };
                self.published(t, *msg, publication)?;
            }
            Kind::PubFlushed { client, conn, upto } => {
                let at = self.must_find_conn(*client, *conn)?;
                let conn = &mut self.conns[at.0 as usize];
                if *upto as usize > conn.published.len() {
                    return Err(format!("message {upto} is flushed, but was never published"));
                }
                conn.flushed = conn.flushed.max(*upto);
            }
            Kind::Delivered { client, conn, sid, msg, .. } => {
                self.delivered(t, self.find_sub(*client, *conn, *sid), *msg);
            }
            Kind::PubRefused { .. } => self.refused(i, kind)?,
            Kind::NoResponders { request, .. } => {
                if let Some(msg) = self.find_msg(*request) {
                    self.refusals.nobody(msg, self.publication(msg).subject);
                }
            }
            Kind::WireMsg { msg: Some(id), .. } if self.refusals.watches() => {
                if let Some(msg) = self.find_msg(*id) {
                    self.refusals.taken(msg);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn refused(&mut self, i: usize, kind: &Kind) -> Result<(), String> {
        let Kind::PubRefused { client, conn, subject, first, last, .. } = *kind else {
            return Ok(());
        };
        let at = self.must_find_conn(client, conn)?;
        let published = &self.conn(at).published;
        if first < 1 || last < first || last as usize > published.len() {
            return Err(format!(
                "one of the messages {first} to {last} is refused: there are none"
            ));
        }
        let there = &published[first as usize - 1..last as usize];
        let candidates = there.iter().filter(|it| it.subject == subject).count() as u32;
        if there.first().is_none_or(|it| it.subject != subject) {
            return Err(format!("message {first} is refused, and is on another subject"));
        }
        self.refusals.told((at, subject, first), i, last, candidates);
        Ok(())
    }

    fn subscription(&mut self, i: usize, t: u64, kind: &Kind) -> Result<(), String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends these four only")]
        match kind {
            Kind::SubSent { client, conn, sid, subject, queue, max } => {
                let conn = self.open(t, *client, *conn)?;
                let ix = SubIx(self.subs.len() as u32);
                if self.sub_index.insert((conn, *sid), ix).is_some() {
                    return Err(format!("subscription id {} is used twice", sid.0));
                }
                self.subs.push(Sub {
                    conn,
                    client: *client,
                    sid: *sid,
                    subject: *subject,
                    queue: *queue,
                    i,
                    ready_t: None,
                    max: *max,
                    unsub: None,
                    delivered: 0,
                    gone_t: None,
                });
                self.conns[conn.0 as usize].subs.push(ix);
                self.directory.add(&self.history.symbols, *subject, ix);
            }
            Kind::SubReady { client, conn, sid } => {
                let sub = self.must_find_sub(*client, *conn, *sid)?;
                self.subs[sub.0 as usize].ready_t.get_or_insert(t);
            }
            Kind::UnsubSent { client, conn, sid, max } => {
                let ix = self.must_find_sub(*client, *conn, *sid)?;
                let sub = &mut self.subs[ix.0 as usize];
                sub.unsub = Some(Unsub { i, max: *max, ready_t: None });
                sub.max = *max;
                if *max == 0 || sub.delivered >= *max {
                    self.end_sub(t, ix);
                }
            }
            Kind::UnsubReady { client, conn, sid } => {
                let sub = self.must_find_sub(*client, *conn, *sid)?;
                let unsub = self.subs[sub.0 as usize].unsub.as_mut();
                unsub.ok_or("an UNSUB is confirmed that was never sent")?.ready_t = Some(t);
            }
            _ => {}
        }
        Ok(())
    }

    fn published(&mut self, t: u64, msg: MsgId, publication: Publication) -> Result<(), String> {
        let conn = self.open(t, msg.client, msg.conn)?;
        let published = &mut self.conns[conn.0 as usize].published;
        if msg.seq as usize != published.len() + 1 {
            return Err(format!("message {msg} comes after {} others", published.len()));
        }
        published.push(publication);
        self.largest = self.largest.max(publication.size);
        self.directory.know_subject(&self.history.symbols, publication.subject);
        Ok(())
    }

    fn delivered(&mut self, t: u64, sub: Option<SubIx>, id: Option<MsgId>) {
        let msg = id.and_then(|id| self.find_msg(id));
        let mut delivery = Delivery { sub, msg, again: false, rival: None };
        if let Some(ix) = sub {
            let state = &mut self.subs[ix.0 as usize];
            state.delivered = state.delivered.saturating_add(1);
            let used_up = state.max > 0 && state.delivered >= state.max;
            let queue = state.queue;
            if let Some(msg) = msg {
                self.refusals.taken(msg);
                delivery.again = self.received.entry((ix, msg.conn)).or_default().insert(msg.seq);
                if !queue.is_none() {
                    delivery.rival = self.take(queue, msg, ix);
                }
            }
            if used_up {
                self.end_sub(t, ix);
            }
        }
        self.delivery = Some(delivery);
    }

    /// Notes that a member took the message; gives the other member that had taken it before.
    fn take(&mut self, queue: Sym, msg: MsgRef, sub: SubIx) -> Option<SubIx> {
        let taken = self.taken.entry((queue, msg.conn)).or_default();
        let at = msg.seq as usize - 1;
        if at >= taken.len() {
            taken.resize(at + 1, None);
        }
        taken[at].replace(sub).filter(|&before| before != sub)
    }

    fn node_down(&mut self, t: u64, node: NodeId) {
        for at in 0..self.current.len() {
            let Some(conn) = self.current[at] else { continue };
            let state = self.conn(conn);
            if state.node == Some(node) && state.closed_t.is_none() {
                self.end_subs(t, conn);
            }
        }
    }

    fn end_subs(&mut self, t: u64, conn: ConnIx) {
        for at in 0..self.conn(conn).subs.len() {
            self.end_sub(t, self.conn(conn).subs[at]);
        }
    }

    fn end_sub(&mut self, t: u64, ix: SubIx) {
        let sub = &mut self.subs[ix.0 as usize];
        if sub.gone_t.is_some() {
            return;
        }
        sub.gone_t = Some(t);
        let (subject, queue, conn) = (sub.subject, sub.queue, sub.conn);
        let known_t =
            if self.node_may_not_know(conn) { u64::MAX } else { t + self.unheard_ns(conn) };
        self.directory.remove(known_t, subject, ix);
        if !queue.is_none() {
            let left_t = self.queue_left_t.get(&queue).copied().unwrap_or(0);
            self.queue_left_t.insert(queue, left_t.max(known_t));
        }
    }

    /// For how long others may not hear that somebody has left. Of one who left a node that is not
    /// healed in the end they may learn only when they find out that the node is lost.
    fn unheard_ns(&self, conn: ConnIx) -> u64 {
        let outside = self.conn(conn).node.is_some_and(|node| !self.network.is_core(node));
        if outside { self.history.header.bounds.routes_ns } else { 0 }
    }

    /// Whether a node may go on having a subscription whose client has gone: something came between
    /// them, and the process is the same. Until its own pings find out, it takes messages for
    /// somebody who is not there.
    fn node_may_not_know(&self, conn: ConnIx) -> bool {
        let conn = self.conn(conn);
        conn.node.is_some_and(|node| self.network.is_up(node)) && !self.access_was_free(conn)
    }

    /// The connection, which is new if it has not been mentioned yet.
    fn open(&mut self, t: u64, client: ClientId, no: ConnNo) -> Result<ConnIx, String> {
        if let Some(conn) = self.find_conn(client, no) {
            if self.conn(conn).closed_t.is_some() {
                return Err(format!("connection {} of client {} is closed", no.0, client.0));
            }
            return Ok(conn);
        }
        let conn = ConnIx(self.conns.len() as u32);
        self.conns.push(Conn {
            client,
            no,
            node: None,
            opened_t: t,
            closed_t: None,
            cut_by_node: false,
            published: Vec::new(),
            flushed: 0,
            subs: Vec::new(),
        });
        self.conn_index.insert((client, no), conn);
        self.current[client.0 as usize] = Some(conn);
        Ok(conn)
    }

    fn must_find_conn(&self, client: ClientId, no: ConnNo) -> Result<ConnIx, String> {
        self.find_conn(client, no)
            .ok_or_else(|| format!("client {} never had connection {}", client.0, no.0))
    }

    fn must_find_sub(&self, client: ClientId, no: ConnNo, sid: Sid) -> Result<SubIx, String> {
        self.find_sub(client, no, sid).ok_or_else(|| {
            format!("client {} never made subscription {} on connection {}", client.0, sid.0, no.0)
        })
    }
}
