//! Deliveries: what goes out next, whether it may, and what is remembered of it.

use alloc::vec::Vec;

use causeway_store::{Get, StoredMessage};
use causeway_wire::encode::decimal;
use causeway_wire::jetstream::headers::name;
use causeway_wire::jetstream::status::{FLOW_CONTROL_REQUEST, PullEnd};
use causeway_wire::jetstream::{AckPolicy, AckSubject, FlowControlSubject, PriorityPolicy};

use super::choose::character;
use super::pending::Entry;
use super::timers::AtEnd;
use super::waiting::Served;
use super::{Consumer, Turn, limits};
use crate::time::Mono;

/// Why [`Consumer::pump`] stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pump {
    /// Nothing more can be delivered before something happens.
    Done,
    /// The budget is used up.
    More,
    /// The next message comes from the disk: to be called again when the log has loaded something,
    /// or when more is durable.
    Loading,
    /// The disk failed to read the next message. To be called again after a while.
    Failed,
}

/// What one step came to.
enum Step {
    /// So many bytes went out.
    Sent(u64),
    /// Something was found to be gone.
    Again,
    Stop(Pump, AtEnd),
}

/// A message that may be delivered next.
#[derive(Clone, Copy)]
enum Candidate {
    /// For the first time.
    New(u64),
    /// For the first time, from the list of those that are the last of their subject.
    Listed(u64),
    /// Once more.
    Again(Entry),
}

impl Candidate {
    const fn seq(&self) -> u64 {
        match self {
            Self::New(seq) | Self::Listed(seq) => *seq,
            Self::Again(entry) => entry.sseq,
        }
    }

    const fn deliveries(&self) -> u64 {
        match self {
            Self::New(_) | Self::Listed(_) => 1,
            Self::Again(entry) => entry.deliveries as u64 + 1,
        }
    }

    const fn is_first(&self) -> bool {
        !matches!(self, Self::Again(_))
    }
}

impl Consumer {
    /// Delivers what can be delivered now, until about `budget` bytes are on their way.
    pub(crate) fn pump(&mut self, turn: &mut Turn<'_>, budget: u64) -> Pump {
        self.log_end = self.log_end.max(turn.log.next_seq().min(limits::SEQUENCE_MOST));
        self.pumps += 1;
        let mut left = budget;
        loop {
            match self.step(turn) {
                Step::Sent(bytes) if bytes >= left => return Pump::More,
                Step::Sent(bytes) => left -= bytes,
                Step::Again => {}
                Step::Stop(pump, end) => {
                    if end == AtEnd::Yes && self.waiting.has_no_wait() {
                        self.sweep(turn, end);
                    }
                    return pump;
                }
            }
        }
    }

    fn step(&mut self, turn: &mut Turn<'_>) -> Step {
        let idle = Step::Stop(Pump::Done, AtEnd::Yes);
        let open = if self.is_push() {
            self.active && !self.flow.as_ref().is_some_and(super::Flow::is_closed)
        } else {
            !self.waiting.is_empty()
        };
        if self.paused_until.is_some_and(|until| until > turn.now.mono) || !open {
            return idle;
        }
        let candidate = match self.candidate(turn) {
            Ok(candidate) => candidate,
            Err(stop) => return stop,
        };
        let message = match turn.log.get(candidate.seq(), turn.ops) {
            Get::Message(message) => message,
            Get::Loading => return Step::Stop(Pump::Loading, AtEnd::No),
            Get::Failed => return Step::Stop(Pump::Failed, AtEnd::No),
            Get::Missing | Get::Lost => {
                self.pass_over(candidate);
                return Step::Again;
            }
        };
        self.write_reply(&candidate, &message);
        let size = self.size(&message);
        if let Some(until) = self.hold(turn.now.mono, &candidate, message.time, size) {
            self.held_until = Some(until);
            return Step::Stop(Pump::Done, AtEnd::No);
        }
        let place = if self.is_push() {
            None
        } else if let Some(at) = self.choose(turn, size) {
            Some(at)
        } else {
            return idle;
        };
        self.send(turn, place, message, size);
        self.record(turn, &candidate, size);
        Step::Sent(size + limits::DELIVERY_COST)
    }

    /// What is to be delivered next: redeliveries before anything new.
    fn candidate(&mut self, turn: &mut Turn<'_>) -> Result<Candidate, Step> {
        if let Some(entry) = self.pending.first_queued() {
            return Ok(Candidate::Again(entry));
        }
        if self.is_full() {
            return Err(Step::Stop(Pump::Done, AtEnd::No));
        }
        let readable = |candidate: Candidate| {
            let durable = candidate.seq() <= turn.log.durable_seq();
            if durable { Ok(candidate) } else { Err(Step::Stop(Pump::Loading, AtEnd::No)) }
        };
        while let Some(&seq) = self.skip.front() {
            if turn.log.meta(seq).is_some() {
                return readable(Candidate::Listed(seq));
            }
            self.skip.pop_front();
        }
        if let Some(seq) = turn.log.next(&mut self.filter, self.next) {
            return readable(Candidate::New(seq));
        }
        debug_assert_eq!(self.num_pending, 0, "every message that is wanted was told of");
        let next = self.next.max(self.log_end);
        self.moved |= next != self.next;
        self.next = next;
        self.catch_up();
        Err(Step::Stop(Pump::Done, AtEnd::Yes))
    }

    /// The original pace holds for messages that were there when the consumer began.
    fn catch_up(&mut self) {
        self.replay = self.replay.take().filter(|replay| self.next <= replay.through);
    }

    /// A message that should be there is not, or is damaged: nobody can have it.
    fn pass_over(&mut self, candidate: Candidate) {
        match candidate {
            Candidate::New(seq) => self.next = seq + 1,
            Candidate::Listed(_) => drop(self.skip.pop_front()),
            Candidate::Again(entry) => {
                self.pending.remove(entry.sseq);
                self.move_floor();
            }
        }
        if candidate.is_first() {
            self.one_less();
        }
        self.moved = true;
    }

    /// Writes the subject that acks of this delivery are published on.
    fn write_reply(&mut self, candidate: &Candidate, message: &StoredMessage) {
        let subject = AckSubject {
            stream: self.setup.stream.as_bytes(),
            consumer: self.setup.name.as_bytes(),
            deliveries: candidate.deliveries(),
            stream_seq: message.seq,
            consumer_seq: self.delivered.consumer + 1,
            timestamp: i64::try_from(message.time).unwrap_or(i64::MAX),
            pending: self.num_pending.saturating_sub(u64::from(candidate.is_first())),
        };
        if self.reply_head == 0 {
            subject.write_head(&mut self.reply);
            self.reply_head = self.reply.len();
        }
        self.reply.truncate(self.reply_head);
        subject.write_numbers(&mut self.reply);
    }

    /// What a delivery counts: subject, reply subject, header and payload.
    fn size(&self, message: &StoredMessage) -> u64 {
        let body = if self.config.headers_only {
            // A header block is begun for the field if there was none.
            let begun = if message.header().is_empty() { "NATS/1.0\r\n\r\n".len() } else { 0 };
            begun + message.header().len() + size_field_len(message.payload().len())
        } else {
            message.header().len() + message.payload().len()
        };
        (message.subject().len() + self.reply.len() + body) as u64
    }

    /// Until when a delivery is to wait for the original pace or the rate.
    fn hold(&self, now: Mono, candidate: &Candidate, time: u64, size: u64) -> Option<Mono> {
        let pace = self.replay.and_then(|replay| replay.last).filter(|_| candidate.is_first());
        let paced = pace.map_or(now, |(stored, sent)| {
            let gap = core::time::Duration::from_nanos(time.saturating_sub(stored));
            if gap > limits::REPLAY_GAP_LEAST { sent + gap } else { now }
        });
        let rated = self.rate.as_ref().map_or(now, |rate| rate.ready_at(now, size));
        Some(paced.max(rated)).filter(|until| *until > now)
    }

    fn send(
        &mut self,
        turn: &mut Turn<'_>,
        place: Option<usize>,
        message: StoredMessage,
        size: u64,
    ) {
        let request = place.and_then(|at| self.waiting.get(at));
        let to = request.map_or(self.config.deliver_subject.as_bytes(), |request| &request.reply);
        let pinned = self.config.priority_policy == PriorityPolicy::PinnedClient;
        let pin = self.pin.as_ref().filter(|_| pinned);
        let headers_only = self.config.headers_only;
        let payload = message.payload().len();
        let fields = |out: &mut Vec<u8>| {
            if headers_only {
                field(out, name::MSG_SIZE, |out| decimal(out, payload as u64));
            }
            if let Some(pin) = pin {
                field(out, name::PIN_ID, |out| out.extend_from_slice(&pin.id));
            }
        };
        turn.out.deliver(to, &self.reply, fields, !headers_only, message);
        let Some(at) = place else { return };
        self.text.clear();
        if let Some(request) = self.waiting.get(at).filter(|request| request.bytes > 0) {
            self.text.extend_from_slice(&request.reply);
        }
        let served = self.waiting.serve(at, turn.now.mono, size);
        if let Served::Done { bytes } = served
            && bytes > 0
        {
            turn.out.status(&self.text, |out| PullEnd::BatchCompleted.write(out, 0, bytes));
        }
    }

    fn record(&mut self, turn: &mut Turn<'_>, candidate: &Candidate, size: u64) {
        let (now, seq) = (turn.now.mono, candidate.seq());
        self.delivered.consumer += 1;
        self.delivered_at = Some(turn.now.wall);
        self.moved = true;
        match candidate {
            Candidate::New(_) => self.next = seq + 1,
            Candidate::Listed(_) => drop(self.skip.pop_front()),
            Candidate::Again(entry) => {
                let wait = self.wait_after(entry.deliveries.saturating_add(1), now);
                self.pending.redeliver(seq, now, wait);
            }
        }
        if candidate.is_first() {
            self.one_less();
            self.delivered.stream = seq;
            self.expect_ack(turn, seq);
            if let Some(replay) = &mut self.replay {
                let time = turn.log.meta(seq).map_or(0, |meta| meta.time);
                replay.last = Some((time, now));
            }
            self.catch_up();
        }
        if let Some(rate) = &mut self.rate {
            rate.take(now, size);
        }
        self.beat_at = self.next_beat(now);
        self.used(now);
        let full = self.config.ack_policy == AckPolicy::FlowControl && self.is_full();
        if self.flow.as_mut().is_some_and(|flow| flow.sent(size, full)) {
            self.ask_for_confirmation(turn);
        }
    }

    fn expect_ack(&mut self, turn: &mut Turn<'_>, seq: u64) {
        if self.config.ack_policy == AckPolicy::None {
            self.floor = self.delivered;
            return self.release(turn, seq);
        }
        let now = turn.now.mono;
        let (dseq, wait) = (self.delivered.consumer, self.wait_after(1, now));
        self.pending.insert(Entry { sseq: seq, dseq, since: now, wait, deliveries: 1 });
    }

    /// Asks the client of a push consumer to confirm what it has received.
    pub(super) fn ask_for_confirmation(&mut self, turn: &mut Turn<'_>) {
        let Some(flow) = &mut self.flow else { return };
        let mut random = (turn.draw)();
        let mut id = [0; limits::FLOW_ID_CHARACTERS];
        for each in &mut id {
            *each = character(random);
            random /= 62;
        }
        let (stream, consumer) = (self.setup.stream.as_bytes(), self.setup.name.as_bytes());
        self.text.clear();
        FlowControlSubject { stream, consumer, id: &id }.write(&mut self.text);
        flow.ask(&self.text);
        let to = self.config.deliver_subject.as_bytes();
        let request = |out: &mut Vec<u8>| out.extend_from_slice(FLOW_CONTROL_REQUEST);
        turn.out.request(to, Some(&self.text), request);
    }

    /// The client confirms what it has received: a message with this header came on the subject that
    /// it was asked to answer on.
    pub(crate) fn flow_reply(&mut self, turn: &mut Turn<'_>, subject: &[u8], header: &[u8]) {
        if !self.flow.as_mut().is_some_and(|flow| flow.answer(subject)) {
            return;
        }
        self.used(turn.now.mono);
        if self.config.ack_policy == AckPolicy::FlowControl
            && let Some(seq) = last_stream_seq(header)
        {
            self.acked_at = Some(turn.now.wall);
            self.settle_through(turn, seq);
        }
    }
}

/// Bytes of the field that tells how large a payload is that is not there.
fn size_field_len(payload: usize) -> usize {
    let digits = payload.checked_ilog10().unwrap_or(0) as usize + 1;
    name::MSG_SIZE.len() + ": ".len() + digits + "\r\n".len()
}

fn field(out: &mut Vec<u8>, name: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    value(out);
    out.extend_from_slice(b"\r\n");
}

fn last_stream_seq(header: &[u8]) -> Option<u64> {
    let value = causeway_wire::header::value(header, name::LAST_STREAM)?;
    core::str::from_utf8(value).ok()?.parse().ok()
}
