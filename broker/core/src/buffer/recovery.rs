//! The start: which buffers there are, and what they were. Routes and clients wait for the end.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::{Answer, Done, Lane, LogId, Op, OpId, OpKind};
use causeway_store::{Failure, Log, LogConfig, Recovery};

use super::inbound::Inbound;
use super::peer::Peer;
use super::record::{self, PeerNote};
use super::standing::Want;
use super::{Buffers, PeerId};
use crate::effects::Effects;
use crate::ids::LinkId;
use crate::rng::{Rng, Stream};
use crate::trace::{BufferEvent, TraceEvent};

/// The numbers of logs from here on are not those of streams.
pub(super) const FIRST_LOG: LogId = LogId(1 << 31);
/// Where everything is, below the store's root.
const ROOT: &str = "buffers";
/// Where the buffers for peers are.
const PEERS: &str = "buffers/to";
/// Where it is kept what has been received.
const RECEIVED: &str = "buffers/received";
const RECEIVED_NAME: &str = "received";

/// What is still to be read.
#[derive(Debug, Default)]
pub(super) struct Recovering {
    begun: bool,
    /// Directories that are being listed, by the request.
    listing: BTreeMap<OpId, &'static str>,
    /// Those that could not be.
    unlisted: Vec<&'static str>,
    /// The log of what has been received.
    received: Option<Log>,
    /// It could not be read.
    unreceived: bool,
    opening: BTreeMap<LogId, Log>,
    /// Routes that wait.
    pub(super) waiting: Vec<LinkId>,
}

impl Buffers {
    /// Begins to read the disk.
    pub(super) fn start(&mut self, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        if !core::mem::replace(&mut recovering.begun, true) {
            self.list(ROOT, fx);
            self.list(PEERS, fx);
        }
    }

    /// Tries again what the disk could not do.
    pub(super) fn retry_recovery(&mut self, rng: &mut Rng, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        let unreceived = core::mem::take(&mut recovering.unreceived);
        for dir in core::mem::take(&mut recovering.unlisted) {
            self.list(dir, fx);
        }
        if unreceived {
            self.open_received(rng, fx);
        }
    }

    fn list(&mut self, dir: &'static str, fx: &mut Effects) {
        self.last_op += 1;
        let (id, kind) = (OpId(self.last_op), OpKind::List { dir: dir.into() });
        if let Some(recovering) = &mut self.recovering {
            recovering.listing.insert(id, dir);
        }
        fx.disk.push(Op { log: FIRST_LOG, id, lane: Lane::Read, lone: false, kind });
    }

    fn open_received(&mut self, rng: &mut Rng, fx: &mut Effects) {
        let config = self.log_config(rng, RECEIVED.into());
        let log = Log::open(config, &mut fx.disk);
        if let Some(recovering) = &mut self.recovering {
            recovering.received = Some(log);
        }
    }

    fn log_config(&mut self, rng: &mut Rng, dir: String) -> LogConfig {
        self.last_log += 1;
        let id = LogId(FIRST_LOG.0 + self.last_log);
        let key = self.key.clone();
        LogConfig { key, ..LogConfig::file(id, dir, rng.next_u64(Stream::Buffers)) }
    }

    /// An answer of the disk that is for no buffer in use.
    pub(super) fn recover(&mut self, rng: &mut Rng, done: Done, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        if done.log == FIRST_LOG {
            self.listed(rng, done, fx);
        } else if recovering.received.as_ref().is_some_and(|log| log.config().id == done.log) {
            self.received_opened(rng, done, fx);
        } else {
            self.opened(done, fx);
        }
        let over = self.recovering.as_ref().is_some_and(|it| {
            it.listing.is_empty() && it.unlisted.is_empty() && it.opening.is_empty()
        });
        if over && self.inbound.is_some() {
            let waiting = self.recovering.take().map(|it| it.waiting);
            self.admit.extend(waiting.into_iter().flatten());
            self.ready = true;
        }
    }

    fn listed(&mut self, rng: &mut Rng, done: Done, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        let Some(dir) = recovering.listing.remove(&done.id) else { return };
        let dirs = match done.result {
            Ok(Answer::Names { dirs, .. }) => dirs,
            Ok(_) => return,
            Err(error) => {
                fx.trace.push(TraceEvent::StoreUnreadable { error });
                recovering.unlisted.push(dir);
                return self.retry_later();
            }
        };
        match dir {
            PEERS => self.open_peers(rng, dirs, fx),
            _ if dirs.iter().any(|name| name == RECEIVED_NAME) => self.open_received(rng, fx),
            _ => self.create_received(rng, fx),
        }
    }

    fn create_received(&mut self, rng: &mut Rng, fx: &mut Effects) {
        let config = self.log_config(rng, RECEIVED.into());
        let log = Log::create(config, 1, &mut fx.disk);
        self.inbound = Some(Inbound::new(log, None));
    }

    fn open_peers(&mut self, rng: &mut Rng, dirs: Vec<String>, fx: &mut Effects) {
        for name in dirs {
            let dir = format!("{PEERS}/{name}");
            self.dirs.insert(dir.clone());
            let config = self.log_config(rng, dir);
            let log = Log::open(config, &mut fx.disk);
            if let Some(recovering) = &mut self.recovering {
                recovering.opening.insert(log.config().id, log);
            }
        }
    }

    fn received_opened(&mut self, rng: &mut Rng, done: Done, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        let Some(mut log) = recovering.received.take() else { return };
        log.done(done, &mut fx.disk);
        if log.failure() == Some(Failure::Disk) {
            // Without it we would take things twice: it is tried again.
            fx.trace.push(TraceEvent::Buffer(BufferEvent::Unreadable { dir: RECEIVED.into() }));
            recovering.unreceived = true;
            return self.retry_later();
        }
        if log.has_ended() {
            return self.create_received(rng, fx);
        }
        let found = if log.is_open() { log.recovered() } else { None };
        report_findings(&log, found.as_ref(), fx);
        match found {
            // What is left of one whose making was interrupted must not be mistaken for the next one.
            Some(found) if found.absent || found.destroyed => log.destroy(&mut fx.disk),
            Some(found) => {
                self.inbound = Some(Inbound::new(log, Some(&found)));
                return;
            }
            None => {}
        }
        recovering.received = Some(log);
    }

    fn opened(&mut self, done: Done, fx: &mut Effects) {
        let Some(recovering) = &mut self.recovering else { return };
        let id = done.log;
        let Some(log) = recovering.opening.get_mut(&id) else { return };
        log.done(done, &mut fx.disk);
        let failed = log.failure() == Some(Failure::Disk);
        if !failed && !log.is_open() {
            return;
        }
        let Some(mut log) = recovering.opening.remove(&id) else { return };
        if failed {
            let dir = log.config().dir.clone();
            fx.trace.push(TraceEvent::Buffer(BufferEvent::Unreadable { dir }));
            return;
        }
        let found = log.recovered().unwrap_or_default();
        report_findings(&log, Some(&found), fx);
        let note = found.notes.iter().find(|note| *note.key == *record::PEER);
        match note.and_then(|note| PeerNote::read(&note.pieces.concat())) {
            Some(known) if !found.destroyed && !self.names.contains_key(&known.name) => {
                self.bring_back(known, log, &found);
            }
            _ if found.destroyed || (found.absent && found.findings.is_empty()) => {
                log.destroy(&mut fx.disk);
                self.leaving.insert(id, log);
            }
            // Nobody can say whom it was for. It stays where it is, for somebody to look at.
            _ => {
                fx.trace.push(TraceEvent::Buffer(BufferEvent::Unreadable {
                    dir: log.config().dir.clone(),
                }));
            }
        }
    }

    /// A buffer as it was.
    fn bring_back(&mut self, known: PeerNote, log: Log, found: &Recovery) {
        let (id, generation) = (self.new_peer(), known.generation);
        let name = known.name.clone();
        let mut peer = Box::new(Peer::new(id, known, log));
        for note in &found.notes {
            let Some((subject, queue)) = record::read_interest_key(&note.key) else { continue };
            let value = record::read_interest_value(&note.pieces.concat());
            let want = Want { subject: subject.into(), queue: queue.map(Vec::from) };
            if let Some(entry) = value {
                peer.standing.restore(&mut self.tables, want, entry, generation);
            }
        }
        self.logs.insert(peer.log.config().id, id);
        self.names.insert(name, id);
        self.touched.insert(id);
        self.peers.insert(id, peer);
    }

    /// A new buffer for a peer that has none.
    pub(super) fn add_peer(&mut self, rng: &mut Rng, name: &str, fx: &mut Effects) -> PeerId {
        let id = self.new_peer();
        let base = format!("{PEERS}/{}", super::peer::dir_name(name));
        let mut dir = base.clone();
        let mut number = 0;
        while !self.dirs.insert(dir.clone()) {
            number += 1;
            dir = format!("{base}.{number}");
        }
        let identity = rng.next_u64(Stream::Buffers).max(1);
        let log = Log::create(self.log_config(rng, dir), 1, &mut fx.disk);
        let known = PeerNote { identity, name: name.into(), ..PeerNote::default() };
        let peer = Box::new(Peer::new(id, known, log));
        self.logs.insert(peer.log.config().id, id);
        self.names.insert(name.into(), id);
        self.peers.insert(id, peer);
        id
    }

    fn new_peer(&mut self) -> PeerId {
        self.last_peer += 1;
        PeerId(self.last_peer)
    }
}

fn report_findings(log: &Log, found: Option<&Recovery>, fx: &mut Effects) {
    for finding in found.iter().flat_map(|found| &found.findings) {
        let (dir, finding) = (log.config().dir.clone(), finding.clone());
        fx.trace.push(TraceEvent::StreamDamaged { dir, finding });
    }
}
