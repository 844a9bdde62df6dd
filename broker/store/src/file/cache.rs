//! Pieces of segments in memory: what was written lately, and what was read.

use alloc::collections::BTreeMap;

use bytes::Bytes;

/// A piece of a segment.
#[derive(Clone, Debug)]
struct Extent {
    bytes: Bytes,
    /// When it was last of use.
    used: u64,
    /// It was read from the disk.
    read: bool,
}

/// Pieces by segment and place, as many as there is room for.
#[derive(Debug, Default)]
pub(super) struct Cache {
    room: u64,
    taken: u64,
    extents: BTreeMap<(u32, u64), Extent>,
    by_use: BTreeMap<u64, (u32, u64)>,
    clock: u64,
}

impl Cache {
    pub(super) fn new(room: u64) -> Self {
        Self { room, ..Self::default() }
    }

    /// Takes a piece up. The last one stays even if there is no room.
    pub(super) fn put(&mut self, segment: u32, at: u64, bytes: Bytes, read: bool) {
        self.forget((segment, at));
        self.taken += bytes.len() as u64;
        self.clock += 1;
        self.by_use.insert(self.clock, (segment, at));
        self.extents.insert((segment, at), Extent { bytes, used: self.clock, read });
        while self.taken > self.room
            && self.extents.len() > 1
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    /// The bytes of a piece from a place on, at least `len`; and whether they were read from the disk.
    pub(super) fn get(&mut self, segment: u32, at: u64, len: u64) -> Option<(Bytes, bool)> {
        let range = (segment, 0)..=(segment, at);
        let (key, extent) = self.extents.range_mut(range).next_back()?;
        let skip = usize::try_from(at - key.1).ok()?;
        if (extent.bytes.len() as u64) < skip as u64 + len {
            return None;
        }
        // Who reads on from piece to piece asks for many messages of the same one.
        if extent.used != self.clock {
            self.clock += 1;
            self.by_use.remove(&extent.used);
            self.by_use.insert(self.clock, *key);
            extent.used = self.clock;
        }
        Some((extent.bytes.slice(skip..), extent.read))
    }

    /// Drops the piece that holds a place.
    pub(super) fn drop_at(&mut self, segment: u32, at: u64) {
        let found = self.extents.range((segment, 0)..=(segment, at)).next_back();
        if let Some((key, _)) = found {
            self.forget(*key);
        }
    }

    pub(super) fn drop_segment(&mut self, segment: u32) {
        while let Some((key, _)) = self.extents.range((segment, 0)..=(segment, u64::MAX)).next() {
            self.forget(*key);
        }
    }

    fn forget(&mut self, key: (u32, u64)) {
        if let Some(gone) = self.extents.remove(&key) {
            self.by_use.remove(&gone.used);
            self.taken -= gone.bytes.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_of_no_use_for_the_longest_time_goes_first() {
        let mut cache = Cache::new(10);
        let piece = |text: &'static str| Bytes::from_static(text.as_bytes());
        cache.put(1, 0, piece("abcd"), false);
        cache.put(1, 4, piece("efgh"), true);
        assert_eq!(cache.get(1, 2, 2), Some((piece("cd"), false)));
        assert_eq!(cache.get(1, 2, 3), None, "a record lies within a piece");
        cache.put(2, 0, piece("ijkl"), true);
        assert_eq!(cache.get(1, 4, 1), None);
        assert_eq!(cache.get(1, 0, 4), Some((piece("abcd"), false)));
        cache.put(3, 0, piece("more than there is room for"), true);
        assert_eq!((cache.get(1, 0, 1), cache.get(2, 0, 1)), (None, None));
        assert!(cache.get(3, 5, 4).is_some());
        cache.drop_segment(3);
        assert_eq!((cache.get(3, 5, 4), cache.taken, cache.by_use.len()), (None, 0, 0));
    }
}
