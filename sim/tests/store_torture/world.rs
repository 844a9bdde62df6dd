//! A log on a simulated disk, with an owner that does random things to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use causeway_sim::disk::{Damage, Disk};
use causeway_sim::rng::Stream;
use causeway_store::disk::{Answer, Done, FileId, Lane, LogId, Op, OpId, OpKind, Path};
use causeway_store::{
    Cipher, Compression, Failure, Filter, Get, Key, Log, LogConfig, NewMessage, NoteChange,
    Progress, StoredMessage,
};

use crate::model::{Message, Model, Mutation, Observed, OwnersNotes, State};

pub(crate) const DIR: &str = "$G/streams/ORDERS";

/// Where the process ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CrashPoint {
    /// At the operation with this number, of all that are carried out.
    pub(crate) op: u64,
    /// It is carried out before, but its answer does not come.
    pub(crate) carried_out: bool,
}

/// The log was ended in the middle of something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Crashed;

/// Says what it was about if a test fails.
pub(crate) struct Told(pub(crate) String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in: {}", self.0);
        }
    }
}

pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) model: Model,
    pub(crate) log: Option<Log>,
    pub(crate) config: LogConfig,
    lanes: [VecDeque<Op>; 3],
    out: Vec<Op>,
    draws: Stream,
    pub(crate) carried_out: u64,
    pub(crate) crash_at: Option<CrashPoint>,
    /// Operations are printed.
    traced: bool,
    clock: u64,
}

impl World {
    pub(crate) fn new(seed: u64, config: LogConfig) -> Self {
        Self {
            disk: Disk::new(Stream::new(seed, "disk", &[])),
            model: Model::default(),
            log: None,
            config,
            lanes: Default::default(),
            out: Vec::new(),
            draws: Stream::new(seed, "world", &[]),
            carried_out: 0,
            crash_at: None,
            traced: std::env::var_os("STORE_TRACE").is_some(),
            clock: 1,
        }
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("there is one")
    }

    pub(crate) fn create(&mut self, first_seq: u64) {
        let log = Log::create(self.config.clone(), first_seq, &mut self.out);
        self.model.now = State { next_seq: first_seq, ..State::default() };
        self.model.acked = self.model.now.clone();
        self.model.since.clear();
        self.model.created = false;
        self.log = Some(log);
        self.turn();
    }

    /// The end of a turn: what was done is committed, what is asked for is queued.
    pub(crate) fn turn(&mut self) {
        let log = self.log.as_mut().expect("there is one");
        if log.is_open() {
            log.commit(&mut OwnersNotes(&self.model.now.notes), &mut self.out);
        }
        for op in self.out.drain(..) {
            if op.lane == Lane::Commit && matches!(op.kind, OpKind::Write { .. }) {
                self.model.batch = log.position().0;
            }
            let lane = match op.lane {
                Lane::Commit => 0,
                Lane::Background => 1,
                Lane::Read => 2,
            };
            self.lanes[lane].push_back(op);
        }
        let durable = log.durable().0;
        self.model.ack(durable);
        self.model.created |= durable > 0;
    }

    /// What is not durable yet can be had as it was taken, and nothing else can.
    fn peek_all(&self) {
        let Some(log) = self.log.as_ref().filter(|log| log.is_open()) else { return };
        if log.failure() == Some(Failure::Disk) {
            // What was being written is nowhere now.
            return;
        }
        for seq in log.durable_seq() + 1..log.next_seq() {
            let known = self.model.now.messages.get(&seq);
            match (log.peek(seq), known) {
                (Some(held), Some(known)) => assert!(same(known, &held), "{seq}: {held:?}"),
                (held, known) => assert!(held.is_none() && known.is_none(), "{seq}: {held:?}"),
            }
        }
    }

    /// Carries one operation out, of any lane.
    pub(crate) fn pump(&mut self) -> Result<Option<Progress>, Crashed> {
        let waiting: Vec<usize> = (0..3).filter(|lane| !self.lanes[*lane].is_empty()).collect();
        let Some(lane) = self.draws.pick(&waiting).copied() else { return Ok(None) };
        let Some(op) = self.lanes[lane].pop_front() else { return Ok(None) };
        let crash = self.crash_at.filter(|crash| crash.op == self.carried_out);
        self.carried_out += 1;
        if crash.is_some_and(|crash| !crash.carried_out) {
            return Err(Crashed);
        }
        let (result, _) = self.disk.run(&op);
        if self.traced {
            let short: String = format!("{:?}", op.kind).chars().take(90).collect();
            eprintln!(
                "{} {:?} {short} -> {:.60}",
                self.carried_out,
                op.lane,
                format!("{result:?}")
            );
        }
        if crash.is_some() {
            return Err(Crashed);
        }
        let done = Done { log: op.log, id: op.id, result };
        let log = self.log.as_mut().expect("there is one");
        let progress = log.done(done, &mut self.out);
        self.turn();
        Ok(Some(progress))
    }

    pub(crate) fn retry(&mut self) {
        let log = self.log.as_mut().expect("there is one");
        log.retry(&mut self.out);
        self.turn();
    }

    /// What was only written is to be synced.
    pub(crate) fn sync(&mut self) {
        let log = self.log.as_mut().expect("there is one");
        log.sync(&mut self.out);
        self.turn();
    }

    pub(crate) fn settle(&mut self) -> Result<(), Crashed> {
        while self.pump()?.is_some() {}
        Ok(())
    }

    pub(crate) fn tell(&self, what: &str) {
        if self.traced {
            eprintln!("{what}");
        }
    }

    pub(crate) fn end_process(&mut self, power: bool) {
        self.tell(if power { "the power fails" } else { "the process ends" });
        self.log = None;
        self.lanes = Default::default();
        self.out.clear();
        if power {
            self.disk.lose_power();
        }
        self.disk.end_process();
    }

    /// Opens the log and looks at it. `None` if the disk cannot be read.
    pub(crate) fn open(&mut self) -> Result<Option<Observed>, Crashed> {
        // A new one each time, as owners do.
        self.config.identity = self.config.identity.wrapping_add(1);
        self.log = Some(Log::open(self.config.clone(), &mut self.out));
        self.turn();
        while !self.log().is_open() {
            if self.pump()?.is_none() {
                assert_eq!(self.log().failure(), Some(Failure::Disk), "it will not open");
                self.end_process(false);
                return Ok(None);
            }
        }
        Ok(Some(self.observe()))
    }

    /// What the log says of itself.
    fn observe(&mut self) -> Observed {
        let recovery = self.log().recovered().expect("it was just opened");
        let notes: BTreeMap<Vec<u8>, Vec<u8>> =
            recovery.notes.iter().map(|note| (note.key.to_vec(), note.pieces.concat())).collect();
        let log = self.log.as_ref().expect("there is one");
        let mut messages = BTreeMap::new();
        let mut at = 0;
        while let Some(seq) = log.next(&mut Filter::everything(), at) {
            let meta = log.meta(seq).expect("it is there");
            let subject = String::from_utf8_lossy(log.subject(meta.subject)).into_owned();
            let size = |message: &Message| {
                let body = subject.len() + message.header.len() + message.payload.len();
                (body as u32, !message.header.is_empty(), message.mark)
            };
            // Which one it is; the rest is compared when it can be read.
            let known = self.model.ever(seq).iter().find(|message| {
                message.time == meta.time
                    && message.subject == subject
                    && size(message) == (meta.body, meta.has_header, meta.mark)
            });
            let known = known.unwrap_or_else(|| panic!("{seq} was never there: {meta:?}"));
            messages.insert(seq, known.clone());
            at = seq + 1;
        }
        let lost: BTreeSet<u64> = log.lost().flatten().collect();
        Observed { state: State { messages, next_seq: log.next_seq(), notes }, lost, recovery }
    }

    /// Opens the log, judges what is found, and compares everything that can be read.
    pub(crate) fn reopen(&mut self) -> Result<bool, Crashed> {
        let Some(observed) = self.open()? else { return Ok(false) };
        let position = self.log().position().0;
        if self.model.created
            && let Err(wrong) = self.model.reopened(&observed, position)
        {
            panic!("{wrong}");
        }
        if observed.recovery.absent || observed.recovery.destroyed {
            self.model.created = false;
            // Its making was not finished, or nothing is left: the owner begins anew.
            if self.model.damaged {
                // What is hidden would keep the directory, and come back.
                self.disk.wipe();
            }
            assert!(self.destroy()?);
            self.end_process(false);
            self.create(self.model.now.next_seq.min(3));
            return Ok(true);
        }
        if !self.model.created
            && let Err(wrong) = self.model.reopened(&observed, position)
        {
            panic!("{wrong}");
        }
        self.turn();
        self.recount();
        Ok(true)
    }

    /// Compares what the log counts with what is there.
    pub(crate) fn recount(&self) {
        let log = self.log.as_ref().expect("there is one");
        let (state, now) = (log.state(), &self.model.now);
        assert_eq!(log.next_seq(), now.next_seq);
        assert_eq!(state.messages, now.messages.len() as u64);
        let size = |message: &Message| {
            let header = message.header.len();
            let header = if header > 0 { header + 4 } else { 0 };
            (30 + message.subject.len() + header + message.payload.len()) as u64
        };
        assert_eq!(state.bytes, now.messages.values().map(size).sum::<u64>());
        let first = now.messages.keys().next().copied().unwrap_or(now.next_seq);
        assert_eq!((state.first_seq, state.last_seq), (first, now.next_seq - 1));
        let subjects: BTreeSet<&str> =
            now.messages.values().map(|message| &*message.subject).collect();
        assert_eq!(state.subjects, subjects.len() as u64);
        assert_eq!(state.deleted, now.next_seq - first - now.messages.len() as u64);
        let deleted: u64 = log.deleted().map(|range| range.end() - range.start() + 1).sum();
        assert_eq!(state.deleted, deleted);
        let marks = now.messages.iter().filter(|(_, message)| message.mark > 0);
        assert!(log.marks().eq(marks.map(|(seq, message)| (*seq, message.mark))));
    }

    /// Reads a message and compares it.
    pub(crate) fn read(&mut self, seq: u64) -> Result<(), Crashed> {
        loop {
            self.peek_all();
            let durable = self.log().durable_seq();
            let log = self.log.as_mut().expect("there is one");
            let got = log.get(seq, &mut self.out);
            let loading = got == Get::Loading;
            self.turn();
            let known = self.model.now.messages.get(&seq);
            match got {
                Get::Message(read) => {
                    assert!(known.is_some_and(|known| same(known, &read)), "{seq}: {read:?}");
                    return Ok(());
                }
                Get::Missing => {
                    assert!(known.is_none() || seq > durable, "{seq} is missing");
                    return Ok(());
                }
                Get::Lost => {
                    // One that was never acknowledged may count as lost, too.
                    assert!(self.model.damaged || known.is_none(), "{seq} is lost");
                    return Ok(());
                }
                Get::Failed => {
                    assert!(self.disk.faults.read_errors_ppm > 0, "{seq} cannot be read");
                    return Ok(());
                }
                Get::Loading => {}
            }
            assert!(loading);
            loop {
                match self.pump()? {
                    Some(progress) if progress.loaded => break,
                    Some(_) => {}
                    None => panic!("{seq} does not come"),
                }
            }
        }
    }

    pub(crate) fn read_all(&mut self) -> Result<(), Crashed> {
        let all: Vec<u64> = self.model.now.messages.keys().copied().collect();
        all.into_iter().try_for_each(|seq| self.read(seq))
    }

    fn did(&mut self, mutation: Mutation) {
        let position = self.log().position().0;
        self.model.did(position, mutation);
    }

    pub(crate) fn append(&mut self, draws: &mut Stream, largest: u64) {
        if self.log().failure().is_some() {
            return;
        }
        self.clock += 1;
        let subjects = ["a", "a.b", "a.c", "orders.eu.1", "orders.eu.2", "x"];
        let gap = if draws.below(12) == 0 { draws.below(4) } else { 0 };
        let seq = self.log().next_seq() + gap;
        let mut bytes = |most: u64| -> Vec<u8> {
            let len = draws.below(most + 1);
            (0..len).map(|_| draws.next() as u8).collect()
        };
        let (header, mut payload) = (bytes(20), bytes(largest));
        if self.config.compression == Compression::Lz4 {
            // There is something to compress, in most.
            for at in 16..payload.len() {
                payload[at] = payload[at % 16];
            }
        }
        let header = if header.len() % 2 == 0 { Vec::new() } else { header };
        let mark = if draws.below(5) == 0 { self.clock } else { 0 };
        let subject = draws.pick(&subjects).copied().unwrap_or("a").to_owned();
        let message = Message { time: self.clock, subject, header, payload, mark };
        self.log().append(&NewMessage {
            seq,
            time: message.time,
            subject: message.subject.as_bytes(),
            header: &message.header,
            payload: &message.payload,
            mark,
        });
        self.did(Mutation::Append(seq, message));
        self.peek_all();
    }

    pub(crate) fn remove(&mut self, draws: &mut Stream) {
        let all: Vec<u64> = self.model.now.messages.keys().copied().collect();
        let Some(seq) = draws.pick(&all).copied() else { return };
        let erase = draws.below(3) == 0;
        assert!(self.log().remove(seq, erase).is_some());
        self.did(Mutation::Remove(seq, erase));
    }

    pub(crate) fn trim(&mut self, draws: &mut Stream) {
        let first = self.log().state().first_seq;
        let next = self.log().next_seq();
        let all = draws.below(6) == 0;
        self.trim_to(if all { next + draws.below(3) } else { draws.between(first, next) });
    }

    pub(crate) fn trim_to(&mut self, seq: u64) {
        let before = self.model.now.messages.len() as u64;
        let trimmed = self.log().trim_to(seq);
        self.did(Mutation::TrimTo(seq));
        assert_eq!(trimmed.messages, before - self.model.now.messages.len() as u64);
    }

    pub(crate) fn skip(&mut self, draws: &mut Stream) {
        let seq = self.log().next_seq() + draws.below(4);
        self.log().skip_to(seq, 0);
        self.did(Mutation::SkipTo(seq));
    }

    pub(crate) fn note(&mut self, draws: &mut Stream) {
        let key = vec![b'k', draws.below(3) as u8];
        let content: Vec<u8> = (0..draws.below(60)).map(|_| draws.next() as u8).collect();
        let (mutation, change) = match draws.below(5) {
            0 => (Mutation::Put(key.clone(), content.clone()), NoteChange::Put(&content)),
            1 => (Mutation::Forget(key.clone()), NoteChange::Remove),
            _ => (Mutation::Extend(key.clone(), content.clone()), NoteChange::Append(&content)),
        };
        self.log().note(&key, change);
        self.did(mutation);
    }

    /// Where the newest segment with something in it is.
    pub(crate) fn newest_used(&mut self) -> Path {
        let mut segments = self.files();
        segments.retain(|(name, bytes)| name.ends_with(".seg") && bytes.starts_with(&[0x5e]));
        let newest = segments.into_iter().map(|(name, _)| name).max();
        Path { dir: DIR.to_owned(), name: newest.expect("there is one") }
    }

    /// What the log shows with one bit of a file flipped. `disk` is as it was afterwards.
    pub(crate) fn with_flipped_bit(&mut self, disk: &mut Disk, path: &Path) -> Observed {
        assert_eq!(disk.damage(path, Damage::BitRot), Ok(()));
        self.disk = disk.clone();
        disk.lift();
        let observed = self.open().ok().flatten().expect("it can be read");
        self.end_process(false);
        observed
    }

    /// Nothing of what was to be erased is left in any file. Everything is durable, and nothing is under
    /// way.
    pub(crate) fn look_for_erased(&mut self) {
        for (name, bytes) in self.files() {
            for payload in &self.model.erased {
                let left = bytes.windows(16).any(|part| part == &payload[..16]);
                assert!(!left, "a message that was erased is in {name}");
            }
        }
    }

    /// All files of the log.
    pub(crate) fn files(&mut self) -> Vec<(String, Bytes)> {
        let mut ask = |kind| {
            let op = Op { log: LogId(9), id: OpId(0), lane: Lane::Read, lone: false, kind };
            self.disk.run(&op).0
        };
        let list = ask(OpKind::List { dir: DIR.to_owned() });
        let Ok(Answer::Names { files, .. }) = list else { panic!("{list:?}") };
        let mut read_all = |name: String| {
            let (file, path) = (FileId(0), Path { dir: DIR.to_owned(), name: name.clone() });
            let opened = ask(OpKind::Open { file, path, create: false });
            let read = ask(OpKind::Read { file, at: 0, len: 1 << 20 });
            let (Ok(_), Ok(Answer::Bytes(bytes))) = (opened, read) else { panic!("{name}") };
            assert!(ask(OpKind::Close { file }).is_ok());
            (name, bytes)
        };
        files.into_iter().map(&mut read_all).collect()
    }

    pub(crate) fn close(&mut self) -> Result<(), Crashed> {
        let log = self.log.as_mut().expect("there is one");
        log.close(&mut OwnersNotes(&self.model.now.notes), &mut self.out);
        self.turn();
        self.settle()?;
        if self.log().has_ended() {
            let log = self.log();
            assert!(log.failure().is_some() || log.durable() == log.position());
            self.end_process(false);
        }
        Ok(())
    }

    pub(crate) fn destroy(&mut self) -> Result<bool, Crashed> {
        let log = self.log.as_mut().expect("there is one");
        log.destroy(&mut self.out);
        self.turn();
        self.settle()?;
        Ok(self.log().has_ended())
    }
}

fn same(known: &Message, read: &StoredMessage) -> bool {
    known.time == read.time
        && known.subject.as_bytes() == read.subject()
        && known.header == read.header()
        && known.payload == read.payload()
}

/// The same, with bodies as they are, compressed, encrypted, or both.
pub(crate) fn small_of(seed: u64) -> LogConfig {
    let ciphers = [None, None, Some(Cipher::ChaCha20Poly1305), Some(Cipher::Aes256Gcm)];
    let cipher = ciphers[(seed % 4) as usize];
    LogConfig {
        compression: if seed % 2 == 1 { Compression::Lz4 } else { Compression::None },
        key: cipher.map(|cipher| Key { cipher, secret: [7; 32] }),
        ..small()
    }
}

/// A log with segments as small as they may be.
pub(crate) fn small() -> LogConfig {
    let mut config = LogConfig::file(LogId(1), DIR, 0x1234_5678_9abc_def0);
    config.segment_bytes = 16 << 10;
    config.cache_bytes = 8 << 10;
    config
}
