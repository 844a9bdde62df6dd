//! Interest: who wants a subject, per account.
//!
//! An [`Interest`] holds the subscriptions of local client links and what remotes have told over
//! route links that they want. Asked for a published subject it answers with a [`Plan`]: who gets
//! the message, with the bytes that precede it on each link ready made.
//!
//! ```text
//! subscribe, remote_subscribe, ...          plan(subject)
//!            |                                    |
//!            v                                    v
//!  subscriptions ---- lists ---- patterns <---- cache ---> Rc<Plan>
//!  (slab, 48 B each)             (one flat table)    (second sight; marked when stale)
//! ```
//!
//! * A pattern is a subscribed subject, literal or with wildcards; it lives as long as somebody
//!   wants it. Its subscribers hang on it in lists: local ones, remotes, and queue groups, which
//!   have lists of their own.
//! * A link finds its subscriptions by an index that it keeps itself ([`SidIndex`],
//!   [`RemoteIndex`]) and that holds nothing but numbers.
//! * Everything is O(1) in the number of subscriptions, but for what walks over all of a link's.
//! * Results have an order that does not depend on the hash key: by pattern, in the order that
//!   nats-server delivers in, then in that of subscription.
//!
//! Subjects are taken as they come: what is not a valid subscription matches nothing, what is not a
//! valid subject to publish to is matched as nats-server does (`*` and `>` are literal tokens, an
//! empty token matches nothing; nats-protocols.md 3.6).

mod announce;
mod cache;
mod check;
mod hash;
mod patterns;
mod plan;
mod slab;
mod subscription;
#[cfg(test)]
mod tests;
mod text;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::mem;

use cache::Cache;
pub(crate) use cache::CacheLimits;
pub(crate) use hash::KeyedHash;
use patterns::{Outline, Patterns, Scan};
use plan::Scratch;
pub(crate) use plan::{Group, Local, Plan};
use slab::{NIL, Neighbours, Slab, append, unlink, walk};
use subscription::{Owner, Queue, Queues, SID_IN_PLACE};
pub(crate) use subscription::{
    RemoteIndex, SERVICES, ServiceId, SidIndex, Slot, SubId, Subscription,
};

pub(crate) use announce::Announcement;

use crate::monitor::InterestReport;

/// Who wants what in one account.
#[derive(Debug)]
pub(crate) struct Interest {
    account: Box<[u8]>,
    hash: KeyedHash,
    patterns: Patterns,
    queues: Queues,
    subscriptions: Slab<Subscription>,
    /// Sids that are too long to be in the subscription.
    long_sids: Slab<Box<[u8]>>,
    cache: Cache,
    scratch: Scratch,
    scan: Scan,
    outline: Outline,
    /// Queue groups that match, in the order of their patterns, while a plan is made.
    matched: Vec<(u32, usize)>,
    inserts: u64,
    removes: u64,
    matches: u64,
    cache_hits: u64,
}

impl Interest {
    /// Nobody wants anything. `hash_key` is secret in production, so that peers cannot choose
    /// subjects that collide; it decides about speed only, never about a result.
    pub(crate) fn new(hash_key: u64, account: &[u8]) -> Self {
        Self::with_cache(hash_key, account, CacheLimits::DEFAULT)
    }

    /// With other limits for the cache; no entries are no cache.
    pub(crate) fn with_cache(hash_key: u64, account: &[u8], limits: CacheLimits) -> Self {
        Self {
            account: account.into(),
            hash: KeyedHash::new(hash_key),
            patterns: Patterns::default(),
            queues: Queues::default(),
            subscriptions: Slab::default(),
            long_sids: Slab::default(),
            cache: Cache::new(limits),
            scratch: Scratch::default(),
            scan: Scan::default(),
            outline: Outline::default(),
            matched: Vec::new(),
            inserts: 0,
            removes: 0,
            matches: 0,
            cache_hits: 0,
        }
    }

    /// Adds a client's subscription. `None` if the sid is in use: the first one stays, as in
    /// nats-server. `announce` gets what peers must be told.
    pub(crate) fn subscribe(
        &mut self,
        index: &mut SidIndex,
        link: Slot,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
        announce: &mut dyn FnMut(Announcement<'_>),
    ) -> Option<SubId> {
        let hash = self.hash.bytes(sid);
        if index.0.find(hash, |number| self.sid(SubId(number)) == sid).is_some() {
            return None;
        }
        let owner = self.own(sid);
        let (pattern, queue) = self.enter(subject, queue);
        let number = self.add(link, pattern, queue, owner);
        index.0.insert(hash, number, |number| self.hash.bytes(self.sid(SubId(number))));
        self.announce_local(pattern, queue, true, announce);
        Some(SubId(number))
    }

    /// The client's subscription with this sid.
    pub(crate) fn find(&self, index: &SidIndex, sid: &[u8]) -> Option<SubId> {
        let is = |number| self.sid(SubId(number)) == sid;
        index.0.find(self.hash.bytes(sid), is).map(SubId)
    }

    /// Removes a client's subscription.
    ///
    /// # Panics
    /// If it is not one of `index`: a bug of the caller.
    pub(crate) fn unsubscribe(
        &mut self,
        index: &mut SidIndex,
        id: SubId,
        announce: &mut dyn FnMut(Announcement<'_>),
    ) {
        index.0.remove(self.hash.bytes(self.sid(id)), id.0);
        self.remove_local(id.0, announce);
    }

    /// Removes all subscriptions of a client, in the order of their ids.
    pub(crate) fn drop_client(
        &mut self,
        index: &mut SidIndex,
        announce: &mut dyn FnMut(Announcement<'_>),
    ) {
        for number in index.0.take() {
            self.remove_local(number, announce);
        }
    }

    /// Adds subscription number `number` of a service. `index` is that of all services.
    pub(crate) fn serve(
        &mut self,
        index: &mut SidIndex,
        service: ServiceId,
        number: u32,
        subject: &[u8],
        announce: &mut dyn FnMut(Announcement<'_>),
    ) {
        self.subscribe(index, SERVICES, subject, None, &service.sid(number), announce);
    }

    /// Removes subscription number `number` of a service; false if there is none.
    pub(crate) fn stop_serving(
        &mut self,
        index: &mut SidIndex,
        service: ServiceId,
        number: u32,
        announce: &mut dyn FnMut(Announcement<'_>),
    ) -> bool {
        let Some(id) = self.find(index, &service.sid(number)) else { return false };
        self.unsubscribe(index, id, announce);
        true
    }

    /// The service behind a local subscription in [`SERVICES`].
    pub(crate) fn service(&self, id: SubId) -> Option<ServiceId> {
        ServiceId::of(self.sid(id))
    }

    /// Notes that a remote wants a subject; `queue` is a queue group with the number of its members
    /// there (a weight of 0 is kept, and never chosen). Saying it again updates the weight. True if
    /// something has changed.
    pub(crate) fn remote_subscribe(
        &mut self,
        index: &mut RemoteIndex,
        link: Slot,
        subject: &[u8],
        queue: Option<(&[u8], u32)>,
    ) -> bool {
        let weight = queue.map_or(1, |(_, weight)| weight);
        let (pattern, queue) = self.enter(subject, queue.map(|(name, _)| name));
        let hash = self.hash.numbers(pattern, queue);
        if let Some(number) = index.0.find(hash, self.is_of(pattern, queue)) {
            let owner = &mut self.subscriptions[number].owner;
            if matches!(owner, Owner::Remote { weight: known } if *known == weight) {
                return false;
            }
            *owner = Owner::Remote { weight };
            self.touch(pattern);
            return true;
        }
        let number = self.add(link, pattern, queue, Owner::Remote { weight });
        index.0.insert(hash, number, |number| {
            let subscription = &self.subscriptions[number];
            self.hash.numbers(subscription.pattern, subscription.queue)
        });
        true
    }

    /// Notes that a remote no longer wants a subject. False if it did not want it.
    pub(crate) fn remote_unsubscribe(
        &mut self,
        index: &mut RemoteIndex,
        subject: &[u8],
        queue: Option<&[u8]>,
    ) -> bool {
        let Some((pattern, queue)) = self.look_up(subject, queue) else { return false };
        let hash = self.hash.numbers(pattern, queue);
        let Some(number) = index.0.find(hash, self.is_of(pattern, queue)) else { return false };
        index.0.remove(hash, number);
        self.remove(number);
        true
    }

    /// Forgets everything that a remote wanted.
    pub(crate) fn drop_remote(&mut self, index: &mut RemoteIndex) {
        for number in index.0.take() {
            self.remove(number);
        }
    }

    /// # Panics
    /// If it is gone: a bug of the caller.
    pub(crate) fn subscription(&self, id: SubId) -> &Subscription {
        &self.subscriptions[id.0]
    }

    /// # Panics
    /// If it is gone: a bug of the caller.
    pub(crate) fn subscription_mut(&mut self, id: SubId) -> &mut Subscription {
        &mut self.subscriptions[id.0]
    }

    /// The subject as it was subscribed to.
    pub(crate) fn subject(&self, id: SubId) -> &[u8] {
        self.patterns.get(self.subscriptions[id.0].pattern).subject.as_slice()
    }

    /// The queue group.
    pub(crate) fn queue(&self, id: SubId) -> Option<&[u8]> {
        match self.subscriptions[id.0].queue {
            NIL => None,
            queue => Some(self.queues.entries[queue].name.as_slice()),
        }
    }

    /// The client's sid; empty for a remote.
    pub(crate) fn sid(&self, id: SubId) -> &[u8] {
        match &self.subscriptions[id.0].owner {
            Owner::Client { len, sid } => &sid[..usize::from(*len)],
            Owner::LongSid(sid) => &self.long_sids[*sid],
            Owner::Remote { .. } => b"",
        }
    }
}

/// Matching.
impl Interest {
    /// Who gets a message that is published on `subject`. Drop the answer before the next question,
    /// or keep it if it is `cacheable`: then ask [`is_current`](Self::is_current) before each use.
    pub(crate) fn plan(&mut self, subject: &[u8]) -> Rc<Plan> {
        self.matches += 1;
        let hash = self.hash.bytes(subject);
        if let Some(slot) = self.cache.find(hash, subject) {
            if self.is_current(self.cache.get(slot)) {
                self.cache_hits += 1;
                return Rc::clone(self.cache.get(slot));
            }
            // Its subject has earned the place already. Unless somebody holds the old answer, the
            // new one is made in its memory.
            let mut plan = self.cache.remove(slot);
            if let Some(inner) = Rc::get_mut(&mut plan) {
                self.build(inner, hash, subject);
                return self.keep(plan);
            }
            return self.plan_in_scratch(hash, subject, true);
        }
        let admitted = self.cache.admits(hash);
        self.plan_in_scratch(hash, subject, admitted)
    }

    /// The same for somebody who asks for one subject again and again, and keeps the last answer.
    pub(crate) fn plan_again(&mut self, subject: &[u8], last: &mut Option<Rc<Plan>>) -> Rc<Plan> {
        if let Some(plan) = last
            && &*plan.subject == subject
            && self.is_current(plan)
        {
            return Rc::clone(plan);
        }
        let plan = self.plan(subject);
        *last = plan.cacheable.then(|| Rc::clone(&plan));
        plan
    }

    /// The same, as if nobody had ever asked.
    pub(crate) fn plan_anew(&mut self, subject: &[u8]) -> Rc<Plan> {
        self.matches += 1;
        let hash = self.hash.bytes(subject);
        self.plan_in_scratch(hash, subject, false)
    }

    /// Whether a plan that was kept still says who gets a message on its subject.
    pub(crate) fn is_current(&self, plan: &Plan) -> bool {
        let current = !plan.stale.get() && plan.stamp == self.patterns.stamp(plan.places);
        if current && !plan.used.get() {
            plan.used.set(true);
        }
        current
    }

    /// All subscriptions and remote interest that match a published subject, by id.
    pub(crate) fn matching(&self, subject: &[u8]) -> Vec<SubId> {
        let mut scan = Scan::default();
        self.patterns.scan(&self.hash, subject, &mut scan);
        let mut found = Vec::new();
        for hit in scan.hits {
            let pattern = self.patterns.get(hit);
            let queues = walk(&self.queues.entries, pattern.queues);
            let lists = queues.flat_map(|(_, queue)| [queue.locals, queue.remotes]);
            for list in [pattern.plain, pattern.remotes].into_iter().chain(lists) {
                found.extend(walk(&self.subscriptions, list).map(|(number, _)| SubId(number)));
            }
        }
        found.sort_unstable();
        found
    }

    fn plan_in_scratch(&mut self, hash: u64, subject: &[u8], admitted: bool) -> Rc<Plan> {
        let mut plan = self.scratch.take();
        let Some(inner) = Rc::get_mut(&mut plan) else { panic!("the scratch plan is shared") };
        self.build(inner, hash, subject);
        if admitted && self.cache.has_room_for(inner) {
            let kept = Rc::new(inner.compact());
            self.scratch.lend(plan);
            return self.keep(kept);
        }
        inner.cacheable = false;
        inner.stale.set(true);
        self.scratch.lend(plan)
    }

    fn keep(&mut self, plan: Rc<Plan>) -> Rc<Plan> {
        self.cache.insert(Rc::clone(&plan));
        plan
    }

    /// Makes `plan` the answer for `subject`.
    fn build(&mut self, plan: &mut Plan, hash: u64, subject: &[u8]) {
        let mut scan = mem::take(&mut self.scan);
        self.patterns.scan(&self.hash, subject, &mut scan);
        plan.reset(&self.account, subject, &mut self.scratch.groups);
        plan.hash = hash;
        plan.places = scan.places;
        plan.stamp = self.patterns.stamp(scan.places);
        plan.cacheable = true;
        plan.stale.set(false);
        plan.used.set(false);
        self.matched.clear();
        for hit in &scan.hits {
            let pattern = self.patterns.get(*hit);
            for (number, subscription) in walk(&self.subscriptions, pattern.plain) {
                let local = plan.local(SubId(number), subscription.link, self.sid(SubId(number)));
                plan.locals.push(local);
            }
            let remotes = walk(&self.subscriptions, pattern.remotes);
            plan.remotes.extend(remotes.map(|(_, subscription)| subscription.link));
            let queues = walk(&self.queues.entries, pattern.queues);
            self.matched.extend(queues.map(|(number, _)| number).zip(self.matched.len()..));
        }
        plan.remotes.sort_unstable();
        plan.remotes.dedup();
        plan.count_links(&mut self.scratch.links);
        self.scan = scan;
        self.build_groups(plan);
    }

    fn build_groups(&mut self, plan: &mut Plan) {
        if self.matched.is_empty() {
            return;
        }
        let mut matched = mem::take(&mut self.matched);
        // Those of one name come together, in the order of their patterns.
        let name = |queue: u32| self.queues.entries[queue].name.as_slice();
        matched.sort_unstable_by(|one, other| (name(one.0), one.1).cmp(&(name(other.0), other.1)));
        for same in matched.chunk_by(|one, other| name(one.0) == name(other.0)) {
            let mut group = self.scratch.groups.take(name(same[0].0));
            for (queue, _) in same {
                let queue = &self.queues.entries[*queue];
                for (number, subscription) in walk(&self.subscriptions, queue.locals) {
                    let id = SubId(number);
                    group.locals.push(plan.local(id, subscription.link, self.sid(id)));
                }
                let remotes = walk(&self.subscriptions, queue.remotes);
                group.remotes.extend(remotes.map(|(_, remote)| (remote.link, remote.weight())));
            }
            if group.settle() {
                plan.groups.push(group);
            } else {
                self.scratch.groups.put(group);
            }
        }
        self.matched = matched;
    }
}

/// The tables behind.
impl Interest {
    /// Whether a subscription is the one for this pattern and queue group.
    fn is_of(&self, pattern: u32, queue: u32) -> impl Fn(u32) -> bool {
        move |number| {
            let subscription = &self.subscriptions[number];
            subscription.pattern == pattern && subscription.queue == queue
        }
    }

    fn own(&mut self, sid: &[u8]) -> Owner {
        let mut short = [0; SID_IN_PLACE];
        match short.get_mut(..sid.len()) {
            Some(start) => {
                start.copy_from_slice(sid);
                Owner::Client { len: sid.len() as u8, sid: short }
            }
            None => Owner::LongSid(self.long_sids.insert(sid.into())),
        }
    }

    /// Pattern and queue group, if somebody wants them.
    fn look_up(&mut self, subject: &[u8], queue: Option<&[u8]>) -> Option<(u32, u32)> {
        self.outline.draw(&self.hash, subject);
        let pattern = self.patterns.find(&self.outline, subject)?;
        let queue = match queue {
            None => NIL,
            Some(name) => {
                self.find_queue(self.hash.number_and_bytes(pattern, name), pattern, name)?
            }
        };
        Some((pattern, queue))
    }

    fn find_queue(&self, hash: u64, pattern: u32, name: &[u8]) -> Option<u32> {
        self.queues.index.find(hash, |number| {
            let queue = &self.queues.entries[number];
            queue.pattern == pattern && queue.name.as_slice() == name
        })
    }

    /// Finds pattern and queue group, or makes them. Follow with [`add`](Self::add).
    fn enter(&mut self, subject: &[u8], queue: Option<&[u8]>) -> (u32, u32) {
        self.outline.draw(&self.hash, subject);
        let pattern = self.patterns.enter(&self.outline, subject);
        let Some(name) = queue else { return (pattern, NIL) };
        let hash = self.hash.number_and_bytes(pattern, name);
        if let Some(queue) = self.find_queue(hash, pattern, name) {
            return (pattern, queue);
        }
        let Queues { entries, index } = &mut self.queues;
        let number = entries.insert(Queue::new(pattern, name));
        append(entries, &mut self.patterns.get_mut(pattern).queues, number);
        index.insert(hash, number, |number| {
            let queue = &entries[number];
            self.hash.number_and_bytes(queue.pattern, queue.name.as_slice())
        });
        (pattern, number)
    }

    /// Adds a subscription to its pattern or queue group, after [`enter`](Self::enter).
    fn add(&mut self, link: Slot, pattern: u32, queue: u32, owner: Owner) -> u32 {
        let neighbours = Neighbours::NONE;
        let subscription =
            Subscription { delivered: 0, max: 0, link, pattern, queue, neighbours, owner };
        let is_remote = subscription.is_remote();
        let number = self.subscriptions.insert(subscription);
        append(
            &mut self.subscriptions,
            Self::list(&mut self.patterns, &mut self.queues, pattern, queue, is_remote),
            number,
        );
        if queue != NIL && !is_remote {
            self.queues.entries[queue].local_count += 1;
        }
        self.inserts += 1;
        self.touch(pattern);
        number
    }

    fn remove_local(&mut self, number: u32, announce: &mut dyn FnMut(Announcement<'_>)) {
        let subscription = &self.subscriptions[number];
        assert!(!subscription.is_remote(), "interest of a remote is not in a client's index");
        let (pattern, queue) = (subscription.pattern, subscription.queue);
        self.detach(number);
        self.announce_local(pattern, queue, false, announce);
        self.release(pattern, queue);
    }

    fn remove(&mut self, number: u32) {
        let subscription = &self.subscriptions[number];
        let (pattern, queue) = (subscription.pattern, subscription.queue);
        self.detach(number);
        self.release(pattern, queue);
    }

    /// Takes a subscription out of the table. Its pattern stays, even if nobody wants it any more;
    /// follow with [`release`](Self::release).
    fn detach(&mut self, number: u32) {
        let subscription = &self.subscriptions[number];
        let (pattern, queue) = (subscription.pattern, subscription.queue);
        let is_remote = subscription.is_remote();
        unlink(
            &mut self.subscriptions,
            Self::list(&mut self.patterns, &mut self.queues, pattern, queue, is_remote),
            number,
        );
        if queue != NIL && !is_remote {
            self.queues.entries[queue].local_count -= 1;
        }
        if let Owner::LongSid(sid) = self.subscriptions.remove(number).owner {
            self.long_sids.remove(sid);
        }
        self.removes += 1;
        self.outline.draw(&self.hash, self.patterns.get(pattern).subject.as_slice());
        self.touch(pattern);
    }

    /// Frees queue group and pattern if nobody wants them any more.
    fn release(&mut self, pattern: u32, queue: u32) {
        if queue != NIL && self.queues.entries[queue].is_unused() {
            let Queues { entries, index } = &mut self.queues;
            let name = entries[queue].name.as_slice();
            index.remove(self.hash.number_and_bytes(pattern, name), queue);
            unlink(entries, &mut self.patterns.get_mut(pattern).queues, queue);
            entries.remove(queue);
        }
        if self.patterns.get(pattern).is_unused() {
            // The outline is that of this pattern since `detach`.
            self.patterns.remove(&self.outline, pattern);
        }
    }

    /// The list that a subscription belongs to.
    fn list<'a>(
        patterns: &'a mut Patterns,
        queues: &'a mut Queues,
        pattern: u32,
        queue: u32,
        is_remote: bool,
    ) -> &'a mut u32 {
        if queue == NIL {
            let pattern = patterns.get_mut(pattern);
            if is_remote { &mut pattern.remotes } else { &mut pattern.plain }
        } else {
            let queue = &mut queues.entries[queue];
            if is_remote { &mut queue.remotes } else { &mut queue.locals }
        }
    }

    /// Makes the cached answers stale that a change of this pattern may concern. The outline is
    /// that of the pattern.
    fn touch(&mut self, pattern: u32) {
        if !self.patterns.touch(&self.outline) {
            let subject = self.patterns.get(pattern).subject.as_slice();
            self.cache.mark(|| self.hash.bytes(subject), subject);
        }
    }
}

/// Reports.
impl Interest {
    /// Sizes and counters.
    pub(crate) fn report(&self) -> InterestReport {
        let mut report = InterestReport {
            subscriptions: self.subscriptions.len() as u64,
            inserts: self.inserts,
            removes: self.removes,
            matches: self.matches,
            cache_hits: self.cache_hits,
            ..InterestReport::default()
        };
        for plan in self.cache.iter() {
            if !plan.stale.get() && plan.stamp == self.patterns.stamp(plan.places) {
                let fanout = plan.receivers() as u64;
                report.cached += 1;
                report.total_fanout += fanout;
                report.max_fanout =
                    report.max_fanout.max(u32::try_from(fanout).unwrap_or(u32::MAX));
            }
        }
        report
    }

    /// How often the interest of anybody has come or gone.
    pub(crate) const fn changes(&self) -> u64 {
        self.inserts + self.removes
    }

    /// All subscriptions and remote interest, ascending.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SubId> + '_ {
        self.subscriptions.iter().map(|(number, _)| SubId(number))
    }
}
