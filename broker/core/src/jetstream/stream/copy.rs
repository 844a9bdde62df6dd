//! A stream as it is copied, and as it is made of a copy.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use causeway_store::{NewMessage, NoteChange, StoredMessage};
use causeway_wire::jetstream::archive::{
    ConsumerExact, ConsumerPart, Entry, StreamExact, StreamPart, from_digits, to_digits,
};
use causeway_wire::jetstream::headers::PublishHeaders;

use super::expect::Published;
use super::ingest::mark_of;
use super::notes::RESTORING;
use super::reads::Step;
use super::{ConsumerNote, Stream};
use crate::jetstream::consumer::BadState;
use crate::jetstream::intake::Position;
use crate::jetstream::turn::Turn;
use crate::time::{Now, Wall};

/// What reading the next message for a copy gave.
pub(crate) enum CopyRead {
    Message(StoredMessage),
    /// The disk has to read it first, or to make it durable.
    Wait,
    /// There is none.
    End,
}

impl Stream {
    /// Writes what a copy says before the messages.
    pub(crate) fn write_copy_head(&mut self, now: Now, consumers: bool, out: &mut Vec<u8>) {
        let mut parts = Vec::new();
        if consumers {
            for (_, consumer) in self.listed_consumers() {
                let mut state = Vec::new();
                consumer.save(now, &mut state);
                let created = consumer.created().0;
                parts.push(ConsumerPart {
                    name: consumer.name().into(),
                    config: consumer.config().clone(),
                    state: consumer.position(now),
                    exact: Some(ConsumerExact { created, state: to_digits(&state) }),
                });
            }
        }
        let mut state = self.state(false);
        state.consumer_count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let schedules: BTreeMap<u64, i64> = self.schedules.notes().collect();
        let place = |at: &Position| (at.seq, at.identity.clone());
        let sources = self.source_positions().map(|(name, at)| (name.into(), place(at))).collect();
        let exact = Some(StreamExact { created: self.created.0, schedules, sources });
        StreamPart { state, exact }.write(now.wall.0, out);
        parts.iter().for_each(|part| part.write(now.wall.0, out));
    }

    /// The first message from `from` to `last`.
    pub(crate) fn read_to_copy(&mut self, turn: &mut Turn<'_>, from: u64, last: u64) -> CopyRead {
        let mut from = from;
        while let Some(seq) = self.log.next(&mut self.everything, from).filter(|seq| *seq <= last) {
            match self.look(turn, seq) {
                Ok(Some(message)) => return CopyRead::Message(message),
                // It is lost.
                Ok(None) => from = seq + 1,
                Err(Step::Wait | Step::Again | Step::Done) => return CopyRead::Wait,
            }
        }
        CopyRead::End
    }

    /// Until the end of it, a note says that this is no stream yet.
    pub(crate) fn begin_restoring(&mut self) {
        self.restoring = true;
        self.log.note(RESTORING, NoteChange::Put(&[]));
    }

    /// Puts in a message as it was, which has been checked.
    pub(crate) fn restore_message(&mut self, entry: &Entry<'_>) {
        let headers = PublishHeaders::parse(entry.header);
        let (subject, header, payload) = (entry.name, entry.header, entry.payload);
        let time = u64::try_from(entry.time).unwrap_or(0);
        let message = Published { subject, header, payload, headers: &headers };
        let mark = mark_of(time, &message);
        self.log.append(&NewMessage { seq: entry.seq, time, subject, header, payload, mark });
    }

    /// Makes a consumer as it was.
    ///
    /// # Errors
    /// If what is said of it cannot be.
    pub(crate) fn restore_copied_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        part: ConsumerPart,
    ) -> Result<(), BadState> {
        let created = part.exact.as_ref().map_or(turn.now.wall, |exact| Wall(exact.created));
        let exact = part.exact.and_then(|exact| from_digits(&exact.state));
        let note = ConsumerNote { created, config: part.config };
        let id = self.copied_consumer(turn, &part.name, note, exact, &part.state)?;
        self.note_consumer_config(id);
        Ok(())
    }

    /// Everything is there: from now on it is a stream, also after a restart.
    pub(crate) fn end_restoring(&mut self, turn: &mut Turn<'_>, exact: StreamExact) {
        let StreamExact { schedules: due, sources, .. } = exact;
        self.restoring = false;
        self.log.note(RESTORING, NoteChange::Remove);
        self.note_config();
        for (seq, due) in &due {
            self.log.note(&super::notes::schedule_key(*seq), NoteChange::Put(&due.to_le_bytes()));
        }
        for (name, (seq, identity)) in sources {
            let position = Position { seq, identity };
            self.log.note(&super::notes::source_key(&name), NoteChange::Put(&position.write()));
            self.restore_position(&name, position);
        }
        self.recover_index(turn, due);
    }
}
