//! A checkpoint: everything that is not in messages, so that what came before need not be read again.
//!
//! It names the segments and where each ends, and says which of their messages are left. That is in
//! the log itself and not in a file beside each segment: it is there together with the notes and the
//! counters or not at all, and no order of renames and directory syncs has to hold. It costs at most a
//! bit for each message.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::codec::{Reader, put_bytes, put_number, put_ranges};
use crate::notes::Notes;

/// The format of logs that this version writes and reads.
pub(super) const FORMAT: u64 = 1;

/// A segment, as a checkpoint tells of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Listed {
    pub(super) number: u32,
    /// It is what was left of another.
    pub(super) packed: bool,
    /// Bytes of it that are of the log.
    pub(super) end: u64,
    pub(super) live: Live,
}

/// Which messages of a segment are left.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Live {
    /// The first one.
    base: u64,
    /// Runs of sequences with a message and without one, in turn, beginning with the former.
    runs: Vec<u64>,
}

impl Live {
    /// From ranges of sequences, ascending and apart.
    pub(super) fn of(ranges: impl Iterator<Item = RangeInclusive<u64>>) -> Self {
        let mut live = Self::default();
        let mut behind = None;
        for range in ranges {
            match behind {
                None => live.base = *range.start(),
                Some(behind) => live.runs.push(range.start() - behind),
            }
            live.runs.push(range.end() - range.start() + 1);
            behind = Some(range.end() + 1);
        }
        live
    }

    /// The first sequence.
    pub(super) fn first(&self) -> u64 {
        self.base
    }

    /// The same ranges again.
    pub(super) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        let mut at = self.base;
        self.runs.chunks(2).map(move |pair| {
            let range = at..=at + pair[0] - 1;
            at += pair.iter().sum::<u64>();
            range
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(out, self.runs.len() as u64);
        put_number(out, self.base);
        let small: usize = self.runs.iter().map(|run| number_bytes(*run)).sum();
        let bits: u64 = self.runs.iter().sum();
        // Long runs are short as numbers, single messages as bits.
        if small as u64 <= bits.div_ceil(8) {
            put_number(out, 0);
            self.runs.iter().for_each(|run| put_number(out, *run));
            return;
        }
        put_number(out, bits);
        let begin = out.len();
        out.resize(begin + bits.div_ceil(8) as usize, 0);
        for range in self.ranges() {
            for seq in range {
                let bit = (seq - self.base) as usize;
                out[begin + bit / 8] |= 1 << (bit % 8);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (count, base, bits) = (reader.number()?, reader.number()?, reader.number()?);
        if bits == 0 {
            let runs: Option<Vec<u64>> = (0..count).map(|_| reader.number()).collect();
            let runs = runs?;
            let end = runs.iter().try_fold(base, |at, run| at.checked_add(*run));
            return (end.is_some() && !runs.contains(&0)).then_some(Self { base, runs });
        }
        let bytes = reader.take(usize::try_from(bits.div_ceil(8)).ok()?)?;
        let has = |bit: u64| bytes[(bit / 8) as usize] >> (bit % 8) & 1 != 0;
        let mut runs: Vec<u64> = Vec::new();
        for bit in 0..bits {
            if has(bit) == (runs.len() % 2 == 1) {
                *runs.last_mut()? += 1;
            } else {
                runs.push(1);
            }
        }
        Some(Self { base, runs })
    }
}

fn number_bytes(number: u64) -> usize {
    (64 - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// What a checkpoint says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Checkpoint {
    pub(super) next_seq: u64,
    pub(super) last_time: u64,
    pub(super) segments: Vec<Listed>,
    pub(super) lost: Vec<RangeInclusive<u64>>,
    /// Messages that are removed and perhaps not yet overwritten.
    pub(super) erased: Vec<u64>,
    /// Keys and contents.
    pub(super) notes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Checkpoint {
    /// Its body, with the owner's notes instead of its own.
    pub(super) fn body(&self, notes: &mut dyn Notes) -> Vec<u8> {
        let mut body = Vec::new();
        put_number(&mut body, FORMAT);
        put_number(&mut body, self.next_seq);
        put_number(&mut body, self.last_time);
        put_number(&mut body, self.segments.len() as u64);
        for Listed { number, packed, end, live } in &self.segments {
            put_number(&mut body, u64::from(*number) << 1 | u64::from(*packed));
            put_number(&mut body, *end);
            live.put(&mut body);
        }
        put_ranges(&mut body, self.lost.iter().cloned());
        put_number(&mut body, self.erased.len() as u64);
        self.erased.iter().for_each(|seq| put_number(&mut body, *seq));
        notes.each(&mut |key, content| {
            put_bytes(&mut body, key);
            put_bytes(&mut body, content);
        });
        body
    }

    /// What a body says; `None` if it is none of this format.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        if reader.number()? != FORMAT {
            return None;
        }
        let mut read =
            Self { next_seq: reader.number()?, last_time: reader.number()?, ..Self::default() };
        for _ in 0..reader.number()? {
            let (number, end) = (reader.number()?, reader.number()?);
            let (number, packed) = (u32::try_from(number >> 1).ok()?, number & 1 != 0);
            let live = Live::read(&mut reader)?;
            read.segments.push(Listed { number, packed, end, live });
        }
        read.lost = reader.ranges()?;
        for _ in 0..reader.number()? {
            read.erased.push(reader.number()?);
        }
        while !reader.0.is_empty() {
            read.notes.push((reader.bytes()?.to_vec(), reader.bytes()?.to_vec()));
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn what_a_checkpoint_says_is_read_again() {
        let sparse = (0..500).map(|at| 1000 + 3 * at..=1000 + 3 * at);
        let ranges = vec![5..=9, 11..=11, 500..=100_000];
        let listed = |number, live| Listed { number, packed: number == 2, end: 77, live };
        let checkpoint = Checkpoint {
            next_seq: 12,
            last_time: 13,
            segments: vec![
                listed(1, Live::of(ranges.iter().cloned())),
                listed(2, Live::of(sparse.clone())),
                listed(3, Live::default()),
            ],
            lost: vec![2..=4],
            erased: vec![6, 3],
            notes: vec![(b"key".to_vec(), b"content".to_vec()), (Vec::new(), Vec::new())],
        };
        let notes: Vec<(&[u8], &[u8])> =
            checkpoint.notes.iter().map(|(key, content)| (&key[..], &content[..])).collect();
        let body = checkpoint.body(&mut &notes[..]);
        assert!(body.len() < 300, "a bit for each of 1500 sequences: {}", body.len());
        assert_eq!(Checkpoint::read(&body), Some(checkpoint.clone()));
        assert_eq!(checkpoint.segments[0].live.ranges().collect::<Vec<_>>(), ranges);
        assert!(checkpoint.segments[1].live.ranges().eq(sparse));
        assert_eq!(checkpoint.segments[2].live.ranges().count(), 0);
        for cut in 0..body.len() - 1 {
            assert_ne!(Checkpoint::read(&body[..cut]).as_ref(), Some(&checkpoint));
        }
    }
}
