//! Which pull request gets the next message, and who of a group is served alone.

use alloc::vec::Vec;

use causeway_wire::jetstream::PriorityPolicy;
use causeway_wire::jetstream::status::PullEnd;

use super::waiting::Request;
use super::{Advisory, Consumer, Pin, Turn, UnpinReason, span};
use crate::time::Mono;

/// Whether a request may have the next message.
enum Fit {
    Yes,
    /// It may once it holds the pin, which nobody does now.
    WithPin,
    /// Not now.
    Waits,
    /// It holds a pin that is no longer good.
    WrongPin,
}

impl Consumer {
    /// The place in the queue of who gets the next message, of `size` bytes. Requests that turn out
    /// to be over are answered and go.
    pub(super) fn choose(&mut self, turn: &mut Turn<'_>, size: u64) -> Option<usize> {
        let mut at = 0;
        while let Some(request) = self.waiting.get(at) {
            if request.is_expired(turn.now.mono) {
                request.end(turn.out, PullEnd::RequestTimeout);
                self.waiting.remove(at);
                continue;
            }
            // Interest does not change while the consumer is pumped.
            if request.heard_in.replace(self.pumps) != self.pumps
                && !(turn.interest)(&request.reply)
            {
                self.waiting.remove(at);
                continue;
            }
            let fit = self.fit(request);
            match fit {
                Fit::Waits => {
                    at += 1;
                    continue;
                }
                Fit::WrongPin => {
                    request.end(turn.out, PullEnd::WrongPinId);
                    self.waiting.remove(at);
                    continue;
                }
                Fit::Yes | Fit::WithPin => {}
            }
            if request.bytes > 0 && size > request.bytes {
                request.end(turn.out, PullEnd::MessageSizeExceedsMaxBytes);
                self.waiting.remove(at);
                continue;
            }
            if matches!(fit, Fit::WithPin) {
                self.pin(turn, at);
            }
            return Some(at);
        }
        None
    }

    fn fit(&self, request: &Request) -> Fit {
        match self.config.priority_policy {
            PriorityPolicy::None | PriorityPolicy::Prioritized => Fit::Yes,
            PriorityPolicy::PinnedClient => match (&self.pin, request.pin()) {
                (None, []) => Fit::WithPin,
                (Some(_), []) => Fit::Waits,
                (Some(pin), id) if pin.id == id => Fit::Yes,
                (_, _) => Fit::WrongPin,
            },
            PriorityPolicy::Overflow => {
                let Some(priority) = &request.priority else { return Fit::Yes };
                let asks = priority.min_pending > 0 || priority.min_ack_pending > 0;
                let acks = self.pending.len() as u64;
                let fits = (priority.min_pending > 0 && self.num_pending >= priority.min_pending)
                    || (priority.min_ack_pending > 0 && acks >= priority.min_ack_pending);
                if asks && !fits { Fit::Waits } else { Fit::Yes }
            }
        }
    }

    /// Lets the request at that place have the pin. One without a group is served as it is.
    fn pin(&mut self, turn: &mut Turn<'_>, at: usize) {
        let priority = self.waiting.get(at).and_then(|request| request.priority.as_ref());
        let Some(group) = priority.map(|priority| priority.group.clone()) else { return };
        if group.is_empty() {
            return;
        }
        let id = name(turn.draw);
        self.waiting.pin(at, &id);
        turn.out.advise(Advisory::Pinned { group: &group, pin: &id });
        let until = self.pin_until(turn.now.mono);
        self.pin = Some(Pin { id, group, since: turn.now.wall, until });
    }

    /// When the pin is lost if its client is silent from now on.
    pub(super) fn pin_until(&self, now: Mono) -> Mono {
        now + span(self.config.priority_timeout).unwrap_or(super::limits::PIN_TIMEOUT)
    }

    /// Takes the pin away.
    pub(super) fn drop_pin(&mut self, turn: &mut Turn<'_>, reason: UnpinReason) {
        if let Some(pin) = self.pin.take() {
            turn.out.advise(Advisory::Unpinned { group: &pin.group, reason });
        }
    }

    /// Takes the pin of a group away from whoever has it; whether there is such a group.
    pub(crate) fn unpin(&mut self, turn: &mut Turn<'_>, group: &str) -> bool {
        let known = self.config.priority_groups.iter().any(|each| each == group);
        if known {
            self.drop_pin(turn, UnpinReason::Admin);
        }
        known
    }
}

/// A random name of 22 characters.
fn name(draw: &mut dyn FnMut() -> u64) -> Vec<u8> {
    (0..PIN_CHARACTERS).map(|_| character(draw())).collect()
}

/// Characters of a pin.
const PIN_CHARACTERS: usize = 22;

/// One of 62 characters.
pub(super) fn character(random: u64) -> u8 {
    const CHARACTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    CHARACTERS[(random % 62) as usize]
}
