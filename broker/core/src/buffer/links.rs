//! Routes that carry buffers: who is at the other end, what it wants, what it has had.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::encode;
use causeway_wire::info::Info;
use causeway_wire::route::{BufferPosition, BufferSeq, RemoteSub, RemoteUnsub};

use super::standing::Want;
use super::{Buffers, PeerId};
use crate::account::GLOBAL;
use crate::config::LinkBufferConfig;
use crate::effects::Effects;
use crate::ids::{AccountId, LinkId};
use crate::limits;
use crate::link::Link;
use crate::link::route::Stage;
use crate::node::Node;
use crate::time::Now;
use crate::trace::{BufferEvent, MessageEvent, TraceEvent};

impl Buffers {
    /// A peer that keeps buffers, too, has come.
    fn registered(&mut self, node: &mut Node, info: &Info, fx: &mut Effects) -> PeerId {
        let id = match self.names.get(&info.server_name) {
            Some(id) => *id,
            None => self.add_peer(&mut node.rng, &info.server_name, fx),
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            let known = !peer.known.server_id.is_empty();
            peer.registered(&mut self.tables, &info.server_id);
            if !known && info.server_name == info.server_id {
                fx.trace.push(TraceEvent::Buffer(BufferEvent::Unnamed {
                    peer: info.server_name.clone(),
                }));
            }
        }
        self.touched.insert(id);
        id
    }

    /// A peer for which nothing is kept has come.
    fn not_kept(&mut self, info: &Info, fx: &mut Effects) {
        if self.unkept.len() < limits::GOSSIPED_PEERS
            && self.unkept.insert(info.server_name.clone())
        {
            fx.trace
                .push(TraceEvent::Buffer(BufferEvent::NotKept { peer: info.server_name.clone() }));
        }
    }

    fn announced(&mut self, id: PeerId, link: LinkId, want: &Want, weight: u32) {
        let Self { peers, tables, .. } = self;
        let Some(peer) = peers.get_mut(&id) else { return };
        let (awaited, generation) = (peer.standing.awaited(), peer.known.generation);
        if peer.standing.announced(tables, link, want, weight, generation) {
            peer.note_want(want, Some(weight));
        }
        if peer.standing.awaited() != awaited {
            peer.look_again();
        }
        self.touched.insert(id);
    }

    fn withdrawn(&mut self, id: PeerId, link: LinkId, want: &Want) {
        let Self { peers, tables, .. } = self;
        let Some(peer) = peers.get_mut(&id) else { return };
        if peer.standing.withdrawn(tables, link, want) {
            peer.note_want(want, None);
            self.touched.insert(id);
        }
    }

    /// Whether there is a connection that may be given up for another one.
    pub(super) fn has_doubts(&self) -> bool {
        self.peers.values().any(|peer| peer.window.is_doubtful())
    }

    /// What could have taken the place of a connection may have come to nothing.
    pub(super) fn settle_doubts(&mut self, node: &Node) {
        let in_handshake = node.has_routes_in_handshake();
        for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.window.is_doubtful()) {
            if !(in_handshake && peer.link.is_some_and(|link| node.may_be_replaced(link))) {
                peer.window.trust();
                self.touched.insert(*id);
            }
        }
    }

    /// The peer has told all that it wants, and how far it is.
    fn greeted(
        &mut self,
        node: &mut Node,
        now: Now,
        link: LinkId,
        id: PeerId,
        at: BufferPosition,
        fx: &mut Effects,
    ) {
        let Self { peers, tables, .. } = self;
        let Some(peer) = peers.get_mut(&id) else { return };
        let greeted = peer.greeted(tables, now, link, at, node.may_be_replaced(link));
        if greeted.rolled_back {
            peer.renew(node.rng.next_u64(crate::rng::Stream::Buffers).max(1));
        }
        let awaits = peer.standing.awaited() > 0;
        peer.await_until = awaits.then(|| now.mono + limits::BUFFER_AWAIT);
        let (peer, messages) = (String::from(peer.name()), greeted.messages);
        let awaited = peers.get(&id).map_or(0, |peer| peer.standing.awaited() as u64);
        fx.trace.push(TraceEvent::Buffer(BufferEvent::Back { peer, messages, awaited }));
        self.touched.insert(id);
    }

    fn lost(&mut self, now: Now, link: LinkId, id: PeerId, fx: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.lost(now, link) {
            let (name, interest) = (peer.name().into(), peer.standing.len() as u64);
            let messages = peer.log.state().messages;
            fx.trace.push(TraceEvent::Buffer(BufferEvent::CutOff {
                peer: name,
                interest,
                messages,
            }));
        }
        self.touched.insert(id);
    }

    /// Another configuration: what is stored stays, what is wanted is looked at again.
    pub(crate) fn reconfigure(&mut self, config: LinkBufferConfig) {
        self.config = config;
        self.touched.extend(self.peers.keys());
    }

    /// Peers that have been away for long, and longer than anything is kept, have no buffer any more.
    pub(super) fn forget_strangers(&mut self, node: &Node, now: Now, fx: &mut Effects) {
        let Some(age) = self.config.max_age else { return };
        let age = age.max(limits::BUFFER_FORGET);
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        let connected = |name: &str| {
            let mut routes = node.links.iter().filter_map(Link::route);
            routes.any(|route| route.remote_name.as_deref() == Some(name))
        };
        let gone = self.peers.iter().filter(|(_, peer)| {
            let away = now.wall.0.saturating_sub(peer.known.seen.0);
            let idle = peer.link.is_none() && peer.log.state().messages == 0;
            idle && away > age && !connected(peer.name())
        });
        let gone: Vec<PeerId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            let Some(mut peer) = self.peers.remove(&id) else { continue };
            peer.standing.clear(&mut self.tables);
            self.names.remove(peer.name());
            self.touched.remove(&id);
            let log = peer.log.config().id;
            self.logs.remove(&log);
            fx.trace.push(TraceEvent::Buffer(BufferEvent::Forgotten { peer: peer.name().into() }));
            peer.log.destroy(&mut fx.disk);
            self.leaving.insert(log, peer.log);
        }
    }
}

impl Node {
    /// Whether there are more routes than have a lane; costs nothing where there are many clients.
    fn has_routes_in_handshake(&self) -> bool {
        let remotes = self.cluster.iter().flat_map(|cluster| cluster.remotes.values());
        self.stats.routes > remotes.map(|remote| remote.lanes.len() as u64).sum()
    }

    /// Whether another connection is being made that may take the lane of this one, as far as is known
    /// of it.
    fn may_be_replaced(&self, id: LinkId) -> bool {
        let Some(this) = self.links.get(id).and_then(Link::route) else { return false };
        let others = self.links.iter().filter(|link| link.is_open()).filter_map(Link::route);
        let mut in_handshake = others.filter(|route| route.stage != Stage::Registered);
        in_handshake.any(|other| {
            other.lane.is_none_or(|lane| Some(lane) == this.lane)
                && other.remote_id.as_ref().is_none_or(|id| Some(id) == this.remote_id.as_ref())
        })
    }

    /// A route has been registered, and its peer has been told of our interest.
    pub(crate) fn buffer_route_registered(&mut self, slot: u32, info: &Info, fx: &mut Effects) {
        if self.buffers.is_none() {
            return;
        }
        if info.causeway_buffer != super::PROTOCOL {
            return self.with_buffers(|buffers, _| buffers.not_kept(info, fx));
        }
        let mut peer = None;
        self.with_buffers(|buffers, node| peer = Some(buffers.registered(node, info, fx)));
        if let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) {
            route.buffer = peer;
        }
        let carriers = self.cluster.as_ref().and_then(|cluster| cluster.carriers.get(&GLOBAL));
        if carriers.is_some_and(|carriers| carriers.contains(&slot)) {
            self.greet_buffer(slot, fx);
        }
    }

    /// Tells the peer that it has heard of all our interest, and how far we are in its buffer.
    fn greet_buffer(&mut self, slot: u32, fx: &mut Effects) {
        let route = self.links.at(slot).and_then(Link::route);
        let Some(name) = route.and_then(|route| route.remote_name.as_deref()) else { return };
        let inbound = self.buffers.as_ref().and_then(|buffers| buffers.inbound.as_ref());
        let Some(at) = inbound.map(|inbound| inbound.position(name)) else { return };
        self.send(slot, fx, |out| encode::buffer_position(out, at));
    }

    /// RS+ of a peer that there is a buffer for.
    pub(crate) fn buffer_interest(&mut self, slot: u32, account: AccountId, sub: &RemoteSub<'_>) {
        let Some((link, peer)) = self.buffered_link(slot, account) else { return };
        let (want, weight) = match sub.queue {
            None => (Want { subject: sub.subject.into(), queue: None }, 1),
            Some((name, weight)) => {
                (Want { subject: sub.subject.into(), queue: Some(name.into()) }, weight)
            }
        };
        self.with_buffers(|buffers, _| {
            // After a reload a peer may have a buffer for what is not kept any more.
            let known = buffers.peers.get(&peer).is_some_and(|it| it.standing.knows(&want));
            if sub.origin.is_none() && (known || buffers.concerns(sub.subject)) {
                buffers.announced(peer, link, &want, weight);
            }
        });
    }

    /// RS-.
    pub(crate) fn buffer_no_interest(
        &mut self,
        slot: u32,
        account: AccountId,
        unsub: &RemoteUnsub<'_>,
    ) {
        let Some((link, peer)) = self.buffered_link(slot, account) else { return };
        let want = Want { subject: unsub.subject.into(), queue: unsub.queue.map(Vec::from) };
        self.with_buffers(|buffers, _| {
            if !unsub.leaf {
                buffers.withdrawn(peer, link, &want);
            }
        });
    }

    fn buffered_link(&self, slot: u32, account: AccountId) -> Option<(LinkId, PeerId)> {
        let link = self.links.at(slot)?;
        Some((link.id, link.route()?.buffer?)).filter(|_| account == GLOBAL)
    }

    /// BSEQ: the next message is numbered. False if the peer should not say that.
    pub(crate) fn buffer_seq(&mut self, slot: u32, at: BufferSeq) -> bool {
        let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) else { return true };
        route.numbered = Some(at);
        route.buffer.is_some()
    }

    /// A message has come that was numbered: whether it is new.
    pub(crate) fn buffered_message(&mut self, slot: u32, at: BufferSeq, fx: &mut Effects) -> bool {
        let Some(link) = self.links.at(slot) else { return false };
        let name = link.route().and_then(|route| route.remote_name.as_deref());
        let inbound = self.buffers.as_mut().and_then(|buffers| buffers.inbound.as_mut());
        let (Some(inbound), Some(name)) = (inbound, name) else { return true };
        let new = inbound.received(name, link.id, at);
        if !new && fx.trace_mask.messages {
            let (peer, seq) = (name.into(), at.seq);
            fx.trace.push(TraceEvent::Message(MessageEvent::Repeated { peer, seq }));
        }
        new
    }

    /// BACK.
    pub(crate) fn buffer_ack(&mut self, now: Now, slot: u32, at: BufferPosition) -> bool {
        let Some((link, id)) = self.buffered_link(slot, GLOBAL) else { return false };
        self.with_buffers(|buffers, _| {
            let peer = buffers.peers.get_mut(&id).filter(|peer| peer.link == Some(link));
            if peer.is_some_and(|peer| peer.acknowledged(now.mono, at)) {
                buffers.touched.insert(id);
            }
        });
        true
    }

    /// BPOS.
    pub(crate) fn buffer_position(
        &mut self,
        now: Now,
        slot: u32,
        at: BufferPosition,
        fx: &mut Effects,
    ) -> bool {
        let Some((link, peer)) = self.buffered_link(slot, GLOBAL) else { return false };
        self.with_buffers(|buffers, node| buffers.greeted(node, now, link, peer, at, fx));
        true
    }

    /// A route with a buffer is about to end.
    pub(crate) fn buffer_route_gone(
        &mut self,
        now: Now,
        link: LinkId,
        peer: PeerId,
        fx: &mut Effects,
    ) {
        self.with_buffers(|buffers, _| buffers.lost(now, link, peer, fx));
    }

    /// The host has taken bytes of a connection: there may be room for more.
    pub(crate) fn buffer_drained(&mut self, id: LinkId) {
        let Some(link) = self.links.get(id) else { return };
        let Some(peer) = link.route().and_then(|route| route.buffer) else { return };
        if link.tx.pending() < limits::BUFFER_FEED_BYTES
            && let Some(buffers) = &mut self.buffers
        {
            buffers.touched.insert(peer);
        }
    }

    /// After a reload: what is kept may be other subjects, which connected peers want already.
    pub(crate) fn reload_buffers(&mut self) {
        let config = self.config.cluster.as_ref().and_then(|cluster| cluster.buffer.clone());
        let Some(buffers) = &mut self.buffers else { return };
        let none = LinkBufferConfig { subjects: Vec::new(), ..buffers.config.clone() };
        buffers.reconfigure(config.unwrap_or(none));
        let mut wants = Vec::new();
        for link in self.links.iter().filter(|link| link.is_open()) {
            let Some(route) = link.route() else { continue };
            let Some(peer) = route.buffer else { continue };
            for ((account, origin), index) in &route.interest {
                if *account != GLOBAL || !origin.is_empty() {
                    continue;
                }
                let interest = &self.accounts.get(*account).interest;
                wants.extend(index.ids().map(|id| {
                    let queue = interest.queue(id).map(Vec::from);
                    let want = Want { subject: interest.subject(id).into(), queue };
                    (peer, link.id, want, interest.subscription(id).weight())
                }));
            }
        }
        for (peer, link, want, weight) in wants {
            if buffers.concerns(&want.subject) {
                buffers.announced(peer, link, &want, weight);
            }
        }
    }
}
