//! Targets: addresses that we want a server behind.

mod table;

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::cluster::Cluster;
use crate::cluster::remote::Remote;
use crate::config::{HostPort, RouteAuth};
use crate::ids::{DialId, LinkId};
use crate::limits;
use crate::link::route::{GossipMode, Lane};
use crate::time::{Duration, Mono};
pub(crate) use table::Targets;

/// A target of this node; counts up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TargetId(pub(crate) u64);

/// An address that we want a server behind, and what is being done about it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: HostPort,
    pub(crate) auth: Option<RouteAuth>,
    /// Configured: dialled for ever. Otherwise learnt from peers.
    pub(crate) explicit: bool,
    /// The server that was behind it when we last looked. The table has an index of it.
    remote_id: Option<String>,
    /// Where that server says it can be dialled, which is not always `address`: a name may stand
    /// for a whole region.
    pub(crate) remote_address: Option<HostPort>,
    /// That server's pool, remembered for when it comes back.
    pub(crate) known_pool: Option<KnownPool>,
    /// Peers that told us of it, are still connected, and have not said that they lost it.
    pub(crate) told_by: BTreeSet<String>,
    /// The server id that we were told of, until we have had it and lost it again.
    pub(crate) told_id: Option<String>,
    pub(crate) gossip_mode: GossipMode,
    /// It is the address of this server itself: never dialled again.
    pub(crate) is_self: bool,
    /// Somebody has spoken since nobody did, or we have connections with it: all lanes are dialled at
    /// once. Otherwise one goes first.
    pub(crate) reachable: bool,
    /// Attempts under way, by lane.
    pub(crate) attempts: BTreeMap<Lane, Attempt>,
    /// Attempts that failed since the last one that registered.
    pub(crate) failures: u32,
    /// Dials in a row that took too long: nobody refused them.
    pub(crate) timeouts: u32,
    /// When the first of the failures was.
    pub(crate) failing_since: Option<Mono>,
    /// Not before this; a timer that fires at another time is outdated.
    pub(crate) not_before: Option<Mono>,
}

/// What is remembered of a server's pool.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct KnownPool {
    pub(crate) size: u32,
    pub(crate) no_pool: bool,
    /// The last round trip measured.
    pub(crate) round_trip: Option<Duration>,
    /// The least one ever: how far away it is, whatever held up other answers.
    pub(crate) round_trip_least: Option<Duration>,
}

/// What speaks for a target while it cannot be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// It is configured, or a peer says that it has a route to it now.
    Wanted,
    /// We cannot know: there are nats-servers, which do not say when they lose a route, or there
    /// is nobody to tell us.
    Unsure,
    /// Nobody has a route to it.
    Absent,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    Dialling(DialId),
    Handshake(LinkId),
}

/// A dial under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial {
    pub(crate) target: TargetId,
    pub(crate) lane: Lane,
    /// When it has taken too long.
    pub(crate) until: Mono,
}

impl Target {
    pub(crate) fn new(address: HostPort, auth: Option<RouteAuth>, explicit: bool) -> Self {
        Self {
            address,
            auth,
            explicit,
            remote_id: None,
            remote_address: None,
            known_pool: None,
            told_by: BTreeSet::new(),
            told_id: None,
            gossip_mode: GossipMode::Default,
            is_self: false,
            reachable: false,
            attempts: BTreeMap::new(),
            failures: 0,
            timeouts: 0,
            failing_since: None,
            not_before: None,
        }
    }

    /// The server that was behind it when we last looked.
    pub(crate) fn remote_id(&self) -> Option<&str> {
        self.remote_id.as_deref()
    }

    /// Of the lanes that are missing, the most wanted first, those to be dialled now, and how long
    /// each dial may take.
    ///
    /// All at once if there is somebody. Otherwise one looks for it, with a time-out that notices
    /// soon when a silent partition is over. Now and then one looks with patience, because the way
    /// may have become longer than it was: a second one if there is one.
    pub(crate) fn to_dial(&self, mut missing: Vec<Lane>) -> Vec<(Lane, Duration)> {
        missing.retain(|lane| !matches!(self.attempts.get(lane), Some(Attempt::Handshake(_))));
        let round = limits::ROUTE_PATIENT_DIALS;
        let patient = !self.reachable && self.timeouts % round == round - 1;
        if !self.reachable {
            missing.truncate(if patient { 2 } else { 1 });
        }
        let last = missing.len().saturating_sub(1);
        let timeout = |place: usize| match patient && place == last {
            true => limits::ROUTE_DIAL_TIMEOUT,
            false => self.dial_timeout(),
        };
        let timed = missing.into_iter().enumerate().map(|(place, lane)| (lane, timeout(place)));
        timed.filter(|(lane, _)| !self.attempts.contains_key(lane)).collect()
    }

    /// For one dial: long enough for the latency that we know, short enough to notice soon that a
    /// silent partition is over.
    fn dial_timeout(&self) -> Duration {
        match self.known_pool.and_then(|pool| pool.round_trip) {
            None => limits::ROUTE_DIAL_TIMEOUT,
            Some(rtt) => {
                (rtt * 4).clamp(limits::ROUTE_REDIAL_TIMEOUT_MIN, limits::ROUTE_DIAL_TIMEOUT)
            }
        }
    }

    /// The pause after a failed attempt. Short at first, so that traffic flows again as soon as a
    /// link does; then up to a second while the server is wanted. One that has perhaps left for
    /// good is dialled the less often the longer it has been away.
    pub(crate) fn pause(&self, now: Mono, backoff: bool, standing: Standing) -> Duration {
        let (least, most) = (limits::ROUTE_REDIAL_PAUSE, limits::ROUTE_RECONNECT_MAX);
        match standing {
            Standing::Wanted => {
                let doublings = self.failures.saturating_sub(limits::ROUTE_QUICK_REDIALS).min(16);
                (least * (1 << doublings)).min(if backoff { most } else { limits::ROUTE_RECONNECT })
            }
            Standing::Unsure => (self.away(now) / limits::ROUTE_ABSENCE_SHARE).clamp(least, most),
            Standing::Absent => self.away(now).clamp(least, most),
        }
    }

    /// Whether it has been away for so long that it is not worth remembering.
    pub(crate) fn is_to_be_forgotten(&self, now: Mono, standing: Standing) -> bool {
        match standing {
            Standing::Wanted => false,
            Standing::Unsure => self.away(now) > limits::ROUTE_FORGET_UNSURE,
            Standing::Absent => self.away(now) > limits::ROUTE_FORGET,
        }
    }

    /// For how long attempts have failed.
    fn away(&self, now: Mono) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether the name may stand for other servers tomorrow.
    pub(crate) fn is_name(&self) -> bool {
        self.address.host.parse::<IpAddr>().is_err()
    }

    /// Whether the failure of this attempt should reach the log: the first, then ever fewer.
    pub(crate) const fn worth_reporting(&self) -> bool {
        self.failures.is_power_of_two() || self.failures.is_multiple_of(512)
    }
}

impl Cluster {
    pub(crate) fn add_target(
        &mut self,
        address: HostPort,
        auth: Option<RouteAuth>,
        explicit: bool,
    ) -> TargetId {
        self.next_target += 1;
        let id = TargetId(self.next_target);
        self.targets.insert(id, Target::new(address, auth, explicit));
        id
    }

    /// A target turns out to lead to this server. If it led to another before (its name stands for
    /// several), that one gets a target of its own, if it has none. Gives back whom it led to
    /// before: other targets are responsible for it from now on.
    pub(crate) fn found_behind(
        &mut self,
        id: TargetId,
        server_id: &str,
        address: Option<HostPort>,
    ) -> Option<String> {
        let target = self.targets.get_mut(&id)?;
        if target.remote_id.as_deref() == Some(server_id) {
            return None;
        }
        // A server that has come back under another id is not another server.
        let elsewhere = target.remote_address != address;
        let address = core::mem::replace(&mut target.remote_address, address);
        target.known_pool = None;
        let before = self.targets.lead_to(id, Some(server_id.to_owned()))?;
        if let Some(address) = address.filter(|_| elsewhere)
            && self.targets.of(&before).is_empty()
            && !self.targets.is_configured(&address)
            && self.targets.len() < limits::GOSSIPED_PEERS
        {
            let lost = self.add_target(address, None, false);
            self.targets.lead_to(lost, Some(before.clone()));
        }
        Some(before)
    }

    /// What speaks for a target.
    pub(super) fn standing(&self, id: TargetId) -> Standing {
        let Some(target) = self.targets.get(&id) else { return Standing::Absent };
        let says_so = |peer| self.remotes.get(peer).is_some_and(Remote::is_causeway);
        if target.explicit || target.told_by.iter().any(says_so) {
            Standing::Wanted
        } else if !self.remotes.is_empty() && self.remotes.values().all(Remote::is_causeway) {
            Standing::Absent
        } else {
            Standing::Unsure
        }
    }

    /// A dial is over, one way or the other: what it was for.
    pub(crate) fn finish_dial(&mut self, dial: DialId) -> Option<Dial> {
        self.dials.remove(&dial)
    }

    /// A round trip to a server was less than any before it on its connection.
    pub(crate) fn note_round_trip(&mut self, server_id: &str, rtt: Duration) {
        for id in self.targets.of(server_id).to_vec() {
            let target = self.targets.get_mut(&id);
            if let Some(pool) = target.and_then(|target| target.known_pool.as_mut()) {
                let least = pool.round_trip_least.map_or(rtt, |least| least.min(rtt));
                pool.round_trip_least = Some(least);
            }
        }
    }

    /// The least round trip to a server that was ever measured.
    pub(crate) fn least_round_trip(&self, server_id: &str) -> Option<Duration> {
        let targets = self.targets.of(server_id).iter();
        let known = targets.filter_map(|id| self.targets.get(id)?.known_pool);
        known.filter_map(|pool| pool.round_trip_least).min()
    }
}
