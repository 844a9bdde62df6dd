//! A new configuration for a running node.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::cluster::target::TargetId;
use crate::config::{ClientAuth, NodeConfig, RouteUrl, User};
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::limits;
use crate::link::client::Phase;
use crate::link::{Link, LinkKind};
use crate::node::Node;
use crate::time::Now;

impl Node {
    /// Takes over what may change while running: limits, credentials, timers, routes. Clients
    /// whose credentials are gone are closed, and so are those over a lowered connection limit,
    /// the youngest first. The host has refused what may not change.
    pub(super) fn reload(&mut self, now: Now, config: Arc<NodeConfig>, fx: &mut Effects) {
        let old = core::mem::replace(&mut self.config, config);
        if old.auth != self.config.auth {
            self.close_revoked_clients(now, &old.auth, fx);
        }
        self.close_clients_over_limit(now, fx);
        self.reload_routes(now, fx);
        self.reload_buffers();
        if old.client_urls != self.config.client_urls {
            self.broadcast_client_info(fx);
        }
    }

    /// Closes whoever would not get in again. What a client once offered is not kept, so a user
    /// stays if the stored password is the same as before; nats-server keeps the passwords that
    /// clients sent, and compares them again.
    fn close_revoked_clients(&mut self, now: Now, old: &ClientAuth, fx: &mut Effects) {
        for slot in self.open_links(LinkKind::Client) {
            let Some(client) = self.links.at(slot).and_then(Link::client) else { continue };
            let stays = match (&self.config.auth, client.phase) {
                (ClientAuth::Open, _) => true,
                // It has not shown credentials yet, and will be judged by the new ones.
                (_, Phase::AwaitingConnect) => true,
                (ClientAuth::Token(_), _) => false,
                (ClientAuth::Users { no_auth_user: Some(_), .. }, Phase::Open)
                    if client.user.is_empty() =>
                {
                    true
                }
                (ClientAuth::Users { users, .. }, _) => {
                    let password = |users: &[User]| {
                        let user = users.iter().find(|user| user.name == client.user)?;
                        Some(user.password.clone())
                    };
                    let was = match old {
                        ClientAuth::Users { users, .. } => password(users),
                        ClientAuth::Open | ClientAuth::Token(_) => None,
                    };
                    was.is_some() && was == password(users)
                }
            };
            if !stays {
                let user = Some(client.user.clone());
                self.refuse_client(now, slot, user, fx);
            }
        }
    }

    fn close_clients_over_limit(&mut self, now: Now, fx: &mut Effects) {
        let Some(most) = self.config.limits.max_connections else { return };
        let mut clients = self.open_links(LinkKind::Client);
        clients.sort_unstable_by_key(|slot| self.links.at(*slot).map(|link| link.cid));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        for slot in clients.iter().skip(most).rev() {
            let text = causeway_wire::error_text::MAXIMUM_CONNECTIONS_EXCEEDED;
            self.fail(now, *slot, text, CloseReason::MaxConnectionsExceeded, fx);
        }
    }

    /// Routes that are no longer configured are closed, new ones dialled.
    fn reload_routes(&mut self, now: Now, fx: &mut Effects) {
        let Some(config) = self.config.cluster.clone() else { return };
        let Some(cluster) = &mut self.cluster else { return };
        let configured = |url: &RouteUrl, cluster: &crate::cluster::Cluster| {
            cluster.targets.iter().any(|(_, t)| t.explicit && t.address == url.address)
        };
        let added: Vec<RouteUrl> =
            config.routes.iter().filter(|url| !configured(url, cluster)).cloned().collect();
        let removed: Vec<TargetId> = cluster
            .targets
            .iter()
            .filter(|(_, target)| target.explicit)
            .filter(|(_, target)| !config.routes.iter().any(|url| url.address == target.address))
            .map(|(id, _)| id)
            .collect();
        let remotes: Vec<_> = removed
            .iter()
            .filter_map(|id| {
                cluster.targets.remove(id)?.remote_id().map(alloc::borrow::ToOwned::to_owned)
            })
            .collect();
        for url in added {
            cluster.add_target(url.address, url.auth, true);
        }
        cluster.config = config;
        for remote in remotes {
            let of_remote = |link: &&Link| {
                link.is_open()
                    && link.route().is_some_and(|route| route.remote_id.as_ref() == Some(&remote))
            };
            let slots: Vec<u32> =
                self.links.iter().filter(of_remote).map(|link| link.id.slot).collect();
            for slot in slots {
                self.close(now, slot, CloseReason::RouteRemoved, limits::CLOSE_LINGER, fx);
            }
        }
        self.maintain_all(now, fx);
    }
}
