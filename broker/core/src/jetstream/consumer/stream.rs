//! What happens in the stream, and what the stream may ask.

use causeway_store::Log;
use causeway_wire::subject;

use super::ack::about;
use super::{Advisory, Consumer, Turn};

/// Why a delivery is over whose message is gone. Clients of the advisory know the text.
const DELETED: &[u8] = b"Unacknowledged message was deleted";

impl Consumer {
    /// A message was stored. Whether it is one for this consumer: then there may be something to
    /// deliver once it is durable.
    pub(crate) fn stored(&mut self, seq: u64, subject: &[u8]) -> bool {
        let wanted = seq >= self.next && self.filter.matches(subject);
        self.num_pending += u64::from(wanted);
        wanted
    }

    /// A single message was removed.
    pub(crate) fn removed(&mut self, turn: &mut Turn<'_>, seq: u64, subject: &[u8]) {
        if seq >= self.next {
            if self.filter.matches(subject) {
                self.one_less();
            }
        } else if let Some(entry) = self.pending.remove(seq) {
            self.acked_at = Some(turn.now.wall);
            self.move_floor();
            turn.out.advise(Advisory::Terminated { about: about(&entry), reason: DELETED });
        } else if self.is_listed(seq) {
            // It stays in the list until its turn: then it is seen that it is not there.
            self.one_less();
        } else {
            self.exhausted.remove(seq);
        }
    }

    /// Many messages were removed: all below the log's first one, at least.
    pub(crate) fn trimmed(&mut self, turn: &mut Turn<'_>) {
        let first = turn.log.state().first_seq;
        while self.pending.pop_through(first.saturating_sub(1)).is_some() {}
        self.exhausted.remove_below(first);
        self.recheck(turn, first);
    }

    /// Many messages were removed, anywhere.
    pub(crate) fn purged(&mut self, turn: &mut Turn<'_>) {
        let gone = |seq: u64| turn.log.meta(seq).is_none();
        let mut lost = core::mem::take(&mut self.sequences);
        lost.clear();
        lost.extend(self.pending.iter().map(|entry| entry.sseq).filter(|seq| gone(*seq)));
        for seq in &lost {
            self.pending.remove(*seq);
        }
        lost.clear();
        lost.extend(self.exhausted.iter().filter(|seq| gone(*seq)));
        for seq in &lost {
            self.exhausted.remove(*seq);
        }
        self.sequences = lost;
        let first = turn.log.state().first_seq;
        self.recheck(turn, first);
        self.count_pending(turn.log);
    }

    /// A purge has taken messages whose subjects match `pattern`: all below `behind`, and those of
    /// the other subjects are below `first`. Where there is nothing for this consumer any more, it has
    /// been.
    pub(crate) fn pass_purged(&mut self, log: &Log, pattern: &[u8], first: u64, behind: u64) {
        self.drop_unwanted(log);
        if !self.skip.is_empty() {
            return;
        }
        let within = |own: &[u8]| subject::is_subset(own, pattern);
        let wider = |own: &[u8]| subject::is_subset(pattern, own);
        let everything = self.filter.is_everything();
        let to = if pattern == b">" || (!everything && self.filter.patterns().all(within)) {
            behind
        } else if everything || self.filter.patterns().any(wider) {
            first
        } else {
            return;
        };
        self.next = self.next.max(to);
        self.log_end = self.log_end.max(to);
        self.delivered.stream = self.delivered.stream.max(to - 1);
        // What was delivered under another filter may be there still.
        let waits = self.pending.first().map_or(u64::MAX, |first| first.sseq);
        self.floor.stream = self.floor.stream.max(to.min(waits) - 1);
        self.move_floor();
    }

    /// Whether the stream is to keep a message for this consumer.
    pub(crate) fn needs(&self, seq: u64, subject: &[u8]) -> bool {
        self.filter.matches(subject)
            && (seq >= self.next
                || self.pending.get(seq).is_some()
                || self.exhausted.contains(seq)
                || self.is_listed(seq))
    }

    /// From now on the stream keeps messages for its consumers, or no longer does.
    pub(crate) const fn set_retains(&mut self, retains: bool) {
        self.setup.retains = retains;
    }

    /// A message is no more among those to be delivered for the first time.
    pub(super) fn one_less(&mut self) {
        debug_assert!(self.num_pending > 0, "every message that is wanted was told of");
        self.num_pending = self.num_pending.saturating_sub(1);
    }

    /// Whether a message is still to come although later ones were looked at.
    fn is_listed(&self, seq: u64) -> bool {
        self.skip.binary_search(&seq).is_ok()
    }

    fn recheck(&mut self, turn: &mut Turn<'_>, first: u64) {
        let mut ahead = self.next < first;
        while self.skip.front().is_some_and(|seq| *seq < first) {
            self.skip.pop_front();
            ahead = true;
        }
        self.move_floor();
        if ahead {
            self.next = self.next.max(first);
            self.log_end = self.log_end.max(first);
            self.count_pending(turn.log);
        }
    }
}
