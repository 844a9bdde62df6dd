//! C8: a request is told "no responders" if nobody is there to answer it, and only then.
//!
//! nats-server answers from its view of interest at that instant, which may be wrong in both
//! directions while interest is on its way (protocol notes 10.1, G11). So the status must be right
//! where the node's view was settled: a subscription that had been known long enough forbids it,
//! and it is demanded if no subscription had been within reach for long. A peer to which the node
//! has had no route for long is out of reach, so a region that is cut off is judged, too. On subjects
//! that are kept for those who are away, whoever is out of reach is there all the same, and the request
//! waits: nothing is demanded then; and a request that a buffer has no room for gets the status, whoever
//! is there.

use super::outcome::Pen;
use super::replays::is_kept;
use super::scope::Scope;
use super::settled::{DueMessages, delivery_bound_ns, is_settled};
use super::table::Table;
use super::view::{MsgRef, Sub, View};
use super::{Checker, Params, Topic};
use crate::history::{Header, Kind};
use crate::ids::NodeId;

/// The role of clients that ask for the status (CONNECT `no_responders: true`) and wait for
/// answers.
const ROLE: &str = "request";

pub(super) struct NoRespondersHonest {
    scope: Scope,
    due: DueMessages,
    /// Requests that got the status.
    told: Table<MsgRef, ()>,
}

impl NoRespondersHonest {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let due = DueMessages::new(bound_ns(params.header, params.within_ns));
        Self { scope: params.scope.clone(), due, told: Table::default() }
    }

    fn status(&mut self, view: &View<'_>, msg: MsgRef, pen: &mut Pen<'_>) {
        self.told.insert(msg, ());
        if !self.scope.covers_client(view, view.conn(msg.conn).client) {
            return;
        }
        // What is refused gets the status, too, whoever is there.
        let mut unclear = view.may_be_refused(msg) || !view_was_settled(view, msg);
        for (_, sub) in view.wanted_by(msg) {
            match standing(view, msg, sub) {
                Standing::OutOfReach => unclear |= is_kept(view, msg),
                Standing::Unclear => unclear = true,
                Standing::Settled if view.may_be_refused(msg) => {}
                Standing::Settled => {
                    let i = pen.i;
                    pen.broken(view, || tell_wrong(view, i, msg, sub));
                    return;
                }
            }
        }
        if unclear {
            pen.excused();
        } else {
            pen.held();
        }
    }
}

/// How a live subscription stands to a request.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Standing {
    /// The publisher's node must know it.
    Settled,
    /// The publisher's node has long had no route to its node.
    OutOfReach,
    /// It may know it or not.
    Unclear,
}

fn standing(view: &View<'_>, msg: MsgRef, sub: &Sub) -> Standing {
    let nodes = (view.conn(msg.conn).node, view.node_of(sub));
    if let (Some(from), Some(to)) = nodes
        && is_out_of_reach(view, msg, from, to)
    {
        Standing::OutOfReach
    } else if sub.max == 0 && is_settled(view, msg, sub) {
        // One with a limit may be used up at its node before its client knows.
        Standing::Settled
    } else {
        Standing::Unclear
    }
}

/// Whether a node has had no route to another since long before the request. One to a process that
/// has died counts until it is found dead.
fn is_out_of_reach(view: &View<'_>, msg: MsgRef, from: NodeId, to: NodeId) -> bool {
    from != to
        && view.network.routes_open(from, to) == 0
        && view.network.rerouted(from, to).is_none_or(|t| was_before(view, msg, t))
}

/// Whether the publisher's node, since long before the request and until now, has either had a calm
/// path to each peer or none at all.
fn view_was_settled(view: &View<'_>, msg: MsgRef) -> bool {
    let Some(from) = view.conn(msg.conn).node else { return false };
    let mut peers = (0..view.network.node_count())
        .map(NodeId)
        .filter(|&peer| peer != from && view.network.shares_cluster(from, peer));
    peers.all(|peer| {
        let calm = view.network.calm_since(from, peer);
        is_out_of_reach(view, msg, from, peer) || calm.is_some_and(|t| was_before(view, msg, t))
    })
}

/// Whether `t` was so long before the request that everybody knew what had happened then.
fn was_before(view: &View<'_>, msg: MsgRef, t: u64) -> bool {
    let interest_ns = view.history.header.bounds.interest_ns;
    t.saturating_add(interest_ns) < view.publication(msg).t
}

/// By when the status must have come.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or_else(|| delivery_bound_ns(header))
}

impl Checker for NoRespondersHonest {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Flushes, Topic::Requests]
    }

    fn due(&self) -> Option<u64> {
        self.due.next()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        while let Some((due, msg)) = self.due.next_before(until) {
            if !nobody_was_there(view, msg)
                || !self.scope.covers_client(view, view.conn(msg.conn).client)
            {
                continue;
            }
            pen.t = due;
            // Requests that were told are counted when that happens.
            if !self.told.contains_key(&msg) {
                pen.broken(view, || tell_missing(view, msg));
            }
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.due.observe(view, pen.i, |msg| is_request(view, msg));
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of requests")]
        match view.history.events[pen.i].kind {
            Kind::NoResponders { request, .. } => {
                if let Some(msg) = view.find_msg(request) {
                    self.status(view, msg, pen);
                }
            }
            // Who asks does not flush: that it has waited in vain is what asks for a reason.
            Kind::RequestTimeout { request, disconnected: false } => {
                if let Some(msg) = view.find_msg(request).filter(|&msg| is_request(view, msg)) {
                    self.due.add(pen.t, msg);
                }
            }
            _ => {}
        }
    }
}

fn is_request(view: &View<'_>, msg: MsgRef) -> bool {
    let client = view.conn(msg.conn).client;
    view.history.header.clients[client.0 as usize].role == ROLE
        && !view.publication(msg).reply.is_none()
}

/// Whether no subscription was within reach, since long before the request and until now, and the
/// connection that asked is still there to be told.
fn nobody_was_there(view: &View<'_>, msg: MsgRef) -> bool {
    let conn = view.conn(msg.conn);
    view_was_settled(view, msg)
        && conn.closed_t.is_none()
        && view.access_was_free(conn)
        && !view.history.header.clients[conn.client.0 as usize].slow
        && view
            .wanted_by(msg)
            .all(|(_, sub)| standing(view, msg, sub) == Standing::OutOfReach && !is_kept(view, msg))
        && view.wanted_until(msg).is_none_or(|t| was_before(view, msg, t) && !is_kept(view, msg))
}

fn tell_wrong(view: &View<'_>, i: usize, msg: MsgRef, sub: &Sub) -> (String, Vec<usize>) {
    let history = view.history;
    let id = view.id_of(msg);
    let story = format!(
        "{} asked on `{}` (message {id}) and was told that nobody is there, although {} had been \
            subscribed to `{}` long enough.",
        history.header.clients[id.client.0 as usize].name,
        history.text(view.publication(msg).subject),
        history.header.clients[sub.client.0 as usize].name,
        history.text(sub.subject)
    );
    (story, vec![view.publication(msg).i, sub.i, i])
}

fn tell_missing(view: &View<'_>, msg: MsgRef) -> (String, Vec<usize>) {
    let history = view.history;
    let id = view.id_of(msg);
    let story = format!(
        "{} asked on `{}` (message {id}), where nobody has been subscribed for long, and was not \
            told so.",
        history.header.clients[id.client.0 as usize].name,
        history.text(view.publication(msg).subject),
    );
    (story, vec![view.publication(msg).i])
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{Kind, NodeDownHow, Sym};
    use crate::ids::{ClientId, MsgId};

    const ID: &str = "no_responders_honest";

    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        let asker = s.client_with("ask/1", EAST_1, |info| info.role = "request".to_owned());
        s.at(2_000);
        (s, asker)
    }

    fn ask(s: &mut Script, asker: ClientId) -> MsgId {
        let msg = s.request(asker, "a", "_INBOX.1");
        s.flush(asker);
        msg
    }

    fn nobody(s: &mut Script, request: MsgId) {
        let (client, conn) = (request.client, request.conn);
        s.event(Kind::NoResponders { client, conn, subject: Sym::NONE, request });
    }

    #[test]
    fn on_subjects_that_are_kept_who_is_away_is_there() {
        for kept in ["a", "b"] {
            let (mut s, asker) = script();
            let far = s.client("far/1", WEST_1);
            s.sub(far, 1, "a", "");
            s.keeps(3);
            s.history.header.buffered = vec![kept.to_owned()];
            s.at(2_000).partition(true);
            s.routes_down(EAST_1, WEST_1);
            let request = s.at(5_000).request(asker, "a", "box");
            s.at(7_000).event(Kind::RequestTimeout { request, disconnected: false });
            let judged = s.judge(ID);
            assert_eq!(judged.findings.broken, u64::from(kept == "b"), "{kept}");
        }
    }

    #[test]
    fn what_is_refused_gets_the_status_although_somebody_is_there() {
        for refused in [true, false] {
            let (mut s, asker) = script();
            let far = s.client("far/1", WEST_1);
            s.sub(far, 1, "a", "");
            s.keeps(3);
            let request = s.at(5_000).request(asker, "a", "box");
            if refused {
                s.refuse(asker, "a", (1, 1), "is full, max_msgs 3");
            }
            let (client, conn) = (asker, s.conn(asker));
            s.event(Kind::NoResponders { client, conn, subject: Sym::NONE, request });
            let judged = s.judge(ID);
            assert_eq!(judged.findings.broken, u64::from(!refused));
        }
    }

    #[test]
    fn holds_if_nobody_is_there_and_it_is_said() {
        let (mut s, asker) = script();
        let msg = ask(&mut s, asker);
        s.at(2_010);
        nobody(&mut s, msg);
        s.judge(ID).held(1);
    }

    #[test]
    fn breaks_if_somebody_is_there() {
        let (mut s, asker) = script();
        let server = s.client("serve/1", WEST_1);
        s.sub(server, 1, "a", "q");
        let msg = ask(s.at(2_100), asker);
        s.at(2_200);
        nobody(&mut s, msg);
        let judged = s.judge(ID);
        assert!(judged.broke(2_200).contains("although serve/1 had been subscribed to `a`"));
    }

    #[test]
    fn breaks_if_nobody_is_there_and_it_is_not_said() {
        let (mut s, asker) = script();
        ask(&mut s, asker);
        assert!(s.judge(ID).broke(3_300).ends_with("and was not told so."));
    }

    #[test]
    fn breaks_if_who_asked_in_vain_was_not_told_and_has_not_flushed() {
        let (mut s, asker) = script();
        let request = s.request(asker, "a", "_INBOX.1");
        s.at(3_000).event(Kind::RequestTimeout { request, disconnected: false });
        assert!(s.judge(ID).broke(4_300).ends_with("and was not told so."));
    }

    #[test]
    fn a_node_that_has_died_unseen_is_not_gone_until_its_routes_are() {
        for (lost, broken) in [(false, 0), (true, 1)] {
            let (mut s, asker) = script();
            let server = s.client("serve/1", WEST_1);
            s.sub(server, 1, "a", "q");
            s.at(3_000).node_down(WEST_1, NodeDownHow::Killed);
            if lost {
                s.at(4_000).routes_down(EAST_1, WEST_1);
            }
            s.at(8_000);
            let request = s.request(asker, "a", "_INBOX.1");
            s.at(9_000).event(Kind::RequestTimeout { request, disconnected: false });
            assert_eq!(s.judge(ID).findings.broken, broken, "found dead: {lost}");
        }
    }

    #[test]
    fn both_are_excused_while_interest_is_on_its_way() {
        let (mut s, asker) = script();
        let server = s.client("serve/1", WEST_1);
        s.sub(server, 1, "a", "q");
        let msg = ask(s.at(2_050), asker);
        s.at(2_100);
        nobody(&mut s, msg);
        let judged = s.judge(ID);
        judged.vacuous();
        assert_eq!(judged.findings.excused, 1);

        let (mut s, asker) = script();
        let server = s.client("serve/1", WEST_1);
        s.sub(server, 1, "a", "q");
        s.at(3_000).unsub_sent(server, 1, 0);
        ask(s.at(3_100), asker);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_region_that_is_cut_off_is_judged_when_its_routes_have_long_been_lost() {
        for (asked_ms, told, checked, broken) in
            [(6_101, true, 1, 0), (6_101, false, 1, 1), (6_050, true, 0, 0), (6_050, false, 0, 0)]
        {
            let (mut s, asker) = script();
            let server = s.client("serve/1", WEST_1);
            s.sub(server, 1, "a", "q");
            s.at(3_000).partition(true);
            s.at(6_000).routes_down(EAST_1, WEST_1);
            let msg = ask(s.at(asked_ms), asker);
            s.at(6_200);
            if told {
                nobody(&mut s, msg);
            }
            let judged = s.judge(ID);
            let findings = &judged.findings;
            assert_eq!((findings.checked, findings.broken), (checked, broken), "{asked_ms} {told}");
        }
    }

    #[test]
    fn is_not_checked_if_somebody_is_there_and_nothing_is_said() {
        let (mut s, asker) = script();
        let server = s.client("serve/1", WEST_1);
        s.sub(server, 1, "a", "");
        ask(s.at(3_000), asker);
        s.judge(ID).vacuous();
    }
}
