//! INFO and CONNECT as routes see them.

use alloc::format;
use alloc::string::String;

use causeway_wire::connect::RouteConnect;
use causeway_wire::encode;
use causeway_wire::info::{Info, SubjectPermission as WirePermission};

use crate::buffer;
use crate::cluster::Cluster;
use crate::config::{HostPort, SubjectPermission};
use crate::effects::Effects;
use crate::link::Link;
use crate::link::route::Lane;
use crate::node::Node;
use crate::rng::Stream;

/// The protocol number of route INFO: 3 is message tracing (nats-server `MsgTraceProto`).
const ROUTE_PROTO: i32 = 3;
/// Length of a nonce (nats-server: 11 random bytes in base64). Routes do not sign it.
const NONCE_CHARS: usize = 15;

/// What a receiver of gossip is to do with it (nats-server `gossip_mode`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum GossipMode {
    /// The receiver connects and, if it is the first to know, tells others.
    #[default]
    Default,
    /// The receiver connects and tells nobody: the sender tells all.
    Disabled,
    /// The receiver connects and tells all it knows: two groups of servers are joining.
    Override,
}

impl GossipMode {
    pub(crate) const fn from_wire(value: u8) -> Self {
        match value {
            1 => Self::Disabled,
            2 => Self::Override,
            _ => Self::Default,
        }
    }

    pub(crate) const fn to_wire(self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Disabled => 1,
            Self::Override => 2,
        }
    }
}

impl Node {
    /// What this server says about itself to its peers.
    pub(crate) fn route_info(&self, cluster: &Cluster) -> Info {
        let config = &self.config;
        let options = &cluster.config;
        let address = options.advertise.as_ref().unwrap_or(&options.listen);
        let ip = options.advertise.as_ref().map(route_url).unwrap_or_default();
        let connect_urls =
            if options.no_advertise { Default::default() } else { config.client_urls.clone() };
        Info {
            server_id: self.id.clone(),
            server_name: self.name.clone(),
            version: config.version.clone(),
            proto: ROUTE_PROTO,
            go: config.built_with.clone(),
            host: address.host.clone(),
            port: i32::from(address.port),
            headers: config.headers,
            auth_required: options.auth.is_some(),
            max_payload: i32::try_from(config.limits.max_payload).unwrap_or(i32::MAX),
            ip,
            cluster: cluster.name.clone(),
            cluster_dynamic: cluster.dynamic,
            connect_urls,
            ldm: self.lame_duck.is_some(),
            compression: "off".into(),
            import: options.permissions.import.as_ref().map(permission),
            export: options.permissions.export.as_ref().map(permission),
            lnoc: true,
            lnocu: true,
            route_pool_size: i32::try_from(options.pool_size).unwrap_or(i32::MAX),
            causeway_buffer: if self.buffers.is_some() { buffer::PROTOCOL } else { 0 },
            ..Info::default()
        }
    }

    /// Sends our INFO, naming the link's lane if we dialled it.
    pub(crate) fn send_route_info(&mut self, slot: u32, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let mut info = self.route_info(cluster);
        info.nonce = self.rng.name(Stream::Identity, NONCE_CHARS);
        let Some(route) = self.links.at_mut(slot).and_then(Link::route_mut) else { return };
        if route.dialled_for.is_some() {
            match route.lane {
                Some(Lane::Pool(index)) => {
                    info.route_pool_idx = i32::try_from(index).unwrap_or(i32::MAX);
                }
                Some(Lane::Account(account)) => {
                    info.route_account.clone_from(&self.accounts.get(account).name);
                }
                None => {}
            }
            info.gossip_mode = route.gossip_mode.to_wire();
        }
        route.info_sent = true;
        let json = info.to_json();
        self.send(slot, fx, |out| encode::info(out, &json));
    }

    /// Sends CONNECT on a link that we dialled, with the credentials of its target.
    /// `expected_id` says for whom it is meant, if we speak first.
    pub(super) fn send_route_connect(&mut self, slot: u32, expected_id: &str, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let target = self
            .links
            .at(slot)
            .and_then(Link::route)
            .and_then(|route| cluster.targets.get(&route.dialled_for?));
        let auth = target.and_then(|target| target.auth.as_ref()).or(cluster.config.auth.as_ref());
        let connect = RouteConnect {
            echo: true,
            user: auth.map(|auth| auth.user.clone()).unwrap_or_default(),
            pass: auth.map(|auth| auth.password.0.as_str()).unwrap_or_default().into(),
            headers: self.config.headers,
            name: self.id.clone(),
            cluster: cluster.name.clone(),
            cluster_dynamic: cluster.dynamic,
            lnoc: true,
            lnocu: true,
            expected_id: expected_id.into(),
            ..RouteConnect::default()
        };
        let json = connect.to_json();
        self.send(slot, fx, |out| encode::connect(out, &json));
    }
}

/// The address of a route as INFO's `ip` carries it.
pub(crate) fn route_url(address: &HostPort) -> String {
    if address.host.contains(':') {
        format!("nats-route://[{}]:{}/", address.host, address.port)
    } else {
        format!("nats-route://{}:{}/", address.host, address.port)
    }
}

/// The address in INFO's `ip`; `None` if it is none.
pub(crate) fn parse_route_url(url: &str) -> Option<HostPort> {
    let (_, rest) = url.split_once("://")?;
    let rest = rest.trim_end_matches('/');
    let rest = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let (host, port) = rest.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| HostPort { host: host.into(), port })
}

fn permission(subjects: &SubjectPermission) -> WirePermission {
    WirePermission { allow: subjects.allow.clone(), deny: subjects.deny.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_urls_are_read_and_written() {
        for (url, host, port) in [
            ("nats-route://10.1.2.3:6222/", "10.1.2.3", 6222),
            ("nats-route://[::1]:6222/", "::1", 6222),
            ("nats-route://name.example:1/", "name.example", 1),
        ] {
            let address = parse_route_url(url).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(route_url(&address), url);
        }
        for bad in ["", "nats-route://", "x", "nats-route://h:0/", "nats-route://h:65536/", "://:1"]
        {
            assert_eq!(parse_route_url(bad), None, "{bad}");
        }
        let with_user = parse_route_url("nats://u:p@h:5/").unwrap();
        assert_eq!(with_user, HostPort { host: "h".into(), port: 5 });
    }
}
