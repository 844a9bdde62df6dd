//! From a message on a buffered subject to those who get it: local subscribers and connections at
//! once, peers with a buffer through that.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::NewMessage;
use causeway_wire::encode;

use super::peer::{Refusal, envelope_bytes, stored_bytes};
use super::record::Envelope;
use super::{Buffers, PeerId};
use crate::account::GLOBAL;
use crate::effects::Effects;
use crate::interest::{Group, Local, Plan};
use crate::link::Link;
use crate::link::deliver::{Chosen, Message, Source};
use crate::node::Node;
use crate::rng::Stream;
use crate::time::Now;
use crate::trace::{MessageEvent, TraceEvent};

/// What became of a message on a buffered subject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Nobody wants it.
    Nobody,
    /// Somebody has it, or will.
    Taken,
    /// A buffer has no room for it, so nobody has it; its publisher has been told.
    Refused,
}

/// The buffers that a message goes into, each with the queue groups that its peer is to serve.
type Into = BTreeMap<PeerId, Vec<Vec<u8>>>;

impl Node {
    /// Delivers a message on a buffered subject, or refuses it as a whole.
    pub(crate) fn deliver_buffered(
        &mut self,
        now: Now,
        source: Source<'_>,
        plan: &Plan,
        message: &Message<'_>,
        fx: &mut Effects,
    ) -> Outcome {
        let Some(mut buffers) = self.buffers.take() else { return Outcome::Nobody };
        let wanted = buffers.tables.wanted.plan(message.subject);
        let (chosen, into) = self.choose(source, plan, &wanted);
        let refused = buffers.store(self, now, source, message, &into, fx);
        self.buffers = Some(buffers);
        if let Err((peer, refusal)) = refused {
            self.tell_of_refusal(source, message, &peer, refusal, fx);
            return Outcome::Refused;
        }
        let delivered = self.deliver_chosen(now, source, plan, message, &chosen, fx);
        if delivered || !into.is_empty() { Outcome::Taken } else { Outcome::Nobody }
    }

    /// Who gets the message: everybody outside of queue groups, and one member of each group.
    fn choose(&mut self, source: Source<'_>, plan: &Plan, wanted: &Plan) -> (Chosen, Into) {
        let mut chosen = Chosen::default();
        let mut into = Into::new();
        for peer in &wanted.remotes {
            into.entry(PeerId(*peer)).or_default();
        }
        for slot in &plan.remotes {
            match self.buffer_of(*slot) {
                Some(peer) => drop(into.entry(peer).or_default()),
                None => chosen.routes.push((*slot, Vec::new())),
            }
        }
        for (index, group) in plan.groups.iter().enumerate() {
            if let Some(member) = self.choose_member(source, group) {
                chosen.members.push(member);
            } else if let Some(slot) = self.choose_remote(&group.remotes) {
                match self.buffer_of(slot) {
                    Some(peer) => into.entry(peer).or_default().push(group.name.clone()),
                    None => chosen.serve(slot, index as u32),
                }
            } else if let Some(away) = wanted.groups.iter().find(|away| away.name == group.name) {
                self.choose_away(away, &mut into);
            }
        }
        for away in &wanted.groups {
            if !plan.groups.iter().any(|group| group.name == away.name) {
                self.choose_away(away, &mut into);
            }
        }
        (chosen, into)
    }

    /// Members here come first: they have it at once.
    fn choose_member(&mut self, source: Source<'_>, group: &Group) -> Option<Local> {
        let able = group.locals.iter().filter(|local| self.may_take(source, local));
        let able: Vec<Local> = able.copied().collect();
        let pick = self.rng.below(Stream::QueuePick, able.len() as u32);
        able.get(pick as usize).copied()
    }

    /// A member behind one of these connections, or buffers.
    fn choose_remote(&mut self, remotes: &[(u32, u32)]) -> Option<u32> {
        let members = remotes.iter().map(|(_, weight)| *weight).sum();
        if members == 0 {
            return None;
        }
        let mut pick = self.rng.below(Stream::QueuePick, members);
        for (slot, weight) in remotes {
            if pick < *weight {
                return Some(*slot);
            }
            pick -= weight;
        }
        None
    }

    /// If nobody else can, members behind a server that is away.
    fn choose_away(&mut self, group: &Group, into: &mut Into) {
        if let Some(peer) = self.choose_remote(&group.remotes) {
            into.entry(PeerId(peer)).or_default().push(group.name.clone());
        }
    }

    /// The buffer for the server behind a route.
    fn buffer_of(&self, slot: u32) -> Option<PeerId> {
        self.links.at(slot).and_then(Link::route)?.buffer
    }

    /// Tells a publisher that its message was not taken, so that it stays connected: clients close
    /// the connection after most errors, but not after one that begins like this.
    fn tell_of_refusal(
        &mut self,
        source: Source<'_>,
        message: &Message<'_>,
        peer: &str,
        refusal: Refusal,
        fx: &mut Effects,
    ) {
        let Source::Client { slot, .. } = source else { return };
        let why = match refusal {
            Refusal::Bytes(most) => format!("is full, max_bytes {most}"),
            Refusal::Messages(most) => format!("is full, max_msgs {most}"),
            Refusal::Disk => String::from("cannot be written"),
        };
        let subject = String::from_utf8_lossy(message.subject);
        let text = format!(
            "Permissions Violation for Publish to \"{subject}\": the buffer for \"{peer}\" {why}"
        );
        self.send(slot, fx, |out| encode::err(out, &text));
        let client = self.links.at(slot).and_then(Link::client);
        if let Some(reply) = message.reply
            && client.is_some_and(|client| client.no_responders)
        {
            self.answer_no_responders(slot, message.subject, reply, fx);
        }
    }
}

impl Buffers {
    /// Stores a message for all of these peers, or for none and says why.
    fn store(
        &mut self,
        node: &mut Node,
        now: Now,
        source: Source<'_>,
        message: &Message<'_>,
        into: &Into,
        fx: &mut Effects,
    ) -> Result<(), (String, Refusal)> {
        if into.is_empty() {
            return Ok(());
        }
        let reply = match (message.reply, message.shown) {
            (reply, Some(shown)) => Some([reply.unwrap_or_default(), b"@", shown].concat()),
            (reply, None) => reply.map(Vec::from),
        };
        let account = node.accounts.get(GLOBAL).name.as_bytes().to_vec();
        let header_len = message.header_len;
        let mut envelope = Envelope { account, reply, queues: Vec::new(), header_len };
        let mut envelopes = Vec::new();
        for queues in into.values() {
            envelope.queues.clone_from(queues);
            envelopes.push(envelope_bytes(&envelope));
        }
        let (subject, payload) = (message.subject, message.body);
        let record = |header| NewMessage { seq: 0, time: 0, subject, header, payload, mark: 0 };
        for (id, header) in into.keys().zip(&envelopes) {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            peer.expire(&self.config, now);
            if let Some(refusal) = peer.refusal(&self.config, stored_bytes(&record(header))) {
                peer.refused += 1;
                self.touched.insert(*id);
                if fx.trace_mask.messages {
                    let (peer, payload) = (peer.name().into(), message.beginning());
                    fx.trace.push(TraceEvent::Message(MessageEvent::Refused { peer, payload }));
                }
                return Err((peer.name().into(), refusal));
            }
        }
        self.last_ticket += 1;
        for (id, header) in into.keys().zip(&envelopes) {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            peer.append(&self.config, now.wall, &record(header), self.last_ticket);
            if fx.trace_mask.messages {
                let state = peer.log.state();
                fx.trace.push(TraceEvent::Message(MessageEvent::Kept {
                    peer: peer.name().into(),
                    seq: state.last_seq,
                    payload: message.beginning(),
                    messages: state.messages,
                    bytes: state.bytes,
                }));
            }
            self.touched.insert(*id);
        }
        if let Source::Client { slot, .. } = source
            && let Some(client) = node.links.at_mut(slot).and_then(Link::client_mut)
        {
            client.ticket = self.last_ticket;
        }
        Ok(())
    }

    /// Whether more waits for the disk than should.
    pub(crate) fn is_behind(&self) -> bool {
        let waiting: u64 = self.peers.values().map(|peer| peer.undurable_bytes).sum();
        waiting > crate::limits::BUFFER_UNSYNCED_BYTES
    }
}
