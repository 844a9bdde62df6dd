//! White-box checks, for tests and the simulator.

use alloc::vec::Vec;

use super::patterns::Scan;
use super::slab::{NIL, Neighbours, walk};
use super::subscription::Owner;
use super::{Interest, SubId, Subscription};

impl Interest {
    /// Asserts that tables, lists, counts and the cache agree with each other. Takes time in
    /// proportion to everything that is stored.
    pub(crate) fn check_invariants(&self) {
        self.patterns.check(&self.hash);
        self.cache.check();
        let mut listed = 0;
        let mut queues = 0;
        for (number, pattern) in self.patterns.iter() {
            listed += self.check_list(pattern.plain, number, NIL, false);
            listed += self.check_list(pattern.remotes, number, NIL, true);
            for (queue_number, queue) in walk(&self.queues.entries, pattern.queues) {
                queues += 1;
                assert_eq!(queue.pattern, number, "a queue group is listed at its pattern");
                assert!(!queue.is_unused(), "a queue group is kept although it is empty");
                let name = queue.name.as_slice();
                let hash = self.hash.number_and_bytes(number, name);
                assert_eq!(self.find_queue(hash, number, name), Some(queue_number));
                let locals = self.check_list(queue.locals, number, queue_number, false);
                assert_eq!(locals, queue.local_count as usize, "local members are counted");
                listed += locals + self.check_list(queue.remotes, number, queue_number, true);
            }
        }
        assert_eq!(listed, self.subscriptions.len(), "every subscription is in one list");
        assert_eq!(queues, self.queues.entries.len(), "every queue group is at a pattern");
        assert_eq!(queues, self.queues.index.len(), "every queue group is in the index");
        assert_eq!(self.inserts - self.removes, self.subscriptions.len() as u64);
        let long = |(_, each): &(u32, &Subscription)| matches!(each.owner, Owner::LongSid(_));
        assert_eq!(self.subscriptions.iter().filter(long).count(), self.long_sids.len());
        self.check_cached_plans();
    }

    /// Walks a list and counts it.
    fn check_list(&self, head: u32, pattern: u32, queue: u32, is_remote: bool) -> usize {
        let (mut count, mut last) = (0, NIL);
        for (number, subscription) in walk(&self.subscriptions, head) {
            assert_eq!((subscription.pattern, subscription.queue), (pattern, queue));
            assert_eq!(subscription.is_remote(), is_remote, "locals and remotes are apart");
            if count > 0 {
                assert_eq!(subscription.neighbours.previous, last, "lists run both ways");
            }
            last = number;
            count += 1;
        }
        if head != NIL {
            let Neighbours { previous, .. } = self.subscriptions[head].neighbours;
            assert_eq!(previous, last, "the head knows the end");
        }
        count
    }

    /// A cached plan that is current names exactly those who match now.
    fn check_cached_plans(&self) {
        for plan in self.cache.iter() {
            if plan.stale.get() || plan.stamp != self.patterns.stamp(plan.places) {
                continue;
            }
            let grouped = plan.groups.iter().flat_map(|group| &group.locals);
            let mut planned: Vec<SubId> =
                plan.locals.iter().chain(grouped).map(|local| local.sub).collect();
            planned.sort_unstable();
            let mut matching = self.matching(&plan.subject);
            matching.retain(|id| !self.subscription(*id).is_remote());
            assert_eq!(planned, matching, "a current plan is out of date");
            let mut scan = Scan::default();
            self.patterns.scan(&self.hash, &plan.subject, &mut scan);
            assert_eq!(scan.places, plan.places);
        }
    }
}
