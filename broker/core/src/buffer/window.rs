//! How much may be under way to a peer: about what the way holds, so that replaying fills it and
//! ordinary traffic finds no long queue in front of it.
//!
//! The time from sending a message to hearing that it is safe is the way there and back, the peer's
//! sync, and whatever queues there are. While it stays near the least that was seen there is room for
//! more; when it is a multiple of that, we are the queue.

use crate::limits;
use crate::time::Duration;

/// The window of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    bytes: u64,
    least: Option<Duration>,
}

impl Default for Window {
    fn default() -> Self {
        Self { bytes: limits::BUFFER_WINDOW_FIRST_BYTES, least: None }
    }
}

impl Window {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Another connection: the way may be another.
    pub(super) const fn reset(&mut self) {
        self.least = None;
    }

    /// So many bytes are known to be safe, the last of them after this time.
    pub(super) fn acknowledged(&mut self, bytes: u64, after: Duration) {
        let least = self.least.map_or(after, |least| least.min(after));
        self.least = Some(least);
        let queued = after.saturating_sub(least);
        self.bytes = if queued > least.max(limits::BUFFER_QUEUE_PATIENCE) {
            (self.bytes - self.bytes / 4).max(limits::BUFFER_WINDOW_LEAST_BYTES)
        } else {
            (self.bytes + bytes).min(limits::BUFFER_WINDOW_MOST_BYTES)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_answers_are_quick_and_shrinks_while_they_wait() {
        let mut window = Window::default();
        let first = window.bytes();
        window.acknowledged(1000, Duration::from_millis(80));
        assert_eq!(window.bytes(), first + 1000);
        for _ in 0..100 {
            window.acknowledged(1000, Duration::from_millis(400));
        }
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_LEAST_BYTES);
        for _ in 0..100 {
            window.acknowledged(1 << 20, Duration::from_millis(90));
        }
        assert_eq!(window.bytes(), limits::BUFFER_WINDOW_MOST_BYTES);
    }
}
