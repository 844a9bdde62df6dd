//! Changes between what is read and what is durable.

use std::collections::BTreeMap;

use causeway_store::disk::{LogId, OpId};

/// A sync that is under way.
pub(super) type SyncId = (LogId, OpId);

/// Changes that are not durable yet, in order. A sync covers what there was when it began.
#[derive(Clone, Debug)]
pub(super) struct Unsynced<T> {
    changes: Vec<T>,
    /// How many of these the syncs cover that are under way.
    covered: BTreeMap<SyncId, usize>,
}

impl<T> Default for Unsynced<T> {
    fn default() -> Self {
        Self { changes: Vec::new(), covered: BTreeMap::new() }
    }
}

impl<T> Unsynced<T> {
    pub(super) fn push(&mut self, change: T) {
        self.changes.push(change);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.changes.iter()
    }

    /// A sync begins: it covers what has been changed by now.
    pub(super) fn sync_begins(&mut self, sync: SyncId) {
        self.covered.insert(sync, self.changes.len());
    }

    /// Takes what a sync covers that has ended: all, unless it is known when it began.
    pub(super) fn take_covered(&mut self, sync: SyncId) -> Vec<T> {
        let count = self.covered.remove(&sync).unwrap_or(self.changes.len());
        self.covered.values_mut().for_each(|other| *other = other.saturating_sub(count));
        self.changes.drain(..count).collect()
    }

    /// Takes everything: no sync will come any more.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.forget_syncs();
        std::mem::take(&mut self.changes)
    }

    /// Nobody waits for a sync any more.
    pub(super) fn forget_syncs(&mut self) {
        self.covered.clear();
    }
}
