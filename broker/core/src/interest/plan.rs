//! Who gets a message: the outcome of a match, made ready for delivery.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use super::patterns::Places;
use super::subscription::{SERVICES, Slot, SubId};

/// Who gets a message on one published subject. Valid as long as
/// [`Interest::is_current`](super::Interest::is_current) says so; the subscriptions it names may
/// be gone after that.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The published subject.
    pub(crate) subject: Vec<u8>,
    /// Local subscriptions without a queue group: each gets the message.
    pub(crate) locals: Vec<Local>,
    /// No link is in `locals` twice.
    pub(crate) one_local_per_link: bool,
    /// Links to remotes with interest outside of queue groups, each once, ascending.
    pub(crate) remotes: Vec<Slot>,
    /// Queue groups, by name: one member of each gets the message.
    pub(crate) groups: Vec<Group>,
    /// A part of the server is among `locals`.
    pub(crate) has_services: bool,
    /// Whether it is worth keeping: the table keeps it too, and marks it when it becomes stale. One
    /// that is not is never current.
    pub(crate) cacheable: bool,
    /// The common beginning of all prefixes, then the other texts.
    text: Vec<u8>,
    /// Length of `HMSG subject `, with which `text` begins.
    head: usize,
    /// Where `RMSG account subject ` is in `text`, and the account's length.
    route: (usize, usize),
    account: usize,
    pub(super) hash: u64,
    pub(super) places: Places,
    /// Changes of the wildcard patterns at `places` before this match.
    pub(super) stamp: u64,
    /// Somebody who wants exactly this subject came or went, or nobody marks it any more.
    pub(super) stale: Cell<bool>,
    /// Asked for since the cache last looked for something to evict.
    pub(super) used: Cell<bool>,
}

/// One local subscription in a [`Plan`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Local {
    /// The subscription.
    pub(crate) sub: SubId,
    /// Its link.
    pub(crate) link: Slot,
    /// Length of its prefix in the plan's text.
    len: u32,
    /// The text is the sid alone: the beginning is shared.
    shared_head: bool,
    start: usize,
}

/// One queue group in a [`Plan`]: all members with that queue name, whatever pattern they
/// subscribed to (nats-server `sublist.go`, `addNodeToResults`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Group {
    /// The queue name.
    pub(crate) name: Vec<u8>,
    /// Local members.
    pub(crate) locals: Vec<Local>,
    /// Links to remotes with members, each once, ascending, with the number of members: at least
    /// 1. Weights of one remote for several matching patterns add up, as in nats-server. The sum of
    ///    all weights and local members fits in a `u32`; a weight that would exceed it is cut.
    pub(crate) remotes: Vec<(Slot, u32)>,
}

/// Prefixes of one plan are written out up to this sum of bytes. With many receivers of a long
/// subject, the further ones share the part up to the subject: otherwise a line of 4 KiB could make
/// us fill gigabytes.
const FULL_PREFIX_BYTES: usize = 256 << 10;

impl Plan {
    /// Nobody gets the message.
    pub(crate) fn is_empty(&self) -> bool {
        self.locals.is_empty() && self.remotes.is_empty() && self.groups.is_empty()
    }

    /// At most so many copies leave: one per local subscription, remote and queue group.
    pub(crate) fn receivers(&self) -> usize {
        self.locals.len() + self.remotes.len() + self.groups.len()
    }

    /// `HMSG subject sid `, as it precedes what follows the subject in HPUB. Without the first byte
    /// it is the prefix of MSG. It comes in two pieces; the first one is longer than that byte,
    /// the second one is usually empty.
    pub(crate) fn prefix(&self, local: &Local) -> [&[u8]; 2] {
        let own = &self.text[local.start..local.start + local.len as usize];
        if local.shared_head { [&self.text[..self.head], own] } else { [own, &[]] }
    }

    /// `RMSG account subject `; its letter R becomes H for a message with headers. A route that
    /// carries one account only leaves the account out; there `MSG subject ` is all there is to say.
    pub(crate) fn route_prefix(&self) -> &[u8] {
        &self.text[self.route.0..self.route.1]
    }

    /// `subject `, as it stands in every line that publishes to it.
    pub(crate) fn address(&self) -> &[u8] {
        &self.text[b"HMSG ".len()..self.head]
    }

    /// The account's name.
    pub(crate) fn account(&self) -> &[u8] {
        let start = self.route.0 + b"RMSG ".len();
        &self.text[start..start + self.account]
    }

    /// Starts over for another subject; keeps the allocations.
    pub(super) fn reset(&mut self, account: &[u8], subject: &[u8], spare: &mut SpareGroups) {
        self.subject.clear();
        self.subject.extend_from_slice(subject);
        self.locals.clear();
        self.has_services = false;
        self.remotes.clear();
        self.groups.drain(..).for_each(|group| spare.put(group));
        self.text.clear();
        for part in [b"HMSG ", subject, b" "] {
            self.text.extend_from_slice(part);
        }
        self.head = self.text.len();
        for part in [b"RMSG ", account, b" ", subject, b" "] {
            self.text.extend_from_slice(part);
        }
        self.route = (self.head, self.text.len());
        self.account = account.len();
    }

    /// Writes the prefix of a subscription.
    pub(super) fn local(&mut self, sub: SubId, link: Slot, sid: &[u8]) -> Local {
        self.has_services |= link == SERVICES;
        let start = self.text.len();
        let shared_head = start > FULL_PREFIX_BYTES;
        if !shared_head {
            self.text.extend_from_within(..self.head);
        }
        self.text.extend_from_slice(sid);
        self.text.push(b' ');
        // A protocol line is shorter than 4 GiB.
        Local { sub, link, len: (self.text.len() - start) as u32, shared_head, start }
    }

    /// Finds out whether every receiving link is in `locals` once. `links` is scratch memory.
    pub(super) fn count_links(&mut self, links: &mut Vec<Slot>) {
        let ascending = |links: &mut dyn Iterator<Item = Slot>| links.is_sorted_by(|a, b| a < b);
        self.one_local_per_link = ascending(&mut self.locals.iter().map(|local| local.link)) || {
            links.clear();
            links.extend(self.locals.iter().map(|local| local.link));
            links.sort_unstable();
            ascending(&mut links.iter().copied())
        };
    }

    /// A copy without spare capacity, for keeping.
    pub(super) fn compact(&self) -> Self {
        Self {
            subject: self.subject.clone(),
            locals: self.locals.clone(),
            remotes: self.remotes.clone(),
            groups: self.groups.clone(),
            text: self.text.clone(),
            stale: Cell::new(false),
            used: Cell::new(false),
            ..*self
        }
    }

    /// Memory it holds.
    pub(super) fn bytes(&self) -> usize {
        // The two counters are those of its Rc.
        size_of::<Self>()
            + 2 * size_of::<usize>()
            + allocated(&self.subject)
            + allocated(&self.locals)
            + allocated(&self.remotes)
            + allocated(&self.groups)
            + allocated(&self.text)
            + self.groups.iter().map(Group::bytes).sum::<usize>()
    }
}

fn allocated<T>(vec: &Vec<T>) -> usize {
    vec.capacity() * size_of::<T>()
}

impl Group {
    fn bytes(&self) -> usize {
        allocated(&self.name) + allocated(&self.locals) + allocated(&self.remotes)
    }

    /// Orders the remotes, adds up what one remote has, cuts sums that are too large; false if
    /// there is nobody.
    pub(super) fn settle(&mut self) -> bool {
        self.remotes.sort_unstable();
        self.remotes.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        let mut room = u32::MAX.saturating_sub(self.locals.len() as u32);
        for (_, weight) in &mut self.remotes {
            *weight = (*weight).min(room);
            room -= *weight;
        }
        self.remotes.retain(|(_, weight)| *weight > 0);
        !self.locals.is_empty() || !self.remotes.is_empty()
    }
}

/// Where matches that are not kept are made, again and again, without allocating.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    plan: Option<Rc<Plan>>,
    pub(super) links: Vec<Slot>,
    pub(super) groups: SpareGroups,
}

/// A scratch plan that has grown beyond this is not kept: few messages have so many receivers.
const SCRATCH_BYTES: usize = 4 << 20;

impl Scratch {
    /// Takes the plan to build in: a new one if somebody still holds the last. Follow with
    /// [`lend`](Self::lend).
    pub(super) fn take(&mut self) -> Rc<Plan> {
        match self.plan.take() {
            Some(plan) if Rc::strong_count(&plan) == 1 && plan.bytes() <= SCRATCH_BYTES => plan,
            Some(_) | None => Rc::default(),
        }
    }

    /// Takes the plan back, for the next match, and gives it out for this one.
    pub(super) fn lend(&mut self, plan: Rc<Plan>) -> Rc<Plan> {
        Rc::clone(self.plan.insert(plan))
    }
}

/// Memory of groups, for the next plan that has some.
#[derive(Debug, Default)]
pub(super) struct SpareGroups(Vec<Group>);

impl SpareGroups {
    const KEPT: usize = 64;
    const KEPT_BYTES_EACH: usize = 16 << 10;

    pub(super) fn take(&mut self, name: &[u8]) -> Group {
        let mut group = self.0.pop().unwrap_or_default();
        group.name.extend_from_slice(name);
        group
    }

    pub(super) fn put(&mut self, mut group: Group) {
        if self.0.len() < Self::KEPT && group.bytes() <= Self::KEPT_BYTES_EACH {
            group.name.clear();
            group.locals.clear();
            group.remotes.clear();
            self.0.push(group);
        }
    }
}
