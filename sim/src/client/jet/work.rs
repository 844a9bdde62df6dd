//! What consumers give out, and what is said to it.

use super::super::{Client, State, Sub};
use super::answer::Answer;
use super::{API_NS, PAUSE_NS, PUSHED, Timer, Wait, stream_event};
use crate::engine::Recorder;
use crate::history::{Answered, StreamEvent, Sym};
use crate::ids::{ConsumerNo, Sid};
use crate::payload;
use crate::plan::WorkPlan;
use crate::units::{MS, SECOND};

/// After the end of an empty request, before the next.
const BREATH_NS: u64 = 10 * MS;

/// A server may be so much later than it was asked to be.
const LATE_NS: u64 = 2 * SECOND;

/// A consumer that a client works off.
#[derive(Debug)]
pub(super) struct Puller {
    work: WorkPlan,
    /// The question that is open.
    open: Option<u32>,
    /// Messages that may still come for it.
    left: u32,
    /// It asks for nothing any more.
    rests: bool,
}

/// A delivery that is being worked on.
#[derive(Debug)]
pub(super) struct Held {
    consumer: ConsumerNo,
    seq: u64,
    consumer_seq: u64,
    how: Answered,
    to: String,
}

impl Client {
    pub(super) fn consume(&mut self, consumer: ConsumerNo, work: WorkPlan, rec: &mut Recorder) {
        let Some(jet) = &mut self.jet else { return };
        jet.pullers.insert(consumer, Puller { work, open: None, left: 0, rests: false });
        let pushes_to = jet.known.consumer(consumer).and_then(|known| known.pushes_to.clone());
        let Some(subject) = pushes_to else { return self.pull(consumer, rec) };
        let sid = Sid(PUSHED.0 + u32::from(consumer.0));
        let subject = rec.intern(&subject);
        let (queue, last) = (Sym::NONE, (Vec::new(), Sym::NONE));
        self.subs.insert(sid, Sub { subject, queue, max: 0, answer: 0, delivered: 0, last });
        if self.state == State::Connected {
            self.subscribe(&[sid], rec);
        }
    }

    pub(super) fn rest(&mut self, consumer: ConsumerNo) {
        if let Some(puller) = self.jet.as_mut().and_then(|jet| jet.pullers.get_mut(&consumer)) {
            puller.rests = true;
        }
    }

    /// Asks for messages, unless it waits for some or cannot.
    pub(super) fn pull(&mut self, consumer: ConsumerNo, rec: &mut Recorder) {
        let Some(jet) = &self.jet else { return };
        let Some(puller) = jet.pullers.get(&consumer) else { return };
        let Some(known) = jet.known.consumer(consumer).filter(|k| k.pushes_to.is_none()) else {
            return;
        };
        let Some(stream) = jet.known.stream(known.stream) else { return };
        let busy = puller.work.in_turn && jet.held.values().any(|held| held.consumer == consumer);
        if puller.open.is_some() || puller.rests || busy {
            return;
        }
        let WorkPlan { batch, expires_ns, .. } = puller.work;
        let to = format!("{}.CONSUMER.MSG.NEXT.{}.{}", stream.api, stream.name, known.name);
        let asked = format!("{{\"batch\":{batch},\"expires\":{expires_ns}}}");
        let wait = (Wait::Pull(consumer), expires_ns + LATE_NS);
        let open = self.ask(&to, (b"", asked.as_bytes()), wait, rec);
        if let Some(puller) = self.jet.as_mut().and_then(|jet| jet.pullers.get_mut(&consumer)) {
            (puller.open, puller.left) = (open, batch);
        }
    }

    /// A request for messages is over without an answer.
    pub(super) fn pull_over(&mut self, consumer: ConsumerNo, now: u64) {
        self.pull_later(consumer, now + PAUSE_NS);
    }

    fn pull_later(&mut self, consumer: ConsumerNo, at: u64) {
        let Some(jet) = &mut self.jet else { return };
        if let Some(puller) = jet.pullers.get_mut(&consumer) {
            puller.open = None;
        }
        jet.at(at, Timer::Pull(consumer));
    }

    /// A request for messages has got its end.
    pub(super) fn pull_ended(
        &mut self,
        number: u32,
        consumer: ConsumerNo,
        answer: &Answer<'_>,
        rec: &Recorder,
    ) {
        let pause = match answer.status() {
            // An idle heartbeat.
            Some(100) => return,
            // Nothing there, or the time is up.
            Some(404 | 408) => BREATH_NS,
            Some(_) | None => PAUSE_NS,
        };
        self.forget_question(number);
        self.pull_later(consumer, rec.now + pause);
    }

    fn forget_question(&mut self, number: u32) {
        let Some(jet) = &mut self.jet else { return };
        jet.waiting.remove(&number);
        jet.timers.retain(|_, timer| !matches!(timer, Timer::Expire(of) if *of == number));
    }

    /// A message has come that it asked for, now or some time ago.
    pub(super) fn pulled(&mut self, answer: &Answer<'_>, rec: &mut Recorder) {
        let Some(jet) = &self.jet else { return };
        let ticket = answer.ticket();
        let of = ticket.and_then(|t| jet.known.consumer_called(t.stream, t.consumer));
        let Some(consumer) = of else {
            self.api_error("a delivery", answer, rec);
            return;
        };
        self.given(consumer, answer, rec);
        let puller = self.jet.as_mut().and_then(|jet| jet.pullers.get_mut(&consumer));
        let Some(puller) = puller else { return };
        puller.left = puller.left.saturating_sub(1);
        if puller.left == 0
            && let Some(number) = puller.open.take()
        {
            self.forget_question(number);
            self.pull(consumer, rec);
        }
    }

    /// A consumer has delivered by itself.
    pub(super) fn pushed(&mut self, consumer: ConsumerNo, answer: &Answer<'_>, rec: &mut Recorder) {
        if answer.status().is_none() {
            self.given(consumer, answer, rec);
        } else if let Some(reply) = answer.reply {
            // Flow control wants an answer.
            let to = String::from_utf8_lossy(reply).into_owned();
            self.say(&to, None, b"", b"", rec);
        }
    }

    fn given(&mut self, consumer: ConsumerNo, answer: &Answer<'_>, rec: &mut Recorder) {
        let (Some(ticket), Some(reply)) = (answer.ticket(), answer.reply) else {
            self.api_error("a delivery", answer, rec);
            return;
        };
        let payload = answer.payload();
        let subject = rec.intern_bytes(answer.subject);
        stream_event(
            StreamEvent::Given {
                client: self.id,
                consumer,
                seq: ticket.seq,
                consumer_seq: ticket.consumer_seq,
                times: ticket.times,
                pending: ticket.pending,
                subject,
                msg: answer.identity(),
                size: payload.len() as u32,
                hash: payload::content_hash(payload),
            },
            rec,
        );
        let to = String::from_utf8_lossy(reply).into_owned();
        let Some(jet) = &mut self.jet else { return };
        let Some(puller) = jet.pullers.get(&consumer) else { return };
        if jet.known.consumer(consumer).is_none_or(|known| known.silent) {
            return;
        }
        let work = puller.work;
        let Some(how) = decide(&work, jet.draws.below(1_000_000) as u32) else { return };
        let takes = jet.draws.below(work.hold_ns + 1);
        let (seq, consumer_seq) = (ticket.seq, ticket.consumer_seq);
        jet.last_timer = jet.last_timer.wrapping_add(1);
        let number = jet.last_timer;
        jet.held.insert(number, Held { consumer, seq, consumer_seq, how, to });
        if takes == 0 {
            self.done_with(number, rec);
        } else {
            jet.at(rec.now + takes, Timer::Done(number));
        }
    }

    /// The work on a delivery is done.
    pub(super) fn done_with(&mut self, number: u32, rec: &mut Recorder) {
        let Some(held) = self.jet.as_mut().and_then(|jet| jet.held.remove(&number)) else { return };
        if self.state != State::Connected {
            return;
        }
        let Held { consumer, seq, consumer_seq, how, to } = held;
        let client = self.id;
        stream_event(StreamEvent::Answered { client, consumer, seq, consumer_seq, how }, rec);
        match how {
            Answered::Ack => self.say(&to, None, b"", b"+ACK", rec),
            Answered::Nak => self.say(&to, None, b"", b"-NAK", rec),
            Answered::Term => self.say(&to, None, b"", b"+TERM", rec),
            Answered::AckAndWait => {
                let wait = (Wait::Ack { consumer, seq }, API_NS);
                self.ask(&to, (b"", b"+ACK"), wait, rec);
            }
        }
        let puller = self.jet.as_ref().and_then(|jet| jet.pullers.get(&consumer));
        if puller.is_some_and(|puller| puller.work.in_turn) {
            self.pull(consumer, rec);
        }
    }
}

/// What is said to a delivery, by a draw below a million.
fn decide(work: &WorkPlan, draw: u32) -> Option<Answered> {
    let mut below = 0;
    for (name, ppm) in work.shares() {
        below += ppm;
        if draw < below {
            return match name {
                "double" => Some(Answered::AckAndWait),
                "nak" => Some(Answered::Nak),
                "term" => Some(Answered::Term),
                _ => None,
            };
        }
    }
    Some(Answered::Ack)
}
