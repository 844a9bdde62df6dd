//! Clients that lost their connection are connected and subscribed again soon after the last fault
//! is gone.
//!
//! Whoever is turned away by a full node has as long from then on: there may be no place for it at
//! all. Whether the node was full is the business of `limits_exact`.
//!
//! Where a plan heals a core only, clients whose servers are all in it must be back. One that has other
//! servers besides may try those again and again, so it is judged only once it sits at a node of the
//! core, and one that has none there is not waited for.

use super::healing::Healing;
use super::limits_exact::is_full;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Header, Kind, Lost};
use crate::ids::ClientId;

/// The reason of a connection that its client was meant to close.
pub(super) const BY_PLAN: &str = "closed by plan";

pub(super) struct ClientsReturn {
    scope: Scope,
    healing: Healing,
    bound_ns: u64,
    /// For each client, the event at which it lost a connection that it has not got back yet.
    lost: Vec<Option<usize>>,
    /// When each client was last turned away by a node without room.
    turned_away: Vec<Option<u64>>,
}

impl ClientsReturn {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bound_ns = bound_ns(params.header, params.within_ns);
        Self {
            scope: params.scope.clone(),
            healing: Healing::new(bound_ns),
            bound_ns,
            lost: vec![None; params.header.clients.len()],
            turned_away: vec![None; params.header.clients.len()],
        }
    }
}

/// From the last disturbance to every client being back.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.clients_ns)
}

impl Checker for ClientsReturn {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Network, Topic::Connections]
    }

    fn due(&self) -> Option<u64> {
        self.healing.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let Some(due) = self.healing.due_before(until) else { return };
        pen.t = due;
        let mut again: Option<u64> = None;
        let mut wait_from = |t: u64| again = Some(again.map_or(t, |other| other.min(t)));
        for (client, lost) in (0u32..).map(ClientId).zip(&mut self.lost) {
            let Some(lost_i) = *lost else { continue };
            if !self.scope.covers_client(view, client) {
                continue;
            }
            // Without a fault, as when it tries a node that has not joined yet.
            let lost_t = view.history.events[lost_i].t;
            if lost_t.saturating_add(self.bound_ns) > due {
                wait_from(lost_t);
                continue;
            }
            if !is_promised(view, client) {
                pen.excused();
            } else if is_back(view, client, due) {
                *lost = None;
                pen.held();
            } else if let Some(t) = self.turned_away[client.0 as usize]
                && t.saturating_add(self.bound_ns) > due
            {
                wait_from(t);
                pen.excused();
            } else {
                let why = view.network.why_unrecoverable(Lost::Connection(client));
                pen.broken_or_lost(view, why, || {
                    let name = &view.history.header.clients[client.0 as usize].name;
                    let story = format!(
                        "{name} lost its connection and was not connected and subscribed again \
                            in time, although all faults were over."
                    );
                    (story, vec![lost_i])
                });
            }
        }
        if let Some(t) = again {
            self.healing.lost(view, t);
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.healing.observe(view);
        if let Kind::ClientError { client, text, .. } = view.history.events[pen.i].kind
            && is_full(view.history.text(text))
        {
            self.turned_away[client.0 as usize] = Some(pen.t);
        }
        let Kind::ClientClosed { client, reason, .. } = view.history.events[pen.i].kind else {
            return;
        };
        let lost = &mut self.lost[client.0 as usize];
        if view.history.text(reason) == BY_PLAN {
            *lost = None;
        } else if !view.history.header.clients[client.0 as usize].slow {
            lost.get_or_insert(pen.i);
            self.healing.lost(view, pen.t);
        }
    }
}

/// Whether the client's way back is healed.
fn is_promised(view: &View<'_>, client: ClientId) -> bool {
    let sits_in_core = || {
        let conn = view.current_conn(client).filter(|conn| conn.closed_t.is_none());
        conn.and_then(|conn| conn.node).is_some_and(|node| view.network.is_core(node))
    };
    view.network.is_core_client(client) || sits_in_core()
}

/// What it subscribed to only just before `due` may still be under way: some clients come and go
/// all the time.
fn is_back(view: &View<'_>, client: ClientId, due: u64) -> bool {
    let interest_ns = view.history.header.bounds.interest_ns;
    view.current_conn(client).is_some_and(|conn| {
        let subscribed = |&sub: &_| {
            let sub = view.sub(sub);
            let asked_t = view.history.events[sub.i].t;
            sub.ready_t.is_some()
                || sub.gone_t.is_some()
                || asked_t.saturating_add(interest_ns) > due
        };
        conn.node.is_some() && conn.closed_t.is_none() && conn.subs.iter().all(subscribed)
    })
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script};
    use crate::history::{Kind, NodeDownHow};
    use crate::ids::{ClientId, ConnNo};

    const ID: &str = "clients_return";

    /// A subscriber that loses its node at 3 s; the node is back at 5 s, so it is due at 8 s.
    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.sub(client, 1, "a", "");
        s.at(3_000).node_down(EAST_1, NodeDownHow::Killed);
        s.close(client, "reset");
        s.at(5_000).node_up(EAST_1, 2);
        (s, client)
    }

    #[test]
    fn holds_if_it_is_connected_and_subscribed_again() {
        let (mut s, client) = script();
        s.at(8_000).connect(client, EAST_2);
        s.sub(client, 1, "a", "");
        s.judge(ID).held(1);
    }

    #[test]
    fn holds_if_a_subscription_was_made_just_now() {
        let (mut s, client) = script();
        s.at(6_000).connect(client, EAST_2);
        s.sub(client, 1, "a", "");
        s.at(7_999).sub_sent(client, 2, "a", "", 0);
        s.at(8_001).sub_ready(client, 2);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_it_is_not_connected_or_not_subscribed() {
        for connected in [false, true] {
            let (mut s, client) = script();
            if connected {
                s.at(6_000).connect(client, EAST_2);
                s.sub_sent(client, 1, "a", "", 0);
                s.at(8_001).sub_ready(client, 1);
            }
            let judged = s.judge(ID);
            assert!(judged.broke(8_000).starts_with("sub/1 lost its connection"));
        }
    }

    #[test]
    fn who_is_turned_away_by_a_full_node_has_more_time() {
        for (turned_away, broken) in [(7_000, 0), (5_000, 1)] {
            let (mut s, client) = script();
            let text = s.sym("-ERR 'maximum connections exceeded'");
            let conn = ConnNo(s.conn(client).0 + 1);
            s.at(turned_away).event(Kind::ClientError { client, conn, node: EAST_1, text });
            s.at(8_500).connect(client, EAST_2);
            s.sub(client, 1, "a", "");
            assert_eq!(s.judge(ID).findings.broken, broken, "{turned_away}");
        }
    }

    #[test]
    fn is_not_checked_if_nobody_was_lost_or_the_client_was_done() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        s.at(2_000).close(client, "closed by plan");
        s.partition(true);
        s.partition(false);
        s.judge(ID).vacuous();
    }
}
