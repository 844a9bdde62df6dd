//! One direction of a connection: what its writer has sent and its reader has not been handed yet.

use std::collections::VecDeque;

/// What travels.
#[derive(Debug)]
pub(crate) enum Freight {
    Bytes {
        bytes: Vec<u8>,
        /// How many of them were handed over.
        used: usize,
        /// When they were sent.
        sent_at: u64,
    },
    /// The writer says no more.
    Fin,
    /// The writer's end is gone.
    Rst,
}

/// Where to break a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutAfter {
    pub(crate) bytes: u64,
    /// The reader sees an orderly end.
    pub(crate) fin: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Pipe {
    queue: VecDeque<(u64, Freight)>,
    queued: usize,
    /// Bytes that were sent, and that were handed over.
    pub(crate) sent: u64,
    pub(crate) passed: u64,
    last_at: u64,
    /// Since when the first of what is due cannot go on.
    pub(crate) blocked_since: Option<u64>,
    pub(crate) cut_after: Option<CutAfter>,
    /// When the next piece may be handed over.
    pub(crate) next_piece_at: u64,
    /// Its reader was told of the end.
    pub(crate) finished: bool,
    /// What is sent from now on goes nowhere.
    pub(crate) severed: bool,
}

impl Pipe {
    /// Bytes under way.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Nothing overtakes: what is sent later arrives no earlier.
    pub(crate) fn push(&mut self, at: u64, freight: Freight) {
        self.last_at = self.last_at.max(at);
        if let Freight::Bytes { bytes, .. } = &freight {
            self.queued += bytes.len();
            self.sent += bytes.len() as u64;
        }
        self.queue.push_back((self.last_at, freight));
    }

    /// Nothing arrives before this.
    pub(crate) fn not_before(&mut self, at: u64) {
        self.last_at = self.last_at.max(at);
    }

    pub(crate) fn front(&self) -> Option<(u64, &Freight)> {
        self.queue.front().map(|(at, freight)| (*at, freight))
    }

    /// The bytes at the front that are due, if it is bytes; and when they were sent.
    pub(crate) fn due_bytes(&self, now: u64) -> Option<(&[u8], u64)> {
        match self.queue.front() {
            Some((at, Freight::Bytes { bytes, used, sent_at })) if *at <= now => {
                Some((bytes.get(*used..).unwrap_or_default(), *sent_at))
            }
            _ => None,
        }
    }

    /// So many bytes of the front were handed over.
    pub(crate) fn handed_over(&mut self, count: usize) {
        self.passed += count as u64;
        self.queued = self.queued.saturating_sub(count);
        if let Some(cut) = &mut self.cut_after {
            cut.bytes = cut.bytes.saturating_sub(count as u64);
        }
        if let Some((_, Freight::Bytes { bytes, used, .. })) = self.queue.front_mut() {
            *used += count;
            if *used >= bytes.len() {
                self.queue.pop_front();
            }
        }
    }

    /// Takes the sign at the front.
    pub(crate) fn take_sign(&mut self) -> Option<Freight> {
        match self.queue.front() {
            Some((_, Freight::Fin | Freight::Rst)) => self.queue.pop_front().map(|(_, sign)| sign),
            _ => None,
        }
    }

    /// Nothing of it will arrive.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.blocked_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Freight {
        Freight::Bytes { bytes: text.as_bytes().to_vec(), used: 0, sent_at: 7 }
    }

    #[test]
    fn nothing_overtakes_and_bytes_may_be_taken_in_parts() {
        let mut pipe = Pipe::default();
        pipe.push(20, bytes("abc"));
        pipe.push(10, bytes("d"));
        pipe.push(10, Freight::Fin);
        assert!(pipe.due_bytes(19).is_none());
        assert_eq!(pipe.due_bytes(20), Some((&b"abc"[..], 7)));
        pipe.handed_over(2);
        assert_eq!((pipe.due_bytes(20), pipe.queued()), (Some((&b"c"[..], 7)), 2));
        assert!(pipe.take_sign().is_none());
        pipe.handed_over(1);
        assert_eq!(pipe.front().map(|(at, _)| at), Some(20));
        pipe.handed_over(1);
        assert!(matches!(pipe.take_sign(), Some(Freight::Fin)));
        assert_eq!((pipe.sent, pipe.passed, pipe.queued()), (4, 4, 0));
    }
}
