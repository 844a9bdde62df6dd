//! Gossip: servers tell each other of servers.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use causeway_wire::encode;
use causeway_wire::info::Info;

use crate::cluster::Cluster;
use crate::cluster::register::News;
use crate::cluster::remote::Remote;
use crate::cluster::target::{Target, TargetId};
use crate::config::HostPort;
use crate::effects::Effects;
use crate::limits;
use crate::link::Link;
use crate::link::route::{GossipMode, Lane, Route, parse_route_url, route_url};
use crate::node::Node;
use crate::rng::Stream;
use crate::time::{Mono, Now};
use crate::trace::TraceEvent;

/// News for one peer: the INFO of another.
struct Line {
    link: u32,
    json: Vec<u8>,
}

impl Node {
    /// Tells the others of a server that has just been registered, or of its connection for one
    /// account: nats-server opens that only when told. A newcomer that can make use of it is told
    /// of everybody else.
    pub(super) fn gossip_newcomer(
        &mut self,
        slot: u32,
        newcomer: &str,
        lane: Lane,
        news: News,
        fx: &mut Effects,
    ) {
        let mut lines: Vec<Line> = Vec::new();
        if news.first && self.cluster.as_mut().is_some_and(|c| c.is_found_again(newcomer)) {
            self.add_found_again(newcomer, &mut lines);
        }
        match lane {
            Lane::Pool(_) if !news.first_of_pool => {}
            Lane::Pool(_) | Lane::Account(_) => self.add_gossip(slot, newcomer, lane, &mut lines),
        }
        if news.first {
            self.add_everybody_else(slot, newcomer, &mut lines);
            self.add_losses(slot, newcomer, &mut lines);
        } else {
            self.add_missed_news(slot, newcomer, &mut lines);
        }
        for Line { link, json } in lines {
            self.send(link, fx, |out| encode::info_gossip(out, &json));
            if perturb!(self, GossipTwice) {
                self.send(link, fx, |out| encode::info_gossip(out, &json));
            }
        }
    }

    /// What nats-server would tell the others, and in the same cases.
    fn add_gossip(&self, slot: u32, newcomer: &str, lane: Lane, lines: &mut Vec<Line>) {
        let Some(route) = self.links.at(slot).and_then(Link::route) else { return };
        let (dialled, explicit) = (route.dialled_for.is_some(), route.explicit);
        let account = route.account.map(|id| self.accounts.get(id).name.as_str());
        let account = account.unwrap_or_default();
        let Some(cluster) = &self.cluster else { return };
        let Some(remote) = cluster.remotes.get(newcomer) else { return };
        if cluster.is_told_by_others(route, newcomer, remote) {
            return;
        }
        // In a large cluster, most are told the same.
        let mut told_so: [Option<Vec<u8>>; 3] = Default::default();
        for (_, other) in cluster.remotes.iter().filter(|(id, _)| *id != newcomer) {
            // Of two servers, the one that opened its connection for the account first is told
            // of the other's. A server of our kind opens all connections without being told.
            let told = matches!(lane, Lane::Pool(_))
                || (other.lanes.contains_key(&lane) && !other.is_causeway());
            let Some(link) = other.any_link().filter(|_| told) else { continue };
            let explicit_there =
                self.links.at(link).and_then(Link::route).is_some_and(|route| route.explicit);
            let joins_groups = (dialled && explicit) || (!dialled && explicit_there);
            let mode = match (joins_groups, dialled) {
                (true, _) => GossipMode::Override,
                (false, false) => GossipMode::Disabled,
                (false, true) => GossipMode::Default,
            };
            let json = told_so[usize::from(mode.to_wire())]
                .get_or_insert_with(|| gossip_line(&remote.info, mode, account).to_json());
            lines.push(Line { link, json: json.clone() });
        }
    }

    /// A newcomer of our kind hears of everybody else: then both sides know of each other. If others
    /// have told of it, they have told it of everybody whom they know; it hears only of the rest.
    /// When two groups meet at several places at once, or two newcomers come at the same time, each
    /// place has its news from another, and would leave it to that one to tell.
    fn add_everybody_else(&self, slot: u32, newcomer: &str, lines: &mut Vec<Line>) {
        let Some(route) = self.links.at(slot).and_then(Link::route) else { return };
        let Some(cluster) = &self.cluster else { return };
        let Some(remote) = cluster.remotes.get(newcomer) else { return };
        if !remote.is_causeway() {
            return;
        }
        let told = cluster.is_told_by_others(route, newcomer, remote);
        let tellers = if told { cluster.tellers_of(newcomer) } else { BTreeSet::new() };
        for (id, other) in cluster.remotes.iter().filter(|(id, _)| *id != newcomer) {
            if !cluster.is_known_to(id, &tellers) {
                lines.push(Line { link: slot, json: other.as_news().to_json() });
            }
        }
    }

    /// What was said last on a connection that broke may not have arrived. A peer of our kind with
    /// which others are left hears again of everybody whom we know, and of those whom we have lost:
    /// as long as it believes that we vouch for one that has gone, it dials that one without a pause.
    fn add_missed_news(&mut self, slot: u32, peer: &str, lines: &mut Vec<Line>) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(remote) = cluster.remotes.get_mut(peer) else { return };
        if !core::mem::take(&mut remote.missed_news) || !remote.is_causeway() {
            return;
        }
        for (_, other) in cluster.remotes.iter().filter(|(id, _)| *id != peer) {
            lines.push(Line { link: slot, json: other.as_news().to_json() });
        }
        self.add_losses(slot, peer, lines);
    }

    /// A peer of our kind hears of those whom we have lost. It may not have lost us when we lost it, and
    /// believe that we still vouch for them.
    fn add_losses(&self, slot: u32, peer: &str, lines: &mut Vec<Line>) {
        let Some(cluster) = &self.cluster else { return };
        if !cluster.remotes.get(peer).is_some_and(Remote::is_causeway) {
            return;
        }
        for lost in cluster.told_lost.iter().filter(|id| *id != peer) {
            let gossip_mode = GossipMode::Disabled.to_wire();
            let gone = Info { server_id: lost.clone(), ldm: true, gossip_mode, ..Info::default() };
            lines.push(Line { link: slot, json: gone.to_json() });
        }
    }

    /// Those of our kind that were told that we lost a server are told that we have it again.
    fn add_found_again(&self, found: &str, lines: &mut Vec<Line>) {
        let Some(cluster) = &self.cluster else { return };
        let Some(remote) = cluster.remotes.get(found) else { return };
        let json = remote.as_news().to_json();
        for (_, other) in cluster.remotes.iter().filter(|(id, _)| *id != found) {
            if let Some(link) = other.any_link().filter(|_| other.is_causeway()) {
                lines.push(Line { link, json: json.clone() });
            }
        }
    }

    /// Our last route to a server is gone. Peers of our kind are told: it is no longer us who
    /// vouch for it, and who still has a route says so. nats-server would take it for the opposite
    /// and dial.
    pub(super) fn tell_of_loss(&mut self, lost: &Remote, fx: &mut Effects) {
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.leaving {
            return;
        }
        if cluster.told_lost.len() >= limits::LOSSES_REMEMBERED {
            cluster.told_lost.pop_front();
        }
        cluster.told_lost.push_back(lost.info.server_id.clone());
        let told = cluster.remotes.values().filter(|other| other.is_causeway());
        let links: Vec<u32> = told.filter_map(Remote::any_link).collect();
        let json = Info { ldm: true, ..lost.as_news() }.to_json();
        for link in links {
            self.send(link, fx, |out| encode::info_gossip(out, &json));
        }
    }

    /// A peer of our kind says that it has lost another server.
    pub(crate) fn loss_received(&mut self, slot: u32, from: &str, lost: &str, fx: &mut Effects) {
        let Some(cluster) = &mut self.cluster else { return };
        for target in cluster.targets.of(lost).to_vec() {
            if let Some(target) = cluster.targets.get_mut(&target) {
                target.told_by.remove(from);
            }
        }
        if let Some(remote) = cluster.remotes.get(lost) {
            let json = remote.as_news().to_json();
            self.send(slot, fx, |out| encode::info_gossip(out, &json));
        }
    }

    /// A peer tells of another server.
    pub(crate) fn gossip_received(&mut self, now: Now, from: &str, info: &Info, fx: &mut Effects) {
        if info.server_id.is_empty() || info.server_id == self.id {
            return;
        }
        let Some(address) = address_in(info) else { return };
        let Some(cluster) = &mut self.cluster else { return };
        let configured = cluster.targets.is_configured(&address) || {
            let port = address.port;
            cluster.targets.is_configured(&HostPort { host: info.host.clone(), port })
        };
        let known = cluster.hearsay_of(&info.server_id, &address);
        let target = match known {
            Some(target) => target,
            None if configured || cluster.targets.len() >= limits::GOSSIPED_PEERS => return,
            None => cluster.add_target(address, None, false),
        };
        let connected = cluster.remotes.contains_key(&info.server_id);
        let Some(entry) = cluster.targets.get_mut(&target) else { return };
        entry.told_by.insert(from.to_string());
        entry.told_id = Some(info.server_id.clone());
        let elsewhere = entry.remote_id() != Some(&info.server_id);
        if elsewhere {
            entry.known_pool = None;
        }
        // Somebody has just seen it: worth another try now.
        entry.failures = 0;
        entry.failing_since = None;
        let mode = GossipMode::from_wire(info.gossip_mode);
        // Who was to be told of it before we had it still is.
        let stays = !connected && !elsewhere && entry.gossip_mode == GossipMode::Override;
        if !(stays && mode == GossipMode::Disabled) {
            entry.gossip_mode = mode;
        }
        if !connected {
            let HostPort { host, port } = entry.address.clone();
            fx.trace.push(TraceEvent::RouteDiscovered { host, port });
            // If we have just lost it, we may have reasons to let it make the first step.
            let soon = now.mono + limits::ROUTE_YIELD + limits::ROUTE_REDIAL_JITTER;
            let is_due = |at: Mono| at <= soon;
            if entry.attempts.is_empty() && !entry.not_before.is_some_and(is_due) {
                // Both sides may have been told: a random pause keeps them out of step.
                let pause = self.rng.span(Stream::DialJitter, limits::ROUTE_REDIAL_JITTER);
                entry.not_before = Some(now.mono + pause);
            }
        }
        if elsewhere {
            cluster.targets.lead_to(target, Some(info.server_id.clone()));
        }
        self.maintain_target(now, target, fx);
    }
}

impl Remote {
    /// Its INFO as news for servers of our kind: they need not pass it on.
    fn as_news(&self) -> Info {
        gossip_line(&self.info, GossipMode::Disabled, "")
    }
}

impl Cluster {
    /// Whether we had told that we lost this server.
    fn is_found_again(&mut self, server_id: &str) -> bool {
        let before = self.told_lost.len();
        self.told_lost.retain(|lost| lost != server_id);
        self.told_lost.len() < before
    }

    /// Whether others have told each other of a peer, so that we need not.
    fn is_told_by_others(&self, route: &Route, peer: &str, remote: &Remote) -> bool {
        self.is_hearsay(route, peer) || wants_no_gossip(&remote.info)
    }

    /// Whether we know the peer of this connection because others told us, and were not asked to
    /// tell more. If it has been away since then, or has come back under another id, it is us who
    /// found it: the others may not know.
    fn is_hearsay(&self, route: &Route, peer: &str) -> bool {
        let target = route.dialled_for.and_then(|id| self.targets.get(&id));
        !route.explicit
            && route.gossip_mode != GossipMode::Override
            && target.is_some_and(|target| target.told_id.as_deref() == Some(peer))
    }

    /// Who told us of a server and has not lost it.
    fn tellers_of(&self, server_id: &str) -> BTreeSet<&str> {
        let targets = self.targets.of(server_id).iter().filter_map(|id| self.targets.get(id));
        targets.flat_map(|target| target.told_by.iter().map(String::as_str)).collect()
    }

    /// Whether one of these is a server itself, or has told us of it and has not lost it.
    fn is_known_to(&self, server_id: &str, tellers: &BTreeSet<&str>) -> bool {
        tellers.contains(server_id) || !self.tellers_of(server_id).is_disjoint(tellers)
    }

    /// The target that we have for a server by hearsay: the one that led to it, or one with its
    /// address whose server is gone. Configured routes do not count: they may lead to another
    /// server tomorrow.
    pub(super) fn hearsay_of(&self, server_id: &str, address: &HostPort) -> Option<TargetId> {
        let by_hearsay = |id: &&TargetId| self.targets.get(id).is_some_and(|t| !t.explicit);
        let replaced = |target: &Target| {
            let connected = |id: &str| self.remotes.contains_key(id);
            !target.explicit && !target.remote_id().is_some_and(connected)
        };
        let by_id = self.targets.of(server_id).iter().find(by_hearsay).copied();
        by_id.or_else(|| self.targets.at(address).find(|(_, t)| replaced(t)).map(|(id, _)| id))
    }
}

/// Whether the sender of this INFO has said that others know of it already.
fn wants_no_gossip(info: &Info) -> bool {
    GossipMode::from_wire(info.gossip_mode) == GossipMode::Disabled
}

/// A remote's INFO as it is passed on.
fn gossip_line(info: &Info, mode: GossipMode, account: &str) -> Info {
    Info { gossip_mode: mode.to_wire(), route_account: account.into(), ldm: false, ..info.clone() }
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
