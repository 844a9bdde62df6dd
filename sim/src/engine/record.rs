//! What is written down while a run goes on: the history, the rolling hash, the counts.

use crate::hash::TraceHash;
use crate::history::{Event, History, Kind, Sym};

/// The run's notebook. Everybody who sees something writes into it.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The time of whatever is written next.
    pub(crate) now: u64,
    pub(crate) history: History,
    pub(crate) hash: TraceHash,
    /// Frames that nodes were sent, and messages that clients received.
    pub(crate) broker_events: u64,
    without_wire: bool,
}

impl Recorder {
    pub(crate) fn new(history: History, seed: u64, without_wire: bool) -> Self {
        let hash = TraceHash::new(seed);
        Self { now: 0, history, hash, broker_events: 0, without_wire }
    }

    /// Writes an event down, and gives its number.
    #[inline]
    pub(crate) fn event(&mut self, kind: Kind) -> u64 {
        self.history.events.push(Event { t: self.now, kind });
        self.history.events.len() as u64 - 1
    }

    /// Whether the taps are to write down what they see.
    pub(crate) const fn wants_wire(&self) -> bool {
        !self.without_wire
    }

    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        self.history.symbols.intern(text)
    }

    #[inline]
    pub(crate) fn intern_bytes(&mut self, text: &[u8]) -> Sym {
        self.history.symbols.intern_bytes(text)
    }

    pub(crate) fn text(&self, sym: Sym) -> &str {
        self.history.symbols.text(sym)
    }
}
