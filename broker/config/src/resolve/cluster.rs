//! `cluster`.

use std::collections::BTreeSet;

use super::auth::{self, Where};
use super::raw::RawCluster;
use super::top::set_name;
use super::values::{
    integer, set_duration, set_listen, set_port, set_switch, set_text, set_unsigned, text, texts,
    wrong_type,
};
use super::{Issues, Setting, buffer, each_setting, permissions};
use crate::config::RouteCompression;
use crate::defaults::ROUTE_PING_INTERVAL_MAX;
use crate::go::{parse_duration, quote};
use crate::options::{CLUSTER, COMPRESSION, ClusterOption, CompressionOption};
use crate::url::{RouteUrl, RouteUrlError, without_user};
use crate::value::Node;

pub(super) fn resolve(
    node: &Node,
    cluster: &mut RawCluster,
    issues: &mut Issues,
) -> Result<(), String> {
    let Some(map) = node.value.as_map() else {
        return Err(format!("Expected map to define cluster, got {}", node.value.go_type()));
    };
    // `cluster.permissions` wins over those in its authorization, wherever it stands.
    let mut permissions_of_auth = None;
    each_setting("cluster.", CLUSTER, map, issues, |setting, issues| {
        let result = if setting.id == ClusterOption::Authorization {
            authorization(setting, cluster, &mut permissions_of_auth, issues)
        } else {
            set(setting, cluster, issues)
        };
        issues.check(&setting.node.at, result);
    });
    cluster.permissions = cluster.permissions.take().or(permissions_of_auth);
    Ok(())
}

fn set(
    setting: &Setting<'_, ClusterOption>,
    cluster: &mut RawCluster,
    issues: &mut Issues,
) -> Result<(), String> {
    let Setting { id, key, node } = *setting;
    match id {
        ClusterOption::Name => set_name(&mut cluster.name, "cluster", node),
        ClusterOption::Listen => set_listen(&mut cluster.host, &mut cluster.port, node),
        ClusterOption::Host => set_text(&mut cluster.host, node),
        ClusterOption::Port => set_port(&mut cluster.port, node),
        ClusterOption::Authorization => Ok(()),
        ClusterOption::Permissions => {
            cluster.permissions = Some(permissions::resolve(node, issues)?);
            Ok(())
        }
        ClusterOption::Routes => {
            cluster.routes = routes(node, issues)?;
            Ok(())
        }
        ClusterOption::Advertise => set_text(&mut cluster.advertise, node),
        ClusterOption::NoAdvertise => set_switch(&mut cluster.no_advertise, node),
        ClusterOption::ConnectRetries => {
            let retries = integer(node)?.max(0);
            cluster.connect_retries = u32::try_from(retries).unwrap_or(u32::MAX);
            Ok(())
        }
        ClusterOption::ConnectBackoff => set_switch(&mut cluster.connect_backoff, node),
        ClusterOption::PoolSize => {
            cluster.pool_size = Some(integer(node)?);
            if i64::from(u16::MAX) < integer(node)? {
                return Err(format!("{key} value is too big"));
            }
            Ok(())
        }
        ClusterOption::Accounts => {
            cluster.accounts = texts("accounts", node, issues).unwrap_or_default();
            Ok(())
        }
        ClusterOption::Compression => set_compression(key, node, cluster, issues),
        ClusterOption::PingInterval => set_ping_interval(node, cluster, issues),
        ClusterOption::PingMax => set_unsigned(&mut cluster.ping_max, key, node),
        ClusterOption::WriteDeadline => {
            set_duration(&mut cluster.write_deadline, "write_deadline", node, issues)
        }
        ClusterOption::Buffer => {
            cluster.buffer = buffer::resolve(node, issues)?;
            Ok(())
        }
    }
}

fn authorization(
    setting: &Setting<'_, ClusterOption>,
    cluster: &mut RawCluster,
    permissions: &mut Option<crate::config::RoutePermissions>,
    issues: &mut Issues,
) -> Result<(), String> {
    let Setting { key, node, .. } = *setting;
    let auth = auth::resolve(Where::Routes, node, issues)?;
    if auth.users.is_some() {
        return Err("Cluster authorization does not allow multiple users".to_owned());
    }
    if auth.token.is_some() {
        return Err("Cluster authorization does not support tokens".to_owned());
    }
    cluster.user = auth.user;
    cluster.password = auth.password;
    cluster.auth_timeout = auth.timeout;
    if auth.permissions.is_some() {
        let reason = "setting \"permissions\" within cluster authorization block is deprecated";
        issues.warn_field(&node.at, key, reason);
        *permissions = auth.permissions;
    }
    Ok(())
}

fn routes(node: &Node, issues: &mut Issues) -> Result<Vec<RouteUrl>, String> {
    let Some(list) = node.value.as_list() else {
        return Err(wrong_type(&node.value, "[]interface {}"));
    };
    let mut seen = BTreeSet::new();
    let mut routes = Vec::with_capacity(list.len());
    for item in list {
        let Some(url) = issues.check(&item.at, text(item)) else { continue };
        if !seen.insert(url) {
            issues.warn_field(&item.at, &without_user(url), "Duplicate route entry detected");
            continue;
        }
        match RouteUrl::parse(url) {
            Ok(route) => routes.push(route),
            Err(RouteUrlError::Malformed(reason)) => issues.error(&item.at, reason),
            Err(RouteUrlError::Tls) => {
                issues.not_supported(&item.at, "cluster.routes with tls://".to_owned());
            }
        }
    }
    Ok(routes)
}

fn set_ping_interval(
    node: &Node,
    cluster: &mut RawCluster,
    issues: &mut Issues,
) -> Result<(), String> {
    set_duration(&mut cluster.ping_interval, "ping_interval", node, issues)?;
    if cluster.ping_interval.is_some_and(|interval| interval > ROUTE_PING_INTERVAL_MAX) {
        cluster.ping_interval = Some(ROUTE_PING_INTERVAL_MAX);
        let max = crate::go::show_duration(ROUTE_PING_INTERVAL_MAX);
        let reason =
            format!("Cluster 'ping_interval' will reset to {max} which is the max for routes");
        issues.warn(&node.at, reason);
    }
    Ok(())
}

fn set_compression(
    key: &str,
    node: &Node,
    cluster: &mut RawCluster,
    issues: &mut Issues,
) -> Result<(), String> {
    if node.value.as_text().is_some() {
        return set_mode(node, cluster, issues);
    }
    match node.value.as_bool() {
        Some(false) => {
            cluster.compression = Some(RouteCompression::Off);
            return Ok(());
        }
        Some(true) => {
            issues.not_supported(&node.at, "cluster.compression s2_fast".to_owned());
            return Ok(());
        }
        None => {}
    }
    let Some(map) = node.value.as_map() else {
        let (key, found) = (quote(key), node.value.go_type());
        return Err(format!("field {key} should be a boolean or a structure, got {found}"));
    };
    let block = "cluster.compression.";
    each_setting(block, COMPRESSION, map, issues, |Setting { id, node, .. }, issues| {
        let result = match id {
            CompressionOption::Mode => set_mode(node, cluster, issues),
            CompressionOption::RttThresholds => check_thresholds(node),
        };
        issues.check(&node.at, result);
    });
    Ok(())
}

fn set_mode(node: &Node, cluster: &mut RawCluster, issues: &mut Issues) -> Result<(), String> {
    let mode = text(node)?;
    cluster.compression = match mode.to_lowercase().as_str() {
        "" => None,
        "not supported" | "not_supported" => Some(RouteCompression::NotSupported),
        "disabled" | "off" | "false" => Some(RouteCompression::Off),
        "accept" => Some(RouteCompression::Accept),
        "on" | "enabled" | "true" | "fast" | "s2_fast" | "better" | "s2_better" | "best"
        | "s2_best" | "auto" | "s2_auto" => {
            issues.not_supported(&node.at, format!("cluster.compression {mode}"));
            return Ok(());
        }
        _ => return Err(format!("unsupported compression mode {}", quote(mode))),
    };
    Ok(())
}

/// They have no effect on the modes that are supported, but must be durations.
fn check_thresholds(node: &Node) -> Result<(), String> {
    let Some(list) = node.value.as_list() else {
        return Err(wrong_type(&node.value, "[]interface {}"));
    };
    list.iter().try_for_each(|item| parse_duration(text(item)?).map(drop))
}
