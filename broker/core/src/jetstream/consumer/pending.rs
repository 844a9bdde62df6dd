//! Deliveries that wait for their ack.
//!
//! The entries lie in one ring in the order of their stream sequences. New deliveries go to its end
//! and acks mostly come from its beginning, so both cost next to nothing; any other entry is found by
//! bisection and leaves a gap. Gaps at the ends go at once, those within when they are more than what
//! is left.
//!
//! Next to the ring are a heap of the times at which waits end, and the queue of what is to be
//! delivered again. Both name entries by their sequence and may hold outdated names, which are seen
//! as such when they come up: an entry says itself what it waits for.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::limits::{CHANGES_LEAST, GAPS_LEAST, IDLE_ENTRIES};
use crate::time::Mono;

/// What happens to a delivery if its ack does not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// It is due for delivery again at that time.
    Until(Mono),
    /// It is in the queue of redeliveries, under this number.
    Queued(u64),
    /// Nothing: the consumer never delivers again.
    Forever,
}

/// A message that was delivered and not acked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// Its sequence in the stream.
    pub(super) sseq: u64,
    /// The consumer sequence of its first delivery.
    pub(super) dseq: u64,
    /// When it was delivered for the last time, or its client said that it works on it.
    pub(super) since: Mono,
    /// What it waits for.
    pub(super) wait: Wait,
    /// How many times it was delivered; 0 in a gap.
    pub(super) deliveries: u32,
}

impl Entry {
    const fn is_gap(&self) -> bool {
        self.deliveries == 0
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Pending {
    ring: VecDeque<Entry>,
    live: usize,
    /// Those with more than one delivery.
    redelivered: usize,
    timers: BinaryHeap<Reverse<(Mono, u64)>>,
    queue: VecDeque<u64>,
    /// The number of the queue's first place.
    queue_base: u64,
    queued: usize,
    changes: Changes,
}

/// Sequences whose entry changed since the last delta.
#[derive(Debug, Default)]
struct Changes {
    tracked: bool,
    touched: Vec<u64>,
    overflow: bool,
}

impl Pending {
    /// An empty table. With `tracked` it remembers what changes, for deltas.
    pub(super) fn new(tracked: bool) -> Self {
        Self { changes: Changes { tracked, ..Changes::default() }, ..Self::default() }
    }

    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.live == 0
    }

    pub(super) const fn redelivered(&self) -> usize {
        self.redelivered
    }

    /// How many are to be delivered again.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// The entry with the lowest sequence.
    pub(super) fn first(&self) -> Option<&Entry> {
        self.ring.front()
    }

    pub(super) fn get(&self, sseq: u64) -> Option<&Entry> {
        self.position(sseq).map(|at| &self.ring[at])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.ring.iter().filter(|entry| !entry.is_gap())
    }

    /// Adds a delivery of a message beyond all others.
    pub(super) fn insert(&mut self, entry: Entry) {
        assert!(
            self.ring.back().is_none_or(|last| last.sseq < entry.sseq) && !entry.is_gap(),
            "first deliveries come in the order of the stream"
        );
        self.live += 1;
        self.redelivered += usize::from(entry.deliveries > 1);
        self.ring.push_back(entry);
        self.arm(entry.sseq, entry.wait);
        self.touch(entry.sseq);
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, sseq: u64) -> Option<Entry> {
        let at = self.position(sseq)?;
        Some(self.remove_at(at))
    }

    /// Takes the entry with the lowest sequence out if that is not above `sseq`.
    pub(super) fn pop_through(&mut self, sseq: u64) -> Option<Entry> {
        let first = self.ring.front()?;
        (first.sseq <= sseq).then(|| self.remove_at(0))
    }

    /// Takes the entry with the highest sequence out if that is above `sseq`.
    pub(super) fn pop_above(&mut self, sseq: u64) -> Option<Entry> {
        let last = self.ring.back()?;
        (last.sseq > sseq).then(|| self.remove_at(self.ring.len() - 1))
    }

    pub(super) fn clear(&mut self) {
        let changes = core::mem::take(&mut self.changes);
        *self = Self { changes, ..Self::default() };
    }

    /// An entry was delivered once more.
    pub(super) fn redeliver(&mut self, sseq: u64, now: Mono, wait: Wait) {
        let Some(at) = self.position(sseq) else { return };
        self.redelivered += usize::from(self.ring[at].deliveries == 1);
        self.ring[at].deliveries = self.ring[at].deliveries.saturating_add(1);
        self.ring[at].since = now;
        self.set_wait(at, wait);
    }

    /// A client works on an entry: its wait starts again, unless it is queued already.
    pub(super) fn refresh(&mut self, sseq: u64, now: Mono, wait: Wait) {
        let Some(at) = self.position(sseq) else { return };
        self.ring[at].since = now;
        if matches!(self.ring[at].wait, Wait::Queued(_)) {
            self.touch(sseq);
        } else {
            self.set_wait(at, wait);
        }
    }

    /// Lets an entry wait for something else.
    pub(super) fn wait(&mut self, sseq: u64, wait: Wait) {
        if let Some(at) = self.position(sseq) {
            self.set_wait(at, wait);
        }
    }

    /// Puts an entry at the end of the queue of redeliveries, if it is not in it.
    pub(super) fn queue(&mut self, sseq: u64) {
        let Some(at) = self.position(sseq) else { return };
        if !matches!(self.ring[at].wait, Wait::Queued(_)) {
            self.set_wait(at, Wait::Queued(self.queue_base + self.queue.len() as u64));
        }
    }

    /// The first entry of the queue of redeliveries.
    pub(super) fn first_queued(&mut self) -> Option<Entry> {
        while let Some(&sseq) = self.queue.front() {
            let entry = self.get(sseq).copied();
            if let Some(entry) = entry.filter(|entry| entry.wait == Wait::Queued(self.queue_base)) {
                return Some(entry);
            }
            self.queue.pop_front();
            self.queue_base += 1;
        }
        None
    }

    /// When the next wait ends, or an outdated one would have.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Collects those whose wait has ended, `most` at most, in ascending order. They wait on until
    /// something is done with them, which is to be at once.
    pub(super) fn expired(&mut self, now: Mono, most: usize, out: &mut Vec<u64>) {
        let start = out.len();
        while out.len() - start < most
            && let Some(&Reverse((at, sseq))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            if self.get(sseq).is_some_and(|entry| entry.wait == Wait::Until(at)) {
                out.push(sseq);
            }
        }
        out[start..].sort_unstable();
        // The same time may have been armed twice for one entry.
        out.dedup();
    }

    /// Computes the ends of all waits anew.
    pub(super) fn rearm(&mut self, mut until: impl FnMut(&Entry) -> Wait) {
        for at in 0..self.ring.len() {
            let entry = self.ring[at];
            if !entry.is_gap() && !matches!(entry.wait, Wait::Queued(_)) {
                self.ring[at].wait = until(&entry);
                self.touch(entry.sseq);
            }
        }
        self.rebuild_timers();
    }

    /// What changed since this was asked the last time: the sequences in ascending order, each once;
    /// none if the changes were too many to be remembered.
    pub(super) fn take_changes(&mut self, out: &mut Vec<u64>) -> bool {
        let whole = !core::mem::take(&mut self.changes.overflow);
        if whole {
            self.changes.touched.sort_unstable();
            self.changes.touched.dedup();
            out.extend_from_slice(&self.changes.touched);
        }
        self.changes.touched.clear();
        whole
    }

    pub(super) const fn is_changed(&self) -> bool {
        self.changes.overflow || !self.changes.touched.is_empty()
    }

    /// What changed is known already.
    pub(super) fn forget_changes(&mut self) {
        self.changes.overflow = false;
        self.changes.touched.clear();
    }

    /// Forgets all changes: the next delta is the whole state.
    pub(super) fn change_all(&mut self) {
        self.changes.overflow = self.changes.tracked;
        self.changes.touched.clear();
    }

    /// Remembers a sequence for the next delta.
    pub(super) fn touch(&mut self, sseq: u64) {
        let changes = &mut self.changes;
        if !changes.tracked || changes.overflow || changes.touched.last() == Some(&sseq) {
            return;
        }
        changes.touched.push(sseq);
        if changes.touched.len() > CHANGES_LEAST.max(2 * self.live) {
            self.change_all();
        }
    }

    fn position(&self, sseq: u64) -> Option<usize> {
        let first = self.ring.front()?.sseq;
        // Without filters and gaps the distance of two sequences is that of their places.
        let guess = usize::try_from(sseq.checked_sub(first)?).ok()?;
        let at = match self.ring.get(guess) {
            Some(entry) if entry.sseq == sseq => guess,
            _ => self.ring.binary_search_by_key(&sseq, |entry| entry.sseq).ok()?,
        };
        (!self.ring[at].is_gap()).then_some(at)
    }

    fn remove_at(&mut self, at: usize) -> Entry {
        let entry = self.ring[at];
        self.live -= 1;
        self.redelivered -= usize::from(entry.deliveries > 1);
        self.queued -= usize::from(matches!(entry.wait, Wait::Queued(_)));
        self.ring[at].deliveries = 0;
        self.touch(entry.sseq);
        while self.ring.front().is_some_and(Entry::is_gap) {
            self.ring.pop_front();
        }
        while self.ring.back().is_some_and(Entry::is_gap) {
            self.ring.pop_back();
        }
        if self.ring.len() > GAPS_LEAST + 2 * self.live {
            self.ring.retain(|entry| !entry.is_gap());
        }
        if self.live == 0 {
            self.idle();
        } else if self.timers.len() > GAPS_LEAST + 2 * self.live {
            self.rebuild_timers();
        }
        entry
    }

    /// Nothing is pending: what the heap and the queue still name is outdated.
    fn idle(&mut self) {
        self.ring.clear();
        self.timers.clear();
        self.queue_base += self.queue.len() as u64;
        self.queue.clear();
        self.ring.shrink_to(IDLE_ENTRIES);
        self.timers.shrink_to(IDLE_ENTRIES);
        self.queue.shrink_to(IDLE_ENTRIES);
    }

    fn set_wait(&mut self, at: usize, wait: Wait) {
        let entry = &mut self.ring[at];
        self.queued -= usize::from(matches!(entry.wait, Wait::Queued(_)));
        entry.wait = wait;
        let sseq = entry.sseq;
        self.arm(sseq, wait);
        self.touch(sseq);
    }

    fn arm(&mut self, sseq: u64, wait: Wait) {
        match wait {
            Wait::Until(at) => {
                self.timers.push(Reverse((at, sseq)));
                if self.timers.len() > GAPS_LEAST + 2 * self.live {
                    self.rebuild_timers();
                }
            }
            Wait::Queued(_) => {
                self.queued += 1;
                self.queue.push_back(sseq);
                if self.queue.len() > GAPS_LEAST + 2 * self.queued {
                    self.rebuild_queue();
                }
            }
            Wait::Forever => {}
        }
    }

    fn rebuild_timers(&mut self) {
        let mut timers = core::mem::take(&mut self.timers).into_vec();
        timers.clear();
        timers.extend(self.ring.iter().filter_map(|entry| match entry.wait {
            Wait::Until(at) if !entry.is_gap() => Some(Reverse((at, entry.sseq))),
            Wait::Until(_) | Wait::Queued(_) | Wait::Forever => None,
        }));
        self.timers = BinaryHeap::from(timers);
    }

    fn rebuild_queue(&mut self) {
        let queue = core::mem::take(&mut self.queue);
        let base = self.queue_base + queue.len() as u64;
        for (sseq, place) in queue.into_iter().zip(self.queue_base..) {
            let Some(at) = self.position(sseq) else { continue };
            if self.ring[at].wait == Wait::Queued(place) {
                self.ring[at].wait = Wait::Queued(base + self.queue.len() as u64);
                self.queue.push_back(sseq);
            }
        }
        self.queue_base = base;
    }

    /// Asserts that counts, heap and queue agree with the ring.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let live: Vec<&Entry> = self.iter().collect();
        assert_eq!(live.len(), self.live);
        assert!(live.is_sorted_by(|a, b| a.sseq < b.sseq && a.dseq < b.dseq));
        assert_eq!(live.iter().filter(|entry| entry.deliveries > 1).count(), self.redelivered);
        assert!(self.ring.front().is_none_or(|entry| !entry.is_gap()), "the first is no gap");
        assert!(self.ring.back().is_none_or(|entry| !entry.is_gap()), "the last is no gap");
        assert!(self.ring.len() <= GAPS_LEAST + 2 * self.live + 1);
        let armed: alloc::collections::BTreeSet<(Mono, u64)> =
            self.timers.iter().map(|Reverse(each)| *each).collect();
        let mut queued = 0;
        for entry in live {
            match entry.wait {
                Wait::Until(at) => assert!(armed.contains(&(at, entry.sseq)), "every wait ends"),
                Wait::Queued(place) => {
                    let at = usize::try_from(place - self.queue_base).expect("a place");
                    assert_eq!(self.queue.get(at), Some(&entry.sseq));
                    queued += 1;
                }
                Wait::Forever => {}
            }
        }
        assert_eq!(queued, self.queued);
    }
}
