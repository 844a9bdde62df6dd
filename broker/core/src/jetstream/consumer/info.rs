//! What a consumer says of itself, and its end.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
use causeway_wire::jetstream::status::{CONSUMER_DELETED, PullEnd};
use causeway_wire::jetstream::{Nanos, Time};

use super::timers::AtEnd;
use super::{Consumer, Pair, Turn};
use crate::time::{Now, Wall};

/// Why a consumer is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Closing {
    /// It is deleted.
    Deleted,
    /// The server stops.
    Shutdown,
}

impl Consumer {
    /// What `CONSUMER.INFO` answers, but for its cluster. Waiting requests that are over go.
    pub(crate) fn info(&mut self, turn: &mut Turn<'_>) -> ConsumerInfo {
        if !self.is_push() {
            self.sweep(turn, AtEnd::No);
        }
        self.report(turn.now)
    }

    /// The same without a change: waiting requests that are over count.
    pub(crate) fn report(&self, now: Now) -> ConsumerInfo {
        let config = &self.config;
        // With one delivery only, nothing counts as delivered again.
        let redelivered = if config.max_deliver == 1 {
            0
        } else {
            self.pending.redelivered() as u64 + self.exhausted.len()
        };
        let paused = self.paused_until.filter(|until| *until > now.mono);
        let remaining = paused.map_or(0, |until| nanos_of(until.since(now.mono)));
        let groups = config.priority_groups.iter().map(|group| self.group_state(group)).collect();
        ConsumerInfo {
            stream_name: self.setup.stream.clone(),
            name: self.setup.name.clone(),
            created: time(self.setup.created),
            config: Some(config.clone()),
            delivered: sequence_info(self.delivered, self.delivered_at),
            ack_floor: sequence_info(self.floor, self.acked_at),
            num_ack_pending: count(self.pending.len() as u64),
            num_redelivered: count(redelivered),
            num_waiting: count(self.waiting.len() as u64),
            num_pending: self.num_pending,
            cluster: None,
            push_bound: self.is_push() && self.active,
            paused: paused.is_some(),
            pause_remaining: Nanos(remaining),
            ts: time(now.wall),
            priority_groups: groups,
        }
    }

    fn group_state(&self, group: &str) -> PriorityGroupState {
        let pin = self.pin.as_ref().filter(|pin| pin.group == group.as_bytes());
        let id: Vec<u8> = pin.map_or_else(Vec::new, |pin| pin.id.clone());
        PriorityGroupState {
            group: String::from(group),
            pinned_client_id: String::from_utf8(id).unwrap_or_default(),
            pinned_ts: pin.map_or(Time::ZERO, |pin| time(pin.since)),
        }
    }

    /// Tells all who wait that nothing comes any more.
    pub(crate) fn close(&mut self, turn: &mut Turn<'_>, why: Closing) {
        self.waiting.sweep(|request| {
            match why {
                Closing::Deleted => turn.out.tell(&request.reply, CONSUMER_DELETED),
                Closing::Shutdown => request.end(turn.out, PullEnd::ServerShutdown),
            }
            false
        });
    }
}

fn sequence_info(pair: Pair, at: Option<Wall>) -> SequenceInfo {
    let last_active = at.map(time);
    SequenceInfo { consumer_seq: pair.consumer, stream_seq: pair.stream, last_active }
}

const fn time(wall: Wall) -> Time {
    Time::from_nanos(wall.0)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn nanos_of(span: crate::time::Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
