//! A shard: the node, its connections, and the turn that keeps both in step.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Weak;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use causeway_core::link::rx::RxBuf;
use causeway_core::{
    CloseCause, Effects, HostCmd, Input, LinkCmd, LinkId, Mono, Node, Now, Origin, TraceMask,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{AbortHandle, spawn_local};

use crate::disk::{Answered, Disk};

use super::dial::{self, Dial, mix};
use super::linger;
use super::table::{Leaving, Table};
use super::{Inner, Journal, Net, is_recovered, tasks};

/// Bytes of one read (performance notes: 64 KiB is good, more only while it fills).
const READ_BYTES: usize = 64 << 10;

/// Bytes of one read from a connection that fills smaller ones.
const READ_BYTES_MAX: usize = 256 << 10;

/// Reads of one connection in one turn. The second one normally finds nothing and registers for
/// the next wake-up without a system call.
const READS: usize = 2;

/// Pieces of one vectored write.
const SLICES: usize = 64;

/// Writes to one link in one turn; the pump goes on with what is left.
const WRITES: usize = 8;

/// How long a peer that has closed its sending side may take to read the rest of its messages.
const HALF_CLOSED: Duration = Duration::from_secs(1);

/// Never.
const FOREVER: Mono = Mono(u64::MAX);

/// The node with everything it needs to act.
pub(super) struct Shard<N: Net> {
    node: Node,
    fx: Effects,
    rx: RxBuf,
    /// Bytes of the next read, between [`READ_BYTES`] and [`READ_BYTES_MAX`].
    read_bytes: usize,
    connections: Table<N::Stream>,
    /// Links to write to in this turn.
    dirty: VecDeque<LinkId>,
    /// Links to write to in the next one.
    later: Vec<LinkId>,
    /// Connections that are gone and that the node must be told of.
    closed: VecDeque<(LinkId, CloseCause)>,
    /// Ends of the time that closing connections have left.
    leaving: BTreeSet<(Mono, LinkId)>,
    /// What `accept` tasks there are.
    accepting: Vec<(Origin, AbortHandle)>,
    pump: Option<Waker>,
    /// When the pump will run.
    armed: Mono,
    draws: u64,
    exit: bool,
    exit_waker: Option<Waker>,
    /// Who waits for all streams to be usable.
    recovery_waker: Option<Waker>,
    journal: Box<dyn Journal>,
    disk: Box<dyn Disk>,
    answered: Vec<Answered>,
    me: Weak<Inner<N>>,
}

/// From the outside: what the tasks call.
impl<N: Net> Shard<N> {
    pub(super) fn new(
        node: Node,
        seed: u64,
        trace_mask: TraceMask,
        journal: Box<dyn Journal>,
        disk: Box<dyn Disk>,
        me: Weak<Inner<N>>,
    ) -> Self {
        Self {
            node,
            fx: Effects { trace_mask, ..Effects::default() },
            rx: RxBuf::new(READ_BYTES_MAX),
            read_bytes: READ_BYTES,
            connections: Table::new(),
            dirty: VecDeque::new(),
            later: Vec::new(),
            closed: VecDeque::new(),
            leaving: BTreeSet::new(),
            accepting: Vec::new(),
            pump: None,
            armed: Mono(0),
            draws: seed,
            exit: false,
            exit_waker: None,
            recovery_waker: None,
            journal,
            disk,
            answered: Vec::new(),
            me,
        }
    }

    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    pub(super) const fn trace(&mut self, mask: TraceMask) {
        self.fx.trace_mask = mask;
    }

    pub(super) fn accepting(&mut self, origin: Origin, task: AbortHandle) {
        self.accepting.push((origin, task));
    }

    pub(super) fn accept_failed(
        &mut self,
        now: Now,
        origin: Origin,
        error: &io::Error,
        pause: Duration,
    ) {
        self.journal.accept_failed(now, origin, error, pause);
    }

    /// Whether all streams can be used; otherwise wakes `waker` when they can.
    pub(super) fn recovered(&mut self, waker: &Waker) -> bool {
        let recovered = is_recovered(&self.node);
        if !recovered {
            self.recovery_waker = Some(waker.clone());
        }
        recovered
    }

    pub(super) fn close_disk(&mut self, patience: Duration) {
        self.disk.close(patience);
    }

    /// Whether the node has asked for the process's end; otherwise wakes `waker` when it does.
    pub(super) fn finished(&mut self, waker: &Waker) -> bool {
        if !self.exit {
            self.exit_waker = Some(waker.clone());
        }
        self.exit
    }

    /// A whole turn with one input.
    pub(super) fn turn(&mut self, now: Now, input: Input<'_>) {
        self.handle(now, input);
        self.settle(now);
    }

    /// Takes over a connection.
    pub(super) fn open(
        &mut self,
        now: Now,
        stream: N::Stream,
        origin: Origin,
        peer: SocketAddr,
        local: SocketAddr,
    ) {
        let (Some(inner), Some(link)) = (self.me.upgrade(), self.connections.insert(stream)) else {
            return;
        };
        tasks::spawn_connection(&inner, link);
        self.turn(now, Input::Opened { link, origin, peer, local });
    }

    /// The connection's task was woken: its socket may be readable, writable, or both.
    pub(super) fn ready(&mut self, now: Now, link: LinkId, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = self.connections.get_mut(link) else { return Poll::Ready(()) };
        match &mut connection.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        if connection.blocked {
            self.dirty.push_back(link);
        }
        let more = self.read(now, link, cx);
        self.settle(now);
        if self.connections.get_mut(link).is_none() {
            return Poll::Ready(());
        }
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Does what is due, and says when to come back.
    pub(super) fn due(&mut self, now: Now, pump: &Waker) -> Option<Mono> {
        match &mut self.pump {
            Some(waker) => waker.clone_from(pump),
            none => *none = Some(pump.clone()),
        }
        // Everything below is done by the pump itself: nothing needs to wake it.
        self.armed = Mono(0);
        self.dirty.extend(self.later.drain(..));
        while let Some(&(until, link)) = self.leaving.first()
            && until <= now.mono
        {
            self.finish(now, link);
        }
        if self.node.deadline().is_some_and(|(at, _)| at <= now.mono) {
            self.handle(now, Input::Tick);
        }
        self.settle(now);
        self.armed = self.next(now);
        (self.armed != FOREVER).then_some(self.armed)
    }
}

/// Inputs and their effects.
impl<N: Net> Shard<N> {
    fn handle(&mut self, now: Now, input: Input<'_>) {
        self.node.handle(now, input, &mut self.fx);
        self.carry_out(now);
    }

    /// Drains the effects of one input. Writes are only noted, for [`settle`](Self::settle).
    fn carry_out(&mut self, now: Now) {
        self.dirty.extend(self.fx.wake_tx.drain(..));
        for event in self.fx.trace.drain(..) {
            self.journal.event(now, event);
        }
        debug_assert!(self.fx.shards.is_empty(), "there is no other shard");
        self.fx.shards.clear();
        if !self.fx.disk.is_empty() {
            self.disk.submit(&mut self.fx.disk);
        }
        if !self.fx.links.is_empty() {
            let mut commands = std::mem::take(&mut self.fx.links);
            for command in commands.drain(..) {
                self.command_link(now, command);
            }
            self.fx.links = commands;
        }
        if !self.fx.host.is_empty() {
            let mut commands = std::mem::take(&mut self.fx.host);
            for command in commands.drain(..) {
                self.command_host(command);
            }
            self.fx.host = commands;
        }
    }

    fn command_link(&mut self, now: Now, command: LinkCmd) {
        match command {
            LinkCmd::Dial { dial, host, port, timeout } => {
                self.draws = mix(self.draws);
                if let Some(inner) = self.me.upgrade() {
                    let draw = self.draws;
                    dial::spawn(&inner, Dial { id: dial, host, port, timeout, draw });
                }
            }
            LinkCmd::Close { link, linger } => {
                self.leave(link, now.mono + linger, CloseCause::Requested);
                if linger.is_zero() {
                    self.finish(now, link);
                }
            }
            LinkCmd::PauseRead { link } => {
                if let Some(connection) = self.connections.get_mut(link) {
                    connection.paused = true;
                }
            }
            LinkCmd::ResumeRead { link } => {
                if let Some(connection) = self.connections.get_mut(link) {
                    connection.paused = false;
                    if let Some(waker) = &connection.waker {
                        waker.wake_by_ref();
                    }
                }
            }
            LinkCmd::VerifyPassword { link, hash, password } => {
                let Some(inner) = self.me.upgrade() else { return };
                spawn_local(async move {
                    let ok = inner.net.verify_password(hash, password).await;
                    let now = inner.now();
                    inner.shard.borrow_mut().turn(now, Input::Verified { link, ok });
                });
            }
        }
    }

    fn command_host(&mut self, command: HostCmd) {
        match command {
            HostCmd::StopAcceptingClients => self.stop_accepting(Origin::Client),
            HostCmd::StopAcceptingRoutes => self.stop_accepting(Origin::Route),
            HostCmd::Exit => {
                self.exit = true;
                if let Some(waker) = self.exit_waker.take() {
                    waker.wake();
                }
            }
        }
    }

    fn stop_accepting(&mut self, stopped: Origin) {
        self.accepting.retain(|(origin, task)| {
            let stop = *origin == stopped;
            if stop {
                task.abort();
            }
            !stop
        });
    }

    /// Tells the node of ended connections and of the disk's answers, and writes, until nothing is
    /// left to do at once. What is to be written goes first: the disk may take longer.
    fn settle(&mut self, now: Now) {
        loop {
            while let Some((link, cause)) = self.closed.pop_front() {
                self.handle(now, Input::Closed { link, cause });
            }
            match self.dirty.pop_front() {
                Some(link) => self.write(now, link),
                None if self.take_answers(now) => {}
                None => break,
            }
        }
        self.disk.turn_ended();
        if self.recovery_waker.is_some() && is_recovered(&self.node) {
            self.recovery_waker.take().into_iter().for_each(Waker::wake);
        }
        if self.next(now) < self.armed {
            self.armed = Mono(0);
            if let Some(pump) = &self.pump {
                pump.wake_by_ref();
            }
        }
    }

    /// Tells the node what the disk has done; false if it has done nothing. The pump comes back for
    /// more: answers are not a connection's.
    fn take_answers(&mut self, now: Now) -> bool {
        let waker = self.pump.as_ref().unwrap_or(Waker::noop());
        self.disk.answers(waker, &mut self.answered);
        let mut answered = std::mem::take(&mut self.answered);
        let any = !answered.is_empty();
        for Answered { done, failure } in answered.drain(..) {
            if let Some(failure) = failure {
                self.journal.disk_failed(now, &failure);
            }
            self.handle(now, Input::Disk(done));
        }
        self.answered = answered;
        any
    }

    /// When there is something to do without a socket's doing.
    fn next(&self, now: Now) -> Mono {
        if !self.later.is_empty() {
            return now.mono;
        }
        let timer = self.node.deadline().map_or(FOREVER, |(at, _)| at);
        self.leaving.first().map_or(timer, |&(until, _)| until.min(timer))
    }
}

/// Sockets.
impl<N: Net> Shard<N> {
    /// Reads and lets the node handle it; true if there is probably more.
    fn read(&mut self, now: Now, link: LinkId, cx: &mut Context<'_>) -> bool {
        for _ in 0..READS {
            let Some(connection) = self.connections.get_mut(link) else { return false };
            if connection.paused || connection.leaving.is_some() {
                return false;
            }
            let room = self.rx.spare_mut();
            let limit = self.read_bytes.min(room.len());
            let mut buffer = ReadBuf::new(&mut room[..limit]);
            match Pin::new(&mut connection.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    return true;
                }
                Poll::Ready(Err(_)) => {
                    self.lost(link, CloseCause::ReadError);
                    return false;
                }
            }
            let bytes = buffer.filled().len();
            if bytes == 0 {
                self.leave(link, now.mono + HALF_CLOSED, CloseCause::Eof);
                return false;
            }
            self.rx.filled(bytes);
            self.node.handle(now, Input::Received { link, rx: &mut self.rx }, &mut self.fx);
            self.rx.clear();
            self.carry_out(now);
            if bytes == limit {
                self.read_bytes = (limit * 2).min(READ_BYTES_MAX);
                return true;
            }
            if bytes < READ_BYTES {
                self.read_bytes = READ_BYTES;
            }
        }
        true
    }

    /// Writes what the link's queue holds, as far as its socket takes it.
    fn write(&mut self, now: Now, link: LinkId) {
        for _ in 0..WRITES {
            let Some(connection) = self.connections.get_mut(link) else { return };
            let Some(queue) = self.node.tx(link).filter(|queue| queue.pending() > 0) else {
                connection.blocked = false;
                if connection.leaving.is_some() {
                    self.finish(now, link);
                }
                return;
            };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut used = 0;
            for (slice, chunk) in slices.iter_mut().zip(queue.chunks()) {
                *slice = IoSlice::new(chunk);
                used += 1;
            }
            let waker = connection.waker.as_ref().unwrap_or(Waker::noop());
            let mut cx = Context::from_waker(waker);
            let stream = Pin::new(&mut connection.stream);
            match stream.poll_write_vectored(&mut cx, &slices[..used]) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => {
                    connection.blocked = false;
                    self.handle(now, Input::Accepted { link, bytes });
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(_) => {
                    self.lost(link, CloseCause::WriteError);
                    return;
                }
                Poll::Pending => {
                    if !connection.blocked {
                        connection.blocked = true;
                        self.handle(now, Input::Accepted { link, bytes: 0 });
                    }
                    return;
                }
            }
        }
        self.later.push(link);
    }

    /// Stops reading; closes once everything is written, or at `until`.
    fn leave(&mut self, link: LinkId, until: Mono, cause: CloseCause) {
        let Some(connection) = self.connections.get_mut(link) else { return };
        if let Some(before) = connection.leaving.replace(Leaving { until, cause }) {
            self.leaving.remove(&(before.until, link));
        }
        self.leaving.insert((until, link));
        // The write that finds the queue empty closes.
        self.dirty.push_back(link);
    }

    /// Closes a connection that was leaving, whatever it still had to say.
    fn finish(&mut self, now: Now, link: LinkId) {
        let Some((stream, leaving)) = self.forget(link) else { return };
        let Some(Leaving { until, cause }) = leaving else { return };
        self.closed.push_back((link, cause));
        if cause == CloseCause::Requested && until > now.mono {
            linger::close(&self.me, stream, until);
        }
    }

    /// A socket failed. If we were closing it anyway, that is what happened.
    fn lost(&mut self, link: LinkId, cause: CloseCause) {
        let Some((_stream, leaving)) = self.forget(link) else { return };
        self.closed.push_back((link, leaving.map_or(cause, |leaving| leaving.cause)));
    }

    /// Takes the connection out; its task ends when it wakes to find it gone.
    fn forget(&mut self, link: LinkId) -> Option<(N::Stream, Option<Leaving>)> {
        let connection = self.connections.remove(link)?;
        if let Some(leaving) = connection.leaving {
            self.leaving.remove(&(leaving.until, link));
        }
        if let Some(waker) = connection.waker {
            waker.wake();
        }
        Some((connection.stream, connection.leaving))
    }
}
