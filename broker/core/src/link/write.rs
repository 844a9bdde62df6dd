//! Sending: what puts bytes into a transmit queue, and the deadline by which the peer's socket has
//! to take them.

use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::link::{Link, LinkKind};
use crate::node::Node;
use crate::time::{Duration, Mono, Now};
use crate::timers::Due;
use crate::trace::TraceEvent;

/// Watches that batches of writes are taken in time.
///
/// A batch is what was pending when it began. It must be gone within the write deadline; then the
/// next begins. A client that misses it is closed; a server link is closed only if not a single
/// byte of the batch was taken (nats-server's policies `close` and `retry`).
#[derive(Debug, Default)]
pub(crate) struct WriteWatch {
    /// Bytes of the batch still to be taken; 0 while nothing is watched.
    left: u64,
    /// Whether some were taken.
    progressed: bool,
    /// When the batch must be gone; a timer that fires at another time is outdated.
    due: Option<Mono>,
    /// When the timer in the heap comes; it may be too early.
    pub(crate) timer: Option<Mono>,
}

impl Link {
    /// Says to the host that there is something to write. Call before appending.
    pub(crate) fn wake(&self, fx: &mut Effects) {
        if self.tx.pending() == 0 {
            fx.wake_tx.push(self.id);
        }
    }
}

impl Node {
    /// Appends protocol bytes to a link's queue. `write` is called with the queue's open end.
    pub(crate) fn send(
        &mut self,
        slot: u32,
        fx: &mut Effects,
        write: impl FnOnce(&mut alloc::vec::Vec<u8>),
    ) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.closing.is_some() {
            return;
        }
        link.wake(fx);
        let tail = link.tx.tail(&mut self.spare);
        let before = tail.len();
        write(tail);
        let bytes = tail.len() - before;
        let traced = fx.trace_mask.protocol.then(|| tail[before..].to_vec());
        link.tx.appended(bytes);
        let (pending, max) = (link.tx.pending(), self.config.limits.max_pending);
        if link.kind() == LinkKind::Client && pending > max && pending - bytes as u64 <= max {
            self.delivery.too_slow(slot, pending);
        }
        self.turn_output += bytes;
        if let Some(sent) = traced {
            self.trace_out(slot, &sent, fx);
        }
    }

    /// The host wrote `bytes` from the front of the queue.
    pub(crate) fn accepted(&mut self, now: Now, id: LinkId, bytes: usize) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.tx.accept(bytes, &mut self.spare);
        link.keepalive.bytes_taken(now.mono, bytes);
        let pending = link.tx.pending();
        if self.buffers.is_some() {
            self.buffer_drained(id);
        }
        let Some(link) = self.links.get_mut(id) else { return };
        if pending == 0 {
            link.write = WriteWatch { timer: link.write.timer, ..WriteWatch::default() };
            return;
        }
        let watch = &mut link.write;
        watch.progressed |= bytes > 0;
        watch.left = watch.left.saturating_sub(bytes as u64);
        if watch.left == 0 {
            let deadline = write_deadline(&self.config, link.kind());
            self.watch_write(id, pending, now.mono + deadline);
        }
    }

    /// The next `left` bytes are to be written by `due`. One timer a link is enough: if it comes too
    /// early, it is set anew.
    fn watch_write(&mut self, id: LinkId, left: u64, due: Mono) {
        let Some(link) = self.links.get_mut(id) else { return };
        let timer = link.write.timer.filter(|timer| *timer <= due);
        link.write =
            WriteWatch { left, progressed: false, due: Some(due), timer: timer.or(Some(due)) };
        if timer.is_none() {
            self.timers.arm(due, Due::Write(id));
        }
    }

    /// A write deadline has come.
    pub(crate) fn write_due(&mut self, now: Now, at: Mono, id: LinkId, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        if link.write.timer != Some(at) || link.closing.is_some() {
            return;
        }
        link.write.timer = None;
        let Some(due) = link.write.due else { return };
        if due > at {
            link.write.timer = Some(due);
            self.timers.arm(due, Due::Write(id));
            return;
        }
        let deadline = write_deadline(&self.config, link.kind());
        if link.kind() == LinkKind::Route && link.write.progressed {
            let left = link.tx.pending();
            self.watch_write(id, left, now.mono + deadline);
            return;
        }
        let pending = link.tx.pending();
        let who = self.label(id.slot);
        fx.trace.push(TraceEvent::SlowConsumer {
            who,
            pending,
            max_pending: None,
            deadline: Some(deadline),
        });
        self.count_slow(id.slot);
        self.close(now, id.slot, CloseReason::SlowConsumerWriteDeadline, Duration::ZERO, fx);
    }

    pub(crate) fn count_slow(&mut self, slot: u32) {
        match self.links.at(slot).map(Link::kind) {
            Some(LinkKind::Client) => self.stats.slow_clients += 1,
            Some(LinkKind::Route | LinkKind::Shard) => self.stats.slow_routes += 1,
            None => {}
        }
    }
}

fn write_deadline(config: &crate::config::NodeConfig, kind: LinkKind) -> Duration {
    match (kind, &config.cluster) {
        (LinkKind::Route, Some(cluster)) => cluster.write_deadline,
        (LinkKind::Client | LinkKind::Route | LinkKind::Shard, _) => config.write_deadline,
    }
}
