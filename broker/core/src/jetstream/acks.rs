//! What clients send to consumers: acknowledgements, and answers to flow control.

use causeway_wire::jetstream::{AckSubject, FlowControlSubject};

use crate::ids::AccountId;
use crate::jetstream::JetStream;
use crate::jetstream::stream::{ConsumerId, Stream, StreamId};
use crate::jetstream::turn::{Incoming, Turn};

impl JetStream {
    fn find_consumer(
        &self,
        account: AccountId,
        stream: &[u8],
        consumer: &[u8],
    ) -> Option<(StreamId, ConsumerId)> {
        let stream = core::str::from_utf8(stream).ok()?;
        let id = *self.names.get(&account)?.get(stream)?;
        let consumer = core::str::from_utf8(consumer).ok()?;
        Some((id, self.streams.get(&id)?.find_consumer(consumer)?))
    }

    /// Something was published on `$JS.ACK.>`.
    pub(super) fn acknowledge(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        incoming: &Incoming<'_>,
    ) {
        let subject = AckSubject::parse(incoming.subject);
        let found = subject.and_then(|subject| {
            let found = self.find_consumer(account, subject.stream, subject.consumer)?;
            Some((subject, found))
        });
        let Some((subject, (id, consumer))) = found else {
            // Another server of the cluster may know it.
            if turn.node.cluster.is_none() {
                let reply = incoming.reply.unwrap_or_default();
                turn.nobody_listens(incoming.client, incoming.subject, reply);
            }
            return;
        };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if incoming.client.is_none() && !stream.has_message_of(&subject) {
            return;
        }
        let reply = incoming.reply.unwrap_or_default();
        stream.with_consumer(turn, consumer, |consumer, turn| {
            consumer.ack(turn, &subject, incoming.payload, reply);
        });
        stream.wake_consumer(consumer);
        self.touched.insert(id);
    }

    /// Something was published on `$JS.FC.>`.
    pub(super) fn flow_control(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        incoming: &Incoming<'_>,
    ) {
        let Some(subject) = FlowControlSubject::parse(incoming.subject) else { return };
        let Some((id, consumer)) = self.find_consumer(account, subject.stream, subject.consumer)
        else {
            return;
        };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.with_consumer(turn, consumer, |consumer, turn| {
            consumer.flow_reply(turn, incoming.subject, incoming.header);
        });
        stream.wake_consumer(consumer);
        self.touched.insert(id);
    }
}

impl Stream {
    /// Whether an acknowledgement that came from another server is about a message of this stream,
    /// and not about one of a stream there that has the same name.
    fn has_message_of(&self, subject: &AckSubject<'_>) -> bool {
        let meta = self.log.meta(subject.stream_seq);
        meta.is_some_and(|meta| i64::try_from(meta.time) == Ok(subject.timestamp))
    }
}
