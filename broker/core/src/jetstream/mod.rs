//! Streams: what is published is kept, and given out to consumers (JetStream, API level 5).
//!
//! ```text
//!   publisher ─► Interest ─► service ─► Stream::ingest ─► Log::append ─┐ end of turn
//!   request ───► Interest ─► Api ─────► answer                         ▼
//!   host ──────► Input::Disk ─► Log::done ─► durable ─► answers leave, consumers are pumped
//! ```
//!
//! * Streams stand beside the links of a node and know none of them: what they publish goes through
//!   [`Turn`](turn::Turn), as if a client had published it.
//! * **Nothing is answered before it is durable**, and no consumer sees it before. Everything that
//!   happens in one turn is one batch of each log ([`JetStream::settle`]).
//! * Whatever changes a stream is a record of its log: messages, removals, and, as notes, its
//!   configuration and its consumers. So reading the log gives the state.
//! * This version keeps one replica: what a cluster needs (who leads, who votes) has its place in
//!   front of `ingest` and of the API.

mod acks;
mod advisory;
mod api;
mod checks;
pub(crate) mod consumer;
mod copy;
mod intake;
mod manage;
mod recovery;
mod report;
pub(crate) mod services;
pub(crate) mod stream;
pub(crate) mod turn;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use causeway_store::disk::{Done, LogId};

use causeway_wire::jetstream::Storage;

use crate::config::{JetStreamConfig, SyncPolicy};
use crate::effects::Effects;
use crate::ids::{AccountId, LinkId};
use crate::interest::ServiceId;
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now};
use crate::timers::{Armed, Due};
use consumer::Closing;
use copy::Copies;
use manage::Leaving;
use recovery::Recovering;
use services::{Service, Services};
use stream::{OpenBatches, Stream, StreamId};
use turn::{Incoming, Turn};

/// All streams of one server.
#[derive(Debug)]
pub(crate) struct JetStream {
    pub(crate) config: JetStreamConfig,
    streams: BTreeMap<StreamId, Box<Stream>>,
    names: BTreeMap<AccountId, BTreeMap<String, StreamId>>,
    services: Services,
    /// While what is on the disk is read.
    recovering: Option<Recovering>,
    /// Streams that something has happened to in this turn.
    touched: BTreeSet<StreamId>,
    /// Streams with consumers that wait for a route.
    congested: BTreeSet<StreamId>,
    /// When streams want to be looked at.
    deadlines: BTreeSet<(Mono, StreamId)>,
    /// Timers of the node.
    armed: Armed,
    last_stream: u32,
    /// Streams that are being destroyed.
    leaving: BTreeMap<LogId, Leaving>,
    /// Directories that are in use.
    dirs: BTreeSet<String>,
    /// Bytes of all streams, and how much of it is each one's.
    used: Used,
    /// Batches that are under way, and how many of them are each stream's.
    batches: OpenBatches,
    batches_of: BTreeMap<StreamId, OpenBatches>,
    /// Streams that are being copied, or made of copies.
    copies: Copies,
    /// How often the interest of clients had changed when consumers were last told.
    interest_seen: u64,
    /// Streams in files that were written to and not synced, where that is done from time to time,
    /// and when it is done next.
    unsynced: BTreeSet<StreamId>,
    sync_at: Option<Mono>,
    /// When what the disk could not do is tried again.
    retry_at: Option<Mono>,
    /// When something last happened: reports are as of then.
    seen: Now,
    pub(crate) api: ApiStats,
}

/// Bytes of streams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Used {
    pub(crate) file: u64,
    pub(crate) memory: u64,
}

impl Used {
    /// Those in files, or those in memory.
    const fn of(&mut self, storage: Storage) -> &mut u64 {
        match storage {
            Storage::File => &mut self.file,
            Storage::Memory => &mut self.memory,
        }
    }
}

/// Requests to the API.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ApiStats {
    pub(crate) total: u64,
    pub(crate) errors: u64,
}

impl JetStream {
    pub(crate) fn new(config: JetStreamConfig) -> Self {
        Self {
            config,
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            services: Services::default(),
            recovering: Some(Recovering::default()),
            touched: BTreeSet::new(),
            congested: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            armed: Armed::default(),
            last_stream: 0,
            leaving: BTreeMap::new(),
            dirs: BTreeSet::new(),
            used: Used::default(),
            batches: OpenBatches::default(),
            batches_of: BTreeMap::new(),
            copies: Copies::default(),
            interest_seen: 0,
            unsynced: BTreeSet::new(),
            sync_at: None,
            retry_at: None,
            seen: Now::default(),
            api: ApiStats::default(),
        }
    }

    /// Whether everything has been read from the disk.
    pub(crate) fn is_ready(&self) -> bool {
        self.recovering.is_none()
    }

    fn serve(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        service: ServiceId,
        incoming: &Incoming<'_>,
    ) {
        match self.services.find(service) {
            Some(Service::Ingest(id)) => self.ingest(turn, id, incoming),
            Some(Service::Acks) => self.acknowledge(turn, account, incoming),
            Some(Service::Api) => self.answer(turn, account, incoming),
            Some(Service::FlowControl) => self.flow_control(turn, account, incoming),
            Some(Service::DirectGet(id)) => self.direct_get(turn, id, incoming),
            Some(Service::Intake(id, intake)) => self.take_in(turn, id, intake, incoming),
            Some(service @ (Service::SnapshotAcks(_) | Service::RestoreChunks(_))) => {
                self.serve_copy(turn, service, incoming);
            }
            None => {}
        }
    }

    /// Ends the turn: what has happened becomes a batch, what is durable is answered and delivered.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        self.watch_interest(turn);
        let mut again = BTreeSet::new();
        while let Some(id) = self.touched.pop_first() {
            self.drive_intakes(turn, id);
            let room = self.room(turn);
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if stream.settle(turn, room) {
                again.insert(id);
            }
            if stream.is_congested() {
                self.congested.insert(id);
            }
            let stuck = stream.is_stuck();
            if stuck {
                self.retry_later(turn.now);
            }
            if self.go_on_copying(turn, id) {
                again.insert(id);
            }
            self.account_for(id);
            self.count_batches(id);
            self.rearm(turn, id);
            self.sync_later(turn, id);
        }
        self.touched.append(&mut again);
    }

    /// Arms a timer for what is to be done next, unless there is an earlier one.
    fn arm(&mut self, node: &mut Node, now: Now) {
        let next = if self.touched.is_empty() {
            let due = self.deadlines.first().map(|(at, _)| *at);
            let others = [self.sync_at, self.retry_at, self.copies.first_chunk_due()];
            others.into_iter().chain([due]).flatten().min()
        } else {
            Some(now.mono)
        };
        if let Some(at) = next {
            self.armed.arm(&mut node.timers, at, Due::Streams);
        }
    }

    fn rearm(&mut self, turn: &Turn<'_>, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let copies = self.copies.deadline(id);
        let at = [stream.deadline(turn.now), copies].into_iter().flatten().min();
        if stream.due != at {
            if let Some(before) = stream.due {
                self.deadlines.remove(&(before, id));
            }
            self.deadlines.extend(at.map(|at| (at, id)));
            stream.due = at;
        }
    }

    /// Counts what a stream takes now.
    fn account_for(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (now, before) = stream.count_bytes();
        let used = self.used.of(stream.config.storage);
        *used = *used - before + now;
    }

    /// Tells consumers that push, and intakes, if the interest of anybody has changed.
    fn watch_interest(&mut self, turn: &mut Turn<'_>) {
        let changes = turn.node.accounts.iter().map(|each| each.interest.changes()).sum();
        if core::mem::replace(&mut self.interest_seen, changes) == changes {
            return;
        }
        for (id, stream) in &mut self.streams {
            if stream.watch_all_interest(turn) {
                self.touched.insert(*id);
            }
        }
        self.watch_intakes(turn);
    }

    /// Whether everything that was done to streams is durable, or cannot be.
    pub(crate) fn is_flushed(&self) -> bool {
        self.streams.values().all(|stream| stream.log.is_flushed())
    }

    /// Remembers to sync a stream, where that is done from time to time.
    fn sync_later(&mut self, turn: &Turn<'_>, id: StreamId) {
        let interval = match self.config.sync {
            SyncPolicy::Every(interval) => interval,
            SyncPolicy::BeforeAck => limits::SYNC_INTERVAL,
        };
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.is_lazy()) else {
            return;
        };
        if stream.position_seen != stream.log.position() {
            stream.position_seen = stream.log.position();
            self.unsynced.insert(id);
            self.sync_at.get_or_insert(turn.now.mono + interval);
        }
    }

    /// Syncs what has been written since the last time.
    fn sync(&mut self, turn: &mut Turn<'_>) {
        self.sync_at = None;
        for id in core::mem::take(&mut self.unsynced) {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.log.sync(&mut turn.fx.disk);
            }
        }
    }

    /// Something that the disk could not do is tried again in a while.
    fn retry_later(&mut self, now: Now) {
        self.retry_at.get_or_insert(now.mono + limits::DISK_RETRY);
    }

    /// Tries again what the disk could not do.
    fn retry(&mut self, turn: &mut Turn<'_>) {
        self.retry_at = None;
        self.retry_recovery(turn);
        for leaving in self.leaving.values_mut().filter(|leaving| leaving.is_stuck()) {
            leaving.destroy_again(turn);
        }
        for (id, stream) in &mut self.streams {
            if stream.retry(turn) {
                self.touched.insert(*id);
            }
        }
    }

    /// Streams whose time has come.
    fn due(&mut self, turn: &mut Turn<'_>) {
        self.armed.fired(turn.now.mono);
        if self.retry_at.is_some_and(|at| at <= turn.now.mono) {
            self.retry(turn);
        }
        self.end_late_restores(turn);
        if self.sync_at.is_some_and(|at| at <= turn.now.mono) {
            self.sync(turn);
        }
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= turn.now.mono
        {
            self.deadlines.pop_first();
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.due = None;
                stream.tick(turn);
                self.touched.insert(id);
            }
        }
    }

    /// Whether there is something to do at the end of this turn.
    fn is_busy(&self, node: &Node) -> bool {
        let changes: u64 = node.accounts.iter().map(|each| each.interest.changes()).sum();
        !self.touched.is_empty() || changes != self.interest_seen
    }
}

impl Node {
    /// A request to the disk has been answered.
    pub(crate) fn disk_done(&mut self, now: Now, done: Done, fx: &mut Effects) {
        self.with_streams(now, fx, |jetstream, turn| jetstream.disk_done(turn, done));
    }

    pub(crate) fn streams_due(&mut self, now: Now, fx: &mut Effects) {
        self.with_streams(now, fx, |jetstream, turn| {
            // One after the other: clients are let in when streams are there.
            if turn.node.awaits_buffers() {
                turn.node.timers.arm(turn.now.mono + limits::BUFFER_START_POLL, Due::Streams);
            } else if jetstream.recovering.as_ref().is_some_and(Recovering::is_new) {
                jetstream.start(turn);
            }
            jetstream.due(turn);
        });
    }

    /// The host has written something to a link: consumers that waited for that go on.
    pub(crate) fn link_drained(&mut self, id: LinkId) {
        let Some(jetstream) = self.jetstream.as_mut().filter(|each| !each.congested.is_empty())
        else {
            return;
        };
        let link = self.links.get(id).filter(|link| link.route().is_some());
        if link.is_some_and(|link| link.tx.pending() <= limits::ROUTE_REPLAY_BYTES / 2) {
            jetstream.touched.append(&mut jetstream.congested);
        }
    }

    /// What streams have to do at the end of a turn.
    pub(crate) fn settle_streams(&mut self, now: Now, fx: &mut Effects) {
        if self.jetstream.as_deref().is_some_and(|jetstream| jetstream.is_busy(self)) {
            self.with_streams(now, fx, JetStream::settle);
        }
        // After everything else: a timer that is due at once must not be armed while timers are run.
        if let Some(mut jetstream) = self.jetstream.take() {
            jetstream.arm(self, now);
            self.jetstream = Some(jetstream);
        }
    }

    /// The server stops: all who wait for messages are told, and what was written is synced.
    pub(crate) fn close_consumers(&mut self, now: Now, fx: &mut Effects) {
        self.with_streams(now, fx, |jetstream, turn| {
            for (id, stream) in &mut jetstream.streams {
                stream.close_consumers(turn, Closing::Shutdown);
                if stream.is_lazy() {
                    jetstream.unsynced.insert(*id);
                }
            }
            jetstream.sync(turn);
        });
    }

    fn with_streams(
        &mut self,
        now: Now,
        fx: &mut Effects,
        act: impl FnOnce(&mut JetStream, &mut Turn<'_>),
    ) {
        let Some(mut jetstream) = self.jetstream.take() else { return };
        jetstream.seen = now;
        act(&mut jetstream, &mut Turn { node: self, now, fx });
        self.serve_calls(now, &mut jetstream, fx);
        self.jetstream = Some(jetstream);
    }
}
