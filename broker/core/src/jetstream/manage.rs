//! Streams come, change and go.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_store::disk::{Done, LogId};
use causeway_store::{Durability, Log, LogConfig, limits};
use causeway_wire::jetstream::advisory::Action;
use causeway_wire::jetstream::{Compression, PersistMode, Storage, StreamConfig};

use super::JetStream;
use super::api::audit::Asked;
use super::consumer::Closing;
use super::services::Service;
use super::stream::{Limits, OpenBatches, Parts, Room, Stream, StreamId};
use super::turn::{Outgoing, Turn};
use crate::config::SyncPolicy;
use crate::ids::AccountId;
use crate::rng;
use crate::time::Wall;

/// A stream that is being destroyed.
#[derive(Debug)]
pub(super) struct Leaving {
    log: Log,
    account: AccountId,
    pub(super) dir: String,
    /// Who is told when it is done, and what.
    reply: Vec<u8>,
    answer: Vec<u8>,
    /// The request, for those who want to know of all.
    asked: Option<Asked>,
}

impl Leaving {
    /// Whether the disk could not do what was asked of it.
    pub(super) fn is_stuck(&self) -> bool {
        self.log.is_open() && !self.log.has_ended()
    }

    pub(super) fn destroy_again(&mut self, turn: &mut Turn<'_>) {
        self.log.destroy(&mut turn.fx.disk);
    }
}

impl JetStream {
    /// Makes a stream of a configuration that has been checked.
    pub(super) fn add_stream(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        config: StreamConfig,
    ) -> StreamId {
        let (created, first) = (turn.now.wall, config.first_seq.max(1));
        let mut stream = self.new_stream(turn, account, created, config, first);
        let id = stream.id;
        stream.note_config();
        self.take_up(turn, stream);
        if let Some(stream) = self.streams.get(&id) {
            stream.advise(turn, Action::Create);
        }
        id
    }

    /// A stream with nothing in it, whose first message will have this sequence.
    pub(super) fn new_stream(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        created: Wall,
        config: StreamConfig,
        first_seq: u64,
    ) -> Box<Stream> {
        let (id, dir) = match config.storage {
            Storage::File => self.new_place(turn, account, &config.name),
            Storage::Memory => (self.new_id(), String::new()),
        };
        let log_config = self.log_config(turn, id, dir, &config);
        let log = Log::create(log_config, first_seq, &mut turn.fx.disk);
        self.make_stream(turn, id, account, created, config, log)
    }

    fn new_id(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }

    /// A number and a directory that no stream has had.
    fn new_place(&mut self, turn: &Turn<'_>, account: AccountId, name: &str) -> (StreamId, String) {
        let id = self.new_id();
        let account = &turn.node.accounts.get(account).name;
        let mut dir = format!("{account}/streams/{name}");
        // A stream of this name may be on its way out.
        let mut number = 0;
        while !self.dirs.insert(dir.clone()) {
            number += 1;
            dir = format!("{account}/streams/{name}.{number}");
        }
        (id, dir)
    }

    pub(super) fn log_config(
        &self,
        turn: &mut Turn<'_>,
        id: StreamId,
        dir: String,
        config: &StreamConfig,
    ) -> LogConfig {
        let identity = turn.node.rng.next_u64(rng::Stream::Logs);
        match config.storage {
            Storage::Memory => LogConfig::memory(LogId(id.0), identity),
            Storage::File => LogConfig {
                durability: self.durability(config),
                compression: compression(config),
                key: self.config.key.clone(),
                cache_bytes: cache_bytes(perturb!(turn.node, SmallCache)),
                ..LogConfig::file(LogId(id.0), dir, identity)
            },
        }
    }

    /// What makes messages of such a stream durable.
    pub(super) fn durability(&self, config: &StreamConfig) -> Durability {
        let lazy = config.persist_mode == PersistMode::Async
            || matches!(self.config.sync, SyncPolicy::Every(_));
        if lazy { Durability::Written } else { Durability::Synced }
    }

    pub(super) fn make_stream(
        &self,
        turn: &mut Turn<'_>,
        id: StreamId,
        account: AccountId,
        created: Wall,
        config: StreamConfig,
        log: Log,
    ) -> Box<Stream> {
        let domain = self.config.domain.clone().unwrap_or_default();
        let hash_key = turn.node.rng.next_u64(rng::Stream::Logs);
        let limits = Limits {
            batch: self.config.limits.batch.clone(),
            max_buffered_msgs: self.config.max_buffered_msgs,
            max_buffered_bytes: self.config.max_buffered_bytes,
        };
        Box::new(Stream::new(Parts { id, account, created, config, log, domain, hash_key, limits }))
    }

    /// Puts a stream where requests and messages find it.
    pub(super) fn take_up(&mut self, turn: &mut Turn<'_>, mut stream: Box<Stream>) {
        let (id, account) = (stream.id, stream.account);
        let name = stream.config.name.clone();
        stream.set_intakes();
        self.names.entry(account).or_default().insert(name.clone(), id);
        self.streams.insert(id, stream);
        self.touched.insert(id);
        self.subscribe_stream(turn, id);
        self.wake_intakes_of(account, &name);
    }

    /// Subscribes a stream to its subjects, and to direct requests.
    fn subscribe_stream(&mut self, turn: &mut Turn<'_>, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (account, config) = (stream.account, &stream.config);
        let subjects = config.subjects.iter().map(String::as_bytes);
        self.services.subscribe(turn, account, Service::Ingest(id), subjects);
        self.subscribe_direct(turn, id);
    }

    /// Subscribes a stream to direct requests.
    pub(super) fn subscribe_direct(&mut self, turn: &mut Turn<'_>, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (account, config) = (stream.account, &stream.config);
        let own = config.allow_direct.then_some(&config.name);
        let origin =
            config.mirror.as_ref().filter(|_| config.mirror_direct && stream.serves_origin);
        // Where the origin itself is, it answers.
        let names = self.names.get(&account);
        let is_here = |name: &str| names.is_some_and(|names| names.contains_key(name));
        let origin = origin.map(|origin| &origin.name).filter(|name| !is_here(name));
        let mut direct = Vec::new();
        for name in own.into_iter().chain(origin) {
            for api in self.api_prefixes() {
                direct.push(format!("{api}DIRECT.GET.{name}"));
                direct.push(format!("{api}DIRECT.GET.{name}.>"));
            }
        }
        let direct = direct.iter().map(String::as_bytes);
        self.services.subscribe(turn, account, Service::DirectGet(id), direct);
    }

    /// What requests begin with: everywhere, and with this server's domain.
    pub(super) fn api_prefixes(&self) -> impl Iterator<Item = String> + use<> {
        let domain = self.config.domain.as_ref().map(|domain| format!("$JS.{domain}.API."));
        core::iter::once("$JS.API.".to_string()).chain(domain)
    }

    /// Gives a stream another configuration, which has been checked.
    pub(super) fn update_stream(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        config: StreamConfig,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.log.set_compression(compression(&config));
        stream.reconfigure(turn, config);
        let (account, gone) = (stream.account, stream.set_intakes());
        self.touched.insert(id);
        self.end_intakes(turn, id, account, gone);
        self.subscribe_stream(turn, id);
        if let Some(stream) = self.streams.get(&id) {
            stream.advise(turn, Action::Modify);
        }
    }

    /// Destroys a stream; `answer` goes to `reply` when nothing can bring it back.
    pub(super) fn delete_stream(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        reply: &[u8],
        answer: Vec<u8>,
        asked: Option<Asked>,
    ) {
        self.end_snapshots_of(turn, id);
        let Some(mut stream) = self.streams.remove(&id) else { return };
        let account = stream.account;
        self.services.unsubscribe(turn, account, Service::Ingest(id));
        self.services.unsubscribe(turn, account, Service::DirectGet(id));
        // One that is being made of a copy has no name yet, and nobody knows of it.
        let names = self.names.entry(account).or_default();
        let known = names.get(&stream.config.name) == Some(&id);
        if known {
            names.remove(&stream.config.name);
        }
        self.wake_intakes_of(account, &stream.config.name);
        self.touched.remove(&id);
        self.unsynced.remove(&id);
        self.uncount_batches(id);
        let (_, counted) = stream.count_bytes();
        *self.used.of(stream.config.storage) -= counted;
        self.deadlines.retain(|(_, stream)| *stream != id);
        let gone = stream.take_intakes();
        self.end_intakes(turn, id, account, gone);
        stream.close_consumers(turn, Closing::Deleted);
        if known {
            stream.advise_deletion(turn);
        }
        let mut log = stream.log;
        log.destroy(&mut turn.fx.disk);
        let dir = log.config().dir.clone();
        let leaving = Leaving { log, account, dir, reply: reply.to_vec(), answer, asked };
        if leaving.log.has_ended() {
            self.left(turn, &leaving);
        } else {
            self.leaving.insert(LogId(id.0), leaving);
        }
    }

    fn left(&mut self, turn: &mut Turn<'_>, leaving: &Leaving) {
        self.dirs.remove(&leaving.dir);
        let (to, payload) = (&leaving.reply[..], &leaving.answer[..]);
        if !to.is_empty() {
            turn.publish(leaving.account, &Outgoing { to, payload, ..Outgoing::default() });
        }
        if let Some(asked) = &leaving.asked {
            let domain = self.config.domain.as_deref().unwrap_or_default();
            asked.answered(turn, leaving.account, domain, &leaving.answer);
        }
    }

    /// Destroys what is left of a stream whose destruction, or making, was interrupted.
    pub(super) fn clear_away(&mut self, turn: &mut Turn<'_>, id: StreamId, mut log: Log) {
        log.destroy(&mut turn.fx.disk);
        let dir = log.config().dir.clone();
        let account = crate::account::GLOBAL;
        let leaving =
            Leaving { log, account, dir, reply: Vec::new(), answer: Vec::new(), asked: None };
        self.leaving.insert(LogId(id.0), leaving);
    }

    /// A request to the disk has been answered.
    pub(super) fn disk_done(&mut self, turn: &mut Turn<'_>, done: Done) {
        let log = done.log;
        if let Some(leaving) = self.leaving.get_mut(&log) {
            leaving.log.done(done, &mut turn.fx.disk);
            if leaving.is_stuck() {
                self.retry_later(turn.now);
            } else if leaving.log.has_ended()
                && let Some(leaving) = self.leaving.remove(&log)
            {
                self.left(turn, &leaving);
            }
        } else if let Some(stream) = self.streams.get_mut(&StreamId(log.0)) {
            stream.disk_done(turn, done);
            self.touched.insert(StreamId(log.0));
        } else {
            self.recover(turn, done);
        }
    }

    /// What the server has left for streams.
    pub(super) fn room(&self, turn: &Turn<'_>) -> Room {
        Room {
            max_payload: turn.node.config().limits.max_payload,
            batches: self.batches,
            file: self.config.max_store.saturating_sub(self.used.file),
            memory: self.config.max_memory.saturating_sub(self.used.memory),
        }
    }

    /// Counts how many batches of a stream are under way.
    pub(super) fn count_batches(&mut self, id: StreamId) {
        let now = self.streams.get(&id).map(|stream| stream.open_batches()).unwrap_or_default();
        let known = self.batches_of.get(&id).copied().unwrap_or_default();
        if now == known {
            return;
        }
        self.uncount_batches(id);
        self.batches.atomic += now.atomic;
        self.batches.fast += now.fast;
        if now != OpenBatches::default() {
            self.batches_of.insert(id, now);
        }
    }

    fn uncount_batches(&mut self, id: StreamId) {
        let known = self.batches_of.remove(&id).unwrap_or_default();
        self.batches.atomic -= known.atomic;
        self.batches.fast -= known.fast;
    }
}

/// What is done to the messages of such a stream. Clients know one algorithm by name, and never see which
/// it is.
pub(super) fn compression(config: &StreamConfig) -> causeway_store::Compression {
    match config.compression {
        Compression::None => causeway_store::Compression::None,
        Compression::S2 => causeway_store::Compression::Lz4,
    }
}

/// Bytes that a stream may keep in memory of what it wrote or read lately.
pub(super) const fn cache_bytes(small: bool) -> u64 {
    // With hardly any, reading is what it is in a stream of many gigabytes.
    if small { 8 << 10 } else { limits::CACHE_BYTES }
}
