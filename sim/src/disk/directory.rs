//! Names, of which some are durable.

use std::collections::BTreeMap;

use super::Inode;
use super::unsynced::{SyncId, Unsynced};
use crate::rng::Stream;

/// A change of a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    /// The name leads to this file.
    Put(String, Inode),
    /// It leads nowhere.
    Remove(String),
    /// The second leads to where the first has led, and the first nowhere; both or neither.
    Rename(String, String, Inode),
}

/// A directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    now: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    /// What is between the two.
    changes: Unsynced<Entry>,
}

impl Directory {
    pub(super) fn change(&mut self, entry: Entry) {
        apply(&mut self.now, &entry);
        self.changes.push(entry);
    }

    pub(super) fn find(&self, name: &str) -> Option<Inode> {
        self.now.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.now.keys()
    }

    /// All files that have a name in one of the versions, or would have one if only some of the changes
    /// were kept.
    pub(super) fn files(&self) -> impl Iterator<Item = Inode> {
        let changed = self.changes.iter().filter_map(|change| match change {
            Entry::Put(_, file) | Entry::Rename(_, _, file) => Some(*file),
            Entry::Remove(_) => None,
        });
        self.now.values().chain(self.durable.values()).copied().chain(changed)
    }

    /// A sync begins: it covers what has been changed by now.
    pub(super) fn sync_begins(&mut self, sync: SyncId) {
        self.changes.sync_begins(sync);
    }

    /// A sync has ended: what it covers is durable.
    pub(super) fn sync(&mut self, sync: SyncId) {
        for entry in self.changes.take_covered(sync) {
            apply(&mut self.durable, &entry);
        }
    }

    /// Nobody waits for a sync any more.
    pub(super) fn forget_syncs(&mut self) {
        self.changes.forget_syncs();
    }

    /// The names that lead to a file.
    pub(super) fn names_of(&self, file: Inode) -> impl Iterator<Item = &String> {
        self.now.iter().filter(move |(_, found)| **found == file).map(|(name, _)| name)
    }

    /// Each change is there or not, by itself.
    pub(super) fn lose_power(&mut self, draws: &mut Stream) {
        for entry in self.changes.take_all() {
            if draws.below(2) == 0 {
                apply(&mut self.durable, &entry);
            }
        }
        self.now.clone_from(&self.durable);
    }
}

fn apply(names: &mut BTreeMap<String, Inode>, entry: &Entry) {
    match entry {
        Entry::Put(name, file) => {
            names.insert(name.clone(), *file);
        }
        Entry::Remove(name) => {
            names.remove(name);
        }
        Entry::Rename(from, to, file) => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
    }
}
