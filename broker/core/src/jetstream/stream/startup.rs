//! After a restart: what the log's index does not know and must be read once.

use alloc::collections::{BTreeMap, VecDeque};

use causeway_store::{Get, StoredMessage};
use causeway_wire::jetstream::headers::PublishHeaders;

use super::Stream;
use super::limits::{SCHEDULE, expiry_of, wall_nanos};
use crate::jetstream::turn::Turn;

/// What is still to be read.
#[derive(Debug, Default)]
pub(super) struct Startup {
    /// The next message whose id counts.
    next: Option<u64>,
    /// Messages that are schedules.
    schedules: VecDeque<u64>,
    /// When some of them are due, as was noted.
    due: BTreeMap<u64, i64>,
}

impl Stream {
    /// Takes what the index knows, and begins to read the rest. `due`: when schedules are due, as
    /// was noted.
    pub(crate) fn recover_index(&mut self, turn: &mut Turn<'_>, due: BTreeMap<u64, i64>) {
        let marks = self.log.marks().filter_map(|(seq, mark)| Some((expiry_of(mark)?, seq)));
        self.expiries = marks.collect();
        let state = self.log.state();
        let window = u64::try_from(self.config.duplicate_window.0).unwrap_or(0);
        let from = wall_nanos(turn.now.wall).saturating_sub(window);
        let first = if window > 0 { self.log.seq_at_time(from) } else { state.last_seq };
        let schedules = self.log.marks().filter(|(_, mark)| mark & SCHEDULE != 0);
        let schedules = schedules.map(|(seq, _)| seq).collect();
        self.startup = Startup { next: Some(first.min(state.last_seq)), schedules, due };
    }

    /// Reads on; true when everything is known. To be called again when something is loaded.
    pub(crate) fn recover_ids(&mut self, turn: &mut Turn<'_>) -> bool {
        loop {
            let Some(seq) = self.next_to_recover() else { return true };
            if seq > self.log.durable_seq() {
                // What was in the last batch has to be made durable again before it can be read.
                self.commit(turn);
                return self.log.failure().is_some();
            }
            match self.log.get(seq, &mut turn.fx.disk) {
                Get::Loading => return false,
                Get::Failed => {
                    self.reads_failed = true;
                    return false;
                }
                Get::Message(message) => self.recovered(&message),
                Get::Missing | Get::Lost => {}
            }
            match &mut self.startup.next {
                Some(next) => *next = seq + 1,
                None => drop(self.startup.schedules.pop_front()),
            }
        }
    }

    /// The next message to be read: first those whose ids count, then schedules.
    fn next_to_recover(&mut self) -> Option<u64> {
        if let Some(from) = self.startup.next {
            self.startup.next = self.log.next(&mut self.everything, from);
        }
        self.startup.next.or(self.startup.schedules.front().copied())
    }

    fn recovered(&mut self, message: &StoredMessage) {
        if self.startup.next.is_none() {
            let due = self.startup.due.remove(&message.seq);
            return self.restore_schedule(message, due);
        }
        let headers = PublishHeaders::parse(message.header());
        self.last_id.clear();
        if let Some(id) = headers.msg_id {
            self.last_id.extend_from_slice(id);
            self.dedupe.insert(id, message.seq, message.time);
        }
    }
}
