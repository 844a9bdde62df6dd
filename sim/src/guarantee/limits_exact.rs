//! C15: a node's limits are what its configuration says, not one more and not one less.
//!
//! * It turns a client away only if it has as many as it may (`max_connections`), and never has
//!   more. Counted is what clients know of their connections, so a place counts as taken a little
//!   longer than it is: a client that has left may still be there for its node, and one that has
//!   come may not know yet that it is in.
//! * It refuses a message only if it is larger than allowed (`max_payload`), and never processes
//!   such a one.
//!
//! Not judged is a node that something has come between its clients and itself, because it may
//! believe in connections that are gone, and one whose configuration has changed.

use std::collections::{BTreeSet, VecDeque};

use super::outcome::Pen;
use super::scope::Scope;
use super::view::{ConnIx, View};
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Header, Kind, NodeLimits, Sym};
use crate::ids::{ClientId, ConnNo, NodeId, RegionId};
use crate::units::SECOND;

/// What nats-server says to a client for which there is no place.
const FULL: &str = "maximum connections exceeded";

/// And to one whose message is too large.
const TOO_LARGE: &str = "maximum payload";

/// Whether a client was turned away because its node is full.
pub(super) fn is_full(text: &str) -> bool {
    text.to_ascii_lowercase().contains(FULL)
}

pub(super) struct LimitsExact {
    scope: Scope,
    bound_ns: u64,
    /// What is to be judged once all that was under way has arrived; deadlines never decrease.
    waiting: VecDeque<Case>,
    /// Connections that may have a place, or had one lately.
    places: Vec<Place>,
    /// Connections that were turned away: they have none.
    refused: BTreeSet<(ClientId, ConnNo)>,
    /// Up to which message each connection's messages were looked at.
    seen: Vec<u32>,
    /// Nodes whose configuration may be another one by now.
    changed: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Case {
    /// When it happened.
    t: u64,
    /// The number of the event.
    i: usize,
    node: NodeId,
    refused: bool,
}

struct Place {
    conn: ConnIx,
    /// `None` if it never came so far that one knows.
    node: Option<NodeId>,
    from: u64,
    to: u64,
}

impl LimitsExact {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            bound_ns: bound_ns(params.header, params.within_ns),
            waiting: VecDeque::new(),
            places: Vec::new(),
            refused: BTreeSet::new(),
            seen: Vec::new(),
            changed: vec![false; params.header.nodes.len()],
        }
    }

    fn limits(&self, view: &View<'_>, node: NodeId) -> Option<NodeLimits> {
        let at = usize::from(node.0);
        (!self.changed[at]).then(|| view.history.header.nodes[at].limits)
    }

    fn scolded(
        &mut self,
        view: &View<'_>,
        (client, conn): (ClientId, ConnNo),
        node: NodeId,
        text: Sym,
        pen: &mut Pen<'_>,
    ) {
        let text = view.history.text(text);
        if is_full(text) {
            self.refused.insert((client, conn));
            if self.scope.covers_client(view, client) {
                self.waiting.push_back(Case { t: pen.t, i: pen.i, node, refused: true });
            }
        } else if text.to_ascii_lowercase().contains(TOO_LARGE)
            && self.scope.covers_client(view, client)
            && let (Some(conn), Some(limits)) =
                (view.find_conn(client, conn), self.limits(view, node))
        {
            let largest = view.conn(conn).published.iter().map(|p| p.size).max().unwrap_or(0);
            if u64::from(largest) > limits.max_payload {
                pen.held();
            } else {
                let i = pen.i;
                pen.broken(view, || {
                    let header = &view.history.header;
                    let story = format!(
                        "{} refused a message of {}, whose largest one had {largest} bytes; {} \
                            are allowed.",
                        header.nodes[usize::from(node.0)].name,
                        header.clients[client.0 as usize].name,
                        limits.max_payload
                    );
                    (story, vec![i])
                });
            }
        }
    }

    /// A node has processed what a client published up to now.
    fn processed(&mut self, view: &View<'_>, ix: ConnIx, upto: u32, pen: &mut Pen<'_>) {
        let conn = view.conn(ix);
        let at = ix.0 as usize;
        if at >= self.seen.len() {
            self.seen.resize(at + 1, 0);
        }
        let seen = self.seen[at];
        self.seen[at] = seen.max(upto);
        let Some(limits) = conn.node.and_then(|node| self.limits(view, node)) else { return };
        let fresh = conn.published.get(seen as usize..upto as usize).unwrap_or_default();
        let too_large = fresh.iter().find(|p| u64::from(p.size) > limits.max_payload);
        if let Some(large) = too_large.filter(|_| self.scope.covers_client(view, conn.client)) {
            let i = pen.i;
            pen.broken(view, || {
                let story = format!(
                    "A message of {} bytes from {} was processed; {} are allowed.",
                    large.size,
                    view.history.header.clients[conn.client.0 as usize].name,
                    limits.max_payload
                );
                (story, vec![large.i, i])
            });
        }
    }

    /// Whether everybody's way to the node has been free all the time since it started.
    fn is_undisturbed(view: &View<'_>, node: NodeId, until: u64) -> bool {
        let Some(started_t) = view.network.started(node) else { return false };
        let regions = (0..view.history.header.regions.len() as u16).map(RegionId);
        view.network.is_up(node)
            && !view.network.is_leaving(node)
            && regions.into_iter().all(|region| {
                view.network.access_is_free(region, node)
                    && !view.network.access_disturbed_in(region, node, (started_t, until))
            })
    }

    fn decide(&self, view: &View<'_>, case: Case, pen: &mut Pen<'_>) {
        let Some(limits) = self.limits(view, case.node) else { return };
        let Some(most) = limits.max_connections else { return };
        if !Self::is_undisturbed(view, case.node, pen.t) {
            pen.excused();
            return;
        }
        let (from, until) = if case.refused {
            (case.t.saturating_add(self.bound_ns), case.t.saturating_sub(self.bound_ns))
        } else {
            (case.t, case.t.saturating_add(self.bound_ns))
        };
        let here = |place: &&Place| {
            let is_here = place.node.map_or(case.refused, |node| node == case.node);
            is_here && place.from <= from && place.to > until
        };
        let taken = self.places.iter().filter(here).count() as u64;
        if case.refused && taken >= most || !case.refused && taken <= most {
            pen.held();
            return;
        }
        pen.broken(view, || {
            let node = &view.history.header.nodes[usize::from(case.node.0)].name;
            let story = if case.refused {
                format!("{node} turned a client away although it had at most {taken} of {most}.")
            } else {
                format!("{node} had {taken} clients at once; {most} are allowed.")
            };
            (story, vec![case.i])
        });
    }
}

/// By when all is known about who was where.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| header.bounds.rtt_max_ns.saturating_mul(2).saturating_add(SECOND))
}

impl Checker for LimitsExact {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Connections, Topic::Network, Topic::Flushes]
    }

    fn due(&self) -> Option<u64> {
        self.waiting.front().map(|case| case.t.saturating_add(self.bound_ns))
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let bound_ns = self.bound_ns;
        let is_due = |case: &mut Case| case.t.saturating_add(bound_ns) < until;
        while let Some(case) = self.waiting.pop_front_if(is_due) {
            pen.t = case.t.saturating_add(bound_ns);
            self.decide(view, case, pen);
        }
        self.places.retain(|place| place.to.saturating_add(2 * bound_ns) >= until);
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest has no limits")]
        match &view.history.events[pen.i].kind {
            Kind::ClientConnected { client, conn, node } => {
                let Some(conn) = view.find_conn(*client, *conn) else { return };
                let node = *node;
                self.places.push(Place { conn, node: Some(node), from: pen.t, to: u64::MAX });
                let header = &view.history.header;
                let most = self.limits(view, node).and_then(|limits| limits.max_connections);
                if most.is_some_and(|most| header.clients.len() as u64 > most)
                    && self.scope.covers_client(view, *client)
                {
                    self.waiting.push_back(Case { t: pen.t, i: pen.i, node, refused: false });
                }
            }
            Kind::ClientClosed { client, conn: no, .. } => {
                let Some(conn) = view.find_conn(*client, *no) else { return };
                match self.places.iter_mut().rev().find(|place| place.conn == conn) {
                    Some(place) => place.to = pen.t,
                    None if self.refused.remove(&(*client, *no)) => {}
                    None => {
                        self.places.push(Place { conn, node: None, from: pen.t, to: pen.t });
                    }
                }
            }
            Kind::ClientError { client, conn, node, text } => {
                self.scolded(view, (*client, *conn), *node, *text, pen);
            }
            Kind::PubFlushed { client, conn, upto } => {
                if let Some(conn) = view.find_conn(*client, *conn) {
                    self.processed(view, conn, *upto, pen);
                }
            }
            Kind::Fault(fault) if matches!(fault.kind, FaultKind::Reload | FaultKind::Upgrade) => {
                // A reload that moves no connections names its nodes in its text alone.
                if fault.nodes.is_empty() {
                    self.changed.fill(true);
                }
                for node in &fault.nodes {
                    self.changed[usize::from(node.0)] = true;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST, EAST_1, Script};
    use crate::history::Kind;
    use crate::ids::{ClientId, ConnNo};

    const ID: &str = "limits_exact";

    /// A node with room for two, and three clients, of which two are connected.
    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        s.node(EAST_1, |node| node.limits.max_connections = Some(2));
        s.client("a/1", EAST_1);
        s.client("b/1", EAST_1);
        let third = s.client("c/1", EAST_1);
        s.close(third, "closed by plan");
        (s, third)
    }

    fn refuse(s: &mut Script, client: ClientId) {
        let conn = ConnNo(s.conn(client).0 + 1);
        let text = s.sym("-ERR 'Maximum Connections Exceeded'");
        s.event(Kind::ClientError { client, conn, node: EAST_1, text });
        let reason = s.sym("eof");
        s.event(Kind::ClientClosed { client, conn, reason });
    }

    #[test]
    fn holds_if_who_is_one_too_many_is_turned_away() {
        let (mut s, third) = script();
        refuse(s.at(9_000), third);
        let judged = s.judge(ID);
        assert_eq!((judged.findings.broken, judged.findings.checked), (0, 4), "{judged:?}");
    }

    #[test]
    fn breaks_if_there_was_a_place() {
        let (mut s, third) = script();
        s.at(5_000).close(ClientId(0), "closed by plan");
        refuse(s.at(9_000), third);
        assert!(s.judge(ID).broke(10_200).contains("had at most 1 of 2"));
    }

    #[test]
    fn a_place_that_was_left_just_now_may_still_be_taken() {
        let (mut s, third) = script();
        s.at(8_500).close(ClientId(0), "closed by plan");
        refuse(s.at(9_000), third);
        assert_eq!(s.judge(ID).findings.broken, 0);
    }

    #[test]
    fn breaks_if_one_too_many_gets_in() {
        let (mut s, third) = script();
        s.at(9_000).connect(third, EAST_1);
        assert!(s.judge(ID).broke(10_200).contains("had 3 clients at once"));
    }

    #[test]
    fn is_excused_while_a_node_may_believe_in_who_is_gone() {
        let (mut s, third) = script();
        s.at(4_000).cut_off(true, EAST, EAST_1);
        s.at(4_500).cut_off(false, EAST, EAST_1);
        s.at(5_000).close(ClientId(0), "stale");
        refuse(s.at(9_000), third);
        let judged = s.judge(ID);
        assert_eq!((judged.findings.broken, judged.findings.excused), (0, 1));
    }

    #[test]
    fn breaks_if_a_message_within_the_limit_is_refused_and_if_a_larger_one_is_not() {
        let text = "-ERR 'Maximum Payload Violation'";
        for (limit, refused, broken) in
            [(16, true, 1), (15, true, 0), (16, false, 0), (15, false, 1)]
        {
            let mut s = Script::running();
            s.node(EAST_1, |node| node.limits.max_payload = limit);
            let client = s.client("pub/1", EAST_1);
            s.publish(client, "a");
            if refused {
                let (conn, text) = (s.conn(client), s.sym(text));
                s.event(Kind::ClientError { client, conn, node: EAST_1, text });
            } else {
                s.flush(client);
            }
            assert_eq!(s.judge(ID).findings.broken, broken, "{limit} {refused}");
        }
    }

    #[test]
    fn is_not_checked_without_limits_that_are_met() {
        let mut s = Script::running();
        s.client("a/1", EAST_1);
        s.judge(ID).vacuous();
    }
}
