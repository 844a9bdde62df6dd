//! The content of a file, of which some is durable.

use super::damage::{Damage, Overlay, overlay, sectors};
use super::padded::Padded;
use super::unsynced::{SyncId, Unsynced};
use super::{PAGE_BYTES, SECTOR_BYTES, TORN_SECTORS};
use crate::rng::Stream;

/// A change of a file's content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// Bytes at a place.
    Write { at: u64, bytes: Vec<u8> },
    /// Another length.
    Truncate(u64),
    /// Another least length.
    Allocate(u64),
}

/// What a power loss makes of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Kept,
    Dropped,
    /// Some of its sectors are there, and others not.
    Torn,
    /// Its sectors are there, with anything in them.
    Garbage,
    /// Its sectors are there, with what others of the disk hold or held: the drive has lost track of
    /// which of its pages is which.
    Astray,
}

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    now: Padded,
    durable: Padded,
    /// What makes `now` of `durable`, if no sync has failed.
    changes: Unsynced<Change>,
    /// Sectors as they were before they were last written.
    before: Overlay,
    /// What is read instead of what should be there.
    damage: Overlay,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.now.len()
    }

    pub(super) fn unsynced_bytes(&self) -> u64 {
        let bytes = |change: &Change| match change {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Truncate(_) | Change::Allocate(_) => 0,
        };
        self.changes.iter().map(bytes).sum()
    }

    pub(super) fn read(&self, at: u64, len: u64) -> Vec<u8> {
        let begin = at.min(self.len());
        let mut bytes = self.now.read(begin, len);
        for (number, shown) in self.damage.range(sectors(begin, bytes.len() as u64)) {
            overlay(&mut bytes, begin, number * SECTOR_BYTES, shown);
        }
        bytes
    }

    /// A sector as it is read.
    fn shown(&self, number: u64) -> Vec<u8> {
        self.read(number * SECTOR_BYTES, SECTOR_BYTES)
    }

    pub(super) fn change(&mut self, change: Change) {
        if let Change::Write { at, bytes } = &change {
            for number in sectors(*at, bytes.len() as u64) {
                self.before.insert(number, self.now.read(number * SECTOR_BYTES, SECTOR_BYTES));
                // What is written as a whole is right again, and of the rest what is written.
                let begin = number * SECTOR_BYTES;
                let end = at + bytes.len() as u64;
                if *at <= begin && (end >= begin + SECTOR_BYTES || end >= self.len()) {
                    self.damage.remove(&number);
                } else if let Some(shown) = self.damage.get_mut(&number) {
                    overlay(shown, begin, *at, bytes);
                }
            }
        }
        apply(&mut self.now, &change);
        self.changes.push(change);
    }

    /// A write that lands at another place: there its bytes are read, and here what was here.
    pub(super) fn write_elsewhere(&mut self, at: u64, bytes: Vec<u8>, draw: u64) {
        let here: Vec<(u64, Vec<u8>)> =
            sectors(at, bytes.len() as u64).map(|number| (number, self.shown(number))).collect();
        let wrong = draw % self.len().div_ceil(SECTOR_BYTES).max(1);
        let landed: Vec<(u64, Vec<u8>)> = (wrong..)
            .zip(bytes.chunks(SECTOR_BYTES as usize))
            .map(|(number, piece)| (number, piece.to_vec()))
            .collect();
        self.change(Change::Write { at, bytes });
        self.damage.extend(here);
        self.damage.extend(landed);
    }

    /// A sync begins: it covers what has been written by now.
    pub(super) fn sync_begins(&mut self, sync: SyncId) {
        self.changes.sync_begins(sync);
    }

    pub(super) fn sync(&mut self, sync: SyncId) {
        for change in self.changes.take_covered(sync) {
            apply(&mut self.durable, &change);
        }
    }

    /// Nobody waits for a sync any more.
    pub(super) fn forget_syncs(&mut self) {
        self.changes.forget_syncs();
    }

    /// Each change has been written or not; either way nobody will try again. It is still read.
    pub(super) fn sync_failed(&mut self, sync: SyncId, draws: &mut Stream) {
        for change in self.changes.take_covered(sync) {
            if draws.below(2) == 0 {
                apply(&mut self.durable, &change);
            }
        }
    }

    /// Pages in which something is written: the first one, and others that are drawn.
    pub(super) fn some_pages(&self, most: usize, draws: &mut Stream) -> Vec<Vec<u8>> {
        let count = self.now.end().div_ceil(PAGE_BYTES);
        let numbers =
            (0..count.min(most as u64)).map(|n| if n == 0 { 0 } else { draws.below(count) });
        let numbers: Vec<u64> = numbers.collect();
        numbers.into_iter().map(|number| self.read(number * PAGE_BYTES, PAGE_BYTES)).collect()
    }

    /// The power fails. `astray` is what may be read in sectors that were being written.
    pub(super) fn lose_power(&mut self, astray: &[Vec<u8>], draws: &mut Stream) {
        for change in self.changes.take_all() {
            let fate = match draws.below(5) {
                0 => Fate::Kept,
                1 => Fate::Dropped,
                2 => Fate::Torn,
                3 => Fate::Garbage,
                _ => Fate::Astray,
            };
            self.settle(change, fate, astray, draws);
        }
        self.now.clone_from(&self.durable);
        self.before.clear();
    }

    fn settle(&mut self, change: Change, fate: Fate, astray: &[Vec<u8>], draws: &mut Stream) {
        let (at, bytes) = match (change, fate) {
            (_, Fate::Dropped) => return,
            (Change::Write { at, bytes }, Fate::Torn | Fate::Garbage | Fate::Astray) => (at, bytes),
            // A length is there or not.
            (
                change @ (Change::Truncate(_) | Change::Allocate(_)),
                Fate::Torn | Fate::Garbage | Fate::Astray,
            ) => {
                if draws.below(2) == 0 {
                    apply(&mut self.durable, &change);
                }
                return;
            }
            (change, Fate::Kept) => return apply(&mut self.durable, &change),
        };
        let unit = draws.pick(&TORN_SECTORS).copied().unwrap_or(1) * SECTOR_BYTES;
        let mut from = 0;
        while from < bytes.len() {
            let to_border = unit - (at + from as u64) % unit;
            let until = bytes.len().min(from + to_border as usize);
            let mut piece = bytes[from..until].to_vec();
            match fate {
                Fate::Garbage => piece.iter_mut().for_each(|byte| *byte = draws.next() as u8),
                Fate::Astray => put_astray(&mut piece, at + from as u64, astray, draws),
                Fate::Kept | Fate::Dropped | Fate::Torn => {}
            }
            if fate != Fate::Torn || draws.below(2) == 0 {
                apply(&mut self.durable, &Change::Write { at: at + from as u64, bytes: piece });
            }
            from = until;
        }
    }

    pub(super) fn damage(&mut self, damage: Damage, draws: &mut Stream) {
        match damage {
            Damage::BitRot if self.len() > 0 => {
                let at = draws.below(self.len());
                let number = at / SECTOR_BYTES;
                let mut shown = self.shown(number);
                if let Some(byte) = shown.get_mut((at % SECTOR_BYTES) as usize) {
                    *byte ^= 1 << draws.below(8);
                }
                self.damage.insert(number, shown);
            }
            Damage::StaleSectors => {
                let mut stale: Vec<(u64, Vec<u8>)> =
                    self.before.clone().into_iter().filter(|(_, old)| !old.is_empty()).collect();
                draws.shuffle(&mut stale);
                let count = draws.between(1, stale.len() as u64);
                self.damage.extend(stale.into_iter().take(count as usize));
            }
            Damage::BitRot | Damage::LostFile => {}
        }
    }

    pub(super) fn lift(&mut self) {
        self.damage.clear();
    }
}

/// Puts into bytes that belong at a place what another page holds there.
fn put_astray(bytes: &mut [u8], at: u64, astray: &[Vec<u8>], draws: &mut Stream) {
    let inside = (at % PAGE_BYTES) as usize;
    let other = draws.pick(astray).and_then(|page| page.get(inside..)).unwrap_or_default();
    bytes.iter_mut().zip(other).for_each(|(byte, other)| *byte = *other);
}

fn apply(content: &mut Padded, change: &Change) {
    match change {
        Change::Write { at, bytes } => content.write(*at, bytes),
        Change::Truncate(len) => content.set_len(*len),
        Change::Allocate(len) => content.set_len(content.len().max(*len)),
    }
}
