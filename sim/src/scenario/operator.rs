//! What operators do on purpose: servers come, go, are configured anew and are replaced.

use super::{ConfigSpec, Draw, RouteTarget};

/// A new configuration for running nodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReloadSpec {
    /// What changes.
    pub config: ConfigSpec,
    /// The routes from now on; `None` leaves them.
    pub routes: Option<Vec<RouteTarget>>,
}

/// Nodes that are replaced one by one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpgradeSpec {
    /// By what.
    pub to: Release,
    /// From one node to the next, in nanoseconds.
    pub every: Draw,
}

/// What a server says it is, and what it can do with its peers.
///
/// There is one broker in the simulator. A release is what peers see of another one: the version that
/// it announces, and whether it has a pool of connections. Its timers, its bugs and what it makes of
/// the protocol are this version's. So it does not announce to be built with Go either: two servers
/// that dial each other decide by that which connection stays, and this one decides as we do.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Release {
    /// This version, as it is configured.
    #[default]
    Causeway,
    /// This version without pools, as an early one was.
    CausewayUnpooled,
    /// The version of nats-server 2.9, which has no pools.
    Nats2_9,
    /// The version of nats-server 2.10, which has pools.
    Nats2_10,
}

impl Release {
    /// All.
    pub const ALL: [Self; 4] =
        [Self::Causeway, Self::CausewayUnpooled, Self::Nats2_9, Self::Nats2_10];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Causeway => "causeway",
            Self::CausewayUnpooled => "causeway-unpooled",
            Self::Nats2_9 => "nats-2.9",
            Self::Nats2_10 => "nats-2.10",
        }
    }

    /// Whether it has several connections to each peer, if it is configured so.
    #[must_use]
    pub const fn has_pools(self) -> bool {
        matches!(self, Self::Causeway | Self::Nats2_10)
    }

    /// The version that it announces; `None` is our own.
    #[must_use]
    pub const fn version(self) -> Option<&'static str> {
        match self {
            Self::Causeway | Self::CausewayUnpooled => None,
            Self::Nats2_9 => Some("2.9.25"),
            Self::Nats2_10 => Some("2.10.29"),
        }
    }
}
