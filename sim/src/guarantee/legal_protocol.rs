//! C14: nobody is sent bytes that the protocol does not allow, and no client is scolded for
//! nothing.
//!
//! The simulator's clients follow the protocol, so -ERR is a broker's mistake, with two exceptions
//! that are *excused*: a limit that the scenario's configuration sets (`maximum ...`), and whatever
//! a node says to a client that is slow, that a fault has touched, or that it is about to leave. That a
//! buffer has no room for a message may be said by nodes that have buffers: whether it is so is the
//! business of `refused_when_full`.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Sym};
use crate::ids::{ClientId, ConnNo, NodeId};

pub(super) struct LegalProtocol {
    scope: Scope,
}

impl LegalProtocol {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    fn client_error(
        &self,
        view: &View<'_>,
        client: ClientId,
        conn: ConnNo,
        text: Sym,
        pen: &mut Pen<'_>,
    ) {
        if !self.scope.covers_client(view, client) {
            return;
        }
        let info = &view.history.header.clients[client.0 as usize];
        let text = view.history.text(text);
        if is_excused(view, client, conn, text) {
            pen.excused();
            return;
        }
        let i = pen.i;
        pen.broken(view, || (format!("{} was sent: {text}", info.name), vec![i]));
    }

    fn wire_error(&self, view: &View<'_>, from: NodeId, to: NodeId, text: Sym, pen: &mut Pen<'_>) {
        if !self.scope.covers_pair(view, from, to) {
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
            let text = view.history.text(text);
            let story = format!(
                "{} sent {} bytes that are not the route protocol: {text}",
                name(from),
                name(to)
            );
            (story, vec![i])
        });
    }
}

impl Checker for LegalProtocol {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Connections, Topic::Wires, Topic::Buffers]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no conversation")]
        match view.history.events[pen.i].kind {
            Kind::ClientConnected { client, .. } if self.scope.covers_client(view, client) => {
                pen.held();
            }
            Kind::WireOpened { from, to, .. } if self.scope.covers_pair(view, from, to) => {
                pen.held();
            }
            Kind::ClientError { client, conn, text, .. } => {
                self.client_error(view, client, conn, text, pen);
            }
            Kind::PubRefused { client, conn, text, .. } if !keeps(view, client, conn) => {
                self.client_error(view, client, conn, text, pen);
            }
            Kind::WireError { from, to, text, .. } => self.wire_error(view, from, to, text, pen),
            _ => {}
        }
    }
}

/// Whether the node of a connection keeps messages for others, so that it may have no room for one.
fn keeps(view: &View<'_>, client: ClientId, conn: ConnNo) -> bool {
    let conn = view.find_conn(client, conn).map(|conn| view.conn(conn));
    let node = conn.and_then(|conn| conn.node).map(|node| usize::from(node.0));
    node.is_some_and(|node| view.history.header.nodes[node].limits.buffer.is_some())
}

fn is_excused(view: &View<'_>, client: ClientId, conn: ConnNo, text: &str) -> bool {
    let slow = view.history.header.clients[client.0 as usize].slow;
    let conn = view.find_conn(client, conn).map(|conn| view.conn(conn));
    let touched = conn.is_some_and(|conn| {
        let Some(node) = conn.node else { return false };
        view.network.is_leaving(node) || !view.access_was_free(conn)
    });
    slow || touched || text.to_ascii_lowercase().contains("maximum ")
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{FaultKind, Kind};
    use crate::ids::WireConn;

    const ID: &str = "legal_protocol";

    #[test]
    fn holds_for_every_connection_that_was_made() {
        let mut s = Script::running();
        s.client("sub/1", EAST_1);
        s.event(Kind::WireOpened { from: EAST_1, to: WEST_1, conn: WireConn(1) });
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_a_client_is_sent_an_error() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        let text = s.sym("-ERR 'Unknown Protocol Operation'");
        let conn = s.conn(client);
        s.event(Kind::ClientError { client, conn, node: EAST_1, text });
        assert_eq!(s.judge(ID).broke(1_000), "sub/1 was sent: -ERR 'Unknown Protocol Operation'");
    }

    #[test]
    fn a_refusal_is_legal_where_something_is_kept() {
        for kept in [true, false] {
            let mut s = Script::running();
            if kept {
                s.keeps(3);
            }
            let client = s.client("pub/1", EAST_1);
            s.publish(client, "a");
            s.refuse(client, "a", (1, 1), "is full, max_msgs 3");
            assert_eq!(s.judge(ID).findings.broken, u64::from(!kept));
        }
    }

    #[test]
    fn breaks_if_a_node_sends_another_something_else() {
        let mut s = Script::running();
        let text = s.sym("`XX`");
        s.event(Kind::WireError { from: EAST_1, to: WEST_1, conn: WireConn(1), text });
        assert!(s.judge(ID).broke(1_000).starts_with("east/1 sent west/1 bytes that are not"));
    }

    #[test]
    fn limits_slow_clients_and_leaving_nodes_excuse_an_error() {
        for case in 0..3 {
            let mut s = Script::running();
            let client = s.client_with("sub/1", EAST_1, |info| info.slow = case == 0);
            if case == 1 {
                s.fault(FaultKind::LameDuck, true, vec![EAST_1], Vec::new());
            }
            let error =
                if case == 2 { "-ERR 'maximum subscriptions exceeded'" } else { "-ERR 'x'" };
            let (conn, text) = (s.conn(client), s.sym(error));
            s.event(Kind::ClientError { client, conn, node: EAST_1, text });
            let judged = s.judge(ID);
            judged.held(1);
            assert_eq!(judged.findings.excused, 1, "{case}");
        }
    }

    #[test]
    fn is_not_checked_if_nobody_connects() {
        Script::running().judge(ID).vacuous();
    }
}
