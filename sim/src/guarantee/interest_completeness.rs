//! C7: when things have settled, every node knows exactly what the others' clients want.
//!
//! Judged from the snapshots at the end of quiesce and of drain: for each node, the rows that a
//! peer told it about must equal the union of the live subscriptions of the peer's clients, and its
//! own rows must equal those of its own clients. A subscription that changed too recently, or whose
//! connection was disturbed so that client and node may see it differently, may be there or not.

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::view::{Sub, View};
use super::{Checker, Params, Topic, search};
use crate::history::{Header, Holder, Kind, Snapshot, Sym};
use crate::ids::NodeId;

/// The account of clients that name none; the simulator's all do.
const ACCOUNT: &str = "$G";

pub(super) struct InterestCompleteness {
    scope: Scope,
    bound_ns: u64,
}

/// How many subscriptions there must at least and may at most be, and one of them.
#[derive(Clone, Copy, Default)]
struct Count {
    least: u32,
    most: u32,
    example: usize,
}

/// Where a subscription stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Standing {
    Certain,
    Doubtful,
    Gone,
}

/// What a node's clients want: by subject and queue group.
type Wanted = BTreeMap<(Sym, Sym), Count>;

impl InterestCompleteness {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bound_ns = bound_ns(params.header, params.within_ns);
        Self { scope: params.scope.clone(), bound_ns }
    }

    fn judge(&self, view: &View<'_>, snapshot: &Snapshot, pen: &mut Pen<'_>) {
        let me = snapshot.node;
        if self.scope.covers_node(view, me) {
            let wanted = self.wanted(view, me, pen.t);
            self.compare(view, snapshot, me, &wanted, pen);
        }
        for peer in (0..view.network.node_count()).map(NodeId).filter(|&peer| peer != me) {
            let settled = view
                .network
                .calm_since(me, peer)
                .is_some_and(|t| t.saturating_add(self.bound_ns) <= pen.t);
            let wired = view.network.shares_cluster(me, peer);
            if settled && wired && self.scope.covers_pair(view, me, peer) {
                let wanted = self.wanted(view, peer, pen.t);
                self.compare(view, snapshot, peer, &wanted, pen);
            }
        }
    }

    /// What the clients of a node want.
    fn wanted(&self, view: &View<'_>, node: NodeId, now: u64) -> Wanted {
        let mut wanted = Wanted::new();
        for (_, sub) in view.subs().filter(|(_, sub)| view.node_of(sub) == Some(node)) {
            let standing = self.standing(view, sub, node, now);
            if standing != Standing::Gone {
                let count = wanted.entry((sub.subject, sub.queue)).or_default();
                count.least += u32::from(standing == Standing::Certain);
                count.most += 1;
                count.example = sub.i;
            }
        }
        wanted
    }

    fn standing(&self, view: &View<'_>, sub: &Sub, node: NodeId, now: u64) -> Standing {
        let conn = view.conn(sub.conn);
        if view.network.started(node).is_some_and(|t| t > conn.opened_t) {
            return Standing::Gone;
        }
        let slow = view.history.header.clients[sub.client.0 as usize].slow;
        if slow || !view.access_was_free(conn) {
            return Standing::Doubtful;
        }
        let settled = |t: u64| t.saturating_add(self.bound_ns) <= now;
        match (sub.ready_t, sub.gone_t) {
            (_, Some(t)) if settled(t) => Standing::Gone,
            (Some(t), None) if settled(t) => Standing::Certain,
            (_, Some(_)) | (Some(_) | None, None) => Standing::Doubtful,
        }
    }

    /// Compares what the snapshot says about `owner`'s clients with what they want.
    fn compare(
        &self,
        view: &View<'_>,
        snapshot: &Snapshot,
        owner: NodeId,
        wanted: &Wanted,
        pen: &mut Pen<'_>,
    ) {
        let local = owner == snapshot.node;
        let holder = if local { Holder::Local } else { Holder::Remote(owner) };
        let mut rows: BTreeMap<(Sym, Sym), u32> = BTreeMap::new();
        for row in &snapshot.interest {
            let of_streams = is_of_streams(view, owner, row.subject);
            if row.holder == holder && view.history.text(row.account) == ACCOUNT && !of_streams {
                *rows.entry((row.subject, row.queue)).or_default() += row.weight;
            }
        }
        let keys = rows.keys().chain(wanted.keys());
        let wrong = keys
            .copied()
            .map(|key| {
                let count = wanted.get(&key).copied().unwrap_or_default();
                (key, rows.get(&key).copied().unwrap_or(0), count)
            })
            .find(|&(key, has, count)| !fits(local, key, has, count));
        match wrong {
            None => pen.held(),
            Some((key, has, count)) => {
                let i = pen.i;
                pen.broken(view, || tell(view, i, snapshot.node, owner, key, has, count));
            }
        }
    }
}

/// Whether a row may be that of a stream and not of a client.
fn is_of_streams(view: &View<'_>, owner: NodeId, subject: Sym) -> bool {
    let header = &view.history.header;
    let subject = view.history.text(subject);
    let mut of_owner = header.streams.iter().zip(&view.streams.streams);
    ["$JS.", "$JSC."].iter().any(|own| subject.starts_with(own)) && !header.streams.is_empty()
        || of_owner.any(|(info, stream)| {
            let subscribed = stream.rules.subjects.iter().any(|s| s == subject);
            info.node == owner && subscribed
        })
}

/// From a change of interest to every node knowing it.
pub(super) fn bound_ns(header: &Header, within_ns: Option<u64>) -> u64 {
    within_ns.unwrap_or(header.bounds.interest_ns)
}

/// Whether a row's weight can be right. Plain interest of a peer has no number: it is there or not.
fn fits(local: bool, (_, queue): (Sym, Sym), has: u32, count: Count) -> bool {
    if local || !queue.is_none() {
        (count.least..=count.most).contains(&has)
    } else {
        (count.least.min(1)..=count.most.min(1)).contains(&has)
    }
}

impl Checker for InterestCompleteness {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if let Kind::Snapshot(snapshot) = &view.history.events[pen.i].kind {
            self.judge(view, snapshot, pen);
        }
    }
}

fn tell(
    view: &View<'_>,
    i: usize,
    me: NodeId,
    owner: NodeId,
    (subject, queue): (Sym, Sym),
    has: u32,
    count: Count,
) -> (String, Vec<usize>) {
    let history = view.history;
    let name = |node: NodeId| &history.header.nodes[usize::from(node.0)].name;
    let group = if queue.is_none() {
        String::new()
    } else {
        format!(" in queue group `{}`", history.text(queue))
    };
    let text = history.text(subject);
    let told = |n: u32| match n {
        0 => "nobody".to_owned(),
        1 => "one subscriber".to_owned(),
        n => format!("{n} subscribers"),
    };
    let real = if count.least == count.most {
        told(count.most)
    } else {
        format!("{} to {} subscribers", count.least, count.most)
    };
    let whose = if me == owner { "itself".to_owned() } else { name(owner).clone() };
    let story = format!(
        "{} believes that {whose} has {} for `{text}`{group}; the truth is {real}.",
        name(me),
        told(has),
    );
    let mut events = vec![i];
    if count.most > 0 {
        events.push(count.example);
    }
    events.extend(search::last_word(view, i, (owner, me), (subject, queue)));
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::Judged;
    use crate::guarantee::testkit::{EAST_1, EAST_2, Row, Script, WEST, WEST_1};
    use crate::history::{Fault, FaultKind, Kind};
    use crate::ids::{ClientId, NodeId};

    const ID: &str = "interest_completeness";
    const ALL: [NodeId; 3] = [EAST_1, EAST_2, WEST_1];

    /// Two clients in the west: one wants `a`, both are in queue group `q` of `b`.
    fn subscribed() -> (Script, [ClientId; 2]) {
        let mut s = Script::running();
        let clients = [s.client("one/1", WEST_1), s.client("two/1", WEST_1)];
        s.at(2_000).sub(clients[0], 1, "a", "");
        for client in clients {
            s.sub(client, 2, "b", "q");
        }
        (s, clients)
    }

    /// The same a second later.
    fn script() -> Script {
        let mut s = subscribed().0;
        s.at(3_000);
        s
    }

    /// What the east knows about the west.
    fn look(mut s: Script, rows: &[Row<'_>]) -> Judged {
        let rows: Vec<(NodeId, Row<'_>)> = rows.iter().map(|&row| (WEST_1, row)).collect();
        s.snapshot(EAST_1, &ALL[1..], &rows);
        s.judge(ID)
    }

    #[test]
    fn holds_if_all_is_known_and_nothing_else() {
        // The node itself, and its two peers, of which one has no clients.
        look(script(), &[("a", "", 1), ("b", "q", 2)]).held(3);
        let mut s = script();
        s.snapshot(WEST_1, &ALL[..2], &[(WEST_1, ("a", "", 1)), (WEST_1, ("b", "q", 2))]);
        s.judge(ID).held(3);
    }

    #[test]
    fn breaks_if_something_is_missing_left_over_or_miscounted() {
        for (rows, story) in [
            (&[("b", "q", 2)][..], "nobody for `a`; the truth is one subscriber."),
            (
                &[("a", "", 1), ("b", "q", 2), ("c", "", 1)],
                "one subscriber for `c`; the truth is nobody.",
            ),
            (
                &[("a", "", 1), ("b", "q", 1)],
                "one subscriber for `b` in queue group `q`; the truth is 2 subscribers.",
            ),
        ] {
            let judged = look(script(), rows);
            assert_eq!(judged.broke(3_000), format!("east/1 believes that west/1 has {story}"));
        }
    }

    #[test]
    fn breaks_if_a_node_does_not_know_its_own_clients() {
        let mut s = script();
        s.snapshot(WEST_1, &ALL[..2], &[(WEST_1, ("b", "q", 2))]);
        assert!(s.judge(ID).broke(3_000).starts_with("west/1 believes that itself has nobody"));
    }

    #[test]
    fn what_ended_long_ago_must_be_forgotten_and_what_ended_just_now_may_be() {
        for (ms, rows, broken) in [
            (2_900, &[("b", "q", 1)][..], 0),
            (2_900, &[("a", "", 1), ("b", "q", 2)], 1),
            (2_901, &[("a", "", 1), ("b", "q", 2)], 0),
            (2_901, &[("b", "q", 1)], 0),
        ] {
            let (mut s, clients) = subscribed();
            s.at(ms).close(clients[0], "eof");
            s.at(3_000);
            assert_eq!(look(s, rows).findings.broken, broken, "{ms} {rows:?}");
        }
    }

    #[test]
    fn a_peer_whose_route_is_down_is_not_asked_about() {
        let mut s = script();
        s.routes_down(EAST_1, WEST_1);
        look(s, &[]).held(2);
    }

    #[test]
    fn a_disturbed_connection_leaves_it_open() {
        let mut s = script();
        for on in [true, false] {
            let fault = Fault {
                id: 7,
                on,
                kind: FaultKind::Partition,
                text: String::new(),
                nodes: Vec::new(),
                pairs: Vec::new(),
                clients: vec![(WEST, WEST_1)],
            };
            s.event(Kind::Fault(Box::new(fault)));
        }
        s.at(4_000);
        look(s, &[("a", "", 1)]).held(3);
    }

    #[test]
    fn is_not_checked_without_a_snapshot() {
        script().judge(ID).vacuous();
    }
}
