//! The subjects of a log: a number for each, and where its first and last message are.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use causeway_wire::subject;
use hashbrown::HashTable;

use super::names::{Names, Place};
use super::sorted::Sorted;
use crate::hash::keyed;

/// At least so many numbers are out of use before any is used again.
const RENEW_AT_LEAST: usize = 64;

/// A subject.
#[derive(Clone, Debug)]
struct Subject {
    /// Sequence of the first message. Exact if there is any.
    first: u64,
    /// No message is behind this sequence.
    last: Cell<u64>,
    /// How many messages.
    count: u32,
    /// How many places of the index name it, those of removed messages included.
    places: u32,
    name: Place,
    /// Whether `last` is that of a message.
    last_exact: Cell<bool>,
}

/// All subjects.
///
/// A number is used again, but not at once: what has sorted subjects or remembers which ones match a
/// pattern looks at the numbers given since then ([`born`](Self::born)) as long as the
/// [`epoch`](Self::epoch) is the same, and begins anew in another one.
#[derive(Debug)]
pub(super) struct Subjects {
    key: u64,
    subjects: Vec<Subject>,
    table: HashTable<u32>,
    names: Names,
    /// The numbers in the order in which they were given in this epoch.
    born: Vec<u32>,
    /// Numbers that mean nothing any more.
    limbo: Vec<u32>,
    /// Numbers to be used again.
    free: Vec<u32>,
    epoch: u64,
    sorted: RefCell<Sorted>,
    /// How many of `born` are sorted.
    sorted_up_to: Cell<usize>,
    /// How many subjects have messages.
    in_use: u64,
}

impl Subjects {
    pub(super) fn new(key: u64) -> Self {
        Self {
            key,
            subjects: Vec::new(),
            table: HashTable::new(),
            names: Names::default(),
            born: Vec::new(),
            limbo: Vec::new(),
            free: Vec::new(),
            epoch: 0,
            sorted: RefCell::default(),
            sorted_up_to: Cell::new(0),
            in_use: 0,
        }
    }

    pub(super) fn in_use(&self) -> u64 {
        self.in_use
    }

    /// How many numbers there are, in use or not.
    pub(super) fn numbers(&self) -> usize {
        self.subjects.len()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn born(&self) -> &[u32] {
        &self.born
    }

    /// The subject's name; empty of a number that means nothing.
    pub(super) fn name(&self, id: u32) -> &[u8] {
        self.subjects.get(id as usize).map_or(&[], |subject| self.names.get(subject.name))
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        let hash = keyed(self.key, name);
        self.table.find(hash, |id| self.name(*id) == name).copied()
    }

    /// The number of a subject, which gets one if it has none.
    pub(super) fn intern(&mut self, name: &[u8]) -> u32 {
        let hash = keyed(self.key, name);
        let Self { subjects, names, table, .. } = self;
        let is = |id: &u32| {
            subjects.get(*id as usize).is_some_and(|subject| names.get(subject.name) == name)
        };
        if let Some(id) = table.find(hash, is) {
            return *id;
        }
        let subject = Subject {
            first: 0,
            last: Cell::new(0),
            count: 0,
            places: 0,
            name: self.names.put(name),
            last_exact: Cell::new(true),
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.subjects[id as usize] = subject;
                id
            }
            None => {
                self.subjects.push(subject);
                u32::try_from(self.subjects.len() - 1).expect("fewer than 2^32 subjects")
            }
        };
        self.born.push(id);
        let Self { key, subjects, names, table, .. } = self;
        table.insert_unique(hash, id, |id| keyed(*key, names.get(subjects[*id as usize].name)));
        id
    }

    /// A message of it was appended. Says where the last place of the subject is, if the index has it.
    pub(super) fn appended(&mut self, id: u32, seq: u64) -> Option<u64> {
        let subject = &mut self.subjects[id as usize];
        let before = (subject.places > 0).then_some(subject.last.get());
        if subject.count == 0 {
            subject.first = seq;
            self.in_use += 1;
        }
        subject.count += 1;
        subject.places += 1;
        subject.last.set(seq);
        subject.last_exact.set(true);
        before
    }

    /// A message of it was removed. Whether its first one has to be found.
    pub(super) fn removed(&mut self, id: u32, seq: u64) -> bool {
        let subject = &mut self.subjects[id as usize];
        assert!(subject.count > 0, "a message of the subject was there");
        subject.count -= 1;
        if subject.count == 0 {
            self.in_use -= 1;
        }
        if subject.last.get() == seq {
            subject.last_exact.set(false);
        }
        subject.count > 0 && subject.first == seq
    }

    pub(super) fn set_first(&mut self, id: u32, seq: u64) {
        self.subjects[id as usize].first = seq;
    }

    /// A place of the index that named it is gone.
    pub(super) fn forget_place(&mut self, id: u32) {
        let subject = &mut self.subjects[id as usize];
        subject.places -= 1;
        if subject.places > 0 {
            return;
        }
        let hash = keyed(self.key, self.names.get(subject.name));
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.limbo.push(id);
        if self.limbo.len() > self.table.len() + RENEW_AT_LEAST {
            self.renew();
        }
    }

    /// Begins an epoch, in which numbers out of use may be used again, and their names take no room.
    fn renew(&mut self) {
        self.epoch += 1;
        self.free.append(&mut self.limbo);
        let mut ids: Vec<u32> = self.table.iter().copied().collect();
        // Not the order of the table, which is that of hashes.
        ids.sort_unstable();
        let mut names = Names::default();
        for id in &ids {
            let place = &mut self.subjects[*id as usize].name;
            *place = names.put(self.names.get(*place));
        }
        self.names = names;
        self.born = ids;
        *self.sorted.get_mut() = Sorted::default();
        self.sorted_up_to.set(0);
    }

    pub(super) fn count(&self, id: u32) -> u64 {
        self.subjects.get(id as usize).map_or(0, |subject| subject.count.into())
    }

    pub(super) fn first(&self, id: u32) -> Option<u64> {
        let subject = self.subjects.get(id as usize)?;
        (subject.count > 0).then_some(subject.first)
    }

    /// No message of it is behind this; and whether one is there.
    pub(super) fn last(&self, id: u32) -> Option<(u64, bool)> {
        let subject = self.subjects.get(id as usize)?;
        (subject.count > 0).then(|| (subject.last.get(), subject.last_exact.get()))
    }

    /// This is the last message of it.
    pub(super) fn found_last(&self, id: u32, seq: u64) {
        let subject = &self.subjects[id as usize];
        subject.last.set(seq);
        subject.last_exact.set(true);
    }

    /// The subjects with messages that match a pattern, sorted by their names.
    pub(super) fn matching(&self, pattern: &[u8]) -> Vec<u32> {
        let mut found = self.matching_places(pattern);
        found.retain(|id| self.count(*id) > 0);
        found
    }

    /// The same, with those of which the index has only places of removed messages.
    pub(super) fn matching_places(&self, pattern: &[u8]) -> Vec<u32> {
        if subject::is_literal(pattern) {
            let found = self.find(pattern);
            return found.filter(|_| subject::has_only_full_tokens(pattern)).into_iter().collect();
        }
        self.sort();
        let mut found =
            self.sorted.borrow().with_prefix(literal_prefix(pattern), |id| self.name(id));
        found.retain(|id| subject::matches(pattern, self.name(*id)));
        found
    }

    fn sort(&self) {
        let fresh = &self.born[self.sorted_up_to.get()..];
        self.sorted.borrow_mut().add(fresh, |id| self.name(id));
        self.sorted_up_to.set(self.born.len());
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.subjects.capacity() * size_of::<Subject>()
            + self.table.capacity() * (size_of::<u32>() + 1)
            + (self.born.capacity() + self.limbo.capacity() + self.free.capacity()) * 4
            + self.sorted.borrow().memory()
            + self.names.memory()
    }
}

/// What every subject begins with that matches: the literal tokens before the first wildcard, and the
/// dot behind each.
fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let literal = |token: &&[u8]| !subject::is_wildcard(token);
    let len: usize =
        subject::tokens(pattern).take_while(literal).map(|token| token.len() + 1).sum();
    &pattern[..len.min(pattern.len())]
}
