//! Plans of subjects that are published again and again.
//!
//! A subject is admitted when it is seen for the second time in a while: with many subjects that
//! are published once, filling a cache costs more than the match it saves (performance notes,
//! section 4). What is too much is evicted by a clock: entries that nobody asked for since the last
//! round go first.
//!
//! Links keep plans too. An entry that leaves the cache, or whose exact subject gains or loses
//! interest, is marked stale, which its other holders see; changes of wildcard patterns are seen by
//! their stamps. So a plan that is neither is in the cache.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use hashbrown::HashTable;

use super::plan::Plan;

/// How much a cache may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheLimits {
    /// Subjects.
    pub(crate) entries: usize,
    /// Bytes of all plans together. A plan larger than a quarter is not cached.
    pub(crate) bytes: usize,
}

impl CacheLimits {
    /// Of an account, by default: 8,192 subjects, 32 MiB.
    pub(crate) const DEFAULT: Self = Self { entries: 8192, bytes: 32 << 20 };
}

/// Cached plans, by published subject.
#[derive(Debug)]
pub(super) struct Cache {
    limits: CacheLimits,
    table: HashTable<u32>,
    slots: Vec<Option<Rc<Plan>>>,
    free: Vec<u32>,
    /// The next slot that eviction looks at.
    hand: usize,
    bytes: usize,
    seen: Seen,
}

impl Cache {
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            seen: Seen::default(),
        }
    }

    pub(super) fn find(&self, hash: u64, subject: &[u8]) -> Option<u32> {
        let same = |slot: &u32| {
            self.slots[*slot as usize]
                .as_ref()
                .is_some_and(|plan| plan.hash == hash && plan.subject == subject)
        };
        self.table.find(hash, same).copied()
    }

    pub(super) fn get(&self, slot: u32) -> &Rc<Plan> {
        match &self.slots[slot as usize] {
            Some(plan) => plan,
            None => panic!("an empty slot was found"),
        }
    }

    /// Whether a subject is worth a place: it was asked for shortly before.
    pub(super) fn admits(&mut self, hash: u64) -> bool {
        self.seen.again(hash)
    }

    /// Whether a plan may be kept, by its size.
    pub(super) fn has_room_for(&self, plan: &Plan) -> bool {
        self.limits.entries > 0 && plan.bytes() <= self.limits.bytes / 4
    }

    /// Keeps a plan whose subject is not in the cache.
    pub(super) fn insert(&mut self, plan: Rc<Plan>) {
        let (hash, bytes) = (plan.hash, plan.bytes());
        self.make_room(bytes);
        self.bytes += bytes;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(plan);
                slot
            }
            None => {
                self.slots.push(Some(plan));
                (self.slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |slot| {
            slots[*slot as usize].as_ref().map_or(0, |plan| plan.hash)
        });
    }

    /// Takes an entry out and marks it stale.
    pub(super) fn remove(&mut self, slot: u32) -> Rc<Plan> {
        let Some(plan) = self.slots[slot as usize].take() else {
            panic!("an empty slot is emptied")
        };
        match self.table.find_entry(plan.hash, |each| *each == slot) {
            Ok(entry) => drop(entry.remove()),
            Err(_) => panic!("a cached plan is not in the table"),
        }
        self.free.push(slot);
        self.bytes -= plan.bytes();
        plan.stale.set(true);
        plan
    }

    /// Marks the entry of a subject stale. It keeps its place: its next match takes it over.
    pub(super) fn mark(&self, hash: impl FnOnce() -> u64, subject: &[u8]) {
        if self.table.is_empty() {
            return;
        }
        if let Some(slot) = self.find(hash(), subject) {
            self.get(slot).stale.set(true);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<Plan>> {
        self.slots.iter().flatten()
    }

    fn make_room(&mut self, bytes: usize) {
        while !self.table.is_empty()
            && (self.table.len() >= self.limits.entries || self.bytes + bytes > self.limits.bytes)
        {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let Some(plan) = &self.slots[self.hand] else { continue };
            if plan.stale.get() || !plan.used.replace(false) {
                self.remove(self.hand as u32);
            }
        }
    }

    /// Asserts that table, slots and sums agree, and that the limits hold.
    pub(super) fn check(&self) {
        let plans =
            || self.slots.iter().zip(0_u32..).filter_map(|(plan, at)| Some((plan.as_ref()?, at)));
        assert_eq!(plans().count(), self.table.len(), "one table entry per plan");
        assert_eq!(self.free.len() + self.table.len(), self.slots.len(), "free slots are known");
        assert_eq!(plans().map(|(plan, _)| plan.bytes()).sum::<usize>(), self.bytes);
        assert!(self.table.len() <= self.limits.entries && self.bytes <= self.limits.bytes);
        for (plan, slot) in plans() {
            assert_eq!(self.find(plan.hash, &plan.subject), Some(slot), "plans are found");
            assert!(plan.cacheable);
        }
    }
}

/// Remembers roughly what was seen lately: a fingerprint per place, overwritten by the next one.
#[derive(Debug, Default)]
struct Seen {
    /// Empty until first used.
    prints: Box<[u16]>,
}

impl Seen {
    const BITS: u32 = 12;

    /// Whether `hash` was here shortly before; remembers it.
    fn again(&mut self, hash: u64) -> bool {
        if self.prints.is_empty() {
            self.prints = alloc::vec![0; 1 << Self::BITS].into();
        }
        let print = (hash >> 48) as u16;
        let place = &mut self.prints[(hash >> 16) as usize & ((1 << Self::BITS) - 1)];
        let again = *place == print;
        *place = print;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(number: u64) -> Rc<Plan> {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let subject = number.to_le_bytes().to_vec();
        let mut plan = Plan::default();
        (plan.hash, plan.subject, plan.cacheable) = (hash, subject, true);
        Rc::new(plan)
    }

    fn holds(cache: &Cache, plan: &Plan) -> bool {
        cache.find(plan.hash, &plan.subject).is_some()
    }

    #[test]
    fn what_nobody_asks_for_goes_first_and_is_marked() {
        let mut cache = Cache::new(CacheLimits { entries: 4, bytes: 1 << 20 });
        let plans: Vec<Rc<Plan>> = (0..6).map(plan).collect();
        for (number, plan) in plans.iter().enumerate() {
            cache.insert(Rc::clone(plan));
            cache.check();
            if number < 2 {
                plan.used.set(true);
            }
        }
        let held: Vec<bool> = plans.iter().map(|plan| holds(&cache, plan)).collect();
        let stale: Vec<bool> = plans.iter().map(|plan| plan.stale.get()).collect();
        assert_eq!(held, [true, true, false, false, true, true]);
        assert_eq!(stale, [false, false, true, true, false, false]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let each = plan(0).bytes() + 8;
        let mut cache = Cache::new(CacheLimits { entries: 100, bytes: 10 * each });
        for number in 0..50 {
            cache.insert(plan(number));
            cache.check();
        }
        assert!((9..=10).contains(&cache.iter().count()), "{}", cache.iter().count());
        let mut large = Plan::default();
        assert!(cache.has_room_for(&large));
        large.subject = alloc::vec![b'x'; 3 * each];
        assert!(!cache.has_room_for(&large), "one plan does not displace all others");
    }

    #[test]
    fn the_second_sight_admits() {
        let mut cache = Cache::new(CacheLimits::DEFAULT);
        let hashes: Vec<u64> = (1..100).map(|number| plan(number).hash).collect();
        let first = hashes.iter().filter(|hash| cache.admits(**hash)).count();
        let second = hashes.iter().filter(|hash| cache.admits(**hash)).count();
        assert_eq!(first, 0);
        assert!(second > 90, "few of them share a place: {second}");
    }
}
