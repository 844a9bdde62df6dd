//! A simulated NATS client: a state machine of its own that speaks the protocol over bytes.
//!
//! It knows nothing of nodes' insides, links or the heap. It is told what happens (`on_*`), appends
//! bytes to its output, leaves orders for the engine, and says when it wants to be woken. What it
//! observes it writes into the recorder.
//!
//! ```text
//!            connect            dial              TCP is up, INFO came
//!   Idle ------------> Waiting ------> Dialling ---------------------> Greeting
//!                         ^                |                               |
//!                         |   failed       |                               | PONG
//!                         +----------------+---- closed, stale ------- Connected
//! ```
//!
//! A connection that ends is made anew after a pause, to another node if there is one; then all
//! subscriptions are made again under their old ids. Nothing is buffered meanwhile.

mod jet;
mod receive;
mod refused;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use causeway_wire::encode;

use crate::engine::Recorder;
use crate::history::{DropWhat, Kind, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, Sid};
use crate::payload;
use crate::plan::{CLIENT_DIAL_TIMEOUT_NS, CLIENT_PINGS_MAX, ClientPlan, Op};
use crate::rng::Stream;
pub(crate) use jet::Known;
use jet::{JET, Jet};
use refused::Unconfirmed;
use requests::Requests;

/// The subscription on which answers to requests come in.
pub(crate) const INBOX: Sid = Sid(1);

/// From TCP being up to the PONG that ends the handshake.
const HANDSHAKE_NS: u64 = CLIENT_DIAL_TIMEOUT_NS;

/// What the engine is to do for a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Open a connection to this node's client port.
    Dial(NodeId),
    /// Close the connection.
    Hang,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The plan said so.
    Planned,
    /// The server closed it.
    Eof,
    /// It was reset.
    Reset,
    /// Bytes were not acknowledged, or the dial was not answered.
    TimedOut,
    /// Nobody listens.
    Refused,
    /// Pings were not answered.
    Stale,
    /// The server sent what no server may send.
    Garbage,
}

impl Ending {
    /// The text in histories.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Planned => "closed by plan",
            Self::Eof => "eof",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Stale => "stale",
            Self::Garbage => "error: protocol",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Not asked to connect yet, or gone for good.
    Idle,
    /// Will dial at this time.
    Waiting(u64),
    Dialling,
    /// TCP is up; the handshake must be over by this time.
    Greeting(u64),
    Connected,
}

/// What a PING was sent for.
#[derive(Debug)]
enum Barrier {
    Handshake,
    /// These subscriptions are known to the server.
    Subs(Vec<Sid>),
    /// This one is not any more.
    Unsub(Sid),
    /// All messages before it were processed.
    Flush,
    KeepAlive,
}

#[derive(Debug)]
struct Sub {
    subject: Sym,
    queue: Sym,
    max: u32,
    answer: u32,
    /// On this connection.
    delivered: u32,
    /// The last subject that was delivered: nearly always the next one too.
    last: (Vec<u8>, Sym),
}

/// A simulated client.
#[derive(Debug)]
pub struct Client {
    id: ClientId,
    plan: ClientPlan,
    state: State,
    conn: ConnNo,
    node: NodeId,
    /// The number of the last message of this connection.
    seq: u32,
    subs: BTreeMap<Sid, Sub>,
    /// PINGs that were not answered, each with the number of the last message before it.
    barriers: VecDeque<(Barrier, u32)>,
    unconfirmed: Unconfirmed,
    requests: Requests,
    next_ping: u64,
    /// It does not read for the moment, so it cannot miss an answer.
    deaf: bool,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// Bytes for the server, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    orders: VecDeque<Order>,
    stream: Stream,
    scratch: Vec<u8>,
    /// Its business with streams, if there are any.
    jet: Option<Box<Jet>>,
}

impl Client {
    /// A client that was not asked to connect yet.
    #[must_use]
    pub fn new(id: ClientId, plan: ClientPlan, seed: u64) -> Self {
        Self {
            id,
            node: plan.nodes.first().copied().unwrap_or(NodeId(0)),
            plan,
            state: State::Idle,
            conn: ConnNo(0),
            seq: 0,
            subs: BTreeMap::new(),
            barriers: VecDeque::new(),
            unconfirmed: Unconfirmed::default(),
            requests: Requests::default(),
            next_ping: u64::MAX,
            deaf: false,
            partial: Vec::new(),
            out: Vec::new(),
            sent: 0,
            orders: VecDeque::new(),
            stream: Stream::new(seed, "client", &[u64::from(id.0)]),
            scratch: Vec::new(),
            jet: None,
        }
    }

    /// What the engine is to do next.
    pub fn order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Bytes for the server that were not taken yet.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// The socket took so many bytes.
    pub fn accepted(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let state = match self.state {
            State::Waiting(at) | State::Greeting(at) => Some(at),
            State::Connected => Some(self.next_ping),
            State::Idle | State::Dialling => None,
        };
        let jet = self.jet.as_ref().and_then(|jet| jet.deadline());
        [state, self.requests.deadline(), jet].into_iter().flatten().min()
    }

    /// Its time has come.
    pub fn on_timer(&mut self, rec: &mut Recorder) {
        let now = rec.now;
        self.requests.expire(now, rec);
        self.jet_timers(rec);
        match self.state {
            State::Waiting(at) if at <= now => self.dial(),
            State::Greeting(until) if until <= now => self.end(Ending::Stale, rec),
            State::Connected if self.next_ping <= now => self.keep_alive(rec),
            State::Idle
            | State::Waiting(_)
            | State::Dialling
            | State::Greeting(_)
            | State::Connected => {}
        }
    }

    fn keep_alive(&mut self, rec: &mut Recorder) {
        let unanswered =
            self.barriers.iter().filter(|(what, _)| matches!(what, Barrier::KeepAlive)).count();
        if self.deaf {
            self.next_ping = rec.now + self.plan.ping_ns;
            return;
        }
        if unanswered >= CLIENT_PINGS_MAX as usize {
            self.end(Ending::Stale, rec);
            return;
        }
        self.ping(Barrier::KeepAlive, rec);
        self.next_ping = rec.now + self.plan.ping_ns;
    }

    /// It stops or goes on reading.
    pub const fn on_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
    }

    /// The plan wants something.
    pub fn on_op(&mut self, op: &Op, rec: &mut Recorder) {
        match *op {
            Op::Connect => {
                if self.state == State::Idle {
                    self.dial();
                }
            }
            Op::Close => self.leave(rec),
            Op::Sub { sid, subject, queue, max, answer } => {
                let sub = Sub {
                    subject,
                    queue,
                    max,
                    answer,
                    delivered: 0,
                    last: (Vec::new(), Sym::NONE),
                };
                self.subs.insert(sid, sub);
                if self.state == State::Connected {
                    self.subscribe(&[sid], rec);
                }
            }
            Op::Unsub { sid, max } => self.unsubscribe(sid, max, rec),
            Op::Pub { subject, size, count, header, flush } => {
                if self.state != State::Connected {
                    self.drop_op(DropWhat::Publish, subject, count, rec);
                    return;
                }
                for _ in 0..count {
                    self.publish(subject, Sym::NONE, size, header, rec);
                }
                if flush {
                    self.ping(Barrier::Flush, rec);
                }
            }
            Op::Request { subject, size, timeout_ns, header } => {
                if self.state != State::Connected {
                    self.drop_op(DropWhat::Request, subject, 1, rec);
                    return;
                }
                self.request(subject, size, timeout_ns, header, rec);
            }
            Op::Stream(ref op) => self.on_stream_op(op, rec),
        }
    }

    fn drop_op(&self, what: DropWhat, subject: Sym, count: u32, rec: &mut Recorder) {
        rec.event(Kind::OpDropped { client: self.id, what, subject, count });
    }

    /// TCP is up: the server speaks first.
    pub fn on_open(&mut self, rec: &mut Recorder) {
        self.state = State::Greeting(rec.now + HANDSHAKE_NS);
    }

    /// The connection, or the attempt to make one, is gone.
    pub fn on_closed(&mut self, ending: Ending, rec: &mut Recorder) {
        if matches!(self.state, State::Dialling | State::Greeting(_) | State::Connected) {
            self.forget(ending, rec);
            self.wait(rec.now);
        }
    }

    /// It ends the connection itself, and makes another.
    fn end(&mut self, ending: Ending, rec: &mut Recorder) {
        self.orders.push_back(Order::Hang);
        self.forget(ending, rec);
        self.wait(rec.now);
    }

    fn leave(&mut self, rec: &mut Recorder) {
        let had_connection =
            matches!(self.state, State::Dialling | State::Greeting(_) | State::Connected);
        if had_connection {
            self.orders.push_back(Order::Hang);
            self.forget(Ending::Planned, rec);
        }
        self.subs.clear();
        self.state = State::Idle;
    }

    fn forget(&mut self, ending: Ending, rec: &mut Recorder) {
        self.requests.disconnected(rec);
        self.jet_disconnected(rec);
        let reason = rec.intern(ending.text());
        rec.event(Kind::ClientClosed { client: self.id, conn: self.conn, reason });
        self.barriers.clear();
        self.unconfirmed.clear();
        self.partial.clear();
        self.out.clear();
        self.sent = 0;
        self.next_ping = u64::MAX;
    }

    fn wait(&mut self, now: u64) {
        let jitter = self.stream.below(self.plan.jitter_ns + 1);
        self.state = State::Waiting(now + self.plan.wait_ns + jitter);
    }

    /// Dials a node at random; after a failure not the same again, if there is another.
    fn dial(&mut self) {
        let first = self.conn.0 == 0;
        let others: Vec<NodeId> =
            self.plan.nodes.iter().copied().filter(|node| first || *node != self.node).collect();
        self.node = self.stream.pick(&others).copied().unwrap_or(self.node);
        self.conn.0 += 1;
        self.seq = 0;
        self.state = State::Dialling;
        self.orders.push_back(Order::Dial(self.node));
    }

    fn greet(&mut self, rec: &mut Recorder) {
        let name = &self.plan.name;
        // That nobody is there is said in a header.
        let (echo, headers) = (self.plan.echo, self.plan.takes_headers);
        let json = format!(
            "{{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"{name}\",\
             \"lang\":\"sim\",\"version\":\"1\",\"protocol\":1,\"echo\":{echo},\
             \"headers\":{headers},\"no_responders\":{headers}}}"
        );
        encode::connect(&mut self.out, json.as_bytes());
        rec.broker_events += 1;
        self.ping(Barrier::Handshake, rec);
    }

    /// The handshake is over: all subscriptions are made (again).
    fn connected(&mut self, rec: &mut Recorder) {
        self.state = State::Connected;
        rec.event(Kind::ClientConnected { client: self.id, conn: self.conn, node: self.node });
        self.next_ping = rec.now + self.plan.ping_ns;
        if self.subs.contains_key(&INBOX) {
            self.requests.renew_inbox(self.id, self.conn);
        }
        self.renew_jet_inbox();
        let sids: Vec<Sid> = self.subs.keys().copied().collect();
        if !sids.is_empty() {
            self.subscribe(&sids, rec);
        }
        self.jet_connected(rec);
    }

    fn subscribe(&mut self, sids: &[Sid], rec: &mut Recorder) {
        for &sid in sids {
            let Some(sub) = self.subs.get_mut(&sid) else { continue };
            sub.delivered = 0;
            if sid == INBOX {
                sub.subject = rec.intern(&self.requests.wildcard());
            }
            if sid == JET
                && let Some(jet) = &self.jet
            {
                sub.subject = rec.intern(&jet.wildcard());
            }
            let (subject, queue, max) = (sub.subject, sub.queue, sub.max);
            let queue_name = (!queue.is_none()).then(|| rec.text(queue).as_bytes());
            let digits = sid.0.to_string();
            let name = rec.text(subject).as_bytes();
            encode::sub(&mut self.out, name, queue_name, digits.as_bytes());
            rec.broker_events += 1;
            if max > 0 {
                encode::unsub(&mut self.out, digits.as_bytes(), Some(u64::from(max)));
                rec.broker_events += 1;
            }
            let (client, conn) = (self.id, self.conn);
            rec.event(Kind::SubSent { client, conn, sid, subject, queue, max });
        }
        self.ping(Barrier::Subs(sids.to_vec()), rec);
    }

    /// Now, or when it has had `max` messages in all. Not connected, it only makes up its mind.
    fn unsubscribe(&mut self, sid: Sid, max: u32, rec: &mut Recorder) {
        let Some(sub) = self.subs.get_mut(&sid) else { return };
        sub.max = max;
        if max == 0 || self.state == State::Connected && sub.delivered >= max {
            self.subs.remove(&sid);
        }
        if self.state != State::Connected {
            return;
        }
        let limit = (max > 0).then_some(u64::from(max));
        encode::unsub(&mut self.out, sid.0.to_string().as_bytes(), limit);
        rec.broker_events += 1;
        rec.event(Kind::UnsubSent { client: self.id, conn: self.conn, sid, max });
        self.ping(Barrier::Unsub(sid), rec);
    }

    fn ping(&mut self, barrier: Barrier, rec: &mut Recorder) {
        encode::ping(&mut self.out);
        rec.broker_events += 1;
        self.barriers.push_back((barrier, self.seq));
    }

    /// Publishes one message and gives its identity.
    fn publish(
        &mut self,
        subject: Sym,
        reply: Sym,
        size: u32,
        header: bool,
        rec: &mut Recorder,
    ) -> MsgId {
        self.seq += 1;
        let msg = MsgId { client: self.id, conn: self.conn, seq: self.seq };
        self.scratch.clear();
        let header_len = header.then(|| {
            self.scratch.extend_from_slice(b"NATS/1.0\r\nSim-Msg: ");
            self.scratch.extend_from_slice(msg.to_string().as_bytes());
            self.scratch.extend_from_slice(b"\r\n\r\n");
            self.scratch.len() as u32
        });
        let header = header_len.unwrap_or(0);
        payload::append(&mut self.scratch, msg, size as usize);
        let reply_name = (!reply.is_none()).then(|| rec.text(reply).as_bytes());
        let name = rec.text(subject).as_bytes();
        encode::publish(&mut self.out, name, reply_name, header_len, &self.scratch);
        rec.broker_events += 1;
        let (size, hash) = (self.scratch.len() as u32, payload::content_hash(&self.scratch));
        rec.event(Kind::PubSent { msg, subject, reply, header, size, hash });
        self.unconfirmed.published(self.seq, subject);
        msg
    }
}
