//! What an operator may change of a consumer that exists.

use causeway_wire::jetstream::{
    ApiError, ConsumerConfig, DeliverPolicy, ErrorKind, PriorityPolicy, Time, api_level,
};

use super::ack::wait_after;
use super::pending::Wait;
use super::rate::Rate;
use super::{Consumer, Pair, Turn, limits, start};

/// What an update changed that the stream has to do with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Updated {
    /// The filters are others: a stream that keeps messages for its consumers may need fewer.
    pub(crate) filters: bool,
    /// Another deliver subject: its interest is to be watched.
    pub(crate) deliver_subject: bool,
}

impl Consumer {
    /// Takes on another configuration. It was found fit, and has its defaults filled in.
    pub(crate) fn update(&mut self, turn: &mut Turn<'_>, config: ConsumerConfig) -> Updated {
        let old = core::mem::replace(&mut self.config, config);
        let mut updated = Updated::default();
        if old.deliver_subject != self.config.deliver_subject {
            updated.deliver_subject = true;
            self.queue_all(turn);
            // Nobody confirms what went to the old one.
            self.flow = super::Flow::of(&self.config);
            self.active = (turn.interest)(self.config.deliver_subject.as_bytes());
        }
        if old.ack_wait != self.config.ack_wait || old.backoff != self.config.backoff {
            self.rearm(&old);
        }
        if old.rate_limit_bps != self.config.rate_limit_bps {
            self.rate = Rate::new(self.config.rate_limit_bps, self.setup.burst);
        }
        if old.inactive_threshold != self.config.inactive_threshold || updated.deliver_subject {
            self.set_threshold(turn.now.mono);
        }
        if old.pause_until != self.config.pause_until {
            self.set_pause(turn.now);
            self.advise_pause(turn);
        }
        let policy = self.config.priority_policy;
        if old.priority_policy != policy {
            self.pin = self.pin.take().filter(|_| policy == PriorityPolicy::PinnedClient);
            self.waiting.prioritize(policy == PriorityPolicy::Prioritized);
        }
        if !start::filters_of(&old).eq(start::filters_of(&self.config)) {
            updated.filters = true;
            self.filter = start::filter_of(&self.config);
            self.drop_unwanted(turn.log);
            self.pending.change_all();
            self.moved = true;
            self.count_pending(turn.log);
        }
        if self.config.sourcing {
            self.go_to(turn, self.floor.stream + 1);
        }
        updated
    }

    /// Nothing is delivered until then; a time that has passed, or none, ends a pause.
    pub(crate) fn pause(&mut self, turn: &mut Turn<'_>, until: Option<Time>) {
        self.config.pause_until = until;
        api_level::stamp_consumer(&mut self.config);
        self.set_pause(turn.now);
        self.advise_pause(turn);
    }

    /// Begins anew at a sequence, or behind what is acked. The sequence that it begins at.
    ///
    /// # Errors
    /// If the consumer's deliver policy does not allow to begin there.
    pub(crate) fn reset(&mut self, turn: &mut Turn<'_>, seq: Option<u64>) -> Result<u64, ApiError> {
        let seq = seq.filter(|seq| *seq > 0);
        let least = match (seq, self.config.deliver_policy) {
            (None, _) | (_, DeliverPolicy::All) => 1,
            (Some(_), DeliverPolicy::ByStartSequence) => self.config.opt_start_seq,
            (Some(_), DeliverPolicy::ByStartTime) => {
                let time = self.config.opt_start_time.map_or(0, Time::nanos);
                turn.log.seq_at_time(u64::try_from(time).unwrap_or(0))
            }
            (Some(_), DeliverPolicy::New | DeliverPolicy::Last | DeliverPolicy::LastPerSubject) => {
                return Err(ErrorKind::ConsumerInvalidReset.err("not allowed"));
            }
        };
        let at = seq.unwrap_or(self.floor.stream + 1);
        if at < least {
            let by_time = self.config.deliver_policy == DeliverPolicy::ByStartTime;
            let why = if by_time { "below start time" } else { "below start seq" };
            return Err(ErrorKind::ConsumerInvalidReset.err(why));
        }
        self.go_to(turn, at);
        Ok(self.next)
    }

    fn go_to(&mut self, turn: &mut Turn<'_>, seq: u64) {
        self.pending.clear();
        self.pending.change_all();
        self.exhausted.clear();
        self.skip.clear();
        self.next = seq.min(limits::SEQUENCE_MOST);
        self.delivered = Pair { consumer: 0, stream: self.next - 1 };
        self.floor = self.delivered;
        (self.delivered_at, self.acked_at) = (None, None);
        self.moved = true;
        self.count_pending(turn.log);
    }

    /// Everything that waits for an ack is delivered again.
    fn queue_all(&mut self, turn: &mut Turn<'_>) {
        let mut all = core::mem::take(&mut self.sequences);
        all.clear();
        all.extend(self.pending.iter().map(|entry| entry.sseq));
        for &seq in &all {
            if let Some(entry) = self.pending.get(seq).copied()
                && !matches!(entry.wait, Wait::Queued(_))
            {
                self.queue_again(turn, &entry);
            }
        }
        self.sequences = all;
    }

    /// Waits for acks follow the configuration, but for those that a client asked for.
    fn rearm(&mut self, old: &ConsumerConfig) {
        let Self { config, pending, .. } = self;
        pending.rearm(|entry| {
            if entry.wait == wait_after(old, entry.deliveries, entry.since) {
                wait_after(config, entry.deliveries, entry.since)
            } else {
                entry.wait
            }
        });
    }
}
