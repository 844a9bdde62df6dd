//! Acks, in all their forms, and what they do to the ack floor.

use causeway_wire::jetstream::{AckKind, AckPolicy, AckSubject, ConsumerConfig, Nanos};

use super::pending::{Entry, Wait};
use super::{About, Action, Advisory, Consumer, Pair, Turn, span};
use crate::time::Mono;

impl Consumer {
    /// A client says something about a delivery. `reply` is where it wants to hear of that, or empty.
    ///
    /// Consumers whose acks do not come this way (none, `flow_control`) ignore it.
    pub(crate) fn ack(
        &mut self,
        turn: &mut Turn<'_>,
        subject: &AckSubject<'_>,
        payload: &[u8],
        reply: &[u8],
    ) {
        if !matches!(self.config.ack_policy, AckPolicy::Explicit | AckPolicy::All) {
            return;
        }
        self.used(turn.now.mono);
        let seq = subject.stream_seq;
        let is_known = seq < self.next;
        match AckKind::parse(payload) {
            AckKind::Ack | AckKind::Term(_) if !is_known => return,
            AckKind::Ack => {
                self.settle(turn, subject, None);
                return answer(turn, reply, true);
            }
            AckKind::Term(reason) => {
                self.settle(turn, subject, Some(reason.as_bytes()));
                return answer(turn, reply, true);
            }
            AckKind::Next(request) => {
                if is_known {
                    self.settle(turn, subject, None);
                }
                if !reply.is_empty() {
                    self.pull(turn, request, reply);
                }
                return;
            }
            AckKind::Nak { delay } => self.nak(turn, subject, delay),
            AckKind::Progress => {
                let now = turn.now.mono;
                if let Some(entry) = self.pending.get(seq) {
                    let wait = self.wait_after(entry.deliveries, now);
                    self.pending.refresh(seq, now, wait);
                }
            }
            AckKind::Other => {}
        }
        answer(turn, reply, false);
    }

    /// A message is done with: acked, or terminated for a reason.
    fn settle(&mut self, turn: &mut Turn<'_>, subject: &AckSubject<'_>, terminated: Option<&[u8]>) {
        let seq = subject.stream_seq;
        self.acked_at = Some(turn.now.wall);
        let entry = self.pending.get(seq).copied();
        if self.config.ack_policy == AckPolicy::All {
            self.settle_through(turn, seq);
        } else if entry.is_some() {
            self.pending.remove(seq);
            self.move_floor();
            self.release(turn, seq);
        } else if self.exhausted.contains(seq) {
            self.give_back(turn, seq);
        }
        match (entry, terminated) {
            (Some(entry), None) => self.sample(turn, subject, entry.since),
            (Some(_), Some(reason)) => {
                turn.out.advise(Advisory::Terminated { about: told_of(subject), reason });
            }
            (None, _) => {}
        }
    }

    /// A message that was given up is acked after all.
    fn give_back(&mut self, turn: &mut Turn<'_>, seq: u64) {
        self.exhausted.remove(seq);
        self.pending.touch(seq);
        if self.setup.durable {
            self.given_back.push(seq);
        }
        self.release(turn, seq);
    }

    /// Everything up to a message is acked.
    pub(super) fn settle_through(&mut self, turn: &mut Turn<'_>, seq: u64) {
        let seq = seq.min(self.delivered.stream);
        if seq <= self.floor.stream {
            return;
        }
        while let Some(entry) = self.pending.pop_through(seq) {
            self.release(turn, entry.sseq);
        }
        while let Some(given_up) = self.exhausted.first().filter(|first| *first <= seq) {
            self.give_back(turn, given_up);
        }
        self.move_floor();
        if !self.pending.is_empty() {
            // The next one may be far from what was acked.
            self.floor.stream = seq;
        }
    }

    fn nak(&mut self, turn: &mut Turn<'_>, subject: &AckSubject<'_>, delay: Option<Nanos>) {
        let seq = subject.stream_seq;
        let is_known = subject.consumer_seq > self.floor.consumer
            && subject.consumer_seq <= self.delivered.consumer;
        let Some(entry) = self.pending.get(seq).copied().filter(|_| is_known) else { return };
        turn.out.advise(Advisory::Naked(told_of(subject)));
        if let Some(delay) = delay {
            let at = turn.now.mono + span(delay).unwrap_or_default();
            self.pending.wait(seq, Wait::Until(at));
        } else {
            self.queue_again(turn, &entry);
        }
    }

    /// Queues a delivery whose ack did not come, unless it was the last one allowed.
    pub(super) fn queue_again(&mut self, turn: &mut Turn<'_>, entry: &Entry) {
        let deliveries = u64::from(entry.deliveries);
        let most = u64::try_from(self.config.max_deliver).unwrap_or(0);
        if most == 0 || deliveries < most {
            return self.pending.queue(entry.sseq);
        }
        self.pending.remove(entry.sseq);
        self.exhausted.insert(entry.sseq);
        self.move_floor();
        turn.out.advise(Advisory::MaxDeliveries { stream_seq: entry.sseq, deliveries });
    }

    /// What a message that was delivered so many times waits for from now on.
    pub(super) fn wait_after(&self, deliveries: u32, now: Mono) -> Wait {
        wait_after(&self.config, deliveries, now)
    }

    /// Lets the floor follow after something left the table of pending deliveries.
    pub(super) fn move_floor(&mut self) {
        let floor = match self.pending.first() {
            None => self.delivered,
            Some(first) => Pair { consumer: first.dseq - 1, stream: first.sseq - 1 },
        };
        if floor.consumer > self.floor.consumer {
            self.floor.consumer = floor.consumer;
            self.floor.stream = self.floor.stream.max(floor.stream);
        }
        self.moved = true;
    }

    /// The stream need not keep a message for this consumer.
    pub(super) fn release(&self, turn: &mut Turn<'_>, seq: u64) {
        if self.setup.retains {
            turn.out.push(Action::Release { seq });
        }
    }

    fn sample(&self, turn: &mut Turn<'_>, subject: &AckSubject<'_>, since: Mono) {
        let percent = self.config.sample_freq.trim_end_matches('%').parse().unwrap_or(0_u64);
        if percent > 0 && (percent >= 100 || (turn.draw)() % 100 < percent) {
            let took = turn.now.mono.since(since);
            turn.out.advise(Advisory::Acked { about: told_of(subject), took });
        }
    }
}

/// What a message waits for that was delivered so many times, the last time then.
pub(super) fn wait_after(config: &ConsumerConfig, deliveries: u32, then: Mono) -> Wait {
    let at = deliveries.saturating_sub(1) as usize;
    let wait = config.backoff.get(at).or(config.backoff.last()).copied();
    match (config.ack_policy, span(wait.unwrap_or(config.ack_wait))) {
        (AckPolicy::None | AckPolicy::FlowControl, _) | (_, None) => Wait::Forever,
        (AckPolicy::All | AckPolicy::Explicit, Some(wait)) => Wait::Until(then + wait),
    }
}

/// How a delivery is told of that a client says something about: in its own words.
const fn told_of(subject: &AckSubject<'_>) -> About {
    let AckSubject { consumer_seq, stream_seq, deliveries, .. } = *subject;
    About { consumer_seq, stream_seq, deliveries }
}

/// How a delivery is told of whose message is gone.
pub(super) fn about(entry: &Entry) -> About {
    About {
        consumer_seq: entry.dseq,
        stream_seq: entry.sseq,
        deliveries: u64::from(entry.deliveries),
    }
}

fn answer(turn: &mut Turn<'_>, to: &[u8], durable: bool) {
    if !to.is_empty() {
        turn.out.push(Action::AckReply { to, durable });
    }
}
