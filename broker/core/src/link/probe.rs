//! Is the server at the other end of a route still there?
//!
//! nats-server asks on each connection every half a minute, and takes a black hole for a route for
//! one and a half. We notice within seconds and ask no more than that costs: what breaks is the way
//! to a server, seldom one of the connections to it. So one of them, the *watch*, is asked after
//! little silence, on behalf of all. Another is asked as soon only if something was said on it that
//! nothing has come back for, and otherwise now and then. When an answer is late or a connection
//! breaks, all connections with that server are asked at once.
//!
//! A connection is cut when nothing at all comes back. A question, or an answer, may stand behind
//! seconds of data on a narrow way, on whatever connection that is. So who is told much says now and
//! then that he is there, on each connection on which he has nothing else to say.

use alloc::vec;
use alloc::vec::Vec;

use crate::cluster::Remote;
use crate::effects::Effects;
use crate::ids::LinkId;
use crate::limits;
use crate::link::route::{Lane, Route, Stage};
use crate::link::{KeepAlive, Link};
use crate::node::Node;
use crate::time::{Duration, Mono, Now};

impl Node {
    pub(crate) fn start_route_keepalive(&mut self, now: Now, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let id = link.id;
        let remote_id = link.route().and_then(|route| route.remote_id.as_deref());
        let known = self.cluster.as_ref().zip(remote_id).and_then(|(c, id)| c.least_round_trip(id));
        link.keepalive.rtt_least = known;
        self.arm_keepalive(id, now.mono + limits::FIRST_PING_ROUTE);
    }

    /// The keep-alive timer of a route. The watch's is for all connections with that server; the
    /// others have timers of their own only while there is no watch, or a question is open.
    pub(crate) fn route_probe_due(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.keepalive.due = None;
        let Some(link) = self.links.get(id) else { return };
        let watched = is_watch(link) || self.is_watched(link);
        let slots = if is_watch(link) {
            self.lanes_like(link)
        } else if watched && link.keepalive.ping_sent.is_none() {
            return;
        } else {
            vec![id.slot]
        };
        if self.links.get(id).is_some_and(is_watch) {
            self.speak(now, id, &slots, fx);
        }
        let looks = slots.iter().filter_map(|slot| self.look_after(now, *slot, watched, fx));
        let next = looks.min();
        if let Some(next) = next {
            self.look_by(id, next);
        }
    }

    /// Whether another connection is asked on behalf of this one.
    fn is_watched(&self, link: &Link) -> bool {
        self.remote_of(link).is_some_and(|remote| remote.lanes.contains_key(&WATCH))
    }

    /// The connections with the server that this one leads to.
    fn lanes_like(&self, link: &Link) -> Vec<u32> {
        self.remote_of(link)
            .map_or_else(Vec::new, |remote| remote.lanes.values().copied().collect())
    }

    /// The server that this connection leads to.
    fn remote_of(&self, link: &Link) -> Option<&Remote> {
        let remote_id = link.route()?.remote_id.as_deref()?;
        self.cluster.as_ref()?.remotes.get(remote_id)
    }

    /// Asks on a connection that has been silent for long enough, cuts it if no answer has come for
    /// too long; says when to look again. `watched` says whether there is a watch.
    fn look_after(&mut self, now: Now, slot: u32, watched: bool, fx: &mut Effects) -> Option<Mono> {
        let link = self.links.at(slot).filter(|link| link.is_open())?;
        let interval = self.cluster.as_ref()?.config.ping_interval;
        let interval = interval.min(limits::ROUTE_PING_INTERVAL_MAX);
        let alive = &link.keepalive;
        if let Some(asked) = alive.ping_sent {
            // Anything that comes in is a sign of life, not only the answer.
            let asked = alive.doubted.unwrap_or(asked);
            return self.await_answer(now, slot, asked.max(alive.last_in), fx);
        }
        let silent = now.mono.since(alive.last_in);
        let measured = alive.rtt.map_or(Duration::MAX, |(_, when)| now.mono.since(when));
        let quiet = if watched && is_spare(link) {
            limits::ROUTE_SPARE_IDLE
        } else {
            limits::ROUTE_PROBE_IDLE
        };
        let quiet = quiet.min(interval);
        if silent >= quiet || measured >= interval || perturb!(self, EarlyPing) {
            return self.probe(now, slot, fx);
        }
        // A spare connection may be used meanwhile.
        Some(now.mono + (quiet - silent).min(limits::ROUTE_PROBE_IDLE))
    }

    /// Says that we are there to a server that tells us much, on each connection on which nothing was
    /// said for some time. `id` is the watch.
    fn speak(&mut self, now: Now, id: LinkId, slots: &[u32], fx: &mut Effects) {
        let quiet = self.route_quiet();
        let links = slots.iter().filter_map(|slot| self.links.at(*slot));
        let told = links.fold(0u64, |sum, link| sum.saturating_add(link.received.bytes));
        let Some(watch) = self.links.get_mut(id) else { return };
        let (before, when) = watch.keepalive.told;
        if now.mono.since(when) < quiet / 4 {
            return;
        }
        watch.keepalive.told = (told, now.mono);
        let much = told.saturating_sub(before) >= limits::ROUTE_TOLD_MUCH_BYTES;
        for slot in slots {
            let Some(link) = self.links.at(*slot) else { continue };
            let (mute, asked) =
                (link.tx.total() == link.keepalive.said, link.keepalive.ping_sent.is_some());
            match (much && mute, asked) {
                (true, false) => _ = self.probe(now, *slot, fx),
                (true, true) => self.ping(now, *slot, fx),
                (false, _) => {}
            }
            if let Some(link) = self.links.at_mut(*slot) {
                link.keepalive.said = link.tx.total();
            }
        }
    }

    /// After how much silence a route is asked whether it is there.
    fn route_quiet(&self) -> Duration {
        let configured = self.cluster.as_ref().map(|cluster| cluster.config.ping_interval);
        configured.map_or(limits::ROUTE_PROBE_IDLE, |it| it.min(limits::ROUTE_PROBE_IDLE))
    }

    fn probe(&mut self, now: Now, slot: u32, fx: &mut Effects) -> Option<Mono> {
        self.ping(now, slot, fx);
        let moved = self.links.at(slot).map(|link| self.moved_beside(link).0);
        let alive = &mut self.links.at_mut(slot)?.keepalive;
        alive.moved_when_asked = moved;
        // However long the answer may take: if it comes early, the way may be lost right after.
        Some(now.mono + alive.suspicion().min(limits::ROUTE_PROBE_IDLE))
    }

    /// Whether the other connections with the same server are alive and have moved so much since this
    /// one was asked that its answer may wait behind that somewhere on the way.
    fn is_way_busy(&self, link: &Link) -> bool {
        let alive = &link.keepalive;
        let Some((asked, before)) = alive.ping_sent.zip(alive.moved_when_asked) else {
            return false;
        };
        let (moved, heard) = self.moved_beside(link);
        heard > asked && moved.saturating_sub(before) >= limits::ROUTE_BUSY_BYTES
    }

    /// How many bytes have come in and gone out on the other connections with the same server, and
    /// when something last came in.
    fn moved_beside(&self, link: &Link) -> (u64, Mono) {
        let lanes = self.remote_of(link).into_iter().flat_map(|remote| remote.lanes.values());
        let others = lanes.filter(|slot| **slot != link.id.slot);
        let others = others.filter_map(|slot| self.links.at(*slot));
        others.fold((0, Mono(0)), |(moved, heard), other| {
            let moved =
                other.received.bytes.saturating_add(other.tx.accepted()).saturating_add(moved);
            (moved, heard.max(other.keepalive.last_in))
        })
    }

    /// Nothing has come in since `from`, and an answer is waited for.
    fn await_answer(&mut self, now: Now, slot: u32, from: Mono, fx: &mut Effects) -> Option<Mono> {
        let link = self.links.at(slot)?;
        let (waited, alive) = (now.mono.since(from), &link.keepalive);
        let (suspicion, mut patience) = (alive.suspicion(), alive.patience());
        if waited >= patience && !alive.ping_waited && self.is_way_busy(link) {
            patience *= limits::ROUTE_PROBE_FULL;
        }
        if waited >= patience {
            self.cut_stale(now, slot, fx);
            return None;
        }
        if waited < suspicion {
            return Some(soon(now.mono, from + suspicion));
        }
        let slots = self.lanes_like(link);
        self.probe_silent(now, &slots, from, fx);
        Some(soon(now.mono, from + patience))
    }

    /// Asks on those that have been silent since `since`, when another one was asked or broke, and
    /// are not asked already. They have as long for their answers as that one, but three quarters of
    /// their own time at least, and all of it if the ping has to wait for what is in front of it.
    fn probe_silent(&mut self, now: Now, slots: &[u32], since: Mono, fx: &mut Effects) {
        for slot in slots {
            let Some(link) = self.links.at(*slot) else { continue };
            if link.keepalive.ping_sent.is_none() && link.keepalive.last_in <= since {
                let (id, behind) = (link.id, link.tx.pending());
                let next = self.probe(now, *slot, fx);
                if let Some(link) = self.links.get_mut(id).filter(|_| behind == 0) {
                    let alive = &mut link.keepalive;
                    alive.doubted = Some(since.max(now.mono - alive.suspicion()));
                }
                if let Some(next) = next {
                    self.look_by(id, next);
                }
            }
        }
    }

    /// A connection with a server is gone. If it broke, others may have broken too without a sign;
    /// and it may have been the watch.
    pub(crate) fn probe_lanes(&mut self, now: Now, remote_id: &str, broke: bool, fx: &mut Effects) {
        let remote = self.cluster.as_ref().and_then(|cluster| cluster.remotes.get(remote_id));
        let Some(remote) = remote else { return };
        let slots: Vec<u32> = remote.lanes.values().copied().collect();
        if broke {
            self.probe_silent(now, &slots, now.mono, fx);
        }
        for slot in slots {
            let Some(id) = self.links.at(slot).map(|link| link.id) else { continue };
            self.look_by(id, now.mono + STEP);
        }
    }

    /// A connection is looked at by then, if it is not sooner anyway.
    fn look_by(&mut self, id: LinkId, at: Mono) {
        let due = self.links.get(id).and_then(|link| link.keepalive.due);
        if due.is_none_or(|due| due > at) {
            self.arm_keepalive(id, at);
        }
    }
}

/// The least time between two looks at a connection.
const STEP: Duration = Duration::from_millis(1);

/// The lane that every two servers have.
const WATCH: Lane = Lane::Pool(0);

/// When to look again at one whose answer has to be there by `until`: sooner, because it may come and
/// the way be lost right after.
fn soon(now: Mono, until: Mono) -> Mono {
    until.clamp(now + STEP, now + limits::ROUTE_PROBE_IDLE)
}

/// Whether silence on this connection means little where there is a watch: it is not the watch, and
/// nothing was said on it that could be lost.
fn is_spare(link: &Link) -> bool {
    !is_watch(link) && link.tx.total() == link.keepalive.owing_from
}

/// Whether this connection is asked on behalf of all with the same server.
fn is_watch(link: &Link) -> bool {
    let watch = |route: &Route| route.stage == Stage::Registered && route.lane == Some(WATCH);
    link.route().is_some_and(watch)
}

impl KeepAlive {
    /// How long an answer may take.
    fn patience(&self) -> Duration {
        // An answer that a partition has held up says nothing about the way: patience with it would
        // be patience with the next black hole.
        let rtt = self.rtt_least.unwrap_or_default();
        let patience = limits::ROUTE_PROBE_TIMEOUT.max(rtt * limits::ROUTE_PROBE_RTTS);
        if self.ping_waited { patience * limits::ROUTE_PROBE_FULL } else { patience }
    }

    /// After how long an answer is late, so that other connections are to be asked, too.
    fn suspicion(&self) -> Duration {
        self.patience() / limits::ROUTE_SUSPICION
    }
}
