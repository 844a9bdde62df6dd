//! A connection is up: it becomes a link.

use alloc::boxed::Box;
use core::net::SocketAddr;

use causeway_wire::error_text;

use crate::cluster::target::{Attempt, Dial};
use crate::config::ClientAuth;
use crate::effects::{Effects, LinkCmd};
use crate::fault::CloseReason;
use crate::ids::{DialId, LinkId};
use crate::input::Origin;
use crate::link::client::{Client, Phase};
use crate::link::route::{Lane, Route, Stage};
use crate::link::{Hold, Link, Role};
use crate::node::Node;
use crate::time::{Duration, Now};
use crate::timers::Due;
use crate::trace::TraceEvent;

impl Node {
    pub(super) fn opened(
        &mut self,
        now: Now,
        id: LinkId,
        origin: Origin,
        peer: SocketAddr,
        fx: &mut Effects,
    ) {
        let role = match origin {
            Origin::Client => Some(Role::Client(Box::new(Client::new(self.first_phase())))),
            Origin::Route if self.cluster.is_some() => {
                Some(Role::Route(Box::new(Route::new(Stage::AwaitConnect, None))))
            }
            Origin::Route => None,
            Origin::Dialled(dial) => self.dialled(id, dial),
        };
        let Some(role) = role.filter(|_| !self.stopping) else {
            fx.links.push(LinkCmd::Close { link: id, linger: Duration::ZERO });
            return;
        };
        self.last_cid += 1;
        let link = Link::new(id, self.last_cid, peer, now, role);
        if !self.links.insert(link) {
            // The host gave a slot that is in use: nothing sensible can be done but refuse.
            fx.links.push(LinkCmd::Close { link: id, linger: Duration::ZERO });
            return;
        }
        match origin {
            Origin::Client => self.client_opened(now, id, fx),
            Origin::Route | Origin::Dialled(_) => self.route_opened(now, id, fx),
        }
    }

    fn first_phase(&self) -> Phase {
        match &self.config.auth {
            ClientAuth::Open | ClientAuth::Users { no_auth_user: Some(_), .. } => Phase::Open,
            ClientAuth::Token(_) | ClientAuth::Users { .. } => Phase::AwaitingConnect,
        }
    }

    fn client_opened(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        self.stats.connections += 1;
        self.stats.total_connections += 1;
        self.trace_opened(id, fx);
        self.greet_client(id.slot, fx);
        let over = self.config.limits.max_connections.is_some_and(|m| self.stats.connections > m);
        if over {
            let text = error_text::MAXIMUM_CONNECTIONS_EXCEEDED;
            return self.fail(now, id.slot, text, CloseReason::MaxConnectionsExceeded, fx);
        }
        if self.first_phase() == Phase::AwaitingConnect {
            self.timers.arm(now.mono + self.config.auth_timeout, Due::Handshake(id));
        }
        self.restart_client_keepalive(now, id);
        if let Some(link) = self.links.get_mut(id) {
            // Only CONNECT tells how far away the client is.
            link.keepalive.rtt = None;
        }
    }

    fn route_opened(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        self.stats.routes += 1;
        self.trace_opened(id, fx);
        if self.awaits_buffers() {
            self.hold(id, Hold::Starting);
            fx.links.push(LinkCmd::PauseRead { link: id });
            self.buffers.iter_mut().for_each(|buffers| buffers.admit_later(id));
        } else {
            self.begin_route(now, id, fx);
        }
    }

    /// Whoever is at the other end is greeted.
    pub(crate) fn begin_route(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        self.greet_route(now, id, fx);
        let target = self.links.get(id).and_then(Link::route).and_then(|r| r.dialled_for);
        if let Some(target) = target {
            self.dial_answered(now, target, fx);
        }
    }

    /// The outcome of a dial becomes the lane that it was for; `None` if nobody wants it any more.
    fn dialled(&mut self, id: LinkId, dial: DialId) -> Option<Role> {
        let cluster = self.cluster.as_mut()?;
        let Dial { target: target_id, lane, .. } = cluster.finish_dial(dial)?;
        let target = cluster.targets.get_mut(&target_id)?;
        target.timeouts = 0;
        target.attempts.insert(lane, Attempt::Handshake(id));
        let mut route = Route::new(Stage::AwaitInfo, Some(target_id));
        route.lane = Some(lane);
        route.explicit = target.explicit;
        route.gossip_mode = target.gossip_mode;
        if let Lane::Account(account) = lane {
            route.account = Some(account);
        }
        Some(Role::Route(Box::new(route)))
    }

    fn trace_opened(&mut self, id: LinkId, fx: &mut Effects) {
        if fx.trace_mask.debug {
            let who = self.label(id.slot);
            fx.trace.push(TraceEvent::LinkOpened { who });
        }
    }
}
