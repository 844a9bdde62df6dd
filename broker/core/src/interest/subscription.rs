//! Entries of the table, and the indexes by which their links find them.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::slab::{Listed, NIL, Neighbours, Slab};
use super::text::Text;

/// The slot of a link in the node's link table.
pub(crate) type Slot = u32;

/// Where subscriptions of the server itself are: no link has this slot.
pub(crate) const SERVICES: Slot = Slot::MAX;

/// A part of the server that subscribes like a client, and is called instead of being sent to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ServiceId(pub(crate) u32);

impl ServiceId {
    /// The sid of this service's subscription number `number`.
    pub(super) fn sid(self, number: u32) -> [u8; 8] {
        (u64::from(self.0) << 32 | u64::from(number)).to_be_bytes()
    }

    /// The service that a sid belongs to.
    pub(super) fn of(sid: &[u8]) -> Option<Self> {
        let bytes: [u8; 8] = sid.try_into().ok()?;
        Some(Self((u64::from_be_bytes(bytes) >> 32) as u32))
    }
}

/// A subscription of an [`Interest`](super::Interest), valid until it is removed; then the number
/// is reused.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SubId(pub(super) u32);

/// One subscription of a local client, or one interest of a remote.
///
/// Subject, queue group and sid are asked of the [`Interest`](super::Interest).
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Messages delivered so far. The table does not touch it.
    pub(crate) delivered: u64,
    /// Messages after which the subscription ends by itself; 0 is no limit. The table does not
    /// touch it.
    pub(crate) max: u64,
    pub(super) link: Slot,
    pub(super) pattern: u32,
    /// The queue group, or [`NIL`].
    pub(super) queue: u32,
    pub(super) neighbours: Neighbours,
    pub(super) owner: Owner,
}

const _: () = assert!(size_of::<Option<Subscription>>() == 48, "a free entry costs no tag");

/// What the subscription's owner knows it by.
#[derive(Debug)]
pub(super) enum Owner {
    /// A client, and the sid it gave: in place if short, as sids are.
    Client { len: u8, sid: [u8; SID_IN_PLACE] },
    /// A client with a long sid, which is kept elsewhere.
    LongSid(u32),
    /// A remote, with this many members behind it.
    Remote { weight: u32 },
}

pub(super) const SID_IN_PLACE: usize = 10;

impl Subscription {
    /// The link that it belongs to.
    pub(crate) const fn link(&self) -> Slot {
        self.link
    }

    /// Members behind this entry: 1, or the weight that a remote announced for a queue group.
    pub(crate) const fn weight(&self) -> u32 {
        match self.owner {
            Owner::Remote { weight } => weight,
            Owner::Client { .. } | Owner::LongSid(_) => 1,
        }
    }

    /// Whether it is interest of a remote.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self.owner, Owner::Remote { .. })
    }
}

impl Listed for Subscription {
    fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    fn neighbours_mut(&mut self) -> &mut Neighbours {
        &mut self.neighbours
    }
}

/// A queue group on one pattern. It exists as long as it has members.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Text,
    pub(super) pattern: u32,
    /// Local members.
    pub(super) locals: u32,
    pub(super) local_count: u32,
    /// Remotes with members.
    pub(super) remotes: u32,
    neighbours: Neighbours,
}

impl Listed for Queue {
    fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    fn neighbours_mut(&mut self) -> &mut Neighbours {
        &mut self.neighbours
    }
}

impl Queue {
    pub(super) fn new(pattern: u32, name: &[u8]) -> Self {
        Self {
            name: Text::new(name),
            pattern,
            locals: NIL,
            local_count: 0,
            remotes: NIL,
            neighbours: Neighbours::NONE,
        }
    }

    pub(super) const fn is_unused(&self) -> bool {
        self.locals == NIL && self.remotes == NIL
    }
}

/// Numbers of entries, found by a key that the entries themselves hold. Without entries it has no
/// allocation.
#[derive(Debug, Default)]
pub(super) struct Index {
    table: HashTable<u32>,
}

/// An index that falls empty keeps at most room for this many, so that one subscription coming and
/// going does not allocate each time.
const KEPT_WHEN_EMPTY: usize = 28;

impl Index {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.table.find(hash, |number| is(*number)).copied()
    }

    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        self.table.insert_unique(hash, number, |number| hash_of(*number));
    }

    /// # Panics
    /// If it is not there: the table and its index disagree.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        match self.table.find_entry(hash, |each| *each == number) {
            Ok(entry) => drop(entry.remove()),
            Err(_) => panic!("entry {number} is not in its index"),
        }
        if self.table.is_empty() && self.table.capacity() > KEPT_WHEN_EMPTY {
            self.table = HashTable::new();
        }
    }

    /// All numbers, ascending, and the index empty.
    pub(super) fn take(&mut self) -> Vec<u32> {
        let numbers = self.sorted();
        self.table = HashTable::new();
        numbers
    }

    /// All numbers, ascending.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.table.iter().copied().collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The subscriptions of one client link, by sid. The link keeps it; the entries and the sids are
/// in the [`Interest`](super::Interest) of its account.
#[derive(Debug, Default)]
pub(crate) struct SidIndex(pub(super) Index);

impl SidIndex {
    /// The client's subscriptions, by id.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SubId> + use<> {
        self.0.sorted().into_iter().map(SubId)
    }
}

/// The interest that one route link has told of one account, by subject and queue group. The link
/// keeps it.
#[derive(Debug, Default)]
pub(crate) struct RemoteIndex(pub(super) Index);

impl RemoteIndex {
    /// What the remote wants, by id.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SubId> + use<> {
        self.0.sorted().into_iter().map(SubId)
    }

    /// How many subjects and queue groups the remote wants.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Queue groups, by pattern and name.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) entries: Slab<Queue>,
    pub(super) index: Index,
}
