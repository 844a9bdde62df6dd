//! The transmit queue of a link: bytes in order, copied small pieces and shared large ones.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A piece of copied bytes is closed at this size and the next one begun, so that a long queue
/// never has to be moved in memory.
const CHUNK_BYTES: usize = 64 << 10;

/// Copies of larger pieces are made in steps of this size: a long copy between addresses whose
/// page offsets differ by 1-15 bytes is 30 times slower on some CPUs, short ones are not
/// (measured; style notes 3.5).
const COPY_STEP_BYTES: usize = 1024;

/// Bytes on their way to a peer. Owned by the core; the host writes from the front.
#[derive(Debug, Default)]
pub struct TxQueue {
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that were already accepted.
    front: usize,
    pending: u64,
    /// Bytes that were ever accepted.
    accepted: u64,
}

#[derive(Debug)]
enum Chunk {
    Copied(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl TxQueue {
    /// Bytes not yet accepted.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Bytes that were ever accepted.
    #[must_use]
    pub(crate) const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Bytes that were ever put in.
    #[must_use]
    pub(crate) const fn total(&self) -> u64 {
        self.accepted + self.pending
    }

    /// The pieces, in order, without what was already accepted.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.front;
        self.chunks.iter().map(move |chunk| {
            let bytes = &chunk.as_slice()[skip..];
            skip = 0;
            bytes
        })
    }

    /// The buffer to append to directly; follow with [`appended`](Self::appended). `spare` gives
    /// recycled buffers.
    pub(crate) fn tail(&mut self, spare: &mut SpareChunks) -> &mut Vec<u8> {
        let open =
            matches!(self.chunks.back(), Some(Chunk::Copied(bytes)) if bytes.len() < CHUNK_BYTES);
        if !open {
            self.chunks.push_back(Chunk::Copied(spare.take()));
        }
        match self.chunks.back_mut() {
            Some(Chunk::Copied(bytes)) => bytes,
            Some(Chunk::Shared(_)) | None => {
                unreachable!("a copied chunk was just put at the back")
            }
        }
    }

    /// Accounts for bytes put into [`tail`](Self::tail).
    pub(crate) const fn appended(&mut self, bytes: usize) {
        self.pending += bytes as u64;
    }

    /// Appends a copy.
    pub(crate) fn push(&mut self, bytes: &[u8], spare: &mut SpareChunks) {
        copy_in_steps(self.tail(spare), bytes);
        self.appended(bytes.len());
    }

    /// Appends a shared piece.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        self.pending += bytes.len() as u64;
        self.chunks.push_back(Chunk::Shared(bytes));
    }

    /// Removes bytes from the front that the peer's socket took; more than there are empties the
    /// queue.
    pub(crate) fn accept(&mut self, mut bytes: usize, spare: &mut SpareChunks) {
        let taken = self.pending.min(bytes as u64);
        self.pending -= taken;
        self.accepted += taken;
        while let Some(chunk) = self.chunks.front() {
            let left = chunk.as_slice().len() - self.front;
            if bytes < left {
                self.front += bytes;
                return;
            }
            bytes -= left;
            self.front = 0;
            if let Some(Chunk::Copied(buffer)) = self.chunks.pop_front() {
                spare.put(buffer);
            }
        }
        // An idle link keeps no memory for its queue.
        if self.chunks.capacity() > 8 {
            self.chunks = VecDeque::new();
        }
    }

    /// Drops everything, and says how many bytes that were.
    pub(crate) fn clear(&mut self, spare: &mut SpareChunks) -> u64 {
        let lost = self.pending;
        self.accept(usize::MAX, spare);
        self.pending = 0;
        lost
    }
}

/// Appends `bytes` to `to`.
pub(crate) fn copy_in_steps(to: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() <= COPY_STEP_BYTES {
        to.extend_from_slice(bytes);
        return;
    }
    to.reserve(bytes.len());
    for step in bytes.chunks(COPY_STEP_BYTES) {
        to.extend_from_slice(step);
    }
}

/// Buffers that emptied queues gave back, for the next queues that fill.
#[derive(Debug, Default)]
pub(crate) struct SpareChunks {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// Spare buffers are kept up to this sum.
const SPARE_BYTES_MAX: usize = 4 << 20;

impl SpareChunks {
    fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    fn put(&mut self, mut buffer: Vec<u8>) {
        if self.bytes + buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn content(tx: &TxQueue) -> Vec<u8> {
        tx.chunks().flatten().copied().collect()
    }

    #[test]
    fn order_is_kept_over_copied_and_shared_pieces() {
        let mut spare = SpareChunks::default();
        let mut tx = TxQueue::default();
        tx.push(b"abc", &mut spare);
        tx.push_shared(Bytes::from_static(b"DEF"));
        tx.push(b"ghi", &mut spare);
        assert_eq!((content(&tx), tx.pending()), (b"abcDEFghi".to_vec(), 9));
        tx.accept(4, &mut spare);
        assert_eq!((content(&tx), tx.pending()), (b"EFghi".to_vec(), 5));
        tx.accept(5, &mut spare);
        assert_eq!((content(&tx), tx.pending()), (vec![], 0));
        tx.push(b"xyz", &mut spare);
        assert_eq!(content(&tx), b"xyz");
        assert_eq!(tx.clear(&mut spare), 3);
        assert_eq!(tx.pending(), 0);
    }

    #[test]
    fn long_queues_are_chunked_and_every_split_point_accepts() {
        let mut spare = SpareChunks::default();
        let data: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        for step in [1usize, 1000, 65_535, 65_536, 65_537] {
            let mut tx = TxQueue::default();
            for part in data.chunks(777) {
                tx.push(part, &mut spare);
            }
            assert!(tx.chunks.len() > 2);
            let mut seen = Vec::new();
            while tx.pending() > 0 {
                let bytes: Vec<u8> = tx.chunks().flatten().take(step).copied().collect();
                tx.accept(bytes.len(), &mut spare);
                seen.extend(bytes);
            }
            assert_eq!(seen, data);
        }
    }
}
