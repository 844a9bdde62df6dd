//! What a running server knows of itself beside its node.

use causeway_config::Config;
use causeway_core::Wall;
use causeway_core::config::HostPort;

use crate::boot::Storage;
use crate::process::Process;

/// The state that reload changes and monitoring shows.
pub struct Running {
    /// The configuration in force.
    pub config: Config,
    /// When it was read.
    pub config_loaded: Wall,
    /// Where streams are, and how much there may be; `None` if there are none.
    pub storage: Option<Storage>,
    /// Where the server listens.
    pub listening: Listening,
    /// Measures the process.
    pub process: Process,
}

/// Listeners with their real ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The client listener; the host is as configured.
    pub client: HostPort,
    /// What INFO says instead, which `client_advertise` may change.
    pub announced: HostPort,
    /// The cluster listener.
    pub cluster: Option<HostPort>,
    /// The monitoring listener.
    pub monitor: Option<HostPort>,
}
