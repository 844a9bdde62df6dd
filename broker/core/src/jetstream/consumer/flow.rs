//! Flow control of a push consumer.
//!
//! The client is asked now and then to confirm what it has received. While more than a window of
//! bytes is unconfirmed, nothing is delivered. The window doubles with every confirmation.
//!
//! Half of a window is confirmed in a round trip at best, since one question is open at a time. So a
//! mirror or source, which may be far away, has windows of its own: half of the largest one is twice
//! what a link of 200 MiB/s holds in 76 ms, and the first one fills such a link at once. That does not
//! crowd out others, because a consumer stops while much waits for the route
//! ([`ROUTE_REPLAY_BYTES`](crate::limits::ROUTE_REPLAY_BYTES)).

use alloc::vec::Vec;

use causeway_wire::jetstream::ConsumerConfig;

use super::limits::{
    FLOW_WINDOW_FIRST, FLOW_WINDOW_MOST, FLOW_WINDOW_SOURCING_FIRST, FLOW_WINDOW_SOURCING_MOST,
};

/// The window.
#[derive(Debug)]
pub(super) struct Flow {
    window: u64,
    most: u64,
    /// Bytes under way.
    unconfirmed: u64,
    /// Bytes that the answer to the open request confirms.
    asked_for: u64,
    /// The subject that the answer to the open request comes on; empty if none is open.
    request: Vec<u8>,
}

impl Flow {
    /// What a configuration asks for.
    pub(super) fn of(config: &ConsumerConfig) -> Option<Self> {
        let (first, most) = if config.sourcing {
            (FLOW_WINDOW_SOURCING_FIRST, FLOW_WINDOW_SOURCING_MOST)
        } else {
            (FLOW_WINDOW_FIRST, FLOW_WINDOW_MOST)
        };
        config.flow_control.then(|| Self::new(first, most))
    }

    const fn new(window: u64, most: u64) -> Self {
        Self { window, most, unconfirmed: 0, asked_for: 0, request: Vec::new() }
    }

    /// Whether nothing may be delivered until the client answers.
    pub(super) const fn is_closed(&self) -> bool {
        self.unconfirmed > self.window
    }

    /// The subject that an answer is waited for on.
    pub(super) fn request(&self) -> Option<&[u8]> {
        (!self.request.is_empty()).then_some(self.request.as_slice())
    }

    /// Counts a delivery. Whether the client is to be asked now: more than half of the window is
    /// unconfirmed, or the consumer is `full` of unacked messages and its acks are the answers.
    pub(super) fn sent(&mut self, bytes: u64, full: bool) -> bool {
        self.unconfirmed += bytes;
        if self.request.is_empty() {
            return full || self.unconfirmed > self.window / 2;
        }
        // Deliveries that were under way with the request and exceed a window count with it.
        if self.unconfirmed - self.asked_for >= self.window {
            self.asked_for += bytes;
        }
        false
    }

    /// Opens a request whose answer comes on `subject`.
    pub(super) fn ask(&mut self, subject: &[u8]) {
        self.asked_for = self.unconfirmed;
        self.request.clear();
        self.request.extend_from_slice(subject);
    }

    /// Takes an answer; whether it is the one waited for.
    pub(super) fn answer(&mut self, subject: &[u8]) -> bool {
        if self.request.is_empty() || self.request != subject {
            return false;
        }
        self.window = (self.window * 2).min(self.most);
        self.unconfirmed = self.unconfirmed.saturating_sub(self.asked_for);
        self.asked_for = 0;
        self.request.clear();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_client_is_asked_at_half_a_window_and_stalls_at_a_whole_one() {
        let mut flow = Flow::new(FLOW_WINDOW_FIRST, FLOW_WINDOW_MOST);
        assert!(!flow.sent(MIB, false), "half a window is not more than half");
        assert!(flow.sent(1, false));
        flow.ask(b"fc.1");
        assert!(!flow.sent(MIB, false), "one request at a time");
        assert!(flow.is_closed());
        assert!(!flow.answer(b"fc.0"), "an old answer");
        assert!(flow.answer(b"fc.1"));
        assert!(!flow.is_closed() && flow.request().is_none());
        assert!(!flow.answer(b"fc.1"), "once");
    }

    #[test]
    fn the_window_doubles_up_to_32_mib() {
        let mut flow = Flow::new(FLOW_WINDOW_FIRST, FLOW_WINDOW_MOST);
        for doubled in [4, 8, 16, 32, 32] {
            flow.ask(b"fc");
            assert!(flow.answer(b"fc"));
            assert_eq!(flow.window, doubled * MIB);
        }
    }

    /// A link of 200 MiB/s with a round trip of 76 ms, in steps of a millisecond; a millisecond more
    /// until what came is durable.
    #[test]
    fn a_source_fills_a_long_link() {
        const ROUND_TRIP_MS: u64 = 77;
        let sourcing = ConsumerConfig { sourcing: true, flow_control: true, ..Default::default() };
        let mut flow = Flow::of(&sourcing).unwrap();
        let per_ms = 200 * MIB / 1000;
        let (mut sent, mut answer_at) = (0, None);
        for ms in 0..1000 {
            if answer_at == Some(ms) {
                assert!(flow.answer(b"fc"));
                answer_at = None;
            }
            if flow.is_closed() {
                continue;
            }
            sent += per_ms;
            if flow.sent(per_ms, false) {
                flow.ask(b"fc");
                answer_at = Some(ms + ROUND_TRIP_MS);
            }
        }
        assert!(sent > 190 * MIB, "{} MiB in a second", sent / MIB);
    }

    #[test]
    fn a_full_consumer_asks_whatever_the_bytes() {
        let mut flow = Flow::new(FLOW_WINDOW_FIRST, FLOW_WINDOW_MOST);
        assert!(!flow.sent(10, false));
        assert!(flow.sent(10, true));
    }
}
