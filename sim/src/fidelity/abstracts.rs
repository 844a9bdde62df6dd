//! What is left of a history when everything is taken away that an engine has for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::intent::Intent;
use super::message::{Message, Receiver, client_name};
use crate::client::INBOX;
use crate::history::{DropWhat, History, Kind, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, Sid};
use crate::units::MS;

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fate {
    /// It was answered.
    Answered,
    /// Its node knew nobody for it.
    NobodyThere,
    /// Nobody answered in time.
    TimedOut,
    /// Its connection was lost, or there was none.
    Disconnected,
}

impl Fate {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NobodyThere => "told that nobody is there",
            Self::TimedOut => "never answered",
            Self::Disconnected => "lost with its connection",
        }
    }
}

/// Nodes that have no route for so long only have not parted: connections cross, one of two goes, and the
/// other comes. Who looks ten times a second does not see all of it.
pub(super) const MOMENT_NS: u64 = 500 * MS;

/// What a history comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Abstract {
    /// The engine that it is of.
    pub engine: String,
    /// How often a receiver got a message.
    pub delivered: BTreeMap<(Receiver, Message), u32>,
    /// Messages that a receiver got behind a later one of the same sender.
    pub late: BTreeSet<(Receiver, Message)>,
    /// What became of requests.
    pub fates: BTreeMap<Message, Fate>,
    /// The classes of errors that a client was told.
    pub errors: BTreeMap<ClientId, BTreeSet<String>>,
    /// How often a client was connected.
    pub connections: BTreeMap<ClientId, u32>,
    /// How often a node had a route to a peer that it had had none to for longer than a moment.
    pub meetings: BTreeMap<(NodeId, NodeId), u32>,
}

impl Abstract {
    /// What a history of the plan comes to.
    ///
    /// # Errors
    /// If the history is not one of the whole plan: a client did not do what the plan has it do.
    pub fn of(intent: &Intent<'_>, history: &History) -> Result<Self, String> {
        let mut reading = Reading::new(intent, history);
        history.events.iter().for_each(|event| reading.take(event.t, &event.kind));
        for (client, sendings) in &intent.sendings {
            let done = reading.numbers.get(client).copied().unwrap_or(0);
            if done as usize != sendings.len() {
                return Err(format!(
                    "the plan has {} send {} messages, and the engine {} had it send {done}",
                    client_name(intent.plan, *client),
                    sendings.len(),
                    history.header.engine
                ));
            }
        }
        Ok(reading.done)
    }
}

/// What an error text says, without what it says it of: no names, no numbers.
#[must_use]
pub(super) fn class(text: &str) -> String {
    let text = text.trim().trim_matches('\'');
    let end = text.find(['"', '\'', ':']).unwrap_or(text.len());
    let end = text[..end].find(" for ").unwrap_or(end);
    let words = text[..end].split_whitespace();
    let plain = words.filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit()));
    plain.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// The routes that a node has to a peer.
#[derive(Default)]
struct Routes {
    open: BTreeSet<u64>,
    /// When the last one went.
    parted_t: Option<u64>,
}

impl Routes {
    fn part(&mut self, t: u64) {
        self.open.clear();
        self.parted_t = self.parted_t.or(Some(t));
    }
}

struct Reading<'r> {
    intent: &'r Intent<'r>,
    history: &'r History,
    done: Abstract,
    /// How many of its messages a client has sent, or would have if it had been connected.
    numbers: BTreeMap<ClientId, u32>,
    messages: BTreeMap<MsgId, Message>,
    /// The last message of a sender, of a kind, that a subscription got.
    last: BTreeMap<(ClientId, Sid, ClientId, bool), u32>,
    routes: BTreeMap<(NodeId, NodeId), Routes>,
}

impl<'r> Reading<'r> {
    fn new(intent: &'r Intent<'r>, history: &'r History) -> Self {
        let done = Abstract { engine: history.header.engine.clone(), ..Abstract::default() };
        Self {
            intent,
            history,
            done,
            numbers: BTreeMap::new(),
            messages: BTreeMap::new(),
            last: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is an engine's own")]
    fn take(&mut self, t: u64, kind: &Kind) {
        match *kind {
            Kind::PubSent { msg, subject, .. } => {
                let message = self.name(msg, subject);
                self.messages.insert(msg, message);
            }
            Kind::OpDropped { client, what, count, .. } => self.dropped(client, what, count),
            Kind::Delivered { client, sid, msg, .. } => self.delivered(client, sid, msg),
            Kind::RequestDone { request, .. } => self.fate(request, Fate::Answered),
            Kind::NoResponders { request, .. } => self.fate(request, Fate::NobodyThere),
            Kind::RequestTimeout { request, disconnected } => {
                let fate = if disconnected { Fate::Disconnected } else { Fate::TimedOut };
                self.fate(request, fate);
            }
            Kind::ClientError { client, text, .. } => {
                let class = class(self.history.text(text));
                self.done.errors.entry(client).or_default().insert(class);
            }
            Kind::ClientConnected { client, .. } => {
                *self.done.connections.entry(client).or_default() += 1;
            }
            Kind::RouteUp { node, remote, cid, .. } => self.met(t, node, remote, cid),
            Kind::RouteDown { node, remote, cid, .. } => self.lost(t, node, remote, cid),
            Kind::NodeDown { node, .. } => {
                let of = self.routes.iter_mut().filter(|((of, _), _)| *of == node);
                of.for_each(|(_, routes)| routes.part(t));
            }
            _ => {}
        }
    }

    /// Answers go where their request has asked them to; everything else is the next of what the plan
    /// has its sender send.
    fn name(&mut self, msg: MsgId, subject: Sym) -> Message {
        match request_of(self.history.text(subject)) {
            Some(request) => match self.messages.get(&request) {
                Some(Message::Sent(asker, number)) => Message::Answer(*asker, *number),
                _ => Message::Unknown,
            },
            None => {
                let number = self.numbers.entry(msg.client).or_default();
                *number += 1;
                Message::Sent(msg.client, *number)
            }
        }
    }

    fn dropped(&mut self, client: ClientId, what: DropWhat, count: u32) {
        let number = self.numbers.entry(client).or_default();
        *number += count;
        if what == DropWhat::Request {
            self.done.fates.insert(Message::Sent(client, *number), Fate::Disconnected);
        }
    }

    fn delivered(&mut self, client: ClientId, sid: Sid, id: Option<MsgId>) {
        let receiver = if sid == INBOX {
            Receiver::Inbox(client)
        } else {
            let known = self.intent.listening(client, sid);
            known.map_or(Receiver::Nobody(client), |one| one.receiver())
        };
        let known = id.and_then(|id| Some((id.client, *self.messages.get(&id)?)));
        let Some((sender, message)) = known else {
            *self.done.delivered.entry((receiver, Message::Unknown)).or_default() += 1;
            return;
        };
        *self.done.delivered.entry((receiver, message)).or_default() += 1;
        let Some((_, number)) = message.place() else { return };
        let answer = matches!(message, Message::Answer(..));
        let last = self.last.entry((client, sid, sender, answer)).or_default();
        if number < *last {
            self.done.late.insert((receiver, message));
        }
        *last = number.max(*last);
    }

    fn fate(&mut self, request: MsgId, fate: Fate) {
        if let Some(message) = self.messages.get(&request) {
            self.done.fates.insert(*message, fate);
        }
    }

    fn met(&mut self, t: u64, node: NodeId, remote: NodeId, cid: u64) {
        let routes = self.routes.entry((node, remote)).or_default();
        let parted = routes.parted_t.take();
        let is_first = parted.is_none() && routes.open.is_empty();
        if is_first || parted.is_some_and(|since| t.saturating_sub(since) > MOMENT_NS) {
            *self.done.meetings.entry((node, remote)).or_default() += 1;
        }
        routes.open.insert(cid);
    }

    fn lost(&mut self, t: u64, node: NodeId, remote: NodeId, cid: u64) {
        let Some(routes) = self.routes.get_mut(&(node, remote)) else { return };
        if routes.open.remove(&cid) && routes.open.is_empty() {
            routes.part(t);
        }
    }
}

/// The request that an inbox subject belongs to.
fn request_of(subject: &str) -> Option<MsgId> {
    let mut numbers = subject.strip_prefix("_INBOX.")?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(MsgId { client: ClientId(next()?), conn: ConnNo(next()?), seq: next()? })
}
