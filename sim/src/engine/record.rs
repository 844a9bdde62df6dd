//! What is written down while a run goes on: the history, the rolling hash, the counts.

use super::anchors::Anchors;
use crate::hash::TraceHash;
use crate::history::{Event, History, Kind, Sym};

/// The run's notebook. Everybody who sees something writes into it.
#[derive(Debug)]
pub struct Recorder {
    /// The time of whatever is written next.
    pub now: u64,
    /// What was written down.
    pub history: History,
    /// The rolling hash.
    pub hash: TraceHash,
    /// Frames that nodes were sent, and messages that clients received.
    pub broker_events: u64,
    /// Faults that wait for what is written down.
    pub(crate) anchors: Option<Anchors>,
    without_wire: bool,
}

impl Recorder {
    /// A notebook with a history that holds no events yet.
    #[must_use]
    pub fn new(history: History, seed: u64, without_wire: bool) -> Self {
        let hash = TraceHash::new(seed);
        Self { now: 0, history, hash, broker_events: 0, anchors: None, without_wire }
    }

    /// Writes an event down, and gives its number.
    #[inline]
    pub fn event(&mut self, kind: Kind) -> u64 {
        if let Some(anchors) = &mut self.anchors {
            anchors.see(&kind);
        }
        self.history.events.push(Event { t: self.now, kind });
        self.history.events.len() as u64 - 1
    }

    /// Whether the taps are to write down what they see.
    #[must_use]
    pub const fn wants_wire(&self) -> bool {
        !self.without_wire
    }

    /// The symbol of a text.
    pub fn intern(&mut self, text: &str) -> Sym {
        self.history.symbols.intern(text)
    }

    /// The symbol of bytes that are a text.
    #[inline]
    pub fn intern_bytes(&mut self, text: &[u8]) -> Sym {
        self.history.symbols.intern_bytes(text)
    }

    /// The text of a symbol.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        self.history.symbols.text(sym)
    }
}
