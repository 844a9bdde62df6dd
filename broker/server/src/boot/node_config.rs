//! From the operator's configuration to what a node needs to know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use causeway_config::{
    Auth, AuthMethod, BatchLimits, Cluster, Config, Credentials, JetStream, LinkBuffer, Overflow,
    RoutePermissions, SubjectPermission, SyncPolicy, defaults,
};
use causeway_core::config as core;
use causeway_core::config::{
    ClientAuth, ClientLimits, ClusterConfig, HostPort, JetStreamConfig, JetStreamLimits,
    LinkBufferConfig, NodeConfig, RouteAuth, RouteUrl, Secret, User,
};

use super::listen::{Listeners, join};
use super::{Storage, interfaces};
use crate::running::Listening;

/// Where the server listens, by its configuration and the ports it got.
pub(crate) fn listening(config: &Config, listeners: &Listeners) -> Listening {
    let at =
        |host: &str, address: SocketAddr| HostPort { host: host.to_owned(), port: address.port() };
    let client = at(&config.host, listeners.client.address);
    Listening {
        announced: announced(config, &client),
        client,
        cluster: config
            .cluster
            .as_ref()
            .zip(listeners.cluster.as_ref())
            .map(|(cluster, bound)| at(&cluster.host, bound.address)),
        monitor: config
            .monitor
            .as_ref()
            .zip(listeners.monitor.as_ref())
            .map(|(monitor, bound)| at(&monitor.host, bound.address)),
    }
}

/// The client address that INFO names.
pub(crate) fn announced(config: &Config, client: &HostPort) -> HostPort {
    match &config.client_advertise {
        Some(advertise) => {
            HostPort { host: advertise.host.clone(), port: advertise.port.unwrap_or(client.port) }
        }
        None => client.clone(),
    }
}

/// Addresses on the cluster port that are this server. A name for the loopback address often
/// stands for both versions of IP: one that we do not listen on is not another server either.
pub(crate) fn own_routes(listening: &Listening) -> Vec<SocketAddr> {
    let Some(cluster) = &listening.cluster else { return Vec::new() };
    match cluster.host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => {
            let both = [ip, IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            let other_version = |other: &IpAddr| *other == ip || other.is_ipv4() != ip.is_ipv4();
            let own = both.into_iter().filter(other_version);
            own.map(|ip| SocketAddr::new(ip, cluster.port)).collect()
        }
        Ok(ip) if !ip.is_unspecified() => vec![SocketAddr::new(ip, cluster.port)],
        Ok(_) | Err(_) => {
            interfaces::all().into_iter().map(|ip| SocketAddr::new(ip, cluster.port)).collect()
        }
    }
}

/// The node's view of `config`.
pub(crate) fn node_config(
    config: &Config,
    listening: &Listening,
    storage: Option<&Storage>,
) -> NodeConfig {
    let limits = &config.limits;
    NodeConfig {
        server_name: config.server_name.clone(),
        git_commit: option_env!("CAUSEWAY_GIT_COMMIT").unwrap_or("unknown").to_owned(),
        client_listen: listening.announced.clone(),
        client_urls: client_urls(config, listening),
        headers: !config.no_header_support,
        limits: ClientLimits {
            max_connections: Some(limits.max_connections),
            max_subscriptions: limits.max_subscriptions.unwrap_or(0),
            max_subscription_tokens: limits.max_subscription_tokens.map_or(0, u32::from),
            max_control_line: usize::try_from(limits.max_control_line).unwrap_or(usize::MAX),
            max_payload: u64::from(limits.max_payload),
            max_pending: limits.max_pending,
        },
        ping_interval: config.ping_interval,
        ping_max: config.ping_max,
        write_deadline: config.write_deadline,
        no_fast_producer_stall: config.no_fast_producer_stall,
        auth: client_auth(&config.auth),
        auth_timeout: config.auth.timeout,
        lame_duck_duration: config.lame_duck.duration,
        lame_duck_grace: config.lame_duck.grace_period,
        max_closed_clients: usize::try_from(config.max_closed_clients).unwrap_or(usize::MAX),
        cluster: config
            .cluster
            .as_ref()
            .zip(listening.cluster.as_ref())
            .map(|(cluster, listen)| cluster_config(config, cluster, listen)),
        jetstream: config
            .jetstream
            .as_ref()
            .zip(storage)
            .map(|(jetstream, storage)| jetstream_config(jetstream, storage)),
        ..NodeConfig::default()
    }
}

/// What clients are told to connect to.
fn client_urls(config: &Config, listening: &Listening) -> Vec<String> {
    let HostPort { host, port } = &listening.announced;
    let any = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if config.client_advertise.is_some() || !any {
        return vec![join(host, *port)];
    }
    interfaces::reachable().into_iter().map(|ip| join(&ip.to_string(), *port)).collect()
}

fn client_auth(auth: &Auth) -> ClientAuth {
    let no_auth_user = auth.no_auth_user.clone();
    match &auth.method {
        AuthMethod::None => ClientAuth::Open,
        AuthMethod::Token(token) => ClientAuth::Token(Secret(token.expose().to_owned())),
        AuthMethod::User(user) => ClientAuth::Users { users: vec![self::user(user)], no_auth_user },
        AuthMethod::Users(users) => {
            ClientAuth::Users { users: users.iter().map(user).collect(), no_auth_user }
        }
    }
}

fn user(credentials: &Credentials) -> User {
    let RouteAuth { user, password } = route_auth(credentials);
    User { name: user, password }
}

fn route_auth(credentials: &Credentials) -> RouteAuth {
    RouteAuth {
        user: credentials.user.clone(),
        password: Secret(credentials.password.expose().to_owned()),
    }
}

fn cluster_config(config: &Config, cluster: &Cluster, listen: &HostPort) -> ClusterConfig {
    let advertise = cluster.advertise.as_ref().map(|advertise| HostPort {
        host: advertise.host.clone(),
        port: advertise.port.unwrap_or(listen.port),
    });
    let route = |url: &causeway_config::RouteUrl| RouteUrl {
        address: HostPort { host: url.host.clone(), port: url.port },
        auth: url.credentials.as_ref().map(route_auth),
    };
    let longest = defaults::ROUTE_PING_INTERVAL_MAX;
    ClusterConfig {
        name: config.cluster_name.clone(),
        listen: listen.clone(),
        advertise,
        no_advertise: cluster.no_advertise,
        auth: cluster.auth.as_ref().map(route_auth),
        auth_timeout: cluster.auth_timeout,
        routes: cluster.routes.iter().map(route).collect(),
        pool_size: cluster.pool_size.unwrap_or(0),
        pinned_accounts: cluster.pinned_accounts.clone(),
        connect_retries: cluster.connect_retries,
        connect_backoff: cluster.connect_backoff,
        ping_interval: cluster.ping_interval.unwrap_or(config.ping_interval).min(longest),
        ping_max: cluster.ping_max.unwrap_or(config.ping_max),
        write_deadline: cluster.write_deadline.unwrap_or(config.write_deadline),
        permissions: cluster.permissions.as_ref().map(permissions).unwrap_or_default(),
        buffer: cluster.buffer.as_ref().map(link_buffer),
    }
}

fn jetstream_config(jetstream: &JetStream, storage: &Storage) -> JetStreamConfig {
    let limits = &jetstream.limits;
    let signed = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
    JetStreamConfig {
        max_memory: storage.max_memory,
        max_store: storage.max_store,
        domain: jetstream.domain.clone(),
        strict: jetstream.strict,
        sync: match jetstream.sync {
            SyncPolicy::BeforeAck => core::SyncPolicy::BeforeAck,
            SyncPolicy::Every(interval) => core::SyncPolicy::Every(interval),
        },
        request_queue_limit: jetstream.request_queue_limit,
        max_buffered_msgs: jetstream.max_buffered_msgs,
        max_buffered_bytes: jetstream.max_buffered_size,
        limits: JetStreamLimits {
            max_ack_pending: limits.max_ack_pending.map(signed),
            max_request_batch: limits.max_request_batch.map(signed),
            default_max_consumers: limits.default_max_consumers.map(signed),
            duplicate_window: limits.duplicate_window,
            batch: batch_limits(&limits.batch),
        },
        key: storage.key.clone(),
    }
}

fn batch_limits(limits: &BatchLimits) -> core::BatchLimits {
    let usual = core::BatchLimits::default();
    core::BatchLimits {
        max_inflight_per_stream: limits.max_inflight_per_stream,
        max_inflight_total: limits.max_inflight_total,
        max_msgs: limits.max_msgs.unwrap_or(usual.max_msgs),
        timeout: limits.timeout.unwrap_or(usual.timeout),
    }
}

fn link_buffer(buffer: &LinkBuffer) -> LinkBufferConfig {
    LinkBufferConfig {
        subjects: buffer.subjects.clone(),
        max_bytes: buffer.max_bytes,
        max_msgs: buffer.max_msgs,
        max_age: buffer.max_age,
        overflow: match buffer.overflow {
            Overflow::Refuse => core::Overflow::Refuse,
            Overflow::DropOldest => core::Overflow::DropOldest,
        },
    }
}

fn permissions(permissions: &RoutePermissions) -> core::RoutePermissions {
    let translate = |permission: &SubjectPermission| core::SubjectPermission {
        allow: permission.allow.clone().unwrap_or_default(),
        deny: permission.deny.clone(),
    };
    core::RoutePermissions {
        import: permissions.import.as_ref().map(translate),
        export: permissions.export.as_ref().map(translate),
    }
}
