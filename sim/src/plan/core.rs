//! The core: the part of a cluster that is healed while the rest stays as broken as it is.

use super::{Plan, Site};
use crate::history::Core;
use crate::ids::{ClientId, NodeId};

impl Plan {
    /// Whether the node is healed in the end.
    #[must_use]
    pub fn is_core(&self, node: NodeId) -> bool {
        self.core.as_ref().is_none_or(|core| core.contains(&node))
    }

    /// Whether a place is healed in the end. Clients stand where their servers do.
    #[must_use]
    pub(super) fn is_core_site(&self, site: Site) -> bool {
        let stands_in = |region| {
            (0..).map(NodeId).zip(&self.nodes).any(|(id, n)| n.region == region && self.is_core(id))
        };
        match site {
            Site::Node(node) => self.is_core(node),
            Site::Clients(region) => stands_in(region),
        }
    }

    /// Whether one of the client's servers is healed in the end.
    #[must_use]
    pub(super) fn has_core_server(&self, client: ClientId) -> bool {
        let client = self.clients.get(client.0 as usize);
        client.is_some_and(|client| client.nodes.iter().any(|node| self.is_core(*node)))
    }

    /// What histories are told of the core.
    pub(super) fn core_info(&self) -> Option<Core> {
        let nodes = self.core.clone()?;
        let clients = (0..).map(ClientId).zip(&self.clients);
        let inside = clients.filter(|(_, client)| client.nodes.iter().all(|n| self.is_core(*n)));
        let left = self.faults.iter().filter(|fault| fault.stays());
        Some(Core {
            nodes,
            clients: inside.map(|(id, _)| id).collect(),
            left: left.map(|fault| fault.id).collect(),
        })
    }
}
