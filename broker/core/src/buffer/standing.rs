//! What a peer wants of the buffered subjects, whether or not it can be reached.
//!
//! ```text
//!             RS+                          connection lost
//!   ─────────────────────► current ──────────────────────────► frozen
//!                             ▲                                  │
//!                             │ RS+                              ├─ the same process is back and has told
//!                             │                                  │  all: what it did not tell is withdrawn
//!                             └──────────── awaited ◄────────────┘
//!                                              │       another process is back
//!                                              └─ nobody came for it in time: withdrawn
//! ```
//!
//! An entry knows in which *generation* of the peer it was announced, so a restart of this server
//! forgets nothing of this.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::LinkId;
use crate::interest::{Interest, Plan, RemoteIndex, Slot};

/// Who wants what, of all peers: they stand in these tables as links stand in those of accounts.
#[derive(Debug)]
pub(super) struct Tables {
    /// Everything.
    pub(super) wanted: Interest,
    /// What is awaited.
    pub(super) awaited: Interest,
}

/// What a peer wants: a subject, perhaps for a queue group.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Want {
    pub(super) subject: Vec<u8>,
    pub(super) queue: Option<Vec<u8>>,
}

/// How it stands with that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Members of the queue group.
    pub(super) weight: u32,
    /// In which generation of the peer it was last announced.
    pub(super) generation: u32,
    /// The connection on which it is announced now.
    link: Option<LinkId>,
}

/// What one peer wants.
#[derive(Debug)]
pub(super) struct Standing {
    /// The peer's number in the tables.
    slot: Slot,
    entries: BTreeMap<Want, Entry>,
    wanted: RemoteIndex,
    awaited: RemoteIndex,
    awaited_count: usize,
}

impl Standing {
    pub(super) fn new(slot: Slot) -> Self {
        Self {
            slot,
            entries: BTreeMap::new(),
            wanted: RemoteIndex::default(),
            awaited: RemoteIndex::default(),
            awaited_count: 0,
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Want, &Entry)> {
        self.entries.iter()
    }

    pub(super) fn knows(&self, want: &Want) -> bool {
        self.entries.contains_key(want)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How much is awaited.
    pub(super) const fn awaited(&self) -> usize {
        self.awaited_count
    }

    /// What a note says. Whoever is not known by `generation` any more is awaited.
    pub(super) fn restore(&mut self, tables: &mut Tables, want: Want, entry: (u32, u32), now: u32) {
        let (weight, generation) = entry;
        let queue = want.queue.as_deref().map(|name| (name, weight));
        tables.wanted.remote_subscribe(&mut self.wanted, self.slot, &want.subject, queue);
        if generation != now {
            self.await_one(tables, &want);
        }
        self.entries.insert(want, Entry { weight, generation, link: None });
    }

    /// The peer says that it wants this. Whether that is to be noted.
    pub(super) fn announced(
        &mut self,
        tables: &mut Tables,
        link: LinkId,
        want: &Want,
        weight: u32,
        generation: u32,
    ) -> bool {
        let queue = want.queue.as_deref().map(|name| (name, weight));
        tables.wanted.remote_subscribe(&mut self.wanted, self.slot, &want.subject, queue);
        let entry = Entry { weight, generation, link: Some(link) };
        let Some(before) = self.entries.get_mut(want).map(|old| core::mem::replace(old, entry))
        else {
            self.entries.insert(want.clone(), entry);
            return true;
        };
        if before.generation != generation {
            self.claim(tables, want);
        }
        before.weight != weight || before.generation != generation
    }

    /// It does not want it any more. Whether that is to be noted: what was not announced on this
    /// connection cannot be withdrawn there.
    pub(super) fn withdrawn(&mut self, tables: &mut Tables, link: LinkId, want: &Want) -> bool {
        if self.entries.get(want).is_none_or(|entry| entry.link != Some(link)) {
            return false;
        }
        self.remove(tables, want);
        true
    }

    /// A connection is gone: what was announced there is frozen.
    pub(super) fn freeze(&mut self, link: LinkId) {
        for entry in self.entries.values_mut().filter(|entry| entry.link == Some(link)) {
            entry.link = None;
        }
    }

    /// Another process of the peer is back, in this generation: everything is awaited.
    pub(super) fn await_all(&mut self, tables: &mut Tables) {
        let Self { slot, entries, awaited, awaited_count, .. } = self;
        for (want, entry) in entries {
            entry.link = None;
            let queue = want.queue.as_deref().map(|name| (name, 1));
            let new = tables.awaited.remote_subscribe(awaited, *slot, &want.subject, queue);
            *awaited_count += usize::from(new);
        }
    }

    /// The peer has told everything: what is frozen is withdrawn. Gives what that was.
    pub(super) fn told_all(&mut self, tables: &mut Tables, generation: u32) -> Vec<Want> {
        self.remove_where(tables, |entry| entry.link.is_none() && entry.generation == generation)
    }

    /// Nobody has come for what is awaited: it is withdrawn. Gives what that was.
    pub(super) fn give_up_awaited(&mut self, tables: &mut Tables, generation: u32) -> Vec<Want> {
        self.remove_where(tables, |entry| entry.link.is_none() && entry.generation != generation)
    }

    /// The peer is forgotten.
    pub(super) fn clear(&mut self, tables: &mut Tables) {
        self.remove_where(tables, |_| true);
    }

    fn remove_where(&mut self, tables: &mut Tables, which: impl Fn(&Entry) -> bool) -> Vec<Want> {
        let chosen = self.entries.iter().filter(|(_, entry)| which(entry));
        let chosen: Vec<Want> = chosen.map(|(want, _)| want.clone()).collect();
        chosen.iter().for_each(|want| self.remove(tables, want));
        chosen
    }

    fn remove(&mut self, tables: &mut Tables, want: &Want) {
        self.claim(tables, want);
        self.entries.remove(want);
        let queue = want.queue.as_deref();
        tables.wanted.remote_unsubscribe(&mut self.wanted, &want.subject, queue);
    }

    fn await_one(&mut self, tables: &mut Tables, want: &Want) {
        let queue = want.queue.as_deref().map(|name| (name, 1));
        let index = &mut self.awaited;
        let new = tables.awaited.remote_subscribe(index, self.slot, &want.subject, queue);
        self.awaited_count += usize::from(new);
    }

    /// It is not awaited any more.
    fn claim(&mut self, tables: &mut Tables, want: &Want) {
        let (index, queue) = (&mut self.awaited, want.queue.as_deref());
        if tables.awaited.remote_unsubscribe(index, &want.subject, queue) {
            self.awaited_count -= 1;
        }
    }
}

/// Whether a peer is among those who get a message: outside of queue groups, or for one of those
/// named.
pub(super) fn is_in<'a>(
    plan: &Plan,
    slot: Slot,
    mut queues: impl Iterator<Item = &'a [u8]>,
) -> bool {
    let in_group = |name: &[u8]| {
        let mut groups = plan.groups.iter().filter(|group| *group.name == *name);
        groups.any(|group| group.remotes.iter().any(|(remote, _)| *remote == slot))
    };
    plan.remotes.contains(&slot) || queues.any(in_group)
}

/// Whether a peer is anywhere in a plan.
pub(super) fn is_anywhere_in(plan: &Plan, slot: Slot) -> bool {
    is_in(plan, slot, plan.groups.iter().map(|group| &*group.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId { slot: 5, generation: 1 };
    const OTHER: LinkId = LinkId { slot: 6, generation: 1 };

    fn tables() -> Tables {
        Tables { wanted: Interest::new(1, b"$G"), awaited: Interest::new(2, b"$G") }
    }

    fn want(subject: &str) -> Want {
        Want { subject: subject.into(), queue: None }
    }

    fn wants(tables: &mut Tables, subject: &str) -> bool {
        is_anywhere_in(&tables.wanted.plan(subject.as_bytes()), 1)
    }

    fn awaits(tables: &mut Tables, subject: &str) -> bool {
        is_anywhere_in(&tables.awaited.plan(subject.as_bytes()), 1)
    }

    #[test]
    fn what_a_returning_process_does_not_tell_is_withdrawn() {
        let (mut tables, mut standing) = (tables(), Standing::new(1));
        assert!(standing.announced(&mut tables, LINK, &want("a.*"), 1, 0));
        assert!(standing.announced(&mut tables, LINK, &want("b"), 1, 0));
        standing.freeze(LINK);
        assert!(wants(&mut tables, "a.1") && !awaits(&mut tables, "a.1"));
        assert!(!standing.announced(&mut tables, OTHER, &want("a.*"), 1, 0), "nothing new");
        assert!(!standing.withdrawn(&mut tables, OTHER, &want("b")), "not announced there");
        assert_eq!(standing.told_all(&mut tables, 0), [want("b")]);
        assert!(wants(&mut tables, "a.1") && !wants(&mut tables, "b"));
        assert!(standing.withdrawn(&mut tables, OTHER, &want("a.*")));
        assert!(!wants(&mut tables, "a.1"));
    }

    #[test]
    fn what_another_process_does_not_tell_is_awaited_for_a_while() {
        let (mut tables, mut standing) = (tables(), Standing::new(1));
        standing.announced(&mut tables, LINK, &want("a.*"), 1, 0);
        let group = Want { subject: b"a.>".to_vec(), queue: Some(b"q".to_vec()) };
        standing.announced(&mut tables, LINK, &group, 2, 0);
        // The connection of the old process may not have been found dead.
        standing.await_all(&mut tables);
        assert_eq!(standing.awaited(), 2);
        assert!(standing.announced(&mut tables, OTHER, &want("a.*"), 1, 1), "another generation");
        assert!(standing.told_all(&mut tables, 1).is_empty());
        assert!(awaits(&mut tables, "a.1"), "the group has not come back");
        assert!(standing.announced(&mut tables, OTHER, &group, 1, 1));
        assert!(!awaits(&mut tables, "a.1"));
        standing.freeze(LINK);
        assert!(standing.told_all(&mut tables, 1).is_empty());
        standing.freeze(OTHER);
        standing.await_all(&mut tables);
        assert_eq!(standing.give_up_awaited(&mut tables, 2).len(), 2);
        assert!(!wants(&mut tables, "a.1") && standing.awaited() == 0 && standing.len() == 0);
    }

    #[test]
    fn a_restart_of_this_server_forgets_nothing() {
        let (mut tables, mut standing) = (tables(), Standing::new(1));
        standing.restore(&mut tables, want("old"), (1, 3), 4);
        standing.restore(&mut tables, want("new"), (1, 4), 4);
        assert!(wants(&mut tables, "old") && awaits(&mut tables, "old"));
        assert!(wants(&mut tables, "new") && !awaits(&mut tables, "new"));
        assert_eq!(standing.told_all(&mut tables, 4), [want("new")]);
        assert_eq!(standing.give_up_awaited(&mut tables, 4), [want("old")]);
    }
}
