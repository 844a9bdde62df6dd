//! Where messages are: in which segment, and where in it.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::Index;
use super::chunk::{Chunk, UNPLACED};

/// Where a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Located {
    pub(crate) segment: u32,
    /// In granules, or [`UNPLACED`].
    pub(crate) at: u32,
    /// Bytes of the body of its record.
    pub(crate) stored: u32,
}

impl Index {
    /// Where a message is.
    pub(crate) fn locate(&self, seq: u64) -> Option<Located> {
        let (chunk, at) = self.find_live(seq)?;
        Some(self.chunks[chunk].located(at))
    }

    /// A message is there now, if it still has a place.
    pub(crate) fn place(&mut self, seq: u64, at: u32) {
        if let Some((chunk, index)) = self.find(seq) {
            self.chunks[chunk].set_at(index, at);
        }
    }

    /// The messages from a sequence on are in another segment than those before.
    pub(crate) fn move_to(&mut self, segment: u32, from: u64) {
        let Some(chunk) = self.chunk_at(from) else {
            self.chunks.iter_mut().for_each(|chunk| chunk.segment = segment);
            return;
        };
        let at = self.chunks[chunk].lower(from);
        for behind in self.chunks.range_mut(chunk + 1..) {
            behind.segment = segment;
        }
        if at == 0 {
            self.chunks[chunk].segment = segment;
        } else if self.chunks[chunk].segment != segment {
            let rest = self.chunks[chunk].split_off(at, segment);
            self.chunks[chunk].shrink();
            self.chunks.insert(chunk + 1, rest);
            self.drop_if_dead(chunk);
        }
    }

    fn chunks_of(&self, segment: u32) -> impl Iterator<Item = &Chunk> {
        self.chunks.iter().filter(move |chunk| chunk.segment == segment)
    }

    /// The segments with messages, ascending.
    pub(crate) fn live_segments(&self) -> Vec<u32> {
        let live = self.chunks.iter().filter(|chunk| chunk.live() > 0);
        let mut segments: Vec<u32> = live.map(|chunk| chunk.segment).collect();
        segments.sort_unstable();
        segments.dedup();
        segments
    }

    /// How many bytes the messages of each segment take, by ascending segments.
    pub(crate) fn weights(&self) -> Vec<(u32, u64)> {
        let mut weights: Vec<(u32, u64)> =
            self.chunks.iter().map(|chunk| (chunk.segment, chunk.weight())).collect();
        weights.sort_unstable();
        weights.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        weights
    }

    /// The messages of a segment were copied to another: where each is there, in granules. Places of
    /// removed messages go.
    pub(crate) fn repack(&mut self, source: u32, target: u32, moved: &[(u64, u32)]) {
        let mut at = 0;
        while at < self.chunks.len() {
            if self.chunks[at].segment != source {
                at += 1;
                continue;
            }
            let (packed, gone) = self.chunks[at].repacked(target, moved);
            for subject in gone {
                self.subjects.forget_place(subject);
            }
            match packed {
                Some(packed) => {
                    self.chunks[at] = packed;
                    at += 1;
                }
                None => {
                    self.chunks.remove(at);
                }
            }
        }
    }

    /// The messages of a segment below a sequence, as ranges that are apart.
    pub(crate) fn ranges_in(
        &self,
        segment: u32,
        until: u64,
    ) -> impl Iterator<Item = RangeInclusive<u64>> {
        let ranges = self.chunks_of(segment).flat_map(Chunk::ranges);
        let below = ranges.take_while(move |range| *range.start() < until);
        let mut ranges = below.map(move |range| *range.start()..=*range.end().min(&(until - 1)));
        let mut next = ranges.next();
        core::iter::from_fn(move || {
            let first = next.take()?;
            let mut end = *first.end();
            for range in ranges.by_ref() {
                if *range.start() > end + 1 {
                    next = Some(range);
                    break;
                }
                end = *range.end();
            }
            Some(*first.start()..=end)
        })
    }

    /// The messages of a segment and where they are, by ascending sequence.
    pub(crate) fn placed_in(&self, segment: u32) -> impl Iterator<Item = (u64, Located)> {
        self.chunks_of(segment).flat_map(move |chunk| {
            let live = (0..chunk.len()).filter(|at| chunk.is_live(*at));
            let placed = live.filter_map(move |at| {
                let located = chunk.located(at);
                (located.at != UNPLACED).then_some((chunk.seq(at), located))
            });
            placed.into_iter()
        })
    }
}
