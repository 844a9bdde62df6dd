//! The connections of a shard, by slot.

use std::task::Waker;

use causeway_core::{CloseCause, LinkId, Mono};

/// One connection. Kept small: an idle one costs this, its task, and tokio's registration.
pub(super) struct Connection<S> {
    /// The socket.
    pub(super) stream: S,
    /// Wakes the connection's task; none before its first poll.
    pub(super) waker: Option<Waker>,
    /// The core asked not to read.
    pub(super) paused: bool,
    /// A write found the socket full; the task waits for it to become writable.
    pub(super) blocked: bool,
    /// Set once no more is read: what is left is written until then, and then it is closed.
    pub(super) leaving: Option<Leaving>,
}

/// How a connection that is being closed ends.
#[derive(Clone, Copy)]
pub(super) struct Leaving {
    /// The latest moment.
    pub(super) until: Mono,
    /// To be reported.
    pub(super) cause: CloseCause,
}

/// Connections in slots that are reused. The generation in a [`LinkId`] tells a slot's successive
/// tenants apart, so that a late event for the former one hits nobody.
pub(super) struct Table<S> {
    slots: Vec<Slot<S>>,
    free: Vec<u32>,
}

struct Slot<S> {
    /// Of the present tenant, or of the last one.
    generation: u32,
    tenant: Option<Connection<S>>,
}

impl<S> Table<S> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Takes a slot for a connection; `None` if there are as many as can be numbered.
    pub(super) fn insert(&mut self, stream: S) -> Option<LinkId> {
        let tenant =
            Some(Connection { stream, waker: None, paused: false, blocked: false, leaving: None });
        if let Some(slot) = self.free.pop() {
            let place = self.slots.get_mut(slot as usize)?;
            place.generation = place.generation.wrapping_add(1);
            place.tenant = tenant;
            return Some(LinkId { slot, generation: place.generation });
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot { generation: 0, tenant });
        Some(LinkId { slot, generation: 0 })
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Connection<S>> {
        let place = self.slots.get_mut(link.slot as usize)?;
        if place.generation != link.generation {
            return None;
        }
        place.tenant.as_mut()
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<Connection<S>> {
        let place = self.slots.get_mut(link.slot as usize)?;
        if place.generation != link.generation {
            return None;
        }
        let tenant = place.tenant.take()?;
        self.free.push(link.slot);
        Some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_is_another_link() {
        let mut table = Table::new();
        let a = table.insert('a').unwrap();
        let b = table.insert('b').unwrap();
        assert_eq!((a.slot, b.slot), (0, 1));
        assert_eq!(table.remove(a).unwrap().stream, 'a');
        assert!(table.remove(a).is_none(), "gone is gone");
        let c = table.insert('c').unwrap();
        assert_eq!(c.slot, a.slot, "slots stay dense");
        assert!(table.get_mut(a).is_none() && table.remove(a).is_none());
        assert_eq!(table.get_mut(c).unwrap().stream, 'c');
        assert_eq!(table.get_mut(b).unwrap().stream, 'b');
    }
}
