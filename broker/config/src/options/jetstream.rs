//! The tables of `jetstream` and `cluster.buffer`.

use super::rows::{
    BYTES, DIR, LIST_OR_TEXT, MAP, NUMBER, SWITCH, TEXT, TIME, is_empty, not_yet, row,
};
use super::{
    BatchOption, BufferOption, JetStreamOption, OptionRow, Reload, StreamLimitOption, Support,
};

const SIZE: &str = "size in bytes, or text with K, M, G or T";

/// Options of `jetstream`.
#[rustfmt::skip]
pub(crate) static JETSTREAM: &[OptionRow<JetStreamOption>] = {
    use JetStreamOption as Id;
    use Reload::{No, Yes};
    use Support::{Full, NoEffect};
    use super::UnusedOption as Unused;
    &[
    row("enabled", &["enable"], SWITCH, "true", No, Full(Id::Enabled), "`false`: no streams, whatever else is said here"),
    row("store_dir", &["storedir", "store"], DIR, "", No, Full(Id::StoreDir), "the same as outside of the block; not both"),
    row("max_memory_store", &["max_mem_store", "max_mem"], SIZE, "75% of the memory", Yes, Full(Id::MaxMemory), "of all streams in memory; a reload can only raise it"),
    row("max_file_store", &["max_file"], SIZE, "75% of the free space", Yes, Full(Id::MaxStore), "of all streams in files; a reload can only raise it"),
    row("domain", &[], TEXT, "", No, Full(Id::Domain), "streams are reached as `$JS.<domain>.API.>` too; no dots, no wildcards"),
    row("strict", &[], SWITCH, "true", No, Full(Id::Strict), "refuse requests with unknown fields"),
    row("sync_interval", &["sync"], "`always` or duration", "always", No, Full(Id::SyncInterval), "when what is stored becomes durable. Unlike in nats-server, by default before it is acknowledged; a duration is quicker for those who publish one at a time, and a power failure may take back what was acknowledged within it"),
    row("request_queue_limit", &[], NUMBER, "10000", No, Full(Id::RequestQueueLimit), "API requests that may wait"),
    row("max_buffered_msgs", &[], NUMBER, "100000", No, Full(Id::MaxBufferedMsgs), "messages of a stream that may wait to be stored"),
    row("max_buffered_size", &[], SIZE, "134217728", No, Full(Id::MaxBufferedSize), "bytes of these"),
    row("limits", &[], MAP, "", No, Full(Id::Limits), "limits of each stream and consumer"),
    row("key", &["ek", "encryption_key"], TEXT, "", No, Full(Id::Key), "what is stored from now on is encrypted, by a key that only this one opens; nobody should be able to guess it"),
    row("prev_key", &["prev_ek", "prev_encryption_key"], TEXT, "", No, Full(Id::PrevKey), "the `key` until now: `key` takes its place at the next start"),
    row("cipher", &[], TEXT, "aes", No, Full(Id::Cipher), "`chacha` or `aes`: how what is stored from now on is encrypted. nats-server's default is `chacha`, which costs several times as much"),

    row("unique_tag", &[], TEXT, "", No, NoEffect(Id::Unused(Unused::UniqueTag)), "for replicas, which there are not yet"),
    row("extension_hint", &[], TEXT, "", No, NoEffect(Id::ExtensionHint), "for leafnodes, which there are not yet"),
    row("info_queue_limit", &[], NUMBER, "", No, NoEffect(Id::Unused(Unused::InfoQueueLimit)), "all requests wait in one queue"),
    row("max_outstanding_catchup", &[], SIZE, "", No, NoEffect(Id::Unused(Unused::MaxOutstandingCatchup)), "for replicas, which there are not yet"),
    row("meta_compact", &[], NUMBER, "", Yes, NoEffect(Id::Unused(Unused::MetaCompact)), "for replicas, which there are not yet"),
    row("meta_compact_size", &[], SIZE, "", Yes, NoEffect(Id::Unused(Unused::MetaCompactSize)), "for replicas, which there are not yet"),
    row("meta_compact_sync", &[], SWITCH, "", Yes, NoEffect(Id::Unused(Unused::MetaCompactSync)), "for replicas, which there are not yet"),
    row("max_concurrent_io", &[], NUMBER, "", No, NoEffect(Id::Unused(Unused::MaxConcurrentIo)), "4 to 8192; the threads for the disk are few here"),

    not_yet("tpm", &[], MAP, is_empty, "encryption with a key that the machine keeps"),
    ]
};

/// Options of `jetstream.limits`.
#[rustfmt::skip]
pub(crate) static LIMITS: &[OptionRow<StreamLimitOption>] = {
    use Reload::No;
    use StreamLimitOption as Id;
    use Support::{Full, NoEffect};
    &[
    row("max_ack_pending", &[], NUMBER, "none", No, Full(Id::MaxAckPending), "of a consumer; 0: no limit, here and below"),
    row("max_request_batch", &[], NUMBER, "none", No, Full(Id::MaxRequestBatch), "messages of one pull request"),
    row("default_max_consumers", &[], NUMBER, "1000", No, Full(Id::DefaultMaxConsumers), "of a stream that says nothing itself; 0: the default, negative: no limit"),
    row("duplicate_window", &[], TIME, "none", No, Full(Id::DuplicateWindow), "the longest of a stream"),
    row("batch", &[], MAP, "", No, Full(Id::Batch), "messages that are published as a whole"),
    row("max_ha_assets", &[], NUMBER, "", No, NoEffect(Id::MaxHaAssets), "for replicas, which there are not yet"),
    ]
};

/// Options of `jetstream.limits.batch`.
#[rustfmt::skip]
pub(crate) static BATCH: &[OptionRow<BatchOption>] = {
    use BatchOption as Id;
    use Reload::No;
    use Support::Full;
    &[
    row("max_inflight_per_stream", &[], NUMBER, "50", No, Full(Id::MaxInflightPerStream), "batches under way"),
    row("max_inflight_total", &[], NUMBER, "1000", No, Full(Id::MaxInflightTotal), "batches under way in all streams"),
    row("max_msgs", &[], NUMBER, "1000", No, Full(Id::MaxMsgs), "messages of one batch"),
    row("timeout", &[], TIME, "10s", No, Full(Id::Timeout), "how long a batch may pause"),
    ]
};

/// Options of `cluster.buffer`.
#[rustfmt::skip]
pub(crate) static BUFFER: &[OptionRow<BufferOption>] = {
    use BufferOption as Id;
    use Reload::Yes;
    use Support::Full;
    &[
    row("subjects", &[], LIST_OR_TEXT, "", Yes, Full(Id::Subjects), "which messages are kept; must be given"),
    row("max_bytes", &[], BYTES, "1073741824", Yes, Full(Id::MaxBytes), "for one server"),
    row("max_msgs", &[], NUMBER, "none", Yes, Full(Id::MaxMsgs), "for one server"),
    row("max_age", &[], TIME, "none", Yes, Full(Id::MaxAge), "how long a message is kept"),
    row("overflow", &[], TEXT, "refuse", Yes, Full(Id::Overflow), "what happens to a message for which there is no room: `refuse` does not take it, `drop_oldest` does in place of the oldest"),
    ]
};
