//! The content of a file, of which some is durable.

use super::damage::{Damage, Overlay, overlaid, sector, sectors};
use super::{SECTOR_BYTES, TORN_SECTORS};
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
}

/// A file's content.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What makes `now` of `durable`, if no sync has failed.
    changes: Vec<Change>,
    /// Sectors as they were before they were last written.
    before: Overlay,
    /// What is read instead of what should be there.
    damage: Overlay,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.now.len() as u64
    }

    pub(super) fn unsynced_bytes(&self) -> u64 {
        let bytes = |change: &Change| match change {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Truncate(_) | Change::Allocate(_) => 0,
        };
        self.changes.iter().map(bytes).sum()
    }

    pub(super) fn read(&self, at: u64, len: u64) -> Vec<u8> {
        let begin = usize::try_from(at).unwrap_or(usize::MAX).min(self.now.len());
        let end = usize::try_from(at.saturating_add(len)).unwrap_or(usize::MAX);
        let end = end.min(self.now.len());
        if self.damage.is_empty() {
            return self.now[begin..end].to_vec();
        }
        overlaid(&self.now, &self.damage)[begin..end].to_vec()
    }

    pub(super) fn change(&mut self, change: Change) {
        if let Change::Write { at, bytes } = &change {
            for number in sectors(*at, bytes.len() as u64) {
                self.before.insert(number, sector(&self.now, number).to_vec());
                // Only what is written as a whole is right again.
                let begin = number * SECTOR_BYTES;
                let end = at + bytes.len() as u64;
                if *at <= begin && (end >= begin + SECTOR_BYTES || end >= self.len()) {
                    self.damage.remove(&number);
                }
            }
        }
        apply(&mut self.now, &change);
        self.changes.push(change);
    }

    /// A write that lands at another place: there its bytes are read, and here what was here.
    pub(super) fn write_elsewhere(&mut self, at: u64, bytes: Vec<u8>, draw: u64) {
        let here: Vec<(u64, Vec<u8>)> = sectors(at, bytes.len() as u64)
            .map(|number| (number, sector(&overlaid(&self.now, &self.damage), number).to_vec()))
            .collect();
        let wrong = draw % self.len().div_ceil(SECTOR_BYTES).max(1);
        let landed: Vec<(u64, Vec<u8>)> = (wrong..)
            .zip(bytes.chunks(SECTOR_BYTES as usize))
            .map(|(number, piece)| (number, piece.to_vec()))
            .collect();
        self.change(Change::Write { at, bytes });
        self.damage.extend(here);
        self.damage.extend(landed);
    }

    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// Each change has been written or not; either way nobody will try again. It is still read.
    pub(super) fn sync_failed(&mut self, draws: &mut Stream) {
        for change in self.changes.drain(..) {
            if draws.below(2) == 0 {
                apply(&mut self.durable, &change);
            }
        }
    }

    pub(super) fn lose_power(&mut self, draws: &mut Stream) {
        for change in std::mem::take(&mut self.changes) {
            let fate = match draws.below(4) {
                0 => Fate::Kept,
                1 => Fate::Dropped,
                2 => Fate::Torn,
                _ => Fate::Garbage,
            };
            self.settle(change, fate, draws);
        }
        self.now.clone_from(&self.durable);
        self.before.clear();
    }

    fn settle(&mut self, change: Change, fate: Fate, draws: &mut Stream) {
        let (at, bytes) = match (change, fate) {
            (_, Fate::Dropped) => return,
            (Change::Write { at, bytes }, Fate::Torn | Fate::Garbage) => (at, bytes),
            // A length is there or not.
            (change @ (Change::Truncate(_) | Change::Allocate(_)), Fate::Torn | Fate::Garbage) => {
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
            if fate == Fate::Garbage {
                piece.iter_mut().for_each(|byte| *byte = draws.next() as u8);
            }
            if fate == Fate::Garbage || draws.below(2) == 0 {
                apply(&mut self.durable, &Change::Write { at: at + from as u64, bytes: piece });
            }
            from = until;
        }
    }

    pub(super) fn damage(&mut self, damage: Damage, draws: &mut Stream) {
        match damage {
            Damage::BitRot if !self.now.is_empty() => {
                let at = draws.below(self.len());
                let number = at / SECTOR_BYTES;
                let mut shown = sector(&overlaid(&self.now, &self.damage), number).to_vec();
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

fn apply(content: &mut Vec<u8>, change: &Change) {
    let size = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
    match change {
        Change::Write { at, bytes } => {
            let (begin, end) = (size(*at), size(*at) + bytes.len());
            if content.len() < end {
                content.resize(end, 0);
            }
            content[begin..end].copy_from_slice(bytes);
        }
        Change::Truncate(len) => content.resize(size(*len), 0),
        Change::Allocate(len) => {
            if content.len() < size(*len) {
                content.resize(size(*len), 0);
            }
        }
    }
}
