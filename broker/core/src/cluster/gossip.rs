//! Gossip: servers tell each other of servers.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::SocketAddr;

use causeway_wire::encode;
use causeway_wire::info::Info;

use crate::cluster::target::TargetId;
use crate::config::HostPort;
use crate::effects::Effects;
use crate::limits;
use crate::link::Link;
use crate::link::route::{GossipMode, parse_route_url, route_url};
use crate::node::Node;
use crate::rng::Stream;
use crate::time::Now;
use crate::trace::TraceEvent;

impl Node {
    /// Tells everybody else of a server that has just been registered, or of its connection for
    /// one account: nats-server opens that only when told. A newcomer that can make use of it is
    /// told of everybody else.
    pub(super) fn gossip_newcomer(
        &mut self,
        slot: u32,
        newcomer: &str,
        first: bool,
        fx: &mut Effects,
    ) {
        let Some(route) = self.links.at(slot).and_then(Link::route) else { return };
        let (dialled, explicit) = (route.dialled_for.is_some(), route.explicit);
        let own_mode = route.gossip_mode;
        let account = route.account.map(|id| self.accounts.get(id).name.as_str());
        let account = account.unwrap_or_default();
        let Some(cluster) = &self.cluster else { return };
        let Some(remote) = cluster.remotes.get(newcomer) else { return };
        let heard_by_gossip = dialled && !explicit;
        let told_not_to = GossipMode::from_wire(remote.info.gossip_mode) == GossipMode::Disabled;
        if (heard_by_gossip && own_mode != GossipMode::Override) || told_not_to {
            return;
        }
        let mut lines: Vec<(u32, Info)> = Vec::new();
        for (_, other) in cluster.remotes.iter().filter(|(id, _)| *id != newcomer) {
            let Some(link) = other.any_link() else { continue };
            let explicit_there =
                self.links.at(link).and_then(Link::route).is_some_and(|route| route.explicit);
            let joins_groups = (dialled && explicit) || (!dialled && explicit_there);
            let mode = match (joins_groups, dialled) {
                (true, _) => GossipMode::Override,
                (false, false) => GossipMode::Disabled,
                (false, true) => GossipMode::Default,
            };
            lines.push((link, gossip_line(&remote.info, mode, account)));
            if first && remote.is_causeway() {
                lines.push((slot, gossip_line(&other.info, GossipMode::Disabled, "")));
            }
        }
        for (link, info) in lines {
            let json = info.to_json();
            self.send(link, fx, |out| encode::info_gossip(out, &json));
        }
    }

    /// A peer tells of another server.
    pub(crate) fn gossip_received(&mut self, now: Now, from: &str, info: &Info, fx: &mut Effects) {
        if info.server_id.is_empty() || info.server_id == self.id {
            return;
        }
        let Some(address) = address_in(info) else { return };
        let Some(cluster) = &mut self.cluster else { return };
        let configured = cluster.is_configured(&address) || {
            let port = address.port;
            cluster.is_configured(&HostPort { host: info.host.clone(), port })
        };
        // A configured route may lead to another server tomorrow: it does not count.
        let by_hearsay = |id: &TargetId| cluster.targets.get(id).is_some_and(|t| !t.explicit);
        let known = cluster.targets_of(&info.server_id).find(by_hearsay);
        let target = match known {
            Some(target) => target,
            None if configured || cluster.targets.len() >= limits::GOSSIPED_PEERS => return,
            None => cluster.add_target(address, None, false),
        };
        let connected = cluster.remotes.contains_key(&info.server_id);
        let Some(entry) = cluster.targets.get_mut(&target) else { return };
        entry.told_by.insert(from.to_string());
        entry.remote_id = Some(info.server_id.clone());
        if known.is_some() {
            // Somebody has just seen it: worth another try now.
            entry.failures = 0;
        }
        entry.gossip_mode = GossipMode::from_wire(info.gossip_mode);
        if !connected {
            let HostPort { host, port } = entry.address.clone();
            fx.trace.push(TraceEvent::RouteDiscovered { host, port });
            if entry.attempts.is_empty() {
                // Both sides may have been told: a random pause keeps them out of step.
                let pause = self.rng.span(Stream::DialJitter, limits::ROUTE_REDIAL_JITTER);
                entry.not_before = Some(now.mono + pause);
            }
        }
        self.maintain_target(now, target, fx);
    }
}

/// A remote's INFO as it is passed on.
fn gossip_line(info: &Info, mode: GossipMode, account: &str) -> Info {
    Info { gossip_mode: mode.to_wire(), route_account: account.into(), ..info.clone() }
}

/// Cleans an INFO for passing on: our own words about the peer's address, no nonce.
pub(super) fn for_passing_on(info: &Info, address: &HostPort) -> Info {
    Info { nonce: Default::default(), ip: route_url(address), route_pool_idx: 0, ..info.clone() }
}

/// Where the server that sent us this INFO over a connection with `peer` can be dialled: what it
/// advertises, or the address that we see with the port that it says.
pub(crate) fn own_address(info: &Info, peer: SocketAddr) -> Option<HostPort> {
    parse_route_url(&info.ip).or_else(|| {
        let port = u16::try_from(info.port).ok().filter(|port| *port != 0)?;
        Some(HostPort { host: peer.ip().to_canonical().to_string(), port })
    })
}

/// Where the server of an INFO can be dialled: `ip` if it says so, else host and port.
pub(super) fn address_in(info: &Info) -> Option<HostPort> {
    parse_route_url(&info.ip).or_else(|| {
        let port = u16::try_from(info.port).ok().filter(|port| *port != 0)?;
        let host = info.host.clone();
        (!host.is_empty()).then_some(HostPort { host, port })
    })
}
