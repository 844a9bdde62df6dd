//! Keep-alive: is the peer still there?
//!
//! Clients are asked as nats-server does: first soon after CONNECT, then every ping interval
//! unless they were heard of, and cut after `ping_max` unanswered questions. Routes are
//! [probed](super::probe). A question that waits behind data in a full socket is not held against
//! the peer.

use alloc::vec::Vec;

use causeway_wire::{encode, error_text};

use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::limits;
use crate::link::{KeepAlive, Link, LinkKind};
use crate::node::Node;
use crate::rng::Stream;
use crate::time::{Duration, Mono, Now};
use crate::timers::Due;

/// A client's round trip is measured again after this (nats-server
/// `DEFAULT_RTT_MEASUREMENT_INTERVAL`).
const RTT_AGE_MAX: Duration = Duration::from_secs(3600);

impl Node {
    /// From CONNECT on; called again if it is repeated.
    pub(crate) fn restart_client_keepalive(&mut self, now: Now, id: LinkId) {
        let interval = self.config.ping_interval.min(limits::FIRST_PING_CLIENT);
        let jitter = self.rng.span(Stream::PingJitter, interval / 5);
        if let Some(link) = self.links.get_mut(id) {
            // A first guess: CONNECT answers INFO.
            let since_start = now.mono.since(link.start.mono);
            link.keepalive.rtt.get_or_insert((since_start, link.start.mono));
        }
        self.arm_keepalive(id, now.mono + interval + jitter);
    }

    pub(crate) fn arm_keepalive(&mut self, id: LinkId, at: Mono) {
        if let Some(link) = self.links.get_mut(id) {
            link.keepalive.due = Some(at);
            self.timers.arm(at, Due::KeepAlive(id));
        }
    }

    /// The keep-alive timer of a link.
    pub(crate) fn keepalive_due(&mut self, now: Now, at: Mono, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get(id).filter(|link| link.is_open()) else { return };
        if link.keepalive.due != Some(at) {
            return;
        }
        match link.kind() {
            LinkKind::Client => self.client_keepalive(now, id, fx),
            LinkKind::Route => self.route_probe_due(now, id, fx),
            LinkKind::Shard => {}
        }
    }

    fn client_keepalive(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let interval = self.config.ping_interval;
        let Some(link) = self.links.get(id) else { return };
        let alive = &link.keepalive;
        let measured = alive
            .rtt
            .is_some_and(|(_, when)| when != link.start.mono && now.mono.since(when) < RTT_AGE_MAX);
        let early = alive.outstanding == 0 && perturb!(self, EarlyPing);
        let heard_of = now.mono.since(alive.last_in) < interval && !early;
        if !(heard_of && measured) {
            if alive.outstanding + 1 > self.config.ping_max {
                return self.cut_stale(now, id.slot, fx);
            }
            self.ping(now, id.slot, fx);
        }
        self.arm_keepalive(id, now.mono + interval);
    }

    /// Sends a PING whose answer is timed.
    pub(crate) fn ping(&mut self, now: Now, slot: u32, fx: &mut Effects) {
        if !self.links.at(slot).is_some_and(Link::is_open) {
            return;
        }
        self.send_keepalive(slot, fx, encode::ping);
        let Some(link) = self.links.at_mut(slot) else { return };
        let alive = &mut link.keepalive;
        alive.outstanding += 1;
        if alive.ping_sent.is_none() {
            alive.ping_sent = Some(now.mono);
            alive.doubted = None;
            alive.moved_when_asked = None;
            alive.ping_behind = link.tx.pending();
            alive.ping_waited = false;
        }
    }

    pub(crate) fn cut_stale(&mut self, now: Now, slot: u32, fx: &mut Effects) {
        match self.links.at(slot).map(Link::kind) {
            Some(LinkKind::Client) => self.stats.stale_clients += 1,
            _ => self.stats.stale_routes += 1,
        }
        self.send(slot, fx, |out| encode::err(out, error_text::STALE_CONNECTION));
        self.close(now, slot, CloseReason::StaleConnection, limits::CLOSE_LINGER, fx);
    }

    /// Sends a PING or a PONG: nothing that anybody would miss.
    pub(crate) fn send_keepalive(
        &mut self,
        slot: u32,
        fx: &mut Effects,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let sent = |node: &Self| node.links.at(slot).map_or(0, |link| link.tx.total());
        let before = sent(self);
        self.send(slot, fx, write);
        let bytes = sent(self) - before;
        if let Some(link) = self.links.at_mut(slot) {
            link.keepalive.owing_from += bytes;
        }
    }

    /// PONG: the peer is there, and this is how far away.
    pub(crate) fn pong(&mut self, now: Now, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let alive = &mut link.keepalive;
        alive.outstanding = 0;
        alive.ping_behind = 0;
        let Some(sent) = alive.ping_sent.take() else { return };
        let rtt = now.mono.since(sent).max(Duration::from_nanos(1));
        alive.rtt = Some((rtt, now.mono));
        if alive.rtt_least.is_some_and(|least| least <= rtt) {
            return;
        }
        alive.rtt_least = Some(rtt);
        if let Some(remote_id) = link.route().and_then(|route| route.remote_id.as_deref())
            && let Some(cluster) = &mut self.cluster
        {
            cluster.note_round_trip(remote_id, rtt);
        }
    }
}

impl KeepAlive {
    /// The host took bytes. While a ping waits behind data, that is a sign of life: a full socket
    /// makes room only when the peer reads. The time for the answer begins when the ping is out.
    pub(crate) fn bytes_taken(&mut self, now: Mono, bytes: usize) {
        if self.ping_behind == 0 || bytes == 0 {
            return;
        }
        self.ping_behind = self.ping_behind.saturating_sub(bytes as u64);
        self.ping_waited |= self.ping_behind > 0;
        self.ping_sent = self.ping_sent.map(|_| now);
        if self.ping_waited {
            self.doubted = None;
        }
    }
}
