//! nats-server's configuration: its language, its options and its command line, resolved into one
//! [`Config`].
//!
//! ```text
//! arguments ── Flags::parse ──> Action ─┬─> Flags ──┐
//!                                       └─> Help, Version, Signal, …
//! files, environment ── Source ─────────────────────┴─> Config::load ──> Config, warnings
//! old Config, new Config ── reload::diff ──> changes, or what cannot change while running
//! ```
//!
//! Nothing here prints, exits, or reads a file or a variable by itself: a [`Source`] is asked for
//! those, and everything else is a function of its arguments. [`parse`] is the whole language on
//! its own: bytes in, a tree with positions or an error out. No input makes anything here panic or
//! run for long; [`limits`] has the bounds.
//!
//! The words of errors, warnings and log lines are nats-server 2.15.1's, because people and
//! programs look for them; `tests/data` holds what a real one answered. Where this crate is
//! stricter, it is in the documentation of [`parse`] and [`Config::load`].
//!
//! ```
//! use causeway_config::{Action, Config, Flags, MemorySource};
//!
//! let files = MemorySource::new().with_file("nats.conf", "port: 5222, max_payload: 2MB");
//! let Action::Run(flags) = Flags::parse(["-c", "nats.conf", "-p", "-1"])? else {
//!     return Ok(());
//! };
//! let (config, warnings) = Config::load(&flags, &files)?;
//! assert_eq!(config.limits.max_payload, 2 << 20);
//! assert_eq!(config.port.to_string(), "-1", "flags win over the file");
//! assert!(warnings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod config;
pub mod defaults;
mod digest;
mod docs;
mod error;
mod flags;
mod go;
mod language;
pub mod limits;
mod load;
mod options;
pub mod reload;
mod resolve;
mod source;
pub mod url;
mod value;

pub use config::{
    Advertise, Auth, AuthMethod, BatchLimits, Cipher, Cluster, Config, Credentials, JetStream,
    JetStreamLimits, LameDuck, Limits, LinkBuffer, ListenPort, Logging, Monitor, Overflow,
    RouteCompression, RoutePermissions, Secret, SubjectPermission, SyncPolicy,
};
pub use digest::{digest, json};
pub use docs::docs;
pub use error::{ConfigError, LoadError, ParseError, ParseLimit, Position, Warning};
pub use flags::{Action, FlagError, Flags, HELP_TLS, SignalCommand, usage};
pub use go::friendly_bytes;
pub use language::{parse, parse_file};
pub use source::{MemorySource, Source, SystemSource};
pub use url::RouteUrl;
pub use value::{DateTime, Map, Node, Value};
