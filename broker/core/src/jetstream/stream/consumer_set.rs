//! Consumers of a stream come, change and go.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_store::Position;
use causeway_wire::jetstream::advisory::Action;
use causeway_wire::jetstream::api_level;
use causeway_wire::jetstream::archive::ConsumerPosition;
use causeway_wire::jetstream::check::ConsumerChange;
use causeway_wire::jetstream::info::ConsumerInfo;
use causeway_wire::jetstream::response::ConsumerPauseResponse;
use causeway_wire::jetstream::{ConsumerConfig, Nanos, Retention, Time};

use super::notes::CHANGES_BYTES;
use super::{ConsumerId, ConsumerNote, Stream};
use crate::jetstream::advisory;
use crate::jetstream::consumer::{BadState, Closing, Consumer, Setup};
use crate::jetstream::turn::Turn;
use crate::rng;
use crate::time::Wall;

/// Characters of a name that the server makes up for a consumer.
const NAME_CHARS: usize = 8;

impl Stream {
    /// Makes a consumer, or changes the one of that name.
    pub(crate) fn change_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        change: ConsumerChange,
    ) -> ConsumerId {
        let config = match change {
            ConsumerChange::New(config) => config,
            ConsumerChange::Update(config) => {
                let name = [&config.durable_name, &config.name];
                let name = name.into_iter().find(|name| !name.is_empty());
                match name.and_then(|name| self.find_consumer(name)) {
                    Some(id) => return self.update_consumer(turn, id, config),
                    None => config,
                }
            }
        };
        let name = self.name_for(turn, &config);
        let setup = self.setup(&config, name, turn.now.wall);
        let consumer = Consumer::new(config, setup, turn.now, &mut self.log);
        let id = self.add_consumer(consumer);
        self.note_consumer_config(id);
        self.watch_interest(turn, id);
        self.advise_of(turn, id, Action::Create);
        id
    }

    /// A consumer delivers nothing before what was done in this turn is durable, and so the answer to
    /// its maker, which tells what the deliveries mean.
    pub(crate) fn answer_first(&mut self, id: ConsumerId) {
        self.unanswered.insert(id, Position(u64::MAX));
    }

    fn update_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        id: ConsumerId,
        config: ConsumerConfig,
    ) -> ConsumerId {
        if self.consumer(id).is_some_and(|known| *known.config() == config) {
            return id;
        }
        let updated = self.with_consumer(turn, id, |consumer, turn| consumer.update(turn, config));
        self.note_consumer_config(id);
        self.wake_consumer(id);
        if updated.is_some_and(|updated| updated.filters) {
            self.release_unneeded(turn);
        }
        id
    }

    fn name_for(&self, turn: &mut Turn<'_>, config: &ConsumerConfig) -> String {
        let given = [&config.durable_name, &config.name].into_iter().find(|name| !name.is_empty());
        given.cloned().unwrap_or_else(|| {
            loop {
                let name = turn.node.rng.name(rng::Stream::Consumers, NAME_CHARS);
                if self.find_consumer(&name).is_none() {
                    break name;
                }
            }
        })
    }

    fn setup(&self, config: &ConsumerConfig, name: String, created: Wall) -> Setup {
        Setup {
            stream: self.config.name.clone(),
            name,
            created,
            retains: self.config.retention != Retention::Limits,
            durable: !config.direct && !config.mem_storage && self.is_on_disk(),
            burst: u64::try_from(self.config.max_msg_size).unwrap_or(crate::limits::PAYLOAD_BYTES),
        }
    }

    /// Consumers that count and are listed: not those that mirrors and sources read from, but for
    /// those that keep messages for them.
    pub(crate) fn listed_consumers(&self) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        let all = self.consumer_names.values();
        all.filter_map(|id| Some((*id, self.consumer(*id)?)))
            .filter(|(_, consumer)| !consumer.config().direct)
    }

    /// What is told about a consumer. In a list nothing is said of the server that answers.
    pub(crate) fn describe_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        id: ConsumerId,
        listed: bool,
    ) -> Option<ConsumerInfo> {
        let mut info = self.with_consumer(turn, id, |consumer, turn| consumer.info(turn))?;
        if let Some(config) = info.config.as_mut().filter(|_| !listed) {
            config.metadata = api_level::shown(&config.metadata, &turn.node.config().version);
        }
        Some(info)
    }

    pub(crate) fn pause_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        id: ConsumerId,
        until: Option<Time>,
    ) -> ConsumerPauseResponse {
        self.with_consumer(turn, id, |consumer, turn| consumer.pause(turn, until));
        self.note_consumer_config(id);
        self.wake_consumer(id);
        let left = until.map_or(0, |until| until.nanos().saturating_sub(turn.now.wall.0));
        ConsumerPauseResponse {
            paused: left > 0,
            pause_until: until.unwrap_or(Time::ZERO),
            pause_remaining: Nanos(left.max(0)),
        }
    }

    /// Deletes a consumer; messages that only it needed go.
    pub(crate) fn delete_consumer(&mut self, turn: &mut Turn<'_>, id: ConsumerId) {
        self.with_consumer(turn, id, |consumer, turn| consumer.close(turn, Closing::Deleted));
        self.advise_of(turn, id, Action::Delete);
        let Some(consumer) = self.consumers.remove(&id) else { return };
        self.consumer_names.remove(consumer.name());
        for set in [&mut self.to_pump, &mut self.loading, &mut self.to_note, &mut self.congested] {
            set.remove(&id);
        }
        self.deadlines.remove(&id);
        self.unanswered.remove(&id);
        self.noted.remove(&id);
        self.retries.remove(&id);
        if consumer.is_durable() {
            self.forget_consumer(consumer.name());
        }
        self.release_unneeded(turn);
    }

    /// The stream goes, or the server does: all who wait are told.
    pub(crate) fn close_consumers(&mut self, turn: &mut Turn<'_>, why: Closing) {
        self.tell_consumers(turn, |consumer, turn| consumer.close(turn, why));
        if why == Closing::Shutdown {
            self.note_changes(turn.now);
            self.commit(turn);
        }
    }

    /// Tells that it is deleted, and its consumers with it.
    pub(crate) fn advise_deletion(&mut self, turn: &mut Turn<'_>) {
        let consumers: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        consumers.into_iter().for_each(|id| self.advise_of(turn, id, Action::Delete));
        self.advise(turn, Action::Delete);
    }

    /// Consumers that nobody has used for too long go.
    pub(super) fn delete_unused(&mut self, turn: &mut Turn<'_>) {
        for id in core::mem::take(&mut self.unused) {
            self.delete_consumer(turn, id);
        }
    }

    /// Removes what no consumer needs any more, after consumers have changed.
    pub(crate) fn release_unneeded(&mut self, turn: &mut Turn<'_>) {
        if self.config.retention != Retention::Interest {
            return;
        }
        let mut at = self.log.state().first_seq;
        while let Some(seq) = self.log.next(&mut self.everything, at) {
            at = seq + 1;
            let Some(meta) = self.log.meta(seq) else { continue };
            let subject = self.log.subject(meta.subject);
            if !self.consumers.values().any(|consumer| consumer.needs(seq, subject)) {
                self.remove(turn, seq, false);
            }
        }
    }

    /// A consumer as it was before the restart.
    pub(crate) fn restore_consumer<'p>(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        note: ConsumerNote,
        state: impl IntoIterator<Item = &'p [u8]>,
    ) {
        let setup = self.setup(&note.config, name.to_string(), note.created);
        let (config, now) = (note.config, turn.now);
        let restored = Consumer::restore(state, config.clone(), setup.clone(), now, &mut self.log);
        let is_known = restored.is_ok();
        // Without a state that can be read it begins anew: what is delivered twice is not lost.
        let consumer =
            restored.unwrap_or_else(|_| Consumer::new(config, setup, now, &mut self.log));
        let id = self.add_consumer(consumer);
        if !is_known {
            // What is noted next takes the place of what cannot be read.
            self.noted.insert(id, CHANGES_BYTES);
        }
        self.watch_interest(turn, id);
    }

    /// A consumer of a copy: `exact` is its state as this broker writes it, `position` as all do.
    ///
    /// # Errors
    /// If neither can be.
    pub(super) fn copied_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        note: ConsumerNote,
        exact: Option<Vec<u8>>,
        position: &ConsumerPosition,
    ) -> Result<ConsumerId, BadState> {
        let setup = self.setup(&note.config, name.to_string(), note.created);
        let (config, now) = (note.config, turn.now);
        let mut consumer = match exact {
            Some(state) => Consumer::restore([&state[..]], config, setup, now, &mut self.log)?,
            None => Consumer::at_position(position, config, setup, now, &mut self.log)?,
        };
        // Nothing of it is in this log.
        consumer.change_all();
        let id = self.add_consumer(consumer);
        self.watch_interest(turn, id);
        Ok(id)
    }

    /// Tells a consumer that pushes whether somebody listens.
    pub(crate) fn watch_interest(&mut self, turn: &mut Turn<'_>, id: ConsumerId) {
        let Some(consumer) = self.consumer(id).filter(|consumer| consumer.is_push()) else {
            return;
        };
        let subject = consumer.config().deliver_subject.clone();
        let listens = turn.has_interest(self.account, subject.as_bytes());
        self.with_consumer(turn, id, |consumer, turn| consumer.interest(turn, listens));
        self.wake_consumer(id);
    }

    /// The same for all; false if none pushes.
    pub(crate) fn watch_all_interest(&mut self, turn: &mut Turn<'_>) -> bool {
        let push = self.consumers.iter().filter(|(_, consumer)| consumer.is_push());
        let push: Vec<ConsumerId> = push.map(|(id, _)| *id).collect();
        push.iter().for_each(|id| self.watch_interest(turn, *id));
        !push.is_empty()
    }

    fn advise_of(&mut self, turn: &mut Turn<'_>, id: ConsumerId, action: Action) {
        let Some(consumer) = self.consumer(id).filter(|each| !each.config().direct) else { return };
        advisory::consumer_action(turn, self.place(), consumer.name(), action);
    }
}
