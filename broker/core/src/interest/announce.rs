//! What peers must be told of local interest.

use alloc::vec::Vec;

use super::Interest;
use super::slab::{NIL, walk};

/// Local interest as peers must know it (protocol: `RS+` and `RS-` of routes, nats-protocols.md
/// 4.6).
///
/// Outside of queue groups it is given when the first subscription of a subject comes (1 member)
/// and when the last one goes (0 members). Of a queue group every change of its number of local
/// members is given; 0 says that it is gone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Announcement<'a> {
    /// The subject as it was subscribed to.
    pub(crate) subject: &'a [u8],
    /// The queue group.
    pub(crate) queue: Option<&'a [u8]>,
    /// Local members now.
    pub(crate) members: u32,
}

impl Interest {
    /// Everything that a new peer must be told, sorted by subject and queue group.
    pub(crate) fn local_interest(&self) -> Vec<Announcement<'_>> {
        let mut all = Vec::new();
        for (_, pattern) in self.patterns.iter() {
            let subject = pattern.subject.as_slice();
            if pattern.plain != NIL {
                all.push(Announcement { subject, queue: None, members: 1 });
            }
            for (_, queue) in walk(&self.queues.entries, pattern.queues) {
                if queue.local_count > 0 {
                    let members = queue.local_count;
                    all.push(Announcement { subject, queue: Some(queue.name.as_slice()), members });
                }
            }
        }
        all.sort_unstable();
        all
    }

    /// Announces that a local subscription came or went, if peers must know.
    pub(super) fn announce_local(
        &self,
        pattern: u32,
        queue: u32,
        came: bool,
        announce: &mut dyn FnMut(Announcement<'_>),
    ) {
        let pattern = self.patterns.get(pattern);
        let subject = pattern.subject.as_slice();
        if queue != NIL {
            let queue = &self.queues.entries[queue];
            let members = queue.local_count;
            announce(Announcement { subject, queue: Some(queue.name.as_slice()), members });
        } else if !came && pattern.plain == NIL {
            announce(Announcement { subject, queue: None, members: 0 });
        } else if came && walk(&self.subscriptions, pattern.plain).nth(1).is_none() {
            announce(Announcement { subject, queue: None, members: 1 });
        }
    }
}
