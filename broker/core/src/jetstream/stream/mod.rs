//! One stream: its configuration, its log, its consumers, and what waits for the disk.
//!
//! | file | what |
//! |---|---|
//! | `ingest` | a published message, from its headers to the log |
//! | `intakes` | what it takes in from other streams |
//! | `expect` | the checks in front of it, in nats-server's order |
//! | `limits` | what may stay: numbers, bytes, age, one subject's share |
//! | `removal` | single messages and many that go, and who is told |
//! | `dedupe` | ids of the last while |
//! | `held` | messages that wait because something must be read first |
//! | `batch` | messages that are published as one |
//! | `counter` | messages that add to the one before |
//! | `schedule` | messages that are published later |
//! | `copy` | it as it is copied, and as it is made of a copy |
//! | `replies` | messages that wait until they are durable |
//! | `consumers` | finding its consumers, and carrying out what they want done |
//! | `consumer_set` | consumers come, change and go |
//! | `reads` | messages for somebody who asked |
//! | `startup` | what is not in the log's index and must be read once |
//! | `settle` | the end of a turn: batches, answers, deliveries |
//! | `notes` | what of a stream and its consumers is kept in the log |
//! | `state` | what is told about it |

mod batch;
mod consumer_set;
mod consumers;
mod copy;
mod counter;
mod dedupe;
mod expect;
mod held;
mod ingest;
mod intakes;
mod limits;
mod notes;
mod reads;
mod removal;
mod replies;
mod schedule;
mod settle;
mod startup;
mod state;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::{Durability, Filter, Log, Position};
use causeway_wire::jetstream::advisory::Action;
use causeway_wire::jetstream::{Retention, Storage, StreamConfig, Transform};

use super::advisory::{self, Place};
use super::consumer::{Actions, Consumer};
use super::intake::{Intake, Position as OriginPosition};
use super::turn::Turn;
use crate::config::BatchLimits;
use crate::ids::AccountId;
use crate::time::{Duration, Mono, Wall};
use batch::Batches;
pub(crate) use batch::OpenBatches;
pub(crate) use consumers::ConsumerId;
pub(crate) use copy::CopyRead;
use counter::Totals;
use dedupe::Dedupe;
pub(crate) use expect::Room;
use held::Held;
pub(crate) use ingest::with_fields;
pub(crate) use intakes::{Gone, IntakeId};
pub(crate) use notes::{ConsumerNote, NoteKey, StreamNote};
pub(crate) use reads::{Batch, Many, One, Read, What};
pub(crate) use removal::Purge;
use replies::Replies;
use schedule::Schedules;
use startup::Startup;

/// A stream of this server; also the number of its log. Never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct StreamId(pub(crate) u32);

/// What a stream is made of.
pub(crate) struct Parts {
    pub(crate) id: StreamId,
    pub(crate) account: AccountId,
    pub(crate) created: Wall,
    pub(crate) config: StreamConfig,
    pub(crate) log: Log,
    /// The server's; empty for none.
    pub(crate) domain: String,
    /// Secret, so that nobody can choose message ids that collide.
    pub(crate) hash_key: u64,
    pub(crate) limits: Limits,
}

/// What the server allows a stream to keep in memory before it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) batch: BatchLimits,
    pub(crate) max_buffered_msgs: u32,
    pub(crate) max_buffered_bytes: u64,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) account: AccountId,
    pub(crate) config: StreamConfig,
    pub(crate) created: Wall,
    pub(crate) log: Log,
    domain: String,
    /// What every acknowledgement begins with: `{"stream":"…","seq":`.
    ack_prefix: Vec<u8>,
    consumers: BTreeMap<ConsumerId, Box<Consumer>>,
    consumer_names: BTreeMap<String, ConsumerId>,
    last_consumer: u32,
    /// Consumers that may have something to deliver.
    to_pump: BTreeSet<ConsumerId>,
    /// Consumers that wait for a message to be read, or to be durable.
    loading: BTreeSet<ConsumerId>,
    /// Consumers whose state has changed since it was last noted.
    to_note: BTreeSet<ConsumerId>,
    /// When that was, and whether an answer waits for the next time.
    noted_at: Option<Mono>,
    note_now: bool,
    /// Bytes of changes that were noted since a consumer's whole state was.
    noted: BTreeMap<ConsumerId, u64>,
    /// Scratch memory for them.
    changes: Vec<u8>,
    deadlines: BTreeMap<ConsumerId, Mono>,
    /// Consumers that deliver nothing before the answer to who made them leaves: when this is durable.
    unanswered: BTreeMap<ConsumerId, Position>,
    /// Consumers whose deliveries wait for a route.
    congested: BTreeSet<ConsumerId>,
    /// Consumers whose next message the disk could not read.
    retries: BTreeSet<ConsumerId>,
    /// Messages that a consumer needs no more.
    released: Vec<u64>,
    /// Consumers that nobody has used for too long.
    unused: Vec<ConsumerId>,
    actions: Actions,
    dedupe: Dedupe,
    /// The id of the message that was stored last.
    last_id: Vec<u8>,
    replies: Replies,
    /// The readers of other streams.
    intakes: BTreeMap<IntakeId, Box<Intake>>,
    last_intake: u32,
    /// Where sources are that have no intake now, by their names.
    positions: BTreeMap<String, OriginPosition>,
    /// Messages and bytes when something was not taken in because there was no room.
    full_at: (u64, u64),
    /// As a mirror it answers direct gets for its origin.
    pub(super) serves_origin: bool,
    /// Reads that wait for the disk.
    reads: Vec<Read>,
    /// From the subjects that are published to those that are stored.
    transform: Option<Transform>,
    /// From the subjects that are stored to those that are published again.
    republish: Option<Transform>,
    everything: Filter,
    /// No message before this one reaches its age.
    oldest: u64,
    /// When messages with a time of their own expire: (ns of wall time, sequence).
    expiries: BTreeSet<(u64, u64)>,
    startup: Startup,
    /// It is being made of a copy: it is no stream yet.
    restoring: bool,
    /// The bytes of it that are in the sums of the server.
    counted: u64,
    limits: Limits,
    held: Held,
    batches: Batches,
    totals: Totals,
    schedules: Schedules,
    /// The disk could not read what a read waits for, or a turn had done enough.
    reads_failed: bool,
    reads_paused: bool,
    /// How far the log was when it was last looked whether to sync it.
    pub(super) position_seen: Position,
    /// When something is due, as the server knows it.
    pub(super) due: Option<Mono>,
}

impl Stream {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { id, account, created, config, log, domain, hash_key, limits } = parts;
        let window = Duration::from_nanos(u64::try_from(config.duplicate_window.0).unwrap_or(0));
        let mut stream = Self {
            id,
            account,
            created,
            ack_prefix: ingest::ack_prefix(&config.name, &domain),
            domain,
            consumers: BTreeMap::new(),
            consumer_names: BTreeMap::new(),
            last_consumer: 0,
            to_pump: BTreeSet::new(),
            loading: BTreeSet::new(),
            to_note: BTreeSet::new(),
            noted_at: None,
            note_now: false,
            noted: BTreeMap::new(),
            changes: Vec::new(),
            deadlines: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            congested: BTreeSet::new(),
            retries: BTreeSet::new(),
            released: Vec::new(),
            unused: Vec::new(),
            actions: Actions::default(),
            dedupe: Dedupe::new(window, hash_key),
            last_id: Vec::new(),
            replies: Replies::default(),
            intakes: BTreeMap::new(),
            last_intake: 0,
            positions: BTreeMap::new(),
            full_at: (0, 0),
            serves_origin: false,
            reads: Vec::new(),
            transform: None,
            republish: None,
            everything: Filter::everything(),
            oldest: 0,
            expiries: BTreeSet::new(),
            startup: Startup::default(),
            restoring: false,
            counted: 0,
            limits,
            held: Held::default(),
            batches: Batches::default(),
            totals: Totals::new(),
            schedules: Schedules::default(),
            due: None,
            reads_failed: false,
            reads_paused: false,
            position_seen: Position::default(),
            config,
            log,
        };
        stream.compile_transforms();
        stream
    }

    /// Takes on another configuration.
    pub(crate) fn reconfigure(&mut self, turn: &mut Turn<'_>, config: StreamConfig) {
        self.config = config;
        self.compile_transforms();
        let window = u64::try_from(self.config.duplicate_window.0).unwrap_or(0);
        let now = limits::wall_nanos(turn.now.wall);
        self.dedupe.set_window(Duration::from_nanos(window), now);
        let retains = self.config.retention != Retention::Limits;
        self.consumers.values_mut().for_each(|consumer| consumer.set_retains(retains));
        self.note_config();
        self.forget_batches();
        self.enforce_all_limits(turn);
        self.release_unneeded(turn);
    }

    /// The configuration has been checked, so its transforms can be compiled.
    fn compile_transforms(&mut self) {
        let compile = |src: &str, dest: &str| Transform::new(src, dest).ok().flatten();
        let transform = self.config.subject_transform.as_ref();
        self.transform = transform.and_then(|each| compile(&each.src, &each.dest));
        let republish = self.config.republish.as_ref();
        self.republish = republish.and_then(|each| compile(&each.src, &each.dest));
    }

    /// An answer that leaves when everything that was done in this turn is durable.
    pub(crate) fn reply_when_durable(&mut self, to: &[u8], header: &[u8], payload: &[u8]) {
        self.replies.push_message(&replies::Reply { to, header, payload });
        self.note_now = true;
    }

    /// How many bytes it holds, and how many of them it held when this was asked the last time.
    pub(crate) fn count_bytes(&mut self) -> (u64, u64) {
        let now = self.log.bytes();
        (now, core::mem::replace(&mut self.counted, now))
    }

    /// Tells that something was done to it.
    pub(crate) fn advise(&self, turn: &mut Turn<'_>, action: Action) {
        advisory::stream_action(turn, self.place(), action);
    }

    /// Where advisories say that something happened.
    fn place(&self) -> Place<'_> {
        Place { account: self.account, stream: &self.config.name, domain: &self.domain }
    }

    /// Whether it is acknowledged before it is synced.
    pub(super) fn is_lazy(&self) -> bool {
        self.is_on_disk() && self.log.config().durability == Durability::Written
    }

    fn is_on_disk(&self) -> bool {
        self.config.storage == Storage::File
    }
}
