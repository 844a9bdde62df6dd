//! The start: reading from the disk which streams there are, and what they were.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::{Answer, Done, Lane, LogId, Op, OpId, OpKind};
use causeway_store::{Log, LogConfig, Recovery};

use super::JetStream;
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
        self.listing.is_empty() && self.opening.is_empty() && self.reading.is_empty()
    }
}

impl JetStream {
    /// Subscribes to requests, and begins to read the disk.
    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        let api: Vec<String> = self.api_prefixes().map(|prefix| format!("{prefix}>")).collect();
        let api = api.iter().map(String::as_bytes);
        self.services.subscribe(turn, GLOBAL, Service::Api, api);
        self.services.subscribe(turn, GLOBAL, Service::Acks, [&b"$JS.ACK.>"[..]]);
        self.services.subscribe(turn, GLOBAL, Service::FlowControl, [&b"$JS.FC.>"[..]]);
        let accounts: Vec<AccountId> = turn.node.accounts.ids().collect();
        for account in accounts {
            let dir = format!("{}/streams", turn.node.accounts.get(account).name);
            let Some(recovering) = &mut self.recovering else { return };
            recovering.last_op += 1;
            let id = OpId(recovering.last_op);
            recovering.listing.insert(id, account);
            let kind = OpKind::List { dir };
            turn.fx.disk.push(Op { log: ROOT, id, lane: Lane::Read, lone: false, kind });
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
        if self.recovering.as_ref().is_some_and(Recovering::is_over) {
            self.recovering = None;
            let streams = self.streams.len() as u64;
            turn.fx.trace.push(TraceEvent::StreamsReady { streams });
        }
    }

    fn listed(&mut self, turn: &mut Turn<'_>, done: &Done) {
        let Some(recovering) = &mut self.recovering else { return };
        let Some(account) = recovering.listing.remove(&done.id) else { return };
        let dirs = match &done.result {
            Ok(Answer::Names { dirs, .. }) => dirs,
            Ok(_) => return,
            Err(error) => {
                turn.fx.trace.push(TraceEvent::StoreUnreadable { error: *error });
                return;
            }
        };
        for name in dirs {
            self.last_stream += 1;
            let id = StreamId(self.last_stream);
            let dir = format!("{}/streams/{name}", turn.node.accounts.get(account).name);
            self.dirs.insert(dir.clone());
            let identity = turn.node.rng.next_u64(rng::Stream::Logs);
            let config = LogConfig::file(LogId(id.0), dir.clone(), identity);
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
        if !log.is_open() {
            return;
        }
        let Some((account, dir, mut log)) = recovering.opening.remove(&id) else { return };
        let Some(found) = log.recovered() else { return };
        for finding in &found.findings {
            let (dir, finding) = (dir.clone(), finding.clone());
            turn.fx.trace.push(TraceEvent::StreamDamaged { dir, finding });
        }
        let note = found.notes.iter().find(|note| *note.key == *b"stream");
        let note = note.and_then(|note| StreamNote::parse(&note.pieces.concat()));
        match note {
            Some(note) if !found.destroyed => self.bring_back(turn, id, account, note, log, &found),
            _ if found.destroyed || (found.absent && found.findings.is_empty()) => {
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
        log: Log,
        found: &Recovery,
    ) {
        let StreamNote { created, config } = note;
        let mut stream = self.make_stream(turn, id, account, created, config, log);
        restore_consumers(turn, &mut stream, found);
        stream.recover_index(turn);
        self.read_ids(turn, stream);
    }

    /// Reads what must be known before the next message comes; then the stream is in use.
    fn read_ids(&mut self, turn: &mut Turn<'_>, mut stream: Box<Stream>) {
        if stream.recover_ids(turn) {
            self.take_up(turn, stream);
        } else if let Some(recovering) = &mut self.recovering {
            recovering.reading.insert(stream.id, stream);
        }
    }
}

fn restore_consumers(turn: &mut Turn<'_>, stream: &mut Stream, found: &Recovery) {
    let states: BTreeMap<&str, _> = found
        .notes
        .iter()
        .filter_map(|note| match NoteKey::parse(&note.key) {
            NoteKey::State(name) => Some((name, &note.pieces)),
            NoteKey::Stream | NoteKey::Consumer(_) | NoteKey::Unknown => None,
        })
        .collect();
    for note in &found.notes {
        let NoteKey::Consumer(name) = NoteKey::parse(&note.key) else { continue };
        let Some(consumer) = ConsumerNote::parse(&note.pieces.concat()) else { continue };
        let pieces = states.get(name).into_iter().flat_map(|pieces| pieces.iter());
        stream.restore_consumer(turn, name, consumer, pieces.map(|piece| &piece[..]));
    }
}
