//! Messages that cannot be stored yet: what was published before must be read first, and the disk
//! has not answered.
//!
//! What a counter comes to depends on its last message. While that is being read, everything that is
//! published to the stream or comes from its sources waits in order, so that no message overtakes
//! another.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use causeway_wire::jetstream::ErrorKind;

use super::expect::Room;
use super::{IntakeId, Stream};
use crate::jetstream::turn::{Incoming, Turn};

/// Something must be read or become durable first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wait;

/// Messages in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: VecDeque<Message>,
    bytes: u64,
    /// There is news for the first of them.
    ready: bool,
}

/// Who is to take a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taker {
    /// The stream: it was published.
    Stream,
    /// An intake: it was delivered.
    Intake(IntakeId),
}

#[derive(Debug)]
struct Message {
    taker: Taker,
    client: Option<u32>,
    subject: Vec<u8>,
    shown: Option<Vec<u8>>,
    reply: Option<Vec<u8>>,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Message {
    fn incoming(&self) -> Incoming<'_> {
        let Self { subject, header, payload, .. } = self;
        let (client, shown, reply) = (self.client, self.shown.as_deref(), self.reply.as_deref());
        Incoming { client, subject, shown, reply, header, payload }
    }

    fn bytes(&self) -> u64 {
        (self.subject.len() + self.header.len() + self.payload.len()) as u64
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of all messages.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Something was read, or has become durable.
    pub(super) fn wake(&mut self) {
        self.ready = true;
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.bytes();
        Some(message)
    }
}

impl Stream {
    /// Lets a message wait behind those that wait already.
    pub(super) fn hold(&mut self, turn: &mut Turn<'_>, taker: Taker, incoming: &Incoming<'_>) {
        let message = Message {
            taker,
            client: incoming.client,
            subject: incoming.subject.to_vec(),
            shown: incoming.shown.map(Vec::from),
            reply: incoming.reply.map(Vec::from),
            header: incoming.header.to_vec(),
            payload: incoming.payload.to_vec(),
        };
        let too_many = self.held.queue.len() as u64 >= u64::from(self.limits.max_buffered_msgs);
        if too_many || self.buffered() + message.bytes() > self.limits.max_buffered_bytes {
            return self.refuse_one(turn, taker, incoming, ErrorKind::StreamTooManyRequests);
        }
        self.held.bytes += message.bytes();
        self.held.queue.push_back(message);
    }

    /// Takes the messages that wait, as far as there is news.
    pub(super) fn take_held(&mut self, turn: &mut Turn<'_>, room: Room) {
        if !core::mem::take(&mut self.held.ready) {
            return;
        }
        while let Some(message) = self.held.pop() {
            let incoming = message.incoming();
            let taken = match message.taker {
                Taker::Stream => self.take(turn, room, &incoming),
                Taker::Intake(id) => self.take_from(turn, room, id, &incoming),
            };
            if taken.is_err() {
                self.held.bytes += message.bytes();
                self.held.queue.push_front(message);
                return;
            }
        }
    }

    /// The disk has failed: nothing that waits will be stored.
    pub(super) fn refuse_held(&mut self, turn: &mut Turn<'_>) {
        while let Some(message) = self.held.pop() {
            let (taker, why) = (message.taker, ErrorKind::InsufficientResources);
            self.refuse_one(turn, taker, &message.incoming(), why);
        }
    }

    /// A publisher is told that its message is not stored; what was delivered is asked for again.
    fn refuse_one(
        &mut self,
        turn: &mut Turn<'_>,
        taker: Taker,
        incoming: &Incoming<'_>,
        why: ErrorKind,
    ) {
        match taker {
            Taker::Stream => self.refuse(turn, self.reply_of(incoming), &why.error()),
            Taker::Intake(id) => self.lose_one(turn.now, id),
        }
    }

    /// Bytes of messages in memory that are not stored yet.
    pub(super) fn buffered(&self) -> u64 {
        self.held.bytes() + self.batches.bytes()
    }
}
