//! S5, S6: keys of buckets, one by one.
//!
//! Each write of a key has a sequence, and so has what a reader is told, so the order of a key's history
//! is visible and nothing has to be searched for:
//!
//! * a write or a read that began after another one had ended is not before it (*linearizable*);
//! * a reader is told what was written at the sequence that it is told;
//! * of writes that expect a revision, one that succeeds has found it: nothing of the key lies between
//!   (as far as it can be seen: revisions that the bucket has dropped since are not).
//!
//! Operations of which nobody knows what became of them may have happened or not, at any time since they
//! began; they bind nobody, but a read of their value shows that they have. `monotonic_kv_revision` is
//! weaker: what one client sees of a key never goes back.

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::streams;
use super::table::Table;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, StreamEvent, Sym};
use crate::ids::{ClientId, MsgId, StreamNo};

/// What a server with a few keys cannot have forgotten is looked at in this many revisions.
const REVISIONS_MAX: usize = 100_000;

type Key = (StreamNo, Sym);

/// Times, revisions and events, ascending.
type Known = Vec<(u64, u64, usize)>;

pub(super) struct Keys {
    scope: Scope,
    /// Whether only what one client sees is compared.
    of_one_client: bool,
    /// For each key what was known when: the highest revision that anybody had seen by a time.
    seen: Table<Key, Known>,
    /// The same as each client has seen it.
    seen_by: Table<(ClientId, Key), Known>,
    /// Reads that have not been answered.
    reads: Table<(ClientId, u32), (Key, u64)>,
    /// What was written: revision by revision.
    written: Table<Key, BTreeMap<u64, (MsgId, usize)>>,
}

impl Keys {
    fn new(params: &Params<'_>, of_one_client: bool) -> Self {
        Self {
            scope: params.scope.clone(),
            of_one_client,
            seen: Table::default(),
            seen_by: Table::default(),
            reads: Table::default(),
            written: Table::default(),
        }
    }

    pub(super) fn linearizable(params: &Params<'_>) -> Self {
        Self::new(params, false)
    }

    pub(super) fn monotonic(params: &Params<'_>) -> Self {
        Self::new(params, true)
    }

    /// An operation that began at a time has ended with a revision.
    fn ended(
        &mut self,
        view: &View<'_>,
        (client, key): (ClientId, Key),
        began_t: u64,
        revision: u64,
        pen: &mut Pen<'_>,
    ) {
        let known = if self.of_one_client {
            self.seen_by.entry((client, key)).or_default()
        } else {
            self.seen.entry(key).or_default()
        };
        let at = known.partition_point(|(t, ..)| *t < began_t);
        let before = at.checked_sub(1).map_or((0, pen.i), |at| (known[at].1, known[at].2));
        if known.last().is_none_or(|(_, highest, _)| revision > *highest) {
            known.push((pen.t, revision, pen.i));
        }
        if revision >= before.0 {
            return pen.held();
        }
        if view.streams.may_have_forgotten(key.0) {
            return pen.excused();
        }
        let i = pen.i;
        pen.broken(view, || {
            let subject = view.history.text(key.1);
            let who = streams::client_name(view, client);
            let since = if self.of_one_client { "it had seen" } else { "somebody had seen before" };
            let story = format!(
                "{who} is told revision {revision} of `{subject}`, and {since} {}.",
                before.0
            );
            (story, vec![before.1, i])
        });
    }

    fn wrote(&mut self, view: &View<'_>, msg: MsgId, revision: u64, pen: &mut Pen<'_>) {
        let Some(sent) = view.streams.sent.get(&msg) else { return };
        if !self.is_key(view, sent.stream, sent.subject) {
            return;
        }
        let key = (sent.stream, sent.subject);
        let began = sent.attempts.first().map_or(0, |(_, t)| *t);
        self.ended(view, (msg.client, key), began, revision, pen);
        let written = self.written.entry(key).or_default();
        if written.len() < REVISIONS_MAX {
            written.insert(revision, (msg, pen.i));
        }
    }

    fn is_key(&self, view: &View<'_>, stream: StreamNo, subject: Sym) -> bool {
        self.scope.covers_stream(view, stream) && view.history.text(subject).starts_with("$KV.")
    }

    /// Whoever expected a revision has found it: no other that is known lies between.
    fn found_what_they_expected(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        let mut keys: Vec<_> = self.written.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        for (key, written) in keys {
            for (revision, (msg, i)) in written {
                let Some(sent) = view.streams.sent.get(msg) else { continue };
                let Some(expected) = sent.expect else { continue };
                // A key that was deleted is not there, whatever its revision.
                // One that it cannot have found is worse than one in between.
                let from = (expected + 1).min(*revision);
                let between = written.range(from..*revision).next_back().or_else(|| {
                    written
                        .range(*revision..=expected.max(*revision))
                        .next_back()
                        .filter(|_| expected >= *revision)
                });
                match between {
                    None => pen.held(),
                    Some(_) if view.streams.may_have_forgotten(key.0) => pen.excused(),
                    Some((other, (_, other_i))) => pen.broken(view, || {
                        let subject = view.history.text(key.1);
                        let story = format!(
                            "Message {msg} was stored as revision {revision} of `{subject}` \
                                because {expected} was the last, but {other} was."
                        );
                        (story, vec![sent.attempts.first().map_or(*i, |(i, _)| *i), *other_i, *i])
                    }),
                }
            }
        }
    }
}

impl Checker for Keys {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let kind = &view.history.events[pen.i].kind;
        if matches!(kind, Kind::End) && !self.of_one_client {
            return self.found_what_they_expected(view, pen);
        }
        let Kind::Stream(event) = kind else { return };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about keys")]
        match (**event).clone() {
            StreamEvent::Acked { msg, seq, .. } => self.wrote(view, msg, seq, pen),
            StreamEvent::Read { client, call, stream, subject }
                if self.is_key(view, stream, subject) =>
            {
                self.reads.insert((client, call), ((stream, subject), pen.t));
            }
            StreamEvent::Got { client, call, seq, .. } => {
                if let Some((key, began)) = self.reads.remove(&(client, call)) {
                    self.ended(view, (client, key), began, seq, pen);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::ids::ClientId;

    fn script() -> (Script, [ClientId; 2]) {
        let mut s = Script::running();
        s.stream("KV_b", EAST_1, "{}");
        let clients = [s.client("a/1", EAST_1), s.client("b/1", EAST_1)];
        s.at(2_000);
        (s, clients)
    }

    #[test]
    fn what_was_seen_does_not_go_back() {
        for (reader, revision, linear, monotonic) in [(0, 5, 0, 0), (0, 4, 1, 1), (1, 4, 1, 0)] {
            let (mut s, clients) = script();
            let msg = s.store(clients[0], 0, "$KV.b.k");
            s.acked(msg, 5);
            s.at(3_000).read(clients[reader], 1, "$KV.b.k");
            s.at(3_001).got(clients[reader], 1, revision);
            assert_eq!(s.clone().judge("linearizable_kv").findings.broken, linear);
            assert_eq!(s.judge("monotonic_kv_revision").findings.broken, monotonic);
        }
    }

    #[test]
    fn what_goes_on_at_the_same_time_may_be_seen_in_any_order() {
        let (mut s, clients) = script();
        let msg = s.store(clients[0], 0, "$KV.b.k");
        s.read(clients[1], 1, "$KV.b.k");
        s.at(3_000).acked(msg, 5);
        s.at(3_001).got(clients[1], 1, 0);
        s.judge("linearizable_kv").held(2);
    }

    #[test]
    fn of_those_who_expect_the_same_one_succeeds() {
        for (expected, broken) in [(5, 0), (4, 1), (0, 1)] {
            let (mut s, clients) = script();
            let msg = s.store(clients[0], 0, "$KV.b.k");
            s.acked(msg, 5);
            let msg = s.store_expecting(clients[1], 0, "$KV.b.k", expected);
            s.acked(msg, 6);
            assert_eq!(s.judge("linearizable_kv").findings.broken, broken, "{expected}");
        }
    }
}
