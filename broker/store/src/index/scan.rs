//! Looking through the index: the next message that somebody wants, how many there are, what is
//! missing.

use core::ops::RangeInclusive;

use super::Index;
use super::filter::{Filter, Only};

/// How many links of a subject are followed before looking through all messages is worth more.
const LINKS: usize = 16;

impl Index {
    /// The first message from a sequence on.
    pub(super) fn live_from(&self, seq: u64) -> Option<u64> {
        let begin = self.chunk_at(seq).unwrap_or(0);
        self.chunks
            .range(begin.min(self.chunks.len())..)
            .find_map(|chunk| chunk.live_from(chunk.lower(seq)).map(|at| chunk.seq(at)))
    }

    /// The last message up to a sequence.
    fn live_to(&self, seq: u64) -> Option<u64> {
        let end = self.chunk_at(seq)? + 1;
        self.chunks.range(..end).rev().find_map(|chunk| {
            let behind = chunk.lower(seq.saturating_add(1));
            chunk.live_to(behind.checked_sub(1)?).map(|at| chunk.seq(at))
        })
    }

    /// The first message from a sequence on whose subject is wanted.
    pub(super) fn scan_forward(&self, from: u64, wanted: impl Fn(u32) -> bool) -> Option<u64> {
        let begin = self.chunk_at(from).unwrap_or(0);
        self.chunks.range(begin.min(self.chunks.len())..).find_map(|chunk| {
            let first = chunk.lower(from);
            let subjects = chunk.subject[first..].iter().enumerate();
            let hits = subjects.filter(|(_, id)| wanted(**id)).map(|(at, _)| first + at);
            hits.into_iter().find(|at| chunk.is_live(*at)).map(|at| chunk.seq(at))
        })
    }

    /// The last message up to a sequence whose subject is wanted.
    pub(super) fn scan_backward(&self, to: u64, wanted: impl Fn(u32) -> bool) -> Option<u64> {
        let end = self.chunk_at(to)? + 1;
        self.chunks.range(..end).rev().find_map(|chunk| {
            let behind = chunk.lower(to.saturating_add(1));
            let hits = (0..behind).rev().filter(|at| wanted(chunk.subject[*at]));
            hits.into_iter().find(|at| chunk.is_live(*at)).map(|at| chunk.seq(at))
        })
    }

    /// The first message from a sequence on that a filter wants.
    pub(crate) fn next(&self, filter: &mut Filter, from: u64) -> Option<u64> {
        if from >= self.next_seq {
            return None;
        }
        if filter.is_everything() {
            return self.live_from(from);
        }
        filter.catch_up(&self.subjects);
        match filter.only() {
            Only::None => None,
            Only::One(id) => {
                let found = self.next_of_one(id, filter.hint, from);
                filter.hint = found.unwrap_or(filter.hint);
                found
            }
            Only::Several => self.scan_forward(from, |id| filter.has(id)),
        }
    }

    /// Along the links of a subject, from a message before if one is known.
    fn next_of_one(&self, id: u32, hint: u64, from: u64) -> Option<u64> {
        let first = self.subjects.first(id)?;
        let (last, _) = self.subjects.last(id)?;
        if from <= first {
            return Some(first);
        }
        if from > last {
            return None;
        }
        let mut hint = hint;
        for _ in 0..LINKS {
            let Some((chunk, at)) = self.find(hint) else { break };
            if hint >= from || self.chunks[chunk].subject[at] != id {
                break;
            }
            // The links of a removed message may not lead on.
            let Some(next) = self.next_of_subject(chunk, at) else { break };
            hint = next;
            if hint >= from {
                return Some(hint);
            }
        }
        self.scan_forward(from, |other| other == id)
    }

    /// The last message up to a sequence that a filter wants.
    pub(crate) fn prev(&self, filter: &mut Filter, from: u64) -> Option<u64> {
        if filter.is_everything() {
            return self.live_to(from);
        }
        filter.catch_up(&self.subjects);
        match filter.only() {
            Only::None => None,
            Only::One(id) => {
                let (last, exact) = self.subjects.last(id)?;
                if exact && from >= last {
                    return Some(last);
                }
                self.scan_backward(from.min(last), |other| other == id)
            }
            Only::Several => self.scan_backward(from, |id| filter.has(id)),
        }
    }

    /// How many messages from a sequence on a filter wants.
    pub(crate) fn count(&self, filter: &mut Filter, from: u64) -> u64 {
        filter.catch_up(&self.subjects);
        let from = from.max(self.first_seq);
        if from >= self.next_seq {
            return 0;
        }
        let all = if filter.is_everything() {
            self.messages
        } else {
            filter.ids().map(|id| self.subjects.count(id)).sum()
        };
        // The shorter of the two sides is looked at.
        let before = from - self.first_seq;
        if before <= self.next_seq - from {
            all - self.count_between(filter, self.first_seq, from)
        } else {
            self.count_between(filter, from, self.next_seq)
        }
    }

    fn count_between(&self, filter: &Filter, from: u64, to: u64) -> u64 {
        let begin = self.chunk_at(from).unwrap_or(0);
        let chunks = self.chunks.range(begin.min(self.chunks.len())..);
        let in_chunk = |chunk: &super::Chunk| {
            let (first, behind) = (chunk.lower(from), chunk.lower(to));
            if filter.is_everything() {
                return chunk.live_before(behind) - chunk.live_before(first);
            }
            let hit = |at: &usize| filter.has(chunk.subject[*at]) && chunk.is_live(*at);
            (first..behind).filter(hit).count() as u64
        };
        chunks.take_while(|chunk| chunk.base() < to).map(in_chunk).sum()
    }

    /// The first message that was stored at this time or later; the next sequence if there is none.
    pub(crate) fn seq_at_time(&self, time: u64) -> u64 {
        let earlier = self.chunks.partition_point(|chunk| {
            chunk.len().checked_sub(1).is_none_or(|last| chunk.time(last) < time)
        });
        let Some(chunk) = self.chunks.get(earlier) else { return self.next_seq };
        self.live_from(chunk.seq(chunk.lower_time(time))).unwrap_or(self.next_seq)
    }

    /// The sequences between the first and the last that have no message.
    pub(crate) fn deleted(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        let mut at = self.first_seq;
        core::iter::from_fn(move || {
            while at < self.next_seq {
                match self.live_from(at) {
                    Some(seq) if seq == at => at = self.live_run_end(at),
                    found => {
                        let from = core::mem::replace(&mut at, found.unwrap_or(self.next_seq));
                        return Some(from..=at - 1);
                    }
                }
            }
            None
        })
    }

    /// The first sequence from a message on that has none.
    fn live_run_end(&self, seq: u64) -> u64 {
        let Some((chunk, at)) = self.find_live(seq) else { return seq };
        let chunk = &self.chunks[chunk];
        let mut at = at + 1;
        while at < chunk.len() && chunk.is_live(at) && chunk.seq(at) == chunk.seq(at - 1) + 1 {
            at += 1;
        }
        chunk.seq(at - 1) + 1
    }

    /// The marks of messages, by ascending sequence.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.chunks.iter().flat_map(|chunk| {
            let live = chunk.marks().filter(|(at, _)| chunk.is_live(*at));
            live.map(|(at, mark)| (chunk.seq(at), mark))
        })
    }
}
