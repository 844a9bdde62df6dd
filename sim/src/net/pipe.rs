//! One direction of a connection.

use std::collections::VecDeque;

use super::{Chunker, Written};
use crate::plan::RETRANSMIT_NS;
use crate::rng::Stream;

/// Bytes on their way from a writer to a reader, and those that have arrived and are not read.
///
/// Positions count all bytes since the connection began:
///
/// ```text
/// read <= arrived <= written,   written - read <= window
/// ```
#[derive(Debug)]
pub(crate) struct Pipe {
    /// The bytes from `read` to `written`, behind `head`.
    buffer: Vec<u8>,
    head: usize,
    read: u64,
    arrived: u64,
    written: u64,
    window: u64,
    /// In order; arrival times never decrease.
    segments: VecDeque<Segment>,
    last_arrival: u64,
    /// The acceptor's side of the handshake has come.
    opened: bool,
    /// The writer's FIN has come: after the bytes there is no more.
    finished: bool,
    /// The reader does not read.
    paused: bool,
    /// It reads once more all the same.
    overread: bool,
    /// The writer waits for room.
    blocked: bool,
    /// There is room, but the news of it is cut off.
    pub(super) space_held: bool,
    /// When the writer will be told that the network's queue has room; past if it need not be.
    pub(super) room_asked_at: u64,
    /// RST waits with the bytes.
    pub(super) reset_held: bool,
    /// A fault breaks the stream behind this position.
    breaks: Option<Break>,
    /// Since when bytes have been waiting for an acknowledgement that cannot come.
    unacked_since: Option<u64>,
    /// When the reader wants to be woken, apart from new arrivals.
    want_wake: u64,
    /// When it will be woken, as far as the heap knows.
    scheduled: u64,
    noise: Stream,
    chunker: Chunker,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    /// [`Pipe::HELD`] while it cannot arrive.
    arrive: u64,
    /// The position behind its last byte.
    end: u64,
    fin: bool,
}

/// Where a fault breaks a stream, and how it looks to the reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Break {
    at: u64,
    fin: bool,
}

const NEVER: u64 = u64::MAX;

impl Default for Pipe {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            head: 0,
            read: 0,
            arrived: 0,
            written: 0,
            window: 0,
            segments: VecDeque::new(),
            last_arrival: 0,
            opened: false,
            finished: false,
            paused: false,
            overread: false,
            blocked: false,
            space_held: false,
            room_asked_at: 0,
            reset_held: false,
            breaks: None,
            unacked_since: None,
            want_wake: NEVER,
            scheduled: NEVER,
            noise: Stream::new(0, "", &[]),
            chunker: Chunker::default(),
        }
    }
}

/// What came with arrived segments.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Arrival {
    /// The first segment of the connection: the acceptor learns of it.
    pub(crate) opens: bool,
    /// Something came that an end which is gone would answer with RST.
    pub(crate) anything: bool,
}

impl Pipe {
    /// The arrival time of what cannot arrive.
    pub(super) const HELD: u64 = NEVER;

    /// Begins anew and keeps the buffers.
    pub(super) fn reset(&mut self, window: u64, noise: Stream, chunker: Chunker) {
        let buffer = std::mem::take(&mut self.buffer);
        let segments = std::mem::take(&mut self.segments);
        *self = Self { buffer, segments, window, noise, chunker, ..Self::default() };
        self.buffer.clear();
        self.segments.clear();
    }

    /// Takes as many bytes as the window and the network have room for.
    pub(super) fn push<'a>(
        &mut self,
        chunks: impl Iterator<Item = &'a [u8]>,
        most: u64,
    ) -> Written {
        let free = self.window - (self.written - self.read);
        let mut room = free.min(self.until_break()).min(most) as usize;
        let mut bytes = 0;
        let mut full = false;
        self.compact();
        for chunk in chunks {
            let part = chunk.len().min(room);
            self.buffer.extend_from_slice(&chunk[..part]);
            bytes += part;
            room -= part;
            if part < chunk.len() {
                full = true;
                break;
            }
        }
        self.written += bytes as u64;
        self.blocked |= full;
        Written { bytes, full }
    }

    /// The stream will break after so many more bytes.
    pub(super) fn break_after(&mut self, bytes: u64, fin: bool) {
        if self.breaks.is_none() {
            self.breaks = Some(Break { at: self.written.saturating_add(bytes), fin });
        }
    }

    /// It will not, unless it has.
    pub(super) fn break_no_more(&mut self) {
        if !self.has_broken() {
            self.breaks = None;
        }
    }

    /// Bytes that still pass before the stream breaks. A broken stream takes no more: its writer
    /// sees a full window until it learns why.
    fn until_break(&self) -> u64 {
        self.breaks.map_or(u64::MAX, |at| at.at - self.written)
    }

    /// Whether the bytes that were pushed last are the last ones.
    pub(super) fn has_broken(&self) -> bool {
        self.until_break() == 0
    }

    /// Whether the writer is reset when the stream breaks; the reader is too.
    pub(super) fn breaks_by_reset(&self) -> bool {
        self.breaks.is_some_and(|at| !at.fin)
    }

    /// The bytes that were pushed last.
    pub(crate) fn pushed(&self, bytes: usize) -> &[u8] {
        &self.buffer[self.buffer.len() - bytes..]
    }

    /// The position behind all bytes read.
    pub(crate) const fn position(&self) -> u64 {
        self.read
    }

    fn compact(&mut self) {
        if self.head == self.buffer.len() {
            self.buffer.clear();
            self.head = 0;
        } else if self.head > 64 << 10 && self.head > self.buffer.len() / 2 {
            self.buffer.drain(..self.head);
            self.head = 0;
        }
    }

    pub(super) fn send(&mut self, arrive: u64, fin: bool) {
        let arrive = if arrive == Self::HELD { arrive } else { arrive.max(self.last_arrival) };
        if arrive != Self::HELD {
            self.last_arrival = arrive;
        }
        self.segments.push_back(Segment { arrive, end: self.written, fin });
    }

    pub(super) const fn noise(&mut self) -> &mut Stream {
        &mut self.noise
    }

    pub(crate) const fn chunker(&mut self) -> &mut Chunker {
        &mut self.chunker
    }

    /// Whether the last segments cannot arrive; nothing may overtake them.
    pub(super) fn holds(&self) -> bool {
        self.segments.back().is_some_and(|segment| segment.arrive == Self::HELD)
    }

    pub(super) fn in_flight(&self) -> bool {
        !self.segments.is_empty()
    }

    /// What is under way is lost, and nobody is left who would send it again.
    pub(super) fn lose_in_flight(&mut self) {
        self.segments.clear();
    }

    /// What has not arrived by now will not.
    pub(super) fn hold(&mut self, now: u64) {
        for segment in &mut self.segments {
            if segment.arrive > now {
                segment.arrive = Self::HELD;
            }
        }
        self.last_arrival = self.last_arrival.min(now);
    }

    /// Gives segments that were held a new time.
    pub(super) fn release(&mut self, mut arrival: impl FnMut(u64, &mut Stream) -> u64) {
        let mut begin = self.arrived;
        let mut last = self.last_arrival;
        for segment in &mut self.segments {
            if segment.arrive == Self::HELD {
                segment.arrive = arrival(segment.end - begin, &mut self.noise).max(last);
            }
            last = last.max(segment.arrive);
            begin = segment.end;
        }
        self.last_arrival = last;
    }

    /// When TCP sends again for the first time from now on: pauses double from the first.
    pub(super) fn retransmission(&self, now: u64) -> u64 {
        let since = self.unacked_since.unwrap_or(now);
        let mut pause = RETRANSMIT_NS;
        let mut at = since.saturating_add(pause);
        while at < now {
            pause = pause.saturating_mul(2);
            at = at.saturating_add(pause);
        }
        at
    }

    /// Starts the clock of unacknowledged bytes; says whether it was not running.
    pub(super) const fn start_unacked(&mut self, now: u64) -> bool {
        let starts = self.unacked_since.is_none();
        if starts {
            self.unacked_since = Some(now);
        }
        starts
    }

    pub(super) const fn unacked_since(&self) -> Option<u64> {
        self.unacked_since
    }

    pub(super) const fn acknowledged(&mut self) {
        self.unacked_since = None;
    }

    /// Takes in what has arrived.
    pub(crate) fn arrive(&mut self, now: u64) -> Arrival {
        let mut arrival = Arrival::default();
        while let Some(segment) = self.segments.front().copied()
            && segment.arrive <= now
        {
            self.segments.pop_front();
            self.arrived = segment.end;
            self.finished |= segment.fin;
            arrival.opens |= !std::mem::replace(&mut self.opened, true);
            arrival.anything = true;
        }
        arrival
    }

    /// Bytes that have arrived and are not read.
    pub(crate) const fn readable(&self) -> u64 {
        self.arrived - self.read
    }

    /// Whether everything was read and the writer said that there is no more.
    pub(crate) const fn at_end(&self) -> bool {
        self.finished && self.arrived == self.read
    }

    /// Whether the end that the reader sees is a broken connection.
    pub(crate) fn ends_broken(&self) -> bool {
        self.has_broken() && self.breaks_by_reset()
    }

    /// Whether the reader does not read now. One that had its hand in the pipe when it was told to
    /// pause reads once more.
    pub(crate) const fn holds_reader(&mut self) -> bool {
        self.paused && !std::mem::replace(&mut self.overread, false)
    }

    pub(crate) const fn pause(&mut self, paused: bool, overread: bool) {
        self.paused = paused;
        self.overread = paused && overread;
    }

    /// The first bytes that can be read; at most `most`.
    pub(crate) fn peek(&self, most: usize) -> &[u8] {
        let bytes = (self.readable() as usize).min(most);
        &self.buffer[self.head..self.head + bytes]
    }

    /// Takes bytes out that were looked at.
    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes as u64 <= self.readable());
        self.head += bytes;
        self.read += bytes as u64;
        self.compact();
    }

    /// Whether a waiting writer is to be told of room now: when a quarter of the window is free.
    pub(super) fn frees_writer(&mut self) -> bool {
        let room = self.window - (self.written - self.read);
        let frees = self.blocked && (room >= self.window / 4 || self.readable() == 0);
        if frees {
            self.blocked = false;
        }
        frees
    }

    /// Asks for a wake-up at this time at the latest.
    pub(super) fn want_wake(&mut self, at: u64) {
        self.want_wake = self.want_wake.min(at);
    }

    /// The time of a wake-up that the heap does not know yet.
    pub(super) fn next_wake(&mut self) -> Option<u64> {
        let first = self.segments.front().map_or(NEVER, |segment| segment.arrive);
        let at = first.min(self.want_wake);
        if at >= self.scheduled {
            return None;
        }
        self.scheduled = at;
        Some(at)
    }

    /// A wake-up of the heap: whether it is the one that counts.
    pub(crate) fn woken(&mut self, now: u64) -> bool {
        if self.scheduled != now {
            return false;
        }
        self.scheduled = NEVER;
        if self.want_wake <= now {
            self.want_wake = NEVER;
        }
        true
    }
}
