//! The handshake of a route: CONNECT and INFO, checked.

use alloc::format;
use alloc::string::String;

use causeway_wire::connect::RouteConnect;
use causeway_wire::error_text;
use causeway_wire::info::Info;

use crate::cluster::{Early, Remote, own_address};
use crate::config::RouteAuth;
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::limits;
use crate::link::Link;
use crate::link::client::equal_in_constant_time;
use crate::link::route::{Lane, Stage};
use crate::node::Node;
use crate::time::{Duration, Now};
use crate::timers::Due;

impl Node {
    /// The first words on a route link.
    pub(crate) fn greet_route(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let slot = id.slot;
        let Some(cluster) = &self.cluster else { return };
        let Some(route) = self.links.get(id).and_then(Link::route) else { return };
        let timeout = match route.dialled_for {
            None if cluster.config.auth.is_some() => cluster.config.auth_timeout,
            _ => limits::ROUTE_HANDSHAKE_TIMEOUT,
        };
        self.timers.arm(now.mono + timeout, Due::Handshake(id));
        let Some(target) = route.dialled_for.and_then(|id| cluster.targets.get(&id)) else {
            return self.send_route_info(slot, fx);
        };
        let (expected, pool, lane) =
            (target.remote_id().map(String::from), target.known_pool, route.lane);
        match (expected, pool, lane) {
            (Some(expected), Some(pool), Some(lane)) => {
                let early = Early { lane, no_pool: pool.no_pool };
                self.speak_first(now, slot, expected, early, fx);
            }
            _ => self.send_route_connect(slot, "", fx),
        }
    }

    /// There is nothing to learn first from a peer that we know: we claim the lane and tell it of
    /// our interest at once, which saves a round trip after an outage. There may be another server
    /// now, as a name stands for several, and servers come back under new ids. CONNECT says whom
    /// we mean; a claim that reaches another displaces no connection.
    fn speak_first(
        &mut self,
        now: Now,
        slot: u32,
        expected: String,
        early: Early,
        fx: &mut Effects,
    ) {
        if let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) {
            route.remote_id = Some(expected.clone());
        }
        if self.claimed_elsewhere(slot, &expected, early.lane) {
            return self.close_duplicate(now, slot, &expected, fx);
        }
        self.send_route_connect(slot, &expected, fx);
        self.send_route_info(slot, fx);
        if let Some(cluster) = &mut self.cluster {
            cluster.early.insert(slot, early);
            cluster.update_carriers(&self.accounts);
        }
        self.announce_all(slot, fx);
    }

    /// CONNECT of a peer that dialled us. Who it is cannot be said twice: a later one, or one from
    /// a peer that we dialled, is read and changes nothing.
    pub(super) fn route_connect_received(
        &mut self,
        now: Now,
        slot: u32,
        json: &[u8],
        fx: &mut Effects,
    ) {
        let Ok(connect) = RouteConnect::parse(json) else {
            self.report_fault(slot, "CONNECT is not the JSON that it should be", fx);
            return self.drop_route(now, slot, CloseReason::ParseError, fx);
        };
        let stage = self.links.at(slot).and_then(Link::route).map(|route| route.stage);
        if stage != Some(Stage::AwaitConnect) {
            return;
        }
        if !connect.lang.is_empty() {
            let text = error_text::ATTEMPTED_ROUTE_PORT;
            return self.fail(now, slot, text, CloseReason::WrongPort, fx);
        }
        let Some(cluster) = &self.cluster else { return };
        if let Some(auth) = &cluster.config.auth
            && !credentials_fit(auth, &connect.user, &connect.pass)
        {
            return self.refuse_route(now, slot, Some(connect.user), fx);
        }
        if !connect.gateway.is_empty() {
            let name = &connect.gateway;
            let text = format!("Rejecting connection from gateway \"{name}\" on the Route port");
            return self.fail(now, slot, &text, CloseReason::WrongPort, fx);
        }
        if let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) {
            route.remote_id = Some(connect.name.clone());
            route.stray = !connect.expected_id.is_empty() && connect.expected_id != self.id;
        }
        let (theirs, dynamic) = (connect.cluster.as_str(), connect.cluster_dynamic);
        if !self.agree_on_cluster_name(now, slot, theirs, dynamic, fx) {
            let ours = self.cluster_name();
            let text = format!(
                "Rejecting connection, cluster name \"{theirs}\" does not match \"{ours}\""
            );
            return self.fail(now, slot, &text, CloseReason::ClusterNameConflict, fx);
        }
        if let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) {
            route.stage = Stage::AwaitInfo;
        }
    }

    /// INFO of a peer: the first completes the handshake, later ones bring news.
    pub(super) fn route_info_received(
        &mut self,
        now: Now,
        slot: u32,
        json: &[u8],
        fx: &mut Effects,
    ) {
        let Ok(info) = Info::parse(json) else {
            self.report_fault(slot, "INFO is not the JSON that it should be", fx);
            return self.drop_route(now, slot, CloseReason::ParseError, fx);
        };
        let Some(route) = self.links.at(slot).and_then(Link::route) else { return };
        match (route.stage, route.dialled_for) {
            (Stage::AwaitConnect, _) => {}
            (Stage::AwaitInfo, _) => self.first_route_info(now, slot, &info, fx),
            (Stage::Registered, _) => self.route_news(now, slot, &info, fx),
        }
    }

    fn first_route_info(&mut self, now: Now, slot: u32, info: &Info, fx: &mut Effects) {
        let Some(peer) = self.links.at(slot).map(|link| link.peer) else { return };
        if info.client_id != 0 {
            // Only clients are told a number: the URL leads to a client port.
            self.report_fault(slot, "Connected to a client port instead of a route port", fx);
            return self.drop_route(now, slot, CloseReason::WrongPort, fx);
        }
        let dialled = match self.links.at_mut(slot).and_then(Link::route_mut) {
            Some(route) => {
                if route.dialled_for.is_some() && route.info_sent {
                    route.stray = route.remote_id.as_ref() != Some(&info.server_id);
                }
                route.remote_id = Some(info.server_id.clone());
                route.remote_name = Some(info.server_name.clone());
                route.unsub_origin = info.lnocu;
                route.dialled_for
            }
            None => return,
        };
        if let (Some(target), Some(cluster)) = (dialled, &mut self.cluster)
            && let Some(before) =
                cluster.found_behind(target, &info.server_id, own_address(info, peer))
        {
            self.maintain_remote(now, &before, fx);
        }
        if let Some(target) = dialled {
            self.somebody_spoke(now, target, fx);
        }
        if info.server_id == self.id {
            return self.close_duplicate(now, slot, &info.server_id, fx);
        }
        if !info.cluster.is_empty() {
            let dynamic = info.cluster_dynamic;
            if !self.agree_on_cluster_name(now, slot, &info.cluster, dynamic, fx) {
                return self.drop_route(now, slot, CloseReason::ClusterNameConflict, fx);
            }
        }
        if dialled.is_none() && info.server_name == self.name {
            let text = format!("Remote server has a duplicate name: \"{}\"", info.server_name);
            self.report_fault(slot, &text, fx);
            return self.drop_route(now, slot, CloseReason::DuplicateServerName, fx);
        }
        match self.agree_on_lane(slot, info) {
            Ok(lane) => self.register_route(now, slot, lane, info, fx),
            Err(text) => {
                if let Some(target) = dialled
                    && let Some(cluster) = &mut self.cluster
                    && let Some(target) = cluster.targets.get_mut(&target)
                {
                    // What we remembered of it no longer holds.
                    target.known_pool = None;
                }
                self.fail(now, slot, &text, CloseReason::ProtocolViolation, fx);
            }
        }
    }

    /// What this connection is for: what we dialled it for, or what the peer says.
    fn agree_on_lane(&mut self, slot: u32, info: &Info) -> Result<Lane, String> {
        let nothing = String::new();
        let Some(cluster) = &self.cluster else { return Err(nothing) };
        let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) else {
            return Err(nothing);
        };
        let dialled = route.dialled_for.is_some();
        let account = match (dialled, route.lane) {
            (true, Some(Lane::Account(id))) => Some(self.accounts.get(id).name.as_str()),
            (true, _) => None,
            (false, _) => Some(info.route_account.as_str()).filter(|name| !name.is_empty()),
        };
        let theirs = u32::try_from(info.route_pool_size).unwrap_or(0);
        if theirs == 0 || cluster.config.pool_size == 0 {
            return match account {
                None => Ok(Lane::Pool(0)),
                Some(name) => Err(format!(
                    "Not possible to have a dedicated route for account \"{name}\" \
                     between those servers"
                )),
            };
        }
        let size = theirs.max(cluster.config.pool_size);
        if let Some(name) = account {
            let known = self.accounts.find(name.as_bytes());
            let Some(id) = known.filter(|id| cluster.pinned.contains(id)) else {
                return Err(format!("No route for account \"{name}\""));
            };
            route.account = Some(id);
            return Ok(Lane::Account(id));
        }
        match (dialled, route.lane, u32::try_from(info.route_pool_idx)) {
            (true, Some(lane @ Lane::Pool(index)), Ok(0)) if index < size => Ok(lane),
            (true, Some(Lane::Pool(index)), Ok(0)) => {
                Err(format!("Invalid route pool index: {index} - pool size is {theirs}"))
            }
            (true, _, _) => Err(format!(
                "Route pool index should not be set but is set to {}",
                info.route_pool_idx
            )),
            (false, _, Ok(index)) if index < size => Ok(Lane::Pool(index)),
            (false, _, _) => Err(format!(
                "Invalid route pool index: {} - pool size is {theirs}",
                info.route_pool_idx
            )),
        }
    }

    /// INFO on a registered route: about the peer itself, or about a server that it knows.
    fn route_news(&mut self, now: Now, slot: u32, info: &Info, fx: &mut Effects) {
        let Some(route) = self.links.at(slot).and_then(Link::route) else { return };
        let Some(remote_id) = route.remote_id.clone() else { return };
        // Gateways, and dedicated routes added while running: not for this version.
        if !info.gateway.is_empty() || !info.route_acc_add_reqid.is_empty() {
            return;
        }
        let Some(cluster) = &mut self.cluster else { return };
        if info.server_id != remote_id {
            let ours = cluster.remotes.get(&remote_id).is_some_and(Remote::is_causeway);
            if info.ldm && ours {
                return self.loss_received(slot, &remote_id, &info.server_id, fx);
            }
            return self.gossip_received(now, &remote_id, info, fx);
        }
        let Some(remote) = cluster.remotes.get_mut(&remote_id) else { return };
        let before = (remote.lame_duck, remote.info.connect_urls.clone());
        remote.lame_duck |= info.ldm;
        if !info.ldm {
            remote.info.connect_urls.clone_from(&info.connect_urls);
        }
        if before != (remote.lame_duck, remote.info.connect_urls.clone()) {
            self.tell_clients_of_urls(fx);
        }
    }

    /// Credentials or INFO have not come in time.
    pub(crate) fn handshake_due(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        use crate::link::Role;
        use crate::link::client::Phase;
        let Some(link) = self.links.get(id).filter(|link| link.is_open()) else { return };
        let (late, reason) = match &link.role {
            Role::Client(client) => {
                (client.phase == Phase::AwaitingConnect, CloseReason::AuthenticationTimeout)
            }
            Role::Route(route) => match route.stage {
                Stage::AwaitConnect => (true, CloseReason::AuthenticationTimeout),
                Stage::AwaitInfo => (true, CloseReason::StaleConnection),
                Stage::Registered => (false, CloseReason::AuthenticationTimeout),
            },
        };
        if !late {
            return;
        }
        if reason == CloseReason::AuthenticationTimeout {
            self.fail(now, id.slot, error_text::AUTHENTICATION_TIMEOUT, reason, fx);
        } else {
            self.close(now, id.slot, reason, Duration::ZERO, fx);
        }
    }
}

fn credentials_fit(auth: &RouteAuth, user: &str, password: &str) -> bool {
    let user = equal_in_constant_time(auth.user.as_bytes(), user.as_bytes());
    let password = equal_in_constant_time(auth.password.0.as_bytes(), password.as_bytes());
    user & password
}
