//! Messages that buffers had no room for, as far as their publishers were told.
//!
//! An error names a subject, not a message. The client says between which of its messages the one must
//! be; all that a connection published there on that subject are the *candidates* of a group, and a
//! group has one or more refusals. Which of the candidates they were is known where there are as many
//! refusals as candidates, and of a request whose refusal was followed by the status 503. Of the others
//! it is known that a message that anybody has got was none of them.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{SeqSet, Table};
use super::view::{ConnIx, MsgRef};
use crate::history::{Header, Sym};

/// Connection, subject, and the number of the first candidate.
type Key = (ConnIx, Sym, u32);

/// What was refused, and what was not.
#[derive(Debug)]
pub(crate) struct Refusals {
    groups: BTreeMap<Key, Group>,
    /// The group of the last refusal on each connection.
    latest: Table<ConnIx, Key>,
    /// Messages that a client was given or another node was sent. Nothing if no node keeps messages.
    taken: Option<Table<ConnIx, SeqSet>>,
}

/// Refusals between two PINGs of one connection on one subject.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// In order.
    pub(crate) refusals: Vec<Refused>,
    /// The number of the last candidate, and how many there are.
    last: u32,
    candidates: u32,
    /// Up to this number, all candidates were refused.
    all_upto: u32,
}

/// One refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// The number of its event.
    pub(crate) i: usize,
    /// The last message that it may be about.
    pub(crate) last: u32,
    /// The request that it was about, as the status behind it says.
    pub(crate) request: Option<u32>,
}

/// Whether a message was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It was not.
    Taken,
    /// It may have been, it or another.
    Doubtful,
    /// It was.
    Refused,
}

impl Refusals {
    pub(crate) fn new(header: &Header) -> Self {
        let kept = header.nodes.iter().any(|node| node.limits.buffer.is_some());
        Self { groups: BTreeMap::new(), latest: Table::default(), taken: kept.then(Table::default) }
    }

    /// A publisher is told of one. `candidates` is how many there are up to `last`.
    pub(crate) fn told(&mut self, key: Key, i: usize, last: u32, candidates: u32) {
        let group = self.groups.entry(key).or_default();
        group.refusals.push(Refused { i, last, request: None });
        group.last = group.last.max(last);
        group.candidates = group.candidates.max(candidates);
        if group.refusals.len() as u64 >= u64::from(group.candidates) {
            group.all_upto = group.last;
        }
        self.latest.insert(key.0, key);
    }

    /// The status 503 for a request: it belongs to the refusal before it, if that may be its own.
    pub(crate) fn nobody(&mut self, msg: MsgRef, subject: Sym) {
        let Some(key) = self.latest.remove(&msg.conn) else { return };
        let Some(group) = self.groups.get_mut(&key) else { return };
        if key.1 == subject
            && let Some(refused) = group.refusals.last_mut()
            && (key.2..=refused.last).contains(&msg.seq)
        {
            refused.request.get_or_insert(msg.seq);
        }
    }

    /// Whether it matters who gets what.
    pub(crate) const fn watches(&self) -> bool {
        self.taken.is_some()
    }

    /// Somebody has got a message.
    pub(crate) fn taken(&mut self, msg: MsgRef) {
        if let Some(taken) = &mut self.taken {
            taken.entry(msg.conn).or_default().insert(msg.seq);
        }
    }

    pub(crate) fn is_taken(&self, msg: MsgRef) -> bool {
        let taken = self.taken.as_ref().and_then(|taken| taken.get(&msg.conn));
        taken.is_some_and(|of| of.contains(msg.seq))
    }

    /// Whether a message on this subject was refused, as far as it can be told by now.
    pub(crate) fn fate(&self, msg: MsgRef, subject: Sym) -> Fate {
        let Some(group) = self.group_of(msg, subject).filter(|_| !self.is_taken(msg)) else {
            return Fate::Taken;
        };
        let requests: BTreeSet<u32> = group.requests().collect();
        if requests.contains(&msg.seq) || msg.seq <= group.all_upto {
            Fate::Refused
        } else if requests.len() == group.refusals.len() {
            Fate::Taken
        } else {
            Fate::Doubtful
        }
    }

    /// The refusals that a message may have been one of.
    pub(crate) fn group_of(&self, msg: MsgRef, subject: Sym) -> Option<&Group> {
        if self.groups.is_empty() {
            return None;
        }
        let upto = (msg.conn, subject, msg.seq);
        let ((conn, of, _), group) = self.groups.range(..=upto).next_back()?;
        (*conn == msg.conn && *of == subject && msg.seq <= group.last).then_some(group)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (Key, &Group)> {
        self.groups.iter().map(|(key, group)| (*key, group))
    }
}

impl Group {
    fn requests(&self) -> impl Iterator<Item = u32> {
        self.refusals.iter().filter_map(|refused| refused.request)
    }

    pub(crate) const fn last(&self) -> u32 {
        self.last
    }

    /// The first refusal for which there is no message left that nobody has got, of these candidates in
    /// order. As many must be left over as were refused.
    pub(crate) fn unaccounted(&self, untaken: &[u32]) -> Option<Refused> {
        let mut left: BTreeSet<u32> = untaken.iter().copied().collect();
        let known = self.refusals.iter().filter(|refused| refused.request.is_some());
        let others = self.refusals.iter().filter(|refused| refused.request.is_none());
        // Each takes the earliest that is left: a later refusal may be about more, never about less.
        known.chain(others).copied().find(|refused| {
            let mine = match refused.request {
                Some(request) => left.contains(&request).then_some(request),
                None => left.first().copied().filter(|seq| *seq <= refused.last),
            };
            mine.is_none_or(|seq| !left.remove(&seq))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(last: u32, request: Option<u32>) -> Refused {
        Refused { i: 0, last, request }
    }

    fn group(refusals: &[(u32, Option<u32>)], candidates: u32) -> Group {
        let refusals = refusals.iter().map(|(last, request)| refused(*last, *request)).collect();
        Group { refusals, last: 9, candidates, all_upto: 0 }
    }

    #[test]
    fn each_refusal_takes_a_message_that_nobody_has() {
        let two = group(&[(4, None), (9, None)], 5);
        assert!(two.unaccounted(&[3, 7]).is_none());
        assert!(
            two.unaccounted(&[3, 4, 7]).is_none(),
            "one more is missing, which is not said here"
        );
        assert_eq!(
            two.unaccounted(&[7, 8]).map(|it| it.last),
            Some(4),
            "both came too late for it"
        );
        assert_eq!(two.unaccounted(&[3]).map(|it| it.last), Some(9));
        let known = group(&[(9, None), (9, Some(3))], 5);
        assert!(known.unaccounted(&[3, 7]).is_none());
        assert!(known.unaccounted(&[7, 8]).is_some());
    }

    #[test]
    fn who_was_refused_is_known_if_all_were_or_a_status_says_so() {
        let conn = ConnIx(0);
        let msg = |seq| MsgRef { conn, seq };
        let (a, b) = (Sym(1), Sym(2));
        let mut all = Refusals::new(&Header::default());
        all.taken = Some(Table::default());
        all.told((conn, a, 2), 0, 6, 3);
        assert_eq!(all.fate(msg(1), a), Fate::Taken);
        assert_eq!(all.fate(msg(4), a), Fate::Doubtful);
        assert_eq!(all.fate(msg(4), b), Fate::Taken);
        all.taken(msg(2));
        assert_eq!((all.fate(msg(2), a), all.fate(msg(4), a)), (Fate::Taken, Fate::Doubtful));
        all.nobody(msg(4), a);
        assert_eq!((all.fate(msg(4), a), all.fate(msg(6), a)), (Fate::Refused, Fate::Taken));
        all.told((conn, b, 7), 1, 7, 1);
        assert_eq!(all.fate(msg(7), b), Fate::Refused);
        all.nobody(msg(6), a);
        assert_eq!(all.fate(msg(6), a), Fate::Taken, "another refusal came before the status");
    }
}
