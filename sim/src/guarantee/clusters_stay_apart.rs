//! R6: nodes of two clusters never become one, whatever their configurations dial.
//!
//! A node that reaches one of another cluster must not register it, tell it of interest, send it
//! messages, or send clients to it.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Sym};
use crate::ids::{ClientId, NodeId};

pub(super) struct ClustersStayApart {
    scope: Scope,
}

impl ClustersStayApart {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    fn crosses(&self, view: &View<'_>, a: NodeId, b: NodeId) -> bool {
        !view.network.shares_cluster(a, b) && self.scope.covers_pair(view, a, b)
    }

    fn broken(view: &View<'_>, (a, b): (NodeId, NodeId), what: &str, pen: &mut Pen<'_>) {
        let i = pen.i;
        pen.broken(view, || {
            let of = |node: NodeId| &view.history.header.nodes[usize::from(node.0)];
            let (a, b) = (of(a), of(b));
            let story = format!(
                "{} of cluster {} {what} {} of cluster {}.",
                a.name, a.cluster, b.name, b.cluster
            );
            (story, vec![i])
        });
    }

    /// A client hears of servers: none of another cluster may be among them.
    fn servers(&self, view: &View<'_>, client: ClientId, urls: Sym, pen: &mut Pen<'_>) {
        let node = view.current_conn(client).and_then(|conn| conn.node);
        let Some(node) = node.filter(|&node| self.scope.covers_node(view, node)) else { return };
        let nodes = (0..view.network.node_count()).map(NodeId);
        let strangers = nodes.filter(|&other| !view.network.shares_cluster(node, other));
        let named = |other: &NodeId| {
            let url = view.history.header.nodes[usize::from(other.0)].url.as_str();
            view.history.text(urls).split_whitespace().any(|named| named == url)
        };
        if let Some(other) = strangers.clone().find(named) {
            Self::broken(view, (node, other), "sends a client to", pen);
        }
    }
}

impl Checker for ClustersStayApart {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Wires, Topic::Servers]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest joins nobody")]
        match view.history.events[pen.i].kind {
            // Each attempt is a test; what it comes to, if anything, follows below.
            Kind::WireOpened { from, to, .. } if self.crosses(view, from, to) => pen.held(),
            Kind::RouteUp { node, remote, .. } if self.crosses(view, node, remote) => {
                Self::broken(view, (node, remote), "has a route to", pen);
            }
            Kind::WireSub { from, to, .. } if self.crosses(view, from, to) => {
                Self::broken(view, (from, to), "tells of interest to", pen);
            }
            Kind::WireMsg { from, to, .. } if self.crosses(view, from, to) => {
                Self::broken(view, (from, to), "sends a message to", pen);
            }
            Kind::Servers { client, urls, .. } => self.servers(view, client, urls, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::Kind;
    use crate::ids::WireConn;

    const ID: &str = "clusters_stay_apart";

    fn two_clusters() -> Script {
        let mut s = Script::new();
        s.history.header.nodes[2].cluster = "d".to_owned();
        s.at(1_000);
        for node in [EAST_1, EAST_2, WEST_1] {
            s.node_up(node, 1);
        }
        s.routes_up(EAST_1, EAST_2);
        s.event(Kind::WireOpened { from: WEST_1, to: EAST_1, conn: WireConn(1) });
        s
    }

    #[test]
    fn holds_if_an_attempt_comes_to_nothing() {
        let mut s = two_clusters();
        s.event(Kind::WireOpened { from: EAST_1, to: EAST_2, conn: WireConn(2) });
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_they_join_in_any_way() {
        type Join = fn(&mut Script);
        let joins: [(Join, &str); 4] = [
            (|s| s.route_up(WEST_1, EAST_1), "west/1 of cluster d has a route to east/1"),
            (|s| s.tell(EAST_1, WEST_1, ("a", "", 1)), "east/1 of cluster c tells of interest to"),
            (
                |s| {
                    let client = s.client("pub/1", EAST_1);
                    let msg = s.publish(client, "a");
                    s.cross(EAST_1, WEST_1, "", msg);
                },
                "sends a message to west/1",
            ),
            (
                |s| {
                    let client = s.client("pub/1", EAST_1);
                    let (conn, urls) = (s.conn(client), s.sym("east/1:4222 west/1:4222"));
                    s.event(Kind::Servers { client, conn, urls });
                },
                "east/1 of cluster c sends a client to west/1",
            ),
        ];
        for (join, what) in joins {
            let mut s = two_clusters();
            s.at(2_000);
            join(&mut s);
            let judged = s.judge(ID);
            assert!(judged.broke(2_000).contains(what), "{judged:?}");
        }
    }

    #[test]
    fn is_not_checked_within_one_cluster() {
        let mut s = Script::running();
        s.event(Kind::WireOpened { from: EAST_1, to: WEST_1, conn: WireConn(1) });
        s.tell(EAST_1, WEST_1, ("a", "", 1));
        s.judge(ID).vacuous();
    }
}
