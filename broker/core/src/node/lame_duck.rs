//! Leaving: lame duck mode, and shutting down (ADR-5).

use alloc::vec::Vec;

use causeway_wire::encode;

use crate::effects::{Effects, HostCmd};
use crate::fault::CloseReason;
use crate::limits;
use crate::link::{Link, LinkKind};
use crate::node::Node;
use crate::rng::Stream;
use crate::time::{Duration, Mono, Now};
use crate::timers::Due;
use crate::trace::TraceEvent;

/// Longest pause between two clients that are sent away (nats-server).
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Lame duck mode, once it has begun.
#[derive(Debug)]
pub(crate) struct LameDuck {
    /// When the next client is closed; a timer that fires at another time is outdated.
    due: Mono,
    /// Between two clients.
    pause: Duration,
}

impl Node {
    /// Stops accepting, tells peers and clients, and lets the clients go one by one.
    pub(super) fn enter_lame_duck(&mut self, now: Now, fx: &mut Effects) {
        if self.lame_duck.is_some() || self.stopping {
            return;
        }
        fx.trace.push(TraceEvent::LameDuck);
        fx.host.push(HostCmd::StopAcceptingClients);
        fx.host.push(HostCmd::StopAcceptingRoutes);
        if let Some(cluster) = &mut self.cluster {
            cluster.leaving = true;
        }
        let clients = self.open_links(LinkKind::Client).len() as u32;
        if clients == 0 {
            return self.shut_down(now, fx);
        }
        let span = self.config.lame_duck_duration.saturating_sub(self.config.lame_duck_grace);
        let pause = (span / clients).min(PAUSE_MAX);
        let due = now.mono + self.config.lame_duck_grace;
        self.lame_duck = Some(LameDuck { due, pause });
        self.timers.arm(due, Due::LameDuck);
        self.tell_routes_of_lame_duck(fx);
        self.broadcast_client_info(fx);
    }

    fn tell_routes_of_lame_duck(&mut self, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let json = self.route_info(cluster).to_json();
        for slot in self.open_links(LinkKind::Route) {
            self.send(slot, fx, |out| encode::info(out, &json));
        }
    }

    /// Time to close the next client.
    pub(crate) fn lame_duck_due(&mut self, now: Now, at: Mono, fx: &mut Effects) {
        let Some(mode) = self.lame_duck.as_mut().filter(|mode| mode.due == at) else { return };
        let pause = mode.pause;
        let Some(slot) = self.open_links(LinkKind::Client).first().copied() else {
            return self.shut_down(now, fx);
        };
        self.close(now, slot, CloseReason::ServerShutdown, limits::CLOSE_LINGER, fx);
        // Between half and all of the pause, so that many servers do not act in step.
        let jitter = self.rng.span(Stream::LameDuck, pause / 2);
        let due = now.mono + pause / 2 + jitter;
        if let Some(mode) = &mut self.lame_duck {
            mode.due = due;
        }
        self.timers.arm(due, Due::LameDuck);
    }

    /// Closes everything; the host exits after the last link.
    pub(super) fn shut_down(&mut self, now: Now, fx: &mut Effects) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        fx.host.push(HostCmd::StopAcceptingClients);
        fx.host.push(HostCmd::StopAcceptingRoutes);
        if let Some(cluster) = &mut self.cluster {
            cluster.leaving = true;
        }
        self.close_consumers(now, fx);
        self.timers.arm(now.mono + limits::STOP_PATIENCE, Due::Exit);
        // Peers with buffers keep what our clients want: they come back, and so do we.
        let kinds = match self.buffers {
            Some(_) => [LinkKind::Route, LinkKind::Client],
            None => [LinkKind::Client, LinkKind::Route],
        };
        for kind in kinds {
            for slot in self.open_links(kind) {
                self.close(now, slot, CloseReason::ServerShutdown, limits::CLOSE_LINGER, fx);
            }
        }
        self.exit_if_drained(fx);
    }

    /// Asks the host to exit once nothing is left.
    pub(crate) fn exit_if_drained(&mut self, fx: &mut Effects) {
        let flushed = || {
            self.buffers.as_ref().is_none_or(|buffers| buffers.is_flushed())
                && self.jetstream.as_ref().is_none_or(|streams| streams.is_flushed())
        };
        if self.stopping
            && !self.exiting
            && self.links.is_empty()
            && (self.out_of_patience || flushed())
        {
            self.exiting = true;
            fx.host.push(HostCmd::Exit);
        }
    }

    pub(super) fn open_links(&self, kind: LinkKind) -> Vec<u32> {
        let open = |link: &&Link| link.kind() == kind && link.is_open();
        self.links.iter().filter(open).map(|link| link.id.slot).collect()
    }
}
