//! A scenario file as it stands there: which keys there are, and of which TOML type. Every value
//! keeps its place, so that problems found later can point at it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

/// A text with its place.
pub(super) type Text = Spanned<String>;
/// A value that may be written in more than one type (`200` or `"100..300"`).
pub(super) type Any = Spanned<Value>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    pub(super) schema: Spanned<i64>,
    pub(super) name: Text,
    #[serde(default)]
    pub(super) about: Option<Text>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) run: RawRun,
    #[serde(default)]
    pub(super) network: RawNetwork,
    #[serde(default)]
    pub(super) link: BTreeMap<String, Spanned<RawLink>>,
    #[serde(default)]
    pub(super) region: BTreeMap<String, Spanned<RawRegion>>,
    #[serde(default)]
    pub(super) path: Vec<Spanned<RawPath>>,
    #[serde(default)]
    pub(super) client: Vec<Spanned<RawClient>>,
    #[serde(default)]
    pub(super) fault: Vec<Spanned<RawFault>>,
    #[serde(default)]
    pub(super) guarantee: BTreeMap<String, Spanned<RawGuarantee>>,
    #[serde(default)]
    pub(super) coverage: Option<RawCoverage>,
    #[serde(default)]
    pub(super) extends: Option<Any>,
    #[serde(default)]
    pub(super) stream: Option<Any>,
    #[serde(default)]
    pub(super) kv: Option<Any>,
    #[serde(default)]
    pub(super) program: Option<Any>,
    #[serde(default)]
    pub(super) swarm: Option<Any>,
    #[serde(default)]
    pub(super) param: Option<Any>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRun {
    #[serde(default)]
    pub(super) seeds: Option<Any>,
    pub(super) duration: Text,
    #[serde(default)]
    pub(super) settle: Option<Text>,
    #[serde(default)]
    pub(super) engines: Vec<Text>,
    #[serde(default)]
    pub(super) max_events: Option<Any>,
    #[serde(default)]
    pub(super) determinism_check: Option<Any>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    #[serde(default)]
    pub(super) tcp_timeout: Option<Any>,
    #[serde(default)]
    pub(super) window: Option<Any>,
    #[serde(default)]
    pub(super) chunking: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLink {
    pub(super) latency: Any,
    #[serde(default)]
    pub(super) jitter: Option<Any>,
    #[serde(default)]
    pub(super) dist: Option<Text>,
    #[serde(default)]
    pub(super) loss: Option<Any>,
    #[serde(default)]
    pub(super) bandwidth: Option<Any>,
    #[serde(default)]
    pub(super) duplicate: Option<Any>,
    #[serde(default)]
    pub(super) reorder: Option<Any>,
    #[serde(default)]
    pub(super) mtu: Option<Any>,
    #[serde(default)]
    pub(super) queue: Option<Any>,
    #[serde(default)]
    pub(super) bias: Option<Any>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegion {
    #[serde(default)]
    pub(super) cluster: Option<Text>,
    pub(super) nodes: Any,
    pub(super) link: Text,
    #[serde(default)]
    pub(super) routes: Option<Vec<Text>>,
    #[serde(default)]
    pub(super) start: Option<Any>,
    #[serde(default)]
    pub(super) config: RawConfig,
    #[serde(default)]
    pub(super) zones: Option<Any>,
    #[serde(default)]
    pub(super) version: Option<Any>,
    #[serde(default)]
    pub(super) disk: Option<Any>,
}

/// nats-server's option names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(default)]
    pub(super) max_pending: Option<Any>,
    #[serde(default)]
    pub(super) max_payload: Option<Any>,
    #[serde(default)]
    pub(super) max_control_line: Option<Any>,
    #[serde(default)]
    pub(super) max_connections: Option<Any>,
    #[serde(default)]
    pub(super) max_subscriptions: Option<Any>,
    #[serde(default)]
    pub(super) write_deadline: Option<Any>,
    #[serde(default)]
    pub(super) ping_interval: Option<Any>,
    #[serde(default)]
    pub(super) ping_max: Option<Any>,
    #[serde(default)]
    pub(super) no_fast_producer_stall: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) lame_duck_duration: Option<Any>,
    #[serde(default)]
    pub(super) lame_duck_grace_period: Option<Any>,
    #[serde(default)]
    pub(super) cluster: RawCluster,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    #[serde(default)]
    pub(super) pool_size: Option<Any>,
    #[serde(default)]
    pub(super) accounts: Option<Vec<String>>,
    #[serde(default)]
    pub(super) connect_retries: Option<Any>,
    #[serde(default)]
    pub(super) connect_backoff: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) no_advertise: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) ping_interval: Option<Any>,
    #[serde(default)]
    pub(super) ping_max: Option<Any>,
    #[serde(default)]
    pub(super) write_deadline: Option<Any>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPath {
    pub(super) between: Vec<Text>,
    pub(super) link: Text,
    #[serde(default)]
    pub(super) via: Option<Text>,
    #[serde(default)]
    pub(super) one_way: Option<Any>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub(super) id: Text,
    pub(super) at: Text,
    #[serde(default)]
    pub(super) count: Option<Any>,
    pub(super) role: Text,
    pub(super) subject: Text,
    #[serde(default)]
    pub(super) queue: Option<Text>,
    #[serde(default)]
    pub(super) rate: Option<Any>,
    #[serde(default)]
    pub(super) every: Option<Any>,
    #[serde(default)]
    pub(super) burst: Option<Any>,
    #[serde(default)]
    pub(super) size: Option<Any>,
    #[serde(default)]
    pub(super) stop_after: Option<Any>,
    #[serde(default)]
    pub(super) start: Option<Any>,
    #[serde(default)]
    pub(super) stop: Option<Any>,
    #[serde(default)]
    pub(super) timeout: Option<Any>,
    #[serde(default)]
    pub(super) max: Option<Any>,
    #[serde(default)]
    pub(super) churn: Option<Any>,
    #[serde(default)]
    pub(super) headers: Option<Any>,
    #[serde(default)]
    pub(super) echo: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) read_rate: Option<Any>,
    #[serde(default)]
    pub(super) ping: Option<Any>,
    #[serde(default)]
    pub(super) reconnect: RawReconnect,
    #[serde(default)]
    pub(super) on_disconnect: Option<Any>,
    #[serde(default)]
    pub(super) ack: Option<Any>,
    #[serde(default)]
    pub(super) msg_id: Option<Any>,
    #[serde(default)]
    pub(super) stream: Option<Any>,
    #[serde(default)]
    pub(super) bucket: Option<Any>,
    #[serde(default)]
    pub(super) keys: Option<Any>,
    #[serde(default)]
    pub(super) mix: Option<Any>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReconnect {
    #[serde(default)]
    pub(super) wait: Option<Any>,
    #[serde(default)]
    pub(super) jitter: Option<Any>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    #[serde(default)]
    pub(super) at: Option<Any>,
    #[serde(default)]
    pub(super) when: Option<Any>,
    #[serde(default, rename = "for")]
    pub(super) lasts: Option<Any>,
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) shape: Option<Text>,
    #[serde(default)]
    pub(super) on: Option<Text>,
    #[serde(default)]
    pub(super) between: Option<Spanned<Vec<Text>>>,
    #[serde(default)]
    pub(super) direction: Option<Text>,
    #[serde(default)]
    pub(super) latency: Option<Any>,
    #[serde(default)]
    pub(super) jitter: Option<Any>,
    #[serde(default)]
    pub(super) loss: Option<Any>,
    #[serde(default)]
    pub(super) bandwidth: Option<Any>,
    #[serde(default)]
    pub(super) period: Option<Any>,
    #[serde(default)]
    pub(super) duty: Option<Any>,
    #[serde(default)]
    pub(super) port: Option<Text>,
    #[serde(default)]
    pub(super) stagger: Option<Any>,
    #[serde(default)]
    pub(super) after: Option<Any>,
    #[serde(default)]
    pub(super) ending: Option<Text>,
    #[serde(default)]
    pub(super) bytes: Option<Any>,
    #[serde(default)]
    pub(super) every: Option<Any>,
    #[serde(default)]
    pub(super) address: Option<Text>,
    #[serde(default)]
    pub(super) answer: Option<Text>,
    #[serde(default)]
    pub(super) factor: Option<Any>,
    #[serde(default)]
    pub(super) base: Option<Any>,
    #[serde(default)]
    pub(super) by: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuarantee {
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) scope: Option<Text>,
    #[serde(default)]
    pub(super) during: Option<Text>,
    #[serde(default)]
    pub(super) within: Option<Any>,
    #[serde(default)]
    pub(super) grace: Option<Any>,
    #[serde(default)]
    pub(super) p99: Option<Any>,
    #[serde(default)]
    pub(super) success: Option<Any>,
    #[serde(default)]
    pub(super) min: Option<Any>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCoverage {
    #[serde(default)]
    pub(super) sometimes: Vec<Text>,
}
