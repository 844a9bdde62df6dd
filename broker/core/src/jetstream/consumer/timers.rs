//! What happens by itself: waits for acks that end, heartbeats, requests that expire, the end of a
//! pause, a pin that is lost, and the end of a consumer that nobody uses.

use alloc::vec::Vec;

use causeway_wire::jetstream::Time;
use causeway_wire::jetstream::status::{NO_MESSAGES, PullEnd, idle_heartbeat};

use super::pending::Wait;
use super::{Action, Advisory, Consumer, Pair, Turn, UnpinReason, limits, span};
use crate::time::{Duration, Mono, Now};

/// When a consumer that nobody uses goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inactivity {
    /// How long it lives unused; for ever without.
    threshold: Option<Duration>,
    used_at: Mono,
    /// When to see whether it was used. A push consumer is not unused while somebody listens.
    look_at: Option<Mono>,
}

/// Whether the messages have come to an end, for those who do not wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AtEnd {
    Yes,
    No,
}

impl Consumer {
    pub(super) fn start_timers(&mut self, now: Now) {
        self.beat_at = self.next_beat(now.mono);
        self.set_threshold(now.mono);
        self.set_pause(now);
    }

    /// When [`tick`](Self::tick) is to be called. It may have nothing to do then.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let dues = [
            self.pending.deadline(),
            self.waiting.deadline(),
            self.beat_at,
            self.held_until,
            self.paused_until,
            self.pin.as_ref().map(|pin| pin.until),
            self.inactivity.look_at,
        ];
        dues.into_iter().flatten().min()
    }

    /// Does what is due. Afterwards there may be something to deliver.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.mono;
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        if due(self.pending.deadline()) {
            self.expire(turn);
        }
        if due(self.waiting.deadline()) {
            // Where acks are missing there may be more messages. Who does not wait has until it hears
            // something for their being there, as in nats-server.
            self.sweep(turn, if self.is_full() { AtEnd::Yes } else { AtEnd::No });
        }
        if due(self.held_until) {
            self.held_until = None;
        }
        if due(self.paused_until) {
            self.paused_until = None;
            self.advise_pause(turn);
        }
        if due(self.pin.as_ref().map(|pin| pin.until)) {
            self.drop_pin(turn, UnpinReason::Timeout);
        }
        if due(self.beat_at) {
            self.beat(turn);
        }
        if due(self.inactivity.look_at) {
            self.look_for_use(turn);
        }
    }

    /// Looks at all waiting requests: those that expired or that nobody listens for go, and so do, at
    /// the end of the messages, those that do not wait. The rest hear something if they want to.
    pub(super) fn sweep(&mut self, turn: &mut Turn<'_>, end: AtEnd) {
        let Pair { consumer, stream } = self.last_looked_at();
        let beat = |out: &mut Vec<u8>| idle_heartbeat(out, consumer, stream, None);
        let now = turn.now.mono;
        self.waiting.sweep(|request| {
            if request.is_expired(now) {
                request.end(turn.out, PullEnd::RequestTimeout);
                return false;
            }
            if !(turn.interest)(&request.reply) {
                return false;
            }
            let one_shot = request.expires.is_none() || request.delivered > 0;
            if end == AtEnd::Yes && request.no_wait && one_shot {
                turn.out.tell(&request.reply, NO_MESSAGES);
                return false;
            }
            if request.beat_at.is_some_and(|at| at <= now) {
                turn.out.status(&request.reply, beat);
                request.beat_at = Some(now + request.heartbeat);
            }
            true
        });
    }

    /// Waits for acks that are over: what they were for is queued to be delivered again.
    fn expire(&mut self, turn: &mut Turn<'_>) {
        let mut expired = core::mem::take(&mut self.sequences);
        expired.clear();
        self.pending.expired(turn.now.mono, limits::EXPIRED_PER_TURN, &mut expired);
        for &seq in &expired {
            if let Some(entry) = self.pending.get(seq).copied() {
                self.queue_again(turn, &entry);
            }
        }
        self.sequences = expired;
    }

    fn beat(&mut self, turn: &mut Turn<'_>) {
        self.beat_at = self.next_beat(turn.now.mono);
        if !self.active {
            return;
        }
        let stalled = self.flow.as_ref().and_then(super::Flow::request);
        let Pair { consumer, stream } = self.last_looked_at();
        let to = self.config.deliver_subject.as_bytes();
        turn.out.status(to, |out| idle_heartbeat(out, consumer, stream, stalled));
        let asks = self.config.ack_policy == super::AckPolicy::FlowControl;
        if asks && stalled.is_none() && !self.pending.is_empty() {
            self.ask_for_confirmation(turn);
        }
    }

    /// When a push consumer that says nothing until then is to say that it is there.
    pub(super) fn next_beat(&self, now: Mono) -> Option<Mono> {
        let every = span(self.config.idle_heartbeat).filter(|_| self.is_push())?;
        Some(now + every)
    }

    /// The pause ends at the configured time of the wall clock, as far as that is known now.
    pub(super) fn set_pause(&mut self, now: Now) {
        let until = self.config.pause_until.map_or(i64::MIN, Time::nanos);
        let left = u64::try_from(until.saturating_sub(now.wall.0)).unwrap_or(0);
        self.paused_until = (left > 0).then(|| now.mono + Duration::from_nanos(left));
    }

    pub(super) fn advise_pause(&self, turn: &mut Turn<'_>) {
        let until = self.config.pause_until.unwrap_or(Time::ZERO);
        let paused = self.paused_until.is_some();
        turn.out.advise(Advisory::Pause { paused, until });
    }

    /// Takes the inactivity threshold from the configuration.
    pub(super) fn set_threshold(&mut self, now: Mono) {
        let grace = if self.is_push() { Duration::ZERO } else { limits::INACTIVE_GRACE };
        let threshold = span(self.config.inactive_threshold).map(|span| span + grace);
        self.inactivity = Inactivity { threshold, used_at: now, look_at: None };
        self.look_later(now);
    }

    /// Somebody uses the consumer.
    pub(super) fn used(&mut self, now: Mono) {
        self.inactivity.used_at = now;
    }

    /// Somebody listens on the deliver subject, or nobody does any more.
    pub(crate) fn interest(&mut self, turn: &mut Turn<'_>, listens: bool) {
        if self.is_push() && self.active != listens {
            self.active = listens;
            self.used(turn.now.mono);
            self.look_later(turn.now.mono);
        }
    }

    fn look_later(&mut self, now: Mono) {
        let counts = !self.active;
        let threshold = self.inactivity.threshold.filter(|_| counts);
        self.inactivity.look_at = threshold.map(|threshold| now + threshold);
    }

    fn look_for_use(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.mono;
        let Some(threshold) = self.inactivity.threshold else { return };
        let unused_at = self.inactivity.used_at + threshold;
        if unused_at > now {
            self.inactivity.look_at = Some(unused_at);
            return;
        }
        if !self.is_push() {
            self.sweep(turn, AtEnd::Yes);
            if !self.waiting.is_empty() {
                self.inactivity.look_at = Some(now + threshold);
                return;
            }
            // A client may still work on what it got.
            if let Some(until) = self.last_wait().filter(|until| *until + threshold > now) {
                self.inactivity.look_at = Some(until + threshold);
                return;
            }
        }
        self.inactivity.look_at = None;
        turn.out.push(Action::Delete);
    }

    /// When the last of the waits for acks ends.
    fn last_wait(&self) -> Option<Mono> {
        let ends = self.pending.iter().filter_map(|entry| match entry.wait {
            Wait::Until(at) => Some(at),
            Wait::Queued(_) | Wait::Forever => None,
        });
        ends.max()
    }
}
