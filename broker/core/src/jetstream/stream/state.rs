//! What is told about a stream.

use alloc::vec::Vec;

use causeway_wire::jetstream::info::{LostData, StreamInfo, StreamState};
use causeway_wire::jetstream::{Nullable, Time};

use super::Stream;
use super::reads::time;
use crate::jetstream::intake::Kind;
use crate::time::Now;

/// Sequences of deleted messages in one answer.
const DELETED: usize = 1 << 20;

impl Stream {
    /// All but what the server says about itself.
    pub(crate) fn info(&self, now: Now, deleted: bool) -> StreamInfo {
        StreamInfo {
            config: self.config.clone(),
            created: Time::from_nanos(self.created.0),
            state: self.state(deleted),
            mirror: self.intake_infos(Kind::Mirror, now).pop(),
            sources: self.intake_infos(Kind::Source, now),
            ts: Time::from_nanos(now.wall.0),
            ..StreamInfo::default()
        }
    }

    /// What it holds.
    pub(crate) fn state(&self, deleted: bool) -> StreamState {
        let state = self.log.state();
        let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let when = |nanos: u64| if nanos == 0 { Time::ZERO } else { time(nanos) };
        StreamState {
            messages: state.messages,
            bytes: state.bytes,
            first_seq: if state.last_seq == 0 && state.messages == 0 { 0 } else { state.first_seq },
            first_ts: when(state.first_time),
            last_seq: state.last_seq,
            last_ts: when(state.last_time),
            num_subjects: int(state.subjects),
            num_deleted: int(state.deleted),
            deleted: if deleted { self.deleted() } else { Vec::new() },
            lost: self.lost(),
            consumer_count: int(self.listed_consumers().count() as u64),
            ..StreamState::default()
        }
    }

    fn deleted(&self) -> Vec<u64> {
        self.log.deleted().flatten().take(DELETED).collect()
    }

    fn lost(&self) -> Option<LostData> {
        let msgs: Vec<u64> = self.log.lost().flatten().take(DELETED).collect();
        // Without numbers: nobody knows what was at an end that is lost.
        (!msgs.is_empty() || self.log.has_lost_its_end())
            .then_some(LostData { msgs: Nullable(msgs), bytes: 0 })
    }
}
