//! Values under small numbers that are reused, and lists through them.

use alloc::vec::Vec;
use core::mem;
use core::ops::{Index, IndexMut};

/// No number: the end of a list, an empty head.
pub(super) const NIL: u32 = u32::MAX;

/// Values of a chunk. Growing by chunks moves nothing and never holds twice what is needed.
const CHUNK: usize = 512;

/// Values by number. Freed numbers are reused, the last one first.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Entry<T>>>,
    free: u32,
    len: usize,
}

#[derive(Debug)]
enum Entry<T> {
    Used(T),
    /// The next free number.
    Free(u32),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: NIL, len: 0 }
    }
}

impl<T> Slab<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a value in and gives its number.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if self.free != NIL {
            let number = self.free;
            let entry = self.entry_mut(number);
            let Entry::Free(next) = *entry else { panic!("the free list runs through a value") };
            *entry = Entry::Used(value);
            self.free = next;
            return number;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk grows on demand: most tables are small.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let chunk = self.chunks.len() - 1;
        let number = chunk * CHUNK + self.chunks[chunk].len();
        assert!(number < NIL as usize, "a table has fewer than 2^32 - 1 entries");
        self.chunks[chunk].push(Entry::Used(value));
        number as u32
    }

    /// Takes the value out and frees its number.
    ///
    /// # Panics
    /// If there is none: the tables disagree.
    pub(super) fn remove(&mut self, number: u32) -> T {
        let free = self.free;
        let entry = mem::replace(self.entry_mut(number), Entry::Free(free));
        let Entry::Used(value) = entry else { panic!("removed twice: {number}") };
        self.free = number;
        self.len -= 1;
        if self.len == 0 {
            // Give the memory back, but for what a single value coming and going needs.
            self.chunks.truncate(1);
            self.chunks[0].clear();
            self.free = NIL;
        }
        value
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        match self.chunks.get(number as usize / CHUNK)?.get(number as usize % CHUNK)? {
            Entry::Used(value) => Some(value),
            Entry::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        match self.chunks.get_mut(number as usize / CHUNK)?.get_mut(number as usize % CHUNK)? {
            Entry::Used(value) => Some(value),
            Entry::Free(_) => None,
        }
    }

    /// All values, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks.iter().flatten().zip(0..).filter_map(|(entry, number)| match entry {
            Entry::Used(value) => Some((number, value)),
            Entry::Free(_) => None,
        })
    }

    fn entry_mut(&mut self, number: u32) -> &mut Entry<T> {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        match self.get(number) {
            Some(value) => value,
            None => panic!("no entry {number}"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        match self.get_mut(number) {
            Some(value) => value,
            None => panic!("no entry {number}"),
        }
    }
}

/// Neighbours in a list. The first one's `previous` is the last one, so that a list is one number
/// and still grows at its end; the last one's `next` is [`NIL`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbours {
    pub(super) next: u32,
    pub(super) previous: u32,
}

impl Neighbours {
    pub(super) const NONE: Self = Self { next: NIL, previous: NIL };
}

/// A value that can be in one list.
pub(super) trait Listed {
    fn neighbours(&self) -> &Neighbours;
    fn neighbours_mut(&mut self) -> &mut Neighbours;
}

/// Puts `number` at the end of the list that begins at `head`.
pub(super) fn append<T: Listed>(slab: &mut Slab<T>, head: &mut u32, number: u32) {
    let mut own = Neighbours { next: NIL, previous: number };
    if *head == NIL {
        *head = number;
    } else {
        own.previous = mem::replace(&mut slab[*head].neighbours_mut().previous, number);
        slab[own.previous].neighbours_mut().next = number;
    }
    *slab[number].neighbours_mut() = own;
}

/// Takes `number` out of the list that begins at `head`.
pub(super) fn unlink<T: Listed>(slab: &mut Slab<T>, head: &mut u32, number: u32) {
    let Neighbours { next, previous } = *slab[number].neighbours();
    if *head == number {
        *head = next;
        if next != NIL {
            slab[next].neighbours_mut().previous = previous;
        }
    } else {
        slab[previous].neighbours_mut().next = next;
        let after = if next == NIL { *head } else { next };
        slab[after].neighbours_mut().previous = previous;
    }
    *slab[number].neighbours_mut() = Neighbours::NONE;
}

/// The list that begins at `head`, in order.
pub(super) fn walk<T: Listed>(slab: &Slab<T>, head: u32) -> impl Iterator<Item = (u32, &T)> {
    let mut number = head;
    core::iter::from_fn(move || {
        if number == NIL {
            return None;
        }
        let value = &slab[number];
        let item = (number, value);
        number = value.neighbours().next;
        Some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(Neighbours);

    impl Listed for Item {
        fn neighbours(&self) -> &Neighbours {
            &self.0
        }

        fn neighbours_mut(&mut self) -> &mut Neighbours {
            &mut self.0
        }
    }

    fn numbers(slab: &Slab<Item>, head: u32) -> Vec<u32> {
        walk(slab, head).map(|(number, _)| number).collect()
    }

    #[test]
    fn numbers_are_reused_last_freed_first() {
        let mut slab = Slab::default();
        let all: Vec<u32> = (0..1500).map(|value| slab.insert(value)).collect();
        assert_eq!(all, (0..1500).collect::<Vec<u32>>());
        assert_eq!((slab.remove(3), slab.remove(1400)), (3, 1400));
        assert_eq!((slab.get(3), slab.get(1400), slab.len()), (None, None, 1498));
        assert_eq!((slab.insert(7), slab.insert(8), slab.insert(9)), (1400, 3, 1500));
        assert_eq!(slab.iter().count(), 1501);
        assert_eq!(slab.iter().nth(3), Some((3, &8)));
        for (number, _) in all.iter().zip(0..).chain([(&1500, 0)]) {
            slab.remove(*number);
        }
        assert!(slab.is_empty());
        assert!(slab.chunks.len() <= 1, "an emptied slab gives its memory back");
        assert_eq!(slab.insert(1), 0);
    }

    #[test]
    #[should_panic(expected = "no entry 1")]
    fn a_freed_number_is_not_read() {
        let mut slab = Slab::default();
        slab.insert(1);
        slab.insert(2);
        slab.remove(1);
        assert_eq!(slab[1], 2);
    }

    #[test]
    fn lists_keep_the_order_of_insertion() {
        let mut slab = Slab::default();
        let mut head = NIL;
        for _ in 0..5 {
            let number = slab.insert(Item(Neighbours::NONE));
            append(&mut slab, &mut head, number);
        }
        assert_eq!(numbers(&slab, head), [0, 1, 2, 3, 4]);
        unlink(&mut slab, &mut head, 2);
        unlink(&mut slab, &mut head, 0);
        unlink(&mut slab, &mut head, 4);
        assert_eq!(numbers(&slab, head), [1, 3]);
        append(&mut slab, &mut head, 0);
        assert_eq!(numbers(&slab, head), [1, 3, 0]);
        for number in [3, 1, 0] {
            unlink(&mut slab, &mut head, number);
        }
        assert_eq!(head, NIL);
    }
}
