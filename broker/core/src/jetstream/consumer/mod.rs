//! A consumer of a stream: what is delivered, to whom, and what waits for acks.
//!
//! A [`Consumer`] is a state machine beside the log of its stream. It knows no links and no disk:
//! its owner tells it what happens, in a [`Turn`], and carries out the [`Actions`] that it appends.
//!
//! | what happens | to be told with |
//! |---|---|
//! | a message was stored or removed, many were | [`stored`](Consumer::stored), [`removed`](Consumer::removed), [`trimmed`](Consumer::trimmed) |
//! | a client acks, asks for messages, confirms flow | [`ack`](Consumer::ack), [`pull`](Consumer::pull), [`flow_reply`](Consumer::flow_reply) |
//! | somebody listens on the deliver subject, or nobody | [`interest`](Consumer::interest) |
//! | the [`deadline`](Consumer::deadline) has come | [`tick`](Consumer::tick) |
//! | an operator changes it | [`update`](Consumer::update), [`pause`](Consumer::pause), [`unpin`](Consumer::unpin), [`reset`](Consumer::reset) |
//!
//! After any of these there may be something to deliver: [`pump`](Consumer::pump) does that.
//!
//! # State that outlives the process
//!
//! [`save`](Consumer::save) writes all of it, [`take_changes`](Consumer::take_changes) what is new
//! since the last time; one after the other they are what [`restore`](Consumer::restore) reads. A
//! delivery is not durable before it is sent: after a crash a message may come again, with the same
//! consumer sequence. Pieces may overlap: a checkpoint that saves everything may come before changes
//! that it has already. A message is never left out, and never comes again once its ack was
//! answered: the answer asks for what was changed up to then to be durable.

mod ack;
mod actions;
mod choose;
mod deliver;
mod flow;
mod info;
pub(crate) mod limits;
mod pending;
mod pull;
mod rate;
mod sequences;
mod start;
mod state;
mod stream;
mod timers;
mod update;
mod waiting;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::Op;
use causeway_store::{Filter, Log};
use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, PriorityPolicy, ReplayPolicy};

pub(crate) use actions::{About, Action, Actions, Advisory, Delivery, UnpinReason};
pub(crate) use deliver::Pump;
pub(crate) use info::Closing;
pub(crate) use state::BadState;

use flow::Flow;
use pending::Pending;
use rate::Rate;
use sequences::Sequences;
use timers::Inactivity;
use waiting::Waiting;

use crate::time::{Duration, Mono, Now, Wall};

/// What a consumer needs to do something.
pub(crate) struct Turn<'a> {
    /// The time.
    pub(crate) now: Now,
    /// The stream's messages.
    pub(crate) log: &'a mut Log,
    /// What the log asks of the disk.
    pub(crate) ops: &'a mut Vec<Op>,
    /// Whether anybody listens on a subject.
    pub(crate) interest: &'a mut dyn FnMut(&[u8]) -> bool,
    /// Random numbers.
    pub(crate) draw: &'a mut dyn FnMut() -> u64,
    /// What it wants done.
    pub(crate) out: &'a mut Actions,
}

/// What a consumer is told about itself and its stream, once.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) name: String,
    /// When it was created.
    pub(crate) created: Wall,
    /// Whether the stream keeps messages for its consumers (interest and work queue retention): then
    /// it is told of those that are needed no more.
    pub(crate) retains: bool,
    /// Whether changes are collected for [`Consumer::take_changes`].
    pub(crate) durable: bool,
    /// The largest message, in bytes: what a rate limit lets through at once.
    pub(crate) burst: u64,
}

/// A consumer sequence and a stream sequence that belong together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Pair {
    /// Deliveries, counted from 1.
    pub(crate) consumer: u64,
    /// The message.
    pub(crate) stream: u64,
}

/// The consumer.
#[derive(Debug)]
pub(crate) struct Consumer {
    config: ConsumerConfig,
    setup: Setup,
    filter: Filter,

    /// The lowest sequence that was not looked at yet. What is below was delivered, does not match,
    /// or is in `skip`.
    next: u64,
    /// The end of the log as far as this was seen: below, it has given all sequences.
    log_end: u64,
    /// The last messages of their subjects that are to be delivered before those from `next` on.
    skip: VecDeque<u64>,
    /// How many messages are still to be delivered for the first time.
    num_pending: u64,
    /// The last delivery, and the highest message ever delivered.
    delivered: Pair,
    /// Everything up to here is acked.
    floor: Pair,
    delivered_at: Option<Wall>,
    acked_at: Option<Wall>,
    /// Positions changed since the last delta.
    moved: bool,
    /// Messages that left `exhausted` through an ack since then.
    given_back: Vec<u64>,

    pending: Pending,
    /// Messages that were delivered as often as is allowed and that are still in the stream.
    exhausted: Sequences,
    /// Scratch memory.
    sequences: Vec<u64>,
    text: Vec<u8>,
    /// The subject that acks of the last delivery are published on, and how much of it is that of all.
    reply: Vec<u8>,
    reply_head: usize,

    waiting: Waiting,
    /// How often it was [pumped](Self::pump).
    pumps: u64,
    pin: Option<Pin>,
    /// Somebody listens on the deliver subject.
    active: bool,
    flow: Option<Flow>,
    rate: Option<Rate>,
    replay: Option<Replay>,
    /// Nothing goes out before, because of the rate or the original pace.
    held_until: Option<Mono>,
    beat_at: Option<Mono>,
    paused_until: Option<Mono>,
    inactivity: Inactivity,
    /// When the queue of pull requests was searched for outdated ones because it was full.
    swept_at: Option<Mono>,
}

/// A client that is served alone.
#[derive(Clone, Debug)]
struct Pin {
    id: Vec<u8>,
    group: Vec<u8>,
    since: Wall,
    until: Mono,
}

/// Messages up to a sequence go out at the pace at which they came in.
#[derive(Clone, Copy, Debug)]
struct Replay {
    through: u64,
    /// When the last one was stored, and when it went out.
    last: Option<(u64, Mono)>,
}

impl Consumer {
    /// A new consumer, at the place that its configuration names.
    pub(crate) fn new(config: ConsumerConfig, setup: Setup, now: Now, log: &mut Log) -> Self {
        let mut consumer = Self::at_nothing(config, setup, now, log);
        consumer.start(log);
        consumer.pending.change_all();
        consumer
    }

    fn at_nothing(config: ConsumerConfig, setup: Setup, now: Now, log: &Log) -> Self {
        let prioritized = config.priority_policy == PriorityPolicy::Prioritized;
        let most = usize::try_from(config.max_waiting).unwrap_or(0);
        let replay = (config.replay_policy == ReplayPolicy::Original)
            .then(|| Replay { through: log.state().last_seq, last: None });
        let mut consumer = Self {
            filter: start::filter_of(&config),
            next: 1,
            log_end: log.next_seq(),
            skip: VecDeque::new(),
            num_pending: 0,
            delivered: Pair::default(),
            floor: Pair::default(),
            delivered_at: None,
            acked_at: None,
            moved: true,
            given_back: Vec::new(),
            pending: Pending::new(setup.durable),
            exhausted: Sequences::default(),
            sequences: Vec::new(),
            text: Vec::new(),
            reply: Vec::new(),
            reply_head: 0,
            waiting: Waiting::new(most, prioritized),
            pumps: 0,
            pin: None,
            active: false,
            flow: Flow::of(&config),
            rate: Rate::new(config.rate_limit_bps, setup.burst),
            replay,
            held_until: None,
            beat_at: None,
            paused_until: None,
            inactivity: Inactivity::default(),
            swept_at: None,
            config,
            setup,
        };
        consumer.start_timers(now);
        consumer
    }

    /// Its configuration.
    pub(crate) const fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.setup.name
    }

    /// When it was created.
    pub(crate) const fn created(&self) -> Wall {
        self.setup.created
    }

    /// Whether it is there again after a restart.
    pub(crate) const fn is_durable(&self) -> bool {
        self.setup.durable
    }

    /// Whether messages of a subject are for it.
    pub(crate) fn wants(&self, subject: &[u8]) -> bool {
        self.filter.matches(subject)
    }

    /// The last delivery, and the highest message ever delivered.
    #[cfg(test)]
    pub(crate) const fn delivered(&self) -> Pair {
        self.delivered
    }

    /// Up to where everything is acked.
    #[cfg(test)]
    pub(crate) const fn floor(&self) -> Pair {
        self.floor
    }

    /// How many messages are still to be delivered for the first time.
    #[cfg(test)]
    pub(crate) const fn num_pending(&self) -> u64 {
        self.num_pending
    }

    /// Whether messages are pushed to a subject, not pulled.
    pub(crate) const fn is_push(&self) -> bool {
        !self.config.deliver_subject.is_empty()
    }

    /// The last delivery, and the last message that was looked at.
    fn last_looked_at(&self) -> Pair {
        let stream = if self.skip.is_empty() { self.next - 1 } else { self.delivered.stream };
        Pair { consumer: self.delivered.consumer, stream }
    }

    /// Whether no more messages may be delivered before some are acked.
    fn is_full(&self) -> bool {
        usize::try_from(self.config.max_ack_pending)
            .is_ok_and(|most| most > 0 && self.pending.len() >= most)
    }
}

/// A span of a configuration; nothing if it is not set.
fn span(nanos: causeway_wire::jetstream::Nanos) -> Option<Duration> {
    u64::try_from(nanos.0).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}
