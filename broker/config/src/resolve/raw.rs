//! What a file and the flags say, before defaults: `None` is "not said".

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{
    Cipher, Credentials, JetStreamLimits, ListenPort, Overflow, RouteCompression, RoutePermissions,
    Secret, SyncPolicy,
};
use crate::url::RouteUrl;

/// All options, as far as they are given. Each value has been checked on its own.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) server_name: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<ListenPort>,
    pub(crate) client_advertise: Option<String>,
    pub(crate) http_host: Option<String>,
    pub(crate) http_port: Option<ListenPort>,
    pub(crate) http_base_path: Option<String>,

    pub(crate) debug: bool,
    pub(crate) trace: bool,
    pub(crate) trace_verbose: bool,
    pub(crate) logtime: Option<bool>,
    pub(crate) logtime_utc: bool,
    pub(crate) log_file: Option<String>,
    pub(crate) log_size_limit: Option<u64>,
    pub(crate) log_max_num: Option<u64>,
    pub(crate) max_traced_msg_len: Option<u64>,
    pub(crate) pid_file: Option<String>,
    pub(crate) ports_file_dir: Option<String>,

    pub(crate) max_connections: Option<u64>,
    pub(crate) max_subscriptions: Option<u64>,
    pub(crate) max_subscription_tokens: Option<u8>,
    pub(crate) max_control_line: Option<u32>,
    pub(crate) max_payload: Option<u32>,
    pub(crate) max_pending: Option<u64>,
    pub(crate) max_closed_clients: Option<u32>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) ping_max: Option<u32>,
    pub(crate) write_deadline: Option<Duration>,
    pub(crate) no_fast_producer_stall: bool,
    pub(crate) no_header_support: bool,
    pub(crate) lame_duck_duration: Option<Duration>,
    pub(crate) lame_duck_grace_period: Option<Duration>,
    pub(crate) connect_error_reports: Option<u32>,
    pub(crate) reconnect_error_reports: Option<u32>,

    pub(crate) auth: RawAuth,
    pub(crate) no_auth_user: Option<String>,
    pub(crate) cluster: RawCluster,
    pub(crate) server_tags: Vec<String>,
    pub(crate) server_metadata: BTreeMap<String, String>,

    pub(crate) jetstream: RawJetStream,
    pub(crate) store_dir: Option<String>,
    pub(crate) disable_sublist_cache: bool,
    pub(crate) profile_port: Option<ListenPort>,
}

/// An `authorization` block.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawAuth {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) token: Option<Secret>,
    /// Empty if the list is there and empty: that still excludes the others.
    pub(crate) users: Option<Vec<Credentials>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) permissions: Option<RoutePermissions>,
}

/// The `cluster` block.
#[derive(Debug, Default)]
pub(crate) struct RawCluster {
    pub(crate) name: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<ListenPort>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) auth_timeout: Option<Duration>,
    pub(crate) permissions: Option<RoutePermissions>,
    pub(crate) routes: Vec<RouteUrl>,
    pub(crate) advertise: Option<String>,
    pub(crate) no_advertise: bool,
    pub(crate) connect_retries: u32,
    pub(crate) connect_backoff: bool,
    pub(crate) pool_size: Option<i64>,
    pub(crate) accounts: Vec<String>,
    pub(crate) compression: Option<RouteCompression>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) ping_max: Option<u32>,
    pub(crate) write_deadline: Option<Duration>,
    pub(crate) buffer: Option<RawBuffer>,
}

/// The `jetstream` block.
#[derive(Debug, Default)]
pub(crate) struct RawJetStream {
    pub(crate) enabled: bool,
    pub(crate) max_memory: Option<u64>,
    pub(crate) max_store: Option<u64>,
    pub(crate) domain: Option<String>,
    /// Turned round, so that "not said" is strict.
    pub(crate) not_strict: bool,
    pub(crate) sync: Option<SyncPolicy>,
    pub(crate) request_queue_limit: Option<u32>,
    pub(crate) max_buffered_msgs: Option<u32>,
    pub(crate) max_buffered_size: Option<u64>,
    pub(crate) limits: JetStreamLimits,
    pub(crate) key: Option<String>,
    pub(crate) previous_key: Option<String>,
    pub(crate) cipher: Cipher,
    pub(crate) extension_hint: Option<String>,
}

/// The `cluster.buffer` block.
#[derive(Debug, Default)]
pub(crate) struct RawBuffer {
    pub(crate) subjects: Vec<String>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_msgs: Option<u64>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) overflow: Overflow,
}
