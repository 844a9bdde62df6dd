//! C17: a server in lame duck mode leaves as its configuration says, and is offered to nobody.
//!
//! * It sends no client away before `lame_duck_grace_period` is over, and has sent away the last
//!   when `lame_duck_duration` is.
//! * The servers that have a route to it do not name it to their clients any more (ADR-5, and
//!   nats-server's handling of a route's INFO with `ldm`).
//!
//! Judged if all had been quiet when it began, and nothing but other lame ducks came in between.

use super::clients_return::BY_PLAN;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Header, Kind, Sym};
use crate::ids::{ClientId, ConnNo, NodeId};
use crate::units::SECOND;

pub(super) struct LameDuckOrderly {
    scope: Scope,
    within_ns: Option<u64>,
    /// All was quiet before the event at hand.
    quiet_before: bool,
    ducks: Vec<Duck>,
    /// What each client was told last: on which connection, and which servers.
    told: Vec<Option<(ConnNo, Sym)>>,
}

#[derive(Clone, Copy, Debug)]
struct Duck {
    node: NodeId,
    /// The number of the event.
    i: usize,
    t: u64,
    /// By when nobody may offer it any more.
    offered_until: Option<u64>,
    /// By when its last client is gone.
    gone_by: u64,
}

impl LameDuckOrderly {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            within_ns: params.within_ns,
            quiet_before: false,
            ducks: Vec::new(),
            told: vec![None; params.header.clients.len()],
        }
    }

    fn begins(&mut self, view: &View<'_>, nodes: &[NodeId], pen: &Pen<'_>) {
        let header = &view.history.header;
        for &node in nodes {
            let limits = header.nodes[usize::from(node.0)].limits;
            // Half of a pause between two clients, or a slow clock.
            let slack = SECOND + limits.lame_duck_ns / 16;
            self.ducks.push(Duck {
                node,
                i: pen.i,
                t: pen.t,
                offered_until: Some(pen.t.saturating_add(bound_ns(header, self.within_ns))),
                gone_by: pen.t.saturating_add(limits.lame_duck_ns).saturating_add(slack),
            });
        }
    }

    /// Nobody names the duck any more.
    fn offers(&self, view: &View<'_>, duck: Duck, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let url = header.nodes[usize::from(duck.node.0)].url.as_str();
        for (client, told) in (0u32..).map(ClientId).zip(&self.told) {
            let Some((no, urls)) = *told else { continue };
            let Some(conn) = view.current_conn(client).filter(|conn| conn.no == no) else {
                continue;
            };
            let Some(node) = conn.node.filter(|_| conn.closed_t.is_none()) else { continue };
            if node == duck.node
                || view.network.is_leaving(node)
                || !view.network.shares_cluster(node, duck.node)
                // What it was told may have been lost on the way, or may still be.
                || !view.access_was_free(conn)
                || !self.scope.covers_client(view, client)
            {
                continue;
            }
            if url.is_empty() || !view.history.text(urls).split(' ').any(|told| told == url) {
                pen.held();
                continue;
            }
            pen.broken(view, || {
                let name = |node: NodeId| &header.nodes[usize::from(node.0)].name;
                let story = format!(
                    "{} is leaving, and {} still names it to {}.",
                    name(duck.node),
                    name(node),
                    header.clients[client.0 as usize].name
                );
                (story, vec![duck.i])
            });
        }
    }

    /// Nobody is with the duck any more.
    fn keeps(&self, view: &View<'_>, duck: Duck, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        let stays = (0..header.clients.len() as u32).map(ClientId).find(|client| {
            let with_it = view.current_conn(*client).is_some_and(|conn| {
                conn.closed_t.is_none() && conn.node == Some(duck.node) && conn.opened_t <= duck.t
            });
            with_it && self.scope.covers_client(view, *client)
        });
        let Some(client) = stays else {
            pen.held();
            return;
        };
        pen.broken(view, || {
            let story = format!(
                "{} still has {} as its client, although `lame_duck_duration` is over.",
                header.nodes[usize::from(duck.node.0)].name,
                header.clients[client.0 as usize].name
            );
            (story, vec![duck.i])
        });
    }

    /// A connection of a duck has ended.
    fn sent_away(&self, view: &View<'_>, client: ClientId, no: ConnNo, pen: &mut Pen<'_>) {
        let conn = view.find_conn(client, no).map(|conn| view.conn(conn));
        let Some(node) = conn.and_then(|conn| conn.node) else { return };
        let Some(duck) = self.ducks.iter().find(|duck| duck.node == node) else { return };
        let header = &view.history.header;
        let grace_ns = header.nodes[usize::from(node.0)].limits.lame_duck_grace_ns;
        // A fast clock.
        let grace_ns = grace_ns - grace_ns / 1_000_000 * u64::from(header.bounds.fast_ppm);
        if header.clients[client.0 as usize].slow || !self.scope.covers_client(view, client) {
            return;
        }
        if pen.t >= duck.t.saturating_add(grace_ns) {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let story = format!(
                "{} sent {} away before `lame_duck_grace_period` was over.",
                header.nodes[usize::from(node.0)].name,
                header.clients[client.0 as usize].name
            );
            (story, vec![duck.i, i])
        });
    }
}

/// By when everybody's clients have been told.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| header.bounds.interest_ns.saturating_add(SECOND))
}

impl Checker for LameDuckOrderly {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Connections, Topic::Servers]
    }

    fn due(&self) -> Option<u64> {
        self.ducks.iter().map(|duck| duck.offered_until.unwrap_or(duck.gone_by)).min()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let mut ducks = std::mem::take(&mut self.ducks);
        for duck in &mut ducks {
            if let Some(due) = duck.offered_until.take_if(|due| *due < until) {
                pen.t = due;
                self.offers(view, *duck, pen);
            }
            if duck.gone_by < until {
                pen.t = duck.gone_by;
                self.keeps(view, *duck, pen);
            }
        }
        ducks.retain(|duck| duck.gone_by >= until);
        self.ducks = ducks;
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let quiet_before =
            std::mem::replace(&mut self.quiet_before, view.network.quiet_since().is_some());
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest concerns no duck")]
        match &view.history.events[pen.i].kind {
            Kind::Servers { client, conn, urls } => {
                self.told[client.0 as usize] = Some((*conn, *urls));
            }
            Kind::ClientClosed { client, conn, reason }
                if view.history.text(*reason) != BY_PLAN =>
            {
                self.sent_away(view, *client, *conn, pen);
            }
            Kind::NodeDown { node, .. } => self.ducks.retain(|duck| duck.node != *node),
            Kind::Fault(fault) => match fault.kind {
                FaultKind::LameDuck | FaultKind::Leave => {
                    if fault.on && (quiet_before || !self.ducks.is_empty()) {
                        self.begins(view, &fault.nodes, pen);
                    }
                }
                kind if kind.excuses_nothing() => {}
                _ => self.ducks.clear(),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, Kind, NodeDownHow};
    use crate::ids::ClientId;
    use crate::units::SECOND;

    const ID: &str = "lame_duck_orderly";

    /// A node that is quiet, has a client, and becomes a lame duck at 5 s: a second of grace, four
    /// in all. Another client is with a peer.
    fn script() -> (Script, ClientId, ClientId) {
        let mut s = Script::running();
        s.node(EAST_1, |node| {
            (node.limits.lame_duck_grace_ns, node.limits.lame_duck_ns) = (SECOND, 4 * SECOND);
        });
        let with_it = s.client("with/1", EAST_1);
        let elsewhere = s.client("else/1", WEST_1);
        tell(&mut s, elsewhere, "east/1:4222 east/2:4222 west/1:4222");
        s.at(5_000).fault(FaultKind::LameDuck, true, vec![EAST_1], Vec::new());
        (s, with_it, elsewhere)
    }

    fn tell(s: &mut Script, client: ClientId, urls: &str) {
        let (conn, urls) = (s.conn(client), s.sym(urls));
        s.event(Kind::Servers { client, conn, urls });
    }

    #[test]
    fn holds_if_all_comes_in_time() {
        let (mut s, with_it, elsewhere) = script();
        tell(s.at(5_100), elsewhere, "east/2:4222 west/1:4222");
        s.at(6_000).close(with_it, "eof");
        s.connect(with_it, EAST_2);
        s.judge(ID).held(3);
    }

    #[test]
    fn breaks_if_a_peer_still_offers_it() {
        let (mut s, with_it, _) = script();
        s.at(6_000).close(with_it, "eof");
        assert!(s.judge(ID).broke(6_100).contains("west/1 still names it to else/1"));
    }

    #[test]
    fn breaks_if_a_client_is_sent_away_too_early_or_never() {
        let (mut s, with_it, elsewhere) = script();
        tell(s.at(5_100), elsewhere, "east/2:4222");
        s.at(5_999).close(with_it, "eof");
        assert!(s.judge(ID).broke(5_999).contains("before `lame_duck_grace_period`"));

        let (mut s, _, elsewhere) = script();
        tell(s.at(5_100), elsewhere, "east/2:4222");
        assert!(s.judge(ID).broke(10_250).contains("still has with/1"));
    }

    #[test]
    fn is_not_checked_if_it_ends_before_or_something_else_comes_in_between() {
        for other in [false, true] {
            let (mut s, _, _) = script();
            s.at(5_500);
            if other {
                s.partition(true);
            } else {
                s.node_down(EAST_1, NodeDownHow::Killed);
            }
            s.judge(ID).vacuous();
        }
    }
}
