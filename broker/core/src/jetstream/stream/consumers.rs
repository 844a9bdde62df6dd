//! The consumers of a stream: finding them, and carrying out what they want done.

use alloc::boxed::Box;
use alloc::string::String;

use super::Stream;
use crate::jetstream::advisory;
use crate::jetstream::consumer::{self, Action, Actions, Consumer, Delivery};
use crate::jetstream::turn::{Outgoing, Turn};
use crate::node::Node;
use crate::rng;
use crate::time::Mono;

/// A consumer of one stream. Never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ConsumerId(pub(crate) u32);

impl Stream {
    pub(crate) fn find_consumer(&self, name: &str) -> Option<ConsumerId> {
        self.consumer_names.get(name).copied()
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(&id).map(|consumer| &**consumer)
    }

    /// All consumers, sorted by name.
    pub(crate) fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.consumer_names.values().map(|id| &*self.consumers[id])
    }

    /// Takes up a consumer that has been made or restored.
    pub(crate) fn add_consumer(&mut self, consumer: Consumer) -> ConsumerId {
        self.last_consumer += 1;
        let id = ConsumerId(self.last_consumer);
        self.consumer_names.insert(String::from(consumer.name()), id);
        self.consumers.insert(id, Box::new(consumer));
        self.to_pump.insert(id);
        self.to_note.insert(id);
        id
    }

    /// Lets a consumer do something, and carries out what it wants done.
    pub(crate) fn with_consumer<R>(
        &mut self,
        turn: &mut Turn<'_>,
        id: ConsumerId,
        act: impl FnOnce(&mut Consumer, &mut consumer::Turn<'_>) -> R,
    ) -> Option<R> {
        let mut actions = core::mem::take(&mut self.actions);
        let Self { consumers, log, account, .. } = self;
        let consumer = consumers.get_mut(&id)?;
        let result = {
            let Node { accounts, rng, .. } = &mut *turn.node;
            let interest = &mut accounts.get_mut(*account).interest;
            let mut turn = consumer::Turn {
                now: turn.now,
                log,
                ops: &mut turn.fx.disk,
                interest: &mut |subject| !interest.plan(subject).is_empty(),
                draw: &mut || rng.next_u64(rng::Stream::Consumers),
                out: &mut actions,
            };
            act(consumer, &mut turn)
        };
        if consumer.is_changed() {
            self.to_note.insert(id);
        }
        self.carry_out(turn, id, &mut actions);
        self.actions = actions;
        self.rearm(id);
        Some(result)
    }

    /// Something has happened to a consumer after which it may have something to deliver.
    pub(crate) fn wake_consumer(&mut self, id: ConsumerId) {
        self.to_pump.insert(id);
    }

    /// Remembers when a consumer wants to be looked at.
    fn rearm(&mut self, id: ConsumerId) {
        match self.consumers.get(&id).and_then(|consumer| consumer.deadline()) {
            Some(at) => drop(self.deadlines.insert(id, at)),
            None => drop(self.deadlines.remove(&id)),
        }
    }

    /// When a consumer wants to be looked at.
    pub(super) fn consumers_due(&self) -> Option<Mono> {
        self.deadlines.values().min().copied()
    }

    /// Looks at all consumers whose time has come.
    pub(super) fn tick_consumers(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.mono;
        let due = self.deadlines.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id);
        for id in due.collect::<alloc::vec::Vec<_>>() {
            self.with_consumer(turn, id, Consumer::tick);
            self.to_pump.insert(id);
        }
    }

    fn carry_out(&mut self, turn: &mut Turn<'_>, id: ConsumerId, actions: &mut Actions) {
        for action in actions.iter() {
            match action {
                Action::Deliver(delivery) => self.deliver(turn, &delivery, actions),
                Action::Status { to, reply, header } => {
                    let outgoing = Outgoing { to, reply, header, ..Outgoing::default() };
                    turn.publish(self.account, &outgoing);
                }
                Action::AckReply { to, durable: false } => {
                    turn.publish(self.account, &Outgoing { to, ..Outgoing::default() });
                }
                Action::AckReply { to, durable: true } => {
                    self.replies.push(to, |_| {});
                    self.note_now = true;
                }
                Action::Advisory(advisory) => {
                    let name = self.consumers.get(&id).map_or("", |consumer| consumer.name());
                    advisory::of_consumer(turn, self.place(), name, &advisory);
                }
                Action::Release { seq } => self.released.push(seq),
                Action::Delete => self.unused.push(id),
            }
        }
        actions.clear();
    }

    fn deliver(&mut self, turn: &mut Turn<'_>, delivery: &Delivery<&[u8]>, actions: &Actions) {
        let message = actions.message(delivery.message);
        let payload = if delivery.payload { message.payload() } else { &[] };
        let outgoing = Outgoing {
            to: delivery.to,
            shown: Some(message.subject()),
            reply: Some(delivery.reply),
            header: message.header(),
            payload,
        };
        if delivery.payload && delivery.fields.is_empty() {
            turn.publish_body(self.account, &outgoing, message.body());
        } else {
            turn.publish_with_fields(self.account, &outgoing, delivery.fields);
        }
    }
}
