//! One row for each option: its names, what it takes, its default, and what it does here.
//!
//! The resolver finds every key in these tables, and [`docs`](crate::docs()) is made from them. An
//! option that nats-server has and this version does not have yet is a row too, so that it can be
//! told from a mistake. Source: nats-server's `server/opts.go`, and what a running 2.15.1 accepts.

mod jetstream;
mod rows;

pub(crate) use jetstream::{BATCH, BUFFER, JETSTREAM, LIMITS};
pub(crate) use rows::{AUTHORIZATION, CLUSTER, COMPRESSION, PERMISSIONS, SUBJECTS, TOP, USER};

use crate::value::Value;

/// One option of a block. `S` says which one it is among those that this version has.
#[derive(Debug)]
pub(crate) struct OptionRow<S> {
    pub(crate) key: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) kind: &'static str,
    pub(crate) default: &'static str,
    pub(crate) reload: Reload,
    pub(crate) support: Support<S>,
    pub(crate) doc: &'static str,
}

/// Whether a change of an option takes effect when the configuration is loaded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    Yes,
    /// The reload is refused as a whole.
    No,
}

/// What an option does here.
#[derive(Debug)]
pub(crate) enum Support<S> {
    /// All that it does in nats-server.
    Full(S),
    /// It is checked, and has no effect.
    NoEffect(S),
    /// It is refused, unless its value means that nothing is wanted.
    NotYet(IsOff),
}

/// Whether a value of an unsupported option asks for nothing.
pub(crate) type IsOff = fn(&Value) -> bool;

/// The row of a key. Keys are the same in upper and lower case.
pub(crate) fn find<S>(rows: &'static [OptionRow<S>], key: &str) -> Option<&'static OptionRow<S>> {
    let key = key.to_lowercase();
    rows.iter().find(|row| row.key == key || row.aliases.contains(&key.as_str()))
}

/// Options outside of all blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    Listen,
    Host,
    Port,
    ClientAdvertise,
    ServerName,
    Http,
    HttpPort,
    HttpBasePath,
    Log(LogOption),
    Limit(LimitOption),
    PidFile,
    PortsFileDir,
    PingInterval,
    PingMax,
    WriteDeadline,
    NoFastProducerStall,
    NoHeaderSupport,
    LameDuckDuration,
    LameDuckGracePeriod,
    ConnectErrorReports,
    ReconnectErrorReports,
    Authorization,
    NoAuthUser,
    Cluster,
    JetStream,
    StoreDir,
    ServerTags,
    ServerMetadata,
    DisableSublistCache,
    ProfPort,
    /// Any number is fine.
    UnusedNumber,
    /// Any boolean is fine.
    UnusedSwitch,
}

/// Options of logging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogOption {
    Debug,
    Trace,
    TraceVerbose,
    Logtime,
    LogtimeUtc,
    LogFile,
    LogSizeLimit,
    LogMaxNum,
    MaxTracedMsgLen,
}

/// Limits of client connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitOption {
    Connections,
    Subscriptions,
    SubscriptionTokens,
    ControlLine,
    Payload,
    Pending,
    ClosedClients,
}

/// Options of `cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterOption {
    Name,
    Listen,
    Host,
    Port,
    Authorization,
    Permissions,
    Routes,
    Advertise,
    NoAdvertise,
    ConnectRetries,
    ConnectBackoff,
    PoolSize,
    Accounts,
    Compression,
    PingInterval,
    PingMax,
    WriteDeadline,
    Buffer,
}

/// Options of `jetstream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JetStreamOption {
    Enabled,
    StoreDir,
    MaxMemory,
    MaxStore,
    Domain,
    Strict,
    SyncInterval,
    RequestQueueLimit,
    MaxBufferedMsgs,
    MaxBufferedSize,
    Limits,
    Key,
    PrevKey,
    Cipher,
    ExtensionHint,
    Unused(UnusedOption),
}

/// Options of `jetstream` that are checked and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnusedOption {
    UniqueTag,
    InfoQueueLimit,
    MetaCompact,
    MetaCompactSize,
    MetaCompactSync,
    MaxConcurrentIo,
    MaxOutstandingCatchup,
}

/// Options of `jetstream.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamLimitOption {
    MaxAckPending,
    MaxRequestBatch,
    DefaultMaxConsumers,
    MaxHaAssets,
    DuplicateWindow,
    Batch,
}

/// Options of `jetstream.limits.batch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchOption {
    MaxInflightPerStream,
    MaxInflightTotal,
    MaxMsgs,
    Timeout,
}

/// Options of `cluster.buffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferOption {
    Subjects,
    MaxBytes,
    MaxMsgs,
    MaxAge,
    Overflow,
}

/// Options of `authorization`, outside of and inside of `cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizationOption {
    User,
    Password,
    Token,
    Timeout,
    Users,
    Permissions,
}

/// Options of one entry of `users`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserOption {
    User,
    Password,
}

/// Options of `cluster.permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermissionsOption {
    Import,
    Export,
    AllowResponses,
}

/// Options of `import` and `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectsOption {
    Allow,
    Deny,
}

/// Options of `compression`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompressionOption {
    Mode,
    RttThresholds,
}
