//! A stream, a consumer, its clients and the time.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_store::disk::LogId;
use causeway_store::{Log, LogConfig, NewMessage};
use causeway_wire::header;
use causeway_wire::jetstream::{AckSubject, ConsumerConfig};

use super::super::{Action, Actions, Advisory, Consumer, Pump, Setup, Turn};
use crate::time::{Duration, Mono, Now, Wall};

/// Nanoseconds since 1970 when a world begins.
pub(super) const BEGIN: i64 = 1_000_000_000_000_000_000;

pub(super) struct World {
    pub(super) log: Log,
    pub(super) consumer: Consumer,
    pub(super) now: Now,
    /// Subjects that nobody listens on.
    pub(super) deaf: BTreeSet<Vec<u8>>,
    /// What was done since somebody looked.
    pub(super) seen: Vec<String>,
    /// What the consumer's state is kept as.
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) setup: Setup,
    draws: u64,
    /// The ack subject of the last delivery of each message.
    tokens: alloc::collections::BTreeMap<u64, String>,
}

impl World {
    pub(super) fn new(config: ConsumerConfig) -> Self {
        Self::on(Self::log(), config)
    }

    pub(super) fn log() -> Log {
        Log::create(LogConfig::memory(LogId(0), 7), 1, &mut Vec::new())
    }

    /// A consumer on a log that has messages already.
    pub(super) fn on(mut log: Log, config: ConsumerConfig) -> Self {
        let now = Now { mono: Mono(1_000_000_000), wall: Wall(BEGIN) };
        let setup = Setup {
            stream: "S".to_string(),
            name: "C".to_string(),
            created: now.wall,
            retains: false,
            durable: true,
            burst: 1 << 20,
        };
        let consumer = Consumer::new(config, setup.clone(), now, &mut log);
        let mut world = Self {
            log,
            consumer,
            now,
            deaf: BTreeSet::new(),
            seen: Vec::new(),
            pieces: Vec::new(),
            setup,
            draws: 0,
            tokens: alloc::collections::BTreeMap::new(),
        };
        world.keep();
        world
    }

    /// Lets the consumer do something.
    pub(super) fn turn<R>(&mut self, act: impl FnOnce(&mut Consumer, &mut Turn<'_>) -> R) -> R {
        let mut out = Actions::default();
        let mut turn = Turn {
            now: self.now,
            log: &mut self.log,
            ops: &mut Vec::new(),
            interest: &mut |subject| !self.deaf.contains(subject),
            draw: &mut || {
                self.draws += 1;
                self.draws
            },
            out: &mut out,
        };
        let result = act(&mut self.consumer, &mut turn);
        for action in out.iter() {
            let line = self.tell(&out, action);
            self.seen.push(line);
        }
        self.consumer.pending.check();
        result
    }

    fn tell(&mut self, out: &Actions, action: Action<&[u8]>) -> String {
        match action {
            Action::Deliver(delivery) => {
                let message = out.message(delivery.message);
                let ack = text(delivery.reply);
                let mut numbers = ack.strip_prefix("$JS.ACK.S.C.").expect("a prefix").split('.');
                let [count, seq, dseq, _, ahead] =
                    core::array::from_fn(|_| numbers.next().expect("five numbers"));
                let fields = text(delivery.fields).replace("\r\n", ";");
                let payload = if delivery.payload { "" } else { " (no payload)" };
                let subject = text(message.subject());
                let to = text(delivery.to);
                assert_eq!(seq, message.seq.to_string());
                let line = format!("{to}: {subject}@{seq} #{dseq} x{count} +{ahead} {fields}");
                let line = format!("{}{payload}", line.trim_end());
                self.tokens.insert(message.seq, ack);
                line
            }
            Action::Status { to, reply, header } => {
                let (code, status) = header::status(header).expect("a status");
                let mut line = format!("{}: {} {}", text(to), text(code), text(status));
                for field in header::fields(header) {
                    line += &format!(" {}={}", text(field.name), text(field.value));
                }
                reply.map_or(line.clone(), |reply| format!("{line} <{}>", text(reply)))
            }
            Action::AckReply { to, durable } => {
                format!("{}: acked{}", text(to), if durable { " durably" } else { "" })
            }
            Action::Advisory(advisory) => tell_advisory(advisory),
            Action::Release { seq } => format!("release {seq}"),
            Action::Delete => "delete".to_string(),
        }
    }

    /// What was done since this was asked the last time.
    pub(super) fn take(&mut self) -> Vec<String> {
        core::mem::take(&mut self.seen)
    }

    /// Delivers what can be delivered, and says what was done since somebody looked.
    pub(super) fn pump(&mut self) -> Vec<String> {
        let pumped = self.turn(|consumer, turn| consumer.pump(turn, u64::MAX));
        assert!(matches!(pumped, Pump::Done), "{pumped:?}");
        self.take()
    }

    pub(super) fn store(&mut self, subject: &str) -> u64 {
        self.store_message(subject, "", "x")
    }

    pub(super) fn store_message(&mut self, subject: &str, header: &str, payload: &str) -> u64 {
        let seq = append(&mut self.log, self.now, subject, header, payload);
        self.consumer.stored(seq, subject.as_bytes());
        seq
    }

    pub(super) fn store_all<'s>(&mut self, subjects: impl IntoIterator<Item = &'s str>) {
        for subject in subjects {
            self.store(subject);
        }
    }

    pub(super) fn remove(&mut self, seq: u64) {
        let meta = self.log.remove(seq, false).expect("it is there");
        let subject = self.log.subject(meta.subject).to_vec();
        self.turn(|consumer, turn| consumer.removed(turn, seq, &subject));
    }

    pub(super) fn pull(&mut self, payload: &str, reply: &str) {
        let (payload, reply) = (payload.as_bytes(), reply.as_bytes());
        self.turn(|consumer, turn| consumer.pull(turn, payload, reply));
    }

    /// Pulls and delivers at once.
    pub(super) fn fetch(&mut self, payload: &str) -> Vec<String> {
        self.pull(payload, "in");
        self.pump()
    }

    /// Acks the last delivery of a message, without asking for an answer.
    pub(super) fn ack(&mut self, seq: u64, body: &str) {
        self.ack_with(seq, body, "");
    }

    pub(super) fn ack_with(&mut self, seq: u64, body: &str, reply: &str) {
        let token = self.tokens.get(&seq).expect("it was delivered").clone();
        self.ack_on(&token, body, reply);
    }

    pub(super) fn ack_on(&mut self, token: &str, body: &str, reply: &str) {
        let subject = AckSubject::parse(token.as_bytes()).expect("an ack subject");
        let (body, reply) = (body.as_bytes(), reply.as_bytes());
        self.turn(|consumer, turn| consumer.ack(turn, &subject, body, reply));
    }

    /// Lets time pass, and timers do what they do.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        while let Some(at) = self.consumer.deadline().filter(|at| *at <= end) {
            self.set_time(at.max(self.now.mono));
            self.turn(|consumer, turn| consumer.tick(turn));
            self.turn(|consumer, turn| consumer.pump(turn, u64::MAX));
        }
        self.set_time(end);
    }

    fn set_time(&mut self, mono: Mono) {
        let passed = mono.since(self.now.mono);
        self.now.mono = mono;
        self.now.wall.0 += i64::try_from(passed.as_nanos()).expect("a test is short");
    }

    /// Keeps the state as it is now.
    pub(super) fn keep(&mut self) {
        let mut piece = Vec::new();
        if self.consumer.take_changes(self.now, &mut piece) {
            self.pieces.push(piece);
        }
    }

    /// Keeps all of the state in one piece, whatever was kept before. Changes that come later may
    /// tell some of it again.
    pub(super) fn checkpoint(&mut self) {
        let mut piece = Vec::new();
        self.consumer.save(self.now, &mut piece);
        self.pieces = alloc::vec![piece];
    }

    /// A crash: the consumer comes back as it was kept, on the log as it is now.
    pub(super) fn crash(&mut self) {
        let pieces = self.pieces.iter().map(Vec::as_slice);
        let config = self.consumer.config().clone();
        let (setup, now) = (self.setup.clone(), self.now);
        let restored = Consumer::restore(pieces, config, setup, now, &mut self.log);
        self.consumer = restored.expect("what was kept can be read");
        self.consumer.pending.check();
    }

    /// Delivered, acked up to, pending, redelivered, to be delivered.
    pub(super) fn numbers(&self) -> [u64; 5] {
        let consumer = &self.consumer;
        let redelivered = consumer.pending.redelivered() as u64 + consumer.exhausted.len();
        let pending = consumer.pending.len() as u64;
        let (delivered, floor) = (consumer.delivered().stream, consumer.floor().stream);
        [delivered, floor, pending, redelivered, consumer.num_pending()]
    }
}

/// Puts a message into a log that has no consumer yet.
pub(super) fn append(log: &mut Log, now: Now, subject: &str, header: &str, payload: &str) -> u64 {
    let seq = log.next_seq();
    log.append(&NewMessage {
        seq,
        time: u64::try_from(now.wall.0).expect("after 1970"),
        subject: subject.as_bytes(),
        header: header.as_bytes(),
        payload: payload.as_bytes(),
        mark: 0,
    });
    seq
}

fn tell_advisory(advisory: Advisory<&[u8]>) -> String {
    match advisory {
        Advisory::MaxDeliveries { stream_seq, deliveries } => {
            format!("max deliveries {stream_seq} x{deliveries}")
        }
        Advisory::Naked(about) => format!("naked {} x{}", about.stream_seq, about.deliveries),
        Advisory::Terminated { about, reason } => {
            format!("terminated {} x{} {}", about.stream_seq, about.deliveries, text(reason))
        }
        Advisory::Pinned { group, pin } => format!("pinned {} {}", text(group), text(pin)),
        Advisory::Unpinned { group, reason } => format!("unpinned {} {reason:?}", text(group)),
        Advisory::Pause { until, .. } if until.is_zero() => String::from("pause ends"),
        Advisory::Pause { paused, until } => format!("pause {paused} {}", until.nanos() - BEGIN),
        Advisory::Acked { about, took } => format!("sample {} {took:?}", about.stream_seq),
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}
