//! Randomness: one seed, split into named streams.
//!
//! Every component draws from a stream of its own, so a new draw in one moves no other, and a
//! stored seed keeps its meaning. The algorithm is pinned by name (ChaCha8).

use core::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::time::Duration;

/// What randomness is used for. The number is part of every recorded run: append, never reorder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    /// Server ids, names, nonces, hash keys.
    Identity = 0,
    /// Which member of a queue group gets a message.
    QueuePick = 1,
    /// Pauses between dials.
    DialJitter = 2,
    /// When the first ping of a link is sent.
    PingJitter = 3,
    /// When the clients of a lame duck are closed.
    LameDuck = 4,
    /// Keys of streams' tables.
    Logs = 5,
    /// Names, pins and flow control subjects of consumers.
    Consumers = 6,
    /// Ids of advisories.
    Advisories = 7,
    /// Subjects and pauses of intakes.
    Intakes = 8,
    /// Identities of buffers, keys of their tables.
    Buffers = 9,
}

const STREAMS: usize = 10;

/// All streams of one node.
pub(crate) struct Rng {
    streams: [ChaCha8Rng; STREAMS],
}

impl Rng {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let stream = |number: usize| {
            let mut rng = ChaCha8Rng::from_seed(seed);
            rng.set_stream(number as u64);
            rng
        };
        Self { streams: core::array::from_fn(stream) }
    }

    pub(crate) fn next_u64(&mut self, stream: Stream) -> u64 {
        self.streams[stream as usize].next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, stream: Stream, bound: u32) -> u32 {
        let draw = u64::from(self.streams[stream as usize].next_u32());
        // The bias of the multiplication is below bound / 2^32, far under what anybody can see.
        ((draw * u64::from(bound)) >> 32) as u32
    }

    /// A span in `[0, most)`.
    pub(crate) fn span(&mut self, stream: Stream, most: Duration) -> Duration {
        let bound = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let draw = u128::from(self.next_u64(stream)) * u128::from(bound);
        Duration::from_nanos((draw >> 64) as u64)
    }

    /// `count` characters of `0-9A-Za-z`.
    pub(crate) fn name(&mut self, stream: Stream, count: usize) -> alloc::string::String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        (0..count).map(|_| char::from(DIGITS[self.below(stream, 62) as usize])).collect()
    }

    pub(crate) fn bytes(&mut self, stream: Stream) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.streams[stream as usize].fill_bytes(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Rng {
    /// Never shows the state: nonces come from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rng").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_move_each_other_and_are_pinned() {
        let mut a = Rng::new([7; 32]);
        let mut b = Rng::new([7; 32]);
        for _ in 0..100 {
            b.next_u64(Stream::QueuePick);
        }
        assert_eq!(a.next_u64(Stream::Identity), b.next_u64(Stream::Identity));
        assert_ne!(a.next_u64(Stream::Identity), a.next_u64(Stream::DialJitter));
        // Recorded runs depend on these values.
        assert_eq!(Rng::new([0; 32]).next_u64(Stream::Identity), 15_438_444_565_445_410_878);
    }

    #[test]
    fn draws_stay_in_range() {
        let mut rng = Rng::new([1; 32]);
        assert_eq!(rng.below(Stream::QueuePick, 0), 0);
        assert!((0..1000).all(|_| rng.below(Stream::QueuePick, 3) < 3));
        let most = Duration::from_millis(100);
        assert!((0..1000).all(|_| rng.span(Stream::DialJitter, most) < most));
        assert_eq!(rng.name(Stream::Identity, 22).len(), 22);
    }
}
