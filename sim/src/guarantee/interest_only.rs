//! C6: a message goes to another node only if that node had said that it wants it.
//!
//! The sender's decision is not in the history; what is in it is when its client published and when
//! the message's bytes left. Interest that was known at any moment between the two justifies the
//! message, so an RS- that crosses a message in the transmit queue is not held against the sender.
//! `grace` forgives that much more.

use super::outcome::Pen;
use super::scope::Scope;
use super::subject::PatternIndex;
use super::table::Table;
use super::view::View;
use super::{Checker, Params, Topic, search};
use crate::history::{Kind, Sym};
use crate::ids::{MsgId, NodeId, WireConn};

pub(super) struct InterestOnly {
    scope: Scope,
    grace_ns: u64,
    nodes: usize,
    /// What a node has been told by a peer, as `node * nodes + peer`.
    told: Vec<Told>,
    /// Which groups a message was sent for, by the symbol that lists them.
    groups: Table<Sym, Vec<Sym>>,
}

/// What a node has been told by one peer.
#[derive(Default)]
struct Told {
    index: PatternIndex,
    /// By the pattern's place.
    rows: Vec<Vec<Row>>,
}

/// A line of interest that arrived.
struct Row {
    conn: WireConn,
    account: Sym,
    queue: Sym,
    /// Since when it is void; `None` while it holds.
    void_t: Option<u64>,
}

/// A message on its way between nodes.
#[derive(Clone, Copy)]
struct Crossing {
    from: NodeId,
    to: NodeId,
    account: Sym,
    subject: Sym,
    queues: Sym,
    msg: Option<MsgId>,
}

impl InterestOnly {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let nodes = params.header.nodes.len();
        let mut told = Vec::new();
        told.resize_with(nodes * nodes, Told::default);
        Self {
            scope: params.scope.clone(),
            grace_ns: params.grace_ns.unwrap_or(0) + params.header.bounds.lag_ns,
            nodes,
            told,
            groups: Table::default(),
        }
    }

    fn told(&mut self, node: NodeId, peer: NodeId) -> &mut Told {
        &mut self.told[usize::from(node.0) * self.nodes + usize::from(peer.0)]
    }

    /// A line of interest has reached its receiver.
    fn hear(&mut self, view: &View<'_>, t: u64, sub: u64) {
        let line = usize::try_from(sub).ok().and_then(|at| view.history.events.get(at));
        let Some(Kind::WireSub { from, to, conn, account, subject, queue, weight }) =
            line.map(|event| &event.kind)
        else {
            return;
        };
        let told = self.told(*to, *from);
        let place = told.index.place(&view.history.symbols, *subject);
        if place == told.rows.len() {
            told.rows.push(Vec::new());
        }
        let rows = &mut told.rows[place];
        let void_t = (*weight == 0).then_some(t);
        let key = (*conn, *account, *queue);
        match rows.iter_mut().find(|row| (row.conn, row.account, row.queue) == key) {
            Some(row) => row.void_t = void_t,
            None => {
                rows.push(Row { conn: *conn, account: *account, queue: *queue, void_t });
            }
        }
    }

    /// What a node was told over a connection is void.
    fn lose(&mut self, t: u64, node: NodeId, peer: NodeId, conn: Option<WireConn>) {
        for row in self.told(node, peer).rows.iter_mut().flatten() {
            if conn.is_none_or(|conn| conn == row.conn) {
                row.void_t.get_or_insert(t);
            }
        }
    }

    fn judge(&mut self, view: &View<'_>, crossing: Crossing, pen: &mut Pen<'_>) {
        let Crossing { from, to, subject, .. } = crossing;
        if !self.scope.covers_pair(view, from, to) {
            return;
        }
        let msg = crossing.msg.and_then(|id| view.find_msg(id));
        // A message of no client has no time of publication; it counts as published now.
        // Of those to and from streams it is not known.
        let waited = match view.history.header.streams.first() {
            Some(_) => view.history.header.bounds.interest_ns,
            None => 0,
        };
        let published_t = msg.map_or(pen.t.saturating_sub(waited), |msg| view.publication(msg).t);
        let since = published_t.saturating_sub(self.grace_ns);
        self.told(from, to).index.know(&view.history.symbols, subject);
        let unwanted = if crossing.queues.is_none() {
            (!self.was_told(crossing, Sym::NONE, since)).then_some(Sym::NONE)
        } else {
            let groups = self.groups_of(view, crossing.queues);
            groups.into_iter().find(|&queue| !self.was_told(crossing, queue, since))
        };
        match unwanted {
            None => pen.held(),
            Some(queue) => {
                let i = pen.i;
                pen.broken(view, || tell(view, i, crossing, queue));
            }
        }
    }

    fn was_told(&mut self, crossing: Crossing, queue: Sym, since: u64) -> bool {
        let told = self.told(crossing.from, crossing.to);
        told.index.reached(crossing.subject).any(|place| {
            told.rows[place].iter().any(|row| {
                row.account == crossing.account
                    && row.queue == queue
                    && row.void_t.is_none_or(|t| t >= since)
            })
        })
    }

    fn groups_of(&mut self, view: &View<'_>, queues: Sym) -> Vec<Sym> {
        let list = self.groups.entry(queues).or_insert_with(|| {
            let symbols = &view.history.symbols;
            let names = symbols.text(queues).split(' ').filter(|name| !name.is_empty());
            // A name that is in no table was never told either; a symbol of nobody stands for it.
            names.map(|name| symbols.find(name).unwrap_or(Sym(u32::MAX))).collect()
        });
        list.clone()
    }
}

impl Checker for InterestOnly {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Wires, Topic::Network]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only what passes between nodes counts")]
        match view.history.events[pen.i].kind {
            Kind::WireSubSeen { sub } => self.hear(view, pen.t, sub),
            Kind::WireClosed { node, peer, conn } => self.lose(pen.t, node, peer, Some(conn)),
            Kind::NodeDown { node, .. } => {
                for peer in (0..view.network.node_count()).map(NodeId) {
                    self.lose(pen.t, node, peer, None);
                }
            }
            Kind::WireMsg { from, to, account, subject, queues, msg, .. } => {
                let crossing = Crossing { from, to, account, subject, queues, msg };
                self.judge(view, crossing, pen);
            }
            _ => {}
        }
    }
}

fn tell(view: &View<'_>, i: usize, crossing: Crossing, queue: Sym) -> (String, Vec<usize>) {
    let history = view.history;
    let node = |node: NodeId| &history.header.nodes[usize::from(node.0)].name;
    let (from, to) = (node(crossing.from), node(crossing.to));
    let subject = history.text(crossing.subject);
    let want = if queue.is_none() {
        format!("wants `{subject}`")
    } else if history.text(queue).is_empty() {
        // A group that is mentioned nowhere else in the history has no name of its own there.
        format!("is in one of the queue groups `{}` for `{subject}`", history.text(crossing.queues))
    } else {
        format!("is in queue group `{}` for `{subject}`", history.text(queue))
    };
    let what = crossing.msg.map_or_else(|| "a message".to_owned(), |id| format!("message {id}"));
    let mut events = vec![i];
    events.extend(crossing.msg.and_then(|id| view.find_msg(id)).map(|m| view.publication(m).i));
    // The last that the receiver said about this very subject, if anything.
    let interest = (crossing.subject, queue);
    events.extend(search::last_word(view, i, (crossing.to, crossing.from), interest));
    let story = format!(
        "{from} sent {what} on `{subject}` to {to}, although {to} had not told it that anybody \
            there {want}."
    );
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{Kind, NodeDownHow};
    use crate::ids::{ClientId, WireConn};
    use crate::units::MS;

    const ID: &str = "interest_only";

    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        (s, publisher)
    }

    #[test]
    fn holds_for_plain_and_queue_interest_that_was_heard() {
        let (mut s, publisher) = script();
        s.tell(WEST_1, EAST_1, ("a.*", "", 1));
        s.tell(WEST_1, EAST_1, ("a.b", "q", 3));
        let msg = s.publish(publisher, "a.b");
        s.cross(EAST_1, WEST_1, "", msg);
        let msg = s.publish(publisher, "a.b");
        s.cross(EAST_1, WEST_1, "q", msg);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_nobody_had_asked() {
        let (mut s, publisher) = script();
        s.tell(WEST_1, EAST_1, ("other", "", 1));
        s.tell(WEST_1, EAST_2, ("a", "", 1));
        let msg = s.at(2_000).publish(publisher, "a");
        s.cross(EAST_1, WEST_1, "", msg);
        assert_eq!(
            s.judge(ID).broke(2_000),
            "east/1 sent message 0.1.1 on `a` to west/1, although west/1 had not told it that \
                anybody there wants `a`."
        );
    }

    #[test]
    fn breaks_if_the_line_was_sent_but_not_heard_yet() {
        let (mut s, publisher) = script();
        s.tell(WEST_1, EAST_1, ("a", "", 1));
        s.history.events.pop();
        let msg = s.at(2_000).publish(publisher, "a");
        s.cross(EAST_1, WEST_1, "", msg);
        s.judge(ID).broke(2_000);
    }

    #[test]
    fn breaks_if_one_of_the_groups_is_not_there() {
        let (mut s, publisher) = script();
        s.tell(WEST_1, EAST_1, ("a", "q", 1));
        s.tell(WEST_1, EAST_1, ("a", "", 1));
        let msg = s.at(2_000).publish(publisher, "a");
        s.cross(EAST_1, WEST_1, "q r", msg);
        let story = "is in one of the queue groups `q r` for `a`.";
        assert!(s.clone().judge(ID).broke(2_000).ends_with(story));
        s.sym("r");
        assert!(s.judge(ID).broke(2_000).ends_with("is in queue group `r` for `a`."));
    }

    #[test]
    fn interest_that_ended_justifies_what_was_published_before() {
        for (published, broken) in [(2_000, 0), (2_001, 1)] {
            let (mut s, publisher) = script();
            s.tell(WEST_1, EAST_1, ("a", "", 1));
            let old = s.at(1_900).publish(publisher, "a");
            if published == 2_000 {
                s.at(2_000).tell(WEST_1, EAST_1, ("a", "", 0));
                s.at(2_500).cross(EAST_1, WEST_1, "", old);
            } else {
                s.at(2_000).tell(WEST_1, EAST_1, ("a", "", 0));
                let new = s.at(2_001).publish(publisher, "a");
                s.at(2_500).cross(EAST_1, WEST_1, "", new);
            }
            assert_eq!(s.judge(ID).findings.broken, broken);
        }
    }

    #[test]
    fn grace_forgives_what_is_a_little_late() {
        for (grace, broken) in [(100, 0), (99, 1)] {
            let (mut s, publisher) = script();
            s.ask(ID).grace_ns = Some(grace * MS);
            s.tell(WEST_1, EAST_1, ("a", "", 1));
            s.at(2_000).tell(WEST_1, EAST_1, ("a", "", 0));
            let msg = s.at(2_100).publish(publisher, "a");
            s.cross(EAST_1, WEST_1, "", msg);
            assert_eq!(s.judge(ID).findings.broken, broken, "{grace}");
        }
    }

    #[test]
    fn what_was_heard_over_a_closed_connection_or_by_a_dead_process_is_void() {
        let endings: [fn(&mut Script); 2] = [
            |s| {
                let kind = Kind::WireClosed { node: EAST_1, peer: WEST_1, conn: WireConn(20) };
                s.event(kind);
            },
            |s| s.node_down(EAST_1, NodeDownHow::Killed),
        ];
        for ending in endings {
            let (mut s, publisher) = script();
            s.tell(WEST_1, EAST_1, ("a", "", 1));
            ending(s.at(2_000));
            let msg = s.at(3_000).publish(publisher, "a");
            s.cross(EAST_1, WEST_1, "", msg);
            s.judge(ID).broke(3_000);
        }
    }

    #[test]
    fn is_not_checked_if_nothing_crosses() {
        let (mut s, publisher) = script();
        s.tell(WEST_1, EAST_1, ("a", "", 1));
        s.publish(publisher, "a");
        s.judge(ID).vacuous();
    }
}
