//! The receive buffer: bytes arrive at a page-aligned address, with room in front for the partial
//! frame that the previous read of the same link left behind.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Room in front of the read address. A partial frame up to this size is put before the new bytes,
/// so that frames are parsed in one contiguous piece; larger ones are collected elsewhere.
pub const HEADROOM_BYTES: usize = 64 << 10;

/// Received data is placed at this alignment. On CPUs with a weak `rep movsb` a read to an address
/// 1-15 bytes past the source's offset in its page is 5-12 times slower, and "leftover first, read
/// behind it" walks into that at random (measured; performance notes, finding 6).
const PAGE_BYTES: usize = 4096;

/// A host's receive buffer: one per shard, reused for every read of every link.
pub struct RxBuf {
    storage: Vec<u8>,
    /// Index of the read address in `storage`; what precedes it is headroom.
    base: usize,
    /// Bytes received at `base`.
    filled: usize,
    capacity: usize,
}

impl RxBuf {
    /// A buffer for reads of up to `capacity` bytes (64 KiB is a good size, 256 KiB under load).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let storage = vec![0; HEADROOM_BYTES + PAGE_BYTES + capacity];
        let address = storage.as_ptr() as usize + HEADROOM_BYTES;
        let base = HEADROOM_BYTES + (address.next_multiple_of(PAGE_BYTES) - address);
        Self { storage, base, filled: 0, capacity }
    }

    /// Where the host reads to. Follow with [`filled`](Self::filled).
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.base + self.filled..self.base + self.capacity]
    }

    /// Says that `bytes` were put at the front of [`spare_mut`](Self::spare_mut).
    ///
    /// # Panics
    /// If that is more than there was room for: a bug of the host.
    pub fn filled(&mut self, bytes: usize) {
        assert!(bytes <= self.capacity - self.filled, "more bytes than the buffer has room for");
        self.filled += bytes;
    }

    /// Copies as much of `data` as there is room for, and says how much that was.
    pub fn fill_from(&mut self, data: &[u8]) -> usize {
        let bytes = data.len().min(self.capacity - self.filled);
        self.spare_mut()[..bytes].copy_from_slice(&data[..bytes]);
        self.filled(bytes);
        bytes
    }

    /// The received bytes.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.storage[self.base..self.base + self.filled]
    }

    /// Puts `leftover` in front of the received bytes and gives the whole; `None` if it is larger
    /// than the headroom.
    pub(crate) fn join(&mut self, leftover: &[u8]) -> Option<&[u8]> {
        let start = self.base.checked_sub(leftover.len())?;
        self.storage[start..self.base].copy_from_slice(leftover);
        Some(&self.storage[start..self.base + self.filled])
    }

    /// Forgets the received bytes.
    pub fn clear(&mut self) {
        self.filled = 0;
    }
}

impl fmt::Debug for RxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxBuf")
            .field("filled", &self.filled)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_page_aligned_and_joined_with_the_leftover() {
        let mut rx = RxBuf::new(1 << 16);
        assert_eq!(rx.spare_mut().as_ptr() as usize % PAGE_BYTES, 0);
        assert_eq!(rx.fill_from(b"NG\r\n"), 4);
        assert_eq!(rx.join(b"PI"), Some(&b"PING\r\n"[..]));
        assert_eq!(rx.received(), b"NG\r\n");
        rx.clear();
        assert_eq!(rx.fill_from(&[7; 1 << 17]), 1 << 16, "takes what it has room for");
        assert_eq!(rx.join(&[1; HEADROOM_BYTES + PAGE_BYTES]), None);
        assert!(rx.join(&[1; HEADROOM_BYTES]).is_some());
    }
}
