//! How a stream takes in what another one stores: the reader that mirrors and sources share.
//!
//! The other stream is the *origin*. An intake makes a consumer there by the ordinary API, listens to
//! what it pushes, and knows from the numbers of each delivery what it has not seen.
//!
//! ```text
//!            nobody answers                    the first answer or message
//!   Away ◄──────────────────┐         ┌──────────────────────────────────────► Reading
//!    │  the API is there    │         │                                           │
//!    └────────────────────► Due ──► Asking ──► refused, no answer ──► Pausing     │
//!                            ▲                                           │        │
//!                            └───────────────────────────────────────────┴────────┘
//!                              its time is over       a gap, cut off, silence, full
//! ```
//!
//! * **Exactly once.** The place in the origin is the last sequence of a mirror, or a note that is
//!   written with the message ([`Position`]): after a crash both are as they were, and the next consumer
//!   begins one behind. What a delivery skips is gone at the origin. A delivery whose number is not
//!   the next one means that something was lost on the way: a new consumer is made.
//! * **How soon it goes on.** While nobody answers, an intake waits for *interest* in the subject of
//!   its request, and asks in the turn in which that is told. A peer tells its interest as soon as a
//!   route is registered, and the request leaves behind the interest in the answer, so the first
//!   message comes one round trip after the link is usable. Nothing else bounds it: if a route closes
//!   on which a request went, the intake is cut off in that turn and need not miss heartbeats. Timers
//!   ([`limits`](crate::limits), `INTAKE_…`) are there for what no link tells: an origin that does not
//!   exist yet, an answer that was lost, a peer that lives and says nothing.
//! * **How fast.** The consumer's window (`consumer/flow.rs`) is larger than a long link holds, and it
//!   stops while much of what it delivered waits for a route, so what else crosses that route does
//!   not wait behind the backlog. Flow is confirmed when what came is durable.

mod drive;
mod name;
mod receive;
mod request;

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::info::StreamSourceInfo;
use causeway_wire::jetstream::{ApiError, ErrorKind, Nanos, StreamSource, Transform};

use crate::ids::LinkId;
use crate::limits;
use crate::time::{Duration, Mono, Now};
pub(crate) use name::{identity_of, source_name};
pub(crate) use receive::{Delivered, Received};
pub(crate) use request::{Begin, Owner, Request};

/// What is told of an intake that nobody answers.
const NOBODY: &str = "no responders";

/// Why a stream has an intake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// It is a copy of the origin.
    Mirror,
    /// It takes the origin's messages among others.
    Source,
}

/// Where an intake is in its origin.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Position {
    /// The last sequence that was taken in or passed over; 0 before the first.
    pub(crate) seq: u64,
    /// Which incarnation of the origin that was; empty if it did not say.
    pub(crate) identity: String,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nobody answers to its requests; interest in them wakes it.
    Away,
    /// It is to ask for a consumer.
    Due,
    /// It has asked, and gives up at this time.
    Asking(Mono),
    /// It was refused, or got no answer, and asks again at this time.
    Pausing(Mono),
    /// The stream is full; it asks again when there is room, or at this time.
    Full(Mono),
    /// Messages come, or signs of life.
    Reading,
}

/// The reader of one origin.
#[derive(Debug)]
pub(crate) struct Intake {
    kind: Kind,
    source: StreamSource,
    /// What it is called in notes and in the headers of what it takes in.
    name: String,
    transforms: Vec<Option<Transform>>,
    phase: Phase,
    pub(crate) position: Position,
    /// That has changed since it was last noted.
    pub(crate) moved: bool,
    /// The number of the last delivery.
    delivery: u64,
    /// The consumer whose deliveries count; empty until it is known.
    consumer: Vec<u8>,
    /// Where it asked last, or would have.
    subject: String,
    /// Where the answer comes, and where the messages; empty while it does not listen.
    reply: Vec<u8>,
    deliver: Vec<u8>,
    /// The routes that the last request left by.
    ways: Vec<LinkId>,
    /// The level of the API that the origin is asked for; 0 for none.
    level: u8,
    asked_at: Option<Mono>,
    heard_at: Option<Mono>,
    fails: u32,
    lag: u64,
    error: Option<ApiError>,
}

impl Intake {
    pub(crate) fn new(kind: Kind, source: StreamSource, position: Position) -> Self {
        let compile = |src: &str, dest: &str| Transform::new(src, dest).ok().flatten();
        let transforms = source.subject_transforms.iter();
        Self {
            name: source_name(&source),
            transforms: transforms.map(|each| compile(&each.src, &each.dest)).collect(),
            level: request::level(kind),
            kind,
            source,
            phase: Phase::Due,
            position,
            moved: false,
            delivery: 0,
            consumer: Vec::new(),
            subject: String::new(),
            reply: Vec::new(),
            deliver: Vec::new(),
            ways: Vec::new(),
            asked_at: None,
            heard_at: None,
            fails: 0,
            lag: 0,
            error: None,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The configuration that it follows.
    pub(crate) const fn source(&self) -> &StreamSource {
        &self.source
    }

    /// What it is called in notes and headers.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Messages that the origin has and that did not come yet, as far as is known.
    pub(crate) const fn lag(&self) -> u64 {
        self.lag
    }

    /// Whether it reads.
    pub(crate) fn is_reading(&self) -> bool {
        self.phase == Phase::Reading
    }

    /// Whether it is to ask now.
    pub(crate) fn is_due(&self) -> bool {
        self.phase == Phase::Due
    }

    /// Whether it waits for room.
    pub(crate) const fn is_full(&self) -> bool {
        matches!(self.phase, Phase::Full(_))
    }

    /// Whether it is subscribed to something that it has no use for.
    pub(crate) fn is_to_be_deaf(&self) -> bool {
        let idle = matches!(self.phase, Phase::Away | Phase::Full(_));
        idle && !self.deliver.is_empty()
    }

    /// It has been unsubscribed.
    pub(crate) fn deafened(&mut self) {
        self.reply.clear();
        self.deliver.clear();
        self.ways.clear();
    }

    /// The subject in which it wants somebody to be interested.
    pub(crate) fn watches(&self) -> Option<&str> {
        let asks = matches!(self.phase, Phase::Due | Phase::Full(_));
        (!asks).then_some(self.subject.as_str())
    }

    /// Whether anybody answers to its requests may have changed, or the routes that they left by;
    /// whether it wants to do something about it.
    pub(crate) fn watch(&mut self, reachable: bool, is_open: impl Fn(LinkId) -> bool) -> bool {
        let cut_off = !reachable || !self.ways.iter().all(|way| is_open(*way));
        let next = if reachable { Phase::Due } else { Phase::Away };
        match self.phase {
            Phase::Away if reachable => {}
            Phase::Asking(_) | Phase::Pausing(_) | Phase::Reading if cut_off => {}
            Phase::Away
            | Phase::Due
            | Phase::Asking(_)
            | Phase::Pausing(_)
            | Phase::Full(_)
            | Phase::Reading => return false,
        }
        self.phase = next;
        self.fails = 0;
        if !reachable {
            self.error = Some(self.failure(NOBODY));
        }
        true
    }

    /// Nobody answers, it turned out.
    pub(crate) fn nobody_answers(&mut self, subject: String) {
        self.subject = subject;
        self.phase = Phase::Away;
        self.error = Some(self.failure(NOBODY));
    }

    /// That there is no consumer, and why.
    fn failure(&self, why: &str) -> ApiError {
        let kind = match self.kind {
            Kind::Mirror => ErrorKind::MirrorConsumerSetupFailed,
            Kind::Source => ErrorKind::SourceConsumerSetupFailed,
        };
        kind.err(why)
    }

    /// There is room again.
    pub(crate) fn wake(&mut self) {
        if self.is_full() {
            self.phase = Phase::Due;
        }
    }

    /// The origin came or went: whatever was asked of it before is void.
    pub(crate) fn origin_changed(&mut self) {
        if matches!(self.phase, Phase::Asking(_) | Phase::Pausing(_) | Phase::Reading) {
            self.phase = Phase::Due;
        }
    }

    /// Does what is due. `jitter` draws a span below another.
    pub(crate) fn tick(&mut self, now: Mono, jitter: &mut dyn FnMut(Duration) -> Duration) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match self.phase {
            Phase::Asking(_) => self.pause(now, jitter),
            Phase::Pausing(_) | Phase::Full(_) | Phase::Reading => self.phase = Phase::Due,
            Phase::Away | Phase::Due => {}
        }
    }

    /// When [`tick`](Self::tick) is to be called.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        match self.phase {
            Phase::Asking(at) | Phase::Pausing(at) | Phase::Full(at) => Some(at),
            Phase::Reading => self.heard_at.map(|heard| heard + limits::INTAKE_SILENCE),
            Phase::Away | Phase::Due => None,
        }
    }

    /// Something was lost: it asks for a consumer that begins where it is, but not more often than
    /// makes sense.
    pub(crate) fn ask_again(&mut self, now: Mono) {
        let at = self.asked_at.map_or(now, |asked| asked + limits::INTAKE_AGAIN);
        self.phase = if at > now { Phase::Pausing(at) } else { Phase::Due };
        self.consumer.clear();
        // What is still under way to here is not wanted.
        self.reply.clear();
        self.deliver.clear();
    }

    /// What it did was in vain: it waits longer each time.
    fn pause(&mut self, now: Mono, jitter: &mut dyn FnMut(Duration) -> Duration) {
        let shift = self.fails.min(limits::INTAKE_PAUSE_DOUBLINGS);
        let pause = limits::INTAKE_PAUSE * (1 << shift);
        self.fails += 1;
        self.phase = Phase::Pausing(now + pause + jitter(limits::INTAKE_JITTER));
    }

    /// The stream does not take in what came.
    pub(crate) fn refused(&mut self, now: Mono, error: ApiError) {
        self.error = Some(error);
        self.phase = Phase::Full(now + limits::INTAKE_FULL);
    }

    /// How far it is, as the API tells it.
    pub(crate) fn info(&self, now: Now) -> StreamSourceInfo {
        let active = self.heard_at.map_or(-1, |heard| {
            i64::try_from(now.mono.since(heard).as_nanos()).unwrap_or(i64::MAX)
        });
        let seq = if self.kind == Kind::Source { self.position.seq } else { 0 };
        StreamSourceInfo {
            name: self.source.name.clone(),
            external: self.source.external.clone(),
            lag: self.lag,
            seq,
            active: Nanos(active),
            error: self.error.clone(),
            filter_subject: self.source.filter_subject.clone(),
            subject_transforms: self.source.subject_transforms.clone(),
        }
    }
}
