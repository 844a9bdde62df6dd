//! What comes on the subjects of an intake: an answer, messages, heartbeats, questions whether more
//! may come.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::AckSubject;
use causeway_wire::jetstream::headers::name::{
    BATCH_PREFIX, CONSUMER_STALLED, EXPECTED_PREFIX, LAST_CONSUMER, STREAM_SOURCE,
};

use super::{Intake, Kind, Phase};
use crate::jetstream::turn::Incoming;
use crate::time::{Duration, Mono, Now};

/// What is to be done about something that came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Received<'a> {
    /// Nothing.
    Nothing,
    /// A message of the origin that is the next one.
    Message(Delivered),
    /// The origin asks here whether all that came so far is safe.
    Confirm(&'a [u8]),
    /// The consumer begins behind this sequence of the origin.
    Begins(u64),
}

/// A message's place in the origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Delivered {
    pub(crate) seq: u64,
    /// When it was stored there, in ns of wall time.
    pub(crate) time: u64,
    /// What is to come after it.
    pub(crate) pending: u64,
}

impl Intake {
    /// Takes what came on one of its subjects.
    pub(crate) fn receive<'a>(
        &mut self,
        now: Now,
        incoming: &Incoming<'a>,
        jitter: &mut dyn FnMut(Duration) -> Duration,
    ) -> Received<'a> {
        if self.deliver.is_empty() {
            return Received::Nothing;
        }
        if incoming.subject == self.reply {
            let begins = self.answered(now, incoming.header, incoming.payload, jitter);
            return begins.map_or(Received::Nothing, Received::Begins);
        }
        if incoming.subject != self.deliver {
            return Received::Nothing;
        }
        match header::status(incoming.header) {
            Some((b"100", _)) if incoming.payload.is_empty() => self.control(now.mono, incoming),
            _ => self.message(now, incoming),
        }
    }

    /// A sign of life, or a question whether more may come.
    fn control<'a>(&mut self, now: Mono, incoming: &Incoming<'a>) -> Received<'a> {
        if self.phase != Phase::Reading {
            return Received::Nothing;
        }
        self.heard_at = Some(now);
        if let Some(reply) = incoming.reply {
            return Received::Confirm(reply);
        }
        let last = header::value(incoming.header, LAST_CONSUMER).and_then(number);
        if last.is_some_and(|last| last > 0 && last != self.delivery) {
            self.ask_again(now);
            return Received::Nothing;
        }
        let stalled = header::value(incoming.header, CONSUMER_STALLED);
        match stalled.filter(|subject| !subject.is_empty()) {
            Some(subject) => Received::Confirm(subject),
            None => Received::Nothing,
        }
    }

    fn message<'a>(&mut self, now: Now, incoming: &Incoming<'a>) -> Received<'a> {
        let Some(place) = incoming.reply.and_then(AckSubject::parse) else {
            return Received::Nothing;
        };
        if !matches!(self.phase, Phase::Asking(_) | Phase::Pausing(_) | Phase::Reading) {
            return Received::Nothing;
        }
        // Before it is told to, a consumer that is given goes on where it was.
        if self.source.consumer.is_some() && self.phase != Phase::Reading {
            return Received::Nothing;
        }
        // Another server of the same domain may have a stream of that name, too.
        if !self.consumer.is_empty() && self.consumer != place.consumer {
            return Received::Nothing;
        }
        if place.deliveries > 1 {
            return Received::Nothing;
        }
        if self.consumer.is_empty() {
            self.consumer = place.consumer.to_vec();
        }
        self.is_alive(now);
        let next = place.consumer_seq == self.delivery + 1;
        if place.stream_seq <= self.position.seq {
            self.delivery += u64::from(next);
            return Received::Nothing;
        }
        if !next {
            self.ask_again(now.mono);
            return Received::Nothing;
        }
        let time = u64::try_from(place.timestamp).unwrap_or(0);
        Received::Message(Delivered { seq: place.stream_seq, time, pending: place.pending })
    }

    /// The message has been taken in, or passed over for good.
    pub(crate) fn took(&mut self, place: &Delivered) {
        self.delivery += 1;
        self.pass_over(place.seq);
        self.lag = place.pending;
    }

    /// Up to here there is nothing more for it.
    pub(crate) fn pass_over(&mut self, seq: u64) {
        self.position.seq = seq;
        self.moved = true;
    }

    /// The answer to [`Received::Confirm`].
    pub(crate) fn confirmation(&self) -> Vec<u8> {
        let (delivery, seq) = (self.delivery, self.position.seq);
        alloc::format!(
            "NATS/1.0\r\nNats-Last-Consumer: {delivery}\r\nNats-Last-Stream: {seq}\r\n\r\n"
        )
        .into_bytes()
    }

    /// The header that a message is stored with: without what its publisher expected of the origin,
    /// and in a source with where it is from.
    pub(crate) fn header_for<'a>(
        &self,
        place: &Delivered,
        subject: &[u8],
        block: &'a [u8],
    ) -> Cow<'a, [u8]> {
        let mut own = Cow::Borrowed(block);
        for prefix in [EXPECTED_PREFIX, BATCH_PREFIX] {
            if memchr::memmem::find(block, prefix).is_some() {
                header::remove_prefixed(own.to_mut(), prefix);
            }
        }
        if self.kind == Kind::Source {
            let own = own.to_mut();
            header::remove(own, STREAM_SOURCE);
            let identity = &self.position.identity;
            let value = super::name::header(&self.name, place.seq, subject, identity);
            header::push(own, STREAM_SOURCE, &value);
        }
        own
    }

    /// What a subject of the origin becomes.
    pub(crate) fn map(&self, subject: &[u8], random: &mut dyn FnMut() -> u32) -> Option<Vec<u8>> {
        self.transforms.iter().flatten().find_map(|each| each.map(subject, random))
    }
}

fn number(value: &[u8]) -> Option<u64> {
    core::str::from_utf8(value).ok()?.parse().ok()
}
