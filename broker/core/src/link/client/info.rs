//! INFO as clients see it.

use alloc::string::ToString;

use causeway_wire::encode;
use causeway_wire::info::Info;

use crate::account::GLOBAL;
use crate::config::ClientAuth;
use crate::effects::Effects;
use crate::limits;
use crate::link::{Link, LinkKind};
use crate::node::Node;

impl Node {
    /// What this server says about itself to the client in `slot`.
    fn client_info(&self, slot: u32) -> Info {
        let config = &self.config;
        let auth_required = match &config.auth {
            ClientAuth::Open => false,
            ClientAuth::Token(_) => true,
            ClientAuth::Users { no_auth_user, .. } => no_auth_user.is_none(),
        };
        let (client_id, client_ip) = match self.links.at(slot) {
            Some(link) => (link.cid, link.peer.ip().to_canonical().to_string()),
            None => Default::default(),
        };
        Info {
            server_id: self.id.clone(),
            server_name: self.name.clone(),
            version: config.version.clone(),
            proto: 1,
            git_commit: config.git_commit.clone(),
            go: config.built_with.clone(),
            host: config.client_listen.host.clone(),
            port: i32::from(config.client_listen.port),
            headers: config.headers,
            auth_required,
            max_payload: i32::try_from(config.limits.max_payload).unwrap_or(i32::MAX),
            client_id,
            client_ip,
            cluster: self.cluster_name().into(),
            connect_urls: self.connect_urls(),
            ldm: self.lame_duck.is_some(),
            api_lvl: limits::API_LEVEL,
            jetstream: config.jetstream.is_some(),
            domain: config
                .jetstream
                .as_ref()
                .and_then(|each| each.domain.clone())
                .unwrap_or_default(),
            ..Info::default()
        }
    }

    /// The first line on a client connection.
    pub(crate) fn greet_client(&mut self, slot: u32, fx: &mut Effects) {
        let json = self.client_info(slot).to_json();
        self.send(slot, fx, |out| encode::info(out, &json));
    }

    /// After the first PING: the account that the client is in.
    pub(super) fn confirm_connect(&mut self, slot: u32, fx: &mut Effects) {
        let mut info = self.client_info(slot);
        info.remote_account = self.accounts.get(GLOBAL).name.clone();
        info.connect_info = true;
        let json = info.to_json();
        self.send(slot, fx, |out| encode::info(out, &json));
    }

    /// Tells all clients that can take it that the servers to connect to have changed, or that
    /// this one is a lame duck.
    pub(crate) fn broadcast_client_info(&mut self, fx: &mut Effects) {
        let listening: alloc::vec::Vec<u32> = self
            .links
            .iter()
            .filter(|link| link.kind() == LinkKind::Client && link.is_open())
            .filter(|link| {
                link.client().is_some_and(|client| client.protocol >= 1 && client.first_pong_sent)
            })
            .map(|link: &Link| link.id.slot)
            .collect();
        for slot in listening {
            let json = self.client_info(slot).to_json();
            self.send(slot, fx, |out| encode::info(out, &json));
        }
    }
}
