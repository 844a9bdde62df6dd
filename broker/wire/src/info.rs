//! INFO: how a server introduces itself to clients, routes, gateways and leafnodes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{self, document};

pub use crate::json::DocumentError;

document! {
    /// The INFO document of every kind of link, in nats-server's field order (its `type Info` and
    /// captured bytes). Fields keep their wire names; an empty string, empty list, zero or false
    /// is left out, except in the nine fields that are always written: `server_id`, `server_name`,
    /// `version`, `proto`, `go`, `host`, `port`, `headers`, `max_payload`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Info {
        /// Public key of the server, 56 characters; see [`crate::hash::server_id`].
        pub server_id: String;
        /// The configured name, or the id.
        pub server_name: String;
        /// Version of the server's protocol and behaviour, as `2.15.1`.
        pub version: String;
        /// To clients 1; to routes 3 (0 oldest, 1 asynchronous INFO, 2 accounts, 3 message
        /// tracing).
        pub proto: i32;
        /// Short commit hash; not sent to routes.
        pub git_commit: String, omitempty;
        /// Version of the toolchain.
        pub go: String;
        /// The listen address as configured or advertised.
        pub host: String;
        /// The listen port.
        pub port: i32;
        /// Whether HPUB and HMSG are understood.
        pub headers: bool;
        /// Whether CONNECT needs credentials.
        pub auth_required: bool, omitempty;
        /// Whether the TLS handshake must follow.
        pub tls_required: bool, omitempty;
        /// Whether a client certificate is asked for.
        pub tls_verify: bool, omitempty;
        /// Whether the TLS handshake may follow.
        pub tls_available: bool, omitempty;
        /// Largest payload, headers included, in bytes.
        pub max_payload: i32;
        /// Whether streams are enabled.
        pub jetstream: bool, omitempty;
        /// `nats-route://host:port/` of a gossiped server, filled in by the one that gossips.
        pub ip: String, omitempty;
        /// Number of the client's connection.
        pub client_id: u64, omitempty;
        /// Address of the client as the server sees it.
        pub client_ip: String, omitempty;
        /// What a client signs to prove its key: 15 characters.
        pub nonce: String, omitempty;
        /// The cluster's name.
        pub cluster: String, omitempty;
        /// Whether that name was made up.
        pub cluster_dynamic: bool, omitempty;
        /// The JetStream domain.
        pub domain: String, omitempty;
        /// `host:port` of servers that a client may connect to, the sender's first.
        pub connect_urls: Vec<String>, omitempty;
        /// The same for websocket clients.
        pub ws_connect_urls: Vec<String>, omitempty;
        /// Lame duck mode: the server is about to close its clients.
        pub ldm: bool, omitempty;
        /// Route or leafnode compression that the sender wants or has chosen.
        pub compression: String, omitempty;
        /// Whether this INFO is the answer to CONNECT.
        pub connect_info: bool, omitempty;
        /// The account that the client or leafnode was bound to.
        pub remote_account: String, omitempty;
        /// Whether that is the system account.
        pub acc_is_sys: bool, omitempty;
        /// Level of the JetStream API.
        pub api_lvl: i32, omitempty;
        /// What the sender imports from its peers; `None` for everything.
        pub import: Option<SubjectPermission>, omitempty;
        /// What the sender exports to its peers; `None` for everything.
        pub export: Option<SubjectPermission>, omitempty;
        /// Leafnode origin clusters: LS+ and LMSG are understood.
        pub lnoc: bool, omitempty;
        /// LS- with an origin cluster is understood.
        pub lnocu: bool, omitempty;
        /// Leafnode support.
        pub ln: bool, omitempty;
        /// Whether the sender answers CONNECT with another INFO.
        pub info_on_connect: bool, omitempty;
        /// Connections between two servers that several accounts share; 0 from peers without pools.
        pub route_pool_size: i32, omitempty;
        /// Which of them this one is; only the soliciting side says so.
        pub route_pool_idx: i32, omitempty;
        /// The account that this route is dedicated to, or that a dedicated route is wanted for.
        pub route_account: String, omitempty;
        /// Ties the request for a dedicated route to its answer.
        pub route_acc_add_reqid: String, omitempty;
        /// 0 as usual, 1 do not pass this on, 2 pass this on in any case.
        pub gossip_mode: u8, omitempty;
        /// The gateway's name: that of the sender's cluster.
        pub gateway: String, omitempty;
        /// Gateway `host:port` of the servers of that cluster.
        pub gateway_urls: Vec<String>, omitempty;
        /// Gateway `host:port` of the sender, told to its routes.
        pub gateway_url: String, omitempty;
        /// A command to the other gateway.
        pub gateway_cmd: u8, omitempty;
        /// The command's data, in base64.
        pub gateway_cmd_payload: String, omitempty;
        /// Mapped replies start with `_GR_.`.
        pub gateway_nrp: bool, omitempty;
        /// All accounts go to interest-only mode at once.
        pub gateway_iom: bool, omitempty;
        /// `host:port` for leafnodes of the sender.
        pub leafnode_urls: Vec<String>, omitempty;
        /// Public curve key of the server.
        pub xkey: String, omitempty;
        /// Version of the link buffers' protocol that the sender speaks; 0 if none. nats-server does
        /// not have it.
        pub causeway_buffer: i32, omitempty;
    }
}

document! {
    /// Subjects that are allowed or denied; no `allow` means all.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct SubjectPermission {
        /// Patterns that are allowed.
        pub allow: Vec<String>, omitempty;
        /// Patterns that are denied.
        pub deny: Vec<String>, omitempty;
    }
}

impl Info {
    /// Reads a document. Unknown fields are ignored, missing ones are empty.
    ///
    /// # Errors
    ///
    /// If the bytes are not one JSON object (or `null`), or a known field has another type.
    pub fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let mut info = Self::default();
        json::update(&mut info, json)?;
        Ok(info)
    }
}

#[cfg(test)]
mod tests;
