//! Where a consumer begins, and what is ahead of it.

use alloc::vec::Vec;

use causeway_store::{Filter, Log};
use causeway_wire::jetstream::{ConsumerConfig, DeliverPolicy, Time};

use super::limits::SEQUENCE_MOST;
use super::{Consumer, Pair};

/// The subjects that a configuration asks for.
pub(super) fn filter_of(config: &ConsumerConfig) -> Filter {
    Filter::new(filters_of(config).map(str::as_bytes))
}

/// The same as patterns; none for everything.
pub(super) fn filters_of(config: &ConsumerConfig) -> impl Iterator<Item = &str> {
    let one = Some(config.filter_subject.as_str()).filter(|filter| !filter.is_empty());
    one.into_iter().chain(config.filter_subjects.iter().map(alloc::string::String::as_str))
}

impl Consumer {
    /// Goes to where the configuration says.
    pub(super) fn start(&mut self, log: &mut Log) {
        let state = log.state();
        let first = state.first_seq.max(1);
        let next = log.next_seq();
        let at = match self.config.deliver_policy {
            DeliverPolicy::All => first,
            DeliverPolicy::New => next,
            DeliverPolicy::Last => log.prev(&mut self.filter, state.last_seq).unwrap_or(first),
            DeliverPolicy::ByStartSequence => self.config.opt_start_seq.max(first),
            DeliverPolicy::ByStartTime => {
                let time = self.config.opt_start_time.map_or(0, Time::nanos);
                log.seq_at_time(u64::try_from(time).unwrap_or(0)).max(first)
            }
            DeliverPolicy::LastPerSubject => {
                self.skip = self.last_of_each(log).into();
                next
            }
        };
        self.next = at.min(SEQUENCE_MOST);
        let begin = self.skip.front().copied().unwrap_or(self.next);
        self.delivered = Pair { consumer: 0, stream: begin - 1 };
        self.floor = self.delivered;
        self.count_pending(log);
    }

    /// Counts what is to be delivered for the first time.
    pub(super) fn count_pending(&mut self, log: &mut Log) {
        let listed = self.skip.iter().filter(|seq| log.meta(**seq).is_some()).count();
        self.num_pending = listed as u64 + log.count(&mut self.filter, self.next);
    }

    /// Takes out of the list what is gone or no longer wanted; whether something was.
    pub(super) fn drop_unwanted(&mut self, log: &Log) -> bool {
        let Self { skip, filter, .. } = self;
        let before = skip.len();
        skip.retain(|seq| {
            log.meta(*seq).is_some_and(|meta| filter.matches(log.subject(meta.subject)))
        });
        before != skip.len()
    }

    fn last_of_each(&self, log: &Log) -> Vec<u64> {
        let mut found = Vec::new();
        let everything = self.filter.is_everything().then_some(b">".as_slice());
        for pattern in self.filter.patterns().chain(everything) {
            log.subjects_matching(pattern, |id| found.extend(log.last_of(id)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
