//! Keeping the mesh: which connections are missing, and when to dial them.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::account::Accounts;
use crate::cluster::target::{Attempt, Dial, Target, TargetId};
use crate::config::HostPort;
use crate::effects::{Effects, LinkCmd};
use crate::ids::DialId;
use crate::limits;
use crate::link::Link;
use crate::link::route::Lane;
use crate::node::Node;
use crate::rng::Stream;
use crate::time::{Duration, Mono, Now};
use crate::timers::Due;
use crate::trace::TraceEvent;

/// How an attempt to reach a target ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// Nobody there, or nobody who speaks: worth another try soon.
    Unreachable,
    /// There is somebody, and one of us does not want the other: no hurry.
    Rejected,
    /// The peer's own connection won; it is about to open the other lanes too.
    Yielded,
    /// We have opened another connection for this, perhaps under another address: what is still missing is up to us.
    Superfluous,
    /// It was this server itself.
    Ourselves,
}

impl Node {
    /// Dials what is missing of a target, or sets the timer for it.
    pub(crate) fn maintain_target(&mut self, now: Now, id: TargetId, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let dials = cluster.dials_wanted(&self.accounts, id);
        if dials.is_empty() || cluster.leaving {
            return;
        }
        let peer = self.reached_at(id);
        let Some(cluster) = &mut self.cluster else { return };
        let Some(target) = cluster.targets.get_mut(&id) else { return };
        if let Some(at) = target.not_before
            && at > now.mono
        {
            self.timers.arm(at, Due::Target(id));
            return;
        }
        target.not_before = None;
        let address = peer.unwrap_or_else(|| target.address.clone());
        for (lane, timeout) in dials {
            cluster.next_dial += 1;
            let dial = DialId(cluster.next_dial);
            let until = now.mono + timeout;
            cluster.dials.insert(dial, Dial { target: id, lane, until });
            target.attempts.insert(lane, Attempt::Dialling(dial));
            fx.links.push(LinkCmd::Dial {
                dial,
                host: address.host.clone(),
                port: address.port,
                timeout,
            });
        }
    }

    /// Where the connections that we have to a target lead. Its other lanes are dialled there: its
    /// name may stand for several servers, and each lane would reach another.
    fn reached_at(&self, id: TargetId) -> Option<HostPort> {
        let ours = |link: &&Link| {
            link.is_open() && link.route().is_some_and(|route| route.dialled_for == Some(id))
        };
        let peer = self.links.iter().find(ours)?.peer;
        Some(HostPort { host: peer.ip().to_canonical().to_string(), port: peer.port() })
    }

    /// Dials what is missing of a server, wherever we know to find it.
    pub(crate) fn maintain_remote(&mut self, now: Now, remote_id: &str, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let targets = cluster.targets.of(remote_id).to_vec();
        for target in targets {
            self.maintain_target(now, target, fx);
        }
    }

    /// Looks after all targets: at the start, and after a reload.
    pub(crate) fn maintain_all(&mut self, now: Now, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let targets: Vec<TargetId> = cluster.targets.iter().map(|(id, _)| id).collect();
        for target in targets {
            self.maintain_target(now, target, fx);
        }
    }

    /// A target's time has come.
    pub(crate) fn target_due(&mut self, now: Now, at: Mono, id: TargetId, fx: &mut Effects) {
        let target = self.cluster.as_ref().and_then(|cluster| cluster.targets.get(&id));
        if target.is_some_and(|target| target.not_before.is_none_or(|due| due <= at)) {
            self.maintain_target(now, id, fx);
        }
    }

    /// A dial came to nothing.
    pub(crate) fn dial_failed(&mut self, now: Now, dial: DialId, error: &str, fx: &mut Effects) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(Dial { target: id, lane, until }) = cluster.finish_dial(dial) else { return };
        if let Some(target) = cluster.targets.get_mut(&id) {
            target.timeouts = if now.mono < until { 0 } else { target.timeouts.wrapping_add(1) };
        }
        self.attempt_failed(now, id, lane, Failure::Unreachable, fx);
        let target = self.cluster.as_ref().and_then(|cluster| cluster.targets.get(&id));
        if let Some(target) = target.filter(|target| target.worth_reporting()) {
            fx.trace.push(TraceEvent::DialFailed {
                host: target.address.host.clone(),
                port: target.address.port,
                attempt: target.failures,
                error: error.to_owned(),
            });
        }
    }

    /// A name stands for nobody but this server.
    pub(crate) fn dialled_itself(&mut self, now: Now, dial: DialId, fx: &mut Effects) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(Dial { target, lane, .. }) = cluster.finish_dial(dial) else { return };
        self.attempt_failed(now, target, lane, Failure::Ourselves, fx);
    }

    /// An attempt ended without a registered connection: when to try again.
    pub(super) fn attempt_failed(
        &mut self,
        now: Now,
        id: TargetId,
        lane: Lane,
        failure: Failure,
        fx: &mut Effects,
    ) {
        // Two servers that keep closing each other's connections must fall out of step.
        let spread = match failure {
            Failure::Unreachable | Failure::Superfluous => limits::ROUTE_REDIAL_JITTER,
            Failure::Rejected | Failure::Yielded | Failure::Ourselves => limits::ROUTE_YIELD,
        };
        let mut jitter = self.rng.span(Stream::DialJitter, spread);
        let late = perturb!(self, DialLate);
        if late {
            jitter = spread;
        }
        if !late && perturb!(self, DialInStep) {
            jitter = Duration::ZERO;
        }
        let Some(cluster) = &mut self.cluster else { return };
        let (backoff, standing) = (cluster.config.connect_backoff, cluster.standing(id));
        let Some(target) = cluster.targets.get_mut(&id) else { return };
        target.attempts.remove(&lane);
        target.reachable &= failure != Failure::Unreachable;
        if matches!(failure, Failure::Unreachable | Failure::Rejected) {
            target.failures = target.failures.saturating_add(1);
            target.failing_since.get_or_insert(now.mono);
            if target.is_to_be_forgotten(now.mono, standing) {
                cluster.targets.remove(&id);
                return;
            }
        }
        let pause = match failure {
            Failure::Unreachable => target.pause(now.mono, backoff, standing),
            Failure::Rejected => {
                target.pause(now.mono, backoff, standing).max(limits::ROUTE_RECONNECT)
            }
            Failure::Yielded => limits::ROUTE_YIELD / 2,
            Failure::Superfluous => limits::ROUTE_SUPERFLUOUS_PAUSE,
            Failure::Ourselves => {
                target.known_pool = None;
                target.is_self = !target.is_name();
                cluster.targets.lead_to(id, None);
                limits::ROUTE_SELF_RECHECK
            }
        };
        self.delay_target(now, id, pause + jitter, fx);
    }

    /// There is somebody behind a target: the other lanes may follow.
    pub(crate) fn somebody_spoke(&mut self, now: Now, id: TargetId, fx: &mut Effects) {
        let target = self.cluster.as_mut().and_then(|cluster| cluster.targets.get_mut(&id));
        if let Some(target) = target.filter(|target| !target.reachable) {
            target.reachable = true;
            target.not_before = None;
            self.maintain_target(now, id, fx);
        }
    }

    /// A target has answered a dial. A door may open with nobody behind it: until somebody has spoken, the next lane is
    /// tried after a pause.
    pub(crate) fn dial_answered(&mut self, now: Now, id: TargetId, fx: &mut Effects) {
        let target = self.cluster.as_ref().and_then(|cluster| cluster.targets.get(&id));
        match target.is_some_and(|target| target.reachable) {
            true => self.maintain_target(now, id, fx),
            false => self.delay_target(now, id, limits::ROUTE_REDIAL_PAUSE, fx),
        }
    }

    /// Lets a target wait.
    pub(super) fn delay_target(
        &mut self,
        now: Now,
        id: TargetId,
        pause: Duration,
        fx: &mut Effects,
    ) {
        let target = self.cluster.as_mut().and_then(|cluster| cluster.targets.get_mut(&id));
        if let Some(target) = target {
            target.not_before = Some(now.mono + pause);
            self.maintain_target(now, id, fx);
        }
    }

    /// A server that we had connections with is gone, or one of them is: come back soon if it was
    /// us who dialled, else give the other side the first go.
    pub(super) fn redial(&mut self, now: Now, remote_id: &str, we_dialled: bool, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let targets = cluster.targets.of(remote_id).to_vec();
        for id in targets {
            let jitter = self.rng.span(Stream::DialJitter, limits::ROUTE_REDIAL_JITTER);
            let pause = if we_dialled { jitter } else { limits::ROUTE_YIELD + jitter };
            self.delay_target(now, id, pause, fx);
        }
    }

    /// A peer is gone: one lane looks for it before the others. What only it had told us of is no
    /// longer listed, what we were told of it is old news, and a lame duck does not come back under
    /// its address.
    pub(super) fn forget_teller(&mut self, remote_id: &str, lame_duck: bool) {
        let Some(cluster) = &mut self.cluster else { return };
        for target in cluster.targets.values_mut() {
            target.told_by.remove(remote_id);
            target.reachable &= target.remote_id() != Some(remote_id);
            if target.told_id.as_deref() == Some(remote_id) {
                target.told_id = None;
            }
        }
        if lame_duck {
            for id in cluster.targets.of(remote_id).to_vec() {
                if cluster.targets.get(&id).is_some_and(|target| !target.explicit) {
                    cluster.targets.remove(&id);
                }
            }
        }
    }
}

impl super::Cluster {
    /// The lanes of a target that are to be dialled now, and how long each dial may take.
    fn dials_wanted(&self, accounts: &Accounts, id: TargetId) -> Vec<(Lane, Duration)> {
        let Some(target) = self.targets.get(&id).filter(|target| !target.is_self) else {
            return Vec::new();
        };
        let remote = target.remote_id().and_then(|id| self.remotes.get(id));
        if self.is_left_to_another(id, target, remote.is_some()) {
            return Vec::new();
        }
        let missing = match (remote, target.known_pool) {
            (Some(remote), _) if !remote.confirmed => Vec::new(),
            (Some(remote), _) => {
                let mut lanes = self.lanes(accounts, remote.pool_size, remote.no_pool);
                lanes.retain(|lane| !remote.lanes.contains_key(lane));
                lanes
            }
            // It was here before.
            (None, Some(pool)) => self.lanes(accounts, pool.size, pool.no_pool),
            (None, None) if target.attempts.is_empty() => alloc::vec![Lane::Pool(0)],
            (None, None) => Vec::new(),
        };
        target.to_dial(missing)
    }

    /// Whether another target leads to the same server, or to the same address behind which nobody
    /// is: only one of them is dialled.
    fn is_left_to_another(&self, id: TargetId, target: &Target, connected: bool) -> bool {
        if let Some(remote_id) = target.remote_id()
            && self.responsible_target(remote_id) != Some(id)
        {
            return true;
        }
        !connected
            && self.targets.at(&target.address).any(|(other, twin)| {
                let gone = |id: &str| !self.remotes.contains_key(id);
                (!twin.explicit, other) < (!target.explicit, id)
                    && !twin.is_self
                    && twin.remote_id().is_none_or(gone)
            })
    }

    /// Of several addresses of one server, the one that is dialled: a configured one if there is.
    fn responsible_target(&self, remote_id: &str) -> Option<TargetId> {
        let explicit = |id| self.targets.get(id).is_some_and(|target| target.explicit);
        self.targets.of(remote_id).iter().min_by_key(|id| (!explicit(id), **id)).copied()
    }
}
