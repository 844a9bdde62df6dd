//! A consumer's state as bytes.
//!
//! Each piece is either everything or what changed:
//!
//! ```text
//! piece      = version kind positions deliveries kind-specific
//! whole      = exhausted runs, listed sequences
//! changes    = sequences that are acked, sequences that were given up
//! positions  = next, end of the log, delivered (consumer, stream), floor (consumer, stream), times
//! deliveries = count, then for each: stream gap, consumer gap, time gap, deliveries and wait [span]
//! ```
//!
//! Numbers are of variable length (seven bits a byte, low ones first); sequences are told by their
//! distance from the one before, so a delivery takes four to six bytes. Changes of a sequence count
//! once, however many there were: a message that was delivered and acked between two pieces takes
//! none, if all before it are acked, too.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use causeway_store::{Filter, Log};
use causeway_wire::jetstream::ConsumerConfig;
use causeway_wire::jetstream::archive::{ConsumerPosition, Delivery, Position};

use super::ack::wait_after;
use super::limits::SEQUENCE_MOST;
use super::pending::{Entry, Wait};
use super::sequences::Sequences;
use super::{Consumer, Pair, Setup};
use crate::time::{Duration, Mono, Now, Wall};

mod read;
mod write;

use read::Reader;

/// What is written first, to be raised when something is written differently.
const VERSION: u8 = 1;

const WHOLE: u8 = 0;
const CHANGES: u8 = 1;

/// The state is not one that a consumer has written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadState {
    /// It is of a version that is not known here.
    Version(u8),
    /// It ends too early, goes on too long, or says what cannot be.
    Malformed,
}

/// How a wait is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Span {
    /// As long as the configuration says.
    Usual,
    /// It is over.
    Over,
    Forever,
    /// So long, in nanoseconds.
    Exactly(u64),
}

/// A delivery as it is written: its time is that of the wall clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Kept {
    dseq: u64,
    since: Wall,
    deliveries: u32,
    span: Span,
}

/// All of it as it was read.
#[derive(Debug, Default)]
struct Image {
    next: u64,
    log_end: u64,
    delivered: Pair,
    floor: Pair,
    delivered_at: Option<Wall>,
    acked_at: Option<Wall>,
    pending: BTreeMap<u64, Kept>,
    exhausted: Sequences,
    skip: Vec<u64>,
}

impl Consumer {
    /// The consumer whose state was [saved](Self::save) in these pieces, in order: the first one
    /// whole, the others [changes](Self::take_changes). What the log has lost since then, it forgets.
    ///
    /// # Errors
    /// If the pieces are not such a state.
    pub(crate) fn restore<'p>(
        pieces: impl IntoIterator<Item = &'p [u8]>,
        config: ConsumerConfig,
        setup: Setup,
        now: Now,
        log: &mut Log,
    ) -> Result<Self, BadState> {
        let mut image = None;
        for piece in pieces {
            Image::read(&mut image, piece)?;
        }
        let image = image.ok_or(BadState::Malformed)?;
        image.check()?;
        let mut consumer = Self::at_nothing(config, setup, now, log);
        consumer.take_on(image, now, log);
        Ok(consumer)
    }

    /// The consumer that was at this position, as nats-server says it.
    ///
    /// # Errors
    /// If that cannot be.
    pub(crate) fn at_position(
        position: &ConsumerPosition,
        config: ConsumerConfig,
        setup: Setup,
        now: Now,
        log: &mut Log,
    ) -> Result<Self, BadState> {
        let pair = |at: Position| Pair { consumer: at.consumer_seq, stream: at.stream_seq };
        let (delivered, floor) = (pair(position.delivered), pair(position.ack_floor));
        let too_large = |pair: Pair| pair.consumer.max(pair.stream) >= SEQUENCE_MOST;
        if too_large(delivered) || too_large(floor) {
            return Err(BadState::Malformed);
        }
        let kept = |(seq, delivery): (&u64, &Delivery)| {
            let again = position.redelivered.get(seq).copied().unwrap_or(0);
            let deliveries = u32::try_from(again).unwrap_or(u32::MAX - 1) + 1;
            let (dseq, since) = (delivery.consumer_seq, Wall(delivery.time));
            (*seq, Kept { dseq, since, deliveries, span: Span::Usual })
        };
        let image = Image {
            next: delivered.stream + 1,
            log_end: log.next_seq(),
            delivered,
            floor,
            pending: position.pending.iter().map(kept).collect(),
            ..Image::default()
        };
        image.check()?;
        let mut consumer = Self::at_nothing(config, setup, now, log);
        consumer.take_on(image, now, log);
        Ok(consumer)
    }

    /// Where it is, as nats-server says it.
    pub(crate) fn position(&self, now: Now) -> ConsumerPosition {
        let position =
            |pair: Pair| Position { consumer_seq: pair.consumer, stream_seq: pair.stream };
        let waits = || self.pending.iter().filter(|entry| entry.deliveries > 0);
        let delivery = |entry: &Entry| {
            let ago = now.mono.0.saturating_sub(entry.since.0);
            let time = now.wall.0.saturating_sub_unsigned(ago);
            (entry.sseq, Delivery { consumer_seq: entry.dseq, time })
        };
        let again = waits().filter(|entry| entry.deliveries > 1);
        ConsumerPosition {
            delivered: position(self.delivered),
            ack_floor: position(self.floor),
            pending: waits().map(delivery).collect(),
            redelivered: again.map(|it| (it.sseq, u64::from(it.deliveries - 1))).collect(),
        }
    }

    fn take_on(&mut self, image: Image, now: Now, log: &mut Log) {
        let gone = |seq: u64| log.meta(seq).is_none();
        (self.next, self.log_end) = (image.next, image.log_end);
        (self.delivered, self.floor) = (image.delivered, image.floor);
        (self.delivered_at, self.acked_at) = (image.delivered_at, image.acked_at);
        let mut lost = false;
        for (&sseq, kept) in &image.pending {
            if gone(sseq) {
                lost = true;
            } else if kept.dseq > self.floor.consumer {
                self.pending.insert(self.entry(sseq, kept, now));
            }
        }
        for (first, last) in image.exhausted.runs() {
            // A run may be any length; the log is asked for what is there.
            let mut everything = Filter::everything();
            let mut from = first;
            while let Some(seq) = log.next(&mut everything, from).filter(|seq| *seq <= last) {
                self.exhausted.insert(seq);
                from = seq + 1;
            }
        }
        lost |= self.exhausted != image.exhausted;
        self.skip = image.skip.into();
        while self.skip.front().is_some_and(|seq| *seq <= self.delivered.stream) {
            self.skip.pop_front();
        }
        lost |= self.drop_unwanted(log);
        lost |= self.fall_back(log);
        self.pending.forget_changes();
        if lost {
            self.move_floor();
            self.pending.change_all();
        }
        self.moved = lost;
        self.count_pending(log);
    }

    fn entry(&self, sseq: u64, kept: &Kept, now: Now) -> Entry {
        let Kept { dseq, since, deliveries, span } = *kept;
        let elapsed = u64::try_from(now.wall.0.saturating_sub(since.0)).unwrap_or(0);
        let since = now.mono - Duration::from_nanos(elapsed);
        let left = match span {
            Span::Over => Some(0),
            Span::Forever => None,
            Span::Exactly(nanos) => Some(nanos),
            Span::Usual => match wait_after(&self.config, deliveries, Mono(0)) {
                Wait::Until(Mono(nanos)) => Some(nanos),
                Wait::Forever | Wait::Queued(_) => None,
            },
        };
        let wait = left.map_or(Wait::Forever, |nanos| {
            Wait::Until(now.mono + Duration::from_nanos(nanos.saturating_sub(elapsed)))
        });
        Entry { sseq, dseq, since, wait, deliveries }
    }

    /// If the log has lost its end, what was known of that is forgotten, so that the messages that
    /// take its place are delivered. Whether it has.
    fn fall_back(&mut self, log: &Log) -> bool {
        let next = log.next_seq();
        if self.log_end <= next {
            return false;
        }
        if self.next <= self.log_end {
            self.next = self.next.min(next);
        }
        self.log_end = next;
        let next = self.next;
        self.delivered.stream = self.delivered.stream.min(next - 1);
        self.floor.stream = self.floor.stream.min(next - 1);
        while self.pending.pop_above(next - 1).is_some() {}
        self.exhausted.remove_above(next - 1);
        while self.skip.back().is_some_and(|seq| *seq >= next) {
            self.skip.pop_back();
        }
        if self.pending.is_empty() {
            self.floor = self.delivered;
        }
        true
    }
}

impl Image {
    fn read(image: &mut Option<Self>, piece: &[u8]) -> Result<(), BadState> {
        let mut reader = Reader::new(piece);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(BadState::Version(version));
        }
        match (reader.byte()?, &mut *image) {
            (WHOLE, _) => {
                let whole = image.insert(Self::default());
                whole.read_positions(&mut reader)?;
                whole.read_deliveries(&mut reader)?;
                for _ in 0..reader.count()? {
                    let first = whole.exhausted.last().unwrap_or(0) + reader.sequence()?;
                    let last = first.checked_add(reader.number()?).ok_or(BadState::Malformed)?;
                    if last > SEQUENCE_MOST || !whole.exhausted.push_run(first, last) {
                        return Err(BadState::Malformed);
                    }
                }
                whole.skip = reader.ascending()?;
            }
            (CHANGES, Some(image)) => {
                image.read_positions(&mut reader)?;
                image.read_deliveries(&mut reader)?;
                for seq in reader.ascending()? {
                    image.pending.remove(&seq);
                    image.exhausted.remove(seq);
                }
                for seq in reader.ascending()? {
                    image.pending.remove(&seq);
                    image.exhausted.insert(seq);
                }
            }
            _ => return Err(BadState::Malformed),
        }
        if reader.is_at_end() { Ok(()) } else { Err(BadState::Malformed) }
    }

    fn read_positions(&mut self, reader: &mut Reader<'_>) -> Result<(), BadState> {
        self.next = reader.sequence()?;
        self.log_end = reader.sequence()?;
        self.delivered = reader.pair()?;
        self.floor = reader.pair()?;
        self.delivered_at = reader.time()?;
        self.acked_at = reader.time()?;
        Ok(())
    }

    fn read_deliveries(&mut self, reader: &mut Reader<'_>) -> Result<(), BadState> {
        let (mut sseq, mut dseq, mut since) = (0, 0, 0_i64);
        for _ in 0..reader.count()? {
            sseq = reader.after(sseq)?;
            dseq = reader.after(dseq)?;
            since = since.wrapping_add(reader.signed()?);
            let (deliveries, span) = reader.wait()?;
            let kept = Kept { dseq, since: Wall(since), deliveries, span };
            self.pending.insert(sseq, kept);
            self.exhausted.remove(sseq);
        }
        Ok(())
    }

    /// What must hold whatever the log.
    fn check(&self) -> Result<(), BadState> {
        let mut pairs = self.pending.iter();
        let mut last = Pair::default();
        let ordered = pairs.all(|(&stream, kept)| {
            let before = core::mem::replace(&mut last, Pair { consumer: kept.dseq, stream });
            before.consumer < kept.dseq
        });
        let known =
            last.stream <= self.delivered.stream && last.consumer <= self.delivered.consumer;
        let placed = self.floor.consumer <= self.delivered.consumer
            && self.floor.stream <= self.delivered.stream
            && self.delivered.stream < self.next
            && self.exhausted.last().is_none_or(|seq| seq < self.next)
            && self.skip.last().is_none_or(|seq| *seq < self.next);
        if ordered && known && placed { Ok(()) } else { Err(BadState::Malformed) }
    }
}
