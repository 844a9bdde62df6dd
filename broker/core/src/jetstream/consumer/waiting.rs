//! Pull requests that wait for messages.
//!
//! They are served in turn: one that got a message and wants more goes to the end of the queue, so
//! two batches share what arrives. With priorities it goes behind those of the same priority only.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::Cell;

use causeway_wire::jetstream::status::PullEnd;

use super::actions::Actions;
use super::limits::SPARE_REPLIES;
use crate::time::{Duration, Mono};

/// A client that waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    /// Where its messages go.
    pub(super) reply: Vec<u8>,
    /// How many messages it may still get. What was asked for is kept as it was: with nothing asked
    /// for it gets one.
    pub(super) left: i64,
    /// How many it got.
    pub(super) delivered: u64,
    /// How many bytes it may still get; 0 for any number.
    pub(super) bytes: u64,
    /// It is over at that time.
    pub(super) expires: Option<Mono>,
    /// It does not wait once there are no messages.
    pub(super) no_wait: bool,
    /// How often it wants to hear something; zero for never.
    pub(super) heartbeat: Duration,
    /// When it is to hear something.
    pub(super) beat_at: Option<Mono>,
    /// What it says about itself and others.
    pub(super) priority: Option<Priority>,
    /// Which of the consumer's [pumps](super::Consumer::pump) has asked last whether it still listens.
    pub(super) heard_in: Cell<u64>,
}

/// What a request says about itself and others.
#[derive(Clone, Debug, Default)]
pub(super) struct Priority {
    /// The group; empty if it named none.
    pub(super) group: Vec<u8>,
    /// It wants what exceeds so many pending messages; 0 for anything.
    pub(super) min_pending: u64,
    /// It wants messages when so many wait for acks; 0 for anything.
    pub(super) min_ack_pending: u64,
    /// The pin it holds; empty without.
    pub(super) pin: Vec<u8>,
    /// 0 to 9, low first.
    pub(super) level: u8,
}

impl Request {
    /// Whether its time is over.
    pub(super) fn is_expired(&self, now: Mono) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Tells its client why it ends, and what it could still have got.
    pub(super) fn end(&self, out: &mut Actions, why: PullEnd) {
        let left = u64::try_from(self.left).unwrap_or(0);
        out.status(&self.reply, |out| why.write(out, left, self.bytes));
    }

    /// The pin it holds; empty without.
    pub(super) fn pin(&self) -> &[u8] {
        self.priority.as_ref().map_or(&[], |priority| &priority.pin)
    }

    /// When it wants attention.
    fn due(&self) -> Option<Mono> {
        [self.expires, self.beat_at].into_iter().flatten().min()
    }

    /// Requests without a priority come after all others.
    fn level(&self) -> u32 {
        self.priority.as_ref().map_or(u32::MAX, |priority| priority.level.into())
    }
}

/// What became of a request that got a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Served {
    /// It waits for more.
    Waits,
    /// It has what it wanted.
    Done {
        /// Bytes it could still have got, if it had a limit and did not reach it exactly.
        bytes: u64,
    },
}

/// The queue.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: VecDeque<Request>,
    most: usize,
    prioritized: bool,
    no_waits: usize,
    /// Nothing in the queue is due before; something may be due later only.
    due: Option<Mono>,
    spare: Vec<Vec<u8>>,
}

impl Waiting {
    /// A queue for `most` requests, in the order of their priorities or not.
    pub(super) const fn new(most: usize, prioritized: bool) -> Self {
        Self {
            queue: VecDeque::new(),
            most,
            prioritized,
            no_waits: 0,
            due: None,
            spare: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= self.most
    }

    /// Whether somebody wants to know when there are no messages.
    pub(super) const fn has_no_wait(&self) -> bool {
        self.no_waits > 0
    }

    /// When to look at all of them at the latest.
    pub(super) const fn deadline(&self) -> Option<Mono> {
        self.due
    }

    pub(super) fn get(&self, at: usize) -> Option<&Request> {
        self.queue.get(at)
    }

    /// Lets a request hold a pin.
    pub(super) fn pin(&mut self, at: usize, pin: &[u8]) {
        if let Some(priority) = self.queue.get_mut(at).and_then(|each| each.priority.as_mut()) {
            priority.pin.clear();
            priority.pin.extend_from_slice(pin);
        }
    }

    /// Memory for the reply subject of a new request.
    pub(super) fn reply(&mut self, subject: &[u8]) -> Vec<u8> {
        let mut reply = self.spare.pop().unwrap_or_default();
        reply.extend_from_slice(subject);
        reply
    }

    /// Takes a request in; whether there was room.
    pub(super) fn add(&mut self, request: Request) -> bool {
        if self.is_full() {
            self.recycle(request);
            return false;
        }
        self.no_waits += usize::from(request.no_wait);
        self.due = [self.due, request.due()].into_iter().flatten().min();
        self.place(request);
        true
    }

    pub(super) fn remove(&mut self, at: usize) {
        if let Some(request) = self.queue.remove(at) {
            self.no_waits -= usize::from(request.no_wait);
            self.recycle(request);
        }
    }

    /// From now on they wait in the order of their priorities, or not.
    pub(super) fn prioritize(&mut self, prioritized: bool) {
        self.prioritized = prioritized;
        if prioritized {
            self.queue.make_contiguous().sort_by_key(Request::level);
        }
    }

    /// The request at that place gets a message of so many bytes.
    pub(super) fn serve(&mut self, at: usize, now: Mono, size: u64) -> Served {
        let Some(request) = self.queue.get_mut(at) else { return Served::Waits };
        if request.bytes > 0 {
            request.bytes = request.bytes.saturating_sub(size);
            if request.bytes == 0 {
                // This message filled it.
                request.left = 1;
            }
        }
        request.delivered += 1;
        request.left = request.left.saturating_sub(1);
        if request.left <= 0 {
            let served = Served::Done { bytes: request.bytes };
            self.remove(at);
            return served;
        }
        if request.beat_at.is_some() {
            request.beat_at = Some(now + request.heartbeat);
        }
        if self.queue.len() > 1
            && let Some(request) = self.queue.remove(at)
        {
            self.place(request);
        }
        Served::Waits
    }

    /// Shows all of them to `keep`, which says who stays, and finds out anew when something is due.
    pub(super) fn sweep(&mut self, mut keep: impl FnMut(&mut Request) -> bool) {
        let Self { queue, no_waits, spare, due, .. } = self;
        *due = None;
        queue.retain_mut(|request| {
            let stays = keep(request);
            if stays {
                *due = [*due, request.due()].into_iter().flatten().min();
            } else {
                *no_waits -= usize::from(request.no_wait);
                keep_spare(spare, core::mem::take(&mut request.reply));
            }
            stays
        });
    }

    /// How many messages all of them together wait for.
    pub(super) fn wanted(&self) -> i64 {
        self.queue.iter().fold(0, |sum, request| sum.saturating_add(request.left))
    }

    fn place(&mut self, request: Request) {
        if self.prioritized {
            let level = request.level();
            let at = self.queue.partition_point(|each| each.level() <= level);
            self.queue.insert(at, request);
        } else {
            self.queue.push_back(request);
        }
    }

    fn recycle(&mut self, request: Request) {
        keep_spare(&mut self.spare, request.reply);
    }
}

fn keep_spare(spare: &mut Vec<Vec<u8>>, mut reply: Vec<u8>) {
    if spare.len() < SPARE_REPLIES {
        reply.clear();
        spare.push(reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reply: &str, left: i64) -> Request {
        Request { reply: reply.as_bytes().to_vec(), left, ..Request::default() }
    }

    fn at_level(reply: &str, left: i64, level: u8) -> Request {
        let priority = Some(Priority { level, ..Priority::default() });
        Request { priority, ..request(reply, left) }
    }

    fn serve_first(waiting: &mut Waiting) -> alloc::string::String {
        let reply = waiting.get(0).expect("one waits").reply.clone();
        waiting.serve(0, Mono(0), 1);
        alloc::string::String::from_utf8(reply).expect("text")
    }

    #[test]
    fn two_batches_share_what_comes() {
        let mut waiting = Waiting::new(2, false);
        assert!(waiting.add(request("a", 3)) && waiting.add(request("b", 2)));
        assert!(!waiting.add(request("c", 1)), "it is full");
        let order: Vec<_> = (0..5).map(|_| serve_first(&mut waiting)).collect();
        assert_eq!(order, ["a", "b", "a", "b", "a"]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn priorities_are_served_low_first_and_in_turn_within_one() {
        let mut waiting = Waiting::new(9, true);
        for (reply, left, level) in [("c", 1, 5), ("a", 2, 1), ("b", 2, 1)] {
            assert!(waiting.add(at_level(reply, left, level)));
        }
        assert!(waiting.add(request("plain", 1)));
        let order: Vec<_> = (0..6).map(|_| serve_first(&mut waiting)).collect();
        assert_eq!(order, ["a", "b", "a", "b", "c", "plain"]);
    }

    #[test]
    fn the_message_that_fills_the_bytes_is_the_last() {
        let mut waiting = Waiting::new(1, false);
        let asked = |bytes| Request { bytes, ..request("a", 9) };
        waiting.add(asked(10));
        assert_eq!(waiting.serve(0, Mono(0), 4), Served::Waits);
        assert_eq!(waiting.serve(0, Mono(0), 6), Served::Done { bytes: 0 });
        waiting.add(Request { bytes: 10, ..request("a", 1) });
        assert_eq!(waiting.serve(0, Mono(0), 4), Served::Done { bytes: 6 });
    }

    #[test]
    fn a_sweep_keeps_counts_and_the_deadline() {
        let mut waiting = Waiting::new(3, false);
        for (at, no_wait) in [(30, true), (10, false), (20, true)] {
            let expires = Some(Mono(at));
            waiting.add(Request { expires, no_wait, ..request("a", 2) });
        }
        assert_eq!((waiting.deadline(), waiting.wanted()), (Some(Mono(10)), 6));
        waiting.sweep(|request| !request.is_expired(Mono(10)));
        assert_eq!((waiting.deadline(), waiting.len()), (Some(Mono(20)), 2));
        waiting.sweep(|request| !request.no_wait);
        assert_eq!((waiting.deadline(), waiting.has_no_wait()), (None, false));
    }
}
