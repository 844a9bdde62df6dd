//! The cluster's name. A server without a configured one makes one up and gives it up for a
//! peer's: a configured name wins over a made-up one, the greater of two made-up ones wins.

use alloc::string::String;
use alloc::vec::Vec;

use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::limits;
use crate::link::Link;
use crate::node::Node;
use crate::time::Now;
use crate::trace::TraceEvent;

impl Node {
    /// Whether a peer of this cluster name may join. Takes over its name if ours gives way; then
    /// all other routes are closed, for their peers have to follow (nats-server
    /// `removeAllRoutesExcept`).
    pub(crate) fn agree_on_cluster_name(
        &mut self,
        now: Now,
        slot: u32,
        theirs: &str,
        theirs_dynamic: bool,
        fx: &mut Effects,
    ) -> bool {
        let Some(cluster) = &mut self.cluster else { return false };
        if cluster.name == theirs {
            return true;
        }
        let give_way = cluster.dynamic && (!theirs_dynamic || cluster.name.as_str() < theirs);
        if !give_way {
            return false;
        }
        cluster.name = String::from(theirs);
        if !theirs_dynamic {
            cluster.dynamic = false;
        }
        fx.trace.push(TraceEvent::ClusterName { name: String::from(theirs) });
        let keep = self.links.at(slot).and_then(Link::route).and_then(|r| r.remote_id.clone());
        let others: Vec<u32> = self
            .links
            .iter()
            .filter(|link| link.id.slot != slot && link.is_open())
            .filter(|link| {
                link.route().is_some_and(|route| keep.is_none() || route.remote_id != keep)
            })
            .map(|link| link.id.slot)
            .collect();
        for other in others {
            self.close(now, other, CloseReason::ClusterNameConflict, limits::CLOSE_LINGER, fx);
        }
        self.broadcast_client_info(fx);
        true
    }

    /// The cluster's name, empty if there is no cluster.
    pub(crate) fn cluster_name(&self) -> &str {
        self.cluster.as_ref().map(|cluster| cluster.name.as_str()).unwrap_or_default()
    }
}
