//! C12: a message takes one hop: only the publisher's node sends it on, once to each node.
//!
//! A cluster is a full mesh, so a node that passes on what came by a route would double it, or send
//! it round in circles.

use super::outcome::Pen;
use super::scope::Scope;
use super::table::{SeqSet, Table};
use super::view::{ConnIx, MsgRef, View};
use super::{Checker, Params, Topic, search};
use crate::history::Kind;
use crate::ids::{NodeId, WireConn};

pub(super) struct OneHop {
    scope: Scope,
    /// What of each publishing connection has gone to each node.
    crossed: Table<(NodeId, ConnIx), SeqSet>,
    /// When connections between nodes were opened.
    opened_t: Table<WireConn, u64>,
}

impl OneHop {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), crossed: Table::default(), opened_t: Table::default() }
    }
}

impl Checker for OneHop {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Wires]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let kind = &view.history.events[pen.i].kind;
        if let Kind::WireOpened { conn, .. } = *kind {
            self.opened_t.insert(conn, pen.t);
        }
        let Kind::WireMsg { from, to, conn, msg: Some(id), .. } = *kind else { return };
        // A process that is gone gets nothing: what is sent to it is no copy for the one of today.
        let opened_t = self.opened_t.get(&conn).copied();
        if opened_t < view.network.started(to) && opened_t.is_some() {
            return;
        }
        let Some(msg) = view.find_msg(id) else { return };
        let Some(home) = view.conn(msg.conn).node else { return };
        if !self.scope.covers_pair(view, from, to) {
            return;
        }
        let again = self.crossed.entry((to, msg.conn)).or_default().insert(msg.seq);
        let i = pen.i;
        if from != home {
            pen.broken(view, || tell_forwarded(view, i, msg, from, to, home));
        } else if again && is_buffered(view, msg) {
            // What was on its way when a connection broke comes again, and is passed over.
            pen.excused();
        } else if again {
            pen.broken(view, || tell_twice(view, i, msg, from, to));
        } else {
            pen.held();
        }
    }
}

fn is_buffered(view: &View<'_>, msg: MsgRef) -> bool {
    let subject = view.history.text(view.publication(msg).subject).as_bytes();
    let mut patterns = view.history.header.buffered.iter();
    patterns.any(|pattern| causeway_wire::subject::matches(pattern.as_bytes(), subject))
}

fn tell_forwarded(
    view: &View<'_>,
    i: usize,
    msg: MsgRef,
    from: NodeId,
    to: NodeId,
    home: NodeId,
) -> (String, Vec<usize>) {
    let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
    let mut events = vec![view.publication(msg).i, i];
    events.extend(search::crossing(view, i, view.id_of(msg), from));
    let story = format!(
        "{} sent message {} on to {}, although it was published at {} and came by a route.",
        name(from),
        view.id_of(msg),
        name(to),
        name(home)
    );
    (story, events)
}

fn tell_twice(
    view: &View<'_>,
    i: usize,
    msg: MsgRef,
    from: NodeId,
    to: NodeId,
) -> (String, Vec<usize>) {
    let name = |node: NodeId| &view.history.header.nodes[usize::from(node.0)].name;
    let mut events = vec![view.publication(msg).i, i];
    events.extend(search::crossing(view, i, view.id_of(msg), to));
    let story = format!("{} sent message {} to {} twice.", name(from), view.id_of(msg), name(to));
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{Kind, NodeDownHow};
    use crate::ids::WireConn;

    const ID: &str = "one_hop";

    #[test]
    fn holds_if_the_publishers_node_sends_one_copy_to_each() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let msg = s.publish(publisher, "a");
        s.cross(EAST_1, EAST_2, "", msg);
        s.cross(EAST_1, WEST_1, "", msg);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_a_node_passes_on_what_came_by_a_route() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let msg = s.publish(publisher, "a");
        s.cross(EAST_1, EAST_2, "", msg);
        s.at(1_100).cross(EAST_2, WEST_1, "", msg);
        let judged = s.judge(ID);
        assert_eq!(
            judged.broke(1_100),
            "east/2 sent message 0.1.1 on to west/1, although it was published at east/1 and \
                came by a route."
        );
        assert_eq!(judged.findings.first.as_ref().unwrap().witnesses.len(), 3);
    }

    #[test]
    fn breaks_if_a_node_gets_two_copies() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let msg = s.publish(publisher, "a");
        s.cross(EAST_1, WEST_1, "", msg);
        s.cross(EAST_1, WEST_1, "q", msg);
        assert_eq!(s.judge(ID).broke(1_000), "east/1 sent message 0.1.1 to west/1 twice.");
    }

    #[test]
    fn a_copy_for_a_process_that_is_gone_does_not_count() {
        let judged = |conns: &[u32]| {
            let mut s = Script::running();
            let publisher = s.client("pub/1", EAST_1);
            s.event(Kind::WireOpened { from: EAST_1, to: WEST_1, conn: WireConn(7) });
            s.at(2_000).node_down(WEST_1, NodeDownHow::Killed);
            s.at(3_000).node_up(WEST_1, 2);
            s.event(Kind::WireOpened { from: WEST_1, to: EAST_1, conn: WireConn(8) });
            let msg = s.at(3_100).publish(publisher, "a");
            for conn in conns {
                s.cross_on(WireConn(*conn), (EAST_1, WEST_1), "", msg);
            }
            s.judge(ID)
        };
        judged(&[7, 8]).held(1);
        assert_eq!(judged(&[8, 8]).broke(3_100), "east/1 sent message 0.1.1 to west/1 twice.");
    }

    #[test]
    fn is_not_checked_if_nothing_crosses_there() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        s.ask(ID).scope = "path:east/west".to_owned();
        let msg = s.publish(publisher, "a");
        s.cross(EAST_1, EAST_2, "", msg);
        s.judge(ID).vacuous();
    }
}
