//! The small pages: accounts, and what nats-server shows of the parts that this server does not have.

use causeway_config::defaults::SYSTEM_ACCOUNT;
use causeway_core::monitor::Traffic;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::query::{BadQuery, Query};
use super::subsz::Statistics;
use super::{GLOBAL_ACCOUNT, time};

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
        jetstream_enabled: global && node.config().jetstream.is_some(),
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

/// `/`: where to go from here. Links are relative to `base`, the prefix of all paths.
pub(super) fn index(base: &str, version: &str) -> Vec<u8> {
    const LINKS: [(&str, &str); 11] = [
        ("varz", "General"),
        ("connz", "Connections"),
        ("routez", "Routes"),
        ("subsz", "Subscriptions"),
        ("accountz", "Accounts"),
        ("accstatz", "Account Stats"),
        ("jsz", "JetStream"),
        ("bufferz", "Link Buffers"),
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
