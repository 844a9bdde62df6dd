//! `/varz`: the server as a whole. Fields and their order are nats-server's `Varz`.

use std::collections::BTreeMap;

use causeway_config::{AuthMethod, Cluster, Monitor, defaults};
use causeway_core::monitor::ServerReport;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::jetstream::JetStreamVarz;
use super::pages::Empty;
use super::{span, time};
use crate::process::memory_limit;
use crate::running::Running;
use crate::text::uptime;

#[derive(Serialize)]
pub(super) struct Varz {
    server_id: String,
    server_name: String,
    version: String,
    proto: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    git_commit: String,
    go: String,
    host: String,
    port: u16,
    #[serde(skip_serializing_if = "is_false")]
    auth_required: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connect_urls: Vec<String>,
    max_connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_subscriptions: Option<u64>,
    ping_interval: u128,
    ping_max: u32,
    http_host: String,
    http_port: u16,
    http_base_path: String,
    https_port: u16,
    auth_timeout: f64,
    max_control_line: u32,
    max_payload: u32,
    max_pending: u64,
    cluster: ClusterVarz,
    #[serde(flatten)]
    absent: Absents,
    jetstream: JetStreamVarz,
    tls_timeout: f64,
    write_deadline: u128,
    start: String,
    now: String,
    uptime: String,
    mem: u64,
    cores: usize,
    gomaxprocs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    gomemlimit: Option<u64>,
    cpu: f64,
    connections: u64,
    total_connections: u64,
    routes: u64,
    remotes: u64,
    leafnodes: u64,
    in_msgs: u64,
    in_bytes: u64,
    in_client_msgs: u64,
    in_client_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    out_client_msgs: u64,
    out_client_bytes: u64,
    slow_consumers: u64,
    stale_connections: u64,
    stalled_clients: u64,
    subscriptions: u64,
    http_req_stats: BTreeMap<&'static str, u64>,
    config_load_time: String,
    config_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    feature_flags: FeatureFlags,
    system_account: &'static str,
    slow_consumer_stats: ByKind,
    stale_connection_stats: ByKind,
    disk_io_wait_stats: DiskWaits,
}

/// Parts of nats-server that this one does not have: objects without fields.
#[derive(Default, Serialize)]
struct Absents {
    gateway: Empty,
    leaf: Empty,
    mqtt: Empty,
    websocket: Empty,
}

#[derive(Default, Serialize)]
struct ClusterVarz {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_deadline: Option<u128>,
}

/// nats-server 2.15.1's switches for parts of its streams. They cannot be set here and have no
/// effect; the values are its defaults.
#[derive(Serialize)]
struct FeatureFlags {
    js_ack_fc_v2: bool,
    js_api_reply_v2: bool,
    js_raft_delete_range: bool,
    js_snapshot_sources: bool,
}

const FEATURE_FLAGS: FeatureFlags = FeatureFlags {
    js_ack_fc_v2: false,
    js_api_reply_v2: false,
    js_raft_delete_range: true,
    js_snapshot_sources: false,
};

#[derive(Default, Serialize)]
struct ByKind {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

#[derive(Default, Serialize)]
struct DiskWaits {
    waiters: u64,
    waits: u64,
    wait_time: u64,
    max_wait_time: u64,
}

/// nats-server's `TLS_TIMEOUT`, which it shows even without TLS.
const TLS_TIMEOUT_SECONDS: f64 = 2.0;

pub(super) fn varz(
    node: &Node,
    running: &Running,
    requests: BTreeMap<&'static str, u64>,
    now: Wall,
) -> Varz {
    let report = node.server_report();
    let known = node.config();
    let Running { config, listening, process, .. } = running;
    let monitor = config.monitor.as_ref();
    Varz {
        version: known.version.clone(),
        proto: 1,
        git_commit: known.git_commit.clone(),
        go: known.built_with.clone(),
        host: listening.announced.host.clone(),
        port: listening.announced.port,
        auth_required: config.auth.method != AuthMethod::None,
        max_connections: config.limits.max_connections,
        max_subscriptions: config.limits.max_subscriptions,
        ping_interval: config.ping_interval.as_nanos(),
        ping_max: config.ping_max,
        http_host: monitor.map(|monitor| monitor.host.clone()).unwrap_or_default(),
        http_port: listening.monitor.as_ref().map_or(0, |address| address.port),
        http_base_path: monitor.map(base_path).unwrap_or_default(),
        https_port: 0,
        auth_timeout: config.auth.timeout.as_secs_f64(),
        max_control_line: config.limits.max_control_line,
        max_payload: config.limits.max_payload,
        max_pending: config.limits.max_pending,
        cluster: cluster(config.cluster.as_ref(), running, &report),
        absent: Absents::default(),
        jetstream: JetStreamVarz::new(node, running),
        tls_timeout: TLS_TIMEOUT_SECONDS,
        write_deadline: config.write_deadline.as_nanos(),
        start: time(report.start),
        now: time(now),
        uptime: uptime(span(report.start, now)),
        mem: process.memory_bytes(),
        cores: process.cores(),
        gomaxprocs: process.max_processors(),
        gomemlimit: memory_limit(),
        cpu: process.cpu_percent(),
        connections: report.connections,
        total_connections: report.total_connections,
        routes: report.routes,
        remotes: report.remotes,
        leafnodes: 0,
        in_msgs: report.received.messages,
        in_bytes: report.received.bytes,
        in_client_msgs: report.received_from_clients.messages,
        in_client_bytes: report.received_from_clients.bytes,
        out_msgs: report.sent.messages,
        out_bytes: report.sent.bytes,
        out_client_msgs: report.sent_to_clients.messages,
        out_client_bytes: report.sent_to_clients.bytes,
        slow_consumers: report.slow_clients + report.slow_routes,
        stale_connections: report.stale_clients + report.stale_routes,
        stalled_clients: report.stalls,
        subscriptions: report.subscriptions,
        http_req_stats: requests,
        config_load_time: time(running.config_loaded),
        config_digest: config.digest.clone().unwrap_or_default(),
        tags: config.server_tags.clone(),
        metadata: config.server_metadata.clone(),
        feature_flags: FEATURE_FLAGS,
        system_account: defaults::SYSTEM_ACCOUNT,
        slow_consumer_stats: by_kind(report.slow_clients, report.slow_routes),
        stale_connection_stats: by_kind(report.stale_clients, report.stale_routes),
        disk_io_wait_stats: DiskWaits::default(),
        connect_urls: report.connect_urls,
        server_id: report.server_id,
        server_name: report.server_name,
    }
}

/// The prefix of monitoring paths; empty if there is none.
fn base_path(monitor: &Monitor) -> String {
    monitor.base_path.trim_end_matches('/').to_owned()
}

fn cluster(cluster: Option<&Cluster>, running: &Running, report: &ServerReport) -> ClusterVarz {
    let name = report.cluster_name.clone();
    let (Some(cluster), Some(address)) = (cluster, &running.listening.cluster) else {
        return ClusterVarz { name, ..ClusterVarz::default() };
    };
    ClusterVarz {
        name,
        addr: Some(cluster.host.clone()),
        cluster_port: Some(address.port),
        auth_timeout: Some(cluster.auth_timeout.as_secs_f64()),
        urls: report.configured_routes.clone(),
        tls_timeout: Some(TLS_TIMEOUT_SECONDS),
        // As configured, -1, where pooling is disabled.
        pool_size: Some(cluster.pool_size.map_or(-1, i64::from)),
        write_deadline: cluster.write_deadline.filter(|d| !d.is_zero()).map(|span| span.as_nanos()),
    }
}

const fn by_kind(clients: u64, routes: u64) -> ByKind {
    ByKind { clients, routes, gateways: 0, leafs: 0 }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}
