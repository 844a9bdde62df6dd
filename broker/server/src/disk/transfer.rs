//! Moving bytes between memory and files, whole.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2, pwritev};

/// Pieces of one system call (the system's own limit).
const PIECES: usize = 1024;

/// Zeros of one write.
const ZEROS: usize = 1 << 20;

/// Zeros that may wait for the disk, bytes: more would keep it busy when a commit comes.
const ZEROS_UNSYNCED: u64 = 4 << 20;

/// Writes pieces that follow each other, from `at` on.
pub(super) fn write(file: &File, mut at: u64, bytes: &[Bytes]) -> io::Result<()> {
    let mut pieces: Vec<IoSlice<'_>> =
        bytes.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
    let mut rest = pieces.as_mut_slice();
    while !rest.is_empty() {
        let some = rest.len().min(PIECES);
        match pwritev(file, rest.get(..some).unwrap_or_default(), at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads `len` bytes from `at` on; fewer if the file ends before.
pub(super) fn read(file: &File, at: u64, len: u64) -> io::Result<Bytes> {
    // Nobody gets memory for what is not there.
    let there = file.metadata()?.len().saturating_sub(at).min(len);
    let len = usize::try_from(there).map_err(|_| Errno::NOMEM)?;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let from = at + bytes.len() as u64;
        match pread(file, spare_capacity(&mut bytes), from) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // There may have been more room than was asked for.
    bytes.truncate(len);
    Ok(bytes.into())
}

/// The same if all of it is in memory: `None` if the disk would have to be waited for, or if the
/// system cannot tell.
pub(super) fn read_cached(file: &File, at: u64, len: usize) -> Option<Bytes> {
    let mut bytes = vec![0; len];
    let pieces = &mut [IoSliceMut::new(&mut bytes)];
    match preadv2(file, pieces, at, ReadWriteFlags::NOWAIT) {
        Ok(read) if read == len => Some(bytes.into()),
        Ok(_) | Err(_) => None,
    }
}

/// Writes zeros from `from` to `to`, and leaves few of them to the next sync.
pub(super) fn write_zeros(file: &File, from: u64, to: u64) -> io::Result<()> {
    static BLOCK: [u8; ZEROS] = [0; ZEROS];
    match fallocate(file, FallocateFlags::empty(), from, to - from) {
        // Space in one piece, or an early end. Not every file system can do it.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    let mut at = from;
    let mut synced = from;
    while at < to {
        let some = usize::try_from(to - at).unwrap_or(ZEROS).min(ZEROS);
        write(file, at, &[Bytes::from_static(BLOCK.get(..some).unwrap_or_default())])?;
        at += some as u64;
        if at - synced >= ZEROS_UNSYNCED {
            file.sync_data()?;
            synced = at;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pieces_are_written_in_order() {
        let file = tempfile::tempfile().unwrap();
        let pieces: Vec<Bytes> = (0..3 * PIECES).map(|n| format!("{n},").into()).collect();
        let expected: String = (0..3 * PIECES).map(|n| format!("{n},")).collect();
        write(&file, 5, &pieces).unwrap();
        write(&file, 0, &[Bytes::new(), Bytes::from_static(b"begin"), Bytes::new()]).unwrap();
        let all = read(&file, 0, u64::MAX).unwrap();
        assert_eq!(all, format!("begin{expected}"));
        assert_eq!(read(&file, 3, 4).unwrap(), "in0,");
        assert_eq!(read(&file, all.len() as u64 - 1, 10).unwrap(), ",", "the file ends");
        assert_eq!(read(&file, 1 << 40, 10).unwrap(), "");
    }

    #[test]
    fn zeros_are_really_there() {
        let file = tempfile::tempfile().unwrap();
        write(&file, 0, &[Bytes::from_static(b"abc")]).unwrap();
        let len = ZEROS_UNSYNCED + 10;
        write_zeros(&file, 3, len).unwrap();
        let all = read(&file, 0, u64::MAX).unwrap();
        assert_eq!(all.len() as u64, len);
        assert_eq!(&all[..3], b"abc");
        assert!(all[3..].iter().all(|byte| *byte == 0));
        let blocks = std::os::unix::fs::MetadataExt::blocks(&file.metadata().unwrap());
        assert!(blocks * 512 >= len, "{blocks} blocks of 512 bytes");
    }
}
