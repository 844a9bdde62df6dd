//! The start: reading from the disk which streams there are, and what they were.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::{Answer, Done, Lane, LogId, Op, OpId, OpKind};
use causeway_store::{Failure, Log, LogConfig, Recovery};

use super::JetStream;
use super::intake::Position;
use super::manage::{cache_bytes, compression};
use super::services::Service;
use super::stream::{ConsumerNote, NoteKey, Stream, StreamId, StreamNote};
use super::turn::Turn;
use crate::account::GLOBAL;
use crate::ids::AccountId;
use crate::rng;
use crate::trace::TraceEvent;

/// The log that asks for directories, and no stream's.
const ROOT: LogId = LogId(0);

/// What is still to be read.
#[derive(Debug, Default)]
pub(super) struct Recovering {
    /// Directories that are being listed, by the request.
    listing: BTreeMap<OpId, AccountId>,
    last_op: u64,
    /// Accounts whose directories could not be listed.
    unlisted: Vec<AccountId>,
    /// Streams whose logs are being opened.
    opening: BTreeMap<StreamId, (AccountId, String, Log)>,
    /// Streams of which some messages are being read.
    reading: BTreeMap<StreamId, Box<Stream>>,
}

impl Recovering {
    /// Whether nothing has been asked of the disk.
    pub(super) fn is_new(&self) -> bool {
        self.last_op == 0
    }

    fn is_over(&self) -> bool {
        self.listing.is_empty()
            && self.unlisted.is_empty()
            && self.opening.is_empty()
            && self.reading.is_empty()
    }
}

impl JetStream {
    /// Begins to read the disk. Nothing is answered before the end: a stream that is not known yet
    /// is not one that does not exist.
    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        let accounts: Vec<AccountId> = turn.node.accounts.ids().collect();
        accounts.into_iter().for_each(|account| self.list(turn, account));
    }

    fn list(&mut self, turn: &mut Turn<'_>, account: AccountId) {
        let dir = format!("{}/streams", turn.node.accounts.get(account).name);
        let Some(recovering) = &mut self.recovering else { return };
        recovering.last_op += 1;
        let id = OpId(recovering.last_op);
        recovering.listing.insert(id, account);
        let kind = OpKind::List { dir };
        turn.fx.disk.push(Op { log: ROOT, id, lane: Lane::Read, lone: false, kind });
    }

    /// Everything is known: requests are answered from now on.
    fn finish(&mut self, turn: &mut Turn<'_>) {
        self.recovering = None;
        let api: Vec<String> = self.api_prefixes().map(|prefix| format!("{prefix}>")).collect();
        let api = api.iter().map(String::as_bytes);
        self.services.subscribe(turn, GLOBAL, Service::Api, api);
        self.services.subscribe(turn, GLOBAL, Service::Acks, [&b"$JS.ACK.>"[..]]);
        self.services.subscribe(turn, GLOBAL, Service::FlowControl, [&b"$JS.FC.>"[..]]);
        let streams = self.streams.len() as u64;
        turn.fx.trace.push(TraceEvent::StreamsReady { streams });
    }

    /// Tries again what the disk could not do.
    pub(super) fn retry_recovery(&mut self, turn: &mut Turn<'_>) {
        let Some(recovering) = &mut self.recovering else { return };
        let unlisted = core::mem::take(&mut recovering.unlisted);
        let reading = core::mem::take(&mut recovering.reading);
        unlisted.into_iter().for_each(|account| self.list(turn, account));
        reading.into_values().for_each(|stream| self.read_ids(turn, stream));
        self.finish_if_over(turn);
    }

    fn finish_if_over(&mut self, turn: &mut Turn<'_>) {
        if self.recovering.as_ref().is_some_and(Recovering::is_over) {
            self.finish(turn);
        }
    }

    /// Takes an answer of the disk that is for no stream that is in use.
    pub(super) fn recover(&mut self, turn: &mut Turn<'_>, done: Done) {
        let id = StreamId(done.log.0);
        let reading = self.recovering.as_mut().and_then(|each| each.reading.remove(&id));
        if done.log == ROOT {
            self.listed(turn, &done);
        } else if let Some(mut stream) = reading {
            stream.disk_done(turn, done);
            self.read_ids(turn, stream);
        } else {
            self.opened(turn, done);
        }
        self.finish_if_over(turn);
    }

    fn listed(&mut self, turn: &mut Turn<'_>, done: &Done) {
        let Some(recovering) = &mut self.recovering else { return };
        let Some(account) = recovering.listing.remove(&done.id) else { return };
        let dirs = match &done.result {
            Ok(Answer::Names { dirs, .. }) => dirs,
            Ok(_) => return,
            Err(error) => {
                turn.fx.trace.push(TraceEvent::StoreUnreadable { error: *error });
                recovering.unlisted.push(account);
                self.retry_later(turn.now);
                return;
            }
        };
        for name in dirs {
            self.last_stream += 1;
            let id = StreamId(self.last_stream);
            let dir = format!("{}/streams/{name}", turn.node.accounts.get(account).name);
            self.dirs.insert(dir.clone());
            let identity = turn.node.rng.next_u64(rng::Stream::Logs);
            let config = LogConfig {
                key: self.config.key.clone(),
                cache_bytes: cache_bytes(perturb!(turn.node, SmallCache)),
                ..LogConfig::file(LogId(id.0), dir.clone(), identity)
            };
            let log = Log::open(config, &mut turn.fx.disk);
            let Some(recovering) = &mut self.recovering else { return };
            recovering.opening.insert(id, (account, dir, log));
        }
    }

    fn opened(&mut self, turn: &mut Turn<'_>, done: Done) {
        let id = StreamId(done.log.0);
        let Some(recovering) = &mut self.recovering else { return };
        let Some((_, _, log)) = recovering.opening.get_mut(&id) else { return };
        log.done(done, &mut turn.fx.disk);
        if log.failure() == Some(Failure::Disk) {
            // It stays where it is, and so does its name.
            if let Some((_, dir, _)) = recovering.opening.remove(&id) {
                turn.fx.trace.push(TraceEvent::StreamUnknown { dir });
            }
            return;
        }
        if !log.is_open() {
            return;
        }
        let Some((account, dir, mut log)) = recovering.opening.remove(&id) else { return };
        let Some(found) = log.recovered() else { return };
        for finding in &found.findings {
            let (dir, finding) = (dir.clone(), finding.clone());
            turn.fx.trace.push(TraceEvent::StreamDamaged { dir, finding });
        }
        // One that was being made of a copy never became a stream.
        let mut keys = found.notes.iter().map(|note| NoteKey::parse(&note.key));
        let unfinished = keys.any(|key| key == NoteKey::Restoring);
        let note = found.notes.iter().find(|note| *note.key == *b"stream");
        let note = note.and_then(|note| StreamNote::parse(&note.pieces.concat()));
        match note {
            Some(note) if !found.destroyed && !unfinished => {
                self.bring_back(turn, id, account, note, log, &found)
            }
            _ if found.destroyed || unfinished || (found.absent && found.findings.is_empty()) => {
                self.clear_away(turn, id, log);
            }
            // Nobody can say what it was. It stays where it is, for somebody to look at.
            _ => turn.fx.trace.push(TraceEvent::StreamUnknown { dir }),
        }
    }

    /// A stream as it was.
    fn bring_back(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        account: AccountId,
        note: StreamNote,
        mut log: Log,
        found: &Recovery,
    ) {
        let StreamNote { created, config } = note;
        log.set_durability(self.durability(&config));
        log.set_compression(compression(&config));
        let mut stream = self.make_stream(turn, id, account, created, config, log);
        restore_notes(turn, &mut stream, found);
        stream.recover_index(turn, schedules_due(found));
        self.read_ids(turn, stream);
    }

    /// A stream is in use again. Of two with one name, which a crash may leave when a stream was
    /// made anew while the old one went, the later one counts; the other stays where it is.
    fn take_back(&mut self, turn: &mut Turn<'_>, mut stream: Box<Stream>) {
        let names = self.names.get(&stream.account);
        let other = names.and_then(|names| names.get(&stream.config.name)).copied();
        if let Some(other) = other.and_then(|id| self.streams.get(&id)) {
            if stream.created <= other.created {
                let dir = stream.log.config().dir.clone();
                turn.fx.trace.push(TraceEvent::StreamUnknown { dir });
                return;
            }
            let (id, account) = (other.id, other.account);
            let dir = other.log.config().dir.clone();
            self.services.unsubscribe(turn, account, Service::Ingest(id));
            self.services.unsubscribe(turn, account, Service::DirectGet(id));
            if let Some(mut other) = self.streams.remove(&id) {
                let gone = other.take_intakes();
                self.end_intakes(turn, id, account, gone);
            }
            turn.fx.trace.push(TraceEvent::StreamUnknown { dir });
        }
        stream.give_up_damaged(turn);
        // Of a batch that was being written the messages may be there, and what had gone for them, too.
        stream.enforce_all_limits(turn);
        stream.release_unneeded(turn);
        self.take_up(turn, stream);
    }

    /// Reads what must be known before the next message comes; then the stream is in use.
    fn read_ids(&mut self, turn: &mut Turn<'_>, mut stream: Box<Stream>) {
        if stream.recover_ids(turn) {
            self.take_back(turn, stream);
        } else if let Some(recovering) = &mut self.recovering {
            recovering.reading.insert(stream.id, stream);
        }
    }
}

fn restore_notes(turn: &mut Turn<'_>, stream: &mut Stream, found: &Recovery) {
    let states: BTreeMap<&str, _> = found
        .notes
        .iter()
        .filter_map(|note| match NoteKey::parse(&note.key) {
            NoteKey::State(name) => Some((name, &note.pieces)),
            NoteKey::Stream
            | NoteKey::Consumer(_)
            | NoteKey::Source(_)
            | NoteKey::Schedule(_)
            | NoteKey::Restoring
            | NoteKey::Unknown => None,
        })
        .collect();
    for note in &found.notes {
        if let NoteKey::Source(name) = NoteKey::parse(&note.key)
            && let Some(position) = Position::parse(&note.pieces.concat())
        {
            stream.restore_position(name, position);
        }
        let NoteKey::Consumer(name) = NoteKey::parse(&note.key) else { continue };
        let Some(consumer) = ConsumerNote::parse(&note.pieces.concat()) else { continue };
        let pieces = states.get(name).into_iter().flat_map(|pieces| pieces.iter());
        stream.restore_consumer(turn, name, consumer, pieces.map(|piece| &piece[..]));
    }
}

/// When schedules are due, as was noted.
fn schedules_due(found: &Recovery) -> BTreeMap<u64, i64> {
    let due = found.notes.iter().filter_map(|note| {
        let NoteKey::Schedule(seq) = NoteKey::parse(&note.key) else { return None };
        let content = note.pieces.concat();
        Some((seq, i64::from_le_bytes(*content.first_chunk()?)))
    });
    due.collect()
}
