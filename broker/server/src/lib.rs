//! The broker on tokio: sockets, timers, signals, logs, monitoring; the `causeway` binary.
//!
//! [`driver`] hosts the state machine of the `core` crate, [`disk`] carries out what it asks of files; [`server`] puts a log, files and
//! [`monitor`]ing around it; [`boot`] starts all that from a command line.
#![forbid(unsafe_code)]

pub mod boot;
pub mod disk;
pub mod driver;
mod files;
pub mod log;
pub mod monitor;
pub mod process;
mod reload;
pub mod running;
pub mod server;
mod signals;
pub mod text;
