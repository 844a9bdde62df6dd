//! What has happened to sectors after they were written.

use std::collections::BTreeMap;

use super::SECTOR_BYTES;

/// Something that happens to a file on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Damage {
    /// One bit of one sector is another.
    BitRot,
    /// Some sectors are as they were before they were last written.
    StaleSectors,
    /// Its name cannot be found.
    LostFile,
}

/// What is read in the place of sectors, by their numbers.
pub(super) type Overlay = BTreeMap<u64, Vec<u8>>;

/// The numbers of the sectors that bytes touch.
pub(super) fn sectors(at: u64, len: u64) -> std::ops::Range<u64> {
    at / SECTOR_BYTES..(at + len).div_ceil(SECTOR_BYTES)
}

/// Puts what is read from one place on into bytes from another place on, as far as they reach.
pub(super) fn overlay(bytes: &mut [u8], at: u64, from: u64, shown: &[u8]) {
    let skip =
        |less: u64, more: u64| usize::try_from(more.saturating_sub(less)).unwrap_or(usize::MAX);
    let shown = shown.iter().skip(skip(from, at));
    bytes.iter_mut().skip(skip(at, from)).zip(shown).for_each(|(byte, shown)| *byte = *shown);
}
