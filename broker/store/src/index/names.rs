//! Subject names, side by side in large pieces of memory: a name costs its bytes and no allocation.

use alloc::vec::Vec;

/// Bytes in one piece. A name lies within one.
const PIECE: usize = 1 << 20;

/// A granule is what places count in, so that 32 bits reach 32 GiB of names.
const GRANULE: usize = 8;

/// Where a name lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    granule: u32,
    len: u16,
}

/// All names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pieces: Vec<Vec<u8>>,
}

impl Names {
    /// Puts a name in.
    ///
    /// # Panics
    /// If it is longer than a message's subject may be, or 32 GiB of names are exceeded.
    pub(super) fn put(&mut self, name: &[u8]) -> Place {
        let len = u16::try_from(name.len()).expect("a subject fits 16 bits");
        let full = |piece: &Vec<u8>| piece.len() + name.len() > PIECE;
        if self.pieces.last().is_none_or(full) {
            self.pieces.push(Vec::new());
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let Some(piece) = self.pieces.last_mut() else { return Place::default() };
        let granule = u32::try_from((before + piece.len()) / GRANULE).expect("32 GiB of names");
        piece.extend_from_slice(name);
        piece.resize(piece.len().next_multiple_of(GRANULE), 0);
        Place { granule, len }
    }

    pub(super) fn get(&self, place: Place) -> &[u8] {
        let at = place.granule as usize * GRANULE;
        let piece = self.pieces.get(at / PIECE).map_or(&[][..], Vec::as_slice);
        let begin = at % PIECE;
        piece.get(begin..begin + usize::from(place.len)).unwrap_or_default()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }
}
