//! Messages that go, and who is told.

use causeway_store::{Filter, Meta};

use super::Stream;
use super::limits::{SCHEDULE, expiry_of};
use crate::jetstream::consumer::Consumer;
use crate::jetstream::consumer::limits::SEQUENCE_MOST;
use crate::jetstream::turn::Turn;
use crate::trace::TraceEvent;

/// Which messages a purge takes (jetstream.md 1.1, `STREAM.PURGE`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Purge<'a> {
    /// Of subjects that match; of all if empty.
    pub(crate) filter: &'a [u8],
    /// Below this sequence; all if 0.
    pub(crate) below: u64,
    /// But for the last so many.
    pub(crate) keep: u64,
}

impl Stream {
    /// Removes a message and tells all consumers; false if it is not there.
    pub(crate) fn remove(&mut self, turn: &mut Turn<'_>, seq: u64, erase: bool) -> bool {
        let Some(meta) = self.log.meta(seq) else { return false };
        let subject = (!self.consumers.is_empty()).then(|| self.log.subject(meta.subject).to_vec());
        self.log.remove(seq, erase);
        self.forget_mark(seq, &meta);
        if let Some(subject) = subject {
            self.tell_consumers(turn, |consumer, turn| consumer.removed(turn, seq, &subject));
        }
        true
    }

    /// Takes messages that have turned out to be damaged out of the stream, and says so.
    pub(crate) fn give_up_damaged(&mut self, turn: &mut Turn<'_>) {
        for finding in self.log.take_found() {
            for seq in finding.lost.clone().into_iter().flatten() {
                let Some(meta) = self.log.meta(seq) else { continue };
                let subject = self.log.subject(meta.subject).to_vec();
                self.log.give_up(seq);
                self.forget_mark(seq, &meta);
                self.tell_consumers(turn, |consumer, turn| consumer.removed(turn, seq, &subject));
            }
            let dir = self.log.config().dir.clone();
            turn.fx.trace.push(TraceEvent::StreamDamaged { dir, finding });
        }
    }

    /// Removes what a purge takes; how many messages that were.
    pub(crate) fn purge(&mut self, turn: &mut Turn<'_>, purge: &Purge<'_>) -> u64 {
        let before = self.log.state().messages;
        if purge.below == 1 {
            // Nothing is below the first sequence.
            return 0;
        }
        let everything = matches!(purge.filter, b"" | b">");
        if everything {
            let first_kept = self.first_kept(purge);
            self.trim(turn, first_kept);
        } else {
            self.purge_filtered(turn, purge);
        }
        let first = self.log.state().first_seq;
        let next = self.log.next(&mut Filter::new([purge.filter]), first);
        let behind = if everything { first } else { next.unwrap_or(self.log.next_seq()) };
        let pattern = if everything { b">" } else { purge.filter };
        self.tell_consumers(turn, |consumer, turn| {
            consumer.pass_purged(turn.log, pattern, first, behind);
        });
        before - self.log.state().messages
    }

    /// Where a purge of all subjects ends.
    fn first_kept(&mut self, purge: &Purge<'_>) -> u64 {
        let state = self.log.state();
        if purge.keep > 0 {
            return self.nth_last(&mut Filter::everything(), purge.keep).unwrap_or(0);
        }
        match purge.below {
            0 => state.last_seq + 1,
            below => below.min(SEQUENCE_MOST),
        }
    }

    fn purge_filtered(&mut self, turn: &mut Turn<'_>, purge: &Purge<'_>) {
        let mut filter = Filter::new([purge.filter]);
        let end = if purge.keep > 0 {
            match self.nth_last(&mut filter, purge.keep) {
                Some(first_kept) => first_kept,
                None => return,
            }
        } else if purge.below > 0 {
            purge.below
        } else {
            u64::MAX
        };
        let mut at = self.log.state().first_seq;
        while let Some(seq) = self.log.next(&mut filter, at).filter(|seq| *seq < end) {
            if let Some(meta) = self.log.remove(seq, false) {
                self.forget_mark(seq, &meta);
            }
            at = seq + 1;
        }
        self.tell_consumers(turn, Consumer::purged);
    }

    /// The sequence from which on exactly `count` messages match; nothing if there are fewer.
    fn nth_last(&mut self, filter: &mut Filter, count: u64) -> Option<u64> {
        let mut at = self.log.state().last_seq;
        for left in (0..count).rev() {
            at = self.log.prev(filter, at)?;
            if left > 0 {
                at = at.checked_sub(1)?;
            }
        }
        Some(at)
    }

    /// Removes all messages before a sequence.
    pub(crate) fn trim(&mut self, turn: &mut Turn<'_>, to: u64) {
        if to <= self.log.state().first_seq && to <= self.log.next_seq() {
            return;
        }
        self.expiries.retain(|(_, seq)| *seq >= to);
        self.forget_schedules_before(to);
        self.log.trim_to(to);
        self.tell_consumers(turn, Consumer::trimmed);
    }

    /// What was remembered of a message because of its mark.
    fn forget_mark(&mut self, seq: u64, meta: &Meta) {
        if let Some(at) = expiry_of(meta.mark) {
            self.expiries.remove(&(at, seq));
        }
        if meta.mark & SCHEDULE != 0 {
            self.forget_schedule(seq);
        }
    }

    /// Lets all consumers do something.
    pub(super) fn tell_consumers(
        &mut self,
        turn: &mut Turn<'_>,
        mut tell: impl FnMut(&mut Consumer, &mut crate::jetstream::consumer::Turn<'_>),
    ) {
        let mut next = self.consumers.keys().next().copied();
        while let Some(id) = next {
            self.with_consumer(turn, id, &mut tell);
            let after = (core::ops::Bound::Excluded(id), core::ops::Bound::Unbounded);
            next = self.consumers.range(after).next().map(|(id, _)| *id);
        }
    }

    /// Removes messages that consumers have let go of, if nobody else needs them.
    pub(super) fn remove_released(&mut self, turn: &mut Turn<'_>) {
        let mut released = core::mem::take(&mut self.released);
        for seq in released.drain(..) {
            let Some(meta) = self.log.meta(seq) else { continue };
            let subject = self.log.subject(meta.subject);
            if !self.consumers.values().any(|consumer| consumer.needs(seq, subject)) {
                self.remove(turn, seq, false);
            }
        }
        if self.released.is_empty() {
            self.released = released;
        }
    }
}
