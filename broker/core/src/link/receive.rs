//! Receiving: bytes become frames, in place where they were read.
//!
//! What the peer sends is cut at random places. The rest of a read that is not a whole frame is
//! kept with the link and put in front of the next read; a frame larger than the receive buffer is
//! collected with the link until it is whole.

use alloc::vec::Vec;
use core::mem;

use crate::effects::{Effects, LinkCmd};
use crate::ids::LinkId;
use crate::limits;
use crate::link::rx::{HEADROOM_BYTES, RxBuf};
use crate::link::{Hold, LinkKind};
use crate::node::Node;
use crate::time::{Duration, Mono, Now};
use crate::timers::Due;

/// What came of parsing a piece of input.
pub(crate) struct Progress {
    /// Bytes that were whole frames.
    pub(crate) consumed: usize,
    /// How many bytes, from there on, must be present before parsing again makes sense.
    pub(crate) need: usize,
}

impl Node {
    /// Takes everything in `rx`.
    pub(crate) fn receive(&mut self, now: Now, id: LinkId, rx: &mut RxBuf, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return rx.clear() };
        link.keepalive.last_in = now.mono;
        link.keepalive.owing_from = link.tx.total();
        if link.closing.is_some() {
            return rx.clear();
        }
        let mut left = mem::take(&mut link.rx.bytes);
        if link.rx.held.is_some() {
            // The host had read before it saw the pause.
            left.extend_from_slice(rx.received());
            link.rx.bytes = left;
            return rx.clear();
        }
        let need = link.rx.need;
        if left.is_empty() {
            self.parse_and_keep(now, id, rx.received(), left, fx);
        } else if left.len() + rx.received().len() < need {
            left.reserve_exact(need - left.len());
            left.extend_from_slice(rx.received());
            self.keep(id, left, need);
        } else if left.len() <= HEADROOM_BYTES {
            let joined = rx.join(&left).unwrap_or_default();
            left.clear();
            self.parse_and_keep(now, id, joined, left, fx);
        } else {
            self.finish_large(now, id, left, need, rx.received(), fx);
        }
        rx.clear();
        self.end_of_input(now, id, fx);
    }

    /// A frame that did not fit in front of the receive buffer is completed with the link's bytes;
    /// the rest is parsed where it is.
    fn finish_large(
        &mut self,
        now: Now,
        id: LinkId,
        mut left: Vec<u8>,
        need: usize,
        received: &[u8],
        fx: &mut Effects,
    ) {
        let split = need.saturating_sub(left.len()).min(received.len());
        left.extend_from_slice(&received[..split]);
        let whole = mem::take(&mut left);
        let progress = self.parse(now, id, &whole, fx);
        left.extend_from_slice(&whole[progress.consumed..]);
        if left.is_empty() && !self.is_held(id) {
            self.parse_and_keep(now, id, &received[split..], left, fx);
        } else {
            left.extend_from_slice(&received[split..]);
            self.keep(id, left, progress.need);
        }
    }

    /// Goes on with input that was held back.
    pub(crate) fn resume(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        if link.closing.is_some() || link.rx.held.take().is_none() {
            return;
        }
        let whole = mem::take(&mut link.rx.bytes);
        if !whole.is_empty() {
            self.parse_and_keep(now, id, &whole, Vec::new(), fx);
        }
        self.end_of_input(now, id, fx);
        if !self.is_held(id) && self.is_open(id) {
            fx.links.push(LinkCmd::ResumeRead { link: id });
        }
    }

    /// Parses `bytes` and keeps what is left over in `spare`, an empty buffer.
    fn parse_and_keep(
        &mut self,
        now: Now,
        id: LinkId,
        bytes: &[u8],
        mut spare: Vec<u8>,
        fx: &mut Effects,
    ) {
        let progress = self.parse(now, id, bytes, fx);
        let rest = &bytes[progress.consumed..];
        if rest.is_empty() {
            // An idle link keeps no memory for its input.
            return;
        }
        if progress.need <= HEADROOM_BYTES {
            spare.reserve_exact(rest.len());
        } else {
            spare.reserve_exact(rest.len().max(progress.need));
        }
        spare.extend_from_slice(rest);
        self.keep(id, spare, progress.need);
    }

    fn keep(&mut self, id: LinkId, bytes: Vec<u8>, need: usize) {
        if let Some(link) = self.links.get_mut(id).filter(|link| link.closing.is_none()) {
            link.rx.bytes = bytes;
            link.rx.need = need;
        }
    }

    fn parse(&mut self, now: Now, id: LinkId, bytes: &[u8], fx: &mut Effects) -> Progress {
        match self.links.get(id).map(super::Link::kind) {
            Some(LinkKind::Client) => self.parse_client(now, id, bytes, fx),
            Some(LinkKind::Route) => self.parse_route(now, id, bytes, fx),
            Some(LinkKind::Shard) | None => Progress { consumed: bytes.len(), need: 0 },
        }
    }

    /// Stops handling the link's input; the first reason wins.
    pub(crate) fn hold(&mut self, id: LinkId, why: Hold) {
        if let Some(link) = self.links.get_mut(id) {
            link.rx.held.get_or_insert(why);
        }
    }

    pub(crate) fn is_open(&self, id: LinkId) -> bool {
        self.links.get(id).is_some_and(super::Link::is_open)
    }

    fn is_held(&self, id: LinkId) -> bool {
        self.links.get(id).is_some_and(|link| link.rx.held.is_some())
    }

    /// After a batch of input: what stalls or holds the link is told to the host.
    fn end_of_input(&mut self, now: Now, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        if link.closing.is_some() {
            return;
        }
        if let Some(client) = link.client_mut()
            && (mem::take(&mut client.hit_slow_receiver) || perturb!(self, Stall))
        {
            client.stalls += 1;
            self.stats.stalls += 1;
            self.hold(id, Hold::Stall(now.mono + limits::STALL_MAX));
        }
        match self.links.get(id).and_then(|link| link.rx.held) {
            None => {}
            Some(hold) => {
                fx.links.push(LinkCmd::PauseRead { link: id });
                match hold {
                    Hold::Turn => {
                        let late = if perturb!(self, LateResume) { 1 } else { 0 };
                        self.timers.arm(now.mono + Duration::from_millis(late), Due::Resume(id));
                    }
                    Hold::Stall(until) => self.timers.arm(until, Due::Resume(id)),
                    Hold::Verify | Hold::Durable | Hold::Starting => {}
                }
            }
        }
    }

    /// A timer says that held input may go on.
    pub(crate) fn resume_due(&mut self, now: Now, at: Mono, id: LinkId, fx: &mut Effects) {
        let fits = match self.links.get(id).and_then(|link| link.rx.held) {
            Some(Hold::Turn) => true,
            Some(Hold::Stall(until)) => until <= at,
            Some(Hold::Verify | Hold::Durable | Hold::Starting) | None => false,
        };
        if fits {
            self.resume(now, id, fx);
        }
    }
}
