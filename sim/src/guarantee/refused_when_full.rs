//! B5: a buffer refuses what it has no room for, and nothing else, and never holds more than it may.
//!
//! Two witnesses say how full a buffer is. A node tells, if it was asked to, how much is in a buffer
//! each time that it puts something in or takes something out; that is exact. And whoever that is:
//! what clients have published at a node, on subjects that are kept and that somebody at the peer has
//! ever wanted, since all that came before must have been given out, is more than there can be. Given
//! out is what was published before the way to the peer was lost, if it had been calm for long.
//!
//! Refused is also what the disk does not take; that is only looked at for whether something was wrong
//! with the disk. After that, and after a node was down, nothing is known to have been given out.

use std::collections::{BTreeMap, BTreeSet};

use causeway_wire::subject;

use super::arrears::Arrears;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::{ConnIx, MsgRef, View};
use super::{Checker, Params, Topic};
use crate::history::{
    BufferEvent, BufferRoom, BufferWhat, Fault, FaultKind, Kind, Refusal, RefusedWhy, Sym,
};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId};
use crate::units::SECOND;

/// From a message being published to its being gone from the buffer while the way is calm, besides two
/// round trips: disks and turns at both ends.
const SLACK_NS: u64 = SECOND / 2;

/// What stands around a message in a buffer besides its subject, reply subject and bytes, at most.
const ENVELOPE_BYTES: u64 = 128;

pub(super) struct RefusedWhenFull {
    scope: Scope,
    arrears: Arrears,
    rtt_ns: u64,
    pairs: BTreeMap<(NodeId, NodeId), Pair>,
    /// Nodes whose disks something was wrong with.
    bad_disks: BTreeSet<NodeId>,
    wanted: Wanted,
}

/// What one node keeps for another.
#[derive(Debug, Default)]
struct Pair {
    /// Messages and bytes in it, as the node said last.
    told: (u64, u64),
    /// Since when the way between them has been calm, when last looked at.
    calm_since: Option<u64>,
    /// What was published before this must have been given out.
    clear_t: u64,
    /// Nothing is known any more of what was given out.
    unsure: bool,
    /// How many messages of each connection have been counted.
    counted: BTreeMap<ConnIx, usize>,
    /// What may be in it: messages, and their bytes.
    most: (u64, u64),
}

/// Which subjects somebody at a node has ever wanted.
#[derive(Debug, Default)]
struct Wanted {
    known: BTreeMap<(NodeId, Sym), bool>,
    subs: usize,
}

impl RefusedWhenFull {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self {
            scope: params.scope.clone(),
            arrears: Arrears::new(params.header, None),
            rtt_ns: params.header.bounds.rtt_max_ns,
            pairs: BTreeMap::new(),
            bad_disks: BTreeSet::new(),
            wanted: Wanted::default(),
        }
    }

    fn told(&mut self, view: &View<'_>, event: BufferEvent, pen: &mut Pen<'_>) {
        let BufferEvent { node, peer, what } = event;
        let Some(room) = room_of(view, node) else { return };
        let pair = self.pairs.entry((node, peer)).or_default();
        match what {
            BufferWhat::Kept { messages, bytes, .. } => {
                pair.told = (messages, bytes);
                if !self.scope.covers_pair(view, node, peer) {
                    return;
                }
                // One message that is too large by itself goes in where older ones make room.
                let alone = !room.refuses && messages == 1;
                if room.max_msgs.is_some_and(|most| messages > most)
                    || bytes > room.max_bytes && !alone
                {
                    let i = pen.i;
                    pen.broken(view, || {
                        let story = format!(
                            "{} keeps {messages} messages of {bytes} bytes for {}, and may keep {}.",
                            name(view, node),
                            name(view, peer),
                            words(room)
                        );
                        (story, vec![i])
                    });
                } else {
                    pen.held();
                }
            }
            BufferWhat::Left { messages, bytes, .. } => pair.told = (messages, bytes),
            BufferWhat::Refused { msg } => self.refused_there(view, event, msg, room, pen),
            BufferWhat::Repeated { .. } => {}
        }
    }

    /// A node says that it refuses a message: was there room by its own count?
    fn refused_there(
        &mut self,
        view: &View<'_>,
        BufferEvent { node, peer, .. }: BufferEvent,
        msg: Option<MsgId>,
        room: BufferRoom,
        pen: &mut Pen<'_>,
    ) {
        let (messages, bytes) = self.pairs.entry((node, peer)).or_default().told;
        if self.bad_disks.contains(&node) || !self.scope.covers_pair(view, node, peer) {
            return;
        }
        let size = msg.and_then(|id| view.find_msg(id)).map(|msg| stored_bytes(view, msg));
        let fits = size.is_some_and(|size| bytes + size <= room.max_bytes);
        if fits && room.max_msgs.is_none_or(|most| messages < most) {
            let i = pen.i;
            pen.broken(view, || {
                let story = format!(
                    "{} refuses a message for {}, and keeps {messages} of {bytes} bytes by its own \
                        account, where it may keep {}.",
                    name(view, node),
                    name(view, peer),
                    words(room)
                );
                (story, vec![i])
            });
        }
    }

    /// A client is told that one of its messages was refused.
    fn refused(&mut self, view: &View<'_>, kind: &Kind, pen: &mut Pen<'_>) {
        let Kind::PubRefused { client, conn, subject, first, last, text } = *kind else { return };
        if !self.scope.covers_client(view, client) {
            return;
        }
        let text = view.history.text(text);
        let wrong = match self.judge(view, (client, conn), (subject, first, last), text) {
            Ok(()) => return pen.held(),
            Err(wrong) => wrong,
        };
        let i = pen.i;
        pen.broken(view, || {
            let client = &view.history.header.clients[client.0 as usize].name;
            (format!("{client} was told: {text}. But {wrong}."), vec![i])
        });
    }

    /// What is wrong with a refusal, if anything.
    fn judge(
        &mut self,
        view: &View<'_>,
        (client, conn): (ClientId, ConnNo),
        (subject, first, last): (Sym, u32, u32),
        text: &str,
    ) -> Result<(), String> {
        let refusal = Refusal::parse(text).ok_or("that is no refusal")?;
        let conn = view.find_conn(client, conn).ok_or("there is no such connection")?;
        let node = view.conn(conn).node.ok_or("it has no server")?;
        let peer = node_called(view, refusal.peer).ok_or("there is no such server")?;
        let room = room_of(view, node).ok_or("its server keeps nothing for others")?;
        if !is_buffered(view, subject) {
            return Err("nothing is kept on that subject".to_owned());
        }
        self.count(view, (node, peer), (conn, last));
        self.take_off(view, node, conn, (subject, first, last));
        let limit = match refusal.why {
            RefusedWhy::Disk if self.bad_disks.contains(&node) => return Ok(()),
            RefusedWhy::Disk => return Err("nothing was wrong with its disk".to_owned()),
            RefusedWhy::Messages(most) => (room.max_msgs == Some(most), most),
            RefusedWhy::Bytes(most) => (room.max_bytes == most, most),
        };
        if !room.refuses {
            return Err("its server takes new messages in place of old ones".to_owned());
        }
        let (true, limit) = limit else { return Err(format!("it may keep {}", words(room))) };
        let (messages, bytes) = self.pairs.entry((node, peer)).or_default().most;
        let own = sizes(view, conn, (subject, first, last)).max().unwrap_or(0);
        let full = match refusal.why {
            RefusedWhy::Messages(_) => messages >= limit,
            RefusedWhy::Bytes(_) => bytes + own > limit,
            RefusedWhy::Disk => true,
        };
        // What streams publish is not among what clients have.
        if full || !view.history.header.streams.is_empty() {
            return Ok(());
        }
        Err(format!("no more than {messages} messages of {bytes} bytes can be kept there"))
    }

    /// Counts what may be in a buffer: up to this message of one connection, and all of the others.
    fn count(
        &mut self,
        view: &View<'_>,
        (node, peer): (NodeId, NodeId),
        (own, last): (ConnIx, u32),
    ) {
        let now = view.publication(MsgRef { conn: own, seq: last }).t;
        self.given_out(view, (node, peer), now);
        let Self { pairs, wanted, .. } = self;
        let pair = pairs.entry((node, peer)).or_default();
        wanted.look(view);
        for (conn, state) in (0..).map(ConnIx).zip(view.conns()) {
            if state.node != Some(node) {
                continue;
            }
            let from = pair.counted.get(&conn).copied().unwrap_or(0);
            for at in from..state.published.len() {
                let msg = MsgRef { conn, seq: at as u32 + 1 };
                let publication = &state.published[at];
                if publication.t >= pair.clear_t
                    && is_buffered(view, publication.subject)
                    && wanted.at(view, peer, publication.subject)
                {
                    pair.most.0 += 1;
                    pair.most.1 += stored_bytes(view, msg);
                }
            }
            pair.counted.insert(conn, state.published.len());
        }
    }

    /// What was refused is in no buffer of the node.
    fn take_off(
        &mut self,
        view: &View<'_>,
        node: NodeId,
        conn: ConnIx,
        (subject, first, last): (Sym, u32, u32),
    ) {
        let least = sizes(view, conn, (subject, first, last)).min().unwrap_or(0);
        let published_t = view.publication(MsgRef { conn, seq: first }).t;
        let Self { pairs, wanted, .. } = self;
        for ((_, peer), pair) in pairs.iter_mut().filter(|((of, _), _)| *of == node) {
            let counted = pair.counted.get(&conn).is_some_and(|counted| *counted >= last as usize);
            if counted && published_t >= pair.clear_t && wanted.at(view, *peer, subject) {
                pair.most.0 = pair.most.0.saturating_sub(1);
                pair.most.1 = pair.most.1.saturating_sub(least);
            }
        }
    }

    /// Notes what must have been given out by now.
    fn given_out(&mut self, view: &View<'_>, (node, peer): (NodeId, NodeId), now: u64) {
        let pairs = u64::from(view.network.node_count()).pow(2);
        let Some(room) = room_of(view, node) else { return };
        let by_number =
            room.max_msgs.map(|most| most.saturating_mul(view.largest_message() + ENVELOPE_BYTES));
        let one = by_number.unwrap_or(u64::MAX).min(room.max_bytes);
        let slack = self.rtt_ns.saturating_mul(2).saturating_add(SLACK_NS);
        let settle = slack.saturating_add(self.arrears.takes_ns(one.saturating_mul(pairs)));
        let pair = self.pairs.entry((node, peer)).or_default();
        let calm = pair.calm_since.is_some_and(|since| since.saturating_add(settle) <= now);
        if calm && !pair.unsure {
            pair.clear_t = pair.clear_t.max(now.saturating_sub(slack));
            pair.most = (0, 0);
            let clear_t = pair.clear_t;
            for (conn, state) in (0..).map(ConnIx).zip(view.conns()) {
                if state.node == Some(node) {
                    let before = state.published.partition_point(|it| it.t < clear_t);
                    pair.counted.insert(conn, before);
                }
            }
        }
    }

    /// Something has happened to faults, nodes or routes.
    fn look(&mut self, view: &View<'_>, t: u64) {
        let pairs: Vec<(NodeId, NodeId)> = view.network.core_pairs().collect();
        for (a, b) in pairs {
            let calm_since = view.network.calm_since(a, b);
            for way in [(a, b), (b, a)] {
                if self.pairs.entry(way).or_default().calm_since != calm_since {
                    self.given_out(view, way, t);
                    self.pairs.entry(way).or_default().calm_since = calm_since;
                }
            }
        }
    }

    fn disturbed(&mut self, node: NodeId) {
        let of = self.pairs.iter_mut().filter(|((a, b), _)| *a == node || *b == node);
        of.for_each(|(_, pair)| pair.unsure = true);
    }

    fn fault(&mut self, fault: &Fault) {
        if fault.kind == FaultKind::Disk {
            for node in &fault.nodes {
                self.bad_disks.insert(*node);
                self.disturbed(*node);
            }
        }
    }
}

impl Wanted {
    /// Who wants nothing may have begun to want something.
    fn look(&mut self, view: &View<'_>) {
        let subs = view.subs().count();
        if self.subs != subs {
            self.subs = subs;
            self.known.retain(|_, wanted| *wanted);
        }
    }

    fn at(&mut self, view: &View<'_>, node: NodeId, of: Sym) -> bool {
        *self.known.entry((node, of)).or_insert_with(|| {
            let literal = view.history.text(of).as_bytes();
            view.subs().any(|(_, sub)| {
                view.node_of(sub) == Some(node)
                    && subject::matches(view.history.text(sub.subject).as_bytes(), literal)
            })
        })
    }
}

impl Checker for RefusedWhenFull {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Buffers, Topic::Network]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let event = &view.history.events[pen.i];
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of buffers")]
        match &event.kind {
            Kind::PubRefused { .. } => self.refused(view, &event.kind, pen),
            Kind::Buffer(buffer) => self.told(view, *buffer, pen),
            kind => {
                if let Kind::Fault(fault) = kind {
                    self.fault(fault);
                }
                if let Kind::NodeDown { node, .. } = kind {
                    self.disturbed(*node);
                }
                self.look(view, event.t);
            }
        }
    }
}

fn room_of(view: &View<'_>, node: NodeId) -> Option<BufferRoom> {
    view.history.header.nodes[usize::from(node.0)].limits.buffer
}

fn node_called(view: &View<'_>, name: &str) -> Option<NodeId> {
    let at = view.history.header.nodes.iter().position(|node| node.name == name)?;
    u16::try_from(at).ok().map(NodeId)
}

fn name<'v>(view: &'v View<'_>, node: NodeId) -> &'v str {
    &view.history.header.nodes[usize::from(node.0)].name
}

/// Whether nodes keep what is published on a subject, as far as it is the same for all.
fn is_buffered(view: &View<'_>, of: Sym) -> bool {
    let (kept, literal) = (&view.history.header.buffered, view.history.text(of).as_bytes());
    kept.is_empty() || kept.iter().any(|it| subject::matches(it.as_bytes(), literal))
}

/// What a message takes up in a buffer, at most.
fn stored_bytes(view: &View<'_>, msg: MsgRef) -> u64 {
    let publication = view.publication(msg);
    let text = |sym| view.history.text(sym).len() as u64;
    u64::from(publication.size)
        + text(publication.subject)
        + text(publication.reply)
        + ENVELOPE_BYTES
}

/// What the messages of a connection on a subject take up, from one number to another.
fn sizes<'v>(
    view: &'v View<'_>,
    conn: ConnIx,
    (subject, first, last): (Sym, u32, u32),
) -> impl Iterator<Item = u64> + 'v {
    let all = (first..=last).map(move |seq| MsgRef { conn, seq });
    all.filter(move |msg| view.publication(*msg).subject == subject)
        .map(|msg| stored_bytes(view, msg))
}

fn words(room: BufferRoom) -> String {
    match room.max_msgs {
        Some(most) => format!("{most} messages of {} bytes", room.max_bytes),
        None => format!("{} bytes", room.max_bytes),
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{BufferEvent, BufferWhat, FaultKind, Kind, NodeDownHow};
    use crate::ids::ClientId;

    const ID: &str = "refused_when_full";
    const FULL: &str = "is full, max_msgs 3";

    /// There is room for three messages on `a`, which somebody in the west wants. The regions lose each
    /// other at 10 s, when all that was published before has long been given out.
    fn cut() -> (Script, ClientId) {
        let mut s = Script::running();
        s.keeps(3);
        s.history.header.window = 1 << 40;
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        for at in 0..5 {
            s.at(2_000 + at).publish(publisher, "a");
        }
        s.at(10_000).partition(true);
        (s, publisher)
    }

    /// So many are published, and the last one is refused.
    fn filled(messages: u32) -> Script {
        let (mut s, publisher) = cut();
        s.at(11_000);
        for _ in 0..messages {
            s.publish(publisher, "a");
        }
        s.refuse(publisher, "a", (5 + messages, 5 + messages), FULL);
        s
    }

    #[test]
    fn it_holds_if_the_buffer_may_be_full() {
        filled(4).judge(ID).held(1);
    }

    #[test]
    fn it_breaks_if_it_cannot_be() {
        let told = "pub/1 was told: Permissions Violation for Publish to \"a\": the buffer for \"west/1\" \
                    is full, max_msgs 3. But no more than 2 messages of 290 bytes can be kept there.";
        assert_eq!(filled(3).judge(ID).broke(11_000), told);
    }

    #[test]
    fn what_was_refused_before_takes_no_room() {
        let (mut s, publisher) = cut();
        s.at(11_000).publish(publisher, "a");
        for seq in [7, 8, 9] {
            s.publish(publisher, "a");
            s.refuse(publisher, "a", (seq, seq), FULL);
        }
        assert_eq!(s.judge(ID).findings.broken, 3);
    }

    #[test]
    fn what_was_published_just_before_the_cut_may_still_be_there() {
        for (at, broken) in [(9_301, 0), (9_299, 1)] {
            let mut s = Script::running();
            s.keeps(3);
            s.history.header.window = 1 << 40;
            let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
            s.sub(subscriber, 1, "a", "");
            s.at(at);
            for _ in 0..3 {
                s.publish(publisher, "a");
            }
            s.at(10_000).partition(true);
            s.at(11_000).publish(publisher, "a");
            s.refuse(publisher, "a", (4, 4), FULL);
            assert_eq!(s.judge(ID).findings.broken, broken, "{at}");
        }
    }

    #[test]
    fn what_nobody_there_wants_takes_no_room() {
        let (mut s, publisher) = cut();
        s.history.header.buffered = vec!["*".to_owned()];
        s.at(11_000);
        for subject in ["b", "b", "b", "a"] {
            s.publish(publisher, subject);
        }
        s.refuse(publisher, "a", (9, 9), FULL);
        s.judge(ID).broke(11_000);
    }

    #[test]
    fn nobody_knows_what_is_there_after_a_node_was_down() {
        let mut s = Script::running();
        s.keeps(3);
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        for _ in 0..3 {
            s.publish(publisher, "a");
        }
        s.at(2_000).node_down(WEST_1, NodeDownHow::Killed);
        s.at(3_000).node_up(WEST_1, 2);
        s.routes_up(EAST_1, WEST_1);
        s.at(20_000).publish(publisher, "a");
        s.refuse(publisher, "a", (4, 4), FULL);
        s.judge(ID).held(1);
    }

    #[test]
    fn it_breaks_if_nothing_is_to_be_refused() {
        type Change = fn(&mut Script);
        let changes: [(Change, &str); 4] = [
            (|s| s.node(EAST_1, |node| node.limits.buffer = None), "its server keeps nothing"),
            (
                |s| {
                    s.node(EAST_1, |node| {
                        node.limits.buffer.as_mut().unwrap().refuses = false;
                    });
                },
                "takes new messages in place of old ones",
            ),
            (
                |s| {
                    s.node(EAST_1, |node| {
                        node.limits.buffer.as_mut().unwrap().max_msgs = Some(4);
                    });
                },
                "it may keep 4 messages of 10000 bytes",
            ),
            (
                |s| s.history.header.buffered = vec!["b".to_owned()],
                "nothing is kept on that subject",
            ),
        ];
        for (change, told) in changes {
            let mut s = filled(4);
            change(&mut s);
            let judged = s.judge(ID);
            assert!(judged.broke(11_000).contains(told), "{}", judged.broke(11_000));
        }
    }

    #[test]
    fn bytes_count_too() {
        for (size, broken) in [(5_000, 0), (4_000, 1)] {
            let (mut s, publisher) = cut();
            s.at(11_000);
            for _ in 0..2 {
                s.publish(publisher, "a");
                if let Some(Kind::PubSent { size: of, .. }) =
                    s.history.events.last_mut().map(|event| &mut event.kind)
                {
                    *of = size;
                }
            }
            s.refuse(publisher, "a", (7, 7), "is full, max_bytes 10000");
            assert_eq!(s.judge(ID).findings.broken, broken, "{size}");
        }
    }

    #[test]
    fn a_disk_may_refuse_if_something_was_wrong_with_it() {
        for wrong in [true, false] {
            let (mut s, publisher) = cut();
            if wrong {
                s.fault(FaultKind::Disk, true, vec![EAST_1], Vec::new());
            }
            s.at(11_000).publish(publisher, "a");
            s.refuse(publisher, "a", (6, 6), "cannot be written");
            assert_eq!(s.judge(ID).findings.broken, u64::from(!wrong));
        }
    }

    #[test]
    fn a_node_contradicts_itself() {
        let kept = |messages, bytes| BufferWhat::Kept { seq: 1, msg: None, messages, bytes };
        for (messages, bytes, refuses, broken) in [
            (3, 10_000, false, 0),
            (4, 100, false, 1),
            (2, 10_001, false, 1),
            (2, 100, true, 1),
            (3, 100, true, 0),
        ] {
            let (mut s, publisher) = cut();
            let msg = s.at(11_000).publish(publisher, "a");
            let mut tell = |what| {
                s.event(Kind::Buffer(BufferEvent { node: EAST_1, peer: WEST_1, what }));
            };
            tell(kept(messages, bytes));
            if refuses {
                tell(BufferWhat::Refused { msg: Some(msg) });
            }
            assert_eq!(s.judge(ID).findings.broken, broken, "{messages} {bytes} {refuses}");
        }
    }
}
