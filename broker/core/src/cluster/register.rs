//! Registration: from a finished handshake to a connection that carries traffic, and back.

use alloc::borrow::ToOwned;
use alloc::string::String;

use causeway_wire::info::Info;

use crate::cluster::gossip::{address_in, for_passing_on, own_address};
use crate::cluster::maintain::Failure;
use crate::cluster::remote::{Remote, all_connect_urls, is_causeway};
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::limits;
use crate::link::Link;
use crate::link::route::{GossipMode, Lane, Route, Stage};
use crate::node::Node;
use crate::time::{Duration, Now};
use crate::trace::TraceEvent;

/// What is new about a connection that has just been registered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// It is the first to this server.
    pub(super) first: bool,
    /// It is the first that several accounts share: to a nats-server, connections for one account
    /// are a matter of their own.
    pub(super) first_of_pool: bool,
}

impl Node {
    /// The handshake of `slot` is complete: the connection takes its lane, unless another has it
    /// and keeps it.
    pub(crate) fn register_route(
        &mut self,
        now: Now,
        slot: u32,
        lane: Lane,
        info: &Info,
        fx: &mut Effects,
    ) {
        let remote_id = info.server_id.as_str();
        if self.claimed_elsewhere(slot, remote_id, lane) {
            return self.close_duplicate(now, slot, remote_id, fx);
        }
        if self.spoke_to_another_kind(slot, info) {
            return self.close(now, slot, CloseReason::DuplicateRoute, limits::CLOSE_LINGER, fx);
        }
        if let Some(holder) = self.lane_holder(remote_id, lane) {
            if !self.newcomer_wins(now, holder, slot, info) {
                return self.close_duplicate(now, slot, remote_id, fx);
            }
            self.close_duplicate(now, holder, remote_id, fx);
        }
        let news = self.add_to_remote(slot, lane, info);
        self.remember_hearsay(slot, info);
        self.bind_target(now, slot, lane, remote_id);
        let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) else { return };
        route.stage = Stage::Registered;
        route.registered_at = now.mono;
        route.lane = Some(lane);
        let dialled = route.dialled_for.is_some();
        route.confirmed = !dialled;
        let info_sent = route.info_sent;
        let mut announced = false;
        if let Some(cluster) = &mut self.cluster {
            announced = cluster.early.remove(&slot).is_some();
            cluster.update_carriers(&self.accounts);
        }
        if !info_sent {
            self.send_route_info(slot, fx);
        }
        self.trace_registered(slot, lane, info, fx);
        if news.first {
            self.tell_clients_of_urls(fx);
        }
        self.gossip_newcomer(slot, remote_id, lane, news, fx);
        if !announced {
            self.announce_all(slot, fx);
        }
        self.buffer_route_registered(slot, info, fx);
        self.start_route_keepalive(now, slot);
        if dialled {
            // Its answer proves that the peer has registered the connection too.
            self.ping(now, slot, fx);
        }
        self.maintain_remote(now, remote_id, fx);
    }

    /// The peer has answered on a connection that we opened.
    pub(crate) fn route_confirmed(&mut self, now: Now, slot: u32, fx: &mut Effects) {
        let rtt = self.links.at(slot).and_then(|link| link.keepalive.rtt).map(|(rtt, _)| rtt);
        let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) else { return };
        if route.stage != Stage::Registered {
            return;
        }
        let newly = !core::mem::replace(&mut route.confirmed, true);
        let target = route.dialled_for;
        let remote_id = route.remote_id.clone();
        if let Some(target) = target
            && let Some(cluster) = &mut self.cluster
            && let Some(target) = cluster.targets.get_mut(&target)
            && let Some(pool) = &mut target.known_pool
        {
            pool.round_trip = rtt.or(pool.round_trip);
        }
        if newly && let Some(remote_id) = remote_id {
            let remotes = self.cluster.as_mut().map(|cluster| &mut cluster.remotes);
            if let Some(remote) = remotes.and_then(|remotes| remotes.get_mut(&remote_id)) {
                remote.confirmed = true;
            }
            self.maintain_remote(now, &remote_id, fx);
        }
    }

    /// A route link is about to end: its lane is free, and to be filled again.
    pub(crate) fn route_gone(&mut self, now: Now, slot: u32, why: CloseReason, fx: &mut Effects) {
        let Some(link) = self.links.at(slot) else { return };
        let link_id = link.id;
        let Some(route) = link.route() else { return };
        let (lane, registered) = (route.lane, route.stage == Stage::Registered);
        let (target, remote_id) = (route.dialled_for, route.remote_id.clone());
        if let Some(cluster) = &mut self.cluster
            && cluster.early.remove(&slot).is_some()
        {
            cluster.update_carriers(&self.accounts);
        }
        let heard = link.keepalive.last_in > link.start.mono;
        let refused = why == CloseReason::ParseError && !route.confirmed;
        let turned_away = why == CloseReason::ClientClosed && !route.confirmed;
        if let (Some(target), Some(lane), false) = (target, lane, registered) {
            let broke = matches!(
                why,
                CloseReason::ClientClosed | CloseReason::ReadError | CloseReason::WriteError
            );
            let failure = if remote_id.as_ref() == Some(&self.id) {
                Failure::Ourselves
            } else if why == CloseReason::DuplicateRoute && self.has_dialled(remote_id.as_deref()) {
                Failure::Superfluous
            } else if why == CloseReason::DuplicateRoute {
                Failure::Yielded
            } else if broke && !heard {
                Failure::Unreachable
            } else {
                Failure::Rejected
            };
            self.attempt_failed(now, target, lane, failure, fx);
        }
        let (Some(lane), Some(remote_id), true) = (lane, remote_id, registered) else { return };
        let Some(cluster) = &mut self.cluster else { return };
        let Some(remote) = cluster.remotes.get_mut(&remote_id) else { return };
        if remote.lanes.get(&lane) != Some(&link_id.slot) {
            return;
        }
        remote.lanes.remove(&lane);
        remote.missed_news = true;
        let (last, lame_duck) = (remote.lanes.is_empty(), remote.lame_duck);
        let gone = if last { cluster.remotes.remove(&remote_id) } else { None };
        cluster.update_carriers(&self.accounts);
        if let Some(gone) = gone {
            self.tell_of_loss(&gone, fx);
            self.forget_teller(&remote_id, lame_duck);
            self.tell_clients_of_urls(fx);
        }
        match target {
            // It refused us after it had said who it is: wrong credentials, or another name.
            Some(id) if refused => {
                if let Some(target) = self.cluster.as_mut().and_then(|c| c.targets.get_mut(&id)) {
                    target.known_pool = None;
                }
                self.attempt_failed(now, id, lane, Failure::Rejected, fx);
            }
            // It has a connection for this lane that it takes for alive, and does not know that we
            // lost it: until it finds out, every new one is a duplicate.
            Some(id) if turned_away => self.attempt_failed(now, id, lane, Failure::Yielded, fx),
            _ if why == CloseReason::DuplicateRoute => {}
            _ => self.redial(now, &remote_id, target.is_some(), fx),
        }
        // A peer that goes in order closes all of its connections.
        let broke = !matches!(
            why,
            CloseReason::ClientClosed
                | CloseReason::DuplicateRoute
                | CloseReason::ServerShutdown
                | CloseReason::RouteRemoved
        );
        self.probe_lanes(now, &remote_id, broke, fx);
    }

    /// Whether one of the connections with a server was opened by us.
    fn has_dialled(&self, remote_id: Option<&str>) -> bool {
        let remote = self.cluster.as_ref().zip(remote_id).and_then(|(c, id)| c.remotes.get(id));
        let mut slots = remote.into_iter().flat_map(|remote| remote.lanes.values());
        slots.any(|slot| self.is_route(*slot, |route| route.dialled_for.is_some()))
    }

    fn is_route(&self, slot: u32, which: impl FnOnce(&Route) -> bool) -> bool {
        self.links.at(slot).and_then(Link::route).is_some_and(which)
    }

    fn lane_holder(&self, remote_id: &str, lane: Lane) -> Option<u32> {
        self.cluster.as_ref()?.remotes.get(remote_id)?.lanes.get(&lane).copied()
    }

    /// Whether we have opened another connection for this lane and told the peer so. We claim a
    /// lane once at a time, so that a peer that gets a second claim knows that we lost the first.
    pub(crate) fn claimed_elsewhere(&self, slot: u32, remote_id: &str, lane: Lane) -> bool {
        let dialled = |link: &Link| {
            link.is_open() && link.route().is_some_and(|route| route.dialled_for.is_some())
        };
        self.links.at(slot).is_some_and(dialled)
            && self.links.iter().any(|link| {
                let claims = |route: &Route| {
                    route.info_sent
                        && route.lane == Some(lane)
                        && route.remote_id.as_deref() == Some(remote_id)
                };
                link.id.slot != slot && dialled(link) && link.route().is_some_and(claims)
            })
    }

    /// Which of two connections for one lane stays. Both sides must come to the same answer.
    ///
    /// * One was meant for another server: it does not displace any, and gives way.
    /// * The same side opened both: it has lost the first, the new one stays.
    /// * The first is old: a peer that opens another has lost it, the new one stays. If it is us who opened another,
    ///   we have not lost it: we did not know who is there, and give way as long as we have not claimed the lane.
    /// * Two servers of our kind at once: the one opened by the server with the lower id stays.
    /// * A nats-server with pooling claims a slot only after it registered the connection: its
    ///   claim stands, as it will close ours. Without pooling, and for dedicated accounts, it
    ///   claims at once: then what we already have stays.
    fn newcomer_wins(&self, now: Now, holder: u32, newcomer: u32, info: &Info) -> bool {
        let dialled = |slot| self.is_route(slot, |route| route.dialled_for.is_some());
        let stray = |slot| self.is_route(slot, |route| route.stray);
        if stray(newcomer) || stray(holder) {
            return !stray(newcomer);
        }
        let (ours_first, ours_now) = (dialled(holder), dialled(newcomer));
        if ours_first == ours_now {
            return !ours_now;
        }
        if is_causeway(info) {
            let since = self.links.at(holder).and_then(Link::route).map(|r| r.registered_at);
            let age = since.map_or(Duration::ZERO, |since| now.mono.since(since));
            if age > limits::ROUTE_RACE_WINDOW {
                return !ours_now || self.is_route(newcomer, |route| route.info_sent);
            }
            let we_are_lower = self.id < info.server_id;
            return ours_now == we_are_lower;
        }
        let claim_counts = info.route_pool_size > 0
            && info.route_account.is_empty()
            && self.cluster.as_ref().is_some_and(|cluster| cluster.config.pool_size > 0);
        !ours_now && claim_counts
    }

    pub(crate) fn close_duplicate(
        &mut self,
        now: Now,
        slot: u32,
        remote_id: &str,
        fx: &mut Effects,
    ) {
        let who = self.label(slot);
        fx.trace.push(TraceEvent::RouteDuplicate { who, remote_id: remote_id.to_owned() });
        self.close(now, slot, CloseReason::DuplicateRoute, limits::CLOSE_LINGER, fx);
    }

    /// Whether we have spoken first to a server that we took for one with pooling, and it is one
    /// without, or the other way round: what we said of our interest was not all that concerns
    /// this connection. With the next dial we know better.
    fn spoke_to_another_kind(&self, slot: u32, info: &Info) -> bool {
        let Some(cluster) = &self.cluster else { return false };
        cluster.early.get(&slot).is_some_and(|early| early.no_pool != cluster.is_without_pool(info))
    }

    /// Gives the lane to the link.
    fn add_to_remote(&mut self, slot: u32, lane: Lane, info: &Info) -> News {
        let Some(cluster) = &mut self.cluster else { return News::default() };
        let Some(link) = self.links.at(slot) else { return News::default() };
        let no_pool = cluster.is_without_pool(info);
        let theirs = u32::try_from(info.route_pool_size).unwrap_or(0);
        let pool_size = if no_pool { 1 } else { theirs.max(cluster.config.pool_size) };
        let first = !cluster.remotes.contains_key(&info.server_id);
        let remote = cluster.remotes.entry(info.server_id.clone()).or_insert_with(|| {
            let address = own_address(info, link.peer).unwrap_or_default();
            Remote {
                info: for_passing_on(info, &address),
                pool_size,
                no_pool,
                lanes: Default::default(),
                confirmed: false,
                lame_duck: info.ldm,
                missed_news: false,
            }
        });
        remote.pool_size = pool_size;
        remote.no_pool = no_pool;
        let is_pool = |lane: &Lane| matches!(lane, Lane::Pool(_));
        let first_of_pool = is_pool(&lane) && !remote.lanes.keys().any(is_pool);
        remote.lanes.insert(lane, slot);
        // Who dialled us registered the connection before it said what it is for.
        remote.confirmed |= link.route().is_some_and(|route| route.dialled_for.is_none());
        News { first, first_of_pool }
    }

    /// A peer that dialled us because it was told of us must be found again by us, too: we may
    /// not have been told of it, and a nats-server dials such a peer only once.
    fn remember_hearsay(&mut self, slot: u32, info: &Info) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(link) = self.links.at(slot) else { return };
        let dialled = link.route().is_some_and(|route| route.dialled_for.is_some());
        let was_told = GossipMode::from_wire(info.gossip_mode) != GossipMode::Default;
        if dialled || !was_told || !cluster.targets.of(&info.server_id).is_empty() {
            return;
        }
        let Some(address) = own_address(info, link.peer) else { return };
        let target = match cluster.hearsay_of(&info.server_id, &address) {
            Some(known) => known,
            None if cluster.targets.is_configured(&address) => return,
            None if cluster.targets.len() >= limits::GOSSIPED_PEERS => return,
            None => cluster.add_target(address, None, false),
        };
        cluster.targets.lead_to(target, Some(info.server_id.clone()));
    }

    /// A target is reached, by our own dial or by the peer's.
    fn bind_target(&mut self, now: Now, slot: u32, lane: Lane, remote_id: &str) {
        let at_work = self.has_dialled(Some(remote_id));
        let Some(cluster) = &mut self.cluster else { return };
        let Some(remote) = cluster.remotes.get(remote_id) else { return };
        let pool = (remote.pool_size, remote.no_pool);
        let address = address_in(&remote.info);
        let dialled_for = self.links.at(slot).and_then(Link::route).and_then(|r| r.dialled_for);
        if let Some(id) = dialled_for
            && let Some(target) = cluster.targets.get_mut(&id)
        {
            target.attempts.remove(&lane);
            cluster.targets.lead_to(id, Some(remote_id.to_owned()));
        }
        for id in cluster.targets.of(remote_id).to_vec() {
            let Some(target) = cluster.targets.get_mut(&id) else { continue };
            // What was measured before stays.
            let known = target.known_pool.get_or_insert_default();
            (known.size, known.no_pool) = pool;
            target.reachable = true;
            target.failures = 0;
            target.failing_since = None;
            target.remote_address.clone_from(&address);
            if dialled_for.is_some() {
                // We are at work, whatever the other side has begun: the other lanes follow.
                target.not_before = None;
            } else if !at_work {
                // The other side is.
                target.not_before = Some(now.mono + limits::ROUTE_YIELD);
            }
        }
    }

    fn trace_registered(&mut self, slot: u32, lane: Lane, info: &Info, fx: &mut Effects) {
        let who = self.label(slot);
        let (pool_index, account) = match lane {
            Lane::Pool(index) => (Some(index), None),
            Lane::Account(id) => (None, Some(self.accounts.get(id).name.clone())),
        };
        fx.trace.push(TraceEvent::RouteRegistered {
            who,
            remote_id: info.server_id.clone(),
            remote_name: info.server_name.clone(),
            pool_index,
            account,
        });
    }

    /// Servers have come or gone: clients may want to know where else they can connect.
    pub(crate) fn tell_clients_of_urls(&mut self, fx: &mut Effects) {
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.config.no_advertise {
            return;
        }
        cluster.urls_told |=
            cluster.remotes.values().any(|remote| !remote.connect_urls().is_empty());
        if cluster.urls_told {
            self.broadcast_client_info(fx);
        }
    }

    /// Where clients can connect to this cluster. Empty if there is none or it is not to be told,
    /// and, as in nats-server, before any other server has come.
    pub(crate) fn connect_urls(&self) -> alloc::vec::Vec<String> {
        let Some(cluster) = &self.cluster else { return Default::default() };
        if cluster.config.no_advertise || !cluster.urls_told {
            return Default::default();
        }
        let own: &[String] = if self.lame_duck.is_some() { &[] } else { &self.config.client_urls };
        all_connect_urls(own, cluster.remotes.values())
    }

    /// Closes a route at once: nothing on it is worth waiting for.
    pub(crate) fn drop_route(&mut self, now: Now, slot: u32, why: CloseReason, fx: &mut Effects) {
        self.close(now, slot, why, Duration::ZERO, fx);
    }
}
