//! Pull requests: whether they may wait, and what they hear if not.

use core::cell::Cell;

use causeway_wire::jetstream::PriorityPolicy;
use causeway_wire::jetstream::request::{NextRequest, PullRequest};
use causeway_wire::jetstream::status::{
    BadPull, CONSUMER_IS_PUSH_BASED, EXCEEDED_MAX_WAITING, NO_MESSAGES, PIN_ID_MISMATCH, PullLimit,
    REQUESTS_PENDING,
};

use super::timers::AtEnd;
use super::waiting::{Priority, Request};
use super::{Consumer, Turn, limits, span};
use crate::time::{Duration, Mono};

impl Consumer {
    /// A client asks for messages, to be sent to `reply`: the payload of a request to
    /// `CONSUMER.MSG.NEXT`, or what follows `+NXT` in an ack.
    pub(crate) fn pull(&mut self, turn: &mut Turn<'_>, payload: &[u8], reply: &[u8]) {
        if self.is_push() {
            return turn.out.tell(reply, CONSUMER_IS_PUSH_BASED);
        }
        let NextRequest { pull: request, is_json } = match NextRequest::parse(payload) {
            Ok(request) => request,
            Err(why) => return turn.out.status(reply, |out| BadPull::Json(&why).write(out)),
        };
        if let Some(limit) = self.over_limit(&request) {
            return turn.out.status(reply, |out| limit.write(out));
        }
        if let Some(why) = self.misplaced(&request).filter(|_| is_json) {
            return turn.out.status(reply, |out| why.write(out));
        }
        if is_json && !self.shows_pin(turn.now.mono, request.id.as_bytes()) {
            return turn.out.tell(reply, PIN_ID_MISMATCH);
        }
        self.used(turn.now.mono);
        self.wait_in_queue(turn, &request, is_json, reply);
    }

    /// Whether a request may be one of the client that holds the pin. If it is, the client keeps the
    /// pin for a while.
    fn shows_pin(&mut self, now: Mono, id: &[u8]) -> bool {
        let until = self.pin_until(now);
        match &mut self.pin {
            Some(pin) if pin.id == id => pin.until = until,
            Some(_) if !id.is_empty() => return false,
            Some(_) | None => {}
        }
        true
    }

    fn wait_in_queue(
        &mut self,
        turn: &mut Turn<'_>,
        request: &PullRequest,
        is_json: bool,
        reply: &[u8],
    ) {
        let now = turn.now.mono;
        let rested = |at: Mono| now >= at + limits::WAITING_SWEEP_EVERY;
        if self.waiting.is_full() && self.swept_at.is_none_or(rested) {
            self.swept_at = Some(now);
            self.sweep(turn, AtEnd::No);
        }
        // A request that is to wait for less than nothing is over when somebody looks.
        let over = (request.expires.0 < 0).then_some(now);
        let expires = span(request.expires).map(|span| now + span).or(over);
        if request.no_wait {
            let ready = self.num_pending + self.pending.queued() as u64;
            if ready == 0 && expires.is_none() {
                return turn.out.tell(reply, NO_MESSAGES);
            }
            if ready > 0 {
                self.sweep(turn, AtEnd::No);
                if u64::try_from(self.waiting.wanted()).is_ok_and(|wanted| ready < wanted) {
                    return turn.out.tell(reply, REQUESTS_PENDING);
                }
            }
        }
        let heartbeat = span(request.idle_heartbeat).unwrap_or_default();
        let waits = Request {
            reply: self.waiting.reply(reply),
            left: request.batch,
            delivered: 0,
            bytes: u64::try_from(request.max_bytes).unwrap_or(0),
            expires,
            no_wait: request.no_wait,
            heartbeat,
            beat_at: (heartbeat > Duration::ZERO).then(|| now + heartbeat),
            priority: is_json.then(|| priority_of(request)),
            heard_in: Cell::default(),
        };
        if !self.waiting.add(waits) && heartbeat.is_zero() {
            // With heartbeats the client notices by itself. Told, it would ask again at once.
            turn.out.tell(reply, EXCEEDED_MAX_WAITING);
        }
    }

    /// What the configuration does not allow.
    fn over_limit(&self, request: &PullRequest) -> Option<PullLimit> {
        let config = &self.config;
        if config.max_batch > 0 && request.batch > config.max_batch {
            return Some(PullLimit::MaxRequestBatch(config.max_batch));
        }
        if config.max_expires.0 > 0 && request.expires > config.max_expires {
            return Some(PullLimit::MaxRequestExpires(config.max_expires));
        }
        if config.max_bytes > 0 && request.max_bytes > config.max_bytes {
            return Some(PullLimit::MaxRequestMaxBytes(config.max_bytes));
        }
        None
    }

    /// What does not fit the consumer's priority policy.
    fn misplaced(&self, request: &PullRequest) -> Option<BadPull<'static>> {
        let policy = self.config.priority_policy;
        let overflows = request.min_pending != 0 || request.min_ack_pending != 0;
        if overflows && policy != PriorityPolicy::Overflow {
            return Some(BadPull::NotOverflow);
        }
        if !request.id.is_empty() && policy != PriorityPolicy::PinnedClient {
            return Some(BadPull::NotPinnedClient);
        }
        if !(0..=i64::from(PRIORITY_MOST)).contains(&request.priority) {
            return Some(BadPull::PriorityOutOfRange);
        }
        if policy == PriorityPolicy::None {
            return None;
        }
        if request.group.is_empty() {
            return Some(BadPull::GroupMissing);
        }
        let known = self.config.priority_groups.contains(&request.group);
        (!known).then_some(BadPull::GroupInvalid)
    }
}

/// The last priority.
const PRIORITY_MOST: u8 = 9;

fn priority_of(request: &PullRequest) -> Priority {
    Priority {
        group: request.group.clone().into_bytes(),
        min_pending: u64::try_from(request.min_pending).unwrap_or(0),
        min_ack_pending: u64::try_from(request.min_ack_pending).unwrap_or(0),
        pin: request.id.clone().into_bytes(),
        level: u8::try_from(request.priority).unwrap_or(PRIORITY_MOST),
    }
}
