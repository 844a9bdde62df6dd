//! What a consumer wants done.
//!
//! A consumer appends to [`Actions`]; its owner carries them out in their order and clears the list,
//! which keeps its memory: in steady state nothing is allocated. Subjects and headers lie in one
//! buffer, and [`Actions::iter`] shows them as slices.

use alloc::vec::Vec;

use causeway_store::StoredMessage;
use causeway_wire::jetstream::Time;

use crate::time::Duration;

/// One thing to do. `T` is how its texts are held: slices for those who look at it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action<T> {
    /// Send a message of the stream, under its own subject, to where the consumer delivers.
    Deliver(Delivery<T>),
    /// Send a message that is only a header.
    Status {
        /// Where; its subject as well.
        to: T,
        /// Its reply subject, if it has one.
        reply: Option<T>,
        /// The whole header block.
        header: T,
    },
    /// Send an empty message: the client asked to hear of its ack.
    AckReply {
        /// Where.
        to: T,
        /// Only when the changes of state up to now are durable.
        durable: bool,
    },
    /// Tell whoever is interested.
    Advisory(Advisory<T>),
    /// This consumer needs a message no more: a stream that keeps messages for its consumers may be
    /// able to remove it. Only from consumers of such streams.
    Release {
        /// The message.
        seq: u64,
    },
    /// Nobody has used the consumer for so long that it is to be deleted. Nothing is to be asked of
    /// it any more but [`close`](super::Consumer::close).
    Delete,
}

/// A message on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Delivery<T> {
    /// The subject to route it by: of a pull request, or the consumer's deliver subject.
    pub(crate) to: T,
    /// Its reply subject, which an ack is published on.
    pub(crate) reply: T,
    /// Header fields to put behind the message's own, each with its line end.
    pub(crate) fields: T,
    /// Whether the payload goes along.
    pub(crate) payload: bool,
    /// Which message: see [`Actions::message`].
    pub(crate) message: Carried,
}

/// A message that is on its way, in a list of actions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Carried(usize);

/// Something worth telling. The owner adds who it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Advisory<T> {
    /// `MAX_DELIVERIES`: a message was delivered as often as is allowed and never acked.
    MaxDeliveries {
        /// The message.
        stream_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// `MSG_NAKED`: a client wants a message again.
    Naked(About),
    /// `MSG_TERMINATED`: a message is not delivered again.
    Terminated {
        /// The delivery.
        about: About,
        /// Why; may be empty.
        reason: T,
    },
    /// `PINNED`: a client of a priority group is served alone from now on.
    Pinned {
        /// The group.
        group: T,
        /// The pin that it got.
        pin: T,
    },
    /// `UNPINNED`: a client is no longer served alone.
    Unpinned {
        /// The group.
        group: T,
        /// `admin` or `timeout`.
        reason: UnpinReason,
    },
    /// `PAUSE`: the consumer pauses, or goes on.
    Pause {
        /// Whether it pauses.
        paused: bool,
        /// Until when; the zero time if it does not.
        until: Time,
    },
    /// The metric `CONSUMER.ACK`: a sampled ack.
    Acked {
        /// The delivery.
        about: About,
        /// How long the client took.
        took: Duration,
    },
}

/// A delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct About {
    /// Its consumer sequence, as the client says that it means; if it says nothing, that of the first delivery.
    pub(crate) consumer_seq: u64,
    /// The message.
    pub(crate) stream_seq: u64,
    /// How often it was delivered.
    pub(crate) deliveries: u64,
}

/// Why a client lost its pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UnpinReason {
    /// Somebody asked for it.
    Admin,
    /// It was silent for too long.
    Timeout,
}

impl<T> Action<T> {
    fn map<U>(self, mut text: impl FnMut(T) -> U) -> Action<U> {
        match self {
            Self::Deliver(Delivery { to, reply, fields, payload, message }) => {
                let (to, reply, fields) = (text(to), text(reply), text(fields));
                Action::Deliver(Delivery { to, reply, fields, payload, message })
            }
            Self::Status { to, reply, header } => {
                Action::Status { to: text(to), reply: reply.map(&mut text), header: text(header) }
            }
            Self::AckReply { to, durable } => Action::AckReply { to: text(to), durable },
            Self::Advisory(advisory) => Action::Advisory(advisory.map(text)),
            Self::Release { seq } => Action::Release { seq },
            Self::Delete => Action::Delete,
        }
    }
}

impl<T> Advisory<T> {
    fn map<U>(self, mut text: impl FnMut(T) -> U) -> Advisory<U> {
        match self {
            Self::MaxDeliveries { stream_seq, deliveries } => {
                Advisory::MaxDeliveries { stream_seq, deliveries }
            }
            Self::Naked(about) => Advisory::Naked(about),
            Self::Terminated { about, reason } => {
                Advisory::Terminated { about, reason: text(reason) }
            }
            Self::Pinned { group, pin } => Advisory::Pinned { group: text(group), pin: text(pin) },
            Self::Unpinned { group, reason } => Advisory::Unpinned { group: text(group), reason },
            Self::Pause { paused, until } => Advisory::Pause { paused, until },
            Self::Acked { about, took } => Advisory::Acked { about, took },
        }
    }
}

/// A place in the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    texts: Vec<u8>,
    messages: Vec<StoredMessage>,
    list: Vec<Action<Span>>,
}

impl Actions {
    /// What there is to do, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Action<&[u8]>> {
        self.list.iter().map(|action| action.map(|span| &self.texts[span.start..span.end]))
    }

    /// The message of a delivery in this list.
    pub(crate) fn message(&self, carried: Carried) -> &StoredMessage {
        &self.messages[carried.0]
    }

    /// Whether there is nothing to do.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Empties the list and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.messages.clear();
        self.list.clear();
    }

    pub(super) fn push(&mut self, action: Action<&[u8]>) {
        let Self { texts, list, .. } = self;
        list.push(action.map(|text| Span::appended(texts, |texts| texts.extend_from_slice(text))));
    }

    pub(super) fn advise(&mut self, advisory: Advisory<&[u8]>) {
        self.push(Action::Advisory(advisory));
    }

    /// A status that is always the same.
    pub(super) fn tell(&mut self, to: &[u8], header: &[u8]) {
        self.push(Action::Status { to, reply: None, header });
    }

    /// A status, whose header block is written in place.
    pub(super) fn status(&mut self, to: &[u8], header: impl FnOnce(&mut Vec<u8>)) {
        self.request(to, None, header);
    }

    /// A status that can be answered.
    pub(super) fn request(
        &mut self,
        to: &[u8],
        reply: Option<&[u8]>,
        header: impl FnOnce(&mut Vec<u8>),
    ) {
        let texts = &mut self.texts;
        let to = Span::appended(texts, |texts| texts.extend_from_slice(to));
        let reply =
            reply.map(|reply| Span::appended(texts, |texts| texts.extend_from_slice(reply)));
        let header = Span::appended(texts, header);
        self.list.push(Action::Status { to, reply, header });
    }

    /// A delivery, whose reply subject and fields are written in place.
    pub(super) fn deliver(
        &mut self,
        to: &[u8],
        reply: &[u8],
        fields: impl FnOnce(&mut Vec<u8>),
        payload: bool,
        message: StoredMessage,
    ) {
        let carried = Carried(self.messages.len());
        self.messages.push(message);
        let texts = &mut self.texts;
        let to = Span::appended(texts, |texts| texts.extend_from_slice(to));
        let reply = Span::appended(texts, |texts| texts.extend_from_slice(reply));
        let fields = Span::appended(texts, fields);
        let delivery = Delivery { to, reply, fields, payload, message: carried };
        self.list.push(Action::Deliver(delivery));
    }
}

impl Span {
    fn appended(texts: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let start = texts.len();
        write(texts);
        Self { start, end: texts.len() }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn texts_come_back_and_memory_stays() {
        let stored = StoredMessage::new(7, 1, (1, 0), Bytes::from_static(b"apayload")).unwrap();
        let mut actions = Actions::default();
        for _ in 0..2 {
            actions.status(b"to", |out| out.extend_from_slice(b"header"));
            let pinned = Advisory::Pinned { group: b"group".as_slice(), pin: b"pin" };
            actions.advise(pinned);
            let field = |out: &mut Vec<u8>| out.extend_from_slice(b"A: b\r\n");
            actions.deliver(b"inbox", b"ack", field, true, stored.clone());
            let seen: Vec<_> = actions.iter().collect();
            let status = Action::Status { to: b"to".as_slice(), reply: None, header: b"header" };
            let [first, second, Action::Deliver(delivery)] = seen[..] else { panic!("{seen:?}") };
            assert_eq!([first, second], [status, Action::Advisory(pinned)]);
            assert_eq!((delivery.to, delivery.reply), (b"inbox".as_slice(), b"ack".as_slice()));
            assert_eq!((delivery.fields, delivery.payload), (b"A: b\r\n".as_slice(), true));
            assert_eq!(actions.message(delivery.message), &stored);
            actions.clear();
            assert!(actions.is_empty() && actions.texts.capacity() > 0);
        }
    }
}
