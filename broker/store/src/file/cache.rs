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

impl Extent {
    /// Where it holds `len` bytes from a place on, if it does.
    fn find(&self, key: (u32, u64), segment: u32, at: u64, len: u64) -> Option<Found<'_>> {
        if key.0 != segment {
            return None;
        }
        let begin = usize::try_from(at.checked_sub(key.1)?).ok()?;
        let holds = begin as u64 + len <= self.bytes.len() as u64;
        holds.then_some(Found { piece: &self.bytes, begin, read: self.read })
    }
}

/// Bytes that are in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) piece: &'a Bytes,
    /// Where in it they begin.
    pub(super) begin: usize,
    /// They were read from the disk.
    pub(super) read: bool,
}

/// The piece that was of use last, which whoever reads on asks for many times.
#[derive(Debug)]
struct Last {
    key: (u32, u64),
    extent: Extent,
    /// Where the next piece begins. From there on that one counts: it may be newer.
    until: u64,
}

impl Last {
    fn find(&self, segment: u32, at: u64, len: u64) -> Option<Found<'_>> {
        if at < self.until { self.extent.find(self.key, segment, at, len) } else { None }
    }
}

/// Pieces by segment and place, as many as there is room for.
#[derive(Debug, Default)]
pub(super) struct Cache {
    room: u64,
    taken: u64,
    extents: BTreeMap<(u32, u64), Extent>,
    by_use: BTreeMap<u64, (u32, u64)>,
    last: Option<Last>,
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
        // It may begin within the last one.
        self.last = None;
        while self.taken > self.room
            && self.extents.len() > 1
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    /// The piece that holds `len` bytes from a place on.
    pub(super) fn get(&mut self, segment: u32, at: u64, len: u64) -> Option<Found<'_>> {
        if self.last.as_ref().is_none_or(|last| last.find(segment, at, len).is_none()) {
            let behind = (segment, at + 1)..=(segment, u64::MAX);
            let until = self.extents.range(behind).next().map_or(u64::MAX, |(key, _)| key.1);
            let range = (segment, 0)..=(segment, at);
            let (key, extent) = self.extents.range_mut(range).next_back()?;
            extent.find(*key, segment, at, len)?;
            self.clock += 1;
            self.by_use.remove(&extent.used);
            self.by_use.insert(self.clock, *key);
            extent.used = self.clock;
            self.last = Some(Last { key: *key, extent: extent.clone(), until });
        }
        self.last.as_ref()?.find(segment, at, len)
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
        if self.last.as_ref().is_some_and(|last| last.key == key) {
            self.last = None;
        }
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
        let get = |cache: &mut Cache, segment, at, len| {
            let found = cache.get(segment, at, len);
            found.map(|found| (found.piece.slice(found.begin..), found.read))
        };
        assert_eq!(get(&mut cache, 1, 2, 2), Some((piece("cd"), false)));
        assert_eq!(get(&mut cache, 1, 2, 3), None, "a record lies within a piece");
        cache.put(2, 0, piece("ijkl"), true);
        assert_eq!(get(&mut cache, 1, 4, 1), None);
        assert_eq!(get(&mut cache, 1, 0, 4), Some((piece("abcd"), false)));
        cache.put(3, 0, piece("more than there is room for"), true);
        assert_eq!((get(&mut cache, 1, 0, 1), get(&mut cache, 2, 0, 1)), (None, None));
        assert!(get(&mut cache, 3, 5, 4).is_some());
        cache.drop_segment(3);
        assert_eq!((get(&mut cache, 3, 5, 4), cache.taken, cache.by_use.len()), (None, 0, 0));
    }

    #[test]
    fn of_two_pieces_the_one_that_begins_nearer_counts() {
        let mut cache = Cache::new(100);
        let piece = |text: &'static str| Bytes::from_static(text.as_bytes());
        let get = |cache: &mut Cache, at| cache.get(1, at, 2).map(|found| found.read);
        // What was read reaches to where something was being written.
        cache.put(1, 0, piece("ab\0\0"), true);
        cache.put(1, 2, piece("cd"), false);
        assert_eq!([get(&mut cache, 0), get(&mut cache, 2)], [Some(true), Some(false)]);
        assert_eq!([get(&mut cache, 0), get(&mut cache, 2)], [Some(true), Some(false)]);
        cache.drop_at(1, 2);
        assert_eq!([get(&mut cache, 0), get(&mut cache, 2)], [Some(true), Some(true)]);
        cache.put(1, 2, piece("cd"), false);
        assert_eq!(get(&mut cache, 2), Some(false));
    }
}
