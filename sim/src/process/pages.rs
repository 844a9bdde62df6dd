//! What monitoring ports answer, as far as it is used. Both servers have the same pages.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// `/routez`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Routez {
    pub(super) routes: Vec<Route>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Route {
    pub(super) rid: u64,
    pub(super) remote_name: String,
    pub(super) ip: String,
    pub(super) port: u16,
    pub(super) account: String,
    pub(super) pending_size: u64,
    pub(super) in_msgs: u64,
    pub(super) out_msgs: u64,
    pub(super) subscriptions: u64,
    pub(super) subscriptions_list_detail: Vec<Subscription>,
}

/// `/connz`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Connz {
    pub(super) connections: Vec<Connection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Connection {
    pub(super) cid: u64,
    pub(super) ip: String,
    pub(super) port: u16,
    pub(super) pending_bytes: u64,
    pub(super) in_msgs: u64,
    pub(super) in_bytes: u64,
    pub(super) out_msgs: u64,
    pub(super) out_bytes: u64,
    pub(super) subscriptions: u64,
}

/// `/subsz`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subsz {
    pub(super) num_subscriptions: u64,
    pub(super) num_inserts: u64,
    pub(super) num_removes: u64,
    pub(super) subscriptions_list: Vec<Subscription>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscription {
    pub(super) account: String,
    pub(super) subject: String,
    pub(super) qgroup: String,
    pub(super) sid: String,
    pub(super) cid: u64,
}

/// `/varz`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Varz {
    pub(super) connect_urls: Vec<String>,
    pub(super) connections: u64,
    pub(super) routes: u64,
    pub(super) remotes: u64,
    pub(super) in_msgs: u64,
    pub(super) in_bytes: u64,
    pub(super) out_msgs: u64,
    pub(super) out_bytes: u64,
    pub(super) in_client_msgs: u64,
    pub(super) in_client_bytes: u64,
    pub(super) out_client_msgs: u64,
    pub(super) out_client_bytes: u64,
    pub(super) subscriptions: u64,
    pub(super) stalled_clients: u64,
    pub(super) slow_consumer_stats: ByKind,
    pub(super) stale_connection_stats: ByKind,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ByKind {
    pub(super) clients: u64,
    pub(super) routes: u64,
}

/// The file with the ports of a server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ports {
    pub(super) nats: Vec<String>,
    pub(super) monitoring: Vec<String>,
    pub(super) cluster: Vec<String>,
}

/// Reads a page. Lists that are empty may be `null`.
pub(super) fn read<T: DeserializeOwned>(page: &[u8]) -> Result<T, String> {
    let mut value: serde_json::Value =
        serde_json::from_slice(page).map_err(|error| error.to_string())?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_whatever_else_they_hold() {
        let page = br#"{"x":1,"routes":[{"rid":5,"remote_name":"a/1","ip":"1.2.3.4","port":9}]}"#;
        let routez: Routez = read(page).unwrap();
        assert_eq!((routez.routes[0].rid, routez.routes[0].port), (5, 9));
        let subsz: Subsz = read(br#"{"num_subscriptions":3,"subscriptions_list":null}"#).unwrap();
        assert_eq!((subsz.num_subscriptions, subsz.subscriptions_list.len()), (3, 0));
        assert!(read::<Varz>(b"<html>").is_err());
    }
}
