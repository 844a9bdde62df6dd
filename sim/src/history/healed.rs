//! Who is healed in the end, and what nobody can mend: said by the plan, before anything has run.

use crate::ids::{ClientId, NodeId};

/// The part of a cluster that is healed while the rest stays as broken as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Core {
    /// Its nodes, sorted.
    pub nodes: Vec<NodeId>,
    /// Clients all of whose servers are nodes of the core, sorted.
    pub clients: Vec<ClientId>,
    /// The numbers of the faults that are never lifted, sorted.
    pub left: Vec<u32>,
}

/// Something that would have to come back and that no broker can bring back. It follows from the
/// plan alone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unrecoverable {
    /// What.
    pub what: Lost,
    /// Why.
    pub why: Why,
}

/// What cannot come back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lost {
    /// The routes between two nodes, the low one first.
    Routes(NodeId, NodeId),
    /// A client's connection.
    Connection(ClientId),
}

/// Why something cannot come back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Why {
    /// A fault that is never lifted holds one of the nodes.
    Held,
    /// A fault that is never lifted stands between them.
    Severed,
    /// Their regions are not joined.
    NoPath,
    /// No chain of configured routes that surely lead joins them.
    NoRoute,
    /// Neither has a route to the other, and both are known under wrong addresses.
    Hearsay,
    /// None of the client's servers can be reached.
    NoServer,
}

impl Why {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Severed, Self::NoPath, Self::NoRoute, Self::Hearsay, Self::NoServer];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Severed => "severed",
            Self::NoPath => "no_path",
            Self::NoRoute => "no_route",
            Self::Hearsay => "hearsay",
            Self::NoServer => "no_server",
        }
    }

    /// In words: what follows "because".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Held => "a fault that is never lifted holds one of them",
            Self::Severed => "a fault that is never lifted stands between them",
            Self::NoPath => "no path joins their regions",
            Self::NoRoute => {
                "no chain of configured routes leads surely from one to the other any more"
            }
            Self::Hearsay => {
                "neither has a route to the other, and where others saw them call nobody answers"
            }
            Self::NoServer => "each of its servers is down or cut off from it for good",
        }
    }
}
