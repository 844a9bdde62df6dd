//! The high-water mark: which numbers were given out, in a file of its own.
//!
//! Whether the end of a log is all that was written cannot be seen in the segments: a tail that was cut
//! off or is as it was some time ago looks like one that was never written. So each batch with new
//! messages says first, elsewhere, up to which number messages are durable and up to which they are given
//! out. It is not synced. What a power loss leaves of it may be old, which proves nothing, but never
//! claims too much: a number is only said to be durable after it was.
//!
//! ```text
//!   00000000-<identity>.hwm     magic 4 │ checksum of the rest and the log's identity 4
//!                               │ next after what is durable 8 │ next after what is given out 8
//! ```

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::crc::crc32c;
use super::name::Kind;
use super::{FileLog, For};
use crate::disk::{FileId, Lane, Op, OpKind};

/// The number in its name: it belongs to no segment.
pub(super) const NO_NUMBER: u32 = 0;

const MAGIC: [u8; 4] = *b"cwhw";

/// Bytes of the file.
const BYTES: usize = 24;

/// What it says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct HighWater {
    /// Messages below this number are durable.
    pub(super) durable_next: u64,
    /// No message has this number or a higher one.
    pub(super) next_seq: u64,
}

impl HighWater {
    fn write(self, identity: u64) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.durable_next.to_le_bytes());
        bytes[16..].copy_from_slice(&self.next_seq.to_le_bytes());
        let checksum = checksum(&bytes, identity);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the file of the log with this identity. `None` if that is not what it is.
    pub(super) fn read(bytes: &[u8], identity: u64) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let written = u32::from_le_bytes(bytes[4..8].try_into().ok()?);
        if bytes[..4] != MAGIC || written != checksum(bytes, identity) {
            return None;
        }
        Some(Self { durable_next: number(8)?, next_seq: number(16)? })
    }
}

fn checksum(bytes: &[u8; BYTES], identity: u64) -> u32 {
    crc32c(crc32c(0, &identity.to_le_bytes()), &bytes[8..])
}

/// The file, as far as it is used.
#[derive(Debug, Default)]
pub(super) struct Mark {
    file: Option<FileId>,
    said: HighWater,
    /// Next after what is durable beyond doubt. After a start that is less than what can be had: the
    /// last batch may be there without being durable, with all the numbers that it skips.
    pub(super) durable_next: u64,
}

impl Mark {
    /// The mark of a log that has given out nothing below this number.
    pub(super) fn of(first_seq: u64) -> Self {
        Self { durable_next: first_seq, ..Self::default() }
    }
}

impl FileLog {
    /// Says what is durable and what will be given out by the batch that is written next, if that is
    /// news. Nothing depends on whether it can be written.
    pub(super) fn mark_high_water(&mut self, next_seq: u64, lone: bool, out: &mut Vec<Op>) {
        let now = HighWater { durable_next: self.mark.durable_next, next_seq };
        if now == self.mark.said {
            return;
        }
        self.mark.said = now;
        let file = match self.mark.file {
            Some(file) => file,
            None => {
                let (file, path) = (self.io.new_file(), self.io.path(Kind::HighWater, NO_NUMBER));
                self.mark.file = Some(file);
                let open = OpKind::Open { file, path, create: true };
                self.io.ask_lone(Lane::Commit, For::Nothing, open, lone, out);
                file
            }
        };
        let bytes = vec![Bytes::copy_from_slice(&now.write(self.io.identity))];
        let write = OpKind::Write { file, at: 0, bytes };
        self.io.ask_lone(Lane::Commit, For::Nothing, write, lone, out);
    }

    pub(super) fn close_high_water(&mut self, out: &mut Vec<Op>) {
        if let Some(file) = self.mark.file.take() {
            self.io.ask(Lane::Commit, For::Nothing, OpKind::Close { file }, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let mark = HighWater { durable_next: 7, next_seq: u64::MAX };
        let bytes = mark.write(5);
        assert_eq!(HighWater::read(&bytes, 5), Some(mark));
        assert_eq!(HighWater::read(&bytes, 6), None, "another log's");
        assert_eq!(HighWater::read(&bytes[..BYTES - 1], 5), None);
        assert_eq!(HighWater::read(&[], 5), None);
        for bit in 0..BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(HighWater::read(&damaged, 5), None, "bit {bit}");
        }
    }
}
