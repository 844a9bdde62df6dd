//! What of a stream and its consumers is kept as notes of its log.
//!
//! | key | what |
//! |---|---|
//! | `stream` | when it was created, then its configuration |
//! | `consumer/<name>` | when it was created, then its configuration |
//! | `source/<name>` | how far a source was read: a sequence, then the identity of the origin |
//! | `state/<name>` | where the consumer is: a base, and what has changed since |
//! | `restoring` | instead of all others: it is being made of a copy, and no stream yet |
//! | `schedule/<sequence>` | when a schedule that has published is due again |

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::{NoteChange, Notes};
use causeway_wire::jetstream::{ConsumerConfig, StreamConfig, Unknown};

use super::schedule::Schedules;
use super::{ConsumerId, IntakeId, Stream};
use crate::jetstream::consumer::Consumer;
use crate::jetstream::intake::{Intake, Kind, Position};
use crate::limits;
use crate::time::{Mono, Now, Wall};

const STREAM: &[u8] = b"stream";
const CONSUMER: &str = "consumer/";
const STATE: &str = "state/";
const SOURCE: &str = "source/";
const SCHEDULE: &str = "schedule/";
pub(super) const RESTORING: &[u8] = b"restoring";

/// Bytes of changes of one consumer after which its whole state is written again.
pub(super) const CHANGES_BYTES: u64 = 256 << 10;

/// A note about a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamNote {
    pub(crate) created: Wall,
    pub(crate) config: StreamConfig,
}

/// A note about a consumer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConsumerNote {
    pub(crate) created: Wall,
    pub(crate) config: ConsumerConfig,
}

/// What a key of a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoteKey<'a> {
    Stream,
    Consumer(&'a str),
    State(&'a str),
    Source(&'a str),
    Schedule(u64),
    Restoring,
    Unknown,
}

impl<'a> NoteKey<'a> {
    pub(crate) fn parse(key: &'a [u8]) -> Self {
        let Ok(key) = core::str::from_utf8(key) else { return Self::Unknown };
        if key.as_bytes() == STREAM {
            Self::Stream
        } else if key.as_bytes() == RESTORING {
            Self::Restoring
        } else if let Some(name) = key.strip_prefix(CONSUMER) {
            Self::Consumer(name)
        } else if let Some(name) = key.strip_prefix(STATE) {
            Self::State(name)
        } else if let Some(name) = key.strip_prefix(SOURCE) {
            Self::Source(name)
        } else if let Some(seq) = key.strip_prefix(SCHEDULE).and_then(|seq| seq.parse().ok()) {
            Self::Schedule(seq)
        } else {
            Self::Unknown
        }
    }
}

/// The key of the note about the schedule with this sequence.
pub(super) fn schedule_key(seq: u64) -> Vec<u8> {
    format!("{SCHEDULE}{seq}").into_bytes()
}

/// Eight bytes of time, then JSON.
fn write(created: Wall, json: &[u8]) -> Vec<u8> {
    [&created.0.to_le_bytes()[..], json].concat()
}

fn read(note: &[u8]) -> Option<(Wall, &[u8])> {
    let (time, json) = note.split_first_chunk()?;
    Some((Wall(i64::from_le_bytes(*time)), json))
}

impl StreamNote {
    /// Nothing if it is not such a note.
    pub(crate) fn parse(note: &[u8]) -> Option<Self> {
        let (created, json) = read(note)?;
        let config = StreamConfig::parse(json, Unknown::Ignore).ok()?;
        Some(Self { created, config })
    }
}

impl ConsumerNote {
    /// Nothing if it is not such a note.
    pub(crate) fn parse(note: &[u8]) -> Option<Self> {
        let (created, json) = read(note)?;
        let config = ConsumerConfig::parse(json, Unknown::Ignore).ok()?;
        Some(Self { created, config })
    }
}

impl Position {
    pub(super) fn write(&self) -> Vec<u8> {
        [&self.seq.to_le_bytes()[..], self.identity.as_bytes()].concat()
    }

    /// Nothing if it is not such a note.
    pub(crate) fn parse(note: &[u8]) -> Option<Self> {
        let (seq, identity) = note.split_first_chunk()?;
        let identity = String::from_utf8(identity.to_vec()).ok()?;
        Some(Self { seq: u64::from_le_bytes(*seq), identity })
    }
}

impl Stream {
    /// Notes where sources are that have moved: in the batch of the messages that they brought.
    pub(super) fn note_positions(&mut self) {
        let Self { intakes, log, .. } = self;
        for intake in intakes.values_mut() {
            if core::mem::take(&mut intake.moved) && intake.kind() == Kind::Source {
                log.note(&source_key(intake.name()), NoteChange::Put(&intake.position.write()));
            }
        }
    }

    /// Where sources are, also those that are gone.
    pub(super) fn source_positions(&self) -> impl Iterator<Item = (&str, &Position)> {
        positions_of(&self.intakes, &self.positions)
    }

    /// Knows again where a source was.
    pub(crate) fn restore_position(&mut self, name: &str, position: Position) {
        self.positions.insert(name.into(), position);
    }

    /// Notes the configuration.
    pub(crate) fn note_config(&mut self) {
        let note = write(self.created, &self.config.to_json());
        self.log.note(STREAM, NoteChange::Put(&note));
    }

    /// Notes the configuration of a consumer, and where it is with that.
    pub(crate) fn note_consumer_config(&mut self, id: ConsumerId) {
        self.note_now = true;
        let Some(consumer) = self.consumers.get(&id).filter(|each| each.is_durable()) else {
            return;
        };
        let note = write(consumer.created(), &consumer.config().to_json());
        let key = format!("{CONSUMER}{}", consumer.name());
        self.log.note(key.as_bytes(), NoteChange::Put(&note));
    }

    /// Forgets a consumer.
    pub(super) fn forget_consumer(&mut self, name: &str) {
        for prefix in [CONSUMER, STATE] {
            self.log.note(format!("{prefix}{name}").as_bytes(), NoteChange::Remove);
        }
    }

    /// Notes what has changed of the consumers, if that is due: in this turn if an answer waits for it, and
    /// otherwise a pause after the last time. Each time is a batch, and a sync. What a crash keeps from
    /// being noted is delivered once more, as what was on its way is anyway.
    pub(super) fn note_in_time(&mut self, now: Now) {
        let answered = core::mem::take(&mut self.note_now);
        if answered || self.notes_due().is_some_and(|due| due <= now.mono) {
            self.note_changes(now);
        }
    }

    /// When what has changed of the consumers is to be noted.
    pub(super) fn notes_due(&self) -> Option<Mono> {
        let pause = |at| at + limits::CONSUMER_NOTE_PAUSE;
        (!self.to_note.is_empty()).then(|| self.noted_at.map_or(Mono(0), pause))
    }

    /// Notes what has changed of the consumers.
    pub(super) fn note_changes(&mut self, now: Now) {
        self.noted_at = Some(now.mono);
        let mut changes = core::mem::take(&mut self.changes);
        while let Some(id) = self.to_note.pop_first() {
            let Some(consumer) = self.consumers.get_mut(&id) else { continue };
            changes.clear();
            changes.extend_from_slice(STATE.as_bytes());
            changes.extend_from_slice(consumer.name().as_bytes());
            let key = changes.len();
            if !consumer.is_durable() || !consumer.take_changes(now, &mut changes) {
                continue;
            }
            let (key, delta) = changes.split_at(key);
            let noted = self.noted.entry(id).or_default();
            *noted += delta.len() as u64;
            if *noted > CHANGES_BYTES {
                *noted = 0;
                let mut whole = Vec::new();
                consumer.save(now, &mut whole);
                self.log.note(key, NoteChange::Put(&whole));
            } else {
                self.log.note(key, NoteChange::Append(delta));
            }
        }
        self.changes = changes;
    }
}

/// All notes as they are now, for a checkpoint.
pub(super) struct CurrentNotes<'a> {
    pub(super) config: &'a StreamConfig,
    pub(super) created: Wall,
    pub(super) now: Now,
    pub(super) consumers: &'a BTreeMap<ConsumerId, Box<Consumer>>,
    pub(super) consumer_names: &'a BTreeMap<String, ConsumerId>,
    pub(super) intakes: &'a BTreeMap<IntakeId, Box<Intake>>,
    pub(super) positions: &'a BTreeMap<String, Position>,
    pub(super) schedules: &'a Schedules,
    pub(super) restoring: bool,
}

fn positions_of<'a>(
    intakes: &'a BTreeMap<IntakeId, Box<Intake>>,
    gone: &'a BTreeMap<String, Position>,
) -> impl Iterator<Item = (&'a str, &'a Position)> {
    let sources = intakes.values().filter(|intake| intake.kind() == Kind::Source);
    let sources = sources.map(|intake| (intake.name(), &intake.position));
    let gone = gone.iter().map(|(name, position)| (name.as_str(), position));
    sources.chain(gone).filter(|(_, position)| position.seq > 0)
}

/// The key of the note about a source.
pub(super) fn source_key(name: &str) -> Vec<u8> {
    format!("{SOURCE}{name}").into_bytes()
}

impl Notes for CurrentNotes<'_> {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        if self.restoring {
            return put(RESTORING, &[]);
        }
        put(STREAM, &write(self.created, &self.config.to_json()));
        for (name, position) in positions_of(self.intakes, self.positions) {
            put(&source_key(name), &position.write());
        }
        let consumers = self.consumer_names.values().filter_map(|id| self.consumers.get(id));
        for consumer in consumers.filter(|each| each.is_durable()) {
            let name = consumer.name();
            let config = write(consumer.created(), &consumer.config().to_json());
            put(format!("{CONSUMER}{name}").as_bytes(), &config);
            let mut whole = Vec::new();
            consumer.save(self.now, &mut whole);
            put(format!("{STATE}{name}").as_bytes(), &whole);
        }
        for (seq, due) in self.schedules.notes() {
            put(&schedule_key(seq), &due.to_le_bytes());
        }
    }
}
