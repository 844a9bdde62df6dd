//! nats-server 2.15.1's defaults, in one place. Source: its `server/const.go` and a running one.

use std::time::Duration;

/// `host`, and the host of every other listener that names none.
pub const HOST: &str = "0.0.0.0";
/// `port`.
pub const PORT: u16 = 4222;
/// The port of a route URL without one. nats-server has none and fails to dial such a URL.
pub const ROUTE_PORT: u16 = 6222;
/// `http_base_path`.
pub const HTTP_BASE_PATH: &str = "/";
/// `max_connections`.
pub const MAX_CONNECTIONS: u64 = 64 * 1024;
/// `max_control_line`, bytes.
pub const MAX_CONTROL_LINE: u32 = 4096;
/// `max_payload`, bytes.
pub const MAX_PAYLOAD: u32 = 1024 * 1024;
/// A larger `max_payload` than this, in bytes, is worth a warning in the log at start.
pub const MAX_PAYLOAD_SENSIBLE: u32 = 8 * 1024 * 1024;
/// `max_pending`, bytes.
pub const MAX_PENDING: u64 = 64 * 1024 * 1024;
/// `write_deadline`.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// `ping_interval`.
pub const PING_INTERVAL: Duration = Duration::from_secs(120);
/// The longest `ping_interval` of a route.
pub const ROUTE_PING_INTERVAL_MAX: Duration = Duration::from_secs(30);
/// `ping_max`.
pub const PING_MAX: u32 = 2;
/// `max_closed_clients`.
pub const MAX_CLOSED_CLIENTS: u32 = 10_000;
/// `lame_duck_duration`.
pub const LAME_DUCK_DURATION: Duration = Duration::from_secs(120);
/// The shortest `lame_duck_duration`.
pub const LAME_DUCK_DURATION_MIN: Duration = Duration::from_secs(30);
/// `lame_duck_grace_period`.
pub const LAME_DUCK_GRACE_PERIOD: Duration = Duration::from_secs(10);
/// `connect_error_reports`.
pub const CONNECT_ERROR_REPORTS: u32 = 3600;
/// `reconnect_error_reports`.
pub const RECONNECT_ERROR_REPORTS: u32 = 1;
/// `authorization.timeout`, for clients and for routes.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(2);
/// A longer `authorization.timeout` than this is worth a warning.
pub const AUTH_TIMEOUT_SENSIBLE: Duration = Duration::from_secs(60);
/// `cluster.pool_size`.
pub const ROUTE_POOL_SIZE: u32 = 3;
/// The system account, which always has a route connection of its own.
pub const SYSTEM_ACCOUNT: &str = "$SYS";

// `jetstream`.

/// The folder below `store_dir` that holds everything.
pub const STORE_FOLDER: &str = "jetstream";
/// The folder of the system's one for temporary files that stands in for `store_dir`.
pub const TEMPORARY_STORE_FOLDER: &str = "nats";
/// `max_memory_store` where the machine's memory is unknown, bytes.
pub const MAX_MEMORY_STORE: u64 = 256 << 20;
/// `max_file_store` where the free space is unknown, bytes.
pub const MAX_FILE_STORE: u64 = 1 << 40;
/// `request_queue_limit`.
pub const REQUEST_QUEUE_LIMIT: u32 = 10_000;
/// `limits.default_max_consumers`.
pub const MAX_CONSUMERS: u64 = 1000;
/// `max_buffered_msgs`.
pub const MAX_BUFFERED_MSGS: u32 = 100_000;
/// `max_buffered_size`, bytes.
pub const MAX_BUFFERED_SIZE: u64 = 128 << 20;
/// The range of `max_concurrent_io`.
pub const MAX_CONCURRENT_IO_RANGE: std::ops::RangeInclusive<i64> = 4..=8192;

// `cluster.buffer`, which nats-server does not have.

/// `max_bytes`.
pub const BUFFER_MAX_BYTES: u64 = 1 << 30;
