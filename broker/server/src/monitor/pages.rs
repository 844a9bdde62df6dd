//! The small pages: health, and what nats-server shows of the parts that this server does not have.

use causeway_config::defaults::SYSTEM_ACCOUNT;
use causeway_core::monitor::Traffic;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::query::{BadQuery, Query};
use super::subsz::Statistics;
use super::{GLOBAL_ACCOUNT, json, time};

/// `/healthz`: its status code and its body. Without streams a running server is a healthy one.
pub(super) fn healthz(query: &Query) -> Result<(u16, Vec<u8>), BadQuery> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'static str>,
    }
    for name in ["js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details"] {
        query.boolean(name)?;
    }
    let named = |name| !query.text(name).is_empty();
    let error = if named("stream") && !named("account") {
        Some("\"account\" must not be empty when checking stream health")
    } else if named("consumer") && !named("stream") {
        Some("\"stream\" must not be empty when checking consumer health")
    } else {
        None
    };
    let status = if error.is_some() { "error" } else { "ok" };
    let code = if error.is_some() { 400 } else { 200 };
    Ok((code, json::compact(&Health { status, error })))
}

/// `/gatewayz` of a server without gateways.
pub(super) fn gatewayz(node: &Node, now: Wall) -> impl Serialize {
    #[derive(Serialize)]
    struct Gatewayz {
        server_id: String,
        now: String,
        outbound_gateways: Empty,
        inbound_gateways: Empty,
    }
    Gatewayz {
        server_id: node.server_report().server_id,
        now: time(now),
        outbound_gateways: Empty {},
        inbound_gateways: Empty {},
    }
}

/// An object without fields.
#[derive(Default, Serialize)]
pub(super) struct Empty {}

/// `/leafz` of a server without leafnodes.
pub(super) fn leafz(node: &Node, now: Wall) -> impl Serialize {
    #[derive(Serialize)]
    struct Leafz {
        server_id: String,
        now: String,
        leafnodes: u64,
        leafs: [Empty; 0],
    }
    let server_id = node.server_report().server_id;
    Leafz { server_id, now: time(now), leafnodes: 0, leafs: [] }
}

#[derive(Serialize)]
pub(super) struct Accountz {
    server_id: String,
    now: String,
    system_account: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<[&'static str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_detail: Option<AccountDetail>,
}

#[derive(Serialize)]
struct AccountDetail {
    account_name: String,
    update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_system: Option<bool>,
    expired: bool,
    complete: bool,
    jetstream_enabled: bool,
    leafnode_connections: u64,
    client_connections: u64,
    subscriptions: u64,
    name_tag: String,
    sublist_stats: Statistics,
}

/// `/accountz`: there are the global account and the system account.
pub(super) fn accountz(node: &Node, query: &Query, now: Wall) -> Result<Accountz, BadQuery> {
    let name = query.text("acc");
    let server = node.server_report();
    let mut page = Accountz {
        server_id: server.server_id,
        now: time(now),
        system_account: SYSTEM_ACCOUNT,
        accounts: None,
        account_detail: None,
    };
    if name.is_empty() {
        page.accounts = Some([SYSTEM_ACCOUNT, GLOBAL_ACCOUNT]);
        return Ok(page);
    }
    if !super::is_account(name) {
        return Err(BadQuery(format!("Account {name} does not exist")));
    }
    let global = name == GLOBAL_ACCOUNT;
    page.account_detail = Some(AccountDetail {
        account_name: name.to_owned(),
        update_time: time(server.start),
        is_system: (!global).then_some(true),
        expired: false,
        complete: true,
        jetstream_enabled: false,
        leafnode_connections: 0,
        client_connections: if global { server.connections } else { 0 },
        subscriptions: if global { server.subscriptions } else { 0 },
        name_tag: name.to_owned(),
        sublist_stats: if global { node.interest_report().into() } else { Statistics::default() },
    });
    Ok(page)
}

#[derive(Serialize)]
pub(super) struct Accstatz {
    server_id: String,
    now: String,
    account_statz: Vec<AccountStat>,
}

#[derive(Serialize)]
struct AccountStat {
    acc: &'static str,
    name: &'static str,
    conns: u64,
    leafnodes: u64,
    total_conns: u64,
    num_subscriptions: u64,
    sent: Data,
    received: Data,
    slow_consumers: u64,
}

#[derive(Default, Serialize)]
struct Data {
    msgs: u64,
    bytes: u64,
    gateways: Part,
    routes: Part,
    leafs: Part,
}

#[derive(Default, Serialize)]
struct Part {
    msgs: u64,
    bytes: u64,
}

impl Data {
    fn new(all: Traffic, clients: Traffic) -> Self {
        let routes = Part {
            msgs: all.messages.saturating_sub(clients.messages),
            bytes: all.bytes.saturating_sub(clients.bytes),
        };
        Self { msgs: all.messages, bytes: all.bytes, routes, ..Self::default() }
    }
}

/// `/accstatz`: accounts with connections, or with `unused` all.
pub(super) fn accstatz(node: &Node, query: &Query, now: Wall) -> Result<Accstatz, BadQuery> {
    let unused = query.boolean("unused")?;
    let server = node.server_report();
    let empty = |name| AccountStat {
        acc: name,
        name,
        conns: 0,
        leafnodes: 0,
        total_conns: 0,
        num_subscriptions: 0,
        sent: Data::default(),
        received: Data::default(),
        slow_consumers: 0,
    };
    let mut account_statz = Vec::new();
    if unused {
        account_statz.push(empty(SYSTEM_ACCOUNT));
    }
    if unused || server.connections > 0 {
        account_statz.push(AccountStat {
            conns: server.connections,
            total_conns: server.connections,
            num_subscriptions: server.subscriptions,
            sent: Data::new(server.sent, server.sent_to_clients),
            received: Data::new(server.received, server.received_from_clients),
            slow_consumers: server.slow_clients,
            ..empty(GLOBAL_ACCOUNT)
        });
    }
    Ok(Accstatz { server_id: server.server_id, now: time(now), account_statz })
}

/// `/jsz` of a server on which streams are disabled.
pub(super) fn jsz(node: &Node, now: Wall) -> impl Serialize {
    #[derive(Serialize)]
    struct Jsz {
        memory: u64,
        storage: u64,
        reserved_memory: u64,
        reserved_storage: u64,
        accounts: u64,
        ha_assets: u64,
        api: Api,
        server_id: String,
        now: String,
        disabled: bool,
        config: Limits,
        streams: u64,
        consumers: u64,
        messages: u64,
        bytes: u64,
        total: u64,
    }
    #[derive(Serialize)]
    struct Api {
        level: u64,
        total: u64,
        errors: u64,
    }
    #[derive(Serialize)]
    struct Limits {
        max_memory: u64,
        max_storage: u64,
    }
    Jsz {
        memory: 0,
        storage: 0,
        reserved_memory: 0,
        reserved_storage: 0,
        accounts: 0,
        ha_assets: 0,
        api: Api { level: 0, total: 0, errors: 0 },
        server_id: node.server_report().server_id,
        now: time(now),
        disabled: true,
        config: Limits { max_memory: 0, max_storage: 0 },
        streams: 0,
        consumers: 0,
        messages: 0,
        bytes: 0,
        total: 0,
    }
}

/// `/`: where to go from here. Links are relative to `base`, the prefix of all paths.
pub(super) fn index(base: &str, version: &str) -> Vec<u8> {
    const LINKS: [(&str, &str); 10] = [
        ("varz", "General"),
        ("connz", "Connections"),
        ("routez", "Routes"),
        ("subsz", "Subscriptions"),
        ("accountz", "Accounts"),
        ("accstatz", "Account Stats"),
        ("jsz", "JetStream"),
        ("leafz", "LeafNodes"),
        ("gatewayz", "Gateways"),
        ("healthz", "Health Probe"),
    ];
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Causeway</title></head>\n<body>\n",
    );
    page.push_str("<h1>Causeway</h1>\n<p>Compatible with nats-server v");
    page.push_str(version);
    page.push_str("</p>\n<ul>\n");
    for (path, name) in LINKS {
        page.push_str(&format!("<li><a href=\"{base}/{path}\">{name}</a> /{path}</li>\n"));
    }
    page.push_str("</ul>\n</body>\n</html>\n");
    page.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes and bodies are nats-server 2.15.1's, without streams.
    #[test]
    fn health_is_well_without_streams() {
        let health = |query: &str| {
            let (code, body) = healthz(&Query::parse(query)).unwrap();
            (code, String::from_utf8(body).unwrap())
        };
        for query in ["", "js-enabled-only=true", "js-server-only=1", "details=t", "account=X"] {
            assert_eq!(health(query), (200, "{\"status\":\"ok\"}".to_owned()), "{query}");
        }
        let refused = "{\"status\":\"error\",\
                       \"error\":\"\\\"account\\\" must not be empty when checking stream health\"}";
        assert_eq!(health("stream=X"), (400, refused.to_owned()));
        assert!(healthz(&Query::parse("details=maybe")).is_err());
    }
}
