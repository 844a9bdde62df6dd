//! Cutting and joining: which part of the bytes that could be read is read.

use super::Slice;
use crate::rng::Stream;
use crate::scenario::Chunking;

/// For this many bytes of a connection, [`Chunking::Bytes`] gives tiny pieces.
const TINY_UNTIL: u64 = 1024;

/// A read waits at most this long for more, in nanoseconds.
const WAIT_NS: u64 = 200_000;

/// Decides how the bytes of one direction are read.
#[derive(Debug)]
pub(crate) struct Chunker {
    mode: Chunking,
    stream: Stream,
    given: u64,
    sliced: Option<Sliced>,
}

/// A fault decides instead.
#[derive(Debug)]
struct Sliced {
    slice: Slice,
    stream: Stream,
    /// When the next piece may be read.
    not_before: u64,
}

/// What to do with readable bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Piece {
    /// Read this many.
    Read(usize),
    /// Ask again after so many nanoseconds; more may have arrived by then.
    Wait(u64),
}

impl Default for Chunker {
    fn default() -> Self {
        Self { mode: Chunking::Off, stream: Stream::new(0, "", &[]), given: 0, sliced: None }
    }
}

impl Chunker {
    pub(super) const fn new(mode: Chunking, stream: Stream) -> Self {
        Self { mode, stream, given: 0, sliced: None }
    }

    /// From now on, or not any more, a fault decides; its draws are its own.
    pub(super) fn set_slice(&mut self, slice: Option<(Slice, Stream)>) {
        self.sliced = slice.map(|(slice, stream)| Sliced { slice, stream, not_before: 0 });
    }

    /// What to do with `available` bytes, which is more than 0.
    #[inline]
    pub(crate) fn piece(&mut self, now: u64, available: usize) -> Piece {
        if let Some(sliced) = &mut self.sliced {
            return sliced.piece(now, available);
        }
        let piece = match self.mode {
            Chunking::Off => Piece::Read(available),
            Chunking::Bytes if self.given < TINY_UNTIL => {
                Piece::Read((1 + self.stream.below(3) as usize).min(available))
            }
            Chunking::Light => self.cut(available, 16),
            Chunking::Heavy | Chunking::Bytes => self.cut(available, 2),
        };
        if let Piece::Read(bytes) = piece {
            self.given += bytes as u64;
        }
        piece
    }

    /// One time in `often`: a part, or nothing yet.
    #[inline]
    fn cut(&mut self, available: usize, often: u64) -> Piece {
        let draw = self.stream.below(often * 4);
        match draw {
            0 => Piece::Wait(1 + self.stream.below(WAIT_NS)),
            // The first or the last byte alone is where parsers fail.
            1 => Piece::Read(1),
            2 => Piece::Read(available.saturating_sub(1).max(1)),
            3 => Piece::Read(1 + self.stream.below(available as u64) as usize),
            _ => Piece::Read(available),
        }
    }
}

impl Sliced {
    fn piece(&mut self, now: u64, available: usize) -> Piece {
        if now < self.not_before {
            return Piece::Wait(self.not_before - now);
        }
        self.not_before = now.saturating_add(self.slice.every_ns);
        let drawn = self.stream.between(1, self.slice.bytes);
        Piece::Read(usize::try_from(drawn).unwrap_or(usize::MAX).min(available))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_readable_and_all_bytes_are_read() {
        for mode in Chunking::ALL {
            let mut chunker = Chunker::new(mode, Stream::new(1, "t", &[]));
            let (mut left, mut reads) = (100_000usize, 0u32);
            while left > 0 {
                match chunker.piece(0, left.min(100)) {
                    Piece::Read(bytes) => {
                        assert!((1..=left.min(100)).contains(&bytes), "{mode:?}");
                        left -= bytes;
                    }
                    Piece::Wait(ns) => assert!((1..=WAIT_NS).contains(&ns)),
                }
                reads += 1;
            }
            let least = if mode == Chunking::Off { 1000..1001 } else { 1010..5000 };
            assert!(least.contains(&reads), "{mode:?}: {reads}");
        }
    }
}
