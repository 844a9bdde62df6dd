//! What `/varz` and `/jsz` both show of streams. Fields and their order are nats-server's.

use causeway_config::{JetStream, JetStreamLimits, SyncPolicy};
use causeway_core::Node;
use causeway_core::limits::API_LEVEL;
use causeway_core::monitor::jetstream::{ApiReport, JetStreamReport};
use serde::Serialize;

use crate::boot::Storage;
use crate::running::Running;

/// nats-server's interval, which it shows even if every write is synced.
const SYNC_INTERVAL_NANOS: u128 = 120_000_000_000;

/// The part of `/varz`; without fields if there are no streams.
#[derive(Default, Serialize)]
pub(super) struct JetStreamVarz {
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Settings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Statistics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
}

impl JetStreamVarz {
    pub(super) fn new(node: &Node, running: &Running) -> Self {
        let parts = node.jetstream_report().zip(Settings::of(running));
        parts.map_or_else(Self::default, |(report, settings)| Self {
            config: Some(settings),
            stats: Some(Statistics::new(&report)),
            limits: Limits::of(running),
        })
    }
}

#[derive(Default, Serialize)]
pub(super) struct Settings {
    max_memory: u64,
    max_storage: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    store_dir: String,
    #[serde(skip_serializing_if = "is_zero")]
    sync_interval: u128,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sync_always: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    domain: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

impl Settings {
    /// `None` if there are no streams.
    pub(super) fn of(running: &Running) -> Option<Self> {
        let jetstream = running.config.jetstream.as_ref();
        jetstream.zip(running.storage.as_ref()).map(|(jetstream, storage)| {
            let JetStream { domain, strict, sync, .. } = jetstream;
            let Storage { dir, max_memory, max_store, .. } = storage;
            let (sync_interval, sync_always) = match sync {
                SyncPolicy::BeforeAck => (SYNC_INTERVAL_NANOS, true),
                SyncPolicy::Every(interval) => (interval.as_nanos(), false),
            };
            Self {
                max_memory: *max_memory,
                max_storage: *max_store,
                store_dir: dir.display().to_string(),
                sync_interval,
                sync_always,
                domain: domain.clone().unwrap_or_default(),
                strict: *strict,
            }
        })
    }
}

/// nats-server's `JetStreamStats`, of the server or of an account.
#[derive(Default, Serialize)]
pub(super) struct Statistics {
    pub(super) memory: u64,
    pub(super) storage: u64,
    pub(super) reserved_memory: u64,
    pub(super) reserved_storage: u64,
    pub(super) accounts: u64,
    pub(super) ha_assets: u64,
    pub(super) api: Api,
}

impl Statistics {
    pub(super) fn new(report: &JetStreamReport) -> Self {
        Self {
            memory: report.memory,
            storage: report.storage,
            reserved_memory: report.reserved_memory,
            reserved_storage: report.reserved_storage,
            accounts: report.accounts,
            ha_assets: 0,
            api: Api::new(API_LEVEL, report.api),
        }
    }
}

#[derive(Default, Serialize)]
pub(super) struct Api {
    level: i32,
    total: u64,
    errors: u64,
}

impl Api {
    pub(super) const fn new(level: i32, report: ApiReport) -> Self {
        Self { level, total: report.total, errors: report.errors }
    }
}

#[derive(Serialize)]
pub(super) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_request_batch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ack_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duplicate_window: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_inflight_per_stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_inflight_total: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_timeout: Option<u128>,
    default_max_consumers: i64,
}

impl Limits {
    /// `None` if there are no streams.
    pub(super) fn of(running: &Running) -> Option<Self> {
        let JetStreamLimits {
            max_ack_pending,
            max_request_batch,
            default_max_consumers,
            duplicate_window,
            batch,
        } = &running.config.jetstream.as_ref()?.limits;
        let nanos = |span: std::time::Duration| span.as_nanos();
        let signed = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        Some(Self {
            max_request_batch: *max_request_batch,
            max_ack_pending: *max_ack_pending,
            max_duplicate_window: duplicate_window.map(nanos),
            max_batch_inflight_per_stream: batch.max_inflight_per_stream,
            max_batch_inflight_total: batch.max_inflight_total,
            max_batch_size: batch.max_msgs,
            max_batch_timeout: batch.timeout.map(nanos),
            default_max_consumers: default_max_consumers.map_or(-1, signed),
        })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(value: &u128) -> bool {
    *value == 0
}
