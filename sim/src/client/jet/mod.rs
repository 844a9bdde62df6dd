//! What a client does with streams: over the wire and nothing else, as a client library would.
//!
//! Every question has an answer subject of its own below the client's inbox, `_JET.<client>.<conn>.<n>`.
//! What a question is for is remembered by its number until the answer has come, the time is up or
//! the connection is gone.
//!
//! | file | what |
//! |---|---|
//! | `known` | names and configurations of streams and consumers |
//! | `answer` | answers of the API as JSON, and subjects of deliveries |
//! | `publish` | messages that are to be stored: window, time-outs, second tries |
//! | `batch` | messages that are stored as one |
//! | `keys` | keys of buckets |
//! | `work` | what consumers give out |
//! | `steward` | making streams, asking how they are |
//! | `audit` | reading everything back |

mod answer;
mod audit;
mod batch;
mod keys;
mod known;
mod publish;
mod steward;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use causeway_wire::encode;

use super::{Client, State, Sub};
use crate::engine::Recorder;
use crate::history::{Kind, StreamEvent, Sym};
use crate::ids::{ConsumerNo, Sid, StreamNo};
use crate::plan::StreamOp;
use crate::rng::Stream;
use crate::units::{MS, SECOND};
use answer::Answer;
use audit::Audit;
pub(crate) use known::Known;
use publish::Publisher;
use steward::Steward;
use work::{Held, Puller};

/// The subscription on which answers come in.
pub(super) const JET: Sid = Sid(0);

/// The subscription to what a consumer pushes; the consumer's number is added.
const PUSHED: Sid = Sid(1 << 30);

/// Before something is tried again that went wrong.
const PAUSE_NS: u64 = 250 * MS;

/// How long the API may take to answer.
const API_NS: u64 = 2 * SECOND;

/// A client's business with streams.
#[derive(Debug)]
pub(super) struct Jet {
    known: Arc<Known>,
    inbox: String,
    /// The number of the last question.
    last: u32,
    waiting: BTreeMap<u32, Wait>,
    timers: BTreeMap<(u64, u32), Timer>,
    last_timer: u32,
    publisher: Publisher,
    pullers: BTreeMap<ConsumerNo, Puller>,
    /// Deliveries that are being worked on.
    held: BTreeMap<u32, Held>,
    /// The last revision of a key that it has seen.
    seen: BTreeMap<Sym, u64>,
    /// The number of the last question about a key.
    calls: u32,
    steward: Steward,
    audit: Audit,
    draws: Stream,
}

/// What a question is for.
#[derive(Clone, Copy, Debug)]
enum Wait {
    /// A message is to be stored: its number.
    Store(u32),
    /// So many messages from this one on are to be stored as one.
    Batch { first: u32, count: u32 },
    /// A consumer is to give out messages.
    Pull(ConsumerNo),
    /// An acknowledgement is to be confirmed.
    Ack { consumer: ConsumerNo, seq: u64 },
    /// The value of a key.
    Key { call: u32, subject: Sym },
    /// The first thing that is still to be made.
    Make,
    /// How a stream is, asked at this time.
    Look(StreamNo, u64),
    /// How a stream is that is to be read back.
    Survey(StreamNo, u64),
    /// The same when it has been.
    SurveyAgain(StreamNo, u64),
    /// One of its messages.
    Read { stream: StreamNo, seq: u64 },
    /// How a consumer is.
    Consumer(ConsumerNo),
}

/// Something that is to happen later.
#[derive(Clone, Copy, Debug)]
enum Timer {
    /// The time for an answer is up.
    Expire(u32),
    /// Messages are sent again.
    Publish,
    /// A consumer is asked again.
    Pull(ConsumerNo),
    /// A delivery has been worked on.
    Done(u32),
    /// Something is to be made, asked or read again.
    Steward,
}

impl Jet {
    pub(super) fn new(known: Arc<Known>, client: u64, seed: u64) -> Self {
        Self {
            known,
            inbox: String::new(),
            last: 0,
            waiting: BTreeMap::new(),
            timers: BTreeMap::new(),
            last_timer: 0,
            publisher: Publisher::default(),
            pullers: BTreeMap::new(),
            held: BTreeMap::new(),
            seen: BTreeMap::new(),
            calls: 0,
            steward: Steward::default(),
            audit: Audit::default(),
            draws: Stream::new(seed, "client.jet", &[client]),
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn wildcard(&self) -> String {
        format!("{}*", self.inbox)
    }

    fn at(&mut self, at: u64, timer: Timer) {
        self.last_timer = self.last_timer.wrapping_add(1);
        self.timers.insert((at, self.last_timer), timer);
    }
}

impl Client {
    /// The client knows these streams.
    #[must_use]
    pub(crate) fn knowing(mut self, known: &Arc<Known>, seed: u64) -> Self {
        if !known.is_empty() {
            let jet = Jet::new(Arc::clone(known), u64::from(self.id.0), seed);
            self.jet = Some(Box::new(jet));
        }
        self
    }

    /// The plan wants something of streams.
    pub(super) fn on_stream_op(&mut self, op: &StreamOp, rec: &mut Recorder) {
        if self.jet.is_none() {
            return;
        }
        self.listen_for_answers(rec);
        match *op {
            StreamOp::Store { stream, subject, size, count, how } if how.batch > 0 => {
                self.store_batches((stream, subject), size, count, how, rec);
            }
            StreamOp::Store { stream, subject, size, count, how } => {
                self.store(stream, subject, size, count, how, rec);
            }
            StreamOp::Consume { consumer, work } => self.consume(consumer, work, rec),
            StreamOp::Rest { consumer } => self.rest(consumer),
            StreamOp::Key { stream, subject, what, size, timeout_ns } => {
                self.key(stream, subject, what, size, timeout_ns, rec);
            }
            StreamOp::Make => self.make_all(rec),
            StreamOp::Look => self.look_at_all(rec),
            StreamOp::Audit => self.audit_all(rec),
        }
    }

    /// Subscribes to its inbox, the first time.
    fn listen_for_answers(&mut self, rec: &mut Recorder) {
        if let Entry::Vacant(place) = self.subs.entry(JET) {
            let (subject, queue) = (Sym::NONE, Sym::NONE);
            let last = (Vec::new(), Sym::NONE);
            place.insert(Sub { subject, queue, max: 0, answer: 0, delivered: 0, last });
            self.renew_jet_inbox();
            if self.state == State::Connected {
                self.subscribe(&[JET], rec);
            }
        }
    }

    /// Answers to old connections must not be taken for answers to this one.
    pub(super) fn renew_jet_inbox(&mut self) {
        let (client, conn) = (self.id.0, self.conn.0);
        if let Some(jet) = &mut self.jet {
            jet.inbox = format!("_JET.{client}.{conn}.");
        }
    }

    /// Whether a subscription is the streams' business.
    pub(super) fn is_of_streams(&self, sid: Sid) -> bool {
        self.jet.is_some() && (sid == JET || sid.0 >= PUSHED.0)
    }

    /// The handshake is over: what was lost with the last connection is asked anew.
    pub(super) fn jet_connected(&mut self, rec: &mut Recorder) {
        if self.jet.is_none() {
            return;
        }
        self.publish_more(rec);
        let consumers: Vec<ConsumerNo> =
            self.jet.iter().flat_map(|jet| jet.pullers.keys().copied()).collect();
        for consumer in consumers {
            self.pull(consumer, rec);
        }
        self.make_next(rec);
        self.audit_more(rec);
    }

    /// The connection is gone, and with it all hope for answers.
    pub(super) fn jet_disconnected(&mut self, rec: &mut Recorder) {
        let Some(jet) = &mut self.jet else { return };
        let lost: Vec<Wait> = std::mem::take(&mut jet.waiting).into_values().collect();
        jet.timers.retain(|_, timer| !matches!(timer, Timer::Expire(_) | Timer::Done(_)));
        jet.held.clear();
        for wait in lost {
            self.unanswered(wait, rec);
        }
    }

    pub(super) fn jet_timers(&mut self, rec: &mut Recorder) {
        while let Some(jet) = &mut self.jet
            && let Some(entry) = jet.timers.first_entry()
            && entry.key().0 <= rec.now
        {
            match entry.remove() {
                Timer::Expire(number) => {
                    if let Some(wait) = jet.waiting.remove(&number) {
                        self.unanswered(wait, rec);
                    }
                }
                Timer::Publish => self.publish_more(rec),
                Timer::Pull(consumer) => self.pull(consumer, rec),
                Timer::Done(number) => self.done_with(number, rec),
                Timer::Steward => {
                    self.make_next(rec);
                    self.audit_more(rec);
                }
            }
        }
    }

    /// Nobody will answer this any more.
    fn unanswered(&mut self, wait: Wait, rec: &mut Recorder) {
        match wait {
            Wait::Store(number) => self.not_known(number, rec),
            Wait::Batch { first, count } => self.batch_not_known(first, count, rec),
            Wait::Pull(consumer) => self.pull_over(consumer, rec.now),
            Wait::Key { call, .. } => {
                let client = self.id;
                stream_event(StreamEvent::Untold { client, call }, rec);
            }
            Wait::Make | Wait::Survey(..) | Wait::SurveyAgain(..) | Wait::Consumer(_) => {
                self.steward_later(rec.now);
            }
            Wait::Read { seq, .. } => {
                self.read_again(seq);
                self.steward_later(rec.now);
            }
            Wait::Ack { .. } | Wait::Look(..) => {}
        }
    }

    fn steward_later(&mut self, now: u64) {
        if let Some(jet) = &mut self.jet {
            jet.at(now + PAUSE_NS, Timer::Steward);
        }
    }

    /// Asks something; gives the number of the question. Not connected, it cannot.
    fn ask(
        &mut self,
        subject: &str,
        (header, payload): (&[u8], &[u8]),
        (wait, patience_ns): (Wait, u64),
        rec: &mut Recorder,
    ) -> Option<u32> {
        if self.state != State::Connected {
            return None;
        }
        let jet = self.jet.as_mut()?;
        jet.last += 1;
        let number = jet.last;
        jet.waiting.insert(number, wait);
        jet.at(rec.now + patience_ns, Timer::Expire(number));
        let reply = format!("{}{number}", jet.inbox);
        self.say(subject, Some(&reply), header, payload, rec);
        Some(number)
    }

    /// Publishes something that is no message of the simulation by itself.
    fn say(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        header: &[u8],
        payload: &[u8],
        rec: &mut Recorder,
    ) {
        let header_len = (!header.is_empty()).then_some(header.len() as u32);
        let body = [header, payload].concat();
        let reply = reply.map(str::as_bytes);
        encode::publish(&mut self.out, subject.as_bytes(), reply, header_len, &body);
        rec.broker_events += 1;
    }

    /// A message on one of the streams' subscriptions.
    pub(super) fn jet_message(&mut self, sid: Sid, answer: &Answer<'_>, rec: &mut Recorder) {
        if sid != JET {
            let consumer = u16::try_from(sid.0 - PUSHED.0).unwrap_or(u16::MAX);
            self.pushed(ConsumerNo(consumer), answer, rec);
            return;
        }
        let Some(jet) = &mut self.jet else { return };
        let Some(number) = answer.number(&jet.inbox) else {
            // A delivery comes on the subject under which it is stored.
            self.pulled(answer, rec);
            return;
        };
        let Some(wait) = jet.waiting.get(&number).copied() else { return };
        if let Wait::Pull(consumer) = wait {
            self.pull_ended(number, consumer, answer, rec);
            return;
        }
        jet.waiting.remove(&number);
        jet.timers.retain(|_, timer| !matches!(timer, Timer::Expire(of) if *of == number));
        match wait {
            Wait::Store(number) => self.stored(number, answer, rec),
            Wait::Batch { first, count } => self.batch_stored(first, count, answer, rec),
            Wait::Ack { consumer, seq } if answer.status().is_none() => {
                let client = self.id;
                stream_event(StreamEvent::Confirmed { client, consumer, seq }, rec);
            }
            Wait::Key { call, subject } => self.key_read(call, subject, answer, rec),
            Wait::Make => self.made(answer, rec),
            Wait::Look(stream, asked) => self.looked((stream, asked), answer, rec),
            Wait::Survey(stream, asked) => self.surveyed((stream, asked), answer, rec),
            Wait::SurveyAgain(stream, asked) => self.surveyed_again((stream, asked), answer, rec),
            Wait::Read { stream, seq } => self.read_back(stream, seq, answer, rec),
            Wait::Consumer(consumer) => self.consumer_surveyed(consumer, answer, rec),
            Wait::Pull(_) | Wait::Ack { .. } => {}
        }
    }

    /// An error of the API that no plan asks for.
    fn api_error(&self, about: &str, answer: &Answer<'_>, rec: &mut Recorder) {
        let (code, text) = answer.error().unwrap_or((0, "an answer without sense".to_owned()));
        let (about, text) = (rec.intern(about), rec.intern(&text));
        let client = self.id;
        stream_event(StreamEvent::ApiError { client, about, code, text }, rec);
    }
}

/// Writes down what was seen of a stream.
fn stream_event(event: StreamEvent, rec: &mut Recorder) {
    rec.event(Kind::Stream(Box::new(event)));
}

pub(super) use answer::Answer as StreamAnswer;
