//! Messages are recognised by their ids for a while: a second one with the same id is answered with
//! the sequence of the first.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use hashbrown::HashTable;

use crate::interest::KeyedHash;
use crate::time::Duration;

/// Ids of the messages of the last while, with their sequences.
#[derive(Debug)]
pub(crate) struct Dedupe {
    window: Duration,
    hash: KeyedHash,
    /// Numbers of entries, counted from the first that was ever made.
    table: HashTable<u64>,
    /// In the order of their times.
    entries: VecDeque<Entry>,
    /// The number of the first of `entries`.
    first: u64,
}

#[derive(Debug)]
struct Entry {
    id: Box<[u8]>,
    seq: u64,
    /// Wall time in ns.
    time: u64,
}

impl Dedupe {
    /// `hash_key` is secret, so that nobody can choose ids that collide.
    pub(crate) fn new(window: Duration, hash_key: u64) -> Self {
        Self {
            window,
            hash: KeyedHash::new(hash_key),
            table: HashTable::new(),
            entries: VecDeque::new(),
            first: 0,
        }
    }

    /// Another window, from now on.
    pub(crate) fn set_window(&mut self, window: Duration, now: u64) {
        self.window = window;
        self.forget_old(now);
    }

    /// Whether ids are looked at.
    pub(crate) fn is_on(&self) -> bool {
        !self.window.is_zero()
    }

    /// The sequence of the message with this id, if it is not older than the window.
    pub(crate) fn find(&mut self, id: &[u8], now: u64) -> Option<u64> {
        self.forget_old(now);
        let number =
            self.table.find(self.hash.bytes(id), |number| &*self.entry(*number).id == id)?;
        Some(self.entry(*number).seq)
    }

    /// Remembers the id of a message. Times do not decrease; an id that is known already keeps its
    /// first sequence.
    pub(crate) fn insert(&mut self, id: &[u8], seq: u64, time: u64) {
        if !self.is_on() || self.find(id, time).is_some() {
            return;
        }
        let number = self.first + self.entries.len() as u64;
        self.entries.push_back(Entry { id: id.into(), seq, time });
        let Self { table, entries, first, hash, .. } = self;
        let of = |number: u64| &entries[(number - *first) as usize].id;
        table.insert_unique(hash.bytes(id), number, |number| hash.bytes(of(*number)));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Everything is forgotten that is older than the window.
    fn forget_old(&mut self, now: u64) {
        let window = u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX);
        let horizon = now.saturating_sub(window);
        while self.entries.front().is_some_and(|entry| entry.time < horizon || window == 0) {
            let hash = self.hash.bytes(&self.entries[0].id);
            let first = self.first;
            if let Ok(entry) = self.table.find_entry(hash, |number| *number == first) {
                entry.remove();
            }
            self.entries.pop_front();
            self.first += 1;
        }
    }

    fn entry(&self, number: u64) -> &Entry {
        &self.entries[(number - self.first) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn an_id_is_known_for_as_long_as_the_window() {
        let mut dedupe = Dedupe::new(Duration::from_secs(2), 1);
        dedupe.insert(b"a", 7, 10 * SECOND);
        dedupe.insert(b"b", 8, 11 * SECOND);
        dedupe.insert(b"a", 9, 11 * SECOND);
        assert_eq!(dedupe.find(b"a", 12 * SECOND), Some(7), "the first sequence stays");
        assert_eq!(dedupe.find(b"a", 12 * SECOND + 1), None);
        assert_eq!(dedupe.find(b"b", 12 * SECOND + 1), Some(8));
        dedupe.set_window(Duration::from_secs(1), 13 * SECOND);
        assert_eq!((dedupe.find(b"b", 13 * SECOND), dedupe.len()), (None, 0));
    }

    #[test]
    fn without_a_window_nothing_is_remembered() {
        let mut dedupe = Dedupe::new(Duration::ZERO, 1);
        dedupe.insert(b"a", 1, SECOND);
        assert_eq!((dedupe.find(b"a", SECOND), dedupe.len()), (None, 0));
    }

    #[test]
    fn many_ids_come_and_go() {
        let mut dedupe = Dedupe::new(Duration::from_nanos(100), 3);
        for n in 0..10_000_u64 {
            dedupe.insert(&n.to_le_bytes(), n, n);
            assert_eq!(
                dedupe.find(&n.saturating_sub(100).to_le_bytes(), n),
                Some(n.saturating_sub(100))
            );
        }
        assert_eq!(dedupe.len(), 101);
    }
}
