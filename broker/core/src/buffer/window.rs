//! How much may be under way to a peer: what the way holds, so that replaying fills it, and little
//! more, so that ordinary traffic finds no long queue in front of it.
//!
//! ```text
//!   bytes ▲   ┌──────┐  more with every answer that comes at once
//!         │   │first │╲
//!         │   │      │ ╲____________________  rate × (least + patience) + bunch
//!         │   │      │  answers have begun to queue: their pace is that of the narrowest place
//!         └───┴──────┴──────────────────────► time
//!                 one round trip
//! ```
//!
//! * How wide a way is shows first when answers come, a round trip after the beginning. So the first
//!   window is large: a small one would cost round trips that nobody can make up for.
//! * Two servers that find each other again may both have dialled. Little is sent while there is another
//!   connection that may take the place of this one: until that is decided, or the peer has answered.
//! * The *pace* of the answers, not how many come in a round trip, says how wide it is: bytes leave
//!   the narrowest place one after the other, also if the way is not full.
//! * The time from sending a message to hearing that it is safe is the way there and back, the peer's
//!   sync, and queues. What is more than the least that was seen is queues: then no more is under
//!   way than fits at that pace.
//! * A peer answers once for each sync. What one answer covers is not in anybody's way, so it comes on
//!   top.
//! * Ways change, and a queue that is always there looks like a longer way. So the least is forgotten
//!   after a while, and for a moment half as much is under way as the way holds.
//! * Where less is under way than half of the window, something else is the limit (what there is to
//!   send, or TCP), and nothing is learnt.

use crate::limits;
use crate::time::{Duration, Mono};

/// The window of one peer's connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    bytes: u64,
    /// From sending a message to its answer, at the least.
    least: Option<Least>,
    /// What one answer covers, at the most, lately; in bytes.
    bunch: u64,
    /// Answers that are being measured.
    train: Option<Train>,
    /// The last paces, in bytes per second.
    paces: [u64; PACES],
    /// Until then it stays as it is: it was made small, to see the way without a queue.
    still_until: Mono,
    /// Nothing has been answered on this connection, and it may be given up for another one.
    doubtful: bool,
}

/// So many measurements are remembered: about one round trip.
const PACES: usize = 8;

/// So many must have been made before less is under way because of them. In the first, answers may
/// have waited behind what the peer has to send itself, and the second quickest of two is the slowest.
const PACES_SURE: usize = 3;

/// The least of two spans of time: the one that lasts, and the one before.
#[derive(Clone, Copy, Debug)]
struct Least {
    since: Mono,
    lately: Duration,
    before: Duration,
}

/// Answers that follow each other.
#[derive(Clone, Copy, Debug)]
struct Train {
    since: Mono,
    /// What was answered since the first one.
    bytes: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            bytes: limits::BUFFER_WINDOW_FIRST_BYTES,
            least: None,
            bunch: 0,
            train: None,
            paces: [0; PACES],
            still_until: Mono(0),
            doubtful: false,
        }
    }
}

impl Window {
    pub(super) const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Nothing is left that could take the connection's place.
    pub(super) const fn trust(&mut self) {
        self.doubtful = false;
    }

    pub(super) fn bytes(&self) -> u64 {
        if self.doubtful {
            self.bytes.min(limits::BUFFER_WINDOW_DOUBTFUL_BYTES)
        } else {
            self.bytes
        }
    }

    /// Another connection. What was learnt on the last one may be of a way that was going bad, and a
    /// window that is too small costs more than one that is too large.
    pub(super) fn reset(&mut self, doubtful: bool) {
        *self = Self { doubtful, ..Self::default() };
    }

    /// So many bytes are known to be safe, the last of them after this time; before, so many were
    /// under way.
    pub(super) fn acknowledged(&mut self, now: Mono, bytes: u64, flight: u64, after: Duration) {
        let least = self.least(now, after);
        // The peer takes what comes on this connection.
        self.doubtful = false;
        if flight < self.bytes / 2 {
            self.train = None;
            return;
        }
        self.measure(now, bytes, least);
        if now < self.still_until {
            return;
        }
        let patience = limits::BUFFER_QUEUE_PATIENCE.max(least / 4);
        let fits =
            self.pace().map(|pace| at_pace(pace, least + patience).saturating_add(self.bunch));
        if after <= least + patience / 4 {
            // No queue: as much as their pace asks for, and a quarter more, to see whether it passes.
            let more = self.bytes + bytes;
            let most = fits.map_or(more, |fits| more.min(fits + fits / 4).max(fits));
            self.bytes = most.max(self.bytes).min(limits::BUFFER_WINDOW_MOST_BYTES);
        } else if let Some(fits) = fits
            && (fits >= self.bytes || self.is_sure_of_pace())
        {
            let (least, most) =
                (limits::BUFFER_WINDOW_LEAST_BYTES, limits::BUFFER_WINDOW_MOST_BYTES);
            self.bytes = fits.clamp(least, most);
        }
    }

    /// The least time that an answer has taken lately, with this one.
    fn least(&mut self, now: Mono, after: Duration) -> Duration {
        let first = Least { since: now, lately: after, before: after };
        let pace = self.pace();
        let least = self.least.get_or_insert(first);
        if now.since(least.since) >= limits::BUFFER_LEAST_SPAN {
            let quickest = least.lately.min(least.before);
            *least = Least { since: now, lately: after, before: least.lately };
            if let Some(pace) = pace {
                let half = at_pace(pace, quickest / 2).saturating_add(self.bunch);
                self.bytes = self.bytes.min(half).max(limits::BUFFER_WINDOW_LEAST_BYTES);
                // One round trip to drain, and one to see it.
                self.still_until = now + quickest * 2;
            }
        }
        least.lately = least.lately.min(after);
        least.lately.min(least.before)
    }

    /// The second quickest pace lately, in bytes per second: in the quickest, answers may have come
    /// together.
    fn pace(&self) -> Option<u64> {
        let (quickest, second) = self
            .paces
            .iter()
            .fold((0, 0), |(first, second), pace| (first.max(*pace), second.max(first.min(*pace))));
        let pace = if second > 0 { second } else { quickest };
        Some(pace).filter(|pace| *pace > 0)
    }

    fn is_sure_of_pace(&self) -> bool {
        self.paces.iter().filter(|pace| **pace > 0).count() >= PACES_SURE
    }

    /// Takes an answer into the measurement of the pace.
    fn measure(&mut self, now: Mono, bytes: u64, least: Duration) {
        self.bunch = bytes.max(self.bunch - self.bunch / 8);
        let Some(train) = &mut self.train else {
            self.train = Some(Train { since: now, bytes: 0 });
            return;
        };
        train.bytes = train.bytes.saturating_add(bytes);
        let span = now.since(train.since);
        if span > limits::BUFFER_PACE_PAUSE.max(least * 2) {
            // That was a pause and no pace.
            self.train = Some(Train { since: now, bytes: 0 });
        } else if span >= limits::BUFFER_PACE_SPAN.max(least / PACES as u32) {
            let pace = u128::from(train.bytes) * 1_000_000_000 / span.as_nanos();
            self.paces.rotate_right(1);
            self.paces[0] = u64::try_from(pace).unwrap_or(u64::MAX);
            self.train = Some(Train { since: now, bytes: 0 });
        }
    }
}

/// Bytes that pass in this time at so many per second.
fn at_pace(pace: u64, time: Duration) -> u64 {
    let bytes = u128::from(pace) * time.as_nanos() / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;

    const MIB: u64 = 1 << 20;
    const MESSAGE: u64 = 16 << 10;

    /// A way: bytes per second, the round trip in milliseconds, and how often the peer syncs.
    #[derive(Clone, Copy)]
    struct Way {
        width: u64,
        rtt: u64,
        sync: u64,
    }

    /// What a replay has shown.
    #[derive(Debug, Default)]
    struct Seen {
        /// When the last answer came, in milliseconds.
        end: u64,
        /// The longest queue in front of the narrowest place in the second half, in milliseconds.
        queue: u64,
    }

    /// Sends a backlog over a way, in steps of 100 µs.
    fn replay(window: &mut Window, way: Way, backlog: u64) -> Seen {
        let (mut sent, mut left_at, mut seen) = (0, 0, Seen::default());
        let mut flight: VecDeque<(u64, u64)> = VecDeque::new();
        for now in 0..1_000_000 {
            // Answers: of all that has arrived by the last sync.
            let sync = way.sync * 10;
            let synced = u64::saturating_sub(now, way.rtt * 10) / sync * sync;
            let before = flight.len() as u64 * MESSAGE;
            let (mut answered, mut after) = (0, 0);
            while let Some((at, arrives)) = flight.front().copied()
                && (arrives + 1).max(sync) <= synced
            {
                flight.pop_front();
                (answered, after) = (answered + MESSAGE, now - at);
            }
            if answered > 0 {
                window.acknowledged(at(now), answered, before, tenths(after));
            }
            if sent >= backlog && flight.is_empty() {
                seen.end = now / 10;
                return seen;
            }
            while sent < backlog && (flight.len() as u64) * MESSAGE < window.bytes() {
                // In steps of 1/1000: messages are small beside them.
                left_at = left_at.max(now * 1000) + MESSAGE * 10_000_000 / way.width;
                sent += MESSAGE;
                flight.push_back((now, left_at / 1000));
            }
            if sent > backlog / 2 && sent < backlog {
                seen.queue = seen.queue.max((left_at / 1000).saturating_sub(now) / 10);
            }
        }
        panic!("it never ends: {window:?}");
    }

    fn tenths(of: u64) -> Duration {
        Duration::from_micros(of * 100)
    }

    fn at(now: u64) -> Mono {
        Mono(0) + tenths(now)
    }

    fn ways() -> impl Iterator<Item = Way> {
        let widths = [5, 20, 60, 200].map(|mib| mib * MIB);
        widths.into_iter().flat_map(|width| {
            [1, 40, 140]
                .into_iter()
                .flat_map(move |rtt| [1, 5, 30].map(|sync| Way { width, rtt, sync }))
        })
    }

    #[test]
    fn a_backlog_takes_as_long_as_its_bytes_and_little_more() {
        for way in ways() {
            for backlog in [4, 32, 128] {
                let seen = replay(&mut Window::default(), way, backlog * MIB);
                let ideal = backlog * MIB * 1000 / way.width + way.rtt;
                let case = (way.width / MIB, way.rtt, way.sync, backlog, ideal);
                assert!(seen.end <= ideal + 100 + 5 * way.sync + ideal / 50, "{case:?}: {seen:?}");
            }
        }
    }

    #[test]
    fn there_is_no_long_queue_once_answers_come() {
        for way in ways() {
            let seen = replay(&mut Window::default(), way, 128 * MIB);
            let bound = 60 + 2 * way.sync + way.rtt;
            let case = (way.width / MIB, way.rtt, way.sync);
            assert!(seen.queue <= bound, "{case:?}: {seen:?} of {bound}");
        }
    }

    #[test]
    fn another_connection_begins_anew() {
        let mut window = Window::default();
        replay(&mut window, Way { width: 5 * MIB, rtt: 40, sync: 1 }, 64 * MIB);
        assert!(window.bytes() < MIB, "{window:?}");
        window.reset(false);
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_FIRST_BYTES);
        window.reset(true);
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_DOUBTFUL_BYTES);
        window.acknowledged(at(100), 1000, MIB, tenths(100));
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_FIRST_BYTES, "the first answer is enough");
        window.reset(true);
        window.trust();
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_FIRST_BYTES, "nobody else is left");
    }

    #[test]
    fn a_trickle_teaches_nothing() {
        let mut window = Window::default();
        for number in 0..1000 {
            let after = Duration::from_millis(40 + number % 200);
            window.acknowledged(at(number * 100), 1000, 1000, after);
        }
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_FIRST_BYTES);
    }

    #[test]
    fn what_was_held_up_and_then_let_go_is_no_queue() {
        let mut window = Window::default();
        let rtt = Duration::from_millis(120);
        for number in 0..1000 {
            window.acknowledged(at(number * 200), 1000, 6 * MIB, rtt);
        }
        // For four seconds nothing passes; then all is answered at once.
        for number in 0..100 {
            let after = Duration::from_millis(4_000 - number);
            window.acknowledged(at(240_000 + number), 60_000, 6 * MIB, after);
        }
        let mut now = 240_100;
        for _ in 0..10 {
            now += 1200;
            let flight = window.bytes();
            window.acknowledged(at(now), flight, flight, rtt);
        }
        assert!(window.bytes() > 4 * MIB, "{window:?}");
    }

    #[test]
    fn answers_that_wait_behind_the_peers_own_backlog_are_no_pace() {
        let mut window = Window::default();
        let flight = 8 * MIB;
        window.acknowledged(at(800), 8_000, flight, tenths(790));
        // The next ones stand behind 6 MiB, and come together then.
        window.acknowledged(at(1370), 80_000, flight, tenths(1360));
        for number in 0..20 {
            window.acknowledged(at(1371 + number), 350_000, flight / 2, tenths(1360));
        }
        assert!(window.bytes() >= 8 * MIB, "{window:?}");
    }

    #[test]
    fn a_way_that_has_become_longer_is_not_taken_for_a_queue_for_ever() {
        let mut window = Window::default();
        let mut now = 0;
        for after in [40, 200] {
            for _ in 0..2000 {
                now += 100;
                let flight = window.bytes();
                window.acknowledged(at(now), flight, flight, Duration::from_millis(after));
            }
        }
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_MOST_BYTES);
    }
}
