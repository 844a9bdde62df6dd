//! Targets: addresses that we want a server behind.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use crate::cluster::Cluster;
use crate::config::{HostPort, RouteAuth};
use crate::ids::{DialId, LinkId};
use crate::limits;
use crate::link::route::{GossipMode, Lane};
use crate::time::{Duration, Mono};

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
    /// The server that was behind it when we last looked.
    pub(crate) remote_id: Option<String>,
    /// Where that server says it can be dialled, which is not always `address`: a name may stand
    /// for a whole region.
    pub(crate) remote_address: Option<HostPort>,
    /// That server's pool, remembered for when it comes back.
    pub(crate) known_pool: Option<KnownPool>,
    /// Peers that told us of it and are still connected.
    pub(crate) told_by: BTreeSet<String>,
    pub(crate) gossip_mode: GossipMode,
    /// It is this server itself.
    pub(crate) is_self: bool,
    /// Attempts under way, by lane.
    pub(crate) attempts: BTreeMap<Lane, Attempt>,
    /// Attempts that failed since the last one that registered.
    pub(crate) failures: u32,
    /// When the first of these failed.
    pub(crate) failing_since: Option<Mono>,
    /// Not before this; a timer that fires at another time is outdated.
    pub(crate) not_before: Option<Mono>,
}

/// What is remembered of a server's pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KnownPool {
    pub(crate) size: u32,
    pub(crate) no_pool: bool,
    pub(crate) round_trip: Option<Duration>,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    Dialling(DialId),
    Handshake(LinkId),
}

impl Target {
    /// For one dial: long enough for the link's latency, short enough to notice soon that a
    /// silent partition is over.
    pub(crate) fn dial_timeout(&self) -> Duration {
        match self.known_pool.and_then(|pool| pool.round_trip) {
            None => limits::ROUTE_DIAL_TIMEOUT,
            Some(rtt) => {
                (rtt * 4).clamp(limits::ROUTE_REDIAL_TIMEOUT_MIN, limits::ROUTE_DIAL_TIMEOUT)
            }
        }
    }

    /// The pause after a failed attempt. Short at first, so that traffic flows again as soon as a
    /// link does; up to a second while somebody lists the server; longer if nobody does.
    pub(crate) fn pause(&self, backoff: bool, listed: bool) -> Duration {
        let doublings = self.failures.saturating_sub(limits::ROUTE_QUICK_REDIALS).min(16);
        let grown = limits::ROUTE_REDIAL_PAUSE * (1 << doublings);
        let most = match (backoff, self.explicit || listed) {
            (false, true) => limits::ROUTE_RECONNECT,
            (true, _) | (_, false) => limits::ROUTE_RECONNECT_MAX,
        };
        grown.min(most)
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
        let target = Target {
            address,
            auth,
            explicit,
            remote_id: None,
            remote_address: None,
            known_pool: None,
            told_by: BTreeSet::new(),
            gossip_mode: GossipMode::Default,
            is_self: false,
            attempts: BTreeMap::new(),
            failures: 0,
            failing_since: None,
            not_before: None,
        };
        self.targets.insert(id, target);
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
        let before = target.remote_id.replace(server_id.into());
        let address = core::mem::replace(&mut target.remote_address, address);
        target.known_pool = None;
        let before = before?;
        if let Some(address) = address
            && self.targets_of(&before).next().is_none()
            && !self.is_configured(&address)
            && self.targets.len() < limits::GOSSIPED_PEERS
        {
            let lost = self.add_target(address, None, false);
            if let Some(lost) = self.targets.get_mut(&lost) {
                lost.remote_id = Some(before.clone());
            }
        }
        Some(before)
    }

    /// A dial is over, one way or the other: what it was for.
    pub(crate) fn finish_dial(&mut self, dial: DialId) -> Option<(TargetId, Lane)> {
        self.dials.remove(&dial)
    }

    /// The targets behind which this server is.
    pub(crate) fn targets_of(&self, remote_id: &str) -> impl Iterator<Item = TargetId> {
        self.targets
            .iter()
            .filter(move |(_, target)| target.remote_id.as_deref() == Some(remote_id))
            .map(|(id, _)| *id)
    }

    /// Whether the address is that of a configured route.
    pub(crate) fn is_configured(&self, address: &HostPort) -> bool {
        self.targets.values().any(|target| {
            target.explicit
                && target.address.port == address.port
                && target.address.host.eq_ignore_ascii_case(&address.host)
        })
    }
}
