//! `/routez`: connections to the other servers of the cluster.

use causeway_config::{Cluster, RouteCompression, SubjectPermission};
use causeway_core::monitor::RouteReport;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::query::{BadQuery, Query, Subscriptions};
use super::subscription::{SubscriptionDetail, detail_of_remote, subjects};
use super::{rtt, span, time};
use crate::text::uptime;

#[derive(Serialize)]
pub(super) struct Routez {
    server_id: String,
    server_name: String,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<Permission>,
    num_routes: usize,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Permission {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

#[derive(Serialize)]
struct Route {
    rid: u64,
    remote_id: String,
    remote_name: String,
    did_solicit: bool,
    is_configured: bool,
    ip: String,
    port: u16,
    start: String,
    last_activity: String,
    rtt: String,
    uptime: String,
    idle: String,
    pending_size: u64,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubscriptionDetail>,
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    compression: &'static str,
}

pub(super) fn routez(
    node: &Node,
    cluster: Option<&Cluster>,
    query: &Query,
    now: Wall,
) -> Result<Routez, BadQuery> {
    let asked = query.subscriptions()?;
    let server = node.server_report();
    let reports = node.route_reports(asked != Subscriptions::Count);
    let permissions = cluster.and_then(|cluster| cluster.permissions.as_ref());
    let permission = |which: Option<&SubjectPermission>| {
        which.map(|permission| Permission {
            allow: permission.allow.clone().unwrap_or_default(),
            deny: permission.deny.clone(),
        })
    };
    // Compressed routes are not supported, so what was negotiated is one of these two.
    let compression = match cluster.map(|cluster| cluster.compression) {
        Some(RouteCompression::NotSupported) => RouteCompression::NotSupported.as_str(),
        Some(RouteCompression::Off | RouteCompression::Accept) | None => "off",
    };
    Ok(Routez {
        server_id: server.server_id,
        server_name: server.server_name,
        now: time(now),
        import: permission(permissions.and_then(|p| p.import.as_ref())),
        export: permission(permissions.and_then(|p| p.export.as_ref())),
        num_routes: reports.len(),
        routes: reports.into_iter().map(|r| route(r, asked, compression, now)).collect(),
    })
}

fn route(report: RouteReport, asked: Subscriptions, compression: &'static str, now: Wall) -> Route {
    let (subscriptions_list, subscriptions_list_detail) = match asked {
        Subscriptions::Count => (Vec::new(), Vec::new()),
        Subscriptions::Subjects => (subjects(report.subscriptions), Vec::new()),
        Subscriptions::Detail => {
            let dedicated = !report.account.is_empty();
            (Vec::new(), detail_of_remote(report.subscriptions, dedicated))
        }
    };
    Route {
        rid: report.rid,
        remote_id: report.remote_id,
        remote_name: report.remote_name,
        did_solicit: report.did_solicit,
        is_configured: report.is_configured,
        ip: report.peer.ip().to_string(),
        port: report.peer.port(),
        start: time(report.start),
        last_activity: time(report.last_activity),
        rtt: rtt(report.rtt),
        uptime: uptime(span(report.start, now)),
        idle: uptime(span(report.last_activity, now)),
        pending_size: report.pending_bytes,
        in_msgs: report.received.messages,
        out_msgs: report.sent.messages,
        in_bytes: report.received.bytes,
        out_bytes: report.sent.bytes,
        subscriptions: report.subscription_count,
        subscriptions_list,
        subscriptions_list_detail,
        account: report.account,
        compression,
    }
}
